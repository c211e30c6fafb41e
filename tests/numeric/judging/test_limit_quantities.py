"""The limit law and its claims on numbers: every quantity by a second route, every claim decided, every mutant rejected."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate

import numeric.judging.limit_quantities as lq
import theory
from numeric import BoundCheck, Gaussian, GaussianMixture, Recursion, Verdict, check_recursion, exact_recursion, limit_law
from numeric.command.suite.limit_law import limit_cases, with_score_errors
from numeric.judging.limit_quantities import limit_quantities, line_mean
from numeric.judging.quantities import recursion_case
from numeric.laws.channels import Channel, early_stopping, kde, mean_shift
from numeric.laws.divergences import kl, tv, w1, w2
from numeric.laws.process import noised
from numeric.laws.targets import Target, as_mixture
from numeric.laws.transport import QuantileTable, wasserstein
from numeric.validation import Array

PAIR = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
UNIT = Gaussian(0.0, 1.0)
IDS = (
    "limit-law",
    "limit-rate",
    "limit-rate-floor",
    "hermite-filter",
    "second-moment-limit",
    "annealing",
    "limit-tv",
    "w2-ball",
)
CLAIMS = [theory.claim(name) for name in IDS]
MUTANTS = [mutant for claim in CLAIMS for mutant in claim.mutants]


# -------------------------------------------------------------------------------------------------- every claim, every mutant


@pytest.fixture(scope="module")
def outcomes() -> dict[str, tuple[Recursion, tuple[BoundCheck, ...]]]:
    """Every case of the suite with the checks of all claims on the limit and of all their mutants."""
    built = {case.label: case.build(np.random.default_rng(0)) for case in limit_cases()}
    return {label: (one, check_recursion(one, [*CLAIMS, *MUTANTS])) for label, one in built.items()}  # type: ignore[arg-type, misc]


def checks_of(outcomes: dict[str, tuple[Recursion, tuple[BoundCheck, ...]]], name: str) -> list[BoundCheck]:
    return [check for _, checks in outcomes.values() for check in checks if check.claim == name]


@pytest.mark.parametrize("name", IDS)
def test_the_claim_holds_and_is_never_violated(
    outcomes: dict[str, tuple[Recursion, tuple[BoundCheck, ...]]], name: str
) -> None:
    verdicts = [check.verdict for check in checks_of(outcomes, name)]
    assert Verdict.HOLDS in verdicts
    assert Verdict.VIOLATED not in verdicts
    assert Verdict.INCONCLUSIVE not in verdicts


@pytest.mark.parametrize("name", [mutant.id for mutant in MUTANTS])
def test_the_mutant_is_violated(outcomes: dict[str, tuple[Recursion, tuple[BoundCheck, ...]]], name: str) -> None:
    assert any(check.verdict is Verdict.VIOLATED for check in checks_of(outcomes, name))


@pytest.mark.parametrize(
    ("name", "observed"),
    [
        ("limit-rate", "limit_tv[N]"),
        ("limit-rate", "limit_w1[N]"),
        ("limit-rate", "limit_w2[N]**2"),
        ("limit-rate-floor", "limit_w1[N]"),
        ("limit-rate-floor", "limit_w2[N]"),
        ("annealing", "Abs(hermite[N, 1]"),
        ("annealing", "Abs(hermite[N, 4]"),
        ("annealing", "tv[N]"),
        ("limit-tv", "limit_tv[N]"),
        ("w2-ball", "limit_w2[N]"),
    ],
)
def test_every_inequality_is_informative_somewhere(
    outcomes: dict[str, tuple[Recursion, tuple[BoundCheck, ...]]], name: str, observed: str
) -> None:
    held = [
        check for check in checks_of(outcomes, name) if check.verdict is Verdict.HOLDS and check.detail.startswith(observed)
    ]
    assert min(check.tightness for check in held if check.observed > 1e-6) < 1.1


def test_a_rate_that_is_a_little_better_is_not_attained_by_the_narrow_laws(
    outcomes: dict[str, tuple[Recursion, tuple[BoundCheck, ...]]],
) -> None:
    case = recursion_case(outcomes["early stopping, narrow and far"][0], 0.999)
    distance, rate = case("limit_w2").middle, float(case("w2_rate").middle)
    assert distance[1] <= rate * distance[0]
    assert distance[1] > 0.99 * rate * distance[0]  # and the mutant's rate rho e^{-t0/2} is 0.7 of it


def test_every_order_falls_at_its_own_rate() -> None:
    share, time = 0.3, 0.25
    case = recursion_case(exact_recursion(PAIR, early_stopping(time), share, 5), 0.999)
    rows, limit = case("hermite").middle, line_mean(limit_law(PAIR, time, share, 1e-14), lq._hermite)[0]
    for order in range(1, 5):
        ratio = (rows[1:, order] - limit[order]) / (rows[:-1, order] - limit[order])
        np.testing.assert_allclose(ratio, (1.0 - share) * math.exp(-0.5 * order * time), rtol=1e-8)
        gain = float(theory.hermite_gain(order, share, time))
        data = float(case("hermite_data").middle[order])
        assert limit[order] == pytest.approx(gain * data, rel=1e-11)
        assert limit[order] != pytest.approx(float(theory.hermite_gain(order, share, 1.01 * time)) * data, rel=1e-4)


# ----------------------------------------------------------------------------------------------------------- what is measured


def projected(law: Target, direction: Array) -> GaussianMixture:
    mixture = as_mixture(law)
    variances = np.array([direction @ cov @ direction for cov in mixture.covs])
    return GaussianMixture(mixture.weights, mixture.means @ direction, variances)


@pytest.mark.parametrize("time", [0.0, 0.02, 0.7])
@pytest.mark.parametrize("target", [PAIR, Gaussian([1.0, -0.5], [[1.0, 0.3], [0.3, 0.4]])], ids=["1-D", "2-D"])
def test_integrals_along_a_line_are_integrals_of_the_density(target: Target, time: float) -> None:
    direction = np.ones(1) if target.dim == 1 else np.array([1.0, 2.0]) / math.sqrt(5.0)
    density = projected(noised(target, time), direction)
    for function in (lq._wave, lq._square, np.tanh):
        value, size = line_mean(target, function, time)
        truth = integrate.quad(lambda x, f=function: f(x) * math.exp(density.logpdf(np.array([x]))[0]), -9, 9, epsabs=1e-13)[0]
        assert float(value) == pytest.approx(truth, abs=1e-11)
        assert float(size) >= abs(float(value)) - 1e-15
    later = float(line_mean(target, lq._wave, time + 1e-3)[0])
    assert abs(later - float(line_mean(target, lq._wave, time)[0])) > 1e-5  # another time is another number


def test_hermite_coefficients_of_a_unit_gaussian_are_powers_of_its_mean() -> None:
    values = line_mean(Gaussian(1.7, 1.0), lq._hermite)[0]
    np.testing.assert_allclose(values, 1.7 ** np.arange(5), rtol=1e-13)
    assert float(line_mean(Gaussian(1.7, 1.1), lq._hermite)[0][2]) == pytest.approx(1.7**2 + 0.1, rel=1e-13)


def test_second_moments_add_over_coordinates() -> None:
    law = GaussianMixture([0.4, 0.6], [[1.0, 2.0], [0.0, -1.0]], [[[1.0, 0.2], [0.2, 0.5]], [[0.3, 0.0], [0.0, 2.0]]])
    exact = float(np.trace(law.cov) + law.mean @ law.mean)
    assert float(lq._second_moment(law)[0]) == pytest.approx(exact, rel=1e-13)


def test_the_distances_are_those_of_the_other_routes() -> None:
    recursion = exact_recursion(PAIR, [early_stopping(0.2)] * 3, 0.4, 3, initial=Gaussian(2.0, 0.3))
    case, limit = recursion_case(recursion, 0.999), limit_law(PAIR, 0.2, 0.4, 1e-14)
    for name, distance in (("limit_tv", tv), ("limit_w1", w1), ("limit_w2", w2)):
        truth = np.array([float(distance(law, limit)) for law in recursion.laws])  # type: ignore[arg-type, operator]
        found = case(name)
        assert np.all((found.low <= truth) & (truth <= found.high))
        assert float(np.max(found.high - found.low)) < 1e-6
    assert float(case("data_smoothing_tv").middle[0]) == pytest.approx(tv(early_stopping(0.2)(PAIR), PAIR), rel=1e-6)
    assert float(case("round_error").high) < 1e-6


def test_a_shifted_round_misses_by_the_shift() -> None:
    recursion = with_score_errors(PAIR, [mean_shift(0.3), mean_shift(-0.1)], 0.5, 0.2, None, energies=False)
    case = recursion_case(recursion, 0.999)
    np.testing.assert_allclose(case("round_w2").middle, math.exp(-0.1) * np.array([0.3, 0.1]), rtol=1e-7)
    assert float(case("round_error").middle) == pytest.approx(0.3 * math.exp(-0.1), rel=1e-7)


def test_energies_by_the_time_integral_are_those_of_de_bruijn() -> None:
    errors = [mean_shift(0.2), Channel(gain=0.9, noise=0.1)]
    recursion = with_score_errors(Gaussian(0.5, 0.6), errors, 0.5, 0.05, None)
    assert recursion.ideal_energies is not None
    assert recursion.learned_energies is not None
    for step, law in enumerate(recursion.mixtures):
        learned, ideal = recursion.laws[step + 1], noised(law, 0.05)  # type: ignore[arg-type]
        assert recursion.ideal_energies[step] == pytest.approx(2.0 * float(kl(ideal, learned)), rel=1e-7)  # type: ignore[arg-type]
        assert recursion.learned_energies[step] == pytest.approx(2.0 * float(kl(learned, ideal)), rel=1e-7)  # type: ignore[arg-type]
    assert recursion.initial_kl == pytest.approx(0.0, abs=1e-24)
    assert recursion.ideal_energies[1] != pytest.approx(recursion.learned_energies[1], rel=1e-3)  # not one for the other


def test_early_times_are_read_off_the_channels() -> None:
    times = [0.5, 0.02, 1e-6]
    recursion = exact_recursion(UNIT, [early_stopping(time) for time in times], 0.5, 3)
    assert recursion.early_times is not None
    np.testing.assert_allclose(recursion.early_times, times, rtol=1e-12)
    plane = Channel(gain=math.exp(-0.15) * np.eye(2), noise=[-math.expm1(-0.3)] * 2)
    spatial = exact_recursion(Gaussian([0.0, 1.0], 1.0), plane, 0.5, 2)
    assert spatial.early_times is not None
    np.testing.assert_allclose(spatial.early_times, 0.3, rtol=1e-12)


@pytest.mark.parametrize(
    "channel",
    [
        kde(0.3),
        mean_shift(0.1),
        mean_shift(0.1).then(early_stopping(0.1)),
        Channel(gain=0.9, noise=0.2),  # 1 - 0.9^2 is 0.19
        Channel(gain=-math.exp(-0.05), noise=-math.expm1(-0.1)),
        [early_stopping(0.1), kde(0.1)],
    ],
    ids=["kde", "shift", "shift, then stopped", "more noise", "reflected", "mixed"],
)
def test_other_channels_are_not_taken_for_early_stopping(channel: Channel | Sequence[Channel]) -> None:
    recursion = exact_recursion(UNIT, channel, 0.5, 2)
    assert recursion.early_times is None
    assert limit_quantities(recursion) == {}


def test_quantities_are_left_out_where_they_have_no_meaning() -> None:
    stop = early_stopping(0.1)
    assert limit_quantities(exact_recursion(UNIT, stop, "accumulate", 3)) == {}
    assert limit_quantities(exact_recursion(UNIT, stop, 0.0, 3)) == {}
    assert limit_quantities(exact_recursion(UNIT, stop, [0.5, 0.4, 0.5], 3)) == {}
    assert limit_quantities(exact_recursion(UNIT, stop, 0.5, 33)) == {}
    annealed = limit_quantities(exact_recursion(UNIT, [stop, early_stopping(0.05)], 0.5, 2))
    assert "data_smoothing_tv" in annealed
    assert not {"early_time", "limit_tv", "smoothed_limit", "w2_rate"} & set(annealed)
    assert "limit_w2" not in limit_quantities(exact_recursion(UNIT, stop, 0.5, 13))
    assert "limit_w2" not in limit_quantities(exact_recursion(Gaussian([0.0, 0.0], 1.0), stop, 0.5, 2))


# ------------------------------------------------------------------------------------------------- hypotheses are measured too


def verdicts(recursion: Recursion, name: str) -> set[Verdict]:
    return {check.verdict for check in check_recursion(recursion, [name])}


def test_another_law_in_place_of_the_limit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    recursion = exact_recursion(PAIR, early_stopping(0.1), 0.3, 2)
    assert verdicts(recursion, "limit-rate") == verdicts(recursion, "w2-ball") == {Verdict.HOLDS}
    monkeypatch.setattr(lq, "limit_law", lambda target, t0, alpha, tol: limit_law(target, t0, alpha + 1e-6, tol))
    for name in ("limit-law", "limit-rate", "w2-ball"):
        assert Verdict.ASSUMPTION_FAILS in verdicts(recursion, name)
        assert Verdict.HOLDS not in {check.verdict for check in check_recursion(recursion, [name]) if "limit" in check.detail}


def test_a_score_error_is_noticed_by_the_claims_about_exact_scores() -> None:
    recursion = with_score_errors(PAIR, [mean_shift(1e-6)] * 2, 0.5, 0.1, None, energies=False)
    for name in ("limit-law", "limit-rate", "hermite-filter", "second-moment-limit", "annealing"):
        assert verdicts(recursion, name) == {Verdict.ASSUMPTION_FAILS}
    assert verdicts(recursion, "w2-ball") == {Verdict.HOLDS}


def test_a_bound_of_the_times_that_is_exceeded_is_noticed() -> None:
    recursion = exact_recursion(PAIR, [early_stopping(0.3), early_stopping(0.1)], 0.5, 2)
    assert verdicts(recursion, "annealing") == {Verdict.HOLDS}
    assert verdicts(replace(recursion, largest_time=0.29), "annealing") == {Verdict.ASSUMPTION_FAILS}
    assert verdicts(replace(recursion, largest_time=0.4), "annealing") == {Verdict.HOLDS}


def test_a_check_says_which_order_it_speaks_of() -> None:
    checks = check_recursion(exact_recursion(PAIR, early_stopping(0.1), 0.3, 2), ["annealing"])
    assert any(check.detail.startswith("Abs(hermite[N, 3]") for check in checks)
    assert not any("order" in check.detail for check in checks)


# --------------------------------------------------------------------------------------------------------------- the limit law


@pytest.mark.parametrize("tol", [1e-2, 1e-5, 1e-9])
@pytest.mark.parametrize(("time", "share"), [(0.02, 0.3), (0.5, 0.05)])
def test_the_limit_law_is_cut_off_within_its_tolerance(tol: float, time: float, share: float) -> None:
    short, long = limit_law(PAIR, time, share, tol), limit_law(PAIR, time, share, 1e-14)
    assert short.weights.size < long.weights.size
    assert float(tv(short, long)) <= tol
    fewer = limit_law(PAIR, time, share, min(30.0 * tol, 0.5))
    assert float(tv(fewer, long)) > float(tv(short, long))  # the tolerance is used


def test_without_fresh_data_the_limit_is_standard_normal_in_any_dimension() -> None:
    limit = limit_law(Gaussian([3.0, -1.0, 0.5], np.diag([0.2, 1.0, 4.0])), 0.1, 0.0)
    assert (limit.weights.tolist(), limit.means.tolist()) == ([1.0], [[0.0] * 3])
    np.testing.assert_array_equal(limit.covs[0], np.eye(3))
    laws = exact_recursion(Gaussian(2.0, 1.0), early_stopping(0.5), "replace", 8).laws
    distances = [float(w2(law, UNIT)) for law in laws]  # type: ignore[arg-type]
    np.testing.assert_allclose(distances, 2.0 * np.exp(-0.25 * np.arange(9)), rtol=1e-12)


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_the_limit_law_in_two_dimensions_is_a_fixed_point(share: float) -> None:
    target = GaussianMixture([0.2, 0.8], [[1.0, 0.0], [-1.0, 2.0]], [[[0.5, 0.1], [0.1, 1.0]], [[1.0, 0.0], [0.0, 0.1]]])
    limit = limit_law(target, 0.1, share, 1e-13)
    again = early_stopping(0.1)(
        GaussianMixture(
            np.concatenate([share * target.weights, (1.0 - share) * limit.weights]),
            np.concatenate([target.means, limit.means]),
            np.concatenate([target.covs, limit.covs]),
        )
    )
    points = np.random.default_rng(3).normal(0.0, 2.0, (50, 2))
    # far out, a density of e^-47 lives on terms of the series that the tolerance leaves out
    np.testing.assert_allclose(np.exp(again.logpdf(points)), np.exp(limit.logpdf(points)), rtol=1e-8, atol=1e-15)
    other = limit_law(target, 0.1, 0.9 * share, 1e-13)
    assert float(np.max(np.abs(other.logpdf(points) - limit.logpdf(points)))) > 1e-2


# ------------------------------------------------------------------------------------------------- distances by quantile tables


LAWS: list[Target] = [
    UNIT,
    PAIR,
    GaussianMixture([0.5, 0.5], [-10.0, 10.0], [1e-4, 1.0]),
    GaussianMixture([0.2, 0.8], [0.0, 10.0], [1.0, 1e-4]),
    limit_law(Gaussian(0.0, 1e-3), 0.05, 0.6, 1e-12),
]


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations_with_replacement(range(len(LAWS)), 2)))
def test_tabulated_distances_agree_with_solved_quantiles(first: int, second: int) -> None:
    for order, route in ((1, w1), (2, w2)):
        (value,), (error,) = wasserstein([LAWS[first]], LAWS[second], order)
        truth = float(route(LAWS[first], LAWS[second]))  # type: ignore[operator]
        assert abs(value - truth) <= error + 1e-7 * (truth + 1e-3)
        assert error <= 1e-6 * (truth + 1e-3)


def test_a_translation_moves_every_quantile() -> None:
    law = as_mixture(PAIR)
    moved = GaussianMixture(law.weights, law.means + 3.0, law.covs)
    for order in (1, 2):
        assert float(wasserstein([moved], law, order)[0][0]) == pytest.approx(3.0, rel=1e-7)
    levels = np.linspace(-9.5, 9.5, 400)
    table, other = QuantileTable(law), QuantileTable(moved)
    np.testing.assert_allclose(other(levels) - table(levels), 3.0, atol=1e-3)
    assert np.all(np.diff(table(levels)) > 0.0)


def test_quantiles_of_a_gaussian_are_a_straight_line() -> None:
    levels = np.linspace(-8.0, 8.0, 101)
    np.testing.assert_allclose(QuantileTable(Gaussian(2.0, 9.0))(levels), 2.0 + 3.0 * levels, atol=1e-8)


def test_tables_are_for_one_dimension() -> None:
    with pytest.raises(ValueError, match="law must be one-dimensional, got dimension 2"):
        QuantileTable(Gaussian([0.0, 0.0], 1.0))
