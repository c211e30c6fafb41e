"""Whether the path weight and the endpoint's density ratio are integrable, for an error that is linear far out.

With S_t the variance of q_t, e = k(t) y and the clock ds = dt/S_t run from T down to t0, everything depends on kappa = k S:

* the law weighted by e^{2Z} is Gaussian of precision G/S with dG/ds = G (1 - G) - 4 kappa G - 2 kappa^2, G = 1 at T; the path
  chi2 is infinite iff G reaches 0. There dG/ds <= 0, so that a crossing is never undone;
* the learned law has the variance v S with dv/ds = 1 - v + 2 kappa v, v = 1 at T; chi2 is infinite iff v >= 2 at t0.

Scalar equations of their own: nothing is shared with the affine route.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import integrate

from numeric.laws.process import OU
from numeric.validation import Array

__all__ = ["linear_infinities"]

NEAR = 1e-12  # relative: rounding must not decide
RTOL, ATOL = 1e-10, 1e-13


def linear_infinities(variance: float, slope: Callable[[float], float], process: OU) -> dict[str, str]:
    """Which of chi2 and path_chi2 are infinite for N(., variance) at t = 0 and the error slope(t) y, with the reason.

    Raises:
        ValueError: an error whose equations cannot be integrated.
    """

    def spread(t: float) -> float:
        return variance * math.exp(-t) - math.expm1(-t)

    def rates(t: float, state: Array) -> Array:
        precision, wide = state.tolist()
        kappa = slope(t) * spread(t)
        by_clock = [
            precision * (1.0 - precision) - 4.0 * kappa * precision - 2.0 * kappa**2,
            1.0 - wide + 2.0 * kappa * wide,
        ]
        return np.array(by_clock) / -spread(t)  # the clock runs against t

    def least(_: float, state: Array) -> float:
        return float(state[0]) - NEAR

    least.terminal = True  # type: ignore[attr-defined]
    found: dict[str, str] = {}
    with np.errstate(over="ignore", invalid="ignore"):
        solution = integrate.solve_ivp(rates, (process.T, process.t0), np.ones(2), rtol=RTOL, atol=ATOL, events=least)
        if solution.status == 1:  # the weighted law has left, and only the learned law is followed further
            time, left = float(solution.t[-1]), solution.y[:, -1]
            found["path_chi2"] = (
                f"E e^(2Z) is infinite for the error on [{time:.6g}, T] already: the precision of the law weighted by e^(2Z), "
                f"relative to that of q_t, is no longer positive definite at t = {time:.6g}"
            )
            solution = integrate.solve_ivp(
                lambda t, wide: rates(t, np.array([0.0, wide[0]]))[1:], (time, process.t0), left[1:], rtol=RTOL, atol=ATOL
            )
    if solution.status != 0 or not np.all(np.isfinite(solution.y[:, -1])):
        raise ValueError(f"error must let the variance of the learned law be integrated over [t0, T], got: {solution.message}")
    wide = float(solution.y[-1, -1])
    if wide >= 2.0 - NEAR:
        found["chi2"] = f"the variance of the endpoint is {wide:.6g} times that of q_t0, 2 or more"
    return found
