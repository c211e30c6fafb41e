"""Ideal reverse paths, sampled exactly, and the sums along them that make the weight e^Z = dP^/dP*.

Given the endpoint Y_t0 ~ q_t0, the ideal reverse path read backwards is the forward Ornstein-Uhlenbeck process started there,
whose transitions are Gaussian and known: no discretisation error in the paths, only in the sums along them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from numeric.generations.errors import ConsistentError, ScoreError
from numeric.generations.mixture_scores import Points, mixture_score
from numeric.generations.path_kernel import PathIntegrals
from numeric.laws.process import OU
from numeric.laws.targets import Target, as_mixture
from numeric.validation import Array

__all__ = ["Field", "PathSums", "path_sums", "score_field", "time_grid"]

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
    """The score of q_t as a function of component-major points (d, n)."""
    scores = mixture_score(target, np.array([t]))

    def score(x: Array) -> Array:
        dim, n = x.shape
        points, out = Points(dim, n, np.float64), np.empty((dim, n))
        points.x[:] = x
        scores.evaluator(n)(0, points, out)
        return out

    return score


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


def path_sums(integrals: PathIntegrals) -> tuple[list[PathSums], Array]:
    """The sums on each grid, finest first, and N = -int e . dB (n,), whose mean given the endpoint is zero on any grid.

    M = S - int e . dB, an Ito integral. The trapezoid sum of e . dB converges to the Stratonovich integral, which exceeds the
    Ito integral by ``excess``: that is taken off again. (The left-point sum needs no correction but is biased by several per
    cent at 100 steps.) V and S converge with weak order 2 in the step, functions of M and Z with order 1: the area between path
    and chord, lost on any grid, carries variance. (Where e is a gradient there is no such area, and their order is 2 as well.)
    """
    stein = -integrals.pull - integrals.divergence
    martingale = stein - integrals.stratonovich + integrals.excess
    return [PathSums(*rows) for rows in zip(martingale, integrals.energy, stein, strict=True)], -integrals.ito
