"""The names of drift sequences, and the sequences that must not get them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numeric import drift_regime, exact_recursion, mean_shift
from numeric.laws.targets import Gaussian
from numeric.measurements.drift_regime import FORGOTTEN
from numeric.recursions.mixing import Alpha
from numeric.validation import Array


def named(drift: object, alpha: Alpha, width: float = 0.05) -> str:
    values = np.asarray(drift, dtype=float)
    return drift_regime(values * (1.0 - width), values * (1.0 + width), alpha).name


N = np.arange(13.0)


@pytest.mark.parametrize(
    ("drift", "alpha", "name"),
    [
        (0.5**N, 0.5, "fading"),
        (np.exp(-((N - 3.0) ** 2) / 4.0), 0.5, "fading"),
        (N, "replace", "diverging"),  # orthogonal errors without fresh data
        (N**2, 0.0, "diverging"),  # coherent ones
        (np.log1p(N) ** 2, "accumulate", "diverging"),
        (2.0**N, 0.5, "diverging"),
        ((1.0 - 0.5**N) ** 2, 0.5, "persistent"),
        (np.full(13, 0.3), 0.1, "persistent"),
        (np.minimum(N, 8.0) ** 2, 0.9, "persistent"),  # errors that grew and have stopped growing
        (np.where(N % 2, 1.0, 0.05), 0.5, "bounded"),
        ((1.0 - 0.9**N) ** 2, 0.1, "undecided"),  # it will level off, but has not: not diverging
        (np.zeros(13), 0.5, "undecided"),
        ([1.0, 2.0, 3.0], 0.0, "undecided"),
    ],
)
def test_sequences_get_their_names(drift: object, alpha: Alpha, name: str) -> None:
    assert named(drift, alpha) == name


@pytest.mark.parametrize("drift", [N, N**2, 0.5**N, (1.0 - 0.5**N) ** 2])
def test_wide_intervals_decide_nothing(drift: Array) -> None:
    assert drift_regime(np.zeros(13), drift + 2.0, "replace").name == "undecided"


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9, 0.97])
@pytest.mark.parametrize("rounds", [6, 12, 40, 100])
def test_a_constant_error_under_fresh_data_never_diverges(rate: float, rounds: int) -> None:
    steps = np.arange(rounds + 1.0)
    for drift in ((1.0 - rate**steps) ** 2, 1.0 - rate ** (2.0 * steps)):  # coherent, orthogonal
        assert named(drift, 1.0 - rate, 0.0) != "diverging"
    # without the guard on what is remembered the first half of a long memory looks like divergence
    if rate == 0.97 and rounds == 12:
        assert named((1.0 - rate**steps) ** 2, 0.0, 0.0) == "diverging"


def test_the_guard_is_where_the_ratio_is_a_half() -> None:
    ratio = 2.0 * FORGOTTEN + FORGOTTEN**2
    assert ratio == pytest.approx(0.5)


def test_every_kth_round_of_fresh_data_is_remembered_by_its_product() -> None:
    found = drift_regime(N, N, [0.5 if i % 3 == 2 else 0.0 for i in range(12)])
    assert found.remembered == pytest.approx(0.25)
    assert found.name == "undecided"
    assert "weight 0.25" in found.evidence
    assert drift_regime(N, N, "accumulate").remembered == 1.0


def test_exact_recursions_get_their_names() -> None:
    unit = Gaussian(0.0, 1.0)
    held = exact_recursion(unit, mean_shift(0.05), 0.5, 12)
    lost = exact_recursion(unit, mean_shift(0.05), "replace", 12)
    assert named(held.divergence, 0.5) == "persistent"
    assert named(lost.divergence, "replace") == "diverging"


def test_an_infinite_ceiling_is_never_bounded() -> None:
    assert drift_regime(np.ones(13), np.full(13, math.inf), 0.5).name == "undecided"


def test_noise_is_named_at_its_level_only() -> None:
    """Intervals that hold together at 95 %: a plateau with noise is called fading, diverging or bounded at most that often."""
    stream = np.random.default_rng(1)
    wrong = 0
    for _ in range(400):
        seen = 1.0 + 0.2 * stream.standard_normal(13)
        width = 0.2 * 2.9  # 1 - 0.05/13, two-sided
        wrong += drift_regime(np.maximum(seen - width, 0.0), seen + width, 0.5).name in ("fading", "diverging")
    assert wrong <= 43  # the 1e-6 quantile of a binomial with 400 trials of 5 %


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: drift_regime([1.0, 2.0], [1.0], 0.5), "low and high must have one end per generation"),
        (lambda: drift_regime([2.0], [1.0], 0.5), "low and high must"),
        (lambda: drift_regime([-1.0], [1.0], 0.5), "low must be a vector of numbers >= 0"),
        (lambda: drift_regime([0.0], [math.nan], 0.5), "high must be a vector"),
        (lambda: drift_regime([math.inf], [math.inf], 0.5), "low must be finite"),
        (lambda: drift_regime(["a"], [1.0], 0.5), "low must hold real numbers"),
        (lambda: drift_regime([1.0, 1.0], [1.0, 1.0], 1.5), "alpha must be"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        call()
