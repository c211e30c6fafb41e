"""What a check of samples says of itself in ``report.html``."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from numeric.command import html
from numeric.command.html import Column, Raw, Section
from numeric.command.report import environment
from numeric.command.statements import claim_link, statements
from numeric.command.status import check_status
from numeric.command.tables import number
from numeric.command.verdict_marks import STYLES, lead
from numeric.judging.sample_quantities import SampleMeasurements
from numeric.judging.verdicts import BoundCheck, Verdict
from numeric.samples.sample_drift import DriftEstimate

__all__ = ["write_page"]

PICTURED = "Estimates of the drift of each generation from the reference sample, with their intervals"


def write_page(
    path: Path, measurements: SampleMeasurements, checks: tuple[BoundCheck, ...], names: list[str], figure: Figure, *, seed: int
) -> None:
    """Write the page; ``names`` are those of the files, one per generation."""
    ids = list(dict.fromkeys(check.claim for check in checks))
    sections = [
        Section("asked", "What was asked", _asked(measurements, seed)),
        Section("regime", "Regime", _regime(measurements)),
        Section("figure", "Drift from the reference", _picture(figure)),
        Section("drift", "Generation by generation", _drift(measurements, names)),
    ]
    if ids:
        sections += [
            Section("claims", "Claims", _claims(ids, checks)),
            Section("statements", "What the claims say", statements(ids)),
        ]
    sections.append(Section("run", "Versions", html.facts(environment())))
    html.write_report(sections, path, title="Check of samples", lead=lead(check_status(checks), "samples"))


def _asked(measurements: SampleMeasurements, seed: int) -> Raw:
    return Raw(
        html.paragraph("How far are these samples from the data, and is that what theory allows?")
        + html.facts(
            {
                "reference": f"{measurements.rows[0]} rows of {measurements.dim} columns",
                "fresh fraction": str(measurements.alpha),
                "confidence": f"{measurements.confidence:g} of all intervals together",
                "seed": str(seed),
            }
        )
    )


def _regime(measurements: SampleMeasurements) -> Raw:
    regime = measurements.regime
    return Raw(html.paragraph(f"{regime.name}: {regime.evidence}"))


def _picture(figure: Figure) -> Raw:
    return Raw(f'<div class="pictures">{html.picture(figure, "Drift from samples", PICTURED, wide=True)}</div>')


def _drift(measurements: SampleMeasurements, names: list[str]) -> Raw:
    columns = [Column("N", "number"), Column("file"), Column("rows", "number")]
    columns += [Column(name, "number") for name in ("MMD²", "W1", "chi2 at least", "TV at least", "Gaussian KL")]
    rows = [
        (
            str(index),
            name,
            str(count),
            _cell(drift.mmd2),
            _cell(drift.w1),
            number(drift.chi2.low),
            number(drift.tv.low),
            "–" if drift.gaussian_kl is None else _cell(drift.gaussian_kl),
        )
        for index, (name, count, drift) in enumerate(zip(names, measurements.rows[1], measurements.drifts, strict=True))
    ]
    return Raw(html.table("drift-table", "Drift of every generation", columns, rows))


def _cell(one: DriftEstimate) -> str:
    return f"{number(one.value)} [{number(one.low)}, {number(one.high)}]"


def _claims(ids: list[str], checks: tuple[BoundCheck, ...]) -> Raw:
    columns = [Column("claim"), *(Column(verdict.value, "number") for verdict in Verdict), Column("first of its kind", "words")]
    rows = []
    for one in ids:
        own = [check for check in checks if check.claim == one]
        telling = next((check for check in own if check.verdict is Verdict.VIOLATED), own[0])
        counts = [sum(check.verdict is verdict for check in own) for verdict in Verdict]
        cells = [html.marked(str(count or ""), STYLES[verdict]) for verdict, count in zip(Verdict, counts, strict=True)]
        rows.append((claim_link(one), *cells, telling.detail))
    return html.table("claims-table", "Checks by claim", columns, rows)
