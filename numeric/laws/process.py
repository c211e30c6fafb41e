"""The forward (noising) process dX = -X/2 dt + dB and its marginals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import NONNEGATIVE, POSITIVE, real

__all__ = ["OU", "noised"]


@dataclass(frozen=True)
class OU:
    """Ornstein-Uhlenbeck noising between an early stop ``t0`` and the horizon ``T``, 0 < t0 < T.

    X_t = a X_0 + sqrt(v) xi with a = exp(-t/2), v = 1 - exp(-t).
    """

    t0: float = 0.02
    T: float = 4.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "t0", real("t0", self.t0, POSITIVE))
        object.__setattr__(self, "T", real("T", self.T, POSITIVE))
        if not self.t0 < self.T:
            raise ValueError(f"t0 must be less than T, got t0 = {self.t0:g} and T = {self.T:g}")

    def marginal(self, target: Target, t: float) -> Target:
        """The law at time ``t`` >= 0 of the process started from ``target``."""
        return noised(target, real("t", t, NONNEGATIVE))


def noised(target: Target, t: float) -> Target:
    """Law of X_t for X_0 ~ target: means scale by a = exp(-t/2), covariances become a^2 S + (1 - a^2) I."""
    law = as_mixture(target)
    if t == 0.0:
        return target
    gain, noise = math.exp(-0.5 * t), -math.expm1(-t)
    covs = gain * gain * law.covs + noise * np.eye(law.dim)
    if isinstance(target, Gaussian):
        return Gaussian(gain * law.means[0], covs[0])
    return GaussianMixture(law.weights, gain * law.means, covs)
