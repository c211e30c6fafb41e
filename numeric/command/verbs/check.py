"""``driftbound check``: a user's own measurements against the bounds."""

from __future__ import annotations

import argparse
from pathlib import Path

from numeric.checks import check_measurements
from numeric.command import tables
from numeric.command.inputs import InputError, read_measurements
from numeric.command.report import as_json, checks_json
from numeric.command.status import check_status, verdict_line

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser("check", help="hold your own measurements against the bounds", description=run.__doc__)
    parser.add_argument("file", type=Path, help="CSV or JSON, one row per generation")
    parser.add_argument("--alpha", type=float, help="fresh fraction, where the file has no column alpha")
    parser.add_argument("--initial-divergence", type=float, default=0.0, help="D_0, default 0")
    parser.add_argument("--initial-kl", type=float, default=0.0, help="KL(start of your reverse process || q_T), default 0")
    parser.add_argument("--confidence", type=float, default=0.999999, help="of all statements together, default 0.999999")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Hold measurements, one row per generation, against every claim that can be formed from them."""
    columns = dict(read_measurements(chosen.file))
    column = columns.pop("alpha", None)
    if column is None and chosen.alpha is None:
        raise InputError(f"{chosen.file} must have a column alpha, or --alpha must be given")
    if column is not None and chosen.alpha is not None and any(float(value) != chosen.alpha for value in column):
        raise InputError(f"--alpha must agree with the column alpha of {chosen.file}, got {chosen.alpha:g}")
    alpha = chosen.alpha if column is None else [float(value) for value in column]
    checks = check_measurements(
        alpha,
        initial_divergence=chosen.initial_divergence,
        initial_kl=chosen.initial_kl,
        confidence=chosen.confidence,
        **columns,  # type: ignore[arg-type]
    )
    if chosen.json:
        print(as_json(checks_json(checks)))
    else:
        out = tables.console()
        tables.checks_table(checks, out)
        out.print("\n" + verdict_line(checks))
    return check_status(checks)
