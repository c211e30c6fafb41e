"""Figures of one recursion: drift between the bounds, correlations of the innovations, contributions of the rounds."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from numeric.plots.style import BAND, DRIFT, GRID, INK, SUM, legend, mark_infinite, panel
from numeric.recursions.recursion import Recursion
from numeric.validation import Array

__all__ = ["plot_contributions", "plot_drift", "plot_gram"]


def plot_drift(recursion: Recursion, *, ax: Axes | None = None) -> Figure:
    """The drift D_N = chi2(p^N || p) over generations, between floor and ceiling, with the discounted sum.

    The ceiling is the square of the triangle bound. The floor J²/(2 - alpha)² is one of max(D_{N-1}, D_N), so a single
    generation may lie below it; it is drawn where every round has a fresh fraction. Infinite values are marked on the
    upper edge. Bars of simulated drifts are two standard errors each way.

    Args:
        recursion: exact or simulated.
        ax: axes to draw into; new ones where None.

    Returns:
        The figure (that of ``ax`` where given).

    Raises:
        TypeError: an argument of another kind.
    """
    _require(recursion)
    figure, axes = panel(ax)
    drift, sums = recursion.divergence, recursion.discounted_sums
    with np.errstate(over="ignore"):
        ceiling = recursion.triangle_bound**2
    floor = _floor(recursion)
    first = 0 if drift[0] > 0.0 else 1
    rounds = np.arange(first, drift.shape[0])
    positive = np.concatenate([row[np.isfinite(row) & (row > 0.0)] for row in (drift, sums, ceiling, floor)])
    log = positive.size > 0 and positive.max() > 20.0 * positive.min()
    bottom = positive.min() / 1.6 if log else 0.0
    top = positive.max() * (1.6 if log else 1.15) if positive.size else 1.0
    axes.fill_between(
        rounds,
        np.clip(np.nan_to_num(floor[first:], nan=bottom), bottom, top),
        np.clip(ceiling[first:], bottom, top),
        where=np.isfinite(ceiling[first:]).tolist(),
        color=BAND,
        lw=0.0,
        label=r"floor of $\max(D_{N-1}, D_N)$ to ceiling of $D_N$"
        if np.isfinite(floor).any()
        else r"below the ceiling of $D_N$",
    )
    axes.plot(rounds, _finite(ceiling)[first:], color=INK, lw=0.9)
    axes.plot(rounds, floor[first:], color=INK, lw=0.9, ls=":")
    axes.plot(rounds, _finite(sums)[first:], color=SUM, lw=1.6, ls="--", label=r"discounted sum $S_N$")
    axes.plot(rounds, _finite(drift)[first:], color=DRIFT, lw=2.0, marker="o", ms=3.5, label=r"drift $D_N$")
    errors = recursion.stderr.get("divergence")
    if errors is not None and np.any(errors > 0.0):
        axes.errorbar(rounds, _finite(drift)[first:], 2.0 * _finite(errors)[first:], color=DRIFT, fmt="none", capsize=2, lw=1.0)
    mark_infinite(axes, rounds[np.isinf(drift[first:])], label=r"$D_N = \infty$")
    axes.set(xlabel="generation $N$", ylabel=r"$D_N = \chi^2(p^N\,\|\,p)$", ylim=(bottom, top), xlim=(first, rounds[-1] + 0.15))
    if log:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"Drift, {_schedule(recursion)}")
    legend(axes, own=ax is None)
    return figure


def plot_gram(recursion: Recursion, *, ax: Axes | None = None) -> Figure:
    """Correlations <g_i, g_j>/(J_i J_j) of the innovations: 1 where two errors add up, -1 where one undoes the other.

    Hatched where an innovation has infinite norm or is zero, so that no correlation exists. Arguments, returns and errors as
    in ``plot_drift``.
    """
    _require(recursion)
    figure, axes = panel(ax, 5.2, 4.4)
    correlation = correlations(recursion.gram)
    count = correlation.shape[0]
    axes.patch.set(hatch="////", edgecolor=GRID)
    edges = (-0.5, count - 0.5)
    image = axes.imshow(
        correlation, cmap="RdBu_r", vmin=-1.0, vmax=1.0, origin="lower", interpolation="none", extent=(*edges, *edges)
    )
    axes.spines[["top", "right"]].set_visible(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="round $i$", ylabel="round $j$", xlim=edges, ylim=edges)
    pairs = correlation[np.triu_indices(count, 1)]
    pairs = pairs[np.isfinite(pairs)]
    mean = f"mean over pairs {pairs.mean():+.2f}" if pairs.size else "no pair with a correlation"
    axes.set_title(f"Correlation of the innovations, {mean}")
    bar = figure.colorbar(image, ax=axes, shrink=0.85)
    bar.set_label(r"$\langle g_i, g_j\rangle / (J_i J_j)$", color=INK)
    bar.ax.tick_params(colors=INK)
    return figure


def plot_contributions(recursion: Recursion, *, ax: Axes | None = None) -> Figure:
    """What each round contributes to the final drift: discounted on its own, and with what it shares with the others.

    The own parts W_iN² J_i² add up to the discounted sum S_N (KTV-A, section 6 shows them per generation). The full parts
    W_iN sum_j W_jN <g_i, g_j>, in which interference is counted, add up to D_N exactly. "start" is the part of f_0.
    Arguments, returns and errors as in ``plot_drift``; ValueError where D_N is infinite and has no parts.
    """
    _require(recursion)
    own, full = contributions(recursion)
    if not np.isfinite(full).all():
        raise ValueError("recursion must have finite innovations up to its last round, got an infinite one that has no parts")
    figure, axes = panel(ax)
    first = 0 if own[0] == 0.0 and full[0] == 0.0 else -1
    places = np.arange(first, own.shape[0] - 1)
    shown = slice(first + 1, None)
    axes.bar(places - 0.2, own[shown], 0.4, color=SUM, label=rf"own part $W_{{iN}}^2\, J_i^2$: sum $S_N$ = {own.sum():.3g}")
    axes.bar(places + 0.2, full[shown], 0.4, color=DRIFT, label=rf"with interference: sum $D_N$ = {full.sum():.3g}")
    axes.axhline(0.0, color=INK, lw=0.8)
    ticks = [*([-1] if first else []), *range(0, recursion.generations, max(1, recursion.generations // 8))]
    axes.set_xticks(ticks, ["start" if tick < 0 else str(tick) for tick in ticks])
    axes.set(xlabel="round $i$", ylabel="contribution to the last drift", xlim=(first - 0.6, places[-1] + 0.6))
    axes.set_title(f"Contributions to $D_{{{recursion.generations}}}$, {_schedule(recursion)}")
    legend(axes, own=ax is None)
    return figure


def contributions(recursion: Recursion) -> tuple[Array, Array]:
    """(N+1,) own and full parts of f_0 and of the innovations in D_N; they add up to S_N and to D_N.

    A part with weight 0 is 0, whatever the size of its innovation.
    """
    count = recursion.generations
    weights = np.concatenate([[recursion.initial_weight], recursion.weights])
    products = np.empty((count + 1, count + 1))
    products[0, 0] = recursion.divergence[0]
    products[0, 1:] = products[1:, 0] = recursion.initial_gram
    products[1:, 1:] = recursion.gram
    pairs = np.outer(weights, weights)
    parts = np.where(pairs == 0.0, 0.0, pairs * np.where(pairs == 0.0, 0.0, products))
    return np.diagonal(parts).copy(), parts.sum(axis=1)


def correlations(gram: Array) -> Array:
    """(N, N) <g_i, g_j>/(J_i J_j), NaN where one of the two norms is zero or infinite."""
    sizes = np.sqrt(np.diagonal(gram))
    usable = np.isfinite(sizes) & (sizes > 0.0)
    out = np.full(gram.shape, np.nan)
    both = np.ix_(usable, usable)
    out[both] = np.clip(gram[both] / np.outer(sizes[usable], sizes[usable]), -1.0, 1.0)
    return out


def _floor(recursion: Recursion) -> Array:
    """(N+1,) J_{N-1}²/(2 - alpha_{N-1})², the floor of max(D_{N-1}, D_N); NaN at 0 and where there is none."""
    out = np.full(recursion.generations + 1, np.nan)
    floor = (recursion.innovation / (2.0 - recursion.fresh_fraction)) ** 2
    out[1:] = np.where(np.isfinite(floor), floor, np.nan)
    return out


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)


def _schedule(recursion: Recursion) -> str:
    """The mixing in words."""
    if isinstance(recursion.alpha, str):
        return {"accumulate": "all earlier data kept", "replace": "no fresh data"}[recursion.alpha]
    low, high = float(recursion.alpha.min()), float(recursion.alpha.max())
    return rf"fresh fraction $\alpha$ = {low:g}" if low == high else rf"fresh fraction $\alpha$ from {low:.3g} to {high:.3g}"


def _require(recursion: object) -> None:
    if not isinstance(recursion, Recursion):
        raise TypeError(f"recursion must be a Recursion, got {type(recursion).__name__}")
