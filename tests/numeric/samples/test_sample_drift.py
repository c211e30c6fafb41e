"""Drift from samples: the level of every interval, and the estimators that must not pass for them."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from numeric import (
    DriftEstimate,
    Estimate,
    chi2_drift,
    gaussian_kl_drift,
    mmd_drift,
    sample_drift,
    tv_drift,
    w1_drift,
)
from numeric.samples.hcr_functions import CHOOSE, choose_function, judge_function
from numeric.samples.norm_interval import squared_norm_interval, weighted_chi2_tail
from numeric.samples.sample_drift import QUANTITIES
from numeric.samples.sample_features import (
    FourierFeatures,
    discrepancy,
    embed,
    fourier_features,
    landmark_features,
    median_distance,
)
from numeric.validation import Array

RUNS = 400
LEVEL = 0.95


def may_miss(misses: int, share: float, runs: int = RUNS) -> bool:
    """Whether so many misses are compatible with at most this share, at one in a million."""
    return misses <= stats.binom.isf(1e-6, runs, share)


def may_cover(misses: int, share: float, runs: int = RUNS) -> bool:
    """Whether so few misses are compatible with at least this share, at one in a million."""
    least = stats.binom.ppf(1e-6, runs, share)
    assert least > 0.0  # else no count could fail
    return misses >= least


# --- tails and intervals of squared norms --------------------------------------------------------------------------------
@pytest.mark.parametrize("value", [0.001, 0.5, 5.0, 30.0, 80.0])
@pytest.mark.parametrize(("degrees", "shift"), [(1, 0.0), (5, 0.0), (5, 3.0), (40, 2.0)])
def test_the_tail_is_that_of_a_noncentral_chi_squared(value: float, degrees: int, shift: float) -> None:
    shifts = np.zeros(degrees)
    shifts[0] = shift
    law = stats.ncx2(degrees, shift**2) if shift else stats.chi2(degrees)
    below, above = weighted_chi2_tail(2.0 * value, np.full(degrees, 2.0), math.sqrt(2.0) * shifts)
    truth = float(law.cdf(value)), float(law.sf(value))
    side = int(truth[1] < truth[0])  # scipy keeps relative precision in the smaller one only
    assert (below, above)[side] == pytest.approx(truth[side], rel=0.15)


def test_unequal_weights_against_draws() -> None:
    weights, shifts = 0.5 ** np.arange(6), np.array([0.3, 0.0, 0.8, 0.0, 0.1, 0.0])
    draws = np.random.default_rng(1).standard_normal((400_000, 6))
    seen = np.sum((np.sqrt(weights) * draws + shifts) ** 2, axis=1)
    for value in np.quantile(seen, [0.01, 0.2, 0.45, 0.55, 0.9, 0.999]).tolist():
        share = float(np.mean(seen <= value))
        error = 5.0 * math.sqrt(share * (1.0 - share) / seen.size)
        assert weighted_chi2_tail(value, weights, shifts)[0] == pytest.approx(share, abs=error + 0.05 * min(share, 1.0 - share))


@pytest.mark.parametrize(("directions", "size"), [(1, 2.0), (20, 0.0), (20, 0.7)])
def test_the_interval_of_a_squared_norm_keeps_its_level(directions: int, size: float) -> None:
    stream = np.random.default_rng([2, directions, int(10 * size)])
    variances = 0.6 ** np.arange(directions)
    centre = np.zeros(directions)
    centre[0] = size
    ends = np.array(
        [
            squared_norm_interval(centre + np.sqrt(variances) * stream.standard_normal(directions), np.diag(variances), 0.9)
            for _ in range(RUNS)
        ]
    )
    assert may_miss(int(np.sum(size**2 < ends[:, 0])), 0.05)
    assert may_miss(int(np.sum(size**2 > ends[:, 1])), 0.05)


@pytest.mark.parametrize("turned", [True, False])
def test_noise_that_hides_the_widest_axis_is_reckoned_with(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking the direction of f from the data alone fails at every level: noise that cancels f hides where it is noisy."""
    if not turned:
        monkeypatch.setattr("numeric.samples.norm_interval._widened", lambda direction, *_: direction)
    stream = np.random.default_rng(4)
    variances, centre = np.array([0.01, 1.0]), np.array([1.0, 1.2])
    draws = centre + np.sqrt(variances) * stream.standard_normal((150, 2))
    missed = sum(float(centre @ centre) > squared_norm_interval(draw, np.diag(variances), 0.99)[1] for draw in draws)
    assert may_miss(missed, 0.005, 150) == turned


def test_a_normal_interval_of_a_squared_norm_does_not() -> None:
    draws = np.random.default_rng(3).standard_normal(4000) ** 2
    unit = Estimate(0.0, math.sqrt(2.0), 10**6).interval(0.999)[1]
    outside = int(np.sum(np.abs(draws - 1.0) > unit))  # value |z|^2 - 1, variance 2, truth 0
    assert not may_miss(outside, 0.001, draws.size)
    ours = [squared_norm_interval(np.array([z]), np.eye(1), 0.999)[0] > 0.0 for z in np.sqrt(draws[:RUNS]).tolist()]
    assert may_miss(sum(ours), 0.001)


# --- MMD -----------------------------------------------------------------------------------------------------------------
def kernel_sums(x: Array, y: Array, bandwidth: float) -> tuple[float, float]:
    """U- and V-statistic of MMD^2, straight from their definitions."""

    def kernel(a: Array, b: Array) -> Array:
        return np.asarray(np.exp(-((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2) / (2.0 * bandwidth**2)))

    def off_diagonal(a: Array) -> float:
        return float((kernel(a, a).sum() - a.shape[0]) / (a.shape[0] * (a.shape[0] - 1)))

    cross = 2.0 * float(kernel(x, y).mean())
    return off_diagonal(x) + off_diagonal(y) - cross, float(kernel(x, x).mean() + kernel(y, y).mean()) - cross


def test_few_rows_give_the_u_statistic_of_the_gaussian_kernel_exactly() -> None:
    stream = np.random.default_rng(4)
    x, y = stream.standard_normal((120, 3)), 1.5 * stream.standard_normal((90, 3))
    width = median_distance(x)
    unbiased, biased = kernel_sums(x, y, width)
    found = mmd_drift(x, y, rng=5)
    assert found.estimate.value == pytest.approx(unbiased, abs=1e-9)
    assert abs(found.estimate.value - biased) > 1e-3
    assert found.low <= unbiased <= found.high


def test_random_frequencies_estimate_the_same_kernel() -> None:
    stream = np.random.default_rng(6)
    x, y = stream.standard_normal((400, 2)), 1.4 * stream.standard_normal((500, 2))
    unbiased, _ = kernel_sums(x, y, median_distance(x))
    found = [mmd_drift(x, y, rng=seed, features=64).estimate.value for seed in range(40)]
    assert np.mean(found) == pytest.approx(unbiased, abs=6.0 * float(np.std(found)) / math.sqrt(40))
    assert mmd_drift(x, y, rng=1) == mmd_drift(x, y, rng=1)


def expected_features(features: FourierFeatures, mean: Array, variance: float) -> Array:
    """E phi(x) under N(mean, variance I), in closed form."""
    phase = features.frequencies @ (mean - features.centre)
    damping = np.exp(-0.5 * variance * np.sum(features.frequencies**2, axis=1))
    return np.concatenate([damping * np.cos(phase), damping * np.sin(phase)]) / math.sqrt(phase.size)


@pytest.mark.parametrize(
    ("shift", "variance"),
    [(0.8, 1.0), *(pytest.param(0.0, variance, marks=pytest.mark.thorough) for variance in (1.0, 2.0))],
)
def test_the_mmd_interval_covers_as_it_says(shift: float, variance: float) -> None:
    stream = np.random.default_rng([7, int(10 * shift), int(variance)])
    features = fourier_features(1.7, np.zeros((2, 2)), 32, stream)
    moved = np.array([shift, 0.0])
    truth = float(np.sum((expected_features(features, moved, variance) - expected_features(features, np.zeros(2), 1.0)) ** 2))
    found, narrow = [], 0
    for _ in range(RUNS):
        x, y = stream.standard_normal((300, 2)), moved + math.sqrt(variance) * stream.standard_normal((200, 2))
        parts = [(1.0, embed(features, y)), (-1.0, embed(features, x))]
        found.append(discrepancy(parts, LEVEL))
        if variance == 1.0:
            _, least, most = discrepancy(parts, 0.6)
            narrow += not least <= truth <= most
    low, high = np.array([one[1] for one in found]), np.array([one[2] for one in found])
    misses = int(np.sum((truth < low) | (truth > high)))
    assert may_miss(misses, 1.0 - LEVEL)
    assert variance > 1.0 or may_cover(narrow, 0.12)  # and not by being wide: nominal 0.4, of which 0.2 where the truth is 0
    values, errors = np.array([one[0].value for one in found]), np.array([one[0].stderr for one in found])
    assert abs(values.mean() - truth) <= 5.2 * values.std() / math.sqrt(RUNS)
    assert float(np.mean(errors)) == pytest.approx(values.std(), rel=0.35)


def test_the_biased_statistic_is_rejected_under_equal_laws() -> None:
    stream = np.random.default_rng(8)
    features = fourier_features(1.7, np.zeros((2, 2)), 32, stream)
    values = {"U": [], "V": []}
    for _ in range(RUNS):
        x, y = (embed(features, stream.standard_normal((100, 2))) for _ in range(2))
        values["V"].append(float(np.sum((x.mean - y.mean) ** 2)))
        values["U"].append(values["V"][-1] - x.noise - y.noise)
    score = {name: float(np.mean(found) / np.std(found) * math.sqrt(RUNS)) for name, found in values.items()}
    assert abs(score["U"]) < 5.2
    assert score["V"] > 5.2


def test_feature_vectors_have_length_one() -> None:
    x = np.random.default_rng(9).standard_normal((60, 3))
    for features in (fourier_features(1.0, x, 20, np.random.default_rng(1)), landmark_features([x], 1.0)):
        np.testing.assert_allclose(np.sum(features(x) ** 2, axis=1), 1.0, atol=1e-6)


# --- chi2 and TV ---------------------------------------------------------------------------------------------------------
def normal_moments(function: Callable[[Array], Array], mean: float) -> tuple[float, float]:
    """Mean and variance of a function of N(mean, 1), by a fine grid."""
    grid = np.linspace(mean - 9.0, mean + 9.0, 20_001)
    weights = stats.norm.pdf(grid, mean)
    weights /= weights.sum()
    values = function(grid[:, None])
    first = float(weights @ values)
    return first, float(weights @ (values - first) ** 2)


@pytest.mark.parametrize("shift", [pytest.param(0.0, marks=pytest.mark.thorough), 1.0])
def test_the_chi2_bound_covers_that_of_its_own_function_and_chi2(shift: float) -> None:
    stream = np.random.default_rng([10, int(10 * shift)])
    quantile, above, own, narrow, excess = float(stats.t.isf(1.0 - LEVEL, 265)), 0, 0, 0, []
    for _ in range(RUNS):
        x, y = stream.standard_normal((400, 1)), stream.standard_normal((400, 1)) + shift
        function = choose_function(x[::CHOOSE], y[::CHOOSE])
        judged = judge_function(function, x, y)
        (m0, v0), (m1, _) = normal_moments(function, 0.0), normal_moments(function, shift)
        root = judged.root - quantile * judged.stderr
        own += root > (m1 - m0) / math.sqrt(v0)
        narrow += judged.root - 0.253 * judged.stderr > (m1 - m0) / math.sqrt(v0)
        excess.append(max(root, 0.0) ** 2)
        above += excess[-1] > math.expm1(shift**2)
    bound = chi2_drift(x, y, confidence=LEVEL)
    assert (bound.low, bound.high) == (pytest.approx(excess[-1]), math.inf)
    assert may_miss(own, 1.0 - LEVEL)
    assert may_cover(narrow, 0.25)  # and not by being wide: nominal 0.4
    assert may_miss(above, 1.0 - LEVEL)
    if shift == 1.0:
        assert np.median(excess) > 0.4 * math.expm1(shift**2)  # a bound worth having: 1.718 is the truth


def test_judging_on_the_choosing_rows_is_optimistic() -> None:
    stream = np.random.default_rng(11)
    wrong = {"split": 0, "same": 0}
    runs = 100
    for _ in range(runs):
        x, y = stream.standard_normal((400, 8)), stream.standard_normal((400, 8))
        wrong["split"] += chi2_drift(x, y, confidence=LEVEL).low > 0.0
        same = judge_function(choose_function(x, y), x, y)
        wrong["same"] += same.root - float(stats.t.isf(1.0 - LEVEL, 399)) * same.stderr > 0.0
    assert may_miss(wrong["split"], 1.0 - LEVEL, runs)
    assert not may_miss(wrong["same"], 1.0 - LEVEL, runs)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_tv_bound_covers(shift: float) -> None:
    stream = np.random.default_rng([12, int(10 * shift)])
    truth = 2.0 * float(stats.norm.cdf(0.5 * shift)) - 1.0
    lows = []
    for _ in range(200):
        x, y = stream.standard_normal((300, 2)), stream.standard_normal((300, 2))
        y[:, 0] += shift
        lows.append(tv_drift(x, y, confidence=LEVEL).low)
    assert may_miss(int(np.sum(np.array(lows) > truth)), 1.0 - LEVEL, 200)
    assert shift == 0.0 or np.median(lows) > 0.1 * truth


def test_a_change_of_variance_alone_is_seen() -> None:
    stream = np.random.default_rng(13)
    x, y = stream.standard_normal((4000, 3)), stream.standard_normal((4000, 3))
    y[:, 1] *= 1.3
    truth = 1.0 / (1.3 * math.sqrt(2.0 - 1.3**2)) * 1.3 - 1.0 if 1.3**2 < 2.0 else math.inf
    found = chi2_drift(x, y, confidence=0.999)
    assert 0.01 < found.low <= truth


def test_separate_laws_have_a_total_variation_near_one() -> None:
    stream = np.random.default_rng(14)
    x, y = stream.standard_normal((2000, 2)), stream.standard_normal((2000, 2)) + 8.0
    assert tv_drift(x, y).low > 0.97
    assert chi2_drift(x, y).low > 5.0


# --- W1 ------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.3, 1.0), (0.0, 1.5)])
def test_the_w1_interval_covers(shift: float, scale: float) -> None:
    stream = np.random.default_rng([15, int(10 * shift), int(10 * scale)])
    truth = abs(shift) + (scale - 1.0) * math.sqrt(2.0 / math.pi)  # either the means differ or the scales
    below = above = naive = 0
    for _ in range(RUNS):
        x, y = stream.standard_normal((300, 1)), shift + scale * stream.standard_normal((300, 1))
        found = w1_drift(x, y, confidence=LEVEL)
        below += truth < found.low
        above += truth > found.high
        plug_in = float(stats.wasserstein_distance(x[:, 0], y[:, 0]))
        naive += abs(plug_in - truth) > 1.96 * found.estimate.stderr * math.sqrt(2.0 / 3.0)
    assert may_miss(below, 0.5 * (1.0 - LEVEL))
    assert may_miss(above, 0.5 * (1.0 - LEVEL))
    assert shift + scale > 1.0 or not may_miss(naive, 1.0 - LEVEL)  # the plug-in distance is never 0


def test_sliced_w1_of_a_shift_is_its_mean_projection() -> None:
    stream = np.random.default_rng(16)
    x, y = stream.standard_normal((20_000, 3)), stream.standard_normal((20_000, 3)) + np.array([0.5, 0.0, -0.2])
    found = w1_drift(x, y, directions=np.eye(3), confidence=0.999999)
    assert found.low <= (0.5 + 0.0 + 0.2) / 3.0 <= found.high
    one = w1_drift(x, y, directions=[2.0, 0.0, 0.0], confidence=0.999999)
    assert one.low <= 0.5 <= one.high
    assert one.high - one.low < 0.2


# --- rare rows -----------------------------------------------------------------------------------------------------------
def test_a_rare_kind_of_row_that_a_small_sample_misses_is_no_drift() -> None:
    """Of 60 rows none is of the kind that makes up 2 % of both laws: that happens three times in ten."""
    reference, sample = np.zeros((20_000, 1)), np.zeros((60, 1))
    reference[::50] = 1.0
    for confidence in (0.95, 0.999999):
        found = (
            mmd_drift(reference, sample, confidence=confidence, rng=1),
            chi2_drift(reference, sample, confidence=confidence),
            tv_drift(reference, sample, confidence=confidence),
            w1_drift(reference, sample, confidence=confidence),
        )
        assert [one.low for one in found] == [0.0] * 4
    features = fourier_features(median_distance(reference), reference, 32, np.random.default_rng(1))
    x, y = embed(features, reference), embed(features, sample)
    alone = x.covariance / x.rows + y.covariance / y.rows  # the sample's own variance is 0: that would call it a drift
    assert squared_norm_interval(y.mean - x.mean, alone, 0.999999)[0] > 0.0


def test_rare_rows_are_missed_by_either_sample_at_the_level_of_the_bound() -> None:
    stream = np.random.default_rng(24)
    misses = {"chi2": 0, "w1": 0, "mmd": 0}
    for _ in range(150):
        x, y = ((stream.random((rows, 1)) < 0.03).astype(float) for rows in (120, 60))
        x[0] = 1.0  # a reference whose choosing rows are all equal is refused
        misses["chi2"] += chi2_drift(x, y, confidence=0.999).low > 0.0
        misses["w1"] += w1_drift(x, y, confidence=0.999).low > 0.0
        misses["mmd"] += mmd_drift(x, y, confidence=0.999, rng=1).low > 0.0
    assert all(may_miss(count, 0.001, 150) for count in misses.values())


def test_the_upper_end_of_mmd_allows_rows_that_neither_sample_shows() -> None:
    """A law with 3 % of its rows elsewhere shows none of them in 60 rows once in six times."""
    reference = np.zeros((20_000, 1))
    reference[:20] = 1.0
    found = mmd_drift(reference, np.zeros((60, 1)), confidence=0.99, bandwidth=0.2, rng=1)
    truth = 2.0 * (0.03 - 0.001) ** 2  # two points at a distance of five bandwidths
    assert found.low == 0.0
    assert truth < found.high < 0.1


# --- KL of fitted Gaussians ----------------------------------------------------------------------------------------------
def test_the_kl_of_fitted_gaussians_covers_and_its_plug_in_does_not() -> None:
    stream = np.random.default_rng(17)
    truth, dim, rows = 0.5 * (0.3**2 + 0.2 - math.log(1.2)), 4, 300
    scale = np.array([math.sqrt(1.2), 1.0, 1.0, 1.0])
    misses, values, plug_in = 0, [], []
    for _ in range(200):
        x, y = stream.standard_normal((rows, dim)), scale * stream.standard_normal((rows, dim))
        y[:, 1] += 0.3
        found = gaussian_kl_drift(x, y, confidence=LEVEL)
        assert found is not None
        misses += not found.low <= truth <= found.high
        values.append(found.estimate.value)
        gap, c0, c1 = y.mean(0) - x.mean(0), np.cov(x.T), np.cov(y.T)
        inside = np.trace(np.linalg.solve(c0, c1)) - dim + gap @ np.linalg.solve(c0, gap)
        plug_in.append(0.5 * (inside + np.linalg.slogdet(c0)[1] - np.linalg.slogdet(c1)[1]))
    assert may_miss(misses, 1.0 - LEVEL, 200)
    score = [float((np.mean(one) - truth) / np.std(one) * math.sqrt(200)) for one in (values, plug_in)]
    assert abs(score[0]) < 5.2
    assert score[1] > 5.2


@pytest.mark.parametrize("floor", [True, False])
def test_a_small_kl_is_covered_and_not_by_the_jackknife_alone(floor: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where KL is near 0 its jackknife is quadratic in the noise: value and error are small together."""
    if not floor:
        module = importlib.import_module("numeric.samples.sample_drift")
        monkeypatch.setattr(module, "_highest_near_zero", lambda *_: 0.0)
    stream = np.random.default_rng(25)
    above, runs = 0, 250 if floor else 1000  # five in a hundred against half of one
    for _ in range(runs):
        x, y = stream.standard_normal((200, 1)), stream.standard_normal((200, 1)) + 0.1
        found = gaussian_kl_drift(x, y, confidence=0.99)
        assert found is not None
        above += found.high < 0.005
    assert may_miss(above, 0.005, runs) == floor


def test_singular_fits_have_no_kl() -> None:
    x = np.random.default_rng(18).standard_normal((200, 2))
    x[:, 1] = 1.0
    assert gaussian_kl_drift(x, x[::-1]) is None
    assert sample_drift(x, x[::-1], rng=1).gaussian_kl is None


# --- all of them ---------------------------------------------------------------------------------------------------------
def pair(rows: int, dim: int, seed: int = 20) -> tuple[Array, Array]:
    stream = np.random.default_rng(seed)
    return stream.standard_normal((rows, dim)), stream.standard_normal((rows, dim)) * 1.1 + 0.2


def test_heavy_tails_are_said_and_bounded_functions_do_not_mind() -> None:
    x, y = (np.random.default_rng(seed).standard_cauchy((3000, 2)) for seed in (21, 22))
    found = sample_drift(x, y, rng=1, confidence=0.9999)
    assert "heavy tails" in found.w1.doubt
    assert found.gaussian_kl is not None
    assert "heavy tails" in found.gaussian_kl.doubt
    assert found.mmd2.doubt == ""
    assert (found.mmd2.low, found.chi2.low, found.tv.low) == (0.0, 0.0, 0.0)
    moved = sample_drift(x, y + 1.0, rng=1, confidence=0.9999)
    assert min(moved.mmd2.low, moved.chi2.low, moved.tv.low) > 0.0


def test_sorted_rows_make_no_drift() -> None:
    x, y = np.random.default_rng(23).standard_normal((2, 2000, 2))
    found = sample_drift(x[np.argsort(x[:, 0])], y[np.argsort(-y[:, 1])], rng=1, confidence=0.9999)
    assert [getattr(found, name).low for name in QUANTITIES] == [0.0] * len(QUANTITIES)


def test_chunks_kinds_of_numbers_and_memory_maps_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = (part.astype(np.float32) for part in pair(1500, 3))
    np.save(tmp_path / "y.npy", y)
    mapped = np.load(tmp_path / "y.npy", mmap_mode="r")
    whole = sample_drift(x.astype(np.float64), y.astype(np.float64), rng=3)
    monkeypatch.setattr("numeric.samples.sample_features.ENTRIES", 5000)
    parts = sample_drift(x, mapped, rng=3)
    for name in QUANTITIES:
        one, other = getattr(whole, name), getattr(parts, name)
        assert (one.low, one.value) == pytest.approx((other.low, other.value), rel=1e-6, abs=1e-9)


def test_all_together_are_the_single_ones() -> None:
    x, y = pair(500, 1)
    found = sample_drift(x[:, 0], y[:, 0], rng=3)
    assert found.w1 == w1_drift(x, y)
    assert (found.chi2, found.tv) == (chi2_drift(x, y), tv_drift(x, y))
    assert found.gaussian_kl == gaussian_kl_drift(x, y)
    assert found.mmd2.low <= mmd_drift(x, y, rng=7).value * 3.0


def bad_row() -> Array:
    x = pair(100, 2)[0]
    x[37, 1] = np.nan
    return x


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sample_drift(bad_row(), pair(100, 2)[0], rng=1), "reference must be finite, got NaN or inf in row 37"),
        (lambda: sample_drift(pair(100, 2)[0], bad_row(), rng=1), "sample must be finite"),
        (lambda: mmd_drift(pair(100, 2)[0], pair(100, 3)[0], rng=1), "sample must have 2 columns"),
        (lambda: mmd_drift(pair(100, 2)[0], pair(49, 2)[0], rng=1), "sample must have at least 50 rows"),
        (lambda: mmd_drift(np.ones((100, 2)), pair(100, 2)[0], rng=1), "reference must have rows that differ"),
        (lambda: chi2_drift(np.ones((100, 2)), pair(100, 2)[0]), "reference must vary"),
        (lambda: mmd_drift(*pair(100, 2), rng=1, bandwidth=0.0), "bandwidth must be"),
        (lambda: mmd_drift(*pair(100, 2), rng=1, features=0), "features must be"),
        (lambda: mmd_drift(*pair(100, 2), rng=-1), "rng must be"),
        (lambda: w1_drift(*pair(100, 2), directions=np.eye(3)), "directions must have 2 columns"),
        (lambda: w1_drift(*pair(100, 2), directions=np.zeros((1, 2))), "directions must have positive length"),
        (lambda: tv_drift(*pair(100, 2), confidence=1.0), "confidence must be"),
        (lambda: tv_drift("x", pair(100, 2)[0]), "reference must be an array of real numbers"),
        (lambda: tv_drift([[1.0], [1.0, 2.0]], pair(100, 2)[0]), "reference must be a rectangular array"),
        (lambda: tv_drift(np.zeros((60, 2, 2)), pair(100, 2)[0]), "reference must have shape"),
        (lambda: DriftEstimate(Estimate(0.0, 0.0, 1), 2.0, 1.0, 0.9), "low and high must"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        call()
