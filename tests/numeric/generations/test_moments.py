"""Exponential moments of affine errors: against the other Riccati route, closed forms, and simulated paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

import theory
from numeric.generations.affine_ode import affine_generation
from numeric.generations.errors import AffineError, BoundedError
from numeric.generations.moments import TILTS, energy_moment_bound, exponential_moments, moment_pairs, weight_moments
from numeric.judging.checks import check_generation
from numeric.judging.verdicts import Verdict
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian
from numeric.validation import Array

PROCESS = OU(0.02, 4.0)
UNIT = Gaussian(0.0, 1.0)


def random_round(seed: int, dim: int, size: float = 0.06) -> tuple[Gaussian, AffineError]:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(dim, dim))
    matrix, offset, pace = size * rng.normal(size=(dim, dim)), 0.1 * rng.normal(size=dim), rng.uniform(0.3, 2.0)
    target = Gaussian(rng.normal(size=dim), root @ root.T + 0.05 * np.eye(dim))
    return target, AffineError(lambda t: matrix * (1.0 + 0.5 * math.sin(pace * t)), lambda t: offset * math.cos(pace * t))


@pytest.mark.parametrize(("seed", "dim"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4)])
def test_the_second_power_is_the_path_chi2_of_the_other_route(seed: int, dim: int) -> None:
    """affine_ode integrates the weighted law in whitened coordinates; here the conditional mean in the given ones."""
    target, error = random_round(seed, dim)
    path = affine_generation(target, error, PROCESS).path_chi2
    assert isinstance(path, float)
    first, second = weight_moments(target, error, PROCESS, [1.0, 2.0])
    assert abs(first) < 1e-7  # E e^Z = 1
    assert math.expm1(second) == pytest.approx(path, rel=1e-6)
    if math.isfinite(path):
        (twin,) = exponential_moments(target, error, PROCESS, [2.0], [0.0])  # forgets -V: twice as large for small errors
        assert twin > 1.5 * second


def test_a_closed_form_and_an_infinite_moment_without_blow_up() -> None:
    """e = x/4 on N(0, 1): E e^{2Z} = exp(c)/sqrt(1 - p), p' = p² + 1/8, c' = p/2; e = .24 x: infinite at T = 4."""
    span = math.sqrt(2.0) * math.pi / 3.0
    (log,) = weight_moments(UNIT, AffineError(0.25), OU(0.02, 0.02 + span), [2.0])
    assert log == pytest.approx(-0.5 * math.log(math.sqrt(3.0) / 2.0 * (1.0 - math.sqrt(6.0) / 12.0)), rel=1e-6)
    assert weight_moments(UNIT, AffineError(0.24), PROCESS, [2.0, 3.0]).tolist() == [math.inf, math.inf]
    assert weight_moments(UNIT, AffineError(0.24), PROCESS, [1.5])[0] < 0.2


def test_an_offset_has_the_moments_of_a_normal_variable() -> None:
    """V is not random: log E exp(aM + bV) = (a²/2 + b) V."""
    error = AffineError(0.0, lambda t: 0.3 * math.exp(-0.5 * t))
    energy = 0.09 * (math.exp(-PROCESS.t0) - math.exp(-PROCESS.T))
    a, b = np.array([0.0, 1.0, 2.0, -1.5, 3.0]), np.array([1.0, 0.0, 0.5, 2.0, -1.5])
    logs = exponential_moments(UNIT, error, PROCESS, a, b)
    np.testing.assert_allclose(logs, (0.5 * a * a + b) * energy, rtol=1e-6)


def simulated_energies(paths: int, steps: int) -> Array:
    """V of e = .3 x on N(0, 1), T - t0 = 3.98: the ideal path is the stationary OU process, so it is drawn exactly."""
    rng = np.random.default_rng(11)
    step = (PROCESS.T - PROCESS.t0) / steps
    keep, spread = math.exp(-0.5 * step), math.sqrt(-math.expm1(-step))
    x = rng.normal(size=paths)
    total = 0.5 * x * x
    for _ in range(steps):
        x = keep * x + spread * rng.normal(size=paths)
        total += x * x
    return np.asarray(0.09 * step * (total - 0.5 * x * x))


def test_moments_of_the_energy_are_those_of_simulated_paths() -> None:
    error, energies = AffineError(0.3), simulated_energies(20_000, 160)
    mean = affine_generation(UNIT, error, PROCESS).ideal_energy
    assert isinstance(mean, float)
    for tilt in (0.5, 1.0):
        values = np.exp(tilt * energies)
        (log,) = exponential_moments(UNIT, error, PROCESS, [0.0], [tilt])
        error_bar = float(values.std()) / math.sqrt(values.size) + 1e-4  # the trapezoid over the path is off by 1e-4
        assert abs(float(values.mean()) - math.exp(log)) < 5.5 * error_bar
        (twin,) = exponential_moments(UNIT, error, PROCESS, [0.0], [1.5 * tilt])
        assert abs(float(values.mean()) - math.exp(twin)) > 5.5 * error_bar
    tilts = np.asarray(TILTS) / mean
    logs = exponential_moments(UNIT, error, PROCESS, np.zeros_like(tilts), tilts)
    finite = np.isfinite(logs)
    assert not finite.all()  # V has an exponential tail
    for power in (2.5, 4.0):
        bound = math.exp(energy_moment_bound(logs[finite], tilts[finite], power))
        seen = float((energies**power).mean())
        assert seen < bound < 12.0 * seen


def test_pairs_are_constants_of_a3_and_a4() -> None:
    target, error = random_round(3, 2, 0.02)  # small enough for several moments to be finite
    energy = affine_generation(target, error, PROCESS).ideal_energy
    assert isinstance(energy, float)
    pairs = moment_pairs(target, error, PROCESS, energy)
    assert len(pairs) >= 3
    powers = np.array([1.0 + pair.delta for pair in pairs])
    exact = np.exp(weight_moments(target, error, PROCESS, powers))
    for pair, moment in zip(pairs, exact.tolist(), strict=True):
        assert pair.delta > 1.0
        assert pair.gamma * (pair.delta - 1.0) >= 4.0
        assert moment < pair.weight_moment < 1.001 * moment
        assert pair.energy_moment >= 1.0  # Jensen


def test_the_moment_claims_are_decided_without_a_bound_on_v() -> None:
    """A small affine error with A != 0: the sandwich with C', and through it the observability bounds, on unbounded V."""
    one = affine_generation(UNIT, AffineError(0.004, 0.006), PROCESS)
    assert math.isinf(one.sup_energy)
    names = ["sandwich-moments", "observability-lower", "observability-threshold", "observability-upper"]
    claims = [theory.claim(name) for name in names]
    verdicts = {check.claim: check.verdict for check in check_generation(one, claims)}
    assert verdicts == dict.fromkeys(names, Verdict.HOLDS)
    mutants = [theory.claim(name) for name in ("sandwich-moments/half-leading", "observability-lower/twice")]
    assert [check.verdict for check in check_generation(one, mutants)] == [Verdict.VIOLATED, Verdict.VIOLATED]


def test_where_no_moment_is_finite_the_constant_is_unknown() -> None:
    one = affine_generation(UNIT, AffineError(0.24), PROCESS)
    assert check_generation(one, ["observability-upper", "sandwich-moments"]) == ()  # no bound can be formed


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="error must be affine"):
        weight_moments(UNIT, BoundedError(0.2), PROCESS, [2.0])
    with pytest.raises(ValueError, match=r"energy must be >= 0, or -martingale/2 .* got -0.25 with 0.5"):
        weight_moments(UNIT, AffineError(0.1), PROCESS, [0.5])
    with pytest.raises(ValueError, match="as many numbers"):
        exponential_moments(UNIT, AffineError(0.1), PROCESS, [1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="ideal_energy must be positive"):
        moment_pairs(UNIT, AffineError(0.1), PROCESS, 0.0)
