"""Thousands of equal isotropic Gaussian kernels: the law of a kernel density estimate, lean and fast."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from numeric.laws.kernel_sums import KernelSums
from numeric.validation import COUNT, NONNEGATIVE, POSITIVE, Array, generator, integer, points, real

__all__ = ["KernelMixture"]


@dataclass(frozen=True, eq=False)
class KernelMixture:
    """The mean of n Gaussians N(centres[j], variance I): a kernel density estimate with bandwidth sqrt(variance).

    Args:
        centres: (n, d); (n,) in one dimension.
        variance: of every kernel in every direction, > 0. Never a standard deviation.

    Densities and scores are sums over all n kernels by ``numeric.laws.kernel_sums``: in float32 where that keeps the log
    density to 1e-4, in float64 elsewhere.

    Raises:
        ValueError, TypeError: naming the argument that is not of this form.
    """

    variance: float
    _sums: KernelSums
    _gain: float  # centres = gain * (the centres the sums were made for): noising shrinks all of them alike

    def __init__(self, centres: ArrayLike, variance: float) -> None:
        rows = points("centres", centres)
        self._set(KernelSums(rows), 1.0, real("variance", variance, POSITIVE))

    def _set(self, sums: KernelSums, gain: float, variance: float) -> None:
        object.__setattr__(self, "variance", variance)
        object.__setattr__(self, "_sums", sums)
        object.__setattr__(self, "_gain", gain)

    @property
    def centres(self) -> Array:
        """The centres, (n, d)."""
        return self._sums.centres if self._gain == 1.0 else self._gain * self._sums.centres

    @property
    def dim(self) -> int:
        """Dimension d."""
        return self._sums.dim

    @property
    def count(self) -> int:
        """Number n of kernels."""
        return self._sums.count

    @property
    def mean(self) -> Array:
        """Overall mean, (d,)."""
        return self._gain * self._sums.offset

    @property
    def cov(self) -> Array:
        """Overall covariance, (d, d): that of the centres plus that of the kernels."""
        centred = self._sums.centres - self._sums.offset
        return np.asarray(self._gain**2 * (centred.T @ centred) / self.count + self.variance * np.eye(self.dim))

    def sample(self, n: int, *, rng: np.random.Generator | int | None) -> Array:
        """``n`` independent points, (n, d): a centre drawn at random, and kernel noise."""
        count, stream = integer("n", n), generator(rng)
        chosen = stream.integers(self.count, size=count)
        out = stream.standard_normal((count, self.dim))
        out *= math.sqrt(self.variance)
        out += self._gain * self._sums.centres[chosen]
        return out

    def logpdf(self, x: ArrayLike, workers: int = 1) -> Array:
        """Log density at ``x``, (n, d) or (n,) in one dimension; returns (n,). The result is the same for any ``workers``."""
        rows = points("x", x, self.dim)
        return self.noised_logpdf(rows, np.zeros(rows.shape[0]), workers)

    def score(self, x: ArrayLike, workers: int = 1) -> Array:
        """Gradient of the log density, in the shape of ``x``. The result is the same for any ``workers``."""
        return self.logpdf_and_score(x, workers)[1]

    def logpdf_and_score(self, x: ArrayLike, workers: int = 1) -> tuple[Array, Array]:
        """Log density (n,) and score, in the shape of ``x``, for the price of the score."""
        rows = points("x", x, self.dim)
        logs, scores = self.noised_logpdf_and_score(rows, np.zeros(rows.shape[0]), workers)
        return logs, scores.reshape(np.shape(x))

    def noised(self, t: float) -> KernelMixture:
        """The law noised for time ``t`` >= 0: centres shrink by exp(-t/2), the variance becomes exp(-t) variance + 1 - exp(-t).

        Shares its centres with this law: no copy.
        """
        time = real("t", t, NONNEGATIVE)
        law = object.__new__(KernelMixture)
        law._set(self._sums, self._gain * math.exp(-0.5 * time), math.exp(-time) * self.variance - math.expm1(-time))
        return law

    def noised_logpdf(self, x: Array, times: Array, workers: int = 1) -> Array:
        """Log density of the law noised for ``times`` (n,), one per row of ``x`` (n, d); returns (n,)."""
        threads = integer("workers", workers, COUNT)
        return self._sums.logpdf(x, *self._kernels(times), workers=threads)

    def noised_logpdf_and_score(self, x: Array, times: Array, workers: int = 1) -> tuple[Array, Array]:
        """Log density (n,) and score (n, d) of the law noised for ``times`` (n,), one per row of ``x`` (n, d)."""
        threads = integer("workers", workers, COUNT)
        return self._sums.logpdf_and_score(x, *self._kernels(times), workers=threads)

    def _kernels(self, times: Array) -> tuple[Array, Array]:
        """Factor of the centres and variance of the kernels at each time."""
        return self._gain * np.exp(-0.5 * times), np.exp(-times) * self.variance - np.expm1(-times)
