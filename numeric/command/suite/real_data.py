"""Cases on a real data set."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources

import numpy as np

from numeric.command.suite.case import SuiteCase
from numeric.generations.errors import BoundedError
from numeric.generations.simulate_generation import simulate_generation
from numeric.laws.targets import Target, fit_target
from numeric.recursions.simulate_recursion import simulate_recursion
from numeric.validation import Array

__all__ = ["DATA_GENERATIONS", "data_cases", "old_faithful", "standardised"]

DATA_GENERATIONS = 10


def old_faithful() -> Array:
    """The 272 eruptions that ship with the package, standardised: (272, 2)."""
    with resources.files("numeric").joinpath("data/old_faithful.csv").open(encoding="utf-8") as lines:
        return standardised(np.loadtxt(lines, delimiter=",", skiprows=1))


def standardised(data: Array) -> Array:
    """Columns with mean 0 and variance 1, the scale on which the noising process is set up."""
    return np.asarray((data - data.mean(axis=0)) / data.std(axis=0))


def data_cases(data: Array, name: str, components: int, draws: float = 1.0) -> Iterator[SuiteCase]:
    """A real data set: its fitted mixture, one noisy round on it, and ten rounds of retraining by KDE and by EM.

    ``draws``: share of the endpoints of the noisy round.
    """
    n, dim = data.shape
    bandwidth = n ** (-1.0 / (dim + 4))  # Scott's rule on standardised columns

    def target(rng: np.random.Generator) -> Target:
        return fit_target(data, components, rng=rng)

    yield SuiteCase(
        "data",
        f"{name}, bounded error",
        "one round with 0.2 tanh(x) on the fitted mixture",
        lambda rng: simulate_generation(target(rng), BoundedError(0.2), n=round(10_000 * draws), steps=64, replicas=4, rng=rng),
        simulated=True,
    )
    yield SuiteCase(
        "data",
        f"{name}, KDE",
        f"{DATA_GENERATIONS} rounds of kernel density retraining on as many points as the data has",
        lambda rng: simulate_recursion(target(rng), "kde", 0.5, DATA_GENERATIONS, n=n, rng=rng, bandwidth=0.5 * bandwidth),
        simulated=True,
    )
    yield SuiteCase(
        "data",
        f"{name}, EM",
        f"{DATA_GENERATIONS} rounds of mixture fitting on as many points as the data has",
        lambda rng: simulate_recursion(target(rng), "mixture-fit", 0.5, DATA_GENERATIONS, n=n, rng=rng, components=components),
        simulated=True,
    )
