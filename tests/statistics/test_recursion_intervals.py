"""The intervals of recursions whose drift is measured by Monte Carlo, on models whose exact drift is known.

The squares of the shifts are the energies of the grid.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pytest

from numeric import Recursion
from numeric.judging.formula import Interval
from numeric.judging.quantities import recursion_case
from numeric.validation import Array
from tests.statistics.coverage import LEVELS, Coverage, assert_kept, intervals, quartered
from tests.statistics.known_drift import ROUNDS, measured_recursion

GRID = [(energy, alpha) for energy in (0.05, 0.5, 1.5) for alpha in (0.1, 0.9)]
ENTRIES: dict[str, tuple[int, ...]] = {
    "divergence": (ROUNDS,),
    "mixed": (ROUNDS - 1,),
    "innovation": (ROUNDS - 1,),
    "intra": (ROUNDS - 1,),
    "gram": (0, ROUNDS - 1),
    "discounted_sum": (ROUNDS,),
}


def entries(found: Recursion, level: float) -> dict[str, Interval]:
    """Numbers at exactly this level each, as ``check_recursion`` sees them at a level shared by all."""
    noisy = sum(int(np.count_nonzero(errors)) for errors in found.stderr.values())
    case = recursion_case(found, 1.0 - (1.0 - level) * noisy)
    whole = {name: case(name) for name in ENTRIES}
    return {
        name: Interval(one.low[ENTRIES[name]], one.high[ENTRIES[name]], one.noisy, one.doubt) for name, one in whole.items()
    }


@lru_cache(maxsize=1)
def simulated(energy: float, alpha: float, runs: int) -> list[Recursion]:
    streams = np.random.default_rng([int(100 * energy), int(10 * alpha)]).spawn(runs)
    return [measured_recursion(energy, alpha, stream) for stream in streams]


def covered(energy: float, alpha: float, runs: int, change: Callable[[Array], Array] = np.asarray) -> list[Coverage]:
    """Every entry of ``runs`` recursions; ``change`` makes other intervals of these."""
    exact = recursion_case(measured_recursion(energy, alpha, np.random.default_rng(0), exact=True), 0.95)
    found = simulated(energy, alpha, runs)
    assert {one.method for one in found} == {"Monte Carlo"}
    out = []
    for level in LEVELS:
        rows = [entries(one, level) for one in found]
        for name, place in ENTRIES.items():
            ends, silent = intervals([row[name] for row in rows])
            truth = float(exact(name).middle[place])
            out.append(Coverage.of(f"delta² {energy} alpha {alpha} {name}", truth, level, change(ends), silent))
    return out


def expect_voices(energy: float, found: list[Coverage]) -> None:
    """Where the weights are light, drift speaks in 99 runs of 100. Innovations need not: few nodes carry a difference."""
    for one in found:
        if energy == 0.05 and one.name.split()[-1] in ("divergence", "mixed", "intra"):
            assert one.silent <= 0.01 * one.runs, str(one)


def test_intervals_of_a_recursion_keep_their_level_and_a_quarter_of_them_would_not() -> None:
    found = covered(0.05, 0.9, runs=40)
    assert_kept("recursion", found)
    expect_voices(0.05, found)
    quarters = covered(0.05, 0.9, runs=60, change=quartered)
    assert not any(one.kept for one in quarters if one.level == LEVELS[0] and one.name.split()[-1] == "divergence")


@pytest.mark.thorough
@pytest.mark.parametrize(("energy", "alpha"), GRID)
def test_intervals_of_a_recursion_keep_their_level_on_the_grid(energy: float, alpha: float) -> None:
    found = covered(energy, alpha, runs=2000)
    assert_kept("recursion", found)
    expect_voices(energy, found)
