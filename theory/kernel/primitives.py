"""The rules of inference: each checks its premises, and only then makes a fact.

``identity`` and ``nonnegative`` do most of the work: the first reduces a difference to the literal 0, the second checks a
certificate (a difference written as a sum of products of nonnegative things). Means are expanded by linearity, and
``induction`` is the only way to speak about every number of rounds.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from theory.claim import Claim
from theory.kernel.facts import (
    Fact,
    Hypothesis,
    Relation,
    as_relation,
    context_of,
    definite_symbols,
    establishes,
    fixed_symbols,
    genuine,
    make_fact,
    refuse_subclass,
    relation_symbols,
    same,
)
from theory.kernel.language import MAX_OPS, POW, Context, ProofError, mean, name_bound, omega, substitute
from theory.kernel.normal_form import canon, is_zero, vanishes
from theory.kernel.signs import check_defined, in_domain, is_number, nonneg, number_sign

__all__ = [
    "antisymmetry",
    "apply_rule",
    "assume",
    "average",
    "below_max",
    "chain",
    "compare",
    "expectation",
    "has_nonnegative_remainder",
    "identity",
    "induction",
    "instance",
    "linear_mean",
    "max_below",
    "mean_square",
    "nonnegative",
    "reverse",
    "rewrite",
    "root",
]


def assume(claim: Claim, name: str, **instance: sp.Expr) -> Fact:
    """Instance of the assumption ``name`` of ``claim``; keywords give values to the symbols it is stated for."""
    refuse_subclass(claim)
    try:
        assumption = claim.assumption(name)
    except KeyError as error:
        raise ProofError(str(error.args[0])) from None
    if assumption.formula is None:
        raise ProofError(f"assumption {name!r} is stated in words only and cannot be instantiated")
    relation = as_relation(assumption.formula)
    over = assumption.over or ()
    mapping = _mapping(instance, frozenset(over), (), f"assumption {name!r}")
    hypothesis = Hypothesis(name, assumption, relation_symbols(relation) - set(over) - {omega})
    return make_fact(
        _replace(relation, mapping), (), assumption.text, kind="assumed", reference=name, extra=frozenset({hypothesis})
    )


def _mapping(at: dict[str, Any], free: frozenset[sp.Symbol], context: Context, owner: str) -> dict[sp.Basic, sp.Basic]:
    """Keywords -> substitution, each value proved to lie in the domain of its symbol."""
    mapping: dict[sp.Basic, sp.Basic] = {}
    for name, value in at.items():
        found = [s for s in free if s.name == name]
        if len(found) != 1:
            raise ProofError(f"{owner}: no free symbol {name!r} to specialise")
        value = sp.sympify(value)
        if found[0] == omega or value.has(omega):
            raise ProofError(f"{owner}: the sample point cannot be specialised")
        if not in_domain(value, found[0], context):
            raise ProofError(f"{owner}: {value} is not proved to lie in the domain of {name}")
        mapping[found[0]] = value
    return mapping


def _replace(relation: Relation, mapping: dict[sp.Basic, sp.Basic]) -> Relation:
    if not mapping:
        return relation
    return Relation(substitute(relation.lhs, mapping), relation.op, substitute(relation.rhs, mapping))


def instance(fact: Fact, domain: tuple[Fact, ...] = (), text: str = "", **at: Any) -> Fact:
    """The fact at other values of its free symbols; one that a hypothesis or a theorem speaks about is not free."""
    free = relation_symbols(genuine(fact).relation) - fixed_symbols(fact)
    mapping = _mapping(at, free, context_of(domain), "instance")
    return make_fact(_replace(fact.relation, mapping), (fact, *domain), text or f"special case of: {fact.text}")


def apply_rule(expr: sp.Expr, rule: Fact) -> sp.Expr:
    """Use an equation as a rewriting rule, left to right, everywhere in ``expr`` (capture-free)."""
    if genuine(rule).op != "==":
        raise ProofError(f"a rewriting rule must be an equation, got {rule}")
    expr, left = substitute(expr, {}), rule.lhs
    arguments = left.indices if isinstance(left, sp.Indexed) else left.args if isinstance(left, AppliedUndef) else ()
    general = (
        bool(arguments)
        and getattr(left, "func", None) != mean
        and all(isinstance(a, sp.Symbol) for a in arguments)
        and len(set(arguments)) == len(arguments)
        and not set(arguments) & fixed_symbols(rule)
    )
    if not general:
        return name_bound(expr).xreplace({name_bound(left): substitute(rule.rhs, {})})
    mapping = {}
    for atom in expr.atoms(type(left)):
        values = atom.indices if isinstance(atom, sp.Indexed) else atom.args
        same_head = atom.base == left.base if isinstance(atom, sp.Indexed) else atom.func == left.func
        if not same_head or len(values) != len(arguments):
            continue
        pairs = dict(zip(arguments, values, strict=True))
        if all(value == symbol or (symbol != omega and in_domain(value, symbol)) for symbol, value in pairs.items()):
            mapping[atom] = substitute(rule.rhs, pairs)
    return expr.xreplace(mapping)


def identity(lhs: Any, rhs: Any, *rules: Fact, unroll_at: Any = None, domain: tuple[Fact, ...] = (), text: str = "") -> Fact:
    """lhs = rhs, because their difference reduces to the literal 0.

    ``rules``: equations used in the given order as rewriting rules. ``unroll_at=n``: split the terms n, n+1, ... off every sum
    and product that reaches them. ``domain``: inequalities that decide the sign of denominators, logarithms and roots.
    """
    relation = Relation(sp.sympify(lhs), "==", sp.sympify(rhs))
    context = context_of(domain)
    difference = _checked(relation, context)
    for rule in rules:
        difference = apply_rule(difference, rule)
    check_defined(difference, context)
    if not vanishes(difference, context, None if unroll_at is None else sp.sympify(unroll_at)):
        raise ProofError(f"identity refused: {relation.lhs} - ({relation.rhs}) does not reduce to 0")
    return make_fact(relation, (*rules, *domain), text or "algebraic identity")


def _checked(relation: Relation, context: Context) -> sp.Expr:
    """rhs - lhs after both sides were found to be defined."""
    if sp.count_ops(relation.lhs) + sp.count_ops(relation.rhs) > MAX_OPS:
        raise ProofError(f"the relation has more than {MAX_OPS} operations: not proved")
    check_defined(relation.lhs, context)
    check_defined(relation.rhs, context)
    return relation.rhs - relation.lhs


def rewrite(fact: Fact, *rules: Fact, domain: tuple[Fact, ...] = (), text: str = "") -> Fact:
    """The fact with equations used as rewriting rules on both sides, left to right, in the given order."""
    lhs, op, rhs = genuine(fact).relation
    for rule in rules:
        lhs, rhs = apply_rule(lhs, rule), apply_rule(rhs, rule)
    return make_fact(Relation(lhs, op, rhs), (fact, *rules, *domain), text or f"rewritten: {fact.text}")


def reverse(fact: Fact) -> Fact:
    """An equation read right to left."""
    if genuine(fact).op != "==":
        raise ProofError(f"only an equation can be reversed, got {fact}")
    return make_fact(Relation(fact.rhs, "==", fact.lhs), (fact,), fact.text)


def chain(*facts: Fact, text: str = "") -> Fact:
    """From a = b, b = c, ...: the first left side equals the last right side."""
    for fact, following in itertools.pairwise(facts):
        if not same(genuine(fact).rhs, genuine(following).lhs):
            raise ProofError(f"chain: {fact} does not end where {following} begins")
    if not facts or any(genuine(fact).op != "==" for fact in facts):
        raise ProofError("chain takes equations")
    return make_fact(Relation(facts[0].lhs, "==", facts[-1].rhs), facts, text or "a chain of equations")


def antisymmetry(below: Fact, above: Fact, text: str = "") -> Fact:
    """From a <= b and b <= a: a = b."""
    if "==" in (genuine(below).op, genuine(above).op) or not (same(below.lhs, above.rhs) and same(below.rhs, above.lhs)):
        raise ProofError(f"{below} and {above} are not two opposite inequalities")
    return make_fact(Relation(below.lhs, "==", below.rhs), (below, above), text or "two opposite inequalities")


def nonnegative(
    goal: Any, *hints: Any, strict: bool = False, domain: tuple[Fact, ...] = (), unroll_at: Any = None, text: str = ""
) -> Fact:
    """An inequality by a certificate: rhs - lhs = sum of the hints + a remainder with nonnegative coefficients.

    ``goal``: a relation, or an expression (read: 0 <= expression). Each hint is a nonnegative thing or a tuple of them, to be
    multiplied: a Fact a <= b (contributes b - a), an expression with a visible nonnegative sign (a square, for example). An
    equation a == b contributes (a - b) times the rest of its tuple, which may then have any sign. Inequalities among the hints
    also decide signs. ``strict``: prove < instead of <=.
    """
    if isinstance(goal, sp.Expr):
        goal = Relation(sp.Integer(0), "<" if strict else "<=", goal)
    relation = as_relation(goal)
    if relation.op == "==":
        raise ProofError("nonnegative proves inequalities; an equation needs identity")
    strict = relation.op == "<"
    groups = [hint if isinstance(hint, tuple) else (hint,) for hint in hints]
    facts = tuple(dict.fromkeys(f for group in groups for f in group if isinstance(f, Fact)))
    inequalities = tuple(f for f in facts if genuine(f).op != "==")
    context = context_of((*domain, *inequalities))
    residual = _checked(relation, context)
    positive = False
    for group in groups:
        product, equation, every_strict = sp.Integer(1), False, True
        for factor in group:
            if isinstance(factor, Fact) and factor.op == "==":
                equation = True
                product *= factor.lhs - factor.rhs
        for factor in group:
            if isinstance(factor, Fact):
                if factor.op != "==":
                    product *= factor.rhs - factor.lhs
                    every_strict = every_strict and factor.op == "<"
                continue
            expression = sp.sympify(factor)
            check_defined(expression, context)
            if not equation and not nonneg(expression, context):
                raise ProofError(f"the multiplier {expression} has no proved nonnegative sign")
            every_strict = every_strict and nonneg(expression, context, strict=True)
            product *= expression
        positive = positive or (every_strict and not equation)
        residual -= product
    if not has_nonnegative_remainder(
        residual, context, strict and not positive, None if unroll_at is None else sp.sympify(unroll_at)
    ):
        raise ProofError(f"inequality refused: {relation.lhs} {relation.op} {relation.rhs} has no such certificate")
    return make_fact(relation, (*facts, *domain), text or "certificate of nonnegativity")


def has_nonnegative_remainder(residual: sp.Expr, context: Context, strict: bool, peel: sp.Expr | None) -> bool:
    canonical = canon(residual, context, peel)
    if is_zero(canonical):
        return not strict
    plain = canonical.replace(POW, lambda base, exponent: base**exponent)
    if nonneg(plain, context, strict=strict):
        return True
    numerator, denominator = sp.fraction(sp.together(plain))
    if nonneg(-denominator, context, strict=True):
        numerator, denominator = -numerator, -denominator
    return nonneg(denominator, context, strict=True) and nonneg(sp.expand(numerator), context, strict=strict)


def expectation(expr: Any, text: str = "") -> Fact:
    """mean(expr) = its expansion by linearity, finite sums included; mean(1) = 1."""
    expr = sp.sympify(expr)
    check_defined(expr)
    return make_fact(Relation(mean(expr), "==", linear_mean(expr)), (), text or "linearity of the mean")


def mean_square(u: Any, text: str = "") -> Fact:
    """0 <= mean(u**2), expanded by linearity."""
    u = sp.sympify(u)
    check_defined(u)
    return make_fact(Relation(sp.Integer(0), "<=", linear_mean(u**2)), (), text or "a square has a nonnegative mean")


def average(fact: Fact, text: str = "") -> Fact:
    """From a relation that holds at every sample point: the relation between the means, expanded by linearity."""
    lhs, op, rhs = genuine(fact).relation
    if op == "<":
        op = "<="  # kept simple: strictness is not needed after averaging
    return make_fact(
        Relation(linear_mean(lhs), op, linear_mean(rhs)), (fact,), text or "averaging a relation that holds pointwise"
    )


def _random(expr: sp.Basic) -> bool:
    """True when the sample point occurs outside every mean."""
    return expr == omega or (expr.func != mean and any(_random(arg) for arg in expr.args))


def _mean_of(monomial: sp.Expr) -> sp.Expr:
    """mean(monomial) with the factors that are not random in front; mean(1) = 1."""
    random = sp.Mul(*[factor for factor in sp.Mul.make_args(monomial) if _random(factor)])
    constant = sp.Mul(*[factor for factor in sp.Mul.make_args(monomial) if not _random(factor)])
    return constant * mean(random) if random != 1 else constant


def _fixed_sum(expr: sp.Expr) -> bool:
    """True for a sum whose range is not random: the mean goes inside."""
    return isinstance(expr, sp.Sum) and not any(_random(bound) for limit in expr.limits for bound in limit[1:])


def linear_mean(expr: sp.Expr) -> sp.Expr:
    """Linearity: sum of coefficient * mean(monomial in random variables)."""
    total = sp.Integer(0)
    for term in sp.Add.make_args(sp.expand(substitute(expr, {}))):
        outside, inside = sp.Integer(1), sp.Integer(1)
        limits: list[tuple[Any, ...]] = []
        for factor in sp.Mul.make_args(term):
            base, exponent = factor.as_base_exp()
            if not _random(factor):
                outside *= factor
            elif _fixed_sum(base) and isinstance(exponent, sp.Integer) and exponent > 0:
                for _ in range(int(exponent)):
                    copy = substitute(base, {})  # fresh bound variables for each copy
                    inside *= copy.function
                    limits.extend(tuple(limit) for limit in copy.limits)
            else:
                inside *= factor
        value = sp.Add(*[_mean_of(piece) for piece in sp.Add.make_args(sp.expand(inside))]) if limits else _mean_of(inside)
        total += outside * (sp.Sum(value, *limits) if limits else value)
    return total


def root(fact: Fact, x: Any, y: Any, domain: tuple[Fact, ...] = (), text: str = "") -> Fact:
    """From x**2 <= y**2 with y >= 0: x <= y."""
    x, y = sp.sympify(x), sp.sympify(y)
    context = context_of(domain)
    check_defined(x, context)
    check_defined(y, context)
    if genuine(fact).op == "==" or not vanishes(x**2 - fact.lhs, context) or not vanishes(y**2 - fact.rhs, context):
        raise ProofError(f"root refused: {fact} does not read ({x})**2 <= ({y})**2")
    if not nonneg(y, context):
        raise ProofError(f"root refused: {y} has no proved nonnegative sign")
    return make_fact(Relation(x, fact.op, y), (fact, *domain), text or "the square root is increasing")


def below_max(part: Any, maximum: Any, text: str = "") -> Fact:
    """a <= max(a, b, ...)."""
    part, maximum = sp.sympify(part), sp.sympify(maximum)
    check_defined(maximum)
    if part != maximum and not (isinstance(maximum, sp.Max) and part in maximum.args):
        raise ProofError(f"{part} is not one of the arguments of {maximum}")
    return make_fact(Relation(part, "<=", maximum), (), text or "one of the arguments of a maximum")


def max_below(maximum: Any, *facts: Fact, text: str = "") -> Fact:
    """max(a, b, ...) <= c from a <= c, b <= c, ..."""
    maximum = sp.sympify(maximum)
    if not isinstance(maximum, sp.Max) or not facts:
        raise ProofError(f"{maximum} is not a maximum")
    bound = genuine(facts[0]).rhs
    for argument in maximum.args:
        if not any(genuine(f).op != "==" and same(f.lhs, argument) and same(f.rhs, bound) for f in facts):
            raise ProofError(f"no fact bounds {argument} by {bound}")
    return make_fact(Relation(maximum, "<=", bound), facts, text or "every argument of the maximum is below")


def compare(a: Any, b: Any, text: str = "") -> Fact:
    """a < b between explicit numbers, decided in interval arithmetic with outward rounding."""
    a, b = sp.sympify(a), sp.sympify(b)
    check_defined(a)
    check_defined(b)
    if not (is_number(a) and is_number(b)):
        raise ProofError("compare takes explicit numbers")
    if number_sign(b - a) != 1:
        raise ProofError(f"compare refused: {a} < {b} is not established")
    return make_fact(Relation(a, "<", b), (), text or "interval arithmetic")


def induction(
    statement: Any,
    n: sp.Symbol,
    base: Fact,
    step: Callable[[Fact, sp.Symbol], Fact],
    *,
    start: int = 0,
    over: tuple[sp.Symbol, ...] = (),
    text: str = "",
) -> Fact:
    """P(n) for every n >= start, from Fact(P(start)) and ``step(Fact(P(m)), m) -> Fact(P(m + 1))`` with m symbolic.

    ``over``: further symbols for all of whose values P is claimed; the step may specialise them in its hypothesis. The
    hypothesis is marked by a fresh token which only this call can discharge.
    """
    template = as_relation(statement)
    if type(start) is not int or start < 0:
        raise ProofError(f"induction starts at 0, 1, 2, ..., not at {start!r}")
    if not n.is_integer or not nonneg(n - start):
        raise ProofError(f"induction: {n} must be an integer that is at least {start}")
    if n in over or omega in over:
        raise ProofError("induction: over must not contain the induction variable or the sample point")
    m = sp.Dummy(n.name, integer=True, positive=True) if start > 0 else sp.Dummy(n.name, integer=True, nonnegative=True)
    here, after = _replace(template, {n: m}), _replace(template, {n: m + 1})
    if not establishes(genuine(base), _replace(template, {n: sp.Integer(start)})):
        raise ProofError(f"induction: the base {base} is not the statement at {n} = {start}")
    fixed = (relation_symbols(here) | {m}) - set(over) - {omega}
    token = Hypothesis(f"induction hypothesis at {n}", None, fixed)
    hypothesis = make_fact(here, (), "induction hypothesis", kind="checked", extra=frozenset({token}))
    result = genuine(step(hypothesis, m))
    if not establishes(result, after):
        raise ProofError(f"induction: the step proves {result}, not the statement at {n} + 1")
    others = (result.hypotheses | base.hypotheses) - {token}
    if set(over) & definite_symbols(result, base).union(*[h.fixed for h in others]):
        raise ProofError("induction: a hypothesis of the step speaks about a symbol in over")
    return make_fact(template, (base, result), text or f"induction on {n}", drop=token)
