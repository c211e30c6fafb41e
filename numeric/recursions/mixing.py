"""What each round trains on: fresh data and earlier models in given proportions, and how innovations travel through that.

Round i trains on q_i = c_i p + sum_{j<=i} w_ij p^j. Every scheme that is linear in the laws is a matrix w; with
f_i = p^i/p - 1 and g_i = (p^{i+1} - q_i)/p it gives f_{i+1} = sum_j w_ij f_j + g_i, so f_n = W_{-1,n} f_0 + sum_i W_in g_i with
W the resolvent of w. (The statement is "memory-identity"; a fixed fresh fraction is the case w_ii = 1 - alpha_i.)
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numeric.validation import FRACTION, Array, integer, real, real_array, shown

__all__ = ["Alpha", "Mixing", "resolve_mixing"]

Alpha = float | Sequence[float] | NDArray[np.float64] | str


@dataclass(frozen=True, eq=False)
class Mixing:
    """A schedule of N rounds.

    Attributes:
        alpha: (N,) fresh fractions, or "accumulate" or "replace".
        fresh: (N,) c_i, the share of q_i that is drawn from p itself.
        weights: (N, N+1) w_ij, lower triangular; c_i + sum_j w_ij = 1.
        resolvent: (N+1, N+1); row n holds W_{-1,n} (of f_0) and then W_in (of g_i), i < n.
    """

    alpha: Array | str
    fresh: Array
    weights: Array
    resolvent: Array

    @property
    def generations(self) -> int:
        """N."""
        return len(self.fresh)

    @property
    def fresh_fraction(self) -> Array:
        """(N,) alpha_i of the schemes with a fresh fraction: 0 for "replace", NaN for "accumulate"."""
        return np.full(self.generations, np.nan) if isinstance(self.alpha, str) and self.alpha == "accumulate" else self.fresh


def resolve_mixing(alpha: Alpha, generations: int) -> Mixing:
    """The schedule for ``alpha``: one fresh fraction in [0, 1], one per generation, "accumulate" or "replace".

    "accumulate": q_i = (p + p^1 + ... + p^i)/(i + 1), the fresh data of the start and every model since, in equal shares.
    "replace": q_i = p^i, the same as alpha = 0.

    Raises:
        ValueError, TypeError: ``generations`` not a positive integer; ``alpha`` outside [0, 1], of another length or kind.
    """
    count = integer("generations", generations)
    weights = np.zeros((count, count + 1))
    if isinstance(alpha, str):
        if alpha not in ("accumulate", "replace"):
            raise ValueError(f"alpha must be a number, one per generation, 'accumulate' or 'replace', got {shown(alpha)}")
        label: Array | str = alpha
        if alpha == "replace":
            fresh = np.zeros(count)
            np.fill_diagonal(weights, 1.0)
        else:
            fresh = 1.0 / np.arange(1.0, count + 1.0)
            for i in range(count):
                weights[i, 1 : i + 1] = fresh[i]
    else:
        if isinstance(alpha, numbers.Real):
            fresh = np.full(count, real("alpha", alpha, FRACTION))
        else:
            fresh = real_array("alpha", alpha, FRACTION, ndim=(0, 1))
            fresh = np.full(count, float(fresh)) if fresh.ndim == 0 else fresh
            if fresh.shape != (count,):
                raise ValueError(f"alpha must have one entry per generation, {count}, got shape {fresh.shape}")
        label = fresh
        weights[np.arange(count), np.arange(count)] = 1.0 - fresh
    resolvent = np.zeros((count + 1, count + 1))
    resolvent[0, 0] = 1.0
    for i in range(count):
        resolvent[i + 1] = weights[i, : i + 1] @ resolvent[: i + 1]
        resolvent[i + 1, i + 1] = 1.0
    for array in (fresh, weights, resolvent):
        array.flags.writeable = False
    return Mixing(label, fresh, weights, resolvent)
