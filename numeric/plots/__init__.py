"""Figures of drift, interference, limit laws and verdicts, one call each. Needs matplotlib: the extra ``command``.

Every function returns a matplotlib ``Figure`` that no global state of pyplot knows of. ``save`` writes it as PNG or SVG,
``as_svg`` gives an SVG to put into a page, whose ink follows the text colour around it.
"""

from numeric.plots.judged import plot_checks
from numeric.plots.laws import plot_density, plot_limit_law
from numeric.plots.measured import plot_measured_contributions, plot_measured_drift, plot_measurements
from numeric.plots.plans import plot_frontier, plot_schedule
from numeric.plots.regimes import plot_regimes
from numeric.plots.rounds import plot_contributions, plot_drift, plot_gram
from numeric.plots.samples import plot_sample_drift
from numeric.plots.style import as_svg, save
from numeric.plots.verification import drift_figure, interference_figure

__all__ = [
    "as_svg",
    "drift_figure",
    "interference_figure",
    "plot_checks",
    "plot_contributions",
    "plot_density",
    "plot_drift",
    "plot_frontier",
    "plot_gram",
    "plot_limit_law",
    "plot_measured_contributions",
    "plot_measured_drift",
    "plot_measurements",
    "plot_regimes",
    "plot_sample_drift",
    "plot_schedule",
    "save",
]
