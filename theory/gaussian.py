"""Gaussians on the line: the noising process and the divergences, derived by integration.

The derivations are one-dimensional. Covariances with common eigenvectors are given by their eigenvalues, as sequences: modes
add (KL, Rényi, W2²) or multiply (1 + chi2, 1 - Hellinger²). The learned law N(m1, v1) comes first and the reference N(m0, v0)
second; v1, v0 are variances; logarithms are natural.

The arrangements returned are those that lose nothing to cancellation where the two laws nearly coincide: ``log(1 + x)`` is
written ``2 atanh(x/(2 + x))`` and ``exp(x) - 1`` is written ``2 exp(x/2) sinh(x/2)``. Lambdified, they are good to about 1e-14
relative for chi2, and to 1e-15 (v1 + v0)/|v1 - v0| for KL.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

from theory._arguments import finish, positive, read, real
from theory._arguments import nonnegative as _nonnegative
from theory._modes import modes

__all__ = [
    "chi2_gaussian",
    "exp_minus_one",
    "gaussian_expectation",
    "gaussian_integral",
    "hellinger_gaussian",
    "kl_gaussian",
    "log_density",
    "log_one_plus",
    "noised_mean",
    "noised_variance",
    "renyi_gaussian",
    "w2_gaussian",
]

_X = sp.Symbol("x", real=True)
_M1, _M0 = sp.symbols("m1 m0", real=True)
_V1, _V0 = sp.symbols("v1 v0", positive=True)
_ORDER = sp.Symbol("r", positive=True)
_TIME = sp.Symbol("t", nonnegative=True)


# --- the two facts about Gaussian integrals on which everything rests ------------------------------------------------


def log_density(x: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """The logarithm of the density of N(mean, variance) at x."""
    return -((x - mean) ** 2) / (2 * variance) - sp.log(2 * sp.pi * variance) / 2


@lru_cache(maxsize=1)
def _exponential_quadratic() -> tuple[sp.Expr, sp.Expr, sp.Symbol, sp.Symbol]:
    """int exp(-A x² + B x) dx over the line for A > 0, from an antiderivative that is differentiated back."""
    curvature = sp.Symbol("A", positive=True)
    slope = sp.Symbol("B", real=True)
    integrand = sp.exp(-curvature * _X**2 + slope * _X)
    root = sp.sqrt(curvature)
    scale = sp.sqrt(sp.pi) / (2 * root) * sp.exp(slope**2 / (4 * curvature))
    antiderivative = scale * sp.erf(root * _X - slope / (2 * root))
    if sp.simplify(sp.expand(sp.diff(antiderivative, _X) / integrand, power_exp=False)) != 1:
        raise ArithmeticError("the antiderivative of exp(-A x^2 + B x) does not differentiate back")
    value = sp.limit(antiderivative, _X, sp.oo) - sp.limit(antiderivative, _X, -sp.oo)
    return sp.simplify(value), integrand, curvature, slope


def gaussian_integral(exponent: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """The integral of exp(exponent) over the line, the exponent a quadratic polynomial in x.

    Returns:
        ``(curvature, log_value)``: the integral is finite iff the curvature (minus the coefficient of x²) is positive, and
        then it is ``exp(log_value)``.

    Raises:
        ValueError: if the exponent is not a polynomial of degree at most 2 in x.
    """
    polynomial = sp.Poly(sp.expand(exponent), x)
    if polynomial.degree() > 2:
        raise ValueError(f"exponent must be quadratic in {x}, but its degree is {polynomial.degree()}")
    a = sp.together(-polynomial.coeff_monomial(x**2))
    b, c = polynomial.coeff_monomial(x), polynomial.coeff_monomial(1)
    value, _, curvature, slope = _exponential_quadratic()
    logarithm = sp.expand_log(sp.log(value), force=False).xreplace({slope: b})
    return a, logarithm.subs(curvature, a) + c


@lru_cache(maxsize=1)
def _moment_generator() -> tuple[sp.Expr, sp.Symbol, sp.Symbol, sp.Symbol]:
    """E exp(s X) for X ~ N(m, v), by the integral above."""
    s, mean = sp.symbols("s m", real=True)
    variance = sp.Symbol("v", positive=True)
    _, logarithm = gaussian_integral(log_density(_X, mean, variance) + s * _X, _X)
    generator = sp.exp(sp.simplify(sp.expand_log(logarithm, force=False)))
    return sp.simplify(generator), s, mean, variance


@lru_cache(maxsize=16)
def _moment(order: int) -> sp.Expr:
    generator, s, _, _ = _moment_generator()
    return sp.expand(sp.simplify(sp.diff(generator, s, order).subs(s, 0)))


def gaussian_expectation(polynomial: sp.Expr, x: sp.Symbol, mean: sp.Expr, variance: sp.Expr) -> sp.Expr:
    """E f(X), X ~ N(mean, variance), for a polynomial f in x: the moments are derivatives of the generating function.

    Raises:
        sympy.PolynomialError: if f is not a polynomial in x.
    """
    _, _, m, v = _moment_generator()
    total = sp.Integer(0)
    for (power,), coefficient in sp.Poly(polynomial, x).terms():
        total += coefficient * _moment(power).xreplace({m: mean, v: variance})
    return total


# --- noising ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _noising() -> tuple[sp.Expr, sp.Expr]:
    """Mean and variance of dX = -½ X dt + dB from (m0, v0), by their own differential equations."""
    f = sp.Function("f")
    mean = sp.dsolve(sp.Eq(f(_TIME).diff(_TIME), -f(_TIME) / 2), f(_TIME), ics={f(0): _M0}).rhs
    variance = sp.dsolve(sp.Eq(f(_TIME).diff(_TIME), 1 - f(_TIME)), f(_TIME), ics={f(0): _V0}).rhs
    return mean, sp.expand(variance)


def noised_mean(mean: Any, t: Any) -> sp.Expr:
    """The mean at time t of the forward process dX = -½ X dt + dB started from the given mean: e^{-t/2} mean.

    Arguments:
        mean: real.
        t: >= 0.

    Raises:
        TypeError, ValueError: naming the argument.
    """
    (m, inexact_m), (time, inexact_t) = real("mean", mean), _nonnegative("t", t)
    return finish(_noising()[0].subs({_M0: m, _TIME: time}, simultaneous=True), inexact_m, inexact_t)


def noised_variance(variance: Any, t: Any) -> sp.Expr:
    """The variance at time t of the forward process dX = -½ X dt + dB: e^{-t} variance + 1 - e^{-t}.

    Arguments:
        variance: >= 0, at time 0.
        t: >= 0; ``oo`` gives 1.

    Raises:
        TypeError, ValueError: naming the argument.
    """
    (v, inexact_v), (time, inexact_t) = _nonnegative("variance", variance), read("t", t)
    if time.is_extended_negative:
        raise ValueError(f"t must be nonnegative, but it is {time}")
    return finish(_noising()[1].subs({_V0: v, _TIME: time}, simultaneous=True), inexact_v, inexact_t)


# --- divergences -----------------------------------------------------------------------------------------------------


def _arguments(m1: Any, v1: Any, m0: Any, v0: Any) -> tuple[list[dict[sp.Symbol, sp.Expr]], bool]:
    """The values of each mode, and whether any argument was a float."""
    values, inexact = [], False
    for mean, variance, centre, spread in modes(m1=m1, v1=v1, m0=m0, v0=v0):
        pairs = real(*mean), positive(*variance), real(*centre), positive(*spread)
        values.append({symbol: value for symbol, (value, _) in zip((_M1, _V1, _M0, _V0), pairs, strict=True)})
        inexact = inexact or any(flag for _, flag in pairs)
    return values, inexact


def _added(form: sp.Expr, values: list[dict[sp.Symbol, sp.Expr]]) -> sp.Expr:
    """The sum of a form over the modes."""
    return sp.Add(*(form.xreplace(value) for value in values))


def _where_finite(condition: sp.Expr, values: list[dict[sp.Symbol, sp.Expr]]) -> Any:
    """That the condition is positive in every mode: a relation, or true or false."""
    return sp.And(*(condition.xreplace(value) > 0 for value in values))


def _checked(arrangement: sp.Expr, derived: sp.Expr) -> sp.Expr:
    """The arrangement, once it is seen to be what was derived: same derivative in v1, same value at v1 = v0."""
    difference = arrangement - derived
    if sp.simplify(sp.diff(difference, _V1)) != 0 or sp.simplify(difference.subs(_V1, _V0)) != 0:
        raise ArithmeticError(f"the arrangement {arrangement} is not what was derived, {derived}")
    return arrangement


def log_one_plus(x: sp.Expr) -> sp.Expr:
    """log(1 + x) without loss near x = 0."""
    numerator, denominator = sp.fraction(sp.together(x / (2 + x)))
    return 2 * sp.atanh(sp.factor(numerator) / denominator)


def exp_minus_one(x: sp.Expr) -> sp.Expr:
    """exp(x) - 1 without loss near x = 0."""
    return 2 * sp.exp(x / 2) * sp.sinh(x / 2)


@lru_cache(maxsize=8)
def _power_integral(order: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """int p^r q^(1-r) dx: what must be positive for it to be finite, and the logarithm of its value."""
    curvature, logarithm = gaussian_integral(order * log_density(_X, _M1, _V1) + (1 - order) * log_density(_X, _M0, _V0), _X)
    condition = sp.expand(sp.cancel(2 * curvature * _V0 * _V1))
    shift = sp.factor(order * (order - 1)) * (_M1 - _M0) ** 2 / (2 * condition)
    excess = _V1 / _V0 - 1
    if order == 2:
        spread = -log_one_plus(-(excess**2)) / 2  # v1 (2 v0 - v1) = v0² - (v1 - v0)²
    elif order == sp.Rational(1, 2):
        spread = -log_one_plus((_V1 - _V0) ** 2 / (4 * _V0 * _V1)) / 4  # (v0 + v1)² = 4 v0 v1 + (v1 - v0)²
    else:
        spread = -(log_one_plus((1 - order) * excess) + (order - 1) * log_one_plus(excess)) / 2
    return condition, _checked(shift + spread, logarithm)


def chi2_gaussian(m1: Any, v1: Any, m0: Any, v0: Any) -> sp.Expr:
    """chi2(N(m1, v1) || N(m0, v0)) = int (p - q)²/q, ``oo`` where 2 v0 <= v1.

    1 + chi2 = v0 / sqrt(v1 (2 v0 - v1)) exp((m1 - m0)² / (2 v0 - v1)), by completing the square in int p²/q.

    Arguments:
        m1, v1: mean and variance of the learned law.
        m0, v0: mean and variance of the reference.
            Symbols or numbers; a float stands for its exact binary value, and the result is then rounded to 15 digits. In d
            dimensions with common eigenvectors each is a sequence of one per mode; a single one holds for every mode.

    Returns:
        An expression; with symbols, a ``Piecewise`` with the condition 2 v0 > v1, arranged to lose nothing near p = q.

    Raises:
        TypeError: if an argument is neither a real number nor an expression.
        ValueError: if a variance is not positive, an argument is not finite, or two sequences differ in length.

    >>> chi2_gaussian(1, 1, 0, 1)
    -1 + E
    >>> chi2_gaussian(0, 2, 0, 1)
    oo
    >>> chi2_gaussian([1, 2], [1, 1], 0, 1)
    -1 + exp(5)
    """
    values, inexact = _arguments(m1, v1, m0, v0)
    condition, logarithm = _power_integral(sp.Integer(2))
    finite = _where_finite(condition, values)
    if finite == sp.false:
        return sp.oo
    exponent = _added(logarithm, values)
    if not exponent.free_symbols and not inexact:
        return sp.exp(sp.logcombine(exponent.rewrite(sp.log), force=True)) - 1
    return finish(sp.Piecewise((exp_minus_one(exponent), finite), (sp.oo, True)), inexact)


@lru_cache(maxsize=1)
def _kl() -> sp.Expr:
    derived = gaussian_expectation(sp.expand(log_density(_X, _M1, _V1) - log_density(_X, _M0, _V0)), _X, _M1, _V1)
    arrangement = ((_V1 - _V0) / _V0 - log_one_plus(_V1 / _V0 - 1) + (_M1 - _M0) ** 2 / _V0) / 2
    return _checked(arrangement, derived)


def kl_gaussian(m1: Any, v1: Any, m0: Any, v0: Any) -> sp.Expr:
    """KL(N(m1, v1) || N(m0, v0)) = E_1 log(p1/p0) = ½ [v1/v0 - 1 - log(v1/v0) + (m1 - m0)²/v0], in nats.

    Arguments and errors as in :func:`chi2_gaussian`; always finite.

    >>> kl_gaussian(1, 1, 0, 1)
    1/2
    """
    values, inexact = _arguments(m1, v1, m0, v0)
    value = _added(_kl(), values)
    if not value.free_symbols and not inexact:
        value = sp.logcombine(sp.expand(value.rewrite(sp.log)), force=True)
    return finish(value, inexact)


def renyi_gaussian(m1: Any, v1: Any, m0: Any, v0: Any, order: Any) -> sp.Expr:
    """The Rényi divergence log(int p^r q^(1-r))/(r - 1) of order r > 0, in nats; ``oo`` where r v0 + (1 - r) v1 <= 0.

    Arguments and errors as in :func:`chi2_gaussian`; order 1 is KL, order 2 is log(1 + chi2).
    """
    values, inexact = _arguments(m1, v1, m0, v0)
    r, inexact_order = positive("order", order)
    if r == 1:
        return finish(_added(_kl(), values), inexact, inexact_order)
    condition, logarithm = _power_integral(_ORDER)
    values = [{**mode, _ORDER: r} for mode in values]
    finite = _where_finite(condition, values)
    if finite == sp.false:
        return sp.oo
    value = _added(logarithm, values) / (r - 1)
    return finish(sp.Piecewise((value, finite), (sp.oo, True)), inexact, inexact_order)


def hellinger_gaussian(m1: Any, v1: Any, m0: Any, v0: Any) -> sp.Expr:
    """The Hellinger distance sqrt(1 - int sqrt(p q)), in [0, 1], not squared.

    Arguments and errors as in :func:`chi2_gaussian`.
    """
    values, inexact = _arguments(m1, v1, m0, v0)
    logarithm = _added(_power_integral(sp.Rational(1, 2))[1], values)
    return finish(sp.sqrt(-exp_minus_one(logarithm)), inexact)


@lru_cache(maxsize=1)
def _w2_squared() -> sp.Expr:
    # on the line the monotone map is optimal, and between Gaussians it is x -> m0 + sqrt(v0/v1) (x - m1)
    gap = _M1 + sp.sqrt(_V1) * _X - _M0 - sp.sqrt(_V0) * _X
    derived = gaussian_expectation(sp.expand(gap**2), _X, sp.Integer(0), sp.Integer(1))
    spread = (_V1 - _V0) / (sp.sqrt(_V1) + sp.sqrt(_V0))
    return _checked((_M1 - _M0) ** 2 + spread**2, derived)


def w2_gaussian(m1: Any, v1: Any, m0: Any, v0: Any) -> sp.Expr:
    """The Wasserstein distance W2 (not squared): sqrt((m1 - m0)² + (sqrt(v1) - sqrt(v0))²).

    In d dimensions with common eigenvectors the square is the sum over the modes (Bures). Arguments and errors as in
    :func:`chi2_gaussian`.
    """
    values, inexact = _arguments(m1, v1, m0, v0)
    return finish(sp.sqrt(_added(_w2_squared(), values)), inexact)
