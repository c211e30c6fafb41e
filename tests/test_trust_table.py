"""The tables of tests/README.md are those of the recorded numbers, and of the claims of today."""

from __future__ import annotations

import json
import tomllib

import pytest

import theory
from tests.trust_table import BEGIN, END, EQUIVALENT, HERE, README, RECORD, condensed, mutation, rendered, total

MODULES = mutation()


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


def test_every_module_of_the_configuration_went_through_mutation_testing() -> None:
    configuration = tomllib.loads((HERE / "mutation" / "mutation.toml").read_text(encoding="utf-8"))
    assert [one["path"] for one in MODULES] == [one["path"] for one in configuration["module"]]


@pytest.mark.parametrize("module", MODULES, ids=[one["path"] for one in MODULES])
def test_nine_mutants_in_ten_are_killed_and_survivors_have_a_reason(module: dict[str, object]) -> None:
    """The reason why nothing can notice the mutant; and the lines that were changed are still those of the module."""
    survivors, tried, killed = module["survivors"], module["tried"], module["killed"]
    assert isinstance(survivors, list)
    assert isinstance(tried, int)
    assert isinstance(killed, int)
    path = str(module["path"])
    assert [mutant for mutant, reason in survivors if not reason] == []
    assert tried == killed + len(survivors)
    assert killed >= 0.9 * tried
    lines = {line.strip() for line in (HERE.parent / path).read_text(encoding="utf-8").splitlines()}
    assert [mutant for mutant, _ in survivors if mutant.split("  ->  ")[0] not in lines] == []


def test_no_reason_is_kept_for_a_mutant_that_is_killed() -> None:
    alive = {(str(one["path"]), mutant) for one in MODULES for mutant, _ in one["survivors"]}
    entries = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    assert [(one["path"], mutant) for one in entries for mutant in one["mutants"] if (one["path"], mutant) not in alive] == []
