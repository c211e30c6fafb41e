"""How errors add up: defaults, one fresh fraction per round, and the two ends of interference."""

from __future__ import annotations

import pytest
import sympy as sp

from theory.discounting import _ratio, discounted_sum, interference, triangle_bound

HALF, THIRD = sp.Rational(1, 2), sp.Rational(1, 3)


def test_without_an_initial_drift_there_is_none() -> None:
    assert discounted_sum(THIRD, [2]) == 4
    assert discounted_sum(THIRD, [0, 0]) == 0
    assert triangle_bound(THIRD, [2]) == 2
    assert triangle_bound(THIRD, [0, 0]) == 0


@pytest.mark.parametrize("kind", [list, tuple, lambda values: sp.Tuple(*values)])
def test_one_fresh_fraction_per_round_in_any_sequence(kind: type) -> None:
    assert discounted_sum(kind([HALF, THIRD]), [1, 2], initial=9) == (2 * THIRD) ** 2 * (HALF**2 * 9 + 1) + 4
    assert triangle_bound(kind([HALF, THIRD]), [1, 2], initial=9) == 2 * THIRD * (HALF * 3 + 1) + 2


@pytest.mark.parametrize("decay", [1, -1])
@pytest.mark.parametrize("rounds", [1, 2, 3, 6])
def test_the_ratio_whose_limit_is_taken_is_that_of_the_sums(decay: int, rounds: int) -> None:
    rho = sp.Rational(2, 3)
    drift = sum((decay * rho) ** k for k in range(rounds)) ** 2  # |sum_k rho^k g_k|² with g_k = c^k g and |g| = 1
    discounted = discounted_sum(1 - rho, [1] * rounds)
    assert sp.simplify(_ratio(decay, decay**rounds, sp.Integer(rounds), -sp.log(rho)) - drift / discounted) == 0


def test_interference_is_written_with_positive_denominators() -> None:
    share = sp.Symbol("alpha", positive=True)
    assert interference(share, "coherent") == (2 - share) / share
    assert interference(share, "alternating") == share / (2 - share)
    assert interference(share, "orthogonal") == 1
    assert interference(0, "coherent") == sp.oo
    assert interference(0, "alternating") == 0
    assert interference(1, "coherent") == interference(1, "alternating") == 1
