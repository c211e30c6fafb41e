"""Exact instances of a claim, evaluated by the code that judges measurements.

A claim's witness and a mutant's falsifying instance are exact values. Here they become a Case, as a measured round would, and
go through ``numeric.judging.checks``: the mutant must come out VIOLATED and the claim HOLDS. Nothing is measured: the
code which reads the formulas must tell right from wrong. ``verify`` asks the same of measured cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

import theory
from numeric.judging.checks import check_case
from numeric.judging.formula import Interval
from numeric.judging.quantities import ROUNDING, Case
from numeric.judging.verdicts import BoundCheck, Verdict
from theory import symbols

__all__ = ["InstanceVerdict", "instance_case", "judge_instances"]

INDICES = (symbols.i, symbols.j, symbols.k, symbols.N)


@dataclass(frozen=True)
class InstanceVerdict:
    """What the numbers say of one version of a claim at its exact instance.

    Attributes:
        id: of the claim or mutant.
        verdict: VIOLATED if any relation is, else HOLDS if any does, else what there is; None where nothing can be formed.
        detail: the check behind the verdict, or why there is none.
    """

    id: str
    verdict: Verdict | None
    detail: str


def judge_instances(claim: theory.Claim) -> tuple[InstanceVerdict, tuple[InstanceVerdict, ...]]:
    """The claim at its witness, and each of its mutants at its falsifying instance."""
    own = claim.falsified_by if claim.expected == "false" else claim.witness
    return _judged(claim, own), tuple(_judged(mutant, mutant.falsified_by) for mutant in claim.mutants)


def _judged(claim: theory.Claim, instance: Mapping[Any, Any] | None) -> InstanceVerdict:
    if instance is None:
        return InstanceVerdict(claim.id, None, "it carries no instance")
    if all(part.has(sp.Limit) for part in theory.conjuncts(claim.statement)):
        return InstanceVerdict(claim.id, None, "a limit, which no finite case decides")
    checks = check_case(instance_case(instance), (replace(claim, numeric_side=True),))
    order = (Verdict.VIOLATED, Verdict.HOLDS, Verdict.INCONCLUSIVE, Verdict.ASSUMPTION_FAILS)
    found: BoundCheck | None = min(checks, key=lambda check: order.index(check.verdict), default=None)
    if found is None:
        missing = sorted(claim.measured - set(instance_case(instance).quantities))
        said = f"its instance gives no number to {', '.join(missing)}" if missing else "no relation of it can be formed"
        return InstanceVerdict(claim.id, None, said)
    return InstanceVerdict(claim.id, found.verdict, found.detail)


def instance_case(instance: Mapping[Any, Any]) -> Case:
    """An exact instance as named intervals.

    Symbols become numbers and indexed quantities arrays, with the rounding that exact measurements are granted. Functions of
    the sample point are what the proofs speak of and no measurement gives; they are left out, and so are whole sequences
    (``Lambda``) and tables that are not rectangular.
    """
    found: dict[str, Interval] = {}
    for key, value in instance.items():
        if isinstance(key, sp.Symbol) and key not in INDICES and not isinstance(value, sp.Lambda):
            found[key.name] = _interval(value)
        elif isinstance(key, sp.IndexedBase) and isinstance(value, (tuple, list)) and _rectangular(value):
            found[str(key.label)] = _interval(value)
    return Case(found, rounds=int(instance.get(symbols.N, 0)))


def _interval(value: Any) -> Interval:
    """A number or a table of numbers: rounded as a measurement would be, exact where floats are."""
    exact = np.array(_nested(value), dtype=object)
    middle = np.array([float(entry) for entry in exact.ravel()]).reshape(exact.shape)
    rounded = [sp.Rational(near) != entry for near, entry in zip(middle.ravel().tolist(), exact.ravel(), strict=True)]
    return Interval.around(middle, ROUNDING * np.abs(middle) * np.array(rounded, dtype=np.float64).reshape(exact.shape))


def _nested(value: Any) -> Any:
    return [_nested(entry) for entry in value] if isinstance(value, (tuple, list)) else sp.sympify(value)


def _rectangular(value: Any) -> bool:
    """Whether nested tuples have equal lengths throughout."""
    if not isinstance(value, (tuple, list)):
        return True
    inner = [len(entry) if isinstance(entry, (tuple, list)) else -1 for entry in value]
    return len(set(inner)) <= 1 and all(_rectangular(entry) for entry in value)
