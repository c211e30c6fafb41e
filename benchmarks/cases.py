"""The work that is measured: path kernels, whole rounds, kernel density estimates."""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Work
from numeric import OU, AffineError, BoundedError, Channel, ConsistentError, Gaussian, GaussianMixture, paper_mixture
from numeric.generations.chunks import chunk_sizes, run_chunks
from numeric.generations.errors import ScoreError
from numeric.generations.reverse import reverse_samples
from numeric.generations.simulate_generation import path_kernel, path_moments
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.targets import Target

__all__ = [
    "PATHS",
    "PROCESS",
    "STEPS",
    "full_mixture",
    "kde_works",
    "kernel_works",
    "round_works",
    "two_normals",
    "two_workers",
]

PROCESS, STEPS, PATHS = OU(), 100, 4096
CENTRES, QUERIES = 4096, 1024


def kernel_work(name: str, target: Target, error: ScoreError, levels: int = 1) -> Work:
    """Paths with energy and log-weight of each; three ``levels`` are what ``simulate_generation`` extrapolates from."""
    kernel, frame = path_kernel(target, error, PROCESS, STEPS, np.float32, levels)
    worker = kernel.worker(PATHS)
    stream = np.random.Generator(np.random.SFC64(7))
    start = PROCESS.marginal(target, PROCESS.t0).sample(PATHS, rng=stream)

    def run() -> object:
        frame.enter(start, PROCESS.t0, worker.points.x)
        return worker.run(stream)

    return Work(name, run, PATHS * STEPS)


def full_mixture() -> GaussianMixture:
    """Five components in 10-D with a covariance each."""
    rng = np.random.default_rng(3)
    roots = rng.normal(0.0, 0.2, (5, 10, 10))
    return GaussianMixture(np.full(5, 0.2), rng.normal(0.0, 3.0, (5, 10)), 0.3 * np.eye(10) + roots @ roots.swapaxes(1, 2))


def kernel_works() -> list[Work]:
    """One path-step of the kernel, with energy and log-weight, for every kind of score and error."""
    rng = np.random.default_rng(5)
    gaussian, matrix = Gaussian(np.full(10, 0.3), 0.36), 0.05 * rng.standard_normal((10, 10))
    scattered = GaussianMixture(np.full(5, 0.2), rng.normal(0.0, 3.0, (5, 10)), 0.36)
    channel = Channel(shift=0.1, noise=0.1)
    return [
        kernel_work("affine (scalar matrix)", gaussian, AffineError(0.1 * np.eye(10), 0.05)),
        kernel_work("affine (full matrix)", gaussian, AffineError(matrix, 0.05)),
        kernel_work("mixture + tanh", paper_mixture(), BoundedError(0.2)),
        kernel_work("mixture + tanh, three grids", paper_mixture(), BoundedError(0.2), 3),
        kernel_work("mixture of scattered means + tanh", scattered, BoundedError(0.2)),
        kernel_work("mixture, full covariances + tanh", full_mixture(), BoundedError(0.2)),
        kernel_work("consistent (mixture)", paper_mixture(), ConsistentError(paper_mixture(), channel)),
        kernel_work("consistent (full covariances)", full_mixture(), ConsistentError(full_mixture(), channel)),
    ]


def round_works() -> list[Work]:
    """A whole ideal side (four replicas, all statistics), and the reverse simulation with its two scores per step."""
    endpoints, copies = 4096, 4

    def ideal() -> object:
        rng = np.random.default_rng(1)
        return path_moments(
            paper_mixture(), BoundedError(0.2), PROCESS, n=endpoints, steps=STEPS, replicas=copies, rng=rng, workers=1
        )

    def reverse() -> object:
        return reverse_samples(paper_mixture(), PROCESS, PATHS, STEPS, BoundedError(0.2), rng=1)

    return [
        Work("ideal side of simulate_generation", ideal, endpoints * copies * STEPS),
        Work("reverse simulation (Heun)", reverse, PATHS * STEPS),
    ]


def kde_works() -> list[Work]:
    """A kernel density estimate in 10-D: its score, for a thousand centres, and one sample of it."""
    rng = np.random.default_rng(2)
    law = KernelMixture(paper_mixture().sample(CENTRES, rng=rng), 0.36)
    queries, draws = law.sample(QUERIES, rng=rng), 100_000
    stream = np.random.Generator(np.random.SFC64(9))
    return [
        Work("KDE score", lambda: law.score(queries), QUERIES * CENTRES // 1000, unit="query and 1000 centres"),
        Work("KDE generation", lambda: law.sample(draws, rng=stream), draws, unit="sample"),
    ]


def two_workers(workers: int) -> object:
    """A round on the paper mixture, for the gain of a second thread."""
    rng = np.random.default_rng(1)
    error = BoundedError(0.2)
    return path_moments(paper_mixture(), error, PROCESS, n=65_536, steps=50, replicas=4, rng=rng, workers=workers)


def two_normals(workers: int) -> object:
    """The normals of that round alone: what a second thread can gain on this machine at this moment."""
    sizes = chunk_sizes(65_536, 10, 0, 4)

    def draw(size: int, stream: np.random.Generator) -> float:
        normals = np.empty((10, 4 * size))
        for _ in range(50):
            stream.standard_normal(out=normals)
        return float(normals[0, 0])

    return list(run_chunks(draw, sizes, np.random.default_rng(1), workers))
