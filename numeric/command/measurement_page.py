"""What a check of measurements says of itself in ``report.html``."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from numeric.command import html
from numeric.command.html import Column, Raw, Section
from numeric.command.statements import claim_link, statements
from numeric.command.tables import number
from numeric.command.verdict_marks import STYLES, lead
from numeric.judging.verdicts import Verdict
from numeric.measurements.measured_drift import ABOVE, BELOW, MeasuredDrift

__all__ = ["write_page"]

USUAL = {"initial_divergence": 0.0, "initial_kl": 0.0, "initial_mmd": 0.0, "kernel_range": 1.0, "confidence": 0.999999}


def write_page(path: Path, content: dict[str, Any], bounded: MeasuredDrift | None, figure: Figure | None) -> None:
    """Write the page for the content of ``report.json``."""
    sections = [Section("asked", "What was asked", _asked(content))]
    if figure is not None:
        sections.append(Section("figure", "Drift between its bounds", _picture(figure)))
    if bounded is not None and content["drift"]["source"]:
        sections.append(Section("drift", "Generation by generation", _drift(bounded)))
    sections += [
        Section("claims", "Claims", _claims(content)),
        Section("statements", "What the claims say", statements(one["claim"] for one in content["claims"])),
        Section("run", "Versions", html.facts(content["environment"])),
    ]
    html.write_report(sections, path, title="Check of measurements", lead=lead(content["exit_status"], "measurements"))


def _asked(content: dict[str, Any]) -> Raw:
    arguments = content["arguments"]
    words = ["driftbound", "check", arguments["file"]]
    if arguments["alpha"] is not None:
        words += ["--alpha", str(arguments["alpha"])]
    for name, usual in USUAL.items():
        if arguments[name] != usual:
            words += [f"--{name.replace('_', '-')}", repr(arguments[name])]
    if arguments["intra_unnoised"]:
        words.append("--intra-unnoised")
    return Raw(
        html.paragraph("Are these measurements within what theory allows, and where between its bounds is the drift?")
        + html.facts({"columns": ", ".join(content["columns"]), "confidence": f"{arguments['confidence']:g} of all together"})
        + html.paragraph("To get the same numbers again:")
        + f"<pre><code>{html.text(shlex.join(words))}</code></pre>"
    )


def _picture(figure: Figure) -> Raw:
    said = "Measured drift by generation between floor and ceiling, contributions of the rounds, KL of each round and its bound"
    return Raw(f'<div class="pictures">{html.picture(figure, "Measurements and bounds", said, wide=True)}</div>')


def _drift(bounded: MeasuredDrift) -> Raw:
    columns = [
        Column("generation", "number"),
        *(Column(name, "number") for name in ("measured", "floor", "if independent", "ceiling")),
    ]
    rows = []
    for n in range(1, bounded.generations + 1):
        place = bounded.position(n)
        values = (bounded.divergence[n], bounded.floor[n - 1], bounded.orthogonal[n], bounded.ceiling[n])
        style = "bad" if place in (ABOVE, BELOW) else ""
        rows.append((str(n), *(number(float(value)) for value in values), html.marked(place, style)))
    said = f"Ceiling and independent errors take J² = {bounded.source}: leading order in the error and in the drift."
    return Raw(
        html.table("drift-table", "Drift and its bounds", [*columns, Column("where it lies")], rows) + html.paragraph(said)
    )


def _claims(content: dict[str, Any]) -> Raw:
    columns = [Column("claim"), *(Column(verdict.value, "number") for verdict in Verdict)]
    columns += [Column("bound/observed", "number"), Column("what stood in the way", "words")]
    rows = []
    for one in content["claims"]:
        counts = [html.marked(str(one["verdicts"][verdict.value] or ""), STYLES[verdict]) for verdict in Verdict]
        tightness = "" if math.isnan(one["tightness"]) else number(one["tightness"])
        rows.append((claim_link(one["claim"]), *counts, tightness, one["remark"]))
    further = [f"{' and '.join(more['columns'])}: {', '.join(more['claims'])}" for more in content["further_columns"]]
    hint = Raw(html.paragraph("Further columns would bring in further claims:") + html.listing(further)) if further else Raw("")
    return Raw(html.table("claims-table", "Checks by claim", columns, rows) + hint)
