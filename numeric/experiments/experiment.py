"""A whole experiment: every run of every fresh fraction, in parallel, with checkpoints; and what all runs say together."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from numeric.estimate import Estimate
from numeric.experiments.checkpoint import Checkpoints
from numeric.experiments.generation_record import GenerationRecord, Quantity
from numeric.experiments.population_record import PopulationRecord, population_records
from numeric.experiments.protocol import Protocol
from numeric.experiments.trajectory import RunState, advance
from numeric.validation import Array, integer

__all__ = ["Experiment", "Stopped", "over_runs", "run_experiment"]

Progress = Callable[[int], None]
POLL = 0.2  # seconds between two looks for Ctrl-C


class Stopped(KeyboardInterrupt):
    """An interrupt, after every run has come to the end of its generation; carries what there is."""

    def __init__(self, experiment: Experiment) -> None:
        super().__init__("interrupted")
        self.experiment = experiment


@dataclass(frozen=True, eq=False)
class Experiment:
    """What was measured.

    Attributes:
        protocol: what was asked for.
        records: by (index of the fresh fraction, run): of generations 1, 2, ...; shorter than asked for after an interrupt.
        sheets: by (index, run): (n, m, d) points of each generation.
        population: by index: the rounds of a KDE in the population limit.
    """

    protocol: Protocol
    records: dict[tuple[int, int], list[GenerationRecord]]
    sheets: dict[tuple[int, int], Array]
    population: dict[int, list[PopulationRecord]]

    @property
    def complete(self) -> bool:
        """Whether every run has all its generations."""
        return _count(self.records, self.population) == self.protocol.rounds

    def generation(self, index: int, generation: int) -> list[GenerationRecord]:
        """The records of this generation, one per run that has come so far, in order of the runs."""
        runs = range(self.protocol.runs)
        return [self.records[index, run][generation - 1] for run in runs if len(self.records[index, run]) >= generation]


def over_runs(values: list[Quantity]) -> Estimate | None:
    """The mean over independent runs with the standard error of their spread (of one run: its own); None unless all finite."""
    numbers = np.array([float(value) for value in values])
    if numbers.size == 0 or not np.all(np.isfinite(numbers)):
        return None
    if numbers.size == 1:
        only = values[0]
        return only if isinstance(only, Estimate) else Estimate(float(only), 0.0, 1)
    spread = float(np.std(numbers, ddof=1)) / math.sqrt(numbers.size)
    return Estimate(float(np.mean(numbers)), spread, int(numbers.size))


def run_experiment(
    protocol: Protocol,
    *,
    folder: Path | None = None,
    resume: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Experiment:
    """Run what is left of an experiment.

    Args:
        protocol: what to do. Every number depends on it alone: not on workers, nor on where a run was interrupted.
        folder: where checkpoints go; none are written without.
        resume: go on from the checkpoints there.
        workers: threads. Runs are shared out among them; what remains of them goes into the sums of one round.
        progress: called with the number of rounds done, first those of the checkpoints.

    Raises:
        Stopped: after Ctrl-C, with what there is. CheckpointError, ValueError: naming what was wrong.
    """
    threads = integer("workers", workers)
    if not isinstance(protocol, Protocol):
        raise TypeError(f"protocol must be a Protocol, got {type(protocol).__name__}")
    if folder is None:
        return _run(protocol, None, threads, progress)
    with Checkpoints(folder, protocol).opened(resume) as kept:
        return _run(protocol, kept, threads, progress)


def _run(protocol: Protocol, kept: Checkpoints | None, workers: int, progress: Progress | None) -> Experiment:
    tasks = [(index, run) for run in range(protocol.runs) for index in range(len(protocol.alphas))]
    records: dict[tuple[int, int], list[GenerationRecord]] = {}
    sheets: dict[tuple[int, int], Array] = {}
    for task in tasks:  # all of them before any work: a damaged one is told at once
        found = None if kept is None else kept.load(*task)
        records[task] = [] if found is None else found.records
        sheets[task] = np.empty((0, 0, protocol.dim)) if found is None else found.sheet
    population = {
        index: [] if kept is None else kept.load_population(index)
        for index in range(len(protocol.alphas) if protocol.bandwidth else 0)
    }
    counting, stop = threading.Lock(), threading.Event()
    done = _count(records, population)
    if progress is not None:
        progress(done)
    inner = max(1, workers // len(tasks))

    def count() -> None:
        nonlocal done
        with counting:
            done += 1
            if progress is not None:
                progress(done)

    def work(task: tuple[int, int]) -> None:
        state: RunState | None = RunState.begin(protocol) if kept is None else kept.load(*task).state
        while state is not None and state.generation < protocol.generations and not stop.is_set():
            state, record = advance(protocol, *task, state, workers=inner)
            if kept is not None:
                kept.save(*task, [*records[task], record], state)
            records[task].append(record)
            sheets[task] = state.sheet
            count()

    def limit(index: int) -> None:
        for record in population_records(protocol, index, len(population[index]), inner):
            if kept is not None:
                kept.save_population(index, [*population[index], record])
            population[index].append(record)
            count()
            if stop.is_set():
                return

    waiting = [task for task in tasks if len(records[task]) < protocol.generations]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            jobs = [pool.submit(limit, index) for index, found in population.items() if len(found) < protocol.generations]
            _finish([*jobs, *(pool.submit(work, task) for task in waiting)], stop)
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise Stopped(Experiment(protocol, records, sheets, population)) from None
    return Experiment(protocol, records, sheets, population)


def _count(records: Mapping[tuple[int, int], Sized], population: Mapping[int, Sized]) -> int:
    """Rounds that are done."""
    return sum(len(part) for part in records.values()) + sum(len(part) for part in population.values())


def _finish(futures: list[Future[None]], stop: threading.Event) -> None:
    """Wait for all; the first error stops the others after their generation."""
    left = set(futures)
    while left:
        finished, left = wait(left, timeout=POLL, return_when=FIRST_COMPLETED)
        for future in finished:
            problem = future.exception()
            if problem is not None:
                stop.set()
                for other in left:
                    other.cancel()
                raise problem
