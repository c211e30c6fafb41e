"""The drift of generated images from their draws alone: from the law p, where densities can say whether it is right, and from
images that no fit has seen, where they cannot.

Test functions bound chi2 and TV from below, whatever the dimension and however wide the tails; MMD has an interval with two
ends. Against p the same drift is known from densities: no lower bound may exceed what it bounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from numeric.estimate import CONFIDENCE, Estimate
from numeric.experiments.generation_record import GenerationRecord
from numeric.laws.targets import GaussianMixture
from numeric.samples.sample_drift import DriftGauge, SampleDrift
from numeric.samples.sample_features import sample_rows
from numeric.validation import Array, generator, integer, real

__all__ = ["ImageDrift", "contradictions", "measure_image_drift"]

REFERENCE = 20_000  # draws of p


@dataclass(frozen=True)
class ImageDrift:
    """The drift of one generation, every interval at the same confidence.

    Attributes:
        law: from p, by draws of it. images: from the images themselves, by those that took no part in fitting p.
    """

    law: SampleDrift
    images: SampleDrift


def measure_image_drift(
    law: GaussianMixture,
    held_out: Array,
    draws: Sequence[Array],
    *,
    rng: np.random.Generator | int | None,
    confidence: float = 0.999,
    reference: int = REFERENCE,
) -> tuple[ImageDrift, ...]:
    """The drift of every generation.

    Args:
        law: p. held_out: (m, d) coordinates of images that took no part in its fit, m >= 50.
        draws: (n_i, d) of p^1, p^2, ..., or of any laws, n_i >= 50.
        rng: draws the reference from p and the kernel's frequencies, which are the same for all generations.
        confidence: of each interval by itself.
        reference: draws of p.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    level = real("confidence", confidence, CONFIDENCE)
    stream = generator(rng)
    images = sample_rows("held_out", held_out, law.dim)
    samples = [sample_rows(f"draws[{index}]", one, law.dim) for index, one in enumerate(draws)]
    own = law.sample(integer("reference", reference), rng=stream)
    gauges = DriftGauge.of(own, rng=stream), DriftGauge.of(images, rng=stream)
    return tuple(ImageDrift(*(gauge.drift(one, level) for gauge in gauges)) for one in samples)


def contradictions(record: GenerationRecord, drift: SampleDrift, *, confidence: float = 0.999999) -> list[str]:
    """What a lower bound from samples and the same divergence from densities say that cannot both be true; empty if nothing.

    Args:
        record: of the generation that the draws are of, with KL, TV and chi2 from densities.
        drift: of its draws from draws of p.
        confidence: of the intervals from densities.
    """
    found = []
    tv, kl = _high(record.tv, confidence), _high(record.kl, confidence)
    if drift.tv.low > tv:
        found.append(f"TV is at least {drift.tv.low:.4g} by samples and at most {tv:.4g} by densities")
    pinsker = math.sqrt(0.5 * max(kl, 0.0))
    if drift.tv.low > pinsker:
        found.append(f"TV is at least {drift.tv.low:.4g} by samples and at most {pinsker:.4g} by KL and Pinsker's inequality")
    log_chi2 = _high(record.log_chi2, confidence)
    trusted = not isinstance(record.log_chi2, Estimate) or (record.log_chi2.ess or 0.0) >= 100.0
    if trusted and math.log1p(drift.chi2.low) > log_chi2:
        found.append(f"chi2 is at least {drift.chi2.low:.4g} by samples and at most {math.expm1(log_chi2):.4g} by densities")
    return found


def _high(value: float | Estimate, confidence: float) -> float:
    """The upper end of what is known of a quantity."""
    return value.interval(confidence)[1] if isinstance(value, Estimate) else float(value)
