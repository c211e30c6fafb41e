"""The intervals of drift measured on samples, on the two ends of rounds of known energy and observability.

Rows are drawn from the endpoint of a round and from that of the exact score, both Gaussian, so that every distance is known.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import integrate, stats

from numeric import DriftEstimate, Gaussian, chi2, chi2_drift, gaussian_kl_drift, kl, mmd_drift, tv_drift, w1, w1_drift
from numeric.validation import Array
from tests.statistics.coverage import LEVELS, Coverage, assert_kept, quartered
from tests.statistics.test_one_round_intervals import exact

GRID = [(energy, eta) for energy in (0.05, 0.5, 1.5) for eta in (0.1, 0.9)]
ROWS, WIDTH = 90, 1.5
NAMES = ("mmd2", "w1", "chi2", "tv", "gaussian_kl")
SIDES = {"chi2": 1, "tv": 1}  # bounds from below spend all of the error on their one end


@cache
def ends(energy: float, eta: float) -> tuple[Gaussian, Gaussian]:
    """p^ and q_t0 in the plane."""
    known = exact("turning", energy, eta)
    learned, ideal = known.endpoint, known.ideal_endpoint
    assert isinstance(learned, Gaussian)
    assert isinstance(ideal, Gaussian)
    return learned, ideal


def kernel_mean(one: Gaussian, two: Gaussian) -> float:
    """E exp(-|x - y|²/(2 h²)) for independent x and y."""
    spread = one.cov + two.cov + WIDTH**2 * np.eye(one.dim)
    offset = one.mean - two.mean
    return float(WIDTH**one.dim / math.sqrt(np.linalg.det(spread)) * math.exp(-0.5 * offset @ np.linalg.solve(spread, offset)))


@cache
def truths(energy: float, eta: float) -> dict[str, float]:
    learned, ideal = ends(energy, eta)
    line = [
        w1(Gaussian(learned.mean[k], learned.cov[k, k]), Gaussian(ideal.mean[k], ideal.cov[k, k])) for k in range(learned.dim)
    ]
    return {
        "mmd2": kernel_mean(learned, learned) + kernel_mean(ideal, ideal) - 2.0 * kernel_mean(learned, ideal),
        "w1": float(np.mean([float(value) for value in line])),
        "chi2": float(chi2(learned, ideal)),
        "tv": total_variation(learned, ideal),
        "gaussian_kl": float(kl(learned, ideal)),
    }


def total_variation(learned: Gaussian, ideal: Gaussian) -> float:
    """Half of int |p - q| on a grid wide and fine enough for four digits."""
    axis = np.linspace(-9.0, 9.0, 721)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    gap = np.abs(np.exp(learned.logpdf(grid)) - np.exp(ideal.logpdf(grid))).reshape(721, 721)
    return 0.5 * float(integrate.trapezoid(integrate.trapezoid(gap, axis), axis))


def measured(x: Array, y: Array, level: float) -> dict[str, DriftEstimate | None]:
    return {
        "mmd2": mmd_drift(x, y, confidence=level, rng=0, bandwidth=WIDTH),
        "w1": w1_drift(x, y, confidence=level, directions=np.eye(x.shape[1])),
        "chi2": chi2_drift(x, y, confidence=level),
        "tv": tv_drift(x, y, confidence=level),
        "gaussian_kl": gaussian_kl_drift(x, y, confidence=level),
    }


def covered(energy: float, eta: float, runs: int) -> list[Coverage]:
    learned, ideal = ends(energy, eta)
    found: dict[tuple[str, float], list[DriftEstimate | None]] = {(name, level): [] for name in NAMES for level in LEVELS}
    for stream in np.random.default_rng([int(100 * energy), int(10 * eta)]).spawn(runs):
        x, y = ideal.sample(ROWS, rng=stream), learned.sample(ROWS, rng=stream)
        for level in LEVELS:
            for name, one in measured(x, y, level).items():
                found[name, level].append(one)
    out = []
    for (name, level), several in found.items():
        pairs = np.array([(-np.inf, np.inf) if one is None else (one.low, one.high) for one in several])
        silent = np.array([one is None or bool(one.doubt) for one in several])
        label = f"eps² {energy} eta {eta} {name}"
        out.append(Coverage.of(label, truths(energy, eta)[name], level, pairs, silent, SIDES.get(name, 2)))
    return out


def test_total_variation_of_this_file_is_that_of_two_shifted_normals() -> None:
    apart = total_variation(Gaussian([0.6, 0.8], 1.0), Gaussian([0.0, 0.0], 1.0))
    assert apart == pytest.approx(float(2.0 * stats.norm.cdf(0.5) - 1.0), abs=1e-4)


def test_intervals_of_samples_keep_their_level() -> None:
    found = covered(0.5, 0.9, runs=30)
    assert all(one.silent <= 0.05 * one.runs for one in found)
    assert_kept("samples", found)


@pytest.mark.thorough
@pytest.mark.parametrize(("energy", "eta"), GRID)
def test_intervals_of_samples_keep_their_level_on_the_grid(energy: float, eta: float) -> None:
    found = covered(energy, eta, runs=2000)
    assert all(one.silent <= 0.05 * one.runs for one in found)
    assert_kept("samples", found)


def test_a_bound_that_forgets_its_error_is_rejected() -> None:
    """The wrong twins: the estimate itself for the lower end, and intervals a quarter as wide where they have two ends."""
    learned, ideal = ends(0.5, 0.9)
    kept, values = [], []
    for stream in np.random.default_rng(6).spawn(100):
        one = gaussian_kl_drift(ideal.sample(ROWS, rng=stream), learned.sample(ROWS, rng=stream), confidence=0.95)
        assert one is not None
        kept.append((one.low, one.high))
        values.append((one.estimate.value, np.inf))
    truth = truths(0.5, 0.9)["gaussian_kl"]
    assert Coverage.of("gaussian_kl", truth, 0.95, np.array(kept)).kept
    assert not Coverage.of("gaussian_kl", truth, 0.95, np.array(values)).kept
    assert not Coverage.of("gaussian_kl", truth, 0.95, quartered(np.array(kept))).kept
