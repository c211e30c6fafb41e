"""What a case of the suite is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from numeric.generations.generation import Generation
from numeric.judging.refit_quantities import FiniteSample
from numeric.recursions.recursion import Recursion

__all__ = ["Result", "SuiteCase"]

Result: TypeAlias = Generation | Recursion | FiniteSample


@dataclass(frozen=True)
class SuiteCase:
    """One case: ``build`` computes it from its own random stream."""

    group: str  # "gaussian", "mixture", "paper", "recursion", "samples" or "data"
    label: str
    purpose: str
    build: Callable[[np.random.Generator], Result]
    simulated: bool = False
