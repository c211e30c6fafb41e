"""The reverse process run literally, a full kernel score in every step, against exact sampling of its endpoint."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from numeric import OU, Gaussian, paper_mixture
from numeric.experiments.literal_reverse import literal_samples
from numeric.laws.kernel_mixture import KernelMixture

PROCESS = OU()
N, STEPS = 1500, 120
LEARNED = KernelMixture(paper_mixture().sample(150, rng=1), 0.36)
EXACT = LEARNED.noised(PROCESS.t0).sample(20_000, rng=2)


def misses(samples: np.ndarray) -> tuple[float, float, float]:
    """How many standard errors the means, the spread in the eight coordinates without clusters and the energy distance miss by.

    The spread may be 1 % too large besides: that is the order of what Euler-Maruyama leaves at these steps. The scale of the
    energy distance is its spread under random relabelling.
    """
    centre, cov = LEARNED.noised(PROCESS.t0).mean, LEARNED.noised(PROCESS.t0).cov
    means = np.abs(samples.mean(axis=0) - centre) / np.sqrt(np.diag(cov) / len(samples))
    spread = np.sum((samples[:, 2:] - centre[2:]) ** 2, axis=1)
    excess = abs(spread.mean() - np.trace(cov[2:, 2:])) - 0.01 * np.trace(cov[2:, 2:])
    both = np.concatenate([samples[:500], EXACT[:500]])
    distance = cdist(both, both)
    stream, n = np.random.default_rng(3), 500

    def energy(labels: np.ndarray) -> float:
        signs = np.where(labels, 1.0, -1.0) / n
        return -float(signs @ distance @ signs)

    true = np.arange(2 * n) < n
    null = np.array([energy(stream.permutation(true)) for _ in range(40)])
    relabelled = (energy(true) - null.mean()) / null.std()
    return float(means.max()), excess / (spread.std() / math.sqrt(len(samples))), relabelled


def test_the_endpoint_has_the_law_that_is_drawn_exactly() -> None:
    samples = literal_samples(LEARNED, PROCESS, N, STEPS, rng=4, workers=2)
    means, spread, energy = misses(samples)
    assert means < 5.8  # ten normals
    assert spread < 5.5
    assert energy < 12.0  # its null is a sum of chi-squares: a far tail
    again = literal_samples(LEARNED, PROCESS, 300, 5, rng=4)
    assert np.array_equal(again, literal_samples(LEARNED, PROCESS, 300, 5, rng=4, workers=3))


@pytest.mark.parametrize("twin", ["sign", "wider", "narrower"])
def test_wrong_processes_are_rejected(twin: str) -> None:
    if twin == "sign":  # the classic mistake: -Y/2
        wrong = literal_samples(LEARNED, PROCESS, 600, STEPS, rng=4, sign=-1)
    else:  # the score of another bandwidth
        other = KernelMixture(LEARNED.centres, 0.64 if twin == "wider" else 0.16)
        wrong = literal_samples(LEARNED, PROCESS, 600, STEPS, rng=4, score=other)
    _, spread, energy = misses(wrong)
    assert spread > 5.5
    if twin == "sign":
        assert energy > 12.0


@pytest.mark.thorough
def test_at_a_thousand_centres_and_the_papers_number_of_steps() -> None:
    learned = KernelMixture(paper_mixture().sample(1000, rng=1), 0.36)
    samples, law = literal_samples(learned, PROCESS, 4000, 500, rng=5, workers=2), learned.noised(PROCESS.t0)
    spread = np.sum((samples[:, 2:] - law.mean[2:]) ** 2, axis=1)
    trace = float(np.trace(law.cov[2:, 2:]))
    assert abs(spread.mean() - trace) < 5.5 * spread.std() / math.sqrt(4000) + 0.004 * trace


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        (TypeError, "process", {"process": 4.0}),
        (ValueError, "n must", {"n": 0}),
        (ValueError, "steps", {"steps": 0}),
        (ValueError, "sign", {"sign": 0}),
        (ValueError, "workers", {"workers": 0}),
        (TypeError, "law", {"learned": "kde"}),
    ],
)
def test_bad_calls_name_their_argument(kind: type[Exception], name: str, change: dict[str, object]) -> None:
    call: dict[str, object] = {"learned": Gaussian(0.0, 1.0), "process": PROCESS, "n": 4, "steps": 2, "rng": 0, **change}
    with pytest.raises(kind, match=name):
        literal_samples(**call)  # type: ignore[arg-type]
