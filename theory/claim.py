"""What a claim, an assumption, a proof and a step of a proof are.

A :class:`Claim` is one theorem in one place: its statement (a sympy relation between measured quantities), where it comes
from, what it assumes, the wrong versions of it that must be refused (mutants), and the script that proves it. The statement
that ``prove`` establishes is the very object that ``numeric`` evaluates; nothing is retyped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

import sympy as sp
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean

from theory import symbols
from theory._arguments import shown

if TYPE_CHECKING:
    from theory.proof import Fact

Kind = Literal["upper", "lower", "equality", "limit", "equivalence"]
Expected = Literal["true", "false"]
Status = Literal["proved", "refuted", "conditional"]
StepKind = Literal["checked", "cited", "assumed"]
Case = Mapping[Any, Any]
"""Exact values: symbol -> number; IndexedBase or undefined function -> nested tuples (a finite case) or a sympy Lambda."""
Script = Callable[["Claim"], "Proof"]

KINDS: Final = ("upper", "lower", "equality", "limit", "equivalence")
INDICES: Final = (symbols.i, symbols.j, symbols.k, symbols.N)
"""Index symbols; free in a formula they mean "for every round" (i, j, k) and "for every number of rounds" (N)."""


def _text(owner: str, name: str, value: object, *, empty: bool = False) -> None:
    """Refuse anything but a string, and an empty one unless ``empty``."""
    if not isinstance(value, str):
        raise TypeError(f"{owner}: {name} must be a string, got {type(value).__name__}")
    if not value.strip() and not empty:
        raise ValueError(f"{owner}: {name} must not be empty")


def _counts(symbol: object) -> bool:
    """True for a symbol whose domain is 0, 1, 2, ... or 1, 2, 3, ...: the domains that a finite case runs through."""
    domains = ({"integer": True, "nonnegative": True}, {"integer": True, "positive": True})
    if type(symbol) not in (sp.Symbol, sp.Dummy):
        return False
    return {key: value for key, value in symbol._assumptions_orig.items() if key != "commutative"} in domains  # type: ignore[attr-defined]


def conjuncts(statement: Boolean) -> tuple[Relational, ...]:
    """The relations that a statement asserts together: the arguments of an ``And``, or the single relation."""
    parts = statement.args if isinstance(statement, sp.And) else (statement,)
    for part in parts:
        if not isinstance(part, Relational):
            raise ValueError(f"statement must be a relation or an And of relations, got {shown(part)}")
    return tuple(parts)


@dataclass(frozen=True)
class Assumption:
    """A named hypothesis of a claim.

    ``condition`` is what ``numeric`` evaluates on a concrete case (``None``: structural, in words only). ``formula`` is what
    a proof may instantiate (default: the condition); it may speak of functions of the sample point (``theory.proof.omega``).
    ``over`` are the symbols for all of whose values the formula is assumed (default: the index symbols it contains).
    """

    name: str
    text: str
    condition: Boolean | None = None
    formula: Boolean | None = None
    over: tuple[sp.Symbol, ...] | None = None

    def __post_init__(self) -> None:
        """Validate, and fill in ``formula`` and ``over``."""
        _text("assumption", "name", self.name)
        _text(f"assumption {self.name}", "text", self.text)
        for label, value in (("condition", self.condition), ("formula", self.formula)):
            if value is None:
                continue
            if not isinstance(value, Boolean):
                raise TypeError(f"assumption {self.name}: {label} must be a sympy relation or None, got {type(value).__name__}")
            for relation in conjuncts(value):
                if relation.has(sp.Float):
                    raise ValueError(f"assumption {self.name}: {label} must be exact, got the float relation {relation}")
        if self.formula is None and self.condition is not None:
            object.__setattr__(self, "formula", self.condition)
        if self.over is None:
            free: set[sp.Symbol] = set() if self.formula is None else self.formula.free_symbols
            object.__setattr__(self, "over", tuple(index for index in INDICES if index in free))
        elif not isinstance(self.over, tuple) or not all(_counts(s) for s in self.over):
            raise TypeError(f"assumption {self.name}: over must be a tuple of integer symbols from 0 or 1 on, got {self.over}")


@dataclass(frozen=True)
class Step:
    """One step that the conclusion of a proof uses.

    ``kind``: "checked", a kernel primitive reduced it in this call; "cited", a named theorem (``reference``) applied to
    earlier steps; "assumed", an instance of a stated assumption (``reference`` is its name).
    """

    text: str
    kind: StepKind
    expression: sp.Expr
    relation: Boolean
    reference: str = ""


@dataclass(frozen=True, eq=False)
class Proof:
    """The outcome of ``Claim.prove``.

    ``status``: "proved"; "refuted" (``witness`` is an exact case where the assumptions hold and the statement fails);
    "conditional" (``missing`` names the step still lacking). ``steps`` are only those that the conclusion uses.
    """

    status: Status
    steps: tuple[Step, ...]
    missing: str = ""
    witness: Case | None = None

    def __post_init__(self) -> None:
        """Refuse a status without its evidence."""
        if self.status not in ("proved", "refuted", "conditional"):
            raise ValueError(f"proof: status must be proved, refuted or conditional, got {self.status!r}")
        if (self.status == "conditional") != bool(self.missing):
            raise ValueError("proof: missing must be given exactly when the status is conditional")
        if self.status == "refuted" and self.witness is None:
            raise ValueError("proof: witness must be given when the status is refuted")

    def _repr_markdown_(self) -> str:
        """The numbered steps, as a notebook shows them."""
        from theory.export import proof_markdown  # the export imports this module

        return proof_markdown(self)


@dataclass(frozen=True, eq=False)
class Claim:
    """A statement about measured quantities, with everything needed to judge it.

    ``statement``: the measured quantity on the left, the bound on the right. A free ``i`` reads "for every round", a free
    ``N`` "for every number of rounds". ``source``: bibliography key and location, or "driftbound". ``witness``: exact values
    at which all assumptions hold together (contradictory assumptions would prove anything). ``falsified_by``: exact values at
    which the assumptions hold and the statement fails (mutants, and claims expected to be false). ``script``: the proof.
    """

    id: str
    title: str
    kind: Kind
    statement: Boolean
    source: str
    assumptions: tuple[Assumption, ...] = ()
    expected: Expected = "true"
    mutants: tuple[Claim, ...] = ()
    note: str = ""
    numeric_side: bool = True
    script: Script | None = field(default=None, repr=False)
    missing: str = ""
    witness: Case | None = field(default=None, repr=False)
    falsified_by: Case | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Validate every field; each error names it."""
        _text("claim", "id", self.id)
        owner = f"claim {self.id}"
        for name in ("title", "source"):
            _text(owner, name, getattr(self, name))
        for name in ("note", "missing"):
            _text(owner, name, getattr(self, name), empty=True)
        if self.kind not in KINDS:
            raise ValueError(f"{owner}: kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.expected not in ("true", "false"):
            raise ValueError(f"{owner}: expected must be 'true' or 'false', got {self.expected!r}")
        if not isinstance(self.statement, Boolean):
            raise TypeError(f"{owner}: statement must be a sympy relation, got {type(self.statement).__name__}")
        for relation in conjuncts(self.statement):
            if relation.has(sp.Float):
                raise ValueError(f"{owner}: statement must be exact, got a float in {relation}")
        for name, kind in (("assumptions", Assumption), ("mutants", Claim)):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(type(entry) is kind for entry in value):
                raise TypeError(f"{owner}: {name} must be a tuple of {kind.__name__} objects, got {shown(value)}")
        names = [assumption.name for assumption in self.assumptions]
        if len(set(names)) != len(names):
            raise ValueError(f"{owner}: assumptions must have different names, got {', '.join(names)}")
        if self.script is not None and not callable(self.script):
            raise TypeError(f"{owner}: script must be callable, got {type(self.script).__name__}")
        for name in ("witness", "falsified_by"):
            value = getattr(self, name)
            if value is not None:
                if not isinstance(value, Mapping):
                    raise TypeError(f"{owner}: {name} must be a mapping from symbols to exact values, got {shown(value)}")
                object.__setattr__(self, name, MappingProxyType(dict(value)))

    @property
    def latex(self) -> str:
        """The statement in LaTeX, with the names of ``symbols.LATEX``."""
        names = {}
        for symbol, name in symbols.LATEX.items():
            names[symbol.label if isinstance(symbol, sp.IndexedBase) else symbol] = name
        return str(sp.latex(self.statement, symbol_names=names))

    def _repr_markdown_(self) -> str:
        """The theorem, as a notebook shows it."""
        from theory.export import claim_markdown  # the export imports this module

        return claim_markdown(self)

    @property
    def measured(self) -> frozenset[str]:
        """Names of the measured quantities that statement and conditions mention (index symbols left out)."""
        formulas = [self.statement, *(a.condition for a in self.assumptions if a.condition is not None)]
        found: set[str] = set()
        for formula in formulas:
            bases = formula.atoms(sp.IndexedBase)
            found |= {str(base.label) for base in bases}
            labels = {base.label for base in bases}
            found |= {s.name for s in formula.free_symbols if isinstance(s, sp.Symbol) and s not in labels and s not in INDICES}
        return frozenset(found)

    def assumption(self, name: str) -> Assumption:
        """The assumption of that name; KeyError lists those there are."""
        _text(f"claim {self.id}", "name", name, empty=True)
        for assumption in self.assumptions:
            if assumption.name == name:
                return assumption
        have = ", ".join(a.name for a in self.assumptions) or "none"
        raise KeyError(f"claim {self.id} has no assumption {shown(name)}; it has: {have}")

    def assume(self, name: str, **instance: sp.Expr) -> Fact:
        """Instance of the stated assumption ``name``, e.g. ``claim.assume("recursion", i=n)``; a proof's only way to assume."""
        from theory import proof  # the kernel imports this module

        return proof.assume(self, name, **instance)

    def prove(self) -> Proof:
        """Run the proof script through the kernel. A refused step makes the result conditional and is named in ``missing``."""
        from theory import proof

        return proof.run(self)


def with_mutants(claim: Claim, *mutants: dict[str, Any]) -> Claim:
    """The claim with its wrong versions; each names what differs, its falsifying case, and the kind of case that shows it."""
    made = []
    for mutant in mutants:
        changes = {key: value for key, value in mutant.items() if key != "id"}
        changes.setdefault("expected", "false")
        made.append(replace(claim, id=f"{claim.id}/{mutant['id']}", script=None, mutants=(), witness=None, **changes))
    return replace(claim, mutants=tuple(made))


def without(assumptions: tuple[Assumption, ...], *names: str) -> tuple[Assumption, ...]:
    """The assumptions but those of these names."""
    return tuple(a for a in assumptions if a.name not in names)
