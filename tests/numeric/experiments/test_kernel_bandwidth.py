"""The bandwidth that held-out points choose."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from numeric.experiments.kernel_bandwidth import held_out_bandwidth, held_out_log_likelihood


def test_the_likelihood_is_that_of_the_kernel_estimate() -> None:
    rng = np.random.default_rng(1)
    scales = np.array([1.0, 2.0, 3.0])
    centres, others = scales * rng.standard_normal((200, 3)), scales * rng.standard_normal((150, 3))
    density = np.mean([stats.multivariate_normal(centre, 0.9**2).pdf(others) for centre in centres], axis=0)
    found = held_out_log_likelihood(centres, others, 0.9)
    assert found == pytest.approx(float(np.mean(np.log(density))), abs=1e-9)
    twin = stats.gaussian_kde(centres.T, bw_method=0.3)  # scaled by the points' own covariance: another estimate
    assert found != pytest.approx(float(np.mean(twin.logpdf(others.T))), abs=1e-3)


def test_no_other_bandwidth_is_better() -> None:
    rng = np.random.default_rng(2)
    for dim in (1, 5, 30):
        centres, others = rng.standard_normal((800, dim)), rng.standard_normal((300, dim))
        width = held_out_bandwidth(centres, others)
        best = held_out_log_likelihood(centres, others, width)
        for factor in (0.5, 0.9, 0.99, 1.01, 1.1, 2.0):
            assert held_out_log_likelihood(centres, others, factor * width) < best
        assert 0.01 < width < 1.5


def test_one_centre_gives_the_root_mean_square_distance() -> None:
    others = np.random.default_rng(3).standard_normal((400, 4)) * 2.0
    exact = math.sqrt(float(np.mean(np.sum((others - 1.0) ** 2, axis=1))) / 4.0)
    assert held_out_bandwidth(np.ones((1, 4)), others) == pytest.approx(exact, rel=2e-3)


def test_points_that_cannot_decide_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^held_out must hold points that are no centres, got none$"):
        held_out_bandwidth([[0.0], [1.0]], [[1.0], [0.0]])
    with pytest.raises(ValueError, match=r"^held_out must have 1 columns"):
        held_out_bandwidth([[0.0], [1.0]], [[1.0, 0.0]])
