"""How a page marks a verdict, and the sentence that it opens with."""

from __future__ import annotations

from typing import Final

from numeric.command import html
from numeric.command.html import Raw
from numeric.command.status import FAILED, INCONCLUSIVE, OK
from numeric.judging.verdicts import Verdict

__all__ = ["STYLES", "lead"]

STYLES: Final = {
    Verdict.HOLDS: "good",
    Verdict.VIOLATED: "bad",
    Verdict.ASSUMPTION_FAILS: "caution",
    Verdict.INCONCLUSIVE: "open",
}


def lead(status: int, subject: str) -> Raw:
    """The first sentence of a page about ``subject`` (a plural), from the exit status of the command."""
    sentence, style = {
        OK: (f"Every claim that these {subject} decide holds.", "good"),
        FAILED: (f"A claim is violated by these {subject}.", "bad"),
        INCONCLUSIVE: (f"These {subject} decide no claim.", "caution"),
    }[status]
    return html.paragraph(sentence, f"verdict {style}")
