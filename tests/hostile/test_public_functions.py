"""Every public function and method, called with sound values of which some are exchanged for hostile ones.

It answers, or refuses with one sentence that names an argument: no other exception, no warning, no NaN that its documentation
does not speak of, and nothing that takes longer than ten seconds.
"""

from __future__ import annotations

import inspect
import math
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import strategies as st

import numeric
import theory
from numeric import closed_forms
from numeric.laws.targets import as_mixture
from tests.hostile.fuzzing import fuzz
from tests.hostile.values import INSTANCES, SYMBOLIC, hostile, sound, walk

SECONDS = 10.0  # of processor time: the machine may have other work
LONG = {"exact_generation": 60.0}  # a Fokker-Planck solve to T = 40 takes that long

# what calls of this package return; users construct them for tests at most
RESULTS = {
    *("ScoreError", "Generation", "Recursion", "SampleDrift", "SampleMeasurements", "Regime", "Refits", "FitEnergy"),
    *("WeightedMeans", "ScoreEnergy", "MeasuredDrift", "FreshSchedule", "Frontier", "AssumptionValue", "Refutation"),
    *(
        "BoundCheck",
        "ExplicitConstants",
        "Verdict",
        "DriftEstimate",
        "Claim",
        "Assumption",
        "Proof",
        "Step",
        "ProofError",
        "Judgement",
    ),
}
VALUES = {"REFUTATIONS", "closed_forms", "symbols"}  # no functions


def of_recursion(result: numeric.Recursion) -> dict[str, Any]:
    """Where the numbers of a recursion of laws with densities may be NaN, as its documentation says."""
    infinite, known = np.isinf(result.innovation), np.isfinite(result.divergence) & np.isfinite(result.discounted_sums)
    undefined = ~(known & (result.discounted_sums > 0.0))
    high = as_mixture(result.target).dim > 2 and "Monte Carlo" not in result.method
    return {
        "fresh_fraction": isinstance(result.alpha, str) and result.alpha == "accumulate",
        "gram": ~np.eye(result.generations, dtype=bool) & (infinite | infinite[:, None]),
        "initial_gram": infinite | np.isinf(result.divergence[0]),
        "intra": [high or f"intra[{i}]" in result.reasons for i in range(result.generations)],
        "interference": undefined,
        "stderr[interference]": undefined,
    }


def of_measurements(result: numeric.MeasuredDrift) -> dict[str, Any]:
    """The same where something was not measured in a round."""
    unknown = np.isnan(result.innovation)
    measured = {"divergence": True, "innovation": True, "floor": True, "kl": True, "kl_bound": True}
    ends = dict.fromkeys(("low", "high"), np.isnan(result.divergence))
    sums = dict.fromkeys(("ceiling", "orthogonal"), np.append(False, np.logical_or.accumulate(unknown)))
    return {**measured, **ends, **sums, "contributions": unknown}


def of_check(result: numeric.BoundCheck) -> dict[str, Any]:
    """The same where the interval of a side is the whole line."""
    return dict.fromkeys(("bound", "observed"), np.isinf(result.margin))


# where a result may be NaN, by its type: there its documentation says so
SAID: dict[str, Callable[[Any], dict[str, Any]]] = {
    "Recursion": of_recursion,
    "MeasuredDrift": of_measurements,
    "BoundCheck": of_check,
}
# other refusals that are documented, where the argument is a name
ALSO: dict[str, tuple[type[Exception], ...]] = {
    **dict.fromkeys(("claim", "Claim.assumption", "refutation", "evaluate_assumptions"), (KeyError,)),
    **dict.fromkeys(
        ("check_generation", "check_recursion", "check_refits", "check_measurements", "check_samples"), (KeyError,)
    ),
    "Claim.assume": (theory.ProofError,),
}
# other words for arguments
SYNONYMS = {
    "measured_drift": ("measurements",),
    "check_measurements": ("measurements",),
    "NoiseSchedule": ("number of levels",),
    **dict.fromkeys(("vp", "flow", "edm", "NoiseSchedule.take"), ("number of levels", "levels")),
    **dict.fromkeys(("Channel.__call__", "Channel.transform", "Channel.then"), ("channel",)),
    **dict.fromkeys(("bounded_constants", "bounded_moment_constants", "deterministic_constants"), ("energies",)),
    "Channel.matrices": ("channel",),
    "Claim.assumption": ("assumption",),
    "Claim.assume": ("assumption",),
    **dict.fromkeys(("claim", "evaluate_assumptions"), ("id",)),
    **dict.fromkeys(("check_generation", "check_recursion", "check_refits", "check_measurements", "check_samples"), ("id",)),
}


def public() -> Iterator[tuple[str, Callable[..., Any] | None, inspect.Signature]]:
    """Every public callable by name, and every public method of a public class (whose instance is drawn: None)."""
    spaces: list[tuple[str, ModuleType]] = [("", numeric), ("closed_forms.", closed_forms), ("theory.", theory)]
    seen: set[int] = set()
    for prefix, space in spaces:
        for name in space.__all__:
            thing = getattr(space, name)
            if id(thing) in seen or name in VALUES:
                continue
            seen.add(id(thing))
            if name not in RESULTS:
                yield prefix + name, thing, inspect.signature(thing)
            if not isinstance(thing, type) or name == "ScoreError":
                continue
            for method, function in vars(thing).items():
                if inspect.isfunction(function) and (not method.startswith("_") or method == "__call__"):
                    yield f"{prefix}{name}.{method}", None, inspect.signature(function)


PUBLIC = {name: (function, signature) for name, function, signature in public()}


def key(name: str) -> str:
    return name.removeprefix("theory.")


def parameters(name: str) -> list[inspect.Parameter]:
    return [one for one in PUBLIC[name][1].parameters.values() if one.name != "self" and one.kind is not one.VAR_KEYWORD]


@st.composite
def calls(draw: st.DrawFn, name: str) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """A callable with sound arguments, of which up to two are exchanged."""
    function = PUBLIC[name][0]
    if function is None:
        owner, _, method = key(name).rpartition(".")
        function = getattr(draw(INSTANCES[owner]), method)
    named = parameters(name)
    wrong = draw(st.sets(st.sampled_from([one.name for one in named]), max_size=2)) if named else set()
    positional, keywords = [], {}
    for one in named:
        good = st.one_of(sound(key(name), one.name), SYMBOLIC) if symbolic(name) else sound(key(name), one.name)
        value = draw(hostile(key(name), one.name) if one.name in wrong else good)
        if one.kind is one.KEYWORD_ONLY:
            keywords[one.name] = value
        else:
            positional.append(value)
    return function, tuple(positional), keywords


def symbolic(name: str) -> bool:
    """Whether it is a closed form of theory, whose arguments may be expressions."""
    return name.startswith("theory.") and all(one.annotation == "Any" for one in parameters(name) if one.name not in WORDS)


WORDS = ("start", "along", "pattern", "design", "innovations")


class Hang(BaseException):
    """A call took too long."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise Hang(f"no answer within {seconds:g} s")

    before = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def attempt(name: str, function: Callable[..., Any], positional: tuple[Any, ...], keywords: dict[str, Any]) -> str:
    """What is wrong with how a call ends; "" where nothing is."""
    refusals = (ValueError, TypeError, *ALSO.get(key(name), ()))
    try:
        with limited(LONG.get(name, SECONDS)):
            result = function(*positional, **keywords)
    except refusals as refusal:
        return sentence(name, refusal)
    except Hang as hang:
        return str(hang)
    except Exception as crash:  # whatever it is, it is none of the two: warnings count as well
        return f"{type(crash).__name__}: {' '.join(str(crash).split())}"
    return unexplained(result)


def sentence(name: str, refusal: Exception) -> str:
    """What is wrong with a refusal."""
    text = str(refusal)
    names = [one.name for one in parameters(name)] + list(SYNONYMS.get(key(name), ()))
    problems = [
        (not any(re.search(rf"(?<!\w){re.escape(one)}(?!\w)", text) for one in names), "names no argument"),
        ("\n" in text, "has several lines"),
        (len(text) > 400, "is too long"),
        (not re.search(r"\b(must|needs?|did not|no claim|has no|cannot|is computed)\b", text), "does not say what is wanted"),
    ]
    return next((f"{type(refusal).__name__} {what}: {text[:300]}" for bad, what in problems if bad), "")


def unexplained(result: Any) -> str:
    """Where a result holds NaN that nothing speaks of."""
    if isinstance(result, (tuple, list)):
        return next(filter(None, map(unexplained, result)), "")
    if isinstance(result, numeric.Refutation):
        return unexplained([*result.cases, dict(result.columns)])
    owner = type(result).__name__
    said = SAID[owner](result) if owner in SAID else {}
    for path, value in walk(result):
        if np.any(np.isnan(value) & ~np.asarray(said.get(path, False))):
            return f"NaN in {owner} {path}"
    return f"NaN in {result}" if isinstance(result, sp.Basic) and result.has(sp.nan) else ""


def shown(value: Any) -> str:
    return " ".join(repr(value).split())[:200]


Call = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


def try_callable(name: str, examples: int) -> None:
    def attempted(call: Call) -> Iterator[str]:
        problem = attempt(name, *call)
        arguments = [shown(one) for one in call[1]] + [f"{one}={shown(value)}" for one, value in call[2].items()]
        yield problem and f"{problem}: {name}({', '.join(arguments)})"

    # "wrong" is meant to fail
    fuzz("" if name == "wrong" else f"public {name}", calls(name), attempted, examples)


def test_every_public_name_is_in_the_tables() -> None:
    unknown = []
    for name, (function, _) in PUBLIC.items():
        if function is None and key(name).rpartition(".")[0] not in INSTANCES:
            unknown.append(f"instance of {key(name).rpartition('.')[0]}")
        for one in parameters(name):
            try:
                sound(key(name), one.name)
            except KeyError:
                unknown.append(f"{key(name)}.{one.name}")
    assert not unknown
    assert len(PUBLIC) > 130


def test_a_new_parameter_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLIC, "novelty", (lambda gizmo: gizmo, inspect.signature(lambda gizmo: gizmo)))
    with pytest.raises(AssertionError, match=r"novelty\.gizmo"):
        test_every_public_name_is_in_the_tables()


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda alpha: 1 / 0, "ZeroDivisionError"),
        (lambda alpha: float("nan"), "NaN"),
        (lambda alpha: [][0], "IndexError"),
    ],
)
def test_a_wrong_function_would_be_caught(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any], problem: str) -> None:
    monkeypatch.setitem(PUBLIC, "wrong", (function, inspect.signature(function)))
    with pytest.raises(pytest.fail.Exception, match=problem):
        try_callable("wrong", 3)
    assert attempt("wrong", lambda alpha: float("x"), (1,), {}).startswith("ValueError names no argument")


def test_nan_that_nothing_explains_would_be_caught() -> None:
    one = numeric.exact_recursion(numeric.Gaussian(0.0, 1.0), numeric.kde(0.1), 0.5, 2)
    assert np.isnan(one.interference[0])  # S_0 = 0
    assert unexplained(one) == ""
    for name in ("interference", "gram", "initial_gram", "intra", "fresh_fraction", "divergence"):
        value = getattr(one, name).copy()
        value.flat[-1] = np.nan
        assert unexplained([one, replace(one, **{name: value})]) == f"NaN in Recursion {name}"
    part = numeric.measured_drift(0.5, intra_chi2=[0.1, None], divergence=[0.1, None])
    assert unexplained(part) == ""
    assert unexplained(replace(part, ceiling=np.full(3, np.nan))) == "NaN in MeasuredDrift ceiling"
    check = numeric.check_recursion(one, ["triangle"])[0]
    assert unexplained((check, replace(check, observed=math.nan))) == "NaN in BoundCheck observed"


@pytest.mark.parametrize("name", PUBLIC)
def test_hostile_arguments(name: str) -> None:
    try_callable(name, 3)


def test_small_cases_of_what_was_found() -> None:
    law, other = numeric.Gaussian(0.0, 1.0), numeric.Gaussian([0.0, 0.0], 1.0)
    one = numeric.exact_recursion(law, numeric.mean_shift(0.1), 0.5, 2)

    def round_of(error: numeric.ScoreError, target: numeric.Gaussian = law) -> numeric.Generation:
        return numeric.simulate_generation(target, error, n=10, steps=8, rng=1)

    refused: list[tuple[Callable[[], Any], str]] = [
        (lambda: round_of(numeric.AffineError(1e49)), "^error must have entries of at most 1e\\+18 for a simulation"),
        (
            lambda: round_of(numeric.AffineError(1e49), numeric.Gaussian(1e3, 1.0)),
            "^error must be in .* at the mean of the target",
        ),
        (lambda: round_of(numeric.BoundedError(1e49)), "^error must have beta of at most"),
        (lambda: round_of(numeric.ConsistentError(law, numeric.Channel(shift=1e49))), "^error must have means of at most"),
        (lambda: round_of(numeric.BoundedError(0.1), numeric.Gaussian(1e49, 1.0)), "^target must have means of at most"),
        (lambda: numeric.simulate_recursion(law, np.empty((0, 2)), 0.5, 2, n=50, rng=0), "^retrain must be one of"),  # type: ignore[arg-type]
        (lambda: numeric.simulate_recursion(law, "kde", 0.5, 2, n=50, rng=0, design=np.zeros(2)), "^design must be"),  # type: ignore[arg-type]
        (lambda: numeric.weighted_means(1e-12, n=1), "^alpha must be at least 1e-06"),
        (lambda: numeric.mix(0.5, 0.0, law), "^p must be a Gaussian"),  # type: ignore[arg-type]
        (lambda: numeric.simulate_recursion(law, "kde", 0.5, 1, n=9, rng=0, bandwidth=1e200), "^bandwidth must be in"),
        (lambda: numeric.kde(5e167), "^bandwidth must be in \\[0, 1e\\+50\\]"),
        (lambda: numeric.kde(0.1).then(0.5), "^after must be a Channel"),  # type: ignore[arg-type]
        (lambda: numeric.kde(0.1).matrices(0.5), "^dim must be an integer"),  # type: ignore[arg-type]
        (lambda: numeric.Gaussian(1e300, 1.0), "^mean must be in"),
        (lambda: numeric.Gaussian(0.0, 1e-300), "^cov must have eigenvalues of at least 1e-100"),
        (lambda: law.logpdf([1e300]), "^x must be in"),
        (lambda: numeric.w2(other, numeric.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], 1.0)), "^p and q must be"),
        (lambda: numeric.chi2_infinite_reason(law, law, 1.0), "^order must be"),
        (lambda: numeric.with_mmd(0.5), "^recursion must be a Recursion"),  # type: ignore[arg-type]
        (lambda: numeric.check_recursion(one, 1j), "^claims must be ids"),  # type: ignore[arg-type]
        (lambda: numeric.evaluate_assumptions(one, 0.5), "^claim must be a Claim"),  # type: ignore[arg-type]
        (lambda: numeric.drift_regime([0.0, 0.1], [[0.1], [0.2, 0.3]], 0.5), "^high must be a vector"),
        (lambda: numeric.exact_recursion(law, numeric.kde(0.1), [[0.1], [0.2, 0.3]], 2), "^alpha must be a rectangular"),
        (lambda: numeric.deterministic_constants(1e5), "moment constant below"),
        (lambda: theory.davis_constant(14977.5), "^p must be at most 1000"),
        (lambda: theory.discounted_sum([0.5], np.array(0.5)), "^innovations must be a sequence"),
        (lambda: theory.affine_endpoint([0.1, 0.2], 0.0, 0.5, 0.02, 4.0), "^slope must be a real number"),
        (lambda: closed_forms.ideal_energy(1.0, 1.0, 0.0, 0.0, [[1.0], [1.0, 2.0]]), "^T must be a rectangular"),
    ]
    refused += [
        (lambda: numeric.Estimate(np.arange(50.0), 0.1, 1), "^value must be a real number, got .{,60}$"),  # type: ignore[arg-type]
        (lambda: numeric.limit_law(numeric.Gaussian(0.0, 2.0), 1e-9, 1e-9), "^t0 and alpha must be large enough"),
        (
            lambda: numeric.mmd_drift(np.arange(60.0), np.full(60, 1e300), rng=1),
            "^sample must be in .*1e\\+50.*, got more in row 0",
        ),
        (lambda: numeric.mmd_drift(np.arange(60.0), np.arange(60.0), bandwidth=1e-300, rng=1), "^bandwidth must be in"),
        (lambda: numeric.NoiseSchedule(np.ones((2, 2)), [1, 1], [2, 1]), "^family must be one of"),  # type: ignore[arg-type]
        (lambda: numeric.vp([0.9, 0.5, 0.2]).take([[0, 1], [2]]), "^levels must be a list of indices"),  # type: ignore[list-item]
        (
            lambda: numeric.exact_recursion(law, numeric.Channel(gain=1e-12), "replace", 7),
            "^channel must .*of at least 1e-100, got 1e-12",
        ),
        (
            lambda: numeric.exact_recursion(law, numeric.Channel(gain=1e200), 0.5, 2),
            "^channel must .*variances of at most 1e\\+100, got inf",
        ),
        (
            lambda: numeric.exact_recursion(law, numeric.Channel(shift=9e49), 0.5, 2),
            "^channel must .*means of at most 1e\\+50, got 1.8e",
        ),
        (lambda: numeric.renyi(law, numeric.Gaussian(1.0, 1.0), order=1e300, n=9, rng=0), "^order must be in \\(0, 1e\\+06\\]"),
        (lambda: theory.fitted_mean_error(10**9, sp.Rational(1, 2), 3, 1), "^N must be at most 10000 among exact"),
        (lambda: theory.collapsed_variance(10**9, sp.Symbol("n"), 1.0), "^N must be at most 10000 among exact"),
    ]
    for call, said in refused:
        with pytest.raises((ValueError, TypeError), match=said):
            call()
    assert float(numeric.weighted_means(1e-6, n=1).stationary_error) == pytest.approx(
        (1e-12 + (1 - 1e-6) ** 2) / 2e-6, rel=1e-5
    )
    assert numeric.deterministic_constants(1e-300).moment_constant == pytest.approx(0.5**0.5, rel=1e-14)
    assert closed_forms.chi2_gaussian(1000.0, 3.0, -1e300, 1e6) == float("inf")
    assert float(theory.affine_weight_moment(1e-12, 1e-06, 1e6, 2, 1e-12, 1e-06)) == pytest.approx(1.0)
    assert numeric.karras_sigmas(3, 1.0, 80.0, 1e-9).tolist()[::2] == [80.0, 1.0]
    assert numeric.w1_drift(np.arange(60.0), np.arange(60.0), directions=[[1e300]]).low == 0.0
    far = numeric.chi2(numeric.Gaussian(-1e8, 1e-8), numeric.Gaussian(0.0, 1e12), n=200, rng=1)
    assert (far.value, far.stderr) == (math.inf, 0.0)  # e^10000 is no float
    # 1 + n/m = 0, so that F = e^{-mL}: the logarithm of 1 + X is 4 L
    assert math.log(closed_forms.affine_path_chi2(-2.0, 0.0, 1.0, 0.5, 60.0)) == pytest.approx(4 * 59.5, rel=1e-14)
    assert float(sp.log(theory.affine_path_chi2(-2.0, [0.0, 0.0], 1.0, 0.5, 1e15))) == pytest.approx(8e15, rel=1e-14)
    assert closed_forms.affine_path_chi2(-2.0, 0.3, 1.0, 0.5, 1e15) == math.inf  # exp(exp(7e15))
    assert theory.affine_weight_moment(3.0, [0.1, 0.2], 1.7e308, 1.7e308, 0.02, 4.0) > 1e300
    assert not theory.affine_path_chi2(-2.0, sp.Symbol("w", positive=True), 1e-6, 0.0, 60.0).has(sp.nan)
    assert theory.affine_weight_moment(sp.Symbol("z"), 0.0, 0.0, 0.0, 0.5, 1.0) == 1.0
    assert closed_forms.affine_weight_moment(0.5, -3.1e151, -3.1e151, [0.5, 1.0], 0.5, 1.0, axis=0) == 0.0
    assert closed_forms.limit_second_moment(0.0, 5e-324, 0.5, 1) == 1.0
    assert closed_forms.sample_size_energy(1e-75, [5, 10], 0.0, 60.0) == pytest.approx([0.38, 0.195], rel=1e-12)
    assert closed_forms.w2_gaussian([3e307, 4e307], 1.0, 0.0, 1.0, axis=0) == pytest.approx(5e307, rel=1e-14)
    rows = np.random.default_rng(0).standard_normal((60, 2))
    for level in (5e-324, 1.0 - 1e-16):
        assert 0.0 <= numeric.sample_drift(rows, np.full((60, 2), 3.0), confidence=level, rng=0).chi2.low < math.inf
    symbolic = theory.weight_moment(2.0, 2, sp.Symbol("w", positive=True), 0.0, 0.02, 4.0)
    assert symbolic.subs(sp.Symbol("w", positive=True), 2) == pytest.approx(1.0, rel=1e-14)
    assert theory.bounded_moments(0.3, 2.395990418956675e16, 2.0, 1.0)[1] > 1e300
    assert float(theory.bounded_moments(1.0, 1.5, 3.3, 1.1)[1]) == pytest.approx((3.3 / 1.1) ** 3.5, rel=1e-14)
    assert theory.affine_weight_moment(1.0, 2, sp.Symbol("z"), 0.0, 0.5, 1.0) == 1.0
    with pytest.raises(ValueError, match=r"^axis must be .{,60}, got .{,60}$"):
        closed_forms.ideal_energy(1.0, 1.0, 0.0, 0.02, 1.0, axis=10**400)
    with pytest.raises(ValueError, match=r"^sup_energy must be at least .{,100}$"):
        theory.bounded_moments(0.3, 0.5, 1.0, 10**400)
    with pytest.raises(KeyError, match="statement must be one of") as long:
        numeric.refutation("alpha" * 100)
    assert len(str(long.value)) < 400


@pytest.mark.thorough
@pytest.mark.parametrize("name", PUBLIC)
def test_many_hostile_arguments(name: str) -> None:
    try_callable(name, 200)
