"""Verdicts from intervals: each of the four, and the borders between them."""

from __future__ import annotations

import math

import pytest
import sympy as sp

from numeric.judging.formula import Interval
from numeric.judging.verdicts import BoundCheck, Verdict, decide, everywhere

LE, LT, GE, GT, EQ = sp.Le, sp.Lt, sp.Ge, sp.Gt, sp.Eq


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
        (LE, noisy(1.95, 0.1), exact(2.0), Verdict.INCONCLUSIVE),
        (LE, noisy(2.05, 0.1), exact(2.0), Verdict.INCONCLUSIVE),
        (LE, noisy(2.2, 0.1), exact(2.0), Verdict.VIOLATED),
        (GE, noisy(2.2, 0.1), noisy(2.0, 0.05), Verdict.HOLDS),
        (EQ, noisy(1.0, 0.01), exact(1.005), Verdict.HOLDS),
        (EQ, noisy(1.0, 0.9), exact(1.3), Verdict.INCONCLUSIVE),
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
