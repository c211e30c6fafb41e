"""The limit of early-stopped retraining, order by order.

One round is p^{i+1} = OU_t0(alpha p + (1 - alpha) p^i). On the Hermite coefficient of order k relative to N(0, I) the noising
acts by e^{-k t0/2}, so each order is a scalar recursion with its own fixed point.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

from theory._arguments import finish, fraction, nonnegative

__all__ = ["hermite_gain"]

_ORDER = sp.Symbol("k", nonnegative=True)
_ALPHA, _TIME = sp.symbols("alpha t0", nonnegative=True)


@lru_cache(maxsize=1)
def _gain() -> sp.Expr:
    """The fixed point of c' = e^{-k t0/2} (alpha c + (1 - alpha) c'), per unit of c."""
    data, limit, damping = sp.symbols("c c_inf a")
    (fixed,) = sp.solve(sp.Eq(limit, damping * (_ALPHA * data + (1 - _ALPHA) * limit)), limit)
    # 1 - (1 - alpha) a = alpha a + (1 - a), which does not cancel where t0 and alpha are small
    numerator, denominator = sp.fraction(sp.cancel(fixed / data))
    sign = sp.Integer(-1) if denominator.could_extract_minus_sign() else sp.Integer(1)
    return (sign * numerator / sp.expand(sign * denominator)).subs(damping, sp.exp(-_ORDER * _TIME / 2))


def hermite_gain(k: Any, alpha: Any, t0: Any) -> sp.Expr:
    """c_k^inf / c_k = alpha a/(1 - (1 - alpha) a) with a = e^{-k t0/2}: what the limit law keeps of order k (KTV-B).

    Arguments:
        k: the order, an integer >= 0 (a symbol counts as one).
        alpha: the fresh fraction, in [0, 1].
        t0: the early-stopping time, >= 0.

    Returns:
        The gain, in [0, 1]; 1 at k = 0, the mass.

    Raises:
        TypeError: if an argument is neither a number nor an expression.
        ValueError: if one is out of range, or if alpha = t0 = 0 and k > 0, where the recursion stands still and has no limit
            of its own.

    >>> hermite_gain(2, 1, sp.log(2))
    1/2
    """
    (order, inexact_k), (share, inexact_a), (time, inexact_t) = (
        nonnegative("k", k),
        fraction("alpha", alpha),
        nonnegative("t0", t0),
    )
    if order.is_integer is False:
        raise ValueError(f"k must be an integer >= 0, but it is {k}")
    if order.is_zero:
        return sp.Integer(1)
    if share.is_zero and time.is_zero:
        raise ValueError("alpha and t0 must not both be 0: the recursion then stands still and has no limit of its own")
    return finish(_gain().subs({_ORDER: order, _ALPHA: share, _TIME: time}, simultaneous=True), inexact_k, inexact_a, inexact_t)
