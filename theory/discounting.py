"""How the errors of successive rounds add up in closed form: the discounted sum, the triangle bound, the interference.

With f_i = p^i/p - 1 and g_i = (p^{i+1} - q_i)/p in L²(p), mixing with a fraction alpha_i of fresh data gives
f_{i+1} = (1 - alpha_i) f_i + g_i; D_i = ||f_i||² and J_i = ||g_i||. Each function below is that recursion with one thing
assumed about the inner products: none (:func:`discounted_sum`), all at their ceiling (:func:`triangle_bound`), or a pattern
(:func:`interference`).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, Literal

import sympy as sp

from theory._arguments import finish, fraction, nonnegative, sequence, shown

__all__ = ["discounted_sum", "interference", "triangle_bound"]

Pattern = Literal["coherent", "alternating", "orthogonal"]
_DECAY: Final = {"coherent": 1, "alternating": -1, "orthogonal": 0}  # c where <g_i, g_j> = c^|i-j| J²


def _rounds(alpha: Any, innovations: Any, initial: Any) -> tuple[list[sp.Expr], list[sp.Expr], sp.Expr, list[bool]]:
    """Survival factors 1 - alpha_i, innovations J_i, the initial D_0, and which of the arguments were floats."""
    steps = [nonnegative(f"innovations[{n}]", value) for n, value in enumerate(sequence("innovations", innovations))]
    if isinstance(alpha, (list, tuple)) or hasattr(alpha, "__len__"):
        fractions = [fraction(f"alpha[{n}]", value) for n, value in enumerate(sequence("alpha", alpha))]
        if len(fractions) != len(steps):
            raise ValueError(f"alpha must be one number or one per innovation ({len(steps)}), but there are {len(fractions)}")
    else:
        fractions = [fraction("alpha", alpha)] * len(steps)
    start, inexact = nonnegative("initial", initial)
    flags = [inexact, *(flag for _, flag in steps), *(flag for _, flag in fractions)]
    return [1 - value for value, _ in fractions], [value for value, _ in steps], start, flags


def discounted_sum(alpha: Any, innovations: Any, initial: Any = 0) -> sp.Expr:
    """S_N = sum_i prod_{j>i} (1 - alpha_j)² J_i² + prod_j (1 - alpha_j)² D_0, after len(innovations) rounds.

    The drift D_N equals it where the innovations are orthogonal to each other and to f_0 (KTV-A's discounted accumulation).

    Arguments:
        alpha: the fresh fraction, in [0, 1]; one, or a sequence with one per round.
        innovations: J_0, ..., J_{N-1}, the norms themselves and not their squares; symbols or numbers >= 0.
        initial: D_0 >= 0 (a squared norm).

    Raises:
        TypeError, ValueError: naming the argument.

    >>> discounted_sum(sp.Rational(1, 2), [1, 1])
    5/4
    """
    survival, steps, total, flags = _rounds(alpha, innovations, initial)
    for rho, step in zip(survival, steps, strict=True):
        total = rho**2 * total + step**2
    return finish(total, *flags)


def triangle_bound(alpha: Any, innovations: Any, initial: Any = 0) -> sp.Expr:
    """The ceiling of sqrt(D_N): sum_i prod_{j>i} (1 - alpha_j) J_i + prod_j (1 - alpha_j) sqrt(D_0).

    It bounds the root of the drift, whatever the innovations' inner products; attained where all are aligned. Arguments and
    errors as in :func:`discounted_sum`.

    >>> triangle_bound(sp.Rational(1, 2), [1, 1], initial=4)
    2
    """
    survival, steps, start, flags = _rounds(alpha, innovations, initial)
    total = sp.sqrt(start)
    for rho, step in zip(survival, steps, strict=True):
        total = rho * total + step
    return finish(total, *flags)


def _ratio(decay: int, sign: sp.Expr, rounds: sp.Expr, rate: sp.Expr) -> sp.Expr:
    """D_N/S_N with D_0 = 0, J constant and <g_i, g_j> = c^|i-j| J², c = 1 or -1; rho = exp(-``rate``), c^N = ``sign``."""
    survival = sp.exp(-rate)
    # |c| = 1 makes the double sum of c^|i-j| rho^(i+j) the square of a single one
    drift = ((1 - sign * sp.exp(-rounds * rate)) / (1 - decay * survival)) ** 2
    discounted = (1 - sp.exp(-2 * rounds * rate)) / (1 - survival**2)
    return drift / discounted


@cache
def _limit(decay: int, rho: sp.Symbol) -> sp.Expr:
    """lim D_N/S_N of ``_ratio``, even and odd N together; 1 where the innovations are orthogonal (c = 0)."""
    if decay == 0:
        return sp.Integer(1)
    rounds, rate = sp.symbols("N y", positive=True)
    sign = sp.Symbol("sign")  # c^N, whatever it is
    limit = sp.factor(sp.limit(_ratio(decay, sign, rounds, rate), rounds, sp.oo).subs(rate, -sp.log(rho)))
    if limit.free_symbols != {rho}:
        raise ArithmeticError(f"even and odd N must have one limit, but it is {limit}")
    return limit


def interference(alpha: Any, pattern: Pattern) -> sp.Expr:
    """The limit of D_N/S_N for innovations of constant norm: (1 + rho c)/(1 - rho c), rho = 1 - alpha.

    Arguments:
        alpha: the fresh fraction, in [0, 1]; at 0 the limit of "coherent" is ``oo`` and that of "alternating" is 0.
        pattern: "coherent" (c = 1, every g_i the same), "alternating" (c = -1, g_i = (-1)^i g) or "orthogonal" (c = 0).

    Raises:
        TypeError: if alpha is neither a number nor an expression.
        ValueError: if alpha lies outside [0, 1] or the pattern has another name.

    >>> interference(sp.Rational(1, 10), "coherent")
    19
    """
    value, inexact = fraction("alpha", alpha)
    if not isinstance(pattern, str) or pattern not in _DECAY:
        raise ValueError(f"pattern must be 'coherent', 'alternating' or 'orthogonal', but it is {shown(pattern)}")
    rho, share = sp.symbols("rho share")
    numerator, denominator = sp.fraction(sp.cancel(_limit(_DECAY[pattern], rho).subs(rho, 1 - share)))
    unit = denominator.subs(share, 1)  # 1 - rho c is one there
    numerator, denominator = (sp.expand(part / unit).subs(share, value) for part in (numerator, denominator))
    return sp.oo if denominator.is_zero else finish(numerator / denominator, inexact)
