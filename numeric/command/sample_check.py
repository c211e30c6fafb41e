"""``driftbound check --samples``: drift, verdicts and regime from samples whose densities nobody knows."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from numeric.command import tables
from numeric.command.inputs import InputError, read_measurements
from numeric.command.outputs import prepared, together
from numeric.command.report import as_json, checks_json, environment, write_text
from numeric.command.sample_files import ordered_files, read_samples, schedule
from numeric.command.status import check_status, verdict_line
from numeric.estimate import Estimate
from numeric.judging.checks import check_measured_samples
from numeric.judging.sample_quantities import SampleMeasurements, measure_samples
from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.laws.process import OU
from numeric.recursions.mixing import Alpha
from numeric.samples.sample_drift import DriftEstimate

__all__ = ["add_sample_arguments", "run_samples", "samples_json"]

LATE = 1.0  # some time after t0: of a process only t0 is used
LEGEND = (
    "MMD² (Gaussian kernel) and W1 with their intervals; chi2 and TV are at least what is shown;\n"
    "KL between fitted Gaussians is a model, - where a fit is singular."
)


def add_sample_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that take samples instead of a file of numbers."""
    group = parser.add_argument_group("samples instead of numbers")
    group.add_argument(
        "--samples",
        nargs="+",
        metavar="GEN",
        help="samples of p^0, p^1, ...: .npy (memory-mapped), .npz or CSV, one row per point; a quoted pattern sorts by number",
    )
    group.add_argument("--reference", type=Path, metavar="DATA", help="a sample of the data law p, held out from all training")
    group.add_argument("--training", nargs="+", metavar="SET", help="what each round trained on, fresh rows not in --reference")
    group.add_argument(
        "--measurements",
        type=Path,
        metavar="FILE",
        help="numbers for the same rounds, of which learned_energy (with learned_energy_stderr) puts a ceiling on the drift in "
        "MMD; alpha is read too",
    )
    group.add_argument("--t0", type=float, help="with --measurements: where reverse processes stop, in the time of the losses")
    group.add_argument(
        "--ideal",
        nargs="+",
        metavar="END",
        help="instead of --t0: samples of q_{i,t0}, round by round, where what was trained on is not the mixture itself",
    )
    group.add_argument("--seed", type=int, default=0, help="of the kernel's frequencies and the directions of W1, default 0")


def run_samples(chosen: argparse.Namespace) -> int:
    """Measure the samples, hold them against the claims, name the regime."""
    if chosen.reference is None:
        raise InputError("--samples needs --reference, a sample of the data law")
    if chosen.alpha is None and chosen.measurements is None:
        raise InputError("--samples needs --alpha: the fresh fraction, one per round, A@K, accumulate or replace")
    if chosen.measurements is None and (chosen.t0 is not None or chosen.ideal is not None):
        raise InputError("--t0 and --ideal need --measurements, whose losses they belong to")
    if chosen.measurements is not None and (chosen.t0 is None) == (chosen.ideal is None):
        raise InputError("--measurements needs --t0 or --ideal, which say what the smoothing is, and not both")
    if chosen.t0 is not None and not 0.0 < chosen.t0 < math.inf:
        raise InputError(f"--t0 must be a positive time, got {chosen.t0:g}")
    if chosen.seed < 0:
        raise InputError(f"--seed must be a nonnegative integer, got {chosen.seed}")
    out_folder: Path | None = None if chosen.out is None else prepared(chosen.out)
    files = ordered_files("--samples", chosen.samples)
    sets = None if chosen.training is None else ordered_files("--training", chosen.training)
    ends = None if chosen.ideal is None else ordered_files("--ideal", chosen.ideal)
    laws = {str(path): read_samples(path) for path in (chosen.reference, *files, *(sets or ()), *(ends or ()))}
    rounds = len(files) - 1
    columns = {} if chosen.measurements is None else _measured(chosen.measurements, rounds)
    if chosen.alpha is None and "alpha" not in columns:
        raise InputError(f"{chosen.measurements} must have a column alpha, or --alpha must be given")
    with tables.progress_bar() as bar:

        def shown(steps: Iterable[int]) -> Iterator[int]:
            task = None if bar is None else bar.add_task("generations", total=rounds + 1)
            for step in steps:
                yield step
                if bar is not None and task is not None:
                    bar.advance(task)

        try:
            measurements = measure_samples(
                laws[str(chosen.reference)],
                [laws[str(path)] for path in files],
                _mixing(chosen, columns, rounds),
                confidence=chosen.confidence,
                rng=chosen.seed,
                training=None if sets is None else [laws[str(path)] for path in sets],
                learned_energy=columns.get("learned_energy"),
                initial_kl=chosen.initial_kl,
                process=None if chosen.t0 is None else OU(chosen.t0, 2.0 * chosen.t0 + LATE),
                ideal=None if ends is None else [laws[str(path)] for path in ends],
                progress=shown,
            )
        except (ValueError, TypeError) as problem:
            raise InputError(_with_names(str(problem), chosen.reference, files, sets, ends)) from None
    checks = check_measured_samples(measurements)
    content = samples_json(measurements, checks, seed=chosen.seed)
    if out_folder is not None:
        _write(out_folder, content, measurements, checks, [path.name for path in files])
    if chosen.json:
        print(as_json(content))
    else:
        out = tables.console()
        _print(measurements, checks, [path.name for path in files], out)
        if out_folder is not None:
            out.print(f"Written to {out_folder}: report.html, report.json, drift.png", markup=False)
    return check_status(checks)


def _measured(path: Path, rounds: int) -> dict[str, list[float | Estimate | None]]:
    """Columns of the rounds between the samples."""
    columns = read_measurements(path)
    if "learned_energy" not in columns:
        raise InputError(f"{path} must have a column learned_energy, got {', '.join(columns)}")
    count = len(columns["learned_energy"])
    if count != rounds:
        raise InputError(
            f"{path} must have a row per round, {rounds} between {rounds + 1} samples of generations (the first is p^0), got "
            f"{count}"
        )
    return columns


def _mixing(chosen: argparse.Namespace, columns: dict[str, list[float | Estimate | None]], rounds: int) -> Alpha:
    """What --alpha says, or the column alpha; both must agree."""
    column = [float(value) for value in columns.get("alpha", []) if value is not None]
    if chosen.alpha is None:
        return column
    option = schedule(chosen.alpha, rounds)
    if column and (isinstance(option, str) or np.shape(option) not in ((), (rounds,)) or np.any(np.asarray(option) != column)):
        raise InputError(f"--alpha must agree with the column alpha of {chosen.measurements}, got {chosen.alpha}")
    return option


def _with_names(message: str, reference: Path, files: list[Path], sets: list[Path] | None, ends: list[Path] | None) -> str:
    """A message about generations[3] or reference, told of the file."""
    for name, paths in (("generations", files), ("training", sets or []), ("ideal", ends or [])):
        for index, path in enumerate(paths):
            message = message.replace(f"{name}[{index}] ", f"{path} ")
    return message.replace("reference must", f"{reference} must", 1) if message.startswith("reference ") else message


def samples_json(measurements: SampleMeasurements, checks: tuple[BoundCheck, ...], *, seed: int) -> dict[str, Any]:
    """Everything as plain values: drifts and innovations with their intervals, regime, checks."""
    names = ("mmd2", "w1", "chi2", "tv", "gaussian_kl")
    return {
        "command": "check --samples",
        "environment": environment(),
        "seed": seed,
        "alpha": measurements.alpha,
        "confidence": measurements.confidence,
        "interval_level": measurements.level,
        "reference_rows": measurements.rows[0],
        "dimension": measurements.dim,
        "generations": [
            {"generation": index, "rows": rows, **{name: _entry(getattr(drift, name)) for name in names}}
            for index, (drift, rows) in enumerate(zip(measurements.drifts, measurements.rows[1], strict=True))
        ],
        "rounds": [
            {"innovation_mmd2": _entry(gap), "mixed_mmd2": _entry(mixed), "mixed_w1": _entry(distance)}
            for gap, mixed, distance in zip(measurements.innovations, measurements.mixed, measurements.mixed_w1, strict=True)
        ],
        "kernel": _kernel_json(measurements),
        "regime": asdict(measurements.regime),
        "checks": checks_json(checks),
    }


def _kernel_json(measurements: SampleMeasurements) -> dict[str, Any] | None:
    """MMD and that of the smoothing, where the energies of the rounds were to be held against them."""
    kernel = measurements.kernel
    if kernel is None:
        return None
    return {
        "bandwidth": kernel.bandwidth,
        "landmarks": kernel.landmarks,
        "mmd": [_entry(one) for one in kernel.mmd],
        "smoothing_mmd": [_entry(one) for one in kernel.smoothing],
    }


def _entry(one: DriftEstimate | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {"value": one.value, "stderr": one.estimate.stderr, "low": one.low, "high": one.high, "doubt": one.doubt}


def _write(
    folder: Path, content: dict[str, Any], measurements: SampleMeasurements, checks: tuple[BoundCheck, ...], names: list[str]
) -> None:
    from numeric.command.sample_page import write_page  # matplotlib, which only a folder needs
    from numeric.plots import plot_sample_drift, save

    with together(folder) as stage:
        figure = plot_sample_drift(measurements)
        write_text(stage / "report.json", as_json(content))
        save(figure, stage / "drift.png")
        write_page(stage / "report.html", measurements, checks, names, figure, seed=content["seed"])


def _print(measurements: SampleMeasurements, checks: tuple[BoundCheck, ...], names: list[str], out: Console) -> None:
    headings = ("N", "file", "rows", "MMD²", "W1", "chi2 >=", "TV >=", "Gaussian KL")
    table = Table(title="Drift from the reference", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "file" else "right", overflow="fold")
    for index, (drift, name) in enumerate(zip(measurements.drifts, names, strict=True)):
        table.add_row(
            str(index),
            name,
            str(measurements.rows[1][index]),
            _cell(drift.mmd2),
            _cell(drift.w1),
            f"{drift.chi2.low:.3g}",
            f"{drift.tv.low:.3g}",
            "-" if drift.gaussian_kl is None else _cell(drift.gaussian_kl),
        )
    out.print(table)
    out.print(LEGEND)
    out.print(f"All intervals hold together at {measurements.confidence:g}; {measurements.rows[0]} rows of reference.")
    doubts = dict.fromkeys(
        one.doubt
        for drift in measurements.drifts
        for one in (drift.mmd2, drift.w1, drift.chi2, drift.tv, drift.gaussian_kl)
        if one is not None and one.doubt
    )
    for doubt in doubts:
        out.print(Text(f"caution: {doubt}", style="yellow"))
    regime = measurements.regime
    out.print()
    out.print(Text.assemble(("regime  ", "bold"), (regime.name, "bold"), f"  squared W1: {regime.evidence}"))
    out.print()
    _print_checks(checks, out)
    _print_ceiling(measurements, checks, out)
    nothing = "no claim can be formed: it needs a round, and a schedule with fresh fractions"
    out.print("\n" + (verdict_line(checks) if checks else nothing))


def _print_checks(checks: tuple[BoundCheck, ...], out: Console) -> None:
    """One row per claim; what is violated in full."""
    if not checks:
        return
    table = Table(title="Claims", title_justify="left", box=None, pad_edge=False, header_style="bold")
    verdicts = (Verdict.HOLDS, Verdict.VIOLATED, Verdict.INCONCLUSIVE)
    for heading in ("claim", *(verdict.value for verdict in verdicts), "taken with"):
        table.add_column(heading, justify="right" if heading.isupper() else "left", no_wrap=heading != "taken with")
    for claim in dict.fromkeys(check.claim for check in checks):
        own = [check for check in checks if check.claim == claim]
        counts = [sum(check.verdict is verdict for check in own) for verdict in verdicts]
        reading = own[0].detail.rpartition("; taken with ")[2] if "; taken with " in own[0].detail else ""
        table.add_row(claim, *(str(count) if count else "" for count in counts), reading)
    out.print(table)
    violated = tuple(check for check in checks if check.verdict is Verdict.VIOLATED)
    if violated:
        out.print()
        tables.checks_table(violated, out)


def _print_ceiling(measurements: SampleMeasurements, checks: tuple[BoundCheck, ...], out: Console) -> None:
    """The drift in MMD beside what the losses allow, generation by generation."""
    held = {check.generation: check for check in checks if check.claim == "mmd-discount"}
    if measurements.kernel is None or not held:
        return
    table = Table(title="Drift in MMD against the losses", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in ("generation", "MMD", "smoothing of its round", "at most, by the losses", "verdict"):
        table.add_column(heading, justify="left" if heading == "verdict" else "right")
    for n in range(1, measurements.rounds + 1):
        drift, smoothing = measurements.kernel.mmd[n], measurements.kernel.smoothing[n - 1]
        check = held.get(n)
        verdict = "" if check is None else Text(check.verdict.value, style=tables.STYLES[check.verdict])
        table.add_row(str(n), _cell(drift), _cell(smoothing), "-" if check is None else f"{check.bound:.3g}", verdict)
    out.print()
    out.print(table)


def _cell(one: DriftEstimate) -> str:
    return f"{one.value:.3g} [{one.low:.3g}, {one.high:.3g}]"
