"""`driftbound verify`: the whole chain, and that it can fail."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
from rich.console import Console

import theory
from numeric import Verdict
from numeric.command import html
from numeric.command.main import main
from numeric.command.suite import SuiteCase, old_faithful, suite
from numeric.command.tables import verification_tables
from numeric.command.verify import Verification, run_suite
from numeric.command.verify_page import verification_lead, verification_sections

SEED = 11


def test_the_shipped_data_is_the_published_data() -> None:
    data = old_faithful()
    assert data.shape == (272, 2)
    np.testing.assert_allclose(data.mean(axis=0), 0.0, atol=1e-12)
    raw = np.loadtxt(Path(__file__).parents[2] / "numeric" / "data" / "old_faithful.csv", delimiter=",", skiprows=1)
    # mean and standard deviation as printed in the R documentation's summary of `faithful`
    np.testing.assert_allclose(raw.mean(axis=0), [3.487783, 70.897059], atol=5e-7)
    np.testing.assert_allclose(raw.std(axis=0, ddof=1), [1.141371, 13.594974], atol=5e-7)


@pytest.fixture(scope="module")
def outcome() -> Verification:
    return run_suite(suite("quick"), theory.claims(), seed=SEED, complete=True)


def test_everything_comes_out_as_expected(outcome: Verification) -> None:
    assert outcome.shortfalls == ()
    assert outcome.exit_status == 0


def test_every_mutant_with_a_numeric_side_is_violated(outcome: Verification) -> None:
    mutants = [mutant for one in outcome.claims for mutant in one.mutants]
    assert len(mutants) > 50
    assert all(mutant.killed_by for mutant in mutants)


def test_every_verdict_occurs(outcome: Verification) -> None:
    assert {check.verdict for case in outcome.cases for check in case.checks} == set(Verdict)


def test_half_of_the_random_gaussians_are_far_from_the_easy_case(outcome: Verification) -> None:
    facts = [case.facts for case in outcome.cases if case.case.label.startswith("random Gaussian")]
    far = [one for one in facts if one["commutator"] > 0.1 and one["skew"] > 0.1 and one["condition"] > 3.0]
    assert facts
    assert 2 * len(far) >= len(facts)


def test_the_page_of_the_whole_run_is_complete_and_not_too_large(outcome: Verification) -> None:
    arguments = {"claims": None, "target": "all", "size": "quick", "workers": 2}
    sections = verification_sections(outcome, arguments, [])
    page = html.page(sections, title="t", lead=verification_lead(outcome))
    assert "Everything came out as expected" in page
    for claim in theory.claims():
        assert f'<article id="claim-{claim.id}"' in page
        assert f'<a href="#claim-{claim.id}">' in page
    for case in outcome.cases:
        assert html.text(case.case.label) in page
    assert page.count("<math") > 1000
    assert "<mtext>" not in page  # every command in every formula is understood
    assert len(page.encode()) < 2_000_000


def test_a_false_statement_among_the_claims_is_reported(outcome: Verification) -> None:
    promoted = replace(theory.claim("refresh").mutants[0], expected="true")
    cases = [case for case in suite("quick") if case.label == "shrinking"]
    wrong = run_suite(cases, [promoted], seed=SEED, complete=False)
    assert wrong.exit_status == 1
    assert any("VIOLATED" in line for line in wrong.shortfalls)


def test_silence_counts_against_a_claim_in_the_whole_suite_only() -> None:
    cases = [case for case in suite("quick") if case.label == "shrinking"]
    claims = [theory.claim("girsanov-kl")]
    assert run_suite(cases, claims, seed=SEED, complete=True).exit_status == 1
    assert run_suite(cases, claims, seed=SEED, complete=False).exit_status == 3


def test_a_vacuous_bound_is_not_informative() -> None:
    vacuous = theory.Claim("vacuous", "chi2 is below a million", "upper", sp.Le(theory.symbols.chi2, 10**6), "driftbound")
    cases = [case for case in suite("quick") if case.label == "mean shift, small"]
    outcome = run_suite(cases, [vacuous], seed=SEED, complete=True)
    assert any("no informative case" in line for line in outcome.shortfalls)


def test_the_command_writes_a_report_and_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["verify", "--claims", "refresh,two-sided-max", "--target", "gaussian", "--quick", "--seed", "5"]
    status = main([*arguments, "--out", str(tmp_path / "out")])
    text = capsys.readouterr().out
    assert status == 0
    assert "seed 5" in text
    assert "Everything came out as expected" in text
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["seed"] == 5
    assert report["exit_status"] == 0
    assert {claim["id"] for claim in report["claims"]} == {"refresh", "two-sided-max"}
    figures = ("checks", "contributions", "density", "drift", "interference", "limit_law", "regimes")
    for name in figures:
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    wanted = sorted([*(f"{name}.png" for name in figures), "report.html", "report.json"])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == wanted
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == len(figures) + 1  # and the chart of the dials
    assert 'id="claim-two-sided-max"' in page
    assert "driftbound verify --seed 5 --claims refresh,two-sided-max --target gaussian --quick" in page
    assert max(Counter(re.findall(r'\bid="([^"]+)"', page)).values()) == 1


def test_the_same_seed_gives_the_same_numbers() -> None:
    cases = suite("quick")

    def numbers(seed: int, among: list[SuiteCase]) -> list[object]:
        outcome = run_suite(among, [theory.claim("girsanov-kl")], seed=seed, complete=False)
        return [check for case in outcome.cases for check in case.checks]

    assert numbers(3, cases[:2]) == numbers(3, cases[:2])
    assert numbers(3, cases[1:2]) == numbers(3, cases[:2])[1:]  # a case does not depend on which others run
    assert numbers(3, cases[:2]) != numbers(4, cases[:2])


def test_a_file_of_data_points_is_a_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(8)
    points = np.concatenate([rng.normal(-2.0, 0.5, (60, 1)), rng.normal(1.0, 1.0, (80, 1))])
    np.save(tmp_path / "points.npy", points)
    assert main(["verify", "--target", str(tmp_path / "points.npy"), "--seed", "1"]) == 0
    assert "points.npy, KDE" in capsys.readouterr().out
    np.save(tmp_path / "few.npy", points[:10])
    assert main(["verify", "--target", str(tmp_path / "few.npy")]) == 2
    assert "at least 20 rows" in capsys.readouterr().err


@pytest.mark.parametrize("width", [80, 140])
def test_tables_fit_the_terminal_and_break_no_word(outcome: Verification, width: int) -> None:
    out = Console(file=io.StringIO(), width=width, no_color=True)
    verification_tables(outcome, out)
    lines = out.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= width
    for one in outcome.claims:  # a row each, not folded into several
        [row] = [line for line in lines if line.startswith(f"{one.claim.id} ")]
        assert row.split()[1 + (width > 80)] == one.proof.status
    assert sum("tightest on" in line for line in lines) == (width > 80)
