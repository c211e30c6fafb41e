"""One retraining round and everything that was computed or measured about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from numeric.estimate import Estimate
from numeric.generations.errors import ScoreError
from numeric.laws.process import OU
from numeric.laws.targets import Target
from numeric.validation import Array

__all__ = ["Generation", "Quantity", "Start"]

Start = Literal["ideal", "learned"]
Quantity = float | Estimate


@dataclass(frozen=True, eq=False, kw_only=True)
class Generation:
    """Quantities of one round; floats when exact, ``Estimate`` when simulated, None where the route cannot give them.

    P* is the ideal reverse path law (exact score), P^ the learned one; e^Z = dP^/dP*, M its martingale part,
    V = int |e_t|^2 dt.

    Attributes:
        target, error, process: the data law q, the score error e and the noising process.
        start: the learned process starts at q_T ("ideal") or at p^_T ("learned").
        method: the route that gave the numbers.
        ideal_energy: eps*^2 = E_{P*} V.
        learned_energy: epŝ^2 = E_{P^} V.
        path_chi2: X = E_{P*} e^{2Z} - 1, possibly inf.
        visible_energy: eta eps*^2 = Var E_{P*}[M | Y_t0].
        observability: eta in [0, 1] (KTV-A, Def. 3.2), 0 where ideal_energy is 0.
        chi2: I = chi2(p^ || q_t0), possibly inf.
        kl, reverse_kl: KL(p^ || q_t0) and KL(q_t0 || p^), natural logarithm.
        remainder: E_{P*}(e^Z - 1 - M)^2 = X - 2 epŝ^2 + eps*^2.
        gradient_energy: int E_{p^_t} |Pi_t e_t|^2 dt, Pi_t the projection on gradients in L^2(p^_t) (KTV-C).
        sup_energy: Lambda with V <= Lambda almost surely, or inf.
        visible_gap: (E_{p^} phi - E_{q_t0} phi)^2 / Var_{q_t0} phi with phi = E[M | Y_t0]: a lower bound of chi2.
        endpoint, ideal_endpoint: p^ and q_t0; laws when exact, (n, d) samples when simulated.
        learned_energy_reverse: learned_energy by an independent reverse simulation (simulated only).
        weight_mean: E_{P*} e^Z, which must be 1 (simulated only).
        numerical_error: absolute error bound reported by the route, by field name.
        variance_reduction: by how much control variates shrank the variance, by field name (simulated only).
        reasons: for each infinite field, one sentence saying why.
    """

    target: Target
    error: ScoreError
    process: OU
    start: Start
    method: str
    ideal_energy: Quantity
    learned_energy: Quantity | None
    path_chi2: Quantity | None
    visible_energy: Quantity | None
    observability: Quantity | None
    chi2: Quantity | None
    kl: Quantity | None
    reverse_kl: Quantity | None
    remainder: Quantity | None
    gradient_energy: Quantity | None
    sup_energy: float
    visible_gap: Quantity | None
    endpoint: Target | Array | None
    ideal_endpoint: Target | Array
    learned_energy_reverse: Estimate | None = None
    weight_mean: Estimate | None = None
    numerical_error: Mapping[str, float] = field(default_factory=dict)
    variance_reduction: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
