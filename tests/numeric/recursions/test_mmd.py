"""MMD in closed form against characteristic functions and TV, its place in a recursion, and the bound by the losses."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import theory
from numeric import (
    Estimate,
    Gaussian,
    GaussianMixture,
    Recursion,
    Verdict,
    check_measurements,
    check_recursion,
    early_stopping,
    exact_recursion,
    mix,
    mmd,
    tv,
    with_mmd,
)
from numeric.command.suite.limit_law import limit_cases
from numeric.command.suite.many_rounds import recursion_cases
from numeric.laws.process import noised
from numeric.laws.targets import Target, as_mixture
from numeric.recursions.mmd import pair_distance

PAIR = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
WIDE = Gaussian(0.2, 1.1)
PLANE = GaussianMixture([0.4, 0.6], [[0.0, 1.0], [1.0, -0.5]], [[[0.5, 0.2], [0.2, 0.3]], [[1.0, -0.1], [-0.1, 0.2]]])
ROUND = Gaussian([0.3, 0.1], [[0.8, 0.1], [0.1, 0.6]])


def by_characteristic_functions(p: Target, q: Target, spread: float) -> float:
    """The root of int |phi_p - phi_q|² N(w; 0, spread² I) dw, spread = 1/h for the kernel: Gauss-Hermite, no double sum."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    dim = as_mixture(p).dim
    grid = np.stack(np.meshgrid(*[nodes] * dim, indexing="ij"), axis=-1).reshape(-1, dim) * spread
    mass = np.prod(np.stack(np.meshgrid(*[weights / weights.sum()] * dim, indexing="ij"), axis=-1).reshape(-1, dim), axis=1)

    def phi(law: Target) -> Any:
        one = as_mixture(law)
        parts = [
            weight * np.exp(1j * grid @ mean - 0.5 * np.sum((grid @ cov) * grid, axis=1))
            for weight, mean, cov in zip(one.weights, one.means, one.covs, strict=True)
        ]
        return np.sum(parts, axis=0)

    return math.sqrt(float(mass @ np.abs(phi(p) - phi(q)) ** 2))


@pytest.mark.parametrize(("p", "q"), [(PAIR, WIDE), (WIDE, PAIR), (PLANE, ROUND)])
@pytest.mark.parametrize("bandwidth", [0.8, 2.0])
def test_the_double_sum_is_the_integral_over_frequencies(p: Target, q: Target, bandwidth: float) -> None:
    value = mmd(p, q, bandwidth=bandwidth)
    assert value == pytest.approx(by_characteristic_functions(p, q, 1.0 / bandwidth), rel=1e-6)
    wrong = by_characteristic_functions(p, q, 1.0 / bandwidth**2)  # a variance taken for a bandwidth
    assert value != pytest.approx(wrong, rel=1e-3)


def test_a_cosine_kernel_is_one_characteristic_function() -> None:
    waves = np.array([0.7, 1.9])
    gap = [abs(np.exp(1j * w * 0.5 - 0.2 * w**2) - np.exp(-0.55 * w**2)) for w in waves]
    value = mmd(Gaussian(0.5, 0.4), Gaussian(0.0, 1.1), frequencies=waves)
    assert value == pytest.approx(math.sqrt(np.mean(np.square(gap))), rel=1e-12)


def test_of_what_turns_too_fast_nothing_is_left() -> None:
    for far in (1e171, 1.7e308):  # w² S leaves the floats
        both = mmd(Gaussian(0.5, 0.4), Gaussian(0.0, 1.1), frequencies=[0.7, far])
        assert both == pytest.approx(mmd(Gaussian(0.5, 0.4), Gaussian(0.0, 1.1), frequencies=[0.7]) / math.sqrt(2.0), rel=1e-12)
    skew = Gaussian([3.0, 1.0], [[4.0, -3.0], [-3.0, 4.0]])  # of which the products of w with S and with the mean do, too
    assert mmd(skew, Gaussian([0.0, 0.0], np.eye(2)), frequencies=[[1.7e308, 1.7e308], [0.0, 0.0]]) == 0.0


def test_the_bound_by_tv_and_where_each_constant_is_reached() -> None:
    for bandwidth in (0.3, 1.0, 5.0):
        assert mmd(PAIR, WIDE, bandwidth=bandwidth) ** 2 <= 2.0 * float(tv(PAIR, WIDE)) ** 2
    one, other = (GaussianMixture([share, 1.0 - share], [-5.0, 5.0], 1e-4) for share in (0.6, 0.5))
    distance = float(tv(one, other))
    assert mmd(one, other, bandwidth=1.0) == pytest.approx(math.sqrt(2.0) * distance, rel=1e-3)  # apart: sqrt(2) TV
    assert mmd(one, other, frequencies=[math.pi / 10.0]) == pytest.approx(2.0 * distance, rel=1e-3)  # opposite: 2 TV


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_mixing_contracts_by_rho_and_not_by_its_square(alpha: float) -> None:
    whole, mixed = mmd(PLANE, ROUND, bandwidth=1.0), mmd(mix(alpha, ROUND, PLANE), ROUND, bandwidth=1.0)
    assert mixed == pytest.approx((1.0 - alpha) * whole, abs=1e-7)
    if 0.0 < alpha < 1.0:
        assert mixed != pytest.approx((1.0 - alpha) ** 2 * whole, rel=0.1)


def test_equal_laws_have_none_however_they_are_written() -> None:
    split = GaussianMixture([0.25, 0.75], [[0.3, 0.1]] * 2, [ROUND.cov] * 2)
    assert mmd(ROUND, split, bandwidth=1.0) < 1e-7
    assert pair_distance(ROUND) == pytest.approx(math.sqrt(2.0 * 1.4))


def test_a_recursion_carries_the_distances_of_its_laws() -> None:
    rounds = exact_recursion(PLANE, early_stopping(0.1), 0.4, 2, initial=ROUND)
    found = with_mmd(rounds, bandwidth=1.5, early_times=[0.1, 0.2])
    assert (found.mmd is not None, found.mixed_mmd is not None, found.smoothing_mmd is not None) == (True, True, True)
    for n, law in enumerate(rounds.laws):
        assert found.mmd[n] == mmd(law, PLANE, bandwidth=1.5)  # type: ignore[index, arg-type]
    second = rounds.mixtures[1]
    expected = mmd(noised(second, 0.2), second, bandwidth=1.5)  # type: ignore[arg-type]
    assert found.smoothing_mmd[1] == expected  # type: ignore[index]
    assert with_mmd(rounds, frequencies=[[1.0, 0.0]]).kernel_range == 2.0
    assert found.kernel_range == 1.0


@cache
def suite_case(label: str) -> Recursion:
    [case] = [case for case in (*recursion_cases(), *limit_cases()) if case.label == label]
    return case.build(np.random.default_rng(0))  # type: ignore[return-value]


CASES = {
    "perfect score, late stop": {"no-smoothing", "rho-squared"},
    "mirrored modes": {"no-smoothing", "as-tv"},
    "mirrored modes, cosine kernel": {"no-smoothing", "as-tv", "any-kernel"},
    "exact score, wrong start": {"any-start"},
}


@pytest.mark.parametrize("label", CASES)
def test_the_bound_holds_near_the_truth_and_its_mutants_fall(label: str) -> None:
    claim, rounds = theory.claim("mmd-discount"), suite_case(label)
    own = check_recursion(rounds, [claim])
    expected = {Verdict.ASSUMPTION_FAILS} if label.startswith("exact") else {Verdict.HOLDS}
    assert {check.verdict for check in own} == expected
    if expected == {Verdict.HOLDS}:
        assert min(check.tightness for check in own) < 1.3
    fallen = {check.claim for check in check_recursion(rounds, claim.mutants) if check.verdict is Verdict.VIOLATED}
    assert fallen == {f"mmd-discount/{mutant}" for mutant in CASES[label]}


def test_the_table_of_divergences_says_it_in_every_dimension() -> None:
    claim = theory.claim("divergence-table")
    [wrong] = [mutant for mutant in claim.mutants if mutant.id.endswith("mmd-by-rho-squared")]
    rounds = exact_recursion(
        Gaussian([0.0, 0.0, 0.0], 1.0), early_stopping(0.2), 0.5, 3, initial=Gaussian([1.0, 0.0, 0.0], 1.0)
    )
    for one, verdict in ((claim, Verdict.HOLDS), (wrong, Verdict.VIOLATED)):
        checks = [check for check in check_recursion(rounds, [one]) if "mmd" in check.detail]
        assert Counter(check.verdict for check in checks) == {verdict: 3}


TOLD: dict[str, Any] = {"learned_energy": [0.04, 0.04], "claims": "mmd-discount"}


@pytest.mark.parametrize(
    ("drift", "more", "verdict"),
    [
        (0.27, {}, Verdict.HOLDS),
        (0.28, {}, Verdict.VIOLATED),  # 1.7 (0.2/sqrt(2) + 0.02) = 0.2744 after two rounds at rho = 0.7
        (0.42, {"initial_mmd": 0.3}, Verdict.HOLDS),
        (0.37, {"kernel_range": 2.0}, Verdict.HOLDS),
        (0.27, {"initial_kl": 0.01}, Verdict.ASSUMPTION_FAILS),
    ],
)
def test_measured_numbers_are_held_against_the_losses(drift: float, more: dict[str, float], verdict: Verdict) -> None:
    bound = 1.7 * (math.sqrt(more.get("kernel_range", 1.0) / 2.0) * 0.2 + 0.02) + 0.49 * more.get("initial_mmd", 0.0)
    checks = check_measurements(0.3, mmd=[0.1, drift], smoothing_mmd=0.02 * np.ones(2), **TOLD, **more)
    assert checks[-1].verdict is verdict
    if verdict is not Verdict.ASSUMPTION_FAILS:
        assert checks[-1].bound == pytest.approx(bound, rel=1e-9)


def test_noise_leaves_it_open_and_no_smoothing_leaves_it_unsaid() -> None:
    noisy = [0.1, Estimate(0.25, 0.02, 1000)]
    assert check_measurements(0.3, mmd=noisy, smoothing_mmd=[0.02, 0.02], **TOLD)[-1].verdict is Verdict.INCONCLUSIVE
    assert check_measurements(0.3, mmd=[0.1, 0.2], **TOLD) == ()


def test_a_recursion_of_other_models_has_no_mmd() -> None:
    rounds = exact_recursion(PAIR, early_stopping(0.1), 0.4, 2)
    other = replace(rounds, laws=[PAIR, "a sampler", PAIR])
    assert not [check for check in check_recursion(other, ["divergence-table"]) if "mmd" in check.detail]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: mmd(PAIR, ROUND, bandwidth=1.0), "q must have the dimension of p, 1, got 2"),
        (lambda: mmd(PAIR, WIDE), "exactly one of bandwidth and frequencies must be given, got None and None"),
        (lambda: mmd(PAIR, WIDE, bandwidth=1.0, frequencies=[1.0]), "exactly one of bandwidth and frequencies"),
        (lambda: mmd(PAIR, WIDE, bandwidth=0.0), "bandwidth must be"),
        (lambda: mmd(PAIR, WIDE, frequencies=[[1.0, 2.0]]), "frequencies must have 1 columns"),
        (lambda: mmd(3.0, WIDE, bandwidth=1.0), "p must be a Gaussian or a GaussianMixture, got float"),  # type: ignore[arg-type]
        (lambda: with_mmd(exact_recursion(PAIR, early_stopping(0.1), 0.4, 2), early_times=[0.1]), "early_times must have one"),
        (lambda: check_measurements(0.3, mmd=[0.1], kernel_range=0.0), "kernel_range must be"),
        (lambda: check_measurements(0.3, mmd=[-0.1]), "mmd must be"),
        (lambda: check_measurements(0.3, mmd=[0.1], initial_mmd=-1.0), "initial_mmd must be"),
        (lambda: check_measurements(0.3, mmd=[0.1, 0.2], smoothing_mmd=[0.1]), "smoothing_mmd must have one value"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        call()
