"""``driftbound check --samples --measurements``: is the drift of these samples what these losses allow?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from numeric import OU, check_samples
from numeric.command.main import main

LOSSES = [0.2, 0.25]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["check", *arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, stream = tmp_path_factory.mktemp("losses"), np.random.default_rng(1)
    np.save(path / "data.npy", stream.standard_normal((500, 2)))
    for index in range(3):
        np.save(path / f"gen{index}.npy", stream.standard_normal((500, 2)) + 0.5 * index)
    for index in range(2):
        np.save(path / f"end{index}.npy", stream.standard_normal((500, 2)) + 0.2 * index)
    (path / "losses.csv").write_text("alpha,learned_energy\n" + "".join(f"0.5,{loss}\n" for loss in LOSSES), encoding="utf-8")
    (path / "tiny.csv").write_text("learned_energy,learned_energy_stderr\n1e-4,1e-6\n1e-4,1e-6\n", encoding="utf-8")
    return path


def arguments(folder: Path, losses: str, *more: str) -> list[str]:
    files = ["--samples", str(folder / "gen*.npy"), "--reference", str(folder / "data.npy")]
    return [*files, "--measurements", str(folder / losses), *more]


def test_json_says_what_python_says(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, text, _ = run(capsys, *arguments(folder, "losses.csv", "--t0", "0.02", "--json"))
    content = json.loads(text)
    laws = [np.load(folder / f"gen{index}.npy") for index in range(3)]
    reference = np.load(folder / "data.npy")
    checks = check_samples(reference, laws, 0.5, rng=0, learned_energy=LOSSES, process=OU(0.02, 4.0), claims="mmd-discount")
    own = [one for one in content["checks"] if one["claim"] == "mmd-discount"]
    assert status == 0
    assert [(one["verdict"], one["bound"]) for one in own] == [
        (check.verdict.value, pytest.approx(check.bound)) for check in checks
    ]
    assert [len(content["kernel"][name]) for name in ("mmd", "smoothing_mmd")] == [3, 2]


def test_losses_too_small_for_the_drift_are_shown_and_fail(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    more = ("--alpha", "0.5", "--ideal", str(folder / "end*.npy"))
    status, out, _ = run(capsys, *arguments(folder, "tiny.csv", *more))
    assert status == 1
    for said in ("Drift in MMD against the losses", "VIOLATED", "landmarks"):
        assert said in out


@pytest.mark.parametrize(
    ("losses", "more", "said"),
    [
        ("losses.csv", [], "--measurements needs --t0 or --ideal"),
        ("losses.csv", ["--t0", "0.1", "--ideal", "end0.npy"], "--measurements needs --t0 or --ideal"),
        ("losses.csv", ["--t0", "0"], "--t0 must be a positive time, got 0"),
        ("losses.csv", ["--t0", "0.1", "--alpha", "0.4"], "--alpha must agree with the column alpha"),
        ("tiny.csv", ["--t0", "0.1"], "must have a column alpha, or --alpha must be given"),
        ("none.csv", ["--t0", "0.1"], "must have a column learned_energy"),
        ("long.csv", ["--t0", "0.1"], "must have a row per round, 2 between 3 samples of generations"),
        ("losses.csv", ["--ideal", "END0"], "ideal must have one sample per round, 2, got 1"),
    ],
)
def test_bad_usage_is_one_line_and_status_two(
    capsys: pytest.CaptureFixture[str], folder: Path, losses: str, more: list[str], said: str
) -> None:
    (folder / "none.csv").write_text("alpha,divergence\n0.5,1\n0.5,1\n", encoding="utf-8")
    (folder / "long.csv").write_text("alpha,learned_energy\n" + "0.5,0.1\n" * 3, encoding="utf-8")
    given = [str(folder / "end0.npy") if word == "END0" else word for word in more]
    status, out, err = run(capsys, *arguments(folder, losses, *given))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


def test_t0_alone_is_refused(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    files = ["--samples", str(folder / "gen*.npy"), "--reference", str(folder / "data.npy"), "--alpha", "0.5", "--t0", "0.1"]
    status, _, err = run(capsys, *files)
    assert status == 2
    assert "--t0 and --ideal need --measurements" in err
