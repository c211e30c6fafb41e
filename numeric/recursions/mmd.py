"""Maximum mean discrepancy (MMD) of Gaussians and Gaussian mixtures, in closed form in every dimension.

MMD(p, q)² is the double integral of a positive-definite kernel k against p - q. It is linear under mixing, so that fresh data
contracts MMD by exactly 1 - alpha, and MMD² <= 2 (sup k - inf k) TV²: ``mmd-discount`` rests on both. Unlike chi2 and TV it can
be measured on samples, with both ends of an interval.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import solve_triangular

from numeric.laws.process import noised
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.recursions.recursion import Recursion
from numeric.validation import NONNEGATIVE, POSITIVE, Array, real, real_array, shown

__all__ = ["SQUARE_ROUNDING", "mmd", "pair_distance", "with_mmd"]

ENTRIES = 1 << 20  # numbers in one block of component pairs
SQUARE_ROUNDING = 1e-14  # of MMD² of mixtures, where the sums over pairs cancel: MMD itself is exact to 1e-7 near 0


def mmd(p: Target, q: Target, *, bandwidth: float | None = None, frequencies: ArrayLike | None = None) -> float:
    """MMD(p, q), not squared.

    Args:
        p, q: laws of the same dimension d.
        bandwidth: h of the Gaussian kernel exp(-|x - y|²/(2 h²)), whose range sup k - inf k is 1: a finite double sum.
        frequencies: (R, d), or (R,) in one dimension, of the kernel sum_r cos(w_r . (x - y))/R instead, whose range is at most
            2: a sum over characteristic functions. With w_r ~ N(0, I/h²) it approaches the Gaussian kernel.

    Exact to rounding between Gaussians; between mixtures the rounding of MMD² is 1e-14, so that MMD is exact to 1e-7 near 0.

    Source: Gretton et al., JMLR 13 (2012), Lemma 4.

    Raises:
        TypeError, ValueError: laws of other kinds or of different dimensions; not exactly one of bandwidth and frequencies.

    Example:
        >>> round(mmd(Gaussian(0.0, 1.0), Gaussian(1.0, 1.0), bandwidth=1.0), 6)
        0.421032
    """
    left, right = _law("p", p), _law("q", q)
    if left.dim != right.dim:
        raise ValueError(f"q must have the dimension of p, {left.dim}, got {right.dim}")
    if (bandwidth is None) == (frequencies is None):
        raise ValueError(
            f"exactly one of bandwidth and frequencies must be given, got {shown(bandwidth)} and {shown(frequencies)}"
        )
    if frequencies is not None:
        waves = _frequencies(frequencies, left.dim)
        gaps = _characteristic(left, waves) - _characteristic(right, waves)
        return math.sqrt(float(np.mean(np.abs(gaps) ** 2)))
    if left.weights.shape[0] == right.weights.shape[0] == 1:
        return _between_gaussians(left, right, real("bandwidth", bandwidth, POSITIVE))
    weights = np.concatenate([left.weights, -right.weights])
    means, covs = np.concatenate([left.means, right.means]), np.concatenate([left.covs, right.covs])
    width = real("bandwidth", bandwidth, POSITIVE)
    return math.sqrt(max(_double_sum(weights, means, covs, width), 0.0))


def pair_distance(target: Target) -> float:
    """sqrt(E |x - x'|²) for two independent draws of ``target``: a bandwidth on its scale."""
    return math.sqrt(2.0 * float(np.trace(as_mixture(target).cov)))


def with_mmd(
    recursion: Recursion,
    *,
    bandwidth: float | None = None,
    frequencies: ArrayLike | None = None,
    early_times: ArrayLike | None = None,
) -> Recursion:
    """The recursion with ``mmd``, ``mixed_mmd`` and ``kernel_range`` of its laws, and with early_times ``smoothing_mmd``.

    Args:
        recursion: one whose laws are Gaussians or mixtures.
        bandwidth, frequencies: as in ``mmd``; default the bandwidth ``pair_distance(target)``.
        early_times: t0, one or one per round, of the q_{i,t0} that ``smoothing_mmd`` compares with q_i.

    Raises:
        TypeError, ValueError: as ``mmd``; early_times of another length than the rounds.
    """
    if not isinstance(recursion, Recursion):
        raise TypeError(f"recursion must be a Recursion, got {type(recursion).__name__}")
    width = pair_distance(recursion.target) if bandwidth is None and frequencies is None else bandwidth
    target = recursion.target
    drift, mixed = (
        np.array([mmd(_law(name, law), target, bandwidth=width, frequencies=frequencies) for law in laws])
        for name, laws in (("laws", recursion.laws), ("mixtures", recursion.mixtures))
    )
    smoothing = None
    if early_times is not None:
        times = real_array("early_times", early_times, NONNEGATIVE, ndim=(0, 1))
        if times.ndim == 1 and times.shape != (recursion.generations,):
            raise ValueError(f"early_times must have one entry per round, {recursion.generations}, got shape {times.shape}")
        rounds = zip(recursion.mixtures, np.broadcast_to(times, (recursion.generations,)).tolist(), strict=True)
        pairs = [(noised(_law("mixtures", law), time), _law("mixtures", law)) for law, time in rounds]
        smoothing = np.array([mmd(late, law, bandwidth=width, frequencies=frequencies) for late, law in pairs])
    span = 1.0 if frequencies is None else 2.0
    return replace(recursion, mmd=drift, mixed_mmd=mixed, smoothing_mmd=smoothing, kernel_range=span)


def _law(name: str, law: object) -> GaussianMixture:
    if not isinstance(law, (Gaussian, GaussianMixture)):
        raise TypeError(f"{name} must be a Gaussian or a GaussianMixture, got {type(law).__name__}")
    return as_mixture(law)


def _frequencies(value: ArrayLike, dim: int) -> Array:
    waves = real_array("frequencies", value, ndim=(1, 2))
    waves = waves[:, None] if waves.ndim == 1 else waves
    if waves.shape[1] != dim:
        raise ValueError(f"frequencies must have {dim} columns, one per dimension, got shape {waves.shape}")
    return waves


def _characteristic(law: GaussianMixture, waves: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.complex128]]:
    """E exp(i w . x) at every frequency (R, d): (R,)."""
    size = np.maximum(np.max(np.abs(waves), axis=1, keepdims=True), np.finfo(float).tiny)
    unit = waves / size  # w' S w itself may leave the floats, where nothing is left of the mean
    with np.errstate(over="ignore"):
        spread = size * np.sqrt(np.maximum(np.einsum("ra,kab,rb->rk", unit, law.covs, unit, optimize=True), 0.0))
        damping = np.exp(-0.5 * spread**2)
        angle = np.where(damping > 0.0, size * (unit @ law.means.T), 0.0)
    return np.asarray((damping * np.exp(1j * angle)) @ law.weights)


def _between_gaussians(p: GaussianMixture, q: GaussianMixture, width: float) -> float:
    """MMD of two Gaussians, of which nothing cancels where they are close.

    With A = width² I + S_p + S_q and r the eigenvalues of A^-1/2 (S_p - S_q) A^-1/2, k(p, p) = C prod (1 + r)^-1/2, k(q, q) =
    C prod (1 - r)^-1/2 and k(p, q) = C e^-g, so that MMD² = C (4 e^m sinh²(d/4) + 2 (e^m - 1) + 2 (1 - e^-g)), a sum of parts
    >= 0, with m = -¼ sum log(1 - r²) and d = -sum atanh r.
    """
    dim = p.dim
    wide = width**2 * np.eye(dim) + p.covs[0] + q.covs[0]
    lower = np.linalg.cholesky(wide)
    half = solve_triangular(lower, p.covs[0] - q.covs[0], lower=True)
    ratios, basis = np.linalg.eigh(solve_triangular(lower, half.T, lower=True))
    near = np.where(np.abs(ratios) < 0.5, ratios, 0.0)
    # log(1 +- r) of laws of different widths, where 1 +- r has lost its digits: A (1 +- r) = width² I + 2 S
    far = [_log_scales(width**2 * np.eye(dim) + 2.0 * law.covs[0], lower, basis) * (near != ratios) for law in (p, q)]
    white = solve_triangular(lower, p.means[0] - q.means[0], lower=True)
    middle = -0.25 * float(np.sum(np.log1p(-(near**2)) + far[0] + far[1]))
    apart = float(np.sum(np.arctanh(near) + 0.5 * (far[0] - far[1])))
    size = dim * math.log(width) - float(np.sum(np.log(np.diagonal(lower))))
    parts = 4.0 * math.exp(middle) * math.sinh(0.25 * apart) ** 2 + 2.0 * math.expm1(middle)
    return math.sqrt(math.exp(size) * (parts - 2.0 * math.expm1(-0.5 * float(white @ white))))


def _log_scales(cov: Array, lower: Array, basis: Array) -> Array:
    """log of the variances of N(0, cov) along ``basis`` in coordinates y = L^-1 x."""
    roots = basis.T @ solve_triangular(lower, np.linalg.cholesky(cov), lower=True)
    return np.asarray(np.log(np.sum(roots**2, axis=1)))


def _double_sum(weights: Array, means: Array, covs: Array, width: float) -> float:
    """sum_jk w_j w_k E k(x_j, x_k), with x_j - x_k ~ N(m_j - m_k, S_j + S_k): the Gaussian kernel has width² I more."""
    dim = means.shape[1]
    distinct, label = np.unique(covs.reshape(covs.shape[0], -1), axis=0, return_inverse=True)
    shapes = distinct.reshape(-1, dim, dim)
    label = np.ravel(label)
    wide = shapes[:, None] + shapes[None] + width**2 * np.eye(dim)
    precision = np.linalg.inv(wide)
    logs = dim * math.log(width) - 0.5 * np.linalg.slogdet(wide)[1]
    total, block = 0.0, max(1, ENTRIES // (means.shape[0] * dim * dim))
    for start in range(0, means.shape[0], block):
        part = slice(start, start + block)
        gaps = means[part, None] - means[None]
        pairs = label[part, None], label[None]
        exponent = np.einsum("jka,jkab,jkb->jk", gaps, precision[pairs], gaps)
        total += float(weights[part] @ np.exp(logs[pairs] - 0.5 * exponent) @ weights)
    return total
