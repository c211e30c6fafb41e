"""Fresh fractions that vary from round to round under a total budget of fresh data.

The ceilings obey one line each: x_{i+1} = (1 - alpha_i) x_i + J_i with x = sqrt(chi2) for coherent errors, the same with
x = TV and J = ½ epŝ, and D_{i+1} = (1 - alpha_i)² D_i + J_i² with D = chi2 for orthogonal errors. Both plans below are exact
optima of these ceilings. How far the ceilings are theorems about the drift itself is said in ``numeric.plans.plan``.

**Smallest final ceiling: everything in the last round.** As a function of two fractions, j before k, the final ceiling is
R (1 - alpha_k)^e ((1 - alpha_j)^e P + Q) + S with nonnegative P, Q, R, S and e = 1 or 2. Exchanging the two keeps the
product, and the later factor is least where the later fraction is the larger; moving more from j to k then lowers the product
(1 - alpha_j)(1 - alpha_k), since the two move apart at fixed sum, and the later factor as well. What is spent earlier is
diluted by the rounds that follow.

**Smallest largest ceiling: wait, then hold.** Let X >= x_0 be a level that no x_1, ..., x_N may exceed. The least budget for
X is spent by waiting until the next round would exceed X, and then giving just enough to arrive at X. Proof, by backward
induction (no single deviation pays). Removing s from x costs phi(s/x), phi(z) = z or 1 - sqrt(1 - z): increasing, convex, 0
at 0, hence superadditive. A deviation removes s at some x <= X besides what it must. That spares later removals: some whole
ones, at states y >= x, and a part t of one more, which waiting makes at a state y as phi(J/y) and the deviation as phi((J -
t)/(y - t)). The whole ones together cost at most phi((s - t)/x). Of the split one, A = 1 - phi(t/y) and B = 1 - phi((J -
t)/(y - t)) multiply to A B = 1 - phi(J/y), and (1 - A) + (1 - B) >= 1 - A B because (1 - A)(1 - B) >= 0: phi(t/x) >= phi(t/y)
pays at least for what is spared. The budget needed falls continuously in X, so the budget fixes X. A start above X is
different: there early fresh data is cheaper, so the level is never taken below x_0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from numeric.plans.plan import Divergence
from numeric.validation import FRACTION, NONNEGATIVE, POSITIVE, Array, real, real_array, shown

__all__ = ["FreshSchedule", "Objective", "plan_schedule"]

Objective = Literal["max", "final"]


@dataclass(frozen=True, eq=False)
class FreshSchedule:
    """A plan for N rounds.

    Attributes:
        alpha: (N,) fresh fractions.
        ceiling: (N+1,) ceilings of the drift D_0 .. D_N (or of TV) under them.
        constant: (N+1,) the ceilings under the same budget spread evenly.
        even: the constant fresh fraction of that.
        spent: fresh points used, at most the budget.
        objective: "max" or "final".
    """

    alpha: Array
    ceiling: Array
    constant: Array
    even: float
    spent: float
    objective: Objective

    @property
    def value(self) -> float:
        """What was minimised."""
        return float(np.max(self.ceiling) if self.objective == "max" else self.ceiling[-1])

    @property
    def constant_value(self) -> float:
        """The same under the evenly spread budget."""
        return float(np.max(self.constant) if self.objective == "max" else self.constant[-1])


def plan_schedule(
    budget: float,
    energies: ArrayLike,
    *,
    sample_size: float = 1.0,
    observability: float = 1.0,
    coherent: bool = True,
    divergence: Divergence = "chi2",
    objective: Objective = "max",
    initial_divergence: float = 0.0,
) -> FreshSchedule:
    """The fresh fractions with sum_i alpha_i * sample_size <= budget whose ceiling of the drift is least.

    Args:
        budget: fresh points for all rounds together, >= 0.
        energies: (N,) energy eps_i² of each round (for "tv" the learned one).
        sample_size: points that each round trains on; with the default 1 the budget counts rounds' worth of data.
        observability, coherent, divergence: as in ``plan_fresh_fraction``.
        objective: "max", the largest of the ceilings of D_0 .. D_N; "final", the ceiling of D_N alone. The latter spends all
            in the last round and lets the drift grow before it.
        initial_divergence: D_0 (for "tv": TV(p^0, p)).

    Returns:
        FreshSchedule; exact minimisers of the ceilings, with the evenly spread budget beside them.

    Raises:
        ValueError, TypeError: naming the argument.

    Source: triangle, discounted-sum, tv-discount with varying fresh fractions; the optima are derived in this module.
    """
    limit = real("budget", budget, NONNEGATIVE) / real("sample_size", sample_size, POSITIVE)
    energy = real_array("energies", energies, NONNEGATIVE, ndim=(1,))
    visible = real("observability", observability, FRACTION)
    start = real("initial_divergence", initial_divergence, NONNEGATIVE)
    for name, value, allowed in (("divergence", divergence, ("chi2", "tv")), ("objective", objective, ("max", "final"))):
        if not isinstance(value, str) or value not in allowed:
            kind = ValueError if isinstance(value, str) else TypeError
            raise kind(f'{name} must be "{allowed[0]}" or "{allowed[1]}", got {shown(value)}')
    if not isinstance(coherent, (bool, np.bool_)):
        raise TypeError(f"coherent must be True or False, got {shown(coherent)}")
    exponent = 2 if divergence == "chi2" and not coherent else 1  # what a fresh fraction does to x: (1 - alpha)^exponent
    if divergence == "tv":
        start, added = real("initial_divergence", start, FRACTION), 0.5 * np.sqrt(energy)
    else:
        added = visible * energy
        if exponent == 1:
            start, added = math.sqrt(start), np.sqrt(added)
    count = energy.shape[0]
    if objective == "final":
        alpha = np.zeros(count)
        alpha[-1] = min(limit, 1.0)
    else:
        alpha = _patient(limit, start, added, exponent)
    even = np.full(count, min(limit / count, 1.0))
    squared = divergence == "chi2" and exponent == 1
    ceiling, constant = (_ceilings(fractions, start, added, exponent, squared) for fractions in (alpha, even))
    return FreshSchedule(alpha, ceiling, constant, float(even[0]), float(np.sum(alpha)) * float(sample_size), objective)


def _ceilings(alpha: Array, start: float, added: Array, exponent: int, squared: bool) -> Array:
    x = np.empty(alpha.shape[0] + 1)
    x[0] = start
    for i in range(alpha.shape[0]):
        x[i + 1] = (1.0 - alpha[i]) ** exponent * x[i] + added[i]
    return x**2 if squared else x


def _patient(limit: float, start: float, added: Array, exponent: int) -> Array:
    """The waiting plan at the least level that the budget pays for."""
    lowest, highest = max(start, float(np.max(added))), start + float(np.sum(added))

    def cost(level: float) -> float:
        return float(np.sum(_waiting(level, start, added, exponent)))

    if cost(lowest) <= limit:
        return _waiting(lowest, start, added, exponent)
    if limit <= cost(highest):  # 0, or what rounding makes of it
        return np.zeros(added.shape[0])
    level = float(optimize.brentq(lambda x: cost(x) - limit, lowest, highest, rtol=1e-14, xtol=1e-300, maxiter=500))
    step = 1e-15
    while cost(level) > limit and level < highest:  # onto the side that the budget pays for
        level, step = min(level * (1.0 + step), highest), 2.0 * step
    return _waiting(level, start, added, exponent)


def _waiting(level: float, start: float, added: Array, exponent: int) -> Array:
    """Nothing until the next round would exceed the level, then just enough to arrive at it."""
    alpha, x = np.zeros(added.shape[0]), start
    for i, size in enumerate(added.tolist()):
        if x + size <= level:
            x += size
            continue
        keep = max(level - size, 0.0) / x
        alpha[i] = 1.0 - (keep if exponent == 1 else math.sqrt(keep))
        x = level
    return alpha
