"""Cases of early stopping: the limit law, how fast it is reached, annealed schedules, and score errors on top."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import expit

from numeric.command.suite.case import SuiteCase
from numeric.generations.errors import ConsistentError
from numeric.judging.limit_quantities import line_mean
from numeric.laws.channels import Channel, early_stopping, mean_shift
from numeric.laws.divergences import kl
from numeric.laws.process import noised
from numeric.laws.targets import Gaussian, GaussianMixture, Target
from numeric.recursions.exact_recursion import exact_recursion, smoothing_tv
from numeric.recursions.mmd import with_mmd
from numeric.recursions.recursion import Recursion
from numeric.validation import Array

__all__ = ["limit_cases", "with_score_errors"]

HORIZON = 60.0  # T so late that p^_T and q_T are one law to rounding: both processes start from q_T
TIME_STEP = 0.5  # of the time integral


def limit_cases() -> Iterator[SuiteCase]:
    """All of them, in reading order."""
    pair = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
    narrow = Gaussian(0.0, 1e-3)
    wide = Gaussian([1.0, 0.0, -2.0], [[1.0, 0.3, 0.0], [0.3, 0.5, 0.0], [0.0, 0.0, 2.0]])
    unit = Gaussian(0.0, 1.0)

    def case(label: str, purpose: str, build: partial[Recursion]) -> SuiteCase:
        return SuiteCase("recursion", label, purpose, lambda rng: build())

    yield case(
        "early stopping of a mixture",
        "started at the data: what each round loses adds up, order by order",
        partial(exact_recursion, pair, early_stopping(0.1), 0.3, 3),
    )
    yield case(
        "early stopping, narrow and far",
        "two narrow laws 20 apart: W2 to the limit law falls by sqrt(rho) e^{-t0/2} and no faster",
        partial(_exact_scores, narrow, 0.02, 0.5, 3, Gaussian(20.0, 1e-3)),
    )
    yield case(
        "early stopping, little fresh data",
        "alpha = 0.05 and t0 = 0.5: the limit law is nearly N(0, 1)",
        partial(exact_recursion, pair, early_stopping(0.5), 0.05, 3, initial=Gaussian(3.0, 0.5)),
    )
    yield case(
        "early stopping, mostly fresh data",
        "alpha = 0.9 and t0 = 0.02: the limit law is nearly the data",
        partial(exact_recursion, pair, early_stopping(0.02), 0.9, 2, initial=Gaussian(-2.0, 0.3)),
    )
    yield case(
        "early stopping in three dimensions",
        "correlated, off centre, alpha = 0.1: the same filter along every direction",
        partial(exact_recursion, wide, early_stopping(0.2), 0.1, 4),
    )
    yield case(
        "annealed early stopping",
        "t0_i = 0.4/(i + 1)^2: the data law comes back",
        partial(exact_recursion, pair, [early_stopping(0.4 / (step + 1.0) ** 2) for step in range(5)], 0.5, 5),
    )
    yield case(
        "annealed early stopping, first rounds too long",
        "a bound by the last time alone, which the first two exceed",
        partial(_bounded_by_the_last, pair, (0.5, 0.3, 0.02), 0.5),
    )
    yield case(
        "mirrored modes",
        "the score learned is that of the mirrored law: half the root of the energy is the distance in total variation",
        partial(_mirrored, 0.02),
    )
    yield case(
        "mirrored modes, cosine kernel",
        "the modes are half a wave apart: a kernel of range 2, under which MMD is twice the total variation",
        partial(_mirrored, 0.02, math.pi / 10.0),
    )
    yield case(
        "coherent shifts from the limit law",
        "the same wrong score every round: errors in total variation and in W2 add up",
        partial(with_score_errors, unit, [mean_shift(0.1)] * 3, 0.3, 0.1, unit),
    )
    yield case(
        "coherent shifts of a narrow law",
        "hardly any width, alpha = 0.8: the radius of the W2 ball is nearly attained",
        partial(with_score_errors, narrow, [mean_shift(1.0)] * 4, 0.8, 0.02, None, energies=False),
    )
    yield case(
        "exact score, wrong start",
        "no score error, but a reverse process started from N(2, 1) at T = 1: no energy sees it",
        partial(_started_elsewhere, 2.0, 1.0, 0.02),
    )


def with_score_errors(
    target: Target, errors: Sequence[Channel], alpha: float, t0: float, initial: Target | None, *, energies: bool = True
) -> Recursion:
    """Rounds whose score is exact for a wrong law, error(q_i), and that stop at t0; d = 1.

    Both processes start from q_T, T = 60. Their energies are time integrals of the excess score-matching loss itself.
    """
    channels = [error.then(early_stopping(t0)) for error in errors]
    whole = replace(
        exact_recursion(target, channels, alpha, len(errors), initial=initial), early_times=np.full(len(errors), t0)
    )
    if not energies:
        return whole
    pairs = [(law, error(law)) for law, error in zip(whole.mixtures, errors, strict=True)]  # type: ignore[arg-type]
    both = np.array([_excess_losses(law, error, t0) for law, error in zip(whole.mixtures, errors, strict=True)])  # type: ignore[arg-type]
    starts = [float(kl(noised(learned, HORIZON), noised(law, HORIZON))) for law, learned in pairs]  # type: ignore[arg-type, type-var]
    return replace(whole, ideal_energies=both[:, 0], learned_energies=both[:, 1], initial_kl=max(starts))


def _excess_losses(law: Target, channel: Channel, t0: float) -> tuple[float, float]:
    """int_{t0}^T E |s^_t - s_t|^2 dt under the ideal and under the learned law, by quadrature in time and in x; d = 1.

    In y = logit(e^{-(t - t0)}) the integrand decays exponentially on both sides, and so the trapezoid rule converges.
    """
    error = ConsistentError(law, channel)
    total = np.zeros(2)
    for share in expit(np.arange(-40.0, 34.0, TIME_STEP)).tolist():
        time = t0 - math.log(share)

        def loss(x: Array, time: float = time) -> Array:
            return np.asarray(error(x.reshape(-1, 1), time).reshape(x.shape) ** 2)

        means = np.array([line_mean(one, loss, time)[0] for one in (law, channel(law))])
        total += TIME_STEP * (1.0 - share) * means
    return float(total[0]), float(total[1])


def _exact_scores(target: Target, t0: float, alpha: float, count: int, initial: Target) -> Recursion:
    """No score error at all, with the energies that say so."""
    whole = exact_recursion(target, early_stopping(t0), alpha, count, initial=initial)
    measured = with_mmd(whole, early_times=t0)
    return replace(measured, ideal_energies=np.zeros(count), learned_energies=np.zeros(count), initial_kl=0.0)


def _bounded_by_the_last(target: Target, times: Sequence[float], alpha: float) -> Recursion:
    whole = exact_recursion(target, [early_stopping(time) for time in times], alpha, len(times))
    return replace(whole, largest_time=times[-1])


def _mirrored(t0: float, frequency: float | None = None) -> Recursion:
    """Two far modes of nearly equal mass, exchanged by the learned law: the ratio of the laws takes two values, alpha = 1.

    MMD by a Gaussian kernel narrower than their distance or, with a frequency, by a cosine.
    """
    modes = GaussianMixture([0.52, 0.48], [-5.0, 5.0], 0.3)
    whole = with_score_errors(modes, [Channel(gain=-1.0)], 1.0, t0, None)
    if frequency is not None:
        return with_mmd(whole, frequencies=[frequency], early_times=t0)
    return with_mmd(whole, bandwidth=2.0, early_times=t0)


def _started_elsewhere(mean: float, horizon: float, t0: float) -> Recursion:
    """N(0, 1), whose reverse process from N(mean, 1) at T = ``horizon`` ends at N(mean e^{-(T - t0)/2}, 1)."""
    unit = Gaussian(0.0, 1.0)
    whole = exact_recursion(unit, mean_shift(mean * math.exp(-0.5 * (horizon - t0))), 0.5, 1)
    zero = np.zeros(1)
    return replace(
        with_mmd(whole, early_times=t0),
        early_times=np.array([t0]),
        ideal_energies=zero,
        learned_energies=zero,
        smoothing_tv=np.array([smoothing_tv(unit, t0)]),
        initial_kl=float(kl(Gaussian(mean, 1.0), unit)),
    )
