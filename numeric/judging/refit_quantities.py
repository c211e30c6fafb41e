"""Cases: the quantities of refits, of fit energies and of weighted means, as intervals under the names the claims use."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from numeric.estimate import Estimate, widened
from numeric.fits.fit_energy import FitEnergy
from numeric.fits.refits import Refits
from numeric.fits.weighted_means import WeightedMeans
from numeric.judging.formula import Interval
from numeric.judging.quantities import FEW, ROUNDING, Case
from numeric.validation import Array

__all__ = ["FiniteSample", "refit_case"]

FiniteSample: TypeAlias = Refits | FitEnergy | WeightedMeans
Quantities: TypeAlias = dict[str, Interval | Callable[[], Interval]]


def refit_case(result: FiniteSample, confidence: float) -> Case:
    """The case of one result; ``confidence`` is shared by all its simulated numbers together (Bonferroni)."""
    if isinstance(result, Refits):
        return _chains(result, confidence)
    return Case(_fit(result, confidence) if isinstance(result, FitEnergy) else _weights(result, confidence))


def _chains(refits: Refits, confidence: float) -> Case:
    """s_i, v_i, the schedule, and the typical rate where no round sees fresh data."""
    noisy = sum(int(np.count_nonzero(errors)) for errors in refits.stderr.values())
    level = 1.0 - (1.0 - confidence) / max(noisy, 1)
    found: Quantities = {
        "mean_error": _series(refits, "mean_error", refits.mean_error, level),
        "fitted_variance": _series(refits, "fitted_variance", refits.fitted_variance, level),
        "fresh_fraction": _exact(refits.alpha),
        "fresh_count_variance": _exact(refits.fresh_variance),
        "sample_size": Interval.point(float(refits.n)),
        "degrees": Interval.point(float(refits.n - 1)),
        "variance": Interval.point(refits.variance),
    }
    if not np.any(refits.fresh_variance):  # else the number of fresh points is random
        found["fresh_count"] = Interval.point(refits.fresh_mean)
    if np.all(refits.alpha == refits.alpha[0]) and refits.alpha[0] > 0.0:
        found["alpha"] = Interval.point(float(refits.alpha[0]))
    if refits.log_growth is not None and not np.any(refits.alpha) and math.isfinite(refits.typical_rate):
        growth = _series(refits, "log_growth", refits.log_growth, level)
        low, high = (np.full(refits.n + 1, np.nan) for _ in range(2))  # by number of points; only this one was measured
        low[refits.n], high[refits.n] = growth.low[-1] / refits.generations, growth.high[-1] / refits.generations
        found["typical_rate"] = Interval(low, high, growth.noisy, growth.doubt)
    return Case(found, rounds=refits.generations)


def _exact(values: float | Array) -> Interval:
    return Interval.around(values, ROUNDING * np.abs(values))


def _series(refits: Refits, name: str, values: Array, level: float) -> Interval:
    """Rounding where exact; where simulated, an interval for each entry."""
    radius = ROUNDING * np.abs(values)
    radius[0] = 0.0  # the first fit is given
    errors = refits.stderr.get(name)
    if errors is None or not np.any(errors):
        return Interval.around(values, radius)
    effective = float(np.min(refits.ess[name])) if name in refits.ess else float(refits.runs)
    width = errors * _quantile(refits.runs, level, refits.skewness[name])
    return Interval.around(values, radius + width, noisy=True, doubt=_degenerate(effective))


def _quantile(draws: int, level: float, skewness: float | Array) -> Array:
    """Half-width of an interval in standard errors: Student's t, widened for skewness."""
    return widened(Estimate(0.0, 1.0, draws).interval(level)[1], skewness)


def _degenerate(effective: float) -> str:
    return f"few runs carry the average: effective number {effective:.0f}" if effective < FEW else ""


def _number(value: float | Estimate, level: float, error: float, skewness: float) -> Interval:
    """One number: numerical error, and where it is simulated its interval besides."""
    if not isinstance(value, Estimate):
        return Interval.around(value, max(error, ROUNDING * abs(value)))
    effective = float(value.n) if value.ess is None else value.ess
    width = error + value.stderr * float(_quantile(value.n, level, skewness))
    return Interval.around(value.value, width, noisy=True, doubt=_degenerate(effective))


def _fit(fit: FitEnergy, confidence: float) -> Quantities:
    """The energy to second order in the error of the fit, its remainder, the spectrum and the two ends of the process."""
    values = np.asarray(np.linalg.eigvalsh(fit.target.cov), dtype=np.float64)
    first, last = fit.signals
    return {
        "sample_energy": _number(fit.sample_energy, confidence, fit.numerical_error, fit.skewness),
        "sample_size": Interval.point(float(fit.n)),
        "dimension": Interval.point(float(fit.target.dim)),
        "eigenvalue": _exact(values),
        "first_signal": Interval.point(first),
        "last_signal": Interval.point(last),
    }


def _weights(means: WeightedMeans, confidence: float) -> Quantities:
    """The stationary error, the weight, and the best weight of a search."""
    value = float(means.stationary_error)
    return {
        "stationary_error": _number(means.stationary_error, confidence, means.unsettled * value, means.skewness),
        "alpha": Interval.point(means.alpha),
        "synthetic_ratio": _exact(means.ratio),
        "best_weight": Interval.around(means.best_weight, means.weight_error),
    }
