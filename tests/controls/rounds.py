"""Controls of one round and of many: exact routes against a plain solution of their own, simulated ones against the exact."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import integrate

from numeric import AffineError, Estimate, Gaussian, Generation, Recursion, exact_generation, exact_recursion, mean_shift
from numeric.generations.path_kernel import PathIntegrals
from numeric.generations.paths import PathSums
from numeric.validation import Array
from tests.controls.control import SIGMAS, Control, Estimator, close, patched, result
from tests.statistics.known_drift import measured_recursion

# ------------------------------------------------------------------------------------------------------- one round

VARIANCE, MEAN, SLOPE, SHIFT, T0, TIME = 0.7, 0.4, 0.12, 0.15, 0.02, 4.0
TARGET, ERROR = Gaussian(MEAN, VARIANCE), AffineError(SLOPE, SHIFT)


@lru_cache(maxsize=1)
def solved() -> dict[str, float]:
    """The round on a line: mean and variance of the learned law by an ODE solver, energies by its quadrature."""

    def rates(tau: float, state: Array) -> list[float]:
        mean, variance, _, _ = state
        t = TIME - tau
        centre, width = math.exp(-0.5 * t) * MEAN, 1.0 + math.exp(-t) * (VARIANCE - 1.0)
        pull = 0.5 - 1.0 / width + SLOPE
        return [
            0.5 * mean - (mean - centre) / width + SLOPE * mean + SHIFT,
            2.0 * pull * variance + 1.0,
            SLOPE**2 * width + (SLOPE * centre + SHIFT) ** 2,
            SLOPE**2 * variance + (SLOPE * mean + SHIFT) ** 2,
        ]

    start = [math.exp(-0.5 * TIME) * MEAN, 1.0 + math.exp(-TIME) * (VARIANCE - 1.0), 0.0, 0.0]
    mean, variance, ideal, learned = integrate.solve_ivp(rates, (0.0, TIME - T0), start, rtol=1e-10, atol=1e-13).y[:, -1]
    centre, width = math.exp(-0.5 * T0) * MEAN, 1.0 + math.exp(-T0) * (VARIANCE - 1.0)
    ratio, gap = variance / width, (mean - centre) ** 2
    chi2 = math.exp(gap / (2.0 * width - variance)) / math.sqrt(ratio * (2.0 - ratio)) - 1.0
    return {
        "ideal_energy": ideal,
        "learned_energy": learned,
        "kl": 0.5 * (ratio - 1.0 - math.log(ratio) + gap / width),
        "reverse_kl": 0.5 * (1.0 / ratio - 1.0 + math.log(ratio) + gap / variance),
        "chi2": chi2,
    }


def solves(estimator: Estimator) -> bool:
    found = estimator(TARGET, ERROR)
    return all(close(getattr(found, name), value) for name, value in solved().items())


def exchanged(one: str, two: str) -> Callable[[Estimator], Estimator]:
    """A twin in which two fields of the result have changed places."""
    return result(lambda found: replace(found, **{one: getattr(found, two), two: getattr(found, one)}))


@lru_cache(maxsize=1)
def known() -> Generation:
    return exact_generation(TARGET, ERROR)


def agrees(estimator: Estimator) -> bool:
    """Every simulated number within its standard errors and the reported error of the time grid."""
    found = estimator(TARGET, ERROR, n=20_000, steps=48, replicas=4, rng=20)
    truths = {"weight_mean": 1.0, "learned_energy_reverse": known().learned_energy}
    for name in ("ideal_energy", "learned_energy", "visible_energy", "observability", "chi2", "visible_gap"):
        truths[name] = getattr(known(), name)
    for name, truth in truths.items():
        value = getattr(found, name)
        if not isinstance(value, Estimate):
            return False
        if abs(value.value - truth) > SIGMAS * value.stderr + found.numerical_error.get(name, 0.0):
            return False
    return True


Sums = Callable[[PathIntegrals], tuple[Array, Array]]
"""Martingale and Stein sums, (levels, n) each."""


def summed(martingale_and_stein: Sums) -> Callable[[Estimator], Estimator]:
    """A twin whose paths carry other sums."""

    def wrong(right: Any) -> Any:
        def path_sums(integrals: PathIntegrals) -> tuple[list[PathSums], Array]:
            martingale, stein = martingale_and_stein(integrals)
            return [PathSums(*rows) for rows in zip(martingale, integrals.energy, stein, strict=True)], -integrals.ito

        return path_sums

    return patched("numeric.generations.simulate_generation", "path_sums", wrong)


def stein(sums: PathIntegrals) -> Array:
    return -sums.pull - sums.divergence


def left_points(sums: PathIntegrals) -> tuple[Array, Array]:
    """e at the start of every step of the reverse process, which is the end of a forward one; on the finest grid throughout."""
    last = 2.0 * sums.stratonovich[0] - sums.ito
    return np.broadcast_to(-last, sums.pull.shape) - sums.pull, stein(sums)


class Repeated:
    """Random numbers of which the second half repeats the first: replicas two by two on one path."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def standard_normal(self, *, out: Array) -> Array:
        half = out.shape[1] // 2
        out[:, :half] = self.rng.standard_normal((out.shape[0], half))
        out[:, half:] = out[:, :half]
        return out


class Doubled(AffineError):
    """An error whose divergence is not its own."""

    def divergence(self, x: Array, t: float) -> Array:
        return 2.0 * super().divergence(x, t)


def with_error(error: AffineError) -> Callable[[Estimator], Estimator]:
    return lambda estimator: lambda target, _, **named: estimator(target, error, **named)


ONE_ROUND = [
    Control("exact_generation", "ideal and learned energy exchanged", solves, exchanged("ideal_energy", "learned_energy")),
    Control("exact_generation", "directions of KL exchanged", solves, exchanged("kl", "reverse_kl")),
    Control("exact_generation", "path chi2 for that of the endpoint", solves, exchanged("path_chi2", "chi2")),
    Control("exact_generation", "sign of the error flipped", solves, with_error(AffineError(-SLOPE, -SHIFT))),
    Control("exact_generation", "half the energy", solves, result(lambda g: replace(g, ideal_energy=0.5 * g.ideal_energy))),
    Control("simulate_generation", "left-point sums", agrees, summed(left_points)),
    Control(
        "simulate_generation",
        "no Itô correction",
        agrees,
        summed(lambda sums: (-sums.stratonovich - sums.pull, stein(sums))),
    ),
    Control(
        "simulate_generation",
        "Itô correction with the wrong sign",
        agrees,
        summed(lambda sums: (-sums.stratonovich - sums.pull + 0.5 * sums.divergence, stein(sums))),
    ),
    Control(
        "simulate_generation",
        "sign of the score flipped",
        agrees,
        summed(lambda sums: (-sums.stratonovich + sums.pull - 0.5 * sums.divergence, sums.pull - sums.divergence)),
    ),
    Control(
        "simulate_generation",
        "Stein sum without the divergence",
        agrees,
        summed(lambda sums: (-sums.stratonovich - sums.pull - 0.5 * sums.divergence, -sums.pull)),
    ),
    Control("simulate_generation", "a divergence that is not the error's", agrees, with_error(Doubled(SLOPE, SHIFT))),
    Control(
        "simulate_generation",
        "V-statistic over replicas",
        agrees,
        patched("numeric.generations.replicas", "pair_mean", lambda _: lambda a, b: a.mean(axis=0) * b.mean(axis=0)),
    ),
    Control(
        "simulate_generation",
        "replicas that share their noise",
        agrees,
        patched("numeric.generations.path_kernel", "PathWorker.run", lambda run: lambda self, rng: run(self, Repeated(rng))),
    ),
    Control(
        "simulate_generation",
        "-Y/2 in the reverse process",
        agrees,
        patched(
            "numeric.generations.simulate_generation",
            "reverse_chunks",
            lambda right: lambda *args, **named: right(*args, **named, sign=-1),
        ),
    ),
    Control("simulate_generation", "ideal and learned energy exchanged", agrees, exchanged("ideal_energy", "learned_energy")),
    Control("simulate_generation", "weights forgotten", agrees, result(lambda g: replace(g, learned_energy=g.ideal_energy))),
]

# ----------------------------------------------------------------------------------------------------- many rounds

LINE = np.linspace(-12.0, 12.0, 12_001)
CELL = LINE[1] - LINE[0]
ALPHA, ROUNDS, STEP = 0.3, 3, 0.4


@lru_cache(maxsize=1)
def integrated() -> dict[str, Array]:
    """D, mixed D, J, Gram and S of a mean shift on N(0, 1), each density moved and mixed on a grid."""
    data = np.exp(-0.5 * LINE**2) / math.sqrt(2.0 * math.pi)
    laws, mixtures = [data], []
    parts = np.array([[0.0, 1.0]])  # means and weights of p^i
    for _ in range(ROUNDS):
        blend = np.concatenate([[[0.0, ALPHA]], parts * [1.0, 1.0 - ALPHA]])
        parts = np.add(blend, [STEP, 0.0])
        for found, several in ((mixtures, blend), (laws, parts)):
            found.append(np.sum([w * np.exp(-0.5 * (LINE - m) ** 2) for m, w in several], axis=0) / math.sqrt(2 * math.pi))
    moves = [law - mixture for law, mixture in zip(laws[1:], mixtures, strict=True)]
    square = np.array([float(np.sum((law - data) ** 2 / data) * CELL) for law in laws])
    gram = np.array([[float(np.sum(a * b / data) * CELL) for b in moves] for a in moves])
    sums = [0.0]
    for size in np.diagonal(gram):
        sums.append((1.0 - ALPHA) ** 2 * sums[-1] + float(size))
    return {
        "divergence": square,
        "mixed": np.array([float(np.sum((mixture - data) ** 2 / data) * CELL) for mixture in mixtures]),
        "innovation": np.sqrt(np.diagonal(gram)),
        "intra": np.array([float(np.sum(m**2 / q) * CELL) for m, q in zip(moves, mixtures, strict=True)]),
        "gram": gram,
        "discounted_sums": np.array(sums),
    }


def shifts(estimator: Estimator) -> bool:
    found = estimator(Gaussian(0.0, 1.0), mean_shift(STEP), ALPHA, ROUNDS)
    return all(np.allclose(getattr(found, name), value, rtol=1e-6, atol=1e-12) for name, value in integrated().items())


def sampled(estimator: Estimator) -> bool:
    """Monte Carlo against closed forms of the same models, in standard errors."""
    found = measured_recursion(0.09, 0.3, np.random.default_rng(7), estimator=estimator, nodes=20_000)
    exact = measured_recursion(0.09, 0.3, np.random.default_rng(7), exact=True)
    for name in ("divergence", "mixed", "innovation", "gram", "intra", "discounted_sums"):
        gap = np.abs(getattr(found, name) - getattr(exact, name))
        if np.any(gap > SIGMAS * found.stderr[name] + 1e-9):
            return False
    return True


def kernel_distances(estimator: Estimator) -> bool:
    rounds = exact_recursion(Gaussian(0.0, 1.0), mean_shift(STEP), ALPHA, ROUNDS)
    found = estimator(rounds, bandwidth=0.8)
    coarse, cell = LINE[::10], 10.0 * CELL
    kernel = np.exp(-0.5 * ((coarse[:, None] - coarse[None]) / 0.8) ** 2)
    for laws, values in ((rounds.laws, found.mmd), (rounds.mixtures, found.mixed_mmd)):
        for law, value in zip(laws, values, strict=True):
            gap = (np.exp(law.logpdf(coarse)) - np.exp(rounds.target.logpdf(coarse))) * cell
            if not math.isclose(value, math.sqrt(max(float(gap @ kernel @ gap), 0.0)), rel_tol=1e-6, abs_tol=1e-7):
                return False
    return True


def fresh_for_stale(estimator: Estimator) -> Estimator:
    return lambda target, retrain, alpha, *args, **named: estimator(target, retrain, 1.0 - alpha, *args, **named)


def refreshed_by_alpha(found: Recursion) -> Recursion:
    return replace(found, mixed=found.fresh_fraction**2 * found.divergence[:-1])


def added_up(found: Recursion) -> Recursion:
    """The discount forgotten."""
    return replace(found, discounted_sums=np.concatenate([[0.0], np.cumsum(found.innovation**2)]))


MANY_ROUNDS = [
    Control("exact_recursion", "fresh fraction for its complement", shifts, fresh_for_stale),
    Control("exact_recursion", "refresh factor alpha²", shifts, result(refreshed_by_alpha)),
    Control("exact_recursion", "sum without discount", shifts, result(added_up)),
    Control("exact_recursion", "chi2 against the mixture for that against p", shifts, exchanged("innovation", "intra")),
    Control(
        "exact_recursion",
        "only the diagonal of the Gram matrix",
        shifts,
        result(lambda r: replace(r, gram=np.diag(np.diag(r.gram)))),
    ),
    Control("simulate_recursion", "fresh fraction for its complement", sampled, fresh_for_stale),
    Control("simulate_recursion", "refresh factor alpha²", sampled, result(refreshed_by_alpha)),
    Control("simulate_recursion", "sum without discount", sampled, result(added_up)),
    Control(
        "simulate_recursion",
        "nodes without their importance weights",
        sampled,
        patched(
            "numeric.recursions.simulate_recursion",
            "scaled_excess",
            lambda right: lambda ratios, scales: right(ratios, np.zeros_like(scales)),
        ),
    ),
    Control("with_mmd", "squared", kernel_distances, result(lambda r: replace(r, mmd=r.mmd**2, mixed_mmd=r.mixed_mmd**2))),
    Control(
        "with_mmd",
        "refreshed by (1 - alpha)²",
        kernel_distances,
        result(lambda r: replace(r, mixed_mmd=(1 - ALPHA) * r.mixed_mmd)),
    ),
]

CONTROLS = [*ONE_ROUND, *MANY_ROUNDS]
