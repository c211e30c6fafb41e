"""The bound by the losses on samples: intervals hold what they measure, verdicts follow, and misuse is named."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from numeric import (
    OU,
    Estimate,
    Gaussian,
    Verdict,
    check_samples,
    early_stopping,
    exact_recursion,
    kl,
    mean_shift,
    measure_samples,
)
from numeric.judging.checks import check_measured_samples
from numeric.laws.process import noised
from numeric.laws.targets import GaussianMixture, Target, as_mixture
from numeric.recursions.mixing import resolve_mixing
from numeric.recursions.mmd import mmd
from numeric.recursions.recursion import Recursion
from numeric.samples.sample_features import landmark_features, median_distance
from numeric.samples.sample_mmd import KernelDrift, kernel_drift
from numeric.validation import Array

T0, ROUNDS, ALPHA = 0.2, 3, 0.4
LEVEL = 1.0 - 1e-7


def setting(shift: float, rows: int, seed: int) -> tuple[Recursion, Array, list[Array], list[Array]]:
    """Rounds that shift and stop early, and independent samples of p, of every p^i and of every q_{i,t0}."""
    target = GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], 0.3)
    rounds = exact_recursion(target, mean_shift([shift, 0.0]).then(early_stopping(T0)), ALPHA, ROUNDS)
    rng = np.random.default_rng(seed)
    laws = [law.sample(rows, rng=rng) for law in rounds.laws]  # type: ignore[attr-defined]
    ends = [noised(law, T0).sample(rows, rng=rng) for law in rounds.mixtures]  # type: ignore[arg-type]
    return rounds, target.sample(rows, rng=rng), laws, ends


@pytest.fixture(scope="module")
def measured() -> tuple[Recursion, Array, list[Array], KernelDrift, KernelDrift]:
    rounds, reference, laws, ends = setting(0.5, 1500, 1)
    mixing = resolve_mixing(ALPHA, ROUNDS)
    return (
        rounds,
        reference,
        laws,
        kernel_drift(reference, laws, mixing, LEVEL, t0=T0),
        kernel_drift(reference, laws, mixing, LEVEL, ideal=ends),
    )


def landmark_embedding(law: Target, landmarks: Array, basis: Array, width: float) -> Array:
    """E phi(x) under a mixture: the kernel functions against Gaussians, in closed form."""
    one, total = as_mixture(law), np.zeros(landmarks.shape[0])
    for weight, mean, cov in zip(one.weights, one.means, one.covs, strict=True):
        wide = cov + width**2 * np.eye(one.dim)
        gaps = landmarks - mean
        total += (
            weight
            * width**one.dim
            / math.sqrt(np.linalg.det(wide))
            * np.exp(-0.5 * np.sum(gaps @ np.linalg.inv(wide) * gaps, axis=1))
        )
    return np.asarray(total @ basis)


def test_every_interval_holds_its_number(measured: Any) -> None:
    """Under the projected kernel exactly; and the projection is shorter than the whole, by little."""
    rounds, reference, laws, found, _ = measured
    width = median_distance(reference)
    each = -(-192 // (len(laws) + 1))
    picked = [rows[np.unique(np.linspace(0, 1499, each).astype(np.int64))] for rows in (reference, *laws)]
    features = landmark_features(picked, width)
    at = [landmark_embedding(law, features.landmarks, features.basis, width) for law in rounds.laws]
    late = [landmark_embedding(noised(law, T0), features.landmarks, features.basis, width) for law in rounds.mixtures]
    mixed = [ALPHA * at[0] + (1.0 - ALPHA) * embedding for embedding in at]
    truth = [float(np.linalg.norm(embedding - at[0])) for embedding in at]
    smooth = [float(np.linalg.norm(a - b)) for a, b in zip(late, mixed, strict=False)]
    for values, estimates in ((truth, found.mmd), (smooth, found.smoothing)):
        for value, one in zip(values, estimates, strict=True):
            assert one.low <= value <= one.high
            assert abs(one.estimate.value - value) <= 6.0 * one.estimate.stderr
    whole = [mmd(law, rounds.target, bandwidth=width) for law in rounds.laws]
    assert all(part <= total + 1e-6 for part, total in zip(truth, whole, strict=True))
    assert truth[-1] == pytest.approx(whole[-1], rel=1e-3)
    # wrong twins: MMD for its square, and the drift of another generation
    assert not found.mmd[3].low <= truth[3] ** 2 <= found.mmd[3].high
    assert not found.mmd[3].low <= truth[1] <= found.mmd[3].high


def test_ends_that_are_given_say_what_the_process_says(measured: Any) -> None:
    _, _, _, derived, given = measured
    for one, other in zip(derived.smoothing, given.smoothing, strict=True):
        assert other.low <= one.high
        assert one.low <= other.high
        assert other.high - other.low > one.high - one.low  # no noise is drawn where it is known


def losses(rounds: Recursion) -> list[float]:
    """Learned energies of consistent errors from p^_T, as T grows: 2 KL(p^{i+1} || q_{i,t0})."""
    return [2.0 * float(kl(model, noised(law, T0))) for law, model in zip(rounds.mixtures, rounds.laws[1:], strict=True)]  # type: ignore[arg-type]


def test_losses_that_explain_the_drift_and_losses_that_do_not() -> None:
    rounds, reference, laws, _ = setting(0.5, 1500, 2)
    true = tuple(losses(rounds))
    found = measure_samples(reference, laws, ALPHA, rng=3, process=OU(T0, 4.0), learned_energy=true)
    checks = check_measured_samples(found, "mmd-discount")
    assert {check.verdict for check in checks} == {Verdict.HOLDS}
    assert len(checks) == ROUNDS
    assert checks[0].detail.endswith("taken with a Gaussian kernel on 195 landmarks")
    few = replace(found, learned_energy=tuple(1e-4 * value for value in true))
    assert check_measured_samples(few, "mmd-discount")[-1].verdict is Verdict.VIOLATED
    noisy = replace(found, learned_energy=tuple(Estimate(value, value, 1_000_000) for value in true))  # known to within itself
    assert check_measured_samples(noisy, "mmd-discount")[-1].verdict is Verdict.INCONCLUSIVE
    assert check_measured_samples(replace(found, initial_kl=0.01), "mmd-discount") == ()  # another start


def test_without_losses_or_without_smoothing_nothing_is_said() -> None:
    rounds, reference, laws, _ = setting(0.3, 100, 4)
    assert check_samples(reference, laws, ALPHA, rng=5, claims="mmd-discount", learned_energy=losses(rounds)) == ()
    assert check_samples(reference, laws, ALPHA, rng=5, claims="mmd-discount", process=OU(T0, 4.0)) == ()
    gaps = [None, *losses(rounds)[1:]]
    assert check_samples(reference, laws, ALPHA, rng=5, claims="mmd-discount", process=OU(T0, 4.0), learned_energy=gaps) == ()


def test_equal_laws_are_never_seen_apart() -> None:
    """No drift at all, at a level of one in a hundred per interval: the lower ends stay at 0 but for that share."""
    misses, rng = 0, np.random.default_rng(6)
    mixing = resolve_mixing(0.5, 1)
    for _ in range(20):
        rows = [Gaussian([0.0, 0.0], 1.0).sample(200, rng=rng) for _ in range(3)]
        found = kernel_drift(rows[0], rows[1:], mixing, 0.99, ideal=[Gaussian([0.0, 0.0], 1.0).sample(200, rng=rng)])
        misses += sum(one.low > 0.0 for one in (*found.mmd, *found.smoothing))
    assert misses <= stats.binom.isf(1e-6, 60, 0.005)


GOOD = np.random.default_rng(7).standard_normal((60, 2))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"process": 0.02}, "process must be an OU, got float"),
        ({"process": OU(), "ideal": [GOOD]}, "process and ideal must not be given both"),
        ({"ideal": [GOOD, GOOD]}, "ideal must have one sample per round, 1, got 2"),
        ({"ideal": [GOOD[:9]]}, "ideal[0] must have at least 50 rows"),
        ({"ideal": [GOOD[:, :1]]}, "ideal[0] must have 2 columns"),
        ({"learned_energy": [0.1, 0.1]}, "learned_energy must have one value per round, 1, got 2"),
        ({"learned_energy": [math.nan]}, "learned_energy must be"),
        ({"learned_energy": "small"}, "learned_energy must"),
    ],
)
def test_bad_input_is_named(more: dict[str, Any], said: str) -> None:
    call: Callable[[], Any] = lambda: check_samples(GOOD, [GOOD, GOOD], 0.5, rng=1, **more)  # noqa: E731
    with pytest.raises((ValueError, TypeError), match=re.escape(said)):
        call()
