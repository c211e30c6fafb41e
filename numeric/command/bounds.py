"""Floor and ceilings of the drift, generation by generation, for given energies."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    """One row per generation, for a fresh fraction in (0, 1], energies eps_i² and observability eta in [0, 1].

    Every bound is its own recursion over the rounds; the sums that it solves are ``theory.discounted_sum`` and
    ``theory.triangle_bound``.
    """
    keep = 1.0 - alpha
    rows = []
    discounted = ceiling_root = tv = 0.0
    for generation, energy in enumerate(energies, start=1):
        visible = observability * energy
        discounted = keep * keep * discounted + visible
        ceiling_root = keep * ceiling_root + math.sqrt(visible)
        tv = keep * tv + 0.5 * math.sqrt(energy)
        floor = alpha * visible / (1.0 + keep) ** 2
        rows.append(BoundRow(generation, floor, discounted, ceiling_root * ceiling_root, min(tv, 1.0)))
    return rows
