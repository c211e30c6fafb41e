"""Reading the arguments of the closed forms: what is a number, what is a symbol, and what is neither.

A floating-point argument stands for the binary fraction that it is. It is made an exact rational, the closed form is evaluated
exactly, and the number that comes out is rounded once at the end; so coincident or nearly coincident eigenvalues lose nothing.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import mpmath
import sympy as sp

DIGITS = 15
"""Decimal digits of a result whose arguments contained a float: what a double holds."""


GUARD = 100
"""Decimal digits of a float among symbols: as the fraction that it is it would keep SymPy busy for minutes with the signs of
polynomials whose coefficients have thousands of digits."""

NOTHING = sp.Float("1e-1000")
"""A share exp(-t) below it is zero to all of these digits."""


def shown(value: Any) -> str:
    """``value`` in a few characters of one line, for a message."""
    return _shortened(repr(value))


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."


def read(name: str, value: Any) -> tuple[sp.Expr, bool]:
    """The argument as a sympy expression, and whether it contained a float.

    Arguments:
        name: of the argument, for the message.
        value: an int, float, Fraction, real numpy scalar or sympy expression.

    Raises:
        TypeError: for anything else, strings and booleans included.
        ValueError: for a NaN or a number that is not real.
    """
    if isinstance(value, bool) or not isinstance(value, (numbers.Real, sp.Expr)):
        raise TypeError(
            f"{name} must be a real number or a sympy expression, but it is {shown(value)} of type {type(value).__name__}"
        )
    inexact = False
    if isinstance(value, sp.Expr):
        expression = value
        floats = expression.atoms(sp.Float)
        if floats:
            inexact = True
            expression = expression.xreplace({number: sp.Rational(number) for number in floats})
    elif isinstance(value, numbers.Integral):
        expression = sp.Integer(int(value))
    elif isinstance(value, numbers.Rational):
        expression = sp.Rational(int(value.numerator), int(value.denominator))
    else:
        inexact = True
        number = float(value)
        if number != number:
            raise ValueError(f"{name} must be a number, but it is NaN")
        if number in (float("inf"), float("-inf")):
            expression = sp.oo if number > 0 else -sp.oo
        else:
            expression = sp.Rational(*number.as_integer_ratio())
    if expression is sp.nan or expression.has(sp.zoo) or expression.is_extended_real is False:
        raise ValueError(f"{name} must be real, but it is {expression}")
    return expression, inexact


def real(name: str, value: Any) -> tuple[sp.Expr, bool]:
    """:func:`read`, refusing the infinities."""
    expression, inexact = read(name, value)
    if expression.is_infinite:
        raise ValueError(f"{name} must be finite, but it is {expression}")
    return expression, inexact


def positive(name: str, value: Any) -> tuple[sp.Expr, bool]:
    """:func:`real`, refusing what is known to be <= 0 (a symbol of unknown sign is taken to be positive)."""
    expression, inexact = real(name, value)
    if expression.is_nonpositive:
        raise ValueError(f"{name} must be positive, but it is {show(expression, inexact)}")
    return expression, inexact


def nonnegative(name: str, value: Any) -> tuple[sp.Expr, bool]:
    """:func:`real`, refusing what is known to be < 0 (a symbol of unknown sign is taken to be nonnegative)."""
    expression, inexact = real(name, value)
    if expression.is_negative:
        raise ValueError(f"{name} must be nonnegative, but it is {show(expression, inexact)}")
    return expression, inexact


def fraction(name: str, value: Any) -> tuple[sp.Expr, bool]:
    """:func:`real`, refusing what is known to lie outside [0, 1]."""
    expression, inexact = real(name, value)
    if expression.is_negative or (expression - 1).is_positive:
        raise ValueError(f"{name} must lie in [0, 1], but it is {show(expression, inexact)}")
    return expression, inexact


def sequence(name: str, values: Any, of: str = "numbers or expressions") -> tuple[Any, ...]:
    """A finite sequence: a list, a tuple or an array.

    Raises:
        TypeError: for a scalar or a string.
    """
    if isinstance(values, (str, bytes, sp.Expr)) or not isinstance(values, Iterable) or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"{name} must be a sequence of {of}, but it is {shown(values)}")
    return tuple(values)


def guarded(value: sp.Expr) -> sp.Expr:
    """A number rounded to ``GUARD`` digits, for use among symbols; what contains a symbol as it is."""
    if not value.is_number or value.is_infinite:
        return value
    rounded = sp.N(value, GUARD)
    return sp.Integer(0) if abs(rounded) < NOTHING else rounded


def placed(form: sp.Expr, values: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """``form`` at guarded numbers and expressions, the latter as they are: asked for the sign of a polynomial in a positive
    symbol, sympy would factor coefficients of a hundred digits."""
    stand_ins = {symbol: sp.Dummy() for symbol, value in values.items() if value.free_symbols}
    numbers_in = form.xreplace({**values, **stand_ins})
    with sp.evaluate(False):
        return numbers_in.xreplace({stand_ins[symbol]: values[symbol] for symbol in stand_ins})


def show(expression: sp.Expr, inexact: bool) -> str:
    """The argument as the caller wrote it: decimal if it came as a float."""
    return _shortened(str(sp.N(expression, DIGITS)) if inexact and not expression.free_symbols else str(expression))


def finish(expression: sp.Expr, *inexact: bool) -> sp.Expr:
    """Round a constant result to ``DIGITS`` digits if an argument was a float; leave everything else exact."""
    if not any(inexact) or expression.free_symbols or expression in (sp.oo, -sp.oo, sp.Integer(0)):
        return expression
    # maxn: how far evalf may raise its working precision where leading digits cancel
    return sp.N(expression, DIGITS, maxn=2000)


PRECISIONS = (40, 80, 160, 320, 640, 1280, 2560)
"""Decimal digits that :func:`settled` tries: below the least float lie 324, and their squares cancel."""

LARGEST_EXPONENT = mpmath.mpf(10) ** 1000
"""Beyond it exp is ``oo`` or 0: its value would have more digits in its own exponent than memory holds."""


def exp_within_reason(x: Any) -> Any:
    """mpmath's exp, ``inf`` or 0 beyond ``LARGEST_EXPONENT``."""
    if abs(x) > LARGEST_EXPONENT:
        return mpmath.inf if x > 0 else mpmath.mpf(0)
    return mpmath.exp(x)


def settled(function: Callable[..., Any], values: Iterable[sp.Expr], wanted: int = DIGITS) -> sp.Expr:
    """``function`` of mpmath at exact numbers, rounded once: precision is doubled until the digits asked for no longer move.

    The first precision holds all digits of all values together: with fewer, 1 + 1e-200 is 1 twice, and so is every power of it.
    """
    exact = tuple(values)
    held = sum(max(abs(int(v.p)), int(v.q)).bit_length() * math.log10(2.0) for v in exact if v.is_Rational)
    previous: Any = None
    for digits in (precision for precision in PRECISIONS if precision >= min(held, PRECISIONS[-2])):
        with mpmath.workdps(digits):
            numbers = [mpmath.mpf(v.p) / v.q if v.is_Rational else mpmath.mpmathify(sp.N(v, digits)) for v in exact]
            try:
                value = mpmath.mpmathify(function(*numbers))
            except ZeroDivisionError:  # a divisor that cancels to 0 at these digits
                continue
            if isinstance(value, mpmath.mpc):  # what cancels to less than 0 has no real logarithm at these digits
                continue
            # a zero may be all that cancellation left, up to the last
            if previous is not None and (value != 0 or digits == PRECISIONS[-1]):
                if value == previous and mpmath.isinf(value):
                    return sp.oo if value > 0 else -sp.oo
                if abs(value - previous) <= abs(value) * mpmath.mpf(10) ** -(wanted + 3):
                    return sp.Float(value, wanted)
            previous = value
    raise ArithmeticError(f"the value does not settle: {previous}")
