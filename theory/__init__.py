"""What is true of recursively trained diffusion models: claims with their proofs, and closed forms derived by sympy.

``claims()`` lists the statements in reading order; ``claim(id).prove()`` runs a proof through the kernel. The closed forms are
derived from their definitions at the first call and returned as expressions, in symbols or in numbers. Conventions: natural
logarithms; chi2 and KL take the learned law first; ``a(t) = exp(-t/2)``; alpha is the fraction of fresh data.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import lru_cache

from theory import symbols
from theory._arguments import shown as _shown
from theory.accumulation import CLAIMS as _MANY_GENERATIONS
from theory.affine_error import (
    affine_blow_up,
    affine_endpoint,
    affine_ideal_energy,
    affine_learned_energy,
    affine_path_chi2,
    affine_visible_energy,
    affine_weight_moment,
    score_clock,
)
from theory.claim import Assumption, Claim, Proof, Step, conjuncts
from theory.closed_forms import (
    best_fresh_weight,
    collapsed_variance,
    fitted_mean_error,
    fitted_mean_error_limit,
    fitted_variance,
    limit_second_moment,
    sample_size_energy,
    weighted_mean_error,
)
from theory.constants import bounded_constant, bounded_moments, deterministic_constant, observability_constants
from theory.davis import davis_constant, moment_constant
from theory.discounting import discounted_sum, interference, triangle_bound
from theory.energy import (
    de_bruijn_energy,
    ideal_energy,
    learned_endpoint,
    learned_energy,
    observability,
    visible_energy,
)
from theory.export import claim_latex, document, proof_latex
from theory.gaussian import (
    chi2_gaussian,
    hellinger_gaussian,
    kl_gaussian,
    noised_mean,
    noised_variance,
    renyi_gaussian,
    w2_gaussian,
)
from theory.generation import CLAIMS as _ONE_GENERATION
from theory.limits import CLAIMS as _LIMITS
from theory.limits import hermite_gain
from theory.path_chi2 import deterministic_path_chi2, path_chi2, weight_moment
from theory.proof import Judgement, ProofError, judge
from theory.sampling import CLAIMS as _SAMPLES
from theory.sampling import finite_sample_step

__all__ = [  # noqa: RUF022 (in reading order)
    "claims",
    "claim",
    "Claim",
    "Assumption",
    "Proof",
    "Step",
    "ProofError",
    "judge",
    "Judgement",
    "conjuncts",
    "claim_latex",
    "proof_latex",
    "document",
    "symbols",
    "noised_mean",
    "noised_variance",
    "chi2_gaussian",
    "kl_gaussian",
    "renyi_gaussian",
    "hellinger_gaussian",
    "w2_gaussian",
    "ideal_energy",
    "learned_energy",
    "visible_energy",
    "observability",
    "de_bruijn_energy",
    "learned_endpoint",
    "path_chi2",
    "weight_moment",
    "deterministic_path_chi2",
    "score_clock",
    "affine_ideal_energy",
    "affine_learned_energy",
    "affine_visible_energy",
    "affine_endpoint",
    "affine_path_chi2",
    "affine_weight_moment",
    "affine_blow_up",
    "davis_constant",
    "moment_constant",
    "observability_constants",
    "bounded_moments",
    "bounded_constant",
    "deterministic_constant",
    "discounted_sum",
    "triangle_bound",
    "interference",
    "hermite_gain",
    "finite_sample_step",
    "fitted_mean_error",
    "fitted_mean_error_limit",
    "fitted_variance",
    "collapsed_variance",
    "sample_size_energy",
    "weighted_mean_error",
    "best_fresh_weight",
    "limit_second_moment",
]


@lru_cache(maxsize=1)
def _registry() -> dict[str, Claim]:
    registry: dict[str, Claim] = {}
    for entry in (*_ONE_GENERATION, *_MANY_GENERATIONS, *_LIMITS, *_SAMPLES):
        if entry.id in registry:
            raise ValueError(f"claim ids must be unique, but {entry.id!r} occurs twice")
        registry[entry.id] = entry
    return registry


def claims() -> tuple[Claim, ...]:
    """Every claim, in reading order: one generation, many generations, limits, samples."""
    return tuple(_registry().values())


def claim(id: str) -> Claim:
    """The claim of that id; the id of a mutant (``claim/mutant``) is one too.

    Raises:
        TypeError: if the id is not a string.
        KeyError: if there is none; the message names the closest ids.
    """
    if not isinstance(id, str):
        raise TypeError(f"id must be a string, but it is {_shown(id)} of type {type(id).__name__}")
    registry = _registry()
    if id in registry:
        return registry[id]
    mutants = {mutant.id: mutant for entry in registry.values() for mutant in entry.mutants}
    if id in mutants:
        return mutants[id]
    close = get_close_matches(id.lower(), [*registry, *mutants], n=3, cutoff=0.4) or list(registry)[:3]
    raise KeyError(f"no claim has the id {_shown(id)}; the closest are {', '.join(close)}")
