"""CPU time against the lower limit of any simulation: drawing the normals. Both are measured in turns, in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["Figure", "Work", "cpu_ratio", "measure", "wall_ratio"]


@dataclass(frozen=True)
class Work:
    """Something to measure.

    Attributes:
        name: what it is.
        run: does it once.
        units: what one ``run`` counts as, in path-steps unless ``unit`` says otherwise.
        shape: (d, n) of the array of normals that one path-step of n paths needs, the shape in which the floor draws them.
        unit: what is counted.
    """

    name: str
    run: Callable[[], object]
    units: int
    shape: tuple[int, int] = (10, 4096)
    unit: str = "path-step"


@dataclass(frozen=True)
class Figure:
    """Medians over rounds: nanoseconds of CPU (all threads) per unit and per path-step of the floor, and of their ratio."""

    name: str
    unit: str
    nanoseconds: float
    floor: float
    ratio: float


def floor_nanoseconds(shape: tuple[int, int], steps: int = 50) -> float:
    """CPU nanoseconds per path-step of nothing but SFC64 normals, the fastest that NumPy draws."""
    stream, out = np.random.Generator(np.random.SFC64(1)), np.empty(shape)
    start = time.process_time_ns()
    for _ in range(steps):
        stream.standard_normal(out=out)
    return (time.process_time_ns() - start) / (steps * shape[1])


def cpu_ratio(work: Work) -> tuple[float, float]:
    """CPU nanoseconds per unit, and those of the floor measured just before and just after."""
    before = floor_nanoseconds(work.shape)
    start = time.process_time_ns()
    work.run()
    spent = (time.process_time_ns() - start) / work.units
    return spent, 0.5 * (before + floor_nanoseconds(work.shape))


def measure(works: list[Work], rounds: int) -> list[Figure]:
    """All works in turns, ``rounds`` times, after one turn that is not counted."""
    seen: dict[str, list[tuple[float, float]]] = {work.name: [] for work in works}
    for turn in range(rounds + 1):
        for work in works:
            pair = cpu_ratio(work)
            if turn:
                seen[work.name].append(pair)
    figures = []
    for work in works:
        spent, floor = zip(*seen[work.name], strict=True)
        ratio = statistics.median(a / b for a, b in seen[work.name])
        figures.append(Figure(work.name, work.unit, statistics.median(spent), statistics.median(floor), ratio))
    return figures


def wall_ratio(one: Callable[[], object], two: Callable[[], object], rounds: int) -> float:
    """Median over rounds of the wall time of ``one`` over that of ``two``, run in turns."""
    ratios = []
    for _ in range(rounds):
        times = []
        for run in (one, two):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        ratios.append(times[0] / times[1])
    return statistics.median(ratios)
