"""Verdicts from intervals: each of the four, and the borders between them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy as sp

from numeric.judging.formula import Interval
from numeric.judging.verdicts import BoundCheck, Verdict, decide, everywhere

LE, LT, GE, GT, EQ, NE = sp.Le, sp.Lt, sp.Ge, sp.Gt, sp.Eq, sp.Ne


def exact(value: float, error: float = 0.0) -> Interval:
    return Interval.around(value, error)


def noisy(value: float, width: float, doubt: str = "") -> Interval:
    return Interval.around(value, width, noisy=True, doubt=doubt)


@pytest.mark.parametrize(
    ("relation", "left", "right", "verdict"),
    [
        (LE, exact(1.0), exact(2.0), Verdict.HOLDS),
        (LE, exact(2.0), exact(2.0), Verdict.HOLDS),
        (LE, exact(2.0 + 1e-6), exact(2.0, 1e-5), Verdict.HOLDS),
        (LE, exact(2.0 + 1e-4), exact(2.0, 1e-5), Verdict.VIOLATED),
        (LT, exact(2.0), exact(2.0), Verdict.VIOLATED),
        (GE, exact(2.0), exact(1.0), Verdict.HOLDS),
        (GE, exact(1.0), exact(2.0), Verdict.VIOLATED),
        (GT, exact(0.0), exact(0.0), Verdict.VIOLATED),
        (EQ, exact(1.0, 1e-9), exact(1.0), Verdict.HOLDS),
        (EQ, exact(1.0, 1e-9), exact(1.1), Verdict.VIOLATED),
        (EQ, exact(math.inf), exact(math.inf), Verdict.HOLDS),
        (EQ, exact(1.0), exact(math.inf), Verdict.VIOLATED),
        (LE, exact(math.inf), exact(math.inf), Verdict.HOLDS),
        (LE, exact(math.inf), exact(5.0), Verdict.VIOLATED),
        (LE, noisy(1.0, 0.1), exact(2.0), Verdict.HOLDS),
        (LE, noisy(1.5, 0.5), exact(2.0), Verdict.HOLDS),
        (LE, noisy(1.95, 0.1), exact(2.0), Verdict.INCONCLUSIVE),
        (LE, noisy(2.05, 0.1), exact(2.0), Verdict.INCONCLUSIVE),
        (LE, noisy(2.2, 0.1), exact(2.0), Verdict.VIOLATED),
        (GE, noisy(2.2, 0.1), noisy(2.0, 0.05), Verdict.HOLDS),
        (EQ, noisy(1.0, 0.01), exact(1.005), Verdict.HOLDS),
        (EQ, noisy(1.0, 0.9), exact(1.3), Verdict.INCONCLUSIVE),
        (EQ, noisy(10.0, 1.0), exact(10.0), Verdict.HOLDS),
        (EQ, noisy(10.0, 2.0), exact(10.0), Verdict.INCONCLUSIVE),
        (EQ, noisy(1.0, 0.01), exact(1.3), Verdict.VIOLATED),
        (LE, noisy(1.0, 0.1, "few draws"), exact(2.0), Verdict.INCONCLUSIVE),
        (LE, noisy(3.0, 0.1, "few draws"), exact(2.0), Verdict.INCONCLUSIVE),
    ],
)
def test_verdict(relation: type, left: Interval, right: Interval, verdict: Verdict) -> None:
    decision = decide(relation, left, right)
    assert decision is not None
    assert decision.verdict is verdict
    if verdict is Verdict.HOLDS:
        assert decision.margin >= 0.0
    if verdict is Verdict.VIOLATED:
        assert decision.margin <= 0.0
    if verdict is Verdict.INCONCLUSIVE:
        assert decision.doubt


def test_what_is_not_a_number_is_not_decided() -> None:
    assert decide(LE, exact(math.nan), exact(1.0)) is None


def test_tightness_is_a_factor_on_either_side() -> None:
    def check(kind: str, bound: float, observed: float) -> float:
        return BoundCheck("c", None, kind, bound, observed, 0.0, Verdict.HOLDS, "").tightness  # type: ignore[arg-type]

    assert check("upper", 3.0, 2.0) == pytest.approx(1.5)
    assert check("lower", 2.0, 3.0) == pytest.approx(1.5)
    assert check("upper", math.inf, 2.0) == math.inf
    assert check("lower", 0.0, 3.0) == math.inf
    assert check("equality", 5.0, 5.0) == 1.0


def test_noise_never_confirms_an_equality_that_a_claim_assumes() -> None:
    zero = Interval.point(0.0)
    assert everywhere(sp.Equality, Interval.around(0.0, 0.1, noisy=True), zero)[0] is Verdict.INCONCLUSIVE
    assert everywhere(sp.Equality, Interval.around(0.0, 0.0, noisy=True), zero)[0] is Verdict.HOLDS
    assert everywhere(sp.Equality, Interval.around(1.0, 0.1, noisy=True), zero)[0] is Verdict.VIOLATED
    assert everywhere(sp.Equality, Interval.around(0.0, 0.1), zero)[0] is Verdict.HOLDS


def span(low: list[float], high: list[float]) -> Interval:
    return Interval(np.array(low), np.array(high))


@pytest.mark.parametrize(
    ("relation", "left", "right", "verdict", "said"),
    [
        (NE, exact(0.0), exact(1.0), Verdict.HOLDS, ""),
        (NE, exact(1.0), exact(1.0), Verdict.VIOLATED, "1 against 1"),
        (NE, exact(1.0, 0.1), exact(1.0), Verdict.HOLDS, ""),
        (NE, exact(1.0), exact(1.0, 0.1), Verdict.HOLDS, ""),
        (NE, exact(1.0), exact(2.0), Verdict.HOLDS, ""),
        (LE, span([1.0, 4.0, 9.0], [1.0, 6.0, 9.0]), span([2.0, 1.0, 2.0], [2.0, 3.0, 2.0]), Verdict.VIOLATED, "5 against 2"),
        (GE, span([1.0, 4.0], [1.0, 6.0]), exact(3.0, 0.5), Verdict.VIOLATED, "3 against 1"),
        (LT, exact(2.0), exact(2.0), Verdict.VIOLATED, "2 against 2"),
        (LE, exact(2.0), exact(2.0), Verdict.HOLDS, ""),
        (LE, exact(2.0, 0.5), exact(2.0), Verdict.HOLDS, ""),
        (LE, noisy(2.0, 0.5), exact(2.0), Verdict.INCONCLUSIVE, "overlap"),
        (LE, noisy(1.5, 0.5), exact(2.0), Verdict.HOLDS, ""),
        (LE, noisy(1.0, 0.5), exact(2.0), Verdict.HOLDS, ""),
        (LE, exact(2.0), noisy(2.0, 0.5), Verdict.INCONCLUSIVE, "overlap"),
        (LE, noisy(1.0, 0.1, "few draws"), exact(2.0), Verdict.INCONCLUSIVE, "few draws"),
        (LE, exact(1.0), noisy(2.0, 0.1, "few draws"), Verdict.INCONCLUSIVE, "few draws"),
        (EQ, exact(1.0), exact(2.0), Verdict.VIOLATED, "1 against 2"),
        (EQ, exact(2.0), exact(1.0), Verdict.VIOLATED, "2 against 1"),
        (EQ, exact(1.0), noisy(1.0, 0.5), Verdict.INCONCLUSIVE, "overlap"),
    ],
)
def test_a_hypothesis_holds_everywhere_or_not(
    relation: type, left: Interval, right: Interval, verdict: Verdict, said: str
) -> None:
    found, detail = everywhere(relation, left, right)
    assert found is verdict
    assert detail == said or said == "overlap" in detail


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("relation", [LE, GE, EQ, NE])
def test_a_hypothesis_with_one_end_that_is_no_number_is_not_known_to_hold(relation: type, place: int) -> None:
    ends = np.array([1.0, 2.0, 1.0, 2.0])
    ends[place] = math.nan
    left, right = (span([low], [high]) for low, high in (ends[:2], ends[2:]))
    assert everywhere(relation, left, right) == (Verdict.VIOLATED, "not computable")


def test_the_border_of_a_wide_equality_and_its_margin() -> None:
    at_the_border = decide(EQ, noisy(0.875, 0.125), exact(1.0))  # 0.25 wide, a quarter of 1.0
    assert at_the_border is not None
    assert at_the_border.verdict is Verdict.HOLDS
    wide = decide(EQ, noisy(1.0, 0.9), exact(1.3))
    assert wide is not None
    assert wide.margin == pytest.approx(0.6)  # how far apart the sides may move before they part


def test_tightness_at_its_borders() -> None:
    def check(bound: float, observed: float) -> float:
        return BoundCheck("c", None, "upper", bound, observed, 0.0, Verdict.HOLDS, "").tightness

    assert check(2.0, 2.0) == 1.0
    assert check(0.0, 0.0) == 1.0
    assert check(2.0, -0.5) == math.inf
    assert check(-2.0, -4.0) == check(-0.5, -0.5) == math.inf
    assert check(0.75, 0.25) == 3.0
    assert check(math.inf, math.inf) == math.inf
