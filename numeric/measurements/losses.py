"""From the losses that people record to the score energy that the bounds speak of.

The bounds need eps² = int_{t0}^T E|e_t|² dt with e_t the learned minus the exact score on the Ornstein-Uhlenbeck clock. At
noise level x = a x0 + s xi the exact score is -E[xi | x]/s, in the scale of x, so that an error d in the predicted noise is
an error -d/s of the score there and -d sqrt(a² + s²)/s on the clock's scale. With t = log(1 + s²/a²),

    E|e_t|² dt = E|d|² (a² + s²)/s² dt = E|d|² |d lambda|,      lambda = log(a²/s²):

**the energy is the integral of the excess noise-prediction loss over the log signal-to-noise ratio, with weight one**,
whatever the schedule. (Half of it is what the model loses in its variational bound: energy = 2 (L_model - L_optimal) in
nats.) Every other prediction target is linear in the noise given x, so its loss is that of the noise times a known factor.

*Excess* means beyond the optimum: a denoising loss compares with one drawn xi and not with E[xi | x], so it contains
E|xi - E[xi | x]|², which no model removes. ``irreducible_loss`` gives that part exactly for a Gaussian data law. For other
data:

* the same formula with the data's covariance is the loss of the best *linear* denoiser, which is never below the optimum:
  subtracting it gives a lower bound of the energy, subtracting nothing an upper bound (``energy_bracket``);
* two models on the same data and noise share the irreducible part: the difference of their losses is that of their energies;
* the loss of a far larger or longer trained model on the same held-out data is an estimate of it from above.

Held-out points of q_i, the law that round i trained on, give the ideal energy eps*². (The learned energy needs the exact
score along the model's own paths; a denoising loss on generated points measures something else.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from numeric.estimate import Estimate
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian
from numeric.measurements.noise_schedules import NoiseSchedule
from numeric.validation import NONNEGATIVE, Array, integer, real, real_array, shown

__all__ = [
    "Kind",
    "ScoreEnergy",
    "energy_bracket",
    "energy_range",
    "energy_weights",
    "irreducible_loss",
    "score_energy",
]

Kind = Literal["epsilon", "x0", "v", "velocity", "score", "edm"]
KINDS = ("epsilon", "x0", "v", "velocity", "score", "edm")
KNOWN = 1_000_000  # draws behind a reported standard error, which is taken as known


@dataclass(frozen=True, eq=False)
class ScoreEnergy:
    """The energy of one round.

    Attributes:
        value: the trapezoid sum over log signal-to-noise ratio.
        stderr: its standard error; 0 where none was given.
        grid_error: |sum - the same over every other level|/3, an estimate of what the sum over levels leaves of the integral;
            inf for two levels.
        process: the time interval [t0, T] that it covers. What lies outside is not in it.
        contributions: (K,) of the levels; they add up to ``value``.
    """

    value: float
    stderr: float
    grid_error: float
    process: OU
    contributions: Array

    def __float__(self) -> float:
        return self.value

    @property
    def estimate(self) -> Estimate:
        """The value with its standard error, for ``check_measurements``."""
        return Estimate(self.value, self.stderr, KNOWN)


def score_energy(
    losses: ArrayLike,
    schedule: NoiseSchedule,
    *,
    kind: Kind = "epsilon",
    irreducible: ArrayLike | Gaussian,
    averaged_over: int = 1,
    stderr: ArrayLike | None = None,
) -> ScoreEnergy:
    """Score energy eps*² of one round from its losses, one per noise level.

    Args:
        losses: (K,) mean squared errors at the levels of ``schedule``, in its order, *without* the weight lambda(t) or SNR(t)
            of a training objective (but see "edm").
        schedule: K levels; ``schedule.take(...)`` where only some were recorded.
        kind: what the model predicts. "epsilon": the noise xi. "x0": the clean data (a denoiser, EDM's D). "v":
            sqrt(alpha_bar) xi - sqrt(1 - alpha_bar) x0, VP only. "velocity": xi - x0, flow only. "score": the score of x in
            the schedule's own scale. "edm": EDM's weighted loss (sigma² + sigma_data²)/(sigma sigma_data)² |D - x0|², VE
            only.
        irreducible: what the optimum loses, in the unit of ``losses``: (K,), one number, or the Gaussian data law for which
            it is computed. 0 says that ``losses`` are excess losses already. There is no default, because the raw loss in its
            place is the most common mistake.
        averaged_over: the number of coordinates that the losses are *means* over, e.g. d, or 3 * 32 * 32 for images, as
            ``mse_loss`` gives; 1 where they are sums over coordinates.
        stderr: (K,) standard errors of ``losses``, independent between levels.

    Raises:
        ValueError: an excess loss below zero (beyond six standard errors, where given), which no model can have: the
            irreducible part, the unit or the kind is wrong. Or a kind that the schedule has not.
        ValueError, TypeError: naming any other bad argument.

    Example:
        >>> from numeric.measurements.noise_schedules import vp_linear
        >>> round(score_energy([0.01] * 1000, vp_linear(), irreducible=0.0).value, 4)
        0.1933
    """
    weights = energy_weights(schedule, kind, averaged_over)
    count = weights.shape[0]
    raw = _per_level("losses", losses, count)
    if isinstance(irreducible, Gaussian):
        floor = irreducible_loss(irreducible, schedule, kind=kind, averaged_over=averaged_over)
    else:
        floor = _per_level("irreducible", irreducible, count, single=True)
    errors = np.zeros(count) if stderr is None else _per_level("stderr", stderr, count, single=True)
    excess = raw - floor
    slack = np.where(errors > 0.0, 6.0 * errors, 1e-9 * np.maximum(raw, floor))
    bad = np.flatnonzero(excess < -slack)
    if bad.size:
        level = int(bad[0])
        raise ValueError(
            f"losses must be at least the irreducible loss at every level, got {raw[level]:.6g} < {floor[level]:.6g} at level "
            f"{level}: check irreducible, averaged_over, kind and the order of the levels"
        )
    parts = weights * excess
    value = float(np.sum(parts))
    return ScoreEnergy(value, float(np.linalg.norm(weights * errors)), _grid_error(parts, schedule), schedule.process, parts)


def energy_weights(schedule: NoiseSchedule, kind: Kind = "epsilon", averaged_over: int = 1) -> Array:
    """(K,) weights w with eps² = sum_k w_k (excess loss at level k): trapezoid in log signal-to-noise ratio times the unit's
    factor.

    Arguments as in ``score_energy``.
    """
    factor = _noise_per_unit(schedule, kind) * integer("averaged_over", averaged_over)
    return _trapezoid(schedule.log_snr) * factor


def irreducible_loss(target: Gaussian, schedule: NoiseSchedule, *, kind: Kind = "epsilon", averaged_over: int = 1) -> Array:
    """(K,) loss of the optimal predictor on Gaussian data, in the unit of ``kind``.

    Per eigenvalue l of the covariance Var(xi | x) = a² l/(a² l + s²); other kinds by the factors that relate their losses. For
    any other data law with this covariance: the loss of the best linear predictor, an upper bound of the irreducible one.

    Args:
        target: a Gaussian, or ``Gaussian(mean, cov)`` with the moments of the data.
        schedule, kind, averaged_over: as in ``score_energy``.
    """
    if not isinstance(target, Gaussian):
        raise TypeError(
            "target must be a Gaussian (for other data, the one with their mean and covariance gives the loss of the best "
            f"linear predictor), got {type(target).__name__}"
        )
    factor = _noise_per_unit(schedule, kind) * integer("averaged_over", averaged_over)
    spread = np.linalg.eigvalsh(target.cov)
    strength = np.exp(schedule.log_snr)
    unseen = np.zeros(strength.shape)
    for eigenvalue in spread.tolist():
        unseen += strength * eigenvalue / (strength * eigenvalue + 1.0)
    return unseen / factor


def energy_bracket(
    losses: ArrayLike, schedule: NoiseSchedule, data: Gaussian, *, kind: Kind = "epsilon", averaged_over: int = 1
) -> tuple[float, float]:
    """(lower, upper) bound of the score energy from *raw* losses, for any data law with the mean and covariance of ``data``.

    At every level the irreducible loss lies between 0 and that of the best linear predictor. Arguments as in ``score_energy``.
    The upper end is that of the ideal energy and may stand in for it wherever a larger energy only weakens a bound. The lower
    end is clipped at 0 as a whole: clipped level by level it would add up the noise of measured losses.
    """
    weights = energy_weights(schedule, kind, averaged_over)
    raw = _per_level("losses", losses, weights.shape[0])
    linear = irreducible_loss(data, schedule, kind=kind, averaged_over=averaged_over)
    return max(float(np.sum(weights * (raw - linear))), 0.0), float(np.sum(weights * raw))


def energy_range(
    mean_loss: float, schedule: NoiseSchedule, *, kind: Kind = "epsilon", averaged_over: int = 1
) -> tuple[float, float]:
    """(least, largest) score energy of a model of which only the mean excess loss over all levels is known.

    All of the loss may sit at the level that counts least or at the one that counts most. The range is wide for a reason: a
    single number does not determine the energy. Record losses per level.
    """
    mean = real("mean_loss", mean_loss, NONNEGATIVE)
    weights = energy_weights(schedule, kind, averaged_over) * float(schedule.signal.shape[0])
    return mean * float(weights.min()), mean * float(weights.max())


def _noise_per_unit(schedule: NoiseSchedule, kind: Kind) -> Array:
    """(K,) noise-prediction loss that belongs to a unit loss of this kind.

    x = a x0 + s xi is given, so an error d of xi is one of -(s/a) d of x0; then each target follows from its definition.
    """
    if not isinstance(schedule, NoiseSchedule):
        raise TypeError(f"schedule must be a NoiseSchedule, got {shown(schedule)}")
    if not isinstance(kind, str):
        raise TypeError(f"kind must be one of {', '.join(KINDS)}, got {shown(kind)}")
    a, s = schedule.signal, schedule.noise
    needs = {"v": "vp", "velocity": "flow", "edm": "ve"}
    if kind in needs and schedule.family != needs[kind]:
        raise ValueError(f'kind must be "epsilon", "x0" or "score", or belong to a {schedule.family} schedule, got {kind!r}')
    if kind == "epsilon":
        return np.ones_like(a)
    if kind == "x0":
        return a**2 / s**2
    if kind == "score":
        return s**2
    if kind in ("v", "velocity"):  # errors (a + s²/a) d with a² + s² = 1, and (1 + s/a) d with a + s = 1: d/a in both
        return a**2
    if kind == "edm":
        scale = real("sigma_data", schedule.sigma_data) ** 2
        return scale / (s**2 + scale)
    raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")


def _trapezoid(points: Array) -> Array:
    """Weights of the trapezoid rule at points in either order."""
    steps = np.abs(np.diff(points))
    weights = np.zeros(points.shape)
    weights[:-1] += 0.5 * steps
    weights[1:] += 0.5 * steps
    return weights


def _grid_error(parts: Array, schedule: NoiseSchedule) -> float:
    """The trapezoid rule has order two: a third of what it changes by when every other level is left out."""
    count = parts.shape[0]
    if count < 3:
        return math.inf
    points = schedule.log_snr
    heights = parts / _trapezoid(points)
    kept = np.unique(np.append(np.arange(0, count, 2), count - 1))
    coarse = float(np.sum(_trapezoid(points[kept]) * heights[kept]))
    return abs(float(np.sum(parts)) - coarse) / 3.0


def _per_level(name: str, values: ArrayLike, count: int, *, single: bool = False) -> Array:
    array = real_array(name, values, NONNEGATIVE, ndim=(0, 1) if single else (1,))
    if array.ndim == 1 and array.shape[0] != count:
        raise ValueError(f"{name} must have one entry per noise level, {count}, got {array.shape[0]}")
    return np.broadcast_to(array, (count,)).copy()
