"""The prover's account of a claim, beside what the numbers say of the same exact instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import theory
from numeric.command.instances import InstanceVerdict, judge_instances
from numeric.judging.verdicts import Verdict

__all__ = ["Account", "account_json", "accounts", "summary"]

EXPECTED = {"true": "proved", "false": "refuted"}


@dataclass(frozen=True)
class Account:
    """One claim, what its proof consists of and refuses, and its instances evaluated as measurements are.

    Attributes:
        judgement: the proof, the mutants and nudges it refuses.
        own: the claim at its witness (a refuted claim at the instance that refutes it).
        mutants: each mutant at its falsifying instance.
    """

    judgement: theory.Judgement
    own: InstanceVerdict
    mutants: tuple[InstanceVerdict, ...]

    @property
    def claim(self) -> theory.Claim:
        """The claim."""
        return self.judgement.claim

    @property
    def proof(self) -> theory.Proof:
        """Its proof."""
        return self.judgement.proof

    @property
    def steps(self) -> tuple[int, int, int]:
        """How many steps of the proof were checked, cited and assumed."""
        kinds = Counter(step.kind for step in self.proof.steps)
        return kinds["checked"], kinds["cited"], kinds["assumed"]

    @property
    def rejected(self) -> int:
        """How many mutants the numbers reject at their falsifying instance."""
        return sum(one.verdict is Verdict.VIOLATED for one in self.mutants)

    @property
    def undecided(self) -> tuple[InstanceVerdict, ...]:
        """Instances that the numbers cannot decide, with the reason."""
        return tuple(one for one in (self.own, *self.mutants) if one.verdict not in (Verdict.HOLDS, Verdict.VIOLATED))

    @property
    def shortfalls(self) -> tuple[str, ...]:
        """What did not come out as expected, one line each."""
        claim, out = self.claim, []
        if self.proof.status not in (EXPECTED[claim.expected], "conditional"):
            out.append(f"{claim.id}: {self.proof.status}, expected {EXPECTED[claim.expected]}")
        if self.proof.status != "conditional":
            out += [f"{name}: {why}" for name, why in self.judgement.passed.items()]
        out += [f"{claim.id}: still proved with {label}" for label in self.judgement.survivors]
        wrong = Verdict.HOLDS if claim.expected == "false" else Verdict.VIOLATED
        if self.own.verdict is wrong:
            out.append(f"{claim.id}: {wrong.value} at its own instance, {self.own.detail}")
        out += [
            f"{one.id}: HOLDS at its falsifying instance, {one.detail}" for one in self.mutants if one.verdict is Verdict.HOLDS
        ]
        return tuple(out)


def accounts(claims: Sequence[theory.Claim], progress: Callable[[str, int, int], None]) -> tuple[Account, ...]:
    """Judge each claim; ``progress`` is told the claim at hand, how many are done, and how many there are."""
    out = []
    for done, claim in enumerate(claims):
        progress(claim.id, done, len(claims))
        own, mutants = judge_instances(claim)
        out.append(Account(theory.judge(claim), own, mutants))
    return tuple(out)


def summary(found: Sequence[Account]) -> tuple[str, ...]:
    """The counts under the table, one sentence a line."""
    total = len(found)
    states = Counter(one.proof.status for one in found)
    alone = sum(one.judgement.machine_checked for one in found)
    citing = total - alone - states["conditional"]
    named = {name for one in found for name in one.judgement.theorems}
    checked, cited, assumed = (sum(one.steps[place] for one in found) for place in range(3))
    mutants = [mutant for one in found for mutant in one.mutants]
    refused = sum(len(one.judgement.refused) for one in found)
    rejected = sum(one.rejected for one in found)
    nudges, alive = sum(one.judgement.nudges for one in found), sum(len(one.judgement.survivors) for one in found)
    done = ", ".join(f"{states[state]} {state}" for state in ("proved", "refuted", "conditional") if states[state])
    return (
        f"{total} {_plural(total, 'claim')}: {done}.",
        f"{alone} are machine-checked with no citation; in {citing} more everything but the {len(named)} named theorems and "
        f"definitions they cite is: {_share(alone + citing, total)} in all.",
        f"{checked + cited + assumed} steps: {checked} checked, {cited} cited, {assumed} instances of stated assumptions.",
        f"{len(mutants)} mutants: the prover refuses {refused}, the numbers reject {rejected}.",
        f"{nudges} versions with one number of a statement changed: the prover refuses {nudges - alive}, {alive} survive.",
    )


def _plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}"


def account_json(one: Account) -> dict[str, Any]:
    """Everything in an account, for ``--json``."""
    claim, proof = one.claim, one.proof
    checked, cited, assumed = one.steps
    return {
        "id": claim.id,
        "title": claim.title,
        "kind": claim.kind,
        "source": claim.source,
        "statement": str(claim.statement),
        "latex": claim.latex,
        "expected": claim.expected,
        "note": claim.note,
        "assumptions": [{"name": each.name, "text": each.text} for each in claim.assumptions],
        "status": proof.status,
        "missing": proof.missing,
        "counts": {"checked": checked, "cited": cited, "assumed": assumed},
        "theorems": list(one.judgement.theorems),
        "steps": [
            {"kind": step.kind, "text": step.text, "relation": str(step.relation), "reference": step.reference}
            for step in proof.steps
        ],
        "nudges": one.judgement.nudges,
        "survivors": list(one.judgement.survivors),
        "at_witness": {"verdict": _verdict(one.own), "detail": one.own.detail},
        "mutants": [
            {
                "id": mutant.id,
                "title": mutant.title,
                "statement": str(mutant.statement),
                "note": mutant.note,
                "refused_by_prover": mutant.id in one.judgement.refused,
                "why": one.judgement.refused.get(mutant.id, one.judgement.passed.get(mutant.id, "")),
                "rejected_by_numbers": measured.verdict is Verdict.VIOLATED,
                "numbers": {"verdict": _verdict(measured), "detail": measured.detail},
            }
            for mutant, measured in zip(claim.mutants, one.mutants, strict=True)
        ],
        "not_as_expected": list(one.shortfalls),
    }


def _verdict(one: InstanceVerdict) -> str | None:
    return None if one.verdict is None else one.verdict.value


def undecided(found: Iterable[Account]) -> tuple[InstanceVerdict, ...]:
    """The instances that the numbers cannot decide, over all claims."""
    return tuple(each for one in found for each in one.undecided)
