"""What claims say, as a section of a page: title, formula, source."""

from __future__ import annotations

from collections.abc import Iterable

import theory
from numeric.command import html
from numeric.command.html import Raw
from numeric.command.mathml import formula, sentence

__all__ = ["claim_link", "statements"]


def statements(ids: Iterable[str]) -> Raw:
    """The statements of these claims, each with an anchor that ``claim_link`` leads to."""
    parts = []
    for one in ids:
        claim = theory.claim(one)
        parts.append(
            f'<h3 id="claim-{html.text(claim.id)}">{html.text(claim.id)}</h3>'
            + html.paragraph(Raw(sentence(claim.title)))
            + "".join(f'<div class="formula">{formula(part, block=True)}</div>' for part in theory.conjuncts(claim.statement))
            + html.paragraph(f"Source: {claim.source}")
        )
    return Raw("".join(parts))


def claim_link(one: str) -> Raw:
    """A link to the statement of a claim on the same page."""
    return Raw(f'<a href="#claim-{html.text(one)}">{html.text(one)}</a>')
