"""Sums of exp(-|x - g c_j|^2 / (2 v)) over many centres c_j, and their gradients: matrix product, exp, matrix product.

The rows may have their own factor g and variance v, so that one set of centres serves every noising time. Rows are evaluated in

* float32, where rounding keeps the logarithm of the sum to ``TOLERANCE``: 2.5 ns per row and centre, 2.8 ns with the gradient;
* float64 by the same products, where float32 would cancel: narrow kernels, far from the mean of the centres;
* float64 from the differences themselves, where float64 would cancel too, or where every kernel underflows.

The choice is made row by row, from the row alone: it depends neither on the other rows nor on the number of threads.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.validation import Array

__all__ = ["KernelSums"]

ROWS, COLUMNS = 256, 1024  # a tile of exponents stays in the cache
EXACT_ROWS = 16
TOLERANCE = {np.float32: 1e-4, np.float64: 1e-9}  # of the logarithm of a sum
CLAMP = {np.float32: -80.0, np.float64: -690.0}  # exp of less would be denormal, and slow
SIGNIFICANT = 1e8  # a sum counts only if it exceeds that many times what the clamp may have added
RELEVANT = 100.0  # kernels with a smaller exponent than -RELEVANT/2 below the nearest one do not matter
LARGEST = {np.float32: 1e15, np.float64: 1e150}  # centres whose squares do not overflow

Real = type[np.float32] | type[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class _Packed:
    """The centres c, less their mean, as the right factors of both products."""

    exponents: NDArray[Any]  # (d + 2, n): c, |c|^2, 1
    moments: NDArray[Any]  # (n, d + 1): c, 1


class KernelSums:
    """Sums over fixed centres (n, d)."""

    def __init__(self, centres: Array) -> None:
        self.centres = centres
        self.centres.flags.writeable = False
        self.offset: Array = centres.mean(axis=0)
        self.offset.flags.writeable = False
        self.count, self.dim = int(centres.shape[0]), int(centres.shape[1])
        centred = centres - self.offset
        self._reach = math.sqrt(float(np.max(np.einsum("nd,nd->n", centred, centred))))

    def logpdf(self, x: Array, gain: Array, variance: Array, *, workers: int) -> Array:
        """log of (1/n) sum_j N(x; gain c_j, variance I) for rows x (m, d), gain (m,), variance (m,); returns (m,)."""
        return self._evaluate(x, gain, variance, False, workers)[0]

    def logpdf_and_score(self, x: Array, gain: Array, variance: Array, *, workers: int) -> tuple[Array, Array]:
        """The same, (m,), and its gradient in x, (m, d)."""
        return self._evaluate(x, gain, variance, True, workers)

    def _evaluate(self, x: Array, gain: Array, variance: Array, gradient: bool, workers: int) -> tuple[Array, Array]:
        shifted = x - gain[:, None] * self.offset
        total, mean = np.empty(x.shape[0]), np.empty((x.shape[0], self.dim if gradient else 0))
        single, double, exact = self._modes(shifted, gain, variance)
        jobs: list[tuple[Rows, Real | None]] = [
            (rows[i : i + ROWS], kind)
            for rows, kind in ((single, np.float32), (double, np.float64))
            for i in range(0, rows.shape[0], ROWS)
        ]
        jobs += [(exact[i : i + EXACT_ROWS], None) for i in range(0, exact.shape[0], EXACT_ROWS)]
        for kind in {kind for _, kind in jobs if kind is not None}:
            self._packed(kind)  # before the threads ask for it

        def run(job: tuple[Rows, Real | None]) -> None:
            rows, kind = job
            part = shifted[rows], gain[rows], variance[rows]
            left = rows
            if kind is not None:
                total[rows], mean[rows], faint = self._tiles(*part, gradient, kind)
                left = rows[faint]
            for start in range(0, left.shape[0], EXACT_ROWS):
                few = left[start : start + EXACT_ROWS]
                total[few], mean[few] = self._differences(shifted[few], gain[few], variance[few], gradient)

        if workers == 1 or len(jobs) == 1:
            for job in jobs:
                run(job)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(run, jobs))
        logs = total - math.log(self.count) - 0.5 * self.dim * np.log(2.0 * math.pi * variance)
        return logs, (gain[:, None] * mean - shifted) / variance[:, None] if gradient else mean

    def _modes(self, shifted: Array, gain: Array, variance: Array) -> tuple[Rows, Rows, Rows]:
        """The rows for float32, for float64 and for differences, by a bound on the rounding of their exponents."""
        square = np.einsum("nd,nd->n", shifted, shifted)
        near = np.minimum(np.sqrt(square) + np.sqrt(RELEVANT * variance), gain * self._reach)  # no farther centre matters
        size = (square + near**2) / variance
        fits = [
            (np.finfo(kind).eps * size <= TOLERANCE[kind]) & (max(self._reach, 1.0) < LARGEST[kind])
            for kind in (np.float32, np.float64)
        ]
        return np.flatnonzero(fits[0]), np.flatnonzero(fits[1] & ~fits[0]), np.flatnonzero(~(fits[0] | fits[1]))

    @cached_property
    def _cache(self) -> dict[Real, _Packed]:
        return {}

    def _packed(self, kind: Real) -> _Packed:
        if kind not in self._cache:
            rounded = (self.centres - self.offset).astype(kind)
            used = rounded.astype(np.float64)  # the centres as they are after rounding
            exponents = np.ones((self.dim + 2, self.count), dtype=kind)
            exponents[: self.dim] = rounded.T
            exponents[self.dim] = np.einsum("nd,nd->n", used, used)
            moments = np.ones((self.count, self.dim + 1), dtype=kind)
            moments[:, : self.dim] = rounded
            self._cache[kind] = _Packed(exponents, moments)
        return self._cache[kind]

    def _tiles(
        self, x: Array, gain: Array, variance: Array, gradient: bool, kind: Real
    ) -> tuple[Array, Array, NDArray[np.bool_]]:
        """log sum_j exp(...), the kernels' mean centre, and which rows are too faint for either."""
        packed = self._packed(kind)
        left = np.empty((x.shape[0], self.dim + 2), dtype=kind)
        left[:, : self.dim] = x * (gain / variance)[:, None]
        left[:, self.dim] = -0.5 * gain**2 / variance
        own = -0.5 * np.einsum("nd,nd->n", x, x) / variance
        left[:, self.dim + 1] = own
        tile = np.empty((x.shape[0], min(COLUMNS, self.count)), dtype=kind)
        sums = np.zeros((x.shape[0], self.dim + 1 if gradient else 1))
        ones = np.ones((COLUMNS, 1), dtype=kind)
        for start in range(0, self.count, COLUMNS):
            part = slice(start, min(start + COLUMNS, self.count))
            kernels = tile[:, : part.stop - start]
            np.matmul(left, packed.exponents[:, part], out=kernels)
            np.maximum(kernels, CLAMP[kind], out=kernels)
            np.exp(kernels, out=kernels)
            sums += kernels @ (packed.moments[part] if gradient else ones[: part.stop - start])
        count = sums[:, -1]
        faint = count < self.count * math.exp(CLAMP[kind]) * SIGNIFICANT
        rounding = own - left[:, self.dim + 1]  # the one term whose rounding is known exactly
        return np.log(count) + rounding, sums[:, :-1] / count[:, None], faint

    def _differences(self, x: Array, gain: Array, variance: Array, gradient: bool) -> tuple[Array, Array]:
        """The same without products and without a clamp."""
        top = np.full(x.shape[0], -np.inf)
        count, moment = np.zeros(x.shape[0]), np.zeros((x.shape[0], self.dim if gradient else 0))
        for start in range(0, self.count, COLUMNS):
            part = self.centres[start : start + COLUMNS] - self.offset
            square = np.zeros((x.shape[0], part.shape[0]))
            for axis in range(self.dim):
                square += (x[:, axis, None] - gain[:, None] * part[:, axis]) ** 2
            square *= -0.5 / variance[:, None]
            peak = np.maximum(top, square.max(axis=1))
            kernels = np.exp(square - peak[:, None])
            scale = np.exp(top - peak)
            count = count * scale + kernels.sum(axis=1)
            if gradient:
                moment = moment * scale[:, None] + kernels @ part
            top = peak
        return top + np.log(count), moment / count[:, None]
