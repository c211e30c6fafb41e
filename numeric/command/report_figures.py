"""The figures of a verification: two general ones, and what the run's own cases show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from numeric.command.verify import Verification
from numeric.laws.channels import kde
from numeric.laws.targets import Gaussian, GaussianMixture, Target
from numeric.plots import (
    drift_figure,
    interference_figure,
    plot_checks,
    plot_contributions,
    plot_density,
    plot_gram,
    plot_limit_law,
    plot_regimes,
)
from numeric.plots.style import canvas, look, tidy
from numeric.recursions.recursion import Recursion

__all__ = ["Picture", "verification_pictures"]

PREFERRED = ("varying fresh fractions", "alternating shifts", "coherent shifts, alpha 0.1")
LIMIT_TIME, LIMIT_FRESH = 0.05, 0.1


@dataclass(frozen=True)
class Picture:
    """A figure with its file name, and what a reader who cannot see it is told."""

    name: str
    figure: Figure
    title: str
    description: str
    caption: str
    wide: bool = False


def verification_pictures(outcome: Verification) -> list[Picture]:
    """Figures in reading order; those of a recursion only where the run had one with finite drift."""
    out = [
        Picture(
            "drift",
            drift_figure(),
            "Drift between floor and ceiling for three fresh fractions",
            "Three panels, fresh fractions 0.1, 0.5 and 0.9. A mean shift repeated every round runs along the ceiling, "
            "far above the discounted sum; alternating shifts stay near the floor. The more fresh data, the closer floor "
            "and ceiling.",
            "Drift of N(0, 1) under mean shifts, exact. The ceiling is the triangle bound; the floor is one of the "
            "larger of two consecutive drifts.",
            wide=True,
        ),
        Picture(
            "interference",
            interference_figure(),
            "What the discounted sum misses",
            "Left: the ratio of drift to discounted sum tends to 7 for coherent errors, stays 1 for orthogonal ones and "
            "tends to 1/7 for alternating ones, at a fresh fraction of 0.25. Right: correlations of the innovations of a "
            "slowly swinging error.",
            "Coherent, orthogonal and alternating errors of the same size, and the limits of the theory (dotted).",
            wide=True,
        ),
        Picture(
            "regimes",
            plot_regimes(target=Gaussian(0.0, 1.0), family=kde),
            "Regimes by fresh fraction and energy",
            "Four regions from below: the drift stays below 0.1 even if errors add up, if they are orthogonal, only if "
            "they cancel, and not at all. A horizontal line marks the energy from which kernel smoothing makes the "
            "divergence infinite within 20 generations, whatever the fresh fraction below 1.",
            "Long-run drift against a tolerance of 0.1, leading order in the error; hatched: kernel smoothing of N(0, 1) "
            "that makes chi2 infinite within 20 generations, which no fresh fraction below 1 prevents.",
            wide=True,
        ),
    ]
    found = _recursion(outcome)
    law: Target = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
    if found is not None:
        label, recursion = found
        if any(one.case.group == "data" and one.case.label == label for one in outcome.cases):
            law = recursion.target
        out.append(_shares(label, recursion))
        out.append(
            Picture(
                "density",
                plot_density(recursion),
                f"Density over generations: {label}",
                f"The law of the models of the case {label} over {recursion.generations} generations, beside the data.",
                f"{label}: how the model moves away from the data, projected where it has more than two dimensions.",
                wide=recursion.target.dim > 1,
            )
        )
    out.append(
        Picture(
            "limit_law",
            plot_limit_law(law, LIMIT_TIME, LIMIT_FRESH),
            "Limit law of early stopping beside the data",
            "Left: the limit of retraining with early stopping is blurred and drawn towards the standard normal. Right: "
            "the gain falls with the Hermite order, a low-pass filter.",
            f"Where exact scores lead that stop at t0 = {LIMIT_TIME:g} with a fresh fraction of {LIMIT_FRESH:g}.",
            wide=True,
        )
    )
    tight = [one.tight_check for one in outcome.claims if one.tight_check is not None]
    broken = [one.violated_by for one in outcome.claims if one.violated_by is not None]
    if tight or broken:
        out.append(
            Picture(
                "checks",
                plot_checks([*tight, *broken]),
                "Tightest check of each claim",
                f"One mark per claim that held, at the factor between bound and observation on its tightest case; "
                f"{len(broken)} claims were violated, which is expected of false ones. The table of claims has the numbers.",
                "The tightest check of each claim that held, and the first violation of each that did not.",
                wide=True,
            )
        )
    return out


def _recursion(outcome: Verification) -> tuple[str, Recursion] | None:
    """The recursion to show: of real data the one that drifts least, else the first with parts that can be drawn."""
    among = {one.case.label: one.result for one in outcome.cases if isinstance(one.result, Recursion) and _drawable(one.result)}
    real = {one.case.label for one in outcome.cases if one.case.group == "data"} & among.keys()
    calm = sorted(real, key=lambda label: (float(among[label].divergence[-1]), label))
    for label in (*calm, *PREFERRED, *among):
        if label in among:
            return label, among[label]
    return None


def _drawable(recursion: Recursion) -> bool:
    known = all(isinstance(law, (Gaussian, GaussianMixture)) for law in recursion.laws[:1])
    finite = np.isfinite(recursion.divergence).all() and np.isfinite(recursion.gram).all()
    return bool(known and finite and recursion.divergence.max() > 0.0)


def _shares(label: str, recursion: Recursion) -> Picture:
    """Contributions and correlations side by side."""
    figure = canvas(11, 4)
    with look():
        left, right = figure.subplots(1, 2, width_ratios=(2, 1))
        plot_contributions(recursion, ax=tidy(left))
        plot_gram(recursion, ax=right)
        right.set_title("Correlation of innovations")
    total, alone = recursion.divergence[-1], recursion.discounted_sums[-1]
    return Picture(
        "contributions",
        figure,
        f"Contributions of the rounds to the drift: {label}",
        f"Bars per round: its own discounted part, and its part with interference. The own parts add up to {alone:.3g}, "
        f"the drift is {total:.3g}. Beside it a heat map of the correlations of the innovations.",
        f"{label}: what each round contributes to the last drift {total:.3g}, alone (discounted sum {alone:.3g}) and with "
        "what it shares with the other rounds.",
        wide=True,
    )
