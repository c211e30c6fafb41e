"""Every wrong version of every claim meets measured rounds, through the code that judges measurements, and must be VIOLATED.

A mutant is an ordinary ``Claim``, which ``check_generation``, ``check_recursion`` and ``check_refits`` cannot tell from a true
one. The claim itself is checked in the same call, on the same numbers, and must not be violated there.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
import pytest
import sympy as sp

import theory
from numeric import BoundCheck, Generation, Recursion, Verdict, check_generation, check_recursion, check_refits
from numeric.command.suite import SuiteCase, suite
from tests._tally import tally
from theory import proof

SEED = 11
CONFIDENCE = 1.0 - 1e-7

KILLED_ON = {
    "time-only drift, small": (
        "girsanov-kl/49-percent",
        "girsanov-reverse-kl/49-percent",
        "gradient-kl/49-percent",
        "observability-lower/twice",
        "observability-threshold/twice",
        "observability-upper/half",
        "path-chi2-deterministic/linear",
        "path-chi2/half-the-path",
        "path-chi2/linear",
        "sandwich-bounded/half-leading",
        "sandwich-moments/half-leading",
        "sandwich/half-leading",
        "visible-lower/ten-percent-more",
    ),
    "time-only drift, very large": (
        "leading-order/half-the-remainder",
        "sandwich-bounded/half-the-remainder",
        "sandwich/half-the-remainder",
    ),
    "time-only drift, invisible": ("observability-lower/without-eta",),
    "invisible to first order": ("impossibility/invisible",),
    "rotation": ("impossibility/psi", "path-chi2-deterministic/random-energy"),
    "returning error": ("leading-order/small-error-alone", "observability-threshold/any-size"),
    "started from its own noise": ("girsanov-kl/any-start",),
    "one perfect round": (
        "consecutive-floor/after-only",
        "discounted-identity/diagonal-only",
        "discounted-sum/without-orthogonality",
        "memory-identity/diagonal-only",
        "memory-identity/weights-not-squared",
        "no-pointwise-floor/one-thousandth",
        "refresh/cube",
        "triangle/refresh-squared",
        "triangle/root-of-sum",
        "two-sided-max/pointwise",
        "two-sided-max/upper-one",
    ),
    "alternating, constant J": (
        "consecutive-floor/constant-one",
        "interference/alternating-as-coherent",
        "interference/no-interference",
        "two-sided-max/lower-one",
        "two-sided-max/lower-sum-once",
    ),
    "smoothing, exact multiple": ("chi2-horizon/double", "chi2-horizon/strict", "two-sided-max/upper-sum-once"),
    "narrowed, then widened": ("innovation-vs-intra/lower-one",),
    "replacing, coherent": ("replace/always-linear",),
    "accumulating, coherent": ("accumulate/always-bounded",),
    "accumulating, orthogonal": ("accumulate/cubes",),
    "orthogonal, harmonic sizes": ("persistent-v1-witness/half",),
    "rotations": ("persistent/energy-for-visible-energy",),
    "returning errors": ("persistent/without-smallness",),
    "perfect score, late stop": ("tv-discount/no-smoothing",),
    "exact score, wrong start": (
        "hermite-filter/inexact-score",
        "limit-tv/any-start",
        "mmd-discount/any-start",
        "thm42-display/without-initial-term",
        "tv-discount/any-start",
    ),
    "early stopping, narrow and far": (
        "divergence-table/mmd-by-rho-squared",
        "divergence-table/tv-by-rho-squared",
        "divergence-table/w2-by-rho",
        "hermite-filter/fresh-not-noised",
        "hermite-filter/one-noising",
        "hermite-filter/twice-the-time",
        "innovation-vs-intra/upper-one",
        "limit-law/no-weight",
        "limit-law/one-noising-less",
        "limit-rate-floor/root-of-rho",
        "limit-rate-floor/without-noising",
        "limit-rate/no-noising",
        "limit-rate/tv-by-rho-squared",
        "limit-rate/w2-by-rho",
        "limit-tv/no-initial-term",
        "mmd-discount/no-smoothing",
        "mmd-discount/rho-squared",
        "second-moment-limit/one-dimension-more",
        "second-moment-limit/without-noise",
        "w2-ball/rate-rho",
    ),
    "early stopping, mostly fresh data": (
        "annealing/no-compounding",
        "annealing/no-loss",
        "discounted-identity/no-cross-term",
    ),
    "annealed early stopping, first rounds too long": ("annealing/unbounded-times",),
    "mirrored modes, cosine kernel": (
        "limit-tv/49-percent",
        "limit-tv/no-score-errors",
        "mmd-discount/any-kernel",
        "mmd-discount/as-tv",
    ),
    "coherent shifts of a narrow law": ("w2-ball/no-accumulation",),
    "refits, off the mean": (
        "finite-sample-conservation/any-start",
        "finite-sample-mean/iid-noise",
        "finite-sample-mean/rho",
        "finite-sample-variance/one-centre",
        "finite-sample-variance/unbiased",
    ),
    "refits, off the mean, iid": (
        "finite-sample-mean-iid/stratified-noise",
        "finite-sample-variance-iid/stratified-noise",
    ),
    "refits, half fresh": (
        "finite-sample-closed-form/no-loss",
        "variance-collapse/fresh-data",
    ),
    "refits, few fresh": ("finite-sample-stationary/no-loss",),
    "refits, nothing fresh": (
        "finite-sample-conservation/loses",
        "variance-collapse-typical/mean-rate",
        "variance-collapse/twice",
    ),
    "fit without early stopping": (
        "sample-size-law-limit/diagonal-only",
        "sample-size-law-limit/parameter-count",
        "sample-size-law/diagonal-only",
        "sample-size-law/many-points",
    ),
    "weight near the golden": ("golden-ratio/no-memory", "golden-ratio/two-thirds"),
    "two synthetic per fresh": ("golden-ratio-general/always-golden", "golden-ratio-general/one-to-one"),
}
"""Case of the suite -> the mutants that it must kill: the case on which the claim is tight where the mutant is wrong."""

PROVER_ONLY = {
    "leading-order-limit/quarter": "chi2 over the visible energy along an error divided by N, as N grows",
    "interference-limit/inverted": "D_N/S_N as N grows; at every finite N `interference` decides, whose mutants die on numbers",
    "accumulate-limit/two": "D_N as N grows; at every finite N `accumulate` decides, whose mutants die on numbers",
    "persistent-v1/limit-above-one": "a lower limit of D_i; the finite rounds of its witness are `persistent-v1-witness`",
}
"""Mutants that no finite case decides, with the limit they speak of."""

PAIRS = [(label, mutant) for label, mutants in KILLED_ON.items() for mutant in mutants]
OWNER = {mutant.id: (claim, mutant) for claim in theory.claims() for mutant in claim.mutants}


@lru_cache(maxsize=1)
def cases() -> dict[str, SuiteCase]:
    return {case.label: case for case in suite("quick")}


@cache
def judged(label: str) -> dict[str, list[BoundCheck]]:
    """The mutants of a case and the claims they were made of, all in one call, by id."""
    claims = {one.id: one for mutant in KILLED_ON[label] for one in OWNER[mutant]}
    result = cases()[label].build(np.random.default_rng([SEED, *label.encode()]))
    if isinstance(result, Generation):
        checks = check_generation(result, claims.values(), confidence=CONFIDENCE)
    elif isinstance(result, Recursion):
        checks = check_recursion(result, claims.values(), confidence=CONFIDENCE)
    else:
        checks = check_refits(result, claims.values(), confidence=CONFIDENCE)
    found: dict[str, list[BoundCheck]] = {one: [] for one in claims}
    for check in checks:
        found[check.claim].append(check)
    return found


def test_every_mutant_of_the_registry_is_accounted_for_once() -> None:
    listed = [mutant for _, mutant in PAIRS] + list(PROVER_ONLY)
    assert sorted(listed) == sorted(OWNER)
    assert {claim.id for claim in theory.claims() if not claim.mutants} == set()
    assert set(KILLED_ON) <= set(cases())
    tally("mutants of claims", "measured rounds", tried=len(PAIRS), prover_only=len(PROVER_ONLY))


@pytest.mark.parametrize(("label", "name"), PAIRS, ids=[mutant for _, mutant in PAIRS])
def test_the_mutant_is_violated_and_the_claim_is_not(label: str, name: str) -> None:
    claim, mutant = OWNER[name]
    own = {check.verdict for check in judged(label)[claim.id]}
    broken = [check for check in judged(label)[name] if check.verdict is Verdict.VIOLATED]
    assert broken, f"not VIOLATED on {label}"
    assert all(check.margin < 0.0 or mutant.kind == "equality" for check in broken)
    if claim.expected == "true":
        assert own
        assert own <= {Verdict.HOLDS, Verdict.ASSUMPTION_FAILS, Verdict.INCONCLUSIVE}
        if {one.name for one in mutant.assumptions} >= {one.name for one in claim.assumptions}:
            assert Verdict.HOLDS in own  # the same hypotheses, met on the same numbers
    tally("mutants of claims", name, killed=1)


@pytest.mark.parametrize("name", sorted(PROVER_ONLY))
def test_a_mutant_about_a_limit_is_refused_by_the_prover_and_is_invisible_to_numbers(name: str) -> None:
    claim, mutant = OWNER[name]
    assert all(part.has(sp.Limit) for part in theory.conjuncts(mutant.statement))
    assert proof.judge_mutant(claim, mutant)
    assert check_recursion(cases()["one perfect round"].build(np.random.default_rng(1)), [mutant]) == ()
    tally("mutants of claims", name, killed=1)


def test_a_mutant_differs_from_its_claim_in_a_relation_or_in_a_hypothesis() -> None:
    """One mistake each; where it shows in several places, ``SEVERAL`` says why."""
    several = {}
    for name, (claim, mutant) in OWNER.items():
        relations = set(theory.conjuncts(mutant.statement)) - set(theory.conjuncts(claim.statement))
        mine, theirs = ({one.name: one for one in some.assumptions} for some in (mutant, claim))
        hypotheses = [one for one in theirs if one not in mine or mine[one].condition != theirs[one].condition]
        assert relations or hypotheses, name
        if len(relations) + bool(hypotheses) > 1:
            several[name] = (len(relations), hypotheses)
    assert set(several) == SEVERAL


SEVERAL = {
    "leading-order/small-error-alone",  # a small error for the hypothesis, and a number for the bound that needed it
    "limit-law/no-weight",  # the weight stands in both of its relations
    "limit-law/one-noising-less",  # and so does the time
    "persistent/energy-for-visible-energy",  # the floor and the sum speak of the same energy
    "variance-collapse-typical/mean-rate",  # both bounds of the rate
}
"""Mutants whose one mistake shows in more than one place."""
