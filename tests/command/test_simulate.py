"""``driftbound simulate`` as it is called: files, statuses, resuming, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numeric.command import main as command
from numeric.experiments import experiment as module

TINY = ["--generations", "3", "--samples", "60", "--runs", "2", "--seed", "4", "--workers", "1"]
GAUSSIAN = ["simulate", "--target", "gaussian", "--dimension", "1", "--alpha", "0.2,0.8", *TINY]


def simulate(*arguments: object) -> int:
    return command.main([str(one) for one in arguments])


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without figures, which cost more than the rest and are looked at elsewhere."""
    monkeypatch.setattr("numeric.command.experiment_page.experiment_pictures", lambda report: [])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert simulate(*GAUSSIAN, "--quick", "--out", folder) == 0
    return folder


def test_a_run_leaves_report_figures_and_checkpoints(finished: Path) -> None:
    names = {path.name for path in finished.iterdir()}
    assert names == {"report.html", "report.json", "drift.png", "energies.png", "checkpoints"}
    report = json.loads((finished / "report.json").read_text(encoding="utf-8"))
    assert report["complete"] is True
    assert report["exit_status"] == 0
    assert report["protocol"]["seed"] == 4
    assert len(report["generations"]) == 6
    assert len(report["runs"]) == 4
    assert report["claims"]["triangle"]["VIOLATED"] == 0
    assert report["claims"]["triangle"]["HOLDS"] > 0
    assert report["reproduce"].startswith("driftbound simulate --target gaussian --alpha 0.2,0.8")


def test_the_page_stands_alone_and_says_what_was_asked(finished: Path) -> None:
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "src=" not in page
    for said in (
        "driftbound simulate --target gaussian",
        "standard Gaussian in 1 dimension<",
        "<dd>4</dd>",
        "Population limit",
    ):
        assert said in page


@pytest.mark.usefixtures("plain")
def test_resuming_a_finished_run_writes_the_same_report(finished: Path) -> None:
    before = (finished / "report.json").read_bytes()
    (finished / "report.json").unlink()
    assert simulate(*GAUSSIAN, "--quick", "--out", finished, "--resume") == 0
    assert (finished / "report.json").read_bytes() == before


def test_json_is_the_report(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate(*GAUSSIAN, "--quick", "--json") == 0
    printed = capsys.readouterr()
    assert printed.out == (finished / "report.json").read_text(encoding="utf-8")
    assert printed.err == ""  # no progress in a pipe


@pytest.mark.usefixtures("plain")
def test_an_interrupt_leaves_a_part_that_is_called_one_and_resuming_completes_it(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        finish = module._finish

        def interrupted(futures: Any, stop: Any) -> None:
            stop.set()
            finish(futures, stop)
            raise KeyboardInterrupt

        patched.setattr(module, "_finish", interrupted)
        assert simulate(*GAUSSIAN, "--quick", "--out", tmp_path) == 130
    assert "interrupted" in capsys.readouterr().err
    if (tmp_path / "report.json").exists():  # whether a generation was done by then is a matter of threads
        assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["complete"] is False
        assert "Part of the experiment" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert simulate(*GAUSSIAN, "--quick", "--out", tmp_path, "--resume") == 0
    assert (tmp_path / "report.json").read_bytes() == (finished / "report.json").read_bytes()


def test_points_are_fitted_standardised_and_retrained(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savetxt(tmp_path / "points.csv", rng.normal([3.0, -10.0], [0.1, 40.0], (200, 2)), delimiter=",")
    arguments = [
        "simulate",
        "--target",
        tmp_path / "points.csv",
        "--components",
        1,
        "--alpha",
        0.5,
        *TINY,
        "--runs",
        1,
        "--quick",
    ]
    assert simulate(*arguments, "--out", tmp_path / "out") in (0, 3)
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["protocol"]["retrain"] == "kde"
    assert report["protocol"]["name"] == "points.csv"
    assert report["protocol"]["bandwidth"] == pytest.approx(60 ** (-1.0 / 6.0))
    assert np.allclose(report["protocol"]["target"]["means"], 0.0, atol=1e-9)
    assert (tmp_path / "out" / "within.png").exists()
    # the same name, other points: not the same experiment
    np.savetxt(tmp_path / "points.csv", rng.normal(size=(200, 2)), delimiter=",")
    assert simulate(*arguments, "--out", tmp_path / "out", "--resume") == 2


def test_images_are_told_from_points_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    kinds = rng.integers(0, 2, 260)
    pixels = np.where(kinds[:, None, None] == 0, np.tri(6) * 200.0, np.tri(6)[::-1] * 150.0) + rng.normal(
        0.0, 12.0, (260, 6, 6)
    )
    np.savez(tmp_path / "images.npz", images=np.clip(pixels, 0, 255).astype(np.uint8), labels=kinds)
    arguments = ["simulate", "--target", tmp_path / "images.npz", "--dimension", 3, "--components", 2, "--alpha", "0.5"]
    more = ["--generations", 2, "--samples", 80, "--seed", 1, "--out", tmp_path / "out"]
    assert simulate(*arguments, *more, "--quick") in (0, 3)
    assert (tmp_path / "out" / "sheet.png").exists()
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["protocol"]["retrain"] == "mixture-fit"
    assert report["protocol"]["components"] == 2
    assert "3 principal coordinates" in report["target"]
    seen = report["draws"]
    assert [(one["alpha"], one["generation"]) for one in seen] == [(0.5, 1), (0.5, 2)]
    assert all(0.0 <= one["law"]["tv"]["low"] <= 1.0 and one["images"]["mmd2"]["high"] > 0.0 for one in seen)
    assert "No lower bound of TV or chi2" in " ".join(report["remarks"])
    # kernels, too: further draws of p decide their bandwidth, and the seed decides those
    kernels = ["--generations", 1, "--samples", 80, "--seed", 1, "--retrain", "kde", "--quick"]
    widths = []
    for name in ("once", "again"):
        assert simulate(*arguments, *kernels, "--out", tmp_path / name) in (0, 3)
        widths.append(json.loads((tmp_path / name / "report.json").read_text(encoding="utf-8"))["protocol"]["bandwidth"])
    assert widths[0] == widths[1]
    assert 0.0 < widths[0] < 2.0
    # a lower bound from draws that no density allows is a failure of one of the two routes, and said
    monkeypatch.setattr("numeric.command.experiment_report.contradictions", lambda record, drift: ["TV is at least 2"])
    assert simulate(*arguments, *more, "--quick", "--resume") == 1
    assert "CONTRADICTION at alpha = 0.5, generation 1: TV is at least 2." in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--target", "nothing.npy"], "--target must be paper, gaussian or an existing file"),
        (["--target", "paper", "--dimension", "3"], "--dimension must be left out with --target paper"),
        (["--target", "paper", "--alpha", "0.1;0.5"], "--alpha must be fresh fractions"),
        (["--target", "paper", "--alpha", "1.5"], "--alpha must be in"),
        (["--target", "paper", "--seed", "-1"], "--seed must be a nonnegative integer"),
        (["--target", "paper", "--workers", "0"], "--workers must be an integer"),
        (["--target", "paper", "--resume"], "--resume needs --out"),
        (["--target", "paper", "--generations", "0"], "generations must be an integer"),
        (["--target", "paper", "--retrain", "gaussian-fit", "--bandwidth", "0.3"], "--bandwidth must be left out"),
        (["--target", "gaussian", "--components", "2"], "--components must be left out"),
        (["--target", "gaussian", "--retrain", "kde", "--bandwidth", "-1"], "bandwidth must be"),
        (["--target", "paper", "--bandwidth", "0"], "bandwidth must be"),
        (["--target", "gaussian", "--retrain", "mixture-fit", "--components", "0"], "components must be"),
        ([], "the following arguments are required: --target"),
    ],
)
def test_bad_calls_are_refused_in_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulate("simulate", *arguments) == 2
    message = capsys.readouterr().err
    assert said in message
    assert message.count("\n") == 1


def test_another_runs_folder_is_refused_and_left_alone(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (finished / "report.json").read_bytes()
    assert simulate(*GAUSSIAN, "--quick", "--out", finished) == 2
    assert "--resume goes on with it" in capsys.readouterr().err
    assert simulate(*GAUSSIAN, "--quick", "--out", finished, "--resume", "--samples", "61") == 2
    assert "differs in n (60 there, 61 here)" in capsys.readouterr().err
    assert (finished / "report.json").read_bytes() == before
