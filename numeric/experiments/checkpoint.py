"""Checkpoints: after every generation of every run, so that an interrupt, SIGKILL too, loses one generation at most.

A run has two files: ``<run>.json`` with its records, and ``<run>.<generation>.npz`` with the state that the next generation
starts from, written without pickle. The JSON names its state and the state's digest; moving it into place is the one step that
counts. The state is written before, under a name of its own, and older states are deleted after. What no JSON names is a
leftover of an interrupt and is never read.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numeric.experiments.generation_record import GenerationRecord
from numeric.experiments.population_record import PopulationRecord
from numeric.experiments.protocol import Protocol
from numeric.experiments.trajectory import RunState

__all__ = ["CheckpointError", "Checkpoints", "RunProgress"]

FOLDER = "checkpoints"
VERSION = 1


class CheckpointError(ValueError):
    """Checkpoints that cannot be used, in one sentence."""


class RunProgress:
    """A run as far as it has come.

    Attributes:
        records: of generations 1 .. n.
        state: to go on from; None where the run is finished.
        sheet: (n, m, d) points of p^1 .. p^n.
    """

    def __init__(self, records: list[GenerationRecord], state: RunState | None, sheet: NDArray[np.float64]) -> None:
        self.records = records
        self.state = state
        self.sheet = sheet


class Checkpoints:
    """The checkpoints of one experiment in ``folder / checkpoints``."""

    def __init__(self, folder: Path, protocol: Protocol) -> None:
        self._place = folder / FOLDER
        self._protocol = protocol

    @contextmanager
    def opened(self, resume: bool) -> Iterator[Checkpoints]:
        """The folder made ready and held by this process alone.

        Raises:
            CheckpointError: checkpoints are there without ``resume``; with it, those of another protocol, by the name of the
            field
                that differs, or unreadable ones; another process works here.
        """
        file = self._place / "protocol.json"
        there = file.exists()
        if there and not resume:
            raise CheckpointError(
                f"--out {self._place.parent} holds the checkpoints of a run already: --resume goes on with it, another folder "
                "starts a new one"
            )
        if there:
            kept = self._read_protocol(file)
            differs = self._protocol.difference(kept)
            if differs is not None:
                raise CheckpointError(
                    f"--resume needs the protocol of the checkpoints in {self._place.parent}, which differs in {differs}"
                )
        self._place.mkdir(parents=True, exist_ok=True)
        with _held(self._place / "lock"):
            for leftover in self._place.glob(".*.*"):  # of a write that was killed
                leftover.unlink(missing_ok=True)
            if not there:
                _write_atomically(file, _json(self._protocol.to_dict()))
            yield self

    def load(self, index: int, run: int) -> RunProgress:
        """Run ``run`` at fraction ``index`` as far as it has come; CheckpointError where its files are not whole."""
        file = self._place / f"{_name(index, run)}.json"
        if not file.exists():
            empty = np.empty((0, 0, self._protocol.dim))
            return RunProgress([], RunState.begin(self._protocol), empty)
        content = _parsed(file)
        try:
            if content["version"] != VERSION:
                raise ValueError(f"version must be {VERSION}, got {content['version']!r}")
            records = [GenerationRecord.from_dict(record) for record in content["records"]]
            arrays = self._arrays(content["state"], content["digest"])
            done = [record.generation for record in records]
            if done != list(range(1, len(done) + 1)) or len(done) > self._protocol.generations:
                raise ValueError(f"generations must count up from 1, got {done}")
            if len(records) == self._protocol.generations:
                sheet = np.array(arrays["sheet"], dtype=np.float64)
                return RunProgress(records, None, sheet)
            state = RunState.from_arrays(arrays, self._protocol)
            if state.generation != len(records):
                raise ValueError(f"generation must be {len(records)}, got {state.generation}")
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as problem:
            raise _damaged(file, problem) from None
        return RunProgress(records, state, state.sheet)

    def load_population(self, index: int) -> list[PopulationRecord]:
        """The population limit at fraction ``index`` as far as it has come; CheckpointError where its file is not whole."""
        file = self._place / f"fraction-{index}-population.json"
        if not file.exists():
            return []
        content = _parsed(file)
        try:
            records = [PopulationRecord.from_dict(record) for record in content["records"]]
            done = [record.generation for record in records]
            if done != list(range(1, len(done) + 1)) or len(done) > self._protocol.generations:
                raise ValueError(f"generations must count up from 1, got {done}")
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            raise _damaged(file, problem) from None
        return records

    def save_population(self, index: int, records: list[PopulationRecord]) -> None:
        """Commit the population limit after one more round."""
        content = {"version": VERSION, "records": [record.to_dict() for record in records]}
        _write_atomically(self._place / f"fraction-{index}-population.json", _json(content))

    def save(self, index: int, run: int, records: list[GenerationRecord], state: RunState) -> None:
        """Commit a run after one more generation; of a finished one only the sheet is kept."""
        arrays: Mapping[str, NDArray[np.generic]] = state.to_arrays()
        if state.generation == self._protocol.generations:
            arrays = {"sheet": state.sheet}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        data = buffer.getvalue()
        name = _name(index, run)
        state_name = f"{name}.{state.generation:04d}.npz"
        _write_atomically(self._place / state_name, data)
        content = {
            "version": VERSION,
            "state": state_name,
            "digest": hashlib.sha256(data).hexdigest(),
            "records": [record.to_dict() for record in records],
        }
        _write_atomically(self._place / f"{name}.json", _json(content))
        for old in self._place.glob(f"{name}.*.npz"):
            if old.name != state_name:
                old.unlink(missing_ok=True)

    def _arrays(self, name: str, digest: str) -> dict[str, NDArray[np.generic]]:
        if Path(name).name != name:
            raise ValueError(f"state must be the name of a file beside it, got {name!r}")
        path = self._place / name
        try:
            data = path.read_bytes()
        except OSError as problem:
            raise CheckpointError(f"{path} cannot be read ({problem.strerror}); delete the folder and start again") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged(path, ValueError("its digest differs"))
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
        except (zipfile.BadZipFile, OSError, EOFError) as problem:
            raise ValueError(str(problem)) from None

    def _read_protocol(self, file: Path) -> Protocol:
        try:
            return Protocol.from_dict(_parsed(file))
        except CheckpointError:
            raise
        except (KeyError, TypeError, ValueError, IndexError) as problem:
            raise _damaged(file, problem) from None


def _name(index: int, run: int) -> str:
    return f"fraction-{index}-run-{run}"


def _json(content: Mapping[str, Any]) -> bytes:
    """Strict JSON with a digest of its own, which tells a damaged file."""
    body = json.dumps(content, allow_nan=False)
    return json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest(), "content": content}, allow_nan=False).encode()


def _parsed(file: Path) -> dict[str, Any]:
    try:
        whole = json.loads(file.read_bytes())
        content: dict[str, Any] = whole["content"]
        if hashlib.sha256(json.dumps(content, allow_nan=False).encode()).hexdigest() != whole["sha256"]:
            raise ValueError("its digest differs")
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise _damaged(file, problem) from None
    except OSError as problem:
        raise CheckpointError(f"{file} cannot be read ({problem.strerror})") from None
    return content


def _damaged(file: Path, problem: Exception) -> CheckpointError:
    said = " ".join(str(problem).split())[:160] or type(problem).__name__
    return CheckpointError(f"{file} is a damaged checkpoint ({said}); delete the folder and start again")


def _write_atomically(path: Path, data: bytes) -> None:
    """The old file or the new one, whatever happens: a temporary file, fsync, os.replace, fsync of the folder."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """A lock that the system lifts when the process ends, however it ends; none where the system has no such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CheckpointError(f"{path.parent} is in use by another run; wait for it or choose another folder") from None
        yield
