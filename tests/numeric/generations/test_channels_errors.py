"""Channels as maps of laws and of samples, and score errors with their divergences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from scipy import integrate, stats

from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError, probe_error, sup_energy
from numeric.laws.channels import Channel, early_stopping, kde, mean_shift
from numeric.laws.process import OU, noised
from numeric.laws.targets import Gaussian, GaussianMixture, as_mixture
from numeric.validation import Array

LAW = GaussianMixture([0.3, 0.7], [[-1.0, 0.5], [1.0, 2.0]], [[[0.5, 0.2], [0.2, 0.4]], [[1.0, -0.3], [-0.3, 0.6]]])
GENERAL = Channel([[0.8, 0.3], [-0.2, 0.9]], [0.1, -0.4], [[0.3, 0.1], [0.1, 0.2]])
AFTER = Channel([0.5, 1.5], [1.0, 0.0], 0.2)


def same_law(left: object, right: object, rtol: float = 1e-12) -> bool:
    a, b = as_mixture(left), as_mixture(right)  # type: ignore[arg-type]
    return np.allclose(a.means, b.means, rtol=rtol, atol=1e-13) and np.allclose(a.covs, b.covs, rtol=rtol, atol=1e-13)


def test_composition_of_channels_is_composition_of_maps() -> None:
    assert same_law(GENERAL.then(AFTER)(LAW), AFTER(GENERAL(LAW)))
    assert not same_law(AFTER.then(GENERAL)(LAW), AFTER(GENERAL(LAW)))
    scalar = Channel(0.9, 0.2, 0.1).then(Channel(1.1, -0.3, 0.4))
    assert scalar.dim is None
    assert same_law(scalar(LAW), Channel(1.1, -0.3, 0.4)(Channel(0.9, 0.2, 0.1)(LAW)))
    assert same_law(Channel(0.9).then(GENERAL)(LAW), GENERAL(Channel(0.9)(LAW)))
    assert same_law(GENERAL.then(Channel(0.9, noise=0.1))(LAW), Channel(0.9, noise=0.1)(GENERAL(LAW)))


def test_composition_is_associative_with_unit() -> None:
    third = Channel(1.2, 0.3, [0.1, 0.5])
    left, right = GENERAL.then(AFTER).then(third), GENERAL.then(AFTER.then(third))
    for name in ("gain", "shift", "noise"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=1e-13)
    assert same_law(Channel().then(GENERAL)(LAW), GENERAL(LAW))
    assert same_law(Channel()(LAW), LAW)


def test_moments_of_the_output() -> None:
    gain, shift, noise = GENERAL.matrices(2)
    out = GENERAL(LAW)
    np.testing.assert_allclose(out.mean, gain @ LAW.mean + shift, rtol=1e-13)
    np.testing.assert_allclose(out.cov, gain @ LAW.cov @ gain.T + noise, rtol=1e-13)


def test_noise_is_a_variance() -> None:
    np.testing.assert_allclose(Channel(noise=0.25)(Gaussian(0.0, 1.0)).cov, [[1.25]])
    np.testing.assert_allclose(kde(0.5)(Gaussian(0.0, 1.0)).cov, [[1.25]])
    np.testing.assert_allclose(Channel(noise=[0.25, 1.0])(Gaussian([0.0, 0.0], 1.0)).cov, np.diag([1.25, 2.0]))


def test_constructors() -> None:
    assert same_law(early_stopping(0.3)(LAW), noised(LAW, 0.3))
    assert not same_law(early_stopping(0.3)(LAW), noised(LAW, 0.31))
    assert same_law(early_stopping(0.1).then(early_stopping(0.2))(LAW), early_stopping(0.3)(LAW))
    np.testing.assert_allclose(mean_shift([1.0, -2.0])(LAW).mean, LAW.mean + np.array([1.0, -2.0]))
    assert same_law(mean_shift(0.5)(LAW), mean_shift([0.5, 0.5])(LAW))
    assert isinstance(kde(0.1)(Gaussian(0.0, 1.0)), Gaussian)


def transform_score(channel: Channel, reference: Channel) -> float:
    """Largest standardised deviation of the moments of transformed points from those of ``reference``'s law."""
    samples = channel.transform(LAW.sample(40_000, rng=1), rng=2)
    law = reference(LAW)
    n = samples.shape[0]
    products = np.einsum("ni,nj->nij", samples - law.mean, samples - law.mean).reshape(n, 4)
    first = (samples.mean(axis=0) - law.mean) / (samples.std(axis=0) / math.sqrt(n))
    second = (products.mean(axis=0) - law.cov.ravel()) / (products.std(axis=0) / math.sqrt(n))
    return float(np.max(np.abs(np.concatenate([first, second]))))


def test_samples_and_laws_go_through_the_same_channel() -> None:
    limit = float(stats.norm.isf(1e-6 / (2 * 6)))
    assert transform_score(GENERAL, GENERAL) < limit
    gain, shift, noise = GENERAL.matrices(2)
    assert transform_score(GENERAL, Channel(gain.T, shift, noise)) > limit
    assert transform_score(GENERAL, Channel(gain, shift, noise @ noise)) > limit


def test_noiseless_transform_is_deterministic_and_singular_noise_stays_in_its_line() -> None:
    x = np.random.default_rng(3).normal(size=(20, 2))
    np.testing.assert_allclose(Channel(2.0, 1.0).transform(x, rng=None), 2.0 * x + 1.0)
    moved = Channel(noise=[[1.0, 1.0], [1.0, 1.0]]).transform(x, rng=4) - x
    np.testing.assert_allclose(moved[:, 0], moved[:, 1], rtol=1e-7)
    assert np.std(moved[:, 0]) > 0.3


def test_no_noise_draws_nothing_and_noise_of_lower_rank_is_no_error() -> None:
    stream, untouched = np.random.default_rng(5), np.random.default_rng(5)
    x = np.zeros((4, 3))
    Channel(2.0).transform(x, rng=stream)
    assert stream.random() == untouched.random()
    for axis in np.random.default_rng(6).standard_normal((20, 3)):  # rounding takes some eigenvalues below zero
        moved = Channel(noise=np.outer(axis, axis)).transform(x, rng=stream)
        np.testing.assert_allclose(np.cross(moved, axis), 0.0, atol=1e-6)


def test_the_dimension_is_that_of_any_part_or_none() -> None:
    for channel in (
        Channel([0.5, 1.5]),
        mean_shift([1.0, 2.0]),
        Channel(noise=[1.0, 2.0]),
        GENERAL,
        Channel(noise=GENERAL.noise),
    ):
        assert channel.dim == 2
    assert Channel(2.0, 1.0, 0.5).dim is None
    assert Channel([0.5]).dim == 1


def test_noise_keeps_its_form_and_a_matrix_of_it_is_symmetric() -> None:
    tilted = np.array([[1.0, 0.1], [np.nextafter(0.1, 1.0), 1.0]])
    noise = Channel(noise=tilted).noise
    np.testing.assert_array_equal(noise, noise.T)
    assert Channel(noise=[1.0, 2.0]).noise.shape == (2,)
    assert Channel(noise=1.0).noise.shape == ()


def test_a_gain_that_cancels_gives_a_symmetric_covariance() -> None:
    law = Gaussian([0.0, 0.0], [[1.0, 1.0 - 1e-9], [1.0 - 1e-9, 1.0]])
    gain = np.array([[3e4, -3e4], [2.1e4 + 0.3, -2.1e4 + 0.1]])  # its products differ from their transpose in the eighth digit
    product = gain @ law.cov @ gain.T
    assert abs(product[0, 1] - product[1, 0]) > 1e-10 * np.abs(product).max()
    cov = Channel(gain)(law).cov
    np.testing.assert_array_equal(cov, cov.T)
    np.testing.assert_allclose(cov, product, rtol=1e-7)


def test_singular_output_is_refused() -> None:
    with pytest.raises(ValueError, match="channel must give a law with a density"):
        Channel(0.0)(LAW)
    assert same_law(Channel(0.0, noise=1.0)(Gaussian(3.0, 2.0)), Gaussian(0.0, 1.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Channel(2.0, 1.0, 0.5),
        lambda: Channel(0.0),
        lambda: Channel([0.5, 1.5], [1.0, 0.0], 0.2),
        lambda: Channel(1.0, 0.0, [[0.3, 0.1], [0.1, 0.2]]),
        lambda: Channel([[0.8, 0.3], [-0.2, 0.9]], 1.0),
        Channel,
    ],
)
def test_a_channel_is_what_it_prints_and_does_not_change(make: Callable[[], Channel]) -> None:
    channel = make()
    again = eval(repr(channel), {"Channel": Channel})
    for name in ("gain", "shift", "noise"):
        np.testing.assert_array_equal(getattr(again, name), getattr(channel, name))
        assert not getattr(channel, name).flags.writeable
        with pytest.raises(FrozenInstanceError):
            setattr(channel, name, 1.0)
    assert repr(Channel()) == "Channel()"
    assert again != channel  # two channels are never compared by their arrays
    assert len({channel, again}) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],), r"gain must be square, got shape \(2, 3\)"),
        (([[1.0, 2.0]],), r"gain must be square, got shape \(1, 2\)"),
        ((np.ones((2, 3)), [1.0, 2.0]), r"gain must be square, got shape \(2, 3\)"),
        ((np.ones((2, 2, 2)),), "gain"),
        ((1.0, [[1.0]]), "shift"),
        ((1.0, 0.0, np.ones((1, 1, 1))), "noise"),
        (([1.0, 2.0], [1.0, 2.0, 3.0]), "the same dimension"),
    ],
)
def test_a_channel_of_another_shape_is_refused(arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Channel(*arguments)  # type: ignore[arg-type]


ERRORS: dict[str, tuple[ScoreError, int]] = {
    "affine": (AffineError([[0.1, 0.4], [-0.2, 0.3]], [0.1, 0.2]), 2),
    "affine in time": (AffineError(lambda t: np.array([[t, 0.4], [-0.2, 0.3]]), lambda t: np.array([0.1 * t, 0.2])), 2),
    "bounded": (BoundedError(0.7), 3),
    "consistent": (ConsistentError(LAW, GENERAL), 2),
    "consistent, smoothing": (ConsistentError(LAW, kde(0.4)), 2),
}


def divergence_by_differences(error: ScoreError, x: Array, t: float) -> Array:
    h, dim = 1e-5, x.shape[1]
    return sum(((error(x + h * row, t) - error(x - h * row, t)) @ row) / (2 * h) for row in np.eye(dim))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ERRORS)
def test_divergence_against_differences(name: str) -> None:
    error, dim = ERRORS[name]
    x = np.random.default_rng(5).normal(0.0, 1.5, (40, dim))
    for t in (0.02, 1.3):
        expected = divergence_by_differences(error, x, t)
        assert error(x, t).shape == (40, dim)
        np.testing.assert_allclose(error.divergence(x, t), expected, rtol=1e-6, atol=1e-7)
        assert np.max(np.abs(2.0 * error.divergence(x, t) - expected)) > 1e-3
    probe_error(error, dim)


def test_affine_values_and_orientation() -> None:
    matrix, offset = np.array([[0.1, 0.4], [-0.2, 0.3]]), np.array([0.1, 0.2])
    x = np.array([[1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_allclose(AffineError(matrix, offset)(x, 1.0), matrix.T + offset)
    np.testing.assert_allclose(AffineError(0.5)(np.array([2.0, 4.0]), 1.0), [[1.0], [2.0]])
    assert AffineError(np.eye(3)).dim == 3
    assert AffineError(0.0, [1.0, 2.0]).dim == 2


def test_bounded_error_is_bounded_with_its_energy() -> None:
    error, process = BoundedError(-0.4), OU(0.1, 2.1)
    x = np.random.default_rng(6).normal(0.0, 50.0, (1000, 3))
    norms = np.sum(error(x, 0.5) ** 2, axis=1)
    assert norms.max() <= 0.16 * 3 * (1 + 1e-14)
    assert norms.max() > 0.99 * 0.16 * 3
    assert sup_energy(error, 3, process) == pytest.approx(0.16 * 3 * 2.0)


def test_supremum_of_the_energy() -> None:
    process = OU(0.1, 2.0)
    shift = AffineError(np.zeros((2, 2)), lambda t: np.array([math.sin(t), 0.3]))
    total = integrate.quad(lambda t: math.sin(t) ** 2 + 0.09, 0.1, 2.0)[0]
    assert sup_energy(shift, 2, process) == pytest.approx(total, rel=1e-11)
    assert sup_energy(AffineError(0.1), 1, process) == math.inf
    assert sup_energy(ERRORS["consistent"][0], 2, process) == math.inf


def test_consistent_error_is_the_gradient_of_the_log_ratio() -> None:
    error, t = ConsistentError(LAW, GENERAL), 0.7
    learned, exact = noised(GENERAL(LAW), t), noised(LAW, t)
    x, h = np.random.default_rng(7).normal(0.0, 1.5, (30, 2)), 1e-5
    for axis, row in enumerate(np.eye(2)):
        up, down = (learned.logpdf(x + s * h * row) - exact.logpdf(x + s * h * row) for s in (1.0, -1.0))
        np.testing.assert_allclose(error(x, t)[:, axis], (up - down) / (2 * h), rtol=1e-6, atol=1e-7)
    assert np.max(np.abs(ConsistentError(LAW, Channel())(x, t))) < 1e-12


def test_consistent_error_of_a_gaussian_is_affine() -> None:
    target, channel, t = Gaussian([0.5, 0.0], [0.6, 2.0]), Channel(shift=[0.2, 0.0], noise=0.15), 0.4
    exact, learned = noised(target, t), noised(channel(target), t)
    matrix = np.linalg.inv(exact.cov) - np.linalg.inv(learned.cov)
    offset = np.linalg.solve(learned.cov, learned.mean) - np.linalg.solve(exact.cov, exact.mean)
    x = np.random.default_rng(8).normal(size=(20, 2))
    expected = AffineError(matrix, offset)(x, t)
    np.testing.assert_allclose(ConsistentError(target, channel)(x, t), expected, rtol=1e-11, atol=1e-13)


class NoDivergence:
    def __call__(self, x: Array, t: float) -> Array:
        return x


class WrongShape(BoundedError):
    def __call__(self, x: Array, t: float) -> Array:
        return x[:, :1]


class WrongDivergence(BoundedError):
    def divergence(self, x: Array, t: float) -> Array:
        return x


class NotFinite(BoundedError):
    def __call__(self, x: Array, t: float) -> Array:
        return x * np.nan


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (NoDivergence(), TypeError, "error must be callable"),
        (3.0, TypeError, "error must be callable"),
        (WrongShape(0.1), ValueError, r"error\(x, t\)"),
        (WrongDivergence(0.1), ValueError, r"error.divergence\(x, t\)"),
        (NotFinite(0.1), ValueError, r"error\(x, t\)"),
        (AffineError(np.eye(3)), ValueError, "error must act in the target's dimension 2"),
        (ConsistentError(Gaussian(0.0, 1.0), kde(0.1)), ValueError, "error must act in the target's dimension 2"),
    ],
)
def test_unusable_errors_are_refused_by_one_call(error: ScoreError, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        probe_error(error, 2)
