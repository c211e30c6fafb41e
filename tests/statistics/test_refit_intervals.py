"""The intervals of simulated refits, fit energies and weighted means, against the enumerated routes.

Chains start off the mean by delta, with delta² an energy of the grid, at both fresh fractions; few chains, so that the averages
are skewed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import theory
from numeric import (
    OU,
    Gaussian,
    Verdict,
    check_refits,
    exact_refits,
    fit_energy,
    simulate_refits,
    simulate_weighted_means,
    weighted_means,
)
from numeric.judging.formula import Interval
from numeric.judging.refit_quantities import FiniteSample, refit_case
from tests.statistics.coverage import LEVELS, Coverage, assert_kept, intervals, quartered

UNIT = Gaussian(0.0, 1.0)
CHAINS, POINTS, ROUNDS = 1000, 8, 3
GRID = [(energy, alpha) for energy in (0.05, 0.5, 1.5) for alpha in (0.1, 0.9)]
SILENT = 0.02
Run = Callable[[np.random.Generator], FiniteSample]


def entry(found: FiniteSample, name: str, level: float) -> Interval:
    """One number at exactly this level; of a series, the last one."""
    noisy = sum(int(np.count_nonzero(errors)) for errors in getattr(found, "stderr", {}).values())
    whole = refit_case(found, 1.0 - (1.0 - level) * max(noisy, 1))(name)
    last = POINTS if name == "typical_rate" else -1
    return whole if whole.low.ndim == 0 else Interval(whole.low[last], whole.high[last], whole.noisy, whole.doubt)


def covered(label: str, run: Run, truths: dict[str, float], runs: int, seed: list[int]) -> list[Coverage]:
    found = [run(stream) for stream in np.random.default_rng(seed).spawn(runs)]
    out = []
    for name, truth in truths.items():
        for level in LEVELS:
            ends, silent = intervals([entry(one, name, level) for one in found])
            out.append(Coverage.of(f"{label} {name}", truth, level, ends, silent))
            assert out[-1].silent <= SILENT * runs, str(out[-1])  # intervals that never speak keep any level
    return out


def refits(energy: float, alpha: float, runs: int, design: str = "stratified", route: str = "points") -> list[Coverage]:
    start = Gaussian(math.sqrt(energy), 0.5)
    exact = exact_refits(UNIT, alpha, ROUNDS, n=POINTS, design=design, initial=start)

    def run(rng: np.random.Generator) -> FiniteSample:
        return simulate_refits(UNIT, alpha, ROUNDS, n=POINTS, runs=CHAINS, rng=rng, design=design, initial=start, route=route)

    truths = {"mean_error": float(exact.mean_error[-1]), "fitted_variance": float(exact.fitted_variance[-1])}
    seed = [int(100 * energy), int(10 * alpha), len(design), len(route)]
    return covered(f"refits, delta² {energy} alpha {alpha} {design} {route}", run, truths, runs, seed)


def collapse(runs: int) -> list[Coverage]:
    exact = exact_refits(UNIT, "replace", ROUNDS, n=POINTS)
    truths = {"typical_rate": exact.typical_rate, "fitted_variance": float(exact.fitted_variance[-1])}
    return covered(
        "refits, nothing fresh",
        lambda rng: simulate_refits(UNIT, "replace", ROUNDS, n=POINTS, runs=CHAINS, rng=rng),
        truths,
        runs,
        [3],
    )


def weighted(weight: float, ratio: float, runs: int) -> list[Coverage]:
    truth = weighted_means(weight, n=4, ratio=ratio).stationary_error
    return covered(
        f"weighted means, weight {weight} ratio {ratio}",
        lambda rng: simulate_weighted_means(weight, n=4, ratio=ratio, runs=CHAINS, rng=rng),
        {"stationary_error": float(truth)},
        runs,
        [int(10 * weight), int(ratio)],
    )


def energies(values: list[float], process: OU | None, n: int, runs: int) -> list[Coverage]:
    """sum over parameters of their share: (2n-1)/(2n) w^2 of a variance, (n-1)/n w w' of a covariance, w of a mean."""
    ends = (0.0, 1.0) if process is None else (math.exp(-process.T), math.exp(-process.t0))
    total = 0.0
    for u, sign in zip(ends, (-1.0, 1.0), strict=True):
        w = np.array([value * u / (1.0 + (value - 1.0) * u) for value in values])
        pairs = 0.5 * (w.sum() ** 2 - float(w @ w))
        total += sign * (w.sum() + (2 * n - 1) / (2 * n) * float(w @ w) + (n - 1) / n * pairs) / n
    target = Gaussian(np.zeros(len(values)), np.array(values))
    return covered(
        f"fit energy, {len(values)} dimensions, {'whole path' if process is None else 'stopped'}",
        lambda rng: fit_energy(target, process, n=n, fits=CHAINS, rng=rng),
        {"sample_energy": total},
        runs,
        [len(values), n],
    )


def test_intervals_of_refits_keep_their_level() -> None:
    found = [*refits(1.5, 0.1, 200), *refits(0.05, 0.9, 200, "iid", "moments"), *collapse(200)]
    assert_kept("refits", found)


def test_intervals_of_weighted_means_and_of_fit_energies_keep_their_level() -> None:
    assert_kept("weighted means", [*weighted(0.9, 2.0, 100), *weighted(0.5, 1.0, 100)])
    assert_kept("fit energies", energies([0.4], OU(0.1, 3.0), 5, 100))


def test_intervals_of_chains_a_quarter_as_wide_are_rejected() -> None:
    streams = np.random.default_rng(8).spawn(150)
    found = [simulate_refits(UNIT, 0.5, 2, n=POINTS, runs=CHAINS, rng=stream) for stream in streams]
    truth = float(exact_refits(UNIT, 0.5, 2, n=POINTS).mean_error[-1])
    ends, _ = intervals([entry(one, "mean_error", 0.95) for one in found])
    assert Coverage.of("mean_error", truth, 0.95, ends).kept
    assert not Coverage.of("mean_error", truth, 0.95, quartered(ends)).kept


@pytest.mark.thorough
@pytest.mark.parametrize(("energy", "alpha"), GRID)
def test_intervals_of_refits_keep_their_level_on_the_grid(energy: float, alpha: float) -> None:
    assert_kept("refits", [*refits(energy, alpha, 2000), *refits(energy, alpha, 2000, "iid", "moments")])


@pytest.mark.thorough
def test_intervals_of_collapsing_chains_of_means_and_of_energies_keep_their_level() -> None:
    assert_kept("refits", collapse(2000))
    assert_kept("weighted means", [one for weight in (0.1, 0.5, 0.9) for one in weighted(weight, 2.0, 2000)])
    found = [*energies([1.5, 0.6], OU(), 6, 2000), *energies([0.4], OU(0.1, 3.0), 5, 2000)]
    assert_kept("fit energies", [*found, *energies([1.5, 0.6, 1.0], None, 9, 2000)])


def test_the_energies_of_this_file_are_those_of_the_claim() -> None:
    fit = fit_energy(Gaussian([0.0, 0.0], [1.5, 0.6]), OU(), n=6, fits=20_000, rng=4)
    [check] = check_refits(fit, [theory.claim("sample-size-law")])
    assert check.verdict is Verdict.HOLDS
    [line] = [one for one in energies([1.5, 0.6], OU(), 6, 1) if one.level == LEVELS[0]]
    assert line.runs == 1
