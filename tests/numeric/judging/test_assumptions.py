"""Assumptions evaluated on concrete cases: what holds, what fails with its value, what nothing decides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from numeric import (
    AffineError,
    ConsistentError,
    Gaussian,
    evaluate_assumptions,
    exact_generation,
    exact_recursion,
    kde,
    mean_shift,
    simulate_generation,
)
from numeric.estimate import Estimate

UNIT = Gaussian(0.0, 1.0)


def answers(*arguments: object) -> dict[str, tuple[str, str]]:
    return {one.name: (one.verdict, one.value) for one in evaluate_assumptions(*arguments)}  # type: ignore[arg-type]


def test_an_affine_error_has_its_moments() -> None:
    found = answers(exact_generation(UNIT, AffineError(0.05, 0.1)))
    assert {verdict for verdict, _ in found.values()} == {"holds"}
    assert found["A2"][1].startswith("an affine error on a Gaussian target: E e^Z = 1.00000000")
    assert "K_delta = " in found["A3"][1]
    assert found["A1"][1].endswith("must be < inf")


def test_an_infinite_path_chi2_refutes_a3_and_what_follows() -> None:
    found = answers(exact_generation(UNIT, AffineError(0.24)))
    assert found["finite-path-chi2"] == ("fails", "path_chi2 = inf, must be < inf")
    assert found["A3"] == ("fails", "E e^{2Z} is infinite, so E e^{(1+delta) Z} is for every delta > 1")
    assert found["A4"][0] == "unknown"
    assert found["A2"][0] == found["finite-chi2"][0] == "holds"


def test_a_large_or_invisible_error_fails_what_it_should() -> None:
    large = answers(exact_generation(UNIT, AffineError(0.0, 2.0)))
    assert large["perturbative"][0] == "fails"
    rotation = answers(exact_generation(Gaussian(np.zeros(2), np.eye(2)), AffineError([[0.0, 0.3], [-0.3, 0.0]])))
    assert rotation["visible"] == ("unknown", "visible_energy = 0, must be > 0, and cannot be told from it")
    assert answers(exact_generation(UNIT, AffineError(0.0, 1e-3)))["visible"][0] == "holds"
    elsewhere = exact_generation(UNIT, ConsistentError(UNIT, mean_shift(0.4)), start="learned")
    started = answers(elsewhere)
    assert started["common-start"][0] == "fails"
    assert started["A2"][0] == "unknown"


def test_a_bounded_energy_has_novikov() -> None:
    one = exact_generation(UNIT, AffineError(0.0, 0.2))
    found = answers(one, "sandwich-moments")
    assert found["A2"][1].startswith("Novikov: V <= ")
    assert {verdict for verdict, _ in found.values()} == {"holds"}
    assert answers(one, "sandwich-bounded")["bounded"][1].startswith("Lambda = ")
    assert answers(one, "girsanov-kl")["regular"][0] == "holds"


def test_simulation_refutes_and_never_confirms() -> None:
    one = simulate_generation(UNIT, AffineError(0.24), n=300, steps=40, rng=1)
    found = answers(one)
    assert found["finite-path-chi2"][0] == "unknown"  # a simulated path chi2 is finite even where the true one is not
    biased = replace(one, error=_Custom(), weight_mean=Estimate(1.4, 0.01, 300, None))
    assert answers(biased)["A2"] == ("fails", answers(biased)["A2"][1])
    fair = replace(one, error=_Custom(), weight_mean=Estimate(1.001, 0.01, 300, None))
    assert answers(fair)["A2"][0] == "unknown"
    assert answers(fair, "girsanov-kl")["regular"][0] == "unknown"


class _Custom:
    """A user's own error, of which nothing is known."""

    def __call__(self, x: np.ndarray, t: float, /) -> np.ndarray:
        return 0.24 * x

    def divergence(self, x: np.ndarray, t: float, /) -> np.ndarray:
        return np.full(x.shape[0], 0.24)


def test_a_recursion_is_summable_or_not() -> None:
    quiet = answers(exact_recursion(UNIT, mean_shift(0.05), 0.1, 6))
    assert quiet["finite-divergence"][0] == quiet["summable"][0] == quiet["starts-at-data"][0] == "holds"
    assert quiet["orthogonal"][0] == "fails"
    wide = answers(exact_recursion(UNIT, kde(0.4), 0.1, 10))
    assert wide["finite-divergence"] == ("fails", "divergence[N] = inf, must be < inf")
    assert wide["summable"][0] == "fails"
    horizon = answers(exact_recursion(UNIT, kde(math.sqrt(0.1)), 0.1, 10), "chi2-horizon")
    assert horizon["some-synthetic"][0] == "holds"
    assert horizon["oldest"][0] == "unknown"


def test_bad_input_is_named() -> None:
    with pytest.raises(TypeError, match="result must be a Generation or a Recursion, got float"):
        evaluate_assumptions(1.0)  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="sandwich"):
        evaluate_assumptions(exact_generation(UNIT, AffineError(0.1)), "sandwhich")
