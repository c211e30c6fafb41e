"""Relations that stay as they are written.

``sympy.Le(left, right)`` first tries to decide the relation. A claim states what has to be proved, so there is nothing to
decide: the attempts take seconds when the claims are built, and what sympy holds to be evident (that a nonnegative symbol is
finite) it would put in the place of the statement.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

__all__ = ["Eq", "Ge", "Gt", "Le", "Lt"]


def Eq(left: Any, right: Any) -> Any:
    """``left = right``."""
    return sp.Eq(left, right, evaluate=False)


def Le(left: Any, right: Any) -> Any:
    """``left <= right``."""
    return sp.Le(left, right, evaluate=False)


def Ge(left: Any, right: Any) -> Any:
    """``left >= right``."""
    return sp.Ge(left, right, evaluate=False)


def Lt(left: Any, right: Any) -> Any:
    """``left < right``."""
    return sp.Lt(left, right, evaluate=False)


def Gt(left: Any, right: Any) -> Any:
    """``left > right``."""
    return sp.Gt(left, right, evaluate=False)
