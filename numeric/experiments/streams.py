"""Random streams by what they are for: a resumed run draws the same numbers as an unbroken one, in any order of work."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

__all__ = ["Purpose", "stream"]


class Purpose(IntEnum):
    """What a stream is for; the values are part of every seed and never change."""

    TRAINING = 0
    FIT = 1
    ENERGIES = 2
    DRIFT = 3
    SHEET = 4
    KERNEL = 5
    POPULATION = 6


def stream(seed: int, alpha: int, run: int, generation: int, purpose: Purpose) -> np.random.Generator:
    """The generator of (index of the fresh fraction, run, generation, purpose); no two of them share a number."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(alpha, run, generation, int(purpose))))
