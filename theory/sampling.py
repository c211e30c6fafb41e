"""Finite samples: what one round of refitting a Gaussian does to its error, in expectation and exactly.

Retraining an affine score on n points of a Gaussian target fits their mean and their (1/n) covariance. In one dimension the
errors s_i = E (m_i - m)² and v_i = E sigma_i² obey a linear recursion of two lines.

Sources: SHU (Shumailov et al., Nature 631, 2024, and successors), HXC (He, Xu, Cheng, arXiv 2502.18049). "driftbound" marks
what is derived here.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Literal

import sympy as sp

from theory import proof as pf
from theory._arguments import finish, fraction, nonnegative, positive, shown
from theory.claim import Assumption, Claim, Proof, with_mutants, without
from theory.proof import Fact, mean, omega
from theory.relations import Eq, Ge, Le, Lt
from theory.symbols import (
    N,
    alpha,
    best_weight,
    degrees,
    dimension,
    eigenvalue,
    first_signal,
    fitted_variance,
    fresh_count,
    fresh_count_variance,
    fresh_fraction,
    i,
    j,
    k,
    last_signal,
    mean_error,
    sample_energy,
    sample_size,
    stationary_error,
    synthetic_ratio,
    typical_rate,
    variance,
)

_S, _V, _SIGMA2, _ALPHA = sp.symbols("s v sigma2 alpha", nonnegative=True)
_COUNT = sp.Symbol("n", positive=True)


@lru_cache(maxsize=2)
def _step(design: str) -> tuple[sp.Expr, sp.Expr]:
    """(s', v') by moment algebra: the n points, measured from the true mean, have these first and second moments."""
    synthetic = 1 - _ALPHA
    # E z² averaged over the points; a synthetic point is m_i + sigma_i Z
    second = _ALPHA * _SIGMA2 + synthetic * (_V + _S)
    # E (mean of the conditional means)²: fresh points have conditional mean 0, synthetic ones m_i - m
    squared_centre = synthetic**2 * _S
    # n Var(sample mean | m_i, sigma_i): independent points, so the mean of their conditional variances
    spread = _ALPHA * _SIGMA2 + synthetic * _V
    if design == "iid":
        spread = second - squared_centre  # the law of one point now includes which of the two kinds it is
    s = squared_centre + spread / _COUNT
    return s, sp.expand(second - s)  # the fitted variance is the mean square minus the squared mean


def finite_sample_step(
    s: Any, v: Any, alpha: Any, n: Any, sigma2: Any, design: Literal["stratified", "iid"] = "stratified"
) -> tuple[sp.Expr, sp.Expr]:
    """One round of refitting: (s, v) -> (s', v'), s = E (m_i - m)² and v = E sigma_i² (1/n variance).

    s' = (1 - alpha)² s + w/n and v' = w + alpha (1 - alpha) s - w/n with w = alpha sigma2 + (1 - alpha) v. For "iid" draws
    from the mixture, w/n becomes (w + alpha (1 - alpha) s)/n.

    Arguments:
        s, v: >= 0, the errors before the round.
        alpha: the fraction of fresh points, in [0, 1].
        n: the number of points, > 0.
        sigma2: the variance of the target, >= 0.
        design: "stratified", alpha n fresh and (1 - alpha) n synthetic points, or "iid".

    Raises:
        TypeError, ValueError: naming the argument.

    >>> finite_sample_step(0, 1, 0, 10, 1)
    (1/10, 9/10)
    """
    if not isinstance(design, str) or design not in ("stratified", "iid"):
        raise ValueError(f"design must be 'stratified' or 'iid', but it is {shown(design)}")
    pairs = {
        _S: nonnegative("s", s),
        _V: nonnegative("v", v),
        _ALPHA: fraction("alpha", alpha),
        _COUNT: positive("n", n),
        _SIGMA2: nonnegative("sigma2", sigma2),
    }
    values = {symbol: value for symbol, (value, _) in pairs.items()}
    flags = [inexact for _, inexact in pairs.values()]
    first, second = (part.xreplace(values) for part in _step(design))
    return finish(first, *flags), finish(second, *flags)


# --- the points of one round -----------------------------------------------------------------------------------------
# Everything is measured from the true mean m. Round i fits m_{i+1} and sigma_{i+1}^2 to its points.
_m = sp.Symbol("n", integer=True, nonnegative=True)  # a number of points or of rounds
_l = sp.Symbol("l", integer=True, nonnegative=True)  # a second axis

_fresh, _residual, _point = (sp.Function(name, real=True) for name in ("fresh", "residual", "point"))
_centre, _fitted = sp.Function("centre", real=True), sp.Function("fitted", real=True)
_totals = {name: sp.Function(name, real=True) for name in ("fresh_total", "residual_total", "total")}
_squares = {name: sp.Function(name, real=True) for name in ("fresh_squares", "synthetic_squares", "squares")}
_coordinate, _square, _product = (sp.Function(name, real=True) for name in ("coordinate", "square", "product"))
_shift, _spread, _tilt = (sp.Function(name, real=True) for name in ("shift", "spread", "tilt"))
_axes = {name: sp.Function(name, real=True) for name in ("axis_total", "axis_squares", "axis_products")}


def fresh(n: Any, p: Any) -> sp.Expr:
    """x - m for the fresh point p of round n."""
    return _fresh(n, p, omega)


def residual(n: Any, p: Any) -> sp.Expr:
    """x - m_n for the synthetic point p of round n."""
    return _residual(n, p, omega)


def point(n: Any, p: Any) -> sp.Expr:
    """x - m for the point p of round n, drawn from the mixture."""
    return _point(n, p, omega)


def centre(n: Any) -> sp.Expr:
    """m_n - m."""
    return _centre(n, omega)


def fitted(n: Any) -> sp.Expr:
    """sigma_n^2."""
    return _fitted(n, omega)


def synthetic(n: Any, p: Any) -> sp.Expr:
    """x - m for the synthetic point p of round n."""
    return centre(n) + residual(n, p)


def coordinate(axis: Any, p: Any) -> sp.Expr:
    """x_j - m_j of the point p along an eigenvector of the covariance."""
    return _coordinate(axis, p, omega)


def square(axis: Any, p: Any) -> sp.Expr:
    """y_j^2 of the contrast p: n S^ is the sum of y y^T over n - 1 contrasts."""
    return _square(axis, p, omega)


def product(axis: Any, p: Any) -> sp.Expr:
    """y_j y_l of the contrast p, for a second axis l."""
    return _product(axis, _l, p, omega)


def _sum_of(name: str, n: Any, count: Any) -> sp.Expr:
    """The sum of the first ``count`` of a kind of points (or of their squares) in round n, or along an axis n."""
    indices = (n, _l) if name == "axis_products" else (n,)
    return {**_totals, **_squares, **_axes}[name](*indices, count, omega)


_SUMMANDS: Final = {
    "fresh_total": fresh(i, j),
    "residual_total": residual(i, j),
    "total": point(i, j),
    "fresh_squares": fresh(i, j) ** 2,
    "synthetic_squares": synthetic(i, j) ** 2,
    "squares": point(i, j) ** 2,
    "axis_total": coordinate(i, j),
    "axis_squares": square(i, j),
    "axis_products": product(i, j),
}


_WORDS: Final = {
    "axis_total": "sum along an axis",
    "axis_squares": "sum of squares along an axis",
    "axis_products": "sum of products of two axes",
}


def _sum_assumptions(*names: str) -> tuple[Assumption, ...]:
    """What each sum is: empty at first, one more point each time."""
    made = []
    for name in names:
        words = _WORDS.get(name, name.replace("_", " "))
        label = name.replace("_", "-")
        more = (_l,) if name == "axis_products" else ()
        made += [
            Assumption(f"{label}-empty", f"The {words} of no points is 0.", None, Eq(_sum_of(name, i, 0), 0), (i, *more)),
            Assumption(
                f"{label}-grows",
                f"The {words} of j + 1 points is that of j points and one more.",
                None,
                Eq(_sum_of(name, i, j + 1), _sum_of(name, i, j) + _SUMMANDS[name]),
                (i, j, *more),
            ),
        ]
    return tuple(made)


MEAN_ERROR = Assumption("mean-error", "s_i is finite and equals E (m_i - m)^2.", None, Eq(mean_error[i], mean(centre(i) ** 2)))
FITTED_VARIANCE = Assumption(
    "fitted-variance", "v_i is finite and equals E sigma_i^2.", None, Eq(fitted_variance[i], mean(fitted(i)))
)
STRATIFIED = Assumption(
    "stratified",
    "Round i trains on exactly alpha_i n fresh points and (1 - alpha_i) n synthetic ones.",
    Eq(fresh_count[i], fresh_fraction[i] * sample_size),
)
COUNT = Assumption("count", "No more than n points are fresh.", Le(fresh_count[i], sample_size))
FRESH_VARIANCE = Assumption(
    "fresh-variance", "A fresh point has mean m and variance sigma^2.", None, Eq(mean(fresh(i, j) ** 2), variance), (i, j)
)
FRESH_UNCORRELATED = Assumption(
    "fresh-uncorrelated",
    "Different fresh points are independent.",
    None,
    Eq(mean(fresh(i, j) * fresh(i, j + k)), 0),
    (i, j, k),
)
RESIDUAL_VARIANCE = Assumption(
    "residual-variance",
    "Given the fit, a synthetic point has mean m_i and variance sigma_i^2.",
    None,
    Eq(mean(residual(i, j) ** 2), mean(fitted(i))),
    (i, j),
)
RESIDUAL_UNCORRELATED = Assumption(
    "residual-uncorrelated",
    "Given the fit, different synthetic points are independent.",
    None,
    Eq(mean(residual(i, j) * residual(i, j + k)), 0),
    (i, j, k),
)
FRESH_RESIDUAL = Assumption(
    "fresh-residual",
    "Fresh and synthetic points are independent.",
    None,
    Eq(mean(fresh(i, _l) * residual(i, j)), 0),
    (i, j, _l),
)
FRESH_CENTRE = Assumption(
    "fresh-centre", "Fresh points are independent of the past.", None, Eq(mean(fresh(i, j) * centre(i)), 0), (i, j)
)
RESIDUAL_CENTRE = Assumption(
    "residual-centre",
    "Given the fit, a synthetic point has mean m_i.",
    None,
    Eq(mean(residual(i, j) * centre(i)), 0),
    (i, j),
)
FIT_MEAN = Assumption(
    "fit-mean",
    "m_{i+1} is the mean of the n points.",
    None,
    Eq(
        centre(i + 1),
        (
            _sum_of("fresh_total", i, fresh_count[i])
            + (sample_size - fresh_count[i]) * centre(i)
            + _sum_of("residual_total", i, sample_size - fresh_count[i])
        )
        / sample_size,
    ),
    (i,),
)
FIT_VARIANCE = Assumption(
    "fit-variance",
    "sigma_{i+1}^2 is the mean square of the n points minus their squared mean (1/n variance).",
    None,
    Eq(
        fitted(i + 1),
        (_sum_of("fresh_squares", i, fresh_count[i]) + _sum_of("synthetic_squares", i, sample_size - fresh_count[i]))
        / sample_size
        - centre(i + 1) ** 2,
    ),
    (i,),
)
POINT_SQUARE = Assumption(
    "point-square",
    "Each point is fresh with probability alpha_i, else synthetic: law of total expectation.",
    None,
    Eq(
        mean(point(i, j) ** 2),
        fresh_fraction[i] * variance + (1 - fresh_fraction[i]) * (mean(fitted(i)) + mean(centre(i) ** 2)),
    ),
    (i, j),
)
POINT_PRODUCT = Assumption(
    "point-product",
    "Given the fit, the points are independent with mean (1 - alpha_i) m_i (from m): the number of fresh ones is binomial.",
    Eq(fresh_count_variance[i], sample_size * fresh_fraction[i] * (1 - fresh_fraction[i])),
    Eq(mean(point(i, j) * point(i, j + k)), (1 - fresh_fraction[i]) ** 2 * mean(centre(i) ** 2)),
    (i, j, k),
)
FIT_MEAN_IID = Assumption(
    "fit-mean",
    "m_{i+1} is the mean of the n points.",
    None,
    Eq(centre(i + 1), _sum_of("total", i, sample_size) / sample_size),
    (i,),
)
FIT_VARIANCE_IID = Assumption(
    "fit-variance",
    "sigma_{i+1}^2 is the mean square of the n points minus their squared mean (1/n variance).",
    None,
    Eq(fitted(i + 1), _sum_of("squares", i, sample_size) / sample_size - centre(i + 1) ** 2),
    (i,),
)


# --- exact finite cases ----------------------------------------------------------------------------------------------
def _partial_sums(values: Sequence[Sequence[Any]], outcomes: int) -> tuple[tuple[Any, ...], ...]:
    rows = [(sp.Integer(0),) * outcomes]
    for row in values:
        rows.append(tuple(a + b for a, b in zip(rows[-1], row, strict=True)))
    return tuple(rows)


def sample(design: Literal["stratified", "iid"]) -> dict[Any, Any]:
    """One round on a finite sample space, exactly: every point is a sign times its standard deviation.

    sigma^2 = 1, m_0 - m = +-1 and sigma_0^2 = 1/4; stratified: 2 fresh and 2 synthetic points; iid: 2 points, alpha = 1/2.
    """
    half, two = sp.Rational(1, 2), range(2)
    signs = (-1, 1)
    outcomes = tuple(itertools.product(signs, repeat=5))
    if design == "stratified":  # pairwise independent signs are enough
        outcomes = tuple((a, b, c, a * b, a * c) for a, b, c in itertools.product(signs, repeat=3))
    size = len(outcomes)
    middle = tuple(sp.Integer(o[0]) for o in outcomes)
    start = (sp.Rational(1, 4),) * size
    case: dict[Any, Any] = {omega: size, N: 2, fresh_fraction: (half, half), variance: sp.Integer(1)}
    if design == "stratified":
        new = [tuple(sp.Integer(o[1 + p]) for o in outcomes) for p in two]
        noise = [tuple(half * o[3 + p] for o in outcomes) for p in two]
        points = [*new, *[tuple(c + r for c, r in zip(middle, noise[p], strict=True)) for p in two]]
        case |= {_fresh: (tuple(new),), _residual: (tuple(noise),), fresh_count: (2, 2)}
        case[_totals["fresh_total"]] = (_partial_sums(new, size),)
        case[_totals["residual_total"]] = (_partial_sums(noise, size),)
        case[_squares["fresh_squares"]] = (_partial_sums([tuple(x * x for x in row) for row in new], size),)
        case[_squares["synthetic_squares"]] = (_partial_sums([tuple(x * x for x in row) for row in points[2:]], size),)
    else:  # a label and a sign for each point
        points = [tuple(sp.Integer(o[3 + p]) if o[1 + p] > 0 else o[0] + half * o[3 + p] for o in outcomes) for p in two]
        case |= {_point: (tuple(points),), fresh_count_variance: (half, half)}
        case[_totals["total"]] = (_partial_sums(points, size),)
        case[_squares["squares"]] = (_partial_sums([tuple(x * x for x in row) for row in points], size),)
    count = len(points)
    average = tuple(sum(column, sp.Integer(0)) / count for column in zip(*points, strict=True))
    spread = tuple(
        sum((x * x for x in column), sp.Integer(0)) / count - a**2
        for column, a in zip(zip(*points, strict=True), average, strict=True)
    )
    case |= {_centre: (middle, average), _fitted: (start, spread), sample_size: count}
    case[mean_error] = tuple(sum((x * x for x in row), sp.Integer(0)) / size for row in (middle, average))
    case[fitted_variance] = tuple(sum(row, sp.Integer(0)) / size for row in (start, spread))
    return case


def schedule(fractions: Sequence[Any], n: int, s: Any = 0, v: Any = 1) -> dict[Any, Any]:
    """The recursion with sigma^2 = 1, run exactly from (s, v) over a schedule of fresh fractions, stratified."""
    errors, variances = [sp.sympify(s)], [sp.sympify(v)]
    for entry in fractions:
        new_s, new_v = finite_sample_step(errors[-1], variances[-1], entry, n, 1)
        errors.append(new_s)
        variances.append(new_v)
    case: dict[Any, Any] = {N: len(fractions), sample_size: n, variance: sp.Integer(1)}
    case |= {mean_error: tuple(errors), fitted_variance: tuple(variances), fresh_fraction: tuple(fractions)}
    case[fresh_count] = tuple(n * entry for entry in fractions)
    if len(set(fractions)) == 1 and fractions[0] != 0:
        case[alpha] = fractions[0]
    return case


_HALF: Final = sp.Rational(1, 2)
_ONE_ROUND: Final = sample("stratified")
_ONE_ROUND_IID: Final = sample("iid")
_ANY_SCHEDULE: Final = schedule((_HALF, sp.Rational(1, 4), sp.Integer(0)), 4)
_HALF_FRESH: Final = schedule((_HALF,) * 3, 4)
_NO_FRESH: Final = schedule((sp.Integer(0),) * 3, 4)
_OFF_START: Final = schedule((_HALF,) * 3, 4, s=1)


# --- finite-sample-mean, finite-sample-variance ----------------------------------------------------------------------
def _adds_up(claim: Claim, name: str, other: sp.Expr, value: sp.Expr, product: sp.Expr, *facts: Fact) -> Fact:
    """E (sum of the first n) Y = n c, when every summand has E x Y = c. ``product``: x Y for the summand of index j."""
    label = name.replace("_", "-")

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        grown = claim.assume(f"{label}-grows", j=m)
        part = product.xreplace({j: m})
        return pf.identity(
            mean(_sum_of(name, i, m + 1) * other),
            (m + 1) * value,
            grown,
            pf.expectation(grown.rhs * other),
            hypothesis,
            pf.expectation(part),
            *[pf.instance(fact, j=m) if j in fact.lhs.free_symbols else fact for fact in facts],
            text="one more point",
        )

    empty = pf.identity(
        mean(_sum_of(name, i, 0) * other),
        0,
        claim.assume(f"{label}-empty"),
        pf.expectation(sp.Integer(0)),
    )
    return pf.induction(Eq(mean(_sum_of(name, i, _m) * other), _m * value), _m, empty, step, text=f"{label}, in the mean")


def _later(claim: Claim, name: str, single: Any, value: sp.Expr, product: str) -> Fact:
    """E (sum of the first n) x_{n+j} = n c, when two different points have E x y = c."""
    label = name.replace("_", "-")

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        grown = claim.assume(f"{label}-grows", j=m)
        following = single(i, m + 1 + j)
        return pf.identity(
            mean(_sum_of(name, i, m + 1) * following),
            (m + 1) * value,
            grown,
            pf.expectation(grown.rhs * following),
            pf.instance(hypothesis, j=j + 1),
            claim.assume(product, j=m, k=1 + j),
        )

    empty = pf.identity(
        mean(_sum_of(name, i, 0) * single(i, j)), 0, claim.assume(f"{label}-empty"), pf.expectation(sp.Integer(0))
    )
    return pf.induction(
        Eq(mean(_sum_of(name, i, _m) * single(i, _m + j)), _m * value),
        _m,
        empty,
        step,
        over=(j,),
        text=f"{label} and a later point",
    )


def _square_of(claim: Claim, name: str, single: Any, own: sp.Expr, cross: sp.Expr, square: str, product: str) -> Fact:
    """E (sum of the first n)^2 = n a + n (n - 1) c, when E x^2 = a and E x y = c."""
    label = name.replace("_", "-")
    later = _later(claim, name, single, cross, product)

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        grown = claim.assume(f"{label}-grows", j=m)
        return pf.identity(
            mean(_sum_of(name, i, m + 1) ** 2),
            (m + 1) * own + (m + 1) * m * cross,
            grown,
            pf.expectation(grown.rhs**2),
            hypothesis,
            pf.instance(later, n=m, j=0),
            claim.assume(square, j=m),
        )

    empty = pf.identity(mean(_sum_of(name, i, 0) ** 2), 0, claim.assume(f"{label}-empty"), pf.expectation(sp.Integer(0)))
    return pf.induction(
        Eq(mean(_sum_of(name, i, _m) ** 2), _m * own + _m * (_m - 1) * cross),
        _m,
        empty,
        step,
        text=f"the square of the {label}",
    )


def _mean_recursion(claim: Claim, right: sp.Expr) -> Fact:
    """s_{i+1}, by expanding the square of the mean of the points."""
    count, rest = fresh_count[i], sample_size - fresh_count[i]
    enough = claim.assume("count")
    zero, old = sp.Integer(0), mean(fitted(i))
    own_fresh = _square_of(claim, "fresh_total", fresh, variance, zero, "fresh-variance", "fresh-uncorrelated")
    own_rest = _square_of(claim, "residual_total", residual, old, zero, "residual-variance", "residual-uncorrelated")
    fresh_centre = _adds_up(claim, "fresh_total", centre(i), zero, fresh(i, j) * centre(i), claim.assume("fresh-centre"))
    rest_centre = _adds_up(
        claim, "residual_total", centre(i), zero, residual(i, j) * centre(i), claim.assume("residual-centre")
    )
    single = _adds_up(
        claim, "fresh_total", residual(i, _l), zero, fresh(i, j) * residual(i, _l), claim.assume("fresh-residual", j=_l, l=j)
    )
    total = pf.instance(single, n=count)
    cross = _adds_up(
        claim,
        "residual_total",
        total.lhs.args[0].subs(residual(i, _l), 1),
        zero,
        total.lhs.args[0].subs(_l, j),
        pf.instance(total, l=j),
    )
    fit = claim.assume("fit-mean")
    return pf.identity(
        mean_error[i + 1],
        right,
        claim.assume("mean-error"),
        claim.assume("fitted-variance"),
        fit,
        pf.expectation(fit.rhs**2),
        pf.instance(own_fresh, n=count),
        pf.instance(own_rest, n=rest, domain=(enough,)),
        pf.instance(fresh_centre, n=count),
        pf.instance(rest_centre, n=rest, domain=(enough,)),
        pf.instance(cross, n=rest, domain=(enough,)),
        claim.assume("stratified"),
        text="the square of the mean of the points",
    )


def _mean_recursion_iid(claim: Claim, right: sp.Expr) -> Fact:
    """s_{i+1} for points drawn from the mixture."""
    own, cross = claim.assume("point-square"), claim.assume("point-product")
    square = _square_of(claim, "total", point, own.rhs, cross.rhs, "point-square", "point-product")
    fit = claim.assume("fit-mean")
    return pf.identity(
        mean_error[i + 1],
        right,
        claim.assume("mean-error"),
        claim.assume("fitted-variance"),
        fit,
        pf.expectation(fit.rhs**2),
        pf.instance(square, n=sample_size),
        text="the square of the mean of the points",
    )


def _prove_mean(claim: Claim) -> Proof:
    return pf.qed(claim, _mean_recursion(claim, _NEXT_MEAN))


def _prove_mean_iid(claim: Claim) -> Proof:
    return pf.qed(claim, _mean_recursion_iid(claim, _NEXT_MEAN_IID))


def _prove_variance(claim: Claim) -> Proof:
    count, rest = fresh_count[i], sample_size - fresh_count[i]
    enough = claim.assume("count")
    one = sp.Integer(1)
    own = _adds_up(claim, "fresh_squares", one, variance, fresh(i, j) ** 2, claim.assume("fresh-variance"))
    old = mean(fitted(i)) + mean(centre(i) ** 2)
    model = _adds_up(
        claim,
        "synthetic_squares",
        one,
        old,
        synthetic(i, j) ** 2,
        claim.assume("residual-variance"),
        claim.assume("residual-centre"),
    )
    fit = claim.assume("fit-variance")
    return pf.qed(
        claim,
        pf.identity(
            fitted_variance[i + 1],
            _NEXT_VARIANCE,
            claim.assume("fitted-variance"),
            fit,
            pf.expectation(fit.rhs),
            pf.instance(own, n=count),
            pf.instance(model, n=rest, domain=(enough,)),
            pf.reverse(claim.assume("mean-error", i=i + 1)),
            _mean_recursion(claim, _NEXT_MEAN),
            claim.assume("mean-error"),
            claim.assume("fitted-variance"),
            claim.assume("stratified"),
            text="the mean square minus the squared mean",
        ),
    )


def _prove_variance_iid(claim: Claim) -> Proof:
    square = claim.assume("point-square")
    own = _adds_up(claim, "squares", sp.Integer(1), square.rhs, point(i, j) ** 2, square)
    fit = claim.assume("fit-variance")
    return pf.qed(
        claim,
        pf.identity(
            fitted_variance[i + 1],
            _NEXT_VARIANCE_IID,
            claim.assume("fitted-variance"),
            fit,
            pf.expectation(fit.rhs),
            pf.instance(own, n=sample_size),
            pf.reverse(claim.assume("mean-error", i=i + 1)),
            _mean_recursion_iid(claim, _NEXT_MEAN_IID),
            claim.assume("mean-error"),
            claim.assume("fitted-variance"),
            text="the mean square minus the squared mean",
        ),
    )


_RHO = 1 - fresh_fraction[i]
_WITHIN = fresh_fraction[i] * variance + _RHO * fitted_variance[i]
_BETWEEN = fresh_fraction[i] * _RHO * mean_error[i]
_NEXT_MEAN: Final = _RHO**2 * mean_error[i] + _WITHIN / sample_size
_NEXT_VARIANCE: Final = _WITHIN + _BETWEEN - _WITHIN / sample_size
_NEXT_MEAN_IID: Final = _RHO**2 * mean_error[i] + (_WITHIN + _BETWEEN) / sample_size
_NEXT_VARIANCE_IID: Final = _WITHIN + _BETWEEN - (_WITHIN + _BETWEEN) / sample_size

_MOMENTS = (
    STRATIFIED,
    COUNT,
    FRESH_VARIANCE,
    FRESH_UNCORRELATED,
    RESIDUAL_VARIANCE,
    RESIDUAL_UNCORRELATED,
    FRESH_RESIDUAL,
    FRESH_CENTRE,
    RESIDUAL_CENTRE,
    MEAN_ERROR,
    FITTED_VARIANCE,
    *_sum_assumptions("fresh_total", "residual_total"),
    FIT_MEAN,
)
_MOMENTS_IID = (POINT_SQUARE, POINT_PRODUCT, MEAN_ERROR, FITTED_VARIANCE, *_sum_assumptions("total"), FIT_MEAN_IID)

FINITE_SAMPLE_MEAN = with_mutants(
    Claim(
        id="finite-sample-mean",
        title="Refitting on n points: the error of the mean after one round, stratified sample",
        kind="equality",
        statement=Eq(mean_error[i + 1], _NEXT_MEAN),
        source="SHU and successors",
        assumptions=_MOMENTS,
        note="1-D, alpha n fresh and (1 - alpha) n synthetic points. Only first and second moments are used: no normality.",
        script=_prove_mean,
        witness=_ONE_ROUND,
    ),
    {
        "id": "rho",
        "statement": Eq(mean_error[i + 1], _RHO * mean_error[i] + _WITHIN / sample_size),
        "falsified_by": _ONE_ROUND,
        "note": "A start off the mean, half fresh.",
    },
    {
        "id": "iid-noise",
        "statement": Eq(mean_error[i + 1], _NEXT_MEAN_IID),
        "falsified_by": _ONE_ROUND,
        "note": "A stratified sample has no randomness of which points are fresh; a start off the mean, half fresh.",
    },
)
FINITE_SAMPLE_MEAN_IID = with_mutants(
    Claim(
        id="finite-sample-mean-iid",
        title="Refitting on n points: the error of the mean after one round, points drawn from the mixture",
        kind="equality",
        statement=Eq(mean_error[i + 1], _NEXT_MEAN_IID),
        source="SHU and successors",
        assumptions=_MOMENTS_IID,
        note="1-D, each point fresh with probability alpha. Only first and second moments are used: no normality.",
        script=_prove_mean_iid,
        witness=_ONE_ROUND_IID,
    ),
    {
        "id": "stratified-noise",
        "statement": Eq(mean_error[i + 1], _NEXT_MEAN),
        "falsified_by": _ONE_ROUND_IID,
        "note": "Points drawn from the mixture after a start off the mean, half fresh.",
    },
)
FINITE_SAMPLE_VARIANCE = with_mutants(
    Claim(
        id="finite-sample-variance",
        title="Refitting on n points: the expected 1/n variance after one round, stratified sample",
        kind="equality",
        statement=Eq(fitted_variance[i + 1], _NEXT_VARIANCE),
        source="SHU and successors",
        assumptions=(*_MOMENTS, *_sum_assumptions("fresh_squares", "synthetic_squares"), FIT_VARIANCE),
        note="The variance feeds on the error of the mean: fresh and synthetic points lie around different centres.",
        script=_prove_variance,
        witness=_ONE_ROUND,
    ),
    {
        "id": "one-centre",
        "statement": Eq(fitted_variance[i + 1], _WITHIN - _WITHIN / sample_size),
        "falsified_by": _ONE_ROUND,
        "note": "A start off the mean, half fresh.",
    },
    {
        "id": "unbiased",
        "statement": Eq(fitted_variance[i + 1], _WITHIN + _BETWEEN),
        "falsified_by": _ONE_ROUND,
        "note": "Any case: the 1/n variance is too small in the mean.",
    },
)
FINITE_SAMPLE_VARIANCE_IID = with_mutants(
    Claim(
        id="finite-sample-variance-iid",
        title="Refitting on n points: the expected 1/n variance after one round, points drawn from the mixture",
        kind="equality",
        statement=Eq(fitted_variance[i + 1], _NEXT_VARIANCE_IID),
        source="SHU and successors",
        assumptions=(*_MOMENTS_IID, *_sum_assumptions("squares"), FIT_VARIANCE_IID),
        note="1-D, each point fresh with probability alpha.",
        script=_prove_variance_iid,
        witness=_ONE_ROUND_IID,
    ),
    {
        "id": "stratified-noise",
        "statement": Eq(fitted_variance[i + 1], _NEXT_VARIANCE),
        "falsified_by": _ONE_ROUND_IID,
        "note": "Points drawn from the mixture after a start off the mean, half fresh.",
    },
)

# --- finite-sample-conservation --------------------------------------------------------------------------------------
MEAN_STEP = Assumption(
    "mean-step",
    "Every round trains on a stratified sample: the recursion of the mean (claim finite-sample-mean).",
    STRATIFIED.condition,
    Eq(mean_error[i + 1], _NEXT_MEAN),
)
VARIANCE_STEP = Assumption(
    "variance-step",
    "Every round trains on a stratified sample: the recursion of the variance (claim finite-sample-variance).",
    STRATIFIED.condition,
    Eq(fitted_variance[i + 1], _NEXT_VARIANCE),
)
TOTAL_STEP = Assumption(
    "total-step",
    "The mean square of the points of a round, of either design: the two recursions added up.",
    None,
    Eq(
        fitted_variance[i + 1],
        fresh_fraction[i] * variance + _RHO * (mean_error[i] + fitted_variance[i]) - mean_error[i + 1],
    ),
)
EXACT_START = Assumption(
    "exact-start",
    "The first fit has the mean square of the target around m: s_0 + v_0 = sigma^2.",
    Eq(mean_error[0] + fitted_variance[0], variance),
    Eq(fitted_variance[0], variance - mean_error[0]),
)
EXACT_MEAN = Assumption("exact-mean", "The first mean is exact: s_0 = 0.", Eq(mean_error[0], 0))
EXACT_VARIANCE = Assumption("exact-variance", "The first variance is exact: v_0 = sigma^2.", Eq(fitted_variance[0], variance))
CONSTANT = Assumption("constant-alpha", "The fresh fraction is the same in every round.", Eq(fresh_fraction[i], alpha))
ALPHA = Assumption("alpha", "The fresh fraction is at most 1.", Le(alpha, 1))
NOTHING_FRESH = Assumption("nothing-fresh", "No round sees fresh data: alpha_i = 0.", Eq(fresh_fraction[i], 0))
_CONSERVING = (TOTAL_STEP, EXACT_START)


def _conserved(claim: Claim) -> Fact:
    """v_n = sigma^2 - s_n, by induction."""
    return pf.induction(
        Eq(fitted_variance[_m], variance - mean_error[_m]),
        _m,
        pf.identity(fitted_variance[0], variance - mean_error[0], claim.assume("exact-variance"), claim.assume("exact-mean")),
        lambda hypothesis, m: pf.identity(
            fitted_variance[m + 1],
            variance - mean_error[m + 1],
            claim.assume("variance-step", i=m),
            claim.assume("mean-step", i=m),
            hypothesis,
        ),
        text="what the mean gains the variance loses",
    )


def _prove_conservation(claim: Claim) -> Proof:
    conserved = pf.induction(
        Eq(fitted_variance[_m], variance - mean_error[_m]),
        _m,
        claim.assume("exact-start"),
        lambda hypothesis, m: pf.identity(
            fitted_variance[m + 1], variance - mean_error[m + 1], claim.assume("total-step", i=m), hypothesis
        ),
        text="the mean square of the points stays that of the target",
    )
    return pf.qed(claim, pf.identity(mean_error[N] + fitted_variance[N], variance, pf.instance(conserved, n=N)))


FINITE_SAMPLE_CONSERVATION = with_mutants(
    Claim(
        id="finite-sample-conservation",
        title="Squared error of the mean and expected variance add up to the true variance, for every schedule",
        kind="equality",
        statement=Eq(mean_error[N] + fitted_variance[N], variance),
        source="driftbound",
        assumptions=_CONSERVING,
        note="Any n, any schedule of fresh fractions and either design: the mean square of the points of a round does not "
        "depend on which of them are fresh. The first fit need not be exact, if its errors add up to sigma^2.",
        script=_prove_conservation,
        witness=_ANY_SCHEDULE,
    ),
    {
        "id": "loses",
        "statement": Eq(mean_error[N] + fitted_variance[N], variance * (1 - 1 / sample_size)),
        "falsified_by": _ANY_SCHEDULE,
        "note": "Any start that is exact.",
    },
    {
        "id": "any-start",
        "assumptions": without(_CONSERVING, "exact-start"),
        "falsified_by": _OFF_START,
        "note": "A start off the mean.",
    },
)

_KEEP = 1 - alpha
_STATIONARY = sample_size * alpha * (2 - alpha) + 1 - alpha  # n (1 - kappa)
_SETTLED: Final = variance / _STATIONARY


def _kappa_power(power: Any, lost: Any = 1) -> sp.Expr:
    """kappa^N with kappa = (1 - alpha)(n (1 - alpha) - 1)/n."""
    return (_KEEP * (sample_size * _KEEP - lost)) ** power / sample_size**power


def _closed_mean(power: Any, lost: Any = 1) -> sp.Expr:
    """sigma^2 (1 - kappa^N)/(n (1 - kappa)) with kappa = (1 - alpha)(1 - alpha - 1/n)."""
    return variance * (1 - _kappa_power(power, lost)) / _STATIONARY


def _denominator(claim: Claim) -> Fact:
    """0 < n alpha (2 - alpha) + 1 - alpha."""
    left = claim.assume("alpha")
    return pf.nonnegative(
        _STATIONARY, (sample_size * alpha, left), sample_size * alpha, left, strict=True, text="kappa is less than 1"
    )


def _closed(claim: Claim, positive: Fact) -> Fact:
    """s_n in closed form, for every n."""
    conserved = _conserved(claim)
    return pf.induction(
        Eq(mean_error[_m], _closed_mean(_m)),
        _m,
        pf.identity(mean_error[0], _closed_mean(sp.Integer(0)), claim.assume("exact-mean"), domain=(positive,)),
        lambda hypothesis, m: pf.identity(
            mean_error[m + 1],
            _closed_mean(m + 1),
            claim.assume("mean-step", i=m),
            pf.instance(conserved, n=m),
            claim.assume("constant-alpha", i=m),
            hypothesis,
            domain=(positive,),
        ),
        text="s_n as a geometric sum",
    )


def _prove_closed_form(claim: Claim) -> Proof:
    return pf.qed(claim, pf.instance(_closed(claim, _denominator(claim)), n=N))


def _prove_stationary(claim: Claim) -> Proof:
    positive, left = _denominator(claim), claim.assume("alpha")
    base = _KEEP * (sample_size * _KEEP - 1) / sample_size
    below = pf.nonnegative(1 - base, (positive, 1 / sample_size), strict=True, text="kappa < 1")
    above = pf.nonnegative(
        1 + base,
        sp.Rational(3, 4),
        (_KEEP - sp.Rational(1, 2)) ** 2,
        (left, (sample_size - 1) / sample_size),
        strict=True,
        text="kappa > -1",
    )
    closed = pf.instance(_closed(claim, positive), n=N)
    rate = pf.nonnegative(_settling(), (-1, pf.identity(*_settled(), closed, domain=(positive,))), domain=(positive,))
    return pf.qed(
        claim,
        pf.limit(mean_error[N], N, sp.oo, variance / _STATIONARY, closed, domain=(positive, below, above)),
        rate,
    )


def _settled(limit: sp.Expr = _SETTLED, lost: Any = 1) -> tuple[sp.Expr, sp.Expr]:
    """(s_N - s)^2 and s^2 kappa^{2N}."""
    return (mean_error[N] - limit) ** 2, limit**2 * _kappa_power(2 * N, lost)


def _settling(limit: sp.Expr = _SETTLED, lost: Any = 1) -> Any:
    return Le(*_settled(limit, lost))


_CONSTANT_ASSUMPTIONS = (MEAN_STEP, VARIANCE_STEP, EXACT_MEAN, EXACT_VARIANCE, CONSTANT, ALPHA)
FINITE_SAMPLE_CLOSED_FORM = with_mutants(
    Claim(
        id="finite-sample-closed-form",
        title="A constant fresh fraction: the error of the mean after N rounds",
        kind="equality",
        statement=Eq(mean_error[N], _closed_mean(N)),
        source="driftbound",
        assumptions=_CONSTANT_ASSUMPTIONS,
        note="sigma^2 (1 - kappa^N)/(n (1 - kappa)) with kappa = (1 - alpha)(1 - alpha - 1/n); stratified sample.",
        script=_prove_closed_form,
        witness=_HALF_FRESH,
    ),
    {
        "id": "no-loss",
        "statement": Eq(mean_error[N], _closed_mean(N, 0)),
        "falsified_by": _HALF_FRESH,
        "note": "kappa = (1 - alpha)^2 forgets that the variance shrinks; two rounds or more.",
    },
)
FINITE_SAMPLE_STATIONARY = with_mutants(
    Claim(
        id="finite-sample-stationary",
        title="A constant fresh fraction: where the error of the mean settles",
        kind="limit",
        statement=sp.And(Eq(sp.Limit(mean_error[N], N, sp.oo), _SETTLED), _settling()),
        source="driftbound",
        assumptions=_CONSTANT_ASSUMPTIONS,
        note="sigma^2/(n alpha (2 - alpha) + 1 - alpha), at the rate |kappa| per round; stratified sample.",
        script=_prove_stationary,
        witness=_HALF_FRESH,
    ),
    {
        "id": "no-loss",
        "statement": _settling(variance / (sample_size * alpha * (2 - alpha)), 0),
        "falsified_by": _HALF_FRESH,
        "note": "The variance does not stay at sigma^2; any case with alpha < 1.",
    },
)


# --- variance-collapse -----------------------------------------------------------------------------------------------
def _shrunk(power: Any, lost: Any = 1) -> sp.Expr:
    return variance * (sample_size - lost) ** power / sample_size**power


def _prove_collapse(claim: Claim) -> Proof:
    shrunk = pf.induction(
        Eq(fitted_variance[_m], _shrunk(_m)),
        _m,
        pf.identity(fitted_variance[0], _shrunk(sp.Integer(0)), claim.assume("exact-variance")),
        lambda hypothesis, m: pf.identity(
            fitted_variance[m + 1],
            _shrunk(m + 1),
            claim.assume("variance-step", i=m),
            claim.assume("nothing-fresh", i=m),
            hypothesis,
        ),
        text="one factor 1 - 1/n each round",
    )
    return pf.qed(claim, pf.instance(shrunk, n=N))


VARIANCE_COLLAPSE = with_mutants(
    Claim(
        id="variance-collapse",
        title="Without fresh data the expected variance decays as (1 - 1/n)^N",
        kind="equality",
        statement=Eq(fitted_variance[N], _shrunk(N)),
        source="SHU and successors",
        assumptions=(VARIANCE_STEP, EXACT_VARIANCE, NOTHING_FRESH),
        note="The mean is carried by rare paths: a typical path collapses about twice as fast (variance-collapse-typical).",
        script=_prove_collapse,
        witness=_NO_FRESH,
    ),
    {
        "id": "twice",
        "statement": Eq(fitted_variance[N], _shrunk(N, 2)),
        "falsified_by": _NO_FRESH,
        "note": "The typical rate for the mean: any case.",
    },
    {
        "id": "fresh-data",
        "assumptions": (VARIANCE_STEP, EXACT_VARIANCE),
        "falsified_by": _HALF_FRESH,
        "note": "With fresh data the variance does not collapse.",
    },
)

_chi = sp.Function("chi_squared", positive=True)  # of k degrees of freedom, at the sample point
_df = sp.Symbol("n", integer=True, positive=True)  # degrees of freedom: a sample of n + 1 points
CHI_SQUARED = Assumption(
    "chi-squared", "The n + 1 points of a round are independent and normal: (n + 1) sigma_{i+1}^2/sigma_i^2 is chi^2_n."
)
TYPICAL = Assumption(
    "typical",
    "The typical rate on n + 1 points is E log(chi^2_n/(n + 1)), finite: the almost sure limit of (1/N) log sigma_N^2.",
    None,
    Eq(typical_rate[_df + 1], mean(sp.log(_chi(_df, omega)) - sp.log(_df + 1))),
    (_df,),
)


def _log_chi_squared(*, degrees: sp.Expr) -> Any:
    return Eq(mean(sp.log(_chi(degrees, omega))), sp.digamma(degrees / 2) + sp.log(2))


def _digamma_bound(fact: Fact, *, below: sp.Expr) -> Any:
    """From r = psi(x) + c with x > 0: r < log x - 1/(2x) + c, or r > log x - 1/(2x) - 1/(12 x^2) + c."""
    terms = [term for term in sp.Add.make_args(fact.rhs) if isinstance(term, sp.polygamma)]
    if fact.op != "==" or len(terms) != 1 or terms[0].args[0] != 0 or not terms[0].args[1].is_positive:
        raise pf.ProofError(f"{fact} is not of the form r = psi(x) + c with x > 0")
    x, rest = terms[0].args[1], fact.rhs - terms[0]
    if rest.has(sp.polygamma):
        raise pf.ProofError(f"{fact} has a second digamma value")
    bound = sp.log(x) - 1 / (2 * x) + rest
    if below == 1:
        return Lt(bound - 1 / (12 * x**2), fact.lhs)
    return Lt(fact.lhs, bound)


def _log_bound(*, x: sp.Expr, below: sp.Expr) -> Any:
    """1 - 1/x <= log x <= x - 1 for x > 0."""
    if not x.is_positive:
        raise pf.ProofError(f"{x} is not declared positive")
    return Le(1 - 1 / x, sp.log(x)) if below == 1 else Le(sp.log(x), x - 1)


LOG_CHI_SQUARED: Final = pf.Theorem("expectation of log chi-squared", "E log chi^2_k = psi(k/2) + log 2", _log_chi_squared)
DIGAMMA: Final = pf.Theorem(
    "bounds on the digamma function", "Alzer 1997: log x - 1/(2x) - 1/(12 x^2) < psi(x) < log x - 1/(2x), x > 0", _digamma_bound
)
LOGARITHM: Final = pf.Theorem("bounds on the logarithm", "1 - 1/x <= log x <= x - 1 for x > 0", _log_bound)


def _prove_typical(claim: Claim) -> Proof:
    n, rate = _df, claim.assume("typical")
    linear = pf.expectation(rate.rhs.args[0])
    exact = pf.rewrite(
        rate, linear, pf.cited(LOG_CHI_SQUARED, degrees=n), text="the typical rate: psi(n/2) + log 2 - log(n + 1)"
    )
    least, most = (pf.cited(DIGAMMA, exact, below=flag) for flag in (1, 0))
    inverse, straight = (pf.cited(LOGARITHM, x=n / (n + 1), below=flag) for flag in (1, 0))
    low = -1 - 1 - sp.Rational(1, 3) / n
    high = -n / (n + 1) - 1
    expression = n * typical_rate[n + 1]
    floor = pf.nonnegative(Le(low, expression), (n, least), (n, inverse))
    ceiling = pf.nonnegative(Le(expression, high), (n, most), (n, straight))
    settles = pf.squeeze(floor, ceiling, pf.limit(low, n, sp.oo, -2), pf.limit(high, n, sp.oo, -2))
    window = [
        pf.nonnegative(relation, (1, pf.instance(side, n=degrees)))
        for relation, side in zip(_typical_window(), (ceiling, floor), strict=True)
    ]
    return pf.qed(claim, settles, *window)


def _typical_window(twice: Any = 1) -> tuple[Any, Any]:
    """What minus n - 1 times the rate on n points lies between; 2 in the limit."""
    loss = -degrees * typical_rate[degrees + 1]
    return (
        Ge(loss, degrees / (degrees + 1) + twice),
        Le(loss, 1 + twice + sp.Rational(1, 3) / degrees),
    )


_TWO_POINTS: Final = {
    omega: 1,
    N: 2,
    degrees: 2,
    _chi: ((1,), (sp.Rational(2, 7),), (sp.Rational(9, 8),)),
    typical_rate: (0, 0, -sp.log(7), sp.log(sp.Rational(3, 8))),
}
VARIANCE_COLLAPSE_TYPICAL = with_mutants(
    Claim(
        id="variance-collapse-typical",
        title="Without fresh data a typical path collapses about twice as fast as the mean",
        kind="limit",
        statement=sp.And(Eq(sp.Limit(_df * typical_rate[_df + 1], _df, sp.oo), -2), *_typical_window()),
        source="driftbound",
        assumptions=(CHI_SQUARED, TYPICAL),
        note="On n points the rate per round is psi((n-1)/2) + log(2/n), about -2/n; the rate of the mean, log(1 - 1/n), is "
        "about -1/n. The statement counts degrees of freedom, one less than points.",
        script=_prove_typical,
        witness=_TWO_POINTS,
    ),
    {
        "id": "mean-rate",
        "statement": sp.And(*_typical_window(0)),
        "falsified_by": _TWO_POINTS,
        "note": "The rate of the mean taken for that of a typical path.",
    },
)

# --- sample-size-law -------------------------------------------------------------------------------------------------
_location, _scale, _cross = (sp.IndexedBase(name, nonnegative=True) for name in ("location", "scale", "cross"))
_location_rate, _scale_rate, _cross_rate = (
    sp.IndexedBase(name, nonnegative=True) for name in ("location_rate", "scale_rate", "cross_rate")
)
_u = sp.Symbol("u", nonnegative=True)  # exp(-t) between u_T and u_0


def _over_axes(mean_part: Any, variance_part: Any, covariance_part: Any, factors: tuple[Any, Any] = (1, 1)) -> sp.Expr:
    """The sum of a part for each of the d means, d variances and d(d-1)/2 covariances, the last two with factors."""
    means = sp.Sum(mean_part(j), (j, 0, dimension - 1))
    variances = sp.Sum(variance_part(j), (j, 0, dimension - 1))
    covariances = sp.Sum(sp.Sum(covariance_part(j, _l), (_l, 0, j - 1)), (j, 0, dimension - 1))
    total: sp.Expr = means + factors[0] * variances + factors[1] * covariances
    return total


SECOND_ORDER = Assumption(
    "second-order",
    "To second order in the errors of the fit, eps*^2 is the sum of their squares times the energies of unit errors: those of "
    "different means, variances and covariances do not mix.",
    None,
    Eq(
        sample_energy,
        _over_axes(
            lambda axis: _location[axis] * _location_rate[axis],
            lambda axis: _scale[axis] * _scale_rate[axis],
            lambda axis, other: _cross[axis, other] * _cross_rate[axis, other],
        ),
    ),
    (),
)
LOCATION = Assumption(
    "location", "Mean squared error of a mean, finite.", None, Eq(_location[i], mean(_shift(i, omega) ** 2)), (i,)
)
SCALE = Assumption(
    "scale",
    "Half the mean squared error of a 1/n variance, finite.",
    None,
    Eq(_scale[i], mean(_spread(i, omega) ** 2) / 2),
    (i,),
)
CROSS = Assumption(
    "cross",
    "Mean squared error of a 1/n covariance, finite.",
    None,
    Eq(_cross[i, _l], mean(_tilt(i, _l, omega) ** 2)),
    (i, _l),
)
COORDINATE_VARIANCE = Assumption(
    "coordinate-variance",
    "A point has the mean m and the variance lambda_j along axis j.",
    None,
    Eq(mean(coordinate(i, j) ** 2), eigenvalue[i]),
    (i, j),
)
COORDINATE_UNCORRELATED = Assumption(
    "coordinate-uncorrelated",
    "Different points are independent.",
    None,
    Eq(mean(coordinate(i, j) * coordinate(i, j + k)), 0),
    (i, j, k),
)
FITTED_MEAN = Assumption(
    "fitted-mean",
    "The fitted mean is that of the n points.",
    None,
    Eq(_shift(i, omega), _sum_of("axis_total", i, sample_size) / sample_size),
    (i,),
)
FITTED_SPREAD = Assumption(
    "fitted-spread",
    "Cochran: n times the 1/n variance of n normal points is a sum of n - 1 independent squares y_j^2, y_j ~ N(0, lambda_j).",
    None,
    Eq(_spread(i, omega), _sum_of("axis_squares", i, sample_size - 1) / sample_size - eigenvalue[i]),
    (i,),
)
FITTED_TILT = Assumption(
    "fitted-tilt",
    "Cochran: n times their 1/n covariance of two axes is the sum of the n - 1 products y_j y_l.",
    None,
    Eq(_tilt(i, _l, omega), _sum_of("axis_products", i, sample_size - 1) / sample_size),
    (i, _l),
)
SQUARE_MEAN = Assumption("square-mean", "E y_j^2 = lambda_j.", None, Eq(mean(square(i, j)), eigenvalue[i]), (i, j))
SQUARE_MOMENT = Assumption(
    "square-moment",
    "E y_j^4 = 3 lambda_j^2, for y_j is normal.",
    None,
    Eq(mean(square(i, j) ** 2), 3 * eigenvalue[i] ** 2),
    (i, j),
)
SQUARE_INDEPENDENT = Assumption(
    "square-independent",
    "The squares are independent of each other.",
    None,
    Eq(mean(square(i, j) * square(i, j + k)), eigenvalue[i] ** 2),
    (i, j, k),
)
PRODUCT_MOMENT = Assumption(
    "product-moment",
    "E (y_j y_l)^2 = lambda_j lambda_l, for y_j and y_l are independent.",
    None,
    Eq(mean(product(i, j) ** 2), eigenvalue[i] * eigenvalue[_l]),
    (i, j, _l),
)
PRODUCT_UNCORRELATED = Assumption(
    "product-uncorrelated",
    "The products are independent of each other, with mean 0.",
    None,
    Eq(mean(product(i, j) * product(i, j + k)), 0),
    (i, j, k, _l),
)
SIGNAL_ORDER = Assumption("signal-order", "The process runs from T down to t0 < T: u_T < u_0.", Lt(first_signal, last_signal))
SIGNAL_RANGE = Assumption("signal-range", "u_0 = exp(-t0) is at most 1.", Le(last_signal, 1))
DATA_END = Assumption("data-end", "No early stopping: u_0 = 1.", Eq(last_signal, 1))
NOISE_END = Assumption("noise-end", "The process starts at pure noise: u_T = 0.", Eq(first_signal, 0))


def _spread_at(axis: Any, u: Any) -> sp.Expr:
    """1 + b_j u, the variance along an axis at noise level u, b_j = lambda_j - 1."""
    return 1 + (eigenvalue[axis] - 1) * u


def signal(axis: Any, u: Any) -> sp.Expr:
    """w_j = lambda_j u/(1 + b_j u)."""
    return eigenvalue[axis] * u / _spread_at(axis, u)


def _rates(u: Any) -> tuple[tuple[sp.Expr, sp.Expr], ...]:
    """Energy of a unit error of each kind of parameter, and its density in u."""
    a, b = _spread_at(j, u), _spread_at(_l, u)
    return (
        (_location_rate[j], 1 / a**2),
        (_scale_rate[j], 2 * u / a**3),
        (_cross_rate[j, _l], u * (a + b) / (a**2 * b**2)),
    )


def _unit_energy(*facts: Fact, part: sp.Expr) -> Any:
    """The energy of a unit error is the integral of its density, read off the premises.

    The premises are the values of the integral over adjacent intervals that lead from u_T to u_0.
    """
    end, total = first_signal, sp.Integer(0)
    for fact in facts:
        if fact.op != "==" or not isinstance(fact.lhs, sp.Integral) or len(fact.lhs.limits) != 1:
            raise pf.ProofError(f"{fact} is not the value of an integral")
        variable, low, high = fact.lhs.limits[0]
        rates = [rate for known, rate in _rates(variable) if part == known]
        if len(rates) != 1:
            raise pf.ProofError(f"{part} is not the energy of a unit error of a mean, a variance or a covariance")
        if low != end or sp.cancel(fact.lhs.function - rates[0]) != 0:
            raise pf.ProofError(f"{fact.lhs} is not the next piece of {part}")
        end, total = high, total + fact.rhs
    if end != last_signal:
        raise pf.ProofError("the energy is an integral from u_T to u_0")
    return Eq(part, total)


UNIT_ENERGY: Final = pf.Theorem(
    "energy of a small affine error",
    "score error of N(a m, a^2 S + (1 - a^2) I) for a small change of one mean, variance or covariance: its energy is the "
    "squared change times the integral over u = e^-t of 1/(1 + b_j u)^2 (mean), u/(1 + b_j u)^3 (variance) or, covariance, "
    "u (2 + (b_j + b_l) u)/((1 + b_j u)^2 (1 + b_l u)^2)",
    _unit_energy,
)


def _between(form: Any, low: sp.Expr = first_signal, high: sp.Expr = last_signal) -> sp.Expr:
    difference: sp.Expr = form(high) - form(low)
    return difference


_FEW_POINTS: Final = (1 - 1 / (2 * sample_size), 1 - 1 / sample_size)


def _sample_law(factors: tuple[Any, Any] = _FEW_POINTS) -> sp.Expr:
    """The law with the factors of variances and covariances, both 1 in the limit of many points."""
    law = _over_axes(
        lambda axis: _between(lambda u: signal(axis, u)),
        lambda axis: _between(lambda u: signal(axis, u) ** 2),
        lambda axis, other: _between(lambda u: signal(axis, u) * signal(other, u)),
        factors,
    )
    return law / sample_size


def _fit_moments(claim: Claim) -> tuple[Fact, Fact, Fact]:
    """Mean squared errors of the fitted mean, variance and covariance, from the moments of the points."""
    n, value = sample_size, eigenvalue[i]
    zero, one = sp.Integer(0), sp.Integer(1)
    total = _square_of(claim, "axis_total", coordinate, value, zero, "coordinate-variance", "coordinate-uncorrelated")
    squares = _square_of(claim, "axis_squares", square, 3 * value**2, value**2, "square-moment", "square-independent")
    sums = _adds_up(claim, "axis_squares", one, value, square(i, j), claim.assume("square-mean"))
    pair = value * eigenvalue[_l]
    products = _square_of(claim, "axis_products", product, pair, zero, "product-moment", "product-uncorrelated")
    made = []
    for name, fitted_as, result, used in (
        ("location", "fitted-mean", value / n, [pf.instance(total, n=n)]),
        (
            "scale",
            "fitted-spread",
            (2 * n - 1) * value**2 / (2 * n**2),
            [pf.instance(squares, n=n - 1), pf.instance(sums, n=n - 1)],
        ),
        ("cross", "fitted-tilt", (n - 1) * pair / n**2, [pf.instance(products, n=n - 1)]),
    ):
        known, fit = claim.assume(name), claim.assume(fitted_as)
        made.append(
            pf.identity(
                known.lhs, result, known, fit, pf.expectation(fit.rhs**2), *used, text=f"the mean squared error: {name}"
            )
        )
    return made[0], made[1], made[2]


def _law(claim: Claim) -> tuple[Fact, tuple[Fact, ...]]:
    """E eps*^2 to second order in the w_j, and the facts that decide the signs of 1 + b_j u."""
    order, upper = claim.assume("signal-order"), claim.assume("signal-range")
    noisy = pf.nonnegative(1 - first_signal, order, upper, strict=True)
    middle = (first_signal + last_signal) / 2  # in [u_T, middle] u < 1, in [middle, u_0] u > 0: 1 + b_j u > 0 in both
    below = pf.nonnegative(1 - middle, (sp.Rational(1, 2), order), upper, strict=True)
    domain = (noisy, upper, below)
    halves = ((first_signal, middle, (order, below, noisy)), (middle, last_signal, (order, upper)))
    forms: tuple[Any, ...] = (
        lambda u: signal(j, u) / eigenvalue[j],
        lambda u: signal(j, u) ** 2 / eigenvalue[j] ** 2,
        lambda u: signal(j, u) * signal(_l, u) / (eigenvalue[j] * eigenvalue[_l]),
    )
    parts = []
    for (part, rate), form in zip(_rates(_u), forms, strict=True):
        pieces = [
            pf.integral(rate, _u, (low, high), form(_u), _between(form, low, high), domain=known) for low, high, known in halves
        ]
        parts.append(pf.cited(UNIT_ENERGY, *pieces, part=part))
    weighed: tuple[Any, Any, Any] = (
        lambda axis: eigenvalue[axis] * _location_rate[axis],
        lambda axis: eigenvalue[axis] ** 2 * _scale_rate[axis],
        lambda axis, other: eigenvalue[axis] * eigenvalue[other] * _cross_rate[axis, other],
    )
    inner = _over_axes(*weighed, factors=_FEW_POINTS) / sample_size
    moments = pf.identity(
        sample_energy, inner, claim.assume("second-order"), *_fit_moments(claim), text="the errors of the fit"
    )
    return pf.identity(sample_energy, _sample_law(), moments, *parts, domain=domain), domain


def _prove_sample_size(claim: Claim) -> Proof:
    return pf.qed(claim, _law(claim)[0])


_LAW_ASSUMPTIONS = (
    SECOND_ORDER,
    LOCATION,
    SCALE,
    CROSS,
    COORDINATE_VARIANCE,
    COORDINATE_UNCORRELATED,
    FITTED_MEAN,
    SQUARE_MEAN,
    SQUARE_MOMENT,
    SQUARE_INDEPENDENT,
    FITTED_SPREAD,
    PRODUCT_MOMENT,
    PRODUCT_UNCORRELATED,
    FITTED_TILT,
    *_sum_assumptions("axis_total", "axis_squares", "axis_products"),
    SIGNAL_ORDER,
    SIGNAL_RANGE,
)


def _plane() -> dict[Any, Any]:
    """Two points in two dimensions without early stopping, exactly, on nine sample points.

    The squares y_j^2 take the values 0, 0, 3 in units of lambda_j; coordinates and products take 0 and plus or minus 3/2.
    """
    values, roots = (sp.Integer(1), sp.Integer(4)), (sp.Integer(1), sp.Integer(2))
    threes = tuple(itertools.product((0, 0, 3), repeat=2))
    signs = tuple(tuple(sp.Rational(3, 2) * x for x in (*row, 0, 0, 0, 0, 0)) for row in ((1, -1, 1, -1), (1, 1, -1, -1)))
    size, two = len(threes), range(2)
    coordinates = [[tuple(roots[a] * x for x in signs[p]) for p in two] for a in two]
    squares = [[tuple(values[a] * o[p] for o in threes) for p in two] for a in two]
    products = [[[tuple(roots[a] * roots[b] * x for x in signs[p]) for p in two] for b in two] for a in two]
    case: dict[Any, Any] = {omega: size, N: 2, dimension: 2, sample_size: 2, eigenvalue: values}
    case |= {first_signal: 0, last_signal: 1, _coordinate: coordinates, _square: squares, _product: products}
    totals = [_partial_sums(coordinates[a], size) for a in two]
    sums = [_partial_sums(squares[a], size) for a in two]
    pairs = [[_partial_sums(products[a][b], size) for b in two] for a in two]
    case |= {_axes["axis_total"]: totals, _axes["axis_squares"]: sums, _axes["axis_products"]: pairs}
    shift = [tuple(x / 2 for x in totals[a][2]) for a in two]
    spread = [tuple(x / 2 - values[a] for x in sums[a][1]) for a in two]
    tilt = [[tuple(x / 2 for x in pairs[a][b][1]) for b in two] for a in two]
    case |= {_shift: shift, _spread: spread, _tilt: tilt}

    def mean_square(row: Sequence[Any]) -> Any:
        return sum((x * x for x in row), sp.Integer(0)) / size

    case[_location] = tuple(mean_square(row) for row in shift)
    case[_scale] = tuple(mean_square(row) / 2 for row in spread)
    case[_cross] = tuple(tuple(mean_square(tilt[a][b]) for b in two) for a in two)
    # from u = 0 to 1 the w_j rise from 0 to 1
    case[_location_rate] = tuple(1 / value for value in values)
    case[_scale_rate] = tuple(1 / value**2 for value in values)
    case[_cross_rate] = tuple(tuple(1 / (a * b) for b in values) for a in values)
    diagonal = sum(case[_location][a] * case[_location_rate][a] + case[_scale][a] * case[_scale_rate][a] for a in two)
    case[sample_energy] = diagonal + case[_cross][1][0] * case[_cross_rate][1][0]
    return case


_PLANE: Final = _plane()
SAMPLE_SIZE_LAW = with_mutants(
    Claim(
        id="sample-size-law",
        title="Score error of an affine model fitted on n points",
        kind="equality",
        statement=Eq(sample_energy, _sample_law()),
        source="driftbound",
        assumptions=_LAW_ASSUMPTIONS,
        note="The part of E eps*^2 of second order in the error of the fit, exactly at every n; the rest is of order 1/n^2, "
        "and positive wherever it was measured. w_j = lambda_j u/(1 + b_j u) at u_0 minus at u_T. The factors 1 - 1/(2n) of "
        "the variances and 1 - 1/n of the covariances tend to 1: to leading order E eps*^2 is the sum of all w_j, w_j^2 "
        "and w_j w_l over n. Eigenvalues may be 1.",
        script=_prove_sample_size,
        witness=_PLANE,
    ),
    {
        "id": "diagonal-only",
        "statement": Eq(sample_energy, _sample_law((_FEW_POINTS[0], 0))),
        "falsified_by": _PLANE,
        "note": "Two dimensions or more: the covariances between axes are fitted as well.",
    },
    {
        "id": "many-points",
        "statement": Eq(sample_energy, _sample_law((1, 1))),
        "falsified_by": _PLANE,
        "note": "Few points: the 1/n covariance is too small, and varies less.",
    },
)


def _prove_parameter_count(claim: Claim) -> Proof:
    law, domain = _law(claim)
    ends = (claim.assume("data-end"), claim.assume("noise-end"))
    triangle = pf.induction(
        Eq(sp.Sum(j, (j, 0, _m)), _m * (_m + 1) / 2),
        _m,
        pf.identity(sp.Sum(j, (j, 0, 0)), 0),
        lambda hypothesis, m: pf.identity(
            sp.Sum(j, (j, 0, m + 1)),
            (m + 1) * (m + 2) / 2,
            pf.identity(sp.Sum(j, (j, 0, m + 1)), sp.Sum(j, (j, 0, m)) + m + 1, unroll_at=m + 1),
            hypothesis,
        ),
        text="1 + 2 + ... + n",
    )
    pairs = sp.Sum(j, (j, 0, dimension - 1))
    counted = (2 * dimension + pairs - (dimension / 2 + pairs) / sample_size) / sample_size
    plain = pf.identity(
        sample_energy, counted, law, *ends, domain=domain, text="every w_j is 1 at the data and 0 at pure noise"
    )
    number = pf.instance(triangle, n=dimension - 1)
    exact = pf.identity(sample_energy, _parameter_count() - _fewer(), plain, number)
    below = pf.nonnegative(Le(sample_energy, _parameter_count()), (-1, exact), _fewer())
    return pf.qed(claim, exact, below)


def _parameter_count() -> sp.Expr:
    return dimension * (dimension + 3) / (2 * sample_size)


def _fewer() -> sp.Expr:
    return dimension**2 / (2 * sample_size**2)


PARAMETER_COUNT = with_mutants(
    Claim(
        id="sample-size-law-limit",
        title="Score error of an affine model without early stopping: the parameter count over n",
        kind="equality",
        statement=sp.And(Eq(sample_energy, _parameter_count() - _fewer()), Le(sample_energy, _parameter_count())),
        source="driftbound",
        assumptions=(*_LAW_ASSUMPTIONS, DATA_END, NOISE_END),
        note="The value of sample-size-law at t0 = 0 and T infinite, where it is continuous: d means and d(d+1)/2 covariances, "
        "each worth 1/n whatever the eigenvalues, less what the 1/n covariance saves, d^2/(2 n^2).",
        script=_prove_parameter_count,
        witness=_PLANE,
    ),
    {
        "id": "diagonal-only",
        "statement": Eq(sample_energy, 2 * dimension / sample_size - dimension / (2 * sample_size**2)),
        "falsified_by": _PLANE,
        "note": "Two dimensions or more: the covariances between axes are fitted as well.",
    },
    {
        "id": "parameter-count",
        "statement": Eq(sample_energy, _parameter_count()),
        "falsified_by": _PLANE,
        "note": "Few points: the parameter count is reached only in the limit.",
    },
)

# --- golden-ratio ----------------------------------------------------------------------------------------------------
_GOLDEN: Final = (sp.sqrt(5) - 1) / 2
_MEMORY = alpha * (2 - alpha)  # 1 - (1 - alpha)^2


def _weighted(ratio: Any) -> sp.Expr:
    """alpha^2 + (1 - alpha)^2/kappa: n/sigma^2 times the variance of the weighted mean of n fresh, kappa n synthetic points."""
    return alpha**2 + _KEEP**2 / ratio


FIXED_POINT = Assumption(
    "fixed-point",
    "One synthetic point per fresh one, and the error is stationary: s = (1 - alpha)^2 s + alpha^2 + (1 - alpha)^2, in units "
    "of sigma^2/n.",
    Eq(synthetic_ratio, 1),
    Eq(stationary_error, _KEEP**2 * stationary_error + _weighted(1)),
)
FIXED_POINT_RATIO = Assumption(
    "fixed-point",
    "The error is stationary: s = (1 - alpha)^2 s + alpha^2 + (1 - alpha)^2/kappa, in units of sigma^2/n.",
    None,
    Eq(stationary_error, _KEEP**2 * stationary_error + _weighted(synthetic_ratio)),
)
BEST = Assumption("best", "a is the positive root of kappa a^2 + a = 1.", Eq(synthetic_ratio * best_weight**2 + best_weight, 1))


def _equal(left: sp.Expr, right: sp.Expr, *parts: tuple[sp.Expr, Fact], domain: tuple[Fact, ...], text: str = "") -> Fact:
    """left = right, because left - right is a combination of equations."""
    up = pf.nonnegative(Le(left, right), *[(-c, fact) for c, fact in parts], domain=domain)
    down = pf.nonnegative(Le(right, left), *parts, domain=domain)
    return pf.antisymmetry(up, down, text)


def _prove_golden(claim: Claim) -> Proof:
    below = claim.assume("alpha")
    slope = pf.nonnegative(2 - alpha, below, strict=True)
    fixed = claim.assume("fixed-point")
    value = _equal(stationary_error, _weighted(1) / _MEMORY, (1 / _MEMORY, fixed), domain=(slope,), text="solved for s")
    square = (2 + _GOLDEN) * (alpha - _GOLDEN) ** 2 / _MEMORY
    gap = pf.identity(stationary_error - _GOLDEN, square, value, domain=(slope,), text="the square is completed")
    least = pf.nonnegative(Le(_GOLDEN, stationary_error), (1, gap), square, domain=(slope,))
    return pf.qed(claim, value, gap, least)


def _golden_statement(**changes: Any) -> Any:
    rows = {
        "value": Eq(stationary_error, _weighted(1) / _MEMORY),
        "gap": Eq(stationary_error - _GOLDEN, (2 + _GOLDEN) * (alpha - _GOLDEN) ** 2 / _MEMORY),
        "least": Ge(stationary_error, _GOLDEN),
    }
    return sp.And(*{**rows, **changes}.values())


_THREE_FIFTHS = sp.Rational(3, 5)
_FIFTHS: Final = {alpha: _THREE_FIFTHS, synthetic_ratio: 1, stationary_error: sp.Rational(13, 21), N: 1}
GOLDEN_RATIO = with_mutants(
    Claim(
        id="golden-ratio",
        title="Equal numbers of fresh and synthetic points: the best weight on the fresh ones is the golden ratio",
        kind="equivalence",
        statement=_golden_statement(),
        source="HXC",
        assumptions=(FIXED_POINT, ALPHA),
        note="Each round estimates the mean with weight alpha on n fresh and 1 - alpha on n synthetic points, all of the known "
        "variance sigma^2. The stationary error exceeds g = (sqrt(5) - 1)/2 by a multiple of (alpha - g)^2: g is the least "
        "error and the only best weight.",
        script=_prove_golden,
        witness=_FIFTHS,
    ),
    {
        "id": "two-thirds",
        "statement": _golden_statement(least=Ge(stationary_error, sp.Rational(2, 3))),
        "falsified_by": _FIFTHS,
        "note": "Equal weights are not best: alpha = 1/2 gives 2/3, alpha = 3/5 gives 13/21.",
    },
    {
        "id": "no-memory",
        "statement": _golden_statement(value=Eq(stationary_error, _weighted(1))),
        "falsified_by": _FIFTHS,
        "note": "The error of one round without what it inherits.",
    },
)


def _prove_golden_ratio(claim: Claim) -> Proof:
    below = claim.assume("alpha")
    slope = pf.nonnegative(2 - alpha, below, strict=True)
    fixed, root = claim.assume("fixed-point"), claim.assume("best")
    g, kappa = best_weight, synthetic_ratio
    value = _equal(stationary_error, _weighted(kappa) / _MEMORY, (1 / _MEMORY, fixed), domain=(slope,), text="solved for s")
    square = (1 + 1 / kappa + g) * (alpha - g) ** 2 / _MEMORY
    gap = _equal(
        stationary_error - g,
        square,
        (1 / _MEMORY, fixed),
        ((2 * alpha - 1 - g) / (kappa * _MEMORY), root),
        domain=(slope,),
        text="the square is completed",
    )
    least = pf.nonnegative(Le(g, stationary_error), (1, gap), square, domain=(slope,))
    return pf.qed(claim, value, gap, least)


def _ratio_statement(**changes: Any) -> Any:
    g, kappa = best_weight, synthetic_ratio
    rows = {
        "value": Eq(stationary_error, _weighted(kappa) / _MEMORY),
        "gap": Eq(stationary_error - g, (1 + 1 / kappa + g) * (alpha - g) ** 2 / _MEMORY),
        "least": Ge(stationary_error, g),
    }
    return sp.And(*{**rows, **changes}.values())


_DOUBLE: Final = {alpha: _HALF, synthetic_ratio: 2, best_weight: _HALF, stationary_error: _HALF, N: 1}
GOLDEN_RATIO_GENERAL = with_mutants(
    Claim(
        id="golden-ratio-general",
        title="kappa synthetic points per fresh one: the best weight a solves kappa a^2 + a = 1",
        kind="equivalence",
        statement=_ratio_statement(),
        source="driftbound",
        assumptions=(FIXED_POINT_RATIO, BEST, ALPHA),
        note="The least stationary error, in units of sigma^2/n, equals the best weight itself: "
        "(sqrt(1 + 4 kappa) - 1)/(2 kappa), the golden ratio at kappa = 1.",
        script=_prove_golden_ratio,
        witness=_DOUBLE,
    ),
    {
        "id": "always-golden",
        "statement": _ratio_statement(least=Ge(stationary_error, _GOLDEN)),
        "falsified_by": _DOUBLE,
        "note": "More synthetic points than fresh ones.",
    },
    {
        "id": "one-to-one",
        "statement": _ratio_statement(value=Eq(stationary_error, _weighted(1) / _MEMORY)),
        "falsified_by": _DOUBLE,
        "note": "Two synthetic points per fresh one.",
    },
)

CLAIMS: Final[tuple[Claim, ...]] = (
    FINITE_SAMPLE_MEAN,
    FINITE_SAMPLE_MEAN_IID,
    FINITE_SAMPLE_VARIANCE,
    FINITE_SAMPLE_VARIANCE_IID,
    FINITE_SAMPLE_CONSERVATION,
    FINITE_SAMPLE_CLOSED_FORM,
    FINITE_SAMPLE_STATIONARY,
    VARIANCE_COLLAPSE,
    VARIANCE_COLLAPSE_TYPICAL,
    SAMPLE_SIZE_LAW,
    PARAMETER_COUNT,
    GOLDEN_RATIO,
    GOLDEN_RATIO_GENERAL,
)
"""Reading order."""

__all__ = ["CLAIMS", "finite_sample_step", "sample", "schedule"]
