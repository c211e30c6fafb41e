"""Controls of what is measured on samples and on recorded losses."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from numeric import (
    OU,
    Channel,
    ConsistentError,
    DriftEstimate,
    Gaussian,
    NoiseSchedule,
    exact_generation,
    exact_recursion,
    mean_shift,
    vp_linear,
)
from numeric.validation import Array
from tests.controls.control import Control, Estimator, close, patched, result, swapped, within

# ------------------------------------------------------------------------------------------------------------ samples

RUNS, ROWS, LEVEL = 80, 60, 0.95


@lru_cache(maxsize=1)
def equal_laws() -> list[tuple[Array, Array]]:
    rng = np.random.default_rng(31)
    return [(rng.standard_normal((ROWS, 2)), rng.standard_normal((ROWS, 2))) for _ in range(RUNS)]


def averages_to_zero(estimator: Estimator) -> bool:
    """The mean of the estimates between equal laws."""
    return within(np.array([estimator(x, y, rng=0, bandwidth=1.5).estimate.value for x, y in equal_laws()]), 0.0)


def removes_its_bias(estimator: Estimator) -> bool:
    return within(np.array([estimator(x, y).estimate.value for x, y in equal_laws()]), 0.0)


def rarely_above_zero(estimator: Estimator) -> bool:
    """A lower bound at 95 % between equal laws: 17 of 80 above zero would come by chance less than once in a million."""
    return sum(bool(estimator(x, y, confidence=LEVEL).low > 0.0) for x, y in equal_laws()) < 17


def sees_a_shift(estimator: Estimator) -> bool:
    """N(2, 1) and N(0, 1) in samples of unequal size: W1 is 2, and the interval is not a wide one."""
    rng = np.random.default_rng(32)
    x, y = rng.standard_normal((150, 1)), 2.0 + rng.standard_normal((900, 1))
    found: DriftEstimate = estimator(x, y, confidence=0.999999)
    return bool(found.low <= 2.0 <= found.high and found.low > 1.0 and found.high < 3.0)


def knows_first_from_second(estimator: Estimator) -> bool:
    """A wide reference and a narrow sample, in which chi2 and KL have a direction."""
    rng = np.random.default_rng(33)
    found = estimator(2.0 * rng.standard_normal((3000, 1)), rng.standard_normal((3000, 1)), rng=1, confidence=0.9999)
    truths = {"chi2": 2.0 / math.sqrt(7.0) * 2.0 - 1.0, "gaussian_kl": math.log(2.0) - 0.375, "w1": math.sqrt(2.0 / math.pi)}
    return all(getattr(found, name).low <= truth <= getattr(found, name).high for name, truth in truths.items())


def cut_to_the_shorter(estimator: Estimator) -> Estimator:
    """Sorted values paired from the smallest on, what is left over forgotten: the mistake with samples of unequal size."""

    def twin(x: Array, y: Array, **named: Any) -> DriftEstimate:
        count = min(len(x), len(y))
        return estimator(np.sort(x, axis=0)[:count], np.sort(y, axis=0)[:count], **named)

    return twin


def plugged_in(estimator: Estimator) -> Estimator:
    """The divergence of the fitted Gaussians without the correction of its bias."""

    def twin(x: Array, y: Array, **named: Any) -> DriftEstimate:
        found = estimator(x, y, **named)
        inverse = np.linalg.inv(np.cov(x.T))
        gap, ratio = y.mean(axis=0) - x.mean(axis=0), inverse @ np.cov(y.T)
        value = 0.5 * float(np.trace(ratio) - 2.0 - math.log(np.linalg.det(ratio)) + gap @ inverse @ gap)
        return replace(found, estimate=replace(found.estimate, value=value))

    return twin


def follows_the_schedule(estimator: Estimator) -> bool:
    """Training rows at the fresh fraction that was stated: MMD contracts by 1 - alpha, and the interval knows."""
    rng = np.random.default_rng(34)
    data, start = rng.standard_normal((1500, 1)), rng.standard_normal((1500, 1)) + 1.0
    trained = np.concatenate([rng.standard_normal((150, 1)), rng.standard_normal((1350, 1)) + 1.0])
    later = rng.standard_normal((1500, 1)) + 0.5
    found = estimator(data, [start, later], 0.1, rng=2, training=[trained])
    case = found.case()
    drift, mixed = case("divergence"), case("mixed")
    share = case("fresh_fraction")
    low, high = ((1.0 - float(share.low[0])) ** 2 * float(end[0]) for end in (drift.low, drift.high))
    return bool(float(mixed.high[0]) >= low and float(mixed.low[0]) <= high and found.drifts[0].w1.low > found.drifts[1].w1.low)


def complement(estimator: Estimator) -> Estimator:
    return lambda data, laws, alpha, **named: estimator(data, laws, 1.0 - alpha, **named)


def backwards(estimator: Estimator) -> Estimator:
    return lambda data, laws, alpha, **named: estimator(data, laws[::-1], alpha, **named)


DRIFT = "numeric.samples.sample_drift"
judged_on_what_chose = patched(DRIFT, "CHOOSE", lambda _: 1)
SAMPLES = [
    Control(
        "mmd_drift",
        "V-statistic",
        averages_to_zero,
        patched("numeric.samples.sample_features", "Embedded.noise", lambda _: property(lambda self: 0.0)),
    ),
    Control(
        "mmd_drift",
        "not squared",
        averages_to_zero,
        result(lambda d: replace(d, estimate=replace(d.estimate, value=abs(d.estimate.value) ** 0.5))),
    ),
    Control("w1_drift", "samples of unequal size cut to the shorter", sees_a_shift, cut_to_the_shorter),
    Control("w1_drift", "squared", sees_a_shift, result(lambda d: replace(d, low=d.low**2, high=d.high**2))),
    Control("chi2_drift", "judged on the rows that chose", rarely_above_zero, judged_on_what_chose),
    Control("chi2_drift", "the estimate for its bound", rarely_above_zero, result(lambda d: replace(d, low=d.estimate.value))),
    Control("tv_drift", "judged on the rows that chose", rarely_above_zero, result(lambda d: replace(d, low=d.estimate.value))),
    Control("gaussian_kl_drift", "bias not removed", removes_its_bias, plugged_in),
    Control("sample_drift", "reference and sample exchanged", knows_first_from_second, swapped),
    Control("measure_samples", "fresh fraction for its complement", follows_the_schedule, complement),
    Control("measure_samples", "generations backwards", follows_the_schedule, backwards),
]

# ------------------------------------------------------------------------------------------------------------- losses

DATA, LEARNED = Gaussian(0.3, 0.6), Channel(0.95, 0.1, 0.08)


@lru_cache(maxsize=1)
def schedule() -> NoiseSchedule:
    return vp_linear(401, 0.1 / 401, 12.0 / 401)


@lru_cache(maxsize=1)
def losses() -> tuple[Array, Array, float]:
    """Excess and irreducible epsilon loss of the model that is exact for LEARNED(DATA), level by level, and its energy."""
    a, s = schedule().signal, schedule().noise
    mean, spread = 0.95 * 0.3 + 0.1, 0.95**2 * 0.6 + 0.08
    slope, learned = s / (a**2 * 0.6 + s**2), s / (a**2 * spread + s**2)
    offset = -learned * a * mean + slope * a * 0.3
    excess = (learned - slope) ** 2 * (a**2 * 0.6 + s**2) + ((learned - slope) * a * 0.3 + offset) ** 2
    process = OU(schedule().process.t0, schedule().process.T)
    energy = exact_generation(DATA, ConsistentError(DATA, LEARNED), process).ideal_energy
    return excess, a**2 * 0.6 / (a**2 * 0.6 + s**2), float(energy)


def integrates(estimator: Estimator) -> bool:
    excess, floor, energy = losses()
    return close(estimator(excess + floor, schedule(), irreducible=DATA), energy, 2e-3)


def integrates_weights(estimator: Estimator) -> bool:
    excess, _, energy = losses()
    return close(float(estimator(schedule()) @ excess), energy, 2e-3)


def is_the_floor(estimator: Estimator) -> bool:
    """The loss of the optimal predictor on drawn pairs of data and noise, at a middle level, in standard errors."""
    rng, level = np.random.default_rng(35), 150
    a, s = schedule().signal[level], schedule().noise[level]
    clean, noise = 0.3 + math.sqrt(0.6) * rng.standard_normal(100_000), rng.standard_normal(100_000)
    guess = s / (a**2 * 0.6 + s**2) * (a * clean + s * noise - a * 0.3)
    return within((guess - noise) ** 2, float(estimator(DATA, schedule())[level]))


def brackets(estimator: Estimator) -> bool:
    """Below and above the energy, and the upper end is that of raw losses."""
    excess, floor, energy = losses()
    low, high = estimator(excess + floor, schedule(), DATA)
    raw = float(np.trapezoid((excess + floor) / -np.expm1(-schedule().time), schedule().time))
    return bool(low <= energy * 1.002 and energy <= high and abs(low / energy - 1.0) < 0.01 and close(high, abs(raw), 0.02))


def ranges(estimator: Estimator) -> bool:
    """All of the loss at one level or another: the mean times the number of levels, at the least and the largest weight."""
    excess, _, energy = losses()
    low, high = estimator(float(excess.mean()), schedule())
    spikes = []
    for level in range(0, 401, 10):
        spike = np.zeros(401)
        spike[level] = excess.sum()
        logs = schedule().log_snr
        spikes.append(abs(float(np.trapezoid(spike, logs))))
    return bool(low <= energy <= high and low <= min(spikes) * 1.0001 and high >= max(spikes) * 0.9999)


def unweighted(estimator: Estimator) -> Estimator:
    return lambda schedule: np.full(401, 1.0 / 401)


LOSSES: list[Control] = [
    Control(
        "score_energy", "raw losses", integrates, lambda f: lambda loss, levels, irreducible: f(loss, levels, irreducible=0.0)
    ),
    Control("score_energy", "half", integrates, result(lambda energy: 0.5 * energy.value)),
    Control(
        "score_energy",
        "noise taken for clean data",
        integrates,
        lambda f: lambda loss, levels, irreducible: f(loss, levels, kind="x0", irreducible=irreducible),
    ),
    Control("energy_weights", "every level counts the same", integrates_weights, unweighted),
    Control("irreducible_loss", "its complement", is_the_floor, result(lambda floor: 1.0 - floor)),
    Control(
        "irreducible_loss",
        "standard deviation for variance",
        is_the_floor,
        lambda f: lambda law, s: f(Gaussian(law.mean, law.cov**0.5), s),
    ),
    Control("energy_bracket", "ends exchanged", brackets, result(lambda ends: ends[::-1])),
    Control("energy_bracket", "the floor not subtracted", brackets, result(lambda ends: (ends[1], ends[1]))),
    Control("energy_range", "ends exchanged", ranges, result(lambda ends: ends[::-1])),
    Control("energy_range", "the mean for the sum", ranges, result(lambda ends: (ends[0] / 401, ends[1] / 401))),
]

# -------------------------------------------------------------------------------------------------- measured drift

ALPHA = 0.3


@lru_cache(maxsize=1)
def rounds() -> Any:
    return exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.1), ALPHA, 5)


def bounds(estimator: Estimator) -> bool:
    known = rounds()
    found = estimator(ALPHA, intra_chi2=known.innovation**2, divergence=known.divergence[1:])
    return bool(
        np.allclose(np.sqrt(found.ceiling), known.triangle_bound, rtol=1e-9)
        and np.allclose(found.orthogonal, known.discounted_sums, rtol=1e-9)
        and np.all(found.floor <= np.maximum(known.divergence[1:], known.divergence[:-1]))
    )


def names(estimator: Estimator) -> bool:
    n = np.arange(13.0)
    for drift, alpha, name in (
        (0.5**n, 0.5, "fading"),
        (n, "replace", "diverging"),
        ((1.0 - 0.5**n) ** 2, 0.5, "persistent"),
        (np.where(n % 2, 1.0, 0.05), 0.5, "bounded"),
        ((1.0 - 0.9**n) ** 2, 0.1, "undecided"),  # it will level off, but has not
    ):
        if estimator(0.95 * drift, 1.05 * drift, alpha).name != name:
            return False
    return True


def other_alpha(estimator: Estimator) -> Estimator:
    return lambda alpha, **named: estimator(1.0 - alpha, **named)


def reversed_time(estimator: Estimator) -> Estimator:
    return lambda low, high, alpha: estimator(low[::-1], high[::-1], alpha)


DRIFTS = [
    Control("measured_drift", "fresh fraction for its complement", bounds, other_alpha),
    Control(
        "measured_drift", "the ceiling without its square", bounds, result(lambda d: replace(d, ceiling=np.sqrt(d.ceiling)))
    ),
    Control("measured_drift", "the orthogonal sum for the ceiling", bounds, result(lambda d: replace(d, ceiling=d.orthogonal))),
    Control("drift_regime", "time backwards", names, reversed_time),
    Control(
        "drift_regime",
        "fresh data forgotten",
        names,
        lambda f: lambda low, high, alpha: f(low, high, "replace"),
    ),
]

CONTROLS = [*SAMPLES, *LOSSES, *DRIFTS]
