"""Many retraining rounds and everything that was computed or measured about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from numeric.targets import Target
from numeric.validation import Array

__all__ = ["Recursion"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Recursion:
    """A recursion q_i = (mix of fresh data and earlier models), p^{i+1} = what round i learns from q_i.

    In L^2(p): f_i = p^i/p - 1, innovation g_i = (p^{i+1} - q_i)/p. Exact and simulated recursions fill the same fields; a
    simulated one has standard errors in ``stderr``, under the same names.

    Attributes:
        target: p.
        alpha: (N,) fresh fractions, or "accumulate" or "replace".
        fresh_fraction: (N,) alpha_i; 0 for "replace", NaN for "accumulate".
        divergence: (N+1,) D_i = chi2(p^i || p), inf where infinite.
        mixed: (N,) chi2(q_i || p), computed from q_i itself.
        innovation: (N,) J_i = |g_i|.
        intra: (N,) I_i = chi2(p^{i+1} || q_i); NaN where not computable.
        gram: (N, N) <g_i, g_j>; NaN off the diagonal where one of the two has infinite norm.
        initial_gram: (N,) <f_0, g_i>.
        weights: (N,) W_{iN}, the weight of innovation i in f_N.
        initial_weight: W_{-1,N}, the weight of f_0 in f_N.
        discounted_sums: (N+1,) S_n = sum_i W_{in}^2 J_i^2 + W_{-1,n}^2 D_0.
        interference: (N+1,) D_n / S_n; NaN where undefined.
        triangle_bound: (N+1,) ceiling of sqrt(D_n).
        ratio_sup: (N,) an upper bound of sup_x q_i(x)/p(x), inf where there is none; NaN where not computable.
        laws: p^0 .. p^N; mixtures: q_0 .. q_{N-1}. Models of a user's own kind where retrain is a callable.
        reasons: for each infinite entry, key "divergence[3]" and the like, one sentence saying why.
        ideal_energies, learned_energies, observabilities, smoothing_tv: (N,) per-round quantities where they were computed.
        stderr: standard errors by field name (simulated only).
        ess: effective sample sizes by field name (simulated only).
        channel: the retraining channel where there is one for all rounds, else None.
        method: the route that gave the numbers.
    """

    target: Target
    alpha: Array | str
    fresh_fraction: Array
    divergence: Array
    mixed: Array
    innovation: Array
    intra: Array
    gram: Array
    initial_gram: Array
    weights: Array
    initial_weight: float
    discounted_sums: Array
    interference: Array
    triangle_bound: Array
    ratio_sup: Array
    laws: Sequence[object]
    mixtures: Sequence[object]
    reasons: Mapping[str, str] = field(default_factory=dict)
    ideal_energies: Array | None = None
    learned_energies: Array | None = None
    observabilities: Array | None = None
    smoothing_tv: Array | None = None
    stderr: Mapping[str, Array] = field(default_factory=dict)
    ess: Mapping[str, Array] = field(default_factory=dict)
    channel: object | None = None
    method: str = "exact"

    @property
    def generations(self) -> int:
        """N."""
        return int(self.innovation.shape[0])
