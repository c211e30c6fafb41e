"""Evaluates the formulas of ``theory`` on measured numbers, in interval arithmetic.

Every measured number is an interval: exact ones carry their rounding or the error their route reports, simulated ones a
confidence interval. The verdict on a formula then follows from intervals alone, and a relation whose sides overlap is never
called decided.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from itertools import product
from typing import NamedTuple, TypeAlias

import numpy as np
import sympy as sp
from numpy.typing import NDArray

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
        centre = np.asarray(value, dtype=np.float64)
        finite = np.isfinite(centre)  # an infinite divergence is infinite, not inf - inf
        with np.errstate(invalid="ignore", over="ignore"):
            low, high = np.where(finite, centre - radius, centre), np.where(finite, centre + radius, centre)
        return Interval(low, high, noisy, doubt)

    @property
    def middle(self) -> Array:
        with np.errstate(invalid="ignore"):  # the middle of the whole line is unknown: NaN
            return np.where(self.low == self.high, self.low, 0.5 * self.low + 0.5 * self.high)

    def _with(self, low: Array, high: Array, *others: Interval) -> Interval:
        noisy, doubt = self.noisy, self.doubt
        for other in others:
            noisy, doubt = noisy or other.noisy, doubt or other.doubt
        return Interval(low, high, noisy, doubt)

    def __add__(self, other: Interval) -> Interval:
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN: not computable
            return self._with(self.low + other.low, self.high + other.high, other)

    def __mul__(self, other: Interval) -> Interval:
        if not (self.low.ndim or other.low.ndim):  # one number by one: numpy would cost more than the product
            pairs = product((float(self.low), float(self.high)), (float(other.low), float(other.high)))
            numbers = [0.0 if a == 0.0 or b == 0.0 else a * b for a, b in pairs]
            known = not any(map(math.isnan, numbers))
            low, high = (min(numbers), max(numbers)) if known else (math.nan, math.nan)
            return self._with(np.asarray(low), np.asarray(high), other)
        if self.low is self.high and other.low is other.high:
            only = _times(self.low, other.low)
            return self._with(only, only, other)
        left = (self.low,) if self.low is self.high else (self.low, self.high)
        right = (other.low,) if other.low is other.high else (other.low, other.high)
        ends = [_times(a, b) for a in left for b in right]
        return self._with(np.minimum.reduce(ends), np.maximum.reduce(ends), other)

    def power(self, exponent: float) -> Interval:
        """self ** exponent; the base is cut to its nonnegative part where the exponent is not an integer."""
        if exponent < 0:
            return self.power(-exponent)._reciprocal()
        low, high = self.low, self.high
        if exponent % 2.0 == 0.0:
            size = self.absolute()
            low, high = size.low, size.high
        elif not exponent.is_integer():
            # a true value is never negative here: only rounding or noise puts an interval's end below zero
            low, high = np.maximum(low, 0.0), np.maximum(high, 0.0)
        with np.errstate(over="ignore"):
            return self._with(low**exponent, high**exponent)

    def _reciprocal(self) -> Interval:
        """1 / self; 1/0 is inf, and no verdict may rest on a division by a number of unknown sign."""
        straddles = (self.low < 0.0) & (self.high > 0.0)
        with np.errstate(divide="ignore", over="ignore"):
            low, high = 1.0 / (self.high + 0.0), 1.0 / (self.low + 0.0)  # -0.0 + 0.0 is 0.0
        low = np.where((self.low < 0.0) & (self.high >= 0.0), -np.inf, low)
        high = np.where(straddles, np.inf, high)
        unknown = "a division by a number that may be 0 or of either sign" if bool(np.any(straddles)) else ""
        return replace(self._with(low, high), doubt=self.doubt or unknown)

    def integer_powers(self, exponents: Array) -> Interval:
        """self ** exponents for an array of nonnegative integers."""
        if np.any(exponents < 0):
            raise NotImplementedError("cannot evaluate negative powers that run with an index")
        even, size = exponents % 2.0 == 0.0, self.absolute()
        low, high = np.where(even, size.low, self.low), np.where(even, size.high, self.high)
        with np.errstate(over="ignore"):
            return self._with(np.power(low, exponents), np.power(high, exponents))

    def monotone(self, function: Callable[[Array], Array]) -> Interval:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # NaN where the function is not defined
            return self._with(function(self.low), function(self.high))

    def absolute(self) -> Interval:
        nearest = np.minimum(np.maximum(0.0, self.low), self.high)  # to zero, of all inside
        return self._with(np.abs(nearest), np.maximum(-self.low, self.high))

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
    known = {} if functions is None else functions
    return _plan(expression, frozenset(known))(_Scope(lookup, known), dict(index or {}), 0)


Index: TypeAlias = dict[sp.Symbol, int | Array]


class _Scope(NamedTuple):
    """Where one evaluation finds its numbers and its functions."""

    lookup: Lookup
    functions: OneArgument


Plan: TypeAlias = Callable[[_Scope, Index, int], Interval]
"""(scope, values of the indices, number of enclosing sums) -> interval; each enclosing Sum or Product has an axis of its own,
the newest first."""


@lru_cache(maxsize=1 << 15)  # a formula is taken apart once, and evaluated in every round of every case
def _plan(node: sp.Basic, functions: frozenset[str]) -> Plan:
    if isinstance(node, sp.Symbol):
        return _symbol(node)
    if node.is_number:
        value = Interval.point(float(node))
        return lambda scope, index, depth: value
    if isinstance(node, (sp.Sum, sp.Product)):
        return _accumulated(node, functions)
    if isinstance(node, sp.Mul) and (quotient := _one_power(node)) is not node:
        return _plan(quotient, functions)
    parts = [_plan(part, functions) for part in (node.indices if isinstance(node, sp.Indexed) else node.args)]
    if isinstance(node, sp.Indexed):
        return _entry(node, parts)
    if isinstance(node, sp.Pow):
        return _power(*parts)
    join = next((join for kind, join in _JOINED.items() if isinstance(node, kind)), None)
    if join is not None:
        return _joined(parts, join)
    if isinstance(node, sp.KroneckerDelta):
        return _equal(*parts)
    [*_, argument] = parts
    if isinstance(node, sp.Abs):
        return lambda scope, index, depth: argument(scope, index, depth).absolute()
    function = next((function for kind, function in _MONOTONE.items() if isinstance(node, kind)), None)
    if function is not None:
        return lambda scope, index, depth: argument(scope, index, depth).monotone(function)
    name = node.func.__name__
    if isinstance(node, sp.Function) and name in functions:
        return lambda scope, index, depth: argument(scope, index, depth).monotone(scope.functions[name])
    raise NotImplementedError(f"cannot evaluate {type(node).__name__} in {node}")


def _one_power(node: sp.Mul) -> sp.Expr:
    """a^N n^(-N) as (a/n)^N for an integer N: the two powers alone may leave the floats where their quotient does not."""
    bases: dict[sp.Expr, list[sp.Expr]] = {}
    others = []
    for factor in node.args:
        base, exponent = factor.as_base_exp()
        if exponent.is_number or not exponent.is_integer:
            others.append(factor)
            continue
        down = exponent.could_extract_minus_sign()
        bases.setdefault(-exponent if down else exponent, []).append(1 / base if down else base)
    if all(len(several) == 1 for several in bases.values()):
        return node
    powers = [sp.Pow(sp.Mul(*several), exponent) for exponent, several in bases.items()]
    return sp.Mul(*others, *powers)


def _symbol(node: sp.Symbol) -> Plan:
    def run(scope: _Scope, index: Index, depth: int) -> Interval:
        if node in index:
            return Interval.point(np.asarray(index[node], dtype=np.float64))
        return scope.lookup(node.name)

    return run


def _joined(parts: list[Plan], join: Callable[[Interval, Interval], Interval]) -> Plan:
    first, rest = parts[0], parts[1:]

    def run(scope: _Scope, index: Index, depth: int) -> Interval:
        total = first(scope, index, depth)
        for part in rest:
            total = join(total, part(scope, index, depth))
        return total

    return run


def _equal(one: Plan, two: Plan) -> Plan:
    def run(scope: _Scope, index: Index, depth: int) -> Interval:
        left, right = (np.rint(side(scope, index, depth).low) for side in (one, two))
        return Interval.point((left == right).astype(np.float64))

    return run


def _power(base: Plan, exponent: Plan) -> Plan:
    def run(scope: _Scope, index: Index, depth: int) -> Interval:
        value = exponent(scope, index, depth)
        if value.low.ndim == 0 and float(value.low) == float(value.high):
            return base(scope, index, depth).power(float(value.low))
        if np.array_equal(value.low, value.high) and np.array_equal(value.low, np.rint(value.low)):
            # integer exponents that run with an index, as in rho^(N-1-i)
            return base(scope, index, depth).integer_powers(np.rint(value.low))
        logs = base(scope, index, depth).monotone(np.log)
        return (value * logs).monotone(np.exp)

    return run


def _entry(node: sp.Indexed, positions: list[Plan]) -> Plan:
    name = str(node.base.label)

    def run(scope: _Scope, index: Index, depth: int) -> Interval:
        whole = scope.lookup(name)
        where: list[int | NDArray[np.int64]] = []
        for axis, position in enumerate(positions):
            value = position(scope, index, depth).low
            at = np.rint(value).astype(np.int64) if value.ndim else round(float(value))
            if axis >= whole.low.ndim or not _inside(at, whole.low.shape[axis]):
                raise MissingQuantity(f"{node} lies outside what was measured")
            where.append(at)
        key = tuple(where)
        low = np.asarray(whole.low[key])
        return whole._with(low, low if whole.low is whole.high else np.asarray(whole.high[key]))

    return run


def _inside(at: int | NDArray[np.int64], length: int) -> bool:
    if isinstance(at, int):
        return 0 <= at < length
    return bool(np.all((at >= 0) & (at < length)))


def _accumulated(node: sp.Sum | sp.Product, functions: frozenset[str]) -> Plan:
    (symbol, *limits), *rest = reversed(node.limits)
    inner = _plan(node.func(node.function, *reversed(rest)) if rest else node.function, functions)
    first, last = (_plan(end, functions) for end in limits)
    adds = isinstance(node, sp.Sum)
    empty = Interval.point(0.0 if adds else 1.0)

    def run(scope: _Scope, index: Index, depth: int) -> Interval:
        start, stop = (np.rint(end(scope, index, depth).low).astype(np.int64) for end in (first, last))
        if int(np.max(stop)) < int(np.min(start)):
            return empty
        running = np.arange(int(np.min(start)), int(np.max(stop)) + 1, dtype=np.float64)
        running = running.reshape(running.shape + (1,) * depth)
        body = inner(scope, {**index, symbol: running}, depth + 1)
        inside = (running >= start) & (running <= stop)
        low, high = (np.where(inside, end, empty.low) for end in (body.low, body.high))
        if adds:
            with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN: not computable
                return body._with(low.sum(axis=0), high.sum(axis=0))
        return reduce(Interval.__mul__, map(body._with, low, high))

    return run


_JOINED: dict[type, Callable[[Interval, Interval], Interval]] = {
    sp.Add: Interval.__add__,
    sp.Mul: Interval.__mul__,
    sp.Max: Interval.larger,
    sp.Min: Interval.smaller,
}

_MONOTONE: dict[type, Callable[[Array], Array]] = {
    sp.exp: np.exp,
    sp.log: np.log,
    sp.floor: np.floor,
    sp.ceiling: np.ceil,
    sp.asin: np.arcsin,
    sp.atan: np.arctan,
}


def _times(a: Array, b: Array) -> Array:
    """a b with 0 * inf = 0: a vanishing weight on an infinite divergence contributes nothing."""
    with np.errstate(invalid="ignore", over="ignore"):
        out = np.asarray(a * b)
    unknown = np.isnan(out)
    return np.where(unknown & ((a == 0.0) | (b == 0.0)), 0.0, out) if unknown.any() else out
