"""Energies of a consistent score error on one Gaussian mode, and how much of them the endpoint sees.

A mode of the data is N(m, lam); the learned score is the exact score of N(m + delta, lam_hat) noised. With u = e^{-t} the laws
at time t have variances 1 + (lam - 1) u and 1 + (lam_hat - 1) u and means sqrt(u) apart; the score error is the difference of
the two scores. Its energies are integrals over u of rational functions, integrated here by partial fractions, each
antiderivative being differentiated back.

The variances and the mean difference are those of the *data* (t = 0); t0 and T are where the reverse process stops and starts.
Energies of modes with a common eigenbasis add. All forms are arranged so that lam = lam_hat, lam = 1 and lam_hat = 1 are
ordinary points: nothing is divided by a difference of eigenvalues. Lambdified in double precision, the energies are good to
about 1e-14/r relative where delta = 0, r the relative gap of the two variances at t0 (terms of first order cancel), and to
1e-12 where the shift dominates; called with floats, they are evaluated exactly and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath
import sympy as sp

from theory._arguments import DIGITS, finish, nonnegative, read, real, show
from theory.gaussian import gaussian_expectation, log_density

__all__ = ["ideal_energy", "learned_energy", "observability", "visible_energy"]

_X = sp.Symbol("x", real=True)
_LAM, _LAM_HAT = sp.symbols("lam lam_hat", positive=True)
_DELTA, _MEAN = sp.symbols("delta m", real=True)
_U = sp.Symbol("u", positive=True)
_U0, _UT = sp.symbols("u_0 u_T", positive=True)  # e^{-t0} >= e^{-T}


def _variance(lam: sp.Expr, u: sp.Expr) -> sp.Expr:
    return lam * u + 1 - u


def _score(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    return sp.diff(log_density(_X, mean, variance), _X)


# noising commutes with translation, so the data's mean is put at 0 and the learned mean at delta
_IDEAL = (sp.Integer(0), _variance(_LAM, _U))
_LEARNED = (sp.sqrt(_U) * _DELTA, _variance(_LAM_HAT, _U))


@lru_cache(maxsize=1)
def _error() -> tuple[sp.Expr, sp.Expr]:
    """The score error at time t, slope x + offset, as (slope, offset)."""
    error = sp.Poly(_score(*_LEARNED) - _score(*_IDEAL), _X)
    if error.degree() > 1:
        raise ArithmeticError("the error between Gaussian scores must be affine")
    return sp.factor(error.coeff_monomial(_X)), sp.factor(error.coeff_monomial(1))


def _integral(integrand: sp.Expr) -> sp.Expr:
    """The integral of a rational function of u from u_T to u_0, arranged without loss at coincident eigenvalues.

    The denominators are 1 + b u and 1 + c u, positive on the range, so no pole lies inside. The logarithms must come out as
    k log((1 + b u)/(1 + c u)), which between the two ends is 2 k atanh((P - Q)/(P + Q)) with P, Q the crossed products.
    """
    lam, lam_hat = _variance(_LAM, _U), _variance(_LAM_HAT, _U)
    pieces = sp.Add.make_args(sp.apart(integrand, _U))
    rational = sp.Add(*(sp.integrate(piece, _U) for piece in pieces if sp.degree(sp.denom(piece), _U) != 1))
    # what is left must be the derivative of k log((1 + b u)/(1 + c u)), k free of u
    rest = sp.cancel(integrand - sp.diff(rational, _U))
    weight = sp.factor(sp.cancel(rest * lam * lam_hat / sp.expand(sp.diff(lam, _U) * lam_hat - lam * sp.diff(lam_hat, _U))))
    if weight.has(_U):
        raise ArithmeticError(f"{integrand} is not the derivative of {rational} + k log(({lam})/({lam_hat}))")
    p = _variance(_LAM, _U0) * _variance(_LAM_HAT, _UT)
    q = _variance(_LAM_HAT, _U0) * _variance(_LAM, _UT)
    crossed = sp.factor(sp.expand(p - q))
    ends = sp.factor(rational.subs(_U, _U0) - rational.subs(_U, _UT))
    if not sp.denom(weight).has(_LAM, _LAM_HAT):
        return ends + 2 * weight * sp.atanh(crossed / (p + q))
    # a weight k/(lam - lam_hat) goes with atanh(z)/z, which is regular at z = 0
    ratio = crossed / (p + q)
    quotient = sp.Piecewise((sp.Integer(1), sp.Eq(_LAM, _LAM_HAT)), (sp.atanh(ratio) / ratio, True))
    regular = sp.cancel(weight * crossed)
    if sp.denom(regular).has(_LAM, _LAM_HAT):
        raise ArithmeticError(f"the weight {weight} is singular beyond lam = lam_hat")
    return ends + 2 * regular / (p + q) * quotient


def _energy(mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """int E e_t(X_t)² dt, X_t ~ N(mean, variance), dt = du/u: the part from the variances and the part from the means."""
    slope, offset = _error()
    squared = gaussian_expectation(sp.expand((slope * _X + offset) ** 2), _X, mean, variance)
    spread = sp.factor(squared.subs(_DELTA, 0) / _U)
    shift = sp.factor((squared - squared.subs(_DELTA, 0)) / _U)
    return _integral(spread) + _integral(shift)


@lru_cache(maxsize=1)
def _ideal() -> sp.Expr:
    return _energy(*_IDEAL)


@lru_cache(maxsize=1)
def _learned() -> sp.Expr:
    # started at p^_T with the exact score of p^, the learned process has law p^_t at every time
    return _energy(*_LEARNED)


@lru_cache(maxsize=1)
def _visible() -> sp.Expr:
    """Var E[M | Y_t0] from the Stein form E[M | Y_t0 = y] = -int E[div e_t + e_t s_t | X_t0 = y] dt."""
    slope, offset = _error()
    y = sp.Symbol("y", real=True)
    integrand = sp.expand(-(slope + (slope * _X + offset) * _score(*_IDEAL)))
    # X_t given X_t0 = y is N(r y, 1 - r²) with r = e^{-(t - t0)/2}
    r = sp.sqrt(_U / _U0)
    conditional = sp.Poly(sp.expand(gaussian_expectation(integrand, _X, r * y, 1 - r**2)), y)
    quadratic, linear = (sp.factor(conditional.coeff_monomial(y**n) / _U) for n in (2, 1))
    constant = _DELTA / sp.sqrt(_U0)
    quadratic, linear = _integral(quadratic), constant * _integral(sp.cancel(linear / constant))
    a, b, v = sp.symbols("a b v", real=True)
    first, second = (gaussian_expectation(sp.expand((a * y**2 + b * y) ** n), y, sp.Integer(0), v) for n in (1, 2))
    return sp.expand(second - first**2).xreplace({a: quadratic, b: linear, v: _variance(_LAM, _U0)})


def _evaluate(form: Callable[[], sp.Expr], lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    variances = nonnegative("lam", lam), nonnegative("lam_hat", lam_hat)
    (difference, inexact_delta), (stop, inexact_t0), (start, inexact_start) = (
        real("delta", delta),
        nonnegative("t0", t0),
        read("T", T),
    )
    if (start - stop).is_nonpositive:
        raise ValueError(f"T must be greater than t0 = {show(stop, inexact_t0)}, but it is {show(start, inexact_start)}")
    for name, (value, _) in zip(("lam", "lam_hat"), variances, strict=True):
        if value.is_zero and stop.is_zero:
            raise ValueError(f"{name} must be positive where t0 = 0, but it is 0")
    values = {_LAM: variances[0][0], _LAM_HAT: variances[1][0], _DELTA: difference, _U0: sp.exp(-stop), _UT: sp.exp(-start)}
    if variances[0][0] == variances[1][0] and difference.is_zero:
        return sp.Integer(0)  # no error; sympy would not always see that the exact value cancels
    inexact = (variances[0][1], variances[1][1], inexact_delta, inexact_t0, inexact_start)
    if any(inexact) and all(value.is_number for value in values.values()):
        return _rounded(form, values)
    return finish(form().subs(values, simultaneous=True), *inexact)


@lru_cache(maxsize=4)
def _function(form: Callable[[], sp.Expr]) -> Any:
    return sp.lambdify((_LAM, _LAM_HAT, _DELTA, _U0, _UT), form(), "mpmath")


def _rounded(form: Callable[[], sp.Expr], values: dict[sp.Symbol, sp.Expr]) -> sp.Float:
    """The value at exact numbers, rounded once: precision is doubled until the digits asked for no longer move."""
    previous = None
    for digits in (40, 80, 160, 320, 640, 1280):
        with mpmath.workdps(digits):
            numbers = [mpmath.mpf(v.p) / v.q if v.is_Rational else mpmath.mpmathify(sp.N(v, digits)) for v in values.values()]
            value = _function(form)(*numbers)
            if previous is not None and abs(value - previous) <= abs(value) * mpmath.mpf(10) ** -(DIGITS + 3):
                return sp.Float(value, DIGITS)
            previous = value
    raise ArithmeticError(f"the value does not settle: {previous}")


def ideal_energy(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """eps*² = E_{P*} int ||e_t||² dt for one mode: the excess score-matching loss, along the ideal process.

    Arguments:
        lam: variance of the data in this mode, >= 0 (> 0 where t0 = 0).
        lam_hat: variance whose noised score is the learned one.
        delta: learned minus true mean, at t = 0.
        t0, T: 0 <= t0 < T; T may be ``oo``.
            Symbols or numbers; a float stands for its exact binary value, and the result is then rounded to 15 digits.

    Returns:
        The energy, also 2 [KL(q_t || p^_t)] between T and t0 (de Bruijn).

    Raises:
        TypeError: if an argument is neither a real number nor an expression.
        ValueError: if a variance or t0 is negative, or t0 >= T.

    >>> ideal_energy(1, 1, 1, 0, sp.oo)
    1
    """
    return _evaluate(_ideal, lam, lam_hat, delta, t0, T)


def learned_energy(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """epŝ² = E_{P^} int ||e_t||² dt for one mode, along the learned process *started at p^_T*.

    Started at q_T instead, the value differs by the relaxation of the start, exponentially small in T.
    Arguments and errors as in :func:`ideal_energy`. Also 2 [KL(p^_t || q_t)] between T and t0 (de Bruijn).

    >>> learned_energy(0.5, 0.8, 0, 0.02, 4)
    0.121350545888624
    """
    return _evaluate(_learned, lam, lam_hat, delta, t0, T)


def visible_energy(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """eta eps*² = Var E_{P*}[M | Y_t0] for one mode (KTV-A Def. 3.2), the part of the energy that the endpoint sees.

    It is 2 Q² lam_t0² + l² lam_t0 with Q, l the discounted sums of the error's slope and offset, both processes started at
    q_T. Arguments and errors as in :func:`ideal_energy`.
    """
    return _evaluate(_visible, lam, lam_hat, delta, t0, T)


def observability(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """eta = visible energy / ideal energy in [0, 1] for one mode; 0 where there is no error (KTV-A Def. 3.2).

    Arguments and errors as in :func:`ideal_energy`.
    """
    visible, ideal = (_evaluate(form, lam, lam_hat, delta, t0, T) for form in (_visible, _ideal))
    if ideal.is_zero:
        return sp.Integer(0)
    return visible / ideal if not ideal.free_symbols else sp.Piecewise((visible / ideal, ideal > 0), (0, True))
