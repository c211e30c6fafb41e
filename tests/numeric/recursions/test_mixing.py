"""Mixing schemes as matrices, and the record that follows from inner products alone: small cases by hand."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from numeric.laws.targets import Gaussian
from numeric.recursions.drift import (
    LazyLaws,
    Products,
    _weighted,
    assemble,
    block_products,
    products_from_coefficients,
    scaled_excess,
    with_infinities,
)
from numeric.recursions.mixing import resolve_mixing
from numeric.recursions.recursion import Recursion

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("alpha", "fresh", "weights", "resolvent"),
    [
        (0.25, [0.25, 0.25], [[0.75, 0, 0], [0, 0.75, 0]], [[1, 0, 0], [0.75, 1, 0], [0.5625, 0.75, 1]]),
        ([0.25, 1.0], [0.25, 1.0], [[0.75, 0, 0], [0, 0, 0]], [[1, 0, 0], [0.75, 1, 0], [0, 0, 1]]),
        ("replace", [0, 0], [[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [1, 1, 0], [1, 1, 1]]),
        ("accumulate", [1, 0.5], [[0, 0, 0], [0, 0.5, 0]], [[1, 0, 0], [0, 1, 0], [0, 0.5, 1]]),
    ],
)
def test_two_rounds_by_hand(alpha: Any, fresh: Any, weights: Any, resolvent: Any) -> None:
    mixing = resolve_mixing(alpha, 2)
    np.testing.assert_array_equal(mixing.fresh, fresh)
    np.testing.assert_array_equal(mixing.weights, weights)
    np.testing.assert_array_equal(mixing.resolvent, resolvent)
    assert mixing.generations == 2
    np.testing.assert_array_equal(mixing.alpha, alpha if isinstance(alpha, str) else fresh)
    np.testing.assert_array_equal(mixing.fresh_fraction, [NAN, NAN] if alpha == "accumulate" else fresh)


def test_accumulating_shares_are_equal_and_sum_to_one() -> None:
    mixing = resolve_mixing("accumulate", 4)
    np.testing.assert_array_equal(mixing.weights[0], np.zeros(5))  # the first round trains on the data alone
    np.testing.assert_allclose(mixing.weights[3], [0, 0.25, 0.25, 0.25, 0])
    np.testing.assert_allclose(mixing.fresh + mixing.weights.sum(axis=1), 1.0)
    np.testing.assert_allclose(resolve_mixing(np.array(0.5), 3).fresh, 0.5)  # an array of no dimension
    assert resolve_mixing("replace", 1).resolvent.tolist() == [[1, 0], [1, 1]]


def test_a_schedule_does_not_change_and_is_compared_by_identity() -> None:
    mixing, again = resolve_mixing(0.5, 2), resolve_mixing(0.5, 2)
    for array in (mixing.fresh, mixing.weights, mixing.resolvent):
        assert not array.flags.writeable
    with pytest.raises(FrozenInstanceError):
        mixing.alpha = 0.3  # type: ignore[assignment,misc]
    assert mixing != again
    given = np.array([0.5, 0.5])
    assert resolve_mixing(given, 2).fresh is not given
    assert given.flags.writeable


@pytest.mark.parametrize(
    ("alpha", "generations"),
    [([0.5], 2), ([[0.5, 0.5]], 2), (np.full((2, 2), 0.5), 2), (1.5, 2), (-0.1, 2), ([0.5, 2.0], 2), ("keep", 2), (0.5, 0)],
)
def test_other_schedules_are_refused(alpha: Any, generations: int) -> None:
    with pytest.raises(ValueError, match="generations" if not generations else "alpha"):
        resolve_mixing(alpha, generations)


def test_laws_are_built_once_when_they_are_looked_at() -> None:
    built: list[int] = []

    def build(index: int) -> str:
        built.append(index)
        return f"law {index}"

    laws = LazyLaws(build, 3)
    assert len(laws) == 3
    assert built == []
    assert (laws[1], laws[-1], laws[1]) == ("law 1", "law 2", "law 1")
    assert built == [1, 2]
    assert laws[0:2] == ["law 0", "law 1"]
    assert list(laws) == ["law 0", "law 1", "law 2"]
    assert built == [1, 2, 0]
    with pytest.raises(IndexError):
        laws[3]


def test_products_of_coefficients_are_those_of_the_functions() -> None:
    stream = np.random.default_rng(5)
    basis = stream.standard_normal((4, 9))
    laws, mixed = stream.standard_normal((3, 4)), stream.standard_normal((2, 4))
    found = products_from_coefficients(laws, mixed, basis @ basis.T)
    f, q = laws @ basis, mixed @ basis
    g = f[1:] - q
    np.testing.assert_allclose(found.divergence, (f**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.mixed, (q**2).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.gram, g @ g.T, rtol=1e-11)
    np.testing.assert_allclose(found.initial_gram, g @ f[0], rtol=1e-11)
    below = products_from_coefficients(laws, mixed, -np.eye(4))  # rounding may take a square below zero
    assert np.all(below.divergence == 0.0)
    assert np.all(below.mixed == 0.0)
    weights = stream.uniform(0.0, 1.0, (2, 3))
    blocks = block_products(f, weights)
    g = f[1:] - weights @ f
    for one, other in zip(blocks, ((f**2).sum(axis=1), ((weights @ f) ** 2).sum(axis=1), g @ g.T, g @ f[0]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11)


def test_the_excess_keeps_its_digits_and_its_range() -> None:
    log_ratio = np.array([1e-12, -1.0, 29.9, 30.0, 60.0, 700.0, 900.0, 20.0])
    log_weight = np.array([0.0, -2.0, -60.0, -60.0, -80.0, -1400.0, -1000.0, 0.0])
    found = scaled_excess(log_ratio, log_weight)
    expected = [
        np.expm1(1e-12),
        np.expm1(-1.0) * np.exp(-1.0),
        np.exp(-0.1),
        1.0,
        np.exp(20.0),
        1.0,
        np.exp(350.0),
        np.expm1(20.0),
    ]
    np.testing.assert_allclose(found, expected, rtol=3e-13)
    places = np.array([-800.0, -20.0, -1e-9, 1e-9, 0.5, 29.5, 30.0, 30.5, 36.0])
    np.testing.assert_allclose(scaled_excess(places, np.zeros(9)), np.expm1(places), rtol=1e-15)
    np.testing.assert_array_equal(scaled_excess(np.array([0.0, -INF, INF]), np.zeros(3)), [0.0, -1.0, np.exp(350.0)])


def test_what_has_no_weight_does_not_count() -> None:
    weights = np.array([[0.0, 2.0], [1.0, 0.0], [-1.0, 0.5], [0.5, 3.0]])
    np.testing.assert_array_equal(_weighted(weights, np.array([INF, 3.0])), [6.0, INF, INF, INF])
    np.testing.assert_array_equal(_weighted(weights, np.array([4.0, 3.0])), [6.0, 4.0, -2.5, 11.0])
    np.testing.assert_array_equal(np.isnan(_weighted(weights, np.array([NAN, 3.0]))), [False, True, True, True])


def test_infinities_take_what_depends_on_them() -> None:
    products = Products(
        np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0]), np.array([[6.0, 7.0], [7.0, 8.0]]), np.array([9.0, 10.0])
    )
    flags = np.array([True, False])
    found = with_infinities(products, np.array([False, True, False]), ~flags, flags)
    np.testing.assert_array_equal(found.divergence, [1.0, INF, 3.0])
    np.testing.assert_array_equal(found.mixed, [4.0, INF])
    np.testing.assert_array_equal(found.gram, [[INF, NAN], [NAN, 8.0]])
    np.testing.assert_array_equal(found.initial_gram, [NAN, 10.0])
    np.testing.assert_array_equal(products.gram, [[6.0, 7.0], [7.0, 8.0]])
    assert found != products  # two sets of products are never compared by their arrays
    assert len({found, products}) == 2
    lost = with_infinities(products, np.array([True, False, False]), ~flags & False, flags & False)
    np.testing.assert_array_equal(lost.initial_gram, [NAN, NAN])


def two_rounds(products: Products, **measured: Any) -> Recursion:
    """The record of two rounds at a fresh fraction of a half with these products."""
    return assemble(
        Gaussian(0.0, 1.0),
        resolve_mixing(0.5, 2),
        products,
        intra=np.zeros(2),
        ratio_sup=np.ones(3),
        laws=[],
        mixtures=[],
        reasons={},
        method="by hand",
        **measured,
    )


def test_the_record_by_hand() -> None:
    products = Products(
        np.array([4.0, 9.0, 16.0]), np.array([1.0, 2.0]), np.array([[1.0, 0.5], [0.5, 4.0]]), np.array([0.1, 0.2])
    )
    record = two_rounds(products)
    np.testing.assert_allclose(record.innovation, [1.0, 2.0])
    np.testing.assert_allclose(record.discounted_sums, [4.0, 0.25 * 4 + 1, 0.0625 * 4 + 0.25 * 1 + 4])
    np.testing.assert_allclose(record.triangle_bound, [2.0, 0.5 * 2 + 1, 0.25 * 2 + 0.5 * 1 + 2])
    np.testing.assert_allclose(record.interference, products.divergence / record.discounted_sums)
    np.testing.assert_allclose(record.weights, [0.5, 1.0])
    assert record.initial_weight == 0.25
    small = Products(1e-8 * products.divergence, products.mixed, 1e-8 * products.gram, products.initial_gram)
    tenth = two_rounds(small)
    np.testing.assert_allclose(tenth.interference, record.interference)  # a ratio, however small the drift
    nothing = Products(np.zeros(3), np.zeros(2), np.full((2, 2), -1e-20), np.zeros(2))
    still = two_rounds(nothing, stderr={"mixed": np.ones(2)}, ess={"mixed": np.full(2, 7.0)})
    assert np.isnan(still.interference).all()  # 0/0
    np.testing.assert_array_equal(still.innovation, 0.0)  # rounding below zero is zero
    assert list(still.stderr) == list(still.ess) == ["mixed"]
