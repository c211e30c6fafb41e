"""From facts to the outcome of a claim: proved, refuted, or conditional on a step that is named."""

from __future__ import annotations

import weakref

from theory.claim import Assumption, Case, Claim, Proof, Step, conjuncts
from theory.kernel.cases import falsifying, refuse_contradiction, refuse_false_at_witness
from theory.kernel.facts import Fact, Relation, as_relation, establishes, genuine, refuse_subclass
from theory.kernel.language import ProofError

__all__ = ["NotEstablished", "conditional", "disproved", "qed", "refuted", "run", "steps_of"]

_PROOFS: weakref.WeakKeyDictionary[Proof, Claim] = weakref.WeakKeyDictionary()


class NotEstablished(ProofError):
    """The facts of a script are not the statement; they are kept, since they may be that of another version of the claim."""

    def __init__(self, message: str, facts: tuple[Fact, ...]) -> None:
        super().__init__(message)
        self.facts = facts


def steps_of(*facts: Fact) -> tuple[Step, ...]:
    """The steps that the given facts use, premises first, each once."""
    order: list[Fact] = []
    seen: set[int] = set()

    def visit(fact: Fact) -> None:
        if id(fact) in seen:
            return
        seen.add(id(fact))
        for parent in genuine(fact).parents:
            visit(parent)
        order.append(fact)

    for fact in facts:
        visit(fact)
    return tuple(Step(f.text, f.kind, f.rhs - f.lhs, f.relation.boolean, f.reference) for f in order)


def _issue(claim: Claim, proof: Proof) -> Proof:
    refuse_subclass(claim)
    _PROOFS[proof] = claim
    return proof


def qed(claim: Claim, *facts: Fact) -> Proof:
    """The facts establish the statement of the claim, under no more than its assumptions."""
    refuse_subclass(claim)
    goals = [as_relation(part) for part in conjuncts(claim.statement)]
    used = []
    for goal in goals:
        fact = next((fact for fact in facts if establishes(genuine(fact), goal)), None)
        if fact is None:
            raise NotEstablished(f"no fact establishes {goal.lhs} {goal.op} {goal.rhs}", facts)
        used.append(fact)
    for fact in facts:
        if fact not in used:
            raise NotEstablished(f"{fact} is not part of the statement", facts)
        refuse_foreign(claim, fact)
    refuse_contradiction(claim)
    refuse_false_at_witness(claim)
    return _issue(claim, Proof("proved", steps_of(*used)))


def refuse_foreign(claim: Claim, fact: Fact) -> None:
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
    if len(parts) != 1 or goal.op == "==" or not establishes(genuine(fact), opposite):
        raise ProofError(f"{fact} does not contradict the statement of claim {claim.id}")
    refuse_foreign(claim, fact)
    refuse_contradiction(claim)
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
