"""The command line of ``driftbound``: verify, claims, bounds, check."""

from __future__ import annotations

import argparse
import io
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import theory
from numeric.checks import check_measurements
from numeric.command import tables
from numeric.command.bounds import bound_rows
from numeric.command.inputs import InputError, read_measurements, read_points
from numeric.command.report import as_json, checks_json, environment, verification_json, write_text
from numeric.command.suite import SuiteCase, data_cases, standardised, suite
from numeric.command.verify import run_suite, selected
from numeric.plots import drift_figure, interference_figure, save
from numeric.validation import FRACTION, NONNEGATIVE, POSITIVE, integer, real
from numeric.verdicts import BoundCheck, Verdict

__all__ = ["main"]

OK, FAILED, BAD_INPUT, INCONCLUSIVE = 0, 1, 2, 3

GROUPS: dict[str, tuple[str, ...] | None] = {"all": None, "paper": ("paper",), "gaussian": ("gaussian", "recursion")}

EPILOG = """exit status:
  0  everything came out as expected
  1  a check was VIOLATED, or a claim did not come out as expected
  2  bad input or usage
  3  nothing conclusive

examples:
  driftbound verify --out report          every claim against every case, report.json and two figures
  driftbound claims two-sided-max         one claim: statement, proof steps, mutants
  driftbound bounds --alpha 0.2 --energy 0.05 --generations 10
  driftbound check measurements.csv --alpha 0.2
"""


class _Parser(argparse.ArgumentParser):
    """Usage errors as one line on standard error."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status and never raises for bad input."""
    parser = _build()
    _open_streams()
    try:
        chosen = parser.parse_args(arguments)
        run: Callable[[argparse.Namespace], int] = chosen.run
        status = run(chosen)
        sys.stdout.flush()
        return status
    except SystemExit as stop:
        return int(stop.code or 0)
    except BrokenPipeError:  # the reader of our output went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except KeyboardInterrupt:
        print("driftbound: interrupted", file=sys.stderr)
        return 130
    except (ValueError, TypeError, KeyError, OSError, ArithmeticError, NotImplementedError, MemoryError) as problem:
        if os.environ.get("DRIFTBOUND_DEBUG"):
            raise
        message = problem.args[0] if isinstance(problem, KeyError) and problem.args else problem
        print(f"driftbound: {' '.join(str(message).split())}", file=sys.stderr)
        return BAD_INPUT


def _open_streams() -> None:
    """Output that is closed is thrown away; a character that its encoding lacks is escaped and stops nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _build() -> _Parser:
    parser = _Parser(
        prog="driftbound",
        description="Checks the theory of error propagation in recursively trained diffusion models.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"driftbound {environment()['driftbound']}")
    verbs = parser.add_subparsers(required=True, metavar="verb", parser_class=_Parser)

    verify = verbs.add_parser("verify", help="hold every claim against every case", description=_verify.__doc__)
    verify.add_argument("--claims", metavar="ID,...", help="only these claims")
    verify.add_argument(
        "--target", default="all", help="all (default), gaussian, paper, or a file of data points (CSV, .npy, .npz)"
    )
    verify.add_argument("--seed", type=int, help="seed of every random number; drawn and printed where not given")
    verify.add_argument("--out", type=Path, help="folder for report.json and the figures")
    verify.add_argument("--workers", type=int, default=2, help="threads for the simulations; results do not depend on it")
    size = verify.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const="quick", default="default", help="fewer random cases")
    size.add_argument("--full", dest="size", action="store_const", const="full", help="more random cases")
    verify.add_argument("--json", action="store_true", help="the report on standard output instead of tables")
    verify.set_defaults(run=_verify)

    claims = verbs.add_parser("claims", help="the claims, or one of them in full", description=_claims.__doc__)
    claims.add_argument("id", nargs="?", help="a claim's id")
    claims.add_argument("--json", action="store_true", help="JSON instead of tables")
    claims.set_defaults(run=_claims)

    bounds = verbs.add_parser("bounds", help="floor and ceiling per generation", description=_bounds.__doc__)
    bounds.add_argument("--alpha", type=float, required=True, help="fresh fraction in (0, 1]")
    bounds.add_argument("--energy", required=True, metavar="E[,E...]", help="energy eps² of each round; one value serves all")
    bounds.add_argument("--observability", type=float, default=1.0, help="eta in [0, 1], default 1")
    bounds.add_argument("--generations", type=int, help="number of rounds where one energy is given, default 10")
    bounds.add_argument("--json", action="store_true", help="JSON instead of a table")
    bounds.set_defaults(run=_bounds)

    check = verbs.add_parser("check", help="hold your own measurements against the bounds", description=_check.__doc__)
    check.add_argument("file", type=Path, help="CSV or JSON, one row per generation")
    check.add_argument("--alpha", type=float, help="fresh fraction, where the file has no column alpha")
    check.add_argument("--initial-divergence", type=float, default=0.0, help="D_0, default 0")
    check.add_argument("--initial-kl", type=float, default=0.0, help="KL(start of your reverse process || q_T), default 0")
    check.add_argument("--confidence", type=float, default=0.999999, help="of all statements together, default 0.999999")
    check.add_argument("--json", action="store_true", help="JSON instead of a table")
    check.set_defaults(run=_check)
    return parser


def _verify(chosen: argparse.Namespace) -> int:
    """Compute the suite of cases, hold every claim and every mutant against each, and say whether all came out as expected."""
    ids = None if chosen.claims is None else [one.strip() for one in chosen.claims.split(",")]
    claims = selected(ids)
    workers = integer("--workers", chosen.workers)
    seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
    if seed < 0:
        raise InputError(f"--seed must be a nonnegative integer, got {seed}")
    cases, complete = _cases(chosen.target, chosen.size, workers)
    if chosen.out is not None:
        chosen.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=chosen.out):  # a folder that cannot be written is found out before the work
            pass
    out = tables.console()
    if not chosen.json:
        out.print(f"driftbound verify: {len(claims)} claims on {len(cases)} cases, seed {seed}\n")
    with _progress() as bar:
        task = None if bar is None else bar.add_task("proofs", total=len(cases) + 1)

        def progress(label: str, done: int, total: int) -> None:
            if bar is not None and task is not None:
                bar.update(task, description=label, completed=done, total=total)

        outcome = run_suite(cases, claims, seed=seed, complete=complete, progress=progress)
    arguments = {"claims": ids, "target": _target_name(chosen.target), "size": chosen.size, "workers": workers}
    report = as_json(verification_json(outcome, arguments))
    if chosen.out is not None:
        write_text(chosen.out / "report.json", report + "\n")
        save(drift_figure(), chosen.out / "drift.png")
        save(interference_figure(), chosen.out / "interference.png")
    if chosen.json:
        print(report)
    else:
        tables.verification_tables(outcome, out)
        if chosen.out is not None:
            out.print(f"Written to {chosen.out}: report.json, drift.png, interference.png")
    return outcome.exit_status


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
    with np.errstate(over="ignore", invalid="ignore"):
        spread = data.std(axis=0)
    if not np.isfinite(spread).all():
        raise InputError(f"{target} must hold numbers whose squares do not overflow, got {np.abs(data).max():.3g}")
    if (spread == 0.0).any():
        raise InputError(f"{target} must vary in every column")
    return list(data_cases(standardised(data), Path(target).name, components=2)), False


def _progress() -> Progress | nullcontext[None]:
    """A progress bar on a terminal, nothing in a pipe."""
    err = tables.console(error=True)
    if not err.is_terminal:
        return nullcontext()
    return Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    )


def _claims(chosen: argparse.Namespace) -> int:
    """List the claims with the state of their proofs, or show one with its statement, proof steps and mutants."""
    out = tables.console()
    wanted = selected(None if chosen.id is None else [chosen.id])
    proofs = [(claim, claim.prove()) for claim in wanted]
    if chosen.json:
        print(as_json([_claim_json(claim, proof) for claim, proof in proofs]))
    elif chosen.id is None:
        tables.claims_table(proofs, out)
    else:
        tables.claim_page(*proofs[0], out)
    expected = {"true": "proved", "false": "refuted"}
    return OK if all(proof.status in (expected[claim.expected], "conditional") for claim, proof in proofs) else FAILED


def _claim_json(claim: theory.Claim, proof: theory.Proof) -> dict[str, Any]:
    return {
        "id": claim.id,
        "title": claim.title,
        "kind": claim.kind,
        "source": claim.source,
        "statement": str(claim.statement),
        "latex": claim.latex,
        "expected": claim.expected,
        "note": claim.note,
        "assumptions": [{"name": one.name, "text": one.text} for one in claim.assumptions],
        "status": proof.status,
        "missing": proof.missing,
        "steps": [
            {"kind": step.kind, "text": step.text, "relation": str(step.relation), "reference": step.reference}
            for step in proof.steps
        ],
        "mutants": [{"id": one.id, "title": one.title, "statement": str(one.statement)} for one in claim.mutants],
    }


def _bounds(chosen: argparse.Namespace) -> int:
    """Floor and ceilings of the drift per generation, from the fresh fraction and the score energy of each round."""
    alpha = real("--alpha", chosen.alpha, FRACTION)
    real("--alpha", alpha, POSITIVE)
    observability = real("--observability", chosen.observability, FRACTION)
    energies = []
    for cell in chosen.energy.split(","):
        try:
            energies.append(real("--energy", float(cell), NONNEGATIVE))
        except ValueError:
            raise InputError(f"--energy must be numbers >= 0 separated by commas, got {cell!r}") from None
    if len(energies) == 1:
        energies = energies * integer("--generations", 10 if chosen.generations is None else chosen.generations)
    elif chosen.generations not in (None, len(energies)):
        raise InputError(f"--generations must agree with the {len(energies)} energies given, got {chosen.generations}")
    rows = bound_rows(alpha, energies, observability)
    if chosen.json:
        print(as_json([vars(row) for row in rows]))
        return OK
    table = Table(title=f"Drift after N generations, fresh fraction {alpha:g}", title_justify="left", box=None, pad_edge=False)
    heads = ("N", "floor of max(D_N-1, D_N)", "D_N if orthogonal", "ceiling of D_N", "ceiling of TV")
    for name in heads:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row.generation), *(tables.number(value) for value in (row.floor, row.discounted, row.ceiling, row.tv))
        )
    out = tables.console()
    out.print(table)
    out.print(
        "\nD is chi2(p^N || p). Floor (consecutive-floor), orthogonal sum and ceiling (triangle) take J² = I = eta eps²,\n"
        "the leading order in the error. The ceiling of TV (tv-discount) is rigorous up to the smoothing TV(q_t0, q)."
    )
    return OK


def _check(chosen: argparse.Namespace) -> int:
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
        out.print("\n" + _verdict_line(checks))
    return _status(checks)


def _verdict_line(checks: tuple[BoundCheck, ...]) -> str:
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    return (
        ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
        or "no claim can be formed from these columns"
    )


def _status(checks: tuple[BoundCheck, ...]) -> int:
    found = {check.verdict for check in checks}
    if Verdict.VIOLATED in found:
        return FAILED
    return OK if Verdict.HOLDS in found else INCONCLUSIVE


if __name__ == "__main__":
    sys.exit(main())
