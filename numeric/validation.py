"""The refusal of everything outside the domains of the parameters, which ``numeric.domains`` declares.

Every refusal is one sentence that names the argument, what it must be and what it was.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from numeric.domains import COUNT, FRACTION, LOCATION, NONNEGATIVE, POSITIVE, REAL, VARIANCE, WIDTH, Array, Domain

__all__ = [
    "COUNT",
    "FRACTION",
    "LOCATION",
    "NONNEGATIVE",
    "POSITIVE",
    "REAL",
    "VARIANCE",
    "Array",
    "Domain",
    "covariance",
    "generator",
    "integer",
    "kernel_width",
    "points",
    "probabilities",
    "probe",
    "real",
    "real_array",
    "shown",
]


def shown(value: object) -> str:
    """``value`` in a few characters, for a message."""
    text = np.array2string(value, threshold=6, precision=4) if isinstance(value, np.ndarray) else repr(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def real(name: str, value: object, domain: Domain = REAL) -> float:
    """``value`` as a float in ``domain``; TypeError unless it is a real number, ValueError outside the domain."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a real number {domain}, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be {domain}, got an integer too large for a float") from None
    if not math.isfinite(number) or not domain.contains(number):
        raise ValueError(f"{name} must be {domain}, got {number!r}")
    return number


def integer(name: str, value: object, domain: Domain = COUNT) -> int:
    """``value`` as an int in ``domain``; TypeError unless it is an integer, ValueError outside the domain."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be an integer in [{domain.low:g}, {domain.high:g}], got {shown(value)}")
    number = int(value)
    if not domain.low <= number <= domain.high:
        raise ValueError(f"{name} must be an integer in [{domain.low:g}, {domain.high:g}], got {shown(number)}")
    return number


def real_array(name: str, value: ArrayLike, domain: Domain = REAL, *, ndim: tuple[int, ...] = (0, 1, 2, 3)) -> Array:
    """``value`` as a new float64 array with every entry in ``domain`` and one of the allowed numbers of axes."""
    try:
        raw = np.asarray(value)
    except ValueError:  # ragged nesting
        raise ValueError(f"{name} must be a rectangular array of real numbers, got {shown(value)}") from None
    if raw.dtype.kind not in "fiu":
        raise TypeError(f"{name} must be an array of real numbers, got {shown(value)} of kind {raw.dtype}")
    if raw.ndim not in ndim:
        wanted = " or ".join(str(n) for n in ndim)
        raise ValueError(f"{name} must have {wanted} axes, got shape {raw.shape}")
    array = np.array(raw, dtype=np.float64)
    if array.size == 0:
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must be finite, got {shown(array[~np.isfinite(array)][0].item())} among its entries")
    if not domain.contains(array):
        inside = np.array([domain.contains(entry) for entry in array.ravel()])
        raise ValueError(f"{name} must be {domain}, got {array.ravel()[~inside][0]:.6g} among its entries")
    return array


def probabilities(name: str, value: ArrayLike) -> Array:
    """Nonnegative weights that sum to one (to 1e-9, then normalised exactly)."""
    weights = real_array(name, value, NONNEGATIVE, ndim=(1,))
    total = float(weights.sum())
    if abs(total - 1.0) > 1e-9:
        raise ValueError(f"{name} must sum to one, got {total:.12g}")
    return weights if abs(total - 1.0) < 1e-15 else weights / total  # what was normalised once stays as it is


def covariance(name: str, value: ArrayLike, dim: int, *, definite: bool = True) -> Array:
    """A (d, d) covariance from a scalar, (d,) variances or a (d, d) matrix; refused unless symmetric and positive.

    ``definite=False`` admits singular matrices (a channel may add no noise in some direction).
    """
    raw = real_array(name, value, Domain(-VARIANCE.high, VARIANCE.high), ndim=(0, 1, 2))
    rule = "positive definite" if definite else "positive semidefinite"
    if raw.ndim == 0:
        matrix = np.eye(dim) * float(raw)
    elif raw.ndim == 1:
        if raw.shape != (dim,):
            raise ValueError(f"{name} must have one variance per dimension, shape ({dim},), got shape {raw.shape}")
        matrix = np.diag(raw)
    else:
        if raw.shape != (dim, dim):
            raise ValueError(f"{name} must have shape ({dim}, {dim}), got shape {raw.shape}")
        matrix = raw
    scale = float(np.abs(matrix).max())
    asymmetry = float(np.abs(matrix - matrix.T).max())
    if asymmetry > 1e-10 * scale:
        raise ValueError(f"{name} must be symmetric, got entries that differ from their transpose by {asymmetry:.3g}")
    matrix = 0.5 * (matrix + matrix.T)
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if (definite and lowest <= 0.0) or lowest < -1e-12 * scale:
        raise ValueError(f"{name} must be {rule}, got smallest eigenvalue {lowest:.6g}")
    if definite and lowest < VARIANCE.low:
        raise ValueError(f"{name} must have eigenvalues of at least {VARIANCE.low:g}, got {lowest:.6g}")
    return matrix


def kernel_width(bandwidth: object, domain: Domain = NONNEGATIVE) -> float:
    """A bandwidth in ``domain`` whose square is a variance: at most 1e50."""
    return real("bandwidth", real("bandwidth", bandwidth, domain), WIDTH)


def points(name: str, value: ArrayLike, dim: int | None = None) -> Array:
    """Sample points as (n, d); a vector (n,) is read as n points in one dimension."""
    array = real_array(name, value, LOCATION, ndim=(1, 2))
    if array.ndim == 1:
        array = array[:, None]
    if dim is not None and array.shape[1] != dim:
        raise ValueError(f"{name} must have {dim} columns (one per dimension), got shape {array.shape}")
    return array


def generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    """The generator itself, or a new one from a seed (an int >= 0) or from fresh entropy (None)."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, (bool, np.bool_)) or not isinstance(rng, numbers.Integral):
        raise TypeError(f"rng must be a numpy Generator, an integer seed or None, got {shown(rng)}")
    if int(rng) < 0:
        raise ValueError(f"rng must be a nonnegative seed, got {int(rng)}")
    return np.random.default_rng(int(rng))


def probe(name: str, function: Callable[[float], ArrayLike], shapes: tuple[tuple[int, ...], ...], time: float = 1.0) -> Array:
    """Call ``function(time)`` once and refuse a result that is not a finite array of one of ``shapes``."""
    result = real_array(f"{name}({time:g})", function(time))
    if result.shape not in shapes:
        wanted = " or ".join(str(shape) for shape in shapes)
        raise ValueError(f"{name}({time:g}) must return shape {wanted}, got shape {result.shape}")
    return result
