"""``driftbound check FILE``: numbers, one row per generation, against the claims and between the bounds."""

from __future__ import annotations

import argparse
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from numeric.command import tables
from numeric.command.formable import next_columns
from numeric.command.inputs import InputError, read_measurements
from numeric.command.outputs import prepared, together
from numeric.command.report import as_json, checks_json, environment, write_text
from numeric.command.sample_files import schedule
from numeric.command.status import check_status, verdict_line
from numeric.estimate import Estimate
from numeric.judging.checks import check_measurements
from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.measurements.measured_drift import ABOVE, BELOW, MeasuredDrift, measured_drift
from numeric.recursions.mixing import Alpha

__all__ = ["UNITS", "add_measurement_arguments", "measurements_json", "print_example", "run_measurements"]

UNITS = """measurements: one row per generation i = 0, 1, ..., any of these columns, empty cells where nothing was measured
  alpha           fresh fraction of round i; --alpha gives one for all
  ideal_energy    eps*²: excess score-matching loss on held-out points of q_i, what round i trained on; summed over
                  coordinates, integrated over the noising time of dX = -X/2 dt + dB, without any weight. Not the raw
                  denoising loss: that contains a part no model removes. numeric.score_energy makes it from losses
                  per noise level (noise, x0, v, velocity, score or EDM; VP linear and cosine, EDM, flow)
  learned_energy  the same error integrated along the paths of the learned model
  observability   eta in [0, 1]: the share of ideal_energy that moves the endpoint
  path_chi2       chi2 between the path laws of the learned and the ideal sampler
  intra_chi2      chi2(p^{i+1} || q_i), what round i alone adds; intra_kl the KL, natural logarithm. Learned law first
  divergence      chi2(p^{i+1} || p), the drift from the data after round i; inf is an answer
  mmd             MMD(p^{i+1}, p), not squared, of a positive-definite kernel; a Gaussian one, else --kernel-range
  smoothing_mmd   MMD between q_i and the law at which an exact score would have ended: what t0, or a density estimate in
                  place of q_i, does by itself. With mmd and learned_energy: is the drift what the losses allow?
  NAME_stderr     standard error of NAME; then no verdict rests on noise
  generation      optional, must count up by one

examples:
  driftbound check --example > measurements.csv     a table to start from
  driftbound check measurements.csv --alpha 0.2
  driftbound check measurements.csv --alpha accumulate --out report
  driftbound check measurements.csv --alpha 0.5@3 --json     fresh data, half of all, in every third round
  driftbound check --samples 'gen*.npy' --reference data.npy --alpha 0.1      samples instead of numbers
  driftbound check --samples 'gen*.npy' --reference data.npy --measurements losses.csv --t0 0.02    both together
"""
LEADING = "Ceiling and independent errors take J² = {source}: leading order in the error and in the drift."
NOT_MEASURED = "is not known to hold: "
ABOVE_MEANS = (
    "above the ceiling: the errors are not small, the energies miss a part (other noise levels, the smoothing of early\n"
    "stopping), or the divergence estimate is too high."
)


def add_measurement_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that a file of numbers takes."""
    parser.add_argument("--initial-divergence", type=float, default=0.0, help="D_0, default 0")
    parser.add_argument("--initial-kl", type=float, default=0.0, help="KL(start of your reverse process || q_T), default 0")
    parser.add_argument("--initial-mmd", type=float, default=0.0, help="MMD(p^0, p), default 0")
    parser.add_argument("--kernel-range", type=float, default=1.0, help="sup - inf of the kernel of mmd, default 1")
    parser.add_argument(
        "--intra-unnoised", action="store_true", help="intra_chi2 refers to what a round trained on, not to its noised law q_t0"
    )
    parser.add_argument("--details", action="store_true", help="every check in a row of its own")
    parser.add_argument("--example", action="store_true", help="print a table of measurements to start from, and stop")


def run_measurements(chosen: argparse.Namespace) -> int:
    """Read, check, place between the bounds, report."""
    columns = read_measurements(chosen.file)
    alpha = _alpha(chosen, columns)
    folder = None if chosen.out is None else prepared(chosen.out)
    given: dict[str, Any] = {
        "initial_divergence": chosen.initial_divergence,
        "confidence": chosen.confidence,
        **{name: values for name, values in columns.items() if name != "alpha"},
    }
    policy: Any = alpha
    scalars = {name: getattr(chosen, name) for name in ("initial_kl", "initial_mmd", "kernel_range")}
    checks = check_measurements(policy, intra_noised=not chosen.intra_unnoised, **scalars, **given)
    for name in ("path_chi2", "mmd", "smoothing_mmd"):
        given.pop(name, None)
    bounded = measured_drift(alpha, **given) if len(given) > 2 else None
    content = measurements_json(checks, bounded, columns, alpha)
    names = ("alpha", "initial_divergence", *scalars, "confidence", "intra_unnoised")
    content["arguments"] = {"file": chosen.file.name, **{name: getattr(chosen, name) for name in names}}
    written = [] if folder is None else _write(folder, content, bounded)
    if chosen.json:
        print(as_json(content))
    else:
        out = tables.console()
        _print(checks, bounded, next_columns(columns, **_mixing(alpha)), chosen.details, out)
        if folder is not None:
            out.print(f"Written to {folder}: {', '.join(written)}", markup=False)
    return check_status(checks)


def print_example() -> int:
    """The table that ships with the package, on standard output."""
    sys.stdout.write(resources.files("numeric").joinpath("data", "measurements.csv").read_text(encoding="utf-8"))
    return 0


def measurements_json(
    checks: tuple[BoundCheck, ...],
    bounded: MeasuredDrift | None,
    columns: dict[str, list[float | Estimate | None]],
    alpha: Alpha,
) -> dict[str, Any]:
    """Everything as plain values: verdicts per claim, every check, the drift between its bounds, what other columns give."""
    return {
        "command": "check",
        "environment": environment(),
        "alpha": alpha,
        "columns": list(columns),
        "exit_status": check_status(checks),
        "claims": [_claim_json(claim, checks) for claim in dict.fromkeys(check.claim for check in checks)],
        "checks": checks_json(checks),
        "drift": None if bounded is None else {**vars(bounded), "position": _positions(bounded)},
        "further_columns": [
            {"columns": list(more), "claims": list(claims)} for more, claims in next_columns(columns, **_mixing(alpha)).items()
        ],
    }


def _claim_json(claim: str, checks: tuple[BoundCheck, ...]) -> dict[str, Any]:
    own = [check for check in checks if check.claim == claim]
    counts = {verdict.value: sum(check.verdict is verdict for check in own) for verdict in Verdict}
    return {"claim": claim, "verdicts": counts, "tightness": _tightness(own), "remark": _remark(own)}


def _alpha(chosen: argparse.Namespace, columns: dict[str, list[float | Estimate | None]]) -> Alpha:
    """The mixing that the column and the option say, which must agree where both do."""
    column = columns.get("alpha")
    if column is None and chosen.alpha is None:
        raise InputError(f"{chosen.file} must have a column alpha, or --alpha must be given")
    rounds = max((len(values) for values in columns.values()), default=0)
    option = None if chosen.alpha is None else schedule(chosen.alpha, rounds)
    if isinstance(option, list) and len(option) != rounds:
        raise InputError(f"--alpha must have one entry per row of {chosen.file}, {rounds}, got {len(option)}")
    if column is None:
        return 0.0 if option is None else option
    fractions = [float(value) for value in column if value is not None]
    if option is not None and (isinstance(option, str) or np.any(np.broadcast_to(option, rounds) != fractions)):
        raise InputError(f"--alpha must agree with the column alpha of {chosen.file}, got {chosen.alpha}")
    return fractions


def _mixing(alpha: Alpha) -> dict[str, bool]:
    """What the claims can know of the mixing."""
    if isinstance(alpha, str):
        return {"fresh_fraction": alpha == "replace", "constant": False}
    fractions = np.ravel(alpha)
    return {"fresh_fraction": True, "constant": bool(np.all(fractions == fractions[0]) and fractions[0] > 0.0)}


def _write(folder: Path, content: dict[str, Any], bounded: MeasuredDrift | None) -> list[str]:
    """The names of the files written."""
    from numeric.command.measurement_page import write_page  # matplotlib, which only a report needs
    from numeric.plots import plot_measurements, save

    with together(folder) as stage:
        write_text(stage / "report.json", as_json(content))
        figure = plot_measurements(bounded) if bounded is not None and _drawable(bounded) else None
        if figure is not None:
            save(figure, stage / "measurements.png")
        write_page(stage / "report.html", content, bounded, figure)
        return sorted(path.name for path in stage.iterdir())


def _drawable(bounded: MeasuredDrift) -> bool:
    rows = (bounded.divergence[1:], bounded.ceiling[1:], bounded.kl, bounded.kl_bound)
    return any(bool(np.isfinite(row).any()) for row in rows)


def _positions(bounded: MeasuredDrift) -> list[str]:
    return [bounded.position(n) for n in range(1, bounded.generations + 1)]


def _print(
    checks: tuple[BoundCheck, ...],
    bounded: MeasuredDrift | None,
    further: dict[tuple[str, ...], tuple[str, ...]],
    details: bool,
    out: Console,
) -> None:
    if bounded is not None and not np.all(np.isnan(np.concatenate([bounded.divergence[1:], bounded.ceiling[1:]]))):
        _print_drift(bounded, out)
    if checks:
        _print_claims(checks, out)
    shown = checks if details else tuple(check for check in checks if check.verdict is Verdict.VIOLATED)
    if shown:
        tables.checks_table(shown, out)
        out.print()
    for more, claims in further.items():
        out.print(Text(f"With {' and '.join(more)} beside these columns also: {', '.join(claims)}", style="dim"))
    if further:
        out.print()
    decided = tuple(check for check in checks if NOT_MEASURED not in check.detail)
    if checks and not decided:
        out.print("No claim is decided: each speaks of something that was not measured.")
    else:
        out.print(verdict_line(decided) + ("" if checks else "; driftbound check --help says which there are"))


def _print_drift(bounded: MeasuredDrift, out: Console) -> None:
    table = Table(title="Drift after N generations", title_justify="left", title_style="bold", box=None, pad_edge=False)
    heads = ("N", "measured", "floor", "if independent", "ceiling")
    for head in heads:
        table.add_column(head, justify="right", overflow="fold")
    table.add_column("where it lies", overflow="fold")
    places = _positions(bounded)
    for n, place in enumerate(places, start=1):
        noisy = bounded.high[n] > bounded.low[n]
        drift = tables.number(float(bounded.divergence[n]))
        spread = f" [{tables.number(float(bounded.low[n]))}, {tables.number(float(bounded.high[n]))}]" if noisy else ""
        rest = (bounded.floor[n - 1], bounded.orthogonal[n], bounded.ceiling[n])
        style = "bold red" if place in (ABOVE, BELOW) else ""
        table.add_row(str(n), drift + spread, *(tables.number(float(value)) for value in rest), Text(place, style=style))
    out.print(table)
    if bounded.source:
        who = "the largest drift so far" if isinstance(bounded.alpha, str) else "max(D_N-1, D_N)"
        rigour = "holds without that" if bounded.source.startswith("intra_chi2") else "is leading order as well"
        out.print(LEADING.format(source=bounded.source))
        if np.isfinite(bounded.floor).any():
            out.print(f"The floor is one of {who} and {rigour}.")
    if ABOVE in places:
        out.print(ABOVE_MEANS)
    out.print()


def _print_claims(checks: tuple[BoundCheck, ...], out: Console) -> None:
    """One row per claim: how its checks came out, how near the bound came, and what stood in the way."""
    table = Table(title="Claims", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("claim", no_wrap=True)
    heads = {
        Verdict.HOLDS: "holds",
        Verdict.VIOLATED: "violated",
        Verdict.ASSUMPTION_FAILS: "unmet",
        Verdict.INCONCLUSIVE: "unsure",
    }
    for head in (*heads.values(), "bound/obs"):
        table.add_column(head, justify="right", no_wrap=True, min_width=len(head))
    remarks = any(_remark([check]) and NOT_MEASURED not in check.detail for check in checks)
    if remarks:
        table.add_column("", overflow="fold")
    open_claims = []
    for claim in dict.fromkeys(check.claim for check in checks):
        own = [check for check in checks if check.claim == claim]
        if all(NOT_MEASURED in check.detail for check in own):
            open_claims.append(f"{claim} ({own[0].detail.partition(NOT_MEASURED)[2].removesuffix(' was not measured')})")
            continue
        counts = {verdict: sum(check.verdict is verdict for check in own) for verdict in heads}
        cells = [Text(str(count) if count else "", style=tables.STYLES[verdict]) for verdict, count in counts.items()]
        table.add_row(claim, *cells, tables.number(_tightness(own)), *([_remark(own)] if remarks else ()))
    if table.row_count:
        out.print(table)
    if open_claims:
        out.print(Text(f"Not decided, for want of what their hypotheses speak of: {', '.join(open_claims)}", style="dim"))
    out.print()


def _tightness(checks: list[BoundCheck]) -> float:
    """How near the bound came where it held; NaN where it never did."""
    return min((check.tightness for check in checks if check.verdict is Verdict.HOLDS), default=float("nan"))


def _remark(checks: list[BoundCheck]) -> str:
    """The first reason for anything but HOLDS: what is violated, which assumption fails, what is in doubt."""
    for verdict in (Verdict.VIOLATED, Verdict.ASSUMPTION_FAILS, Verdict.INCONCLUSIVE):
        for check in checks:
            if check.verdict is verdict:
                where = "" if check.generation is None else f"generation {check.generation}: "
                return where + check.detail
    return ""
