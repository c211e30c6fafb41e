"""Claims held against samples: what follows is said, what does not is not, and wrong claims are refuted."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import theory
from numeric import (
    BoundCheck,
    Gaussian,
    Verdict,
    check_samples,
    drift_regime,
    exact_recursion,
    mean_shift,
    measure_samples,
)
from numeric.judging.checks import check_measured_samples
from numeric.judging.sample_quantities import IN_KERNEL_SPACE, SampleMeasurements
from numeric.laws.targets import GaussianMixture, as_mixture
from numeric.plots import plot_sample_drift
from numeric.samples.sample_drift import DriftGauge
from numeric.samples.sample_features import FourierFeatures
from numeric.validation import Array
from theory import symbols as s

ROWS = 20_000


def run_of(alpha: Any, shift: float, rounds: int, rows: int, seed: int) -> tuple[Array, list[Array], Any]:
    """Independent samples of every law of an exact recursion: N(0, 1), the same mean shift each round."""
    recursion = exact_recursion(Gaussian(0.0, 1.0), mean_shift(shift), alpha, rounds)
    streams = np.random.default_rng(seed).spawn(rounds + 2)
    laws = [recursion.laws[index].sample(rows, rng=streams[index]) for index in range(rounds + 1)]
    return recursion.target.sample(rows, rng=streams[-1]), laws, recursion


@pytest.fixture(scope="module")
def held() -> tuple[SampleMeasurements, Any]:
    reference, laws, recursion = run_of(0.4, 1.5, 4, 2 * ROWS, 1)
    return measure_samples(reference, laws, 0.4, rng=2), recursion


def verdicts(checks: tuple[BoundCheck, ...], claim: str) -> Counter[Verdict]:
    return Counter(check.verdict for check in checks if check.claim == claim)


def test_true_claims_hold_where_they_can_and_are_never_violated(held: tuple[SampleMeasurements, Any]) -> None:
    checks = check_measured_samples(held[0])
    assert Verdict.VIOLATED not in {check.verdict for check in checks}
    for claim in ("refresh", "triangle", "consecutive-floor", "two-sided-max", "divergence-table"):
        assert verdicts(checks, claim)[Verdict.HOLDS] > 0, claim


@pytest.mark.parametrize("mutant", ["refresh/cube", "triangle/root-of-sum", "two-sided-max/upper-one"])
def test_their_mutants_are_violated(held: tuple[SampleMeasurements, Any], mutant: str) -> None:
    owner = theory.claim(mutant.split("/")[0])
    [wrong] = [one for one in owner.mutants if one.id == mutant]
    assert verdicts(check_measured_samples(held[0], [wrong]), mutant)[Verdict.VIOLATED] > 0


def test_w1_by_the_square_of_rho_is_violated(held: tuple[SampleMeasurements, Any]) -> None:
    true = theory.claim("divergence-table")
    keep = 1 - s.fresh_fraction[s.i]
    for power, verdict in ((1, Verdict.HOLDS), (2, Verdict.VIOLATED)):
        claim = replace(true, id="w1", statement=sp.Eq(s.mixed_w1[s.i], keep**power * s.w1[s.i]), mutants=(), script=None)
        assert verdicts(check_measured_samples(held[0], [claim]), "w1")[verdict] > 0


def population(features: FourierFeatures, law: Gaussian | GaussianMixture) -> Array:
    """E phi(x) under a mixture of Gaussians, in closed form."""
    mixture, frequencies = as_mixture(law), features.frequencies
    total = np.zeros(2 * frequencies.shape[0])
    for weight, mean, cov in zip(mixture.weights, mixture.means, mixture.covs, strict=True):
        phase = frequencies @ (mean - features.centre)
        damping = weight * np.exp(-0.5 * np.einsum("ri,ij,rj->r", frequencies, np.atleast_2d(cov), frequencies))
        total += np.concatenate([damping * np.cos(phase), damping * np.sin(phase)])
    return total / math.sqrt(frequencies.shape[0])


def test_every_interval_holds_the_number_of_the_exact_recursion() -> None:
    reference, laws, recursion = run_of(0.4, 0.3, 3, 4000, 3)
    found = measure_samples(reference, laws, 0.4, rng=4)
    features = DriftGauge.of(reference, rng=4).features
    assert isinstance(features, FourierFeatures)
    means = [population(features, law) for law in recursion.laws]
    data = population(features, recursion.target)
    for index, mean in enumerate(means):
        drift = found.drifts[index]
        assert drift.mmd2.low <= np.sum((mean - data) ** 2) <= drift.mmd2.high
        assert drift.chi2.low <= recursion.divergence[index]
    for i, gap in enumerate(found.innovations):
        kept = 0.4 * data + 0.6 * means[i]
        assert gap.low <= np.sum((means[i + 1] - kept) ** 2) <= gap.high
        mixed = found.mixed[i]
        assert mixed is not None
        assert mixed.low <= np.sum((kept - data) ** 2) <= mixed.high
        assert gap.low > 0.0


def test_the_level_is_shared_by_all_intervals() -> None:
    reference, laws, _ = run_of(0.5, 0.3, 2, 200, 5)
    found = measure_samples(reference, laws, 0.5, rng=6, confidence=0.9)
    count = 5 * 3 + 3 * 2
    assert found.level == pytest.approx(1.0 - 0.1 / count)
    assert {drift.w1.confidence for drift in found.drifts} == {found.level}


def test_equal_laws_violate_nothing_and_have_no_regime() -> None:
    stream = np.random.default_rng(7)
    for _ in range(2):
        samples = [stream.standard_normal((300, 2)) for _ in range(6)]
        found = measure_samples(samples[0], samples[1:], 0.3, rng=8)
        assert Verdict.VIOLATED not in {check.verdict for check in check_measured_samples(found)}
        assert found.regime.name == "undecided"


@pytest.mark.parametrize("alpha", [0.5, [0.0, 0.0, 0.6], "accumulate", "replace", 1.0])
def test_every_policy_is_checked_without_violation(alpha: Any) -> None:
    reference, laws, _ = run_of(alpha, 0.5, 3, 2000, 9)
    checks = check_samples(reference, laws, alpha, rng=10)
    assert bool(checks) == (alpha != "accumulate")  # every claim on accumulation asks for more than samples tell
    assert Verdict.VIOLATED not in {check.verdict for check in checks}
    speak = {check.claim for check in checks}
    assert ("refresh" in speak) == (alpha != "accumulate")
    assert ("two-sided-max" in speak) == (isinstance(alpha, float))


def test_a_training_set_that_is_not_the_mixture_is_refuted() -> None:
    reference, laws, recursion = run_of(0.5, 2.5, 2, ROWS, 11)
    stream = np.random.default_rng(12)

    def trained(share: float) -> list[Array]:
        fresh = round(share * ROWS)
        return [np.concatenate([recursion.target.sample(fresh, rng=stream), law[: ROWS - fresh]]) for law in laws[:2]]

    for share, verdict in ((0.5, Verdict.HOLDS), (0.1, Verdict.VIOLATED)):
        checks = check_samples(reference, laws, 0.5, rng=13, training=trained(share), claims=["refresh"])
        assert checks[1].verdict is verdict


def test_losses_too_small_for_the_drift_are_refuted_and_never_confirmed() -> None:
    reference, laws, _ = run_of(0.5, 1.0, 2, 1500, 14)
    for energy, verdict in ((1e-4, Verdict.VIOLATED), (1.0, Verdict.INCONCLUSIVE)):
        checks = check_samples(reference, laws, 0.5, rng=15, claims="tv-discount", learned_energy=energy, smoothing_tv=0.0)
        assert checks[-1].verdict is verdict
    told: dict[str, Any] = {"claims": "tv-discount", "learned_energy": 1e-4}
    assert not check_samples(reference, laws, 0.5, rng=15, **told)  # smoothing unknown
    assert not check_samples(reference, laws, 0.5, rng=15, **told, smoothing_tv=0.0, initial_kl=0.01)  # another start


def test_nothing_is_said_of_chi2_itself(held: tuple[SampleMeasurements, Any]) -> None:
    for check in check_measured_samples(held[0]):
        if theory.claim(check.claim).measured & IN_KERNEL_SPACE:
            assert check.detail.endswith("taken with MMD² for chi2")
    assert all(math.isinf(drift.chi2.high) for drift in held[0].drifts)


def test_the_regime_is_that_of_squared_w1() -> None:
    reference, laws, _ = run_of("replace", 0.5, 5, 4000, 16)
    lost = measure_samples(reference, laws, "replace", rng=17)
    assert lost.regime.name == "diverging"
    ends = np.array([(drift.w1.low**2, drift.w1.high**2) for drift in lost.drifts])
    assert drift_regime(ends[:, 0], ends[:, 1], "replace") == lost.regime
    kept = measure_samples(*run_of(0.6, 1.0, 4, 4000, 18)[:2], 0.6, rng=17)
    assert kept.regime.name == "persistent"


def test_heavy_tails_leave_the_regime_undecided() -> None:
    stream = np.random.default_rng(19)
    samples = [stream.standard_cauchy((1000, 1)) + 5.0 * index for index in range(6)]
    found = measure_samples(samples[0], samples, "replace", rng=20)
    assert found.regime.name == "undecided"
    assert "heavy tails" in found.regime.evidence


def test_one_generation_has_a_drift_and_no_round() -> None:
    reference, laws, _ = run_of(0.5, 0.5, 1, 500, 21)
    found = measure_samples(reference, laws[1:], 0.5, rng=22)
    assert (found.rounds, len(found.drifts)) == (0, 1)
    assert check_measured_samples(found) == ()
    assert len(plot_sample_drift(found).axes) == 3


def test_seeds_memory_maps_and_progress_change_nothing(tmp_path: Path) -> None:
    reference, laws, _ = run_of(0.5, 0.5, 2, 700, 23)
    np.save(tmp_path / "law.npy", laws[1])
    mapped = [laws[0], np.load(tmp_path / "law.npy", mmap_mode="r"), laws[2]]
    seen: list[int] = []

    def watch(steps: Any) -> Any:
        for step in steps:
            seen.append(step)
            yield step

    one = measure_samples(reference, laws, 0.5, rng=24)
    other = measure_samples(reference, mapped, 0.5, rng=24, progress=watch)
    assert (one.drifts, one.innovations, one.mixed) == (other.drifts, other.innovations, other.mixed)
    assert seen == [0, 1, 2]
    assert check_measured_samples(one) == check_samples(reference, laws, 0.5, rng=24)


def test_the_figure_shows_every_generation(held: tuple[SampleMeasurements, Any]) -> None:
    figure = plot_sample_drift(held[0])
    assert figure.axes[0].get_title() == f"W1: {held[0].regime.name}"
    ceiling, bars = figure.axes[1].lines[0].get_ydata(), figure.axes[1].lines[1].get_ydata()
    assert len(bars) == 5
    assert np.all(np.asarray(bars) <= np.asarray(ceiling))
    with pytest.raises(TypeError, match="measurements must be"):
        plot_sample_drift(held)  # type: ignore[arg-type]


GOOD = np.random.default_rng(25).standard_normal((60, 2))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: check_samples(GOOD, [], 0.5, rng=1), "generations must be a list"),
        (lambda: check_samples(GOOD, "ab", 0.5, rng=1), "generations must be a list"),
        (lambda: check_samples(GOOD, [GOOD, GOOD[:, :1]], 0.5, rng=1), "generations[1] must have 2 columns"),
        (lambda: check_samples(GOOD[:9], [GOOD, GOOD], 0.5, rng=1), "reference must have at least 50 rows"),
        (lambda: check_samples(GOOD, [GOOD, GOOD], 1.5, rng=1), "alpha must be"),
        (lambda: check_samples(GOOD, [GOOD, GOOD], [0.5, 0.5], rng=1), "alpha must have one entry per generation, 1"),
        (
            lambda: check_samples(GOOD, [GOOD, GOOD], 0.5, rng=1, training=[GOOD, GOOD]),
            "training must have one sample per round",
        ),
        (lambda: check_samples(GOOD, [GOOD, GOOD], 0.5, rng=1, learned_energy=-1.0), "learned_energy must be"),
        (lambda: check_samples(GOOD, [GOOD, GOOD], 0.5, rng=1, smoothing_tv=[0.1, 0.1]), "smoothing_tv must have one value"),
        (lambda: check_samples(GOOD, [GOOD, GOOD], 0.5, rng=1, confidence=0.0), "confidence must be"),
        (lambda: check_samples(GOOD, [GOOD, GOOD], 0.5, rng="x"), "rng must be"),
        (lambda: check_measured_samples(GOOD), "measurements must be"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        call()


def test_an_unknown_claim_is_refused_before_any_work() -> None:
    with pytest.raises(KeyError, match="refresh"):
        check_samples("not even an array", [], 0.5, rng=1, claims="refersh")
