"""Estimating a mean again and again from fresh and synthetic points of known variance, with a weight on the fresh ones.

Round i averages n fresh points, N(m, sigma^2), and kappa n synthetic points, N(m_i, sigma^2), with the weights alpha and
1 - alpha. The error of the mean settles; the weight with the least settled error is found by a search over weights.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize

from numeric.estimate import Estimate
from numeric.validation import COUNT, POSITIVE, Array, Domain, generator, integer, real

__all__ = ["WeightedMeans", "simulate_weighted_means", "weighted_means"]

LIGHTEST: Final = 1e-6  # weight on the fresh points
LARGEST: Final = 2000  # points of one kind whose outcomes are enumerated
BLOCK: Final = 1 << 17  # chains advanced at once
SETTLED: Final = 1e-12  # share of its start that the error may still carry when it counts as stationary
XATOL: Final = 1e-9  # of the search for the best weight
WEIGHT: Final = Domain(0.0, 1.0, low_open=True)


@dataclass(frozen=True, eq=False, kw_only=True)
class WeightedMeans:
    """The settled error of the mean, in units of sigma^2/n.

    Attributes:
        alpha: weight on the fresh points.
        n: fresh points of one round.
        ratio: kappa, synthetic points per fresh one.
        stationary_error: n E (m_i - m)^2/sigma^2 after many rounds; an Estimate where simulated.
        best_weight: the weight with the least stationary error, by a search over the enumerated errors.
        weight_error: bound of the numerical error of ``best_weight``.
        unsettled: bound of the relative distance of ``stationary_error`` from its limit.
        skewness: of ``stationary_error`` where simulated.
        method: the route that gave the numbers.
    """

    alpha: float
    n: int
    ratio: float
    stationary_error: float | Estimate
    best_weight: float
    weight_error: float
    unsettled: float
    skewness: float = 0.0
    method: str = "enumeration"


def weighted_means(alpha: float, *, n: int, ratio: float = 1.0) -> WeightedMeans:
    """The stationary error without sampling: one round is enumerated over points at plus or minus sigma, then iterated.

    Args:
        alpha: weight on the fresh points, in [1e-6, 1]: what a round leaves of an error is (1 - alpha)^2, and its distance
            from 1 must be known to 1e-9.
        n: fresh points of one round, 1 to 2000.
        ratio: kappa > 0, synthetic points per fresh one; kappa n must be a whole number, at most 2000.

    Raises:
        TypeError, ValueError: naming the argument.

    Example:
        >>> half = weighted_means(0.5, n=4)
        >>> round(half.stationary_error, 6), round(half.best_weight, 6)
        (0.666667, 0.618034)
    """
    weight, size, others = _checked(alpha, n, ratio)
    if weight < LIGHTEST:
        raise ValueError(f"alpha must be at least {LIGHTEST:g} for an enumeration, got {weight:g}")
    if max(size, others) > LARGEST:
        raise ValueError(f"n must be at most {LARGEST} points of either kind, got {max(size, others)}")
    best, slack = _best_weight(size, others)
    return WeightedMeans(
        alpha=weight,
        n=size,
        ratio=others / size,
        stationary_error=_settled(weight, size, others),
        best_weight=best,
        weight_error=slack,
        unsettled=SETTLED,
    )


def simulate_weighted_means(
    alpha: float,
    *,
    n: int,
    ratio: float = 1.0,
    runs: int,
    rng: np.random.Generator | int | None,
    workers: int = 1,
) -> WeightedMeans:
    """The same from ``runs`` independent chains of actual normal points, started at the true mean.

    The chains run until (1 - alpha)^{2N}, the share of the first error that is left, is below 1e-4.

    Raises:
        TypeError, ValueError: naming the argument; alpha must be at least 0.01, or the chains would be long.
    """
    weight, size, others = _checked(alpha, n, ratio)
    if weight < 0.01:
        raise ValueError(f"alpha must be at least 0.01 for a simulation, got {weight:g}")
    if max(size, others) > LARGEST:
        raise ValueError(f"n must be at most {LARGEST} points of either kind, got {max(size, others)}")
    count = integer("runs", runs, Domain(2, 2**31 - 1))
    threads = integer("workers", workers)
    rounds = 1 if weight == 1.0 else math.ceil(0.5 * math.log(1e-4) / math.log1p(-weight))
    block = max(BLOCK // (size + others), 1)
    sizes = [block] * (count // block) + ([count % block] if count % block else [])
    streams = generator(rng).spawn(len(sizes))

    def chains(rows: int, stream: np.random.Generator) -> Array:
        centre = np.zeros(rows)
        for _ in range(rounds):
            fresh = stream.standard_normal((rows, size)).mean(axis=1)
            centre = weight * fresh + (1.0 - weight) * (centre + stream.standard_normal((rows, others)).mean(axis=1))
        return np.asarray(size * centre**2)

    with ThreadPoolExecutor(threads) as pool:
        errors = np.concatenate(list(pool.map(chains, sizes, streams)))
    value, spread = float(errors.mean()), float(errors.std())
    ess = value**2 / float(np.mean(errors**2)) * count
    best, slack = _best_weight(size, others)
    return WeightedMeans(
        alpha=weight,
        n=size,
        ratio=others / size,
        stationary_error=Estimate(value, spread / math.sqrt(count - 1), count, ess),
        best_weight=best,
        weight_error=slack,
        unsettled=(1.0 - weight) ** (2 * rounds),
        skewness=float(np.mean((errors - value) ** 3)) / spread**3 / math.sqrt(count),
        method="simulation",
    )


def _checked(alpha: float, n: int, ratio: float) -> tuple[float, int, int]:
    """The weight and the two numbers of points."""
    weight, size, share = real("alpha", alpha, WEIGHT), integer("n", n), real("ratio", ratio, POSITIVE)
    if share * size > COUNT.high:
        raise ValueError(f"ratio must make ratio n at most {COUNT.high} points, got {share:g} times {size}")
    others = round(share * size)
    if others < 1 or abs(share * size - others) > 1e-9 * others:
        raise ValueError(f"ratio must make ratio n a whole number of points, got {share:g} times {size}")
    return weight, size, others


def _settled(weight: float, n: int, others: int) -> float:
    """The fixed point of one enumerated round, by iterating twice as many rounds each time; in units of sigma^2/n."""
    added, carried = (n * _one_round(weight, n, others, start) for start in (0.0, 1.0))
    error, left = added, (carried - added) / n  # what the rounds so far leave of an error of 1
    while left > SETTLED:
        error, left = error + left * error, left * left
    return error


def _one_round(weight: float, n: int, others: int, centre: float) -> float:
    """E (m' - m)^2 after m_i - m = ``centre``, over every outcome of n + ``others`` points at plus or minus sigma = 1."""
    from scipy import stats  # here, since it takes longer to import than the rest of numeric

    up, above = np.arange(n + 1.0)[:, None], np.arange(others + 1.0)
    chances = stats.binom.pmf(up, n, 0.5) * stats.binom.pmf(above, others, 0.5)
    mean = weight * (2.0 * up / n - 1.0) + (1.0 - weight) * (centre + 2.0 * above / others - 1.0)
    return float(np.sum(chances * mean**2))


def _best_weight(n: int, others: int) -> tuple[float, float]:
    """The minimiser, and how well it can be located where its values are known up to SETTLED, by their curvature."""

    def error(weight: float) -> float:
        return _settled(float(weight), n, others)

    search = optimize.minimize_scalar(error, bounds=(1e-3, 1.0), method="bounded", options={"xatol": XATOL})
    best = float(search.x)
    step = 0.1 * min(best, 1.0 - best)
    curvature = (error(best + step) - 2.0 * error(best) + error(best - step)) / step**2
    return best, XATOL + 2.0 * math.sqrt(2.0 * SETTLED * error(best) / curvature)
