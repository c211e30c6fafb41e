"""``driftbound simulate``: a retraining experiment, generation by generation, held against the claims."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from numeric.command import tables
from numeric.command.experiment_report import ExperimentReport, experiment_json, with_error
from numeric.command.experiment_setup import chosen_setup
from numeric.command.inputs import InputError
from numeric.command.outputs import prepared, together
from numeric.command.report import as_json, write_text
from numeric.estimate import Estimate
from numeric.experiments.experiment import Stopped, run_experiment
from numeric.experiments.generation_record import Prediction
from numeric.experiments.protocol import RETRAINS
from numeric.experiments.summary import SummaryRow
from numeric.judging.verdicts import Verdict
from numeric.validation import integer

__all__ = ["add", "run"]

INTERRUPTED = 130
EPILOG = """examples:
  driftbound simulate --target paper --quick --out quick           the paper's mixture in small: about a minute
  driftbound simulate --target paper --out paper                   its whole protocol, retraining by KDE: 10-D, 10^5 points
  driftbound simulate --target paper --out paper --resume          go on where it was interrupted
  driftbound simulate --target gaussian --alpha 0.2 --runs 20      a Gaussian refitted again and again
  driftbound simulate --target points.csv --retrain mixture-fit --components 3 --out mine
  driftbound simulate --target images.npz --dimension 64 --components 10 --out images

A checkpoint follows every generation: an interrupt, SIGKILL too, loses at most one, and the numbers of a resumed run are those
of an unbroken one, bit by bit. Numbers depend on the seed and the other arguments, never on --workers.
"""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser(
        "simulate",
        help="retrain a model on its own output and hold every generation against the claims",
        description=run.__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--target",
        required=True,
        help="paper, gaussian, or a file of data points (CSV, .npy, .npz) or images (.npz with an array images, or IDX)",
    )
    parser.add_argument("--alpha", metavar="A,...", help="fresh fractions, default 0.1,0.5,0.9")
    parser.add_argument("--generations", type=int, metavar="N", help="rounds of every run")
    parser.add_argument("--samples", type=int, metavar="M", help="training points of every round")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for report.html, report.json, figures and checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on with the checkpoints in --out")
    parser.add_argument("--retrain", choices=RETRAINS, help="kde, mixture-fit (full-covariance EM) or gaussian-fit")
    parser.add_argument("--bandwidth", type=float, metavar="H", help="standard deviation of the kernels; default Scott's rule")
    parser.add_argument("--components", type=int, metavar="K", help="of a fitted target, and of mixture-fit")
    parser.add_argument("--runs", type=int, metavar="R", help="independent runs per fresh fraction")
    parser.add_argument("--seed", type=int, default=0, help="of every random number, default 0")
    parser.add_argument("--workers", type=int, default=2, metavar="W", help="threads, default 2; numbers do not depend on it")
    parser.add_argument("--quick", action="store_true", help="fewer points, generations and runs")
    parser.add_argument("--dimension", type=int, metavar="D", help="of --target gaussian (2), or principal coordinates (64)")
    parser.add_argument("--json", action="store_true", help="the report on standard output instead of tables")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Retrain a model again and again on a mixture of fresh data and its own output; measure every generation and judge it."""
    workers = integer("--workers", chosen.workers)
    if chosen.resume and chosen.out is None:
        raise InputError("--resume needs --out, the folder of the run to go on with")
    setup = chosen_setup(chosen)
    folder: Path | None = None if chosen.out is None else prepared(chosen.out)
    out, protocol = tables.console(), setup.protocol
    if not chosen.json:
        said = ", ".join(f"{alpha:g}" for alpha in protocol.alphas)
        out.print(f"driftbound simulate: {setup.described}", markup=False)
        out.print(
            f"{protocol.retrain}, alpha = {said}, {protocol.n} points, {protocol.generations} generations, "
            f"{protocol.runs} runs, "
            f"seed {protocol.seed}\n",
            markup=False,
        )
    with _progress(protocol.rounds) as progress:
        try:
            experiment = run_experiment(protocol, folder=folder, resume=chosen.resume, workers=workers, progress=progress)
        except Stopped as stopped:
            experiment = stopped.experiment
    report = ExperimentReport.of(experiment, setup, _arguments(chosen))
    content = experiment_json(report)
    written: list[str] = []
    if folder is not None and any(experiment.records.values()):
        written = _write(folder, report, content)
    if chosen.json:
        print(as_json(content))
    else:
        _print(report, out)
        if written:
            out.print(f"Written to {folder}: {', '.join(written)}", markup=False)
    if not experiment.complete:
        again = " --resume goes on." if folder is not None else ""
        tables.console(error=True).print(
            f"driftbound: interrupted; what is reported is part of the experiment.{again}", markup=False
        )
        return INTERRUPTED
    return report.exit_status


def _arguments(chosen: argparse.Namespace) -> dict[str, Any]:
    names = ("alpha", "generations", "samples", "retrain", "bandwidth", "components", "runs", "seed", "quick", "dimension")
    target = chosen.target if chosen.target in ("paper", "gaussian") else Path(chosen.target).name
    return {"target": target, **{name: getattr(chosen, name) for name in names}}


def _write(folder: Path, report: ExperimentReport, content: dict[str, Any]) -> list[str]:
    """Page, JSON and figures, which appear together; returns the names of the files."""
    from numeric.command.experiment_page import experiment_pictures, write_page  # matplotlib, which only a folder needs
    from numeric.plots.style import save, settle

    pictures = experiment_pictures(report)
    with together(folder) as stage:
        write_text(stage / "report.json", as_json(content) + "\n")
        for one in pictures:
            settle(one.figure)
            save(one.figure, stage / f"{one.name}.png")
        write_page(stage / "report.html", report, pictures)
    return ["report.html", "report.json", *(f"{one.name}.png" for one in pictures)]


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None] | None]:
    """A bar with the time left on a terminal, nothing in a pipe."""
    err = tables.console(error=True)
    if not err.is_terminal:
        yield None
        return
    bar = Progress(
        TextColumn("generations"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done)


def _print(report: ExperimentReport, out: Console) -> None:
    for rows in report.rows:
        if rows:
            _print_rows(rows, out)
    for line in report.findings:
        out.print(line, markup=False)
    out.print()
    table = Table(title="Claims", title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in ("claim", *(verdict.value for verdict in Verdict)):
        table.add_column(heading, justify="left" if heading == "claim" else "right", no_wrap=heading == "claim")
    for claim, counts in report.counts.items():
        cells = [Text(str(counts[verdict] or ""), style=tables.STYLES[verdict]) for verdict in Verdict]
        table.add_row(claim, *cells)
    out.print(table)
    violated = tuple(one.check for one in report.checks if one.check.verdict is Verdict.VIOLATED)
    if violated:
        out.print()
        tables.checks_table(violated[:20], out)
    out.print()
    for line in report.remarks:
        out.print(line, markup=False)


def _print_rows(rows: list[SummaryRow], out: Console) -> None:
    table = Table(title=f"alpha = {rows[0].alpha:g}", title_justify="left", box=None, pad_edge=False, header_style="bold")
    within = rows[0].within is not None
    heads = [
        "n",
        "log10(1+chi2)",
        "KL",
        "TV",
        "W1 marginals",
        "MMD",
        "E|x|²/d",
        *(["within", "exact"] if within else []),
        "eps*²",
        "epŝ²",
    ]
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        cells = [str(row.generation), "inf" if row.reason else _cell(row.values["log10_chi2"])]
        cells += [_cell(row.values[name]) for name in ("kl", "tv", "marginal_w1", "mmd")]
        cells.append(_cell(row.second_moment))
        if within:
            cells += [_cell(row.within), "" if row.within is None else f"{row.within.expected:.4f}"]
        cells += [_cell(row.values[name]) for name in ("ideal_energy", "learned_energy")]
        table.add_row(*cells)
    out.print(table)
    out.print()


def _cell(value: Estimate | Prediction | None) -> str:
    """A number with its standard error in parentheses, in units of its last digit."""
    if value is None:
        return "-"
    number, error = (value.measured, value.stderr) if isinstance(value, Prediction) else (value.value, value.stderr)
    return with_error(number, error)
