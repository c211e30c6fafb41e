"""Exact algebra for the proof kernel: signs, domains, normal forms and balls.

Nothing here guesses. ``sign`` answers True only when it has a reason; ``vanishes`` answers True only when the difference
reduces to the literal 0; ``ball`` encloses an explicit number in an interval with outward rounding. Everything else is "not
proved".

Context: a tuple of pairs (expression, strict) meaning expression >= 0, or > 0 when strict.
"""

from __future__ import annotations

import itertools
from typing import Any, Final

import sympy as sp
from mpmath import iv
from sympy.core.function import AppliedUndef, UndefinedFunction

Context = tuple[tuple[sp.Expr, bool], ...]

MAX_OPS: Final = 20_000  # larger expressions are "not proved" instead of hours of expansion
MAX_EXPLICIT: Final = 60  # a sum with at most this many explicit terms is written out
POW: Final = sp.Function("_pow")  # POW(b, m) stands for b**m with a symbolic exponent m
SMOOTH: Final = (sp.exp, sp.log, sp.sin, sp.cos, sp.tanh, sp.cosh, sp.sinh, sp.erf, sp.atan, sp.asinh)
_LANGUAGE: Final = {
    sp.Symbol,
    sp.Dummy,
    sp.Indexed,
    sp.Add,
    sp.Mul,
    sp.Pow,
    sp.Abs,
    sp.Max,
    sp.Min,
    sp.Sum,
    sp.Product,
    *SMOOTH,
}
omega = sp.Symbol("omega", real=True)  # the sample point; an expression that contains it is a random variable
mean = sp.Function("mean", real=True)  # expectation over omega under the reference law


class ProofError(Exception):
    """A step was refused; the message says which and why."""


# --- substitution ----------------------------------------------------------------------------------------------------
def fresh(symbol: sp.Symbol) -> sp.Dummy:
    """A new symbol with the declared domain of ``symbol``."""
    return sp.Dummy(symbol.name, **symbol._assumptions_orig)


def rename_bound(expr: sp.Basic) -> sp.Basic:
    """Give every bound variable a fresh name, so that later substitutions cannot be captured."""
    if not expr.args or not expr.has(sp.Sum, sp.Product, sp.Integral, sp.Limit):
        return expr
    args = [rename_bound(arg) for arg in expr.args]
    if isinstance(expr, (sp.Sum, sp.Product, sp.Integral)):
        function, limits = args[0], [tuple(limit) for limit in args[1:]]
        for position, (variable, *bounds) in enumerate(limits):
            new = {variable: fresh(variable)}
            function = function.xreplace(new)
            # the first limit is innermost: its bounds may mention the later (outer) variables, never the reverse
            for inner in range(position):
                limits[inner] = (limits[inner][0], *(bound.xreplace(new) for bound in limits[inner][1:]))
            limits[position] = (new[variable], *bounds)
        return expr.func(function, *limits)
    if isinstance(expr, sp.Limit):
        body, variable, point, side = args
        new = {variable: fresh(variable)}
        return sp.Limit(body.xreplace(new), new[variable], point, str(side))
    return expr.func(*args)


def name_bound(expr: sp.Basic) -> sp.Basic:
    """Name bound variables by their depth, so that expressions which differ in bound names only become identical."""
    if not expr.args or not expr.has(sp.Sum, sp.Product, sp.Integral, sp.Limit):
        return expr
    args = [name_bound(arg) for arg in expr.args]
    if isinstance(expr, sp.Limit):
        body, variable, point, side = args
        name = sp.Symbol(f"@{_binders(body)}", **variable._assumptions_orig)
        return sp.Limit(body.xreplace({variable: name}), name, point, str(side))
    if isinstance(expr, (sp.Sum, sp.Product, sp.Integral)):
        body, limits = args[0], args[1:]
        base = _binders(body)
        names = {limit[0]: sp.Symbol(f"@{base + d}", **limit[0]._assumptions_orig) for d, limit in enumerate(limits)}
        renamed = []
        for d, (variable, *bounds) in enumerate(limits):  # bounds may mention the later (outer) variables only
            outer = {limit[0]: names[limit[0]] for limit in limits[d + 1 :]}
            renamed.append((names[variable], *[bound.xreplace(outer) for bound in bounds]))
        return expr.func(body.xreplace(names), *renamed)
    return expr.func(*args)


def _binders(expr: sp.Basic) -> int:
    """One more than the largest depth number of a bound variable inside ``expr``."""
    depths = [-1]
    for node in expr.atoms(sp.Sum, sp.Product, sp.Integral):
        depths += [int(limit[0].name[1:]) for limit in node.limits if limit[0].name.startswith("@")]
    depths += [int(node.args[1].name[1:]) for node in expr.atoms(sp.Limit) if node.args[1].name.startswith("@")]
    return 1 + max(depths)


def substitute(expr: sp.Basic, mapping: dict[sp.Basic, sp.Basic]) -> sp.Basic:
    """Simultaneous, capture-free substitution."""
    return rename_bound(expr).xreplace(mapping)


# --- balls -----------------------------------------------------------------------------------------------------------
def ball(expr: sp.Expr, precision: int) -> Any:
    """Interval that contains the explicit real number ``expr``, computed with ``precision`` bits and outward rounding."""
    iv.prec = precision

    def walk(e: sp.Expr) -> Any:
        if isinstance(e, sp.Float):
            raise ProofError(f"the float {e} is not an exact number")
        if isinstance(e, sp.Rational):
            return iv.mpf(int(e.p)) / iv.mpf(int(e.q))
        if e is sp.pi:
            return iv.pi
        if e is sp.E:
            return iv.exp(iv.mpf(1))
        if isinstance(e, sp.Add):
            total = iv.mpf(0)
            for arg in e.args:
                total = total + walk(arg)
            return total
        if isinstance(e, sp.Mul):
            product = iv.mpf(1)
            for arg in e.args:
                product = product * walk(arg)
            return product
        if isinstance(e, sp.exp):
            return iv.exp(walk(e.args[0]))
        if isinstance(e, sp.log):
            inner = walk(e.args[0])
            if not inner.a > 0:
                raise ProofError(f"{e.args[0]} is not known to be positive inside a logarithm")
            return iv.log(inner)
        if isinstance(e, sp.Abs):
            return abs(walk(e.args[0]))
        if isinstance(e, sp.Pow):
            base, exponent = walk(e.base), e.exp
            if isinstance(exponent, sp.Integer):
                if exponent < 0 and not (base.a > 0 or base.b < 0):
                    raise ProofError(f"{e.base} is not known to be nonzero in a denominator")
                return base ** int(exponent)
            if not base.a > 0:
                if isinstance(exponent, sp.Rational) and exponent.q == 2 and exponent > 0 and base.a >= 0:
                    return iv.sqrt(base) ** int(exponent.p)
                raise ProofError(f"{e.base} is not known to be positive under a root")
            return iv.exp(walk(exponent) * iv.log(base))
        raise ProofError(f"{e} is not an explicit number that interval arithmetic knows")

    return walk(sp.sympify(expr))


def number_sign(expr: sp.Expr) -> int | None:
    """Sign of an explicit number: +1, -1, 0 (exactly zero by algebra), or None when undecided."""
    if isinstance(expr, sp.Rational):
        return int(sp.sign(expr))
    for precision in (64, 256, 1024):
        try:
            value = ball(expr, precision)
        except ProofError:
            if precision == 1024:
                return None
            continue
        if value.a > 0:
            return 1
        if value.b < 0:
            return -1
    return 0 if sp.expand(expr) == 0 or sp.expand(sp.radsimp(expr)) == 0 else None


def is_number(expr: sp.Expr) -> bool:
    """True for an expression without symbols, functions of the sample point or bound variables."""
    return not expr.free_symbols and not expr.has(AppliedUndef, sp.Sum, sp.Product, sp.Limit, sp.Integral)


# --- signs -----------------------------------------------------------------------------------------------------------
def nonneg(expr: sp.Expr, context: Context = (), *, strict: bool = False, depth: int = 3) -> bool:
    """True when ``expr`` >= 0 (> 0 if ``strict``) for a stated reason; False means "not proved", not "false"."""
    expr = sp.sympify(expr)
    if expr.has(sp.Float, sp.oo, -sp.oo, sp.nan, sp.zoo, sp.I):
        return False
    if is_number(expr):
        value = number_sign(expr)
        return value is not None and (value > 0 if strict else value >= 0)
    if _matches(expr, context, strict):
        return True
    if _structural(expr, context, strict, depth):
        return True
    expanded = _shift_positive_integers(sp.expand(expr))
    if expanded != expr and (_matches(expanded, context, strict) or _structural(expanded, context, strict, depth)):
        return True
    if depth > 0:
        for known, known_strict in context:  # expr = known + something nonnegative
            rest = sp.expand(expr - known)
            if (
                rest != expr
                and _shorter(rest, expanded)
                and nonneg(rest, context, strict=strict and not known_strict, depth=depth - 1)
            ):
                return True
    return False


def _shorter(rest: sp.Expr, expr: sp.Expr) -> bool:
    """Subtracting a known fact must not make the expression longer (bounds the search)."""
    return len(sp.Add.make_args(rest)) <= len(sp.Add.make_args(expr)) + 1


def _matches(expr: sp.Expr, context: Context, strict: bool) -> bool:
    """True when ``expr`` is a positive rational multiple of a known fact, term by term."""
    usable = [known for known, known_strict in context if known_strict or not strict]
    if not usable:
        return False
    terms = _terms(expr)
    for known in usable:
        others = _terms(known)
        if terms.keys() == others.keys():
            ratios = {terms[key] / others[key] for key in terms}
            if len(ratios) == 1 and next(iter(ratios)) > 0:
                return True
    return False


def _terms(expr: sp.Expr) -> dict[sp.Expr, sp.Rational]:
    """Terms of the expanded expression: product of symbols -> rational coefficient (nonzero)."""
    found: dict[sp.Expr, sp.Rational] = {}
    for term in sp.Add.make_args(sp.expand(expr)):
        coefficient, rest = term.as_coeff_Mul(rational=True)
        found[rest] = found.get(rest, sp.Integer(0)) + coefficient
    return {rest: coefficient for rest, coefficient in found.items() if coefficient != 0}


def _shift_positive_integers(expr: sp.Expr) -> sp.Expr:
    """Write a positive integer n as 1 + m with m >= 0, so that n - 1 shows its sign."""
    shift = {}
    for symbol in expr.free_symbols:
        if isinstance(symbol, sp.Symbol) and symbol.is_integer and symbol.is_positive and not _is_label(symbol, expr):
            shift[symbol] = 1 + sp.Dummy(symbol.name, integer=True, nonnegative=True)
    return sp.expand(expr.xreplace(shift)) if shift else expr


def _is_label(symbol: sp.Symbol, expr: sp.Basic) -> bool:
    return any(base.label == symbol for base in expr.atoms(sp.IndexedBase))


def _structural(expr: sp.Expr, context: Context, strict: bool, depth: int) -> bool:
    """Sign of a sum from its terms, of a product from its factors, of an atom from its declared domain."""
    if isinstance(expr, sp.Add):
        some = False
        for term in expr.args:
            if strict and not some and nonneg(term, context, strict=True, depth=0):
                some = True
            elif not nonneg(term, context, depth=0):
                return False
        return some or not strict
    if isinstance(expr, sp.Mul):
        coefficient, _ = expr.as_coeff_Mul()
        negative = bool(coefficient.is_negative)
        for factor in expr.args:
            if factor == coefficient or nonneg(factor, context, strict=strict, depth=max(depth - 1, 0)):
                continue
            opposite = sp.expand(-factor) if isinstance(factor, sp.Add) else None
            flips = isinstance(factor, sp.Symbol) and (factor.is_negative if strict else factor.is_nonpositive)
            if opposite is not None:
                flips = nonneg(opposite, context, strict=strict, depth=max(depth - 1, 0))
            if not flips:
                return False
            negative = not negative
        return not negative
    return _atom(expr, context, strict, depth)


def _atom(expr: sp.Expr, context: Context, strict: bool, depth: int) -> bool:
    if isinstance(expr, (sp.Symbol, sp.Indexed, AppliedUndef)):
        if expr.func == mean:  # the mean of something that is nonnegative at every sample point
            return not strict and nonneg(expr.args[0], (), depth=1)
        return bool(expr.is_positive if strict else expr.is_nonnegative)
    if isinstance(expr, sp.exp):
        return is_real(expr.args[0], context)
    if isinstance(expr, sp.Pow):
        base, exponent = expr.base, expr.exp
        if nonneg(base, context, strict=True, depth=depth):
            return is_real(exponent, context)
        if isinstance(exponent, sp.Integer) and exponent % 2 == 0 and is_real(base, context):
            if exponent > 0 and not strict:
                return True
            return isinstance(base, (sp.Add, sp.Symbol)) and nonneg(
                -base, context, strict=True, depth=depth
            )  # a square of something nonzero
        if exponent.is_integer and exponent.is_even and not exponent.is_number and is_real(base, context) and not strict:
            return nonneg(exponent, context, depth=1)
        if strict or not nonneg(base, context, depth=depth):
            return False
        if isinstance(exponent, sp.Rational):
            return bool(exponent > 0)
        return bool(exponent.is_integer) and nonneg(exponent, context, depth=1)
    if isinstance(expr, sp.Abs):
        return is_real(expr.args[0], context) and (not strict or nonzero(expr.args[0], context))
    if isinstance(expr, sp.Max):
        return any(nonneg(arg, context, strict=strict, depth=depth) for arg in expr.args)
    if isinstance(expr, sp.Min):
        return all(nonneg(arg, context, strict=strict, depth=depth) for arg in expr.args)
    if isinstance(expr, sp.Product) or (isinstance(expr, sp.Sum) and not strict):
        body, inner = open_binder(expr, context)
        return nonneg(body, inner, strict=strict, depth=depth)
    if isinstance(expr, sp.log):
        return nonneg(expr.args[0] - 1, context, strict=strict, depth=depth)
    if isinstance(expr, (sp.cosh,)):
        return is_real(expr.args[0], context)
    return False


def nonzero(expr: sp.Expr, context: Context = ()) -> bool:
    """True when ``expr`` is proved to be different from 0: a sign for it, or for each of its factors."""
    if nonneg(expr, context, strict=True) or nonneg(-expr, context, strict=True):
        return True
    if isinstance(expr, sp.Add) and context and nonneg(expr**2, context, strict=True):
        return True
    if isinstance(expr, sp.Mul):
        return all(nonzero(factor, context) for factor in expr.args)
    if isinstance(expr, sp.Pow) and expr.exp.is_number:
        return nonzero(expr.base, context)
    factored = sp.factor(expr)
    return isinstance(factored, (sp.Mul, sp.Pow)) and factored != expr and nonzero(factored, context)


def is_real(expr: sp.Expr, context: Context = ()) -> bool:
    """True when ``expr`` is a well-defined real number for all values of its symbols in their domains."""
    try:
        check_defined(expr, context)
    except ProofError:
        return False
    return True


# --- domains ---------------------------------------------------------------------------------------------------------
def outer_limit(expr: sp.Sum | sp.Product) -> tuple[sp.Expr, sp.Symbol, sp.Expr, sp.Expr]:
    """Body, bound variable and bounds of the outermost (in sympy: the last) limit."""
    last = expr.limits[-1]
    if len(last) != 3:
        raise ProofError(f"{expr} has a limit without bounds")
    body = expr.func(expr.function, *expr.limits[:-1]) if len(expr.limits) > 1 else expr.function
    return body, last[0], last[1], last[2]


def open_binder(expr: sp.Sum | sp.Product, context: Context) -> tuple[sp.Expr, Context]:
    """Body of the outermost sum or product with a fresh bound variable, and the context in which it is evaluated."""
    body, variable, low, high = outer_limit(expr)
    new = fresh(variable)
    return substitute(body, {variable: new}), (*context, (new - low, False), (high - new, False))


def check_defined(expr: sp.Basic, context: Context = ()) -> None:
    """Refuse an expression unless it is exact, real and defined: every denominator, logarithm and root has a proved sign."""
    if isinstance(expr, sp.Float):
        raise ProofError(f"the float {expr} is not an exact number")
    if expr in (sp.oo, -sp.oo, sp.zoo, sp.nan) or expr is sp.I:
        raise ProofError(f"{expr} is not a finite real number")
    if isinstance(expr, (sp.Rational, sp.NumberSymbol)):
        return
    # exact types: a subclass could lie about its sign
    if type(expr) not in _LANGUAGE and not (isinstance(expr, AppliedUndef) and isinstance(type(expr), UndefinedFunction)):
        raise ProofError(f"{expr} ({type(expr).__name__}) is outside the language of the kernel")
    if isinstance(expr, (sp.Symbol, sp.Indexed, AppliedUndef)):
        if isinstance(expr, sp.Indexed) and type(expr.base) is not sp.IndexedBase:
            raise ProofError(f"{expr} ({type(expr.base).__name__}) is outside the language of the kernel")
        if expr.is_real is not True or not expr.is_commutative:
            raise ProofError(f"{expr} is not declared real")
        if not isinstance(expr, sp.Symbol):
            for arg in expr.args if isinstance(expr, AppliedUndef) else expr.indices:
                check_defined(arg, context)
        return
    if isinstance(expr, (sp.Add, sp.Mul, sp.Max, sp.Min)):
        for arg in expr.args:
            check_defined(arg, context)
        return
    if isinstance(expr, sp.Pow):
        _check_power(expr.base, expr.exp, context)
        return
    if isinstance(expr, sp.log):
        check_defined(expr.args[0], context)
        if not nonneg(expr.args[0], context, strict=True):
            raise ProofError(f"{expr.args[0]} has no proved positive sign inside a logarithm")
        return
    if isinstance(expr, (*SMOOTH, sp.Abs)):
        check_defined(expr.args[0], context)
        return
    if isinstance(expr, (sp.Sum, sp.Product)):
        _, variable, low, high = outer_limit(expr)
        if not (variable.is_integer and low.is_integer and high.is_integer):
            raise ProofError(f"the bound variable {variable} of {expr} and its bounds must be integers")
        for bound in (low, high):
            check_defined(bound, context)
        if not nonneg(high - low + 1, context):
            raise ProofError(f"the range of {expr} has no proved length")
        check_binder(expr, variable, low, context)
        body, inner = open_binder(expr, context)
        check_defined(body, inner)
        return
    raise ProofError(f"{expr} ({type(expr).__name__}) is outside the language of the kernel")


def check_binder(expr: sp.Basic, variable: sp.Symbol, low: sp.Expr, context: Context = ()) -> None:
    """Refuse a sum or product whose bound variable leaves its declared domain."""
    if (variable.is_positive and not nonneg(low - 1, context)) or (variable.is_nonnegative and not nonneg(low, context)):
        raise ProofError(f"the bound variable {variable} of {expr} starts below its declared domain")
    if variable.is_nonpositive or variable.is_even is not None or variable.is_prime is not None:
        raise ProofError(f"the bound variable {variable} of {expr} has a domain smaller than its range")


def _check_power(base: sp.Expr, exponent: sp.Expr, context: Context) -> None:
    check_defined(base, context)
    check_defined(exponent, context)
    if isinstance(exponent, sp.Integer):
        if exponent < 0 and not nonzero(base, context):
            raise ProofError(f"the denominator {base} has no proved sign")
        return
    if nonneg(base, context, strict=True):
        return
    if isinstance(exponent, sp.Rational):
        if exponent < 0 or not nonneg(base, context):
            raise ProofError(f"{base} has no proved sign under a root")
        return
    if base == 0 or not (exponent.is_integer and nonneg(exponent, context)):
        raise ProofError(f"the power {base}**({exponent}) needs a positive base or an exponent in 0, 1, 2, ...")
    # b**n with a nonnegative integer n is a polynomial in b; formal cancellation is then valid at b = 0 by continuity, which
    # needs that b cannot vanish on an open set
    if base != -1 and not base.is_polynomial(*[s for s in base.free_symbols if isinstance(s, (sp.Symbol, sp.Indexed))]):
        raise ProofError(f"the base {base} of a symbolic power must be a polynomial or positive")


def in_domain(value: sp.Expr, symbol: sp.Symbol, context: Context = ()) -> bool:
    """True when ``value`` provably lies in the declared domain of ``symbol``."""
    declared = symbol._assumptions_orig
    if symbol.is_commutative is not True or not is_real(value, context):
        return False
    for name, wanted in declared.items():
        if name in ("commutative", "real", "finite", "complex", "extended_real"):
            if wanted is not True:
                return False
        elif name == "integer" and wanted:
            if not value.is_integer:
                return False
        elif name in ("positive", "nonnegative", "negative", "nonpositive") and wanted:
            signed = value if name in ("positive", "nonnegative") else -value
            if not nonneg(signed, context, strict=name in ("positive", "negative")):
                return False
        elif name in ("nonzero",) and wanted:
            if not nonzero(value, context):
                return False
        else:
            return False  # an unusual domain is never proved
    return True


# --- normal form -----------------------------------------------------------------------------------------------------
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
