"""Laws, channels and errors as the calls that make them, so that a printed case can be pasted."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np

from numeric.domains import Array

__all__ = ["LONGEST", "Pasted", "constructor_call", "plain_covariance", "plain_covariances", "plain_vector"]

LONGEST = 500  # numbers that are printed

Plain: TypeAlias = float | list["Plain"]


class Printer(Protocol):
    """What IPython and hypothesis hand to an object that prints itself."""

    def text(self, text: str, /) -> object: ...


class Pasted:
    """Objects that IPython and hypothesis are to show by their ``repr``, not field by field."""

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        printer.text(repr(self))


def constructor_call(name: str, *values: object, **named: object) -> str:
    """``name(values, named)`` as Python reads it; objects of more than 500 numbers only say how many they are."""
    parts = [(None, value) for value in values] + list(named.items())
    count = sum(_size(value) for _, value in parts)
    if count > LONGEST:
        return f"<{name} of {count} numbers>"
    return f"{name}({', '.join(repr(value) if key is None else f'{key}={value!r}' for key, value in parts)})"


def _size(value: object) -> int:
    return sum(_size(entry) for entry in value) if isinstance(value, list) else 1


def plain_vector(vector: Array) -> Plain:
    """(d,) as a list, or as a number in one dimension; a scalar as a number."""
    return _plain(vector[0] if vector.shape == (1,) else vector)


def plain_covariance(matrix: Array) -> Plain:
    """The shortest of scalar, (d,) variances and (d, d) that gives this covariance."""
    variances = np.diagonal(matrix)
    if not np.array_equal(matrix, np.diag(variances)):
        return _plain(matrix)
    return _plain(variances[0] if np.all(variances == variances[0]) else variances)


def plain_covariances(covs: Array) -> Plain:
    """The shortest of scalar, (k,), (k, d) and (k, d, d) that gives these covariances."""
    variances = np.diagonal(covs, axis1=1, axis2=2)
    if not np.array_equal(covs, np.eye(covs.shape[1]) * variances[:, None, :]):
        return _plain(covs)
    if np.any(variances != variances[:, :1]):
        return _plain(variances)
    return _plain(variances[0, 0] if np.all(variances == variances[0, 0]) else variances[:, 0])


def _plain(values: Array) -> Plain:
    plain: Plain = np.asarray(values).tolist()
    return plain
