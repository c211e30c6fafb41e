"""``driftbound verify``: every claim against every case."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numeric.command import tables
from numeric.command.inputs import InputError, read_points
from numeric.command.outputs import prepared, together
from numeric.command.report import as_json, environment, verification_json, write_text
from numeric.command.suite import SuiteCase, data_cases, standardised, suite
from numeric.command.verify import Verification, run_suite, selected
from numeric.validation import integer

__all__ = ["add", "run"]

EPILOG = """examples:
  driftbound verify --out report --seed 1            everything; the same seed gives the same numbers
  driftbound verify --claims refresh,two-sided-max   two claims on every case
  driftbound verify --target paper                   the ten-dimensional mixture of the paper alone
  driftbound verify --target points.csv --out mine   your data: fitted, then retrained ten times by KDE and by EM
  driftbound verify --quick --json > report.json
"""

GROUPS: dict[str, tuple[str, ...] | None] = {"all": None, "paper": ("paper",), "gaussian": ("gaussian", "recursion")}


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser(
        "verify",
        help="hold every claim against every case",
        description=run.__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--claims", metavar="ID,...", help="only these claims")
    parser.add_argument(
        "--target", default="all", help="all (default), gaussian, paper, or a file of data points (CSV, .npy, .npz)"
    )
    parser.add_argument("--seed", type=int, help="seed of every random number; drawn and printed where not given")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for report.html, report.json and the figures")
    parser.add_argument("--workers", type=int, default=2, help="threads for the simulations; results do not depend on it")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", default="default", help="fewer random cases")
    size.add_argument("--full", dest="size", action="store_const", const="full", help="more random cases")
    parser.add_argument("--json", action="store_true", help="the report on standard output instead of tables")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Compute the suite of cases, hold every claim and every mutant against each, and say whether all came out as expected."""
    ids = None if chosen.claims is None else [one.strip() for one in chosen.claims.split(",")]
    claims = selected(ids)
    workers = integer("--workers", chosen.workers)
    seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
    if seed < 0:
        raise InputError(f"--seed must be a nonnegative integer, got {seed}")
    cases, complete = _cases(chosen.target, chosen.size, workers)
    if chosen.out is not None:
        prepared(chosen.out)
    out = tables.console()
    if not chosen.json:
        out.print(f"driftbound verify: {len(claims)} claims on {len(cases)} cases, seed {seed}\n")
    with tables.progress_bar() as bar:
        task = None if bar is None else bar.add_task("proofs", total=len(cases) + 1)

        def progress(label: str, done: int, total: int) -> None:
            if bar is not None and task is not None:
                bar.update(task, description=label, completed=done, total=total)

        outcome = run_suite(cases, claims, seed=seed, complete=complete, progress=progress)
    arguments = {"claims": ids, "target": _target_name(chosen.target), "size": chosen.size, "workers": workers}
    report = as_json(verification_json(outcome, arguments))
    if chosen.out is not None:
        written = _write(chosen.out, outcome, arguments, report)
    if chosen.json:
        print(report)
    else:
        tables.verification_tables(outcome, out)
        if chosen.out is not None:
            out.print(f"Written to {chosen.out}: {', '.join(written)}", markup=False)
    return outcome.exit_status


def _write(folder: Path, outcome: Verification, arguments: Mapping[str, Any], report: str) -> list[str]:
    """Page, JSON and figures, which appear together; returns the names of the files."""
    from numeric.command.html import write_report  # matplotlib, which only a folder needs
    from numeric.command.report_figures import verification_pictures
    from numeric.command.verify_page import verification_lead, verification_sections
    from numeric.plots.style import save, settle

    pictures = verification_pictures(outcome)
    with together(folder) as stage:
        write_text(stage / "report.json", report + "\n")
        for one in pictures:
            settle(one.figure)
            save(one.figure, stage / f"{one.name}.png")
        sections = verification_sections(outcome, arguments, pictures)
        lead = verification_lead(outcome)
        version = environment()["driftbound"]
        write_report(sections, stage / "report.html", title="driftbound verify", lead=lead, footer=f"driftbound {version}")
        return ["report.html", "report.json", *(f"{one.name}.png" for one in pictures)]


def _target_name(target: str) -> str:
    """A target as a report names it: a file without its folders, which say nothing to another reader."""
    return target if target in GROUPS else Path(target).name


def _cases(target: str, size: str, workers: int) -> tuple[list[SuiteCase], bool]:
    """The cases of a target, and whether they are the whole suite."""
    everything = suite(size, workers)
    if target in GROUPS:
        wanted = GROUPS[target]
        return [case for case in everything if wanted is None or case.group in wanted], wanted is None
    data = read_points(Path(target))
    if data.shape[0] < 20 * data.shape[1]:
        raise InputError(f"{target} must have at least 20 rows per column, got shape {data.shape}")
    if (data.std(axis=0) == 0.0).any():
        raise InputError(f"{target} must vary in every column")
    return list(data_cases(standardised(data), Path(target).name, components=2)), False
