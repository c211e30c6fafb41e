"""When the grid is fine enough: densities that are 0 next to the line, sums of which rounding is left, and kinks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numeric import GaussianMixture, hellinger, kl, renyi
from numeric.laws.divergences import _hellinger_integrand, _quadrature
from numeric.laws.quadrature import Box, integrate
from numeric.validation import Array

# two heavy components far from each other and a light one: in the complex plane p is 0 close to the real line
LIGHT = (
    GaussianMixture(
        [0.0005871804160863013, 0.20098684342936224, 0.7984259761545515],
        [2.0837808510615226, -1.5930526900381243, 3.7645724954220787],
        [0.12457758384988729, 0.6018218950087506, 0.1235137187665023],
    ),
    GaussianMixture(
        [0.12289396042162817, 0.8771060395783719],
        [3.683147663696232, -8.308863030382305],
        [0.0761822232240581, 0.15240191626128843],
    ),
)
LINE = Box(np.zeros(1), np.eye(1), np.array([-10.0]), np.array([10.0]), np.array([0.5]))


def finely(p: GaussianMixture, q: GaussianMixture, power: float | None) -> float:
    """int p log(p/q), or int p^power q^(1-power), on 600,001 nodes of [-15, 15], 20 times as many as any grid below needs."""
    x = np.linspace(-15.0, 15.0, 600_001)
    a, b = p.logpdf(x), q.logpdf(x)
    terms = np.exp(a) * (a - b) if power is None else np.exp(power * a + (1.0 - power) * b)
    return float(np.sum(terms) * (x[1] - x[0]))


def test_densities_that_are_zero_next_to_the_line_are_resolved() -> None:
    p, q = LIGHT
    assert kl(p, q) == pytest.approx(finely(p, q, None), rel=1e-11)
    for power in (0.3, 0.5, 0.8):
        reference = math.log(finely(p, q, power)) / (power - 1.0)
        assert renyi(p, q, order=power) == pytest.approx(reference, rel=1e-11)
    distance = hellinger(p, q)
    assert isinstance(distance, float)
    assert distance**2 == pytest.approx(1.0 - finely(p, q, 0.5), rel=1e-11)


def test_a_last_change_says_less_about_the_next_than_its_square() -> None:
    # the wrong twin: at a change of 3e-7 the next would be its square, were one rate of convergence all there is
    p = GaussianMixture(
        [0.8589004960610576, 0.1410995039389424],
        [1.747956588511867, 0.3535998964744375],
        [0.2195333698572759, 0.21313178006322553],
    )
    q = GaussianMixture([1.0], [-1.1833693922303885], [1.1504168563018102])
    exact = 2.0 - 2.0 * finely(p, q, 0.5)
    trusting, patient = (2.0 * _quadrature(p, q, _hellinger_integrand, None, rtol=rtol) for rtol in (3e-7, 1e-11))
    assert abs(trusting / exact - 1.0) > 1e-9
    assert abs(patient / exact - 1.0) < 1e-11


def test_what_rounding_leaves_is_not_refined() -> None:
    sizes: list[int] = []

    def rounded(x: Array) -> Array:
        sizes.append(len(x))
        return np.asarray(np.exp(-0.5 * x[:, 0] ** 2) * (1.0 + 1e-11 * np.cos(1e9 * x[:, 0] ** 3 + 0.3)))

    total, error = integrate(rounded, LINE, rtol=1e-14)
    assert total.item() == pytest.approx(math.sqrt(2.0 * math.pi), rel=1e-11)
    assert 0.0 < error.item() < 1e-10
    assert sum(sizes) < 100_000
    sizes.clear()
    integrate(rounded, LINE, rtol=1e-14, analytic=False, max_nodes=1_000_000)  # kinks might hide in it
    assert sum(sizes) > 400_000


def test_kinks_are_refined_as_far_as_asked() -> None:
    triangle, error = integrate(lambda x: np.maximum(1.0 - np.abs(x[:, 0] - 0.1234), 0.0), LINE, rtol=1e-7, analytic=False)
    assert abs(triangle.item() - 1.0) <= error.item() <= 1e-7


def test_in_the_plane_the_change_counts_to_the_power_three_halves() -> None:
    def bump(x: Array) -> Array:
        return np.asarray(np.exp(-0.5 * np.sum(x * x, axis=1)) / (2.0 * math.pi))

    def on_grid(count: int) -> float:
        axis = np.linspace(-10.0, 10.0, count)
        nodes = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        return float(bump(nodes).sum()) * (axis[1] - axis[0]) ** 2

    plane = Box(np.zeros(2), np.eye(2), np.full(2, -10.0), np.full(2, 10.0), np.full(2, 1.45))
    total, error = integrate(bump, plane, rtol=1.0)
    before, after = on_grid(15), on_grid(29)  # ceil(20/1.45) = 14 steps, then 28
    change = abs(after - before) / after
    assert 1e-4 < change < 1e-3
    assert total.item() == pytest.approx(after, rel=1e-14)
    assert error.item() == pytest.approx(min(change, 30.0 * change**1.5), rel=1e-6)
    _, plain = integrate(bump, plane, rtol=1.0, analytic=False)
    assert plain.item() == pytest.approx(change, rel=1e-6)
    assert error.item() < 0.6 * plain.item()
    assert integrate(bump, plane)[0].item() == pytest.approx(1.0, abs=1e-13)
