"""A figure of verdicts: how each observed quantity stands to its bound."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.plots.style import DRIFT, GRID, INK, SUM, UNDONE, legend, panel

__all__ = ["VERDICT_LOOK", "plot_checks"]

VERDICT_LOOK = {  # colour and marker: no verdict is told by colour alone
    Verdict.HOLDS: (UNDONE, "o"),
    Verdict.VIOLATED: (DRIFT, "X"),
    Verdict.ASSUMPTION_FAILS: ("#e69f00", "s"),
    Verdict.INCONCLUSIVE: (SUM, "D"),
}
DECADES = 4.0  # ratios beyond are drawn at the edge


def plot_checks(checks: Sequence[BoundCheck], *, ax: Axes | None = None) -> Figure:
    """One row per claim, one mark per check: by what factor it stays within its bound (right) or breaks it (left).

    The factor is bound/observed for upper bounds, observed/bound for lower ones, and for equalities smaller/larger of the two
    sides where it fails, 1 where it holds. Factors beyond 10^4 either way, and infinite or zero bounds, are drawn on the edge.
    Checks whose sides could not be formed (NaN) are counted beside the claim and not drawn.

    Args:
        checks: from check_generation, check_recursion, check_measurements or check_samples.
        ax: axes to draw into; new ones where None.

    Raises:
        TypeError: something among ``checks`` that is not a BoundCheck.
        ValueError: no checks.
    """
    entries = list(checks)
    for one in entries:
        if not isinstance(one, BoundCheck):
            raise TypeError(f"checks must be BoundCheck records, got {type(one).__name__} among them")
    if not entries:
        raise ValueError("checks must not be empty, got none")
    claims = list(dict.fromkeys(one.claim for one in entries))
    figure, axes = panel(ax, 7.4, 1.6 + 0.26 * len(claims))
    axes.axvspan(-DECADES - 0.3, 0.0, color=GRID, alpha=0.25, lw=0.0)
    axes.axvline(0.0, color=INK, lw=1.0)
    unformed = dict.fromkeys(claims, 0)
    for verdict, (colour, marker) in VERDICT_LOOK.items():
        among = [one for one in entries if one.verdict is verdict]
        rows = [(slack(one), claims.index(one.claim)) for one in among if not math.isnan(slack(one))]
        if not rows:
            continue
        factors, heights = np.array(rows).T
        filled = "none" if verdict is Verdict.ASSUMPTION_FAILS else colour  # says nothing, so it is drawn hollow
        axes.plot(
            np.clip(np.log10(factors), -DECADES, DECADES),
            heights,
            ls="",
            marker=marker,
            ms=6,
            mfc=filled,
            mec=colour,
            alpha=0.75,
            label=f"{verdict.value} ({len(among)})",
        )
    for one in entries:
        unformed[one.claim] += math.isnan(slack(one))
    labels = [f"{claim}  (+{unformed[claim]} not formed)" if unformed[claim] else claim for claim in claims]
    axes.set_yticks(range(len(claims)), labels)
    axes.set(ylim=(len(claims) - 0.5, -0.5), xlim=(-DECADES - 0.3, DECADES + 0.3))
    ticks = np.arange(-4, 5, 2)
    axes.set_xticks(ticks, [rf"$10^{{{tick}}}$" if tick else "1" for tick in ticks])
    axes.set_xlabel("broken by this factor  <  1  <  within the bound by this factor")
    axes.grid(axis="y", color=GRID, lw=0.4)
    axes.set_axisbelow(True)
    axes.set_title("Checks against their bounds")
    legend(axes, own=ax is None, columns=4)
    return figure


def slack(check: BoundCheck) -> float:
    """The factor by which a check stays within its bound, >= 1 where it holds; inf and 0 at the ends, NaN where unknown."""
    observed, bound = check.observed, check.bound
    if math.isnan(observed) or math.isnan(bound):
        return math.nan
    if check.kind == "equality":
        if check.verdict is not Verdict.VIOLATED:
            return 1.0
        small, large = sorted((abs(observed), abs(bound)))
        return max(small / large, 1e-99) if math.isfinite(large) and observed * bound > 0.0 else 1e-99
    top, under = (bound, observed) if check.kind == "upper" else (observed, bound)
    if top == under:
        return 1.0
    if under <= 0.0 or math.isinf(top):
        return 1e99 if top > under else 1e-99
    if top <= 0.0 or math.isinf(under):
        return 1e-99
    return top / under
