"""The population limit of retraining by kernel density estimates: infinitely many training points, every law an exact mixture.

A round sends its training law q_i = alpha p + (1 - alpha) p^i through kernel smoothing, N(0, h^2) added, and then through the
early stopping of the reverse process. Each law is therefore a mixture of the images of p under k rounds, over the ages k:

    p^i = alpha sum_{k=1}^{i-1} rho^{k-1} K^k p + rho^{i-1} K^i p,   rho = 1 - alpha

and everything that is measured of a round of finitely many points is measured of these as well, by the same code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from numeric.estimate import Estimate
from numeric.experiments.round_energies import RoundEnergies, checked_sizes, measure_round
from numeric.laws.channels import kde
from numeric.laws.divergences import chi2_infinite_reason
from numeric.laws.mixture_chi2 import mixture_chi2
from numeric.laws.process import OU, noised
from numeric.laws.targets import GaussianMixture, Target, as_mixture, mix
from numeric.validation import FRACTION, NONNEGATIVE, POSITIVE, Domain, generator, integer, kernel_width, real

__all__ = ["PopulationRound", "WithinVariance", "population_rounds", "within_variance"]

NONE_OR_MORE: Final = Domain(0, 2**31 - 1)


@dataclass(frozen=True)
class WithinVariance:
    """Variance per direction within the components of p^n, for components of one isotropic variance at the start.

    Attributes:
        youngest, oldest: of the images of p under one round and under all n; sigma^2 both at n = 0.
        overall: their average with the weights of the ages.
    """

    youngest: float
    oldest: float
    overall: float


def within_variance(variance: float, bandwidth: float, alpha: float, generation: int, t0: float = 0.0) -> WithinVariance:
    """The closed form for sigma^2 = ``variance`` and h = ``bandwidth``, after n = ``generation`` rounds.

    With u = exp(-t0) a round sends a variance x to u (x + h^2) + 1 - u, and the average w to the same of alpha sigma^2 + rho w.
    Without early stopping (t0 = 0) the average is sigma^2 + h^2 (1 - rho^n)/alpha, and sigma^2 + n h^2 for alpha = 0.

    Raises:
        ValueError, TypeError: an argument outside its domain, by name.
    """
    start, added = real("variance", variance, POSITIVE), kernel_width(bandwidth) ** 2
    rho = 1.0 - real("alpha", alpha, FRACTION)
    count = integer("generation", generation) if generation != 0 else 0
    u = math.exp(-real("t0", t0, NONNEGATIVE))
    if count == 0:
        return WithinVariance(start, start, start)
    inflow = u * added + 1.0 - u
    oldest = u**count * start + _powers(u, count) * inflow
    overall = (u * rho) ** count * start + _powers(u * rho, count) * (u * (1.0 - rho) * start + inflow)
    return WithinVariance(u * start + inflow, oldest, overall)


def _powers(factor: float, count: int) -> float:
    """1 + factor + ... + factor^(count - 1)."""
    return float(count) if factor == 1.0 else (1.0 - factor**count) / (1.0 - factor)


@dataclass(frozen=True, eq=False, kw_only=True)
class PopulationRound:
    """One round in the population limit.

    Attributes:
        index: i, from 0.
        training: q_i. learned: the law whose noised scores are learned. model: p^{i+1}, the learned law stopped at t0.
        energies: what ``measure_round`` says of the round.
        divergence: D_{i+1} = chi2(p^{i+1} || p), inf with its reason where it is decided to be infinite.
        within: mean over components of the variance per direction within them, of ``model``.
        reason: why ``divergence`` is infinite, or None.
    """

    index: int
    training: GaussianMixture
    learned: GaussianMixture
    model: GaussianMixture
    energies: RoundEnergies
    divergence: Estimate
    within: float
    reason: str | None = field(default=None)


def population_rounds(
    target: Target,
    bandwidth: float,
    process: OU,
    alpha: float,
    generations: int,
    *,
    queries: int,
    rng: np.random.Generator | int | None,
    observed: int = 0,
    nodes: int = 16,
    workers: int = 1,
    first: int = 0,
) -> Iterator[PopulationRound]:
    """The rounds ``first``, ..., ``generations`` - 1 one by one, each measured when it is asked for.

    Args:
        target: p = p^0, a Gaussian or a mixture in any dimension.
        bandwidth: h > 0 of the kernels, a standard deviation.
        process: T, and t0 at which the reverse process stops.
        alpha: fresh fraction in [0, 1].
        generations: N >= 1. Round i has i + 1 images of p in its training law and as many in its learned law.
        queries, observed, nodes, workers: as for ``measure_round``; ``queries`` draws serve the divergence too.
        rng: generator or seed; each round has its own spawned stream.
        first: the round to begin with; those before are not measured, and do not change what comes after.

    Raises:
        ValueError, TypeError: naming the argument, before the first round.
    """
    width, count = kernel_width(bandwidth, POSITIVE), integer("generations", generations)
    share = real("alpha", alpha, FRACTION)
    if not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {type(process).__name__}")
    checked_sizes(queries, observed, nodes, workers)
    law = as_mixture(target)
    first = integer("first", first, NONE_OR_MORE)
    streams = generator(rng).spawn(count)

    def rounds() -> Iterator[PopulationRound]:
        model = law
        for index, stream in enumerate(streams):
            training = mix(share, law, model)
            learned = as_mixture(kde(width)(training))
            model = as_mixture(noised(learned, process.t0))
            if index < first:
                continue
            own, drift = stream.spawn(2)
            yield PopulationRound(
                index=index,
                training=training,
                learned=learned,
                model=model,
                energies=measure_round(
                    training, learned, process, queries=queries, rng=own, workers=workers, observed=observed, nodes=nodes
                ),
                divergence=mixture_chi2(model, law, n=queries, rng=drift),
                within=float(model.weights @ np.trace(model.covs, axis1=1, axis2=2)) / model.dim,
                reason=chi2_infinite_reason(model, law),
            )

    return rounds()
