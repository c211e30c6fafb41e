"""One retraining round by simulation, for any target and any error in any dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from numeric.estimate import Estimate
from numeric.generations.chunks import Spare, chunk_sizes, run_chunks
from numeric.generations.error_fields import error_field
from numeric.generations.errors import ScoreError, probe_error, sup_energy
from numeric.generations.frames import Frame, frame_of
from numeric.generations.generation import Generation
from numeric.generations.mixture_scores import Real, mixture_score
from numeric.generations.path_kernel import LEVELS, PathKernel
from numeric.generations.paths import path_sums, time_grid
from numeric.generations.replicas import COLUMNS, CONTROLS, LIGHT, SUSPECT, Levels, Moments, columns, gradient_of
from numeric.generations.reverse import reverse_chunks
from numeric.laws.process import OU
from numeric.laws.targets import Target, as_mixture
from numeric.validation import Array, Domain, generator, integer

__all__ = ["path_kernel", "path_moments", "projected_remainder", "simulate_generation", "variance_reduction"]

DEFAULT: Final = OU()
KEPT: Final = 10_000_000  # coordinates of endpoints kept unless asked for: 80 MB for each of the two processes
SINGLE: Final = 4.0 * float(np.finfo(np.float32).eps)  # relative: exponentials are float32, and an energy is a square
SEVERAL: Final = Domain(2, 2**31 - 1)
FEW: Final = 200  # effective draws below which a weighted mean says little
NOTHING: Final = 1e-10  # observability below which the visible energy is rounding
WEIGHT_BIAS: Final = 0.01  # grid bias of E e^Z that is let pass
STEPS: Final = Domain(4, 2**31 - 1)
NATURAL: Final = Domain(0, 2**31 - 1)


def simulate_generation(
    target: Target,
    error: ScoreError,
    process: OU = DEFAULT,
    *,
    n: int,
    steps: int,
    replicas: int = 2,
    rng: np.random.Generator | int | None,
    workers: int = 1,
    keep: int | None = None,
) -> Generation:
    """Energies, observability and divergences of one round by Monte Carlo; both processes start from q_T.

    ``n`` endpoints are drawn from q_t0 and ``replicas`` exact ideal paths from each. Visible energy, chi2 and visible gap are
    U-statistics over pairs of replicas; energies, path chi2 and remainder are means over paths. Standard errors are over the
    independent endpoints. Statistics of known mean zero (``replicas.CONTROLS``) are regressed out, at a bias O(1/n)
    (e^Z - 1 of means of weights alone), and the leading grid bias is removed by extrapolation from half the grid along the same
    paths. Learned energy is measured twice, by reweighting ideal paths with e^Z and by a separate reverse simulation of the
    learned process, which also gives the samples ``endpoint``.

    Simulation bounds nothing from above that may be infinite: where X is infinite its estimate is finite all the same, and no
    effective sample size shows it. ``reasons`` says so for every quantity concerned, unless Lambda bounds V.

    Args:
        target: q at t = 0.
        error: e(x, t), added to the exact score; called from ``workers`` threads at once.
        process: t0 and T; the default is OU().
        n: endpoints, at least 2.
        steps: time steps from t0 to T, at least 4, on a grid refined near t0; 64 to 100 serve most targets.
        replicas: independent ideal paths per endpoint, at least 2.
        rng: generator, seed or None; the same seed gives bitwise the same numbers for any ``workers``.
        workers: threads.
        keep: endpoints of either process to keep in ``endpoint`` and ``ideal_endpoint``, the first ones, all alike in law; all
            of them by default, up to 10^7/d. Every number uses all ``n``; what is not kept costs no memory.

    Returns:
        Generation with ``Estimate`` fields. ``kl``, ``reverse_kl`` and ``gradient_energy`` are None: they need a density, and
        R log R has no unbiased estimate from replicas. ``numerical_error`` is the change from halving the grid
        along the same paths, extrapolated at both levels, plus the rounding of float32.

    Raises:
        ValueError, TypeError: naming the argument that is wrong.

    Source: KTV-A, Def. 3.2 and Thm. 3.4 for the quantities; the estimators are ours.
    """
    stream = generator(rng)
    dim, count = as_mixture(target).dim, integer("n", n, SEVERAL)
    held = min(count, max(1, KEPT // dim)) if keep is None else min(count, integer("keep", keep, NATURAL))
    forward_stream, reverse_stream = stream.spawn(2)
    levels, endpoints = path_moments(
        target, error, process, n=count, steps=steps, replicas=replicas, rng=forward_stream, workers=workers, keep=held
    )
    reverse, learned_endpoints = Moments.empty(2), _Kept(held, dim)
    for rows, energy, coarse in reverse_chunks(target, process, count, steps, error, rng=reverse_stream, workers=workers):
        reverse = reverse.merge(Moments.of(np.stack([energy, energy - coarse])))
        learned_endpoints.add(rows)
    estimates, halved = _estimates(levels.extrapolated, levels.fine), _estimates(levels.halved, levels.fine)
    ideal = estimates["ideal_energy"]
    independent = reverse.estimate(float(reverse.mean[0]), np.array([1.0, 0.0]))
    if ideal is None or independent is None:
        raise ValueError("error must keep every path finite, got a score error that is not finite or that makes paths explode")
    numerical_error = {
        name: abs(value.value - other.value) + SINGLE * abs(value.value)
        for name, value in estimates.items()
        if value is not None and (other := halved[name]) is not None
    }
    numerical_error["learned_energy_reverse"] = abs(float(reverse.mean[1])) + SINGLE * abs(independent.value)
    bound = sup_energy(error, dim, process)
    return Generation(
        target=target,
        error=error,
        process=process,
        start="ideal",
        method=f"simulation: {n} endpoints, {replicas} replicas, {steps} steps",
        ideal_energy=ideal,
        learned_energy=estimates["learned_energy"],
        path_chi2=estimates["path_chi2"],
        visible_energy=estimates["visible_energy"],
        observability=estimates["observability"],
        chi2=estimates["chi2"],
        kl=None,
        reverse_kl=None,
        remainder=estimates["remainder"],
        gradient_energy=None,
        sup_energy=bound,
        visible_gap=estimates["visible_gap"],
        endpoint=learned_endpoints.rows(),
        ideal_endpoint=endpoints,
        learned_energy_reverse=independent,
        weight_mean=estimates["weight_mean"],
        numerical_error=numerical_error,
        variance_reduction=variance_reduction(levels),
        reasons=_reasons(estimates, bound),
    )


def path_moments(
    target: Target,
    error: ScoreError,
    process: OU,
    *,
    n: int,
    steps: int,
    replicas: int,
    rng: np.random.Generator,
    workers: int,
    keep: int | None = None,
    real: Real = np.float32,
) -> tuple[Levels, Array]:
    """Moments of ``numeric.generations.replicas.COLUMNS`` over ideal paths, and the first ``keep`` endpoints (keep, d).

    ``real`` is the precision of scores, errors and inner products; the paths are the same in either.
    """
    dim = as_mixture(target).dim
    if not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {type(process).__name__}")
    count, pieces = integer("n", n, SEVERAL), integer("steps", steps, STEPS)
    copies, threads = integer("replicas", replicas, SEVERAL), integer("workers", workers)
    for time in (process.t0, process.T):
        probe_error(error, dim, time)
    kernel, frame = path_kernel(target, error, process, pieces, real)
    marginal = process.marginal(target, process.t0)
    spare = Spare(kernel.worker)

    def run(size: int, stream: np.random.Generator) -> tuple[Moments, Array]:
        worker = spare.take(size * copies)
        # numpy's error state is per thread: an overflow is reported by the caller, as a field without a value
        with np.errstate(over="ignore", invalid="ignore"):
            endpoints = marginal.sample(size, rng=stream)
            frame.enter(np.tile(endpoints, (copies, 1)), process.t0, worker.points.x)
            grids, noise = path_sums(worker.run(stream))
            rows = np.concatenate([columns(sums, noise, copies) for sums in grids])
            moments = Moments.of(rows)
        spare.give(size * copies, worker)
        return moments, endpoints

    sizes = chunk_sizes(count, dim, kernel.score.floats() + kernel.error.floats(), copies)
    total, kept = Moments.empty(3 * len(COLUMNS)), _Kept(count if keep is None else keep, dim)
    with np.errstate(over="ignore", invalid="ignore"):
        for moments, endpoints in run_chunks(run, sizes, rng, threads):
            total = total.merge(moments)
            kept.add(endpoints)
        return Levels.of(total), kept.rows()


def path_kernel(
    target: Target, error: ScoreError, process: OU, steps: int, real: Real, levels: int = LEVELS
) -> tuple[PathKernel, Frame]:
    """The kernel for one problem, and the coordinates that its paths live in."""
    grid, frame = time_grid(target, error, process, steps), frame_of(target, error)
    score = mixture_score(frame.target, grid, real)
    field = error_field(error if frame.error is None else frame.error, frame.target, grid, real)
    return PathKernel(score, field, grid, real, levels), frame


class _Kept:
    """The first ``count`` of the endpoints that pass by."""

    def __init__(self, count: int, dim: int) -> None:
        self.left, self.parts = count, [np.empty((0, dim))]

    def add(self, rows: Array) -> None:
        if self.left:
            self.parts.append(rows[: self.left].copy())
            self.left -= self.parts[-1].shape[0]

    def rows(self) -> Array:
        return np.concatenate(self.parts)


def projected_remainder(levels: Levels) -> Estimate | None:
    """E[ E[e^Z - 1 - M | Y_t0]^2 ], the remainder as the endpoint sees it: |sqrt(I) - sqrt(eta) eps*| <= its square root."""
    gradient, moments = gradient_of(chi2=1.0, gap=-2.0, visible=1.0), levels.extrapolated.controlled(CONTROLS)
    return moments.estimate(float(gradient @ moments.mean), gradient, ess=_sizes(levels.fine)[2], heavy=True)


def _sizes(fine: Moments) -> tuple[float, float, float]:
    """Effective sample sizes for the weights e^Z and e^2Z of paths and R^2 of endpoints."""
    ratio = gradient_of(chi2=1.0, weight=2.0)  # R^2 = (R - 1)^2 + 2 (R - 1) + 1
    return fine.ess(gradient_of(weight=1.0), 1.0), fine.ess(gradient_of(weight_square=1.0)), fine.ess(ratio, 1.0)


def _forms(moments: Moments, fine: Moments) -> dict[str, tuple[float, Array, float | None] | None]:
    """Each quantity as a function of the mean statistics: value, gradient and, for means of weights, effective sample size.

    None where it has no value."""
    mean = dict(zip(COLUMNS, moments.mean.tolist(), strict=True))
    once, twice, ratio = _sizes(fine)
    energy, visible, gap = mean["energy"], mean["visible"], mean["gap"]
    out: dict[str, tuple[float, Array, float | None] | None] = {
        "ideal_energy": (energy, gradient_of(energy=1.0), None),
        "learned_energy": (mean["weighted_energy"], gradient_of(weighted_energy=1.0), once),
        "path_chi2": (mean["path_chi2"], gradient_of(path_chi2=1.0), twice),
        "visible_energy": (visible, gradient_of(visible=1.0), None),
        "chi2": (mean["chi2"], gradient_of(chi2=1.0), ratio),
        "remainder": (mean["remainder"], gradient_of(remainder=1.0), twice),
        "observability": (0.0, gradient_of(), None),
        "visible_gap": None,
    }
    if energy > 0.0:
        out["observability"] = visible / energy, gradient_of(visible=1.0 / energy, energy=-visible / energy**2), None
    noise = math.sqrt(max(moments.variance(gradient_of(visible=1.0)), 0.0))
    if visible > 5.0 * noise and visible > NOTHING * energy:  # else it is noise over noise
        quotient = gap / visible
        out["visible_gap"] = gap * quotient, gradient_of(gap=2.0 * quotient, visible=-(quotient**2)), once
    return out


def _controlled(raw: Moments, fine: Moments) -> Iterator[tuple[str, Moments, tuple[float, Array, float | None] | None]]:
    """Each quantity with the moments that it is formed of: means of weights use all controls, the others the light ones."""
    moments, light = raw.controlled(CONTROLS), raw.controlled(LIGHT)
    own = _forms(light, fine)
    for name, form in _forms(moments, fine).items():
        weighted = name == "visible_gap" or (form is not None and form[2] is not None)
        yield (name, moments, form) if weighted else (name, light, own[name])


def _estimates(raw: Moments, fine: Moments) -> dict[str, Estimate | None]:
    out = {
        name: None if form is None else moments.estimate(form[0], form[1], ess=form[2], heavy=form[2] is not None)
        for name, moments, form in _controlled(raw, fine)
    }
    # a control of itself, so without controls
    mean = 1.0 + float(raw.mean[COLUMNS.index("weight")])
    return out | {"weight_mean": raw.estimate(mean, gradient_of(weight=1.0), ess=_sizes(fine)[0], heavy=True)}


def variance_reduction(levels: Levels) -> dict[str, float]:
    """Variance without control variates over variance with them, by quantity; only where neither is zero."""
    raw = levels.extrapolated
    out = {}
    for name, moments, form in _controlled(raw, levels.fine):
        if form is not None:
            before, after = raw.variance(form[1]), moments.variance(form[1])
            if 0.0 < after < math.inf and 0.0 < before < math.inf:
                out[name] = before / after
    return out


def _reasons(estimates: dict[str, Estimate | None], bound: float) -> dict[str, str]:
    reasons = {
        "kl": "simulation has no density, and replicas give no unbiased estimate of R log R",
        "reverse_kl": "simulation has no density, and replicas give no unbiased estimate of log R",
        "gradient_energy": "the projection on gradients needs a density",
    }
    for name, estimate in estimates.items():
        if estimate is None and name == "visible_gap":
            reasons[name] = "the visible energy cannot be told from zero"
        elif estimate is None:
            reasons[name] = "the weights overflowed"
        else:
            notes = []
            if name in ("path_chi2", "remainder") and not np.isfinite(bound):
                notes.append("V has no known bound, so the true value may be infinite: the estimate is no upper bound")
            if estimate.ess is not None and estimate.ess < min(FEW, estimate.n):
                notes.append(f"the weights are degenerate: effective sample size {estimate.ess:.0f} of {estimate.n}")
            if name == "weight_mean" and abs(estimate.value - 1.0) > SUSPECT * estimate.stderr + WEIGHT_BIAS:
                notes.append("E e^Z is not one: too coarse a grid, degenerate weights, or a divergence that is not the error's")
            if notes:
                reasons[name] = "; ".join(notes)
    return reasons
