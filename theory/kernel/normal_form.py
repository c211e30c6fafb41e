"""Normal forms: two expressions are equal when the normal form of their difference is the literal 0.

Sums, products, powers, logarithms and absolute values are rewritten in one fixed way, with no guess: a rewriting that needs a
sign asks for it. What is left is a rational function of independent generators.
"""

from __future__ import annotations

import itertools

import sympy as sp
from sympy.core.function import AppliedUndef

from theory.kernel.language import MAX_EXPLICIT, MAX_OPS, POW, SMOOTH, Context, ProofError, substitute
from theory.kernel.signs import nonneg, outer_limit

__all__ = ["canon", "is_zero", "vanishes"]


def canon(expr: sp.Expr, context: Context = (), peel: sp.Expr | None = None) -> sp.Expr:
    """Rewrite sums, products, powers, logarithms and absolute values in a fixed way (``peel``: split off terms from there)."""
    if isinstance(expr, (sp.Rational, sp.NumberSymbol, sp.Symbol)):
        return expr
    if isinstance(expr, sp.Indexed):
        return expr.base[tuple(sp.expand(index) for index in expr.indices)]
    if isinstance(expr, (sp.Sum, sp.Product)):
        return _fold(expr, context, peel)
    if isinstance(expr, AppliedUndef):
        return expr.func(*[sp.expand(arg) for arg in expr.args])
    if isinstance(expr, sp.exp):
        return _power(sp.E, sp.expand(canon(expr.args[0], context, peel)), context)
    if isinstance(expr, sp.Pow):
        base, exponent = canon(expr.base, context, peel), sp.expand(canon(expr.exp, context, peel))
        if isinstance(exponent, sp.Integer):
            return base**exponent
        if isinstance(exponent, sp.Rational):
            return _radical(base, exponent, context)
        return _power(base, exponent, context)
    if isinstance(expr, sp.log):
        return _logarithm(canon(expr.args[0], context, peel), context)
    if isinstance(expr, sp.Abs):
        return _absolute(canon(expr.args[0], context, peel), context)
    if isinstance(expr, (sp.Add, sp.Mul, sp.Max, sp.Min, *SMOOTH)):
        return expr.func(*[canon(arg, context, peel) for arg in expr.args])
    raise ProofError(f"{expr} ({type(expr).__name__}) is outside the language of the kernel")


def _absolute(inner: sp.Expr, context: Context) -> sp.Expr:
    """|x| with the factors of known sign taken out, and one sign chosen for the rest."""
    result = sp.Integer(1)
    for factor in sp.Mul.make_args(inner if inner.has(POW) else sp.factor(inner)):
        if nonneg(factor, context):
            result *= factor
        elif nonneg(-factor, context):
            result *= -factor
        else:
            result *= sp.Abs(-factor if factor.could_extract_minus_sign() else factor)
    return result


def _power(base: sp.Expr, exponent: sp.Expr, context: Context) -> sp.Expr:
    """base**exponent, symbolic exponent: one factor POW(b, m)**c for each factor b of the base and term c*m of the exponent."""
    if exponent.is_integer and base is not sp.E:
        factored = sp.factor(base)
        parts = [p.as_base_exp() for p in sp.Mul.make_args(factored)]
        if len(parts) > 1 or parts[0][1] != 1:
            result = sp.Integer(1)
            for part, multiplicity in parts:
                result *= _power(part, sp.expand(multiplicity * exponent), context)
            return result
        if isinstance(factored, sp.Integer) and factored < -1:
            return _power(sp.Integer(-1), exponent, context) * _power(-factored, exponent, context)
        if isinstance(factored, sp.Rational) and not isinstance(factored, sp.Integer):
            return _power(sp.Integer(factored.p), exponent, context) / _power(sp.Integer(factored.q), exponent, context)
        if isinstance(factored, sp.Add) and factored.could_extract_minus_sign():
            return _power(sp.Integer(-1), exponent, context) * _power(sp.expand(-factored), exponent, context)
        base = sp.expand(factored)
    if base == 1:
        return sp.Integer(1)
    result = sp.Integer(1)
    for term in sp.Add.make_args(exponent):
        coefficient, monomial = term.as_coeff_Mul()
        if not isinstance(coefficient, sp.Rational):
            coefficient, monomial = sp.Integer(1), term
        if coefficient.q != 1 and exponent.is_integer and not nonneg(base, context):  # half of an even exponent, base < 0
            coefficient, monomial = sp.Integer(1), term
        if monomial == 1 and base is not sp.E:
            result *= (POW(base, 1) if isinstance(base, sp.Add) else base) ** coefficient  # POW: expand must not open it
        elif base == -1:
            if not (monomial.is_integer and isinstance(coefficient, sp.Integer)):
                raise ProofError(f"(-1)**({exponent}) needs an integer exponent")
            result *= POW(base, monomial) if coefficient % 2 else 1
        else:
            result *= POW(base, monomial) ** coefficient
    return result


def _radical(base: sp.Expr, exponent: sp.Rational, context: Context) -> sp.Expr:
    """A root: split over factors that are all nonnegative, and undo even powers of real expressions."""
    factors = sp.Mul.make_args(sp.factor(base) if isinstance(base, sp.Add) else base)
    if len(factors) > 1 and all(nonneg(factor, context) for factor in factors):
        result = sp.Integer(1)
        for factor in factors:
            result *= _radical(factor, exponent, context)
        return result
    if len(factors) == 1 and isinstance(factors[0], sp.Pow) and isinstance(factors[0].exp, sp.Rational):
        inner, power = factors[0].base, factors[0].exp
        if nonneg(inner, context):
            return inner ** (power * exponent)
        if isinstance(power, sp.Integer) and power % 2 == 0 and nonneg(-inner, context):
            return (-inner) ** (power * exponent)
    return sp.expand(base) ** exponent


def _logarithm(argument: sp.Expr, context: Context) -> sp.Expr:
    """log of a product of positive factors as a sum of logarithms."""
    factored = sp.factor(sp.together(argument)) if not argument.has(POW) else argument
    total = sp.Integer(0)
    for factor in sp.Mul.make_args(factored):
        base, exponent = factor.as_base_exp()
        if isinstance(factor, sp.exp):
            total += factor.args[0]
            continue
        if base.func == POW:
            base, exponent = base.args[0], base.args[1] * exponent
            total += exponent if base is sp.E else exponent * sp.log(base)
            continue
        if isinstance(base, sp.Rational) and not isinstance(base, sp.Integer) and base > 0:
            total += exponent * (sp.log(base.p) - sp.log(base.q))
            continue
        if not nonneg(base, context, strict=True):
            return sp.log(sp.expand(argument))
        total += exponent * sp.log(base)
    return total


def _height(expr: sp.Basic) -> int:
    """One more than the largest canonical bound variable inside ``expr``."""
    names = [s.name for s in expr.atoms(sp.Symbol) if s.name.startswith("@")]
    return 1 + max((int(name[1:]) for name in names), default=-1)


def _fold(expr: sp.Sum | sp.Product, context: Context, peel: sp.Expr | None) -> sp.Expr:
    """Normal form of a one-limit sum or product: short ranges written out, last terms peeled, constants pulled out."""
    is_sum = isinstance(expr, sp.Sum)
    function, variable, low, high = outer_limit(expr)
    low, high = sp.expand(low), sp.expand(high)
    combine = sp.Add if is_sum else sp.Mul
    length = sp.expand(high - low + 1)

    def at(index: sp.Expr) -> sp.Expr:
        return canon(substitute(function, {variable: index}), context, peel)

    if isinstance(length, sp.Integer):
        if length < 0:
            raise ProofError(f"the range of {expr} has negative length")
        if length <= MAX_EXPLICIT:
            return combine(*[at(low + step) for step in range(int(length))])
    peeled = []
    if peel is not None:
        extra = sp.expand(high - peel)
        if isinstance(extra, sp.Integer) and 0 <= extra <= MAX_EXPLICIT:
            if not nonneg(peel - low, context):
                raise ProofError(f"the last term of {expr} cannot be split off: {peel} >= {low} is not proved")
            peeled = [at(sp.expand(peel + step)) for step in range(int(extra) + 1)]
            high = sp.expand(peel - 1)
            length = sp.expand(high - low + 1)
            if length == 0:
                return combine(*peeled)
    bound = sp.Dummy("n", integer=True, nonnegative=True) if nonneg(low, context) else sp.Dummy("n", integer=True)
    inner = (*context, (bound - low, False), (high - bound, False))
    body = canon(substitute(function, {variable: bound}), inner, peel)
    pieces = []
    if is_sum:
        for term in sp.Add.make_args(sp.expand(body)):
            constant, dependent = term.as_independent(bound, as_Add=False)
            pieces.append(constant * (length if dependent == 1 else _make_sum(dependent, bound, low, high)))
    else:
        for factor in sp.Mul.make_args(sp.factor(body) if isinstance(body, sp.Add) else body):
            if factor.has(bound):
                name = sp.Symbol(f"@{_height(factor)}", integer=True, nonnegative=bound.is_nonnegative)
                pieces.append(sp.Product(factor.xreplace({bound: name}), (name, low, high)))
            else:
                pieces.append(_power(factor, length, context))
    return combine(*pieces, *peeled)


def _make_sum(summand: sp.Expr, variable: sp.Dummy, low: sp.Expr, high: sp.Expr) -> sp.Expr:
    """Canonical sum: a nested sum is flattened, bound variables are named by depth, and the order of equal ranges is fixed."""
    limits = [(variable, low, high)]
    inner_sums = [f for f in sp.Mul.make_args(summand) if isinstance(f, sp.Sum)]
    if len(inner_sums) == 1:
        inner = inner_sums[0]
        opened = {name: sp.Dummy("n", **name._assumptions_orig) for name, *_ in inner.limits}
        summand = (summand / inner) * inner.function.xreplace(opened)
        limits = [(opened[name], a.xreplace(opened), b.xreplace(opened)) for name, a, b in inner.limits] + limits
    dummies = [name for name, *_ in limits]
    independent = not any(bound.has(*dummies) for _, *bounds in limits for bound in bounds)
    height = _height(summand)
    best: sp.Expr | None = None
    for order in itertools.permutations(limits) if independent and len(limits) <= 4 else [tuple(limits)]:
        names = {
            name: sp.Symbol(f"@{height + depth}", integer=True, nonnegative=name.is_nonnegative)
            for depth, (name, *_) in enumerate(order)
        }
        candidate = sp.Sum(summand.xreplace(names), *[(names[n], a.xreplace(names), b.xreplace(names)) for n, a, b in order])
        if best is None or str(candidate) < str(best):
            best = candidate
    return best


def vanishes(expr: sp.Expr, context: Context = (), peel: sp.Expr | None = None) -> bool:
    """True when ``expr`` reduces to the literal 0 (as a rational function of independent generators)."""
    expr = sp.sympify(expr)
    if expr == 0:
        return True
    if sp.count_ops(expr) > MAX_OPS:
        raise ProofError(f"the expression has more than {MAX_OPS} operations: not proved")
    return is_zero(canon(expr, context, peel))


def is_zero(canonical: sp.Expr) -> bool:
    """True when a canonical expression is 0 as a rational function of its generators, roots reduced by their equations."""
    denominators: dict[sp.Expr, int] = {}
    for power in canonical.atoms(sp.Pow):
        if power.base.func == POW and isinstance(power.exp, sp.Rational):
            denominators[power.base] = sp.ilcm(denominators.get(power.base, 1), power.exp.q)
    table: dict[sp.Expr, sp.Dummy] = {}
    roots: dict[tuple[sp.Expr, int], sp.Dummy] = {}

    def generator(e: sp.Expr) -> sp.Expr:
        if isinstance(e, (sp.Rational, sp.Symbol)):
            return e
        if isinstance(e, (sp.Add, sp.Mul)):
            return e.func(*[generator(arg) for arg in e.args])
        if isinstance(e, sp.Pow) and isinstance(e.exp, sp.Rational):
            if e.base.func == POW:
                if e.base.args[1] == 1:
                    return generator(e.base.args[0]) ** e.exp
                return table.setdefault(e.base, sp.Dummy("u")) ** (e.exp * denominators.get(e.base, 1))
            if isinstance(e.exp, sp.Integer):
                return generator(e.base) ** e.exp
            key = (sp.expand(e.base), int(e.exp.q))
            return roots.setdefault(key, sp.Dummy("r")) ** e.exp.p
        if e.func == POW:
            if e.args[1] == 1:
                return generator(e.args[0])
            return table.setdefault(e, sp.Dummy("u")) ** denominators.get(e, 1)
        return table.setdefault(e, sp.Dummy("u"))

    numerator = sp.expand(sp.numer(sp.together(generator(canonical))))
    signs = [name for atom, name in table.items() if atom.func == POW and atom.args[0] == -1]
    for _ in range(4):
        for (base, order), name in list(roots.items()):
            numerator = _reduce_root(numerator, name, order, generator(base))
        for name in signs:
            numerator = _reduce_root(numerator, name, 2, sp.Integer(1))
        if numerator == 0:
            return True
    return False


def _reduce_root(numerator: sp.Expr, name: sp.Dummy, order: int, value: sp.Expr) -> sp.Expr:
    """Replace name**order by ``value`` and clear denominators."""
    if not numerator.has(name):
        return numerator
    total = sp.Integer(0)
    for (power,), coefficient in sp.Poly(numerator, name).terms():
        total += coefficient * name ** (power % order) * value ** (power // order)
    return sp.expand(sp.numer(sp.together(total)))
