"""Figures of plans and of measured rounds draw the numbers that they were given, gaps and infinities included."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from numeric import Estimate, frontier, measured_drift, plan_schedule
from numeric.plots import (
    plot_frontier,
    plot_measured_contributions,
    plot_measured_drift,
    plot_measurements,
    plot_schedule,
    save,
)


def line(figure: Figure, said: str, axes: int = 0) -> np.ndarray:
    """The heights of the line whose label begins so."""
    [found] = [one for one in figure.axes[axes].get_lines() if str(one.get_label()).startswith(said)]
    return np.asarray(found.get_ydata(), dtype=float)


def test_the_frontier_is_drawn_as_computed(tmp_path: Path) -> None:
    curves = [frontier(0.1), frontier(0.1, coherent=False), frontier(0.2, divergence="tv")]
    figure = plot_frontier(curves, point=(0.2, 0.004))
    np.testing.assert_array_equal(line(figure, "errors that repeat"), curves[0].energy)
    np.testing.assert_array_equal(line(figure, "independent"), curves[1].energy)
    np.testing.assert_array_equal(line(figure, "total variation"), curves[2].energy)
    assert "0.2" in figure.axes[0].get_title()
    save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 5000
    named = plot_frontier(curves[0], labels=["mine"])
    np.testing.assert_array_equal(line(named, "mine"), curves[0].energy)


def test_a_frontier_at_the_edges_of_floats_is_drawn(tmp_path: Path) -> None:
    for tolerance in (1.7e308, 1e-300):
        figure = plot_frontier(frontier(tolerance), point=(0.2, 5e-324))
        save(figure, tmp_path / "far.png")
        low, high = figure.axes[0].get_ylim()
        assert 0.0 < low < high < np.inf
        drawn = line(figure, "errors that repeat")
        assert low < drawn.min() <= drawn.max() < high


def test_the_schedule_is_drawn_as_planned() -> None:
    plan = plan_schedule(1.0, [0.02] * 8)
    figure = plot_schedule(plan)
    heights = [bar.get_height() for bar in figure.axes[0].patches]
    np.testing.assert_array_equal(heights, plan.alpha)
    np.testing.assert_array_equal(line(figure, "this plan", 1), plan.ceiling)
    np.testing.assert_array_equal(line(figure, "spread evenly", 1), plan.constant)


@pytest.mark.parametrize("alpha", [0.2, "accumulate"])
def test_measured_rounds_are_drawn_with_gaps_and_infinities(alpha: Any) -> None:
    drift = [Estimate(0.02, 0.002, 1000), None, 0.05, math.inf]
    measured = measured_drift(
        alpha,
        ideal_energy=[0.01, 0.02, 0.03, 0.04],
        learned_energy=[0.01, None, 0.03, 0.04],
        intra_kl=[0.004, 0.02, 0.02, None],
        divergence=drift,
    )
    figure = plot_measurements(measured)
    assert len(figure.axes) == 3
    np.testing.assert_array_equal(line(figure, "measured $D"), [0.02, np.nan, 0.05, np.nan])
    np.testing.assert_array_equal(line(figure, "ceiling"), measured.ceiling[1:])
    np.testing.assert_array_equal(line(figure, "measured KL", 2), measured.kl)
    assert len(line(figure, "above the bound", 2)) == 1
    assert len(line(figure, "$D_N = ")) == 1  # the infinite one, marked on the edge
    bars = [bar.get_height() for bar in figure.axes[1].patches]
    assert sum(bars[:4]) == pytest.approx(measured.orthogonal[-1])
    assert sum(bars[4:]) == pytest.approx(measured.ceiling[-1])


def test_little_can_be_drawn_too() -> None:
    assert len(plot_measurements(measured_drift(0.2, divergence=[0.1])).axes) == 1
    assert len(plot_measurements(measured_drift(0.2, learned_energy=[0.1, 0.1])).axes) == 1
    assert len(plot_measurements(measured_drift(0.2, ideal_energy=[0.0, 0.0], initial_divergence=0.1)).axes) == 2
    figure = Figure()
    axes = figure.add_subplot()
    assert plot_measured_drift(measured_drift(0.2, ideal_energy=[0.1]), ax=axes) is figure
    with pytest.raises(ValueError, match="measurements must hold"):
        plot_measurements(measured_drift(0.2, observability=[0.1]))
    with pytest.raises(ValueError, match="an energy or intra_chi2 in every round"):
        plot_measured_contributions(measured_drift(0.2, ideal_energy=[0.1, None]))


@pytest.mark.parametrize("draw", [plot_frontier, plot_schedule, plot_measurements, plot_measured_drift])
def test_other_objects_are_refused(draw: Any) -> None:
    with pytest.raises(TypeError, match="must be"):
        draw([3.0])


def test_labels_must_be_as_many_as_frontiers() -> None:
    with pytest.raises(ValueError, match="labels must have one entry per frontier, 1"):
        plot_frontier(frontier(0.1), labels=["a", "b"])
