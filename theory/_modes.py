"""Modes: the coordinates along common eigenvectors, one number per mode.

Covariances with common eigenvectors act on each eigenvector alone, so a d-dimensional Gaussian is d independent modes. The
closed forms take one mode as numbers and several as sequences, in the same function, because nothing else about them changes:
energies, KL, Rényi and W2² add over modes, 1 + chi2, e^{rZ} and 1 - Hellinger² multiply.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy as sp

Pair = tuple[str, Any]
"""A label for messages (``lam`` or ``lam[2]``) and the value it labels."""


def modes(**arguments: Any) -> tuple[tuple[Pair, ...], ...]:
    """The arguments of each mode, labelled, in the order given; a single number holds for every mode.

    Raises:
        ValueError: if a sequence is empty, or two sequences have different lengths.
    """
    sequences = {name: tuple(value) for name, value in arguments.items() if _several(value)}
    if not sequences:
        return (tuple(arguments.items()),)
    first, entries = next(iter(sequences.items()))
    if not entries:
        raise ValueError(f"{first} must have at least one entry, but it is empty")
    for name, values in sequences.items():
        if len(values) != len(entries):
            raise ValueError(f"{name} must have one entry per mode, like {first} ({len(entries)}), but it has {len(values)}")

    def labelled(name: str, value: Any, mode: int) -> Pair:
        return (f"{name}[{mode}]", sequences[name][mode]) if name in sequences else (name, value)

    return tuple(tuple(labelled(name, value, mode) for name, value in arguments.items()) for mode in range(len(entries)))


def _several(value: Any) -> bool:
    if isinstance(value, sp.MatrixBase):
        return True
    if getattr(value, "ndim", 1) == 0:  # numpy's numbers are iterable by type
        return False
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, sp.Expr))
