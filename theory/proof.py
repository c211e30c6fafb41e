"""The proof kernel: facts, the few primitives that make them, and ``qed``.

A proof script is a function ``script(claim) -> Proof``. It calls primitives; each returns a :class:`Fact`, a relation with the
hypotheses it rests on. ``qed`` compares facts with ``claim.statement``. A script can be wrong only by being refused.

How to read a fact. Every free symbol is quantified over its declared domain, except those that a hypothesis speaks about.
An expression that contains ``omega`` is a random variable: a relation between random variables holds at every sample point,
``mean(...)`` is the expectation over the sample point, and every mean that is written is supposed to exist (claims say so).

==================  ==================================================================================================
``assume``          an instance of an assumption stated in the claim
``identity``        lhs = rhs, because the difference reduces to 0; facts may be used as rewriting rules, left to right
``rewrite``         a fact with some facts used as rewriting rules
``nonnegative``     goal = sum of products of nonnegative things + a remainder with nonnegative coefficients
``expectation``     mean(expr), expanded by linearity
``mean_square``     0 <= mean(u**2), expanded by linearity
``average``         a relation at every sample point gives the relation between the means
``root``            x**2 <= y**2 and y >= 0 give x <= y
``below_max``       a <= max(a, b, ...);  ``max_below``: max(a, b, ...) <= c from a <= c, b <= c, ...
``compare``         a < b between explicit numbers, in interval arithmetic
``induction``       P(n) for every n, from P(start) and a step that maps Fact(P(n)) to Fact(P(n+1))
``limit``           by continuity, geometric decay and l'Hopital
``squeeze``         a <= x <= b with lim a = lim b
``integral``        by differentiating the antiderivative back
``trace_identity``  tr(lhs) = tr(rhs) for noncommuting words modulo relations and cyclic rotation
``cited``           a named theorem that reads its premises and writes its conclusion
``instance``        specialisation of a fact inside the domain of its symbols
==================  ==================================================================================================
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple, NoReturn

import sympy as sp
from sympy.core.function import AppliedUndef

from theory import symbols
from theory._algebra import (
    MAX_OPS,
    POW,
    SMOOTH,
    Context,
    ProofError,
    canon,
    check_binder,
    check_defined,
    fresh,
    in_domain,
    is_number,
    is_zero,
    mean,
    name_bound,
    nonneg,
    nonzero,
    number_sign,
    omega,
    substitute,
    vanishes,
)
from theory.claim import INDICES, Assumption, Case, Claim, Proof, Step, StepKind, conjuncts

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
_PROOFS: weakref.WeakKeyDictionary[Proof, Claim] = weakref.WeakKeyDictionary()


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


def _genuine(fact: object) -> Fact:
    """Refuse forged and altered facts."""
    if type(fact) is not Fact or fact not in _FACTS:
        raise ProofError(f"{fact!r} is not a fact made by the kernel")
    values = (fact.relation, fact.hypotheses, fact.parents, fact.text, fact.kind, fact.reference)
    if any(now is not then for now, then in zip(values, _FACTS[fact], strict=True)):
        raise ProofError("a fact was altered after it was proved")
    return fact


def _make(
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
    hypotheses = frozenset(extra).union(*[_genuine(parent).hypotheses for parent in parents]) - {drop}
    fact = Fact(_SEAL, relation, hypotheses, parents, text, kind, reference)
    named = _relation_symbols(relation) & MEASURED if kind == "cited" else frozenset()
    _DEFINITE[fact] = named.union(*[_DEFINITE[parent] for parent in parents])
    return fact


def _well_formed(expr: sp.Basic) -> None:
    """Refuse the names kept for bound variables, and bound variables that leave their declared domain."""
    if any(symbol.name.startswith("@") for symbol in _symbols(expr)):
        raise ProofError(f"{expr} uses a name that is kept for bound variables")
    for node in expr.atoms(sp.Sum, sp.Product):
        for variable, low, _ in node.limits:
            check_binder(node, variable, low)


def _context(domain: tuple[Fact, ...]) -> Context:
    """Inequalities that decide signs."""
    known = []
    for fact in domain:
        if _genuine(fact).op == "==":
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


def _symbols(expr: sp.Basic) -> frozenset[sp.Symbol]:
    """Free symbols, without the labels of indexed quantities."""
    labels = {base.label for base in expr.atoms(sp.IndexedBase)}
    return frozenset(s for s in expr.free_symbols if isinstance(s, sp.Symbol) and s not in labels)


def _relation_symbols(relation: Relation) -> frozenset[sp.Symbol]:
    return _symbols(relation.lhs) | _symbols(relation.rhs)


def _fixed(*facts: Fact) -> frozenset[sp.Symbol]:
    """Symbols that a hypothesis speaks about, or a theorem that the facts rest on: these are no longer variables."""
    definite = [_DEFINITE[_genuine(fact)] for fact in facts]
    return frozenset().union(*definite, *[h.fixed for fact in facts for h in fact.hypotheses])


def _same(a: sp.Expr, b: sp.Expr) -> bool:
    """Equal as written, or by pure algebra with no hypothesis."""
    if a == b or name_bound(a) == name_bound(b):
        return True
    try:
        check_defined(a)
        check_defined(b)
        return vanishes(a - b)
    except ProofError:
        return False


def _establishes(fact: Fact, goal: Relation) -> bool:
    """True when the fact is the goal, or a stronger relation between the same two sides."""
    if goal.op == "==":
        if fact.op != "==":
            return False
        return (_same(fact.lhs, goal.lhs) and _same(fact.rhs, goal.rhs)) or (
            _same(fact.lhs, goal.rhs) and _same(fact.rhs, goal.lhs)
        )
    if goal.op == "<" and fact.op != "<":
        return False
    straight = _same(fact.lhs, goal.lhs) and _same(fact.rhs, goal.rhs)
    return straight or (fact.op == "==" and _same(fact.lhs, goal.rhs) and _same(fact.rhs, goal.lhs))


def _plain(claim: object) -> None:
    """Refuse a subclass of Claim: its statement or its assumptions could change between two looks."""
    if type(claim) is not Claim:
        raise ProofError(f"{claim!r} is not a plain Claim")


# --- primitives ------------------------------------------------------------------------------------------------------
def assume(claim: Claim, name: str, **instance: sp.Expr) -> Fact:
    """Instance of the assumption ``name`` of ``claim``; keywords give values to the symbols it is stated for."""
    _plain(claim)
    try:
        assumption = claim.assumption(name)
    except KeyError as error:
        raise ProofError(str(error.args[0])) from None
    if assumption.formula is None:
        raise ProofError(f"assumption {name!r} is stated in words only and cannot be instantiated")
    relation = as_relation(assumption.formula)
    over = assumption.over or ()
    mapping = _mapping(instance, frozenset(over), (), f"assumption {name!r}")
    hypothesis = Hypothesis(name, assumption, _relation_symbols(relation) - set(over) - {omega})
    return _make(
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
    free = _relation_symbols(_genuine(fact).relation) - _fixed(fact)
    mapping = _mapping(at, free, _context(domain), "instance")
    return _make(_replace(fact.relation, mapping), (fact, *domain), text or f"special case of: {fact.text}")


def _apply(expr: sp.Expr, rule: Fact) -> sp.Expr:
    """Use an equation as a rewriting rule, left to right, everywhere in ``expr`` (capture-free)."""
    if _genuine(rule).op != "==":
        raise ProofError(f"a rewriting rule must be an equation, got {rule}")
    expr, left = substitute(expr, {}), rule.lhs
    arguments = left.indices if isinstance(left, sp.Indexed) else left.args if isinstance(left, AppliedUndef) else ()
    general = (
        bool(arguments)
        and getattr(left, "func", None) != mean
        and all(isinstance(a, sp.Symbol) for a in arguments)
        and len(set(arguments)) == len(arguments)
        and not set(arguments) & _fixed(rule)
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
    context = _context(domain)
    difference = _checked(relation, context)
    for rule in rules:
        difference = _apply(difference, rule)
    check_defined(difference, context)
    if not vanishes(difference, context, None if unroll_at is None else sp.sympify(unroll_at)):
        raise ProofError(f"identity refused: {relation.lhs} - ({relation.rhs}) does not reduce to 0")
    return _make(relation, (*rules, *domain), text or "algebraic identity")


def _checked(relation: Relation, context: Context) -> sp.Expr:
    """rhs - lhs after both sides were found to be defined."""
    if sp.count_ops(relation.lhs) + sp.count_ops(relation.rhs) > MAX_OPS:
        raise ProofError(f"the relation has more than {MAX_OPS} operations: not proved")
    check_defined(relation.lhs, context)
    check_defined(relation.rhs, context)
    return relation.rhs - relation.lhs


def rewrite(fact: Fact, *rules: Fact, domain: tuple[Fact, ...] = (), text: str = "") -> Fact:
    """The fact with equations used as rewriting rules on both sides, left to right, in the given order."""
    lhs, op, rhs = _genuine(fact).relation
    for rule in rules:
        lhs, rhs = _apply(lhs, rule), _apply(rhs, rule)
    return _make(Relation(lhs, op, rhs), (fact, *rules, *domain), text or f"rewritten: {fact.text}")


def reverse(fact: Fact) -> Fact:
    """An equation read right to left."""
    if _genuine(fact).op != "==":
        raise ProofError(f"only an equation can be reversed, got {fact}")
    return _make(Relation(fact.rhs, "==", fact.lhs), (fact,), fact.text)


def chain(*facts: Fact, text: str = "") -> Fact:
    """From a = b, b = c, ...: the first left side equals the last right side."""
    for fact, following in itertools.pairwise(facts):
        if not _same(_genuine(fact).rhs, _genuine(following).lhs):
            raise ProofError(f"chain: {fact} does not end where {following} begins")
    if not facts or any(_genuine(fact).op != "==" for fact in facts):
        raise ProofError("chain takes equations")
    return _make(Relation(facts[0].lhs, "==", facts[-1].rhs), facts, text or "a chain of equations")


def antisymmetry(below: Fact, above: Fact, text: str = "") -> Fact:
    """From a <= b and b <= a: a = b."""
    if "==" in (_genuine(below).op, _genuine(above).op) or not (_same(below.lhs, above.rhs) and _same(below.rhs, above.lhs)):
        raise ProofError(f"{below} and {above} are not two opposite inequalities")
    return _make(Relation(below.lhs, "==", below.rhs), (below, above), text or "two opposite inequalities")


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
    inequalities = tuple(f for f in facts if _genuine(f).op != "==")
    context = _context((*domain, *inequalities))
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
    if not _remainder(residual, context, strict and not positive, None if unroll_at is None else sp.sympify(unroll_at)):
        raise ProofError(f"inequality refused: {relation.lhs} {relation.op} {relation.rhs} has no such certificate")
    return _make(relation, (*facts, *domain), text or "certificate of nonnegativity")


def _remainder(residual: sp.Expr, context: Context, strict: bool, peel: sp.Expr | None) -> bool:
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
    return _make(Relation(mean(expr), "==", _linear(expr)), (), text or "linearity of the mean")


def mean_square(u: Any, text: str = "") -> Fact:
    """0 <= mean(u**2), expanded by linearity."""
    u = sp.sympify(u)
    check_defined(u)
    return _make(Relation(sp.Integer(0), "<=", _linear(u**2)), (), text or "a square has a nonnegative mean")


def average(fact: Fact, text: str = "") -> Fact:
    """From a relation that holds at every sample point: the relation between the means, expanded by linearity."""
    lhs, op, rhs = _genuine(fact).relation
    if op == "<":
        op = "<="  # kept simple: strictness is not needed after averaging
    return _make(Relation(_linear(lhs), op, _linear(rhs)), (fact,), text or "averaging a relation that holds pointwise")


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


def _linear(expr: sp.Expr) -> sp.Expr:
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
    context = _context(domain)
    check_defined(x, context)
    check_defined(y, context)
    if _genuine(fact).op == "==" or not vanishes(x**2 - fact.lhs, context) or not vanishes(y**2 - fact.rhs, context):
        raise ProofError(f"root refused: {fact} does not read ({x})**2 <= ({y})**2")
    if not nonneg(y, context):
        raise ProofError(f"root refused: {y} has no proved nonnegative sign")
    return _make(Relation(x, fact.op, y), (fact, *domain), text or "the square root is increasing")


def below_max(part: Any, maximum: Any, text: str = "") -> Fact:
    """a <= max(a, b, ...)."""
    part, maximum = sp.sympify(part), sp.sympify(maximum)
    check_defined(maximum)
    if part != maximum and not (isinstance(maximum, sp.Max) and part in maximum.args):
        raise ProofError(f"{part} is not one of the arguments of {maximum}")
    return _make(Relation(part, "<=", maximum), (), text or "one of the arguments of a maximum")


def max_below(maximum: Any, *facts: Fact, text: str = "") -> Fact:
    """max(a, b, ...) <= c from a <= c, b <= c, ..."""
    maximum = sp.sympify(maximum)
    if not isinstance(maximum, sp.Max) or not facts:
        raise ProofError(f"{maximum} is not a maximum")
    bound = _genuine(facts[0]).rhs
    for argument in maximum.args:
        if not any(_genuine(f).op != "==" and _same(f.lhs, argument) and _same(f.rhs, bound) for f in facts):
            raise ProofError(f"no fact bounds {argument} by {bound}")
    return _make(Relation(maximum, "<=", bound), facts, text or "every argument of the maximum is below")


def compare(a: Any, b: Any, text: str = "") -> Fact:
    """a < b between explicit numbers, decided in interval arithmetic with outward rounding."""
    a, b = sp.sympify(a), sp.sympify(b)
    check_defined(a)
    check_defined(b)
    if not (is_number(a) and is_number(b)):
        raise ProofError("compare takes explicit numbers")
    if number_sign(b - a) != 1:
        raise ProofError(f"compare refused: {a} < {b} is not established")
    return _make(Relation(a, "<", b), (), text or "interval arithmetic")


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
    if not _establishes(_genuine(base), _replace(template, {n: sp.Integer(start)})):
        raise ProofError(f"induction: the base {base} is not the statement at {n} = {start}")
    fixed = (_relation_symbols(here) | {m}) - set(over) - {omega}
    token = Hypothesis(f"induction hypothesis at {n}", None, fixed)
    hypothesis = _make(here, (), "induction hypothesis", kind="checked", extra=frozenset({token}))
    result = _genuine(step(hypothesis, m))
    if not _establishes(result, after):
        raise ProofError(f"induction: the step proves {result}, not the statement at {n} + 1")
    others = (result.hypotheses | base.hypotheses) - {token}
    if set(over) & frozenset().union(_DEFINITE[result], _DEFINITE[base], *[h.fixed for h in others]):
        raise ProofError("induction: a hypothesis of the step speaks about a symbol in over")
    return _make(template, (base, result), text or f"induction on {n}", drop=token)


def trace_identity(lhs: Any, rhs: Any, *relations: Fact, text: str = "") -> Fact:
    """tr(lhs) = tr(rhs): words in noncommuting symbols modulo the equations ``relations`` (word -> shorter) and rotation."""
    lhs, rhs = sp.sympify(lhs), sp.sympify(rhs)
    difference = sp.expand(lhs - rhs)
    if difference.has(sp.Float, sp.oo, sp.nan, sp.zoo):
        raise ProofError("trace_identity takes exact expressions")
    rules = []
    for fact in relations:
        if _genuine(fact).op != "==":
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
    return _make(Relation(trace(lhs), "==", trace(rhs)), relations, text or "trace identity")


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


# --- limits and integrals --------------------------------------------------------------------------------------------
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
    context = _context(domain)
    if {var, omega} & (_symbols(value) | _symbols(point)):
        raise ProofError("limit: the value and the point must not depend on the variable")
    everywhere, context = context, tuple(pair for pair in context if var not in _symbols(pair[0]))
    if var in _fixed(*rules, *domain, *known):
        raise ProofError(f"limit: a hypothesis speaks about {var}")
    check_defined(value, context)
    original = expr
    for rule in rules:
        expr = _apply(expr, rule)
    check_defined(expr, everywhere)
    if known and point is not sp.oo:
        raise ProofError("limit: known limits are used at infinity only")
    if point is sp.oo:
        canonical, values = canon(expr, everywhere), {}
        for fact in known:
            if _genuine(fact).op != "==" or not isinstance(fact.lhs, sp.Limit) or fact.lhs.args[1:3] != (var, point):
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
    return _make(relation, (*rules, *domain, *known), text or f"limit as {var} tends to {point}")


def squeeze(low: Fact, high: Fact, low_limit: Fact, high_limit: Fact, text: str = "") -> Fact:
    """From a <= x <= b for every n, lim a = v and lim b = v: lim x = v."""
    for fact in (low, high, low_limit, high_limit):
        _genuine(fact)
    if not (isinstance(low_limit.lhs, sp.Limit) and isinstance(high_limit.lhs, sp.Limit)) or "==" in (low.op, high.op):
        raise ProofError("squeeze takes two inequalities and two limits")
    below, var, point, side = low_limit.lhs.args
    if high_limit.lhs.args[1:] != low_limit.lhs.args[1:] or not _same(low_limit.rhs, high_limit.rhs):
        raise ProofError("squeeze: the two limits differ")
    if var in _fixed(low, high):
        raise ProofError(f"squeeze: a hypothesis speaks about {var}")
    if not (_same(low.lhs, below) and _same(high.rhs, high_limit.lhs.args[0]) and _same(low.rhs, high.lhs)):
        raise ProofError("squeeze: the inequalities do not enclose one expression between the two that converge")
    relation = Relation(sp.Limit(low.rhs, var, point, str(side)), "==", low_limit.rhs)
    return _make(relation, (low, high, low_limit, high_limit), text or "squeezed between two sequences with the same limit")


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
    context = _context(domain)
    for part in (low, high, value):
        check_defined(part, context)
        if x in _symbols(part):
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
    return _make(Relation(sp.Integral(f, (x, low, high)), "==", value), domain, text or "fundamental theorem of calculus")


# --- cited theorems --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Theorem:
    """A named theorem as a schema: ``schema(*facts, **terms)`` checks its premises and writes its conclusion.

    A premise that is not met must raise ProofError. A constant of one particular claim never belongs in a schema.
    """

    name: str
    reference: str
    schema: Callable[..., Any]


def cited(theorem: Theorem, *facts: Fact, text: str = "", **terms: Any) -> Fact:
    """The conclusion of a named theorem for the given premises and terms; reported as a "cited" step."""
    if not isinstance(theorem, Theorem):
        raise ProofError(f"cited takes a Theorem, got {theorem!r}")
    for fact in facts:
        _genuine(fact)
    expressions = {name: sp.sympify(term) for name, term in terms.items()}
    for term in expressions.values():
        check_defined(term)
    conclusion = as_relation(theorem.schema(*facts, **expressions))
    return _make(conclusion, facts, text or theorem.name, kind="cited", reference=theorem.reference)


def _cauchy_schwarz(*, u: sp.Expr, v: sp.Expr) -> Relation:
    return Relation(_linear(u * v) ** 2, "<=", _linear(u**2) * _linear(v**2))


CAUCHY_SCHWARZ: Final = Theorem(
    "Cauchy-Schwarz", "mean(u v)^2 <= mean(u^2) mean(v^2) for square-integrable u, v", _cauchy_schwarz
)


# --- conclusions -----------------------------------------------------------------------------------------------------
def steps_of(*facts: Fact) -> tuple[Step, ...]:
    """The steps that the given facts use, premises first, each once."""
    order: list[Fact] = []
    seen: set[int] = set()

    def visit(fact: Fact) -> None:
        if id(fact) in seen:
            return
        seen.add(id(fact))
        for parent in _genuine(fact).parents:
            visit(parent)
        order.append(fact)

    for fact in facts:
        visit(fact)
    return tuple(Step(f.text, f.kind, f.rhs - f.lhs, f.relation.boolean, f.reference) for f in order)


def _issue(claim: Claim, proof: Proof) -> Proof:
    _plain(claim)
    _PROOFS[proof] = claim
    return proof


def qed(claim: Claim, *facts: Fact) -> Proof:
    """The facts establish the statement of the claim, under no more than its assumptions."""
    _plain(claim)
    goals = [as_relation(part) for part in conjuncts(claim.statement)]
    used = []
    for goal in goals:
        fact = next((fact for fact in facts if _establishes(_genuine(fact), goal)), None)
        if fact is None:
            raise ProofError(f"no fact establishes {goal.lhs} {goal.op} {goal.rhs}")
        used.append(fact)
    for fact in facts:
        if fact not in used:
            raise ProofError(f"{fact} is not part of the statement")
        _within(claim, fact)
    _consistent(claim)
    _true_at_witness(claim)
    return _issue(claim, Proof("proved", steps_of(*used)))


def _within(claim: Claim, fact: Fact) -> None:
    """Refuse a fact that rests on anything but the assumptions of the claim."""
    for hypothesis in fact.hypotheses:
        if hypothesis.assumption is None:
            raise ProofError(f"{hypothesis.name} was not discharged")
        if type(hypothesis.assumption) is not Assumption or hypothesis.assumption not in claim.assumptions:
            raise ProofError(f"{hypothesis.name!r} is not an assumption of claim {claim.id}")


def conditional(claim: Claim, missing: str, *facts: Fact) -> Proof:
    """What was established so far, and the step that is still lacking, in words."""
    return _issue(claim, Proof("conditional", steps_of(*facts), missing=missing))


def refuted(claim: Claim, case: Case) -> Proof:
    """The statement fails at ``case``, where every assumption holds; both are evaluated exactly."""
    relation = falsifying(claim, case)
    step = Step(
        "the assumptions hold and the statement fails at the witness", "checked", relation.rhs - relation.lhs, relation.boolean
    )
    return _issue(claim, Proof("refuted", (step,), witness=case))


def disproved(claim: Claim, fact: Fact) -> Proof:
    """The fact contradicts the statement under the assumptions of the claim, which hold together at its witness."""
    parts = conjuncts(claim.statement)
    goal = as_relation(parts[0])
    opposite = Relation(goal.rhs, "<" if goal.op == "<=" else "<=", goal.lhs)
    if len(parts) != 1 or goal.op == "==" or not _establishes(_genuine(fact), opposite):
        raise ProofError(f"{fact} does not contradict the statement of claim {claim.id}")
    _within(claim, fact)
    _consistent(claim)
    if claim.witness is None:
        raise ProofError(f"claim {claim.id} needs a witness to be disproved")
    return _issue(claim, Proof("refuted", steps_of(fact), witness=claim.witness))


def run(claim: Claim) -> Proof:
    """Run the script of a claim; a refused step makes the outcome conditional and is named."""
    if claim.script is None:
        return conditional(claim, claim.missing or "no proof script is attached to this claim")
    try:
        proof = claim.script(claim)
    except ProofError as error:
        return conditional(claim, f"refused: {error}")
    except RecursionError:
        return conditional(claim, "refused: a step was too large")
    if type(proof) is not Proof or _PROOFS.get(proof) is not claim:
        raise TypeError(f"claim {claim.id}: the script must return what qed, conditional or refuted made for this claim")
    return proof


# --- exact cases -----------------------------------------------------------------------------------------------------
def _consistent(claim: Claim) -> None:
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


def _true_at_witness(claim: Claim) -> None:
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
        if not (r.lhs - r.rhs).has(sp.Indexed, AppliedUndef) and set(assumption.over or ()) & _relation_symbols(r)
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
    free = frozenset().union(*[_symbols(part) for part in conjuncts(claim.statement)])
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
        return _remainder(difference, (), relation.op == "<", None)
    except ProofError:
        return False


# --- mutants and nudges ----------------------------------------------------------------------------------------------
def judge_mutant(claim: Claim, mutant: Claim) -> str:
    """Why the mutant is refused by the same proof; ProofError if it is not false, or if the proof lets it pass.

    A wrong version counts only if it is wrong: its falsifying instance is evaluated exactly first.
    """
    if mutant.falsified_by is None:
        raise ProofError(f"mutant {mutant.id} carries no falsifying instance")
    if mutant.statement.has(sp.Limit):
        _differs(claim, mutant, mutant.falsified_by)
    else:
        falsifying(mutant, mutant.falsified_by)
    proof = replace(mutant, script=claim.script, witness=claim.witness).prove()
    if proof.status == "proved":
        raise ProofError(f"mutant {mutant.id} is false, yet the proof of {claim.id} lets it pass")
    return proof.missing or "refuted"


def _differs(claim: Claim, mutant: Claim, case: Case) -> None:
    """A wrong limit: it contradicts the proved limit of the claim at ``case``, or it implies a claim that is refuted."""
    right, wrong, status = as_relation(claim.statement), as_relation(mutant.statement), claim.prove().status
    if isinstance(right.lhs, sp.Limit) and status == "proved" and name_bound(right.lhs) == name_bound(wrong.lhs):
        if number_sign(evaluate(right.rhs - wrong.rhs, case, case)) in (1, -1):
            return
    elif isinstance(right.rhs, sp.Limit) and status == "refuted" and right.op == wrong.op:
        stronger = number_sign(evaluate(wrong.lhs - right.lhs, case, case)) == 1
        if stronger and name_bound(right.rhs) == name_bound(wrong.rhs):
            return
    raise ProofError(f"mutant {mutant.id} is not seen to be false")


def nudged(claim: Claim) -> Iterator[tuple[str, Claim | None]]:
    """Every version of the claim with one number of its statement changed (None where the change makes no statement)."""
    for path, number in _numbers(claim.statement, ()):
        whole = _integer_place(claim.statement, path)
        for new in [number + 1] if whole else [number * sp.Rational(11, 10), number * sp.Rational(9, 10)]:
            if new == number:
                continue
            label = f"{number} -> {new} at {'.'.join(map(str, path))}"
            try:
                statement = _put(claim.statement, path, new)
                yield label, replace(claim, id=f"{claim.id}/{label}", statement=statement, mutants=(), falsified_by=None)
            except (ValueError, TypeError):
                yield label, None


def survivors(claim: Claim) -> tuple[str, ...]:
    """The nudges under which the same script still ends in "proved"; each needs a reason why it is still true."""
    return tuple(label for label, version in nudged(claim) if version is not None and version.prove().status == "proved")


def _numbers(expr: sp.Basic, path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], sp.Rational]]:
    if isinstance(expr, sp.Rational):
        yield path, expr
    for position, arg in enumerate(expr.args):
        yield from _numbers(arg, (*path, position))


def _integer_place(expr: sp.Basic, path: tuple[int, ...]) -> bool:
    """True inside an index, a limit of a sum or an exponent, where only integers make sense."""
    for position in path:
        if isinstance(expr, (sp.Indexed, sp.Tuple)) or (isinstance(expr, sp.Pow) and position == 1):
            return True
        expr = expr.args[position]
    return False


def _put(expr: sp.Basic, path: tuple[int, ...], new: sp.Expr) -> sp.Basic:
    if not path:
        return new
    args = list(expr.args)
    args[path[0]] = _put(args[path[0]], path[1:], new)
    return expr.func(*args)


__all__ = [
    "CAUCHY_SCHWARZ",
    "Context",
    "Fact",
    "Hypothesis",
    "ProofError",
    "Relation",
    "Theorem",
    "antisymmetry",
    "as_relation",
    "assume",
    "average",
    "below_max",
    "chain",
    "cited",
    "compare",
    "conditional",
    "disproved",
    "evaluate",
    "expectation",
    "falsifying",
    "fresh",
    "holds",
    "identity",
    "induction",
    "instance",
    "integral",
    "judge_mutant",
    "limit",
    "max_below",
    "mean",
    "mean_square",
    "nonnegative",
    "nudged",
    "omega",
    "qed",
    "refuted",
    "reverse",
    "rewrite",
    "root",
    "run",
    "squeeze",
    "steps_of",
    "survivors",
    "trace_identity",
]
