"""``driftbound claims --latex``: a fragment for one claim, a document for all."""

from __future__ import annotations

import pytest

import theory
from numeric.command.main import main
from numeric.command.verbs import claims as verb

FEW = tuple(theory.claim(name) for name in ("refresh", "golden-ratio"))


def test_one_claim_is_a_fragment(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "refresh", "--latex"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{theory.claim_latex(FEW[0])}\n{theory.proof_latex(FEW[0].prove())}"


def test_all_claims_are_a_document(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(verb, "selected", lambda ids: FEW)
    assert main(["claims", "--latex"]) == 0
    assert capsys.readouterr().out == theory.document(FEW)


def test_a_claim_that_is_not_proved_gives_status_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(verb, "selected", lambda ids: FEW[0].mutants[:1])
    assert main(["claims", "refresh/cube", "--latex"]) == 1
    assert "Incomplete proof" in capsys.readouterr().out


def test_bad_calls_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["claims", "refreshed", "--latex"]) == 2
    assert "refresh" in capsys.readouterr().err
    assert main(["claims", "--latex", "--json"]) == 2
    assert "not allowed with" in capsys.readouterr().err
