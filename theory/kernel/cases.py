"""Exact cases: values for all symbols at which assumptions and statements are decided, without any proof.

A finite case gives numbers and nested tuples (``case[omega]`` equally likely sample points, ``case[N]`` rounds); a case may
also give whole sequences as a sympy ``Lambda``. Witnesses and the instances that falsify mutants are such cases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from theory import symbols
from theory.claim import Assumption, Case, Claim, conjuncts
from theory.kernel.facts import Relation, as_relation, relation_symbols, symbols_in
from theory.kernel.language import ProofError, mean, omega
from theory.kernel.normal_form import vanishes
from theory.kernel.primitives import has_nonnegative_remainder
from theory.kernel.signs import check_defined, number_sign

__all__ = ["evaluate", "falsifying", "holds", "refuse_contradiction", "refuse_false_at_witness"]


def refuse_contradiction(claim: Claim) -> None:
    """Refuse assumptions that are not seen to hold together at the witness of the claim."""
    formulas = [a for a in claim.assumptions if a.formula is not None]
    if not formulas:
        return
    if claim.witness is None:
        raise ProofError(f"claim {claim.id} needs a witness: exact values at which all its assumptions hold")
    _in_domains(claim.witness)
    for assumption in formulas:
        if not holds(assumption, claim.witness):
            raise ProofError(f"assumption {assumption.name!r} does not hold at the witness of claim {claim.id}")


def _in_domains(case: Case) -> None:
    """Refuse a case that gives a symbol, a sequence or a function a value outside its declared domain."""

    def check(key: Any, quantity: sp.Expr, value: Any) -> None:
        if isinstance(value, (tuple, list)):
            for entry in value:
                check(key, quantity, entry)
            return
        number = sp.sympify(value)
        if isinstance(number, sp.Lambda):
            return
        sign = number_sign(number)
        bad = (
            sign is None
            or (quantity.is_positive and sign <= 0)
            or (quantity.is_nonnegative and sign < 0)
            or (quantity.is_negative and sign >= 0)
            or (quantity.is_nonpositive and sign > 0)
            or (quantity.is_nonzero and sign == 0)
            or (quantity.is_integer and not number.is_integer)
        )
        if bad:
            raise ProofError(f"the case gives {key} the value {number}, outside its declared domain")

    for key, value in case.items():
        quantity = key if isinstance(key, sp.Symbol) else key[0] if isinstance(key, sp.IndexedBase) else key(omega)
        check(key, quantity, value)


def refuse_false_at_witness(claim: Claim) -> None:
    """Refuse a statement that fails at the witness: assumptions over all indices may contradict each other beyond the case."""
    if claim.witness is None or claim.statement.has(sp.Limit) or any(isinstance(v, sp.Lambda) for v in claim.witness.values()):
        return
    try:
        relation = falsifying(claim, claim.witness)
    except ProofError:
        return
    raise ProofError(f"claim {claim.id}: {relation.lhs} {relation.op} {relation.rhs} fails at the witness")


def holds(assumption: Assumption, case: Case) -> bool:
    """True when the formula of an assumption holds at an exact case, for every index it is stated for."""
    if assumption.formula is None:
        return True
    relations = [as_relation(part) for part in conjuncts(assumption.formula)]
    bare = [
        r
        for r in relations
        if not (r.lhs - r.rhs).has(sp.Indexed, AppliedUndef) and set(assumption.over or ()) & relation_symbols(r)
    ]
    if any(not _holds_everywhere(relation, case, assumption.over or ()) for relation in bare):
        return False  # a condition on the index alone must hold for every index, not only for those of the case
    if any(isinstance(value, sp.Lambda) for value in case.values()):
        return all(_holds_everywhere(relation, case, assumption.over or ()) for relation in relations)
    results = [_at(relation, case, point) for relation in relations for point in _points(assumption.over or (), case)]
    decided = [result for result in results if result is not None]
    return bool(decided) and all(decided)


def falsifying(claim: Claim, case: Case) -> Relation:
    """The conjunct of the statement that fails at ``case``; ProofError unless one does and every assumption holds."""
    _in_domains(case)
    for assumption in claim.assumptions:
        if not holds(assumption, case):
            raise ProofError(f"assumption {assumption.name!r} of claim {claim.id} does not hold at the case")
    free = frozenset().union(*[symbols_in(part) for part in conjuncts(claim.statement)])
    indices = tuple(s for s in (symbols.i, symbols.j, symbols.k) if s in free and s not in case)
    for part in conjuncts(claim.statement):
        relation = as_relation(part)
        for point in _points(indices, case):
            if _at(relation, case, point) is False:
                return relation
    raise ProofError(f"the statement of claim {claim.id} does not fail at the case")


def _points(over: tuple[sp.Symbol, ...], case: Case) -> Iterator[dict[sp.Basic, Any]]:
    """Every value of the index symbols in a case with N rounds: i, j < N; k and N itself from 1 to N."""
    free = [symbol for symbol in over if symbol != omega]
    if not free:
        yield {}
        return
    first, rest = free[0], tuple(free[1:])
    rounds = int(case.get(symbols.N, 1))
    for value in range(1, rounds + 1) if first.is_positive else range(rounds):
        for point in _points(rest, case):
            yield {first: sp.Integer(value), **point}


def _at(relation: Relation, case: Case, point: Case) -> bool | None:
    """Truth of a relation at exact values; None when the case is too short for these indices."""
    points = int(case[omega]) if omega in case and (relation.lhs.has(omega) or relation.rhs.has(omega)) else 1
    for sample in range(points):
        environment = {**case, **point, omega: sample}
        try:
            difference = evaluate(relation.rhs, environment, case) - evaluate(relation.lhs, environment, case)
        except IndexError:
            return None
        sign = number_sign(sp.sympify(difference))
        if sign is None:
            raise ProofError(f"the sign of {difference} is undecided")
        if not {"<=": sign >= 0, "<": sign > 0, "==": sign == 0}[relation.op]:
            return False
    return True


def evaluate(expr: sp.Expr, values: Case, case: Case) -> sp.Expr:
    """Exact value of an expression at a finite case; IndexError where an index leaves the case."""
    if isinstance(expr, (sp.Rational, sp.NumberSymbol)):
        return expr
    if isinstance(expr, sp.Symbol):
        if expr not in values:
            raise ProofError(f"the case gives no value to {expr}")
        return sp.sympify(values[expr])
    if isinstance(expr, sp.Indexed):
        return _entry(expr.base, [evaluate(index, values, case) for index in expr.indices], case)
    if isinstance(expr, AppliedUndef):
        if expr.func == mean:
            count = int(case[omega])
            return sum((evaluate(expr.args[0], {**values, omega: s}, case) for s in range(count)), sp.Integer(0)) / count
        return _entry(expr.func, [evaluate(arg, values, case) for arg in expr.args], case)
    if isinstance(expr, (sp.Sum, sp.Product)):
        *inner, (variable, low, high) = expr.limits
        body = expr.func(expr.function, *inner) if inner else expr.function
        total = sp.Integer(0) if isinstance(expr, sp.Sum) else sp.Integer(1)
        for index in range(int(evaluate(low, values, case)), int(evaluate(high, values, case)) + 1):
            term = evaluate(body, {**values, variable: sp.Integer(index)}, case)
            total = total + term if isinstance(expr, sp.Sum) else total * term
        return total
    if isinstance(expr, (sp.Max, sp.Min)):
        best, *others = [evaluate(arg, values, case) for arg in expr.args]
        for other in others:
            sign = number_sign(other - best)
            if sign is None:
                raise ProofError(f"the order of {other} and {best} is undecided")
            best = other if sign == (1 if isinstance(expr, sp.Max) else -1) else best
        return best
    if not expr.args:
        raise ProofError(f"{expr} has no exact value")
    return expr.func(*[evaluate(arg, values, case) for arg in expr.args])


def _entry(key: Any, indices: list[sp.Expr], case: Case) -> sp.Expr:
    if key not in case:
        raise ProofError(f"the case gives no value to {key}")
    value = case[key]
    for index in indices:
        if not sp.sympify(index).is_integer:
            raise ProofError(f"{key} has no entry {index}: an index is an integer")
        if int(index) < 0 or int(index) >= len(value):
            raise IndexError(f"{key} has no entry {index}")
        value = value[int(index)]
    return sp.sympify(value)


def _holds_everywhere(relation: Relation, case: Case, over: tuple[sp.Symbol, ...]) -> bool:
    """Truth of a relation for all indices when the case gives whole sequences (sympy Lambda)."""

    def plug(expr: sp.Basic) -> sp.Basic:
        if isinstance(expr, sp.Symbol):
            return expr if expr in over or expr not in case else sp.sympify(case[expr])
        if isinstance(expr, sp.Indexed) and expr.base in case:
            return case[expr.base](*[plug(index) for index in expr.indices])
        if isinstance(expr, AppliedUndef):
            if expr.func == mean:
                inner = plug(expr.args[0])
                return inner if not inner.has(omega) else mean(inner)
            return case[expr.func](*[plug(arg) for arg in expr.args]) if expr.func in case else expr
        if isinstance(expr, (sp.Sum, sp.Product)):
            bound = {limit[0] for limit in expr.limits}
            inside = {key: value for key, value in case.items() if key not in bound}
            if len(inside) != len(case):
                raise ProofError("the witness gives a value to a bound variable")
            return expr.func(plug(expr.function), *[(v, plug(a), plug(b)) for v, a, b in expr.limits])
        return expr.func(*[plug(arg) for arg in expr.args]) if expr.args else expr

    difference = sp.sympify(plug(relation.rhs) - plug(relation.lhs))
    try:
        check_defined(difference)
        if relation.op == "==":
            return vanishes(difference)
        return has_nonnegative_remainder(difference, (), relation.op == "<", None)
    except ProofError:
        return False
