"""Which hypotheses hold on a concrete case, each with the number that decides it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import sympy as sp

import theory
from numeric.estimate import Estimate
from numeric.generations.affine_ode import affine_field
from numeric.generations.errors import AffineError, BoundedError, ConsistentError
from numeric.generations.generation import Generation
from numeric.generations.moments import weight_moments
from numeric.judging.checks import check_case, judged_case
from numeric.judging.formula import MissingQuantity
from numeric.judging.quantities import Case
from numeric.judging.verdicts import Verdict
from numeric.laws.targets import Gaussian, GaussianMixture
from numeric.recursions.recursion import Recursion
from theory import Assumption, symbols

__all__ = ["AssumptionValue", "evaluate_assumptions"]

Answer = tuple[Literal["holds", "fails", "unknown"], str]

_ONE_ROUND: Final = (
    Assumption("A1", "the ideal energy eps*² is finite", sp.Lt(symbols.ideal_energy, sp.oo, evaluate=False)),
    Assumption("common-start", "both processes start from q_T", sp.Eq(symbols.initial_kl, 0)),
    Assumption("A2", "E_{P*} e^Z = 1"),
    Assumption("A3", "E_{P*} e^{(1+delta) Z} <= K_delta for some delta > 1"),
    Assumption("A4", "E_{P*} V^{2+gamma} <= K_gamma eps*^{2(2+gamma)} for some gamma >= 4/(delta - 1)"),
    Assumption("perturbative", "eps*² <= 1", sp.Le(symbols.ideal_energy, 1)),
    Assumption("finite-path-chi2", "the path chi2 is finite", sp.Lt(symbols.path_chi2, sp.oo, evaluate=False)),
    Assumption("finite-chi2", "the chi2 of the endpoint is finite", sp.Lt(symbols.chi2, sp.oo, evaluate=False)),
    Assumption("visible", "the endpoint sees some of the error", sp.Gt(symbols.visible_energy, 0)),
)
_MANY_ROUNDS: Final = (
    Assumption("fraction", "every fresh fraction is at most 1", sp.Le(symbols.fresh_fraction[symbols.i], 1)),
    Assumption("fresh", "every round sees some fresh data", sp.Gt(symbols.fresh_fraction[symbols.i], 0)),
    Assumption("starts-at-data", "p^0 = p", sp.Eq(symbols.divergence[0], 0)),
    Assumption("finite-divergence", "every D_i is finite", sp.Lt(symbols.divergence[symbols.N], sp.oo, evaluate=False)),
    Assumption(
        "summable",
        "the discounted sum of the squared innovations is finite",
        sp.Lt(symbols.discounted_sum[symbols.N], sp.oo, evaluate=False),
    ),
    Assumption("orthogonal", "innovations of different rounds are orthogonal", theory.claim("discounted-sum").assumption(
        "orthogonal").condition),
)  # fmt: skip


@dataclass(frozen=True)
class AssumptionValue:
    """One hypothesis on one case.

    Attributes:
        name, text: of the assumption.
        verdict: "holds", "fails", or "unknown" where the case carries nothing that decides it.
        value: the numbers behind the verdict, or why there are none.
    """

    name: str
    text: str
    verdict: Literal["holds", "fails", "unknown"]
    value: str


def evaluate_assumptions(
    result: Generation | Recursion, claim: theory.Claim | str | None = None
) -> tuple[AssumptionValue, ...]:
    """Evaluate the assumptions of a claim on a concrete generation or recursion.

    Args:
        result: from exact_generation, simulate_generation, exact_recursion or simulate_recursion.
        claim: a claim or its id; default the hypotheses of KTV-A and of driftbound that a case of this kind can satisfy: A1 to
            A4, common start, eps*² <= 1, finite chi2, positive observability; for a recursion finite divergences, a summable
            discounted sum and orthogonal innovations.

    A condition is decided by the intervals that the checks use. A3 and A4 are decided where V is bounded or the error is
    affine on a Gaussian target (moments by Riccati), A2 there as well, and "regular" by the kinds of target and error.
    Assumptions that only say what the words of a claim mean carry no number and stay "unknown".

    Raises:
        TypeError, KeyError: the result is neither kind of case; no claim has that id.
    """
    if not isinstance(result, (Generation, Recursion)):
        raise TypeError(f"result must be a Generation or a Recursion, got {type(result).__name__}")
    wanted: tuple[Assumption, ...]
    if claim is None:
        wanted = _ONE_ROUND if isinstance(result, Generation) else _MANY_ROUNDS
    else:
        if not isinstance(claim, (str, theory.Claim)):
            raise TypeError(f"claim must be a Claim, the id of one, or None, got {type(claim).__name__}")
        wanted = (theory.claim(claim) if isinstance(claim, str) else claim).assumptions
    case = judged_case(result)
    return tuple(AssumptionValue(one.name, one.text, *_answer(one, case, result)) for one in wanted)


def _answer(assumption: Assumption, case: Case, result: Generation | Recursion) -> Answer:
    if assumption.condition is not None:
        return _decided(assumption, case)
    evaluator = _EVALUATORS.get(assumption.name)
    if evaluator is None or not isinstance(result, Generation):
        return "unknown", "it says what the words mean; no measured number decides it"
    try:
        return evaluator(case, result)
    except MissingQuantity as missing:
        said = str(missing)
        return "unknown", said if " " in said else f"{said} is not known"


def _decided(assumption: Assumption, case: Case) -> Answer:
    """A condition as a claim of its own, held against the case: the worst round decides."""
    probe = theory.Claim(assumption.name, assumption.text, "equivalence", assumption.condition, "driftbound")
    checks = check_case(case, (probe,))
    if not checks:
        absent = sorted(name for name in probe.measured if name not in case.quantities)
        return "unknown", f"{', '.join(absent) or 'part of it'} was not measured"
    order = (Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.HOLDS)
    worst = min(checks, key=lambda check: (order.index(check.verdict), check.margin))
    relations = theory.conjuncts(probe.statement)
    said = worst.detail
    if len(relations) == 1 and worst.verdict is not Verdict.INCONCLUSIVE:
        said = f"{relations[0].lhs} = {worst.observed:.6g}, must be {relations[0].rel_op} {worst.bound:.6g}"
    strict = any(isinstance(relation, (sp.StrictGreaterThan, sp.StrictLessThan)) for relation in relations)
    distance = abs(worst.bound - worst.observed)
    if strict and worst.verdict is Verdict.HOLDS and math.isfinite(distance) and worst.margin >= 2.0 * distance:
        return "unknown", f"{said}, and cannot be told from it"  # the distance is no larger than the numerical error
    if worst.verdict is Verdict.INCONCLUSIVE:
        return "unknown", said
    return "holds" if worst.verdict is Verdict.HOLDS else "fails", said.replace("==", "=")


def _unit_mean(case: Case, result: Generation) -> Answer:
    if result.start != "ideal":
        return "unknown", "the learned process starts elsewhere, and e^Z contains the density of the starts"
    if math.isfinite(result.sup_energy):
        return "holds", f"Novikov: V <= {result.sup_energy:.6g} almost surely"
    if isinstance(result.target, Gaussian) and affine_field(result.target, result.error) is not None:
        value = math.exp(float(weight_moments(result.target, result.error, result.process, [1.0])[0]))
        return "holds", f"an affine error on a Gaussian target: E e^Z = {value:.9f} by Riccati"
    if isinstance(result.weight_mean, Estimate):
        low, high = result.weight_mean.interval(0.999999)
        verdict: Literal["fails", "unknown"] = "unknown" if low <= 1.0 <= high else "fails"
        return verdict, f"E e^Z in [{low:.6g}, {high:.6g}] by simulation, which can refute and not confirm it"
    return "unknown", "V has no bound, and no moment of the weight is known"


def _number(case: Case, name: str) -> float:
    return float(np.asarray(case(name).high))


def _weight(case: Case, result: Generation) -> Answer:
    path = result.path_chi2
    if isinstance(path, float) and math.isinf(path):
        return "fails", "E e^{2Z} is infinite, so E e^{(1+delta) Z} is for every delta > 1"
    return "holds", f"K_delta = {_number(case, 'weight_moment'):.6g} at delta = {_number(case, 'moment_order'):.4g}"


def _energy(case: Case, result: Generation) -> Answer:
    return "holds", f"K_gamma = {_number(case, 'energy_moment'):.6g} at gamma = {_number(case, 'energy_order'):.4g}"


def _order(case: Case, result: Generation) -> Answer:
    delta = _number(case, "moment_order")
    return "holds" if delta > 1.0 else "fails", f"delta = {delta:.4g}"


def _orders(case: Case, result: Generation) -> Answer:
    delta, gamma = _number(case, "moment_order"), _number(case, "energy_order")
    return "holds" if gamma * (delta - 1.0) >= 4.0 else "fails", f"gamma (delta - 1) = {gamma * (delta - 1.0):.6g}"


def _bounded(case: Case, result: Generation) -> Answer:
    if math.isfinite(result.sup_energy):
        return "holds", f"Lambda = {result.sup_energy:.6g}"
    return "holds", "Lambda is infinite: the bound says nothing"


def _regular(case: Case, result: Generation) -> Answer:
    if isinstance(result.target, (Gaussian, GaussianMixture)) and isinstance(
        result.error, (AffineError, BoundedError, ConsistentError)
    ):
        return "holds", "a Gaussian mixture and an error of linear growth"
    return "unknown", f"an error of type {type(result.error).__name__}, of which smoothness and growth are not known"


_EVALUATORS: Final[dict[str, Callable[[Case, Generation], Answer]]] = {
    "A2": _unit_mean,
    "A3": _weight,
    "A4": _energy,
    "order": _order,
    "orders": _orders,
    "bounded": _bounded,
    "regular": _regular,
}
