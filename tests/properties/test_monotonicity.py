"""More fresh data, less drift: where that is true, and two cases where it is not.

p^N is the law of K^A applied to p, A the age of a point in rounds, so D_N = E G(A, A') with G(j, k) = <K^j p, K^k p>_p - 1 and
A, A' independent. A grows when any fresh fraction falls. Where G does not decrease in j and k, D_N does not increase in any
alpha_i: so for channels that add a shift and noise to a Gaussian. Where a further round undoes the last, or moves the law away
from where the last one left it, G decreases and more fresh data makes the drift larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy import integrate

from numeric import Channel, Gaussian, chi2, exact_recursion, mean_shift, plan_fresh_fraction, strategies
from tests.properties.drawn import drawn, rejected

UNIT = Gaussian(0.0, 1.0)


@dataclass(frozen=True)
class Raised:
    """A recursion, and the same with a larger fresh fraction in one round."""

    target: Gaussian
    channel: Channel | list[Channel]
    less: list[float]
    more: list[float]


def drifts(case: Raised) -> tuple[float, float]:
    """D_N with less and with more fresh data."""
    few, many = (
        exact_recursion(case.target, case.channel, alpha, len(alpha)).divergence[-1] for alpha in (case.less, case.more)
    )
    return float(few), float(many)


@st.composite
def raised(draw: DrawFn, kind: str = "adding") -> Raised:
    target = draw(strategies.gaussians((1, 2), low=0.1, high=10.0))
    count, dim = draw(st.integers(2, 5)), target.dim
    less = draw(st.lists(strategies.fresh_fractions(), min_size=count, max_size=count))
    at = draw(st.integers(0, count - 1))
    more = [share if step != at else draw(strategies.fresh_fractions(share, 1.0)) for step, share in enumerate(less)]
    if kind == "adding":
        shift, noise = draw(strategies.vectors(dim, "shift")), draw(strategies.vectors(dim, "noise"))
        return Raised(target, Channel(shift=shift, noise=noise), less, more)
    return Raised(target, [mean_shift(draw(strategies.vectors(dim, "shift"))) for _ in range(count)], less, more)


def fresh_data_helps(case: Raised) -> None:
    few, many = drifts(case)
    assert many <= few * (1.0 + 1e-9) + 1e-14, f"{many} with more fresh data, {few} with less"


def test_fresh_data_helps_against_a_shift_and_noise() -> None:
    drawn(raised(), fresh_data_helps, examples=40)


def test_not_against_channels_that_undo_each_other() -> None:
    case = rejected(raised("shifts up and down"), fresh_data_helps, examples=2000)
    few, many = drifts(case)
    assert many > few


@pytest.mark.parametrize(("alpha", "size"), [(0.25, 0.5), (0.5, 0.5), (1.0, 0.5), (0.5, 1.5)])
def test_found_a_shift_that_is_undone(alpha: float, size: float) -> None:
    """Up, then down again: p^2 = alpha N(-d, 1) + (1 - alpha) N(0, 1), so D_2 = alpha^2 (e^{d^2} - 1) grows with alpha."""
    rounds = exact_recursion(UNIT, [mean_shift(size), mean_shift(-size)], alpha, 2)
    assert rounds.divergence[2] == pytest.approx(alpha**2 * math.expm1(size**2), rel=1e-12)
    assert rounds.divergence[2] != pytest.approx(alpha * math.expm1(size**2), rel=1e-3) or alpha == 1.0


def test_found_one_channel_that_leaves_where_it_was() -> None:
    """x -> x/10 + 2 in every round: N(2, .01) after one, N(2.2, .0001) after two, which hardly overlap.

    D_2 = alpha^2 G_11 + 2 alpha (1 - alpha) G_12 + (1 - alpha)^2 G_22 has slope 2 (G_11 - G_12) > 0 at alpha = 1: the last
    twentieth of fresh data makes the drift larger.
    """
    channel = Channel(gain=0.1, shift=2.0)
    laws = [channel(UNIT), channel(channel(UNIT))]

    def product(one: Gaussian, other: Gaussian) -> float:
        def integrand(x: float) -> float:
            return math.exp(float(one.logpdf([x])[0] + other.logpdf([x])[0] - UNIT.logpdf([x])[0]))

        return float(integrate.quad(integrand, 1.0, 4.0, points=[2.0, 2.2], epsrel=1e-11, limit=400)[0]) - 1.0

    gram = np.array([[product(one, other) for other in laws] for one in laws])
    for alpha in (0.9, 0.95, 1.0):
        weights = np.array([alpha, 1.0 - alpha])
        drift = exact_recursion(UNIT, channel, alpha, 2).divergence[2]
        assert drift == pytest.approx(float(weights @ gram @ weights), rel=1e-8)
    assert gram[0, 0] == pytest.approx(float(chi2(laws[0], UNIT)), rel=1e-9)
    assert gram[0, 1] < gram[0, 0]
    assert exact_recursion(UNIT, channel, 1.0, 2).divergence[2] > exact_recursion(UNIT, channel, 0.95, 2).divergence[2] + 1.0


def longer_drifts_further(case: Raised, rounds: int = 1) -> None:
    """The same ages: with one fresh fraction each further round only makes points older."""
    alpha, count = case.less[0], len(case.less)
    divergence = exact_recursion(case.target, case.channel, alpha, count).divergence
    assert np.all(divergence[rounds:] >= divergence[:-rounds] * (1.0 - 1e-9) - 1e-14)


def test_a_longer_recursion_drifts_further() -> None:
    drawn(raised(), longer_drifts_further, examples=30)


def test_not_if_rounds_undo_each_other() -> None:
    rejected(raised("shifts up and down"), longer_drifts_further, examples=200)


@dataclass(frozen=True)
class Wish:
    """A tolerance and an energy, and larger ones."""

    tolerance: float
    energy: float
    looser: float
    dearer: float


WISHES = st.builds(
    Wish,
    tolerance=st.sampled_from([0.2, 0.3, 0.5]),
    energy=st.sampled_from([0.001, 0.01, 0.03]),
    looser=st.sampled_from([1.0, 1.1, 1.5]),
    dearer=st.sampled_from([1.0, 1.2]),
)


def plans_follow(wish: Wish, sign: float = 1.0) -> None:
    """A looser tolerance asks for less fresh data, a larger error for more."""
    for divergence in ("chi2", "tv"):
        plan = plan_fresh_fraction(wish.tolerance, wish.energy, divergence=divergence)
        looser = plan_fresh_fraction(wish.tolerance * wish.looser, wish.energy, divergence=divergence)
        dearer = plan_fresh_fraction(wish.tolerance, wish.energy * wish.dearer, divergence=divergence)
        assert sign * (looser - plan) <= 1e-15
        assert sign * (plan - dearer) <= 1e-15


def test_plans_are_monotone() -> None:
    drawn(WISHES, plans_follow, examples=20)


def test_in_the_right_direction() -> None:
    rejected(WISHES, lambda wish: plans_follow(wish, sign=-1.0))
