"""Facts: relations that were proved, each with the hypotheses it rests on. The seal is here: nothing else makes a fact.

A fact reads: for all values of its free symbols in their declared domains, except those that a hypothesis speaks about.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, NoReturn

import sympy as sp

from theory import symbols
from theory.claim import INDICES, Assumption, Claim, StepKind
from theory.kernel.language import Context, ProofError, name_bound
from theory.kernel.normal_form import vanishes
from theory.kernel.signs import check_binder, check_defined

__all__ = [
    "Fact",
    "Hypothesis",
    "Op",
    "Relation",
    "as_relation",
    "context_of",
    "definite_symbols",
    "establishes",
    "fixed_symbols",
    "genuine",
    "make_fact",
    "refuse_subclass",
    "relation_symbols",
    "same",
    "symbols_in",
]

Op = Literal["<=", "<", "=="]


MEASURED: Final = frozenset(value for value in vars(symbols).values() if isinstance(value, sp.Symbol)) - frozenset(INDICES)
"""Measured quantities are definite numbers as soon as a theorem (a definition, say) speaks about them."""


class Relation(NamedTuple):
    """lhs op rhs; kept apart from sympy's relations because those evaluate themselves."""

    lhs: sp.Expr
    op: Op
    rhs: sp.Expr

    @property
    def boolean(self) -> Any:
        """The unevaluated sympy relation, for display."""
        kinds = {"<=": sp.Le, "<": sp.Lt, "==": sp.Eq}
        return kinds[self.op](self.lhs, self.rhs, evaluate=False)


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """What a fact rests on: an assumption of a claim, or the hypothesis of an induction that is still open."""

    name: str
    assumption: Assumption | None  # None: an induction hypothesis, never acceptable to qed
    fixed: frozenset[sp.Symbol]  # symbols it speaks about: these can no longer be specialised


_SEAL: Final = object()
_FACTS: weakref.WeakKeyDictionary[Fact, tuple[Any, ...]] = weakref.WeakKeyDictionary()
_DEFINITE: weakref.WeakKeyDictionary[Fact, frozenset[sp.Symbol]] = weakref.WeakKeyDictionary()


class Fact:
    """A proved relation. Only the primitives of this module make facts, and a fact that was tampered with is refused."""

    __slots__ = ("__weakref__", "hypotheses", "kind", "parents", "reference", "relation", "text")

    relation: Relation
    hypotheses: frozenset[Hypothesis]
    parents: tuple[Fact, ...]
    text: str
    kind: StepKind
    reference: str

    def __init__(
        self,
        seal: object,
        relation: Relation,
        hypotheses: frozenset[Hypothesis],
        parents: tuple[Fact, ...],
        text: str,
        kind: StepKind,
        reference: str,
    ) -> None:
        """Refuse construction from outside the kernel."""
        if seal is not _SEAL:
            raise TypeError("a Fact is made by the primitives of theory.proof only")
        values = (relation, hypotheses, parents, text, kind, reference)
        for name, value in zip(("relation", "hypotheses", "parents", "text", "kind", "reference"), values, strict=True):
            object.__setattr__(self, name, value)
        _FACTS[self] = values

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Facts are immutable."""
        raise AttributeError(f"a Fact is immutable: cannot set {name}")

    def __delattr__(self, name: str) -> NoReturn:
        """Facts are immutable."""
        raise AttributeError(f"a Fact is immutable: cannot delete {name}")

    @property
    def lhs(self) -> sp.Expr:
        """Left-hand side."""
        return self.relation.lhs

    @property
    def rhs(self) -> sp.Expr:
        """Right-hand side."""
        return self.relation.rhs

    @property
    def op(self) -> Op:
        """ "<=", "<" or "==" (facts are never stored as >= or >)."""
        return self.relation.op

    def __repr__(self) -> str:
        return f"Fact({self.lhs} {self.op} {self.rhs})"


def genuine(fact: object) -> Fact:
    """Refuse forged and altered facts."""
    if type(fact) is not Fact or fact not in _FACTS:
        raise ProofError(f"{fact!r} is not a fact made by the kernel")
    values = (fact.relation, fact.hypotheses, fact.parents, fact.text, fact.kind, fact.reference)
    if any(now is not then for now, then in zip(values, _FACTS[fact], strict=True)):
        raise ProofError("a fact was altered after it was proved")
    return fact


def make_fact(
    relation: Relation,
    parents: tuple[Any, ...],
    text: str,
    *,
    kind: StepKind = "checked",
    reference: str = "",
    extra: frozenset[Hypothesis] = frozenset(),
    drop: Hypothesis | None = None,
) -> Fact:
    for side in (relation.lhs, relation.rhs):
        _well_formed(side)
    hypotheses = frozenset(extra).union(*[genuine(parent).hypotheses for parent in parents]) - {drop}
    fact = Fact(_SEAL, relation, hypotheses, parents, text, kind, reference)
    named = relation_symbols(relation) & MEASURED if kind == "cited" else frozenset()
    _DEFINITE[fact] = named.union(*[_DEFINITE[parent] for parent in parents])
    return fact


def _well_formed(expr: sp.Basic) -> None:
    """Refuse the names kept for bound variables, and bound variables that leave their declared domain."""
    if any(symbol.name.startswith("@") for symbol in symbols_in(expr)):
        raise ProofError(f"{expr} uses a name that is kept for bound variables")
    for node in expr.atoms(sp.Sum, sp.Product):
        for variable, low, _ in node.limits:
            check_binder(node, variable, low)


def context_of(domain: tuple[Fact, ...]) -> Context:
    """Inequalities that decide signs."""
    known = []
    for fact in domain:
        if genuine(fact).op == "==":
            raise ProofError(f"domain must hold inequalities, got {fact}")
        known.append((fact.rhs - fact.lhs, fact.op == "<"))
    return tuple(known)


def as_relation(relation: object) -> Relation:
    """A sympy relation with the smaller side on the left."""
    if type(relation) is Relation:
        if type(relation.op) is not str or relation.op not in ("<=", "<", "=="):
            raise ProofError(f"{relation.op!r} is not one of <=, <, ==")
        return relation
    if isinstance(relation, sp.Eq):
        return Relation(relation.lhs, "==", relation.rhs)
    for kind, op, flip in ((sp.Le, "<=", False), (sp.Lt, "<", False), (sp.Ge, "<=", True), (sp.Gt, "<", True)):
        if isinstance(relation, kind):
            pair = (relation.rhs, relation.lhs) if flip else (relation.lhs, relation.rhs)
            return Relation(pair[0], op, pair[1])  # type: ignore[arg-type]
    raise ProofError(f"{relation} is not an equation or an inequality (sympy may have evaluated it: use evaluate=False)")


def symbols_in(expr: sp.Basic) -> frozenset[sp.Symbol]:
    """Free symbols, without the labels of indexed quantities."""
    labels = {base.label for base in expr.atoms(sp.IndexedBase)}
    return frozenset(s for s in expr.free_symbols if isinstance(s, sp.Symbol) and s not in labels)


def relation_symbols(relation: Relation) -> frozenset[sp.Symbol]:
    return symbols_in(relation.lhs) | symbols_in(relation.rhs)


def fixed_symbols(*facts: Fact) -> frozenset[sp.Symbol]:
    """Symbols that a hypothesis speaks about, or a theorem that the facts rest on: these are no longer variables."""
    return definite_symbols(*facts).union(*[h.fixed for fact in facts for h in fact.hypotheses])


def definite_symbols(*facts: Fact) -> frozenset[sp.Symbol]:
    """Measured quantities that a theorem behind the facts speaks about: definite numbers, no longer variables."""
    return frozenset().union(*[_DEFINITE[genuine(fact)] for fact in facts])


def same(a: sp.Expr, b: sp.Expr) -> bool:
    """Equal as written, or by pure algebra with no hypothesis."""
    if a == b or name_bound(a) == name_bound(b):
        return True
    try:
        check_defined(a)
        check_defined(b)
        return vanishes(a - b)
    except ProofError:
        return False


def establishes(fact: Fact, goal: Relation) -> bool:
    """True when the fact is the goal, or a stronger relation between the same two sides."""
    if goal.op == "==":
        if fact.op != "==":
            return False
        return (same(fact.lhs, goal.lhs) and same(fact.rhs, goal.rhs)) or (
            same(fact.lhs, goal.rhs) and same(fact.rhs, goal.lhs)
        )
    if goal.op == "<" and fact.op != "<":
        return False
    straight = same(fact.lhs, goal.lhs) and same(fact.rhs, goal.rhs)
    return straight or (fact.op == "==" and same(fact.lhs, goal.rhs) and same(fact.rhs, goal.lhs))


def refuse_subclass(claim: object) -> None:
    """Refuse a subclass of Claim: its statement or its assumptions could change between two looks."""
    if type(claim) is not Claim:
        raise ProofError(f"{claim!r} is not a plain Claim")
