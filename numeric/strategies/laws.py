"""Targets and noising processes."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from numeric.domains import Array
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, Target
from numeric.strategies.values import counts, typical, vectors

__all__ = ["Dims", "covariances", "gaussians", "mixtures", "processes", "rotations", "targets", "weights"]

Dims: TypeAlias = int | tuple[int, int]


def dimensions(dims: Dims) -> SearchStrategy[int]:
    """One dimension, or any of a range."""
    return counts("dimension", dims, dims) if isinstance(dims, int) else counts("dimension", *dims)


@st.composite
def rotations(draw: DrawFn, dim: int) -> Array:
    """Orthogonal (dim, dim) matrices: products of reflections in the hyperplanes of small integer vectors."""
    basis = np.eye(dim)
    for _ in range(draw(st.integers(0, dim))):
        normal = np.array(draw(st.lists(st.integers(-3, 3), min_size=dim, max_size=dim)), dtype=np.float64)
        if np.any(normal):
            basis = basis - np.outer(normal, normal @ basis) * (2.0 / (normal @ normal))
    return basis


@st.composite
def covariances(draw: DrawFn, dim: int, *, low: float = 1e-3, high: float = 1e3) -> float | Array:
    """A variance, (dim,) variances or a (dim, dim) covariance with eigenvalues in [low, high]: condition number to high/low."""
    kind = draw(st.sampled_from(["variance", "variances", "covariance"] if dim > 1 else ["variance"]))
    if kind == "variance":
        return draw(typical("variance", low, high))
    values = draw(vectors(dim, "variance", low, high))
    if draw(st.sampled_from([False, False, False, True])):  # as ill-conditioned as can be
        values[[0, -1]] = low, high
    if kind == "variances":
        return values
    basis = draw(rotations(dim))
    matrix = basis * values @ basis.T
    return np.asarray(0.5 * matrix + 0.5 * matrix.T)


@st.composite
def gaussians(
    draw: DrawFn, dims: Dims = (1, 8), *, low: float = 1e-3, high: float = 1e3, reach: float | None = None
) -> Gaussian:
    """Gaussians with an offset and any covariance; the simplest is N(0, 1).

    Args:
        dims: a dimension, or the least and the largest.
        low, high: bounds of the eigenvalues; the condition number reaches high/low, 1e6 by default.
        reach: bound of the entries of the mean, 3 by default.
    """
    dim = draw(dimensions(dims))
    mean = draw(vectors(dim, "mean", *((None, None) if reach is None else (-reach, reach))))
    cov = draw(covariances(dim, low=low, high=high))
    return Gaussian(mean, cov)


@st.composite
def weights(draw: DrawFn, count: int, *, least: float = 1e-3) -> Array:
    """(count,) weights, equal or as unequal as ``least`` to 1 before they are normalised."""
    raw = draw(vectors(count, "weight", least, 1.0))
    return np.asarray(raw / raw.sum())


@st.composite
def mixtures(
    draw: DrawFn,
    dims: Dims = (1, 2),
    *,
    components: tuple[int, int] = (2, 4),
    low: float = 1e-1,
    high: float = 1e1,
    apart: float = 10.0,
    least: float = 1e-3,
) -> GaussianMixture:
    """Mixtures, overlapping to far apart, of equal or unequal weights; the simplest has equal N(0, 1) components.

    Args:
        dims: a dimension, or the least and the largest.
        components: the least and the largest number.
        low, high: bounds of the eigenvalues of the covariances.
        apart: the largest distance between neighbouring places for means, in units of the root of the largest variance.
        least: bound of the ratio of two weights.
    """
    dim = draw(dimensions(dims))
    count = draw(counts("components", *components))
    shared = draw(st.sampled_from([True, False]))
    covs = [draw(covariances(dim, low=low, high=high)) for _ in range(1 if shared else count)] * (count if shared else 1)
    matrices = np.stack([np.diag(np.broadcast_to(cov, (dim,))) if np.ndim(cov) < 2 else cov for cov in covs])
    scale = math.sqrt(float(np.linalg.eigvalsh(matrices).max()))
    spacing = draw(st.sampled_from([1.0, 0.25, 0.5, 2.0, 4.0, apart])) * float(f"{scale:.4g}")
    places = draw(st.lists(st.lists(st.integers(-2, 2), min_size=dim, max_size=dim), min_size=count, max_size=count))
    means = min(1.0, apart * scale / spacing) * spacing * np.array(places, dtype=np.float64)
    return GaussianMixture(draw(weights(count, least=least)), means, matrices)


def targets(dims: Dims = (1, 2)) -> SearchStrategy[Target]:
    """Gaussians and mixtures with the defaults of both but the dimension."""
    return st.one_of(gaussians(dims), mixtures(dims))


@st.composite
def processes(draw: DrawFn) -> OU:
    """Noising processes from an early stop of 1e-3 to 0.5 to a horizon of 1 to 12; the simplest is OU()."""
    return OU(draw(typical("t0")), draw(typical("T")))
