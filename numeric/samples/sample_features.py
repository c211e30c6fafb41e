"""Laws seen through samples: rows of large arrays in chunks, and their mean embeddings under a bounded kernel.

An embedding sends a law to the mean of a feature vector, mu(p) = E phi(x), with |phi(x)| = 1. It is linear in the law, so that
mu(alpha p + (1 - alpha) p^i) = alpha mu(p) + (1 - alpha) mu(p^i), and |mu(p) - mu(q)| is the maximum mean discrepancy (MMD) of
the kernel <phi(x), phi(y)>.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist

from numeric.estimate import Estimate
from numeric.samples.norm_interval import squared_norm_interval
from numeric.validation import LOCATION, Array, shown

__all__ = [
    "COVARIANCE_ROWS",
    "Embedded",
    "Features",
    "FourierFeatures",
    "LandmarkFeatures",
    "chunks",
    "combined_interval",
    "discrepancy",
    "embed",
    "fourier_features",
    "gaussian_kernel",
    "landmark_features",
    "median_distance",
    "release",
    "sample_rows",
    "spaced",
]

FEWEST = 50  # rows below which the normal limit of their mean is no basis for an interval
ENTRIES = 1 << 21  # numbers per chunk
COVARIANCE_ROWS = 8192  # rows, spread over the sample, from which a covariance of features is estimated
MEDIAN_ROWS = 1000
RANK = 1e-10  # relative eigenvalue of a Gram matrix below which a direction is rounding


def sample_rows(name: str, value: ArrayLike, dim: int | None = None) -> Array:
    """A sample as (n, d) without copying it (a memory map stays one); a vector (n,) is n points in one dimension.

    Raises:
        TypeError, ValueError: not numbers; not one or two axes; fewer than 50 rows; not ``dim`` columns; a row with NaN, inf or
            a number beyond 1e50, named by its number from 0.
    """
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except ValueError:  # ragged nesting
        raise ValueError(f"{name} must be a rectangular array of real numbers, got {shown(value)}") from None
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be an array of real numbers, got {shown(value)} of kind {array.dtype}")
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (n, d) or (n,), got shape {array.shape}")
    if array.ndim == 1:
        array = array[:, None]
    if dim is not None and array.shape[1] != dim:
        raise ValueError(f"{name} must have {dim} columns like the reference, got shape {array.shape}")
    if array.shape[1] < 1 or array.shape[0] < FEWEST:
        raise ValueError(f"{name} must have at least {FEWEST} rows and one column, got shape {array.shape}")
    start = 0
    for part in chunks(array):
        inside = (np.abs(part) <= LOCATION.high).all(axis=1)  # NaN is not
        if not inside.all():
            finite = np.isfinite(part).all(axis=1)
            if not finite.all():
                raise ValueError(f"{name} must be finite, got NaN or inf in row {start + int(np.argmin(finite))}")
            raise ValueError(f"{name} must be {LOCATION}, got more in row {start + int(np.argmin(inside))}")
        start += part.shape[0]
    release(array)
    return array


def chunks(rows: Array, width: int | None = None) -> Iterator[Array]:
    """Consecutive blocks of rows as float64, small enough that ``width`` numbers per row fit into one block."""
    size = max(1, ENTRIES // max(rows.shape[1], width or 0, 1))
    for start in range(0, rows.shape[0], size):
        yield np.asarray(rows[start : start + size], dtype=np.float64)


def release(rows: Array) -> None:
    """Give back the memory of a read-only memory map's pages, which were read and will be read from the file again."""
    origin: object = rows
    while isinstance(origin, np.ndarray) and origin.base is not None:
        if isinstance(origin, np.memmap) and origin.mode != "r":
            return
        origin = origin.base
    if isinstance(origin, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        origin.madvise(mmap.MADV_DONTNEED)


def spaced(rows: Array, most: int) -> Array:
    """At most ``most`` rows as float64, evenly spaced over the sample: a file sorted by class is not cut to one class."""
    count = rows.shape[0]
    if count <= most:
        return np.asarray(rows, dtype=np.float64)
    return np.asarray(rows[np.linspace(0, count - 1, most).astype(np.int64)], dtype=np.float64)


def median_distance(reference: Array) -> float:
    """Median distance between rows of the reference, the bandwidth of the Gaussian kernel; a mean where the median is 0."""
    some = spaced(reference, MEDIAN_ROWS)
    distances = pdist(some)
    middle = float(np.median(distances))
    if middle <= 0.0:
        middle = float(np.mean(distances))
    if not (middle > 0.0 and math.isfinite(middle)):
        raise ValueError(f"reference must have rows that differ, by distances that do not overflow, got median {middle:g}")
    return middle


class Features(Protocol):
    """A feature map with unit vectors as values."""

    @property
    def count(self) -> int:
        """q."""
        ...

    def __call__(self, x: Array) -> Array:
        """(n, d) -> (n, q)."""
        ...


@dataclass(frozen=True, eq=False)
class FourierFeatures:
    """cos(w_r . x)/sqrt(R), sin(w_r . x)/sqrt(R): a positive semidefinite kernel of its own, sum_r cos(w_r . (x - y))/R.

    With w_r ~ N(0, I/h^2) it is an unbiased estimate of the Gaussian kernel exp(-|x - y|^2/(2 h^2)) (Rahimi and Recht,
    NeurIPS 2007). What holds for an embedding holds exactly for this one; drift that no w_r sees is not seen.

    Attributes:
        frequencies: (R, d).
        centre: (d,), subtracted first: the kernel does not see it, and cosines in float32 stay exact to 1e-6.
    """

    frequencies: Array
    centre: Array

    @property
    def count(self) -> int:
        return 2 * int(self.frequencies.shape[0])

    def __call__(self, x: Array) -> Array:
        phase = ((x - self.centre) @ self.frequencies.T).astype(np.float32)
        half = phase.shape[1]
        out = np.empty((x.shape[0], 2 * half), dtype=np.float32)
        np.cos(phase, out=out[:, :half])
        np.sin(phase, out=out[:, half:])
        return np.divide(out, math.sqrt(half), dtype=np.float64)


def fourier_features(bandwidth: float, reference: Array, count: int, rng: np.random.Generator) -> FourierFeatures:
    """``count`` features in all (count/2 frequencies) for the Gaussian kernel of ``bandwidth``."""
    frequencies = rng.standard_normal((max(count // 2, 1), reference.shape[1])) / bandwidth
    return FourierFeatures(frequencies, spaced(reference, MEDIAN_ROWS).mean(axis=0))


@dataclass(frozen=True, eq=False)
class LandmarkFeatures:
    """The Gaussian kernel exactly, on the rows it was built from: coordinates in the span of their kernel functions.

    Attributes:
        landmarks: (L, d). basis: (L, q). bandwidth: h.
    """

    landmarks: Array
    basis: Array
    bandwidth: float

    @property
    def count(self) -> int:
        return int(self.basis.shape[1])

    def __call__(self, x: Array) -> Array:
        return gaussian_kernel(x, self.landmarks, self.bandwidth) @ self.basis


def landmark_features(rows: Sequence[Array], bandwidth: float) -> LandmarkFeatures:
    """Features that reproduce the Gaussian kernel exactly on ``rows``."""
    landmarks = np.unique(np.concatenate([np.asarray(part, dtype=np.float64) for part in rows]), axis=0)
    values, vectors = np.linalg.eigh(gaussian_kernel(landmarks, landmarks, bandwidth))
    kept = values > RANK * values[-1]
    return LandmarkFeatures(landmarks, vectors[:, kept] / np.sqrt(values[kept]), bandwidth)


def gaussian_kernel(x: Array, y: Array, bandwidth: float) -> Array:
    """exp(-|x - y|^2/(2 h^2)), (n, m)."""
    centre = y.mean(axis=0)
    a, b = (x - centre) / bandwidth, (y - centre) / bandwidth
    exponent = a @ b.T
    exponent -= 0.5 * np.sum(a**2, axis=1)[:, None]
    exponent -= 0.5 * np.sum(b**2, axis=1)
    return np.asarray(np.exp(np.minimum(exponent, 0.0)))


@dataclass(frozen=True, eq=False)
class Embedded:
    """The mean embedding of a sample.

    Attributes:
        mean: (q,) mean of the features. covariance: (q, q) of the features of one row. rows: n.
    """

    mean: Array
    covariance: Array
    rows: int

    @property
    def noise(self) -> float:
        """E |mean - mu|^2, unbiased: (1 - |mean|^2)/(n - 1), because every feature vector has length 1."""
        return max(1.0 - float(self.mean @ self.mean), 0.0) / (self.rows - 1)


def embed(features: Features, rows: Array) -> Embedded:
    """Embed a sample (n, d), chunk by chunk; its covariance from at most 8192 rows spread over it."""
    total = np.zeros(features.count)
    for part in chunks(rows, features.count):
        total += features(part).sum(axis=0)
    some = features(spaced(rows, COVARIANCE_ROWS))
    return Embedded(total / rows.shape[0], np.atleast_2d(np.cov(some, rowvar=False)), rows.shape[0])


def combined_interval(parts: Sequence[tuple[float, Embedded]], level: float) -> tuple[float, float]:
    """Interval at ``level`` of |sum_k c_k mu(p_k)|^2 from independent samples of the p_k, features of length at most 1.

    It contains those of two covariances: each sample's own, and that of all rows together, because a small sample that happens
    to miss a rare kind of row shows neither the row nor its variance. For the same reason the upper end allows each law a share
    of such rows, as large as its sample misses at this level.
    """
    parts = [(weight, law) for weight, law in parts if weight != 0.0]
    offset = np.sum([weight * law.mean for weight, law in parts], axis=0)
    own = np.sum([weight**2 / law.rows * law.covariance for weight, law in parts], axis=0)
    rows = sum(law.rows for _, law in parts)
    together = np.sum([law.rows / rows * law.covariance for _, law in parts], axis=0)
    pooled = sum(weight**2 / law.rows for weight, law in parts) * together
    ends = [squared_norm_interval(offset, covariance, level) for covariance in (own, pooled)]
    unseen = sum(abs(weight) * -math.expm1(math.log(0.5 * (1.0 - level)) / law.rows) for weight, law in parts)
    furthest = float(np.linalg.norm(offset)) + math.sqrt(2.0) * unseen  # embeddings are at most sqrt(2) apart
    return min(end[0] for end in ends), max(*(end[1] for end in ends), furthest**2)


def discrepancy(parts: Sequence[tuple[float, Embedded]], level: float) -> tuple[Estimate, float, float]:
    """|sum_k c_k mu(p_k)|^2 from independent samples of the p_k: an unbiased estimate and its interval at ``level``.

    For coefficients 1 and -1 the estimate is the U-statistic of MMD^2 (Gretton et al., JMLR 13 (2012), Lemma 6), which may be
    negative; the interval never is.
    """
    offset = np.sum([weight * law.mean for weight, law in parts], axis=0)
    covariance = np.sum([weight**2 / law.rows * law.covariance for weight, law in parts], axis=0)
    size = float(offset @ offset)
    value = size - sum(weight**2 * law.noise for weight, law in parts)
    spread = float(np.sum(covariance**2))  # tr Sigma^2
    along = max(float(offset @ covariance @ offset) - spread, 0.0)
    low, high = combined_interval(parts, level)
    rows = min(law.rows for weight, law in parts if weight != 0.0)
    return Estimate(value, math.sqrt(4.0 * along + 2.0 * spread), rows), low, high
