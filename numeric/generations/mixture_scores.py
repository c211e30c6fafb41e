"""Scores of noised mixtures at the times of a grid, evaluated in place on component-major points (d, n).

Three forms, the leanest that the covariances allow: one covariance for all components (exponents linear in x), isotropic
covariances (linear in x and |x|^2), full covariances (each component whitened in its own axes). In all three the biases ride
in the matrix products, on the row of ones that ``Points`` carries, and posterior shares are divided by their sum only after
the products. Exponentials are taken in ``real``, float32 where speed counts; exponents and products of the first two forms are
float64 throughout.
"""

from __future__ import annotations

import math
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from numeric.laws.targets import Target, as_mixture
from numeric.validation import Array

__all__ = [
    "MixtureScore",
    "Points",
    "Real",
    "RealArray",
    "ScoreEvaluator",
    "is_isotropic",
    "is_scalar",
    "mixture_score",
    "refuse_large",
    "same_law",
]

Real: TypeAlias = type[np.float32] | type[np.float64]
RealArray: TypeAlias = NDArray[np.float32] | NDArray[np.float64] | NDArray[Any]
LARGEST: Final = {np.float32: 1e18, np.float64: 1e150}  # numbers whose squares are floats
LEAST: Final = {np.float32: -80.0, np.float64: -700.0}  # least exponent: below it exp leaves the normal numbers, and is slow


class Points:
    """Positions of ``n`` paths: ``x`` (d, n) in float64 and ``y``, the same rounded to ``real``.

    Both are the leading rows of arrays whose last row is one, ``exact`` and ``rounded`` (d + 1, n): the operands of matrix
    products with a bias. In double precision both are the same array.
    """

    def __init__(self, dim: int, n: int, real: Real) -> None:
        self.exact = np.ones((dim + 1, n))
        self.rounded: RealArray = self.exact if real is np.float64 else np.ones((dim + 1, n), dtype=real)
        self.x, self.y = self.exact[:-1], self.rounded[:-1]

    def refresh(self) -> None:
        """Round ``x`` again, after it has moved."""
        if self.rounded is not self.exact:
            np.copyto(self.y, self.x, casting="same_kind")


class ScoreEvaluator(Protocol):
    """The scores of a law at the times of a grid, with buffers for one number of points; not for two threads at once."""

    def __call__(self, index: int, points: Points, out: RealArray, divergence: RealArray | None = None) -> None:
        """Write the score at time ``index`` of the grid to ``out`` (d, n) and, where asked, its divergence (n,)."""
        ...


class MixtureScore(Protocol):
    """What the scores of a law need at each time of a grid; shared by all threads."""

    dim: int

    def evaluator(self, n: int) -> ScoreEvaluator:
        """Scores for ``n`` points at a time."""
        ...

    def floats(self) -> int:
        """Buffer entries per point, which decides how many paths share a chunk."""
        ...


def is_isotropic(target: Target) -> bool:
    """Whether every component's covariance is a multiple of the identity (always so in 1-D)."""
    law = as_mixture(target)
    return np.array_equal(law.covs, law.covs[:, :1, :1] * np.eye(law.dim))


def refuse_large(name: str, what: str, entries: Array | float, real: Real) -> None:
    """ValueError where entries are so large that their squares overflow in ``real``."""
    size = float(np.max(np.abs(entries)))
    if size > LARGEST[real]:
        raise ValueError(
            f"{name} must have {what} of at most {LARGEST[real]:g} for a simulation in {real.__name__}, got {size:.3g}"
        )


def mixture_score(target: Target, times: Array, real: Real = np.float64, name: str = "target") -> MixtureScore:
    """The scores of ``target`` noised for each of ``times``, in the leanest of the three forms.

    Raises:
        ValueError: means or precisions too large for ``real``, by the ``name`` of the argument that they come from.
    """
    law = as_mixture(target)
    kept = law.weights > 0.0
    parts = law.weights[kept], law.means[kept], law.covs[kept]
    refuse_large(name, "means", parts[1], real)
    variances = np.linalg.eigvalsh(parts[2]).min() * np.exp(-times) - np.expm1(-times)
    refuse_large(name, "precisions at t0", 1.0 / variances, real)
    if np.all(parts[2] == parts[2][0]):
        return SharedCovariance(*parts, times, real)
    return IsotropicCovariances(*parts, times, real) if is_isotropic(law) else FullCovariances(*parts, times, real)


class SharedCovariance:
    """Score -P x + sum_k share_k P m_k and exponents (P m_k) . x + const, P the one precision at time t.

    Only the last rows, from the first where some P m_k is not zero, take part in the exponents.
    """

    def __init__(self, weights: Array, means: Array, covs: Array, times: Array, real: Real) -> None:
        self.real, self.count, self.dim = real, int(weights.shape[0]), int(means.shape[1])
        values, axes = np.linalg.eigh(covs[0])
        isotropic = is_scalar(covs[0])
        self.linear: list[Any] = []  # -P: a number where isotropic, otherwise a matrix
        self.traces: list[float] = []
        slopes, biases = [], []
        for t in times.tolist():
            gain = math.exp(-0.5 * t)
            precisions = 1.0 / (gain * gain * values - math.expm1(-t))
            matrix = precisions[0] * np.eye(self.dim) if isotropic else (axes * precisions) @ axes.T
            pulls = gain * means @ matrix
            slopes.append(pulls)
            biases.append(np.log(weights) - 0.5 * gain * np.einsum("kd,kd->k", pulls, means))
            self.linear.append(real(-precisions[0]) if isotropic else (-matrix).astype(real))
            self.traces.append(float(precisions.sum()))
        stacked = np.stack(slopes)
        moving = np.flatnonzero(np.any(stacked != 0.0, axis=(0, 1)))
        self.first = int(moving[0]) if moving.size else self.dim
        stacked = stacked[:, :, self.first :]
        self.exponents = np.concatenate([stacked, np.stack(biases)[:, :, None]], axis=2)  # (times, k, r + 1)
        # times the shares: the pulls, their squares, and the sum of the shares
        squares = np.sum(stacked**2, axis=2, keepdims=True)
        self.moments = np.ascontiguousarray(np.concatenate([stacked, squares, np.ones_like(squares)], axis=2).swapaxes(1, 2))
        self.pulls = [np.ascontiguousarray(np.delete(each, -2, axis=0)).astype(real) for each in self.moments]  # no squares
        self.isotropic = isotropic

    def floats(self) -> int:
        return 3 * self.count

    def evaluator(self, n: int) -> ScoreEvaluator:
        rows, first = self.dim - self.first, self.first
        shares = _Shares(self.count, n, self.real)
        quick = np.empty((rows + 1, n), dtype=self.real)
        pull, total = quick[:rows], quick[rows]
        exact, square = np.empty((rows + 2, n)), np.empty((rows, n))

        def evaluate(index: int, points: Points, out: RealArray, divergence: RealArray | None = None) -> None:
            if self.isotropic:
                np.multiply(points.y, self.linear[index], out=out)
            else:
                np.matmul(self.linear[index], points.y, out=out)
            moving = out[first:]
            if self.count == 1:
                if rows:
                    np.add(moving, self.pulls[index][:-1], out=moving)
                if divergence is not None:
                    divergence.fill(-self.traces[index])
                return
            np.matmul(self.exponents[index], points.exact[first:], out=shares.exponents)
            shares.exponentiate()
            if divergence is None:
                np.matmul(self.pulls[index], shares.rounded, out=quick)
                np.divide(pull, total, out=pull)
                np.add(moving, pull, out=moving)
                return
            # a variance is a difference of large numbers: not in single precision
            np.matmul(self.moments[index], shares.exactly(), out=exact)
            np.divide(exact[:-1], exact[-1], out=exact[:-1])
            np.copyto(pull, exact[:rows], casting="same_kind")
            np.add(moving, pull, out=moving)
            np.multiply(exact[:rows], exact[:rows], out=square)
            spread = np.subtract(exact[rows], np.add.reduce(square, axis=0), out=exact[rows])
            spread -= self.traces[index]
            np.copyto(divergence, spread, casting="same_kind")

        return evaluate


class IsotropicCovariances:
    """Components N(m_k, w_k I): exponents linear in (x, |x|^2, 1)."""

    def __init__(self, weights: Array, means: Array, covs: Array, times: Array, real: Real) -> None:
        self.real, self.count, self.dim = real, int(weights.shape[0]), int(means.shape[1])
        moving = np.flatnonzero(np.any(means != 0.0, axis=0))
        self.first = int(moving[0]) if moving.size else self.dim
        centres, variances = means[:, self.first :], covs[:, 0, 0]
        exponents, moments = [], []
        for t in times.tolist():
            gain = math.exp(-0.5 * t)
            precisions = 1.0 / (gain * gain * variances - math.expm1(-t))
            pulls = gain * centres * precisions[:, None]
            squares = np.sum(pulls**2, axis=1)
            bias = np.log(weights) + 0.5 * self.dim * np.log(precisions) - 0.5 * squares / precisions
            exponents.append(np.column_stack([pulls, -0.5 * precisions, bias]))
            # times the shares: pulls, precisions, one; and for the divergence precisions times pulls, |pulls|^2, precisions^2
            columns = [pulls, precisions, np.ones(self.count), pulls * precisions[:, None], squares, precisions**2]
            moments.append(np.column_stack(columns).T)
        self.exponents = np.stack(exponents)
        self.moments = np.ascontiguousarray(np.stack(moments))

    def floats(self) -> int:
        return 3 * self.count

    def evaluator(self, n: int) -> ScoreEvaluator:
        rows, first = self.dim - self.first, self.first
        shares = _Shares(self.count, n, self.real)
        features, full, moments = np.ones((rows + 2, n)), np.empty((self.dim, n)), np.empty((2 * rows + 4, n))

        def evaluate(index: int, points: Points, out: RealArray, divergence: RealArray | None = None) -> None:
            features[:rows] = points.x[first:]
            np.multiply(points.x, points.x, out=full)
            radius = np.add.reduce(full, axis=0, out=features[rows])
            np.matmul(self.exponents[index], features, out=shares.exponents)
            shares.exponentiate()
            used = moments if divergence is not None else moments[: rows + 2]
            np.matmul(self.moments[index, : used.shape[0]], shares.exactly(), out=used)
            used /= used[rows + 1].copy()
            pull, precision = used[:rows], used[rows]
            np.multiply(points.x, precision, out=full)
            np.subtract(pull, full[first:], out=full[first:])
            np.negative(full[:first], out=full[:first])
            np.copyto(out, full, casting="same_kind")
            if divergence is not None:
                cross, squares, precisions = used[rows + 2 : -2], used[-2], used[-1]
                spread = squares - 2.0 * np.einsum("dn,dn->n", cross, features[:rows]) + radius * precisions
                spread -= np.einsum("dn,dn->n", full, full)
                spread -= self.dim * precision
                np.copyto(divergence, spread, casting="same_kind")

        return evaluate


class FullCovariances:
    """Components N(m_k, V_k diag(w_k) V_k^T): u_k = V_k^T (x - m_k) by one matrix product for all components.

    The axes V_k do not change with time, so only the variances and one column of the matrix depend on it.
    """

    def __init__(self, weights: Array, means: Array, covs: Array, times: Array, real: Real) -> None:
        self.real, self.count, self.dim = real, int(weights.shape[0]), int(means.shape[1])
        values, axes = np.linalg.eigh(covs)
        self.axes = np.ascontiguousarray(axes.transpose(0, 2, 1).reshape(-1, self.dim))  # (k d, d): rows of the V_k^T
        self.centres = np.einsum("kij,ki->kj", axes, means).ravel()
        self.gains = np.exp(-0.5 * times)
        self.precisions = 1.0 / (self.gains[:, None, None] ** 2 * values - np.expm1(-times)[:, None, None])  # (times, k, d)
        self.biases = np.log(weights) + 0.5 * np.sum(np.log(self.precisions), axis=2)
        self.traces = self.precisions.sum(axis=2).astype(real)

    def floats(self) -> int:
        return 2 * self.count * self.dim

    def evaluator(self, n: int) -> ScoreEvaluator:
        count, dim, real = self.count, self.dim, self.real
        shares = _Shares(count, n, real)
        whitening = np.concatenate([self.axes, np.zeros((count * dim, 1))], axis=1).astype(real)
        colouring = np.ascontiguousarray(-self.axes.T).astype(real)
        precisions = self.precisions.astype(real)
        u, pulls = (np.empty((count, dim, n), dtype=real) for _ in range(2))
        flat_u, flat_pulls = u.reshape(count * dim, n), pulls.reshape(count * dim, n)
        sizes = np.empty((count, n), dtype=real)

        def evaluate(index: int, points: Points, out: RealArray, divergence: RealArray | None = None) -> None:
            whitening[:, -1] = -self.gains[index] * self.centres
            np.matmul(whitening, points.rounded, out=flat_u)
            np.multiply(u, precisions[index][:, :, None], out=pulls)
            np.multiply(u, pulls, out=u)
            np.add.reduce(u, axis=1, out=sizes)
            np.multiply(sizes, -0.5, out=shares.exponents)
            shares.exponents += self.biases[index][:, None]
            shares.exponentiate()
            share = shares.normalised()
            if divergence is not None:
                np.multiply(pulls, pulls, out=u)
                np.add.reduce(u, axis=1, out=sizes)
                np.subtract(sizes, self.traces[index][:, None], out=sizes)
                np.multiply(sizes, share, out=sizes)
                np.add.reduce(sizes, axis=0, out=divergence)
            np.multiply(pulls, share[:, None, :], out=pulls)
            np.matmul(colouring, flat_pulls, out=out)
            if divergence is not None:
                square = u[0]
                np.multiply(out, out, out=square)
                np.subtract(divergence, np.add.reduce(square, axis=0), out=divergence)

        return evaluate


class _Shares:
    """Posterior shares of the components up to a common factor: exponents in float64, their exponentials taken in ``real``.

    ``rounded`` holds the exponentials, (k, n), the largest of each column 1.
    """

    def __init__(self, count: int, n: int, real: Real) -> None:
        self.exponents = np.empty((count, n))
        self.peak = np.empty(n)
        self.least = real(LEAST[real])
        self.rounded: RealArray = self.exponents if real is np.float64 else np.empty((count, n), dtype=real)

    def exponentiate(self) -> None:
        np.maximum.reduce(self.exponents, axis=0, out=self.peak)
        np.subtract(self.exponents, self.peak, out=self.exponents)
        if self.rounded is not self.exponents:
            np.copyto(self.rounded, self.exponents, casting="same_kind")
        np.maximum(self.rounded, self.least, out=self.rounded)
        np.exp(self.rounded, out=self.rounded)

    def exactly(self) -> Array:
        """The exponentials in float64; overwrites the exponents."""
        if self.rounded is not self.exponents:
            np.copyto(self.exponents, self.rounded)
        return self.exponents

    def normalised(self) -> RealArray:
        """The shares themselves, in ``real``."""
        np.divide(self.rounded, np.add.reduce(self.rounded, axis=0), out=self.rounded)
        return self.rounded


def same_law(first: Target, second: Target) -> bool:
    """Whether two laws have the same components, weight by weight."""
    if first is second:
        return True
    left, right = as_mixture(first), as_mixture(second)
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in ("weights", "means", "covs"))


def is_scalar(matrix: Array) -> bool:
    """Whether a matrix is a multiple of the identity."""
    return np.array_equal(matrix, matrix[0, 0] * np.eye(matrix.shape[0]))
