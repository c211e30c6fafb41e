"""Ideal reverse paths, sampled exactly, and the sums along them that make the weight e^Z = dP^/dP*.

Given the endpoint Y_t0 ~ q_t0, the ideal reverse path read backwards is the forward Ornstein-Uhlenbeck process started there,
whose transitions are Gaussian and known: no discretisation error in the paths, only in the sums along them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from numeric.generations.errors import BoundedError, ConsistentError, ScoreError
from numeric.laws.process import OU, noised
from numeric.laws.targets import GaussianMixture, Target, as_mixture
from numeric.validation import Array

__all__ = ["Field", "PathSums", "error_alone", "error_field", "ideal_path_sums", "score_field", "time_grid"]

STRIDES: Final = (1, 2, 4)  # grids along the same paths: extrapolating twice shows what the extrapolation leaves
Field: TypeAlias = Callable[[Array], Array]
"""Points (d, n), component-major, to vectors (d, n)."""


def time_grid(target: Target, error: ScoreError | None, process: OU, steps: int) -> Array:
    """``steps`` + 1 times from t0 to T, steps proportional to the least variance of q_t (at most 1), the score's time scale.

    With lambda the least eigenvalue at t = 0 that variance is w(t) = exp(-t) (lambda - 1) + 1, and dt = c w(t) integrates to
    log(exp(t) - 1 + lambda), which is therefore equally spaced. ConsistentError counts the learned law's eigenvalues as well.
    """
    laws = [target, error.learned] if isinstance(error, ConsistentError) else [target]
    narrowest = min(1.0, min(float(np.linalg.eigvalsh(as_mixture(law).covs).min()) for law in laws))
    first, last = (math.log(math.expm1(t) + narrowest) for t in (process.t0, process.T))
    grid = np.log(np.exp(np.linspace(first, last, steps + 1)) + 1.0 - narrowest)
    grid[[0, -1]] = process.t0, process.T
    return np.asarray(grid)


def score_field(target: Target, t: float) -> Field:
    """The score of q_t as a function of component-major points, lean where every component is isotropic (always so in 1-D)."""
    law = as_mixture(target)
    variances = law.covs[:, 0, 0]
    if np.array_equal(law.covs, variances[:, None, None] * np.eye(law.dim)):
        return _isotropic(law, variances, t)
    marginal = noised(target, t)
    return lambda x: np.ascontiguousarray(marginal.score(x.T).T)


def _isotropic(law: GaussianMixture, variances: Array, t: float) -> Field:
    gain = math.exp(-0.5 * t)
    widths = gain * gain * variances - math.expm1(-t)
    precisions = 1.0 / widths
    means = gain * law.means
    slopes = means * precisions[:, None]
    with np.errstate(divide="ignore"):
        offsets = np.log(law.weights) - 0.5 * law.dim * np.log(widths) - 0.5 * np.einsum("kd,kd->k", means, slopes)
    pulls = np.ascontiguousarray(slopes.T)
    shared = bool(np.all(variances == variances[0]))

    def score(x: Array) -> Array:
        # the components' exponents up to a constant in k, then their posterior shares: (k, n), small against (n, k, d)
        shares = slopes @ x
        shares += offsets[:, None]
        if not shared:
            shares -= np.outer(0.5 * precisions, np.einsum("dn,dn->n", x, x))
        shares -= shares.max(axis=0)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=0)
        out = pulls @ shares
        out -= x * (precisions[0] if shared else precisions @ shares)
        return np.asarray(out)

    return score


def error_field(error: ScoreError, t: float) -> Callable[[Array], tuple[Array, Array]]:
    """The error e_t (d, n) and its divergence (n,) as a function of component-major points (d, n)."""
    if type(error) is BoundedError:  # not a subclass, which may have its own divergence
        beta = error.beta

        def bounded(x: Array) -> tuple[Array, Array]:
            slope = np.tanh(x)
            return beta * slope, beta * (x.shape[0] - np.einsum("dn,dn->n", slope, slope))

        return bounded
    return lambda x: (np.ascontiguousarray(np.asarray(error(x.T, t)).T), np.asarray(error.divergence(x.T, t)))


def error_alone(error: ScoreError, t: float) -> Field:
    """The error e_t (d, n) without its divergence, which a reverse process has no use for."""
    if type(error) is BoundedError:
        beta = error.beta
        return lambda x: np.asarray(beta * np.tanh(x))
    return lambda x: np.ascontiguousarray(np.asarray(error(x.T, t)).T)


@dataclass(frozen=True)
class PathSums:
    """Sums along ideal paths, each (n,), one entry per path.

    Attributes:
        martingale: M = int e . dW in reverse time, W the ideal process's noise; E M = 0 and E M^2 = eps*^2.
        energy: V = int |e|^2 dt.
        stein: S = -int (div e + e . s) dt, which has M's conditional mean given the endpoint. Its conditional variance is not
            M's and may well be larger: M = S - int e . dB, B the forward noise, and the two parts often cancel.
    """

    martingale: Array
    energy: Array
    stein: Array

    @property
    def log_weight(self) -> Array:
        """Z = M - V/2."""
        return self.martingale - 0.5 * self.energy


@dataclass(frozen=True)
class _Node:
    """What the sums need at one time of the grid."""

    t: float
    x: Array
    e: Array
    energy: Array
    drift: Array
    stein: Array


class _Trapezoid:
    """Running trapezoid sums over the nodes handed to ``advance``.

    In reverse time dW = dY - (Y/2 + s) dtau, so M = int e . dY - int e . (Y/2 + s) dtau. The trapezoid sum of e . dY converges
    to the Stratonovich integral, which exceeds the Ito integral by half of int div e dtau: that half is subtracted again. (The
    left-point sum needs no correction but is biased by several per cent at 100 steps.) V and S converge with weak order 2 in
    the step, functions of M and Z with order 1: the area between path and chord, lost on any grid, carries variance.
    """

    def __init__(self, count: int) -> None:
        self.martingale, self.energy, self.stein = np.zeros(count), np.zeros(count), np.zeros(count)
        self.last: _Node | None = None

    def advance(self, node: _Node) -> None:
        if self.last is not None:
            last, half = self.last, 0.5 * (node.t - self.last.t)
            # reverse time runs from node back to last, so the increment of Y is last.x - node.x
            self.martingale += 0.5 * np.einsum("dn,dn->n", last.e + node.e, last.x - node.x) - half * (last.drift + node.drift)
            self.energy += half * (last.energy + node.energy)
            self.stein -= half * (last.stein + node.stein)
        self.last = node

    def sums(self) -> PathSums:
        return PathSums(self.martingale, self.energy, self.stein)


def ideal_path_sums(
    start: Array,
    scores: list[Field],
    errors: list[Callable[[Array], tuple[Array, Array]]],
    grid: Array,
    rng: np.random.Generator,
) -> tuple[list[PathSums], Array]:
    """One exact forward path from each column of ``start`` and the sums along it.

    Args:
        start: (d, n) endpoints, component-major.
        scores, errors: the fields at each time of the grid.
        grid: (K+1,) increasing times, t0 first.
        rng: consumed d n K normals.

    Returns:
        The sums on the grid, on every second and on every fourth time of it, along the same paths; and N = -sum e_k . dB_k
        (n,), B the forward noise, whose mean given the endpoint is zero exactly, on any grid.
    """
    x = start
    sums = [_Trapezoid(x.shape[1]) for _ in STRIDES]
    forward_noise = np.zeros(x.shape[1])
    final = grid.shape[0] - 1
    noise = np.empty_like(x)
    for index, t in enumerate(grid):
        s = scores[index](x)
        e, divergence = errors[index](x)
        pull = np.einsum("dn,dn->n", e, s)
        node = _Node(
            t=float(t),
            x=x,
            e=e,
            energy=np.einsum("dn,dn->n", e, e),
            drift=pull + 0.5 * (divergence + np.einsum("dn,dn->n", e, x)),
            stein=divergence + pull,
        )
        for stride, running in zip(STRIDES, sums, strict=True):
            if index % stride == 0 or index == final:
                running.advance(node)
        if index < final:
            step = float(grid[index + 1] - t)
            rng.standard_normal(out=noise)
            forward_noise -= math.sqrt(step) * np.einsum("dn,dn->n", e, noise)
            x = math.exp(-0.5 * step) * x
            x += math.sqrt(-math.expm1(-step)) * noise
    return [running.sums() for running in sums], forward_noise
