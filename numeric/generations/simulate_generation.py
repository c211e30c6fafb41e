"""One retraining round by simulation, for any target and any error in any dimension."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np

from numeric.estimate import Estimate, mean_estimate
from numeric.generations.errors import ScoreError, probe_error, sup_energy
from numeric.generations.generation import Generation
from numeric.generations.paths import error_field, ideal_path_sums, score_field, time_grid
from numeric.generations.replicas import COLUMNS, CONTROLS, SUSPECT, Levels, Moments, columns, gradient_of
from numeric.generations.reverse import reverse_paths
from numeric.laws.process import OU
from numeric.laws.targets import Target, as_mixture
from numeric.validation import Array, Domain, generator, integer

__all__ = ["path_moments", "projected_remainder", "simulate_generation"]

DEFAULT: Final = OU()
CHUNK: Final = 1 << 16  # coordinates simulated together; fixed, so that the number of workers cannot change the streams
SEVERAL: Final = Domain(2, 2**31 - 1)
FEW: Final = 200  # effective draws below which a weighted mean says little
NOTHING: Final = 1e-10  # observability below which the visible energy is rounding
WEIGHT_BIAS: Final = 0.01  # grid bias of E e^Z that is let pass
STEPS: Final = Domain(4, 2**31 - 1)


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
) -> Generation:
    """Energies, observability and divergences of one round by Monte Carlo; both processes start from q_T.

    ``n`` endpoints are drawn from q_t0 and ``replicas`` exact ideal paths from each. Visible energy, chi2 and visible gap are
    U-statistics over pairs of replicas; energies, path chi2 and remainder are means over paths. Standard errors are over the
    independent endpoints. Statistics of known mean zero (``replicas.CONTROLS``) are regressed out, at a bias O(1/n),
    and the leading grid bias is removed by extrapolation from half the grid along the same paths. Learned energy is measured
    twice, by reweighting ideal paths with e^Z and by a separate reverse simulation of the learned process, which also gives
    the samples ``endpoint``.

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

    Returns:
        Generation with ``Estimate`` fields. ``kl``, ``reverse_kl`` and ``gradient_energy`` are None: they need a density, and
        R log R has no unbiased estimate from replicas. ``numerical_error`` is the change from halving the grid
        along the same paths, extrapolated at both levels.

    Raises:
        ValueError, TypeError: naming the argument that is wrong.

    Source: KTV-A, Def. 3.2 and Thm. 3.4 for the quantities; the estimators are ours.
    """
    stream = generator(rng)
    forward_stream, reverse_stream = stream.spawn(2)
    levels, endpoints = path_moments(
        target, error, process, n=n, steps=steps, replicas=replicas, rng=forward_stream, workers=workers
    )
    learned_endpoints, learned_energy, coarse_energy = reverse_paths(
        target, process, n, steps, error, rng=reverse_stream, workers=workers
    )
    estimates, halved = _estimates(levels.extrapolated, levels.fine), _estimates(levels.halved, levels.fine)
    ideal = estimates["ideal_energy"]
    if ideal is None or not (np.all(np.isfinite(learned_endpoints)) and np.all(np.isfinite(learned_energy))):
        raise ValueError("error must keep every path finite, got a score error that is not finite or that makes paths explode")
    numerical_error = {
        name: abs(value.value - other.value)
        for name, value in estimates.items()
        if value is not None and (other := halved[name]) is not None
    }
    independent = mean_estimate(learned_energy)
    numerical_error["learned_energy_reverse"] = abs(float(np.mean(learned_energy - coarse_energy)))
    bound = sup_energy(error, as_mixture(target).dim, process)
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
        endpoint=learned_endpoints,
        ideal_endpoint=endpoints,
        learned_energy_reverse=independent,
        weight_mean=estimates["weight_mean"],
        numerical_error=numerical_error,
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
) -> tuple[Levels, Array]:
    """Moments of ``numeric.generations.replicas.COLUMNS`` over ideal paths, and the endpoints (n, d)."""
    law = as_mixture(target)
    dim = law.dim
    if not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {type(process).__name__}")
    count, pieces = integer("n", n, SEVERAL), integer("steps", steps, STEPS)
    copies, threads = integer("replicas", replicas, SEVERAL), integer("workers", workers)
    for time in (process.t0, process.T):
        probe_error(error, dim, time)
    grid = time_grid(target, error, process, pieces)
    scores = [score_field(target, float(t)) for t in grid]
    errors = [error_field(error, float(t)) for t in grid]
    marginal = process.marginal(target, process.t0)
    size = max(1, CHUNK // (dim * copies))
    sizes = [min(size, count - start) for start in range(0, count, size)]

    def run(job: tuple[int, np.random.Generator]) -> tuple[Moments, Array]:
        endpoints_here, stream = job
        # numpy's error state is per thread: an overflow is reported by the caller, as a field without a value
        with np.errstate(over="ignore", invalid="ignore"):
            endpoints = marginal.sample(endpoints_here, rng=stream)
            start = np.tile(endpoints.T, (1, copies))
            grids, noise = ideal_path_sums(start, scores, errors, grid, stream)
            rows = np.concatenate([columns(sums, noise, copies) for sums in grids])
            return Moments.of(rows), endpoints

    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(run, zip(sizes, rng.spawn(len(sizes)), strict=True)))
    with np.errstate(over="ignore", invalid="ignore"):
        total = parts[0][0]
        for moments, _ in parts[1:]:
            total = total.merge(moments)
        return Levels.of(total), np.concatenate([part[1] for part in parts])


def projected_remainder(levels: Levels) -> Estimate | None:
    """E[ E[e^Z - 1 - M | Y_t0]^2 ], the remainder as the endpoint sees it: |sqrt(I) - sqrt(eta) eps*| <= its square root."""
    gradient, moments = gradient_of(chi2=1.0, gap=-2.0, visible=1.0), levels.extrapolated.controlled(CONTROLS)
    return moments.estimate(float(gradient @ moments.mean), gradient, ess=_sizes(levels.fine)[2], heavy=True)


def _sizes(fine: Moments) -> tuple[float, float, float]:
    """Effective sample sizes for the weights e^Z and e^2Z of paths and R^2 of endpoints."""
    ratio = gradient_of(chi2=1.0, weight=2.0)  # R^2 = (R - 1)^2 + 2 (R - 1) + 1
    return fine.ess(gradient_of(weight=1.0), 1.0), fine.ess(gradient_of(weight_square=1.0)), fine.ess(ratio, 1.0)


def _estimates(raw: Moments, fine: Moments) -> dict[str, Estimate | None]:
    moments = raw.controlled(CONTROLS)
    mean = dict(zip(COLUMNS, moments.mean.tolist(), strict=True))
    once, twice, ratio = _sizes(fine)

    def plain(column: str, ess: float | None = None, heavy: bool = False) -> Estimate | None:
        return moments.estimate(mean[column], gradient_of(**{column: 1.0}), ess=ess, heavy=heavy)

    seen = plain("visible")
    out = {
        "ideal_energy": plain("energy"),
        "learned_energy": plain("weighted_energy", once, True),
        "path_chi2": plain("path_chi2", twice, True),
        "visible_energy": seen,
        "chi2": plain("chi2", ratio, True),
        "remainder": plain("remainder", twice, True),
        "weight_mean": raw.estimate(1.0 + float(raw.mean[COLUMNS.index("weight")]), gradient_of(weight=1.0), ess=once),
        "observability": Estimate(0.0, 0.0, moments.n),
        "visible_gap": None,
    }
    energy, visible, gap = mean["energy"], mean["visible"], mean["gap"]
    if energy > 0.0:
        slopes = gradient_of(visible=1.0 / energy, energy=-visible / energy**2)
        out["observability"] = moments.estimate(visible / energy, slopes)
    if seen is not None and visible > 5.0 * seen.stderr and visible > NOTHING * energy:  # else it is noise over noise
        quotient = gap / visible
        slopes = gradient_of(gap=2.0 * quotient, visible=-(quotient**2))
        out["visible_gap"] = moments.estimate(gap * quotient, slopes, ess=once, heavy=True)
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
