"""``driftbound bounds``: floor and ceilings of the drift per generation."""

from __future__ import annotations

import argparse

from rich.text import Text

from numeric.command import tables
from numeric.command.bounds import bound_rows
from numeric.command.inputs import InputError
from numeric.command.report import as_json
from numeric.command.status import OK
from numeric.validation import FRACTION, NONNEGATIVE, Domain, integer, real

__all__ = ["add", "run"]

EPILOG = """examples:
  driftbound bounds --alpha 0.2 --energy 0.05 --generations 20
  driftbound bounds --alpha 0.1 --energy 0.05,0.04,0.03 --observability 0.5    three rounds
  driftbound bounds --alpha 0.2 --energy 0.05 --json
"""
FRESH = Domain(0.0, 1.0, low_open=True)
ROUNDS = Domain(1, 100_000)  # rows of a table that somebody reads
AT_ONCE = 1_000  # rows


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments of the verb."""
    parser = verbs.add_parser(
        "bounds",
        help="floor and ceiling per generation",
        description=run.__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--alpha", type=float, required=True, help="fresh fraction in (0, 1]")
    parser.add_argument("--energy", required=True, metavar="E[,E...]", help="energy eps² of each round; one value serves all")
    parser.add_argument("--observability", type=float, default=1.0, help="eta in [0, 1], default 1")
    parser.add_argument("--generations", type=int, help="number of rounds where one energy is given, default 10")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.set_defaults(run=run)


def run(chosen: argparse.Namespace) -> int:
    """Floor and ceilings of the drift per generation, from the fresh fraction and the score energy of each round."""
    alpha = real("--alpha", chosen.alpha, FRESH)
    observability = real("--observability", chosen.observability, FRACTION)
    energies = []
    for cell in chosen.energy.split(","):
        try:
            energies.append(real("--energy", float(cell), NONNEGATIVE))
        except ValueError:
            raise InputError(f"--energy must be numbers >= 0 separated by commas, got {cell!r}") from None
    if len(energies) == 1:
        energies = energies * integer("--generations", 10 if chosen.generations is None else chosen.generations, ROUNDS)
    elif chosen.generations not in (None, len(energies)):
        raise InputError(f"--generations must agree with the {len(energies)} energies given, got {chosen.generations}")
    rows = bound_rows(alpha, energies, observability)
    if chosen.json:
        print(as_json([vars(row) for row in rows]))
        return OK
    heads = ("N", "floor of max(D_N-1, D_N)", "D_N if orthogonal", "ceiling of D_N", "ceiling of TV")
    cells: list[tuple[str, ...]] = [heads]
    cells += [(str(row.generation), *map(tables.number, (row.floor, row.discounted, row.ceiling, row.tv))) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    out = tables.console()
    out.print(Text(f"Drift after N generations, fresh fraction {alpha:g}", style="italic"))
    out.print(Text(lines[0], style="bold"))
    for start in range(1, len(lines), AT_ONCE):  # a Table of 100,000 rows would take a minute
        out.print(Text("\n".join(lines[start : start + AT_ONCE])))
    out.print(
        "\nD is chi2(p^N || p), and I = eta eps² to leading order in the error. The floor (consecutive-floor) uses\n"
        "J² >= alpha I alone; orthogonal sum and ceiling (triangle) take J² = I. The ceiling of TV (tv-discount) is rigorous\n"
        "up to the smoothing TV(q_t0, q)."
    )
    return OK
