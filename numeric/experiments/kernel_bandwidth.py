"""The bandwidth under which a kernel density estimate gives points it has not seen the largest likelihood."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from numeric.validation import Array, points

__all__ = ["held_out_bandwidth", "held_out_log_likelihood"]

ROWS: Final = 128  # of held-out points at once
TOLERANCE: Final = 1e-3  # of log h


def held_out_bandwidth(centres: ArrayLike, held_out: ArrayLike) -> float:
    """h > 0 that maximises the mean log density of ``held_out`` (m, d) under kernels N(c, h² I), c in ``centres`` (n, d).

    Rules such as Scott's are made for smooth densities in few dimensions. Here the points themselves decide; log h is searched
    for between the least distance of a held-out point from a centre, over sqrt(d), and the largest, to 0.1 %.

    Raises:
        ValueError, TypeError: not points of the same dimension; held-out points that are all centres themselves.
    """
    squares = _squares(centres, held_out)
    dim = points("centres", centres).shape[1]
    nearest = squares.min(axis=1)
    if float(nearest.max()) <= 0.0:
        raise ValueError("held_out must hold points that are no centres, got none")
    low = 0.5 * math.log(float(nearest[nearest > 0.0].min()) / dim)
    high = 0.5 * math.log(float(squares.max()))
    found = optimize.minimize_scalar(
        lambda log_h: -_likelihood(squares, dim, math.exp(log_h)),
        bounds=(low, high),
        method="bounded",
        options={"xatol": TOLERANCE},
    )
    return math.exp(float(found.x))


def held_out_log_likelihood(centres: ArrayLike, held_out: ArrayLike, bandwidth: float) -> float:
    """The mean log density that ``held_out_bandwidth`` maximises, in nats per point."""
    return _likelihood(_squares(centres, held_out), points("centres", centres).shape[1], bandwidth)


def _squares(centres: ArrayLike, held_out: ArrayLike) -> Array:
    """Squared distances (m, n)."""
    near = points("centres", centres)
    far = points("held_out", held_out, near.shape[1])
    offset = near.mean(axis=0)
    near, far = near - offset, far - offset
    squares = np.sum(far**2, axis=1)[:, None] + np.sum(near**2, axis=1)
    squares -= 2.0 * far @ near.T
    return np.asarray(np.maximum(squares, 0.0))


def _likelihood(squares: Array, dim: int, bandwidth: float) -> float:
    total, scale = 0.0, -0.5 / bandwidth**2
    for start in range(0, squares.shape[0], ROWS):
        logs = scale * squares[start : start + ROWS]
        peak = logs.max(axis=1, keepdims=True)
        total += float(np.sum(peak[:, 0] + np.log(np.sum(np.exp(logs - peak), axis=1))))
    constant = math.log(squares.shape[1]) + 0.5 * dim * math.log(2.0 * math.pi * bandwidth**2)
    return float(total / squares.shape[0] - constant)
