"""Holds generations, recursions and a user's own numbers against the claims of ``theory``.

The formula that is proved is the formula that is evaluated here; nothing is retyped. Mutants and users' own claims pass
through the same code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from itertools import product
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike, NDArray

import theory
from numeric.closed_forms import bounded_moment_constants
from numeric.estimate import Estimate
from numeric.generations.affine_ode import affine_field
from numeric.generations.generation import Generation, Quantity
from numeric.generations.moments import moment_pairs
from numeric.judging.formula import Interval, MissingQuantity, evaluate
from numeric.judging.quantities import Case, generation_case, measured, recursion_case
from numeric.judging.refit_quantities import FiniteSample, refit_case
from numeric.judging.sample_quantities import IN_KERNEL_SPACE, PerRound, SampleMeasurements, measure_samples
from numeric.judging.verdicts import BoundCheck, Decision, Verdict, decide, everywhere
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian
from numeric.recursions.mixing import Alpha
from numeric.recursions.recursion import Recursion
from numeric.validation import FRACTION, NONNEGATIVE, POSITIVE, Array, Domain, real, shown
from theory import symbols

__all__ = [
    "Claims",
    "check_case",
    "check_generation",
    "check_measured_samples",
    "check_measurements",
    "check_recursion",
    "check_refits",
    "check_samples",
    "judged_case",
]

Claims: TypeAlias = theory.Claim | Iterable[theory.Claim | str] | None
Column: TypeAlias = Sequence[float | Estimate | None] | Array | float | Estimate | None

CONFIDENCE = Domain(0.0, 1.0, True, True)
WHOLE = ("divergence", "mmd", "smoothing_mmd")  # columns that speak of whole rounds
ROUND_INDICES = (symbols.i, symbols.j, symbols.k)  # free in a formula: at every round
KEPT = 4096  # relations whose parts are remembered
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
    return tuple(_check_all(_chosen(claims), judged_case(generation, level)))


def check_recursion(recursion: Recursion, claims: Claims = None, *, confidence: float = 0.999999) -> tuple[BoundCheck, ...]:
    """Hold a recursion against claims: every statement about round i at every round, about every N at every N.

    Arguments and result as in check_generation. Where a recursion is long, statements about every number of rounds are
    evaluated at the first, the last and at values spread evenly between.
    """
    if not isinstance(recursion, Recursion):
        raise TypeError(f"recursion must be a Recursion, got {type(recursion).__name__}")
    level = real("confidence", confidence, CONFIDENCE)
    return tuple(_check_all(_chosen(claims), recursion_case(recursion, level)))


def check_refits(refits: FiniteSample, claims: Claims = None, *, confidence: float = 0.999999) -> tuple[BoundCheck, ...]:
    """Hold what is measured of refitting on finite samples against claims.

    Args:
        refits: Refits, FitEnergy or WeightedMeans, exact or simulated.
        claims, confidence: as in check_generation.
    """
    if not isinstance(refits, FiniteSample):
        raise TypeError(f"refits must be Refits, a FitEnergy or WeightedMeans, got {type(refits).__name__}")
    level = real("confidence", confidence, CONFIDENCE)
    return tuple(_check_all(_chosen(claims), refit_case(refits, level)))


def judged_case(result: Generation | Recursion, confidence: float = 0.999999) -> Case:
    """The quantities of a generation or a recursion as the checks see them, with constants of A3 and A4 where known."""
    if isinstance(result, Recursion):
        return recursion_case(result, confidence)
    return _with_affine_moments(_with_moments(generation_case(result, confidence)), result)


def check_case(case: Case, claims: Claims = None) -> tuple[BoundCheck, ...]:
    """Hold named intervals against claims: what the other checks do with the quantities they gather.

    Args:
        case: intervals under the names of ``theory.symbols``, and the number of rounds they run over (0 for a single one).
        claims: ids or Claim objects; default all claims expected true.
    """
    if not isinstance(case, Case):
        raise TypeError(f"case must be a Case, got {type(case).__name__}")
    return tuple(_check_all(_chosen(claims), case))


def check_measurements(
    alpha: float | Sequence[float] | Array | str,
    *,
    ideal_energy: Column = None,
    learned_energy: Column = None,
    observability: Column = None,
    path_chi2: Column = None,
    intra_chi2: Column = None,
    intra_kl: Column = None,
    divergence: Column = None,
    mmd: Column = None,
    smoothing_mmd: Column = None,
    initial_divergence: float = 0.0,
    initial_kl: float = 0.0,
    initial_mmd: float = 0.0,
    kernel_range: float = 1.0,
    intra_noised: bool = True,
    confidence: float = 0.999999,
    claims: Claims = None,
) -> tuple[BoundCheck, ...]:
    """Hold a user's own numbers, one per generation, against every claim that can be formed from them.

    Args:
        alpha: fresh fraction in [0, 1], one or one per generation; or "replace" (each round trains on the last model alone,
            0) or "accumulate" (on the first data and all models since; of the claims only those about one round speak of it).
        ideal_energy: eps*^2, the *excess* score-matching loss integrated over [t0, T] under the ideal law; a raw denoising loss
            contains an irreducible part and must not be used.
        learned_energy: the same under the learned law.
        observability: eta in [0, 1].
        path_chi2: X, possibly inf.
        intra_chi2, intra_kl: chi2 and KL (natural logarithm) of p^{i+1} against q_{i,t0}, the noised training law.
        divergence: D_1 .. D_N, chi2(p^i || p), possibly inf.
        mmd: MMD(p^1, p) .. MMD(p^N, p), not squared, under a positive-definite kernel.
        smoothing_mmd: MMD(q_{i,t0}, q_i) under the same kernel: of the law at which an exact score would have ended from the
            mixture of fresh data and p^i. A law that was trained on instead of the mixture (a density estimate of finitely many
            points, say) belongs in here too. 0 only where the energies refer to the mixture itself and t0 = 0.
        initial_divergence: D_0.
        initial_kl: KL of the law your reverse process starts from against q_T; 0 means that it starts from q_T itself. Starting
            from N(0, I) instead adds to every divergence (0.02 on the mixture of KTV-A at T = 4).
        initial_mmd: MMD(p^0, p).
        kernel_range: sup k - inf k of that kernel: 1 for a Gaussian one, 2 for random Fourier features.
        intra_noised: whether intra_chi2 refers to q_{i,t0}; False where it is chi2(p^{i+1} || q_i) itself.
        confidence: of all statements about Estimates together.
        claims: ids or Claim objects; default all claims expected true.

    Each column is a float or an Estimate, or a sequence of them, with None where a round was not measured. Claims about whole
    rounds speak of q_i. With intra_noised they take q_{i,t0} for it; the detail of their checks says so, and none is called
    VIOLATED, because early stopping alone may part the two.

    Raises:
        ValueError, TypeError: naming the column whose length or entries are wrong.
    """
    level = real("confidence", confidence, CONFIDENCE)
    if not isinstance(intra_noised, bool):
        raise TypeError(f"intra_noised must be True or False, got {shown(intra_noised)}")
    start = real("initial_divergence", initial_divergence, NONNEGATIVE)
    begin = real("initial_kl", initial_kl, NONNEGATIVE)
    scalars = {
        "initial_kl": begin,
        "initial_mmd": real("initial_mmd", initial_mmd, NONNEGATIVE),
        "kernel_range": real("kernel_range", kernel_range, POSITIVE),
    }
    given = {
        "ideal_energy": ideal_energy,
        "learned_energy": learned_energy,
        "observability": observability,
        "path_chi2": path_chi2,
        "chi2": intra_chi2,
        "kl": intra_kl,
        "divergence": divergence,
        "mmd": mmd,
        "smoothing_mmd": smoothing_mmd,
    }
    columns = {
        name: _column(_argument(name), values, FRACTION if name == "observability" else NONNEGATIVE)
        for name, values in given.items()
        if values is not None
    }
    if not columns:
        raise ValueError("measurements must have at least one column (an energy, a divergence, ...), got none")
    if isinstance(alpha, str):
        if alpha not in ("accumulate", "replace"):
            raise TypeError(f"alpha must be a number, one per generation, 'accumulate' or 'replace', got {shown(alpha)}")
        shares = [0.0 if alpha == "replace" else math.nan]
    else:
        shares = [real("alpha", value, FRACTION) for value in np.ravel(np.asarray(alpha, dtype=object)).tolist()]
    count = max([len(values) for values in columns.values()] + [len(shares)])
    if len(shares) == 1:
        shares = shares * count
    lengths = {"alpha": len(shares), **{_argument(name): len(values) for name, values in columns.items()}}
    for name, length in lengths.items():
        if length != count:
            raise ValueError(f"{name} must have one value per generation, {count}, got {length}")
    noisy = sum(isinstance(value, Estimate) for values in columns.values() for value in values)
    each = min(1.0 - (1.0 - level) / max(noisy, 1), math.nextafter(1.0, -math.inf))
    chosen = _chosen(claims)
    checks = list(_check_measured_rounds(chosen, columns, count, begin, each))
    whole = _measured_recursion(columns, shares, start, count, each, scalars)
    checks += _take_noised(chosen, whole) if intra_noised else _check_all(chosen, whole)
    return tuple(checks)


def check_samples(
    reference: ArrayLike,
    generations: Sequence[ArrayLike],
    alpha: Alpha,
    *,
    confidence: float = 0.999999,
    rng: np.random.Generator | int | None,
    claims: Claims = None,
    training: Sequence[ArrayLike] | None = None,
    learned_energy: PerRound = None,
    smoothing_tv: float | Sequence[float] | Array | None = None,
    initial_kl: float = 0.0,
    process: OU | None = None,
    ideal: Sequence[ArrayLike] | None = None,
) -> tuple[BoundCheck, ...]:
    """Hold samples of the laws of a recursion, whose densities nobody knows, against every claim that samples can decide.

    Args:
        reference: (m, d) draws of the data law p that no generation was trained on: a model is nearer to its training rows
            than to their law. generations: (n_i, d) draws of p^0, p^1, ..., p^N, at least 50 each.
        alpha: what each round trained on: one fresh fraction, one per round (N of them, zeros allowed), "accumulate" or
            "replace". Entry i says how p^i is mixed for the training of p^{i+1}.
        confidence: of all statements together.
        rng: draws the kernel's frequencies and the directions of W1.
        claims: ids or Claim objects; default all claims expected true.
        training: (k_i, d) the training samples themselves, round by round, with fresh rows that are not rows of the reference.
            With them ``refresh`` tests whether a round trained on the mixture that alpha says; without them a mixture is
            made of half of the rows, and ``refresh`` tests estimator and formula alone.
        learned_energy: excess losses under the learned law, one or one per round, numbers or Estimates, None where unmeasured.
            With ``process`` or ``ideal`` they put a ceiling on MMD (mmd-discount), which samples confirm or refute; with
            ``smoothing_tv``, TV(q_{i,t0}, q_i), one on total variation (tv-discount), which samples can only refute.
        smoothing_tv: one or one per round; 0 where reverse processes run to t0 = 0 or q_i stands for the noised law already.
        initial_kl: KL of the law your reverse processes start from against q_T, as in check_measurements.
        process: its t0 is where the reverse processes stop; for rounds whose energies refer to the mixture q_i itself.
        ideal: instead, (k_i, d) draws of q_{i,t0}, the law at which an exact score would have ended, round by round; for rounds
            whose energies refer to another law than the mixture, such as a density estimate of their training points. Draw
            them for given training points, of which no sample here may hold one.

    Claims that speak of chi2 and J_i only through their recursion are taken with squared MMD for chi2: mean embeddings mix as
    densities do, so the same statements hold in the space of the kernel, and the details of these checks say so. No check
    confirms a statement about chi2 itself: samples bound it from below only.

    Raises:
        ValueError, TypeError: naming the argument: fewer than 50 rows, dimensions that differ, NaN (with its row), alpha as in
            exact_recursion, lengths that are not N.
    """
    chosen = _chosen(claims)
    measurements = measure_samples(
        reference,
        generations,
        alpha,
        confidence=confidence,
        rng=rng,
        training=training,
        learned_energy=learned_energy,
        smoothing_tv=smoothing_tv,
        initial_kl=initial_kl,
        process=process,
        ideal=ideal,
    )
    return check_measured_samples(measurements, chosen)


def check_measured_samples(measurements: SampleMeasurements, claims: Claims = None) -> tuple[BoundCheck, ...]:
    """What check_samples says of samples that measure_samples has measured."""
    if not isinstance(measurements, SampleMeasurements):
        raise TypeError(f"measurements must be SampleMeasurements, got {type(measurements).__name__}")
    chosen, case, out = _chosen(claims), measurements.case(), []
    for claim in chosen:
        if claim.measured & IN_KERNEL_SPACE:
            said = "; taken with MMD² for chi2"
        elif "kernel_range" in claim.measured and measurements.kernel is not None:
            said = f"; taken with a Gaussian kernel on {measurements.kernel.landmarks} landmarks"
        elif "w1" in claim.measured and measurements.dim > 1:
            said = "; taken with W1 averaged over directions"
        else:
            said = ""
        for check in _check_all((claim,), case):
            if check.verdict is not Verdict.ASSUMPTION_FAILS:  # a hypothesis that samples cannot measure says nothing of them
                out.append(replace(check, detail=check.detail + said))
    return tuple(out)


def _argument(name: str) -> str:
    return {"chi2": "intra_chi2", "kl": "intra_kl"}.get(name, name)


def _column(name: str, values: Column, domain: Domain) -> list[Quantity | None]:
    """A column of floats or Estimates; inf is allowed where the quantity may diverge, None where nothing was measured."""
    if isinstance(values, str):
        raise TypeError(f"{name} must be numbers or Estimates, got {shown(values)}")
    given: Any = np.atleast_1d(values) if isinstance(values, np.ndarray) else values
    several = isinstance(given, Iterable) and not isinstance(given, Mapping)
    entries = list(given) if several else [given]  # one number, or what ``real`` refuses by name
    if not entries:
        raise ValueError(f"{name} must have at least one entry, got none")
    out: list[Quantity | None] = []
    for entry in entries:
        if entry is None or isinstance(entry, Estimate):
            out.append(entry)
        elif isinstance(entry, (float, np.floating)) and entry == math.inf and domain is NONNEGATIVE:
            out.append(math.inf)
        else:
            out.append(real(name, entry, domain))
    return out


def _check_measured_rounds(
    chosen: Sequence[theory.Claim], columns: dict[str, list[Quantity | None]], count: int, initial_kl: float, level: float
) -> Iterator[BoundCheck]:
    """One-round claims, round by round, from the measured columns and what follows from them by definition."""
    for step in range(count):
        here = {name: values[step] for name, values in columns.items() if name not in WHOLE}
        found = {name: measured(value, level) for name, value in here.items() if value is not None}
        found["initial_kl"] = Interval.point(initial_kl)
        if "observability" in found and "ideal_energy" in found:
            found["visible_energy"] = found["observability"] * found["ideal_energy"]
        if all(name in found for name in ("path_chi2", "ideal_energy", "learned_energy")):
            minus = Interval.point(-2.0)
            remainder = found["path_chi2"] + minus * found["learned_energy"] + found["ideal_energy"]
            impossible = bool(remainder.high < 0.0)  # the three numbers cannot belong to one round: none can be trusted
            doubt = "path_chi2 - 2 learned_energy + ideal_energy is negative, which no round allows" if impossible else ""
            low, high = np.maximum(remainder.low, 0.0), np.maximum(remainder.high, 0.0)
            found["remainder"] = Interval(low, high, remainder.noisy, remainder.doubt or doubt)
        for check in _check_all(chosen, Case(found)):
            yield replace(check, generation=step)


def _take_noised(chosen: Sequence[theory.Claim], case: Case) -> Iterator[BoundCheck]:
    """Claims about whole rounds. A measured intra_chi2 refers to q_{i,t0}, not to the q_i of the claims that speak of it.

    So it cannot refute them: a model that undoes the noising of early stopping has no drift and a large chi2 to q_{i,t0}.
    """
    speak = {claim.id for claim in chosen if "intra" in claim.measured}
    for check in _check_all(chosen, case):
        exchanged = check.claim in speak and "intra" in case.quantities
        said = f"{check.detail}; taken with q_{{i,t0}} for q_i" if exchanged else check.detail
        if exchanged and check.verdict is Verdict.VIOLATED:
            yield replace(check, verdict=Verdict.INCONCLUSIVE, detail=f"{said}, which early stopping alone may part")
        else:
            yield replace(check, detail=said)


def _measured_recursion(
    columns: dict[str, list[Quantity | None]],
    shares: list[float],
    start: float,
    count: int,
    level: float,
    scalars: Mapping[str, float],
) -> Case:
    """The same columns as a recursion: D_0 .. D_N and the energies per round."""
    pooled, least = any(map(math.isnan, shares)), min(shares)
    found: dict[str, Interval] = {"accumulates": Interval.point(float(pooled))}
    if not pooled:
        found["fresh_fraction"] = Interval.point(np.array(shares))
    if 0.0 < least == max(shares):
        found["alpha"] = Interval.point(least)
    renamed = {
        "ideal_energy": "ideal_energies",
        "learned_energy": "learned_energies",
        "observability": "observabilities",
        "chi2": "intra",
        "smoothing_mmd": "smoothing_mmd",
    }
    for name, target in renamed.items():
        if name in columns:
            found[target] = _stacked([_entry(value, level) for value in columns[name]])
    found["initial_kl"] = Interval.point(scalars["initial_kl"])
    found["kernel_range"] = Interval.point(scalars["kernel_range"])
    for name, first in (("divergence", start), ("mmd", scalars["initial_mmd"])):
        if name in columns:
            found[name] = _stacked([Interval.point(first), *(_entry(value, level) for value in columns[name])])
    return Case(dict(found), rounds=count)


def _entry(value: Quantity | None, level: float) -> Interval:
    """NaN, which no relation is decided on, where nothing was measured."""
    return Interval.point(math.nan) if value is None else measured(value, level)


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
    if not isinstance(claims, Iterable):
        raise TypeError(f"claims must be ids, Claims or None, got {type(claims).__name__}")
    return tuple(claim if isinstance(claim, theory.Claim) else theory.claim(claim) for claim in claims)


def _check_all(claims: Iterable[theory.Claim], case: Case) -> Iterator[BoundCheck]:
    for claim in claims:
        if claim.numeric_side:
            yield from _check(claim, case)


def _check(claim: theory.Claim, case: Case) -> Iterator[BoundCheck]:
    for relation in theory.conjuncts(claim.statement):
        # a limit is for the prover: no finite case decides it
        if not _quantities(relation) <= case.quantities.keys() or relation.has(sp.Limit):
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
            order = index.get(symbols.order)
            said = _shown(relation.lhs, order if isinstance(order, int) else None)
            yield _verdict(claim, said, generation, decision, failure, doubt)


@lru_cache(maxsize=KEPT)
def _free(relation: sp.Basic) -> frozenset[sp.Basic]:
    return frozenset(relation.free_symbols)


@lru_cache(maxsize=KEPT)
def _quantities(relation: sp.Basic) -> frozenset[str]:
    """Names of the quantities without which a relation cannot be evaluated."""
    labels = {base.label for base in relation.atoms(sp.IndexedBase)}
    running = {*ROUND_INDICES, symbols.N, symbols.order}
    free = {symbol for symbol in _free(relation) if isinstance(symbol, sp.Symbol)} - labels - running
    return frozenset(symbol.name for symbol in labels | free)


def _rounds(relation: sp.Basic, case: Case) -> Iterator[tuple[int | None, dict[sp.Symbol, int | Array]]]:
    """The values of the free indices at which a relation is evaluated, with the generation to report."""
    orders = [{symbols.order: order} for order in _orders(case).tolist()] if symbols.order in _free(relation) else [{}]
    for generation, index in _steps(relation, case):
        yield from ((generation, {**index, **order}) for order in orders)


def _steps(relation: sp.Basic, case: Case) -> Iterator[tuple[int | None, dict[sp.Symbol, int | Array]]]:
    """The same without orders."""
    free = _free(relation)
    running = [symbol for symbol in ROUND_INDICES if symbol in free]
    if running:
        for steps in product(*(range(1 if symbol.is_positive else 0, case.rounds) for symbol in running)):
            yield max(steps), {**dict(zip(running, steps, strict=True)), symbols.N: case.rounds}
    elif symbols.N not in free:
        yield None, {}
    elif case.rounds:
        every = np.unique(np.linspace(1, case.rounds, ROUNDS_SHOWN).round().astype(int)).tolist()
        for count in [case.rounds] if _last_only(relation) else every:
            yield count, {symbols.N: count}


def _orders(case: Case) -> NDArray[np.intp]:
    """The orders of the Hermite coefficients that a case carries, but 0, the mass, which says nothing."""
    try:
        return np.arange(1, case("hermite_data").low.size)
    except MissingQuantity:
        return np.zeros(0, dtype=np.intp)


@lru_cache(maxsize=KEPT)
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
    free = _free(relation)
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
    free = [symbol for symbol in ROUND_INDICES if symbol in _free(relation) and symbol not in index]
    ranges = [np.arange(1 if symbol.is_positive else 0, case.rounds) for symbol in free]
    if symbols.order in _free(relation) and symbols.order not in index:
        free, ranges = [*free, symbols.order], [*ranges, _orders(case)]
    grids = np.meshgrid(*ranges, indexing="ij") if free else []
    out: dict[sp.Symbol, int | Array] = {
        symbol: np.ravel(grid).astype(np.float64) for symbol, grid in zip(free, grids, strict=True)
    }
    if symbols.N in _free(relation) and symbols.N not in index:
        out[symbols.N] = case.rounds
    return out


def _verdict(
    claim: theory.Claim, observed: str, generation: int | None, decision: Decision, failure: str, doubt: str
) -> BoundCheck:
    verdict, sign = decision.verdict, {"upper": "<=", "lower": ">=", "equality": "="}[decision.kind]
    said = f"{observed} = {decision.observed:.6g} against {sign} {decision.bound:.6g}"
    if failure:
        verdict, said = Verdict.ASSUMPTION_FAILS, failure
    elif verdict is Verdict.INCONCLUSIVE:
        said += f"; {decision.doubt}"
    elif doubt:
        verdict, said = Verdict.INCONCLUSIVE, doubt
    return BoundCheck(claim.id, generation, decision.kind, decision.bound, decision.observed, decision.margin, verdict, said)


@lru_cache(maxsize=KEPT)
def _shown(side: sp.Basic, order: int | None) -> str:
    """A side of a relation as text, with the order of a Hermite coefficient written out."""
    return str(side if order is None else side.xreplace({symbols.order: sp.Integer(order)}))


def _davis(order: Array) -> Array:
    """Davis's constant, entry by entry; the only function of the statements that sympy does not evaluate."""
    flat = [float(theory.davis_constant(sp.Float(float(entry)))) for entry in np.ravel(order)]
    return np.array(flat).reshape(np.shape(order))


FUNCTIONS = {"davis_constant": _davis}


@cache
def _moment_formula() -> sp.Expr:
    """C' in the symbols of the vocabulary."""
    return theory.moment_constant(symbols.moment_order, symbols.energy_order, symbols.weight_moment, symbols.energy_moment)


def _with_moments(case: Case) -> Case:
    """Adds (delta, K_delta, gamma, K_gamma) and C' where V <= Lambda < inf gives them.

    delta is the one with the least C'.
    """
    try:
        ceiling, energy = case("sup_energy"), case("ideal_energy")
    except MissingQuantity:
        return case
    bound, least = float(ceiling.high), float(energy.low)
    if not math.isfinite(bound) or least <= 0.0:
        return case
    found = bounded_moment_constants(max(bound, least), least)
    if found is None:
        return case
    moments = {
        "moment_order": found.delta,
        "energy_order": found.gamma,
        "weight_moment": found.weight_moment,
        "energy_moment": found.energy_moment,
        "moment_constant": found.moment_constant,
    }
    extra = {name: Interval.point(value) for name, value in moments.items() if value is not None}
    return Case({**case.quantities, **extra}, case.rounds)


def _with_affine_moments(case: Case, generation: Generation) -> Case:
    """Adds the same constants where V has no bound, for an affine error on a Gaussian target, whose moments are exact.

    They are computed when a claim first asks for one; delta is the best of those tried.
    """
    target, error = generation.target, generation.error
    if "moment_constant" in case.quantities or generation.start != "ideal" or not isinstance(target, Gaussian):
        return case
    if affine_field(target, error) is None or not 0.0 < float(case("ideal_energy").low) < math.inf:
        return case

    @cache
    def best() -> dict[str, float]:
        found: dict[str, float] = {}
        for pair in moment_pairs(target, error, generation.process, float(case("ideal_energy").low)):
            moments = {
                "moment_order": pair.delta,
                "energy_order": pair.gamma,
                "weight_moment": pair.weight_moment,
                "energy_moment": pair.energy_moment,
            }
            given = Case({name: Interval.point(value) for name, value in moments.items()})
            constant = float(evaluate(_moment_formula(), given, None, FUNCTIONS).high)
            if constant < found.get("moment_constant", math.inf):
                found = {**moments, "moment_constant": constant}
        return found

    def entry(name: str) -> Callable[[], Interval]:
        def compute() -> Interval:
            if name not in best():
                raise MissingQuantity(f"{name} is unknown: no pair of moments of A3 and A4 is finite and within floats")
            return Interval.point(best()[name])

        return compute

    names = ("moment_order", "energy_order", "weight_moment", "energy_moment", "moment_constant")
    return Case({**case.quantities, **{name: entry(name) for name in names}}, case.rounds)
