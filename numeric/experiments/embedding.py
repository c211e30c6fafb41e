"""Mean embeddings of laws under the kernel sum_r cos(w_r . (x - y))/R: MMD exactly, for laws of any number of kernels.

The embedding of a law is its characteristic function at the R frequencies. It is linear in the law, and noising multiplies it:
phi_t(w) = phi(e^{-t/2} w) exp(-|w|²(1 - e^{-t})/2). MMD² is the mean of |phi_p - phi_q|² over the frequencies; the range of the
kernel is at most 2. The frequencies are drawn once per experiment: w ~ N(0, I/h²), h the distance of two points of the data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from numeric.estimate import Estimate
from numeric.experiments.protocol import Protocol
from numeric.experiments.streams import Purpose, stream
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.targets import Gaussian, GaussianMixture, as_mixture
from numeric.recursions.mmd import pair_distance
from numeric.samples.sample_features import spaced
from numeric.validation import Array

__all__ = ["KERNEL_RANGE", "Embedding", "Frequencies", "SampleEmbedding", "inner", "mmd_squared"]

Embedding: TypeAlias = NDArray[np.complex128]
KERNEL_RANGE = 2.0
ENTRIES = 1 << 19  # phases in one block
COVARIANCE_ROWS = 4096


@dataclass(frozen=True, eq=False)
class SampleEmbedding:
    """Mean embedding of points at (R,) frequencies, and the mean squared distance of one point's from it."""

    mean: Embedding
    spread: float


@dataclass(frozen=True, eq=False)
class Frequencies:
    """The frequencies of an experiment, (R, d)."""

    waves: Array

    @staticmethod
    def of(protocol: Protocol) -> Frequencies:
        """Drawn for the seed of a protocol."""
        rng = stream(protocol.seed, 0, 0, 0, Purpose.KERNEL)
        return Frequencies(rng.standard_normal((protocol.frequencies, protocol.dim)) / pair_distance(protocol.target))

    def of_points(self, points: Array, gain: float = 1.0) -> SampleEmbedding:
        """Of the points times ``gain``, each with the same weight."""
        count, waves = points.shape[0], self.waves.shape[0]
        total = np.zeros(waves, dtype=np.complex128)
        block = max(1, ENTRIES // waves)
        centre = points.mean(axis=0)  # phases about it stay small enough for float32
        scaled = (gain * self.waves.T).astype(np.float32)
        for start in range(0, count, block):
            phase = (points[start : start + block] - centre).astype(np.float32) @ scaled
            total += np.cos(phase).sum(axis=0, dtype=np.float64) + 1j * np.sin(phase, out=phase).sum(axis=0, dtype=np.float64)
        mean = total / count * np.exp(1j * gain * (self.waves @ centre))
        return SampleEmbedding(mean, float(1.0 - np.mean(np.abs(mean) ** 2)))

    def of_law(self, law: KernelMixture | Gaussian | GaussianMixture, t: float = 0.0) -> Embedding:
        """Of a law noised for time t."""
        gain, noise = math.exp(-0.5 * t), -math.expm1(-t)
        squares = np.sum(self.waves**2, axis=1)
        if isinstance(law, KernelMixture):
            points = self.of_points(law.centres, gain).mean
            return np.asarray(points * np.exp(-0.5 * squares * (gain**2 * law.variance + noise)))
        mixture = as_mixture(law)
        damping = np.exp(-0.5 * gain**2 * np.einsum("ra,kab,rb->rk", self.waves, mixture.covs, self.waves, optimize=True))
        found = (damping * np.exp(1j * gain * (self.waves @ mixture.means.T))) @ mixture.weights
        return np.asarray(found * np.exp(-0.5 * squares * noise))

    def squared_from(self, strata: Sequence[Array], law: Embedding) -> Estimate:
        """Unbiased MMD² of a stratified sample's law from ``law``; ``strata``: the points (n_j, d) of each, n in all.

        With gap the difference of the embeddings and S the covariance of the error of the mean embedding, |gap + error|² less
        its bias tr S has the variance 4 <gap, S gap> + 2 tr S².
        """
        count = sum(part.shape[0] for part in strata)
        embedded = [self.of_points(part) for part in strata]
        gap = np.sum([part.shape[0] / count * one.mean for part, one in zip(strata, embedded, strict=True)], axis=0) - law
        factors = [(part.shape[0] / count) ** 2 / max(part.shape[0] - 1, 1) for part in strata]
        bias = sum(factor * one.spread for factor, one in zip(factors, embedded, strict=True))
        covariance = np.sum([factor * self._covariance(part) for factor, part in zip(factors, strata, strict=True)], axis=0)
        direction = np.concatenate([gap.real, gap.imag]) / math.sqrt(self.waves.shape[0])
        error = math.sqrt(4.0 * max(float(direction @ covariance @ direction), 0.0) + 2.0 * float(np.sum(covariance**2)))
        return Estimate(float(np.mean(np.abs(gap) ** 2)) - bias, error, min(part.shape[0] for part in strata))

    def _covariance(self, points: Array) -> Array:
        """(2 R, 2 R), of the features cos and sin over sqrt R of one point, from a few thousand spread over the points."""
        some = spaced(points, COVARIANCE_ROWS)
        if some.shape[0] < 2:
            return np.zeros((2 * self.waves.shape[0],) * 2)
        phase = some @ self.waves.T
        return np.atleast_2d(np.cov(np.hstack([np.cos(phase), np.sin(phase)]) / math.sqrt(self.waves.shape[0]), rowvar=False))


def mmd_squared(p: Embedding, q: Embedding) -> float:
    """MMD² of two laws from their embeddings."""
    return float(np.mean(np.abs(p - q) ** 2))


def inner(f: Embedding, g: Embedding) -> float:
    """<f, g> of two differences of embeddings."""
    return float(np.mean((f * np.conj(g)).real))
