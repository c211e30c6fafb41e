"""Finite samples: what one round of refitting a Gaussian does to its error, in expectation and exactly.

Retraining an affine score on n points of a Gaussian target fits their mean and their (1/n) covariance. In one dimension the
errors s_i = E (m_i - m)² and v_i = E sigma_i² obey a linear recursion of two lines.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import sympy as sp

from theory._arguments import finish, fraction, nonnegative, positive

__all__ = ["finite_sample_step"]

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
    if design not in ("stratified", "iid"):
        raise ValueError(f"design must be 'stratified' or 'iid', but it is {design!r}")
    pairs = {
        _S: nonnegative("s", s),
        _V: nonnegative("v", v),
        _ALPHA: fraction("alpha", alpha),
        _COUNT: positive("n", n),
        _SIGMA2: nonnegative("sigma2", sigma2),
    }
    values = {symbol: value for symbol, (value, _) in pairs.items()}
    flags = [inexact for _, inexact in pairs.values()]
    first, second = (part.subs(values, simultaneous=True) for part in _step(design))
    return finish(first, *flags), finish(second, *flags)
