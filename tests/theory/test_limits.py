"""The limit law: every claim is proved, every mutant is false and refused, and recursions run by hand agree."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import sympy as sp

from theory import limits as lm
from theory import proof as pf
from theory import symbols as s
from theory.claim import Claim, Proof, conjuncts

CLAIMS = {claim.id: claim for claim in lm.CLAIMS}
MUTANTS = [(claim, mutant) for claim in lm.CLAIMS for mutant in claim.mutants]
ORDER = (
    "limit-law",
    "limit-rate",
    "limit-rate-floor",
    "hermite-filter",
    "second-moment-limit",
    "annealing",
    "limit-tv",
    "w2-ball",
)


@cache
def judged(name: str) -> pf.Judgement:
    """Each script runs once, for all the tests that ask about its proof, its mutants and its nudges."""
    return pf.judge(CLAIMS[name])


def proof_of(name: str) -> Proof:
    return judged(name).proof


def holds_at(name: str, case: Any, about: Any = None) -> None:
    """The conjuncts of the claim that mention ``about`` hold at the case (limits aside: no finite case evaluates them)."""
    parts = [part for part in conjuncts(CLAIMS[name].statement) if not part.has(sp.Limit)]
    parts = [part for part in parts if about is None or part.has(about)]
    assert parts
    for part in parts:
        with pytest.raises(pf.ProofError, match="does not fail"):
            pf.falsifying(replace(CLAIMS[name], statement=part), case)


def test_the_claims_are_in_reading_order() -> None:
    assert tuple(CLAIMS) == ORDER
    ids = [*CLAIMS, *(mutant.id for _, mutant in MUTANTS)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("name", ORDER)
def test_the_claim_is_proved(name: str) -> None:
    proof, claim = proof_of(name), CLAIMS[name]
    assert proof.status == "proved", proof.missing
    assert proof.steps
    assert claim.numeric_side
    assert claim.mutants
    assert claim.note
    assert claim.latex
    assert "|" not in claim.title
    assert claim.source.startswith(("KTV-B", "driftbound"))


@pytest.mark.parametrize("name", ORDER)
def test_every_assumption_is_used_by_the_proof(name: str) -> None:
    used = {step.reference for step in proof_of(name).steps if step.kind == "assumed"}
    assert used == {assumption.name for assumption in CLAIMS[name].assumptions}


@pytest.mark.parametrize(("claim", "mutant"), MUTANTS, ids=[mutant.id for _, mutant in MUTANTS])
def test_the_mutant_is_false_and_the_same_proof_refuses_it(claim: Claim, mutant: Claim) -> None:
    assert judged(claim.id).passed == {}
    assert judged(claim.id).refused[mutant.id]
    assert mutant.expected == "false"
    assert mutant.note, "says which kind of case kills it"


@pytest.mark.parametrize("name", ORDER)
def test_no_number_of_a_statement_can_be_nudged(name: str) -> None:
    assert judged(name).nudges > 0
    assert judged(name).survivors == ()


@pytest.mark.parametrize("seed", range(4))
def test_the_limit_law_on_random_recursions_of_means(seed: int) -> None:
    """A second route: the recursion run by hand on rational means, no kernel involved."""
    rng = random.Random(seed)
    share, damping = sp.Rational(rng.randint(1, 9), 10), sp.Rational(rng.randint(1, 9), 10)
    case = lm._case(4, share, damping, rng.randint(-5, 5), rng.randint(-5, 5))
    holds_at("limit-law", case)
    holds_at("limit-rate", case, about=s.smoothed)


def test_the_distances_of_two_narrow_laws_obey_the_rates() -> None:
    holds_at("limit-rate", lm._FAR)
    holds_at("w2-ball", lm._FAR)
    holds_at("w2-ball", lm._PUSHED)
    holds_at("limit-tv", lm._FAR)
    holds_at("limit-tv", lm._TILTED)


def test_half_is_nearly_attained_in_the_score_error_bound() -> None:
    value = pf.evaluate(lm._limit_tv_bound(s.N), lm._TILTED, lm._TILTED)
    assert 1 < value * 20 < sp.Rational(1002, 1000)


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_hermite_and_second_moments_on_recursions_run_by_hand(rounds: int) -> None:
    holds_at("hermite-filter", lm._hermite_case(rounds))
    holds_at("annealing", lm._hermite_case(rounds), about=s.hermite)
    values = [sp.Integer(3)]
    for _ in range(rounds):  # alpha = 1/2, e^-t0 = 1/2, d = 2, M = 5
        values.append((5 + values[-1]) / 4 + 1)
    moments = {
        s.N: rounds,
        s.alpha: sp.Rational(1, 2),
        s.early_time: sp.log(2),
        s.dimension: 2,
        s.second_moment_data: 5,
        s.second_moment: tuple(values),
        s.mixed_moment: tuple((5 + value) / 2 for value in values[:-1]),
        s.smoothed: ((1,) * (rounds + 1),) * (rounds + 1),  # read with the test function 1
        s.smoothed_mixture: ((1,) * rounds,) * (rounds + 1),
        s.smoothed_data: (1,) * (rounds + 1),
        s.smoothed_limit: (1,) * (rounds + 1),
        s.second_moment_limit: sp.Rational(5 + 4, 3),  # (5/4 + 1)/(1 - 1/4)
    }
    holds_at("second-moment-limit", moments)


def test_the_filter_is_the_published_gain() -> None:
    """``hermite_gain`` and the claim say the same, for every order, share and time."""
    difference = lm._GAIN - lm.hermite_gain(s.order, s.alpha, s.early_time)
    assert sp.simplify(difference) == 0
    limit = next(part for part in conjuncts(CLAIMS["hermite-filter"].statement) if part.has(sp.Limit))
    assert sp.simplify(limit.rhs / s.hermite_data[s.order] - lm.hermite_gain(s.order, s.alpha, s.early_time)) == 0


def test_the_theorems_refuse_premises_that_are_not_met() -> None:
    claim = CLAIMS["limit-rate"]
    rho, fixed = lm._rho(claim), claim.assume("fixed-point", j=0)
    mixing, exact = claim.assume("mixing", j=1), claim.assume("round", j=0)
    assert pf.cited(lm.W1_CONTRACTION, mixing, fixed, rho, exact).lhs == s.limit_w1[s.i + 1]
    assert pf.cited(lm.TV_CONTRACTION, mixing, fixed, rho).lhs == s.noised_limit_tv[s.i]
    for premises in [
        (mixing, fixed, rho),  # W1 needs the exact round
        (fixed, fixed, rho, exact),
        (mixing, mixing, rho, exact),
        (mixing, fixed, pf.nonnegative(s.alpha), exact),
        (mixing, fixed, rho, claim.assume("round", j=1)),
    ]:
        with pytest.raises(pf.ProofError):
            pf.cited(lm.W1_CONTRACTION, *premises)
    with pytest.raises(pf.ProofError, match="generating function"):
        pf.cited(lm.MEHLER, mixing, exact, n=s.i, time=s.early_time)
    generating = pf.identity(*lm._generating(s.early_time))
    assert pf.cited(lm.MEHLER, generating, exact, n=s.i, time=s.early_time).lhs == s.hermite[s.i + 1, s.order]
    timed = CLAIMS["annealing"].assume("timed-round", i=s.i)
    for premise in (mixing, timed, claim.assume("round", j=1)):  # Mehler reads that the round noises for the very time t0
        with pytest.raises(pf.ProofError, match="must read"):
            pf.cited(lm.MEHLER, generating, premise, n=s.i, time=s.early_time)
    with pytest.raises(pf.ProofError, match="must read"):
        pf.cited(lm.OU_MOMENT, timed, n=s.i)
    with pytest.raises(pf.ProofError, match="must read"):
        pf.cited(lm.NOISED_TV, exact, n=s.i)
    wrong = CLAIMS["limit-law"].assume("fixed-point", j=1)
    with pytest.raises(pf.ProofError, match="fixed point"):
        pf.cited(lm.MEHLER_FIXED, generating, wrong)
    with pytest.raises(pf.ProofError, match="fixed point"):
        pf.cited(lm.OU_MOMENT_FIXED, mixing)
    with pytest.raises(pf.ProofError, match="one quantity"):
        pf.cited(lm.MINIMUM, mixing, fixed)
