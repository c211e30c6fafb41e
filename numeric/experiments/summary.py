"""An experiment generation by generation, with standard errors over runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from numeric.estimate import Estimate
from numeric.experiments.experiment import Experiment, over_runs
from numeric.experiments.generation_record import GenerationRecord, Prediction, Quantity
from numeric.experiments.linear_moments import MomentPath
from numeric.experiments.verdicts import pooled_prediction

__all__ = ["QUANTITIES", "Growth", "SummaryRow", "growths", "summary_rows"]

DRIFTS = 2.0  # growth of the variance within components above which a fraction is said to drift
STAYS = 1.1  # and below which it is said to stay
DECADES = 1.0 / math.log(10.0)


def _scaled(value: Quantity) -> Quantity:
    if isinstance(value, Estimate):
        return Estimate(value.value * DECADES, value.stderr * DECADES, value.n, value.ess)
    return value * DECADES


def _energy(name: str) -> Callable[[GenerationRecord], Quantity]:
    def get(record: GenerationRecord) -> Quantity:
        found = getattr(record.energies, name)
        return math.nan if found is None else found

    return get


QUANTITIES: dict[str, tuple[str, Callable[[GenerationRecord], Quantity]]] = {
    "log10_chi2": ("log10(1 + chi2(p^n || p))", lambda record: _scaled(record.log_chi2)),
    "kl": ("KL(p^n || p)", lambda record: record.kl),
    "tv": ("TV(p^n, p)", lambda record: record.tv),
    "marginal_w1": ("W1 of the marginals, mean over coordinates", lambda record: float(np.mean(record.marginal_w1))),
    "largest_w1": ("W1 of the marginals, largest", lambda record: max(record.marginal_w1)),
    "marginal_tv": ("TV of the marginals, mean over coordinates", lambda record: float(np.mean(record.marginal_tv))),
    "marginal_kl": ("KL of the marginals, mean over coordinates", lambda record: float(np.mean(record.marginal_kl))),
    "mmd": ("MMD(p^n, p)", lambda record: record.mmd),
    "second_moment": ("E|x|²/d of p^n", lambda record: record.second_moment.measured),
    "ideal_energy": ("eps*², by densities", _energy("ideal_energy")),
    "learned_energy": ("epŝ², by densities", _energy("learned_energy")),
    "ideal_energy_nodes": ("eps*², by scores", _energy("ideal_energy_nodes")),
    "learned_energy_nodes": ("epŝ², by scores", _energy("learned_energy_nodes")),
    "round_kl": ("KL(p^n || q_{n-1,t0})", _energy("kl")),
    "round_reverse_kl": ("KL(q_{n-1,t0} || p^n)", _energy("reverse_kl")),
    "smoothing_tv": ("TV(q_{n-1,t0}, q_{n-1})", lambda record: record.smoothing_tv),
    "smoothing_mmd": ("MMD(q_{n-1,t0}, q_{n-1})", lambda record: record.smoothing_mmd),
}


@dataclass(frozen=True, eq=False)
class SummaryRow:
    """Generation n at one fresh fraction.

    Attributes:
        alpha, generation, runs: where, and how many runs have come so far.
        values: by name of QUANTITIES: mean and standard error over runs; None where it is infinite or missing.
        reason: why chi2(p^n || p) is infinite, "" where it is not.
        chi2_ceiling: log10(1 + chi2) is at most this in every run.
        chi2_ess: least effective number of draws behind chi2, None where it is exact or infinite.
        within, within_unstopped, second_moment: means over runs beside their exact expectations.
        closed_form: sigma² + h² (1 - rho^n)/alpha, None unless a KDE.
        observability: eta of this round in the first run, where it was measured.
        population_observability, population_ideal_energy: in the population limit.
        population_divergence: D_n there, inf with population_reason.
    """

    alpha: float
    generation: int
    runs: int
    values: dict[str, Estimate | None]
    reason: str
    chi2_ceiling: float
    chi2_ess: float | None
    within: Prediction | None
    within_unstopped: Prediction | None
    second_moment: Prediction | None
    closed_form: float | None
    observability: Estimate | None
    population_observability: Estimate | None
    population_ideal_energy: Estimate | None
    population_divergence: Quantity | None
    population_reason: str


def summary_rows(experiment: Experiment, index: int) -> list[SummaryRow]:
    """One row per generation that at least one run has come to."""
    protocol, rows = experiment.protocol, []
    path = MomentPath(protocol, protocol.alphas[index])
    for generation in range(1, protocol.generations + 1):
        records = experiment.generation(index, generation)
        if not records:
            break
        limit = experiment.population.get(index, [])
        one = limit[generation - 1] if len(limit) >= generation else None
        sizes = [record.log_chi2.ess for record in records if isinstance(record.log_chi2, Estimate)]
        rows.append(
            SummaryRow(
                alpha=protocol.alphas[index],
                generation=generation,
                runs=len(records),
                values={name: over_runs([get(record) for record in records]) for name, (_, get) in QUANTITIES.items()},
                reason=next((record.chi2_reason for record in records if record.chi2_reason), ""),
                chi2_ceiling=max(record.log_chi2_ceiling for record in records) * DECADES,
                chi2_ess=min((size for size in sizes if size is not None), default=None),
                within=pooled_prediction([record.within for record in records]),
                within_unstopped=pooled_prediction([record.within_unstopped for record in records]),
                second_moment=pooled_prediction([record.second_moment for record in records]),
                closed_form=path.closed_form(generation) if protocol.retrain == "kde" else None,
                observability=_first(experiment, index, generation),
                population_observability=None if one is None else one.energies.observability,
                population_ideal_energy=None if one is None else one.energies.ideal_energy,
                population_divergence=None if one is None else one.divergence,
                population_reason="" if one is None else one.reason,
            )
        )
    return rows


def _first(experiment: Experiment, index: int, generation: int) -> Estimate | None:
    found = experiment.records[index, 0]
    return found[generation - 1].energies.observability if len(found) >= generation else None


@dataclass(frozen=True, eq=False)
class Growth:
    """What a figure of the runs at one fresh fraction shows, as numbers with standard errors over runs.

    Attributes:
        alpha: the fraction. first, last: variance within components of the laws learned in the first and the last round.
        factor: last over first.
        data: variance within components of the data.
        kl, mmd, w1: of the last generation from the data.
        word: "drifts" where the whole 95 % interval of factor lies above 2, "stays" where it lies below 1.1, else "widens"
        where it
            lies above 1; "" otherwise, or where fits forget components.
    """

    alpha: float
    generations: int
    first: Estimate | None
    last: Estimate | None
    factor: Estimate | None
    data: float
    kl: Estimate | None
    mmd: Estimate | None
    w1: Estimate | None
    word: str


def growths(experiment: Experiment) -> list[Growth]:
    """One per fresh fraction, over the runs that are complete."""
    protocol, out = experiment.protocol, []
    for index, alpha in enumerate(protocol.alphas):
        every = [experiment.records[index, run] for run in range(protocol.runs)]
        runs = [records for records in every if len(records) == protocol.generations]
        ends = [(_within(records[0]), _within(records[-1])) for records in runs]
        remembers = bool(runs) and runs[0][0].within is not None
        first, last, factor = (
            (over_runs([a for a, _ in ends]), over_runs([b for _, b in ends]), over_runs([b / a for a, b in ends]))
            if remembers
            else (None, None, None)
        )
        final = [records[-1] for records in runs]
        kl, mmd, w1 = (over_runs([QUANTITIES[name][1](record) for record in final]) for name in ("kl", "mmd", "marginal_w1"))
        within = MomentPath(protocol, alpha).within
        out.append(Growth(alpha, protocol.generations, first, last, factor, within, kl, mmd, w1, _word(factor)))
    return out


def _within(record: GenerationRecord) -> float:
    return math.nan if record.within is None else record.within.measured


def _word(factor: Estimate | None) -> str:
    if factor is None or factor.n < 2:
        return ""
    low, high = factor.interval(0.95)
    if low > DRIFTS:
        return "drifts"
    if high < STAYS:
        return "stays"
    return "widens" if low > 1.0 else ""
