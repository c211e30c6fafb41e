"""Controls of the divergences, by direct integration on a line."""

from __future__ import annotations

import math

import numpy as np

from numeric import Channel, Gaussian, GaussianMixture, early_stopping
from tests.controls.control import Check, Control, Estimator, close, result, swapped

LEARNED = GaussianMixture([0.4, 0.6], [-0.5, 0.7], [0.5, 0.6])
DATA = GaussianMixture([0.3, 0.7], [-0.8, 0.6], [0.7, 0.8])
LINE = np.linspace(-14.0, 14.0, 28_001)
CELL = LINE[1] - LINE[0]


def densities() -> tuple[np.ndarray, np.ndarray]:
    def density(law: GaussianMixture) -> np.ndarray:
        parts = zip(law.weights, law.means[:, 0], law.covs[:, 0, 0], strict=True)
        return np.sum([w * np.exp(-((LINE - m) ** 2) / (2 * v)) / math.sqrt(2 * math.pi * v) for w, m, v in parts], axis=0)

    return density(LEARNED), density(DATA)


P, Q = densities()


def integral(values: np.ndarray) -> float:
    return float(values.sum() * CELL)


def quantile_distance() -> float:
    """W2 from inverse distribution functions at two hundred thousand levels."""
    levels = (np.arange(200_000) + 0.5) / 200_000
    x, y = (np.interp(levels, np.cumsum(density) * CELL - 0.5 * CELL * density, LINE) for density in (P, Q))
    return math.sqrt(float(np.mean((x - y) ** 2)))


WIDTH = 0.7
KERNEL = np.exp(-0.5 * ((LINE[::20, None] - LINE[None, ::20]) / WIDTH) ** 2)
GAP = (P - Q)[::20] * CELL * 20


def is_integral(truth: float, rel: float = 1e-6, **named: float) -> Check:
    return lambda estimator: close(estimator(LEARNED, DATA, **named), truth, rel)


CHI2 = is_integral(integral((P - Q) ** 2 / Q))
KL = is_integral(integral(P * np.log(P / Q)))
RENYI = is_integral(math.log(integral(P**1.7 * Q**-0.7)) / 0.7, order=1.7)
HELLINGER = is_integral(math.sqrt(1.0 - integral(np.sqrt(P * Q))))
TV = is_integral(0.5 * integral(np.abs(P - Q)))
W1 = is_integral(integral(np.abs(np.cumsum(P - Q) * CELL)), 1e-5)
W2 = is_integral(quantile_distance(), 1e-4)
MMD = is_integral(math.sqrt(float(GAP @ KERNEL @ GAP)), 1e-5, bandwidth=WIDTH)


def horizon(estimator: Estimator) -> bool:
    """Variance 1 against noise 1/8: infinite at equality, in round 8."""
    return bool(estimator(Gaussian(0.0, 1.0), Channel(noise=0.125)) == 8)


def settles(estimator: Estimator) -> bool:
    """A round of early stopping leaves the limit law where it is."""
    limit = estimator(DATA, 0.2, 0.4)
    again = early_stopping(0.2)(
        GaussianMixture(
            np.concatenate([0.4 * DATA.weights, 0.6 * limit.weights]),
            np.concatenate([DATA.means, limit.means]),
            np.concatenate([DATA.covs, limit.covs]),
        )
    )
    return bool(np.max(np.abs(np.exp(again.logpdf(LINE[::40])) - np.exp(limit.logpdf(LINE[::40])))) < 1e-9)


def maximal(estimator: Estimator) -> bool:
    """No nearby Gaussian gives the points a larger likelihood."""
    points = np.random.default_rng(3).standard_normal((40, 2)) @ np.array([[1.0, 0.4], [0.0, 0.7]]) + 0.3
    best = estimator(points)
    reached = float(best.logpdf(points).sum())
    nudged = [Gaussian(best.mean + shift, factor * best.cov) for shift in (-0.02, 0.0, 0.02) for factor in (0.98, 1.0, 1.02)]
    return all(float(other.logpdf(points).sum()) <= reached + 1e-9 for other in nudged)


def unbiased(estimator: Estimator) -> Estimator:
    def twin(points: np.ndarray) -> Gaussian:
        fitted = estimator(points)
        return Gaussian(fitted.mean, fitted.cov * len(points) / (len(points) - 1))

    return twin


def one_noising_less(estimator: Estimator) -> Estimator:
    """The sum starts at p instead of at p after one round."""

    def twin(target: GaussianMixture, t0: float, alpha: float) -> GaussianMixture:
        inner = estimator(target, t0, alpha)
        return GaussianMixture(
            np.concatenate([alpha * target.weights, (1 - alpha) * inner.weights]),
            np.concatenate([target.means, inner.means]),
            np.concatenate([target.covs, inner.covs]),
        )

    return twin


CONTROLS = [
    Control("chi2", "learned and reference exchanged", CHI2, swapped),
    Control("chi2", "Pearson's and Neyman's averaged", CHI2, lambda chi2: lambda p, q: 0.5 * (chi2(p, q) + chi2(q, p))),
    Control("kl", "learned and reference exchanged", KL, swapped),
    Control("kl", "logarithm to base 2", KL, result(lambda value: value / math.log(2.0))),
    Control("renyi", "order taken for its complement", RENYI, lambda renyi: lambda p, q, order: renyi(q, p, order=order)),
    Control("renyi", "without the factor 1/(order - 1)", RENYI, result(lambda value: 0.7 * value)),
    Control("hellinger", "squared", HELLINGER, result(lambda value: value**2)),
    Control("hellinger", "without the half", HELLINGER, result(lambda value: math.sqrt(2.0) * value)),
    Control("tv", "without the half", TV, result(lambda value: 2.0 * value)),
    Control("w1", "difference of the means alone", W1, lambda w1: lambda p, q: abs(float(p.mean[0] - q.mean[0]))),
    Control("w2", "squared", W2, result(lambda value: value**2)),
    Control("w2", "W1 in its place", W2, lambda w2: lambda p, q: integral(np.abs(np.cumsum(P - Q) * CELL))),
    Control("mmd", "squared", MMD, result(lambda value: value**2)),
    Control(
        "mmd",
        "exp(-d²/h²) for exp(-d²/(2 h²))",
        MMD,
        lambda mmd: lambda p, q, bandwidth: mmd(p, q, bandwidth=bandwidth / math.sqrt(2)),
    ),
    Control("chi2_horizon", "finite at equality", horizon, result(lambda rounds: rounds + 1)),
    Control("limit_law", "the first term not noised", settles, one_noising_less),
    Control("limit_law", "t0 halved", settles, lambda limit: lambda target, t0, alpha: limit(target, 0.5 * t0, alpha)),
    Control("fit_target", "1/(n-1) covariance", maximal, unbiased),
]
