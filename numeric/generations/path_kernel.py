"""Exact ideal paths and the sums along them: the inner loop of the simulation, written for speed and still short.

Arrays are component-major (d, n), allocated once and reused by one chunk of paths after the other; the rest happens in place.
The state is float64. Scores, errors and inner products are in ``real``: float32 by default, whose rounding lies far below the
noise of any number of paths that can be simulated, or float64. What the error meets at a node is stacked, so that one call
takes all inner products; they go into a table that is summed over time, block by block, by one product with the weights of all
grids.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from numeric.generations.error_fields import ErrorField
from numeric.generations.mixture_scores import MixtureScore, Points, Real, RealArray
from numeric.validation import Array

__all__ = ["LEVELS", "PathIntegrals", "PathKernel", "PathWorker", "trapezoid_weights"]

LEVELS: Final = 3  # grids along the same paths, each of every second node of the one before
BLOCK: Final = 32  # nodes in a table
# what the error meets at a node: the exact score, the noise of the steps on either side (by parity of the step), itself
SCORE, EVEN, ODD, SELF, DIVERGENCE = range(5)


@dataclass(frozen=True)
class PathIntegrals:
    """Integrals along the paths by the trapezoid rule, each (levels, n), one row per grid; B is the forward noise.

    Attributes:
        energy, pull, divergence: of |e|^2 dt, e . s dt and div e dt; weak order 2 in the step.
        stratonovich: of e . dB with e averaged over both ends of a step.
        excess: of div e dt/2 with each step replaced by the covariance of its dB with its end point. That is what the average
            over both ends adds to the mean of e . dB; the step itself would be wrong to first order.
        ito: of e . dB with e at the start of each step of the finest grid, (n,): its mean given the endpoint is zero exactly.
    """

    energy: Array
    pull: Array
    divergence: Array
    stratonovich: Array
    excess: Array
    ito: Array


class PathKernel:
    """Paths of the forward process on a grid of times, and the integrals of one error along them; shared by all threads.

    Args:
        score, error: the fields at each time of the grid.
        grid: (K + 1,) increasing times, t0 first.
        real: precision of scores, errors and inner products.
        levels: number of grids along the same paths, the whole one and coarser ones.
    """

    def __init__(self, score: MixtureScore, error: ErrorField, grid: Array, real: Real, levels: int = LEVELS) -> None:
        self.score, self.error, self.real, self.levels = score, error, real, levels
        steps = np.diff(grid)
        self.steps = steps.shape[0]
        self.decay, self.spread = np.exp(-0.5 * steps), np.sqrt(-np.expm1(-steps))  # x -> decay x + spread xi, exactly
        self.brownian = np.sqrt(steps) / self.spread  # dB = sqrt(step) xi as a multiple of what was added to x
        weights = np.zeros((5, 2 * levels, self.steps + 1))  # (kinds, sums, nodes)
        for level, covariances in enumerate(_noise_covariances(self.decay, self.spread, self.brownian, levels)):
            used = np.append(np.arange(0, self.steps, 2**level), self.steps)
            weights[(SCORE, SELF, DIVERGENCE), level] = trapezoid_weights(used, np.diff(grid[used]))
            weights[DIVERGENCE, levels + level] = 0.5 * trapezoid_weights(used, covariances)
        for parity, kind in enumerate((EVEN, ODD)):  # first row: Stratonovich, second row: Ito
            before = np.where(np.arange(self.steps) % 2 == parity, self.brownian, 0.0)
            weights[kind, 1, :-1] = before
            weights[kind, 0, :-1] = 0.5 * before
            weights[kind, 0, 1:] += 0.5 * before
        weights *= np.array([1.0, 1.0, 1.0, error.scale, 1.0])[:, None, None] * error.scale  # only SELF has e twice
        self.weights = rounded_weights(weights, real)

    def worker(self, n: int) -> PathWorker:
        """Buffers for ``n`` paths at a time; one thread at a time."""
        return PathWorker(self, n)


class PathWorker:
    """Runs one chunk of ``n`` paths after the other in the same buffers: set ``points``, then ``run``."""

    def __init__(self, kernel: PathKernel, n: int) -> None:
        self.kernel, dim, real = kernel, kernel.score.dim, kernel.real
        self.points = Points(dim, n, real)
        self.draw = np.empty((dim, n))
        self.met = np.zeros((4, dim, n), dtype=real)
        self.laplacian = np.empty(n, dtype=real)
        self.score, self.error = kernel.score.evaluator(n), kernel.error.evaluator(n)
        self.table = np.zeros((5, BLOCK, n), dtype=real)
        self.coarse = _Pairs(dim, n, real, kernel.levels - 1) if kernel.levels > 1 else None

    def run(self, rng: np.random.Generator) -> PathIntegrals:
        """One path from each column of ``points.x``, which it moves; consumes d n K normals."""
        kernel, points, met, table = self.kernel, self.points, self.met, self.table
        score, e, draw = met[SCORE], met[SELF], self.draw
        wanted = self.laplacian if kernel.error.needs_laplacian else None
        sums = np.zeros((5, kernel.weights.shape[1], points.x.shape[1]))
        met[EVEN : ODD + 1] = 0.0
        points.refresh()
        for index in range(kernel.steps + 1):
            if index < kernel.steps:
                rng.standard_normal(out=draw)
                draw *= kernel.spread[index]
                np.copyto(met[EVEN + index % 2], draw, casting="same_kind")
            self.score(index, points, score, wanted)
            self.error.values(index, points, score, e)
            row = index % BLOCK
            np.einsum("mdn,dn->mn", met, e, out=table[:4, row])
            self.error.divergence(index, points, table[SELF, row], self.laplacian, table[DIVERGENCE, row])
            if row == BLOCK - 1 or index == kernel.steps:
                sums += kernel.weights[:, :, index - row : index + 1] @ table[:, : row + 1]
            if self.coarse is not None:
                if index == 0:
                    self.coarse.start(e)
                else:
                    self.coarse.advance(e, met[EVEN + (index - 1) % 2], kernel.brownian[index - 1], index == kernel.steps)
            if index < kernel.steps:
                points.x *= kernel.decay[index]
                points.x += draw
                points.refresh()
        ito = sums[EVEN] + sums[ODD]
        coarse = self.coarse.sums() if self.coarse is not None else []
        stratonovich = np.stack([ito[0], *(kernel.error.scale * total for total in coarse)])
        energy, pull, divergence = (sums[kind, : kernel.levels] for kind in (SELF, SCORE, DIVERGENCE))
        return PathIntegrals(energy, pull, divergence, stratonovich, sums[DIVERGENCE, kernel.levels :], ito[1])


class _Pairs:
    """The Stratonovich integral on every second node: (e_last + e)/2 . (noise of both steps); and so on for coarser grids."""

    def __init__(self, dim: int, n: int, real: Real, levels: int) -> None:
        self.last, self.mean, self.first = (np.empty((dim, n), dtype=real) for _ in range(3))
        self.row, self.total = np.empty(n, dtype=real), np.zeros(n)
        self.coarser = _Pairs(dim, n, real, levels - 1) if levels > 1 else None

    def start(self, e: RealArray) -> None:
        self.total = np.zeros(e.shape[1])
        self.waiting: float | None = None
        np.copyto(self.last, e)
        if self.coarser is not None:
            self.coarser.start(e)

    def advance(self, e: RealArray, noise: RealArray, scale: float, final: bool) -> None:
        """The noise since the last call, dB = ``scale`` times it, and e at its end; every second call closes a step."""
        if self.waiting is None and not final:
            self.waiting = scale
            np.copyto(self.first, noise)
            return
        if self.waiting is not None:
            noise, scale = np.add(self.first, noise, out=self.first), 0.5 * (self.waiting + scale)
        np.add(self.last, e, out=self.mean)
        np.einsum("dn,dn->n", self.mean, noise, out=self.row)
        self.total += 0.5 * scale * self.row
        np.copyto(self.last, e)
        self.waiting = None
        if self.coarser is not None:
            self.coarser.advance(e, noise, scale, final)

    def sums(self) -> list[Array]:
        return [self.total, *(self.coarser.sums() if self.coarser is not None else [])]


def trapezoid_weights(used: NDArray[np.intp], steps: Array) -> Array:
    """Weights of the trapezoid rule with these ``steps`` between the nodes ``used``, zero at the others; (last node + 1,)."""
    weights = np.zeros(used[-1] + 1)
    weights[used[:-1]] += 0.5 * steps
    weights[used[1:]] += 0.5 * steps
    return weights


def _noise_covariances(decay: Array, spread: Array, brownian: Array, levels: int) -> list[Array]:
    """Covariance per coordinate of dB over each step with the position at its end; for each grid, paired as in ``_Pairs``."""
    variance, out = spread**2, []
    for _ in range(levels):
        out.append(brownian * variance)
        even = decay.shape[0] // 2 * 2
        later = slice(1, even, 2)
        variance = np.append(decay[later] * variance[:even:2] + variance[later], variance[even:])
        brownian = np.append(0.5 * (brownian[:even:2] + brownian[later]), brownian[even:])
        decay = np.append(decay[:even:2] * decay[later], decay[even:])
    return out


def rounded_weights(weights: Array, real: Real) -> RealArray:
    """The weights in ``real``, each with the rounding error of those before it added, so that errors cancel in the sums."""
    out = np.empty(weights.shape, dtype=real)
    carried = np.zeros(weights.shape[:-1])
    for index in range(weights.shape[-1]):
        carried += weights[..., index]
        out[..., index] = carried
        carried -= out[..., index]
    return out
