"""Closed forms read off proved statements: what a claim says a quantity is, as a function of its arguments.

Nothing is derived or typed here. Each function takes the right side of an equality that the kernel has proved (``claim(id)``)
and puts its arguments in; so the formula that is evaluated is the formula that was proved. One target variance and one fresh
fraction for all rounds; alpha is the fraction of fresh data, n the number of points of a round, N the number of rounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sympy as sp

from theory import symbols
from theory._arguments import finish, fraction, nonnegative, positive, read, settled, show, shown
from theory._modes import modes
from theory.claim import Claim, conjuncts
from theory.limits import CLAIMS as _LIMITS
from theory.sampling import CLAIMS as _SAMPLES

__all__ = [
    "best_fresh_weight",
    "collapsed_variance",
    "fitted_mean_error",
    "fitted_mean_error_limit",
    "fitted_variance",
    "limit_second_moment",
    "sample_size_energy",
    "weighted_mean_error",
]

_N = symbols.N
EXACT_ROUNDS = 10_000


@lru_cache(maxsize=1)
def _registry() -> dict[str, Claim]:
    return {claim.id: claim for claim in (*_LIMITS, *_SAMPLES)}


def stated(claim: Claim, left: sp.Expr) -> sp.Expr:
    """The right side of the equality for ``left`` in a claim's statement.

    Raises:
        LookupError: if the statement has no such equality.
    """
    for relation in conjuncts(claim.statement):
        if isinstance(relation, sp.Equality) and relation.lhs == left:
            return relation.rhs
    raise LookupError(f"{claim.id} states no value of {left}")


def _value(id: str, left: sp.Expr, values: Mapping[sp.Basic, sp.Expr], inexact: bool) -> sp.Expr:
    formula = stated(_registry()[id], left)
    rounds = values.get(_N, sp.S.Zero)
    if rounds.is_Integer and rounds > EXACT_ROUNDS:
        if not inexact or not all(value.is_Rational for value in values.values()):
            raise ValueError(
                f"N must be at most {EXACT_ROUNDS} among exact numbers and symbols, but it is {shown(rounds)}: the value would "
                "have as many digits; where all are numbers and one is a float it is rounded"
            )
        return settled(sp.lambdify(tuple(values), formula, modules="mpmath"), values.values())
    return finish(formula.subs(dict(values), simultaneous=True), inexact)


def _rounds(N: Any) -> sp.Expr:
    rounds, _ = nonnegative("N", N)
    if rounds.is_integer is False:
        raise ValueError(f"N must be an integer >= 0, but it is {shown(N)}")
    return rounds


def fitted_mean_error(N: Any, alpha: Any, n: Any, sigma2: Any) -> sp.Expr:
    """s_N = E (m_N - m)² after N rounds of refitting on n points: sigma2 (1 - kappa^N)/(n (1 - kappa)).

    kappa = (1 - alpha)(1 - alpha - 1/n); stratified sample, started at the target itself (``finite-sample-closed-form``).

    Arguments:
        N: an integer >= 0; at most 10,000 unless all are numbers and one of them a float.
        alpha: the fresh fraction, in [0, 1].
        n: the number of points of a round, >= 1.
        sigma2: the variance of the target, >= 0.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> fitted_mean_error(1, sp.Rational(1, 2), 10, 1)
    1/10
    """
    (share, a), (points, b), (variance, c) = fraction("alpha", alpha), _points(n), nonnegative("sigma2", sigma2)
    values = {_N: _rounds(N), symbols.alpha: share, symbols.sample_size: points, symbols.variance: variance}
    return _value("finite-sample-closed-form", symbols.mean_error[_N], values, a or b or c)


def fitted_variance(N: Any, alpha: Any, n: Any, sigma2: Any) -> sp.Expr:
    """v_N, the expected 1/n variance after N rounds: what conservation leaves, sigma2 - s_N (``finite-sample-conservation``).

    Arguments and errors as in :func:`fitted_mean_error`.

    >>> fitted_variance(1, sp.Rational(1, 2), 10, 1)
    9/10
    """
    error = fitted_mean_error(N, alpha, n, sigma2)
    variance, inexact = nonnegative("sigma2", sigma2)
    s, v = symbols.mean_error[_N], symbols.fitted_variance[_N]
    (relation,) = conjuncts(_registry()["finite-sample-conservation"].statement)
    (left,) = sp.solve(relation, v)
    return finish(left.subs({s: error, symbols.variance: variance}, simultaneous=True), inexact, bool(error.atoms(sp.Float)))


def fitted_mean_error_limit(alpha: Any, n: Any, sigma2: Any) -> sp.Expr:
    """lim s_N = sigma2/(n alpha (2 - alpha) + 1 - alpha) (``finite-sample-stationary``).

    Arguments and errors as in :func:`fitted_mean_error`; alpha > 0.

    >>> fitted_mean_error_limit(1, 10, 1)
    1/10
    """
    (share, a), (points, b), (variance, c) = fraction("alpha", alpha), _points(n), nonnegative("sigma2", sigma2)
    if share.is_zero:
        raise ValueError("alpha must be positive, but it is 0: without fresh data the error does not settle below sigma2")
    values = {symbols.alpha: share, symbols.sample_size: points, symbols.variance: variance}
    return _value("finite-sample-stationary", sp.Limit(symbols.mean_error[_N], _N, sp.oo), values, a or b or c)


def collapsed_variance(N: Any, n: Any, sigma2: Any) -> sp.Expr:
    """v_N = (1 - 1/n)^N sigma2 without fresh data (``variance-collapse``).

    Arguments and errors as in :func:`fitted_mean_error`.

    >>> collapsed_variance(2, 10, 1)
    81/100
    """
    (points, b), (variance, c) = _points(n), nonnegative("sigma2", sigma2)
    values = {_N: _rounds(N), symbols.sample_size: points, symbols.variance: variance}
    return _value("variance-collapse", symbols.fitted_variance[_N], values, b or c)


def _points(n: Any) -> tuple[sp.Expr, bool]:
    points, inexact = positive("n", n)
    if (points - 1).is_negative:
        raise ValueError(f"n must be at least 1, but it is {show(points, inexact)}")
    return points, inexact


def weighted_mean_error(alpha: Any, ratio: Any) -> sp.Expr:
    """Stationary error of the mean in units of sigma2/n, weight alpha on n fresh and 1 - alpha on ratio n synthetic points.

    (alpha² + (1 - alpha)²/ratio)/(1 - (1 - alpha)²), ``golden-ratio-general``.

    Arguments:
        alpha: the weight on the fresh points, in (0, 1].
        ratio: synthetic points per fresh one, > 0.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> weighted_mean_error(1, 1)
    1
    """
    (share, a), (kappa, b) = fraction("alpha", alpha), positive("ratio", ratio)
    if share.is_zero:
        raise ValueError("alpha must be positive, but it is 0: nothing then holds the error")
    values = {symbols.alpha: share, symbols.synthetic_ratio: kappa}
    return _value("golden-ratio-general", symbols.stationary_error, values, a or b)


@lru_cache(maxsize=1)
def _best() -> sp.Expr:
    """The positive root of the equation by which the claim defines the best weight."""
    (condition,) = [part for part in _registry()["golden-ratio-general"].assumptions if part.name == "best"]
    ratio, g = symbols.synthetic_ratio, symbols.best_weight
    (root,) = [root for root in sp.solve(condition.formula, g) if root.subs(ratio, 1).is_positive]
    return root


def best_fresh_weight(ratio: Any) -> sp.Expr:
    """The weight with the least :func:`weighted_mean_error`, which is also that error; the golden ratio at ratio 1 (HXC).

    Arguments:
        ratio: synthetic points per fresh one, > 0.

    Raises:
        TypeError, ValueError: naming the argument.

    >>> best_fresh_weight(1)
    -1/2 + sqrt(5)/2
    """
    kappa, inexact = positive("ratio", ratio)
    return finish(_best().subs(symbols.synthetic_ratio, kappa), inexact)


def sample_size_energy(lam: Any, n: Any, t0: Any, T: Any) -> sp.Expr:
    """E eps*² of an affine score fitted on n points of a Gaussian, to second order in the fit (``sample-size-law``).

    With w_j = lam_j u/(1 + (lam_j - 1) u) between u = e^{-T} and e^{-t0} it sums w_j, w_j² and, off the diagonal, w_j w_k; at
    t0 = 0 and T infinite about d(d + 3)/(2n), the parameter count over n.

    Arguments:
        lam: the variances of the target, > 0, one per eigenvector; a single number is d = 1.
        n: the number of points, >= 1.
        t0, T: 0 <= t0 < T; T may be ``oo``.

    Raises:
        TypeError, ValueError: naming the argument.
    """
    variances = [positive(*label) for (label,) in modes(lam=lam)]
    (points, b), (stop, inexact_t0), (start, inexact_start) = _points(n), nonnegative("t0", t0), read("T", T)
    if (start - stop).is_nonpositive:
        raise ValueError(f"T must be greater than t0 = {show(stop, inexact_t0)}, but it is {show(start, inexact_start)}")
    law = _written_out(stated(_registry()["sample-size-law"], symbols.sample_energy), {symbols.dimension: len(variances)})
    values = {symbols.eigenvalue[index]: value for index, (value, _) in enumerate(variances)}
    ends = {symbols.sample_size: points, symbols.first_signal: sp.exp(-start), symbols.last_signal: sp.exp(-stop)}
    return finish(law.xreplace({**values, **ends}), b, inexact_t0, inexact_start, *(flag for _, flag in variances))


def _written_out(expression: sp.Expr, values: dict[sp.Symbol, Any]) -> sp.Expr:
    """The expression at these values of its indices, every Sum written out (``doit`` leaves sums over Indexed as they are)."""
    if isinstance(expression, sp.Sum):
        *inner, (index, first, last) = expression.limits
        body = sp.Sum(expression.function, *inner) if inner else expression.function
        start, stop = (int(end.subs(values)) for end in (first, last))
        return sp.Add(*(_written_out(body, {**values, index: position}) for position in range(start, stop + 1)))
    if not expression.has(sp.Sum):
        return expression.subs(values)
    return expression.func(*(_written_out(part, values) for part in expression.args))


def limit_second_moment(alpha: Any, t0: Any, second_moment: Any, dim: Any) -> sp.Expr:
    """E|x|² of the limit law of early-stopped retraining (``second-moment-limit``), between that of the data and d.

    Arguments:
        alpha: the fresh fraction, in [0, 1].
        t0: the early-stopping time, >= 0.
        second_moment: E|x|² of the data, >= 0.
        dim: d, an integer >= 1.

    Raises:
        TypeError: if an argument is neither a number nor an expression.
        ValueError: if one is out of range, or if alpha = t0 = 0, where the recursion stands still.

    >>> limit_second_moment(1, sp.log(2), 3, 1)
    2
    """
    (share, a), (time, b), (moment, c), (dimension, _) = (
        fraction("alpha", alpha),
        nonnegative("t0", t0),
        nonnegative("second_moment", second_moment),
        positive("dim", dim),
    )
    if dimension.is_integer is False:
        raise ValueError(f"dim must be an integer >= 1, but it is {shown(dim)}")
    if share.is_zero and time.is_zero:
        raise ValueError("alpha and t0 must not both be 0: the recursion then stands still and has no limit of its own")
    values = {
        symbols.alpha: share,
        symbols.early_time: time,
        symbols.second_moment_data: moment,
        symbols.dimension: dimension,
    }
    return _value("second-moment-limit", sp.Limit(symbols.second_moment[_N], _N, sp.oo), values, a or b or c)
