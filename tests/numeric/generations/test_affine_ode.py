"""The ODE route against reference values, closed integrals and a second set of equations that shares no code with it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate
from scipy.linalg import solve_continuous_lyapunov

from numeric.generations.affine_ode import affine_generation
from numeric.generations.errors import AffineError, ConsistentError
from numeric.laws.channels import Channel
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian

FIELDS = ("ideal_energy", "learned_energy", "visible_energy", "path_chi2", "chi2", "kl", "reverse_kl", "remainder")


def reference_case():
    lower = np.array([[1.0, 0.0], [0.5, 0.6]])
    error = AffineError(
        lambda t: np.array([[0.05, 0.12], [-0.08, 0.03]]) * (1.0 + 0.3 * math.sin(t)),
        lambda t: np.array([0.06, -0.03]) * math.cos(t),
    )
    return Gaussian([0.7, -0.4], lower @ lower.T), error, OU()


def random_case(seed, dim):
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((dim, dim))
    first, second = (0.12 if dim < 3 else 0.05) * rng.standard_normal((2, dim, dim))
    push = 0.2 * rng.standard_normal((2, dim))
    error = AffineError(lambda t: first + second * math.cos(1.3 * t), lambda t: push[0] + push[1] * math.exp(-t))
    return Gaussian(rng.standard_normal(dim), root @ root.T / dim + 0.1 * np.eye(dim)), error, OU(0.05, 2.5)


def direct(target, error, process, *, sign=1.0):
    """The equations as they stand, not whitened, no deviations: moments, energies, phi and the Riccati from t0 up to T."""
    dim, eye = target.dim, np.eye(target.dim)

    def law(t):
        return math.exp(-t / 2) * target.mean, math.exp(-t) * target.cov + (1 - math.exp(-t)) * eye

    def moments(tau, y):
        t = process.T - tau
        mean, cov = law(t)
        inverse = np.linalg.inv(cov)
        a, b = error.at(t)
        mu, c = y[:dim], y[dim : dim + dim * dim].reshape(dim, dim)
        drift = sign * 0.5 * eye - inverse + a
        push, ideal_push = a @ mu + b, a @ mean + b
        decay = math.exp(-0.5 * (t - process.t0))
        quad = decay**2 * 0.5 * (a.T @ inverse + inverse @ a)
        return np.concatenate(
            [
                drift @ mu + inverse @ mean + b,
                (drift @ c + c @ drift.T + eye).ravel(),
                [np.trace(a @ cov @ a.T) + ideal_push @ ideal_push, np.trace(a @ c @ a.T) + push @ push],
                quad.ravel(),
                decay * inverse @ ideal_push,
            ]
        )

    mean, cov = law(process.T)
    start = np.concatenate([mean, cov.ravel(), np.zeros(2 + dim * dim + dim)])
    end = integrate.solve_ivp(moments, (0, process.T - process.t0), start, method="LSODA", rtol=1e-11, atol=1e-13).y[:, -1]
    mu, c = end[:dim], end[dim : dim + dim * dim].reshape(dim, dim)
    ideal, learned = end[dim + dim * dim : dim + dim * dim + 2]
    quad, ell = end[-dim * dim - dim : -dim].reshape(dim, dim), end[-dim:]
    mean, cov = law(process.t0)
    inverse, delta = np.linalg.inv(cov), mu - mean
    visible = 2 * np.trace(quad @ cov @ quad @ cov) + ell @ cov @ ell
    gap = np.trace(quad @ (c - cov)) + delta @ quad @ delta + ell @ delta
    logdet = np.linalg.slogdet(c)[1] - np.linalg.slogdet(cov)[1]
    kl = 0.5 * (np.trace(inverse @ c) - dim - logdet + delta @ inverse @ delta)
    both = 2 * np.linalg.inv(c) - inverse
    log_chi = math.inf
    if np.linalg.eigvalsh(2 * cov - c)[0] > 0:
        log_chi = 0.5 * np.linalg.slogdet(cov)[1] - np.linalg.slogdet(c)[1] - 0.5 * np.linalg.slogdet(both)[1]
    chi2 = math.inf if log_chi == math.inf else math.exp(log_chi + delta @ np.linalg.inv(2 * cov - c) @ delta) - 1

    def riccati(t, y):
        # g(x, t) = E[exp(int 2 e dW - int |e|^2) | Y = x] from t0 up to T = exp(x P x / 2 + h x + k)
        m, s = law(t)
        a, b = error.at(t)
        p, h = y[: dim * dim].reshape(dim, dim), y[dim * dim : -1]
        drift, shift = 0.5 * eye - np.linalg.inv(s) + 2 * a, np.linalg.inv(s) @ m + 2 * b
        dp = p @ p + p @ drift + drift.T @ p + 2 * a.T @ a
        dh = p @ h + drift.T @ h + p @ shift + 2 * a.T @ b
        return np.concatenate([dp.ravel(), dh, [0.5 * np.trace(p) + 0.5 * h @ h + h @ shift + b @ b]])

    def blown(t, y):
        return 1e6 - np.abs(y).max()

    blown.terminal = True
    solution = integrate.solve_ivp(
        riccati, (process.t0, process.T), np.zeros(dim * dim + dim + 1), method="LSODA", rtol=1e-11, atol=1e-13, events=blown
    )
    m, s = law(process.T)
    p = solution.y[: dim * dim, -1].reshape(dim, dim)
    h, k = solution.y[dim * dim : -1, -1], solution.y[-1, -1]
    precision = np.linalg.inv(s) - p
    if solution.status == 1:
        path, cause = math.inf, "blow-up"
    elif np.linalg.eigvalsh(precision)[0] <= 0:
        path, cause = math.inf, "not positive definite"
    else:
        v = h + p @ m
        log_path = k + h @ m + 0.5 * m @ p @ m + 0.5 * v @ np.linalg.solve(precision, v)
        path, cause = math.exp(log_path - 0.5 * np.linalg.slogdet(s @ precision)[1]) - 1, ""
    return {
        "ideal_energy": ideal, "learned_energy": learned, "visible_energy": visible,
        "visible_gap": gap**2 / visible if visible > 0 else 0.0,
        "kl": kl, "chi2": chi2, "path_chi2": path, "cause": cause, "mean": mu, "cov": c,
    }  # fmt: skip


def agrees(generation, other, rtol=2e-8):
    names = ("ideal_energy", "learned_energy", "visible_energy", "visible_gap", "kl", "chi2", "path_chi2")
    return all(math.isclose(getattr(generation, name), other[name], rel_tol=rtol, abs_tol=1e-10) for name in names)


def test_reference_values_to_all_printed_digits():
    result = affine_generation(*reference_case())
    printed = {
        "ideal_energy": ".1383444798", "learned_energy": ".1480065246", "observability": ".1957416550",
        "path_chi2": ".1804102442", "chi2": ".03397034793", "kl": ".01486210482",
    }  # fmt: skip
    for name, text in printed.items():
        assert f"{getattr(result, name):.{len(text) - 1}f}" == "0" + text
        assert result.numerical_error[name] < 1e-11


@pytest.mark.parametrize(("seed", "dim"), [(1, 1), (2, 2), (3, 3)])
def test_second_route_agrees_on_noncommuting_cases(seed, dim):
    case = random_case(seed, dim)
    assert agrees(affine_generation(*case), direct(*case))


def test_second_route_rejects_the_sign_flipped_drift():
    case = random_case(2, 2)
    assert not agrees(affine_generation(*case), direct(*case, sign=-1.0), rtol=1e-2)


def test_perfect_score_reproduces_the_data_and_the_flipped_drift_does_not():
    target, process = Gaussian([0.7, -0.4], [[1.0, 0.3], [0.3, 0.4]]), OU()
    zero = AffineError(np.zeros((2, 2)))
    result = affine_generation(target, zero, process)
    assert [getattr(result, name) for name in (*FIELDS, "gradient_energy", "visible_gap", "observability")] == [0.0] * 11
    ideal = process.marginal(target, process.t0)
    right, wrong = direct(target, zero, process), direct(target, zero, process, sign=-1.0)
    np.testing.assert_allclose(right["mean"], ideal.mean, rtol=1e-8)
    np.testing.assert_allclose(right["cov"], ideal.cov, rtol=1e-8)
    np.testing.assert_allclose(result.endpoint.cov, ideal.cov, rtol=1e-14)
    assert np.abs(wrong["cov"] - ideal.cov).max() > 0.1


def test_rotation_of_the_standard_normal_is_invisible():
    for kappa in (0.1, 3.0):
        result = affine_generation(Gaussian([0.0, 0.0], 1.0), AffineError([[0.0, kappa], [-kappa, 0.0]]), OU())
        assert result.ideal_energy == pytest.approx(2 * kappa**2 * 3.98, rel=1e-12)
        assert (result.observability, result.chi2, result.kl, result.gradient_energy) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("size", [1e-4, 0.3, 2.0])
def test_time_only_error(size):
    target = Gaussian([1.0, 0.0], [[0.5, 0.2], [0.2, 2.0]])
    error = AffineError(np.zeros((2, 2)), lambda t: size * np.array([math.cos(t), 0.5 - 0.1 * t]))
    result = affine_generation(target, error, OU(0.05, 3.0))
    assert result.kl == pytest.approx(0.5 * result.visible_energy, rel=1e-11)
    assert result.chi2 == pytest.approx(math.expm1(result.visible_energy), rel=1e-11)
    assert result.path_chi2 == pytest.approx(math.expm1(result.ideal_energy), rel=1e-11)
    assert result.sup_energy == pytest.approx(result.ideal_energy, rel=1e-11)
    assert result.visible_gap == pytest.approx(result.visible_energy, rel=1e-11)  # phi is linear: the gap is its variance
    assert result.chi2 != pytest.approx(math.expm1(0.9 * result.visible_energy), rel=1e-3)  # the twin


def closed_energies(var, var_hat, delta, process, *, twin=False):
    """Section 2 of the theory, per eigenvalue, with u = exp(-t)."""
    b, c = var - 1, var_hat - 1
    low, high = math.exp(-process.T), math.exp(-process.t0)

    def ideal(u):
        return (c - b) ** 2 * u / ((1 + b * u) * (1 + c * u) ** 2) + delta**2 / (1 + c * u) ** 2

    def learned(u):
        power = 1 if twin else 2
        return (c - b) ** 2 * u / ((1 + b * u) ** power * (1 + c * u)) + delta**2 / (1 + b * u) ** 2

    return [integrate.quad(f, low, high, epsabs=0, epsrel=1e-12, limit=400)[0] for f in (ideal, learned)]


@pytest.mark.parametrize("variances", [(0.5, 0.8), (10.0, 4.0), (1e-3, 5e-3), (1e-6, 1.5e-6)])
def test_consistent_error_on_a_gaussian(variances):
    var, var_hat = variances
    target, process = Gaussian(0.3, var), OU(0.02, 3.0)
    error = ConsistentError(target, Channel(math.sqrt(0.5 * var_hat / var), 0.1, 0.5 * var_hat))
    delta = float(error.learned.mean[0] - 0.3)
    result = affine_generation(target, error, process, start="learned")
    ideal, learned = closed_energies(var, var_hat, delta, process)
    for name, value in (("ideal_energy", ideal), ("learned_energy", learned)):
        assert abs(getattr(result, name) - value) <= result.numerical_error[name] + 1e-10 * value
    if var > 1e-4:  # below, 1 + b u and 1 + c u are nearly the same
        assert result.learned_energy != pytest.approx(closed_energies(var, var_hat, delta, process, twin=True)[1], rel=1e-6)
    p, q = process.marginal(error.learned, process.T), process.marginal(target, process.T)
    ratio, gap = float(p.cov[0, 0] / q.cov[0, 0]), float((p.mean - q.mean)[0] ** 2 / q.cov[0, 0])
    first = 0.5 * (ratio - 1 - math.log(ratio) + gap)
    assert result.kl == pytest.approx(0.5 * result.learned_energy + first, rel=1e-8)
    assert result.path_chi2 == result.chi2
    assert result.gradient_energy == result.learned_energy
    np.testing.assert_allclose(result.endpoint.cov, process.marginal(error.learned, process.t0).cov, rtol=1e-9)


def test_learned_energy_depends_on_the_start():
    target = Gaussian(0.0, 0.5)
    error = ConsistentError(target, Channel(noise=0.3))
    assert f"{affine_generation(target, error, OU(), start='learned').learned_energy:.8f}" == "0.12135055"
    assert f"{affine_generation(target, error, OU()).learned_energy:.8f}" == "0.12133317"


def test_both_causes_of_an_infinite_path_chi2():
    unit = Gaussian(0.0, 1.0)
    causes = []
    for size in (0.24, 0.6):
        error = AffineError([[size]])
        result = affine_generation(unit, error, OU())
        assert result.path_chi2 == result.remainder == math.inf
        assert "positive definite" in result.reasons["path_chi2"]
        causes.append(direct(unit, error, OU())["cause"])
    assert causes == ["not positive definite", "blow-up"]
    finite = affine_generation(unit, AffineError([[0.2]]), OU())
    assert math.isfinite(finite.path_chi2)
    assert finite.path_chi2 == pytest.approx(direct(unit, AffineError([[0.2]]), OU())["path_chi2"], rel=1e-7)


def test_endpoint_twice_as_wide_is_infinite_and_just_below_is_not():
    # constant A on N(0, 1): C' = (2A - 1) C + 1 from 1, so C(t0) = 2 has a root in A
    tau = 3.98

    def variance(a):
        rate = 2 * a - 1
        return math.exp(rate * tau) + math.expm1(rate * tau) / rate

    low, high = 0.0, 0.4
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if variance(middle) < 2 else (low, middle)
    assert affine_generation(Gaussian(0.0, 1.0), AffineError([[high + 1e-9]]), OU()).chi2 == math.inf
    below = affine_generation(Gaussian(0.0, 1.0), AffineError([[high - 1e-3]]), OU())
    w = variance(high - 1e-3)
    assert below.chi2 == pytest.approx((w * (2 - w)) ** -0.5 - 1, rel=1e-8)


def test_gradient_part_by_a_lyapunov_solver():
    target, error, process = reference_case()

    def density(t, project):
        moments = direct(target, error, OU(t, process.T)) if t < process.T - 1e-9 else None
        mean = math.exp(-t / 2) * target.mean if moments is None else moments["mean"]
        cov = math.exp(-t) * target.cov + (1 - math.exp(-t)) * np.eye(2) if moments is None else moments["cov"]
        a, b = error.at(t)
        gradient = solve_continuous_lyapunov(cov, a @ cov + cov @ a.T) if project else 0.5 * (a + a.T)
        push = a @ mean + b
        return np.trace(gradient @ cov @ gradient) + push @ push

    nodes, weights = np.polynomial.legendre.leggauss(7)
    edges = np.array([0.02, 0.3, 1.2, 4.0])
    totals = []
    for project in (True, False):
        total = 0.0
        for low, high in itertools.pairwise(edges):
            times = 0.5 * (low + high) + 0.5 * (high - low) * nodes
            total += 0.5 * (high - low) * sum(w * density(t, project) for w, t in zip(weights, times, strict=True))
        totals.append(total)
    result = affine_generation(target, error, process)
    assert result.gradient_energy == pytest.approx(totals[0], rel=1e-6)
    assert result.gradient_energy != pytest.approx(totals[1], rel=1e-3)  # sym(A) is the wrong projection
    assert result.kl < 0.5 * result.gradient_energy < 0.5 * result.learned_energy


def test_bounds_hold_and_inform():
    result = affine_generation(*reference_case())
    assert result.remainder == pytest.approx(result.path_chi2 - 2 * result.learned_energy + result.ideal_energy, rel=1e-10)
    assert abs(math.sqrt(result.chi2) - math.sqrt(result.visible_energy)) <= math.sqrt(result.remainder)
    assert 0.9 * result.chi2 < result.visible_gap <= result.chi2 <= result.path_chi2
    assert result.kl <= 0.5 * result.learned_energy
    assert result.reverse_kl <= 0.5 * result.ideal_energy


def test_small_errors_keep_their_digits():
    target = Gaussian([0.2, -1.0], [[2.0, 0.4], [0.4, 0.3]])
    matrix, offset = np.array([[0.1, 0.7], [-0.2, 0.4]]), np.array([0.3, -0.5])
    result = affine_generation(target, AffineError(1e-7 * matrix, 1e-7 * offset), OU())
    assert result.chi2 / result.visible_energy == pytest.approx(1.0, abs=3e-7)
    assert 2.0 * result.kl / result.visible_energy == pytest.approx(1.0, abs=3e-7)
    assert result.path_chi2 / result.ideal_energy == pytest.approx(1.0, abs=3e-7)


def test_errors_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="error must be finite"):
        affine_generation(Gaussian(0.0, 1.0), AffineError(lambda t: [[0.1]] if t > 0.5 else [[math.inf]]), OU())
