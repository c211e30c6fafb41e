"""Profile "random" gives other draws in every run, and the same ones again for the same run."""

from __future__ import annotations

import numpy as np
import pytest

from numeric import OU, AffineError, Gaussian, simulate_generation
from tests._reseed import reseed


@pytest.mark.parametrize("seed", [7, np.int64(7), [7, 1], (7, 1), np.array([7, 1]), np.random.SeedSequence(7, spawn_key=(1,))])
def test_a_seed_means_another_stream_in_every_run(seed: object, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for run in (1, 1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(np.random, "default_rng", np.random.default_rng)
            reseed(run)
            drawn.append(np.random.default_rng(seed).random())  # type: ignore[arg-type]
    drawn.append(np.random.default_rng(seed).random())  # type: ignore[arg-type]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) == 3


def test_generators_and_fresh_entropy_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(np.random, "default_rng", np.random.default_rng)
        reseed(1)
        given = np.random.Generator(np.random.PCG64(3))
        assert np.random.default_rng(given) is given
        assert np.random.default_rng().random() != np.random.default_rng().random()


def test_the_library_draws_other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for run in (1, 2):
        with monkeypatch.context() as patch:
            patch.setattr(np.random, "default_rng", np.random.default_rng)
            reseed(run)
            generation = simulate_generation(Gaussian(0.0, 1.0), AffineError(0.3, 0.1), OU(), n=50, steps=8, rng=3)
            found.append(float(generation.ideal_energy.value))  # type: ignore[union-attr]
    assert found[0] != found[1]
