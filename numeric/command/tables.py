"""What the command prints: tables for a terminal, plain text in a pipe."""

from __future__ import annotations

import math

from rich.console import Console
from rich.table import Table
from rich.text import Text

import theory
from numeric.command.verify import ClaimResult, Verification
from numeric.verdicts import BoundCheck, Verdict

__all__ = ["checks_table", "claim_page", "claims_table", "console", "verification_tables"]

STYLES = {
    Verdict.HOLDS: "green",
    Verdict.VIOLATED: "bold red",
    Verdict.ASSUMPTION_FAILS: "yellow",
    Verdict.INCONCLUSIVE: "cyan",
}
PIPE_WIDTH = 140


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave a reader that went away to the command, whose status says nothing about claims then."""
        raise


def console(*, error: bool = False) -> Console:
    """Standard output (or error): colours only on a terminal, a fixed width in a pipe. Honours NO_COLOR."""
    made = _Console(stderr=error, highlight=False)
    return made if made.is_terminal else _Console(stderr=error, highlight=False, width=PIPE_WIDTH, no_color=True)


def number(value: float) -> str:
    """A number in at most nine characters."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.4g}"


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False)
    for name, justify in columns:
        whole = name in ("claim", "case")  # names that a reader copies are never broken
        table.add_column(name, justify="right" if justify == "right" else "left", overflow="fold", no_wrap=whole)
    return table


def verification_tables(outcome: Verification, out: Console) -> None:
    """Cases, claims, and what did not come out as expected."""
    cases = _table(
        f"Cases (seed {outcome.seed})",
        ("case", "left"),
        ("holds", "right"),
        ("violated", "right"),
        ("assumption fails", "right"),
        ("inconclusive", "right"),
        ("seconds", "right"),
        ("eps²", "right"),
        ("commutator", "right"),
        ("skew", "right"),
        ("offset", "right"),
        ("condition", "right"),
    )
    for result in outcome.cases:
        counts = [sum(check.verdict is verdict for check in result.checks) for verdict in Verdict]
        order = [counts[list(Verdict).index(v)] for v in STYLES]
        shown = [
            number(result.facts[key]) if key in result.facts else ""
            for key in ("ideal_energy", "commutator", "skew", "offset", "condition")
        ]
        cases.add_row(result.case.label, *(str(count) for count in order), f"{result.seconds:.1f}", *shown)
    out.print(cases)
    out.print()
    claims = _table(
        "Claims",
        ("claim", "left"),
        ("expected", "left"),
        ("proof", "left"),
        ("holds", "right"),
        ("violated", "right"),
        ("ass. fails", "right"),
        ("inconcl.", "right"),
        ("bound/obs", "right"),
        ("tightest on", "left"),
        ("mutants killed", "right"),
    )
    for one in outcome.claims:
        claims.add_row(*_claim_row(one))
    out.print(claims)
    out.print()
    for line in outcome.shortfalls:
        out.print(Text("NOT AS EXPECTED  " + line, style="bold red"))
    verdict = {0: "Everything came out as expected.", 1: "Not everything came out as expected.", 3: "Nothing conclusive."}
    style = "bold green" if outcome.exit_status == 0 else "bold red"
    out.print(Text(f"{verdict[outcome.exit_status]} {_summary(outcome)}", style=style))


def _claim_row(one: ClaimResult) -> list[Text | str]:
    claim, counts = one.claim, one.counts
    violated_style = "green" if claim.expected == "false" else STYLES[Verdict.VIOLATED]
    numeric = claim.numeric_side
    killed = sum(mutant.killed_by is not None for mutant in one.mutants)
    return [
        claim.id,
        claim.expected,
        Text(one.proof.status, style="green" if one.proof.status != "conditional" else "yellow"),
        Text(str(counts[Verdict.HOLDS]), style="green") if numeric else "",
        Text(str(counts[Verdict.VIOLATED]), style=violated_style if counts[Verdict.VIOLATED] else "") if numeric else "",
        str(counts[Verdict.ASSUMPTION_FAILS]) if numeric else "",
        str(counts[Verdict.INCONCLUSIVE]) if numeric else "",
        number(one.tightness) if counts[Verdict.HOLDS] else "",
        one.tightest or one.violated_on,
        f"{killed}/{len(one.mutants)}" if one.mutants else "",
    ]


def _summary(outcome: Verification) -> str:
    true = [one for one in outcome.claims if one.claim.expected == "true"]
    held = sum(one.counts[Verdict.HOLDS] > 0 and one.violated_by is None for one in true if one.claim.numeric_side)
    proved = sum(one.proof.status in ("proved", "refuted") for one in outcome.claims)
    mutants = [mutant for one in outcome.claims for mutant in one.mutants]
    killed = sum(mutant.killed_by is not None for mutant in mutants)
    wanted = sum(one.claim.numeric_side for one in true)
    return (
        f"{held} of {wanted} true claims hold on numbers, {proved} of {len(outcome.claims)} statements proved or refuted, "
        f"{killed} of {len(mutants)} mutants violated, in {outcome.seconds:.0f} s."
    )


def checks_table(checks: tuple[BoundCheck, ...], out: Console) -> None:
    """One row per check, in order of claim and generation."""
    table = _table(
        "Checks",
        ("claim", "left"),
        ("generation", "right"),
        ("observed", "right"),
        ("", "left"),
        ("bound", "right"),
        ("verdict", "left"),
        ("detail", "left"),
    )
    signs = {"upper": "<=", "lower": ">=", "equality": "="}
    for check in checks:
        generation = "" if check.generation is None else str(check.generation)
        verdict = Text(check.verdict.value, style=STYLES[check.verdict])
        detail = "" if check.verdict is Verdict.HOLDS else check.detail
        table.add_row(check.claim, generation, number(check.observed), signs[check.kind], number(check.bound), verdict, detail)
    out.print(table)


def claims_table(proofs: list[tuple[theory.Claim, theory.Proof]], out: Console) -> None:
    """The registry: id, statement, source, kind, status of the proof, steps."""
    table = _table(
        "Claims",
        ("claim", "left"),
        ("title", "left"),
        ("source", "left"),
        ("kind", "left"),
        ("expected", "left"),
        ("proof", "left"),
        ("checked", "right"),
        ("cited", "right"),
        ("mutants", "right"),
    )
    for claim, proof in proofs:
        steps = [step.kind for step in proof.steps]
        style = "yellow" if proof.status == "conditional" else "green"
        table.add_row(
            claim.id,
            claim.title,
            claim.source,
            claim.kind,
            claim.expected,
            Text(proof.status, style=style),
            str(steps.count("checked")),
            str(steps.count("cited")),
            str(len(claim.mutants)),
        )
    out.print(table)
    done = sum(proof.status != "conditional" for _, proof in proofs)
    out.print(f"\n{done} of {len(proofs)} statements proved or refuted by the kernel; the others name the step they lack.")


def claim_page(claim: theory.Claim, proof: theory.Proof, out: Console) -> None:
    """One claim in full: statement, source, assumptions, proof steps, mutants."""
    out.print(Text(f"{claim.id}: {claim.title}", style="bold"))
    out.print(f"source     {claim.source}\nkind       {claim.kind}\nexpected   {claim.expected}", markup=False)
    out.print(f"statement  {claim.statement}\nlatex      {claim.latex}", markup=False)
    if claim.note:
        out.print(f"meaning    {claim.note}", markup=False)
    for assumption in claim.assumptions:
        condition = "" if assumption.condition is None else f"   [{assumption.condition}]"
        out.print(f"assumes    {assumption.name}: {assumption.text}{condition}", markup=False)
    out.print(Text(f"\nproof      {proof.status}", style="yellow" if proof.status == "conditional" else "green"))
    for count, step in enumerate(proof.steps, start=1):
        reference = f"  ({step.reference})" if step.reference else ""
        out.print(f"  {count:2d}. {step.kind:<8} {step.text}{reference}\n      {step.relation}", markup=False)
    if proof.missing:
        out.print(f"  missing  {proof.missing}", markup=False)
    if proof.witness is not None:
        values = ", ".join(f"{name} = {value}" for name, value in proof.witness.items())
        out.print(f"  witness  {values}", markup=False)
    for mutant in claim.mutants:
        out.print(f"\nmutant     {mutant.id}: {mutant.title}\n           {mutant.statement}", markup=False)
        if mutant.note:
            out.print(f"           {mutant.note}", markup=False)
