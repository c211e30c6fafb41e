"""``driftbound claims``: the account of every claim, and what it says when something is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import sympy as sp

import theory
from numeric.command.account import accounts, summary
from numeric.command.instances import instance_case, judge_instances
from numeric.command.main import main
from numeric.command.tables import claims_markdown, claims_table, console
from numeric.command.verbs.claims import BEGIN, END, enclosed
from numeric.judging.verdicts import Verdict
from theory import symbols

FEW = ("refresh", "innovation-vs-intra", "no-pointwise-floor", "leading-order-limit")


def silent(label: str, done: int, total: int) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def few() -> tuple[theory.Claim, ...]:
    return tuple(theory.claim(name) for name in FEW)


@pytest.mark.parametrize("claim", theory.claims(), ids=lambda claim: claim.id)
def test_the_numbers_tell_each_claim_from_its_mutants_at_exact_instances(claim: theory.Claim) -> None:
    own, mutants = judge_instances(claim)
    expected = Verdict.VIOLATED if claim.expected == "false" else Verdict.HOLDS
    limit = all(relation.has(sp.Limit) for relation in theory.conjuncts(claim.statement))
    assert own.verdict is (None if limit else expected), own.detail
    for mutant, instance in zip(claim.mutants, mutants, strict=True):
        limit = all(relation.has(sp.Limit) for relation in theory.conjuncts(mutant.statement))
        assert instance.verdict is (None if limit else Verdict.VIOLATED), instance


def test_an_instance_becomes_intervals_as_narrow_as_its_numbers_are_exact() -> None:
    case = instance_case(
        {
            symbols.alpha: sp.Rational(1, 10),
            symbols.kl: sp.Rational(1, 4),
            symbols.divergence: (0, sp.sqrt(2), sp.Rational(1, 2)),
            symbols.gram: ((1, 2), (3,)),
            symbols.innovation: sp.Lambda(symbols.i, symbols.i),
            sp.Function("law"): (1, 2),
            symbols.N: 2,
        }
    )
    assert case.rounds == 2
    assert set(case.quantities) == {"alpha", "kl", "divergence"}  # no ragged table, no whole sequence, no function
    assert case("kl").low == case("kl").high == 0.25
    assert case("alpha").low < 0.1 < case("alpha").high
    widths = (case("divergence").high - case("divergence").low).tolist()
    assert widths[0] == widths[2] == 0.0
    assert 0.0 < widths[1] < 1e-8


def test_what_is_wrong_is_said(few: tuple[theory.Claim, ...]) -> None:
    """A mutant that is true, one that carries no instance, and a claim that its script does not prove."""
    claim = few[0]
    true_mutant = replace(claim, id="refresh/true", mutants=(), falsified_by=claim.witness, script=None)
    bare_mutant = replace(claim.mutants[0], id="refresh/bare", falsified_by=None)
    wrong = replace(claim, statement=claim.mutants[0].statement)
    first, second = accounts([replace(claim, mutants=(true_mutant, bare_mutant)), wrong], silent)
    assert any("refresh/true: HOLDS at its falsifying instance" in line for line in first.shortfalls)
    assert any("does not fail at the case" in line for line in first.shortfalls)
    assert any("no falsifying instance" in line for line in first.shortfalls)
    assert [one.id for one in first.undecided] == ["refresh/bare"]
    assert second.proof.status == "conditional"
    assert second.judgement.refused == {}
    assert any("VIOLATED at its own instance" in line for line in second.shortfalls)
    counts = summary((first, second))
    assert counts[0] == "2 claims: 1 proved, 1 conditional."
    assert counts[1].startswith("1 are machine-checked")


def test_the_table_the_summary_and_the_exit_status(capsys: pytest.CaptureFixture[str], few: tuple[theory.Claim, ...]) -> None:
    found = accounts(few, silent)
    claims_table(found, console())
    out = capsys.readouterr().out
    for one in found:
        assert one.claim.id in out
        assert one.shortfalls == ()
    assert "4 claims: 3 proved, 1 refuted." in out
    assert "not decided by the numbers  leading-order-limit: a limit, which no finite case decides" in out
    assert "0 survive" in out
    rows = claims_markdown(found).splitlines()[2:6]
    assert rows[0] == (
        "| `refresh` | Mixing with fresh data contracts chi2 by exactly (1 - alpha)^2 | KTV-A, section 4 (one line of the "
        "recursion) | equality | proved | 3 / 0 / 4 | 1/1 | 1/1 |"
    )


def test_one_claim_in_full_and_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "refresh"]) == 0
    out = capsys.readouterr().out
    assert "none survives" in out
    assert "numbers  VIOLATED" in out
    assert main(["claims", "girsanov-kl", "--json"]) == 0
    [one] = json.loads(capsys.readouterr().out)
    assert one["status"] == "proved"
    assert one["counts"] == {"checked": 3, "cited": 2, "assumed": 1}
    assert "de Bruijn, integrated" in one["theorems"]
    assert all(mutant["refused_by_prover"] and mutant["rejected_by_numbers"] for mutant in one["mutants"])
    assert one["survivors"] == []
    assert one["nudges"] == 2


def test_a_file_keeps_all_but_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"above\n{BEGIN}\nold\n{END}\nbelow\n", encoding="utf-8")
    assert enclosed(page, "new") == f"above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"
    assert main(["claims", "refresh", "--markdown", str(page)]) == 0
    assert "| `refresh` |" in page.read_text(encoding="utf-8")
    page.write_text("no table", encoding="utf-8")
    assert main(["claims", "refresh", "--markdown", str(page)]) == 2
    assert BEGIN in capsys.readouterr().err
