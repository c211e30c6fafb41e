"""How properties draw their cases: seeds, numbers of cases by profile, and the search that a wrong twin must not survive."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from tests._tally import tally

__all__ = ["FALSE_ALARM", "SCALE", "confidence", "drawn", "rejected"]

T = TypeVar("T")
Property = Callable[[T], None]

SCALE: Final = 20 if os.environ["HYPOTHESIS_PROFILE"] == "thorough" else 1  # thorough draws that many times the cases
FALSE_ALARM: Final = 1e-6  # that any statistical property of one whole run fails though all is well
SHARES: Final = 10  # statistical properties that share it
PHASES: Final = (Phase.generate, Phase.shrink)  # not explain, whose notes would be about lines of this library
HEALTH: Final = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def drawn(strategy: SearchStrategy[T], check: Property[T], *, examples: int) -> int:
    """Run ``check`` on ``examples`` cases (20 times as many when thorough); returns how many were drawn.

    A failure raises what the simplest failing case raised, with that case in its notes.
    """
    count = 0

    def run(case: Any) -> None:
        nonlocal count
        count += 1
        check(case)

    name = getattr(check, "__qualname__", repr(check))
    chosen = settings(max_examples=examples * SCALE, suppress_health_check=HEALTH, database=None, phases=PHASES)
    seed(_seed(name))(chosen(given(case=strategy)(run)))()
    tally("properties", name, cases=count)
    return count


class Found(BaseException):
    """Leaves hypothesis at once: a case need be found, not shrunk and replayed."""

    def __init__(self, case: Any) -> None:
        super().__init__()
        self.case = case


def rejected(strategy: SearchStrategy[T], check: Property[T], *, examples: int = 2000) -> T:
    """A drawn case on which ``check`` fails: a wrong version of a property must have one within ``examples``.

    Only AssertionError counts as a failure: a twin that breaks has not been refuted. The search ends at the first, so that
    ``examples`` cost nothing where it is near.
    """

    def run(case: Any) -> None:
        try:
            check(case)
        except AssertionError:
            raise Found(case) from None

    name = getattr(check, "__qualname__", repr(check))
    chosen = settings(max_examples=examples, suppress_health_check=HEALTH, database=None, phases=(Phase.generate,))
    try:
        seed(_seed(name))(chosen(given(case=strategy)(run)))()
    except Found as found:
        case: T = found.case
        return case
    raise NoSuchExample(f"{name} holds on {examples} cases, but it is wrong and must be rejected")


def confidence(examples: int) -> float:
    """The level of one case of a statistical property, so that all cases of all of them fail once in a million runs."""
    return 1.0 - FALSE_ALARM / (SHARES * SCALE * examples)


def _seed(name: str) -> int:
    """One stream per property."""
    return zlib.crc32(f"{os.environ['HYPOTHESIS_SEED']} {name}".encode())
