"""Moments of the path weight e^Z = dP^/dP* in closed form: consistent errors on Gaussian modes, and time-only errors.

The learned score being the exact score of p^, both processes started at q_T, e^Z = R_t0(Y_t0)/R_T(Y_T) with R_t = p^_t/q_t
the ratio of two Gaussian densities, and (Y_t0, Y_T) is Gaussian under P*. So E_{P*} e^{rZ} is a double Gaussian integral: it
is finite iff both curvatures are positive, which is the condition that the Riccati solution neither blows up nor exceeds the
inverse variance of the start. Modes with common eigenvectors are independent, so their moments multiply. The path chi2 is the
moment of order 2 minus 1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

from theory._arguments import finish, guarded, nonnegative, placed, positive
from theory._modes import modes
from theory.energy import MODE_SYMBOLS, Start, checked_start, mode_values
from theory.gaussian import chi2_gaussian, exp_minus_one, gaussian_integral, log_density, log_one_plus

__all__ = ["deterministic_path_chi2", "path_chi2", "weight_moment"]

_LAM, _LAM_HAT, _DELTA, _U0, _UT = MODE_SYMBOLS
_ORDER, _V = sp.symbols("r V", positive=True)


@lru_cache(maxsize=1)
def _integrated() -> tuple[sp.Expr, sp.Expr, sp.Expr, tuple[sp.Symbol, ...]]:
    """E exp(r (a y²/2 + l y - A z²/2 - L z)), (y, z) standard normal with correlation rho.

    Returns the inner curvature, the determinant (both must be positive) and the part of the logarithm that l and L bring; the
    rest is -½ log of the determinant. kappa stands for 1 - rho².
    """
    y, z, a, at_start, slope, slope_at_start = sp.symbols("y z a A l L", real=True)
    rho, kappa = sp.symbols("rho kappa", positive=True)
    exponent = _ORDER * (a * y**2 / 2 + slope * y - at_start * z**2 / 2 - slope_at_start * z)
    density = -(y**2) / 2 - (z - rho * y) ** 2 / (2 * kappa) - sp.log(2 * sp.pi) - sp.log(kappa) / 2
    inner, over_z = gaussian_integral(exponent + density, z)
    outer, logarithm = gaussian_integral(over_z, y)
    inner = sp.factor(2 * kappa * inner)
    determinant = sp.expand(sp.cancel(sp.together(2 * outer * inner).subs(rho, sp.sqrt(1 - kappa))))
    even = logarithm.subs({slope: 0, slope_at_start: 0})
    tilt = sp.factor(sp.cancel((logarithm - even).subs(kappa, 1 - rho**2)))
    if sp.simplify(sp.expand_log(even + sp.log(determinant) / 2, force=False).subs({a: 0, at_start: 0})) != 0:
        raise ArithmeticError("the mass of a density must be 1")
    return inner, determinant, tilt, (a, at_start, slope, slope_at_start, rho, kappa)


@lru_cache(maxsize=1)
def _pieces() -> tuple[sp.Expr, ...]:
    """Inner curvature, determinant, 1 - v/w at t0 and at T, and the exponent from the means, for one mode."""
    inner, determinant, tilt, (a, at_start, slope, slope_at_start, rho, kappa) = _integrated()
    v0, vT, w0, wT = (1 + (lam - 1) * u for lam in (_LAM, _LAM_HAT) for u in (_U0, _UT))
    # log R_t = ½ log(v/w) + ½ (1 - v/w) z² + (shift sqrt(v)/w) z - shift²/(2w), z the whitened coordinate
    gaps = [(_LAM_HAT - _LAM) * u / w for u, w in ((_U0, w0), (_UT, wT))]
    spread = {a: gaps[0], at_start: gaps[1], kappa: (_U0 - _UT) / (_U0 * vT)}
    # the slopes are shift sqrt(v)/w and the correlation sqrt(u_T v_0/(u_0 v_T)): every product that occurs is rational
    products = {
        slope**2: _U0 * v0 / w0**2,
        slope_at_start**2: _UT * vT / wT**2,
        slope * slope_at_start * rho: _UT * v0 / (w0 * wT),
    }
    numerator, denominator = sp.fraction(tilt)
    numerator = sp.expand(sp.expand(numerator).xreplace({rho**2: 1 - kappa}))
    numerator = sp.Add(*(_replaced(term, products) for term in sp.Add.make_args(numerator)))
    denominator = sp.expand(denominator).xreplace({rho**2: 1 - kappa})
    means = (numerator / denominator).subs(spread) + _ORDER * (_UT / wT - _U0 / w0) / 2
    determinant = determinant.subs(spread)  # left in the gaps: multiplied out, it would cancel
    means = _DELTA**2 * sp.factor(means * sp.factor(determinant)) / determinant
    return inner.subs(spread), determinant, gaps[0], gaps[1], means


def _replaced(term: sp.Expr, products: dict[sp.Expr, sp.Expr]) -> sp.Expr:
    """The term with the one product that it contains replaced."""
    for product, value in products.items():
        rest = sp.cancel(term / product)
        if not rest.has(*product.free_symbols):
            return rest * value
    raise ArithmeticError(f"{term} contains none of {list(products)}")


@lru_cache(maxsize=8)
def _log_moment(order: sp.Expr) -> tuple[sp.Expr, sp.Expr, sp.Expr]:
    """The two quantities that must be positive, and the logarithm of E e^{rZ} for one mode."""
    inner, determinant, at_stop, at_start, means = (piece.subs(_ORDER, order) for piece in _pieces())
    if order == 2:
        quotient = sp.factor(sp.factor(determinant) * ((1 - at_start) / (1 - at_stop)) ** 2 - 1)
        spread = -log_one_plus(quotient) / 2
    else:
        spread = order * (log_one_plus(-at_stop) - log_one_plus(-at_start)) / 2
        spread -= log_one_plus(determinant - 1) / 2
    return inner, determinant, spread + means


def _summed(order: sp.Expr, lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> tuple[Any, sp.Expr, bool]:
    """That the moment is finite, its logarithm, and whether any argument was a float."""
    inner, determinant, logarithm = _log_moment(order)
    conditions: list[Any] = []
    total, inexact = sp.Integer(0), False
    for mode in modes(lam=lam, lam_hat=lam_hat, delta=delta):
        values, flag = mode_values(mode, t0, T)
        inexact = inexact or flag
        among_symbols = flag and any(value.free_symbols for value in (order, *values.values()))
        if among_symbols:
            values = {symbol: guarded(value) for symbol, value in values.items()}
            if values[_U0] == 0:
                continue  # nothing is left of either law
        if values[_LAM] == values[_LAM_HAT] and values[_DELTA].is_zero:
            continue
        if among_symbols:
            parts = [placed(part, values) for part in (inner, determinant)]
            conditions += [sp.Gt(part, 0, evaluate=not part.free_symbols) for part in parts]
            total = sp.Add(total, placed(logarithm, values), evaluate=False)
            continue
        conditions += [part.xreplace(values) > 0 for part in (inner, determinant)]
        total += logarithm.xreplace(values)
    return sp.And(*conditions), total, inexact


def weight_moment(order: Any, lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """E_{P*} e^{rZ} for a consistent error, both processes started at q_T; ``oo`` where it diverges.

    At r = 1 + delta it is the least constant K_delta of assumption A3 (KTV-A); at r = 1 it is 1.

    Arguments:
        order: r > 0.
        lam, lam_hat, delta, t0, T: as in :func:`theory.energy.ideal_energy`, sequences included, with the same errors.

    >>> weight_moment(2, 1, 1, 1, 0, sp.oo)
    E
    """
    r, inexact_order = positive("order", order)
    finite, logarithm, inexact = _summed(r, lam, lam_hat, delta, t0, T)
    if finite == sp.false:
        return sp.oo
    if inexact and logarithm.free_symbols:
        return sp.Piecewise((sp.exp(logarithm, evaluate=False), finite), (sp.oo, True), evaluate=False)
    return finish(sp.Piecewise((sp.exp(logarithm), finite), (sp.oo, True)), inexact, inexact_order)


def path_chi2(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any, start: Start = "ideal") -> sp.Expr:
    """X = E_{P*} e^{2Z} - 1 for a consistent error, ``oo`` where it diverges.

    Started at q_T it is the moment of order 2 minus 1. Started at p^_T, e^Z = R_t0(Y_t0) is a function of the endpoint, and X
    is the chi2 of the endpoint. Arguments and errors as in :func:`theory.energy.ideal_energy`, sequences included.

    >>> path_chi2(1, 1, 1, 0, sp.oo)
    -1 + E
    """
    if checked_start(start) == "learned":
        return _endpoint_chi2(lam, lam_hat, delta, t0, T)
    finite, logarithm, inexact = _summed(sp.Integer(2), lam, lam_hat, delta, t0, T)
    if finite == sp.false:
        return sp.oo
    if not logarithm.free_symbols and not inexact:
        return sp.exp(logarithm.rewrite(sp.log)) - 1
    if inexact and logarithm.free_symbols:
        with sp.evaluate(False):
            return sp.Piecewise((exp_minus_one(logarithm), finite), (sp.oo, True))
    return finish(sp.Piecewise((exp_minus_one(logarithm), finite), (sp.oo, True)), inexact)


def _endpoint_chi2(lam: Any, lam_hat: Any, delta: Any, t0: Any, T: Any) -> sp.Expr:
    """chi2(p^_t0 || q_t0), the learned process started at p^_T."""
    read = [mode_values(mode, t0, T) for mode in modes(lam=lam, lam_hat=lam_hat, delta=delta)]
    laws = [(sp.sqrt(v[_U0]) * v[_DELTA], 1 + (v[_LAM_HAT] - 1) * v[_U0], 1 + (v[_LAM] - 1) * v[_U0]) for v, _ in read]
    means, learned, ideal = zip(*laws, strict=True)
    return finish(chi2_gaussian(means, learned, 0, ideal), *(inexact for _, inexact in read))


def deterministic_path_chi2(ideal_energy: Any) -> sp.Expr:
    """X = e^{eps*²} - 1 where V is not random, as for an error that depends on time only; it is also chi2 where eta = 1.

    Arguments:
        ideal_energy: eps*² >= 0, int |b(t)|² dt for an error b(t); the energies of independent modes add.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> deterministic_path_chi2(1)
    -1 + E
    """
    energy, inexact = nonnegative("ideal_energy", ideal_energy)
    if not energy.free_symbols and not inexact:
        return sp.exp(_deterministic().subs(_V, energy)) - 1
    return finish(exp_minus_one(_deterministic().subs(_V, energy)), inexact)


@lru_cache(maxsize=1)
def _deterministic() -> sp.Expr:
    """log E e^{2M - V} for M ~ N(0, V), by the Gaussian integral."""
    x = sp.Symbol("x", real=True)
    _, logarithm = gaussian_integral(2 * x - _V + log_density(x, sp.Integer(0), _V), x)
    return sp.simplify(sp.expand_log(logarithm))
