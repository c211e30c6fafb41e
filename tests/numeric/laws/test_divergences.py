"""Divergences against routes that share no code with them: mpmath integrals, plain grids, asymptotics, sampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import mpmath
import numpy as np
import pytest
from scipy import integrate, linalg, stats

from numeric.domains import Unresolved
from numeric.estimate import Estimate
from numeric.laws import divergences
from numeric.laws.divergences import (
    PAIR_CHUNK,
    Relatives,
    _adaptive,
    _blocks,
    _climb,
    _crossings,
    _estimate,
    _interval_masses,
    _kl_integrand,
    _log_gap,
    _log_kl_term,
    _log_mean,
    _minus_log1p,
    _no_higher,
    _renyi_integrand,
    _strictly_inside,
    _worst_direction,
    axis_variances,
    chi2,
    chi2_infinite_reason,
    chi2_integrand,
    hellinger,
    kl,
    pair_excess,
    quantile,
    renyi,
    tv,
    w1,
    w2,
)
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture, paper_mixture
from numeric.validation import Array

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


def relatives(shifts: Array, drifts: Array) -> Relatives:
    return Relatives(shifts, drifts, drifts + (1.0 if drifts.ndim == 2 else np.eye(shifts.shape[1])))


def exact_pair(means: Sequence[float], variances: Sequence[float]) -> float:
    """int N_j N_k / N(0, 1) - 1 by completing the square, which costs twice the digits of the narrower."""
    with mpmath.workdps(200):
        (a, b), (s, t) = ([mpmath.mpf(x) for x in pair] for pair in (means, variances))
        precision, linear = 1 / s + 1 / t - 1, a / s + b / t
        exponent = (linear**2 / precision - a * a / s - b * b / t) / 2
        return float(mpmath.expm1(exponent - mpmath.log(s * t * precision) / 2))


@pytest.mark.parametrize("size", [1e-3, 1e-8, 1e-12, 1e-15, 1e-60])
def test_narrow_pairs_keep_their_digits(size: float) -> None:
    """Where E is -1 but for rounding; with E alone the digits are gone."""
    means, variances = np.array([0.3, 0.3 + math.sqrt(size), -1.0, 0.2]), np.array([size, 0.7 * size, 0.4, 1.2])
    drifts, covs = variances - 1.0, variances
    truth = np.array(
        [
            [exact_pair((a, b), (s, t)) for b, t in zip(means, variances, strict=True)]
            for a, s in zip(means, variances, strict=True)
        ]
    )
    finite = np.isfinite(truth)
    diagonal = pair_excess(Relatives(means[:, None], drifts[:, None], covs[:, None]))
    matrix = pair_excess(Relatives(means[:, None], drifts[:, None, None], covs[:, None, None]))
    for found in (diagonal, matrix):
        np.testing.assert_allclose(found[finite], truth[finite], rtol=1e-12)
    if size < 1e-11:
        with np.errstate(all="ignore"):
            rounded = pair_excess(Relatives(means[:, None], drifts[:, None], 1.0 + drifts[:, None]))
        assert not np.allclose(rounded[finite], truth[finite], rtol=1e-6)


@pytest.mark.parametrize("size", [1e-6, 1e-13, 1e-30])
def test_chi2_of_narrow_laws(size: float) -> None:
    """One axis is narrow, the other nearly the reference's; also turned, as a mixture of equal and of different covariances."""
    thick, gap = 1.0 + 1e-3, 2.0 * math.sqrt(size)
    alone = exact_pair((0.1, 0.1), (size, size))
    for turn in (np.eye(2), np.array([[0.6, -0.8], [0.8, 0.6]])):
        if size < 1e-15 and turn[0, 0] < 1.0:
            continue  # a float cannot hold such a matrix
        cov, mean = turn @ np.diag([size, thick]) @ turn.T, turn @ [0.1, 0.0]
        both = (1.0 + alone) / math.sqrt(thick * (2.0 - thick)) - 1.0
        rounding = 4e-16 / size if turn[0, 0] < 1.0 else 0.0
        assert value(chi2(Gaussian(mean, cov), Gaussian([0.0, 0.0], 1.0))) == pytest.approx(both, rel=1e-12 + rounding)
    pair = GaussianMixture([0.5, 0.5], [0.1, 0.1 + gap], [size, size])
    cross = exact_pair((0.1, 0.1 + gap), (size, size)), exact_pair((0.1 + gap,) * 2, (size, size))
    assert value(chi2(pair, Gaussian(0.0, 1.0))) == pytest.approx(0.25 * (alone + 2.0 * cross[0] + cross[1]), rel=1e-9)
    other = GaussianMixture([0.5, 0.5], [0.1, 0.1 + gap], [size, 0.5 * size])
    cross = exact_pair((0.1, 0.1 + gap), (size, 0.5 * size)), exact_pair((0.1 + gap,) * 2, (0.5 * size,) * 2)
    assert value(chi2(other, Gaussian(0.0, 1.0))) == pytest.approx(0.25 * (alone + 2.0 * cross[0] + cross[1]), rel=1e-9)


@pytest.mark.parametrize("size", [1e-4, 1e-12, 1e-40, 1e12])
def test_divergences_of_laws_of_very_different_widths(size: float) -> None:
    """From their definitions with 100 digits; with E = S - 1 alone they are those of another law."""
    p, q, mean = Gaussian(0.1, size), Gaussian(0.0, 1.0), mpmath.mpf(0.1)
    with mpmath.workdps(100):
        s = mpmath.mpf(size)
        entropy = (s - 1 - mpmath.log(s) + mean**2) / 2
        affinity = mpmath.sqrt(2 * mpmath.sqrt(s) / (1 + s)) * mpmath.exp(-(mean**2) / (4 * (1 + s)))
        order = mpmath.mpf(0.999)
        wide = order + (1 - order) * s
        logarithm = ((1 - order) * mpmath.log(s) - mpmath.log(wide)) / 2 - order * (1 - order) * mean**2 / (2 * wide)
        truth = [float(x) for x in (entropy, mpmath.sqrt(1 - affinity), logarithm / (order - 1))]
    found = [value(one) for one in (kl(p, q), hellinger(p, q), renyi(p, q, order=0.999))]
    assert found == pytest.approx(truth, rel=1e-12)
    if size < 1.0:  # two crossings, between which nearly all of the narrow one lies
        root = math.sqrt(-math.log(size) * size)
        low, high = (stats.norm.cdf((root, -root), 0.0, 1.0) - stats.norm.cdf((root, -root), 0.0, math.sqrt(size))).tolist()
        assert value(tv(Gaussian(0.0, size), q)) == pytest.approx(abs(high - low), rel=1e-3 if size > 1e-6 else 1e-9)


def test_chi2_of_a_narrow_law_in_skewed_coordinates() -> None:
    """chi2 does not change under x -> L x, which takes I to a reference with correlations."""
    lower, turn = np.array([[1.4, 0.0], [0.5, 0.8]]), np.array([[0.6, -0.8], [0.8, 0.6]])
    straight = np.diag([1e-6, 0.9])
    learned = Gaussian(lower @ turn @ [0.1, 0.2], lower @ turn @ straight @ turn.T @ lower.T)
    there = value(chi2(learned, Gaussian([0.0, 0.0], lower @ lower.T)))
    assert there == pytest.approx(value(chi2(Gaussian([0.1, 0.2], straight), Gaussian([0.0, 0.0], 1.0))), rel=1e-8)


def test_chi2_of_a_law_narrow_along_one_axis_and_wide_along_the_other() -> None:
    narrow, wide = exact_pair((0.1, 0.1), (1e-6, 1e-6)), exact_pair((0.2, 0.2), (1.5, 1.5))
    found = value(chi2(Gaussian([0.1, 0.2], [1e-6, 1.5]), Gaussian([0.0, 0.0], 1.0)))
    assert found == pytest.approx((1.0 + narrow) * (1.0 + wide) - 1.0, rel=1e-12)


def test_chi2_by_sampling_is_near_the_closed_form() -> None:
    p, q = Gaussian(0.4, 0.8), Gaussian(0.0, 1.0)
    found, truth = chi2(p, q, n=100_000, rng=5), value(chi2(p, q))
    assert isinstance(found, Estimate)
    assert found.stderr < 0.02 * truth
    assert abs(found.value - truth) < Z * found.stderr
    assert min(value(chi2(p, q, n=1, rng=seed)) for seed in range(20)) >= 0.0  # no term of (p - q)^2/q is negative


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
    np.testing.assert_allclose(pair_excess(relatives(shifts, drifts)), truth, rtol=1e-9)
    assert not np.allclose(pair_excess(relatives(shifts, -drifts)), truth, rtol=1e-3)


def test_pair_excess_is_the_same_in_any_basis_and_in_any_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    for size in (1e-7, 1e-3, 0.05, 0.4):  # across the size from which the logarithm of the determinant is no longer a series
        shifts, values = size * rng.standard_normal((5, 3)), size * rng.uniform(-1.0, 1.0, (5, 3))
        straight = relatives(shifts, values)
        diagonal = pair_excess(straight)
        turned = relatives(shifts @ turn.T, (turn * values[:, None, :]) @ turn.T)
        np.testing.assert_allclose(pair_excess(turned), diagonal, rtol=1e-12, atol=1e-14 * size**2)
        with monkeypatch.context() as patch:
            patch.setattr(divergences, "PAIR_CHUNK", 60)  # blocks of one or two rows
            np.testing.assert_array_equal(pair_excess(straight), diagonal)
            np.testing.assert_allclose(pair_excess(turned, turned[:4]), diagonal[:, :4], rtol=1e-12, atol=1e-14 * size**2)


def test_variances_along_axes_are_the_diagonal_of_the_turned_covariances() -> None:
    rng = np.random.default_rng(5)
    roots, frames = rng.standard_normal((4, 3, 3)), np.linalg.qr(rng.standard_normal((4, 3, 3)))[0]
    covs = roots @ np.swapaxes(roots, 1, 2)
    turned = frames @ covs @ np.swapaxes(frames, 1, 2)
    np.testing.assert_allclose(axis_variances(frames, covs), np.diagonal(turned, axis1=1, axis2=2), rtol=1e-12)
    narrow = frames[0] @ np.diag([1.0, 1e-4, 1e-9]) @ frames[0].T  # along its own axes, with digits of the narrow ones
    np.testing.assert_allclose(axis_variances(frames[0].T, narrow), [1.0, 1e-4, 1e-9], rtol=1e-6)


def test_blocks_cover_every_row_and_keep_to_the_chunk() -> None:
    assert list(_blocks(10, PAIR_CHUNK // 3)) == [slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)]
    assert list(_blocks(2, 2 * PAIR_CHUNK)) == [slice(0, 1), slice(1, 2)]


def test_components_of_several_covariances_against_one_dimensional_sums() -> None:
    means, variances, weights = np.array([0.3, -0.4, 0.1]), np.array([0.7, 0.9, 0.7]), np.array([0.2, 0.5, 0.3])
    direct = 0.0
    for w, a, s in zip(weights, means, variances, strict=True):  # int N(a, s) N(b, t)/N(0, 1), by completing the square
        for v, b, t in zip(weights, means, variances, strict=True):
            precision, linear = 1 / s + 1 / t - 1, a / s + b / t
            direct += w * v * math.exp(0.5 * (linear**2 / precision - a * a / s - b * b / t)) / math.sqrt(s * t * precision)
    assert value(chi2(GaussianMixture(weights, means, variances), Gaussian(0.0, 1.0))) == pytest.approx(direct - 1.0, rel=1e-12)


def test_the_integrand_of_chi2_in_its_whole_range() -> None:
    log_p, log_q = np.array([-3.0, -3.0 + 1e-9, -40.0, 31.5, 0.0, 356.0]), np.array([-3.0, -3.0, -2.0, 0.0, -30.0, 0.0])
    gap = float(log_p[1] - log_q[1])
    expected = [0.0, math.exp(-3) * gap**2, math.exp(-2), (math.exp(31.5) - 1) ** 2, (1 - math.exp(-30)) ** 2 * math.exp(30)]
    np.testing.assert_allclose(chi2_integrand(log_p, log_q), [*expected, math.exp(700.0)], rtol=2e-9)
    np.testing.assert_allclose(chi2_integrand(log_p[2:], log_q[2:]), [*expected[2:], math.exp(700.0)], rtol=1e-12)
    empty = np.array([-np.inf])
    np.testing.assert_allclose(chi2_integrand(empty, np.zeros(1)), 1.0)


@pytest.mark.parametrize("gap", [1e-9, -1e-6, 1e-3, 0.4, -0.999, 1.001, -3.0, 30.0])
def test_the_integrands_of_kl_and_renyi_keep_their_digits_where_the_densities_are_close(gap: float) -> None:
    log_q = np.array([-2.0])
    log_p = log_q + gap
    with mpmath.workdps(40):
        p, q = mpmath.exp(mpmath.mpf(log_p.item())), mpmath.exp(mpmath.mpf(log_q.item()))
        entropy = float(p * mpmath.log(p / q) - p + q)
        cubic, root = (float(p**k * q ** (1 - k) - q - k * (p - q)) for k in (mpmath.mpf(3), mpmath.mpf(0.5)))
    rounding = 1e-15 / abs(gap)  # of a difference of two numbers of the size of the gap
    assert _kl_integrand(log_p, log_q).item() == pytest.approx(entropy, rel=1e-12, abs=0)
    assert _renyi_integrand(log_p, log_q, 3.0).item() == pytest.approx(cubic, rel=1e-12 + rounding, abs=0)
    assert _renyi_integrand(log_p, log_q, 0.5).item() == pytest.approx(root, rel=1e-12 + rounding, abs=0)


def test_the_integrand_of_renyi_stops_short_of_overflow() -> None:
    assert _renyi_integrand(np.array([400.0]), np.zeros(1), 2.0).item() == pytest.approx(math.exp(700.0), rel=1e-12)


def split(law: Gaussian) -> GaussianMixture:
    """The same law as two components, which no closed form is for."""
    return GaussianMixture([0.5, 0.5], np.stack([law.mean, law.mean]), np.stack([law.cov, law.cov]))


@pytest.mark.parametrize("kind", ["chi2", "kl", "hellinger", "renyi", "half", "fifth", "one and a half"])
def test_quadrature_keeps_the_digits_of_the_closed_forms(kind: str) -> None:
    orders = {"renyi": 3.0, "half": 0.5, "fifth": 0.2, "one and a half": 1.5}
    function = FUNCTIONS.get(kind, renyi)
    options = {"order": orders[kind]} if kind in orders else {}
    near = Gaussian(1e-5, 1.0 + 1e-4), Gaussian(0.0, 1.0)
    far = Gaussian(1.5, 0.8), Gaussian(-1.0, 1.1)
    plane = Gaussian([1e-5, 2e-5], [[1.0, 0.3], [0.3, 1.0]]), Gaussian([0.0, 0.0], [[1.0 + 1e-4, 0.3], [0.3, 1.0]])
    for p, q in (near, far, plane):
        exact = value(function(p, q, **options))
        assert value(function(split(p), split(q), **options)) == pytest.approx(
            exact, rel=1e-7 if p is plane[0] else 1e-9, abs=0
        )


def test_chi2_reaches_as_far_as_its_integrand_and_no_farther() -> None:
    p, q = Gaussian([0.0, 0.0], 1.7), Gaussian([0.0, 0.0], 1.0)  # finite, but not at order 3
    assert value(chi2(p, split(q))) == pytest.approx(value(chi2(p, q)), rel=1e-10)
    assert chi2_infinite_reason(p, q, 3.0) is not None


@pytest.mark.parametrize(("order", "variance"), [(1.5, 2.9), (2.0, 1.99)])
def test_renyi_reaches_as_far_as_its_integrand(order: float, variance: float) -> None:
    p, q = Gaussian(0.0, variance), Gaussian(0.0, 1.0)  # the variance of p^order q^(1-order) is some hundred times that of p
    assert value(renyi(split(p), split(q), order=order)) == pytest.approx(value(renyi(p, q, order=order)), rel=1e-9)


def test_chi2_against_references_that_cover_its_tail_only_together() -> None:
    q = GaussianMixture([0.5, 0.5], np.zeros((2, 2)), [[1.0, 0.4], [0.4, 1.0]])
    p = Gaussian([0.0, 0.0], 1.05)  # along the diagonals p^2/q falls off with a deviation of 2.5
    angle, radius = np.linspace(0.0, 0.25 * math.pi, 401)[:, None], np.linspace(0.0, 30.0, 601)  # an eighth of the plane
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    log_q = np.logaddexp(*(stats.multivariate_normal(np.zeros(2), cov).logpdf(x) for cov in q.covs)) - math.log(2.0)
    terms = radius * np.exp(2.0 * stats.multivariate_normal(np.zeros(2), 1.05).logpdf(x) - log_q)
    truth = 8.0 * float(integrate.simpson(integrate.simpson(terms, radius), angle[:, 0])) - 1.0
    assert value(chi2(p, q)) == pytest.approx(truth, rel=1e-7)


def test_densities_that_underflow_on_a_grid_are_no_zeros() -> None:
    centres = 0.5 * np.random.default_rng(0).standard_normal((64, 2))
    kernels, wide = GaussianMixture(np.full(64, 1 / 64), centres, 0.09), Gaussian([0.0, 0.0], 2.0)
    for p, q in ((kernels, wide), (wide, kernels)):
        estimate = kl(p, q, n=20_000, rng=1)
        assert isinstance(estimate, Estimate)
        assert abs(value(kl(p, q)) - estimate.value) <= Z * estimate.stderr
    few = GaussianMixture(np.full(60, 1 / 60), centres[:60], 0.09)  # too few for the factorised form
    many = GaussianMixture(np.append(np.full(60, (1 - 1e-12) / 60), np.full(4, 1e-12 / 4)), centres, 0.09)
    narrow = Gaussian([0.0, 0.0], 0.172)
    assert value(chi2(narrow, many)) == pytest.approx(value(chi2(narrow, few)), rel=1e-9)


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
    """Brute force: log(p^2/q) along rays, far out, at two radii; finite iff it decreases on all of them.

    In the plane 1440 rays, and closer and closer ones around each where it grows most.
    """

    def growth(rays: np.ndarray) -> np.ndarray:
        exponents = [2.0 * p.logpdf(r * rays) - q.logpdf(r * rays) for r in (radius, 2.0 * radius)]
        return np.asarray(exponents[1] - exponents[0])

    def growth_at(angles: np.ndarray) -> np.ndarray:
        return growth(np.stack([np.cos(angles), np.sin(angles)], axis=-1).reshape(-1, 2)).reshape(angles.shape)

    if p.dim == 1:
        return bool(np.all(growth(np.array([[1.0], [-1.0]])) < 0.0))
    angles, step = np.linspace(0.0, 2.0 * math.pi, 1440, endpoint=False), 2.0 * math.pi / 1440
    found = growth_at(angles)
    if found.max() >= 0.0:
        return False
    peaks = angles[(found >= np.roll(found, 1)) & (found >= np.roll(found, -1))]
    while step > 1e-9:
        near = peaks[:, None] + np.linspace(-step, step, 21)
        peaks, step = near[np.arange(peaks.size), np.argmax(growth_at(near), axis=1)], step / 10.0
    return bool(np.all(growth_at(peaks) < 0.0))


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
    for _ in range(150 * dim * dim):
        p, q = random_mixture(rng, dim, 0.6), random_mixture(rng, dim, 0.75)
        finite = chi2_infinite_reason(p, q) is None
        assert finite == falls_off(p, q)
        outcomes[finite] += 1
        # wrong twin: ask for one reference component that covers everything
        covered = any(all(np.linalg.eigvalsh(2 * ref - own)[0] > 0 for own in p.covs) for ref in q.covs)
        single_component_rule_wrong += covered != finite
    assert min(outcomes.values()) >= 5
    assert single_component_rule_wrong > 0 or dim == 1


def random_forms(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    turns = np.linalg.qr(rng.standard_normal((count, dim, dim)))[0]
    return (turns * np.exp(rng.normal(0.0, 1.0, (count, 1, dim)))) @ np.swapaxes(turns, 1, 2)


def lower_envelope(forms: np.ndarray, angles: np.ndarray) -> np.ndarray:
    rays = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return np.asarray(np.einsum("lab,na,nb->nl", forms, rays, rays).min(axis=1))


@pytest.mark.parametrize("order", [1.25, 2.0, 3.0])
def test_the_worst_direction_in_the_plane_against_all_directions(order: float) -> None:
    rng, limit = np.random.default_rng(int(4 * order)), order / (order - 1.0)
    searched = 0
    for _ in range(40):
        forms = random_forms(rng, int(rng.integers(1, 5)), 2)
        forms *= (limit * rng.uniform(1.001, 1.6, len(forms)) / np.linalg.eigvalsh(forms)[:, -1])[
            :, None, None
        ]  # not enough alone
        around = np.linspace(0.0, math.pi, 20_001)
        for width in (1e-2, 1e-4, 1e-6, 1e-8):
            best = around[np.argmax(lower_envelope(forms, around))]
            around = best + np.linspace(-width, width, 401)
        highest = float(lower_envelope(forms, around).max())
        worst = _worst_direction(forms, limit)
        assert worst.margin == pytest.approx((limit - highest) / (limit - 1.0), abs=1e-9)
        ray = worst.null[:, 0]
        assert float(ray @ ray) == pytest.approx(1.0, rel=1e-12)
        assert float(ray @ forms[worst.form] @ ray) == pytest.approx(highest, rel=1e-9)
        searched += highest < np.linalg.eigvalsh(forms)[:, -1].min() - 1e-6
    assert searched >= 10


def dual(forms: np.ndarray) -> float:
    """max_y min(y'Ay, y'By) over unit y in d > 2: the least over w of the largest eigenvalue of w A + (1 - w) B.

    It is convex in w, with slope y'(A - B)y at the largest eigenvalue's y: bisection, to the last digit.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        y = np.linalg.eigh(middle * forms[0] + (1.0 - middle) * forms[1])[1][:, -1]
        low, high = (low, middle) if y @ (forms[0] - forms[1]) @ y > 0.0 else (middle, high)
    return min(float(np.linalg.eigvalsh(w * forms[0] + (1.0 - w) * forms[1])[-1]) for w in (low, high))


@pytest.mark.parametrize("dim", [3, 5])
def test_the_worst_direction_of_two_in_space_against_its_dual(dim: int) -> None:
    rng = np.random.default_rng(dim)
    for _ in range(6):
        forms = random_forms(rng, 2, dim)
        forms *= 2.0 / dual(forms)
        highest = dual(forms)
        for limit in (0.999 * highest, 1.001 * highest):  # the search stops once the sign is clear
            worst = _worst_direction(forms, limit)
            assert (worst.margin < 0.0) == (limit < highest)
        starts = rng.standard_normal((30, dim))  # a climb may end on a hill of its own; that all do is out of the question
        starts /= np.linalg.norm(starts, axis=1, keepdims=True)
        reached = []
        for start in starts:
            before = float(np.min(forms @ start @ start))
            y = _climb(forms, start, before)
            level = float(np.min(forms @ y @ y))
            assert np.linalg.norm(y) == pytest.approx(1.0, rel=1e-12)
            assert before - 1e-12 <= level <= highest * (1.0 + 1e-9)
            reached.append((level, y))
            if len(reached) >= 6 and level > highest * (1.0 - 1e-6):
                break
        level, y = max(reached, key=lambda pair: pair[0])
        assert level == pytest.approx(highest, rel=1e-6)
        assert _no_higher(forms, y, level) == pytest.approx(highest, rel=1e-5)
        for start in starts:
            assert _no_higher(forms, start, float(np.min(forms @ start @ start))) >= highest * (1 - 1e-7)


def test_one_climb_decides_what_is_far_from_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    forms = random_forms(np.random.Generator(np.random.PCG64(11)), 2, 3)
    forms *= 2.0 / dual(forms)
    highest = dual(forms)
    assert np.linalg.eigvalsh(forms)[:, -1].min() > 1.05 * highest
    levels: list[float] = []

    def recorded(forms: np.ndarray, start: np.ndarray, level: float) -> np.ndarray:
        levels.append(level)
        return _climb(forms, start, level)

    monkeypatch.setattr(divergences, "_climb", recorded)
    for limit in (0.98 * highest, 1.02 * highest):
        levels.clear()
        assert (_worst_direction(forms, limit).margin > 0.0) == (limit > highest)
        assert len(levels) == 1
        assert levels[0] > 0.75 * highest  # it starts from the best of many directions


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


def test_equality_is_decided_by_the_references_that_attain_it() -> None:
    narrow = GaussianMixture([0.4, 0.4, 0.2], [-1.0, 1.0, 5.0], [1.0, 1.0, 0.5])  # the third is too narrow to help
    for mean, finite in ((0.0, True), (0.9, True), (1.1, False), (-1.1, False), (3.0, False)):
        assert (chi2_infinite_reason(Gaussian(mean, 2.0), narrow) is None) == finite
    pair = GaussianMixture([0.5, 0.5], [0.2, 0.8], 2.0)  # its components are judged one by one
    assert chi2_infinite_reason(pair, narrow) is None
    outside = chi2_infinite_reason(GaussianMixture([0.5, 0.5], [0.2, 1.2], 2.0), narrow)
    assert outside is not None
    assert "component 1 of the learned law against component 0 of the reference" in outside
    assert "counts as zero" in outside
    assert "the linear terms do not decay" in outside
    plane = GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [[1.0, 4.0], [1.0, 3.0]])  # equal along one axis alone
    assert chi2_infinite_reason(Gaussian([0.5, 9.0], 2.0), plane) is None
    assert chi2_infinite_reason(Gaussian([1.5, 0.0], 2.0), plane) is not None
    covered = GaussianMixture([0.5, 0.5], [[0.0, 0.0], [9.0, 0.0]], [[1.0, 2.0], [1.25, 0.5]])  # the second covers that axis
    assert chi2_infinite_reason(Gaussian([-3.0, 0.0], 2.0), covered) is None
    corners = [[1.0, 0.0, 0.0], [-0.5, 0.9, 0.0], [-0.5, -0.9, 0.0]]
    space = GaussianMixture([0.4, 0.3, 0.3], corners, [[1.0, 1.0, 3.0], [1.0, 1.0, 4.0], [1.0, 1.0, 5.0]])
    assert chi2_infinite_reason(Gaussian([0.1, 0.0, 0.0], 2.0), space) is None
    assert chi2_infinite_reason(Gaussian([0.6, 0.6, 0.0], 2.0), space) is not None
    assert chi2_infinite_reason(Gaussian(1.0, 1.5), GaussianMixture([0.5, 0.5], [-1.0, 3.0], 1.0), 3.0) is None
    assert chi2_infinite_reason(Gaussian(3.5, 1.5), GaussianMixture([0.5, 0.5], [-1.0, 3.0], 1.0), 3.0) is not None


def test_equality_at_an_order_near_one() -> None:
    """order/(order - 1) = 1001 holds to thirteen digits in floats, the equality of the forms to no more."""
    pair = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1.0)
    assert chi2_infinite_reason(Gaussian(0.0, 1001.0), pair, 1.001) is None
    assert chi2_infinite_reason(Gaussian(2.0, 1001.0), pair, 1.001) is not None


def test_equality_between_the_axes_is_infinite() -> None:
    # along (1, 1) both precisions are 1.75, and the means lie on either side: a step sideways of the size of 1 still wins
    q = GaussianMixture([0.5, 0.5], [[1.0, 1.0], [-1.0, -1.2]], [[1.0, 0.4], [0.4, 1.0]])
    p = Gaussian([0.0, 0.0], 8.0 / 7.0)
    assert chi2_infinite_reason(p, q) is not None
    steps = np.linspace(-8.0, 8.0, 1601)[:, None] * np.array([1.0, -1.0])

    def highest(radius: float) -> float:
        x = radius * np.array([1.0, 1.0]) + steps
        return float((2.0 * p.logpdf(x) - q.logpdf(x)).max())

    assert highest(1e4) > highest(1e3) + 100.0 > highest(1e2) + 100.0


def test_the_inside_of_a_convex_hull() -> None:
    triangle = np.array([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    for shift in (np.zeros(2), np.array([3.0, -2.0])):
        for size in (1e-11, 1.0, 1e11):
            assert _strictly_inside(size * (np.array([0.4, 0.1]) + shift), size * (triangle + shift))
            assert not _strictly_inside(size * (np.array([0.4, 0.5]) + shift), size * (triangle + shift))
            assert not _strictly_inside(size * (np.array([-0.5, 0.3]) + shift), size * (triangle + shift))
    assert not _strictly_inside(np.array([0.0, 0.0]), triangle[:2])
    assert not _strictly_inside(np.zeros(2), np.zeros((3, 2)))
    assert not _strictly_inside(np.zeros(1), np.zeros((0, 1)))
    assert not _strictly_inside(np.zeros(2), np.array([[1.0, -1.0]]))  # a single point has no inside
    for size in (1e-13, 1.0, 1e13):
        line = size * np.array([[2.0], [5.0]])
        assert [_strictly_inside(np.array([size * x]), line) for x in (1.0, 2.0, 3.0, 5.0, 6.0)] == [
            False,
            False,
            True,
            False,
            False,
        ]


def test_components_of_weight_zero_decide_nothing() -> None:
    narrow, wide = GaussianMixture([1.0, 0.0], [0.0, 0.0], [1.0, 9.0]), Gaussian(0.0, 1.0)
    assert value(chi2(narrow, wide)) == pytest.approx(0.0, abs=1e-15)
    assert chi2(GaussianMixture([1 - 1e-12, 1e-12], [0.0, 0.0], [1.0, 9.0]), wide) == math.inf
    assert chi2(Gaussian(0.0, 4.0), narrow) == math.inf
    assert chi2_infinite_reason(Gaussian(0.0, 4.0), narrow) is not None
    assert value(chi2(GaussianMixture([1.0, 0.0], [0.0, 60.0], [1.0, 1.0]), wide)) == pytest.approx(0.0, abs=1e-15)


def test_reason_names_the_pair_and_the_eigenvalue() -> None:
    reason = chi2_infinite_reason(GaussianMixture([0.5, 0.5], [0.0, 1.0], [1.0, 2.5]), Gaussian(0.0, 1.0))
    assert reason is not None
    assert "component 1" in reason
    assert "component 0" in reason
    assert "-0.5" in reason
    assert "condition 2 S_ref - S_learned > 0" in reason
    several = GaussianMixture([0.2, 0.4, 0.4], [0.0, 1.0, 2.0], [0.5, 1.0, 1.0])
    cubic = chi2_infinite_reason(GaussianMixture([0.5, 0.5], [0.0, 1.0], 1.6), several, 3.0)
    assert cubic == (  # the first of several that are alike; relative to 3/2 - 1
        "component 0 of the learned law against component 1 of the reference: "
        "smallest relative eigenvalue -0.2 <= 0 of the condition for order 3"
    )
    for order in (1.0, 0.5, 1_000_000.5, math.inf):
        with pytest.raises(ValueError, match=r"order must be (in \(1, 1e\+06\]|finite)"):
            chi2_infinite_reason(LEARNED, REFERENCE, order)
    assert chi2_infinite_reason(Gaussian(0.0, 1.0), Gaussian(0.0, 1.0 - 0.9e-6), 1e6) is None  # 1/v_q < 1 + 1e-6
    assert chi2_infinite_reason(Gaussian(0.0, 1.0), Gaussian(0.0, 1.0 - 1.1e-6), 1e6) is not None
    assert renyi(Gaussian(0.0, 1.0), Gaussian(0.0, 2.0), order=1e6) == pytest.approx(
        0.5 * math.log(2.0), rel=1e-4
    )  # sup log p/q
    with pytest.raises(ValueError, match="order must be"):
        renyi(LEARNED, REFERENCE, order=1.01e6)


def test_infinite_with_draws_is_an_estimate_without_error() -> None:
    result = chi2(Gaussian(0.0, 3.0), Gaussian(0.0, 1.0), n=10, rng=0)
    assert isinstance(result, Estimate)
    assert (result.value, result.stderr) == (math.inf, 0.0)
    assert renyi(Gaussian(0.0, 1.6), Gaussian(0.0, 1.0), order=3.0) == math.inf
    assert renyi(Gaussian(0.0, 1.4), Gaussian(0.0, 1.0), order=3.0) < math.inf
    assert renyi(Gaussian(0.0, 3.1), Gaussian(0.0, 1.0), order=1.5) == math.inf
    with_draws = renyi(Gaussian(0.0, 3.1), Gaussian(0.0, 1.0), order=1.5, n=10, rng=0)
    assert isinstance(with_draws, Estimate)
    assert (with_draws.value, with_draws.stderr, with_draws.n) == (math.inf, 0.0, 10)


def test_renyi_at_the_ends_of_its_orders() -> None:
    p, q = LEARNED, REFERENCE
    assert value(renyi(p, q, order=1e-12)) / 1e-12 == pytest.approx(value(kl(q, p)), rel=1e-9)
    assert value(renyi(p, q, order=1.0 + 1e-12)) == pytest.approx(value(kl(p, q)), rel=1e-9)
    assert value(renyi(p, q, order=1.0 - 1e-12)) == pytest.approx(value(kl(p, q)), rel=1e-9)


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


SPREADS: dict[str, Callable[..., float | Estimate]] = {
    "chi2": chi2,
    "kl": kl,
    "hellinger": hellinger,
    "tv": tv,
    "w2": w2,
    "half": lambda p, q, **options: renyi(p, q, order=0.5, **options),
    "cubic": lambda p, q, **options: renyi(p, q, order=3.0, **options),
}


@pytest.mark.parametrize("kind", SPREADS)
def test_standard_errors_are_the_spread_of_repeated_estimates(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergences, "MONTE_CARLO_CHUNK", 90)  # 90, 90 and 20 draws
    p, q, stream = Gaussian(0.4, 1.1), Gaussian(0.0, 1.0), np.random.default_rng(12)
    found = [SPREADS[kind](p, q, n=200, rng=stream) for _ in range(200)]
    assert all(isinstance(one, Estimate) and one.n == 200 for one in found)
    values = np.array([value(one) for one in found])
    errors = np.array([one.stderr for one in found if isinstance(one, Estimate)])
    assert (
        abs(values.mean() - value(SPREADS[kind](p, q))) < Z * values.std() / math.sqrt(200) + 0.1 * values.std()
    )  # bias ~ 1/n
    room = 0.6 if kind == "cubic" else 0.25  # a deviation of 200 values: 5 per cent, more where the tails are heavy
    assert values.std() / np.sqrt(np.mean(errors**2)) == pytest.approx(1.0, abs=room)


def test_estimates_between_equal_laws_and_between_laws_far_apart() -> None:
    for kind in SPREADS:
        same = SPREADS[kind](Gaussian(0.3, 1.0), Gaussian(0.3, 1.0), n=50, rng=1)
        assert isinstance(same, Estimate)
        assert (same.value, same.stderr, same.n) == (pytest.approx(0.0, abs=1e-14), 0.0, 50)
        assert same.ess == pytest.approx(50.0, rel=1e-12)
        single = SPREADS[kind](Gaussian(0.3, 1.0), Gaussian(0.0, 1.0), n=1, rng=1)
        assert isinstance(single, Estimate)
        assert (single.stderr, single.n, single.ess) == (0.0, 1, 1.0)
    apart = tv(Gaussian(0.0, 1.0), Gaussian(100.0, 1.0), n=70, rng=3)  # every draw says the same
    assert isinstance(apart, Estimate)
    assert (apart.value, apart.stderr, apart.ess) == (1.0, 0.0, pytest.approx(70.0, rel=1e-12))
    far = kl(Gaussian(0.0, 0.5), Gaussian(36.0, 1.0), n=4_000, rng=2)  # where one density is, the other underflows
    assert isinstance(far, Estimate)
    assert abs(far.value - value(kl(Gaussian(0.0, 0.5), Gaussian(36.0, 1.0)))) <= Z * far.stderr


@pytest.mark.parametrize(
    "terms", [(2.0, 5.0), (3e-9, 1e-9), (1e-3, 2.0, 5e180, 1e180, 3e10), (1e150, 1e-150, 2e150, 1.0, 4.0, 8e150), (0.5,) * 4]
)
def test_an_estimate_is_the_mean_of_its_terms(terms: tuple[float, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the usual error of a mean, and (sum)^2/(sum of squares) for the effective number, whatever the size of the terms."""
    monkeypatch.setattr(divergences, "MONTE_CARLO_CHUNK", 2)
    law, count = as_mixture(Gaussian(0.0, 1.0)), len(terms)
    blocks = [np.log(terms[k : k + 2]) for k in range(0, count, 2)]
    for shift in (0.0, 5000.0):  # times e^5000, which is no float: only the logarithm can say it
        stream = iter(blocks)
        log = _log_mean(law, law, count, 0, lambda a, b, stream=stream, shift=shift: next(stream) + shift)  # type: ignore[misc]
        largest = max(terms)
        unit = np.array(terms) / largest
        deviation = float(unit.std(ddof=1)) / math.sqrt(count)
        assert log.value == pytest.approx(shift + math.log(largest) + math.log(unit.mean()), rel=1e-12, abs=1e-12)
        assert log.stderr == pytest.approx(deviation / unit.mean(), rel=1e-9, abs=1e-12)
        assert log.n == count
        assert log.ess == pytest.approx(float(unit.sum() ** 2 / np.sum(unit**2)), rel=1e-12)
    stream = iter(blocks)
    found = _estimate(law, law, count, 0, lambda a, b: next(stream))
    assert found.value == pytest.approx(largest * float(unit.mean()), rel=1e-12, abs=0)
    assert found.stderr == pytest.approx(largest * deviation, rel=1e-9, abs=1e-12 * largest)
    assert (found.n, found.ess) == (count, pytest.approx(log.ess))


def test_an_estimate_beyond_every_float_is_infinite_and_of_no_terms_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    law = as_mixture(Gaussian(0.0, 1.0))
    for log, value_, stderr in ((709.0, math.exp(709.0), 0.0), (709.8, math.inf, 0.0), (-math.inf, 0.0, 0.0)):
        found = _estimate(law, law, 5, 0, lambda a, b, log=log: np.full(a.size, log))  # type: ignore[misc]
        assert (found.value, found.stderr, found.n, found.ess) == (pytest.approx(value_), stderr, 5, pytest.approx(5.0))
    nothing = _log_mean(law, law, 5, 0, lambda a, b: np.full(a.size, -math.inf))
    assert (nothing.value, nothing.stderr, nothing.n) == (-math.inf, 0.0, 5)
    monkeypatch.setattr(divergences, "MONTE_CARLO_CHUNK", 1)
    late = iter([-math.inf, -math.inf, 0.0, -math.inf])  # terms of 0, 0, 1 and 0
    found = _estimate(law, law, 4, 0, lambda a, b: np.full(a.size, next(late)))
    assert (found.value, found.stderr, found.ess) == (pytest.approx(0.25), pytest.approx(0.25), pytest.approx(1.0))


def test_an_estimate_from_equal_terms_has_no_error() -> None:
    law = as_mixture(Gaussian(0.0, 1.0))
    for count in range(1, 30):  # the mean of squares may round below the square of the mean
        found = _estimate(law, law, count, 0, lambda a, b: np.full(a.size, math.log(0.1)))
        assert (found.value, found.stderr) == (pytest.approx(0.1, rel=1e-14), pytest.approx(0.0, abs=1e-9))


@pytest.mark.parametrize("gap", [-800.0, -30.0, -1.5, -1.0, -0.5, -1e-3, -1e-9, 1e-9, 1e-3, 0.5, 1.0, 1.5, 30.0, 800.0])
def test_terms_of_estimates_keep_their_digits(gap: float) -> None:
    """Against 400: p = e^r, q = 1, terms of any size."""
    with mpmath.workdps(400):
        ratio = mpmath.exp(gap)
        kl_term, difference = float(mpmath.log(ratio * gap - ratio + 1)), float(mpmath.log(abs(ratio - 1)))
    log_p, log_q = np.array([gap]), np.zeros(1)
    assert float(_log_kl_term(log_p, log_q)[0]) == pytest.approx(kl_term, rel=1e-14, abs=1e-14)
    assert float(_log_gap(log_p, log_q)[0]) == pytest.approx(difference, rel=1e-14, abs=1e-14)


def test_total_variation_in_the_plane_is_that_of_the_line_where_all_share_the_other_coordinate() -> None:
    """Turned by any angle: |p - q| has a kink along curves that no grid follows."""
    rng = np.random.Generator(np.random.PCG64(1))
    for _ in range(4):
        means, variances, angle = rng.normal(size=(2, 2)), rng.uniform(0.3, 1.5, (2, 2)), rng.uniform(0.0, math.pi)
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        line = [GaussianMixture([0.4, 0.6], m, v) for m, v in zip(means, variances, strict=True)]
        plane = [
            GaussianMixture(
                [0.4, 0.6], np.stack([m, np.zeros(2)], axis=1) @ turn.T, [turn @ np.diag([one, 0.8]) @ turn.T for one in v]
            )
            for m, v in zip(means, variances, strict=True)
        ]
        assert abs(value(tv(*plane)) - value(tv(*line))) < 1e-6


def test_what_no_grid_resolves_is_refused_at_once() -> None:
    narrow, wide = Gaussian(-1e8, 1e-8), GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1.0)
    for function in (kl, hellinger, lambda p, q: renyi(p, q, order=0.5), lambda p, q: chi2(p, q)):
        with pytest.raises(Unresolved, match=r"p and q.* a grid of at most 3e\+07 nodes, got .* need [\d.]+e\+12;"):
            function(narrow, wide)


def test_far_apart_no_divergence_saturates() -> None:
    """Against a plain grid in logarithms; a second coordinate that all components share changes nothing."""
    near = GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.5, 0.6])
    for dim in (1, 2):
        means = np.zeros((2, dim))
        means[:, 0] = near.means[:, 0]
        law = GaussianMixture([0.5, 0.5], means, np.stack([np.diag([v, 0.7][:dim]) for v in (0.5, 0.6)]))
        shift = np.zeros(dim)
        for distance in (24.0, 60.0)[dim - 1 :]:
            shift[0] = distance
            moved = GaussianMixture(law.weights, law.means + shift, law.covs)
            x = np.linspace(-2.0 * distance - 30.0, 3.0 * distance + 30.0, 60_001)[:, None]
            line = GaussianMixture(near.weights, near.means + distance, near.covs)
            for order in (0.3, 0.5, 2.0, 2.5):
                logs = order * line.logpdf(x) + (1.0 - order) * near.logpdf(x)
                top = float(logs.max())
                direct = (top + math.log(float(np.sum(np.exp(logs - top))) * float(x[1, 0] - x[0, 0]))) / (order - 1.0)
                found = value(renyi(moved, law, order=order))
                assert found == pytest.approx(direct, rel=1e-10)
            assert value(chi2(moved, law)) == math.inf
            estimate = kl(moved, law, n=4_000, rng=3)
            assert isinstance(estimate, Estimate)
            assert abs(estimate.value - value(kl(moved, law))) <= Z * estimate.stderr
            assert estimate.stderr < 0.02 * estimate.value
    for order, distance in ((0.5, 3_000.0), (2.0, 300.0)):  # both laws are their wider component there, with half its mass
        far = GaussianMixture(near.weights, near.means + distance, near.covs)
        pair = value(renyi(Gaussian(distance + 1.0, 0.6), Gaussian(1.0, 0.6), order=order))
        assert value(renyi(far, near, order=order)) == pytest.approx(pair + math.log(2.0) / (1.0 - order), rel=1e-13)
    almost = GaussianMixture([0.5, 0.5], near.means + 20.4, near.covs)
    assert 1e300 < value(chi2(almost, near)) < math.inf
    assert math.log(value(chi2(almost, near))) == pytest.approx(value(renyi(almost, near, order=2.0)), rel=1e-12)


def test_the_error_of_a_wasserstein_distance_from_two_draws() -> None:
    """sqrt(mean of z^2) has the error s/(2 sqrt(mean)), s that of the mean: half the difference of the two squares."""
    found, levels = w2(Gaussian(0.0, 4.0), Gaussian(0.0, 1.0), n=2, rng=np.random.default_rng(4)), np.random.default_rng(4)
    first, second = (levels.standard_normal(2) ** 2).tolist()
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(math.sqrt(0.5 * (first + second)), rel=1e-12)
    assert found.stderr == pytest.approx(0.5 * abs(first - second) / (2.0 * found.value), rel=1e-12)


def test_dimensions_above_two_need_draws_from_three_on() -> None:
    pair = GaussianMixture([0.5, 0.5], [[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], 1.0)
    for function in (chi2, kl, tv, hellinger):
        with pytest.raises(ValueError, match=r"n must be given .* dimension 3 > 2"):
            function(pair, pair)


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


TV_CASES = [(0.0, 2.0), (0.7, 1.5), (-0.7, 0.4), (3.0, 1.1), (-5.0, 0.1), (0.4, 25.0), (-0.2, 1.3), (0.0, 0.6)]
TV_CLOSE = [(1e-7, 1.0 + 1e-9), (0.0, 1.0 + 1e-9), (-1e-9, 1.0 - 1e-7), (0.3, 1.0 + 1e-10), (0.3, 1.0 + 2.0**-50)]


@pytest.mark.parametrize(("mean", "variance"), TV_CASES + TV_CLOSE)
def test_total_variation_of_normal_laws_from_where_their_densities_cross(mean: float, variance: float) -> None:
    with mpmath.workdps(200):
        a, s = mpmath.mpf(mean), mpmath.mpf(variance)
        # (x - a)^2/s + log s = x^2
        quadratic, linear, constant = 1 / s - 1, -2 * a / s, a * a / s + mpmath.log(s)
        root = mpmath.sqrt(linear**2 - 4 * quadratic * constant)
        gaps = [
            mpmath.ncdf((x - a) / mpmath.sqrt(s)) - mpmath.ncdf(x)
            for x in ((-linear + root) / (2 * quadratic), (-linear - root) / (2 * quadratic))
        ]
        truth = float(abs(gaps[0] - gaps[1]))
    assert value(tv(Gaussian(mean, variance), Gaussian(0.0, 1.0))) == pytest.approx(truth, rel=1e-13, abs=0)
    assert value(tv(Gaussian(1.0 + 2.0 * mean, 4.0 * variance), Gaussian(1.0, 4.0))) == pytest.approx(truth, rel=1e-6)
    assert value(tv(split(Gaussian(mean, variance)), Gaussian(0.0, 1.0))) == pytest.approx(truth, rel=1e-9, abs=1e-14)


def test_total_variation_of_variances_whose_quotient_rounds_to_one() -> None:
    """1/2 int |p - q| = e phi(1) + O(e^2) for the quotient 1 + e of variances: the densities cross a deviation away."""
    base = 0.3
    moved = base * (1.0 + 3e-15)
    excess = (moved - base) / base
    found = value(tv(Gaussian(0.0, moved), Gaussian(0.0, base)))
    assert found == pytest.approx(excess * math.exp(-0.5) / math.sqrt(2.0 * math.pi), rel=1e-12, abs=0)


def test_total_variation_in_the_plane_is_good_to_five_digits() -> None:
    p, q = Gaussian([0.3, -0.2], [[1.0, 0.4], [0.4, 0.8]]), Gaussian([-0.4, 0.2], [[1.0, 0.4], [0.4, 0.8]])
    assert value(tv(split(p), split(q))) == pytest.approx(value(tv(p, q)), abs=1e-5)


@pytest.mark.parametrize(("mean", "root"), [(0.0, 2.0), (0.7, 1.5), (-0.7, 0.4), (2.0, 1.2), (5.0, 1.01), (-0.1, 1.5)])
def test_wasserstein_one_of_normal_laws_is_the_mean_distance_of_quantiles(mean: float, root: float) -> None:
    kink = -mean / (root - 1.0)  # the quantiles at Phi(z) are 1 + mean + root z and 1 + z
    truth, _ = integrate.quad(
        lambda z: abs(mean + (root - 1.0) * z) * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi), -12.0, 12.0,
        points=[kink] if abs(kink) < 12.0 else None, epsabs=1e-14, limit=200,
    )  # fmt: skip
    assert w1(Gaussian(1.0 + mean, root**2), Gaussian(1.0, 1.0)) == pytest.approx(truth, rel=1e-11)
    assert w1(split(Gaussian(1.0 + mean, root**2)), Gaussian(1.0, 1.0)) == pytest.approx(truth, rel=1e-9)


def test_wasserstein_distances_of_shifted_and_stretched_mixtures() -> None:
    law = GaussianMixture([0.3, 0.7], [-2.0, 1.0], [0.3, 0.9])
    shifted = GaussianMixture(law.weights, law.means + 0.25, law.covs)
    stretched = GaussianMixture(law.weights, 1.5 * law.means, 2.25 * law.covs)
    root = math.sqrt(float(law.cov[0, 0] + law.mean[0] ** 2))
    assert w1(shifted, law) == w1(law, shifted) == pytest.approx(0.25, rel=1e-12)
    assert value(w2(shifted, law)) == pytest.approx(0.25, rel=1e-11)
    assert value(w2(stretched, law)) == pytest.approx(0.5 * root, rel=1e-10)
    assert value(w2(split(Gaussian(0.0, 4.0)), Gaussian(1.0, 9.0))) == pytest.approx(math.sqrt(2.0), rel=1e-10)
    assert value(w2(law, law)) < 1e-9
    padded = GaussianMixture([0.3, 0.7, 0.0], [-2.0, 1.0, 50.0], [0.3, 0.9, 1e-4])
    np.testing.assert_array_equal(quantile(padded, np.array([-8.0, 0.3, 8.0])), quantile(law, np.array([-8.0, 0.3, 8.0])))


def test_equal_laws_in_two_descriptions_are_at_distance_zero_in_any_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their quantiles differ by rounding, of which no refinement makes more."""
    calls: list[int] = []

    def counted(law: Target, level: np.ndarray) -> np.ndarray:
        calls.append(level.size)
        assert len(calls) <= 2
        return quantile(law, level)

    monkeypatch.setattr(divergences, "quantile", counted)
    for unit in (1e-20, 1.0, 1e20):
        means, covs = unit * np.array([-1.0, 1.0, 1.0, 1.0]), unit**2 * np.array([0.5, 0.8, 0.8, 0.8])
        two, four = GaussianMixture([0.3, 0.7], means[:2], covs[:2]), GaussianMixture([0.3, 0.1, 0.2, 0.4], means, covs)
        calls.clear()
        assert 0.0 < value(w2(two, four)) < 1e-14 * unit


def test_wasserstein_two_scales_with_the_unit() -> None:
    law, other = (
        GaussianMixture([0.3, 0.7], [-2.0, 1.0], [0.3, 0.9]),
        GaussianMixture([0.5, 0.5], [-1.0, 1.0], [0.5, 0.4]),
    )
    straight = value(w2(law, other))
    for unit in (1e-30, 1e30):
        scaled = [GaussianMixture(one.weights, unit * one.means, unit**2 * one.covs) for one in (law, other)]
        assert value(w2(*scaled)) == pytest.approx(unit * straight, rel=1e-11, abs=0)


def test_bures_distance_is_symmetric_and_scales_with_the_unit() -> None:
    skewed = Gaussian([0.1, 0.0], [[40.0, 11.0], [11.0, 4.0]])
    assert value(w2(skewed, REFERENCE)) == pytest.approx(value(w2(REFERENCE, skewed)), rel=1e-12)
    close = Gaussian([0.0, 0.0], REFERENCE.cov + 1e-8 * np.array([[0.3, 1.0], [1.0, -0.7]]))
    reversed_ = value(w2(Gaussian([0.0, 0.0], REFERENCE.cov), close))
    assert value(w2(close, Gaussian([0.0, 0.0], REFERENCE.cov))) == pytest.approx(reversed_, rel=1e-12, abs=0)
    for factor in (2.0, 1.0 + 1e-7):
        base, moved = 1e-8, 1e-8 * factor
        near = (moved - base) / (math.sqrt(moved) + math.sqrt(base))
        found = value(w2(Gaussian([0.0, 0.0], [moved, base]), Gaussian([0.0, 0.0], base)))
        assert found == pytest.approx(near, rel=1e-12, abs=0)
    for narrow in (1e-20, 1e-40):  # all but a point along one axis
        assert value(w2(Gaussian([0.0, 0.0], [narrow, 1.0]), Gaussian([0.0, 0.0], 1.0))) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("line", [(0.6, 0.8), (5.0 / 13.0, 12.0 / 13.0), (1.0, 3.0), (0.1, 0.3)])
@pytest.mark.parametrize("cov", [[[15.0, 1.0], [1.0, 6.0]], [[100.0, 7.0], [7.0, 50.0]], [[3.0, -2.0], [-2.0, 6.0]]])
def test_bures_distance_to_a_law_on_a_skewed_line(line: tuple[float, float], cov: list[list[float]]) -> None:
    """For S = u u^T, tr (S0^1/2 S S0^1/2)^1/2 is the deviation of S0 along u; across it S is rounding."""
    direction, wide = np.array(line), np.array(cov)
    thin = np.outer(direction, direction) + 1e-15 * np.eye(2) * float(direction @ direction)
    truth = math.sqrt(
        float(np.trace(wide)) + float(direction @ direction) - 2.0 * math.sqrt(float(direction @ wide @ direction))
    )
    p, q = Gaussian([0.0, 0.0], thin), Gaussian([0.0, 0.0], wide)
    assert value(w2(p, q)) == pytest.approx(truth, rel=1e-7)
    assert value(w2(q, p)) == pytest.approx(truth, rel=1e-7)


def test_bures_distance_in_any_basis() -> None:
    rng = np.random.default_rng(2)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    variances = rng.uniform(0.2, 3.0, 4)
    for size in (0.5, 1e-3, 1e-8):
        moved, means = variances * (1.0 + size * rng.uniform(-1.0, 1.0, 4)), size * rng.standard_normal(4)
        gaps = (moved - variances) / (np.sqrt(moved) + np.sqrt(variances))
        p, q = Gaussian(means, (turn * moved) @ turn.T), Gaussian(np.zeros(4), (turn * variances) @ turn.T)
        assert value(w2(p, q)) == pytest.approx(math.sqrt(float(gaps @ gaps + means @ means)), rel=1e-12 + 1e-15 / size)
    a, b = (root @ root.T + 0.01 * np.eye(4) for root in rng.standard_normal((2, 4, 4)))
    truth = float(np.trace(a + b - 2.0 * np.real(linalg.sqrtm(linalg.sqrtm(a) @ b @ linalg.sqrtm(a)))))
    assert value(w2(Gaussian(np.zeros(4), b), Gaussian(np.zeros(4), a))) == pytest.approx(math.sqrt(truth), rel=1e-9)


def test_the_pieces_keep_their_digits() -> None:
    x = np.array([-0.9, -0.0301, -0.0299, -1e-9, 0.0, 1e-9, 0.0299, 0.0301, 0.5, 40.0])
    with mpmath.workdps(40):
        truth = [float(mpmath.mpf(one) - mpmath.log1p(mpmath.mpf(one))) for one in x.tolist()]
    np.testing.assert_allclose(_minus_log1p(x), truth, rtol=3e-14)
    law = as_mixture(Gaussian(1.0, 4.0))
    edges = np.array([-np.inf, -17.0, -15.0, 0.5, 17.0, 19.0, np.inf])
    white = (edges - 1.0) / 2.0
    exact = [stats.norm.cdf(-9.0), stats.norm.sf(8.0) - stats.norm.sf(9.0), stats.norm.cdf(-0.25) - stats.norm.cdf(-8.0)]
    exact += [stats.norm.cdf(8.0) - stats.norm.cdf(-0.25), stats.norm.sf(8.0) - stats.norm.sf(9.0), stats.norm.sf(9.0)]
    assert white[1] == -9.0
    np.testing.assert_allclose(_interval_masses(law, edges), exact, rtol=1e-12)


def test_crossings_are_found_to_rounding() -> None:
    p, q = as_mixture(Gaussian(0.0, 1.0)), as_mixture(Gaussian(0.1, 0.25))
    calls: list[int] = []

    def cubic(x: np.ndarray) -> np.ndarray:
        calls.append(x.size)
        return (x - 1.03) * (x + 2.2) * (x - 0.51)

    np.testing.assert_allclose(_crossings(cubic, p, q), [-np.inf, -2.2, 0.51, 1.03, np.inf], rtol=1e-15)
    assert 512 <= calls[0] <= 10_000
    assert calls[1:] == [3] * (len(calls) - 1)
    assert _crossings(lambda x: np.ones_like(x), p, q).tolist() == [-np.inf, np.inf]
    grids: list[np.ndarray] = []

    def zero_on_the_grid(x: np.ndarray) -> np.ndarray:
        grids.append(x)
        return np.sign(x - grids[0][100])

    assert _crossings(zero_on_the_grid, p, q).tolist() == [-np.inf, grids[0][100], np.inf]
    places: list[float] = []

    def two_in_neighbouring_cells(x: np.ndarray) -> np.ndarray:
        places.extend(0.5 * (x[100:102] + x[101:103]) if not places else [])
        return (x - places[0]) * (x - places[1])

    np.testing.assert_allclose(_crossings(two_in_neighbouring_cells, p, q)[1:-1], places, rtol=1e-14)


@pytest.mark.parametrize(("root", "cells"), [(1.0, 512), (1e-2, None), (1e-6, 200_000)])
def test_crossings_are_looked_for_a_sixteenth_of_a_deviation_apart(root: float, cells: int | None) -> None:
    """In 512 cells at least, and in 200000 at most."""
    grids: list[np.ndarray] = []

    def positive(x: np.ndarray) -> np.ndarray:
        grids.append(x)
        return np.ones_like(x)

    _crossings(positive, as_mixture(Gaussian(0.3, 1.0)), as_mixture(Gaussian(0.0, root**2)))
    (grid,) = grids
    if cells is None:
        assert grid[1] - grid[0] == pytest.approx(root / 16.0, rel=1e-3)
    else:
        assert grid.size == cells + 1


def test_panels_are_bisected_until_two_rules_agree() -> None:
    sizes: list[int] = []

    def kinked(x: np.ndarray) -> np.ndarray:
        sizes.append(x.size)
        return np.exp(-np.abs(x - 0.3))

    assert _adaptive(kinked) == pytest.approx(2.0 - math.exp(-10.3) - math.exp(-9.7), rel=1e-12)
    assert sizes[0] == 20 * 32
    assert max(sizes[1:]) <= 2 * 32  # then only the panel with the kink
    assert _adaptive(lambda x: np.exp(-0.5 * (x / 0.01) ** 2)) == pytest.approx(0.01 * math.sqrt(2.0 * math.pi), rel=1e-12)
    assert _adaptive(np.sqrt, 0.0, 4.0) == pytest.approx(16.0 / 3.0, rel=1e-12)
    sizes.clear()
    assert _adaptive(lambda x: 0.0 * kinked(x)) == 0.0
    assert len(sizes) == 1  # nothing to refine
    sizes.clear()
    assert _adaptive(lambda x: np.where(x > 0.3, 1.0 + 0.0 * kinked(x), 0.0), rtol=1e-14) == pytest.approx(9.7, rel=1e-12)
    assert len(sizes) <= 42  # a jump is not followed below a panel of 1e-13 of the whole
    sizes.clear()
    assert _adaptive(kinked, atol=0.1) == pytest.approx(2.0 - math.exp(-10.3) - math.exp(-9.7), abs=0.1)
    assert len(sizes) <= 4


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


def test_a_quantile_takes_few_evaluations_of_the_distribution_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Newton's method doubles the digits; bisection would take some fifty steps."""
    calls: list[int] = []
    cumulative = divergences.ndtr

    def counted(x: np.ndarray) -> np.ndarray:
        calls.append(np.size(x))
        return np.asarray(cumulative(x))

    monkeypatch.setattr(divergences, "ndtr", counted)
    law, counts = GaussianMixture([0.2, 0.8], [99.0, 100.5], [0.5, 1.5]), []
    for level in np.linspace(-6.0, 6.0, 25):
        calls.clear()
        quantile(law, np.array([level]))
        counts.append(len(calls))
    assert float(np.median(counts)) <= 10.0
    calls.clear()
    quantile(Gaussian(3.0, 4.0), np.array([-1.0, 0.0, 2.0]))
    assert len(calls) == 2  # of a single component the start is the quantile


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
    coins = [GaussianMixture([share, 1.0 - share], [-8.0, 8.0], 1.0) for share in (0.5, 0.52)]  # Pinsker is sharp on coins
    for p, q in [coins, *((random_mixture(rng, 1, 0.4), random_mixture(rng, 1, 0.8)) for _ in range(20))]:
        square, entropy, variation, distance = value(chi2(p, q)), value(kl(p, q)), value(tv(p, q)), value(hellinger(p, q))
        assert entropy <= math.log1p(square) * (1 + 1e-9)
        assert variation <= 0.5 * math.sqrt(square) * (1 + 1e-9)
        assert variation <= math.sqrt(entropy / 2) * (1 + 1e-9)
        assert distance**2 <= variation + 1e-12 <= distance * math.sqrt(2 - distance**2) + 2e-12
        assert value(renyi(p, q, order=0.5)) == pytest.approx(-2 * math.log1p(-(distance**2)), rel=1e-8)
        assert value(renyi(p, q, order=1.0)) == entropy
        tight = max(tight, variation / math.sqrt(entropy / 2))
    assert tight > math.sqrt(0.49 / 0.5)  # so that the constant ½ -> 0.49 of Pinsker's inequality would be noticed


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
