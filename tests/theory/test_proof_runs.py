"""A proof depends on the claim alone: run again, it takes the same steps."""

from __future__ import annotations

import inspect

import pytest

import theory
from theory import proof


@pytest.mark.parametrize("name", ["girsanov-kl", "sandwich", "two-sided-max", "persistent-v1", "golden-ratio", "w2-ball"])
def test_a_proof_comes_out_the_same_again(name: str) -> None:
    claim = theory.claim(name)
    first, again = claim.prove(), inspect.unwrap(proof.run)(claim)
    assert first is claim.prove()
    assert again is not first
    assert (again.status, again.missing) == (first.status, first.missing)
    assert [(step.kind, step.text, step.reference) for step in again.steps] == [
        (step.kind, step.text, step.reference) for step in first.steps
    ]


def test_a_claim_that_is_not_registered_runs_every_time() -> None:
    mutant = theory.claim("refresh").mutants[0]
    assert mutant.prove() is not mutant.prove()
