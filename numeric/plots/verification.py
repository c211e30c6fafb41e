"""The two figures of a verification: drift between floor and ceiling, and interference of the innovations."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from numeric.laws.channels import mean_shift
from numeric.laws.targets import Gaussian
from numeric.plots.style import BAND, DRIFT, INK, SUM, UNDONE, canvas, look, tidy
from numeric.recursions.exact_recursion import exact_recursion

__all__ = ["drift_figure", "interference_figure"]

FRESH = (0.1, 0.5, 0.9)
ROUNDS = 30
DRIFT_ROUNDS, SHIFT = 16, 0.05


def drift_figure() -> Figure:
    """Drift of N(0, 1) under mean shifts that repeat or alternate, between floor and ceiling, for each fresh fraction."""
    figure = canvas(11, 3.9)
    with look():
        panels = figure.subplots(1, len(FRESH), sharey=True)
    for axes, alpha in zip(panels, FRESH, strict=True):
        _drift_panel(axes, alpha)
    figure.axes[0].set_ylabel(r"drift $D_N = \chi^2(p^N\,\|\,p)$")
    figure.axes[-1].legend(frameon=False, fontsize=9, loc="upper right")
    figure.suptitle(
        f"A mean shift of {SHIFT:g} every round: repeated, it runs along the ceiling, which the discounted sum does not see",
        fontsize=11,
    )
    return figure


def _drift_panel(axes: Axes, alpha: float) -> None:
    unit = Gaussian(0.0, 1.0)
    repeated = exact_recursion(unit, mean_shift(SHIFT), alpha, DRIFT_ROUNDS)
    alternating = exact_recursion(unit, [mean_shift(SHIFT * (-1) ** step) for step in range(DRIFT_ROUNDS)], alpha, DRIFT_ROUNDS)
    rounds = np.arange(1, DRIFT_ROUNDS + 1)
    floor = repeated.innovation**2 / (2.0 - alpha) ** 2
    ceiling = repeated.triangle_bound[1:] ** 2
    axes.fill_between(rounds, floor, ceiling, color=BAND, label=r"floor of $\max(D_{N-1}, D_N)$ to ceiling of $D_N$")
    axes.plot(rounds, ceiling, color=INK, lw=0.8)
    axes.plot(rounds, floor, color=INK, lw=0.8)
    axes.plot(rounds, repeated.divergence[1:], color=DRIFT, lw=2.2, label="the same shift every round")
    axes.plot(rounds, repeated.discounted_sums[1:], color=SUM, lw=1.6, ls="--", label=r"discounted sum $S_N$")
    axes.plot(rounds, alternating.divergence[1:], color=UNDONE, lw=1.6, label="alternating shifts")
    axes.set(yscale="log", xlabel="generation $N$", xlim=(1, DRIFT_ROUNDS), xticks=range(1, DRIFT_ROUNDS + 1, 3))
    axes.set_title(rf"fresh fraction $\alpha = {alpha:g}$", fontsize=10)
    tidy(axes)


def interference_figure() -> Figure:
    """D_N/S_N over generations for coherent, orthogonal and alternating innovations, with the limits of the theory."""
    alpha, size = 0.25, 1e-4
    patterns = {
        "coherent": [mean_shift(size)] * ROUNDS,
        "orthogonal": [mean_shift(size * row) for row in np.eye(ROUNDS)],
        "alternating": [mean_shift(size * (-1) ** step) for step in range(ROUNDS)],
    }
    figure = canvas(11, 4)
    with look():
        curves, map_axes = figure.subplots(1, 2, width_ratios=(2, 1))
    limits = {"coherent": (2 - alpha) / alpha, "orthogonal": 1.0, "alternating": alpha / (2 - alpha)}
    colours = {"coherent": DRIFT, "orthogonal": SUM, "alternating": UNDONE}
    for pattern, channels in patterns.items():
        dim = ROUNDS if pattern == "orthogonal" else 1
        recursion = exact_recursion(Gaussian(np.zeros(dim), 1.0), channels, alpha, ROUNDS)
        curves.plot(np.arange(1, ROUNDS + 1), recursion.interference[1:], color=colours[pattern], lw=2)
        curves.axhline(limits[pattern], color=colours[pattern], lw=0.8, ls=":")
        curves.annotate(
            f"{pattern}: limit {limits[pattern]:.3g}",
            (ROUNDS, limits[pattern]),
            xytext=(-4, -6),
            textcoords="offset points",
            ha="right",
            va="top",
            color=colours[pattern],
            fontsize=9,
        )
    curves.set(yscale="log", xlabel="generation $N$", ylabel=r"$D_N/S_N$", xlim=(1, ROUNDS))
    curves.set_title(rf"What the discounted sum misses, $\alpha = {alpha:g}$", fontsize=10)
    tidy(curves)
    _gram_panel(figure, map_axes)
    return figure


def _gram_panel(figure: Figure, axes: Axes) -> None:
    """Correlations of the innovations for a mean shift that swings slowly: neither orthogonal nor constant."""
    recursion = exact_recursion(Gaussian(0.0, 1.0), [mean_shift(0.2 * np.cos(0.6 * step)) for step in range(16)], 0.25, 16)
    sizes = np.sqrt(np.diagonal(recursion.gram))
    image = axes.imshow(recursion.gram / np.outer(sizes, sizes), cmap="RdBu_r", vmin=-1, vmax=1, origin="lower")
    axes.set(xlabel="round $i$", ylabel="round $j$", xticks=range(0, 16, 5), yticks=range(0, 16, 5))
    axes.set_title("Correlation of innovations\nfor an error that swings slowly", fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.8)
