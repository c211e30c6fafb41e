"""The statistical part of ``driftbound verify`` over many seeds: how often a true claim is called VIOLATED, and how often a
mutant that noise could hide is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

import theory
from numeric import Generation, Recursion, Verdict, check_generation, check_recursion, check_refits
from numeric.command.suite import SuiteCase, statistical_part, suite
from numeric.command.suite.case import Result
from numeric.command.verify import FAMILY_LEVEL, run_suite
from tests._tally import tally

ONCE = 1e-6
RELAXED = (0.5, 0.05)  # family-wise levels at which a thousand seeds can see false alarms

POWER = {
    "time-only drift, replicas": (
        "observability-lower/twice",
        "observability-threshold/twice",
        "observability-upper/half",
        "path-chi2/half-the-path",
        "sandwich-bounded/half-leading",
        "sandwich-moments/half-leading",
        "sandwich/half-leading",
    ),
    "1-D mixture, replicas": ("path-chi2-deterministic/random-energy",),
    "refits of normal points": (
        "finite-sample-conservation/any-start",
        "finite-sample-mean/iid-noise",
        "finite-sample-mean/rho",
        "finite-sample-variance/one-centre",
        "finite-sample-variance/unbiased",
    ),
    "refits of normal points, iid": (
        "finite-sample-mean-iid/stratified-noise",
        "finite-sample-variance-iid/stratified-noise",
    ),
    "refits of normal points, nothing fresh": (
        "finite-sample-conservation/loses",
        "variance-collapse-typical/mean-rate",
        "variance-collapse/twice",
    ),
    "refits of normal points, from the data": (
        "finite-sample-closed-form/no-loss",
        "finite-sample-stationary/no-loss",
        "variance-collapse/fresh-data",
    ),
    "fit on few points": ("sample-size-law/diagonal-only", "sample-size-law/many-points"),
    "fit in four dimensions": ("sample-size-law/diagonal-only",),
    "fit without early stopping": (
        "sample-size-law-limit/diagonal-only",
        "sample-size-law-limit/parameter-count",
        "sample-size-law/diagonal-only",
        "sample-size-law/many-points",
    ),
    "weighted means of normal points": ("golden-ratio-general/one-to-one",),
}
"""Simulated case -> the mutants that its noise must not hide, at the level of ``verify``."""

OWN = {mutant.id: mutant for claim in theory.claims() for mutant in claim.mutants}
TRUE = [claim for claim in theory.claims() if claim.expected == "true" and claim.numeric_side]


def check(result: Result, claims: Sequence[theory.Claim], confidence: float) -> set[str]:
    """Ids of the claims that are VIOLATED."""
    if isinstance(result, Generation):
        checks = check_generation(result, claims, confidence=confidence)
    elif isinstance(result, Recursion):
        checks = check_recursion(result, claims, confidence=confidence)
    else:
        checks = check_refits(result, claims, confidence=confidence)
    return {one.claim for one in checks if one.verdict is Verdict.VIOLATED}


def noisy(cases: Sequence[SuiteCase]) -> list[SuiteCase]:
    """Without recursions whose models are random and whose drift is measured by quadrature: no interval of theirs can miss."""
    return [case for case in cases if case.label not in ("Old Faithful, KDE", "Old Faithful, EM")]


def alarms(cases: Sequence[SuiteCase], seed: int, levels: Sequence[float]) -> dict[float, list[str]]:
    """True claims that one run calls VIOLATED, at each family-wise level, with the case."""
    found: dict[float, list[str]] = {level: [] for level in levels}
    for case in cases:
        result = case.build(np.random.default_rng([seed, *case.label.encode()]))
        for level in levels:
            violated = check(result, TRUE, 1.0 - level / len(cases))
            found[level] += [f"{one} on {case.label}" for one in sorted(violated)]
    return found


def test_the_statistical_part_is_what_verify_runs() -> None:
    whole = [case for case in suite("quick") if case.simulated]
    assert [case.label for case in statistical_part()] == [case.label for case in whole]
    assert set(POWER) <= {case.label for case in whole}
    with pytest.raises(ValueError, match="draws must be"):
        statistical_part(0.0)


@pytest.mark.thorough
def test_a_run_takes_less_than_five_seconds_and_raises_no_alarm() -> None:
    began = time.process_time()
    outcome = run_suite(statistical_part(), [theory.claim("refresh")], seed=1, complete=False)
    assert time.process_time() - began < 10.0  # under five, and room for a loaded machine
    assert outcome.shortfalls == ()


def test_the_family_wise_level_is_shared_by_the_simulated_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """And by nothing else, so that each of them gets as much as there is."""
    given = []

    def record(result: object, claims: object, *, confidence: float) -> tuple[()]:
        given.append(confidence)
        return ()

    monkeypatch.setattr("numeric.command.verify.check_refits", record)
    cases = [one for one in suite("quick") if one.group == "samples" and one.label.startswith("refits")]
    simulated = sum(case.simulated for case in cases)
    assert 1 < simulated < len(cases)
    run_suite(cases, [theory.claim("refresh")], seed=2, complete=False)
    run_suite(cases, [theory.claim("refresh")], seed=2, complete=False, family_level=0.05)
    assert given == [1.0 - FAMILY_LEVEL / simulated] * len(cases) + [1.0 - 0.05 / simulated] * len(cases)
    assert FAMILY_LEVEL == 1e-6


def test_few_seeds_raise_no_false_alarm_at_the_level_of_verify() -> None:
    cases = noisy(statistical_part(0.05))
    for seed in range(2):
        assert alarms(cases, seed, (FAMILY_LEVEL,)) == {FAMILY_LEVEL: []}


@pytest.mark.thorough
def test_a_thousand_seeds_raise_no_more_false_alarms_than_their_level() -> None:
    """On a tenth of the draws, where tails are harder; and never one at the level of ``verify``."""
    cases, runs = noisy(statistical_part(0.1)), 1000
    count: Counter[float] = Counter()
    seen: Counter[str] = Counter()
    for seed in range(runs):
        for level, found in alarms(cases, seed, (*RELAXED, FAMILY_LEVEL)).items():
            count[level] += bool(found)
            seen.update(f"{level:g}: {one}" for one in found)
    for level in (*RELAXED, FAMILY_LEVEL):
        allowed = int(stats.binom.isf(ONCE, runs, level))
        print(f"family-wise level {level:g}: {count[level]} of {runs} runs with a false alarm, allowed {allowed}")
        tally("false alarms of verify", f"level {level:g}", runs=runs, alarms=count[level], allowed=allowed)
    print(seen.most_common(10))
    assert all(count[level] <= stats.binom.isf(ONCE, runs, level) for level in RELAXED)
    assert count[FAMILY_LEVEL] == 0


def detected(label: str, seeds: range, claims: dict[str, theory.Claim]) -> Counter[str]:
    """How often each of these is VIOLATED on a case, at the confidence that ``verify`` gives it."""
    cases = statistical_part()
    [case] = [one for one in cases if one.label == label]
    count: Counter[str] = Counter()
    for seed in seeds:
        result = case.build(np.random.default_rng([seed, *label.encode()]))
        count.update(check(result, list(claims.values()), 1.0 - FAMILY_LEVEL / len(cases)))
    return count


@pytest.mark.thorough
@pytest.mark.parametrize("label", POWER)
def test_noise_hides_no_mutant(label: str) -> None:
    """198 of 200 seeds; and the claims they were made of, never."""
    runs = 200
    mutants = {name: OWN[name] for name in POWER[label]}
    claims = {name.split("/")[0]: theory.claim(name.split("/")[0]) for name in mutants}
    count = detected(label, range(runs), mutants | claims)
    for name in mutants:
        print(f"{label}: {name} detected in {count[name]} of {runs}")
        tally("power", f"{name} on {label}", runs=runs, detected=count[name])
    assert all(count[name] >= 0.99 * runs for name in mutants)
    assert all(count[name] == 0 for name in claims)


@pytest.mark.parametrize(
    "label", ["refits of normal points", "refits of normal points, nothing fresh", "weighted means of normal points"]
)
def test_a_few_seeds_hide_no_mutant(label: str) -> None:
    count = detected(label, range(4), {name: OWN[name] for name in POWER[label]})
    assert all(count[name] == 4 for name in POWER[label])
