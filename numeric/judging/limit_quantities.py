"""What the claims about early stopping and the limit law speak of, measured on the laws of a recursion.

Nothing here uses how a law arose: every number is an integral of a test function against a law, or a distance between two
laws. The limit law p^oo comes from ``limit_law``; that it is the fixed point of a round is a hypothesis that is measured too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TypeAlias

import numpy as np
from numpy.polynomial.hermite_e import hermevander

from numeric.judging.formula import Interval
from numeric.laws.divergences import tv
from numeric.laws.process import noised
from numeric.laws.targets import Target, as_mixture
from numeric.laws.transport import wasserstein
from numeric.recursions.exact_recursion import limit_law
from numeric.recursions.recursion import Recursion
from numeric.validation import Array

__all__ = ["limit_quantities", "line_mean"]

ORDERS = 5  # Hermite orders 0 .. 4
STEP = 0.125
NODES = STEP * np.arange(-80.0, 81.0)  # in standard deviations of a component: exact to rounding for these test functions
MASSES = np.exp(-0.5 * NODES**2) * (STEP / math.sqrt(2.0 * math.pi))
ROUNDING = 1e-12  # error of an integral by these nodes, relative to that of the absolute value
QUADRATURE = 1e-7  # relative error granted to distances by quadrature
SMALL = 1e-3  # the distance below which that error is an absolute one
TRUNCATION = 1e-14  # total variation within which p^oo is known
LONGEST = 32  # rounds for which readings are computed: their number grows with the square
LONGEST_DISTANCES = 12  # rounds for which the 1-D distances are computed

TestFunction: TypeAlias = Callable[[Array], Array]
Quantities: TypeAlias = dict[str, Interval | Callable[[], Interval]]


def limit_quantities(recursion: Recursion) -> Quantities:
    """The quantities of the claims on the limit law, on annealing and on Hermite coefficients, each computed at its first use.

    Args:
        recursion: one whose laws are mixtures, with a constant fresh fraction alpha > 0 and ``early_times``.

    Returns:
        By the names of the claims' vocabulary, for N rounds: readings (N+1, ...) of OU_{m t0} p^i, m <= N, and of the like: one
        bounded test function of the projection on a fixed direction, proportional to (1, 2, ..., d); along the same direction
        the Hermite coefficients of orders 0 to 4; second moments. In one dimension and up to 12 rounds also the distances to
        p^oo and the W2 error of each round. What refers to p^oo needs early times that are equal; where they vary, the noised
        readings take the largest of them for t0. Empty for any other recursion, and for more than 32 rounds.
    """
    times, shares, rounds = recursion.early_times, recursion.fresh_fraction, recursion.generations
    if times is None or recursion.stderr or rounds > LONGEST or not np.any(times > 0.0):
        return {}
    share, longest = float(shares[0]), float(times.max())
    if not share > 0.0 or np.any(shares != share):
        return {}
    found: Quantities = {
        "early_times": Interval.point(times),
        "largest_time": Interval.point(longest if recursion.largest_time is None else recursion.largest_time),
        "dimension": Interval.point(float(recursion.target.dim)),
    }
    found |= _readings(recursion, longest) | _coefficients(recursion) | _moments(recursion)
    if recursion.target.dim == 1 and rounds <= LONGEST_DISTANCES:
        found |= _round_distances(recursion, times)
    if np.all(times == longest):
        found |= _limits(recursion, longest, share)
    return found


# ------------------------------------------------------------------------------------------------ integrals along a line


def line_mean(law: Target, function: TestFunction, time: float = 0.0, direction: Array | None = None) -> tuple[Array, Array]:
    """E f(u.X) and E |f(u.X)| for X ~ OU_time(law), by the trapezoid rule on every component.

    Args:
        law: d dimensions.
        function: f, from (k, m) points to (k, m) or (k, m, n) values.
        time: of the noising, >= 0.
        direction: u, (d,) of length one; by default proportional to (1, 2, ..., d).

    Returns:
        Two arrays, 0-d or (n,).
    """
    mixture = as_mixture(law)
    if direction is None:
        direction = np.arange(1.0, mixture.dim + 1.0)
        direction = direction / np.linalg.norm(direction)
    gain, noise = math.exp(-0.5 * time), -math.expm1(-time)
    centres = gain * (mixture.means @ direction)
    scales = np.sqrt(gain * gain * np.einsum("kab,a,b->k", mixture.covs, direction, direction) + noise)
    values = function(centres[:, None] + scales[:, None] * NODES)
    masses = mixture.weights[:, None] * MASSES
    return np.einsum("km,km...->...", masses, values), np.einsum("km,km...->...", masses, np.abs(values))


def _wave(x: Array) -> Array:
    """The test function of the readings: bounded, neither even nor odd, and no eigenfunction of the noising."""
    return np.asarray(np.cos(x + 1.0))


def _hermite(x: Array) -> Array:
    """He_0(x) .. He_4(x) along a new last axis."""
    return np.asarray(hermevander(x, ORDERS - 1))


def _square(x: Array) -> Array:
    return np.asarray(x * x)


def _stacked(pairs: Sequence[tuple[Array, Array]]) -> Interval:
    """Integrals with their rounding, along a new first axis."""
    return Interval.around(np.array([value for value, _ in pairs]), ROUNDING * np.array([size for _, size in pairs]))


def _single(pair: tuple[Array, Array]) -> Interval:
    return Interval.around(pair[0], ROUNDING * pair[1])


def _second_moment(law: Target) -> tuple[Array, Array]:
    """E |X|^2, coordinate by coordinate."""
    total = np.sum([line_mean(law, _square, direction=axis)[0] for axis in np.eye(law.dim)], axis=0)
    return np.asarray(total), np.asarray(total)


# ---------------------------------------------------------------------------------------------- quantities of the claims


def _readings(recursion: Recursion, unit: float) -> Quantities:
    """Readings of the laws noised by m times ``unit``, index (m, i), and of OU_{t0_i} q_i."""
    many = unit * np.arange(recursion.generations + 1.0)

    def table(laws: Sequence[object]) -> Interval:
        columns = [_stacked([line_mean(law, _wave, time) for time in many]) for law in laws]  # type: ignore[arg-type]
        return Interval(np.stack([one.low for one in columns], axis=1), np.stack([one.high for one in columns], axis=1))

    def own_times() -> Interval:
        times = recursion.early_times if recursion.early_times is not None else many
        return _stacked([line_mean(law, _wave, time) for law, time in zip(recursion.mixtures, times, strict=True)])  # type: ignore[arg-type]

    return {
        "smoothed": partial(table, recursion.laws),
        "smoothed_mixture": partial(table, recursion.mixtures),
        "smoothed_data": lambda: _stacked([line_mean(recursion.target, _wave, time) for time in many]),
        "noised_mixture": own_times,
    }


def _coefficients(recursion: Recursion) -> Quantities:
    def of(laws: Sequence[object]) -> Interval:
        return _stacked([line_mean(law, _hermite) for law in laws])  # type: ignore[arg-type]

    return {
        "hermite": partial(of, recursion.laws),
        "mixed_hermite": partial(of, recursion.mixtures),
        "hermite_data": _single(line_mean(recursion.target, _hermite)),
    }


def _moments(recursion: Recursion) -> Quantities:
    def of(laws: Sequence[object]) -> Interval:
        return _stacked([_second_moment(law) for law in laws])  # type: ignore[arg-type]

    return {
        "second_moment": partial(of, recursion.laws),
        "mixed_moment": partial(of, recursion.mixtures),
        "second_moment_data": _single(_second_moment(recursion.target)),
    }


def _round_distances(recursion: Recursion, times: Array) -> Quantities:
    """TV(OU_{t0_i} p, p) and W2(p^{i+1}, OU_{t0_i} q_i)."""

    def smoothing() -> Interval:
        known = {time: float(tv(noised(recursion.target, time), recursion.target)) for time in set(times.tolist())}
        return _distance([known[time] for time in times.tolist()])

    @cache
    def misses() -> Interval:
        rows = zip(recursion.laws[1:], recursion.mixtures, times.tolist(), strict=True)
        pairs = [wasserstein([law], noised(mixture, time), 2) for law, mixture, time in rows]  # type: ignore[list-item, arg-type, type-var]
        return _distance(*(np.concatenate(part) for part in zip(*pairs, strict=True)))

    def largest() -> Interval:
        every = misses()
        return Interval(every.low.max(), every.high.max())

    return {"data_smoothing_tv": smoothing, "round_w2": misses, "round_error": largest}


def _limits(recursion: Recursion, time: float, share: float) -> Quantities:
    """p^oo, the distances of every p^i from it, and the constants of a recursion whose rounds all stop at ``time``."""
    many = time * np.arange(recursion.generations + 1.0)
    rate = math.sqrt(1.0 - share) * math.exp(-0.5 * time)

    @cache
    def limit() -> Target:
        return limit_law(recursion.target, time, share, TRUNCATION)

    def apart(order: int, truncation: float) -> Interval:
        values, errors = wasserstein(recursion.laws, limit(), order)  # type: ignore[arg-type]
        return _distance(values, errors + truncation)

    found: Quantities = {
        "early_time": Interval.point(time),
        "w2_rate": Interval.around(rate, 1e-15),
        "smoothed_limit": lambda: _stacked([line_mean(limit(), _wave, shift) for shift in many]),
        "hermite_limit": lambda: _single(line_mean(limit(), _hermite)),
        "second_moment_limit": lambda: _single(_second_moment(limit())),
    }
    if recursion.target.dim == 1 and recursion.generations <= LONGEST_DISTANCES:
        # a share of the truncation may have to travel as far as the laws are wide
        width = 2.0 * math.sqrt(TRUNCATION * max(float(_second_moment(recursion.target)[0]), 1.0))
        found |= {
            "limit_tv": lambda: _distance([float(tv(law, limit())) for law in recursion.laws], TRUNCATION),  # type: ignore[arg-type]
            "limit_w1": lambda: apart(1, width),
            "limit_w2": lambda: apart(2, width),
        }
    return found


def _distance(values: Sequence[float] | Array, error: float | Array = 0.0) -> Interval:
    array = np.asarray(values)
    return Interval.around(array, QUADRATURE * (array + SMALL) + error)
