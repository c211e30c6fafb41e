"""How far a sample of p^i is from a sample of the data p, when neither density is known.

Each estimator comes with an interval that keeps its level under equal laws, where most distances behave unlike a normal mean.
What samples can say differs by quantity. MMD and W1 have intervals with two ends. chi2 and TV have lower bounds only: no sample
excludes a thin tail in which chi2 is infinite. KL is estimated between fitted Gaussians, and is a statement about those.
Rows are taken to be independent draws; sorted files do no harm, correlated rows (Markov chains, augmented copies) do, and so
does a reference that the model was trained on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from numeric.estimate import CONFIDENCE, Estimate
from numeric.samples.hcr_functions import CHOOSE, choose_function, judge_function
from numeric.samples.sample_features import (
    Embedded,
    Features,
    chunks,
    discrepancy,
    embed,
    fourier_features,
    landmark_features,
    median_distance,
    sample_rows,
    spaced,
)
from numeric.validation import COUNT, Array, Domain, generator, integer, real, real_array

__all__ = [
    "DriftEstimate",
    "DriftGauge",
    "SampleDrift",
    "chi2_drift",
    "gaussian_kl_drift",
    "mmd_drift",
    "sample_drift",
    "tv_drift",
    "w1_drift",
]

FEATURES = 256
BANDWIDTH = Domain(1e-100, 1e50)  # squared distances over its square are floats for rows within 1e50
EXACT_ROWS = 600  # rows in all up to which the Gaussian kernel is evaluated exactly
DIRECTIONS = 16
PROJECTED_ROWS = 1 << 17
KNOTS = 129
GROUPS = 20
FEW, SHARE = 200.0, 0.1  # effective rows, and their share in a small sample, below which a variance is not known


@dataclass(frozen=True)
class DriftEstimate:
    """A distance measured on samples.

    Attributes:
        estimate: value, standard error and number of rows; the value may fall outside the interval where the drift is small.
        low, high: the interval; ``high`` is inf where samples bound from below only.
        confidence: its level. A one-sided bound spends all of the error on its one end.
        doubt: why nothing may rest on it; "" where there is no reason.
    """

    estimate: Estimate
    low: float
    high: float
    confidence: float
    doubt: str = ""

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        if not 0.0 <= self.low <= self.high:
            raise ValueError(f"low and high must satisfy 0 <= low <= high, got {self.low} and {self.high}")
        real("confidence", self.confidence, CONFIDENCE)

    @property
    def value(self) -> float:
        """The estimate, cut to the interval."""
        return min(max(self.estimate.value, self.low), self.high)


@dataclass(frozen=True)
class SampleDrift:
    """The drift of one sample from the reference, each quantity with its own interval.

    Attributes:
        mmd2: squared MMD under a Gaussian kernel whose bandwidth is the median distance in the reference; at most 2.
        w1: Wasserstein-1 distance; in more than one dimension its mean over 16 random directions (sliced W1), in the units of
            the data.
        chi2: lower bound of chi2(p^i || p) by a test function. tv: lower bound of TV(p^i, p) by a set.
        gaussian_kl: KL between the fitted Gaussians, a model; None where a fitted covariance is singular.
    """

    mmd2: DriftEstimate
    w1: DriftEstimate
    chi2: DriftEstimate
    tv: DriftEstimate
    gaussian_kl: DriftEstimate | None


def sample_drift(
    reference: ArrayLike, sample: ArrayLike, *, confidence: float = 0.95, rng: np.random.Generator | int | None
) -> SampleDrift:
    """Every drift of ``sample`` (n, d) from ``reference`` (m, d); ``confidence`` is that of each interval by itself.

    Memory is bounded by chunks: arrays may be memory maps.

    Raises:
        ValueError, TypeError: as mmd_drift.
    """
    x = sample_rows("reference", reference)
    y = sample_rows("sample", sample, x.shape[1])
    level = real("confidence", confidence, CONFIDENCE)
    return DriftGauge.of(x, rng=rng, others=(y,)).drift(y, level)


def mmd_drift(
    reference: ArrayLike,
    sample: ArrayLike,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None,
    bandwidth: float | None = None,
    features: int = FEATURES,
) -> DriftEstimate:
    """Squared MMD by its unbiased U-statistic, with a two-sided interval that holds near 0 and far from it.

    Args:
        reference: (m, d). sample: (n, d).
        confidence: of the interval.
        rng: draws the frequencies.
        bandwidth: h of the Gaussian kernel exp(-|x - y|^2/(2 h^2)); default the median distance in the reference;
            in [1e-100, 1e50].
        features: for more than 600 rows in all the kernel is that of ``features``/2 random frequencies; below that it is exact.

    The interval inverts the law of a squared norm under a normal limit of the mean embeddings. Features are bounded, so the
    limit holds for every law, heavy tails included; rows so rare that a sample misses them are allowed for.

    Raises:
        ValueError: fewer than 50 rows, other dimensions than the reference, NaN or inf (with its row), a reference whose rows
            are all equal. TypeError: arrays that do not hold numbers.
    """
    x = sample_rows("reference", reference)
    y = sample_rows("sample", sample, x.shape[1])
    level = real("confidence", confidence, CONFIDENCE)
    count = integer("features", features, COUNT)
    width = None if bandwidth is None else real("bandwidth", bandwidth, BANDWIDTH)
    kernel = _kernel(x, (y,), generator(rng), width, count)
    return _mmd2([(1.0, embed(kernel, y)), (-1.0, embed(kernel, x))], level)


def w1_drift(
    reference: ArrayLike,
    sample: ArrayLike,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | int | None = None,
    directions: ArrayLike | None = None,
) -> DriftEstimate:
    """Wasserstein-1 distance in one dimension; in more, its mean over directions.

    Args:
        reference, sample: (m, d), (n, d); at most 131072 rows of each are used.
        confidence: of the interval.
        rng: draws 16 directions where d > 1 and none are given.
        directions: (k, d), each scaled to length 1; ``numpy.eye(d)`` gives the mean over coordinates.

    The lower end judges a Kantorovich potential on rows that did not choose it. The upper end is the plug-in distance plus the
    normal quantile of the largest standard error that a potential can have: with s the sign of F - G,
    int |F - G| <= int |F_n - G_m| - int s (noise) dx, whose last term is the noise of the mean of a 1-Lipschitz function h, and
    Var h(x) = E (h(x) - h(x'))^2/2 <= E |x - x'|^2/2, for several directions with the mean of |x - x'| over them.
    Variances must exist: where few rows carry them, ``doubt`` says so.

    Raises:
        ValueError, TypeError: as mmd_drift; directions of another dimension or of length 0.
    """
    x = sample_rows("reference", reference)
    y = sample_rows("sample", sample, x.shape[1])
    level = real("confidence", confidence, CONFIDENCE)
    axes = _directions(x.shape[1], directions, rng)
    return _w1(spaced(x, PROJECTED_ROWS) @ axes.T, spaced(y, PROJECTED_ROWS) @ axes.T, level)


def chi2_drift(reference: ArrayLike, sample: ArrayLike, *, confidence: float = 0.95) -> DriftEstimate:
    """A lower confidence bound of chi2(p^i || p) by a bounded test function of first and second moments.

    Every third row chooses the function, the others judge it. The function is bounded, so its moments exist whatever the tails
    of the laws. The estimate is of the function's own bound, which chi2 is at least; ``high`` is inf.

    Raises:
        ValueError, TypeError: as mmd_drift.
    """
    x = sample_rows("reference", reference)
    y = sample_rows("sample", sample, x.shape[1])
    return _bounds_below(x, y, real("confidence", confidence, CONFIDENCE))[0]


def tv_drift(reference: ArrayLike, sample: ArrayLike, *, confidence: float = 0.95) -> DriftEstimate:
    """A lower confidence bound of TV(p^i, p): the probability of a chosen set under p^i minus that under p; ``high`` is 1.

    The set is chosen on every third row. The bound is exact at every sample size and level (Clopper and Pearson, Biometrika 26
    (1934), half of the error on either probability).

    Raises:
        ValueError, TypeError: as mmd_drift.
    """
    x = sample_rows("reference", reference)
    y = sample_rows("sample", sample, x.shape[1])
    return _bounds_below(x, y, real("confidence", confidence, CONFIDENCE))[1]


def gaussian_kl_drift(reference: ArrayLike, sample: ArrayLike, *, confidence: float = 0.95) -> DriftEstimate | None:
    """KL(N_sample || N_reference) of the Gaussians fitted to the samples: a model, which says nothing of other laws.

    Means and covariances of 20 interleaved groups give a jackknife, which removes the bias and gives the standard error.
    Variances of covariances need four moments: under heavier tails the interval is too short, and ``doubt`` says so.

    Returns:
        None where a fitted covariance is singular (constant columns, or too few rows for the dimension).

    Raises:
        ValueError, TypeError: as mmd_drift.
    """
    x = sample_rows("reference", reference)
    y = sample_rows("sample", sample, x.shape[1])
    return _gaussian_kl(_GroupMoments.of(x), _GroupMoments.of(y), real("confidence", confidence, CONFIDENCE))


@dataclass(frozen=True, eq=False)
class DriftGauge:
    """A reference with everything that measures against it computed once: kernel, embedding, directions, group moments."""

    reference: Array
    features: Features
    embedded: Embedded
    directions: Array
    projected: Array
    moments: _GroupMoments = field(repr=False)

    @staticmethod
    def of(
        reference: Array, *, rng: np.random.Generator | int | None, others: tuple[Array, ...] = (), features: int = FEATURES
    ) -> DriftGauge:
        """A gauge on validated rows; ``others`` are the samples to come, which decide whether the kernel can be exact."""
        stream = generator(rng)
        kernel = _kernel(reference, others, stream, None, features)
        axes = _directions(reference.shape[1], None, stream)
        return DriftGauge(
            reference,
            kernel,
            embed(kernel, reference),
            axes,
            spaced(reference, PROJECTED_ROWS) @ axes.T,
            _GroupMoments.of(reference),
        )

    def against(self, reference: Array) -> DriftGauge:
        """The same kernel and directions against other rows of the reference."""
        return DriftGauge(
            reference,
            self.features,
            embed(self.features, reference),
            self.directions,
            spaced(reference, PROJECTED_ROWS) @ self.directions.T,
            self.moments,
        )

    def embed(self, sample: Array) -> Embedded:
        """The mean embedding of a sample under the gauge's kernel."""
        return embed(self.features, sample)

    def w1(self, sample: Array, level: float) -> DriftEstimate:
        """W1 of a sample from the reference."""
        return _w1(self.projected, spaced(sample, PROJECTED_ROWS) @ self.directions.T, level)

    def drift(self, sample: Array, level: float, embedded: Embedded | None = None) -> SampleDrift:
        """Every drift of a sample; ``embedded`` is its embedding where it is at hand."""
        law = self.embed(sample) if embedded is None else embedded
        chi2, tv = _bounds_below(self.reference, sample, level)
        return SampleDrift(
            _mmd2([(1.0, law), (-1.0, self.embedded)], level),
            self.w1(sample, level),
            chi2,
            tv,
            _gaussian_kl(self.moments, _GroupMoments.of(sample), level),
        )


def _kernel(
    reference: Array, others: tuple[Array, ...], stream: np.random.Generator, bandwidth: float | None, count: int
) -> Features:
    """The Gaussian kernel, exact for few rows, else by random frequencies; its bandwidth knows the reference alone."""
    width = median_distance(reference) if bandwidth is None else bandwidth
    if others and reference.shape[0] + sum(part.shape[0] for part in others) <= EXACT_ROWS:
        return landmark_features([reference, *others], width)
    return fourier_features(width, reference, count, stream)


def _directions(dim: int, given: ArrayLike | None, rng: np.random.Generator | int | None) -> Array:
    if given is None:
        axes = np.ones((1, 1)) if dim == 1 else generator(rng).standard_normal((DIRECTIONS, dim))
    else:
        axes = np.atleast_2d(real_array("directions", given, ndim=(1, 2)))
        if axes.shape[1] != dim:
            raise ValueError(f"directions must have {dim} columns like the reference, got shape {axes.shape}")
    largest = np.abs(axes).max(axis=1, keepdims=True)
    if np.any(largest <= 0.0):
        raise ValueError("directions must have positive length, got a row of zeros")
    axes = axes / largest  # whose squares neither overflow nor underflow
    return np.asarray(axes / np.linalg.norm(axes, axis=1, keepdims=True))


def _mmd2(parts: list[tuple[float, Embedded]], level: float) -> DriftEstimate:
    estimate, low, high = discrepancy(parts, level)
    return DriftEstimate(estimate, low, high, level)


def _quantile(miss: float, rows: int) -> float:
    """The one-sided Student quantile that is exceeded with probability ``miss``."""
    return -float(special.stdtrit(max(rows - 1, 1), miss))


def _w1(x: Array, y: Array, level: float) -> DriftEstimate:
    """From projected samples (m, k), (n, k)."""
    from scipy import stats  # here, since it takes longer to import than the rest of numeric

    choosing = [np.sort(part[::CHOOSE], axis=0) for part in (x, y)]
    judging = [part[np.arange(part.shape[0]) % CHOOSE != 0] for part in (x, y)]
    scores = [np.zeros(part.shape[0]) for part in judging]
    plug_in = 0.0
    count = x.shape[1]
    for k in range(count):
        knots, heights = _potential(choosing[0][:, k], choosing[1][:, k])
        for score, part in zip(scores, judging, strict=True):
            score += np.interp(part[:, k], knots, heights) / count
        plug_in += float(stats.wasserstein_distance(x[:, k], y[:, k])) / count
    means, spreads = [float(score.mean()) for score in scores], [float(score.var(ddof=1)) for score in scores]
    gap, rows = means[1] - means[0], min(score.size for score in scores)
    error = _error(spreads, [score.size for score in scores])
    miss = 0.5 * (1.0 - level)
    widest = _error([_widest_variance(part) for part in (x, y)], [part.shape[0] for part in (x, y)])
    low = max(gap - _quantile(miss, rows) * error, 0.0)
    high = plug_in + _quantile(miss, min(x.shape[0], y.shape[0])) * widest
    return DriftEstimate(Estimate(gap, error, rows), low, max(low, high), level, _heavy(x, y))


def _error(variances: list[float], rows: list[int]) -> float:
    """Standard error of a difference of two means; not below that under equal laws, with the variance of all rows together.

    A small sample that misses a rare kind of row shows neither the row nor its variance.
    """
    together = sum(variance * count for variance, count in zip(variances, rows, strict=True)) / sum(rows)
    apart = sum(variance / count for variance, count in zip(variances, rows, strict=True))
    return math.sqrt(max(apart, together * sum(1.0 / count for count in rows)))


def _widest_variance(rows: Array) -> float:
    """At least the variance of any function whose slope is at most 1 in every direction: E (mean_k |x_k - x'_k|)^2/2."""
    half = rows.shape[0] // 2
    return 0.5 * float(np.mean(np.mean(np.abs(rows[:half] - rows[half : 2 * half]), axis=1) ** 2))


def _potential(x: Array, y: Array) -> tuple[Array, Array]:
    """Knots and values of a 1-Lipschitz function whose slope is the sign of F_x - F_y, from sorted choosing rows."""
    knots = np.unique(np.quantile(np.concatenate([x, y]), np.linspace(0.0, 1.0, KNOTS)))
    if knots.size < 2:
        return np.array([knots[0], knots[0] + 1.0]), np.zeros(2)
    middles = 0.5 * (knots[1:] + knots[:-1])
    gap = np.searchsorted(x, middles, "right") / x.size - np.searchsorted(y, middles, "right") / y.size
    return knots, np.concatenate([[0.0], np.cumsum(np.sign(gap) * np.diff(knots))])


def _heavy(*projected: Array) -> str:
    """A doubt where the variance of a sample rests on few rows: (sum r^2)^2 / sum r^4 of the worst direction."""
    for part in projected:
        squares = (part - part.mean(axis=0)) ** 2
        total, fourth = squares.sum(axis=0), np.sum(squares**2, axis=0)
        effective = float(np.min(np.where(fourth > 0.0, total**2 / np.where(fourth > 0.0, fourth, 1.0), math.inf)))
        if effective < min(FEW, SHARE * part.shape[0]):
            return f"heavy tails: {effective:.0f} of {part.shape[0]} rows carry the variance"
    return ""


def _bounds_below(reference: Array, sample: Array, level: float) -> tuple[DriftEstimate, DriftEstimate]:
    """Lower bounds of chi2 and TV by one chosen function."""
    function = choose_function(reference[::CHOOSE], sample[::CHOOSE])
    judged = judge_function(function, reference, sample)
    miss, rows = 1.0 - level, min(judged.rows)
    root = max(judged.root, 0.0)
    # at levels near 0 and 1 the quantile is infinite, and no bound from below exceeds the value itself
    width = max(_quantile(miss, rows), 0.0) * judged.stderr if judged.stderr > 0.0 else 0.0
    low = max(judged.root - width, 0.0) ** 2
    doubt = "the chosen test function does not vary over the reference" if judged.constant else ""
    chi2 = DriftEstimate(Estimate(root**2, 2.0 * root * judged.stderr, rows), low, math.inf, level, doubt)
    shares = [inside / count for inside, count in zip(judged.inside, judged.rows, strict=True)]
    error = math.sqrt(sum(share * (1.0 - share) / count for share, count in zip(shares, judged.rows, strict=True)))
    least = _binomial_low(judged.inside[1], judged.rows[1], 0.5 * miss)
    most = 1.0 - _binomial_low(judged.rows[0] - judged.inside[0], judged.rows[0], 0.5 * miss)
    tv = DriftEstimate(Estimate(max(shares[1] - shares[0], 0.0), error, rows), max(least - most, 0.0), 1.0, level)
    return chi2, tv


def _binomial_low(hits: int, count: int, miss: float) -> float:
    """Lower confidence bound of a probability: at it, ``hits`` or more have probability ``miss``."""
    return 0.0 if hits == 0 else float(special.betaincinv(hits, count - hits + 1, miss))


@dataclass(frozen=True, eq=False)
class _GroupMoments:
    """Counts, sums and sums of squares of interleaved groups, about the mean of the first rows."""

    counts: Array
    sums: Array
    squares: Array
    origin: Array
    effective: float

    @staticmethod
    def of(rows: Array) -> _GroupMoments:
        dim = rows.shape[1]
        some = spaced(rows, 4096)
        origin = some.mean(axis=0)
        counts, sums, squares = np.zeros(GROUPS), np.zeros((GROUPS, dim)), np.zeros((GROUPS, dim, dim))
        start = 0
        for part in chunks(rows):
            centred = part - origin
            first = (-start) % GROUPS
            for group in range(GROUPS):
                own = centred[(first + group) % GROUPS :: GROUPS]
                counts[group] += own.shape[0]
                sums[group] += own.sum(axis=0)
                squares[group] += own.T @ own
            start += part.shape[0]
        deviations = (some - origin) ** 2
        fourth = np.sum(deviations**2, axis=0)
        effective = np.where(fourth > 0.0, deviations.sum(axis=0) ** 2 / np.where(fourth > 0.0, fourth, 1.0), math.inf)
        return _GroupMoments(counts, sums, squares, origin, float(effective.min()) / some.shape[0])

    def fitted(self, without: int | None) -> tuple[Array, Array]:
        """Mean and covariance, leaving out one group."""
        kept = np.ones(GROUPS) if without is None else (np.arange(GROUPS) != without).astype(np.float64)
        count = float(kept @ self.counts)
        mean = kept @ self.sums / count
        square = np.tensordot(kept, self.squares, 1) / count
        return self.origin + mean, square - np.outer(mean, mean)


def _gaussian_kl(x: _GroupMoments, y: _GroupMoments, level: float) -> DriftEstimate | None:
    try:
        whole = _kl_of_moments(*y.fitted(None), *x.fitted(None))
        left = np.array([_kl_of_moments(*y.fitted(group), *x.fitted(group)) for group in range(GROUPS)])
    except np.linalg.LinAlgError:
        return None
    pseudo = GROUPS * whole - (GROUPS - 1) * left
    value, error = float(pseudo.mean()), float(pseudo.std(ddof=1) / math.sqrt(GROUPS))
    low, high = Estimate(value, error, GROUPS).interval(level)
    high = max(high, _highest_near_zero(whole, x, y, 0.5 * (1.0 - level)))
    doubt = "" if min(x.effective, y.effective) >= SHARE else "heavy tails: few rows carry the covariances"
    return DriftEstimate(Estimate(value, error, GROUPS), max(low, 0.0), max(high, 0.0), level, doubt)


def _highest_near_zero(plug_in: float, x: _GroupMoments, y: _GroupMoments, miss: float) -> float:
    """The largest KL under which so small a plug-in KL is not rare; near 0 the jackknife's error is small by luck.

    There KL = |theta|^2/2 of d (d + 3)/2 whitened parameters, each known up to noise of variance 1/m + 1/n: twice the plug-in
    is noncentral chi-squared. As in squared_norm_interval, one below its average noise does not shrink the end.
    """
    dim = x.origin.size
    noise, parameters = 1.0 / float(x.counts.sum()) + 1.0 / float(y.counts.sum()), 0.5 * dim * (dim + 3)
    seen = max(2.0 * plug_in / noise, parameters)
    return 0.5 * noise * float(special.chndtrinc(seen, parameters, miss))


def _kl_of_moments(m1: Array, c1: Array, m0: Array, c0: Array) -> float:
    """KL(N(m1, c1) || N(m0, c0)); LinAlgError where a covariance is numerically singular."""
    outer, inner = np.linalg.cholesky(c0), np.linalg.cholesky(c1)
    for root, matrix in ((outer, c0), (inner, c1)):
        if np.min(np.diagonal(root)) ** 2 <= 1e-12 * np.max(np.diagonal(matrix)):
            raise np.linalg.LinAlgError("numerically singular")
    turned = np.linalg.solve(outer, np.column_stack([inner, m1 - m0]))
    logs = 2.0 * float(np.sum(np.log(np.diagonal(outer)) - np.log(np.diagonal(inner))))
    return 0.5 * (float(np.sum(turned**2)) - m0.size + logs)


QUANTITIES = tuple(entry.name for entry in fields(SampleDrift))
