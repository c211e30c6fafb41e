"""The tables of tests/README.md are those of the recorded numbers, and of the claims of today."""

from __future__ import annotations

import json

import theory
from tests.trust_table import BEGIN, END, README, RECORD, condensed, mutation, rendered, total


def test_the_tables_are_those_of_the_record() -> None:
    text = README.read_text(encoding="utf-8")
    shown = text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    assert shown == rendered(record, mutation())
    # a number that was changed by hand is noticed
    record["hostile"]["reader CSV"] = {"calls": 1, "failures": 1}
    assert shown != rendered(record, mutation())


def test_every_mutant_of_todays_registry_is_counted() -> None:
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    counted = total(record["mutants of claims"].values())
    assert counted["tried"] + counted["prover_only"] == sum(len(claim.mutants) for claim in theory.claims())


def test_runs_are_condensed_by_what_their_numbers_mean() -> None:
    entries = [
        {"section": "s", "name": "errors", "numbers": {"worst": 1e-12}},
        {"section": "s", "name": "errors", "numbers": {"worst": 1e-11}},
        {"section": "s", "name": "cases", "numbers": {"cases": 3}},
        {"section": "s", "name": "cases", "numbers": {"cases": 4}},
        {"section": "s", "name": "interval", "numbers": {"runs": 300, "above": 9}},
        {"section": "s", "name": "interval", "numbers": {"runs": 2000, "above": 51}},
    ]
    found = condensed(json.dumps(entry) for entry in entries)["s"]
    assert found == {"cases": {"cases": 7}, "errors": {"worst": 1e-11}, "interval": {"runs": 2000, "above": 51}}
