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
from numeric.validation import Domain, real

__all__ = ["DATA_GENERATIONS", "SuiteCase", "data_cases", "old_faithful", "standardised", "statistical_part", "suite"]

SHARE = Domain(0.0, 1.0, True)


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


def statistical_part(draws: float = 1.0, workers: int = 1) -> list[SuiteCase]:
    """The simulated cases of the quick suite, the only ones that a seed can make fail, in about five seconds.

    Args:
        draws: share of the draws of every case, in (0, 1]; labels and purposes stay the same.
        workers: threads of the paper's case.
    """
    share = real("draws", draws, SHARE)
    cases = [
        *gaussian_cases(0, share),
        *mixture_cases(0, share),
        *paper_cases(max(round(4_000 * share), 2), workers),
        *finite_sample_cases(share),
        *data_cases(old_faithful(), "Old Faithful", components=2, draws=share),
    ]
    return [case for case in cases if case.simulated]
