"""What no number may depend on: axes, the place of the origin, the names and number of components, how rounds are grouped."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from numeric import (
    OU,
    AffineError,
    Channel,
    ConsistentError,
    Gaussian,
    GaussianMixture,
    Generation,
    Recursion,
    early_stopping,
    exact_generation,
    exact_recursion,
    strategies,
)
from numeric.laws.targets import Target, as_mixture
from numeric.validation import Array
from tests.properties.drawn import drawn, rejected
from tests.properties.families import PAIRS

CLOSE = 1e-6  # relative; routes differ in the order of their sums and in quadrature grids
ROUND = ("ideal_energy", "learned_energy", "visible_energy", "chi2", "kl", "reverse_kl", "gradient_energy", "visible_gap")


def alike(one: Recursion, other: Recursion) -> None:
    """Drift, innovations and their products are the same numbers."""
    scale = math.sqrt(1.0 + float(np.max(one.divergence, where=np.isfinite(one.divergence), initial=0.0)))
    for name in ("divergence", "mixed", "innovation", "gram", "discounted_sums"):
        here, there = getattr(one, name), getattr(other, name)
        # J is the root of what was computed
        slack = 1e-7 if name == "innovation" else 1e-13
        np.testing.assert_allclose(there, here, rtol=CLOSE, atol=slack * scale**2, err_msg=name)


def same_round(one: Generation, other: Generation) -> None:
    for name in ROUND:
        here, there = getattr(one, name), getattr(other, name)
        assert (here is None) == (there is None), name
        if here is not None:
            error = 3.0 * (one.numerical_error.get(name, 0.0) + other.numerical_error.get(name, 0.0))
            np.testing.assert_allclose(float(there), float(here), rtol=CLOSE, atol=error + 1e-12, err_msg=name)


# ------------------------------------------------------------------------------------------------ axes and the origin


@dataclass(frozen=True)
class Moved:
    """A target, an error or a channel, and the orthogonal map x -> basis x + offset that everything is seen through."""

    target: Gaussian
    error: AffineError
    channel: Channel
    alpha: float
    basis: Array
    offset: Array


@st.composite
def moved(draw: DrawFn) -> Moved:
    target = draw(strategies.gaussians((2, 4), low=0.05, high=20.0))
    dim = target.dim
    return Moved(
        target,
        draw(strategies.affine_errors(dim)),
        draw(strategies.channels(dim)),
        draw(strategies.fresh_fractions()),
        draw(strategies.rotations(dim)),
        draw(strategies.vectors(dim, "mean")),
    )


# for the twins: nothing in it is zero, symmetric or commutes
PLAIN = Moved(
    Gaussian([1.0, 0.0], [2.0, 0.5]),
    AffineError([[0.06, 0.03], [0.0, -0.03]], [0.1, 0.0]),
    Channel(gain=[0.8, 1.0], shift=[0.2, 0.0], noise=[0.1, 0.3]),
    0.3,
    np.array([[0.0, 1.0], [-1.0, 0.0]]),
    np.array([1.0, -2.0]),
)


def turned_law(case: Moved) -> Gaussian:
    return Gaussian(case.basis @ case.target.mean, _symmetric(case.basis @ case.target.cov @ case.basis.T))


def rotating_all(case: Moved, forget: bool = False) -> None:
    """The noising knows no axes: energies, observability and divergences are those of the turned target and error."""
    basis, error = case.basis, case.error
    turned = AffineError(lambda t: basis @ error.at(t)[0] @ basis.T, lambda t: basis @ error.at(t)[1])
    same_round(exact_generation(case.target, error), exact_generation(turned_law(case), error if forget else turned))


def test_rotating_target_and_error_changes_nothing() -> None:
    drawn(moved(), rotating_all, examples=3)


def test_rotating_the_target_alone_does() -> None:
    rejected(st.just(PLAIN), lambda case: rotating_all(case, forget=True), examples=1)


def turned_channel(case: Moved) -> Channel:
    gain, shift, noise = case.channel.matrices(case.target.dim)
    return Channel(case.basis @ gain @ case.basis.T, case.basis @ shift, _symmetric(case.basis @ noise @ case.basis.T))


def rotating_rounds(case: Moved, forget: bool = False) -> None:
    channel = case.channel if forget else turned_channel(case)
    alike(exact_recursion(case.target, case.channel, case.alpha, 3), exact_recursion(turned_law(case), channel, case.alpha, 3))


def test_rotating_target_and_channel_changes_no_drift() -> None:
    drawn(moved(), rotating_rounds, examples=12)


def test_rotating_the_target_under_a_fixed_channel_does() -> None:
    rejected(st.just(PLAIN), lambda case: rotating_rounds(case, forget=True), examples=1)


def translating_rounds(case: Moved, forget: bool = False) -> None:
    """x -> x + c turns the channel G x + s into G x + s + (I - G) c."""
    gain, shift, noise = case.channel.matrices(case.target.dim)
    channel = case.channel if forget else Channel(gain, shift + case.offset - gain @ case.offset, noise)
    there = Gaussian(case.target.mean + case.offset, case.target.cov)
    alike(exact_recursion(case.target, case.channel, case.alpha, 3), exact_recursion(there, channel, case.alpha, 3))


def test_translating_target_and_channel_changes_no_drift() -> None:
    drawn(moved(), translating_rounds, examples=12)


def test_translating_the_target_under_early_stopping_does() -> None:
    """Noising pulls towards its own origin."""
    rejected(st.just(PLAIN), lambda case: translating_rounds(case, forget=True), examples=1)


def translating_all(case: Moved, forget: bool = False) -> None:
    """At time t the translation has shrunk to a c, a = e^{-t/2}: the error A x + b becomes A (x - a c) + b."""
    error, offset = case.error, case.offset
    moving = AffineError(
        lambda t: error.at(t)[0],
        lambda t: error.at(t)[1] - (0.0 if forget else math.exp(-0.5 * t)) * error.at(t)[0] @ offset,
    )
    there = Gaussian(case.target.mean + offset, case.target.cov)
    same_round(exact_generation(case.target, error), exact_generation(there, moving))


def test_translating_target_and_error_changes_nothing() -> None:
    drawn(moved(), translating_all, examples=3)


def test_translating_the_target_alone_does() -> None:
    rejected(st.just(PLAIN), lambda case: translating_all(case, forget=True), examples=1)


def rescaling_rounds(case: Moved, forget: bool = False) -> None:
    """chi2 knows no units: x -> 3 x, with the channel's shift three times and its noise nine times as large."""
    gain, shift, noise = case.channel.matrices(case.target.dim)
    channel = case.channel if forget else Channel(gain, 3.0 * shift, 9.0 * noise)
    there = Gaussian(3.0 * case.target.mean, 9.0 * case.target.cov)
    alike(exact_recursion(case.target, case.channel, case.alpha, 3), exact_recursion(there, channel, case.alpha, 3))


def test_units_do_not_matter() -> None:
    drawn(moved(), rescaling_rounds, examples=12)


def test_they_do_if_the_noise_keeps_its_size() -> None:
    rejected(st.just(PLAIN), lambda case: rescaling_rounds(case, forget=True), examples=1)


# ----------------------------------------------------------------------------------------------------------- components


@dataclass(frozen=True)
class Parts:
    """A mixture, an order of its components, and how one of them is cut in two."""

    target: GaussianMixture
    channel: Channel
    alpha: float
    order: tuple[int, ...]
    cut: float


@st.composite
def parts(draw: DrawFn, targets: st.SearchStrategy[GaussianMixture] = PAIRS) -> Parts:
    target = draw(targets)
    order = tuple(draw(st.permutations(range(target.weights.shape[0]))))
    return Parts(
        target, draw(strategies.channels(1)), draw(strategies.fresh_fractions()), order, draw(st.sampled_from([0.5, 0.1]))
    )


def relabelled(case: Parts) -> GaussianMixture:
    order = list(case.order)
    return GaussianMixture(case.target.weights[order], case.target.means[order], case.target.covs[order])


def relabelled_weights_only(case: Parts) -> GaussianMixture:
    return GaussianMixture(case.target.weights[list(case.order)], case.target.means, case.target.covs)


def split(case: Parts) -> GaussianMixture:
    """The first component twice, with shares of its weight."""
    weights, means, covs = case.target.weights, case.target.means, case.target.covs
    first = np.array([case.cut, 1.0 - case.cut]) * weights[0]
    both = np.concatenate([first, weights[1:]])
    return GaussianMixture(both / both.sum(), np.concatenate([means[:1], means]), np.concatenate([covs[:1], covs]))


def split_and_doubled(case: Parts) -> GaussianMixture:
    """The wrong way: the copy keeps the whole weight."""
    weights, means, covs = case.target.weights, case.target.means, case.target.covs
    both = np.concatenate([weights[:1], weights])
    return GaussianMixture(both / both.sum(), np.concatenate([means[:1], means]), np.concatenate([covs[:1], covs]))


def rounds_from(case: Parts, write: Callable[[Parts], Target]) -> None:
    """The law is what counts, not how it is written: densities, scores and the drift of every round."""
    other = write(case)
    grid = np.linspace(-8.0, 8.0, 17)
    np.testing.assert_allclose(other.logpdf(grid), case.target.logpdf(grid), rtol=1e-10)
    np.testing.assert_allclose(other.score(grid), case.target.score(grid), rtol=1e-9, atol=1e-12)
    alike(exact_recursion(case.target, case.channel, case.alpha, 2), exact_recursion(other, case.channel, case.alpha, 2))


def test_the_order_of_components_does_not_matter() -> None:
    drawn(parts(), lambda case: rounds_from(case, relabelled), examples=8)


def test_which_weight_goes_with_which_component_does() -> None:
    rejected(parts(), lambda case: rounds_from(case, relabelled_weights_only))


def test_a_component_may_be_split_in_two() -> None:
    drawn(parts(), lambda case: rounds_from(case, split), examples=12)


def test_but_not_doubled() -> None:
    rejected(parts(), lambda case: rounds_from(case, split_and_doubled))


def split_round(case: Parts, write: Callable[[Parts], GaussianMixture] = split) -> None:
    """One round on the same law written twice."""
    one, other = case.target, write(case)
    same_round(
        exact_generation(one, ConsistentError(one, case.channel), start="learned"),
        exact_generation(other, ConsistentError(other, case.channel), start="learned"),
    )


def test_a_round_does_not_see_a_split_component() -> None:
    drawn(parts(), split_round, examples=2)


def test_but_one_that_is_doubled() -> None:
    near = strategies.mixtures(1, components=(2, 2), low=0.5, high=2.0, apart=2.0, least=0.2)
    two = near.filter(lambda law: bool(law.means[0] != law.means[1]))
    rejected(parts(two), lambda case: split_round(case, split_and_doubled), examples=10)


# ------------------------------------------------------------------------------------------------------ grouping in time


@st.composite
def histories(draw: DrawFn) -> tuple[Gaussian, list[Channel], list[float]]:
    target = draw(strategies.gaussians(1, low=0.1, high=10.0))
    count = draw(st.integers(2, 4))
    channels = draw(st.lists(strategies.channels(target.dim), min_size=count, max_size=count))
    return target, channels, draw(st.lists(strategies.fresh_fractions(), min_size=count, max_size=count))


def continued(history: tuple[Gaussian, list[Channel], list[float]], kept: int = 1) -> None:
    """N rounds are the first one, and N - 1 started from what it left."""
    target, channels, shares = history
    whole = exact_recursion(target, channels, shares, len(channels))
    rest = exact_recursion(target, channels[1:], shares[1:], len(channels) - 1, initial=as_mixture(whole.laws[kept]))  # type: ignore[arg-type]
    np.testing.assert_allclose(rest.divergence, whole.divergence[1:], rtol=CLOSE, atol=1e-12)
    np.testing.assert_allclose(rest.innovation, whole.innovation[1:], rtol=CLOSE, atol=1e-7)


def test_a_recursion_may_be_continued() -> None:
    drawn(histories(), continued, examples=12)


def test_but_from_where_it_stood() -> None:
    rejected(histories(), lambda history: continued(history, kept=0))


def merged_rounds(history: tuple[Gaussian, list[Channel], list[float]], fresh: float = 0.0) -> None:
    """A second round without fresh data is the first with both channels in a row."""
    target, channels, shares = history
    apart = exact_recursion(target, channels[:2], [shares[0], fresh], 2)
    at_once = exact_recursion(target, channels[0].then(channels[1]), shares[0], 1)
    np.testing.assert_allclose(apart.divergence[2], at_once.divergence[1], rtol=CLOSE, atol=1e-12)


def test_rounds_without_fresh_data_merge() -> None:
    drawn(histories(), merged_rounds, examples=12)


def test_rounds_with_fresh_data_do_not() -> None:
    rejected(histories(), lambda history: merged_rounds(history, fresh=0.5))


def stopped_in_two(pair: tuple[Gaussian, float], second: float = 1.0) -> None:
    """Noise for t, then for t more, is noise for 2 t."""
    target, time = pair
    twice = early_stopping(time).then(early_stopping(second * time))(target)
    once = early_stopping(2.0 * time)(target)
    np.testing.assert_allclose(twice.mean, once.mean, rtol=1e-12)
    np.testing.assert_allclose(twice.cov, once.cov, rtol=1e-12)


STOPS = st.tuples(strategies.gaussians((1, 3)), strategies.typical("t0"))


def test_early_stopping_adds_up() -> None:
    drawn(STOPS, stopped_in_two, examples=50)


def test_to_the_sum_of_the_times() -> None:
    rejected(STOPS, lambda pair: stopped_in_two(pair, second=2.0))


def energy_in_pieces(pair: tuple[Gaussian, AffineError], middle: float = 1.0) -> None:
    """Energies over [t0, s] and [s, T] add up to that over [t0, T]: the ideal law at each time is the same in all three."""
    target, error = pair
    whole, early, late = (
        float(exact_generation(target, error, process).ideal_energy)
        for process in (OU(0.02, 4.0), OU(0.02, 1.0), OU(middle, 4.0))
    )
    np.testing.assert_allclose(early + late, whole, rtol=1e-7, atol=1e-12)


ERRING = strategies.gaussians((1, 3), low=0.1, high=10.0).flatmap(
    lambda target: st.tuples(st.just(target), strategies.affine_errors(target.dim))
)


def test_energy_adds_up_over_time() -> None:
    drawn(ERRING, energy_in_pieces, examples=2)


def test_over_pieces_that_meet() -> None:
    rejected(st.just((PLAIN.target, PLAIN.error)), lambda pair: energy_in_pieces(pair, middle=1.5), examples=1)


def _symmetric(matrix: Array) -> Array:
    return np.asarray(0.5 * (matrix + matrix.T))
