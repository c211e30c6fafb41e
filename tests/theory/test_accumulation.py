"""Many generations: every claim comes out as expected, every mutant is false and refused, and nothing is vacuous."""

from __future__ import annotations

import functools
import random
from typing import Any

import pytest
import sympy as sp

from theory import accumulation as ac
from theory import proof as pf
from theory import symbols as s
from theory.claim import Claim, conjuncts
from theory.proof import Judgement, judge

CLAIMS = {claim.id: claim for claim in ac.CLAIMS}
MUTANTS = [(claim, mutant) for claim in ac.CLAIMS for mutant in claim.mutants]
REFUTED = {"persistent-v1", "thm42-display", "no-pointwise-floor"}


@functools.cache
def judged(name: str) -> Judgement:
    """Each script runs once, for all the tests that ask about its proof, its mutants and its nudges."""
    return judge(CLAIMS[name])


@pytest.mark.parametrize("claim", ac.CLAIMS, ids=lambda claim: claim.id)
def test_the_claim_comes_out_as_expected(claim: Claim) -> None:
    proof = judged(claim.id).proof
    assert proof.status == ("refuted" if claim.id in REFUTED else "proved"), proof.missing
    assert claim.expected == ("false" if claim.id in REFUTED else "true")
    assert proof.steps


@pytest.mark.parametrize(("claim", "mutant"), MUTANTS, ids=[mutant.id for _, mutant in MUTANTS])
def test_the_mutant_is_false_and_the_same_proof_refuses_it(claim: Claim, mutant: Claim) -> None:
    assert judged(claim.id).passed == {}
    assert judged(claim.id).refused[mutant.id]
    assert mutant.expected == "false"
    assert mutant.note, "says which kind of case kills it"


@pytest.mark.parametrize("claim", ac.CLAIMS, ids=lambda claim: claim.id)
def test_the_claim_holds_at_its_own_witness_and_at_the_cases_of_its_mutants(claim: Claim) -> None:
    """The statements themselves, evaluated exactly where the assumptions hold (limits aside)."""
    if claim.expected == "false" or claim.statement.has(sp.Limit):
        return
    for case in [claim.witness, *(mutant.falsified_by for mutant in claim.mutants)]:
        if case is None or not all(pf.holds(assumption, case) for assumption in claim.assumptions):
            continue
        with pytest.raises(pf.ProofError, match="does not fail"):
            pf.falsifying(claim, case)


def test_every_assumption_is_used_by_the_proof() -> None:
    """A hypothesis that no proof step uses would make the claim weaker than it is; the exceptions say why they are there."""
    spare = {
        "innovation-vs-intra": {"novelty"},  # says what g is; the two bounds hold for any g
        "chi2-horizon": {"some-synthetic"},  # structural: with alpha = 1 the oldest component has weight 0
        "thm42-display": {"alpha"},  # part of the setting that is refuted
        "no-pointwise-floor": {a.name for a in ac.NO_POINTWISE_FLOOR.assumptions} - {"last-is-data", "sum-positive"},
    }
    for claim in ac.CLAIMS:
        used = {step.reference for step in judged(claim.id).proof.steps if step.kind == "assumed"}
        unused = {assumption.name for assumption in claim.assumptions} - used
        assert unused <= spare.get(claim.id, set()), (claim.id, unused)


def random_case(rng: random.Random, rounds: int) -> dict[Any, Any]:
    """Random rational fractions, initial error and innovations on four points, each with mean zero."""

    def vector(size: int) -> tuple[sp.Rational, ...]:
        values = [sp.Rational(rng.randint(-size, size), 100) for _ in range(3)]
        return (*values, -sum(values, sp.Integer(0)))

    fraction = sp.Rational(rng.randint(1, 10), 10)
    return ac.model((fraction,) * rounds, [vector(10) for _ in range(rounds)], start=vector(10))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "name", ["refresh", "discounted-identity", "two-sided-max", "triangle", "innovation-vs-intra", "consecutive-floor"]
)
def test_unconditional_claims_hold_on_random_exact_recursions(name: str, seed: int) -> None:
    """A second route: densities on four points, every quantity computed from its definition, no kernel involved."""
    claim, case = CLAIMS[name], random_case(random.Random(seed), 4)
    assert all(pf.holds(assumption, case) for assumption in claim.assumptions)
    with pytest.raises(pf.ProofError, match="does not fail"):
        pf.falsifying(claim, case)


def test_the_two_sided_constants_are_nearly_attained() -> None:
    """Coherent and alternating rounds at alpha = 1/10: the constants cannot be improved by much."""
    tenth, rounds = sp.Rational(1, 10), 40
    stationary = -tenth / 10 / sp.Rational(19, 10)  # alternating rounds then carry f to -f from the start
    for sign, constant, start in ((1, 19, 0), (-1, sp.Rational(1, 19), stationary)):
        steps = [ac.times(tenth * sign**r / 10, ac.U) for r in range(rounds)]
        case = ac.model((tenth,) * rounds, steps, start=ac.times(start, ac.U))
        reached = case[s.max_divergence][-1] / case[s.max_discounted_sum][-1]
        assert abs(reached / constant - 1) < sp.Rational(1, 20)


def test_the_pair_floor_is_sharp() -> None:
    """A round that carries f to -f gives equality."""
    case = ac._UNDO
    pair = sp.Max(case[s.divergence][1], case[s.divergence][2])
    assert pair == case[s.innovation][1] ** 2 / sp.Rational(19, 10) ** 2


def test_the_constant_of_the_paper_is_never_better() -> None:
    """8 (1 + rho)^2 <= 16 (1 + rho^2): the constant of persistent improves on KTV-A, Prop. 4.1."""
    rho = sp.Symbol("rho", real=True)
    assert pf.nonnegative(sp.Le(8 * (1 + rho) ** 2, 16 * (1 + rho**2), evaluate=False), (8, (1 - rho) ** 2)).op == "<="


@pytest.mark.parametrize("name", [name for name in CLAIMS if name not in REFUTED])
def test_no_number_of_a_statement_can_be_nudged(name: str) -> None:
    assert judged(name).survivors == ()
    assert judged(name).nudges > 0 or name == "discounted-sum"  # D_N = S_N holds no number


def test_the_gaussian_integral_reads_its_premises() -> None:
    claim = CLAIMS["chi2-horizon"]
    finite, infinite = claim.assume("horizon-last"), claim.assume("horizon-first")
    n = s.horizon - 1
    rate = 2 / ac.spread[n] - 1 / s.variance
    rules = claim.assume("oldest", i=n), claim.assume("data-gaussian")
    factor = sp.sqrt(2 * sp.pi * s.variance) / (2 * sp.pi * ac.spread[n])
    shape = pf.identity(ac.oldest(n) ** 2 / ac.data, factor * sp.exp(-rate * ac._position**2 / 2), *rules)
    assert pf.cited(ac.GAUSSIAN_FINITE, shape, finite).rhs == rate
    swapped = pf.identity(ac.oldest(n) / ac.data, ac._normal(ac.spread[n]) / ac._normal(s.variance), *rules)
    for premises in [(shape, infinite), (swapped, finite), (finite, finite)]:
        with pytest.raises(pf.ProofError, match="the premise must"):
            pf.cited(ac.GAUSSIAN_FINITE, *premises)
    with pytest.raises(pf.ProofError, match="is infinite"):
        pf.cited(ac.GAUSSIAN_INFINITE, shape, finite)


def test_tv_discount_needs_processes_that_start_alike() -> None:
    claim = CLAIMS["tv-discount"]
    assert pf.cited(ac.GIRSANOV, claim.assume("common-start"), n=s.i).op == "<="
    with pytest.raises(pf.ProofError, match="start from one law"):
        pf.cited(ac.GIRSANOV, claim.assume("fraction"), n=s.i)


def test_the_triangle_of_mmd_needs_its_definition() -> None:
    claim = CLAIMS["mmd-discount"]
    assert pf.cited(ac.MMD_TRIANGLE, claim.assume("mmd-mean", i=s.i + 1), n=s.i).op == "<="
    for premise in (claim.assume("mmd-mean"), claim.assume("mmd-mixed"), claim.assume("fraction")):
        with pytest.raises(pf.ProofError, match="double integral of a kernel"):
            pf.cited(ac.MMD_TRIANGLE, premise, n=s.i)


@pytest.mark.parametrize("floor", [0, -1])
@pytest.mark.parametrize("seed", range(4))
def test_mmd_discount_holds_on_random_pairs_of_points(seed: int, floor: int) -> None:
    """A second route: random laws on two points, energies just above 2 KL as Girsanov asks, no kernel involved."""
    rng = random.Random(seed)

    def mass() -> sp.Rational:
        return sp.Rational(rng.randint(2, 18), 20)

    def energy(p: sp.Rational, q: sp.Rational) -> sp.Rational:
        exact = 2 * (p * sp.log(p / q) + (1 - p) * sp.log((1 - p) / (1 - q)))
        return sp.Rational(sp.ceiling(10**6 * exact), 10**6)

    laws, ideals = [mass() for _ in range(3)], [mass() for _ in range(2)]
    energies = [energy(p, q) for p, q in zip(laws[1:], ideals, strict=True)]
    case = ac.pair_model((sp.Rational(1, 3),) * 2, laws, ideals, energies, floor=floor)
    claim = CLAIMS["mmd-discount"]
    assert all(pf.holds(assumption, case) for assumption in claim.assumptions)
    with pytest.raises(pf.ProofError, match="does not fail"):
        pf.falsifying(claim, case)


def test_a_law_that_is_not_the_case_breaks_the_assumptions_of_mmd_discount() -> None:
    """The definitions tie every number of a case to the densities: any one of them changed is noticed."""
    claim, case = CLAIMS["mmd-discount"], ac._PAIR_ERROR
    changes: dict[Any, Any] = {
        s.mmd: (1, sp.sqrt(2) / 10), s.mixed_mmd: (1,), s.endpoint_mmd: (1,), s.endpoint_tv: (1,),
        s.kernel_range: sp.Rational(1, 2), ac.kernel_floor: sp.Rational(1, 2), s.fresh_fraction: (2,), s.initial_kl: 1,
    }  # fmt: skip
    for key, value in changes.items():
        wrong = {**case, key: value}
        assert not all(pf.holds(assumption, wrong) for assumption in claim.assumptions), key


def resolvent_weights(memory: list[list[sp.Rational]]) -> list[sp.Rational]:
    """W_{iN} by following each unit innovation forward through the rounds: f_{n+1} = sum_j w_nj f_j + g_n."""
    rounds, out = len(memory), []
    for source in range(rounds):
        errors = [sp.Integer(0)]
        for n in range(rounds):
            errors.append(sum((memory[n][j] * errors[j] for j in range(n + 1)), sp.Integer(n == source)))
        out.append(errors[-1])
    return out


def test_the_resolvent_of_the_memory_identity_is_what_innovations_leave() -> None:
    """The backward recursion that the proof assumes of W, against the forward one; fresh fractions and pooling among them."""
    rng = random.Random(3)
    half, third = sp.Rational(1, 2), sp.Rational(1, 3)
    arbitrary = [[sp.Rational(rng.randint(-9, 9), 7) for _ in range(n + 1)] for n in range(4)]
    fresh = [[half * int(j == n) for j in range(n + 1)] for n in range(4)]
    pooled = [[sp.Integer(0), *(sp.Rational(1, n + 1),) * n] for n in range(3)]
    for memory in (arbitrary, fresh, pooled):
        rounds, backward = len(memory), [sp.Integer(0)] * len(memory)
        for i in reversed(range(rounds)):
            later = sum((backward[k] * memory[k][i + 1] for k in range(i + 1, rounds)), sp.Integer(0))
            backward[i] = later if i < rounds - 1 else sp.Integer(1)
        assert backward == resolvent_weights(memory)
    assert resolvent_weights(fresh) == [half**3, half**2, half, 1]
    assert resolvent_weights(pooled) == [half, third, 1]


def test_statements_put_the_measured_quantity_on_the_left() -> None:
    for claim in ac.CLAIMS:
        for relation in conjuncts(claim.statement):
            assert relation.lhs.atoms(sp.Indexed, sp.Limit) or relation.lhs.has(s.horizon) or relation.has(sp.Limit), claim.id


def test_ids_are_unique_and_sources_are_given() -> None:
    ids = [claim.id for claim in ac.CLAIMS] + [mutant.id for _, mutant in MUTANTS]
    assert len(set(ids)) == len(ids)
    for claim in ac.CLAIMS:
        assert claim.source.startswith(("KTV-A", "GER", "driftbound")), claim.id
        assert claim.note
        assert claim.latex
