"""What an experiment says of itself in ``report.html``."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import theory
from numeric.command import html
from numeric.command.experiment_claims import LIMITS, ROUNDS
from numeric.command.experiment_report import DRAWN, ExperimentReport, with_error
from numeric.command.experiment_setup import ImageData, reproduce
from numeric.command.html import Column, Raw, Section
from numeric.command.report import environment
from numeric.command.report_figures import Picture
from numeric.command.statements import claim_link, statements
from numeric.command.tables import number
from numeric.command.verdict_marks import STYLES, lead
from numeric.estimate import Estimate
from numeric.experiments.generation_record import Prediction
from numeric.experiments.image_rows import ImageRow, RowMaker
from numeric.experiments.summary import SummaryRow
from numeric.judging.verdicts import Verdict
from numeric.plots.experiment import plot_energies, plot_experiment_drift, plot_observabilities, plot_within
from numeric.plots.sheets import plot_sheet
from numeric.samples.sample_drift import SampleDrift

__all__ = ["experiment_pictures", "write_page"]

COLUMNS = 10  # images in a row of a sheet
OWN = {claim.id: claim for claim in (*ROUNDS, *LIMITS) if isinstance(claim, theory.Claim)}


def experiment_pictures(report: ExperimentReport) -> list[Picture]:
    """Figures in reading order."""
    rows, generations = report.rows, report.experiment.protocol.generations
    out = [
        Picture(
            "drift",
            plot_experiment_drift(rows),
            "Drift from the data by generation",
            f"KL, total variation, W1 of the marginals and MMD from the data over {generations} generations, one line "
            "per fresh "
            "fraction. " + " ".join(report.findings),
            "Means over runs; bars are two standard errors each way.",
            wide=True,
        )
    ]
    if any(row.within is not None for part in rows for row in part):
        out.append(
            Picture(
                "within",
                plot_within(rows),
                "Variance within components against the population limit",
                "Measured variance within the components of the data, over the data's, with the exact recursion as "
                "lines, and the "
                "deviation from it in standard errors. " + " ".join(report.remarks[:3]),
                "Points: means over runs. Lines: the exact recursion with early stopping; dotted: sigma² + h² (1 - "
                "rho^n)/alpha.",
                wide=True,
            )
        )
    out.append(
        Picture(
            "energies",
            plot_energies(rows),
            "Score energies by round",
            "Ideal and learned energies of every round by densities, with those by scores as crosses, and the "
            "population limit.",
            "Lines and points: by densities at both ends (de Bruijn). Crosses: by scores at random times. Dashed: "
            "population limit.",
            wide=True,
        )
    )
    if any(row.population_observability is not None for part in rows for row in part):
        out.append(
            Picture(
                "observability",
                plot_observabilities(rows),
                "Observability by round",
                "Share of the ideal energy that the endpoint sees, in the population limit every round, with finite "
                "centres in three.",
                "Bars are two standard errors each way.",
            )
        )
    if report.setup.pictures is not None:
        out.append(_sheet(report, report.setup.pictures))
    return out


def _sheet(report: ExperimentReport, data: ImageData) -> Picture:
    """Images of the data, of p, and of every generation, one block per fresh fraction."""
    protocol = report.experiment.protocol
    maker = RowMaker.of(report.setup.mixture, data.target.frame, columns=COLUMNS, rng=protocol.seed)
    rng = np.random.default_rng(protocol.seed)
    top = [
        maker.row("data", data.target.frame.encode(data.images.part(slice(0, 512)))),
        maker.row("p", report.setup.mixture.sample(512, rng=rng)),
    ]
    least = min(report.experiment.sheets[index, 0].shape[0] for index in range(len(protocol.alphas)))
    blocks: list[tuple[str, list[ImageRow]]] = []
    for index, alpha in enumerate(protocol.alphas):
        draws = report.experiment.sheets[index, 0][:least]
        blocks.append((f"alpha = {alpha:g}", [maker.row(f"{n}", part) for n, part in enumerate(draws, start=1)]))
    return Picture(
        "sheet",
        plot_sheet(top, blocks),
        "Generated images by generation",
        "Rows: images of the data, draws of the mixture p fitted to them, then generations; one block per fresh "
        "fraction, one column per "
        "component of p.",
        "Real images on top, seen through the principal coordinates that the experiment lives in; then draws of p, "
        "then generations.",
        wide=True,
    )


def write_page(path: Path, report: ExperimentReport, pictures: list[Picture]) -> None:
    """Write the page."""
    shown = Raw("".join(html.picture(p.figure, p.title, p.description, p.caption, wide=p.wide) for p in pictures))
    sections = [
        Section("asked", "What was asked", _asked(report)),
        Section("outcome", "What came out", Raw(html.listing(report.findings) + html.listing(report.remarks))),
        Section("figures", "Figures", Raw(f'<div class="pictures">{shown}</div>')),
        Section("drift", "Drift, generation by generation", Raw("".join(_drift_tables(report)))),
        *_draws_sections(report),
        Section("limit", "Population limit", Raw("".join(_limit_tables(report)))),
        Section("energies", "Energies and observability", Raw("".join(_energy_tables(report)))),
        Section("claims", "Claims", _claims(report)),
        Section("statements", "What the claims say", _statements(report)),
        Section("run", "Versions", html.facts(environment())),
    ]
    opening = lead(report.exit_status, "runs")
    if not report.experiment.complete:
        opening = Raw(html.paragraph("Part of the experiment: it was interrupted.", "verdict caution") + opening)
    html.write_report(sections, path, title="Retraining experiment", lead=opening)


def _asked(report: ExperimentReport) -> Raw:
    protocol = report.experiment.protocol
    how = {
        "kde": f"Gaussian kernels of standard deviation {protocol.bandwidth or 0.0:.4g}",
        "mixture-fit": f"a mixture of {protocol.components} Gaussians with full covariances, by EM",
        "gaussian-fit": "mean and covariance",
    }
    return Raw(
        html.paragraph(
            "What becomes of a model that is retrained every round on fresh data and its own output, how large are the "
            "score errors that "
            "do it, and do the bounds hold?"
        )
        + html.facts(
            {
                "target": report.setup.described,
                "retrained by": how[protocol.retrain],
                "fresh fractions": ", ".join(f"{alpha:g}" for alpha in protocol.alphas),
                "points per round": str(protocol.n),
                "generations": str(protocol.generations),
                "runs": f"{protocol.runs} per fresh fraction",
                "process": f"noising from t0 = {protocol.process.t0:g} to T = {protocol.process.T:g}; every reverse "
                "process is exact",
                "seed": str(protocol.seed),
            }
        )
        + html.paragraph("To get the same numbers again:")
        + f"<pre><code>{html.text(shlex.join(reproduce(report.arguments)))}</code></pre>"
        + html.paragraph("In tables 1.234(5) is 1.234 with a standard error of 0.005 over runs.")
    )


def _drift_tables(report: ExperimentReport) -> Iterator[Raw]:
    titles = ("log10(1+chi2)", "at most", "KL", "TV", "W1 of marginals", "largest", "TV of marginals", "KL of marginals", "MMD")
    names = ("kl", "tv", "marginal_w1", "largest_w1", "marginal_tv", "marginal_kl", "mmd")
    for rows in report.rows:
        if not rows:
            continue
        body = []
        for row in rows:
            body.append((str(row.generation), _chi2(row), _ceiling(row), *(_cell(row.values[name]) for name in names)))
        columns = [Column("n", "number"), *(Column(title, "number") for title in titles)]
        name = f"drift-{rows[0].alpha:g}".replace(".", "-")
        yield html.table(name, f"Drift from the data, alpha = {rows[0].alpha:g}", columns, body)
        reason = next((row.reason for row in rows if row.reason), "")
        if reason:
            yield html.paragraph(f"chi2 is infinite: {reason}.")
    yield html.paragraph(
        "chi2 is of p^n against p. A star marks weights so uneven (fewer than 200 effective draws in some run) that "
        "the number is an "
        "order of magnitude at best; the ceiling beside it is Minkowski's inequality and holds in every run. Marginals "
        "are averaged over "
        "coordinates, and exact for every run. MMD is exact too, under a kernel of random frequencies drawn once."
    )


def _draws_sections(report: ExperimentReport) -> Iterator[Section]:
    """The drift that the kept draws show by themselves."""
    data = report.setup.pictures
    if data is None or not report.seen:
        return
    parts = []
    columns = [Column("n", "number")]
    for title in ("TV >=", "chi2 >=", "MMD", "TV >=", "chi2 >=", "MMD"):
        columns.append(Column(title, "number"))
    for alpha, drifts in zip(report.experiment.protocol.alphas, report.seen, strict=True):
        rows = [(str(n), *_seen(one.law), *_seen(one.images)) for n, one in enumerate(drifts, start=1)]
        name = f"draws-{alpha:g}".replace(".", "-")
        parts.append(html.table(name, f"From p, then from images outside its fit, alpha = {alpha:g}", columns, rows))
    far = report.fidelity
    if far is not None:
        own, other = (f"MMD² in [{one.low:.2g}, {one.high:.2g}]" for one in (far.mmd2, far.itself))
        parts.append(
            html.paragraph(
                f"The images themselves are not draws of p: those outside the fit have {own} from it (a sample of p "
                f"has {other}), TV at least {far.tv.low:.3f} and chi2 at least {far.chi2.low:.3f}. Their log-likelihood under "
                f"p is {data.target.held_out_log_likelihood:.2f} nats, {data.target.log_likelihood:.2f} for those of the fit."
            )
        )
    parts.append(
        html.paragraph(
            f"Test functions bound TV and chi2 from below; every entry has confidence {DRAWN:g} by itself. "
            "The draws are those of the first run."
        )
    )
    yield Section("draws", "Drift that draws show by themselves", Raw("".join(parts)))


def _seen(one: SampleDrift) -> tuple[str, str, str]:
    low, high = (math.sqrt(max(end, 0.0)) for end in (one.mmd2.low, one.mmd2.high))
    return f"{one.tv.low:.3f}", number(one.chi2.low), f"{low:.3f} to {high:.3f}"


def _chi2(row: SummaryRow) -> str:
    if row.reason:
        return "inf"
    doubtful = row.chi2_ess is not None and row.chi2_ess < 200.0
    return _cell(row.values["log10_chi2"]) + ("*" if doubtful else "")


def _ceiling(row: SummaryRow) -> str:
    return "inf" if row.reason else number(row.chi2_ceiling)


def _limit_tables(report: ExperimentReport) -> Iterator[Raw]:
    for rows in report.rows:
        if not rows:
            continue
        columns = [Column("n", "number")]
        for title in ("within components", "exact", "z", "without early stopping", "closed form", "z", "E|x|²/d", "exact", "z"):
            columns.append(Column(title, "number"))
        body = []
        for row in rows:
            cells = [str(row.generation)]
            for value, expected in (
                (row.within, None if row.within is None else row.within.expected),
                (row.within_unstopped, row.closed_form),
                (row.second_moment, None if row.second_moment is None else row.second_moment.expected),
            ):
                cells += (
                    ["-"] * 3 if value is None or expected is None else [_cell(value), f"{expected:.5g}", f"{value.z:+.2f}"]
                )
            body.append(cells)
        name = f"limit-{rows[0].alpha:g}".replace(".", "-")
        yield html.table(name, f"Means over runs and their exact expectations, alpha = {rows[0].alpha:g}", columns, body)
    yield html.paragraph(
        "The standard errors are those of the run's own sampling errors in all rounds, carried through the recursion. "
        "Points are told apart "
        "by descent, not by the nearest component, which would misjudge wide ones; spreads are about the data's "
        "centres, so that nothing "
        "of the loss of 1/n per round enters, and the exact displacement of the centres is taken off."
    )


def _energy_tables(report: ExperimentReport) -> Iterator[Raw]:
    names = ("ideal_energy", "ideal_energy_nodes", "learned_energy", "learned_energy_nodes", "round_kl", "round_reverse_kl")
    titles = ("eps*²", "by scores", "epŝ²", "by scores", "KL of the round", "reverse KL", "eta", "eta, limit", "eps*², limit")
    for rows in report.rows:
        if not rows:
            continue
        columns = [Column("round", "number"), *(Column(title, "number") for title in titles)]
        body = []
        for row in rows:
            last = (row.observability, row.population_observability, row.population_ideal_energy)
            body.append(
                (str(row.generation - 1), *(_cell(row.values[name]) for name in names), *(_cell(value) for value in last))
            )
        name = f"energies-{rows[0].alpha:g}".replace(".", "-")
        yield html.table(name, f"Energies over [t0, T], alpha = {rows[0].alpha:g}", columns, body)
    yield html.paragraph(
        "eta, the observability, is measured with the centres of the first run in a few rounds, and in the population "
        "limit in every round."
    )


def _cell(value: Estimate | Prediction | None) -> str:
    if value is None:
        return "-"
    middle = value.measured if isinstance(value, Prediction) else value.value
    return with_error(middle, value.stderr)


def _claims(report: ExperimentReport) -> Raw:
    columns = [Column("claim"), *(Column(verdict.value, "number") for verdict in Verdict)]
    columns += [Column("bound/observed", "number"), Column("for example", "words")]
    rows = []
    for claim, counts in report.counts.items():
        own = [one.check for one in report.checks if one.check.claim == claim]
        order = (Verdict.VIOLATED, Verdict.HOLDS, Verdict.INCONCLUSIVE, Verdict.ASSUMPTION_FAILS)
        telling = min(own, key=lambda check: (order.index(check.verdict), check.tightness))
        holding = [check.tightness for check in own if check.verdict is Verdict.HOLDS]
        cells = [html.marked(str(counts[verdict] or ""), STYLES[verdict]) for verdict in Verdict]
        rows.append((claim_link(claim), *cells, number(min(holding)) if holding else "", telling.detail))
    return html.table("claims-table", "Checks by claim", columns, rows)


def _statements(report: ExperimentReport) -> Raw:
    registered = [claim for claim in report.counts if claim not in OWN]
    parts = [statements(registered)]
    for claim in report.counts:
        if claim in OWN:
            own = OWN[claim]
            parts.append(
                Raw(
                    f'<h3 id="claim-{html.text(claim)}">{html.text(claim)}</h3>'
                    + html.paragraph(own.title)
                    + html.paragraph(f"Source: {own.source}")
                )
            )
    return Raw("".join(parts))
