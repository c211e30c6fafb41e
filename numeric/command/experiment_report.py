"""What an experiment amounts to: rows, verdicts, findings in words, and the content of ``report.json``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from numeric.command.experiment_claims import LIMITS, PERTURBATIVE, ROUNDS
from numeric.command.experiment_setup import Setup, reproduce
from numeric.command.report import environment
from numeric.command.status import FAILED, check_status
from numeric.estimate import Estimate
from numeric.experiments.experiment import Experiment
from numeric.experiments.generation_record import Prediction
from numeric.experiments.image_drift import ImageDrift, contradictions, measure_image_drift
from numeric.experiments.images import Fidelity, target_fidelity
from numeric.experiments.summary import Growth, SummaryRow, growths, summary_rows
from numeric.experiments.verdicts import TrialCheck, judge_experiment, judge_limits, judge_rounds
from numeric.judging.verdicts import Verdict
from numeric.samples.sample_drift import SampleDrift

__all__ = ["ExperimentReport", "experiment_json", "with_error"]

CONFIDENCE = 0.95
FEWEST_DRAWN = 50  # images outside the fit, below which nothing is said of them
DRAWN = 0.999  # confidence of each interval from draws alone


@dataclass(frozen=True, eq=False)
class ExperimentReport:
    """An experiment judged.

    Attributes:
        experiment, setup, arguments: what was run.
        rows: one list per fresh fraction. growths: what its figure shows, one per fresh fraction.
        checks: every check of every claim. limits: of the means over runs against their exact expectations, among them.
        perturbative: by fresh fraction and generation: in how many runs eps*² <= 1 holds and fails beyond noise.
        seen: for images, by fresh fraction: the drift of every generation that the draws of the first run show by themselves.
        fidelity: how far the images are from p.
        contradictions: lower bounds from draws above what the densities give; none unless something is wrong.
        findings, remarks: sentences.
    """

    experiment: Experiment
    setup: Setup
    arguments: Mapping[str, Any]
    rows: list[list[SummaryRow]]
    growths: list[Growth]
    checks: list[TrialCheck]
    limits: list[TrialCheck]
    perturbative: list[tuple[float, int, int, int]]
    seen: list[tuple[ImageDrift, ...]]
    fidelity: Fidelity | None
    contradictions: list[str]
    findings: list[str]
    remarks: list[str]

    @staticmethod
    def of(experiment: Experiment, setup: Setup, arguments: Mapping[str, Any]) -> ExperimentReport:
        """Judge an experiment, complete or not."""
        protocol = experiment.protocol
        rows = [summary_rows(experiment, index) for index in range(len(protocol.alphas))]
        found = growths(experiment)
        limits = judge_limits(experiment, LIMITS)
        checks = judge_experiment(experiment, rounds=ROUNDS) + limits
        perturbative = _perturbative(experiment)
        findings = [_grown(growth) for growth in found if growth.kl is not None]
        seen, fidelity = _from_draws(experiment, setup)
        against = list(_contradictions(experiment, seen))
        remarks = list(_remarks(experiment, rows, perturbative))
        if seen and not against:
            remarks.append("No lower bound of TV or chi2 that the draws give by themselves exceeds what the densities give.")
        remarks += against
        return ExperimentReport(
            experiment,
            setup,
            arguments,
            rows,
            found,
            checks,
            limits,
            perturbative,
            seen,
            fidelity,
            against,
            findings,
            remarks,
        )

    @property
    def counts(self) -> dict[str, dict[Verdict, int]]:
        """How often each claim came out how."""
        out: dict[str, dict[Verdict, int]] = {}
        for one in self.checks:
            row = out.setdefault(one.check.claim, dict.fromkeys(Verdict, 0))
            row[one.check.verdict] += 1
        return out

    @property
    def exit_status(self) -> int:
        """What the verdicts call for; two routes that contradict each other are a failure."""
        return FAILED if self.contradictions else check_status(tuple(one.check for one in self.checks))


def _from_draws(experiment: Experiment, setup: Setup) -> tuple[list[tuple[ImageDrift, ...]], Fidelity | None]:
    """For images: the drift of the kept draws of every first run, from p and from images outside its fit."""
    if setup.pictures is None or setup.pictures.target.held_out.shape[0] < FEWEST_DRAWN:
        return [], None
    protocol, target = experiment.protocol, setup.pictures.target
    draws = [experiment.sheets[index, 0] for index in range(len(protocol.alphas))]
    many = measure_image_drift(
        target.law, target.held_out, [one for part in draws for one in part], rng=protocol.seed, confidence=DRAWN
    )
    ends = np.cumsum([0, *(part.shape[0] for part in draws)]).tolist()
    return [many[first:last] for first, last in pairwise(ends)], target_fidelity(target, rng=protocol.seed)


def _contradictions(experiment: Experiment, seen: list[tuple[ImageDrift, ...]]) -> Iterator[str]:
    for index, drifts in enumerate(seen):
        alpha = experiment.protocol.alphas[index]
        for record, drift in zip(experiment.records[index, 0], drifts, strict=True):
            for sentence in contradictions(record, drift.law):
                yield f"CONTRADICTION at alpha = {alpha:g}, generation {record.generation}: {sentence}."


def _perturbative(experiment: Experiment) -> list[tuple[float, int, int, int]]:
    counts: dict[tuple[float, int], list[int]] = {}
    for one in judge_rounds(experiment, (PERTURBATIVE,)):
        if one.run is not None and one.generation is not None:
            row = counts.setdefault((one.alpha, one.generation), [0, 0])
            row[0] += one.check.verdict is Verdict.HOLDS
            row[1] += one.check.verdict is Verdict.VIOLATED
    return [(alpha, generation, *row) for (alpha, generation), row in counts.items()]  # type: ignore[misc]


def with_error(number: float, error: float) -> str:
    """1.234(5) for 1.234 with a standard error of 0.005."""
    if not math.isfinite(number):
        return str(number)
    if not (error > 0.0 and math.isfinite(error)):
        return f"{number:.4g}"
    digits = max(-math.floor(math.log10(error)), 0)
    if digits > 0 and round(error * 10**digits) >= 10:
        digits -= 1
    return f"{number:.{digits}f}({round(error * 10**digits)})"


def _said(value: Estimate | None) -> str:
    return "-" if value is None else with_error(value.value, value.stderr)


def _grown(growth: Growth) -> str:
    """What the figure of one fresh fraction shows, in a sentence."""
    far = f"KL {_said(growth.kl)}, MMD {_said(growth.mmd)}, W1 of the marginals {_said(growth.w1)}"
    end = f"at generation {growth.generations} {far}"
    if growth.factor is None or growth.first is None or growth.last is None:
        return f"alpha = {growth.alpha:g}: {end}."
    word = f" {growth.word}" if growth.word else ""
    interval = ""
    if growth.factor.n > 1:
        low, high = growth.factor.interval(CONFIDENCE)
        interval = f" [{low:.3f}, {high:.3f}]"
    return (
        f"alpha = {growth.alpha:g}{word}: variance within components {_said(growth.first)} after one round, "
        f"{_said(growth.last)} after "
        f"{growth.generations}, a factor {growth.factor.value:.3f}{interval}; the data's is {growth.data:.3g}; {end}."
    )


def _remarks(
    experiment: Experiment, rows: list[list[SummaryRow]], perturbative: list[tuple[float, int, int, int]]
) -> Iterator[str]:
    protocol = experiment.protocol
    if not experiment.complete:
        done = sum(map(len, experiment.records.values()))
        yield f"Interrupted: {done} of {len(experiment.records) * protocol.generations} generations of the runs are here."
    every = [row for part in rows for row in part]
    for name, title in (
        ("within", "variance within components against its exact recursion with early stopping"),
        ("within_unstopped", "the same without early stopping against sigma² + h² (1 - rho^n)/alpha"),
        ("second_moment", "E|x|²/d against its exact recursion"),
    ):
        scores = [value.z for row in every if (value := getattr(row, name)) is not None]
        if scores:
            worst = max(map(abs, scores))
            yield f"Population limit, {title}: at most {worst:.2f} standard errors off in {len(scores)} means over runs."
    failing = [(alpha, generation) for alpha, generation, _, fails in perturbative if fails]
    if failing:
        parts = []
        for alpha in protocol.alphas:
            found = [generation - 1 for share, generation in failing if share == alpha]
            if found:
                parts.append(f"alpha = {alpha:g} in rounds {_ranges(found)}")
        yield (
            f"eps*² exceeds 1 beyond noise in some run at {'; '.join(parts)}: there the hypothesis eps*² <= 1 of "
            "KTV-A, Prop. 3.3 itself "
            "fails, and its lower bound I >= eta eps*²/8 says nothing."
        )
    infinite = next((row for row in every if row.population_reason), None)
    if infinite is not None and protocol.retrain == "kde":
        finite = any(row.values["log10_chi2"] is not None for row in every)
        tail = (
            " With finitely many centres D_n is finite: a kernel has less than twice the variance of the data's components. "
            "It is carried by the outermost centres, and its mean over runs does not exist: read it as an order of magnitude."
        )
        yield (
            f"In the population limit D_n is infinite from generation {infinite.generation} on at alpha = {infinite.alpha:g} "
            f"({infinite.population_reason}).{tail if finite else ''}"
        )
    yield (
        "The path chi2 X is not computed: the squared score error is unbounded, so that no simulated X could be told "
        "from an infinite "
        "one. Claims that need X, or constants of A3 and A4 (path-chi2, sandwich, observability-lower, "
        "observability-upper), are not "
        "decided here."
    )
    yield (
        "With a learned score that is the exact score of the learned law, girsanov-kl and girsanov-reverse-kl are "
        "equalities: noise can "
        "never confirm them, and de-bruijn-kl and de-bruijn-reverse-kl, held between two routes, say so."
    )


def _ranges(numbers: list[int]) -> str:
    """0-3, 7 for 0, 1, 2, 3, 7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def experiment_json(report: ExperimentReport) -> dict[str, Any]:
    """Everything as plain values; of the environment versions only, and no times, so that equal seeds give equal reports."""
    experiment, protocol = report.experiment, report.experiment.protocol
    return {
        "command": "simulate",
        "arguments": dict(report.arguments),
        "reproduce": " ".join(reproduce(report.arguments)),
        "environment": environment(),
        "target": report.setup.described,
        "protocol": protocol.to_dict(),
        "fingerprint": protocol.fingerprint,
        "complete": experiment.complete,
        "exit_status": report.exit_status,
        "findings": report.findings,
        "remarks": report.remarks,
        "generations": [_row_json(row) for rows in report.rows for row in rows],
        "claims": {
            claim: {verdict.value: count for verdict, count in counts.items()} for claim, counts in report.counts.items()
        },
        "perturbative": [
            {"alpha": alpha, "generation": generation, "runs_holding": holds, "runs_failing": fails}
            for alpha, generation, holds, fails in report.perturbative
        ],
        "draws": [
            {"alpha": alpha, "generation": n, "law": _drift_json(one.law), "images": _drift_json(one.images)}
            for alpha, drifts in zip(protocol.alphas, report.seen, strict=False)
            for n, one in enumerate(drifts, start=1)
        ],
        "checks": [_check_json(one) for one in report.checks],
        "runs": [
            {"alpha": protocol.alphas[index], "run": run, "generations": [record.to_dict() for record in records]}
            for (index, run), records in sorted(experiment.records.items())
        ],
        "population": [
            {"alpha": protocol.alphas[index], "generations": [record.to_dict() for record in records]}
            for index, records in sorted(experiment.population.items())
        ],
    }


def _drift_json(drift: SampleDrift) -> dict[str, Any]:
    return {
        name: {part: getattr(one, part) for part in ("low", "high", "confidence", "doubt")}
        for name, one in vars(drift).items()
        if one is not None
    }


def _row_json(row: SummaryRow) -> dict[str, Any]:
    out: dict[str, Any] = dict(vars(row))
    for name in ("within", "within_unstopped", "second_moment"):
        value: Prediction | None = out[name]
        out[name] = None if value is None else {**vars(value), "z": value.z}
    return out


def _check_json(one: TrialCheck) -> dict[str, Any]:
    check = one.check
    return {
        "claim": check.claim,
        "alpha": one.alpha,
        "run": one.run,
        "generation": one.generation,
        "kind": check.kind,
        "observed": check.observed,
        "bound": check.bound,
        "margin": check.margin,
        "verdict": check.verdict.value,
        "detail": check.detail,
    }
