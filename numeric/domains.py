"""What every parameter may be, declared once: validation refuses the rest, and ``numeric.strategies`` draws from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "COUNT",
    "FRACTION",
    "GRID",
    "LEAK",
    "LOCATION",
    "NONNEGATIVE",
    "PARAMETERS",
    "POSITIVE",
    "REAL",
    "VARIANCE",
    "WIDTH",
    "Array",
    "Domain",
    "Parameter",
    "Unresolved",
]

Array: TypeAlias = NDArray[np.float64]

NEAR_ZERO: Final = 1e-300  # what stands for the ends that are no numbers themselves
NEAR_INFINITY: Final = 1e300


@dataclass(frozen=True)
class Domain:
    """An interval of admissible values; ``low_open``/``high_open`` exclude the ends."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def contains(self, value: Array | float) -> bool:
        """Whether every entry lies inside; NaN lies nowhere."""
        above = np.greater(value, self.low) if self.low_open else np.greater_equal(value, self.low)
        below = np.less(value, self.high) if self.high_open else np.less_equal(value, self.high)
        return bool(np.all(above & below))

    def edges(self) -> tuple[float, float]:
        """The admissible values at the two ends; 1e-300 and 1e300 stand for an open end at 0 and for infinity."""
        low = -NEAR_INFINITY if math.isinf(self.low) else self.low
        high = NEAR_INFINITY if math.isinf(self.high) else self.high
        if self.low_open and low == 0.0:
            low = NEAR_ZERO
        elif self.low_open and low == self.low:
            low = math.nextafter(low, math.inf)
        if self.high_open and high == self.high:
            high = math.nextafter(high, -math.inf)
        return low, high

    def outside(self) -> tuple[float, ...]:
        """Values that are refused: the nearest beyond each end, far beyond it, the infinities and NaN."""
        out = [math.nan, math.inf, -math.inf]
        if not math.isinf(self.low):
            out += [self.low if self.low_open else math.nextafter(self.low, -math.inf), self.low - 1.0 - abs(self.low)]
        if not math.isinf(self.high):
            out += [self.high if self.high_open else math.nextafter(self.high, math.inf), self.high + 1.0 + abs(self.high)]
        return tuple(out)

    def __str__(self) -> str:
        if math.isinf(self.low) and math.isinf(self.high):
            return "finite"
        if math.isinf(self.high):
            return f"finite and {'>' if self.low_open else '>='} {self.low:g}"
        left, right = "(" if self.low_open else "[", ")" if self.high_open else "]"
        return f"in {left}{self.low:g}, {self.high:g}{right}"


class Unresolved(ValueError):
    """Arguments inside their domains, of mixtures so far apart or narrow that an exact route does not resolve them.

    It is known only once the route has tried: its own check, ``LEAK`` or ``GRID``, fails. A simulation has no such limit.
    """


REAL: Final = Domain(-math.inf, math.inf, True, True)
POSITIVE: Final = Domain(0.0, math.inf, True, True)
NONNEGATIVE: Final = Domain(0.0, math.inf, False, True)
FRACTION: Final = Domain(0.0, 1.0)
COUNT: Final = Domain(1, 2**31 - 1)
LEAK: Final = Domain(-1e-5, 1e-5)  # E e^Z - 1 of an exact round, in truth 0: beyond it the quadrature missed the learned law
GRID: Final = Domain(48, 12_000)  # points of a grid in one dimension
LOCATION: Final = Domain(-1e50, 1e50)  # of points and means: squared distances over any variance, squared again, are floats
WIDTH: Final = Domain(0.0, 1e50)  # of kernels: the square is a variance
VARIANCE: Final = Domain(1e-100, 1e100)  # eigenvalues of a covariance


@dataclass(frozen=True)
class Parameter:
    """One parameter of the public functions.

    Attributes:
        domain: what is admissible; everything else is refused.
        low, high: the typical values, which experiments have and exact routes resolve to full accuracy.
        simplest: the value that a shrunk case shows.
        whole: an integer.
        spread: typical values are spread over magnitudes rather than evenly.
    """

    domain: Domain
    low: float
    high: float
    simplest: float
    whole: bool = False
    spread: bool = False

    def __post_init__(self) -> None:
        if not (
            self.domain.contains(np.array([self.low, self.high, self.simplest])) and self.low <= self.simplest <= self.high
        ):
            raise ValueError(f"low <= simplest <= high must lie in the domain {self.domain}, got {self}")


PARAMETERS: Final[Mapping[str, Parameter]] = MappingProxyType(
    {
        # laws
        "dimension": Parameter(COUNT, 1, 8, 1, whole=True),
        "components": Parameter(COUNT, 1, 4, 1, whole=True),
        "mean": Parameter(LOCATION, -3.0, 3.0, 0.0),
        "variance": Parameter(VARIANCE, 1e-3, 1e3, 1.0, spread=True),
        "weight": Parameter(NONNEGATIVE, 1e-6, 1.0, 1.0, spread=True),
        # the process: from the start of a fine schedule to where any law is noise
        "t0": Parameter(POSITIVE, 1e-3, 0.5, 0.02, spread=True),
        "T": Parameter(POSITIVE, 1.0, 12.0, 4.0),
        # score errors
        "beta": Parameter(LOCATION, -1.0, 1.0, 0.0),
        "matrix": Parameter(LOCATION, -0.3, 0.3, 0.0),
        "offset": Parameter(LOCATION, -0.5, 0.5, 0.0),
        # channels
        "gain": Parameter(REAL, 0.5, 1.25, 1.0),
        "shift": Parameter(REAL, -0.5, 0.5, 0.0),
        "noise": Parameter(Domain(0.0, VARIANCE.high), 0.0, 0.5, 0.0),
        "bandwidth": Parameter(NONNEGATIVE, 0.0, 1.0, 0.0),
        # many rounds
        "alpha": Parameter(FRACTION, 0.0, 1.0, 0.5),
        "generations": Parameter(COUNT, 1, 8, 1, whole=True),
        "n": Parameter(COUNT, 50, 2000, 50, whole=True),
        "points": Parameter(Domain(2, COUNT.high), 4, 12, 4, whole=True),  # of a round whose outcomes are enumerated
        "seed": Parameter(NONNEGATIVE, 0, 2**32 - 1, 0, whole=True),
    }
)
"""By name of the argument; ``mean`` and the like are entries of arrays."""
