"""Evaluates sympy expressions on arrays with a bound of the rounding error, and in high precision where that is too large.

The expression is lambdified twice. Once over :class:`Tracked` numbers, doubles that carry a bound of the rounding error that
every operation made and passed on (running error analysis): vectorized, and honest about cancellation and about conditions
that rounding leaves open. Where the bound exceeds the tolerance, the same expression is evaluated by mpmath at the exact
values of the arguments, with the digits doubled until they agree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from numeric.validation import Array

__all__ = ["TOLERANCE", "Guarded", "Tracked"]

TOLERANCE = 1e-11  # largest relative error bound at which a double is kept
LARGEST = mpmath.mpf(10) ** 400  # above it a value is infinite, however few of its digits are known
LARGEST_EXPONENT = mpmath.mpf(10) ** 1000
SMALLEST = 1e-290  # below it a value counts as 0: products underflow
UNIT = 2.0**-53
FUNCTION = 4.0  # units in the last place granted to numpy's functions
CHUNK = 1 << 14
DIGITS = (32, 64, 128, 256, 512, 1024, 2048)
AGREEMENT = 1e-14

Mask = NDArray[np.bool_]


class Tracked:
    """Doubles with a bound of their absolute errors; arithmetic adds what each operation rounds off."""

    __slots__ = ("error", "value")
    __array_ufunc__ = None  # array operators then leave the operation to this class

    def __init__(self, value: Any, error: Any = 0.0) -> None:
        self.value = np.asarray(value, dtype=np.float64)
        self.error = np.asarray(error, dtype=np.float64)

    def __neg__(self) -> Tracked:
        return Tracked(-self.value, self.error)

    def __add__(self, other: Any) -> Tracked:
        other = _tracked(other)
        value = self.value + other.value
        endless = np.isinf(self.value) | np.isinf(other.value)  # an infinity that was given is exact, one by overflow is not
        return Tracked(value, self.error + other.error + np.where(endless, 0.0, UNIT * np.abs(value)))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Tracked:
        return self + (-_tracked(other))

    def __rsub__(self, other: Any) -> Tracked:
        return _tracked(other) + (-self)

    def __mul__(self, other: Any) -> Tracked:
        other = _tracked(other)
        value = self.value * other.value
        passed = np.abs(self.value) * other.error + np.abs(other.value) * self.error + self.error * other.error
        endless = np.isinf(value) & (self.error == 0.0) & (other.error == 0.0) & (np.isinf(self.value) | np.isinf(other.value))
        return Tracked(value, np.where(endless, 0.0, passed + UNIT * np.abs(value)))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Tracked:
        other = _tracked(other)
        value = self.value / other.value
        least = np.abs(other.value) - other.error
        passed = (self.error + np.abs(value) * other.error) / np.where(least > 0.0, least, 0.0)
        return Tracked(value, passed + UNIT * np.abs(value))

    def __rtruediv__(self, other: Any) -> Tracked:
        return _tracked(other) / self

    def __pow__(self, exponent: Any) -> Tracked:
        if not isinstance(exponent, Tracked) and float(exponent) == 2.0:
            return self * self
        other = _tracked(exponent)
        value = np.power(self.value, other.value)
        share = self.error / np.abs(self.value)  # of the base
        grown = np.abs(other.value) * -np.log1p(-np.where(share < 1.0, share, 1.0))
        grown = grown + other.error * np.abs(np.log(np.abs(self.value)))
        return Tracked(value, np.abs(value) * (np.expm1(grown) + FUNCTION * UNIT))

    def __rpow__(self, base: Any) -> Tracked:
        return _tracked(base) ** self

    def __gt__(self, other: Any) -> _Known:
        gap = self - other
        return _Known(gap.value > 0.0, ~(np.abs(gap.value) <= gap.error) | (gap.error == 0.0))

    def __lt__(self, other: Any) -> _Known:
        return _tracked(other).__gt__(self)

    def __ge__(self, other: Any) -> _Known:
        return _tracked(other).__gt__(self).negated()

    def __le__(self, other: Any) -> _Known:
        return self.__gt__(other).negated()

    def equals(self, other: Any) -> _Known:
        gap = self - other
        return _Known(gap.value == 0.0, ~(np.abs(gap.value) <= gap.error) | (gap.error == 0.0))


class _Known:
    """A condition, and where rounding leaves no doubt about it."""

    __slots__ = ("holds", "sure")

    def __init__(self, holds: Mask, sure: Mask) -> None:
        self.holds = holds
        self.sure = sure

    def negated(self) -> _Known:
        return _Known(~self.holds, self.sure)


def _tracked(value: Any) -> Tracked:
    if isinstance(value, Tracked):
        return value
    if isinstance(value, _Known):
        raise TypeError("a condition must not stand where a number is expected")
    return Tracked(value)


def _function(evaluate: Callable[[Array], Array], passed: Callable[[Array, Array, Array], Array]) -> Callable[[Any], Tracked]:
    """A function of one argument; ``passed(argument, error, value)`` is the error that the argument's error becomes."""

    def apply(argument: Any) -> Tracked:
        number = _tracked(argument)
        value = evaluate(number.value)
        error = passed(number.value, number.error, value) + FUNCTION * UNIT * np.abs(value)
        endless = np.isinf(value) & np.isinf(number.value) & (number.error == 0.0)  # exp(oo) = oo, and no overflow
        return Tracked(value, np.where(endless, 0.0, error))

    return apply


def _log_passed(x: Array, error: Array, _: Array) -> Array:
    share = error / x
    return -np.log1p(-np.where(share < 1.0, share, 1.0))


def _sqrt_passed(x: Array, error: Array, value: Array) -> Array:
    return np.asarray(np.maximum(value - np.sqrt(np.maximum(x - error, 0.0)), np.sqrt(x + error) - value))


def _arctanh_passed(x: Array, error: Array, _: Array) -> Array:
    least = 1.0 - (np.abs(x) + error) ** 2
    return error / np.where(least > 0.0, least, 0.0)


def _arctan2(y: Any, x: Any) -> Tracked:
    first, second = _tracked(y), _tracked(x)
    value = np.arctan2(first.value, second.value)
    least = np.hypot(first.value, second.value) - np.hypot(first.error, second.error)
    passed = np.hypot(first.error, second.error) / np.where(least > 0.0, least, 0.0)
    return Tracked(value, passed + FUNCTION * UNIT * np.abs(value))


def _select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = np.nan) -> Tracked | _Known:
    """The first choice whose condition holds; of unknown error where a condition before it is open.

    Where the choices are conditions themselves (sympy's ITE), so is the result.
    """
    known = [_condition(condition) for condition in conditions]
    if any(isinstance(choice, (_Known, bool, np.bool_)) for choice in choices):
        holds, sure = np.asarray(False), np.asarray(False)
        for first, other in zip(reversed(known), reversed([_condition(choice) for choice in choices]), strict=True):
            holds = np.where(first.holds, other.holds, holds)
            sure = first.sure & np.where(first.holds, other.sure, sure)
        return _Known(holds, sure)
    value, error = np.asarray(default, dtype=np.float64), np.asarray(np.inf)
    for first, number in zip(reversed(known), reversed([_tracked(choice) for choice in choices]), strict=True):
        value = np.where(first.holds, number.value, value)
        error = np.where(first.sure, np.where(first.holds, number.error, error), np.inf)
    return Tracked(value, error)


def _condition(condition: Any) -> _Known:
    if isinstance(condition, _Known):
        return condition
    if not isinstance(condition, (bool, np.bool_)):
        raise TypeError(f"a condition must be a comparison, got {type(condition).__name__}")
    return _Known(np.asarray(bool(condition)), np.asarray(True))


class _And:
    """What sympy prints a conjunction as: ``logical_and.reduce((...))``."""

    @staticmethod
    def reduce(conditions: Sequence[Any]) -> _Known:
        parts = [_condition(condition) for condition in conditions]
        holds = np.logical_and.reduce(np.broadcast_arrays(*(part.holds for part in parts)))
        sure = np.logical_and.reduce(np.broadcast_arrays(*(part.sure for part in parts)))
        refuted = np.logical_or.reduce(np.broadcast_arrays(*(part.sure & ~part.holds for part in parts)))
        return _Known(holds & ~refuted, sure | refuted)


class _Or:
    """What sympy prints a disjunction as."""

    @staticmethod
    def reduce(conditions: Sequence[Any]) -> _Known:
        return _And.reduce([_condition(condition).negated() for condition in conditions]).negated()


_NAMESPACE: dict[str, Any] = {
    "exp": _function(np.exp, lambda x, error, value: value * np.expm1(error)),
    "log": _function(np.log, _log_passed),
    "sqrt": _function(np.sqrt, _sqrt_passed),
    "sinh": _function(np.sinh, lambda x, error, value: np.cosh(np.abs(x) + error) * error),
    "cosh": _function(np.cosh, lambda x, error, value: np.sinh(np.abs(x) + error) * error),
    "sin": _function(np.sin, lambda x, error, value: error),
    "cos": _function(np.cos, lambda x, error, value: error),
    "arctan": _function(np.arctan, lambda x, error, value: error),
    "arctanh": _function(np.arctanh, _arctanh_passed),
    "arctan2": _arctan2,
    "select": _select,
    "logical_and": _And,
    "logical_or": _Or,
    "logical_not": lambda a: _condition(a).negated(),
    "greater": lambda a, b: _tracked(a) > b,
    "less": lambda a, b: _tracked(a) < b,
    "greater_equal": lambda a, b: _tracked(a) >= b,
    "less_equal": lambda a, b: _tracked(a) <= b,
    "equal": lambda a, b: _tracked(a).equals(b),
}


def _exp(x: Any) -> Any:
    """mpmath's exp, inf or 0 where its value would have more digits in its exponent than memory holds."""
    if abs(x) > LARGEST_EXPONENT:
        return mpmath.inf if x > 0 else mpmath.mpf(0)
    return mpmath.exp(x)


_MPMATH = {"exp": _exp, "sinh": lambda x: mpmath.sinh(x) if abs(x) < 1 else (_exp(x) - _exp(-x)) / 2}


class Guarded:
    """An expression as a function of arrays, to a relative error of about 1e-11 wherever its value lies above 1e-290.

    Args:
        names: the symbols, in the order of the arguments. expression: sums, products, powers, exp, log, square roots, sinh,
        cosh, sin, cos, atan, atanh, atan2 and Piecewise of them.
    """

    def __init__(self, names: Sequence[sp.Symbol], expression: sp.Expr) -> None:
        self.names = tuple(names)
        self.expression = expression
        self._fast = sp.lambdify(self.names, expression, modules=[_NAMESPACE, "numpy"], cse=True)

    @cached_property
    def _shared(self) -> Callable[..., Any]:
        return sp.lambdify(self.names, self.expression, modules=[_MPMATH, "mpmath"], cse=True)  # type: ignore[no-any-return]

    @cached_property
    def _lazy(self) -> Callable[..., Any]:
        return sp.lambdify(self.names, self.expression, modules=[_MPMATH, "mpmath"])  # type: ignore[no-any-return]

    def __call__(self, *arguments: Any) -> Array:
        """Values at the broadcast arguments; infinite where the expression is, or where it leaves the range of floats."""
        values, error = self.bounded(*arguments)
        open_points = np.flatnonzero(~self._settled(values, error))
        if open_points.size:
            flat = [np.ravel(array) for array in np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in arguments))]
            out = values.ravel()
            for index in open_points.tolist():
                out[index] = self.precise(*(float(array[index]) for array in flat))
            values = out.reshape(values.shape)
        return values

    def bounded(self, *arguments: Any) -> tuple[Array, Array]:
        """Values in double precision and the bounds of their absolute errors (inf or NaN where nothing is known)."""
        arrays = np.broadcast_arrays(*(np.asarray(argument, dtype=np.float64) for argument in arguments))
        flat = [np.ravel(array) for array in arrays]
        size, shape = flat[0].size, arrays[0].shape
        values, errors = np.empty(size), np.empty(size)
        for start in range(0, size, CHUNK):
            part = slice(start, start + CHUNK)
            with np.errstate(all="ignore"):
                number = _tracked(self._fast(*(Tracked(array[part]) for array in flat)))
            values[part], errors[part] = number.value, number.error
        return values.reshape(shape), errors.reshape(shape)

    def doubtful(self, *arguments: Any) -> Mask:
        """Where double precision does not do, so that a call takes the slower way (about a millisecond each)."""
        return ~self._settled(*self.bounded(*arguments))

    @staticmethod
    def _settled(values: Array, error: Array) -> Mask:
        with np.errstate(invalid="ignore"):
            exact_infinity = np.isinf(values) & (error == 0.0)
            close = np.isfinite(values) & (error <= np.maximum(TOLERANCE * np.abs(values), SMALLEST))
        return np.asarray(exact_infinity | close)

    def reference(self, *arguments: float, digits: int) -> Any:
        """The value at one point by mpmath with that many digits, as an mpf: what a test holds the others against."""
        with mpmath.workdps(digits):
            exact = [mpmath.mpf(argument) for argument in arguments]
            try:
                value = self._shared(*exact)
            except (ZeroDivisionError, TypeError, ValueError):  # shared parts of a branch that is not taken may be undefined
                try:
                    value = self._lazy(*exact)
                except ZeroDivisionError:  # a divisor that cancels to 0 at these digits: NaN agrees with nothing, more decide
                    value = mpmath.nan
            return mpmath.mpmathify(value)

    def precise(self, *arguments: float) -> float:
        """The value at one point by mpmath, rounded; 0 below 1e-290."""
        value = self.settled(*arguments)
        return float(value) if abs(value) >= SMALLEST else 0.0

    def settled(self, *arguments: float) -> Any:
        """The value at one point as an mpf, with the digits at which it settles, the arguments taken as the fractions they are.

        Infinite beyond 1e400 where it does not settle, and 0 where nothing is left of it below 1e-290.
        """
        previous: Any = None
        for digits in DIGITS:
            value = self.reference(*arguments, digits=digits)
            last = digits == DIGITS[-1]
            with mpmath.workdps(digits):
                if isinstance(value, mpmath.mpc):  # the root of what cancelled to less than 0, or no real value at all
                    if last:
                        raise ArithmeticError(f"the value at {arguments} must be real, got {mpmath.nstr(value, 8)}")
                    continue
                if (
                    previous is not None
                    and value != 0
                    and (value == previous or abs(value - previous) <= AGREEMENT * abs(value))
                ):
                    return value
                if previous is not None and min(abs(value), abs(previous)) > LARGEST and (value > 0) == (previous > 0):
                    return mpmath.inf if value > 0 else -mpmath.inf
                if last and abs(value) < SMALLEST:  # earlier a zero may be all that cancellation left
                    return mpmath.mpf(0)
                previous = value
        raise ArithmeticError(f"the value at {arguments} does not settle within {DIGITS[-1]} digits")
