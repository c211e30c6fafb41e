"""``driftbound simulate`` in a process that is there to be killed.

    python -m tests.numeric.experiments.killed_simulate PIPE STOP WRITER simulate ...

It tells on the file descriptor PIPE when its work begins, which checkpoint files it writes, and when they are in place.
Where STOP, in JSON, names one of these writes, the process stops inside it until somebody lets it go on. WRITER is "atomic",
the library's own, or "in place", the twin which overwrites the file that is there.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from numeric.command import experiment_page
from numeric.command import main as command
from numeric.experiments import checkpoint
from tests._reseed import reseed

PATIENCE = 300  # seconds after which the process ends by itself
PLACES = ("bytes", "before the rename", "after the rename")


class StoppingFile:
    """A file that writes a share of the bytes and then stops the process."""

    def __init__(self, file: Any, share: float) -> None:
        self.file, self.share = file, share

    def __enter__(self) -> StoppingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        size = int(self.share * len(data))
        self.file.write(data[:size])
        self.file.flush()
        stop()
        self.file.write(data[size:])

    def flush(self) -> None:
        self.file.flush()

    def fileno(self) -> int:
        number: int = self.file.fileno()
        return number


class StoppingSystem:
    """The module ``os`` as checkpoints see it, which stops the process in the write that ``here`` marks."""

    def __init__(self, here: threading.local, where: dict[str, Any]) -> None:
        self.here, self.where = here, where

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdopen(self, handle: int, mode: str) -> Any:
        return self.opened(os.fdopen(handle, mode))

    def opened(self, file: Any) -> Any:
        return StoppingFile(file, self.where["share"]) if self.now("bytes") else file

    def replace(self, source: str, target: Path) -> None:
        if self.now("before the rename"):
            stop()
        os.replace(source, target)
        if self.now("after the rename"):
            stop()

    def now(self, place: str) -> bool:
        return bool(self.here.marked) and self.where["place"] == place


def stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def prepare(pipe: int, where: dict[str, Any], writer: str) -> None:
    """Exchange what writes checkpoints."""
    here, lock, count = threading.local(), threading.Lock(), Counter[str]()
    atomic, system = checkpoint._write_atomically, StoppingSystem(here, where)

    def in_place(path: Path, data: bytes) -> None:
        with system.opened(path.open("wb")) as out:
            out.write(data)

    write = {"atomic": atomic, "in place": in_place}[writer]

    def writing(path: Path, data: bytes) -> None:
        with lock:
            number = count[path.name]
            count[path.name] += 1
        here.marked = (path.name, number) == (where.get("name"), where.get("number"))
        tell(pipe, "write", path.name)
        write(path, data)
        tell(pipe, "wrote", path.name)

    checkpoint.os = system  # type: ignore[assignment]
    checkpoint._write_atomically = writing


def tell(pipe: int, *words: str) -> None:
    os.write(pipe, (" ".join(words) + "\n").encode())


def main(pipe: str, where: str, writer: str, *arguments: str) -> int:
    signal.alarm(PATIENCE)
    if os.environ["HYPOTHESIS_PROFILE"] == "random":
        reseed(int(os.environ["HYPOTHESIS_SEED"]))  # as the process that compares
    experiment_page.experiment_pictures = lambda report: []  # which take longer than the rest
    prepare(int(pipe), json.loads(where), writer)
    tell(int(pipe), "begin")
    status = command.main(list(arguments))
    tell(int(pipe), "end")
    return status


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
