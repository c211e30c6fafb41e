"""The table in README.md: ``python -m benchmarks.table`` from the repository, in an environment with what is to be compared."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks.cases import kde_works, kernel_works, round_works, two_normals, two_workers
from benchmarks.measure import Figure, Work, measure, wall_ratio
from benchmarks.rivals import RIVALS

PAGE = Path(__file__).with_name("README.md")
START, END = "<!-- table: start -->", "<!-- table: end -->"
VERSIONS = ("numpy", "scipy", "torch", "numba", "jax", "torchsde", "diffrax")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table", description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="turns of which the median is taken (default 11)")
    parser.add_argument("--dry", action="store_true", help="print only, leave README.md as it is")
    chosen = parser.parse_args()
    text = "\n".join(lines(chosen.rounds))
    print(text)
    if not chosen.dry:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{START}\n{text}\n{END}{after}", encoding="utf-8")


def lines(rounds: int) -> Iterator[str]:
    """The table as Markdown, with the machine and the versions it was made on."""
    works = kernel_works() + round_works() + kde_works()
    rivals = list(installed())
    figures = measure(works + rivals, rounds)
    yield f"{date.today().isoformat()}: {processor()}, Python {platform.python_version()}, {versions()};"
    yield f"`OMP_NUM_THREADS=1 python -m benchmarks.table --rounds {rounds}`. Medians of {rounds} turns."
    yield ""
    yield "| work | per | CPU ns | floor ns | CPU / floor |"
    yield "|---|---|---:|---:|---:|"
    for figure in figures[: len(works)]:
        yield row(figure)
    yield "| *the same mixture + tanh in other frameworks* | | | | |"
    for figure in figures[len(works) :]:
        yield row(figure)
    yield ""
    gain = wall_ratio(lambda: two_workers(1), lambda: two_workers(2), rounds)
    alone = wall_ratio(lambda: two_normals(1), lambda: two_normals(2), rounds)
    yield f"Two workers on the paper mixture: {gain:.2f} times as fast as one (wall time, median of {rounds} pairs);"
    yield f"drawing its normals alone: {alone:.2f} times."


def installed() -> Iterator[Work]:
    """The rivals whose packages are here."""
    for name, make in RIVALS.items():
        try:
            yield make()
        except ImportError:
            print(f"{name} is not installed and left out", file=sys.stderr)


def row(figure: Figure) -> str:
    return f"| {figure.name} | {figure.unit} | {figure.nanoseconds:.0f} | {figure.floor:.0f} | {figure.ratio:.2f} |"


def processor() -> str:
    """Model and number of processors; nothing that names the machine."""
    found = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M) if sys.platform == "linux" else []
    return f"{len(found)} × {found[0]}" if found else platform.machine()


def versions() -> str:
    parts = []
    for name in VERSIONS:
        try:
            parts.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(parts)


if __name__ == "__main__":
    main()
