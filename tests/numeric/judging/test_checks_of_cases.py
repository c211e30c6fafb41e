"""Which rounds, columns and hypotheses a check takes: claims made up here, on cases whose every number is written out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import theory
from numeric import (
    OU,
    AffineError,
    BoundCheck,
    BoundedError,
    Channel,
    ConsistentError,
    Estimate,
    Gaussian,
    Verdict,
    check_generation,
    check_measurements,
    check_recursion,
    check_refits,
    exact_generation,
    exact_recursion,
    exact_refits,
    mean_shift,
    measure_samples,
)
from numeric.judging.checks import check_case, check_measured_samples, check_samples, judged_case
from numeric.judging.formula import Interval
from numeric.judging.quantities import Case
from numeric.judging.sample_quantities import IN_KERNEL_SPACE
from theory import symbols as s

UNIT = Gaussian(0.0, 1.0)


def claim(statement: sp.Basic, *conditions: sp.Basic | None, name: str = "own") -> theory.Claim:
    assumptions = tuple(theory.Assumption(f"a{n}", "Assumed.", one) for n, one in enumerate(conditions))
    return theory.Claim(name, "Own", "upper", statement, "me", assumptions=assumptions)


def case(rounds: int = 0, **numbers: Any) -> Case:
    return Case({name: Interval.point(np.asarray(value, dtype=float)) for name, value in numbers.items()}, rounds)


def judged(statement: sp.Basic, of: Case, *conditions: sp.Basic | None) -> list[tuple[int | None, str]]:
    return [(check.generation, str(check.verdict)) for check in check_case(of, claim(statement, *conditions))]


def sides(checks: tuple[BoundCheck, ...]) -> list[tuple[float, float]]:
    return [(check.observed, check.bound) for check in checks]


SMALL = sp.Le(s.divergence[s.N], 1)  # about every number of rounds
EACH = sp.Le(s.divergence[s.i], 1)  # about every round


# --- rounds ----------------------------------------------------------------------------------------------------------
def test_every_number_of_rounds_or_24_spread_evenly() -> None:
    for rounds in (1, 2, 5, 24):
        assert [n for n, _ in judged(SMALL, case(rounds, divergence=np.zeros(rounds + 1)))] == list(range(1, rounds + 1))
    long = [n for n, _ in judged(SMALL, case(101, divergence=np.zeros(102)))]
    assert (len(long), long[0], long[-1]) == (24, 1, 101)
    assert set(np.diff(long)) == {4, 5}
    assert judged(SMALL, case(0, divergence=[0.0])) == []


def test_weights_belong_to_the_last_number_of_rounds() -> None:
    statement = sp.Le(s.weights[0] * s.divergence[s.N], 1)
    assert judged(statement, case(5, weights=np.ones(5), divergence=np.zeros(6))) == [(5, "HOLDS")]
    assert [n for n, _ in judged(sp.Le(s.mixed[0], s.N), case(5, mixed=np.zeros(5)))] == [1, 2, 3, 4, 5]


def test_every_round_and_every_pair_and_the_number_of_rounds_in_them() -> None:
    found = check_case(case(3, divergence=[5.0, 1.0, 2.0, 9.0]), claim(sp.Le(s.divergence[s.i], s.N)))
    assert [(check.generation, check.observed, check.bound) for check in found] == [(0, 5.0, 3.0), (1, 1.0, 3.0), (2, 2.0, 3.0)]
    from_one = check_case(case(3, divergence=[5.0, 1.0, 2.0, 9.0]), claim(sp.Le(s.divergence[s.k], s.N)))
    assert [check.observed for check in from_one] == [1.0, 2.0]
    pairs = check_case(case(2, divergence=[5.0, 1.0, 2.0]), claim(sp.Le(s.divergence[s.i], s.divergence[s.j])))
    assert [(check.generation, check.observed, check.bound) for check in pairs] == [
        (0, 5.0, 5.0),
        (1, 5.0, 1.0),
        (1, 1.0, 5.0),
        (1, 1.0, 1.0),
    ]
    assert [n for n, _ in judged(sp.Le(s.kl, 1), case(kl=0.5))] == [None]


def test_orders_are_those_of_the_data_but_the_mass() -> None:
    statement = sp.Le(s.hermite_data[s.order], s.order)
    found = check_case(case(hermite_data=[1.0, 0.5, 2.5, 3.0]), claim(statement))
    assert [check.observed for check in found] == [0.5, 2.5, 3.0]
    assert [check.detail.split(" = ")[0] for check in found] == [f"hermite_data[{order}]" for order in (1, 2, 3)]
    assert [str(check.verdict) for check in found] == ["HOLDS", "VIOLATED", "HOLDS"]
    assert judged(sp.Le(s.kl, s.order), case(kl=0.5)) == []  # no orders are known


# --- what is left out ------------------------------------------------------------------------------------------------
def test_a_part_that_was_not_measured_hides_no_other() -> None:
    both = sp.And(sp.Le(s.kl, 1), sp.Le(s.chi2, 1))
    for known in ("kl", "chi2"):
        [check] = check_case(case(**{known: 0.25}), claim(both))
        assert check.detail == f"{known} = 0.25 against <= 1"
    before = sp.Le(s.divergence[s.i - 1], 1)  # at round 0 it asks for what lies before the start
    assert judged(before, case(3, divergence=np.zeros(4))) == [(1, "HOLDS"), (2, "HOLDS")]
    assert judged(EACH, case(3, divergence=[0.0, math.nan, 0.0, 0.0])) == [(0, "HOLDS"), (2, "HOLDS")]


def test_nothing_is_computed_for_a_relation_that_lacks_a_quantity() -> None:
    def compute() -> Interval:
        raise AssertionError("computed")

    assert check_case(Case({"kl": compute}), claim(sp.Le(s.kl, s.chi2))) == ()
    assert check_case(Case({"divergence": compute}, 2), claim(sp.Le(s.divergence[s.i], s.mixed[s.i]))) == ()
    unknown = sp.Le(sp.gamma(s.chi2), 1)  # which no case with chi2 could evaluate
    assert check_case(case(kl=0.5), claim(unknown)) == ()


def test_limits_and_claims_without_a_numeric_side_are_for_the_prover() -> None:
    t = sp.Symbol("t")
    limit = sp.Le(s.kl, sp.Limit(1 / t, t, sp.oo))
    assert check_case(case(kl=0.5), claim(limit)) == ()
    assert check_case(case(kl=0.5), claim(sp.And(limit, sp.Le(s.kl, 1))))[0].verdict is Verdict.HOLDS
    assert check_case(case(kl=0.5), replace(claim(sp.Le(s.kl, 1)), numeric_side=False)) == ()


def test_claims_by_id_alone_several_and_by_default() -> None:
    of = case(kl=0.1, learned_energy=0.5, initial_kl=0.0)
    held = check_case(of, "girsanov-kl")
    assert [check.claim for check in held] == ["girsanov-kl"]
    assert check_case(of, ["girsanov-kl"]) == check_case(of, theory.claim("girsanov-kl")) == held
    default = check_case(of)
    assert held[0] in default
    assert all(theory.claim(check.claim).expected == "true" for check in default)
    with pytest.raises(TypeError, match="claims must be ids"):
        check_case(of, 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="case must be a Case, got float"):
        check_case(0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="refits must be Refits"):
        check_refits(of)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="measurements must be SampleMeasurements"):
        check_measured_samples(of)  # type: ignore[arg-type]


# --- hypotheses ------------------------------------------------------------------------------------------------------
def test_a_hypothesis_about_rounds_is_asked_of_every_round_that_it_names() -> None:
    def holds(condition: sp.Basic, *drift: float) -> bool:
        [(_, last)] = judged(sp.Le(s.kl, 1), case(len(drift) - 1, kl=0.5, divergence=drift), condition)
        return last == "HOLDS"

    from_zero, from_one = sp.Ge(s.divergence[s.i], 1), sp.Ge(s.divergence[s.k], 1)
    assert holds(from_zero, 1.0, 1.0, 1.0, 0.0)
    assert not holds(from_zero, 0.0, 1.0, 1.0, 1.0)
    assert not holds(from_zero, 1.0, 1.0, 0.0, 1.0)
    assert not holds(from_zero, 0.0, 1.0)
    assert holds(from_one, 0.0, 1.0, 1.0, 0.0)
    assert not holds(from_one, 1.0, 0.0, 1.0, 1.0)
    assert holds(sp.Le(s.divergence[s.N], s.N), 9.0, 9.0, 2.0)  # N is the number of rounds
    assert not holds(sp.Le(s.divergence[s.N], s.N), 0.0, 0.0, 2.5)
    assert holds(sp.Ge(s.divergence[s.i] + s.divergence[s.k], 1), 0.5, 0.5, 0.5, 0.0)
    assert not holds(sp.Ge(s.divergence[s.i] + s.divergence[s.k], 1), 0.0, 0.5, 0.5, 1.0)


def test_a_hypothesis_about_orders_is_asked_of_every_order_but_the_mass() -> None:
    condition = sp.Le(s.hermite_data[s.order], 1)
    for data, verdict in (
        ([9.0, 1.0, 1.0], "HOLDS"),
        ([1.0, 9.0, 1.0], "ASSUMPTION_FAILS"),
        ([1.0, 1.0, 9.0], "ASSUMPTION_FAILS"),
    ):
        assert judged(sp.Le(s.kl, 1), case(kl=0.5, hermite_data=data), condition) == [(None, verdict)]
        paired = sp.Le(s.hermite_data[s.order] * s.divergence[s.i], 1)
        of = case(2, kl=0.5, hermite_data=data, divergence=[1.0, 1.0, 7.0])
        assert judged(sp.Le(s.kl, 1), of, paired) == [(None, verdict)]
    here = sp.Le(s.kl, s.order)
    found = judged(here, case(kl=0.5, hermite_data=[1.0, 9.0, 1.0]), condition)
    assert found == [(None, "ASSUMPTION_FAILS"), (None, "HOLDS")]  # of the order at hand alone


def test_a_hypothesis_about_the_round_at_hand_is_asked_there() -> None:
    of = case(3, divergence=np.zeros(4), mixed=[0.0, 5.0, 0.0], kl=0.0)
    assert judged(EACH, of, sp.Le(s.mixed[s.i], 1)) == [(0, "HOLDS"), (1, "ASSUMPTION_FAILS"), (2, "HOLDS")]
    running = case(3, divergence=np.zeros(4), mixed=[0.0, 5.0, 0.0])
    assert judged(SMALL, running, sp.Le(s.mixed[s.N - 1], 1)) == [(1, "HOLDS"), (2, "ASSUMPTION_FAILS"), (3, "HOLDS")]
    broken = case(3, divergence=[2.0, 0.0, 0.0, 0.0], mixed=[0.0, 5.0, 0.0])  # a violation needs it in every round
    assert judged(EACH, broken, sp.Le(s.mixed[s.i], 1))[0] == (0, "ASSUMPTION_FAILS")
    assert judged(EACH, broken, sp.Le(s.mixed[s.i], 9))[0] == (0, "VIOLATED")


def test_what_is_said_of_hypotheses() -> None:
    one = sp.Le(s.kl, 1)

    def said(*conditions: sp.Basic | None, **numbers: Any) -> tuple[str, str]:
        noisy = {name: Interval.around(value, 0.5, noisy=True) for name, value in numbers.items()}
        [check] = check_case(Case({"kl": Interval.point(0.5), **noisy}), claim(one, *conditions))
        return str(check.verdict), check.detail

    fails, unknown = "assumption a0 fails (Assumed): 0.5 against 0", "assumption a1 is not known to hold: chi2 was not measured"
    assert said(sp.Le(s.kl, 0)) == ("ASSUMPTION_FAILS", fails)
    assert said(None, sp.Le(s.chi2, 1)) == ("ASSUMPTION_FAILS", unknown)  # a hypothesis in words alone stops no other
    assert said(None) == ("HOLDS", "kl = 0.5 against <= 1")
    assert said(sp.And(sp.Le(s.kl, 1), sp.Le(s.kl, sp.Rational(1, 4))))[0] == "ASSUMPTION_FAILS"
    verdict, detail = said(sp.Le(s.chi2, 1), sp.Le(s.reverse_kl, 1), chi2=1.0, reverse_kl=1.0)
    assert verdict == "INCONCLUSIVE"
    assert detail.startswith("assumption a0 is undecided: the confidence intervals")
    assert said(sp.Le(s.chi2, 1), sp.Le(s.kl, 0), chi2=1.0)[0] == "ASSUMPTION_FAILS"  # the graver of the two
    outside = sp.Le(s.divergence[s.N + 3], 1)
    [check] = check_case(case(1, kl=0.5, divergence=[0.0, 0.0]), claim(one, outside))
    assert check.detail == "assumption a0 is not known to hold: divergence[N + 3] lies outside what was measured"


def test_the_sentence_names_both_sides_and_the_reason() -> None:
    for statement, sign in ((sp.Le(s.kl, 1), "<="), (sp.Ge(s.kl, 1), ">="), (sp.Eq(s.kl, 1), "=")):
        [check] = check_case(case(kl=1.0), claim(statement))
        assert check.detail == f"kl = 1 against {sign} 1"
    noisy = Case({"kl": Interval.around(1.0, 0.5, noisy=True)})
    [check] = check_case(noisy, claim(sp.Le(s.kl, 1)))
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.detail == "kl = 1 against <= 1; the confidence intervals of the two sides overlap"


# --- a user's own columns --------------------------------------------------------------------------------------------
def own(statement: sp.Basic, alpha: Any = 0.5, **columns: Any) -> tuple[BoundCheck, ...]:
    return check_measurements(alpha, claims=claim(statement), **columns)


def test_what_follows_from_the_columns_of_one_round() -> None:
    columns = {"ideal_energy": [0.2, 0.4], "observability": [0.5, 0.25], "learned_energy": 0.3, "path_chi2": [1.0, 3.0]}
    columns["learned_energy"] = [0.3, 0.5]
    assert sides(own(sp.Le(s.visible_energy, 1), **columns)) == [(pytest.approx(0.1), 1.0), (pytest.approx(0.1), 1.0)]
    found = own(sp.Le(s.remainder, 9), **columns)
    assert [check.observed for check in found] == [pytest.approx(1.0 - 0.6 + 0.2), pytest.approx(3.0 - 1.0 + 0.4)]
    assert [(check.generation, str(check.verdict)) for check in found] == [(0, "HOLDS"), (1, "HOLDS")]
    for missing in ("ideal_energy", "learned_energy", "path_chi2"):
        assert not own(sp.Le(s.remainder, 9), **{name: entries for name, entries in columns.items() if name != missing})
    assert not own(sp.Le(s.visible_energy, 1), ideal_energy=0.2)
    assert not own(sp.Le(s.visible_energy, 1), observability=0.2)


def test_a_remainder_of_nothing_is_possible_and_one_below_is_not() -> None:
    [none] = own(sp.Le(s.remainder, 0), path_chi2=0.0, learned_energy=0.0, ideal_energy=0.0)
    assert (none.verdict, none.observed) == (Verdict.HOLDS, 0.0)
    [rounded] = own(sp.Le(s.remainder, sp.Rational(1, 10**8)), path_chi2=0.5, learned_energy=0.3, ideal_energy=0.1)
    assert rounded.verdict is Verdict.HOLDS
    assert 0.0 < rounded.observed < 1e-8
    [impossible] = own(sp.Le(s.remainder, 0), path_chi2=0.1, learned_energy=0.3, ideal_energy=0.1)
    assert (impossible.verdict, impossible.observed) == (Verdict.INCONCLUSIVE, 0.0)
    assert impossible.detail.endswith("is negative, which no round allows")
    few = Estimate(0.1, 1e-9, 10_000, ess=3.0)
    [degenerate] = own(sp.Le(s.remainder, 0), path_chi2=few, learned_energy=0.3, ideal_energy=0.1)
    assert "effective sample size 3" in degenerate.detail  # the reason that came first


def test_estimates_share_the_level() -> None:
    entries = [Estimate(0.1, 0.01, 1000), Estimate(0.2, 0.01, 1000)]

    def margins(kl: list[Any], confidence: float) -> list[float]:
        return [check.margin for check in own(sp.Le(s.kl, 1), intra_kl=kl, confidence=confidence)]

    assert margins(entries, 0.9) == [pytest.approx(1.0 - entry.interval(0.95)[1], rel=1e-12) for entry in entries]
    assert margins([entries[0], 0.1], 0.9)[0] == pytest.approx(1.0 - entries[0].interval(0.9)[1], rel=1e-12)
    sure = math.nextafter(1.0, 0.0)
    assert margins(entries, sure)[0] == pytest.approx(1.0 - entries[0].interval(sure)[1], rel=1e-12)
    assert margins([0.1, 0.2], 0.9) == [pytest.approx(0.9), pytest.approx(0.8)]


def test_a_constant_fresh_fraction_and_others() -> None:
    said = sp.Le(s.alpha, 1)
    for alpha in (0.25, [0.25, 0.25], np.array([0.25, 0.25])):
        assert sides(own(said, alpha, intra_kl=[0.1, 0.1])) == [(0.25, 1.0)]
    for alpha in (0.0, [0.25, 0.5], "replace", "accumulate"):
        assert not own(said, alpha, intra_kl=[0.1, 0.1])
    shares = sp.Le(s.fresh_fraction[s.i], 1)
    for alpha, fresh in ((0.25, [0.25, 0.25]), ([0.25, 0.5], [0.25, 0.5]), ("replace", [0.0, 0.0]), (1, [1.0, 1.0])):
        assert [check.observed for check in own(shares, alpha, intra_kl=[0.1, 0.1])] == fresh
        assert sides(own(sp.Le(s.accumulates, 1), alpha, intra_kl=0.1 if np.ndim(alpha) == 0 else [0.1, 0.1])) == [(0.0, 1.0)]
    assert not own(shares, "accumulate", intra_kl=[0.1, 0.1])
    assert sides(own(sp.Le(s.accumulates, 1), "accumulate", intra_kl=[0.1, 0.1])) == [(1.0, 1.0)]
    assert [check.observed for check in own(shares, [0.25, 0.5, 0.75], intra_kl=[0.1] * 3)] == [0.25, 0.5, 0.75]


def test_columns_of_whole_rounds_begin_with_the_start() -> None:
    named = {"divergence": [0.2, 0.3], "mmd": [0.4, 0.5], "smoothing_mmd": [0.6, 0.7]}
    for statement, start, first in (
        (sp.Le(s.divergence[s.i], 1), "initial_divergence", 0.2),
        (sp.Le(s.mmd[s.i], 1), "initial_mmd", 0.4),
    ):
        for given in (0.0, 0.125):
            found = own(statement, **named, **({start: given} if given else {}))
            assert [check.observed for check in found] == [pytest.approx(given), pytest.approx(first)]
            assert [check.generation for check in found] == [0, 1]
    found = own(sp.Le(s.smoothing_mmd[s.i], 1), **named)
    assert [check.observed for check in found] == [pytest.approx(0.6), pytest.approx(0.7)]
    assert sides(own(sp.Le(s.kernel_range, 9), **named)) == [(1.0, 9.0)]
    assert sides(own(sp.Le(s.kernel_range, 9), **named, kernel_range=2.0)) == [(2.0, 9.0)]
    for given in (0.0, 0.5):  # known of each round, and of all together
        found = own(sp.Le(s.initial_kl, 9), **named, **({"initial_kl": given} if given else {}))
        assert [(check.generation, check.observed) for check in found] == [(0, given), (1, given), (None, given)]


def test_energies_of_rounds_are_those_of_the_recursion() -> None:
    values = {"ideal_energy": [0.1, 0.2], "learned_energy": [0.3, 0.4], "observability": [0.5, 0.6], "intra_chi2": [0.7, 0.8]}
    for name, base in (
        ("ideal_energy", s.ideal_energies),
        ("learned_energy", s.learned_energies),
        ("observability", s.observabilities),
        ("intra_chi2", s.intra),
    ):
        found = own(sp.Le(base[s.i], 1), **{name: values[name]})
        assert [check.observed for check in found] == [pytest.approx(number) for number in values[name]]
    gaps = own(sp.Le(s.intra[s.i], 1), intra_chi2=[None, 0.5, None])
    assert [check.generation for check in gaps] == [1]


def test_only_claims_about_the_mixture_say_that_the_noised_law_stands_for_it() -> None:
    speaks, silent = sp.Le(s.intra[s.i], 1), sp.Le(s.divergence[s.i], 1)
    columns = {"intra_chi2": [0.5], "divergence": [0.5]}
    for statement, exchanged in ((speaks, True), (silent, False)):
        assert ["q_{i,t0}" in check.detail for check in own(statement, **columns)] == [exchanged]
        assert ["q_{i,t0}" in check.detail for check in own(statement, **columns, intra_noised=False)] == [False]
    assert not own(speaks, divergence=[0.5])
    [refuted] = own(sp.Ge(s.divergence[s.i], 1), **columns)
    assert refuted.verdict is Verdict.VIOLATED
    [parted] = own(sp.Ge(s.intra[s.i], 1), **columns)
    assert (parted.verdict, parted.detail.endswith("which early stopping alone may part")) == (Verdict.INCONCLUSIVE, True)


@pytest.mark.parametrize(
    ("columns", "kind", "said"),
    [
        ({"divergence": [0.1], "confidence": 0.0}, ValueError, "confidence must be"),
        ({"divergence": [-math.inf]}, ValueError, "divergence must be"),
        ({"observability": [math.inf]}, ValueError, "observability must be"),
        ({"divergence": [True]}, TypeError, "divergence must be"),
        ({"divergence": [0.1], "intra_noised": 1}, TypeError, "intra_noised must be True or False"),
        ({"divergence": [0.1], "initial_kl": -1.0}, ValueError, "initial_kl must be"),
        ({"divergence": [0.1], "initial_mmd": -1.0}, ValueError, "initial_mmd must be"),
        ({"divergence": [0.1], "kernel_range": 0.0}, ValueError, "kernel_range must be"),
        ({"divergence": [0.1], "alpha": [0.5, 0.5]}, ValueError, "divergence must have one value per generation, 2, got 1"),
        ({"divergence": [0.1] * 3, "alpha": [0.5, 0.5]}, ValueError, "alpha must have one value per generation, 3, got 2"),
    ],
)
def test_refused_measurements(columns: dict[str, Any], kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        check_measurements(**{"alpha": 0.5, **columns})


def test_a_divergence_may_be_infinite() -> None:
    for infinite in (math.inf, np.float64(math.inf)):
        [_, check] = own(sp.Ge(s.divergence[s.i], 1), divergence=[infinite, 0.1])
        assert (check.verdict, check.observed) == (Verdict.HOLDS, math.inf)


# --- what the other checks gather ------------------------------------------------------------------------------------
def test_a_level_unless_said() -> None:
    """Every check takes a level of its own where none is given, and refuses one that is none."""
    one = exact_generation(UNIT, ConsistentError(UNIT, Channel(shift=0.1)), OU(0.5, 1.0))
    rounds = exact_recursion(UNIT, mean_shift(0.1), 0.5, 2)
    for check, of, named in (
        (check_generation, one, "girsanov-kl"),
        (check_recursion, rounds, "refresh"),
        (check_refits, exact_refits(UNIT, 0.5, 2, n=10), "finite-sample-mean"),
    ):
        assert {str(found.verdict) for found in check(of, named)} == {"HOLDS"}  # type: ignore[operator]
        for level in (0.0, 1.0):
            with pytest.raises(ValueError, match="confidence must be"):
                check(of, named, confidence=level)  # type: ignore[operator]
    assert judged_case(rounds).rounds == 2
    entry = Estimate(0.1, 0.01, 1000)
    assert float(judged_case(replace(one, kl=entry))("kl").high) == pytest.approx(entry.interval(0.999999)[1])
    rows = np.random.default_rng(30).standard_normal((3, 60, 1))
    checks = check_samples(rows[0], list(rows[1:]), 0.5, rng=1, claims=claim(sp.Le(s.initial_kl, 9)))
    assert sides(checks) == [(0.0, 9.0)]  # the process starts from q_T unless said


MOMENTS = {"moment_order", "energy_order", "weight_moment", "energy_moment", "moment_constant"}


def test_the_constants_of_moments_of_an_affine_and_of_a_bounded_error() -> None:
    one = exact_generation(UNIT, AffineError([[0.05]], [0.1]), OU(0.5, 1.0))
    assert math.isinf(one.sup_energy)
    energy, affine, bounded = float(one.ideal_energy), judged_case(one), judged_case(replace(one, sup_energy=1.0))
    for of in (affine, bounded, judged_case(replace(one, sup_energy=1e5))):  # beyond what a float holds: those of the affine
        delta, gamma, *moments = (float(of(name).low) for name in ("moment_order", "energy_order", *sorted(MOMENTS)[1:]))
        assert gamma >= 4.0 / (delta - 1.0) > 0.0
        assert all(0.0 < value < math.inf for value in moments)
        expected = theory.moment_constant(delta, gamma, float(of("weight_moment").low), float(of("energy_moment").low))
        assert float(of("moment_constant").low) == pytest.approx(float(expected), rel=1e-9)
    delta, gamma = float(bounded("moment_order").low), float(bounded("energy_order").low)
    assert float(bounded("weight_moment").low) == pytest.approx(math.exp(0.5 * delta * (1.0 + delta)), rel=1e-6)
    assert float(bounded("energy_moment").low) == pytest.approx(energy ** -(2.0 + gamma), rel=1e-5)
    assert float(affine("weight_moment").low) != pytest.approx(float(bounded("weight_moment").low), rel=1e-2)
    nothing = {"ideal_energy": 1e-12, "numerical_error": {}}  # an energy that may be 0, up to the rounding that is granted
    for changed in (
        {"start": "learned"},
        {"error": BoundedError(0.2)},
        {"ideal_energy": math.inf},
        nothing,
        {**nothing, "sup_energy": 1.0},
    ):
        assert not MOMENTS & judged_case(replace(one, **changed)).quantities.keys(), changed  # type: ignore[arg-type]


def test_what_stands_for_what_in_samples_is_said() -> None:
    rows = np.random.default_rng(31).standard_normal((4, 120, 2))
    found = measure_samples(rows[0], list(rows[1:]), 0.5, rng=32, learned_energy=0.1, process=OU(0.01, 6.0))
    claims = {
        name: claim(sp.Le(base[s.i], 99) if isinstance(base, sp.IndexedBase) else sp.Le(base, 99), name=name)
        for name, base in (("chi2", s.divergence), ("kernel", s.kernel_range), ("w1", s.w1), ("none", s.learned_energies))
    }
    assert claims["chi2"].measured & IN_KERNEL_SPACE
    kernel, averaged = "; taken with a Gaussian kernel on ", "; taken with W1 averaged over directions"
    for measurements, ends in (
        (found, {"chi2": "; taken with MMD² for chi2", "kernel": kernel, "w1": averaged}),
        (replace(found, dim=1), {"chi2": "; taken with MMD² for chi2", "kernel": kernel}),
        (replace(found, kernel=None), {"chi2": "; taken with MMD² for chi2", "w1": averaged}),
    ):
        for name, one in claims.items():
            checks = check_measured_samples(measurements, one)
            assert bool(checks) == (name != "kernel" or measurements.kernel is not None)
            for check in checks:
                said = "; " + check.detail.partition("; ")[2]
                assert said.startswith(ends.get(name, "; ")), check
                assert (said == "; ") == (name not in ends), check
    unmeasured = claim(sp.Le(s.w1[s.i], 99), sp.Le(s.kl, 1))
    assert check_measured_samples(found, unmeasured) == ()
