"""The protocol of an experiment: what it refuses, what it writes, and what tells two of them apart."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numeric.experiments.protocol import Protocol, default_bandwidth, paper_protocol
from numeric.experiments.streams import Purpose, stream
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture

FITTED = Protocol(
    "two", GaussianMixture([0.3, 0.7], [[0.0], [2.0]], [1.0, 0.5]), "mixture-fit", (0.2,), 3, 100, 2, components=2
)
GAUSSIAN = Protocol("one", Gaussian([0.1, 0.2], [[1.0, 0.3], [0.3, 2.0]]), "gaussian-fit", (0.0, 1.0), 2, 100, 1)
PAPER = paper_protocol()


@pytest.mark.parametrize("protocol", [FITTED, GAUSSIAN, PAPER, paper_protocol(quick=True)], ids=lambda one: one.name)
def test_a_protocol_survives_json(protocol: Protocol) -> None:
    back = Protocol.from_dict(json.loads(json.dumps(protocol.to_dict())))
    assert back.to_dict() == protocol.to_dict()
    assert back.fingerprint == protocol.fingerprint
    assert protocol.difference(back) is None
    assert type(back.target) is type(protocol.target)


def test_the_papers_protocol() -> None:
    # KTV-A, numerical section: 10-D, five components, h = 0.6, 10^5 points, 20 generations, 10 runs, T = 4, t0 = 0.02
    assert (PAPER.dim, PAPER.n, PAPER.generations, PAPER.runs, PAPER.bandwidth) == (10, 100_000, 20, 10, 0.6)
    assert PAPER.alphas == (0.1, 0.5, 0.9)
    assert (PAPER.process.t0, PAPER.process.T) == (0.02, 4.0)
    assert isinstance(PAPER.target, GaussianMixture)
    assert PAPER.target.weights.shape == (5,)


CHANGES: dict[str, Any] = {
    "name": "other",
    "target": GaussianMixture([0.3, 0.7], [[0.0], [2.0]], [1.0, 0.51]),
    "alphas": (0.2, 0.3),
    "generations": 4,
    "n": 101,
    "runs": 3,
    "process": OU(0.03, 4.0),
    "components": 3,
    "queries": 999,
    "drift_queries": 999,
    "frequencies": 191,
    "observed": 4,
    "observed_rounds": 2,
    "nodes": 8,
    "seed": 5,
    "data": "abc",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_told_by_its_field(name: str) -> None:
    other = replace(FITTED, **{name: CHANGES[name]})
    said = FITTED.difference(other)
    assert said is not None
    assert said.startswith(name)
    assert other.fingerprint != FITTED.fingerprint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"retrain": "kd"}, "retrain must be one of"),
        ({"alphas": ()}, "alphas must be"),
        ({"alphas": (0.1, 0.1)}, "alphas must all be different"),
        ({"alphas": (1.1,)}, "alphas must be in"),
        ({"generations": 0}, "generations must be an integer in"),
        ({"n": 49}, "n must be an integer in"),
        ({"n": 1.5}, "n must be an integer"),
        ({"runs": 0}, "runs must be"),
        ({"queries": 31}, "queries must be"),
        ({"seed": -1}, "seed must be"),
        ({"nodes": 501}, "nodes must be at most half of queries"),
        ({"observed": 3}, "observed must be 0 or at least 4"),
        ({"bandwidth": 0.5}, "bandwidth must be given for 'kde' and for nothing else"),
        ({"retrain": "kde"}, "bandwidth must be given for 'kde'"),
        ({"retrain": "kde", "bandwidth": 0.0}, "bandwidth must be"),
        ({"retrain": "mixture-fit"}, "components must be given for 'mixture-fit'"),
        ({"components": 2}, "components must be given for 'mixture-fit'"),
        ({"retrain": "mixture-fit", "components": 26}, "n must be at least 104"),
        ({"process": 0.02}, "process must be an OU"),
        ({"name": 3}, "name must be a string"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        replace(GAUSSIAN, **change)


def test_the_share_of_whole_points() -> None:
    odd = replace(GAUSSIAN, n=101, alphas=(0.5,))
    assert odd.fresh(0.5) == 50
    assert odd.share(0.5) == 50 / 101


def test_observed_rounds_are_the_first_the_middle_and_the_last_of_the_first_run() -> None:
    observing = replace(PAPER, observed=7, generations=20)
    assert [i for i in range(20) if observing.observes(0, i) == 7] == [0, 10, 19]
    assert not any(observing.observes(1, i) for i in range(20))
    assert not any(replace(observing, observed=0).observes(0, i) for i in range(20))
    assert [i for i in range(2) if replace(observing, generations=2).observes(0, i)] == [0, 1]


def test_scotts_rule() -> None:
    assert default_bandwidth(Gaussian(np.zeros(2), 4.0), 64) == pytest.approx(2.0 * 64 ** (-1.0 / 6.0))


def test_no_two_streams_share_their_numbers() -> None:
    keys = [(a, r, g, p) for a in range(2) for r in range(2) for g in range(2) for p in Purpose]
    first = {tuple(stream(3, *key).integers(0, 2**63, 2).tolist()) for key in keys}
    assert len(first) == len(keys)
    assert stream(3, 1, 0, 1, Purpose.FIT).random() == stream(3, 1, 0, 1, Purpose.FIT).random()
    assert stream(3, 1, 0, 1, Purpose.FIT).random() != stream(4, 1, 0, 1, Purpose.FIT).random()
