"""Davis's sharp constants, and the constant of the sandwich that they give.

For a continuous local martingale N from 0 and p >= 2, ||N_T||_p <= z_p || <N>_T^{1/2} ||_p, and z_p, the largest zero of the
parabolic cylinder function D_p, is the best constant (Davis 1976, Theorem 1.1). For integer p, D_p(x) = e^{-x²/4} He_p(x).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import mpmath
import sympy as sp
from sympy.utilities.lambdify import implemented_function

from theory._arguments import finish, positive, real, shown

__all__ = ["DAVIS", "davis_constant", "moment_constant", "moment_constant_formula"]

_DIGITS: Final = 30
_LARGEST: Final = 1000  # a second of work
_LARGEST_EXACT: Final = 12  # beyond it isolating the roots of He_p exactly costs more than anyone wants to wait


@lru_cache(maxsize=64)
def _hermite_root(p: int) -> sp.Expr:
    """The largest zero of the probabilists' Hermite polynomial, from its recurrence; in radicals where short."""
    x = sp.Symbol("x", real=True)
    previous, current = sp.Integer(1), x
    for n in range(1, p):
        previous, current = current, sp.expand(x * current - n * previous)
    if p <= 5:
        return max(sp.roots(sp.Poly(current, x), multiple=True), key=lambda root: sp.N(root, _DIGITS))
    return sp.CRootOf(current, p - 1)  # real roots come first, in increasing order, and all p are real


def _numeric_root(p: sp.Expr, digits: int) -> Any:
    """The largest zero of D_p, p >= 2, by a scan that cannot step over it.

    D_p'' = (x²/4 - p - ½) D_p: beyond the turning point 2 sqrt(p + ½) the decaying solution has no zero, and below it two
    zeros are at least pi/sqrt(p + ½) apart (Sturm), so a scan downwards in smaller steps sees the sign change of each.
    """
    with mpmath.workdps(digits + 15):
        order = mpmath.mpf(p.p) / p.q if p.is_Rational else mpmath.mpmathify(sp.N(p, digits + 15))
        wave = mpmath.sqrt(order + mpmath.mpf(1) / 2)
        x, step = 2 * wave, mpmath.pi / (4 * wave)
        while mpmath.pcfd(order, x - step) > 0:
            x -= step
        lower, upper = x - step, x
        tolerance = mpmath.mpf(10) ** -(digits + 2)
        # Newton; that it stayed in the cell of the sign change, and found it, is checked below
        for _ in range(200):
            value = mpmath.pcfd(order, x)
            move = value / (x / 2 * value - mpmath.pcfd(order + 1, x))
            x -= move
            if abs(move) < tolerance:
                break
        signs = mpmath.pcfd(order, x - 4 * tolerance) <= 0 < mpmath.pcfd(order, x + 4 * tolerance)
        if not (lower <= x <= upper and signs):
            raise ArithmeticError(f"no sign change of D_{p} at {x}")
        return +x


@lru_cache(maxsize=256)
def _value(p: sp.Expr, digits: int) -> sp.Expr:
    return sp.Float(_numeric_root(p, digits), digits)


def _implementation(p: Any) -> Any:
    """What lambdify and evalf call: a number in, a number of the same kind out."""
    if isinstance(p, sp.Expr):  # from evalf, always a Float
        digits = max(15, int(p._prec * 0.30103)) if isinstance(p, sp.Float) else _DIGITS
        return _value(sp.Rational(p), digits)
    return float(_value(sp.Rational(*float(p).as_integer_ratio()), 17))


DAVIS: Final = implemented_function(sp.Function("davis_constant", positive=True), _implementation)
"""z_p for a symbolic p: an unevaluated function that ``evalf`` and ``lambdify`` know how to compute."""


def davis_constant(p: Any) -> sp.Expr:
    """z_p, the largest zero of the parabolic cylinder function D_p (Davis, Theorem 1.1).

    Arguments:
        p: the exponent, >= 2; a number or a symbol.

    Returns:
        For integers up to 12 an exact algebraic number (radicals up to 5); for other exact numbers a Float of 30 digits, for
        floats one of 15; for a symbol the unevaluated :data:`DAVIS` of it.

    Raises:
        TypeError: if p is neither a number nor an expression.
        ValueError: if p < 2 or p > 1000; C' needs p < 4 only.

    >>> davis_constant(4)
    sqrt(sqrt(6) + 3)
    """
    order, inexact = real("p", p)
    if order.free_symbols:
        return DAVIS(order)
    if (order - 2).is_negative:
        raise ValueError(f"p must be at least 2, but it is {shown(p)}")
    if (order - _LARGEST).is_positive:
        raise ValueError(f"p must be at most {_LARGEST}, but it is {shown(p)}")
    if order.is_Integer and order <= _LARGEST_EXACT:
        return finish(_hermite_root(int(order)), inexact)
    return sp.Float(_value(order, 20), 15) if inexact else _value(order, _DIGITS)


def moment_constant_formula(delta: sp.Expr, gamma: sp.Expr, K_delta: sp.Expr, K_gamma: sp.Expr, davis: Any = DAVIS) -> sp.Expr:
    """C' as an expression in symbols, without any check of its arguments; see :func:`moment_constant`.

    Arguments:
        davis: what stands for z_r, a function of r.
    """
    D = 1 + delta
    r = 4 * D / (D + 2)
    return davis(r) * sp.Min(D / (D - 1), sp.sqrt(r / 2)) * K_delta ** (1 / D) * K_gamma ** (1 / (2 + gamma))


def moment_constant(delta: Any, gamma: Any, K_delta: Any, K_gamma: Any) -> sp.Expr:
    """C' with ||E[e^Z - 1 - M | Y_t0]|| <= C' eps*², under the moments A3 and A4 of KTV-A.

    C' = z_r min(D/(D-1), sqrt(r/2)) K_delta^{1/D} K_gamma^{1/(2+gamma)} with D = 1 + delta and r = 4D/(D+2). It is
    E int N² dV <= E N_T² V (N = e^Z - 1), Hölder, Davis, and then Doob's maximal inequality (the first term of the minimum)
    or the Garsia-Neveu lemma (the second).

    Arguments:
        delta: the order of A3, > 1.
        gamma: the order of A4, >= 4/(delta - 1).
        K_delta: a bound of E_{P*} e^{(1+delta) Z}; at least 1, because E e^Z = 1.
        K_gamma: a bound of E_{P*} V^{2+gamma} / eps*^{2(2+gamma)}; at least 1, because E V = eps*².

    Raises:
        TypeError: if an argument is neither a number nor an expression.
        ValueError: if one is out of its range.
    """
    values, flags = [], []
    for name, value in (("delta", delta), ("gamma", gamma), ("K_delta", K_delta), ("K_gamma", K_gamma)):
        expression, inexact = positive(name, value)
        values.append(expression)
        flags.append(inexact)
    first, second, k_delta, k_gamma = values
    if (first - 1).is_nonpositive:
        raise ValueError(f"delta must be greater than 1, but it is {delta}")
    if (second - 4 / (first - 1)).is_negative:
        raise ValueError(f"gamma must be at least 4/(delta - 1) = {4 / (first - 1)}, but it is {gamma}")
    for name, bound, given in (("K_delta", k_delta, K_delta), ("K_gamma", k_gamma, K_gamma)):
        if (bound - 1).is_negative:
            raise ValueError(f"{name} must be at least 1, by Jensen's inequality, but it is {given}")
    if any(flags):  # an exact power of the rational behind a float may factor integers for ever
        first, second, k_delta, k_gamma = (sp.N(value, _DIGITS) for value in (first, second, k_delta, k_gamma))
    return finish(moment_constant_formula(first, second, k_delta, k_gamma, davis_constant), *flags)
