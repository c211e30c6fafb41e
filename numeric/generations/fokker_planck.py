"""One generation in one dimension, any target and any error: the Fokker-Planck equation for the ratio, solved to near rounding.

With R = p^/q_t and s = (log q_t)', in reverse time tau = T - t (section 2 of the theory; k = 1):

    D_tau = D''/2 - (y/2 + k e) D' + c D + f,      c = -k (e' + e s) + [k = 2] e^2

    k = 1, f = c   : D = R - 1                          (the learned law)
    k = 0, f = -(e' + e s) : D = phi = E[M | Y]         (what the endpoint sees)
    k = 2, f = c   : D = E[e^{2Z} | Y] - 1              (the path chi-squared)

The unknown is u = D q^theta, which decays at both ends: theta = 1/2 is the isometry of L^2(q), so no tail is amplified and
chi2 is the plain integral of u^2; theta = 1 serves where only integrability against q is known. Deviations, not ratios, are the
unknowns: small errors keep their digits. Space: moving coordinate that follows every component's width, differences of order
12, trapezoid sums (spectral, since everything decays). Time: Radau IIA with four stages in logarithmic time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg, special

from numeric.domains import GRID, Unresolved
from numeric.generations.errors import AffineError, BoundedError, ConsistentError, ScoreError, sup_energy
from numeric.generations.generation import Generation
from numeric.generations.growth import linear_infinities
from numeric.laws.process import OU, noised
from numeric.laws.targets import GaussianMixture, Target, as_mixture
from numeric.validation import Array

__all__ = ["fokker_planck_generation", "seen_by_endpoint"]

WINDOW = 6.0  # standard deviations over which a component keeps its full resolution
HALF = 6  # half-width of the difference stencil
STAGES = 4
RESOLUTIONS = (4.5, 6.0, 8.0, 10.5, 14.0, 19.0, 26.0)  # points per standard deviation, level by level
STEPS = (5.0, 7.0, 10.0, 14.0, 20.0, 28.0, 40.0)  # time steps per unit of logarithmic time, level by level
SEARCH = (5.0, 4.0)  # resolution and steps of the search for the domain
NARROWEST = {0.5: 11.0, 1.0: 7.5}  # q^theta is 1e-12 there
REACHES = (7.5, 9.0, 11.0, 13.0, 16.0, 20.0, 25.0, 32.0, 40.0, 50.0)  # half-widths of the domain in standard deviations
GOAL = 1e-8  # relative error that ends the refinement
TAIL = {0.5: 1e-7, 1.0: 1e-11}  # |u| near the ends relative to its maximum, by theta: a squared and a plain integral
LOST = {0.5: 1e-4, 1.0: 1e-7}  # the same, from which a quantity is refused
SAFETY = 5.0
MEMORY = 0.03  # share of the last but one change that the error bound is not to fall below
ROUNDING = 2e-11
WORTHLESS = 1e-2  # relative error from which a number is refused

FIELDS = ("ideal_energy", "learned_energy", "visible_energy", "path_chi2", "chi2", "kl")


def fokker_planck_generation(target: Target, error: ScoreError, process: OU) -> Generation:
    """Every quantity of one round in one dimension, deterministic, with its own error bound (``numerical_error``).

    The learned process starts at q_T. chi2 and path_chi2 are ``inf`` where the growth of the error at infinity proves it, and
    None with a reason where neither finiteness nor infinity could be established. The endpoint is None: it is not of a family.

    Args:
        target: Gaussian or mixture with d = 1.
        error: any score error; e(x, t) must be smooth in x at the scale of the components for the full accuracy.
        process: the noising process.

    Raises:
        ValueError: d > 1, an error that is not finite, that grows faster than linearly, whose divergence is not its
            derivative, or a target whose scales cannot be resolved.
    """
    if as_mixture(target).dim != 1:
        raise ValueError(f"target must be one-dimensional for the Fokker-Planck route, got dimension {as_mixture(target).dim}")
    infinite = _infinities(target, error, process)
    solved = _refined(target, error, process, infinite)
    reasons = {**infinite, **solved.refused}

    def number(name: str) -> float | None:
        if name in infinite:
            return math.inf
        return None if name in solved.refused else solved.numbers[name]

    ideal, visible = solved.numbers["ideal_energy"], number("visible_energy")
    learned, path = number("learned_energy"), number("path_chi2")
    bounds = {name: bound for name, bound in solved.bounds.items() if name not in reasons}
    remainder = number("remainder")
    if path is None or learned is None:
        remainder = None
        reasons["remainder"] = f"it contains {'path_chi2' if path is None else 'learned_energy'}, which is not available"
    elif math.isinf(path):
        remainder = math.inf
        reasons["remainder"] = "it contains path_chi2, which is infinite: " + reasons["path_chi2"]
    share = None
    if visible is not None:
        share = min(visible / ideal, 1.0) if ideal > 0.0 else 0.0
        slack = bounds["visible_energy"] + share * bounds["ideal_energy"]
        bounds["observability"] = slack / ideal if ideal > 0.0 else 0.0
    if learned is not None:
        bounds["gradient_energy"] = bounds["learned_energy"]
    if remainder is None or math.isinf(remainder):
        bounds.pop("remainder", None)
    return Generation(
        target=target,
        error=error,
        process=process,
        start="ideal",
        method="fokker-planck",
        ideal_energy=ideal,
        learned_energy=learned,
        path_chi2=path,
        visible_energy=visible,
        observability=share,
        chi2=number("chi2"),
        kl=number("kl"),
        reverse_kl=number("reverse_kl"),
        remainder=remainder,
        gradient_energy=learned,  # in one dimension every field is a gradient
        sup_energy=sup_energy(error, 1, process),
        visible_gap=number("visible_gap"),
        endpoint=None,
        ideal_endpoint=process.marginal(target, process.t0),
        numerical_error=bounds,
        reasons=reasons,
    )


def seen_by_endpoint(
    target: Target, error: ScoreError, process: OU, log_density: Callable[[Array], Array], near: Target
) -> tuple[float, float, float, float]:
    """What a given endpoint law sees in one dimension, by phi = E[M | Y_t0] alone.

    Args:
        target, error, process: of the round.
        log_density: of the endpoint law, (n,) -> (n,).
        near: a mixture of about the same width, which sets the domain.

    Returns:
        Var_{q_t0} phi (the visible energy), (E_endpoint phi - E_q phi)^2 / Var phi, and the error bound of each.

    Raises:
        ValueError: as for :func:`fokker_planck_generation`.
    """
    problem = _Problem(target, error, process)
    law = as_mixture(near)
    reach = 12.0
    spread = math.sqrt(float(law.covs.max()) / float(as_mixture(noised(target, process.t0)).covs.max()))
    reach *= max(1.0, spread)
    previous: tuple[float, float] | None = None
    visible = gap = visible_error = gap_error = math.inf
    for resolution, steps in zip(RESOLUTIONS, STEPS, strict=True):
        march = _march(problem, (SEEN,), resolution, steps, reach)
        frame, sight = march.frame, march.unknowns["phi"]
        visible = float(np.sum(sight**2 * frame.weights))
        phi = sight * frame.density(-0.5)
        heavy = frame.density(1.0) > 1e-24  # further out phi is rounding; its share of the mean is below what is reported
        density = np.exp(log_density(frame.y))
        shifted = float(np.sum(np.where(heavy, phi * (density - frame.density(1.0)), 0.0) * frame.weights))
        lost = float(np.sum(np.where(heavy, 0.0, density) * frame.weights))
        gap = shifted**2 / visible if visible > 0.0 else 0.0
        if previous is not None:
            doubt = 2.0 * lost * (1.0 + float(np.max(np.abs(np.where(heavy, phi, 0.0)))) ** 2)
            visible_error = SAFETY * abs(visible - previous[0]) + ROUNDING * visible + 1e-15 * march.ideal
            gap_error = SAFETY * abs(gap - previous[1]) + 10.0 * ROUNDING * gap + doubt
            if visible_error <= max(GOAL * visible, 1e-12 * march.ideal):
                break
        previous = (visible, gap)
    return visible, gap, visible_error, gap_error


# ---------------------------------------------------------------------------------------------------------------- growth


def _infinities(target: Target, error: ScoreError, process: OU) -> dict[str, str]:
    """Which of chi2, path_chi2 are infinite, from the growth of the error alone.

    Far out q_t is its widest component and e ~ slope y: the ratio grows like exp(quadratic), and the quadratic solves the
    Riccati equation of that Gaussian with the affine error ``slope y``, on each side by itself. Components of the same width
    and bounded parts of the error add linear terms, which do not decide.
    """
    if isinstance(error, BoundedError):
        return {}
    law = as_mixture(target)
    widest = float(law.covs[law.weights > 0.0].max())
    found: dict[str, str] = {}
    for side in (1.0, -1.0):
        slope = _slope_function(law, error, side, process)
        if not np.any([slope(t) for t in np.geomspace(process.t0, process.T, 33)]):
            continue
        where = "right" if side > 0 else "left"
        for name, reason in linear_infinities(widest, slope, process).items():
            found.setdefault(name, f"far out on the {where} q_t is N(0, {widest:.6g}) noised and the error linear: {reason}")
    return found


def _slope_function(law: GaussianMixture, error: ScoreError, side: float, process: OU) -> Callable[[float], float]:
    """t -> lim e(y, t)/y as y -> side * infinity, exactly for the families, by evaluation far out otherwise."""
    if isinstance(error, AffineError):
        affine = error
        return lambda t: float(affine.at(t)[0][0, 0])
    if isinstance(error, ConsistentError):
        base, learned = as_mixture(error.target), as_mixture(error.learned)
        old = float(base.covs[base.weights > 0.0].max())
        new = float(learned.covs[learned.weights > 0.0].max())

        def consistent(t: float) -> float:
            gain, noise = math.exp(-t), -math.expm1(-t)
            return gain * (new - old) / ((gain * old + noise) * (gain * new + noise))

        return consistent
    reach = float(np.sqrt(law.covs.max())) + float(np.abs(law.means).max()) + 1.0

    def measured(t: float) -> float:
        near, far = 1e3 * reach, 1e6 * reach
        values = np.asarray(error(np.array([[side * near], [side * far]]), t), dtype=np.float64).ravel()
        slopes = values / (side * np.array([near, far]))
        if not np.all(np.isfinite(slopes)):
            raise ValueError(f"error must be finite for every x, got {values[~np.isfinite(slopes)][0]} far out (t = {t:.4g})")
        if abs(slopes[1]) > 5.0 * abs(slopes[0]) + 1e-3:
            raise ValueError(
                f"error must grow at most linearly in x, got |e| = {abs(values[0]):.3g} at |x| = {near:.3g} and "
                f"{abs(values[1]):.3g} at {far:.3g} (t = {t:.4g})"
            )
        # bounded and sublinear errors have slope zero; what is left of them far out is noise
        return float(slopes[1]) if abs(slopes[1]) > 0.1 * abs(slopes[0]) and abs(slopes[1]) > 1e-12 else 0.0

    return measured


# ------------------------------------------------------------------------------------------------------------ refinement


@dataclass(frozen=True)
class _Solved:
    numbers: Mapping[str, float]
    bounds: Mapping[str, float]
    refused: Mapping[str, str]


def _refined(target: Target, error: ScoreError, process: OU, infinite: Mapping[str, str]) -> _Solved:
    """Choose the domains, then refine space, time and domain together until two levels agree.

    The difference of the last two levels measures the error of the coarser one, SAFETY times it bounds that of the finer.
    """
    problem = _Problem(target, error, process)
    refused: dict[str, str] = {}
    squared = "chi2" not in infinite
    first, second = _Domain((SEEN,), 11.0, 0.0), None
    if squared:
        first = _domain(problem, (RATIO, SEEN))
        if first.tail > LOST[RATIO.theta]:
            refused["chi2"] = first.undecided()
            squared = False
    if not squared:
        first = _domain(problem, (DENSITY, SEEN))
        if first.tail > LOST[DENSITY.theta]:
            refused |= dict.fromkeys(("kl", "reverse_kl", "learned_energy", "visible_gap"), first.undecided())
    if "path_chi2" not in infinite:
        second = _domain(problem, (SQUARE,))
        if second.tail > LOST[SQUARE.theta]:
            refused["path_chi2"] = second.undecided()
            second = None
    previous: _Level | None = None
    earlier: dict[str, float] = {}
    leaks: list[float] = []
    distance = math.inf
    for level, (resolution, density) in enumerate(zip(RESOLUTIONS, STEPS, strict=True)):
        wider = 1.0 + 0.02 * level
        main = _march(problem, first.equations, resolution, density, first.reach * wider)
        side = None if second is None else _march(problem, second.equations, resolution, density, second.reach * wider)
        current = _measured(main, side)
        leaks.append(abs(current.leak))
        if previous is None:
            previous = current
            continue
        # a difference can be small by chance where convergence is slow: the one before keeps a say
        changes = {name: abs(value - previous.numbers[name]) for name, value in current.numbers.items()}
        bounds = {
            name: SAFETY * max(change, MEMORY * earlier.get(name, 0.0)) + current.floors[name]
            for name, change in changes.items()
        }
        earlier = changes
        ideal = current.numbers["ideal_energy"]
        farther, distance = (
            distance,
            max(
                (
                    bounds[name] / max(GOAL * abs(current.numbers[name]), 1e-12 * ideal, 1e-300)
                    for name in FIELDS
                    if name not in refused
                ),
                default=0.0,
            ),
        )
        largest = max(main.points, side.points if side else 0)
        finest = level + 1 == len(RESOLUTIONS) or largest * RESOLUTIONS[level + 1] / resolution > GRID.high
        if distance <= 1.0 or finest or (level > 3 and distance > 0.9 * farther):
            break  # reached, or no longer converging
        previous = current
    size = max(math.sqrt(max(current.numbers["ideal_energy"], 0.0)), current.numbers["ideal_energy"])
    # what a kink loses depends on the grid, what a wrong derivative loses does not
    if min(leaks) > max(1e-4 * size, 0.8 * max(leaks)) and "learned_energy" not in refused:
        raise ValueError(
            "error.divergence must be the derivative of error, got a learned law of mass "
            f"{1.0 + current.leak:.6g} on every grid"
        )
    for name, bound in bounds.items():
        allowed = max(WORTHLESS * abs(current.numbers[name]), 1e-10 * current.numbers["ideal_energy"])
        if name not in refused and not bound <= allowed:
            refused[name] = f"the refinement did not converge: {current.numbers[name]:.6g} with an error of about {bound:.2g}"
    if "ideal_energy" in refused:
        raise ValueError(f"error must be smooth enough in x and t, got an energy for which {refused['ideal_energy']}")
    return _Solved(current.numbers, bounds, {name: text for name, text in refused.items() if name not in infinite})


@dataclass(frozen=True)
class _Domain:
    """Equations solved on one grid, its half-width in standard deviations, and the size of the unknowns near its ends."""

    equations: tuple[_Equation, ...]
    reach: float
    tail: float

    def undecided(self) -> str:
        return (
            f"the tail mass does not decay within {self.reach:g} standard deviations (still {self.tail:.2g} of its maximum "
            "there), so nothing is known about its finiteness"
        )


def _domain(problem: _Problem, equations: tuple[_Equation, ...]) -> _Domain:
    """The least domain, on the ladder, in which the unknowns have decayed; the best one where they do not."""
    # no wider than needed: where e^2 outgrows the damping the far field amplifies rounding
    start = min(NARROWEST[equation.theta] for equation in equations if equation.order > 0)
    best = (start, math.inf)
    for reach in (reach for reach in REACHES if reach >= start):
        march = _march(problem, equations, SEARCH[0], SEARCH[1], reach)
        # the tail that counts, in units of what the equation's weight allows
        tail = max(march.tails[equation.name] / TAIL[equation.theta] for equation in equations)
        if tail < best[1]:
            best = (reach, tail)
        if tail <= 1.0 or tail > 30.0 * best[1]:
            break
    return _Domain(equations, best[0], best[1] * TAIL[equations[0].theta])


# ------------------------------------------------------------------------------------------------------------------ grid


@dataclass(frozen=True)
class _Grid:
    """y <-> xi = sum_k WINDOW asinh((y - a m_k) / (WINDOW sd_k)), uniform in xi; it moves and narrows with the components."""

    means: Array
    values: Array  # data-level variances of the components that carry the grid
    nodes: Array  # uniform xi

    def parts(self, t: float) -> tuple[Array, Array, Array, Array]:
        centres = math.exp(-0.5 * t) * self.means
        variances = self.values * math.exp(-t) - math.expm1(-t)
        return centres, np.sqrt(variances), -0.5 * centres, 0.5 * (1.0 - variances) / np.sqrt(variances)

    def forward(self, y: Array, t: float) -> Array:
        centres, widths, _, _ = self.parts(t)
        return np.asarray(WINDOW * np.sum(np.arcsinh((y - centres[:, None]) / (WINDOW * widths[:, None])), axis=0))

    def at(self, t: float, guess: Array | None = None) -> tuple[Array, Array, Array, Array]:
        """y, dxi/dy, d2xi/dy2 and dy/dtau at fixed xi, each (n,). ``guess``: of y, from which Newton's steps start."""
        centres, widths, drift, widening = (part[:, None] for part in self.parts(t))
        low, high = float(self.nodes[0]), float(self.nodes[-1])
        y = self._searched(t) if guess is None else guess
        for _ in range(40):
            offset = (y - centres) / WINDOW
            slope = np.sum(1.0 / np.sqrt(widths**2 + offset**2), axis=0)
            miss = WINDOW * np.sum(np.arcsinh(offset / widths), axis=0) - self.nodes
            y = y - miss / slope
            if float(np.max(np.abs(miss))) < 1e-12 * (1.0 + high - low):
                break
        else:
            if guess is not None:
                return self.at(t)
        offset = y - centres
        root = np.sqrt(widths**2 + (offset / WINDOW) ** 2)
        first = np.sum(1.0 / root, axis=0)
        second = -np.sum(offset / (WINDOW**2 * root**3), axis=0)
        motion = -np.sum((drift + offset * (widening / widths)) / root, axis=0)
        return y, first, second, motion / first

    def _searched(self, t: float) -> Array:
        """y at the nodes, roughly: by interpolation in a table."""
        centres, widths, _, _ = self.parts(t)
        furthest = max(abs(float(self.nodes[0])), abs(float(self.nodes[-1])))
        ends = np.sinh(np.linspace(-1.0, 1.0, 161) * (furthest / WINDOW + 1.0)) * WINDOW
        table = np.unique((centres + widths * ends[:, None]).ravel())
        return np.asarray(np.interp(self.nodes, self.forward(table, t), table))


def _grid(target: Target, process: OU, resolution: float, reach: float) -> _Grid:
    law = as_mixture(target)
    kept = law.weights > 0.0
    means, values = law.means[kept, 0], law.covs[kept, 0, 0]
    order = np.argsort(values, kind="stable")
    means, values = means[order], values[order]
    gain, noise = math.exp(-process.t0), -math.expm1(-process.t0)
    chosen: list[int] = []
    for index in range(means.shape[0]):
        width = math.sqrt(gain * values[index] + noise)
        others = np.array(chosen, dtype=np.intp)
        widths = np.sqrt(gain * values[others] + noise)
        distance = (means[index] - means[others]) * math.sqrt(gain)
        # a component that the others resolve already, at its centre and two deviations out, needs no points of its own
        resolved = [
            float(np.sum(1.0 / np.sqrt(widths**2 + ((distance + out * width) / WINDOW) ** 2))) >= 0.85 / width
            for out in (-2.0, 0.0, 2.0)
        ]
        if not chosen or not all(resolved):
            chosen.append(index)
    probe = _Grid(means[chosen], values[chosen], np.zeros(2))
    low, high = math.inf, -math.inf
    for t in np.concatenate([np.geomspace(process.t0, process.T, 9)]):
        centres = math.exp(-0.5 * t) * means
        widths = np.sqrt(values * math.exp(-t) - math.expm1(-t))
        ends = probe.forward(np.array([np.min(centres - reach * widths), np.max(centres + reach * widths)]), float(t))
        low, high = min(low, float(ends[0])), max(high, float(ends[1]))
    count = max(int(GRID.low), math.ceil((high - low) * resolution))
    if not GRID.contains(count):
        raise Unresolved(
            f"target must have scales that {GRID.high:g} grid points resolve, got one that needs {count}; "
            "use simulate_generation"
        )
    return _Grid(means[chosen], values[chosen], np.linspace(low, high, count))


# ---------------------------------------------------------------------------------------------------------------- solving


def _radau(stages: int) -> tuple[Array, Array]:
    """Nodes (s,) and matrix (s, s) of Radau IIA: collocation of order 2s - 1 at the right Radau points."""
    legendre = np.polynomial.legendre
    high, low = np.zeros(stages + 1), np.zeros(stages + 1)
    high[stages], low[stages - 1] = 1.0, 1.0
    roots = np.sort(np.real(legendre.legroots(high - low)))
    roots[-1] = 1.0
    nodes = 0.5 * (roots + 1.0)
    matrix = np.empty((stages, stages))
    for j in range(stages):
        others = np.delete(nodes, j)
        poly = np.poly1d(np.poly(others) / np.prod(nodes[j] - others)).integ()
        matrix[:, j] = poly(nodes)
    return nodes, matrix


def _stencils(half: int) -> tuple[Array, Array]:
    """Central differences of order 2 half on a unit grid: first and second derivative, (2 half + 1,) each."""
    first, second = np.zeros(2 * half + 1), np.zeros(2 * half + 1)
    for j in range(1, half + 1):
        ratio = math.factorial(half) ** 2 / (math.factorial(half - j) * math.factorial(half + j))
        first[half + j] = (-1.0) ** (j + 1) * ratio / j
        first[half - j] = -first[half + j]
        second[half + j] = second[half - j] = 2.0 * (-1.0) ** (j + 1) * ratio / j**2
    second[half] = -float(np.sum(second))
    return first, second


NODES, BUTCHER = _radau(STAGES)
FIRST, SECOND = _stencils(HALF)


@dataclass(frozen=True)
class _Frame:
    """Everything known at one instant on the grid."""

    first: Array
    second: Array
    motion: Array
    y: Array
    log_density: Array
    score: Array
    curvature: Array
    error: Array
    slope: Array
    weights: Array  # dy

    def density(self, power: float) -> Array:
        return np.asarray(np.exp(np.minimum(power * self.log_density, 600.0)))  # far out, q^-theta would overflow


def _log_density(law: GaussianMixture, y: Array, t: float) -> tuple[Array, Array, Array]:
    """log q_t, its first and its second derivative on the grid, (n,) each."""
    variances = (law.covs[:, 0, 0] * math.exp(-t) - math.expm1(-t))[:, None]
    pull = (math.exp(-0.5 * t) * law.means - y) / variances
    with np.errstate(divide="ignore"):
        peaks = np.log(law.weights)[:, None] - 0.5 * np.log(2.0 * math.pi * variances)
    terms = peaks - 0.5 * pull**2 * variances
    top = terms.max(axis=0)
    shares = np.exp(terms - top)
    total = shares.sum(axis=0)
    shares /= total
    score = np.sum(shares * pull, axis=0)
    curvature = np.sum(shares * ((pull - score) ** 2 - 1.0 / variances), axis=0)
    return top + np.log(total), score, curvature


def _frame(grid: _Grid, problem: _Problem, t: float, guess: Array | None = None) -> _Frame:
    y, first, second, motion = grid.at(t, guess)
    rows = y[:, None]
    if isinstance(problem.error, ConsistentError):  # the same numbers without building two mixtures at every instant
        learned = _log_density(as_mixture(problem.error.learned), y, t)
        base = _log_density(as_mixture(problem.error.target), y, t)
        values, slopes = (learned[1] - base[1])[:, None], learned[2] - base[2]
    else:
        values = np.asarray(problem.error(rows, t), dtype=np.float64)
        slopes = np.asarray(problem.error.divergence(rows, t), dtype=np.float64)
    finite = bool(np.all(np.isfinite(values)) and np.all(np.isfinite(slopes)))
    if values.shape != rows.shape or slopes.shape != y.shape or not finite:
        raise ValueError(
            f"error must return finite values (n, 1), with divergence (n,), on [{y[0]:.4g}, {y[-1]:.4g}] at t = {t:.6g}"
        )
    spacing = float(grid.nodes[1] - grid.nodes[0])
    density = _log_density(as_mixture(problem.target), y, t)
    return _Frame(first / spacing, second / spacing, motion, y, *density, values[:, 0], slopes, spacing / first)


@dataclass(frozen=True)
class _Equation:
    name: str
    order: int  # k
    theta: float

    def source(self, frame: _Frame) -> Array:
        stein = -(frame.slope + frame.error * frame.score)
        drive = stein if self.order < 2 else 2.0 * stein + frame.error**2
        return np.asarray(drive * frame.density(self.theta))

    def operator(self, frame: _Frame) -> Array:
        """(2 half + 1, n): row x holds the coefficients of u[x - half .. x + half] in the right-hand side."""
        k, theta = float(self.order), self.theta
        growth = -k * (frame.slope + frame.error * frame.score) + (frame.error**2 if self.order == 2 else 0.0)
        potential = (
            growth
            - 0.5 * theta
            - theta * frame.curvature
            - 0.5 * theta * (1.0 - theta) * frame.score**2
            + k * theta * frame.error * frame.score
        )
        velocity = frame.motion - (0.5 * frame.y + theta * frame.score + k * frame.error)
        out = np.outer(SECOND, 0.5 * frame.first**2) + np.outer(FIRST, 0.5 * frame.second + velocity * frame.first)
        out[HALF] += potential
        return out


RATIO = _Equation("R", 1, 0.5)
DENSITY = _Equation("R", 1, 1.0)  # where R is not in L^2(q)
SEEN = _Equation("phi", 0, 0.5)
SQUARE = _Equation("psi", 2, 1.0)


def _advance(u: Array, operators: list[Array], sources: list[Array], steps: Array) -> Array:
    """One Radau IIA step: stage values (s, n). ``steps``: the step in tau times dtau/deta at the stages, (s,)."""
    n = u.shape[0]
    width = STAGES * HALF + STAGES - 1
    band = np.zeros((n, STAGES, 3 * width + 1))  # LAPACK's band storage, by columns; the first ``width`` rows are its own
    right = np.repeat(u[:, None], STAGES, axis=1)
    for j in range(STAGES):
        # what u[y] at stage j does to the rows y - HALF .. y + HALF
        columns = np.zeros((n, 2 * HALF + 1))
        for d in range(-HALF, HALF + 1):
            low, high = max(0, d), n + min(0, d)
            columns[low:high, HALF - d] = operators[j][HALF + d, low - d : high - d]
        columns *= -steps[j]
        for i in range(STAGES):
            first = 2 * width + i - j - HALF * STAGES
            band[:, j, first : first + 2 * HALF * STAGES + 1 : STAGES] = BUTCHER[i, j] * columns
        band[:, j, 2 * width] += 1.0
        right += np.outer(sources[j], BUTCHER[:, j] * steps[j])
    flat = band.reshape(n * STAGES, 3 * width + 1).T
    _, _, solution, status = linalg.lapack.dgbsv(width, width, flat, right.ravel(), overwrite_ab=True, overwrite_b=True)
    if status > 0:
        raise np.linalg.LinAlgError("the implicit step is singular")
    return np.asarray(solution.reshape(n, STAGES).T)


@dataclass(frozen=True)
class _Problem:
    target: Target
    error: ScoreError
    process: OU

    @property
    def pole(self) -> float:
        """c of the time variable log(t + c) + t: variances vanish near t = -lambda / (1 - lambda)."""
        law = as_mixture(self.target)
        least = float(law.covs[law.weights > 0.0].min())
        return 1.0 if least >= 0.5 else least / (1.0 - least)


@dataclass(frozen=True)
class _March:
    """Solutions at t0, with int E_q[e^2] and int E_q[e^2 D] by equation, and the largest size near the ends on the way."""

    frame: _Frame
    unknowns: Mapping[str, Array]
    ideal: float
    extra: Mapping[str, float]
    tails: Mapping[str, float]
    ratio: _Equation
    points: int


@dataclass(frozen=True)
class _Level:
    numbers: Mapping[str, float]
    floors: Mapping[str, float]
    leak: float


def _march(problem: _Problem, equations: tuple[_Equation, ...], resolution: float, density: float, reach: float) -> _March:
    process, pole = problem.process, problem.pole
    grid = _grid(problem.target, process, resolution, reach)
    high, low = math.log(process.T + pole) + process.T, math.log(process.t0 + pole) + process.t0
    count = max(4, math.ceil(density * (high - low)))
    span = (high - low) / count
    points = grid.nodes.shape[0]
    edge = max(3, points // 16)
    unknowns = {equation.name: np.zeros(points) for equation in equations}
    tails, extra = dict.fromkeys(unknowns, 0.0), dict.fromkeys(unknowns, 0.0)
    ideal = 0.0
    frame: _Frame | None = None
    before = process.T
    for step in range(count):
        times = [_time(high - span * (step + float(node)), pole, process) for node in NODES]
        frames = []
        for t in times:
            frame = _frame(grid, problem, t, None if frame is None else frame.y + (before - t) * frame.motion)
            frames.append(frame)
            before = t
        steps = np.array([span / (1.0 + 1.0 / (t + pole)) for t in times])
        masses = [weight * frame.error**2 * frame.weights for weight, frame in zip(BUTCHER[-1] * steps, frames, strict=True)]
        ideal += float(sum(np.sum(mass * frame.density(1.0)) for mass, frame in zip(masses, frames, strict=True)))
        for equation in equations:
            operators = [equation.operator(frame) for frame in frames]
            stages = _advance(unknowns[equation.name], operators, [equation.source(frame) for frame in frames], steps)
            unknowns[equation.name] = stages[-1]
            if equation.order > 0:
                rest = 1.0 - equation.theta
                extra[equation.name] += float(
                    sum(np.sum(m * v * f.density(rest)) for m, v, f in zip(masses, stages, frames, strict=True))
                )
            size = np.abs(stages[-1])
            peak = float(size.max())
            if not math.isfinite(peak):
                tails[equation.name] = math.inf
            elif peak > 0.0:
                # a Dirichlet end forces u to zero in a thin layer: look further inside too
                outer = max(float(size[:edge].max()), float(size[-edge:].max()))
                tails[equation.name] = max(tails[equation.name], outer / peak)
        if math.inf in tails.values():
            break
    return _March(frames[-1], unknowns, ideal, extra, tails, equations[0], points)


def _time(eta: float, pole: float, process: OU) -> float:
    """t from eta = log(t + pole) + t, by the Lambert function: (t + pole) e^(t + pole) = e^(eta + pole)."""
    argument = eta + pole
    t = float(np.real(special.wrightomega(argument))) - pole
    return min(max(t, process.t0), process.T)


def _measured(first: _March, second: _March | None) -> _Level:
    frame, theta = first.frame, first.ratio.theta
    dy, mass = frame.weights, frame.density(1.0)
    deviation, sight = first.unknowns["R"], first.unknowns["phi"]
    visible = float(np.sum(sight**2 * dy))
    gap = float(np.sum(sight * deviation * frame.density(0.5 - theta) * dy))
    change = deviation * frame.density(-theta)  # R - 1
    # what rounding leaves of R far out, where it may come out negative
    noise = 1e-11 * float(np.max(np.abs(deviation))) + 1e-290
    uncertain = (1.0 + change) * frame.density(theta) < noise
    positive = np.maximum(change, -1.0 + 1e-15)
    log_ratio = np.log1p(positive)
    small = np.abs(positive) < 0.05
    excess = np.where(small, _series(np.where(small, positive, 0.0)), positive - log_ratio)  # D - log(1 + D)
    ideal = first.ideal
    learned = first.extra["R"]
    path = {**first.extra, **(second.extra if second else {})}.get("psi", 0.0)
    numbers = {
        "ideal_energy": ideal,
        "learned_energy": ideal + learned,
        "visible_energy": visible,
        "path_chi2": ideal + path,
        "chi2": float(np.sum(deviation**2 * dy)) if theta == 0.5 else 0.0,
        "kl": float(np.sum((positive * log_ratio - excess) * mass * dy)),  # (1 + D) log(1 + D) - D
        "reverse_kl": float(np.sum(excess * mass * dy)),
        "visible_gap": gap * gap / visible if visible > 0.0 else 0.0,
        "remainder": path - 2.0 * learned,
    }
    floors = {name: ROUNDING * abs(value) + 1e-15 * ideal for name, value in numbers.items()}
    doubt = float(np.sum(np.where(uncertain, (1.0 - np.minimum(log_ratio, 0.0)) * mass * dy, 0.0)))
    if "psi" in first.unknowns or second is not None:
        source = second if second is not None else first
        direct = float(np.sum(source.unknowns["psi"] * source.frame.weights))  # E_q psi - 1, theta = 1
        floors["path_chi2"] += abs(direct - numbers["path_chi2"])
    floors["reverse_kl"] += doubt
    floors["kl"] += 1e-3 * doubt
    floors["remainder"] = floors["path_chi2"] + ROUNDING * (abs(path) + 2.0 * abs(learned))
    # both unknowns integrate to zero against q; what they miss, their other integrals may miss too
    leak = float(np.sum(deviation * frame.density(1.0 - theta) * dy))
    blur = float(np.sum(sight * frame.density(0.5) * dy))
    for name in ("chi2", "kl", "reverse_kl", "visible_gap"):
        floors[name] += 2.0 * abs(leak) * math.sqrt(abs(numbers[name])) + leak**2
    floors["visible_energy"] += 2.0 * abs(blur) * math.sqrt(visible) + blur**2
    floors["visible_gap"] += 2.0 * abs(blur) * math.sqrt(numbers["visible_gap"])
    floors["learned_energy"] += abs(leak) * ideal
    return _Level(numbers, floors, leak)


def _series(x: Array) -> Array:
    """x - log(1 + x) for |x| < 0.05."""
    total = np.zeros_like(x)
    for order in range(14, 1, -1):
        total = x * total + (-1.0) ** order / order
    return total * x**2
