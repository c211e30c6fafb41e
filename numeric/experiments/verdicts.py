"""An experiment held against the claims: its numbers as cases, judged by ``check_case`` like everything else.

The reverse process of a learned law ends in that law noised for t0, whatever its horizon T. Started at p^_T it does not start
where the ideal one does, so the claims of one round, which ask for a common start, are held with the horizon at infinity,
where both start at
N(0, I): what the energies gain beyond T is twice the KL of the two laws at T. The energies are those by scores, the
divergences those
by densities at t0: two routes.

Claims about chi2 and J_i that use nothing but how densities mix are held in the space of the kernel, MMD² for chi2, where
every number of a run is exact and the training points measure the mixture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from numeric.estimate import Estimate
from numeric.experiments.embedding import KERNEL_RANGE
from numeric.experiments.experiment import Experiment
from numeric.experiments.generation_record import GenerationRecord, Prediction
from numeric.experiments.round_energies import RoundEnergies
from numeric.judging.checks import Claims, check_case
from numeric.judging.formula import Interval
from numeric.judging.quantities import Case, measured
from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.validation import Array

__all__ = [
    "DRIFT_CLAIMS",
    "KERNEL_CLAIMS",
    "ROUND_CLAIMS",
    "TrialCheck",
    "beyond_horizon",
    "judge_experiment",
    "judge_limits",
    "judge_rounds",
]

ROUND_CLAIMS = ("girsanov-kl", "girsanov-reverse-kl")
KERNEL_CLAIMS = ("refresh", "discounted-identity", "two-sided-max", "triangle", "consecutive-floor")
DRIFT_CLAIMS = ("tv-discount", "mmd-discount", "divergence-table")
STATEMENTS = 10  # noisy numbers of one round
ROUNDING = 1e-9
FLOOR = 1e-14
HEAVY = 3.0  # of the standard error of a mean of squared density ratios
AT_INFINITY = "; energies over [t0, inf), where both processes start at N(0, I)"
IN_KERNEL = "; taken with MMD² for chi2"


@dataclass(frozen=True)
class TrialCheck:
    """A check and where it was made: fresh fraction, run (None for the population limit or all runs together), generation."""

    alpha: float
    run: int | None
    generation: int | None
    check: BoundCheck


def judge_experiment(
    experiment: Experiment, claims: Claims = None, *, confidence: float = 0.999999, rounds: Claims = ROUND_CLAIMS
) -> list[TrialCheck]:
    """Every round, every run and every recursion against the claims that can be formed of them.

    Args:
        experiment: complete or not.
        claims: of whole runs; default KERNEL_CLAIMS and DRIFT_CLAIMS. rounds: of single rounds.
        confidence: of all intervals together.
    """
    level = _level(experiment, confidence)
    out = judge_rounds(experiment, rounds, confidence=confidence)
    for (index, run), records in sorted(experiment.records.items()):
        alpha = experiment.protocol.alphas[index]
        if not records:
            continue
        share = experiment.protocol.share(alpha)
        pairs: list[tuple[Case, Claims, str]] = [
            (kernel_case(records, share, level), KERNEL_CLAIMS if claims is None else claims, IN_KERNEL),
            (drift_case(records, share, level), DRIFT_CLAIMS if claims is None else claims, ""),
        ]
        for case, chosen, said in pairs:
            for check in check_case(case, chosen):
                if check.verdict is not Verdict.ASSUMPTION_FAILS or claims is None:
                    note = said or (AT_INFINITY if check.claim.endswith("-discount") else "")
                    out.append(TrialCheck(alpha, run, check.generation, _said(check, note)))
    return out


def judge_rounds(experiment: Experiment, claims: Claims, *, confidence: float = 0.999999) -> list[TrialCheck]:
    """Every round of every run, and of the population limit, by itself."""
    level, out = _level(experiment, confidence), []
    alphas = experiment.protocol.alphas
    rounds = [
        (alphas[index], run, one.generation, one.energies)
        for (index, run), records in sorted(experiment.records.items())
        for one in records
    ]
    limit = [
        (alphas[index], None, one.generation, one.energies)
        for index, records in sorted(experiment.population.items())
        for one in records
    ]
    for alpha, run, generation, energies in [*rounds, *limit]:
        for check in check_case(round_case(energies, level), claims):
            out.append(TrialCheck(alpha, run, generation, _said(check, AT_INFINITY)))
    return out


def judge_limits(experiment: Experiment, claims: Claims, *, confidence: float = 0.999999) -> list[TrialCheck]:
    """The means over runs beside their exact expectations, as quantities NAME and NAME_limit of ``claims``."""
    names: dict[str, Callable[[GenerationRecord], Prediction | None]] = {
        "within": lambda record: record.within,
        "within_unstopped": lambda record: record.within_unstopped,
        "second_moment": lambda record: record.second_moment,
    }
    protocol = experiment.protocol
    statements = len(names) * len(protocol.alphas) * protocol.generations
    level = 1.0 - (1.0 - confidence) / statements
    out = []
    for index, alpha in enumerate(protocol.alphas):
        for generation in range(1, protocol.generations + 1):
            records = experiment.generation(index, generation)
            found: dict[str, Interval | Callable[[], Interval]] = {}
            for name, get in names.items():
                pooled = pooled_prediction([get(record) for record in records])
                if pooled is not None:
                    value = Estimate(pooled.measured, pooled.stderr, len(records) * protocol.n)
                    found[name], found[f"{name}_limit"] = measured(value, level), Interval.point(pooled.expected)
            for check in check_case(Case(found), claims):
                out.append(TrialCheck(alpha, None, generation, check))
    return out


def pooled_prediction(values: Sequence[Prediction | None]) -> Prediction | None:
    """The mean over runs with its standard error; None where a run has none."""
    known = [value for value in values if value is not None]
    if not known or len(known) != len(values):
        return None
    variance = sum(value.stderr**2 for value in known) / len(known) ** 2
    return Prediction(float(np.mean([value.measured for value in known])), known[0].expected, math.sqrt(variance))


def beyond_horizon(energies: RoundEnergies) -> tuple[Estimate | None, Estimate | None]:
    """(ideal, learned) energy over [t0, inf) by scores: the integral up to T and twice the KL of the laws at T."""
    pairs = (
        (energies.ideal_energy_nodes, energies.ideal_energy, energies.reverse_kl),
        (energies.learned_energy_nodes, energies.learned_energy, energies.kl),
    )
    out: list[Estimate | None] = []
    for by_scores, by_densities, divergence in pairs:
        if by_densities is None or divergence is None:
            out.append(None)
            continue
        rest = max(2.0 * divergence.value - by_densities.value, 0.0)
        error = math.sqrt(max(by_densities.stderr**2 - 4.0 * divergence.stderr**2, 0.0))
        whole = by_densities if by_scores is None else by_scores
        out.append(Estimate(whole.value + rest, math.hypot(whole.stderr, error), whole.n))
    return out[0], out[1]


def round_case(energies: RoundEnergies, level: float) -> Case:
    """One round under the names that claims use."""
    ideal, learned = beyond_horizon(energies)
    found: dict[str, Interval | Callable[[], Interval]] = {"initial_kl": Interval.point(0.0)}
    values = {
        "ideal_energy": ideal,
        "learned_energy": learned,
        "kl": energies.kl,
        "reverse_kl": energies.reverse_kl,
        "visible_energy": energies.visible_energy,
        "observability": energies.observability,
    }
    for name, value in values.items():
        if value is not None:
            found[name] = measured(value, level)
    if energies.chi2 is not None:
        found["chi2"] = measured(energies.chi2, level, doubt=energies.reasons.get("chi2", ""), widen=HEAVY)
    return Case(found)


def kernel_case(records: Sequence[GenerationRecord], share: float, level: float) -> Case:
    """A run in the space of the kernel: MMD² for chi2, |g_i| for J_i, and the training points' MMD² for that of the mixture."""
    count = len(records)
    drift = np.array([0.0, *(record.mmd**2 for record in records)])
    gram = np.zeros((count, count))
    for i, record in enumerate(records):
        gram[i, : i + 1] = gram[: i + 1, i] = record.gram
    squares = np.diagonal(gram)
    sums = [0.0]
    for square in squares.tolist():
        sums.append((1.0 - share) ** 2 * sums[-1] + square)
    divergence, discounted = _exact(drift), _exact(np.array(sums))
    sizes = np.sqrt(squares)
    found: dict[str, Interval | Callable[[], Interval]] = {
        "fresh_fraction": Interval.point(np.full(count, share)),
        "divergence": divergence,
        "mixed": _measured_array([record.training_mmd2 for record in records], level),
        "innovation": _exact(sizes),
        "gram": Interval.around(gram, ROUNDING * np.outer(sizes, sizes) + FLOOR),
        "initial_gram": Interval.point(np.zeros(count)),
        "discounted_sum": discounted,
        "accumulates": Interval.point(0.0),
    }
    for name, base in (("max_divergence", divergence), ("max_discounted_sum", discounted)):
        found[name] = Interval(np.maximum.accumulate(base.low), np.maximum.accumulate(base.high))
    if share > 0.0:
        found["alpha"] = Interval.point(share)
    return Case(found, rounds=count)


def drift_case(records: Sequence[GenerationRecord], share: float, level: float) -> Case:
    """A run's TV and MMD with what the losses and the early stop allow them."""
    count = len(records)
    drift = np.array([0.0, *(record.mmd for record in records)])
    mixed = _measured_array([record.training_mmd2 for record in records], level)
    found: dict[str, Interval | Callable[[], Interval]] = {
        "fresh_fraction": Interval.point(np.full(count, share)),
        "initial_kl": Interval.point(0.0),
        "kernel_range": Interval.point(KERNEL_RANGE),
        "mmd": _exact(drift),
        "mixed_mmd": Interval(np.sqrt(np.maximum(mixed.low, 0.0)), np.sqrt(np.maximum(mixed.high, 0.0)), True),
        "smoothing_mmd": _exact(np.array([record.smoothing_mmd for record in records])),
        "tv": _measured_array([0.0, *(record.tv for record in records)], level, top=1.0),
        "smoothing_tv": _measured_array([record.smoothing_tv for record in records], level, top=1.0),
    }
    learned = [beyond_horizon(record.energies)[1] for record in records]
    known = [value for value in learned if value is not None]
    if len(known) == count:
        found["learned_energies"] = _measured_array(known, level)
    return Case(found, rounds=count)


def _exact(values: Array) -> Interval:
    return Interval.around(values, ROUNDING * np.abs(values) + FLOOR)


def _measured_array(values: Sequence[float | Estimate], level: float, top: float = math.inf) -> Interval:
    parts = [measured(value, level) for value in values]
    low, high = (np.array([float(getattr(part, end)) for part in parts]) for end in ("low", "high"))
    doubt = next((part.doubt for part in parts if part.doubt), "")
    return Interval(np.clip(low, 0.0, top), np.clip(high, 0.0, top), any(part.noisy for part in parts), doubt)


def _level(experiment: Experiment, confidence: float) -> float:
    rounds = max(experiment.protocol.rounds, 1)
    return min(1.0 - (1.0 - confidence) / (STATEMENTS * rounds), math.nextafter(1.0, 0.0))


def _said(check: BoundCheck, note: str) -> BoundCheck:
    return replace(check, detail=check.detail + note)
