"""What a proof refuses: wrong versions of its claim, and every version with one number changed.

A proof that would let a false statement pass proves nothing. So each claim carries mutants, which are false at an exact
instance, and its own script must refuse every one of them. Besides, every number of the statement is nudged; a nudge under
which the script still ends in "proved" survives, and needs a reason why that version is true as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import sympy as sp
from sympy.core.relational import Relational

from theory.claim import Case, Claim, Proof, conjuncts
from theory.kernel.cases import evaluate, falsifying
from theory.kernel.conclusions import NotEstablished, conditional, qed, run
from theory.kernel.facts import Fact, as_relation
from theory.kernel.language import ProofError, name_bound
from theory.kernel.signs import number_sign

__all__ = ["Judgement", "judge", "judge_mutant", "nudged", "survivors"]

_HIDDEN: Final = sp.Eq(sp.Dummy("hidden", positive=True), sp.Dummy("hidden", positive=True), evaluate=False)


@dataclass(frozen=True, eq=False)
class Judgement:
    """The prover's account of one claim.

    Attributes:
        claim, proof: the claim and the outcome of its script.
        refused: mutant id -> why the same script refuses it; its falsity was checked exactly before.
        passed: mutant id -> what is wrong: the script lets it pass, it is not seen to be false, or the claim itself is not
            proved. Empty where all is well.
        nudges: how many versions with one number of the statement changed were tried (0 for a refuted claim).
        survivors: those of them that the script still proves.
    """

    claim: Claim
    proof: Proof
    refused: Mapping[str, str] = field(default_factory=dict)
    passed: Mapping[str, str] = field(default_factory=dict)
    nudges: int = 0
    survivors: tuple[str, ...] = ()

    @property
    def theorems(self) -> tuple[str, ...]:
        """Names of the theorems that the proof cites, in alphabetical order."""
        return tuple(sorted({step.text for step in self.proof.steps if step.kind == "cited"}))

    @property
    def machine_checked(self) -> bool:
        """Proved or refuted without any cited theorem: every step is a computation or an instance of a stated assumption."""
        return self.proof.status != "conditional" and not self.theorems


def judge(claim: Claim) -> Judgement:
    """Prove a claim, and try the same script on each of its mutants and on every nudge of its statement.

    Raises:
        TypeError: if ``claim`` is no Claim.
    """
    if type(claim) is not Claim:
        raise TypeError(f"claim must be a Claim, got {type(claim).__name__}")
    script = _Script(claim)
    refused, passed = {}, {}
    for mutant in claim.mutants:
        if script.proof.status == "conditional":
            passed[mutant.id] = "the claim itself is not proved, so that a refusal says nothing"
            continue
        try:
            refused[mutant.id] = _refusal(script, mutant)
        except ProofError as error:
            passed[mutant.id] = str(error)
    versions = list(nudged(claim)) if script.proof.status == "proved" else []
    alive = tuple(label for label, version in versions if script.survives(version))
    return Judgement(claim, script.proof, MappingProxyType(refused), MappingProxyType(passed), len(versions), alive)


class _Script:
    """The script of a claim, tried on other versions of it.

    Most scripts never look at the statement: they offer the same facts whatever it says. Such a script runs once, with the
    statement hidden, and its facts are held against each version; any other script runs again for each.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.facts = _blind_facts(claim)
        try:
            self.proof = run(claim) if self.facts is None else qed(claim, *self.facts)
        except ProofError:  # another statement gets other facts: the script does look
            self.facts, self.proof = None, run(claim)

    def on(self, version: Claim) -> Proof:
        """What the script makes of a version of the claim."""
        version = replace(version, script=self.claim.script, witness=self.claim.witness)
        if self.facts is None or version.assumptions != self.claim.assumptions:
            return run(version)
        try:
            return qed(version, *self.facts)
        except ProofError as error:
            return conditional(version, f"refused: {error}")

    def survives(self, version: Claim) -> bool:
        """Whether the script still proves a nudged version."""
        if self.facts is not None and _new_relation(self.claim, version):
            return False  # the facts are the relations of the claim, and this one is none of them: no algebra is needed
        return self.on(version).status == "proved"


def _blind_facts(claim: Claim) -> tuple[Fact, ...] | None:
    """The facts that the script offers for a hidden statement; None where it looks at the statement."""
    if claim.script is None:
        return None
    try:
        claim.script(replace(claim, statement=_HIDDEN))
    except NotEstablished as stop:
        return stop.facts
    except (ProofError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return None  # the script takes the statement apart
    return None


def judge_mutant(claim: Claim, mutant: Claim) -> str:
    """Why the mutant is refused by the same proof; ProofError if it is not false, or if the proof lets it pass.

    A wrong version counts only if it is wrong: its falsifying instance is evaluated exactly first.
    """
    return _refusal(_Script(claim), mutant)


def _refusal(script: _Script, mutant: Claim) -> str:
    if mutant.falsified_by is None:
        raise ProofError(f"mutant {mutant.id} carries no falsifying instance")
    if mutant.statement.has(sp.Limit):
        _differs(script, mutant, mutant.falsified_by)
    else:
        falsifying(mutant, mutant.falsified_by)
    proof = script.on(mutant)
    if proof.status == "proved":
        raise ProofError(f"mutant {mutant.id} is false, yet the proof of {script.claim.id} lets it pass")
    return proof.missing or "refuted"


def _differs(script: _Script, mutant: Claim, case: Case) -> None:
    """A wrong limit: it contradicts the proved limit of the claim at ``case``, or it implies a claim that is refuted."""
    right, wrong, status = as_relation(script.claim.statement), as_relation(mutant.statement), script.proof.status
    if isinstance(right.lhs, sp.Limit) and status == "proved" and name_bound(right.lhs) == name_bound(wrong.lhs):
        if number_sign(evaluate(right.rhs - wrong.rhs, case, case)) in (1, -1):
            return
    elif isinstance(right.rhs, sp.Limit) and status == "refuted" and right.op == wrong.op:
        stronger = number_sign(evaluate(wrong.lhs - right.lhs, case, case)) == 1
        if stronger and name_bound(right.rhs) == name_bound(wrong.rhs):
            return
    raise ProofError(f"mutant {mutant.id} is not seen to be false")


def nudged(claim: Claim) -> Iterator[tuple[str, Claim]]:
    """Every version of the claim with one number of its statement changed, with a label that says which and where.

    Numbers grow and shrink by a tenth, 0 moves to either side of it, and where only integers make sense they grow by one.
    """
    for path, number in _numbers(claim.statement, ()):
        tenth = sp.Rational(1, 10)
        changed: tuple[sp.Expr, ...]
        if _integer_place(claim.statement, path):
            changed = (number + 1,)
        elif number == 0:
            changed = (tenth, -tenth)
        else:
            changed = (number + tenth * number, number - tenth * number)
        for new in changed:
            label = f"{number} -> {new} at {'.'.join(map(str, path))}"
            statement = _put(claim.statement, path, new)
            yield label, replace(claim, id=f"{claim.id}/{label}", statement=statement, mutants=(), falsified_by=None)


def survivors(claim: Claim) -> tuple[str, ...]:
    """The nudges under which the same script still ends in "proved"; each needs a reason why it is still true."""
    script = _Script(claim)
    return tuple(label for label, version in nudged(claim) if script.survives(version))


def _new_relation(claim: Claim, version: Claim) -> bool:
    """True when some relation of the version is seen at an exact point to be none of the relations of the claim."""
    old = [as_relation(part) for part in conjuncts(claim.statement)]
    new = [as_relation(part) for part in conjuncts(version.statement)]
    return any(
        all(
            (_apart(one.lhs, two.lhs) or _apart(one.rhs, two.rhs)) and (_apart(one.lhs, two.rhs) or _apart(one.rhs, two.lhs))
            for two in old
        )
        for one in new
    )


def _apart(a: sp.Expr, b: sp.Expr) -> bool:
    """True when two expressions differ at one exact point: three rounds, every quantity a fixed positive rational."""
    if a == b:
        return False
    case: dict[sp.Basic, object] = {}
    for position, symbol in enumerate(sorted(a.free_symbols | b.free_symbols, key=str)):
        if symbol.is_nonpositive:
            return False
        case[symbol] = sp.Integer(3) if symbol.is_integer else sp.Rational(2 * position + 3, 83)
    for node in a.atoms(sp.Indexed) | b.atoms(sp.Indexed):
        table: object = sp.Integer(1)
        for axis in range(len(node.indices)):
            table = tuple(_scaled(table, sp.Rational(place + 2, 11 + axis + place**2)) for place in range(9))
        case[node.base] = table
    try:
        return number_sign(evaluate(a, case, case) - evaluate(b, case, case)) in (1, -1)
    except (ProofError, IndexError):
        return False


def _scaled(table: object, factor: sp.Rational) -> object:
    """A nested tuple of numbers, each multiplied by the factor."""
    return tuple(_scaled(entry, factor) for entry in table) if isinstance(table, tuple) else table * factor


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
    """The expression with another number at one place; a relation is not evaluated, since sympy might decide it."""
    if not path:
        return new
    args = list(expr.args)
    args[path[0]] = _put(args[path[0]], path[1:], new)
    return expr.func(*args, evaluate=False) if isinstance(expr, Relational) else expr.func(*args)
