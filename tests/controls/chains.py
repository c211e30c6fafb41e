"""Controls of refits, fit energies and weighted means: against recursions that are written down here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from numeric import OU, FitEnergy, Gaussian, Refits, WeightedMeans, weighted_means
from numeric.validation import Array
from tests.controls.control import SIGMAS, Control, Estimator, close, patched, result

UNIT, START, ALPHA, POINTS, ROUNDS = Gaussian(0.0, 1.0), Gaussian(0.8, 0.5), 0.25, 8, 3


def recursion(iid: bool) -> tuple[Array, Array]:
    """s_i and v_i: s' = rho² s + w/n, v' = alpha + rho v + alpha rho s - (what the mean takes), w = alpha + rho v."""
    rho, s, v = 1.0 - ALPHA, [0.64], [0.5]
    for _ in range(ROUNDS):
        spread = ALPHA + rho * v[-1]
        noise = (spread + (ALPHA * rho * s[-1] if iid else 0.0)) / POINTS
        s, v = [*s, rho**2 * s[-1] + noise], [*v, spread + ALPHA * rho * s[-1] - noise]
    return np.array(s), np.array(v)


def enumerated(estimator: Estimator) -> bool:
    for design in ("stratified", "iid"):
        found = estimator(UNIT, ALPHA, ROUNDS, n=POINTS, design=design, initial=START)
        s, v = recursion(design == "iid")
        if not (np.allclose(found.mean_error, s, rtol=1e-9) and np.allclose(found.fitted_variance, v, rtol=1e-9)):
            return False
    return True


def simulated(estimator: Estimator) -> bool:
    """Against the recursion, in standard errors, by every route."""
    for design, route in (("stratified", "points"), ("iid", "points"), ("iid", "moments")):
        found = estimator(UNIT, ALPHA, ROUNDS, n=POINTS, runs=40_000, rng=5, design=design, route=route, initial=START)
        for name, truth in zip(("mean_error", "fitted_variance"), recursion(design == "iid"), strict=True):
            if np.any(np.abs(getattr(found, name) - truth) > SIGMAS * found.stderr[name] + 1e-12):
                return False
    return True


def other_design(estimator: Estimator) -> Estimator:
    def twin(*args: Any, design: str, **named: Any) -> Refits:
        return estimator(*args, design="iid" if design == "stratified" else "stratified", **named)

    return twin


def complement(estimator: Estimator) -> Estimator:
    return lambda target, alpha, *args, **named: estimator(target, 1.0 - alpha, *args, **named)


def unbiased(found: Refits) -> Refits:
    grown = found.fitted_variance.copy()
    grown[1:] *= POINTS / (POINTS - 1.0)
    return replace(found, fitted_variance=grown)


def bessel(right: Callable[..., tuple[Array, Array]]) -> Callable[..., tuple[Array, Array]]:
    def advance(*args: Any) -> tuple[Array, Array]:
        means, variances = right(*args)
        return means, variances * POINTS / (POINTS - 1.0)

    return advance


def forgetful(right: Callable[..., tuple[Array, Array]]) -> Callable[..., tuple[Array, Array]]:
    """Every round starts from the true mean."""
    return lambda plan, i, means, variances, stream: right(plan, i, 0.0 * means, variances, stream)


class OneRow:
    """Random numbers that are the same for every chain."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def standard_normal(self, shape: tuple[int, int]) -> Array:
        return np.repeat(self.rng.standard_normal((1, shape[1])), shape[0], axis=0)

    def random(self, shape: tuple[int, int]) -> Array:
        return self.rng.random(shape)


def shared_noise(right: Callable[..., tuple[Array, Array]]) -> Callable[..., tuple[Array, Array]]:
    return lambda plan, i, means, variances, stream: right(plan, i, means, variances, OneRow(stream))


CHAIN = "numeric.fits.refits"
REFITS = [
    Control("exact_refits", "points drawn from the mixture for stratified ones", enumerated, other_design),
    Control("exact_refits", "fresh fraction for its complement", enumerated, complement),
    Control("exact_refits", "1/(n-1) variance", enumerated, result(unbiased)),
    Control("simulate_refits", "points drawn from the mixture for stratified ones", simulated, other_design),
    Control("simulate_refits", "fresh fraction for its complement", simulated, complement),
    Control("simulate_refits", "1/(n-1) variance", simulated, patched(CHAIN, "_by_points_1d", bessel)),
    Control("simulate_refits", "1/(n-1) variance, by moments", simulated, patched(CHAIN, "_by_moments", bessel)),
    Control("simulate_refits", "the last fit's mean forgotten", simulated, patched(CHAIN, "_by_points_1d", forgetful)),
    Control("simulate_refits", "chains that share their noise", simulated, patched(CHAIN, "_by_points_1d", shared_noise)),
]

# ------------------------------------------------------------------------------------------------------ fit energies

VALUES, PROCESS, FEW = np.array([1.5, 0.4]), OU(), 6


def sample_size_law(n: int) -> float:
    """Shares of the parameters of a fit: w of a mean, (2n-1)/(2n) w² of a variance, (n-1)/n w w' of a covariance."""
    total = 0.0
    for u, sign in ((math.exp(-PROCESS.T), -1.0), (math.exp(-PROCESS.t0), 1.0)):
        w = VALUES * u / (1.0 + (VALUES - 1.0) * u)
        total += sign * (w.sum() + (2 * n - 1) / (2 * n) * float(w @ w) + (n - 1) / n * float(w[0] * w[1])) / n
    return total


def follows_the_law(estimator: Estimator) -> bool:
    found: FitEnergy = estimator(Gaussian([0.3, 0.0], VALUES), PROCESS, n=FEW, fits=20_000, rng=3)
    energy = found.sample_energy
    return bool(abs(energy.value - sample_size_law(FEW)) <= SIGMAS * energy.stderr + found.numerical_error)


def one_point_more(estimator: Estimator) -> Estimator:
    return lambda *args, n, **named: estimator(*args, n=n + 1, **named)


ENERGIES = [
    Control("fit_energy", "one point more than it says", follows_the_law, one_point_more),
    Control(
        "fit_energy",
        "the energy in full for its leading order",
        follows_the_law,
        result(lambda f: replace(f, sample_energy=f.energy)),
    ),
    Control(
        "fit_energy",
        "covariances of the fit forgotten",
        follows_the_law,
        patched(
            "numeric.fits.fit_energy",
            "_energy",
            lambda right: (
                lambda values, signals, centre, spread, scale: right(
                    values, signals, centre, spread * np.eye(values.size), scale
                )
            ),
        ),
    ),
]

# ---------------------------------------------------------------------------------------------------- weighted means


def settled(weight: float, ratio: float) -> float:
    return (weight**2 + (1.0 - weight) ** 2 / ratio) / (1.0 - (1.0 - weight) ** 2)


def settles(estimator: Estimator) -> bool:
    """The stationary error, and the best weight: kappa a² + a = 1."""
    for weight, ratio in ((0.6, 1.0), (0.3, 2.0)):
        found: WeightedMeans = estimator(weight, n=8, ratio=ratio)
        best = (math.sqrt(1.0 + 4.0 * ratio) - 1.0) / (2.0 * ratio)
        if not (close(found.stationary_error, settled(weight, ratio), 1e-9) and close(found.best_weight, best, 1e-5)):
            return False
    return True


def settles_in_simulation(estimator: Estimator) -> bool:
    found: WeightedMeans = estimator(0.3, n=2, ratio=2.0, runs=40_000, rng=9)
    value: Any = found.stationary_error
    exact = float(weighted_means(0.3, n=2, ratio=2.0).stationary_error)
    return bool(abs(value.value - exact) <= SIGMAS * value.stderr)


def other_weight(estimator: Estimator) -> Estimator:
    return lambda weight, **named: estimator(1.0 - weight, **named)


def other_ratio(estimator: Estimator) -> Estimator:
    return lambda weight, *, n, ratio, **named: estimator(weight, n=n * int(ratio), ratio=1.0 / ratio, **named)


MEANS = [
    Control("weighted_means", "weights exchanged", settles, other_weight),
    Control("weighted_means", "fresh points per synthetic one", settles, other_ratio),
    Control("weighted_means", "two thirds as the best weight", settles, result(lambda m: replace(m, best_weight=2.0 / 3.0))),
    Control("simulate_weighted_means", "weights exchanged", settles_in_simulation, other_weight),
    Control("simulate_weighted_means", "fresh points per synthetic one", settles_in_simulation, other_ratio),
]

CONTROLS = [*REFITS, *ENERGIES, *MEANS]
