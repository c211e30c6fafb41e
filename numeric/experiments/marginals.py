"""One-dimensional marginals of a learned law against those of the data: W1, TV and KL by quadrature, coordinate by coordinate.

The marginal of thousands of kernels is their centres on a fine grid, convolved with one kernel. Sharing each centre between its
two neighbours adds a sixth of the squared spacing to its variance on average, which is taken from the kernel's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import Array

__all__ = ["MarginalDistances", "marginal_densities", "marginal_distances"]

REACH = 9.0  # standard deviations beyond the outermost centre
FINENESS = 24.0
LARGEST_GRID = 1 << 16
NEGLIGIBLE = 1e-15  # density, relative to its maximum, that is rounding of the convolution


@dataclass(frozen=True, eq=False)
class MarginalDistances:
    """(d,) each: W1, TV and KL(learned || data) of the marginals."""

    w1: Array
    tv: Array
    kl: Array


def marginal_distances(law: KernelMixture | Gaussian | GaussianMixture, target: Target) -> MarginalDistances:
    """Distances of every one-dimensional marginal of ``law`` from that of ``target``."""
    data = as_mixture(target)
    out = np.empty((3, data.dim))
    for axis in range(data.dim):
        grid, learned, reference, log_reference = marginal_densities(law, data, axis)
        step = grid[1] - grid[0]
        gap = learned - reference
        excess = np.concatenate([[0.0], np.cumsum(0.5 * (gap[1:] + gap[:-1]))]) * step
        seen = learned > NEGLIGIBLE * learned.max()
        ratio = np.log(learned[seen]) - log_reference[seen]
        out[:, axis] = (
            float(np.abs(excess).sum()) * step,
            0.5 * float(np.abs(gap).sum()) * step,
            max(float(learned[seen] @ ratio) * step, 0.0),
        )
    return MarginalDistances(out[0], out[1], out[2])


def marginal_densities(
    law: KernelMixture | Gaussian | GaussianMixture, data: GaussianMixture, axis: int
) -> tuple[Array, Array, Array, Array]:
    """Grid, density of the learned marginal, density and log density of the data's."""
    means, spreads = data.means[:, axis], np.sqrt(data.covs[:, axis, axis])
    if isinstance(law, KernelMixture):
        centres, widths = law.centres[:, axis], np.array([math.sqrt(law.variance)])
    else:
        mixture = as_mixture(law)
        centres, widths = mixture.means[:, axis], np.sqrt(mixture.covs[:, axis, axis])
    reach = REACH * max(float(widths.max()), float(spreads.max()))
    low = min(float(centres.min()), float(means.min())) - reach
    high = max(float(centres.max()), float(means.max())) + reach
    finest = min(float(widths.min()), float(spreads.min()))
    size = min(1 << math.ceil(math.log2((high - low) * FINENESS / finest)), LARGEST_GRID)
    grid = np.linspace(low, high, size)
    reference = _mixture_density(grid, data.weights, means, spreads)
    with np.errstate(divide="ignore"):
        log_reference = np.where(
            reference > 1e-300, np.log(np.maximum(reference, 1e-300)), _log_tail(grid, data.weights, means, spreads)
        )
    if isinstance(law, KernelMixture):
        return grid, _convolved(grid, centres, float(widths[0])), reference, log_reference
    return grid, _mixture_density(grid, mixture.weights, centres, widths), reference, log_reference


def _mixture_density(grid: Array, weights: Array, means: Array, spreads: Array) -> Array:
    standard = (grid[:, None] - means) / spreads
    return np.asarray(np.exp(-0.5 * standard**2) @ (weights / (spreads * math.sqrt(2.0 * math.pi))))


def _log_tail(grid: Array, weights: Array, means: Array, spreads: Array) -> Array:
    """Log density by its largest component: where the density itself underflows."""
    standard = (grid[:, None] - means) / spreads
    with np.errstate(divide="ignore"):
        return np.asarray(np.max(np.log(weights / (spreads * math.sqrt(2.0 * math.pi))) - 0.5 * standard**2, axis=1))


def _convolved(grid: Array, centres: Array, width: float) -> Array:
    """Equal kernels of this width at the centres: shared between neighbouring grid points, then convolved by FFT."""
    step, size = grid[1] - grid[0], grid.shape[0]
    place = (centres - grid[0]) / step
    left = np.floor(place).astype(np.int64)
    right_share = place - left
    counts = np.bincount(left, weights=1.0 - right_share, minlength=size)
    counts += np.bincount(left + 1, weights=right_share, minlength=size)
    frequency = np.fft.rfftfreq(size, d=step) * 2.0 * math.pi
    narrow = math.sqrt(max(width**2 - step**2 / 6.0, 0.0))  # the sharing has spread every centre already
    spectrum = np.fft.rfft(counts) * np.exp(-0.5 * (frequency * narrow) ** 2)
    return np.asarray(np.maximum(np.fft.irfft(spectrum, n=size), 0.0) / (centres.shape[0] * step))
