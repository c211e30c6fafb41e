"""Errors proportional to the score, with an offset, on Gaussian modes: the Riccati equation in elementary functions.

Let z = (x - mean)/sqrt(S_t) be the whitened coordinate of a mode. In the clock ds = dt/S_t the ideal process is the stationary
Ornstein-Uhlenbeck process dz = -½ z ds + dB for *every* variance of the data. The error

    e_t(x) = (slope z + offset)/sqrt(S_t)

has constant coefficients in that clock: slope alone is a score multiplied by 1 - slope (over- or understated score), and
where the data have variance 1 it is e = slope x + offset itself, the constant affine error. Everything then depends on slope,
offset and the length L = int dt/S_t of the clock alone. E_{P*} e^{rZ} is the exponential of a quadratic in z whose
coefficient solves

    pi' = pi² - 2 q pi + g,  pi(0) = 0,  q = ½ - r slope,  g = r (r - 1) slope²,

that is pi = -psi'/psi with psi'' + 2 q psi' + g psi = 0, solved here by sympy. The moment is finite iff 1 - pi stays positive
(S_T^{-1} - P(T) > 0 in the coordinate x), which fails at the first zero of psi + psi', before psi itself vanishes (blow-up).
Modes with common eigenvectors are independent: energies add and moments multiply.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import mpmath
import sympy as sp

from theory._arguments import GUARD, exp_within_reason, finish, guarded, nonnegative, positive, read, real, settled, show
from theory._modes import Pair, modes
from theory.gaussian import exp_minus_one, gaussian_expectation

__all__ = [
    "affine_blow_up",
    "affine_endpoint",
    "affine_ideal_energy",
    "affine_learned_energy",
    "affine_path_chi2",
    "affine_visible_energy",
    "affine_weight_moment",
    "score_clock",
]

_LAM, _ORDER = sp.symbols("lam r", positive=True)
_SLOPE, _OFFSET = sp.symbols("slope offset", real=True)
_LENGTH, _S = sp.symbols("L s", positive=True)
_T0, _T, _TIME = sp.symbols("t0 T t", nonnegative=True)
_DRIFT = sp.Symbol("drift", real=True, nonzero=True)  # slope - ½
_Q, _G, _M2 = sp.symbols("q g M", real=True)  # M = q² - g, the square of the rate m
_C, _D = sp.symbols("C D", real=True)  # cosh(m L) and sinh(m L)/m

_VALUES = {_Q: sp.Rational(1, 2) - _ORDER * _SLOPE, _G: _ORDER * (_ORDER - 1) * _SLOPE**2}


# --- the clock -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _clock() -> sp.Expr:
    """int dt/S_t from t0 to T, by an antiderivative that is differentiated back."""
    variance = 1 + (_LAM - 1) * sp.exp(-_TIME)
    # log(e^t S_t) = t + log S_t
    antiderivative = _TIME + sp.log(variance)
    if sp.simplify(sp.diff(antiderivative, _TIME) - 1 / variance) != 0:
        raise ArithmeticError("the antiderivative of 1/S_t does not differentiate back")
    ends = [variance.subs(_TIME, time) for time in (_T0, _T)]
    gap = (_LAM - 1) * (sp.exp(-_T) - sp.exp(-_T0))
    difference = 2 * sp.atanh(gap / (ends[0] + ends[1]))  # log(S_T/S_t0), without loss where they are close
    if sp.simplify(gap - (ends[1] - ends[0])) != 0:
        raise ArithmeticError("the gap of the variances is wrong")
    return _T - _T0 + difference


def score_clock(lam: Any, t0: Any, T: Any) -> sp.Expr:
    """L = int_{t0}^T dt/S_t = T - t0 + log(S_T/S_t0), S_t = 1 + (lam - 1) e^{-t}, for one mode; T - t0 where lam = 1.

    Arguments:
        lam: variance of the data, >= 0 (> 0 where t0 = 0).
        t0, T: 0 <= t0 < T; ``oo`` gives ``oo``.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> score_clock(1, 0, 3)
    3
    """
    value, inexact = _length(("lam", lam), t0, T)
    return finish(value, inexact)


def _length(lam: Pair, t0: Any, T: Any) -> tuple[sp.Expr, bool]:
    (variance, inexact), (stop, inexact_t0), (start, inexact_start) = nonnegative(*lam), nonnegative("t0", t0), read("T", T)
    if (start - stop).is_nonpositive:
        raise ValueError(f"T must be greater than t0 = {show(stop, inexact_t0)}, but it is {show(start, inexact_start)}")
    if variance.is_zero and stop.is_zero:
        raise ValueError(f"{lam[0]} must be positive where t0 = 0, but it is 0")
    flag = inexact or inexact_t0 or inexact_start
    if start is sp.oo:
        return sp.oo, flag
    clock = _clock()
    if flag and any(value.free_symbols for value in (variance, stop, start)):
        shares = {sp.exp(-symbol): guarded(sp.exp(-time)) for symbol, time in ((_T0, stop), (_T, start))}
        clock, variance, stop, start = clock.xreplace(shares), guarded(variance), guarded(stop), guarded(start)
    return clock.subs({_LAM: variance, _T0: stop, _T: start}, simultaneous=True), flag


# --- moments of the path weight --------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _riccati() -> tuple[sp.Expr, sp.Expr]:
    """psi and psi' without their factor e^{-q L}, in cosh(m L) = C and sinh(m L)/m = D."""
    psi, rate = sp.Function("psi"), sp.Symbol("m", positive=True)
    equation = sp.Eq(psi(_S).diff(_S, 2) + 2 * _Q * psi(_S).diff(_S) + (_Q**2 - rate**2) * psi(_S), 0)
    solved = sp.dsolve(equation, psi(_S), ics={psi(0): 1, psi(_S).diff(_S).subs(_S, 0): 0}).rhs
    parts = []
    for function in (solved, sp.diff(solved, _S)):
        kept = sp.expand(sp.expand(function * sp.exp(_Q * _S)).rewrite(sp.exp), power_exp=True)
        plus, minus = (sp.simplify(sp.expand(sp.powsimp(kept)).coeff(sp.exp(sign * rate * _S))) for sign in (1, -1))
        # a e^{ms} + b e^{-ms} = (a + b) cosh(ms) + m (a - b) sinh(ms)/m
        whole = sp.simplify(plus + minus) * _C + sp.simplify(rate * (plus - minus)) * _D
        parts.append(sp.expand(whole).subs(rate**2, _Q**2 - _G))
    return sp.factor(parts[0]), sp.factor(sp.expand(parts[1]))


@lru_cache(maxsize=1)
def _exponent() -> tuple[sp.Expr, tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """F with E e^{rZ} = e^{q L/2} F^{-1/2} e^{offset² K}, and (a, b, rho) with K = rho L + (a (C - 1) + b D)/F.

    The linear coefficient p = f/(C + q D) and the constant follow from pi by quadrature. K is sought as a multiple of L plus a
    combination of C - 1 and D over F; comparing the coefficients of its equation decides all three, and leaves nothing over.
    """
    psi, slope = _riccati()
    r, k = _ORDER, _SLOPE
    F = sp.expand(psi + slope)  # psi (1 - pi)
    F = F.coeff(_C) * _C + F.coeff(_D) * _D
    rates = {_Q: _VALUES[_Q], _G: _VALUES[_G]}
    q = rates[_Q]
    square = sp.expand((_Q**2 - _G).subs(rates))
    psi, F = psi.subs(rates), F.subs(rates)
    # p' = (pi - q) p + r pi + r (r-1) k per unit of offset: with p = f/psi, f is an integral of C and D
    a, b, rho = sp.symbols("a b rho")

    def polynomial(expression: sp.Expr) -> sp.Poly:
        return sp.Poly(expression, _C, _D, r, k, a, b, rho)

    scaled = polynomial(r * (r - 1) * k * (square * _D + (_C - 1) / 2))  # f m²
    numerator, m2 = polynomial(a * (_C - 1) + b * _D), polynomial(square)
    relation = polynomial(_C**2 - square * _D**2 - 1)
    P, Q = polynomial(psi), polynomial(F)

    def slope_of(part: sp.Poly) -> sp.Poly:
        """d/dL: C' = m² D and D' = C."""
        return part.diff(_C) * m2 * polynomial(_D) + part.diff(_D) * polynomial(_C)

    # the equation of p times psi² m²
    forced = (P - Q - polynomial(q) * P) * scaled + (polynomial(r) * (P - Q) + polynomial(r * (r - 1) * k) * P) * m2 * P
    if not (slope_of(scaled) * P - scaled * slope_of(P) - forced).rem(relation).is_zero:
        raise ArithmeticError("the linear coefficient does not solve its equation")
    # K' = p²/2 + r p + r (r-1)/2 + (p²/(2 (1 - pi)))', 1 - pi = F/psi, times 2 psi² F² m⁴
    known = Q**2 * (scaled**2 + polynomial(2 * r) * scaled * P * m2 + polynomial(r * (r - 1)) * P**2 * m2**2)
    known += 2 * scaled * slope_of(scaled) * P * Q - scaled**2 * (slope_of(P) * Q + P * slope_of(Q))
    sought = 2 * P**2 * m2**2 * (polynomial(rho) * Q**2 + slope_of(numerator) * Q - numerator * slope_of(Q))
    equations = sp.Poly((known - sought).rem(relation).as_expr(), _C, _D).coeffs()
    solutions = list(sp.linsolve(equations, a, b, rho))
    if len(solutions) != 1 or solutions[0].has(a, b, rho):
        raise ArithmeticError("the exponent is not of the form that was sought")
    even, odd, growth = (sp.factor(value) for value in solutions[0])
    return F, (even, odd, growth)


@lru_cache(maxsize=1)
def _regimes() -> tuple[tuple[Any, ...], ...]:
    """(log F, K, first zero of F, when there is none, condition) where m² is negative, positive and zero; in r, slope and L."""
    F, forced = _exponent()
    K = forced[2] * _LENGTH + (forced[0] * (_C - 1) + forced[1] * _D) / F
    square = sp.expand((_Q**2 - _G).subs(_VALUES))
    n = F.coeff(_D)
    turning, rate = sp.sqrt(-square), sp.sqrt(square)
    oscillating = {_C: sp.cos(turning * _LENGTH), _D: sp.sin(turning * _LENGTH) / turning}
    return (
        # cos(w L) + n sin(w L)/w has its first zero where the angle of (-n, w) is w L
        (sp.log(F.subs(oscillating)), K.subs(oscillating), sp.atan2(turning, -n) / turning, sp.false, square < 0),
        (*_growing(n, rate, forced), sp.atanh(-rate / n) / rate, n >= -rate, square > 0),
        (sp.log(_at_zero_rate(F, square)), _at_zero_rate(K, square), -1 / n, n >= 0, sp.true),
    )


def _growing(n: sp.Expr, rate: sp.Expr, forced: tuple[sp.Expr, sp.Expr, sp.Expr]) -> tuple[sp.Expr, sp.Expr]:
    """log F and K where m² > 0, e^{mL} taken out: F is e^{-mL} where n = -m, and cosh may exceed all floats."""
    even, odd, rho = forced
    left = sp.exp(-rate * _LENGTH)
    # 2 m F e^{-mL}; m + n as a product, for in one sum with what follows it would drown that where it cancels
    scaled = rate * (1 + n / rate) + (rate - n) * left**2
    K = rho * _LENGTH + (even * rate * (1 - left) ** 2 + odd * (1 - left**2)) / scaled
    return rate * _LENGTH + sp.log(scaled / (2 * rate)), K


def _at_zero_rate(expression: sp.Expr, square: sp.Expr) -> sp.Expr:
    """The limit as m² tends to 0 at a fixed slope, by the series of cosh and sinh."""
    (order,) = sp.solve(sp.Eq(square, _M2), _ORDER)
    series = {
        _C: sum(_M2**n * _LENGTH ** (2 * n) / sp.factorial(2 * n) for n in range(4)),
        _D: sum(_M2**n * _LENGTH ** (2 * n + 1) / sp.factorial(2 * n + 1) for n in range(4)),
    }
    near = sp.cancel(sp.together(expression.subs(_ORDER, order).subs(series)))
    if sp.denom(near).subs(_M2, 0).is_zero:
        raise ArithmeticError("the limit at m = 0 does not exist")
    return sp.factor(near.subs(_M2, 0))


def affine_blow_up(order: Any, slope: Any) -> sp.Expr:
    """The length of the clock at which E_{P*} e^{rZ} becomes infinite, ``oo`` where it never does.

    It is the first zero of psi + psi', where 1 - pi = 0 (S_T^{-1} - P(T) = 0 in x); it does not depend on the offset.

    Arguments:
        order: r > 0.
        slope: of the error in the whitened coordinate.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> affine_blow_up(2, sp.Rational(1, 2))
    2*atan(1/2)
    """
    (r, inexact_r), (k, inexact_k) = positive("order", order), real("slope", slope)
    rows = []
    for _, _, end, never, condition in _branches({_ORDER: r, _SLOPE: k}):
        rows.append((_pieces([(sp.oo, never), (end, sp.true)]), condition))
    return finish(_pieces(rows), inexact_r, inexact_k)


def _branches(values: dict[sp.Symbol, sp.Expr]) -> list[tuple[Any, ...]]:
    """The regimes at these values whose conditions are not known to fail; one that is not taken may not be real."""
    kept = []
    for *parts, regime in _regimes():
        condition = regime.subs(values)
        if condition == sp.false:
            continue
        kept.append((*(part.xreplace(values) for part in parts), condition))
        if condition == sp.true:
            break
    return kept


def _pieces(rows: list[tuple[sp.Expr, Any]]) -> sp.Expr:
    """A Piecewise as it is, decided as far as numbers decide it: sympy would spend seconds on solving its inequalities."""
    open_rows = []
    for value, condition in rows:
        if condition == sp.false:
            continue
        open_rows.append((value, condition))
        if condition == sp.true:
            break
    return open_rows[0][0] if open_rows[0][1] == sp.true else sp.Piecewise(*open_rows, evaluate=False)


def _log_moment(order: sp.Expr, slope: sp.Expr, offset: sp.Expr, length: sp.Expr) -> sp.Expr:
    """log E e^{rZ} of one mode, oo where the clock reaches the first zero of F."""
    values = {_ORDER: order, _SLOPE: slope, _LENGTH: length}
    damping = (_VALUES[_Q] * _LENGTH / 2).xreplace(values)
    rows = []
    for log_F, K, end, never, condition in _branches(values):
        logarithm = damping - log_F / 2 + offset**2 * K
        # where there is no zero, its formula may not be real
        ending = logarithm if never == sp.true else _pieces([(logarithm, never), (logarithm, length < end), (sp.oo, sp.true)])
        rows.append((ending, condition))
    return _pieces(rows)


@lru_cache(maxsize=1)
def _clock_function() -> Callable[..., Any]:
    return sp.lambdify((_LAM, _T0, _T), _clock(), "mpmath")


@lru_cache(maxsize=3)
def _functions(row: int) -> tuple[Callable[..., Any], ...]:
    """Of mpmath: log E e^{rZ} without offset in a regime, what the offset adds, and the length at which it ends."""
    log_F, K, end, _, _ = _regimes()[row]
    spread = (_VALUES[_Q] * _LENGTH - log_F) / 2
    return (
        *(sp.lambdify((_ORDER, _SLOPE, _LENGTH), part, "mpmath") for part in (spread, K)),
        sp.lambdify((_ORDER, _SLOPE), end, "mpmath"),
    )


def _regime(order: sp.Expr, slope: sp.Expr) -> tuple[int, bool]:
    """The regime of numbers, decided exactly, and whether the moment is finite there for ever."""
    values = {_ORDER: order, _SLOPE: slope}
    rows = [row for row, (*_, condition) in enumerate(_regimes()) if condition.subs(values) == sp.true]
    return rows[0], bool(_regimes()[rows[0]][3].subs(values))


def _at_numbers(order: sp.Expr, slope: sp.Expr) -> Callable[..., tuple[Any, Any]]:
    """log E e^{rZ} without offset, ``inf`` where it diverges, and what offset² adds, as a function of mpmath."""
    row, never = _regime(order, slope)
    clock, (spread, added, end) = _clock_function(), _functions(row)

    def at(r: Any, k: Any, lam: Any, t0: Any, T: Any) -> tuple[Any, Any]:
        length = clock(lam, t0, T)
        if not never and length >= end(r, k):
            return mpmath.inf, mpmath.mpf(0)
        return spread(r, k, length), added(r, k, length)

    return at


def _numeric(order: sp.Expr, rows: list[tuple[sp.Expr, ...]], whole: Callable[[Any], Any]) -> sp.Expr:
    """``whole`` of log E e^{rZ} at numbers: written out as fractions, sympy may be busy with its digits for minutes."""
    functions = [_at_numbers(order, slope) for slope, *_ in rows]

    def total(r: Any, *numbers: Any) -> Any:
        logarithm = mpmath.mpf(0)
        for index, at in enumerate(functions):
            slope, offset, *times = numbers[5 * index : 5 * index + 5]
            spread, added = at(r, slope, *times)
            logarithm += spread + offset**2 * added
        return whole(logarithm)

    return settled(total, (order, *(value for row in rows for value in row)))


def _moment(
    order: Any, inexact_order: bool, arguments: tuple[Any, ...], exactly: Callable[[Any], Any], whole: Callable[[Any], Any]
) -> sp.Expr:
    """``exactly`` of log E e^{rZ} over the modes, which is ``whole`` for mpmath; ``oo`` where it diverges."""
    slope, offset, lam, t0, T = arguments
    rows, lengths, inexact = [], [], inexact_order
    for gradient, shift, variance in modes(slope=slope, offset=offset, lam=lam):
        (k, inexact_k), (h, inexact_h), (length, flag) = real(*gradient), real(*shift), _length(variance, t0, T)
        inexact = inexact or inexact_k or inexact_h or flag
        if k.is_zero and h.is_zero:
            continue
        if length is sp.oo:
            raise ValueError("T must be finite, but it is oo: the error acts for ever")
        rows.append((k, h, *(read(name, value)[0] for name, value in (variance, ("t0", t0), ("T", T)))))
        lengths.append(length)
    if inexact and all(value.is_number for row in ((order,), *rows) for value in row):
        return _numeric(order, rows, whole)
    total = sp.Integer(0)
    for (k, h, *times), length in zip(rows, lengths, strict=True):
        if inexact and all(value.is_number for value in (order, k, *times)):
            if order == 1:
                continue  # E e^Z = 1, of which numbers would leave rounding errors
            # only the offset is a symbol; 1 + n/m may cancel to e^{-2mL}, below all guarded digits
            at = _at_numbers(order, k)
            spread, added = (settled(lambda *x, i=i, at=at: at(*x)[i], (order, k, *times), GUARD) for i in (0, 1))
            if spread is sp.oo:
                return sp.oo
            total += spread + guarded(h) ** 2 * added
            continue
        if inexact and all(value.is_number for value in times):  # 1 - e^{-t0} may be below all guarded digits
            length = settled(_clock_function(), times, GUARD)
        parts = [order, k, h, length]
        total += _log_moment(*([guarded(part) for part in parts] if inexact else parts))
    return sp.oo if total is sp.oo else finish(exactly(total), inexact)


def affine_weight_moment(order: Any, slope: Any, offset: Any, lam: Any, t0: Any, T: Any) -> sp.Expr:
    """E_{P*} e^{rZ} for the error (slope z + offset)/sqrt(S_t), both processes started at q_T; ``oo`` where it diverges.

    At r = 1 + delta it is the least constant K_delta of assumption A3 (KTV-A); at r = 1 it is 1. With a float
    among numbers it is ``oo`` from exp(10^1000) on.

    Arguments:
        order: r > 0.
        slope, offset: of the error in the whitened coordinate; where lam = 1 of the error slope x + offset itself.
        lam: variance of the data, >= 0 (> 0 where t0 = 0).
            In d dimensions with common eigenvectors these three may be sequences of one per mode.
        t0, T: 0 <= t0 < T < oo.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> affine_weight_moment(2, 0.0, 1, 1, 0, 1)
    2.71828182845905
    """
    r, inexact_order = positive("order", order)
    return _moment(r, inexact_order, (slope, offset, lam, t0, T), sp.exp, exp_within_reason)


def affine_path_chi2(slope: Any, offset: Any, lam: Any, t0: Any, T: Any) -> sp.Expr:
    """X = E_{P*} e^{2Z} - 1 for the error (slope z + offset)/sqrt(S_t), ``oo`` where it diverges.

    Arguments and errors as in :func:`affine_weight_moment`.

    >>> affine_path_chi2(0.24, 0, 1, 0.02, 4)
    oo
    """
    return _moment(sp.Integer(2), False, (slope, offset, lam, t0, T), exp_minus_one, _expm1)


def _expm1(x: Any) -> Any:
    return mpmath.expm1(x) if abs(x) < 1 else exp_within_reason(x) - 1


# --- energies and the endpoint ---------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _learned_law() -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of z after the length s of the clock, started at N(0, 1): dz = (drift z + offset) ds + dB."""
    f = sp.Function("f")
    mean = sp.dsolve(sp.Eq(f(_S).diff(_S), _DRIFT * f(_S) + _OFFSET), f(_S), ics={f(0): 0}).rhs
    variance = sp.dsolve(sp.Eq(f(_S).diff(_S), 2 * _DRIFT * f(_S) + 1), f(_S), ics={f(0): 1}).rhs
    return sp.expand(mean), sp.expand(variance)


def _in_slope(expression: sp.Expr) -> sp.Expr:
    """In slope = drift + ½, with its limit where drift = 0 (the learned process is a Brownian motion there)."""
    half = sp.Rational(1, 2)
    limit = sp.limit(expression, _DRIFT, 0)
    return sp.Piecewise((limit, sp.Eq(_SLOPE, half)), (expression.subs(_DRIFT, _SLOPE - half), True))


@lru_cache(maxsize=1)
def _endpoint() -> tuple[sp.Expr, sp.Expr]:
    mean, variance = (_in_slope(part.subs(_S, _LENGTH)) for part in _learned_law())
    return mean, variance


@lru_cache(maxsize=1)
def _learned() -> sp.Expr:
    mean, variance = _learned_law()
    z = sp.Symbol("z", real=True)
    slope = _DRIFT + sp.Rational(1, 2)
    rate = sp.expand(gaussian_expectation(sp.expand((slope * z + _OFFSET) ** 2), z, mean, variance))
    antiderivative = sp.Add(*(sp.integrate(term, _S, conds="none") for term in sp.Add.make_args(rate)))
    if sp.expand(sp.diff(antiderivative, _S) - rate) != 0:
        raise ArithmeticError("the antiderivative of the learned energy does not differentiate back")
    return _in_slope(sp.expand(antiderivative.subs(_S, _LENGTH) - antiderivative.subs(_S, 0)))


@lru_cache(maxsize=1)
def _ideal() -> sp.Expr:
    z = sp.Symbol("z", real=True)
    return _LENGTH * gaussian_expectation(sp.expand((_SLOPE * z + _OFFSET) ** 2), z, sp.Integer(0), sp.Integer(1))


@lru_cache(maxsize=1)
def _visible() -> sp.Expr:
    """Var E[M | z_t0] by the Stein form: the ideal process read backwards from z_t0 = y is N(e^{-s/2} y, 1 - e^{-s})."""
    y, z = sp.symbols("y z", real=True)
    integrand = sp.expand(-(_SLOPE + (_SLOPE * z + _OFFSET) * (-z)))
    rate = gaussian_expectation(integrand, z, sp.exp(-_S / 2) * y, 1 - sp.exp(-_S))
    seen = sp.Poly(sp.expand(sp.integrate(sp.expand(rate), (_S, 0, _LENGTH))), y)
    first, second = (gaussian_expectation(seen.as_expr() ** n, y, sp.Integer(0), sp.Integer(1)) for n in (1, 2))
    kept = sp.Symbol("w", positive=True)  # e^{-L/2}
    variance = sp.expand(second - first**2).subs(_LENGTH, -2 * sp.log(kept))
    return sp.factor(sp.expand(sp.simplify(variance))).subs(kept, sp.exp(-_LENGTH / 2))


def _added(form: sp.Expr, slope: Any, offset: Any, lam: Any, t0: Any, T: Any) -> sp.Expr:
    total, inexact = sp.Integer(0), False
    for gradient, shift, variance in modes(slope=slope, offset=offset, lam=lam):
        (k, inexact_k), (h, inexact_h), (length, flag) = real(*gradient), real(*shift), _length(variance, t0, T)
        inexact = inexact or inexact_k or inexact_h or flag
        if not (k.is_zero and h.is_zero):
            total += form.subs({_SLOPE: k, _OFFSET: h, _LENGTH: length}, simultaneous=True)
    return finish(total, inexact)


def affine_ideal_energy(slope: Any, offset: Any, lam: Any, t0: Any, T: Any) -> sp.Expr:
    """eps*² = (slope² + offset²) L, L the length of the clock, for the error (slope z + offset)/sqrt(S_t).

    Arguments and errors as in :func:`affine_weight_moment`.

    >>> affine_ideal_energy(1, 1, 1, 0, 3)
    6
    """
    return _added(_ideal(), slope, offset, lam, t0, T)


def affine_learned_energy(slope: Any, offset: Any, lam: Any, t0: Any, T: Any) -> sp.Expr:
    """epŝ² of the error (slope z + offset)/sqrt(S_t), the learned process started at q_T.

    Arguments and errors as in :func:`affine_weight_moment`.
    """
    return _added(_learned(), slope, offset, lam, t0, T)


def affine_visible_energy(slope: Any, offset: Any, lam: Any, t0: Any, T: Any) -> sp.Expr:
    """eta eps*² = 2 slope² (1 - e^{-L})² + 4 offset² (1 - e^{-L/2})², both processes started at q_T (KTV-A Def. 3.2).

    Arguments and errors as in :func:`affine_weight_moment`; T may be ``oo``.

    >>> affine_visible_energy(1, 1, 1, 0, sp.oo)
    6
    """
    return _added(_visible(), slope, offset, lam, t0, T)


def affine_endpoint(slope: Any, offset: Any, lam: Any, t0: Any, T: Any) -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of the learned endpoint in the coordinate that whitens q_t0, for one mode, started at q_T.

    The divergences of the endpoint are those of this law from N(0, 1). Arguments and errors as in :func:`affine_weight_moment`,
    in numbers or symbols of one mode.
    """
    (k, inexact_k), (h, inexact_h), (length, flag) = real("slope", slope), real("offset", offset), _length(("lam", lam), t0, T)
    values = {_SLOPE: k, _OFFSET: h, _LENGTH: length}
    mean, spread = (finish(part.subs(values, simultaneous=True), inexact_k, inexact_h, flag) for part in _endpoint())
    return mean, spread
