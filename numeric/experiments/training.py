"""A round's training points and the model fitted to them, with what a KDE remembers of where its points come from.

Points know from which component of the data they descend: fresh ones from the component they were drawn from, synthetic ones
from the point whose kernel they were drawn from. They carry a twin besides: the same point in the same run without early
stopping, made with the same draws.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from numeric.experiments.mixture_fit import fit_mixture
from numeric.experiments.protocol import Protocol
from numeric.laws.blend import Blend
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.law import Law
from numeric.laws.process import OU, noised
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import Array

__all__ = ["Model", "TrainingSet", "draw_training_set", "fit_model", "released_law", "training_law"]

Labels: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """The points of one round: ``fresh`` ones first, then those of the previous model.

    Attributes:
        points: (n, d). fresh: how many of them are new data.
        labels: (n,) components of the data they descend from; None where a fit has forgotten it.
        twins: (n, d) the same points in the run without early stopping; None like labels.
    """

    points: Array
    fresh: int
    labels: Labels | None
    twins: Array | None


@dataclass(frozen=True, eq=False)
class Model:
    """A learned law at time 0, before the early stop of its reverse process.

    Attributes:
        law: KernelMixture, Gaussian or GaussianMixture.
        labels, twins: of the points a KDE was made of; None for the others.
    """

    law: KernelMixture | Gaussian | GaussianMixture
    labels: Labels | None = None
    twins: Array | None = None

    @property
    def descent(self) -> tuple[Labels, Array]:
        """Labels and twins; TypeError for a fit that has forgotten them."""
        if self.labels is None or self.twins is None:
            raise TypeError("model must be a KDE, which alone knows where its points descend from")
        return self.labels, self.twins

    def to_arrays(self) -> dict[str, Array | Labels]:
        """Everything, as arrays for a checkpoint."""
        if isinstance(self.law, KernelMixture):
            labels, twins = self.descent
            return {
                "centres": self.law.centres,
                "variance": np.array([self.law.variance]),
                "labels": labels,
                "twins": twins,
            }
        law = as_mixture(self.law)
        return {"weights": law.weights, "means": law.means, "covs": law.covs}

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[np.generic]], protocol: Protocol) -> Model:
        """The model of ``to_arrays``; KeyError or ValueError where the arrays are not those of this protocol."""
        if protocol.retrain == "kde":
            centres, twins, labels = (np.array(arrays[name]) for name in ("centres", "twins", "labels"))
            if centres.shape != (protocol.n, protocol.dim) or twins.shape != centres.shape or labels.shape != (protocol.n,):
                raise ValueError(f"centres must have shape ({protocol.n}, {protocol.dim}), got {centres.shape}")
            variance = float(np.array(arrays["variance"], dtype=np.float64)[0])
            return Model(KernelMixture(centres.astype(np.float64), variance), labels.astype(np.int32), twins.astype(np.float64))
        weights, means, covs = (np.array(arrays[name], dtype=np.float64) for name in ("weights", "means", "covs"))
        if protocol.retrain == "gaussian-fit":
            return Model(Gaussian(means[0], covs[0]))
        return Model(_verbatim(weights, means, covs))


def _verbatim(weights: Array, means: Array, covs: Array) -> GaussianMixture:
    """The mixture with these very weights: normalising them again would change their last bits."""
    law = GaussianMixture(weights, means, covs)
    if not np.array_equal(law.weights, weights):
        same = bool(np.all(covs == covs[0]))
        law = object.__new__(GaussianMixture)
        law._set(weights, means, covs, same)
    return law


def draw_training_set(protocol: Protocol, alpha: float, previous: Model | None, rng: np.random.Generator) -> TrainingSet:
    """The points of a round: round(alpha n) from the data and the rest from ``previous`` (from the data where that is None)."""
    fresh = protocol.fresh(alpha)
    rest = protocol.n - fresh
    source = as_mixture(protocol.target)
    remembers = protocol.retrain == "kde"
    new, new_labels = _from_data(source, protocol.n if previous is None else fresh, rng)
    if previous is None:
        return TrainingSet(new, fresh, new_labels if remembers else None, new if remembers else None)
    points = np.empty((protocol.n, protocol.dim))
    points[:fresh] = new
    if not remembers:
        if rest:
            points[fresh:] = _early_stopped(previous.law.sample(rest, rng=rng), protocol.process, rng)
        return TrainingSet(points, fresh, None, None)
    labels, twins = np.empty(protocol.n, dtype=np.int32), np.empty_like(points)
    labels[:fresh], twins[:fresh] = new_labels, new
    if rest:
        if not isinstance(previous.law, KernelMixture):
            raise TypeError(f"previous must be a KDE, got {type(previous.law).__name__}")
        old_labels, old_twins = previous.descent
        chosen = rng.integers(protocol.n, size=rest)
        kernel = rng.standard_normal((rest, protocol.dim))
        kernel *= math.sqrt(previous.law.variance)
        labels[fresh:] = old_labels[chosen]
        twins[fresh:] = old_twins[chosen] + kernel
        points[fresh:] = _early_stopped(previous.law.centres[chosen] + kernel, protocol.process, rng)
    return TrainingSet(points, fresh, labels, twins)


def _from_data(law: GaussianMixture, count: int, rng: np.random.Generator) -> tuple[Array, Labels]:
    """``count`` points of the data, (count, d), and their components."""
    labels = rng.choice(law.weights.shape[0], size=count, p=law.weights).astype(np.int32)
    points = rng.standard_normal((count, law.dim))
    for component, lower in enumerate(np.linalg.cholesky(law.covs)):
        chosen = labels == component
        points[chosen] = law.means[component] + points[chosen] @ lower.T
    return points, labels


def _early_stopped(points: Array, process: OU, rng: np.random.Generator) -> Array:
    """The same points after the noise of the early stop: what the exact reverse process of their law ends in."""
    out = rng.standard_normal(points.shape)
    out *= math.sqrt(-math.expm1(-process.t0))
    out += math.exp(-0.5 * process.t0) * points
    return out


def fit_model(
    protocol: Protocol, training: TrainingSet, rng: np.random.Generator, previous: Model | None = None, *, workers: int = 1
) -> Model:
    """Retrain; EM goes on from the ``previous`` model. ValueError where the points do not admit the fit."""
    points = training.points
    if protocol.bandwidth is not None:
        return Model(KernelMixture(points, protocol.bandwidth**2), training.labels, training.twins)
    if protocol.retrain == "gaussian-fit":
        mean = points.mean(axis=0)
        centred = points - mean
        return Model(Gaussian(mean, centred.T @ centred / points.shape[0]))
    return Model(_fitted_mixture(protocol, points, rng, previous, workers))


def _fitted_mixture(
    protocol: Protocol, points: Array, rng: np.random.Generator, previous: Model | None, workers: int
) -> GaussianMixture:
    """EM from the model before, in the first round from the data's law where that has as many components.

    The floor of a thousandth of the data's least variance keeps covariances invertible and holds no collapse up.
    """
    data = as_mixture(protocol.target)
    floor = 1e-3 * float(np.linalg.eigvalsh(data.covs)[:, 0].min())
    start = data if previous is None else as_mixture(previous.law)  # type: ignore[arg-type]
    if start.weights.shape[0] == protocol.components:
        return fit_mixture(points, start=start, floor=floor, workers=workers).law
    return fit_mixture(points, protocol.components, rng=rng, floor=floor, workers=workers).law


def released_law(model: Model, process: OU) -> KernelMixture | Target:
    """p^{i+1}: the law the reverse process ends in, stopped at t0."""
    return noised(model.law, process.t0) if not isinstance(model.law, KernelMixture) else model.law.noised(process.t0)


def training_law(protocol: Protocol, alpha: float, previous: Model | None) -> Law:
    """q_i, with the fresh fraction that whole points make of ``alpha``."""
    share = protocol.share(alpha)
    if previous is None or share == 1.0:
        return protocol.target
    return Blend([share, 1.0 - share], [protocol.target, released_law(previous, protocol.process)])
