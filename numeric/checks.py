"""Holds generations, recursions and a user's own numbers against the claims of ``theory``.

The formula that is proved is the formula that is evaluated here; nothing is retyped. Mutants and users' own claims pass
through the same code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import sympy as sp

import theory
from numeric.estimate import Estimate
from numeric.formula import Interval, MissingQuantity, evaluate
from numeric.generation import Generation, Quantity
from numeric.quantities import Case, generation_case, measured, recursion_case
from numeric.recursion import Recursion
from numeric.validation import FRACTION, NONNEGATIVE, Array, Domain, real, shown
from numeric.verdicts import BoundCheck, Decision, Verdict, decide, everywhere
from theory import symbols

__all__ = ["Claims", "check_generation", "check_measurements", "check_recursion"]

Claims: TypeAlias = Iterable[theory.Claim | str] | None
Column: TypeAlias = Sequence[float | Estimate] | Array | float | Estimate | None

CONFIDENCE = Domain(0.0, 1.0, True, True)
ROUND_INDICES = (symbols.i, symbols.j, symbols.k)  # free in a formula: at every round
ROUNDS_SHOWN = 24  # numbers of rounds N at which a statement about every N is evaluated in a long recursion


def check_generation(generation: Generation, claims: Claims = None, *, confidence: float = 0.999999) -> tuple[BoundCheck, ...]:
    """Hold one round against claims.

    Args:
        generation: from exact_generation or simulate_generation.
        claims: ids or Claim objects, users' own and mutants included; default all claims expected true.
        confidence: of all statements about simulated quantities together.

    Returns:
        one BoundCheck for each relation of each claim whose quantities the generation carries.
    """
    if not isinstance(generation, Generation):
        raise TypeError(f"generation must be a Generation, got {type(generation).__name__}")
    level = real("confidence", confidence, CONFIDENCE)
    case = generation_case(generation, level)
    return tuple(_check_all(_chosen(claims), _with_moments(case)))


def check_recursion(recursion: Recursion, claims: Claims = None, *, confidence: float = 0.999999) -> tuple[BoundCheck, ...]:
    """Hold a recursion against claims: every statement about round i at every round, about every N at every N.

    Arguments and result as in check_generation. Where a recursion is long, statements about every number of rounds are
    evaluated at the first, the last and at values spread evenly between.
    """
    if not isinstance(recursion, Recursion):
        raise TypeError(f"recursion must be a Recursion, got {type(recursion).__name__}")
    level = real("confidence", confidence, CONFIDENCE)
    return tuple(_check_all(_chosen(claims), recursion_case(recursion, level)))


def check_measurements(
    alpha: float | Sequence[float] | Array,
    *,
    ideal_energy: Column = None,
    learned_energy: Column = None,
    observability: Column = None,
    path_chi2: Column = None,
    intra_chi2: Column = None,
    intra_kl: Column = None,
    divergence: Column = None,
    initial_divergence: float = 0.0,
    initial_kl: float = 0.0,
    confidence: float = 0.999999,
    claims: Claims = None,
) -> tuple[BoundCheck, ...]:
    """Hold a user's own numbers, one per generation, against every claim that can be formed from them.

    Args:
        alpha: fresh fraction in [0, 1], one or one per generation.
        ideal_energy: eps*^2, the *excess* score-matching loss integrated over [t0, T] under the ideal law; a raw denoising loss
            contains an irreducible part and must not be used.
        learned_energy: the same under the learned law.
        observability: eta in [0, 1].
        path_chi2: X, possibly inf.
        intra_chi2, intra_kl: chi2 and KL (natural logarithm) of p^{i+1} against q_{i,t0}, the noised training law.
        divergence: D_1 .. D_N, chi2(p^i || p), possibly inf.
        initial_divergence: D_0.
        initial_kl: KL of the law your reverse process starts from against q_T; 0 means that it starts from q_T itself. Starting
            from N(0, I) instead adds to every divergence (0.02 on the mixture of KTV-A at T = 4).
        confidence: of all statements about Estimates together.
        claims: ids or Claim objects; default all claims expected true.

    Each column is a float or an Estimate, or a sequence of them. Claims about whole rounds take q_{i,t0} for q_i; the detail
    of their checks says so.

    Raises:
        ValueError, TypeError: naming the column whose length or entries are wrong.
    """
    level = real("confidence", confidence, CONFIDENCE)
    start = real("initial_divergence", initial_divergence, NONNEGATIVE)
    begin = real("initial_kl", initial_kl, NONNEGATIVE)
    given = {
        "ideal_energy": ideal_energy,
        "learned_energy": learned_energy,
        "observability": observability,
        "path_chi2": path_chi2,
        "chi2": intra_chi2,
        "kl": intra_kl,
        "divergence": divergence,
    }
    columns = {
        name: _column(_argument(name), values, FRACTION if name == "observability" else NONNEGATIVE)
        for name, values in given.items()
        if values is not None
    }
    if not columns:
        raise ValueError("measurements must have at least one column (an energy, a divergence, ...), got none")
    shares = [real("alpha", value, FRACTION) for value in np.ravel(np.asarray(alpha, dtype=object)).tolist()]
    count = max([len(values) for values in columns.values()] + [len(shares)])
    if len(shares) == 1:
        shares = shares * count
    lengths = {"alpha": len(shares), **{_argument(name): len(values) for name, values in columns.items()}}
    for name, length in lengths.items():
        if length != count:
            raise ValueError(f"{name} must have one value per generation, {count}, got {length}")
    noisy = sum(isinstance(value, Estimate) for values in columns.values() for value in values)
    each = min(1.0 - (1.0 - level) / max(noisy, 1), math.nextafter(1.0, 0.0))
    chosen = _chosen(claims)
    checks = list(_check_measured_rounds(chosen, columns, count, begin, each))
    checks += _take_noised(chosen, _measured_recursion(columns, shares, start, count, each))
    return tuple(checks)


def _argument(name: str) -> str:
    return {"chi2": "intra_chi2", "kl": "intra_kl"}.get(name, name)


def _column(name: str, values: Column, domain: Domain) -> list[Quantity]:
    """A column of floats or Estimates; inf is allowed where the quantity may diverge."""
    if isinstance(values, str) or values is None:
        raise TypeError(f"{name} must be numbers or Estimates, got {shown(values)}")
    given: Any = np.atleast_1d(values) if isinstance(values, np.ndarray) else values
    several = isinstance(given, Iterable) and not isinstance(given, Mapping)
    entries = list(given) if several else [given]  # one number, or what ``real`` refuses by name
    if not entries:
        raise ValueError(f"{name} must have at least one entry, got none")
    out: list[Quantity] = []
    for entry in entries:
        if isinstance(entry, Estimate):
            out.append(entry)
        elif isinstance(entry, (float, np.floating)) and math.isinf(entry) and entry > 0 and domain is NONNEGATIVE:
            out.append(math.inf)
        else:
            out.append(real(name, entry, domain))
    return out


def _check_measured_rounds(
    chosen: Sequence[theory.Claim], columns: dict[str, list[Quantity]], count: int, initial_kl: float, level: float
) -> Iterator[BoundCheck]:
    """One-round claims, round by round, from the measured columns and what follows from them by definition."""
    for step in range(count):
        found = {name: measured(values[step], level) for name, values in columns.items() if name != "divergence"}
        found["initial_kl"] = Interval.point(initial_kl)
        if "observability" in found and "ideal_energy" in found:
            found["visible_energy"] = found["observability"] * found["ideal_energy"]
        if {"path_chi2", "ideal_energy", "learned_energy"} <= found.keys():
            minus = Interval.point(-2.0)
            remainder = found["path_chi2"] + minus * found["learned_energy"] + found["ideal_energy"]
            impossible = bool(remainder.high < 0.0)  # the three numbers cannot belong to one round: none can be trusted
            doubt = "path_chi2 - 2 learned_energy + ideal_energy is negative, which no round allows" if impossible else ""
            low, high = np.maximum(remainder.low, 0.0), np.maximum(remainder.high, 0.0)
            found["remainder"] = Interval(low, high, remainder.noisy, remainder.doubt or doubt)
        for check in _check_all(chosen, Case(found)):
            yield replace(check, generation=step)


def _take_noised(chosen: Sequence[theory.Claim], case: Case) -> Iterator[BoundCheck]:
    """Claims about whole rounds. A measured intra_chi2 refers to q_{i,t0}, not to the q_i of the claims that speak of it."""
    speak = {claim.id for claim in chosen if "intra" in claim.measured}
    for check in _check_all(chosen, case):
        exchanged = check.claim in speak and "intra" in case.quantities
        yield replace(check, detail=f"{check.detail}; taken with q_{{i,t0}} for q_i") if exchanged else check


def _measured_recursion(
    columns: dict[str, list[Quantity]], shares: list[float], start: float, count: int, level: float
) -> Case:
    """The same columns as a recursion: D_0 .. D_N and the energies per round."""
    found: dict[str, Interval] = {"fresh_fraction": Interval.point(np.array(shares))}
    if len(set(shares)) == 1 and shares[0] > 0.0:
        found["alpha"] = Interval.point(shares[0])
    renamed = {
        "ideal_energy": "ideal_energies",
        "learned_energy": "learned_energies",
        "observability": "observabilities",
        "chi2": "intra",
    }
    for name, target in renamed.items():
        if name in columns:
            found[target] = _stacked([measured(value, level) for value in columns[name]])
    if "divergence" in columns:
        drift = [Interval.point(start), *(measured(value, level) for value in columns["divergence"])]
        found["divergence"] = _stacked(drift)
    return Case(dict(found), rounds=count)


def _stacked(parts: list[Interval]) -> Interval:
    low, high = np.array([float(part.low) for part in parts]), np.array([float(part.high) for part in parts])
    doubt = next((part.doubt for part in parts if part.doubt), "")
    return Interval(low, high, any(part.noisy for part in parts), doubt)


def _chosen(claims: Claims) -> tuple[theory.Claim, ...]:
    """Ids and Claims as Claims; all claims expected true where none are named."""
    if claims is None:
        return tuple(claim for claim in theory.claims() if claim.expected == "true")
    if isinstance(claims, (str, theory.Claim)):
        claims = (claims,)
    return tuple(claim if isinstance(claim, theory.Claim) else theory.claim(claim) for claim in claims)


def _check_all(claims: Iterable[theory.Claim], case: Case) -> Iterator[BoundCheck]:
    for claim in claims:
        if claim.numeric_side:
            yield from _check(claim, case)


def _check(claim: theory.Claim, case: Case) -> Iterator[BoundCheck]:
    for relation in theory.conjuncts(claim.statement):
        if relation.has(sp.Limit):  # a limit is for the prover: no finite case decides it
            continue
        for generation, index in _rounds(relation, case):
            try:
                left, right = (evaluate(side, case, index, FUNCTIONS) for side in (relation.lhs, relation.rhs))
                decision = decide(type(relation), left, right)
            except MissingQuantity:
                continue
            if decision is None:
                continue
            failure, doubt = _assumptions(claim, case, index)
            if decision.verdict is Verdict.VIOLATED and not failure:  # the claim assumes its hypotheses in every round
                everywhere_index = {symbol: value for symbol, value in index.items() if symbol not in ROUND_INDICES}
                failure, doubt = _assumptions(claim, case, everywhere_index)
            yield _verdict(claim, relation, generation, decision, failure, doubt)


def _rounds(relation: sp.Basic, case: Case) -> Iterator[tuple[int | None, dict[sp.Symbol, int | Array]]]:
    """The values of the free indices at which a relation is evaluated, with the generation to report."""
    free = relation.free_symbols
    running = [symbol for symbol in ROUND_INDICES if symbol in free]
    if running:
        for steps in product(*(range(1 if symbol.is_positive else 0, case.rounds) for symbol in running)):
            yield max(steps), {**dict(zip(running, steps, strict=True)), symbols.N: case.rounds}
    elif symbols.N in free:
        last = _last_only(relation)
        every = np.unique(np.linspace(1, max(case.rounds, 1), ROUNDS_SHOWN).round().astype(int))
        for count in [case.rounds] if last else every.tolist():
            if count <= case.rounds:
                yield count, {symbols.N: count}
    else:
        yield None, {}


def _last_only(relation: sp.Basic) -> bool:
    """Whether a relation speaks of the weights W_{iN}, which a recursion carries for its last generation only."""
    return any(base.label.name == "weights" for base in relation.atoms(sp.IndexedBase))


def _assumptions(claim: theory.Claim, case: Case, index: dict[sp.Symbol, int | Array]) -> tuple[str, str]:
    """(which assumption fails, with its value; "" if none), (why one is undecided; "" if all are decided)."""
    doubt = ""
    for assumption in claim.assumptions:
        if assumption.condition is None:
            continue
        for relation in theory.conjuncts(assumption.condition):
            verdict, why = _condition(relation, case, index)
            if verdict is None:
                return f"assumption {assumption.name} is not known to hold: {why}", doubt
            if verdict is Verdict.VIOLATED:
                return f"assumption {assumption.name} fails ({assumption.text.rstrip('.')}): {why}", doubt
            if verdict is Verdict.INCONCLUSIVE:
                doubt = doubt or f"assumption {assumption.name} is undecided: {why}"
    return "", doubt


def _condition(relation: sp.Basic, case: Case, index: dict[sp.Symbol, int | Array]) -> tuple[Verdict | None, str]:
    """Whether a condition holds wherever it is assumed; None and the name where it speaks of what was not measured."""
    free = relation.free_symbols
    fixed = {symbol: value for symbol, value in index.items() if symbol in free}
    key = (relation, *sorted((symbol.name, value) for symbol, value in fixed.items()))
    if key not in case.conditions:  # the same hypotheses serve many claims, and every mutant of each
        where = {**fixed, **_everything(relation, case, fixed)}
        try:
            left, right = (evaluate(side, case, where, FUNCTIONS) for side in (relation.lhs, relation.rhs))
            case.conditions[key] = everywhere(type(relation), left, right)
        except MissingQuantity as missing:
            said = str(missing)
            case.conditions[key] = None, said if " " in said else f"{said} was not measured"
    return case.conditions[key]


def _everything(relation: sp.Basic, case: Case, index: dict[sp.Symbol, int | Array]) -> dict[sp.Symbol, int | Array]:
    """All values of the indices that a condition quantifies over and the statement does not fix."""
    free = [symbol for symbol in ROUND_INDICES if symbol in relation.free_symbols and symbol not in index]
    ranges = [np.arange(1 if symbol.is_positive else 0, case.rounds) for symbol in free]
    grids = np.meshgrid(*ranges, indexing="ij") if free else []
    out: dict[sp.Symbol, int | Array] = {
        symbol: np.ravel(grid).astype(np.float64) for symbol, grid in zip(free, grids, strict=True)
    }
    if symbols.N in relation.free_symbols and symbols.N not in index:
        out[symbols.N] = case.rounds
    return out


def _verdict(
    claim: theory.Claim, relation: sp.Basic, generation: int | None, decision: Decision, failure: str, doubt: str
) -> BoundCheck:
    verdict, sign = decision.verdict, {"upper": "<=", "lower": ">=", "equality": "="}[decision.kind]
    said = f"{relation.lhs} = {decision.observed:.6g} against {sign} {decision.bound:.6g}"
    if failure:
        verdict, said = Verdict.ASSUMPTION_FAILS, failure
    elif verdict is Verdict.INCONCLUSIVE:
        said += f"; {decision.doubt}"
    elif doubt:
        verdict, said = Verdict.INCONCLUSIVE, doubt
    return BoundCheck(claim.id, generation, decision.kind, decision.bound, decision.observed, decision.margin, verdict, said)


def _davis(order: Array) -> Array:
    """Davis's constant, entry by entry; the only function of the statements that sympy does not evaluate."""
    flat = [float(theory.davis_constant(sp.Float(float(entry)))) for entry in np.ravel(order)]
    return np.array(flat).reshape(np.shape(order))


FUNCTIONS = {"davis_constant": _davis}


@lru_cache(maxsize=1)
def _moment_formula() -> sp.Expr:
    """C' in the symbols of the vocabulary."""
    return theory.moment_constant(symbols.moment_order, symbols.energy_order, symbols.weight_moment, symbols.energy_moment)


def _with_moments(case: Case) -> Case:
    """Adds (delta, K_delta, gamma, K_gamma) and C' where V <= Lambda < inf gives them.

    E e^{(1+delta)Z} <= exp(delta (1+delta) Lambda/2) and E V^{2+gamma} <= Lambda^{2+gamma}; delta minimises C' on a grid.
    """
    try:
        ceiling, energy = case("sup_energy"), case("ideal_energy")
    except MissingQuantity:
        return case
    bound, least = float(ceiling.high), float(energy.low)
    if not math.isfinite(bound) or least <= 0.0:
        return case
    best: tuple[float, dict[str, float]] | None = None
    for delta in np.geomspace(1.01, 9.0, 24).tolist():
        gamma = 4.0 / (delta - 1.0) * (1.0 + 1e-9)  # A4 asks for at least 4/(delta - 1): rounding must not decide
        exponents = (0.5 * delta * (1.0 + delta) * bound, (2.0 + gamma) * math.log(bound / least))
        if max(exponents) > 600.0:  # the moments themselves would overflow
            continue
        moments = {
            "moment_order": delta,
            "energy_order": gamma,
            "weight_moment": math.exp(exponents[0]),
            "energy_moment": max(math.exp(exponents[1]), 1.0),
        }
        given = Case({name: Interval.point(value) for name, value in moments.items()})
        constant = float(evaluate(_moment_formula(), given, None, FUNCTIONS).high)
        if best is None or constant < best[0]:
            best = constant, moments
    if best is None:
        return case
    constant, moments = best
    extra = {name: Interval.point(value) for name, value in {**moments, "moment_constant": constant}.items()}
    return Case({**case.quantities, **extra}, case.rounds)
