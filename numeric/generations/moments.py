"""Exponential moments of an affine score error on a Gaussian target, exact by Riccati equations: A3 and A4 as numbers.

Along the ideal reverse path, with M = int e dB and V = int |e|^2 dt, the function

    u(y, tau) = E[ exp(a M + b V) | Y_tau = y ]    (M and V up to tau, y relative to the mean of q_t)

is exp(y^T P y/2 + g.y + k) when e = A y + beta and q_t = N(0, S): it solves the equation of the density ratio for the error a e
with growth c |e|^2, c = b + a^2/2,

    u' = Laplace(u)/2 - (y/2 + a e).grad u - a (div e - e.S^-1 y) u + c |e|^2 u,      u = 1 at T,

so that P' = P^2 - P - a (A^T P + P A) + a (A^T S^-1 + S^-1 A) + 2c A^T A, and likewise for g and k. The moment is finite
exactly while S^-1 - P stays positive definite, which is never regained once lost where the moment grows with tau: b >= 0, or
a = r >= 1 and b = -r/2, the powers e^{rZ} of the weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate

from numeric.generations.affine_ode import AffineField, affine_field
from numeric.generations.errors import ScoreError
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian
from numeric.validation import Array

__all__ = ["MomentPair", "energy_moment_bound", "exponential_moments", "moment_pairs", "weight_moments"]

RELATIVE = 1e-10  # tolerance of the integration
SLACK = 1e-6  # relative margin by which bounds are widened, far above what the integration leaves
DEFINITE = 1e-12  # relative eigenvalues below this count as not positive: rounding must not decide infinity
LARGEST_LOG = 600.0  # of a moment that is kept as a float
ORDERS = tuple(float(delta) for delta in np.geomspace(1.01, 9.0, 16))  # values of delta that are tried in A3
TILTS = tuple(float(s) for s in np.geomspace(0.05, 200.0, 24))  # values of s E V in the bound of a power of V


@dataclass(frozen=True)
class MomentPair:
    """Constants for which A3 and A4 hold.

    Attributes:
        delta, gamma: the orders, gamma >= 4/(delta - 1).
        weight_moment: K_delta >= E e^{(1 + delta) Z}.
        energy_moment: K_gamma >= E V^{2 + gamma} / eps*^{2 (2 + gamma)}.
    """

    delta: float
    gamma: float
    weight_moment: float
    energy_moment: float


def exponential_moments(target: Gaussian, error: ScoreError, process: OU, martingale: ArrayLike, energy: ArrayLike) -> Array:
    """log E_{P*} exp(a M + b V) for each pair (a, b), inf where the moment is infinite.

    Args:
        target: N(m, S).
        error: an affine error, or a ConsistentError between Gaussians.
        process: the noising process.
        martingale, energy: (k,) a and b; each pair needs b >= 0, or a > 1 with b = -a/2, or a = 1 with b = -1/2.

    Raises:
        ValueError: the error is not affine on the target, or a pair is none of these.
    """
    field = affine_field(target, error)
    if field is None:
        raise ValueError(f"error must be affine on a Gaussian target, got {type(error).__name__}")
    a, b = (np.atleast_1d(np.asarray(values, dtype=np.float64)) for values in (martingale, energy))
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"martingale and energy must be as many numbers, got shapes {a.shape} and {b.shape}")
    grows = (b >= 0.0) | ((a >= 1.0) & (b == -0.5 * a))
    if not np.all(grows):
        first = int(np.argmin(grows))
        raise ValueError(f"energy must be >= 0, or -martingale/2 for a martingale >= 1, got {b[first]:g} with {a[first]:g}")
    return _Riccati(target, field, process, a, b + 0.5 * a * a).run()


class _Riccati:
    """P, g and k of several moments, integrated together from T down to t0; a moment that turned infinite is taken out."""

    def __init__(self, target: Gaussian, field: AffineField, process: OU, tilt: Array, growth: Array) -> None:
        self.cov, self.field, self.process = target.cov, field, process
        self.tilt, self.growth = tilt, growth
        self.dim, self.count = target.dim, tilt.shape[0]
        self.alive = np.ones(self.count, dtype=bool)

    def law(self, t: float) -> Array:
        """S_t."""
        return np.asarray(math.exp(-t) * self.cov - math.expm1(-t) * np.eye(self.dim))

    def split(self, y: Array) -> tuple[Array, Array, Array]:
        k, d = self.count, self.dim
        return y[: k * d * d].reshape(k, d, d), y[k * d * d : k * d * d + k * d].reshape(k, d), y[-k:]

    def slope(self, tau: float, y: Array) -> Array:
        t = min(max(self.process.T - tau, self.process.t0), self.process.T)
        matrix, offset = self.field(t)
        precision = np.linalg.inv(self.law(t))
        curve, pull, _ = self.split(y)
        a, c = self.tilt[:, None], self.growth[:, None]
        crossed, score = curve @ matrix, precision @ matrix
        forcing = a[..., None] * (score + score.T) + 2.0 * c[..., None] * (matrix.T @ matrix)
        bent = curve @ curve - curve - a[..., None] * (crossed + crossed.transpose(0, 2, 1)) + forcing
        moved = np.einsum("kij,kj->ki", curve, pull - a * offset) - 0.5 * pull - a * (pull @ matrix)
        moved = moved + a * (precision @ offset) + 2.0 * c * (matrix.T @ offset)
        level = 0.5 * np.trace(curve, axis1=1, axis2=2) + 0.5 * np.sum(pull**2, axis=1)
        level = level - self.tilt * (pull @ offset + np.trace(matrix)) + self.growth * float(offset @ offset)
        rates = np.concatenate([(bent * self.alive[:, None, None]).ravel(), (moved * self.alive[:, None]).ravel(), level])
        rates[-self.count :] *= self.alive
        return rates

    def gaps(self, t: float, curve: Array) -> Array:
        """Least eigenvalue of I - S^{1/2} P S^{1/2}, per moment."""
        root = np.linalg.cholesky(self.law(t))
        with np.errstate(over="ignore", invalid="ignore"):
            relative = root.T @ (0.5 * (curve + curve.transpose(0, 2, 1))) @ root
        usable = np.isfinite(relative).all(axis=(1, 2), keepdims=True)
        values = np.linalg.eigvalsh(np.where(usable, relative, 2.0 * np.eye(self.dim)))
        return np.asarray(1.0 - values[:, -1])

    def run(self) -> Array:
        k, d = self.count, self.dim
        tau, end = 0.0, self.process.T - self.process.t0
        state = np.zeros(k * d * d + k * d + k)
        while tau < end and self.alive.any():
            solver = integrate.DOP853(self.slope, tau, state, end, rtol=RELATIVE, atol=RELATIVE * 1e-3)
            lost = np.zeros(k, dtype=bool)
            while solver.status == "running" and not lost.any():
                with np.errstate(over="ignore", invalid="ignore"):
                    solver.step()
                lost = self.alive & (self.gaps(self.process.T - solver.t, self.split(solver.y)[0]) <= DEFINITE)
            if solver.status == "failed":
                raise ValueError("error must let the Riccati equations be integrated over [t0, T], got one that does not")
            tau, state = solver.t, np.array(solver.y)
            self.alive &= ~lost
            for part in self.split(state):
                part[~self.alive] = 0.0
        curve, pull, level = self.split(state)
        logs = np.full(k, math.inf)
        root = np.linalg.cholesky(self.law(self.process.t0))
        for index in np.flatnonzero(self.alive):  # one pass per moment, not per sample
            inner = np.eye(d) - root.T @ curve[index] @ root
            push = root.T @ pull[index]
            logs[index] = level[index] - 0.5 * np.linalg.slogdet(inner)[1] + 0.5 * push @ np.linalg.solve(inner, push)
        return logs


def weight_moments(target: Gaussian, error: ScoreError, process: OU, powers: ArrayLike) -> Array:
    """log E_{P*} e^{rZ} for each power r >= 1, inf where it is infinite; 0 at r = 1, since e^Z is a martingale here (A2)."""
    r = np.atleast_1d(np.asarray(powers, dtype=np.float64))
    return exponential_moments(target, error, process, r, -0.5 * r)


def energy_moment_bound(logs: Array, tilts: Array, power: float) -> float:
    """Upper bound of log E V^p from log E e^{sV} at some s > 0: V^p <= (p/(e s))^p e^{sV}, equality where s V = p."""
    values = logs + power * (np.log(power / tilts) - 1.0)
    return float(np.min(values))


def moment_pairs(
    target: Gaussian, error: ScoreError, process: OU, ideal_energy: float, orders: Sequence[float] = ORDERS
) -> tuple[MomentPair, ...]:
    """Constants of A3 and A4 for each delta at which both moments are finite, gamma least for it (KTV-A, A3 and A4).

    K_delta is exact up to a margin of 1e-6; K_gamma is the bound of ``energy_moment_bound``, best over s.

    Raises:
        ValueError: as in exponential_moments, or an ideal energy that is not positive and finite.
    """
    if not (0.0 < ideal_energy < math.inf):
        raise ValueError(f"ideal_energy must be positive and finite, got {ideal_energy:g}")
    deltas, tilts = np.asarray(orders, dtype=np.float64), np.asarray(TILTS) / ideal_energy
    powers = 1.0 + deltas
    logs = exponential_moments(
        target, error, process, np.concatenate([powers, np.zeros_like(tilts)]), np.concatenate([-0.5 * powers, tilts])
    )
    weight, energy = logs[: deltas.size], logs[deltas.size :]
    finite = np.isfinite(energy)
    out = []
    for delta, log_weight in zip(deltas.tolist(), weight.tolist(), strict=True):
        gamma = 4.0 / (delta - 1.0) * (1.0 + 1e-9)  # A4 asks for at least 4/(delta - 1): rounding must not decide
        if not math.isfinite(log_weight) or not finite.any():
            continue
        log_energy = energy_moment_bound(energy[finite], tilts[finite], 2.0 + gamma) - (2.0 + gamma) * math.log(ideal_energy)
        if max(log_weight, log_energy) > LARGEST_LOG:
            continue
        widened = 1.0 + SLACK * (2.0 + gamma)
        out.append(MomentPair(delta, gamma, math.exp(log_weight) * widened, max(math.exp(log_energy), 1.0) * widened))
    return tuple(out)
