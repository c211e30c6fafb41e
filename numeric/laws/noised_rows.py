"""Log densities and scores of a noised law at points that each have a noising time of their own."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from numeric.laws.blend import Blend, posterior
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.law import Law
from numeric.laws.targets import Gaussian, GaussianMixture, as_mixture
from numeric.validation import Array

__all__ = ["narrowest", "noised_logpdf", "noised_logpdf_and_score"]

CHUNK = 1 << 17  # entries of a block of points times components times dimensions


def noised_logpdf(law: Law, x: Array, times: Array, workers: int = 1) -> Array:
    """Log density of X_t at the rows of ``x`` (n, d), t the entry of ``times`` (n,) and X_0 ~ law; returns (n,).

    For a Gaussian, a GaussianMixture, a KernelMixture or a Blend of these; TypeError for another law.
    """
    if isinstance(law, KernelMixture):
        return law.noised_logpdf(x, times, workers)
    if isinstance(law, Blend):
        return posterior(law.weights, np.stack([noised_logpdf(part, x, times, workers) for part in law.laws]))[0]
    return np.concatenate([log for log, _ in _mixture_blocks(law, x, times, False)])


def noised_logpdf_and_score(law: Law, x: Array, times: Array, workers: int = 1) -> tuple[Array, Array]:
    """The same with the score (n, d) beside it."""
    if isinstance(law, KernelMixture):
        return law.noised_logpdf_and_score(x, times, workers)
    if isinstance(law, Blend):
        parts = [noised_logpdf_and_score(part, x, times, workers) for part in law.laws]
        total, shares = posterior(law.weights, np.stack([log for log, _ in parts]))
        return total, np.asarray(sum(share[:, None] * score for share, (_, score) in zip(shares, parts, strict=True)))
    blocks = list(_mixture_blocks(law, x, times, True))
    return np.concatenate([log for log, _ in blocks]), np.concatenate([score for _, score in blocks])


def narrowest(law: Law) -> float:
    """The least variance of any component in any direction."""
    if isinstance(law, KernelMixture):
        return law.variance
    if isinstance(law, Blend):
        return min(narrowest(part) for part in law.laws)
    return float(np.linalg.eigvalsh(_mixture(law).covs).min())


def _mixture(law: Law) -> GaussianMixture:
    if not isinstance(law, (Gaussian, GaussianMixture)):
        raise TypeError(f"law must be a Gaussian, a GaussianMixture, a KernelMixture or a Blend, got {type(law).__name__}")
    return as_mixture(law)


def _mixture_blocks(law: Law, x: Array, times: Array, gradient: bool) -> Iterator[tuple[Array, Array]]:
    mixture = _mixture(law)
    count, dim = mixture.means.shape
    variances = mixture.covs[:, 0, 0]
    isotropic = np.array_equal(mixture.covs, variances[:, None, None] * np.eye(dim))
    values, vectors = (np.empty((0, 0)), np.empty(0)) if isotropic else np.linalg.eigh(mixture.covs)
    size = max(16, CHUNK // (count * (1 if isotropic else dim)))
    for start in range(0, x.shape[0], size):
        part = slice(start, start + size)
        gain, noise = np.exp(-0.5 * times[part]), -np.expm1(-times[part])
        if isotropic:
            yield _isotropic(mixture, variances, x[part], gain, noise, gradient)
        else:
            yield _general(mixture, values, vectors, x[part], gain, noise, gradient)


def _isotropic(
    law: GaussianMixture, variances: Array, x: Array, gain: Array, noise: Array, gradient: bool
) -> tuple[Array, Array]:
    offset = law.mean
    left, right = x - gain[:, None] * offset, law.means - offset
    widths = (gain**2)[:, None] * variances + noise[:, None]
    square = np.einsum("nd,nd->n", left, left)[:, None] + (gain**2)[:, None] * np.einsum("kd,kd->k", right, right)
    square -= 2.0 * gain[:, None] * (left @ right.T)
    logs = -0.5 * (square / widths + law.dim * np.log(2.0 * math.pi * widths))
    total, shares = posterior(law.weights, logs.T)
    if not gradient:
        return total, np.empty((x.shape[0], 0))
    pulls = shares.T / widths
    return total, gain[:, None] * (pulls @ right) - pulls.sum(axis=1)[:, None] * left


def _general(
    law: GaussianMixture, values: Array, vectors: Array, x: Array, gain: Array, noise: Array, gradient: bool
) -> tuple[Array, Array]:
    """Through the eigenvectors of every component: noising changes the eigenvalues alone."""
    turned = (x - gain[:, None] * law.means[:, None, :]) @ vectors  # (k, n, d)
    widths = (gain**2)[:, None] * values[:, None, :] + noise[:, None]
    logs = -0.5 * np.sum(turned**2 / widths + np.log(2.0 * math.pi * widths), axis=2)
    total, shares = posterior(law.weights, logs)
    if not gradient:
        return total, np.empty((x.shape[0], 0))
    pulls = (turned / widths) @ np.swapaxes(vectors, 1, 2)
    return total, -np.einsum("kn,knd->nd", shares, pulls)
