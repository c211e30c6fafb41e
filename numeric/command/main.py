"""The command line of ``driftbound``: parses, dispatches to a verb, and turns every failure into one line and a status."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from numeric.command.report import environment
from numeric.command.status import BAD_INPUT, OK
from numeric.command.verbs import VERBS

__all__ = ["main"]

EPILOG = """exit status:
  0  everything came out as expected
  1  a check was VIOLATED, or a claim did not come out as expected
  2  bad input or usage
  3  nothing conclusive

examples:
  driftbound verify --out report          every claim against every case: report.html, report.json, figures
  driftbound claims two-sided-max         one claim: statement, proof steps, mutants
  driftbound bounds --alpha 0.2 --energy 0.05 --generations 10
  driftbound plan --tolerance 0.1 --energy 0.004
  driftbound check measurements.csv --alpha 0.2
"""


LONGEST = 600  # characters of a message


class _Parser(argparse.ArgumentParser):
    """Usage errors as one line on standard error."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {_cut(message)}\n")


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
        print(f"driftbound: {_cut(str(message))}", file=sys.stderr)
        return BAD_INPUT


def _cut(message: str) -> str:
    """One line of bounded length: an argument may have thousands of digits."""
    line = " ".join(message.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


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

    for verb in VERBS:
        verb.add(verbs)
    return parser


if __name__ == "__main__":
    sys.exit(main())
