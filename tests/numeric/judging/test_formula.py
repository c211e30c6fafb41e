"""The evaluator of formulas: against sympy's own arithmetic, and as interval arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from numeric.judging.formula import Interval, MissingQuantity, evaluate

x, y, z = sp.symbols("x y z", positive=True)
i, j, N = sp.symbols("i j N", integer=True, nonnegative=True)
a, g = sp.IndexedBase("a"), sp.IndexedBase("g")

FORMULAS = [
    x**2 / 2 - y,
    sp.sqrt(x) - sp.sqrt(y) + sp.Abs(x - y),
    sp.exp(x) - 1 - x,
    sp.Max(x, y) / sp.Min(x, z),
    sp.log(1 + x) * (1 - y) ** 3 / z,
    sp.ceiling(x) - sp.floor(y),
    x ** sp.Rational(-3, 2),
]

values = st.floats(0.01, 4.0)


def table(**entries: Interval):
    def lookup(name: str) -> Interval:
        if name not in entries:
            raise MissingQuantity(name)
        return entries[name]

    return lookup


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
@given(values, values, values)
@settings(max_examples=50, deadline=None)
def test_points_agree_with_sympy(formula: sp.Expr, one: float, two: float, three: float) -> None:
    found = evaluate(formula, table(x=Interval.point(one), y=Interval.point(two), z=Interval.point(three)))
    exact = float(formula.subs({x: sp.Float(one, 40), y: sp.Float(two, 40), z: sp.Float(three, 40)}).evalf(30))
    assert float(found.low) == float(found.high)
    assert float(found.low) == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("formula", FORMULAS, ids=str)
@given(values, values, values, st.floats(0.0, 0.5), st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3))
@settings(max_examples=50, deadline=None)
def test_intervals_contain_every_value_inside(formula, one, two, three, radius, inside) -> None:
    centres = dict(zip("xyz", (one, two, three), strict=True))
    wide = {name: Interval.around(value, radius * value) for name, value in centres.items()}
    found = evaluate(formula, table(**wide))
    picked = {name: value * (1 + radius * t) for (name, value), t in zip(centres.items(), inside, strict=True)}
    value = evaluate(formula, table(**{name: Interval.point(entry) for name, entry in picked.items()}))
    slack = 1e-12 * (1.0 + abs(float(value.low)))
    assert float(found.low) - slack <= float(value.low) <= float(found.high) + slack


def test_nested_sums_and_products_with_running_bounds() -> None:
    shares = np.array([0.3, 0.8, 0.1, 0.5, 0.25])
    gram = np.sqrt(1.0 + np.arange(25.0).reshape(5, 5))
    weight_i = sp.Product(1 - a[j], (j, i + 1, N - 1))
    k = sp.Symbol("k", integer=True, nonnegative=True)
    weight_k = sp.Product(1 - a[j], (j, k + 1, N - 1))
    formula = sp.Sum(sp.Sum(weight_i * weight_k * g[i, k], (k, 0, N - 1)), (i, 0, N - 1))
    lookup = table(a=Interval.point(shares), g=Interval.point(gram))
    for count in range(1, 6):
        found = float(evaluate(formula, lookup, {N: count}).low)
        weights = np.array([np.prod(1 - shares[step + 1 : count]) for step in range(count)])
        assert found == pytest.approx(weights @ gram[:count, :count] @ weights, rel=1e-13)
        wrong = np.array([np.prod(1 - shares[step:count]) for step in range(count)])
        assert found != pytest.approx(wrong @ gram[:count, :count] @ wrong, rel=1e-3)


def test_a_power_that_runs_with_the_index() -> None:
    formula = sp.Sum((1 - x) ** (N - 1 - i) * a[i], (i, 0, N - 1))
    values = np.array([1.0, 2.0, 0.5])
    found = float(evaluate(formula, table(x=Interval.point(0.25), a=Interval.point(values)), {N: 3}).low)
    assert found == pytest.approx(0.75**2 + 2 * 0.75 + 0.5, rel=1e-14)


def test_an_empty_sum_is_zero_and_an_empty_product_one() -> None:
    lookup = table(a=Interval.point(np.array([5.0])))
    assert float(evaluate(sp.Sum(a[i], (i, 0, N - 1)), lookup, {N: 0}).low) == 0.0
    assert float(evaluate(sp.Product(a[i], (i, 1, N - 1)), lookup, {N: 1}).low) == 1.0


def test_what_was_not_measured_is_missing() -> None:
    with pytest.raises(MissingQuantity, match="y"):
        evaluate(x + y, table(x=Interval.point(1.0)))
    with pytest.raises(MissingQuantity, match="outside"):
        evaluate(a[i + 1], table(a=Interval.point(np.ones(3))), {i: 2})
    with pytest.raises(NotImplementedError, match="gamma"):
        evaluate(sp.gamma(x), table(x=Interval.point(1.0)))


def test_infinity_times_a_vanished_weight_is_zero() -> None:
    found = evaluate((1 - x) ** 2 * y, table(x=Interval.point(1.0), y=Interval.point(np.inf)))
    assert float(found.low) == float(found.high) == 0.0


def test_noise_and_doubt_travel_with_the_numbers() -> None:
    noisy = Interval.around(1.0, 0.1, noisy=True, doubt="few draws")
    found = evaluate(x + sp.exp(y), table(x=Interval.point(1.0), y=noisy))
    assert found.noisy
    assert found.doubt == "few draws"
    clean = evaluate(x + 1, table(x=Interval.point(1.0)))
    assert not clean.noisy
    assert clean.doubt == ""


@pytest.mark.parametrize(
    ("ends", "exponent", "expected"),
    [
        ((-2.0, -1.0), -1.0, (-1.0, -0.5)),
        ((-2.0, -1.0), -2.0, (0.25, 1.0)),
        ((1.0, 2.0), -2.0, (0.25, 1.0)),
        ((-1.0, 2.0), -2.0, (0.25, np.inf)),
        ((0.0, 2.0), -1.0, (0.5, np.inf)),
        ((-2.0, 0.0), -1.0, (-np.inf, -0.5)),
        ((0.0, 0.0), -1.0, (np.inf, np.inf)),
        ((0.0, 4.0), -0.5, (0.5, np.inf)),
    ],
)
def test_negative_powers_contain_every_value(ends: tuple[float, float], exponent: float, expected: tuple[float, float]) -> None:
    result = Interval(np.asarray(ends[0]), np.asarray(ends[1])).power(exponent)
    assert (float(result.low), float(result.high)) == expected
    assert result.doubt == ""


def test_division_by_a_number_of_unknown_sign_decides_nothing() -> None:
    result = Interval(np.asarray(-1.0), np.asarray(2.0)).power(-1.0)
    assert "sign" in result.doubt


def test_huge_numbers_do_not_warn() -> None:
    huge = Interval.around(1.7e308, 1e308)
    assert float(huge.high) == np.inf
    assert float(Interval.around(1.7e308, 1e290).middle) == pytest.approx(1.7e308)
    assert float(huge.power(2.0).high) == np.inf
    assert float((huge * huge).high) == np.inf
