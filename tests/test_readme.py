"""The README's table of claims is the registry's."""

from __future__ import annotations

from pathlib import Path

import theory

ROOT = Path(__file__).parents[1]


def test_the_table_of_claims_is_the_registry() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("| `")]
    expected = [(f"`{one.id}`", one.title, one.source, one.prove().status) for one in theory.claims()]
    assert rows == expected
