"""The explicit constants of one generation: C of KTV-A's Prop. 3.3, c of its Thm 3.4, and what they come from.

Everything rests on one number, the moment constant C' with ||E[e^Z - 1 - M | Y_t0]|| <= C' eps*². The statements of
``observability-lower``, ``-upper`` and ``-threshold`` say what C, c and the threshold are in it; they are read off there. C'
comes from the moments A3 and A4 (:func:`theory.davis.moment_constant`), from a bound V <= Lambda (``sandwich-bounded``), or
from V = eps*² itself.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import mpmath
import sympy as sp

from theory import symbols
from theory._arguments import exp_within_reason, finish, nonnegative, positive, settled, shown
from theory.claim import Claim, conjuncts
from theory.generation import CLAIMS

__all__ = ["bounded_constant", "bounded_moments", "deterministic_constant", "observability_constants"]

_C, _E = symbols.moment_constant, symbols.ideal_energy


def _claim(id: str) -> Claim:
    return next(claim for claim in CLAIMS if claim.id == id)


@lru_cache(maxsize=1)
def _coefficients() -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """C, c and the threshold per unit of eta, from the three statements."""
    (lower,), (upper,) = (conjuncts(_claim(f"observability-{side}").statement) for side in ("lower", "upper"))
    C, c = -sp.expand(lower.rhs).coeff(_E, 2), sp.expand(upper.rhs).coeff(_E, 2)
    (small,) = [part for part in _claim("observability-threshold").assumptions if part.name == "small"]
    (condition,) = conjuncts(small.condition)
    threshold = sp.cancel(condition.rhs / symbols.observability / (condition.lhs / _E))
    if (C / _C**2).free_symbols or (c / _C**2).free_symbols or (threshold * _C**2).free_symbols:
        raise ArithmeticError("the constants must be functions of the moment constant alone")
    return C, c, threshold


def observability_constants(moment_constant: Any) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """(C, c, threshold): I >= ¼ eta eps*² - C eps*⁴, I <= 4 eps*² + c eps*⁴, I >= ⅛ eta eps*² where eps*² <= threshold eta.

    Arguments:
        moment_constant: C' > 0, as from :func:`theory.davis.moment_constant`.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> observability_constants(3)[:2]
    (3, 12)
    """
    value, inexact = positive("moment_constant", moment_constant)
    C, c, threshold = (finish(part.subs(_C, value), inexact) for part in _coefficients())
    return C, c, threshold


def bounded_moments(delta: Any, gamma: Any, sup_energy: Any, ideal_energy: Any) -> tuple[sp.Expr, sp.Expr]:
    """(K_delta, K_gamma) where V <= Lambda: exp(delta (1 + delta) Lambda/2) and (Lambda/eps*²)^{2+gamma}.

    e^{(1+d)Z} = e^{(1+d)M - (1+d)²V/2} e^{d(1+d)V/2}, and the first factor has mean 1.

    Arguments:
        delta, gamma: the orders of A3 and A4, > 0.
        sup_energy: Lambda, an upper bound of V.
        ideal_energy: eps*² > 0, at most Lambda.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> bounded_moments(2, 4, 1, 1)
    (exp(3), 1)
    """
    (d, a), (g, b), (ceiling, c), (energy, e) = (
        positive("delta", delta),
        positive("gamma", gamma),
        positive("sup_energy", sup_energy),
        positive("ideal_energy", ideal_energy),
    )
    if (ceiling - energy).is_negative:
        raise ValueError(f"sup_energy must be at least ideal_energy = {shown(ideal_energy)}, but it is {shown(sup_energy)}")
    weight = finish(sp.exp(d * (1 + d) * ceiling / 2), a, c)
    if (b or c or e) and all(value.is_number for value in (g, ceiling, energy)):  # as fractions the power has too many digits
        return weight, settled(_power, (ceiling, energy, 2 + g))
    return weight, finish((ceiling / energy) ** (2 + g), b, c, e)


def _power(ceiling: Any, energy: Any, exponent: Any) -> Any:
    return exp_within_reason(exponent * mpmath.log(ceiling / energy))


@lru_cache(maxsize=1)
def _bounded_root() -> sp.Expr:
    (relation,) = conjuncts(_claim("sandwich-bounded").statement)
    return relation.rhs


def bounded_constant(sup_energy: Any, ideal_energy: Any) -> sp.Expr:
    """C' = sqrt(e^Lambda - 1 - Lambda)/eps*² where V <= Lambda (``sandwich-bounded``); always below that of the moments.

    Arguments and errors as in :func:`bounded_moments`.
    """
    (ceiling, a), (energy, b) = positive("sup_energy", sup_energy), positive("ideal_energy", ideal_energy)
    if (ceiling - energy).is_negative:
        raise ValueError(f"sup_energy must be at least ideal_energy = {shown(ideal_energy)}, but it is {shown(sup_energy)}")
    return finish(_bounded_root().subs(symbols.sup_energy, ceiling) / energy, a, b)


def deterministic_constant(ideal_energy: Any) -> sp.Expr:
    """C' where V = eps*² is not random: :func:`bounded_constant` with Lambda = eps*²; 1/sqrt(2) as eps*² tends to 0.

    Arguments:
        ideal_energy: eps*² >= 0.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> deterministic_constant(0)
    sqrt(2)/2
    """
    energy, inexact = nonnegative("ideal_energy", ideal_energy)
    if energy.is_zero:
        x = sp.Symbol("x", positive=True)
        return sp.sqrt(sp.limit((_bounded_root().subs(symbols.sup_energy, x) / x) ** 2, x, 0))
    return finish(_bounded_root().subs(symbols.sup_energy, energy) / energy, inexact)
