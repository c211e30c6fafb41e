"""One retraining round whose two laws are known by density: energies, divergences and what the endpoint sees.

The learned score is the exact score of the learned law, noised (a kernel density estimate, a fitted mixture), so with
R_t = p^_t/q_t and e_t = grad log R_t de Bruijn's identity gives both energies from log densities at the two ends alone:

    eps*^2 = 2 [KL(q_t || p^_t)]_T^{t0},    epŝ^2 (from p^_T) = 2 [KL(p^_t || q_t)]_T^{t0}

The second route never sees these densities: scores at random times, eps*^2 = int E|e_t(X_t)|^2 dt, X the forward process.

Observability (KTV-A, Def. 3.2) is of M, the martingale part of log dP^/dP* under the ideal process, which starts at q_T; both
processes start there. So Z = log R_{t0}(Y_{t0}) - log R_T(Y_T) and M = Z + V/2. M depends on the error and on the ideal process
alone, and would be the same for a learned process started at p^_T: log R_T(Y_T), the density of those starts, is no part of it.
Given the endpoint the ideal path is the forward process from it, so two independent replicas, each with an unbiased V at random
times, have E[M_1 M_2 | y] = E[M | y]^2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from scipy.special import expit

from numeric.estimate import Estimate
from numeric.laws.divergences import chi2_infinite_reason
from numeric.laws.law import Law
from numeric.laws.mixture_chi2 import mixture_chi2
from numeric.laws.noised_rows import narrowest, noised_logpdf, noised_logpdf_and_score
from numeric.laws.process import OU, noised
from numeric.laws.targets import Gaussian, GaussianMixture
from numeric.validation import COUNT, Array, Domain, generator, integer, shown

__all__ = ["RoundEnergies", "measure_round"]

QUERIES: Final = Domain(32, COUNT.high)
COUNT_OR_NONE: Final = Domain(0, COUNT.high)
STRATA: Final = 4  # random times of one path, one in each stratum
FEW: Final = 100.0  # effective draws below which an estimate counts as degenerate
SATURATED: Final = 1e-3  # variance of a control below which it is nearly constant, and a few draws would decide its slope
LARGEST_LOG: Final = 350.0  # of a density ratio whose square is still a float


@dataclass(frozen=True, eq=False, kw_only=True)
class RoundEnergies:
    """What was measured of one round; each an ``Estimate`` with its standard error over queries, or None with a reason.

    q is the training law, p^ the learned law, both at t = 0; q_t, p^_t the same noised. Natural logarithms.

    Attributes:
        queries: points drawn from each of the two laws.
        observed: endpoints behind the observability, 0 where it was not asked for.
        ideal_energy: eps*^2, by de Bruijn's identity.
        learned_energy: epŝ^2 of the learned process started at p^_T, by de Bruijn's identity.
        ideal_energy_nodes, learned_energy_nodes: the same from scores at random times.
        kl, reverse_kl: KL(p^_t0 || q_t0) and KL(q_t0 || p^_t0).
        chi2: I = chi2(p^_t0 || q_t0). Where its ``ess`` is small few draws carry it and no number may be trusted.
        visible_energy: eta eps*^2 = Var E[M | Y_t0].
        observability: eta = visible_energy / ideal_energy.
        reasons: for everything that is missing or degenerate, by field, one sentence.
    """

    queries: int
    observed: int
    ideal_energy: Estimate | None
    learned_energy: Estimate | None
    ideal_energy_nodes: Estimate | None
    learned_energy_nodes: Estimate | None
    kl: Estimate | None
    reverse_kl: Estimate | None
    chi2: Estimate | None
    visible_energy: Estimate | None
    observability: Estimate | None
    reasons: Mapping[str, str] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Numbers, strings, None and dicts of them alone, inf as "inf": ready for JSON, and back by ``from_dict``."""
        out: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, Estimate):
                value = {part.name: getattr(value, part.name) for part in fields(value)}
                value["value"] = value["value"] if math.isfinite(value["value"]) else "inf"
            out[item.name] = dict(value) if item.name == "reasons" else value
        return out

    @staticmethod
    def from_dict(record: Mapping[str, Any]) -> RoundEnergies:
        """The round that ``to_dict`` wrote; ValueError naming fields that are missing or unknown."""
        names = {item.name for item in fields(RoundEnergies)}
        if set(record) != names:
            raise ValueError(
                f"record must have exactly the fields of RoundEnergies, got a difference in {sorted(names ^ set(record))}"
            )
        given: dict[str, Any] = dict(record)
        for name, value in record.items():
            if isinstance(value, Mapping) and name != "reasons":
                given[name] = Estimate(**{**value, "value": float(value["value"])})
        return RoundEnergies(**given)


def measure_round(
    training: Law,
    learned: Law,
    process: OU,
    *,
    queries: int,
    rng: np.random.Generator | int | None,
    workers: int = 1,
    observed: int = 0,
    nodes: int = 16,
) -> RoundEnergies:
    """Measure the round that trains on ``training`` = q and learns ``learned`` = p^, the reverse process started at p^_T.

    Args:
        training: q at t = 0. learned: p^ at t = 0, before the early stopping. Each a Gaussian, a GaussianMixture, a
            KernelMixture or a Blend of these.
        process: t0 and T.
        queries: points drawn from each law, at least 32. Both log densities are taken at all of them.
        rng: generator or seed. Each purpose has its own spawned stream: neither ``observed`` nor ``nodes`` changes the others.
        workers: threads over kernel sums; the result does not depend on it.
        observed: endpoints for the observability (two replicas each), 0 to leave it out.
        nodes: strata of time for the second route, 0 to leave it out. Every query gets a random time in one of them.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    count, ends, strata, threads = checked_sizes(queries, observed, nodes, workers)
    if not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {type(process).__name__}")
    for name, law in (("training", training), ("learned", learned)):
        if not isinstance(law, Law):
            raise TypeError(f"{name} must be a law with dim, sample, logpdf and score, got {shown(law)}")
    if training.dim != learned.dim:
        raise ValueError(f"learned must have the dimension {training.dim} of training, got {learned.dim}")
    narrow = min(narrowest(training), narrowest(learned))
    first, last, second, seen, tail = generator(rng).spawn(5)
    reasons: dict[str, str] = {}

    start = _Pooled.of(training, learned, process.t0, count, first, threads)
    contraction = math.exp(process.t0 - process.T)  # of KL, and of the deviation of log R_t: the draws go where it is large
    end = _Pooled.of(training, learned, process.T, max(int(QUERIES.low), math.ceil(count * contraction)), last, threads)
    kl, reverse_kl = start.kl(), start.reverse_kl()
    ideal, from_learned = _energy(reverse_kl, end.reverse_kl()), _energy(kl, end.kl())
    chi2 = _chi2(training, learned, process.t0, start, tail)
    if chi2 is None:
        reasons["chi2"] = "the density ratio overflows"
    elif math.isinf(chi2.value):
        reasons["chi2"] = _infinite_reason(training, learned, process.t0)
    elif chi2.ess is not None and chi2.ess < min(FEW, chi2.n):
        reasons["chi2"] = f"the weights are degenerate: effective sample size {chi2.ess:.0f} of {chi2.n}"

    by_nodes: list[Estimate | None] = [None, None]
    if strata:
        times = _Times(process, narrow)
        by_nodes = [
            _energy_by_scores(training, learned, source, times, count, strata, stream, threads)
            for source, stream in zip((training, learned), second.spawn(2), strict=True)
        ]
    else:
        reasons["ideal_energy_nodes"] = reasons["learned_energy_nodes"] = "nodes = 0: the second route was left out"
    visible, eta = None, None
    if ends:
        visible = _visible_energy(training, learned, process, _Times(process, narrow), ends, seen, threads)
        eta = _quotient(visible, ideal)
        if eta is None:
            reasons["observability"] = "the ideal energy cannot be told from zero"
    else:
        reasons["visible_energy"] = reasons["observability"] = "observed = 0: the observability was left out"
    return RoundEnergies(
        queries=count,
        observed=ends,
        ideal_energy=ideal,
        learned_energy=from_learned,
        ideal_energy_nodes=by_nodes[0],
        learned_energy_nodes=by_nodes[1],
        kl=kl,
        reverse_kl=reverse_kl,
        chi2=chi2,
        visible_energy=visible,
        observability=eta,
        reasons=reasons,
    )


def checked_sizes(queries: object, observed: object, nodes: object, workers: object) -> tuple[int, int, int, int]:
    """The sizes as ``measure_round`` takes them; ValueError or TypeError naming the one that is wrong."""
    count, ends = integer("queries", queries, QUERIES), integer("observed", observed, COUNT_OR_NONE)
    strata, threads = integer("nodes", nodes, COUNT_OR_NONE), integer("workers", workers)
    if 2 * strata > count:
        raise ValueError(f"nodes must be at most half of queries = {count}, got {strata}")
    if 0 < ends < 4:  # each half of them needs a slope
        raise ValueError(f"observed must be 0 or at least 4, got {ends}")
    return count, ends, strata, threads


def _chi2(training: Law, learned: Law, t: float, drawn: _Pooled, stream: np.random.Generator) -> Estimate | None:
    """chi2(p^_t || q_t): mixtures have a proposal for their tails, other laws the draws from both."""
    if isinstance(training, (Gaussian, GaussianMixture)) and isinstance(learned, (Gaussian, GaussianMixture)):
        return mixture_chi2(noised(learned, t), noised(training, t), n=2 * drawn.ratios[0].shape[0], rng=stream)
    return drawn.chi2()


def _infinite_reason(training: Law, learned: Law, t: float) -> str:
    reason = None
    if isinstance(training, (Gaussian, GaussianMixture)) and isinstance(learned, (Gaussian, GaussianMixture)):
        reason = chi2_infinite_reason(noised(learned, t), noised(training, t))
    return reason or "the estimate overflows"


# ------------------------------------------------------------------------------------------------- densities at one time


@dataclass(frozen=True, eq=False)
class _Pooled:
    """log R = log p^_t - log q_t at draws from q_t and at as many from p^_t: together draws from m = (q_t + p^_t)/2.

    Everything is a mean of f(log R) over m; 2 tanh(log R / 2) = (p^ - q)/m, bounded and of mean zero, is its control.
    """

    ratios: tuple[Array, Array]

    @staticmethod
    def of(training: Law, learned: Law, t: float, count: int, stream: np.random.Generator, workers: int) -> _Pooled:
        laws = noised(training, t), noised(learned, t)
        drawn = np.concatenate([law.sample(count, rng=own) for law, own in zip(laws, stream.spawn(2), strict=True)])
        zero = np.zeros(2 * count)
        ratio = noised_logpdf(laws[1], drawn, zero, workers) - noised_logpdf(laws[0], drawn, zero, workers)
        return _Pooled((ratio[:count], ratio[count:]))

    def kl(self) -> Estimate:
        """KL(p^_t || q_t)."""
        return self._mean([2.0 * expit(z) * z for z in self.ratios])

    def reverse_kl(self) -> Estimate:
        """KL(q_t || p^_t)."""
        return self._mean([-2.0 * expit(-z) * z for z in self.ratios])

    def chi2(self) -> Estimate | None:
        """chi2(p^_t || q_t), its ess that of the weights p^^2/(q m); None after an overflow."""
        if max(float(z.max()) for z in self.ratios) > LARGEST_LOG:
            return None
        found = self._mean([2.0 * np.expm1(z) ** 2 * expit(-z) for z in self.ratios])
        weights = np.concatenate([2.0 * np.exp(z) * expit(z) for z in self.ratios])
        ess = float(weights.sum() ** 2 / np.sum(weights**2))
        return Estimate(found.value, found.stderr, found.n, ess, found.log_scale)

    def _mean(self, parts: list[Array]) -> Estimate:
        return _controlled_mean(parts, [2.0 * np.tanh(0.5 * z) for z in self.ratios])


def _controlled_mean(parts: list[Array], controls: list[Array]) -> Estimate:
    """The average of the means of ``parts``, equally many draws each, less what ``controls`` of average mean zero explain.

    Each half of the draws takes its slope from the other half, which keeps the estimate unbiased.
    """
    kept = [part.copy() for part in parts]
    for half in (0, 1):
        tables = [np.cov(part[1 - half :: 2], control[1 - half :: 2]) for part, control in zip(parts, controls, strict=True)]
        spread = sum(float(table[1, 1]) for table in tables)
        slope = sum(float(table[0, 1]) for table in tables) / spread if spread > SATURATED else 0.0
        for own, control in zip(kept, controls, strict=True):
            own[half::2] -= slope * control[half::2]
    count = kept[0].shape[0]
    variance = sum(float(np.var(part, ddof=1)) for part in kept) / (len(kept) ** 2 * count)
    return _estimate(sum(float(np.mean(part)) for part in kept) / len(kept), math.sqrt(variance), len(kept) * count)


def _estimate(value: float, stderr: float, n: int) -> Estimate:
    """Positive and skewed: the interval is on the logarithm, except near zero, which it would then exclude."""
    return Estimate(value, stderr, n, log_scale=value > 10.0 * stderr > 0.0)


def _energy(start: Estimate, end: Estimate) -> Estimate:
    """2 (KL at t0 - KL at T), from independent draws."""
    return _estimate(2.0 * (start.value - end.value), 2.0 * math.hypot(start.stderr, end.stderr), start.n)


def _quotient(part: Estimate, whole: Estimate) -> Estimate | None:
    """part/whole of independent estimates by the delta method; None where whole is within five standard errors of zero."""
    if whole.value <= 5.0 * whole.stderr:
        return None
    value = part.value / whole.value
    return Estimate(value, math.hypot(part.stderr, value * whole.stderr) / whole.value, part.n)


# ------------------------------------------------------------------------------------------------------ scores in between


@dataclass(frozen=True)
class _Times:
    """Noising times t by s = log(1 + b u)/b, u = exp(-t), b <= 0 the least variance at t = 0 less one: ds = du/(1 + b u).

    Equal steps in s are short where u is near 1 and the laws are narrow, and long in t where all laws are nearly N(0, I).
    """

    process: OU
    narrow: float

    def draw(self, places: Array) -> tuple[Array, Array]:
        """Times at ``places`` in [0, 1), growing with them, and dt per unit of place."""
        b = min(self.narrow, 1.0) - 1.0
        ends = [self._place(math.exp(-t), b) for t in (self.process.t0, self.process.T)]
        s = ends[0] + (ends[1] - ends[0]) * places
        u = np.expm1(b * s) / b if b < 0.0 else s
        return -np.log(u), (ends[0] - ends[1]) * (1.0 + b * u) / u

    @staticmethod
    def _place(u: float, b: float) -> float:
        return math.log1p(b * u) / b if b < 0.0 else u


def _energy_by_scores(
    training: Law,
    learned: Law,
    source: Law,
    times: _Times,
    count: int,
    strata: int,
    stream: np.random.Generator,
    workers: int,
) -> Estimate:
    """int E|e_t(X_t)|^2 dt, X the noised draws of ``source``; the standard error from the spread within the strata of time."""
    stratum = np.arange(count) % strata
    t, length = times.draw((stratum + stream.random(count)) / strata)
    start = source.sample(count, rng=stream)
    x = np.exp(-0.5 * t)[:, None] * start + np.sqrt(-np.expm1(-t))[:, None] * stream.standard_normal(start.shape)
    draws = length * _square_error(training, learned, x, t, workers)
    means, variance = 0.0, 0.0
    for index in range(strata):
        part = draws[stratum == index]
        means += float(np.mean(part)) / strata
        variance += float(np.var(part, ddof=1)) / (part.shape[0] * strata**2)
    return _estimate(means, math.sqrt(variance), count)


def _square_error(training: Law, learned: Law, x: Array, t: Array, workers: int) -> Array:
    """|e_t(x)|^2 row by row, each row with its own time."""
    error = noised_logpdf_and_score(learned, x, t, workers)[1] - noised_logpdf_and_score(training, x, t, workers)[1]
    return np.asarray(np.einsum("nd,nd->n", error, error))


def _visible_energy(
    training: Law, learned: Law, process: OU, times: _Times, count: int, stream: np.random.Generator, workers: int
) -> Estimate:
    """E[M_1 M_2] over two replicas given the endpoint; E M = 0 serves as control."""
    y = noised(training, process.t0).sample(count, rng=stream)
    at_start = np.full(count, process.t0)
    ratio = noised_logpdf(learned, y, at_start, workers) - noised_logpdf(training, y, at_start, workers)
    martingales = []
    for own in stream.spawn(2):
        x, now, energy = y, at_start, np.zeros(count)
        for index in range(STRATA):
            t, length = times.draw((index + own.random(count)) / STRATA)
            x, now = _forward(x, t - now, own), t
            energy += length / STRATA * _square_error(training, learned, x, t, workers)
        x, now = _forward(x, process.T - now, own), np.full(count, process.T)
        final = noised_logpdf(learned, x, now, workers) - noised_logpdf(training, x, now, workers)
        martingales.append(ratio - final + 0.5 * energy)
    return _controlled_mean([martingales[0] * martingales[1]], [0.5 * (martingales[0] + martingales[1])])


def _forward(x: Array, elapsed: Array, stream: np.random.Generator) -> Array:
    """The forward process for the time ``elapsed`` (n,) of each row."""
    return np.exp(-0.5 * elapsed)[:, None] * x + np.sqrt(-np.expm1(-elapsed))[:, None] * stream.standard_normal(x.shape)
