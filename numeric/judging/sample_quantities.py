"""A recursion seen through samples of its laws: every drift and innovation with its interval, as a case for the claims.

Mixing is linear, q_i = c_i p + sum_j w_ij p^j, and so is the mean embedding mu. With f_i = mu(p^i) - mu(p) and
g_i = mu(p^{i+1}) - mu(q_i) the recursion f_{i+1} = (1 - alpha_i) f_i + g_i holds in the kernel's space as it does in L^2(p).
Claims that use nothing else of chi2 therefore hold with MMD^2 = |f_i|^2 in place of chi2(p^i || p) and |g_i| in place of J_i:
there both ends of every interval are known. Samples bound chi2 itself from below only, which can refute a ceiling and confirm
none.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from numeric.estimate import CONFIDENCE, Estimate
from numeric.generations.generation import Quantity
from numeric.judging.formula import Interval
from numeric.judging.quantities import Case, measured
from numeric.laws.process import OU
from numeric.measurements.drift_regime import Regime, drift_regime
from numeric.recursions.mixing import Alpha, Mixing, resolve_mixing
from numeric.samples.sample_drift import DriftEstimate, DriftGauge, SampleDrift
from numeric.samples.sample_features import discrepancy, release, sample_rows, spaced
from numeric.samples.sample_mmd import KernelDrift, kernel_drift
from numeric.validation import FRACTION, NONNEGATIVE, Array, Domain, generator, real, real_array, shown

__all__ = ["IN_KERNEL_SPACE", "PerRound", "SampleMeasurements", "measure_samples"]

IN_KERNEL_SPACE = frozenset({"divergence", "mixed", "innovation", "discounted_sum", "max_divergence", "max_discounted_sum"})
PerRound: TypeAlias = float | Estimate | Sequence[float | Estimate | None] | Array | None
DRIFTS = 5  # intervals per generation
MIXTURE_ROWS = 1 << 17
FEWEST_MIXED = 50


@dataclass(frozen=True, eq=False)
class SampleMeasurements:
    """What samples of p and of p^0 .. p^N say; all intervals hold together at ``confidence``.

    Attributes:
        alpha: the schedule as it was given.
        dim: d. rows: (reference, generations).
        drifts: of p^0 .. p^N.
        innovations: squared MMD between p^{i+1} and q_i, round by round.
        mixed: squared MMD of a training sample of q_i from p; mixed_w1: its W1. None for a round without enough rows.
        learned_energy, smoothing_tv, initial_kl: as given, the first two one per round.
        kernel: MMD as mmd-discount speaks of it, with that of the smoothing; None where neither process nor ideal was given.
        regime: that of the squared W1.
        confidence: of all intervals together. level: of each.
    """

    alpha: Alpha
    dim: int
    rows: tuple[int, tuple[int, ...]]
    drifts: tuple[SampleDrift, ...]
    innovations: tuple[DriftEstimate, ...]
    mixed: tuple[DriftEstimate | None, ...]
    mixed_w1: tuple[DriftEstimate | None, ...]
    learned_energy: tuple[Quantity | None, ...] | None
    smoothing_tv: Array | None
    initial_kl: float
    kernel: KernelDrift | None
    regime: Regime
    confidence: float
    level: float

    @property
    def rounds(self) -> int:
        """N."""
        return len(self.innovations)

    @property
    def fresh_fraction(self) -> Array | None:
        """(N,) alpha_i; None where a schedule accumulates, or without a round."""
        if self.rounds == 0 or (isinstance(self.alpha, str) and self.alpha == "accumulate"):
            return None
        return resolve_mixing(self.alpha, self.rounds).fresh_fraction

    def case(self) -> Case:
        """The quantities under the names that claims use, MMD in place of chi2 (see the head of this module)."""
        count = self.rounds
        if count == 0:
            return Case({})
        mixing, shares = resolve_mixing(self.alpha, count), self.fresh_fraction
        divergence = _interval([drift.mmd2 for drift in self.drifts])
        squared = _interval(self.innovations)
        found: dict[str, Interval | Callable[[], Interval]] = {
            "fresh_fraction": Interval.point(mixing.fresh_fraction),
            "divergence": divergence,
            "innovation": Interval(np.sqrt(squared.low), np.sqrt(squared.high), True),
            "w1": _interval([drift.w1 for drift in self.drifts]),
            "tv": _interval([drift.tv for drift in self.drifts]),
        }
        for name, values in (("mixed", self.mixed), ("mixed_w1", self.mixed_w1)):
            known = [value for value in values if value is not None]
            if len(known) == count:
                found[name] = _interval(known)
        if shares is not None:
            kept = (1.0 - shares) ** 2
            sums = [_discounted(kept, ends, start) for ends, start in _ends(squared, divergence)]
            discounted = found["discounted_sum"] = Interval(sums[0], sums[1], True)
            for name, base in (("max_divergence", divergence), ("max_discounted_sum", discounted)):
                found[name] = Interval(np.maximum.accumulate(base.low), np.maximum.accumulate(base.high), True)
            if np.all(shares == shares[0]) and shares[0] > 0.0:
                found["alpha"] = Interval.point(float(shares[0]))
        found["initial_kl"] = Interval.point(self.initial_kl)
        if self.smoothing_tv is not None:
            found["smoothing_tv"] = Interval.point(self.smoothing_tv)
        if self.learned_energy is not None:
            found["learned_energies"] = _stacked(self.learned_energy, self.level)
        if self.kernel is not None:
            found["mmd"], found["smoothing_mmd"] = _interval(self.kernel.mmd), _interval(self.kernel.smoothing)
            found["kernel_range"] = Interval.point(1.0)
        return Case(found, rounds=count)


def measure_samples(
    reference: ArrayLike,
    generations: Sequence[ArrayLike],
    alpha: Alpha,
    *,
    confidence: float = 0.999999,
    rng: np.random.Generator | int | None,
    training: Sequence[ArrayLike] | None = None,
    learned_energy: PerRound = None,
    smoothing_tv: float | Sequence[float] | Array | None = None,
    initial_kl: float = 0.0,
    process: OU | None = None,
    ideal: Sequence[ArrayLike] | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> SampleMeasurements:
    """Measure samples of the laws of a recursion; arguments as in check_samples.

    ``progress`` wraps the numbers of the generations as they are measured. One generation is enough to measure its drift; a
    round needs two.
    """
    level = real("confidence", confidence, CONFIDENCE)
    x = sample_rows("reference", reference)
    if isinstance(generations, (str, bytes)) or not isinstance(generations, Sequence) or not len(generations):
        raise ValueError(f"generations must be a list of samples (n, d), one per generation, got {shown(generations)}")
    laws = [sample_rows(f"generations[{index}]", law, x.shape[1]) for index, law in enumerate(generations)]
    count = len(laws) - 1
    mixing = resolve_mixing(alpha, max(count, 1))
    sets = None if training is None else _samples("training", training, x.shape[1])
    if sets is not None and len(sets) != count:
        raise ValueError(f"training must have one sample per round, {count}, got {len(sets)}")
    if process is not None and not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {type(process).__name__}")
    if process is not None and ideal is not None:
        raise ValueError("process and ideal must not be given both: samples of q_{i,t0} say what a process would be asked for")
    ends = None if ideal is None else _samples("ideal", ideal, x.shape[1])
    if ends is not None and len(ends) != count:
        raise ValueError(f"ideal must have one sample per round, {count}, got {len(ends)}")
    if not callable(progress):
        raise TypeError(f"progress must be a function of the generations, got {shown(progress)}")
    energy = _energies(learned_energy, count)
    start = real("initial_kl", initial_kl, NONNEGATIVE)
    smoothing = _per_round("smoothing_tv", smoothing_tv, FRACTION, count)
    statements = DRIFTS * (count + 1) + 3 * count + sum(isinstance(value, Estimate) for value in energy or ())
    if process is not None or ends is not None:
        statements += 2 * count + 1
    each = 1.0 - (1.0 - level) / statements
    stream = generator(rng)
    gauge = DriftGauge.of(x, rng=stream, others=(*laws, *(sets or ())))
    embedded, drifts = [], []
    for index in progress(range(count + 1)):
        embedded.append(gauge.embed(laws[index]))
        drifts.append(gauge.drift(laws[index], each, embedded[-1]))
        release(laws[index])
    innovations = []
    for i in range(count):
        earlier = [(-float(weight), law) for weight, law in zip(mixing.weights[i], embedded, strict=True) if weight > 0.0]
        parts = [(1.0, embedded[i + 1]), (-float(mixing.fresh[i]), gauge.embedded), *earlier]
        innovations.append(DriftEstimate(*discrepancy(parts, each), each))
    against = gauge if sets is not None else gauge.against(x[1::2]) if count and x.shape[0] >= 2 * FEWEST_MIXED else None
    mixed: list[DriftEstimate | None] = []
    mixed_w1: list[DriftEstimate | None] = []
    for i in range(count):
        mixture = sets[i] if sets is not None else _mixture(x, laws, mixing, i)
        if mixture is None or against is None:
            mixed.append(None)
            mixed_w1.append(None)
            continue
        parts = [(1.0, against.embed(mixture)), (-1.0, against.embedded)]
        mixed.append(DriftEstimate(*discrepancy(parts, each), each))
        mixed_w1.append(against.w1(mixture, each))
        for law in laws:
            release(law)
    kernel = None
    if process is not None or ends is not None:
        kernel = kernel_drift(x, laws, mixing, each, t0=0.0 if process is None else process.t0, ideal=ends)
    return SampleMeasurements(
        alpha,
        x.shape[1],
        (x.shape[0], tuple(law.shape[0] for law in laws)),
        tuple(drifts),
        tuple(innovations),
        tuple(mixed),
        tuple(mixed_w1),
        energy,
        smoothing,
        start,
        kernel,
        _regime(drifts, alpha),
        level,
        each,
    )


def _regime(drifts: Sequence[SampleDrift], alpha: Alpha) -> Regime:
    ends = np.array([[drift.w1.low**2, drift.w1.high**2] for drift in drifts])
    regime = drift_regime(ends[:, 0], ends[:, 1], alpha)
    doubt = next((drift.w1.doubt for drift in drifts if drift.w1.doubt), "")
    if not doubt:
        return regime
    return Regime("undecided", doubt, regime.floor, regime.ceiling, regime.peak, regime.remembered)


def _per_round(name: str, values: object, domain: Domain, count: int) -> Array | None:
    if values is None:
        return None
    array = real_array(name, values, domain, ndim=(0, 1))  # type: ignore[arg-type]
    if array.ndim == 1 and array.shape != (count,):
        raise ValueError(f"{name} must have one value per round, {count}, got shape {array.shape}")
    return np.broadcast_to(array, (count,)).copy()


def _samples(name: str, values: Sequence[ArrayLike], dim: int) -> list[Array]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence):
        raise TypeError(f"{name} must be a list of samples (n, d), one per round, got {shown(values)}")
    return [sample_rows(f"{name}[{index}]", part, dim) for index, part in enumerate(values)]


def _energies(values: PerRound, count: int) -> tuple[Quantity | None, ...] | None:
    """One per round: numbers, Estimates, or None where a round was not measured."""
    if values is None:
        return None
    if isinstance(values, (Estimate, numbers.Real)):
        entries: list[object] = [values] * count
    elif isinstance(values, Iterable) and not isinstance(values, (str, bytes)):
        entries = list(values)
    else:
        raise TypeError(f"learned_energy must be numbers or Estimates, one or one per round, got {shown(values)}")
    if len(entries) != count:
        raise ValueError(f"learned_energy must have one value per round, {count}, got {len(entries)}")
    return tuple(
        entry if entry is None or isinstance(entry, Estimate) else real("learned_energy", entry, NONNEGATIVE)
        for entry in entries
    )


def _stacked(values: Sequence[Quantity | None], level: float) -> Interval:
    """Numbers and Estimates as intervals; NaN, which decides nothing, where there is none."""
    parts = [Interval.point(np.nan) if value is None else measured(value, level) for value in values]
    low, high = np.array([float(part.low) for part in parts]), np.array([float(part.high) for part in parts])
    doubt = next((part.doubt for part in parts if part.doubt), "")
    return Interval(np.maximum(low, 0.0), high, any(part.noisy for part in parts), doubt)


def _mixture(reference: Array, laws: Sequence[Array], mixing: Mixing, i: int) -> Array | None:
    """A stratified sample of q_i from every other row of the reference and of the laws; None where that is too few rows."""
    shares = [(float(mixing.fresh[i]), reference), *zip(mixing.weights[i].tolist(), laws, strict=True)]
    shares = [(share, rows[::2]) for share, rows in shares if share > 0.0]
    size = int(min([MIXTURE_ROWS, *(rows.shape[0] / share for share, rows in shares)]))
    counts = [min(round(share * size), rows.shape[0]) for share, rows in shares]
    if sum(counts) < FEWEST_MIXED:
        return None
    return np.concatenate([spaced(rows, number) for number, (_, rows) in zip(counts, shares, strict=True) if number])


def _interval(values: Sequence[DriftEstimate]) -> Interval:
    low, high = np.array([value.low for value in values]), np.array([value.high for value in values])
    return Interval(low, high, True, next((value.doubt for value in values if value.doubt), ""))


def _ends(squared: Interval, divergence: Interval) -> list[tuple[Array, float]]:
    return [(squared.low, float(divergence.low[0])), (squared.high, float(divergence.high[0]))]


def _discounted(kept: Array, squares: Array, start: float) -> Array:
    """S_0 = D_0, S_{i+1} = (1 - alpha_i)^2 S_i + J_i^2."""
    out = [start]
    for share, square in zip(kept, squares, strict=True):
        out.append(float(share) * out[-1] + float(square))
    return np.array(out)
