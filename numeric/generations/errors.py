"""Score errors e(x, t): what the learned score adds to the exact one, each with its divergence in x."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate

from numeric.laws.channels import Channel
from numeric.laws.process import OU, noised
from numeric.laws.targets import Target, as_mixture
from numeric.printing import Pasted, constructor_call
from numeric.validation import LOCATION, NONNEGATIVE, Array, points, probe, real, real_array

__all__ = ["AffineError", "BoundedError", "ConsistentError", "ScoreError", "probe_error", "sup_energy"]

TimeFunction: TypeAlias = Callable[[float], ArrayLike]


@runtime_checkable
class ScoreError(Protocol):
    """Any object with these two methods is a score error."""

    def __call__(self, x: Array, t: float, /) -> Array:
        """e(x, t) at the points x (n, d); returns (n, d)."""
        ...

    def divergence(self, x: Array, t: float, /) -> Array:
        """div_x e(x, t); returns (n,)."""
        ...


@dataclass(frozen=True, eq=False)
class AffineError(Pasted):
    """e(x, t) = A(t) x + b(t).

    Args:
        matrix: (d, d) or a callable t -> (d, d); a scalar means scalar times the identity.
        offset: (d,) or a callable t -> (d,); a scalar means the same in every coordinate.
    """

    matrix: Array | TimeFunction
    offset: Array | TimeFunction
    dim: int = field(init=False)

    def __init__(self, matrix: ArrayLike | TimeFunction, offset: ArrayLike | TimeFunction = 0.0) -> None:
        matrix_now = _now("matrix", matrix, (0, 2))
        offset_now = _now("offset", offset, (0, 1))
        if matrix_now.ndim == 2 and matrix_now.shape[0] != matrix_now.shape[1]:
            raise ValueError(f"matrix must be square, got shape {matrix_now.shape}")
        dim = matrix_now.shape[0] if matrix_now.ndim else (offset_now.shape[0] if offset_now.ndim else 1)
        if offset_now.ndim and offset_now.shape[0] != dim:
            raise ValueError(f"offset must have shape ({dim},) like the matrix, got shape {offset_now.shape}")
        object.__setattr__(self, "dim", dim)
        object.__setattr__(self, "matrix", matrix if callable(matrix) else matrix_now)
        object.__setattr__(self, "offset", offset if callable(offset) else offset_now)

    def __repr__(self) -> str:
        parts = (part.tolist() if isinstance(part, np.ndarray) else part for part in (self.matrix, self.offset))
        return constructor_call("AffineError", *parts)

    def at(self, t: float) -> tuple[Array, Array]:
        """A(t), (d, d), and b(t), (d,)."""
        t = real("t", t, NONNEGATIVE)
        matrix = np.asarray(self.matrix(t), dtype=np.float64) if callable(self.matrix) else self.matrix
        offset = np.asarray(self.offset(t), dtype=np.float64) if callable(self.offset) else self.offset
        return (matrix if matrix.ndim else matrix * np.eye(self.dim)), np.broadcast_to(offset, (self.dim,))

    def __call__(self, x: ArrayLike, t: float) -> Array:
        rows = points("x", x, self.dim)
        matrix, offset = self.at(t)
        return np.asarray(rows @ matrix.T + offset)

    def divergence(self, x: ArrayLike, t: float) -> Array:
        return np.full(points("x", x, self.dim).shape[0], float(np.trace(self.at(t)[0])))


@dataclass(frozen=True)
class BoundedError:
    """e(x, t) = beta tanh(x), coordinatewise, in any dimension: |e|^2 <= beta^2 d, so V <= beta^2 d (T - t0)."""

    beta: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", real("beta", self.beta, LOCATION))

    def __call__(self, x: ArrayLike, t: float) -> Array:
        return np.asarray(self.beta * np.tanh(points("x", x)))

    def divergence(self, x: ArrayLike, t: float) -> Array:
        return np.asarray(self.beta * np.sum(1.0 - np.tanh(points("x", x)) ** 2, axis=1))


@dataclass(frozen=True, eq=False)
class ConsistentError(Pasted):
    """The error of a model whose score is exact for the wrong law: grad log (K q)_t - grad log q_t.

    Args:
        target: the law q that the round trains on.
        channel: K, applied at data level (t = 0): smoothing, shift, shrinkage, mis-estimated variance.
    """

    target: Target
    channel: Channel
    learned: Target = field(init=False, repr=False)  # K q at data level

    def __post_init__(self) -> None:
        as_mixture(self.target)
        if not isinstance(self.channel, Channel):
            raise TypeError(f"channel must be a Channel, got {type(self.channel).__name__}")
        object.__setattr__(self, "learned", self.channel(self.target))

    def __repr__(self) -> str:
        return constructor_call("ConsistentError", self.target, self.channel)

    def __call__(self, x: ArrayLike, t: float) -> Array:
        rows, time = points("x", x, as_mixture(self.target).dim), real("t", t, NONNEGATIVE)
        return noised(self.learned, time).score(rows) - noised(self.target, time).score(rows)

    def divergence(self, x: ArrayLike, t: float) -> Array:
        rows, time = points("x", x, as_mixture(self.target).dim), real("t", t, NONNEGATIVE)
        return noised(self.learned, time).score_divergence(rows) - noised(self.target, time).score_divergence(rows)


def _now(name: str, value: ArrayLike | TimeFunction, ndim: tuple[int, ...]) -> Array:
    """The value itself, or at t = 1 where it is a function of time."""
    return real_array(*((f"{name}(1)", value(1.0)) if callable(value) else (name, value)), LOCATION, ndim=ndim)


def probe_error(error: ScoreError, dim: int, time: float = 1.0) -> None:
    """Call a user's error once on three points and refuse it unless the shapes are (3, d) and (3,).

    Raises:
        TypeError: it is not callable or has no ``divergence``.
        ValueError: naming the shape or the value that is wrong.
    """
    if not isinstance(error, ScoreError):
        raise TypeError(f"error must be callable as error(x, t) and have divergence(x, t), got {type(error).__name__}")
    if isinstance(error, AffineError) and error.dim != dim:
        raise ValueError(f"error must act in the target's dimension {dim}, got one of dimension {error.dim}")
    if isinstance(error, ConsistentError) and as_mixture(error.target).dim != dim:
        raise ValueError(f"error must act in the target's dimension {dim}, got one of dimension {as_mixture(error.target).dim}")
    x = np.linspace(-0.5, 0.5, 3 * dim).reshape(3, dim)
    probe("error(x, t)", lambda t: error(x, t), ((3, dim),), time)
    probe("error.divergence(x, t)", lambda t: error.divergence(x, t), ((3,),), time)


def sup_energy(error: ScoreError, dim: int, process: OU) -> float:
    """A bound Lambda with V <= Lambda almost surely, V = int |e|^2 dt over [t0, T]; inf where the family has none.

    Bounded errors have beta^2 d (T - t0). A time-only affine error (constant zero matrix) has V = Lambda exactly.
    """
    if isinstance(error, BoundedError):
        return error.beta**2 * dim * (process.T - process.t0)
    if isinstance(error, AffineError) and not callable(error.matrix) and not np.any(error.matrix):

        def rate(t: float) -> float:
            return float(np.sum(error.at(t)[1] ** 2))

        total, _ = integrate.quad(rate, process.t0, process.T, epsabs=0.0, epsrel=1e-12, limit=500)
        return float(total)
    return float("inf")
