"""Many retraining rounds and everything that was computed or measured about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from numeric.laws.targets import Target
from numeric.validation import Array

__all__ = ["Recursion"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Recursion:
    """A recursion q_i = (mix of fresh data and earlier models), p^{i+1} = what round i learns from q_i.

    In L^2(p): f_i = p^i/p - 1, innovation g_i = (p^{i+1} - q_i)/p. Exact and simulated recursions fill the same fields; a
    simulated one has standard errors in ``stderr``, under the same names. Whatever needs the density of a model that has
    no ``logpdf`` is NaN.

    Attributes:
        target: p.
        alpha: (N,) fresh fractions, or "accumulate" or "replace".
        fresh_fraction: (N,) alpha_i; 0 for "replace", NaN for "accumulate".
        divergence: (N+1,) D_i = chi2(p^i || p), inf where infinite.
        mixed: (N,) chi2(q_i || p), computed from q_i itself.
        innovation: (N,) J_i = |g_i|.
        intra: (N,) I_i = chi2(p^{i+1} || q_i); NaN where the quadrature does not settle, as ``reasons`` says, and from
            ``exact_recursion`` above two dimensions.
        gram: (N, N) <g_i, g_j>; NaN off the diagonal where one of the two has infinite norm.
        initial_gram: (N,) <f_0, g_i>; NaN where one of the two has infinite norm.
        weights: (N,) W_{iN}, the weight of innovation i in f_N.
        initial_weight: W_{-1,N}, the weight of f_0 in f_N.
        discounted_sums: (N+1,) S_n = sum_i W_{in}^2 J_i^2 + W_{-1,n}^2 D_0.
        interference: (N+1,) D_n / S_n; NaN where S_n = 0, or one of the two is infinite.
        triangle_bound: (N+1,) ceiling of sqrt(D_n).
        ratio_sup: (N,) an upper bound of sup_x q_i(x)/p(x), inf where there is none; NaN where q_i mixes models that are no
            Gaussians or mixtures.
        laws: p^0 .. p^N; mixtures: q_0 .. q_{N-1}. Models of a user's own kind where retrain is a callable.
        reasons: for each infinite entry, and for each of ``intra`` that did not settle, key "divergence[3]" and the like, one
            sentence saying why.
        ideal_energies, learned_energies, observabilities, smoothing_tv: (N,) per-round quantities where they were computed.
        mmd, mixed_mmd, smoothing_mmd: (N+1,), (N,), (N,) MMD(p^i, p), MMD(q_i, p) and MMD(q_{i,t0}, q_i) under one kernel, not
            squared, where they were computed. kernel_range: sup k - inf k of that kernel, or an upper bound of it.
        early_times: (N,) t0_i where round i ends with early stopping, p^{i+1} = OU_{t0_i}(what it learned of q_i); else None.
        largest_time: an upper bound of the ``early_times`` to hold claims against; None: their maximum.
        initial_kl: the largest KL, over the rounds, of the law that the learned process starts from against q_{i,T}; None where
            it is not known. 0 where every process starts from q_{i,T}.
        stderr: standard errors by field name (simulated only).
        ess: effective sample sizes by field name (simulated only).
        skewness: of the simulated averages, by field name; intervals are widened by it.
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
    mmd: Array | None = None
    mixed_mmd: Array | None = None
    smoothing_mmd: Array | None = None
    kernel_range: float | None = None
    early_times: Array | None = None
    largest_time: float | None = None
    initial_kl: float | None = None
    stderr: Mapping[str, Array] = field(default_factory=dict)
    ess: Mapping[str, Array] = field(default_factory=dict)
    skewness: Mapping[str, Array] = field(default_factory=dict)
    channel: object | None = None
    method: str = "exact"

    @property
    def generations(self) -> int:
        """N."""
        return int(self.innovation.shape[0])
