"""The command as a user meets it: output, exit status, one line for bad input."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import theory
from numeric.command.bounds import bound_rows
from numeric.command.main import _build, main
from numeric.command.verbs import VERBS
from numeric.command.verbs.verify import _target_name


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


def test_a_long_table_of_bounds_is_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "bounds", "--alpha", "1e-9", "--energy", "1e290", "--generations", "2345")
    assert (status, err) == (0, "")
    table = out.split("\n\n", maxsplit=1)[0].splitlines()[1:]
    rows = bound_rows(1e-9, [1e290] * 2345, 1.0)
    assert table[0].lstrip().startswith("N  floor of max(D_N-1, D_N)  ")
    assert len({len(line) for line in table}) == 1  # aligned, and nothing wrapped
    assert [line.split()[0] for line in table[1:]] == [str(number) for number in range(1, 2346)]
    assert table[-1].split()[1:] == [
        f"{value:.4g}" for value in (rows[-1].floor, rows[-1].discounted, rows[-1].ceiling, rows[-1].tv)
    ]


def test_bounds_are_the_closed_forms_and_long_tables_are_quick() -> None:
    energies = [0.04, 0.0, 0.09, 1e-3, 0.5]
    sizes = [(0.7 * energy) ** 0.5 for energy in energies]
    for alpha in (1e-300, 0.15, 1.0):
        for count, row in enumerate(bound_rows(alpha, energies, 0.7), start=1):
            assert row.discounted == pytest.approx(float(theory.discounted_sum(alpha, sizes[:count])))
            assert row.ceiling == pytest.approx(float(theory.triangle_bound(alpha, sizes[:count])) ** 2)
    [*_, last] = bound_rows(0.1, [0.01] * 100_000, 1.0)
    assert last.ceiling == pytest.approx(1.0)  # J²/alpha²


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["bounds", "--alpha", "0.1", "--energy", "1", "--generations", "1000000"],
            "--generations must be an integer in [1, 100000]",
        ),
        (["bounds", "--alpha", "2", "--energy", "1"], "--alpha must be in (0, 1]"),
        (["bounds", "--alpha", "0", "--energy", "1"], "--alpha must be in (0, 1], got 0"),
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


@pytest.mark.parametrize("verb", [verb.__name__.rpartition(".")[2] for verb in VERBS])
def test_every_verb_shows_examples_that_parse(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert run(capsys, verb, "--help")[0] == 0
    _, out, _ = run(capsys, verb, "--help")
    lines = [line.strip() for line in out.partition("\nexamples:\n")[2].partition("\n\n")[0].splitlines()]
    assert len(lines) >= 3
    for line in lines:
        name, *arguments = shlex.split(line.partition(" > ")[0].partition("    ")[0].partition("   ")[0])
        assert (name, arguments[0]) == ("driftbound", verb)
        assert callable(_build().parse_args(arguments).run)


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


def test_bounds_of_huge_energies_are_infinite_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "bounds", "--alpha", "0.2", "--energy", "1e308", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)[-1]["ceiling"] == "inf"


def test_check_says_where_no_claim_can_be_formed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, out, _ = run(capsys, "check", measurements(tmp_path, "alpha,learned_energy\n0.2,0.05\n"))
    assert status == 3
    assert "no claim can be formed" in out


def test_data_too_large_to_standardise_are_refused_before_any_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    np.save(tmp_path / "huge.npy", np.linspace(-1.0, 1.0, 60) * 1e300)
    status, out, err = run(capsys, "verify", "--target", str(tmp_path / "huge.npy"))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "must be in [-1e+50, 1e+50]" in err


def test_out_must_be_a_folder_that_can_be_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert run(capsys, "verify", "--out", str(tmp_path / "file"))[0] == 2

    def refuse(**_: object) -> None:
        raise PermissionError(13, "read-only")

    monkeypatch.setattr("numeric.command.outputs.tempfile.TemporaryFile", refuse)
    status, out, err = run(capsys, "verify", "--out", str(tmp_path))
    assert (status, out) == (2, "")
    assert err.startswith("driftbound: --out must be a folder that can be written")
    assert err.endswith("(read-only)\n")


@pytest.mark.parametrize("closed", ["", ">&-", "| head -c 1"])
def test_a_reader_that_goes_away_is_no_failure(closed: str, tmp_path: Path) -> None:
    status = tmp_path / "status"
    script = f'( "$0" -m numeric.command.main claims refresh; echo $? >"$1" ) {closed}'
    done = subprocess.run(["sh", "-c", script, sys.executable, str(status)], capture_output=True, text=True, check=False)
    assert status.read_text(encoding="utf-8").strip() == "0"
    assert done.stderr == ""


def test_output_in_ascii_is_escaped() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "numeric.command.main", "bounds", "--alpha", "0.1", "--energy", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_report_names_a_file_without_its_folders() -> None:
    assert _target_name("/some/where/points.csv") == "points.csv"
    assert _target_name("paper") == "paper"


def test_the_version_is_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--version")
    assert status == 0
    assert out.split() == ["driftbound", metadata.version("driftbound")]
