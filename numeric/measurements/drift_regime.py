"""What a sequence of measured drifts amounts to: fading, bounded, persistent, diverging, or undecided.

Every comparison is between whole intervals that hold together, so the level of the named regime is that of the intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from numeric.recursions.mixing import Alpha, resolve_mixing
from numeric.validation import Array, shown

__all__ = ["Regime", "RegimeName", "drift_regime"]

RegimeName = Literal["fading", "bounded", "persistent", "diverging", "undecided"]

FEWEST = 5  # laws, below which halves and quarters of a sequence mean nothing
FACTOR = 2.0
LEVEL = 4.0  # a plateau's width, as a factor of a squared distance: two for the distance
FORGOTTEN = 0.5 * np.sqrt(6.0) - 1.0  # a constant coherent error grows by the ratio 2r + r^2 where r is remembered: 1/2 here


@dataclass(frozen=True)
class Regime:
    """A regime with its evidence.

    Attributes:
        name: see drift_regime.
        evidence: one sentence with the numbers that decided.
        floor, ceiling: least lower and largest upper end over the second half of the sequence.
        peak: the largest lower end of all: so much drift there has been.
        remembered: the weight that the law in the middle still has in the last one (1 without fresh data).
    """

    name: RegimeName
    evidence: str
    floor: float
    ceiling: float
    peak: float
    remembered: float


def drift_regime(low: ArrayLike, high: ArrayLike, alpha: Alpha) -> Regime:
    """Name the regime of a drift from simultaneous intervals, in this order:

    - fading: the last quarter lies below half of a drift that was there before.
    - diverging: from the middle to the end the drift grows, by more than half of what it may have grown from the start to the
      middle, in the last quarter still, and this is not the approach to a plateau. Linear growth has ratio 1. A drift that
      fresh data will hold grows like that too while the first rounds are still remembered, so the weight of the middle in the
      end must be 1 (no fresh data since, or accumulation) or below 0.2247, where a constant error gives a ratio below 1/2.
    - persistent: over the second half it stays away from 0, and within a factor of four.
    - bounded: over the second half it stays below four times a drift that was reached in the first half.
    - undecided: none of these with whole intervals; noise around 0 always.

    Args:
        low, high: (N+1,) ends of intervals of the drifts of p^0 .. p^N that hold simultaneously. Use a drift that does not
            saturate: squared W1 rather than MMD, whose kernel is bounded, and never one-sided bounds.
        alpha: as in exact_recursion.

    Raises:
        ValueError, TypeError: ends of different lengths, negative, in the wrong order or NaN; alpha as in exact_recursion.
    """
    lower, upper = _ends(low, high)
    count = lower.size
    middle = (count - 1) // 2
    remembered = _remembered(alpha, count, middle) if count > 1 else 1.0
    numbers = (float(np.min(lower[middle:])), float(np.max(upper[middle:])), float(np.max(lower)), remembered)

    def named(name: RegimeName, evidence: str) -> Regime:
        return Regime(name, evidence, *numbers)

    floor, ceiling, peak, _ = numbers
    if count < FEWEST:
        return named("undecided", f"a regime needs at least {FEWEST} generations, got {count}")
    if peak <= 0.0:
        return named("undecided", f"no drift is distinguishable from 0; all of it lies below {float(np.max(upper)):.3g}")
    quarter = count - max(count // 4, 1)
    last = float(np.max(upper[quarter:]))
    before = int(np.argmax(lower[:quarter]))
    if FACTOR * last < lower[before]:
        return named(
            "fading", f"at least {lower[before]:.3g} in generation {before}, at most {last:.3g} from generation {quarter} on"
        )
    grown, earlier = float(lower[-1] - upper[middle]), float(upper[middle] - lower[0])
    if grown > 0.0 and FACTOR * grown > earlier and lower[-1] > upper[quarter - 1]:
        said = (
            f"grows by at least {grown:.3g} from generation {middle} to {count - 1}, "
            f"after at most {max(earlier, 0.0):.3g} from 0 to {middle}"
        )
        if remembered == 1.0 or remembered < FORGOTTEN:
            return named("diverging", said)
        return named(
            "undecided",
            f"{said}; but generation {middle} still has weight {remembered:.2g} in the last, and more rounds may level it off",
        )
    if floor > 0.0 and ceiling <= LEVEL * floor:
        return named("persistent", f"between {floor:.3g} and {ceiling:.3g} from generation {middle} on")
    reached = float(np.max(lower[: middle + 1]))
    if ceiling <= LEVEL * reached:
        return named("bounded", f"at most {ceiling:.3g} from generation {middle} on, after at least {reached:.3g} up to there")
    return named(
        "undecided",
        f"between {floor:.3g} and {ceiling:.3g} from generation {middle} on: too wide to tell growth from a plateau",
    )


def _ends(low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    ends = []
    for name, values in (("low", low), ("high", high)):
        try:
            raw = np.asarray(values)
        except ValueError:  # ragged nesting
            raise ValueError(f"{name} must be a vector of numbers, got {shown(values)}") from None
        if raw.dtype.kind not in "fiu":
            raise TypeError(f"{name} must hold real numbers, got kind {raw.dtype}")
        array = np.array(raw, dtype=np.float64)
        if array.ndim != 1 or array.size == 0 or np.any(np.isnan(array)) or np.any(array < 0.0):
            raise ValueError(f"{name} must be a vector of numbers >= 0, one per generation, got shape {array.shape}")
        ends.append(array)
    lower, upper = ends
    if lower.shape != upper.shape or np.any(lower > upper):
        raise ValueError(f"low and high must have one end per generation, low <= high, got shapes {lower.shape}, {upper.shape}")
    if np.any(np.isinf(lower)):
        raise ValueError("low must be finite: an infinite drift has no regime to name, it has diverged")
    return lower, upper


def _remembered(alpha: Alpha, count: int, middle: int) -> float:
    """The product of 1 - alpha_i over the second half; 1 for accumulation, where no later round dilutes an earlier error."""
    mixing = resolve_mixing(alpha, count - 1)
    if isinstance(mixing.alpha, str):
        return 1.0
    kept: Sequence[float] = (1.0 - mixing.fresh[middle:]).tolist()
    return float(np.prod(kept))
