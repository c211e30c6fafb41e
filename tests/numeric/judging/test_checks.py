"""check_generation, check_recursion, check_measurements: the four verdicts, a user's own claim, and the wrong twins."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import sympy as sp

import theory
from numeric import (
    OU,
    AffineError,
    BoundCheck,
    Channel,
    ConsistentError,
    Estimate,
    Gaussian,
    Generation,
    Recursion,
    Verdict,
    check_generation,
    check_measurements,
    check_recursion,
    chi2,
    exact_generation,
    exact_recursion,
    mean_shift,
)

UNIT = Gaussian(0.0, 1.0)


@cache
def widened(start: str = "ideal", T: float = 12.0) -> Generation:
    return exact_generation(UNIT, ConsistentError(UNIT, Channel(noise=0.3)), OU(0.02, T), start=start)  # type: ignore[arg-type]


def only(checks: tuple[BoundCheck, ...]) -> BoundCheck:
    [check] = checks
    return check


def test_a_true_claim_holds_and_its_mutant_is_violated_by_the_same_code() -> None:
    generation = widened()
    claim = theory.claim("girsanov-kl")
    held = only(check_generation(generation, ["girsanov-kl"]))
    assert held.verdict is Verdict.HOLDS
    assert held.margin >= 0.0
    assert held.tightness < 1.001
    broken = only(check_generation(generation, [claim.mutants[0]]))
    assert broken.verdict is Verdict.VIOLATED
    assert broken.margin < 0.0
    assert broken.claim == claim.mutants[0].id


def test_a_failing_assumption_is_named_with_its_value() -> None:
    check = only(check_generation(widened(start="learned", T=1.0), ["girsanov-kl"]))
    assert check.verdict is Verdict.ASSUMPTION_FAILS
    assert "common-start" in check.detail
    infinite = exact_generation(UNIT, AffineError([[0.24]], [0.0]))
    assert infinite.path_chi2 == math.inf
    check = only(check_generation(infinite, ["sandwich"]))
    assert check.verdict is Verdict.ASSUMPTION_FAILS
    assert "inf" in check.detail


def test_noise_is_inconclusive_and_a_small_error_is_not() -> None:
    generation = widened()
    assert isinstance(generation.learned_energy, float)
    for stderr, verdict in ((1e-1, Verdict.INCONCLUSIVE), (1e-9, Verdict.HOLDS)):
        noisy = replace(generation, kl=Estimate(0.9 * generation.learned_energy / 2, stderr, 10_000))
        assert only(check_generation(noisy, ["girsanov-kl"])).verdict is verdict
    above = replace(generation, kl=Estimate(1.1 * generation.learned_energy / 2, 1e-6, 10_000))
    assert only(check_generation(above, ["girsanov-kl"])).verdict is Verdict.VIOLATED


def test_degenerate_weights_decide_nothing() -> None:
    generation = widened()
    assert isinstance(generation.learned_energy, float)
    for factor in (0.5, 2.0):
        degenerate = replace(generation, kl=Estimate(factor * generation.learned_energy / 2, 1e-9, 10_000, ess=3.0))
        check = only(check_generation(degenerate, ["girsanov-kl"]))
        assert check.verdict is Verdict.INCONCLUSIVE
        assert "effective sample size 3" in check.detail


def test_a_simulated_path_chi2_without_a_proved_bound_decides_nothing() -> None:
    generation = widened()
    assert generation.sup_energy == math.inf
    simulated = replace(generation, path_chi2=Estimate(5.0, 1e-6, 10_000), method="simulation")
    checks = check_generation(simulated, ["path-chi2"])
    assert checks
    assert all(check.verdict is Verdict.INCONCLUSIVE for check in checks if check.bound == 5.0 or check.observed == 5.0)


def test_a_quantity_that_was_not_computed_gives_no_check() -> None:
    assert check_generation(replace(widened(), kl=None), ["girsanov-kl"]) == ()


def test_every_default_check_of_exact_cases_holds_or_names_an_assumption() -> None:
    matrix = [[0.05, 0.12], [-0.08, 0.03]]
    target = Gaussian([0.7, -0.4], [[1.0, 0.5], [0.5, 0.61]])
    checks = check_generation(exact_generation(target, AffineError(matrix, [0.06, -0.03])))
    assert {check.verdict for check in checks} <= {Verdict.HOLDS, Verdict.ASSUMPTION_FAILS}
    assert sum(check.verdict is Verdict.HOLDS for check in checks) >= 6


def recursion(alpha: float = 0.3) -> Recursion:
    return exact_recursion(UNIT, mean_shift(0.1), alpha, 8)


def test_a_recursion_is_checked_round_by_round() -> None:
    checks = check_recursion(recursion(), ["refresh", "discounted-identity"])
    assert [check.generation for check in checks if check.claim == "refresh"] == list(range(8))
    assert [check.generation for check in checks if check.claim == "discounted-identity"] == list(range(1, 9))
    assert all(check.verdict is Verdict.HOLDS for check in checks)


def test_one_wrong_number_is_found_where_it_stands() -> None:
    good = recursion()
    wrong = good.mixed.copy()
    wrong[5] *= 1.0 + 1e-6
    checks = check_recursion(replace(good, mixed=wrong), ["refresh"])
    assert [check.generation for check in checks if check.verdict is Verdict.VIOLATED] == [5]


def test_rules_of_mixing_are_assumptions() -> None:
    tiny = mean_shift(1e-5)
    for alpha, claim in (("replace", "replace"), ("accumulate", "accumulate")):
        checks = check_recursion(exact_recursion(UNIT, tiny, alpha, 5), [claim])
        assert checks
        assert all(check.verdict is Verdict.HOLDS for check in checks)
    for claim in ("replace", "accumulate"):
        checks = check_recursion(exact_recursion(UNIT, tiny, 0.5, 5), [claim])
        assert checks
        assert all(check.verdict is Verdict.ASSUMPTION_FAILS for check in checks)


def test_a_false_claim_is_violated_when_asked_for_and_left_out_otherwise() -> None:
    target_again = Channel(gain=0.0, noise=1.0)
    rounds = exact_recursion(UNIT, [mean_shift(0.4), target_again], 0.5, 2)
    checks = check_recursion(rounds, ["no-pointwise-floor"])
    assert Verdict.VIOLATED in {check.verdict for check in checks}
    assert "no-pointwise-floor" not in {check.claim for check in check_recursion(rounds)}


def test_a_users_own_claim_is_proved_and_checked() -> None:
    alpha = theory.symbols.alpha
    ours = theory.Claim(
        "ours", "mixing never adds divergence", "upper",
        sp.Le(theory.symbols.mixed[theory.symbols.i], theory.symbols.divergence[theory.symbols.i]), "driftbound",
    )  # fmt: skip
    assert ours.prove().status == "conditional"
    checks = check_recursion(recursion(), [ours])
    assert len(checks) == 8
    assert all(check.verdict is Verdict.HOLDS for check in checks)
    theirs = replace(ours, id="theirs", statement=sp.Ge(theory.symbols.mixed[theory.symbols.i],
                                                      theory.symbols.divergence[theory.symbols.i] * (1 - alpha)))  # fmt: skip
    assert Verdict.VIOLATED in {check.verdict for check in check_recursion(recursion(), [theirs])}


def test_measurements_round_by_round() -> None:
    checks = check_measurements(
        0.2, learned_energy=[0.05, 0.04], intra_kl=[0.02, 0.03], ideal_energy=[0.05, 0.04], observability=0.5 * np.ones(2)
    )
    girsanov = [check for check in checks if check.claim == "girsanov-kl"]
    assert [check.verdict for check in girsanov] == [Verdict.HOLDS, Verdict.VIOLATED]
    assert [check.generation for check in girsanov] == [0, 1]


def test_measured_estimates_keep_their_noise() -> None:
    noisy = [Estimate(0.03, 0.01, 1000), Estimate(0.9, 0.01, 1000)]
    checks = check_measurements(0.2, learned_energy=[0.05, 0.04], intra_kl=noisy, claims=["girsanov-kl"])
    assert [check.verdict for check in checks] == [Verdict.INCONCLUSIVE, Verdict.VIOLATED]


def test_measured_drift_meets_the_persistent_floor() -> None:
    def verdicts(drift: list[float], *, noised: bool) -> set[Verdict]:
        checks = check_measurements(
            0.5,
            ideal_energy=[0.1] * 3,
            observability=[0.9] * 3,
            intra_chi2=[0.1] * 3,
            divergence=drift,
            intra_noised=noised,
            claims=["persistent"],
        )
        assert checks
        return {check.verdict for check in checks}

    for noised in (True, False):
        assert verdicts([0.05, 0.08, 0.09], noised=noised) == {Verdict.HOLDS}
    assert verdicts([1e-6, 1e-6, 1e-6], noised=False) == {Verdict.VIOLATED}
    assert verdicts([1e-6, 1e-6, 1e-6], noised=True) == {Verdict.INCONCLUSIVE}  # the model may undo early stopping


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        ({"alpha": 1.5, "intra_kl": [0.1]}, ValueError, "alpha"),
        ({"alpha": "half", "intra_kl": [0.1]}, TypeError, "alpha"),
        ({"alpha": 0.5}, ValueError, "at least one column"),
        ({"alpha": 0.5, "intra_kl": [-0.1]}, ValueError, "intra_kl"),
        ({"alpha": 0.5, "intra_kl": [math.nan]}, ValueError, "intra_kl"),
        ({"alpha": 0.5, "intra_kl": "lots"}, TypeError, "intra_kl"),
        ({"alpha": 0.5, "intra_kl": [0.1, 0.2], "learned_energy": [0.1]}, ValueError, "learned_energy"),
        ({"alpha": [0.5, 0.5, 0.5], "intra_kl": [0.1, 0.2]}, ValueError, "intra_kl"),
        ({"alpha": 0.5, "observability": [1.5]}, ValueError, "observability"),
        ({"alpha": 0.5, "intra_kl": [0.1], "initial_divergence": -1.0}, ValueError, "initial_divergence"),
        ({"alpha": 0.5, "intra_kl": [0.1], "confidence": 1.0}, ValueError, "confidence"),
        ({"alpha": 0.5, "intra_kl": []}, ValueError, "intra_kl"),
        ({"alpha": 0.5, "intra_kl": [0.1 + 0.2j]}, TypeError, "intra_kl"),
    ],
)
def test_bad_measurements_name_the_argument(arguments: dict[str, object], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        check_measurements(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_other_bad_calls_name_the_argument() -> None:
    with pytest.raises(TypeError, match="generation"):
        check_generation(recursion())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="recursion"):
        check_recursion(widened())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="confidence"):
        check_generation(widened(), confidence=2.0)
    with pytest.raises(KeyError, match="girsanov-kl"):
        check_generation(widened(), ["girsanov-lk"])


def test_measured_intra_says_that_it_refers_to_the_noised_law() -> None:
    checks = check_measurements(0.2, intra_chi2=[0.02, 0.02], divergence=[0.02, 0.03], path_chi2=[0.1, 0.1])
    said = {check.claim: "taken with q_{i,t0} for q_i" in check.detail for check in checks}
    assert said["consecutive-floor"]
    assert not said["path-chi2"]


def test_a_round_that_undoes_early_stopping_violates_no_floor() -> None:
    """Every model is N(0, 4), the data law itself: no drift, and a chi2 of 1.3 to the training law noised for t0 = 1."""
    data = Gaussian(0.0, 4.0)
    noised = float(chi2(data, OU(1.0, 6.0).marginal(data, 1.0)))
    (refuted,) = check_measurements(0.5, intra_chi2=[noised], divergence=[0.0], intra_noised=False, claims="consecutive-floor")
    assert refuted.verdict is Verdict.VIOLATED
    (check,) = check_measurements(0.5, intra_chi2=[noised], divergence=[0.0], claims="consecutive-floor")
    assert check.bound > 0.29
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "early stopping" in check.detail


def test_measurements_that_no_round_allows_decide_nothing() -> None:
    checks = check_measurements(
        0.2, ideal_energy=[0.01], learned_energy=[0.5], observability=[0.5], path_chi2=[0.06], intra_chi2=[0.02]
    )
    judged = [check for check in checks if check.claim in ("sandwich", "leading-order")]
    assert {check.verdict for check in judged} == {Verdict.INCONCLUSIVE}
    assert all("negative" in check.detail for check in judged)


@pytest.mark.parametrize("column", [object(), {1: 2}])
def test_a_column_that_is_none_names_itself(column: object) -> None:
    with pytest.raises(TypeError, match="ideal_energy must be"):
        check_measurements(0.2, ideal_energy=column)  # type: ignore[arg-type]


def test_a_column_may_be_an_array_without_axes() -> None:
    [check] = check_measurements(0.2, learned_energy=np.array(0.05), intra_kl=np.array(0.02), claims="girsanov-kl")
    assert check.verdict is Verdict.HOLDS


def _own(statement: sp.Basic, *conditions: sp.Basic) -> theory.Claim:
    assumptions = tuple(theory.Assumption(f"a{n}", "Assumed.", one) for n, one in enumerate(conditions))
    return theory.Claim("own", "Own", "upper", statement, "me", assumptions=assumptions)


def test_a_violation_needs_the_hypotheses_in_every_round() -> None:
    rounds = exact_recursion(Gaussian(0.0, 1.0), [mean_shift(0.5), mean_shift(0.01)], 0.1, 2)
    s = theory.symbols
    small = sp.Le(s.innovation[s.i], sp.Rational(1, 10))  # fails in round 0, and round 1 inherits its drift
    claim = _own(sp.Le(s.divergence[s.i + 1], sp.Rational(1, 10)), small)
    checks = check_recursion(rounds, [claim])
    assert [check.verdict for check in checks] == [Verdict.ASSUMPTION_FAILS] * 2


def test_statements_in_two_indices_are_evaluated() -> None:
    rounds = exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.05), 0.1, 3)
    s = theory.symbols
    schwarz = _own(sp.Le(s.gram[s.i, s.j], s.innovation[s.i] * s.innovation[s.j]))
    assert [check.verdict for check in check_recursion(rounds, [schwarz])] == [Verdict.HOLDS] * 9
    strict = _own(sp.Le(s.gram[s.i, s.j], s.innovation[s.i] * s.innovation[s.j] / 2))
    assert Verdict.VIOLATED in {check.verdict for check in check_recursion(rounds, [strict])}
    positive = _own(sp.Le(s.innovation[0], 1), sp.Ge(s.divergence[s.k], sp.Rational(1, 1000)))  # k counts from 1, and D_0 = 0
    assert {check.verdict for check in check_recursion(rounds, [positive])} == {Verdict.HOLDS}


def test_an_unknown_hypothesis_is_named_once() -> None:
    rounds = exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.05), 0.1, 3)
    s = theory.symbols
    checks = check_recursion(rounds, [_own(sp.Ge(s.divergence[s.N], 1), sp.Le(s.divergence[s.i + 9], 1))])
    assert {check.verdict for check in checks} == {Verdict.ASSUMPTION_FAILS}
    assert all(check.detail.count("measured") == 1 for check in checks)


def test_divergences_too_large_to_keep_violate_nothing() -> None:
    rounds = exact_recursion(Gaussian(0.0, 1.0), mean_shift(26.0), 0.1, 2)
    assert math.isinf(rounds.innovation[0])
    checks = check_recursion(rounds, ["innovation-vs-intra", "consecutive-floor"])
    assert checks
    assert Verdict.VIOLATED not in {check.verdict for check in checks}
