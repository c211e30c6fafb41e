"""The loop of every fuzz test: draw, try, count, and stop at the first call that ends badly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests._tally import tally

T = TypeVar("T")


def fuzz(name: str, cases: st.SearchStrategy[T], attempt: Callable[[T], Iterable[str]], examples: int) -> None:
    """Try ``examples`` cases, and tally the calls under ``name`` unless that is empty.

    Args:
        attempt: makes the calls of one case, and gives for each what is wrong with how it ended; "" where nothing is.
    """
    count = failed = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def tried(case: T) -> None:
        nonlocal count, failed
        for problem in attempt(case):
            count += 1
            failed += bool(problem)
            if problem:
                pytest.fail(problem, pytrace=False)

    try:
        tried()
    finally:
        if name:
            tally("hostile", name, calls=count, failures=failed)
