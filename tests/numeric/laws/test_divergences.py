"""Divergences against routes that share no code with them: mpmath integrals, plain grids, asymptotics, sampling."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from scipy import integrate, linalg, stats

from numeric.estimate import Estimate
from numeric.laws.divergences import (
    chi2,
    chi2_infinite_reason,
    hellinger,
    kl,
    pair_excess,
    quantile,
    renyi,
    tv,
    w1,
    w2,
)
from numeric.laws.targets import Gaussian, GaussianMixture, Target, paper_mixture

Z = 5.5  # two-sided normal tail 4e-8: a handful of comparisons fail once in a million


def value(result: float | Estimate) -> float:
    return float(result)


# ------------------------------------------------------------------------------- 1-D Gaussians, 40 digits by mpmath


def high_precision(kind: str, m1: float, v1: float, m0: float, v0: float) -> float:
    """The divergence of the densities themselves by quadrature with 36 digits."""
    with mpmath.workdps(36):
        a, s, b, t = (mpmath.mpf(x) for x in (m1, v1, m0, v0))

        def density(x: mpmath.mpf, mean: mpmath.mpf, var: mpmath.mpf) -> mpmath.mpf:
            return mpmath.exp(-((x - mean) ** 2) / (2 * var)) / mpmath.sqrt(2 * mpmath.pi * var)

        def term(x: mpmath.mpf) -> mpmath.mpf:
            p, q = density(x, a, s), density(x, b, t)
            if kind == "chi2":
                return (p - q) ** 2 / q
            if kind == "kl":
                return p * mpmath.log(p / q) - p + q
            if kind == "hellinger":
                return (mpmath.sqrt(p) - mpmath.sqrt(q)) ** 2 / 2
            return p**3 / q**2 - 3 * p + 2 * q  # Rényi order 3

        width = 16 * mpmath.sqrt(max(s, t)) / mpmath.sqrt(min(1, 3 / s - 2 / t if kind == "renyi" else 2 - s / t))
        edges = [b + width * k / 6 for k in range(-6, 7)]
        total = mpmath.quad(term, edges)
        if kind == "hellinger":
            return float(mpmath.sqrt(total))
        return float(mpmath.log1p(total) / 2) if kind == "renyi" else float(total)


CASES = [
    (0.3, 1.4, 0.0, 1.0),
    (0.0, 1.0 + 1e-6, 1e-7, 1.0),
    (1e-6, 0.5, 0.0, 0.5),
    (-1.0, 0.2, 0.4, 0.7),
    (0.0, 1.0, 0.0, 1.0 - 3e-7),
]
FUNCTIONS: dict[str, Callable[..., float | Estimate]] = {"chi2": chi2, "kl": kl, "hellinger": hellinger, "renyi": renyi}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("case", CASES)
def test_gaussian_closed_forms_keep_their_digits(kind: str, case: tuple[float, float, float, float]) -> None:
    m1, v1, m0, v0 = case
    options = {"order": 3.0} if kind == "renyi" else {}
    measured = value(FUNCTIONS[kind](Gaussian(m1, v1), Gaussian(m0, v0), **options))
    assert measured == pytest.approx(high_precision(kind, m1, v1, m0, v0), rel=2e-11, abs=0)


def test_textbook_arrangement_would_lose_them() -> None:
    m1, v1, m0, v0 = CASES[1]
    textbook = math.sqrt(v0) / v1 / math.sqrt(2 / v1 - 1 / v0) * math.exp((m1 - m0) ** 2 / (2 * v0 - v1)) - 1
    assert textbook != pytest.approx(high_precision("chi2", m1, v1, m0, v0), rel=2e-11, abs=0)


# ------------------------------------------------------------------------------------ two dimensions against a grid


def grid_divergence(kind: str, p: Target, q: Target, half_width: float = 14.0, count: int = 281) -> float:
    """The same integrals on a plain grid with densities from scipy."""
    axis = np.linspace(-half_width, half_width, count)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    dense = []
    for law in (p, q):
        parts = [(1.0, law.mean, law.cov)] if isinstance(law, Gaussian) else zip(law.weights, law.means, law.covs, strict=True)
        dense.append(sum(w * stats.multivariate_normal(m, c).pdf(x) for w, m, c in parts))
    left, right = dense
    keep = (left > 1e-290) & (right > 1e-290)
    left, right = left[keep], right[keep]
    terms = {
        "chi2": left**2 / right - 2 * left + right,
        "kl": left * np.log(left / right),
        "hellinger": 0.5 * (np.sqrt(left) - np.sqrt(right)) ** 2,
        "renyi": left * (left / right) ** 2,
        "tv": 0.5 * np.abs(left - right),
    }[kind]
    total = float(np.sum(terms)) * (axis[1] - axis[0]) ** 2
    return math.sqrt(total) if kind == "hellinger" else 0.5 * math.log(total) if kind == "renyi" else total


LEARNED = Gaussian([0.3, -0.2], [[1.1, 0.4], [0.4, 0.7]])
REFERENCE = Gaussian([-0.1, 0.2], [[1.3, -0.2], [-0.2, 0.9]])
MIXED = GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [[[0.5, 0.2], [0.2, 0.6]], [[0.9, -0.3], [-0.3, 0.5]]])
WIDE = GaussianMixture([0.5, 0.5], [[-0.8, 0.3], [0.9, 0.0]], [[[1.0, 0.1], [0.1, 0.8]], [[0.8, 0.0], [0.0, 1.2]]])


@pytest.mark.parametrize(
    "pair", [(LEARNED, REFERENCE), (MIXED, Gaussian([0.2, 0.1], [[2.0, 0.2], [0.2, 1.0]])), (MIXED, WIDE), (LEARNED, WIDE)]
)
@pytest.mark.parametrize("kind", ["chi2", "kl", "hellinger", "renyi", "tv"])
def test_two_dimensions_against_a_grid(kind: str, pair: tuple[Target, Target]) -> None:
    p, q = pair
    function = {**FUNCTIONS, "tv": tv}[kind]
    options = {"order": 3.0} if kind == "renyi" else {}
    tolerance = 3e-3 if kind == "tv" else 1e-8
    truth = grid_divergence(kind, p, q, *((26.0, 421) if kind == "renyi" else ()))
    assert value(function(p, q, **options)) == pytest.approx(truth, rel=tolerance)
    if kind in ("chi2", "kl"):  # learned first: the reversed arguments are rejected by the same comparison
        assert value(function(q, p, **options)) != pytest.approx(truth, rel=1e-3)


def test_pair_excess_against_a_grid() -> None:
    axis = np.linspace(-16.0, 16.0, 401)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    shifts = np.array([[0.3, -0.5], [0.2, 0.4]])
    drifts = np.array([[[0.3, 0.2], [0.2, -0.4]], [[-0.5, 0.1], [0.1, 0.4]]])
    parts = [stats.multivariate_normal(a, np.eye(2) + e).pdf(x) for a, e in zip(shifts, drifts, strict=True)]
    reference = stats.multivariate_normal(np.zeros(2), np.eye(2)).pdf(x)
    keep = reference > 1e-290
    truth = (
        np.array([[np.sum(a[keep] * b[keep] / reference[keep]) for b in parts] for a in parts]) * (axis[1] - axis[0]) ** 2 - 1.0
    )
    np.testing.assert_allclose(pair_excess(shifts, drifts), truth, rtol=1e-9)
    assert not np.allclose(pair_excess(shifts, -drifts), truth, rtol=1e-3)


def test_many_kernels_of_one_covariance_take_the_same_value() -> None:
    rng = np.random.default_rng(11)
    centres = rng.standard_normal((600, 3))
    kernels, target = GaussianMixture(np.full(600, 1 / 600), centres, 0.09), Gaussian(np.zeros(3), [1.0, 1.2, 0.9])
    direct = 0.0
    precision = 2 / 0.09 - 1 / np.array([1.0, 1.2, 0.9])
    for a in centres:  # the pair formula of the definition, one row at a time
        linear = (a + centres) / 0.09
        log_terms = 0.5 * np.sum(linear**2 / precision, axis=1) - 0.5 * (a @ a + np.sum(centres**2, axis=1)) / 0.09
        direct += float(np.sum(np.exp(log_terms))) / 600**2
    direct *= float(np.prod(np.sqrt([1.0, 1.2, 0.9]) / 0.09 / np.sqrt(precision)))
    assert value(chi2(kernels, target)) == pytest.approx(direct - 1.0, rel=1e-10)


# ----------------------------------------------------------------------------------------------------- infinities


def test_reference_example_at_equality() -> None:
    q = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1.0)
    p = Gaussian(0.0, 2.0)

    def ratio(x: float) -> float:
        log_q = float(np.logaddexp(stats.norm.logpdf(x, -1), stats.norm.logpdf(x, 1))) - math.log(2.0)
        return math.exp(2.0 * float(stats.norm.logpdf(x, 0, math.sqrt(2.0))) - log_q)

    truth, _ = integrate.quad(ratio, -80.0, 80.0, points=[-1.0, 1.0], limit=400, epsrel=1e-11)
    assert value(chi2(p, q)) == pytest.approx(truth - 1.0, rel=1e-9)
    assert round(value(chi2(p, q)), 5) == 0.03318
    assert chi2(Gaussian(1.0, 2.0), q) == math.inf  # the linear terms balance exactly
    assert chi2(Gaussian(0.999, 2.0), q) < math.inf
    assert chi2(p, Gaussian(0.0, 1.0)) == math.inf  # one reference component: equality is infinite


def test_relative_eigenvalue_below_the_margin_counts_as_zero() -> None:
    assert chi2(Gaussian(0.0, 2.0 - 1e-13), Gaussian(0.0, 1.0)) == math.inf
    assert chi2(Gaussian(0.0, 2.0 - 1e-10), Gaussian(0.0, 1.0)) < math.inf
    assert chi2(Gaussian(0.0, 2e-8 * (1 - 1e-13)), Gaussian(0.0, 1e-8)) == math.inf  # relative, whatever the scale


def falls_off(p: GaussianMixture, q: GaussianMixture, radius: float = 1e5) -> bool:
    """Brute force: log(p^2/q) along 1440 rays, far out, at two radii; finite iff it decreases on all of them."""
    angles = np.linspace(0.0, 2.0 * math.pi, 1440, endpoint=False)
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)[:, : p.dim] if p.dim == 2 else np.array([[1.0], [-1.0]])

    def exponent(r: float) -> np.ndarray:
        return 2.0 * p.logpdf(r * rays) - q.logpdf(r * rays)

    return bool(np.all(exponent(2 * radius) < exponent(radius)))


def random_mixture(rng: np.random.Generator, dim: int, spread: float) -> GaussianMixture:
    count = int(rng.integers(1, 4))
    roots = rng.standard_normal((count, dim, dim)) * spread
    return GaussianMixture(
        rng.dirichlet(np.ones(count)), rng.standard_normal((count, dim)), roots @ np.swapaxes(roots, 1, 2) + 0.15 * np.eye(dim)
    )


@pytest.mark.parametrize("dim", [1, 2])
def test_finiteness_against_brute_force(dim: int) -> None:
    rng = np.random.default_rng(100 + dim)
    outcomes = {True: 0, False: 0}
    single_component_rule_wrong = 0
    for _ in range(150):
        p, q = random_mixture(rng, dim, 0.6), random_mixture(rng, dim, 0.75)
        finite = chi2_infinite_reason(p, q) is None
        assert finite == falls_off(p, q)
        outcomes[finite] += 1
        # wrong twin: ask for one reference component that covers everything
        covered = any(all(np.linalg.eigvalsh(2 * ref - own)[0] > 0 for own in p.covs) for ref in q.covs)
        single_component_rule_wrong += covered != finite
    assert min(outcomes.values()) >= 20
    assert single_component_rule_wrong > 0 or dim == 1


def test_two_references_cover_together_what_neither_covers_alone() -> None:
    q = GaussianMixture([0.5, 0.5], np.zeros((2, 2)), [[1.0, 0.4], [0.4, 1.0]])
    below, above = 2.0 / 1.75 - 1e-6, 2.0 / 1.75 + 1e-6  # in the diagonal directions both precisions are 1.75
    assert chi2_infinite_reason(Gaussian(np.zeros(2), 1.0), q) is None
    assert chi2_infinite_reason(Gaussian(np.zeros(2), below), q) is None
    assert chi2_infinite_reason(Gaussian(np.zeros(2), above), q) is not None
    assert all(chi2(Gaussian(np.zeros(2), 1.0), Gaussian(np.zeros(2), cov)) == math.inf for cov in q.covs)
    wide = GaussianMixture([0.5, 0.5], np.zeros((2, 4)), [[1.0, 0.4, 5.0, 5.0], [0.4, 1.0, 5.0, 5.0]])  # d > 2: searched
    assert chi2_infinite_reason(Gaussian(np.zeros(4), 1.1), wide) is None
    assert chi2_infinite_reason(Gaussian(np.zeros(4), 1.2), wide) is not None


def test_equality_in_two_dimensions_is_decided_by_the_convex_hull() -> None:
    corners = np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    q = GaussianMixture([0.4, 0.3, 0.3], corners, 1.0)
    assert chi2_infinite_reason(Gaussian([0.1, 0.0], 2.0), q) is None
    assert chi2_infinite_reason(Gaussian([-0.5, 0.0], 2.0), q) is not None  # on an edge
    assert chi2_infinite_reason(Gaussian([0.6, 0.6], 2.0), q) is not None  # outside
    line = GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], 1.0)
    assert chi2_infinite_reason(Gaussian([0.0, 0.0], [2.0, 1.5]), line) is None  # equality along the hull only
    assert chi2_infinite_reason(Gaussian([0.0, 0.0], [1.5, 2.0]), line) is not None


def test_components_of_weight_zero_decide_nothing() -> None:
    narrow, wide = GaussianMixture([1.0, 0.0], [0.0, 0.0], [1.0, 9.0]), Gaussian(0.0, 1.0)
    assert value(chi2(narrow, wide)) == pytest.approx(0.0, abs=1e-15)
    assert chi2(GaussianMixture([1 - 1e-12, 1e-12], [0.0, 0.0], [1.0, 9.0]), wide) == math.inf
    assert chi2(Gaussian(0.0, 4.0), narrow) == math.inf


def test_reason_names_the_pair_and_the_eigenvalue() -> None:
    reason = chi2_infinite_reason(GaussianMixture([0.5, 0.5], [0.0, 1.0], [1.0, 2.5]), Gaussian(0.0, 1.0))
    assert reason is not None
    assert "component 1" in reason
    assert "component 0" in reason
    assert "-0.5" in reason


def test_infinite_with_draws_is_an_estimate_without_error() -> None:
    result = chi2(Gaussian(0.0, 3.0), Gaussian(0.0, 1.0), n=10, rng=0)
    assert isinstance(result, Estimate)
    assert (result.value, result.stderr) == (math.inf, 0.0)
    assert renyi(Gaussian(0.0, 1.6), Gaussian(0.0, 1.0), order=3.0) == math.inf
    assert renyi(Gaussian(0.0, 1.4), Gaussian(0.0, 1.0), order=3.0) < math.inf


# ---------------------------------------------------------------------------------------------------- Monte Carlo


@pytest.mark.parametrize("kind", ["chi2", "kl", "hellinger", "renyi", "tv"])
def test_monte_carlo_against_quadrature(kind: str) -> None:
    function = {**FUNCTIONS, "tv": tv}[kind]
    options = {"order": 0.5} if kind == "renyi" else {}
    truth = value(function(MIXED, WIDE, **options))
    estimate = function(MIXED, WIDE, n=20_000, rng=5, **options)
    assert isinstance(estimate, Estimate)
    assert abs(estimate.value - truth) <= Z * estimate.stderr
    wrong = value(function(WIDE, LEARNED, **options))
    assert abs(estimate.value - wrong) > Z * estimate.stderr
    assert estimate.ess is not None
    assert 0 < estimate.ess <= 20_000


def test_mixtures_above_two_dimensions_need_draws() -> None:
    p, q = paper_mixture(), GaussianMixture(paper_mixture().weights, paper_mixture().means, 0.4)
    for function in (chi2, kl, tv, hellinger):
        with pytest.raises(ValueError, match="n must be given"):
            function(p, q)
    estimate = chi2(p, q, n=20_000, rng=1)
    assert isinstance(estimate, Estimate)
    one_component = value(chi2(Gaussian(np.zeros(10), 0.36), Gaussian(np.zeros(10), 0.4)))  # separate modes: nearly the same
    assert abs(estimate.value - one_component) <= Z * estimate.stderr + 1e-4


# ------------------------------------------------------------------------------------------------ TV and transport


def test_total_variation_in_one_dimension() -> None:
    p, q = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4]), GaussianMixture([0.5, 0.5], [-1.0, 1.2], [0.3, 0.3])
    x = np.linspace(-8.0, 8.0, 800_001)
    truth = 0.5 * float(np.sum(np.abs(np.exp(p.logpdf(x)) - np.exp(q.logpdf(x))))) * (x[1] - x[0])
    assert value(tv(p, q)) == pytest.approx(truth, abs=3e-9)
    assert value(tv(Gaussian(0.0, 1.0), Gaussian(0.3, 1.0))) == pytest.approx(2 * stats.norm.cdf(0.15) - 1, rel=1e-13)
    assert value(tv(Gaussian([0.0, 0.0, 0.0], 2.0), Gaussian([1.0, 1.0, 0.0], 2.0))) == pytest.approx(
        2 * stats.norm.cdf(0.5) - 1, rel=1e-13
    )
    narrow = value(tv(Gaussian(0.0, 1.0), Gaussian(0.0, 1e-8)))  # one law a thousand times narrower than the grid
    cut = math.sqrt(8 * math.log(10) / (1e8 - 1))
    assert narrow == pytest.approx(2 * (stats.norm.cdf(cut * 1e4) - stats.norm.cdf(cut)), abs=1e-9)


def test_wasserstein_one_is_the_area_between_distribution_functions() -> None:
    p, q = GaussianMixture([0.3, 0.7], [-5.0, 5.0], [0.3, 0.5]), GaussianMixture([0.4, 0.6], [-5.0, 5.2], [0.4, 0.5])
    x = np.linspace(-12.0, 12.0, 400_001)

    def cdf(law: GaussianMixture) -> np.ndarray:
        return np.sum(
            [w * stats.norm.cdf(x, m[0], math.sqrt(c[0, 0])) for w, m, c in zip(law.weights, law.means, law.covs, strict=True)],
            axis=0,
        )

    truth = float(integrate.trapezoid(np.abs(cdf(p) - cdf(q)), x))
    assert w1(p, q) == pytest.approx(truth, rel=1e-8)
    assert w1(p, q) > abs(float((p.mean - q.mean)[0])) * (1 + 1e-6)  # wrong twin: the difference of the means
    assert w1(Gaussian(0.0, 1.0), Gaussian(0.7, 1.0)) == pytest.approx(0.7, rel=1e-13)


def test_wasserstein_two_in_one_dimension() -> None:
    assert value(w2(GaussianMixture([0.5, 0.5], [0.0, 0.0], 1.0), Gaussian(1.0, 4.0))) == pytest.approx(
        math.sqrt(2.0), rel=1e-12
    )
    p, q = GaussianMixture([0.3, 0.7], [-5.0, 5.0], [0.3, 0.5]), GaussianMixture([0.4, 0.6], [-5.0, 5.2], [0.4, 0.5])
    levels = (np.arange(400_000) + 0.5) / 400_000
    table = np.linspace(-14.0, 14.0, 400_001)

    def inverse(law: GaussianMixture) -> np.ndarray:
        cdf = np.sum(
            [
                w * stats.norm.cdf(table, m[0], math.sqrt(c[0, 0]))
                for w, m, c in zip(law.weights, law.means, law.covs, strict=True)
            ],
            axis=0,
        )
        return np.interp(levels, cdf, table)

    truth = math.sqrt(float(np.mean((inverse(p) - inverse(q)) ** 2)))
    assert value(w2(p, q)) == pytest.approx(truth, rel=1e-4)
    assert w1(p, q) < value(w2(p, q))
    estimate = w2(p, q, n=5_000, rng=3)
    assert isinstance(estimate, Estimate)
    assert abs(estimate.value - value(w2(p, q))) <= Z * estimate.stderr


def test_quantile_inverts_the_distribution_function_in_both_tails() -> None:
    law = GaussianMixture([0.2, 0.8], [-3.0, 2.0], [0.5, 1.5])
    z = np.linspace(-9.0, 9.0, 181)
    x = quantile(law, z)
    lower = 0.2 * stats.norm.cdf(x, -3.0, math.sqrt(0.5)) + 0.8 * stats.norm.cdf(x, 2.0, math.sqrt(1.5))
    upper = 0.2 * stats.norm.sf(x, -3.0, math.sqrt(0.5)) + 0.8 * stats.norm.sf(x, 2.0, math.sqrt(1.5))
    np.testing.assert_allclose(lower[z <= 0], stats.norm.cdf(z[z <= 0]), rtol=1e-11)
    np.testing.assert_allclose(upper[z >= 0], stats.norm.sf(z[z >= 0]), rtol=1e-11)


def test_bures_distance_against_matrix_square_roots_and_for_tiny_differences() -> None:
    root = linalg.sqrtm(REFERENCE.cov)
    cross = linalg.sqrtm(root @ LEARNED.cov @ root)
    square = float(np.sum((LEARNED.mean - REFERENCE.mean) ** 2) + np.trace(LEARNED.cov + REFERENCE.cov - 2 * cross))
    assert value(w2(LEARNED, REFERENCE)) == pytest.approx(math.sqrt(square), rel=1e-10)
    a, b = 1e-7, 1e-6
    with mpmath.workdps(40):
        scaled = mpmath.mpf(1.0 + b)
        truth = float(mpmath.sqrt(mpmath.mpf(a) ** 2 + (mpmath.sqrt(scaled) - 1) ** 2))
    assert value(w2(Gaussian(0.0, 1.0), Gaussian(a, 1.0 + b))) == pytest.approx(truth, rel=1e-12, abs=0)
    assert math.sqrt(a * a + 2.0 + b - 2.0 * math.sqrt(1.0 + b)) != pytest.approx(
        truth, rel=1e-12, abs=0
    )  # textbook arrangement
    with pytest.raises(ValueError, match="w2"):
        w2(MIXED, WIDE)
    with pytest.raises(ValueError, match="w1"):
        w1(MIXED, WIDE)


# ------------------------------------------------------------------------------------------------------ inequalities


def test_inequalities_between_divergences() -> None:
    rng = np.random.default_rng(8)
    tight = 0.0
    for _ in range(20):
        p, q = random_mixture(rng, 1, 0.4), random_mixture(rng, 1, 0.8)
        square, entropy, variation, distance = value(chi2(p, q)), value(kl(p, q)), value(tv(p, q)), value(hellinger(p, q))
        assert entropy <= math.log1p(square) * (1 + 1e-9)
        assert variation <= 0.5 * math.sqrt(square) * (1 + 1e-9)
        assert variation <= math.sqrt(entropy / 2) * (1 + 1e-9)
        assert distance**2 <= variation + 1e-12 <= distance * math.sqrt(2 - distance**2) + 2e-12
        assert value(renyi(p, q, order=0.5)) == pytest.approx(-2 * math.log1p(-(distance**2)), rel=1e-8)
        assert value(renyi(p, q, order=1.0)) == entropy
        tight = max(tight, variation / math.sqrt(entropy / 2))
    assert tight > 0.895  # so that the constant ½ -> 0.4 of Pinsker's inequality would be noticed
    assert tight > math.sqrt(0.4 / 0.5)


@pytest.mark.parametrize("function", [chi2, kl, tv, w2, hellinger])
def test_zero_between_equal_laws_and_refusals(function: Callable[..., float | Estimate]) -> None:
    assert value(function(Gaussian([0.1, 0.2], 1.0), Gaussian([0.1, 0.2], 1.0))) == 0.0
    with pytest.raises(ValueError, match="dimension"):
        function(Gaussian(0.0, 1.0), LEARNED)
    with pytest.raises(TypeError, match="p must be"):
        function("law", LEARNED)
    with pytest.raises(TypeError, match="q must be"):
        function(LEARNED, np.zeros(3))
    with pytest.raises(ValueError, match="n must be"):
        function(Gaussian(0.0, 1.0), Gaussian(0.0, 2.0), n=0)


def test_renyi_refuses_orders_outside_its_domain() -> None:
    for order in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="order"):
            renyi(LEARNED, REFERENCE, order=order)
