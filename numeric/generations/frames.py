"""Coordinates in which the means of a mixture occupy as few rows as they can, and those the last ones.

The noising process keeps its law under rotations Q, and X_t - exp(-t/2) c is the same process started from X_0 - c. So a
problem whose error can be carried along may be simulated in coordinates z with x = Q z + exp(-t/2) c.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError
from numeric.generations.mixture_scores import is_isotropic, is_scalar, same_law
from numeric.laws.channels import Channel
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import LOCATION, Array

__all__ = ["Frame", "frame_of"]

RANK = 1e-12  # singular values below this fraction of the largest are rounding


@dataclass(frozen=True)
class Frame:
    """x = Q z + exp(-t/2) c, and the problem in the coordinates z.

    Attributes:
        target, error: the law and the error in the coordinates z; the error is None where there is none.
        rotation: Q, (d, d), orthogonal; None for the identity.
        centre: c, (d,).
    """

    target: Target
    error: ScoreError | None
    rotation: Array | None
    centre: Array

    def enter(self, x: Array, t: float, out: Array) -> None:
        """Write the coordinates z (d, n) of the rows x (n, d) at time t to ``out``."""
        moved = x - math.exp(-0.5 * t) * self.centre
        np.copyto(out, moved.T if self.rotation is None else self.rotation.T @ moved.T)

    def leave(self, z: Array, t: float) -> Array:
        """The rows x (n, d) of the coordinates z (d, n) at time t."""
        rows = z.T if self.rotation is None else z.T @ self.rotation.T
        return np.asarray(rows + math.exp(-0.5 * t) * self.centre)


def frame_of(target: Target, error: ScoreError | None, *, centred: bool = True) -> Frame:
    """The leanest frame that the error allows.

    Affine and consistent errors (and none) turn with the frame: where all covariances are isotropic it is turned to the span of
    the means about their average, at most K - 1 rows. tanh acts coordinate by coordinate, so its coordinates are only put in
    another order. A user's error is called in its own coordinates. ``centred=False`` keeps c = 0, for a scheme whose
    discretisation error a moving origin would change.
    """
    law = as_mixture(target)
    still = Frame(target, error, None, np.zeros(law.dim))
    rotation: Array | None
    if type(error) is BoundedError:
        used = np.any(law.means != 0.0, axis=0)
        order = np.argsort(used, kind="stable")
        if used.all() or np.array_equal(order, np.arange(law.dim)):
            return still
        rotation = np.eye(law.dim)[:, order]
        return Frame(_carried(target, rotation, still.centre), error, rotation, still.centre)
    consistent = type(error) is ConsistentError and same_law(error.target, target)
    if not (error is None or type(error) is AffineError or consistent):
        return still
    laws = [law, as_mixture(error.learned)] if isinstance(error, ConsistentError) else [law]
    if not all(is_isotropic(each) for each in laws):
        return still
    centre = law.mean if centred else np.zeros(law.dim)
    directions = np.concatenate([each.means for each in laws]) - centre
    _, sizes, axes = np.linalg.svd(directions, full_matrices=True)
    rank = int(np.count_nonzero(sizes > RANK * max(float(sizes[0]), float(np.abs(law.means).max()))))
    rotation = None if rank == law.dim else np.ascontiguousarray(np.roll(axes[: law.dim], -rank, axis=0).T)
    carried = _carried(target, rotation, centre, rank)
    return Frame(carried, _carried_error(error, carried, rotation, centre, rank), rotation, centre)


def _carried(target: Target, rotation: Array | None, centre: Array, rank: int | None = None) -> Target:
    """The law of Q^T (X - c), the rounding in rows that hold no means swept away."""
    law = as_mixture(target)
    means, covs = law.means - centre, law.covs
    if rotation is not None:
        isotropic = is_isotropic(law)
        means = means @ rotation
        covs = covs if isotropic else rotation.T @ covs @ rotation
    if rank is not None:
        means[:, : law.dim - rank] = 0.0
    return Gaussian(means[0], covs[0]) if isinstance(target, Gaussian) else GaussianMixture(law.weights, means, covs)


def _carried_error(
    error: ScoreError | None, target: Target, rotation: Array | None, centre: Array, rank: int
) -> ScoreError | None:
    turn = np.eye(centre.shape[0]) if rotation is None else rotation
    if isinstance(error, AffineError):

        def matrix(t: float) -> Array:
            original = error.at(t)[0]
            return original if is_scalar(original) else turn.T @ original @ turn

        def offset(t: float) -> Array:
            original, shift = error.at(t)
            here = np.asarray(turn.T @ (shift + math.exp(-0.5 * t) * original @ centre))
            if not LOCATION.contains(here):
                raise ValueError(f"error must be {LOCATION} at the mean of the target too, got {np.abs(here).max():.3g}")
            return here

        return AffineError(matrix, offset)
    if isinstance(error, ConsistentError):
        gain, shift, noise = error.channel.matrices(len(centre))
        moved = Channel(turn.T @ gain @ turn, turn.T @ (gain @ centre + shift - centre), turn.T @ noise @ turn)
        carried = ConsistentError(target, moved)
        # the channel's own law up to rounding: isotropic to the bit, and without rounding in the rows that hold no means
        object.__setattr__(carried, "learned", _carried(error.learned, rotation, centre, rank))
        return carried
    return error
