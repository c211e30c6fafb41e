"""Every public estimator passes its checks, and a wrong version of it is rejected by the same checks."""

from __future__ import annotations

import inspect
from functools import cache

import pytest

import numeric
from tests._tally import tally
from tests.controls import chains, distances, measurements, rounds
from tests.controls.control import Check, Control, Estimator

CONTROLS: list[Control] = [*distances.CONTROLS, *rounds.CONTROLS, *chains.CONTROLS, *measurements.CONTROLS]

NO_ESTIMATORS = {
    "arguments: makes a law, a channel, a process or a schedule": (
        "paper_mixture",
        "mix",
        "early_stopping",
        "kde",
        "mean_shift",
        "vp",
        "vp_linear",
        "vp_cosine",
        "edm",
        "karras_sigmas",
        "flow",
    ),
    "judges: its controls are the mutants of the claims": (
        "check_generation",
        "check_recursion",
        "check_refits",
        "check_measurements",
        "check_samples",
        "evaluate_assumptions",
        "refutation",
    ),
    "plans: arithmetic on bounds that are claims, each tested against recursions": (
        "plan_fresh_fraction",
        "plan_schedule",
        "plan_sample_size",
        "sampling_energy",
        "drift_ceiling",
        "drift_floor",
        "largest_energy",
        "frontier",
        "effective_memory",
        "forgetting_time",
    ),
    "constants of claims": (
        "explicit_constants",
        "bounded_moment_constants",
        "bounded_constants",
        "deterministic_constants",
    ),
    "words: says why a number is infinite": ("chi2_infinite_reason",),
}
"""Public functions that measure nothing, with the reason."""


@cache
def passes(check: Check, estimator: Estimator) -> bool:
    """Once for all the mistakes that a check must see."""
    return check(estimator)


def accepted(control: Control, estimator: Estimator) -> bool:
    """Whether the twin gets through: neither refused by the estimator itself nor rejected by the check."""
    try:
        return control.check(control.twin(estimator))
    except ValueError:
        return False


def name_of(control: Control) -> str:
    return f"{control.estimator}: {control.mistake}"


@pytest.mark.parametrize("control", CONTROLS, ids=name_of)
def test_the_estimator_passes_and_its_wrong_twin_does_not(control: Control) -> None:
    estimator = getattr(numeric, control.estimator)
    assert passes(control.check, estimator)
    assert not accepted(control, estimator)
    tally("mutants of estimators", name_of(control), tried=1, killed=1)


def test_every_public_function_has_a_control_or_a_reason() -> None:
    functions = {name for name in numeric.__all__ if inspect.isfunction(getattr(numeric, name))}
    measured = {control.estimator for control in CONTROLS}
    excused = [name for names in NO_ESTIMATORS.values() for name in names]
    assert measured <= functions
    assert len(excused) == len(set(excused))
    assert measured.isdisjoint(excused)
    assert functions == measured | set(excused)


def test_no_mistake_is_listed_twice() -> None:
    names = [name_of(control) for control in CONTROLS]
    assert len(names) == len(set(names))
