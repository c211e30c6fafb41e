"""What the command prints: tables for a terminal, plain text in a pipe."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from numeric.command.account import Account, summary, undecided
from numeric.command.instances import InstanceVerdict
from numeric.command.verify import CaseResult, ClaimResult, Verification
from numeric.judging.verdicts import BoundCheck, Verdict

__all__ = [
    "checks_table",
    "claim_page",
    "claims_markdown",
    "claims_table",
    "console",
    "markdown_row",
    "progress_bar",
    "verification_tables",
]

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


def progress_bar() -> Progress | nullcontext[None]:
    """A progress bar on a terminal, nothing in a pipe."""
    err = console(error=True)
    if not err.is_terminal:
        return nullcontext()
    return Progress(
        TextColumn("{task.description:<34}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
    )


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


WIDE = 132  # columns of a terminal that hold every column of these tables
CASES = ("case", "holds", "violated", "unmet", "unsure", "seconds", "eps²", "commut.", "skew", "offset", "cond.")
CLAIMS = ("claim", "expected", "proof", "holds", "violated", "unmet", "unsure", "bound/obs", "tightest on", "mutants killed")
SPARED = {"expected", "seconds", "eps²", "commut.", "skew", "offset", "cond.", "bound/obs", "tightest on"}  # where it is narrow
WORDS = {"claim", "case", "expected", "proof", "tightest on"}


def verification_tables(outcome: Verification, out: Console) -> None:
    """Cases, claims, and what did not come out as expected; on a narrow terminal what the report has in full is spared."""
    _print_columns(f"Cases (seed {outcome.seed})", CASES, [_case_row(one) for one in outcome.cases], out)
    _print_columns("Claims", CLAIMS, [_claim_row(one) for one in outcome.claims], out)
    for line in outcome.shortfalls:
        out.print(Text("NOT AS EXPECTED  " + line, style="bold red"))
    verdict = {0: "Everything came out as expected.", 1: "Not everything came out as expected.", 3: "Nothing conclusive."}
    style = "bold green" if outcome.exit_status == 0 else "bold red"
    out.print(Text(f"{verdict[outcome.exit_status]} {_summary(outcome)}", style=style))


def _print_columns(title: str, heads: Sequence[str], rows: Sequence[Sequence[Text | str]], out: Console) -> None:
    kept = [place for place, head in enumerate(heads) if out.width >= WIDE or head not in SPARED]
    table = _table(title, *((heads[place], "left" if heads[place] in WORDS else "right") for place in kept))
    for row in rows:
        table.add_row(*(row[place] for place in kept))
    out.print(table)
    out.print()


def _case_row(one: CaseResult) -> list[Text | str]:
    counts = [sum(check.verdict is verdict for check in one.checks) for verdict in STYLES]
    facts = [one.facts.get(key, math.nan) for key in ("ideal_energy", "commutator", "skew", "offset", "condition")]
    shown = ["" if math.isnan(fact) else number(fact) for fact in facts]
    return [one.case.label, *(str(count) for count in counts), f"{one.seconds:.1f}", *shown]


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
    rest = " (no case here decides the others)" if held < wanted and not outcome.shortfalls else ""
    return (
        f"{held} of {wanted} true claims hold on numbers{rest}, "
        f"{proved} of {len(outcome.claims)} statements proved or refuted, "
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


LEGEND = (
    "steps     reduced by the kernel / instances of named theorems and definitions / instances of stated assumptions",
    "refused   mutants that the proof of their claim refuses; each is seen exactly to be false first",
    "nudged    versions with one number of the statement changed; the proof refuses all, but for those counted after a +",
    "rejected  mutants VIOLATED at their falsifying instance by the code that judges measurements; their claim HOLDS at its",
    "          witness. verify asks the same of cases that were measured.",
)
LONGEST = 240  # characters shown of a step that is lacking


def claims_table(found: Sequence[Account], out: Console) -> None:
    """The registry: what is claimed, how it is proved, and what the proof and the numbers refuse."""
    table = _table(
        "Claims",
        ("claim", "left"),
        ("title", "left"),
        ("source", "left"),
        ("kind", "left"),
        ("proof", "left"),
        ("steps", "right"),
        ("refused", "right"),
        ("nudged", "right"),
        ("rejected", "right"),
    )
    for one in found:
        claim, mutants = one.claim, len(one.mutants)
        good = one.proof.status != "conditional" and not one.shortfalls
        survivors = len(one.judgement.survivors)
        table.add_row(
            claim.id,
            claim.title,
            claim.source,
            claim.kind,
            Text(one.proof.status, style="green" if good else "yellow"),
            "/".join(str(count) for count in one.steps),
            f"{len(one.judgement.refused)}/{mutants}",
            f"{one.judgement.nudges}" + (f" +{survivors}" if survivors else ""),
            f"{one.rejected}/{mutants}",
        )
    out.print(table)
    out.print("\n" + "\n".join(LEGEND) + "\n", markup=False)
    for line in summary(found):
        out.print(line, markup=False)
    for instance in undecided(found):
        out.print(f"not decided by the numbers  {instance.id}: {instance.detail}", markup=False)
    for one in found:
        if one.proof.missing:
            lacking = one.proof.missing if len(one.proof.missing) <= LONGEST else one.proof.missing[:LONGEST] + " ..."
            out.print(Text(f"conditional  {one.claim.id}: {lacking}", style="yellow"))
        for line in one.shortfalls:
            out.print(Text("NOT AS EXPECTED  " + line, style="bold red"))


def claims_markdown(found: Sequence[Account]) -> str:
    """The same as the table of the README."""
    head = (
        "| claim | says | source | kind | proof | steps | refused | rejected |",
        "|---|---|---|---|---|---|---|---|",
    )
    return "\n".join((*head, *(markdown_row(one) for one in found), "", *(f"- {line}" for line in summary(found))))


def markdown_row(one: Account) -> str:
    """One line of that table."""
    claim, mutants = one.claim, len(one.mutants)
    cells = (
        f"`{claim.id}`",
        claim.title,
        claim.source,
        claim.kind,
        one.proof.status,
        " / ".join(str(count) for count in one.steps),
        f"{len(one.judgement.refused)}/{mutants}",
        f"{one.rejected}/{mutants}",
    )
    return "| " + " | ".join(cells) + " |"


def claim_page(one: Account, out: Console) -> None:
    """One claim in full: statement, source, assumptions, proof steps, mutants."""
    claim, proof = one.claim, one.proof
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
    alive = ", ".join(one.judgement.survivors) or "none survives"
    tried = f"{one.judgement.nudges} versions with one number changed: {alive}"
    if not one.judgement.nudges:
        tried = "none: the statement holds no number" if proof.status == "proved" else "none: only a proof can be too strong"
    out.print(f"\nnudges     {tried}", markup=False)
    out.print(f"numbers    {_said(one.own)}", markup=False)
    for mutant, instance in zip(claim.mutants, one.mutants, strict=True):
        out.print(f"\nmutant     {mutant.id}: {mutant.title}\n           {mutant.statement}", markup=False)
        if mutant.note:
            out.print(f"           {mutant.note}", markup=False)
        judged = one.judgement
        said = judged.refused[mutant.id] if mutant.id in judged.refused else "NOT REFUSED: " + judged.passed[mutant.id]
        out.print(f"  prover   {said}\n  numbers  {_said(instance)}", markup=False)
    for line in one.shortfalls:
        out.print(Text("NOT AS EXPECTED  " + line, style="bold red"))


def _said(instance: InstanceVerdict) -> str:
    return f"not decided: {instance.detail}" if instance.verdict is None else f"{instance.verdict.value}: {instance.detail}"
