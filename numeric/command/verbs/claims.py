"""``driftbound claims``: the claims with what their proofs consist of and refuse, or one in full."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import theory
from numeric.command import tables
from numeric.command.account import account_json, accounts
from numeric.command.inputs import InputError, read_text
from numeric.command.report import as_json, write_text
from numeric.command.status import FAILED, OK
from numeric.command.verify import selected

__all__ = ["BEGIN", "END", "add", "enclosed", "run"]

EPILOG = """examples:
  driftbound claims                      the table
  driftbound claims two-sided-max        statement, assumptions, every step of the proof, mutants
  driftbound claims two-sided-max --latex > theorem.tex
  driftbound claims --json > claims.json
  driftbound claims --markdown README.md
"""


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser(
        "claims",
        help="the claims, or one of them in full",
        description=run.__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("id", nargs="?", help="a claim's id")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON instead of tables")
    form.add_argument("--latex", action="store_true", help="LaTeX: a document, or with an ID the theorem and its proof")
    form.add_argument(
        "--markdown",
        nargs="?",
        type=Path,
        const=True,
        metavar="FILE",
        help="the table as Markdown; with FILE written there, between the lines that enclose it in the README",
    )
    parser.set_defaults(run=run)


BEGIN, END = "<!-- claims -->", "<!-- end of claims -->"  # the lines between which a file keeps the table


def enclosed(path: Path, table: str) -> str:
    """The text of a file with the table of claims exchanged.

    Raises:
        InputError: if the file lacks the lines between which the table stands.
    """
    before, begin, rest = read_text(path).partition(BEGIN + "\n")
    _, end, after = rest.partition(END + "\n")
    if not (begin and end):
        raise InputError(f"{path} must hold the lines {BEGIN} and {END} around the table, got none")
    return f"{before}{begin}\n{table}\n\n{end}{after}"


def run(chosen: argparse.Namespace) -> int:
    """Prove the claims, try each proof on the claim's mutants and with every number changed, and show what came out."""
    out = tables.console()
    wanted = selected(None if chosen.id is None else [chosen.id])
    if chosen.latex:
        return _latex(wanted, whole=chosen.id is None)
    with tables.progress_bar() as bar:
        task = None if bar is None else bar.add_task("proofs", total=len(wanted))

        def progress(label: str, done: int, total: int) -> None:
            if bar is not None and task is not None:
                bar.update(task, description=label, completed=done, total=total)

        found = accounts(wanted, progress)
    if chosen.json:
        print(as_json([account_json(one) for one in found]))
    elif chosen.markdown is not None:
        text = tables.claims_markdown(found)
        if chosen.markdown is True:
            print(text)
        else:
            write_text(chosen.markdown, enclosed(chosen.markdown, text))
    elif chosen.id is None:
        tables.claims_table(found, out)
    else:
        tables.claim_page(found[0], out)
    return FAILED if any(one.shortfalls for one in found) else OK


def _latex(wanted: Sequence[theory.Claim], *, whole: bool) -> int:
    """Prove the claims and print them as a document, or one as a fragment to include."""
    proofs = {claim.id: claim.prove() for claim in wanted}
    if whole:
        print(theory.document(wanted, proofs), end="")
    else:
        print(*(f"{theory.claim_latex(claim)}\n{theory.proof_latex(proofs[claim.id])}" for claim in wanted), sep="\n", end="")
    expected = {"true": "proved", "false": "refuted"}
    return OK if all(proofs[claim.id].status == expected[claim.expected] for claim in wanted) else FAILED
