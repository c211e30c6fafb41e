"""What is measured of one round in the population limit, and its plain form for checkpoints and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from numeric.experiments.generation_record import Quantity, bare, plain, quantity
from numeric.experiments.population import population_rounds
from numeric.experiments.protocol import Protocol
from numeric.experiments.round_energies import RoundEnergies
from numeric.experiments.streams import Purpose, stream

__all__ = ["PopulationRecord", "population_records"]


@dataclass(frozen=True, eq=False, kw_only=True)
class PopulationRecord:
    """Generation n of infinitely many points.

    Attributes:
        generation: n, from 1.
        energies: of round n - 1.
        divergence: D_n, inf where reason says why.
        within: mean variance within the Gaussians that p^n is made of.
    """

    generation: int
    energies: RoundEnergies
    divergence: Quantity
    reason: str
    within: float

    def to_dict(self) -> dict[str, Any]:
        """Numbers, strings, None, lists and dicts alone; infinities as strings."""
        out = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return plain({**out, "energies": self.energies.to_dict()})  # type: ignore[no-any-return]

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> PopulationRecord:
        """The record of ``to_dict``, bit by bit. KeyError, TypeError or ValueError where it is none."""
        given = bare(content)
        given["energies"] = RoundEnergies.from_dict(bare(content["energies"]))
        given["divergence"] = quantity(given["divergence"])
        return PopulationRecord(**given)


def population_records(protocol: Protocol, index: int, done: int, workers: int) -> Iterator[PopulationRecord]:
    """The rounds after the first ``done``, one by one; none for a fit, whose limit is the data law itself."""
    if protocol.bandwidth is None:
        return
    rounds = population_rounds(
        protocol.target,
        protocol.bandwidth,
        protocol.process,
        protocol.share(protocol.alphas[index]),
        protocol.generations,
        queries=protocol.queries,
        rng=stream(protocol.seed, index, 0, 0, Purpose.POPULATION),
        observed=protocol.observed,
        nodes=protocol.nodes,
        workers=workers,
        first=done,
    )
    for one in rounds:
        yield PopulationRecord(
            generation=one.index + 1,
            energies=one.energies,
            divergence=float("inf") if one.reason else one.divergence,
            reason=one.reason or "",
            within=one.within,
        )
