"""What all tests share: one proof of each claim per process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps

import pytest

import theory
from theory import proof
from theory.claim import Claim, Proof


@pytest.fixture(scope="session", autouse=True)
def _one_proof_of_each_claim() -> Iterator[None]:
    """``Claim.prove`` runs the script of a registered claim once and hands out the same Proof afterwards.

    Claims and proofs are immutable and the kernel draws nothing at random (``test_a_proof_comes_out_the_same_again``).
    Claims that a test makes itself, mutants included, run every time.
    """
    registered = {id(claim) for claim in theory.claims()}
    proofs: dict[int, Proof] = {}

    @wraps(proof.run)
    def run(claim: Claim) -> Proof:
        if id(claim) not in registered:
            return run.__wrapped__(claim)
        if id(claim) not in proofs:
            proofs[id(claim)] = run.__wrapped__(claim)
        return proofs[id(claim)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "run", run)
        yield
