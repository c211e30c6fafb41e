"""Every true claim, held against cases drawn at random: none is ever VIOLATED, and each holds with a bound that informs.

A family is a strategy and a few extremal cases beside it, through the same property. What a family must show: which claims held
informatively, so that none passes by never being decided; and which wrong versions are VIOLATED on cases of the strategy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import sympy as sp
from hypothesis.strategies import SearchStrategy

import theory
from numeric import BoundCheck, Generation, Recursion, Verdict, check_generation, check_recursion, check_refits, strategies
from numeric.command.suite import SuiteCase, suite
from numeric.command.suite.case import Result
from tests._tally import tally
from tests.properties import families
from tests.properties.drawn import drawn, rejected

INFORMED = 10.0  # bound over observed up to which a bound informs, the limit that `verify` sets
TRIVIAL = 1e-9  # an observed number below this is none


def judged(case: Result, claims: list[theory.Claim] | None = None) -> tuple[BoundCheck, ...]:
    """All checks of a case of any kind."""
    if isinstance(case, Generation):
        return check_generation(case, claims)
    return check_recursion(case, claims) if isinstance(case, Recursion) else check_refits(case, claims)


def informs(check: BoundCheck) -> bool:
    """HOLDS, about something, by a bound that is near."""
    near = check.kind == "equality" or (check.observed > TRIVIAL and check.tightness <= INFORMED)
    return check.verdict is Verdict.HOLDS and near


@dataclass(frozen=True)
class Family:
    """Cases of one kind, and what they must show."""

    cases: SearchStrategy[Result]
    examples: int
    anchors: tuple[str, ...]  # labels of the suite of `verify`
    informative: frozenset[str]  # claims that hold informatively
    mutants: tuple[str, ...]  # found VIOLATED on drawn cases


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ONE_ROUND = (
    "girsanov-kl girsanov-reverse-kl gradient-kl path-chi2 visible-lower sandwich leading-order path-chi2-deterministic "
    "sandwich-bounded sandwich-moments observability-lower observability-upper observability-threshold impossibility"
)
MANY_ROUNDS = (
    "refresh discounted-identity memory-identity triangle two-sided-max consecutive-floor innovation-vs-intra divergence-table"
)

FAMILIES = {
    "rounds of Gaussians": Family(
        strategies.generations(),
        6,
        (
            "variance overestimated",
            "time-only drift, small",
            "time-only drift, large",
            "time-only drift, very large",
            "rotation",
        ),
        frozenset(words(ONE_ROUND)),
        words("path-chi2-deterministic/random-energy"),
    ),
    "rounds started from their own noise": Family(
        families.consistent(strategies.gaussians(), "learned"),
        8,
        (),
        frozenset(),
        words("girsanov-kl/any-start"),
    ),
    "rounds of mixtures, consistent": Family(
        families.consistent(families.PAIRS),
        4,
        ("1-D mixture 1",),
        frozenset(words("girsanov-kl girsanov-reverse-kl gradient-kl path-chi2 sandwich leading-order visible-lower")),
        words("girsanov-kl/49-percent path-chi2/half-the-path"),
    ),
    "rounds of mixtures, bounded": Family(
        strategies.mixtures(1, low=0.3, high=3.0, apart=4.0, least=0.05).flatmap(families.bounded),
        2,
        (),
        frozenset(),
        (),
    ),
    "recursions of Gaussians": Family(
        strategies.recursions(),
        15,
        ("started far away", "smoothing, exact multiple", "shrinking", "one perfect round"),
        frozenset(words(MANY_ROUNDS + " chi2-horizon discounted-sum")),
        words("refresh/cube triangle/root-of-sum triangle/refresh-squared two-sided-max/upper-sum-once"),
    ),
    "recursions of mixtures": Family(
        strategies.recursions(families.PAIRS),
        8,
        (),
        frozenset(words("refresh discounted-identity divergence-table triangle")),
        words("refresh/cube triangle/refresh-squared divergence-table/mmd-by-rho-squared"),
    ),
    "innovations of one size": Family(
        families.patterned(),
        8,
        ("accumulating, orthogonal", "replacing, coherent", "orthogonal, harmonic sizes", "coherent, constant J"),
        frozenset(words("interference accumulate replace persistent-v1-witness two-sided-max")),
        words("interference/no-interference memory-identity/weights-not-squared discounted-sum/without-orthogonality"),
    ),
    "early stopping": Family(
        families.early_stopped(),
        6,
        ("annealed early stopping", "early stopping, narrow and far", "coherent shifts of a narrow law"),
        frozenset(words("limit-law limit-rate limit-rate-floor hermite-filter second-moment-limit annealing w2-ball")),
        words("limit-law/no-weight hermite-filter/twice-the-time second-moment-limit/without-noise annealing/no-loss"),
    ),
    "recursions with energies": Family(
        families.with_energies(),
        2,
        ("perfect score, late stop", "alternating, with energies", "coherent shifts from the limit law", "mirrored modes"),
        frozenset(words("tv-discount mmd-discount persistent limit-tv")),
        (),
    ),
    "refits": Family(
        strategies.refits(),
        15,
        ("refits, half fresh", "refits, nothing fresh", "refits, few fresh"),
        frozenset(claim.id for claim in theory.claims() if claim.id.startswith(("finite-sample", "variance-collapse"))),
        words("finite-sample-mean/rho finite-sample-mean-iid/stratified-noise finite-sample-variance/unbiased")
        + words("finite-sample-conservation/any-start finite-sample-variance-iid/stratified-noise"),
    ),
    "weighted means": Family(
        families.pooled(),
        12,
        ("golden weight",),
        frozenset(words("golden-ratio golden-ratio-general")),
        words("golden-ratio-general/one-to-one"),
    ),
}
ELSEWHERE = {"sample-size-law": "test_simulated.py", "sample-size-law-limit": "test_simulated.py"}


@cache
def anchors() -> dict[str, SuiteCase]:
    return {case.label: case for case in suite("quick")}


def mutant(name: str) -> theory.Claim:
    """By its id, claim/mutant."""
    return next(one for one in theory.claim(name.split("/")[0]).mutants if one.id == name)


def never_violated(
    claims: list[theory.Claim] | None = None, seen: Counter[tuple[str, str]] | None = None
) -> Callable[[Result], None]:
    """The property: no check of a case is VIOLATED. Counts what each check said into ``seen``."""

    def holds(case: Result) -> None:
        checks = judged(case, claims)
        if seen is not None:
            seen.update((check.claim, str(check.verdict)) for check in checks)
            seen.update({(check.claim, "informs") for check in checks if informs(check)})
        broken = [
            f"{check.claim} at {check.generation}: {check.detail}" for check in checks if check.verdict is Verdict.VIOLATED
        ]
        assert not broken, "; ".join(broken)

    return holds


@pytest.mark.parametrize("name", FAMILIES)
def test_no_true_claim_is_ever_violated(name: str) -> None:
    family = FAMILIES[name]
    seen: Counter[tuple[str, str]] = Counter()
    check = never_violated(seen=seen)
    check.__qualname__ = name
    count = drawn(family.cases, check, examples=family.examples)
    assert sum(seen[claim.id, "HOLDS"] for claim in theory.claims()) >= count, "the drawn cases decide next to nothing"
    for label in family.anchors:
        check(anchors()[label].build(np.random.default_rng(0)))
    silent = {claim for claim in family.informative if not seen[claim, "informs"]}
    assert not silent, f"never held with a bound within {INFORMED:g} of what was observed: {sorted(silent)}"
    tally("properties", f"{name}: checks that held", cases=sum(count for (_, said), count in seen.items() if said == "HOLDS"))


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name, family in FAMILIES.items() for wrong in family.mutants])
def test_a_wrong_claim_is_violated_on_a_drawn_case(name: str, wrong: str) -> None:
    check = never_violated([mutant(wrong)])
    check.__qualname__ = wrong
    case = rejected(FAMILIES[name].cases, check)
    assert Verdict.VIOLATED not in {one.verdict for one in judged(case, [theory.claim(wrong.split("/")[0])])}


# of families whose cases are dear: smaller ones, and claims about what such a family has and no other
SMALL: dict[str, tuple[SearchStrategy[Result], str]] = {
    "rounds of mixtures, bounded": (families.bounded_pairs(), "visible-lower/ten-percent-more"),
    "recursions with energies": (
        families.with_energies(strategies.gaussians(1, low=0.5, high=2.0), (1, 1)),
        "tv-discount/no-smoothing second-moment-limit/without-noise",
    ),
}


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name, (_, mutants) in SMALL.items() for wrong in words(mutants)])
def test_a_wrong_claim_is_violated_on_a_small_case(name: str, wrong: str) -> None:
    check = never_violated([mutant(wrong)])
    check.__qualname__ = wrong
    case = rejected(SMALL[name][0], check, examples=100)
    assert Verdict.VIOLATED not in {one.verdict for one in judged(case, [theory.claim(wrong.split("/")[0])])}


def test_every_family_has_a_wrong_claim() -> None:
    assert all(family.mutants or name in SMALL for name, family in FAMILIES.items())


def test_every_true_claim_is_asked_for() -> None:
    """But limits, which no finite case decides."""
    asked = frozenset[str]().union(*(family.informative for family in FAMILIES.values())) | ELSEWHERE.keys()
    true = [claim for claim in theory.claims() if claim.expected == "true"]
    undecidable = {claim.id for claim in true if any(part.has(sp.Limit) for part in theory.conjuncts(claim.statement))}
    assert {claim.id for claim in true} - undecidable <= asked
