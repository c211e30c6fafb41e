"""What every law of points offers, whatever it is made of."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from numeric.validation import Array

__all__ = ["Law"]


@runtime_checkable
class Law(Protocol):
    """A law with a density on d-dimensional space: Gaussian, GaussianMixture, KernelMixture, Blend."""

    @property
    def dim(self) -> int:
        """Dimension d."""
        ...

    def sample(self, n: int, *, rng: np.random.Generator | int | None) -> Array:
        """``n`` independent points, (n, d)."""
        ...

    def logpdf(self, x: ArrayLike) -> Array:
        """Log density (natural logarithm) at the points ``x``, (n, d); returns (n,)."""
        ...

    def score(self, x: ArrayLike) -> Array:
        """Gradient of the log density at ``x``, in the shape of ``x``."""
        ...
