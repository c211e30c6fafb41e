"""The deterministic one-dimensional route against reference values, the ODE route and a plain finite-volume solver."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

from numeric.generations.affine_ode import affine_generation
from numeric.generations.errors import AffineError, BoundedError, ConsistentError
from numeric.generations.fokker_planck import fokker_planck_generation
from numeric.laws.channels import kde
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture

MIXTURE = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
SIX = ("ideal_energy", "learned_energy", "visible_energy", "path_chi2", "chi2", "kl")
ALL = (*SIX, "reverse_kl", "remainder", "visible_gap", "observability", "gradient_energy")


class Error:
    """A user's own error: e(x, t) and its derivative."""

    def __init__(self, value, slope):
        self.value, self.slope = value, slope

    def __call__(self, x, t):
        return self.value(x, t)

    def divergence(self, x, t):
        return self.slope(x[:, 0], t)


@pytest.fixture(scope="module")
def reference():
    return fokker_planck_generation(MIXTURE, BoundedError(0.3), OU())


def test_reference_values_to_all_printed_digits(reference):
    printed = {
        "ideal_energy": ".155712488", "learned_energy": ".178340286", "path_chi2": ".228401729", "chi2": ".108290083",
        "kl": ".046926072", "visible_energy": ".077564992",
    }  # fmt: skip
    for name, text in printed.items():
        assert f"{getattr(reference, name):.9f}" == "0" + text
        assert reference.numerical_error[name] < 1e-9


def test_sandwich_and_bounds(reference):
    r = reference
    assert r.remainder == pytest.approx(r.path_chi2 - 2 * r.learned_energy + r.ideal_energy, rel=1e-10)
    assert abs(math.sqrt(r.chi2) - math.sqrt(r.visible_energy)) <= math.sqrt(r.remainder)
    assert r.visible_gap <= r.chi2 <= r.path_chi2 <= math.expm1(r.sup_energy)
    assert r.visible_gap > 0.9 * r.chi2
    assert r.kl <= 0.5 * r.learned_energy
    assert r.reverse_kl <= 0.5 * r.ideal_energy
    assert r.gradient_energy == r.learned_energy


CASES = {
    "narrow": (
        Gaussian(0.5, 1e-3),
        AffineError(lambda t: [[0.1 + 0.05 * math.sin(t)]], lambda t: [0.2 * math.cos(2 * t)]),
        OU(),
    ),
    "offset": (Gaussian(-1.0, 0.05), AffineError([[-0.15]], [0.3]), OU(0.01, 3.0)),
    "tiny": (Gaussian(0.0, 1.0), AffineError(0.002, -0.003), OU(0.1, 6.0)),
    "early": (Gaussian(2.0, 1.0), AffineError(0.0, 0.5), OU(0.001, 2.0)),
    "wide": (Gaussian(-1.0, 10.0), AffineError([[-0.15]], [0.3]), OU(0.01, 3.0)),
    "fading": (Gaussian(1.0, 3.0), AffineError(lambda t: [[-0.2 * math.exp(-t)]], lambda t: [0.1 * t]), OU(0.02, 5.0)),
}


@pytest.mark.parametrize("name", CASES)
def test_affine_cases_agree_with_the_ode_route_within_the_reported_error(name):
    solved, exact = fokker_planck_generation(*CASES[name]), affine_generation(*CASES[name])
    for field in ALL:
        true = abs(getattr(solved, field) - getattr(exact, field))
        assert true <= solved.numerical_error[field] + exact.numerical_error[field], field
    for field in SIX:
        assert solved.numerical_error[field] <= 1e-6 * getattr(exact, field), field
    # the twin: an affine error of another size is told apart
    target, error, process = CASES[name]
    other = affine_generation(target, AffineError(lambda t: 1.001 * error.at(t)[0], lambda t: 1.001 * error.at(t)[1]), process)
    assert all(abs(getattr(solved, field) - getattr(other, field)) > 1e-4 * getattr(other, field) for field in SIX)


def test_perfect_score_and_the_flipped_drift():
    perfect = fokker_planck_generation(MIXTURE, BoundedError(0.0), OU())
    assert all(getattr(perfect, field) == 0.0 for field in ALL)
    # drift -Y/2 + score is the learned process of the error -Y: far from perfect
    flipped = fokker_planck_generation(MIXTURE, AffineError(-1.0), OU(0.1, 1.2))
    assert flipped.kl > 0.1
    assert flipped.ideal_energy > 0.5


def finite_volume(target, error, process, cells, steps, sign=1.0):
    """p^ and q_t0 by an upwind-free finite-volume scheme for densities and Crank-Nicolson: second order, nothing shared."""
    edges = np.linspace(-7.0, 7.0, cells + 1)
    x, h = 0.5 * (edges[1:] + edges[:-1]), edges[1] - edges[0]

    def density(t):
        gain, noise = math.exp(-t), 1 - math.exp(-t)
        var = gain * target.covs[:, 0, 0] + noise
        z = (x[:, None] - math.sqrt(gain) * target.means[:, 0]) / np.sqrt(var)
        return (target.weights * np.exp(-0.5 * z**2) / np.sqrt(2 * math.pi * var)).sum(axis=1)

    def score(y, t):
        gain, noise = math.exp(-t), 1 - math.exp(-t)
        var = gain * target.covs[:, 0, 0] + noise
        z = y[:, None] - math.sqrt(gain) * target.means[:, 0]
        terms = np.log(target.weights / np.sqrt(var)) - 0.5 * z**2 / var
        share = np.exp(terms - terms.max(axis=1, keepdims=True))
        return -(share * z / var).sum(axis=1) / share.sum(axis=1)

    def generator(t):
        inner = edges[1:-1]
        v = sign * 0.5 * inner + score(inner, t) + error(inner[:, None], t)[:, 0]
        right, left = v / 2 - 0.5 / h, v / 2 + 0.5 / h  # flux = right * p[i+1] + left * p[i]
        main = np.zeros(cells)
        main[:-1] -= left
        main[1:] += right
        return sparse.diags_array([main, -right, left], offsets=[0, 1, -1], format="csc") / h

    p, squared, eye = density(process.T), 0.0, sparse.eye_array(cells, format="csc")
    grid = np.geomspace(process.T, process.t0, steps + 1)
    for t, after in itertools.pairwise(grid):
        step, middle = t - after, 0.5 * (t + after)
        g = generator(middle)
        new = splu((eye - 0.5 * step * g).tocsc()).solve(p + 0.5 * step * (g @ p))
        half, q = 0.5 * (p + new), density(middle)
        good = q > 1e-12
        log_ratio = np.log(np.where(good, np.maximum(half, 1e-300) / np.maximum(q, 1e-300), 1.0))
        gap = error(x[:, None], middle)[:, 0] - np.gradient(log_ratio, h)
        squared += step * float(np.sum(half[good] * gap[good] ** 2) * h)
        p = new
    q = density(process.t0)
    good = q > 1e-14
    ratio = np.maximum(p[good], 1e-300) / q[good]
    return {
        "kl": float(np.sum(q[good] * (ratio * np.log(ratio) - ratio + 1)) * h),
        "chi2": float(np.sum(q[good] * (ratio - 1) ** 2) * h),
        "unseen": squared,
    }


def test_a_finite_volume_solver_agrees_and_its_flipped_twin_does_not(reference):
    error = BoundedError(0.3)
    coarse, fine = (finite_volume(MIXTURE, error, OU(), cells, steps) for cells, steps in ((700, 250), (1400, 500)))
    kl, chi2, unseen = (fine[name] + (fine[name] - coarse[name]) / 3 for name in ("kl", "chi2", "unseen"))
    assert kl == pytest.approx(reference.kl, rel=2e-4)
    assert chi2 == pytest.approx(reference.chi2, rel=2e-4)
    # Girsanov's gap: KL = (learned energy - int E_p^ |e - (log R)'|^2) / 2, exactly
    assert 0.5 * (reference.learned_energy - unseen) == pytest.approx(reference.kl, rel=1e-3)
    assert finite_volume(MIXTURE, error, OU(), 700, 250, sign=-1.0)["kl"] > 2 * reference.kl


def test_leading_order():
    small = fokker_planck_generation(MIXTURE, BoundedError(1e-3), OU())
    assert small.chi2 / small.visible_energy == pytest.approx(1.0, abs=3e-3)
    assert 2 * small.kl / small.visible_energy == pytest.approx(1.0, abs=3e-3)
    assert small.chi2 != pytest.approx(0.25 * small.visible_energy, rel=0.1)


def test_several_scales_and_a_user_error():
    target = GaussianMixture([0.3, 0.7], [0.0, 3.0], [1e-3, 10.0])
    error = Error(lambda x, t: 0.2 * np.sin(x) * math.exp(-t), lambda x, t: 0.2 * np.cos(x) * math.exp(-t))
    result = fokker_planck_generation(target, error, OU(0.02, 2.0))
    for field in SIX:
        assert result.numerical_error[field] <= 1e-6 * getattr(result, field)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    times = 1.01 + 0.99 * nodes
    total = 0.0
    for t, w in zip(times, weights, strict=True):
        var = math.exp(-t) * target.covs[:, 0, 0] + 1 - math.exp(-t)
        mean = math.exp(-t / 2) * target.means[:, 0]
        # E sin^2 X = (1 - exp(-2 var) cos 2 mean) / 2
        total += 0.99 * w * 0.04 * math.exp(-2 * t) * float(target.weights @ (0.5 * (1 - np.exp(-2 * var) * np.cos(2 * mean))))
    assert result.ideal_energy == pytest.approx(total, rel=1e-9)


def test_infinite_by_growth_on_either_side():
    target = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [1.0, 0.5])
    both = fokker_planck_generation(target, AffineError(0.24), OU())
    assert both.path_chi2 == both.remainder == math.inf
    assert "positive definite" in both.reasons["path_chi2"]
    assert math.isfinite(both.kl)
    right = Error(lambda x, t: 0.06 * np.logaddexp(0.0, 4 * x), lambda x, t: 0.24 / (1 + np.exp(-np.clip(4 * x, -500, 500))))
    one = fokker_planck_generation(target, right, OU())  # grows on one side only
    assert one.path_chi2 == math.inf
    assert "right" in one.reasons["path_chi2"]
    milder = fokker_planck_generation(target, AffineError(0.05), OU())
    assert math.isfinite(milder.path_chi2)
    assert milder.path_chi2 >= milder.chi2


def test_widening_to_more_than_twice_is_infinite():
    target = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.3, 0.2])
    result = fokker_planck_generation(target, ConsistentError(target, kde(0.7)), OU())
    assert result.chi2 == result.path_chi2 == math.inf
    assert math.isfinite(result.kl)
    assert result.kl <= 0.5 * result.learned_energy


def test_faster_growth_wrong_derivative_and_nonsense_are_refused():
    with pytest.raises(ValueError, match="at most linearly"):
        fokker_planck_generation(MIXTURE, Error(lambda x, t: 1e-4 * x**3, lambda x, t: 3e-4 * x**2), OU())
    with pytest.raises(ValueError, match=r"error\.divergence must be the derivative"):
        fokker_planck_generation(MIXTURE, Error(lambda x, t: 0.3 * np.tanh(x), lambda x, t: 0.3 * np.tanh(x)), OU())
    with pytest.raises(ValueError, match="finite"):
        fokker_planck_generation(
            MIXTURE, Error(lambda x, t: 0.1 * np.cos(x) / (t > 1.0 or math.nan), lambda x, t: -0.1 * np.sin(x)), OU()
        )
    with pytest.raises(ValueError, match="one-dimensional"):
        fokker_planck_generation(Gaussian([0.0, 0.0], 1.0), BoundedError(0.1), OU())


def test_a_kink_costs_accuracy_but_not_honesty():
    error = Error(lambda x, t: 0.2 * np.abs(np.sin(x)), lambda x, t: 0.2 * np.cos(x) * np.sign(np.sin(x)))
    result = fokker_planck_generation(MIXTURE, error, OU(0.1, 0.4))
    x = np.linspace(-9.0, 9.0, 18001)
    nodes, weights = np.polynomial.legendre.leggauss(30)
    total = sum(
        0.006 * w * (x[1] - x[0]) * float(np.exp(OU().marginal(MIXTURE, 0.25 + 0.15 * n).logpdf(x)) @ np.sin(x) ** 2)
        for n, w in zip(nodes, weights, strict=True)
    )
    assert abs(result.ideal_energy - total) <= result.numerical_error["ideal_energy"] + 1e-12
    assert result.kl <= 0.5 * result.learned_energy
    assert 1e-10 < result.numerical_error["kl"] <= 1e-2 * result.kl
