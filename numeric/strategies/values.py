"""Values of single parameters, drawn from the domains that validation enforces."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from numeric.domains import PARAMETERS, Array, Parameter
from numeric.validation import shown

__all__ = ["counts", "edge", "outside", "parameter", "seeds", "typical", "vectors", "wrong_kind"]

DIGITS: Final = 4  # of a drawn number: enough to be generic, few enough to be read
PLAIN: Final = (1.0, 2.0, 3.0, 0.5, -1.0, -2.0, -3.0, 0.0)  # in the order in which a case is shrunk to them


def parameter(name: str) -> Parameter:
    """The declaration of a parameter; KeyError lists those there are."""
    if name not in PARAMETERS:
        raise KeyError(f"name must be one of {', '.join(sorted(PARAMETERS))}, got {shown(name)}")
    return PARAMETERS[name]


def typical(name: str, low: float | None = None, high: float | None = None) -> SearchStrategy[float]:
    """Values as experiments have them, of four digits; they shrink to the simplest, then to small integers.

    Args:
        name: of a parameter in ``numeric.domains.PARAMETERS``, such as "variance" or "alpha".
        low, high: narrower bounds, or wider ones within the domain; by default the typical range.

    Raises:
        KeyError: no such parameter.
        ValueError: bounds outside the domain, or low > high.
    """
    declared = parameter(name)
    least, most = _bounds(name, declared, low, high)
    if declared.whole:
        return st.integers(math.ceil(least), math.floor(most))
    start = min(max(declared.simplest, least), most)
    plain = st.sampled_from([start, *(value for value in PLAIN if least <= value <= most and value != start)])
    wide = _magnitudes(least, most) if declared.spread and least > 0.0 else _decimals(least, most)
    return st.one_of(plain, wide, wide, wide)


def edge(name: str) -> SearchStrategy[float]:
    """Admissible values at the ends of the domain: 0 and 1 of a fraction, 1e-300 and 1e300 of a variance."""
    declared = parameter(name)
    low, high = declared.domain.edges()
    return st.sampled_from([int(low), int(high)] if declared.whole else [low, high])


def outside(name: str) -> SearchStrategy[float]:
    """Numbers that validation refuses: just beyond an end, far beyond it, infinite, NaN."""
    return st.sampled_from(parameter(name).domain.outside())


def wrong_kind() -> SearchStrategy[object]:
    """What is no real number at all, and refused with a TypeError wherever one is asked for."""
    return st.sampled_from([None, True, "1", 1j, "alpha"])


def seeds() -> SearchStrategy[int]:
    """Seeds for ``rng``."""
    declared = PARAMETERS["seed"]
    return st.integers(int(declared.low), int(declared.high))


def counts(name: str, low: int | None = None, high: int | None = None) -> SearchStrategy[int]:
    """Whole numbers: "dimension", "components", "generations", "points" or "n", narrowed by ``low`` and ``high``."""
    declared = parameter(name)
    if not declared.whole:
        raise ValueError(f"name must be that of a whole number, got {shown(name)}")
    least, most = _bounds(name, declared, low, high)
    return st.integers(math.ceil(least), math.floor(most))


def vectors(dim: int, name: str, low: float | None = None, high: float | None = None) -> SearchStrategy[Array]:
    """(dim,) entries of one kind."""
    return st.lists(typical(name, low, high), min_size=dim, max_size=dim).map(lambda entries: np.array(entries))


def _bounds(name: str, declared: Parameter, low: float | None, high: float | None) -> tuple[float, float]:
    least, most = (declared.low if low is None else low), (declared.high if high is None else high)
    if not (declared.domain.contains(np.array([least, most], dtype=np.float64)) and least <= most):
        raise ValueError(f"low and high of {name} must be {declared.domain} and in order, got {least!r} and {most!r}")
    return least, most


def _decimals(low: float, high: float) -> SearchStrategy[float]:
    """Decimals of a step that divides the range into thousands; its ends where they are closer than that."""
    places = max(DIGITS - 1 - math.floor(math.log10(high - low)), 0) if high > low else 0
    step = 10.0**-places
    least, most = math.ceil(low / step), math.floor(high / step)
    if least > most:
        return st.sampled_from([low, high])
    return st.integers(least, most).map(lambda count: min(max(round(count * step, places), low), high))


def _magnitudes(low: float, high: float) -> SearchStrategy[float]:
    """Numbers of four digits, spread over the magnitudes of [low, high] alike."""
    exponents = _decimals(math.log10(low), math.log10(high))
    return exponents.map(lambda exponent: min(max(float(f"{10.0**exponent:.{DIGITS}g}"), low), high))
