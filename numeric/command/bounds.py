"""Floor and ceilings of the drift, generation by generation, for given energies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import theory

__all__ = ["BoundRow", "bound_rows"]


@dataclass(frozen=True)
class BoundRow:
    """After ``generation`` rounds.

    Attributes:
        floor: of max(D_{N-1}, D_N): consecutive-floor with I = eta eps², leading order in the error.
        discounted: S_N with J² = eta eps²: the drift if innovations are orthogonal, leading order.
        ceiling: triangle bound of D_N with J² = eta eps², leading order.
        tv: ceiling of TV(p^N, p), rigorous up to the smoothing terms TV(q_t0, q), which are left out (tv-discount).
    """

    generation: int
    floor: float
    discounted: float
    ceiling: float
    tv: float


def bound_rows(alpha: float, energies: list[float], observability: float) -> list[BoundRow]:
    """One row per generation, for a fresh fraction in (0, 1], energies eps_i² and observability eta in [0, 1]."""
    visible = [math.sqrt(observability * energy) for energy in energies]
    keep = 1.0 - alpha
    rows = []
    tv = 0.0
    for count in range(1, len(energies) + 1):
        tv = keep * tv + 0.5 * math.sqrt(energies[count - 1])
        root = float(theory.triangle_bound(alpha, visible[:count]))
        rows.append(
            BoundRow(
                count,
                alpha * observability * energies[count - 1] / (1.0 + keep) ** 2,
                float(theory.discounted_sum(alpha, visible[:count])),
                root * root,
                min(tv, 1.0),
            )
        )
    return rows
