"""Hypothesis strategies for everything that the checks are about: for property tests of your own models.

Installed with the extra ``strategies`` (``pip install 'driftbound[strategies]'``); ``import numeric`` does not import it. Every
strategy draws from the domains of ``numeric.domains``, which validation enforces, and shrinks to a case that can be read and
pasted: N(0, 1), alpha = 1/2, small integers.

Example:
    >>> from hypothesis import given, settings
    >>> from numeric import Gaussian, Verdict, check_recursion, exact_recursion, strategies
    >>> @settings(max_examples=5, deadline=None, derandomize=True)
    ... @given(strategies.recursions())
    ... def test_no_claim_is_violated(rounds):
    ...     assert Verdict.VIOLATED not in {check.verdict for check in check_recursion(rounds)}
    >>> test_no_claim_is_violated()
"""

try:
    import hypothesis  # noqa: F401
except ImportError as missing:
    raise ImportError("numeric.strategies needs hypothesis: pip install 'driftbound[strategies]'") from missing

from numeric.strategies.errors import (
    Profile,
    affine_errors,
    bounded_errors,
    consistent_errors,
    errors,
    rotational_errors,
    time_only_errors,
)
from numeric.strategies.laws import covariances, gaussians, mixtures, processes, rotations, targets, weights
from numeric.strategies.refits import RefitArguments, refit_arguments, refits
from numeric.strategies.results import exact_errors, generations
from numeric.strategies.rounds import channels, fresh_fractions, recursions, schedules
from numeric.strategies.values import counts, edge, outside, seeds, typical, vectors, wrong_kind

__all__ = [  # noqa: RUF022 (in reading order)
    # laws
    "targets",
    "gaussians",
    "mixtures",
    "covariances",
    "rotations",
    "weights",
    "processes",
    # score errors
    "errors",
    "exact_errors",
    "affine_errors",
    "rotational_errors",
    "time_only_errors",
    "bounded_errors",
    "consistent_errors",
    "Profile",
    # retraining
    "channels",
    "fresh_fractions",
    "schedules",
    # rounds that are worked out
    "generations",
    "recursions",
    "refits",
    "refit_arguments",
    "RefitArguments",
    # single values
    "typical",
    "edge",
    "outside",
    "wrong_kind",
    "counts",
    "vectors",
    "seeds",
]
