"""simulate_generation against deterministic routes that share no code with it, and its own guards.

Statistical thresholds are in standard errors over independent endpoints. Seeds are fixed, so nothing here is flaky; FAMILY
standard errors are passed about once in a million by the quantities of one test, drawn afresh.
"""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from numeric.estimate import Estimate
from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.generations.fokker_planck import fokker_planck_generation
from numeric.generations.generation import Generation
from numeric.generations.mixture_scores import Points, Real, RealArray, ScoreEvaluator, mixture_score
from numeric.generations.paths import score_field, time_grid
from numeric.generations.replicas import COLUMNS, CONTROLS, SUSPECT, gradient_of
from numeric.generations.simulate_generation import path_moments, projected_remainder, simulate_generation
from numeric.laws.channels import Channel
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, Target, paper_mixture
from numeric.validation import Array

FAMILY = 5.5
REFERENCE_TARGET = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
REFERENCE = {  # from an independent PDE code
    "ideal_energy": 0.155712488,
    "learned_energy": 0.178340286,
    "learned_energy_reverse": 0.178340286,
    "path_chi2": 0.228401729,
    "chi2": 0.108290083,
    "visible_energy": 0.077564992,
    "observability": 0.077564992 / 0.155712488,
    "remainder": 0.228401729 - 2 * 0.178340286 + 0.155712488,
    "weight_mean": 1.0,
}


def estimate(generation: Generation, name: str) -> Estimate:
    value = getattr(generation, name)
    assert isinstance(value, Estimate)
    return value


def furthest(generation: Generation, expected: dict[str, float]) -> float:
    """Largest distance from the expected values in standard errors, the reported grid error granted."""
    distances = [0.0]
    for name, value in expected.items():
        got = estimate(generation, name)
        distance = abs(got.value - value) - generation.numerical_error[name]
        if distance > 1e-9:
            distances.append(distance / got.stderr if got.stderr > 0.0 else math.inf)
    return max(distances)


class TwiceTheDivergence(BoundedError):
    """The wrong twin: an error whose divergence is not its own."""

    def divergence(self, x: Array, t: float) -> Array:
        return 2.0 * super().divergence(x, t)


def reference_run(error: ScoreError) -> Generation:
    return simulate_generation(REFERENCE_TARGET, error, n=20_000, steps=64, replicas=4, rng=20260101)


def test_reference_values_within_standard_errors() -> None:
    generation = reference_run(BoundedError(0.3))
    assert furthest(generation, REFERENCE) < FAMILY
    assert abs(estimate(generation, "weight_mean").value - 1.0) < 0.01
    assert generation.start == "ideal"
    for name in ("kl", "reverse_kl", "gradient_energy"):
        assert getattr(generation, name) is None
        assert name in generation.reasons


def test_wrong_divergence_is_rejected_by_the_same_check() -> None:
    generation = reference_run(TwiceTheDivergence(0.3))
    assert furthest(generation, REFERENCE) > 20.0
    assert abs(estimate(generation, "weight_mean").value - 1.0) > 0.01
    assert "divergence" in generation.reasons["weight_mean"]
    assert "weight_mean" not in reference_run(BoundedError(0.3)).reasons
    # the paths do not depend on the divergence: what is known to be wrong elsewhere must not spoil what is right
    assert furthest(generation, {"ideal_energy": REFERENCE["ideal_energy"]}) < FAMILY


class Flipped:
    """The wrong twin: the score with the wrong sign."""

    def __init__(self, target: Target, times: Array, real: Real) -> None:
        self.right = mixture_score(target, times, real)
        self.dim = self.right.dim

    def floats(self) -> int:
        return self.right.floats()

    def evaluator(self, n: int) -> ScoreEvaluator:
        right = self.right.evaluator(n)

        def evaluate(index: int, points: Points, out: RealArray, divergence: RealArray | None = None) -> None:
            right(index, points, out, divergence)
            np.negative(out, out=out)

        return evaluate


def test_flipped_score_is_rejected_by_the_same_check(monkeypatch: pytest.MonkeyPatch) -> None:
    # the package exports a function under the module's name
    monkeypatch.setattr(importlib.import_module("numeric.generations.simulate_generation"), "mixture_score", Flipped)
    assert furthest(reference_run(BoundedError(0.3)), REFERENCE) > 20.0


CASES = json.loads((Path(__file__).parent / "random_mixtures.json").read_text())
"""Twenty random 1-D mixtures, errors and horizons with their quantities by ``fokker_planck_generation``, ten digits each."""
EXACT_FIELDS = ("ideal_energy", "learned_energy", "visible_energy", "observability", "chi2", "path_chi2", "visible_gap")


def parts(case: dict[str, Any]) -> tuple[GaussianMixture, BoundedError, OU]:
    target = GaussianMixture(case["weights"], case["means"], case["variances"])
    return target, BoundedError(case["beta"]), OU(case["t0"], case["T"])


@pytest.mark.parametrize("index", [3, 12])
def test_the_table_is_what_the_deterministic_route_gives(index: int) -> None:
    exact = fokker_planck_generation(*parts(CASES[index]))
    for name in EXACT_FIELDS:
        assert getattr(exact, name) == pytest.approx(CASES[index][name], rel=1e-7), name


def agrees(got: Estimate, truth: float, granted: float = 0.0) -> bool:
    """Within an interval that knows the tail of its weights; a hundred of them miss once in a million runs."""
    low, high = got.interval(1.0 - 1e-8)
    return low - granted <= truth <= high + granted


@pytest.mark.parametrize("index", range(20))
def test_random_mixtures_against_the_deterministic_route(index: int) -> None:
    case = CASES[index]
    simulated = simulate_generation(*parts(case), n=10_000, steps=80, replicas=4, rng=77 + index)
    for name in (*EXACT_FIELDS, "learned_energy_reverse"):
        got, truth = estimate(simulated, name), case[name.removesuffix("_reverse")]
        granted = 0.0 if name in ("chi2", "visible_energy") else simulated.numerical_error[name]
        assert agrees(got, truth, granted), name
    for name in ("visible_energy", "chi2"):
        assert simulated.numerical_error[name] < 2.0 * estimate(simulated, name).stderr, name  # a third of the interval
    mean = estimate(simulated, "weight_mean")
    assert abs(mean.value - 1.0) < max(0.01, 4.0 * mean.stderr)


def test_the_wrong_case_is_rejected_by_the_same_comparison() -> None:
    case = CASES[0]
    target, error, process = parts(case)
    simulated = simulate_generation(target, BoundedError(1.4 * error.beta), process, n=10_000, steps=80, replicas=4, rng=77)
    for name in ("visible_energy", "chi2", "learned_energy_reverse"):
        assert not agrees(estimate(simulated, name), case[name.removesuffix("_reverse")]), name


def test_weight_mean_within_one_per_cent_where_noise_allows_it_to_be_seen() -> None:
    generation = simulate_generation(REFERENCE_TARGET, BoundedError(0.3), n=100_000, steps=64, replicas=4, rng=11)
    mean = estimate(generation, "weight_mean")
    assert mean.stderr < 0.002
    assert abs(mean.value - 1.0) < 0.01


def test_moments_of_the_martingale() -> None:
    levels, _ = path_moments(
        REFERENCE_TARGET, BoundedError(0.3), OU(), n=40_000, steps=64, replicas=2, rng=np.random.default_rng(5), workers=1
    )
    moments = levels.extrapolated
    errors = np.sqrt(np.diagonal(moments.scatter)) / moments.n
    got = dict(zip(COLUMNS, zip(moments.mean, errors, strict=True), strict=True))
    expectations = {"martingale": 0.0, "martingale_square": REFERENCE["ideal_energy"], "linear": 0.0, "noise": 0.0}
    for name, expected in expectations.items():
        value, stderr = got[name]
        assert abs(value - expected) < FAMILY * stderr, name
    projected = projected_remainder(levels)
    assert projected is not None
    # sandwich: the projection cannot exceed the remainder, and bounds |sqrt(I) - sqrt(eta) eps*|
    assert 0.0 < projected.value < REFERENCE["remainder"] + FAMILY * projected.stderr
    gap = math.sqrt(REFERENCE["chi2"]) - math.sqrt(REFERENCE["visible_energy"])
    assert gap**2 < projected.value + FAMILY * projected.stderr


def test_affine_reference_in_two_dimensions() -> None:
    lower = np.array([[1.0, 0.0], [0.5, 0.6]])
    target = Gaussian([0.7, -0.4], lower @ lower.T)
    base = np.array([[0.05, 0.12], [-0.08, 0.03]])
    error = AffineError(lambda t: base * (1 + 0.3 * math.sin(t)), lambda t: np.array([0.06, -0.03]) * math.cos(t))
    expected = {
        "ideal_energy": 0.1383444798,
        "learned_energy": 0.1480065246,
        "learned_energy_reverse": 0.1480065246,
        "observability": 0.1957416550,
        "path_chi2": 0.1804102442,
        "chi2": 0.03397034793,
    }
    generation = simulate_generation(target, error, n=20_000, steps=64, replicas=4, rng=8)
    assert furthest(generation, expected) < FAMILY
    assert "path_chi2" in generation.reasons
    transposed = AffineError(lambda t: base.T * (1 + 0.3 * math.sin(t)), lambda t: np.array([0.06, -0.03]) * math.cos(t))
    assert furthest(simulate_generation(target, transposed, n=20_000, steps=64, replicas=4, rng=8), expected) > 10.0


def test_controls_reduce_the_variance_and_leave_the_mean() -> None:
    generation = reference_run(BoundedError(0.3))
    reduction = generation.variance_reduction
    assert set(reduction) == set(REFERENCE) - {"learned_energy_reverse", "weight_mean"} | {"visible_gap"}
    assert all(value > 0.999 for value in reduction.values())  # regression on the same sample never adds variance
    assert min(reduction[name] for name in ("chi2", "visible_energy", "path_chi2", "learned_energy")) > 1.5
    levels, _ = path_moments(
        REFERENCE_TARGET, BoundedError(0.3), OU(), n=20_000, steps=64, replicas=4, rng=np.random.default_rng(6), workers=1
    )
    raw, controlled = levels.extrapolated, levels.extrapolated.controlled(CONTROLS)
    for name in ("chi2", "visible", "weighted_energy", "path_chi2", "gap"):
        column = COLUMNS.index(name)
        assert abs(raw.mean[column] - controlled.mean[column]) < FAMILY * math.sqrt(raw.variance(gradient_of(**{name: 1.0})))
        truth = REFERENCE.get({"visible": "visible_energy", "weighted_energy": "learned_energy"}.get(name, name))
        if truth is not None:
            distance = abs(controlled.mean[column] - truth)
            assert distance < FAMILY * math.sqrt(controlled.variance(gradient_of(**{name: 1.0}))) + 2e-4
    # the wrong twin: a control whose mean is not zero, though near enough to be trusted, moves the mean
    ends = []
    for sign in (1.0, -1.0):
        biased = levels.extrapolated.transform(np.eye(len(COLUMNS)))
        biased.mean[COLUMNS.index("noise")] = 0.9 * sign * SUSPECT * math.sqrt(raw.variance(gradient_of(noise=1.0)))
        ends.append(biased.controlled(CONTROLS).mean)
    moved = ends[0] - ends[1]
    size = COLUMNS.index("weight")
    stderr = [math.sqrt(controlled.variance(row)) for row in np.eye(len(COLUMNS))[:size]]
    assert np.max(np.abs(moved[:size]) / stderr) > FAMILY


def test_time_only_error_in_three_dimensions_is_a_shift() -> None:
    cov = np.diag([0.5, 1.0, 2.0])
    direction, process = np.array([0.3, -0.2, 0.1]), OU(0.05, 3.0)
    target, error = Gaussian([1.0, 0.0, -1.0], cov), AffineError(np.zeros((3, 3)), lambda t: direction * math.cos(t))
    energy = float(direction @ direction) * integrate.quad(lambda t: math.cos(t) ** 2, 0.05, 3.0)[0]

    def precision(t: float) -> Array:
        return 1.0 / (math.exp(-t) * np.diagonal(cov) - math.expm1(-t))

    def slope(j: int) -> float:
        return float(integrate.quad(lambda t: math.exp(-0.5 * (t - 0.05)) * precision(t)[j] * math.cos(t), 0.05, 3.0)[0])

    slopes = direction * [slope(j) for j in range(3)]
    visible = float(np.sum(slopes**2 / precision(0.05)))
    generation = simulate_generation(target, error, process, n=20_000, steps=48, replicas=4, rng=21)
    expected = {"visible_energy": visible, "path_chi2": math.expm1(energy), "chi2": math.expm1(visible), "visible_gap": visible}
    assert furthest(generation, expected) < FAMILY
    assert estimate(generation, "ideal_energy").value == pytest.approx(energy, rel=1e-4)
    assert generation.sup_energy == pytest.approx(energy, rel=1e-9)
    assert "path_chi2" not in generation.reasons
    assert furthest(generation, expected | {"chi2": math.expm1(energy)}) > 20.0  # the path's energy is not the endpoint's


def test_rotation_is_invisible() -> None:
    error = AffineError(np.array([[0.0, 0.2], [-0.2, 0.0]]))
    generation = simulate_generation(Gaussian([0.0, 0.0], 1.0), error, n=8_000, steps=64, replicas=4, rng=2)
    energy = 0.2**2 * 2.0 * (4.0 - 0.02)
    assert furthest(generation, {"ideal_energy": energy, "learned_energy": energy, "chi2": 0.0, "visible_energy": 0.0}) < FAMILY
    gap = generation.visible_gap  # of a visible energy that noise alone makes, once in a hundred times: then with a huge error
    assert (gap is None) == ("visible_gap" in generation.reasons)
    assert gap is None or abs(gap.value) < 5.5 * gap.stderr
    assert estimate(generation, "chi2").stderr < 0.05 * energy  # informative: at eta = 1, chi2 would be about the energy
    assert abs(estimate(generation, "observability").value) < 1e-3


def kl(m1: float, v1: float, m0: float, v0: float) -> float:
    return 0.5 * (v1 / v0 - 1.0 - math.log(v1 / v0) + (m1 - m0) ** 2 / v0)


def test_consistent_error_by_the_change_of_relative_entropy() -> None:
    target, channel, process = Gaussian(0.5, 0.6), Channel(shift=0.2, noise=0.15), OU()

    def noised(t: float) -> tuple[float, float, float, float]:
        gain, noise = math.exp(-0.5 * t), -math.expm1(-t)
        return gain * 0.5, gain**2 * 0.6 + noise, gain * 0.7, gain**2 * 0.75 + noise

    energy = 2.0 * (kl(*noised(process.t0)) - kl(*noised(process.T)))
    generation = simulate_generation(target, ConsistentError(target, channel), n=10_000, steps=64, replicas=4, rng=31)
    assert furthest(generation, {"ideal_energy": energy, "weight_mean": 1.0}) < FAMILY
    assert furthest(generation, {"ideal_energy": 0.5 * energy}) > 20.0


def test_zero_error_is_exactly_zero() -> None:
    generation = simulate_generation(paper_mixture(), BoundedError(0.0), n=100, steps=8, rng=1)
    for name in ("ideal_energy", "learned_energy", "path_chi2", "visible_energy", "observability", "chi2", "remainder"):
        assert (estimate(generation, name).value, estimate(generation, name).stderr) == (0.0, 0.0)
    assert estimate(generation, "weight_mean").value == 1.0


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (paper_mixture(), BoundedError(0.2)),
        (
            GaussianMixture([0.5, 0.5], [[0, 0], [1, 1]], [[[1, 0.3], [0.3, 1]], np.eye(2)]),
            AffineError([[0.1, 0.2], [-0.1, 0.0]], 0.1),
        ),
    ],
    ids=["isotropic", "general"],
)
def test_the_number_of_workers_changes_nothing(target: GaussianMixture, error: ScoreError) -> None:
    runs = [simulate_generation(target, error, n=4_000, steps=8, replicas=3, rng=3, workers=workers) for workers in (1, 3)]
    other = simulate_generation(target, error, n=4_000, steps=8, replicas=3, rng=4)
    for field in fields(Generation):
        first, second = (getattr(run, field.name) for run in runs)
        if isinstance(first, Estimate):
            assert first == second
            assert first != getattr(other, field.name)
        elif isinstance(first, np.ndarray):
            assert np.array_equal(first, second)
    assert runs[0].numerical_error == runs[1].numerical_error
    assert np.shape(runs[0].endpoint) == (4_000, target.dim)
    assert np.shape(runs[0].ideal_endpoint) == (4_000, target.dim)


def test_paper_mixture_precision() -> None:
    runs = [
        simulate_generation(paper_mixture(), BoundedError(0.2), n=4_000, steps=50, replicas=8, rng=seed) for seed in (1, 2, 3)
    ]
    # the standard error falls as the root of n: 40,000 endpoints give it at most 2.5 %, unless one draw carries it
    relative = [estimate(run, "chi2").stderr / estimate(run, "chi2").value for run in runs]
    assert float(np.median(relative)) * math.sqrt(4_000 / 40_000) < 0.025
    generation = runs[0]
    chi2 = estimate(generation, "chi2")
    assert generation.numerical_error["chi2"] < 3.0 * chi2.stderr
    forward, backward = estimate(generation, "learned_energy"), estimate(generation, "learned_energy_reverse")
    assert abs(forward.value - backward.value) < FAMILY * math.hypot(forward.stderr, backward.stderr)
    ideal = estimate(generation, "ideal_energy")
    assert abs(ideal.value - backward.value) > 20.0 * backward.stderr  # ideal and learned energy are told apart
    assert generation.sup_energy == pytest.approx(0.2**2 * 10 * 3.98)
    assert chi2.value < estimate(generation, "path_chi2").value < math.expm1(generation.sup_energy)


def test_infinite_path_chi2_is_never_reported_without_a_warning() -> None:
    # lambda = 1, A = 0.24: X is infinite, and the estimate looks perfectly healthy
    generation = simulate_generation(Gaussian(0.0, 1.0), AffineError(0.24), n=5_000, steps=32, rng=1)
    assert math.isfinite(estimate(generation, "path_chi2").value)
    assert "no upper bound" in generation.reasons["path_chi2"]
    assert generation.sup_energy == math.inf


def test_degenerate_weights_are_reported() -> None:
    generation = simulate_generation(Gaussian(0.0, 1.0), BoundedError(20.0), n=500, steps=20, rng=1)
    ess = estimate(generation, "chi2").ess
    assert ess is not None
    assert ess < 5.0
    assert "degenerate" in generation.reasons["chi2"]
    assert estimate(generation, "ideal_energy").value > 100.0


def test_standard_errors_are_calibrated() -> None:
    repetitions = 60
    names = ("ideal_energy", "learned_energy", "visible_energy", "chi2", "weight_mean")
    scores: dict[str, list[float]] = {name: [] for name in names}
    for seed in range(repetitions):
        generation = simulate_generation(REFERENCE_TARGET, BoundedError(0.3), n=2_000, steps=40, replicas=4, rng=1000 + seed)
        for name, column in scores.items():
            got = estimate(generation, name)
            column.append((got.value - REFERENCE[name]) / got.stderr)
    low, high = stats.chi2.ppf([1e-6, 1 - 1e-6], repetitions) / repetitions
    for name, column in scores.items():
        # heavy tails widen the law of the score: 40 % more variance is granted
        assert low < np.mean(np.square(column)) < 1.4 * high, name
        assert low > np.mean(np.square(np.asarray(column) / 3.0)), name  # standard errors three times too large are noticed


@pytest.mark.parametrize("lam", [1e-3, 0.36, 1.0, 9.0])
def test_time_grid(lam: float) -> None:
    process = OU(0.01, 4.0)
    grid = time_grid(Gaussian(0.0, lam), None, process, 50)
    assert (grid[0], grid[-1]) == (process.t0, process.T)
    steps = np.diff(grid)
    assert np.all(steps > 0)
    width = np.exp(-grid) * (min(lam, 1.0) - 1.0) + 1.0
    middle = np.sqrt(width[1:] * width[:-1])
    assert np.ptp(steps / middle) < 0.05 * np.mean(steps / middle)  # steps proportional to the least variance


@pytest.mark.parametrize("dim", [1, 3])
@pytest.mark.parametrize("kind", ["shared", "isotropic", "general"])
def test_lean_score_is_the_score(kind: str, dim: int) -> None:
    rng = np.random.default_rng(4)
    covs: dict[str, object] = {
        "shared": 0.3,
        "isotropic": np.array([0.2, 0.5, 1.5]),
        "general": np.stack([np.diag(rng.uniform(0.2, 2.0, dim)) for _ in range(3)]),
    }
    law = GaussianMixture([0.2, 0.3, 0.5], rng.normal(0, 3, (3, dim)), covs[kind])  # type: ignore[arg-type]
    x = rng.normal(0.0, 4.0, (200, dim))
    for t in (0.02, 1.0):
        expected = OU().marginal(law, t).score(x)
        np.testing.assert_allclose(score_field(law, t)(np.ascontiguousarray(x.T)).T, expected, rtol=1e-10, atol=1e-10)
