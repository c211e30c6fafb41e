"""Single rounds by the exact routes."""

from __future__ import annotations

from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from numeric.domains import Unresolved
from numeric.generations.errors import ScoreError
from numeric.generations.exact_generation import exact_generation
from numeric.generations.generation import Generation
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian, Target, as_mixture
from numeric.strategies.errors import affine_errors, bounded_errors, consistent_errors, rotational_errors, time_only_errors
from numeric.strategies.laws import gaussians

__all__ = ["exact_errors", "generations"]


def exact_errors(target: Target) -> SearchStrategy[ScoreError]:
    """The errors for which ``exact_generation`` has a route: affine and consistent ones on a Gaussian, all in one dimension."""
    dim = as_mixture(target).dim
    if dim == 1 and not isinstance(target, Gaussian):
        return st.one_of(consistent_errors(target), bounded_errors())
    if not isinstance(target, Gaussian):
        return consistent_errors(target)
    families = [affine_errors(dim), time_only_errors(dim), consistent_errors(target)]
    return st.one_of(*families, *([rotational_errors(dim)] if dim > 1 else []))


@st.composite
def generations(draw: DrawFn, targets: SearchStrategy[Target] | None = None, process: OU | None = None) -> Generation:
    """Rounds by ``exact_generation``.

    Args:
        targets: Gaussians in 1 to 8 dimensions by default; mixtures in one dimension take a second each where the error is
            bounded, mixtures in two dimensions have consistent errors only. Mixtures so far apart that ``exact_generation``
            finds them ``Unresolved`` are not drawn; no other refusal is caught.
        process: ``OU()`` by default.
    """
    target = draw(gaussians() if targets is None else targets)
    error = draw(exact_errors(target))
    try:
        return draw(st.builds(exact_generation, st.just(target), st.just(error), st.just(process or OU())))
    except Unresolved:
        reject()
