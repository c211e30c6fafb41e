"""Where measured drifts lie between the bounds that other measurements of the same rounds give.

Round i trains on q_i = c_i p + sum_j w_ij p^j and innovates by J_i; W_in are the weights of the innovations in the drift
after n rounds (``recursions.mixing``). Ceiling: sqrt(D_n) <= sum_i W_in J_i + W_-1,n sqrt(D_0). Orthogonal innovations: D_n is
the sum of squares. Floor: J_i <= |f_{i+1}| + (1 - c_i) max |f_j| over the models that round i mixes, so that the largest of
their drifts and D_{i+1} is at least J_i²/(2 - c_i)² >= c_i I_i/(2 - c_i)².

J_i itself is never measured. The bounds take J_i² = I_i where I_i = chi2(p^{i+1} || q_i) was measured, else J_i² = eta_i
eps_i²: the leading order in the error and in the drift. Only the floor needs no such thing where I_i was measured: there it is
a theorem, as far as q_{i,t0}, to which a measured I_i refers, may stand for q_i.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from numeric.estimate import Estimate
from numeric.recursions.mixing import Alpha, resolve_mixing
from numeric.validation import FRACTION, NONNEGATIVE, Array, Domain, integer, real, shown

__all__ = ["ABOVE", "BELOW", "MeasuredColumn", "MeasuredDrift", "measured_drift"]

MeasuredColumn: TypeAlias = Sequence[float | Estimate | None] | Array | float | Estimate | None

LEVEL = Domain(0.0, 1.0, True, True)
NEAR = 1.25  # ceiling and orthogonal sum are leading order: within this factor of them nothing is called above or below
SLACK = 1e-9  # relative rounding
ABOVE, BELOW = "above the ceiling", "below the floor"


@dataclass(frozen=True, eq=False)
class MeasuredDrift:
    """N rounds, measured and bounded. Entries are NaN where the measurements do not give them.

    Attributes:
        alpha: (N,) fresh fractions, or "accumulate" or "replace".
        divergence: (N+1,) D_0 .. D_N as measured, possibly inf.
        low, high: (N+1,) ends of its confidence intervals; equal to it where no standard error was given.
        innovation: (N,) J_i to leading order; ``source`` says from what.
        ceiling: (N+1,) of D_n, leading order.
        orthogonal: (N+1,) D_n if no two innovations interfere, leading order.
        floor: (N,) of the largest of D_{i+1} and the drifts of the models that round i mixes (D_i alone with a fresh fraction).
        contributions: (N,) W_iN J_i, the parts of the root of the last ceiling.
        initial_contribution: W_-1,N sqrt(D_0).
        source: "intra_chi2", "ideal_energy * observability", "ideal_energy" (taken as wholly visible: the ceiling is then
            higher than with the observability), the first of these ", else " the next, or "" where none was measured.
        kl, kl_bound: (N,) KL(p^{i+1} || q_{i,t0}) as measured and its bound, half the learned energy.
    """

    alpha: Array | str
    divergence: Array
    low: Array
    high: Array
    innovation: Array
    ceiling: Array
    orthogonal: Array
    floor: Array
    contributions: Array
    initial_contribution: float
    source: str
    kl: Array
    kl_bound: Array

    @property
    def generations(self) -> int:
        """N."""
        return self.innovation.size

    def position(self, generation: int) -> str:
        """Where D_n lies, in words, for n = ``generation`` in 1 .. N; "" where it was not measured or has no bound.

        "above the ceiling" and what is said of interference need the whole interval of D_n beyond the bound by a factor 1.25,
        because ceiling and orthogonal sum are leading order. "below the floor" speaks of the larger of D_{n-1} and D_n.
        """
        n = integer("generation", generation, Domain(1, self.generations))
        if math.isnan(self.divergence[n]) or math.isnan(self.ceiling[n]):
            return ""
        pair = self.high[n - 1 : n + 1]
        if not isinstance(self.alpha, str) and float(np.max(pair)) < self.floor[n - 1] * (1.0 - SLACK):
            return BELOW
        if self.low[n] > self.ceiling[n] * NEAR:
            return ABOVE
        if self.divergence[n] > self.ceiling[n] * (1.0 + SLACK):
            return "at the ceiling"
        if self.low[n] > self.orthogonal[n] * NEAR:
            return "within: errors add up"
        if self.source == "ideal_energy":  # the visible part of the errors is unknown
            return "within"
        return "within: errors cancel" if self.high[n] < self.orthogonal[n] / NEAR else "within: as independent errors"


def measured_drift(
    alpha: Alpha,
    *,
    ideal_energy: MeasuredColumn = None,
    learned_energy: MeasuredColumn = None,
    observability: MeasuredColumn = None,
    intra_chi2: MeasuredColumn = None,
    intra_kl: MeasuredColumn = None,
    divergence: MeasuredColumn = None,
    initial_divergence: float = 0.0,
    confidence: float = 0.999999,
) -> MeasuredDrift:
    """Floor, ceiling and parts of the drift from what was measured in each round.

    Args:
        alpha: fresh fraction in [0, 1], one or one per generation, or "accumulate" or "replace".
        ideal_energy, learned_energy, observability, intra_chi2, intra_kl, divergence, initial_divergence: as in
            check_measurements; at least one of the columns, all of one length, with None where a round was not measured.
        confidence: of all intervals together.

    Raises:
        ValueError, TypeError: naming the column whose length or entries are wrong.
    """
    given = {
        "ideal_energy": ideal_energy,
        "learned_energy": learned_energy,
        "observability": observability,
        "intra_chi2": intra_chi2,
        "intra_kl": intra_kl,
        "divergence": divergence,
    }
    columns = {name: _entries(name, values) for name, values in given.items() if values is not None}
    if not columns:
        raise ValueError("measurements must have at least one column (an energy, a divergence, ...), got none")
    count = max(np.size(alpha), *map(len, columns.values()))
    for name, column in columns.items():
        if len(column) != count:
            raise ValueError(f"{name} must have one value per generation, {count}, got {len(column)}")
    start = real("initial_divergence", initial_divergence, NONNEGATIVE)
    mixing = resolve_mixing(alpha, count)
    noisy = sum(isinstance(entry, Estimate) for entry in columns.get("divergence", []))
    level = min(1.0 - (1.0 - real("confidence", confidence, LEVEL)) / max(noisy, 1), math.nextafter(1.0, -math.inf))
    values = {name: np.array([_value(entry) for entry in column]) for name, column in columns.items()}
    missing = np.full(count, math.nan)
    sizes, source = _innovations(values)
    root = math.sqrt(start)
    weights, first = mixing.resolvent[:, 1:], mixing.resolvent[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):
        terms = np.where(weights > 0.0, weights * sizes, 0.0)  # later rounds, measured or not, have no part in D_n
        ceiling, orthogonal = (terms.sum(axis=1) + first * root) ** 2, (terms**2).sum(axis=1) + first**2 * start
        floor = _floor_size(values, sizes, mixing.fresh) / (2.0 - mixing.fresh) ** 2
    ends = [(start, start), *(_interval(entry, level) for entry in columns.get("divergence", [None] * count))]
    return MeasuredDrift(
        mixing.alpha,
        np.concatenate([[start], values.get("divergence", missing)]),
        np.array([max(low, 0.0) for low, _ in ends]),
        np.array([high for _, high in ends]),
        sizes,
        ceiling,
        orthogonal,
        floor,
        terms[-1],
        float(first[-1] * root),
        source,
        values.get("intra_kl", missing),
        0.5 * values.get("learned_energy", missing),
    )


def _innovations(values: dict[str, Array]) -> tuple[Array, str]:
    """(N,) J_i to leading order, and the columns behind them."""
    count = len(next(iter(values.values())))
    empty = np.full(count, math.nan)
    squares, source = values.get("intra_chi2", empty), ["intra_chi2"] if "intra_chi2" in values else []
    if "ideal_energy" in values and np.any(np.isnan(squares)):
        squares = np.where(np.isnan(squares), values["ideal_energy"] * values.get("observability", np.ones(count)), squares)
        source.append("ideal_energy * observability" if "observability" in values else "ideal_energy")
    return np.sqrt(squares), ", else ".join(source)


def _floor_size(values: dict[str, Array], sizes: Array, fresh: Array) -> Array:
    """(N,) c_i I_i, a lower bound of J_i²; with the leading order of I_i where it was not measured.

    Energies without an observability bound no drift from below: all of the error may be invisible.
    """
    if "intra_chi2" in values:
        own = _share(fresh, values["intra_chi2"])
        return np.where(np.isnan(own) & ("observability" in values), _share(fresh, sizes**2), own)
    return _share(fresh, sizes**2) if "observability" in values else np.full(sizes.shape, math.nan)


def _share(fresh: Array, size: Array) -> Array:
    """fresh * size, and 0 where nothing is fresh, of an infinite size too."""
    return fresh * np.where(np.isinf(size) & (fresh == 0.0), 0.0, size)


def _entries(name: str, values: MeasuredColumn) -> list[float | Estimate | None]:
    if isinstance(values, (str, dict)) or values is None:
        raise TypeError(f"{name} must be numbers or Estimates, got {shown(values)}")
    several = np.atleast_1d(values) if isinstance(values, np.ndarray) else values
    entries = list(several) if isinstance(several, Iterable) else [several]
    if not entries:
        raise ValueError(f"{name} must have at least one entry, got none")
    domain = FRACTION if name == "observability" else NONNEGATIVE
    for entry in entries:
        infinite = isinstance(entry, (float, np.floating)) and entry == math.inf and domain is NONNEGATIVE
        if not (entry is None or infinite or isinstance(entry, Estimate)):
            real(name, entry, domain)
    return entries


def _value(entry: float | Estimate | None) -> float:
    """A measured number cut to its nonnegative part, where noise took it below zero."""
    return math.nan if entry is None else max(float(entry), 0.0)


def _interval(entry: float | Estimate | None, level: float) -> tuple[float, float]:
    if isinstance(entry, Estimate):
        return entry.interval(level)
    value = _value(entry)
    return value, value
