"""The symbolic layer against the numeric one: closed forms derived by sympy meet the ODE and quadrature routes."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy as sp

import theory
from numeric import (
    OU,
    Channel,
    ConsistentError,
    Gaussian,
    chi2,
    early_stopping,
    exact_generation,
    exact_recursion,
    kl,
    mean_shift,
)

SEED = 20260

LAM, LAM_HAT, T0, TIME = sp.symbols("lam lam_hat t0 T", positive=True)
DELTA = sp.Symbol("delta", real=True)
MODE = (sp.Symbol("m1", real=True), sp.Symbol("v1", positive=True), sp.Symbol("m0", real=True), sp.Symbol("v0", positive=True))
KL = sp.lambdify(MODE, theory.kl_gaussian(*MODE), "mpmath")
CHI2 = sp.lambdify(MODE, theory.chi2_gaussian(*MODE), "mpmath")
FORMS = {
    "ideal_energy": sp.lambdify((LAM, LAM_HAT, DELTA, T0, TIME), theory.ideal_energy(LAM, LAM_HAT, DELTA, T0, TIME), "mpmath"),
    "learned_energy": sp.lambdify(
        (LAM, LAM_HAT, DELTA, T0, TIME), theory.learned_energy(LAM, LAM_HAT, DELTA, T0, TIME), "mpmath"
    ),
}


def commuting_case(rng: np.random.Generator):
    """A Gaussian and a channel with a common eigenbasis, the process, and its modes (variance, learned variance, shift)."""
    dim = int(rng.integers(1, 4))
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    variances = np.exp(rng.uniform(np.log(0.05), np.log(8.0), dim))
    gains, noises, shift = rng.uniform(0.6, 1.2, dim), rng.uniform(0.0, 0.5, dim), rng.normal(0.0, 0.4, dim)
    target = Gaussian(rng.normal(0.0, 1.0, dim), basis * variances @ basis.T)
    error = ConsistentError(target, Channel(basis * gains @ basis.T, shift, basis * noises @ basis.T))
    process = OU(rng.uniform(0.005, 0.1), rng.uniform(2.0, 6.0))
    modes = list(zip(variances, gains**2 * variances + noises, basis.T @ (error.learned.mean - target.mean), strict=True))
    return target, error, process, modes


def worst(name: str, form, cases) -> float:
    """Largest relative difference between a closed form summed over modes and the numeric route."""
    differences = []
    with mpmath.workdps(40):
        for generation, process, modes in cases:
            total = sum(form(*(mpmath.mpf(float(x)) for x in (*mode, process.t0, process.T))) for mode in modes)
            differences.append(abs(float(getattr(generation, name) / total) - 1.0))
    return max(differences)


@pytest.mark.parametrize("count", [40, pytest.param(200, marks=pytest.mark.thorough)])
def test_energies_of_commuting_cases(count: int) -> None:
    rng = np.random.default_rng(SEED)
    cases = []
    for _ in range(count):
        target, error, process, modes = commuting_case(rng)
        cases.append((exact_generation(target, error, process, start="learned"), process, modes))
    for name, form in FORMS.items():
        assert worst(name, form, cases) < 1e-9
    # wrong twins: each energy held against the other's formula, and the classic confusion of t0 with T
    assert worst("ideal_energy", FORMS["learned_energy"], cases) > 1e-2
    assert worst("learned_energy", lambda a, b, d, t0, T: FORMS["learned_energy"](a, b, d, 2 * t0, T), cases) > 1e-3


def test_divergences_of_commuting_cases() -> None:
    rng = np.random.default_rng(SEED + 1)
    for _ in range(50):
        target, error, process, modes = commuting_case(rng)
        learned, ideal = process.marginal(error.learned, process.t0), process.marginal(target, process.t0)
        a, v = np.exp(-0.5 * process.t0), -np.expm1(-process.t0)
        noised = [(a * shift, a**2 * hat + v, 0.0, a**2 * lam + v) for lam, hat, shift in modes]
        assert kl(learned, ideal) == pytest.approx(sum(float(KL(*mode)) for mode in noised), rel=1e-9)
        factors = [float(CHI2(*mode)) for mode in noised]
        expected = np.expm1(sum(np.log1p(factors))) if np.all(np.isfinite(factors)) else np.inf
        assert chi2(learned, ideal) == pytest.approx(expected, rel=1e-9)
        swapped = sum(float(KL(m0, v0, m1, v1)) for m1, v1, m0, v0 in noised)
        assert kl(learned, ideal) != pytest.approx(swapped, rel=1e-6)
    # and with numbers put into the closed forms themselves, for the last of them
    assert float(sum(theory.kl_gaussian(*mode) for mode in noised)) == pytest.approx(kl(learned, ideal), rel=1e-9)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_the_discounted_sum_and_the_triangle_bound(alpha: float) -> None:
    rounds = exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.05), alpha, 12)
    innovations = [float(size) for size in rounds.innovation]
    assert rounds.discounted_sums[-1] == pytest.approx(float(theory.discounted_sum(alpha, innovations)), rel=1e-12)
    assert rounds.triangle_bound[-1] == pytest.approx(float(theory.triangle_bound(alpha, innovations)), rel=1e-12)


@pytest.mark.parametrize(("pattern", "sign"), [("coherent", 1.0), ("alternating", -1.0)])
def test_the_limits_of_interference_are_reached(pattern: str, sign: float) -> None:
    rounds = exact_recursion(Gaussian(0.0, 1.0), [mean_shift(1e-6 * sign**step) for step in range(60)], 0.5, 60)
    assert rounds.interference[-1] == pytest.approx(float(theory.interference(sp.Rational(1, 2), pattern)), rel=1e-5)
    assert rounds.interference[-1] != pytest.approx(float(theory.interference(sp.Rational(2, 5), pattern)), rel=1e-2)


def test_early_stopping_alone_is_the_closed_form_of_chi2() -> None:
    rounds = exact_recursion(Gaussian(0.0, 0.4), early_stopping(0.1), 0.3, 1)
    gain, noise = np.exp(-0.1), -np.expm1(-0.1)
    expected = float(theory.chi2_gaussian(0, 0.4 * gain + noise, 0, 0.4))
    assert rounds.divergence[1] == pytest.approx(expected, rel=1e-12)
