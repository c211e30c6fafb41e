"""``driftbound check``: a user's own measurements against the bounds."""

from __future__ import annotations

import argparse
from pathlib import Path

from numeric.command.inputs import InputError
from numeric.command.measurement_check import UNITS, add_measurement_arguments, print_example, run_measurements
from numeric.command.sample_check import add_sample_arguments, run_samples
from numeric.command.sample_files import mixing_argument

__all__ = ["add", "run"]


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser(
        "check",
        help="hold your own measurements or samples against the bounds",
        description=run.__doc__,
        epilog=UNITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, nargs="?", help="measurements: CSV or JSON, one row per generation")
    parser.add_argument(
        "--alpha",
        type=mixing_argument,
        help="fresh fraction, where the file has no column alpha: one, one per round (0.1,0,0.1), A@K (A in every K-th round), "
        "accumulate or replace",
    )
    parser.add_argument("--confidence", type=float, default=0.999999, help="of all statements together, default 0.999999")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for report.html, report.json and a figure")
    add_measurement_arguments(parser)
    add_sample_arguments(parser)
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Hold measurements, one row per generation, or samples of the generations against every claim that they can decide."""
    if chosen.example:
        return print_example()
    if (chosen.file is None) == (chosen.samples is None):
        raise InputError("check needs a file of measurements or --samples with --reference, and not both")
    return run_measurements(chosen) if chosen.samples is None else run_samples(chosen)
