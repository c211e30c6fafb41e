"""What all tests share: how property tests draw their cases, and one proof of each claim per process."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from functools import wraps

import hypothesis.core
import pytest
from hypothesis import settings

import theory
from tests._imports import watched
from tests._reseed import reseed
from tests._schedule import pytest_collection_modifyitems, pytest_xdist_make_scheduler
from theory import proof
from theory.claim import Claim, Proof
from theory.kernel import judging

__all__ = ["pytest_collection_modifyitems", "pytest_xdist_make_scheduler"]

# "ci": the same cases and draws every time, minutes; "random": others every time, as many; "thorough": many more, an hour
settings.register_profile("ci", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("random", deadline=None, print_blob=True, database=None)
settings.register_profile("thorough", deadline=None, print_blob=True, database=None)
PROFILE = os.environ.setdefault("HYPOTHESIS_PROFILE", "ci")
settings.load_profile(PROFILE)
FRESH = PROFILE in ("random", "thorough")
# the seed of tests/properties and, where FRESH, of every draw; workers of pytest-xdist inherit it
SEED = os.environ.setdefault("HYPOTHESIS_SEED", str(secrets.randbelow(2**32)) if FRESH else "20260216")
if FRESH:
    reseed(int(SEED))


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis outside tests/properties draws from the same seed."""
    if FRESH:
        hypothesis.core.global_force_seed = int(SEED)


def pytest_report_header() -> str:
    """What a failure is to be repeated with."""
    return f"cases: HYPOTHESIS_PROFILE={PROFILE} HYPOTHESIS_SEED={SEED}"


@pytest.fixture(scope="session", autouse=True)
def _one_proof_of_each_claim() -> Iterator[None]:
    """``Claim.prove`` runs the script of a registered claim once and hands out the same Proof afterwards.

    Claims and proofs are immutable and the kernel draws nothing at random (``test_a_proof_comes_out_the_same_again``).
    ``judge`` proves a claim besides trying its mutants, and that proof serves as well. Claims that a test makes itself,
    mutants included, run every time. What a proof imports is kept in ``tests._imports.imported``.
    """
    registered = {id(claim) for claim in theory.claims()}
    proofs: dict[int, Proof] = {}
    begin = judging._Script.__init__

    def script(self: judging._Script, claim: Claim) -> None:
        with watched():
            begin(self, claim)
        if id(claim) in registered:
            proofs.setdefault(id(claim), self.proof)

    @wraps(proof.run)
    def run(claim: Claim) -> Proof:
        if id(claim) not in registered:
            return run.__wrapped__(claim)
        if id(claim) not in proofs:
            with watched():
                proofs[id(claim)] = run.__wrapped__(claim)
        return proofs[id(claim)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "run", run)
        patch.setattr(judging._Script, "__init__", script)
        yield
