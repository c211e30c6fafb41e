"""The cases that ``driftbound verify`` runs: targets, errors and recursions on which every claim is held to numbers.

Each case says why it is there. Claims are informative only where their bound is near the truth, and mutants die only where
the true claim is tight; so beside random cases there are the extremal ones.
"""

from __future__ import annotations

from numeric.command.suite.case import SuiteCase
from numeric.command.suite.finite_samples import finite_sample_cases
from numeric.command.suite.limit_law import limit_cases
from numeric.command.suite.many_rounds import recursion_cases
from numeric.command.suite.one_round import gaussian_cases, mixture_cases, paper_cases
from numeric.command.suite.real_data import DATA_GENERATIONS, data_cases, old_faithful, standardised

__all__ = ["DATA_GENERATIONS", "SuiteCase", "data_cases", "old_faithful", "standardised", "suite"]


def suite(size: str, workers: int = 1) -> list[SuiteCase]:
    """All cases, in reading order. ``size``: "quick", "default" or "full"."""
    scale = {"quick": 0, "default": 1, "full": 2}[size]
    cases = [
        *gaussian_cases(4 + 4 * scale),
        *mixture_cases((1, 3, 8)[scale]),
        *paper_cases((4_000, 40_000, 100_000)[scale], workers),
    ]
    cases += recursion_cases()
    cases += limit_cases()
    cases += finite_sample_cases()
    cases += data_cases(old_faithful(), "Old Faithful", components=2)
    return cases
