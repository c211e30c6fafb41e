"""``exact_generation``: validation, and the route that gives the numbers without sampling."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np

from numeric.generations.affine_ode import affine_field, affine_generation
from numeric.generations.de_bruijn import consistent_generation, same_law
from numeric.generations.errors import ConsistentError, ScoreError, probe_error
from numeric.generations.fokker_planck import fokker_planck_generation
from numeric.generations.generation import Generation, Start
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.validation import shown

__all__ = ["exact_generation"]

DEFAULT = OU()


def exact_generation(target: Target, error: ScoreError, process: OU = DEFAULT, *, start: Start = "ideal") -> Generation:
    """Energies, divergences and observability of one retraining round, deterministic, with their numerical errors.

    Routes: Gaussian target with affine error, any d: ODE. One dimension, any target and error: Fokker-Planck equation for the
    ratio. ConsistentError on any target: the de Bruijn identities (for mixtures in d > 2 by randomised quasi-Monte Carlo with
    fixed seeds: Estimates, always the same).

    Args:
        target: the data law q at t = 0, d dimensions.
        error: the score error; any object with e(x, t): (n, d) -> (n, d) and divergence(x, t): (n, d) -> (n,).
        process: early stop and horizon, ``OU()`` by default.
        start: the learned process starts at q_T ("ideal") or, for a ConsistentError only, at p^_T ("learned").

    Returns:
        Generation; chi-squared divergences may be ``inf``, fields that no route gives are None, ``reasons`` says why.

    Raises:
        TypeError, ValueError: an argument of the wrong kind, or d > 1 with neither an affine error on a Gaussian nor a
            ConsistentError of this target.
        numeric.domains.Unresolved: a ValueError; a mixture with scales too far apart, from some 30 standard deviations of a
            component on.

    Example:
        >>> from numeric.generations.errors import AffineError
        >>> round(exact_generation(Gaussian(0.0, 1.0), AffineError(0.1)).chi2, 6)
        0.030014
    """
    law = as_mixture(target)
    if not isinstance(process, OU):
        raise TypeError(f"process must be an OU, got {type(process).__name__}")
    if not isinstance(start, str):
        raise TypeError(f'start must be "ideal" or "learned", got {shown(start)}')
    if start not in ("ideal", "learned"):
        raise ValueError(f'start must be "ideal" or "learned", got {start!r}')
    for time in (1.0, process.t0, process.T):
        probe_error(error, law.dim, time)
    own = isinstance(error, ConsistentError) and same_law(error.target, target)
    if start == "learned" and not own:
        raise ValueError('start must be "ideal" unless error is a ConsistentError of this very target, whose law has a p^_T')
    single = _as_gaussian(target)
    if single is not None and affine_field(single, _on_gaussian(error)) is not None:
        return replace(affine_generation(single, _on_gaussian(error), process, start=start), target=target, error=error)
    if own:
        return consistent_generation(target, cast(ConsistentError, error), process, start=start)
    if law.dim == 1:
        return fokker_planck_generation(target, error, process)
    raise ValueError(
        f"error must be affine on a Gaussian target, or a ConsistentError of this target, in dimension {law.dim} > 1, got "
        f"{type(error).__name__}; use simulate_generation"
    )


def _as_gaussian(target: Target) -> Gaussian | None:
    """The target as a Gaussian where it is one, also when it was given as a mixture of equal components."""
    if isinstance(target, Gaussian):
        return target
    kept = target.weights > 0.0
    means, covs = target.means[kept], target.covs[kept]
    if np.all(means == means[0]) and np.all(covs == covs[0]):
        return Gaussian(means[0], covs[0])
    return None


def _on_gaussian(error: ScoreError) -> ScoreError:
    """A ConsistentError on a mixture that is a single Gaussian, written on that Gaussian; anything else unchanged."""
    if isinstance(error, ConsistentError) and isinstance(error.target, GaussianMixture):
        base = _as_gaussian(error.target)
        if base is not None:
            return ConsistentError(base, error.channel)
    return error
