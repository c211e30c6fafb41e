"""Deterministic grids in one and two dimensions: where an integrand made of mixture densities lives, and its integral.

The trapezoid rule on a box outside of which the integrand has no mass converges exponentially for these analytic
integrands; the step is halved until the integral stands still, so the last change is a (pessimistic) error bound. How fast
depends on where in the complex plane a mixture density is 0: near a light component, arbitrarily close to the line. What the
next change would be is therefore not concluded from the last one on the line, and with caution in the plane.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from numeric.domains import Unresolved
from numeric.laws.targets import GaussianMixture
from numeric.validation import Array

Indices = NDArray[np.intp]

__all__ = [
    "Box",
    "component_box",
    "default_frame",
    "density_on",
    "factorises",
    "integrate",
    "integrate_sums",
    "pair_extent",
    "product_box",
    "scanned_box",
    "union",
]

TAIL = 42.0  # log of the relative mass left outside a box: exp(-42) = 6e-19
BLOCK = 1 << 14  # nodes evaluated at a time
DENSE_PAIRS = 1 << 14  # pairs of components up to which all of them are looked at
MAX_NODES = 6_000_000
LARGEST_GRID = 5 * MAX_NODES  # nodes of a first grid, which nothing may refine


@dataclass(frozen=True)
class Box:
    """The points origin + frame @ y with lower <= y <= upper; d is 1 or 2.

    Attributes:
        origin: (d,); frame: (d, d); lower, upper: (d,) in frame coordinates.
        step: (d,) first step of the grid in frame coordinates, below the finest scale of the integrand.
    """

    origin: Array
    frame: Array
    lower: Array
    upper: Array
    step: Array

    def counts(self, step: Array) -> list[float]:
        """Nodes along each axis of a grid at most ``step`` apart: whole numbers, of any size."""
        return [float(count) + 1.0 for count in np.maximum(np.ceil((self.upper - self.lower) / step), 2.0)]

    def axes(self, step: Array) -> list[Array]:
        """Equidistant coordinates along each axis, at most ``step`` apart, in frame coordinates."""
        ends = zip(self.lower, self.upper, self.counts(step), strict=True)
        return [np.linspace(low, high, int(count)) for low, high, count in ends]

    def blocks(self, axes: Sequence[Array], block: int = BLOCK) -> Iterator[Array]:
        """The nodes of the product grid, in blocks (m, d) of at most about ``block``."""
        if len(axes) == 1:
            for start in range(0, axes[0].shape[0], block):
                yield self.origin + axes[0][start : start + block, None] @ self.frame.T
            return
        rows = max(1, block // axes[1].shape[0])
        for start in range(0, axes[0].shape[0], rows):
            first, second = np.meshgrid(axes[0][start : start + rows], axes[1], indexing="ij")
            yield self.origin + np.stack([first.ravel(), second.ravel()], axis=1) @ self.frame.T

    def cell(self, axes: Sequence[Array]) -> float:
        """Volume belonging to one node."""
        return float(np.prod([axis[1] - axis[0] for axis in axes]) * abs(np.linalg.det(self.frame)))


def union(boxes: Sequence[Box]) -> Box:
    """The smallest box of the common frame around all of ``boxes``, with the finest of their steps."""
    first = boxes[0]
    return Box(
        first.origin,
        first.frame,
        np.min([box.lower for box in boxes], axis=0),
        np.max([box.upper for box in boxes], axis=0),
        np.min([box.step for box in boxes], axis=0),
    )


def density_on(law: GaussianMixture, nodes: Array) -> Array:
    """log density at the nodes (m, d) of a grid; many kernels of one diagonal covariance on a product grid factorise.

    Where the density is below about 1e-300 relative to its peak the factorised form returns -inf.
    """
    run = int(np.argmax(nodes[:, 0] != nodes[0, 0])) if law.dim == 2 else 0
    if run == 0 or not factorises(law) or nodes.shape[0] % run:
        return law.logpdf(nodes)
    table = nodes.reshape(-1, run, 2)
    rows, columns = table[:, 0, 0], table[0, :, 1]
    if np.any(table[:, :, 0] != rows[:, None]) or np.any(table[:, :, 1] != columns):
        return law.logpdf(nodes)
    scales = np.sqrt(np.diagonal(law.covs[0]))
    left = np.exp(-0.5 * ((rows[:, None] - law.means[:, 0]) / scales[0]) ** 2) * law.weights
    right = np.exp(-0.5 * ((columns[:, None] - law.means[:, 1]) / scales[1]) ** 2)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(left @ right.T).ravel() - math.log(2.0 * math.pi * scales[0] * scales[1]))


def factorises(law: GaussianMixture) -> bool:
    """Whether the law has many components of one diagonal covariance, in two dimensions."""
    count, dim = law.means.shape
    return (
        dim == 2 and count >= 64 and not np.any(law.covs[0][~np.eye(dim, dtype=bool)]) and not np.any(law.covs != law.covs[0])
    )


def default_frame(laws: Sequence[GaussianMixture]) -> tuple[Array, Array]:
    """Origin (d,) and frame (d, d) for ``laws``: the axes where covariances are diagonal or densities factorise over them
    (``density_on``), else the first law's own."""
    dim = laws[0].dim
    off_diagonal = ~np.eye(dim, dtype=bool)
    origin = np.array(laws[0].mean)
    if all(not np.any(law.covs[:, off_diagonal]) for law in laws) or any(factorises(law) for law in laws):
        return origin, np.diag(np.sqrt(np.diagonal(laws[0].cov)))
    return origin, np.asarray(np.linalg.cholesky(laws[0].cov), dtype=np.float64)


def component_box(law: GaussianMixture, frame: tuple[Array, Array]) -> Box:
    """The box outside of which every component of ``law`` has relative mass below exp(-TAIL)."""
    means, covs = _in_frame(law, frame)
    reach = math.sqrt(2.0 * TAIL) * np.sqrt(np.diagonal(covs, axis1=1, axis2=2))
    return Box(*frame, np.min(means - reach, axis=0), np.max(means + reach, axis=0), _steps(covs))


def product_box(p: GaussianMixture, q: GaussianMixture, frame: tuple[Array, Array], order: float = 2.0) -> Box | None:
    """The box for p^order q^(1-order), order > 1, from a rigorous tail bound; None where a component of p has none.

    For every component N_j of p and any N_l of q the tail of N_j^order q^(1-order) lies below that of the Gaussian
    N_j^order (w_l N_l)^(1-order), so on each side of the box the best l serves.
    """
    means, covs = _in_frame(p, frame)
    others, other_covs = _in_frame(q, frame)
    log_weights = np.log(q.weights[q.weights > 0.0])
    low, high = np.full(means.shape, -np.inf), np.full(means.shape, np.inf)
    for j, m in _pairs(means, others, other_covs):
        below, above = pair_extent(means[j], covs[j], others[m], other_covs[m], log_weights[m], order)
        np.maximum.at(low, j, below)
        np.minimum.at(high, j, above)
    if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high))):
        return None
    step = np.minimum(_steps(covs), _steps(other_covs)) / math.sqrt(2.0)  # N_j^2/N_l can be narrower than N_j by sqrt 2
    tails = Box(*frame, low.min(axis=0), high.max(axis=0), step)
    return union([tails, component_box(p, frame), component_box(q, frame)])


def pair_extent(
    means: Array, covs: Array, others: Array, other_covs: Array, log_weights: Array | float, order: float = 2.0
) -> tuple[Array, Array]:
    """For each of n pairs, the box outside of which N_j^order (w N_l)^(1-order) has mass below exp(-TAIL).

    Args:
        means, others: (n, d). covs, other_covs: (n, d, d). log_weights: log w, (n,) or a number.

    Returns:
        Lower and upper sides, (n, d) each; -inf and inf where the product is not integrable.
    """
    left = order * np.linalg.inv(covs)
    right = (1.0 - order) * np.linalg.inv(other_covs)
    precision = left + right
    positive = np.linalg.eigvalsh(precision)[:, 0] > 1e-9 * np.abs(precision).max(axis=(1, 2))
    spread = np.linalg.inv(np.where(positive[:, None, None], precision, np.eye(means.shape[1])))
    shift = others - means
    pulled = np.einsum("nbc,nc->nb", right, shift)
    centre = means + np.einsum("nab,nb->na", spread, pulled)
    log_determinants = order * np.linalg.slogdet(covs)[1] + (1.0 - order) * np.linalg.slogdet(other_covs)[1]
    mass = (
        0.5 * (np.linalg.slogdet(spread)[1] - log_determinants - np.einsum("na,nab,nbc,nc->n", shift, left, spread, pulled))
        + (1.0 - order) * log_weights
    )
    reach = np.sqrt(2.0 * (TAIL + np.maximum(mass, 0.0)))[:, None] * np.sqrt(np.diagonal(spread, axis1=1, axis2=2))
    inside = positive[:, None]
    return np.where(inside, centre - reach, -np.inf), np.where(inside, centre + reach, np.inf)


def scanned_box(log_integrand: Callable[[Array], Array], start: Box) -> Box:
    """``start`` enlarged until, along 2 (d = 1) or 720 rays, the integrand has fallen by exp(-TAIL) for good."""
    dim = start.lower.shape[0]
    if dim == 1:
        directions = np.array([[-1.0], [1.0]])
    else:
        angles = np.linspace(0.0, 2.0 * math.pi, 720, endpoint=False)
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centre = 0.5 * (start.lower + start.upper)
    radius = float(np.linalg.norm(start.upper - centre))
    radii = radius * np.concatenate([np.linspace(0.0, 1.0, 200, endpoint=False), 1.03 ** np.arange(240)])
    extent = np.zeros((directions.shape[0], radii.shape[0]))
    for row, direction in enumerate(directions):
        extent[row] = log_integrand(start.origin + (centre + radii[:, None] * direction) @ start.frame.T)
    alive = extent > extent.max() - TAIL
    last = radii[np.minimum(alive.shape[1] - 1 - np.argmax(alive[:, ::-1], axis=1) + 1, radii.shape[0] - 1)]
    tips = centre + last[:, None] * directions
    return Box(
        start.origin,
        start.frame,
        np.minimum(start.lower, tips.min(axis=0)),
        np.maximum(start.upper, tips.max(axis=0)),
        start.step,
    )


def integrate(
    function: Callable[[Array], Array],
    box: Box,
    *,
    rtol: float = 1e-11,
    atol: float = 0.0,
    max_nodes: int = MAX_NODES,
    analytic: bool = True,
) -> tuple[Array, Array]:
    """Integrals of ``function``: nodes (m, d) -> values (m,) or (m, k), over ``box``.

    Args:
        rtol, atol: the step is halved until every error is below ``rtol`` relative or ``atol`` absolute,
        max_nodes: or until the next grid would have more nodes than this.
        analytic: False where the integrand has kinks. Else, in the plane, where nodes are dear, the error is put at 30 times
            the relative change to the power 3/2 (it squares at least, if one rate governs it); everywhere else at the change.
            A change below 1e-10 that is no smaller than half the one before is rounding, and nothing to refine.

    Returns:
        The integrals and their error estimates, (k,) each; k = 1 for a scalar function.
    """

    def sums(nodes: Array) -> Array:
        values = function(nodes)
        return np.asarray(np.sum(values[:, None] if values.ndim == 1 else values, axis=0))

    return integrate_sums(sums, box, rtol=rtol, atol=atol, max_nodes=max_nodes, analytic=analytic)


def integrate_sums(
    sums: Callable[[Array], Array],
    box: Box,
    *,
    rtol: float = 1e-11,
    atol: float = 0.0,
    max_nodes: int = MAX_NODES,
    analytic: bool = True,
    block: int = BLOCK,
    decisive: int | None = None,
) -> tuple[Array, Array]:
    """As :func:`integrate` for a function that returns sums over its nodes already, (m, d) -> (k,).

    ``decisive``: only the first so many entries decide when the step is fine enough.

    Raises:
        Unresolved: a first grid of more than ``LARGEST_GRID`` nodes.
    """
    step = box.step
    needed = math.prod(box.counts(step))
    if needed > LARGEST_GRID:
        raise Unresolved(
            f"p and q, or target and laws, must be resolved by a grid of at most {LARGEST_GRID:.0e} nodes, got laws so far "
            f"apart or so narrow that they need {needed:.2g}; Monte Carlo has no such limit"
        )
    previous: Array | None = None
    before = np.asarray(np.inf)
    while True:
        axes = box.axes(step)
        parts = [sums(nodes) for nodes in box.blocks(axes, block)]
        with np.errstate(over="ignore"):
            value = np.asarray(np.sum(parts, axis=0) * box.cell(axes))
        exhausted = math.prod(axis.shape[0] for axis in axes) * 2 ** len(axes) > max_nodes
        if previous is not None:
            with np.errstate(invalid="ignore", over="ignore"):  # an entry that overflowed has no error: NaN
                error = change = np.abs(value - previous)
                size = np.maximum(np.abs(value), 1e-300)
                if analytic and len(axes) == 2:
                    error = np.minimum(change, 30.0 * (change / size) ** 1.5 * size)
                rounding = analytic & (change > 0.5 * before) & (change < 1e-10 * size)
                still = ~(error > np.maximum(rtol * np.abs(value), atol)) | rounding  # NaN will not improve
            before = change
            if exhausted or bool(np.all(still[:decisive])):
                return value, error
        elif exhausted:
            return value, np.full(value.shape, np.inf)
        previous, step = value, 0.5 * step


def _in_frame(law: GaussianMixture, frame: tuple[Array, Array]) -> tuple[Array, Array]:
    """Means (k, d) and covariances (k, d, d) of the components with positive weight, in frame coordinates."""
    origin, matrix = frame
    kept = law.weights > 0.0
    inverse = np.linalg.inv(matrix)
    covs = inverse @ law.covs[kept] @ inverse.T
    return (law.means[kept] - origin) @ inverse.T, 0.5 * (covs + np.swapaxes(covs, 1, 2))


def _steps(covs: Array) -> Array:
    """The finest standard deviation, per axis: the aliasing of a Gaussian is exp(-2 pi^2) = 3e-9, and 5e-35 after halving."""
    dim = covs.shape[-1]
    if not np.any(covs[:, ~np.eye(dim, dtype=bool)]):
        return np.asarray(np.sqrt(np.diagonal(covs, axis1=1, axis2=2).min(axis=0)))
    values = np.linalg.eigvalsh(covs)
    # below the rounding of the widest axis a computed eigenvalue may be negative, and no grid is that fine anyway
    return np.full(dim, math.sqrt(float(np.maximum(values[:, 0], np.finfo(np.float64).eps * values[:, -1]).min())))


def _pairs(means: Array, others: Array, other_covs: Array) -> Iterator[tuple[Indices, Indices]]:
    """Index pairs (j, l): all of them where they are few, else for each j the nearest l of every distinct covariance."""
    total, rest = means.shape[0], others.shape[0]
    if total * rest <= DENSE_PAIRS:
        grid_j, grid_l = np.meshgrid(np.arange(total), np.arange(rest), indexing="ij")
        yield grid_j.ravel(), grid_l.ravel()
        return
    _, labels = np.unique(other_covs.reshape(rest, -1), axis=0, return_inverse=True)
    for label in np.unique(labels):
        members = np.flatnonzero(labels.ravel() == label)
        _, nearest = cKDTree(others[members]).query(means)
        yield np.arange(total), members[np.asarray(nearest, dtype=np.intp)]
