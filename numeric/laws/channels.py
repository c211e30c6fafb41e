"""Gaussian channels x -> G x + c + N(0, R): the retraining maps that keep mixtures mixtures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.printing import Pasted, constructor_call
from numeric.validation import POSITIVE, Array, covariance, generator, integer, kernel_width, points, real, real_array

__all__ = ["Channel", "early_stopping", "kde", "mean_shift"]


@dataclass(frozen=True, eq=False)
class Channel(Pasted):
    """x -> gain x + shift + N(0, noise).

    Args:
        gain: scalar, (d,) per coordinate, or a (d, d) matrix.
        shift: scalar or (d,).
        noise: a variance (scalar), (d,) variances or a (d, d) covariance, positive semidefinite. Never a standard deviation.

    Raises:
        ValueError, TypeError: naming the argument that is not of this form, or whose dimension differs from another's.
    """

    gain: Array
    shift: Array
    noise: Array

    def __init__(self, gain: ArrayLike = 1.0, shift: ArrayLike = 0.0, noise: ArrayLike = 0.0) -> None:
        values = {
            "gain": real_array("gain", gain, ndim=(0, 1, 2)),
            "shift": real_array("shift", shift, ndim=(0, 1)),
            "noise": real_array("noise", noise, ndim=(0, 1, 2)),
        }
        sizes = {name: len(value) for name, value in values.items() if value.ndim > 0}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"gain, shift and noise must have the same dimension, got {sizes}")
        dim = next(iter(sizes.values()), 1)
        matrix = covariance("noise", values["noise"], dim, definite=False)
        if values["noise"].ndim == 2:
            values["noise"] = matrix  # symmetric to the last bit
        if values["gain"].ndim == 2 and values["gain"].shape[0] != values["gain"].shape[1]:
            raise ValueError(f"gain must be square, got shape {values['gain'].shape}")
        for name, value in values.items():
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        neutral = {"gain": 1.0, "shift": 0.0, "noise": 0.0}
        parts = {name: getattr(self, name).tolist() for name in neutral}
        return constructor_call("Channel", **{name: part for name, part in parts.items() if part != neutral[name]})

    @property
    def dim(self) -> int | None:
        """Dimension, or None where every part is a scalar and any dimension will do."""
        return next((len(value) for value in (self.gain, self.shift, self.noise) if value.ndim > 0), None)

    def matrices(self, dim: int) -> tuple[Array, Array, Array]:
        """Gain (d, d), shift (d,) and noise covariance (d, d) in dimension ``dim``."""
        integer("dim", dim)
        if self.dim not in (None, dim):
            raise ValueError(f"channel must act in dimension dim = {dim}, got one of dimension {self.dim}")
        gain, noise = (part if part.ndim == 2 else np.diag(np.broadcast_to(part, (dim,))) for part in (self.gain, self.noise))
        return gain, np.broadcast_to(self.shift, (dim,)), noise

    def __call__(self, target: Target) -> Target:
        """The law of the output for an input drawn from ``target``; ValueError where it has no density."""
        law = as_mixture(target)
        gain, shift, noise = self.matrices(law.dim)
        covs = gain @ law.covs @ gain.T + noise
        covs = 0.5 * (covs + np.swapaxes(covs, 1, 2))
        if float(np.linalg.eigvalsh(covs).min()) <= 0.0:
            raise ValueError("channel must give a law with a density, got a singular covariance")
        means = law.means @ gain.T + shift
        if isinstance(target, Gaussian):
            return Gaussian(*means, *covs)  # one row each
        return GaussianMixture(law.weights, means, covs)

    def then(self, after: Channel) -> Channel:
        """The composition: this channel first, ``after`` second."""
        if not isinstance(after, Channel):
            raise TypeError(f"after must be a Channel, got {type(after).__name__}")
        dim = self.dim or after.dim
        if dim is None:  # stay dimension-free
            scale = after.gain
            return Channel(scale * self.gain, scale * self.shift + after.shift, scale**2 * self.noise + after.noise)
        gain, shift, noise = self.matrices(dim)
        outer, offset, extra = after.matrices(dim)
        return Channel(outer @ gain, outer @ shift + offset, outer @ noise @ outer.T + extra)

    def transform(self, samples: ArrayLike, *, rng: np.random.Generator | int | None) -> Array:
        """Send points (n, d) through the channel, each with its own noise; returns (n, d)."""
        rows = points("samples", samples)
        gain, shift, noise = self.matrices(rows.shape[1])
        values, vectors = np.linalg.eigh(noise)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        out = rows @ gain.T + shift
        if np.any(values > 0.0):
            out = out + generator(rng).standard_normal(rows.shape) @ root.T
        return np.asarray(out)


def early_stopping(t0: float) -> Channel:
    """Stopping the reverse process at ``t0`` > 0: x -> exp(-t0/2) x + N(0, 1 - exp(-t0))."""
    time = real("t0", t0, POSITIVE)
    return Channel(gain=math.exp(-0.5 * time), noise=-math.expm1(-time))


def kde(bandwidth: float) -> Channel:
    """Gaussian kernel smoothing in the population limit: adds variance bandwidth^2 in every direction; bandwidth <= 1e50."""
    return Channel(noise=kernel_width(bandwidth) ** 2)


def mean_shift(delta: ArrayLike) -> Channel:
    """Translation by ``delta``: scalar or (d,)."""
    return Channel(shift=real_array("delta", delta, ndim=(0, 1)))
