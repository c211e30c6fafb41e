"""Score errors of every family, and the profiles in time of those that depend on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from numeric.domains import Array
from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.laws.targets import Target, as_mixture
from numeric.printing import Pasted, constructor_call
from numeric.strategies.rounds import channels
from numeric.strategies.values import typical, vectors

__all__ = [
    "Profile",
    "affine_errors",
    "bounded_errors",
    "consistent_errors",
    "errors",
    "rotational_errors",
    "time_only_errors",
]


@dataclass(frozen=True, eq=False)
class Profile(Pasted):
    """t -> value exp(-rate t) cos(frequency t), an array in the shape of ``value``: what depends on time and can be printed."""

    value: Array
    rate: float = 0.0
    frequency: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", np.asarray(self.value, dtype=np.float64))

    def __call__(self, t: float) -> Array:
        return self.value * (math.exp(-self.rate * t) * math.cos(self.frequency * t))

    def __repr__(self) -> str:
        return constructor_call("Profile", self.value.tolist(), self.rate, self.frequency)


RATES = st.sampled_from([0.0, 0.5, 1.0, 3.0])
FREQUENCIES = st.sampled_from([0.0, 1.0, 2.5])


@st.composite
def affine_errors(draw: DrawFn, dim: int, *, size: float = 0.3) -> AffineError:
    """A x + b, constant or with a profile in time; entries of A up to ``size``, of b up to 0.5; the simplest is 0."""
    matrix = draw(vectors(dim * dim, "matrix", -size, size)).reshape(dim, dim)
    offset = draw(vectors(dim, "offset"))
    if draw(st.booleans()):
        return AffineError(Profile(matrix, draw(RATES), draw(FREQUENCIES)), Profile(offset, draw(RATES), draw(FREQUENCIES)))
    return AffineError(matrix, offset)


@st.composite
def rotational_errors(draw: DrawFn, dim: int, *, size: float = 0.3) -> AffineError:
    """A x with A = -A^T, which the endpoint of a process on N(0, I) never sees; dim >= 2."""
    upper = np.zeros((dim, dim))
    upper[np.triu_indices(dim, 1)] = draw(vectors(dim * (dim - 1) // 2, "matrix", -size, size))
    return AffineError(upper - upper.T, np.zeros(dim))


@st.composite
def time_only_errors(draw: DrawFn, dim: int, *, size: float = 0.5) -> AffineError:
    """b(t), the same wherever the point is: its energy along a path is no random number."""
    offset = draw(vectors(dim, "offset", -size, size))
    return AffineError(np.zeros((dim, dim)), Profile(offset, draw(RATES), draw(FREQUENCIES)))


def bounded_errors(*, size: float = 0.5) -> SearchStrategy[BoundedError]:
    """beta tanh(x), coordinatewise."""
    return st.builds(BoundedError, typical("beta", -size, size))


def consistent_errors(target: Target) -> SearchStrategy[ConsistentError]:
    """Scores that are exact for the wrong law: ``target`` sent through a channel."""
    return st.builds(ConsistentError, st.just(target), channels(as_mixture(target).dim))


def errors(target: Target) -> SearchStrategy[ScoreError]:
    """Every family that acts in the target's dimension."""
    dim = as_mixture(target).dim
    families: list[SearchStrategy[ScoreError]] = [affine_errors(dim), time_only_errors(dim), bounded_errors()]
    if dim > 1:
        families.append(rotational_errors(dim))
    return st.one_of(*families, consistent_errors(target))
