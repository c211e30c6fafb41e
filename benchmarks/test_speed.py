"""Speed of the main routes: ``python -m pytest benchmarks`` (extra ``bench``).

``extra_info`` holds CPU time over the floor of drawing the normals (``measure.py``); the table in README.md is made by
``table.py``. Imports are inside the benchmarks, so that one broken route does not hide the others.
"""

from __future__ import annotations

import math

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS = 5
KERNELS = 8


def record(benchmark: BenchmarkFixture, kind: str, index: int) -> float:
    """Run one work of a list in ``cases``; its CPU time per unit over the floor goes into the report."""
    from benchmarks import cases
    from benchmarks.measure import measure

    work = getattr(cases, kind)()[index]
    benchmark.pedantic(work.run, rounds=ROUNDS, warmup_rounds=1)
    [figure] = measure([work], ROUNDS)
    benchmark.extra_info.update(work=work.name, per=work.unit, nanoseconds=figure.nanoseconds, over_floor=figure.ratio)
    return figure.ratio


@pytest.mark.parametrize("index", range(KERNELS))
def test_path_kernel(benchmark: BenchmarkFixture, index: int) -> None:
    """One path-step with energy and log-weight, for every kind of score and error."""
    assert record(benchmark, "kernel_works", index) > 1.0  # it draws the floor's normals itself


@pytest.mark.parametrize("index", range(2))
def test_round(benchmark: BenchmarkFixture, index: int) -> None:
    """The ideal side of a simulated round, and the reverse simulation."""
    assert record(benchmark, "round_works", index) > 1.0


@pytest.mark.parametrize("index", range(2))
def test_kernel_density_estimate(benchmark: BenchmarkFixture, index: int) -> None:
    """Score and generation of a kernel density estimate."""
    assert record(benchmark, "kde_works", index) > 0.0


@pytest.mark.parametrize("rival", ["numpy", "torch", "numba", "jax", "torchsde", "diffrax"])
def test_other_frameworks(benchmark: BenchmarkFixture, rival: str) -> None:
    """The same mixture + tanh by hand, where its package is installed; an absent one is recorded as such."""
    from benchmarks.measure import measure
    from benchmarks.rivals import RIVALS

    try:
        work = RIVALS[rival]()
    except ImportError as missing:
        benchmark.pedantic(lambda: None)
        benchmark.extra_info["missing"] = str(missing)
        return
    benchmark.pedantic(work.run, rounds=2)
    [figure] = measure([work], 2)
    benchmark.extra_info.update(work=work.name, nanoseconds=figure.nanoseconds, over_floor=figure.ratio)
    assert figure.ratio > 1.0


def test_two_workers(benchmark: BenchmarkFixture) -> None:
    """Two threads on the paper mixture."""
    from benchmarks.cases import two_workers
    from benchmarks.measure import wall_ratio

    benchmark.pedantic(lambda: two_workers(2), rounds=3, warmup_rounds=1)
    benchmark.extra_info["times_as_fast_as_one"] = wall_ratio(lambda: two_workers(1), lambda: two_workers(2), 3)


def test_simulate_generation_on_the_paper_mixture(benchmark: BenchmarkFixture) -> None:
    """A tenth of the endpoints that bring the relative standard error of chi2 below 2.5 %."""
    from numeric.estimate import Estimate
    from numeric.generations.errors import BoundedError
    from numeric.generations.simulate_generation import simulate_generation
    from numeric.laws.targets import paper_mixture

    def run() -> object:
        generation = simulate_generation(paper_mixture(), BoundedError(0.2), n=4_000, steps=50, replicas=8, rng=1, workers=2)
        return generation.chi2

    chi2 = benchmark.pedantic(run, rounds=3, warmup_rounds=1)
    assert isinstance(chi2, Estimate)


def test_exact_recursion_over_200_generations(benchmark: BenchmarkFixture) -> None:
    """Equal components merge, so that a constant channel costs milliseconds."""
    from numeric.laws.channels import Channel
    from numeric.laws.targets import Gaussian
    from numeric.recursions.exact_recursion import exact_recursion

    def run() -> float:
        channel = Channel(gain=0.95, noise=0.04)
        return float(exact_recursion(Gaussian(0.5, 1.0), channel, 0.3, 200).divergence[-1])

    assert math.isfinite(benchmark(run))


def test_fokker_planck_solve(benchmark: BenchmarkFixture) -> None:
    """The deterministic truth for one 1-D mixture, refined until its own error bound is met."""
    from numeric.generations.errors import BoundedError
    from numeric.generations.exact_generation import exact_generation
    from numeric.laws.targets import GaussianMixture

    target = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])

    def run() -> object:
        return exact_generation(target, BoundedError(0.3)).chi2

    chi2 = benchmark.pedantic(run, rounds=3)
    assert isinstance(chi2, float)
    assert math.isclose(chi2, 0.108290083, rel_tol=1e-7)


def test_perfect_score_reverse_simulation(benchmark: BenchmarkFixture) -> None:
    """500 uniform Euler-Maruyama steps of the paper's protocol."""
    from numeric.generations.reverse import reverse_samples
    from numeric.laws.process import OU
    from numeric.laws.targets import paper_mixture

    def run() -> tuple[int, ...]:
        return reverse_samples(paper_mixture(), OU(), 2_000, 500, rng=1, method="euler").shape

    assert benchmark.pedantic(run, rounds=2) == (2_000, 10)
