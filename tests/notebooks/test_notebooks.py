"""Every notebook runs from a clean state, and defines nothing: its mathematics is the packages'."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def read(path: Path):
    import nbformat

    return nbformat.read(path, as_version=4)


def test_there_are_notebooks() -> None:
    assert NOTEBOOKS


@pytest.fixture(scope="module")
def kernel() -> Iterator[Any]:
    """One kernel for all notebooks, which loads the packages once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the notebook machinery; the packages run in a process of their own
        import nbformat
        from nbclient import NotebookClient

        client = NotebookClient(
            nbformat.v4.new_notebook(), timeout=120, kernel_name="python3", resources={"metadata": {"path": ROOT}}
        )
        with client.setup_kernel():
            yield client


def run_in(client: Any, cells: list[Any]) -> None:
    """Run cells after every name of those before was deleted and every figure closed."""
    import nbformat

    clean = ["%reset -f", "import matplotlib.pyplot\nmatplotlib.pyplot.close('all')", "%reset -f"]
    client.nb = nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, clean), *cells])
    client.reset_execution_trackers()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for index, cell in enumerate(client.nb.cells):
            client.execute_cell(cell, index)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_from_a_clean_state(path: Path, kernel: Any) -> None:
    run_in(kernel, read(path).cells)


def test_no_name_of_one_notebook_is_left_to_the_next(kernel: Any) -> None:
    from nbclient.exceptions import CellExecutionError
    from nbformat.v4 import new_code_cell

    run_in(kernel, [new_code_cell("import numpy as np\nleft = np.ones(3)"), new_code_cell("left + np.ones(3)")])
    for name in ("left", "np"):
        with pytest.raises(CellExecutionError, match="NameError"):
            run_in(kernel, [new_code_cell(name)])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_imports_and_never_defines(path: Path) -> None:
    source = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    defined = [node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda))]
    assert not defined


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_ends_in_an_asserted_check_and_has_its_outputs(path: Path) -> None:
    cells = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert "assert" in cells[-1].source
    assert all(cell.execution_count for cell in cells)
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
