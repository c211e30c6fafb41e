"""The front door: which route is taken, what is refused, and what must hold whatever the route."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numeric.generations.errors import AffineError, BoundedError, ConsistentError
from numeric.generations.exact_generation import exact_generation
from numeric.laws.channels import Channel, kde, mean_shift
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture

LINE = GaussianMixture([0.4, 0.6], [-1.0, 0.8], [0.3, 0.5])
PLANE = GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [[[0.3, 0.1], [0.1, 0.4]], [[0.5, 0.0], [0.0, 0.2]]])
MATRIX = np.arange(9.0).reshape(3, 3)
SHORT = OU(0.1, 1.5)


class Sine:
    """What a user may bring: nothing but the two methods."""

    def __call__(self, x, t):
        return 0.3 * np.sin(x)

    def divergence(self, x, t):
        return 0.3 * np.cos(x[:, 0])


ROUTES = {
    "affine-1d": (Gaussian(0.5, 0.3), AffineError(0.1, -0.2), "ideal", "affine-ode"),
    "affine-3d": (Gaussian([0.0, 1.0, 0.0], [1.0, 0.5, 2.0]), AffineError(0.02 * MATRIX), "ideal", "affine-ode"),
    "shift": (Gaussian(0.0, 1.0), ConsistentError(Gaussian(0.0, 1.0), mean_shift(0.3)), "learned", "affine-ode"),
    "one-component": (GaussianMixture([1.0], [0.0], [0.5]), AffineError(0.1), "ideal", "affine-ode"),
    "bounded": (LINE, BoundedError(-0.4), "ideal", "fokker-planck"),
    "bounded-gaussian": (Gaussian(0.5, 0.3), BoundedError(0.4), "ideal", "fokker-planck"),
    "users": (LINE, Sine(), "ideal", "fokker-planck"),
    "consistent-1d": (LINE, ConsistentError(LINE, kde(0.3)), "ideal", "de-bruijn"),
    "consistent-2d": (PLANE, ConsistentError(PLANE, Channel(0.95, 0.1, 0.05)), "ideal", "de-bruijn"),
    "consistent-learned": (PLANE, ConsistentError(PLANE, kde(0.3)), "learned", "de-bruijn"),
}  # fmt: skip


@pytest.mark.parametrize("name", ROUTES)
def test_route_and_what_holds_on_every_route(name):
    target, error, start, method = ROUTES[name]
    r = exact_generation(target, error, SHORT, start=start)
    assert (r.method, r.start) == (method, start)
    assert r.target is target
    assert r.error is error
    numbers = (r.ideal_energy, r.learned_energy, r.path_chi2, r.chi2, r.kl, r.reverse_kl, r.remainder)
    assert all(type(value) is float for value in numbers)
    assert r.reverse_kl <= 0.5 * r.ideal_energy + 1e-12 or start == "learned"
    assert r.kl <= 0.5 * r.learned_energy + 1e-12 or start == "learned"
    assert r.kl <= 0.5 * r.gradient_energy + 1e-12 or start == "learned"
    assert r.kl <= math.log1p(r.chi2) + 1e-12
    assert r.chi2 <= r.path_chi2 * (1 + 1e-9) <= math.expm1(min(r.sup_energy, 500.0)) * (1 + 1e-8)
    assert r.remainder == pytest.approx(r.path_chi2 - 2 * r.learned_energy + r.ideal_energy, abs=1e-9)
    if r.visible_energy is not None:
        assert abs(math.sqrt(r.chi2) - math.sqrt(r.visible_energy)) <= math.sqrt(r.remainder) + 1e-9
        assert r.visible_gap <= r.chi2 * (1 + 1e-9)
        assert 0.0 <= r.observability <= 1.0
        assert r.visible_energy == pytest.approx(r.observability * r.ideal_energy, rel=1e-12)
    for field, bound in r.numerical_error.items():
        assert 0.0 <= bound <= 1e-6 * abs(getattr(r, field)) + 1e-9, field


@pytest.mark.parametrize("target", [Gaussian([0.0, 1.0], [0.5, 2.0]), LINE])
def test_half_is_sharp_for_consistent_errors(target):
    """KL <= learned energy / 2 becomes an equality as T grows; 0.49 in place of 1/2 is violated."""
    result = exact_generation(target, ConsistentError(target, Channel(0.95, 0.2, 0.1)), OU(0.02, 12.0))
    assert (
        0.49 * result.learned_energy
        < result.kl
        <= 0.5 * result.learned_energy + sum(result.numerical_error[name] for name in ("kl", "learned_energy"))
    )


def test_process_defaults_to_the_papers():
    result = exact_generation(Gaussian(0.0, 1.0), AffineError(0.1))
    assert (result.process.t0, result.process.T) == (0.02, 4.0)


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        (("N(0,1)", BoundedError(0.1)), {}, TypeError, "target"),
        ((LINE, 0.1), {}, TypeError, "error"),
        ((LINE, BoundedError(0.1), 4.0), {}, TypeError, "process"),
        ((LINE, BoundedError(0.1)), {"start": "data"}, ValueError, "start"),
        ((LINE, BoundedError(0.1)), {"start": 1}, TypeError, "start"),
        ((LINE, BoundedError(0.1)), {"start": "learned"}, ValueError, "start"),
        ((LINE, ConsistentError(Gaussian(0.0, 1.0), kde(0.1))), {"start": "learned"}, ValueError, "start"),
        ((LINE, AffineError(np.eye(2))), {}, ValueError, "dimension"),
        ((PLANE, AffineError(np.eye(2))), {}, ValueError, "simulate_generation"),
        ((PLANE, BoundedError(0.1)), {}, ValueError, "simulate_generation"),
        ((Gaussian([0.0, 0.0], 1.0), BoundedError(0.1)), {}, ValueError, "simulate_generation"),
        ((PLANE, ConsistentError(Gaussian([0.0, 0.0], 1.0), kde(0.1))), {}, ValueError, "simulate_generation"),
        ((LINE, AffineError(lambda t: [[math.nan]] if t < 0.5 else [[0.1]])), {}, ValueError, "error"),
    ],
)
def test_bad_calls_are_refused_by_name(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        exact_generation(*arguments, **options)
