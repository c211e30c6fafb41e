"""What ``mmd-discount`` speaks of, measured on samples: MMD of every generation from the data, and of the smoothing by t0.

The kernel is Gaussian, seen through landmarks: its mean embeddings are projected on the span of the kernel functions of some
rows, which are spread over all samples and left out of every mean. A projection is linear and shortens every difference, so
that mixing, the triangle inequality and MMD² <= 2 TV² hold for it as they do for the whole kernel, and with the same constant.
(Random Fourier features are a kernel that takes negative values, for which that constant would be 4.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numeric.estimate import Estimate
from numeric.recursions.mixing import Mixing
from numeric.samples.sample_drift import DriftEstimate
from numeric.samples.sample_features import (
    COVARIANCE_ROWS,
    Embedded,
    LandmarkFeatures,
    chunks,
    combined_interval,
    gaussian_kernel,
    landmark_features,
    median_distance,
    release,
    spaced,
)
from numeric.validation import Array

__all__ = ["KernelDrift", "kernel_drift"]

LANDMARKS = 192
SHARE = 4  # of every sample at most one row in this many becomes a landmark


@dataclass(frozen=True, eq=False)
class KernelDrift:
    """MMD, not squared, under one kernel.

    Attributes:
        mmd: of p^0 .. p^N from p.
        smoothing: of q_{i,t0} from the mixture q_i, round by round.
        landmarks: how many rows see the kernel. bandwidth: h.
    """

    mmd: tuple[DriftEstimate, ...]
    smoothing: tuple[DriftEstimate, ...]
    landmarks: int
    bandwidth: float


def kernel_drift(
    reference: Array,
    laws: Sequence[Array],
    mixing: Mixing,
    level: float,
    *,
    t0: float = 0.0,
    ideal: Sequence[Array] | None = None,
) -> KernelDrift:
    """Measure both on validated samples, every interval at ``level``.

    Args:
        reference: of p. laws: of p^0 .. p^N. mixing: of N rounds (one where there is none).
        t0: where reverse processes stop. The smoothing is then that of the mixture of ``reference`` and ``laws``: the mean of
            the kernel over the noise of every row is known, so that no noise is drawn.
        ideal: of q_{0,t0} .. q_{N-1,t0} instead, where a round was trained on another law than the mixture.

    All samples must be independent of each other.
    """
    samples = [reference, *laws, *(ideal or ())]
    each = -(-LANDMARKS // len(samples))
    chosen = [
        np.unique(np.linspace(0, rows.shape[0] - 1, min(each, rows.shape[0] // SHARE)).astype(np.int64)) for rows in samples
    ]
    width = median_distance(reference)
    picked = [np.asarray(rows[index], dtype=np.float64) for rows, index in zip(samples, chosen, strict=True)]
    features = landmark_features(picked, width)

    def embedded(kernel: Callable[[Array], Array], number: int) -> Embedded:
        return _embed(kernel, features.basis, samples[number], chosen[number])

    def plain(rows: Array) -> Array:
        return gaussian_kernel(rows, features.landmarks, width)

    means = [embedded(plain, number) for number in range(len(samples))]
    data, models, ends = means[0], means[1 : len(laws) + 1], means[len(laws) + 1 :]
    drifts = tuple(_root([(1.0, model), (-1.0, data)], level) for model in models)
    sign = 1.0
    if ideal is None:
        moved = [embedded(_moved(features, t0), number) for number in range(len(samples))]
        data, models, sign = moved[0], moved[1:], -1.0
    smoothing = []
    for i in range(len(laws) - 1):
        earlier = zip(mixing.weights[i].tolist(), models, strict=False)
        mixture = [(float(mixing.fresh[i]), data), *earlier]
        parts = [(-sign * weight, law) for weight, law in mixture if weight > 0.0]
        smoothing.append(_root([(1.0, ends[i]), *parts] if ends else parts, level))
    return KernelDrift(drifts, tuple(smoothing), features.landmarks.shape[0], width)


def _moved(features: LandmarkFeatures, t0: float) -> Callable[[Array], Array]:
    """Kernel at the landmarks of a row after noising to t0, in the mean over the noise, minus that of the row itself."""
    gain, noise = math.exp(-0.5 * t0), -math.expm1(-t0)
    wide = math.sqrt(features.bandwidth**2 + noise)
    factor = (features.bandwidth / wide) ** features.landmarks.shape[1]

    def difference(rows: Array) -> Array:
        late = factor * gaussian_kernel(gain * rows, features.landmarks, wide)
        return np.asarray(late - gaussian_kernel(rows, features.landmarks, features.bandwidth))

    return difference


def _embed(kernel: Callable[[Array], Array], basis: Array, rows: Array, left_out: NDArray[np.int64]) -> Embedded:
    """Mean of ``kernel`` over the rows but those left out, in the coordinates of ``basis``, and the covariance of one row."""
    total, start = np.zeros(basis.shape[0]), 0
    for part in chunks(rows, basis.shape[0]):
        here = left_out[(left_out >= start) & (left_out < start + part.shape[0])] - start
        total += kernel(np.delete(part, here, axis=0)).sum(axis=0)
        start += part.shape[0]
    count = rows.shape[0] - left_out.shape[0]
    covariance = np.atleast_2d(np.cov(kernel(spaced(rows, COVARIANCE_ROWS)), rowvar=False))
    release(rows)
    return Embedded(total / count @ basis, basis.T @ covariance @ basis, count)


def _root(parts: Sequence[tuple[float, Embedded]], level: float) -> DriftEstimate:
    """|sum_k c_k mu(p_k)| from independent samples of the p_k: the root of an unbiased square, and its interval."""
    offset = np.sum([weight * law.mean for weight, law in parts], axis=0)
    covariance = np.sum([weight**2 / law.rows * law.covariance for weight, law in parts], axis=0)
    low, high = combined_interval(parts, level)
    square = float(offset @ offset) - float(np.trace(covariance))
    spread = float(np.sum(covariance**2))
    error = math.sqrt(4.0 * max(float(offset @ covariance @ offset) - spread, 0.0) + 2.0 * spread)
    value = math.sqrt(max(square, 0.0))
    slope = 2.0 * max(value, math.sqrt(error))  # of the square, not below that at one standard error from 0
    stderr = error / slope if slope > 0.0 else 0.0
    return DriftEstimate(Estimate(value, stderr, min(law.rows for _, law in parts)), math.sqrt(low), math.sqrt(high), level)
