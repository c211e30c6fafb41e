"""No proof loads numpy, in this interpreter or a fresh one; and the README's table must be what the proofs say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import theory
from numeric.command.account import Account
from numeric.command.instances import judge_instances
from numeric.command.tables import claims_markdown
from numeric.command.verbs.claims import BEGIN, END
from tests._imports import imported, watched
from theory.proof import nudged

README = Path(__file__).parents[1] / "README.md"
EXPECTED = {"true": "proved", "false": "refuted"}
FORBIDDEN = {"numpy", "scipy", "numeric", "sklearn", "matplotlib"}
FEW = ("girsanov-kl", "sandwich", "divergence-table", "two-sided-max", "interference", "hermite-filter", "golden-ratio")
SCRIPT = """
import json, sys, theory
proofs = {claim.id: claim.prove() for claim in (theory.claims() if sys.argv[1] == "all" else map(theory.claim, sys.argv[1:]))}
theory.learned_energy(0.5, 0.8, 0, 0.02, 4); theory.davis_constant(2.5)
found = {id: [one.status, one.missing, [[step.kind, step.text] for step in one.steps]] for id, one in proofs.items()}
loaded = sorted({name.split('.')[0] for name in sys.modules})
print(json.dumps({"proofs": found, "loaded": loaded}))
"""


def said(proof: theory.Proof) -> list[Any]:
    """What a proof says, as the fresh interpreter writes it."""
    return [proof.status, proof.missing, [[step.kind, step.text] for step in proof.steps]]


@pytest.fixture(scope="module")
def proofs() -> dict[str, theory.Proof]:
    return {claim.id: claim.prove() for claim in theory.claims()}


@pytest.mark.parametrize("ids", [FEW, pytest.param(("all",), marks=pytest.mark.thorough)], ids=["few", "all"])
def test_a_fresh_interpreter_proves_the_same_and_loads_neither_numpy_nor_numeric(
    ids: tuple[str, ...], proofs: dict[str, theory.Proof]
) -> None:
    command = [sys.executable, "-c", SCRIPT, *ids]
    done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout)
    assert set(ids) <= {*done["proofs"], "all"}
    assert done["proofs"] == {name: said(proofs[name]) for name in done["proofs"]}
    assert not set(done["loaded"]) & FORBIDDEN


def test_no_proof_imports_numpy_or_numeric(proofs: dict[str, theory.Proof]) -> None:
    assert len(proofs) == len(theory.claims())
    assert "theory" in imported  # what is not watched imports nothing either
    assert not imported & FORBIDDEN
    with watched():
        import numpy  # noqa: F401 (loaded before; importing it again is seen all the same)
    assert imported & FORBIDDEN
    imported.clear()


def test_every_claim_is_at_its_expected_status(proofs: dict[str, theory.Proof]) -> None:
    assert {name: proof.status for name, proof in proofs.items()} == {
        claim.id: EXPECTED[claim.expected] for claim in theory.claims()
    }


def account(claim: theory.Claim, proof: theory.Proof) -> Account:
    """The account of a claim whose proof refuses every mutant and nudge: that it does is for tests/theory."""
    nudges = len(list(nudged(claim))) if proof.status == "proved" else 0
    judgement = theory.Judgement(claim, proof, {mutant.id: "refused" for mutant in claim.mutants}, {}, nudges)
    return Account(judgement, *judge_instances(claim))


def test_the_table_of_claims_is_the_registry(proofs: dict[str, theory.Proof]) -> None:
    text = README.read_text(encoding="utf-8")
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()
    expected = claims_markdown([account(claim, proofs[claim.id]) for claim in theory.claims()])
    assert table.splitlines() == expected.splitlines(), "renew it with: driftbound claims --markdown README.md"
