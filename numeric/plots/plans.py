"""Figures of plans: the frontier of fresh fraction against energy, and a schedule under a budget."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from numeric.plans.fresh_schedule import FreshSchedule
from numeric.plans.plan import Frontier
from numeric.plots.style import BAND, CEILING, DRIFT, GRID, INK, ORDER, SUM, canvas, legend, look, panel, tidy

__all__ = ["plot_frontier", "plot_schedule"]

DASHES = ("-", "--", "-.", ":")
SMALLEST, LARGEST = 1e-200, 1e200  # energies of which a logarithmic axis makes floats, margins and ticks and all
PERTURBATIVE = 1.0  # the leading order speaks of small errors: eps² at most 1 in KTV-A


def plot_frontier(
    frontiers: Frontier | Sequence[Frontier],
    *,
    point: tuple[float, float] | None = None,
    labels: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Energy that each fresh fraction bears at fixed drift: below a curve the ceiling of the drift stays within the tolerance.

    Args:
        frontiers: one or several, from ``frontier``.
        point: (alpha, energy) of one's own setting, marked.
        labels: one per frontier; default what it assumes.
        ax: axes to draw into; new ones where None.

    Raises:
        TypeError, ValueError: an argument of another kind, no frontier, or another number of labels.
    """
    curves = [frontiers] if isinstance(frontiers, Frontier) else list(frontiers)
    if not curves or not all(isinstance(curve, Frontier) for curve in curves):
        raise TypeError(f"frontiers must be one Frontier or several, got {len(curves)} objects of another kind")
    if labels is not None and len(labels) != len(curves):
        raise ValueError(f"labels must have one entry per frontier, {len(curves)}, got {len(labels)}")
    figure, axes = panel(ax)
    shown = [np.clip(curve.energy, SMALLEST, LARGEST) for curve in curves]
    marked = [] if point is None else [float(np.clip(point[1], SMALLEST, LARGEST))]
    bottom = min([float(line.min()) for line in shown] + marked) / 2.0
    top = max([float(line.max()) for line in shown] + marked) * 2.0
    axes.fill_between(curves[0].alpha, bottom, shown[0], color=BAND, lw=0.0)
    for index, curve in enumerate(curves):
        name = _assumes(curve) if labels is None else labels[index]
        axes.plot(
            curve.alpha, shown[index], color=ORDER[index % len(ORDER)], ls=DASHES[index % len(DASHES)], lw=2.0, label=name
        )
    if any(curve.divergence == "chi2" for curve in curves) and top > 1.05 * PERTURBATIVE:
        axes.axhspan(PERTURBATIVE, top, facecolor="none", edgecolor=GRID, hatch="///", lw=0.0, label="not a small error")
    if point is not None:
        axes.plot(
            point[0],
            *marked,
            color=INK,
            marker="D",
            ms=7.0,
            ls="",
            label=rf"$\alpha$ = {point[0]:.3g}, $\varepsilon^2$ = {point[1]:.3g}",
        )
    axes.set(xscale="log", yscale="log", xlabel=r"fresh fraction $\alpha$", ylabel=r"energy per round $\varepsilon^2$")
    axes.set(ylim=(bottom, top), xlim=(float(curves[0].alpha.min()), 1.0))
    axes.set_title(f"Energy borne at {_tolerance(curves)}")
    legend(axes, own=ax is None)
    return figure


def plot_schedule(schedule: FreshSchedule) -> Figure:
    """Fresh fractions of a plan, and the ceilings of the drift under them and under the same budget spread evenly."""
    if not isinstance(schedule, FreshSchedule):
        raise TypeError(f"schedule must be a FreshSchedule, got {type(schedule).__name__}")
    figure = canvas(10.4, 3.8)
    count = schedule.alpha.shape[0]
    with look():
        shares, drifts = figure.subplots(1, 2)
        for axes in (shares, drifts):
            tidy(axes)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        shares.bar(np.arange(count), schedule.alpha, color=SUM)
        shares.axhline(schedule.even, color=INK, lw=1.0, ls="--", label=f"spread evenly: {schedule.even:.3g}")
        shares.set(xlabel="round $i$", ylabel=r"fresh fraction $\alpha_i$", title="When to spend fresh data")
        shares.set_ylim(0.0, 1.25 * max(float(schedule.alpha.max()), schedule.even, 1e-3))
        shares.legend(loc="best")
        rounds = np.arange(count + 1)
        drifts.plot(rounds, schedule.ceiling, color=CEILING, lw=2.0, label="this plan")
        drifts.plot(rounds, schedule.constant, color=DRIFT, lw=1.6, ls="--", label="spread evenly")
        drifts.set(xlabel="generation $N$", ylabel="ceiling of the drift", title="What it holds", ylim=(0.0, None))
        drifts.legend(loc="best")
    return figure


def _assumes(curve: Frontier) -> str:
    if curve.divergence == "tv":
        return "total variation, rigorous up to smoothing"
    seen = "" if curve.observability == 1.0 else rf", $\eta = {curve.observability:g}$"
    return ("errors that repeat" if curve.coherent else "independent errors") + seen


def _tolerance(curves: Sequence[Frontier]) -> str:
    """The tolerances in words, once where they agree."""
    names = {"chi2": r"$\chi^2$", "tv": "TV"}
    found = dict.fromkeys((names[curve.divergence], curve.tolerance) for curve in curves)
    horizons = {curve.generations for curve in curves}
    long = (
        "" if horizons != {curves[0].generations} or curves[0].generations is None else f" after {curves[0].generations} rounds"
    )
    return ", ".join(rf"{name} $\leq$ {value:.3g}" for name, value in found) + long
