"""Moments that are linear in the law: their expectation in every round is exact at every sample size, and so is its error.

For points x that descend from component k of the data, with mean m_k, in d dimensions, averaged over the points:

    spread     |x - m_k|²/d           pull     (x - m_k).m_k/d        size    |m_k|²/d
    twin       |x' - m_k|²/d, x' the same point without early stopping           second  |x|²/d

Mixing is linear, a kernel adds its variance, and the early stop scales and adds noise, so that the means s of a round's
training points follow s -> alpha f + rho (F s + c) in expectation, whatever the number of points: nothing of the loss of 1/n
that variances about a sample's own means show. The deviation of a run from that expectation is a sum of uncorrelated sampling
errors of all rounds, each measured on its own n points, so its standard error needs no second run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numeric.experiments.protocol import Protocol
from numeric.experiments.training import Model, TrainingSet
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.targets import GaussianMixture, as_mixture
from numeric.validation import Array

__all__ = ["MEASURES", "MomentPath", "MomentState", "moment_features"]

MEASURES = ("spread", "pull", "size", "twin", "second")


@dataclass(frozen=True, eq=False)
class MomentState:
    """What a run carries from round to round.

    Attributes:
        expected: (5,) of the training points. covariance: (5, 5) of the run's deviation from it. measured: (5,), NaN where a
            fit has forgotten the components.
        offset: population mean of component k of the training points over m_k.
        added: what the fit adds to the second moment: h² for kernels, 0 for moments that are matched, what a floor adds.
    """

    expected: Array
    covariance: Array
    measured: Array
    offset: float
    added: float


def moment_features(training: TrainingSet, target: GaussianMixture) -> Array:
    """(n, 5) of the five moments, or (n, 1) of ``second`` alone where labels are lost."""
    points, dim = training.points, target.dim
    second = np.einsum("nd,nd->n", points, points)[:, None] / dim
    if training.labels is None or training.twins is None:
        return np.asarray(second)
    own = target.means[training.labels]
    away, twin = points - own, training.twins - own
    columns = [
        np.einsum("nd,nd->n", left, right) / dim for left, right in ((away, away), (away, own), (own, own), (twin, twin))
    ]
    return np.column_stack([*columns, second])


class MomentPath:
    """The exact expectation of the moments along the rounds of one fresh fraction."""

    def __init__(self, protocol: Protocol, alpha: float) -> None:
        law = as_mixture(protocol.target)
        dim = law.dim
        self.within = float(np.einsum("k,kaa->", law.weights, law.covs)) / dim
        self.size = float(law.weights @ np.einsum("kd,kd->k", law.means, law.means)) / dim
        self.share = protocol.share(alpha)
        self.variance = 0.0 if protocol.bandwidth is None else protocol.bandwidth**2
        gain, self.noise = math.exp(-0.5 * protocol.process.t0), -math.expm1(-protocol.process.t0)
        self.gain = gain
        self.fresh = np.array([self.within, 0.0, self.size, self.within, self.within + self.size])
        self.map = np.zeros((5, 5))  # what a kernel and the early stop make of the moments
        self.map[0, :3] = gain**2, 2.0 * gain * (gain - 1.0), (gain - 1.0) ** 2
        self.map[1, 1:3] = gain, gain - 1.0
        self.map[2, 2] = self.map[3, 3] = 1.0
        self.map[4, 4] = gain**2
        stopped = gain**2 * self.variance + self.noise
        self.constant = np.array([stopped, 0.0, 0.0, self.variance, stopped])

    def step(self, before: MomentState | None, training: TrainingSet, model: Model, target: GaussianMixture) -> MomentState:
        """The state after one more round's training points and the fit to them."""
        features = moment_features(training, target)
        fresh = training.fresh if before is not None else features.shape[0]
        share = fresh / features.shape[0]
        noise = np.zeros((5, 5))
        block = np.ix_([4], [4]) if features.shape[1] == 1 else np.ix_(range(5), range(5))
        for part, weight in ((features[:fresh], share), (features[fresh:], 1.0 - share)):
            if part.shape[0] > 1:
                noise[block] += weight**2 / part.shape[0] * np.atleast_2d(np.cov(part, rowvar=False))
        measured = np.full(5, np.nan)
        measured[-features.shape[1] :] = features.mean(axis=0)
        if before is None:
            return MomentState(self.fresh.copy(), noise, measured, 1.0, self._added(model, measured))
        kept = (1.0 - share) * self.map
        constant = self.constant.copy()
        constant[4] = self.gain**2 * before.added + self.noise
        return MomentState(
            share * self.fresh + (1.0 - share) * (self.map @ before.expected + constant),
            kept @ before.covariance @ kept.T + noise,
            measured,
            share + (1.0 - share) * self.gain * before.offset,
            self._added(model, measured),
        )

    def _added(self, model: Model, measured: Array) -> float:
        if isinstance(model.law, KernelMixture):
            return self.variance
        law = as_mixture(model.law)
        fitted = float(law.weights @ (np.trace(law.covs, axis1=1, axis2=2) + np.einsum("kd,kd->k", law.means, law.means)))
        return fitted / law.dim - float(measured[4])

    def within_components(self, state: MomentState) -> tuple[float, float, float]:
        """Variance within components of the learned law: (measured, expected, standard error), unbiased at every n."""
        displaced = (1.0 - state.offset) ** 2 * self.size
        values = [float(state.measured[0]), float(state.expected[0])]
        measured, expected = (value + self.variance - displaced for value in values)
        return measured, expected, math.sqrt(max(float(state.covariance[0, 0]), 0.0))

    def within_twin(self, state: MomentState) -> tuple[float, float, float]:
        """The same without early stopping."""
        measured, expected = float(state.measured[3]) + self.variance, float(state.expected[3]) + self.variance
        return measured, expected, math.sqrt(max(float(state.covariance[3, 3]), 0.0))

    def second_moment(self, state: MomentState) -> tuple[float, float, float]:
        """E|x|²/d of p^{i+1}, the law after the early stop: (measured, expected, standard error)."""
        kept = self.gain**2
        ends = [kept * (float(value) + state.added) + self.noise for value in (state.measured[4], state.expected[4])]
        return ends[0], ends[1], kept * math.sqrt(max(float(state.covariance[4, 4]), 0.0))

    def closed_form(self, rounds: int) -> float:
        """sigma² + h² (1 - rho^n)/alpha, within components after n rounds without early stopping; n h² at alpha = 0."""
        kept = 1.0 - self.share
        grown = float(rounds) if self.share == 0.0 else (1.0 - kept**rounds) / self.share
        return self.within + self.variance * grown
