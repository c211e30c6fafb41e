"""The limit of early-stopped retraining (KTV-B), and what errors and annealing do to it.

One round with exact scores is p^{i+1} = OU_t0(q_i), q_i = alpha p + rho p^i, rho = 1 - alpha; OU_t is the noising. Noising and
mixing are linear, so a proof needs only a linear reading of each law, the integral of one fixed test function: reading m, n is
that of OU_{m t0} p^n. The limit law p^oo is the fixed point, p^oo = OU_t0(alpha p + rho p^oo). On the Hermite coefficient of
order k relative to N(0, I) the noising acts by e^{-k t0/2}, so each order is a scalar recursion with its own fixed point.

Source: KTV-B (Khelifa, Turner, Venkataramanan, arXiv 2606.13796), of which only the abstract was available; statements under
that key are a reconstruction. "driftbound" marks what is derived here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import sympy as sp

from theory import proof as pf
from theory._arguments import finish, fraction, nonnegative
from theory.accumulation import ALPHA, PINSKER
from theory.claim import Assumption, Claim, Proof, with_mutants
from theory.generation import COMMON_START, TANGENT
from theory.proof import Fact
from theory.relations import Eq, Ge, Le, Lt
from theory.symbols import (
    N,
    alpha,
    data_smoothing_tv,
    dimension,
    early_time,
    early_times,
    endpoint_kl,
    endpoint_reverse_kl,
    endpoint_tv,
    hermite,
    hermite_data,
    hermite_limit,
    i,
    ideal_energies,
    initial_kl,
    j,
    largest_time,
    learned_energies,
    limit_tv,
    limit_w1,
    limit_w2,
    mixed_hermite,
    mixed_moment,
    mixed_tv,
    noised_limit_tv,
    noised_limit_w2,
    noised_mixture,
    order,
    round_error,
    round_w2,
    second_moment,
    second_moment_data,
    second_moment_limit,
    smoothed,
    smoothed_data,
    smoothed_limit,
    smoothed_mixture,
    tv,
    w2_rate,
)

__all__ = ["CLAIMS", "hermite_gain"]

_ORDER = sp.Symbol("k", nonnegative=True)
_ALPHA, _TIME = sp.symbols("alpha t0", nonnegative=True)


@lru_cache(maxsize=1)
def _gain() -> sp.Expr:
    """The fixed point of c' = e^{-k t0/2} (alpha c + (1 - alpha) c'), per unit of c."""
    data, limit, damping = sp.symbols("c c_inf a")
    (fixed,) = sp.solve(Eq(limit, damping * (_ALPHA * data + (1 - _ALPHA) * limit)), limit)
    # 1 - (1 - alpha) a = alpha a + (1 - a), which does not cancel where t0 and alpha are small
    numerator, denominator = sp.fraction(sp.cancel(fixed / data))
    sign = sp.Integer(-1) if denominator.could_extract_minus_sign() else sp.Integer(1)
    return (sign * numerator / sp.expand(sign * denominator)).subs(damping, sp.exp(-_ORDER * _TIME / 2))


def hermite_gain(k: Any, alpha: Any, t0: Any) -> sp.Expr:
    """c_k^inf / c_k = alpha a/(1 - (1 - alpha) a) with a = e^{-k t0/2}: what the limit law keeps of order k (KTV-B).

    Arguments:
        k: the order, an integer >= 0 (a symbol counts as one).
        alpha: the fresh fraction, in [0, 1].
        t0: the early-stopping time, >= 0.

    Returns:
        The gain, in [0, 1]; 1 at k = 0, the mass.

    Raises:
        TypeError: if an argument is neither a number nor an expression.
        ValueError: if one is out of range, or if alpha = t0 = 0 and k > 0, where the recursion stands still and has no limit
            of its own.

    >>> hermite_gain(2, 1, sp.log(2))
    1/2
    """
    (degree, inexact_k), (share, inexact_a), (time, inexact_t) = (
        nonnegative("k", k),
        fraction("alpha", alpha),
        nonnegative("t0", t0),
    )
    if degree.is_integer is False:
        raise ValueError(f"k must be an integer >= 0, but it is {k}")
    if degree.is_zero:
        return sp.Integer(1)
    if share.is_zero and time.is_zero:
        raise ValueError("alpha and t0 must not both be 0: the recursion then stands still and has no limit of its own")
    return finish(
        _gain().subs({_ORDER: degree, _ALPHA: share, _TIME: time}, simultaneous=True), inexact_k, inexact_a, inexact_t
    )


# --- the claims: vocabulary ------------------------------------------------------------------------------------------
_RHO: Final = 1 - alpha
_WHOLE: Final = sp.Symbol("n", integer=True, nonnegative=True)  # a number of rounds that may be 0
_RECONSTRUCTED: Final = "KTV-B (abstract; reconstruction)"

MIXING: Final = Assumption(
    "mixing",
    "Round i trains on q_i = alpha p + (1 - alpha) p^i: so for every linear reading of the laws noised by m t0.",
    Eq(smoothed_mixture[j, i], alpha * smoothed_data[j] + _RHO * smoothed[j, i]),
)
ROUND: Final = Assumption(
    "round",
    "The score is exact: p^{i+1} = OU_t0 q_i; so OU_{m t0} p^{i+1} = OU_{(m+1) t0} q_i (semigroup).",
    Eq(smoothed[j, i + 1], smoothed_mixture[j + 1, i]),
)
TIMED_ROUND: Final = Assumption(
    "timed-round",
    "The score is exact, and round i stops at its own time: p^{i+1} = OU_{t0_i} q_i.",
    Eq(smoothed[0, i + 1], noised_mixture[i]),
)
FIXED_POINT: Final = Assumption(
    "fixed-point",
    "p^oo is a fixed point of the exact round: p^oo = OU_t0(alpha p + (1 - alpha) p^oo).",
    Eq(smoothed_limit[j], alpha * smoothed_data[j + 1] + _RHO * smoothed_limit[j + 1]),
)
HERMITE_MIXING: Final = Assumption(
    "hermite-mixing",
    "Round i trains on q_i = alpha p + (1 - alpha) p^i: so for every Hermite coefficient.",
    Eq(mixed_hermite[i, order], alpha * hermite_data[order] + _RHO * hermite[i, order]),
    over=(i, order),
)
MOMENT_MIXING: Final = Assumption(
    "moment-mixing",
    "Round i trains on q_i = alpha p + (1 - alpha) p^i: so for the second moment, which is finite.",
    Eq(mixed_moment[i], alpha * second_moment_data + _RHO * second_moment[i]),
)
TIMES: Final = Assumption("times-below", "No early-stopping time exceeds tau.", Le(early_times[i], largest_time))
ROUND_ERROR: Final = Assumption(
    "round-error", "Each round misses its target OU_t0 q_i by at most delta in W2.", Le(round_w2[i], round_error)
)
W2_RATE: Final = Assumption("w2-rate", "r = sqrt(1 - alpha) e^{-t0/2}.", Eq(w2_rate**2, _RHO * sp.exp(-early_time)))


def _case(rounds: int, share: Any, damping: Any, data: Any, start: Any, **more: Any) -> dict[Any, Any]:
    """Exact readings x -> (test function x) of a recursion on means: OU_{m t0} multiplies by ``damping**m``.

    ``data``, ``start``: the means of p and p^0. ``more``: values of further symbols, as keyword=(symbol, value).
    """
    share, damping, data = (sp.sympify(value) for value in (share, damping, data))
    means = [sp.sympify(start)]
    for _ in range(rounds):
        means.append(damping * (share * data + (1 - share) * means[-1]))
    pooled = [share * data + (1 - share) * value for value in means]
    limit = damping * share * data / (1 - (1 - share) * damping)
    powers = [damping**m for m in range(rounds + 2)]
    case: dict[Any, Any] = {
        N: rounds,
        alpha: share,
        early_time: -2 * sp.log(damping),
        smoothed: tuple(tuple(power * value for value in means) for power in powers),
        smoothed_mixture: tuple(tuple(power * value for value in pooled[:-1]) for power in powers),
        noised_mixture: tuple(damping * value for value in pooled[:-1]),
        smoothed_data: tuple(power * data for power in powers),
        smoothed_limit: tuple(power * limit for power in powers),
    }
    case.update(more.values())
    return case


_HALF: Final = sp.Rational(1, 2)
_MEANS: Final = _case(2, _HALF, _HALF, 1, 4)
# p = p^oo = delta at 0, p^0 = delta at 10, t0 = 0: p^1 is half of each; narrow laws and a short t0 come as close as one likes
_FAR: Final = _case(
    1,
    _HALF,
    1,
    0,
    10,
    tv=(limit_tv, (1, _HALF)),
    w1=(limit_w1, (10, 5)),
    w2=(limit_w2, (10, 5 * sp.sqrt(2))),
    energies=(ideal_energies, (0,)),
    learned=(learned_energies, (0,)),
    start_kl=(initial_kl, 0),
    errors=(round_w2, (0,)),
    error=(round_error, 0),
    rate=(w2_rate, sp.sqrt(_HALF)),
)


# --- theorems --------------------------------------------------------------------------------------------------------
_S, _X = sp.symbols("s x", real=True)


def _generating(time: Any) -> tuple[sp.Expr, sp.Expr]:
    """E exp(s (a x + b Z) - s^2/2), b^2 = 1 - a^2, Z standard normal; and exp(u x - u^2/2) at u = a s."""
    a = sp.exp(-time / 2)
    return sp.exp(_S * a * _X + _S**2 * (1 - a**2) / 2 - _S**2 / 2), sp.exp(a * _S * _X - (a * _S) ** 2 / 2)


def _exact_round(exact: Fact, n: sp.Expr, time: sp.Expr) -> None:
    """The premise reads p^{n+1} = OU_time q_n."""
    right = {early_time: smoothed_mixture[1, n], early_times[n]: noised_mixture[n]}.get(time)
    if right is None or (exact.lhs, exact.op, exact.rhs) != (smoothed[0, n + 1], "==", right):
        raise pf.ProofError(f"the premise must read p^(n+1) = OU q_n with the time {time}, not {exact}")


def _noised_generating(generating: Fact, time: sp.Expr) -> None:
    if generating.op != "==" or (generating.lhs, generating.rhs) != _generating(time):
        raise pf.ProofError(f"the premise is not the generating function noised for {time}")


def _mehler(generating: Fact, exact: Fact, *, n: sp.Expr, time: sp.Expr, k: sp.Expr = order) -> Any:
    _exact_round(exact, n, time)
    _noised_generating(generating, time)
    return Eq(hermite[n + 1, k], sp.exp(-k * time / 2) * mixed_hermite[n, k])


def _fixed(fixed: Fact) -> None:
    """The premise reads p^oo = OU_t0(alpha p + rho p^oo)."""
    right = alpha * smoothed_data[1] + _RHO * smoothed_limit[1]
    if fixed.op != "==" or fixed.lhs != smoothed_limit[0] or sp.expand(fixed.rhs - right) != 0:
        raise pf.ProofError(f"{fixed} does not say that p^oo is the fixed point of a round")


def _mehler_fixed(generating: Fact, fixed: Fact, *, k: sp.Expr = order) -> Any:
    _fixed(fixed)
    _noised_generating(generating, early_time)
    mixed = alpha * hermite_data[k] + _RHO * hermite_limit[k]
    return Eq(hermite_limit[k], sp.exp(-k * early_time / 2) * mixed)


def _ou_moment(exact: Fact, *, n: sp.Expr) -> Any:
    _exact_round(exact, n, early_time)
    kept = sp.exp(-early_time)
    return Eq(second_moment[n + 1], kept * mixed_moment[n] + dimension * (1 - kept))


def _ou_moment_fixed(fixed: Fact) -> Any:
    _fixed(fixed)
    kept, mixed = sp.exp(-early_time), alpha * second_moment_data + _RHO * second_moment_limit
    return Eq(second_moment_limit, kept * mixed + dimension * (1 - kept))


def _weight(mixing: Fact) -> tuple[sp.Expr, sp.Expr]:
    """Round n and weight 1 - a, read off a premise q_n = a p + (1 - a) p^n."""
    left = mixing.lhs
    if mixing.op != "==" or not isinstance(left, sp.Indexed) or left.base != smoothed_mixture:
        raise pf.ProofError(f"{mixing} does not define a mixture")
    m, n = left.indices
    keep = sp.expand(mixing.rhs).coeff(smoothed[m, n])
    if sp.expand(mixing.rhs - (1 - keep) * smoothed_data[m] - keep * smoothed[m, n]) != 0:
        raise pf.ProofError(f"{mixing} is not a mixture of p and p^n with weights that sum to 1")
    return n, keep


def _nonnegative_weight(below: Fact, keep: sp.Expr) -> None:
    if below.op == "==" or sp.expand(below.rhs - below.lhs - keep) != 0:
        raise pf.ProofError(f"the premise must read 0 <= {keep}, not {below}")


def _contraction(distance: sp.IndexedBase, noised: sp.IndexedBase | None, power: int, damping: sp.Expr) -> Callable[..., Any]:
    """Schema: distance(OU_t0 q_n, p^oo)^power <= keep * damping * distance(p^n, p^oo)^power for p^oo = OU_t0(a p + keep p^oo).

    With the premise p^{n+1} = OU_t0 q_n the left side is the distance of p^{n+1}.
    """

    def schema(mixing: Fact, fixed: Fact, below: Fact, *rounds: Fact) -> Any:
        n, keep = _weight(mixing)
        _nonnegative_weight(below, keep)
        if fixed.op != "==" or fixed.lhs != smoothed_limit[0]:
            raise pf.ProofError(f"{fixed} does not say that p^oo is a fixed point")
        if sp.expand(fixed.rhs - (1 - keep) * smoothed_data[1] - keep * smoothed_limit[1]) != 0:
            raise pf.ProofError(f"{fixed} does not mix p and p^oo as {mixing} mixes p and p^n")
        if len(rounds) > 1 or any(
            (fact.lhs, fact.op, fact.rhs) != (smoothed[0, n + 1], "==", smoothed_mixture[1, n]) for fact in rounds
        ):
            raise pf.ProofError(f"the premise must read p^(n+1) = OU q_n, not {rounds}")
        if not rounds and noised is None:
            raise pf.ProofError("the premise p^(n+1) = OU q_n is missing")
        left = distance[n + 1] if rounds or noised is None else noised[n]
        return Le(left**power, keep * damping * distance[n] ** power)

    return schema


def _mixture_tv(mixing: Fact, below: Fact) -> Any:
    n, keep = _weight(mixing)
    _nonnegative_weight(below, keep)
    return Eq(mixed_tv[n], keep * tv[n])


def _noised_tv(exact: Fact, *, n: sp.Expr) -> Any:
    _exact_round(exact, n, early_times[n])
    return Le(tv[n + 1], mixed_tv[n] + data_smoothing_tv[n])


def _endpoint_triangle(*, n: sp.Expr) -> Any:
    return Le(limit_tv[n + 1], endpoint_tv[n] + noised_limit_tv[n])


def _w2_triangle(*, n: sp.Expr) -> Any:
    return Le(limit_w2[n + 1], round_w2[n] + noised_limit_w2[n])


def _reverse_pinsker(*, n: sp.Expr) -> Any:
    return Le(endpoint_tv[n] ** 2, endpoint_reverse_kl[n] / 2)


def _girsanov(start: Fact, *, energy: sp.Expr) -> Any:
    if (start.lhs, start.op, start.rhs) != (initial_kl, "==", 0):
        raise pf.ProofError(f"both processes must start from one law, but the premise is {start}")
    sides = {learned_energies: endpoint_kl, ideal_energies: endpoint_reverse_kl}
    if not isinstance(energy, sp.Indexed) or energy.base not in sides:
        raise pf.ProofError(f"{energy} is not the energy of a round")
    return Le(sides[energy.base][energy.indices[0]], energy / 2)


def _mean_distance(*, n: sp.Expr) -> Any:
    return Le(sp.Abs(hermite[n, 1] - hermite_limit[1]), limit_w1[n])


def _jensen(*, n: sp.Expr) -> Any:
    return Le(limit_w1[n], limit_w2[n])


def _minimum(first: Fact, second: Fact) -> Any:
    if "==" in (first.op, second.op) or first.lhs != second.lhs:
        raise pf.ProofError(f"{first} and {second} do not bound one quantity from above")
    return Le(first.lhs, sp.Min(first.rhs, second.rhs))


MEHLER: Final = pf.Theorem(
    "Mehler", "the generating function exp(s x - s^2/2) of the He_k, noised, is the same at a s: compare powers of s", _mehler
)
MEHLER_FIXED: Final = pf.Theorem(
    "Mehler, at the fixed point",
    "the same for p^oo = OU_t0(alpha p + rho p^oo), whose coefficients mix linearly",
    _mehler_fixed,
)
OU_MOMENT: Final = pf.Theorem(
    "second moment of a noising step", "E|aX + bZ|^2 = a^2 E|X|^2 + b^2 d, b^2 = 1 - a^2, Z ~ N(0, I) independent", _ou_moment
)
OU_MOMENT_FIXED: Final = pf.Theorem(
    "second moment of the fixed point", "the same for p^oo = OU_t0(alpha p + rho p^oo), E|x|^2 being linear", _ou_moment_fixed
)
TV_CONTRACTION: Final = pf.Theorem(
    "data processing",
    "TV(OU q, OU q') <= TV(q, q'), and TV of two mixtures with a common part is the remaining weight times TV",
    _contraction(limit_tv, noised_limit_tv, 1, sp.Integer(1)),
)
W1_CONTRACTION: Final = pf.Theorem(
    "synchronous coupling and Kantorovich-Rubinstein duality",
    "W1(OU_t q, OU_t q') <= e^{-t/2} W1(q, q'), and W1 is linear in q - q'",
    _contraction(limit_w1, None, 1, sp.exp(-early_time / 2)),
)
W2_CONTRACTION: Final = pf.Theorem(
    "synchronous coupling and joint convexity",
    "W2(OU_t q, OU_t q') <= e^{-t/2} W2(q, q'), and W2^2 is jointly convex",
    _contraction(limit_w2, noised_limit_w2, 2, sp.exp(-early_time)),
)
MIXTURE_TV: Final = pf.Theorem("total variation of a mixture", "TV(a p + (1 - a) p', p) = (1 - a) TV(p', p)", _mixture_tv)
NOISED_TV: Final = pf.Theorem(
    "triangle inequality of TV and data processing",
    "TV(OU q, p) <= TV(OU q, OU p) + TV(OU p, p) <= TV(q, p) + TV(OU p, p), with the noising time of the round",
    _noised_tv,
)
ENDPOINT_TRIANGLE: Final = pf.Theorem(
    "triangle inequality of TV", "TV(p^{n+1}, p^oo) <= TV(p^{n+1}, OU_t0 q_n) + TV(OU_t0 q_n, p^oo)", _endpoint_triangle
)
W2_TRIANGLE: Final = pf.Theorem(
    "triangle inequality of W2", "W2(p^{n+1}, p^oo) <= W2(p^{n+1}, OU_t0 q_n) + W2(OU_t0 q_n, p^oo)", _w2_triangle
)
REVERSE_PINSKER: Final = pf.Theorem("Pinsker, reversed", "TV(P, Q)^2 <= KL(Q || P)/2", _reverse_pinsker)
GIRSANOV: Final = pf.Theorem(
    "Girsanov",
    "claims girsanov-kl and girsanov-reverse-kl: KL(p^ || q_t0) <= learned energy / 2, KL(q_t0 || p^) <= ideal energy / 2",
    _girsanov,
)
MEAN_DISTANCE: Final = pf.Theorem(
    "Kantorovich-Rubinstein duality", "He_1(u.x) = u.x has Lipschitz constant 1: means differ by at most W1", _mean_distance
)
JENSEN: Final = pf.Theorem("Jensen", "W1 <= W2", _jensen)
MINIMUM: Final = pf.Theorem("minimum", "x <= a and x <= b give x <= min(a, b)", _minimum)


# --- lemmas ----------------------------------------------------------------------------------------------------------
def _rho(claim: Claim) -> Fact:
    """0 <= 1 - alpha."""
    return pf.nonnegative(_RHO, claim.assume("alpha"), text="1 - alpha >= 0")


def _at_most_one(exponent: Any) -> Fact:
    """e^{-x} <= 1 for x >= 0, from the tangent 1 + x <= e^x."""
    tangent = pf.cited(TANGENT, x=exponent)
    return pf.nonnegative(
        Le(sp.exp(-exponent), 1),
        (sp.exp(-exponent), tangent),
        (sp.exp(-exponent), exponent),
        text="e^{-x} <= 1",
    )


def _gap(claim: Claim, exponent: Any) -> Fact:
    """1 - rho e^{-x} > 0."""
    return pf.nonnegative(
        1 - _RHO * sp.exp(-exponent), alpha, (_rho(claim), _at_most_one(exponent)), strict=True, text="1 - rho e^{-x} > 0"
    )


def _below_abs(x: sp.Expr) -> Fact:
    """x <= |x|."""
    square = pf.nonnegative(Le(x**2, sp.Abs(x) ** 2))
    return pf.root(square, x, sp.Abs(x), text="x <= |x|")


def _abs_below(above: Fact, below: Fact, x: sp.Expr, bound: sp.Expr, **options: Any) -> Fact:
    """|x| <= b from x <= b and -b <= x."""
    square = pf.nonnegative(Le(x**2, bound**2), (above, below))
    return pf.root(square, sp.Abs(x), bound, **options)


def _combined(left: sp.Expr, right: sp.Expr, *hints: tuple[Fact, Any], **options: Any) -> Fact:
    """left = right because left - right is the combination of (a - b), over equations a = b, with the given factors."""
    above = pf.nonnegative(Le(left, right), *[(fact, -factor) for fact, factor in hints], **options)
    below = pf.nonnegative(Le(right, left), *hints, **options)
    return pf.antisymmetry(above, below, text="a combination of equations")


def _fixed_point_of(
    claim: Claim, value: Callable[[Any], sp.Expr], exponent: sp.Expr, limit: sp.Expr, one_round: Callable[[Any], Fact]
) -> tuple[Fact, Fact]:
    """x_n - x_oo = rho^n e^{-n y} (x_0 - x_oo) at n = N, and lim x_N = x_oo, for x_{n+1} affine in x_n, slope rho e^{-y}."""
    gap, rho = _gap(claim, exponent), _rho(claim)
    start = value(0) - limit

    left, right = value(_WHOLE) - limit, _RHO**_WHOLE * sp.exp(-_WHOLE * exponent) * start

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        after = {_WHOLE: m + 1}
        slope = _RHO * sp.exp(-exponent)
        return _combined(left.xreplace(after), right.xreplace(after), (one_round(m), 1), (hypothesis, slope), domain=(gap,))

    zero = {_WHOLE: sp.Integer(0)}
    base = pf.identity(left.xreplace(zero), right.xreplace(zero), domain=(gap,))
    closed = pf.induction(Eq(left, right), _WHOLE, base, step)
    exact = pf.instance(closed, n=N)
    small, decay, size = _at_most_one(N * exponent), sp.exp(-N * exponent), 1 + start**2
    bounds = []
    for sign in (1, -1):
        edge = pf.nonnegative(Le(sign * _X, 1 + _X**2), (_X - sign * _HALF) ** 2, text="+-x <= 1 + x^2")
        damped = pf.nonnegative(
            Le(sign * decay * _X, 1 + _X**2),
            (decay, edge),
            (1 + _X**2, small),
            text="+-e^{-N y} x <= 1 + x^2",
        )
        at_start = pf.instance(damped, domain=(gap,), x=start)
        goal = (value(N), limit + _RHO**N * size) if sign == 1 else (limit - _RHO**N * size, value(N))
        hints = ((_RHO**N, at_start), (exact, -sign))
        bounds.append(pf.nonnegative(Le(*goal), *hints, domain=(gap, rho)))
    above, below = bounds
    low, high = (pf.limit(edge, N, sp.oo, limit, domain=(gap, rho)) for edge in (below.lhs, above.rhs))
    return exact, pf.squeeze(below, above, low, high)


# --- limit-law -------------------------------------------------------------------------------------------------------
def _series(rounds: Any) -> sp.Expr:
    return alpha * sp.Sum(_RHO**j * smoothed_data[j + 1], (j, 0, rounds - 1))


def _unrolled(claim: Claim) -> tuple[Fact, Fact]:
    """Reading of p^N and of p^oo: the first N terms of the series, and what is left."""
    rho = _rho(claim)

    def law(n: Any, later: Any) -> sp.Expr:
        return _series(n) + _RHO**n * smoothed[n, later]

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        return pf.identity(
            smoothed[0, m + 1 + i],
            law(m + 1, i),
            pf.instance(hypothesis, i=i + 1),
            claim.assume("round", j=m),
            claim.assume("mixing", j=m + 1),
            unroll_at=m,
            domain=(rho,),
        )

    laws = pf.induction(
        Eq(smoothed[0, _WHOLE + i], law(_WHOLE, i)),
        _WHOLE,
        pf.identity(smoothed[0, i], law(0, i)),
        step,
        over=(i,),
        text="unroll n rounds, the noising acting on every part of the mixture",
    )

    def limit_law(n: Any) -> sp.Expr:
        return _series(n) + _RHO**n * smoothed_limit[n]

    limits = pf.induction(
        Eq(smoothed_limit[0], limit_law(_WHOLE)),
        _WHOLE,
        pf.identity(smoothed_limit[0], limit_law(0)),
        lambda hypothesis, m: _combined(
            smoothed_limit[0],
            limit_law(m + 1),
            (hypothesis, 1),
            (claim.assume("fixed-point", j=m), _RHO**m),
            unroll_at=m,
            domain=(rho,),
        ),
        text="unroll the fixed point n times",
    )
    return pf.instance(laws, n=N, i=0), pf.instance(limits, n=N)


def _law_statement(series: Callable[[Any], sp.Expr] = _series) -> Any:
    return sp.And(
        Eq(smoothed[0, N], series(N) + _RHO**N * smoothed[N, 0]),
        Eq(smoothed_limit[0], series(N) + _RHO**N * smoothed_limit[N]),
    )


def _prove_limit_law(claim: Claim) -> Proof:
    return pf.qed(claim, *_unrolled(claim))


_LAWS: Final = (MIXING, ROUND, FIXED_POINT, ALPHA)
LIMIT_LAW: Final = with_mutants(
    Claim(
        id="limit-law",
        title="The limit of early-stopped retraining is the geometric mixture of noised data laws",
        kind="equality",
        statement=_law_statement(),
        source=_RECONSTRUCTED,
        assumptions=_LAWS,
        note="p^N = alpha sum_{k<N} rho^k OU_{(k+1) t0} p + rho^N OU_{N t0} p^0, and the fixed point has the same N first "
        "terms: so p^oo = alpha sum_{k>=0} rho^k OU_{(k+1) t0} p, it is the only fixed point, and p^N tends to it whatever p^0 "
        "(the last terms have mass rho^N). Read with any test function.",
        script=_prove_limit_law,
        witness=_MEANS,
    ),
    {
        "id": "one-noising-less",
        "statement": _law_statement(lambda n: alpha * sp.Sum(_RHO**j * smoothed_data[j], (j, 0, n - 1))),
        "falsified_by": _MEANS,
        "note": "Means under t0 = 2 log 2: the newest fresh data are noised once, not never.",
    },
    {
        "id": "no-weight",
        "statement": _law_statement(lambda n: sp.Sum(_RHO**j * smoothed_data[j + 1], (j, 0, n - 1))),
        "falsified_by": _MEANS,
        "note": "Any fresh fraction below 1: without alpha the series has mass 1/alpha.",
    },
)


# --- limit-rate ------------------------------------------------------------------------------------------------------
def _rate_statement(**changes: Any) -> Any:
    rows = {
        "law": Eq(smoothed[0, N] - smoothed_limit[0], _RHO**N * (smoothed[N, 0] - smoothed_limit[N])),
        "tv": Le(limit_tv[N], _RHO**N * limit_tv[0]),
        "w1": Le(limit_w1[N], _RHO**N * sp.exp(-N * early_time / 2) * limit_w1[0]),
        "w2": Le(limit_w2[N] ** 2, _RHO**N * sp.exp(-N * early_time) * limit_w2[0] ** 2),
    }
    return sp.And(*{**rows, **changes}.values())


def _prove_limit_rate(claim: Claim) -> Proof:
    laws, limits = _unrolled(claim)
    rho, fixed = _rho(claim), claim.assume("fixed-point", j=0)
    shift = pf.identity(smoothed[0, N] - smoothed_limit[0], _RHO**N * (smoothed[N, 0] - smoothed_limit[N]), laws, limits)

    def rate(theorem: pf.Theorem, distance: sp.IndexedBase, power: int, exponent: sp.Expr) -> Fact:
        def goal(n: Any) -> Any:
            return Le(distance[n] ** power, _RHO**n * sp.exp(-n * exponent) * distance[0] ** power)

        def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
            premises = (claim.assume("mixing", j=1, i=m), fixed, rho, claim.assume("round", j=0, i=m))
            one = pf.cited(theorem, *premises)
            return pf.nonnegative(goal(m + 1), one, (rho, sp.exp(-exponent), hypothesis))

        base = pf.nonnegative(goal(sp.Integer(0)))
        return pf.instance(pf.induction(goal(_WHOLE), _WHOLE, base, step, text=f"rate of {distance}"), n=N)

    return pf.qed(
        claim,
        shift,
        rate(TV_CONTRACTION, limit_tv, 1, sp.Integer(0)),
        rate(W1_CONTRACTION, limit_w1, 1, early_time / 2),
        rate(W2_CONTRACTION, limit_w2, 2, early_time),
    )


LIMIT_RATE: Final = with_mutants(
    Claim(
        id="limit-rate",
        title="Retraining forgets where it started at the rate rho per round in TV, less in W1 and W2",
        kind="upper",
        statement=_rate_statement(),
        source=_RECONSTRUCTED,
        assumptions=_LAWS,
        note="p^N - p^oo = rho^N OU_{N t0}(p^0 - p^oo) exactly. Rates: TV rho; W1 rho e^{-t0/2}; W2 sqrt(rho) e^{-t0/2}, "
        "nearly attained by narrow laws with a short t0.",
        script=_prove_limit_rate,
        witness=_FAR,
    ),
    {
        "id": "w2-by-rho",
        "statement": Le(limit_w2[N], _RHO**N * sp.exp(-N * early_time / 2) * limit_w2[0]),
        "falsified_by": _FAR,
        "note": "Two narrow laws far apart: half of the mass travels, so W2 falls by sqrt(1/2) only.",
    },
    {
        "id": "tv-by-rho-squared",
        "statement": Le(limit_tv[N], _RHO ** (2 * N) * limit_tv[0]),
        "falsified_by": _FAR,
        "note": "Two laws with disjoint supports.",
    },
    {
        "id": "no-noising",
        "statement": Eq(smoothed[0, N] - smoothed_limit[0], _RHO**N * (smoothed[0, 0] - smoothed_limit[0])),
        "falsified_by": _MEANS,
        "note": "Means under t0 = 2 log 2.",
    },
)


# --- hermite-filter --------------------------------------------------------------------------------------------------
def _hermite_round(claim: Claim, n: Any, time: sp.Expr, exact: Fact) -> Fact:
    """c_{n+1} = e^{-k t/2} (alpha c + rho c_n), from p^{n+1} = OU_t q_n."""
    generating = pf.identity(*_generating(time), text="the generating function, noised")
    mixing = claim.assume("hermite-mixing", i=n)
    return pf.rewrite(pf.cited(MEHLER, generating, exact, n=n, time=time), mixing, text="one round on order k")


_MODE: Final = order * early_time / 2


def _filtered(gain: sp.Expr, mode: sp.Expr = _MODE) -> tuple[Any, ...]:
    limit = gain * hermite_data[order]
    return (
        Eq(hermite[N, order] - limit, _RHO**N * sp.exp(-N * mode) * (hermite[0, order] - limit)),
        Eq(sp.Limit(hermite[N, order], N, sp.oo), limit),
        Eq(hermite_limit[order], limit),
    )


_GAIN: Final = alpha * sp.exp(-_MODE) / (1 - _RHO * sp.exp(-_MODE))


def _fixed_value(claim: Claim, quantity: sp.Expr, value: sp.Expr, exponent: sp.Expr, fixed: Fact) -> Fact:
    """x = value, the solution of the fact x = e^{-y} (... + rho x) + ..."""
    gap = _gap(claim, exponent)
    return _combined(quantity, value, (fixed, 1 / (1 - _RHO * sp.exp(-exponent))), domain=(gap,))


def _prove_hermite(claim: Claim) -> Proof:
    limit = _GAIN * hermite_data[order]
    fixed = pf.cited(MEHLER_FIXED, pf.identity(*_generating(early_time)), claim.assume("fixed-point", j=0))
    return pf.qed(
        claim,
        _fixed_value(claim, hermite_limit[order], limit, _MODE, fixed),
        *_fixed_point_of(
            claim,
            lambda n: hermite[n, order],
            _MODE,
            limit,
            lambda m: _hermite_round(claim, m, early_time, claim.assume("round", j=0, i=m)),
        ),
    )


def _hermite_case(rounds: int) -> dict[Any, Any]:
    """Order 1 (the mean) and order 0 (the mass) at alpha = 1/2 and e^{-t0/2} = 1/2; p and p^0 have the mean 1."""
    case = _case(rounds, _HALF, _HALF, 1, 1)
    means, pooled = case[smoothed][0], case[smoothed_mixture][0]
    case.update(
        {
            early_times: (2 * sp.log(2),) * rounds,
            largest_time: 2 * sp.log(2),
            order: 1,
            hermite: tuple((1, mean) for mean in means),
            mixed_hermite: tuple((1, mean) for mean in pooled),
            hermite_data: (1, 1),
            hermite_limit: (1, case[smoothed_limit][0]),
        }
    )
    return case


HERMITE_FILTER: Final = with_mutants(
    Claim(
        id="hermite-filter",
        title="The limit law is the data law through a low-pass filter, order by order",
        kind="limit",
        statement=sp.And(*_filtered(_GAIN)),
        source=_RECONSTRUCTED,
        assumptions=(HERMITE_MIXING, ROUND, FIXED_POINT, ALPHA),
        note="c_k^oo = alpha a/(1 - rho a) c_k with a = e^{-k t0/2} (hermite_gain), reached at the rate rho a: fast modes die "
        "first and settle first. Order 0 is the mass, gain 1.",
        script=_prove_hermite,
        witness=_hermite_case(2),
    ),
    {
        "id": "fresh-not-noised",
        "statement": _filtered(alpha / (1 - _RHO * sp.exp(-_MODE)))[0],
        "falsified_by": _hermite_case(1),
        "note": "The fresh data are noised as well: means at e^{-t0/2} = 1/2.",
    },
    {
        "id": "twice-the-time",
        "statement": _filtered(alpha * sp.exp(-2 * _MODE) / (1 - _RHO * sp.exp(-2 * _MODE)), 2 * _MODE)[0],
        "falsified_by": _hermite_case(1),
        "note": "e^{-k t0} instead of e^{-k t0/2}: means.",
    },
    {
        "id": "one-noising",
        "statement": Eq(hermite_limit[order], sp.exp(-_MODE) * hermite_data[order]),
        "falsified_by": _hermite_case(1),
        "note": "Each round loses as much again of what the last one kept: alpha < 1 and order > 0.",
    },
    {
        "id": "inexact-score",
        "statement": _filtered(_GAIN)[0],
        "assumptions": (HERMITE_MIXING, FIXED_POINT, ALPHA),
        "falsified_by": {**_hermite_case(1), hermite: ((1, 1), (1, 2))},
        "note": "The hypothesis of an exact score dropped: a round that shifts the mean.",
    },
)


# --- limit-rate-floor ------------------------------------------------------------------------------------------------
def _mean_gap(n: Any) -> sp.Expr:
    return hermite[n, 1] - hermite_limit[1]


def _mean_floor(exponent: sp.Expr = early_time / 2, share: sp.Expr = _RHO) -> sp.Expr:
    return share**N * sp.exp(-N * exponent) * sp.Abs(_mean_gap(0))


def _prove_rate_floor(claim: Claim) -> Proof:
    rho, one, half = _rho(claim), sp.Integer(1), early_time / 2
    generating = pf.identity(*_generating(early_time), text="the generating function, noised")
    fixed = pf.cited(MEHLER_FIXED, generating, claim.assume("fixed-point", j=0), k=one)

    def goal(n: Any) -> Any:
        return Eq(_mean_gap(n), _RHO**n * sp.exp(-n * half) * _mean_gap(0))

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        noised = pf.cited(MEHLER, generating, claim.assume("round", j=0, i=m), n=m, time=early_time, k=one)
        mixing = claim.assume("hermite-mixing", i=m, order=one)
        kept = sp.exp(-half)
        hints = ((noised, 1), (mixing, kept), (fixed, -1), (hypothesis, _RHO * kept))
        return _combined(goal(m + 1).lhs, goal(m + 1).rhs, *hints)

    zero = goal(sp.Integer(0))
    exact = pf.instance(pf.induction(goal(_WHOLE), _WHOLE, pf.identity(zero.lhs, zero.rhs), step), n=N)
    scale = _RHO**N * sp.exp(-N * half)
    square = pf.nonnegative(
        Le(_mean_floor() ** 2, sp.Abs(_mean_gap(N)) ** 2),
        (exact, _mean_gap(N) + scale * _mean_gap(0)),
        domain=(rho,),
    )
    apart = pf.root(square, _mean_floor(), sp.Abs(_mean_gap(N)), domain=(rho,))
    first = pf.nonnegative(Le(_mean_floor(), limit_w1[N]), apart, pf.cited(MEAN_DISTANCE, n=N))
    second = pf.nonnegative(Le(_mean_floor(), limit_w2[N]), first, pf.cited(JENSEN, n=N))
    return pf.qed(claim, first, second)


_MEAN_CASE: Final = {
    **_hermite_case(2),
    hermite: ((1, 4), (1, sp.Rational(5, 4)), (1, sp.Rational(9, 16))),
    mixed_hermite: ((1, sp.Rational(5, 2)), (1, sp.Rational(9, 8))),
    limit_w1: tuple(mean - sp.Rational(1, 3) for mean in (4, sp.Rational(5, 4), sp.Rational(9, 16))),
    limit_w2: tuple(mean - sp.Rational(1, 3) for mean in (4, sp.Rational(5, 4), sp.Rational(9, 16))),
}
RATE_FLOOR: Final = with_mutants(
    Claim(
        id="limit-rate-floor",
        title="In W1 no rate beyond rho e^{-t0/2} is to be had: the means keep it exactly",
        kind="lower",
        statement=sp.And(Ge(limit_w1[N], _mean_floor()), Ge(limit_w2[N], _mean_floor())),
        source="driftbound",
        assumptions=(HERMITE_MIXING, ROUND, FIXED_POINT, ALPHA),
        note="The mean along any direction nears that of p^oo by rho e^{-t0/2} each round, exactly. So where the means differ "
        "limit-rate has the exact rate of W1, and W2 falls at a rate between this one and sqrt(rho) e^{-t0/2}.",
        script=_prove_rate_floor,
        witness=_MEAN_CASE,
    ),
    {
        "id": "without-noising",
        "statement": Ge(limit_w1[N], _mean_floor(exponent=sp.Integer(0))),
        "falsified_by": _MEAN_CASE,
        "note": "The rate rho of total variation: point masses, which early stopping draws together besides.",
    },
    {
        "id": "root-of-rho",
        "statement": Ge(limit_w1[N], _mean_floor(share=sp.sqrt(_RHO))),
        "falsified_by": _MEAN_CASE,
        "note": "The rate of the bound on W2, which W1 does not have.",
    },
)


# --- second-moment-limit ---------------------------------------------------------------------------------------------
def _moment_statement(limit: sp.Expr) -> tuple[Any, ...]:
    return (
        Eq(second_moment[N] - limit, _RHO**N * sp.exp(-N * early_time) * (second_moment[0] - limit)),
        Eq(sp.Limit(second_moment[N], N, sp.oo), limit),
        Eq(second_moment_limit, limit),
    )


_KEPT: Final = sp.exp(-early_time)
_MOMENT_LIMIT: Final = (alpha * _KEPT * second_moment_data + dimension * (1 - _KEPT)) / (1 - _RHO * _KEPT)


def _prove_second_moment(claim: Claim) -> Proof:
    def one_round(m: Any) -> Fact:
        noised = pf.cited(OU_MOMENT, claim.assume("round", j=0, i=m), n=m)
        return pf.rewrite(noised, claim.assume("moment-mixing", i=m), text="one round on the second moment")

    fixed = pf.cited(OU_MOMENT_FIXED, claim.assume("fixed-point", j=0))
    return pf.qed(
        claim,
        _fixed_value(claim, second_moment_limit, _MOMENT_LIMIT, early_time, fixed),
        *_fixed_point_of(claim, lambda n: second_moment[n], early_time, _MOMENT_LIMIT, one_round),
    )


_MOMENTS: Final = {
    N: 1,
    alpha: _HALF,
    early_time: sp.log(2),
    dimension: 1,
    second_moment_data: 3,
    second_moment: (3, 2),
    mixed_moment: (3,),
    smoothed: ((1, 1), (1, 1)),  # the test function 1: the mass
    smoothed_mixture: ((1,), (1,)),
    smoothed_data: (1, 1),
    smoothed_limit: (1, 1),
    second_moment_limit: sp.Rational(5, 3),
}
SECOND_MOMENT_LIMIT: Final = with_mutants(
    Claim(
        id="second-moment-limit",
        title="Second moment of the limit law",
        kind="limit",
        statement=sp.And(*_moment_statement(_MOMENT_LIMIT)),
        source=_RECONSTRUCTED,
        assumptions=(MOMENT_MIXING, ROUND, FIXED_POINT, ALPHA),
        note="M_oo = (alpha e^-t0 M + d (1 - e^-t0))/(1 - rho e^-t0), between M and d; reached at the rate rho e^-t0.",
        script=_prove_second_moment,
        witness=_MOMENTS,
    ),
    {
        "id": "without-noise",
        "statement": _moment_statement(alpha * _KEPT * second_moment_data / (1 - _RHO * _KEPT))[0],
        "falsified_by": _MOMENTS,
        "note": "The noise that early stopping leaves in: d = 1, M = 3, t0 = log 2.",
    },
    {
        "id": "one-dimension-more",
        "statement": _moment_statement(_MOMENT_LIMIT.subs(dimension, dimension + 1))[0],
        "falsified_by": _MOMENTS,
        "note": "d = 1, M = 3, t0 = log 2.",
    },
)


# --- annealing -------------------------------------------------------------------------------------------------------
_DATA: Final = hermite_data[order]


def _lost(time: sp.Expr) -> sp.Expr:
    """1 - e^{-k t/2}: what one noising takes from order k."""
    return 1 - sp.exp(-order * time / 2)


def _annealed_sum(rounds: Any) -> sp.Expr:
    total = sp.Sum(_RHO ** (rounds - 1 - i) * _lost(early_times[i]), (i, 0, rounds - 1))
    return total * sp.Abs(_DATA) + _RHO**rounds * sp.Abs(hermite[0, order] - _DATA)


def _annealed_flat(rounds: Any, compounding: Any = 1 / alpha) -> sp.Expr:
    return compounding * _lost(largest_time) * sp.Abs(_DATA) + _RHO**rounds * sp.Abs(hermite[0, order] - _DATA)


def _annealed_tv(rounds: Any) -> sp.Expr:
    return sp.Sum(_RHO ** (rounds - 1 - i) * data_smoothing_tv[i], (i, 0, rounds - 1)) + _RHO**rounds * tv[0]


def _deviation(n: Any) -> sp.Expr:
    return hermite[n, order] - _DATA


def _mode_loss(claim: Claim, m: Any) -> tuple[Fact, Fact]:
    """|c_{m+1} - c| <= rho |c_m - c| + (1 - e^{-k t_m/2}) |c|, and 0 <= 1 - e^{-k t_m/2}."""
    rho, one = _rho(claim), _hermite_round(claim, m, early_times[m], claim.assume("timed-round", i=m))
    kept, small = sp.exp(-order * early_times[m] / 2), _at_most_one(order * early_times[m] / 2)
    bound = _RHO * sp.Abs(_deviation(m)) + _lost(early_times[m]) * sp.Abs(_DATA)
    sides = []
    for sign in (1, -1):
        ahead, back = _below_abs(sign * _deviation(m)), _below_abs(-sign * _DATA)
        hints = ((rho, kept, ahead), (rho, small, sp.Abs(_deviation(m))), (small, back), (one, -sign))
        goal = (_deviation(m + 1), bound) if sign == 1 else (-bound, _deviation(m + 1))
        sides.append(pf.nonnegative(Le(*goal), *hints))
    return _abs_below(sides[0], sides[1], _deviation(m + 1), bound, domain=(rho, small)), small


def _prove_annealing(claim: Claim) -> Proof:
    rho = _rho(claim)

    def goal(left: Callable[[Any], sp.Expr], right: Callable[[Any], sp.Expr], n: Any) -> Any:
        return Le(left(n), right(n))

    def size(n: Any) -> sp.Expr:
        return sp.Abs(_deviation(n))

    def sum_step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        one, _ = _mode_loss(claim, m)
        return pf.nonnegative(goal(size, _annealed_sum, m + 1), one, (rho, hypothesis), unroll_at=m)

    def flat_step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        one, _ = _mode_loss(claim, m)
        later = claim.assume("times-below", i=m)
        apart = order * (largest_time - early_times[m]) / 2
        more = pf.nonnegative(  # e^{-k tau/2} <= e^{-k t/2} for t <= tau
            Le(sp.exp(-order * largest_time / 2), sp.exp(-order * early_times[m] / 2)),
            (sp.exp(-order * largest_time / 2), pf.cited(TANGENT, x=apart)),
            (sp.exp(-order * largest_time / 2), order, sp.Rational(1, 2), later),
        )
        return pf.nonnegative(goal(size, _annealed_flat, m + 1), one, (rho, hypothesis), (more, sp.Abs(_DATA)))

    def tv_step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        mixture = pf.cited(MIXTURE_TV, claim.assume("mixing", i=m), rho)
        return pf.nonnegative(
            goal(lambda n: tv[n], _annealed_tv, m + 1),
            pf.cited(NOISED_TV, claim.assume("timed-round", i=m), n=m),
            (mixture, -1),
            (rho, hypothesis),
            unroll_at=m,
        )

    facts = []
    full = _at_most_one(order * largest_time / 2)
    for left, right, step in (
        (size, _annealed_sum, sum_step),
        (size, _annealed_flat, flat_step),
        (lambda n: tv[n], _annealed_tv, tv_step),
    ):
        hints = ((full, sp.Abs(_DATA), 1 / alpha),) if right is _annealed_flat else ()
        base = pf.nonnegative(goal(left, right, sp.Integer(0)), *hints)
        facts.append(pf.instance(pf.induction(goal(left, right, _WHOLE), _WHOLE, base, step), n=N))
    return pf.qed(claim, *facts)


ANNEALING: Final = with_mutants(
    Claim(
        id="annealing",
        title="Early stopping that is annealed away leaves no bias",
        kind="upper",
        statement=sp.And(
            Le(sp.Abs(_deviation(N)), _annealed_sum(N)),
            Le(sp.Abs(_deviation(N)), _annealed_flat(N)),
            Le(tv[N], _annealed_tv(N)),
        ),
        source=_RECONSTRUCTED,
        assumptions=(HERMITE_MIXING, MIXING, TIMED_ROUND, TIMES, ALPHA),
        note="With t0_i in round i. If t0_i -> 0 every coefficient of the data law comes back: for any tau, count rounds from "
        "the one after which t0_i <= tau; the second bound leaves (1 - e^{-k tau/2})|c_k|/alpha in the limit, and tau is "
        "arbitrary. The third bound gives the same in TV where TV(OU_t p, p) -> 0 as t -> 0 (any p with a density).",
        script=_prove_annealing,
        witness=_hermite_case(2),
    ),
    {
        "id": "no-loss",
        "statement": Le(sp.Abs(_deviation(N)), _RHO**N * sp.Abs(_deviation(0))),
        "falsified_by": _hermite_case(1),
        "note": "A start at the data law with t0 > 0: means at e^{-t0/2} = 1/2.",
    },
    {
        "id": "no-compounding",
        "statement": Le(sp.Abs(_deviation(N)), _annealed_flat(N, sp.Integer(1))),
        "falsified_by": _hermite_case(2),
        "note": "Without 1/alpha: the second round already loses more than one noising does.",
    },
    {
        "id": "unbounded-times",
        "statement": Le(sp.Abs(_deviation(N)), _annealed_flat(N)),
        "assumptions": (HERMITE_MIXING, MIXING, TIMED_ROUND, ALPHA),
        "falsified_by": {**_hermite_case(1), largest_time: 0},
        "note": "The hypothesis t0_i <= tau dropped: tau = 0 with t0 = 2 log 2.",
    },
)


# --- limit-tv --------------------------------------------------------------------------------------------------------
def _limit_tv_bound(rounds: Any, factor: Any = _HALF) -> sp.Expr:
    term = sp.Min(sp.sqrt(ideal_energies[i]), sp.sqrt(learned_energies[i]))
    return factor * sp.Sum(_RHO ** (rounds - 1 - i) * term, (i, 0, rounds - 1)) + _RHO**rounds * limit_tv[0]


def _prove_limit_tv(claim: Claim) -> Proof:
    rho, fixed = _rho(claim), claim.assume("fixed-point", j=0)

    def one_round(m: Any) -> Fact:
        roots = []
        for pinsker, energy in ((REVERSE_PINSKER, ideal_energies[m]), (PINSKER, learned_energies[m])):
            square = pf.nonnegative(
                Le((2 * endpoint_tv[m]) ** 2, sp.sqrt(energy) ** 2),
                (4, pf.cited(pinsker, n=m)),
                (2, pf.cited(GIRSANOV, claim.assume("common-start"), energy=energy)),
            )
            roots.append(pf.root(square, 2 * endpoint_tv[m], sp.sqrt(energy)))
        small = pf.cited(MINIMUM, *roots)
        passed = pf.cited(TV_CONTRACTION, claim.assume("mixing", j=1, i=m), fixed, rho)
        return pf.nonnegative(
            Le(limit_tv[m + 1], small.rhs / 2 + _RHO * limit_tv[m]),
            pf.cited(ENDPOINT_TRIANGLE, n=m),
            (_HALF, small),
            passed,
        )

    def goal(n: Any) -> Any:
        return Le(limit_tv[n], _limit_tv_bound(n))

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        return pf.nonnegative(goal(m + 1), one_round(m), (rho, hypothesis), unroll_at=m)

    base = pf.nonnegative(goal(sp.Integer(0)))
    return pf.qed(claim, pf.instance(pf.induction(goal(_WHOLE), _WHOLE, base, step), n=N))


# from p = p^0 = p^oo = N(0, 1), in the limit of a long horizon: the endpoint has the density 1 + sign(x)/10 relative to N(0, 1)
_ELEVEN, _NINE = sp.Rational(11, 10), sp.Rational(9, 10)
_TILTED: Final = _case(
    1,
    _HALF,
    1,
    0,
    0,
    tv=(limit_tv, (0, sp.Rational(1, 20))),
    learned=(learned_energies, (_ELEVEN * sp.log(_ELEVEN) + _NINE * sp.log(_NINE),)),
    ideal=(ideal_energies, (-sp.log(_ELEVEN) - sp.log(_NINE),)),
    start_kl=(initial_kl, 0),
)
LIMIT_TV: Final = with_mutants(
    Claim(
        id="limit-tv",
        title="Score errors move retraining away from its limit law by at most half their discounted sizes",
        kind="upper",
        statement=Le(limit_tv[N], _limit_tv_bound(N)),
        source="driftbound",
        assumptions=(MIXING, FIXED_POINT, ALPHA, COMMON_START),
        note="Any t0, either energy in each round. Unlike tv-discount it pays "
        "no smoothing: p^oo contains it. Girsanov is used in the form of girsanov-kl and girsanov-reverse-kl.",
        script=_prove_limit_tv,
        witness=_FAR,
    ),
    {
        "id": "49-percent",
        "statement": Le(limit_tv[N], _limit_tv_bound(N, sp.Rational(49, 100))),
        "falsified_by": _TILTED,
        "note": "A consistent error whose endpoint is the ideal one tilted by 1 + sign(x)/10, over a long horizon.",
    },
    {
        "id": "no-initial-term",
        "statement": Le(limit_tv[N], _limit_tv_bound(N) - _RHO**N * limit_tv[0]),
        "falsified_by": _FAR,
        "note": "Exact scores from a first generation that is not the limit law.",
    },
    {
        "id": "no-score-errors",
        "statement": Le(limit_tv[N], _RHO**N * limit_tv[0]),
        "falsified_by": _TILTED,
        "note": "A start at the limit law with a wrong score.",
    },
    {
        "id": "any-start",
        "assumptions": (MIXING, FIXED_POINT, ALPHA),
        "falsified_by": {**_TILTED, ideal_energies: (0,), learned_energies: (0,)},
        "note": "An exact score, but a reverse process started from another law than q_T (as with N(0, I) at a finite T).",
    },
)


# --- w2-ball ---------------------------------------------------------------------------------------------------------
def _ball(rounds: Any, rate: sp.Expr = w2_rate) -> sp.Expr:
    return rate**rounds * limit_w2[0] + round_error / (1 - rate)


def _prove_w2_ball(claim: Claim) -> Proof:
    rho, rate, fixed = _rho(claim), claim.assume("w2-rate"), claim.assume("fixed-point", j=0)
    gap = _gap(claim, early_time)  # 1 - r^2 > 0
    square = pf.nonnegative(Lt(w2_rate**2, sp.Integer(1) ** 2), gap, (rate, -1))
    below_one = pf.root(square, w2_rate, 1)

    def one_round(m: Any) -> Fact:
        passed = pf.cited(W2_CONTRACTION, claim.assume("mixing", j=1, i=m), fixed, rho)
        squares = pf.nonnegative(
            Le(noised_limit_w2[m] ** 2, (w2_rate * limit_w2[m]) ** 2),
            passed,
            (rate, limit_w2[m] ** 2),
        )
        inner = pf.root(squares, noised_limit_w2[m], w2_rate * limit_w2[m])
        return pf.nonnegative(
            Le(limit_w2[m + 1], w2_rate * limit_w2[m] + round_error),
            pf.cited(W2_TRIANGLE, n=m),
            inner,
            claim.assume("round-error", i=m),
        )

    def goal(n: Any) -> Any:
        return Le(limit_w2[n], _ball(n))

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        return pf.nonnegative(goal(m + 1), one_round(m), (w2_rate, hypothesis), domain=(below_one,))

    base = pf.nonnegative(goal(sp.Integer(0)), domain=(below_one,))
    return pf.qed(claim, pf.instance(pf.induction(goal(_WHOLE), _WHOLE, base, step), n=N))


# p = p^oo = delta at 0, t0 = 0, alpha = 1/2; each round moves its target away from 0 by W2 = 1: norms 0, 1, sqrt(1/2) + 1
_PUSHED: Final = _case(
    2,
    _HALF,
    1,
    0,
    0,
    w2=(limit_w2, (0, 1, 1 + sp.sqrt(_HALF))),
    errors=(round_w2, (1, 1)),
    error=(round_error, 1),
    rate=(w2_rate, sp.sqrt(_HALF)),
)
W2_BALL: Final = with_mutants(
    Claim(
        id="w2-ball",
        title="With rounds that miss by delta in W2 the recursion ends in a ball around the limit law",
        kind="upper",
        statement=Le(limit_w2[N], _ball(N)),
        source="driftbound",
        assumptions=(MIXING, FIXED_POINT, ALPHA, W2_RATE, ROUND_ERROR),
        note="r = sqrt(rho) e^{-t0/2} < 1, so limsup W2(p^N, p^oo) <= delta/(1 - r).",
        script=_prove_w2_ball,
        witness=_FAR,
    ),
    {
        "id": "rate-rho",
        "statement": Le(limit_w2[N], _ball(N, _RHO * sp.exp(-early_time / 2))),
        "falsified_by": _FAR,
        "note": "No error and two narrow laws far apart: half of the mass travels, so W2 falls by sqrt(1/2) only.",
    },
    {
        "id": "no-accumulation",
        "statement": Le(limit_w2[N], w2_rate**N * limit_w2[0] + round_error),
        "falsified_by": _PUSHED,
        "note": "Errors that push in the same direction in two rounds.",
    },
)

CLAIMS: Final[tuple[Claim, ...]] = (
    LIMIT_LAW,
    LIMIT_RATE,
    RATE_FLOOR,
    HERMITE_FILTER,
    SECOND_MOMENT_LIMIT,
    ANNEALING,
    LIMIT_TV,
    W2_BALL,
)
"""The claims about the limit law, in reading order."""
