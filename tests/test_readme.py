"""Every proof in a fresh interpreter, which loads no numpy; and the README's table, which must be what these proofs say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import theory
from numeric.command.account import Account
from numeric.command.instances import judge_instances
from numeric.command.tables import claims_markdown
from numeric.command.verbs.claims import BEGIN, END
from theory.proof import nudged

README = Path(__file__).parents[1] / "README.md"
EXPECTED = {"true": "proved", "false": "refuted"}
SCRIPT = """
import json, sys, theory
proofs = {claim.id: claim.prove() for claim in theory.claims()}
theory.learned_energy(0.5, 0.8, 0, 0.02, 4); theory.davis_constant(2.5)
found = {id: [one.status, one.missing, [[step.kind, step.text] for step in one.steps]] for id, one in proofs.items()}
loaded = sorted({name.split('.')[0] for name in sys.modules})
print(json.dumps({"proofs": found, "loaded": loaded}))
"""


@pytest.fixture(scope="module")
def fresh() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True, timeout=300)
    return dict(json.loads(done.stdout))


def test_proving_everything_loads_neither_numpy_nor_numeric(fresh: dict[str, Any]) -> None:
    assert not set(fresh["loaded"]) & {"numpy", "scipy", "numeric", "sklearn", "matplotlib"}


def test_every_claim_is_at_its_expected_status(fresh: dict[str, Any]) -> None:
    assert {name: status for name, (status, _, _) in fresh["proofs"].items()} == {
        claim.id: EXPECTED[claim.expected] for claim in theory.claims()
    }


def account(claim: theory.Claim, status: Any, missing: str, steps: list[tuple[Any, str]]) -> Account:
    """The account of a claim whose proof refuses every mutant and nudge: that it does is for tests/theory."""
    made = tuple(theory.Step(text, kind, sp.Integer(0), sp.true) for kind, text in steps)
    proof = theory.Proof(status, made, missing, {} if status == "refuted" else None)
    nudges = len(list(nudged(claim))) if status == "proved" else 0
    judgement = theory.Judgement(claim, proof, {mutant.id: "refused" for mutant in claim.mutants}, {}, nudges)
    return Account(judgement, *judge_instances(claim))


def test_the_table_of_claims_is_the_registry(fresh: dict[str, Any]) -> None:
    text = README.read_text(encoding="utf-8")
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()
    expected = claims_markdown([account(claim, *fresh["proofs"][claim.id]) for claim in theory.claims()])
    assert table.splitlines() == expected.splitlines(), "renew it with: driftbound claims --markdown README.md"
