"""A run's numbers against second routes: population limits, quadrature, closed forms, and wrong twins of each."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.special import ndtr

import theory
from numeric.estimate import Estimate
from numeric.experiments.drift import log_chi2, measure_divergences, measure_smoothing
from numeric.experiments.embedding import Frequencies, mmd_squared
from numeric.experiments.experiment import Experiment, run_experiment
from numeric.experiments.linear_moments import MomentPath, MomentState, moment_features
from numeric.experiments.marginals import marginal_distances
from numeric.experiments.protocol import Protocol
from numeric.experiments.summary import growths, summary_rows
from numeric.experiments.training import Model, TrainingSet, draw_training_set, fit_model, training_law
from numeric.experiments.verdicts import judge_experiment, judge_limits, pooled_prediction
from numeric.judging.verdicts import Verdict
from numeric.laws.channels import early_stopping, kde
from numeric.laws.divergences import chi2, kl, tv
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.process import OU, noised
from numeric.laws.targets import Gaussian, GaussianMixture, as_mixture
from numeric.recursions.exact_recursion import family_laws
from numeric.recursions.mixing import resolve_mixing
from numeric.recursions.mmd import mmd
from numeric.validation import Array

Z = 5.2  # two-sided: about two in ten million
TARGET = GaussianMixture([0.4, 0.6], [[-1.5, 0.5], [1.0, 1.0]], [0.3, 0.4])
KDE = Protocol(
    "two",
    TARGET,
    "kde",
    (0.1, 0.7),
    4,
    20_000,
    2,
    OU(0.05, 3.0),
    bandwidth=1.0,
    queries=64,
    drift_queries=64,
    frequencies=32,
    nodes=4,
)


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return run_experiment(KDE, workers=2)


def population(protocol: Protocol, alpha: float, rounds: int) -> GaussianMixture:
    """p^n in the population limit, by the recursion of channels, which shares no code with the moments."""
    assert protocol.bandwidth is not None
    channel = kde(protocol.bandwidth).then(early_stopping(protocol.process.t0))
    mixing = resolve_mixing(alpha, rounds)
    return as_mixture(family_laws(as_mixture(protocol.target), channel, mixing)[-1])


# --- moments that are linear in the law --------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.0, 0.2, 1.0])
def test_the_expected_second_moment_is_that_of_the_exact_recursion(alpha: float) -> None:
    path, state = MomentPath(KDE, alpha), None
    for step in range(3):
        state = _advanced(path, state, step)
    assert state is not None
    law = population(KDE, alpha, 3)
    exact = float(np.trace(law.cov) + law.mean @ law.mean) / 2.0
    assert path.second_moment(state)[1] == pytest.approx(exact, rel=1e-12)


def _advanced(path: MomentPath, state: MomentState | None, seed: int) -> MomentState:
    """One more round of the expectations; the points themselves are without meaning here."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((KDE.n, 2))
    training = TrainingSet(points, KDE.n // 2, np.zeros(KDE.n, dtype=np.int32), points)
    fresh = round(path.share * KDE.n)
    training = replace(training, fresh=fresh)
    return path.step(state, training, Model(KernelMixture(points, 1.0), training.labels, points), TARGET)


def test_the_expected_variance_within_components_is_that_of_the_exact_recursion() -> None:
    # one component, far from 0: what the early stop does to its mean must be told from its spread
    far = GaussianMixture([1.0], [[3.0, -2.0]], 0.4)
    protocol = replace(KDE, target=far, alphas=(0.2,))
    path = MomentPath(protocol, 0.2)
    state: MomentState | None = None
    previous: Model | None = None
    for step in range(4):
        training = draw_training_set(protocol, 0.2, previous, np.random.default_rng(step))
        previous = fit_model(protocol, training, np.random.default_rng(0))
        state = path.step(state, training, previous, far)
    assert state is not None
    laws = [far, *(population(protocol, 0.2, rounds) for rounds in (1, 2, 3))]
    # spread of q_3 about the data's centre, and the displacement of its mean, from the laws themselves
    training_law_mean = 0.2 * far.mean + 0.8 * laws[3].mean
    spread = 0.2 * _about(far, far.mean) + 0.8 * _about(laws[3], far.mean)
    displaced = float(np.sum((training_law_mean - far.mean) ** 2)) / 2.0
    assert path.within_components(state)[1] == pytest.approx(spread + 1.0 - displaced, rel=1e-12)
    assert abs(path.within_components(state)[0] - path.within_components(state)[1]) < Z * path.within_components(state)[2]


def _about(law: GaussianMixture, centre: Array) -> float:
    return float(np.trace(law.cov) + np.sum((law.mean - centre) ** 2)) / law.dim


@pytest.mark.parametrize("index", [0, 1])
def test_runs_agree_with_their_population_limit_and_no_other(experiment: Experiment, index: int) -> None:
    alpha = KDE.alphas[index]
    for generation in range(1, KDE.generations + 1):
        records = experiment.generation(index, generation)
        for name in ("within", "within_unstopped", "second_moment"):
            pooled = pooled_prediction([getattr(record, name) for record in records])
            assert pooled is not None
            assert abs(pooled.z) < Z, name
        twin = pooled_prediction([record.within_unstopped for record in records])
        assert twin is not None
        assert twin.expected == pytest.approx(MomentPath(KDE, alpha).closed_form(generation), rel=1e-12)
    if index == 0:  # where it shows: one power of rho more, sigma² + h² (1 - rho^(n + 1))/alpha
        assert abs(twin.measured - MomentPath(KDE, alpha).closed_form(KDE.generations + 1)) > Z * twin.stderr


def test_no_number_of_points_biases_the_spread_and_every_one_biases_the_sample_variance() -> None:
    small = replace(KDE, target=Gaussian(np.zeros(1), 1.0), n=50, alphas=(0.1,), bandwidth=0.05)
    path, data, rounds = MomentPath(small, 0.1), as_mixture(small.target), 8
    expected = path.closed_form(rounds) - 0.0025
    spread, variance = [], []
    for run in range(200):
        rng, previous = np.random.default_rng([1, run]), None
        for _ in range(rounds):
            training = draw_training_set(small, 0.1, previous, rng)
            previous = fit_model(small, training, rng)
        assert training.twins is not None
        spread.append(float(moment_features(training, data)[:, 3].mean()) - expected)
        variance.append(float(np.var(training.twins)) - expected)
    assert abs(_score(np.array(spread))) < Z
    # 1/n per round is lost: compared run by run, because both rise and fall together
    assert _score(np.array(variance) - np.array(spread)) < -Z


def _score(values: Array) -> float:
    return float(np.mean(values) / np.std(values, ddof=1) * math.sqrt(values.shape[0]))


def test_the_standard_error_is_the_spread_of_runs() -> None:
    small = replace(KDE, n=200, alphas=(0.3,))
    path, scores = MomentPath(small, 0.3), []
    for run in range(200):
        state, previous = None, None
        for step in range(4):
            training = draw_training_set(small, 0.3, previous, np.random.default_rng([7, run, step]))
            previous = fit_model(small, training, np.random.default_rng(0))
            state = path.step(state, training, previous, TARGET)
        assert state is not None
        measured, expected, error = path.within_components(state)
        scores.append((measured - expected) / error)
    # chi2 with 200 degrees of freedom: 200 * variance lies in [110, 320] but twice in ten million
    assert 110.0 < float(np.sum(np.square(scores))) < 320.0


# --- divergences from the data -------------------------------------------------------------------------------------------


def test_divergences_of_few_kernels_agree_with_quadrature() -> None:
    centres = np.random.default_rng(0).normal(size=(30, 1)) * 0.8
    law, twin = KernelMixture(centres, 0.3), GaussianMixture(np.full(30, 1.0 / 30), centres, 0.3)
    data = GaussianMixture([0.5, 0.5], [[-0.4], [1.2]], [0.5, 0.6])  # off centre: never as near as noise
    found = measure_divergences(law, data, queries=40_000, rng=np.random.default_rng(1))
    for value, exact in (
        (found.kl, kl(twin, data)),
        (found.tv, tv(twin, data)),
        (found.log_chi2, math.log1p(float(chi2(twin, data)))),
    ):
        assert isinstance(value, Estimate)
        assert abs(value.value - float(exact)) < Z * value.stderr + 1e-6
        assert abs(2.0 * value.value - float(exact)) > Z * value.stderr  # the wrong twin forgets a half
    assert isinstance(found.log_chi2, Estimate)
    assert found.log_chi2.value < found.log_chi2_ceiling
    assert found.reason == ""


def test_chi2_is_carried_by_the_outermost_kernel_and_found_there() -> None:
    # one kernel at 9 among 200 at 0: no draw of the law would come to where p^²/p is
    centres = np.concatenate([np.zeros((199, 1)), [[9.0]]])
    law, data = KernelMixture(centres, 0.9), Gaussian(np.zeros(1), 1.0)
    exact = math.log1p(float(chi2(GaussianMixture([199 / 200, 1 / 200], [[0.0], [9.0]], 0.9), data)))
    value, ceiling, reason = log_chi2(law, data, queries=400, rng=np.random.default_rng(0))
    assert isinstance(value, Estimate)
    assert exact > 60.0
    assert abs(value.value - exact) < Z * value.stderr + 1e-9
    assert exact <= ceiling + 1e-12
    assert reason == ""


def test_an_infinite_chi2_says_why() -> None:
    wide = KernelMixture(np.zeros((3, 2)), 0.81)
    value, ceiling, reason = log_chi2(wide, Gaussian(np.zeros(2), 0.4), queries=100, rng=np.random.default_rng(0))
    assert value == ceiling == math.inf
    assert reason.startswith("every kernel of the learned law")
    narrow = log_chi2(
        KernelMixture(np.zeros((3, 2)), 0.79), Gaussian(np.zeros(2), 0.4), queries=100, rng=np.random.default_rng(0)
    )
    assert float(narrow[0]) < math.inf


def test_between_gaussians_everything_but_tv_is_exact() -> None:
    law, data = Gaussian(np.array([0.3, 0.1]), 0.9), Gaussian(np.zeros(2), 1.0)
    found = measure_divergences(law, data, queries=100, rng=np.random.default_rng(0))
    assert found.kl == float(kl(law, data))
    assert found.log_chi2 == found.log_chi2_ceiling == math.log1p(float(chi2(law, data)))


def test_smoothing_agrees_with_quadrature() -> None:
    law = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.05)
    late = noised(law, 0.1)
    found = measure_smoothing(law, late, queries=4000, rng=np.random.default_rng(2))
    assert abs(found.value - float(tv(late, law))) < Z * found.stderr


def test_marginals_of_many_kernels_agree_with_distribution_functions() -> None:
    centres = np.random.default_rng(3).normal(size=(200, 2)) * [0.6, 1.4]
    found = marginal_distances(KernelMixture(centres, 0.09), TARGET)
    grid = np.linspace(-9.0, 9.0, 4001)
    for axis in range(2):
        learned = ndtr((grid[:, None] - centres[:, axis]) / 0.3).mean(axis=1)
        spreads = np.sqrt(TARGET.covs[:, axis, axis])
        data = ndtr((grid[:, None] - TARGET.means[:, axis]) / spreads) @ TARGET.weights
        assert found.w1[axis] == pytest.approx(float(np.trapezoid(np.abs(learned - data), grid)), rel=1e-4)
        one = GaussianMixture(np.full(200, 1.0 / 200), centres[:, [axis]], 0.09)
        other = GaussianMixture(TARGET.weights, TARGET.means[:, [axis]], spreads**2)
        assert found.tv[axis] == pytest.approx(float(tv(one, other)), rel=1e-3)
        assert found.kl[axis] == pytest.approx(float(kl(one, other)), rel=1e-3)


def test_embeddings_agree_with_the_closed_form_of_mmd() -> None:
    waves = Frequencies.of(KDE)
    centres = np.random.default_rng(4).normal(size=(40, 2))
    law, twin = KernelMixture(centres, 0.2), GaussianMixture(np.full(40, 1.0 / 40), centres, 0.2)
    for time in (0.0, 0.3):
        found = mmd_squared(waves.of_law(law, time), waves.of_law(TARGET))
        exact = mmd(as_mixture(noised(twin, time)), TARGET, frequencies=waves.waves)
        assert math.sqrt(found) == pytest.approx(exact, rel=1e-5)


# --- verdicts ------------------------------------------------------------------------------------------------------------


def test_no_claim_is_violated_and_kernel_claims_hold(experiment: Experiment) -> None:
    checks = judge_experiment(experiment)
    verdicts = {(one.check.claim, one.check.verdict) for one in checks}
    assert not [one for one in verdicts if one[1] is Verdict.VIOLATED]
    for claim in ("discounted-identity", "two-sided-max", "triangle", "consecutive-floor", "mmd-discount", "refresh"):
        assert (claim, Verdict.HOLDS) in verdicts, claim


@pytest.mark.parametrize("claim", ["refresh", "discounted-identity", "triangle", "two-sided-max"])
def test_mutants_of_the_mixing_claims_are_violated(experiment: Experiment, claim: str) -> None:
    mutants = theory.claim(claim).mutants
    checks = judge_experiment(experiment, mutants, rounds=())
    assert {one.check.claim for one in checks if one.check.verdict is Verdict.VIOLATED}


def test_training_on_another_fraction_than_said_is_seen(experiment: Experiment) -> None:
    # the records of alpha = 0.2 under the name of 0.7
    swapped = {(1 - index, run): records for (index, run), records in experiment.records.items()}
    lying = Experiment(KDE, swapped, experiment.sheets, experiment.population)
    verdicts = {one.check.verdict for one in judge_experiment(lying, ["refresh"], rounds=())}
    assert Verdict.VIOLATED in verdicts


def test_limits_are_judged_like_claims(experiment: Experiment) -> None:
    within, limit = sp.symbols("within within_limit")
    claim = theory.Claim("within-limit", "the limit", "equality", sp.Eq(within, limit), "driftbound")
    wrong = theory.Claim("wrong", "five per cent more", "equality", sp.Eq(within, sp.Rational(21, 20) * limit), "driftbound")
    assert {one.check.verdict for one in judge_limits(experiment, [claim])} == {Verdict.HOLDS}
    assert Verdict.VIOLATED in {one.check.verdict for one in judge_limits(experiment, [wrong])}


def test_a_summary_has_a_row_per_generation_and_says_what_happens(experiment: Experiment) -> None:
    rows = summary_rows(experiment, 0)
    assert [row.generation for row in rows] == [1, 2, 3, 4]
    assert rows[0].closed_form == pytest.approx(0.36 + 1.0, rel=1e-12)
    assert rows[-1].population_divergence is not None
    less, more = growths(experiment)
    assert less.factor is not None
    assert more.factor is not None
    assert less.factor.value > more.factor.value
    assert less.word in ("drifts", "widens")


def test_training_law_of_a_round_that_is_all_fresh_is_the_data() -> None:
    model = Model(KernelMixture(np.zeros((KDE.n, 2)), 0.25))
    assert training_law(KDE, 1.0, model) is KDE.target
    assert training_law(KDE, 0.2, None) is KDE.target


def test_numbers_do_not_depend_on_workers(experiment: Experiment) -> None:
    one = replace(KDE, alphas=KDE.alphas[:1], runs=1, generations=2)
    alone, shared = run_experiment(one), run_experiment(one, workers=3)
    for left, right in zip(alone.records[0, 0], shared.records[0, 0], strict=True):
        assert left.to_dict() == right.to_dict()
    # nor on how many generations, runs and fractions there are besides
    for left, right in zip(alone.records[0, 0], experiment.records[0, 0][:2], strict=True):
        assert left.to_dict() == right.to_dict()


def test_an_overlap_that_no_draw_shows_is_still_possible() -> None:
    """Laws so far apart that every draw has share 1: TV is known to 1/n, not exactly."""
    far = KernelMixture(np.full((4, 2), 40.0), 0.5)
    found = measure_divergences(far, Gaussian(np.zeros(2), 1.0), queries=100, rng=np.random.default_rng(0))
    assert isinstance(found.tv, Estimate)
    assert (found.tv.value, found.tv.stderr) == (1.0, 0.01)
