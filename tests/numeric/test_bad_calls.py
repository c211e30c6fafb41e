"""Bad input ends in a ValueError or TypeError whose message names the argument, before any work is done."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numeric.generations.errors import AffineError, BoundedError, ConsistentError
from numeric.generations.exact_generation import exact_generation
from numeric.generations.reverse import reverse_samples
from numeric.generations.simulate_generation import simulate_generation
from numeric.laws.channels import Channel, early_stopping, kde, mean_shift
from numeric.laws.divergences import chi2, hellinger, kl, renyi, tv, w2
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, fit_target, mix, paper_mixture
from numeric.recursions.exact_recursion import chi2_horizon, exact_recursion, limit_law

NORMAL: Any = Gaussian(0.0, 1.0)
PLANE: Any = Gaussian([0.0, 0.0], 1.0)
PAIR: Any = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.5)
SPACE: Any = GaussianMixture([0.5, 0.5], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]], 0.5)
BOUNDED: Any = BoundedError(0.1)
HUGE: Any = 10**400
NAN, INF = float("nan"), float("inf")
NOT_SYMMETRIC = [[1.0, 0.5], [0.2, 1.0]]
INDEFINITE = [[1.0, 2.0], [2.0, 1.0]]

# anything a caller may get wrong goes through Any: the types would forbid half of these calls
call: dict[str, Any] = {
    "Gaussian": Gaussian,
    "GaussianMixture": GaussianMixture,
    "OU": OU,
    "Channel": Channel,
    "BoundedError": BoundedError,
    "AffineError": AffineError,
    "ConsistentError": ConsistentError,
    "mix": mix,
    "fit_target": fit_target,
    "simulate": simulate_generation,
    "exact": exact_generation,
    "recursion": exact_recursion,
    "reverse": reverse_samples,
}


def simulated(**changes: Any) -> Any:
    arguments: dict[str, Any] = {"target": NORMAL, "error": BOUNDED, "n": 10, "steps": 8, "rng": 1} | changes
    return simulate_generation(**arguments)


def backwards(**changes: Any) -> Any:
    arguments: dict[str, Any] = {"target": NORMAL, "process": OU(), "n": 10, "steps": 8, "rng": 1} | changes
    return reverse_samples(**arguments)


def recursed(**changes: Any) -> Any:
    arguments: dict[str, Any] = {"target": NORMAL, "channel": kde(0.1), "alpha": 0.5, "generations": 3} | changes
    return exact_recursion(**arguments)


BAD: list[tuple[Callable[[], Any], str]] = [
    # laws
    (lambda: call["Gaussian"](NAN, 1.0), "mean"),
    (lambda: call["Gaussian"]("zero", 1.0), "mean"),
    (lambda: call["Gaussian"]([], 1.0), "mean"),
    (lambda: call["Gaussian"]([[0.0]], 1.0), "mean"),
    (lambda: call["Gaussian"](1j, 1.0), "mean"),
    (lambda: call["Gaussian"](None, 1.0), "mean"),
    (lambda: call["Gaussian"](0.0, 0.0), "cov"),
    (lambda: call["Gaussian"](0.0, -1.0), "cov"),
    (lambda: call["Gaussian"](0.0, INF), "cov"),
    (lambda: call["Gaussian"]([0.0, 0.0], [1.0, 1.0, 1.0]), "cov"),
    (lambda: call["Gaussian"]([0.0, 0.0], NOT_SYMMETRIC), "cov"),
    (lambda: call["Gaussian"]([0.0, 0.0], INDEFINITE), "cov"),
    (lambda: call["Gaussian"]([0.0, 0.0], np.array([1.0, 1.0], dtype=object)), "cov"),
    (lambda: call["Gaussian"]([0.0, 0.0], [True, True]), "cov"),
    (lambda: call["GaussianMixture"]([0.5, 0.6], [0.0, 1.0], 1.0), "weights"),
    (lambda: call["GaussianMixture"]([1.5, -0.5], [0.0, 1.0], 1.0), "weights"),
    (lambda: call["GaussianMixture"]([], [], 1.0), "weights"),
    (lambda: call["GaussianMixture"]([[1.0]], [0.0], 1.0), "weights"),
    (lambda: call["GaussianMixture"]([0.5, 0.5], [0.0, 1.0, 2.0], 1.0), "means"),
    (lambda: call["GaussianMixture"]([0.5, 0.5], [[0.0], [1.0, 2.0]], 1.0), "means"),
    (lambda: call["GaussianMixture"]([0.5, 0.5], [0.0, 1.0], [1.0, 1.0, 1.0]), "covs"),
    (lambda: call["GaussianMixture"]([0.5, 0.5], [0.0, 1.0], [1.0, -1.0]), "covs"),
    (lambda: call["GaussianMixture"]([0.5, 0.5], np.zeros((2, 2)), np.ones((2, 3))), "covs"),
    (lambda: call["GaussianMixture"]([0.5, 0.5], np.zeros((2, 2)), [np.eye(2), NOT_SYMMETRIC]), "covs"),
    (lambda: PAIR.sample(0, rng=1), "n"),
    (lambda: PAIR.sample(-3, rng=1), "n"),
    (lambda: PAIR.sample(2.0, rng=1), "n"),
    (lambda: PAIR.sample(2**40, rng=1), "n"),
    (lambda: PAIR.sample(2, rng="seed"), "rng"),
    (lambda: PAIR.sample(2, rng=-1), "rng"),
    (lambda: PAIR.sample(2, rng=1.5), "rng"),
    (lambda: PAIR.logpdf(np.zeros((3, 2))), "x"),
    (lambda: PAIR.score(np.zeros((2, 2, 2))), "x"),
    (lambda: PLANE.score([1.0, 2.0]), "x"),
    (lambda: PLANE.logpdf([[NAN, 0.0]]), "x"),
    (lambda: PAIR.score_divergence(np.empty((0, 1))), "x"),
    (lambda: call["mix"](1.1, NORMAL, PAIR), "alpha"),
    (lambda: call["mix"](-0.1, NORMAL, PAIR), "alpha"),
    (lambda: call["mix"](NAN, NORMAL, PAIR), "alpha"),
    (lambda: call["mix"](True, NORMAL, PAIR), "alpha"),
    (lambda: call["mix"]([0.5], NORMAL, PAIR), "alpha"),
    (lambda: call["mix"](0.5, NORMAL, PLANE), "p and q"),
    (lambda: call["mix"](0.5, NORMAL, "normal"), "q"),
    (lambda: call["fit_target"]([]), "samples"),
    (lambda: call["fit_target"](np.ones((5, 2))), "samples"),
    (lambda: call["fit_target"](np.zeros((2, 5))), "samples"),
    (lambda: call["fit_target"]([[1.0], [NAN]]), "samples"),
    (lambda: call["fit_target"](["a", "b"]), "samples"),
    (lambda: call["fit_target"](np.array([1.0, 2.0, 3.0]) * 1j), "samples"),
    (lambda: call["fit_target"]([1.0, 2.0, 3.0], 0), "components"),
    (lambda: call["fit_target"]([1.0, 2.0, 3.0], 1.5), "components"),
    # process and channels
    (lambda: call["OU"](4.0, 4.0), "t0"),
    (lambda: call["OU"](5.0, 4.0), "t0"),
    (lambda: call["OU"](0.0, 4.0), "t0"),
    (lambda: call["OU"](-0.1, 4.0), "t0"),
    (lambda: call["OU"]("0.02", 4.0), "t0"),
    (lambda: call["OU"](0.02, INF), "T"),
    (lambda: call["OU"](0.02, HUGE), "T"),
    (lambda: call["OU"](0.02, 4 + 0j), "T"),
    (lambda: OU().marginal(NORMAL, -1.0), "t"),
    (lambda: OU().marginal(PAIR.means, 1.0), "target"),
    (lambda: call["Channel"](gain=np.ones((2, 3))), "gain"),
    (lambda: call["Channel"](gain=NAN), "gain"),
    (lambda: call["Channel"](gain=[1.0, 1.0], shift=[1.0, 1.0, 1.0]), "shift"),
    (lambda: call["Channel"](shift="up"), "shift"),
    (lambda: call["Channel"](noise=-0.1), "noise"),
    (lambda: call["Channel"](noise=INDEFINITE), "noise"),
    (lambda: call["Channel"](noise=NOT_SYMMETRIC), "noise"),
    (lambda: Channel(gain=[1.0, 2.0])(NORMAL), "channel"),
    (lambda: Channel(gain=0.0)(NORMAL), "channel"),
    (lambda: Channel().transform([[NAN]], rng=1), "samples"),
    (lambda: kde(-0.1), "bandwidth"),
    (lambda: kde(HUGE), "bandwidth"),
    (lambda: kde(None), "bandwidth"),  # type: ignore[arg-type]
    (lambda: early_stopping(0.0), "t0"),
    (lambda: mean_shift(INF), "delta"),
    (lambda: mean_shift([[1.0]]), "delta"),
    # errors
    (lambda: call["BoundedError"](NAN), "beta"),
    (lambda: call["BoundedError"]("0.1"), "beta"),
    (lambda: call["AffineError"](np.ones((2, 3))), "matrix"),
    (lambda: call["AffineError"]([1.0, 2.0]), "matrix"),
    (lambda: call["AffineError"](lambda t: np.ones((2, 3))), "matrix"),
    (lambda: call["AffineError"](np.eye(2), [1.0, 2.0, 3.0]), "offset"),
    (lambda: call["AffineError"](np.eye(2), lambda t: "b"), "offset"),
    (lambda: call["ConsistentError"](NORMAL, "kde"), "channel"),
    (lambda: call["ConsistentError"]("normal", kde(0.1)), "target"),
    # one generation, simulated
    (lambda: simulated(target="normal"), "target"),
    (lambda: simulated(error=0.1), "error"),
    (lambda: simulated(error=AffineError(np.eye(3))), "error"),
    (lambda: simulated(error=ConsistentError(PLANE, kde(0.1))), "error"),
    (lambda: simulated(process=(0.02, 4.0)), "process"),
    (lambda: simulated(process=None), "process"),
    (lambda: simulated(n=1), "n"),
    (lambda: simulated(n=0), "n"),
    (lambda: simulated(n=1e3), "n"),
    (lambda: simulated(n=2**62), "n"),
    (lambda: simulated(steps=3), "steps"),
    (lambda: simulated(steps="64"), "steps"),
    (lambda: simulated(replicas=1), "replicas"),
    (lambda: simulated(replicas=True), "replicas"),
    (lambda: simulated(workers=0), "workers"),
    (lambda: simulated(rng="seed"), "rng"),
    (lambda: simulated(error=AffineError(lambda t: [[0.1 if t > 0.5 else NAN]])), "error"),
    (lambda: simulated(error=AffineError(1e30)), "error"),
    (lambda: backwards(sign=0), "sign"),
    (lambda: backwards(sign=True), "sign"),
    (lambda: backwards(sign=np.ones(2)), "sign"),
    (lambda: backwards(method=np.zeros(2)), "method"),
    (lambda: backwards(method="milstein"), "method"),
    (lambda: backwards(method=["heun"]), "method"),
    (lambda: backwards(n=0), "n"),
    (lambda: backwards(steps=0), "steps"),
    (lambda: backwards(error="none"), "error"),
    (lambda: backwards(process=None), "process"),
    # one generation, exact
    (lambda: call["exact"]("normal", BOUNDED), "target"),
    (lambda: call["exact"](NORMAL, 0.1), "error"),
    (lambda: call["exact"](NORMAL, BOUNDED, 4.0), "process"),
    (lambda: call["exact"](NORMAL, BOUNDED, start="learned"), "start"),
    (lambda: call["exact"](NORMAL, BOUNDED, start="middle"), "start"),
    (lambda: call["exact"](NORMAL, BOUNDED, start=1), "start"),
    (lambda: call["exact"](NORMAL, AffineError(np.eye(2))), "error"),
    (lambda: call["exact"](paper_mixture(), BOUNDED), "simulate_generation"),
    # many generations
    (lambda: recursed(alpha=-0.1), "alpha"),
    (lambda: recursed(alpha=1.5), "alpha"),
    (lambda: recursed(alpha=NAN), "alpha"),
    (lambda: recursed(alpha="refresh"), "alpha"),
    (lambda: recursed(alpha=[0.5, 0.5]), "alpha"),
    (lambda: recursed(alpha=0.5j), "alpha"),
    (lambda: recursed(generations=0), "generations"),
    (lambda: recursed(generations=2.0), "generations"),
    (lambda: recursed(generations=HUGE), "generations"),
    (lambda: recursed(channel="kde"), "channel"),
    (lambda: recursed(channel=[kde(0.1)]), "channel"),
    (lambda: recursed(channel=mean_shift([1.0, 2.0])), "channel"),
    (lambda: recursed(target=None), "target"),
    (lambda: recursed(initial="same"), "initial"),
    (lambda: recursed(initial=PLANE), "initial"),
    (lambda: recursed(target=SPACE), "simulate_recursion"),
    (lambda: limit_law(NORMAL, -0.1, 0.5), "t0"),
    (lambda: limit_law(NORMAL, 0.1, 1.5), "alpha"),
    (lambda: limit_law(NORMAL, 0.1, 0.5, tol=-1.0), "tol"),
    (lambda: chi2_horizon(NORMAL, 0.1), "channel"),  # type: ignore[arg-type]
    (lambda: chi2_horizon(None, kde(0.1)), "target"),  # type: ignore[arg-type]
    # divergences
    (lambda: chi2(NORMAL, PLANE), "p and q"),
    (lambda: chi2(NORMAL, 0.0), "q"),  # type: ignore[arg-type]
    (lambda: chi2("p", NORMAL), "p"),  # type: ignore[arg-type]
    (lambda: chi2(NORMAL, PAIR, n=0, rng=1), "n"),
    (lambda: chi2(SPACE, SPACE), "n"),
    (lambda: kl(NORMAL, PLANE), "p and q"),
    (lambda: kl(NORMAL, PAIR, n=10, rng="seed"), "rng"),
    (lambda: tv(NORMAL, PLANE), "p and q"),
    (lambda: tv(NORMAL, PAIR, n=2.5, rng=1), "n"),  # type: ignore[arg-type]
    (lambda: w2(NORMAL, PLANE), "p and q"),
    (lambda: hellinger(NORMAL, PLANE), "p and q"),
    (lambda: renyi(NORMAL, PAIR, order=0.0), "order"),
    (lambda: renyi(NORMAL, PAIR, order=-1.0), "order"),
    (lambda: renyi(NORMAL, PAIR, order="two"), "order"),  # type: ignore[arg-type]
]


def simulated_recursions() -> list[tuple[Callable[[], Any], str]]:
    simulate_recursion: Any = importlib.import_module("numeric.recursions.simulate_recursion").simulate_recursion

    def run(**changes: Any) -> Any:
        arguments: dict[str, Any] = {"target": NORMAL, "retrain": "gaussian-fit", "alpha": 0.5, "generations": 2}
        return simulate_recursion(**(arguments | {"n": 50, "rng": 1} | changes))

    wrong: list[tuple[dict[str, Any], str]] = [
        ({"target": "normal"}, "target"),
        ({"retrain": "gaussian"}, "retrain"),
        ({"retrain": 3}, "retrain"),
        ({"retrain": "kde"}, "bandwidth"),
        ({"retrain": "kde", "bandwidth": -0.1}, "bandwidth"),
        ({"retrain": "mixture-fit"}, "components"),
        ({"retrain": "mixture-fit", "components": 0}, "components"),
        ({"alpha": 1.5}, "alpha"),
        ({"alpha": "refresh"}, "alpha"),
        ({"generations": 0}, "generations"),
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"design": "random"}, "design"),
        ({"workers": 0}, "workers"),
        ({"rng": "seed"}, "rng"),
    ]
    return [((lambda changes=changes: run(**changes)), name) for changes, name in wrong]


if importlib.util.find_spec("numeric.recursions.simulate_recursion") is not None:
    BAD += simulated_recursions()


def test_there_are_enough() -> None:
    assert len(BAD) >= 50


@pytest.mark.parametrize(("bad", "name"), BAD, ids=[f"{index}-{name}" for index, (_, name) in enumerate(BAD)])
def test_bad_call_names_its_argument(bad: Callable[[], Any], name: str) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        bad()
    message = str(caught.value)
    assert re.search(rf"\b{re.escape(name)}\b", message), message
    assert "\n" not in message
    assert len(message) < 400
    # ours, not one that numpy or Python happened to raise on the way
    assert re.search(r"\b(must|needs?|did not)\b", message), message


@pytest.mark.parametrize("good", [simulated, backwards, recursed], ids=["simulated", "backwards", "recursed"])
def test_the_unchanged_calls_are_good(good: Callable[[], Any]) -> None:
    good()
