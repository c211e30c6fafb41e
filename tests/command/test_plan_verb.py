"""``driftbound plan``: text, JSON and figures say the same as the functions, and unattainable plans are refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from numeric import drift_ceiling, plan_fresh_fraction, plan_sample_size, plan_schedule
from numeric.command.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["plan", *arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_text_and_json_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ("--tolerance", "0.1", "--energy", "0.004", "--observability", "0.5", "--dimension", "10")
    status, out, err = run(capsys, *wanted)
    assert (status, err) == (0, "")
    assert "leading order in the error" in out
    assert "rigorously" in out
    status, text, _ = run(capsys, *wanted, "--json")
    plan = json.loads(text)
    assert plan["alpha"] == plan_fresh_fraction(0.1, 0.004, observability=0.5)
    assert plan["alpha_if_independent"] == plan_fresh_fraction(0.1, 0.004, observability=0.5, coherent=False)
    assert drift_ceiling(plan["tv_alpha"], 0.004, divergence="tv") == pytest.approx(0.5 * 0.1**0.5)
    assert plan["points"] == plan_sample_size(0.004, dim=10) == 16250
    assert plan["least_tolerance"] == pytest.approx(0.002)
    assert plan["ceiling"] == pytest.approx(0.1)
    for value in (plan["alpha"], plan["alpha_if_independent"], plan["floor"], plan["effective_memory"]):
        assert f"{value:.4g}" in out
    assert "16250" in out


def test_total_variation_is_said_to_be_rigorous(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--tolerance", "0.2", "--energy", "0.01", "--divergence", "tv")
    assert status == 0
    assert "rigorous up to smoothing" in out
    assert "leading order" not in out
    assert "0.25" in out


def test_a_budget_becomes_a_schedule(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wanted = ("--tolerance", "0.5", "--energy", "0.01", "--generations", "12", "--budget", "5000", "--points", "4000")
    status, out, _ = run(capsys, *wanted, "--out", str(tmp_path / "out"))
    assert status == 0
    expected = plan_schedule(5000, [0.01] * 12, sample_size=4000)
    assert f"{expected.value:.4g}, against {expected.constant_value:.4g}" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["frontier.png", "report.json", "schedule.png"]
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["schedule"]["alpha"] == pytest.approx(list(expected.alpha))
    assert report["alpha"] == plan_fresh_fraction(0.5, 0.01, generations=12)


def test_large_errors_are_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "--tolerance", "3", "--energy", "2", "--incoherent")
    assert "the leading order says little there" in out
    _, out, _ = run(capsys, "--tolerance", "0.1", "--energy", "0")
    assert "little" not in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tolerance", "0.001", "--energy", "0.01"), "tolerance must be at least 0.01"),
        (("--tolerance", "0.01", "--energy", "0.01", "--divergence", "tv"), "tolerance must be at least 0.05"),
        (("--tolerance", "2", "--energy", "0.01", "--divergence", "tv"), "tolerance must be in (0, 1)"),
        (("--tolerance", "0", "--energy", "0.01"), "--tolerance must be finite and > 0"),
        (("--tolerance", "1", "--energy", "-1"), "--energy must be"),
        (("--tolerance", "1", "--energy", "nan"), "--energy must be"),
        (("--tolerance", "1", "--energy", "0.1", "--observability", "2"), "--observability must be"),
        (("--tolerance", "1", "--energy", "0.1", "--generations", "0"), "--generations must be"),
        (("--tolerance", "1", "--energy", "0.1", "--dimension", "0"), "--dimension must be"),
        (("--tolerance", "1", "--energy", "0.1", "--budget", "3"), "--budget must come with --generations"),
        (("--tolerance", "1", "--energy", "0.1", "--budget", "-3", "--generations", "2"), "--budget must be"),
        (("--tolerance", "1", "--energy", "0.1", "--points", "0"), "--points must be"),
        (("--tolerance", "0.5", "--energy", "0.1", "--divergence", "tv", "--incoherent"), "must be left out with"),
        (("--tolerance", "1", "--energy", "0.1", "--divergence", "kl"), "invalid choice"),
        (("--energy", "0.1"), "--tolerance"),
    ],
)
def test_bad_plans_end_in_one_line(capsys: pytest.CaptureFixture[str], arguments, said) -> None:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
