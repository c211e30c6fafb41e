"""The intervals of simulated rounds on a grid of energies and observabilities, against exact numbers.

Two families of affine errors on a Gaussian. "drifting": a drift in time, part of which undoes itself; V is known, and every
number may bear a verdict. "turning": a rotation, which no endpoint sees, beside a visible shift and scale; V is random, and
the path chi2 is in doubt by design.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache

import numpy as np
import pytest
import sympy as sp

from numeric import (
    OU,
    AffineError,
    Estimate,
    Gaussian,
    Generation,
    Verdict,
    check_generation,
    exact_generation,
    simulate_generation,
)
from numeric.judging.quantities import generation_case
from numeric.validation import Array
from tests.statistics.coverage import LEVELS, Coverage, assert_kept, intervals, quartered
from theory import Claim, symbols

ENERGIES, OBSERVABILITIES, FAMILIES = (0.05, 0.5, 1.5), (0.1, 0.9), ("drifting", "turning")
GRID = [(family, energy, eta) for family in FAMILIES for energy in ENERGIES for eta in OBSERVABILITIES]
PROCESS = OU()
FIELDS = (
    "ideal_energy",
    "learned_energy",
    "learned_energy_reverse",
    "path_chi2",
    "chi2",
    "remainder",
    "visible_energy",
    "observability",
    "visible_gap",
    "weight_mean",
)
ENDPOINTS, STEPS, REPLICAS = 1000, 24, 4
CORNERS, FEW_RUNS, FEW_ENDPOINTS = [("drifting", 0.05, 0.9), ("turning", 1.5, 0.9)], 60, 400  # in every run of the tests


def mixed(family: str, visible: float, hidden: float) -> tuple[Gaussian, AffineError]:
    """``visible`` and ``hidden`` times the two parts of an error; their energies add."""
    if family == "drifting":
        times = (PROCESS.t0, PROCESS.T)
        first, second = (-np.diff(np.exp(-rate * np.array(times)))[0] / rate for rate in (0.5, 1.0))

        def drift(t: float) -> Array:
            seen = math.exp(-0.5 * t)
            return np.array([visible * seen + hidden * (1.0 - seen * first / second)])  # orthogonal to e^{-t/2} on [t0, T]

        return Gaussian(0.0, 1.0), AffineError(0.0, drift)
    matrix = hidden * np.array([[0.0, 1.0], [-1.0, 0.0]]) + visible * np.diag([0.1, -0.05])
    return Gaussian([0.0, 0.0], 1.0), AffineError(matrix, lambda t: visible * math.exp(-0.5 * t) * np.array([1.0, 0.5]))


@cache
def exact(family: str, energy: float, eta: float) -> Generation:
    """The error of this energy and observability, solved exactly: eta = a v/(a e + b h) for shares a and b of the parts."""
    seen, hidden = (exact_generation(*mixed(family, *sizes), PROCESS) for sizes in ((0.1, 0.0), (0.0, 0.1)))
    whole, lost, visible = (float(x) for x in (seen.ideal_energy, hidden.ideal_energy, seen.visible_energy))  # type: ignore[arg-type]
    angle = math.atan(math.sqrt((visible / eta - whole) / lost))
    size = math.sqrt(energy / (math.cos(angle) ** 2 * whole + math.sin(angle) ** 2 * lost))
    target, error = mixed(family, 0.1 * size * math.cos(angle), 0.1 * size * math.sin(angle))
    found = exact_generation(target, error, PROCESS)
    assert found.ideal_energy == pytest.approx(energy, rel=1e-9)
    assert found.observability == pytest.approx(eta, rel=1e-6)
    return found


def truth(known: Generation, name: str) -> float:
    return 1.0 if name == "weight_mean" else float(getattr(known, name.removesuffix("_reverse")))


@lru_cache(maxsize=4)
def simulated(family: str, energy: float, eta: float, runs: int, n: int) -> list[Generation]:
    known = exact(family, energy, eta)
    streams = np.random.default_rng([int(1000 * float(known.ideal_energy)), known.target.dim, n]).spawn(runs)
    return [
        simulate_generation(known.target, known.error, PROCESS, n=n, steps=STEPS, replicas=REPLICAS, rng=stream)
        for stream in streams
    ]


def confidence(generation: Generation, level: float) -> float:
    """The shared confidence at which every single number has this level."""
    return 1.0 - (1.0 - level) * sum(isinstance(getattr(generation, name), Estimate) for name in FIELDS)


def covered(family: str, energy: float, eta: float, runs: int, n: int = ENDPOINTS) -> list[Coverage]:
    """Every number of ``runs`` simulated rounds, as the checks see it, at both levels."""
    known = exact(family, energy, eta)
    rounds = simulated(family, energy, eta, runs, n)
    out = []
    for level in LEVELS:
        cases = [generation_case(one, confidence(one, level)) for one in rounds]
        for name in FIELDS:
            found = [case(name) if name in case.quantities else None for case in cases]
            ends, silent = intervals(found)
            out.append(Coverage.of(f"{family} eps² {energy} eta {eta} {name}", truth(known, name), level, ends, silent))
    return out


def expect_voices(family: str, energy: float, eta: float, found: list[Coverage]) -> None:
    """Silence is no virtue: where weights are light nothing may be silent but a path chi2 without a proved bound.

    And the visible gap, a quotient by the visible energy, where little is visible and noise may leave nothing of it.
    """
    for one in found:
        name = one.name.split()[-1]
        if family == "turning" and name in ("path_chi2", "remainder"):
            assert one.silent == one.runs
        elif name == "visible_gap" and eta == min(OBSERVABILITIES):
            assert one.silent <= 0.25 * one.runs, str(one)
        elif energy == min(ENERGIES) or name in ("ideal_energy", "visible_energy", "learned_energy_reverse"):
            assert one.silent <= 0.01 * one.runs, str(one)


@pytest.mark.parametrize(("family", "energy", "eta"), CORNERS)
def test_intervals_keep_their_level_on_a_corner_of_the_grid(family: str, energy: float, eta: float) -> None:
    found = covered(family, energy, eta, runs=FEW_RUNS, n=FEW_ENDPOINTS)
    assert_kept("one round", found)
    expect_voices(family, energy, eta, found)


@pytest.mark.thorough
@pytest.mark.parametrize(("family", "energy", "eta"), GRID)
def test_intervals_keep_their_level(family: str, energy: float, eta: float) -> None:
    found = covered(family, energy, eta, runs=2000)
    assert_kept("one round", found)
    expect_voices(family, energy, eta, found)


def test_intervals_a_quarter_as_wide_are_rejected() -> None:
    known = exact(*CORNERS[-1])
    rounds = simulated(*CORNERS[-1], FEW_RUNS, FEW_ENDPOINTS)
    for name in ("ideal_energy", "learned_energy_reverse"):
        cases = [generation_case(one, confidence(one, 0.95)) for one in rounds]
        ends, silent = intervals([case(name) for case in cases])
        assert Coverage.of(name, truth(known, name), 0.95, ends, silent).kept
        assert not Coverage.of(name, truth(known, name), 0.95, quartered(ends), silent).kept


@cache
def opposites(name: str, value: float) -> tuple[Claim, Claim, Claim]:
    """Two false claims, a hair off the truth on either side, and a true one."""
    quantity, number = getattr(symbols, name), sp.Rational(value)
    hair = sp.Rational(1, 10**9)
    return (
        Claim(f"{name}-too-low", "false", "upper", sp.Le(quantity, number * (1 - hair)), "test", expected="false"),
        Claim(f"{name}-too-high", "false", "lower", sp.Ge(quantity, number * (1 + hair)), "test", expected="false"),
        Claim(f"{name}-exact", "true", "equality", sp.Eq(quantity, number), "test"),
    )


def false_verdicts(family: str, energy: float, eta: float, runs: int, n: int) -> dict[str, int]:
    """Rounds in which a false claim HOLDS or a true one is VIOLATED, by quantity, through ``check_generation``."""
    known = exact(family, energy, eta)
    names = ("learned_energy", "path_chi2", "chi2", "remainder", "visible_energy", "visible_gap")
    count = dict.fromkeys(names, 0)
    for one in simulated(family, energy, eta, runs, n):
        for name in names:
            checks = check_generation(one, opposites(name, truth(known, name)), confidence=confidence(one, 0.95))
            said = {check.claim: check.verdict for check in checks}
            wrong = [said.get(f"{name}-too-{side}") is Verdict.HOLDS for side in ("low", "high")]
            count[name] += any(wrong) or said.get(f"{name}-exact") is Verdict.VIOLATED
    return count


def assert_few_false_verdicts(found: dict[str, int], runs: int) -> None:
    for name, wrong in found.items():
        one = Coverage(f"false verdicts on {name}", 0.95, runs, 0, wrong, 0, sides=1)
        print(one)
        assert one.kept, str(one)


@pytest.mark.parametrize("family", FAMILIES)
def test_degenerate_weights_give_no_false_verdict(family: str) -> None:
    assert_few_false_verdicts(false_verdicts(family, 1.5, 0.9, runs=FEW_RUNS, n=FEW_ENDPOINTS), FEW_RUNS)


@pytest.mark.thorough
@pytest.mark.parametrize(("family", "energy", "eta"), GRID)
def test_no_false_verdict_on_the_grid(family: str, energy: float, eta: float) -> None:
    assert_few_false_verdicts(false_verdicts(family, energy, eta, runs=500, n=ENDPOINTS), 500)
