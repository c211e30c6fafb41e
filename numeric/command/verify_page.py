"""What a verification says of itself in ``report.html``: what was asked, what came out, every claim with its derivation."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

import theory
from numeric.command import html
from numeric.command.html import Column, Raw, Section
from numeric.command.mathml import formula, sentence
from numeric.command.report import environment
from numeric.command.report_figures import Picture
from numeric.command.tables import number
from numeric.command.verdict_marks import STYLES
from numeric.command.verify import CaseResult, ClaimResult, Verification
from numeric.generations.generation import Generation
from numeric.judging.verdicts import Verdict
from numeric.recursions.recursion import Recursion

__all__ = ["reproduce", "verification_lead", "verification_sections"]

MEANINGS = {
    Verdict.HOLDS: "the relation holds; for simulated quantities with the whole confidence interval",
    Verdict.VIOLATED: "it fails beyond numerical error or, for simulated quantities, with the whole confidence interval",
    Verdict.ASSUMPTION_FAILS: "a hypothesis of the claim fails on this case",
    Verdict.INCONCLUSIVE: "noise, or weights so degenerate that no number may be trusted",
}
SAID = {
    0: ("Everything came out as expected.", "good"),
    1: ("Not everything came out as expected.", "bad"),
    3: ("Nothing conclusive.", "caution"),
}
KINDS = {"checked": "good", "cited": "open", "assumed": "caution"}


def reproduce(arguments: Mapping[str, Any], seed: int) -> str:
    """The command line that gives the same numbers."""
    words = ["driftbound", "verify", "--seed", str(seed)]
    if arguments["claims"]:
        words += ["--claims", ",".join(arguments["claims"])]
    if arguments["target"] != "all":
        words += ["--target", arguments["target"]]
    if arguments["size"] != "default":
        words.append(f"--{arguments['size']}")
    return shlex.join(words)


def verification_lead(outcome: Verification) -> Raw:
    """The verdict in one sentence."""
    sentence, style = SAID[outcome.exit_status]
    return html.paragraph(sentence, f"verdict {style}")


def verification_sections(outcome: Verification, arguments: Mapping[str, Any], pictures: Sequence[Picture]) -> list[Section]:
    """The sections of the page, in reading order."""
    shown = Raw("".join(html.picture(p.figure, p.title, p.description, p.caption, wide=p.wide) for p in pictures))
    return [
        Section("asked", "What was asked", _asked(outcome, arguments)),
        Section("outcome", "What came out", _outcome(outcome)),
        Section("claims", "Claims", _claims(outcome.claims)),
        Section("dials-section", "Move alpha, energy and coherence", html.dials()),
        Section("figures", "Figures", Raw(f'<div class="pictures">{shown}</div>')),
        Section("cases", "Cases", _cases(outcome.cases)),
        Section("derivations", "Statements and derivations", _derivations(outcome.claims)),
        Section("run", "Versions and seed", _run(outcome)),
    ]


def _asked(outcome: Verification, arguments: Mapping[str, Any]) -> Raw:
    wanted = f"{len(outcome.claims)} of them" if arguments["claims"] else f"all {len(outcome.claims)}"
    command = reproduce(arguments, outcome.seed)
    return Raw(
        html.paragraph(
            "Does each bound on how far a generative model drifts that is trained again and again on its own output hold on "
            "numbers computed by routes that share no code with it, and do wrong versions of it fail?"
        )
        + html.facts(
            {
                "claims": wanted,
                "target": str(arguments["target"]),
                "cases": f"{len(outcome.cases)} ({arguments['size']} size)",
                "seed": str(outcome.seed),
            }
        )
        + html.paragraph("To get the same numbers again:")
        + f"<pre><code>{html.text(command)}</code></pre>"
    )


def _outcome(outcome: Verification) -> Raw:
    true = [one for one in outcome.claims if one.claim.expected == "true" and one.claim.numeric_side]
    held = sum(one.counts[Verdict.HOLDS] > 0 and one.violated_by is None for one in true)
    proved = sum(one.proof.status in ("proved", "refuted") for one in outcome.claims)
    mutants = [mutant for one in outcome.claims for mutant in one.mutants]
    killed = sum(mutant.killed_by is not None for mutant in mutants)
    rest = "; no case here decides the others" if held < len(true) and not outcome.shortfalls else ""
    counts = {verdict: sum(one.counts[verdict] for one in outcome.claims) for verdict in Verdict}
    parts = [
        html.facts(
            {
                "proofs": f"{proved} of {len(outcome.claims)} statements proved or refuted",
                "numbers": f"{held} of {len(true)} true claims about measured quantities held and were never violated{rest}",
                "mutants": f"{killed} of {len(mutants)} wrong versions were violated",
                "time": f"{outcome.seconds:.0f} s",
            }
        )
    ]
    if outcome.shortfalls:
        parts.append(Raw(f"<h3>Not as expected</h3>{html.listing(outcome.shortfalls, 'bad')}"))
    columns = (Column("verdict"), Column("checks", "number"), Column("meaning", "words"))
    rows = [(html.marked(one.value, STYLES[one]), str(count), MEANINGS[one]) for one, count in counts.items()]
    false = sum(one.counts[Verdict.VIOLATED] for one in outcome.claims if one.claim.expected == "false")
    note = f"{false} of the {counts[Verdict.VIOLATED]} VIOLATED checks belong to statements that are expected to be false."
    parts.append(html.paragraph(note))
    return Raw("".join(parts) + html.table("verdict-counts", "Checks by verdict", columns, rows))


def _claims(claims: Sequence[ClaimResult]) -> Raw:
    columns = (
        Column("claim"),
        Column("says", "words"),
        Column("expected"),
        Column("proof"),
        Column("holds", "number"),
        Column("violated", "number"),
        Column("assumption fails", "number"),
        Column("inconclusive", "number"),
        Column("bound / observed", "number"),
        Column("tightest on"),
        Column("mutants violated", "number"),
    )
    rows = []
    for one in claims:
        numeric, counts = one.claim.numeric_side, one.counts
        killed = sum(mutant.killed_by is not None for mutant in one.mutants)
        wrong = "good" if one.claim.expected == "false" else "bad"
        violated = str(counts[Verdict.VIOLATED])
        rows.append(
            (
                Raw(f'<a href="#{_anchor(one)}">{html.text(one.claim.id)}</a>'),
                Raw(sentence(one.claim.title)),
                one.claim.expected,
                html.marked(one.proof.status, "caution" if one.proof.status == "conditional" else "good"),
                str(counts[Verdict.HOLDS]) if numeric else "–",
                (html.marked(violated, wrong) if counts[Verdict.VIOLATED] else violated) if numeric else "–",
                str(counts[Verdict.ASSUMPTION_FAILS]) if numeric else "–",
                str(counts[Verdict.INCONCLUSIVE]) if numeric else "–",
                number(one.tightness) if counts[Verdict.HOLDS] else "–",
                one.tightest or one.violated_on or "–",
                f"{killed}/{len(one.mutants)}" if one.mutants else "–",
            )
        )
    note = "Each name leads to the statement and its derivation. A dash: the claim is proved and not held against numbers here."
    return Raw(html.paragraph(note) + html.table("claims-table", "Claims and how they fared", columns, rows))


def _cases(cases: Sequence[CaseResult]) -> Raw:
    columns = (
        Column("case"),
        Column("what it is for", "words"),
        *(Column(verdict.value.lower().replace("_", " "), "number") for verdict in STYLES),
        Column("energy eps²", "number"),
        Column("last drift", "number"),
        Column("seconds", "number"),
    )
    rows = []
    for one in cases:
        counts = [str(sum(check.verdict is verdict for check in one.checks)) for verdict in STYLES]
        energy = number(float(one.result.ideal_energy)) if isinstance(one.result, Generation) else "–"
        drift = number(float(one.result.divergence[-1])) if isinstance(one.result, Recursion) else "–"
        rows.append((one.case.label, one.case.purpose, *counts, energy, drift, f"{one.seconds:.1f}"))
    note = "The quantities of every case and every single check are in report.json beside this page."
    return Raw(html.paragraph(note) + html.table("cases-table", "Cases and their checks", columns, rows))


def _derivations(claims: Sequence[ClaimResult]) -> Raw:
    legend = (
        "A proof is a list of steps made by the kernel's primitives. Checked: reduced by a primitive during this run. Cited: a "
        "named theorem applied to earlier steps. Assumed: an instance of a stated assumption. Equal steps are shown once."
    )
    return Raw(html.paragraph(legend) + "".join(_derivation(one) for one in claims))


def _derivation(one: ClaimResult) -> Raw:
    claim, proof = one.claim, one.proof
    anchor = _anchor(one)
    parts = [
        f'<article id="{anchor}" aria-labelledby="{anchor}-title"><h3 id="{anchor}-title">{html.text(claim.id)}: '
        f"{sentence(claim.title)}</h3>",
        _statement(claim.statement),
    ]
    if claim.note:
        parts.append(html.paragraph(Raw(sentence(claim.note))))
    parts.append(html.paragraph(f"Source: {claim.source}. Expected to be {claim.expected}.", "quiet"))
    if claim.assumptions:
        parts.append(html.details(f"{len(claim.assumptions)} assumptions", html.listing(map(_assumption, claim.assumptions))))
    parts.append(_proof(proof))
    if claim.mutants:
        killed = {mutant.id: mutant.killed_by for mutant in one.mutants}
        entries = [_mutant(mutant, killed.get(mutant.id)) for mutant in claim.mutants]
        parts.append(html.details(f"{len(entries)} wrong versions that must be refused", html.listing(entries)))
    parts.append('<p><a href="#claims">Back to the claims</a></p></article>')
    return Raw("".join(parts))


def _statement(statement: sp.Basic) -> Raw:
    """Each relation of the statement on a line of its own."""
    parts = statement.args if isinstance(statement, sp.And) else (statement,)
    return Raw("".join(f'<div class="formula">{formula(part, block=True)}</div>' for part in parts))


def _assumption(assumption: theory.Assumption) -> Raw:
    condition = "" if assumption.condition is None else f' <span class="formula">{formula(assumption.condition)}</span>'
    return Raw(f"<b>{html.text(assumption.name)}</b>: {sentence(assumption.text)}{condition}")


def _proof(proof: theory.Proof) -> Raw:
    seen: dict[tuple[str, str, Any], str] = {}
    for step in proof.steps:
        seen.setdefault((step.kind, step.text, step.relation), step.reference)
    steps = []
    for (kind, words, relation), reference in seen.items():
        source = f' <span class="quiet">({sentence(reference)})</span>' if reference else ""
        label = f'<span class="kind {KINDS[kind]}">{kind}</span>'
        steps.append(Raw(f'{label}{sentence(words)}{source}<div class="formula">{formula(relation)}</div>'))
    kinds = [kind for kind, _, _ in seen]
    summary = f"{proof.status}: " + ", ".join(f"{kinds.count(kind)} {kind}" for kind in KINDS)
    body = html.listing(steps, "steps", ordered=True)
    if proof.missing:
        body = Raw(html.paragraph(f"Missing: {proof.missing}", "caution") + body)
    if proof.witness is not None:
        values = ", ".join(f"{name} = {value}" for name, value in proof.witness.items())
        body = Raw(html.paragraph(Raw(f"Witness: <code>{html.text(values)}</code>")) + body)
    return html.details(f"Proof, {summary}", body)


def _mutant(mutant: theory.Claim, killed_by: str | None) -> Raw:
    where = f"violated on: {killed_by}" if killed_by else "proved to be false; not held against numbers in this run"
    note = f"{sentence(mutant.note)} " if mutant.note else ""
    return Raw(
        f"<b>{html.text(mutant.id)}</b> {_statement(mutant.statement)}{note}<span class='quiet'>({html.text(where)})</span>"
    )


def _anchor(one: ClaimResult) -> str:
    return "claim-" + "".join(letter if letter.isalnum() else "-" for letter in one.claim.id)


def _run(outcome: Verification) -> Raw:
    return html.facts({**environment(), "seed": str(outcome.seed)})
