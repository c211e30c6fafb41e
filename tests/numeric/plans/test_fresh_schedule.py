"""Plans under a budget against brute force and against scipy; a schedule that is not optimal must be seen."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from numeric import Gaussian, exact_recursion, mean_shift
from numeric.plans.fresh_schedule import plan_schedule

SIZES = st.one_of(st.just(0.0), st.floats(1e-9, 0.5))
CASES = [("chi2", True), ("chi2", False), ("tv", True)]


def ceilings(alpha: np.ndarray, energies: np.ndarray, divergence: str, coherent: bool, start: float) -> np.ndarray:
    """(N+1, k) ceilings under k schedules (N, k), as sums over all earlier rounds rather than round by round."""
    count = len(energies)
    power = 2 if divergence == "chi2" and not coherent else 1
    sizes = 0.5 * np.sqrt(energies) if divergence == "tv" else (np.sqrt(energies) if coherent else energies)
    first = math.sqrt(start) if divergence == "chi2" and coherent else start
    out = np.empty((count + 1, alpha.shape[1]))
    for n in range(count + 1):
        out[n] = first * np.prod((1.0 - alpha[:n]) ** power, axis=0)
        for i in range(n):
            out[n] += sizes[i] * np.prod((1.0 - alpha[i + 1 : n]) ** power, axis=0)
    return out**2 if divergence == "chi2" and coherent else out


def excess(value: float, budget: float, energies: np.ndarray, case: tuple[str, bool], start: float, objective: str) -> float:
    """By how much ``value`` exceeds the least over all schedules on a grid of step 1/16 within the budget."""
    grid = np.meshgrid(*[np.linspace(0.0, 1.0, 17)] * len(energies), indexing="ij")
    alpha = np.reshape(grid, (len(energies), -1))
    alpha = alpha[:, alpha.sum(axis=0) <= budget]
    found = ceilings(alpha, energies, *case, start)
    return value / float((found.max(axis=0) if objective == "max" else found[-1]).min()) - 1.0


def drawn(seed: int) -> tuple[float, np.ndarray, float]:
    rng = np.random.default_rng(seed)
    return float(rng.uniform(0.1, 2.5)), rng.uniform(0.0, 0.3, 4) ** int(rng.integers(1, 3)), float(rng.choice([0.0, 0.2]))


@pytest.mark.parametrize("objective", ["max", "final"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_no_schedule_on_a_grid_is_better(case: tuple[Any, bool], objective: Any) -> None:
    spreads = []
    for seed in range(8):
        budget, energies, start = drawn(seed)
        plan = plan_schedule(
            budget, energies, divergence=case[0], coherent=case[1], objective=objective, initial_divergence=start
        )
        assert plan.spent <= budget * (1.0 + 1e-12)
        assert np.all((plan.alpha >= 0.0) & (plan.alpha <= 1.0))
        again = ceilings(plan.alpha[:, None], energies, *case, start)[:, 0]
        np.testing.assert_allclose(plan.ceiling, again, rtol=1e-12, atol=1e-300)
        assert excess(plan.value, budget, energies, case, start, objective) <= 1e-12
        spreads.append(excess(plan.constant_value, budget, energies, case, start, objective))
    assert max(spreads) > 0.05  # the same test sees that spreading the budget evenly is not optimal


@pytest.mark.parametrize("coherent", [True, False])
def test_scipy_finds_nothing_better(coherent: bool) -> None:
    """SLSQP from four random starts over eight rounds, seed 3, with the maximum as an epigraph variable."""
    rng, count, budget = np.random.default_rng(3), 8, 1.2
    energies = rng.uniform(0.005, 0.04, count)
    plan = plan_schedule(budget, energies, coherent=coherent)

    def peaks(z: np.ndarray) -> np.ndarray:
        return ceilings(np.clip(z[:count, None], 0.0, 1.0), energies, "chi2", coherent, 0.0)[1:, 0]

    best = math.inf
    for _ in range(4):
        guess = rng.dirichlet(np.ones(count)) * budget
        found = optimize.minimize(
            lambda z: z[-1],
            np.append(np.clip(guess, 0.0, 1.0), 1.0),
            method="SLSQP",
            bounds=[(0.0, 1.0)] * count + [(0.0, None)],
            constraints=[
                {"type": "ineq", "fun": lambda z: z[-1] - peaks(z)},
                {"type": "ineq", "fun": lambda z: budget - np.sum(z[:count])},
            ],
            options={"maxiter": 200},
        )
        if found.x[:count].sum() <= budget * (1.0 + 1e-9):
            best = min(best, float(np.max(peaks(found.x))))
    assert plan.value <= best * (1.0 + 1e-7)
    assert best <= plan.value * 1.02  # the search comes near enough to have found something better


@given(
    energies=st.lists(SIZES, min_size=1, max_size=20),
    budget=st.one_of(st.just(0.0), st.floats(1e-6, 12.0)),
    case=st.sampled_from(CASES),
    start=SIZES,
)
@settings(max_examples=60, deadline=None)
def test_the_waiting_plan_holds_its_level(energies, budget, case, start) -> None:
    plan = plan_schedule(budget, energies, divergence=case[0], coherent=case[1], initial_divergence=start)
    assert plan.spent <= budget * (1.0 + 1e-12)
    assert plan.value <= plan.constant_value * (1.0 + 1e-9)
    used = np.flatnonzero(plan.alpha)
    np.testing.assert_allclose(plan.ceiling[used + 1], plan.value, rtol=1e-9)  # freshness only where the level is met
    if plan.value > max(start, *plan.ceiling[1:]) * (1.0 + 1e-9):
        raise AssertionError("the level is attained")
    more = plan_schedule(budget + 0.1, energies, divergence=case[0], coherent=case[1], initial_divergence=start)
    assert more.value <= plan.value * (1.0 + 1e-9)


def test_the_plan_holds_for_an_exact_recursion() -> None:
    """Repeated tiny mean shifts are coherent innovations of constant size: the drift is the ceiling, round by round."""
    shift, count = 1e-3, 24
    plan = plan_schedule(2.0, np.full(count, shift**2))
    drift = exact_recursion(Gaussian(0.0, 1.0), mean_shift(shift), plan.alpha, count).divergence
    np.testing.assert_allclose(drift, plan.ceiling, rtol=2e-3, atol=1e-12)
    even = exact_recursion(Gaussian(0.0, 1.0), mean_shift(shift), 2.0 / count, count).divergence
    assert max(drift) < 0.75 * max(even)


def test_units_and_edges() -> None:
    energies = [0.02] * 6
    points = plan_schedule(3000.0, energies, sample_size=2000.0)
    np.testing.assert_allclose(points.alpha, plan_schedule(1.5, energies).alpha)
    assert points.spent == pytest.approx(3000.0)
    idle = plan_schedule(0.0, energies)
    assert not np.any(idle.alpha)
    assert idle.value == pytest.approx(36 * 0.02)
    rich = plan_schedule(100.0, energies)
    assert rich.value == pytest.approx(0.02)
    assert rich.spent == pytest.approx(5.0)  # the first round has nothing to refresh
    last = plan_schedule(0.5, energies, objective="final")
    np.testing.assert_array_equal(last.alpha, [0, 0, 0, 0, 0, 0.5])
    assert last.value == pytest.approx(0.02 * (1.0 + 0.5 * 5) ** 2)
    assert not np.any(plan_schedule(1.0, energies, observability=0.0).alpha)


@pytest.mark.parametrize(
    ("arguments", "named", "kind", "said"),
    [
        ((-1.0, [0.1]), {}, ValueError, "budget must be"),
        ((1.0, []), {}, ValueError, "energies must not be empty"),
        ((1.0, [[0.1]]), {}, ValueError, "energies must have 1 axes"),
        ((1.0, [-0.1]), {}, ValueError, "energies must be"),
        ((1.0, [0.1]), {"sample_size": 0.0}, ValueError, "sample_size must be"),
        ((1.0, [0.1]), {"objective": "mean"}, ValueError, 'objective must be "max" or "final"'),
        ((1.0, [0.1]), {"objective": 3}, TypeError, "objective must be"),
        ((1.0, [0.1]), {"divergence": "kl"}, ValueError, 'divergence must be "chi2" or "tv"'),
        ((1.0, [0.1]), {"coherent": "yes"}, TypeError, "coherent must be True or False"),
        ((1.0, [0.1]), {"initial_divergence": -1.0}, ValueError, "initial_divergence must be"),
        ((1.0, [0.1]), {"initial_divergence": 2.0, "divergence": "tv"}, ValueError, "initial_divergence must be in"),
    ],
)
def test_bad_budgets_name_the_argument(arguments: Any, named: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        plan_schedule(*arguments, **named)
    assert "\n" not in str(caught.value)
