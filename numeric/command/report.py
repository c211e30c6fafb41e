"""``report.json``: everything a run found, with what is needed to run it again. Written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from numeric.command.suite.case import Result
from numeric.command.verify import ClaimResult, Verification
from numeric.estimate import Estimate
from numeric.generations.generation import Generation
from numeric.judging.verdicts import BoundCheck
from numeric.recursions.recursion import Recursion

__all__ = ["as_json", "checks_json", "environment", "verification_json", "write_text"]


def environment() -> dict[str, str]:
    """Versions that the numbers depend on."""
    names = ("driftbound", "numpy", "scipy", "sympy", "scikit-learn")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def verification_json(outcome: Verification, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The whole run: cases with their quantities, claims with proofs and mutants, every check."""
    return {
        "command": "verify",
        "arguments": dict(arguments),
        "seed": outcome.seed,
        "environment": environment(),
        "seconds": round(outcome.seconds, 2),
        "exit_status": outcome.exit_status,
        "not_as_expected": list(outcome.shortfalls),
        "claims": [_claim_json(one) for one in outcome.claims],
        "cases": [
            {
                "group": one.case.group,
                "label": one.case.label,
                "purpose": one.case.purpose,
                "seconds": round(one.seconds, 3),
                "facts": one.facts,
                "quantities": _quantities(one.result),
                "checks": checks_json(one.checks),
            }
            for one in outcome.cases
        ],
    }


def _claim_json(one: ClaimResult) -> dict[str, Any]:
    steps = [step.kind for step in one.proof.steps]
    return {
        "id": one.claim.id,
        "title": one.claim.title,
        "source": one.claim.source,
        "kind": one.claim.kind,
        "statement": str(one.claim.statement),
        "latex": one.claim.latex,
        "expected": one.claim.expected,
        "proof": {
            "status": one.proof.status,
            "checked": steps.count("checked"),
            "cited": steps.count("cited"),
            "assumed": steps.count("assumed"),
            "missing": one.proof.missing,
        },
        "numeric_side": one.claim.numeric_side,
        "verdicts": {verdict.value: count for verdict, count in one.counts.items()},
        "tightness": one.tightness,
        "tightest_on": one.tightest,
        "violated_on": one.violated_on,
        "mutants": [{"id": m.id, "title": m.title, "violated_on": m.killed_by} for m in one.mutants],
    }


def checks_json(checks: Sequence[BoundCheck]) -> list[dict[str, Any]]:
    """Checks as plain dicts, in order."""
    names = ("claim", "generation", "kind", "observed", "bound", "margin")
    return [
        {**{name: getattr(check, name) for name in names}, "verdict": check.verdict.value, "detail": check.detail}
        for check in checks
    ]


def _quantities(result: Result) -> dict[str, Any]:
    skipped: tuple[str, ...]
    if isinstance(result, Generation):
        skipped = ("target", "error", "process", "endpoint", "ideal_endpoint")
    elif isinstance(result, Recursion):
        skipped = ("target", "laws", "mixtures", "channel", "alpha")
    else:
        skipped = ("target", "process")
    return {name: value for name, value in vars(result).items() if name not in skipped and not name.startswith("_")}


def as_json(content: object) -> str:
    """Strict JSON: infinities and NaN as the strings "inf", "-inf" and "nan"."""
    return json.dumps(_plain(content), indent=1, allow_nan=False)


def _plain(value: object) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(entry) for name, entry in value.items()}
    if isinstance(value, Estimate):
        return {name: _plain(getattr(value, name)) for name in ("value", "stderr", "n", "ess")}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    return value if value is None or isinstance(value, str) else str(value)


def write_text(path: Path, text: str) -> None:
    """Write beside the file and move into place, so that an interrupt leaves the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
