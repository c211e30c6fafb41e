"""What a control of an estimator is: a check that the estimator passes, and a wrong twin that the same check must reject."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import numpy as np
import pytest

Estimator = Callable[..., Any]
Check = Callable[[Estimator], bool]

SIGMAS = 5.5  # standard errors: a handful of comparisons fails less than once in a million


@dataclass(frozen=True)
class Control:
    """A mistake that could be made, and the check that sees it.

    Attributes:
        estimator: public name in ``numeric``.
        mistake: what the twin does wrong, in a few words.
        check: takes the estimator, or its twin, and says whether it measures what it should.
        twin: makes the wrong estimator of the right one.
    """

    estimator: str
    mistake: str
    check: Check
    twin: Callable[[Estimator], Estimator]


def result(change: Callable[[Any], Any]) -> Callable[[Estimator], Estimator]:
    """A twin whose result is changed."""

    def twin(estimator: Estimator) -> Estimator:
        return wraps(estimator)(lambda *args, **named: change(estimator(*args, **named)))

    return twin


def swapped(estimator: Estimator) -> Estimator:
    """A twin that takes its first two arguments in the wrong order."""
    return wraps(estimator)(lambda one, two, *args, **named: estimator(two, one, *args, **named))


def patched(module: str, name: str, wrong: Callable[[Any], Any]) -> Callable[[Estimator], Estimator]:
    """A twin in which ``name`` of ``module`` (or ``Class.name``) is replaced by ``wrong`` of itself, during its calls only."""

    def twin(estimator: Estimator) -> Estimator:
        @wraps(estimator)
        def call(*args: Any, **named: Any) -> Any:
            owner: Any = importlib.import_module(module)
            *path, last = name.split(".")
            for part in path:
                owner = getattr(owner, part)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(owner, last, wrong(getattr(owner, last)))
                return estimator(*args, **named)

        return call

    return twin


def close(value: float, truth: float, rel: float = 1e-6) -> bool:
    return bool(abs(float(value) - truth) <= rel * abs(truth))


def within(values: np.ndarray, truth: float) -> bool:
    """Whether independent estimates of one number average to it."""
    return bool(abs(values.mean() - truth) <= SIGMAS * values.std(ddof=1) / np.sqrt(values.size))
