"""Energies of a consistent score error on a Gaussian target, mode by mode, and how much of them the endpoint sees.

A mode of the data is N(m, lam); the learned score is the exact score of N(m + delta, lam_hat) noised. With u = e^{-t} the laws
at time t have variances 1 + (lam - 1) u and 1 + (lam_hat - 1) u and means sqrt(u) apart; the score error is the difference of
the two scores. Its energies are integrals over u of rational functions, integrated here by partial fractions, each
antiderivative being differentiated back. By de Bruijn's identity they are also twice the change of a KL divergence;
:func:`de_bruijn_energy` derives that form from the integrand and the integrand from that form.

The variances and the mean difference are those of the *data* (t = 0); t0 and T are where the reverse process stops and
starts. Energies of modes with common eigenvectors add: each argument may be a sequence of one per mode. All forms are
arranged so that lam = lam_hat, lam = 1 and lam_hat = 1 are ordinary points: nothing is divided by a difference of
eigenvalues. Lambdified in double precision, the energies are good to about 1e-14/r relative where delta = 0, r the relative
gap of the two variances at t0 (terms of first order cancel), and to 1e-12 where the shift dominates; called with floats, they
are evaluated exactly and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import sympy as sp

from theory._arguments import finish, nonnegative, read, real, settled, show, shown
from theory._modes import Pair, modes
from theory.gaussian import gaussian_expectation, kl_gaussian, log_density

__all__ = [
    "Start",
    "de_bruijn_energy",
    "ideal_energy",
    "learned_endpoint",
    "learned_energy",
    "observability",
    "relaxation",
    "visible_energy",
]

Start = Literal["learned", "ideal"]
"""Where the learned process starts: at p^_T or at q_T."""

_X = sp.Symbol("x", real=True)
_LAM, _LAM_HAT = sp.symbols("lam lam_hat", positive=True)
_DELTA, _MEAN = sp.symbols("delta m", real=True)
_U = sp.Symbol("u", positive=True)
_U0, _UT = sp.symbols("u_0 u_T", positive=True)  # e^{-t0} >= e^{-T}

MODE_SYMBOLS = (_LAM, _LAM_HAT, _DELTA, _U0, _UT)
"""The symbols of one mode in the derived forms, in this order."""


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
    # what depends on the start or the shift alone stays outside; powers of lam - lam_hat are needed inside
    outside = [factor for factor in sp.Mul.make_args(integrand) if factor.has(_UT, _DELTA) and not factor.has(_U)]
    constant = sp.Mul(*outside)
    return constant * _core_integral(integrand / constant)


def _core_integral(integrand: sp.Expr) -> sp.Expr:
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


def _rates(mean: sp.Expr, variance: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """E e_t(X_t)² dt/du for X_t ~ N(mean, variance), dt = du/u: the part from the variances and the part from the means."""
    slope, offset = _error()
    squared = gaussian_expectation(sp.expand((slope * _X + offset) ** 2), _X, mean, variance)
    spread = sp.factor(squared.subs(_DELTA, 0) / _U)
    return spread, sp.factor((squared - squared.subs(_DELTA, 0)) / _U)


@lru_cache(maxsize=1)
def _ideal() -> sp.Expr:
    return sp.Add(*map(_integral, _rates(*_IDEAL)))


@lru_cache(maxsize=1)
def _learned() -> sp.Expr:
    # started at p^_T with the exact score of p^, the learned process has law p^_t at every time
    return sp.Add(*map(_integral, _rates(*_LEARNED)))


@lru_cache(maxsize=1)
def relaxation() -> sp.Expr:
    """What is left at u of a unit deviation of the learned process's mean at u_T, by its own differential equation.

    The drift is ½ y + score of p^, so the deviation has d log/dtau = ½ - 1/(1 + c u), dtau = du/u.
    """
    rate = sp.cancel((sp.Rational(1, 2) - 1 / _variance(_LAM_HAT, _U)) / _U)
    change = sp.integrate(sp.apart(rate, _U), _U)
    gain = sp.powsimp(sp.exp(sp.expand_log(change - change.subs(_U, _UT))))
    gain = sp.sqrt(_UT / _U) * sp.factor(sp.simplify(gain / sp.sqrt(_UT / _U)))
    if sp.simplify(sp.diff(gain, _U) / gain - rate) != 0 or sp.simplify(gain.subs(_U, _UT)) != 1:
        raise ArithmeticError(f"{gain} does not solve the equation of a deviation")
    return gain


@lru_cache(maxsize=1)
def _from_ideal_start() -> tuple[sp.Expr, sp.Expr]:
    """Mean (from the data's) and variance of the learned process at u, started at q_T."""
    (mean, variance), gain = _LEARNED, relaxation()
    return mean * (1 - gain * sp.sqrt(_UT / _U)), variance + gain**2 * ((_LAM - _LAM_HAT) * _UT)


@lru_cache(maxsize=1)
def _learned_from_ideal_start() -> sp.Expr:
    slope, offset = _error()
    mean, variance = _from_ideal_start()
    spread = sp.factor(slope**2 * _LEARNED[1] / _U)
    shift = sp.factor(slope * mean + offset) ** 2 / _U
    # the logarithms are those of the start at p^_T; what the start changes is rational
    added = sp.factor(slope**2 / _U) * sp.factor(variance - _LEARNED[1])
    return _integral(spread) + _integral(added) + _integral(sp.factor(shift))


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


def mode_values(mode: tuple[Pair, ...], t0: Any, T: Any) -> tuple[dict[sp.Symbol, sp.Expr], bool]:
    """The arguments of one mode as values of :data:`MODE_SYMBOLS`, checked, and whether any was a float."""
    lam, lam_hat, delta = mode
    variances = nonnegative(*lam), nonnegative(*lam_hat)
    (difference, inexact_delta), (stop, inexact_t0), (start, inexact_start) = real(*delta), nonnegative("t0", t0), read("T", T)
    if (start - stop).is_nonpositive:
        raise ValueError(f"T must be greater than t0 = {show(stop, inexact_t0)}, but it is {show(start, inexact_start)}")
    for (name, _), (value, _) in zip((lam, lam_hat), variances, strict=True):
        if value.is_zero and stop.is_zero:
            raise ValueError(f"{name} must be positive where t0 = 0, but it is 0")
    values = {_LAM: variances[0][0], _LAM_HAT: variances[1][0], _DELTA: difference, _U0: sp.exp(-stop), _UT: sp.exp(-start)}
    return values, any((variances[0][1], variances[1][1], inexact_delta, inexact_t0, inexact_start))


def _evaluate(form: Callable[[], sp.Expr], lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """The sum of a form over the modes."""
    return sp.Add(*(_at(form, *mode_values(mode, t0, T)) for mode in modes(lam=lam, lam_hat=lam_hat, delta=delta)))


def _at(form: Callable[[], sp.Expr], values: dict[sp.Symbol, sp.Expr], inexact: bool) -> sp.Expr:
    if values[_LAM] == values[_LAM_HAT] and values[_DELTA].is_zero:
        return sp.Integer(0)  # no error; sympy would not always see that the exact value cancels
    if inexact and all(value.is_number for value in values.values()):
        return settled(_function(form), values.values())
    return finish(form().xreplace(values), inexact)


def checked_start(start: str) -> str:
    """``start``, refused unless it is one of the two."""
    if not isinstance(start, str) or start not in ("learned", "ideal"):
        raise ValueError(f"start must be 'learned' (at p^_T) or 'ideal' (at q_T), but it is {shown(start)}")
    return start


@lru_cache(maxsize=16)
def _function(form: Callable[[], sp.Expr]) -> Any:
    return sp.lambdify((_LAM, _LAM_HAT, _DELTA, _U0, _UT), form(), "mpmath")


def ideal_energy(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """eps*² = E_{P*} int ||e_t||² dt: the excess score-matching loss, along the ideal process.

    Arguments:
        lam: variance of the data, >= 0 (> 0 where t0 = 0).
        lam_hat: variance whose noised score is the learned one.
        delta: learned minus true mean, at t = 0.
            In d dimensions with common eigenvectors each is a sequence of one per mode; a single one holds for every mode.
        t0, T: 0 <= t0 < T; T may be ``oo``.
            Symbols or numbers; a float stands for its exact binary value, and the result is then rounded to 15 digits.

    Returns:
        The energy, also 2 [KL(q_t || p^_t)] between T and t0 (de Bruijn).

    Raises:
        TypeError: if an argument is neither a real number nor an expression.
        ValueError: if a variance or t0 is negative, t0 >= T, or two sequences differ in length.

    >>> ideal_energy(1, 1, 1, 0, sp.oo)
    1
    >>> ideal_energy([1, 1], 1, [1, 2], 0, sp.oo)
    5
    """
    return _evaluate(_ideal, lam, lam_hat, delta, t0, T)


def learned_energy(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any, start: Start = "learned") -> sp.Expr:
    """epŝ² = E_{P^} int ||e_t||² dt along the learned process, started at p^_T, or at q_T with ``start="ideal"``.

    The two differ by the relaxation of the start, exponentially small in T. Arguments and errors as in :func:`ideal_energy`.
    Started at p^_T, it is 2 [KL(p^_t || q_t)] between T and t0 (de Bruijn).

    >>> learned_energy(0.5, 0.8, 0, 0.02, 4)
    0.121350545888624
    >>> learned_energy(0.5, 0.8, 0, 0.02, 4, start="ideal")
    0.121333174773258
    """
    return _evaluate(_learned if checked_start(start) == "learned" else _learned_from_ideal_start, lam, lam_hat, delta, t0, T)


def learned_endpoint(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any, start: Start = "learned") -> tuple[sp.Expr, sp.Expr]:
    """Mean (from that of q_t0) and variance of the learned process at t0, for one mode.

    Arguments and errors as in :func:`ideal_energy`, in numbers or symbols of one mode.
    """
    values, inexact = mode_values((("lam", lam), ("lam_hat", lam_hat), ("delta", delta)), t0, T)
    mean, variance = _LEARNED if checked_start(start) == "learned" else _from_ideal_start()
    at_stop = [part.xreplace({_U: _U0}).xreplace(values) for part in (mean, variance)]
    return finish(at_stop[0], inexact), finish(at_stop[1], inexact)


@lru_cache(maxsize=2)
def _de_bruijn(along: str) -> sp.Expr:
    """2 KL between the laws at u_0 minus at u_T, once the two forms are seen to give each other.

    From KL to the energy: its derivative in u is the integrand, exactly. From the energy to KL: the partial fractions have the
    same derivative in u_0 as twice the KL, and both vanish at u_0 = u_T.
    """
    first, second = (_LEARNED, _IDEAL) if along == "learned" else (_IDEAL, _LEARNED)
    twice = 2 * kl_gaussian(*first, *second)
    rate = sp.Add(*_rates(*first))
    if sp.cancel(sp.diff(twice, _U) - rate) != 0:
        raise ArithmeticError(f"the rate of 2 KL along the {along} process is not the squared error")
    fractions = _learned() if along == "learned" else _ideal()
    slopes = [sp.factor(sp.diff(term, _U0)) for term in sp.Add.make_args(sp.expand_mul(fractions))]
    if sp.factor(sp.Add(*slopes) - rate.subs(_U, _U0)) != 0:
        raise ArithmeticError(f"the partial fractions along the {along} process have another rate than 2 KL")
    if fractions.subs(_U0, _UT) != 0:
        raise ArithmeticError("an energy over no time must be 0")
    return twice.subs(_U, _U0) - twice.subs(_U, _UT)


def de_bruijn_energy(along: Start, lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """The energies as twice the change of KL between T and t0, derived from the partial fractions and they from it.

    Arguments:
        along: "ideal", 2 [KL(q_t || p^_t)], which is :func:`ideal_energy`; or "learned", 2 [KL(p^_t || q_t)], which is
            :func:`learned_energy`.
        lam, lam_hat, delta, t0, T: as in :func:`ideal_energy`, with the same errors.

    >>> de_bruijn_energy("ideal", 1, 1, 1, 0, sp.oo)
    1
    """
    if not isinstance(along, str) or along not in ("learned", "ideal"):
        raise ValueError(f"along must be 'ideal' or 'learned', but it is {shown(along)}")
    return _evaluate(_BY_KL[along], lam, lam_hat, delta, t0, T)


def _de_bruijn_ideal() -> sp.Expr:
    return _de_bruijn("ideal")


def _de_bruijn_learned() -> sp.Expr:
    return _de_bruijn("learned")


_BY_KL = {"ideal": _de_bruijn_ideal, "learned": _de_bruijn_learned}


def visible_energy(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """eta eps*² = Var E_{P*}[M | Y_t0] (KTV-A Def. 3.2), the part of the energy that the endpoint sees.

    It is 2 Q² lam_t0² + l² lam_t0 with Q, l the discounted sums of the error's slope and offset, both processes started at
    q_T. Arguments and errors as in :func:`ideal_energy`.
    """
    return _evaluate(_visible, lam, lam_hat, delta, t0, T)


def observability(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """eta = visible energy / ideal energy in [0, 1]; 0 where there is no error (KTV-A Def. 3.2).

    Both energies are summed over the modes first. Arguments and errors as in :func:`ideal_energy`.
    """
    visible, ideal = (_evaluate(form, lam, lam_hat, delta, t0, T) for form in (_visible, _ideal))
    if ideal.is_zero:
        return sp.Integer(0)
    return visible / ideal if not ideal.free_symbols else sp.Piecewise((visible / ideal, ideal > 0), (0, True))
