"""Cases of many rounds: coherent, alternating and orthogonal errors, smoothing, early stopping, and other ways to mix."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from numeric.command.suite.case import SuiteCase
from numeric.command.suite.one_round import returning
from numeric.generations.de_bruijn import same_law
from numeric.generations.errors import AffineError, ConsistentError
from numeric.generations.exact_generation import exact_generation
from numeric.generations.generation import Generation, Quantity
from numeric.laws.channels import Channel, early_stopping, mean_shift
from numeric.laws.divergences import kl
from numeric.laws.process import OU, noised
from numeric.laws.targets import Gaussian, Target
from numeric.recursions.exact_recursion import exact_recursion, smoothing_tv
from numeric.recursions.mmd import with_mmd
from numeric.recursions.recursion import Recursion

__all__ = ["recursion_cases"]

SMALL = 1e-5  # shifts this small keep innovations constant to 1e-9, the hypothesis of the limit constants


def recursion_cases() -> Iterator[SuiteCase]:
    unit = Gaussian(0.0, 1.0)

    def alternating(count: int, size: float) -> list[Channel]:
        return [mean_shift(size * (-1) ** step) for step in range(count)]

    def orthogonal(count: int, size: float) -> list[Channel]:
        return [mean_shift(size * row) for row in np.eye(count)]

    for alpha in (0.1, 0.5, 0.9):
        yield SuiteCase(
            "recursion",
            f"coherent shifts, alpha {alpha:g}",
            "the same mean shift each round: innovations add up",
            partial(_coherent, alpha=alpha),
        )
    yield SuiteCase(
        "recursion",
        "coherent, constant J",
        "shifts so small that J is constant: the coherent limit constants are reached",
        lambda rng: exact_recursion(unit, mean_shift(SMALL), 0.5, 60),
    )
    yield SuiteCase(
        "recursion",
        "alternating, constant J",
        "shifts that undo each other: the alternating limit constants are reached, consecutive-floor is sharp",
        lambda rng: exact_recursion(unit, alternating(50, SMALL), 0.5, 50),
    )
    yield SuiteCase(
        "recursion",
        "alternating shifts",
        "as a user would meet it: every second round undoes the one before",
        lambda rng: exact_recursion(unit, alternating(16, 0.3), 0.5, 16),
    )
    yield SuiteCase(
        "recursion",
        "orthogonal shifts",
        "each round errs in a direction of its own: the discounted sum is exact",
        lambda rng: exact_recursion(Gaussian(np.zeros(12), 1.0), orthogonal(12, 0.3), 0.3, 12),
    )
    yield SuiteCase(
        "recursion",
        "orthogonal, constant J",
        "the same with constant J",
        lambda rng: exact_recursion(Gaussian(np.zeros(16), 1.0), orthogonal(16, SMALL), 0.5, 16),
    )
    yield SuiteCase(
        "recursion",
        "smoothing",
        "kernel smoothing by variance 0.1 of N(0,1): chi2 is infinite from round 10 on, for every alpha < 1",
        lambda rng: exact_recursion(unit, Channel(noise=0.1), 0.5, 12),
    )
    yield SuiteCase(
        "recursion",
        "smoothing, exact multiple",
        "variance 1 is eight times the noise 1/8: at equality chi2 is infinite already",
        lambda rng: exact_recursion(unit, Channel(noise=0.125), 0.5, 9),
    )
    yield SuiteCase(
        "recursion",
        "early stopping",
        "no score error at all, only the smoothing by t0",
        lambda rng: exact_recursion(Gaussian(0.5, 0.4), early_stopping(0.1), 0.3, 16),
    )
    yield SuiteCase(
        "recursion",
        "shrinking",
        "a model that narrows: densities stay comparable, so chi2 against q is comparable with J²",
        lambda rng: exact_recursion(unit, Channel(gain=0.9), 0.7, 8),
    )
    yield SuiteCase(
        "recursion",
        "accumulating, coherent",
        "all earlier data is kept: coherent errors still grow like log(N)²",
        lambda rng: exact_recursion(unit, mean_shift(SMALL), "accumulate", 20),
    )
    yield SuiteCase(
        "recursion",
        "accumulating, orthogonal",
        "all earlier data is kept: orthogonal errors stop at pi²/6",
        lambda rng: exact_recursion(Gaussian(np.zeros(9), 1.0), orthogonal(9, SMALL), "accumulate", 9),
    )
    yield SuiteCase(
        "recursion",
        "replacing, coherent",
        "no fresh data: coherent errors grow like N²",
        lambda rng: exact_recursion(unit, mean_shift(SMALL), "replace", 16),
    )
    yield SuiteCase(
        "recursion",
        "replacing, orthogonal",
        "no fresh data: orthogonal errors grow like N",
        lambda rng: exact_recursion(Gaussian(np.zeros(16), 1.0), orthogonal(16, SMALL), "replace", 16),
    )
    yield SuiteCase(
        "recursion",
        "one perfect round",
        "one round learns p itself: the drift is gone at once, the discounted sum is not",
        lambda rng: exact_recursion(
            unit, [mean_shift(0.4), mean_shift(0.4), Channel(gain=0.0, noise=1.0), mean_shift(0.4)], 0.5, 4
        ),
    )
    yield SuiteCase(
        "recursion",
        "narrowed, then widened",
        "an error where the mixture has less mass than the data: chi2 against q exceeds J²",
        lambda rng: exact_recursion(unit, [Channel(gain=0.6), Channel(gain=0.6), Channel(gain=1.3), Channel(gain=1.3)], 0.3, 4),
    )
    yield SuiteCase(
        "recursion",
        "orthogonal, harmonic sizes",
        "J_i² = 1/(i+1), whose sum diverges, and yet the drift dies out",
        lambda rng: _harmonic(14),
    )
    yield SuiteCase(
        "recursion",
        "perfect rounds",
        "no error of any kind: every model is the data",
        lambda rng: _repeated(exact_generation(unit, AffineError(0.0, 0.0)), 0.5, 6),
    )
    yield SuiteCase(
        "recursion",
        "rotations",
        "energy in every round that no endpoint sees: the data law comes back each time",
        lambda rng: _repeated(exact_generation(Gaussian([0.0, 0.0], 1.0), AffineError([[0.0, 0.3], [-0.3, 0.0]], 0.0)), 0.5, 6),
    )
    yield SuiteCase(
        "recursion",
        "returning errors",
        "visible to first order in every round, and yet the data law comes back each time",
        lambda rng: _repeated(returning(), 0.5, 6),
    )
    yield SuiteCase(
        "recursion",
        "started far away",
        "p^0 = N(10, 1): mixing contracts KL, Hellinger and W2 at exactly the rates of the table",
        lambda rng: exact_recursion(unit, mean_shift(0.05), 0.5, 3, initial=Gaussian(10.0, 1.0)),
    )
    yield SuiteCase(
        "recursion",
        "varying fresh fractions",
        "fresh fractions and channels drawn at random, p^0 away from p",
        _random_recursion,
    )
    yield SuiteCase(
        "recursion",
        "coherent, with energies",
        "a small shift and a small t0 each round, with the energy of every round: the total-variation bound is tight",
        lambda rng: _with_learned_energies(unit, [mean_shift(0.1)] * 10, 0.5, 0.0005),
    )
    yield SuiteCase(
        "recursion",
        "perfect score, late stop",
        "no error but t0 = 0.1: the drift in total variation is the smoothing alone",
        lambda rng: _with_learned_energies(Gaussian(0.0, 0.3), [Channel()] * 8, 0.3, 0.1),
    )
    yield SuiteCase(
        "recursion",
        "alternating, with energies",
        "the floor that energy and observability put under the drift",
        lambda rng: _with_observed_energies(unit, alternating(3, 0.1), 0.9, OU(0.0005, 4.0)),
    )


def _coherent(rng: np.random.Generator, alpha: float) -> Recursion:
    """N(0, 1) shifted by 0.05 in each of 16 rounds."""
    return exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.05), alpha, 16)


def _harmonic(count: int) -> Recursion:
    """Orthogonal mean shifts at alpha = 1/2, sized so that J_i² = 1/(i+1): J_i² = (1 + D_i/4) (exp(delta²) - 1)."""
    channels, drift = [], 0.0
    for step, row in enumerate(np.eye(count)):
        size = 1.0 / (step + 1.0)
        channels.append(mean_shift(math.sqrt(math.log1p(size / (1.0 + drift / 4.0))) * row))
        drift = drift / 4.0 + size
    return exact_recursion(Gaussian(np.zeros(count), 1.0), channels, 0.5, count)


def _repeated(generation: Generation, alpha: float, count: int) -> Recursion:
    """Rounds that all return the data law, though each has the energies of ``generation``."""
    whole = exact_recursion(generation.target, Channel(), alpha, count)
    return replace(
        whole,
        ideal_energies=np.full(count, float(generation.ideal_energy)),
        observabilities=np.full(count, _number(generation.observability)),
    )


def _number(value: Quantity | None) -> float:
    return math.nan if value is None else float(value)


def _random_recursion(rng: np.random.Generator) -> Recursion:
    count = 10
    channels = [
        Channel(gain=rng.uniform(0.85, 1.0), shift=rng.normal(0.0, 0.1), noise=rng.uniform(0.0, 0.05)) for _ in range(count)
    ]
    return exact_recursion(Gaussian(0.2, 0.8), channels, rng.uniform(0.2, 0.9, count), count, initial=Gaussian(0.4, 0.7))


def _with_learned_energies(target: Target, errors: list[Channel], alpha: float, t0: float) -> Recursion:
    """Rounds whose score is exact for a wrong law and that stop at t0: epŝ² = 2 KL(p^_t0 || q_t0) as T grows."""
    whole = exact_recursion(target, [error.then(early_stopping(t0)) for error in errors], alpha, len(errors))
    energies = []
    for law, error, model in zip(whole.mixtures, errors, whole.laws[1:], strict=True):
        perfect = same_law(error(law), law)  # type: ignore[arg-type]
        energies.append(0.0 if perfect else 2.0 * float(kl(model, noised(law, t0))))  # type: ignore[arg-type, type-var]
    return replace(
        with_mmd(whole, early_times=t0),
        learned_energies=np.array(energies),
        smoothing_tv=np.array([smoothing_tv(law, t0) for law in whole.mixtures]),  # type: ignore[arg-type]
        initial_kl=0.0,  # as T grows both start from N(0, I)
    )


def _with_observed_energies(target: Target, errors: list[Channel], alpha: float, process: OU) -> Recursion:
    """The same with eps*² and eta of every round, from the exact route for one round."""
    whole = exact_recursion(target, [error.then(early_stopping(process.t0)) for error in errors], alpha, len(errors))
    rounds = [
        exact_generation(law, ConsistentError(law, error), process, start="learned")  # type: ignore[arg-type]
        for law, error in zip(whole.mixtures, errors, strict=True)
    ]
    return replace(
        whole,
        ideal_energies=np.array([_number(one.ideal_energy) for one in rounds]),
        observabilities=np.array([_number(one.observability) for one in rounds]),
    )
