"""Limits: one component is a Gaussian, no error is no divergence, all data fresh and none."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from numeric import (
    AffineError,
    Channel,
    ConsistentError,
    Gaussian,
    GaussianMixture,
    chi2,
    exact_generation,
    exact_recursion,
    limit_law,
    strategies,
)
from numeric.laws.targets import Target
from tests.properties.drawn import drawn, rejected
from tests.properties.families import LINE, PAIRS

SOME = strategies.gaussians((1, 3), low=0.1, high=10.0)
STEPS = (LINE | strategies.gaussians(3, low=0.1, high=10.0)).flatmap(
    lambda target: st.tuples(st.just(target), strategies.channels(target.dim))
)
Step = tuple[Gaussian, Channel]


def one_component(target: Gaussian, spread: float = 1.0) -> None:
    """Density, score and chi2 against a shifted law of a mixture of one are those of the Gaussian."""
    mixture = GaussianMixture([1.0], target.mean[None, :], spread * target.cov[None, :, :])
    at = target.sample(8, rng=1)
    np.testing.assert_allclose(mixture.logpdf(at), target.logpdf(at), rtol=1e-10)
    np.testing.assert_allclose(mixture.score(at), target.score(at), rtol=1e-9)
    shifted = Gaussian(target.mean + 0.1, target.cov)
    np.testing.assert_allclose(chi2(shifted, mixture), chi2(shifted, target), rtol=1e-9)


def test_a_mixture_of_one_is_a_gaussian() -> None:
    drawn(SOME, one_component, examples=40)


def test_of_the_same_covariance() -> None:
    rejected(SOME, lambda target: one_component(target, spread=1.0 + 1e-3))


def no_error(target: Gaussian, size: float = 0.0) -> None:
    """Nothing learned wrong: every energy and every divergence of the round is exactly or nearly zero."""
    one = exact_generation(target, AffineError(size * np.eye(target.dim), np.zeros(target.dim)))
    for name in (
        "ideal_energy",
        "learned_energy",
        "visible_energy",
        "chi2",
        "kl",
        "reverse_kl",
        "path_chi2",
        "gradient_energy",
    ):
        assert abs(float(getattr(one, name))) <= 1e-11, name


def test_no_error_no_divergence() -> None:
    drawn(SOME, no_error, examples=2)


def test_some_error_some_divergence() -> None:
    rejected(SOME, lambda target: no_error(target, size=0.01), examples=3)


def nothing_learned_wrong(target: Target, shift: float = 0.0) -> None:
    """The same for a score that is exact for the very law it is trained on."""
    one = exact_generation(target, ConsistentError(target, Channel(shift=shift)), start="learned")
    for name in ("ideal_energy", "learned_energy", "chi2", "kl", "reverse_kl"):
        assert abs(float(getattr(one, name))) <= 1e-11, name


def test_an_exact_score_of_a_mixture_has_no_energy() -> None:
    drawn(PAIRS, nothing_learned_wrong, examples=2)


def test_that_of_a_shifted_mixture_has() -> None:
    rejected(PAIRS, lambda target: nothing_learned_wrong(target, shift=0.01), examples=3)


def only_fresh(step: Step, alpha: float = 1.0) -> None:
    """alpha = 1: every round starts from the data, and no earlier one is left."""
    target, channel = step
    rounds = exact_recursion(target, channel, alpha, 4)
    one = float(chi2(channel(target), target))
    np.testing.assert_allclose(rounds.divergence[1:], one, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(rounds.innovation**2, one, rtol=1e-9, atol=1e-14)


def test_with_fresh_data_only_every_round_is_the_first() -> None:
    drawn(STEPS, only_fresh, examples=15)


def test_with_any_other_data_it_is_not() -> None:
    rejected(STEPS, lambda step: only_fresh(step, alpha=0.9))


def nothing_fresh(step: Step, rounds: int = 3) -> None:
    """alpha = 0 is "replace": p^N is the channel applied N times."""
    target, channel = step
    law: Target = target
    for _ in range(rounds):
        law = channel(law)
    expected = float(chi2(law, target))
    for alpha in (0.0, "replace"):
        np.testing.assert_allclose(exact_recursion(target, channel, alpha, 3).divergence[3], expected, rtol=1e-8, atol=1e-14)


def test_without_fresh_data_the_channel_is_iterated() -> None:
    drawn(STEPS, nothing_fresh, examples=15)


def test_as_often_as_there_are_rounds() -> None:
    rejected(STEPS, lambda step: nothing_fresh(step, rounds=2))


def continuous(step: Step, near: float = 1e-9) -> None:
    """Near the ends of [0, 1] the drift is near that at the ends, where both are finite."""
    target, channel = step
    for end, beside in ((0.0, near), (1.0, 1.0 - near)):
        at, close = (exact_recursion(target, channel, alpha, 3).divergence[1:] for alpha in (end, beside))
        finite = np.isfinite(at) & np.isfinite(close)
        # D is a polynomial of degree 2 (N - 1) in rho with coefficients up to the largest D there is
        largest = float(np.max(exact_recursion(target, channel, 0.0, 3).divergence, where=finite.all(), initial=1.0))
        np.testing.assert_allclose(
            close[finite], at[finite], rtol=0.0, atol=1e3 * 1e-9 * (1.0 + largest + at[finite].max(initial=0.0))
        )


def test_the_ends_are_limits() -> None:
    drawn(STEPS, continuous, examples=15)


def test_and_not_reached_from_afar() -> None:
    rejected(STEPS, lambda step: continuous(step, near=0.1))


def never_fresh_is_noise(target: Gaussian, alpha: float = 0.0) -> None:
    """The limit law of early stopping at alpha = 0 is N(0, I), at alpha = 1 the data noised once."""
    limit = limit_law(target, 0.1, alpha)
    np.testing.assert_allclose(limit.mean, np.zeros(target.dim), atol=1e-12)
    np.testing.assert_allclose(limit.cov, np.eye(target.dim), rtol=1e-10, atol=1e-10)


def test_without_fresh_data_early_stopping_ends_in_noise() -> None:
    drawn(LINE, never_fresh_is_noise, examples=20)


def test_with_fresh_data_it_does_not() -> None:
    rejected(LINE, lambda target: never_fresh_is_noise(target, alpha=0.5))
