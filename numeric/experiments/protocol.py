"""The protocol of a retraining experiment: everything that its numbers depend on, and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

import numpy as np

from numeric.experiments.round_energies import checked_sizes
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture, paper_mixture
from numeric.validation import COUNT, FRACTION, POSITIVE, Domain, integer, kernel_width, real, shown

__all__ = ["RETRAINS", "Protocol", "default_bandwidth", "paper_protocol"]

RETRAINS: Final = ("kde", "mixture-fit", "gaussian-fit")
SEED: Final = Domain(0, 2**63 - 1)
MANY: Final = Domain(0, 2**31 - 1)
FEWEST_QUERIES: Final = Domain(32, 2**31 - 1)  # fewer draws give no standard error worth the name
FEWEST_POINTS: Final = Domain(50, 2**31 - 1)


@dataclass(frozen=True, eq=False)
class Protocol:
    """One experiment: every fresh fraction, run by run, generation by generation.

    Attributes:
        name: of the target, as a reader knows it.
        target: the data law p, which is also p^0.
        retrain: "kde" (Gaussian kernels), "mixture-fit" (full-covariance EM) or "gaussian-fit" (mean and 1/n covariance).
        alphas: fresh fractions in [0, 1], all different.
        generations: rounds N of every run. n: training points per round. runs: independent runs per fresh fraction.
        process: noising, early stop t0 and horizon T.
        bandwidth: standard deviation of the kernels, for "kde" alone. components: of the fit, for "mixture-fit" alone.
        queries: draws per round behind energies and divergences of that round.
        drift_queries: draws per generation behind the divergences from the data.
        frequencies: of the kernel sum_r cos(w_r . (x - y))/R of MMD, drawn once.
        observed: endpoints whose replicas measure observability, in ``observed_rounds`` rounds of every fraction's first run.
        nodes: times at which the energies are integrated a second time, at most queries/2; 0 to leave that out.
        seed: of every stream.
        data: digest of the file that the target was fitted to, "" where there is none.

    Raises:
        ValueError, TypeError: naming the field.
    """

    name: str
    target: Target
    retrain: str
    alphas: tuple[float, ...]
    generations: int
    n: int
    runs: int
    process: OU = field(default_factory=OU)
    bandwidth: float | None = None
    components: int | None = None
    queries: int = 1000
    drift_queries: int = 1000
    frequencies: int = 192
    observed: int = 0
    observed_rounds: int = 3
    nodes: int = 16
    seed: int = 0
    data: str = ""

    def __post_init__(self) -> None:
        dim = as_mixture(self.target).dim
        for name in ("name", "data"):
            if not isinstance(getattr(self, name), str):
                raise TypeError(f"{name} must be a string, got {shown(getattr(self, name))}")
        if self.retrain not in RETRAINS:
            raise ValueError(f"retrain must be one of {RETRAINS}, got {shown(self.retrain)}")
        if isinstance(self.alphas, str) or not isinstance(self.alphas, Sequence) or not self.alphas:
            raise TypeError(f"alphas must be a tuple of fresh fractions, got {shown(self.alphas)}")
        shares = tuple(real("alphas", share, FRACTION) for share in self.alphas)
        if len(set(shares)) != len(shares):
            raise ValueError(f"alphas must all be different, got {shown(shares)}")
        object.__setattr__(self, "alphas", shares)
        domains = {
            "generations": COUNT,
            "n": FEWEST_POINTS,
            "runs": COUNT,
            "queries": FEWEST_QUERIES,
            "drift_queries": FEWEST_QUERIES,
            "frequencies": COUNT,
            "observed": MANY,
            "observed_rounds": MANY,
            "nodes": MANY,
            "seed": SEED,
        }
        for name, domain in domains.items():
            object.__setattr__(self, name, integer(name, getattr(self, name), domain))
        checked_sizes(self.queries, self.observed, self.nodes, 1)
        if not isinstance(self.process, OU):
            raise TypeError(f"process must be an OU, got {shown(self.process)}")
        if (self.bandwidth is None) == (self.retrain == "kde"):
            raise ValueError(f"bandwidth must be given for 'kde' and for nothing else, got {shown(self.bandwidth)}")
        if self.bandwidth is not None:
            object.__setattr__(self, "bandwidth", kernel_width(self.bandwidth, POSITIVE))
        if (self.components is None) == (self.retrain == "mixture-fit"):
            raise ValueError(f"components must be given for 'mixture-fit' and for nothing else, got {shown(self.components)}")
        if self.components is not None:
            object.__setattr__(self, "components", integer("components", self.components))
        least = 2 * dim * (self.components or 1) if self.retrain != "kde" else 1
        if self.n < least:
            raise ValueError(f"n must be at least {least} for {self.retrain!r} in dimension {dim}, got {self.n}")

    @property
    def dim(self) -> int:
        """Dimension d."""
        return as_mixture(self.target).dim

    @property
    def rounds(self) -> int:
        """Rounds of all runs of all fresh fractions together, those of the population limit of a KDE among them."""
        return len(self.alphas) * (self.runs + (self.retrain == "kde")) * self.generations

    def fresh(self, alpha: float) -> int:
        """Fresh points per round: the share alpha of n, rounded to whole points."""
        return round(alpha * self.n)

    def share(self, alpha: float) -> float:
        """The fresh fraction that this many points are, which every expected value uses."""
        return self.fresh(alpha) / self.n

    def observes(self, run: int, round_index: int) -> int:
        """How many endpoints to observe in this round: the first, middle and last round of the first run, or none."""
        if run or not self.observed or not self.observed_rounds:
            return 0
        chosen = np.unique(np.linspace(0, self.generations - 1, min(self.observed_rounds, self.generations)).round())
        return self.observed if round_index in chosen.astype(int).tolist() else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, strict JSON."""
        law = as_mixture(self.target)
        out: dict[str, Any] = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        out["alphas"] = list(self.alphas)
        out["process"] = {"t0": self.process.t0, "T": self.process.T}
        same = bool(np.all(law.covs == law.covs[0]))
        out["target"] = {
            "kind": "gaussian" if isinstance(self.target, Gaussian) else "mixture",
            "weights": law.weights.tolist(),
            "means": law.means.tolist(),
            "covs": law.covs[0].tolist() if same else law.covs.tolist(),
        }
        return out

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Protocol:
        """The protocol of ``to_dict``. KeyError, TypeError or ValueError where it is none."""
        given = dict(content)
        target = given.pop("target")
        process = given.pop("process")
        alphas = tuple(given.pop("alphas"))
        covs = np.array(target["covs"])
        means = np.array(target["means"])
        law: Target
        if target["kind"] == "gaussian":
            law = Gaussian(means[0], covs)
        else:
            full = covs if covs.ndim == 3 else np.broadcast_to(covs, (means.shape[0], *covs.shape)).copy()
            law = GaussianMixture(target["weights"], means, full)
        return Protocol(target=law, process=OU(process["t0"], process["T"]), alphas=alphas, **given)

    @property
    def fingerprint(self) -> str:
        """A digest that two protocols share exactly where all their fields agree."""
        text = json.dumps(self.to_dict(), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def difference(self, other: Protocol) -> str | None:
        """The first field in which another protocol differs, with both values; None where there is none."""
        ours, theirs = self.to_dict(), other.to_dict()
        for name in ours:
            if ours[name] != theirs[name]:
                if name == "target":
                    return "target (its parameters differ)"
                return f"{name} ({_told(theirs[name])} there, {_told(ours[name])} here)"
        return None


def _told(value: object) -> str:
    if isinstance(value, list):
        return ",".join(_told(entry) for entry in value)
    if isinstance(value, dict):
        return " ".join(f"{name}={_told(entry)}" for name, entry in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def default_bandwidth(target: Target, n: int) -> float:
    """Scott's rule for n points: the root mean square spread within the components of the target times n^(-1/(d + 4))."""
    law = as_mixture(target)
    within = float(np.einsum("k,kaa->", law.weights, law.covs)) / law.dim
    return math.sqrt(within) * math.pow(n, -1.0 / (law.dim + 4))


def paper_protocol(quick: bool = False, *, seed: int = 0) -> Protocol:
    """The protocol of KTV-A: 10-D mixture, kernels of bandwidth 0.6, 100,000 points, 20 generations, three fractions, 10 runs.

    ``quick``: the same law and fractions with 20,000 points, 10 generations and 3 runs.
    """
    full = Protocol(
        "paper",
        paper_mixture(),
        "kde",
        (0.1, 0.5, 0.9),
        generations=20,
        n=100_000,
        runs=10,
        bandwidth=0.6,
        queries=1000,
        drift_queries=500,
        observed=1000,
        seed=seed,
    )
    return replace(full, generations=10, n=20_000, runs=3, queries=500, observed=200) if quick else full
