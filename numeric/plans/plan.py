"""How much fresh data a drift allows: least fresh fraction, largest energy, points per generation, length of memory.

Two theorems stand behind every number here. In chi2, ``triangle`` and ``discounted-sum``: with innovations of size J in every
round the drift ends at most at J²/alpha² (coherent errors) or at J²/(alpha (2 - alpha)) (orthogonal errors). The plan takes
J² = eta eps², the *leading order* in the error: right where eps² and the drift are small against 1, a guide elsewhere. In total
variation, ``tv-discount``: the drift ends at most at ½ epŝ/alpha, *rigorous* up to the smoothing TV(q_t0, q) of early stopping.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize

from numeric.laws.process import OU
from numeric.validation import FRACTION, NONNEGATIVE, POSITIVE, Array, Domain, integer, real, real_array, shown

__all__ = [
    "Divergence",
    "Frontier",
    "drift_ceiling",
    "drift_floor",
    "effective_memory",
    "forgetting_time",
    "frontier",
    "largest_energy",
    "plan_fresh_fraction",
    "plan_sample_size",
    "sampling_energy",
]

Divergence = Literal["chi2", "tv"]

BELOW_ONE = Domain(0.0, 1.0, True, True)
SOME = Domain(0.0, 1.0, True, False)
SMALLEST_SHOWN = 1e-3  # the least fresh fraction of a frontier drawn by default


@dataclass(frozen=True, eq=False)
class Frontier:
    """The pairs (alpha, energy) at which the ceiling of the drift equals the tolerance.

    Attributes:
        tolerance: of chi2(p^N || p), or of TV(p^N, p).
        divergence, coherent, observability, generations: what the ceiling assumes, as in ``drift_ceiling``.
        alpha: (K,) fresh fractions, increasing.
        energy: (K,) the largest energy eps² (for tv: epŝ²) per round that each of them bears.
    """

    tolerance: float
    divergence: Divergence
    coherent: bool
    observability: float
    generations: int | None
    alpha: Array
    energy: Array


def plan_fresh_fraction(
    tolerance: float,
    ideal_energy: float,
    *,
    observability: float = 1.0,
    coherent: bool = True,
    divergence: Divergence = "chi2",
    generations: int | None = None,
) -> float:
    """The least fresh fraction whose ceiling of the drift is at most ``tolerance``.

    In the long run, with J² = observability * ideal_energy: J/sqrt(tolerance) for coherent errors (a bias that repeats) and
    1 - sqrt(1 - J²/tolerance) for orthogonal ones (noise, drawn anew each round), both to leading order; in total variation
    ½ sqrt(ideal_energy)/tolerance, rigorous up to smoothing.

    Args:
        tolerance: of chi2(p^N || p), > 0; of TV(p^N, p), in (0, 1).
        ideal_energy: eps*² of every round, the excess score-matching loss under the ideal law. For "tv" the learned energy.
        observability: eta in [0, 1], the visible share of the energy. No part of the bound in total variation.
        coherent: whether errors of different rounds may add up. In total variation they always may.
        divergence: "chi2" or "tv".
        generations: plan for this many rounds from the data law on; None for the long run.

    Returns:
        alpha in [0, 1]; 0 where the errors of all rounds together stay below the tolerance.

    Raises:
        ValueError: no alpha <= 1 serves, because one round alone exceeds the tolerance; names the least attainable one.
        ValueError, TypeError: naming a bad argument.

    Source: triangle, discounted-sum, tv-discount (KTV-A, section 4, corrected).

    Example:
        >>> plan_fresh_fraction(0.5, 0.02)
        0.2
    """
    setting = _setting(tolerance, observability, coherent, divergence, generations)
    energy = real("ideal_energy", ideal_energy, NONNEGATIVE)
    least = setting.size(energy)
    if least > setting.tolerance:
        raise ValueError(
            f"tolerance must be at least {least:.6g}, the drift that one round alone may cause at fresh fraction 1, "
            f"got {setting.tolerance:.6g}"
        )
    if least == 0.0:
        return 0.0
    ratio = setting.tolerance / least  # the gain that the memory of earlier rounds may have, >= 1
    if generations is not None:
        return _least_fraction(setting, ratio)
    if setting.divergence == "tv":
        return 1.0 / ratio
    if setting.coherent:
        return math.sqrt(least / setting.tolerance)
    return 1.0 / (ratio * (1.0 + math.sqrt(1.0 - 1.0 / ratio)))  # 1 - sqrt(1 - 1/ratio) without cancellation


@overload
def drift_ceiling(
    alpha: float,
    energy: float,
    *,
    observability: float = ...,
    coherent: bool = ...,
    divergence: Divergence = ...,
    generations: int | None = ...,
) -> float: ...
@overload
def drift_ceiling(
    alpha: ArrayLike,
    energy: ArrayLike,
    *,
    observability: float = ...,
    coherent: bool = ...,
    divergence: Divergence = ...,
    generations: int | None = ...,
) -> float | Array: ...


def drift_ceiling(
    alpha: ArrayLike,
    energy: ArrayLike,
    *,
    observability: float = 1.0,
    coherent: bool = True,
    divergence: Divergence = "chi2",
    generations: int | None = None,
) -> float | Array:
    """Ceiling of the drift from the data law where every round has this fresh fraction and this energy.

    chi2, coherent: J² (sum_{k<N} rho^k)²; chi2, orthogonal: J² sum_{k<N} rho^{2k}; tv: ½ sqrt(energy) sum_{k<N} rho^k, at most
    1. Here rho = 1 - alpha, J² = observability * energy (leading order), N = ``generations`` or infinity.

    Args:
        alpha, energy: numbers or arrays that broadcast; alpha in [0, 1], energy >= 0.
        observability, coherent, divergence, generations: as in ``plan_fresh_fraction``.

    Returns:
        a float for numbers, else an array of the broadcast shape; inf where alpha is 0 in the long run and energy is not.
    """
    setting = _setting(0.5, observability, coherent, divergence, generations)
    fractions, energies = real_array("alpha", alpha, FRACTION), real_array("energy", energy, NONNEGATIVE)
    try:
        fractions, energies = np.broadcast_arrays(fractions, energies)
    except ValueError:
        raise ValueError(f"energy must broadcast with alpha, of shape {fractions.shape}, got shape {energies.shape}") from None
    size = setting.sizes(energies)
    gain = setting.gain(fractions)
    with np.errstate(invalid="ignore", over="ignore"):
        ceiling = np.where(size == 0.0, 0.0, size * gain)
    if setting.divergence == "tv":
        ceiling = np.minimum(ceiling, 1.0)
    return float(ceiling) if ceiling.ndim == 0 else ceiling


def drift_floor(alpha: float, ideal_energy: float, *, observability: float = 1.0) -> float:
    """What the larger of two consecutive drifts D_i, D_{i+1} in chi2 cannot go below: alpha eta eps²/(2 - alpha)².

    Whatever the drift so far and however the errors of different rounds are related (``consecutive-floor``), with
    I = observability * ideal_energy, to leading order in the error. There is no such floor for a single drift: a round may
    undo what the rounds before it did.
    """
    share = real("alpha", alpha, FRACTION)
    visible = real("observability", observability, FRACTION) * real("ideal_energy", ideal_energy, NONNEGATIVE)
    return share * visible / (2.0 - share) ** 2


def largest_energy(
    tolerance: float,
    alpha: float,
    *,
    observability: float = 1.0,
    coherent: bool = True,
    divergence: Divergence = "chi2",
    generations: int | None = None,
) -> float:
    """The largest energy per round whose ceiling of the drift at this fresh fraction is at most ``tolerance``.

    The inverse of ``plan_fresh_fraction`` in the energy; arguments as there. ``alpha`` in (0, 1], or 0 as well where
    ``generations`` is given.
    """
    setting = _setting(tolerance, observability, coherent, divergence, generations)
    share = real("alpha", alpha, SOME if generations is None else FRACTION)
    return float(setting.energies(np.asarray(share)))


def frontier(
    tolerance: float,
    *,
    observability: float = 1.0,
    coherent: bool = True,
    divergence: Divergence = "chi2",
    generations: int | None = None,
    alpha: ArrayLike | None = None,
) -> Frontier:
    """Fresh fraction against energy at fixed drift: below the curve the ceiling stays within ``tolerance``.

    Args:
        tolerance, observability, coherent, divergence, generations: as in ``plan_fresh_fraction``.
        alpha: (K,) fresh fractions in (0, 1]; default 200, evenly spread in their logarithm from 0.001 to 1.
    """
    setting = _setting(tolerance, observability, coherent, divergence, generations)
    shares = np.geomspace(SMALLEST_SHOWN, 1.0, 200) if alpha is None else real_array("alpha", alpha, SOME, ndim=(1,))
    shares = np.unique(shares)
    return Frontier(
        setting.tolerance,
        setting.divergence,
        setting.coherent,
        setting.observability,
        generations,
        shares,
        setting.energies(shares),
    )


def effective_memory(alpha: float) -> float:
    """1/alpha: the sum of (1 - alpha)^k, the number of generations whose errors are still felt; inf for alpha = 0.

    A unit error of every round adds up to this many unit errors in the root of chi2 and in total variation.
    """
    share = real("alpha", alpha, FRACTION)
    return math.inf if share == 0.0 else 1.0 / share


def forgetting_time(alpha: float) -> float:
    """-1/log(1 - alpha): the number of generations in which the root of chi2, or TV, falls by a factor e.

    0 for alpha = 1, inf for alpha = 0; between 1/alpha - 1 and 1/alpha - 1/2. chi2 itself falls twice as fast.
    """
    share = real("alpha", alpha, FRACTION)
    if share in (0.0, 1.0):
        return math.inf if share == 0.0 else 0.0
    return -1.0 / math.log1p(-share)


def sampling_energy(
    sample_size: float, *, dim: int | None = None, eigenvalues: ArrayLike | None = None, process: OU | None = None
) -> float:
    """Expected energy eps*² of an affine score model fitted on ``sample_size`` points of a Gaussian, to leading order in 1/n.

    (1/n) [sum_j w_j + sum_j w_j² + sum_{j<k} w_j w_k] between u_T and u_t0, w_j = lambda_j u/(1 + (lambda_j - 1) u), u =
    exp(-t). Every w_j rises from 0 to 1, so that d(d+3)/(2n), the number of parameters over n, is at least this. The energy
    itself is larger, by a share of order d/n: a third at n = 6.5 d, three hundredths at 65 d (d = 10, no early stopping).

    Args:
        sample_size: n >= 1, points that one round trains on, fresh and synthetic together.
        dim: d; the form d(d+3)/(2n) without early stopping. Exactly one of ``dim`` and ``eigenvalues`` is needed.
        eigenvalues: (d,) of the covariance of what the round trains on, > 0.
        process: with ``eigenvalues``, the time interval of the energy; ``OU()`` where not given.

    Source: sample-size-law, sample-size-law-limit. Errors of this kind are fresh draws: they are orthogonal from round to
    round.
    """
    points = real("sample_size", sample_size, Domain(1.0, math.inf))
    return _parameters(dim, eigenvalues, process)[0] / points


def plan_sample_size(
    energy: float, *, dim: int | None = None, eigenvalues: ArrayLike | None = None, process: OU | None = None
) -> int:
    """The least number of points per generation with ``sampling_energy`` at most ``energy``.

    Args:
        energy: > 0, what sampling may cost in each round; see ``largest_energy`` for a drift.
        dim, eigenvalues, process: as in ``sampling_energy``.

    Returns:
        n, at least d + 1: with fewer points the fitted covariance is singular.

    The law counts the parameters of an affine score. A network has its own count; then take this as the scale d²/(2 n) at which
    second moments are learned, and nothing finer.
    """
    wanted = real("energy", energy, POSITIVE)
    parameters, count = _parameters(dim, eigenvalues, process)
    points = parameters / wanted
    if points > 2.0**53:
        raise ValueError(
            f"energy must be at least {parameters / 2.0**53:.3g}, so that n is a countable number, got {wanted:.3g}"
        )
    below = math.ceil(points) - 1
    if below > count and parameters / below <= wanted:  # the quotient was rounded up past an integer
        return below
    return max(below, count) + 1


def _parameters(dim: int | None, eigenvalues: ArrayLike | None, process: OU | None) -> tuple[float, int]:
    """n E eps*², and the dimension."""
    if (dim is None) == (eigenvalues is None):
        raise ValueError("exactly one of dim and eigenvalues must be given, got " + ("none" if dim is None else "both"))
    if eigenvalues is None:
        if process is not None:
            raise ValueError("process must be given with eigenvalues only: d(d+3)/2 is the form without early stopping")
        count = integer("dim", dim)
        return 0.5 * count * (count + 3), count
    spread = real_array("eigenvalues", eigenvalues, POSITIVE, ndim=(1,))
    if process is not None and not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {shown(process)}")
    interval = OU() if process is None else process

    def share(time: float) -> tuple[Array, Array]:
        rest = spread * math.exp(-time) - math.expm1(-time)
        return spread * math.exp(-time) / rest, rest

    (last, after), (first, before) = share(interval.t0), share(interval.T)
    # w(t0) - w(T), without cancellation where t0 ~ T
    rise = spread * math.exp(-interval.t0) * -math.expm1(interval.t0 - interval.T) / (after * before)
    both = last + first
    # sum w² + sum_{j<k} w w = (sum w² + (sum w)²)/2, and a difference of squares is the difference times the sum
    grown = float(np.sum(rise))
    return grown + 0.5 * float(np.sum(rise * both)) + 0.5 * grown * float(np.sum(both)), spread.size


@dataclass(frozen=True)
class _Setting:
    """What a ceiling assumes, validated: ceiling = size(energy) * gain(alpha)."""

    tolerance: float
    observability: float
    coherent: bool
    divergence: Divergence
    generations: int | None

    def sizes(self, energy: Array) -> Array:
        """What one round alone may do to the drift."""
        return 0.5 * np.sqrt(energy) if self.divergence == "tv" else self.observability * energy

    def size(self, energy: float) -> float:
        return float(self.sizes(np.asarray(energy)))

    def gain(self, alpha: Array) -> Array:
        """By how much the rounds before it multiply that."""
        with np.errstate(divide="ignore", over="ignore"):
            log_keep = np.log1p(-alpha)
            if self.divergence == "chi2" and not self.coherent:
                return self._memory(alpha * (2.0 - alpha), 2.0 * log_keep)
            sums = self._memory(alpha, log_keep)
            return sums if self.divergence == "tv" else sums**2

    def _memory(self, rate: Array, log_keep: Array) -> Array:
        """sum_{k<N} keep^k = (1 - keep^N)/(1 - keep) with rate = 1 - keep."""
        if self.generations is None:
            whole, gone = np.full(rate.shape, math.inf), np.ones(rate.shape)
        else:
            whole, gone = np.full(rate.shape, float(self.generations)), -np.expm1(self.generations * log_keep)
        np.divide(gone, rate, out=whole, where=rate > 0.0)
        return whole

    def energies(self, alpha: Array) -> Array:
        """The energies at which the ceiling equals the tolerance."""
        if self.divergence == "chi2" and self.observability == 0.0:
            raise ValueError("observability must be > 0 here, got 0: to leading order an invisible error costs nothing")
        with np.errstate(over="ignore"):
            allowed = self.tolerance / self.gain(alpha)
            return 4.0 * allowed**2 if self.divergence == "tv" else allowed / self.observability


def _setting(
    tolerance: float, observability: float, coherent: bool, divergence: Divergence, generations: int | None
) -> _Setting:
    if not isinstance(divergence, str):
        raise TypeError(f'divergence must be "chi2" or "tv", got {shown(divergence)}')
    if divergence not in ("chi2", "tv"):
        raise ValueError(f'divergence must be "chi2" or "tv", got {shown(divergence)}')
    if not isinstance(coherent, (bool, np.bool_)):
        raise TypeError(f"coherent must be True or False, got {shown(coherent)}")
    return _Setting(
        real("tolerance", tolerance, BELOW_ONE if divergence == "tv" else POSITIVE),
        real("observability", observability, FRACTION),
        bool(coherent),
        divergence,
        None if generations is None else integer("generations", generations),
    )


def _least_fraction(setting: _Setting, ratio: float) -> float:
    """The least alpha with gain(alpha) <= ratio over finitely many rounds; the gain falls from N or N² to 1."""

    def excess(alpha: float) -> float:
        return float(setting.gain(np.asarray(alpha))) - ratio

    return least_root(excess)


def least_root(excess: Callable[[float], float]) -> float:
    """The least alpha in [0, 1] at which a decreasing function is not positive, from above and to rounding."""
    if excess(0.0) <= 0.0:
        return 0.0
    if excess(1.0) >= 0.0:
        return 1.0
    near, ulps = 1e-16, 8.9e-16
    root = float(optimize.brentq(excess, 0.0, 1.0, xtol=near, rtol=ulps, maxiter=500))
    while excess(root) > 0.0:  # brentq stops on either side
        root = min(root + near + ulps * root, 1.0)
    return root
