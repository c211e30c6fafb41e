"""``driftbound plan``: how much fresh data a drift allows."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from numeric.command import tables
from numeric.command.inputs import InputError
from numeric.command.outputs import prepared, together
from numeric.command.report import as_json, environment, write_text
from numeric.command.status import OK
from numeric.plans.fresh_schedule import FreshSchedule, plan_schedule
from numeric.plans.plan import (
    Frontier,
    drift_ceiling,
    drift_floor,
    effective_memory,
    forgetting_time,
    frontier,
    plan_fresh_fraction,
    plan_sample_size,
)
from numeric.validation import FRACTION, NONNEGATIVE, POSITIVE, integer, real

__all__ = ["add", "run"]

EPILOG = """what the numbers mean:
  chi2: J² = eta eps² of every round, the leading order in the error. Errors that repeat (a bias of the model) end at
  J²/alpha²; independent ones (sampling noise) at J²/(alpha (2 - alpha)). Right while energy and drift are small against 1.
  tv: half the root of the learned energy over alpha; rigorous for errors of any size, up to the smoothing TV(q_t0, q) of early
  stopping. The budget counts fresh points; without --points it counts rounds' worth of data.

examples:
  driftbound plan --tolerance 0.1 --energy 0.004
  driftbound plan --tolerance 0.1 --energy 0.004 --observability 0.5 --incoherent --dimension 10
  driftbound plan --tolerance 0.2 --energy 0.01 --divergence tv --out plan
  driftbound plan --tolerance 0.5 --energy 0.01 --generations 20 --budget 100000 --points 50000
"""
NAMES = {"chi2": "chi2(p^N || p)", "tv": "TV(p^N, p)"}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser(
        "plan",
        help="least fresh data for a tolerated drift",
        description=run.__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--tolerance", type=float, required=True, metavar="D", help="the drift that is tolerated")
    parser.add_argument("--energy", type=float, required=True, metavar="E", help="score energy eps² of each round")
    parser.add_argument("--observability", type=float, default=1.0, metavar="H", help="eta in [0, 1], default 1; chi2 only")
    parser.add_argument("--incoherent", action="store_true", help="errors of different rounds are independent; chi2 only")
    parser.add_argument(
        "--divergence", choices=("chi2", "tv"), default="chi2", help="in which the drift is meant, default chi2"
    )
    parser.add_argument("--generations", type=int, metavar="N", help="plan for N rounds from the data on; default the long run")
    parser.add_argument("--dimension", type=int, metavar="d", help="dimension of the data: points per round as well")
    parser.add_argument("--budget", type=float, metavar="B", help="fresh points for all N rounds: when to spend them")
    parser.add_argument("--points", type=float, default=1.0, metavar="n", help="points that a round trains on, for --budget")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for report.json and the figures")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """The least fresh fraction for a tolerated drift, what it rests on, and what else follows from it."""
    tolerance = real("--tolerance", chosen.tolerance, POSITIVE)
    energy = real("--energy", chosen.energy, NONNEGATIVE)
    real("--observability", chosen.observability, FRACTION)
    real("--points", chosen.points, POSITIVE)
    for name in ("generations", "dimension"):
        if (value := getattr(chosen, name)) is not None:
            integer(f"--{name}", value)
    if chosen.divergence == "tv" and (chosen.incoherent or chosen.observability != 1.0):
        raise InputError("--incoherent and --observability must be left out with --divergence tv, whose bound knows neither")
    if chosen.budget is not None:
        real("--budget", chosen.budget, NONNEGATIVE)
        if chosen.generations is None:
            raise InputError("--budget must come with --generations, the number of rounds that share it")
    folder = None if chosen.out is None else prepared(chosen.out)
    plan = _plan(chosen, tolerance, energy)
    schedule = None
    if chosen.budget is not None:
        schedule = plan_schedule(
            chosen.budget,
            [energy] * chosen.generations,
            sample_size=chosen.points,
            observability=chosen.observability,
            coherent=not chosen.incoherent,
            divergence=chosen.divergence,
        )
        plan["schedule"] = {**vars(schedule), "value": schedule.value, "constant_value": schedule.constant_value}
    written: list[str] = []
    if folder is not None:
        with together(folder) as stage:
            _write(stage, plan, chosen, schedule)
            written = sorted(path.name for path in stage.iterdir())
    if chosen.json:
        print(as_json(plan))
    else:
        out = tables.console()
        _print(plan, schedule, out)
        if folder is not None:
            out.print(f"\nWritten to {folder}: {', '.join(written)}", markup=False)
    return OK


def _assumed(chosen: argparse.Namespace) -> dict[str, Any]:
    return {
        "observability": chosen.observability,
        "coherent": not chosen.incoherent,
        "divergence": chosen.divergence,
        "generations": chosen.generations,
    }


def _plan(chosen: argparse.Namespace, tolerance: float, energy: float) -> dict[str, Any]:
    assumed = _assumed(chosen)
    alpha = plan_fresh_fraction(tolerance, energy, **assumed)
    tv = chosen.divergence == "tv"
    plan: dict[str, Any] = {
        "command": "plan",
        "environment": environment(),
        "tolerance": tolerance,
        "energy": energy,
        **assumed,
        "alpha": alpha,
        "ceiling": drift_ceiling(alpha, energy, **assumed),
        "rigour": "rigorous up to smoothing" if tv else "leading order in the error",
        "least_tolerance": drift_ceiling(1.0, energy, **assumed),
        "floor": None if tv else drift_floor(alpha, energy, observability=chosen.observability),
        "effective_memory": effective_memory(alpha),
        "forgetting_time": forgetting_time(alpha),
    }
    if not tv:
        half = 0.5 * tolerance**0.5  # TV <= sqrt(chi2)/2: the tolerance in TV that belongs to this one
        plan["tv_tolerance"] = half
        plan["tv_alpha"] = _tv_fraction(half, energy, chosen.generations)
        other = {**assumed, "coherent": chosen.incoherent}
        plan["alpha_if_coherent" if chosen.incoherent else "alpha_if_independent"] = plan_fresh_fraction(
            tolerance, energy, **other
        )
    if chosen.dimension is not None:
        plan["points"] = plan_sample_size(energy, dim=chosen.dimension) if energy > 0.0 else None
    return plan


def _tv_fraction(tolerance: float, energy: float, generations: int | None) -> float | None:
    """The rigorous plan in TV, None where a tolerance of 1 or more needs none, or none serves."""
    if tolerance >= 1.0 or 0.5 * energy**0.5 > tolerance:
        return None
    return plan_fresh_fraction(tolerance, energy, divergence="tv", generations=generations)


def _frontiers(chosen: argparse.Namespace, alpha: float) -> dict[str, Frontier]:
    """The curve asked for first, and the others that it may be compared with, by name; around the planned fraction."""
    assumed = {**_assumed(chosen), "alpha": np.geomspace(min(1e-3, alpha / 3.0) if alpha > 0.0 else 1e-3, 1.0, 200)}
    rigorous = "total variation, rigorous up to smoothing"
    if chosen.divergence == "tv":
        return {rigorous: frontier(chosen.tolerance, **assumed)}
    seen = "" if chosen.observability == 1.0 else rf", $\eta = {chosen.observability:g}$"
    names = {True: f"errors that repeat{seen}", False: f"independent errors{seen}"}
    half = 0.5 * chosen.tolerance**0.5
    if half < 1.0 and chosen.observability == 1.0:  # the same curve twice
        names[True] += f"; also TV $\\leq$ {half:.3g}, rigorous"
    order = (not chosen.incoherent, chosen.incoherent)
    curves = {names[kind]: frontier(chosen.tolerance, **{**assumed, "coherent": kind}) for kind in order}
    if half < 1.0 and chosen.observability < 1.0:
        curves[rigorous] = frontier(half, divergence="tv", generations=chosen.generations, alpha=assumed["alpha"])
    return curves


def _write(stage: Path, plan: dict[str, Any], chosen: argparse.Namespace, schedule: FreshSchedule | None) -> None:
    from numeric.plots import plot_frontier, plot_schedule, save

    write_text(stage / "report.json", as_json(plan))
    if chosen.divergence == "tv" or chosen.observability > 0.0:
        point = (plan["alpha"], plan["energy"]) if plan["alpha"] > 0.0 and plan["energy"] > 0.0 else None
        curves = _frontiers(chosen, plan["alpha"])
        save(plot_frontier(list(curves.values()), labels=list(curves), point=point), stage / "frontier.png")
    if schedule is not None:
        save(plot_schedule(schedule), stage / "schedule.png")


def _print(plan: dict[str, Any], schedule: FreshSchedule | None, out: Console) -> None:
    name, number = NAMES[plan["divergence"]], tables.number
    chi2 = plan["divergence"] == "chi2"
    when = "in the long run" if plan["generations"] is None else f"after {plan['generations']} rounds"
    errors = "" if not chi2 else (", errors that repeat" if plan["coherent"] else ", independent errors")
    rows = [
        ("fresh fraction", number(plan["alpha"]), f"least for {name} <= {number(plan['tolerance'])} {when}{errors}"),
        ("", "", plan["rigour"] + (f" with J² = eta eps² = {number(plan['observability'] * plan['energy'])}" if chi2 else "")),
    ]
    if chi2:
        kind, key = ("independent", "alpha_if_independent") if plan["coherent"] else ("to repeat", "alpha_if_coherent")
        rows.append(("", number(plan[key]), f"if errors are {kind}" if plan["coherent"] else f"if errors turn out {kind}"))
        if plan["tv_alpha"] is not None:
            said = (
                f"keeps TV(p^N, p) <= {number(plan['tv_tolerance'])} rigorously, up to smoothing, where E is the learned energy"
            )
            rows.append(("", number(plan["tv_alpha"]), said))
        rows.append(("floor", number(plan["floor"]), "the larger of any two consecutive drifts is at least this"))
    rows += [
        (
            "least tolerance",
            number(plan["least_tolerance"]),
            "what one round may do at fresh fraction 1; no plan goes below it",
        ),
        ("memory", number(plan["effective_memory"]), "generations whose errors are still felt, 1/alpha"),
        ("", number(plan["forgetting_time"]), "generations in which the root of chi2, or TV, falls by a factor e"),
    ]
    if "points" in plan:
        shown = "any" if plan["points"] is None else str(plan["points"])
        rows.append(("points", shown, "per round at least, so that sampling alone stays within the energy: d(d+3)/(2 eps²)"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for row in rows:
        table.add_row(*row)
    out.print(table)
    if chi2 and max(plan["energy"], plan["tolerance"]) > 1.0:
        out.print("\nEnergy or tolerance is above 1: the leading order says little there. Plan with --divergence tv.")
    if schedule is not None:
        _print_schedule(schedule, name, out)


def _print_schedule(schedule: FreshSchedule, name: str, out: Console) -> None:
    number = tables.number
    table = Table(title="\nFresh data by round", title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in ("round", "fresh fraction", f"ceiling of {name} after it", "with the budget spread evenly"):
        table.add_column(head, justify="right")
    for i, share in enumerate(schedule.alpha.tolist()):
        table.add_row(str(i), number(share), number(float(schedule.ceiling[i + 1])), number(float(schedule.constant[i + 1])))
    out.print(table)
    out.print(
        f"Largest ceiling {number(schedule.value)}, against {number(schedule.constant_value)} with {number(schedule.even)} in "
        f"every round; {schedule.spent:g} fresh points spent.\n"
        "Nothing until the ceiling is reached, then just enough to stay on it, is the optimum."
    )
