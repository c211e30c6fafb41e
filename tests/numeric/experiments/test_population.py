"""The population limit of KDE retraining against exact recursions, closed forms and exact one-round energies."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np
import pytest

from numeric import (
    OU,
    ConsistentError,
    Gaussian,
    GaussianMixture,
    chi2_horizon,
    early_stopping,
    exact_generation,
    exact_recursion,
    kde,
    paper_mixture,
)
from numeric.experiments.population import population_rounds, within_variance

Z = 6.0
PROCESS = OU()


@pytest.mark.parametrize("alpha", [0.1, 0.5, 0.9])
def test_every_law_and_every_round_of_the_line(alpha: float) -> None:
    target = Gaussian(0.4, 0.8)
    channel = kde(0.35).then(early_stopping(PROCESS.t0))
    exact = exact_recursion(target, channel, alpha, 4)
    rounds = list(population_rounds(target, 0.35, PROCESS, alpha, 4, queries=6000, observed=1500, rng=1))
    grid = np.linspace(-4.0, 4.0, 31)
    for item in rounds:
        for mine, other in ((item.training, exact.mixtures[item.index]), (item.model, exact.laws[item.index + 1])):
            assert np.allclose(mine.logpdf(grid), other.logpdf(grid), rtol=1e-10)  # type: ignore[attr-defined]
        assert math.isclose(item.divergence.value, exact.divergence[item.index + 1], abs_tol=Z * item.divergence.stderr + 1e-12)
        if item.index in (0, 3):
            one = exact_generation(item.training, ConsistentError(item.training, kde(0.35)), PROCESS, start="learned")
            for name in ("ideal_energy", "learned_energy", "kl", "reverse_kl", "chi2", "visible_energy", "observability"):
                found = getattr(item.energies, name)
                assert abs(found.value - float(getattr(one, name))) < Z * found.stderr, (item.index, name)
            assert item.energies.ideal_energy is not None
            wrong = 0.5 * float(one.ideal_energy)
            assert abs(item.energies.ideal_energy.value - wrong) > Z * item.energies.ideal_energy.stderr


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("t0", [0.0, 0.02])
def test_within_variance_by_recursion_and_in_closed_form(alpha: float, t0: float) -> None:
    variance, bandwidth, u = 0.36, 0.6, math.exp(-t0)
    overall = oldest = variance
    for n in range(0, 21):
        form = within_variance(variance, bandwidth, alpha, n, t0)
        assert math.isclose(form.overall, overall, rel_tol=1e-12)
        assert math.isclose(form.oldest, oldest, rel_tol=1e-12)
        if t0 == 0.0 and alpha > 0.0:
            rho = 1.0 - alpha
            assert math.isclose(form.overall, variance + bandwidth**2 * (1 - rho**n) / alpha, rel_tol=1e-12)
            wrong = variance + bandwidth**2 * (1 - rho ** (n + 1)) / alpha
            assert alpha == 1.0 or n > 5 or not math.isclose(form.overall, wrong, rel_tol=1e-7)
        overall = u * (alpha * variance + (1 - alpha) * overall + bandwidth**2) + 1.0 - u
        oldest = u * (oldest + bandwidth**2) + 1.0 - u


def test_the_papers_rounds() -> None:
    law = paper_mixture()
    for item in islice(population_rounds(law, 0.6, PROCESS, 0.1, 20, queries=200, nodes=4, rng=2), 3):
        form = within_variance(0.36, 0.6, 0.1, item.index + 1, PROCESS.t0)
        variances = item.model.covs[:, 0, 0]
        assert math.isclose(item.within, form.overall, rel_tol=1e-12)
        assert math.isclose(float(variances.min()), form.youngest, rel_tol=1e-12)
        assert math.isclose(float(variances.max()), form.oldest, rel_tol=1e-12)
        assert item.model.weights.shape == (5 * (item.index + 1),)
        assert item.training.weights.shape == (5 * (item.index + 1),)
        assert item.divergence.value == math.inf  # from the first round on, although I is finite
        assert item.reason is not None
        assert item.energies.chi2 is not None
        assert math.isfinite(item.energies.chi2.value)
        if item.index == 0:
            assert abs(item.energies.chi2.value - 5.327e4) < Z * item.energies.chi2.stderr < 2.7e4  # known to four digits


def test_the_drift_becomes_infinite_at_the_horizon() -> None:
    target = GaussianMixture([0.5, 0.5], [[0.0, 0.0, 0.0], [3.0, 0.0, 0.0]], 0.5)
    channel = kde(0.4).then(early_stopping(PROCESS.t0))
    horizon = int(chi2_horizon(target, channel))
    infinite = [
        item.divergence.value == math.inf
        for item in population_rounds(target, 0.4, PROCESS, 0.5, horizon, queries=64, nodes=0, rng=3)
    ]
    assert infinite == [False] * (horizon - 1) + [True]
    assert 2 <= horizon <= 6


def test_beginning_later_changes_nothing_that_comes_after() -> None:
    whole, part = (
        list(population_rounds(Gaussian(0.0, 0.5), 0.3, PROCESS, 0.5, 4, queries=64, rng=4, first=first)) for first in (0, 2)
    )
    assert [item.index for item in part] == [2, 3]
    assert [item.energies.to_dict() for item in part] == [item.energies.to_dict() for item in whole[2:]]


def test_the_same_seed_gives_the_same_round_however_many_there_are() -> None:
    few, many = (
        list(population_rounds(Gaussian([0.0, 0.0], 0.5), 0.3, PROCESS, 0.5, count, queries=64, rng=4))[1] for count in (2, 3)
    )
    assert few.energies.to_dict() == many.energies.to_dict()
    assert few.divergence == many.divergence


@pytest.mark.parametrize(
    ("kind", "name", "change"),
    [
        (ValueError, "bandwidth", {"bandwidth": 0.0}),
        (ValueError, "alpha", {"alpha": 1.5}),
        (ValueError, "generations", {"generations": 0}),
        (TypeError, "process", {"process": None}),
        (TypeError, "target", {"target": "paper"}),
        (TypeError, "rng", {"rng": 1.5}),
        (ValueError, "queries", {"queries": 3}),
        (ValueError, "nodes", {"nodes": 64}),
        (ValueError, "first", {"first": -1}),
    ],
)
def test_bad_calls_name_their_argument_before_the_first_round(
    kind: type[Exception], name: str, change: dict[str, object]
) -> None:
    call: dict[str, object] = {"target": Gaussian(0.0, 1.0), "bandwidth": 0.3, "process": PROCESS, "alpha": 0.5}
    call.update({"generations": 2, "queries": 64, "rng": 0, **change})
    with pytest.raises(kind, match=name):
        population_rounds(**call)  # type: ignore[arg-type]


def test_within_variance_refuses_what_is_no_variance() -> None:
    for name, call in (
        ("variance", (0.0, 0.6, 0.5, 1)),
        ("bandwidth", (0.36, -0.6, 0.5, 1)),
        ("alpha", (0.36, 0.6, 2.0, 1)),
        ("generation", (0.36, 0.6, 0.5, -1)),
    ):
        with pytest.raises(ValueError, match=name):
            within_variance(*call)
