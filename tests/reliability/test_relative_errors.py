"""Relative errors of what has a closed form or an integral, against mpmath at 50 digits, over log-spaced extremes.

The references are written here from the definitions, but for ``closed_forms``, which are held against the same sympy expression
evaluated with 700 digits. The worst case of each function is tallied; the goal is 1e-10, and where a docstring names a domain,
the cases are drawn from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mpmath import mp, mpf

from numeric import (
    OU,
    AffineError,
    Channel,
    Gaussian,
    GaussianMixture,
    chi2,
    closed_forms,
    drift_ceiling,
    drift_floor,
    early_stopping,
    effective_memory,
    exact_generation,
    exact_recursion,
    exact_refits,
    forgetting_time,
    hellinger,
    kl,
    largest_energy,
    limit_law,
    mmd,
    plan_fresh_fraction,
    renyi,
    sampling_energy,
    tv,
    vp_cosine,
    w1,
    w2,
    weighted_means,
)
from numeric.generations.moments import weight_moments
from numeric.laws.transport import wasserstein
from tests._tally import tally

DIGITS = 50
GOAL = 1e-10
SMALLEST = 1e-290  # below it a value may be 0, as numeric.guarded says

Case = tuple[float, ...]


@dataclass(frozen=True)
class Function:
    """A function under test: its value and its reference at a case, cases, and the relative error that it must keep."""

    value: Callable[..., Any]
    reference: Callable[..., Any]
    draw: Callable[[np.random.Generator], Case]
    goal: float = GOAL
    cases: int = 60


def spread(low: float, high: float) -> Callable[[np.random.Generator], float]:
    return lambda rng: float(math.exp(rng.uniform(math.log(low), math.log(high))))


def drawn(*parts: Callable[[np.random.Generator], float]) -> Callable[[np.random.Generator], Case]:
    return lambda rng: tuple(part(rng) for part in parts)


def signed(low: float, high: float) -> Callable[[np.random.Generator], float]:
    size = spread(low, high)
    return lambda rng: float(rng.choice([-1.0, 0.0, 1.0])) * size(rng)


def near_pair(rng: np.random.Generator) -> tuple[float, float]:
    """Two variances, apart by a relative gap between 1e-14 and 1e12."""
    variance = spread(1e-8, 1e8)(rng)
    gap = spread(1e-14, 1e12)(rng)
    return variance * (1.0 + gap if rng.random() < 0.5 else 1.0 / (1.0 + gap)), variance


def gaussians(rng: np.random.Generator) -> Case:
    """m1, v1, m0, v0: the means apart by 1e-9 to 30 standard deviations."""
    first, second = near_pair(rng)
    return signed(1e-9, 30.0)(rng) * math.sqrt(second), first, 0.0, second


def close_gaussians(rng: np.random.Generator) -> Case:
    """Variances of which the first is less than 1.9 times the second, so that chi2 is finite, and down to 1e-30 of it."""
    variance = spread(1e-8, 1e8)(rng)
    gap = spread(1e-14, 0.9)(rng)
    ratio = float(rng.choice([1.0 - gap, 1.0 + gap, spread(1e-30, 0.1)(rng)]))
    return signed(1e-9, 5.0)(rng) * math.sqrt(variance), variance * ratio, 0.0, variance


# --- Gaussians on the line, from the definitions ---------------------------------------------------------------------


def kl_of(m1: Any, v1: Any, m0: Any, v0: Any) -> Any:
    return ((v1 - v0 + (m1 - m0) ** 2) / v0 - mp.log(v1 / v0)) / 2


def power_integral(m1: Any, v1: Any, m0: Any, v0: Any, r: Any) -> Any:
    """log int p^r q^(1-r), or None where it diverges."""
    wide = r * v0 + (1 - r) * v1
    if wide <= 0:
        return None
    return ((1 - r) * mp.log(v1) + r * mp.log(v0) - mp.log(wide)) / 2 + r * (r - 1) * (m1 - m0) ** 2 / (2 * wide)


def chi2_of(m1: Any, v1: Any, m0: Any, v0: Any) -> Any:
    logarithm = power_integral(m1, v1, m0, v0, mpf(2))
    return mp.inf if logarithm is None else mp.expm1(logarithm)


def hellinger_of(m1: Any, v1: Any, m0: Any, v0: Any) -> Any:
    return mp.sqrt(-mp.expm1(power_integral(m1, v1, m0, v0, mpf(1) / 2)))


def renyi_of(m1: Any, v1: Any, m0: Any, v0: Any, r: Any) -> Any:
    if r == 1:
        return kl_of(m1, v1, m0, v0)
    logarithm = power_integral(m1, v1, m0, v0, r)
    return mp.inf if logarithm is None else logarithm / (r - 1)


def w2_of(m1: Any, v1: Any, m0: Any, v0: Any) -> Any:
    return mp.sqrt((m1 - m0) ** 2 + (mp.sqrt(v1) - mp.sqrt(v0)) ** 2)


def tv_of(m1: Any, v1: Any, m0: Any, v0: Any) -> Any:
    """From the points where the densities cross, the roots of a quadratic."""
    if v1 == v0:
        return mp.erf(abs(m1 - m0) / mp.sqrt(8 * v0))
    a, b = 1 / v0 - 1 / v1, m1 / v1 - m0 / v0
    c = m0**2 / v0 - m1**2 / v1 - mp.log(v1 / v0)
    root = mp.sqrt(b**2 - a * c)
    low, high = sorted(((-b - root) / a, (-b + root) / a))

    def mass(m: Any, v: Any) -> Any:
        return (mp.erf((high - m) / mp.sqrt(2 * v)) - mp.erf((low - m) / mp.sqrt(2 * v))) / 2

    return abs(mass(m1, v1) - mass(m0, v0))


def w1_of(m1: Any, v1: Any, m0: Any, v0: Any) -> Any:
    """E |m1 - m0 + (s1 - s0) Z|, since quantiles differ by that."""
    shift, scale = m1 - m0, abs(mp.sqrt(v1) - mp.sqrt(v0))
    if scale == 0:
        return abs(shift)
    z = shift / scale
    return scale * mp.sqrt(2 / mp.pi) * mp.exp(-(z**2) / 2) + shift * mp.erf(z / mp.sqrt(2))


def mmd_of(m1: Any, v1: Any, m0: Any, v0: Any, h: Any) -> Any:
    def kernel(gap: Any, variance: Any) -> Any:
        return h / mp.sqrt(h**2 + variance) * mp.exp(-(gap**2) / (2 * (h**2 + variance)))

    return mp.sqrt(kernel(mpf(0), 2 * v1) + kernel(mpf(0), 2 * v0) - 2 * kernel(m1 - m0, v1 + v0))


def on_laws(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda m1, v1, m0, v0, *rest: function(Gaussian(m1, v1), Gaussian(m0, v0), *rest)


def in_forty_dimensions(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same law in each of 40 directions; along the axes, so that the covariances hold their gap to the last digit."""
    return lambda m1, v1, m0, v0: function(*(Gaussian(np.full(40, m), np.full(40, v)) for m, v in ((m1, v1), (m0, v0))))


# --- mixtures on the line, by mpmath's quadrature --------------------------------------------------------------------

Law = list[tuple[Any, Any, Any]]  # weight, mean and variance of each component


def near_pair_of(a: Any, b: Any, w: Any, v: Any) -> tuple[Law, Law]:
    return [(w, a, v), (1 - w, b, mpf(1))], [(mpf("0.5"), mpf(0), mpf(1)), (mpf("0.5"), mpf(1), mpf(1))]


def light_pair_of(a: Any, b: Any, c: Any, d: Any, w: Any, v: Any, u: Any) -> tuple[Law, Law]:
    return [(w, a, v), (1 - w, b, mpf("0.3"))], [(u, c, mpf("0.2")), (1 - u, d, mpf("0.5"))]


near_mixtures = drawn(
    lambda rng: rng.uniform(-1, 1), lambda rng: rng.uniform(-1, 1), spread(1e-12, 0.5), lambda rng: rng.uniform(0.3, 1.0)
)
# far apart, and light: densities are 0 near the real line
light_mixtures = drawn(
    *[lambda rng: rng.normal(0.0, 3.0)] * 4, spread(1e-5, 0.1), spread(1e-2, 1.0), lambda rng: rng.uniform(0.05, 0.95)
)


def integral_of(integrand: Callable[[Any, Any], Any], p: Law, q: Law) -> Any:
    """By Gauss-Legendre panels of half a unit, none of which a zero next to the line spoils for the others."""

    def density(law: Law, x: Any) -> Any:
        return mp.fsum(w * mp.exp(-((x - m) ** 2) / (2 * s)) / mp.sqrt(2 * mp.pi * s) for w, m, s in law)

    middles = [float(m) for _, m, _ in (*p, *q)]
    panels = [mpf(k) / 2 for k in range(math.floor(2 * min(middles)) - 26, math.ceil(2 * max(middles)) + 27)]
    with mp.workdps(30):
        return mp.quad(lambda x: integrand(density(p, x), density(q, x)), panels, method="gauss-legendre", maxdegree=6)


def of_mixtures(
    function: Callable[..., Any],
    integrand: Callable[[Any, Any], Any],
    then: Callable[[Any], Any] = lambda integral: integral,
    light: bool = False,
) -> Function:
    """``function`` of two mixtures against ``then`` of int integrand(p, q)."""
    pair, draw = (light_pair_of, light_mixtures) if light else (near_pair_of, near_mixtures)

    def value(*case: float) -> Any:
        laws = [[[float(part) for part in one] for one in law] for law in pair(*case)]
        return function(*(GaussianMixture(*zip(*law, strict=True)) for law in laws))

    return Function(value, lambda *case: then(integral_of(integrand, *pair(*case))), draw, cases=2)


def kl_integrand(p: Any, q: Any) -> Any:
    return p * mp.log(p / q)


def hellinger_integrand(p: Any, q: Any) -> Any:
    return (mp.sqrt(p) - mp.sqrt(q)) ** 2 / 2


# --- plans, refits, limits -------------------------------------------------------------------------------------------


def gain_of(alpha: Any, count: Any, coherent: bool) -> Any:
    keep = (1 - alpha) if coherent else (1 - alpha) ** 2
    total = 1 / (1 - keep) if count is None else (1 - keep**count) / (1 - keep)
    return total**2 if coherent else total


alpha_draw = lambda rng: float(rng.choice([spread(1e-12, 0.5)(rng), 1.0 - spread(1e-12, 0.5)(rng)]))  # noqa: E731
rounds_draw = lambda rng: float(rng.integers(1, 200))  # noqa: E731
energy_draw = spread(1e-250, 1e3)


def sampling_of(n: Any, first: Any, second: Any, t0: Any, T: Any) -> Any:
    def law(t: Any) -> Any:
        u = mp.exp(-t)
        a, b = (lam * u / (1 + (lam - 1) * u) for lam in (first, second))
        return a + b + a**2 + b**2 + a * b

    return (law(t0) - law(T)) / n


def refit_of(n: Any, alpha: Any) -> Any:
    """E sigma'^2 after one round of a stratified refit from the truth: (1 - 1/n) sigma^2."""
    return 1 - 1 / n


def cosine_of(k: int, steps: Any, offset: Any) -> Any:
    return mp.cos(mp.pi / 2 * (k / steps + offset) / (1 + offset)) ** 2


FUNCTIONS: dict[str, Function] = {
    "kl": Function(on_laws(kl), kl_of, gaussians),
    "chi2": Function(on_laws(chi2), chi2_of, close_gaussians),
    "hellinger": Function(on_laws(hellinger), hellinger_of, gaussians),
    "renyi": Function(
        on_laws(lambda p, q, r: renyi(p, q, order=r)),
        renyi_of,
        lambda rng: (*gaussians(rng), float(rng.choice([1e-6, 0.3, 0.999, 1.0]))),
    ),
    "renyi above 1": Function(
        on_laws(lambda p, q, r: renyi(p, q, order=r)),
        renyi_of,
        lambda rng: (*close_gaussians(rng), float(rng.choice([1.0 + 1e-9, 1.5, 2.0]))),
    ),
    "tv": Function(on_laws(tv), tv_of, gaussians),
    "w1": Function(on_laws(w1), w1_of, gaussians),
    "w2": Function(on_laws(w2), w2_of, gaussians),
    "kl in 40 dimensions": Function(in_forty_dimensions(kl), lambda *mode: 40 * kl_of(*mode), close_gaussians, cases=20),
    "mmd": Function(
        on_laws(lambda p, q, h: mmd(p, q, bandwidth=h)), mmd_of, lambda rng: (*gaussians(rng), spread(1e-3, 1e3)(rng))
    ),
    "wasserstein from tables": Function(
        on_laws(lambda p, q: wasserstein([p], q, 2)[0][0]),
        w2_of,
        lambda rng: (rng.uniform(-2, 2), spread(0.1, 10)(rng), 0.0, 1.0),
        cases=10,
    ),
    "chi2 by quadrature": of_mixtures(chi2, lambda p, q: (p - q) ** 2 / q),
    "kl by quadrature": of_mixtures(kl, kl_integrand),
    "hellinger by quadrature": of_mixtures(hellinger, hellinger_integrand, mp.sqrt),
    "kl, light component": of_mixtures(kl, kl_integrand, light=True),
    "hellinger, light component": of_mixtures(hellinger, hellinger_integrand, mp.sqrt, light=True),
    "renyi, light component": of_mixtures(
        lambda p, q: renyi(p, q, order=0.3),
        lambda p, q: p ** mpf("0.3") * q ** mpf("0.7"),
        lambda integral: mp.log(integral) / mpf("-0.7"),
        light=True,
    ),
    "OU.marginal": Function(
        lambda v, t: OU().marginal(Gaussian(0.0, v), t).cov[0, 0],
        lambda v, t: v * mp.exp(-t) - mp.expm1(-t),
        drawn(spread(1e-90, 1e90), spread(1e-12, 300.0)),
    ),
    "early_stopping": Function(lambda t: float(early_stopping(t).noise), lambda t: -mp.expm1(-t), drawn(spread(1e-300, 1e3))),
    "vp_cosine": Function(
        lambda offset, steps: float(vp_cosine(int(steps), offset).alpha_bar[int(steps) // 2]),
        lambda offset, steps: cosine_of(int(steps) // 2 + 1, steps, offset) / cosine_of(0, steps, offset),
        drawn(spread(1e-300, 1e25), lambda rng: float(rng.integers(3, 1000))),
    ),
    "Channel": Function(
        lambda g, c, r, v: Channel(g, c, r)(Gaussian(1.0, v)).cov[0, 0],
        lambda g, c, r, v: g**2 * v + r,
        drawn(signed(1e-9, 1e9), signed(1e-9, 1e9), spread(1e-12, 1e12), spread(1e-12, 1e12)),
    ),
    "plan_fresh_fraction coherent": Function(
        lambda d, e: plan_fresh_fraction(d, e),
        lambda d, e: mp.sqrt(e / d),
        lambda rng: (d := spread(1e-100, 1e3)(rng), d * spread(1e-30, 1.0)(rng)),
    ),
    "plan_fresh_fraction orthogonal": Function(
        lambda d, e: plan_fresh_fraction(d, e, coherent=False),
        lambda d, e: 1 - mp.sqrt(1 - e / d),
        lambda rng: (d := spread(1e-100, 1e3)(rng), d * spread(1e-30, 1.0)(rng)),
    ),
    "plan_fresh_fraction tv": Function(
        lambda d, e: plan_fresh_fraction(d, e, divergence="tv"),
        lambda d, e: mp.sqrt(e) / 2 / d,
        lambda rng: (d := spread(1e-12, 0.9)(rng), (2 * d * spread(1e-12, 1.0)(rng)) ** 2),
    ),
    "drift_ceiling": Function(lambda a, e: drift_ceiling(a, e), lambda a, e: e / a**2, drawn(alpha_draw, energy_draw)),
    "drift_ceiling orthogonal, N rounds": Function(
        lambda a, e, n: drift_ceiling(a, e, coherent=False, generations=int(n)),
        lambda a, e, n: e * gain_of(a, n, False),
        drawn(alpha_draw, energy_draw, rounds_draw),
    ),
    "drift_ceiling, N rounds": Function(
        lambda a, e, n: drift_ceiling(a, e, generations=int(n)),
        lambda a, e, n: e * gain_of(a, n, True),
        drawn(alpha_draw, energy_draw, rounds_draw),
    ),
    "drift_floor": Function(drift_floor, lambda a, e: a * e / (2 - a) ** 2, drawn(alpha_draw, energy_draw)),
    "largest_energy": Function(
        lambda d, a, n: largest_energy(d, a, generations=int(n)),
        lambda d, a, n: d / gain_of(a, n, True),
        drawn(energy_draw, alpha_draw, rounds_draw),
    ),
    "effective_memory": Function(effective_memory, lambda a: 1 / a, drawn(spread(1e-300, 1.0))),
    "forgetting_time": Function(forgetting_time, lambda a: -1 / mp.log1p(-a), drawn(alpha_draw)),
    "sampling_energy": Function(
        lambda n, a, b, t0, T: sampling_energy(n, eigenvalues=[a, b], process=OU(t0, T)),
        sampling_of,
        lambda rng: (
            spread(1.0, 1e12)(rng),
            spread(1e-9, 1e9)(rng),
            spread(1e-9, 1e9)(rng),
            t := spread(1e-9, 1.0)(rng),
            t * (1.0 + spread(1e-9, 1e3)(rng)),
        ),
    ),
    "exact_refits": Function(
        lambda n, a: exact_refits(Gaussian(0.0, 1.0), a, 1, n=int(n)).fitted_variance[1],
        refit_of,
        lambda rng: (float(rng.integers(2, 300)), rng.random()),
        cases=12,
    ),
    "log growth of refits": Function(
        lambda n: exact_refits(Gaussian(0.0, 1.0), 0.0, 1, n=int(n)).log_growth[1],
        lambda n: mp.digamma((n - 1) / 2) + mp.log(2 / n),
        lambda rng: (float(rng.integers(2, 1000)),),
        cases=12,
    ),
    "weighted_means": Function(
        lambda a, n: weighted_means(a, n=int(n)).stationary_error,
        lambda a, n: (a**2 + (1 - a) ** 2) / (1 - (1 - a) ** 2),
        lambda rng: (rng.uniform(0.05, 1.0), float(rng.integers(1, 100))),
        cases=12,
    ),
    "second moment of the limit law": Function(
        lambda a, t, v: limit_law(Gaussian(0.0, v), t, a, tol=1e-15).cov[0, 0],
        lambda a, t, v: (a * (mp.exp(-t) * v) - mp.expm1(-t)) / (1 - (1 - a) * mp.exp(-t)),
        lambda rng: (rng.uniform(0.05, 1.0), spread(1e-6, 3.0)(rng), spread(1e-3, 1e3)(rng)),
        cases=12,
    ),
    "drift of a collapse": Function(
        lambda g, s: exact_recursion(Gaussian(0.0, 1.0), Channel(gain=g, noise=s), "replace", 2).divergence[2],
        lambda g, s: (lambda v: mp.expm1(-mp.log(v * (2 - v)) / 2))(g**2 * (g**2 + s) + s),
        lambda rng: (spread(1e-12, 0.5)(rng), spread(1e-30, 0.5)(rng)),
        cases=20,
    ),
    "drift of a mean shift": Function(
        lambda d, a: exact_recursion(Gaussian(0.0, 1.0), Channel(shift=d), a, 2).divergence[2],
        lambda d, a: a**2 * mp.expm1(d**2) + 2 * a * (1 - a) * mp.expm1(2 * d**2) + (1 - a) ** 2 * mp.expm1(4 * d**2),
        lambda rng: (spread(1e-6, 3.0)(rng), rng.random()),
        cases=20,
    ),
}


AFFINE = ("ideal_energy", "learned_energy", "visible_energy", "path_chi2")


def affine_errors(slope: float, offset: float, lam: float) -> Iterator[float]:
    """Of the Riccati route, which integrates in double precision what the closed forms say."""

    def variance(t: float) -> float:
        return 1.0 + (lam - 1.0) * math.exp(-t)

    error = AffineError(lambda t: [[slope / variance(t)]], lambda t: [offset / math.sqrt(variance(t))])
    generation = exact_generation(Gaussian(0.0, lam), error)
    for name in AFFINE:
        reference = closed_forms.form(f"affine_{name}").reference(slope, offset, lam, 0.02, 4.0, digits=400)
        yield error_of(float(getattr(generation, name)), reference)
    found = weight_moments(Gaussian(0.0, lam), error, OU(), [1.5])
    reference = closed_forms.form("affine_weight_moment").reference(1.5, slope, offset, lam, 0.02, 4.0, digits=400)
    yield error_of(float(np.exp(found[0])), reference)


slopes = drawn(signed(1e-8, 0.2), signed(1e-8, 0.5), spread(0.2, 5.0))


def worst_affine(count: int) -> tuple[float, Case]:
    with mp.workdps(DIGITS):
        return max((max(affine_errors(*case)), case) for case in cases("affine route", slopes, count))


# --- the closed forms as functions of arrays -------------------------------------------------------------------------


def modes(rng: np.random.Generator) -> Case:
    first, second = near_pair(rng)
    stop = spread(1e-6, 1.0)(rng)
    return second, first, signed(1e-9, 10.0)(rng) * math.sqrt(second), stop, stop + spread(1e-3, 60.0)(rng)


def affine_modes(rng: np.random.Generator) -> Case:
    stop = spread(1e-6, 1.0)(rng)
    return signed(1e-9, 2.0)(rng), signed(1e-9, 2.0)(rng), spread(1e-6, 1e6)(rng), stop, stop + spread(1e-3, 30.0)(rng)


FORMS: dict[str, Callable[[np.random.Generator], Case]] = {
    **dict.fromkeys(
        ("ideal_energy", "learned_energy", "learned_energy from q_T", "visible_energy", "path_chi2", "path_chi2 from q_T"),
        modes,
    ),
    "weight_moment": lambda rng: (spread(0.1, 4.0)(rng), *modes(rng)),
    **dict.fromkeys(("kl_gaussian", "hellinger_gaussian", "w2_gaussian", "chi2_gaussian"), gaussians),
    "renyi_gaussian": lambda rng: (spread(0.1, 4.0)(rng), *gaussians(rng)),
    "renyi_gaussian of order 2": lambda rng: (2.0, *gaussians(rng)),
    "score_clock": lambda rng: modes(rng)[:1] + modes(rng)[3:],
    **dict.fromkeys(
        ("affine_ideal_energy", "affine_learned_energy", "affine_visible_energy", "affine_path_chi2"), affine_modes
    ),
    "affine_weight_moment": lambda rng: (spread(0.1, 4.0)(rng), *affine_modes(rng)),
    "affine_blow_up": lambda rng: (spread(0.1, 4.0)(rng), signed(1e-6, 3.0)(rng)),
    **dict.fromkeys(("deterministic_path_chi2", "deterministic_constant"), drawn(spread(1e-280, 600.0))),
    "bounded_constant": lambda rng: (c := spread(1e-280, 600.0)(rng), c * spread(1e-3, 1.0)(rng)),
}


def cases(name: str, draw: Callable[[np.random.Generator], Case], count: int) -> Iterator[Case]:
    rng = np.random.default_rng([sum(map(ord, name)), count])
    for _ in range(count):
        yield draw(rng)


def error_of(value: float, reference: Any) -> float:
    """The relative error; 0 for two infinities, and where both lie below the smallest value that counts."""
    if abs(reference) < SMALLEST and abs(value) < SMALLEST:
        return 0.0
    if mp.isinf(reference) or abs(reference) > mpf(10) ** 308:
        return 0.0 if math.isinf(value) else math.inf
    return float(abs((mpf(value) - reference) / reference)) if reference else (0.0 if value == 0.0 else math.inf)


def worst(name: str, factor: int = 1) -> tuple[float, Case]:
    """The largest relative error of a function, and where."""
    entry = FUNCTIONS[name]
    found: tuple[float, Case] = (0.0, ())
    with mp.workdps(DIGITS + 40):  # 50 digits are left where 40 cancel
        for case in cases(name, entry.draw, entry.cases * factor):
            gone = error_of(float(entry.value(*case)), entry.reference(*(mpf(part) for part in case)))
            found = max(found, (gone, case))
    return found


def worst_form(name: str, count: int) -> tuple[float, Case]:
    every = list(cases(name, FORMS[name], count))
    form = closed_forms.form(name)
    values = form(*(np.array(column) for column in zip(*every, strict=True)))
    with mp.workdps(DIGITS):
        return max(
            (error_of(float(value), form.reference(*case, digits=700)), case) for value, case in zip(values, every, strict=True)
        )


def test_every_closed_form_is_covered() -> None:
    assert set(FORMS) == set(closed_forms._FORMS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str) -> None:
    gone, case = worst(name)
    tally("reliability", name, worst=gone)
    assert gone <= FUNCTIONS[name].goal, (gone, case)


def test_the_affine_route() -> None:
    gone, case = worst_affine(1)
    tally("reliability", "affine route: energies, path chi2, moments", worst=gone)
    assert gone <= GOAL, (gone, case)


@pytest.mark.thorough
def test_the_affine_route_on_many_cases() -> None:
    gone, case = worst_affine(100)
    tally("reliability", "affine route: energies, path chi2, moments", worst=gone)
    assert gone <= GOAL, (gone, case)


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms(name: str) -> None:
    gone, case = worst_form(name, 6)
    tally("reliability", f"closed_forms: {name}", worst=gone)
    assert gone <= GOAL, (gone, case)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_on_many_cases(name: str) -> None:
    gone, case = worst(name, 20)
    tally("reliability", name, worst=gone)
    assert gone <= FUNCTIONS[name].goal, (gone, case)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FORMS)
def test_closed_forms_on_many_cases(name: str) -> None:
    gone, case = worst_form(name, 400)
    tally("reliability", f"closed_forms: {name}", worst=gone)
    assert gone <= GOAL, (gone, case)


def test_a_careless_formula_would_be_caught() -> None:
    def careless(m1: float, v1: float, m0: float, v0: float) -> float:
        return 0.5 * (v1 / v0 - 1.0 - math.log(v1 / v0) + (m1 - m0) ** 2 / v0)

    with mp.workdps(DIGITS):
        gone = max(error_of(careless(*case), kl_of(*map(mpf, case))) for case in cases("kl", gaussians, 1000))
    assert gone > 1e-6  # as in one case of twenty
