"""Claims and proofs as LaTeX and as Markdown: theorem, assumptions, numbered steps, wrong versions, source.

The fragments use the environments of amsmath and amsthm that ``document`` declares: ``theorem``, ``falseclaim`` (a claim
that is refuted), ``proof`` and ``remark``. Labels are ``claim:ID``; sources are cited by the keys of ``references.bib``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import sympy as sp

from theory import symbols
from theory._arguments import sequence
from theory.claim import INDICES, Assumption, Claim, Proof, Step, conjuncts
from theory.notation import FUNCTIONS, INDEXED, latex, name, plain, prose

__all__ = ["KEYS", "claim_latex", "claim_markdown", "document", "proof_latex", "proof_markdown"]

KEYS: Final = ("KTV-A", "KTV-B", "KTV-C", "Davis", "SHU", "GER", "DD", "HXC", "PG")
"""Keys of ``references.bib``: where a source or a reference names one, it is cited."""

WIDE: Final = 170  # characters of LaTeX from which a relation is broken before its sign, and a sum between its terms
LONGEST_VALUE: Final = 160  # characters of LaTeX up to which a value of a falsifying instance is printed
MEANINGS: Final = {
    "law": "the law $p^i$ of generation $i$",
    "data": "the data law $p$",
    "mixture": "what round $i$ trains on",
    "excess": "$p^i/p - 1$",
    "novelty": "$(p^{i+1} - q_i)/p$",
    "weight": "the density of the learned path law against the ideal one",
    "energy": r"$\int |e_t|^2\,dt$ along a path",
    "martingale": r"$\int e_t\,dB_t$ along a path",
    "ratio": "the density of the learned endpoint against the ideal one",
    "seen": r"$\mathbb{E}[M \mid Y_{t_0}]$",
    "davis_constant": r"Davis's constant, the largest zero of the parabolic cylinder function $D_p$",
}
"""What the random variables inside proofs are; a mean is taken over the sample point, which is not printed."""


# --- LaTeX -----------------------------------------------------------------------------------------------------------
def claim_latex(claim: Claim) -> str:
    """A claim as a theorem: assumptions with their formulas, statement, source, note; then its wrong versions as remarks.

    Arguments:
        claim: any Claim. One that is expected to be false becomes a ``falseclaim``. Nothing is proved here.

    Raises:
        TypeError: if ``claim`` is no Claim.

    Example:
        >>> import theory
        >>> print(claim_latex(theory.claim("refresh")).splitlines()[0])
        \\begin{theorem}[{Mixing with fresh data contracts $\\chi^2$ by exactly $(1 - \\alpha)^2$}]\\label{claim:refresh}
    """
    _claim("claim", claim)
    kind = "theorem" if claim.expected == "true" else "falseclaim"
    lines = [rf"\begin{{{kind}}}[{{{prose(claim.title)}}}]\label{{claim:{claim.id}}}"]
    if claim.assumptions:
        lines += ["Assume the following.", r"\begin{itemize}"]
        lines += [_assumption(assumption) for assumption in claim.assumptions]
        lines += [r"\end{itemize}", "Then" + _everywhere(claim)]
    else:
        lines.append("One has" + _everywhere(claim))
    lines += _display(claim.statement)
    lines.append(rf"\textup{{Source: {_cited(claim.source)}.}}")
    if claim.note:
        lines.append(rf"\textup{{{prose(claim.note)}}}")
    lines.append(rf"\end{{{kind}}}")
    for mutant in claim.mutants:
        lines += _remark(claim, mutant)
    return "\n".join(lines) + "\n"


def proof_latex(claim_or_proof: Claim | Proof) -> str:
    """A proof with its numbered steps: what each rests on (checked, cited with its reference, assumed) and its relation.

    Arguments:
        claim_or_proof: a Proof, or a Claim, which is proved first.

    Raises:
        TypeError: if ``of`` is neither.
    """
    if isinstance(claim_or_proof, Claim):
        return _proved(claim_or_proof, claim_or_proof.prove())
    if isinstance(claim_or_proof, Proof):
        return _proved(None, claim_or_proof)
    raise TypeError(f"claim_or_proof must be a Claim or a Proof, got {type(claim_or_proof).__name__}")


def _proved(claim: Claim | None, proof: Proof) -> str:
    """A proof, with a reference to the claim where it is known."""
    heading = {"proved": "Proof", "refuted": "Refutation", "conditional": "Incomplete proof"}[proof.status]
    whose = f" of Theorem~\\ref{{claim:{claim.id}}}" if claim is not None and claim.expected == "true" else ""
    if claim is not None and claim.expected == "false":
        whose = f" of Claim~\\ref{{claim:{claim.id}}}"
    lines = [rf"\begin{{proof}}[{heading}{whose} ({_tally(proof)})]", r"\leavevmode"]
    if proof.steps:
        lines.append(r"\begin{enumerate}")
        for step in proof.steps:
            lines.append(rf"\item {_said(step)}")
            lines += _display(step.relation)
        lines.append(r"\end{enumerate}")
    if proof.missing:
        lines.append(f"Still lacking: {prose(proof.missing)}.")
    if proof.status == "refuted" and proof.witness is not None:
        asked = set() if claim is None else _mentioned(claim.statement)
        lines.append(f"The statement fails, while all assumptions hold, at {_instance(proof.witness, asked)}.")
    lines.append(r"\end{proof}")
    return "\n".join(lines) + "\n"


def document(claims: Iterable[Claim], proofs: Mapping[str, Proof] | None = None) -> str:
    """A whole LaTeX document (article, amsmath, amsthm): notation, then every claim with its proof.

    Arguments:
        claims: those without an entry in ``proofs`` are proved; all of them take some twenty seconds.
        proofs: by the id of the claim.

    Raises:
        TypeError: if an entry is no Claim.
    """
    listed = sequence("claims", claims, "claims")
    for claim in listed:
        _claim("claims", claim)
    if proofs is not None and not isinstance(proofs, Mapping):
        raise TypeError(f"proofs must be a mapping from ids to proofs or None, got {type(proofs).__name__}")
    done = {} if proofs is None else proofs
    body = [f"{claim_latex(claim)}\n{_proved(claim, done.get(claim.id) or claim.prove())}" for claim in listed]
    return "\n".join([PREAMBLE, *_notation(listed), r"\section*{Claims}", "", *body, ENDING])


PREAMBLE: Final = r"""\documentclass[10pt]{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=25mm]{geometry}
\usepackage{amsmath,amssymb,amsthm}
\allowdisplaybreaks
\theoremstyle{plain}
\newtheorem{theorem}{Theorem}
\newtheorem{falseclaim}[theorem]{False claim}
\theoremstyle{remark}
\newtheorem*{remark}{Wrong version}
\title{Error propagation in recursively trained diffusion models: claims and proofs}
\author{driftbound}
\date{}
\begin{document}
\maketitle
\noindent Steps of a proof are \emph{checked} (reduced by the kernel), \emph{cited} (a named theorem applied to earlier
steps) or \emph{assumed} (an instance of a stated assumption). Logarithms are natural; divergences take the learned law first.
"""
ENDING: Final = r"""\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


def _claim(argument: str, value: object) -> Claim:
    if not isinstance(value, Claim):
        raise TypeError(f"{argument} must be a Claim, got {type(value).__name__}")
    return value


def _assumption(assumption: Assumption) -> str:
    text = rf"\item[\textup{{({plain(assumption.name)})}}] {prose(assumption.text)}"
    if assumption.formula is None:
        return text
    said = conjuncts(assumption.formula)
    if isinstance(assumption.condition, sp.StrictLessThan) and assumption.condition.rhs is sp.oo:
        said = (*said, assumption.condition)  # proofs reason about numbers, for which finiteness goes without saying
    shown = r",\quad ".join(latex(part) for part in said)
    over = ", ".join(latex(index) for index in assumption.over or ())
    if len(shown) > WIDE // 3:
        everywhere = rf" \qquad\text{{for all }} {over}" if over else ""
        return f"{text}\n\\[{shown}{everywhere}\\]"
    return f"{text}\n${shown}${f' for all ${over}$' if over else ''}."


def _everywhere(claim: Claim) -> str:
    """The quantifiers that the free indices of a statement stand for."""
    free = [latex(index) for index in INDICES if index in claim.statement.free_symbols]
    return f", for all ${', '.join(free)}$," if free else ""


def _display(statement: Any) -> list[str]:
    """A relation, or several, as a display; what is too wide is broken."""
    parts = conjuncts(statement) if isinstance(statement, sp.And) else (statement,)
    rows = [row for part in parts for row in _rows(part)]
    if len(rows) == 1:
        return [r"\[", rows[0].replace("&", ""), r"\]"]
    return [r"\begin{align*}", " \\\\\n".join(rows), r"\end{align*}"]


def _rows(relation: Any) -> Iterator[str]:
    """The lines of one relation: in one piece, or side by side, long sums term by term."""
    whole = latex(relation)
    if len(whole) <= WIDE or not isinstance(relation, sp.core.relational.Relational):
        yield f"& {whole}"
        return
    sides = [list(_pieces(side)) for side in (relation.lhs, relation.rhs)]
    sign = _SIGNS[relation.rel_op]
    for number, side in enumerate(sides):
        for place, piece in enumerate(side):
            yield (f"& {piece}" if number == 0 else f"&\\quad {sign} {piece}") if place == 0 else f"&\\qquad {piece}"


_SIGNS: Final = {"==": "=", "<=": r"\leq", "<": "<", ">=": r"\geq", ">": ">", "!=": r"\neq"}


def _pieces(side: sp.Expr) -> Iterator[str]:
    """A side in lines of about ``WIDE`` characters, broken between the terms of a sum."""
    if not isinstance(side, sp.Add) or len(latex(side)) <= WIDE:
        yield latex(side)
        return
    line = ""
    for term in side.args:
        printed = latex(term)
        signed = printed if printed.startswith("-") else f"+ {printed}"
        if line and len(line) + len(signed) > WIDE:
            yield line
            line = signed
        else:
            line = f"{line} {signed}" if line else signed.removeprefix("+ ") if side.args[0] is term else signed
    yield line


def _said(step: Step) -> str:
    """What a step does, and what it rests on."""
    if step.kind == "checked":
        return f"{prose(step.text)} \\textup{{(checked)}}"
    if step.kind == "assumed":
        return f"{prose(step.text)} \\textup{{(assumed: {plain(step.reference)})}}"
    return f"{prose(step.text)} \\textup{{(cited: {_cited(step.reference)})}}"


def _tally(proof: Proof) -> str:
    """How many steps of each kind."""
    counts = [(sum(step.kind == kind for step in proof.steps), kind) for kind in ("checked", "cited", "assumed")]
    return ", ".join(f"{count} {kind}" for count, kind in counts if count) or "no steps"


def _cited(source: str) -> str:
    """A source with its keys cited, a location behind a key inside the citation."""
    location = r"(?:, ((?:Prop\.|Thm|Def\.|Cor\.|Theorem|section) ?[0-9.]*[0-9]))?"
    out, end = [], 0
    for found in re.finditer(rf"\b({'|'.join(map(re.escape, KEYS))})\b(?: (?:19|20)\d\d)?{location}", source):
        where = found.group(2)
        key = found.group(1)
        out += [
            prose(source[end : found.start()]),
            rf"\cite[{where.replace(' ', '~')}]{{{key}}}" if where else rf"\cite{{{key}}}",
        ]
        end = found.end()
    return "".join([*out, prose(source[end:])])


def _remark(claim: Claim, mutant: Claim) -> list[str]:
    """A wrong version: what differs, and exact values at which it fails."""
    lines = [rf"\begin{{remark}}[{plain(mutant.id.rpartition('/')[2])}]\label{{claim:{mutant.id}}}"]
    if mutant.title != claim.title:
        lines.append(f"{prose(mutant.title)}.")
    if mutant.statement != claim.statement:
        lines += [f"False is{_everywhere(mutant)}", *_display(mutant.statement)]
    changed = list(_changes(claim, mutant))
    if changed:
        lines.append("; ".join(changed) + ".")
    if mutant.falsified_by is not None:
        lines.append(f"It fails at {_instance(mutant.falsified_by, _mentioned(mutant.statement))}.")
    if mutant.note:
        lines.append(f"{prose(mutant.note)}")
    return [*lines, r"\end{remark}"]


def _changes(claim: Claim, mutant: Claim) -> Iterator[str]:
    """Which assumptions a wrong version drops, adds or alters."""
    before = {assumption.name: assumption for assumption in claim.assumptions}
    after = {assumption.name: assumption for assumption in mutant.assumptions}
    for key in before:
        if key not in after:
            yield f"Without the assumption ({plain(key)})"
    for key, assumption in after.items():
        if before.get(key) == assumption:
            continue
        formula = f": {prose(assumption.text)}" if assumption.formula is None else f": ${latex(assumption.formula)}$"
        yield f"With another assumption ({plain(key)}){formula}"


def _mentioned(statement: sp.Basic) -> set[Any]:
    """The symbols and indexed quantities that a statement speaks of."""
    bases = statement.atoms(sp.IndexedBase)
    labels = {base.label for base in bases}
    return {*bases, *(symbol for symbol in statement.free_symbols if isinstance(symbol, sp.Symbol) and symbol not in labels)}


def _instance(case: Any, asked: set[Any]) -> str:
    """Values of the quantities that a statement speaks of (all symbols where none is named), as far as they can be read."""
    shown, hidden = [], False
    for key, value in case.items():
        if not isinstance(key, (sp.Symbol, sp.IndexedBase)) or (asked and key not in asked):
            hidden = True
            continue
        printed = _value(value)
        if len(printed) > LONGEST_VALUE:
            hidden = True
            continue
        shown.append(f"${name(key)} = {printed}$")
    text = ", ".join(shown) or "an exact case"
    return f"{text} (and the laws behind them)" if hidden and shown else text


def _value(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return rf"({', '.join(_value(entry) for entry in value)})"
    number = sp.sympify(value)
    if isinstance(number, sp.Lambda):
        variables = ", ".join(latex(variable) for variable in number.variables)
        return rf"({variables} \mapsto {latex(number.expr)})"
    return latex(number)


def _notation(claims: tuple[Claim, ...]) -> list[str]:
    """The quantities that the claims measure, and the random variables inside their proofs."""
    measured = frozenset().union(*(claim.measured for claim in claims)) if claims else frozenset()
    rows = []
    for symbol in symbols.LATEX:
        label = str(symbol.label) if isinstance(symbol, sp.IndexedBase) else symbol.name
        if label in measured:
            indices = tuple(sp.Symbol(letter) for letter in "ik")
            count = 2 if "#2" in INDEXED.get(symbol, "") or label == "gram" else 1
            printed = latex(symbol[indices[:count]]) if isinstance(symbol, sp.IndexedBase) else latex(symbol)
            rows.append(rf"${printed}$ & \texttt{{{label.replace('_', chr(92) + '_')}}} \\")
    if not rows:
        return []
    inside = [rf"${FUNCTIONS[key].replace('#1', 'i')}$ & {meaning} \\" for key, meaning in MEANINGS.items()]
    return [
        r"\section*{Notation}",
        r"Measured quantities, with the names under which the software computes them:",
        r"\begin{center}\small\begin{tabular}{ll}",
        *rows[: (len(rows) + 1) // 2],
        r"\end{tabular}\quad\begin{tabular}{ll}",
        *rows[(len(rows) + 1) // 2 :],
        r"\end{tabular}\end{center}",
        r"Inside proofs ($\mathbb{E}$ is the mean over the sample point, which is not printed):",
        r"\begin{center}\small\begin{tabular}{ll}",
        *inside,
        r"\end{tabular}\end{center}",
    ]


# --- Markdown --------------------------------------------------------------------------------------------------------
def claim_markdown(claim: Claim) -> str:
    """A claim for a notebook: title, assumptions, statement and source in Markdown with formulas between dollars.

    Raises:
        TypeError: if ``claim`` is no Claim.
    """
    _claim("claim", claim)
    kind = "Theorem" if claim.expected == "true" else "False claim"
    lines = [f"**{kind}** ({prose(claim.title, markdown=True)}; `{claim.id}`)", ""]
    if claim.assumptions:
        lines += ["Assume", ""]
        for assumption in claim.assumptions:
            over = ", ".join(latex(index) for index in assumption.over or ())
            parts = [] if assumption.formula is None else [f"${latex(part)}$" for part in conjuncts(assumption.formula)]
            formula = f": {', '.join(parts)}{f' for all ${over}$' if over else ''}" if parts else ""
            text = prose(assumption.text.rstrip(".") if parts else assumption.text, markdown=True)
            lines.append(f"- *{plain(assumption.name, markdown=True)}* — {text}{formula}")
        lines += ["", f"Then{_everywhere(claim)}", ""]
    for part in conjuncts(claim.statement):
        lines += [f"$${latex(part)}$$", ""]
    lines.append(f"Source: {prose(claim.source, markdown=True)}.")
    if claim.note:
        lines.append(prose(claim.note, markdown=True))
    return "\n".join(lines) + "\n"


def proof_markdown(proof: Proof) -> str:
    """A proof for a notebook: its status, and its numbered steps with their relations.

    Raises:
        TypeError: if ``proof`` is no Proof.
    """
    if not isinstance(proof, Proof):
        raise TypeError(f"proof must be a Proof, got {type(proof).__name__}")
    lines = [f"**{proof.status.capitalize()}** ({_tally(proof)})", ""]
    for number, step in enumerate(proof.steps, start=1):
        said = plain if step.kind == "assumed" else prose
        rests = f": {said(step.reference, markdown=True)}" if step.reference else ""
        lines.append(f"{number}. {prose(step.text, markdown=True)} (*{step.kind}{rests}*)  ")
        lines.append(f"   ${latex(step.relation)}$")
    if proof.missing:
        lines += ["", f"Still lacking: {prose(proof.missing, markdown=True)}."]
    return "\n".join(lines) + "\n"
