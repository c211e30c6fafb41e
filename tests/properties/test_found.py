"""Cases that the properties found broken, shrunk, and kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numeric import (
    Channel,
    ConsistentError,
    Gaussian,
    GaussianMixture,
    Verdict,
    check_recursion,
    chi2,
    early_stopping,
    exact_generation,
    exact_recursion,
)


def test_a_weight_beyond_floats_meets_a_density_of_zero() -> None:
    """Far out the squared ratio overflowed before it met the density; warnings are errors here."""
    pair = GaussianMixture([0.5, 0.5], [0.0, 1.0], 1.0)
    one = exact_generation(pair, ConsistentError(pair, Channel(noise=1.0)))
    assert math.isfinite(float(one.kl))  # type: ignore[arg-type]
    narrower = exact_generation(pair, ConsistentError(pair, Channel(noise=0.2)))
    noised = [early_stopping(0.02)(law) for law in (Channel(noise=0.2)(pair), pair)]
    # the start at q_T instead of p^_T moves chi2 by the KL between the two, a few percent of it here
    assert float(narrower.chi2) == pytest.approx(float(chi2(*noised)), rel=0.05)  # type: ignore[arg-type]


def test_rounding_of_weights_is_no_innovation() -> None:
    """A round without error on a mixture: weights of 1e-17 are left over, and must not violate J^2 <= 0."""
    same = GaussianMixture([0.5, 0.5], [0.0, 0.0], 1.0)
    rounds = exact_recursion(same, [Channel(), Channel(shift=0.5), Channel()], 0.001, 3)
    assert Verdict.VIOLATED not in {check.verdict for check in check_recursion(rounds)}
    # an innovation that is one still violates the same relation
    claim = [check for check in check_recursion(rounds, ["innovation-vs-intra"]) if check.generation == 1]
    assert claim
    assert rounds.innovation[1] > 0.5


def test_infinite_innovations_cancel_into_no_number() -> None:
    """inf - inf in a sum over rounds is not computable, and no warning."""
    rounds = exact_recursion(Gaussian(0.0, 0.001), Channel(noise=1.0), 1.0, 2)
    assert np.all(np.isinf(rounds.divergence[1:]))
    assert Verdict.VIOLATED not in {check.verdict for check in check_recursion(rounds)}


def test_what_was_normalised_once_stays_as_it_is() -> None:
    """Weights are divided by their sum, which is not 1 to the last bit the second time either."""
    once = GaussianMixture(np.array([2.0, 2.0, 1.0, 2.0]) / 7.0, np.zeros(4), 1.0)
    assert np.array_equal(Channel()(once).weights, once.weights)  # type: ignore[union-attr]
    for _ in range(3):
        once = GaussianMixture(once.weights, once.means, once.covs)
    assert abs(float(once.weights.sum()) - 1.0) < 1e-15
