"""Which worker runs what: files that share dear results stay together, and what takes longest starts first."""

from __future__ import annotations

from typing import Any

import pytest

TOGETHER = {
    "proofs": (
        "tests/theory/test_sampling.py",
        "tests/theory/test_accumulation.py",
        "tests/theory/test_generation.py",
        "tests/theory/test_limits.py",
        "tests/theory/test_proof.py",
        "tests/theory/test_proof_runs.py",
        "tests/theory/test_export.py",
        "tests/test_readme.py",
        "tests/command/test_claims.py",
        "tests/command/test_verify.py",
    ),
    "closed forms": (
        "tests/theory/test_closed_forms.py",
        "tests/numeric/test_closed_forms.py",
        "tests/test_two_routes.py",
    ),
}
GROUPS = {file: group for group, files in TOGETHER.items() for file in files}
FIRST = (
    "proofs",
    "tests/notebooks/test_notebooks.py",
    "closed forms",
    "tests/numeric/generations/test_simulate_generation.py",
    "tests/numeric/generations/test_fokker_planck.py",
    "tests/numeric/samples/test_sample_drift.py",
)


def unit(nodeid: str) -> str:
    """What a test is scheduled with: its group, or its file."""
    file = nodeid.split("::", 1)[0]
    return GROUPS.get(file, file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest units first; otherwise the order of collection."""
    rank = {name: position for position, name in enumerate(FIRST)}
    places = {file: position for files in TOGETHER.values() for position, file in enumerate(files)}

    def place(item: pytest.Item) -> tuple[int, str, int]:
        name = unit(item.nodeid)
        together = name in TOGETHER
        return rank.get(name, len(rank)), name if together else "", places[item.nodeid.split("::", 1)[0]] if together else 0

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """``--dist loadfile``, by unit instead of by file, in the order of collection."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByUnit(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

    config.option.loadscopereorder = False
    return ByUnit(config, log)
