"""Chains of Gaussian fits: what ``exact_refits`` and ``simulate_refits`` both take, and the chains of the exact route."""

from __future__ import annotations

from typing import TypedDict

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from numeric.fits.refits import Refits, exact_refits
from numeric.laws.targets import Gaussian
from numeric.strategies.laws import gaussians
from numeric.strategies.values import counts

__all__ = ["RefitArguments", "refit_arguments", "refits"]


class RefitArguments(TypedDict):
    """Arguments by name."""

    target: Gaussian
    alpha: float | list[float] | str
    generations: int
    n: int
    design: str
    initial: Gaussian | None


@st.composite
def refit_arguments(
    draw: DrawFn,
    targets: SearchStrategy[Gaussian] | None = None,
    *,
    generations: tuple[int, int] = (1, 6),
    n: tuple[int, int] = (4, 12),
    started: bool = True,
) -> RefitArguments:
    """Keyword arguments of ``exact_refits``, and with ``runs`` and ``rng`` of ``simulate_refits``.

    Args:
        targets: Gaussians in one dimension by default; ``n`` must exceed their dimension.
        generations: the least and the largest number of rounds.
        n: the least and the largest number of points of a round. Every alpha n is whole, so that no rounding of a stratified
            design hides in a case.
        started: whether the first fit may differ from the target.

    Example:
        >>> from hypothesis import given, settings
        >>> from numeric import exact_refits
        >>> @settings(max_examples=5, deadline=None, derandomize=True)
        ... @given(refit_arguments(n=(10, 10)))
        ... def test_a_fit_is_never_better_than_its_points(arguments):
        ...     chain = exact_refits(**arguments)
        ...     assert chain.mean_error[1] >= 0.1 * min(chain.variance, chain.fitted_variance[0])
        >>> test_a_fit_is_never_better_than_its_points()
    """
    target = draw(gaussians(1, low=0.1, high=10.0) if targets is None else targets)
    rounds, size = draw(counts("generations", *generations)), draw(counts("points", *n))
    share = st.integers(0, size).map(lambda fresh: fresh / size)
    alpha: float | list[float] | str = draw(share | st.lists(share, min_size=rounds, max_size=rounds) | st.just("replace"))
    design = draw(st.sampled_from(["stratified", "iid"]))
    initial = draw(st.none() | gaussians(target.dim, low=0.1, high=10.0)) if started else None
    return {"target": target, "alpha": alpha, "generations": rounds, "n": size, "design": design, "initial": initial}


def refits(
    targets: SearchStrategy[Gaussian] | None = None,
    *,
    generations: tuple[int, int] = (1, 6),
    n: tuple[int, int] = (4, 12),
    started: bool = True,
) -> SearchStrategy[Refits]:
    """Chains by ``exact_refits``; the arguments are those of ``refit_arguments``."""
    return refit_arguments(targets, generations=generations, n=n, started=started).map(lambda given: exact_refits(**given))
