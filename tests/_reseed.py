"""Other random numbers behind every seed that a test writes down: what passes by the luck of its seed is found out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def reseed(run: int) -> None:
    """From now on ``np.random.default_rng(seed)`` is another stream for every ``run``, still the same one for the same seed.

    The library asks for its generators by that name at call time, so that a test's ``rng=7`` gives another simulation in
    every run. Generators, bit generators and fresh entropy pass unchanged.
    """
    original = np.random.default_rng

    def default_rng(seed: Any = None) -> np.random.Generator:
        if isinstance(seed, np.random.SeedSequence):
            entropy = [] if seed.entropy is None else np.ravel(np.asarray(seed.entropy, dtype=object)).tolist()
            return original(np.random.SeedSequence([run, *entropy], spawn_key=seed.spawn_key))
        if isinstance(seed, (int, np.integer, Sequence, np.ndarray)):
            return original([run, *np.ravel(np.asarray(seed, dtype=object)).tolist()])
        return original(seed)

    np.random.default_rng = default_rng  # type: ignore[assignment]
