"""Refitting a Gaussian again and again on n points, of which a share is fresh: what is known of the fits after every round.

Each round draws n points, fresh ones from the target and the others from the last fit, and fits their mean and 1/n covariance.
Two routes give the errors of the fits: many independent chains of actual points, and one round enumerated outcome by outcome.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import integrate

from numeric.laws.targets import Gaussian
from numeric.recursions.mixing import Alpha, resolve_mixing
from numeric.validation import Array, Domain, generator, integer, shown

__all__ = ["Design", "Refits", "exact_refits", "simulate_refits"]

Design = Literal["stratified", "iid"]

ENTRIES: Final = 1 << 20  # coordinates of points drawn at once: bounds the memory, and fixes the streams of the blocks
LARGEST: Final = {"stratified": 4000, "iid": 400}  # points of one round whose outcomes are enumerated
MOMENTS: Final = 3  # powers of each measured number that are summed: mean, standard error, skewness
SERIES: Final = ("mean_error", "fitted_variance", "log_growth")


@dataclass(frozen=True, eq=False, kw_only=True)
class Refits:
    """The errors of the fits N(m_i, S_i), i = 0 .. N, of one chain in expectation. In d > 1 dimensions s_i and v_i are traces.

    Attributes:
        target: N(m, S).
        alpha: (N,) fresh fractions.
        n: points of one round.
        design: "stratified", round(alpha n) fresh points, or "iid", every point fresh with probability alpha.
        mean_error: (N+1,) s_i = E |m_i - m|^2.
        fitted_variance: (N+1,) v_i = E tr S_i, of the 1/n covariance.
        log_growth: (N+1,) E log(S_i / S_0) in one dimension, -inf where S_i may vanish; None where no route gives it.
        fresh_mean, fresh_variance: (N,) mean and variance of the number of fresh points of a round, by design.
        runs: independent chains; 0 where exact.
        stderr: standard errors of the simulated series, by field name, each (N+1,).
        skewness: skewness of the averages over all runs, by field name; intervals are widened by it.
        ess: effective number of runs, (sum x)^2 / sum x^2, of the positive series, by field name.
        method: the route that gave the numbers.
    """

    target: Gaussian
    alpha: Array
    n: int
    design: Design
    mean_error: Array
    fitted_variance: Array
    log_growth: Array | None
    fresh_mean: Array
    fresh_variance: Array
    runs: int = 0
    stderr: Mapping[str, Array] = field(default_factory=dict)
    skewness: Mapping[str, Array] = field(default_factory=dict)
    ess: Mapping[str, Array] = field(default_factory=dict)
    method: str = "enumeration"

    @property
    def generations(self) -> int:
        """N."""
        return int(self.alpha.shape[0])

    @property
    def variance(self) -> float:
        """tr S."""
        return float(np.trace(self.target.cov))

    @property
    def typical_rate(self) -> float:
        """E log of the factor by which one round changes the variance, from all rounds together; NaN where not measured."""
        return math.nan if self.log_growth is None else float(self.log_growth[-1]) / self.generations


@dataclass(frozen=True)
class _Plan:
    """Checked arguments of both routes."""

    target: Gaussian
    initial: Gaussian
    alpha: Array
    n: int
    design: Design

    @property
    def fresh_counts(self) -> NDArray[np.int64]:
        """round(alpha n), the fresh points of a stratified round."""
        return np.rint(self.alpha * self.n).astype(np.int64)

    def moments_of_counts(self) -> tuple[Array, Array]:
        """Mean and variance of the number of fresh points."""
        if self.design == "iid":
            return self.n * self.alpha, self.n * self.alpha * (1.0 - self.alpha)
        return self.fresh_counts.astype(np.float64), np.zeros_like(self.alpha)

    def start(self) -> tuple[float, float]:
        """s_0 and v_0."""
        offset = self.initial.mean - self.target.mean
        return float(offset @ offset), float(np.trace(self.initial.cov))


def _plan(target: object, alpha: Alpha, generations: int, n: object, design: object, initial: object) -> _Plan:
    if not isinstance(target, Gaussian):
        raise TypeError(f"target must be a Gaussian, got {type(target).__name__}")
    mixing = resolve_mixing(alpha, generations)
    if isinstance(mixing.alpha, str) and mixing.alpha == "accumulate":
        raise ValueError("alpha must be fresh fractions or 'replace', got 'accumulate'")
    size = integer("n", n, Domain(2, 2**31 - 1))
    if target.dim > 1 and size <= target.dim:
        raise ValueError(f"n must exceed the dimension {target.dim}, got {size}")
    if not isinstance(design, str):
        raise TypeError(f"design must be 'stratified' or 'iid', got {shown(design)}")
    if design not in ("stratified", "iid"):
        raise ValueError(f"design must be 'stratified' or 'iid', got {shown(design)}")
    start = target if initial is None else initial
    if not isinstance(start, Gaussian):
        raise TypeError(f"initial must be a Gaussian or None, got {type(start).__name__}")
    if start.dim != target.dim:
        raise ValueError(f"initial must have the target's dimension {target.dim}, got {start.dim}")
    return _Plan(target, start, mixing.fresh, size, "iid" if design == "iid" else "stratified")


# --- chains of actual points -----------------------------------------------------------------------------------------


def simulate_refits(
    target: Gaussian,
    alpha: Alpha,
    generations: int,
    *,
    n: int,
    runs: int,
    rng: np.random.Generator | int | None,
    design: str = "stratified",
    initial: Gaussian | None = None,
    route: str = "points",
    workers: int = 1,
) -> Refits:
    """``runs`` independent chains of N rounds of refitting, and the averages over them.

    Args:
        target: N(m, S) in d dimensions.
        alpha: fresh fraction in [0, 1], one or one per round, or "replace".
        generations: N >= 1.
        n: points of one round, >= 2 and > d.
        runs: independent chains, >= 2.
        rng: generator or seed; every block of runs has its own stream.
        design: "stratified", round(alpha n) fresh points in every round, or "iid", a binomial number.
        initial: the first fit p^0; default the target.
        route: "points" draws every point; "moments" (one dimension) draws the means and sums of squares of the two kinds of
            points from their normal and chi-squared laws, at a cost that does not grow with n.
        workers: threads; the result does not depend on it.

    Returns:
        Refits with standard errors. Memory does not grow with ``runs``.

    Raises:
        TypeError, ValueError: naming the argument.

    Example:
        >>> chains = simulate_refits(Gaussian(0.0, 1.0), 0.5, 3, n=10, runs=1000, rng=1)
        >>> chains.mean_error.shape, bool(chains.stderr["mean_error"][0] == 0.0)
        ((4,), True)
    """
    plan = _plan(target, alpha, generations, n, design, initial)
    count = integer("runs", runs, Domain(2, 2**31 - 1))
    threads = integer("workers", workers)
    if not isinstance(route, str) or route not in ("points", "moments"):
        raise ValueError(f"route must be 'points' or 'moments', got {shown(route)}")
    if route == "moments" and target.dim > 1:
        raise ValueError(f"route must be 'points' in more than one dimension, got 'moments' in dimension {target.dim}")
    per_run = plan.n * target.dim if route == "points" else 8
    block = max(ENTRIES // per_run, 1)
    sizes = [block] * (count // block) + ([count % block] if count % block else [])
    streams = generator(rng).spawn(len(sizes))
    advance = _by_moments if route == "moments" else _by_points if target.dim > 1 else _by_points_1d
    with ThreadPoolExecutor(threads) as pool:
        parts = pool.map(lambda size, stream: _chains(plan, advance, size, stream), sizes, streams)
        sums = np.zeros((MOMENTS, len(SERIES), plan.alpha.shape[0] + 1))
        for part in parts:  # in order, whichever thread was first
            sums += part
    return _averaged(plan, sums, count, route)


Advance = Callable[[_Plan, int, Array, Array, np.random.Generator], tuple[Array, Array]]
"""One round of a block of chains: (plan, round, means, covariances, stream) -> the next means and covariances."""


def _chains(plan: _Plan, advance: Advance, size: int, stream: np.random.Generator) -> Array:
    """Sums of the first powers of every series over a block of chains."""
    dim, rounds = plan.target.dim, plan.alpha.shape[0]
    shape = (size,) if dim == 1 else (size, dim)
    means = np.broadcast_to(np.reshape(plan.initial.mean - plan.target.mean, shape[1:]), shape)
    covs = np.broadcast_to(np.reshape(plan.initial.cov, shape[1:] * 2), shape + shape[1:])
    first = float(plan.initial.cov[0, 0])
    sums = np.zeros((MOMENTS, len(SERIES), rounds + 1))
    for i in range(rounds):
        means, covs = advance(plan, i, means, covs, stream)
        if dim == 1:
            with np.errstate(divide="ignore"):
                series = [means**2, covs, np.log(covs / first)]
        else:
            series = [np.sum(means**2, axis=1), np.trace(covs, axis1=1, axis2=2)]
        for row, values in enumerate(series):
            for power in range(MOMENTS):
                sums[power, row, i + 1] = float(np.sum(values ** (power + 1)))
    return sums


def _by_points_1d(plan: _Plan, i: int, means: Array, variances: Array, stream: np.random.Generator) -> tuple[Array, Array]:
    """Every point is drawn: normal noise, and for "iid" which of the two kinds it is."""
    size, n = means.shape[0], plan.n
    points = stream.standard_normal((size, n))
    scale = math.sqrt(float(plan.target.cov[0, 0]))
    roots = np.sqrt(variances)
    if plan.design == "iid":
        fresh = stream.random((size, n)) < plan.alpha[i]
        points = np.where(fresh, scale * points, means[:, None] + roots[:, None] * points)
    else:
        count = plan.fresh_counts[i]
        points[:, :count] *= scale
        points[:, count:] *= roots[:, None]
        points[:, count:] += means[:, None]
    centre = points.mean(axis=1)
    points -= centre[:, None]
    return centre, np.einsum("rp,rp->r", points, points) / n


def _by_points(plan: _Plan, i: int, means: Array, covs: Array, stream: np.random.Generator) -> tuple[Array, Array]:
    """The same in d dimensions."""
    size, dim = means.shape
    n = plan.n
    noise = stream.standard_normal((size, n, dim))
    fresh_root = np.linalg.cholesky(plan.target.cov)
    values, vectors = np.linalg.eigh(covs)  # a fit may be nearly singular, where Cholesky's factor fails
    roots = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    if plan.design == "iid":
        fresh = stream.random((size, n)) < plan.alpha[i]
        model = means[:, None, :] + np.einsum("rij,rpj->rpi", roots, noise)
        points = np.where(fresh[:, :, None], noise @ fresh_root.T, model)
    else:
        count = plan.fresh_counts[i]
        points = np.empty_like(noise)
        points[:, :count] = noise[:, :count] @ fresh_root.T
        points[:, count:] = means[:, None, :] + np.einsum("rij,rpj->rpi", roots, noise[:, count:])
    centre = points.mean(axis=1)
    points -= centre[:, None, :]
    return centre, np.einsum("rpi,rpj->rij", points, points) / n


def _by_moments(plan: _Plan, i: int, means: Array, variances: Array, stream: np.random.Generator) -> tuple[Array, Array]:
    """Mean and sum of squares of the fresh and of the synthetic points, then of all points together."""
    size, n = means.shape[0], plan.n
    if plan.design == "iid":
        fresh = stream.binomial(n, plan.alpha[i], size).astype(np.float64)
    else:
        fresh = np.full(size, float(plan.fresh_counts[i]))
    rest = n - fresh
    scale = float(plan.target.cov[0, 0])
    noise = stream.standard_normal((2, size))
    fresh_mean = math.sqrt(scale) * noise[0] / np.sqrt(np.maximum(fresh, 1.0))
    rest_mean = means + np.sqrt(variances / np.maximum(rest, 1.0)) * noise[1]
    # chi-squared of k degrees of freedom is twice a gamma variable of shape k/2, and 0 for k = 0
    squares = scale * 2.0 * stream.standard_gamma(0.5 * np.maximum(fresh - 1.0, 0.0))
    squares += variances * 2.0 * stream.standard_gamma(0.5 * np.maximum(rest - 1.0, 0.0))
    centre = (fresh * fresh_mean + rest * rest_mean) / n
    return centre, (squares + fresh * rest / n * (fresh_mean - rest_mean) ** 2) / n


def _averaged(plan: _Plan, sums: Array, runs: int, route: str) -> Refits:
    """Means, standard errors and skewness from sums of powers; the start is known exactly."""
    first, second, third = sums / runs
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.maximum(second - first**2, 0.0)
        lopsided = (third - 3.0 * first * second + 2.0 * first**3) / spread**1.5 / math.sqrt(runs)
        effective = runs * first**2 / second
    errors = np.sqrt(spread / (runs - 1))
    errors[:, 0] = 0.0
    first[:2, 0] = plan.start()
    kept = SERIES if plan.target.dim == 1 else SERIES[:2]
    fresh_mean, fresh_variance = plan.moments_of_counts()
    return Refits(
        target=plan.target,
        alpha=plan.alpha,
        n=plan.n,
        design=plan.design,
        mean_error=first[0],
        fitted_variance=first[1],
        log_growth=first[2] if plan.target.dim == 1 else None,
        fresh_mean=fresh_mean,
        fresh_variance=fresh_variance,
        runs=runs,
        stderr={name: errors[row] for row, name in enumerate(kept)},
        skewness={name: np.where(errors[row] > 0.0, lopsided[row], 0.0) for row, name in enumerate(kept)},
        ess={name: np.where(errors[row] > 0.0, effective[row], runs) for row, name in enumerate(SERIES[:2])},
        method=f"simulation ({route})",
    )


# --- one round, outcome by outcome -----------------------------------------------------------------------------------


def exact_refits(
    target: Gaussian,
    alpha: Alpha,
    generations: int,
    *,
    n: int,
    design: str = "stratified",
    initial: Gaussian | None = None,
) -> Refits:
    """The same averages without sampling: one round is enumerated over all outcomes of points that take two values each.

    s_i and v_i depend on the first two moments of the points alone, so that points at plus or minus one standard deviation
    have the same averages as normal ones; their outcomes are counted by two binomial numbers (three for "iid"). Given the
    last fit, the next averages are linear in its squared error, its variance and that of the target: three enumerations give
    the coefficients, a fourth one of another fit confirms them, and the rounds multiply them up.

    Args:
        target, alpha, generations, n, design, initial: as in ``simulate_refits``; n up to 4000 points, 400 for "iid".

    Returns:
        Refits without standard errors. ``log_growth``, of normal points, is there in one dimension without fresh data.

    Raises:
        TypeError, ValueError: naming the argument.

    Example:
        >>> exact_refits(Gaussian(0.0, 1.0), 0.0, 2, n=10).fitted_variance.round(6).tolist()
        [1.0, 0.9, 0.81]
    """
    plan = _plan(target, alpha, generations, n, design, initial)
    if plan.n > LARGEST[plan.design]:
        raise ValueError(f"n must be at most {LARGEST[plan.design]} for {plan.design}, got {plan.n}; use simulate_refits")
    transitions = {share: _transition(plan, share) for share in set(plan.alpha.tolist())}
    state = np.array([*plan.start(), float(np.trace(target.cov))])
    rows = [state[:2]]
    for share in plan.alpha.tolist():
        state = np.append(transitions[share] @ state, state[2])
        rows.append(state[:2])
    table = np.array(rows)
    rate = _log_rate(plan.n) if target.dim == 1 and not np.any(plan.alpha) else None
    fresh_mean, fresh_variance = plan.moments_of_counts()
    return Refits(
        target=plan.target,
        alpha=plan.alpha,
        n=plan.n,
        design=plan.design,
        mean_error=table[:, 0],
        fitted_variance=table[:, 1],
        log_growth=None if rate is None else rate * np.arange(plan.alpha.shape[0] + 1),
        fresh_mean=fresh_mean,
        fresh_variance=fresh_variance,
    )


def _transition(plan: _Plan, share: float) -> Array:
    """(2, 3): (s', v') from (s, v, sigma^2), column by column, confirmed at a fit of which all three are positive."""
    columns = np.stack([_one_round(plan, share, *row) for row in np.eye(3)], axis=1)
    other = np.array([1.21, 0.64, 1.69])
    direct = _one_round(plan, share, *other)
    if not np.allclose(columns @ other, direct, rtol=1e-10, atol=0.0):
        raise ArithmeticError(f"one round is linear in its moments, but {columns @ other} is not {direct}")
    return columns


def _one_round(plan: _Plan, share: float, squared: float, variance: float, target_variance: float) -> Array:
    """E (m' - m)^2 and E sigma'^2 after a fit with (m_i - m)^2 = ``squared``, over every outcome of n two-valued points."""
    from scipy import stats  # here, since it takes longer to import than the rest of numeric

    if plan.design == "stratified":
        counts, chances = np.array([round(share * plan.n)]), np.ones(1)
    else:
        counts = np.arange(plan.n + 1)
        chances = stats.binom.pmf(counts, plan.n, share)
    total = np.zeros(2)
    centre, root, scale = math.sqrt(squared), math.sqrt(variance), math.sqrt(target_variance)
    for fresh, chance in zip(counts.tolist(), chances.tolist(), strict=True):
        rest = plan.n - fresh
        up, above = np.arange(fresh + 1.0)[:, None], np.arange(rest + 1.0)  # points above their own centre, of either kind
        weights = stats.binom.pmf(up, fresh, 0.5) * stats.binom.pmf(above, rest, 0.5)
        mean = (scale * (2.0 * up - fresh) + rest * centre + root * (2.0 * above - rest)) / plan.n
        squares = fresh * scale**2 + above * (centre + root) ** 2 + (rest - above) * (centre - root) ** 2
        total += chance * np.array([np.sum(weights * mean**2), np.sum(weights * (squares / plan.n - mean**2))])
    return total


def _log_rate(n: int) -> float:
    """E log(chi^2_{n-1}/n) by quadrature of the density in y = log x, normalised by its own integral."""
    half = 0.5 * (n - 1)
    peak = math.log(2.0 * half)

    def density(y: float) -> float:
        return math.exp(half * (y - peak - math.expm1(y - peak)))

    width = 1.0 / math.sqrt(half)
    low, high = peak - 40.0 * (width + width**2), peak + math.log1p(60.0 * (width + width**2))
    middle = [peak - width, peak, peak + width]
    mass, _ = integrate.quad(density, low, high, epsabs=0.0, epsrel=1e-12, limit=400, points=middle)
    moment, _ = integrate.quad(
        lambda y: (y - peak) * density(y), low, high, epsabs=1e-13 * mass, epsrel=1e-12, limit=400, points=middle
    )
    return float(peak - math.log(n) + moment / mass)
