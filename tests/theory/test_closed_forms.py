"""Every closed form of ``theory`` against a second route that shares no code with it, and that route against a wrong twin."""

from __future__ import annotations

import doctest
import functools
import importlib
import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import mpmath
import pytest
import sympy as sp

import theory
from theory.davis import DAVIS, davis_constant, moment_constant
from theory.discounting import discounted_sum, interference, triangle_bound
from theory.energy import ideal_energy, learned_energy, observability, visible_energy
from theory.gaussian import (
    chi2_gaussian,
    hellinger_gaussian,
    kl_gaussian,
    noised_mean,
    noised_variance,
    renyi_gaussian,
    w2_gaussian,
)
from theory.limits import hermite_gain
from theory.sampling import finite_sample_step

LAWS = [(0.3, 0.5, -0.2, 0.7), (0.0, 1.3, 0.4, 0.9), (-1.0, 0.2, 0.5, 2.0), (2.0, 1.0, 0.0, 1.0), (0.1, 1.999, 0.0, 1.0)]
MODES = [(0.5, 0.8, 0.0), (0.5, 0.5, 0.4), (1.0, 1.3, 0.2), (2.0, 1.0, -0.3), (0.05, 0.04, 0.1), (9.0, 3.0, 1.0)]


def rejects(check: Callable[[], None]) -> bool:
    """Whether the check fails, as it must on the wrong twin."""
    try:
        check()
    except AssertionError:
        return True
    return False


def close(value: object, reference: object, tolerance: float = 1e-12) -> None:
    reference = mpmath.mpf(str(reference)) if not isinstance(reference, mpmath.mpf) else reference
    difference = abs(mpmath.mpf(str(sp.N(value, 30))) - reference)
    assert difference <= tolerance * max(abs(reference), mpmath.mpf("1e-300")), f"{value} is not {reference}"


# --- divergences -----------------------------------------------------------------------------------------------------


def density(x: mpmath.mpf, mean: float, variance: float) -> mpmath.mpf:
    return mpmath.exp(-((x - mean) ** 2) / (2 * mpmath.mpf(variance))) / mpmath.sqrt(2 * mpmath.pi * mpmath.mpf(variance))


def by_quadrature(integrand: Callable[[mpmath.mpf, mpmath.mpf], mpmath.mpf], law: tuple[float, ...]) -> mpmath.mpf:
    """int f(p(x), q(x)) dx, to about 20 digits; the range covers p²/q too, whose variance is v0 v1/(2 v0 - v1) at most."""
    m1, v1, m0, v0 = law
    with mpmath.workdps(15):
        spread = math.sqrt(max(v1, v0, v0 * v1 / max(2 * v0 - v1, 1e-9)))
        centre = (2 * v0 * m1 - v1 * m0) / (2 * v0 - v1) if 2 * v0 > v1 else m1
        points = [centre + k * spread for k in range(-12, 13, 3)]
        return mpmath.quad(lambda x: integrand(density(x, m1, v1), density(x, m0, v0)), points)


DIVERGENCES = {
    "chi2": (chi2_gaussian, lambda p, q: (p - q) ** 2 / q, lambda v: v),
    "kl": (kl_gaussian, lambda p, q: p * mpmath.log(p / q), lambda v: v),
    "renyi 0.7": (lambda *law: renyi_gaussian(*law, 0.7), lambda p, q: p**0.7 * q ** (1 - 0.7), lambda v: mpmath.log(v) / -0.3),
    "renyi 2": (lambda *law: renyi_gaussian(*law, 2), lambda p, q: p**2 / q, mpmath.log),
    "hellinger": (hellinger_gaussian, lambda p, q: (mpmath.sqrt(p) - mpmath.sqrt(q)) ** 2 / 2, mpmath.sqrt),
}


@pytest.mark.parametrize("law", LAWS[:3], ids=str)
@pytest.mark.parametrize("name", DIVERGENCES)
def test_divergence_is_its_definition_by_quadrature(name: str, law: tuple[float, ...]) -> None:
    closed, integrand, finish = DIVERGENCES[name]
    reference = finish(by_quadrature(integrand, law))
    close(closed(*law), reference, 1e-12)
    if name != "hellinger" and law[1] != law[3]:  # symmetric ones cannot tell the order of the arguments
        m1, v1, m0, v0 = law
        if 2 * v1 > v0:
            assert rejects(lambda: close(closed(m0, v0, m1, v1), reference, 1e-3))


def test_chi2_is_finite_up_to_the_doubled_variance_and_not_at_it() -> None:
    assert chi2_gaussian(0, 2, 0, 1) is sp.oo
    assert chi2_gaussian(5.0, 2.5, 0, 1) is sp.oo
    close(chi2_gaussian(*LAWS[4]), mpmath.exp(mpmath.mpf(0.1) ** 2 / (2 - mpmath.mpf(1.999)))
          / mpmath.sqrt(mpmath.mpf(1.999) * (2 - mpmath.mpf(1.999))) - 1, 1e-13)  # fmt: skip
    v1, v0 = sp.symbols("v1 v0", positive=True)
    assert chi2_gaussian(0, v1, 0, v0).subs({v1: 3, v0: 1}) is sp.oo
    assert renyi_gaussian(0, 4, 0, 1, sp.Rational(3, 2)) is sp.oo
    assert renyi_gaussian(0, 4, 0, 1, sp.Rational(5, 4)).is_finite


def test_every_divergence_of_a_law_from_itself_is_zero() -> None:
    for closed in (chi2_gaussian, kl_gaussian, hellinger_gaussian, w2_gaussian, lambda *law: renyi_gaussian(*law, 3)):
        assert closed(0.3, 0.7, 0.3, 0.7) == 0


def test_renyi_meets_its_neighbours() -> None:
    law = LAWS[0]
    close(renyi_gaussian(*law, 1), kl_gaussian(*law), 1e-14)
    close(renyi_gaussian(*law, 2), mpmath.log1p(mpmath.mpf(str(chi2_gaussian(*law)))), 1e-13)
    close(renyi_gaussian(*law, 1 + 1e-8), kl_gaussian(*law), 1e-7)


def test_w2_is_the_distance_of_the_quantiles() -> None:
    m1, v1, m0, v0 = LAWS[2]
    gap = lambda z: density(z, 0, 1) * (m1 - m0 + (mpmath.sqrt(v1) - mpmath.sqrt(v0)) * z) ** 2  # noqa: E731
    wrong = lambda z: density(z, 0, 1) * (m1 - m0 + (v1 - v0) * z) ** 2  # noqa: E731
    close(w2_gaussian(*LAWS[2]), mpmath.sqrt(mpmath.quad(gap, range(-12, 13, 3))), 1e-11)
    assert rejects(lambda: close(w2_gaussian(*LAWS[2]), mpmath.sqrt(mpmath.quad(wrong, range(-12, 13, 3))), 1e-3))


def test_noising_is_a_semigroup_with_the_right_generator() -> None:
    m, v, s, t = sp.symbols("m v s t", positive=True)
    assert sp.simplify(noised_variance(noised_variance(v, s), t) - noised_variance(v, s + t)) == 0
    assert sp.simplify(noised_mean(noised_mean(m, s), t) - noised_mean(m, s + t)) == 0
    assert sp.diff(noised_mean(m, t), t).subs(t, 0) == -m / 2
    assert sp.expand(sp.diff(noised_variance(v, t), t).subs(t, 0)) == 1 - v
    assert noised_variance(v, sp.oo) == 1


# --- energies --------------------------------------------------------------------------------------------------------


@functools.cache
def energy_by_quadrature(lam: float, lam_hat: float, delta: float, t0: float, T: float, mean: float, along: str) -> mpmath.mpf:
    """int dt int dx of the squared score difference against the density of the process: the raw definition, any mean."""

    def at(t: mpmath.mpf) -> mpmath.mpf:
        u = mpmath.exp(-t)
        ideal = (mpmath.sqrt(u) * mean, 1 + (lam - 1) * u)
        learned = (mpmath.sqrt(u) * (mean + delta), 1 + (lam_hat - 1) * u)
        m, v = ideal if along == "ideal" else learned
        # (3, x) Gauss-Hermite is exact for the quadratic; its nodes are 0 and +-sqrt(3)
        nodes = (
            (m, mpmath.mpf(2) / 3),
            (m - mpmath.sqrt(3 * v), mpmath.mpf(1) / 6),
            (m + mpmath.sqrt(3 * v), mpmath.mpf(1) / 6),
        )
        return sum(w * (-(x - learned[0]) / learned[1] + (x - ideal[0]) / ideal[1]) ** 2 for x, w in nodes)

    with mpmath.workdps(15):
        return mpmath.quad(at, [t0, (t0 + T) / 8, (t0 + T) / 3, T])


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize(("along", "closed"), [("ideal", ideal_energy), ("learned", learned_energy)])
def test_energy_is_the_squared_score_difference_integrated(
    along: str, closed: Callable[..., sp.Expr], mode: tuple[float, float, float]
) -> None:
    for t0, T in ((0.02, 4.0), (0.3, 1.0)) if mode == MODES[0] else ((0.1, 3.0),):
        reference = energy_by_quadrature(*mode, t0, T, mean=0.7, along=along)
        close(closed(*mode, t0, T), reference, 1e-12)
        if mode[0] != mode[1]:
            other = "learned" if along == "ideal" else "ideal"
            assert rejects(lambda: close(closed(*mode, t0, T), energy_by_quadrature(*mode, t0, T, mean=0.7, along=other), 1e-3))  # noqa: B023


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_energy_is_twice_the_change_of_kl(mode: tuple[float, float, float]) -> None:
    lam, lam_hat, delta = mode
    t0, T = sp.Rational(1, 50), sp.Integer(4)
    laws = [(noised_mean(delta, t), noised_variance(lam_hat, t), 0, noised_variance(lam, t)) for t in (t0, T)]
    forward = [kl_gaussian(*law) for law in laws]
    reverse = [kl_gaussian(law[2], law[3], law[0], law[1]) for law in laws]
    close(learned_energy(*mode, t0, T), mpmath.mpf(str(2 * (forward[0] - forward[1]))), 1e-10)
    close(ideal_energy(*mode, t0, T), mpmath.mpf(str(2 * (reverse[0] - reverse[1]))), 1e-10)


def endpoint_by_ode(lam: float, lam_hat: float, delta: float, t0: float, T: float, start: str) -> tuple[float, float]:
    """Learned energy and visible energy by Runge-Kutta over the reverse moments (no closed form of any kind).

    The visible energy is that of the endpoint's first variation under e -> kappa e: (dm)²/v + (dC)²/(2 v²).
    """

    def rates(tau: float, y: list[float]) -> list[float]:
        u = math.exp(-(T - tau))
        v, w, shift = 1 + (lam - 1) * u, 1 + (lam_hat - 1) * u, math.sqrt(u) * delta
        slope, offset = 1 / v - 1 / w, shift / w  # e(x) = slope x + offset, data mean 0
        mean, variance, _, dm, dc = y
        drift = 0.5 - 1 / v
        return [
            (drift + slope) * mean + offset,
            2 * (drift + slope) * variance + 1,
            slope**2 * variance + (slope * mean + offset) ** 2,
            drift * dm + offset,
            2 * drift * dc + 2 * slope * v,
        ]

    u = math.exp(-T)
    learned = start == "learned"
    y = [math.sqrt(u) * delta * learned, 1 + ((lam_hat if learned else lam) - 1) * u, 0.0, 0.0, 0.0]
    steps = 600
    h = (T - t0) / steps
    for n in range(steps):
        k1 = rates(n * h, y)
        k2 = rates((n + 0.5) * h, [a + h / 2 * b for a, b in zip(y, k1, strict=True)])
        k3 = rates((n + 0.5) * h, [a + h / 2 * b for a, b in zip(y, k2, strict=True)])
        k4 = rates((n + 1) * h, [a + h * b for a, b in zip(y, k3, strict=True)])
        y = [a + h / 6 * (b + 2 * c + 2 * d + e) for a, b, c, d, e in zip(y, k1, k2, k3, k4, strict=True)]
    v = 1 + (lam - 1) * math.exp(-t0)
    return y[2], y[3] ** 2 / v + y[4] ** 2 / (2 * v**2)


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_visible_and_learned_energy_by_the_reverse_moments(mode: tuple[float, float, float]) -> None:
    t0, T = 0.1, 2.0
    learned, visible = endpoint_by_ode(*mode, t0, T, "learned")
    close(learned_energy(*mode, t0, T), learned, 1e-8)
    close(visible_energy(*mode, t0, T), visible, 1e-8)
    assert rejects(lambda: close(visible_energy(*mode, t0, T), 1.01 * visible, 1e-3))
    eta = observability(*mode, t0, T)
    close(eta * ideal_energy(*mode, t0, T), visible, 1e-8)
    assert 0 < eta <= 1


def test_learned_energy_depends_on_the_start() -> None:
    assert abs(float(learned_energy(0.5, 0.8, 0, 0.02, 4)) - 0.12135055) < 5e-9
    assert abs(endpoint_by_ode(0.5, 0.8, 0.0, 0.02, 4.0, "learned")[0] - 0.12135055) < 5e-9
    assert abs(endpoint_by_ode(0.5, 0.8, 0.0, 0.02, 4.0, "ideal")[0] - 0.12133317) < 5e-9


def test_energies_at_coincident_eigenvalues_are_ordinary_values() -> None:
    names = sp.symbols("lam lam_hat delta t0 T", real=True)
    for closed in (ideal_energy, learned_energy, visible_energy, observability):
        assert closed(sp.Rational(1, 2), sp.Rational(1, 2), 0, 0, 4) == 0
        with mpmath.workdps(50):
            at = sp.lambdify(names, closed(*names), "mpmath")
            for lam, lam_hat in ((1, 1), (1, 2), (2, 1), (3, 3)):
                here = at(mpmath.mpf(lam), mpmath.mpf(lam_hat), 1, mpmath.mpf("0.02"), mpmath.mpf(4))
                near = at(lam + mpmath.mpf("1e-20"), lam_hat - mpmath.mpf("1e-20"), 1, mpmath.mpf("0.02"), mpmath.mpf(4))
                assert abs(near - here) < mpmath.mpf("1e-18") * here


def test_energies_of_a_mean_shift() -> None:
    # on N(0, 1) the energy is delta² (u0 - uT), seen up to the factor (u0 - uT)/u0
    t0, T = sp.Rational(1, 50), sp.Integer(4)
    assert sp.expand(ideal_energy(1, 1, 3, t0, T) - 9 * (sp.exp(-t0) - sp.exp(-T))) == 0
    close(observability(1, 1, 3, t0, T), 1 - mpmath.exp(mpmath.mpf("0.02") - 4), 1e-14)
    assert ideal_energy(1, 1, 3, 0, sp.oo) == 9


@pytest.mark.parametrize("closed", [ideal_energy, learned_energy, visible_energy])
def test_lambdified_energies_keep_their_digits(closed: Callable[..., sp.Expr]) -> None:
    names = sp.symbols("lam lam_hat delta t0 T", real=True)
    expression = closed(*names)
    double, precise = sp.lambdify(names, expression, "math"), sp.lambdify(names, expression, "mpmath")

    def relative_error(*point: float) -> float:
        with mpmath.workdps(50):
            exact = precise(*(mpmath.mpf(x) for x in point))
            return float(abs(double(*point) - exact) / exact)

    for base in (1e-3, 0.3, 1.0, 4.0):
        for gap in (0.3, 1e-2, 1e-4, 1e-6):
            lam_hat = base + gap * base
            # without a shift the leading terms cancel, by the relative gap of the variances at t0
            at_t0 = gap * base / (1 - math.exp(-0.02) + base * math.exp(-0.02))
            assert relative_error(base, lam_hat, 0.0, 0.02, 4.0) <= 2e-14 / at_t0
            assert relative_error(base, lam_hat, 0.2, 0.02, 4.0) <= 1e-12
        for lam_hat in (base, 1.0, 1.0 + 1e-13):
            assert relative_error(base, lam_hat, 0.2, 0.02, 4.0) <= 1e-12


def test_calls_with_floats_are_exact_and_rounded_once() -> None:
    names = sp.symbols("lam lam_hat delta t0 T", real=True)
    point = (0.7, 0.7 * (1 + 1e-11), 0.0, 0.02, 4.0)
    for closed in (ideal_energy, learned_energy, visible_energy):
        with mpmath.workdps(60):
            exact = sp.lambdify(names, closed(*names), "mpmath")(*(mpmath.mpf(x) for x in point))
        close(closed(*point), exact, 1e-14)


@pytest.mark.parametrize("gap", [0.4, 1e-3, 1e-6, 1e-9])
def test_lambdified_divergences_keep_their_digits(gap: float) -> None:
    names = sp.symbols("m1 v1 m0 v0", positive=True)
    for closed, loss in ((chi2_gaussian, 1e-13), (hellinger_gaussian, 1e-13), (w2_gaussian, 1e-13), (kl_gaussian, 1e-14 / gap)):
        numeric = sp.lambdify(names, closed(*names), "math")
        for point in ((0.3, 0.5 + gap, 0.3, 0.5), (0.3, 0.5 + gap, 0.3 + gap, 0.5)):
            exact = closed(*point)
            assert abs(numeric(*point) - exact) <= loss * abs(exact), (closed, point)


def test_symbolic_closed_forms_agree_with_their_values() -> None:
    names = sp.symbols("lam lam_hat delta t0 T", positive=True)
    point = dict(zip(names, (0.4, 0.9, 0.3, 0.1, 3.0), strict=True))
    for closed in (ideal_energy, learned_energy, visible_energy, observability):
        close(closed(*names).subs(point), mpmath.mpf(str(closed(*point.values()))), 1e-13)


# --- modes, de Bruijn, limits, path chi2 -------------------------------------------------------------------------------

PAIR = (sp.Rational(1, 2), sp.Integer(2)), (sp.Rational(4, 5), sp.Rational(3, 2)), (sp.Rational(1, 3), sp.Integer(0))


def test_modes_add_or_multiply() -> None:
    for closed in (ideal_energy, learned_energy, visible_energy):
        both = closed(*PAIR, 0.02, 4)
        first, second = (closed(*mode, 0.02, 4) for mode in zip(*PAIR, strict=True))
        close(both, mpmath.mpf(str(first + second)), 1e-13)
        assert rejects(lambda: close(both, mpmath.mpf(str(2 * first)), 1e-3))  # noqa: B023
    pair = ((0.1, 0.2), (1.0, 1.3), 0.0, (1.1, 0.9))
    laws = [(0.1, 1.0, 0.0, 1.1), (0.2, 1.3, 0.0, 0.9)]
    for closed, compose in (
        (kl_gaussian, sum),
        (lambda *law: renyi_gaussian(*law, 1.3), sum),
        (chi2_gaussian, lambda parts: math.prod(1 + part for part in parts) - 1),
        (hellinger_gaussian, lambda parts: sp.sqrt(1 - math.prod(1 - part**2 for part in parts))),
        (w2_gaussian, lambda parts: sp.sqrt(sum(part**2 for part in parts))),
    ):
        parts = [closed(*law) for law in laws]
        close(closed(*pair), compose(parts), 1e-13)
        assert rejects(lambda: close(closed(*pair), 2 * parts[0], 1e-3))  # noqa: B023
    assert chi2_gaussian([0, 0], [1, 2], 0, 1) is sp.oo


def test_the_two_forms_of_the_energies_give_each_other() -> None:
    # the derivation differentiates one into the other; here they meet in symbols and in numbers
    names = sp.symbols("lam lam_hat delta t0 T", positive=True)
    for along, closed in (("ideal", ideal_energy), ("learned", learned_energy)):
        point = (0.4, 0.9, 0.3, 0.1, 3.0)
        two = [sp.lambdify(names, form, "mpmath") for form in (theory.de_bruijn_energy(along, *names), closed(*names))]
        with mpmath.workdps(40):
            values = [at(*(mpmath.mpf(x) for x in point)) for at in two]
            assert abs(values[0] - values[1]) < mpmath.mpf("1e-35")
        other = "learned" if along == "ideal" else "ideal"
        assert abs(float(theory.de_bruijn_energy(other, *point)) - float(values[1])) > 1e-3


LIMITS = {
    "equal variances": ((2, None, 0, "0.1", 3), 1, 2),
    "equal variances with a shift": ((2, None, 1, "0.1", 3), 1, 2),
    "unit data": ((None, 2, 1, "0.1", 3), 0, 1),
    "unit learned law": ((2, None, 1, "0.1", 3), 1, 1),
    "no shift": ((2, 3, None, "0.1", 3), 2, 0),
    "no early stopping": ((2, 3, 1, None, 3), 3, 0),
}
FORMS = {
    "ideal": ideal_energy,
    "learned": learned_energy,
    "learned from q_T": lambda *mode: learned_energy(*mode, start="ideal"),
    "visible": visible_energy,
    "path chi2": theory.path_chi2,
    "path chi2 from p^_T": lambda *mode: theory.path_chi2(*mode, start="learned"),
}


@pytest.mark.parametrize("name", FORMS)
def test_limits_are_limits(name: str) -> None:
    names = sp.symbols("lam lam_hat delta t0 T", nonnegative=True)
    at = sp.lambdify(names, FORMS[name](*names), "mpmath")
    with mpmath.workdps(90):
        for case, (base, slot, limit) in LIMITS.items():
            here, near, off = (
                at(*(mpmath.mpf(limit) + step if n == slot else mpmath.mpf(x) for n, x in enumerate(base)))
                for step in (0, mpmath.mpf("1e-30"), mpmath.mpf("1e-3"))
            )
            assert abs(near - here) <= mpmath.mpf("1e-27") * (1 + abs(here)), case
            assert abs(off - here) > mpmath.mpf("1e-27"), case
        endless, late = (at(2, 3, 1, mpmath.mpf("0.1"), T) for T in (mpmath.inf, 150))
        assert abs(endless - late) < mpmath.mpf("1e-60") * endless


@pytest.mark.parametrize(
    "arguments",
    [(2.0, 1.5, 0.3, 0.02, 7.0), (0.5, 0.7, 0.1, 0.01, 3e5), (1e-6, 1e6, 0.0, 0.02, 5e16), (1.0, 1.2, 0.3, 1e9, 2e9)],
)
def test_a_symbol_among_floats_takes_no_longer_than_a_number(arguments: tuple[float, ...]) -> None:
    """With the floats as exact fractions SymPy needed minutes for the signs that a positive symbol makes it look for."""
    w = sp.Symbol("w", positive=True)
    symbolic = theory.weight_moment(w, *arguments)
    for order in (sp.Rational(7, 10), 2, 3):
        expected = theory.weight_moment(order, *arguments)
        found = symbolic.subs(w, order)
        assert found == expected or abs(sp.N(found - expected, 30)) <= 1e-14 * abs(expected)
        assert expected == sp.oo or abs(sp.N(found - 1.001 * expected, 30)) > 1e-14 * abs(expected)


def test_path_chi2_of_no_error_is_zero() -> None:
    assert theory.path_chi2(0.5, 0.5, 0, 0.02, 4) == 0
    close(theory.weight_moment(1, 0.5, 0.9, 0.3, 0.02, 4), 1, 1e-14)
    assert theory.path_chi2(0.5, 1.5, 0, 0.02, 4) is sp.oo


def test_the_error_proportional_to_the_score_meets_its_degenerate_points() -> None:
    # m = 0 at r = 9/8, slope 1/3; no drift at slope 1/2; both are limits of their neighbours
    near = sp.Rational(1, 10**12)
    order, third, half = sp.Rational(9, 8), sp.Rational(1, 3), sp.Rational(1, 2)
    here, beside = (theory.affine_weight_moment(order, third + step, half, 1, 0, 3) for step in (0, near))
    assert abs(sp.N(here - beside, 30)) < 1e-11
    assert abs(sp.N(here - theory.affine_weight_moment(order, third + sp.Rational(1, 100), half, 1, 0, 3), 30)) > 1e-3
    for closed in (theory.affine_learned_energy, lambda *mode: theory.affine_endpoint(*mode)[1]):
        here, beside = (closed(half + step, 1, 1, 0, 2) for step in (0, near))
        assert abs(sp.N(here - beside, 30)) < 1e-10
    assert theory.affine_weight_moment(1, 0.3, 0.2, 1, 0, 2) == pytest.approx(1, abs=1e-14)


def test_constants_follow_the_statements() -> None:
    C, c, threshold = theory.observability_constants(sp.Symbol("C", positive=True))
    symbol = sp.Symbol("C", positive=True)
    assert (C, c) == (symbol**2 / 3, 4 * symbol**2 / 3)
    assert sp.simplify(threshold * symbol**2 - (9 - 4 * sp.sqrt(2)) / 8) == 0
    assert theory.deterministic_constant(0) == 1 / sp.sqrt(2)
    close(theory.deterministic_constant(1e-9), 1 / mpmath.sqrt(2), 1e-9)
    # the moments of a bounded V, at V = L: E e^{rZ} = e^{r(r-1)L/2}
    weight, energy = theory.bounded_moments(2, 4, 0.3, 0.3)
    close(weight, mpmath.exp(mpmath.mpf(0.3) * 3), 1e-13)
    close(energy, 1, 1e-14)
    # (1 + x)^(2 + 1/x): with fewer digits than x has zeros the base is 1, however often they are doubled
    _, power = theory.bounded_moments(1, 2.0**600, 1 + sp.Rational(1, 2**600), 1)
    close(power, mpmath.e, 1e-14)
    # more digits than Python writes out
    close(theory.bounded_moments(1, 2.0, 1 + sp.Rational(1, 10**5000), 1)[1], 1, 1e-14)


def test_forms_read_off_statements() -> None:
    alpha, n = sp.Rational(1, 3), 6
    s, v = sp.Integer(0), sp.Integer(1)
    for rounds in range(5):
        assert theory.fitted_mean_error(rounds, alpha, n, 1) == s
        assert theory.fitted_variance(rounds, alpha, n, 1) == v
        s, v = finite_sample_step(s, v, alpha, n, 1)
    assert theory.fitted_mean_error(4, alpha, n + 1, 1) != theory.fitted_mean_error(4, alpha, n, 1)
    close(theory.fitted_mean_error(4000, 0.01, 50, 2.0), mpmath.mpf(str(theory.fitted_mean_error_limit(0.01, 50, 2.0))), 1e-12)
    assert theory.collapsed_variance(3, n, 1) == theory.fitted_variance(3, 0, n, 1)
    # a million rounds of floats: rounded from the start, with as many digits as the power takes away
    close(theory.fitted_variance(10**6, 0.5, 3.0, 2.0), mpmath.mpf(14) / 11, 1e-14)
    close(theory.collapsed_variance(10**199, 1e200, 3.0), 3 * mpmath.exp(-mpmath.mpf(10**199) / int(1e200)), 1e-14)
    close(theory.fitted_mean_error(10_001, 0.25, 50, 2.0), theory.fitted_mean_error(10_000, 0.25, 50, 2.0), 1e-14)
    close(theory.fitted_mean_error(20_000, 0.0, 1e5, 1.0), -mpmath.expm1(20_000 * mpmath.log1p(-mpmath.mpf(1e-5))), 1e-12)
    golden = theory.best_fresh_weight(3)
    errors = [float(theory.weighted_mean_error(float(golden) + step, 3)) for step in (-0.01, 0.0, 0.01)]
    assert errors[1] == min(errors)
    close(errors[1], mpmath.mpf(str(sp.N(golden, 20))), 1e-12)


# --- finite samples --------------------------------------------------------------------------------------------------


def by_enumeration(s: Fraction, v: Fraction, fresh: int, synthetic: int, sigma2: Fraction) -> tuple[Fraction, Fraction]:
    """E of squared mean and of the (1/n) variance over all outcomes of two-point laws with the right two moments.

    m_i - m = +-a with a² = s, fresh points +-sqrt(sigma2), synthetic ones m_i +- sqrt(v): squares chosen rational.
    """
    a, sigma, spread = (Fraction(math.isqrt(x.numerator), math.isqrt(x.denominator)) for x in (s, sigma2, v))
    n, mean_square, variance, count = fresh + synthetic, Fraction(0), Fraction(0), 0
    for centre in (a, -a):
        for signs in itertools.product((1, -1), repeat=n):
            points = [sign * sigma for sign in signs[:fresh]] + [centre + sign * spread for sign in signs[fresh:]]
            average = sum(points, Fraction(0)) / n
            mean_square += average**2
            variance += sum(((x - average) ** 2 for x in points), Fraction(0)) / n
            count += 1
    return mean_square / count, variance / count


@pytest.mark.parametrize(("fresh", "synthetic"), [(2, 2), (1, 3), (0, 4), (3, 0)])
def test_finite_sample_step_by_enumeration(fresh: int, synthetic: int) -> None:
    s, v, sigma2 = Fraction(1, 4), Fraction(9, 16), Fraction(4, 9)
    n = fresh + synthetic
    expected = by_enumeration(s, v, fresh, synthetic, sigma2)
    got = finite_sample_step(s, v, Fraction(fresh, n), n, sigma2)
    assert got == tuple(sp.Rational(x.numerator, x.denominator) for x in expected)
    wrong = finite_sample_step(s, v, Fraction(fresh, n), n - 1, sigma2)  # n - 1 for n
    assert wrong != got


def test_finite_sample_step_for_iid_draws_averages_the_stratified_ones() -> None:
    s, v, sigma2, n, share = Fraction(1, 4), Fraction(9, 16), Fraction(4, 9), 4, Fraction(1, 4)
    expected = [Fraction(0), Fraction(0)]
    for fresh in range(n + 1):
        weight = math.comb(n, fresh) * share**fresh * (1 - share) ** (n - fresh)
        part = by_enumeration(s, v, fresh, n - fresh, sigma2)
        expected = [total + weight * value for total, value in zip(expected, part, strict=True)]
    assert finite_sample_step(s, v, share, n, sigma2, design="iid") == tuple(
        sp.Rational(x.numerator, x.denominator) for x in expected
    )
    assert finite_sample_step(s, v, share, n, sigma2) != finite_sample_step(s, v, share, n, sigma2, design="iid")


def test_finite_sample_step_conserves_the_sum_on_its_line() -> None:
    s, alpha, n, sigma2 = sp.symbols("s alpha n sigma2", positive=True)
    after = finite_sample_step(s, sigma2 - s, alpha, n, sigma2)
    assert sp.expand(sum(after)) == sigma2


# --- discounting -----------------------------------------------------------------------------------------------------


def test_discounted_sum_is_the_drift_of_orthogonal_innovations() -> None:
    alphas, steps, initial = [Fraction(1, 3), Fraction(0), Fraction(1, 2), Fraction(1)], [2, 1, 3, 1], 4
    f = [Fraction(2), 0, 0, 0, 0]
    for n, (alpha, step) in enumerate(zip(alphas, steps, strict=True)):
        f = [(1 - alpha) * x for x in f]
        f[n + 1] += step
        drift = sum(x * x for x in f)
        got = discounted_sum(alphas[: n + 1], steps[: n + 1], initial)
        assert got == sp.Rational(Fraction(drift).numerator, Fraction(drift).denominator)
    assert discounted_sum(alphas[0], steps, initial) != discounted_sum(alphas, steps, initial)


def test_triangle_bound_is_the_drift_of_aligned_innovations() -> None:
    f = sp.Integer(3)
    alpha = sp.Rational(1, 4)
    for step in (1, 5, 2):
        f = (1 - alpha) * f + step
    assert triangle_bound(alpha, [1, 5, 2], initial=9) == f
    assert triangle_bound(alpha, [], initial=9) == 3
    assert discounted_sum(alpha, [1, 5, 2], initial=9) < f**2


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("pattern", "decay"), [("coherent", 1), ("alternating", -1), ("orthogonal", 0)])
def test_interference_is_the_limit_of_the_ratio(alpha: float, pattern: str, decay: int) -> None:
    rho, rounds = 1 - alpha, 400
    drift = sum(
        rho ** (i + j) * float(decay) ** abs(i - j) for i in range(rounds) for j in range(rounds) if rho ** (i + j) > 1e-18
    )
    discounted = sum(rho ** (2 * i) for i in range(rounds))
    close(interference(alpha, pattern), mpmath.mpf(drift / discounted), 1e-9)  # type: ignore[arg-type]
    if decay:
        other = "alternating" if decay == 1 else "coherent"
        assert rejects(lambda: close(interference(alpha, other), mpmath.mpf(drift / discounted), 1e-3))  # type: ignore[arg-type]


def test_interference_at_the_ends() -> None:
    alpha = sp.Symbol("alpha", positive=True)
    assert interference(alpha, "coherent") == (2 - alpha) / alpha
    assert interference(alpha, "alternating") == alpha / (2 - alpha)
    assert (interference(0, "coherent"), interference(0, "alternating"), interference(0, "orthogonal")) == (sp.oo, 0, 1)
    assert {interference(1, pattern) for pattern in ("coherent", "alternating", "orthogonal")} == {1}


# --- Davis, Hermite --------------------------------------------------------------------------------------------------


def cylinder(p: float, x: float) -> mpmath.mpf:
    """D_p(x) by the confluent hypergeometric function U, which theory does not use."""
    return (
        mpmath.mpf(2) ** (mpmath.mpf(p) / 2)
        * mpmath.exp(-(mpmath.mpf(x) ** 2) / 4)
        * mpmath.hyperu(-mpmath.mpf(p) / 2, 0.5, mpmath.mpf(x) ** 2 / 2)
    )


@pytest.mark.parametrize("p", [2, 2.25, 2.5, 3, 3.9, 4, 5, 6, 7.3, 12, 20.5])
def test_davis_constant_is_the_largest_zero(p: float) -> None:
    zero = float(davis_constant(p))
    assert cylinder(p, zero - 1e-9) * cylinder(p, zero + 1e-9) < 0
    assert all(cylinder(p, zero + 0.02 * k) > 0 for k in range(1, 60))  # and no larger one


def test_davis_constant_in_closed_form() -> None:
    assert davis_constant(2) == 1
    assert davis_constant(3) == sp.sqrt(3)
    assert davis_constant(4) == sp.sqrt(3 + sp.sqrt(6))
    assert davis_constant(5) == sp.sqrt(5 + sp.sqrt(10))
    roots = mpmath.polyroots([1, 0, -15, 0, 45, 0, -15], maxsteps=200)
    close(davis_constant(6), max(mpmath.re(root) for root in roots), 1e-13)
    values = [float(davis_constant(2 + n / 4)) for n in range(9)]
    assert values == sorted(values)


def test_davis_constant_of_a_symbol_waits_for_its_value() -> None:
    p = sp.Symbol("p", positive=True)
    waiting = 1 + davis_constant(p) ** 2
    assert waiting.has(DAVIS)
    close(waiting.subs(p, 2.5), 1 + mpmath.mpf(str(davis_constant(2.5))) ** 2, 1e-13)
    assert sp.lambdify(p, waiting, "math")(3.0) == pytest.approx(4.0, rel=1e-14)


def test_moment_constant_bounds_the_remainder_where_everything_is_known() -> None:
    # deterministic V = L: E e^{rZ} = e^{r(r-1)L/2}, E V^p = L^p, and the remainder is e^L - 1 - L
    for size in (0.01, 0.5, 2.0):
        for delta in (1.1, 2.0, 5.0):
            constant = moment_constant(delta, 4 / (delta - 1) + 1, math.exp(delta * (1 + delta) * size / 2), 1)
            remainder = math.exp(size) - 1 - size
            assert remainder <= (constant * size) ** 2
            assert remainder >= 0.04 * (constant * size) ** 2 or size > 0.01  # and not by far for small errors
    assert moment_constant(2, 4, 1, 1) == davis_constant(sp.Rational(12, 5)) * sp.sqrt(sp.Rational(6, 5))
    for symbolic in (moment_constant(*sp.symbols("d g a b", positive=True)),):
        value = symbolic.subs(dict(zip(sp.symbols("d g a b", positive=True), (2, 4, 2, 3), strict=True)))
        close(value, mpmath.mpf(str(sp.N(moment_constant(2, 4, 2, 3), 20))), 1e-14)


@pytest.mark.parametrize(("k", "alpha", "t0"), [(1, 0.1, 0.02), (4, 0.5, 0.3), (2, 1.0, 0.7), (3, 0.0, 0.5), (7, 0.3, 0.0)])
def test_hermite_gain_is_where_the_recursion_settles(k: int, alpha: float, t0: float) -> None:
    damping, value = math.exp(-k * t0 / 2), 0.37
    for _ in range(4000):
        value = damping * (alpha + (1 - alpha) * value)
    gain = float(hermite_gain(k, alpha, t0))
    assert gain == pytest.approx(value, rel=1e-12, abs=1e-300)
    assert hermite_gain(0, alpha, t0) == 1
    if t0 > 0 and alpha > 0:
        assert abs(float(hermite_gain(k, alpha, 2 * t0)) - value) > 1e-3


# --- doctests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "gaussian",
        "energy",
        "path_chi2",
        "affine_error",
        "closed_forms",
        "constants",
        "discounting",
        "sampling",
        "limits",
        "davis",
    ],
)
def test_examples_in_docstrings(name: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"theory.{name}"))
    assert outcome.failed == 0
    assert outcome.attempted > 0


# --- bad input -------------------------------------------------------------------------------------------------------

BAD = [
    (lambda: chi2_gaussian("0", 1, 0, 1), TypeError, "m1"),
    (lambda: chi2_gaussian(0, 0, 0, 1), ValueError, "v1"),
    (lambda: chi2_gaussian(0, 1, 0, -1.0), ValueError, "v0"),
    (lambda: chi2_gaussian(float("nan"), 1, 0, 1), ValueError, "m1"),
    (lambda: kl_gaussian(0, float("inf"), 0, 1), ValueError, "v1"),
    (lambda: kl_gaussian(1j, 1, 0, 1), TypeError, "m1"),
    (lambda: kl_gaussian(sp.I, 1, 0, 1), ValueError, "m1"),
    (lambda: kl_gaussian(True, 1, 0, 1), TypeError, "m1"),
    (lambda: renyi_gaussian(0, 1, 0, 1, 0), ValueError, "order"),
    (lambda: noised_variance(-1, 1), ValueError, "variance"),
    (lambda: noised_mean(1, -1), ValueError, "t"),
    (lambda: ideal_energy(-1, 1, 0, 0, 1), ValueError, "lam"),
    (lambda: learned_energy(1, "1", 0, 0, 1), TypeError, "lam_hat"),
    (lambda: learned_energy(1, [1, -1], 0, 0, 1), ValueError, r"lam_hat\[1"),
    (lambda: learned_energy([1, 1], [1, 1, 1], 0, 0, 1), ValueError, "lam_hat"),
    (lambda: learned_energy(1, 1, 0, 0, 1, start="late"), ValueError, "start"),
    (lambda: kl_gaussian([], 1, 0, 1), ValueError, "m1"),
    (lambda: theory.path_chi2(1, 1, 0, 0, 1, start=None), ValueError, "start"),
    (lambda: theory.weight_moment(0, 1, 1, 0, 0, 1), ValueError, "order"),
    (lambda: theory.de_bruijn_energy("both", 1, 1, 0, 0, 1), ValueError, "along"),
    (lambda: theory.affine_path_chi2(1, 0, 1, 0, sp.oo), ValueError, "T"),
    (lambda: theory.affine_blow_up(-1, 1), ValueError, "order"),
    (lambda: theory.score_clock(0, 0, 1), ValueError, "lam"),
    (lambda: theory.deterministic_path_chi2(-1), ValueError, "ideal_energy"),
    (lambda: theory.fitted_mean_error(0.5, 0.5, 10, 1), ValueError, "N"),
    (lambda: theory.fitted_mean_error_limit(0, 10, 1), ValueError, "alpha"),
    (lambda: theory.sample_size_energy([1, 0], 10, 0, 1), ValueError, r"lam\[1"),
    (lambda: theory.limit_second_moment(0.5, 0.1, 1, 1.5), ValueError, "dim"),
    (lambda: theory.weighted_mean_error(0, 1), ValueError, "alpha"),
    (lambda: theory.best_fresh_weight(0), ValueError, "ratio"),
    (lambda: theory.observability_constants(0), ValueError, "moment_constant"),
    (lambda: theory.bounded_moments(2, 4, 1, 2), ValueError, "sup_energy"),
    (lambda: visible_energy(1, 1, None, 0, 1), TypeError, "delta"),
    (lambda: ideal_energy(1, 1, 0, 1, 1), ValueError, "T"),
    (lambda: ideal_energy(1, 1, 0, 2.0, 1.0), ValueError, "T"),
    (lambda: observability(1, 1, 0, -0.1, 1), ValueError, "t0"),
    (lambda: ideal_energy(1, 0, 0, 0, 1), ValueError, "lam_hat"),
    (lambda: discounted_sum(1.5, [1]), ValueError, "alpha"),
    (lambda: discounted_sum(0.5, 1), TypeError, "innovations"),
    (lambda: discounted_sum(0.5, [1, -1]), ValueError, r"innovations\[1"),
    (lambda: discounted_sum([0.5, 0.5], [1]), ValueError, "alpha"),
    (lambda: triangle_bound(0.5, [1], initial=-1), ValueError, "initial"),
    (lambda: triangle_bound(0.5, "11"), TypeError, "innovations"),
    (lambda: interference(0.5, "chaotic"), ValueError, "pattern"),
    (lambda: interference(-0.5, "coherent"), ValueError, "alpha"),
    (lambda: finite_sample_step(0, 1, 0.5, 0, 1), ValueError, "n"),
    (lambda: finite_sample_step(0, 1, 0.5, 10, 1, design="jackknife"), ValueError, "design"),
    (lambda: finite_sample_step(-1, 1, 0.5, 10, 1), ValueError, "s"),
    (lambda: davis_constant(1.5), ValueError, "p"),
    (lambda: davis_constant("4"), TypeError, "p"),
    (lambda: moment_constant(1, 4, 1, 1), ValueError, "delta"),
    (lambda: moment_constant(2, 3.9, 1, 1), ValueError, "gamma"),
    (lambda: moment_constant(2, 4, 0.9, 1), ValueError, "K_delta"),
    (lambda: moment_constant(2, 4, 1, 0.5), ValueError, "K_gamma"),
    (lambda: hermite_gain(-1, 0.5, 0.1), ValueError, "k"),
    (lambda: hermite_gain(1.5, 0.5, 0.1), ValueError, "k"),
    (lambda: hermite_gain(1, 0, 0), ValueError, "alpha and t0"),
]


@pytest.mark.parametrize(("call", "error", "name"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_bad_input_is_refused_by_name(call: Callable[[], object], error: type[Exception], name: str) -> None:
    with pytest.raises(error, match=rf"^{name}\b"):
        call()
