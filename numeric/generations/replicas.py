"""Functionals of E[e^Z | Y_t0] from independent replicas given the endpoint: U-statistics over pairs of replicas.

For A_r with E[A_r | y] = f(y) and B_r with E[B_r | y] = g(y), independent over r given y, the mean of A_r B_s over pairs r != s
is an unbiased estimate of f(y) g(y): no density, no regression. Endpoints are independent, replicas are not, so every
standard error is over endpoints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from numeric.estimate import Estimate
from numeric.generations.paths import PathSums
from numeric.validation import Array

__all__ = ["COLUMNS", "CONTROLS", "LIGHT", "SUSPECT", "Levels", "Moments", "columns", "gradient_of", "pair_mean"]

COLUMNS: Final = (
    "energy",  # V
    "martingale",  # M
    "martingale_square",  # M^2
    "weighted_energy",  # e^Z V
    "path_chi2",  # (e^Z - 1)^2
    "weight_square",  # e^2Z
    "remainder",  # (e^Z - 1 - M)^2
    "visible",  # L_r L_s
    "chi2",  # (e^Z_r - 1)(e^Z_s - 1)
    "gap",  # (e^Z_r - 1) L_s
    "weight",  # e^Z - 1
    "linear",  # L
    "noise",  # N
    "linear_noise",  # L_r N_s
    "noise_square",  # N_r N_s
)
"""Per-endpoint statistics, averaged over replicas or over pairs of them.

L = N + S is M written in forward time. Given the endpoint N has mean zero on any grid, so L has the mean of S, to second
order in the step where M's sum has first. L and not S: S alone often has several times L's variance.
"""

CONTROLS: Final = tuple(COLUMNS.index(name) for name in ("weight", "linear", "noise", "linear_noise", "noise_square"))
"""Columns of mean zero: E e^Z = 1, E S = 0 by Stein's identity, N has conditional mean zero, independently per replica."""

LIGHT: Final = tuple(index for index in CONTROLS if COLUMNS[index] != "weight")
"""Without e^Z, whose tail is heavy: its regression would bias a light quantity by several of its own standard errors."""

SECOND_ORDER: Final = ("energy", "visible", "linear", "noise", "linear_noise", "noise_square")


SUSPECT: Final = 6.0
SHOWN: Final = 2048


def gradient_of(**entries: float) -> Array:
    """A linear form in the statistics, by column name."""
    gradient = np.zeros(len(COLUMNS))
    for name, value in entries.items():
        gradient[COLUMNS.index(name)] = value
    return gradient


def pair_mean(a: Array, b: Array) -> Array:
    """Mean of a_r b_s over ordered pairs r != s; (replicas, n) twice to (n,)."""
    count = a.shape[0]
    return np.asarray((a.sum(axis=0) * b.sum(axis=0) - np.einsum("rn,rn->n", a, b)) / (count * (count - 1)))


def columns(sums: PathSums, forward_noise: Array, replicas: int) -> Array:
    """The statistics of ``COLUMNS`` at each endpoint, (len(COLUMNS), n), from paths ordered replica by replica."""
    martingale, energy, stein, log_weight, noise = (
        array.reshape(replicas, -1) for array in (sums.martingale, sums.energy, sums.stein, sums.log_weight, forward_noise)
    )
    weight, linear = np.exp(log_weight), noise + stein
    excess = weight - 1.0
    return np.stack(
        [
            energy.mean(axis=0),
            martingale.mean(axis=0),
            (martingale**2).mean(axis=0),
            (weight * energy).mean(axis=0),
            (excess**2).mean(axis=0),
            (weight**2).mean(axis=0),
            ((excess - martingale) ** 2).mean(axis=0),
            pair_mean(linear, linear),
            pair_mean(excess, excess),
            pair_mean(excess, linear),
            excess.mean(axis=0),
            linear.mean(axis=0),
            noise.mean(axis=0),
            pair_mean(linear, noise),
            pair_mean(noise, noise),
        ]
    )


@dataclass(frozen=True)
class Moments:
    """Mean (p,) and covariance (p, p) of ``n`` independent vectors of statistics, merged chunk by chunk in a fixed order.

    The first ``SHOWN`` vectors are kept, for how skewed a quantity is.
    """

    n: int
    mean: Array
    scatter: Array  # sum of centred outer products
    first: Array  # (p, at most SHOWN)

    @staticmethod
    def empty(count: int) -> Moments:
        """Of no vectors at all, of ``count`` statistics."""
        return Moments(0, np.zeros(count), np.zeros((count, count)), np.empty((count, 0)))

    @staticmethod
    def of(rows: Array) -> Moments:
        """From statistics (p, n)."""
        mean = rows.mean(axis=1)
        centred = rows - mean[:, None]
        return Moments(rows.shape[1], mean, centred @ centred.T, rows[:, :SHOWN].copy())

    def merge(self, other: Moments) -> Moments:
        """Both samples together (Chan, Golub and LeVeque's pairwise update)."""
        total = self.n + other.n
        shift = other.mean - self.mean
        scatter = self.scatter + other.scatter + np.outer(shift, shift) * (self.n * other.n / total)
        first = np.concatenate([self.first, other.first[:, : SHOWN - self.first.shape[1]]], axis=1)
        return Moments(total, self.mean + shift * (other.n / total), scatter, first)

    def ess(self, gradient: Array, offset: float = 0.0) -> float:
        """(sum w)^2 / sum w^2 over endpoints, for positive weights w = gradient . statistics + offset."""
        mean = float(gradient @ self.mean) + offset
        square = float(gradient @ self.scatter @ gradient) / self.n + mean * mean
        return min(float(self.n), self.n * mean * mean / square) if 0.0 < square < math.inf else 0.0

    def transform(self, matrix: Array) -> Moments:
        """The moments of ``matrix`` (q, p) times the statistics."""
        return Moments(self.n, matrix @ self.mean, matrix @ self.scatter @ matrix.T, matrix @ self.first)

    def variance(self, gradient: Array) -> float:
        """Variance of gradient . mean."""
        return float(gradient @ self.scatter @ gradient) / (max(self.n - 1, 1) * self.n)

    def controlled(self, controls: tuple[int, ...]) -> Moments:
        """The moments with columns of known mean zero regressed out of all the others: no mean changes, variances shrink.

        The regression coefficients come from the same sample: the bias is O(1/n), against a standard error O(1/sqrt(n)). A
        column further than ``SUSPECT`` standard errors from zero does not have mean zero (degenerate weights, a coarse grid, a
        wrong divergence) and is left out: it would spoil the others.
        """
        if not np.all(np.isfinite(self.scatter)):
            return self
        trusted = self.n * self.mean**2 < SUSPECT**2 * np.diagonal(self.scatter) / self.n
        chosen = [index for index in controls if trusted[index]]
        if not chosen or self.n <= 10 * len(chosen):
            return self
        scale = np.sqrt(np.diagonal(self.scatter)[chosen])  # controls differ by orders of magnitude
        cross = self.scatter[chosen] / scale[:, None]
        slopes = np.linalg.lstsq(cross[:, chosen] / scale, cross, rcond=1e-12)[0]
        slopes = slopes / scale[:, None]
        scatter = self.scatter - self.scatter[chosen].T @ slopes
        return Moments(self.n, self.mean - self.mean[chosen] @ slopes, scatter, self.first - slopes.T @ self.first[chosen])

    def skewness(self, gradient: Array) -> float:
        """Skewness of gradient . mean: that of one vector, seen on the first ones, over sqrt(n)."""
        with np.errstate(over="ignore", invalid="ignore"):
            values = gradient @ self.first
            centred = values - values.mean()
            scale = float(np.sqrt(np.mean(centred**2)))
            third = float(np.mean((centred / scale) ** 3)) if 0.0 < scale < math.inf else 0.0
        return third / math.sqrt(self.n) if math.isfinite(third) else 0.0

    def estimate(self, value: float, gradient: Array, *, ess: float | None = None, heavy: bool = False) -> Estimate | None:
        """A smooth function of the mean as an Estimate, its standard error by the delta method; None after an overflow.

        ``heavy``: a mean of weights, whose interval must reach further up, and whose skewness no sample shows.
        """
        variance = self.variance(gradient)
        if not (math.isfinite(value) and math.isfinite(variance)):
            return None
        skewness = 0.0 if heavy else self.skewness(gradient)
        return Estimate(value, math.sqrt(max(variance, 0.0)), self.n, ess, heavy=heavy, skewness=skewness)


@dataclass(frozen=True)
class Levels:
    """Moments on three grids along the same paths, and what Richardson extrapolation makes of them.

    Attributes:
        fine: on the full grid.
        extrapolated: the leading term of the grid bias removed with the help of every second time.
        halved: the same made from every second and every fourth time: what half the steps would have given.
    """

    fine: Moments
    extrapolated: Moments
    halved: Moments

    @staticmethod
    def of(stacked: Moments) -> Levels:
        """From the moments of ``columns`` on the three grids, one below the other."""
        width = len(COLUMNS)
        grids = [np.eye(3 * width)[level * width : (level + 1) * width] for level in range(3)]
        ratio = np.array([4.0 if name in SECOND_ORDER else 2.0 for name in COLUMNS])[:, None]
        first, second = ((ratio * a - b) / (ratio - 1.0) for a, b in pairwise(grids))
        return Levels(stacked.transform(grids[0]), stacked.transform(first), stacked.transform(second))
