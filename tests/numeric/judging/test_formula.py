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
k_index = sp.Symbol("k", integer=True)
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


def ends(interval: Interval) -> tuple[float, float]:
    return float(interval.low), float(interval.high)


def pair(low: float, high: float) -> Interval:
    return Interval(np.asarray(low), np.asarray(high))


def row(low: list[float], high: list[float]) -> Interval:
    return Interval(np.array(low), np.array(high))


def test_an_interval_around_a_number() -> None:
    plain = Interval.around(1.0, 0.5)
    assert (*ends(plain), plain.noisy, plain.doubt) == (0.5, 1.5, False, "")
    assert ends(Interval.around(np.inf, 3.0)) == (np.inf, np.inf)
    np.testing.assert_array_equal(Interval.around(np.array([np.inf, 2.0]), 1.0).low, [np.inf, 1.0])
    np.testing.assert_array_equal(row([1.0, 2.0, np.inf, -4.0], [3.0, 2.0, np.inf, -1.0]).middle, [2.0, 2.0, np.inf, -2.5])
    assert np.isnan(pair(-np.inf, np.inf).middle)
    assert Interval.point(1.0) != Interval.point(1.0)  # compared by identity, never by its arrays


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ((2.0, 3.0), (5.0, 7.0), (10.0, 21.0)),
        ((-2.0, 3.0), (5.0, 7.0), (-14.0, 21.0)),
        ((-2.0, 3.0), (-5.0, 7.0), (-15.0, 21.0)),
        ((-3.0, -2.0), (-7.0, -5.0), (10.0, 21.0)),
        ((2.0, 2.0), (-5.0, 7.0), (-10.0, 14.0)),
        ((1.0, 2.0), (3.0, 3.0), (3.0, 6.0)),
        ((1.0, 1.0), (0.5, 4.0), (0.5, 4.0)),
        ((0.0, 2.0), (5.0, np.inf), (0.0, np.inf)),
        ((0.0, 0.0), (-np.inf, np.inf), (0.0, 0.0)),
        ((-1.0, 0.0), (3.0, np.inf), (-np.inf, 0.0)),
    ],
)
def test_products_of_numbers_and_of_arrays_are_the_same(one: tuple, two: tuple, expected: tuple) -> None:
    assert ends(pair(*one) * pair(*two)) == expected
    several = row([one[0]] * 2, [one[1]] * 2)
    for left, right in (
        (several, row([two[0]] * 2, [two[1]] * 2)),
        (several, pair(*two)),
        (pair(*one), row([two[0]], [two[1]])),
    ):
        for product in (left * right, right * left):
            assert {(low, high) for low, high in zip(product.low, product.high, strict=True)} == {expected}


def test_a_product_with_exact_arrays_and_one_that_is_not_computable() -> None:
    exact, wide = Interval.point(np.array([2.0, -3.0])), row([1.0, 1.0], [4.0, 5.0])
    for product in (exact * wide, wide * exact):
        np.testing.assert_array_equal(product.low, [2.0, -15.0])
        np.testing.assert_array_equal(product.high, [8.0, -3.0])
    square = exact * exact
    np.testing.assert_array_equal(square.low, [4.0, 9.0])
    assert square.low is square.high
    infinite = Interval.point(np.array([0.0, 1.0, np.inf, np.nan, -1.0])) * Interval.point(
        np.array([np.inf, np.inf, 0.0, 0.0, np.nan])
    )
    np.testing.assert_array_equal(infinite.low, [0.0, np.inf, 0.0, 0.0, np.nan])


@pytest.mark.parametrize(
    ("base", "exponent", "expected"),
    [
        ((-3.0, 2.0), 2.0, (0.0, 9.0)),
        ((-0.5, 0.25), 2.0, (0.0, 0.25)),
        ((0.0, 2.0), 2.0, (0.0, 4.0)),
        ((-2.0, 0.0), 2.0, (0.0, 4.0)),
        ((-3.0, -2.0), 2.0, (4.0, 9.0)),
        ((-3.0, 2.0), 3.0, (-27.0, 8.0)),
        ((-3.0, 2.0), 1.0, (-3.0, 2.0)),
        ((-3.0, 2.0), 0.0, (1.0, 1.0)),
        ((-0.5, 4.0), 0.5, (0.0, 2.0)),
        ((-4.0, -1.0), 0.5, (0.0, 0.0)),
        ((0.25, 4.0), 1.5, (0.125, 8.0)),
        ((1.0, 2.0), -1.0, (0.5, 1.0)),
        ((-0.5, 0.0), -1.0, (-np.inf, -2.0)),
        ((-2.0, -1.0), -3.0, (-1.0, -0.125)),
        ((-0.5, 0.25), -3.0, (-np.inf, np.inf)),
        ((-0.25, 0.5), -2.0, (4.0, np.inf)),
    ],
)
def test_powers_of_a_number(base: tuple[float, float], exponent: float, expected: tuple[float, float]) -> None:
    found = pair(*base).power(exponent)
    assert ends(found) == (pytest.approx(expected[0], rel=1e-15), pytest.approx(expected[1], rel=1e-15))
    assert bool(found.doubt) == (base[0] < 0.0 < base[1] and exponent < 0.0 and exponent % 2 == 1)


@pytest.mark.parametrize(
    ("base", "expected"),
    [((-0.0, 2.0), (0.5, np.inf)), ((-0.0, -0.0), (np.inf, np.inf)), ((-2.0, -0.0), (-np.inf, -0.5))],
)
def test_a_zero_that_divides_has_no_sign(base: tuple[float, float], expected: tuple[float, float]) -> None:
    """Products of arrays write 0 * -1 as -0.0; that is no number below zero."""
    assert ends(pair(*base).power(-1.0)) == expected


def test_a_power_without_bound_and_a_function_beyond_its_domain() -> None:
    assert ends(evaluate(x**y, table(x=pair(0.5, 2.0), y=Interval.point(np.inf)))) == (0.0, np.inf)
    logarithm = evaluate(sp.log(x), table(x=pair(-0.1, 1.0)))  # noise reaches below zero: not computable, and no warning
    assert np.isnan(logarithm.low)
    assert logarithm.high == 0.0
    assert np.isnan(evaluate(x**y, table(x=pair(-0.1, 1.0), y=pair(0.5, 0.7))).low)


def test_powers_that_run_with_an_index() -> None:
    found = pair(-2.0, 0.5).integer_powers(np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    np.testing.assert_array_equal(found.low, [1.0, -2.0, 0.0, -8.0, 0.0])
    np.testing.assert_array_equal(found.high, [1.0, 0.5, 4.0, 0.125, 16.0])
    for base, expected in (((0.0, 0.5), (0.0, 0.25)), ((-0.5, 0.0), (0.0, 0.25)), ((-0.5, -0.25), (0.0625, 0.25))):
        assert ends(pair(*base).integer_powers(np.array(2.0))) == expected
    with pytest.raises(NotImplementedError, match="negative powers"):
        pair(1.0, 2.0).integer_powers(np.array([1.0, -1.0]))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((-3.0, 2.0), (0.0, 3.0)),
        ((0.0, 2.0), (0.0, 2.0)),
        ((-2.0, 0.0), (0.0, 2.0)),
        ((-3.0, -1.0), (1.0, 3.0)),
        ((1.0, 3.0), (1.0, 3.0)),
    ],
)
def test_absolute_values(given: tuple[float, float], expected: tuple[float, float]) -> None:
    assert ends(pair(*given).absolute()) == expected


def test_a_kronecker_delta_is_one_where_the_indices_agree() -> None:
    formula = sp.Sum(sp.KroneckerDelta(i, j) * a[i], (i, 0, 2))
    lookup = table(a=Interval.point(np.array([2.0, 3.0, 5.0])))
    assert [float(evaluate(formula, lookup, {j: k}).low) for k in range(3)] == [2.0, 3.0, 5.0]


def test_powers_of_one_number_to_the_count_of_rounds_stay_in_the_floats() -> None:
    """(x/n)^N where x^N and n^N alone are beyond the largest float."""
    n = sp.Symbol("n", positive=True)
    lookup = table(x=Interval.point(300.0), n=Interval.point(299.0), y=Interval.point(2.0))
    ratio = (300.0 / 299.0) ** 500
    for formula, expected in (
        (x**N * n ** (-N), ratio),
        (3 * y * x**N * n ** (-N), 6.0 * ratio),
        (sp.Mul(y**2, x**N, n ** (-N), sp.Rational(1, 2)), 2.0 * ratio),
        (x ** (-N) * n**N, 1.0 / ratio),
        (y**2 * x, 1200.0),
        (y**N * x ** (sp.Rational(1, 2)), 2.0**500 * 300.0**0.5),
    ):
        assert float(evaluate(formula, lookup, {N: 500}).low) == pytest.approx(expected, rel=1e-11)


def test_powers_to_a_real_number_are_cut_each_by_itself() -> None:
    """Noise takes a number that is never negative below zero: no reason to doubt the sign of a quotient of such powers."""
    found = evaluate(x**y * z ** (-y), table(x=pair(1.0, 1.0), y=Interval.point(0.5), z=pair(-0.1, 4.0)))
    assert ends(found) == (0.5, np.inf)
    assert found.doubt == ""


def test_real_exponents_that_run_with_an_index_and_uncertain_ones() -> None:
    formula = sp.Sum(x ** (i / 2), (i, 0, 3))
    assert float(evaluate(formula, table(x=Interval.point(4.0))).low) == pytest.approx(1 + 2 + 4 + 8)
    found = evaluate(x**y, table(x=pair(2.0, 4.0), y=pair(0.5, 2.0)))
    assert ends(found) == (pytest.approx(2.0**0.5), pytest.approx(16.0))
    wide = evaluate(x**y, table(x=pair(2.0, 4.0), y=pair(1.0, 2.0)))  # whole ends do not make it a whole power
    assert ends(wide) == (pytest.approx(2.0), pytest.approx(16.0))


def test_entries_keep_both_ends_and_their_place() -> None:
    lookup = table(a=row([1.0, 2.0, 3.0], [1.5, 2.5, 3.5]), g=row([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.5], [3.0, 4.5]]))
    assert ends(evaluate(a[i], lookup, {i: 0})) == (1.0, 1.5)
    assert ends(evaluate(a[i], lookup, {i: 2})) == (3.0, 3.5)
    assert ends(evaluate(g[i, j], lookup, {i: 1, j: 0})) == (3.0, 3.0)
    assert ends(evaluate(sp.Sum(a[i], (i, 1, 2)), lookup)) == (5.0, 6.0)
    assert ends(evaluate(sp.Sum(a[i], (i, 0, 0)), lookup)) == (1.0, 1.5)
    assert ends(evaluate(sp.Product(a[i], (i, 0, 2)), lookup)) == (6.0, 1.5 * 2.5 * 3.5)
    for outside in (a[i - 1], a[i + 3], g[i, j, i], sp.Sum(a[k_index], (k_index, -1, 1)), sp.Sum(a[k_index], (k_index, 1, 3))):
        with pytest.raises(MissingQuantity, match="outside"):
            evaluate(outside, lookup, {i: 0, j: 0})
    exact = evaluate(a[i], table(a=Interval.point(np.array([1.0, 2.0]))), {i: 1})
    assert exact.low is exact.high
    assert ends(evaluate(sp.Sum(a[i], (i, 0, 0)), table(a=Interval.point(np.array([7.0]))))) == (7.0, 7.0)
    triangle = sp.Sum(sp.Sum(g[i, j], (j, 0, i)), (i, 0, 1))
    assert ends(evaluate(triangle, lookup)) == (8.0, 8.5)
    long = sp.Sum(sp.Sum(a[i] * j, (j, 0, 4)), (i, 0, 1))
    assert ends(evaluate(long, lookup)) == (30.0, 40.0)
    assert ends(evaluate(sp.Sum(sp.Product(a[j], (j, i, 2)), (i, 0, 2)), lookup)) == (6.0 + 6.0 + 3.0, 1.5 * 8.75 + 8.75 + 3.5)


def test_functions_beyond_those_of_sympy() -> None:
    f = sp.Function("f")
    cube = {"f": lambda values: values**3}
    assert ends(evaluate(f(x), table(x=pair(-1.0, 2.0)), functions=cube)) == (-1.0, 8.0)
    with pytest.raises(NotImplementedError, match="cannot evaluate"):
        evaluate(f(x), table(x=pair(-1.0, 2.0)))
