"""Cases of one round: Gaussian targets, one-dimensional mixtures, and the mixture of the paper."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from numeric.command.suite.case import SuiteCase
from numeric.generations.errors import AffineError, BoundedError, ConsistentError
from numeric.generations.exact_generation import exact_generation
from numeric.generations.generation import Generation
from numeric.generations.simulate_generation import simulate_generation
from numeric.laws.channels import Channel, mean_shift
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, paper_mixture
from numeric.validation import Array

__all__ = ["gaussian_cases", "mixture_cases", "paper_cases", "returning"]


def gaussian_cases(count: int, draws: float = 1.0) -> Iterator[SuiteCase]:
    """``count`` random ones and all others; ``draws``: share of the endpoints of the simulated one."""
    for number in range(count):
        dim = 2 + number % 3
        yield SuiteCase(
            "gaussian",
            f"random Gaussian {number + 1}",
            "a random covariance and a random affine error that does not commute with it",
            partial(random_affine, dim=dim),
        )
    unit = Gaussian(0.0, 1.0)
    long = OU(0.02, 12.0)
    yield SuiteCase(
        "gaussian",
        "variance overestimated",
        "the score is exact for a wrong variance: both KL claims are equalities as T grows",
        lambda rng: exact_generation(unit, ConsistentError(unit, Channel(noise=0.3)), long),
    )
    yield SuiteCase(
        "gaussian",
        "mean shift, small",
        "nearly all energy is visible: lower bounds are tight, leading order is reached",
        lambda rng: exact_generation(unit, ConsistentError(unit, mean_shift(0.15)), long),
    )
    yield SuiteCase(
        "gaussian",
        "mean shift, large",
        "V is deterministic, eps² = 1: the remainder of the sandwich is as large as its bounds allow",
        lambda rng: exact_generation(unit, ConsistentError(unit, mean_shift(1.0)), long),
    )
    yield SuiteCase(
        "gaussian",
        "time-only drift, large",
        "V is deterministic: path chi2 is exp(eps²) - 1 and every constant is known",
        lambda rng: exact_generation(unit, AffineError(0.0, lambda t: np.array([math.exp(-0.5 * t)])), long),
    )
    yield SuiteCase(
        "gaussian",
        "time-only drift, small",
        "V is deterministic and small: the explicit constants of the observability bounds are informative",
        lambda rng: exact_generation(unit, AffineError(0.0, lambda t: np.array([0.1 * math.exp(-0.5 * t)])), long),
    )
    yield SuiteCase(
        "gaussian",
        "time-only drift, replicas",
        "V is deterministic, eps² near 0.02: by simulation, the twice too large floors of observability must show",
        lambda rng: simulate_generation(
            unit,
            AffineError(0.0, lambda t: np.array([0.15 * math.exp(-0.5 * t)])),
            long,
            n=round(20_000 * draws),
            steps=64,
            replicas=4,
            rng=rng,
        ),
        simulated=True,
    )
    yield SuiteCase(
        "gaussian",
        "time-only drift, very large",
        "V is deterministic, eps² near 4: more than half of the bounded remainder is used",
        lambda rng: exact_generation(unit, AffineError(0.0, lambda t: np.array([2.0 * math.exp(-0.5 * t)]))),
    )
    yield SuiteCase(
        "gaussian",
        "time-only drift, invisible",
        "a drift in time that undoes itself before the endpoint: energy, but nothing to see",
        lambda rng: exact_generation(unit, AffineError(0.0, _undone)),
    )
    yield SuiteCase(
        "gaussian",
        "invisible to first order",
        "a scale error that undoes itself to first order: eta = 0, and yet the endpoint law is wrong",
        lambda rng: exact_generation(unit, AffineError(_undone_scale, 0.0)),
    )
    yield SuiteCase(
        "gaussian",
        "returning error",
        "an error of which the endpoint sees a first-order trace, and yet the endpoint law is exact",
        lambda rng: returning(),
    )
    yield SuiteCase(
        "gaussian",
        "started from its own noise",
        "a consistent score whose process starts at p^_T, with T = 1: the start itself adds to the divergence",
        lambda rng: exact_generation(unit, ConsistentError(unit, Channel(noise=0.5)), OU(0.02, 1.0), start="learned"),
    )
    yield SuiteCase(
        "gaussian",
        "rotation",
        "energy without limit that the endpoint cannot see",
        lambda rng: exact_generation(Gaussian([0.0, 0.0], 1.0), AffineError([[0.0, 1.0], [-1.0, 0.0]], 0.0)),
    )
    yield SuiteCase(
        "gaussian",
        "affine error with a skew part",
        "the gradient part carries all that the endpoint sees",
        lambda rng: exact_generation(
            Gaussian([0.3, -0.2], [[1.5, 0.2], [0.2, 0.6]]), AffineError([[0.1, 0.5], [-0.4, 0.05]], 0.05)
        ),
    )
    yield SuiteCase(
        "gaussian",
        "infinite path chi2",
        "an error of 0.24 x on N(0,1): the path divergence is infinite without any blow-up",
        lambda rng: exact_generation(unit, AffineError([[0.24]], [0.0])),
    )


T0, TIME = 0.02, 4.0


def _undone(t: float) -> Array:
    """A drift b(t) = 0.1 (1 - c e^{-(t-t0)/2}) with int e^{-(t-t0)/2} b dt = 0 on [0.02, 4]."""
    decay = math.exp(-0.5 * (TIME - T0))
    return np.array([0.1 * (1.0 - 2.0 / (1.0 + decay) * math.exp(-0.5 * (t - T0)))])


def _undone_scale(t: float) -> Array:
    """A scale error A(t) = 0.4 (1 - c e^{-(t-t0)}) with int e^{-(t-t0)} A dt = 0 on [0.02, 4]."""
    decay = math.exp(-(TIME - T0))
    return np.array([[0.4 * (1.0 - 2.0 / (1.0 + decay) * math.exp(-(t - T0)))]])


def returning() -> Generation:
    """N(0, 1) with A = 1/4 for the first 2 log 2 of the reverse process and -1/2 for its last log(2)/2: C(t0) = 1 exactly.

    C' = (2 A - 1) C + 1 in reverse time. The jump of A is spread over a time so short that it moves C by 1e-6.
    """
    last = 0.5 * math.log(2.0)
    process = OU(T0, T0 + 2.5 * math.log(2.0))

    def matrix(t: float) -> Array:
        late = 1.0 / (1.0 + math.exp(min((t - T0 - last) / 1e-3, 700.0)))
        return np.array([[0.25 - 0.75 * late]])

    return exact_generation(Gaussian(0.0, 1.0), AffineError(matrix, 0.0), process)


def random_affine(rng: np.random.Generator, dim: int) -> Generation:
    """A Gaussian of condition number up to 40, and an affine error with skew part and offset, scaled to eps² near 0.1."""
    axes = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    target = Gaussian(rng.normal(0.0, 0.7, dim), axes * np.geomspace(0.15, 0.15 * rng.uniform(4.0, 40.0), dim) @ axes.T)
    matrix, offset = rng.standard_normal((dim, dim)), rng.normal(0.0, 0.5, dim)
    unscaled = exact_generation(target, AffineError(0.05 * matrix, 0.05 * offset))
    factor = 0.05 * math.sqrt(rng.uniform(0.05, 0.2) / float(unscaled.ideal_energy))
    return exact_generation(target, AffineError(factor * matrix, factor * offset))


def mixture_cases(count: int, draws: float = 1.0) -> Iterator[SuiteCase]:
    """``count`` random ones, and one by simulation on a share ``draws`` of its endpoints."""
    for number in range(count):
        yield SuiteCase(
            "mixture",
            f"1-D mixture {number + 1}",
            "a random mixture with a bounded error, solved without sampling",
            random_bounded,
        )
    yield SuiteCase(
        "mixture",
        "1-D mixture, replicas",
        "the first 1-D mixture of the theory's reference values, by simulation",
        lambda rng: simulate_generation(
            GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4]),
            BoundedError(0.3),
            n=round(20_000 * draws),
            steps=100,
            replicas=4,
            rng=rng,
        ),
        simulated=True,
    )


def random_bounded(rng: np.random.Generator) -> Generation:
    """A 1-D mixture of two or three components with a beta tanh error, by the Fokker-Planck route."""
    count = int(rng.integers(2, 4))
    weights = rng.dirichlet(np.full(count, 3.0))
    target = GaussianMixture(weights / weights.sum(), rng.normal(0.0, 1.5, count), rng.uniform(0.1, 0.8, count))
    return exact_generation(target, BoundedError(rng.uniform(0.1, 0.4)))


def paper_cases(n: int, workers: int) -> Iterator[SuiteCase]:
    yield SuiteCase(
        "paper",
        "paper mixture, bounded error",
        "ten dimensions, five components, 0.2 tanh(x), by replicas",
        lambda rng: simulate_generation(
            paper_mixture(), BoundedError(0.2), n=n, steps=100, replicas=8, rng=rng, workers=workers
        ),
        simulated=True,
    )
