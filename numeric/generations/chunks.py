"""Chunks of paths on threads: one random stream per chunk, results in order, so that the number of threads changes nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar, cast

import numpy as np

__all__ = ["Spare", "chunk_sizes", "fast_stream", "run_chunks"]

Result = TypeVar("Result")
Buffers = TypeVar("Buffers")
COORDINATES: Final = 40_960  # of one chunk of paths: a few arrays of them fit in a core's cache, and calls are long enough
ENTRIES: Final = 1 << 19  # of the buffers that grow with the number of components
LEAST, MOST = 64, 5_000  # paths of one chunk


def chunk_sizes(n: int, dim: int, floats: int, copies: int = 1) -> list[int]:
    """Numbers of endpoints, ``copies`` paths each, that make up ``n``; they depend on the problem and on nothing else."""
    paths = min(max(min(COORDINATES // dim, ENTRIES // max(floats, 1)), LEAST), MOST)
    size = max(1, paths // copies)
    return [min(size, n - start) for start in range(0, n, size)]


def run_chunks(
    function: Callable[[int, np.random.Generator], Result], sizes: list[int], rng: np.random.Generator, threads: int
) -> Iterator[Result]:
    """``function(size, stream)`` for each chunk, in order; only a few results wait at any time.

    The streams are SFC64, the fastest of NumPy's generators, seeded by spawning from ``rng``.
    """
    streams = (fast_stream(rng.spawn(1)[0]) for _ in sizes)
    jobs = zip(sizes, streams, strict=True)
    if threads == 1 or len(sizes) == 1:
        yield from (function(*job) for job in jobs)
        return
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for job in jobs:
                waiting.append(pool.submit(function, *job))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # after an error or an interrupt, do not start what has not begun
            for future in waiting:
                future.cancel()


def fast_stream(rng: np.random.Generator) -> np.random.Generator:
    """An SFC64 generator with the seed of ``rng``."""
    return np.random.Generator(np.random.SFC64(cast(np.random.SeedSequence, rng.bit_generator.seed_seq)))


class Spare(Generic[Buffers]):
    """Buffers handed from one chunk to the next of the same size, whichever thread runs it."""

    def __init__(self, make: Callable[[int], Buffers]) -> None:
        self.make = make
        self.idle: dict[int, list[Buffers]] = {}

    def take(self, size: int) -> Buffers:
        try:
            return self.idle.setdefault(size, []).pop()  # setdefault and pop are atomic
        except IndexError:
            return self.make(size)

    def give(self, size: int, buffers: Buffers) -> None:
        self.idle[size].append(buffers)
