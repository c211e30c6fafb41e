"""Cases: the quantities of a generation, a recursion or a user's table, as intervals under the names the claims use."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np

from numeric.estimate import Estimate, stretched, widened
from numeric.generations.errors import ConsistentError
from numeric.generations.generation import Generation, Quantity
from numeric.judging.formula import Interval, MissingQuantity
from numeric.judging.limit_quantities import limit_quantities
from numeric.judging.verdicts import Verdict
from numeric.laws.channels import Channel
from numeric.laws.divergences import hellinger, kl, tv, w1
from numeric.laws.process import noised
from numeric.laws.targets import Gaussian, GaussianMixture, Target
from numeric.laws.transport import wasserstein
from numeric.recursions.mmd import SQUARE_ROUNDING, with_mmd
from numeric.recursions.recursion import Recursion
from numeric.validation import Array

__all__ = ["Case", "generation_case", "measured", "recursion_case"]

ROUNDING = 1e-9  # relative error granted to a number from an exact route that reports no error of its own
FLOOR = 1e-12  # absolute error granted to the exact quantities of one round
FEW = 200.0  # effective draws below which a simulated number decides nothing
WEIGHTS = 1e-15  # rounding of the weights of mixtures: it makes innovations of this size out of none
CONSTANT = 1e-6  # relative spread up to which innovations count as constant, and overlaps as equal
QUADRATURE = 1e-7  # relative error granted to distances by quadrature
LARGEST = 1e280  # chi2 above which a recursion keeps no number
HEAVY = {"divergence", "mixed", "innovation", "intra", "gram", "discounted_sums"}  # means of products of density ratios
SUMMED = {"discounted_sums": "innovation"}  # sums of numbers with weights are as degenerate as those
LONGEST = 12  # rounds for which the 1-D distances before and after mixing are computed


Distance = Callable[[Target, Target], float | Estimate]


@dataclass(frozen=True)
class Case:
    """Named intervals, and the number of rounds they run over (0 for a single generation)."""

    quantities: Mapping[str, Interval | Callable[[], Interval]]
    rounds: int = 0
    conditions: dict[object, tuple[Verdict | None, str]] = field(default_factory=dict)
    _computed: dict[str, Interval] = field(default_factory=dict)

    def __call__(self, name: str) -> Interval:
        """The interval of a quantity, computed at its first use; MissingQuantity where the case does not carry it."""
        if name not in self._computed:
            entry = self.quantities.get(name)
            if entry is None:
                raise MissingQuantity(name)
            self._computed[name] = entry if isinstance(entry, Interval) else entry()
        return self._computed[name]


def measured(value: Quantity, level: float, *, error: float = 0.0, doubt: str = "", widen: float = 1.0) -> Interval:
    """A number as an interval: its numerical error, and where it is simulated its two-sided interval at ``level`` besides.

    ``widen`` multiplies the standard error.
    """
    if not isinstance(value, Estimate):
        return Interval.around(value, max(error, ROUNDING * abs(value) if math.isfinite(value) else 0.0), doubt=doubt)
    low, high = replace(value, stderr=widen * value.stderr).interval(level)
    low, high = low - error, high + error  # the bias that the time grid leaves is no part of the standard error
    effective = value.n if value.ess is None else value.ess
    if effective < min(FEW, value.n) and not doubt:
        doubt = f"the weights are degenerate: effective sample size {effective:.0f} of {value.n}"
    return Interval(np.asarray(low), np.asarray(high), True, doubt)


def generation_case(generation: Generation, confidence: float) -> Case:
    """Quantities of one round; ``confidence`` is shared by all its estimates together (Bonferroni)."""
    values: dict[str, Quantity] = {}
    for entry in fields(generation):
        value = getattr(generation, entry.name)
        if isinstance(value, (float, int, Estimate)) and not isinstance(value, bool):
            values[entry.name] = value
    noisy = sum(isinstance(value, Estimate) for value in values.values())
    level = 1.0 - (1.0 - confidence) / max(noisy, 1)
    intervals: dict[str, Interval | Callable[[], Interval]] = {}
    for name, value in values.items():
        error = generation.numerical_error.get(name, 0.0)
        if not isinstance(value, Estimate):
            error = max(error, FLOOR)
        doubt = ""
        sampled = isinstance(value, Estimate) and generation.method.startswith("simulation")
        if name in ("path_chi2", "remainder") and sampled and math.isinf(generation.sup_energy):
            doubt = "a simulated path chi2 is finite even where the true one is infinite, and V has no proved bound here"
        intervals[name] = measured(value, level, error=error, doubt=doubt)
    intervals["initial_kl"] = lambda: _initial_kl(generation)
    return Case(intervals)


def _initial_kl(generation: Generation) -> Interval:
    """KL of the law that the learned process starts from against q_T, computed from the two laws themselves."""
    if generation.start == "ideal":
        return Interval.point(0.0)
    if not isinstance(generation.error, ConsistentError) or generation.target.dim > 2:
        raise MissingQuantity("initial_kl")
    learned, ideal = (noised(law, generation.process.T) for law in (generation.error.learned, generation.target))
    value = float(kl(learned, ideal))
    return Interval.around(value, QUADRATURE * value)


def recursion_case(recursion: Recursion, confidence: float) -> Case:
    """Quantities of all rounds; ``confidence`` is shared by all the simulated entries together (Bonferroni)."""
    noisy = sum(int(np.count_nonzero(error)) for error in recursion.stderr.values())
    level = 1.0 - (1.0 - confidence) / max(noisy, 1)
    found: dict[str, Interval | Callable[[], Interval]] = {}
    names = {
        "divergence": "divergence",
        "mixed": "mixed",
        "innovation": "innovation",
        "intra": "intra",
        "fresh_fraction": "fresh_fraction",
        "weights": "weights",
        "discounted_sum": "discounted_sums",
        "ratio_sup": "ratio_sup",
        "ideal_energies": "ideal_energies",
        "learned_energies": "learned_energies",
        "observabilities": "observabilities",
        "smoothing_tv": "smoothing_tv",
    }
    for name, attribute in names.items():
        values = getattr(recursion, attribute)
        if values is not None:
            found[name] = _array(recursion, attribute, values, np.abs(values), level)
    if isinstance(intra := found.get("intra"), Interval):  # D and J are cut to inf above LARGEST: no more is known of I
        low, high = np.minimum(intra.low, LARGEST), np.where(intra.high > LARGEST, np.inf, intra.high)
        found["intra"] = replace(intra, low=np.where(np.isinf(intra.low), intra.low, low), high=high)
    if isinstance(measured_sizes := found["innovation"], Interval):
        drift = np.max(recursion.divergence, where=np.isfinite(recursion.divergence), initial=0.0)
        slack = WEIGHTS * math.sqrt(1.0 + float(drift))
        low, high = np.maximum(measured_sizes.low - slack, 0.0), measured_sizes.high + slack
        found["innovation"] = replace(measured_sizes, low=low, high=high)
    sizes = np.where(np.isfinite(recursion.innovation), recursion.innovation, 0.0)
    found["gram"] = _array(recursion, "gram", recursion.gram, np.outer(sizes, sizes), level)
    start = float(recursion.divergence[0])
    root = math.sqrt(start) if math.isfinite(start) else 0.0
    found["initial_gram"] = _array(recursion, "initial_gram", recursion.initial_gram, sizes * root, level)
    for name, of in (("max_divergence", "divergence"), ("max_discounted_sum", "discounted_sum")):
        base = found[of]
        if isinstance(base, Interval):
            low, high = np.maximum.accumulate(base.low), np.maximum.accumulate(base.high)
            found[name] = Interval(low, high, base.noisy, base.doubt)
    shares = recursion.fresh_fraction
    if np.all(shares == shares[0]) and shares[0] > 0.0:
        found["alpha"] = Interval.point(float(shares[0]))
    # constants of which a false claim says that one value of them will do: at a violation the value makes no difference
    found["ratio"] = found["bias"] = Interval.point(1.0)
    found["accumulates"] = Interval.point(float(isinstance(recursion.alpha, str) and recursion.alpha == "accumulate"))
    if recursion.initial_kl is not None:
        found["initial_kl"] = Interval.around(recursion.initial_kl, FLOOR * FLOOR)  # its root is an error in total variation
    found.update(_pattern(recursion))
    found.update(_distances(recursion))
    found.update(_discrepancies(recursion))
    found.update(limit_quantities(recursion))
    found.update(_horizon(recursion))
    return Case(found, rounds=recursion.generations)


def _array(recursion: Recursion, name: str, values: Array, scale: Array, level: float) -> Interval:
    """An array field: rounding where exact, confidence intervals where it has standard errors."""
    radius = ROUNDING * np.where(np.isfinite(scale), scale, 0.0)
    errors = recursion.stderr.get(name)
    if errors is None or not np.any(errors):
        return Interval.around(values, radius)
    draws = recursion.ess.get(SUMMED.get(name, name))
    effective = math.inf if draws is None else float(np.min(draws))
    doubt = f"the weights are degenerate: effective sample size {effective:.0f}" if effective < FEW else ""
    unit = Estimate(0.0, 1.0, 2**31 - 1).interval(level)[1]
    reach = errors * widened(unit, recursion.skewness.get(name, np.zeros(())))
    upper = np.maximum(reach, errors * unit * stretched(effective)) if name in HEAVY else reach
    low, high = Interval.around(values, radius + reach).low, Interval.around(values, radius + upper).high
    return Interval(low, high, True, doubt)


def _pattern(recursion: Recursion) -> dict[str, Interval]:
    """Constant innovation J, constant overlap c and geometric decay c, where the innovations have that structure."""
    sizes, count = recursion.innovation, recursion.generations
    if recursion.stderr or count < 3 or not np.all(np.isfinite(sizes)) or np.min(sizes) <= 0.0:
        return {}
    size = float(np.mean(sizes))
    spread = float(np.max(np.abs(sizes - size)))
    if spread > CONSTANT * size or recursion.divergence[0] != 0.0:
        return {}
    found = {"constant_innovation": Interval.around(size, spread + ROUNDING * size)}
    correlation = recursion.gram / size**2
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    for name, exponent in (("overlap", np.minimum(apart, 1)), ("decay", apart)):
        rate = float(np.clip(np.mean(correlation[apart == 1]), -1.0, 1.0))
        off = float(np.max(np.abs(correlation - np.power(rate, exponent))))
        if off <= 10.0 * CONSTANT:
            found[name] = Interval.around(float(np.rint(rate)) if abs(rate - np.rint(rate)) <= off else rate, off)
    return found


def _distances(recursion: Recursion) -> dict[str, Callable[[], Interval]]:
    """Distances of every p^i and every q_i from p in one dimension, each computed at its first use."""
    target = recursion.target
    if target.dim != 1 or recursion.generations > LONGEST or recursion.stderr:
        return {}
    found: dict[str, Callable[[], Interval]] = {}
    for name, distance in (("tv", tv), ("w1", w1), ("hellinger", hellinger), ("kl", kl)):
        for prefix, laws in (("accumulated_" if name == "kl" else "", recursion.laws), ("mixed_", recursion.mixtures)):

            def compute(distance: Distance = distance, laws: Sequence[object] = laws) -> Interval:
                values = np.array(
                    [float(distance(law, target)) for law in laws if isinstance(law, (Gaussian, GaussianMixture))]
                )
                return Interval.around(values, QUADRATURE * (np.abs(values) + 1e-3))

            found[prefix + name] = compute
    for name, laws in (("w2", recursion.laws), ("mixed_w2", recursion.mixtures)):

        def transported(laws: Sequence[object] = laws) -> Interval:
            known = [law for law in laws if isinstance(law, (Gaussian, GaussianMixture))]
            values, errors = wasserstein(known, target, 2)
            return Interval.around(values, QUADRATURE * (values + 1e-3) + errors)

        found[name] = transported
    return found


def _discrepancies(recursion: Recursion) -> dict[str, Interval | Callable[[], Interval]]:
    """MMD of every p^i and every q_i from p: as the recursion carries them, else computed at their first use."""
    names = ("mmd", "mixed_mmd", "smoothing_mmd")
    given = {name: value for name in names if (value := getattr(recursion, name)) is not None}
    if given:
        found: dict[str, Interval | Callable[[], Interval]] = {name: _rooted(value) for name, value in given.items()}
        if recursion.kernel_range is not None:
            found["kernel_range"] = Interval.point(recursion.kernel_range)
        return found
    if recursion.stderr or recursion.generations > LONGEST:
        return {}

    @lru_cache(maxsize=1)
    def computed() -> Recursion:
        if not all(isinstance(law, (Gaussian, GaussianMixture)) for law in (*recursion.laws, *recursion.mixtures)):
            raise MissingQuantity("mmd of laws that are no mixtures of Gaussians")
        return with_mmd(recursion)

    return {name: lambda name=name: _rooted(getattr(computed(), name)) for name in names[:2]}  # type: ignore[misc]


def _rooted(values: Array) -> Interval:
    """MMD, whose square is what was computed, with an absolute error."""
    squares = values**2
    return Interval(np.sqrt(np.maximum(squares - SQUARE_ROUNDING, 0.0)), np.sqrt(squares + SQUARE_ROUNDING))


def _horizon(recursion: Recursion) -> dict[str, Interval]:
    """The first round with infinite divergence, where a 1-D Gaussian target meets a channel that only adds variance."""
    target, channel = recursion.target, recursion.channel
    if not isinstance(target, Gaussian) or target.dim != 1 or not isinstance(channel, Channel):
        return {}
    gain, shift, noise = channel.matrices(1)
    infinite = np.flatnonzero(np.isinf(recursion.divergence))
    if gain[0, 0] != 1.0 or shift[0] != 0.0 or noise[0, 0] <= 0.0 or infinite.size == 0 or infinite[0] == 0:
        return {}
    if recursion.divergence[0] != 0.0 or np.any(recursion.fresh_fraction >= 1.0):
        return {}
    spread, added = float(target.cov[0, 0]), float(noise[0, 0])
    whole = (Fraction(spread) / Fraction(added)).denominator == 1  # exactly a multiple: then equality is decided, not rounded
    slack = 0.0 if whole else 1e-12
    return {
        "horizon": Interval.point(float(infinite[0])),
        "variance": Interval.around(spread, slack * spread),
        "noise": Interval.around(added, slack * added),
    }
