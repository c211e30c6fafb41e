"""Phase diagram of retraining: where the drift stays within a tolerance, by fresh fraction and score energy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from numeric.generations.errors import ConsistentError
from numeric.generations.exact_generation import exact_generation
from numeric.laws.channels import Channel
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, as_mixture
from numeric.plots.style import CEILING, GRID, INK, SHADES, legend, panel
from numeric.recursions.exact_recursion import chi2_horizon
from numeric.validation import FRACTION, POSITIVE, Array, integer, real

__all__ = ["REGIMES", "infinite_from", "plot_regimes", "regime"]

REGIMES = (
    "kept, even if errors add up",
    "kept if errors are orthogonal",
    "kept only if errors cancel",
    "exceeded by one of any two rounds",
)
LEAST = 0.01  # the smallest fresh fraction drawn
SMALLEST, LARGEST = 1e-6, 1e3  # channel strengths searched


def regime(alpha: Array, visible: Array, tolerance: float) -> Array:
    """Index into REGIMES for a fresh fraction and a visible energy J² = eta eps² that are the same every round, N large.

    Drift tends to J²/alpha² where innovations are coherent (triangle, its ceiling) and to J²/(alpha (2 - alpha)) where they are
    orthogonal (discounted-sum); one of any two consecutive drifts is at least J²/(2 - alpha)² (consecutive-floor). Leading
    order in the error: J² is the visible energy.

    Args:
        alpha: fresh fractions in (0, 1]. visible: J² > 0; both of one shape.
        tolerance: the largest drift that is accepted.
    """
    keeps = np.stack([visible / alpha**2, visible / (alpha * (2.0 - alpha)), visible / (2.0 - alpha) ** 2])
    return np.asarray((keeps > tolerance).sum(axis=0))


def plot_regimes(
    tolerance: float = 0.1,
    *,
    observability: float = 1.0,
    target: Gaussian | GaussianMixture | None = None,
    family: Callable[[float], Channel] | None = None,
    generations: int = 20,
    ax: Axes | None = None,
) -> Figure:
    """Where the long-run drift stays below ``tolerance``, over fresh fraction and energy eps² of a round (leading order).

    Four regimes, see ``regime``. With ``target`` and ``family`` also the energy from which the drift is infinite within
    ``generations`` rounds whatever the fresh fraction, because the channel widens the law beyond twice the data's variance.

    Args:
        tolerance: largest accepted drift chi2(p^N || p), > 0.
        observability: eta in (0, 1], the visible share of the energy.
        target, family: a law, and a channel for each strength > 0 that adds more noise the larger it is (such as ``kde``).
        generations: rounds within which drift must stay finite.
        ax: axes to draw into; new ones where None.

    Raises:
        TypeError, ValueError: naming the argument; one of ``target`` and ``family`` without the other.
    """
    level, share = real("tolerance", tolerance, POSITIVE), real("observability", observability, FRACTION)
    real("observability", share, POSITIVE)
    rounds = integer("generations", generations)
    if (target is None) != (family is None):
        raise ValueError("target and family must be given together, got only one of them")
    alphas = np.geomspace(LEAST, 1.0, 200)
    unit = level / share
    figure, axes = panel(ax, 6.6, 4.6)
    curves = np.stack([alphas**2, alphas * (2.0 - alphas), (2.0 - alphas) ** 2]) * unit
    bottom, top = LEAST**2 * unit / 5.0, 25.0 * unit
    edges = [np.full_like(alphas, bottom), *curves, np.full_like(alphas, top)]
    for low, high, shade in zip(edges[:-1], edges[1:], SHADES, strict=True):
        axes.fill_between(alphas, low, high, color=shade, lw=0.0)
    names = (r"$\alpha^2 D$", r"$\alpha(2-\alpha) D$", r"$(2-\alpha)^2 D$")
    for curve, name, dash in zip(curves, names, ("-", "--", ":"), strict=True):
        axes.plot(alphas, curve, color=INK, lw=1.3, ls=dash, label=rf"$\eta\varepsilon^2$ = {name}")
    if target is not None and family is not None:
        infinite = infinite_from(target, family, rounds)
        if infinite is not None and infinite < top:
            axes.axhspan(max(infinite, bottom), top, facecolor="none", edgecolor=GRID, hatch="//", lw=0.0)
            label = rf"above: $\chi^2$ infinite by generation {rounds}"
            axes.axhline(max(infinite, bottom), color=CEILING, lw=2.0, label=label)
    places = ((0.12, 3e-4, "left"), (1.2 * LEAST, 5e-3, "left"), (1.2 * LEAST, 0.3, "left"), (1.2 * LEAST, 10.0, "left"))
    for text, shade, (x, y, side) in zip(REGIMES, SHADES, places, strict=True):
        box = {"facecolor": shade, "edgecolor": "none", "pad": 1.5}
        axes.text(x, y * unit, text, ha=side, va="center", fontsize=9, color=INK, bbox=box)
    axes.set(yscale="log", xscale="log", xlim=(LEAST, 1.0), ylim=(bottom, top))
    axes.set(xlabel=r"fresh fraction $\alpha$", ylabel=r"energy $\varepsilon^2$ of a round")
    axes.set_xticks([0.01, 0.03, 0.1, 0.3, 1.0], ["0.01", "0.03", "0.1", "0.3", "1"])
    axes.minorticks_off()
    axes.set_title(rf"Long-run drift against a tolerance $D$ = {level:g}, observability $\eta$ = {share:g}")
    legend(axes, own=ax is None)
    return figure


def infinite_from(target: Gaussian | GaussianMixture, family: Callable[[float], Channel], generations: int) -> float | None:
    """The energy eps*² of the weakest channel whose chi2 is infinite within ``generations`` rounds; None where there is none.

    Found by bisection over the strength, which must widen the law monotonically.
    """
    law = as_mixture(target)

    def diverges(strength: float) -> bool:
        return bool(chi2_horizon(law, family(strength)) <= generations)

    low, high = SMALLEST, LARGEST
    if not diverges(high):
        return None
    while high > low * (1.0 + 1e-9):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if diverges(middle) else (middle, high)
    return float(exact_generation(target, ConsistentError(target, family(high)), OU()).ideal_energy)
