"""Figures of laws: how the density moves over generations, and the limit law of early stopping beside the data."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.plots.style import DRIFT, GRID, INK, SUM, ages, canvas, legend, look, panel, tidy
from numeric.recursions.exact_recursion import limit_law
from numeric.recursions.recursion import Recursion
from numeric.validation import FRACTION, POSITIVE, Array, integer, real, real_array

__all__ = ["marginal", "plot_density", "plot_limit_law"]

GRID_POINTS = 400
PLANE_POINTS = 60
CURVES, PANELS = 6, 3  # generations drawn beside the data
WIDTHS = 4.5  # standard deviations shown beyond the outermost component
ORDERS = 12
DRAWS = 40_000  # of a model without a closed form
COMPONENTS = 4000  # beyond, a mixture is drawn by samples too


def plot_density(
    recursion: Recursion, *, plane: ArrayLike | None = None, generations: int | None = None, ax: Axes | None = None
) -> Figure:
    """How the law moves away from the data: densities in one dimension or along a line, contours in a plane.

    Args:
        recursion: its ``laws`` are drawn. Gaussians and mixtures exactly; other models and mixtures of more than 4000 parts
            by a histogram of their samples.
        plane: (d,) a direction or (2, d) two of them, made orthonormal; the laws are projected on it. Default: the line itself
            in one dimension, else the two principal directions of the data.
        generations: how many generations beside the data, closer together at the start, where laws move most; default 6 curves
            or 3 panels.
        ax: axes to draw curves into (not for a plane, which takes one panel per generation).

    Returns:
        The figure.

    Raises:
        TypeError, ValueError: an argument of another kind or shape; ``ax`` together with a plane.
    """
    if not isinstance(recursion, Recursion):
        raise TypeError(f"recursion must be a Recursion, got {type(recursion).__name__}")
    data = as_mixture(recursion.target)
    frame = _frame(data, plane)
    wanted = integer("generations", generations if generations is not None else CURVES if frame.shape[0] == 1 else PANELS)
    last = recursion.generations
    chosen = [int(one) for one in np.unique(np.geomspace(1, last, min(wanted, last)).round())] if wanted > 1 else [last]
    if frame.shape[0] == 2:
        if ax is not None:
            raise ValueError("ax must be None where a plane is drawn, which takes one panel per generation")
        return _plane_figure(recursion, data, frame, chosen)
    figure, axes = panel(ax)
    reference = marginal(data, frame)
    shown = {one: _projected(recursion.laws[one], frame) for one in chosen}
    low, high = _range([reference, *(law for law in shown.values() if isinstance(law, GaussianMixture))])
    grid = np.linspace(low, high, GRID_POINTS)
    axes.fill_between(grid, np.exp(reference.logpdf(grid)), color=GRID, alpha=0.6, lw=0.0, label="data")
    for one, law in shown.items():
        colour = ages((one - 1) / max(last - 1, 1))
        if isinstance(law, GaussianMixture):
            axes.plot(grid, np.exp(law.logpdf(grid)), color=colour, lw=1.6, label=f"generation {one}")
        else:
            heights, edges = np.histogram(law[:, 0], bins=80, range=(low, high))
            share = heights / (law.shape[0] * np.diff(edges))
            axes.stairs(share, edges, color=colour, lw=1.3, label=f"generation {one}")
    axes.set(xlabel="$x$" if data.dim == 1 else "projection of $x$", ylabel="density", xlim=(low, high), ylim=(0.0, None))
    axes.set_title(f"Density over {last} generations")
    legend(axes, own=ax is None, columns=4)
    return figure


def _plane_figure(recursion: Recursion, data: GaussianMixture, frame: Array, chosen: list[int]) -> Figure:
    """One panel for the data and one per generation, on common axes."""
    picks = [0, *chosen][:1] + chosen
    columns = min(4, len(picks))
    rows = math.ceil(len(picks) / columns)
    reference = marginal(data, frame)
    laws = [reference, *(_projected(recursion.laws[one], frame) for one in chosen)]
    closed = [law for law in laws if isinstance(law, GaussianMixture)]
    sides = [_range([marginal(law, np.eye(2)[axis : axis + 1]) for law in closed]) for axis in range(2)]
    shape = np.clip((sides[1][1] - sides[1][0]) / (sides[0][1] - sides[0][0]), 0.3, 2.0)
    figure = canvas(2.7 * columns, (2.3 * shape + 0.55) * rows + 0.45)
    grids = [np.linspace(low, high, PLANE_POINTS) for low, high in sides]
    nodes = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, 2)
    heights = [_heights(law, nodes, grids) for law in laws]
    top = float(heights[0].max())
    levels = top * np.array([0.02, 0.1, 0.25, 0.5, 0.8])
    with look():
        panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)).ravel()
    for axes, height, one in zip(panels, heights, picks, strict=False):
        axes.contourf(*grids, height.T, levels=[*levels, max(top, float(height.max())) * 1.01], cmap="viridis", alpha=0.9)
        axes.contour(*grids, heights[0].T, levels=levels[:1], colors=DRIFT, linewidths=1.0)
        axes.set_title("data" if one == 0 else f"generation {one}")
        axes.set_aspect("equal")
        axes.set(xlabel="first direction", ylabel="second direction")
        axes.label_outer()
    for axes in panels[len(picks) :]:
        axes.set_visible(False)
    figure.suptitle("Density in the plane; the line is the data's outermost contour", fontsize=10, color=INK)
    return figure


def _heights(law: GaussianMixture | Array, nodes: Array, grids: list[Array]) -> Array:
    shape = (grids[0].shape[0], grids[1].shape[0])
    if isinstance(law, GaussianMixture):
        return np.asarray(np.exp(law.logpdf(nodes)).reshape(shape))
    edges = [np.concatenate([[2 * g[0] - g[1]], g]) + 0.5 * (g[1] - g[0]) for g in grids]
    counts, _, _ = np.histogram2d(law[:, 0], law[:, 1], bins=edges, density=True)
    return np.asarray(counts)


def plot_limit_law(target: Target, t0: float, alpha: float, *, plane: ArrayLike | None = None) -> Figure:
    """The limit law of retraining with early stopping at t0 beside the data, and the gain of each Hermite order.

    An exact score and a fresh fraction alpha lead to alpha sum_k (1 - alpha)^k OU_{(k+1) t0} p. Its Hermite coefficient of
    order k relative to N(0, I) is that of the data times alpha a^k/(1 - (1 - alpha) a^k), a = exp(-t0/2): a low-pass filter
    (KTV-B).

    Args:
        target: p. t0: time of early stopping, > 0. alpha: fresh fraction in (0, 1].
        plane: (d,) the direction on which laws are projected; default the first principal direction.

    Returns:
        A figure with two panels.

    Raises:
        TypeError, ValueError: naming the argument.
    """
    data = as_mixture(target)
    stop, share = real("t0", t0, POSITIVE), real("alpha", alpha, FRACTION)
    frame = _frame(data, plane)[:1]
    reference, limit = marginal(data, frame), marginal(limit_law(target, stop, share, tol=1e-8), frame)
    figure = canvas(9.5, 3.8)
    with look():
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    low, high = _range([reference, limit])
    grid = np.linspace(low, high, GRID_POINTS)
    left.fill_between(grid, np.exp(reference.logpdf(grid)), color=GRID, alpha=0.6, lw=0.0, label="data $p$")
    left.plot(grid, np.exp(limit.logpdf(grid)), color=DRIFT, lw=2.0, label=r"limit law $p^\infty$")
    left.plot(grid, np.exp(-0.5 * grid**2) / math.sqrt(2 * math.pi), color=INK, lw=1.0, ls=":", label="$N(0, 1)$")
    left.set(xlabel="$x$" if data.dim == 1 else "projection of $x$", ylabel="density", xlim=(low, high), ylim=(0.0, None))
    left.set_title(rf"Early stopping at $t_0$ = {stop:g}, fresh fraction $\alpha$ = {share:g}")
    with look():
        left.legend(loc="best")
    orders = np.arange(ORDERS + 1.0)
    gains = hermite_gains(orders, share, stop)
    right.vlines(orders, 0.0, gains, color=SUM, lw=2.0)
    right.plot(orders, gains, color=SUM, ls="", marker="o", ms=5)
    right.set(xlabel="Hermite order $k$", ylabel="gain", ylim=(0.0, 1.08))
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.set_title("What is left of each order")
    for axes in (left, right):
        tidy(axes)
    return figure


def hermite_gains(orders: Array, alpha: float, t0: float) -> Array:
    """alpha a^k/(1 - (1 - alpha) a^k) with a = exp(-t0/2); order 0 keeps its mass, also where alpha = 0."""
    decay = np.exp(-0.5 * t0 * orders)
    kept = -np.expm1(-0.5 * t0 * orders)  # 1 - a^k without cancellation
    return np.asarray(np.where(orders == 0, 1.0, alpha * decay / np.where(orders == 0, 1.0, kept + alpha * decay)))


def marginal(law: GaussianMixture, frame: Array) -> GaussianMixture:
    """The law of ``frame`` x, with ``frame`` (m, d)."""
    covs = frame @ law.covs @ frame.T
    return GaussianMixture(law.weights, law.means @ frame.T, covs)


def _projected(law: object, frame: Array) -> GaussianMixture | Array:
    """The projection of a law in closed form, or projected samples (n, m) of a model that has none or too large a one."""
    if isinstance(law, Gaussian) or (isinstance(law, GaussianMixture) and law.weights.shape[0] <= COMPONENTS):
        return marginal(as_mixture(law), frame)
    sample = getattr(law, "sample", None)
    if sample is None:
        raise TypeError(f"recursion must have laws that can be drawn, got a {type(law).__name__} without sample")
    return np.asarray(sample(DRAWS, rng=np.random.default_rng(0)) @ frame.T)


def _frame(data: GaussianMixture, plane: ArrayLike | None) -> Array:
    """(1, d) or (2, d) orthonormal rows."""
    if plane is None:
        if data.dim == 1:
            return np.ones((1, 1))
        _, vectors = np.linalg.eigh(data.cov)
        rows = vectors[:, :-3:-1].T
        return np.asarray(rows * np.sign(rows[np.arange(2), np.abs(rows).argmax(axis=1)])[:, None])
    given = np.atleast_2d(real_array("plane", plane, ndim=(1, 2)))
    if given.shape[0] > 2 or given.shape[1] != data.dim:
        raise ValueError(f"plane must have one or two rows of {data.dim} entries, got shape {given.shape}")
    basis, triangle = np.linalg.qr(given.T)
    sizes = np.abs(np.diagonal(triangle))
    if sizes.shape[0] < given.shape[0] or sizes.min() <= 1e-12 * np.abs(given).max():
        raise ValueError("plane must have independent rows that are not zero, got dependent ones")
    return np.asarray((basis * np.sign(np.diagonal(triangle))).T)


def _range(laws: list[GaussianMixture]) -> tuple[float, float]:
    """An interval that holds nearly all mass of one-dimensional laws."""
    low, high = math.inf, -math.inf
    for law in laws:
        heavy = law.weights > 1e-3 * law.weights.max()
        spread = WIDTHS * np.sqrt(law.covs[heavy, 0, 0])
        low = min(low, float((law.means[heavy, 0] - spread).min()))
        high = max(high, float((law.means[heavy, 0] + spread).max()))
    return low, high
