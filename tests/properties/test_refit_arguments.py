"""The first round of a chain of fits, by the law of total variance and of total expectation, for any drawn arguments."""

from __future__ import annotations

import numpy as np
import pytest

from numeric import Refits, exact_refits, simulate_refits, strategies
from numeric.strategies.refits import RefitArguments
from tests.properties.drawn import drawn, rejected

CASES = strategies.refit_arguments()


def first_round(case: RefitArguments, labels: bool = True) -> None:
    """n points, each N(m, s^2) or N(m_0, v_0); ``labels`` says whether an iid design draws which."""
    chain = exact_refits(**case)
    target, start, n = case["target"], case["initial"] or case["target"], case["n"]
    variance, spread, gap = float(target.cov[0, 0]), float(start.cov[0, 0]), float(start.mean[0] - target.mean[0])
    fresh = float(chain.alpha[0])
    within = fresh * variance + (1.0 - fresh) * spread  # the mean variance of a point, given its kind
    between = fresh * (1.0 - fresh) * gap**2  # the variance of the means of the two kinds
    drawn_labels = between if labels and case["design"] == "iid" else 0.0
    error = (within + drawn_labels) / n + ((1.0 - fresh) * gap) ** 2
    fitted = within * (1.0 - 1.0 / n) + between - drawn_labels / n
    size = variance + spread + gap**2
    np.testing.assert_allclose(chain.mean_error[:2], [gap**2, error], rtol=1e-9, atol=1e-12 * size)
    np.testing.assert_allclose(chain.fitted_variance[:2], [spread, fitted], rtol=1e-9, atol=1e-12 * size)


def test_the_first_round_of_any_chain() -> None:
    drawn(CASES, first_round, examples=15)


def test_labels_that_are_drawn_add_their_own_noise() -> None:
    two_kinds = CASES.filter(lambda case: case["design"] == "iid" and case["initial"] is not None)
    rejected(two_kinds, lambda case: first_round(case, labels=False))


def test_a_simulation_takes_the_same_arguments() -> None:
    def taken(case: RefitArguments) -> None:
        chain = simulate_refits(**case, runs=3, rng=0)
        assert chain.n == case["n"]
        assert chain.generations == case["generations"]
        assert np.array_equal(chain.alpha, exact_refits(**case).alpha)

    drawn(CASES, taken, examples=5)


def test_chains_of_planes() -> None:
    def planar(chain: Refits) -> None:
        assert chain.target.dim == 2
        assert 4 <= chain.n <= 5

    drawn(strategies.refits(strategies.gaussians(2), n=(4, 5), generations=(1, 2)), planar, examples=3)
    with pytest.raises(ValueError, match="n must exceed the dimension"):
        drawn(strategies.refits(strategies.gaussians(5), n=(4, 4)), planar, examples=1)
