"""A mixture of laws of any kind, such as the training law q_i = alpha p + (1 - alpha) p^i of a round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from numeric.laws.kernel_mixture import KernelMixture
from numeric.validation import COUNT, Array, generator, integer, points, probabilities

__all__ = ["Blend", "posterior"]


@dataclass(frozen=True, eq=False)
class Blend:
    """sum_j weights[j] laws[j].

    Args:
        weights: (k,), nonnegative, summing to one.
        laws: k laws, of the same dimension where they have one. Each must have ``sample``, and ``dim``, ``logpdf`` and
            ``score`` where the blend is asked for them. Blends are taken apart, parts of weight zero are dropped.

    Raises:
        ValueError, TypeError: weights that are no probabilities, another number of laws, laws of different dimensions, or
            something that cannot be sampled.
    """

    weights: Array
    laws: tuple[Any, ...]

    def __init__(self, weights: ArrayLike, laws: Sequence[object]) -> None:
        shares = probabilities("weights", weights)
        parts = tuple(laws)
        if len(parts) != shares.shape[0]:
            raise ValueError(f"laws must have one law per weight, {shares.shape[0]}, got {len(parts)}")
        for part in parts:
            if not callable(getattr(part, "sample", None)):
                raise TypeError(f"laws must have a method sample(n, rng=), got {type(part).__name__}")
        dims = {part.dim for part in parts if hasattr(part, "dim")}
        if len(dims) > 1:
            raise ValueError(f"laws must have the same dimension, got {sorted(dims)}")
        flat: list[tuple[float, object]] = []
        for share, part in zip(shares.tolist(), parts, strict=True):
            if share > 0.0 and isinstance(part, Blend):
                flat += [(share * own, law) for own, law in zip(part.weights.tolist(), part.laws, strict=True)]
            elif share > 0.0:
                flat.append((share, part))
        kept = np.array([share for share, _ in flat])
        kept /= kept.sum()
        kept.flags.writeable = False
        object.__setattr__(self, "weights", kept)
        object.__setattr__(self, "laws", tuple(law for _, law in flat))

    @property
    def dim(self) -> int:
        """Dimension d; TypeError where no part says it."""
        for law in self.laws:
            if hasattr(law, "dim"):
                return int(law.dim)
        raise TypeError("laws must say their dimension dim, got none that does")

    def sample(self, n: int, *, rng: np.random.Generator | int | None) -> Array:
        """``n`` independent points, (n, d), in random order."""
        stream = generator(rng)
        counts = stream.multinomial(integer("n", n), self.weights).tolist()
        drawn = [
            points("laws.sample(n, rng=)", law.sample(count, rng=stream))
            for law, count in zip(self.laws, counts, strict=True)
            if count
        ]
        return np.asarray(np.concatenate(drawn)[stream.permutation(sum(counts))])

    def logpdf(self, x: ArrayLike, workers: int = 1) -> Array:
        """Log density at ``x``, (n, d) or (n,) in one dimension; returns (n,), the same for any ``workers``."""
        rows, threads = points("x", x), integer("workers", workers, COUNT)
        return posterior(self.weights, np.stack([_logpdf(law, rows, threads) for law in self.laws]))[0]

    def score(self, x: ArrayLike, workers: int = 1) -> Array:
        """Gradient of the log density, in the shape of ``x``."""
        rows, threads = points("x", x), integer("workers", workers, COUNT)
        parts = [_both(law, rows, threads) for law in self.laws]
        shares = posterior(self.weights, np.stack([log for log, _ in parts]))[1]
        return np.asarray(sum(share[:, None] * score for share, (_, score) in zip(shares, parts, strict=True))).reshape(
            np.shape(x)
        )


def posterior(weights: Array, logs: Array) -> tuple[Array, Array]:
    """Log density (n,) and posterior shares (k, n) of a mixture from its parts' log densities (k, n)."""
    with np.errstate(divide="ignore"):
        terms = logs + np.log(weights)[:, None]
    top = np.max(terms, axis=0)
    top = np.where(np.isfinite(top), top, 0.0)  # every density underflowed: the sum is 0, not NaN
    terms = np.exp(terms - top)
    total = terms.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(top + np.log(total)), np.asarray(terms / total)


def _logpdf(law: Any, x: Array, workers: int) -> Array:
    return np.asarray(law.logpdf(x, workers) if isinstance(law, KernelMixture) else law.logpdf(x), dtype=np.float64)


def _both(law: Any, x: Array, workers: int) -> tuple[Array, Array]:
    if isinstance(law, KernelMixture):
        return law.logpdf_and_score(x, workers)
    if not callable(getattr(law, "score", None)):
        raise TypeError(f"laws must have a score, got {type(law).__name__} without one")
    return _logpdf(law, x, workers), np.asarray(law.score(x), dtype=np.float64)
