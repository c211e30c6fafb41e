"""Figures of a retraining experiment: drift, variance within components, energies, observability, by generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from numeric.estimate import Estimate
from numeric.experiments.generation_record import Prediction
from numeric.experiments.summary import SummaryRow
from numeric.plots.style import BAND, GRID, INK, ORDER, canvas, look, tidy

__all__ = ["plot_energies", "plot_experiment_drift", "plot_observabilities", "plot_within"]

Rows = Sequence[Sequence[SummaryRow]]
MARKERS = ("o", "s", "^", "D", "v", "P")
DODGE = 0.06  # generations by which fractions stand apart
PANELS = (
    ("kl", r"$\mathrm{KL}(p^n\,\|\,p)$"),
    ("tv", r"$\mathrm{TV}(p^n, p)$"),
    ("marginal_w1", "W1 of the marginals"),
    ("mmd", "MMD"),
)


def plot_experiment_drift(rows: Rows) -> Figure:
    """KL, TV, W1 of the marginals and MMD from the data, one line per fresh fraction; bars of two standard errors each way."""
    figure = canvas(11.0, 3.6)
    with look():
        panels = [tidy(axes) for axes in figure.subplots(1, len(PANELS))]
        for axes, (name, title) in zip(panels, PANELS, strict=True):
            for place, part in enumerate(rows):
                _curve(axes, part, place, len(rows), _valued(name))
            axes.set_title(title)
            axes.set_ylim(bottom=0.0)
            _generations(axes)
        _legend(figure, panels[0])
    return figure


def plot_within(rows: Rows) -> Figure:
    """Variance within components over the data's with its exact recursion, and the deviation from it in standard errors."""
    figure = canvas(11.0, 3.8)
    with look():
        left, right = (tidy(axes) for axes in figure.subplots(1, 2, width_ratios=(1.25, 1.0)))
        for place, part in enumerate(rows):
            known = [row for row in part if row.within is not None and row.within_unstopped is not None]
            if not known:
                continue
            steps = np.array([row.generation for row in known])
            colour, marker = ORDER[place % len(ORDER)], MARKERS[place % len(MARKERS)]
            left.plot(steps, [_expected(row.within) for row in known], color=colour, lw=1.2)
            left.plot(
                steps, [np.nan if row.closed_form is None else row.closed_form for row in known], color=colour, lw=1.0, ls=":"
            )
            _curve(left, known, place, len(rows), lambda row: _as_estimate(row.within), line="")
            right.plot(
                steps, [_score(row.within) for row in known], color=colour, marker=marker, ms=4.0, ls="", label=_name(known)
            )
            right.plot(
                steps, [_score(row.within_unstopped) for row in known], color=colour, marker=marker, ms=4.0, ls="", mfc="none"
            )
        left.set_title("variance within components, and the exact one")
        left.set_ylim(bottom=0.0)
        right.axhspan(-4.0, 4.0, color=BAND, lw=0.0)
        right.axhline(0.0, color=INK, lw=0.8)
        right.set_ylim(-5.0, 5.0)
        right.set_title("standard errors off (open: no early stopping)")
        for axes in (left, right):
            _generations(axes)
        _legend(figure, left)
    return figure


def plot_energies(rows: Rows) -> Figure:
    """Ideal and learned energies by round: by densities, by scores (crosses), ideal ones in the population limit (dashed)."""
    figure = canvas(11.0, 3.8)
    with look():
        panels = [tidy(axes) for axes in figure.subplots(1, 2)]
        titles = {"ideal_energy": r"$\varepsilon_*^2$", "learned_energy": r"$\hat\varepsilon^2$"}
        for axes, (name, title) in zip(panels, titles.items(), strict=True):
            for place, part in enumerate(rows):
                _curve(axes, part, place, len(rows), _valued(name), shift=-1)
                crosses = [(row.generation - 1, one.value) for row in part if (one := row.values[f"{name}_nodes"]) is not None]
                if crosses:
                    steps, values = zip(*crosses, strict=True)
                    axes.plot(steps, values, color=ORDER[place % len(ORDER)], marker="x", ms=6.0, ls="")
                if name == "ideal_energy":
                    limit = [
                        (row.generation - 1, one.value) for row in part if (one := row.population_ideal_energy) is not None
                    ]
                    if limit:
                        axes.plot(*zip(*limit, strict=True), color=ORDER[place % len(ORDER)], lw=1.0, ls="--")
            axes.set_title(title)
            axes.set_ylim(bottom=0.0)
            _generations(axes, "round $i$")
        panels[0].axhline(1.0, color=GRID, lw=1.0)
        _legend(figure, panels[0])
    return figure


def plot_observabilities(rows: Rows) -> Figure:
    """Observability by round: the population limit as lines, finite centres as large open markers."""
    figure = canvas(6.4, 4.0)
    with look():
        axes = tidy(figure.add_subplot())
        for place, part in enumerate(rows):
            _curve(axes, part, place, len(rows), lambda row: row.population_observability, shift=-1)
            _curve(axes, part, place, len(rows), lambda row: row.observability, shift=-1, line="", size=8.0, hollow=True)
        axes.set_title(r"observability $\eta$ (open: finite centres)")
        axes.set_ylim(0.0, max(1.05, min(axes.get_ylim()[1], 1.5)))
        _generations(axes, "round $i$")
        _legend(figure, axes)
    return figure


def _curve(
    axes: Axes,
    part: Sequence[SummaryRow],
    place: int,
    count: int,
    get: Callable[[SummaryRow], Estimate | None],
    *,
    shift: int = 0,
    line: str = "-",
    size: float = 3.5,
    hollow: bool = False,
) -> None:
    known = [(row, value) for row in part if (value := get(row)) is not None]
    if not known:
        return
    steps = np.array([row.generation + shift for row, _ in known]) + DODGE * (place - 0.5 * (count - 1))
    axes.errorbar(
        steps,
        [value.value for _, value in known],
        yerr=[2.0 * value.stderr for _, value in known],
        color=ORDER[place % len(ORDER)],
        marker=MARKERS[place % len(MARKERS)],
        mfc="none" if hollow else None,
        ms=size,
        lw=1.4,
        ls=line or "none",
        elinewidth=1.0,
        capsize=2.0,
        label=None if hollow else _name(part),
    )


def _valued(name: str) -> Callable[[SummaryRow], Estimate | None]:
    return lambda row: row.values[name]


def _as_estimate(value: Prediction | None) -> Estimate | None:
    return None if value is None else Estimate(value.measured, value.stderr, 2)


def _expected(value: Prediction | None) -> float:
    return np.nan if value is None else value.expected


def _score(value: Prediction | None) -> float:
    return np.nan if value is None else value.z


def _name(part: Sequence[SummaryRow]) -> str:
    return rf"$\alpha = {part[0].alpha:g}$"


def _generations(axes: Axes, label: str = "generation $n$") -> None:
    axes.set_xlabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _legend(figure: Figure, axes: Axes) -> None:
    """One for all panels, below them."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
