"""The fields of a ``Recursion`` from inner products in L^2(p), however those were obtained.

f_i = p^i/p - 1, g_i = (p^{i+1} - q_i)/p. Two sources of inner products share this module: coefficient vectors over a family of
laws whose mutual products are known (closed form), and values on weighted nodes (quadrature, Monte Carlo).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from numeric.laws.targets import Target
from numeric.recursions.mixing import Mixing
from numeric.recursions.recursion import Recursion
from numeric.validation import Array

__all__ = ["LazyLaws", "Products", "assemble", "block_products", "products_from_coefficients", "scaled_excess"]

Law = TypeVar("Law")
Flags = NDArray[np.bool_]


class LazyLaws(Sequence[Law], Generic[Law]):
    """Laws that are built when they are looked at: N mixtures of up to N components are wanted one at a time."""

    def __init__(self, build: Callable[[int], Law], count: int) -> None:
        self._build = build
        self._count = count
        self._built: dict[int, Law] = {}

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Law: ...

    @overload
    def __getitem__(self, index: slice) -> list[Law]: ...

    def __getitem__(self, index: int | slice) -> Law | list[Law]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        position = range(self._count)[index]
        if position not in self._built:
            self._built[position] = self._build(position)
        return self._built[position]

    def __iter__(self) -> Iterator[Law]:
        for index in range(self._count):
            yield self[index]


@dataclass(frozen=True, eq=False)
class Products:
    """Inner products in L^2(p): squares are inf where the function is not in L^2(p), mixed products are then NaN.

    Attributes:
        divergence: (N+1,) |f_i|^2. mixed: (N,) |q_i/p - 1|^2. gram: (N, N) <g_i, g_j>. initial_gram: (N,) <f_0, g_i>.
        stderr, ess: standard errors and effective sample sizes by field name, where measured.
    """

    divergence: Array
    mixed: Array
    gram: Array
    initial_gram: Array
    stderr: Mapping[str, Array] = field(default_factory=dict)
    ess: Mapping[str, Array] = field(default_factory=dict)


def products_from_coefficients(laws: Array, mixed: Array, excess: Array) -> Products:
    """Products of f_i = sum_j laws[i, j] phi_j and q_i/p - 1 = sum_j mixed[i, j] phi_j with <phi_j, phi_k> = excess[j, k].

    Args:
        laws: (N+1, m). mixed: (N, m). excess: (m, m).
    """
    innovations = laws[1:] - mixed
    images = innovations @ excess
    return Products(
        np.maximum(np.einsum("ij,ij->i", laws @ excess, laws), 0.0),
        np.maximum(np.einsum("ij,ij->i", mixed @ excess, mixed), 0.0),
        images @ innovations.T,
        images @ laws[0],
    )


def scaled_excess(log_ratio: Array, log_weight: Array) -> Array:
    """(r - 1) sqrt(w) from log r and log w, without cancellation for r ~ 1 or overflow for large r."""
    gap = np.copysign(np.expm1(-np.abs(log_ratio)), log_ratio)  # (r - 1)/max(r, 1)
    return np.asarray(gap * np.exp(np.minimum(np.maximum(log_ratio, 0.0) + 0.5 * log_weight, 350.0)))


def block_products(values: Array, weights: Array) -> tuple[Array, Array, Array, Array]:
    """Sums over a block of nodes: |f|^2, |q - 1|^2, Gram of g, <f_0, g>; ``values`` (N+1, m) are f_i sqrt(node weight)."""
    mixed = weights @ values
    innovations = values[1:] - mixed
    with np.errstate(over="ignore", invalid="ignore"):  # beyond the range of floats: inf, and NaN for mixed products
        return (
            np.asarray(np.sum(values**2, axis=1)),
            np.asarray(np.sum(mixed**2, axis=1)),
            innovations @ innovations.T,
            innovations @ values[0],
        )


def with_infinities(products: Products, bad_laws: Flags, bad_mixed: Flags, bad_innovations: Flags) -> Products:
    """``products`` with inf for the squares that were decided to be infinite, NaN for the mixed products that lose meaning."""
    gram = products.gram.copy()
    gram[bad_innovations, :] = np.nan
    gram[:, bad_innovations] = np.nan
    gram[np.diag(bad_innovations)] = np.inf
    initial = np.where(bad_innovations | bool(bad_laws[0]), np.nan, products.initial_gram)
    return Products(
        np.where(bad_laws, np.inf, products.divergence),
        np.where(bad_mixed, np.inf, products.mixed),
        gram,
        initial,
        products.stderr,
        products.ess,
    )


def assemble(
    target: Target,
    mixing: Mixing,
    products: Products,
    *,
    intra: Array,
    ratio_sup: Array,
    laws: Sequence[object],
    mixtures: Sequence[object],
    reasons: Mapping[str, str],
    method: str,
    stderr: Mapping[str, Array] | None = None,
    ess: Mapping[str, Array] | None = None,
    channel: object | None = None,
) -> Recursion:
    """The record, with everything that follows from the products and the mixing alone."""
    squares = np.diagonal(products.gram).copy()
    innovation = np.sqrt(np.maximum(squares, 0.0))
    initial = float(products.divergence[0])
    start, travelled = mixing.resolvent[:, 0], mixing.resolvent[:, 1:]
    sums = _weighted(travelled**2, innovation**2) + _weighted(start[:, None] ** 2, np.array([initial]))
    ceiling = _weighted(np.abs(travelled), innovation) + _weighted(start[:, None], np.array([np.sqrt(initial)]))
    defined = np.isfinite(products.divergence) & np.isfinite(sums) & (sums > 0.0)
    interference = np.full(sums.shape, np.nan)
    interference[defined] = products.divergence[defined] / sums[defined]
    return Recursion(
        target=target,
        alpha=mixing.alpha,
        fresh_fraction=mixing.fresh_fraction,
        divergence=products.divergence,
        mixed=products.mixed,
        innovation=innovation,
        intra=intra,
        gram=products.gram,
        initial_gram=products.initial_gram,
        weights=mixing.resolvent[-1, 1:].copy(),
        initial_weight=float(mixing.resolvent[-1, 0]),
        discounted_sums=sums,
        interference=interference,
        triangle_bound=ceiling,
        ratio_sup=ratio_sup,
        laws=laws,
        mixtures=mixtures,
        reasons=dict(reasons),
        stderr=dict(stderr if stderr is not None else products.stderr),
        ess=dict(ess if ess is not None else products.ess),
        channel=channel,
        method=method,
    )


def _weighted(weights: Array, values: Array) -> Array:
    """weights @ values with 0 * inf = 0: what has no weight does not count."""
    finite = np.isfinite(values)
    total = weights[:, finite] @ values[finite]
    for index in np.flatnonzero(~finite):
        total = np.where(weights[:, index] != 0.0, values[index], total)
    return np.asarray(total)
