"""The one-round claims: their proofs, the refusal of their mutants, and both on cases computed by an independent ODE."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import sympy as sp

from theory import generation, proof, symbols
from theory.claim import Claim, conjuncts
from theory.davis import moment_constant
from theory.generation import CLAIMS, DE_BRUIJN, ERROR_LEARNED, SLOPE_LEARNED, _pointwise
from theory.symbols import kl

IDS = [
    "girsanov-kl", "girsanov-reverse-kl", "path-chi2", "path-chi2-deterministic", "observability-lower",
    "observability-threshold", "observability-upper", "sandwich", "sandwich-bounded", "sandwich-moments", "visible-lower",
    "impossibility", "leading-order", "leading-order-limit", "gradient-kl",
]  # fmt: skip
BY_ID = {claim.id: claim for claim in CLAIMS}
MUTANTS = {mutant.id: (claim, mutant) for claim in CLAIMS for mutant in claim.mutants}


# --- proofs ----------------------------------------------------------------------------------------------------------


def test_the_claims_of_one_generation_are_all_there_in_reading_order() -> None:
    assert [claim.id for claim in CLAIMS] == IDS


@functools.cache
def judged(name: str) -> proof.Judgement:
    """Each script runs once, for all the tests that ask about its proof, its mutants and its nudges."""
    return proof.judge(BY_ID[name])


@pytest.mark.parametrize("name", IDS)
def test_claim_is_proved_and_its_steps_say_how(name: str) -> None:
    claim, outcome = BY_ID[name], judged(name).proof
    assert (outcome.status, outcome.missing) == ("proved", "")
    kinds = {step.kind for step in outcome.steps}
    assert kinds == {"checked", "cited", "assumed"} - ({"cited"} if name == "leading-order-limit" else set())
    assert all(step.reference for step in outcome.steps if step.kind != "checked")
    assert claim.expected == "true"
    assert claim.mutants
    assert all("kills it: " in mutant.note and mutant.expected == "false" for mutant in claim.mutants)


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_false_at_its_instance_and_refused_by_the_proof(name: str) -> None:
    claim, mutant = MUTANTS[name]
    assert judged(claim.id).passed == {}
    assert judged(claim.id).refused[name]
    if not mutant.statement.has(sp.Limit):  # no finite case decides a limit: it contradicts the one that is proved
        outcome = mutant.prove()
        assert outcome.status == "refuted"
        assert outcome.witness == mutant.falsified_by


@pytest.mark.parametrize("name", IDS)
def test_no_number_of_a_statement_can_be_changed(name: str) -> None:
    assert judged(name).survivors == ()
    assert judged(name).nudges > 0 or name == "visible-lower"  # chi2 >= visible_gap holds no number


def test_no_assumption_that_a_proof_uses_can_be_dropped() -> None:
    for claim in CLAIMS:
        used = {step.reference for step in judged(claim.id).proof.steps if step.kind == "assumed"}
        assert used
        for name in used:
            kept = tuple(assumption for assumption in claim.assumptions if assumption.name != name)
            assert replace(claim, assumptions=kept, mutants=()).prove().status == "conditional"


def test_de_bruijn_reads_its_premise() -> None:
    claim = BY_ID["girsanov-kl"]
    start = proof.assume(claim, "common-start")
    rate = ERROR_LEARNED * SLOPE_LEARNED - SLOPE_LEARNED**2 / 2
    fact = proof.identity(*_pointwise(kl, rate))
    assert proof.cited(DE_BRUIJN, fact, start, end=kl, rate=rate).lhs == kl
    wrong = ERROR_LEARNED * SLOPE_LEARNED - SLOPE_LEARNED**2 / 3
    with pytest.raises(proof.ProofError, match="does not reduce"):
        proof.identity(*_pointwise(kl, wrong))
    with pytest.raises(proof.ProofError, match="not the pointwise rate"):
        proof.cited(DE_BRUIJN, fact, start, end=kl, rate=wrong)
    with pytest.raises(proof.ProofError, match="start from one law"):
        proof.cited(DE_BRUIJN, fact, fact, end=kl, rate=rate)


def test_theorems_refuse_premises_that_do_not_fit() -> None:
    claim = BY_ID["sandwich-bounded"]
    unit, bounded = proof.assume(claim, "A2"), proof.assume(claim, "bounded")
    positive = proof.compare(sp.Rational(1, 3), sp.Rational(1, 2))
    half = sp.Rational(1, 2)
    moments = BY_ID["sandwich-moments"]
    refused: list[Callable[[], object]] = [
        lambda: proof.cited(generation.TOWER, of=generation.WEIGHT, against=generation.MARTINGALE),
        lambda: proof.cited(generation.TOWER, of=generation.ENERGY, against=generation.RATIO),
        lambda: proof.cited(generation.GIRSANOV, bounded),
        lambda: proof.cited(generation.NOVIKOV, unit, factor=2),
        lambda: proof.cited(generation.NOVIKOV, bounded, factor=sp.Symbol("c", positive=True)),
        lambda: proof.cited(generation.MONOTONE, bounded),
        lambda: proof.cited(generation.GIBBS, bounded),
        lambda: proof.cited(generation.DEFINITION, quantity=kl),
        lambda: proof.cited(generation.HOELDER, positive, positive, u=generation.WEIGHT, v=generation.ENERGY, a=half, b=-half),
        lambda: proof.cited(generation.DOOB, positive, unit, p=half),
        lambda: proof.cited(generation.DAVIS_THEOREM, positive, r=half),
        lambda: proof.cited(generation.GARSIA, positive, unit, r=half),
        lambda: proof.cited(generation.LYAPUNOV, unit, u=generation.ENERGY),
        lambda: proof.cited(
            generation.NORM_OF_MOMENT, proof.assume(moments, "A3"), u=generation.WEIGHT, p=2, constant=1, scale=1
        ),
        lambda: proof.cited(generation.LEAST, bounded, bounded, common=-1, one=1, other=2),
    ]
    for call in refused:
        with pytest.raises(proof.ProofError):
            call()


# --- the same statements on cases computed by an ODE that shares no code with theory --------------------------------------

Field = Callable[[float], float]
Leg = tuple[float, Field, Field]  # duration in reverse time, slope A(t), offset b(t): e_t(x) = A(t) x + b(t)


def affine_case(lam: float, legs: Sequence[Leg], t0: float, steps: int = 400) -> dict[str, float]:
    """Every measured quantity of one round on N(0, lam) in one dimension, both processes started at q_T, by Runge-Kutta."""
    T = t0 + sum(duration for duration, _, _ in legs)

    def variance(t: float) -> float:
        return 1 + (lam - 1) * math.exp(-t)

    def integrate(rates: Callable[[float, list[float]], list[float]], y: list[float], times: list[float]) -> list[float]:
        for here, there in itertools.pairwise(times):
            h = there - here
            k1 = rates(here, y)
            k2 = rates(here + h / 2, [a + h / 2 * b for a, b in zip(y, k1, strict=True)])
            k3 = rates(here + h / 2, [a + h / 2 * b for a, b in zip(y, k2, strict=True)])
            k4 = rates(there, [a + h * b for a, b in zip(y, k3, strict=True)])
            y = [a + h / 6 * (b + 2 * c + 2 * d + e) for a, b, c, d, e in zip(y, k1, k2, k3, k4, strict=True)]
        return y

    start = T
    state = [0.0, variance(T), 0.0, 0.0, 0.0, 0.0]
    for duration, slope, offset in legs:

        def forward(t: float, y: list[float], slope: Field = slope, offset: Field = offset) -> list[float]:
            v, a, b = variance(t), slope(t), offset(t)
            drift = 0.5 - 1 / v
            mean, var, _, _, dm, dc = y
            minus = [
                (drift + a) * mean + b, 2 * (drift + a) * var + 1, a * a * v + b * b, a * a * var + (a * mean + b) ** 2,
                drift * dm + b, 2 * drift * dc + 2 * a * v,
            ]  # fmt: skip
            return [-rate for rate in minus]  # t runs down

        state = integrate(forward, state, [start - duration * n / steps for n in range(steps + 1)])
        start -= duration
    # E e^{2Z} = E_Q exp(int e² dtau), Q with twice the error: a Riccati equation from 0 at t0 up to T
    riccati = [0.0, 0.0, 0.0]
    for duration, slope, offset in reversed(legs):

        def backward(t: float, y: list[float], slope: Field = slope, offset: Field = offset) -> list[float]:
            p, linear, _ = y
            a, b, drift = slope(t), offset(t), 0.5 - 1 / variance(t) + 2 * slope(t)
            return [2 * drift * p + p * p + 2 * a * a, drift * linear + 2 * b * p + p * linear + 2 * a * b,
                    p / 2 + linear**2 / 2 + 2 * b * linear + b * b]  # fmt: skip

        riccati = integrate(backward, riccati, [start + duration * n / steps for n in range(steps + 1)])
        start += duration
    p, linear, constant = riccati
    mean, var, ideal, learned, dm, dc = state
    v, vT = variance(t0), variance(T)
    path = math.exp(constant + linear**2 / (2 * (1 / vT - p))) / math.sqrt(1 - vT * p) - 1 if vT * p < 1 else math.inf
    visible = dm**2 / v + dc**2 / (2 * v * v)
    moved = dm / v * mean + dc / (2 * v * v) * (var + mean**2 - v)
    deterministic = not any(slope(t0 + 0.5) or slope(t0) for _, slope, _ in legs)
    finite = 2 * v > var
    return {
        "ideal_energy": ideal,
        "learned_energy": learned,
        "path_chi2": path,
        "visible_energy": visible,
        "observability": visible / ideal,
        "chi2": v / math.sqrt(var * (2 * v - var)) * math.exp(mean**2 / (2 * v - var)) - 1 if finite else math.inf,
        "kl": (var / v - 1 - math.log(var / v) + mean**2 / v) / 2,
        "reverse_kl": (v / var - 1 - math.log(v / var) + mean**2 / var) / 2,
        "remainder": path - 2 * learned + ideal,
        "gradient_energy": learned,  # in one dimension every error is a gradient
        "sup_energy": ideal if deterministic else math.inf,
        "visible_gap": moved**2 / visible if visible > 0 else 0.0,
        "initial_kl": 0.0,
    }


def constant(value: float) -> Field:
    return lambda t: value


def with_moments(case: dict[str, float], delta: float = 1.05) -> dict[str, float]:
    """C' and its ingredients where V <= Lambda: E e^{(1+delta)Z} <= e^{delta(1+delta)Lambda/2} and E V^p <= Lambda^p."""
    bound = case["sup_energy"]
    gamma = 4 / (delta - 1) + 1
    k_weight, k_energy = math.exp(delta * (1 + delta) * bound / 2), (bound / case["ideal_energy"]) ** (2 + gamma)
    k_energy = max(k_energy, 1.0)
    value = float(moment_constant(delta, gamma, k_weight, k_energy))
    names = ("moment_order", "energy_order", "weight_moment", "energy_moment", "moment_constant")
    return {**case, **dict(zip(names, (delta, gamma, k_weight, k_energy, value), strict=True))}


def margin(relation: sp.Basic, case: dict[str, float]) -> float:
    """By how much a relation holds at floats: negative where it fails; for an equation minus the distance."""
    values = {name: case[name] for name in {s.name for s in relation.free_symbols}}
    names = [getattr(symbols, name) for name in values]
    left, right = (float(sp.lambdify(names, side, "math")(*values.values())) for side in (relation.lhs, relation.rhs))
    if isinstance(relation, sp.Eq):
        return -abs(left - right)
    return left - right if isinstance(relation, (sp.Ge, sp.Gt)) else right - left


def violated(claim: Claim, case: dict[str, float], tolerance: float = 1e-9) -> bool:
    return any(margin(part, case) < -tolerance for part in conjuncts(claim.statement))


def assumptions_hold(claim: Claim, case: dict[str, float], tolerance: float = 1e-9) -> bool:
    conditions = [a.condition for a in claim.assumptions if a.condition is not None]
    if not {s.name for condition in conditions for s in condition.free_symbols} <= case.keys():
        return False  # something it speaks about is not known here
    return all(margin(part, case) >= -tolerance for condition in conditions for part in conjuncts(condition))


def shift(size: float, lam: float = 1.0, T: float = 4.0, t0: float = 0.02) -> dict[str, float]:
    """A consistent mean shift: e_t = a(t) delta / lam_t, no slope."""
    legs = [(T - t0, constant(0.0), lambda t: math.exp(-t / 2) * size / (1 + (lam - 1) * math.exp(-t)))]
    return with_moments(affine_case(lam, legs, t0))


def variance_error(lam: float, lam_hat: float, T: float = 8.0, t0: float = 0.02) -> dict[str, float]:
    def slope(t: float) -> float:
        u = math.exp(-t)
        return 1 / (1 + (lam - 1) * u) - 1 / (1 + (lam_hat - 1) * u)

    return affine_case(lam, [(T - t0, slope, constant(0.0))], t0, steps=1500)


def two_legs(first: float, second: float, length: float) -> dict[str, float]:
    """e = A(t) x on N(0, 1): A = first for 2 log 2 of reverse time, then second."""
    return affine_case(
        1.0, [(2 * math.log(2), constant(first), constant(0.0)), (length, constant(second), constant(0.0))], 0.02
    )


def invisible(size: float) -> dict[str, float]:
    """An offset with int e^{-(t-t0)/2} b dt = 0: +size for half of the discounted time, then -size."""
    t0, T = 0.02, 4.0
    half = (1 + math.exp(-(T - t0) / 2)) / 2  # where the discounted time is halved
    late = -2 * math.log(half)
    legs = [(T - t0 - late, constant(0.0), constant(size)), (late, constant(0.0), constant(-size))]
    return with_moments(affine_case(1.0, legs, t0))


def rotation(kappa: float) -> dict[str, float]:
    """e = kappa J x on N(0, I) in the plane: nothing moves; V = kappa² int |Y|² is not bounded."""
    energy = 2 * kappa**2 * 3.98
    zero = ("visible_energy", "chi2", "kl", "reverse_kl", "gradient_energy", "visible_gap", "initial_kl")
    return {
        **dict.fromkeys(zero, 0.0),
        "observability": 0.0,
        "path_chi2": math.inf,
        "ideal_energy": energy,
        "learned_energy": energy,
        "sup_energy": math.inf,
    }


def from_learned_start() -> dict[str, float]:
    """A mean shift of 1 on N(0, 1) with the learned process started at p^_T: p^ is N(a(t0), 1)."""
    case = dict(shift(1.0, T=2.0))
    case.update(kl=math.exp(-0.02) / 2, initial_kl=math.exp(-2.0) / 2)
    return case


RETURNING = functools.partial(two_legs, 0.25, -0.5, math.log(2) / 2)


def smooth_return() -> dict[str, float]:
    """The variance 1 + D(tau) of the endpoint's law with D = .6 sin²(pi tau/2): A = (D' + D)/(2 + 2D) makes it so."""

    def slope(t: float) -> float:
        tau = 2.02 - t
        return (0.3 * math.pi * math.sin(math.pi * tau) + 0.6 * math.sin(math.pi * tau / 2) ** 2) / (
            2 + 1.2 * math.sin(math.pi * tau / 2) ** 2
        )

    return affine_case(1.0, [(2.0, slope, constant(0.0))], 0.02)


def smooth_invisible() -> dict[str, float]:
    """int e^{-s} A ds = .3 int cos(pi s) ds = 0 on [0, 1]."""
    legs = [(1.0, lambda t: 0.3 * math.exp(t - 0.02) * math.cos(math.pi * (t - 0.02)), constant(0.0))]
    return affine_case(1.0, legs, 0.02)


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("observability-threshold/any-size", smooth_return),
        ("leading-order/small-error-alone", smooth_return),
        ("impossibility/invisible", smooth_invisible),
    ],
)
def test_the_smooth_cases_kill_as_well(name: str, case: Callable[[], dict[str, float]]) -> None:
    mutant, values = MUTANTS[name][1], case()
    assert assumptions_hold(mutant, values)
    assert violated(mutant, values, 1e-6)


KILLS: dict[str, Callable[[], dict[str, float]]] = {
    "girsanov-kl/49-percent": lambda: variance_error(1.0, 0.8),
    "girsanov-kl/any-start": from_learned_start,
    "girsanov-reverse-kl/49-percent": lambda: variance_error(1.0, 0.8),
    "path-chi2/half-the-path": lambda: shift(1.0),
    "path-chi2/linear": lambda: shift(1.0),
    "path-chi2-deterministic/linear": lambda: shift(1.0),
    "path-chi2-deterministic/random-energy": lambda: variance_error(1.0, 0.8),
    "observability-lower/without-eta": lambda: invisible(0.1),
    "observability-lower/twice": lambda: shift(0.1),
    "observability-threshold/any-size": RETURNING,
    "observability-threshold/twice": lambda: shift(0.1),
    "observability-upper/half": lambda: shift(0.1),
    "sandwich/half-the-remainder": lambda: shift(2.0),
    "sandwich/half-leading": lambda: shift(0.1),
    "sandwich-bounded/half-the-remainder": lambda: shift(2.0),
    "sandwich-bounded/half-leading": lambda: shift(0.1),
    "sandwich-moments/half-leading": lambda: shift(0.1),
    "visible-lower/ten-percent-more": lambda: shift(0.1),
    "impossibility/invisible": lambda: two_legs(0.25, -0.5, math.log(11 / 8)),
    "impossibility/psi": lambda: rotation(1.0),
    "leading-order/half-the-remainder": lambda: shift(2.0),
    "leading-order/small-error-alone": RETURNING,
    "gradient-kl/49-percent": lambda: variance_error(1.0, 0.8),
}


def test_every_mutant_has_a_natural_case_that_kills_it() -> None:
    assert set(KILLS) == {name for name, (_, mutant) in MUTANTS.items() if not mutant.statement.has(sp.Limit)}


def test_chi2_over_the_visible_energy_tends_to_one_along_the_parts_of_an_error() -> None:
    """leading-order-limit by the ODE: |I_N/H_N - 1| falls as 1/N or faster, so that neither 1/4 nor 4/eta is the limit."""
    away = []
    for parts in (8, 16, 32):
        slope, offset = 0.2 / parts, 0.3 / parts
        case = affine_case(0.7, [(2.0, constant(slope), lambda t, offset=offset: offset * math.cos(t))], 0.05)
        away.append(abs(case["chi2"] / case["visible_energy"] - 1))
    assert away[2] < 0.02
    assert away[0] / away[1] > 1.8
    assert away[1] / away[2] > 1.8


@pytest.mark.parametrize("name", KILLS)
def test_mutant_is_violated_on_its_case_where_the_claim_holds(name: str) -> None:
    claim, mutant = MUTANTS[name]
    case = KILLS[name]()
    assert assumptions_hold(mutant, case)
    assert violated(mutant, case)
    if assumptions_hold(claim, case):
        assert not violated(claim, case)


RARE = ("impossibility", "observability-threshold", "leading-order-limit")  # need special errors; a limit no single one


def random_case(seed: int) -> dict[str, float]:
    """An affine error of moderate size on N(0, lam): numbers from a fixed irrational rotation, no generator needed."""
    x = [math.modf(seed * root + 0.5)[0] for root in (math.sqrt(2), math.sqrt(3), math.sqrt(5), math.sqrt(7))]
    lam, size = math.exp(3 * (x[0] - 0.5)), 0.3 * x[1]
    legs = [(1.9, lambda t: size * (x[2] - 0.5) * math.sin(3 * t), lambda t: size * math.cos(t + x[3]))]
    case = affine_case(lam, legs, 0.1, steps=200)
    return case


def test_the_claims_hold_on_affine_errors_of_every_kind() -> None:
    checked = dict.fromkeys(IDS, 0)
    for seed in range(1, 25):
        case = random_case(seed) if seed % 3 else with_moments(shift(seed / 8, lam=math.exp(seed / 12 - 1), T=3.0))
        for claim in CLAIMS:
            needed = {s.name for part in conjuncts(claim.statement) for s in part.free_symbols}
            needed |= {s.name for a in claim.assumptions if a.condition is not None for s in a.condition.free_symbols}
            if needed <= case.keys() and assumptions_hold(claim, case):
                assert not violated(claim, case, 1e-8), (claim.id, case)
                checked[claim.id] += 1
    assert all(count >= 6 for name, count in checked.items() if name not in RARE), checked


def test_kl_is_half_the_energy_for_consistent_errors_on_long_runs() -> None:
    case = variance_error(1.0, 0.8)
    assert case["kl"] == pytest.approx(case["learned_energy"] / 2, rel=1e-5)
    assert case["reverse_kl"] == pytest.approx(case["ideal_energy"] / 2, rel=1e-5)
    assert case["kl"] < case["learned_energy"] / 2


def test_the_bounds_inform() -> None:
    large, small = shift(2.0), shift(0.1)
    left = abs(math.sqrt(large["chi2"]) - math.sqrt(large["visible_energy"]))
    assert left / math.sqrt(large["remainder"]) > 0.7
    assert small["chi2"] / small["visible_gap"] < 1.01
    assert small["path_chi2"] / small["chi2"] < 1.05


@pytest.mark.parametrize(
    ("mutant", "case"),
    [
        ("observability-threshold/any-size", RETURNING),
        ("impossibility/invisible", lambda: two_legs(0.25, -0.5, math.log(11 / 8))),
        ("path-chi2-deterministic/random-energy",
         lambda: affine_case(1.0, [(math.sqrt(2) * math.pi / 3, constant(0.25), constant(0.0))], 0.02)),
        ("sandwich/half-the-remainder", lambda: shift(2 * math.exp(0.01) / math.sqrt(0.99), T=0.02 + math.log(100))),
        ("visible-lower/ten-percent-more", lambda: shift(math.sqrt(0.02 / 0.99) * math.exp(0.01), T=0.02 + math.log(100))),
    ],
)  # fmt: skip
def test_exact_instances_are_what_the_ode_gives(mutant: str, case: Callable[[], dict[str, float]]) -> None:
    exact, computed = MUTANTS[mutant][1].falsified_by, case()
    assert exact is not None
    named = {symbol.name for symbol in MUTANTS[mutant][1].statement.free_symbols}
    for name in named | {"ideal_energy", "visible_energy"} if mutant.startswith(("obs", "imp")) else named:
        assert float(exact[getattr(symbols, name)]) == pytest.approx(computed[name], rel=1e-7, abs=1e-9), name


@pytest.mark.parametrize("name", IDS)
def test_claims_print(name: str) -> None:
    claim = BY_ID[name]
    assert claim.latex
    assert claim.measured <= {key for key, value in vars(symbols).items() if isinstance(value, (sp.Symbol, sp.IndexedBase))}
