"""Closed forms on arrays: their digits near the limits, and each against a route that shares no code with it.

Run as a script, this file prints the worst relative error of every function over a larger sweep:
``python tests/numeric/test_closed_forms.py [points]``.
"""

from __future__ import annotations

import doctest
import functools
import math
import sys
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from scipy import integrate

from numeric import (
    OU,
    AffineError,
    Channel,
    ConsistentError,
    Gaussian,
    chi2,
    closed_forms,
    exact_generation,
    hellinger,
    kl,
    limit_law,
    renyi,
    w2,
)
from numeric.closed_forms import form
from numeric.guarded import Tracked

SEED = 1511
DOMAIN = 1e-10  # what the module promises


def rejects(check: Callable[[], None]) -> bool:
    """Whether the check fails, as it must on the wrong twin."""
    try:
        check()
    except AssertionError:
        return True
    return False


def agree(value: object, reference: object, tolerance: float) -> None:
    np.testing.assert_allclose(np.asarray(value, dtype=float), np.asarray(reference, dtype=float), rtol=tolerance, atol=0.0)


# --- digits: a sweep through the limits ------------------------------------------------------------------------------


def modes(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    """Variances 1e-6..1e6, relative gaps 0 and 1e-14..1e2 of either sign, shifts 0 and 1e-14..1e2, t0 1e-6..1, T up to 60."""
    lam = 10.0 ** rng.uniform(-6, 6, count)
    lam[rng.random(count) < 0.2] = 1.0
    gap = 10.0 ** rng.uniform(-14, 2, count) * rng.choice([1.0, -1.0], count)
    gap[gap <= -0.999] *= -1.0
    gap[rng.random(count) < 0.1] = 0.0
    lam_hat = lam * (1.0 + gap)
    lam_hat[rng.random(count) < 0.1] = 1.0
    delta = np.where(rng.random(count) < 0.4, 0.0, 10.0 ** rng.uniform(-14, 2, count))
    t0 = 10.0 ** rng.uniform(-6, 0, count)
    T = np.where(rng.random(count) < 0.1, t0 * (1.0 + 10.0 ** rng.uniform(-3, 0, count)), rng.uniform(1.5, 60.0, count))
    return lam, lam_hat, delta, t0, T


def laws(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    lam, lam_hat, delta, _, _ = modes(rng, count)
    return delta, lam_hat, np.zeros(count), lam


def affine(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:
    """Slopes 0 and 1e-14..2 of either sign, and around ½, where the learned process has no drift; m² of either sign."""
    lam, _, _, t0, T = modes(rng, count)
    slope = 10.0 ** rng.uniform(-14, 0.3, count) * rng.choice([1.0, -1.0], count)
    slope[rng.random(count) < 0.1] = 0.0
    near = rng.random(count) < 0.2
    slope[near] = 0.5 + slope[near] * 1e-3
    offset = np.where(rng.random(count) < 0.4, 0.0, 10.0 ** rng.uniform(-14, 0, count))
    return slope, offset, lam, t0, T


def with_order(order: float, draw: Callable[..., tuple[np.ndarray, ...]]) -> Callable[..., tuple[np.ndarray, ...]]:
    return lambda rng, count: (np.full(count, order), *draw(rng, count))


SWEEPS: dict[str, tuple[str, Callable[..., tuple[np.ndarray, ...]]]] = {
    "ideal energy": ("ideal_energy", modes),
    "learned energy": ("learned_energy", modes),
    "learned energy from q_T": ("learned_energy from q_T", modes),
    "visible energy": ("visible_energy", modes),
    "path chi2 from p^_T": ("path_chi2", modes),
    "path chi2 from q_T": ("path_chi2 from q_T", modes),
    "weight moment of order 2.5": ("weight_moment", with_order(2.5, modes)),
    "KL": ("kl_gaussian", laws),
    "chi2": ("chi2_gaussian", laws),
    "Hellinger": ("hellinger_gaussian", laws),
    "W2": ("w2_gaussian", laws),
    "Rényi of order 0.7": ("renyi_gaussian", with_order(0.7, laws)),
    "Rényi of order 1 + 1e-9": ("renyi_gaussian", with_order(1.0 + 1e-9, laws)),
    "clock": ("score_clock", lambda rng, count: (lambda lam, _h, _d, t0, T: (lam, t0, T))(*modes(rng, count))),
    "affine learned energy": ("affine_learned_energy", affine),
    "affine visible energy": ("affine_visible_energy", affine),
    "affine path chi2": ("affine_path_chi2", affine),
    "affine weight moment of order 1.2": ("affine_weight_moment", with_order(1.2, affine)),
}


def worst_error(name: str, count: int, seed: int, digits: int = 200) -> tuple[float, float]:
    """Largest relative error of a closed form over a sweep, against mpmath at 200 digits, and the share of slow points.

    Of 50 digits, slopes of 1e-14 leave none in a difference divided by their third power. Values below 1e-30 are taken
    with 400 digits.
    """
    key, draw = SWEEPS[name]
    arguments = draw(np.random.default_rng(seed), count)
    evaluator = form(key)
    values, worst = evaluator(*arguments), 0.0
    for index in range(count):
        reference = evaluator.reference(*(float(array[index]) for array in arguments), digits=digits)
        if abs(reference) < 1e-30:  # a small value, or a zero of which rounding is left
            reference = evaluator.reference(*(float(array[index]) for array in arguments), digits=400)
        if mpmath.isinf(reference) or reference > sys.float_info.max:
            assert values[index] == np.inf, (name, [float(array[index]) for array in arguments])
        elif abs(reference) < 1e-290:
            assert abs(values[index]) < 1e-289
        else:
            worst = max(worst, float(abs(values[index] - reference) / abs(reference)))
    return worst, float(np.mean(evaluator.doubtful(*arguments)))


@pytest.mark.parametrize("name", SWEEPS)
def test_ten_digits_through_the_limits(name: str) -> None:
    worst, _ = worst_error(name, 25, SEED)
    assert worst <= DOMAIN


def test_plain_double_precision_would_not_do() -> None:
    # the guard earns its place: without it the same sweep is wrong in the first digit
    evaluator, arguments = form("ideal_energy"), modes(np.random.default_rng(SEED), 4000)
    plain, _ = evaluator.bounded(*arguments)
    guarded = evaluator(*arguments)
    kept = guarded > 0.0
    assert np.max(np.abs(plain[kept] / guarded[kept] - 1.0)) > 0.1


@pytest.mark.parametrize("name", ["ideal_energy", "visible_energy", "path_chi2 from q_T", "kl_gaussian"])
def test_the_error_bound_is_a_bound(name: str) -> None:
    draw = laws if name == "kl_gaussian" else modes
    arguments = draw(np.random.default_rng(SEED + 1), 60)
    evaluator = form(name)
    plain, bound = evaluator.bounded(*arguments)
    exact = evaluator(*arguments)
    known = np.isfinite(bound) & np.isfinite(plain) & np.isfinite(exact)
    assert np.count_nonzero(known) > 30
    assert np.all(np.abs(plain[known] - exact[known]) <= bound[known] + 1e-13 * np.abs(exact[known]))


def test_tracked_numbers_know_what_they_lost() -> None:
    one = Tracked(np.array([1.0]))
    lost = (one + 1e-16) - 1.0
    assert lost.error[0] >= 1e-16
    assert not ((one + 1e-16) > 1.0).sure[0]
    assert (one > 0.5).sure[0]
    with np.errstate(divide="ignore"):
        assert np.isinf((one / lost).error[0])
    with pytest.raises(TypeError, match="condition"):
        one + (one > 0.5)


@functools.cache
def by_definition(lam: float, lam_hat: float, delta: float, t0: float, T: float, along: str) -> mpmath.mpf:
    """int dt E (score difference)² with 60 digits, by Gauss-Legendre in time and three-point Gauss-Hermite in space."""
    with mpmath.workdps(60):
        lam, lam_hat, delta, t0, T = (mpmath.mpf(value) for value in (lam, lam_hat, delta, t0, T))

        def at(t: mpmath.mpf) -> mpmath.mpf:
            u = mpmath.exp(-t)
            v, w, shift = 1 + (lam - 1) * u, 1 + (lam_hat - 1) * u, mpmath.sqrt(u) * delta
            m, s = (shift, w) if along == "learned" else (0, v)
            nodes = ((m, 4), (m - mpmath.sqrt(3 * s), 1), (m + mpmath.sqrt(3 * s), 1))
            return sum(weight * (x / v - (x - shift) / w) ** 2 for x, weight in nodes) / 6

        return mpmath.quad(at, [t0, (t0 + T) / 16, (t0 + T) / 4, T])


@pytest.mark.parametrize("gap", [0.0, 1e-14, 1e-9, 1e-4, 0.5])
@pytest.mark.parametrize(("lam", "delta"), [(1.0, 1e-7), (0.3, 0.0)])
def test_energies_near_coincidence_are_their_definition(lam: float, delta: float, gap: float) -> None:
    mode = (lam, lam * (1.0 + gap), delta, 0.1, 3.0)
    for along, closed in (("ideal", closed_forms.ideal_energy), ("learned", closed_forms.learned_energy)):
        reference = float(by_definition(*mode, along))
        agree(closed(*mode), reference, 1e-12)
        wrong = float(by_definition(*mode, "learned" if along == "ideal" else "ideal")) if gap > 1e-3 else 2.0 * reference
        if reference > 0.0:
            assert rejects(lambda: agree(closed(*mode), wrong, 1e-3))  # noqa: B023


# --- against routes that share no code -------------------------------------------------------------------------------


def rotated(rng: np.random.Generator, dim: int) -> tuple[Gaussian, ConsistentError, OU, tuple[np.ndarray, ...]]:
    """A Gaussian and a consistent error with common eigenvectors, and its modes."""
    basis = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    variances = np.exp(rng.uniform(np.log(0.1), np.log(4.0), dim))
    gains, noises, shift = rng.uniform(0.8, 1.1, dim), rng.uniform(0.0, 0.3, dim), rng.normal(0.0, 0.3, dim)
    target = Gaussian(rng.normal(0.0, 1.0, dim), basis * variances @ basis.T)
    error = ConsistentError(target, Channel(basis * gains @ basis.T, shift, basis * noises @ basis.T))
    moved = basis.T @ (error.learned.mean - target.mean)
    return target, error, OU(0.03, 3.0), (variances, gains**2 * variances + noises, moved)


@pytest.mark.parametrize("seed", range(4))
def test_consistent_errors_are_the_ode_in_d_dimensions(seed: int) -> None:
    target, error, process, mode = rotated(np.random.Generator(np.random.PCG64(seed)), 1 + seed % 3)  # cases, not draws
    arguments = (*mode, process.t0, process.T)
    ideal, learned = (exact_generation(target, error, process, start=start) for start in ("ideal", "learned"))
    pairs: list[tuple[float, Callable[[], float], Callable[[], float]]] = [
        (ideal.ideal_energy, lambda: closed_forms.ideal_energy(*arguments, axis=0),
         lambda: closed_forms.learned_energy(*arguments, axis=0)),
        (ideal.learned_energy, lambda: closed_forms.learned_energy(*arguments, start="ideal", axis=0),
         lambda: closed_forms.learned_energy(*arguments, start="learned", axis=0)),
        (learned.learned_energy, lambda: closed_forms.learned_energy(*arguments, axis=0),
         lambda: closed_forms.learned_energy(*arguments, start="ideal", axis=0)),
        (ideal.visible_energy, lambda: closed_forms.visible_energy(*arguments, axis=0),
         lambda: closed_forms.ideal_energy(*arguments, axis=0)),
        (ideal.observability, lambda: closed_forms.observability(*arguments, axis=0),
         lambda: float(np.mean(closed_forms.observability(*arguments))) + 1e-4),
        (ideal.path_chi2, lambda: closed_forms.path_chi2(*arguments, axis=0),
         lambda: closed_forms.path_chi2(*arguments, start="learned", axis=0)),
        (learned.path_chi2, lambda: closed_forms.path_chi2(*arguments, start="learned", axis=0),
         lambda: closed_forms.path_chi2(*arguments, axis=0)),
    ]  # fmt: skip
    for reference, right, wrong in pairs:
        agree(right(), reference, 1e-8)
        assert rejects(lambda: agree(wrong(), reference, 1e-8))  # noqa: B023


def test_path_chi2_is_infinite_where_the_ode_finds_it() -> None:
    process = OU(0.05, 2.0)
    found = []
    for lam, lam_hat in ((0.5, 0.9), (0.5, 1.05), (0.5, 1.2), (0.2, 0.41), (0.2, 0.6), (1.0, 0.05), (2.0, 0.1)):
        target = Gaussian(0.0, lam)
        channel = Channel(noise=lam_hat - lam) if lam_hat > lam else Channel(gain=math.sqrt(lam_hat / lam))
        ode = exact_generation(target, ConsistentError(target, channel), process).path_chi2
        value = closed_forms.path_chi2(lam, lam_hat, 0.0, process.t0, process.T)
        agree(value, ode, 1e-7)
        found.append(math.isinf(value))
        at_start = closed_forms.path_chi2(lam, lam_hat, 0.0, process.t0, process.T, start="learned")
        assert math.isinf(at_start) == (1 + (lam_hat - 1) * math.exp(-0.05) >= 2 * (1 + (lam - 1) * math.exp(-0.05)))
    assert set(found) == {True, False}


@pytest.mark.parametrize("mode", [(0.5, 0.6, 0.3), (2.0, 1.2, -0.4)], ids=str)
@pytest.mark.parametrize("order", [0.5, 1.0, 1.7, 3.0])
def test_weight_moments_are_the_double_integral(order: float, mode: tuple[float, float, float]) -> None:
    lam, lam_hat, delta = mode
    t0, T = 0.1, 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(90)

    def moment(correlation: float) -> float:
        u0, uT = math.exp(-t0), math.exp(-T)
        y, z = nodes[:, None], correlation * nodes[:, None] + math.sqrt(1.0 - correlation**2) * nodes[None, :]

        def log_ratio(white: np.ndarray, u: float) -> np.ndarray:
            v, w, shift = 1 + (lam - 1) * u, 1 + (lam_hat - 1) * u, math.sqrt(u) * delta
            x = math.sqrt(v) * white
            return 0.5 * math.log(v / w) - (x - shift) ** 2 / (2 * w) + x**2 / (2 * v)

        grid = np.exp(order * (log_ratio(y, u0) - log_ratio(z, uT)))
        return float(weights @ grid @ weights) / (2.0 * math.pi)

    S0, ST = 1 + (lam - 1) * math.exp(-t0), 1 + (lam - 1) * math.exp(-T)
    correlation = math.exp(-(T - t0) / 2) * math.sqrt(S0 / ST)
    value = closed_forms.weight_moment(order, lam, lam_hat, delta, t0, T)
    agree(value, moment(correlation), 1e-9)
    assert rejects(lambda: agree(value, moment(0.0), 1e-3))
    assert rejects(
        lambda: agree(closed_forms.weight_moment(1.5 * order, lam, lam_hat, delta, t0, T), moment(correlation), 1e-3)
    )


AFFINE = [(0.1, 0.2, 1.0), (0.05, 0.2, 0.5), (-0.4, 0.3, 3.0), (0.0, 0.5, 0.2), (0.12, 0.0, 2.0), (0.5, 0.1, 1.0)]


@pytest.mark.parametrize("case", AFFINE, ids=str)
def test_errors_proportional_to_the_score_are_the_ode(case: tuple[float, float, float]) -> None:
    slope, offset, lam = case
    process = OU(0.02, 0.8 if slope == 0.5 else 4.0)
    mean = 0.7

    def spread(t: float) -> float:
        return 1 + (lam - 1) * math.exp(-t)

    error = AffineError(
        lambda t: np.array([[slope / spread(t)]]),
        lambda t: np.array([offset / math.sqrt(spread(t)) - slope / spread(t) * mean * math.exp(-t / 2)]),
    )
    ode = exact_generation(Gaussian(mean, lam), error, process)
    arguments = (slope, offset, lam, process.t0, process.T)
    for name in ("ideal_energy", "learned_energy", "visible_energy", "path_chi2"):
        closed = getattr(closed_forms, f"affine_{name}")
        agree(closed(*arguments), getattr(ode, name), 1e-8)
        assert rejects(lambda: agree(closed(slope + 0.01, offset, lam, process.t0, process.T), getattr(ode, name), 1e-6))  # noqa: B023


@pytest.mark.parametrize("slope", [0.24, 0.5, 0.9, -3.0])
def test_the_blow_up_is_where_the_riccati_solution_reaches_one(slope: float) -> None:
    end = closed_forms.affine_blow_up(2.0, slope)

    def rate(_: float, y: np.ndarray) -> np.ndarray:
        return y**2 + (4 * slope - 1) * y + 2 * slope**2

    def reached(_: float, y: np.ndarray) -> float:
        return float(y[0]) - 1.0

    reached.terminal = True  # type: ignore[attr-defined]
    solution = integrate.solve_ivp(rate, (0.0, 50.0), [0.0], rtol=1e-11, atol=1e-12, events=reached)
    crossed = solution.t_events[0]
    agree(end, crossed[0], 1e-8)
    assert rejects(lambda: agree(closed_forms.affine_blow_up(2.0, slope + 0.01), crossed[0], 1e-4))
    just_below, just_above = (closed_forms.affine_path_chi2(slope, 0.1, 1.0, 0.0, factor * end) for factor in (0.999, 1.001))
    assert math.isfinite(just_below)
    assert math.isinf(just_above)


def test_slopes_that_never_blow_up() -> None:
    np.testing.assert_array_equal(closed_forms.affine_blow_up(2.0, [0.0, 0.1, -0.5, -1.9]), np.inf)
    assert closed_forms.affine_blow_up(0.5, 3.0) == np.inf
    assert np.all(np.isfinite(closed_forms.affine_path_chi2([0.1, -0.5], 0.0, 1.0, 0.0, 60.0)))


def test_divergences_in_d_dimensions() -> None:
    rng = np.random.default_rng(SEED)
    basis = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    m1, m0, v1, v0 = rng.normal(0, 0.5, 3), rng.normal(0, 0.5, 3), rng.uniform(0.5, 1.5, 3), rng.uniform(1.0, 2.0, 3)
    p, q = Gaussian(basis @ m1, basis * v1 @ basis.T), Gaussian(basis @ m0, basis * v0 @ basis.T)
    routes = {
        "kl": (closed_forms.kl_gaussian, kl(p, q)),
        "chi2": (closed_forms.chi2_gaussian, chi2(p, q)),
        "hellinger": (closed_forms.hellinger_gaussian, hellinger(p, q)),
        "w2": (closed_forms.w2_gaussian, w2(p, q)),
        "renyi": (functools.partial(closed_forms.renyi_gaussian, order=1.3), renyi(p, q, order=1.3)),
        "renyi 2": (functools.partial(closed_forms.renyi_gaussian, order=2.0), renyi(p, q, order=2.0)),
    }
    for closed, reference in routes.values():
        agree(closed(m1, v1, m0, v0, axis=0), reference, 1e-9)
        assert rejects(lambda: agree(closed(m1, v1, m0, v0[::-1], axis=0), reference, 1e-6))  # noqa: B023
    assert closed_forms.renyi_gaussian(0.1, 1.0, 0.0, 2.0, order=1.0) == closed_forms.kl_gaussian(0.1, 1.0, 0.0, 2.0)
    assert closed_forms.chi2_gaussian([0.0, 0.0], [1.0, 2.0], 0.0, 1.0, axis=0) == np.inf


# --- finite samples and limits ---------------------------------------------------------------------------------------


def test_sample_size_energy_is_the_integrated_fluctuation() -> None:
    lam, n, t0, T = np.array([0.5, 1.0, 3.0]), 1e9, 0.02, 4.0

    def rate(u: float, off: float) -> float:
        s = 1 + (lam - 1) * u
        total = np.sum(lam / s**2) + np.sum(2 * lam**2 * u / s**3)
        for j in range(3):
            for k in range(j):
                total += off * lam[j] * lam[k] * u * (1 / (s[j] ** 2 * s[k]) + 1 / (s[j] * s[k] ** 2))
        return float(total) / n

    value = closed_forms.sample_size_energy(lam, n, t0, T)
    reference, diagonal = (
        integrate.quad(rate, math.exp(-T), math.exp(-t0), args=(off,), epsabs=0, epsrel=1e-12)[0] for off in (1, 0)
    )
    agree(value, reference, 1e-8)
    assert rejects(lambda: agree(value, diagonal, 1e-2))
    agree(closed_forms.sample_size_energy([0.1, 7.0], 1e12, 0.0, np.inf), 2 * 5 / 2e12, 1e-11)
    assert closed_forms.sample_size_energy(2.0, [10.0, 100.0], 0.02, 4.0).shape == (2,)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_refitting_is_its_recursion(alpha: float) -> None:
    n, sigma2, rounds = 7.0, 1.3, 40

    def recursion(points: float) -> tuple[list[float], list[float]]:
        errors, variances = [0.0], [sigma2]
        for _ in range(rounds):
            s, v = errors[-1], variances[-1]
            w = alpha * sigma2 + (1 - alpha) * v
            errors.append((1 - alpha) ** 2 * s + w / points)
            variances.append(w + alpha * (1 - alpha) * s - w / points)
        return errors, variances

    steps = np.arange(rounds + 1)
    errors, variances = recursion(n)
    agree(closed_forms.fitted_mean_error(steps, alpha, n, sigma2), errors, 1e-12)
    agree(closed_forms.fitted_variance(steps, alpha, n, sigma2), variances, 1e-12)
    assert rejects(lambda: agree(closed_forms.fitted_mean_error(steps, alpha, n - 1, sigma2), errors, 1e-3))
    # 1 - kappa^N cancels where kappa is close to 1
    agree(closed_forms.fitted_mean_error(1, 1e-13, 1e9, 1.0), 1e-9, 1e-10)


def test_limit_second_moment_is_that_of_the_limit_law() -> None:
    target, t0, alpha = Gaussian([0.5, -1.0], [[1.0, 0.3], [0.3, 0.4]]), 0.2, 0.35
    law = limit_law(target, t0, alpha)
    reference = float(law.mean @ law.mean + np.trace(law.cov))
    moment = float(target.mean @ target.mean + np.trace(target.cov))
    agree(closed_forms.limit_second_moment(alpha, t0, moment, 2), reference, 1e-10)
    assert rejects(lambda: agree(closed_forms.limit_second_moment(alpha, 2 * t0, moment, 2), reference, 1e-3))


# --- explicit constants ----------------------------------------------------------------------------------------------


def test_constants_bound_the_remainder_that_is_known() -> None:
    # V = eps*² exactly: the remainder is e^E - 1 - E
    for energy in (1e-6, 0.1, 2.0):
        remainder = math.expm1(energy) - energy if energy > 1e-3 else energy**2 / 2 * (1 + energy / 3)
        exact = closed_forms.deterministic_constants(energy)
        agree((exact.moment_constant * energy) ** 2, remainder, 1e-9)
        assert exact == closed_forms.bounded_constants(energy, energy)
        moments = closed_forms.bounded_moment_constants(energy, energy)
        assert moments is not None
        assert moments.moment_constant > exact.moment_constant
        agree([exact.lower, exact.upper], [exact.moment_constant**2 / 3, 4 * exact.moment_constant**2 / 3], 1e-14)
        agree(exact.threshold, 0.41789322 / exact.moment_constant**2, 1e-7)


def test_the_optimum_over_delta_is_an_optimum() -> None:
    # a weight moment that diverges at delta = 3, an energy with Gaussian tails: the best order lies inside
    weight = lambda delta: 0.05 * delta * (1 + delta) - 0.02 * math.log(3 - delta) if delta < 3 else math.inf  # noqa: E731
    energy = lambda gamma: (2 + gamma) * math.log(1 + 0.3 * (2 + gamma))  # noqa: E731
    best = closed_forms.explicit_constants(weight, energy)
    assert best is not None
    assert best.delta is not None
    assert 1.1 < best.delta < 2.99
    around = [closed_forms.explicit_constants(weight, energy, delta=float(d)) for d in np.linspace(1.05, 2.99, 60)]
    tried = [row.moment_constant for row in around if row is not None]
    assert best.moment_constant <= min(tried) * (1 + 1e-9)
    assert best.moment_constant >= min(tried) * 0.99
    assert min(tried) < 0.8 * max(tried)
    wasteful = closed_forms.explicit_constants(weight, energy, delta=best.delta, gamma=4 / (best.delta - 1) + 3)
    assert wasteful is not None
    assert wasteful.moment_constant > best.moment_constant
    agree(closed_forms.explicit_constants(weight, energy, delta=best.delta).moment_constant, best.moment_constant, 1e-6)


def test_orders_without_moments_give_nothing() -> None:
    assert closed_forms.explicit_constants(lambda delta: math.inf, lambda gamma: 0.0) is None
    assert closed_forms.explicit_constants(lambda delta: 1.0, lambda gamma: math.nan) is None
    assert closed_forms.bounded_moment_constants(1e4, 1.0) is None


# --- shapes, input, examples -----------------------------------------------------------------------------------------


def test_shapes_and_scalars() -> None:
    assert isinstance(closed_forms.ideal_energy(1, 2, 0, 0.02, 4), float)
    assert isinstance(closed_forms.ideal_energy([1, 2], 2, 0, 0.02, 4, axis=0), float)
    grid = closed_forms.ideal_energy(np.ones((3, 1)), np.linspace(0.5, 2, 4), 0.1, 0.02, 4.0)
    assert grid.shape == (3, 4)
    agree(grid.sum(axis=1), closed_forms.ideal_energy(np.ones((3, 1)), np.linspace(0.5, 2, 4), 0.1, 0.02, 4.0, axis=1), 1e-14)
    assert closed_forms.observability(1.0, 1.0, 0.0, 0.02, 4.0) == 0.0
    agree(closed_forms.ideal_energy(1.0, 1.0, [1.0, 2.0], 0.0, np.inf), [1.0, 4.0], 1e-15)


def test_observability_where_the_energies_leave_the_range_of_floats() -> None:
    # once the means are far enough apart, eta depends on nothing else; in two modes the far one decides
    far, near = np.array([[1e200], [1e100]]), (0.5, 2.0)
    assert closed_forms.ideal_energy(*near, 1e200, 0.1, 4.0) == np.inf
    assert closed_forms.ideal_energy(0.5, 0.6, 1e154, 0.1, 4.0) < np.inf
    assert closed_forms.ideal_energy([0.5, 0.5], 0.6, 1e154, 0.1, 4.0, axis=0) == np.inf  # the sum alone
    eta = closed_forms.observability(*near, far, 0.1, 4.0)
    agree(eta[0], eta[1], 1e-13)
    agree(closed_forms.observability(*near, np.hstack([far, np.ones((2, 1))]), 0.1, 4.0, axis=1), eta[:, 0], 1e-13)
    agree(closed_forms.observability(*near, np.hstack([far, far]).T, 0.1, 4.0, axis=0), eta[:, 0], 1e-13)
    assert abs(eta[0, 0] - closed_forms.observability(*near, 1.0, 0.1, 4.0)) > 1e-3


BAD: list[tuple[Callable[[], object], type[Exception], str]] = [
    (lambda: closed_forms.ideal_energy(-1, 1, 0, 0, 1), ValueError, "lam must"),
    (lambda: closed_forms.ideal_energy(1, "1", 0, 0, 1), TypeError, "lam_hat must"),
    (lambda: closed_forms.ideal_energy(1, 1, np.nan, 0, 1), ValueError, "delta must"),
    (lambda: closed_forms.ideal_energy(1, 0, 0, 0, 1), ValueError, "lam_hat must be positive where t0 = 0"),
    (lambda: closed_forms.ideal_energy(1, 1, 0, 1, 1), ValueError, "T must be greater"),
    (lambda: closed_forms.ideal_energy(1, 1, 0, 0, np.nan), ValueError, "T must be a number"),
    (lambda: closed_forms.ideal_energy([1, 2], [1, 2, 3], 0, 0, 1), ValueError, "arguments must broadcast"),
    (lambda: closed_forms.ideal_energy([1, 2], 1, 0, 0, 1, axis=1), ValueError, "axis must"),
    (lambda: closed_forms.ideal_energy(1, 1, 0, 0, 1, axis="0"), TypeError, "axis must"),
    (lambda: closed_forms.learned_energy(1, 1, 0, 0, 1, start="late"), ValueError, "start must"),
    (lambda: closed_forms.path_chi2(1, 1, 0, 0, 1, start=1), TypeError, "start must"),
    (lambda: closed_forms.weight_moment(0.0, 1, 1, 0, 0, 1), ValueError, "order must"),
    (lambda: closed_forms.kl_gaussian(0, 0, 0, 1), ValueError, "v1 must"),
    (lambda: closed_forms.renyi_gaussian(0, 1, 0, 1, order=-1), ValueError, "order must"),
    (lambda: closed_forms.affine_path_chi2(0.1, 0, 1, 0, np.inf), ValueError, "T must be finite"),
    (lambda: closed_forms.sample_size_energy(0.0, 10, 0, 1), ValueError, "lam must"),
    (lambda: closed_forms.sample_size_energy(1.0, 0.5, 0, 1), ValueError, "n must"),
    (lambda: closed_forms.fitted_mean_error(1.5, 0.5, 10, 1), ValueError, "N must"),
    (lambda: closed_forms.fitted_variance(1, 1.5, 10, 1), ValueError, "alpha must"),
    (lambda: closed_forms.limit_second_moment(0, 0, 1, 1), ValueError, "alpha and t0 must"),
    (lambda: closed_forms.limit_second_moment(0.5, 0, 1, 1.5), ValueError, "dim must"),
    (lambda: closed_forms.explicit_constants(1.0, lambda g: 0.0), TypeError, "log_weight_moment must"),
    (lambda: closed_forms.explicit_constants(lambda d: 0.0, lambda g: 0.0, delta=1.0), ValueError, "delta must"),
    (lambda: closed_forms.explicit_constants(lambda d: 0.0, lambda g: 0.0, delta=2.0, gamma=3.0), ValueError, "gamma must"),
    (lambda: closed_forms.explicit_constants(lambda d: 0.0, lambda g: 0.0, gamma=3.0), ValueError, "gamma must"),
    (lambda: closed_forms.bounded_constants(0.5, 1.0), ValueError, "sup_energy must"),
    (lambda: closed_forms.deterministic_constants(0.0), ValueError, "ideal_energy must"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_bad_input_is_refused_by_name(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{message}"):
        call()


def test_examples_in_docstrings() -> None:
    outcome = doctest.testmod(closed_forms)
    assert outcome.failed == 0
    assert outcome.attempted > 0


if __name__ == "__main__":
    points = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    print(f"{'closed form':36s} {'worst relative error':>20s} {'slow points':>12s}   ({points} points each)")
    for title in SWEEPS:
        error_found, slow = worst_error(title, points, SEED + 7)
        print(f"{title:36s} {error_found:20.2e} {slow:12.0%}")
