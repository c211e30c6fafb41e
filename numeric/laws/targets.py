"""The laws that everything is about: Gaussians and Gaussian mixtures, exact in log-space.

Both are closed under noising (``numeric.laws.process``), under Gaussian channels (``numeric.laws.channels``) and under mixing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numeric.printing import LONGEST, Pasted, constructor_call, plain_covariance, plain_covariances, plain_vector
from numeric.validation import (
    COUNT,
    FRACTION,
    LOCATION,
    VARIANCE,
    Array,
    Domain,
    covariance,
    generator,
    integer,
    points,
    probabilities,
    real,
    real_array,
)

__all__ = ["Gaussian", "GaussianMixture", "Target", "as_mixture", "fit_target", "mix", "paper_mixture"]

CHUNK = 1 << 16  # entries of one (points, components) block: it stays in the cache, and bounds the memory of densities
GEMM_FROM = 256  # components from which squared distances go through a matrix product


@dataclass(frozen=True, eq=False)
class GaussianMixture(Pasted):
    """sum_k weights[k] N(means[k], covs[k]).

    Args:
        weights: (k,), nonnegative, summing to one.
        means: (k, d); (k,) in one dimension.
        covs: variances, never standard deviations: scalar (shared, isotropic), (k,) isotropic per component, (k, d) diagonal
            or (k, d, d); stored as (k, d, d).

    Raises:
        ValueError, TypeError: naming the argument that is not of this form.
    """

    weights: Array
    means: Array
    covs: Array
    _factors: Array = field(init=False, repr=False)  # (k, d, d) inverse Cholesky factors, or (1, d, d) where shared
    _lognorm: Array = field(init=False, repr=False)

    def __init__(self, weights: ArrayLike, means: ArrayLike, covs: ArrayLike) -> None:
        weight = probabilities("weights", weights)
        count = weight.shape[0]
        mean = real_array("means", means, LOCATION, ndim=(1, 2))
        if mean.ndim == 1:
            mean = mean[:, None]
        if mean.shape[0] != count:
            raise ValueError(f"means must have one row per weight, {count}, got shape {mean.shape}")
        dim = mean.shape[1]
        cov, shared = _component_covariances(covs, count, dim)
        self._set(weight, mean, cov, shared)

    def _set(self, weight: Array, mean: Array, cov: Array, shared: bool) -> None:
        dim = mean.shape[1]
        distinct = cov[:1] if shared else cov
        lower = np.linalg.cholesky(distinct)
        factors = np.tril(np.linalg.inv(lower))
        logdet = np.sum(np.log(np.diagonal(lower, axis1=1, axis2=2)), axis=1)
        with np.errstate(divide="ignore"):
            lognorm = np.log(weight) - 0.5 * dim * math.log(2 * math.pi) - logdet
        for name, value in (("weights", weight), ("means", mean), ("covs", cov), ("_factors", factors), ("_lognorm", lognorm)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        if self.means.size > LONGEST:
            return f"<GaussianMixture of {self.means.shape[0]} components in dimension {self.dim}>"
        means = self.means[:, 0] if self.dim == 1 else self.means
        return constructor_call("GaussianMixture", self.weights.tolist(), means.tolist(), plain_covariances(self.covs))

    @property
    def dim(self) -> int:
        """Dimension d."""
        return int(self.means.shape[1])

    @property
    def mean(self) -> Array:
        """Overall mean, (d,)."""
        return np.asarray(self.weights @ self.means)

    @property
    def cov(self) -> Array:
        """Overall covariance, (d, d): within plus between components."""
        centred = self.means - self.mean
        return np.asarray(np.einsum("k,kij->ij", self.weights, self.covs) + (self.weights[:, None] * centred).T @ centred)

    def sample(self, n: int, *, rng: np.random.Generator | int | None) -> Array:
        """``n`` independent points, (n, d)."""
        count = integer("n", n)
        stream = generator(rng)
        labels = stream.choice(self.weights.shape[0], size=count, p=self.weights)
        noise = stream.standard_normal((count, self.dim))
        if self._factors.shape[0] == 1:
            return np.asarray(self.means[labels] + noise @ np.linalg.cholesky(self.covs[0]).T)
        for component, lower in enumerate(np.linalg.cholesky(self.covs)):
            chosen = labels == component
            noise[chosen] = self.means[component] + noise[chosen] @ lower.T
        return noise

    def logpdf(self, x: ArrayLike) -> Array:
        """Log density at the points ``x``, (n, d) or (n,) in one dimension; returns (n,)."""
        rows = points("x", x, self.dim)
        out = np.empty(rows.shape[0])
        for part, log_terms, _ in self._blocks(rows, residuals=False):
            out[part] = _log_total(log_terms)[:, 0]
        return out

    def score(self, x: ArrayLike) -> Array:
        """Gradient of the log density, in the shape of ``x``."""
        rows = points("x", x, self.dim)
        out = np.empty_like(rows)
        if self._many_shared:  # the components differ in their means alone: a matrix product does
            for part, log_terms, _ in self._blocks(rows, residuals=False):
                out[part] = (_normalised(log_terms) @ self.means - rows[part]) @ self._precision
            return out.reshape(np.shape(x))
        for part, log_terms, pulls in self._blocks(rows):
            shares = _normalised(log_terms)
            out[part] = np.einsum("nk,nkd->nd", shares, pulls)
        return out.reshape(np.shape(x))

    def score_divergence(self, x: ArrayLike) -> Array:
        """Laplacian of the log density, i.e. the divergence of the score; returns (n,)."""
        rows = points("x", x, self.dim)
        out = np.empty(rows.shape[0])
        traces = np.sum(self._factors**2, axis=(1, 2))
        if self._many_shared:
            slopes = (self.means - self.means.mean(axis=0)) @ self._precision
            for part, log_terms, _ in self._blocks(rows, residuals=False):
                shares = _normalised(log_terms)
                out[part] = shares @ np.sum(slopes**2, axis=1) - np.sum((shares @ slopes) ** 2, axis=1) - traces[0]
            return out
        for part, log_terms, pulls in self._blocks(rows):
            shares = _normalised(log_terms)
            mean_pull = np.einsum("nk,nkd->nd", shares, pulls)
            spread = np.sum(shares[:, :, None] * (pulls - mean_pull[:, None, :]) ** 2, axis=(1, 2))
            out[part] = spread - np.sum(shares * traces, axis=1)
        return out

    @property
    def _many_shared(self) -> bool:
        """Whether one covariance serves so many components that matrix products pay."""
        return bool(self._factors.shape[0] == 1 and self.weights.shape[0] >= GEMM_FROM)

    @property
    def _precision(self) -> Array:
        """The inverse of the covariance that all components share."""
        return np.asarray(self._factors[0].T @ self._factors[0])

    def _blocks(self, rows: Array, residuals: bool = True) -> Iterator[tuple[slice, Array, Array]]:
        """Blocks of rows with log(weight_k N_k) (n, k) and the component scores -S_k^-1 (x - m_k) (n, k, d).

        Both lie in memory component by component, so that sums over components run over whole rows.
        """
        count = self.weights.shape[0]
        size = max(16, CHUNK // (count * (self.dim if residuals or count < GEMM_FROM else 1)))
        shared = self._factors.shape[0] == 1
        white_means = self.means @ self._factors[0].T if shared else None
        for start in range(0, rows.shape[0], size):
            part = slice(start, min(start + size, rows.shape[0]))
            if white_means is not None and not residuals and count >= GEMM_FROM:
                centre = white_means.mean(axis=0)  # removing the common offset limits the cancellation below
                left, right = rows[part] @ self._factors[0].T - centre, white_means - centre
                square = np.sum(left**2, axis=1)[:, None] + np.sum(right**2, axis=1) - 2.0 * (left @ right.T)
                yield part, self._lognorm - 0.5 * np.maximum(square, 0.0), np.empty(0)
                continue
            white = rows[part] - self.means[:, None, :]  # (k, n, d)
            if self.dim == 1:
                white *= self._factors
            elif shared:
                white = (white.reshape(-1, self.dim) @ self._factors[0].T).reshape(white.shape)
            else:
                white = white @ np.swapaxes(self._factors, 1, 2)
            square = np.square(white[:, :, 0]) if self.dim == 1 else np.einsum("knd,knd->kn", white, white)
            square *= -0.5
            square += self._lognorm[:, None]
            if not residuals:
                yield part, square.T, np.empty(0)
            elif self.dim == 1:
                yield part, square.T, np.swapaxes(white * -self._factors, 0, 1)
            elif shared:
                pulls = (white.reshape(-1, self.dim) @ -self._factors[0]).reshape(white.shape)
                yield part, square.T, np.swapaxes(pulls, 0, 1)
            else:
                yield part, square.T, np.swapaxes(white @ -self._factors, 0, 1)


@dataclass(frozen=True, eq=False)
class Gaussian(Pasted):
    """N(mean, cov).

    Args:
        mean: (d,), or a scalar in one dimension.
        cov: a variance (scalar), (d,) variances or a (d, d) covariance, positive definite; stored as (d, d).

    Raises:
        ValueError, TypeError: naming the argument that is not of this form.
    """

    mean: Array
    cov: Array
    _law: GaussianMixture = field(init=False, repr=False)

    def __init__(self, mean: ArrayLike, cov: ArrayLike) -> None:
        centre = np.atleast_1d(real_array("mean", mean, LOCATION, ndim=(0, 1)))
        matrix = covariance("cov", cov, centre.shape[0])
        object.__setattr__(self, "_law", GaussianMixture([1.0], centre[None, :], matrix[None, :, :]))
        for name, value in (("mean", centre), ("cov", matrix)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return constructor_call("Gaussian", plain_vector(self.mean), plain_covariance(self.cov))

    @property
    def dim(self) -> int:
        """Dimension d."""
        return int(self.mean.shape[0])

    def sample(self, n: int, *, rng: np.random.Generator | int | None) -> Array:
        """``n`` independent points, (n, d)."""
        return self._law.sample(n, rng=rng)

    def logpdf(self, x: ArrayLike) -> Array:
        """Log density at the points ``x``, (n, d) or (n,) in one dimension; returns (n,)."""
        return self._law.logpdf(x)

    def score(self, x: ArrayLike) -> Array:
        """Gradient of the log density, in the shape of ``x``."""
        return self._law.score(x)

    def score_divergence(self, x: ArrayLike) -> Array:
        """Laplacian of the log density; returns (n,)."""
        return self._law.score_divergence(x)


Target: TypeAlias = Gaussian | GaussianMixture


def as_mixture(target: Target, name: str = "target") -> GaussianMixture:
    """The same law as a mixture (a Gaussian is a mixture of one); TypeError for anything else, under the argument's name."""
    if isinstance(target, GaussianMixture):
        return target
    if isinstance(target, Gaussian):
        return target._law
    raise TypeError(f"{name} must be a Gaussian or a GaussianMixture, got {type(target).__name__}")


def mix(alpha: float, p: Target, q: Target) -> GaussianMixture:
    """alpha p + (1 - alpha) q, the data of the next round: a fraction ``alpha`` in [0, 1] of p. Equal components merge."""
    share = real("alpha", alpha, FRACTION)
    left, right = as_mixture(p, "p"), as_mixture(q, "q")
    if left.dim != right.dim:
        raise ValueError(f"p and q must have the same dimension, got {left.dim} and {right.dim}")
    return merged(
        np.concatenate([share * left.weights, (1.0 - share) * right.weights]),
        np.concatenate([left.means, right.means]),
        np.concatenate([left.covs, right.covs]),
    )


def merged(weights: Array, means: Array, covs: Array) -> GaussianMixture:
    """A mixture from components of which bitwise equal ones are merged and those of weight zero dropped."""
    kept = weights > 0.0
    weights, means, covs = weights[kept], means[kept], covs[kept]
    count, dim = means.shape
    keys = np.concatenate([means, covs.reshape(count, dim * dim)], axis=1)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    totals = np.bincount(inverse.ravel(), weights=weights)
    order = np.argsort(first)  # keep the order in which components first appear
    return GaussianMixture(totals[order] / totals.sum(), means[first[order]], covs[first[order]])


def fit_target(
    samples: ArrayLike, components: int = 1, *, rng: np.random.Generator | int | None = None
) -> Gaussian | GaussianMixture:
    """Maximum-likelihood Gaussian (1/n covariance) or, with ``components`` > 1, a full-covariance mixture by EM.

    Args:
        samples: (n, d) real data, n > d; (n,) in one dimension.
        components: number of mixture components, at most n.
        rng: seed of the EM starts (five of them, the best kept).

    Raises:
        ValueError: too few points, constant or collinear columns, components < 1 or EM without convergence.
        ImportError: ``components`` > 1 without scikit-learn (extra ``fit``).
    """
    data = points("samples", samples)
    count = integer("components", components, COUNT)
    n, dim = data.shape
    if n <= dim or n < count:
        raise ValueError(f"samples must have more rows than columns and at least components rows, got shape {data.shape}")
    stream = generator(rng)
    centred = data - data.mean(axis=0)
    scale = centred.std(axis=0)
    if np.any(scale == 0.0):
        raise ValueError(f"samples must vary in every column, got a constant column {int(np.argmin(scale))}")
    standard = centred / scale
    if float(np.linalg.eigvalsh(standard.T @ standard / n)[0]) < 1e-12:
        raise ValueError("samples must not be collinear, got columns that determine one another")
    if count == 1:
        return Gaussian(data.mean(axis=0), centred.T @ centred / n)
    from sklearn.mixture import GaussianMixture as ExpectationMaximisation

    model = ExpectationMaximisation(
        n_components=count, n_init=5, max_iter=1000, tol=1e-6, random_state=int(stream.integers(2**31 - 1))
    ).fit(standard)
    if not model.converged_:
        raise ValueError(f"samples did not let EM converge with components = {count}; use fewer components")
    means = data.mean(axis=0) + model.means_ * scale
    covs = model.covariances_ * np.outer(scale, scale)
    return GaussianMixture(model.weights_ / model.weights_.sum(), means, 0.5 * (covs + np.swapaxes(covs, 1, 2)))


def paper_mixture() -> GaussianMixture:
    """The 10-D mixture of KTV-A: five equal components at 0 and (±4, ±4, 0, ..., 0), standard deviation 0.6."""
    means = np.zeros((5, 10))
    means[1:, :2] = [[4.0, 4.0], [4.0, -4.0], [-4.0, 4.0], [-4.0, -4.0]]
    return GaussianMixture(np.full(5, 0.2), means, 0.36)


def _log_total(log_terms: Array) -> Array:
    """log of the sum of exp over components, (n, k) -> (n, 1), without overflow; four times faster than scipy's."""
    peak = np.max(log_terms, axis=1, keepdims=True)
    if log_terms.shape[1] == 1:
        return np.asarray(peak)
    peak = np.where(np.isfinite(peak), peak, 0.0)  # every density underflowed: the sum is 0, not NaN
    with np.errstate(divide="ignore"):
        return np.asarray(peak + np.log(np.sum(np.exp(log_terms - peak), axis=1, keepdims=True)))


def _normalised(log_terms: Array) -> Array:
    return np.asarray(np.exp(log_terms - _log_total(log_terms)))


def _component_covariances(covs: ArrayLike, count: int, dim: int) -> tuple[Array, bool]:
    raw = real_array("covs", covs, Domain(-VARIANCE.high, VARIANCE.high), ndim=(0, 1, 2, 3))
    if raw.ndim == 0:
        return np.broadcast_to(covariance("covs", raw, dim), (count, dim, dim)).copy(), True
    if raw.shape[0] != count:
        raise ValueError(f"covs must have one entry per component, {count}, got shape {raw.shape}")
    if raw.ndim > 1 and raw.shape[1:] not in ((dim,), (dim, dim)):
        raise ValueError(f"covs must have shape ({count}, {dim}) or ({count}, {dim}, {dim}), got shape {raw.shape}")
    shared = bool(np.all(raw == raw[0]))
    matrices = _matrices(raw[:1] if shared else raw, dim)
    return (np.broadcast_to(matrices[0], (count, dim, dim)).copy() if shared else matrices), shared


def _matrices(raw: Array, dim: int) -> Array:
    """Validated (k, d, d) covariances from (k,), (k, d) or (k, d, d); a wrong one is refused by its index."""
    matrices = raw if raw.ndim == 3 else np.eye(dim) * (raw[:, None, None] if raw.ndim == 1 else raw[:, None, :])
    size = np.abs(matrices).max(axis=(1, 2))
    symmetric = 0.5 * (matrices + np.swapaxes(matrices, 1, 2))
    skewed = np.abs(matrices - symmetric).max(axis=(1, 2)) > 0.5e-10 * size
    wrong = np.flatnonzero(skewed | (np.linalg.eigvalsh(symmetric)[:, 0] < VARIANCE.low))
    if wrong.size:
        covariance(f"covs[{wrong[0]}]", raw[wrong[0]], dim)  # says what is wrong with it
    return np.asarray(symmetric)
