"""The layers: theory knows nothing of numeric, and what measures knows nothing of theory."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# only what compares a measurement with a claim may import both; closed_forms evaluates formulas and measures nothing
JUDGES = {"numeric/judging/assumptions.py", "numeric/judging/checks.py", "numeric/closed_forms.py"}
# and command/: no route may lean on the formulas it is held against
EVALUATING = {"numeric/__init__.py", "numeric/judging/checks.py"}


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


@pytest.mark.parametrize("path", sorted((ROOT / "numeric").rglob("*.py")), ids=lambda p: p.name)
def test_no_route_evaluates_closed_forms(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    if name not in EVALUATING and not name.startswith("numeric/command/"):
        assert not evaluates(path), f"{name} measures, so it must not import the closed forms"


def evaluates(path: Path) -> bool:
    """Whether a module imports ``numeric.closed_forms``, in any of the ways there are."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import) and any(alias.name == "numeric.closed_forms" for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom):
            through = node.module == "numeric" and any(alias.name == "closed_forms" for alias in node.names)
            if node.module == "numeric.closed_forms" or through:
                return True
    return False


def test_the_rule_can_fail(tmp_path: Path) -> None:
    offender = tmp_path / "simulate.py"
    offender.write_text("def f():\n    from theory.energy import ideal_energy\n    return ideal_energy\n", encoding="utf-8")
    assert "theory" in imported(offender)
    for line in ("from numeric import closed_forms", "import numeric.closed_forms", "from numeric.closed_forms import form"):
        offender.write_text(f"{line}\n", encoding="utf-8")
        assert evaluates(offender)
