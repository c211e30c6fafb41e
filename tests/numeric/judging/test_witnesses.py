"""False statements on concrete sequences: each is VIOLATED all along, and what it would need does not come."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np
import pytest

import theory
from numeric.generations.generation import Generation
from numeric.judging.checks import check_case, check_generation, check_recursion, judged_case
from numeric.judging.formula import Interval
from numeric.judging.quantities import Case
from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.judging.witnesses import FRESH, REFUTATIONS, SHIFT, Refutation, refutation, returning
from numeric.laws.channels import mean_shift
from numeric.laws.targets import Gaussian
from numeric.recursions.exact_recursion import exact_recursion
from numeric.recursions.recursion import Recursion

SHOWN_BY_CHECKS = [name for name in REFUTATIONS if name not in ("persistent-v1", "thm42-display")]


@functools.cache
def shown(name: str) -> Refutation:
    return refutation(name)


def checks(case: Recursion | Generation, claim: str) -> tuple[BoundCheck, ...]:
    return check_generation(case, [claim]) if isinstance(case, Generation) else check_recursion(case, [claim])


def test_every_refuted_claim_has_its_sequence() -> None:
    refuted = {claim.id for claim in theory.claims() if claim.expected == "false"}
    assert refuted <= set(REFUTATIONS)
    assert all(theory.claim(name).expected == "false" for name in REFUTATIONS)


@pytest.mark.parametrize("name", SHOWN_BY_CHECKS)
def test_the_statement_is_violated_all_along_and_its_true_claim_never(name: str) -> None:
    for case in shown(name).cases:
        assert Verdict.VIOLATED in {check.verdict for check in checks(case, name)}
        if "/" in name:
            parent = name.partition("/")[0]
            assert Verdict.VIOLATED not in {check.verdict for check in checks(case, parent)}


def test_non_summable_energy_and_a_drift_that_fades() -> None:
    found = shown("persistent-v1")
    energy, drift = found.columns["energy so far"], found.columns["D_N"]
    steps = np.diff(energy)
    assert np.all(steps > 0.9 * steps[0])  # as much with every doubling of N: the series diverges like the logarithm
    assert np.all(np.diff(drift)[1:] < 0.0)
    assert drift[-1] < 0.1 * drift[0]
    assert drift[-1] * found.sizes[-1] < 0.5  # D_N is of order 1/N
    large = math.sqrt(0.5 * math.log(2.0)) + 0.3  # beyond delta² = log(1/rho)/2 the oldest component wins
    channels = [mean_shift(large / math.sqrt(step + 1)) for step in range(24)]
    grown = exact_recursion(Gaussian(0.0, 1.0), channels, FRESH, 24).divergence
    assert grown[24] > grown[12] > grown[6]


@pytest.mark.parametrize(("bias", "ratio"), [(1.0, 1.0), (1e-2, 1.0), (1e-3, 10.0)])
def test_no_bias_and_no_multiple_save_the_display(bias: float, ratio: float) -> None:
    """The claim without the exact scores that its symbolic witness assumes: false as soon as the sum has faded."""
    claim = replace(theory.claim("thm42-display"), assumptions=())
    found, verdicts = shown("thm42-display"), []
    for case in found.cases:
        whole = judged_case(case)
        constants = {"bias": Interval.point(bias), "ratio": Interval.point(ratio)}
        last = check_case(Case({**whole.quantities, **constants}, whole.rounds), (claim,))[-1]
        assert last.generation == whole.rounds
        verdicts.append(last.verdict)
    assert verdicts[-1] is Verdict.VIOLATED
    faded = found.columns["discounted energies"] * ratio < bias
    assert [verdict is Verdict.VIOLATED for verdict in verdicts] == faded.tolist() or not faded[0]


def test_the_last_round_undoes_everything() -> None:
    columns = shown("no-pointwise-floor").columns
    assert np.all(columns["D_N"] <= 1e-12)
    assert np.all(np.diff(columns["S_N"]) > 0.0)


def test_small_errors_that_return() -> None:
    """eps*² -> 0 and chi2 = 0, yet something is visible."""
    columns = shown("leading-order/small-error-alone").columns
    assert np.all(np.diff(columns["ideal_energy"]) < 0.0)
    assert columns["ideal_energy"][-1] < 0.03 * columns["ideal_energy"][0]
    assert np.all(columns["chi2"] < 1e-4 * columns["visible_energy"])
    one = returning(0.6)
    assert np.asarray(one.endpoint.cov).ravel()[0] == pytest.approx(1.0, abs=1e-9)  # type: ignore[union-attr]


def test_the_sizes_are_the_callers() -> None:
    found = refutation("thm42-display", [3, 5])
    assert found.sizes == (3, 5)
    assert [case.generations for case in found.cases if isinstance(case, Recursion)] == [3, 5]
    assert 0.5 * math.log(1.0 / (1.0 - FRESH)) > SHIFT**2


def test_bad_input_is_named() -> None:
    with pytest.raises(KeyError, match="statement must be one of persistent-v1"):
        refutation("sandwich")
    with pytest.raises(TypeError, match="statement must be a string"):
        refutation(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sizes must be increasing"):
        refutation("persistent-v1", [4, 4])
    with pytest.raises(ValueError, match="sizes must be increasing"):
        refutation("persistent-v1", [1])
