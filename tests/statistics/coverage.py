"""Where the truth lies in the intervals of many independent runs, and how often it may lie outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from numeric.judging.formula import Interval
from numeric.validation import Array
from tests._tally import tally

ONCE = 1e-6  # chance that intervals which keep their level are rejected, per quantity, side and level
LEVELS = (0.95, 0.999)


@dataclass(frozen=True)
class Coverage:
    """Intervals of one quantity at one level, over independent runs.

    Attributes:
        name: the quantity, and where it was measured.
        level: nominal; ``sides`` share what it leaves.
        runs: how many; ``silent`` of them gave no interval that a verdict may rest on, and those never count as a miss.
        above, below: runs whose whole interval lay above, and below, the truth.
    """

    name: str
    level: float
    runs: int
    silent: int
    above: int
    below: int
    sides: int = 2

    @staticmethod
    def of(name: str, truth: float, level: float, ends: Array, silent: Array | None = None, sides: int = 2) -> Coverage:
        """From ``ends`` (runs, 2)."""
        quiet = np.zeros(ends.shape[0], dtype=bool) if silent is None else np.asarray(silent, dtype=bool)
        above, below = (truth < ends[:, 0]) & ~quiet, (truth > ends[:, 1]) & ~quiet
        return Coverage(name, level, ends.shape[0], int(quiet.sum()), int(above.sum()), int(below.sum()), sides)

    @property
    def worst(self) -> int:
        """Misses on the worse side."""
        return max(self.above, self.below)

    @property
    def allowed(self) -> int:
        """The most misses on one side that intervals of this level produce, but for once in a million."""
        return int(stats.binom.isf(ONCE, self.runs, (1.0 - self.level) / self.sides))

    @property
    def kept(self) -> bool:
        """Whether the misses are within binomial error of what the level allows."""
        return self.worst <= self.allowed

    def __str__(self) -> str:
        share = 100.0 / self.runs
        return (
            f"{self.name:48} {100 * self.level:6.1f} %  above {self.above * share:6.2f} %  below {self.below * share:6.2f} %  "
            f"nominal {100 * (1 - self.level) / self.sides:5.2f} %  silent {self.silent * share:5.1f} %  of {self.runs}"
        )


def intervals(found: Sequence[Interval | None]) -> tuple[Array, Array]:
    """The ends (runs, 2) of measured numbers, and in which runs no verdict may rest on them."""
    everything = Interval(np.asarray(-np.inf), np.asarray(np.inf), True, "not measured")
    given = [everything if one is None else one for one in found]
    return np.array([[float(one.low), float(one.high)] for one in given]), np.array([bool(one.doubt) for one in given])


def quartered(ends: Array) -> Array:
    """The wrong twin: intervals a quarter as wide about the same middle."""
    middle = ends.mean(axis=1, keepdims=True)
    return np.asarray(middle + 0.25 * (ends - middle))


def assert_kept(section: str, found: Iterable[Coverage]) -> None:
    """Print every line, count it, and refuse the ones that miss too often."""
    table = list(found)
    for one in table:
        print(one)
        tally(
            "coverage of intervals",
            f"{section}: {one.name} at {one.level:g}",
            level=one.level,
            runs=one.runs,
            silent=one.silent,
            above=one.above,
            below=one.below,
            allowed=one.allowed,
        )
    worst = max(table, key=lambda one: one.worst / one.runs / (1.0 - one.level))
    print(f"worst one-sided miss: {worst}")
    broken = [str(one) for one in table if not one.kept]
    assert not broken, "\n" + "\n".join(broken)
