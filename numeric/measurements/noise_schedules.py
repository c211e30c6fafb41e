"""Noise schedules as people train with them, and their place on this project's Ornstein-Uhlenbeck clock.

Every schedule adds Gaussian noise to scaled data, x = a x0 + s xi with xi ~ N(0, I). Divided by sqrt(a² + s²) that is the law
at time t = -log(alpha_bar) of dX = -X/2 dt + dB, with alpha_bar = a²/(a² + s²): only the ratio a/s matters. For
variance-preserving (VP) schedules a² + s² = 1 and nothing is divided; for variance-exploding (VE, EDM) ones a = 1 and s =
sigma, so t = log(1 + sigma²); for straight paths (flow matching) a = 1 - tau and s = tau.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from numeric.laws.process import OU
from numeric.validation import POSITIVE, Array, Domain, integer, real, real_array, shown

__all__ = ["Family", "NoiseSchedule", "edm", "flow", "karras_sigmas", "vp", "vp_cosine", "vp_linear"]

Family = Literal["vp", "ve", "flow"]

INSIDE = Domain(0.0, 1.0, True, True)
SEVERAL = Domain(2, 10_000_000)


@dataclass(frozen=True, eq=False)
class NoiseSchedule:
    """K noise levels, from weak to strong noise or from strong to weak: losses come in the same order.

    Attributes:
        family: "vp", "ve" or "flow": which scaling and which prediction targets the model was trained with.
        signal, noise: (K,) a > 0 and s > 0 of x = a x0 + s xi.
        sigma_data: the data scale of EDM's preconditioning, None elsewhere.

    Raises:
        ValueError: fewer than two levels, levels not positive or out of order, another family, sigma_data not positive.
    """

    family: Family
    signal: Array
    noise: Array
    sigma_data: float | None = None

    def __post_init__(self) -> None:
        signal = real_array("signal", self.signal, POSITIVE, ndim=(1,))
        noise = real_array("noise", self.noise, POSITIVE, ndim=(1,))
        if signal.shape != noise.shape:
            raise ValueError(f"noise must have one entry per level like signal, {signal.shape[0]}, got {noise.shape[0]}")
        integer("number of levels", signal.shape[0], SEVERAL)
        steps = np.diff(np.log(signal) - np.log(noise))
        if not (np.all(steps > 0.0) or np.all(steps < 0.0)):
            raise ValueError("noise must rise (or fall) strictly from level to level against signal, got levels out of order")
        if not isinstance(self.family, str) or self.family not in get_args(Family):
            raise ValueError(f"family must be one of {', '.join(get_args(Family))}, got {shown(self.family)}")
        if self.sigma_data is not None:
            object.__setattr__(self, "sigma_data", real("sigma_data", self.sigma_data, POSITIVE))
        for name, value in (("signal", signal), ("noise", noise)):
            value.flags.writeable = False
            object.__setattr__(self, name, value)

    @property
    def log_snr(self) -> Array:
        """(K,) log(a²/s²), the variable in which energies are plain integrals of noise-prediction losses."""
        difference: Array = 2.0 * (np.log(self.signal) - np.log(self.noise))
        return difference

    @property
    def alpha_bar(self) -> Array:
        """(K,) a²/(a² + s²) = exp(-t)."""
        share: Array = 1.0 / (1.0 + np.exp(-self.log_snr))
        return share

    @property
    def time(self) -> Array:
        """(K,) Ornstein-Uhlenbeck time t = -log(alpha_bar) = log(1 + s²/a²)."""
        elapsed: Array = np.log1p(np.exp(-self.log_snr))
        return elapsed

    @property
    def process(self) -> OU:
        """The time interval that the levels span: energies summed over them are those of this process."""
        elapsed = self.time
        return OU(float(elapsed.min()), float(elapsed.max()))

    def take(self, levels: Sequence[int] | NDArray[np.int64]) -> NoiseSchedule:
        """Only these levels (indices from 0), at least two of them, in order: the ones at which losses were recorded."""
        try:
            chosen = np.asarray(levels)
        except ValueError:  # ragged nesting
            raise TypeError(f"levels must be a list of indices, got {shown(levels)}") from None
        if chosen.dtype.kind not in "iu" or chosen.ndim != 1:
            raise TypeError(f"levels must be a list of indices, got {shown(levels)}")
        count = self.signal.shape[0]
        if np.any((chosen < 0) | (chosen >= count)):
            raise ValueError(f"levels must be in [0, {count - 1}], got {int(chosen[(chosen < 0) | (chosen >= count)][0])}")
        return NoiseSchedule(self.family, self.signal[chosen], self.noise[chosen], self.sigma_data)


def vp(alpha_bar: ArrayLike) -> NoiseSchedule:
    """Any variance-preserving schedule from its cumulative products, e.g. ``scheduler.alphas_cumprod`` of diffusers.

    Args:
        alpha_bar: (K,) in (0, 1), strictly monotone: x = sqrt(alpha_bar) x0 + sqrt(1 - alpha_bar) xi.
    """
    share = real_array("alpha_bar", alpha_bar, INSIDE, ndim=(1,))
    return NoiseSchedule("vp", np.sqrt(share), np.sqrt(1.0 - share))


def vp_linear(steps: int = 1000, beta_min: float = 1e-4, beta_max: float = 0.02) -> NoiseSchedule:
    """The linear schedule of DDPM: beta_k evenly spaced, alpha_bar_k = prod_{j<=k} (1 - beta_j).

    Args:
        steps: K >= 2.
        beta_min, beta_max: variances added *per step*, in (0, 1). The continuous-time convention (0.1 and 20 over unit time)
            divides by the steps: 0.1/steps and 20/steps.

    Source: Ho, Jain, Abbeel, "Denoising diffusion probabilistic models", section 4.
    """
    count = integer("steps", steps, SEVERAL)
    low, high = real("beta_min", beta_min, INSIDE), real("beta_max", beta_max, POSITIVE)
    if high >= 1.0:
        raise ValueError(
            f"beta_max must be in (0, 1), the variance added per step, got {high:g}; 20 over unit time is 20/steps"
        )
    if low > high:
        raise ValueError(f"beta_min must be at most beta_max = {high:g}, got {low:g}")
    return _from_betas(np.linspace(low, high, count))


def vp_cosine(steps: int = 1000, offset: float = 0.008, largest_beta: float = 0.999) -> NoiseSchedule:
    """The cosine schedule: alpha_bar_k = f(k)/f(0), f(k) = cos²(pi/2 (k/K + offset)/(1 + offset)), each beta at most
    ``largest_beta``.

    Source: Nichol, Dhariwal, "Improved denoising diffusion probabilistic models", section 3.2.
    """
    count = integer("steps", steps, SEVERAL)
    shift, cap = real("offset", offset, POSITIVE), real("largest_beta", largest_beta, INSIDE)
    step = 0.5 * np.pi / count / (1.0 + shift)
    left = step * np.arange(count, 0, -1)  # f = sin² of it, and of a step less at the next k
    # sin² b - sin² a = sin(b - a) sin(b + a): as a difference beta would lose its digits where the steps are small
    return _from_betas(np.minimum(np.sin(step) / np.sin(left) * (np.sin(2.0 * left - step) / np.sin(left)), cap))


def edm(sigmas: ArrayLike, sigma_data: float = 0.5) -> NoiseSchedule:
    """A variance-exploding schedule x = x0 + sigma xi, as in EDM; without the final sigma = 0 of a sampler.

    Args:
        sigmas: (K,) > 0, strictly monotone, in units of the data.
        sigma_data: of the preconditioning, needed for losses of kind "edm" only.

    Source: Karras, Aittala, Aila, Laine, "Elucidating the design space of diffusion-based generative models", table 1.
    """
    levels = real_array("sigmas", sigmas, POSITIVE, ndim=(1,))
    return NoiseSchedule("ve", np.ones_like(levels), levels, real("sigma_data", sigma_data, POSITIVE))


def karras_sigmas(steps: int = 40, sigma_min: float = 0.002, sigma_max: float = 80.0, rho: float = 7.0) -> Array:
    """(steps,) sigmas from large to small, evenly spaced in sigma^(1/rho), for ``edm``. Source: as there, equation 5."""
    count = integer("steps", steps, SEVERAL)
    low, high = real("sigma_min", sigma_min, POSITIVE), real("sigma_max", sigma_max, POSITIVE)
    power = real("rho", rho, POSITIVE)
    if low >= high:
        raise ValueError(f"sigma_min must be less than sigma_max = {high:g}, got {low:g}")
    with np.errstate(under="ignore"):
        spaced: Array = high * np.linspace(1.0, (low / high) ** (1.0 / power), count) ** power
    spaced[-1] = low
    return spaced


def flow(times: ArrayLike) -> NoiseSchedule:
    """Straight paths x = (1 - tau) x0 + tau xi (flow matching, rectified flow).

    Args:
        times: (K,) tau in (0, 1), strictly monotone; tau = 0 is data.
    """
    tau = real_array("times", times, INSIDE, ndim=(1,))
    return NoiseSchedule("flow", 1.0 - tau, tau)


def _from_betas(betas: Array) -> NoiseSchedule:
    kept = np.cumsum(np.log1p(-betas))
    return NoiseSchedule("vp", np.exp(0.5 * kept), np.sqrt(-np.expm1(kept)))
