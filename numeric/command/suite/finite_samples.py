"""Refitting on finite samples: chains of fits, the score error of one fit, and weighted means."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from numeric.command.suite.case import SuiteCase
from numeric.fits.fit_energy import fit_energy
from numeric.fits.refits import exact_refits, simulate_refits
from numeric.fits.weighted_means import WeightedMeans, simulate_weighted_means, weighted_means
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian

__all__ = ["finite_sample_cases"]


def finite_sample_cases(draws: float = 1.0) -> Iterator[SuiteCase]:
    """Exact and simulated cases; ``draws``: share of the chains and fits of the simulated ones."""
    yield from _enumerated()
    yield from _simulated(draws)
    yield from _energies(draws)
    yield from _weights(draws)


def _enumerated() -> Iterator[SuiteCase]:
    unit, off = Gaussian(0.0, 1.0), Gaussian(1.0, 0.5)
    yield SuiteCase(
        "samples",
        "refits, half fresh",
        "ten points, five of them fresh, every outcome counted: the closed form and where it settles",
        lambda rng: exact_refits(unit, 0.5, 12, n=10),
    )
    yield SuiteCase(
        "samples",
        "refits, few fresh",
        "twenty points, two of them fresh, for a hundred rounds: settled from round sixty on",
        lambda rng: exact_refits(Gaussian(0.3, 2.0), 0.1, 100, n=20),
    )
    yield SuiteCase(
        "samples",
        "refits, off the mean",
        "a first fit that is wrong: the centres of fresh and synthetic points differ",
        lambda rng: exact_refits(unit, 0.25, 6, n=8, initial=off),
    )
    yield SuiteCase(
        "samples",
        "refits, off the mean, iid",
        "the same with points drawn from the mixture: which of them are fresh is random",
        lambda rng: exact_refits(unit, 0.25, 6, n=8, design="iid", initial=off),
    )
    yield SuiteCase(
        "samples",
        "refits, any schedule",
        "fresh fractions that change, among them none and all, points drawn from the mixture",
        lambda rng: exact_refits(Gaussian([0.0, 1.0], [1.0, 2.0]), [0.3, 0.0, 0.7, 0.2, 1.0, 0.05], 6, n=12, design="iid"),
    )
    yield SuiteCase(
        "samples",
        "refits, nothing fresh",
        "the variance collapses, on a typical path twice as fast as in the mean",
        lambda rng: exact_refits(unit, "replace", 40, n=30),
    )


def _simulated(draws: float) -> Iterator[SuiteCase]:
    unit, off = Gaussian(0.0, 1.0), Gaussian(1.0, 0.5)
    yield SuiteCase(
        "samples",
        "refits of normal points",
        "every point is drawn, a quarter of them fresh, from a first fit off the mean",
        lambda rng: simulate_refits(unit, 0.25, 4, n=8, runs=_share(40_000, draws), rng=rng, initial=off),
        simulated=True,
    )
    yield SuiteCase(
        "samples",
        "refits of normal points, iid",
        "the same with points drawn from the mixture, by the laws of their means and sums of squares",
        lambda rng: simulate_refits(
            unit, 0.25, 4, n=8, runs=_share(200_000, draws), rng=rng, initial=off, design="iid", route="moments"
        ),
        simulated=True,
    )
    yield SuiteCase(
        "samples",
        "refits of normal points, nothing fresh",
        "the collapse of the variance and the typical rate, from actual points",
        lambda rng: simulate_refits(unit, 0.0, 4, n=12, runs=_share(40_000, draws), rng=rng),
        simulated=True,
    )
    yield SuiteCase(
        "samples",
        "refits of normal points, from the data",
        "half fresh, from the data law itself: conservation and the closed form",
        lambda rng: simulate_refits(unit, 0.5, 5, n=6, runs=_share(40_000, draws), rng=rng),
        simulated=True,
    )


def _energies(draws: float) -> Iterator[SuiteCase]:
    plane = Gaussian([0.0, 0.5], [[1.5, 0.4], [0.4, 0.6]])
    yield SuiteCase(
        "samples",
        "fit on few points",
        "five points in the plane: the factors of the 1/n covariance matter",
        lambda rng: fit_energy(plane, OU(), n=5, fits=_share(30_000, draws), rng=rng),
        simulated=True,
    )
    yield SuiteCase(
        "samples",
        "fit in four dimensions",
        "most parameters are covariances",
        lambda rng: fit_energy(
            Gaussian([0.0] * 4, [0.3, 0.8, 1.0, 2.5]), OU(0.1, 3.0), n=20, fits=_share(10_000, draws), rng=rng
        ),
        simulated=True,
    )
    yield SuiteCase(
        "samples",
        "fit without early stopping",
        "the whole path: every parameter costs the same",
        lambda rng: fit_energy(plane, n=5, fits=_share(30_000, draws), rng=rng),
        simulated=True,
    )
    yield SuiteCase(
        "samples",
        "fit on a line",
        "one mean and one variance",
        lambda rng: fit_energy(Gaussian(2.0, 0.4), n=10, fits=_share(40_000, draws), rng=rng),
        simulated=True,
    )


def _weights(draws: float) -> Iterator[SuiteCase]:
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    for label, weight, n, ratio, purpose in (
        ("golden weight", golden, 8, 1.0, "as many synthetic points as fresh ones, at the best weight"),
        ("weight near the golden", 0.6, 8, 1.0, "near the best weight: two thirds would be too much"),
        ("weight of plain pooling", 0.5, 8, 1.0, "equal weights: the error that a plain mean of all points has"),
        ("two synthetic per fresh", 0.5, 6, 2.0, "the best weight is one half"),
        ("one synthetic per two fresh", 0.8, 10, 0.5, "more fresh points than synthetic ones"),
    ):
        yield SuiteCase(
            "samples",
            label,
            purpose,
            partial(_weighted, weight=weight, n=n, ratio=ratio),
        )
    yield SuiteCase(
        "samples",
        "weighted means of normal points",
        "two synthetic points per fresh one, away from the best weight",
        lambda rng: simulate_weighted_means(0.8, n=2, ratio=2.0, runs=_share(200_000, draws), rng=rng),
        simulated=True,
    )


def _share(count: int, draws: float) -> int:
    return max(round(count * draws), 2)


def _weighted(rng: np.random.Generator, weight: float, n: int, ratio: float) -> WeightedMeans:
    """The enumerated route, which draws nothing."""
    return weighted_means(weight, n=n, ratio=ratio)
