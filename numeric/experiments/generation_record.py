"""What is measured of one generation of one run, and its plain form for checkpoints and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from numeric.estimate import Estimate
from numeric.experiments.round_energies import RoundEnergies

__all__ = ["GenerationRecord", "Prediction", "Quantity", "bare", "plain", "quantity"]

Quantity: TypeAlias = float | Estimate


@dataclass(frozen=True)
class Prediction:
    """A number measured in a run beside its exact expectation over all runs.

    Attributes:
        measured, expected: both known without Monte Carlo error of their own.
        stderr: standard deviation of ``measured`` between runs.
    """

    measured: float
    expected: float
    stderr: float

    @property
    def z(self) -> float:
        """Deviation in standard errors; 0 where both agree exactly."""
        gap = self.measured - self.expected
        if self.stderr > 0.0:
            return gap / self.stderr
        return 0.0 if gap == 0.0 else math.copysign(math.inf, gap)


@dataclass(frozen=True, eq=False, kw_only=True)
class GenerationRecord:
    """Generation n of a run: p^n, and round n - 1 that made it.

    Attributes:
        generation: n, from 1.
        energies: of round n - 1: q_{n-1} against the law that was learned.
        kl, tv: KL(p^n || p) and TV(p^n, p).
        log_chi2: log(1 + D_n), inf where D_n is; chi2_reason says why. log_chi2_ceiling: what it cannot exceed.
        marginal_w1, marginal_tv, marginal_kl: of the one-dimensional marginals of p^n and p, one per coordinate.
        mmd: of p^n from p. training_mmd2: squared, of the training points of round n - 1 from p, unbiased. smoothing_mmd: of
            q_{n-1,t0} from q_{n-1}. All under the kernel of ``Frequencies``.
        smoothing_tv: TV(q_{n-1,t0}, q_{n-1}).
        gram: <g_{n-1}, g_j> for j = 0 .. n - 1 in the space of that kernel, g_i the innovation of round i.
        second_moment: E|x|²/d of p^n.
        within: variance within the components of the data of the law learned in round n - 1, by descent; None where fits
            forget it.
        within_unstopped: the same in the run without early stopping, made with the same draws.
    """

    generation: int
    energies: RoundEnergies
    kl: Quantity
    tv: Quantity
    log_chi2: Quantity
    log_chi2_ceiling: float
    chi2_reason: str
    marginal_w1: tuple[float, ...]
    marginal_tv: tuple[float, ...]
    marginal_kl: tuple[float, ...]
    mmd: float
    training_mmd2: Estimate
    smoothing_mmd: float
    smoothing_tv: Estimate
    gram: tuple[float, ...]
    second_moment: Prediction
    within: Prediction | None
    within_unstopped: Prediction | None

    def to_dict(self) -> dict[str, Any]:
        """Numbers, strings, None, lists and dicts alone; infinities as strings."""
        out: dict[str, Any] = {}
        for entry in fields(self):
            value = getattr(self, entry.name)
            out[entry.name] = value.to_dict() if isinstance(value, RoundEnergies) else value
        return plain(out)  # type: ignore[no-any-return]

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> GenerationRecord:
        """The record of ``to_dict``, bit by bit. KeyError, TypeError or ValueError where it is none."""
        names = {entry.name for entry in fields(GenerationRecord)}
        if set(content) != names:
            raise ValueError(
                f"record must have the fields of a GenerationRecord, got a difference in {sorted(names ^ set(content))}"
            )
        given = {name: _back(value) for name, value in content.items()}
        given["energies"] = RoundEnergies.from_dict(bare(content["energies"]))
        for name in ("kl", "tv", "log_chi2", "training_mmd2", "smoothing_tv"):
            given[name] = quantity(given[name])
        for name in ("marginal_w1", "marginal_tv", "marginal_kl", "gram"):
            given[name] = tuple(float(entry) for entry in given[name])
        for name in ("second_moment", "within", "within_unstopped"):
            given[name] = None if given[name] is None else Prediction(**given[name])
        return GenerationRecord(**given)


def quantity(value: object) -> Quantity:
    """A float or an Estimate from its plain form."""
    if isinstance(value, Mapping):
        return Estimate(**value)
    return float(value)  # type: ignore[arg-type]


def plain(value: object) -> Any:
    """Strict JSON values; infinities and NaN as the strings "inf", "-inf" and "nan"."""
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, (Estimate, Prediction)):
        return {entry.name: plain(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value


def _back(value: object) -> Any:
    """The numbers of ``plain`` again."""
    if isinstance(value, Mapping):
        return {name: _back(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_back(entry) for entry in value]
    return float(value) if value in ("inf", "-inf", "nan") else value


def bare(content: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of ``plain`` with their numbers again, texts as they are."""
    return {name: value if name in ("reasons", "reason") else _back(value) for name, value in content.items()}
