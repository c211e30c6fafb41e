"""Signs and domains of expressions: True only for a stated reason, and "not proved" otherwise.

``nonneg`` finds a sign in declared domains, in a context of known inequalities and in visible squares; ``check_defined``
refuses whatever has a denominator, a logarithm or a root of unproved sign; ``number_sign`` encloses an explicit number in an
interval with outward rounding.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from mpmath import iv
from sympy.core.function import AppliedUndef, UndefinedFunction

from theory.kernel.language import LANGUAGE, SMOOTH, Context, ProofError, fresh, mean, substitute

__all__ = [
    "check_binder",
    "check_defined",
    "in_domain",
    "is_number",
    "is_real",
    "nonneg",
    "nonzero",
    "number_sign",
    "outer_limit",
]


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
    if type(expr) not in LANGUAGE and not (isinstance(expr, AppliedUndef) and isinstance(type(expr), UndefinedFunction)):
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
