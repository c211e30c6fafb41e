"""``driftbound claims``: the claims with the state of their proofs, or one in full."""

from __future__ import annotations

import argparse
from typing import Any

import theory
from numeric.command import tables
from numeric.command.report import as_json
from numeric.command.status import FAILED, OK
from numeric.command.verify import selected

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser("claims", help="the claims, or one of them in full", description=run.__doc__)
    parser.add_argument("id", nargs="?", help="a claim's id")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """List the claims with the state of their proofs, or show one with its statement, proof steps and mutants."""
    out = tables.console()
    wanted = selected(None if chosen.id is None else [chosen.id])
    proofs = [(claim, claim.prove()) for claim in wanted]
    if chosen.json:
        print(as_json([_claim_json(claim, proof) for claim, proof in proofs]))
    elif chosen.id is None:
        tables.claims_table(proofs, out)
    else:
        tables.claim_page(*proofs[0], out)
    expected = {"true": "proved", "false": "refuted"}
    return OK if all(proof.status in (expected[claim.expected], "conditional") for claim, proof in proofs) else FAILED


def _claim_json(claim: theory.Claim, proof: theory.Proof) -> dict[str, Any]:
    return {
        "id": claim.id,
        "title": claim.title,
        "kind": claim.kind,
        "source": claim.source,
        "statement": str(claim.statement),
        "latex": claim.latex,
        "expected": claim.expected,
        "note": claim.note,
        "assumptions": [{"name": one.name, "text": one.text} for one in claim.assumptions],
        "status": proof.status,
        "missing": proof.missing,
        "steps": [
            {"kind": step.kind, "text": step.text, "relation": str(step.relation), "reference": step.reference}
            for step in proof.steps
        ],
        "mutants": [{"id": one.id, "title": one.title, "statement": str(one.statement)} for one in claim.mutants],
    }
