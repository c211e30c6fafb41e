"""The same work by hand in other frameworks: 10-D paper mixture, tanh error, energy and log-weight of each path.

Each makes a ``Work`` or raises ImportError where its package is not installed. They follow the same exact forward paths with
the same sums (one grid). torchsde and diffrax only carry the paths of the reverse process: a log-weight driven by the same
noise would need their general-noise solvers, which are slower still.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cases import PATHS, PROCESS, STEPS
from benchmarks.measure import Work
from numeric import BoundedError, paper_mixture
from numeric.generations.paths import time_grid

__all__ = ["RIVALS", "reference_sums"]

BETA = 0.2
TARGET = paper_mixture()
GRID = time_grid(TARGET, BoundedError(BETA), PROCESS, STEPS)
MEANS, VARIANCE, DIM = TARGET.means, 0.36, TARGET.dim


def widths(t: float) -> tuple[float, float]:
    """Gain of the means and variance of the components at time t."""
    return math.exp(-0.5 * t), math.exp(-t) * VARIANCE - math.expm1(-t)


def reference_sums(paths: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Energy and log-weight, (paths,) each, by plain row-major NumPy: how one writes it first."""
    x = PROCESS.marginal(TARGET, PROCESS.t0).sample(paths, rng=rng)
    energy, weight = np.zeros(paths), np.zeros(paths)
    last: tuple[Any, ...] = ()
    for index, t in enumerate(GRID):
        gain, width = widths(t)
        exponents = -0.5 * ((x[:, None, :] - gain * MEANS) ** 2).sum(axis=2) / width
        shares = np.exp(exponents - exponents.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        score = (gain * shares @ MEANS - x) / width
        slope = np.tanh(x)
        e = BETA * slope
        node = (e * e).sum(axis=1), (e * (score + 0.5 * x)).sum(axis=1) + 0.5 * BETA * (1.0 - slope**2).sum(axis=1)
        if last:
            step = t - last[0]
            energy += 0.5 * step * (last[3] + node[0])
            weight += 0.5 * ((last[2] + e) * (last[1] - x)).sum(axis=1) - 0.5 * step * (last[4] + node[1])
        last = t, x, e, *node
        if index < STEPS:
            step = GRID[index + 1] - t
            x = math.exp(-0.5 * step) * x + math.sqrt(-math.expm1(-step)) * rng.standard_normal(x.shape)
    return energy, weight - 0.5 * energy


def naive() -> Work:
    rng = np.random.default_rng(1)
    return Work("NumPy, row by row as one writes it first", lambda: reference_sums(PATHS, rng), PATHS * STEPS)


def torch_loop() -> Work:
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    means, start = torch.tensor(MEANS), torch.tensor(PROCESS.marginal(TARGET, PROCESS.t0).sample(PATHS, rng=1))

    def run() -> object:
        x = start
        energy, weight = torch.zeros(PATHS, dtype=x.dtype), torch.zeros(PATHS, dtype=x.dtype)
        last: tuple[Any, ...] = ()
        for index, t in enumerate(GRID.tolist()):
            gain, width = widths(t)
            centres = gain * means
            exponents = (x @ centres.T - 0.5 * (centres**2).sum(dim=1)) / width
            score = (torch.softmax(exponents, dim=1) @ centres - x) / width
            slope = torch.tanh(x)
            e = BETA * slope
            node = (e * e).sum(dim=1), (e * (score + 0.5 * x)).sum(dim=1) + 0.5 * BETA * (1.0 - slope**2).sum(dim=1)
            if last:
                step = t - last[0]
                energy += 0.5 * step * (last[3] + node[0])
                weight += 0.5 * ((last[2] + e) * (last[1] - x)).sum(dim=1) - 0.5 * step * (last[4] + node[1])
            last = t, x, e, *node
            if index < STEPS:
                step = GRID[index + 1] - t
                x = math.exp(-0.5 * step) * x + math.sqrt(-math.expm1(-step)) * torch.randn_like(x)
        return weight - 0.5 * energy

    with torch.no_grad():
        run()
    return Work("torch loop, float64", torch.no_grad()(run), PATHS * STEPS)


def numba_loop() -> Work:
    numba = importlib.import_module("numba")
    gains, variances = np.array([widths(t) for t in GRID]).T
    start = PROCESS.marginal(TARGET, PROCESS.t0).sample(PATHS, rng=1)

    @numba.njit(fastmath=True)
    def loop(start, grid, gains, variances, means, rng):  # type: ignore[no-untyped-def]
        paths, dim = start.shape
        count, final = means.shape[0], grid.shape[0] - 1
        out = np.empty((2, paths))
        x, e, before, e_before = np.empty(dim), np.empty(dim), np.empty(dim), np.empty(dim)
        shares, score = np.empty(count), np.empty(dim)
        for path in range(paths):
            x[:] = start[path]
            energy, weight, square_before, drift_before = 0.0, 0.0, 0.0, 0.0
            for index in range(final + 1):
                peak, total = -1e300, 0.0
                for k in range(count):
                    distance = 0.0
                    for i in range(dim):
                        distance += (x[i] - gains[index] * means[k, i]) ** 2
                    shares[k] = -0.5 * distance / variances[index]
                    peak = max(peak, shares[k])
                for k in range(count):
                    shares[k] = math.exp(shares[k] - peak)
                    total += shares[k]
                square, drift = 0.0, 0.0
                for i in range(dim):
                    score[i] = -x[i]
                    for k in range(count):
                        score[i] += gains[index] * means[k, i] * shares[k] / total
                    slope = math.tanh(x[i])
                    e[i] = 0.2 * slope
                    square += e[i] * e[i]
                    drift += e[i] * (score[i] / variances[index] + 0.5 * x[i]) + 0.1 * (1.0 - slope * slope)
                if index:
                    step = grid[index] - grid[index - 1]
                    energy += 0.5 * step * (square + square_before)
                    weight -= 0.5 * step * (drift + drift_before)
                    for i in range(dim):
                        weight += 0.5 * (e[i] + e_before[i]) * (before[i] - x[i])
                square_before, drift_before = square, drift
                if index < final:
                    step = grid[index + 1] - grid[index]
                    shrink, spread = math.exp(-0.5 * step), math.sqrt(1.0 - math.exp(-step))
                    for i in range(dim):
                        before[i], e_before[i] = x[i], e[i]
                        x[i] = shrink * x[i] + spread * rng.standard_normal()
            out[0, path], out[1, path] = energy, weight - 0.5 * energy
        return out

    stream = np.random.Generator(np.random.SFC64(1))
    loop(start[:10], GRID, gains, variances, MEANS, stream)
    return Work("numba loop, float64", lambda: loop(start, GRID, gains, variances, MEANS, stream), PATHS * STEPS)


def jax_scan() -> Work:
    jax = importlib.import_module("jax")
    jnp, means = jax.numpy, jax.numpy.asarray(MEANS)
    first = jnp.asarray(PROCESS.marginal(TARGET, PROCESS.t0).sample(PATHS, rng=1))
    gains, variances = (jnp.asarray(column) for column in np.array([widths(t) for t in GRID]).T)
    steps = jnp.asarray(np.diff(GRID))

    def fields(x: Any, gain: Any, width: Any) -> tuple[Any, ...]:
        centres = gain * means
        shares = jax.nn.softmax((x @ centres.T - 0.5 * (centres**2).sum(axis=1)) / width, axis=1)
        slope = jnp.tanh(x)
        e, score = BETA * slope, (shares @ centres - x) / width
        return e, (e * e).sum(axis=1), (e * (score + 0.5 * x)).sum(axis=1) + 0.5 * BETA * (1.0 - slope**2).sum(axis=1)

    @jax.jit
    def run(key: Any) -> Any:
        def advance(carry: Any, inputs: Any) -> Any:
            x, e, square, drift, energy, weight, key = carry
            step, gain, width = inputs
            key, used = jax.random.split(key)
            new = jnp.exp(-0.5 * step) * x + jnp.sqrt(-jnp.expm1(-step)) * jax.random.normal(used, x.shape)
            e_new, square_new, drift_new = fields(new, gain, width)
            energy += 0.5 * step * (square + square_new)
            weight += 0.5 * ((e + e_new) * (x - new)).sum(axis=1) - 0.5 * step * (drift + drift_new)
            return (new, e_new, square_new, drift_new, energy, weight, key), None

        zero = jnp.zeros(PATHS)
        carry = (first, *fields(first, gains[0], variances[0]), zero, zero, key)
        carry, _ = jax.lax.scan(advance, carry, (steps, gains[1:], variances[1:]))
        return carry[5] - 0.5 * carry[4]

    key = jax.random.PRNGKey(0)
    run(key).block_until_ready()
    return Work("jax scan, float32", lambda: run(key).block_until_ready(), PATHS * STEPS)


def torchsde_paths() -> Work:
    torch, torchsde = importlib.import_module("torch"), importlib.import_module("torchsde")
    torch.set_num_threads(1)
    means = torch.tensor(MEANS)

    class Reverse(torch.nn.Module):  # type: ignore[misc, name-defined]
        noise_type, sde_type = "diagonal", "ito"

        def f(self, tau: Any, y: Any) -> Any:
            gain, width = widths(PROCESS.T - float(tau))
            centres = gain * means
            shares = torch.softmax((y @ centres.T - 0.5 * (centres**2).sum(dim=1)) / width, dim=1)
            return 0.5 * y + (shares @ centres - y) / width + BETA * torch.tanh(y)

        def g(self, tau: Any, y: Any) -> Any:
            return torch.ones_like(y)

    span = PROCESS.T - PROCESS.t0
    times = torch.tensor([0.0, span], dtype=torch.float64)
    start = torch.tensor(PROCESS.marginal(TARGET, PROCESS.T).sample(PATHS, rng=1))

    def run() -> object:
        with torch.no_grad():
            return torchsde.sdeint(Reverse(), start, times, method="euler", dt=span / STEPS)

    run()
    return Work("torchsde Euler, paths only", run, PATHS * STEPS)


def diffrax_paths() -> Work:
    jax, diffrax = importlib.import_module("jax"), importlib.import_module("diffrax")
    lineax = importlib.import_module("lineax")
    jnp, means = jax.numpy, jax.numpy.asarray(MEANS)
    span = PROCESS.T - PROCESS.t0

    def drift(tau: Any, y: Any, args: Any) -> Any:
        t = PROCESS.T - tau
        gain, width = jnp.exp(-0.5 * t), jnp.exp(-t) * VARIANCE - jnp.expm1(-t)
        centres = gain * means
        shares = jax.nn.softmax((centres @ y - 0.5 * (centres**2).sum(axis=1)) / width)
        return 0.5 * y + (shares @ centres - y) / width + BETA * jnp.tanh(y)

    def one(start: Any, key: Any) -> Any:
        noise = diffrax.UnsafeBrownianPath(shape=(DIM,), key=key)
        unit = lineax.DiagonalLinearOperator(jnp.ones(DIM))
        terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(lambda *_: unit, noise))
        options: dict[str, Any] = {"stepsize_controller": diffrax.ConstantStepSize(), "adjoint": diffrax.DirectAdjoint()}
        return diffrax.diffeqsolve(terms, diffrax.Euler(), 0.0, span, span / STEPS, start, max_steps=STEPS + 1, **options).ys

    run = jax.jit(jax.vmap(one))
    first = jnp.asarray(PROCESS.marginal(TARGET, PROCESS.T).sample(PATHS, rng=1))
    keys = jax.random.split(jax.random.PRNGKey(0), PATHS)
    run(first, keys).block_until_ready()
    return Work("diffrax Euler, paths only, float32", lambda: run(first, keys).block_until_ready(), PATHS * STEPS)


RIVALS: dict[str, Callable[[], Work]] = {
    "numpy": naive,
    "torch": torch_loop,
    "numba": numba_loop,
    "jax": jax_scan,
    "torchsde": torchsde_paths,
    "diffrax": diffrax_paths,
}
"""By the package each needs."""
