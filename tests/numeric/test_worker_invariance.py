"""Every simulator gives the same bits for any number of workers: five chunks and a piece, finished in any order."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from itertools import count
from typing import Any

import numpy as np
import pytest

import numeric
from numeric import (
    OU,
    BoundedError,
    Gaussian,
    GaussianMixture,
    fit_energy,
    simulate_generation,
    simulate_recursion,
    simulate_refits,
    simulate_weighted_means,
)
from numeric.experiments import drift, literal_reverse, mixture_fit, population, round_energies
from numeric.experiments.experiment import run_experiment
from numeric.experiments.protocol import Protocol
from numeric.fits import fit_energy as fit_energy_module
from numeric.fits import refits, weighted_means
from numeric.generations import chunks, reverse
from numeric.laws import kernel_sums
from numeric.laws.blend import Blend
from numeric.laws.kernel_mixture import KernelMixture

LINE, SPACE = Gaussian(0.0, 1.0), Gaussian(np.zeros(3), 1.0)
MODES = GaussianMixture([0.3, 0.7], [[-2.0], [1.0]], [0.4, 0.5])
KERNELS = KernelMixture(LINE.sample(40, rng=1), 0.3)
POINTS = LINE.sample(53, rng=2)
KDE = Protocol(
    "line", LINE, "kde", (0.2, 0.6), 1, 60, 3, bandwidth=0.4, queries=32, drift_queries=32, frequencies=4, observed=4, nodes=2
)


def blend() -> Blend:
    return Blend([0.4, 0.6], [LINE, KERNELS])


# name -> (the size of a chunk as (module, constant, value), a run with so many workers); n is no multiple of a chunk anywhere
Case = tuple[tuple[Any, str, int] | None, Callable[[int], Any]]
CASES: dict[str, Case] = {
    "simulate_generation": (
        (chunks, "MOST", 10),
        lambda workers: simulate_generation(LINE, BoundedError(0.4), n=53, steps=4, rng=3, workers=workers),
    ),
    "reverse_samples": (
        (chunks, "MOST", 10),
        lambda workers: reverse.reverse_samples(LINE, OU(), 53, 3, rng=3, workers=workers),
    ),
    "simulate_recursion": (
        ("numeric.recursions.simulate_recursion", "BATCHES", 7),
        lambda workers: simulate_recursion(SPACE, "kde", 0.4, 2, n=20, bandwidth=0.5, rng=3, evaluation=500, workers=workers),
    ),
    "simulate_refits, points": (
        (refits, "ENTRIES", 100),
        lambda workers: simulate_refits(LINE, 0.5, 2, n=10, runs=53, rng=3, workers=workers),
    ),
    "simulate_refits, moments": (
        (refits, "ENTRIES", 80),
        lambda workers: simulate_refits(LINE, 0.5, 2, n=10, runs=53, rng=3, route="moments", workers=workers),
    ),
    "fit_energy": (
        (fit_energy_module, "ENTRIES", 100),
        lambda workers: fit_energy(LINE, OU(), n=10, fits=53, rng=3, workers=workers),
    ),
    "simulate_weighted_means": (
        (weighted_means, "BLOCK", 80),
        lambda workers: simulate_weighted_means(0.5, n=4, runs=53, rng=3, workers=workers),
    ),
    "KernelMixture.logpdf": ((kernel_sums, "ROWS", 10), lambda workers: KERNELS.logpdf(POINTS, workers)),
    "KernelMixture.score": ((kernel_sums, "ROWS", 10), lambda workers: KERNELS.score(POINTS, workers)),
    "KernelMixture.logpdf_and_score": ((kernel_sums, "ROWS", 10), lambda workers: KERNELS.logpdf_and_score(POINTS, workers)),
    "KernelMixture.noised_logpdf": (
        (kernel_sums, "ROWS", 10),
        lambda workers: KERNELS.noised_logpdf(POINTS, np.linspace(0.0, 3.0, 53), workers),
    ),
    "KernelMixture.noised_logpdf_and_score": (
        (kernel_sums, "ROWS", 10),
        lambda workers: KERNELS.noised_logpdf_and_score(POINTS, np.linspace(0.0, 3.0, 53), workers),
    ),
    "Blend.logpdf": ((kernel_sums, "ROWS", 10), lambda workers: blend().logpdf(POINTS, workers)),
    "Blend.score": ((kernel_sums, "ROWS", 10), lambda workers: blend().score(POINTS, workers)),
    "fit_mixture": (
        (mixture_fit, "ROWS", 10),
        lambda workers: mixture_fit.fit_mixture(MODES.sample(53, rng=4), 2, rng=3, workers=workers),
    ),
    "measure_round": (
        (kernel_sums, "ROWS", 10),
        lambda workers: round_energies.measure_round(
            blend(), KERNELS, OU(), queries=53, rng=3, observed=5, nodes=2, workers=workers
        ).to_dict(),
    ),
    "measure_divergences": (
        (kernel_sums, "ROWS", 10),
        lambda workers: drift.measure_divergences(KERNELS, LINE, queries=53, rng=np.random.default_rng(3), workers=workers),
    ),
    "literal_samples": (
        (kernel_sums, "ROWS", 10),
        lambda workers: literal_reverse.literal_samples(KERNELS, OU(), 53, 3, rng=3, workers=workers),
    ),
    "population_rounds": (
        None,  # laws of few components, which no thread shares: the same call all the same
        lambda workers: [
            (one.divergence, one.within)
            for one in population.population_rounds(LINE, 0.4, OU(), 0.5, 2, queries=64, rng=3, nodes=2, workers=workers)
        ],
    ),
    "run_experiment": (None, lambda workers: run_experiment(KDE, workers=workers)),  # a run is a chunk: six of them
}
# called by those above with the same workers, or no simulators
INNER = {
    *("reverse_paths", "reverse_chunks", "path_moments", "advance", "fit_model", "population_records", "noised_logpdf"),
    *("noised_logpdf_and_score", "measure_smoothing", "log_chi2", "checked_sizes", "KernelSums.logpdf"),
    *("KernelSums.logpdf_and_score", "suite", "statistical_part", "paper_cases"),
}


def numbers(result: Any) -> list[bytes]:
    """Every number of a result, to the bit."""
    if isinstance(result, (tuple, list)):
        return [part for entry in result for part in numbers(entry)]
    if isinstance(result, dict):
        return [part for key in sorted(result, key=repr) for part in (repr(key).encode(), *numbers(result[key]))]
    if hasattr(result, "to_dict"):
        return numbers(result.to_dict())
    if isinstance(result, np.ndarray):
        return [result.tobytes()]
    if is_dataclass(result):
        return numbers([getattr(result, field.name) for field in fields(result)])
    return [repr(result).encode()] if isinstance(result, (str, int, float)) else []


@pytest.fixture
def scrambled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Jobs end in another order than they began in; returns the numbers of those that were handed to threads."""
    begun: list[int] = []
    number, submit = count(), ThreadPoolExecutor.submit

    def late(pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        begun.append(place := next(number))

        def job() -> Any:
            time.sleep((0.002, 0.0, 0.001)[place % 3])
            return function(*args, **kwargs)

        return submit(pool, job)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", late)
    return begun


def same(run: Callable[[int], Any]) -> bool:
    """Whether 1, 2 and 5 workers give the same numbers, some of which there must be."""
    alone = numbers(run(1))
    assert sum(map(len, alone)) > 8
    return all(numbers(run(workers)) == alone for workers in (2, 5))


@pytest.mark.parametrize("name", CASES)
def test_any_number_of_workers_gives_the_same_bits(name: str, scrambled: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    chunk, run = CASES[name]
    if chunk is not None:
        place, constant, size = chunk
        module = importlib.import_module(place) if isinstance(place, str) else place
        assert hasattr(module, constant)
        monkeypatch.setattr(module, constant, size)
    run(5)
    if chunk is not None or name == "run_experiment":
        assert len(scrambled) > 5
    assert same(run)


def test_a_stream_that_threads_share_would_be_found(scrambled: list[int]) -> None:
    def simulate(workers: int) -> np.ndarray[Any, Any]:
        stream = np.random.default_rng(3)
        with ThreadPoolExecutor(workers) as pool:
            return np.concatenate(list(pool.map(lambda size: stream.standard_normal(size), [10] * 5 + [3])))

    assert not same(simulate)


def test_sums_in_the_order_of_arrival_would_be_found(scrambled: list[int]) -> None:
    def simulate(workers: int) -> list[float]:
        arrived: list[float] = []
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(arrived.append, np.random.default_rng(3).standard_normal(6).tolist()))
        return arrived

    assert not same(simulate)


def test_no_function_that_takes_workers_is_left_out() -> None:
    known = {name.partition(",")[0] for name in CASES} | INNER
    found = set()
    for info in pkgutil.walk_packages(numeric.__path__, "numeric."):
        if info.name.startswith(("numeric.command.verbs", "numeric.plots", "numeric.strategies")):
            continue
        module = importlib.import_module(info.name)
        for owner, space in [("", module), *((f"{name}.", one) for name, one in vars(module).items() if isinstance(one, type))]:
            for name, function in vars(space).items():
                own = inspect.isfunction(function) and function.__module__ == info.name and not name.startswith("_")
                if own and "workers" in inspect.signature(function).parameters:
                    found.add(owner + name)
    assert found == known
