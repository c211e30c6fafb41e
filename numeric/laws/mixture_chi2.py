"""chi2 between Gaussian mixtures in any dimension by importance sampling whose terms are bounded.

A mean of (p/q - 1)^2 over draws of p or q has infinite variance long before chi2 is infinite, and no effective sample size sees
it. Here half of the draws follow the tails of p^2/q. For any choice of a component l(j) of q for each component j of p, with
Z_j = int N_j^2/N_l and c_j = w_j sqrt(Z_j/v_l), the Cauchy inequality gives at every point

    p^2/q <= (sum c) * sum_j c_j (N_j^2/N_l)/Z_j

so p^2/q over the density of these draws is at most (sum c)^2. N_j^2/N_l is a Gaussian wherever Z_j is finite.
"""

from __future__ import annotations

import math

import numpy as np

from numeric.estimate import Estimate
from numeric.laws.blend import Blend
from numeric.laws.divergences import chi2, chi2_infinite_reason
from numeric.laws.targets import GaussianMixture, Target, as_mixture
from numeric.validation import generator, integer

__all__ = ["mixture_chi2"]

CHUNK = 1 << 14  # draws evaluated together
SHARES = (0.5, 0.25, 0.25)  # of the draws: from the tails, from p, from q


def mixture_chi2(p: Target, q: Target, *, n: int, rng: np.random.Generator | int | None) -> Estimate:
    """chi2(p || q), learned law first, from ``n`` draws; inf with standard error 0 where ``chi2_infinite_reason`` says so.

    Where some component of p is covered by several components of q together but by none alone the terms are not bounded,
    and the plain route of ``numeric.laws.divergences.chi2`` serves. ``ess`` is that of the weights p^2/(q m), m the density of
    the draws.

    Raises:
        ValueError, TypeError: different dimensions, something that is no mixture, a malformed ``n``.
    """
    left, right, count = as_mixture(p), as_mixture(q), integer("n", n)
    if left.dim != right.dim:
        raise ValueError(f"p and q must have the same dimension, got {left.dim} and {right.dim}")
    if chi2_infinite_reason(left, right) is not None:
        return Estimate(math.inf, 0.0, count)
    stream = generator(rng)
    tails = _tails(left, right)
    if tails is None:
        plain = chi2(left, right, n=count, rng=stream)
        return plain if isinstance(plain, Estimate) else Estimate(plain, 0.0, count)
    proposal = Blend(SHARES, [tails, left, right])
    total = square = weight = weight_square = 0.0
    for start in range(0, count, CHUNK):
        x = proposal.sample(min(CHUNK, count - start), rng=stream)
        log_q, log_ratio = right.logpdf(x), left.logpdf(x) - right.logpdf(x)
        share = log_q - proposal.logpdf(x)  # log(q/m)
        far = log_ratio > 30.0  # there p/q - 1 is p/q to the last bit, and its square may overflow alone
        near = np.where(far, 0.0, log_ratio)
        terms = np.where(far, np.exp(2.0 * log_ratio * far + share), np.expm1(near) ** 2 * np.exp(share))
        weights = np.exp(2.0 * log_ratio + share)
        total, square = total + float(terms.sum()), square + float(np.sum(terms**2))
        weight, weight_square = weight + float(weights.sum()), weight_square + float(np.sum(weights**2))
    mean = total / count
    variance = max(square / count - mean * mean, 0.0) / max(count - 1, 1)
    return Estimate(mean, math.sqrt(variance), count, weight**2 / weight_square if weight_square > 0.0 else float(count))


def _tails(p: GaussianMixture, q: GaussianMixture) -> GaussianMixture | None:
    """The normalised sum of c_j N_j^2/N_l(j), l(j) the component of q with the least Z_j/v_l; None where some j has none."""
    own, others = np.flatnonzero(p.weights > 0.0), np.flatnonzero(q.weights > 0.0)
    least = np.full(own.shape[0], np.inf)  # log(Z_j/v_l)
    means, covs = np.empty((own.shape[0], p.dim)), np.empty((own.shape[0], p.dim, p.dim))
    own_covs, own_label = np.unique(p.covs[own], axis=0, return_inverse=True)
    other_covs, other_label = np.unique(q.covs[others], axis=0, return_inverse=True)
    for a, inner in enumerate(own_covs):
        rows = np.flatnonzero(own_label.ravel() == a)
        for b, outer in enumerate(other_covs):
            columns = np.flatnonzero(other_label.ravel() == b)
            slack = 2.0 * outer - inner
            if float(np.linalg.eigvalsh(slack)[0]) <= 0.0:
                continue
            solved = np.linalg.solve(slack, np.eye(p.dim))
            delta = p.means[own[rows]][:, None, :] - q.means[others[columns]]
            logs = np.einsum("rci,ij,rcj->rc", delta, solved, delta) - np.log(q.weights[others[columns]])
            cov = 0.5 * (inner @ solved @ outer + outer @ solved @ inner)  # (2 S^-1 - C^-1)^-1
            parts = (np.linalg.slogdet(matrix)[1] for matrix in (outer, inner, cov))
            logs += next(parts) * 0.5 - next(parts) + next(parts) * 0.5
            best = np.argmin(logs, axis=1)
            value = logs[np.arange(rows.shape[0]), best]
            chosen = value < least[rows]
            least[rows[chosen]] = value[chosen]
            covs[rows[chosen]] = cov
            step = delta[np.arange(rows.shape[0]), best] @ (outer @ solved).T  # the mean is m_l + 2 C (2C - S)^-1 (m_j - m_l)
            means[rows[chosen]] = (q.means[others[columns[best]]] + 2.0 * step)[chosen]
    if not np.all(np.isfinite(least)):
        return None
    logs = np.log(p.weights[own]) + 0.5 * least
    shares = np.exp(logs - logs.max())
    return GaussianMixture(shares / shares.sum(), means, covs)
