"""Limits and integrals: continuity, geometric decay, l'Hopital, and antiderivatives that are differentiated back."""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from theory.kernel.facts import Fact, Relation, context_of, fixed_symbols, genuine, make_fact, same, symbols_in
from theory.kernel.language import POW, SMOOTH, Context, ProofError, omega, substitute
from theory.kernel.normal_form import canon, vanishes
from theory.kernel.primitives import apply_rule
from theory.kernel.signs import check_defined, in_domain, nonneg, nonzero

__all__ = ["integral", "limit", "squeeze"]


def limit(
    expr: Any,
    var: sp.Symbol,
    point: Any,
    value: Any,
    *rules: Fact,
    domain: tuple[Fact, ...] = (),
    known: tuple[Fact, ...] = (),
    text: str = "",
) -> Fact:
    """lim expr = value as ``var`` tends to ``point`` inside its declared domain.

    Known limits: continuity; r**n -> 0 for a proved |r| < 1; 1/n -> 0; exp(-n) -> 0; l'Hopital for 0/0 at a finite point.
    ``rules``: equations (closed forms, for every value of the variable) used first as rewriting rules, left to right.
    ``known``: limits at the same point that were proved before; a limit of sums and products of convergent parts follows.
    """
    expr, point, value = sp.sympify(expr), sp.sympify(point), sp.sympify(value)
    context = context_of(domain)
    if {var, omega} & (symbols_in(value) | symbols_in(point)):
        raise ProofError("limit: the value and the point must not depend on the variable")
    everywhere, context = context, tuple(pair for pair in context if var not in symbols_in(pair[0]))
    if var in fixed_symbols(*rules, *domain, *known):
        raise ProofError(f"limit: a hypothesis speaks about {var}")
    check_defined(value, context)
    original = expr
    for rule in rules:
        expr = apply_rule(expr, rule)
    check_defined(expr, everywhere)
    if known and point is not sp.oo:
        raise ProofError("limit: known limits are used at infinity only")
    if point is sp.oo:
        canonical, values = canon(expr, everywhere), {}
        for fact in known:
            if genuine(fact).op != "==" or not isinstance(fact.lhs, sp.Limit) or fact.lhs.args[1:3] != (var, point):
                raise ProofError(f"limit: {fact} is not a limit as {var} tends to {point}")
            constant = sp.Dummy("limit", real=True)
            values[constant] = fact.rhs
            canonical = canonical.xreplace({canon(fact.lhs.args[0], everywhere): constant})
        found, side = substitute(_limit_at_infinity(canonical, var, context), values), "-"
        if not var.is_nonnegative:
            raise ProofError(f"limit: {var} must be declared nonnegative to tend to infinity")
    elif point.is_finite and not var.is_integer:
        if not in_domain(point, sp.Dummy("p", real=True)) or (
            (var.is_nonnegative and not nonneg(point, context)) or (var.is_nonpositive and not nonneg(-point, context))
        ):
            raise ProofError(f"limit: {point} is not in the closed domain of {var}")
        found = _limit_at_point(expr, var, point, context, 4)
        side = "+" if var.is_nonnegative and point == 0 else "+-"
    else:
        raise ProofError(f"limit: {var} cannot tend to {point}")
    if not vanishes(found - value, context):
        raise ProofError(f"limit refused: {expr} tends to {found}, not to {value}")
    relation = Relation(sp.Limit(original, var, point, side), "==", value)
    return make_fact(relation, (*rules, *domain, *known), text or f"limit as {var} tends to {point}")


def squeeze(low: Fact, high: Fact, low_limit: Fact, high_limit: Fact, text: str = "") -> Fact:
    """From a <= x <= b for every n, lim a = v and lim b = v: lim x = v."""
    for fact in (low, high, low_limit, high_limit):
        genuine(fact)
    if not (isinstance(low_limit.lhs, sp.Limit) and isinstance(high_limit.lhs, sp.Limit)) or "==" in (low.op, high.op):
        raise ProofError("squeeze takes two inequalities and two limits")
    below, var, point, side = low_limit.lhs.args
    if high_limit.lhs.args[1:] != low_limit.lhs.args[1:] or not same(low_limit.rhs, high_limit.rhs):
        raise ProofError("squeeze: the two limits differ")
    if var in fixed_symbols(low, high):
        raise ProofError(f"squeeze: a hypothesis speaks about {var}")
    if not (same(low.lhs, below) and same(high.rhs, high_limit.lhs.args[0]) and same(low.rhs, high.lhs)):
        raise ProofError("squeeze: the inequalities do not enclose one expression between the two that converge")
    relation = Relation(sp.Limit(low.rhs, var, point, str(side)), "==", low_limit.rhs)
    return make_fact(relation, (low, high, low_limit, high_limit), text or "squeezed between two sequences with the same limit")


def _limit_at_point(expr: sp.Expr, var: sp.Symbol, point: sp.Expr, context: Context, depth: int) -> sp.Expr:
    smooth = (sp.Add, sp.Mul, sp.Pow, *SMOOTH)
    for part in sp.preorder_traversal(expr):
        if part.has(var) and part != var and not isinstance(part, smooth):
            raise ProofError(f"limit: {part} is not known to be smooth in {var}")
    at = substitute(expr, {var: point})
    try:
        _defined_near(expr, var, point, context)
        return at
    except ProofError:
        numerator, denominator = sp.fraction(sp.together(expr))
    if depth == 0 or not denominator.has(var):
        raise ProofError(f"limit: {expr} is not continuous at {point}")
    for part in (numerator, denominator):
        _defined_near(part, var, point, context)
    if not vanishes(substitute(denominator, {var: point}), context):
        raise ProofError(f"limit: the denominator {denominator} has no proved sign at {point}")
    if not vanishes(substitute(numerator, {var: point}), context):
        raise ProofError(f"limit: {expr} is unbounded near {point}")
    ratio = sp.cancel(sp.diff(numerator, var) / sp.diff(denominator, var))
    return _limit_at_point(ratio, var, point, context, depth - 1)


def _defined_near(expr: sp.Expr, var: sp.Symbol, point: sp.Expr, context: Context) -> None:
    """Every denominator, logarithm and root has a strict sign at the point itself, so the expression is smooth around it."""
    check_defined(substitute(expr, {var: point}), context)
    for part in sp.preorder_traversal(expr):
        if isinstance(part, sp.Pow) and part.has(var):
            base = substitute(part.base, {var: point})
            if isinstance(part.exp, sp.Integer):
                if part.exp < 0 and not nonzero(base, context):
                    raise ProofError(f"limit: the denominator {part.base} has no proved sign at {point}")
            elif not nonneg(base, context, strict=True):
                raise ProofError(f"limit: {part.base} has no proved positive sign at {point}")
        if (
            isinstance(part, sp.log)
            and part.has(var)
            and not nonneg(substitute(part.args[0], {var: point}), context, strict=True)
        ):
            raise ProofError(f"limit: {part.args[0]} has no proved positive sign at {point}")


def _limit_at_infinity(expr: sp.Expr, var: sp.Symbol, context: Context) -> sp.Expr:
    if not expr.has(var):
        return expr
    if isinstance(expr, sp.Add) and expr.has(POW):
        return expr.func(*[_limit_at_infinity(arg, var, context) for arg in expr.args])
    if expr.has(POW):
        base, others = sp.Integer(1), []  # all powers with the exponent var together, and the other factors
        for factor in sp.Mul.make_args(expr):
            inner, exponent = factor.as_base_exp()
            if inner.func == POW and inner.args[1] == var and isinstance(exponent, sp.Rational):
                base *= inner.args[0] ** exponent
            elif isinstance(factor, sp.Pow) and isinstance(exponent, sp.Integer):
                value = _limit_at_infinity(inner, var, context)
                if exponent < 0 and not nonzero(value, context):
                    raise ProofError(f"limit: the denominator {inner} tends to {value}, which has no proved sign")
                others.append(value**exponent)
            elif factor == expr:
                raise ProofError(f"limit: no rule for {expr} as {var} tends to infinity")
            else:
                others.append(_limit_at_infinity(factor, var, context))
        if base == 1:
            return sp.Mul(*others)
        if base.has(var):
            raise ProofError(f"limit: the base {base} of a power depends on {var}")
        if isinstance(base, sp.exp):
            vanishing = nonneg(-base.args[0], context, strict=True)
        else:
            check_defined(base, context)
            inner = base.base if isinstance(base, sp.Pow) and base.exp.is_positive else base
            vanishing = nonneg(1 - inner, context, strict=True) and nonneg(1 + inner, context, strict=True)
        if not vanishing:
            raise ProofError(f"limit: ({base})**{var} is not proved to vanish")
        return sp.Integer(0)
    if expr.is_rational_function(var):
        t = sp.Dummy("t", positive=True)
        return _limit_at_point(sp.cancel(sp.together(expr.subs(var, 1 / t))), t, sp.Integer(0), context, 0)
    raise ProofError(f"limit: no rule for {expr} as {var} tends to infinity")


def integral(
    f: Any,
    x: sp.Symbol,
    bounds: tuple[Any, Any],
    antiderivative: Any,
    value: Any,
    *,
    domain: tuple[Fact, ...] = (),
    text: str = "",
) -> Fact:
    """The integral of f over [lo, hi] is ``value``: the antiderivative is differentiated back and has no pole in between.

    Finite bounds with lo <= hi proved; integrand and antiderivative must be defined on the whole closed interval.
    """
    f, antiderivative, value = sp.sympify(f), sp.sympify(antiderivative), sp.sympify(value)
    low, high = (sp.sympify(bound) for bound in bounds)
    context = context_of(domain)
    for part in (low, high, value):
        check_defined(part, context)
        if x in symbols_in(part):
            raise ProofError("integral: bounds and value must not depend on the variable of integration")
    if not nonneg(high - low, context):
        raise ProofError(f"integral: {low} <= {high} is not proved")
    inside = sp.Dummy(x.name, real=True)  # a point of the interval; the declared sign of x is not used
    interval = (*context, (inside - low, False), (high - inside, False))
    if nonneg(low, context, strict=True):
        interval = (*interval, (inside, True))
    elif nonneg(low, context):
        interval = (*interval, (inside, False))
    integrand, primitive = substitute(f, {x: inside}), substitute(antiderivative, {x: inside})
    for part in (integrand, primitive):
        if part.has(sp.Abs, sp.Max, sp.Min, AppliedUndef):
            raise ProofError(f"integral: {part} is not known to be smooth")
        check_defined(part, interval)
    if not vanishes(sp.diff(primitive, inside) - integrand, interval):
        raise ProofError(f"integral refused: the derivative of {antiderivative} is not {f}")
    ends = substitute(primitive, {inside: high}) - substitute(primitive, {inside: low})
    check_defined(ends, context)
    if not vanishes(ends - value, context):
        raise ProofError(f"integral refused: the value {value} is not the difference of the antiderivative")
    return make_fact(Relation(sp.Integral(f, (x, low, high)), "==", value), domain, text or "fundamental theorem of calculus")
