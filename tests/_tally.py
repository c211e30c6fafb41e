"""What the tests count while they run, for the table in tests/README.md: cases, mutants, intervals, calls, errors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

VARIABLE = "DRIFTBOUND_TALLY"


def tally(section: str, name: str, **numbers: float) -> None:
    """Append one JSON line ``{"section": ..., "name": ..., "numbers": {...}}`` to the file that DRIFTBOUND_TALLY names.

    Does nothing where the variable is not set. One write in append mode, so that parallel workers never mix their lines.
    """
    path = os.environ.get(VARIABLE)
    if path:
        record = json.dumps({"section": section, "name": name, "numbers": plain(numbers)}, sort_keys=True) + "\n"
        with open(path, "ab", buffering=0) as file:
            file.write(record.encode())


def plain(numbers: Mapping[str, float]) -> dict[str, float]:
    """Python numbers in place of numpy scalars; whole numbers stay whole."""
    return {
        key: value if isinstance(value, int) else int(value) if _whole(value) else float(value)
        for key, value in numbers.items()
    }


def _whole(value: float) -> bool:
    return type(value).__name__.startswith(("int", "uint"))
