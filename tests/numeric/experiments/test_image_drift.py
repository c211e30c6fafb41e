"""Drift from draws alone, beside the same drift from densities."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from numeric.estimate import Estimate
from numeric.experiments.drift import measure_divergences
from numeric.experiments.generation_record import GenerationRecord
from numeric.experiments.image_drift import contradictions, measure_image_drift
from numeric.laws.process import noised
from numeric.laws.targets import GaussianMixture, as_mixture

CERTAIN = 1.0 - 1e-7
LAW = GaussianMixture([0.6, 0.4], [[0.0] * 6, [2.0] * 6], [np.eye(6) * 0.4, np.eye(6) * 0.8])


def record(law: GaussianMixture) -> GenerationRecord:
    """The three divergences of ``law`` from LAW by densities; nothing else is looked at."""
    far = measure_divergences(law, LAW, queries=2000, rng=np.random.default_rng(7))
    made = object.__new__(GenerationRecord)
    for name in ("kl", "tv", "log_chi2"):
        object.__setattr__(made, name, getattr(far, name))
    return made


@pytest.mark.parametrize("t", [0.0, 0.1, 0.5])
def test_bounds_from_samples_and_numbers_from_densities_agree(t: float) -> None:
    law = as_mixture(noised(LAW, t))
    rng = np.random.default_rng(3)
    drift = measure_image_drift(LAW, LAW.sample(600, rng=rng), [law.sample(1500, rng=rng)], rng=4, confidence=CERTAIN)[0]
    assert contradictions(record(law), drift.law) == []
    assert contradictions(record(law), drift.images) == []  # the held-out rows are draws of the same law here
    assert (drift.law.tv.low > 0.0) == (t == 0.5)


def test_every_contradiction_is_told() -> None:
    near, far = record(as_mixture(noised(LAW, 0.01))), as_mixture(noised(LAW, 1.0)).sample(3000, rng=5)
    drift = measure_image_drift(LAW, LAW.sample(100, rng=1), [far], rng=6, confidence=CERTAIN)[0].law
    said = contradictions(near, drift)
    assert [line.split(" is at least")[0] for line in said] == ["TV", "TV", "chi2"]
    assert "Pinsker" in said[1]
    unsure = object.__new__(GenerationRecord)
    for name, value in (("kl", math.inf), ("tv", 1.0), ("log_chi2", Estimate(0.01, 0.001, 2000, 3.0))):
        object.__setattr__(unsure, name, value)
    assert contradictions(unsure, drift) == []  # a number that three draws carry contradicts nothing
    object.__setattr__(unsure, "log_chi2", replace(unsure.log_chi2, ess=2000.0))  # type: ignore[type-var]
    assert len(contradictions(unsure, drift)) == 1


def test_bad_arguments_are_refused() -> None:
    draws = LAW.sample(60, rng=1)
    for arguments, said in (
        ({"held_out": draws[:, :5]}, "held_out must have 6 columns"),
        ({"draws": [draws, draws[:49]]}, r"draws\[1\] must have at least 50 rows"),
        ({"confidence": 1.0}, "confidence must be in"),
        ({"reference": 0}, "reference must be an integer"),
    ):
        given = {"held_out": draws, "draws": [draws], "rng": 1} | arguments
        with pytest.raises(ValueError, match=f"^{said}"):
            measure_image_drift(LAW, **given)  # type: ignore[arg-type]
