"""Families of exact cases on which claims are held to numbers: drawn at random, and the extremal cases that make them tight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from numeric import (
    OU,
    Channel,
    ConsistentError,
    Gaussian,
    Generation,
    Recursion,
    WeightedMeans,
    early_stopping,
    exact_generation,
    exact_recursion,
    kl,
    mean_shift,
    strategies,
    weighted_means,
)
from numeric.domains import Unresolved
from numeric.laws.process import noised
from numeric.laws.targets import Target
from numeric.recursions.exact_recursion import smoothing_tv
from numeric.recursions.mmd import with_mmd

SMALL = 1e-5  # shifts this small keep innovations constant to 1e-9, the hypothesis of the limit constants
LATE = 60.0  # T so late that p^_T and q_T are one law to rounding
LINE = strategies.gaussians(1, low=0.1, high=10.0)
PAIRS = strategies.mixtures(1, low=0.3, high=3.0, apart=4.0, least=0.05)


@st.composite
def consistent(draw: DrawFn, targets: SearchStrategy[Target], start: str = "ideal") -> Generation:
    """Rounds whose score is exact for a wrong law."""
    target = draw(targets)
    error = draw(strategies.consistent_errors(target))
    try:
        return exact_generation(target, error, start=start)  # type: ignore[arg-type]
    except Unresolved:
        reject()


def bounded(target: Target) -> SearchStrategy[Generation]:
    """Rounds with beta tanh(x), by the Fokker-Planck equation."""
    return st.builds(exact_generation, st.just(target), strategies.bounded_errors())


def bounded_pairs() -> SearchStrategy[Generation]:
    """The same where the equation is solved quickly, and the error is no rounding."""
    errors = strategies.bounded_errors().filter(lambda error: abs(error.beta) > 0.05)
    targets = strategies.mixtures(1, components=(2, 2), low=0.5, high=2.0, apart=2.0, least=0.2)
    return st.builds(exact_generation, targets, errors)


@st.composite
def patterned(draw: DrawFn) -> Recursion:
    """Innovations of one size: repeated, alternating or orthogonal; with a fresh fraction, accumulating or replacing."""
    count = draw(st.integers(3, 8))
    pattern = draw(st.sampled_from(["coherent", "alternating", "orthogonal"]))
    alpha = draw(strategies.fresh_fractions(0.05, 1.0) | st.sampled_from(["accumulate", "replace"]))
    if pattern == "orthogonal":
        shifts = [mean_shift(SMALL * row) for row in np.eye(count)]
        return exact_recursion(Gaussian(np.zeros(count), 1.0), shifts, alpha, count)
    sign = 1.0 if pattern == "coherent" else -1.0
    return exact_recursion(Gaussian(0.0, 1.0), [mean_shift(SMALL * sign**step) for step in range(count)], alpha, count)


@st.composite
def early_stopped(draw: DrawFn) -> Recursion:
    """No error but early stopping, the same in every round or annealed, from the data or from elsewhere."""
    target = draw(LINE | PAIRS | strategies.gaussians((2, 3), low=0.1, high=10.0))
    count = draw(st.integers(2, 3))
    time = draw(strategies.typical("t0"))
    annealed = draw(st.booleans())
    channels = [early_stopping(time / (step + 1.0) ** 2 if annealed else time) for step in range(count)]
    initial = draw(st.none() | st.just(Gaussian(np.ones(target.dim), 0.5)))
    return exact_recursion(target, channels, draw(strategies.fresh_fractions(0.05, 1.0)), count, initial=initial)


@st.composite
def with_energies(draw: DrawFn, targets: SearchStrategy[Target] = LINE, generations: tuple[int, int] = (1, 2)) -> Recursion:
    """Consistent score errors and early stopping, with the energies and observability of every round."""
    target, process = draw(targets), OU(draw(strategies.typical("t0", 1e-3, 0.2)), LATE)
    count = draw(st.integers(*generations))
    errors = draw(st.lists(strategies.channels(1), min_size=count, max_size=count))
    alpha = draw(strategies.schedules(count, named=False))
    return energetic(target, errors, alpha, process)


def energetic(target: Target, errors: Sequence[Channel], alpha: float | Sequence[float], process: OU) -> Recursion:
    """p^{i+1} = (K_i q_i)_{t0}; the energies are those of exact_generation from p^_T, whose start counts as initial_kl."""
    whole = exact_recursion(target, [error.then(early_stopping(process.t0)) for error in errors], alpha, len(errors))
    rounds = [
        exact_generation(law, ConsistentError(law, error), process, start="learned")  # type: ignore[arg-type]
        for law, error in zip(whole.mixtures, errors, strict=True)
    ]
    starts = [
        float(kl(noised(error(law), process.T), noised(law, process.T)))  # type: ignore[arg-type]
        for law, error in zip(whole.mixtures, errors, strict=True)
    ]
    return replace(
        with_mmd(whole, early_times=process.t0),
        ideal_energies=np.array([float(one.ideal_energy) for one in rounds]),
        learned_energies=np.array([float(one.learned_energy) for one in rounds]),  # type: ignore[arg-type]
        observabilities=np.array([math.nan if one.observability is None else float(one.observability) for one in rounds]),
        smoothing_tv=np.array([smoothing_tv(law, process.t0) for law in whole.mixtures]),  # type: ignore[arg-type]
        initial_kl=max(max(starts), 0.0),
    )


@st.composite
def pooled(draw: DrawFn) -> WeightedMeans:
    """Means of fresh and synthetic points, any weight, one to three synthetic points per fresh one or the other way about."""
    n, ratio = draw(st.sampled_from([(4, 1.0), (5, 2.0), (6, 3.0), (8, 0.5)]))
    return weighted_means(draw(strategies.fresh_fractions(0.1, 1.0)), n=n, ratio=ratio)
