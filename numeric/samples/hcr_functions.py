"""Bounded test functions that tell two samples apart, chosen on one part of the rows and judged on the rest.

For every function phi, chi2(p^i || p) >= (E_{p^i} phi - E_p phi)^2 / Var_p phi (Hammersley, Chapman and Robbins) and, for every
set S, TV(p^i, p) >= p^i(S) - p(S). A function chosen and judged on the same rows fits their noise: its bound is too high, under
equal laws by about the number of features over the number of rows. Rows that chose nothing judge without bias, so any choice is
valid, and a poor one only costs sharpness.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from numeric.samples.sample_features import chunks, spaced
from numeric.validation import Array

__all__ = ["CHOOSE", "Judged", "ScoreFunction", "choose_function", "judge_function", "judging_chunks"]

CHOOSE = 3  # every third row chooses, the others judge
CHOOSING_ROWS = 1 << 14  # from which covariances are taken; means use every choosing row
QUADRATIC = 16  # directions whose squares and products enter
TAIL = 1e-3  # share of the rows beyond which test functions are cut off
WIDTH = 6.0  # times the distance of the quartiles, to either side of the median: eight standard deviations of a Gaussian
RIDGE = 0.01
SINGULAR = 1e-8  # relative variance below which a direction of the reference is left out


@dataclass(frozen=True, eq=False)
class ScoreFunction:
    """phi(x) = linear . z + z' quadratic z, cut to [low, high], with z = (x cut to a box - centre) turn.

    ``threshold``: S = {phi > threshold} is the set for TV.
    """

    box: tuple[Array, Array]
    centre: Array
    turn: Array
    linear: Array
    quadratic: Array
    low: float
    high: float
    threshold: float

    def __call__(self, x: Array) -> Array:
        """(n, d) -> (n,)."""
        return np.clip(self.uncut(x), self.low, self.high)

    def uncut(self, x: Array) -> Array:
        """phi before it is cut to [low, high]."""
        z = (np.clip(x, *self.box) - self.centre) @ self.turn
        some = z[:, : self.quadratic.shape[0]]
        return np.asarray(z @ self.linear + np.einsum("nk,nk->n", some @ self.quadratic, some))


def choose_function(reference: Array, sample: Array) -> ScoreFunction:
    """The combination of first and second moments with the largest squared mean difference per variance under the reference.

    Args:
        reference, sample: (m, d) and (n, d), the rows that choose.

    Coordinates are first cut to a box around the bulk of the reference, so that all moments exist whatever the tails, and
    turned to the directions in which the two covariances differ most; of those, at most 16 enter with squares and products.
    """
    x, y = spaced(reference, CHOOSING_ROWS), spaced(sample, CHOOSING_ROWS)
    low, first, middle, third, high = np.quantile(x, [TAIL, 0.25, 0.5, 0.75, 1.0 - TAIL], axis=0)
    reach = np.where(third > first, WIDTH * (third - first), 2.0 * (high - low))  # a column mostly constant has no quartiles
    box = (middle - reach, middle + reach)
    x, y = np.clip(x, *box), np.clip(y, *box)
    centre = x.mean(axis=0)
    turn = _turn(x, y)
    size = min(turn.shape[1], QUADRATIC)
    pairs = np.triu_indices(size)

    def moments(rows: Array) -> Array:
        z = (np.clip(rows, *box) - centre) @ turn
        return np.concatenate([z, z[:, pairs[0]] * z[:, pairs[1]]], axis=1)

    seen = moments(x)
    count = seen.shape[1]
    scale = seen.std(axis=0)
    scale[scale <= 0.0] = np.inf
    means = [sum(moments(part).sum(axis=0) for part in chunks(rows, count)) / rows.shape[0] for rows in (reference, sample)]
    gap = (means[1] - means[0]) / scale
    correlation = np.cov(seen, rowvar=False).reshape(count, count) / np.outer(scale, scale)
    penalty = RIDGE + count / min(x.shape[0], y.shape[0])  # more features on fewer rows: less trust in their correlations
    weights = np.linalg.solve(correlation + penalty * np.eye(count), gap) / scale
    quadratic = np.zeros((size, size))
    quadratic[pairs] = weights[turn.shape[1] :]
    function = ScoreFunction(box, centre, turn, weights[: turn.shape[1]], quadratic, -math.inf, math.inf, 0.0)
    vx, vy = function.uncut(x), function.uncut(y)
    ends = np.quantile(np.concatenate([vx, vy]), [TAIL, 1.0 - TAIL])
    return ScoreFunction(box, centre, turn, function.linear, quadratic, float(ends[0]), float(ends[1]), _best_threshold(vx, vy))


def _turn(x: Array, y: Array) -> Array:
    """(d, k) coordinates in which x has covariance I and y a diagonal one, those where they differ most first."""
    values, vectors = np.linalg.eigh(np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]))
    kept = values > max(SINGULAR * values[-1], 0.0)
    if not np.any(kept):
        raise ValueError("reference must vary in at least one column, got constant columns")
    white = vectors[:, kept] / np.sqrt(values[kept])
    spread, axes = np.linalg.eigh(white.T @ np.cov(y, rowvar=False).reshape(x.shape[1], x.shape[1]) @ white)
    order = np.argsort(-np.abs(np.log(np.maximum(spread, SINGULAR))))
    return np.asarray(white @ axes[:, order])


def _best_threshold(x: Array, y: Array) -> float:
    """The c that maximises the share of y above c minus that of x."""
    values = np.concatenate([x, y])
    step = np.concatenate([np.full(x.size, -1.0 / x.size), np.full(y.size, 1.0 / y.size)])
    order = np.argsort(values, kind="stable")
    values = values[order]
    below = np.cumsum(step[order])  # share of y minus share of x at or below each value
    last = np.append(values[1:] > values[:-1], True)  # a threshold does not part equal values
    return float(values[last][np.argmin(below[last])])


@dataclass(frozen=True)
class Judged:
    """What the judging rows say of one function: moments of phi in units of ``unit`` and the counts of {phi > threshold}.

    Attributes:
        root: (E_{p^i} phi - E_p phi)/sd_p phi. stderr: its standard error, the larger of the delta method's and of that under
            equal laws, with the variance of all rows together: where a rare value of phi shows in one sample only, the delta
            method takes its absence from the other for a fact. rows: (reference, sample).
        inside: counts above the threshold, (reference, sample). constant: whether phi does not vary over the reference.
    """

    root: float
    stderr: float
    rows: tuple[int, int]
    inside: tuple[int, int]
    constant: bool


def judge_function(function: ScoreFunction, reference: Array, sample: Array) -> Judged:
    """Evaluate a chosen function on the rows that did not choose it."""
    middle = 0.5 * (function.low + function.high)
    unit = 0.5 * (function.high - function.low) or 1.0
    sums, rows, inside = np.zeros((2, 4)), [0, 0], [0, 0]
    for index, law in enumerate((reference, sample)):
        for part in judging_chunks(law):
            raw = function.uncut(part)
            value = (np.clip(raw, function.low, function.high) - middle) / unit
            sums[index] += [np.sum(value**power) for power in (1, 2, 3, 4)]
            rows[index] += value.size
            inside[index] += int(np.count_nonzero(raw > function.threshold))
    (m1, m2, m3, m4), (s1, s2, _, _) = sums[0] / rows[0], sums[1] / rows[1]
    variance = m2 - m1**2
    counts, above = (rows[0], rows[1]), (inside[0], inside[1])
    if variance <= 1e-12:
        return Judged(0.0, 0.0, counts, above, True)
    third = m3 - 3.0 * m1 * m2 + 2.0 * m1**3
    fourth = m4 - 4.0 * m1 * m3 + 6.0 * m1**2 * m2 - 3.0 * m1**4
    gap = s1 - m1
    slope = (
        -0.5 * gap / variance**1.5
    )  # of gap/sqrt(variance) in the variance; in the mean of the reference it is -1/sqrt(variance)
    reference_part = 1.0 - 2.0 * slope * third / math.sqrt(variance) + slope**2 * max(fourth - variance**2, 0.0)
    sample_part = max(s2 - s1**2, 0.0) / variance
    error = math.sqrt(max(reference_part, 0.0) / (rows[0] - 1) + sample_part / (rows[1] - 1))
    together = (rows[0] + rows[1] * sample_part) / (rows[0] + rows[1])
    error = max(error, math.sqrt(together * (1.0 / (rows[0] - 1) + 1.0 / (rows[1] - 1))))
    return Judged(gap / math.sqrt(variance), error, counts, above, False)


def judging_chunks(rows: Array) -> Iterator[Array]:
    """The rows that judge, chunk by chunk."""
    start = 0
    for part in chunks(rows):
        yield part[(start + np.arange(part.shape[0])) % CHOOSE != 0]
        start += part.shape[0]
