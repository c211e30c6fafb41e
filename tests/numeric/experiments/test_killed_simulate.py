"""``driftbound simulate`` killed at random moments and inside the writing of checkpoints: resumed, it leaves the same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import pytest

from numeric.command import main as command
from tests._tally import tally
from tests.numeric.experiments.killed_simulate import PLACES

pytestmark = pytest.mark.thorough

SIZE = ["--generations", "4", "--samples", "60", "--runs", "2", "--seed", "4", "--alpha", "0.1,0.9", "--workers", "2"]
ARGUMENTS = ["simulate", "--target", "paper", "--quick", *SIZE]
ROOT = Path(__file__).parents[3]
MOMENTS = 10
SEED = int(os.environ["HYPOTHESIS_SEED"])


@dataclass
class Run:
    """A process and what it tells."""

    process: subprocess.Popen[str]
    pipe: TextIO

    def begun(self) -> None:
        assert self.pipe.readline() == "begin\n"

    def ended(self) -> tuple[int, list[list[str]]]:
        """Its status, and everything it told since it began."""
        told = [line.split() for line in self.pipe]
        return self.process.wait(60), told


@contextmanager
def started(folder: Path, where: dict[str, Any] | None = None, writer: str = "atomic") -> Iterator[Run]:
    reading, writing = os.pipe()
    script = ["-m", "tests.numeric.experiments.killed_simulate", str(writing), json.dumps(where or {}), writer]
    with open(reading, encoding="utf-8") as pipe:
        process = subprocess.Popen(
            [sys.executable, *script, *ARGUMENTS, "--out", str(folder)],
            cwd=ROOT,
            pass_fds=[writing],
            stdout=subprocess.DEVNULL,
            text=True,
        )
        os.close(writing)
        try:
            yield Run(process, pipe)
        finally:
            process.kill()
            process.wait()


@dataclass
class Unbroken:
    """A run that nobody killed."""

    status: int
    files: dict[str, bytes]
    length: float
    writes: list[tuple[str, int]]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Unbroken:
    folder = tmp_path_factory.mktemp("unbroken")
    with started(folder) as run:
        run.begun()
        before = time.perf_counter()
        status, told = run.ended()
        length = time.perf_counter() - before
    count: Counter[str] = Counter()
    writes = []
    for word, *name in told:
        if word == "write":
            writes.append((name[0], count[name[0]]))
            count[name[0]] += 1
    return Unbroken(status, contents(folder), length, writes)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numeric.command.experiment_page.experiment_pictures", lambda report: [])


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def lost(folder: Path, told: list[list[str]]) -> int:
    """Committed generations that are gone, and any that nobody committed: of each run one may have arrived untold."""
    count = Counter(name for word, *rest in told if word == "wrote" for name in rest if name.startswith("fraction-"))
    gone = 0
    for name, committed in count.items():
        if name.endswith(".json"):
            try:
                there = len(json.loads((folder / "checkpoints" / name).read_bytes())["content"]["records"])
            except (ValueError, OSError):
                there = 0
            gone += max(committed - there, there - committed - 1, 0)
    return gone


def difference(folder: Path, unbroken: Unbroken) -> str:
    """How a folder differs after it was resumed from that of an unbroken run; "" where no byte does.

    What a kill left lying under names that nothing reads may be there besides.
    """
    status = command.main([*ARGUMENTS, "--out", str(folder), "--resume"])
    if status != unbroken.status:
        return f"status {status}"
    found = contents(folder)
    return next((name for name, data in unbroken.files.items() if found.get(name) != data), "")


def killed_inside(
    folder: Path, unbroken: Unbroken, draw: random.Random, ending: str, place: str, writer: str = "atomic"
) -> tuple[str, list[list[str]]]:
    """A run that was killed while it wrote a checkpoint whose name has this ending; where that was, and what it told."""
    name, number = draw.choice([one for one in unbroken.writes if one[0].endswith(ending)])
    where = {"name": name, "number": number, "place": place, "share": draw.random()}
    with started(folder, where, writer) as run:
        run.begun()
        _, state = os.waitpid(run.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(state), (where, state)
        run.process.kill()
        status, told = run.ended()
    assert status == -signal.SIGKILL
    assert told[-1] != ["end"]
    assert ["write", name] in told
    return str(where), told


def test_sigkill_at_random_moments_changes_no_byte(tmp_path: Path, unbroken: Unbroken) -> None:
    draw, done, gone = random.Random(SEED), 0, 0
    print(f"seed {SEED}, {unbroken.length:.2f} s")
    for attempt in range(4 * MOMENTS):  # a run that was faster than the measured one may end first
        folder, moment = tmp_path / str(attempt), draw.uniform(0.0, unbroken.length)
        with started(folder) as run:
            run.begun()
            time.sleep(moment)
            run.process.kill()
            status, told = run.ended()
        if status != -signal.SIGKILL:
            continue
        print(f"after {moment:.3f} s, {sum(word == 'wrote' for word, *_ in told)} of {len(unbroken.writes)} writes")
        missing = lost(folder, told)
        assert not missing
        assert difference(folder, unbroken) == ""
        done, gone = done + 1, gone + missing
        if done == MOMENTS:
            break
    assert done == MOMENTS
    tally("kills", "simulate, at random moments", moments=done, lost=gone)


def test_sigkill_inside_the_write_of_a_checkpoint_changes_no_byte(tmp_path: Path, unbroken: Unbroken) -> None:
    draw, gone = random.Random(f"{SEED} inside"), 0
    print(f"seed {SEED}")
    cases = [(ending, place) for place in PLACES for ending in (".npz", ".json")]
    for index, (ending, place) in enumerate(cases):
        folder = tmp_path / str(index)
        where, told = killed_inside(folder, unbroken, draw, ending, place)
        print(where)
        missing = lost(folder, told)
        assert not missing, where
        assert difference(folder, unbroken) == "", where
        gone += missing
    tally("kills", "simulate, inside the write of a checkpoint", moments=len(cases), lost=gone)


def test_checkpoints_overwritten_in_place_would_be_found(tmp_path: Path, unbroken: Unbroken) -> None:
    draw = random.Random(f"{SEED} in place")
    again = [one for one in unbroken.writes if "-run-" in one[0] and one[0].endswith(".json") and one[1] > 0]
    where, told = killed_inside(tmp_path, replace(unbroken, writes=again), draw, ".json", "bytes", writer="in place")
    assert lost(tmp_path, told) > 0, where
    assert difference(tmp_path, unbroken) == "status 2", where
