"""The closed forms of ``theory`` as functions of arrays, safe near the limits where their terms cancel.

Every function evaluates the expression that ``theory`` derives; nothing is retyped. Doubles are used where a bound of their
rounding error allows it, and mpmath elsewhere (see ``numeric.guarded``; about a millisecond per such point). The relative
error is below 1e-10 wherever the value lies between 1e-290 and the largest float: measured to be at most 2e-12 for relative
gaps of the variances from 0 and 1e-14 to 1e2, variances from 1e-6 to 1e6, t0 from 1e-6 to 1 and T up to 60, coincident
variances and unit variances included. Larger values are ``inf``, smaller ones may be 0.

Conventions as in ``theory``: lam and lam_hat are the variances of the data and of the learned law at t = 0, delta their mean
difference, one entry per mode (common eigenvectors). Arguments broadcast. ``axis`` names the axis of the modes, over which
energies, KL, Rényi and W2² are added and 1 + chi2, moments and 1 - Hellinger² multiplied; None keeps the modes apart. All
scalars in give a float, else an array of float64. This module evaluates formulas and measures nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import sympy as sp
from numpy.typing import ArrayLike
from scipy import optimize

import theory
from numeric.guarded import Guarded
from numeric.validation import FRACTION, NONNEGATIVE, POSITIVE, Array, Domain, real, real_array, shown
from theory.energy import Start

__all__ = [
    "ExplicitConstants",
    "affine_blow_up",
    "affine_ideal_energy",
    "affine_learned_energy",
    "affine_path_chi2",
    "affine_visible_energy",
    "affine_weight_moment",
    "bounded_constants",
    "bounded_moment_constants",
    "chi2_gaussian",
    "deterministic_constants",
    "deterministic_path_chi2",
    "explicit_constants",
    "fitted_mean_error",
    "fitted_variance",
    "hellinger_gaussian",
    "ideal_energy",
    "kl_gaussian",
    "learned_energy",
    "limit_second_moment",
    "observability",
    "path_chi2",
    "renyi_gaussian",
    "sample_size_energy",
    "score_clock",
    "visible_energy",
    "w2_gaussian",
    "weight_moment",
]

_LAM, _LAM_HAT, _T = sp.symbols("lam lam_hat T", positive=True)
_DELTA = sp.Symbol("delta", real=True)
_T0 = sp.Symbol("t0", nonnegative=True)
_MODE: Final = (_LAM, _LAM_HAT, _DELTA, _T0, _T)
_M1, _M0, _SLOPE, _OFFSET = sp.symbols("m1 m0 slope offset", real=True)
_V1, _V0, _ORDER = sp.symbols("v1 v0 r", positive=True)
_LAWS: Final = (_M1, _V1, _M0, _V0)
_AFFINE: Final = (_SLOPE, _OFFSET, _LAM, _T0, _T)

TIME: Final = Domain(0.0, math.inf, True, False)
AT_LEAST_ONE: Final = Domain(1.0, math.inf, False, True)


# --- evaluation ------------------------------------------------------------------------------------------------------


def _affine(form: Callable[..., Any]) -> Callable[[], tuple[tuple[sp.Symbol, ...], Any]]:
    return lambda: (_AFFINE, form(*_AFFINE))


_FORMS: Final[Mapping[str, Callable[[], tuple[tuple[sp.Symbol, ...], Any]]]] = {
    "ideal_energy": lambda: (_MODE, theory.ideal_energy(*_MODE)),
    "learned_energy": lambda: (_MODE, theory.learned_energy(*_MODE)),
    "learned_energy from q_T": lambda: (_MODE, theory.learned_energy(*_MODE, start="ideal")),
    "visible_energy": lambda: (_MODE, theory.visible_energy(*_MODE)),
    "path_chi2": lambda: (_MODE, theory.path_chi2(*_MODE, start="learned")),
    "path_chi2 from q_T": lambda: (_MODE, theory.path_chi2(*_MODE)),
    "weight_moment": lambda: ((_ORDER, *_MODE), theory.weight_moment(_ORDER, *_MODE)),
    "kl_gaussian": lambda: (_LAWS, theory.kl_gaussian(*_LAWS)),
    "chi2_gaussian": lambda: (_LAWS, theory.chi2_gaussian(*_LAWS)),
    "hellinger_gaussian": lambda: (_LAWS, theory.hellinger_gaussian(*_LAWS)),
    "w2_gaussian": lambda: (_LAWS, theory.w2_gaussian(*_LAWS)),
    "renyi_gaussian": lambda: ((_ORDER, *_LAWS), theory.renyi_gaussian(*_LAWS, _ORDER)),
    "renyi_gaussian of order 2": lambda: ((_ORDER, *_LAWS), theory.renyi_gaussian(*_LAWS, 2)),
    "score_clock": lambda: ((_LAM, _T0, _T), theory.score_clock(_LAM, _T0, _T)),
    "affine_ideal_energy": _affine(theory.affine_ideal_energy),
    "affine_learned_energy": _affine(theory.affine_learned_energy),
    "affine_visible_energy": _affine(theory.affine_visible_energy),
    "affine_path_chi2": _affine(theory.affine_path_chi2),
    "affine_weight_moment": lambda: ((_ORDER, *_AFFINE), theory.affine_weight_moment(_ORDER, *_AFFINE)),
    "affine_blow_up": lambda: ((_ORDER, _SLOPE), theory.affine_blow_up(_ORDER, _SLOPE)),
    "deterministic_path_chi2": lambda: ((_LAM,), theory.deterministic_path_chi2(_LAM)),
    "deterministic_constant": lambda: ((_LAM,), theory.deterministic_constant(_LAM)),
    "bounded_constant": lambda: ((_LAM, _LAM_HAT), theory.bounded_constant(_LAM, _LAM_HAT)),
}


@lru_cache(maxsize=64)
def form(name: str) -> Guarded:
    """The guarded evaluator of a closed form, derived at its first use; its ``expression`` and ``names`` say of what.

    Raises:
        KeyError: if there is none of that name.
    """
    names, expression = _FORMS[name]()
    return Guarded(names, expression)


def _evaluated(name: str, *arguments: Array) -> Array:
    return form(name)(*arguments)


def _broadcast(**arguments: Array) -> None:
    try:
        np.broadcast_shapes(*(array.shape for array in arguments.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arguments.items())
        raise ValueError(f"arguments must broadcast to one shape, got {shapes}") from None


def _times(t0: ArrayLike, T: ArrayLike, *, endless: bool = True) -> tuple[Array, Array]:
    """t0 >= 0 and T > t0, T possibly inf."""
    stop = real_array("t0", t0, NONNEGATIVE)
    try:
        start = np.asarray(T)
    except ValueError:  # ragged nesting
        raise ValueError(f"T must be a rectangular array of real numbers, got {shown(T)}") from None
    if start.dtype.kind not in "fiu":
        raise TypeError(f"T must be an array of real numbers, got {shown(T)}")
    start = start.astype(np.float64)
    if start.size == 0 or np.any(np.isnan(start)) or (not endless and np.any(np.isinf(start))):
        raise ValueError(f"T must be {'a number' if endless else 'finite'}, got {shown(T)}")
    _broadcast(t0=stop, T=start)
    if not np.all(stop < start):
        raise ValueError(f"T must be greater than t0, got t0 = {shown(t0)} and T = {shown(T)}")
    return stop, start


def _noised(name: str, value: ArrayLike, stop: Array) -> Array:
    """A variance >= 0, > 0 where t0 = 0."""
    variance = real_array(name, value, NONNEGATIVE)
    _broadcast(**{name: variance, "t0": stop})
    if np.any((variance == 0.0) & (stop == 0.0)):
        raise ValueError(f"{name} must be positive where t0 = 0, got 0")
    return variance


def _mode(lam: ArrayLike, lam_hat: ArrayLike, delta: ArrayLike, t0: ArrayLike, T: ArrayLike) -> tuple[Array, ...]:
    stop, start = _times(t0, T)
    data, learned, shift = _noised("lam", lam, stop), _noised("lam_hat", lam_hat, stop), real_array("delta", delta)
    _broadcast(lam=data, lam_hat=learned, delta=shift, t0=stop, T=start)
    return data, learned, shift, stop, start


def _affine_mode(slope: ArrayLike, offset: ArrayLike, lam: ArrayLike, t0: ArrayLike, T: ArrayLike) -> tuple[Array, ...]:
    stop, start = _times(t0, T, endless=False)
    gradient, shift, data = real_array("slope", slope), real_array("offset", offset), _noised("lam", lam, stop)
    _broadcast(slope=gradient, offset=shift, lam=data, t0=stop, T=start)
    return gradient, shift, data, stop, start


def _laws(m1: ArrayLike, v1: ArrayLike, m0: ArrayLike, v0: ArrayLike) -> tuple[Array, ...]:
    laws = real_array("m1", m1), real_array("v1", v1, POSITIVE), real_array("m0", m0), real_array("v0", v0, POSITIVE)
    _broadcast(**dict(zip(("m1", "v1", "m0", "v0"), laws, strict=True)))
    return laws


def _out(values: Array) -> Any:
    return float(values) if np.ndim(values) == 0 else np.asarray(values)


def _axis(values: Array, axis: int | None) -> int | None:
    if axis is None:
        return None
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"axis must be an integer or None, got {shown(axis)}")
    if not -values.ndim <= axis < values.ndim:
        raise ValueError(f"axis must be an axis of the modes, of which there are {values.ndim}, got {shown(axis)}")
    return int(axis)


def _added(values: Array, axis: int | None) -> Any:
    where = _axis(values, axis)
    with np.errstate(over="ignore"):
        return _out(values if where is None else values.sum(axis=where))


def _compounded(values: Array, axis: int | None) -> Any:
    """prod(1 + x) - 1 over the modes."""
    where = _axis(values, axis)
    if where is None:
        return _out(values)
    with np.errstate(over="ignore"):
        return _out(np.expm1(np.log1p(values).sum(axis=where)))


def _multiplied(values: Array, axis: int | None) -> Any:
    """The product of moments of one order, all at least 1 or all at most 1 (Jensen): no inf meets a 0."""
    where = _axis(values, axis)
    with np.errstate(over="ignore", divide="ignore"):  # a product above all floats; a moment below them, log 0
        return _out(values if where is None else np.exp(np.log(values).sum(axis=where)))


# --- consistent errors -----------------------------------------------------------------------------------------------


def ideal_energy(
    lam: ArrayLike, lam_hat: ArrayLike, delta: ArrayLike, t0: ArrayLike, T: ArrayLike, *, axis: int | None = None
) -> Any:
    """eps*^2 of a consistent error on a Gaussian target (``theory.ideal_energy``; KTV-A, section 3).

    Args:
        lam, lam_hat: variances of the data and of the learned law at t = 0, >= 0 (> 0 where t0 = 0).
        delta: difference of their means.
        t0, T: 0 <= t0 < T; T may be inf.
        axis: of the modes, whose energies are added; None keeps them apart.

    Returns:
        float where every argument is one, else an array of the broadcast shape, without ``axis``.

    Raises:
        ValueError, TypeError: naming the argument.

    Example:
        >>> round(ideal_energy(0.5, 0.5 + 1e-12, 0.0, 0.02, 4.0) * 1e24, 6)
        1.847429
    """
    return _added(_evaluated("ideal_energy", *_mode(lam, lam_hat, delta, t0, T)), axis)


def learned_energy(
    lam: ArrayLike,
    lam_hat: ArrayLike,
    delta: ArrayLike,
    t0: ArrayLike,
    T: ArrayLike,
    *,
    start: Start = "learned",
    axis: int | None = None,
) -> Any:
    """epŝ^2 of a consistent error, the learned process started at p^_T ("learned") or at q_T ("ideal").

    Arguments, result and errors as in ``ideal_energy``.
    """
    name = "learned_energy" if _start(start) == "learned" else "learned_energy from q_T"
    return _added(_evaluated(name, *_mode(lam, lam_hat, delta, t0, T)), axis)


def visible_energy(
    lam: ArrayLike, lam_hat: ArrayLike, delta: ArrayLike, t0: ArrayLike, T: ArrayLike, *, axis: int | None = None
) -> Any:
    """eta eps*^2 of a consistent error (KTV-A, Def. 3.2). Arguments, result and errors as in ``ideal_energy``."""
    return _added(_evaluated("visible_energy", *_mode(lam, lam_hat, delta, t0, T)), axis)


def observability(
    lam: ArrayLike, lam_hat: ArrayLike, delta: ArrayLike, t0: ArrayLike, T: ArrayLike, *, axis: int | None = None
) -> Any:
    """eta = visible energy / ideal energy, each added over ``axis`` first; 0 where there is no error.

    Also where the energies leave the range of floats. Arguments, result and errors as in ``ideal_energy``.
    """
    arguments, names = _mode(lam, lam_hat, delta, t0, T), ("visible_energy", "ideal_energy")
    visible, ideal = (np.asarray(_added(_evaluated(name, *arguments), axis)) for name in names)
    with np.errstate(invalid="ignore"):
        ratio = np.asarray(np.where(ideal > 0.0, visible / np.where(ideal > 0.0, ideal, 1.0), 0.0))
    beyond = np.isinf(ideal)
    if np.any(beyond):
        whole = np.broadcast_arrays(*arguments)
        modes = [(array[..., None] if axis is None else np.moveaxis(array, axis, -1))[beyond] for array in whole]
        above, below = (np.vectorize(form(name).settled, otypes=[object])(*modes).sum(axis=-1) for name in names)
        ratio[beyond] = (above / below).astype(np.float64)
    return _out(ratio)


def path_chi2(
    lam: ArrayLike,
    lam_hat: ArrayLike,
    delta: ArrayLike,
    t0: ArrayLike,
    T: ArrayLike,
    *,
    start: Start = "ideal",
    axis: int | None = None,
) -> Any:
    """X = E_{P*} e^{2Z} - 1 of a consistent error, both processes started at q_T, or the learned one at p^_T ("learned").

    inf where it diverges. Arguments, result and errors as in ``ideal_energy``; over ``axis`` 1 + X is multiplied.
    """
    name = "path_chi2" if _start(start) == "learned" else "path_chi2 from q_T"
    return _compounded(_evaluated(name, *_mode(lam, lam_hat, delta, t0, T)), axis)


def weight_moment(
    order: float,
    lam: ArrayLike,
    lam_hat: ArrayLike,
    delta: ArrayLike,
    t0: ArrayLike,
    T: ArrayLike,
    *,
    axis: int | None = None,
) -> Any:
    """E_{P*} e^{rZ} of a consistent error, both processes started at q_T; K_delta of A3 at r = 1 + delta, possibly inf.

    Args:
        order: r > 0.

    Other arguments, result and errors as in ``ideal_energy``; over ``axis`` the moments are multiplied.
    """
    r = np.asarray(real("order", order, POSITIVE))
    return _multiplied(_evaluated("weight_moment", r, *_mode(lam, lam_hat, delta, t0, T)), axis)


def _start(start: object) -> str:
    if not isinstance(start, str):
        raise TypeError(f'start must be "ideal" or "learned", got {shown(start)}')
    if start not in ("ideal", "learned"):
        raise ValueError(f'start must be "ideal" or "learned", got {start!r}')
    return start


# --- divergences of Gaussians with common eigenvectors ---------------------------------------------------------------


def kl_gaussian(m1: ArrayLike, v1: ArrayLike, m0: ArrayLike, v0: ArrayLike, *, axis: int | None = None) -> Any:
    """KL(N(m1, v1) || N(m0, v0)) in nats, mode by mode or added over ``axis``.

    Args:
        m1, v1: means and variances of the learned law; variances > 0.
        m0, v0: of the reference.
        axis: of the modes; None keeps them apart.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    return _added(_evaluated("kl_gaussian", *_laws(m1, v1, m0, v0)), axis)


def chi2_gaussian(m1: ArrayLike, v1: ArrayLike, m0: ArrayLike, v0: ArrayLike, *, axis: int | None = None) -> Any:
    """chi2(N(m1, v1) || N(m0, v0)), inf where 2 v0 <= v1 in some mode. Arguments and errors as in ``kl_gaussian``."""
    return _compounded(_evaluated("chi2_gaussian", *_laws(m1, v1, m0, v0)), axis)


def renyi_gaussian(m1: ArrayLike, v1: ArrayLike, m0: ArrayLike, v0: ArrayLike, *, order: float, axis: int | None = None) -> Any:
    """The Rényi divergence of the given order > 0, in nats; KL at order 1. Arguments and errors as in ``kl_gaussian``."""
    laws, r = _laws(m1, v1, m0, v0), np.asarray(real("order", order, POSITIVE))
    if r == 1.0:
        return _added(_evaluated("kl_gaussian", *laws), axis)
    return _added(_evaluated("renyi_gaussian of order 2" if r == 2.0 else "renyi_gaussian", r, *laws), axis)


def hellinger_gaussian(m1: ArrayLike, v1: ArrayLike, m0: ArrayLike, v0: ArrayLike, *, axis: int | None = None) -> Any:
    """The Hellinger distance, in [0, 1], not squared. Arguments and errors as in ``kl_gaussian``."""
    values = _evaluated("hellinger_gaussian", *_laws(m1, v1, m0, v0))
    where = _axis(values, axis)
    if where is None:
        return _out(values)
    with np.errstate(divide="ignore"):  # a distance of 1 has no overlap left: log 0
        return _out(np.sqrt(-np.expm1(np.log1p(-(values**2)).sum(axis=where))))


def w2_gaussian(m1: ArrayLike, v1: ArrayLike, m0: ArrayLike, v0: ArrayLike, *, axis: int | None = None) -> Any:
    """The Wasserstein distance W2, not squared. Arguments and errors as in ``kl_gaussian``."""
    values = _evaluated("w2_gaussian", *_laws(m1, v1, m0, v0))
    where = _axis(values, axis)
    if where is None:
        return _out(values)
    with np.errstate(over="ignore"):  # a distance above all floats is inf
        return _out(np.hypot.reduce(values, axis=where))  # whose squares may leave the floats


# --- errors proportional to the score, with an offset ----------------------------------------------------------------


def score_clock(lam: ArrayLike, t0: ArrayLike, T: ArrayLike) -> Any:
    """L = int dt/S_t from t0 to T, S_t = 1 + (lam - 1) e^{-t}; T - t0 where lam = 1.

    Args:
        lam: variance of the data, >= 0 (> 0 where t0 = 0).
        t0, T: 0 <= t0 < T, finite.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    stop, start = _times(t0, T, endless=False)
    data = _noised("lam", lam, stop)
    _broadcast(lam=data, t0=stop, T=start)
    return _out(_evaluated("score_clock", data, stop, start))


def affine_ideal_energy(
    slope: ArrayLike, offset: ArrayLike, lam: ArrayLike, t0: ArrayLike, T: ArrayLike, *, axis: int | None = None
) -> Any:
    """eps*^2 of the error (slope z + offset)/sqrt(S_t), z the whitened coordinate (``theory.affine_ideal_energy``).

    Args:
        slope, offset: of the error; where lam = 1 it is slope x + offset on centred data.
        lam: variance of the data, >= 0 (> 0 where t0 = 0).
        t0, T: 0 <= t0 < T, finite.
        axis: of the modes, over which energies are added and moments multiplied; None keeps them apart.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    return _added(_evaluated("affine_ideal_energy", *_affine_mode(slope, offset, lam, t0, T)), axis)


def affine_learned_energy(
    slope: ArrayLike, offset: ArrayLike, lam: ArrayLike, t0: ArrayLike, T: ArrayLike, *, axis: int | None = None
) -> Any:
    """epŝ^2 of that error, the learned process started at q_T. Arguments and errors as in ``affine_ideal_energy``."""
    return _added(_evaluated("affine_learned_energy", *_affine_mode(slope, offset, lam, t0, T)), axis)


def affine_visible_energy(
    slope: ArrayLike, offset: ArrayLike, lam: ArrayLike, t0: ArrayLike, T: ArrayLike, *, axis: int | None = None
) -> Any:
    """eta eps*^2 of that error. Arguments and errors as in ``affine_ideal_energy``."""
    return _added(_evaluated("affine_visible_energy", *_affine_mode(slope, offset, lam, t0, T)), axis)


def affine_path_chi2(
    slope: ArrayLike, offset: ArrayLike, lam: ArrayLike, t0: ArrayLike, T: ArrayLike, *, axis: int | None = None
) -> Any:
    """X of that error, inf where the Riccati solution leaves its range. Arguments and errors as in ``affine_ideal_energy``."""
    return _compounded(_evaluated("affine_path_chi2", *_affine_mode(slope, offset, lam, t0, T)), axis)


def affine_weight_moment(
    order: float,
    slope: ArrayLike,
    offset: ArrayLike,
    lam: ArrayLike,
    t0: ArrayLike,
    T: ArrayLike,
    *,
    axis: int | None = None,
) -> Any:
    """E_{P*} e^{rZ} of that error, order r > 0; inf where it diverges. Other arguments as in ``affine_ideal_energy``."""
    r = np.asarray(real("order", order, POSITIVE))
    return _multiplied(_evaluated("affine_weight_moment", r, *_affine_mode(slope, offset, lam, t0, T)), axis)


def affine_blow_up(order: float, slope: ArrayLike) -> Any:
    """The length of the clock at which E_{P*} e^{rZ} of that error becomes infinite; inf where it never does."""
    r, gradient = np.asarray(real("order", order, POSITIVE)), real_array("slope", slope)
    return _out(_evaluated("affine_blow_up", r, gradient))


def deterministic_path_chi2(ideal_energy: ArrayLike) -> Any:
    """X = e^{eps*^2} - 1 where V is not random, as for an error of time only; ideal_energy >= 0."""
    return _out(_evaluated("deterministic_path_chi2", real_array("ideal_energy", ideal_energy, NONNEGATIVE)))


# --- finite samples and limits ---------------------------------------------------------------------------------------

_ROUNDS, _SHARE, _POINTS, _VARIANCE = (
    sp.Symbol("N", integer=True, nonnegative=True),
    sp.Symbol("alpha", nonnegative=True),
    sp.Symbol("n", positive=True),
    sp.Symbol("sigma2", nonnegative=True),
)
_FIT: Final = (_ROUNDS, _SHARE, _POINTS, _VARIANCE)


@lru_cache(maxsize=2)
def _fit_form(name: str) -> Guarded:
    return Guarded(_FIT, getattr(theory, name)(*_FIT))


def _fit(N: ArrayLike, alpha: ArrayLike, n: ArrayLike, sigma2: ArrayLike) -> tuple[Array, ...]:
    rounds = real_array("N", N, NONNEGATIVE)
    if np.any(rounds != np.rint(rounds)):
        raise ValueError(f"N must be whole numbers >= 0, got {shown(N)}")
    share, points = real_array("alpha", alpha, FRACTION), real_array("n", n, AT_LEAST_ONE)
    variance = real_array("sigma2", sigma2, NONNEGATIVE)
    _broadcast(N=rounds, alpha=share, n=points, sigma2=variance)
    return rounds, share, points, variance


def fitted_mean_error(N: ArrayLike, alpha: ArrayLike, n: ArrayLike, sigma2: ArrayLike) -> Any:
    """s_N = E (m_N - m)^2 after N rounds of refitting on n points, stratified (``theory.fitted_mean_error``).

    Args:
        N: whole numbers >= 0.
        alpha: fresh fraction in [0, 1].
        n: points per round, >= 1.
        sigma2: variance of the target, >= 0.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    return _out(_fit_form("fitted_mean_error")(*_fit(N, alpha, n, sigma2)))


def fitted_variance(N: ArrayLike, alpha: ArrayLike, n: ArrayLike, sigma2: ArrayLike) -> Any:
    """v_N = sigma2 - s_N, the expected 1/n variance (conservation). Arguments and errors as in ``fitted_mean_error``."""
    return _out(_fit_form("fitted_variance")(*_fit(N, alpha, n, sigma2)))


@lru_cache(maxsize=16)
def _sample_size_form(dim: int) -> Guarded:
    variances = sp.symbols(f"lam:{dim}", positive=True)
    names = (*variances, _POINTS, _T0, _T)
    return Guarded(names, theory.sample_size_energy(variances, _POINTS, _T0, _T))


def sample_size_energy(lam: ArrayLike, n: ArrayLike, t0: ArrayLike, T: ArrayLike) -> Any:
    """E eps*^2 of an affine score fitted on n points, off-diagonal terms included (``theory.sample_size_energy``).

    Args:
        lam: variances of the target, > 0, shape (d,); a scalar is d = 1.
        n: points, >= 1.
        t0, T: 0 <= t0 < T; T may be inf. n, t0 and T broadcast.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    variances = np.atleast_1d(real_array("lam", lam, POSITIVE, ndim=(0, 1)))
    points, (stop, start) = real_array("n", n, AT_LEAST_ONE), _times(t0, T)
    _broadcast(n=points, t0=stop, T=start)
    return _out(_sample_size_form(variances.size)(*variances, points, stop, start))


@lru_cache(maxsize=1)
def _limit_moment_form() -> Guarded:
    moment, dim = sp.Symbol("M", nonnegative=True), sp.Symbol("d", integer=True, positive=True)
    names = (_SHARE, _T0, moment, dim)
    return Guarded(names, theory.limit_second_moment(*names))


def limit_second_moment(alpha: ArrayLike, t0: ArrayLike, second_moment: ArrayLike, dim: ArrayLike) -> Any:
    """E|x|^2 of the limit law of early-stopped retraining (``theory.limit_second_moment``; KTV-B).

    Args:
        alpha: fresh fraction in [0, 1].
        t0: early-stopping time >= 0; alpha and t0 not both 0.
        second_moment: E|x|^2 of the data, >= 0.
        dim: whole numbers >= 1.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    share, stop = real_array("alpha", alpha, FRACTION), real_array("t0", t0, NONNEGATIVE)
    moment, size = real_array("second_moment", second_moment, NONNEGATIVE), real_array("dim", dim, AT_LEAST_ONE)
    if np.any(size != np.rint(size)):
        raise ValueError(f"dim must be whole numbers >= 1, got {shown(dim)}")
    _broadcast(alpha=share, t0=stop, second_moment=moment, dim=size)
    if np.any((share == 0.0) & (stop == 0.0)):
        raise ValueError("alpha and t0 must not both be 0: the recursion then stands still and has no limit of its own")
    return _out(_limit_moment_form()(share, stop, moment, size))


# --- explicit constants ----------------------------------------------------------------------------------------------

ORDERS: Final = (1.01, 9.0)  # the range of delta that is searched
SLACK: Final = 1.0 + 1e-9  # A4 asks for at least 4/(delta - 1): rounding must not decide
LARGEST_CONSTANT: Final = 1e150  # whose square is a float
LARGEST_LOG: Final = 600.0  # of a moment: beyond it no float holds the moment itself


@dataclass(frozen=True, kw_only=True)
class ExplicitConstants:
    """The constants of one generation (KTV-A, section 3), explicit.

    Attributes:
        delta, gamma: the orders of A3 and A4 that were used; None where C' comes from a bound of V.
        weight_moment, energy_moment: K_delta and K_gamma at these orders; None likewise.
        moment_constant: C' with ||E[e^Z - 1 - M | Y_t0]|| <= C' eps*^2.
        lower: C of Prop. 3.3, I >= eta eps*^2/4 - C eps*^4.
        upper: c of Thm 3.4, I <= 4 eps*^2 + c eps*^4.
        threshold: I >= eta eps*^2/8 where eps*^2 <= threshold * eta.
    """

    delta: float | None
    gamma: float | None
    weight_moment: float | None
    energy_moment: float | None
    moment_constant: float
    lower: float
    upper: float
    threshold: float


def _record(constant: float, moments: tuple[float, float, float, float] | None = None) -> ExplicitConstants:
    if not 0.0 < constant < LARGEST_CONSTANT:
        raise ValueError(f"the energies must give a moment constant below {LARGEST_CONSTANT:g}, got {constant:g}")
    lower, upper, threshold = (float(part) for part in theory.observability_constants(constant))
    delta, gamma, weight, energy = moments if moments is not None else (None, None, None, None)
    return ExplicitConstants(
        delta=delta,
        gamma=gamma,
        weight_moment=weight,
        energy_moment=energy,
        moment_constant=constant,
        lower=lower,
        upper=upper,
        threshold=threshold,
    )


def explicit_constants(
    log_weight_moment: Callable[[float], float],
    log_energy_moment: Callable[[float], float],
    *,
    delta: float | None = None,
    gamma: float | None = None,
) -> ExplicitConstants | None:
    """The least C' that the moments A3 and A4 give, over delta with gamma = 4/(delta - 1), and what follows from it.

    A larger gamma than A4 needs never helps, because K_gamma^{1/(2 + gamma)} is a norm of V and increases with gamma.

    Args:
        log_weight_moment: delta -> log K_delta, K_delta >= E_{P*} e^{(1+delta)Z}; inf where it diverges.
        log_energy_moment: gamma -> log K_gamma, K_gamma >= E_{P*} V^{2+gamma}/eps*^{2(2+gamma)}; inf where unknown.
        delta, gamma: fix the orders instead; gamma defaults to 4/(delta - 1).

    Returns:
        ExplicitConstants, or None where no order has moments that a float can hold (logarithm up to 600).

    Raises:
        ValueError, TypeError: naming the argument.

    Example:
        >>> constants = bounded_moment_constants(0.02, 0.01)
        >>> round(constants.moment_constant, 3), round(constants.delta, 3)
        (2.031, 1.01)
    """
    for name, function in (("log_weight_moment", log_weight_moment), ("log_energy_moment", log_energy_moment)):
        if not callable(function):
            raise TypeError(f"{name} must be a function of one number, got {shown(function)}")
    if delta is not None:
        fixed = real("delta", delta, Domain(1.0, math.inf, True, True))
        least = 4.0 / (fixed - 1.0)
        own = least * SLACK if gamma is None else real("gamma", gamma, Domain(least, math.inf, False, True))
        moments = _moments(log_weight_moment, log_energy_moment, fixed, own)
        return None if moments is None else _record(_moment_constant(moments), moments)
    if gamma is not None:
        raise ValueError(f"gamma must come with delta, got gamma = {shown(gamma)} and no delta")

    def at(order: float) -> tuple[float, float, float, float] | None:
        return _moments(log_weight_moment, log_energy_moment, order, 4.0 / (order - 1.0) * SLACK)

    def size(logarithm: float) -> float:
        moments = at(1.0 + math.exp(logarithm))
        return math.inf if moments is None else math.log(_moment_constant(moments))

    # the objective is smooth between the kink of the minimum and the ends, but not known to be convex: scan, then refine
    grid = np.linspace(math.log(ORDERS[0] - 1.0), math.log(ORDERS[1] - 1.0), 24)
    values = np.array([size(float(point)) for point in grid])
    if not np.any(np.isfinite(values)):
        return None
    best = int(np.argmin(values))
    point = float(grid[best])
    if 0 < best < grid.size - 1:
        bracket = float(grid[best - 1]), float(grid[best + 1])
        refined = optimize.minimize_scalar(
            lambda x: min(size(x), 1e9), bounds=bracket, method="bounded", options={"xatol": 1e-4}
        )
        point = float(refined.x) if refined.fun <= values[best] else point
    chosen = at(1.0 + math.exp(point))
    return None if chosen is None else _record(_moment_constant(chosen), chosen)


def _moments(
    log_weight: Callable[[float], float], log_energy: Callable[[float], float], delta: float, gamma: float
) -> tuple[float, float, float, float] | None:
    """(delta, gamma, K_delta, K_gamma), None where a float holds one of them not."""
    logarithms = _logarithm("log_weight_moment", log_weight(delta)), _logarithm("log_energy_moment", log_energy(gamma))
    if not all(value <= LARGEST_LOG for value in logarithms):
        return None
    weight, energy = (max(math.exp(value), 1.0) for value in logarithms)  # at least 1, by Jensen's inequality
    return delta, gamma, weight, energy


def _logarithm(name: str, value: object) -> float:
    """What a user's function of moments returned; inf where a moment diverges, NaN where it is not known."""
    number = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
    if isinstance(number, bool) or not isinstance(number, (int, float, np.floating, np.integer)):
        raise TypeError(f"{name} must return a number, got {shown(value)}")
    return float(number)


@lru_cache(maxsize=1)
def _moment_formula() -> Callable[..., float]:
    names = (_ORDER, _V1, _V0, _LAM)
    return sp.lambdify(names, theory.moment_constant(*names), "math")  # type: ignore[no-any-return]


def _moment_constant(moments: tuple[float, float, float, float]) -> float:
    return float(_moment_formula()(*moments))


@lru_cache(maxsize=1)
def _bounded_moments() -> tuple[Callable[..., float], Callable[..., float]]:
    """log K_delta of (delta, Lambda), and log K_gamma of (gamma, Lambda, eps*^2)."""
    weight, ratio = (sp.log(part) for part in theory.bounded_moments(_ORDER, _V0, _LAM, _LAM_HAT))
    log_weight = sp.lambdify((_ORDER, _LAM), sp.expand_log(weight), "math")
    return log_weight, sp.lambdify((_V0, _LAM, _LAM_HAT), sp.expand_log(ratio, force=True), "math")


def bounded_moment_constants(sup_energy: float, ideal_energy: float) -> ExplicitConstants | None:
    """``explicit_constants`` from the moments that V <= Lambda gives.

    They are K_delta = exp(delta (1 + delta) Lambda/2) and K_gamma = (Lambda/eps*^2)^{2+gamma}. Here C' is
    above e^{Lambda/2} Lambda/eps*^2 for every delta > 1 and tends to it as delta tends to 1: there is no best delta, and the
    search ends near the least whose moments a float holds.
    ``bounded_constants`` is sharper and needs no moments.

    Args:
        sup_energy: Lambda, an upper bound of V.
        ideal_energy: eps*^2, in (0, Lambda].

    Raises:
        ValueError, TypeError: naming the argument.
    """
    ceiling, energy = _bounded(sup_energy, ideal_energy)
    log_weight, log_ratio = _bounded_moments()
    return explicit_constants(lambda delta: log_weight(delta, ceiling), lambda gamma: log_ratio(gamma, ceiling, energy))


def bounded_constants(sup_energy: float, ideal_energy: float) -> ExplicitConstants:
    """The constants where V <= Lambda, C' = sqrt(e^Lambda - 1 - Lambda)/eps*^2 (``sandwich-bounded``).

    Arguments and errors as in ``bounded_moment_constants``.
    """
    ceiling, energy = _bounded(sup_energy, ideal_energy)
    return _record(float(_evaluated("bounded_constant", np.asarray(ceiling), np.asarray(energy))))


def deterministic_constants(ideal_energy: float) -> ExplicitConstants:
    """The constants where V = eps*^2 is not random, as for an error of time only; ideal_energy > 0."""
    energy = real("ideal_energy", ideal_energy, POSITIVE)
    return _record(float(_evaluated("deterministic_constant", np.asarray(energy))))


def _bounded(sup_energy: float, ideal_energy: float) -> tuple[float, float]:
    ceiling, energy = real("sup_energy", sup_energy, POSITIVE), real("ideal_energy", ideal_energy, POSITIVE)
    if ceiling < energy:
        raise ValueError(f"sup_energy must be at least ideal_energy = {energy:g}, got {ceiling:g}")
    return ceiling, energy
