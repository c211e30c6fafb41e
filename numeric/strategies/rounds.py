"""Channels, schedules of fresh data, and whole rounds and recursions by the exact routes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from numeric.laws.channels import Channel, early_stopping, kde, mean_shift
from numeric.laws.targets import Target, as_mixture
from numeric.recursions.exact_recursion import exact_recursion
from numeric.recursions.recursion import Recursion
from numeric.strategies.laws import gaussians
from numeric.strategies.values import counts, typical, vectors

__all__ = ["Schedule", "channels", "fresh_fractions", "recursions", "schedules"]

Schedule: TypeAlias = float | list[float] | str


def channels(dim: int = 1) -> SearchStrategy[Channel]:
    """Mean shifts, smoothing, early stopping, shrinking, and all of these at once; the simplest is a mean shift by 0."""
    return st.one_of(
        st.builds(mean_shift, typical("shift") if dim == 1 else vectors(dim, "shift")),
        st.builds(kde, typical("bandwidth")),
        st.builds(early_stopping, typical("t0")),
        st.builds(Channel, gain=typical("gain")),
        st.builds(
            Channel,
            gain=typical("gain") if dim == 1 else vectors(dim, "gain"),
            shift=typical("shift") if dim == 1 else vectors(dim, "shift"),
            noise=typical("noise") if dim == 1 else vectors(dim, "noise"),
        ),
    )


def fresh_fractions(low: float = 0.0, high: float = 1.0) -> SearchStrategy[float]:
    """alpha in [low, high]; the simplest is 1/2."""
    return typical("alpha", low, high)


def schedules(generations: int, *, low: float = 0.0, high: float = 1.0, named: bool = True) -> SearchStrategy[Schedule]:
    """Fresh fractions: one for all rounds, one per round, and where ``named`` also "replace" and "accumulate"."""
    share = fresh_fractions(low, high)
    kinds: list[SearchStrategy[Schedule]] = [share, st.lists(share, min_size=generations, max_size=generations)]
    return st.one_of(*kinds, *([st.sampled_from(["replace", "accumulate"])] if named else []))


@st.composite
def recursions(
    draw: DrawFn,
    targets: SearchStrategy[Target] | None = None,
    *,
    generations: tuple[int, int] = (1, 5),
    alphas: SearchStrategy[float] | None = None,
    started: bool = True,
) -> Recursion:
    """Recursions by ``exact_recursion``, with one channel for all rounds or one for each.

    Args:
        targets: Gaussians in 1 to 3 dimensions by default; mixtures in one or two dimensions will do.
        generations: the least and the largest number of rounds.
        alphas: constant fresh fractions; by default every schedule.
        started: whether p^0 may differ from p.
    """
    target = draw(gaussians((1, 3), low=0.1, high=10.0) if targets is None else targets)
    dim = as_mixture(target).dim
    count = draw(counts("generations", *generations))
    alpha: Schedule = draw(schedules(count) if alphas is None else alphas)
    if draw(st.booleans()):
        channel: Channel | Sequence[Channel] = draw(channels(dim))
    else:
        channel = draw(st.lists(channels(dim), min_size=count, max_size=count))
    initial = draw(st.none() | channels(dim).map(lambda first: first(target))) if started else None
    return draw(
        st.builds(exact_recursion, st.just(target), st.just(channel), st.just(alpha), st.just(count), initial=st.just(initial))
    )
