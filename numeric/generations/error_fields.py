"""Score errors at the times of a grid, evaluated in place on component-major points (d, n)."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.generations.mixture_scores import Points, Real, RealArray, is_scalar, mixture_score, refuse_large, same_law
from numeric.laws.targets import Target, as_mixture
from numeric.validation import Array

__all__ = ["ErrorEvaluator", "ErrorField", "error_field"]


class ErrorEvaluator(Protocol):
    """An error at the times of a grid, with buffers for one number of points; not for two threads at once."""

    def values(self, index: int, points: Points, score: RealArray, out: RealArray) -> None:
        """Write e/scale (d, n) to ``out``; ``score`` holds the exact score (d, n) at the same points and is not changed."""
        ...

    def divergence(self, index: int, points: Points, square: RealArray, exact: RealArray, out: RealArray) -> None:
        """Write div e/scale (n,) to ``out``, after ``values`` at the same points, which gave |e/scale|^2 = ``square`` (n,).

        ``exact`` (n,) holds the divergence of the exact score where ``needs_laplacian``.
        """
        ...


class ErrorField(Protocol):
    """What an error needs at each time of a grid; shared by all threads.

    Attributes:
        scale: the factor of e that its evaluators leave out, so that it is not rounded.
        needs_laplacian: whether ``divergence`` wants the divergence of the exact score.
    """

    scale: float
    needs_laplacian: bool

    def evaluator(self, n: int) -> ErrorEvaluator:
        """The error for ``n`` points at a time."""
        ...

    def floats(self) -> int:
        """Buffer entries per point."""
        ...


def error_field(error: ScoreError, target: Target, times: Array, real: Real) -> ErrorField:
    """The lean field of one of our own errors, or a wrapper around a user's; a subclass may differ, so it is a user's.

    ``target`` is the law whose exact score the caller hands to ``values``.

    Raises:
        ValueError: an error whose squares overflow in ``real``.
    """
    dim = as_mixture(target).dim
    if type(error) is BoundedError:
        return _Bounded(error.beta, dim, real)
    if type(error) is AffineError:
        return _Affine(error, times, real)
    if type(error) is ConsistentError and same_law(error.target, target):
        return _Consistent(error, times, real)
    return _Foreign(error, times)


class _Bounded:
    """tanh x = 1 - 2/(exp(2 x) + 1), whose divergence is d - |tanh x|^2; beta is the scale.

    The exponential is faster than tanh. Its absolute rounding error is as small, and where it overflows the quotient is 0.
    """

    needs_laplacian = False

    def __init__(self, beta: float, dim: int, real: Real) -> None:
        refuse_large("error", "beta", beta, real)
        self.scale, self.dim, self.real = beta, dim, real

    def floats(self) -> int:
        return 0

    def evaluator(self, n: int) -> ErrorEvaluator:
        return self

    def values(self, index: int, points: Points, score: RealArray, out: RealArray) -> None:
        np.multiply(points.y, self.real(2.0), out=out)
        np.exp(out, out=out)
        np.add(out, self.real(1.0), out=out)
        np.divide(self.real(-2.0), out, out=out)
        np.add(out, self.real(1.0), out=out)

    def divergence(self, index: int, points: Points, square: RealArray, exact: RealArray, out: RealArray) -> None:
        np.subtract(self.real(self.dim), square, out=out)


class _Affine:
    """A x + b by one matrix product with the bias on the row of ones; A a multiple of the identity needs none."""

    scale = 1.0
    needs_laplacian = False

    def __init__(self, error: AffineError, times: Array, real: Real) -> None:
        parts = [error.at(t) for t in times.tolist()]
        refuse_large("error", "entries", np.array([np.abs(entries).max() for part in parts for entries in part]), real)
        self.traces = [float(np.trace(matrix)) for matrix, _ in parts]
        self.scalars = [real(m[0, 0]) for m, _ in parts] if all(is_scalar(m) for m, _ in parts) else None
        self.offsets = [b[:, None].astype(real) if np.any(b) else None for _, b in parts]
        self.matrices = [np.column_stack(part).astype(real) for part in parts] if self.scalars is None else []

    def floats(self) -> int:
        return 0

    def evaluator(self, n: int) -> ErrorEvaluator:
        return self

    def values(self, index: int, points: Points, score: RealArray, out: RealArray) -> None:
        if self.scalars is None:
            np.matmul(self.matrices[index], points.rounded, out=out)
            return
        np.multiply(points.y, self.scalars[index], out=out)
        offset = self.offsets[index]
        if offset is not None:
            np.add(out, offset, out=out)

    def divergence(self, index: int, points: Points, square: RealArray, exact: RealArray, out: RealArray) -> None:
        out.fill(self.traces[index])


class _Consistent:
    """The learned law's score minus the target's, which the caller has already."""

    scale = 1.0
    needs_laplacian = True

    def __init__(self, error: ConsistentError, times: Array, real: Real) -> None:
        self.learned, self.real = mixture_score(error.learned, times, real, "error"), real

    def floats(self) -> int:
        return self.learned.floats()

    def evaluator(self, n: int) -> ErrorEvaluator:
        return _ConsistentEvaluator(self, n)


class _ConsistentEvaluator:
    def __init__(self, of: _Consistent, n: int) -> None:
        self.score, self.laplacian = of.learned.evaluator(n), np.empty(n, dtype=of.real)

    def values(self, index: int, points: Points, score: RealArray, out: RealArray) -> None:
        self.score(index, points, out, self.laplacian)
        np.subtract(out, score, out=out)

    def divergence(self, index: int, points: Points, square: RealArray, exact: RealArray, out: RealArray) -> None:
        np.subtract(self.laplacian, exact, out=out)


class _Foreign:
    """A user's error: called on rows (n, d) of its own, in float64."""

    scale = 1.0
    needs_laplacian = False

    def __init__(self, error: ScoreError, times: Array) -> None:
        self.error, self.times = error, times.tolist()

    def floats(self) -> int:
        return 0

    def evaluator(self, n: int) -> ErrorEvaluator:
        return self

    def values(self, index: int, points: Points, score: RealArray, out: RealArray) -> None:
        np.copyto(out, np.asarray(self.error(np.array(points.x.T, order="C"), self.times[index])).T, casting="same_kind")

    def divergence(self, index: int, points: Points, square: RealArray, exact: RealArray, out: RealArray) -> None:
        rows = np.array(points.x.T, order="C")
        np.copyto(out, np.asarray(self.error.divergence(rows, self.times[index])), casting="same_kind")
