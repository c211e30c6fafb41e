"""Exit statuses, and what a set of checks amounts to."""

from __future__ import annotations

from numeric.judging.verdicts import BoundCheck, Verdict

__all__ = ["BAD_INPUT", "FAILED", "INCONCLUSIVE", "OK", "check_status", "verdict_line"]

OK, FAILED, BAD_INPUT, INCONCLUSIVE = 0, 1, 2, 3


def verdict_line(checks: tuple[BoundCheck, ...]) -> str:
    """How many checks came out how, in one line."""
    counts = {verdict: sum(check.verdict is verdict for check in checks) for verdict in Verdict}
    return (
        ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
        or "no claim can be formed from these columns"
    )


def check_status(checks: tuple[BoundCheck, ...]) -> int:
    """The exit status that the verdicts call for."""
    found = {check.verdict for check in checks}
    if Verdict.VIOLATED in found:
        return FAILED
    return OK if Verdict.HOLDS in found else INCONCLUSIVE
