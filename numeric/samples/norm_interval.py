"""A confidence interval of |f|^2 from a noisy vector: f_hat ~ N(f, Sigma), whatever the size of f, zero included.

|f_hat|^2 is a weighted sum of noncentral chi-squared variables. Its law is far from normal where f is near 0 and normal where
f is large; inverting its distribution function serves both. Tails come from the saddlepoint, which stays accurate in relative
terms far out, where a normal interval claims a level that it does not have.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from numeric.validation import Array

__all__ = ["squared_norm_interval", "weighted_chi2_tail"]

NEGLIGIBLE = 1e-9  # share of the largest variance below which a direction counts as this share: keeps the saddlepoint bracketed
FINE = 1e-4  # relative precision of the ends


def weighted_chi2_tail(value: float, variances: Array, shifts: Array) -> tuple[float, float]:
    """(P(Q <= value), P(Q > value)) of Q = sum_k (sqrt(variances_k) z_k + shifts_k)^2 with independent standard normal z_k.

    Args:
        value: where. variances: (q,), at least one positive. shifts: (q,).

    Source: the formula of Lugannani and Rice, Adv. Appl. Prob. 12 (1980), with the cumulant function
    sum_k -log(1 - 2 s v_k)/2 + s m_k^2/(1 - 2 s v_k).
    """
    if value <= 0.0:
        return 0.0, 1.0
    top = float(np.max(variances))
    spread = np.maximum(variances / top, NEGLIGIBLE)
    square = shifts**2 / top
    target = value / top

    def slope(s: float) -> float:
        rest = 1.0 / (1.0 - 2.0 * s * spread)
        return float(rest @ (spread + square * rest)) - target

    if slope(0.0) > 0.0:
        upper, lower = 0.0, -1.0
        while slope(lower) > 0.0:
            lower *= 4.0
    else:
        lower, gap = 0.0, 0.25
        while slope(0.5 - gap) < 0.0:
            gap *= 0.25
        upper = 0.5 - gap
    s = float(brentq(slope, lower, upper, xtol=1e-15, rtol=1e-9))
    rest = 1.0 / (1.0 - 2.0 * s * spread)
    cumulant = float(np.sum(0.5 * np.log(rest) + s * square * rest))
    second = float(np.sum(2.0 * (spread * rest) ** 2 + 4.0 * spread * square * rest**3))
    root = math.copysign(math.sqrt(max(2.0 * (s * target - cumulant), 0.0)), s)
    scaled = s * math.sqrt(second)
    if abs(root) < 1e-4 or root == scaled:  # at the mean the formula is 0/0; its limit
        third = float(np.sum(8.0 * (spread * rest) ** 3 + 24.0 * spread**2 * square * rest**4))
        above = 0.5 - third / (6.0 * math.sqrt(2.0 * math.pi) * second**1.5)
        return 1.0 - above, above
    adjusted = root + math.log(scaled / root) / root
    return float(ndtr(adjusted)), float(ndtr(-adjusted))


def squared_norm_interval(offset: Array, covariance: Array, level: float) -> tuple[float, float]:
    """Two-sided interval at ``level`` of |f|^2 from ``offset`` ~ N(f, ``covariance``).

    Args:
        offset: (q,). covariance: (q, q).

    Each end leaves out half of 1 - level: the lower end is the least |f|^2 under which so large an |offset| is not rare. The
    direction of f is that of ``offset``. Noise that cancels f along an axis of large variance also hides that axis, so the
    upper end turns the direction towards the widest axis as far as noise may have turned it away. An |offset| that is small by
    luck does not shrink the upper end: it never falls below that of an |offset| of average noise.
    """
    variances, axes = np.linalg.eigh(covariance)
    variances = np.maximum(variances, 0.0)
    size = float(offset @ offset)
    if variances[-1] <= 0.0:
        return size, size
    turned = axes.T @ offset
    direction = turned / math.sqrt(size) if size > 0.0 else np.sqrt(variances / np.sum(variances))
    miss = 0.5 * (1.0 - level)

    def gap(square: float, seen: float, side: int, along: Array) -> float:
        tail = weighted_chi2_tail(seen, variances, math.sqrt(square) * along)[side]
        return math.log(max(tail, 1e-300)) - math.log(miss)

    low = 0.0
    if gap(0.0, size, 1, direction) < 0.0:
        low = float(brentq(gap, 0.0, size, args=(size, 1, direction), rtol=FINE, xtol=FINE * size))
    seen = max(size, float(np.sum(variances)))
    wide = _widened(direction, variances, size, miss)
    beyond = 2.0 * seen
    while gap(beyond, seen, 0, wide) > 0.0:
        beyond *= 2.0
    high = float(brentq(gap, 0.0, beyond, args=(seen, 0, wide), rtol=FINE, xtol=FINE * seen))
    return low, high


def _widened(direction: Array, variances: Array, size: float, miss: float) -> Array:
    """The direction, turned to the widest axis until its standard deviation is the largest that f may have.

    With the noise xi, |S f| <= |S offset| + |S xi| for S^2 = Sigma; |S xi|^2 exceeds its bound below with probability ``miss``
    (Laurent and Massart, Ann. Statist. 28 (2000), Lemma 1).
    """
    top = float(variances[-1])
    seen = float(direction**2 @ variances)
    if size <= 0.0 or seen >= top:
        wanted = top
    else:
        depth = -math.log(miss)
        squares = variances**2
        noise = float(squares.sum()) + 2.0 * math.sqrt(float(squares @ squares) * depth) + 2.0 * top**2 * depth
        wanted = min((math.sqrt(seen) + math.sqrt(noise / size)) ** 2, top)
    share = 1.0 if seen >= top else (wanted - seen) / (top - seen)
    squared = (1.0 - share) * direction**2
    squared[-1] += share
    return np.asarray(np.sqrt(squared))
