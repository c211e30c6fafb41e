"""How far p^i, the law after i rounds, is from the data: KL, TV and chi2 of the full laws, by Monte Carlo or in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from numeric.estimate import Estimate, mean_estimate
from numeric.laws.blend import Blend
from numeric.laws.divergences import chi2, chi2_infinite_reason, kl
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.law import Law
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import Array

__all__ = ["Divergences", "log_chi2", "measure_divergences", "measure_smoothing"]

Quantity = float | Estimate
FOREMOST = 1024  # kernels, of largest diagonal term, that get a proposal of their own for chi2
CELLS = 1 << 20  # numbers that their covariances may take
FEW = 64  # components up to which chi2 against a Gaussian is the closed double sum


@dataclass(frozen=True)
class Divergences:
    """Of p^i from p.

    Attributes:
        kl, tv: KL(p^i || p) and TV.
        log_chi2: log(1 + D_i), inf where D_i is. reason: why it is infinite, "" where it is not.
        log_chi2_ceiling: what it cannot exceed, in closed form.
    """

    kl: Quantity
    tv: Quantity
    log_chi2: Quantity
    log_chi2_ceiling: float
    reason: str


def measure_divergences(
    law: KernelMixture | Gaussian | GaussianMixture, target: Target, *, queries: int, rng: np.random.Generator, workers: int = 1
) -> Divergences:
    """KL and TV from ``queries`` draws of the law, chi2 as ``log_chi2``; closed forms between Gaussians."""
    streams = rng.spawn(2)
    x = law.sample(queries, rng=streams[0])
    ratio = _logpdf(law, x, workers) - target.logpdf(x)
    shares = -np.expm1(np.minimum(-ratio, 0.0))  # TV is the mean of (1 - p/p^i)_+ under p^i
    if isinstance(law, Gaussian) and isinstance(target, Gaussian):
        divergence: Quantity = float(kl(law, target))
    else:
        divergence = mean_estimate(ratio)
    size, ceiling, reason = log_chi2(law, target, queries=queries, rng=streams[1], workers=workers)
    seen = mean_estimate(shares)  # an overlap that fewer than one draw in n carries is not seen
    distance = Estimate(seen.value, max(seen.stderr, 1.0 / queries), queries)
    return Divergences(divergence, distance, size, ceiling, reason)


def measure_smoothing(training: Law, late: Law, *, queries: int, rng: np.random.Generator, workers: int = 1) -> Estimate:
    """TV(q_{i,t0}, q_i) from draws of ``training`` = q_i; ``late`` = q_{i,t0}."""
    x = training.sample(queries, rng=rng)
    ratio = _logpdf(late, x, workers) - _logpdf(training, x, workers)
    return mean_estimate(-np.expm1(np.minimum(ratio, 0.0)))


def log_chi2(
    law: KernelMixture | Gaussian | GaussianMixture, target: Target, *, queries: int, rng: np.random.Generator, workers: int = 1
) -> tuple[Quantity, float, str]:
    """log(1 + chi2(law || target)), what it cannot exceed, and, where it is infinite, why.

    With many kernels chi2 is carried by the outermost of them, where no draw of either law comes. So half of the draws come
    from the law itself and half from the Gaussians proportional to N_j²/N_l, for the kernels j where the integral of that is
    largest and the component l of the target that makes it least. Everything stays in logarithms: chi2 may exceed what a float
    holds.
    """
    reason = _infinite_reason(law, target)
    if reason is not None:
        return math.inf, math.inf, reason
    if isinstance(target, Gaussian) and not isinstance(law, KernelMixture) and as_mixture(law).weights.shape[0] <= FEW:
        exact = math.log1p(float(chi2(law, target)))
        return exact, exact, ""
    groups = _groups(law)
    diagonal = list(_diagonal(groups, as_mixture(target)))
    parts = [group.log_weights + 0.5 * least for group, (least, _, _) in zip(groups, diagonal, strict=True)]
    ceiling = 2.0 * float(logsumexp(np.concatenate(parts)))  # Minkowski's inequality in L²(1/p)
    proposal = _outer_proposal(groups, diagonal, max(8, min(FOREMOST, CELLS // target.dim**2)))
    half = queries // 2
    x = np.concatenate([law.sample(half, rng=rng), proposal.sample(queries - half, rng=rng)])
    own, outer, data = _logpdf(law, x, workers), proposal.logpdf(x), target.logpdf(x)
    weights = 2.0 * own - data - (np.logaddexp(own + math.log(half), outer + math.log(queries - half)) - math.log(queries))
    total = float(logsumexp(weights))
    shares = np.exp(weights - total)
    effective = 1.0 / float(shares @ shares)
    relative = math.sqrt(max(1.0 / effective - 1.0 / queries, 0.0))
    return Estimate(max(total - math.log(queries), 0.0), relative, queries, effective), ceiling, ""


def _infinite_reason(law: KernelMixture | Gaussian | GaussianMixture, target: Target) -> str | None:
    if not isinstance(law, KernelMixture):
        return chi2_infinite_reason(law, target)
    one = Gaussian(law.mean, law.variance)  # all kernels have this covariance, and diagonal pairs decide
    reason = chi2_infinite_reason(one, target)
    return None if reason is None else reason.replace("component 0 of the learned law", "every kernel of the learned law")


@dataclass(frozen=True, eq=False)
class _Group:
    """Components of one covariance: means (k, d), log weights (k,)."""

    means: Array
    log_weights: Array
    cov: Array


def _groups(law: KernelMixture | Gaussian | GaussianMixture) -> list[_Group]:
    if isinstance(law, KernelMixture):
        return [_Group(law.centres, np.full(law.count, -math.log(law.count)), law.variance * np.eye(law.dim))]
    mixture = as_mixture(law)
    used = np.flatnonzero(mixture.weights > 0.0)
    return [_Group(mixture.means[[j]], np.log(mixture.weights[[j]]), mixture.covs[j]) for j in used.tolist()]


def _outer_proposal(groups: list[_Group], diagonal: list[tuple[Array, Array, Array]], most: int) -> GaussianMixture:
    """The Gaussians proportional to N_j²/N_l, weighted by w_j² times the integral of that, for the ``most`` largest."""
    logs, means, covs = [], [], []
    for group, (least, centres, spread) in zip(groups, diagonal, strict=True):
        logs.append(2.0 * group.log_weights + least)
        means.append(centres)
        covs.append(spread)
    log, mean, cov = np.concatenate(logs), np.concatenate(means), np.concatenate(covs)
    finite = np.isfinite(log)
    log = np.where(finite, log, np.max(log[finite], initial=0.0))
    first = np.argsort(-log, kind="stable")[:most]
    shares = np.exp(log[first] - logsumexp(log[first]))
    first, shares = first[shares > 0.0], shares[shares > 0.0]
    return GaussianMixture(shares / shares.sum(), mean[first], cov[first])


def _diagonal(groups: list[_Group], target: GaussianMixture) -> Iterator[tuple[Array, Array, Array]]:
    """Of every component j, by groups: log min_l int N_j²/(v_l N_l), inf where none is, and mean and covariance of N_j²/N_l."""
    for group in groups:
        precision = np.linalg.inv(group.cov)
        size = group.means.shape[0]
        least, centres, spread = (
            np.full(size, np.inf),
            group.means.copy(),
            np.broadcast_to(group.cov, (size, *group.cov.shape)).copy(),
        )
        for weight, mean, cov in zip(target.weights, target.means, target.covs, strict=True):
            excess = 2.0 * precision - np.linalg.inv(cov)
            if weight <= 0.0 or float(np.linalg.eigvalsh(excess)[0]) <= 0.0:
                continue  # another component of the target keeps the integral finite
            gaps = group.means - mean
            logdets = [float(np.linalg.slogdet(matrix)[1]) for matrix in (cov, group.cov, excess)]
            square = np.einsum("ka,ka->k", gaps @ np.linalg.inv(2.0 * cov - group.cov), gaps)
            value = 0.5 * logdets[0] - logdets[1] - 0.5 * logdets[2] + square - math.log(weight)
            nearer = value < least
            narrow = np.linalg.inv(excess)
            least[nearer] = value[nearer]
            centres[nearer] = mean + gaps[nearer] @ (2.0 * precision @ narrow)
            spread[nearer] = 0.5 * (narrow + narrow.T)
        yield least, centres, spread


def _logpdf(law: Law, x: Array, workers: int) -> Array:
    return law.logpdf(x, workers) if isinstance(law, (KernelMixture, Blend)) else law.logpdf(x)
