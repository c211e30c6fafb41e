"""Named theorems: a schema reads its premises and writes its conclusion; the step is reported as "cited"."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import sympy as sp

from theory.kernel.facts import Fact, Relation, as_relation, genuine, make_fact
from theory.kernel.language import ProofError
from theory.kernel.primitives import linear_mean
from theory.kernel.signs import check_defined

__all__ = ["CAUCHY_SCHWARZ", "Theorem", "cited"]


@dataclass(frozen=True)
class Theorem:
    """A named theorem as a schema: ``schema(*facts, **terms)`` checks its premises and writes its conclusion.

    A premise that is not met must raise ProofError. A constant of one particular claim never belongs in a schema.
    """

    name: str
    reference: str
    schema: Callable[..., Any]


def cited(theorem: Theorem, *facts: Fact, text: str = "", **terms: Any) -> Fact:
    """The conclusion of a named theorem for the given premises and terms; reported as a "cited" step."""
    if not isinstance(theorem, Theorem):
        raise ProofError(f"cited takes a Theorem, got {theorem!r}")
    for fact in facts:
        genuine(fact)
    expressions = {name: sp.sympify(term) for name, term in terms.items()}
    for term in expressions.values():
        check_defined(term)
    conclusion = as_relation(theorem.schema(*facts, **expressions))
    return make_fact(conclusion, facts, text or theorem.name, kind="cited", reference=theorem.reference)


def _cauchy_schwarz(*, u: sp.Expr, v: sp.Expr) -> Relation:
    return Relation(linear_mean(u * v) ** 2, "<=", linear_mean(u**2) * linear_mean(v**2))


CAUCHY_SCHWARZ: Final = Theorem(
    "Cauchy-Schwarz", "mean(u v)^2 <= mean(u^2) mean(v^2) for square-integrable u, v", _cauchy_schwarz
)
