"""Traces of words in noncommuting letters: matrix identities in every dimension at once, without components."""

from __future__ import annotations

from typing import Any

import sympy as sp

from theory.kernel.facts import Fact, Relation, genuine, make_fact
from theory.kernel.language import ProofError
from theory.kernel.normal_form import vanishes

__all__ = ["trace_identity"]


def trace_identity(lhs: Any, rhs: Any, *relations: Fact, text: str = "") -> Fact:
    """tr(lhs) = tr(rhs): words in noncommuting symbols modulo the equations ``relations`` (word -> shorter) and rotation."""
    lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
    difference = sp.expand(lhs - rhs)
    if difference.has(sp.Float, sp.oo, sp.nan, sp.zoo):
        raise ProofError("trace_identity takes exact expressions")
    rules = []
    for fact in relations:
        if genuine(fact).op != "==":
            raise ProofError(f"a relation between words must be an equation, got {fact}")
        rules.append((_word(fact.lhs), fact.rhs))
    total: dict[tuple[sp.Symbol, ...], sp.Expr] = {}
    for _ in range(200):
        changed = False
        collected = sp.Integer(0)
        for term in sp.Add.make_args(sp.expand(difference)):
            constant, word = _split_word(term)
            for left, right in rules:
                spot = next((s for s in range(len(word)) if word[s : s + len(left)] == left), None)
                if spot is not None and left:
                    term = constant * sp.Mul(*word[:spot]) * right * sp.Mul(*word[spot + len(left) :])
                    changed = True
                    break
            else:  # the same relations across the cut, by rotation
                for shift in range(1, len(word)):
                    turned = word[shift:] + word[:shift]
                    if any(left and turned[: len(left)] == left for left, _ in rules):
                        term, changed = constant * sp.Mul(*turned), True
                        break
            collected += term
        difference = sp.expand(collected)
        if not changed:
            break
    else:
        raise ProofError("trace_identity: the relations do not terminate")
    for term in sp.Add.make_args(difference):
        constant, word = _split_word(term)
        turns = [word[s:] + word[:s] for s in range(len(word))] or [()]
        key = min(turns, key=lambda w: tuple(letter.name for letter in w))
        total[key] = total.get(key, sp.Integer(0)) + constant
    if any(not vanishes(value) for value in total.values()):
        raise ProofError(f"trace_identity refused: tr({lhs}) - tr({rhs}) does not reduce to 0")
    trace = sp.Function("trace", real=True)
    return make_fact(Relation(trace(lhs), "==", trace(rhs)), relations, text or "trace identity")


def _split_word(term: sp.Expr) -> tuple[sp.Expr, tuple[sp.Symbol, ...]]:
    commuting, letters = term.args_cnc()
    word: list[sp.Symbol] = []
    for letter in letters:
        base, exponent = letter.as_base_exp()
        if not isinstance(base, sp.Symbol) or not isinstance(exponent, sp.Integer) or exponent < 0:
            raise ProofError(f"{letter} is not a letter of a word")
        word.extend([base] * int(exponent))
    return sp.Mul(*commuting), tuple(word)


def _word(expr: sp.Expr) -> tuple[sp.Symbol, ...]:
    constant, word = _split_word(expr)
    if constant != 1:
        raise ProofError(f"the left side of a relation must be a word, got {expr}")
    return word
