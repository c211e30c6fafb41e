"""Divergences between Gaussians and Gaussian mixtures: learned law first, reference second, natural logarithms.

Closed forms where both laws are Gaussian, and for chi2(mixture || Gaussian); deterministic quadrature for d <= 2; Monte Carlo
(an ``Estimate``) where a number of draws ``n`` is given, which for mixtures in d > 2 it must be. Whether a divergence is
infinite is decided, never estimated: a smallest relative eigenvalue below 1e-12 counts as not positive.

Closed forms are arranged around E = S0^-1/2 (S1 - S0) S0^-1/2 and log1p/expm1, so that tiny divergences keep their digits.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.linalg import solve_triangular
from scipy.special import ndtr

from numeric.estimate import Estimate
from numeric.laws.quadrature import (
    Box,
    component_box,
    default_frame,
    density_on,
    integrate,
    product_box,
    scanned_box,
    union,
)
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import Array, Domain, generator, integer, real

__all__ = [
    "Relatives",
    "axis_variances",
    "chi2",
    "chi2_infinite_reason",
    "chi2_integrand",
    "hellinger",
    "kl",
    "pair_excess",
    "quantile",
    "renyi",
    "tv",
    "w1",
    "w2",
    "whitened",
]

MARGIN = 1e-12  # relative eigenvalues below this count as not positive
LARGEST_ORDER = 1e6  # order/(order - 1), by which orders are told apart, keeps ten digits of its distance from 1
DECIDED = 1e-6  # distance from the limit at which no further search is needed
CLIMBS = 64  # starts of the search for the worst direction, where fewer do not decide
PAIR_CHUNK = 1_048_576  # entries of a block of component pairs
MONTE_CARLO_CHUNK = 32_768
MODERATE = 1e100  # below it no term of an integrand has been cut off at the largest float
LARGEST_LOG = math.log(sys.float_info.max)
COARSE = 2000  # nodes along an axis that find the top of an integrand to well within the range of floats
ROUNDING = 1e-27  # divergences of equal laws come out below this by rounding alone: no grid refines them further
NARROW = -1.5  # sum of two drifts E, of -1 to 1, below which 1 - E_j E_k loses digits
SERIES = 0.03  # |x| below which x - log1p(x) is summed as a series

Rng = np.random.Generator | int | None
Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]


# ---------------------------------------------------------------------------------------------------------------- chi2


def chi2(p: Target, q: Target, *, n: int | None = None, rng: Rng = None) -> float | Estimate:
    """chi2(p || q) = int (p - q)^2 / q, possibly inf (``chi2_infinite_reason`` says why).

    Args:
        p: the learned law. q: the reference. Same dimension d.
        n: draws for a Monte Carlo ``Estimate``; needed only where q has several components and d > 2.
        rng: keyword-only generator or seed, used only with ``n``.

    Returns:
        A float (closed form where q is Gaussian, quadrature for d <= 2), or an ``Estimate`` where ``n`` is given; an infinite
        value is decided, so its Estimate has standard error 0. A finite value above every float, 1.8e308, is inf as well;
        its logarithm is ``renyi`` of order 2.

    Raises:
        ValueError: different dimensions, or ``n`` missing where it is needed: as ``numeric.domains.Unresolved`` for mixtures
            so narrow or far apart that no grid resolves them.

    Example:
        >>> round(chi2(Gaussian(0.0, 2.0), GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1.0)), 5)
        0.03318
    """
    left, right = _laws(p, q)
    draws = None if n is None else integer("n", n)
    if chi2_infinite_reason(left, right) is not None:
        return math.inf if draws is None else Estimate(math.inf, 0.0, draws)
    if draws is not None:
        return _estimate(left, right, draws, rng, lambda log_p, log_q: 2.0 * _log_gap(log_p, log_q) - log_q)
    if len(right.weights) == 1:
        return _chi2_gaussian_reference(left, right)
    _need_n("chi2", left.dim)
    square = _quadrature(left, right, chi2_integrand, 2.0)
    return square if square < MODERATE else _exp(_log_moment(left, right, 2.0))


def chi2_infinite_reason(p: Target, q: Target, order: float = 2.0) -> str | None:
    """None where int p^order q^(1-order) is finite (order 2: chi2), else one sentence with components and eigenvalue.

    Orders are above 1, at most 1e6.

    By Minkowski's inequality the integral is finite iff it is for every single component of p with positive weight, that is
    the diagonal pairs decide. For component j of p (covariance S_j) and every direction y in coordinates where S_j = I, some
    component l of q must have y^T S_l^-1 y < order/(order - 1); the relative eigenvalue reported is 2 - y^T S_l^-1 y (for
    order 2) in the worst direction looked at. At equality (within 1e-12) the linear terms decide: order b_j/(order - 1),
    b = S^-1 m, must lie strictly inside the convex hull of the b_l that attain it, along the null space. Where the worst
    direction is an axis of no component, equality counts as infinite.

    In one dimension, and where every direction is settled by a single l (or a convex combination of them), the decision is
    exact; for d = 2 the directions are scanned in closed form; for d > 2 the worst direction is climbed to from several starts,
    until one settles it or a convex combination shows that none does.
    """
    left, right = _laws(p, q)
    order = real("order", order, Domain(1.0, LARGEST_ORDER, True))
    indices = np.flatnonzero(left.weights > 0.0)
    others = np.flatnonzero(right.weights > 0.0)
    reference_covs, reference_label = _distinct(right.covs[others])
    own_covs, own_label = _distinct(left.covs[indices])
    inverse = np.linalg.inv(reference_covs)
    linear_terms = np.einsum("nab,nb->na", inverse[reference_label], right.means[others] - left.mean)
    for label, cov in enumerate(own_covs):
        members = indices[own_label == label]
        lower = np.linalg.cholesky(cov)
        forms = lower.T @ inverse @ lower  # S_l^-1 where S_j = I
        forms = 0.5 * (forms + forms.mT)
        limit = order / (order - 1.0)
        worst = _worst_direction(forms, limit)
        margin, nearest = worst.margin, others[reference_label == worst.form][0]
        if margin > MARGIN:
            continue
        where = f"component {members[0]} of the learned law against component {nearest} of the reference"
        if margin < -MARGIN:
            return f"{where}: smallest relative eigenvalue {margin:.6g} <= 0 of the {_condition(order)}"
        linear = limit * ((left.means[members] - left.mean) @ np.linalg.inv(cov))
        attained = np.isin(reference_label, worst.attained)
        for member, term in zip(members, linear, strict=True):
            if not _strictly_inside(term @ lower @ worst.null, linear_terms[attained] @ lower @ worst.null):
                where = f"component {member} of the learned law against component {nearest} of the reference"
                return (
                    f"{where}: smallest relative eigenvalue {abs(margin):.3g} counts as zero in the {_condition(order)}, "
                    "and the linear terms do not decay"
                )
    return None


def _condition(order: float) -> str:
    return "condition 2 S_ref - S_learned > 0" if order == 2.0 else f"condition for order {order:g}"


@dataclass(frozen=True)
class _Worst:
    """Where max_l (limit - y^T B_l y) is least: its value, the maximising l, and at equality the null space."""

    margin: float
    form: int
    null: Array  # (d, r)
    attained: Sequence[int]  # the forms that are at equality on the null space


def _worst_direction(forms: Array, limit: float) -> _Worst:
    """min over unit y of max_l (limit - y^T B_l y), divided by limit - 1 so that 1 means equal laws. B_l: (m, d, d)."""
    scale = limit - 1.0
    values, vectors = np.linalg.eigh(forms)
    top = values[:, -1]
    best = int(np.argmin(top))
    margin = (limit - float(top[best])) / scale
    almost = float(top[best]) * (1.0 - MARGIN)
    axes = vectors[best][:, values[best] >= almost]
    # one component is enough, or its worst axes are also the worst of all, since no other is lower there
    if margin > MARGIN or np.all(np.linalg.eigvalsh(axes.T @ forms @ axes) >= almost):
        attained = np.abs(forms @ axes - limit * axes).max(axis=(1, 2)) <= 1e-9 * limit
        return _Worst(margin, best, axes, np.flatnonzero(attained).tolist())
    # several references, none of which is enough alone: the worst direction of their lower envelope
    direction = _search_direction(forms, vectors, limit)
    quadratic = forms @ direction @ direction
    best = int(np.argmin(quadratic))
    # at equality a step sideways trades their quadratics for linear terms, of either sign along y and -y: nothing decays
    return _Worst((limit - float(quadratic[best])) / scale, best, direction[:, None], [])


def _search_direction(forms: Array, vectors: Array, limit: float) -> Array:
    """Unit y with the largest min_l y^T B_l y: closed form for d = 2, else ascents until none can tell more about ``limit``."""
    *_, dim = forms.shape
    if dim == 2:
        # y = (cos a, sin a): y^T B y = m + c cos 2a + s sin 2a; the maximum of a minimum is at a peak or a crossing
        mean, cosine, sine = 0.5 * (forms[:, 0, 0] + forms[:, 1, 1]), 0.5 * (forms[:, 0, 0] - forms[:, 1, 1]), forms[:, 0, 1]
        peaks = np.arctan2(sine, cosine)
        dm, dc, ds = (np.subtract.outer(part, part).ravel() for part in (mean, cosine, sine))
        radius = np.hypot(dc, ds)
        crossing = radius > 0.0
        ratio = -dm[crossing] / radius[crossing]
        meets = np.abs(ratio) <= 1.0
        base, swing = np.arctan2(ds, dc)[crossing][meets], np.arccos(ratio[meets])
        doubled = np.concatenate([peaks, base + swing])  # base - swing is that of the pair in the other order
        value = np.min(mean + np.outer(np.cos(doubled), cosine) + np.outer(np.sin(doubled), sine), axis=1)
        angle = 0.5 * doubled[int(np.argmax(value))]
        return np.array([math.cos(angle), math.sin(angle)])
    stream = np.random.default_rng(0)  # fixed: the decision must not depend on a seed
    starts = np.concatenate([np.swapaxes(vectors, 1, 2).reshape(-1, dim), stream.standard_normal((64 * dim, dim))])
    starts /= np.linalg.norm(starts, axis=1, keepdims=True)
    lowest = np.min([np.einsum("na,na->n", starts @ form, starts) for form in forms], axis=0)
    order = np.argsort(-lowest)
    best = starts[order[0]]
    for index in order[:CLIMBS]:
        found = _climb(forms, starts[index], float(lowest[index]))
        best = max(best, found, key=lambda y: float(np.min(forms @ y @ y)))
        level = float(np.min(forms @ best @ best))
        if level > limit + DECIDED or _no_higher(forms, best, level) < max(limit - DECIDED, level + 1e-12):
            break  # infinite for sure; or finite for sure, or no direction is worse
    return np.asarray(best)


def _climb(forms: Array, start: Array, level: float) -> Array:
    """A unit y from which min_l y^T B_l y does not grow: the largest s with y^T B_l y >= s for every l, |y| = 1."""
    rise, fall = np.append(np.zeros(start.size), -1.0), np.full(len(forms), -1.0)

    def height(z: Array, /, *_: object) -> float:
        return -float(z[-1])

    def slope(z: Array, /, *_: object) -> Array:
        return rise

    above = optimize.NonlinearConstraint(
        lambda z: forms @ z[:-1] @ z[:-1] - z[-1], 0.0, np.inf, jac=lambda z: np.column_stack([2.0 * forms @ z[:-1], fall])
    )
    unit = optimize.NonlinearConstraint(
        lambda z: np.array([z[:-1] @ z[:-1]]), 1.0, 1.0, jac=lambda z: np.append(2.0 * z[:-1], 0.0)[None]
    )
    found = optimize.minimize(
        height, np.append(start, level), jac=slope, method="SLSQP", constraints=[above, unit],
        options={"maxiter": 300, "ftol": 1e-15},
    )  # fmt: skip
    return np.asarray(found.x[:-1] / np.linalg.norm(found.x[:-1]))


def _no_higher(forms: Array, y: Array, level: float) -> float:
    """What min_l y^T B_l y exceeds for no unit y: the largest eigenvalue of sum_l w_l B_l, w the multipliers at ``y``."""
    pulls = np.vstack([(forms @ y - level * y).T, np.ones(len(forms))])
    weights = optimize.nnls(pulls, np.append(np.zeros(y.size), 1.0), maxiter=100 * len(forms))[0]
    return float(np.linalg.eigvalsh(np.tensordot(weights / weights.sum(), forms, 1))[-1])


def _strictly_inside(point: Array, hull: Array) -> bool:
    """Whether ``point`` (r,) is interior to the convex hull of the rows of ``hull`` (m, r)."""
    differences = hull - point
    size = float(np.abs(differences).max()) if differences.size else 0.0
    if size == 0.0:
        return False
    differences = differences / size
    if differences.shape[1] == 1:
        return bool(differences.max() > 1e-12 and differences.min() < -1e-12)
    # interior iff no direction u != 0 has u.(b - point) <= 0 for every b
    axes = np.eye(differences.shape[1])
    for cost in np.concatenate([axes, -axes]):
        result = optimize.linprog(cost, A_ub=differences, b_ub=np.zeros(len(differences)), bounds=(-1.0, 1.0))
        if result.fun is None or result.fun < -1e-9:
            return False
    return True


@dataclass(frozen=True)
class Relatives:
    """Gaussians N(a, S), S = I + E, in coordinates where the reference is N(0, I).

    E and S are both kept: near the reference E has digits that S lacks, and S those of narrow laws, where E rounds to -I.

    Attributes:
        shifts: (n, d) a. drifts: (n, d, d) E, symmetric, or (n, d) where all are diagonal in the same basis.
        covs: S, of the same shape.
    """

    shifts: Array
    drifts: Array
    covs: Array

    @staticmethod
    def of(means: Array, covs: Array, reference: GaussianMixture) -> Relatives:
        """N(``means``, ``covs``), (n, d) and (n, d, d), against a single Gaussian."""
        lower = np.linalg.cholesky(*reference.covs)
        shifts = solve_triangular(lower, (means - reference.means).T, lower=True).T
        return Relatives(shifts, whitened(lower, covs - reference.covs), whitened(lower, covs))

    def __getitem__(self, rows: slice | Indices | Flags) -> Relatives:
        return Relatives(self.shifts[rows], self.drifts[rows], self.covs[rows])


def pair_excess(laws: Relatives, others: Relatives | None = None) -> Array:
    """int N_j N_k / N_0 - 1 for Gaussians in coordinates where N_0 = N(0, I), the reference.

    log(1 + value) = -1/2 log det(I - E_j E_k) + 1/2 a_j^T E_k (I - E_j E_k)^-1 a_j + 1/2 a_k^T E_j (I - E_k E_j)^-1 a_k
    + a_k^T (I - E_j E_k)^-1 a_j, in which nothing cancels when the laws are close to N_0. Where both are narrow, N_j N_k is a
    number times a Gaussian instead, and so is its quotient by N_0.

    Args:
        laws: j. Every pair must be finite, which holds when E_j < I for all j.
        others: k; by default ``laws`` too.

    Returns:
        (n, m).
    """
    right = laws if others is None else others
    out = np.empty((len(laws.shifts), len(right.shifts)))
    for part in _blocks(len(laws.shifts), right.drifts.size):
        left = laws[part]
        out[part] = _diagonal_logs(left, right) if laws.drifts.ndim == 2 else _matrix_logs(left, right)
    with np.errstate(over="ignore"):
        return np.asarray(np.expm1(out))


def _diagonal_logs(left: Relatives, right: Relatives) -> Array:
    """log int N_j N_k / N_0 (n, m), coordinate by coordinate."""
    a, e, b, f = left.shifts[:, None], left.drifts[:, None], right.shifts[None], right.drifts[None]
    narrow = e + f < NARROW
    product = np.where(narrow, 0.0, e * f)
    logs = (0.5 * (a * a * f + b * b * e) + a * b) / (1.0 - product) - 0.5 * np.log1p(-product)
    if np.any(narrow):
        a, s, b, t = (part[narrow] for part in np.broadcast_arrays(a, left.covs[:, None], b, right.covs[None]))
        both = s + t
        mean = a * (t / both) + b * (s / both)
        rest = 1.0 - s * (t / both)  # of the reference's variance, once that of N_j N_k is taken off its inverse
        logs[narrow] = 0.5 * (mean * mean / rest - (a - b) ** 2 / both - np.log(both) - np.log(rest))
    return np.asarray(np.sum(logs, axis=2))


def _matrix_logs(left: Relatives, right: Relatives) -> Array:
    """The same for matrices."""
    a, b = left.shifts, right.shifts
    narrow = np.add.outer(_size(left.covs), _size(right.covs)) < 2.0 + NARROW
    product = np.where(narrow[..., None, None], 0.0, left.drifts[:, None] @ right.drifts[None])
    identity = np.eye(a.shape[1])
    inverse = np.linalg.inv(identity - product)
    logs = -0.5 * _logdet_one_minus(product)
    logs += 0.5 * np.einsum("na,nmab,nb->nm", a, right.drifts @ inverse, a)
    logs += 0.5 * np.einsum("ma,nmba,mb->nm", b, inverse @ left.drifts[:, None], b)
    logs += np.einsum("ma,nmab,nb->nm", b, inverse, a)
    if np.any(narrow):
        row, column = np.nonzero(narrow)
        s, t = left.covs[row], right.covs[column]
        a, b = a[row, :, None], b[column, :, None]
        both = s + t
        mean = t @ np.linalg.solve(both, a) + s @ np.linalg.solve(both, b)
        rest = identity - s @ np.linalg.solve(both, t)
        squares = mean * np.linalg.solve(rest, mean) - (a - b) * np.linalg.solve(both, a - b)
        logs[narrow] = 0.5 * (squares.sum(axis=(1, 2)) - np.linalg.slogdet(both)[1] - np.linalg.slogdet(rest)[1])
    return logs


def _size(matrices: Array) -> Array:
    """The largest row sum of each, above every eigenvalue."""
    return np.asarray(np.abs(matrices).sum(axis=-1).max(axis=-1))


def _blocks(count: int, width: int) -> Iterator[slice]:
    """Slices of ``count`` rows of ``width`` entries, each as many rows as ``PAIR_CHUNK`` allows, but one at least."""
    rows = max(1, PAIR_CHUNK // width)
    for start in range(0, count, rows):
        yield slice(start, start + rows)


def _logdet_one_minus(product: Array) -> Array:
    """log det(I - P) for stacked P (..., d, d), by the trace series where P is small."""
    size = _size(product)
    out = np.asarray(np.linalg.slogdet(np.eye(product.shape[-1]) - product)[1])
    small = size < 0.01
    if np.any(small):
        factor = product[small]
        power, total = factor, np.zeros(len(factor))
        for k in range(1, 10):
            total -= np.trace(power, axis1=-2, axis2=-1) / k
            power = power @ factor
        out[small] = total
    return out


def _chi2_gaussian_reference(p: GaussianMixture, q: GaussianMixture) -> float:
    """The finite double sum sum_jk w_j w_k (int N_j N_k / N_0 - 1); finiteness has been decided."""
    kept = p.weights > 0.0
    weights = p.weights[kept]
    distinct, label = _distinct(p.covs[kept])
    laws = Relatives.of(p.means[kept], distinct, q)
    shifts = laws.shifts
    if len(distinct) > 1:
        laws = Relatives(shifts, laws.drifts[label], laws.covs[label])
    else:
        values, basis = np.linalg.eigh(*laws.drifts)
        if 2.0 * values[0] > NARROW:
            return _chi2_shared(weights, shifts @ basis, values)
        # a square root of S, whose singular values keep the digits of a narrow axis
        root = solve_triangular(np.linalg.cholesky(*q.covs), np.linalg.cholesky(*distinct), lower=True)
        basis, scales, _ = np.linalg.svd(root)
        covs = np.broadcast_to(scales**2, shifts.shape)
        laws = Relatives(shifts @ basis, covs - 1.0, covs)
    total = 0.0
    for part in _blocks(len(weights), len(weights)):
        total += float(weights[part] @ pair_excess(laws[part], laws) @ weights)
    return total


def _chi2_shared(weights: Array, shifts: Array, values: Array) -> float:
    """The double sum for components of one covariance, with E = diag(values): one matrix product per block."""
    inverse = 1.0 / (1.0 - values * values)
    own = 0.5 * np.sum(shifts**2 * values * inverse, axis=1)
    constant = -0.5 * float(np.sum(np.log1p(-values * values)))
    total = 0.0
    for part in _blocks(len(weights), len(weights)):
        with np.errstate(over="ignore"):
            excess = np.expm1((shifts[part] * inverse) @ shifts.T + own[part, None] + own + constant)
        total += float(weights[part] @ excess @ weights)
    return total


def chi2_integrand(log_p: Array, log_q: Array) -> Array:
    """(p - q)^2 / q without cancellation where p ~ q and without overflow where p >> q."""
    ratio = log_p - log_q
    # q (r - 1)^2 = max(q, p^2/q) (1 - min(r, 1/r))^2
    return np.asarray(np.expm1(-np.abs(ratio)) ** 2 * np.exp(np.minimum(np.maximum(log_q, log_p + ratio), 700.0)))


# ------------------------------------------------------------------------------------------------- other f-divergences


def kl(p: Target, q: Target, *, n: int | None = None, rng: Rng = None) -> float | Estimate:
    """KL(p || q) = int p log(p/q), natural logarithm; always finite between mixtures.

    Arguments, return value and errors as for :func:`chi2`; closed form for two Gaussians.
    """
    left, right = _laws(p, q)
    if n is not None:
        return _estimate(left, right, integer("n", n), rng, _log_kl_term)
    if _single(left, right):
        drifts, covs, shift = _relative(left, right)
        narrow = drifts < -0.5  # there log S has digits that log(1 + E) lacks
        shape = np.where(narrow, drifts - np.log(covs), _minus_log1p(np.where(narrow, 0.0, drifts)))
        return float(0.5 * np.sum(shape + shift**2))
    _need_n("kl", left.dim)
    return _quadrature(left, right, _kl_integrand, None)


def _kl_integrand(log_p: Array, log_q: Array) -> Array:
    """p log(p/q) - p + q >= 0, as q (r log r - r + 1) = p (log r - 1 + 1/r) with x - log1p(x) for r ~ 1."""
    gap = log_q - log_p
    near = np.exp(log_p) * _minus_log1p(np.expm1(np.clip(gap, -1.0, 1.0)))
    far = np.exp(log_q) - np.exp(log_p) * (gap + 1.0)
    return np.asarray(np.where(np.abs(gap) < 1.0, near, far))


def hellinger(p: Target, q: Target, *, n: int | None = None, rng: Rng = None) -> float | Estimate:
    """The Hellinger distance H in [0, 1] with H^2 = 1 - int sqrt(p q) = 1/2 int (sqrt p - sqrt q)^2.

    Arguments, return value and errors as for :func:`chi2`; closed form for two Gaussians.
    """
    left, right = _laws(p, q)
    if n is not None:
        square = _estimate(
            left, right, integer("n", n), rng, lambda log_p, log_q: 2.0 * _log_gap(0.5 * log_p, 0.5 * log_q) - math.log(2.0)
        )
        root = math.sqrt(square.value)
        return Estimate(root, square.stderr / (2.0 * root) if root > 0.0 else 0.0, square.n, square.ess)
    if _single(left, right):
        drifts, covs, shift = _relative(left, right)
        half = 1.0 + 0.5 * drifts
        near = np.abs(drifts) < 0.5  # else 1 - (E/2)²/(1 + E/2)² = S/(1 + E/2)² loses digits
        ratio = np.where(near, np.log1p(-0.25 * np.where(near, drifts, 0.0) ** 2 / half**2), np.log(covs) - 2.0 * np.log(half))
        return math.sqrt(-math.expm1(float(np.sum(0.25 * ratio - 0.125 * shift**2 / half))))
    _need_n("hellinger", left.dim)
    return math.sqrt(_quadrature(left, right, _hellinger_integrand, None))


def _hellinger_integrand(log_p: Array, log_q: Array) -> Array:
    high, low = np.maximum(log_p, log_q), np.minimum(log_p, log_q)
    return np.asarray(0.5 * np.exp(high) * np.expm1(0.5 * (low - high)) ** 2)


def renyi(p: Target, q: Target, *, order: float, n: int | None = None, rng: Rng = None) -> float | Estimate:
    """Rényi divergence log(int p^order q^(1-order)) / (order - 1), 0 < order <= 1e6; order 1 is KL, order 2 is log(1 + chi2).

    Possibly inf for order > 1. Arguments, return value and errors as for :func:`chi2`; closed form for two Gaussians.
    """
    left, right = _laws(p, q)
    power = real("order", order, Domain(0.0, LARGEST_ORDER, True))
    if power == 1.0:
        return kl(p, q, n=n, rng=rng)
    draws = None if n is None else integer("n", n)
    if power > 1.0 and chi2_infinite_reason(left, right, power) is not None:
        return math.inf if draws is None else Estimate(math.inf, 0.0, draws)
    if draws is not None:
        log = _log_mean(left, right, draws, rng, lambda log_p, log_q: power * log_p + (1.0 - power) * log_q)
        return Estimate(log.value / (power - 1.0), log.stderr / abs(power - 1.0), log.n, log.ess)
    rest = 1.0 - power
    if _single(left, right):
        if power < 0.5:  # D_r(p || q) = r/(1 - r) D_{1-r}(q || p), in which the two parts of the shape do not cancel
            return power / rest * _renyi_gaussians(right, left, rest, power)
        return _renyi_gaussians(left, right, power, rest)
    _need_n("renyi", left.dim)
    moment = _quadrature(left, right, lambda a, b: _renyi_integrand(a, b, power), power)
    # near -1 the digits of 1 + moment are lost, and so they are where its integrand is no float
    log_moment = math.log1p(moment) if abs(moment) < 0.5 else _log_moment(left, right, power)
    return log_moment / (power - 1.0)


def _renyi_integrand(log_p: Array, log_q: Array, power: float) -> Array:
    """(r^power - 1 - power (r - 1)) q, r = p/q, of one sign: keeps digits where p ~ q."""
    rest = 1.0 - power
    ratio = np.clip(log_p - log_q, -1.0, 1.0)
    near = np.exp(log_q) * (np.expm1(power * ratio) - power * np.expm1(ratio))
    far = np.exp(np.minimum(power * log_p + rest * log_q, 700.0)) - rest * np.exp(log_q) - power * np.exp(log_p)
    return np.asarray(np.where(np.abs(log_p - log_q) < 1.0, near, far))


def _log_moment(p: GaussianMixture, q: GaussianMixture, power: float) -> float:
    """log int p^power q^(1-power) between laws far apart, whatever its size: divided by the top of the integrand."""

    def log_integrand(x: Array) -> Array:
        return np.asarray(power * _log_density(p, x) + (1.0 - power) * _log_density(q, x))

    box = _box(p, q, power)
    axes = box.axes(np.maximum(box.step, (box.upper - box.lower) / COARSE))
    top = max(float(log_integrand(nodes).max()) for nodes in box.blocks(axes))
    value, _ = integrate(lambda x: np.exp(log_integrand(x) - top), box)
    return top + math.log(value.item())


def _renyi_gaussians(p: GaussianMixture, q: GaussianMixture, power: float, rest: float) -> float:
    """Of order ``power``, ``rest`` = 1 - power."""
    drifts, covs, shift = _relative(p, q)
    # log1p(s e)/s - log1p(e); where they are close each with its linear part removed, which cancels
    small = np.abs(drifts) < 0.5
    near = np.where(small, drifts, 0.0)
    shape = np.where(
        small, _minus_log1p(near) - _minus_log1p(rest * near) / rest, np.log1p(rest * drifts) / rest - np.log(covs)
    )
    return float(np.sum(0.5 * (shape + power * shift**2 / (1.0 + rest * drifts))))


def tv(p: Target, q: Target, *, n: int | None = None, rng: Rng = None) -> float | Estimate:
    """Total variation 1/2 int |p - q| in [0, 1].

    Exact for Gaussians with one covariance; in one dimension to rounding, from the crossings of the densities; for d = 2 by
    quadrature to about 1e-5. Arguments, return value and errors otherwise as for :func:`chi2`; d > 2 needs ``n``.
    """
    left, right = _laws(p, q)
    if n is not None:
        return _estimate(left, right, integer("n", n), rng, lambda log_p, log_q: _log_gap(log_p, log_q) - math.log(2.0))
    if _single(left, right):
        drifts, covs, shift = _relative(left, right)
        if not np.any(drifts):
            return math.erf(float(np.linalg.norm(shift)) / math.sqrt(8.0))
        if left.dim == 1:
            return _tv_normal(drifts.item(), covs.item(), shift.item())
    _need_n("tv", left.dim)
    if left.dim == 1:
        edges = _crossings(lambda x: left.logpdf(x) - right.logpdf(x), left, right)
        return float(0.5 * np.sum(np.abs(_interval_masses(left, edges) - _interval_masses(right, edges))))
    return _quadrature(
        left, right, lambda a, b: 0.5 * np.abs(np.exp(a) - np.exp(b)), None, rtol=1e-6, max_nodes=400_000, analytic=False
    )


def _tv_normal(excess: float, variance: float, shift: float) -> float:
    """TV of N(shift, variance) and N(0, 1), variance = 1 + excess != 1, without cancellation where they are close.

    The densities cross where excess u² + 2 shift u = shift² + (1 + excess) log(1 + excess); between the crossings the masses
    differ by D(high) - D(low), D the difference of the distribution functions, which has opposite signs there.
    """
    logarithm = math.log(variance) if excess < -0.5 else math.log1p(excess)
    root = math.sqrt(variance) * math.sqrt(shift * shift + excess * logarithm)
    sum_ = -(shift + math.copysign(root, shift))
    places = sum_ / excess, -(shift * shift + variance * logarithm) / sum_
    first, second = (_normal_gap(place, excess, math.sqrt(variance), shift) for place in places)
    return abs(first - second)


def _normal_gap(u: float, excess: float, scale: float, shift: float) -> float:
    """P(N(shift, scale²) <= u) - P(N(0, 1) <= u), scale² = 1 + excess."""
    step = (-u * excess / (1.0 + scale) - shift) / scale  # of the standardised place
    if abs(step) > 0.5:
        return float(ndtr(u + step) - ndtr(u))  # so much only where the distance is no small one
    nodes, weights = np.polynomial.legendre.leggauss(12)
    places = u + 0.5 * step * (1.0 + nodes)
    return 0.5 * step * float(weights @ np.exp(-0.5 * places**2)) / math.sqrt(2.0 * math.pi)


# ------------------------------------------------------------------------------------------------------ Wasserstein


def w1(p: Target, q: Target) -> float:
    """The Wasserstein-1 distance int |F_p - F_q| in one dimension; ValueError for d > 1."""
    left, right = _laws(p, q)
    if left.dim != 1:
        raise ValueError(f"p and q must be one-dimensional for w1, got laws of dimension {left.dim}")
    if _single(left, right):  # quantiles differ by a normal variable: E |shift + scale Z|
        shift = abs((left.means - right.means).item())
        scale = abs((left.covs - right.covs).item()) / (math.sqrt(left.covs.item()) + math.sqrt(right.covs.item()))
        if scale == 0.0:
            return shift
        z = shift / scale
        return scale * math.sqrt(2.0 / math.pi) * math.exp(-0.5 * z * z) + shift * math.erf(z / math.sqrt(2.0))
    edges = _crossings(lambda x: _cdf(left, x) - _cdf(right, x), left, right)[1:-1]
    primitive = [0.0, *(_cdf_integral(left, edges) - _cdf_integral(right, edges)), (right.mean - left.mean).item()]
    return float(np.sum(np.abs(np.diff(primitive))))


def w2(p: Target, q: Target, *, n: int | None = None, rng: Rng = None) -> float | Estimate:
    """The Wasserstein-2 distance (not squared).

    Bures' formula for two Gaussians; exact in one dimension from the quantile functions. With ``n`` given in one dimension, a
    Monte Carlo estimate over levels; ValueError between mixtures in d > 1, where no closed form exists.
    """
    left, right = _laws(p, q)
    if n is None and _single(left, right):
        return math.sqrt(_bures_squared(left, right))
    if left.dim != 1:
        raise ValueError(f"p and q must be Gaussians or one-dimensional for w2, got mixtures of dimension {left.dim}")
    if n is not None:
        draws = integer("n", n)
        levels = generator(rng).standard_normal(draws)
        squares = (quantile(left, levels) - quantile(right, levels)) ** 2
        mean = float(np.mean(squares))
        spread = float(np.std(squares, ddof=1)) / math.sqrt(draws) if draws > 1 else 0.0
        return Estimate(math.sqrt(mean), spread / (2.0 * math.sqrt(mean)) if mean > 0.0 else 0.0, draws)

    def integrand(z: Array) -> Array:
        return np.asarray((quantile(left, z) - quantile(right, z)) ** 2 * np.exp(-0.5 * z * z))

    scale = math.sqrt(left.cov.item()) + math.sqrt(right.cov.item())
    # equal quantiles differ by some 1e-15 of the scale: a difference of 1e-8 cannot be squared to twelve digits
    return math.sqrt(_adaptive(integrand, atol=1e-21 * scale**2) / math.sqrt(2.0 * math.pi))


def _bures_squared(p: GaussianMixture, q: GaussianMixture) -> float:
    """|m1 - m0|^2 + tr((T - I) S0 (T - I)), T the transport map: T - I comes from the difference of the covariances.

    X = (S0^1/2 S1 S0^1/2)^1/2 - S0 solves X S0 + S0 X + X^2 = S0^1/2 (S1 - S0) S0^1/2; Newton steps restore its digits.
    """
    (difference,), (change,) = p.means - q.means, p.covs - q.covs
    if p.dim == 1:
        return float(np.sum(difference**2) + np.sum(change / (np.sqrt(p.covs) + np.sqrt(q.covs))) ** 2)
    values, vectors = np.linalg.eigh(*q.covs)
    drift = vectors.T @ change @ vectors
    root = np.sqrt(values)
    right = root[:, None] * drift * root
    inner, basis = np.linalg.eigh(np.diag(values**2) + right)
    x = (basis * np.sqrt(np.maximum(inner, 0.0))) @ basis.T - np.diag(values)
    for _ in range(3):
        residual = right - (x * values + values[:, None] * x + x @ x)
        middle, frame = np.linalg.eigh(np.diag(values) + x)
        own = values @ frame**2  # S0 along the same axes; where S1 is nothing beside it, so is the residual but for rounding
        sums = np.where(np.minimum.outer(middle / own, middle / own) > 1e-8, np.add.outer(middle, middle), np.inf)
        step = frame @ ((frame.T @ residual @ frame) / sums) @ frame.T
        x = x + 0.5 * (step + step.T)
    move = x / np.outer(root, root)  # T - I
    return float(difference @ difference + np.einsum("ab,bc,ca->", move, np.diag(values), move))


def quantile(law: Target, normal_level: Array) -> Array:
    """The quantile function of a 1-D law at the levels Phi(z), z = ``normal_level`` (m,); accurate in both tails."""
    mixture = as_mixture(law)
    kept = mixture.weights > 0.0
    weights, means, scales = (part[kept] for part in (mixture.weights, *_normals(mixture)))
    z = np.asarray(normal_level, dtype=np.float64)
    low = np.min(means + scales * (z[:, None]), axis=1)  # the quantile lies between those of the components
    high = np.max(means + scales * (z[:, None]), axis=1)
    upper = z > 0.0
    level = ndtr(-np.abs(z))
    sign = np.where(upper, -1.0, 1.0)
    x = 0.5 * (low + high)
    for _ in range(200):
        white = (x[:, None] - means) / scales
        tail = ndtr(sign[:, None] * white) @ weights  # F for the lower half, 1 - F for the upper half
        density = np.exp(-0.5 * white**2) @ (weights / scales) / math.sqrt(2.0 * math.pi)
        excess = sign * (tail - level)  # positive where x is too large
        low, high = np.where(excess <= 0.0, x, low), np.where(excess >= 0.0, x, high)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            # Newton for log tail, which is nearly quadratic far out
            newton = x - sign * tail * np.log(tail / level) / density
        inside = (newton > low) & (newton < high) | (newton == x)  # where the step is below the floats, x is low or high
        update = np.where(inside, newton, 0.5 * (low + high))
        moved = np.abs(update - x)
        x = update
        if bool(np.all(moved <= 4e-16 * np.maximum(np.abs(x), scales.min()))):
            break
    return np.asarray(x)


# ----------------------------------------------------------------------------------------------------------- shared


def _laws(p: Target, q: Target) -> tuple[GaussianMixture, GaussianMixture]:
    for name, law in (("p", p), ("q", q)):
        if not isinstance(law, (Gaussian, GaussianMixture)):
            raise TypeError(f"{name} must be a Gaussian or a GaussianMixture, got {type(law).__name__}")
    left, right = as_mixture(p), as_mixture(q)
    if left.dim != right.dim:
        raise ValueError(f"p and q must have the same dimension, got {left.dim} and {right.dim}")
    return left, right


def _need_n(name: str, dim: int) -> None:
    if dim > 2:
        raise ValueError(f"n must be given for {name} between mixtures in dimension {dim} > 2: no closed form, no quadrature")


def _single(p: GaussianMixture, q: GaussianMixture) -> bool:
    return bool(max(len(p.weights), len(q.weights)) == 1)


def _distinct(covs: Array) -> tuple[Array, Indices]:
    """The distinct matrices of (k, d, d) and the label of each of the k."""
    if not np.any(covs != covs[0]):
        return covs[:1], np.zeros(len(covs), dtype=np.intp)
    _, first, inverse = np.unique(covs, axis=0, return_index=True, return_inverse=True)
    return covs[first], inverse.ravel()


def axis_variances(frame: Array, covs: Array) -> Array:
    """Diagonal of F S F^T for frames (..., d, d) and covariances (..., d, d): by a square root of S, whose squares keep the
    digits of a narrow axis that S itself has lost."""
    return np.asarray(np.sum((frame @ np.linalg.cholesky(covs)) ** 2, axis=-1))


def whitened(lower: Array, matrices: Array) -> Array:
    """L^-1 M L^-T for stacked symmetric M."""
    inverse = solve_triangular(lower, np.eye(len(lower)), lower=True)
    out = inverse @ matrices @ inverse.T
    return np.asarray(0.5 * (out + out.mT))


def _relative(p: GaussianMixture, q: GaussianMixture) -> tuple[Array, Array, Array]:
    """Eigenvalues of E = S - I, S = S0^-1/2 S1 S0^-1/2, those of S, and the mean difference in their basis; (d,) each."""
    lower = np.linalg.cholesky(*q.covs)
    (difference,), (change,) = p.means - q.means, p.covs - q.covs
    shift = solve_triangular(lower, difference, lower=True)
    if p.dim == 1:  # spares two roundings
        return np.ravel((p.covs - q.covs) / q.covs), np.ravel(p.covs / q.covs), shift
    values, vectors = np.linalg.eigh(whitened(lower, change))
    frame = solve_triangular(lower, vectors, trans="T", lower=True).T
    return values, axis_variances(frame, *p.covs), np.asarray(vectors.T @ shift)


def _minus_log1p(x: Array) -> Array:
    """x - log1p(x) >= 0 with full relative precision near 0."""
    small = np.where(np.abs(x) < SERIES, x, 0.0)
    series = np.zeros_like(small)
    for k in range(14, 1, -1):
        series = small * series + (-1.0) ** k / k
    return np.asarray(np.where(np.abs(x) < SERIES, small * small * series, x - np.log1p(np.where(np.abs(x) < SERIES, 0.0, x))))


def _quadrature(
    p: GaussianMixture,
    q: GaussianMixture,
    integrand: Callable[[Array, Array], Array],
    order: float | None,
    **options: Any,
) -> float:
    """int integrand(log p, log q) for d <= 2, with room for the tail of p^order q^(1-order); ``options`` of ``integrate``."""
    value, _ = integrate(
        lambda x: integrand(_log_density(p, x), _log_density(q, x)), _box(p, q, order), atol=ROUNDING, **options
    )
    return float(value.item())


def _box(p: GaussianMixture, q: GaussianMixture, order: float | None) -> Box:
    """Where both laws, and p^order q^(1-order) if asked for, have their mass (below order 1 the laws' own place holds it)."""
    frame = default_frame([q, p])
    box = union([component_box(p, frame), component_box(q, frame)])
    if order is None:
        return box
    tails = product_box(p, q, frame, order)
    return tails if tails is not None else scanned_box(lambda x: order * p.logpdf(x) + (1.0 - order) * q.logpdf(x), box)


def _log_density(law: GaussianMixture, nodes: Array) -> Array:
    """``density_on``, exact also where its factorised form underflows."""
    out = density_on(law, nodes)
    lost = np.isneginf(out)
    if np.any(lost):
        out[lost] = law.logpdf(nodes[lost])
    return out


def _exp(log: float) -> float:
    """inf above every float."""
    return math.exp(log) if log < LARGEST_LOG else math.inf


def _log_gap(log_p: Array, log_q: Array) -> Array:
    """log |p - q| with full relative precision where p ~ q."""
    gap = log_p - log_q
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(log_p, log_q) + np.log(-np.expm1(-np.abs(gap))))


def _log_kl_term(log_p: Array, log_q: Array) -> Array:
    """log of p log(p/q) - p + q >= 0, as p (r + e^-r - 1) or, where p is the smaller by far, as q (1 + e^r (r - 1))."""
    gap = log_p - log_q
    above, below = np.maximum(gap, -1.0), np.minimum(gap, -1.0)
    close = _minus_log1p(np.expm1(-np.minimum(above, 1.0)))
    with np.errstate(divide="ignore"):
        upper = log_p + np.log(np.where(gap < 1.0, close, above + np.expm1(-above)))
    return np.asarray(np.where(gap > -1.0, upper, log_q + np.log1p(np.exp(below) * (below - 1.0))))


def _estimate(p: GaussianMixture, q: GaussianMixture, n: int, rng: Rng, log_term: Callable[[Array, Array], Array]) -> Estimate:
    """As ``_log_mean``, the mean itself; inf where it is above every float."""
    log = _log_mean(p, q, n, rng, log_term)
    value = _exp(log.value)
    return Estimate(value, value * log.stderr if value < math.inf else 0.0, n, log.ess)


def _log_mean(p: GaussianMixture, q: GaussianMixture, n: int, rng: Rng, log_term: Callable[[Array, Array], Array]) -> Estimate:
    """log E of a term >= 0 of p and q, homogeneous of degree one, by importance sampling from (p + q)/2.

    Args:
        log_term: log of the term from log p and log q: no size of a quotient of densities is too large for it.

    Returns:
        The logarithm of the mean and its error, the relative one of the mean. ess is that of the terms themselves: small
        where few draws carry the value.
    """
    stream = generator(rng)
    total = square = 0.0
    top = -math.inf  # of the logarithms so far, in units of which terms are summed
    for start in range(0, n, MONTE_CARLO_CHUNK):
        count = min(MONTE_CARLO_CHUNK, n - start)
        from_p = int(stream.binomial(count, 0.5))
        parts = [law.sample(size, rng=stream) for law, size in ((p, from_p), (q, count - from_p)) if size]
        x = np.concatenate(parts)
        log_p, log_q = p.logpdf(x), q.logpdf(x)
        centre = np.logaddexp(log_p, log_q) - math.log(2.0)
        logs = log_term(log_p - centre, log_q - centre)
        grown = max(top, float(np.max(logs)))
        if grown == -math.inf:
            continue  # equal laws so far
        terms, shrunk = np.exp(logs - grown), math.exp(top - grown)
        total = total * shrunk + float(np.sum(terms))
        square = square * shrunk**2 + float(np.sum(terms**2))
        top = grown
    if top == -math.inf:
        return Estimate(-math.inf, 0.0, n)
    mean = total / n
    variance = max(square / n - mean * mean, 0.0) * n / max(n - 1, 1)
    return Estimate(top + math.log(mean), math.sqrt(variance / n) / mean, n, total * total / square)


def _line() -> tuple[Array, Array]:
    return np.zeros(1), np.eye(1)


def _normals(law: GaussianMixture) -> tuple[Array, Array]:
    """Means and standard deviations of the components of a one-dimensional law, (k,) each."""
    return law.means.ravel(), np.sqrt(law.covs.ravel())


def _cdf(law: GaussianMixture, x: Array) -> Array:
    """Distribution function of a one-dimensional law at x (m,)."""
    means, scales = _normals(law)
    return np.asarray(ndtr((x[:, None] - means) / scales) @ law.weights)


def _cdf_integral(law: GaussianMixture, x: Array) -> Array:
    """int_{-inf}^x F for each x (m,)."""
    means, scales = _normals(law)
    white = (x[:, None] - means) / scales
    return np.asarray((scales * (white * ndtr(white) + np.exp(-0.5 * white**2) / math.sqrt(2 * math.pi))) @ law.weights)


def _interval_masses(law: GaussianMixture, edges: Array) -> Array:
    """Masses of the intervals between consecutive ``edges``, each from the tail in which it keeps its digits."""
    means, scales = _normals(law)
    white = (edges[:, None] - means) / scales
    left, right = white[:-1], white[1:]
    mass = np.where(left > 0.0, ndtr(-left) - ndtr(-right), ndtr(right) - ndtr(left))
    return np.asarray(mass @ law.weights)


def _crossings(function: Callable[[Array], Array], p: GaussianMixture, q: GaussianMixture) -> Array:
    """-inf, the sign changes of ``function`` on a grid finer than every component (bisected to rounding), +inf."""
    boxes = [component_box(p, _line()), component_box(q, _line())]
    low, high = min(b.lower.item() for b in boxes), max(b.upper.item() for b in boxes)
    step = min(b.step.item() for b in boxes) / 16.0
    grid = np.linspace(low, high, int(min(max((high - low) / step, 512), 200_000)) + 1)
    sign = np.sign(function(grid))
    here = np.flatnonzero(sign[:-1] * sign[1:] < 0)
    left, right, side = grid[here], grid[here + 1], sign[here]
    for _ in range(60):
        middle = 0.5 * (left + right)
        if middle.size == 0:
            break
        same = np.sign(function(middle)) == side
        left, right = np.where(same, middle, left), np.where(same, right, middle)
    zeros = grid[np.flatnonzero(sign == 0.0)]
    return np.concatenate([[-np.inf], np.sort(np.concatenate([0.5 * (left + right), zeros])), [np.inf]])


def _adaptive(
    function: Callable[[Array], Array], low: float = -10.0, high: float = 10.0, rtol: float = 1e-12, atol: float = 0.0
) -> float:
    """Integral over [low, high] by bisecting panels on which Gauss-Legendre rules with 12 and 20 points disagree.

    They must agree to ``rtol`` of the whole, or to ``atol``, below which the integrand is rounding.
    """
    fine, fine_weight = np.polynomial.legendre.leggauss(20)
    coarse, coarse_weight = np.polynomial.legendre.leggauss(12)
    edges = np.linspace(low, high, 21)
    left, right = edges[:-1], edges[1:]
    total = 0.0
    for _ in range(60):
        centre, half = 0.5 * (left + right), 0.5 * (right - left)
        nodes = centre[:, None] + half[:, None] * np.concatenate([fine, coarse])
        values = function(nodes.ravel()).reshape(nodes.shape)
        better, worse = half * (values[:, :20] @ fine_weight), half * (values[:, 20:] @ coarse_weight)
        size = total + float(np.sum(better))
        open_panels = (np.abs(better - worse) > max(rtol * size, atol) / 40.0) & (half > 1e-13 * (high - low))
        total += float(np.sum(better[~open_panels]))
        if not np.any(open_panels):
            break
        left, right = (
            np.concatenate([left[open_panels], centre[open_panels]]),
            np.concatenate([centre[open_panels], right[open_panels]]),
        )
    return total
