"""The folder of ``--out``: what a run writes appears there together or not at all."""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numeric.command.inputs import InputError

__all__ = ["prepared", "together"]


def prepared(folder: Path) -> Path:
    """The folder, made where it is missing.

    Raises:
        InputError: before any work, where it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise InputError(f"--out must be a folder that can be written, got {folder} ({problem.strerror})") from None
    return folder


@contextmanager
def together(folder: Path) -> Iterator[Path]:
    """A place to write files of a run, which are moved into ``folder`` when the block ends well.

    An interrupt or an error inside the block leaves the folder as it was: files of an earlier run stay whole and belong
    together. While files are moved, an interrupt waits until all have arrived.
    """
    stage = Path(tempfile.mkdtemp(dir=folder, prefix=".unfinished-"))
    try:
        yield stage
        with _uninterrupted():
            for path in sorted(stage.iterdir()):
                path.replace(folder / path.name)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Holds Ctrl-C back until the block is done; only the main thread hears it at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        raise KeyboardInterrupt
