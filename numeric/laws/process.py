"""The forward (noising) process dX = -X/2 dt + dB and its marginals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np

from numeric.laws.blend import Blend
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.law import Law
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import NONNEGATIVE, POSITIVE, real

__all__ = ["OU", "noised"]

AnyLaw = TypeVar("AnyLaw", bound=Law)


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


def noised(target: AnyLaw, t: float) -> AnyLaw:
    """Law of X_t for X_0 ~ target: means scale by a = exp(-t/2), covariances become a^2 S + (1 - a^2) I.

    A Gaussian, a GaussianMixture, a KernelMixture or a Blend of these, and of the same kind; TypeError for anything else.
    """
    if not isinstance(target, (Gaussian, GaussianMixture, KernelMixture, Blend)):
        raise TypeError(
            f"target must be a Gaussian, a GaussianMixture, a KernelMixture or a Blend, got {type(target).__name__}"
        )
    return target if t == 0.0 else cast(AnyLaw, _noised(target, t))


def _noised(target: Target | KernelMixture | Blend, t: float) -> Law:
    if isinstance(target, KernelMixture):
        return target.noised(t)
    if isinstance(target, Blend):
        return Blend(target.weights, [noised(law, t) for law in target.laws])
    law = as_mixture(target)
    gain, noise = math.exp(-0.5 * t), -math.expm1(-t)
    covs = gain * gain * law.covs + noise * np.eye(law.dim)
    if isinstance(target, Gaussian):
        return Gaussian(gain * law.means[0], covs[0])
    return GaussianMixture(law.weights, gain * law.means, covs)
