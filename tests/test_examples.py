"""The worked examples run, on as little as shows that they do, and what they write is what the command reads."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from numeric.command.main import main

EXAMPLES = Path(__file__).parents[1] / "examples"
SMALL = {
    "old_faithful": ["--generations", "2"],
    "paper_mixture": ["--generations", "2", "--paths", "500"],
    "fashion_images": [
        *("--count", "300", "--dimension", "5", "--components", "3"),
        *("--generations", "1", "--points", "300", "--queries", "64", "--retrain", "kde"),
    ],
    "digits_score_model": ["--generations", "1", "--points", "100", "--paths", "300"],
}


def test_every_example_is_run_here() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_it_runs_and_violates_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, *SMALL[name], "--out", str(tmp_path)])
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    said = capsys.readouterr().out
    assert said
    assert "VIOLATED" not in said
    if name == "digits_score_model":
        assert main(["check", str(tmp_path / "rounds.csv")]) in (0, 3)
    else:
        assert sum(path.stat().st_size > 10_000 for path in tmp_path.glob("*.png")) >= 3
