"""The language of the kernel: its two special names, its error, what an expression may contain, and safe substitution."""

from __future__ import annotations

from typing import Final

import sympy as sp

__all__ = [
    "LANGUAGE",
    "MAX_EXPLICIT",
    "MAX_OPS",
    "POW",
    "SMOOTH",
    "Context",
    "ProofError",
    "fresh",
    "mean",
    "name_bound",
    "omega",
    "substitute",
]

Context = tuple[tuple[sp.Expr, bool], ...]
"""Pairs (expression, strict): what is known to be >= 0, or > 0 when strict."""

MAX_OPS: Final = 20_000  # larger expressions are "not proved" instead of hours of expansion
MAX_EXPLICIT: Final = 60  # a sum with at most this many explicit terms is written out
POW: Final = sp.Function("_pow")  # POW(b, m) stands for b**m with a symbolic exponent m
SMOOTH: Final = (sp.exp, sp.log, sp.sin, sp.cos, sp.tanh, sp.cosh, sp.sinh, sp.erf, sp.atan, sp.asinh)
LANGUAGE: Final = {
    sp.Symbol,
    sp.Dummy,
    sp.Indexed,
    sp.Add,
    sp.Mul,
    sp.Pow,
    sp.Abs,
    sp.Max,
    sp.Min,
    sp.Sum,
    sp.Product,
    *SMOOTH,
}
omega = sp.Symbol("omega", real=True)  # the sample point; an expression that contains it is a random variable
mean = sp.Function("mean", real=True)  # expectation over omega under the reference law


class ProofError(Exception):
    """A step was refused; the message says which and why."""


def fresh(symbol: sp.Symbol) -> sp.Dummy:
    """A new symbol with the declared domain of ``symbol``."""
    return sp.Dummy(symbol.name, **symbol._assumptions_orig)


def rename_bound(expr: sp.Basic) -> sp.Basic:
    """Give every bound variable a fresh name, so that later substitutions cannot be captured."""
    if not expr.args or not expr.has(sp.Sum, sp.Product, sp.Integral, sp.Limit):
        return expr
    args = [rename_bound(arg) for arg in expr.args]
    if isinstance(expr, (sp.Sum, sp.Product, sp.Integral)):
        function, limits = args[0], [tuple(limit) for limit in args[1:]]
        for position, (variable, *bounds) in enumerate(limits):
            new = {variable: fresh(variable)}
            function = function.xreplace(new)
            # the first limit is innermost: its bounds may mention the later (outer) variables, never the reverse
            for inner in range(position):
                limits[inner] = (limits[inner][0], *(bound.xreplace(new) for bound in limits[inner][1:]))
            limits[position] = (new[variable], *bounds)
        return expr.func(function, *limits)
    if isinstance(expr, sp.Limit):
        body, variable, point, side = args
        new = {variable: fresh(variable)}
        return sp.Limit(body.xreplace(new), new[variable], point, str(side))
    return expr.func(*args)


def name_bound(expr: sp.Basic) -> sp.Basic:
    """Name bound variables by their depth, so that expressions which differ in bound names only become identical."""
    if not expr.args or not expr.has(sp.Sum, sp.Product, sp.Integral, sp.Limit):
        return expr
    args = [name_bound(arg) for arg in expr.args]
    if isinstance(expr, sp.Limit):
        body, variable, point, side = args
        name = sp.Symbol(f"@{_binders(body)}", **variable._assumptions_orig)
        return sp.Limit(body.xreplace({variable: name}), name, point, str(side))
    if isinstance(expr, (sp.Sum, sp.Product, sp.Integral)):
        body, limits = args[0], args[1:]
        base = _binders(body)
        names = {limit[0]: sp.Symbol(f"@{base + d}", **limit[0]._assumptions_orig) for d, limit in enumerate(limits)}
        renamed = []
        for d, (variable, *bounds) in enumerate(limits):  # bounds may mention the later (outer) variables only
            outer = {limit[0]: names[limit[0]] for limit in limits[d + 1 :]}
            renamed.append((names[variable], *[bound.xreplace(outer) for bound in bounds]))
        return expr.func(body.xreplace(names), *renamed)
    return expr.func(*args)


def _binders(expr: sp.Basic) -> int:
    """One more than the largest depth number of a bound variable inside ``expr``."""
    depths = [-1]
    for node in expr.atoms(sp.Sum, sp.Product, sp.Integral):
        depths += [int(limit[0].name[1:]) for limit in node.limits if limit[0].name.startswith("@")]
    depths += [int(node.args[1].name[1:]) for node in expr.atoms(sp.Limit) if node.args[1].name.startswith("@")]
    return 1 + max(depths)


def substitute(expr: sp.Basic, mapping: dict[sp.Basic, sp.Basic]) -> sp.Basic:
    """Simultaneous, capture-free substitution."""
    return rename_bound(expr).xreplace(mapping)
