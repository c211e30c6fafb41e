"""What an experiment is held against besides the registry: identities of its own laws, and a hypothesis of the paper."""

from __future__ import annotations

from typing import Final

import sympy as sp

from numeric.experiments.verdicts import ROUND_CLAIMS
from theory import Claim, symbols

__all__ = ["LIMITS", "PERTURBATIVE", "ROUNDS"]

_RESULT = "driftbound, for a learned score that is the exact score of the learned law"

ROUNDS: Final = (
    *ROUND_CLAIMS,
    Claim(
        "de-bruijn-kl",
        "KL is half the learned energy: for a consistent score Girsanov's bound is an equality",
        "equality",
        sp.Eq(symbols.kl, symbols.learned_energy / 2),
        _RESULT,
    ),
    Claim(
        "de-bruijn-reverse-kl",
        "The reverse KL is half the ideal energy, likewise",
        "equality",
        sp.Eq(symbols.reverse_kl, symbols.ideal_energy / 2),
        _RESULT,
    ),
)


def _limit(name: str, title: str) -> Claim:
    return Claim(
        f"{name.replace('_', '-')}-limit", title, "equality", sp.Eq(sp.Symbol(name), sp.Symbol(f"{name}_limit")), "driftbound"
    )


LIMITS: Final = (
    _limit("within", "Variance within components: its exact recursion with early stopping"),
    _limit("within_unstopped", "Variance within components without early stopping: sigma² + h² (1 - rho^n)/alpha"),
    _limit("second_moment", "Second moment: its exact recursion"),
)

PERTURBATIVE: Final = Claim(
    "perturbative",
    "eps*² <= 1, the hypothesis of KTV-A, Prop. 3.3",
    "upper",
    sp.Le(symbols.ideal_energy, 1),
    "KTV-A, Prop. 3.3",
)
