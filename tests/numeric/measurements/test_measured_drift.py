"""Measured drifts between their bounds: the bounds are those of the recursion, and the words follow from the numbers."""

from __future__ import annotations

import csv
import math
from importlib import resources
from typing import Any

import numpy as np
import pytest

import theory
from numeric import (
    OU,
    Channel,
    ConsistentError,
    Estimate,
    Gaussian,
    check_measurements,
    exact_generation,
    exact_recursion,
    mean_shift,
    measured_drift,
)
from numeric.measurements.measured_drift import ABOVE, BELOW, NEAR, SLACK

NAN = math.nan


@pytest.mark.parametrize("alpha", [0.3, [0.1, 0.0, 0.9, 0.4, 0.0, 0.2], "replace", "accumulate"])
def test_the_bounds_are_those_of_the_recursion_with_these_innovations(alpha: Any) -> None:
    """Measured I_i = J_i²: then ceiling and orthogonal sum are those that an exact recursion reports, start included."""
    start = Gaussian(0.1, 1.0)
    if alpha == "accumulate":
        start = Gaussian(0.0, 1.0)  # the pool begins with the data
    rounds = exact_recursion(Gaussian(0.0, 1.0), mean_shift(0.05), alpha, 6, initial=start)
    found = measured_drift(
        alpha,
        intra_chi2=rounds.innovation**2,
        divergence=rounds.divergence[1:],
        initial_divergence=float(rounds.divergence[0]),
    )
    np.testing.assert_allclose(np.sqrt(found.ceiling), rounds.triangle_bound, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.orthogonal, rounds.discounted_sums, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(found.contributions, rounds.weights * rounds.innovation, rtol=1e-12)
    root = found.contributions.sum() + found.initial_contribution
    assert root**2 == pytest.approx(found.ceiling[-1])
    assert all("ceiling" not in found.position(n) or found.divergence[n] > 0.9 * found.ceiling[n] for n in range(1, 7))
    assert np.all(found.divergence[1:] <= found.ceiling[1:] * (1.0 + 1e-9))


def test_the_floor_is_the_claim() -> None:
    claim = theory.claim("consecutive-floor")
    s = theory.symbols
    relation = theory.conjuncts(claim.statement)[1]
    expected = float(relation.rhs.subs({s.fresh_fraction[s.i]: 0.3, s.intra[s.i]: 0.02}))
    found = measured_drift(0.3, intra_chi2=[0.02])
    assert found.floor[0] == pytest.approx(expected, rel=1e-14)
    leading = measured_drift(0.3, ideal_energy=[0.04], observability=[0.5])
    assert leading.floor[0] == pytest.approx(expected, rel=1e-14)
    assert math.isnan(measured_drift(0.3, ideal_energy=[0.04]).floor[0])  # all of it may be invisible


def test_words_follow_numbers() -> None:
    energies = [0.01] * 5
    ceiling = measured_drift(0.2, ideal_energy=energies, observability=[1.0] * 5)
    drift = [
        0.5 * ceiling.ceiling[1],
        ceiling.orthogonal[2],
        ceiling.ceiling[3],
        2.0 * ceiling.ceiling[4],
        0.9 * ceiling.ceiling[5],
    ]
    found = measured_drift(0.2, ideal_energy=energies, observability=[1.0] * 5, divergence=drift)
    assert [found.position(n) for n in range(1, 6)] == [
        "within: errors cancel",
        "within: as independent errors",
        "within: errors add up",
        ABOVE,
        "within: errors add up",
    ]
    noisy = measured_drift(
        0.2, ideal_energy=energies, observability=[1.0] * 5, divergence=[Estimate(value, value, 1000) for value in drift]
    )
    assert noisy.position(4) == "at the ceiling"  # noise calls nothing above
    assert noisy.low[4] == 0.0
    assert noisy.high[4] > noisy.divergence[4]
    low = measured_drift(0.2, intra_chi2=[0.5, 0.5], divergence=[1e-6, 1e-6])
    assert low.position(1) == BELOW
    assert measured_drift(0.2, ideal_energy=energies, divergence=drift).position(1) == "within"
    assert measured_drift(0.2, divergence=drift).position(1) == ""


def test_words_at_the_borders_themselves() -> None:
    """On a border the milder word: only beyond it is a drift above, at, or below."""
    known = {"ideal_energy": [0.01] * 2, "observability": [1.0] * 2}
    bounds = measured_drift(0.2, **known)

    def word(drift: float) -> str:
        return measured_drift(0.2, **known, divergence=[bounds.orthogonal[1], drift]).position(2)

    ceiling, orthogonal = bounds.ceiling[2], bounds.orthogonal[2]
    assert word(ceiling * NEAR) == "at the ceiling"
    assert word(np.nextafter(ceiling * NEAR, 1.0)) == ABOVE
    assert word(ceiling * (1.0 + SLACK)) == "within: errors add up"
    assert word(np.nextafter(ceiling * (1.0 + SLACK), 1.0)) == "at the ceiling"
    assert word(orthogonal * NEAR) == "within: as independent errors"
    assert word(np.nextafter(orthogonal * NEAR, 1.0)) == "within: errors add up"
    assert word(orthogonal / NEAR) == "within: as independent errors"
    assert word(np.nextafter(orthogonal / NEAR, 0.0)) == "within: errors cancel"


def test_without_fresh_data_there_is_no_floor_however_large_the_innovation() -> None:
    for columns in ({"intra_chi2": [math.inf]}, {"ideal_energy": [math.inf], "observability": [0.5]}):
        assert measured_drift("replace", **columns).floor.tolist() == [0.0]
        assert measured_drift(0.5, **columns).floor.tolist() == [math.inf]
    assert math.isnan(measured_drift("replace", intra_chi2=[None]).floor[0])  # not measured


def test_the_floor_is_that_of_the_larger_of_two_drifts_in_a_row() -> None:
    innovations = [0.5, 0.1, 0.5]
    least = measured_drift(0.2, intra_chi2=innovations).floor

    def word(n: int, *drift: float) -> str:
        return measured_drift(0.2, intra_chi2=innovations, divergence=drift).position(n)

    low, high = float(np.nextafter(least[1] * (1.0 - SLACK), 0.0)), 1.0
    assert word(2, low, low, low) == BELOW
    assert word(2, high, low, low) != BELOW
    assert word(2, low, high, low) != BELOW
    assert word(2, low, low, high) == BELOW
    for allowed in (least[1] * (1.0 - SLACK), least[1]):
        assert word(2, allowed, allowed, low) != BELOW
    replaced = measured_drift("replace", intra_chi2=innovations, divergence=[0.0] * 3)
    assert replaced.position(1) != BELOW
    for outside in (0, 4):
        with pytest.raises(ValueError, match="generation"):
            replaced.position(outside)


def test_intervals_share_their_level_and_never_reach_certainty() -> None:
    entries = [Estimate(0.1, 0.01, 1000), Estimate(-0.02, 0.01, 1000), 0.3]
    found = measured_drift(0.2, divergence=entries, confidence=0.9)
    for n, entry in enumerate(entries[:2], start=1):
        low, high = entry.interval(0.95)
        assert (found.low[n], found.high[n]) == (max(low, 0.0), high)
    assert (found.low[3], found.high[3]) == (0.3, 0.3)
    np.testing.assert_array_equal(found.divergence, [0.0, 0.1, 0.0, 0.3])  # what noise took below zero
    alone = measured_drift(0.2, divergence=[0.1, entries[0]], confidence=0.9)
    assert (alone.low[2], alone.high[2]) == entries[0].interval(0.9)
    nearly = math.nextafter(1.0, 0.0)
    sure = measured_drift(0.2, divergence=entries, confidence=nearly)
    assert sure.high[1] == entries[0].interval(nearly)[1]
    assert measured_drift(0.2, divergence=[0.1], confidence=0.5) != measured_drift(0.2, divergence=[0.1], confidence=0.5)


def test_rounds_that_were_not_measured_leave_gaps() -> None:
    filled = measured_drift(0.3, intra_chi2=[None, 0.02], ideal_energy=[0.04, 0.1], observability=[0.5, 0.5])
    np.testing.assert_allclose(filled.floor, 0.3 * 0.02 / 1.7**2, rtol=1e-14)
    assert filled.source == "intra_chi2, else ideal_energy * observability"
    one = measured_drift(0.3, intra_chi2=np.array(0.02))  # an array of no dimension is one round
    assert one.generations == 1
    found = measured_drift(
        0.2, ideal_energy=[0.01, None, 0.01], intra_chi2=[None, 0.02, None], divergence=[0.01, None, math.inf]
    )
    assert found.source == "intra_chi2, else ideal_energy"
    np.testing.assert_allclose(found.innovation**2, [0.01, 0.02, 0.01])
    np.testing.assert_allclose(found.floor, [NAN, 0.2 * 0.02 / 1.8**2, NAN])
    assert found.position(2) == ""
    assert found.position(3) == ABOVE
    cut = measured_drift([0.2, 0.2, 1.0], ideal_energy=[None, 0.01, 0.01], divergence=[0.1, 0.1, 0.1])
    assert np.isnan(cut.ceiling[1:3]).all()
    assert cut.ceiling[3] == pytest.approx(0.01)  # a wholly fresh round forgets what was not measured
    bare = measured_drift(0.2, intra_kl=[0.1], learned_energy=[0.3])
    assert (bare.source, bare.kl_bound[0]) == ("", 0.15)


@pytest.mark.parametrize(
    ("named", "kind", "said"),
    [
        ({}, ValueError, "at least one column"),
        ({"ideal_energy": [0.1], "divergence": [0.1, 0.2]}, ValueError, "ideal_energy must have one value per generation, 2"),
        ({"divergence": [-0.1]}, ValueError, "divergence must be"),
        ({"observability": [2.0]}, ValueError, "observability must be in"),
        ({"divergence": "much"}, TypeError, "divergence must be numbers"),
        ({"divergence": []}, ValueError, "divergence must have at least one entry"),
        ({"divergence": [0.1], "initial_divergence": -1.0}, ValueError, "initial_divergence must be"),
        ({"divergence": [0.1], "confidence": 1.0}, ValueError, "confidence must be"),
        ({"divergence": [0.1], "confidence": 0.0}, ValueError, "confidence must be"),
    ],
)
def test_bad_measurements_name_the_column(named: Any, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said) as caught:
        measured_drift(0.2, **named)
    assert "\n" not in str(caught.value)


def test_one_fresh_fraction_per_round_must_fit_the_columns() -> None:
    with pytest.raises(ValueError, match="divergence must have one value per generation, 3, got 2"):
        measured_drift([0.2, 0.2, 0.2], divergence=[0.1, 0.1])
    with pytest.raises(ValueError, match="alpha"):
        measured_drift([0.2, 0.2], divergence=[0.1, 0.1, 0.1])


def test_gaps_and_policies_in_checks() -> None:
    checks = check_measurements("accumulate", learned_energy=[0.05, None, 0.05], intra_kl=[0.02, 0.5, 0.03])
    found = [(check.claim, check.generation, str(check.verdict)) for check in checks]
    assert found == [("girsanov-kl", 0, "HOLDS"), ("girsanov-kl", 2, "VIOLATED")]
    floor = check_measurements("replace", intra_chi2=[0.02, 0.02], divergence=[0.02, 0.05], claims="consecutive-floor")
    assert {check.bound for check in floor} == {0.0}  # no fresh data, no floor
    assert not check_measurements("accumulate", intra_chi2=[0.02] * 2, divergence=[0.02] * 2, claims="consecutive-floor")
    with pytest.raises(TypeError, match="'accumulate' or 'replace'"):
        check_measurements("keep", learned_energy=[0.1])
    gaps = check_measurements(0.2, intra_chi2=[0.02, None, 0.02], divergence=[0.02, 0.03, None], claims="consecutive-floor")
    assert [(check.generation, str(check.verdict)) for check in gaps] == [(0, "HOLDS")]


def test_the_shipped_example_is_what_its_description_says() -> None:
    """Rows 0 and 5 computed again; the drift of all."""
    text = resources.files("numeric").joinpath("data", "measurements.csv").read_text(encoding="utf-8")
    rows = [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(text.splitlines())]
    gain, noise, process = math.exp(-0.01), -math.expm1(-0.02), OU(0.02, 6.0)
    learned = [Channel(0.99, 0.12 * math.cos(i / 2), 0.02) for i in range(8)]
    whole = [Channel(0.99 * gain, 0.12 * math.cos(i / 2) * gain, 0.02 * gain**2 + noise) for i in range(8)]
    rounds = exact_recursion(Gaussian(0.0, 1.0), whole, 0.2, 8)
    assert [row["divergence"] for row in rows] == pytest.approx(list(rounds.divergence[1:]), rel=1e-5)
    for i in (0, 5):
        one = exact_generation(rounds.mixtures[i], ConsistentError(rounds.mixtures[i], learned[i]), process)
        names = {"intra_chi2": "chi2", "intra_kl": "kl"}
        for column in ("ideal_energy", "learned_energy", "observability", "path_chi2", "intra_chi2", "intra_kl"):
            assert rows[i][column] == pytest.approx(float(getattr(one, names.get(column, column))), rel=1e-5), column
