"""One generation in closed form up to ODEs: Gaussian target, affine score error, any dimension.

Everything is written in the coordinates that whiten q_t, z = S_t^{-1/2} (x - a m), and in reverse time tau = T - t. There
the learned law is N(w, I + W), and with At = S_t^{-1/2} A S_t^{1/2}, B = A S_t^{1/2}, beta = b + A a m (e at the ideal mean)

    w'  = -S_t^{-1} w / 2 + At w + S_t^{-1/2} beta
    W'  = -(S_t^{-1} W + W S_t^{-1}) / 2 + At (I + W) + (I + W) At^T

so that small errors lose no digits (the deviations are the unknowns) and, in logarithmic time, nothing is stiff.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from scipy import integrate, special

from numeric.generations.errors import AffineError, ConsistentError, ScoreError, sup_energy
from numeric.generations.generation import Generation, Start
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian
from numeric.validation import Array

__all__ = ["AffineField", "affine_field", "affine_generation"]

DEFINITE = 1e-12  # relative eigenvalues below this count as not positive: rounding must not decide infinity
TOLERANCES = (1e-10, 1e-12)  # the result is the second run; the first gives the error
ROUNDING = 2e-13  # relative floor of every reported error
SAFETY = 2.0

AffineField: TypeAlias = Callable[[float], tuple[Array, Array]]


def affine_field(target: Gaussian, error: ScoreError) -> AffineField | None:
    """t -> (A(t), beta(t)) with e(x, t) = A (x - a m) + beta, beta the error at the ideal mean; None where e is not affine.

    A ConsistentError between Gaussians is affine, A = S^-1 - S^^-1, and is formed here without cancellation.
    """
    if isinstance(error, AffineError):
        affine = error

        def from_affine(t: float) -> tuple[Array, Array]:
            matrix, offset = affine.at(t)
            if not np.all(np.isfinite(matrix)):
                return matrix, offset
            return matrix, offset + matrix @ (math.exp(-0.5 * t) * target.mean)

        return from_affine
    if isinstance(error, ConsistentError) and isinstance(error.target, Gaussian) and isinstance(error.learned, Gaussian):
        base, learned = error.target, error.learned
        # in the eigenbases of the two covariances both inverses are diagonal at every time
        old, frame = np.linalg.eigh(base.cov)
        new, learned_frame = np.linalg.eigh(learned.cov)
        widening = frame.T @ (learned.cov - base.cov) @ learned_frame
        shift = learned_frame.T @ (learned.mean - target.mean)
        base_shift = frame.T @ (base.mean - target.mean)

        def from_consistent(t: float) -> tuple[Array, Array]:
            gain, noise = math.exp(-0.5 * t), -math.expm1(-t)
            left, right = frame / (gain * gain * old + noise), learned_frame / (gain * gain * new + noise)
            matrix = (gain * gain) * (left @ widening @ right.T)
            return 0.5 * (matrix + matrix.T), gain * (right @ shift - left @ base_shift)

        return from_consistent
    return None


def affine_generation(target: Gaussian, error: ScoreError, process: OU, *, start: Start = "ideal") -> Generation:
    """Every quantity of one round for a Gaussian target and an affine error, by ODE (quantities of KTV-A, sections 3-4).

    Args:
        target: N(m, S) at data level.
        error: AffineError, or ConsistentError between Gaussians.
        process: the noising process.
        start: the learned process starts at q_T ("ideal") or at p^_T ("learned", for a ConsistentError of this very target,
            which the caller has checked).

    Returns:
        Generation of floats. Infinite chi-squared divergences are ``inf`` with their reason.

    Raises:
        ValueError: the error is not affine or not finite somewhere on [t0, T], or the law leaves the range of floats.
    """
    original = affine_field(target, error)
    if original is None:
        raise ValueError(f"error must be affine on a Gaussian target, got {type(error).__name__}; use simulate_generation")
    values, vectors = np.linalg.eigh(target.cov)
    system = _System(values, _rotated(original, vectors), process, _is_gradient(error))
    scale = system.scale()
    initial = _initial(system, target, error, vectors) if start == "learned" else None
    runs = [_run(system, scale, tolerance, initial, target, vectors) for tolerance in TOLERANCES]
    coarse, fine = runs
    numerical = {name: _error(fine.numbers[name], coarse.numbers[name]) for name in fine.numbers}
    numerical["remainder"] += ROUNDING * fine.numbers["ideal_energy"]
    number = fine.numbers
    return Generation(
        target=target,
        error=error,
        process=process,
        start=start,
        method="affine-ode",
        ideal_energy=number["ideal_energy"],
        learned_energy=number["learned_energy"],
        path_chi2=number["path_chi2"],
        visible_energy=number["visible_energy"],
        observability=number["observability"],
        chi2=number["chi2"],
        kl=number["kl"],
        reverse_kl=number["reverse_kl"],
        remainder=number["remainder"],
        gradient_energy=number["gradient_energy"],
        sup_energy=sup_energy(error, target.dim, process),
        visible_gap=number["visible_gap"],
        endpoint=fine.endpoint,
        ideal_endpoint=process.marginal(target, process.t0),
        numerical_error=numerical,
        reasons=fine.reasons,
    )


@dataclass(frozen=True)
class _Run:
    numbers: Mapping[str, float]
    reasons: Mapping[str, str]
    endpoint: Gaussian


@dataclass(frozen=True)
class _System:
    """The coefficients in the eigenbasis of the target's covariance, and logarithmic time eta = log(t + c)."""

    values: Array  # (d,) data-level variances
    field: AffineField
    process: OU

    gradient: bool  # the error is known to be a gradient field

    @property
    def dim(self) -> int:
        return int(self.values.shape[0])

    @cached_property
    def pole(self) -> float:
        """c: the variances vanish near t = -lambda / (1 - lambda), and rates are O(1) per unit of log(t + c)."""
        least = float(self.values.min())
        return 1.0 if least >= 0.5 else least / (1.0 - least)

    def variances(self, t: float) -> Array:
        return np.asarray(self.values * math.exp(-t) - math.expm1(-t))

    def span(self) -> tuple[float, float]:
        return math.log(self.process.T + self.pole), math.log(self.process.t0 + self.pole)

    def time(self, eta: float) -> float:
        return min(max(math.exp(eta) - self.pole, self.process.t0), self.process.T)

    def at(self, eta: float) -> tuple[Array, Array, Array, Array, Array, float]:
        """1/variances, At, B, beta, whitened beta, and minus dt/deta, at one instant."""
        t = self.time(eta)
        matrix, at_mean = self.field(t)
        root = np.sqrt(self.variances(t))
        lifted = matrix * root
        return 1.0 / root**2, lifted / root[:, None], lifted, at_mean, at_mean / root, -(t + self.pole)

    def scale(self) -> float:
        """A rough root of the ideal energy, to set absolute tolerances; 0 where the error vanishes at 200 times."""
        high, low = self.span()
        nodes = np.linspace(low, high, 200)
        densities = []
        for eta in nodes:
            _, _, lifted, at_mean, _, speed = self.at(float(eta))
            densities.append(-speed * float(np.vdot(lifted, lifted) + at_mean @ at_mean))
        return math.sqrt(float(integrate.trapezoid(densities, nodes)))


def _rotated(original: AffineField, vectors: Array) -> AffineField:
    def rotated(t: float) -> tuple[Array, Array]:
        matrix, at_mean = original(t)
        if not (np.isfinite(matrix).all() and np.isfinite(at_mean).all()):
            raise ValueError(f"error must be finite on [t0, T], got a value that is not at t = {t:.6g}")
        return vectors.T @ matrix @ vectors, vectors.T @ at_mean

    return rotated


def _initial(system: _System, target: Gaussian, error: ScoreError, vectors: Array) -> tuple[Array, Array]:
    """Whitened deviation of p^_T from q_T."""
    if not (isinstance(error, ConsistentError) and isinstance(error.learned, Gaussian)):
        raise ValueError('start must be "ideal" unless error is a ConsistentError of this target')
    end = system.process.T
    root = np.sqrt(system.variances(end))
    shift = math.exp(-0.5 * end) * (vectors.T @ (error.learned.mean - target.mean)) / root
    widening = math.exp(-end) * (vectors.T @ (error.learned.cov - target.cov) @ vectors) / np.outer(root, root)
    return shift, widening


def _run(
    system: _System,
    scale: float,
    tolerance: float,
    initial: tuple[Array, Array] | None,
    target: Gaussian,
    vectors: Array,
) -> _Run:
    dim = system.dim
    size = 2 * dim * dim + 2 * dim
    shift, widening = initial if initial is not None else (np.zeros(dim), np.zeros((dim, dim)))
    tilted = initial is None
    crossing = _positivity(system, scale, tolerance) if tilted else None
    joint = tilted and crossing is None
    state = np.zeros(size + 3 + (dim * dim + dim + 2 if joint else 0))
    state[:dim], state[dim : dim + dim * dim] = shift, widening.ravel()

    def slope(eta: float, y: Array) -> Array:
        inverse, white, lifted, at_mean, white_mean, speed = system.at(eta)
        out = np.empty_like(y)
        w, ell = y[:dim], y[size - dim : size]
        wide = y[dim : dim + dim * dim].reshape(dim, dim)
        quad = y[dim + dim * dim : size - dim].reshape(dim, dim)
        damping = 0.5 * (inverse[:, None] + inverse)
        moved = white @ wide
        out[:dim] = -0.5 * inverse * w + white @ w + white_mean
        out[dim : dim + dim * dim] = (-damping * wide + moved + moved.T + white + white.T).ravel()
        # Stein form: phi = z^T Q z + l.z - tr Q with Q' = -(S^-1 Q + Q S^-1)/2 + sym(At)
        out[dim + dim * dim : size - dim] = (-damping * quad + 0.5 * (white + white.T)).ravel()
        out[size - dim : size] = -0.5 * inverse * ell + white_mean
        push = lifted @ w + at_mean
        square, pushed = float(np.vdot(lifted, lifted)), float(push @ push)
        ideal = square + float(at_mean @ at_mean)
        learned = float(np.vdot(lifted, lifted @ wide)) + square + pushed
        out[size] = ideal
        out[size + 1] = learned
        out[size + 2] = learned if system.gradient else _gradient_density(white, inverse, wide) + pushed
        if joint:
            out[size + 3 :] = _tilt_slope(y[size + 3 :], inverse, white, lifted, at_mean, white_mean, ideal, learned)
        return speed * out

    final = _solve(slope, system.span(), state, tolerance, _absolute(dim, scale, joint))
    w, wide = final[:dim], final[dim : dim + dim * dim].reshape(dim, dim)
    quad, ell = final[dim + dim * dim : size - dim].reshape(dim, dim), final[size - dim : size]
    numbers: dict[str, float] = {
        "ideal_energy": float(final[size]),
        "learned_energy": float(final[size + 1]),
        "gradient_energy": float(final[size + 2]),
    }
    reasons: dict[str, str] = {}
    visible = 2.0 * float(np.sum(quad * quad.T)) + float(ell @ ell)
    gap = float(np.sum(quad * wide) + w @ quad @ w + ell @ w)
    numbers["visible_energy"] = visible
    numbers["observability"] = min(visible / numbers["ideal_energy"], 1.0) if numbers["ideal_energy"] > 0.0 else 0.0
    numbers["visible_gap"] = gap * gap / visible if visible > 0.0 else 0.0
    numbers.update(_divergences(w, wide, reasons))
    if joint:
        log_factor = float(final[-2])
        numbers["path_chi2"], numbers["remainder"] = _expm1(log_factor), max(float(final[-1]), 0.0)
        if math.isinf(numbers["path_chi2"]):
            reasons["path_chi2"] = f"finite, but beyond the range of floats: log(1 + X) = {log_factor:.6g}"
            numbers["remainder"] = math.inf
    elif tilted:
        numbers["path_chi2"], numbers["remainder"] = math.inf, math.inf
        reasons["path_chi2"] = crossing or ""
    else:  # e^Z is a function of the endpoint alone
        numbers["path_chi2"] = numbers["chi2"]
        numbers["remainder"] = numbers["chi2"] - 2.0 * numbers["learned_energy"] + numbers["ideal_energy"]
        if "chi2" in reasons:
            reasons["path_chi2"] = reasons["chi2"]
    if math.isinf(numbers["remainder"]):
        reasons["remainder"] = "it contains path_chi2, which is infinite: " + reasons.get("path_chi2", "")
    start_variances = system.variances(system.process.t0)
    root = np.sqrt(start_variances)
    mean = math.exp(-0.5 * system.process.t0) * target.mean + vectors @ (root * w)
    cov = vectors @ (np.diag(start_variances) + np.outer(root, root) * wide) @ vectors.T
    return _Run(numbers, reasons, Gaussian(mean, 0.5 * (cov + cov.T)))


def _tilt_slope(
    y: Array, inverse: Array, white: Array, lifted: Array, at_mean: Array, white_mean: Array, ideal: float, learned: float
) -> Array:
    """The law weighted by e^{2Z}, N(G^-1 g, G^-1) with G = I - P: P and g, then log(1 + X) and the remainder.

    d log(1 + X) = E_weighted |e|^2 dtau, so X has no cancellation; G must stay positive definite.
    """
    dim = inverse.shape[0]
    curve, push = y[: dim * dim].reshape(dim, dim), y[dim * dim : dim * dim + dim]
    out = np.empty_like(y)
    precision = np.eye(dim) - curve
    out[: dim * dim] = _curve_slope(curve, precision, inverse, white, lifted).ravel()
    pull = curve @ (inverse * push) - 0.5 * inverse * push - 2.0 * (white.T @ push)
    out[dim * dim : dim * dim + dim] = pull + 2.0 * (precision @ white_mean + lifted.T @ at_mean)
    lower = np.linalg.cholesky(precision)
    solved = np.linalg.solve(lower, np.column_stack((lifted.T, push)))
    spread = solved[:, :dim]
    centre = at_mean + spread.T @ solved[:, dim]
    rate = float(np.vdot(spread, spread) + centre @ centre)
    out[-2] = rate
    # e^{L} rate - 2 learned + ideal without leaving the floats
    out[-1] = rate * math.exp(min(float(y[-2]), 700.0)) - 2.0 * learned + ideal
    return out


def _curve_slope(curve: Array, precision: Array, inverse: Array, white: Array, lifted: Array) -> Array:
    # (I - P)(2 At - S^-1 P / 2) and its transpose
    half = precision @ (2.0 * white - (0.5 * inverse)[:, None] * curve)
    return np.asarray(half + half.T + 2.0 * (lifted.T @ lifted))


def _positivity(system: _System, scale: float, tolerance: float) -> str | None:
    """None where I - P stays positive definite down to t0 (X finite), otherwise the reason for X = inf.

    This one criterion holds both classical causes: the Riccati solution that runs from t0 to T blows up, or S_T^-1 - P(T) is
    not positive definite there. Along a null vector v of I - P the slope is -2 |B v|^2 <= 0, so a crossing is never undone, as
    it must be: E e^{2Z} up to tau increases with tau.
    """
    dim = system.dim
    eye = np.eye(dim)

    def slope(eta: float, y: Array) -> Array:
        inverse, white, lifted, _, _, speed = system.at(eta)
        curve = y.reshape(dim, dim)
        return speed * _curve_slope(curve, eye - curve, inverse, white, lifted).ravel()

    def least(eta: float, y: Array) -> float:
        return 1.0 - float(np.linalg.eigvalsh(_symmetric(y, dim))[-1]) - DEFINITE

    least.terminal = True  # type: ignore[attr-defined]
    absolute = tolerance * min(max(scale, 1e-150), 1.0)
    solution = integrate.solve_ivp(
        slope, system.span(), np.zeros(dim * dim), method="DOP853", rtol=tolerance, atol=absolute, events=least
    )
    if solution.status == 1:
        event = float(np.asarray(solution.t[-1]))
        time = system.time(event)
        least_left = least(event, np.asarray(solution.y[:, -1]))
        return (
            f"E e^(2Z) is infinite for the error on [{time:.6g}, T] already: the precision of the law weighted by e^(2Z), "
            f"relative to that of q_t, falls from 1 to {max(least_left, 0.0):.1g} at t = {time:.6g} (the Riccati solution "
            "leaves the positive definite range)"
        )
    if solution.status < 0:
        raise ValueError(f"error must let the Riccati equation be integrated, got: {solution.message}")
    return None


def _solve(
    slope: Callable[[float, Array], Array], span: tuple[float, float], state: Array, tolerance: float, absolute: Array
) -> Array:
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the floats is refused below
        solution = integrate.solve_ivp(slope, span, state, method="DOP853", rtol=tolerance, atol=absolute * tolerance)
    if not solution.success or not np.all(np.isfinite(solution.y[:, -1])):
        raise ValueError(f"error must let the moment equations be integrated over [t0, T], got: {solution.message}")
    return np.asarray(solution.y[:, -1])


def _absolute(dim: int, scale: float, joint: bool) -> Array:
    """Natural sizes: deviations are of the order of the error, energies of its square, the remainder of up to the fourth."""
    small = min(max(scale, 1e-75), 1.0)
    sizes = [np.full(2 * dim * dim + 2 * dim, small), np.full(3, small**2)]
    if joint:
        # the remainder's rate is a difference of terms of order small^2: rounding leaves 1e-16 of those
        sizes += [np.full(dim * dim + dim, small), np.array([small**2, max(small**4, 1e-2 * small**2)])]
    return np.maximum(np.concatenate(sizes) * 0.1, 1e-290)


def _gradient_density(white: Array, inverse: Array, wide: Array) -> float:
    """tr(G C G) for the symmetric G with G C + C G = A C + C A^T, the gradient part of A x in L^2(N(., C)) (KTV-C)."""
    root = 1.0 / np.sqrt(inverse)
    cov = np.outer(root, root) * (np.eye(root.shape[0]) + wide)
    moved = (white * root[:, None] / root) @ cov
    values, vectors = np.linalg.eigh(0.5 * (cov + cov.T))
    right = vectors.T @ (moved + moved.T) @ vectors
    gradient = right / (values[:, None] + values)
    return float(np.sum(gradient**2 * values))


def _divergences(w: Array, wide: Array, reasons: dict[str, str]) -> dict[str, float]:
    """KL both ways and chi2 of N(w, I + W) against N(0, I), without cancellation for small W."""
    values, vectors = np.linalg.eigh(_symmetric(wide, w.shape[0]))
    along = vectors.T @ w
    if float(values[0]) <= -1.0:
        raise ValueError("error must leave the learned covariance positive definite, got one that is singular to rounding")
    shrunk = -values / (1.0 + values)
    numbers = {
        "kl": 0.5 * float(np.sum(_excess(values)) + along @ along),
        "reverse_kl": 0.5 * float(np.sum(_excess(shrunk)) + np.sum(along**2 / (1.0 + values))),
    }
    least = 1.0 - float(values[-1])
    if least <= 2.0 * DEFINITE:  # relative to 2 S_t0
        numbers["chi2"] = math.inf
        reasons["chi2"] = (
            f"2 S_t0 - C is not positive definite: its smallest eigenvalue relative to S_t0 is {least:.6g} (the learned "
            f"variance is {2.0 - least:.6g} times the ideal one)"
        )
    else:
        log_factor = -0.5 * float(np.sum(np.log1p(-(values**2)))) + float(np.sum(along**2 / (1.0 - values)))
        numbers["chi2"] = _expm1(log_factor)
        if math.isinf(numbers["chi2"]):
            reasons["chi2"] = f"finite, but beyond the range of floats: log(1 + I) = {log_factor:.6g}"
    return numbers


def _excess(x: Array) -> Array:
    """x - log(1 + x) for x > -1, to full relative precision near 0."""
    small = np.abs(x) < 0.05
    near = np.where(small, x, 0.0)
    ratio = near / (2.0 + near)  # log(1 + x) = 2 atanh(ratio), and x = 2 ratio / (1 - ratio)
    powers = np.zeros_like(near)
    for order in range(13, 0, -2):
        powers = ratio**2 * (powers + 1.0 / (order + 2))
    series = 2.0 * ratio * (ratio / (1.0 - ratio) - powers)
    return np.where(small, series, x - special.log1p(np.where(small, 0.0, x)))


def _expm1(x: float) -> float:
    return math.expm1(x) if x < 709.0 else math.inf


def _symmetric(y: Array, dim: int) -> Array:
    matrix = y.reshape(dim, dim)
    return np.asarray(0.5 * (matrix + matrix.T))


def _is_gradient(error: ScoreError) -> bool:
    return isinstance(error, ConsistentError)


def _error(fine: float, coarse: float) -> float:
    if math.isinf(fine):
        return 0.0
    return math.inf if math.isinf(coarse) else SAFETY * abs(fine - coarse) + ROUNDING * abs(fine)
