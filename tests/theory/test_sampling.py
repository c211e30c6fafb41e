"""Finite samples: every claim comes out as expected, every mutant is false and refused, and the recursion is simulated."""

from __future__ import annotations

import itertools
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
import sympy as sp

from theory import finite_sample_step
from theory import proof as pf
from theory import sampling as sm
from theory import symbols as s
from theory.claim import Claim, Proof

CLAIMS = {claim.id: claim for claim in sm.CLAIMS}
MUTANTS = [(claim, mutant) for claim in sm.CLAIMS for mutant in claim.mutants]
HALF = sp.Rational(1, 2)


@cache
def judged(name: str) -> pf.Judgement:
    """Each script runs once, for all the tests that ask about its proof, its mutants and its nudges."""
    return pf.judge(CLAIMS[name])


def proof_of(name: str) -> Proof:
    return judged(name).proof


@pytest.mark.parametrize("claim", sm.CLAIMS, ids=lambda claim: claim.id)
def test_the_claim_is_proved(claim: Claim) -> None:
    proof = proof_of(claim.id)
    assert proof.status == "proved", proof.missing
    assert proof.steps
    assert claim.expected == "true"


@pytest.mark.parametrize(("claim", "mutant"), MUTANTS, ids=[mutant.id for _, mutant in MUTANTS])
def test_the_mutant_is_false_and_the_same_proof_refuses_it(claim: Claim, mutant: Claim) -> None:
    assert judged(claim.id).passed == {}
    assert judged(claim.id).refused[mutant.id]
    assert mutant.expected == "false"
    assert mutant.note, "says which kind of case kills it"


@pytest.mark.parametrize("claim", sm.CLAIMS, ids=lambda claim: claim.id)
def test_the_claim_holds_at_its_own_witness_and_at_the_cases_of_its_mutants(claim: Claim) -> None:
    """The statements themselves, evaluated exactly where the assumptions hold (limits aside)."""
    if claim.statement.has(sp.Limit):
        return
    cases = [claim.witness, *(mutant.falsified_by for mutant in claim.mutants)]
    for position, case in enumerate(cases):
        if case is None or case in cases[:position] or not all(pf.holds(assumption, case) for assumption in claim.assumptions):
            continue
        with pytest.raises(pf.ProofError, match="does not fail"):
            pf.falsifying(claim, case)


def test_every_assumption_is_used_by_the_proof() -> None:
    for claim in sm.CLAIMS:
        used = {step.reference for step in proof_of(claim.id).steps if step.kind == "assumed"}
        unused = {assumption.name for assumption in claim.assumptions} - used
        assert unused <= ({"chi-squared"} if claim.id == "variance-collapse-typical" else set()), (claim.id, unused)


def test_only_named_theorems_are_cited() -> None:
    cited = {(claim.id, step.text) for claim in sm.CLAIMS for step in proof_of(claim.id).steps if step.kind == "cited"}
    assert {name for name, _ in cited} == {"variance-collapse-typical", "sample-size-law", "sample-size-law-limit"}
    assert {text for _, text in cited} == {
        "expectation of log chi-squared",
        "bounds on the digamma function",
        "bounds on the logarithm",
        "energy of a small affine error",
    }


@pytest.mark.parametrize("name", CLAIMS)
def test_no_number_of_a_statement_can_be_nudged(name: str) -> None:
    assert judged(name).nudges > 0 or name == "finite-sample-conservation"  # s + v = sigma^2 holds no number
    assert judged(name).survivors == ()


def test_conservation_needs_no_exact_start_but_the_right_sum() -> None:
    claim = CLAIMS["finite-sample-conservation"]
    for start, held in (((HALF, HALF), True), ((HALF, 1), False)):
        case = sm.schedule((HALF, sp.Rational(1, 4), sp.Integer(0)), 4, *start)
        assert all(pf.holds(assumption, case) for assumption in claim.assumptions) is held
        total = case[s.mean_error][3] + case[s.fitted_variance][3]
        assert (total == 1) is held


@pytest.mark.parametrize(
    ("design", "mean", "variance"),
    [
        ("stratified", "finite-sample-mean", "finite-sample-variance"),
        ("iid", "finite-sample-mean-iid", "finite-sample-variance-iid"),
    ],
)
def test_the_statements_are_the_closed_form(design: Any, mean: str, variance: str) -> None:
    """The same recursion by the moment algebra of ``finite_sample_step``, at exact values."""
    for a, n, s0, v0, sigma2 in itertools.product((0, HALF, 1), (1, 5), (0, HALF), (1, sp.Rational(2, 3)), (1, 2)):
        values = {
            s.fresh_fraction[s.i]: a,
            s.sample_size: n,
            s.mean_error[s.i]: s0,
            s.fitted_variance[s.i]: v0,
            s.variance: sigma2,
        }
        expected = finite_sample_step(s0, v0, a, n, sigma2, design)
        assert tuple(CLAIMS[name].statement.rhs.subs(values) for name in (mean, variance)) == expected


TESTS = 4 * 2  # comparisons in the simulation below
LEVEL = -NormalDist().inv_cdf(1e-6 / TESTS / 2)  # two-sided, one in a million over the family


@pytest.mark.parametrize("design", ["stratified", "iid"])
def test_refitting_simulated_rounds_agrees_with_the_recursion(design: Any) -> None:
    """A second route: actual normal samples, fitted again and again; thresholds from the standard errors of the averages."""
    rng = np.random.default_rng(20260601)
    runs, n, alpha, rounds = 200_000, 8, 0.25, 2
    centre, spread = np.full(runs, 0.5), np.full(runs, 0.75)
    exact: tuple[Any, Any] = (sp.Rational(1, 4), sp.Rational(9, 16))
    for _ in range(rounds):
        if design == "stratified":
            fresh = np.broadcast_to(np.arange(n) < alpha * n, (runs, n))
        else:
            fresh = rng.random((runs, n)) < alpha
        noise = rng.standard_normal((runs, n))
        points = np.where(fresh, noise, centre[:, None] + spread[:, None] * noise)
        centre, spread = points.mean(axis=1), points.std(axis=1)
        exact = finite_sample_step(*exact, sp.Rational(1, 4), n, 1, design)
        for values, expected in zip((centre**2, spread**2), exact, strict=True):
            error = values.std() / runs**0.5
            assert abs(values.mean() - float(expected)) < LEVEL * error


def test_the_typical_rate_is_about_twice_the_rate_of_the_mean() -> None:
    for n in (3, 10, 100):
        typical = sp.N(sp.digamma(sp.Rational(n - 1, 2)) + sp.log(sp.Rational(2, n)))
        assert 1.9 < typical / sp.N(sp.log(1 - sp.Rational(1, n))) < 2.6
    quotient = (sp.digamma(sp.Rational(9999, 2)) + sp.log(sp.Rational(2, 10**4))) * 10**4
    assert abs(sp.N(quotient) + 2) < 1e-3


def test_the_typical_rate_is_that_of_simulated_paths() -> None:
    """E log(chi^2_{n-1}/n) from normal samples; one in a million."""
    rng = np.random.default_rng(7)
    n = 6
    values = np.log(rng.standard_normal((200_000, n)).var(axis=1))
    expected = float(sp.N(sp.digamma(sp.Rational(n - 1, 2)) + sp.log(sp.Rational(2, n))))
    assert abs(values.mean() - expected) < -NormalDist().inv_cdf(5e-7) * values.std() / len(values) ** 0.5


@pytest.mark.parametrize("axis", ["location", "scale", "cross"])
def test_the_energy_rates_are_those_of_a_small_score_error(axis: str) -> None:
    """Score of N(a m, a^2 S + (1 - a^2) I) with one parameter perturbed, by quadrature in time, against the closed form."""
    t0, horizon, eps = 0.1, 3.0, 1e-5
    base = np.diag([0.5, 2.0])
    shift, change = np.zeros(2), np.zeros((2, 2))
    if axis == "location":
        shift[0] = eps
    elif axis == "scale":
        change[0, 0] = eps
    else:
        change[0, 1] = change[1, 0] = eps
    nodes, weights = np.polynomial.legendre.leggauss(60)
    energy = 0.0
    for node, weight in zip(nodes, weights, strict=True):
        t = t0 + (horizon - t0) * (node + 1) / 2
        u = np.exp(-t)
        true = np.linalg.inv(u * base + (1 - u) * np.eye(2))
        learned = np.linalg.inv(u * (base + change) + (1 - u) * np.eye(2))
        linear, constant = true - learned, np.sqrt(u) * learned @ shift
        energy += (
            weight * (horizon - t0) / 2 * (np.trace(linear @ np.linalg.inv(true) @ linear.T) + constant @ constant) / eps**2
        )
    first, second = (tuple(float(lam * u / (1 + (lam - 1) * u)) for lam in (0.5, 2.0)) for u in (np.exp(-horizon), np.exp(-t0)))
    # the change in the units of the premises: lambda for a mean, 2 lambda^2 for a variance, lambda lambda' for a covariance
    value, unit = {
        "location": (second[0] - first[0], 0.5),
        "scale": (second[0] ** 2 - first[0] ** 2, 0.5),
        "cross": (second[0] * second[1] - first[0] * first[1], 1.0),
    }[axis]
    assert abs(unit * energy / value - 1) < 1e-4


def test_the_moments_of_a_fit_are_those_of_the_wishart_law() -> None:
    """What the proof derives from contrasts, from the published moments of chi-squared and of products of normals."""
    facts = [(fact.lhs, fact.rhs) for fact in sm._fit_moments(CLAIMS["sample-size-law"])]
    n, axis, other = s.sample_size, s.eigenvalue[s.i], s.eigenvalue[sm._l]
    chi_squared = {1: n - 1, 2: (n - 1) * (n + 1)}  # E x and E x^2 with n - 1 degrees of freedom
    spread = axis**2 * (chi_squared[2] / n**2 - 2 * chi_squared[1] / n + 1) / 2
    for (_, found), expected in zip(facts, (axis / n, spread, (n - 1) * axis * other / n**2), strict=True):
        assert sp.simplify(found - expected) == 0
    assert sp.simplify(facts[1][1] - axis**2 * (n - 1) / n**2) != 0  # the variance alone, without the squared bias


def test_the_law_tends_to_its_leading_order() -> None:
    """n times the law without early stopping: d(d + 3)/2 in the limit, d^2/(2n) less before."""
    exact, bound = CLAIMS["sample-size-law-limit"].statement.args
    if isinstance(exact, sp.Le):
        exact, bound = bound, exact
    d, n = s.dimension, s.sample_size
    assert sp.limit(n * exact.rhs, n, sp.oo) == sp.expand(d * (d + 3) / 2)
    assert sp.simplify(bound.rhs - exact.rhs - d**2 / (2 * n**2)) == 0


def test_the_best_weight_beats_its_neighbours() -> None:
    for ratio in (sp.Rational(1, 3), 1, 2, 10):
        best = (sp.sqrt(1 + 4 * sp.sympify(ratio)) - 1) / (2 * ratio)

        def error(weight: Any, kappa: Any = ratio) -> Any:
            return (weight**2 + (1 - weight) ** 2 / kappa) / (weight * (2 - weight))

        assert sp.simplify(error(best) - best) == 0
        for step in (sp.Rational(-1, 50), sp.Rational(1, 50)):
            assert sp.N(error(best + step) - best) > 0


def test_wrong_premises_of_the_theorems_are_refused() -> None:
    u = sp.Symbol("u", nonnegative=True)
    with pytest.raises(pf.ProofError, match="not of the form"):
        pf.cited(sm.DIGAMMA, pf.identity(u, u), below=sp.Integer(1))
    with pytest.raises(pf.ProofError, match="not declared positive"):
        pf.cited(sm.LOGARITHM, x=u, below=sp.Integer(1))
    with pytest.raises(pf.ProofError, match="not the value of an integral"):
        pf.cited(sm.UNIT_ENERGY, pf.identity(u, u), part=sm._location_rate[s.j])
    constant = pf.integral(sp.Integer(1), u, (0, 1), u, 1)
    with pytest.raises(pf.ProofError, match="not the next piece"):
        pf.cited(sm.UNIT_ENERGY, constant, part=sm._location_rate[s.j])
    with pytest.raises(pf.ProofError, match="not the energy of a unit error"):
        pf.cited(sm.UNIT_ENERGY, constant, part=sm._location[s.j])
    with pytest.raises(pf.ProofError, match="from u_T to u_0"):
        pf.cited(sm.UNIT_ENERGY, part=sm._location_rate[s.j])


def test_ids_are_unique_and_sources_are_given() -> None:
    ids = [claim.id for claim in sm.CLAIMS] + [mutant.id for _, mutant in MUTANTS]
    assert len(set(ids)) == len(ids)
    for claim in sm.CLAIMS:
        assert claim.source.startswith(("SHU", "HXC", "driftbound")), claim.id
        assert claim.note
        assert claim.latex
        assert claim.numeric_side
        assert "|" not in claim.title
