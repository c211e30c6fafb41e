"""The reverse process of a learned law as a sampler would run it: Euler-Maruyama steps, a full score evaluation in each.

An experiment never needs it, because the endpoint of the exact-score reverse process started at p^_T is the learned law noised
for t0, drawn exactly. This is the control of that statement: it knows the score and no sample of the law but the start.
"""

from __future__ import annotations

import math

import numpy as np

from numeric.laws.law import Law
from numeric.laws.noised_rows import narrowest, noised_logpdf_and_score
from numeric.laws.process import OU, noised
from numeric.validation import COUNT, Array, generator, integer, shown

__all__ = ["literal_samples"]


def literal_samples(
    learned: Law,
    process: OU,
    n: int,
    steps: int,
    *,
    rng: np.random.Generator | int | None,
    score: Law | None = None,
    sign: int = 1,
    workers: int = 1,
) -> Array:
    """``n`` endpoints at t0 of dY = (Y/2 + score_t(Y)) dtau + dW started from ``learned`` noised for T; (n, d).

    Args:
        learned: p^ at t = 0: a Gaussian, a GaussianMixture, a KernelMixture or a Blend of these.
        process: t0 and T.
        n: paths. Cost: n * steps scores of p^, 3 ns for each of its kernels.
        steps: Euler-Maruyama steps, proportional to the least variance of the noised law (at most 1); weak order 1.
        rng: generator or seed; the result is the same for any ``workers``.
        score: the law whose noised scores drive the process; by default ``learned`` itself. Another one is there for controls.
        sign: of Y/2. +1 is the reverse process; -1 is the classic mistake, there for controls to reject.
        workers: threads.

    Raises:
        ValueError, TypeError: naming the argument.
    """
    if not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {type(process).__name__}")
    count, pieces, threads = integer("n", n), integer("steps", steps), integer("workers", workers, COUNT)
    if isinstance(sign, bool) or sign not in (1, -1):
        raise ValueError(f"sign must be 1 or -1, got {shown(sign)}")
    driving = learned if score is None else score
    least = min(1.0, narrowest(driving))
    first, last = (math.log(math.expm1(t) + least) for t in (process.t0, process.T))
    grid = np.log(np.exp(np.linspace(first, last, pieces + 1)) + 1.0 - least)
    stream = generator(rng)
    y = noised(learned, process.T).sample(count, rng=stream)
    for now, after in zip(grid[:0:-1].tolist(), grid[-2::-1].tolist(), strict=True):
        step = now - after
        drift = noised_logpdf_and_score(driving, y, np.full(count, now), threads)[1] + 0.5 * sign * y
        y = y + step * drift + math.sqrt(step) * stream.standard_normal(y.shape)
    return y
