"""Intervals of measured recursions: as wide as their errors, skewness and weights say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from numeric import Gaussian, exact_recursion, kde
from numeric.judging.quantities import recursion_case
from numeric.recursions.recursion import Recursion

LEVEL = 0.99


def measured(effective: float, skewness: float = 0.0) -> Recursion:
    """An exact recursion as if its numbers had been measured, each with an error of a tenth."""
    exact = exact_recursion(Gaussian(0.0, 1.0), kde(0.3), 0.5, 3)
    names = ("divergence", "mixed", "innovation", "intra", "discounted_sums", "gram", "triangle_bound")
    errors = {name: 0.1 * np.abs(getattr(exact, name)) for name in names}
    return replace(
        exact,
        stderr=errors,
        ess={name: np.full(error.shape, effective) for name, error in errors.items()},
        skewness={name: np.full(error.shape, skewness) for name, error in errors.items()},
    )


def quantile(recursion: Recursion) -> float:
    """Of one entry: the level is shared by all that have an error."""
    noisy = sum(np.count_nonzero(error) for error in recursion.stderr.values())
    return float(stats.norm.isf(0.5 * (1.0 - LEVEL) / noisy))


def reaches(recursion: Recursion, name: str) -> tuple[float, float]:
    """How many standard errors the interval of the last entry goes down and up."""
    found = recursion_case(recursion, LEVEL)(name)
    value, error = getattr(recursion, name).ravel()[-1], recursion.stderr[name].ravel()[-1]
    return float(value - found.low.ravel()[-1]) / error, float(found.high.ravel()[-1] - value) / error


@pytest.mark.parametrize("name", ["divergence", "mixed", "intra", "gram"])
def test_the_upper_end_of_a_heavy_tailed_mean_goes_out_with_few_effective_draws(name: str) -> None:
    for effective in (250.0, 1000.0, 1e12):
        recursion = measured(effective)
        down, up = reaches(recursion, name)
        assert down == pytest.approx(quantile(recursion), rel=1e-6)
        assert up == pytest.approx(quantile(recursion) * (1.0 + (1000.0 / effective) ** 0.7), rel=1e-6)


def test_skewness_widens_both_ends_and_the_upper_one_by_the_larger_of_the_two() -> None:
    level = quantile(measured(1e12, 0.3))
    wider = level + 0.3 * (2.0 * level**2 + 1.0) / 6.0
    assert reaches(measured(1e12, 0.3), "divergence") == pytest.approx((wider, wider), rel=1e-6)
    assert reaches(measured(1000.0, 0.3), "divergence") == pytest.approx((wider, 2.0 * level), rel=1e-6)


def test_degenerate_weights_are_doubted() -> None:
    doubts = [recursion_case(measured(effective), LEVEL)("divergence").doubt for effective in (150.0, 250.0)]
    assert doubts == ["the weights are degenerate: effective sample size 150", ""]
