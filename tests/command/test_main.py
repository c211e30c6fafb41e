"""The command as a user meets it: output, exit status, one line for bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from numeric.command.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(list(arguments))
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_bounds_table_and_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "bounds", "--alpha", "0.5", "--energy", "0.04,0.09", "--observability", "0.25")
    assert (status, err) == (0, "")
    status, text, _ = run(capsys, "bounds", "--alpha", "0.5", "--energy", "0.04,0.09", "--observability", "0.25", "--json")
    rows = json.loads(text)
    assert status == 0
    assert [row["generation"] for row in rows] == [1, 2]
    visible = [0.25 * 0.04, 0.25 * 0.09]
    assert rows[1]["discounted"] == pytest.approx(0.25 * visible[0] + visible[1])
    assert rows[1]["ceiling"] == pytest.approx((0.5 * visible[0] ** 0.5 + visible[1] ** 0.5) ** 2)
    assert rows[1]["floor"] == pytest.approx(0.5 * visible[1] / 1.5**2)
    assert rows[1]["tv"] == pytest.approx(0.5 * 0.1 + 0.15)
    assert f"{rows[1]['ceiling']:.4g}" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bounds", "--alpha", "2", "--energy", "1"], "--alpha must be in [0, 1]"),
        (["bounds", "--alpha", "0", "--energy", "1"], "--alpha must be"),
        (["bounds", "--alpha", "0.1", "--energy", "a,b"], "--energy must be numbers"),
        (["bounds", "--alpha", "0.1", "--energy", "-1"], "--energy must be numbers"),
        (["bounds", "--alpha", "0.1", "--energy", "1,2", "--generations", "5"], "--generations must agree"),
        (["bounds", "--alpha", "0.1"], "--energy"),
        (["claims", "girsanov"], "girsanov-kl"),
        (["check", "/nowhere/at/all.csv"], "existing file"),
        (["verify", "--claims", "nonsense"], "nonsense"),
        (["verify", "--target", "/nowhere/at/all.csv"], "existing file"),
        (["verify", "--seed", "-3"], "--seed"),
        (["verify", "--workers", "0"], "--workers"),
        (["conquer"], "conquer"),
        ([], "verb"),
    ],
)
def test_bad_input_is_one_line_and_status_two(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def measurements(folder: Path, text: str) -> str:
    path = folder / "m.csv"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_check_tells_the_four_ends_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    holds = measurements(tmp_path, "learned_energy,intra_kl\n0.05,0.02\n0.04,0.019\n")
    assert run(capsys, "check", holds, "--alpha", "0.2")[0] == 0
    broken = measurements(tmp_path, "learned_energy,intra_kl\n0.05,0.02\n0.04,0.03\n")
    status, out, _ = run(capsys, "check", broken, "--alpha", "0.2")
    assert status == 1
    assert "VIOLATED" in out
    noisy = measurements(tmp_path, "learned_energy,intra_kl,intra_kl_stderr\n0.05,0.02,0.1\n")
    status, out, _ = run(capsys, "check", noisy, "--alpha", "0.2")
    assert status == 3
    assert "INCONCLUSIVE" in out
    status, _, err = run(capsys, "check", holds)
    assert status == 2
    assert "column alpha" in err


def test_check_refuses_two_different_alphas(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = measurements(tmp_path, "alpha,learned_energy,intra_kl\n0.2,0.05,0.02\n")
    assert run(capsys, "check", path, "--alpha", "0.2")[0] == 0
    status, _, err = run(capsys, "check", path, "--alpha", "0.3")
    assert status == 2
    assert "--alpha must agree" in err


def test_claims_lists_all_and_shows_one(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "claims", "refresh")
    assert status == 0
    assert "proved" in out
    assert "mutant" in out
    status, out, _ = run(capsys, "claims", "refresh", "--json")
    assert json.loads(out)[0]["id"] == "refresh"


def test_help_has_examples_and_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert "examples" in out
    assert "exit status" in out
