"""Full-covariance mixtures fitted by expectation maximisation (EM) in tens of dimensions, every variance at least a floor.

Maximum likelihood without a floor is unbounded, and on images it is degenerate: pixels that are black in a whole class have no
variance at all. With the floor the best covariance is the sample covariance with its eigenvalues raised to it: the likelihood
given eigenvectors is -(log l + s/l)/2 in each eigenvalue l, which is largest at l = s, or at the floor where s is below it, and
the sample's own eigenvectors are the best. So EM stays exact, and its likelihood never falls. A floor that is reached is not
added again by the next fit, as a ridge would be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from numeric.laws.targets import GaussianMixture
from numeric.validation import COUNT, POSITIVE, Array, generator, integer, points, real

__all__ = ["FLOOR", "MixtureFit", "fit_mixture"]

FLOOR: Final = 0.05  # 2.5 times what early stopping at t0 = 0.02 adds: no finer detail outlives one round
ROWS: Final = 2048  # of one block, which stays in the cache
TOLERANCE: Final = 1e-4
MOST: Final = 1000
LLOYD: Final = 20


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """A fitted mixture.

    Attributes:
        law: the mixture. log_likelihood: mean log density of the samples under it, in nats per point.
        history: the same after every iteration; it never falls, up to rounding.
        converged: whether the last iteration gained less than the tolerance.
    """

    law: GaussianMixture
    log_likelihood: float
    history: tuple[float, ...]
    converged: bool

    @property
    def iterations(self) -> int:
        """Of EM."""
        return len(self.history) - 1


def fit_mixture(
    samples: ArrayLike,
    components: int | None = None,
    *,
    start: GaussianMixture | None = None,
    rng: np.random.Generator | int | None = None,
    floor: float = FLOOR,
    tolerance: float = TOLERANCE,
    most: int = MOST,
    workers: int = 1,
) -> MixtureFit:
    """The mixture of largest likelihood, among those whose covariances have no eigenvalue below ``floor``, near its start.

    Args:
        samples: (n, d).
        components: K, at most n; None with ``start``, whose number it is.
        start: a mixture to start from, as that of the round before: its components keep their places, and far fewer
            iterations are needed than from nothing. Default: centres by k-means++ and twenty rounds of k-means.
        rng: for k-means++.
        floor: the least variance.
        tolerance: EM stops when an iteration gains less, in nats per point; most: or after so many.
        workers: threads over blocks of rows; the result does not depend on it.

    Raises:
        ValueError, TypeError: naming the argument.

    Example:
        >>> data = GaussianMixture([0.3, 0.7], [[-3.0, 0.0], [3.0, 0.0]], 1.0).sample(4000, rng=1)
        >>> fit = fit_mixture(data, 2, rng=2)
        >>> fit.converged, sorted(round(float(weight), 1) for weight in fit.law.weights)
        (True, [0.3, 0.7])
    """
    data = points("samples", samples)
    least, gain = real("floor", floor, POSITIVE), real("tolerance", tolerance, POSITIVE)
    limit, threads = integer("most", most), integer("workers", workers)
    if start is None:
        if components is None:
            raise ValueError("components must be given where there is no start, got None")
        count = integer("components", components, COUNT)
        if count > data.shape[0]:
            raise ValueError(f"components must be at most the number of samples, {data.shape[0]}, got {count}")
        law = _from_centres(data, _centres(data, count, generator(rng)), least)
    else:
        if not isinstance(start, GaussianMixture):
            raise TypeError(f"start must be a GaussianMixture or None, got {type(start).__name__}")
        if start.dim != data.shape[1]:
            raise ValueError(f"start must have the dimension of the samples, {data.shape[1]}, got {start.dim}")
        if components is not None and components != start.weights.shape[0]:
            raise ValueError(f"components must be those of start, {start.weights.shape[0]}, got {components}")
        law = GaussianMixture(start.weights, start.means, _raised(start.covs, least))
    history: list[float] = []
    with ThreadPoolExecutor(threads) as pool:
        while True:
            sums = _Sums.over(data, law, pool)
            history.append(sums.log_likelihood / data.shape[0])
            converged = len(history) > 1 and history[-1] - history[-2] < gain
            if converged or len(history) > limit:
                return MixtureFit(law, history[-1], tuple(history), converged)
            law = sums.best(law, least)


@dataclass(frozen=True, eq=False)
class _Sums:
    """What one look at the data gives: the log-likelihood, and sums of 1, x, x x' weighted by each component's share."""

    log_likelihood: float
    counts: Array  # (K,)
    firsts: Array  # (K, d)
    seconds: Array  # (K, d, d)

    @staticmethod
    def over(data: Array, law: GaussianMixture, pool: ThreadPoolExecutor) -> _Sums:
        """Block by block, added in order whichever thread was first."""
        factors = np.tril(np.linalg.inv(np.linalg.cholesky(law.covs)))
        logdet = np.sum(np.log(np.diagonal(factors, axis1=1, axis2=2)), axis=1)
        with np.errstate(divide="ignore"):
            lognorm = np.log(law.weights) + logdet - 0.5 * law.dim * math.log(2.0 * math.pi)

        def block(rows: Array) -> _Sums:
            logs = np.empty((law.weights.shape[0], rows.shape[0]))
            for k, factor in enumerate(factors):
                white = (rows - law.means[k]) @ factor.T
                logs[k] = lognorm[k] - 0.5 * np.einsum("nd,nd->n", white, white)
            peak = logs.max(axis=0)
            shares = np.exp(logs - peak)
            total = shares.sum(axis=0)
            shares /= total
            seconds = np.empty_like(law.covs)
            for k, root in enumerate(np.sqrt(shares)):
                scaled = rows * root[:, None]
                seconds[k] = scaled.T @ scaled
            return _Sums(float(np.sum(peak + np.log(total))), shares.sum(axis=1), shares @ rows, seconds)

        whole = None
        for part in pool.map(block, _blocks(data)):
            whole = part if whole is None else whole + part
        assert whole is not None
        return whole

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.log_likelihood + other.log_likelihood,
            self.counts + other.counts,
            self.firsts + other.firsts,
            self.seconds + other.seconds,
        )

    def best(self, law: GaussianMixture, floor: float) -> GaussianMixture:
        """The mixture that maximises the expected log-likelihood; a component without points stays as it is, at weight 0."""
        alive = self.counts > 0.0
        means, covs = law.means.copy(), law.covs.copy()
        counts = self.counts[alive, None]
        means[alive] = self.firsts[alive] / counts
        outer = means[alive, :, None] * means[alive, None, :]
        covs[alive] = _raised(self.seconds[alive] / counts[:, :, None] - outer, floor)
        return GaussianMixture(self.counts / self.counts.sum(), means, covs)


def _blocks(data: Array) -> Iterator[Array]:
    for start in range(0, data.shape[0], ROWS):
        yield data[start : start + ROWS]


def _raised(covs: Array, floor: float) -> Array:
    """Symmetric matrices with eigenvalues below the floor raised to it."""
    values, vectors = np.linalg.eigh(0.5 * (covs + np.swapaxes(covs, -1, -2)))
    raised = (vectors * np.maximum(values, floor)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    return np.asarray(0.5 * (raised + np.swapaxes(raised, -1, -2)))


def _centres(data: Array, count: int, rng: np.random.Generator) -> Array:
    """k-means++ (Arthur and Vassilvitskii, SODA 2007), then rounds of k-means."""
    chosen = [int(rng.integers(data.shape[0]))]
    nearest = np.sum((data - data[chosen[0]]) ** 2, axis=1)
    while len(chosen) < count:
        total = float(nearest.sum())
        share = nearest / total if total > 0.0 else np.full(data.shape[0], 1.0 / data.shape[0])
        chosen.append(int(rng.choice(data.shape[0], p=share)))
        nearest = np.minimum(nearest, np.sum((data - data[chosen[-1]]) ** 2, axis=1))
    centres = data[chosen]
    for _ in range(LLOYD):
        labels = _labels(data, centres)
        sizes = np.bincount(labels, minlength=count)
        sums = np.zeros_like(centres)
        np.add.at(sums, labels, data)
        moved = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return np.asarray(centres)


def _labels(data: Array, centres: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The nearest centre of every row."""
    return np.asarray(np.argmin(np.sum(centres**2, axis=1) - 2.0 * data @ centres.T, axis=1))


def _from_centres(data: Array, centres: Array, floor: float) -> GaussianMixture:
    """The mixture of the points around each centre; a centre without points begins as small as the floor allows."""
    labels = _labels(data, centres)
    count, dim = centres.shape
    weights, covs = np.zeros(count), np.empty((count, dim, dim))
    for k in range(count):
        own = data[labels == k] - centres[k]
        weights[k] = max(own.shape[0], 1)
        covs[k] = own.T @ own / max(own.shape[0], 1)
    return GaussianMixture(weights / weights.sum(), centres, _raised(covs, floor))
