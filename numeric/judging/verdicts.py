"""Verdicts: what one relation says on one case, decided from intervals alone."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import sympy as sp

from numeric.judging.formula import Interval

__all__ = ["BoundCheck", "Decision", "Verdict", "decide", "everywhere"]

WIDE = 0.25  # an equality whose interval is wider than this share of its value decides nothing


class Verdict(enum.StrEnum):
    """HOLDS, VIOLATED, ASSUMPTION_FAILS (which, with its value) or INCONCLUSIVE (noise, or degenerate weights)."""

    HOLDS = "HOLDS"
    VIOLATED = "VIOLATED"
    ASSUMPTION_FAILS = "ASSUMPTION_FAILS"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True)
class BoundCheck:
    """One claim held against one case.

    Attributes:
        claim: the claim's id.
        generation: the round, or the number of rounds, that the check speaks of; None for a single generation.
        kind: "upper", "lower" or "equality": how observed stands to bound.
        bound, observed: the two sides, bound on the right. NaN where the interval of a side is the whole line: nothing is
            known of it, and the margin is infinite.
        margin: by how much the relation holds, >= 0 where it does. Includes the reported numerical error of exact
            quantities; for simulated ones it is the distance between the intervals, so that noise never helps.
        verdict: see Verdict.
        detail: one plain sentence.
    """

    claim: str
    generation: int | None
    kind: Literal["upper", "lower", "equality"]
    bound: float
    observed: float
    margin: float
    verdict: Verdict
    detail: str

    @property
    def tightness(self) -> float:
        """How far the bound stands from what was observed, as a factor >= 1; 1 for an equality, inf for a vacuous bound."""
        if self.kind == "equality":
            return 1.0
        larger, smaller = max(self.bound, self.observed), min(self.bound, self.observed)
        if not math.isfinite(larger) or smaller < 0.0:
            return math.inf
        if larger == smaller:
            return 1.0
        return larger / smaller if smaller > 0.0 else math.inf


@dataclass(frozen=True)
class Decision:
    """Verdict on ``left relation right``, with the numbers behind it."""

    verdict: Verdict
    kind: Literal["upper", "lower", "equality"]
    observed: float
    bound: float
    margin: float
    doubt: str = ""


def decide(relation: type[sp.Basic], left: Interval, right: Interval) -> Decision | None:
    """Hold ``left relation right`` against the intervals of both sides (0-d); None where a side is not computable (NaN).

    Exact numbers hold unless they are violated beyond their numerical error. Simulated numbers hold only where the whole
    interval does, are violated only where the whole interval is, and are INCONCLUSIVE between.
    """
    ends = [float(end) for end in (left.low, left.high, right.low, right.high)]
    if any(math.isnan(end) for end in ends):
        return None
    observed, bound = float(left.middle), float(right.middle)
    doubt = left.doubt or right.doubt
    noisy = left.noisy or right.noisy
    kind: Literal["upper", "lower", "equality"]
    if issubclass(relation, sp.Equality):
        kind = "equality"
        verdict, margin = _equal(ends, noisy)
    elif issubclass(relation, (sp.LessThan, sp.StrictLessThan)):
        kind = "upper"
        verdict, margin = _below(ends, noisy, strict=issubclass(relation, sp.StrictLessThan))
    elif issubclass(relation, (sp.GreaterThan, sp.StrictGreaterThan)):
        kind = "lower"
        verdict, margin = _below(ends[2:] + ends[:2], noisy, strict=issubclass(relation, sp.StrictGreaterThan))
    else:
        raise NotImplementedError(f"cannot decide a relation of type {relation.__name__}")
    if doubt and verdict is not Verdict.INCONCLUSIVE:
        verdict = Verdict.INCONCLUSIVE
    elif verdict is Verdict.INCONCLUSIVE:
        doubt = doubt or "the confidence intervals of the two sides overlap"
    return Decision(verdict, kind, observed, bound, margin, doubt)


def _below(ends: list[float], noisy: bool, *, strict: bool) -> tuple[Verdict, float]:
    """[ends 0, 1] <= [ends 2, 3], or < where ``strict``."""
    low, high, bound_low, bound_high = ends
    worst = _difference(bound_low, high)  # margin if every error is adverse
    best = _difference(bound_high, low)
    if best < 0.0 or (strict and best == 0.0):
        return Verdict.VIOLATED, best
    if not noisy:
        return Verdict.HOLDS, best
    return (Verdict.HOLDS if worst >= 0.0 else Verdict.INCONCLUSIVE), worst


def _equal(ends: list[float], noisy: bool) -> tuple[Verdict, float]:
    """[ends 0, 1] and [ends 2, 3] may hold the same number."""
    low, high, bound_low, bound_high = ends
    gap = max(_difference(bound_low, high), _difference(low, bound_high))
    if gap > 0.0:
        return Verdict.VIOLATED, -gap
    width = max(_difference(high, low), _difference(bound_high, bound_low))
    size = max(abs(low), abs(high), abs(bound_low), abs(bound_high))
    if width > WIDE * size and noisy:
        return Verdict.INCONCLUSIVE, -gap
    return Verdict.HOLDS, -gap


def _difference(a: float, b: float) -> float:
    """a - b with inf - inf = 0: equal infinities agree."""
    return 0.0 if a == b else a - b


def everywhere(relation: type[sp.Basic], left: Interval, right: Interval) -> tuple[Verdict, str]:
    """The relation at every entry of two arrays: VIOLATED if anywhere, else INCONCLUSIVE if anywhere, else HOLDS.

    A side that is not a number anywhere counts as VIOLATED: a hypothesis that cannot be computed is not known to hold.
    """
    if issubclass(relation, (sp.GreaterThan, sp.StrictGreaterThan)):
        left, right = right, left
    ends = np.broadcast_arrays(left.low, left.high, right.low, right.high)
    low, high, bound_low, bound_high = (np.ravel(end) for end in ends)
    unknown = np.isnan(low) | np.isnan(high) | np.isnan(bound_low) | np.isnan(bound_high)
    broken = low > bound_high
    if issubclass(relation, (sp.StrictLessThan, sp.StrictGreaterThan)):
        broken |= low >= bound_high
    elif issubclass(relation, sp.Equality):
        broken |= bound_low > high
    elif issubclass(relation, sp.Unequality):
        broken = (low == high) & (bound_low == bound_high) & (low == bound_low)
    bad = np.flatnonzero(unknown | broken)
    if bad.size:
        first = int(bad[0])
        said = f"{0.5 * (low[first] + high[first]):.6g} against {0.5 * (bound_low[first] + bound_high[first]):.6g}"
        return Verdict.VIOLATED, "not computable" if unknown[first] else said
    doubt = left.doubt or right.doubt
    noisy = left.noisy or right.noisy
    if issubclass(relation, sp.Equality):  # noise can refute an equality and never confirm it
        open_sides = noisy and bool(np.any((low < high) | (bound_low < bound_high)))
    else:
        open_sides = noisy and bool(np.any(high > bound_low))
    if doubt or open_sides:
        return Verdict.INCONCLUSIVE, doubt or "the confidence intervals of the two sides overlap"
    return Verdict.HOLDS, ""
