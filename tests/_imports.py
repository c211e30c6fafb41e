"""What is imported while a proof runs, loaded before or not."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

imported: set[str] = set()
"""Top-level names of the packages that proofs have imported in this process."""


@contextmanager
def watched() -> Iterator[None]:
    """Note every ``import`` that is executed inside."""
    original = builtins.__import__

    def noting(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if not level:
            imported.add(name.partition(".")[0])
        return original(name, globals, locals, fromlist, level)

    builtins.__import__ = noting
    try:
        yield
    finally:
        builtins.__import__ = original
