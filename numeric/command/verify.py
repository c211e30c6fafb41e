"""Runs the suite, holds every claim and every mutant against every case, and says whether all came out as expected."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

import theory
from numeric.command.suite import SuiteCase
from numeric.command.suite.case import Result
from numeric.generations.errors import AffineError
from numeric.generations.generation import Generation
from numeric.judging.checks import check_generation, check_recursion, check_refits
from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.laws.targets import Gaussian
from numeric.recursions.recursion import Recursion

__all__ = ["CaseResult", "ClaimResult", "MutantResult", "Verification", "run_suite"]

FAMILY_LEVEL = 1e-6  # probability that any simulated number of the whole run misses its interval, by design
INFORMATIVE = 1.5  # a bound within this factor of what was observed says something
INFORMATIVE_SANDWICH = 10.0  # where the sandwich is the only bound there is
SANDWICH_ONLY = frozenset(
    {
        "observability-lower",
        "observability-threshold",
        "observability-upper",
        "sandwich",
        "sandwich-bounded",
        "sandwich-moments",
        "leading-order",
        "persistent",
    }
)
TRIVIAL = 1e-8  # below this an observed quantity of one round may be rounding, and its agreement with a bound says nothing

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class CaseResult:
    """One case, what it was computed from, and every check on it."""

    case: SuiteCase
    result: Result
    checks: tuple[BoundCheck, ...]
    seconds: float
    facts: dict[str, float]


@dataclass(frozen=True)
class MutantResult:
    """A wrong version of a claim: where the numbers rejected it."""

    id: str
    title: str
    killed_by: str | None


@dataclass
class ClaimResult:
    """A claim over the whole suite."""

    claim: theory.Claim
    proof: theory.Proof
    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    tightness: float = math.inf
    tightest: str = ""
    tight_check: BoundCheck | None = None
    violated_by: BoundCheck | None = None
    violated_on: str = ""
    mutants: list[MutantResult] = field(default_factory=list)

    @property
    def informative(self) -> bool:
        """Whether the claim held somewhere with a bound near what was observed."""
        limit = INFORMATIVE_SANDWICH if self.claim.id in SANDWICH_ONLY else INFORMATIVE
        return self.counts[Verdict.HOLDS] > 0 and self.tightness <= limit

    def shortfalls(self, *, complete: bool) -> list[str]:
        """What did not come out as expected. ``complete``: the suite had every case, so silence counts against the claim."""
        out = []
        wanted = "refuted" if self.claim.expected == "false" else "proved"
        if self.proof.status not in (wanted, "conditional"):
            out.append(f"{self.claim.id}: proof says {self.proof.status}, expected {wanted}")
        if not self.claim.numeric_side:
            return out
        if self.claim.expected == "true":
            if self.violated_by is not None:
                out.append(f"{self.claim.id}: VIOLATED on {self.violated_on}: {self.violated_by.detail}")
            if complete and not self.informative:
                best = "never held" if not self.counts[Verdict.HOLDS] else f"best bound/observed {self.tightness:.3g}"
                out.append(f"{self.claim.id}: no informative case ({best})")
        elif complete and self.violated_by is None:
            out.append(f"{self.claim.id}: expected to be VIOLATED on some case and was not")
        if complete:
            out += [f"{mutant.id}: this mutant was not VIOLATED on any case" for mutant in self.mutants if not mutant.killed_by]
        return out


@dataclass(frozen=True)
class Verification:
    """The outcome of one run."""

    seed: int
    cases: tuple[CaseResult, ...]
    claims: tuple[ClaimResult, ...]
    shortfalls: tuple[str, ...]
    seconds: float

    @property
    def exit_status(self) -> int:
        """0 as expected, 1 something was not, 3 nothing conclusive."""
        if self.shortfalls:
            return 1
        conclusive = sum(result.counts[Verdict.HOLDS] + result.counts[Verdict.VIOLATED] for result in self.claims)
        return 0 if conclusive else 3


def run_suite(
    cases: Sequence[SuiteCase],
    claims: Sequence[theory.Claim],
    *,
    seed: int,
    complete: bool,
    progress: Progress = lambda label, done, total: None,
    family_level: float = FAMILY_LEVEL,
) -> Verification:
    """Compute every case from its own stream of ``seed`` and judge every claim and mutant on it.

    The stream of a case depends on the seed and on its label alone, so that a subset of cases gives the same numbers.
    ``family_level`` is the chance that any simulated number of the run misses its interval, by design.
    """
    began = time.monotonic()
    total = len(cases) + 1
    outcomes = {claim.id: ClaimResult(claim, claim.prove()) for claim in claims}
    everything = [one for claim in claims for one in (claim, *claim.mutants)]
    owner = {one.id: claim.id for claim in claims for one in (claim, *claim.mutants)}
    kills: dict[str, str] = {}
    simulated = max(sum(case.simulated for case in cases), 1)
    results = []
    for done, case in enumerate(cases, start=1):
        progress(case.label, done, total)
        start = time.monotonic()
        rng = np.random.default_rng([seed, *case.label.encode()])
        result = case.build(rng)
        confidence = 1.0 - family_level / simulated
        if isinstance(result, Generation):
            checks = check_generation(result, everything, confidence=confidence)
        elif isinstance(result, Recursion):
            checks = check_recursion(result, everything, confidence=confidence)
        else:
            checks = check_refits(result, everything, confidence=confidence)
        own = []
        for one in checks:
            if one.claim in outcomes:
                own.append(one)
                _count(outcomes[one.claim], one, case.label)
            elif one.verdict is Verdict.VIOLATED and owner[one.claim] in outcomes:
                kills.setdefault(one.claim, case.label)
        results.append(CaseResult(case, result, tuple(own), time.monotonic() - start, facts(result)))
    for outcome in outcomes.values():
        outcome.mutants = [MutantResult(m.id, m.title, kills.get(m.id)) for m in outcome.claim.mutants if m.numeric_side]
    shortfalls = [line for outcome in outcomes.values() for line in outcome.shortfalls(complete=complete)]
    return Verification(seed, tuple(results), tuple(outcomes.values()), tuple(shortfalls), time.monotonic() - began)


def _count(outcome: ClaimResult, check: BoundCheck, label: str) -> None:
    outcome.counts[check.verdict] += 1
    if check.verdict is Verdict.VIOLATED and outcome.violated_by is None:
        outcome.violated_by, outcome.violated_on = check, label
    said = check.kind == "equality" or check.observed > (TRIVIAL if check.generation is None else 0.0)
    if check.verdict is Verdict.HOLDS and said and check.tightness < outcome.tightness:
        outcome.tightness, outcome.tightest, outcome.tight_check = check.tightness, label, check


def facts(result: Result) -> dict[str, float]:
    """How far a Gaussian case is from the easy one: commutator, skew part, offset, condition number."""
    if not isinstance(result, Generation):
        return {}
    out = {"ideal_energy": float(result.ideal_energy)}
    if not isinstance(result.target, Gaussian) or not isinstance(result.error, AffineError):
        return out
    matrix, offset = result.error.at(1.0)
    cov = result.target.cov
    size = float(np.linalg.norm(matrix)) or 1.0
    out["commutator"] = float(np.linalg.norm(matrix @ cov - cov @ matrix) / (size * np.linalg.norm(cov)))
    out["skew"] = float(np.linalg.norm(matrix - matrix.T) / (2.0 * size))
    out["offset"] = float(np.linalg.norm(offset))
    out["condition"] = float(np.linalg.cond(cov))
    return out


def selected(ids: Iterable[str] | None) -> tuple[theory.Claim, ...]:
    """The named claims, or all of them; KeyError names the closest ids."""
    return theory.claims() if ids is None else tuple(theory.claim(one) for one in ids)
