"""EM under a floor: its likelihood never falls, another implementation finds the same maximum, and the floor does not grow."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture as ExpectationMaximisation

from numeric.experiments.mixture_fit import fit_mixture
from numeric.laws.targets import GaussianMixture

TRUTH = GaussianMixture(
    [0.5, 0.3, 0.2],
    [[0.0, 0.0, 0.0], [4.0, 1.0, 0.0], [-2.0, 4.0, 1.0]],
    [np.diag([1.0, 0.5, 0.2]), np.eye(3), [[0.6, 0.3, 0.0], [0.3, 0.9, 0.1], [0.0, 0.1, 0.4]]],
)


def test_the_likelihood_never_falls_whatever_the_floor() -> None:
    data = TRUTH.sample(1500, rng=1)
    for floor in (1e-3, 0.3, 2.0):
        fit = fit_mixture(data, 4, rng=2, floor=floor)
        assert fit.converged
        assert fit.iterations > 3
        assert np.all(np.diff(fit.history) > -1e-12)
        assert fit.log_likelihood == pytest.approx(float(np.mean(fit.law.logpdf(data))), abs=1e-10)
        assert np.linalg.eigvalsh(fit.law.covs).min() >= floor * (1.0 - 1e-12)


def test_another_implementation_finds_the_same_mixture() -> None:
    data = TRUTH.sample(2000, rng=3)
    ours = fit_mixture(data, start=TRUTH, floor=1e-6, tolerance=1e-12).law
    theirs = ExpectationMaximisation(
        3,
        weights_init=TRUTH.weights,
        means_init=TRUTH.means,
        precisions_init=np.linalg.inv(TRUTH.covs),
        reg_covar=0.0,
        tol=1e-12,
        max_iter=1000,
    ).fit(data)
    found = (ours.weights, ours.means, ours.covs)
    for mine, other in zip(found, (theirs.weights_, theirs.means_, theirs.covariances_), strict=True):
        assert np.allclose(mine, other, atol=1e-4)
    assert not np.allclose(ours.covs, TRUTH.covs, atol=1e-2)  # neither stayed where it began


def test_raised_eigenvalues_are_the_best_covariance_above_the_floor() -> None:
    rng = np.random.default_rng(4)
    data = rng.standard_normal((400, 4)) * [2.0, 1.0, 0.3, 0.1]
    floor = 0.25
    law = fit_mixture(data, 1, rng=0, floor=floor).law
    centred = data - data.mean(axis=0)
    sample = centred.T @ centred / 400

    def likelihood(cov: np.ndarray) -> float:
        return -0.5 * float(np.linalg.slogdet(cov)[1] + np.trace(np.linalg.solve(cov, sample)))

    best = likelihood(law.covs[0])
    assert np.allclose(law.mean, data.mean(axis=0))
    for size in (1e-3, 1e-1, 1.0):
        for _ in range(50):
            step = rng.standard_normal((4, 4)) * size
            values, vectors = np.linalg.eigh(law.covs[0] + step + step.T)
            other = (vectors * np.maximum(values, floor)) @ vectors.T
            assert likelihood(other) <= best + 1e-12
    assert likelihood(sample + floor * np.eye(4)) < best - 0.01  # the wrong twin: a ridge


def test_a_floor_is_not_added_again_by_every_fit() -> None:
    floor = 0.1
    law = ridged = GaussianMixture([1.0], [[0.0, 0.0]], [np.diag([2.0, floor])])
    rng = np.random.default_rng(5)
    for _ in range(6):
        law = fit_mixture(law.sample(20_000, rng=rng), start=law, floor=floor).law
        data = ridged.sample(20_000, rng=rng)
        ridged = GaussianMixture([1.0], data.mean(axis=0)[None], np.cov(data, rowvar=False)[None] + floor * np.eye(2))

    def kept(one: GaussianMixture) -> bool:
        return bool(np.linalg.eigvalsh(one.covs[0])[0] < 1.1 * floor)

    assert kept(law)
    assert not kept(ridged)


def test_threads_change_nothing_and_a_good_start_saves_rounds() -> None:
    data = TRUTH.sample(5000, rng=6)
    one, two = (fit_mixture(data, 3, rng=7, tolerance=1e-9, workers=workers) for workers in (1, 2))
    assert np.array_equal(one.law.covs, two.law.covs)
    assert one.history == two.history
    near = fit_mixture(data, start=TRUTH, tolerance=1e-9)
    again = fit_mixture(data, start=near.law, tolerance=1e-9)
    assert again.iterations < one.iterations
    order = np.argsort(one.law.weights)[::-1]
    assert np.allclose(one.law.means[order], near.law.means, atol=0.1)
    assert np.allclose(near.law.means, TRUTH.means, atol=0.3)  # components keep their places


def test_a_component_that_loses_all_points_stays_at_weight_zero() -> None:
    start = GaussianMixture([0.5, 0.5], [[0.0], [1e6]], 1.0)
    data = np.random.default_rng(8).standard_normal((500, 1))
    fit = fit_mixture(data, start=start)
    assert fit.law.weights[1] == 0.0
    assert fit.law.means[1, 0] == 1e6
    assert fit.law.means[0, 0] == pytest.approx(float(data.mean()))
    same = fit_mixture(np.ones((50, 2)), 3, rng=0)
    assert np.allclose(same.law.mean, 1.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"components": None}, "components must be given where there is no start, got None"),
        ({"components": 51}, "components must be at most the number of samples, 50, got 51"),
        ({"components": 0}, "components must be an integer"),
        ({"floor": 0.0}, "floor must be finite and > 0, got 0.0"),
        ({"tolerance": -1.0}, "tolerance must be finite and > 0"),
        ({"most": 0}, "most must be an integer"),
        ({"start": GaussianMixture([1.0], [[0.0, 0.0]], 1.0)}, "start must have the dimension of the samples, 3, got 2"),
        ({"start": TRUTH, "components": 2}, "components must be those of start, 3, got 2"),
        ({"start": 1, "components": None}, "start must be a GaussianMixture or None, got int"),
        ({"samples": [[np.nan, 0.0]]}, "samples must be finite"),
    ],
)
def test_bad_arguments_are_refused(change: dict[str, object], said: str) -> None:
    arguments: dict[str, object] = {"samples": np.zeros((50, 3)), "components": 2, "rng": 0} | change
    with pytest.raises((ValueError, TypeError), match=f"^{said}"):
        fit_mixture(**arguments)  # type: ignore[arg-type]


def test_the_example_in_the_docstring() -> None:
    import doctest

    import numeric.experiments.mixture_fit as module

    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0
