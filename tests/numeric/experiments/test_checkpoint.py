"""Checkpoints: an interrupt at any moment loses one generation at most, and nothing but whole, fitting files is read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numeric.experiments import checkpoint
from numeric.experiments.checkpoint import CheckpointError, Checkpoints
from numeric.experiments.experiment import Experiment, run_experiment
from numeric.experiments.protocol import Protocol
from numeric.experiments.trajectory import RunState, advance
from numeric.laws.targets import Gaussian, GaussianMixture

KDE = Protocol(
    "one",
    Gaussian(np.zeros(1), 0.5),
    "kde",
    (0.2, 0.6),
    3,
    60,
    1,
    bandwidth=0.4,
    queries=32,
    drift_queries=32,
    frequencies=8,
    observed=4,
    nodes=2,
    seed=3,
)
MIXTURE = replace(
    KDE,
    target=GaussianMixture([0.3, 0.7], [[-2.0], [1.0]], [0.4, 0.5]),
    retrain="mixture-fit",
    bandwidth=None,
    components=2,
    observed=0,
    nodes=0,
)
GAUSSIAN = replace(KDE, retrain="gaussian-fit", bandwidth=None, observed=0, nodes=0)
SCRIPT = """
import json, os, sys
from pathlib import Path
from numeric.experiments.experiment import run_experiment
from numeric.experiments.protocol import Protocol
from tests._reseed import reseed
if os.environ["HYPOTHESIS_PROFILE"] == "random":  # the same streams as the process that compares
    reseed(int(os.environ["HYPOTHESIS_SEED"]))
run_experiment(Protocol.from_dict(json.loads(sys.argv[1])), folder=Path(sys.argv[2]), resume=True)
"""


def content(experiment: Experiment) -> Any:
    """Every number of an experiment."""
    return {
        "records": {str(key): [record.to_dict() for record in records] for key, records in sorted(experiment.records.items())},
        "population": {key: [record.to_dict() for record in records] for key, records in sorted(experiment.population.items())},
        "sheets": {str(key): sheet.tolist() for key, sheet in sorted(experiment.sheets.items())},
    }


@pytest.fixture(scope="module")
def unbroken() -> Any:
    return content(run_experiment(KDE))


@pytest.mark.parametrize("protocol", [KDE, MIXTURE, GAUSSIAN], ids=["kde", "mixture-fit", "gaussian-fit"])
def test_a_state_goes_on_bit_by_bit(protocol: Protocol, tmp_path: Path) -> None:
    state, first = advance(protocol, 0, 0, RunState.begin(protocol))
    kept = Checkpoints(tmp_path, protocol)
    with kept.opened(resume=False):
        kept.save(0, 0, [first], state)
        loaded = kept.load(0, 0)
    assert loaded.state is not None
    assert loaded.records[0].to_dict() == first.to_dict()
    again, other = advance(protocol, 0, 0, loaded.state), advance(protocol, 0, 0, state)
    assert again[1].to_dict() == other[1].to_dict()
    for name, array in again[0].to_arrays().items():
        assert np.array_equal(array, other[0].to_arrays()[name], equal_nan=array.dtype.kind == "f"), name


class Crash(BaseException):
    """An end that nothing may catch."""


def _crashing(write: Callable[[Path, bytes], None], at: int, torn: bool) -> Callable[[Path, bytes], None]:
    count = 0

    def writing(path: Path, data: bytes) -> None:
        nonlocal count
        count += 1
        if count == at:
            if torn:  # half a temporary file, as SIGKILL leaves it
                (path.parent / f".{path.name}.torn").write_bytes(data[: len(data) // 2])
            raise Crash
        write(path, data)

    return writing


@pytest.mark.parametrize("at", [1, 4, 5, 9])
def test_a_crash_at_any_write_changes_no_number(
    at: int, tmp_path: Path, unbroken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checkpoint._write_atomically
    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "_write_atomically", _crashing(whole, at, torn=at % 2 == 0))
        with pytest.raises(Crash):
            run_experiment(KDE, folder=tmp_path)
    resumed = run_experiment(KDE, folder=tmp_path, resume=(tmp_path / "checkpoints" / "protocol.json").exists())
    assert content(resumed) == unbroken
    assert not list((tmp_path / "checkpoints").glob(".*.torn"))


def test_records_overwritten_in_place_would_be_lost_in_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_place(path: Path, data: bytes) -> None:
        torn = path.exists() and path.suffix == ".json"
        path.write_bytes(data[: len(data) // 2] if torn else data)
        if torn:
            raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "_write_atomically", in_place)
        with pytest.raises(Crash):
            run_experiment(KDE, folder=tmp_path)
    with pytest.raises(CheckpointError, match="is a damaged checkpoint"):
        run_experiment(KDE, folder=tmp_path, resume=True)


def _killed(protocol: Protocol, folder: Path, generations: int) -> None:
    """A process that is killed as soon as this many generations are committed."""
    place = folder / "checkpoints"
    arguments = [sys.executable, "-c", SCRIPT, json.dumps(protocol.to_dict()), str(folder)]
    process = subprocess.Popen(arguments, cwd=Path(__file__).parents[3])
    limit = time.monotonic() + 120.0
    while process.poll() is None and time.monotonic() < limit:
        if max((int(path.name.split(".")[1]) for path in place.glob("fraction-0-run-0.*.npz")), default=0) >= generations:
            os.kill(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    assert process.wait(120) == -signal.SIGKILL


@pytest.mark.parametrize(
    "moments", [(2,), pytest.param((1, 3, 4, 6), marks=pytest.mark.thorough)], ids=["once", "again and again"]
)
def test_sigkill_changes_no_number(moments: tuple[int, ...], tmp_path: Path) -> None:
    longer = replace(KDE, generations=8, alphas=(0.2,))
    for generations in moments:
        _killed(longer, tmp_path, generations)
        committed = len(Checkpoints(tmp_path, longer).load(0, 0).records)
        assert generations - 1 <= committed < 8  # the state is written before the record that counts
    assert content(run_experiment(longer, folder=tmp_path, resume=True)) == content(run_experiment(longer))


def test_a_finished_run_is_read_and_not_run_again(tmp_path: Path, unbroken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run_experiment(KDE, folder=tmp_path)
    monkeypatch.setattr("numeric.experiments.experiment.advance", None)
    done: list[int] = []
    assert content(run_experiment(KDE, folder=tmp_path, resume=True, progress=done.append)) == unbroken
    assert done == [KDE.rounds]
    sizes = [path.stat().st_size for path in (tmp_path / "checkpoints").glob("*.npz")]
    assert len(sizes) == 2  # the sheets alone


def test_checkpoints_of_another_run_are_not_overwritten(tmp_path: Path) -> None:
    run_experiment(GAUSSIAN, folder=tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()}
    with pytest.raises(CheckpointError, match="holds the checkpoints of a run already: --resume goes on with it"):
        run_experiment(GAUSSIAN, folder=tmp_path)
    with pytest.raises(CheckpointError, match=r"differs in n \(60 there, 61 here\)"):
        run_experiment(replace(GAUSSIAN, n=61), folder=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match=r"differs in seed \(3 there, 4 here\)"):
        run_experiment(replace(GAUSSIAN, seed=4), folder=tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="differs in target"):
        run_experiment(replace(GAUSSIAN, target=Gaussian(np.zeros(1), 0.6)), folder=tmp_path, resume=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "checkpoints").iterdir()} == before


def _half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [_half, _flipped, Path.unlink, lambda path: path.write_bytes(b"[]")])
@pytest.mark.parametrize(
    "pattern", ["fraction-0-run-0.json", "fraction-0-run-0.*.npz", "fraction-0-population.json", "protocol.json"]
)
def test_a_damaged_checkpoint_is_refused_in_one_sentence(
    pattern: str, damage: Callable[[Path], object], kept_folder: Path, tmp_path: Path
) -> None:
    place = tmp_path / "checkpoints"
    place.mkdir()
    for path in (kept_folder / "checkpoints").iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    [victim] = place.glob(pattern)
    damage(victim)
    if damage is Path.unlink and pattern != "fraction-0-run-0.*.npz":
        return  # a run, or all of them, that has not begun
    with pytest.raises(CheckpointError) as refused:
        run_experiment(KDE, folder=tmp_path, resume=True)
    assert str(place) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def kept_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interrupted experiment, the state of its first run among what it kept."""
    folder = tmp_path_factory.mktemp("kept")
    kept = Checkpoints(folder, KDE)
    with kept.opened(resume=False):
        state, record = advance(KDE, 0, 0, RunState.begin(KDE))
        kept.save(0, 0, [record], state)
        kept.save_population(0, run_experiment(replace(KDE, generations=1, alphas=(0.2,))).population[0])
    return folder


def test_states_hold_no_pickle(kept_folder: Path) -> None:
    for path in (kept_folder / "checkpoints").glob("*.npz"):
        with np.load(path, allow_pickle=False) as archive:
            assert all(archive[name].dtype.kind in "fciu" for name in archive.files)


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, KDE)
    with kept.opened(resume=False), pytest.raises(CheckpointError, match="in use by another run"):
        run_experiment(KDE, folder=tmp_path, resume=True)
    run_experiment(replace(KDE, generations=3), folder=tmp_path, resume=True)  # and it is free again
