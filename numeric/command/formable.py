"""Which claims a table of measurements can be held against, and which column would bring in another."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import sympy as sp

import theory
from theory import symbols

__all__ = ["formable", "next_columns"]

MEASURABLE = (
    "ideal_energy",
    "learned_energy",
    "observability",
    "path_chi2",
    "intra_chi2",
    "intra_kl",
    "divergence",
    "mmd",
    "smoothing_mmd",
)
GIVES: dict[frozenset[str], frozenset[str]] = {  # columns -> the quantities of the claims that follow from them
    frozenset({"ideal_energy"}): frozenset({"ideal_energy", "ideal_energies"}),
    frozenset({"learned_energy"}): frozenset({"learned_energy", "learned_energies"}),
    frozenset({"observability"}): frozenset({"observability", "observabilities"}),
    frozenset({"path_chi2"}): frozenset({"path_chi2"}),
    frozenset({"intra_chi2"}): frozenset({"chi2", "intra"}),
    frozenset({"intra_kl"}): frozenset({"kl"}),
    frozenset({"divergence"}): frozenset({"divergence"}),
    frozenset({"mmd"}): frozenset({"mmd"}),
    frozenset({"smoothing_mmd"}): frozenset({"smoothing_mmd"}),
    frozenset({"ideal_energy", "observability"}): frozenset({"visible_energy"}),
    frozenset({"path_chi2", "ideal_energy", "learned_energy"}): frozenset({"remainder"}),
}
INDICES = frozenset({symbols.i, symbols.j, symbols.k, symbols.N})


def formable(columns: Iterable[str], *, fresh_fraction: bool = True, constant: bool = True) -> tuple[str, ...]:
    """Ids of the claims expected true that these columns can decide: at least one relation, and every hypothesis in numbers.

    Args:
        columns: names of measurement columns.
        fresh_fraction: whether rounds have a fresh fraction (not so when all earlier data is kept).
        constant: whether it is the same in every round, and not 0.
    """
    have = set(columns)
    names = {name for needed, given in GIVES.items() if needed <= have for name in given} | {
        "initial_kl",
        "accumulates",
        "kernel_range",
    }
    if fresh_fraction:
        names.add("fresh_fraction")
        if constant:
            names.add("alpha")
    return tuple(
        claim.id
        for claim in theory.claims()
        if claim.numeric_side
        and claim.expected == "true"
        and any(needed <= names for needed in _relations(claim.statement))
        and all(
            needed <= names for one in claim.assumptions if one.condition is not None for needed in _relations(one.condition)
        )
    )


def next_columns(
    columns: Iterable[str], *, fresh_fraction: bool = True, constant: bool = True
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """The smallest sets of further columns (one or two) that bring in claims, each with the claims that it brings in."""
    have = set(columns)
    known = set(formable(have, fresh_fraction=fresh_fraction, constant=constant))
    lacking = [name for name in MEASURABLE if name not in have]
    for count in (1, 2):
        found = {}
        for more in combinations(lacking, count):
            brought = formable(have | set(more), fresh_fraction=fresh_fraction, constant=constant)
            if new := tuple(claim for claim in brought if claim not in known):
                found[more] = new
        if found:
            return found
    return {}


def _relations(statement: sp.Basic) -> list[set[str]]:
    """The names of the quantities in each relation of a statement that a finite case can decide."""
    found = []
    for relation in theory.conjuncts(statement):
        if relation.has(sp.Limit):
            continue
        labels = {base.label for base in relation.atoms(sp.IndexedBase)}
        free = {symbol.name for symbol in relation.free_symbols - labels - INDICES if isinstance(symbol, sp.Symbol)}
        found.append({str(label) for label in labels} | free)
    return found
