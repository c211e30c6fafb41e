"""The path kernel against a plain row-by-row loop on the same normals, its precision, its orders, its chunks and its memory."""

from __future__ import annotations

import math
import time
import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from numeric.generations.chunks import chunk_sizes, fast_stream, run_chunks
from numeric.generations.error_fields import error_field
from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.generations.frames import Frame, frame_of
from numeric.generations.mixture_scores import Points, Real, mixture_score
from numeric.generations.path_kernel import PathKernel, rounded_weights
from numeric.generations.paths import path_sums
from numeric.generations.simulate_generation import _Kept, path_kernel, path_moments, simulate_generation
from numeric.laws.channels import Channel
from numeric.laws.process import OU, noised
from numeric.laws.targets import Gaussian, GaussianMixture, Target, paper_mixture
from numeric.validation import Array

PROCESS = OU()


class Foreign(BoundedError):
    """A user's error: it has no lean field of its own."""


def covariances(rng: np.random.Generator, count: int, dim: int) -> Array:
    roots = rng.normal(0.0, 0.3, (count, dim, dim))
    return np.asarray(roots @ roots.swapaxes(1, 2) + 0.3 * np.eye(dim))


def laws(dim: int) -> dict[str, Target]:
    rng = np.random.default_rng(dim)
    means, weights = rng.normal(0.0, 1.5, (3, dim)), np.array([0.2, 0.3, 0.5])
    spread = np.zeros((3, dim))
    spread[1:, 0] = [2.0, -1.0]  # only one row moves: the permuted frame
    return {
        "gaussian": Gaussian(means[0], 0.5),
        "correlated gaussian": Gaussian(means[0], covariances(rng, 1, dim)[0]),
        "shared isotropic": GaussianMixture(weights, means, 0.4),
        "one row": GaussianMixture(weights, spread, 0.4),
        "shared full": GaussianMixture(weights, means, np.repeat(covariances(rng, 1, dim), 3, axis=0)),
        "isotropic": GaussianMixture(weights, means, np.array([0.2, 0.5, 1.2])),
        "full": GaussianMixture(weights, means, covariances(rng, 3, dim)),
        "empty component": GaussianMixture([0.0, 0.4, 0.6], means, np.array([0.2, 0.5, 1.2])),
    }


def errors(target: Target) -> dict[str, ScoreError]:
    rng, dim = np.random.default_rng(9), target.dim
    matrix, shift = 0.2 * rng.normal(size=(dim, dim)), 0.1 * rng.normal(size=dim)
    return {
        "tanh": BoundedError(0.3),
        "affine": AffineError(lambda t: matrix * math.cos(t), lambda t: shift * math.exp(-t)),
        "scalar affine": AffineError(0.1 * np.eye(dim), 0.2),
        "consistent": ConsistentError(target, Channel(0.9, shift, 0.1)),
        "skewed consistent": ConsistentError(target, Channel(np.eye(dim) + 0.1 * matrix, shift, 0.1)),
        "of another law": ConsistentError(Gaussian(np.zeros(dim), 1.0), Channel(noise=0.2)),
        "foreign": Foreign(0.3),
    }


def plain(target: Target, error: ScoreError, frame: Frame, grid: Array, start: Array, stream: np.random.Generator) -> Array:
    """V, S, N and M of each path, (4, n): one grid, row-major, in the original coordinates, straight from the definitions."""
    x, final = start, grid.shape[0] - 1
    turn = np.eye(target.dim) if frame.rotation is None else frame.rotation
    energy, stein, forward, martingale = np.zeros((4, start.shape[0]))
    last: tuple[float, Array, Array, Array, Array] | None = None
    noise = np.empty_like(x)
    for index, t in enumerate(grid.tolist()):
        e, s = np.asarray(error(x, t)), noised(target, t).score(x)
        divergence = np.asarray(error.divergence(x, t))
        square, rate = np.sum(e * e, axis=1), divergence + np.sum(e * s, axis=1)
        if last is not None:
            step = t - last[0]
            energy += 0.5 * step * (last[2] + square)
            stein -= 0.5 * step * (last[3] + rate)
            increment = math.sqrt(step) * noise
            forward -= np.sum(last[1] * increment, axis=1)
            ito = 0.5 * math.sqrt(step * -math.expm1(-step)) * 0.5 * (last[4] + divergence)
            martingale -= 0.5 * np.sum((last[1] + e) * increment, axis=1) - ito
        last = t, e, square, rate, divergence
        if index < final:
            step = grid[index + 1] - t
            noise = stream.standard_normal(x.T.shape).T @ turn.T
            x = math.exp(-0.5 * step) * x + math.sqrt(-math.expm1(-step)) * noise
    return np.stack([energy, stein, forward, martingale + stein])


def both(target: Target, error: ScoreError, n: int = 50, steps: int = 9, real: Real = np.float64) -> tuple[Array, Array]:
    kernel, frame = path_kernel(target, error, PROCESS, steps, real, 1)
    grid = PROCESS.t0 + np.append(0.0, np.cumsum(kernel.brownian**2 * kernel.spread**2))  # the steps it really takes
    worker = kernel.worker(n)
    start = PROCESS.marginal(target, PROCESS.t0).sample(n, rng=3)
    frame.enter(start, PROCESS.t0, worker.points.x)
    [sums], forward = path_sums(worker.run(np.random.default_rng(4)))
    got = np.stack([sums.energy, sums.stein, forward, sums.martingale])
    return got, plain(target, error, frame, grid, start, np.random.default_rng(4))


@pytest.mark.parametrize("dim", [1, 4])
@pytest.mark.parametrize("law", list(laws(1)))
def test_every_field_against_a_plain_loop(law: str, dim: int) -> None:
    target = laws(dim)[law]
    for name, error in errors(target).items():
        got, expected = both(target, error)
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9, err_msg=name)
        # and single precision is what its name says
        rounded, _ = both(target, error, real=np.float32)
        np.testing.assert_allclose(rounded, expected, rtol=3e-5, atol=3e-5, err_msg=name)


def test_a_wrong_law_fails_the_same_comparison() -> None:
    target, other, error, times = laws(4)["shared full"], laws(4)["full"], BoundedError(0.3), np.geomspace(0.02, 4.0, 10)
    still = frame_of(target, error)
    start = PROCESS.marginal(target, PROCESS.t0).sample(50, rng=3)
    expected = plain(target, error, still, times, start, np.random.default_rng(4))
    for law, right in ((target, True), (other, False)):
        field = error_field(error, law, times, np.float64)
        worker = PathKernel(mixture_score(law, times, np.float64), field, times, np.float64, 1).worker(50)
        worker.points.x[:] = start.T
        [sums], _ = path_sums(worker.run(np.random.default_rng(4)))
        np.testing.assert_allclose(sums.energy, expected[0], rtol=1e-9)  # the score has no part in the energy
        assert bool(np.abs(sums.stein - expected[1]).max() < 1e-9) is right


@pytest.mark.parametrize("law", list(laws(1)))
def test_scores_and_their_divergences_in_place(law: str) -> None:
    target, times = laws(3)[law], np.array([0.02, 1.0, 4.0])
    x = np.random.default_rng(1).normal(0.0, 6.0, (200, 3))  # far out, where exponents are large
    for real, accuracy in ((np.float64, 1e-9), (np.float32, 2e-4)):
        evaluate = mixture_score(target, times, real).evaluator(200)
        points, out, divergence = Points(3, 200, real), np.empty((3, 200), dtype=real), np.empty(200, dtype=real)
        points.x[:] = x.T
        points.refresh()
        for index, t in enumerate(times.tolist()):
            evaluate(index, points, out, divergence)
            np.testing.assert_allclose(out.T, noised(target, t).score(x), rtol=accuracy, atol=accuracy)
            np.testing.assert_allclose(divergence, noised(target, t).score_divergence(x), rtol=accuracy, atol=10 * accuracy)
            evaluate(index, points, out)
            np.testing.assert_allclose(out.T, noised(target, t).score(x), rtol=accuracy, atol=accuracy)


def energies(target: Target, error: ScoreError, real: Real, n: int = 4000) -> Array:
    """Mean of V on each grid, and of e^Z V, on the same paths in either precision."""
    kernel, frame = path_kernel(target, error, PROCESS, 64, real)
    worker = kernel.worker(n)
    frame.enter(PROCESS.marginal(target, PROCESS.t0).sample(n, rng=5), PROCESS.t0, worker.points.x)
    sums, _ = path_sums(worker.run(fast_stream(np.random.default_rng(6))))
    return np.array([one.energy.mean() for one in sums] + [(np.exp(sums[0].log_weight) * sums[0].energy).mean()])


def test_single_precision_is_below_any_noise() -> None:
    target = paper_mixture()
    exact = energies(target, BoundedError(0.2), np.float64)
    rounded = energies(target, BoundedError(0.2), np.float32)
    assert np.all(np.abs(rounded / exact - 1.0)[:3] < 1e-8)
    assert abs(rounded[3] / exact[3] - 1.0) < 3e-7
    # an error larger by a part in 10^7 is told apart
    assert np.all(np.abs(energies(target, BoundedError(0.2 * (1.0 + 1e-7)), np.float32) / exact - 1.0)[:3] > 1e-7)
    consistent = ConsistentError(target, Channel(shift=0.1, noise=0.1))
    ratio = energies(target, consistent, np.float32) / energies(target, consistent, np.float64)
    assert np.all(np.abs(ratio - 1.0) < 1e-6)


def test_rounding_errors_of_weights_cancel() -> None:
    weights = np.random.default_rng(3).uniform(0.01, 0.02, (20, 1000))
    rounded = rounded_weights(weights, np.float32)
    assert rounded.dtype == np.float32
    assert np.abs(rounded.sum(axis=1, dtype=np.float64) - weights.sum(axis=1)).max() < 1e-9
    assert np.abs(weights.astype(np.float32).sum(axis=1, dtype=np.float64) - weights.sum(axis=1)).max() > 1e-9


def test_coarser_grids_are_what_a_kernel_on_them_gives() -> None:
    """On a constant error the sums of e . dB do not depend on the grid; energies are those of the coarser trapezoid rules."""
    grid, dim, n = np.linspace(PROCESS.t0, PROCESS.T, 12), 3, 40  # eleven steps: the last of either coarser grid is shorter
    target = GaussianMixture([0.4, 0.6], [[0.0, 0.0, 1.0], [1.0, 0.5, 0.0]], 0.3)
    fields = mixture_score(target, grid, np.float64)
    for error in (AffineError(np.zeros((dim, dim)), np.array([0.1, -0.2, 0.3])), BoundedError(0.3)):
        kernel = PathKernel(fields, error_field(error, target, grid, np.float64), grid, np.float64)
        worker = kernel.worker(n)
        worker.points.x[:] = PROCESS.marginal(target, PROCESS.t0).sample(n, rng=1).T
        nodes = []
        start = worker.points.x.copy()
        found = worker.run(np.random.default_rng(2))
        stream, x = np.random.default_rng(2), start
        for index, t in enumerate(grid.tolist()):
            nodes.append(np.sum(np.asarray(error(x.T, t)) ** 2, axis=1))
            if index < 11:
                x = kernel.decay[index] * x + kernel.spread[index] * stream.standard_normal((dim, n))
        for level, stride in enumerate((1, 2, 4)):
            used = np.append(np.arange(0, 11, stride), 11)
            expected = np.trapezoid(np.array(nodes)[used], grid[used], axis=0)
            np.testing.assert_allclose(found.energy[level], expected, rtol=1e-10)
        if isinstance(error, AffineError):
            np.testing.assert_allclose(found.stratonovich[1:], found.stratonovich[[0, 0]], rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(found.ito, found.stratonovich[0], rtol=1e-12, atol=1e-13)
            assert not np.any(found.excess)


def order_gaps(target: Target, error: ScoreError, steps: int, repeats: int) -> tuple[Array, Array]:
    """Distances of V and M^2 from errors that grow two and four times where the step doubles, in standard errors; (2,) each.

    The change from half to a quarter of the steps is so many times the change from all to half, up to a fifth of it.
    """
    n = 4000
    kernel, frame = path_kernel(target, error, PROCESS, steps, np.float64)
    worker, means = kernel.worker(n), []
    for stream in np.random.default_rng(77).spawn(repeats):
        frame.enter(PROCESS.marginal(target, PROCESS.t0).sample(n, rng=stream), PROCESS.t0, worker.points.x)
        sums, _ = path_sums(worker.run(fast_stream(stream)))
        means.append([[one.energy.mean(), np.mean(one.martingale**2)] for one in sums])
    near, far = -np.diff(np.array(means), axis=1).swapaxes(0, 1)
    found = []
    for ratio in (2.0, 4.0):
        gaps = far - ratio * near
        short = np.maximum(np.abs(gaps.mean(axis=0)) - 0.2 * np.abs(far.mean(axis=0)), 0.0)
        found.append(short / (gaps.std(axis=0, ddof=1) / math.sqrt(repeats)))
    return found[0], found[1]


def test_orders_in_the_step() -> None:
    """V has order two. M has it too where the error is a gradient; a rotation's has order one, by the area along the path."""
    mixture = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
    first, second = order_gaps(mixture, BoundedError(0.6), 8, 160)
    assert np.all(second < 5.0)
    assert np.all(first > 5.0)
    plane, turning = Gaussian([0.0, 0.0], 1.0), AffineError(np.array([[0.0, 0.6], [-0.6, 0.0]]))
    first, second = order_gaps(plane, turning, 32, 60)
    assert first[1] < 5.0
    assert second[1] > 5.0


@pytest.mark.parametrize("kind", ["tanh", "affine", "consistent", "foreign"])
@pytest.mark.parametrize("law", ["shared isotropic", "full"])
def test_any_number_of_workers_gives_the_same_bits(law: str, kind: str) -> None:
    target = laws(20)[law]
    error = errors(target)[kind]
    size = chunk_sizes(10**6, 20, kernel_floats(target, error), 2)[0]
    n = 5 * size + 13  # five chunks and a piece
    runs = [
        path_moments(target, error, PROCESS, n=n, steps=5, replicas=2, rng=np.random.default_rng(1), workers=workers)
        for workers in (1, 2, 5)
    ]
    for levels, endpoints in runs[1:]:
        assert np.array_equal(levels.extrapolated.mean, runs[0][0].extrapolated.mean)
        assert np.array_equal(levels.extrapolated.scatter, runs[0][0].extrapolated.scatter)
        assert np.array_equal(endpoints, runs[0][1])


def kernel_floats(target: Target, error: ScoreError) -> int:
    kernel, _ = path_kernel(target, error, PROCESS, 5, np.float32)
    return kernel.score.floats() + kernel.error.floats()


def test_frames_keep_the_law() -> None:
    for name, target in laws(4).items():
        for kind, error in errors(target).items():
            frame = frame_of(target, error)
            x = PROCESS.marginal(target, 0.7).sample(20, rng=1)
            z = np.empty((4, 20))
            frame.enter(x, 0.7, z)
            np.testing.assert_allclose(frame.leave(z, 0.7), x, atol=1e-13)
            label = f"{name}, {kind}"
            np.testing.assert_allclose(noised(frame.target, 0.7).logpdf(z.T), noised(target, 0.7).logpdf(x), err_msg=label)
            assert frame.error is not None
            turned = np.asarray(frame.error(z.T, 0.7))
            turned = turned if frame.rotation is None else turned @ frame.rotation.T
            np.testing.assert_allclose(turned, np.asarray(error(x, 0.7)), atol=1e-11, err_msg=label)
            divergence = np.asarray(frame.error.divergence(z.T, 0.7))
            np.testing.assert_allclose(divergence, np.asarray(error.divergence(x, 0.7)), atol=1e-10, err_msg=label)


def test_means_span_at_most_one_row_less_than_there_are_components() -> None:
    target = laws(4)["shared isotropic"]
    frame = frame_of(target, AffineError(0.1 * np.eye(4)))
    assert isinstance(frame.target, GaussianMixture)
    assert not np.any(frame.target.means[:, :2])
    assert np.any(frame.target.means[:, 2])


def test_chunks_come_in_order_and_stop_at_an_error() -> None:
    begun: list[int] = []

    def work(size: int, stream: np.random.Generator) -> int:
        begun.append(size)
        if size == 3:
            raise ValueError("the third")
        time.sleep(0.002 * (10 - size))  # later chunks are done first
        return size

    rng = np.random.default_rng
    assert list(run_chunks(work, [1, 2], rng(1), 2)) == [1, 2]
    assert list(run_chunks(work, [9, 1, 5, 7, 2, 4], rng(1), 3)) == [9, 1, 5, 7, 2, 4]
    begun.clear()
    with pytest.raises(ValueError, match="the third"):
        list(run_chunks(work, [1, 2, 3, *([4] * 50)], rng(1), 2))
    assert len(begun) < 20
    streams: list[NDArray[np.float64]] = []
    for workers in (1, 4):
        streams += list(run_chunks(lambda size, stream: stream.standard_normal(size), [3, 3], rng(8), workers))
    assert np.array_equal(streams[0], streams[2])
    assert not np.array_equal(streams[0], streams[1])


def test_memory_does_not_grow_with_the_paths() -> None:
    target, error = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4]), BoundedError(0.3)

    def peak(n: int, keep: int | None) -> float:
        tracemalloc.start()
        generation = simulate_generation(target, error, n=n, steps=4, rng=1, workers=2, keep=keep)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert np.shape(generation.endpoint)[0] == np.shape(generation.ideal_endpoint)[0] == (n if keep is None else keep)
        return size / 2**20

    small, large = peak(20_000, 100), peak(80_000, 100)
    assert large < 1.25 * small
    assert large > 2.0  # MB: the buffers of two threads were seen


def test_what_is_kept_costs_what_it_weighs() -> None:
    kept = _Kept(1000, 3)
    for _ in range(4):
        kept.add(np.ones((400, 3)))
    assert sum(part.nbytes for part in kept.parts) == 1000 * 3 * 8
    assert kept.rows().shape == (1000, 3)


def test_what_is_kept_changes_no_number() -> None:
    target, error = paper_mixture(), BoundedError(0.2)
    full, none = (simulate_generation(target, error, n=5000, steps=4, rng=2, keep=keep) for keep in (None, 0))
    some = simulate_generation(target, error, n=5000, steps=4, rng=2, keep=2100)
    assert full.chi2 == some.chi2 == none.chi2
    assert full.learned_energy_reverse == some.learned_energy_reverse == none.learned_energy_reverse
    for name in ("endpoint", "ideal_endpoint"):
        everything = np.asarray(getattr(full, name))
        assert everything.shape == (5000, 10)
        assert np.array_equal(getattr(some, name), everything[:2100])
        assert np.asarray(getattr(none, name)).shape == (0, 10)
    with pytest.raises(ValueError, match="keep must be"):
        simulate_generation(target, error, n=5000, steps=4, rng=2, keep=-1)
