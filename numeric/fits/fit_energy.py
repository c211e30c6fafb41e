"""The score error of a Gaussian fitted on n points, averaged over fits: in full, and to second order in the error of the fit.

A fit N(m^, S^) of N(m, S) has the ideal energy eps*^2 = 2 [KL(q_t || p^_t)] from T to t0, with S^ the 1/n covariance. Shrinking
the deviation of a fit by a factor c shrinks its energy by c^2 in the limit; that limit, averaged, is the energy to leading
order in 1/n, and it is taken numerically from energies at small c of either sign.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from numeric.estimate import Estimate
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian
from numeric.validation import Array, Domain, generator, integer

__all__ = ["FitEnergy", "fit_energy"]

ENTRIES: Final = 1 << 20  # coordinates of points drawn at once
NUDGE: Final = 0.01  # largest relative change of a variance at the smallest step


@dataclass(frozen=True, eq=False, kw_only=True)
class FitEnergy:
    """E eps*^2 of a Gaussian fitted on n points of N(m, S).

    Attributes:
        target: N(m, S).
        process: the noising times, or None for the whole path, t0 = 0 and T infinite.
        n: points of one fit.
        fits: independent fits.
        sample_energy: E of the second-order part of the energy in the error of the fit, the leading order in 1/n.
        numerical_error: of ``sample_energy``, from two steps of the extrapolation.
        energy: E eps*^2 in full; None where its mean or its variance is infinite, see ``reason``.
        remainder: E of the difference of the two, fit by fit; None with ``energy``. Of order 1/n^2.
        reason: why ``energy`` is None.
        skewness: of ``sample_energy`` as a mean over fits.
    """

    target: Gaussian
    process: OU | None
    n: int
    fits: int
    sample_energy: Estimate
    numerical_error: float
    energy: Estimate | None
    remainder: Estimate | None
    reason: str = ""
    skewness: float = 0.0

    @property
    def signals(self) -> tuple[float, float]:
        """exp(-T) and exp(-t0)."""
        return (0.0, 1.0) if self.process is None else (math.exp(-self.process.T), math.exp(-self.process.t0))


def fit_energy(
    target: Gaussian,
    process: OU | None = None,
    *,
    n: int,
    fits: int,
    rng: np.random.Generator | int | None,
    workers: int = 1,
) -> FitEnergy:
    """Fit ``fits`` Gaussians, each on ``n`` points of ``target``, and average the ideal energies of their scores.

    Args:
        target: N(m, S) in d dimensions.
        process: early stop and horizon; None for the whole path, t0 = 0 and T infinite.
        n: points of one fit, > d.
        fits: independent fits, >= 2.
        rng: generator or seed; every block of fits has its own stream.
        workers: threads; the result does not depend on it.

    Returns:
        FitEnergy with Estimates. On the whole path the energy of a fit contains S^^-1, whose mean is finite only for
        n > d + 2 and whose variance only for n > d + 4.

    Raises:
        TypeError, ValueError: naming the argument.

    Example:
        >>> fit_energy(Gaussian(0.0, 1.0), OU(), n=50, fits=500, rng=1).sample_energy.n
        500
    """
    if not isinstance(target, Gaussian):
        raise TypeError(f"target must be a Gaussian, got {type(target).__name__}")
    if process is not None and not isinstance(process, OU):
        raise TypeError(f"process must be an OU or None, got {type(process).__name__}")
    dim = target.dim
    size = integer("n", n, Domain(2, 2**31 - 1))
    if size <= dim:
        raise ValueError(f"n must exceed the dimension {dim}, got {size}")
    count = integer("fits", fits, Domain(2, 2**31 - 1))
    threads = integer("workers", workers)
    block = max(ENTRIES // (size * dim), 1)
    sizes = [block] * (count // block) + ([count % block] if count % block else [])
    streams = generator(rng).spawn(len(sizes))
    values = np.asarray(np.linalg.eigvalsh(target.cov), dtype=np.float64)
    signals = (0.0, 1.0) if process is None else (math.exp(-process.T), math.exp(-process.t0))
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda rows, stream: _energies(values, signals, size, rows, stream), sizes, streams))
    full, leading, coarse = np.concatenate(parts, axis=1)
    reason = ""
    if process is None and size <= dim + 4:
        what = "mean" if size <= dim + 2 else "variance"
        reason = f"the {what} of the energy without early stopping is infinite for n <= d + {2 if what == 'mean' else 4}"
    return FitEnergy(
        target=target,
        process=process,
        n=size,
        fits=count,
        sample_energy=_estimate(leading),
        numerical_error=float(np.mean(np.abs(leading - coarse))),
        energy=None if reason else _estimate(full),
        remainder=None if reason else _estimate(full - leading),
        reason=reason,
        skewness=_skewness(leading),
    )


def _estimate(values: Array) -> Estimate:
    squares = float(np.sum(values**2))
    ess = float(np.sum(np.abs(values))) ** 2 / squares if squares > 0.0 else float(values.shape[0])
    count = values.shape[0]
    return Estimate(float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(count), count, ess)


def _skewness(values: Array) -> float:
    """Of the mean of the values."""
    centred = values - values.mean()
    spread = float(np.mean(centred**2))
    return float(np.mean(centred**3)) / spread**1.5 / math.sqrt(values.shape[0]) if spread > 0.0 else 0.0


def _energies(values: Array, signals: tuple[float, float], n: int, fits: int, stream: np.random.Generator) -> Array:
    """(3, fits): energy, its second-order part, and the same from steps twice as long. Axes are those of S."""
    dim = values.shape[0]
    points = stream.standard_normal((fits, n, dim))
    centre = points.mean(axis=1)
    points -= centre[:, None, :]
    spread = np.einsum("rpi,rpj->rij", points, points) / n - np.eye(dim)  # S^-1/2 (S^ - S) S^-1/2
    size = np.maximum(np.linalg.norm(spread, axis=(1, 2)), np.linalg.norm(centre, axis=1))
    step = np.minimum(NUDGE / size, 0.25)

    def quadratic(factor: float) -> Array:
        scale = factor * step
        both = _energy(values, signals, centre, spread, scale) + _energy(values, signals, centre, spread, -scale)
        return np.asarray(both / (2.0 * scale**2))

    one, two, four = (quadratic(factor) for factor in (1.0, 2.0, 4.0))
    full = _energy(values, signals, centre, spread, np.ones(fits))
    return np.stack([full, (4.0 * one - two) / 3.0, (4.0 * two - four) / 3.0])


def _energy(values: Array, signals: tuple[float, float], centre: Array, spread: Array, scale: Array) -> Array:
    """(fits,) 2 [KL(q_t || p^_t)] of the fits whose whitened deviations are ``scale`` times (centre, spread)."""
    total = np.zeros(centre.shape[0])
    for u, sign in zip(signals, (-1.0, 1.0), strict=True):
        if u == 0.0:  # both laws are N(0, I) there
            continue
        ratio = np.sqrt(u * values / (1.0 - u + u * values))  # root of the share of the signal in the variance of q_t
        widening = scale[:, None, None] * (ratio[:, None] * spread * ratio)
        shift = scale[:, None] * ratio * centre
        rates, axes = np.linalg.eigh(widening)
        along = np.einsum("ri,rij->rj", shift, axes)
        with np.errstate(divide="ignore"):
            divergence = np.sum(np.log1p(rates) - rates / (1.0 + rates) + along**2 / (1.0 + rates), axis=1)
        total += sign * divergence
    return total
