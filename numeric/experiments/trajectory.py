"""One run at one fresh fraction, a generation at a time; the state between two generations is all that is needed to go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from numeric.experiments.drift import measure_divergences, measure_smoothing
from numeric.experiments.embedding import Embedding, Frequencies, inner, mmd_squared
from numeric.experiments.generation_record import GenerationRecord, Prediction
from numeric.experiments.linear_moments import MomentPath, MomentState
from numeric.experiments.marginals import marginal_distances
from numeric.experiments.protocol import Protocol
from numeric.experiments.round_energies import measure_round
from numeric.experiments.streams import Purpose, stream
from numeric.experiments.training import (
    Model,
    TrainingSet,
    draw_training_set,
    fit_model,
    released_law,
    training_law,
)
from numeric.laws.process import noised
from numeric.laws.targets import as_mixture
from numeric.validation import Array

__all__ = ["SHEET", "RunState", "advance"]

SHEET = 1024  # points of every generation of a first run that are kept to look at


@dataclass(frozen=True, eq=False)
class RunState:
    """A run after ``generation`` rounds.

    Attributes:
        generation: n; 0 before the first round, where everything else is None or empty.
        model: the law that was learned last.
        moments: of its training points.
        released: embedding of p^n; late: of p^n noised for t0.
        innovations: (n, R) embeddings of g_0 .. g_{n-1}.
        sheet: (n, SHEET, d) points of p^1 .. p^n; (n, 0, d) but for the first run.
    """

    generation: int
    model: Model | None
    moments: MomentState | None
    released: Embedding | None
    late: Embedding | None
    innovations: NDArray[np.complex128]
    sheet: Array

    @staticmethod
    def begin(protocol: Protocol) -> RunState:
        """Before the first round."""
        waves = np.empty((0, protocol.frequencies), dtype=np.complex128)
        return RunState(0, None, None, None, None, waves, np.empty((0, 0, protocol.dim)))

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """As arrays for a checkpoint; ValueError before the first round."""
        if self.model is None or self.moments is None or self.released is None or self.late is None:
            raise ValueError("generation must be at least 1 for a checkpoint, got 0")
        own: dict[str, NDArray[np.generic]] = {f"model_{name}": array for name, array in self.model.to_arrays().items()}
        return {
            **own,
            "generation": np.array(self.generation),
            "moments_expected": self.moments.expected,
            "moments_covariance": self.moments.covariance,
            "moments_measured": self.moments.measured,
            "moments_offset": np.array(self.moments.offset),
            "moments_added": np.array(self.moments.added),
            "released": self.released,
            "late": self.late,
            "innovations": self.innovations,
            "sheet": self.sheet,
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[np.generic]], protocol: Protocol) -> RunState:
        """The state of ``to_arrays``; KeyError or ValueError where it is none of this protocol."""
        generation = int(np.array(arrays["generation"]))
        own = {name.removeprefix("model_"): array for name, array in arrays.items() if name.startswith("model_")}
        moments = MomentState(
            np.array(arrays["moments_expected"], dtype=np.float64),
            np.array(arrays["moments_covariance"], dtype=np.float64),
            np.array(arrays["moments_measured"], dtype=np.float64),
            float(np.array(arrays["moments_offset"])),
            float(np.array(arrays["moments_added"])),
        )
        released, late, innovations = (
            np.array(arrays[name], dtype=np.complex128) for name in ("released", "late", "innovations")
        )
        count = protocol.frequencies
        whole = released.shape == late.shape == (count,) and innovations.shape == (generation, count)
        sheet = np.array(arrays["sheet"], dtype=np.float64)
        if not whole or sheet.ndim != 3 or sheet.shape[::2] != (generation, protocol.dim):
            raise ValueError(f"sheet must have shape ({generation}, m, {protocol.dim}), got {sheet.shape}")
        return RunState(generation, Model.from_arrays(own, protocol), moments, released, late, innovations, sheet)


def advance(
    protocol: Protocol, index: int, run: int, state: RunState, *, workers: int = 1
) -> tuple[RunState, GenerationRecord]:
    """One round: draw the training points, retrain, measure.

    Args:
        protocol: the experiment.
        index: of the fresh fraction in ``protocol.alphas``. run: from 0.
        state: after the rounds so far.
        workers: threads over kernel sums; the result does not depend on it.

    Raises:
        ValueError: where the points do not admit the fit, naming the round.
    """
    alpha, step = protocol.alphas[index], state.generation
    streams = {purpose: stream(protocol.seed, index, run, step, purpose) for purpose in Purpose}
    data = as_mixture(protocol.target)
    path = MomentPath(protocol, alpha)
    training = draw_training_set(protocol, alpha, state.model, streams[Purpose.TRAINING])
    try:
        model = fit_model(protocol, training, streams[Purpose.FIT], state.model, workers=workers)
    except ValueError as problem:
        raise ValueError(f"alpha = {alpha:g}, run {run}, round {step} cannot be fitted: {problem}") from problem
    moments = path.step(state.moments, training, model, data)
    source, learned = training_law(protocol, alpha, state.model), released_law(model, protocol.process)
    energies = measure_round(
        source,
        model.law,
        protocol.process,
        queries=protocol.queries,
        rng=streams[Purpose.ENERGIES],
        workers=workers,
        observed=protocol.observes(run, step),
        nodes=protocol.nodes,
    )
    drift_streams = streams[Purpose.DRIFT].spawn(2)
    far = measure_divergences(learned, protocol.target, queries=protocol.drift_queries, rng=drift_streams[0], workers=workers)
    smoothing = measure_smoothing(
        source, noised(source, protocol.process.t0), queries=protocol.drift_queries, rng=drift_streams[1], workers=workers
    )
    marginals = marginal_distances(learned, protocol.target)

    waves, t0 = Frequencies.of(protocol), protocol.process.t0
    clean = waves.of_law(data)
    clean_late = waves.of_law(data, t0)
    share = protocol.share(alpha) if state.model is not None else 1.0
    previous, previous_late = (
        (clean, clean_late) if state.released is None or state.late is None else (state.released, state.late)
    )
    mixed, mixed_late = (share * new + (1.0 - share) * old for new, old in ((clean, previous), (clean_late, previous_late)))
    released = waves.of_law(model.law, t0)
    innovation = released - mixed
    innovations = np.concatenate([state.innovations, innovation[None]])
    sheet = learned.sample(SHEET, rng=streams[Purpose.SHEET])[: 0 if run else SHEET]
    after = RunState(
        step + 1,
        model,
        moments,
        released,
        waves.of_law(model.law, 2.0 * t0),
        innovations,
        np.concatenate([state.sheet, sheet[None]]) if step else sheet[None],
    )
    remembers = training.labels is not None
    record = GenerationRecord(
        generation=step + 1,
        energies=energies,
        kl=far.kl,
        tv=far.tv,
        log_chi2=far.log_chi2,
        log_chi2_ceiling=far.log_chi2_ceiling,
        chi2_reason=far.reason,
        marginal_w1=tuple(marginals.w1.tolist()),
        marginal_tv=tuple(marginals.tv.tolist()),
        marginal_kl=tuple(marginals.kl.tolist()),
        mmd=math.sqrt(mmd_squared(released, clean)),
        training_mmd2=waves.squared_from(_strata(training, state.model is None), clean),
        smoothing_mmd=math.sqrt(mmd_squared(mixed_late, mixed)),
        smoothing_tv=smoothing,
        gram=tuple(inner(innovation, earlier) for earlier in innovations),
        second_moment=Prediction(*path.second_moment(moments)),
        within=Prediction(*path.within_components(moments)) if remembers else None,
        within_unstopped=Prediction(*path.within_twin(moments)) if remembers else None,
    )
    return after, record


def _strata(training: TrainingSet, first: bool) -> list[Array]:
    """The training points in the strata they were drawn in."""
    cuts = [training.points] if first else [training.points[: training.fresh], training.points[training.fresh :]]
    return [part for part in cuts if part.shape[0]]
