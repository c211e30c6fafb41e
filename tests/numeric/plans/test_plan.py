"""Plans: recursions do what they promise, a little less fresh data breaks the promise, and wrong formulas are caught."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, optimize

import theory
from numeric import OU, Channel, ConsistentError, Gaussian, exact_generation, exact_recursion, mean_shift, tv
from numeric.plans.plan import (
    drift_ceiling,
    drift_floor,
    effective_memory,
    forgetting_time,
    frontier,
    largest_energy,
    least_root,
    plan_fresh_fraction,
    plan_sample_size,
    sampling_energy,
)

SETTINGS = [("chi2", True), ("chi2", False), ("tv", True)]
LONG = 400


def rounds(alpha: float, energy: float, divergence: str, coherent: bool, count: int = LONG) -> float:
    """The drift after ``count`` rounds, vector by vector: constant innovations, repeated or orthogonal; TV by its recursion."""
    if divergence == "tv":
        ends = 0.0
        for _ in range(count):
            ends = (1.0 - alpha) * ends + 0.5 * math.sqrt(energy)
        return ends
    f = np.zeros(count)
    for step in range(count):
        f *= 1.0 - alpha
        f[0 if coherent else step] += math.sqrt(energy)
    return float(f @ f)


def planned_well(plan: Callable[[float, float], float], divergence: str, coherent: bool) -> bool:
    """Whether the planned fraction keeps the drift within the tolerance and one per cent less of it does not."""
    for tolerance, energy in ((0.5, 0.02), (0.1, 0.03), (0.04, 0.0012)):
        try:
            alpha = plan(tolerance, energy)
        except ValueError:
            if divergence != "tv":
                raise
            continue  # one round alone moves this far in TV
        if rounds(alpha, energy, divergence, coherent) > tolerance * (1.0 + 1e-9):
            return False
        if rounds(0.99 * alpha, energy, divergence, coherent) <= tolerance:
            return False
    return True


@pytest.mark.parametrize(("divergence", "coherent"), SETTINGS)
def test_the_planned_fraction_serves_and_a_little_less_does_not(divergence: Any, coherent: bool) -> None:
    assert planned_well(lambda d, e: plan_fresh_fraction(d, e, coherent=coherent, divergence=divergence), divergence, coherent)


@pytest.mark.parametrize(
    ("divergence", "coherent", "wrong"),
    [
        ("chi2", True, lambda d, e: min(e / d, 1.0)),  # J² for J: the square forgotten
        ("chi2", True, lambda d, e: 1.0 - math.sqrt(1.0 - e / d)),  # orthogonal taken for coherent
        ("chi2", False, lambda d, e: math.sqrt(e / d)),
        ("chi2", False, lambda d, e: 1.0 - math.sqrt(1.0 - 0.5 * e / d)),
        ("tv", True, lambda d, e: math.sqrt(e) / d if math.sqrt(e) < d else 1.0),  # without the half
    ],
)
def test_wrong_plans_are_rejected(divergence: str, coherent: bool, wrong: Callable[[float, float], float]) -> None:
    assert not planned_well(wrong, divergence, coherent)


@given(
    alpha=st.floats(0.003, 0.999),
    tolerance=st.floats(1e-6, 0.9),
    observability=st.floats(0.05, 1.0),
    case=st.sampled_from(SETTINGS),
    generations=st.one_of(st.none(), st.integers(1, 500)),
)
@settings(max_examples=60, deadline=None)
def test_the_three_inverses_agree(alpha, tolerance, observability, case, generations) -> None:
    given_to = {"observability": observability, "divergence": case[0], "coherent": case[1], "generations": generations}
    energy = largest_energy(tolerance, alpha, **given_to)
    assert drift_ceiling(alpha, energy, **given_to) == pytest.approx(tolerance, rel=1e-10)
    back = plan_fresh_fraction(tolerance, energy * (1.0 - 1e-13), **given_to)
    # where memory hardly reaches beyond one round or beyond the horizon, alpha depends on the energy through rounding
    assert drift_ceiling(back, energy, **given_to) == pytest.approx(tolerance, rel=1e-9)
    twice = min(2.0 * tolerance, 0.5 * (1.0 + tolerance))
    again = plan_fresh_fraction(twice, energy, **given_to)
    if drift_ceiling(1e-9, energy, **given_to) <= twice:
        assert again <= 1e-9
    else:
        found = optimize.brentq(lambda a: drift_ceiling(a, energy, **given_to) - twice, 1e-9, 1.0)
        assert again == pytest.approx(found, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize(("divergence", "coherent"), SETTINGS)
@pytest.mark.parametrize("count", [1, 3, 40])
def test_finite_horizons(divergence: Any, coherent: bool, count: int) -> None:
    tolerance, energy = 0.2, 0.02
    alpha = plan_fresh_fraction(tolerance, energy, coherent=coherent, divergence=divergence, generations=count)
    assert alpha <= plan_fresh_fraction(tolerance, energy, coherent=coherent, divergence=divergence)
    assert rounds(alpha, energy, divergence, coherent, count) <= tolerance * (1.0 + 1e-12)
    if alpha > 0.0:
        assert rounds(0.99 * alpha, energy, divergence, coherent, count) > tolerance
    else:
        assert rounds(0.0, energy, divergence, coherent, count) <= tolerance


def test_the_ceilings_are_the_closed_forms_of_the_theory() -> None:
    energy, alpha = 0.04, sp.Rational(3, 10)
    innovations = [sp.Rational(1, 5)] * 7
    root = float(theory.triangle_bound(alpha, innovations))
    assert drift_ceiling(0.3, energy, generations=7) == pytest.approx(root**2, rel=1e-14)
    orthogonal = float(theory.discounted_sum(alpha, innovations))
    assert drift_ceiling(0.3, energy, generations=7, coherent=False) == pytest.approx(orthogonal, rel=1e-14)
    ratio = drift_ceiling(0.3, energy) / drift_ceiling(0.3, energy, coherent=False)
    assert ratio == pytest.approx(float(theory.interference(alpha, "coherent")), rel=1e-14)
    assert drift_ceiling(0.3, energy, generations=1, observability=0.5) == pytest.approx(0.02)


def test_from_the_score_error_to_the_drift() -> None:
    """End to end: energy and observability of an exact round, the plan, and the exact recursion under it."""
    shift, share, count = 1e-3, 0.2, 40
    data = Gaussian(0.0, 1.0)
    one = exact_generation(data, ConsistentError(data, mean_shift(shift)), OU(1e-6, 24.0))
    energy, seen = float(one.ideal_energy), float(one.observability)
    tolerance = (shift / share) ** 2
    alpha = plan_fresh_fraction(tolerance, energy, observability=seen)
    assert alpha == pytest.approx(share, rel=1e-4)
    drift = [exact_recursion(data, mean_shift(shift), a, count).divergence[-1] for a in (alpha, 0.97 * alpha)]
    assert drift[0] == pytest.approx(tolerance, rel=2e-3)
    assert drift[1] > 1.02 * tolerance
    turned, count = [mean_shift(shift * row) for row in np.eye(16)], 16
    tolerance = shift**2 / (share * (2.0 - share))
    alpha = plan_fresh_fraction(tolerance, energy, observability=seen, coherent=False)
    drift = [exact_recursion(Gaussian(np.zeros(count), 1.0), turned, a, count).divergence[-1] for a in (alpha, 0.9 * alpha)]
    assert drift[0] == pytest.approx(tolerance, rel=2e-3)
    assert drift[1] > 1.05 * tolerance


def test_the_total_variation_plan_is_rigorous_for_large_errors() -> None:
    data, tolerance = Gaussian(0.0, 1.0), 0.35
    channel, process = mean_shift(0.25), OU(1e-5, 20.0)
    one = exact_generation(data, ConsistentError(data, channel), process)
    # a mean shift of a mixture of shifted copies has at most the energy that it has on one of them
    alpha = plan_fresh_fraction(tolerance, float(one.learned_energy), divergence="tv")
    recursion = exact_recursion(data, channel, alpha, 12)
    assert max(float(tv(law, data)) for law in recursion.laws) <= tolerance


def test_the_floor_is_reached_by_no_pair_of_rounds() -> None:
    alpha, shift = 0.3, 0.05
    recursion = exact_recursion(Gaussian(0.0, 1.0), [mean_shift(shift * (-1) ** step) for step in range(40)], alpha, 40)
    floor = drift_floor(alpha, float(recursion.intra[-1]))
    pairs = np.maximum(recursion.divergence[1:], recursion.divergence[:-1])
    assert np.all(pairs >= floor)
    assert np.min(pairs) < 4.0 * floor  # it informs
    assert drift_floor(alpha, 0.01, observability=0.5) == pytest.approx(alpha * 0.005 / (2.0 - alpha) ** 2)


def test_the_least_attainable_tolerance_is_named_and_attained() -> None:
    with pytest.raises(ValueError, match=r"tolerance must be at least 0\.02,"):
        plan_fresh_fraction(0.019, 0.04, observability=0.5)
    assert plan_fresh_fraction(0.02, 0.04, observability=0.5) == 1.0
    assert plan_fresh_fraction(0.02, 0.04, observability=0.5, coherent=False) == 1.0
    with pytest.raises(ValueError, match=r"tolerance must be at least 0\.1,"):
        plan_fresh_fraction(0.09, 0.04, divergence="tv", observability=0.001)
    assert plan_fresh_fraction(0.1, 0.04, divergence="tv") == 1.0
    assert plan_fresh_fraction(0.1, 0.0) == plan_fresh_fraction(0.1, 3.0, observability=0.0) == 0.0
    assert plan_fresh_fraction(1e9, 1e-9, coherent=False) == pytest.approx(5e-19, rel=1e-12)  # no cancellation


def test_memory() -> None:
    for alpha in (0.001, 0.1, 0.5, 0.97):
        powers = (1.0 - alpha) ** np.arange(60_000)
        assert effective_memory(alpha) == pytest.approx(powers.sum(), rel=1e-12)
        assert (1.0 - alpha) ** forgetting_time(alpha) == pytest.approx(math.exp(-1.0), rel=1e-12)
        assert 1.0 / alpha - 1.0 < forgetting_time(alpha) < 1.0 / alpha - 0.5
    assert (effective_memory(0.0), forgetting_time(0.0), forgetting_time(1.0)) == (math.inf, math.inf, 0.0)


def test_the_frontier_separates() -> None:
    curve = frontier(0.1, observability=0.7, coherent=False, alpha=[0.5, 0.01, 1.0])
    np.testing.assert_array_equal(curve.alpha, [0.01, 0.5, 1.0])
    for alpha, energy in zip(curve.alpha, curve.energy, strict=True):
        assert drift_ceiling(alpha, 0.999 * energy, observability=0.7, coherent=False) < 0.1
        assert drift_ceiling(alpha, 1.001 * energy, observability=0.7, coherent=False) > 0.1
    assert np.all(np.diff(frontier(0.1, divergence="tv").energy) > 0.0)
    grid = drift_ceiling(np.array([[0.1], [0.2]]), np.array([0.01, 0.02, 0.03]))
    assert np.shape(grid) == (2, 3)
    assert drift_ceiling(0.0, 0.01) == math.inf
    assert drift_ceiling(0.0, 0.0) == 0.0
    assert drift_ceiling(5e-324, 0.01) == drift_ceiling(1e-200, 0.01) == drift_ceiling(1e-9, 1e300) == math.inf  # beyond floats


def test_borders_and_defaults() -> None:
    assert plan_fresh_fraction(4.0, 1.0) == 0.5  # an energy of one is an energy like any other
    assert drift_ceiling(0.01, 0.5, divergence="tv") == 1.0  # no total variation is larger
    assert drift_ceiling(np.array([0.01, 1.0]), 0.5, divergence="tv")[1] < 1.0
    curve = frontier(0.1)
    assert curve.alpha.shape == curve.energy.shape == (200,)
    assert (curve.alpha[0], curve.alpha[-1]) == (pytest.approx(1e-3, rel=1e-12), 1.0)
    np.testing.assert_allclose(np.diff(np.log(curve.alpha)), math.log(1e3) / 199, rtol=1e-9)
    assert (curve.tolerance, curve.divergence, curve.coherent, curve.observability, curve.generations) == (
        0.1,
        "chi2",
        True,
        1.0,
        None,
    )
    np.testing.assert_allclose(curve.energy, 0.1 * curve.alpha**2, rtol=1e-12)  # coherent and wholly visible unless said
    assert largest_energy(0.1, 0.5) == pytest.approx(0.1 * 0.25, rel=1e-14)
    assert isinstance(drift_ceiling(0.1, 0.01), float)
    assert np.shape(drift_ceiling([0.1], 0.01)) == (1,)
    assert drift_ceiling(1.0, 0.3, generations=1) == drift_ceiling(1.0, 0.3, generations=7) == drift_ceiling(1.0, 0.3) == 0.3
    assert curve != frontier(0.1)  # compared by identity, never by its arrays
    with pytest.raises(FrozenInstanceError):
        curve.tolerance = 0.2  # type: ignore[misc]


SPREAD = np.array([0.3, 1.0, 4.0])


def score_energy_of_a_fit(spread: np.ndarray, process: OU, cross: float = 1.0) -> float:
    """n E eps*² from the definition: the score's response to errors of mean and covariance, integrated over time."""

    def rate(t: float) -> float:
        u = math.exp(-t)
        s = spread * u + 1.0 - u
        pairs = np.outer(spread, spread) * np.where(np.eye(len(spread)) > 0.0, 2.0, cross)  # n Var of each covariance entry
        return float(np.sum(u * spread / s**2) + np.sum(pairs * u**2 / np.outer(s**2, s)))

    return float(integrate.quad(rate, process.t0, process.T, epsabs=0.0, epsrel=1e-11, limit=200)[0])


def test_the_sample_size_law_from_its_definition() -> None:
    process = OU(0.05, 3.0)
    expected = score_energy_of_a_fit(SPREAD, process)
    assert 100 * sampling_energy(100, eigenvalues=SPREAD, process=process) == pytest.approx(expected, rel=1e-9)
    without = score_energy_of_a_fit(SPREAD, process, cross=0.0)
    assert 100 * sampling_energy(100, eigenvalues=SPREAD, process=process) != pytest.approx(without, rel=1e-2)


def written_out(expression: sp.Expr) -> sp.Expr:
    """Every Sum term by term, the outermost index first."""

    def terms(node: sp.Sum) -> sp.Expr:
        *inner, (index, low, high) = node.limits
        body = sp.Sum(node.function, *inner) if inner else node.function
        return sp.Add(*(written_out(body.subs(index, k)) for k in range(int(low), int(high) + 1)))

    return expression.replace(lambda node: isinstance(node, sp.Sum), terms)


def test_the_sample_size_law_against_the_claim() -> None:
    process = OU(0.05, 3.0)
    s = theory.symbols
    statement = theory.claim("sample-size-law").statement
    many = 10**9  # to leading order in 1/n, at an n where nothing else is left
    values = {s.dimension: 3, s.sample_size: many, s.first_signal: math.exp(-3.0), s.last_signal: math.exp(-0.05)}
    form = written_out(statement.rhs.subs(values)).subs({s.eigenvalue[j]: float(value) for j, value in enumerate(SPREAD)})
    assert sampling_energy(many, eigenvalues=SPREAD, process=process) == pytest.approx(float(form), rel=1e-8)
    limit = sampling_energy(100, eigenvalues=SPREAD, process=OU(1e-9, 60.0))
    assert sampling_energy(100, dim=3) == pytest.approx(limit, rel=1e-6)


def test_fitted_gaussians_have_that_energy() -> None:
    """Seed 7, 3000 fits of 400 points in the plane: the mean energy within five standard errors and the next order in 1/n."""
    rng, process, n, fits = np.random.default_rng(7), OU(0.05, 3.0), 400, 3000
    spread = np.array([0.5, 2.0])
    draws = rng.standard_normal((fits, n, 2)) * np.sqrt(spread)
    mean = draws.mean(axis=1)
    cov = np.einsum("fni,fnj->fij", draws, draws) / n - np.einsum("fi,fj->fij", mean, mean)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    total = np.zeros(fits)
    for node, weight in zip(0.5 * (process.T - process.t0) * (nodes + 1.0) + process.t0, weights, strict=True):
        u = math.exp(-node)
        exact = spread * u + 1.0 - u
        learned = np.linalg.inv(cov * u + np.eye(2) * (1.0 - u))
        slope = np.diag(1.0 / exact) - learned
        offset = np.einsum("fij,fj->fi", learned, mean) * math.sqrt(u)
        total += 0.5 * (process.T - process.t0) * weight * np.einsum("fij,j,fij->f", slope, exact, slope)
        total += 0.5 * (process.T - process.t0) * weight * np.sum(offset**2, axis=1)
    expected = sampling_energy(n, eigenvalues=spread, process=process)
    error = float(total.std(ddof=1)) / math.sqrt(fits)
    assert abs(float(total.mean()) - expected) < 5.0 * error + 10.0 * expected / n
    twin = score_energy_of_a_fit(spread, process, cross=0.0) / n
    assert abs(float(total.mean()) - twin) > 5.0 * error + 10.0 * expected / n


@given(energy=st.floats(1e-6, 5.0), dim=st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_the_planned_sample_size_is_the_least(energy: float, dim: int) -> None:
    n = plan_sample_size(energy, dim=dim)
    assert sampling_energy(n, dim=dim) <= energy * (1.0 + 1e-15)
    assert n == dim + 1 or sampling_energy(n - 1, dim=dim) > energy


def test_sample_sizes_that_are_exact_integers() -> None:
    assert plan_sample_size(0.01, dim=10) == 6500
    assert plan_sample_size(0.1, dim=1) == 20
    assert plan_sample_size(100.0, dim=7) == 8
    assert [plan_sample_size(65.0 / n, dim=10) for n in range(11, 600)] == list(range(11, 600))
    assert plan_sample_size(2.0**-52, dim=1) == 2**53  # every integer up to there is a float
    with pytest.raises(ValueError, match=r"energy must be at least 2\.22e-16, so that n is a countable number, got 1\.11e-16"):
        plan_sample_size(2.0**-53, dim=1)
    assert plan_sample_size(100.0, dim=1) == 2
    for count in (*range(1, 32), 63):  # fewer points than the dimension and one more are never planned
        for spread in np.full((6, count), np.linspace(0.5, 3.0, 6)[:, None]):
            law = sampling_energy(1, eigenvalues=spread)
            assert plan_sample_size(law / count, eigenvalues=spread) == count + 1
    assert sampling_energy(1, dim=1) == 2.0
    assert sampling_energy(1.5, dim=1) == pytest.approx(2.0 / 1.5)
    for size in (0.5, math.inf):
        with pytest.raises(ValueError, match="sample_size must be"):
            sampling_energy(size, dim=1)


def test_the_least_root_is_on_the_safe_side() -> None:
    assert least_root(lambda a: -0.5 - a) == 0.0
    assert least_root(lambda a: -a) == 0.0
    assert least_root(lambda a: 1.0 - a) == 1.0
    assert least_root(lambda a: 1.5 - a) == 1.0
    assert least_root(lambda a: 0.25 - a) == 0.25
    assert least_root(lambda a: 0.5 - math.sqrt(a)) == 0.25  # nothing is asked below 0
    for size in (1.0, 1e-12, 1e6):

        def step(a: float, size: float = size) -> float:  # positive up to the last float below 1
            assert 0.0 <= a <= 1.0
            return size if a < 1.0 else -size

        assert least_root(step) == 1.0
    for exponent in np.linspace(-60.0, -0.1, 300):
        level = math.exp(exponent)
        root = least_root(lambda a, level=level: level - a**3)
        assert level <= root**3
        assert root <= level ** (1.0 / 3.0) * (1.0 + 1e-14) + 2e-16


BAD: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    (plan_fresh_fraction, (0.0, 0.1), {}, ValueError, "tolerance must be finite and > 0"),
    (plan_fresh_fraction, ("much", 0.1), {}, TypeError, "tolerance must be a real number"),
    (plan_fresh_fraction, (1.0, 0.1), {"divergence": "tv"}, ValueError, r"tolerance must be in \(0, 1\)"),
    (plan_fresh_fraction, (0.1, -1.0), {}, ValueError, "ideal_energy must be"),
    (plan_fresh_fraction, (0.1, math.inf), {}, ValueError, "ideal_energy must be"),
    (plan_fresh_fraction, (0.1, 0.01), {"observability": 1.5}, ValueError, "observability must be in"),
    (plan_fresh_fraction, (0.1, 0.01), {"coherent": 1}, TypeError, "coherent must be True or False"),
    (plan_fresh_fraction, (0.1, 0.01), {"divergence": "kl"}, ValueError, 'divergence must be "chi2" or "tv"'),
    (plan_fresh_fraction, (0.1, 0.01), {"divergence": 2}, TypeError, "divergence must be"),
    (plan_fresh_fraction, (0.1, 0.01), {"generations": 0}, ValueError, "generations must be"),
    (drift_ceiling, ([0.1, 0.2], [0.1, 0.2, 0.3]), {}, ValueError, "energy must broadcast with alpha"),
    (drift_ceiling, (1.2, 0.1), {}, ValueError, "alpha must be in"),
    (drift_floor, (0.1, -0.1), {}, ValueError, "ideal_energy must be"),
    (largest_energy, (0.1, 0.0), {}, ValueError, r"alpha must be in \(0, 1\]"),
    (largest_energy, (0.1, 0.5), {"observability": 0.0}, ValueError, "observability must be > 0"),
    (frontier, (0.1,), {"alpha": [0.0, 0.5]}, ValueError, r"alpha must be in \(0, 1\]"),
    (effective_memory, (2.0,), {}, ValueError, "alpha must be in"),
    (plan_sample_size, (0.1,), {}, ValueError, "exactly one of dim and eigenvalues"),
    (plan_sample_size, (0.1,), {"dim": 2, "eigenvalues": [1.0]}, ValueError, "got both"),
    (plan_sample_size, (0.1,), {"dim": 2, "process": OU()}, ValueError, "process must be given with eigenvalues only"),
    (plan_sample_size, (0.0,), {"dim": 2}, ValueError, "energy must be"),
    (plan_sample_size, (1e-300,), {"dim": 2}, ValueError, "energy must be at least"),
    (plan_sample_size, (0.1,), {"eigenvalues": [1.0, 0.0]}, ValueError, "eigenvalues must be finite and > 0"),
    (plan_sample_size, (0.1,), {"eigenvalues": [1.0], "process": 3}, TypeError, "process must be an OU"),
    (sampling_energy, (0.5,), {"dim": 2}, ValueError, "sample_size must be"),
]


@pytest.mark.parametrize(("function", "arguments", "named", "kind", "said"), BAD)
def test_bad_plans_name_the_argument(function, arguments, named, kind, said) -> None:
    with pytest.raises(kind, match=said) as caught:
        function(*arguments, **named)
    assert "\n" not in str(caught.value)


def test_a_channel_that_widens_is_planned_to_leading_order_only() -> None:
    """What "leading order" hides: added variance makes the chi2 infinite whatever the plan says."""
    data, channel = Gaussian(0.0, 1.0), Channel(noise=0.1)
    one = exact_generation(data, ConsistentError(data, channel), OU(1e-5, 20.0))
    alpha = plan_fresh_fraction(0.1, float(one.ideal_energy), observability=float(one.observability))
    assert math.isinf(exact_recursion(data, channel, alpha, 12).divergence[-1])
