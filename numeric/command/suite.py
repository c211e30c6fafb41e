"""The cases that ``driftbound verify`` runs: targets, errors and recursions on which every claim is held to numbers.

Each case says why it is there. Claims are informative only where their bound is near the truth, and mutants die only where
the true claim is tight; so beside random cases there are the extremal ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources

import numpy as np

from numeric.channels import Channel, early_stopping, mean_shift
from numeric.de_bruijn import same_law
from numeric.divergences import kl
from numeric.errors import AffineError, BoundedError, ConsistentError
from numeric.exact_generation import exact_generation
from numeric.exact_recursion import exact_recursion, smoothing_tv
from numeric.generation import Generation, Quantity
from numeric.process import OU, noised
from numeric.recursion import Recursion
from numeric.simulate_generation import simulate_generation
from numeric.simulate_recursion import simulate_recursion
from numeric.targets import Gaussian, GaussianMixture, Target, fit_target, paper_mixture
from numeric.validation import Array

__all__ = ["DATA_GENERATIONS", "SuiteCase", "data_cases", "old_faithful", "standardised", "suite"]

DATA_GENERATIONS = 10


@dataclass(frozen=True)
class SuiteCase:
    """One case: ``build`` computes it from its own random stream."""

    group: str  # "gaussian", "mixture", "paper", "recursion" or "data"
    label: str
    purpose: str
    build: Callable[[np.random.Generator], Generation | Recursion]
    simulated: bool = False


def suite(size: str, workers: int = 1) -> list[SuiteCase]:
    """All cases, in reading order. ``size``: "quick", "default" or "full"."""
    scale = {"quick": 0, "default": 1, "full": 2}[size]
    cases = [
        *_gaussian_cases(4 + 4 * scale),
        *_mixture_cases((1, 3, 8)[scale]),
        *_paper_cases((4_000, 40_000, 100_000)[scale], workers),
    ]
    cases += _recursion_cases()
    cases += data_cases(old_faithful(), "Old Faithful", components=2)
    return cases


# --- one round ---------------------------------------------------------------------------------------------------------


def _gaussian_cases(count: int) -> Iterator[SuiteCase]:
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


def _mixture_cases(count: int) -> Iterator[SuiteCase]:
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
            GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4]), BoundedError(0.3), n=20_000, steps=100, replicas=4, rng=rng
        ),
        simulated=True,
    )


def random_bounded(rng: np.random.Generator) -> Generation:
    """A 1-D mixture of two or three components with a beta tanh error, by the Fokker-Planck route."""
    count = int(rng.integers(2, 4))
    weights = rng.dirichlet(np.full(count, 3.0))
    target = GaussianMixture(weights / weights.sum(), rng.normal(0.0, 1.5, count), rng.uniform(0.1, 0.8, count))
    return exact_generation(target, BoundedError(rng.uniform(0.1, 0.4)))


def _paper_cases(n: int, workers: int) -> Iterator[SuiteCase]:
    yield SuiteCase(
        "paper",
        "paper mixture, bounded error",
        "ten dimensions, five components, 0.2 tanh(x), by replicas",
        lambda rng: simulate_generation(
            paper_mixture(), BoundedError(0.2), n=n, steps=100, replicas=8, rng=rng, workers=workers
        ),
        simulated=True,
    )


# --- many rounds -------------------------------------------------------------------------------------------------------

SMALL = 1e-5  # shifts this small keep innovations constant to 1e-9, the hypothesis of the limit constants


def _recursion_cases() -> Iterator[SuiteCase]:
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
        energies.append(0.0 if perfect else 2.0 * float(kl(model, noised(law, t0))))  # type: ignore[arg-type]
    return replace(
        whole,
        learned_energies=np.array(energies),
        smoothing_tv=np.array([smoothing_tv(law, t0) for law in whole.mixtures]),  # type: ignore[arg-type]
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


# --- real data ---------------------------------------------------------------------------------------------------------


def old_faithful() -> Array:
    """The 272 eruptions that ship with the package, standardised: (272, 2)."""
    with resources.files("numeric").joinpath("data/old_faithful.csv").open(encoding="utf-8") as lines:
        return standardised(np.loadtxt(lines, delimiter=",", skiprows=1))


def standardised(data: Array) -> Array:
    """Columns with mean 0 and variance 1, the scale on which the noising process is set up."""
    return np.asarray((data - data.mean(axis=0)) / data.std(axis=0))


def data_cases(data: Array, name: str, components: int) -> Iterator[SuiteCase]:
    """A real data set: its fitted mixture, one noisy round on it, and ten rounds of retraining by KDE and by EM."""
    n, dim = data.shape
    bandwidth = n ** (-1.0 / (dim + 4))  # Scott's rule on standardised columns

    def target(rng: np.random.Generator) -> Target:
        return fit_target(data, components, rng=rng)

    yield SuiteCase(
        "data",
        f"{name}, bounded error",
        "one round with 0.2 tanh(x) on the fitted mixture",
        lambda rng: simulate_generation(target(rng), BoundedError(0.2), n=10_000, steps=64, replicas=4, rng=rng),
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
