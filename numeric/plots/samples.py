"""Figure of the drift that samples show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from numeric.judging.sample_quantities import SampleMeasurements
from numeric.plots.style import BAND, DRIFT, INK, SUM, canvas, legend, look, tidy
from numeric.samples.sample_drift import DriftEstimate

__all__ = ["plot_sample_drift"]


def plot_sample_drift(measurements: SampleMeasurements) -> Figure:
    """Drift per generation: W1 with its intervals and regime, MMD below its ceiling, the lower bound of chi2.

    The ceiling of MMD is the triangle bound with the upper ends of the innovations; it is absent where a schedule accumulates.
    Intervals hold together at the confidence of the measurements.

    Args:
        measurements: from measure_samples.

    Raises:
        TypeError: an argument of another kind.
    """
    if not isinstance(measurements, SampleMeasurements):
        raise TypeError(f"measurements must be SampleMeasurements, got {type(measurements).__name__}")
    figure = canvas(11.0, 3.8)
    with look():
        panels = figure.subplots(1, 3)
    steps = np.arange(len(measurements.drifts))
    distance, kernel, chi2 = (tidy(axes) for axes in panels)
    with look():
        _bars(distance, steps, [drift.w1 for drift in measurements.drifts], 1.0)
        distance.set_title(f"{'W1' if measurements.dim == 1 else 'sliced W1'}: {measurements.regime.name}")
        ceiling = _ceiling(measurements)
        if ceiling is not None:
            kernel.fill_between(steps, ceiling, color=BAND, lw=0.0)
            kernel.plot(steps, ceiling, color=INK, lw=0.9, label="ceiling of the drift")
        _bars(kernel, steps, [drift.mmd2 for drift in measurements.drifts], 0.5)
        kernel.set_title("MMD")
        lows = np.array([drift.chi2.low for drift in measurements.drifts])
        values = np.array([drift.chi2.value for drift in measurements.drifts])
        chi2.plot(steps, values, color=SUM, marker="o", ms=3.5, ls="--", lw=1.2, label="of the chosen test function")
        chi2.plot(steps, lows, color=DRIFT, marker="^", ms=5.0, ls="", label=r"$\chi^2$ is at least")
        chi2.set_title(r"lower bound of $\chi^2(p^i\,\|\,p)$")
        for axes in (distance, kernel, chi2):
            axes.set_ylim(bottom=0.0)
            axes.set_xlabel("generation $i$")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            legend(axes, own=False)
    return figure


def _bars(axes: Axes, steps: np.ndarray, drifts: Sequence[DriftEstimate], power: float) -> None:
    """Values and intervals, to this power."""
    ends = [np.array([getattr(one, name) for one in drifts]) ** power for name in ("value", "low", "high")]
    value, low, high = ends
    axes.errorbar(
        steps,
        value,
        yerr=np.stack([value - low, high - value]),
        color=DRIFT,
        marker="o",
        ms=3.5,
        lw=1.6,
        elinewidth=1.0,
        capsize=2.5,
        label="drift from the reference",
    )


def _ceiling(measurements: SampleMeasurements) -> np.ndarray | None:
    """The triangle bound of MMD from the upper ends of the start and of the innovations."""
    shares = measurements.fresh_fraction
    if shares is None or measurements.rounds == 0:
        return None
    bound = [float(np.sqrt(measurements.drifts[0].mmd2.high))]
    for share, gap in zip(shares, measurements.innovations, strict=True):
        bound.append((1.0 - float(share)) * bound[-1] + float(np.sqrt(gap.high)))
    return np.array(bound)
