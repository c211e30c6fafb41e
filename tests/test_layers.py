"""The layers: theory knows nothing of numeric, and what measures knows nothing of theory."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
JUDGES = {"numeric/checks.py"}  # only what compares a measurement with a claim may import both


def imported(path: Path) -> set[str]:
    """Top-level names of the packages that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "theory").rglob("*.py")), ids=lambda p: p.name)
def test_theory_imports_neither_numpy_nor_numeric(path: Path) -> None:
    assert not imported(path) & {"numpy", "scipy", "numeric", "sklearn", "matplotlib"}


@pytest.mark.parametrize("path", sorted((ROOT / "numeric").rglob("*.py")), ids=lambda p: p.name)
def test_only_the_judges_import_theory(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name in JUDGES or name.startswith("numeric/command/"):
        return
    assert "theory" not in imported(path), f"{name} measures, so it must not import theory"


def test_the_rule_can_fail(tmp_path: Path) -> None:
    offender = tmp_path / "simulate.py"
    offender.write_text("def f():\n    from theory.energy import ideal_energy\n    return ideal_energy\n", encoding="utf-8")
    assert "theory" in imported(offender)
