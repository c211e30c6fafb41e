"""Recursions measured by Monte Carlo whose drift is known exactly.

The models are Gaussians that the package does not recognise; given as Gaussians the same models have closed forms. Their means
are those of a shift by delta in every round.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from numeric import Gaussian, Recursion, simulate_recursion
from numeric.validation import Array

TARGET = Gaussian(0.0, 1.0)
ROUNDS, NODES = 3, 2000


@dataclass(frozen=True)
class Opaque:
    """A law with a density, and no more is known of it."""

    law: Gaussian

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        return self.law.sample(n, rng=rng)

    def logpdf(self, x: Array) -> Array:
        return self.law.logpdf(x)


def models(square: float, alpha: float) -> list[Gaussian]:
    """The models of every round, for a shift by the root of ``square``."""
    laws, drift = [], 0.0
    for _ in range(ROUNDS):
        drift = (1.0 - alpha) * drift + math.sqrt(square)
        laws.append(Gaussian(drift, 1.0))
    return laws


def measured_recursion(
    square: float,
    alpha: float,
    rng: np.random.Generator,
    *,
    exact: bool = False,
    estimator: Callable[..., Any] = simulate_recursion,
    nodes: int = NODES,
) -> Recursion:
    """The recursion through these models: by Monte Carlo, or with ``exact`` in closed form."""
    laws = iter(models(square, alpha))

    def retrain(samples: Array, stream: np.random.Generator) -> object:
        return next(laws) if exact else Opaque(next(laws))

    found: Recursion = estimator(TARGET, retrain, alpha, ROUNDS, n=10, rng=rng, evaluation=nodes)
    return found
