"""The control that must exist: with the exact score the reverse process reproduces q_t0; with the sign flipped it must fail.

Euler-Maruyama has a known O(dt) bias, which a recursion of two lines predicts exactly on a Gaussian; a control that ignores
it is wrong, and one wide enough to hide it is worthless.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
from scipy import interpolate, stats

from numeric.generations.errors import BoundedError, ScoreError
from numeric.generations.paths import time_grid
from numeric.generations.reverse import Method, ReverseKernel, reverse_samples
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, paper_mixture
from numeric.validation import Array

FALSE_ALARM = 1e-6


def euler_moments(mean: float, variance: float, process: OU, steps: int) -> tuple[float, float]:
    """Mean and variance of the Euler-Maruyama endpoint on N(mean, variance) with uniform steps."""
    times = np.linspace(process.T, process.t0, steps + 1)
    step = (process.T - process.t0) / steps
    m, v = mean * math.exp(-0.5 * process.T), math.exp(-process.T) * (variance - 1.0) + 1.0
    for t in times[:-1]:
        width = math.exp(-t) * (variance - 1.0) + 1.0
        m += step * (0.5 * m + (mean * math.exp(-0.5 * t) - m) / width)
        v = (1.0 + step * (0.5 - 1.0 / width)) ** 2 * v + step
    return m, v


def worst_score(samples: Array, law: GaussianMixture, inflation: float) -> float:
    """Largest standardised deviation of weights, component means and within-component covariance from ``law``'s.

    Components must be well separated and share one isotropic covariance; ``inflation`` is the known relative variance bias.
    """
    n, dim = samples.shape
    nearest = np.argmin(((samples[:, None, :] - law.means) ** 2).sum(axis=2), axis=1)
    counts = np.bincount(nearest, minlength=len(law.weights))
    scores = [np.zeros(1)]
    if len(law.weights) > 1:
        scores.append((counts / n - law.weights) / np.sqrt(law.weights * (1 - law.weights) / n))
    variance = float(law.covs[0, 0, 0]) * (1.0 + inflation)
    residuals = samples - law.means[nearest]
    for component in range(len(law.weights)):
        part = residuals[nearest == component]
        scores.append(part.mean(axis=0) / math.sqrt(variance / max(len(part), 1)) if len(part) else np.full(dim, np.inf))
    second = residuals.T @ residuals / n
    scores.append((np.diagonal(second) / variance - 1.0) / math.sqrt(2.0 / n))
    scores.append(second[np.triu_indices(dim, 1)] / variance * math.sqrt(n))
    scores.append(np.atleast_1d((np.trace(second) / (dim * variance) - 1.0) / math.sqrt(2.0 / (n * dim))))
    return float(np.max(np.abs(np.concatenate(scores))))


def threshold(dim: int, components: int) -> float:
    count = components + components * dim + dim * (dim + 1) // 2 + 1
    return float(stats.norm.isf(FALSE_ALARM / (2 * count)))


def control(method: Literal["heun", "euler"], sign: int, inflation: float, steps: int) -> float:
    process, law = OU(), paper_mixture()
    samples = reverse_samples(law, process, 8_000, steps, rng=[99, 7][sign < 0], sign=sign, method=method)
    marginal = process.marginal(law, process.t0)
    assert isinstance(marginal, GaussianMixture)
    return worst_score(samples, marginal, inflation)


def test_known_bias_at_the_protocol_of_the_paper() -> None:
    process = OU()
    _, variance = euler_moments(0.0, 0.36, process, 500)
    exact = math.exp(-process.t0) * (0.36 - 1.0) + 1.0
    assert variance / exact - 1.0 == pytest.approx(0.0096, abs=5e-5)


def test_perfect_score_reproduces_the_paper_mixture_with_euler() -> None:
    _, variance = euler_moments(0.0, 0.36, OU(), 500)
    inflation = variance / (math.exp(-0.02) * (0.36 - 1.0) + 1.0) - 1.0
    assert control("euler", 1, inflation, 500) < threshold(10, 5)


def test_perfect_score_reproduces_the_paper_mixture_with_heun() -> None:
    assert control("heun", 1, 0.0, 100) < threshold(10, 5)


@pytest.mark.parametrize(("method", "steps"), [("euler", 500), ("heun", 100)])
def test_flipped_sign_fails_the_same_control(method: Literal["heun", "euler"], steps: int) -> None:
    assert control(method, -1, 0.0096, steps) > 5.0 * threshold(10, 5)


def test_ignoring_the_bias_fails_the_same_control() -> None:
    law, process, steps = GaussianMixture([1.0], np.zeros((1, 10)), 0.36), OU(), 100
    samples = reverse_samples(law, process, 20_000, steps, rng=5, method="euler")
    marginal = process.marginal(law, process.t0)
    assert isinstance(marginal, GaussianMixture)
    inflation = euler_moments(0.0, 0.36, process, steps)[1] / float(marginal.covs[0, 0, 0]) - 1.0
    assert worst_score(samples, marginal, inflation) < threshold(10, 1)
    assert worst_score(samples, marginal, 0.0) > 2.0 * threshold(10, 1)


def test_euler_mean_and_variance_follow_their_recursion_off_centre() -> None:
    process, steps, n = OU(0.1, 3.0), 40, 100_000
    samples = reverse_samples(Gaussian(2.0, 0.5), process, n, steps, rng=12, method="euler")[:, 0]
    mean, variance = euler_moments(2.0, 0.5, process, steps)
    limit = float(stats.norm.isf(FALSE_ALARM / 4))
    assert abs(samples.mean() - mean) < limit * math.sqrt(variance / n)
    assert abs(samples.var() / variance - 1.0) < limit * math.sqrt(2.0 / n)
    exact = math.exp(-0.1) * (0.5 - 1.0) + 1.0
    assert abs(samples.var() / exact - 1.0) > limit * math.sqrt(2.0 / n)


def heun_variance(variance: float, process: OU, steps: int) -> float:
    """Variance of the Heun endpoint on N(0, variance) on the refined grid, by its own recursion."""
    first, last = (math.log(math.expm1(t) + variance) for t in (process.t0, process.T))
    times = [math.log(math.exp(first + (last - first) * k / steps) + 1.0 - variance) for k in range(steps + 1)]
    v = math.exp(-process.T) * (variance - 1.0) + 1.0
    for low, high in zip(times[-2::-1], times[::-1], strict=False):
        h = high - low
        now, then = (0.5 - 1.0 / (math.exp(-t) * (variance - 1.0) + 1.0) for t in (high, low))
        # Y' = Y + h/2 (now Y + then (Y + h now Y + dW)) + dW
        v = (1.0 + 0.5 * h * (now + then + h * now * then)) ** 2 * v + (1.0 + 0.5 * h * then) ** 2 * h
    return v


def test_heun_converges_with_order_two_to_the_right_limit() -> None:
    process, variance = OU(), 0.36
    exact = math.exp(-process.t0) * (variance - 1.0) + 1.0
    errors = [abs(heun_variance(variance, process, steps) - exact) for steps in (50, 100, 200, 400)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.15)
    assert errors[-1] < 1e-4 * exact
    # and the simulation follows its own recursion, at a step coarse enough for the bias to be seen
    n, steps = 200_000, 8
    samples = reverse_samples(Gaussian(0.0, variance), process, n, steps, rng=3)[:, 0]
    predicted, limit = heun_variance(variance, process, steps), float(stats.norm.isf(FALSE_ALARM / 2)) * math.sqrt(2.0 / n)
    assert abs(samples.var() / predicted - 1.0) < limit
    assert abs(samples.var() / exact - 1.0) > limit


def transported(law: GaussianMixture, error: ScoreError | None, method: Method, steps: int) -> Array:
    """E of cos(2 Y), Y^2 and exp(-Y^2) at t0 under the scheme itself, without sampling; (3,).

    The implemented step is fed Gauss-Hermite nodes for its noise; conditional expectations go backwards on a grid of positions.
    """
    process = OU(0.1, 3.0)
    grid = time_grid(law, error, process, steps) if method == "heun" else np.linspace(process.t0, process.T, steps + 1)
    kernel = ReverseKernel(law, error, grid, method, real=np.float64)
    positions = np.linspace(-9.0, 9.0, 301)
    nodes, weights = np.polynomial.hermite_e.hermegauss(16)
    worker = kernel.worker(positions.size * nodes.size)
    values = np.stack([np.cos(2.0 * positions), positions**2, np.exp(-(positions**2))])
    for index in range(steps):
        worker.points.x[0] = np.repeat(positions, nodes.size)
        worker.noise[0] = np.tile(nodes * math.sqrt(grid[index + 1] - grid[index]), positions.size)
        worker.start(index + 1)
        worker.step(index)
        reached = interpolate.CubicSpline(positions, values, axis=1)(np.clip(worker.points.x[0], -9.0, 9.0))
        values = reached.reshape(3, positions.size, nodes.size) @ (weights / weights.sum())
    density = np.exp(process.marginal(law, process.T).logpdf(positions))
    return np.asarray(np.trapezoid(values * density, positions, axis=1))


def test_observed_orders_of_the_steps_on_a_mixture() -> None:
    """Heun's errors fall fourfold where the steps double, Euler's twofold, to the exact law and with an error to one limit."""
    law, process = GaussianMixture([0.4, 0.6], [-1.2, 0.9], [0.3, 0.6]), OU(0.1, 3.0)
    positions = np.linspace(-9.0, 9.0, 2001)
    density = np.exp(process.marginal(law, process.t0).logpdf(positions))
    functions = np.stack([np.cos(2.0 * positions), positions**2, np.exp(-(positions**2))])
    exact = np.trapezoid(functions * density, positions, axis=1)
    methods: tuple[tuple[Method, float], ...] = (("heun", 2.0), ("euler", 1.0))
    for method, order in methods:
        gaps = np.array([transported(law, None, method, steps) - exact for steps in (40, 80)])
        assert np.all(np.abs(np.log2(np.abs(gaps[0] / gaps[1])) - order) < 0.3), method
        runs = np.array([transported(law, BoundedError(0.5), method, steps) for steps in (20, 40, 80)])
        near, far = runs[2] - runs[1], runs[1] - runs[0]
        assert np.all(np.abs(np.log2(np.abs(far / near)) - order) < 0.4), method


def test_workers_do_not_change_the_samples() -> None:
    runs = [reverse_samples(paper_mixture(), OU(), 15_000, 4, rng=1, workers=workers) for workers in (1, 3)]
    assert np.array_equal(*runs)


def test_a_sign_of_numpy_is_the_sign() -> None:
    law = GaussianMixture([1.0], np.zeros((1, 2)), 0.36)
    one, other = (reverse_samples(law, OU(), 50, 5, rng=3, sign=sign) for sign in (np.int64(-1), -1))
    assert np.array_equal(one, other)
