"""Evaluates the formulas of ``theory`` on measured numbers, in interval arithmetic.

Every measured number is an interval: exact ones carry their rounding or the error their route reports, simulated ones a
confidence interval. The verdict on a formula then follows from intervals alone, and a relation whose sides overlap is never
called decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import sympy as sp

from numeric.validation import Array

__all__ = ["Interval", "Lookup", "MissingQuantity", "OneArgument", "evaluate"]


class MissingQuantity(LookupError):
    """A formula names a quantity that the case at hand does not carry."""


@dataclass(frozen=True, eq=False)
class Interval:
    """Elementwise intervals [low, high].

    ``noisy``: a simulated number entered. ``doubt``: why no verdict may rest on it ("" where there is no reason to doubt).
    """

    low: Array
    high: Array
    noisy: bool = False
    doubt: str = ""

    @staticmethod
    def point(value: float | Array) -> Interval:
        array = np.asarray(value, dtype=np.float64)
        return Interval(array, array)

    @staticmethod
    def around(value: float | Array, radius: float | Array, *, noisy: bool = False, doubt: str = "") -> Interval:
        centre, width = np.asarray(value, dtype=np.float64), np.asarray(radius, dtype=np.float64)
        width = np.where(np.isfinite(centre), width, 0.0)  # an infinite divergence is infinite, not inf - inf
        with np.errstate(over="ignore"):
            return Interval(centre - width, centre + width, noisy, doubt)

    @property
    def middle(self) -> Array:
        return np.where(self.low == self.high, self.low, 0.5 * self.low + 0.5 * self.high)

    def _with(self, low: Array, high: Array, *others: Interval) -> Interval:
        noisy = self.noisy or any(other.noisy for other in others)
        doubt = next((part.doubt for part in (self, *others) if part.doubt), "")
        return Interval(low, high, noisy, doubt)

    def __add__(self, other: Interval) -> Interval:
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN: not computable
            return self._with(self.low + other.low, self.high + other.high, other)

    def __mul__(self, other: Interval) -> Interval:
        ends = [_times(a, b) for a in (self.low, self.high) for b in (other.low, other.high)]
        return self._with(np.minimum.reduce(ends), np.maximum.reduce(ends), other)

    def power(self, exponent: float) -> Interval:
        """self ** exponent; the base is cut to its nonnegative part where the exponent is not an integer."""
        if exponent < 0:
            return self.power(-exponent)._reciprocal()
        with np.errstate(over="ignore"):
            if exponent == int(exponent) and int(exponent) % 2 == 0:
                low, high = np.abs(self.low), np.abs(self.high)
                straddles = (self.low < 0.0) & (self.high > 0.0)
                small = np.where(straddles, 0.0, np.minimum(low, high) ** exponent)
                return self._with(small, np.maximum(low, high) ** exponent)
            low, high = self.low, self.high
            if exponent != int(exponent):
                # a true value is never negative here: only rounding or noise puts an interval's end below zero
                low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
            return self._with(np.power(low, exponent), np.power(high, exponent))

    def _reciprocal(self) -> Interval:
        """1 / self; 1/0 is inf, and no verdict may rest on a division by a number of unknown sign."""
        straddles = (self.low < 0.0) & (self.high > 0.0)
        with np.errstate(divide="ignore", over="ignore"):
            low, high = 1.0 / np.where(self.high == 0.0, 0.0, self.high), 1.0 / np.where(self.low == 0.0, 0.0, self.low)
        low = np.where(straddles | ((self.high == 0.0) & (self.low < 0.0)), -np.inf, low)
        high = np.where(straddles, np.inf, high)
        unknown = "a division by a number that may be 0 or of either sign" if bool(np.any(straddles)) else ""
        return replace(self._with(low, high), doubt=self.doubt or unknown)

    def integer_powers(self, exponents: Array) -> Interval:
        """self ** exponents for an array of nonnegative integers."""
        if np.any(exponents < 0):
            raise NotImplementedError("cannot evaluate negative powers that run with an index")
        with np.errstate(over="ignore"):
            ends = [np.power(self.low, exponents), np.power(self.high, exponents)]
        low, high = np.minimum(*ends), np.maximum(*ends)
        straddles = (self.low < 0.0) & (self.high > 0.0) & (exponents % 2 == 0) & (exponents > 0)
        return self._with(np.where(straddles, 0.0, low), high)

    def monotone(self, function: Callable[[Array], Array]) -> Interval:
        with np.errstate(over="ignore", divide="ignore"):
            return self._with(function(self.low), function(self.high))

    def absolute(self) -> Interval:
        low, high = np.abs(self.low), np.abs(self.high)
        straddles = (self.low <= 0.0) & (self.high >= 0.0)
        return self._with(np.where(straddles, 0.0, np.minimum(low, high)), np.maximum(low, high))

    def larger(self, other: Interval) -> Interval:
        return self._with(np.maximum(self.low, other.low), np.maximum(self.high, other.high), other)

    def smaller(self, other: Interval) -> Interval:
        return self._with(np.minimum(self.low, other.low), np.minimum(self.high, other.high), other)


Lookup = Callable[[str], Interval]
"""Name of a quantity -> its interval, (0-d or indexed by generation); raises MissingQuantity."""


OneArgument = Mapping[str, Callable[[Array], Array]]
"""Increasing functions of one argument that sympy does not know, by name."""


def evaluate(
    expression: sp.Basic,
    lookup: Lookup,
    index: Mapping[sp.Symbol, int | Array] | None = None,
    functions: OneArgument | None = None,
) -> Interval:
    """The interval that contains ``expression`` when every quantity lies in its own.

    Args:
        expression: sums, products, powers, exp, log, Abs, Max, Min, floor, ceiling, Sum and Product over indexed quantities.
        lookup: gives each named quantity.
        index: values of the free index symbols.
        functions: increasing functions beyond those above, by name.

    Raises:
        MissingQuantity: a name is unknown to ``lookup`` or an index lies outside what was measured.
        NotImplementedError: a node of another kind.
    """
    return _Evaluator(lookup, functions or {})(expression, dict(index or {}), 0)


class _Evaluator:
    """One walk over an expression; the index of each enclosing Sum or Product has an axis of its own, the newest first."""

    def __init__(self, lookup: Lookup, functions: OneArgument) -> None:
        self.lookup = lookup
        self.functions = functions

    def __call__(self, node: sp.Basic, index: dict[sp.Symbol, int | Array], depth: int) -> Interval:
        if node in index:
            return Interval.point(np.asarray(index[node], dtype=np.float64))
        if node.is_number:
            return Interval.point(float(node))
        if isinstance(node, sp.Symbol):
            return self.lookup(node.name)
        if isinstance(node, sp.Indexed):
            return self.entry(node, index, depth)
        if isinstance(node, sp.Add):
            terms = [self(term, index, depth) for term in node.args]
            return _fold(terms, Interval.__add__)
        if isinstance(node, sp.Mul):
            return _fold([self(factor, index, depth) for factor in node.args], Interval.__mul__)
        if isinstance(node, sp.Pow):
            return self.power(node, index, depth)
        if isinstance(node, (sp.Sum, sp.Product)):
            return self.accumulated(node, index, depth)
        if isinstance(node, sp.Max):
            return _fold([self(term, index, depth) for term in node.args], Interval.larger)
        if isinstance(node, sp.Min):
            return _fold([self(term, index, depth) for term in node.args], Interval.smaller)
        if isinstance(node, sp.KroneckerDelta):
            one, two = (np.rint(self(side, index, depth).low) for side in node.args[:2])
            return Interval.point((one == two).astype(np.float64))
        if isinstance(node, sp.Abs):
            return self(node.args[0], index, depth).absolute()
        function = next((function for kind, function in _MONOTONE.items() if isinstance(node, kind)), None)
        if function is not None:
            return self(node.args[0], index, depth).monotone(function)
        if isinstance(node, sp.Function) and node.func.__name__ in self.functions:
            return self(node.args[0], index, depth).monotone(self.functions[node.func.__name__])
        raise NotImplementedError(f"cannot evaluate {type(node).__name__} in {node}")

    def power(self, node: sp.Pow, index: dict[sp.Symbol, int | Array], depth: int) -> Interval:
        base, exponent = node.args
        value = self(exponent, index, depth)
        if value.low.ndim == 0 and float(value.low) == float(value.high):
            return self(base, index, depth).power(float(value.low))
        if np.array_equal(value.low, value.high) and np.array_equal(value.low, np.rint(value.low)):
            # integer exponents that run with an index, as in rho^(N-1-i)
            return self(base, index, depth).integer_powers(np.rint(value.low))
        logs = self(base, index, depth).monotone(np.log)
        return (value * logs).monotone(np.exp)

    def entry(self, node: sp.Indexed, index: dict[sp.Symbol, int | Array], depth: int) -> Interval:
        whole = self.lookup(str(node.base.label))
        where = []
        for axis, position in enumerate(node.indices):
            at = np.rint(self(position, index, depth).low).astype(np.int64)
            if axis >= whole.low.ndim or np.any(at < 0) or np.any(at >= whole.low.shape[axis]):
                raise MissingQuantity(f"{node} lies outside what was measured")
            where.append(at)
        key = tuple(where)
        return whole._with(whole.low[key], whole.high[key])

    def accumulated(self, node: sp.Sum | sp.Product, index: dict[sp.Symbol, int | Array], depth: int) -> Interval:
        (symbol, first, last), *rest = reversed(node.limits)
        inner = node.func(node.function, *reversed(rest)) if rest else node.function
        empty = Interval.point(0.0 if isinstance(node, sp.Sum) else 1.0)
        start, stop = (np.rint(self(end, index, depth).low).astype(np.int64) for end in (first, last))
        if int(np.max(stop)) < int(np.min(start)):
            return empty
        running = np.arange(int(np.min(start)), int(np.max(stop)) + 1, dtype=np.float64).reshape((-1,) + (1,) * depth)
        body = self(inner, {**index, symbol: running}, depth + 1)
        inside = (running >= start) & (running <= stop)
        low, high = (np.where(inside, end, empty.low) for end in (body.low, body.high))
        if isinstance(node, sp.Sum):
            return body._with(low.sum(axis=0), high.sum(axis=0))
        factors = [body._with(a, b) for a, b in zip(low, high, strict=True)]
        return _fold(factors, Interval.__mul__)


_MONOTONE: dict[type, Callable[[Array], Array]] = {
    sp.exp: np.exp,
    sp.log: np.log,
    sp.floor: np.floor,
    sp.ceiling: np.ceil,
    sp.asin: np.arcsin,
    sp.atan: np.arctan,
}


def _fold(parts: list[Interval], join: Callable[[Interval, Interval], Interval]) -> Interval:
    total = parts[0]
    for part in parts[1:]:
        total = join(total, part)
    return total


def _times(a: Array, b: Array) -> Array:
    """a b with 0 * inf = 0: a vanishing weight on an infinite divergence contributes nothing."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where((a == 0.0) | (b == 0.0), 0.0, a * b)
