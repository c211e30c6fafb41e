"""Speed of the main routes: ``pytest benchmarks`` (extra ``bench``). Nothing is asserted but that the work was done.

Imports are inside the benchmarks, so that one broken route does not hide the others.
"""

from __future__ import annotations

import math

from pytest_benchmark.fixture import BenchmarkFixture


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
