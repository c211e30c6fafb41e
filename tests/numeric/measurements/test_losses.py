"""Recorded losses become score energies: known Gaussian models, every schedule and prediction target, wrong weights caught."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from numeric import OU, Channel, ConsistentError, Gaussian, GaussianMixture, check_measurements, exact_generation
from numeric.measurements.losses import energy_bracket, energy_range, energy_weights, irreducible_loss, score_energy
from numeric.measurements.noise_schedules import NoiseSchedule, edm, flow, karras_sigmas, vp, vp_cosine, vp_linear

MEAN, SPREAD = np.array([0.3, -0.5]), np.array([0.4, 1.7])
DATA = Gaussian(MEAN, SPREAD)
LEARNED = Channel(0.95, [0.1, -0.05], 0.08)


def excess_loss(schedule: NoiseSchedule, kind: str) -> np.ndarray:
    """Excess loss, summed over coordinates, of the model whose predictions are exact for the law LEARNED(DATA): closed form.

    The optimal predictions for both laws are affine in x; their difference is integrated over x = a x0 + s xi.
    """
    a, s = schedule.signal[:, None], schedule.noise[:, None]
    spread, mean = 0.95**2 * SPREAD + 0.08, 0.95 * MEAN + np.array([0.1, -0.05])

    def predictor(m: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(slope, offset) of E[target | x] for x0 ~ N(m, v): regression of the target on x."""
        noise_weight, data_weight = {
            "epsilon": (1.0, 0.0),
            "x0": (0.0, 1.0),
            "v": (a, -s),
            "velocity": (1.0, -1.0),
            "score": (-1.0 / s, 0.0),
            "edm": (0.0, np.sqrt(s**2 + 0.25) / (0.5 * s)),
        }[kind]
        slope = (noise_weight * s + data_weight * a * v) / (a**2 * v + s**2)
        return slope, data_weight * m - slope * a * m

    slopes, offsets = zip(predictor(MEAN, SPREAD), predictor(mean, spread), strict=True)
    slope, offset = slopes[1] - slopes[0], offsets[1] - offsets[0]
    return np.sum(slope**2 * (a**2 * SPREAD + s**2) + (slope * a * MEAN + offset) ** 2, axis=1)


def exact_energy(schedule: NoiseSchedule) -> float:
    return exact_energy_of(schedule.process.t0, schedule.process.T)


@lru_cache
def exact_energy_of(t0: float, T: float) -> float:
    return float(exact_generation(DATA, ConsistentError(DATA, LEARNED), OU(t0, T)).ideal_energy)


def straight(count: int) -> NoiseSchedule:
    return flow((np.arange(count) + 0.5) / count)


SCHEDULES = {
    "linear": (lambda n: vp_linear(n, 0.1 / n, 12.0 / n), ("epsilon", "x0", "v", "score")),
    "cosine": (lambda n: vp_cosine(n), ("epsilon", "x0", "v", "score")),
    "edm": (lambda n: edm(karras_sigmas(n, 0.05, 40.0)), ("epsilon", "x0", "score", "edm")),
    "flow": (straight, ("epsilon", "x0", "score", "velocity")),
}
PAIRS = [(name, kind) for name, (_, kinds) in SCHEDULES.items() for kind in kinds]


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_sum_over_levels_is_the_energy_integral(name: str, kind: Any) -> None:
    schedule = SCHEDULES[name][0](641)
    found = score_energy(excess_loss(schedule, kind), schedule, kind=kind, irreducible=0.0)
    exact = exact_energy(schedule)
    assert found.value == pytest.approx(exact, rel=2e-3)
    assert abs(found.value - exact) < 3.0 * found.grid_error + 1e-9
    assert found.contributions.sum() == pytest.approx(found.value)
    for other in SCHEDULES[name][1]:  # the wrong unit is far off
        if other != kind:
            wrong = score_energy(excess_loss(schedule, kind), schedule, kind=other, irreducible=0.0)
            assert abs(wrong.value / exact - 1.0) > 0.1


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_order_is_two(name: str) -> None:
    """On every other level of one schedule, so that all grids span the same time."""
    fine = SCHEDULES[name][0](641)
    losses, exact, errors = excess_loss(fine, "epsilon"), exact_energy(fine), []
    for step in (32, 16, 8, 4):
        kept = np.arange(0, 641, step)
        found = score_energy(losses[kept], fine.take(kept), irreducible=0.0)
        errors.append(abs(found.value - exact))
        assert errors[-1] < 3.0 * found.grid_error
    order = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert order[-1] == pytest.approx(2.0, abs=0.2)


def test_wrong_weights_do_not_converge() -> None:
    """Twins of the weight: uniform in time, uniform over levels, without the 1/(1 - alpha_bar), SNR for log SNR."""
    schedule = SCHEDULES["linear"][0](641)
    losses, exact = excess_loss(schedule, "epsilon"), exact_energy(schedule)
    time, snr = schedule.time, np.exp(schedule.log_snr)
    assert float(energy_weights(schedule) @ losses) == pytest.approx(exact, rel=1e-3)
    assert np.trapezoid(losses / -np.expm1(-time), time) == pytest.approx(exact, rel=0.02)  # the same integral, coarser
    twins = {
        "time": np.trapezoid(losses, time),
        "levels": losses.mean(),
        "snr": -np.trapezoid(losses, snr),
        "score scale": np.trapezoid(losses / -(np.expm1(-time) ** 2), time),
        "half": 0.5 * float(energy_weights(schedule) @ losses),
    }
    for name, value in twins.items():
        assert abs(abs(value) / exact - 1.0) > 0.05, name


def test_raw_losses_by_simulation_minus_the_irreducible_part() -> None:
    """Denoising losses of 200 000 drawn pairs (seed 5) at three levels for every target: 5.5 standard errors, 18 statements."""
    rng, count = np.random.default_rng(5), 200_000
    for name, kinds in (("linear", ("epsilon", "v", "score", "x0")), ("edm", ("edm",)), ("flow", ("velocity",))):
        schedule = SCHEDULES[name][0](40).take([4, 18, 34])
        clean, noise = MEAN + rng.standard_normal((count, 2)) * np.sqrt(SPREAD), rng.standard_normal((count, 2))
        for kind in kinds:
            floor = irreducible_loss(DATA, schedule, kind=kind)
            extra = excess_loss(schedule, kind)
            for level in range(3):
                a, s = schedule.signal[level], schedule.noise[level]
                x = a * clean + s * noise
                guess = GaussianNoise(0.95 * MEAN + [0.1, -0.05], 0.95**2 * SPREAD + 0.08)(x, a, s)
                wrong = guess - noise
                per_noise = {"v": 1 / a, "velocity": 1 / a, "score": 1 / s, "x0": s / a, "epsilon": 1.0}
                unit = per_noise.get(kind, s / a * math.sqrt(s**2 + 0.25) / (0.5 * s))
                draws = np.sum((unit * wrong) ** 2, axis=1)
                error = draws.std() / math.sqrt(count)
                assert abs(draws.mean() - floor[level] - extra[level]) < 5.5 * error
                assert abs(draws.mean() - extra[level]) > 20.0 * error  # the raw loss is not the excess
    energy = score_energy(floor + extra, schedule, kind="velocity", irreducible=DATA)
    assert energy.value == pytest.approx(score_energy(extra, schedule, kind="velocity", irreducible=0.0).value)


class GaussianNoise:
    """E[xi | x] for x0 ~ N(mean, spread), coordinatewise."""

    def __init__(self, mean: Any, spread: np.ndarray) -> None:
        self.mean, self.spread = np.asarray(mean), spread

    def __call__(self, x: np.ndarray, a: float, s: float) -> np.ndarray:
        return s * (x - a * self.mean) / (a**2 * self.spread + s**2)


def test_the_irreducible_energy_of_a_standard_gaussian() -> None:
    schedule = vp_linear(2000)
    raw = score_energy(irreducible_loss(Gaussian(0.0, 1.0), schedule), schedule, irreducible=0.0)
    t0, T = schedule.process.t0, schedule.process.T
    assert raw.value == pytest.approx(math.log(math.expm1(-T) / math.expm1(-t0)), rel=1e-4)
    exact = exact_energy(schedule)
    assert raw.value > 10.0 * exact  # what is at stake in calling a raw loss an energy


def test_means_over_coordinates_are_summed() -> None:
    schedule = vp_cosine(200)
    losses = excess_loss(schedule, "v")
    summed = score_energy(losses, schedule, kind="v", irreducible=0.0)
    mean = score_energy(losses / 2, schedule, kind="v", irreducible=0.0, averaged_over=2)
    assert mean.value == pytest.approx(summed.value)
    floor = irreducible_loss(DATA, schedule, kind="v")
    np.testing.assert_allclose(irreducible_loss(DATA, schedule, kind="v", averaged_over=2), floor / 2)


def test_the_bracket_holds_for_data_that_are_not_gaussian() -> None:
    """Two narrow modes in 1-D: the optimal loss by quadrature lies below the linear one, so the bracket holds and is strict."""
    law = GaussianMixture([0.4, 0.6], [-1.0, 0.8], 0.05)
    mean, spread = float(law.mean[0]), float(law.cov[0, 0])
    schedule = vp_linear(400, 1e-3, 0.03).take(np.arange(0, 400, 7))
    grid = np.linspace(-9.0, 9.0, 6001)
    fisher = []
    for t in schedule.time:
        noised = OU(0.001, 30.0).marginal(law, float(t))
        fisher.append(np.trapezoid(np.exp(noised.logpdf(grid)) * noised.score(grid).ravel() ** 2, grid))
    optimal = 1.0 - schedule.noise**2 * np.array(fisher)  # E|xi - E[xi|x]|² = d - s² E|score|²
    linear = irreducible_loss(Gaussian(mean, spread), schedule)
    assert np.all(optimal < linear)
    extra = np.full(optimal.shape, 0.02)
    exact = score_energy(extra, schedule, irreducible=0.0).value
    low, high = energy_bracket(optimal + extra, schedule, Gaussian(mean, spread))
    assert low < exact < high
    big = np.full(optimal.shape, 0.7)
    low, high = energy_bracket(optimal + big, schedule, Gaussian(mean, spread))
    assert 0.0 < low < score_energy(big, schedule, irreducible=0.0).value < high


def test_noise_in_the_losses_does_not_lift_the_lower_end() -> None:
    schedule = SCHEDULES["linear"][0](300)
    excess, weights = excess_loss(schedule, "epsilon"), energy_weights(schedule)
    floor = irreducible_loss(DATA, schedule)
    runs = (floor + excess) * (1.0 + 0.001 * np.random.default_rng(5).standard_normal((100, 300)))
    truth, error = float(weights @ excess), 0.001 * float(np.linalg.norm(weights * (floor + excess))) / 10.0
    low = np.mean([energy_bracket(raw, schedule, DATA)[0] for raw in runs])
    assert abs(low - truth) < 5.0 * error  # Gaussian data: the best linear prediction is the best there is
    clipped = np.mean(np.maximum(runs - floor, 0.0) @ weights)
    assert clipped > truth + 5.0 * error  # clipped level by level, the noise adds up


def test_one_number_gives_a_range_only() -> None:
    schedule = SCHEDULES["linear"][0](300)
    for kind in ("epsilon", "x0"):
        losses = excess_loss(schedule, kind)
        low, high = energy_range(float(losses.mean()), schedule, kind=kind)
        assert low <= score_energy(losses, schedule, kind=kind, irreducible=0.0).value <= high
        spike = np.zeros(300)
        spike[int(np.argmax(energy_weights(schedule, kind)))] = 300.0
        assert score_energy(spike, schedule, kind=kind, irreducible=0.0).value == pytest.approx(
            energy_range(1.0, schedule, kind=kind)[1]
        )


def test_standard_errors_travel_to_the_checks() -> None:
    schedule = vp_linear(100, 1e-3, 0.1)
    found = score_energy([0.01] * 100, schedule, irreducible=0.0, stderr=0.001)
    assert found.stderr == pytest.approx(0.001 * float(np.linalg.norm(energy_weights(schedule))))
    noisy = np.full(100, 0.01) + 0.001 * np.random.default_rng(1).standard_normal((4000, 100))
    spread = np.std(noisy @ energy_weights(schedule))
    assert found.stderr == pytest.approx(spread, rel=0.1)
    checks = check_measurements(0.1, learned_energy=[found.estimate], intra_kl=[0.0], claims="girsanov-kl")
    assert [str(check.verdict) for check in checks] == ["HOLDS"]


def test_schedules_are_those_of_their_papers() -> None:
    linear = vp_linear()
    assert linear.alpha_bar[[0, 499, 999]] == pytest.approx([0.9999, 0.0786, 4.04e-5], rel=5e-3)
    cosine = vp_cosine()
    expected = math.cos(math.pi / 2 * (0.5 + 0.008) / 1.008) ** 2 / math.cos(math.pi / 2 * 0.008 / 1.008) ** 2
    assert cosine.alpha_bar[499] == pytest.approx(expected, rel=1e-12)
    # f(k) -> (1 - k/K)² for an offset beyond all others, where cos of nearly pi/2 has no digits left
    for offset in (1e15, 1e300):
        assert vp_cosine(10, offset).alpha_bar[:9] == pytest.approx((1.0 - np.arange(1, 10) / 10.0) ** 2, rel=1e-13)
    sigmas = karras_sigmas(18)
    assert (sigmas[0], sigmas[-1]) == (pytest.approx(80.0), pytest.approx(0.002))
    assert edm(sigmas).time == pytest.approx(np.log1p(sigmas**2))
    same = vp(linear.alpha_bar)
    np.testing.assert_allclose(same.log_snr, linear.log_snr, rtol=1e-9)
    assert linear.process.t0 == pytest.approx(-math.log(0.9999))
    np.testing.assert_allclose(flow([0.2, 0.5]).alpha_bar, [0.64 / 0.68, 0.5])


def test_the_order_of_the_levels_is_free() -> None:
    up = edm(karras_sigmas(50)[::-1])
    down = edm(karras_sigmas(50))
    losses = excess_loss(up, "x0")
    forwards = score_energy(losses, up, kind="x0", irreducible=0.0)
    backwards = score_energy(losses[::-1], down, kind="x0", irreducible=0.0)
    assert backwards.value == pytest.approx(forwards.value, rel=1e-14)


LEVELS = vp_linear(10)


@pytest.mark.parametrize(
    ("call", "kind", "said"),
    [
        (
            lambda: score_energy([0.1] * 9, LEVELS, irreducible=0.0),
            ValueError,
            "losses must have one entry per noise level, 10",
        ),
        (lambda: score_energy([-0.1] * 10, LEVELS, irreducible=0.0), ValueError, "losses must be"),
        (lambda: score_energy([0.1] * 10, LEVELS, irreducible=0.2), ValueError, "at least the irreducible loss at every level"),
        (lambda: score_energy([0.1] * 10, LEVELS, irreducible=[0.0] * 3), ValueError, "irreducible must have one entry"),
        (lambda: score_energy([0.1] * 10, LEVELS, irreducible=0.0, stderr=-1.0), ValueError, "stderr must be"),
        (lambda: score_energy([0.1] * 10, LEVELS, irreducible=0.0, kind="noise"), ValueError, "kind must be one of epsilon"),
        (lambda: score_energy([0.1] * 10, LEVELS, irreducible=0.0, kind="edm"), ValueError, "belong to a vp schedule"),
        (lambda: score_energy([0.1] * 10, LEVELS, irreducible=0.0, kind=3), TypeError, "kind must be one of"),
        (lambda: score_energy([0.1] * 10, LEVELS, irreducible=0.0, averaged_over=0), ValueError, "averaged_over must be"),
        (lambda: NoiseSchedule("edm", [1, 1], [2, 1]), ValueError, "family must be one of vp, ve, flow"),
        (lambda: NoiseSchedule("ve", [1, 1], [2, 1], math.nan), ValueError, "sigma_data must be"),
        (lambda: NoiseSchedule("ve", [1, 1], [2, 1], [3, 2]), TypeError, "sigma_data must be"),
        (lambda: score_energy([0.1] * 10, "linear", irreducible=0.0), TypeError, "schedule must be a NoiseSchedule"),
        (lambda: irreducible_loss(GaussianMixture([1.0], [0.0], 1.0), LEVELS), TypeError, "target must be a Gaussian"),
        (lambda: energy_range(-1.0, LEVELS), ValueError, "mean_loss must be"),
        (lambda: vp_linear(10, 0.1, 20.0), ValueError, r"beta_max must be in \(0, 1\)"),
        (lambda: vp_linear(10, 0.1, 0.05), ValueError, "beta_min must be at most"),
        (lambda: vp_linear(1), ValueError, "steps must be"),
        (lambda: vp([0.9, 0.9]), ValueError, "levels out of order"),
        (lambda: vp([0.9, 1.0]), ValueError, "alpha_bar must be"),
        (lambda: edm([0.1, 0.3, 0.2]), ValueError, "levels out of order"),
        (lambda: edm([1.0, 0.0]), ValueError, "sigmas must be"),
        (lambda: edm([0.1, 0.2], sigma_data=0.0), ValueError, "sigma_data must be"),
        (lambda: karras_sigmas(5, 2.0, 1.0), ValueError, "sigma_min must be less"),
        (lambda: flow([0.0, 0.5]), ValueError, "times must be"),
        (lambda: LEVELS.take([0, 10]), ValueError, r"levels must be in \[0, 9\]"),
        (lambda: LEVELS.take([0.5]), TypeError, "levels must be a list of indices"),
        (lambda: LEVELS.take([3]), ValueError, "number of levels must be"),
    ],
)
def test_bad_losses_name_the_argument(call: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_noise_may_take_an_excess_below_zero_and_a_wrong_unit_may_not() -> None:
    noisy = [0.1, 0.099] * 5
    assert score_energy(noisy, LEVELS, irreducible=0.1, stderr=0.001).value < 0.0
    with pytest.raises(ValueError, match="at level 1"):
        score_energy(noisy, LEVELS, irreducible=0.1, stderr=0.0001)
    assert score_energy([0.01] * 2, LEVELS.take([0, 9]), irreducible=0.0).grid_error == math.inf
