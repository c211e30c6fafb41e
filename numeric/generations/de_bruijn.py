"""One generation whose score error is consistent: the learned score is the exact score of some law p^, noised.

With R_t = p^_t/q_t and e_t = grad log R_t, on any target and in any dimension (de Bruijn's identity, applied twice):

    eps*^2 = 2 [KL(q_t || p^_t)]_T^{t0},    epŝ^2 (from p^_T) = 2 [KL(p^_t || q_t)]_T^{t0},    e^Z = R_{t0}(Y_{t0}) / R_T(Y_T)

so no time integral is needed. From p^_T the endpoint is p^_{t0} itself and dP^/dP* = R_{t0}(Y_{t0}). From q_T everything is an
expectation over two times: given Y_{t0} = y, Y_T is the forward process, r y + sqrt(1 - r^2) N(0, I), hence

    R(y) = R_{t0}(y) H(r y),  H(z) = E[1 / R_T(z + sqrt(1 - r^2) N(0, I))],  X + 1 = E e^{2Z},  epŝ^2 = 2 E[e^Z Z]
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from numeric.domains import LEAK, Unresolved
from numeric.estimate import Estimate
from numeric.generations.errors import ConsistentError, sup_energy
from numeric.generations.fokker_planck import seen_by_endpoint
from numeric.generations.generation import Generation, Quantity, Start
from numeric.laws.divergences import chi2, chi2_infinite_reason, chi2_integrand, kl
from numeric.laws.process import OU, noised
from numeric.laws.quadrature import Box, component_box, default_frame, integrate, product_box, union
from numeric.laws.targets import GaussianMixture, Target, as_mixture
from numeric.validation import Array

__all__ = ["consistent_generation", "same_law"]

REPLICATES = 32  # independent scramblings: their spread is the standard error
POINTS = 1 << 13  # Sobol points of one replicate
SEED = 20260216  # fixed: the same call gives the same numbers
QUADRATURE = 1e-9  # relative error granted to a quadrature of the divergences that reports none
DEFINITE = 1e-12
COMBINATIONS = 50_000  # pairs of covariances up to which finiteness is decided


def same_law(p: Target, q: Target) -> bool:
    """Whether two targets are written with the same components."""
    left, right = as_mixture(p), as_mixture(q)
    return (
        left.weights.shape == right.weights.shape
        and left.means.shape == right.means.shape
        and np.allclose(left.weights, right.weights, rtol=1e-12, atol=0.0)
        and np.allclose(left.means, right.means, rtol=1e-12, atol=1e-12)
        and np.allclose(left.covs, right.covs, rtol=1e-12, atol=1e-12)
    )


def consistent_generation(target: Target, error: ConsistentError, process: OU, *, start: Start = "learned") -> Generation:
    """One round with a consistent error on any target, without time integrals.

    Args:
        target: q; ``error.target`` must be the same law (the caller has checked).
        error: with the learned law p^ = K q at data level.
        process: the noising process.
        start: where the learned process starts, q_T ("ideal") or p^_T ("learned").

    Returns:
        Floats for d <= 2 (quadrature), Estimates for d > 2 (randomised Sobol points with fixed seeds, n = number of
        independent replicates). Every error field is a gradient, so gradient_energy is learned_energy. What the endpoint sees
        of M needs the whole path: visible_energy, observability and visible_gap are None for d > 1.

    Raises:
        ValueError: the learned law is too far from the target for the quadrature to converge.
    """
    laws = _Laws(target, error, process)
    if start == "learned":
        numbers = _from_learned_quadrature(laws) if laws.dim <= 2 else _from_learned_sampled(laws)
    else:
        numbers = _from_ideal_quadrature(laws) if laws.dim <= 2 else _from_ideal_sampled(laws)
    if laws.dim == 1:
        _add_visible(numbers, laws, start)
    else:
        text = "E[M | Y_t0] needs the law of the whole path, which no closed form gives for a mixture in d > 1"
        for name in ("visible_energy", "observability", "visible_gap"):
            numbers.values[name] = None
            numbers.reasons[name] = text
    value = numbers.values
    return Generation(
        target=target,
        error=error,
        process=process,
        start=start,
        method="de-bruijn",
        ideal_energy=_present(value["ideal_energy"]),
        learned_energy=value["learned_energy"],
        path_chi2=value["path_chi2"],
        visible_energy=value["visible_energy"],
        observability=value["observability"],
        chi2=value["chi2"],
        kl=value["kl"],
        reverse_kl=value["reverse_kl"],
        remainder=value["remainder"],
        gradient_energy=value["learned_energy"],
        sup_energy=sup_energy(error, laws.dim, process),
        visible_gap=value["visible_gap"],
        endpoint=noised(error.learned, process.t0) if start == "learned" else None,
        ideal_endpoint=process.marginal(target, process.t0),
        numerical_error={**numbers.errors, **_copied(numbers.errors)},
        reasons=numbers.reasons,
    )


@dataclass(frozen=True)
class _Numbers:
    values: dict[str, Quantity | None]
    errors: dict[str, float]
    reasons: dict[str, str]


class _Laws:
    """q and p^ at both ends, and the forward transition between them."""

    def __init__(self, target: Target, error: ConsistentError, process: OU) -> None:
        self.target, self.error, self.process = target, error, process
        self.dim = as_mixture(target).dim
        self.ideal = as_mixture(noised(target, process.t0))
        self.learned = as_mixture(noised(error.learned, process.t0))
        self.ideal_start = as_mixture(noised(target, process.T))
        self.learned_start = as_mixture(noised(error.learned, process.T))
        self.gain = math.exp(-0.5 * (process.T - process.t0))
        self.noise = -math.expm1(-(process.T - process.t0))

    def log_ratio(self, x: Array) -> Array:
        """log R_t0."""
        return self.learned.logpdf(x) - self.ideal.logpdf(x)

    def log_ratio_start(self, x: Array) -> Array:
        """log R_T."""
        return self.learned_start.logpdf(x) - self.ideal_start.logpdf(x)


def _present(value: Quantity | None) -> Quantity:
    return math.nan if value is None else value


def _copied(errors: dict[str, float]) -> dict[str, float]:
    return {"gradient_energy": errors["learned_energy"]} if "learned_energy" in errors else {}


# --------------------------------------------------------------------------------------------------------- start at p^_T


def _from_learned_quadrature(laws: _Laws) -> _Numbers:
    forward = (float(kl(laws.learned, laws.ideal)), float(kl(laws.learned_start, laws.ideal_start)))
    backward = (float(kl(laws.ideal, laws.learned)), float(kl(laws.ideal_start, laws.learned_start)))
    ideal, learned = 2.0 * (backward[0] - backward[1]), 2.0 * (forward[0] - forward[1])
    square = float(chi2(laws.learned, laws.ideal))
    reasons: dict[str, str] = {}
    if math.isinf(square):
        reason = chi2_infinite_reason(laws.learned, laws.ideal) or ""
        reasons = {"chi2": reason, "path_chi2": reason, "remainder": "it contains path_chi2, which is infinite: " + reason}
    numbers: dict[str, Quantity | None] = {
        "ideal_energy": ideal,
        "learned_energy": learned,
        "path_chi2": square,
        "chi2": square,
        "kl": forward[0],
        "reverse_kl": backward[0],
        "remainder": square - 2.0 * learned + ideal,
    }
    errors = {
        "ideal_energy": QUADRATURE * 2.0 * sum(backward),
        "learned_energy": QUADRATURE * 2.0 * sum(forward),
        "kl": QUADRATURE * forward[0],
        "reverse_kl": QUADRATURE * backward[0],
    }
    if not math.isinf(square):
        errors["chi2"] = errors["path_chi2"] = QUADRATURE * square
        errors["remainder"] = errors["chi2"] + 2.0 * errors["learned_energy"] + errors["ideal_energy"]
    return _Numbers(numbers, errors, reasons)


def _add_visible(numbers: _Numbers, laws: _Laws, start: Start) -> None:
    """phi = E[M | Y_t0] by the Fokker-Planck route; M does not depend on where the learned process starts."""
    inner = _inner_table(laws, _outer_box(laws, False), 64, 48) if start == "ideal" else None

    def endpoint(y: Array) -> Array:
        density = laws.learned.logpdf(y)
        return density if inner is None else density + np.log1p(inner(y[:, None])[0])

    visible, gap, visible_error, gap_error = seen_by_endpoint(laws.target, laws.error, laws.process, endpoint, laws.learned)
    ideal = float(_present(numbers.values["ideal_energy"]))
    share = min(visible / ideal, 1.0) if ideal > 0.0 else 0.0
    numbers.values.update(visible_energy=visible, visible_gap=gap, observability=share)
    slack = (visible_error + share * numbers.errors["ideal_energy"]) / ideal if ideal > 0.0 else 0.0
    numbers.errors.update(visible_energy=visible_error, visible_gap=gap_error, observability=slack)


def _from_learned_sampled(laws: _Laws) -> _Numbers:
    reason = chi2_infinite_reason(laws.learned, laws.ideal)
    rows = []
    pairs = ((laws.learned, laws.ideal), (laws.learned_start, laws.ideal_start))
    proposals = [_Proposal.of(p, q) for p, q in pairs]
    for replicate in range(REPLICATES):
        ends = []
        for end, ((p, q), proposal) in enumerate(zip(pairs, proposals, strict=True)):
            ends.append(_pair_divergences(p, q, proposal, _sobol(laws.dim + 1, (replicate, end))))
        (forward, backward, square), (forward_start, backward_start, _) = ends
        ideal, learned = 2.0 * (backward - backward_start), 2.0 * (forward - forward_start)
        rows.append([ideal, learned, square, square, forward, backward, square - 2.0 * learned + ideal])
    names = ("ideal_energy", "learned_energy", "path_chi2", "chi2", "kl", "reverse_kl", "remainder")
    numbers: dict[str, Quantity | None] = {name: _estimate(np.array(rows)[:, i]) for i, name in enumerate(names)}
    reasons: dict[str, str] = {}
    if reason is not None:
        _set_infinite(numbers, reasons, "chi2", reason)
        _set_infinite(numbers, reasons, "path_chi2", reason)
        _set_infinite(numbers, reasons, "remainder", "it contains path_chi2, which is infinite: " + reason)
    elif not proposals[0].bounded:
        _drop(numbers, reasons, ("chi2", "path_chi2", "remainder"), UNBOUNDED)
    return _Numbers(numbers, {}, reasons)


@dataclass(frozen=True)
class _Proposal:
    """(p + q + tilted)/3, tilted ~ sum_j w_j^2 N_j^2 / (w_l N_l) with the best reference l for each j.

    Under it every weight is bounded, that of p^2/q included: p^2 <= K sum_j w_j^2 N_j^2 and q >= w_l N_l. Sampling from p and q
    alone leaves p^2/q heavy-tailed, and its standard error a fiction.
    """

    law: GaussianMixture
    bounded: bool

    @classmethod
    def of(cls, p: GaussianMixture, q: GaussianMixture) -> _Proposal:
        p, q = _positive(p), _positive(q)
        inverse = np.linalg.inv(q.covs)
        means, covs, logs = [], [], []
        for weight, mean, cov in zip(p.weights, p.means, p.covs, strict=True):
            own = np.linalg.inv(cov)
            best: tuple[float, Array, Array] | None = None
            references = zip(np.log(q.weights), q.means, inverse, q.covs, strict=True)
            for log_reference, centre, reference, reference_cov in references:
                precision = 2.0 * own - reference
                if float(np.linalg.eigvalsh(precision)[0]) <= DEFINITE * float(np.abs(own).max()):
                    continue
                spread = np.linalg.inv(precision)
                offset = spread @ (reference @ (mean - centre))
                # log of int N_j^2 / (w_l N_l), up to what is common to all pairs
                exponent = float((mean - centre) @ reference @ (mean - centre) + offset @ precision @ offset)
                log_mass = (
                    0.5 * exponent
                    - log_reference
                    - 0.5
                    * float(
                        np.linalg.slogdet(precision)[1] + 2.0 * np.linalg.slogdet(cov)[1] - np.linalg.slogdet(reference_cov)[1]
                    )
                )
                if best is None or log_mass < best[0]:
                    best = (log_mass, mean + offset, 0.5 * (spread + spread.T))
            if best is not None:
                logs.append(best[0] + 2.0 * math.log(weight))
                means.append(best[1])
                covs.append(best[2])
        parts = [(p.weights, p.means, p.covs), (q.weights, q.means, q.covs)]
        bounded = len(logs) == p.weights.shape[0]
        if bounded:
            shares = np.exp(np.array(logs) - special.logsumexp(logs))
            parts.append((shares, np.array(means), np.array(covs)))
        weights, centres, widths = (np.concatenate(column) for column in zip(*parts, strict=True))
        return cls(GaussianMixture(weights / weights.sum(), centres, widths), bounded)


def _positive(law: GaussianMixture) -> GaussianMixture:
    kept = law.weights > 0.0
    return GaussianMixture(law.weights[kept], law.means[kept], law.covs[kept])


def _pair_divergences(p: GaussianMixture, q: GaussianMixture, proposal: _Proposal, nodes: Array) -> tuple[float, float, float]:
    """KL(p || q), KL(q || p) and chi2(p || q) at one set of nodes; each integrand is nonnegative."""
    x = _transported(proposal.law, nodes)
    log_p, log_q, log_base = p.logpdf(x), q.logpdf(x), proposal.law.logpdf(x)
    relative_p, relative_q = np.exp(log_p - log_base), np.exp(log_q - log_base)
    log_ratio = log_p - log_q
    forward = relative_p * log_ratio - relative_p + relative_q
    backward = -relative_q * log_ratio + relative_p - relative_q
    square = np.exp(np.minimum(2.0 * log_p - log_q - log_base, 700.0)) - 2.0 * relative_p + relative_q
    return float(np.mean(forward)), float(np.mean(backward)), float(np.mean(square))


UNBOUNDED = (
    "finite, but no single reference component dominates the tail of each learned one, so that no sampling with bounded "
    "weights is at hand"
)


# ---------------------------------------------------------------------------------------------------------- start at q_T


def _from_ideal_quadrature(laws: _Laws) -> _Numbers:
    """d <= 2: outer trapezoid sums over Y_t0, inner Gauss-Hermite over Y_T tabulated on a Chebyshev grid of r y."""
    path_reason, path_known = _weight_integrable(laws, 1)
    end_reason, end_known = (None, True) if path_known and path_reason is None else _weight_integrable(laws, 2)
    squares = (path_known and path_reason is None, end_known and end_reason is None)
    box = _outer_box(laws, squares[1])
    coarse = _ideal_integrals(laws, box, squares, 28, 20)
    fine = _ideal_integrals(laws, box, squares, 44, 32)
    backward = (float(kl(laws.ideal, laws.learned)), float(kl(laws.ideal_start, laws.learned_start)))
    ideal = 2.0 * (backward[0] - backward[1])
    names = ("mass", "learned_energy", "path_chi2", "chi2", "kl", "reverse_kl")
    numbers: dict[str, Quantity | None] = {"ideal_energy": ideal}
    errors = {"ideal_energy": QUADRATURE * 2.0 * sum(backward)}
    for name, value, other in zip(names, fine, coarse, strict=True):
        numbers[name] = float(value)
        errors[name] = 3.0 * abs(float(value) - float(other)) + QUADRATURE * abs(float(value)) + 1e-13
    leak = float(fine[0])
    if not LEAK.contains(leak):
        raise Unresolved(
            f"error must leave a learned law that the quadrature resolves, with E e^Z - 1 {LEAK}, got {leak:.3g}; "
            "use simulate_generation"
        )
    del numbers["mass"], errors["mass"]
    learned = float(fine[1])
    numbers["remainder"] = float(fine[2]) - 2.0 * learned + ideal
    errors["remainder"] = errors["path_chi2"] + 2.0 * errors["learned_energy"] + errors["ideal_energy"]
    reasons: dict[str, str] = {}
    for name, known, reason in (("path_chi2", path_known, path_reason), ("chi2", end_known, end_reason)):
        _decide(numbers, errors, reasons, name, known, reason)
    _decide(numbers, errors, reasons, "remainder", path_known, path_reason)
    return _Numbers(numbers, errors, reasons)


def _outer_box(laws: _Laws, squared: bool) -> Box:
    """Where q_t0, p^_t0 and, for the squares, p^^2/q live, with room for the factor H."""
    frame = default_frame([laws.ideal, laws.learned])
    box = union([component_box(laws.ideal, frame), component_box(laws.learned, frame)])
    if squared:
        tails = product_box(laws.learned, laws.ideal, frame)
        box = box if tails is None else union([box, tails])
    middle, half = 0.5 * (box.lower + box.upper), 0.5 * (box.upper - box.lower)
    return replace(box, lower=middle - 1.15 * half, upper=middle + 1.15 * half)


def _ideal_integrals(laws: _Laws, box: Box, squares: tuple[bool, bool], degree: int, order: int) -> Array:
    """E e^Z - 1, epŝ^2, X, I, KL, reverse KL with the inner expectations of a given degree and Gauss-Hermite order."""
    table = _inner_table(laws, box, degree, order)

    def integrand(y: Array) -> Array:
        log_q = laws.ideal.logpdf(y)
        log_ratio = laws.learned.logpdf(y) - log_q
        inverse, inverse_square, inverse_log = table(y)
        log_weight = log_ratio + np.log1p(inverse)
        density, learned = np.exp(log_q), np.exp(log_q + log_ratio)
        moved = learned * (1.0 + inverse)  # the endpoint law
        change = np.expm1(np.clip(log_weight, -700.0, 700.0))
        near = np.abs(log_weight) < 0.03
        excess = np.where(near, 0.0, change - log_weight)
        excess = np.where(near, log_weight**2 * (0.5 + log_weight * (1.0 / 6.0 + log_weight / 24.0)), excess)
        path = np.exp(log_q + 2.0 * log_ratio) * (1.0 + inverse_square) if squares[0] else np.zeros_like(log_q)
        end = chi2_integrand(log_q + log_weight, log_q) if squares[1] else np.zeros_like(log_q)
        return np.stack(
            [
                moved - density,
                2.0 * learned * (log_ratio * (1.0 + inverse) + inverse_log),
                path - density,
                end,
                moved * log_weight - moved + density,
                excess * density,
            ],
            axis=1,
        )

    values, _ = integrate(integrand, box, rtol=1e-11, atol=1e-13)
    return values


def _inner_table(laws: _Laws, box: Box, degree: int, order: int) -> Callable[[Array], tuple[Array, Array, Array]]:
    """y -> E[1/R_T], E[1/R_T^2] less one, and E[-log R_T / R_T] at Y_T = r y + noise: Chebyshev interpolation in y, d <= 2."""
    corners = np.array(list(itertools.product(*zip(box.lower, box.upper, strict=True)))) @ box.frame.T + box.origin
    low, high = corners.min(axis=0), corners.max(axis=0)
    nodes = np.cos(math.pi * (np.arange(degree) + 0.5) / degree)
    dim = laws.dim
    axes = [0.5 * (a + b) + 0.5 * (b - a) * nodes for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
    points, weights = np.polynomial.hermite_e.hermegauss(order)
    weights = weights / weights.sum()
    offsets = math.sqrt(laws.noise) * np.stack(np.meshgrid(*[points] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    masses = weights if dim == 1 else np.outer(weights, weights).ravel()
    table = np.zeros((grid.shape[0], 3))
    for start in range(0, grid.shape[0], 64):
        block = laws.gain * grid[start : start + 64]
        log_ratio = laws.log_ratio_start((block[:, None, :] + offsets).reshape(-1, dim)).reshape(block.shape[0], -1)
        inverse = np.expm1(-log_ratio)
        table[start : start + 64, 0] = inverse @ masses
        table[start : start + 64, 1] = np.expm1(-2.0 * log_ratio) @ masses
        table[start : start + 64, 2] = -(log_ratio * (1.0 + inverse)) @ masses
    chebyshev = np.polynomial.chebyshev
    transform = np.linalg.inv(chebyshev.chebvander(nodes, degree - 1))
    coefficients = np.einsum("ai,ic->ac", transform, table.reshape(degree, -1)).reshape((degree,) * dim + (3,))
    if dim == 2:
        coefficients = np.einsum("bj,ajc->abc", transform, coefficients)

    def evaluate(y: Array) -> tuple[Array, Array, Array]:
        unit = np.clip((2.0 * y - low - high) / (high - low), -1.0, 1.0)
        left = chebyshev.chebvander(unit[:, 0], degree - 1)
        if dim == 1:
            out = [left @ coefficients[:, c] for c in range(3)]
        else:
            right = chebyshev.chebvander(unit[:, 1], degree - 1)
            out = [np.sum((left @ coefficients[:, :, c]) * right, axis=1) for c in range(3)]
        return np.maximum(out[0], -1.0 + 1e-12), out[1], out[2]

    return evaluate


def _from_ideal_sampled(laws: _Laws) -> _Numbers:
    """d > 2: Y_t0 from (p^ + q)/2 and two independent Y_T given it, so that I has an unbiased product form."""
    path_reason, path_known = _weight_integrable(laws, 1)
    end_reason, end_known = (None, True) if path_known and path_reason is None else _weight_integrable(laws, 2)
    p, q = laws.learned, laws.ideal
    proposal, first_proposal = _Proposal.of(p, q), _Proposal.of(laws.learned_start, laws.ideal_start)
    rows = []
    for replicate in range(REPLICATES):
        nodes = _sobol(3 * laws.dim + 1, (replicate, 0))
        y = _transported(proposal.law, nodes[:, : laws.dim + 1])
        log_p, log_q = p.logpdf(y), q.logpdf(y)
        relative_q = np.exp(log_q - proposal.law.logpdf(y))
        z = []
        for copy in range(2):
            column = laws.dim + 1 + copy * laws.dim
            normal = special.ndtri(nodes[:, column : column + laws.dim])
            later = laws.gain * y + math.sqrt(laws.noise) * normal
            z.append(log_p - log_q - laws.log_ratio_start(later))
        change = [np.expm1(np.clip(part, -700.0, 350.0)) for part in z]
        # e^Z - 1 has mean zero: subtracting it leaves nonnegative integrands
        learned = sum(2.0 * np.mean(relative_q * ((1.0 + c) * part - c)) for c, part in zip(change, z, strict=True)) / 2.0
        path = sum(np.mean(relative_q * c**2) for c in change) / 2.0
        end = np.mean(relative_q * change[0] * change[1])
        end_pair = _pair_divergences(p, q, proposal, _sobol(laws.dim + 1, (replicate, 1)))
        start_nodes = _sobol(laws.dim + 1, (replicate, 2))
        start_pair = _pair_divergences(laws.learned_start, laws.ideal_start, first_proposal, start_nodes)
        ideal = 2.0 * (end_pair[1] - start_pair[1])
        rows.append([ideal, learned, path, end, path - 2.0 * learned + ideal])
    names = ("ideal_energy", "learned_energy", "path_chi2", "chi2", "remainder")
    numbers: dict[str, Quantity | None] = {name: _estimate(np.array(rows)[:, i]) for i, name in enumerate(names)}
    text = "the endpoint's density from q_T is itself an expectation for a mixture in d > 2; simulate_generation estimates it"
    reasons = {"kl": text, "reverse_kl": text}
    numbers["kl"] = numbers["reverse_kl"] = None
    for name, known, reason in (
        ("path_chi2", path_known, path_reason),
        ("remainder", path_known, path_reason),
        ("chi2", end_known, end_reason),
    ):
        _decide(numbers, {}, reasons, name, known, reason)
        if known and reason is None and not proposal.bounded:
            _drop(numbers, reasons, (name,), UNBOUNDED)
    return _Numbers(numbers, {}, reasons)


# ---------------------------------------------------------------------------------------------------------- finiteness


def _weight_integrable(laws: _Laws, copies: int) -> tuple[str | None, bool]:
    """Whether E prod_{i <= copies} e^{2 Z_i / copies} is finite: X for one copy, I for two replicas given Y_t0.

    Returns:
        (None, True) where finite, (reason, True) where infinite, (reason, False) where neither could be shown. Far out every
        mixture density is its slowest component, log p ~ max_j -y^T S_j^-1 y / 2, so the exponent is a difference of maxima of
        quadratic forms: finite if, for each choice of the growing ones, some choice of the others leaves a positive definite
        form; infinite if in some direction none does.
    """
    dim, power = laws.dim, 2.0 / copies
    learned, ideal = _precisions(laws.learned), _precisions(laws.ideal)
    learned_start, ideal_start = _precisions(laws.learned_start), _precisions(laws.ideal_start)
    count = learned.shape[0] * ideal.shape[0] * (learned_start.shape[0] * ideal_start.shape[0]) ** copies
    if count > COMBINATIONS:
        return f"{count} combinations of covariances are too many to decide whether it is finite", False
    size = dim * (copies + 1)
    eye = np.eye(dim)
    coupling = np.zeros((size, size))
    coupling[:dim, :dim] = copies * laws.gain**2 / laws.noise * eye
    for copy in range(1, copies + 1):
        part = slice(copy * dim, (copy + 1) * dim)
        coupling[part, part] = eye / laws.noise
        coupling[:dim, part] = coupling[part, :dim] = -laws.gain / laws.noise * eye
    undecided = None
    for j, *later in itertools.product(range(learned.shape[0]), *[range(ideal_start.shape[0])] * copies):
        forms = []
        for reference, *starts in itertools.product(range(ideal.shape[0]), *[range(learned_start.shape[0])] * copies):
            form = coupling.copy()
            form[:dim, :dim] += 2.0 * learned[j] - ideal[reference]
            for copy in range(copies):
                part = slice((copy + 1) * dim, (copy + 2) * dim)
                form[part, part] += power * (ideal_start[later[copy]] - learned_start[starts[copy]])
            forms.append(form)
        stack = np.stack(forms)
        values, vectors = np.linalg.eigh(stack)
        relative = values[:, 0] / np.abs(values[:, -1])
        if float(relative.max()) > DEFINITE:
            continue
        directions = np.swapaxes(vectors, 1, 2).reshape(-1, size)
        worst = np.einsum("fab,na,nb->nf", stack, directions, directions).max(axis=1)
        text = f"E e^(2Z): the Gaussian exponent has smallest relative eigenvalue {float(relative.max()):.6g}, not positive"
        if float(worst.min()) < 0.0 and float(relative.max()) < -DEFINITE:
            return text, True
        undecided = text + ", and neither finiteness nor infinity follows from the quadratic forms"
    return undecided, undecided is None


def _precisions(law: GaussianMixture) -> Array:
    """Distinct inverse covariances of the components with positive weight, (m, d, d)."""
    covs = law.covs[law.weights > 0.0]
    distinct = np.unique(covs.reshape(covs.shape[0], -1), axis=0).reshape(-1, law.dim, law.dim)
    return np.asarray(np.linalg.inv(distinct))


def _decide(
    numbers: dict[str, Quantity | None],
    errors: dict[str, float],
    reasons: dict[str, str],
    name: str,
    known: bool,
    reason: str | None,
) -> None:
    if known and reason is None:
        return
    errors.pop(name, None)
    if known and reason is not None:
        _set_infinite(numbers, reasons, name, reason)
    else:
        numbers[name], reasons[name] = None, reason or ""


def _drop(numbers: dict[str, Quantity | None], reasons: dict[str, str], names: tuple[str, ...], reason: str) -> None:
    for name in names:
        numbers[name], reasons[name] = None, reason


def _set_infinite(numbers: dict[str, Quantity | None], reasons: dict[str, str], name: str, reason: str) -> None:
    """An infinity is decided, not estimated: a float."""
    numbers[name], reasons[name] = math.inf, reason


# ------------------------------------------------------------------------------------------------------------- sampling


def _sobol(dim: int, key: tuple[int, int]) -> Array:
    """Scrambled Sobol points in the open unit cube, (POINTS, dim)."""
    from scipy.stats import qmc  # here, since it takes longer to import than the rest of numeric

    seed = np.random.default_rng([SEED, dim, *key])
    nodes = qmc.Sobol(dim, scramble=True, rng=seed).random(POINTS)
    return np.clip(nodes, 1e-12, 1.0 - 1e-12)


def _transported(law: GaussianMixture, nodes: Array) -> Array:
    """Uniform nodes (n, d + 1) to points of ``law`` (n, d): the first coordinate chooses the component."""
    edges = np.cumsum(law.weights)
    labels = np.minimum(np.searchsorted(edges, nodes[:, 0] * edges[-1], side="right"), edges.shape[0] - 1)
    normal = special.ndtri(nodes[:, 1:])
    out = np.empty_like(normal)
    lower = np.linalg.cholesky(law.covs)
    for component in np.unique(labels):
        chosen = labels == component
        out[chosen] = law.means[component] + normal[chosen] @ lower[component].T
    return out


def _estimate(replicates: Array) -> Estimate:
    """Mean over the independent replicates; n is their number, which is what the interval's degrees of freedom count."""
    n = replicates.shape[0]
    return Estimate(float(np.mean(replicates)), float(np.std(replicates, ddof=1) / math.sqrt(n)), n)
