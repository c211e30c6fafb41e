"""Exact recursions against densities on a grid, mpmath, rational arithmetic and the limits that theory predicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from scipy import integrate, linalg, stats

from numeric.laws.channels import Channel, early_stopping, kde, mean_shift
from numeric.laws.divergences import chi2, chi2_infinite_reason, hellinger, kl, tv, w1, w2
from numeric.laws.process import noised
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture, mix, paper_mixture
from numeric.recursions import exact_recursion as module
from numeric.recursions.exact_recursion import (
    _after,
    _first_round,
    _log_sups,
    _stationary,
    chi2_horizon,
    exact_recursion,
    family_laws,
    law_sup,
    limit_law,
    smoothing_tv,
)
from numeric.recursions.mixing import resolve_mixing
from numeric.recursions.recursion import Recursion

# ------------------------------------------------------------------------------------------ an independent recursion

Parts = list[tuple[float, np.ndarray, np.ndarray]]


def parts_of(law: Target) -> Parts:
    if isinstance(law, Gaussian):
        return [(1.0, law.mean, law.cov)]
    return list(zip(law.weights.tolist(), law.means, law.covs, strict=True))


def push(parts: Parts, channel: Channel, dim: int) -> Parts:
    gain = channel.gain if channel.gain.ndim == 2 else np.diag(np.broadcast_to(channel.gain, (dim,)))
    noise = channel.noise if channel.noise.ndim == 2 else np.diag(np.broadcast_to(channel.noise, (dim,)))
    return [(w, gain @ m + channel.shift, gain @ c @ gain.T + noise) for w, m, c in parts]


class OnGrid:
    """The recursion with lists of components and every integral a sum over a plain grid; shares nothing with the package."""

    def __init__(
        self,
        p: Target,
        channels: Sequence[Channel],
        rows: Sequence[Sequence[float]],
        initial: Target | None,
        width: float,
        count: int,
    ) -> None:
        dim = 1 if np.ndim(p.mean) == 0 else len(p.mean)
        axis = np.linspace(-width, width, count)
        self.x = np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
        self.cell = (axis[1] - axis[0]) ** dim
        laws, mixed = [parts_of(initial or p)], []
        for channel, row in zip(channels, rows, strict=True):  # row: (fresh, w_0, ..., w_i)
            blend = [(row[0] * w, m, c) for w, m, c in parts_of(p)]
            for share, law in zip(row[1:], laws, strict=False):
                blend += [(share * w, m, c) for w, m, c in law]
            mixed.append(blend)
            laws.append(push(blend, channel, dim))
        self.p = self.density(parts_of(p))
        self.laws = [self.density(law) for law in laws]
        self.mixed = [self.density(law) for law in mixed]

    def density(self, parts: Parts) -> np.ndarray:
        merged: dict[bytes, tuple[float, np.ndarray, np.ndarray]] = {}
        for w, m, c in parts:
            key = np.round(np.concatenate([m, c.ravel()]), 12).tobytes()
            merged[key] = (merged.get(key, (0.0, m, c))[0] + w, m, c)
        return np.sum([w * stats.multivariate_normal(m, c).pdf(self.x) for w, m, c in merged.values() if w > 0], axis=0)

    def inner(self, a: np.ndarray, b: np.ndarray) -> float:
        return float(np.sum(a * b / self.p)) * self.cell

    def divergences(self) -> list[float]:
        return [self.inner(law - self.p, law - self.p) for law in self.laws]

    def gram(self) -> np.ndarray:
        g = [law - blend for law, blend in zip(self.laws[1:], self.mixed, strict=True)]
        return np.array([[self.inner(a, b) for b in g] for a in g])

    def initial_gram(self) -> list[float]:
        return [self.inner(self.laws[0] - self.p, law - blend) for law, blend in zip(self.laws[1:], self.mixed, strict=True)]

    def intra(self) -> list[float]:
        return [
            float(np.sum((law - blend) ** 2 / blend)) * self.cell for law, blend in zip(self.laws[1:], self.mixed, strict=True)
        ]


def fresh_rows(alphas: Sequence[float]) -> list[list[float]]:
    return [[a, *[0.0] * i, 1.0 - a] for i, a in enumerate(alphas)]


START = GaussianMixture([0.3, 0.7], [-0.8, 0.5], [0.6, 1.2])
TURN = np.array([[0.8, 0.25], [-0.15, 0.85]])
SETTINGS: dict[str, tuple[Target, list[Channel], list[float], Target | None, float, int]] = {
    "shift and noise": (Gaussian(0.2, 0.8), [Channel(0.9, 0.1, 0.15)] * 5, [0.3] * 5, None, 14.0, 2001),
    "varying": (
        Gaussian(-0.1, 1.0),
        [kde(0.3), mean_shift(0.2), early_stopping(0.3), Channel(1.05, -0.1, 0.02), kde(0.2)],
        [0.2, 0.7, 0.0, 1.0, 0.5], None, 16.0, 2001,
    ),
    "other start": (Gaussian(0.0, 1.0), [kde(0.2)] * 4, [0.4, 0.2, 0.3, 0.1], START, 16.0, 2001),
    "plane": (
        Gaussian([0.3, -0.2], [[1.0, 0.3], [0.3, 0.7]]),
        [Channel(TURN, [0.1, 0.0], [[0.2, 0.05], [0.05, 0.1]])] * 3, [0.3] * 3, None, 11.0, 321,
    ),
    "mixture": (GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4]), [kde(0.15)] * 4, [0.3] * 4, None, 12.0, 4001),
    "mixture plane": (
        GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [[[0.5, 0.2], [0.2, 0.6]], [[0.7, 0.0], [0.0, 0.5]]]),
        [early_stopping(0.1), kde(0.2)], [0.3, 0.5], None, 10.0, 281,
    ),
    "mixture, other start": (
        GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.5, 0.4]),
        [early_stopping(0.1)] * 3, [0.2] * 3, Gaussian(0.3, 0.6), 12.0, 2001,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_every_quantity_against_a_grid(name: str) -> None:
    p, channels, alphas, initial, width, count = SETTINGS[name]
    exact = exact_recursion(p, channels, alphas, len(alphas), initial=initial)
    grid = OnGrid(p, channels, fresh_rows(alphas), initial, width, count)
    scale = max(grid.divergences())
    np.testing.assert_allclose(exact.divergence, grid.divergences(), rtol=2e-8, atol=1e-13)
    np.testing.assert_allclose(exact.gram, grid.gram(), rtol=2e-8, atol=1e-10 * scale)
    np.testing.assert_allclose(exact.innovation**2, np.diagonal(grid.gram()), rtol=2e-8)
    np.testing.assert_allclose(exact.initial_gram, grid.initial_gram(), rtol=2e-8, atol=1e-10 * scale)
    np.testing.assert_allclose(exact.intra, grid.intra(), rtol=2e-8)
    np.testing.assert_allclose(exact.mixed, [grid.inner(q - grid.p, q - grid.p) for q in grid.mixed], rtol=2e-8, atol=1e-13)
    # wrong twin: the fresh fraction of every round a little off
    other = exact_recursion(p, channels, [abs(a - 0.01) for a in alphas], len(alphas), initial=initial)
    assert not np.allclose(other.gram, grid.gram(), rtol=2e-8, atol=1e-10 * scale)


@pytest.mark.parametrize("scheme", ["accumulate", "replace"])
def test_memory_schemes_against_a_grid(scheme: str) -> None:
    channel, count = Channel(0.95, 0.15, 0.1), 5
    exact = exact_recursion(Gaussian(0.0, 1.0), channel, scheme, count)
    accumulating = [[1.0 / (i + 1), 0.0, *[1.0 / (i + 1)] * i] for i in range(count)]
    rows = {"accumulate": accumulating, "replace": fresh_rows([0.0] * count)}
    grid = OnGrid(Gaussian(0.0, 1.0), [channel] * count, rows[scheme], None, 18.0, 2001)
    np.testing.assert_allclose(exact.divergence, grid.divergences(), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(exact.intra, grid.intra(), rtol=1e-9)
    wrong = OnGrid(
        Gaussian(0.0, 1.0), [channel] * count, rows["replace" if scheme == "accumulate" else "accumulate"], None, 18.0, 2001
    )
    assert not np.allclose(exact.divergence, wrong.divergences(), rtol=1e-3)
    weights = [1.0 / (i + 2) for i in range(count - 1)] + [1.0] if scheme == "accumulate" else [1.0] * count
    np.testing.assert_allclose(exact.weights, weights, rtol=1e-14)


# -------------------------------------------------------------------------------------------------- reference values


def test_reference_values() -> None:
    shifted = exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.05), 0.1, 16)
    assert f"{shifted.divergence[16]:.10f}" == "0.1994370760"
    assert f"{shifted.discounted_sums[16]:.10f}" == "0.0161897970"
    smoothed = exact_recursion(Gaussian(0.0, 1.0), Channel(noise=0.1), 0.5, 10)
    assert [f"{d:.12f}" for d in smoothed.divergence[1:5]] == [
        "0.005037815259",
        "0.011490907631",
        "0.015868384699",
        "0.018447164213",
    ]
    assert math.isfinite(smoothed.divergence[9])
    assert smoothed.divergence[10] == math.inf
    assert "p after 10 rounds" in smoothed.reasons["divergence[10]"]
    assert math.isnan(smoothed.gram[0, 9])
    assert smoothed.innovation[9] == math.inf


def test_tiny_rounds_keep_their_digits() -> None:
    noise, alpha = 1e-7, 0.3
    measured = exact_recursion(Gaussian(0.0, 1.0), Channel(noise=noise), alpha, 2)
    with mpmath.workdps(60):

        def product(j: int, k: int) -> mpmath.mpf:  # int N_j N_k / N_0 for variances 1 + j h, 1 + k h
            a, b = 1 + j * mpmath.mpf(noise), 1 + k * mpmath.mpf(noise)
            return 1 / mpmath.sqrt(a * b * (1 / a + 1 / b - 1))

        rest = 1 - mpmath.mpf(alpha)
        coefficients = {0: -(1 - rest), 1: (1 - rest) - rest, 2: rest}  # g_1 over ages
        square = mpmath.fsum(x * y * product(j, k) for j, x in coefficients.items() for k, y in coefficients.items())
        truth = float(square)
    assert measured.innovation[1] ** 2 == pytest.approx(truth, rel=1e-8, abs=0)
    assert measured.divergence[1] == pytest.approx(measured.intra[0], rel=1e-9, abs=0)  # q_0 = p
    naive = (1.0 + noise) ** -1 / math.sqrt(2.0 / (1.0 + noise) - 1.0) - 1.0
    assert naive != pytest.approx(measured.divergence[1], rel=1e-2, abs=0)


# ------------------------------------------------------------------------------------------------------- identities


def recombined(recursion: Recursion) -> float:
    """W' Gram W + 2 W_0 W' <f_0, g> + W_0^2 D_0."""
    w, start = recursion.weights, recursion.initial_weight
    cross = 2.0 * start * float(w @ recursion.initial_gram)
    return float(w @ recursion.gram @ w) + cross + start**2 * float(recursion.divergence[0])


@pytest.mark.parametrize("alpha", [0.1, [0.3, 0.0, 1.0, 0.6, 0.2, 0.5], "accumulate", "replace"])
@pytest.mark.parametrize("initial", [None, GaussianMixture([0.5, 0.5], [-0.3, 0.6], [0.8, 1.1])])
def test_memory_identity(alpha: float | list[float] | str, initial: Target | None) -> None:
    recursion = exact_recursion(Gaussian(0.1, 1.0), Channel(0.9, 0.1, 0.2), alpha, 6, initial=initial)
    assert recombined(recursion) == pytest.approx(recursion.divergence[-1], rel=1e-12)
    if isinstance(alpha, float):  # wrong twin: one factor of (1 - alpha) too many
        w = recursion.weights * (1.0 - alpha)
        assert float(w @ recursion.gram @ w) != pytest.approx(recursion.divergence[-1], rel=1e-2)


@pytest.mark.parametrize("alpha", [0.1, 0.5, [0.3, 0.9, 0.0, 1.0, 0.4]])
def test_refresh_is_exact_and_bounds_hold(alpha: float | list[float]) -> None:
    r = exact_recursion(Gaussian([0.0, 0.3], [[1.0, 0.3], [0.3, 0.6]]), Channel(TURN, 0.05, 0.1), alpha, 5)
    keep = (1.0 - r.fresh_fraction) ** 2
    np.testing.assert_allclose(r.mixed, keep * r.divergence[:-1], rtol=1e-11, atol=1e-300)
    assert not np.allclose(r.mixed, keep ** (2 / 3) * r.divergence[:-1], rtol=1e-3)  # twin: the first power of rho, nearly
    assert np.all(np.sqrt(r.divergence) <= r.triangle_bound * (1 + 1e-12))
    assert np.all(r.fresh_fraction * r.intra <= r.innovation**2 * (1 + 1e-9))
    assert np.all(r.innovation**2 <= r.ratio_sup * r.intra * (1 + 1e-9))


def test_orthogonal_innovations() -> None:
    count, delta = 6, 0.4
    fresh_coordinate = [mean_shift(delta * np.eye(count)[i]) for i in range(count)]
    p = Gaussian(np.zeros(count), 1.0)
    for alpha in (0.2, "replace", "accumulate"):
        r = exact_recursion(p, fresh_coordinate, alpha, count)
        off_diagonal = r.gram - np.diag(np.diagonal(r.gram))
        assert np.abs(off_diagonal).max() < 1e-14
        np.testing.assert_allclose(r.divergence[1:], r.discounted_sums[1:], rtol=1e-12)
        np.testing.assert_allclose(r.innovation**2, (1.0 + r.mixed) * math.expm1(delta**2), rtol=1e-12)
        assert np.all(np.isnan(r.intra))  # d > 2
    same = exact_recursion(p, mean_shift(delta * np.eye(count)[0]), 0.2, count)  # twin: the same coordinate every time
    assert same.interference[-1] > 2.0


def test_coherent_and_alternating_innovations() -> None:
    p, alpha, count = Gaussian(0.0, 1.0), 0.2, 60
    small = 1e-4  # innovations of nearly constant size
    coherent = exact_recursion(p, mean_shift(small), alpha, count).interference[-1]
    back_and_forth = [mean_shift(small * (-1.0) ** i) for i in range(50)]
    alternating = exact_recursion(p, back_and_forth, alpha, 50).interference[-1]
    assert coherent == pytest.approx((2 - alpha) / alpha, rel=1e-4)
    assert alternating == pytest.approx(alpha / (2 - alpha), rel=1e-4)
    assert coherent != pytest.approx(1 / alpha, rel=1e-2)


def test_accumulating_orthogonal_innovations_reach_pi_squared_over_six() -> None:
    count, delta = 9, 1e-5
    channels = [mean_shift(delta * np.eye(count)[i]) for i in range(count)]
    r = exact_recursion(Gaussian(np.zeros(count), 1.0), channels, "accumulate", count)
    partial = 1.0 + sum(1.0 / k**2 for k in range(2, count + 1))
    assert r.divergence[-1] / r.innovation[-1] ** 2 == pytest.approx(partial, rel=1e-6)
    weights = resolve_mixing("accumulate", 500).resolvent[-1, 1:]
    assert float(weights @ weights) == pytest.approx(math.pi**2 / 6, rel=1.5 / 500)
    assert float(weights.sum()) == pytest.approx(math.log(500) + np.euler_gamma, rel=1e-3)  # coherent: no bound
    replaced = exact_recursion(Gaussian(np.zeros(count), 1.0), channels, "replace", count)
    assert replaced.divergence[-1] / replaced.innovation[-1] ** 2 == pytest.approx(count, rel=1e-6)


# --------------------------------------------------------------------------------------------------------- infinities


def test_infinity_is_decided_by_rational_arithmetic() -> None:
    naive_wrong = 0
    cases = [
        ("0.1", "1"),
        ("0.3", "0.9"),
        ("0.7", "2.1"),
        ("0.06", "0.36"),
        ("0.11", "1"),
        ("0.025", "0.2"),
        ("0.2", "1.4"),
        ("0.3", "1"),
    ]
    for noise, variance in cases:
        first = math.ceil(Fraction(variance) / Fraction(noise))
        h, s = float(noise), float(variance)
        assert chi2_horizon(Gaussian(0.4, s), Channel(noise=h)) == first
        assert chi2_horizon(Gaussian([0.0, 1.0], [3.0 * s, s]), Channel(shift=[0.3, 0.1], noise=h)) == first
        r = exact_recursion(Gaussian(0.4, s), Channel(noise=h), 0.9, first + 2)
        assert np.all(np.isfinite(r.divergence[:first]))
        assert np.all(np.isinf(r.divergence[first:]))
        accumulated, rounds = 0.0, 0
        while accumulated < s:  # wrong twin: add h^2 again and again until it is s^2
            accumulated, rounds = accumulated + h, rounds + 1
        naive_wrong += rounds != first
    assert naive_wrong > 0


def test_horizons() -> None:
    protocol = kde(0.6).then(early_stopping(0.02))
    assert chi2_horizon(paper_mixture(), protocol) == 1
    assert chi2_horizon(paper_mixture(), kde(0.6)) == 1
    assert chi2_horizon(paper_mixture(), kde(0.59)) == 2
    assert chi2_horizon(Gaussian(0.0, 1.0), mean_shift(3.0)) == math.inf
    assert chi2_horizon(Gaussian(0.0, 0.6), early_stopping(0.1)) == math.inf  # settles at 1 < 1.2
    x, rounds = 0.36, 0
    while 2 * 0.36 - x > 0:
        x, rounds = math.exp(-0.02) * x - math.expm1(-0.02), rounds + 1
    assert chi2_horizon(Gaussian(0.0, 0.36), early_stopping(0.02)) == rounds
    assert chi2_horizon(Gaussian(0.0, 0.36), Channel(gain=np.array([[math.exp(-0.01)]]), noise=-math.expm1(-0.02))) == rounds
    isotropic = GaussianMixture([0.5, 0.5], [-1.0, 2.0], [0.5, 0.2])
    assert chi2_horizon(isotropic, Channel(noise=0.1)) == 5  # the widest component rules
    assert chi2_horizon(isotropic, Channel(noise=0.1)) != chi2_horizon(Gaussian(0.0, 0.2), Channel(noise=0.1))
    assert chi2_horizon(Gaussian([0.0, 0.0], [1.0, 0.5]), Channel(TURN, 0.0, 0.01)) == math.inf  # a matrix that contracts
    assert chi2_horizon(Gaussian([0.0, 0.0], [1.0, 0.1]), Channel([[0.0, 1.0], [-1.0, 0.0]])) == 1  # turned on its side
    assert chi2_horizon(Gaussian(0.0, 1.0), Channel(gain=0.0, noise=1.5)) == math.inf
    assert chi2_horizon(Gaussian(0.0, 1.0), Channel(gain=1.1)) == math.ceil(math.log(2) / math.log(1.21))


@pytest.mark.parametrize("seed", range(4))
def test_horizon_agrees_with_the_recursion(seed: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((2, 2))
    p = Gaussian(rng.standard_normal(2), root @ root.T + 0.3 * np.eye(2))
    channel = Channel(np.eye(2) * 0.9 + 0.15 * rng.standard_normal((2, 2)), 0.1, float(rng.uniform(0.02, 0.2)))
    horizon = chi2_horizon(p, channel)
    r = exact_recursion(p, channel, 0.5, 12)
    first = int(np.argmax(np.isinf(r.divergence))) if np.any(np.isinf(r.divergence)) else math.inf
    assert first == (horizon if horizon <= 12 else math.inf)


def test_fresh_data_alone_forgets_an_infinite_start() -> None:
    r = exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.1), [0.5, 1.0, 0.5], 3, initial=Gaussian(0.0, 3.0))
    assert np.isinf(r.divergence).tolist() == [True, True, False, False]
    assert r.initial_weight == 0.0
    assert math.isfinite(r.triangle_bound[3])
    assert np.isinf(r.mixed).tolist() == [True, False, False]


# -------------------------------------------------------------------------------------------------- ratios and intra


@pytest.mark.parametrize("p", [Gaussian(0.0, 1.0), GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.6, 0.8])])
def test_ratio_sup_is_an_upper_bound(p: Target) -> None:
    r = exact_recursion(p, Channel(0.7, 0.1, 0.01), 0.3, 4)
    x = np.linspace(-12.0, 12.0, 40_001)
    seen = [float(np.max(np.exp(q.logpdf(x) - p.logpdf(x)))) for q in r.mixtures]  # type: ignore[attr-defined]
    assert np.all(np.isfinite(r.ratio_sup))
    assert np.all(r.ratio_sup * (1 + 1e-12) >= seen)
    if isinstance(p, Gaussian):
        assert r.ratio_sup[1] < 1.05 * seen[1]  # and not a careless one: 0.9 of it would be wrong
        assert 0.9 * r.ratio_sup[1] < seen[1]
    assert r.ratio_sup[0] == pytest.approx(1.0, rel=1e-12)
    assert exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.1), 0.3, 2).ratio_sup[1] == math.inf


def test_intra_against_scipy_where_the_reference_only_just_suffices() -> None:
    p, channel = Gaussian(0.0, 1.0), Channel(noise=0.95)
    r = exact_recursion(p, channel, 0.5, 2)

    def ratio(x: float) -> float:
        return math.exp(2.0 * float(stats.norm.logpdf(x, 0, math.sqrt(1.95))) - float(stats.norm.logpdf(x)))

    truth, _ = integrate.quad(ratio, -70.0, 70.0, limit=500, epsrel=1e-11)
    assert r.intra[0] == pytest.approx(truth - 1.0, rel=1e-9)
    assert math.isfinite(r.intra[1])
    too_wide = exact_recursion(p, Channel(noise=1.0), 0.5, 2)
    assert too_wide.intra[0] == math.inf
    assert "intra[0]" in too_wide.reasons
    assert math.isfinite(too_wide.intra[1])  # q_1 has learned the width


# -------------------------------------------------------------------------------------------------- limits, distances


def test_limit_law_is_the_limit_at_the_rate_rho() -> None:
    p, t0, alpha = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4]), 0.01, 0.3
    limit = limit_law(p, t0, alpha)
    # a fixed point: one more round changes nothing
    again = exact_recursion(p, early_stopping(t0), alpha, 1, initial=limit)
    assert tv(again.laws[1], limit) < 1e-11  # type: ignore[arg-type]
    r = exact_recursion(p, early_stopping(t0), alpha, 12)
    distances = [float(tv(law, limit)) for law in r.laws]  # type: ignore[arg-type]
    for n in (1, 5, 12):
        assert distances[n] <= 0.7**n * distances[0] * (1 + 1e-9)
    assert distances[12] > 0.6**12 * distances[0]  # the twin rate 1 - alpha - 0.1 fails
    moment = (alpha * math.exp(-t0) * float(p.cov[0, 0] + p.mean[0] ** 2) - math.expm1(-t0)) / (1 - 0.7 * math.exp(-t0))
    assert float(limit.cov[0, 0] + limit.mean[0] ** 2) == pytest.approx(moment, rel=1e-11)
    standard = limit_law(p, t0, 0.0)
    assert (standard.weights.tolist(), standard.means.tolist(), standard.covs.tolist()) == ([1.0], [[0.0]], [[[1.0]]])
    assert limit_law(p, 0.5, 0.01, tol=1e-8).weights.sum() == pytest.approx(1.0)
    assert tv(limit_law(p, t0, 1.0), early_stopping(t0)(p)) < 1e-14


def test_mixing_contracts_distances_as_the_table_says() -> None:
    alpha = 0.5
    far = exact_recursion(Gaussian(0.0, 1.0), mean_shift(10.0), alpha, 3)
    law, blend, p = far.laws[1], far.mixtures[1], far.target
    assert isinstance(law, (Gaussian, GaussianMixture))
    assert isinstance(blend, (Gaussian, GaussianMixture))
    rho = 1.0 - alpha
    assert tv(blend, p) == pytest.approx(rho * float(tv(law, p)), rel=1e-9)
    assert w1(blend, p) == pytest.approx(rho * w1(law, p), rel=1e-9)
    assert float(kl(blend, p)) <= rho * float(kl(law, p))
    assert float(hellinger(blend, p)) ** 2 <= rho * float(hellinger(law, p)) ** 2
    before, after = float(w2(law, p)), float(w2(blend, p))
    assert rho * before * 1.2 < after <= math.sqrt(rho) * before  # sqrt(rho), not rho
    assert after / before == pytest.approx(0.655, abs=1e-3)
    assert before == pytest.approx(10.0, rel=1e-12)
    assert kl(law, p) == pytest.approx(50.0, rel=1e-12)
    assert smoothing_tv(Gaussian(0.0, 1.0), 0.3) < 1e-15
    assert smoothing_tv(blend, 0.1) == pytest.approx(float(tv(early_stopping(0.1)(blend), blend)))


# --------------------------------------------------------------------------------------------------- size and refusals


def test_laws_are_the_laws() -> None:
    r = exact_recursion(Gaussian(0.0, 1.0), Channel(0.9, 0.1, 0.2), 0.3, 5)
    assert len(r.laws) == 6
    assert len(r.mixtures) == 5
    assert r.laws[0] is r.target
    for index, law in enumerate(r.laws):
        assert float(chi2(law, r.target)) == pytest.approx(r.divergence[index], rel=1e-10, abs=1e-15)  # type: ignore[arg-type]
    assert isinstance(r.laws[5], GaussianMixture)
    assert r.laws[5].weights.shape == (5,)  # one component per age


def test_two_hundred_generations() -> None:
    r = exact_recursion(Gaussian(np.zeros(4), [1.0, 0.8, 1.2, 0.9]), early_stopping(0.02), 0.1, 200)
    assert np.all(np.isfinite(r.divergence))
    assert recombined(r) == pytest.approx(r.divergence[-1], rel=1e-9)


def test_what_exceeds_a_float_is_infinite_and_says_so() -> None:
    r = exact_recursion(Gaussian(0.0, 1.0), mean_shift(10.0), 0.5, 3)
    assert r.divergence[2] == pytest.approx(0.25 * math.exp(400.0) + 0.25 * math.exp(100.0) + 0.5 * math.exp(200.0), rel=1e-12)
    assert r.divergence[3] == math.inf  # exp(900)
    assert "finite but above" in r.reasons["divergence[3]"]
    assert r.intra[0] == pytest.approx(math.exp(100.0), rel=1e-9)


def test_shape_of_everything() -> None:
    r = exact_recursion(Gaussian([0.0, 0.0], 1.0), kde(0.2), 0.4, 3)
    shapes = {"divergence": (4,), "innovation": (3,), "intra": (3,), "gram": (3, 3), "weights": (3,), "discounted_sums": (4,)}
    assert {name: getattr(r, name).shape for name in shapes} == shapes
    assert r.divergence[0] == 0.0
    assert math.isnan(r.interference[0])
    assert r.generations == 3
    nothing = exact_recursion(GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.5), Channel(), 0.4, 3)
    np.testing.assert_allclose(nothing.divergence, 0.0, atol=1e-25)
    np.testing.assert_allclose(nothing.innovation, 0.0, atol=1e-14)


def test_too_many_components_are_refused() -> None:
    many = [mean_shift(0.01 * i + 0.001 * i * i) for i in range(20)]
    assert exact_recursion(Gaussian(0.0, 1.0), many, 0.3, 20).generations == 20
    with pytest.raises(ValueError, match="channel must lead to at most 4000 different components"):
        exact_recursion(Gaussian(0.0, 1.0), many, "accumulate", 20)


BAD: list[tuple[str, Callable[[], object]]] = [
    ("alpha", lambda: exact_recursion(Gaussian(0.0, 1.0), kde(0.1), 1.2, 3)),
    ("alpha", lambda: exact_recursion(Gaussian(0.0, 1.0), kde(0.1), [0.1, 0.2], 3)),
    ("alpha", lambda: exact_recursion(Gaussian(0.0, 1.0), kde(0.1), "append", 3)),
    ("alpha", lambda: exact_recursion(Gaussian(0.0, 1.0), kde(0.1), math.nan, 3)),
    ("generations", lambda: exact_recursion(Gaussian(0.0, 1.0), kde(0.1), 0.5, 0)),
    ("channel", lambda: exact_recursion(Gaussian(0.0, 1.0), [kde(0.1)] * 2, 0.5, 3)),
    ("channel", lambda: exact_recursion(Gaussian(0.0, 1.0), mean_shift([0.1, 0.2]), 0.5, 3)),
    ("channel", lambda: exact_recursion(Gaussian(0.0, 1.0), Channel(gain=0.0), 0.5, 3)),
    ("initial", lambda: exact_recursion(Gaussian(0.0, 1.0), kde(0.1), 0.5, 3, initial=Gaussian([0.0, 0.0], 1.0))),
    ("simulate_recursion", lambda: exact_recursion(paper_mixture(), kde(0.1), 0.5, 3)),
    ("t0", lambda: limit_law(Gaussian(0.0, 1.0), 0.0, 0.5)),
    ("tol", lambda: limit_law(Gaussian(0.0, 1.0), 0.1, 0.5, tol=0.0)),
    ("tol", lambda: limit_law(Gaussian(0.0, 1.0), 0.1, 0.5, tol=1.0)),
    ("channel", lambda: chi2_horizon(Gaussian(0.0, 1.0), mean_shift([0.0, 1.0]))),
]


@pytest.mark.parametrize(("name", "call"), BAD)
def test_bad_input_is_refused_by_name(name: str, call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=name):
        call()


def test_wrong_kinds_are_refused() -> None:
    with pytest.raises(TypeError, match="channel"):
        exact_recursion(Gaussian(0.0, 1.0), "kde", 0.5, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="target"):
        exact_recursion("data", kde(0.1), 0.5, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="generations"):
        resolve_mixing(0.5, 2.0)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="alpha"):
        resolve_mixing(True, 2)


@pytest.mark.parametrize(("distance", "infinite"), [(60.0, False), (100.0, True)])
def test_an_intra_divergence_beyond_the_largest_double_is_infinite_with_its_reason(distance: float, infinite: bool) -> None:
    rounds = exact_recursion(Gaussian(0.0, 1e-3), early_stopping(0.2), 0.5, 2, initial=Gaussian(distance, 1e-3))
    value = float(rounds.intra[1])
    assert math.isinf(value) == infinite == ("above" in rounds.reasons.get("intra[1]", ""))
    if not infinite:  # e^556, by another quadrature
        learned, mixed = rounds.laws[2], rounds.mixtures[1]
        assert isinstance(learned, GaussianMixture)
        assert isinstance(mixed, GaussianMixture)
        assert value == pytest.approx(float(chi2(learned, mixed)), rel=1e-7)


# ------------------------------------------------------------------------------------------------------ the pieces


def test_the_first_round_against_iteration() -> None:
    rng = np.random.default_rng(0)
    cases = [(1.0, 0.0), (1.0, 0.25), (1.0, 1.0), (1.0, 1e-3), (0.0, 1.5), (0.0, 2.0), (0.0, 2.5), (2.0, 0.0)]
    cases += [(1.21, 0.0), (0.9, 0.1), (0.9, 0.2), (0.9, 0.19), (0.9, 0.3), (0.81, 1.4), (1.3, 0.5)]
    cases += [(0.1, 1.81), (0.5, 0.5), (0.0, 1.0)]
    cases += [(float(a), float(b)) for a, b in zip(rng.uniform(0.0, 1.3, 40), rng.uniform(0.0, 0.6, 40), strict=True)]
    outcomes = set()
    for square, rate in cases:
        x, rounds = 1.0, 0
        while x < 2.0 - 1e-12 and rounds < 3000:
            x, rounds = square * x + rate, rounds + 1
        expected = rounds if x >= 2.0 - 1e-12 else math.inf
        assert _first_round(square, rate) == expected, (square, rate)
        outcomes.add(min(expected, 3) if expected < math.inf else math.inf)
    assert outcomes == {1, 2, 3, math.inf}
    assert _first_round(1.0, 1e-17) == math.inf  # more rounds than a float can count, which is 2^53
    assert _first_round(1.0, 0.7 * 2.0**-53) == math.inf
    assert _first_round(1.0, 1.4 * 2.0**-53) == pytest.approx(2.0**53 / 1.4, rel=1e-9)


def test_channels_many_times_over() -> None:
    law = GaussianMixture([0.4, 0.6], [[-1.0, 0.2], [0.5, 1.0]], [[[0.5, 0.1], [0.1, 0.4]], [[0.7, 0.0], [0.0, 0.5]]])
    for channel in (Channel(TURN, [0.1, -0.2], [[0.2, 0.05], [0.05, 0.1]]), Channel(1.0, [0.1, -0.2], [0.3, 0.1])):
        once = law
        for rounds in range(4):
            after = _after(law, *channel.matrices(2), rounds)
            np.testing.assert_allclose(after.means, once.means, rtol=1e-13)
            np.testing.assert_allclose(after.covs, once.covs, rtol=1e-13, atol=1e-15)
            once = channel(once)  # type: ignore[assignment]
    gain, noise = TURN, np.array([[0.2, 0.05], [0.05, 0.1]])
    fixed = _stationary(gain, noise)
    np.testing.assert_allclose(fixed, gain @ fixed @ gain.T + noise, rtol=1e-13)


@pytest.mark.parametrize("seed", range(8))
def test_horizons_of_matrices_against_iteration(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    root = rng.standard_normal((2, 2, 2))
    covs = root @ np.swapaxes(root, 1, 2) + 0.3 * np.eye(2)
    gain = np.linalg.qr(rng.standard_normal((2, 2)))[0] @ np.diag(rng.uniform(0.7, 0.95, 2))
    channel = Channel(gain, 0.1 * rng.standard_normal(2), float(rng.uniform(0.01, 0.3)))
    for p in (Gaussian([0.3, -0.2], covs[0]), GaussianMixture([0.5, 0.5], [[0.0, 1.0], [0.4, 0.0]], covs)):
        law: Target = p
        first: float = math.inf
        for rounds in range(1, 40):
            law = channel(law)
            if chi2_infinite_reason(law, p) is not None:
                first = rounds
                break
        if isinstance(p, Gaussian) or first < math.inf:  # a mixture may stay undecided for long
            assert chi2_horizon(p, channel) == first


def test_a_channel_that_only_turns_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROUNDS", 40)
    turn = np.array([[math.cos(1.0), math.sin(1.0)], [-math.sin(1.0), math.cos(1.0)]])
    with pytest.raises(ValueError, match="within 40 rounds"):
        chi2_horizon(Gaussian([0.0, 0.0], [1.0, 0.8]), Channel(turn))
    with pytest.raises(TypeError, match="channel must be a Channel, got str"):
        chi2_horizon(Gaussian(0.0, 1.0), "kde")  # type: ignore[arg-type]


def test_the_limit_law_term_by_term() -> None:
    p = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
    halves = limit_law(p, 1e-4, 0.5, tol=0.01)  # 0.5^7 < 0.01 < 0.5^6
    shares = halves.weights.reshape(7, 2).sum(axis=1)
    np.testing.assert_allclose(shares, [*(0.5**k for k in range(1, 7)), 0.5**6], rtol=1e-12)
    for k in range(7):
        term = noised(p, (k + 1) * 1e-4)
        np.testing.assert_allclose(halves.means[2 * k : 2 * k + 2], term.means, rtol=1e-13)
        np.testing.assert_allclose(halves.covs[2 * k : 2 * k + 2], term.covs, rtol=1e-13)
    slow = limit_law(p, 0.3, 0.01, tol=1e-3)
    terms = (len(slow.weights) - 1) // 2
    assert slow.weights[-1] == pytest.approx(0.99**terms, rel=1e-12)
    assert (slow.means[-1].tolist(), slow.covs[-1].tolist()) == ([0.0], [[1.0]])

    def bound(k: int) -> float:  # Pinsker and convexity
        law = as_mixture(noised(p, 0.3 * k))
        return math.sqrt(0.5 * sum(w * float(kl(Gaussian(m, c), Gaussian(0.0, 1.0))) for w, m, c in parts_of(law)))

    assert 0.99**terms * bound(terms + 1) <= 1e-3 < 0.99 ** (terms - 1) * bound(terms)
    plane = limit_law(Gaussian([1.0, 0.0], [0.5, 2.0]), 4.0, 0.3, tol=1e-2)
    assert plane.means.shape[1:] == (2,)
    np.testing.assert_array_equal(plane.covs[-1], np.eye(2))
    np.testing.assert_array_equal(limit_law(Gaussian([1.0, 0.0], [0.5, 2.0]), 4.0, 0.0).means, [[0.0, 0.0]])


def test_which_channels_are_early_stopping() -> None:
    p = Gaussian([0.0, 0.1], [1.0, 0.8])
    record = exact_recursion(p, [early_stopping(0.1), early_stopping(0.25)], 0.5, 2)
    np.testing.assert_allclose(record.early_times, [0.1, 0.25], rtol=1e-13)  # type: ignore[arg-type]
    stop = early_stopping(0.1)
    gain, noise = float(stop.gain), float(stop.noise)
    tilted = np.array([[noise, 0.01], [0.01, noise]])
    others = [
        kde(0.1), Channel(gain, 0.1, noise), Channel(gain, 0.0, 1.01 * noise), Channel(gain, 0.0, [noise, 1.1 * noise]),
        Channel(-gain, 0.0, noise), Channel(gain, [0.0, 0.1], noise), Channel(gain, 0.0, tilted), Channel(0.5, 0.0, 1.2),
        Channel([gain, 0.9 * gain], 0.0, noise), Channel([[gain, 0.1], [0.0, gain]], 0.0, noise), Channel(1.0, 0.0, 0.0),
    ]  # fmt: skip
    for other in others:
        assert exact_recursion(p, [stop, other], 0.5, 2).early_times is None
    assert exact_recursion(p, [stop, Channel(gain * np.eye(2), 0.0, noise * np.eye(2))], 0.5, 2).early_times is not None


@pytest.mark.parametrize("dim", [1, 2])
def test_suprema_of_ratios_against_a_grid(dim: int) -> None:
    rng = np.random.default_rng(dim)
    axis = np.linspace(-6.0, 6.0, 401)
    x = np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    root = rng.standard_normal((3, dim, dim))
    covs = 0.3 * root @ np.swapaxes(root, 1, 2) + 0.5 * np.eye(dim)
    shifts = 0.3 * rng.standard_normal((3, dim))
    drifts = -0.4 * covs * rng.uniform(0.5, 1.0, (3, 1, 1))
    means = 0.3 * rng.standard_normal((3, dim))
    logs = _log_sups(shifts, drifts, covs + drifts, covs)
    for k in range(3):
        learned, base = Gaussian(means[k] + shifts[k], covs[k] + drifts[k]), Gaussian(means[k], covs[k])
        assert logs[k] == pytest.approx(float(np.max(learned.logpdf(x) - base.logpdf(x))), abs=2e-3)
    target = GaussianMixture([0.5, 0.5, 0.0], means, covs)
    law = GaussianMixture([0.3, 0.7, 0.0], (means + shifts)[[1, 0, 2]], (covs + drifts)[[1, 0, 2]])
    bound = law_sup(law, target)
    assert bound * (1.0 + 1e-12) >= float(np.max(np.exp(law.logpdf(x) - target.logpdf(x))))
    by_hand = 0.0
    for weight, row in ((0.7, 0), (0.3, 1)):
        cov = np.stack([covs[row] + drifts[row]] * 2)
        by_hand += weight * math.exp(min(_log_sups(means[row] + shifts[row] - means[:2], cov - covs[:2], cov, covs[:2]))) / 0.5
    assert bound == pytest.approx(by_hand, rel=1e-12)
    assert law_sup(target, law) == math.inf  # wider than every cover
    nothing = np.zeros((1, dim))
    assert _log_sups(nothing, np.zeros((1, dim, dim)), covs[:1], covs[:1]).tolist() == [0.0]
    assert _log_sups(nothing + 0.1, np.zeros((1, dim, dim)), covs[:1], covs[:1]).tolist() == [math.inf]
    assert _log_sups(nothing, 0.1 * covs[:1], 1.1 * covs[:1], covs[:1]).tolist() == [math.inf]


def test_laws_of_a_constant_channel_in_any_dimension() -> None:
    p, channel = GaussianMixture([0.5, 0.5, 0.0], np.eye(3), 0.3), Channel(0.9, [0.1, 0.0, -0.1], 0.05)
    laws = family_laws(p, channel, resolve_mixing(0.4, 3))
    law: Target = p
    for found in laws:
        blend = mix(0.4, p, law)
        law = channel(blend)
        assert isinstance(found, GaussianMixture)
        assert np.all(found.weights > 0.0)
        np.testing.assert_allclose(found.mean, law.mean, rtol=1e-12)
        np.testing.assert_allclose(found.cov, law.cov, rtol=1e-12)
    assert len(laws[2].weights) == 6  # two components of every age  # type: ignore[union-attr]


def test_as_many_components_as_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ATOMS", 4)
    assert exact_recursion(Gaussian(0.0, 1.0), kde(0.1), 0.5, 3).generations == 3  # p and three ages of it
    with pytest.raises(ValueError, match="at most 4 different components"):
        exact_recursion(Gaussian(0.0, 1.0), kde(0.1), 0.5, 4)
    # the same image by another way is no other component, nor is p itself as the start
    assert exact_recursion(Gaussian(0.0, 1.0), [kde(0.1), Channel(noise=0.1**2), kde(0.1)], 0.5, 3).generations == 3
    assert exact_recursion(Gaussian(0.0, 1.0), kde(0.1), 0.5, 3, initial=Gaussian(0.0, 1.0)).generations == 3


def test_reasons_say_which_component_is_too_wide() -> None:
    wide = exact_recursion(Gaussian(0.0, 1.0), Channel(noise=0.6), 0.5, 3, initial=Gaussian(0.0, 1.8))
    said = wide.reasons
    text = "against the target: smallest relative eigenvalue {} <= 0 of the condition 2 S_ref - S_learned > 0"
    assert said["divergence[1]"] == f"it contains p^0 after 1 rounds of the channel, {text.format(-0.4)}"
    assert said["divergence[2]"].startswith("it contains p after 2 rounds of the channel, against the target")
    assert said["mixed[1]"] == said["innovation[0]"] == said["divergence[1]"]
    assert "divergence[0]" not in said
    assert "mixed[0]" not in said
    assert np.isinf(wide.divergence).tolist() == [False, True, True, True]
    grown = exact_recursion(Gaussian(0.0, 1.0), Channel(1.15), 0.5, 3)  # 1.15^4 < 2 < 1.15^6
    assert grown.reasons["divergence[3]"].startswith("it contains p after 3 rounds")
    mixture = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.5)
    split = exact_recursion(mixture, Channel(noise=0.3), 0.5, 2)
    assert split.reasons["divergence[2]"].startswith(
        "it contains p after 2 rounds of the channel, against the target: component"
    )
    assert np.isinf(split.divergence).tolist() == [False, False, True]


def test_a_quadrature_that_would_need_too_many_nodes_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    p, channel = Gaussian([0.0, 0.0], [1.0, 0.5]), Channel([[0.9, 0.1], [0.0, 0.8]], 0.1, 0.1)
    full = exact_recursion(p, channel, 0.5, 3)
    assert np.all(np.isfinite(full.intra))
    assert not any(name.startswith("intra") for name in full.reasons)
    monkeypatch.setattr(module, "INTRA_NODES", 50)
    left = exact_recursion(p, channel, 0.5, 3)
    assert np.all(np.isnan(left.intra))
    assert all("not computed" in left.reasons[f"intra[{i}]"] for i in range(3))
    np.testing.assert_array_equal(left.divergence, full.divergence)
    monkeypatch.setattr(module, "INTRA_NODES", 2_000_000)
    monkeypatch.setattr(module, "NODE_ENTRIES", 1000)  # blocks of 256 nodes
    np.testing.assert_allclose(exact_recursion(p, channel, 0.5, 3).intra, full.intra, rtol=1e-10)


def test_components_of_weight_zero_take_no_part() -> None:
    channel = Channel(0.9, 0.1, 0.1)
    plain = exact_recursion(Gaussian(0.2, 0.8), channel, 0.3, 3, initial=Gaussian(0.0, 0.7))
    padded = exact_recursion(
        GaussianMixture([1.0, 0.0], [0.2, 9.0], [0.8, 3.0]), channel, 0.3, 3,
        initial=GaussianMixture([0.0, 1.0], [5.0, 0.0], [4.0, 0.7]),
    )  # fmt: skip
    for name in ("divergence", "gram", "initial_gram", "intra", "mixed", "ratio_sup"):
        np.testing.assert_allclose(getattr(padded, name), getattr(plain, name), rtol=1e-7, atol=1e-12)


def test_in_space_a_gaussian_has_no_intra_and_a_mixture_is_refused() -> None:
    assert np.all(np.isnan(exact_recursion(Gaussian(np.zeros(3), 1.0), kde(0.1), 0.5, 2).intra))
    with pytest.raises(ValueError, match="a mixture in dimension 3"):
        exact_recursion(GaussianMixture([0.5, 0.5], np.eye(3)[:2], 1.0), kde(0.1), 0.5, 2)


def test_a_negative_zero_makes_no_other_component() -> None:
    turned = exact_recursion(Gaussian(0.0, 1.0), Channel(-1.0, -0.0), 0.5, 3)
    assert all(isinstance(law, Gaussian) for law in turned.laws)
    np.testing.assert_array_equal(turned.divergence, 0.0)


def test_the_record_says_how_it_was_made() -> None:
    constant = exact_recursion(Gaussian(0.0, 1.0), kde(0.1), 0.5, 2)
    assert constant.method == "closed form"
    assert repr(constant.channel) == repr(kde(0.1))
    varying = exact_recursion(GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.5), [kde(0.1)] * 2, 0.5, 2)
    assert varying.method == "quadrature"
    assert varying.channel is None


def test_a_collapse_over_ninety_decades_keeps_its_digits() -> None:
    """p^n is N(0, g^{2n}) with nothing fresh: D_n and the supremum of the ratio in closed form, S far below 1 + E."""
    rounds, gain = 16, 1e-3
    found = exact_recursion(Gaussian(0.0, 4.0), Channel(gain=gain), "replace", rounds)
    kept = gain ** (2.0 * np.arange(1, rounds + 1))
    np.testing.assert_allclose(found.divergence[1:], 1.0 / np.sqrt(kept * (2.0 - kept)) - 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.ratio_sup[1:], kept[:-1] ** -0.5, rtol=1e-12)
    turned = np.array([[0.6, -0.8], [0.8, 0.6]])
    plane = exact_recursion(Gaussian([0.0, 0.0], 4.0), Channel(gain=turned @ np.diag([gain, 1.0]) @ turned.T), "replace", 2)
    for drift, alone, rtol in zip(plane.divergence[1:], found.divergence[1:3], (1e-9, 1e-4), strict=True):
        assert drift == pytest.approx(alone, rel=rtol)  # as far as a float matrix holds it


def test_models_of_which_nothing_is_left_against_the_data_give_no_warning() -> None:
    found = exact_recursion(Gaussian(0.0, 1e12), Channel(gain=0.0, noise=1.0), 0.1, 7, initial=Gaussian(0.0, 1e-12))
    narrow = 1.0 / math.sqrt(1e-12 * (2.0 - 1e-12)) - 1.0
    np.testing.assert_allclose(found.divergence[1:], narrow, rtol=1e-12)
    assert found.divergence[0] == pytest.approx(1.0 / math.sqrt(1e-24 * (2.0 - 1e-24)) - 1.0, rel=1e-12)


def test_a_narrow_axis_in_skewed_coordinates_keeps_its_digits() -> None:
    """D does not change under x -> L x; the target has correlations then, and the channel is no multiple of the identity."""
    lower, turn, gains = np.array([[1.4, 0.0], [0.5, 0.8]]), np.array([[0.6, -0.8], [0.8, 0.6]]), np.diag([1e-3, 0.9])
    straight = exact_recursion(Gaussian([0.0, 0.0], 1.0), Channel(gain=gains), 0.3, 3)
    whole = lower @ turn
    skewed = Channel(gain=whole @ gains @ np.linalg.inv(whole))
    found = exact_recursion(Gaussian([0.0, 0.0], lower @ lower.T), skewed, 0.3, 3)
    np.testing.assert_allclose(found.divergence[1], straight.divergence[1], rtol=1e-8)


def test_a_start_near_the_target_in_the_plane_keeps_its_digits() -> None:
    found = exact_recursion(Gaussian([0.0, 0.0], 1.0), Channel(), 0.5, 2, initial=Gaussian([1e-9, 0.0], 1.0))
    np.testing.assert_allclose(found.divergence, [1e-18, 0.25e-18, 0.0625e-18], rtol=1e-9)


def test_what_is_not_in_the_space_may_cancel_in_an_innovation() -> None:
    """Nothing is lost by the channel: p^{i+1} = q_i, whatever it is."""
    found = exact_recursion(Gaussian(0.0, 1.0), Channel(), 0.5, 2, initial=Gaussian(0.0, 3.0))
    assert found.divergence.tolist() == [math.inf] * 3
    assert found.innovation.tolist() == [0.0, 0.0]


def test_the_widest_of_three_axes_decides() -> None:
    """Gains that do not commute, in three dimensions: S_2 has the eigenvalues 1, 1, 2.25 in a turned frame."""
    turn = np.linalg.qr(np.random.Generator(np.random.PCG64(1)).standard_normal((3, 3)))[0]
    stretch = Channel(gain=turn @ np.diag([1.5, 1.0, 1.0]) @ turn.T)
    shrink = Channel(gain=np.diag([0.9, 1.0, 0.8]))
    found = exact_recursion(Gaussian(np.zeros(3), 1.0), [shrink, stretch], "replace", 2)
    top = np.linalg.eigvalsh(found.laws[2].cov)  # type: ignore[union-attr]
    assert top[1] < 2.0 < top[2]
    assert math.isfinite(found.divergence[1])
    assert found.divergence[2] == math.inf


@pytest.mark.parametrize(
    ("channel", "said"),
    [(5, "must be a Channel or a sequence of them, got int"), ([Channel(), "kde"], "got str among them"), ("kde", "got str$")],
)
def test_channels_of_another_kind_are_refused(channel: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        exact_recursion(Gaussian(0.0, 1.0), channel, 0.5, 2)  # type: ignore[arg-type]


# -------------------------------------------------------------------------- what each round's quadrature has to reach


Images = dict[tuple[str, ...], list[tuple[np.ndarray, np.ndarray]]]


def images_by_round(
    p: Target, channels: Sequence[Channel], alphas: Sequence[float], start: Target | None
) -> list[tuple[Images, Images]]:
    """For every round the images of p and p^0, by the channels they went through, in q_i and in p^{i+1}."""
    dim = 1 if np.ndim(p.mean) == 0 else len(p.mean)
    root: Images = {("p",): [(m, c) for _, m, c in parts_of(p)]}
    law = root if start is None else {("p^0",): [(m, c) for _, m, c in parts_of(start)]}
    rounds = []
    for channel, alpha in zip(channels, alphas, strict=True):
        blend: Images = {**(root if alpha > 0.0 else {}), **(law if alpha < 1.0 else {})}
        law = {}
        for path, parts in blend.items():
            after = path if repr(channel) == "Channel()" else (*path, repr(channel))  # equal images are one
            law[after] = [(m, c) for _, m, c in push([(1.0, m, c) for m, c in parts], channel, dim)]
        rounds.append((blend, law))
    return rounds


def reach(new: tuple[np.ndarray, np.ndarray], old: tuple[np.ndarray, np.ndarray], inverse: np.ndarray) -> np.ndarray:
    """Lower and upper sides of the box, in y = inverse x, outside of which N_new^2 / (e^-28 N_old) has mass below e^-42."""
    (m, c), (o, v) = new, old
    precision = 2.0 * np.linalg.inv(c) - np.linalg.inv(v)
    if np.linalg.eigvalsh(precision)[0] <= 1e-9:
        return np.stack([np.full(len(m), -np.inf), np.full(len(m), np.inf)])
    centre = np.linalg.solve(precision, 2.0 * np.linalg.solve(c, m) - np.linalg.solve(v, o))
    height = 2.0 * stats.multivariate_normal(m, c).logpdf(centre) - stats.multivariate_normal(o, v).logpdf(centre) + 28.0
    mass = height + 0.5 * np.linalg.slogdet(2.0 * math.pi * np.linalg.inv(precision))[1]
    widths = np.sqrt(np.diagonal(inverse @ np.linalg.inv(precision) @ inverse.T))
    return inverse @ centre + np.array([[-1.0], [1.0]]) * math.sqrt(2.0 * (42.0 + max(mass, 0.0))) * widths


TWO = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.6, 0.3])
TWO_IN_PLANE = GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [2.0, 0.5]], [[[0.5, 0.2], [0.2, 0.6]], [[0.7, -0.1], [-0.1, 0.4]]])
BOXES: dict[str, tuple[Target, list[Channel], list[float], Target | None, list[bool]]] = {
    "one channel": (Gaussian(3.0, 1.0), [Channel(0.9, 0.4, 0.3)] * 4, [0.3] * 4, None, [True] * 4),
    "an identity that keeps its images": (Gaussian(3.0, 1.0), [Channel(), kde(0.5), Channel()], [0.3] * 3, None, [True] * 3),
    "too wide at first": (Gaussian(-2.0, 1.0), [Channel(noise=1.0)] * 3, [0.5] * 3, None, [False, True, True]),
    "mixture, varying": (
        TWO, [mean_shift(6.0), Channel(1.1, -0.5, 0.1), Channel(0.8, 0.3, 0.05)], [0.2, 1.0, 0.4], None, [True] * 3,
    ),
    "far apart, other start": (
        TWO, [mean_shift(-9.0), early_stopping(0.3), mean_shift(14.0), kde(0.3)], [0.0, 0.3, 0.0, 0.5],
        GaussianMixture([0.2, 0.5, 0.3], [-1.0, 0.0, 4.0], [0.4, 0.6, 0.5]), [True] * 4,
    ),
    "plane": (
        TWO_IN_PLANE, [Channel(TURN, [3.0, -1.0], [[0.2, 0.05], [0.05, 0.1]])] * 3, [0.3] * 3, Gaussian([0.0, 4.0], 0.5),
        [True] * 3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOXES)
def test_a_box_holds_ten_deviations_of_the_mixture_and_the_tail_that_the_best_partner_leaves(name: str) -> None:
    """Partners of an image: what it was before its last channel, and itself where q_i holds it; one must bound its tail."""
    p, channels, alphas, start, enough = BOXES[name]
    dim = 1 if np.ndim(p.mean) == 0 else len(p.mean)
    matrix = np.array([[1.3, 0.0], [0.5, 0.8]])[:dim, :dim]
    frame, inverse = (np.full(dim, 0.7), matrix), np.linalg.inv(matrix)
    family = module._grow(
        as_mixture(p), None if start is None else as_mixture(start), channels, resolve_mixing(alphas, len(channels))
    )
    low, high, finite = module._intra_boxes(family, frame)
    assert finite.tolist() == enough
    for i, (blend, law) in enumerate(images_by_round(p, channels, alphas, start)):
        sides = []
        for parts in blend.values():
            for m, c in parts:
                spread = 10.0 * np.sqrt(np.diagonal(inverse @ c @ inverse.T))
                sides.append(np.stack([inverse @ m - spread, inverse @ m + spread]))
        for path, parts in law.items():
            known = [blend[old] for old in (path[:-1], path) if old in blend]
            bounds = []
            for old in known:
                each = np.array([reach(new, before, inverse) for new, before in zip(parts, old, strict=True)])
                bounds.append(np.stack([each[:, 0].min(axis=0), each[:, 1].max(axis=0)]))
            sides.append(np.stack([np.max([b[0] for b in bounds], axis=0), np.min([b[1] for b in bounds], axis=0)]))
        shift = inverse @ frame[0]
        if finite[i]:
            np.testing.assert_allclose(low[i], np.min([side[0] for side in sides], axis=0) - shift, rtol=1e-9)
            np.testing.assert_allclose(high[i], np.max([side[1] for side in sides], axis=0) - shift, rtol=1e-9)
        else:
            assert np.all(np.isinf(low[i]))


def test_a_tail_that_only_several_components_together_bound_is_followed() -> None:
    """A round law against a cross of a tall and a broad one: along the diagonals the ratio reaches far, and the box with it."""
    round_one = GaussianMixture([1.0], np.zeros((1, 2)), 2.0)
    cross = GaussianMixture([0.5, 0.5], np.zeros((2, 2)), [[4.0, 0.6], [0.6, 4.0]])
    assert chi2_infinite_reason(round_one, cross) is None
    box = module._tail_box(round_one, cross, (np.array([1.0, -1.0]), np.diag([2.0, 2.0])))
    axis = np.linspace(-80.0, 80.0, 641)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    logs = 2.0 * round_one.logpdf(x) - cross.logpdf(x)
    alive = x[logs > logs.max() - 42.0]
    low, high = 2.0 * box.lower + [1.0, -1.0], 2.0 * box.upper + [1.0, -1.0]
    assert np.all(low <= alive.min(axis=0))
    assert np.all(alive.max(axis=0) <= high)
    assert alive[:, 0].max() > 2.0 * math.sqrt(84.0) * 1.2  # farther than the components themselves
    assert np.all(high - low < 1.25 * np.ptp(alive, axis=0))


def test_intra_where_only_fresh_data_bounds_the_tail() -> None:
    """N(0, 0.3) + N(0, 0.4) is too wide for its own source, but q_0 holds p as well; the second round has a partner again."""
    channels, start = [Channel(noise=0.4)] * 2, Gaussian(0.5, 0.3)
    exact = exact_recursion(Gaussian(0.0, 1.0), channels[0], 0.5, 2, initial=start)
    grid = OnGrid(Gaussian(0.0, 1.0), channels, fresh_rows([0.5, 0.5]), start, 30.0, 4001)
    np.testing.assert_allclose(exact.intra, grid.intra(), rtol=1e-9)
    both = exact_recursion(Gaussian(0.0, 1.0), [Channel(noise=1.0), Channel(noise=0.1), Channel(noise=0.1)], 0.5, 3)
    assert np.isinf(both.intra).tolist() == [True, False, False]
    reason = chi2_infinite_reason(both.laws[1], both.mixtures[0])  # type: ignore[arg-type]
    assert both.reasons["intra[0]"] == reason


INTRA_SETTINGS: dict[str, tuple[Target, list[Channel], float, int]] = {
    "narrow models": (Gaussian(0.2, 1.0), [Channel(0.3, 0.1, 0.02)] * 3, 12.0, 6001),
    "far models": (Gaussian(0.0, 1.0), [mean_shift(7.7)], 30.0, 6001),
    "plane, common axes": (
        Gaussian([0.3, -0.2], [[1.0, 0.3], [0.3, 0.7]]), [Channel(0.9, [0.1, 0.0], [[0.2, 0.06], [0.06, 0.14]])] * 2, 11.0, 241,
    ),
    "boxes of several sizes": (Gaussian(0.0, 1.0), [kde(0.3), mean_shift(4.0), kde(0.3)], 30.0, 4001),
}  # fmt: skip


@pytest.mark.parametrize("name", INTRA_SETTINGS)
def test_intra_against_a_grid(name: str) -> None:
    p, channels, width, count = INTRA_SETTINGS[name]
    exact = exact_recursion(p, channels, 0.4, len(channels))
    grid = OnGrid(p, channels, fresh_rows([0.4] * len(channels)), None, width, count)
    np.testing.assert_allclose(exact.intra, grid.intra(), rtol=1e-9)


def test_where_the_target_lies_does_not_matter() -> None:
    near, far = (
        exact_recursion(Gaussian(m, 1.0), [kde(0.4), mean_shift(0.5)], 0.3, 2, initial=Gaussian(m + 0.3, 0.8))
        for m in (0.0, 40.0)
    )
    np.testing.assert_allclose(far.intra, near.intra, rtol=1e-9)
    a, b = (GaussianMixture([0.3, 0.7], [m - 1.5, m + 1.0], [0.6, 0.8]) for m in (0.0, 40.0))
    near, far = (exact_recursion(p, mean_shift(0.4), 0.3, 2) for p in (a, b))
    np.testing.assert_allclose(far.intra, near.intra, rtol=1e-9)
    np.testing.assert_allclose(far.divergence, near.divergence, rtol=1e-9)


@pytest.mark.parametrize(("rounds", "start"), [(3, None), (1, Gaussian(0.2, 1.0))])
def test_a_quadrature_is_made_if_halving_its_first_step_is_allowed(
    monkeypatch: pytest.MonkeyPatch, rounds: int, start: Gaussian | None
) -> None:
    """N(0, 1) moved by 0.3: the first step is 1/sqrt 2, and one halving must leave at most INTRA_NODES nodes of four images."""
    p, channel = Gaussian(0.0, 1.0), mean_shift(0.3)
    origin = None if start is None else as_mixture(start)
    family = module._grow(as_mixture(p), origin, [channel] * rounds, resolve_mixing(0.5, rounds))
    low, high, _ = module._intra_boxes(family, (np.zeros(1), np.eye(1)))
    nodes = 2 * (math.ceil((high.max() - low.min()) * math.sqrt(2.0)) + 1)
    full = exact_recursion(p, channel, 0.5, rounds, initial=start).intra
    for limit, value in (("INTRA_NODES", nodes), ("INTRA_ENTRIES", 4 * nodes)):
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, value)
            np.testing.assert_allclose(exact_recursion(p, channel, 0.5, rounds, initial=start).intra, full, rtol=1e-9)
            patch.setattr(module, limit, value - 1)
            assert np.all(np.isnan(exact_recursion(p, channel, 0.5, rounds, initial=start).intra))


def test_rounds_that_share_no_grid_have_their_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve near rounds share a grid of thirteen images; the far one that follows has a wider grid, but two images."""
    p, channels = Gaussian(0.0, 1.0), [mean_shift(0.01)] * 12 + [mean_shift(16.0)]
    full = exact_recursion(p, channels, "replace", 13).intra
    assert full[12] == pytest.approx(math.expm1(16.0**2), rel=1e-9)
    monkeypatch.setattr(module, "INTRA_ENTRIES", 700)
    few = exact_recursion(p, channels, "replace", 13).intra
    assert np.all(np.isnan(few[:12]))
    assert few[12] == pytest.approx(full[12], rel=1e-9)


def test_a_far_round_counts_the_images_of_its_own_laws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Round 1 has a grid of its own: two images in q_1, and two others in p^2."""
    p, channels = Gaussian(0.0, 1.0), [mean_shift(0.3), mean_shift(16.0)]
    family = module._grow(as_mixture(p), None, channels, resolve_mixing(0.5, 2))
    low, high, _ = module._intra_boxes(family, (np.zeros(1), np.eye(1)))
    nodes = 2 * (math.ceil((high[1, 0] - low[1, 0]) * math.sqrt(2.0)) + 1)
    for limit, known in ((4 * nodes, True), (4 * nodes - 1, False)):
        monkeypatch.setattr(module, "INTRA_ENTRIES", limit)
        assert math.isfinite(exact_recursion(p, channels, 0.5, 2).intra[1]) == known


@pytest.mark.parametrize(
    ("p", "channel", "alpha"),
    [
        (GaussianMixture([1.0 - 1e-9, 1e-9], [0.0, 0.0], [1.0, 100.0]), Channel(0.9), 0.5),
        (GaussianMixture([0.5, 0.5], [-6.0, 6.0], 0.3), mean_shift(3.0), 0.999),
    ],
)
def test_what_is_reported_of_an_unsettled_quadrature_is_right_to_a_millionth(
    monkeypatch: pytest.MonkeyPatch, p: Target, channel: Channel, alpha: float
) -> None:
    full = exact_recursion(p, channel, alpha, 2).intra
    seen = set()
    for nodes in (150, 200, 250, 300, 400, 500, 700, 1600):
        monkeypatch.setattr(module, "INTRA_NODES", nodes)
        found = exact_recursion(p, channel, alpha, 2).intra
        seen.update(np.isnan(found).tolist())
        known = ~np.isnan(found)
        np.testing.assert_allclose(found[known], full[known], rtol=1e-6)
    assert seen == {True, False}


def test_a_channel_that_does_next_to_nothing_to_a_mixture() -> None:
    assert 0.0 < exact_recursion(TWO, early_stopping(3e-15), 0.5, 1).intra[0] < 1e-25


def test_intra_of_tiny_rounds_is_the_squared_innovation() -> None:
    """q_i = p (1 + O(h)): the two squares agree to that order, however small they are."""
    found = exact_recursion(Gaussian(0.0, 1.0), Channel(noise=1e-12), 0.3, 3)
    np.testing.assert_allclose(found.intra, found.innovation**2, rtol=1e-9, atol=0.0)


# ------------------------------------------------------------------------------------------------- beyond the floats


def test_a_far_model_does_not_spoil_the_near_ones() -> None:
    """Mixture target, every round moved by s: chi2 is sum_jk w_j w_k int N_j N_k / p; ages beyond the floats are infinite."""
    p = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.5)
    far = exact_recursion(p, mean_shift(15.0), "replace", 2)
    assert far.divergence[1] == pytest.approx(float(chi2(far.laws[1], p)), rel=1e-8)  # type: ignore[arg-type]
    assert far.divergence[1] > 1e190
    np.testing.assert_allclose(far.intra, far.divergence[1], rtol=1e-8)
    assert far.innovation[0] ** 2 == pytest.approx(far.divergence[1], rel=1e-12)
    assert np.isinf(far.divergence).tolist() == [False, False, True]
    assert np.isinf(far.innovation).tolist() == [False, True]
    assert set(far.reasons) == {"divergence[2]", "innovation[1]"}
    assert set(far.reasons.values()) == {"finite but above 1e+280, the largest that is kept"}
    farther = exact_recursion(p, mean_shift(40.0), 0.5, 2)
    assert np.isinf(farther.divergence).tolist() == [False, True, True]
    assert np.isinf(farther.mixed).tolist() == [False, True]
    assert {"divergence[1]", "mixed[1]", "innovation[0]"} < set(farther.reasons)


def test_a_supremum_of_more_than_e_to_the_650_counts_as_infinite() -> None:
    for height, finite in ((649.9, True), (650.1, False)):
        shift = math.sqrt(height - 0.5 * math.log(2.0))  # log sup N(a, 1/2)/N(0, 1) = a^2 + log(2)/2
        law = Gaussian(shift, 0.5)
        found = exact_recursion(Gaussian(0.0, 1.0), Channel(), "replace", 1, initial=law).ratio_sup[0]
        assert math.isfinite(found) == math.isfinite(law_sup(as_mixture(law), as_mixture(Gaussian(0.0, 1.0)))) == finite
        if finite:
            assert math.log(found) == pytest.approx(height, rel=1e-12)


def test_the_limits_are_those_that_are_documented() -> None:
    assert f"more than {module.MAX_ATOMS} different components" in str(exact_recursion.__doc__)
    assert f"within {module.MAX_ROUNDS:,} rounds" in str(chi2_horizon.__doc__)


# ------------------------------------------------------------------------------------------- components and suprema


def test_with_nothing_fresh_the_images_of_the_target_do_not_matter() -> None:
    """After two rounds K^2 p is too wide, but the recursion never holds it."""
    found = exact_recursion(Gaussian(0.0, 1.0), Channel(noise=0.6), "replace", 2, initial=Gaussian(0.0, 0.1))
    np.testing.assert_allclose(found.divergence[1:], [1 / math.sqrt(s * (2.0 - s)) - 1.0 for s in (0.7, 1.3)], rtol=1e-12)


def test_the_target_itself_has_no_excess_at_all() -> None:
    nothing = exact_recursion(GaussianMixture([0.3, 0.7], [-1.0, 1.0], [0.5, 0.2]), Channel(), 0.4, 2)
    assert (nothing.divergence.tolist(), nothing.innovation.tolist()) == ([0.0] * 3, [0.0] * 2)


def test_zeros_of_either_sign_are_one_component() -> None:
    family = module._grow(as_mixture(Gaussian(0.0, 1.0)), None, [Channel()], resolve_mixing(0.5, 1))
    root = family.atoms[0]
    turned = module._Atom(0, -root.shift, -root.drift, root.cov)
    assert math.copysign(1.0, turned.shift[0, 0]) == -1.0
    assert family.add(turned) == 0


def test_laws_that_leave_the_floats_are_refused_and_those_at_their_edge_are_not() -> None:
    far = Gaussian(9e49, 1.0)
    with pytest.raises(ValueError, match=r"^channel must give laws with means of at most 1e\+50, got 1\.2e\+50$"):
        exact_recursion(far, Channel(shift=3e49), 0.5, 1)
    assert float(exact_recursion(far, Channel(shift=-3e49), 0.5, 1).laws[1].mean[0]) == pytest.approx(6e49, rel=1e-14)
    with pytest.raises(ValueError, match=r"^channel must give laws with variances of at most 1e\+100, got 1\.8e\+100$"):
        exact_recursion(Gaussian(0.0, 9e99), Channel(noise=9e99), 0.5, 1)
    widest = exact_recursion(Gaussian(0.0, 5e99), Channel(noise=5e99), 0.5, 1)
    assert widest.laws[1].cov.tolist() == [[1e100]]
    narrow = Gaussian(0.0, 1e-100)
    assert exact_recursion(narrow, Channel(gain=-1.0), 0.5, 1).divergence.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"density, with eigenvalues of at least 1e-100, got 9\.8e-101$"):
        exact_recursion(narrow, Channel(gain=-0.99), 0.5, 1)


def test_deviations_are_symmetric_to_the_last_digit() -> None:
    p, rng = Gaussian([0.3, -0.2, 0.1], [[1.0, 0.3, 0.1], [0.3, 0.7, 0.2], [0.1, 0.2, 0.9]]), np.random.default_rng(3)
    channels = [Channel(rng.standard_normal((3, 3)) / 3.0, 0.0, 0.1) for _ in range(4)]
    family = module._grow(as_mixture(p), None, channels, resolve_mixing(0.5, 4))
    white = module._white(np.linalg.cholesky(p.cov), family)
    for stack in (family.covs(), np.concatenate([atom.drift for atom in family.atoms]), white.drifts, white.covs):
        np.testing.assert_array_equal(stack, np.swapaxes(stack, 1, 2))


def test_in_one_dimension_a_relative_deviation_is_rounded_once() -> None:
    family = module._grow(as_mixture(Gaussian(0.0, 0.7)), None, [Channel(noise=0.011)] * 40, resolve_mixing(0.5, 40))
    exact = [Fraction(float(atom.drift[0, 0, 0])) / Fraction(0.7) for atom in family.atoms]
    assert module._relative(family).drifts[:, 0].tolist() == [float(value) for value in exact]


def test_matrices_that_commute_have_their_axes_found_though_their_sum_has_none() -> None:
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    stack = turn @ np.array([np.diag([1.0, 2.0]), np.diag([2.0, 1.0])]) @ turn.T  # together 3 I
    basis = module._common_basis(stack)
    np.testing.assert_allclose((basis.T @ stack @ basis)[:, 0, 1], 0.0, atol=1e-10)


def test_suprema_of_narrow_and_of_nearly_equal_components_keep_their_digits() -> None:
    """sup N(m + s, C)/N(m, B) = exp(s' (B - C)^-1 s / 2) sqrt(det B/det C) for C < B."""
    lower = np.array([[1.4, 0.0, 0.0], [0.5, 0.8, 0.0], [-0.3, 0.2, 0.6]])
    turn = np.linalg.qr(np.random.default_rng(5).standard_normal((3, 3)))[0]
    base = np.stack([lower @ lower.T] * 2)
    covs = np.array([lower @ turn @ np.diag(part) @ turn.T @ lower.T for part in ([0.01, 0.2, 0.9], [0.45, 0.05, 0.3])])
    shifts = np.array([[0.3, -0.2, 0.1], [-0.5, 0.1, 0.4]])
    bound = [0.5 * s @ np.linalg.solve(b - c, s) for s, b, c in zip(shifts, base, covs, strict=True)]
    bound += 0.5 * (np.linalg.slogdet(base)[1] - np.linalg.slogdet(covs)[1])
    np.testing.assert_allclose(_log_sups(shifts, covs - base, covs, base), bound, rtol=1e-11)
    tiny = _log_sups(np.zeros((1, 3)), -1e-11 * base[:1], (1.0 - 1e-11) * base[:1], base[:1])
    np.testing.assert_allclose(tiny, 1.5e-11, rtol=1e-9)


def test_weights_of_zero_do_not_enter_a_supremum() -> None:
    target = Gaussian(0.0, 1.0)
    padded = GaussianMixture([1.0, 0.0], [0.3, 0.0], [0.5, 9.0])
    assert law_sup(padded, as_mixture(target)) == pytest.approx(law_sup(as_mixture(Gaussian(0.3, 0.5)), as_mixture(target)))


def test_the_bound_of_a_ratio_to_a_mixture_by_hand() -> None:
    """q_i is one image: the sum of w_k times its best cover, or for images of p the largest ratio of like components."""
    p, channel = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.6, 0.8]), Channel(0.8, 0.4, 0.01)
    for start in (None, GaussianMixture([0.6, 0.4], [-1.0, 0.5], [0.3, 0.2])):
        found = exact_recursion(p, channel, "replace", 3, initial=start)
        for i in range(3):
            q = as_mixture(found.mixtures[i])  # type: ignore[arg-type]
            covers = law_sup(q, p)
            if start is None:
                shifts, drifts = q.means - p.means, (q.covs - p.covs)[:, 0, 0]
                same = [
                    0.5 * (s * s / -e - math.log1p(e / b)) if e else 0.0
                    for s, e, b in zip(shifts[:, 0], drifts, [0.6, 0.8], strict=True)
                ]
                covers = min(covers, math.exp(max(same)))
            assert found.ratio_sup[i] == pytest.approx(covers, rel=1e-12)


def test_divergence_from_the_standard_law_by_components() -> None:
    law = GaussianMixture([0.3, 0.7], [[0.5, -1.0], [0.2, 0.3]], [[[0.5, 0.2], [0.2, 0.6]], [[2.0, 0.1], [0.1, 0.4]]])
    times = np.array([0.0, 0.3, 2.0])
    for t, found in zip(times.tolist(), module._kl_to_standard(law, times).tolist(), strict=True):
        parts = parts_of(noised(law, t) if t > 0.0 else law)
        by_hand = sum(w * float(kl(Gaussian(m, c), Gaussian([0.0, 0.0], 1.0))) for w, m, c in parts)
        assert found == pytest.approx(by_hand, rel=1e-12)


# ------------------------------------------------------------------------------------------------ horizons at once


def test_scalar_gains_are_solved_without_iterating(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROUNDS", 5)
    slow = Channel(noise=1e-7)
    shared = np.array([[1.0, 0.3], [0.3, 1.2]])
    narrowest = float(np.linalg.eigvalsh(shared)[0])
    rounds = math.ceil(narrowest / 1e-7)
    assert chi2_horizon(Gaussian([0.0, 1.0], shared), slow) == rounds
    assert chi2_horizon(GaussianMixture([0.5, 0.5], np.eye(2), np.stack([shared] * 2)), slow) in (rounds, rounds + 1)
    unequal = GaussianMixture([0.5, 0.5], [[0.0, 1.0], [2.0, 0.0]], [[0.2, 0.2], [0.5, 0.5]])
    assert chi2_horizon(unequal, slow) == 5_000_000  # the widest component
    assert chi2_horizon(unequal, mean_shift([0.1, 0.0])) == math.inf
    several = GaussianMixture([0.3, 0.3, 0.4], [[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]], [[0.2, 0.2], [0.5, 0.5], [0.2, 0.2]])
    assert chi2_horizon(several, slow) == 5_000_000


def test_an_exact_equality_is_saved_by_the_other_components_for_one_round() -> None:
    """S_1 = 2 exactly, but the means are drawn together: the ratio decays by its linear terms."""
    p, channel = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1.0), Channel(0.5, 0.0, 1.75)
    assert chi2_infinite_reason(channel(p), p) is None
    assert chi2_infinite_reason(channel(channel(p)), p) is not None
    assert chi2_horizon(p, channel) == 2
    assert chi2_horizon(GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1.0), Channel(noise=0.5)) == 2


def test_horizons_ignore_components_of_weight_zero() -> None:
    plain = chi2_horizon(Gaussian(0.0, 1.0), Channel(noise=0.5))
    assert chi2_horizon(GaussianMixture([1.0, 0.0], [0.0, 5.0], [1.0, 9.0]), Channel(noise=0.5)) == plain == 2


def test_an_image_outside_the_space_is_infinite_in_an_innovation_by_its_share_alone() -> None:
    """Everything becomes N(0, 3): p^2 holds it wholly and q_1 by half, and half of an infinite norm is left."""
    found = exact_recursion(Gaussian(0.0, 1.0), Channel(gain=0.0, noise=3.0), 0.5, 2)
    assert np.all(np.isinf(found.innovation))
    assert found.reasons["innovation[1]"].startswith("it contains p after 1 rounds")


def first_wide_round(cov: np.ndarray, channel: Channel) -> float:
    """The first of 100 rounds after which S_n has an eigenvalue of 2 relative to S."""
    gain, _, noise = channel.matrices(len(cov))
    now = cov
    for rounds in range(1, 101):
        now = gain @ now @ gain.T + noise
        if np.linalg.eigvals(np.linalg.solve(cov, now)).real.max() >= 2.0 - 1e-12:
            return rounds
    return math.inf


def test_horizons_of_gains_that_first_stretch_and_then_contract() -> None:
    """Shears that contract: the powers grow for a while, so early rounds say nothing about the later ones."""
    rng = np.random.default_rng(12)
    seen = []
    for _ in range(40):
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        shear = np.eye(3) + np.diag(rng.uniform(0.0, 0.35, 2), 1)
        gain = float(rng.uniform(0.8, 0.97)) * turn @ shear @ turn.T
        root = 0.3 * rng.standard_normal((3, 3))
        cov, noise = np.eye(3) + root @ root.T, np.diag(rng.uniform(0.0, 0.12, 3))
        channel = Channel(gain, 0.0, noise)
        seen.append(first_wide_round(cov, channel))
        assert chi2_horizon(Gaussian(np.zeros(3), cov), channel) == seen[-1]
    assert any(math.isinf(first) for first in seen)  # six of ten
    assert any(3 < first < math.inf for first in seen)  # three of ten
    slow = Channel(0.97 * np.array([[1.0, 0.15], [0.0, 1.0]]))  # |G| = 1.05, |G^n| up to 1.9
    assert chi2_horizon(Gaussian([0.0, 0.0], 1.0), slow) == first_wide_round(np.eye(2), slow) > 5


def rounds_to_be_certain(law: GaussianMixture, gain: np.ndarray, noise: np.ndarray) -> int:
    """After which round |G^m| for all later m bounds every later covariance below twice each component's."""
    limit = linalg.solve_discrete_lyapunov(gain, noise)
    norms = [float(linalg.svdvals(np.linalg.matrix_power(gain, n))[0]) for n in range(200)]

    def ceiling(cov: np.ndarray, growth: float) -> float:
        axes = linalg.cholesky(cov, lower=True)
        apart = np.abs(linalg.eigvalsh(cov - limit, cov)).max()
        return float(linalg.eigh(limit, cov, eigvals_only=True)[-1] + (growth * np.linalg.cond(axes)) ** 2 * apart)

    return next(
        n for n in range(1, 200) if norms[n] < 1.0 and all(ceiling(cov, norms[n] * max(norms[:n])) < 2.0 for cov in law.covs)
    )


def test_rounds_go_on_until_no_later_one_can_be_infinite_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(31)
    seen = set()
    for _ in range(24):
        turn, roots = np.linalg.qr(rng.standard_normal((3, 3)))[0], rng.standard_normal((2, 3, 3))
        gain = rng.uniform(0.6, 0.9) * turn @ (np.eye(3) + np.diag(rng.uniform(0.05, 0.3, 2), 1)) @ turn.T
        spread = rng.uniform(0.3, 3.0, 2)[:, None, None]
        law = GaussianMixture([0.5, 0.5], np.zeros((2, 3)), spread * (np.eye(3) + roots @ np.swapaxes(roots, 1, 2)))
        noise = rng.uniform(0.0, 0.4) * np.diag(rng.uniform(0.0, 1.0, 3)) * float(spread.min())
        channel = Channel(gain, 0.0, noise)
        if any(first_wide_round(cov, channel) < math.inf for cov in law.covs):
            continue
        last = rounds_to_be_certain(law, gain, noise)
        seen.add(last)
        with monkeypatch.context() as patch:
            patch.setattr(module, "chi2_infinite_reason", None)  # below 2 it is not even asked
            patch.setattr(module, "MAX_ROUNDS", last)
            assert chi2_horizon(law, channel) == math.inf
            patch.setattr(module, "MAX_ROUNDS", last - 1)
            with pytest.raises(ValueError, match="stays near the limit"):
                chi2_horizon(law, channel)
    assert len(seen) >= 3


def test_the_series_of_a_limit_law_in_blocks_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    p = GaussianMixture([0.3, 0.7], [[50.0, -10.0], [20.0, 30.0]], [[[0.5, 0.2], [0.2, 0.6]], [[2.0, 0.1], [0.1, 0.4]]])
    whole = limit_law(p, 0.02, 0.5, tol=1e-3)
    terms = math.ceil(math.log(1e-3) / math.log(0.5))
    by_hand = [as_mixture(noised(p, 0.02 * k)) for k in range(1, terms + 1)]
    shares = [0.5 * 0.5 ** (k - 1) for k in range(1, terms)] + [0.5 ** (terms - 1)]
    weights = np.concatenate([share * law.weights for share, law in zip(shares, by_hand, strict=True)])
    np.testing.assert_allclose(whole.weights, weights, rtol=1e-12)
    np.testing.assert_allclose(whole.means, np.concatenate([law.means for law in by_hand]), rtol=1e-12)
    np.testing.assert_allclose(whole.covs, np.concatenate([law.covs for law in by_hand]), rtol=1e-12)
    for block in (1, 7, terms, terms - 1):
        monkeypatch.setattr(module, "SERIES_BLOCK", block)
        found = limit_law(p, 0.02, 0.5, tol=1e-3)
        np.testing.assert_array_equal(found.weights, whole.weights)
        np.testing.assert_array_equal(found.covs, whole.covs)
    monkeypatch.setattr(module, "SERIES_BLOCK", 1)
    monkeypatch.setattr(module, "SERIES_ENTRIES", 8 * (terms + 1))
    assert len(limit_law(p, 0.02, 0.5, tol=1e-3).weights) == 2 * terms
    monkeypatch.setattr(module, "SERIES_ENTRIES", 8 * terms)
    with pytest.raises(ValueError, match=f"t0 and alpha must be large enough .* {terms} terms, got t0 = 0.02 and alpha = 0.5"):
        limit_law(p, 0.02, 0.5, tol=1e-3)


def test_a_law_narrower_than_the_digits_of_its_place_has_no_intra() -> None:
    """I_0 = chi2(N(m, v/2) || N(m, v)); about 0.3 the nodes of a width of 1e-10 would fall on each other."""
    gain = math.sqrt(0.5)
    for place, variance, known in ((0.3, 1e-12, True), (0.3, 1e-22, False), (0.0, 1e-22, True)):
        channel, start = Channel(gain=gain, shift=place * (1.0 - gain)), Gaussian(place, variance)
        found = exact_recursion(Gaussian(0.0, 1.2), channel, "replace", 1, initial=start)
        if known:
            assert found.intra[0] == pytest.approx(1.0 / math.sqrt(0.75) - 1.0, rel=1e-6)
        else:
            assert math.isnan(found.intra[0])
            assert "does not settle" in found.reasons["intra[0]"]


def test_a_quadrature_that_does_not_settle_gives_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    p, channel = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.5), Channel(gain=0.9, noise=0.2)
    settled = exact_recursion(p, channel, 0.5, 2)
    real = module.integrate_sums
    for share, known in ((0.9e-6, True), (1.2e-6, False), (0.5, False)):

        def rough(*args: Any, share: float = share, **options: Any) -> tuple[np.ndarray, np.ndarray]:
            total, _ = real(*args, **options)
            return total, share * np.abs(total)

        monkeypatch.setattr(module, "integrate_sums", rough)
        found = exact_recursion(p, channel, 0.5, 2)
        np.testing.assert_array_equal(found.intra, settled.intra if known else np.full(2, math.nan))
        assert ("does not settle" in found.reasons.get("intra[1]", "")) is not known


def test_a_cross_turned_by_a_right_angle_covers_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each component is too wide for the other, but the mixture stays what it was, until it has grown by sqrt 2."""
    cross = GaussianMixture([0.5, 0.5, 0.0], np.zeros((3, 2)), [[4.0, 0.6], [0.6, 4.0], [0.1, 0.1]])
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    for stretch in (1.02, 1.1, 1.3):
        assert chi2_horizon(cross, Channel(stretch * turn)) == math.ceil(math.log(2.0) / (2.0 * math.log(stretch)))
    last = math.ceil(math.log(2.0) / (2.0 * math.log(1.1)))
    monkeypatch.setattr(module, "MAX_ROUNDS", last)
    assert chi2_horizon(cross, Channel(1.1 * turn)) == last
    monkeypatch.setattr(module, "MAX_ROUNDS", last - 1)
    with pytest.raises(ValueError, match=f"within {last - 1} rounds"):
        chi2_horizon(cross, Channel(1.1 * turn))


def test_at_equality_the_means_decide_for_gains_of_any_kind() -> None:
    """S_1 = diag(2, .): images of the means within those of the target save the first round, others do not."""
    p = GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [3.0, 0.0]], 1.0)
    for offset, first in ((1.2, 2), (-1.2, 1)):
        channel = Channel(np.diag([0.5, 0.25]), [offset, 0.0], np.diag([1.75, 0.1]))
        assert (chi2_infinite_reason(channel(p), p) is None) == (first == 2)
        assert chi2_horizon(p, channel) == first
