"""Wasserstein distances on the line between mixtures of many components, from quantile functions that are tabulated once.

``divergences.w2`` solves for the quantiles of both laws at every node; where one law meets many others, as the limit law meets
every generation, its quantile function is better computed once. Levels are normal scores z, u = Phi(z), so that both tails keep
their digits; between the knots the quantile is a cubic with the exact slopes, kept monotone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri

from numeric.laws.targets import Target, as_mixture
from numeric.validation import Array

__all__ = ["QuantileTable", "wasserstein"]

REACH = 9.0  # standard deviations of each component that the knots cover
SPACING = 1.0 / 32.0  # of neighbouring knots, at most in standard deviations of the component that asks for them
LOWEST = 1e-16  # tail mass beyond which there are no knots
ENTRIES = 1 << 20  # points times components evaluated at a time
RULE = np.polynomial.legendre.leggauss(5)


def wasserstein(laws: Sequence[Target], reference: Target, order: int) -> tuple[Array, Array]:
    """Wasserstein distances (n,) of one-dimensional laws from one reference, and (n,) bounds of their errors.

    Args:
        laws: n Gaussians or mixtures. reference: another.
        order: 1 or 2.

    The error is what halving the resolution of the tables changes, several times what their resolution still leaves.
    """
    levels = []
    for thin in (1, 2):
        table = QuantileTable(reference, thin)
        levels.append(np.array([QuantileTable(law, thin).distance(table, order) for law in laws]))
    return levels[0], np.abs(levels[0] - levels[1])


class QuantileTable:
    """The quantile function of a one-dimensional law at knots (m,) of normal scores, with its slopes.

    Args:
        law: a Gaussian or a mixture.
        thin: keep every ``thin``-th knot only, to see how much the table's resolution matters.

    Raises:
        TypeError: law of another kind. ValueError: not one-dimensional.
    """

    def __init__(self, law: Target, thin: int = 1) -> None:
        mixture = as_mixture(law)
        if mixture.dim != 1:
            raise ValueError(f"law must be one-dimensional, got dimension {mixture.dim}")
        kept = mixture.weights > 0.0
        weights, means, scales = mixture.weights[kept], mixture.means[kept, 0], np.sqrt(mixture.covs[kept, 0, 0])
        x = _knots(means, scales)[::thin]
        lower, upper, density = _masses(weights, means, scales, x)
        z = np.where(lower < upper, ndtri(np.minimum(lower, 0.5)), -ndtri(np.minimum(upper, 0.5)))
        inside = (np.minimum(lower, upper) > LOWEST) & np.isfinite(z)
        x, z, density = x[inside], z[inside], density[inside]
        rising = np.concatenate([[True], np.diff(np.maximum.accumulate(z)) > 0.0])
        self.levels, self.places = z[rising], x[rising]
        with np.errstate(divide="ignore", over="ignore"):
            slopes = np.exp(-0.5 * self.levels**2) / math.sqrt(2.0 * math.pi) / density[rising]  # dx/dz = phi(z)/f(x)
        secants = np.diff(self.places) / np.diff(self.levels)
        # a cubic is monotone where no slope exceeds three times the secant (Fritsch and Carlson 1980)
        self.left = np.minimum(slopes[:-1], 3.0 * secants)
        self.right = np.minimum(slopes[1:], 3.0 * secants)

    def __call__(self, z: Array) -> Array:
        """The quantiles at the levels Phi(z), z (m,); beyond the knots a straight line."""
        cell = np.clip(np.searchsorted(self.levels, z, side="right") - 1, 0, self.levels.size - 2)
        width = self.levels[cell + 1] - self.levels[cell]
        s = (z - self.levels[cell]) / width
        rise = self.places[cell + 1] - self.places[cell]
        left, right = self.left[cell] * width, self.right[cell] * width
        t = np.clip(s, 0.0, 1.0)
        inner = self.places[cell] + t * (left + t * (3.0 * rise - 2.0 * left - right + t * (left + right - 2.0 * rise)))
        return np.asarray(inner + np.where(s < 0.0, s * left, 0.0) + np.where(s > 1.0, (s - 1.0) * right, 0.0))

    def distance(self, other: QuantileTable, order: int) -> float:
        """The Wasserstein distance of order 1 or 2, (E |F^{-1}(U) - G^{-1}(U)|^order)^{1/order}."""
        ends = np.array([min(self.levels[0], other.levels[0]), max(self.levels[-1], other.levels[-1])])
        edges = np.unique(np.concatenate([self.levels, other.levels, ends]))
        nodes, masses = RULE
        half = 0.5 * np.diff(edges)
        z = (0.5 * (edges[:-1] + edges[1:])[:, None] + half[:, None] * nodes).ravel()
        gap = np.abs(self(z) - other(z)) ** order * np.exp(-0.5 * z * z)
        mean = float((half[:, None] * masses).ravel() @ gap) / math.sqrt(2.0 * math.pi)
        return math.sqrt(mean) if order == 2 else mean


def _knots(means: Array, scales: Array) -> Array:
    """Points that resolve every component, sorted. Components alike in width share one grid over the union of their reaches."""
    cell = 4.0 * SPACING
    reach = np.arange(-REACH, REACH + 0.25 * cell, 0.5 * cell)  # close enough to meet every cell of a grid up to twice as fine
    levels = np.floor(np.log2(scales)).astype(int)
    out = []
    for level in np.unique(levels):
        own, size = levels == level, cell * 2.0**level
        cells = np.unique(np.rint((means[own][:, None] + scales[own][:, None] * reach) / size))
        out.append((size * (cells[:, None] + np.arange(-2.0, 3.0) / 4.0)).ravel())
    return np.unique(np.concatenate(out))


def _masses(weights: Array, means: Array, scales: Array, x: Array) -> tuple[Array, Array, Array]:
    """Distribution function, its complement and the density at x (m,)."""
    parts: list[tuple[Array, Array, Array]] = []
    rows = max(1, ENTRIES // weights.size)
    for start in range(0, x.size, rows):
        white = (x[start : start + rows, None] - means) / scales
        density = np.exp(-0.5 * white**2) @ (weights / scales) / math.sqrt(2.0 * math.pi)
        parts.append((ndtr(white) @ weights, ndtr(-white) @ weights, density))
    lower, upper, density = (np.concatenate(column) for column in zip(*parts, strict=True))
    return lower, upper, density
