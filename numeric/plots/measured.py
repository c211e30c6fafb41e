"""The figure of measured rounds: drift between the bounds, what each round contributes, and one-round divergences."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from numeric.measurements.measured_drift import MeasuredDrift
from numeric.plots.style import BAND, CEILING, DRIFT, INK, SUM, canvas, legend, look, mark_infinite, panel, tidy
from numeric.validation import Array

__all__ = ["plot_measured_contributions", "plot_measured_drift", "plot_measurements"]

SPREAD = 20.0  # positive values that differ by more than this factor are drawn on a logarithmic axis


def plot_measurements(measured: MeasuredDrift) -> Figure:
    """All that was measured in one figure: the drift, the contributions of the rounds and, where measured, KL per round.

    Args:
        measured: from ``measured_drift``.

    Raises:
        TypeError: an argument of another kind. ValueError: neither drifts nor energies nor KL to draw.
    """
    _require(measured)
    kinds = []
    if np.isfinite(measured.divergence[1:]).any() or np.isfinite(measured.ceiling[1:]).any():
        kinds.append(plot_measured_drift)
    if measured.source and np.isfinite(measured.contributions).all():
        kinds.append(plot_measured_contributions)
    if np.isfinite(measured.kl).any() or np.isfinite(measured.kl_bound).any():
        kinds.append(_plot_kl)
    if not kinds:
        raise ValueError("measurements must hold drifts, energies or KL divergences to draw, got none of them")
    figure = canvas(5.2 * len(kinds) + 0.6, 4.0)
    with look():
        places = figure.subplots(1, len(kinds), squeeze=False)[0]
        for place, draw in zip(places, kinds, strict=True):
            draw(measured, ax=tidy(place))
    return figure


def plot_measured_drift(measured: MeasuredDrift, *, ax: Axes | None = None) -> Figure:
    """Measured D_n with its interval, between the floor and the leading-order ceiling, with the sum of orthogonal errors.

    Args:
        measured: from ``measured_drift``.
        ax: axes to draw into; new ones where None.
    """
    _require(measured)
    figure, axes = panel(ax)
    rounds = np.arange(1, measured.generations + 1)
    drift, low, high = (_finite(row[1:]) for row in (measured.divergence, measured.low, measured.high))
    ceiling, orthogonal, floor = _finite(measured.ceiling[1:]), _finite(measured.orthogonal[1:]), _finite(measured.floor)
    drawn = np.concatenate([drift, ceiling, orthogonal, floor, high])
    drawn = drawn[drawn > 0.0]
    log = drawn.size > 0 and float(drawn.max()) > SPREAD * float(drawn.min())
    bottom = float(drawn.min()) / 1.6 if log else 0.0
    top = (float(drawn.max()) if drawn.size else 1.0) * (1.6 if log else 1.15)
    marker = "o" if measured.generations == 1 else None
    if np.isfinite(ceiling).any():
        axes.fill_between(rounds, np.nan_to_num(floor, nan=bottom), ceiling, color=BAND, lw=0.0)
        axes.plot(rounds, ceiling, color=CEILING, lw=1.4, marker=marker, label="ceiling of $D_N$ (leading order)")
        axes.plot(rounds, orthogonal, color=SUM, lw=1.6, ls="--", marker=marker, label="$D_N$ if errors are independent")
    if np.isfinite(floor).any():
        who = "the largest drift so far" if isinstance(measured.alpha, str) else r"$\max(D_{N-1}, D_N)$"
        axes.plot(rounds, floor, color=INK, lw=1.1, ls=":", marker=marker, label=f"floor of {who}")
    if np.isfinite(drift).any():
        axes.plot(rounds, drift, color=DRIFT, lw=2.0, marker="o", ms=4.0, label="measured $D_N$")
        if np.any(high > low):
            bars = np.vstack([drift - low, high - drift])
            axes.errorbar(rounds, drift, np.maximum(np.nan_to_num(bars), 0.0), color=DRIFT, fmt="none", capsize=2, lw=1.0)
    mark_infinite(axes, rounds[np.isinf(measured.divergence[1:])], label=r"$D_N = \infty$")
    axes.set(xlabel="generation $N$", ylabel=r"$D_N = \chi^2(p^N\,\|\,p)$", ylim=(bottom, top))
    axes.set_xlim(0.8, measured.generations + 0.2)
    if log:
        axes.set_yscale("log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title(f"Drift, {_mixing(measured)}")
    _inside_or_below(axes, own=ax is None)
    return figure


def plot_measured_contributions(measured: MeasuredDrift, *, ax: Axes | None = None) -> Figure:
    """What each round puts into the last drift: W_iN² J_i² if errors are independent, up to W_iN J_i sqrt(ceiling) else.

    The former add up to the discounted sum, the latter to the ceiling. Arguments as in ``plot_measured_drift``.
    """
    _require(measured)
    if not np.isfinite(measured.contributions).all():
        raise ValueError("measurements must have an energy or intra_chi2 in every round, got rounds without")
    figure, axes = panel(ax)
    parts = np.concatenate([[measured.initial_contribution], measured.contributions])
    first = 0 if parts[0] == 0.0 else -1
    shown, places = parts[first + 1 :], np.arange(first, measured.generations)
    root = math.sqrt(float(measured.ceiling[-1]))
    own, most = shown**2, shown * root
    axes.bar(places - 0.2, own, 0.4, color=SUM, label=rf"independent: sum {own.sum():.3g}")
    axes.bar(places + 0.2, most, 0.4, color=CEILING, label=rf"adding up: sum {most.sum():.3g}")
    ticks = [*([-1] if first else []), *range(0, measured.generations, max(1, measured.generations // 8))]
    axes.set_xticks(ticks, ["start" if tick < 0 else str(tick) for tick in ticks])
    axes.set(xlabel="round $i$", ylabel=rf"part of $D_{{{measured.generations}}}$")
    axes.set_title(f"What each round contributes to $D_{{{measured.generations}}}$")
    _inside_or_below(axes, own=ax is None)
    return figure


def _plot_kl(measured: MeasuredDrift, *, ax: Axes | None = None) -> Figure:
    """KL of each round against half the learned energy."""
    figure, axes = panel(ax)
    rounds = np.arange(measured.generations)
    bound, kl = _finite(measured.kl_bound), _finite(measured.kl)
    axes.plot(rounds, bound, color=CEILING, lw=1.4, marker="_", ms=12.0, label=r"bound $\frac{1}{2}\,\hat\varepsilon_i^2$")
    above = kl > bound
    axes.plot(rounds, kl, color=DRIFT, lw=0.0, marker="o", ms=5.0, label="measured KL")
    if above.any():
        axes.plot(rounds[above], kl[above], color=INK, lw=0.0, marker="o", ms=10.0, mfc="none", label="above the bound")
    axes.set(xlabel="round $i$", ylabel=r"$\mathrm{KL}(p^{i+1}\,\|\,q_{i,t_0})$", ylim=(0.0, None))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("One round: KL against half the energy")
    _inside_or_below(axes, own=ax is None)
    return figure


def _inside_or_below(axes: Axes, *, own: bool) -> None:
    if own:
        legend(axes, own=True)
    else:
        with look():
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _mixing(measured: MeasuredDrift) -> str:
    if isinstance(measured.alpha, str):
        return {"accumulate": "all earlier data kept", "replace": "no fresh data"}[measured.alpha]
    low, high = float(measured.alpha.min()), float(measured.alpha.max())
    return rf"$\alpha = {low:g}$" if low == high else rf"$\alpha$ from {low:g} to {high:g}"


def _finite(values: Array) -> Array:
    return np.where(np.isfinite(values), values, np.nan)


def _require(measured: MeasuredDrift) -> None:
    if not isinstance(measured, MeasuredDrift):
        raise TypeError(f"measured must be a MeasuredDrift, got {type(measured).__name__}")
