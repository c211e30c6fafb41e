"""One generation: what a score error does to the endpoint of the reverse process.

P* is the ideal reverse path law (exact score), P^ the learned one, dP^/dP* = e^Z with Z = M - V/2, V = int |e_t|² dt; R is the
density ratio of the endpoints. The statements are about measured quantities (``theory.symbols``); the proofs are about the
random variables below, which stand for these at a sample point, and reach the measured quantities through their definitions.

Sections of a proof that are not algebra are theorems with a name (Itô, Girsanov, conditional expectation, ...), each a schema
that reads its premises. "regular" stands for what smooth, positive densities with integrable fluxes give (Gaussian mixtures
and errors of linear growth have them): differentiation under the integral, and no flux at infinity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import sympy as sp
from sympy.core.function import AppliedUndef

from theory.claim import Assumption, Case, Claim, Proof
from theory.davis import DAVIS, moment_constant_formula
from theory.proof import (
    CAUCHY_SCHWARZ,
    Fact,
    ProofError,
    Theorem,
    assume,
    cited,
    expectation,
    identity,
    limit,
    mean,
    mean_square,
    nonnegative,
    omega,
    qed,
    refuted,
    rewrite,
    root,
    squeeze,
)
from theory.relations import Eq, Ge, Gt, Le, Lt
from theory.symbols import (
    N,
    chi2,
    energy_moment,
    energy_order,
    gradient_energy,
    ideal_energy,
    initial_kl,
    kl,
    learned_energy,
    moment_constant,
    moment_order,
    observability,
    path_chi2,
    remainder,
    reverse_kl,
    scaled_chi2,
    sup_energy,
    visible_energy,
    visible_gap,
    weight_moment,
)

__all__ = ["CLAIMS"]


def _variable(name: str, **sign: bool) -> sp.Expr:
    """A random variable: a function of the sample point."""
    return sp.Function(name, real=True, **sign)(omega)


# of the ideal path
WEIGHT: Final = _variable("weight", positive=True)  # e^Z = dP^/dP*
MARTINGALE: Final = _variable("martingale")  # M
ENERGY: Final = _variable("energy", nonnegative=True)  # V
RATIO: Final = _variable("ratio", nonnegative=True)  # R = dp^/dq_t0 at the endpoint, E[e^Z | Y_t0]
SEEN: Final = _variable("seen")  # phi = E[M | Y_t0]
# of a time, a coordinate and a point: drawn from p^_t (learned) or q_t (ideal); each scaled by the root of (T - t0) d
ERROR_LEARNED: Final = _variable("error_learned")
SLOPE_LEARNED: Final = _variable("slope_learned")  # d/dy_i log(p^_t/q_t)
GRADIENT: Final = _variable("gradient_part")  # of the error, in L²(p^_t)
ERROR_IDEAL: Final = _variable("error_ideal")
SLOPE_IDEAL: Final = _variable("slope_ideal")  # d/dy_i log(q_t/p^_t)

Maker = Callable[[Claim], Proof]


# --- theorems --------------------------------------------------------------------------------------------------------

_DEFINITIONS: Final = {
    ideal_energy: ENERGY,
    learned_energy: WEIGHT * ENERGY,
    path_chi2: WEIGHT**2 - 1,
    chi2: (RATIO - 1) ** 2,
    visible_energy: SEEN**2,
}
_FIELDS: Final = {
    learned_energy: ERROR_LEARNED**2,
    ideal_energy: ERROR_IDEAL**2,
    gradient_energy: GRADIENT**2,
}


def _definition(*, quantity: sp.Symbol) -> Any:
    if quantity == remainder:
        return Eq(remainder, path_chi2 - 2 * learned_energy + ideal_energy)
    if quantity == observability:
        return Eq(visible_energy, observability * ideal_energy)
    if quantity == visible_gap:
        return Eq(visible_gap * visible_energy, expectation((RATIO - 1) * SEEN).rhs ** 2)
    if quantity not in _DEFINITIONS:
        raise ProofError(f"{quantity} has no definition as a mean over paths")
    return Eq(quantity, expectation(_DEFINITIONS[quantity]).rhs)


def _field_definition(*, quantity: sp.Symbol) -> Any:
    if quantity not in _FIELDS:
        raise ProofError(f"{quantity} has no definition as a mean over times, coordinates and points")
    return Eq(quantity, mean(_FIELDS[quantity]))


def _tower(*, of: sp.Expr, against: sp.Expr) -> Any:
    """E[U h(Y)] = E[E[U | Y] h(Y)]."""
    projections = {WEIGHT: RATIO, MARTINGALE: SEEN}
    if of not in projections:
        raise ProofError(f"{of} has no named conditional expectation given the endpoint")
    if against.xreplace({RATIO: sp.Dummy("R"), SEEN: sp.Dummy("phi")}).has(omega, AppliedUndef):
        raise ProofError(f"{against} is not a function of the endpoint, through {RATIO} and {SEEN}")
    return Eq(mean(of * against), mean(projections[of] * against))


def _isometry() -> Any:
    return Eq(mean(MARTINGALE**2), mean(ENERGY))


def _centred() -> Any:
    return Eq(mean(MARTINGALE), 0)


def _martingale(unit: Fact) -> None:
    """e^Z is a nonnegative local martingale; it is a martingale exactly where its mean is 1."""
    if (unit.lhs, unit.op, unit.rhs) != (mean(WEIGHT), "==", 1):
        raise ProofError(f"e^Z is a martingale only if E e^Z = 1, but the premise is {unit}")


def _constants(*exponents: sp.Expr) -> None:
    """Refuse an exponent or a constant that depends on the sample point."""
    for exponent in exponents:
        if exponent.has(omega):
            raise ProofError(f"{exponent} must not be random")


def _girsanov(unit: Fact) -> Any:
    _martingale(unit)
    return Eq(mean(MARTINGALE * WEIGHT), mean(ENERGY * WEIGHT))


def _stochastic_exponential(bound: Fact, *, factor: sp.Expr) -> Any:
    """E exp(c M - c² V/2) = 1 where V is bounded; here in terms of e^Z: exp(cZ) exp(-c(c-1)V/2)."""
    if bound.lhs != ENERGY or bound.rhs.has(omega) or bound.op not in ("<=", "=="):
        raise ProofError(f"Novikov's condition needs V below a constant, not {bound}")
    if not factor.is_number:
        raise ProofError(f"the factor must be a number, not {factor}")
    return Eq(mean(WEIGHT**factor * sp.exp(-factor * (factor - 1) * ENERGY / 2)), 1)


def _mean_nonnegative(fact: Fact) -> Any:
    if fact.op == "==" or fact.lhs != 0:
        raise ProofError(f"the premise must read 0 <= ..., not {fact}")
    return Le(0, expectation(fact.rhs).rhs)


def _tangent(*, x: sp.Expr) -> Any:
    return Le(1 + x, sp.exp(x))


def _gibbs(fact: Fact) -> Any:
    if fact.op == "<" or fact.lhs != kl or fact.rhs != 0:
        raise ProofError(f"the premise must read KL <= 0, not {fact}")
    return Eq(chi2, 0)


def _projection() -> Any:
    return Eq(mean(ERROR_LEARNED * SLOPE_LEARNED), mean(GRADIENT * SLOPE_LEARNED))


DEFINITION: Final = Theorem(
    "definition", "what eps*², epŝ², X, I, eta (KTV-A Def. 3.2), the remainder and the visible gap are", _definition
)
FIELD_DEFINITION: Final = Theorem("definition of an energy as a mean over time", "V = int |e_t|² dt, Fubini", _field_definition)
TOWER: Final = Theorem("conditional expectation", "R = E[e^Z | Y_t0] and phi = E[M | Y_t0]; tower property", _tower)
ISOMETRY: Final = Theorem("Itô isometry", "E M² = E V for M = int e dB with E V < oo", _isometry)
CENTRED: Final = Theorem("stochastic integral", "E M = 0 for M = int e dB with E V < oo", _centred)
GIRSANOV: Final = Theorem("Girsanov", "under dP^ = e^Z dP*, M - V is a martingale: E e^Z M = E e^Z V", _girsanov)
NOVIKOV: Final = Theorem("Novikov", "E exp(c M - c² V/2) = 1 where V is bounded", _stochastic_exponential)
MONOTONE: Final = Theorem("monotone mean", "the mean of a nonnegative random variable is nonnegative", _mean_nonnegative)
TANGENT: Final = Theorem("tangent of the exponential", "exp is convex: exp(x) >= 1 + x", _tangent)
GIBBS: Final = Theorem("Gibbs", "KL(p || q) = 0 only if p = q", _gibbs)
PROJECTION: Final = Theorem("orthogonal projection", "E <e, grad f> = E <Pi e, grad f> in L²(p^_t)", _projection)

# --- de Bruijn: the rate of KL between the two reverse processes, per coordinate, for undefined functions ---------------

_Y = sp.Symbol("y", real=True)
_P, _Q = (sp.Function(name, positive=True)(_Y) for name in ("p", "q"))
_E = sp.Function("e", real=True)(_Y)


def _jet(expression: sp.Expr) -> sp.Expr:
    """Functions and their derivatives at one point become symbols: at a point these take any values, independently."""
    for function, positive in ((_P, True), (_Q, True), (_E, False)):
        name = function.func.__name__
        for order in (3, 2, 1):
            expression = expression.subs(sp.Derivative(function, (_Y, order)), sp.Symbol(f"{name}_{'y' * order}", real=True))
        expression = expression.xreplace({function: sp.Symbol(name, positive=True) if positive else sp.Symbol(name, real=True)})
    if expression.has(sp.Derivative, AppliedUndef):
        raise ProofError(f"{expression} holds derivatives of too high an order")
    return expression


def _rate(first: sp.Expr, second: sp.Expr, drifts: tuple[sp.Expr, sp.Expr], flux: bool) -> sp.Expr:
    """d/dtau of first log(first/second) by the two Fokker-Planck equations, or the flux in it, at one point."""
    log_ratio = sp.log(first / second)
    currents = [sp.diff(law, _Y) / 2 - drift * law for law, drift in zip((first, second), drifts, strict=True)]
    weights = (1 + log_ratio, -first / second)  # the derivatives of p log(p/q) in p and in q
    if flux:
        return sum(weight * current for weight, current in zip(weights, currents, strict=True))
    return sum(weight * sp.diff(current, _Y) for weight, current in zip(weights, currents, strict=True))


_IDEAL_DRIFT = _Y / 2 + sp.diff(_Q, _Y) / _Q  # ½ y + score; the others act on this coordinate only through q
_LEARNED_DRIFT = _IDEAL_DRIFT + _E
_SIDES: Final = {
    kl: ((_P, _Q, (_LEARNED_DRIFT, _IDEAL_DRIFT)), ERROR_LEARNED, SLOPE_LEARNED),
    reverse_kl: ((_Q, _P, (_IDEAL_DRIFT, _LEARNED_DRIFT)), ERROR_IDEAL, SLOPE_IDEAL),
}


def _pointwise(end: sp.Symbol, rate: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """Both sides of: rate of the integrand of KL = first * rate(error, slope) + divergence of the flux."""
    (first, second, drifts), error, slope = _SIDES[end]
    at_point = rate.xreplace({error: _E, slope: sp.diff(first, _Y) / first - sp.diff(second, _Y) / second})
    left = _rate(first, second, drifts, flux=False)
    right = first * at_point + sp.diff(_rate(first, second, drifts, flux=True), _Y)
    return _jet(left.doit()), _jet(right.doit())


def _integrated(pointwise: Fact, start: Fact, *, end: sp.Symbol, rate: sp.Expr) -> Any:
    """KL at the end = mean of the rate over times, coordinates and points, where both processes start alike."""
    if end not in _SIDES:
        raise ProofError(f"{end} is not a KL divergence between the endpoints")
    if (start.lhs, start.op, start.rhs) != (initial_kl, "==", 0):
        raise ProofError(f"both processes must start from one law, but the premise is {start}")
    _, error, slope = _SIDES[end]
    terms = sp.Poly(rate, error, slope).terms()
    if not all(sum(powers) == 2 and coefficient.is_Rational for powers, coefficient in terms):
        raise ProofError(f"the rate must be quadratic with numbers as coefficients, not {rate}")
    if pointwise.op != "==" or (pointwise.lhs, pointwise.rhs) != _pointwise(end, rate):
        raise ProofError(f"the premise is not the pointwise rate {rate}")
    return Eq(end, expectation(rate).rhs)


DE_BRUIJN: Final = Theorem(
    "de Bruijn, integrated",
    "Fokker-Planck equations and Gauss' theorem: a divergence integrates to 0 (assumption regular)",
    _integrated,
)


def _kl_rate(claim: Claim, end: sp.Symbol) -> Fact:
    """KL = E[e . grad f] - ½ E|grad f|², f the log-ratio, for either order of the arguments."""
    _, error, slope = _SIDES[end]
    sign = 1 if end == kl else -1  # the drift of the first process minus that of the second
    rate = sign * error * slope - slope**2 / 2
    pointwise = identity(*_pointwise(end, rate), text="rate of the KL integrand, for undefined p, q and e, in each coordinate")
    return cited(DE_BRUIJN, pointwise, assume(claim, "common-start"), end=end, rate=rate)


def _girsanov_kl(claim: Claim) -> Proof:
    """KL = ½ epŝ² - ½ E|e - grad log(p^/q)|²."""
    energy = cited(FIELD_DEFINITION, quantity=learned_energy)
    gap = mean_square(ERROR_LEARNED - SLOPE_LEARNED)
    rate = _kl_rate(claim, kl)
    half = sp.Rational(1, 2)
    return qed(claim, nonnegative(Le(kl, learned_energy / 2), (half, gap), (half, energy), (-1, rate)))


def _girsanov_reverse_kl(claim: Claim) -> Proof:
    energy = cited(FIELD_DEFINITION, quantity=ideal_energy)
    gap = mean_square(ERROR_IDEAL + SLOPE_IDEAL)
    rate = _kl_rate(claim, reverse_kl)
    half = sp.Rational(1, 2)
    return qed(claim, nonnegative(Le(reverse_kl, ideal_energy / 2), (half, gap), (half, energy), (-1, rate)))


def _below_gradient(claim: Claim) -> Fact:
    energy = cited(FIELD_DEFINITION, quantity=gradient_energy)
    gap = mean_square(GRADIENT - SLOPE_LEARNED)
    rate = _kl_rate(claim, kl)
    half = sp.Rational(1, 2)
    return nonnegative(
        Le(kl, gradient_energy / 2),
        (half, gap),
        (half, energy),
        (-1, rate),
        (-1, cited(PROJECTION)),
        text="KL <= ½ gradient",
    )


def _gradient_kl(claim: Claim) -> Proof:
    return qed(claim, _below_gradient(claim))


def _impossibility(claim: Claim) -> Proof:
    """No gradient part, no drift: KL <= ½ 0."""
    none = rewrite(_below_gradient(claim), assume(claim, "rotation"))
    return qed(claim, cited(GIBBS, none))


# --- the path measure ------------------------------------------------------------------------------------------------


def _towers() -> list[Fact]:
    """E[e^Z h] = E[R h] and E[M h] = E[phi h] for h = R, phi, 1; with E M = 0."""
    one = sp.Integer(1)
    return [cited(TOWER, of=of, against=against) for of in (WEIGHT, MARTINGALE) for against in (RATIO, SEEN, one)]


def _backwards(equation: Fact) -> Fact:
    return identity(equation.rhs, equation.lhs, equation, text=equation.text)


def _measured(claim: Claim) -> list[Fact]:
    """The rewriting rules that turn means over paths into measured quantities (E e^Z = 1 used)."""
    unit, centred, towers = assume(claim, "A2"), cited(CENTRED), _towers()
    definition = {quantity: cited(DEFINITION, quantity=quantity) for quantity in _DEFINITIONS}
    mean_ratio = identity(mean(RATIO), 1, _backwards(towers[2]), unit)
    return [
        *towers,
        mean_ratio,
        identity(mean(SEEN), 0, _backwards(towers[5]), centred),
        identity(mean(WEIGHT**2), path_chi2 + 1, definition[path_chi2]),
        identity(mean(MARTINGALE * WEIGHT), learned_energy, definition[learned_energy], cited(GIRSANOV, unit)),
        identity(mean(MARTINGALE**2), ideal_energy, definition[ideal_energy], cited(ISOMETRY)),
        identity(mean(RATIO**2), chi2 + 1, definition[chi2], mean_ratio),
        _backwards(definition[visible_energy]),
        _backwards(definition[ideal_energy]),
        _backwards(definition[learned_energy]),
        unit,
        centred,
    ]


_I, _H = sp.sqrt(chi2), sp.sqrt(visible_energy)


def _sandwich_squared(claim: Claim) -> Fact:
    """(sqrt I - sqrt H)² <= E(e^Z - 1 - M)²: the remainder, projected on the endpoint, and Cauchy-Schwarz."""
    rules = _measured(claim)
    projected = rewrite(mean_square((WEIGHT - 1 - MARTINGALE) - (RATIO - 1 - SEEN)), *rules, text="projection on the endpoint")
    squares = rewrite(cited(CAUCHY_SCHWARZ, u=RATIO - 1, v=SEEN), *rules)
    product = root(squares, mean(RATIO * SEEN), _I * _H)
    remains = cited(DEFINITION, quantity=remainder)
    return nonnegative(Le((_I - _H) ** 2, remainder), projected, (2, product), (1, remains), text="triangle inequality")


def _sandwich(claim: Claim) -> Proof:
    return qed(claim, root(_sandwich_squared(claim), sp.Abs(_I - _H), sp.sqrt(remainder)))


def _leading_order(claim: Claim) -> Proof:
    visible = assume(claim, "visible")
    absolute = root(_sandwich_squared(claim), sp.Abs(_I - _H), sp.sqrt(remainder))
    relation = Le(sp.Abs(_I - _H) / _H, sp.sqrt(remainder) / _H)
    return qed(claim, nonnegative(relation, (1 / _H, absolute), domain=(visible,), text="divided by the visible energy"))


def _leading_order_limit(claim: Claim) -> Proof:
    """With x = N sqrt(I_N/H) and a = C' eps*²/sqrt(H), |x - 1| <= a/N: so 1 - 2a/N <= x² <= (1 + a/N)²."""
    visible, sandwich = assume(claim, "visible"), assume(claim, "scaled-sandwich")
    root_chi2, part, bound = sp.sqrt(scaled_chi2[N]), _H / N, moment_constant * ideal_energy / N**2
    over, under = root(sandwich, root_chi2 - part, bound), root(sandwich, part - root_chi2, bound)
    size, slack = N * root_chi2 / _H, moment_constant * ideal_energy / (N * _H)
    ratio = scaled_chi2[N] / (visible_energy / N**2)
    low, high = 1 - 2 * slack, (1 + slack) ** 2
    below = nonnegative(Le(low, ratio), (size - 1) ** 2, (2 * N / _H, under), domain=(visible,))
    above = nonnegative(Le(ratio, high), (N / _H, 1 + slack + size, over), domain=(visible,))
    low_end, high_end = (limit(end, N, sp.oo, 1, domain=(visible,)) for end in (low, high))
    return qed(claim, squeeze(below, above, low_end, high_end))


# --- V bounded -------------------------------------------------------------------------------------------------------


def _path_chi2(claim: Claim) -> Proof:
    """I <= X by projection; X <= e^Lambda - 1 because e^{2Z} = e^{2Z - V} e^V, and E e^{2Z - V} = 1."""
    rules = _measured(claim)
    projected = rewrite(mean_square(WEIGHT - RATIO), *rules, text="projection on the endpoint")
    first = nonnegative(Le(chi2, path_chi2), projected)
    bounded = assume(claim, "bounded")
    exponential = cited(NOVIKOV, bounded, factor=sp.Integer(2))
    slack = sup_energy - ENERGY
    grows = cited(TANGENT, x=slack)  # e^slack >= 1 + slack >= 1
    damped = WEIGHT**2 * sp.exp(-ENERGY)
    pointwise = nonnegative(Le(0, damped * sp.exp(sup_energy) - WEIGHT**2), (WEIGHT**2, grows), (WEIGHT**2, bounded))
    second = nonnegative(
        Le(path_chi2, sp.exp(sup_energy) - 1),
        rewrite(cited(MONOTONE, pointwise), exponential, *rules),
    )
    return qed(claim, first, second)


def _path_chi2_deterministic(claim: Claim) -> Proof:
    constant = assume(claim, "deterministic")
    exponential = rewrite(cited(NOVIKOV, constant, factor=sp.Integer(2)), constant)
    expanded = expectation(WEIGHT**2 * sp.exp(-ideal_energy))
    definition = cited(DEFINITION, quantity=path_chi2)
    second_moment = identity(
        mean(WEIGHT**2), sp.exp(ideal_energy) * mean(WEIGHT**2 * sp.exp(-ideal_energy)), expanded, text="linearity of the mean"
    )
    total = identity(path_chi2, sp.exp(ideal_energy) - 1, definition, second_moment, exponential)
    return qed(claim, total)


def _bounded_remainder(claim: Claim) -> Fact:
    """remainder <= e^L - 1 - L, exactly: the difference is E[ e^{2Z} (e^d - 1 - d) + d (e^Z - 1)² ] with d = L - V >= 0."""
    rules = _measured(claim)
    bounded = assume(claim, "bounded")
    exponential = cited(NOVIKOV, bounded, factor=sp.Integer(2))
    slack = sup_energy - ENERGY
    damped = WEIGHT**2 * sp.exp(-ENERGY) * sp.exp(sup_energy)
    curved = nonnegative(Le(0, damped - WEIGHT**2 * (1 + slack)), (WEIGHT**2, cited(TANGENT, x=slack)))
    square = nonnegative(Le(0, slack * (WEIGHT - 1) ** 2), ((WEIGHT - 1) ** 2, bounded))
    parts = [rewrite(cited(MONOTONE, part), exponential, *rules) for part in (curved, square)]
    remains = cited(DEFINITION, quantity=remainder)
    return nonnegative(Le(remainder, sp.exp(sup_energy) - 1 - sup_energy), *parts, (-1, remains), text="V bounded")


def _sandwich_bounded(claim: Claim) -> Proof:
    bound = sp.sqrt(sp.exp(sup_energy) - 1 - sup_energy)
    sign = cited(TANGENT, x=sup_energy)
    chained = nonnegative(
        Le((_I - _H) ** 2, sp.exp(sup_energy) - 1 - sup_energy), _sandwich_squared(claim), _bounded_remainder(claim)
    )
    return qed(claim, root(chained, sp.Abs(_I - _H), bound, domain=(sign,)))


# --- moments A3 and A4 -----------------------------------------------------------------------------------------------

# norm(U, a) is (E |U|^{1/a})^a: exponents enter by their reciprocals, so that Hölder's inequality adds them
NORM: Final = sp.Function("norm", nonnegative=True)
BRACKET: Final = _variable("root_bracket", nonnegative=True)  # <N>_T^{1/2} of N = e^Z - 1, <N>_T = int e^{2Z} dV
SUPREMUM: Final = _variable("supremum", positive=True)  # sup_t e^{Z_t}
_N: Final = WEIGHT - 1


def _remainder_norm(unit: Fact) -> Any:
    """e^Z - 1 - M = int N dM, and E int N² dV <= E N_T² V because N² is a submartingale and V increases."""
    _martingale(unit)
    return Le(mean((WEIGHT - 1 - MARTINGALE) ** 2), NORM(_N * _N * ENERGY, 1))


def _hoelder(first: Fact, second: Fact, *, u: sp.Expr, v: sp.Expr, a: sp.Expr, b: sp.Expr) -> Any:
    _constants(a, b)
    for fact, exponent in ((first, a), (second, b)):
        if fact.op != "<" or fact.lhs != 0 or sp.cancel(fact.rhs - exponent) != 0:
            raise ProofError(f"Hölder's inequality needs the exponent {exponent} to be positive, not {fact}")
    return Le(NORM(u * v, sp.cancel(sp.together(a + b))), NORM(u, a) * NORM(v, b))


def _davis(order: Fact, *, r: sp.Expr) -> Any:
    _constants(r)
    if order.op == "==" or order.lhs != 2 or sp.cancel(order.rhs - r) != 0:
        raise ProofError(f"Davis's constant is used for r >= 2, not {order}")
    return Le(NORM(_N, sp.cancel(1 / r)), DAVIS(r) * NORM(BRACKET, sp.cancel(1 / r)))


def _bracket(*, a: sp.Expr) -> Any:
    _constants(a)
    return Le(NORM(BRACKET, a), NORM(SUPREMUM * sp.sqrt(ENERGY), a))


def _garsia(order: Fact, unit: Fact, *, r: sp.Expr) -> Any:
    _constants(r)
    _martingale(unit)  # e^{2Z} is then a submartingale
    if order.op == "==" or order.lhs != 2 or sp.cancel(order.rhs - r) != 0:
        raise ProofError(f"the Garsia-Neveu lemma is used for r/2 >= 1, not {order}")
    a = sp.cancel(1 / r)
    return Le(NORM(BRACKET, a), sp.sqrt(r / 2) * NORM(WEIGHT * sp.sqrt(ENERGY), a))


def _doob(order: Fact, unit: Fact, *, p: sp.Expr) -> Any:
    _constants(p)
    _martingale(unit)
    if order.op != "<" or order.lhs != 1 or sp.cancel(order.rhs - p) != 0:
        raise ProofError(f"Doob's inequality needs an exponent > 1, not {order}")
    return Le(NORM(SUPREMUM, 1 / p), p / (p - 1) * NORM(WEIGHT, 1 / p))


def _lyapunov(order: Fact, *, u: sp.Expr) -> Any:
    """norm(U, b) <= norm(U, a) for reciprocal exponents 0 < a <= b."""
    _constants(order.lhs, order.rhs)
    if order.op == "==" or not order.lhs.is_positive:
        raise ProofError(f"the exponents must be ordered by an inequality, not {order}")
    return Le(NORM(u, order.rhs), NORM(u, order.lhs))


def _norm_of_moment(moment: Fact, *, u: sp.Expr, p: sp.Expr, constant: sp.Expr, scale: sp.Expr) -> Any:
    _constants(p, constant, scale)
    if not (u.is_nonnegative and p.is_positive and constant.is_nonnegative and scale.is_nonnegative):
        raise ProofError(f"{u}, {p}, {constant} and {scale} must be nonnegative, the exponent positive")
    if moment.op == "==" or moment.lhs != mean(u**p) or moment.rhs != constant * scale**p:
        raise ProofError(f"{moment} does not bound the moment of order {p} of {u} by {constant} times {scale} to that order")
    return Le(NORM(u, 1 / p), constant ** (1 / p) * scale)


def _norm_of_root(*, a: sp.Expr) -> Any:
    _constants(a)
    return Eq(NORM(sp.sqrt(ENERGY), a), sp.sqrt(NORM(ENERGY, sp.cancel(2 * a))))


def _least(first: Fact, second: Fact, *, common: sp.Expr, one: sp.Expr, other: sp.Expr) -> Any:
    if not common.is_nonnegative:
        raise ProofError(f"the common factor {common} must be nonnegative")
    for fact, factor in ((first, one), (second, other)):
        if fact.op == "==" or fact.lhs != first.lhs or sp.simplify(fact.rhs - common * factor) != 0:
            raise ProofError(f"{fact} does not bound {first.lhs} by {common} times {factor}")
    return Le(first.lhs, common * sp.Min(one, other))


STOCHASTIC_INTEGRAL: Final = Theorem(
    "Itô isometry and submartingale", "e^Z - 1 - M = int N dM; E int N² dV <= E N_T² V for a submartingale N²", _remainder_norm
)
HOELDER: Final = Theorem("Hölder", "||u v|| <= ||u|| ||v||, reciprocal exponents adding up", _hoelder)
DAVIS_THEOREM: Final = Theorem("Davis", "Davis 1976, Theorem 1.1: ||N_T||_r <= z_r ||<N>^{1/2}||_r for r >= 2", _davis)
BRACKET_BOUND: Final = Theorem("bracket", "<N>_T = int e^{2Z} dV <= sup e^{2Z} V", _bracket)
GARSIA: Final = Theorem(
    "Garsia-Neveu", "E[<N>_T - <N>_t | F_t] <= E[e^{2Z_T} V | F_t], so ||<N>||_{r/2} <= (r/2) ||e^{2Z} V||_{r/2}", _garsia
)
DOOB: Final = Theorem("Doob", "||sup U||_p <= p/(p-1) ||U_T||_p for a nonnegative martingale U and p > 1", _doob)
LYAPUNOV: Final = Theorem("Lyapunov", "norms on a probability space increase with the exponent", _lyapunov)
NORM_OF_MOMENT: Final = Theorem("norm of a moment", "||U||_p = (E U^p)^{1/p}", _norm_of_moment)
NORM_OF_ROOT: Final = Theorem("norm of a root", "||sqrt V||_p = ||V||_{p/2}^{1/2}", _norm_of_root)
LEAST: Final = Theorem("minimum", "what is below two numbers is below the smaller", _least)


def _sandwich_moments(claim: Claim) -> Proof:
    """remainder <= E N² V <= ||N||_r² ||V||_s <= (z_r c ||e^Z||_D)² ||V||_s², c from Doob or from Garsia-Neveu."""
    delta, gamma = moment_order, energy_order
    D = 1 + delta
    r = 4 * D / (D + 2)
    a, s = sp.cancel(1 / r), sp.cancel(1 - 2 / r)  # the reciprocals of r and of 2D/(D-2)
    order = assume(claim, "order")
    at_least_two = nonnegative(Le(2, r), (2 / (D + 2), order))
    exponent = nonnegative(Lt(1, D))
    weight_exponent = nonnegative(Lt(0, 1 / D))
    first_exponents = (nonnegative(Lt(0, a)), nonnegative(Lt(0, sp.cancel(1 - a))))
    energy_exponent = nonnegative(Lt(0, s), (1 / (2 * D), order))
    half_exponent = nonnegative(Lt(0, sp.cancel(s / 2)), (1 / (4 * D), order))

    n, b, v = NORM(_N, a), NORM(BRACKET, a), NORM(ENERGY, s)
    w = NORM(WEIGHT, 1 / D)
    rules, unit = _measured(claim), assume(claim, "A2")
    isometry = rewrite(cited(STOCHASTIC_INTEGRAL, unit), expectation((WEIGHT - 1 - MARTINGALE) ** 2), *rules)
    first = cited(HOELDER, *first_exponents, u=_N, v=_N * ENERGY, a=a, b=sp.cancel(1 - a))
    second = cited(HOELDER, first_exponents[0], energy_exponent, u=_N, v=ENERGY, a=a, b=s)
    remains = cited(DEFINITION, quantity=remainder)
    by_norms = nonnegative(Le(remainder, n**2 * v), isometry, first, (n, second), (-1, remains))

    # ||<N>^{1/2}||_r, twice
    root_energy = cited(NORM_OF_ROOT, a=sp.cancel(s / 2))
    factor_doob, factor_garsia = D / (D - 1), sp.sqrt(r / 2)
    exponents = {"a": 1 / D, "b": sp.cancel(s / 2)}
    split = cited(HOELDER, weight_exponent, half_exponent, u=SUPREMUM, v=sp.sqrt(ENERGY), **exponents)
    doob = cited(DOOB, exponent, unit, p=D)
    by_doob = nonnegative(
        Le(b, factor_doob * w * sp.sqrt(v)), cited(BRACKET_BOUND, a=a), rewrite(split, root_energy), (sp.sqrt(v), doob)
    )
    halves = rewrite(cited(HOELDER, weight_exponent, half_exponent, u=WEIGHT, v=sp.sqrt(ENERGY), **exponents), root_energy)
    by_garsia = nonnegative(
        Le(b, factor_garsia * w * sp.sqrt(v)), cited(GARSIA, at_least_two, unit, r=r), (factor_garsia, halves)
    )
    bracket = cited(LEAST, by_doob, by_garsia, common=w * sp.sqrt(v), one=factor_doob, other=factor_garsia)
    davis = cited(DAVIS_THEOREM, at_least_two, r=r)
    z, m = DAVIS(sp.cancel(r)), sp.Min(factor_doob, factor_garsia)
    below = nonnegative(Le(n, z * m * w * sp.sqrt(v)), davis, (z, bracket))
    squared = nonnegative(Le(n**2, z**2 * m**2 * w**2 * v), (below, n + z * m * w * sp.sqrt(v)))

    # the two moments
    k = weight_moment ** (1 / D)
    g = energy_moment ** (1 / (2 + gamma)) * ideal_energy
    weights = cited(NORM_OF_MOMENT, assume(claim, "A3"), u=WEIGHT, p=D, constant=weight_moment, scale=sp.Integer(1))
    orders = nonnegative(Le(1 / (2 + gamma), s), (1 / (2 * D * (2 + gamma)), assume(claim, "orders")))
    energies = cited(NORM_OF_MOMENT, assume(claim, "A4"), u=ENERGY, p=2 + gamma, constant=energy_moment, scale=ideal_energy)
    lower = nonnegative(Le(v, g), cited(LYAPUNOV, orders, u=ENERGY), energies)
    product = nonnegative(Le(w * v, k * g), (g, weights), (w, lower))
    bound = z * m * k * g
    total = nonnegative(
        Le(remainder, bound**2), by_norms, (v, squared), (z**2 * m**2, product, k * g + w * v), text="Davis, Hölder, A3, A4"
    )
    sandwich = nonnegative(Le((_I - _H) ** 2, bound**2), _sandwich_squared(claim), total)
    return qed(claim, root(sandwich, sp.Abs(_I - _H), bound))


# --- the observability bounds, from the sandwich ---------------------------------------------------------------------

_CEILING = moment_constant**2 * ideal_energy**2  # of the remainder, C'² eps*⁴


def _observability_lower(claim: Claim) -> Proof:
    """I - ¼ H + ⅓ r² = ⅓ [r² - (i - h)²] + (4/3)(i - h/4)², i and h the roots of I and H."""
    third = sp.Rational(1, 3)
    bound = visible_energy / 4 - moment_constant**2 / 3 * ideal_energy**2
    square = sp.Rational(4, 3) * (_I - _H / 4) ** 2
    ceiling = assume(claim, "A3-A4")
    return qed(claim, nonnegative(Ge(chi2, bound), (third, _sandwich_squared(claim)), (third, ceiling), square))


def _observability_upper(claim: Claim) -> Proof:
    """4 H + (4/3) r² - I = (4/3) [r² - (i - h)²] + ⅓ (i - 4h)², and H <= eps*² because a projection shrinks."""
    third = sp.Rational(1, 3)
    bound = 4 * ideal_energy + 4 * moment_constant**2 / 3 * ideal_energy**2
    shrunk = rewrite(mean_square(MARTINGALE - SEEN), *_measured(claim), text="projection on the endpoint")
    ceiling = assume(claim, "A3-A4")
    relation = Le(chi2, bound)
    return qed(
        claim,
        nonnegative(
            relation, (4 * third, _sandwich_squared(claim)), (4 * third, ceiling), third * (_I - 4 * _H) ** 2, (4, shrunk)
        ),
    )


def _observability_threshold(claim: Claim) -> Proof:
    """(i - h)² <= (1 - k)² h² with k = 1/sqrt(8) gives i² - k² h² = a (i - kh)((2-k)h - i) + (i - kh)²/(1-k), a = k/(1-k)."""
    k = 1 / (2 * sp.sqrt(2))
    small = assume(claim, "small")
    factors = cited(DEFINITION, quantity=observability)
    scaled = nonnegative(
        Le(_CEILING, (9 - 4 * sp.sqrt(2)) / 8 * visible_energy),
        (ideal_energy, small),
        ((9 - 4 * sp.sqrt(2)) / 8, factors),
    )
    weight = k / (1 - k)
    return qed(
        claim,
        nonnegative(
            Ge(chi2, visible_energy / 8),
            (weight, _sandwich_squared(claim)),
            (weight, assume(claim, "A3-A4")),
            (weight, scaled),
            (_I - k * _H) ** 2 / (1 - k),
        ),
    )


def _visible_lower(claim: Claim) -> Proof:
    """Cauchy-Schwarz for R - 1 and phi."""
    rules = _measured(claim)
    visible = assume(claim, "visible")
    squares = rewrite(cited(CAUCHY_SCHWARZ, u=RATIO - 1, v=SEEN), *rules)
    gap = rewrite(cited(DEFINITION, quantity=visible_gap), *rules)
    weight = 1 / visible_energy
    return qed(claim, nonnegative(Ge(chi2, visible_gap), (weight, squares), (-weight, gap), domain=(visible,)))


# --- assumptions -----------------------------------------------------------------------------------------------------

FINITE_ENERGY: Final = Assumption("A1", "the ideal energy eps*² is finite", Lt(ideal_energy, sp.oo),
                                  Le(0, ideal_energy))  # fmt: skip
COMMON_START: Final = Assumption(
    "common-start", "both processes start from q_T; otherwise KL(start || q_T) is added", Eq(initial_kl, 0)
)
UNIT_MEAN: Final = Assumption("A2", "E_{P*} e^Z = 1 (Novikov's condition suffices)", None, Eq(mean(WEIGHT), 1))
REGULAR: Final = Assumption(
    "regular", "positive densities, smooth enough to differentiate under the integral, with no flux at infinity"
)
FINITE_PATH: Final = Assumption("finite-path-chi2", "the path chi2 is finite", Lt(path_chi2, sp.oo),
                                Le(0, path_chi2))  # fmt: skip
BOUNDED: Final = Assumption(
    "bounded", "V <= Lambda almost surely (vacuous where Lambda is infinite)", None, Le(ENERGY, sup_energy)
)
DETERMINISTIC: Final = Assumption(
    "deterministic",
    "V is not random: its least upper bound is its mean",
    Eq(sup_energy, ideal_energy),
    Eq(ENERGY, ideal_energy),
)
VISIBLE: Final = Assumption("visible", "the endpoint sees some of the error", Gt(visible_energy, 0))
MOMENT_BOUND: Final = Assumption(
    "A3-A4",
    "the remainder is at most C'² eps*⁴; under A3 and A4 sandwich-moments gives such a C'",
    Le(remainder, _CEILING),
)
SCALED_SANDWICH: Final = Assumption(
    "scaled-sandwich",
    "one C' serves the parts e/N of the error: |sqrt(I_N) - sqrt(eta) eps*/N| <= C' eps*²/N² (sandwich-moments for e/N, whose "
    "energies are those of e divided by N²; for V <= Lambda its moments stay bounded)",
    None,
    Le(
        (sp.sqrt(scaled_chi2[N]) - sp.sqrt(visible_energy) / N) ** 2,
        (moment_constant * ideal_energy / N**2) ** 2,
    ),
)
SMALL: Final = Assumption(
    "small",
    "eps*² <= ((9 - 4 sqrt 2)/8) eta/C'²",
    Le(moment_constant**2 * ideal_energy, (9 - 4 * sp.sqrt(2)) / 8 * observability),
)
ORDER: Final = Assumption("order", "A3 holds with some delta > 1", None, Lt(1, moment_order))
ORDERS: Final = Assumption(
    "orders", "A4 holds with some gamma >= 4/(delta - 1)", None, Le(4, energy_order * (moment_order - 1))
)
WEIGHT_MOMENT: Final = Assumption(
    "A3", "E_{P*} e^{(1+delta) Z} <= K_delta", None, Le(mean(WEIGHT ** (1 + moment_order)), weight_moment)
)
ENERGY_MOMENT: Final = Assumption(
    "A4",
    "E_{P*} V^{2+gamma} <= K_gamma eps*^{2(2+gamma)}",
    None,
    Le(mean(ENERGY ** (2 + energy_order)), energy_moment * ideal_energy ** (2 + energy_order)),
)
ROTATION: Final = Assumption(
    "rotation",
    "the error has no gradient part, as e = kappa J x with J antisymmetric has none on N(0, I)",
    Eq(gradient_energy, 0),
)
SOME_ERROR: Final = Assumption("error", "there is an error", Gt(ideal_energy, 0))


# --- exact cases: the instances that refute the mutants -----------------------------------------------------------------

_ANY: Final[Case] = {  # one sample point, no error at all
    omega: 1, WEIGHT.func: (1,), ENERGY.func: (0,), initial_kl: 0, ideal_energy: 0, learned_energy: 0, path_chi2: 0, chi2: 0,
    kl: 0, reverse_kl: 0, remainder: 0, visible_energy: 0, observability: 0, sup_energy: 0, gradient_energy: 0,
    moment_constant: 1, weight_moment: 1, energy_moment: 1, visible_gap: 0,
    moment_order: 5, energy_order: 1, DAVIS: (1, 1, 1, sp.sqrt(3)),  # r = 3 here, and z_3 = sqrt 3; z_0 and z_1 are not used
}  # fmt: skip


def _shift(energy: sp.Expr, eta: sp.Expr) -> Case:
    """A mean shift on N(0, 1): V is constant, the endpoint is N(mu, 1) with mu² = eta eps*², eta = 1 - e^{-(T-t0)}."""
    visible = eta * energy
    return {
        **_ANY, ENERGY.func: (energy,), ideal_energy: energy, learned_energy: energy, sup_energy: energy,
        gradient_energy: energy,
        visible_energy: visible, observability: eta, visible_gap: visible, chi2: sp.exp(visible) - 1, kl: visible / 2,
        reverse_kl: visible / 2, path_chi2: sp.exp(energy) - 1, remainder: sp.exp(energy) - 1 - energy,
        moment_constant: 2, weight_moment: 2, energy_moment: 1,
    }  # fmt: skip


_SMALL_SHIFT: Final = _shift(sp.Rational(1, 50), sp.Rational(99, 100))  # C' = 2 is more than enough here: e^E - 1 - E <= E²
_SCALED_SHIFT: Final[Case] = {  # the parts of the small shift: I_N = e^{H/N²} - 1
    **_SMALL_SHIFT,
    N: 3,
    scaled_chi2: (0, *(sp.exp(_SMALL_SHIFT[visible_energy] / n**2) - 1 for n in (1, 2, 3))),
}
_UNIT_SHIFT: Final = _shift(sp.Integer(1), sp.Rational(99, 100))
_LARGE_SHIFT: Final = _shift(sp.Integer(4), sp.Rational(99, 100))
_INVISIBLE: Final = _shift(sp.Rational(1, 50), sp.Integer(0))  # an offset b(t) on N(0, 1) with int e^{-(t-t0)/2} b dt = 0
# on N(0, 1), e = A(t) x with A = 1/4 for time 2 log 2 far from t0, then -1/2 for (log 2)/2: the variance goes 1 -> 3/2 -> 1
_RETURNING: Final[Case] = {
    **_ANY,
    ideal_energy: sp.log(2) / 4,
    visible_energy: 2 * (sp.Rational(11, 16) / sp.sqrt(2) - sp.Rational(1, 2)) ** 2,
    observability: 8 * (sp.Rational(11, 16) / sp.sqrt(2) - sp.Rational(1, 2)) ** 2 / sp.log(2),
}
# the same with the second leg log(11/8) long: nothing visible, yet the variance ends at 249/242
_SECOND_ORDER: Final[Case] = {
    **_ANY,
    ideal_energy: sp.log(2) / 8 + sp.log(sp.Rational(11, 8)) / 4,
    chi2: 242 / sp.sqrt(58515) - 1,
}
# e = x/4 on N(0, 1), T - t0 = sqrt(2) pi/3: E e^{2Z} = exp(c)/sqrt(1 - p) with p' = p² + 1/8, c' = p/2 from 0
_RANDOM: Final[Case] = {
    **_ANY,
    ideal_energy: sp.sqrt(2) * sp.pi / 48,
    path_chi2: (sp.sqrt(3) / 2 * (1 - sp.sqrt(6) / 12)) ** sp.Rational(-1, 2) - 1,
}
_ROTATING: Final[Case] = {**_ANY, ideal_energy: 2, learned_energy: 2}


def _mutant(claim: Claim, name: str, note: str, case: Case, statement: Any = None, assumptions: Any = None) -> Claim:
    """The claim with one expression or hypothesis changed, refuted by an exact case."""
    return replace(
        claim,
        id=f"{claim.id}/{name}",
        title=f"mutant of {claim.id}: {name.replace('-', ' ')}",
        statement=claim.statement if statement is None else statement,
        assumptions=claim.assumptions if assumptions is None else assumptions,
        expected="false",
        mutants=(),
        note=note,
        falsified_by=case,
        script=lambda wrong: refuted(wrong, case),
    )


def _with_mutants(claim: Claim, *mutants: Claim) -> Claim:
    return replace(claim, mutants=mutants)


def _without(claim: Claim, *names: str) -> tuple[Assumption, ...]:
    return tuple(assumption for assumption in claim.assumptions if assumption.name not in names)


# --- claims ----------------------------------------------------------------------------------------------------------

_ABS: Final = sp.Abs(_I - _H)
_NEARLY_HALF: Final = sp.Rational(49, 100)
_TIGHT: Final = (
    "kills it: a consistent mean shift or variance error on N(0, 1) at T = 4 or more, where KL is half the energy to 2 %"
)
_PATH = (COMMON_START, FINITE_ENERGY, UNIT_MEAN)


def _girsanov_claims() -> tuple[Claim, Claim]:
    forward = Claim(
        "girsanov-kl",
        "KL to the ideal endpoint is at most half the learned energy",
        "upper",
        Le(kl, learned_energy / 2),
        "KTV-A, Prop. 3.1",
        (COMMON_START, REGULAR),
        note="The gap is ½ E|e - grad log(p^_t/q_t)|², so ½ is sharp: equality for consistent errors as T grows.",
        script=_girsanov_kl,
        witness=_ANY,
    )
    reverse = Claim(
        "girsanov-reverse-kl",
        "KL from the ideal endpoint is at most half the ideal energy",
        "upper",
        Le(reverse_kl, ideal_energy / 2),
        "KTV-A, Prop. 3.1 with the laws exchanged",
        (COMMON_START, REGULAR),
        note="The gap is ½ E|e - grad log(p^_t/q_t)|² under q_t.",
        script=_girsanov_reverse_kl,
        witness=_ANY,
    )
    started = {**_UNIT_SHIFT, kl: sp.Rational(1, 2), learned_energy: sp.Rational(99, 100), initial_kl: sp.Rational(1, 200)}
    return (
        _with_mutants(
            forward,
            _mutant(forward, "49-percent", _TIGHT, _UNIT_SHIFT, Le(kl, _NEARLY_HALF * learned_energy)),
            _mutant(
                forward,
                "any-start",
                "kills it: any consistent error started at p^_T, where KL = ½ energy + KL(p^_T || q_T)",
                started,
                assumptions=_without(forward, "common-start"),
            ),
        ),
        _with_mutants(
            reverse, _mutant(reverse, "49-percent", _TIGHT, _UNIT_SHIFT, Le(reverse_kl, _NEARLY_HALF * ideal_energy))
        ),
    )


def _path_claims() -> tuple[Claim, Claim]:
    bounded = Claim(
        "path-chi2",
        "chi2 of the endpoint is at most that of the path, which is at most e^Lambda - 1",
        "upper",
        sp.And(Le(chi2, path_chi2), Le(path_chi2, sp.exp(sup_energy) - 1)),
        "driftbound",
        (*_PATH, BOUNDED),
        note="Not perturbative: any size of error.",
        script=_path_chi2,
        witness=_ANY,
    )
    exact = Claim(
        "path-chi2-deterministic",
        "the path chi2 is e^{eps*²} - 1 where V is not random",
        "equality",
        Eq(path_chi2, sp.exp(ideal_energy) - 1),
        "driftbound",
        (*_PATH, DETERMINISTIC),
        script=_path_chi2_deterministic,
        witness=_ANY,
    )
    return (
        _with_mutants(
            bounded,
            _mutant(
                bounded,
                "half-the-path",
                "kills it: a mean shift on N(0, 1) at T = 4, where the endpoint sees 98 % of the energy",
                _UNIT_SHIFT,
                sp.And(Le(chi2, path_chi2 / 2), Le(path_chi2, sp.exp(sup_energy) - 1)),
            ),
            _mutant(
                bounded,
                "linear",
                "kills it: any offset b(t), where X = e^Lambda - 1 > Lambda",
                _UNIT_SHIFT,
                sp.And(Le(chi2, path_chi2), Le(path_chi2, sup_energy)),
            ),
        ),
        _with_mutants(
            exact,
            _mutant(
                exact,
                "linear",
                "kills it: any offset b(t), the larger the more",
                _UNIT_SHIFT,
                Eq(path_chi2, ideal_energy),
            ),
            _mutant(
                exact,
                "random-energy",
                "kills it: any affine error with A != 0, where V is random and X > e^{eps*²} - 1",
                _RANDOM,
                assumptions=_without(exact, "deterministic"),
            ),
        ),
    )


def _observability_claims() -> tuple[Claim, Claim, Claim]:
    lower = Claim(
        "observability-lower",
        "chi2 is at least a quarter of the visible energy, to leading order",
        "lower",
        Ge(chi2, visible_energy / 4 - moment_constant**2 / 3 * ideal_energy**2),
        "KTV-A, Prop. 3.3, with the constant C = C'²/3",
        (*_PATH, FINITE_PATH, MOMENT_BOUND),
        note="The leading constant is 1, not ¼ (sandwich). The paper leaves C unspecified.",
        script=_observability_lower,
        witness=_ANY,
    )
    threshold = Claim(
        "observability-threshold",
        "chi2 is at least an eighth of the visible energy where the error is small against C'",
        "lower",
        Ge(chi2, visible_energy / 8),
        "KTV-A, Prop. 3.3, with an explicit threshold",
        (*_PATH, FINITE_PATH, MOMENT_BOUND, SMALL),
        note="(9 - 4 sqrt 2)/8 = .41789... is the best threshold that the sandwich gives.",
        script=_observability_threshold,
        witness=_ANY,
    )
    upper = Claim(
        "observability-upper",
        "chi2 is at most four times the ideal energy, to leading order",
        "upper",
        Le(chi2, 4 * ideal_energy + 4 * moment_constant**2 / 3 * ideal_energy**2),
        "KTV-A, Thm 3.4, with the constant c = 4C'²/3",
        (*_PATH, FINITE_PATH, MOMENT_BOUND),
        note="The leading constant is eta, not 4 (sandwich).",
        script=_observability_upper,
        witness=_ANY,
    )
    return (
        _with_mutants(
            lower,
            _mutant(
                lower,
                "without-eta",
                "kills it: a small offset b(t) with int e^{-(t-t0)/2} b dt = 0 on N(0, 1), which the endpoint does not see",
                _INVISIBLE,
                Ge(chi2, ideal_energy / 4 - moment_constant**2 / 3 * ideal_energy**2),
            ),
            _mutant(
                lower,
                "twice",
                "kills it: a small offset b(t) = .1 e^{-t/2}, a mean shift, where chi2 is once the visible energy to 1 %",
                _SMALL_SHIFT,
                Ge(chi2, 2 * visible_energy - moment_constant**2 / 3 * ideal_energy**2),
            ),
        ),
        _with_mutants(
            threshold,
            _mutant(
                threshold,
                "any-size",
                "kills it: an error whose endpoint returns exactly, e = A(t) x on N(0, 1) with T - t0 = (5/2) log 2, "
                "A = 1/4 for the first 2 log 2 of the reverse process and -1/2 for the rest; or smooth, "
                "A = (D' + D)/(2 + 2D) with D = .6 sin²(pi tau/2), tau = T - t, T - t0 = 2",
                _RETURNING,
                assumptions=_without(threshold, "A3-A4", "small"),
            ),
            _mutant(
                threshold,
                "twice",
                "kills it: a small offset b(t) = .1 e^{-t/2}, a mean shift",
                _SMALL_SHIFT,
                Ge(chi2, 2 * visible_energy),
            ),
        ),
        _with_mutants(
            upper,
            _mutant(
                upper,
                "half",
                "kills it: a small offset b(t) = .1 e^{-t/2}, a mean shift, at T = 4, where chi2 is .98 of the energy",
                _SMALL_SHIFT,
                Le(chi2, ideal_energy / 2 + 4 * moment_constant**2 / 3 * ideal_energy**2),
            ),
        ),
    )


def _sandwich_claims() -> tuple[Claim, Claim, Claim]:
    exact = Claim(
        "sandwich",
        "the root of chi2 is the root of the visible energy up to the root of the remainder",
        "upper",
        Le(_ABS, sp.sqrt(remainder)),
        "driftbound",
        (*_PATH, FINITE_PATH),
        note="The remainder X - 2 epŝ² + eps*² is exactly E(e^Z - 1 - M)². The right leading constant is eta, not ¼ or 4.",
        script=_sandwich,
        witness=_ANY,
    )
    bounded = Claim(
        "sandwich-bounded",
        "the sandwich where V is bounded",
        "upper",
        Le(_ABS, sp.sqrt(sp.exp(sup_energy) - 1 - sup_energy)),
        "driftbound",
        (*_PATH, BOUNDED),
        note="e^L - 1 - L - remainder = E[e^{2Z}(e^d - 1 - d) + d (e^Z - 1)²] exactly, d = L - V >= 0.",
        script=_sandwich_bounded,
        witness=_ANY,
    )
    constant = moment_constant_formula(moment_order, energy_order, weight_moment, energy_moment)
    moments = Claim(
        "sandwich-moments",
        "the sandwich under moments of the weight and of the energy",
        "upper",
        Le(_ABS, constant * ideal_energy),
        "driftbound; Davis 1976, Theorem 1.1",
        (*_PATH, FINITE_PATH, ORDER, ORDERS, WEIGHT_MOMENT, ENERGY_MOMENT),
        note="Without eps*² <= 1. Its constant is C' of observability-lower and -upper.",
        script=_sandwich_moments,
        witness={**_ANY, ideal_energy: 1},
    )
    half_leading = sp.Abs(_I - _H / 2)
    small = "kills it: any small visible error, the offset b(t) = .1 e^{-t/2} on N(0, 1) for example"
    large = "kills it: the offset b(t) = 2 e^{-t/2} on N(0, 1), T = 4, where the remainder is more than half used"
    return (
        _with_mutants(
            exact,
            _mutant(exact, "half-the-remainder", large, _LARGE_SHIFT, Le(_ABS, sp.sqrt(remainder) / 2)),
            _mutant(exact, "half-leading", small, _SMALL_SHIFT, Le(half_leading, sp.sqrt(remainder))),
        ),
        _with_mutants(
            bounded,
            _mutant(
                bounded,
                "half-the-remainder",
                large,
                _LARGE_SHIFT,
                Le(_ABS, sp.sqrt(sp.exp(sup_energy) - 1 - sup_energy) / 2),
            ),
            _mutant(
                bounded, "half-leading", small, _SMALL_SHIFT, Le(half_leading, sp.sqrt(sp.exp(sup_energy) - 1 - sup_energy))
            ),
        ),
        _with_mutants(
            moments, _mutant(moments, "half-leading", small, _SMALL_SHIFT, Le(half_leading, constant * ideal_energy))
        ),
    )


def _visible_claims() -> tuple[Claim, Claim, Claim]:
    lower = Claim(
        "visible-lower",
        "chi2 is at least the squared drift of phi over its variance, phi the mean of M given the endpoint",
        "lower",
        Ge(chi2, visible_gap),
        "driftbound",
        (*_PATH, VISIBLE),
        note="Not perturbative, and exact to first order.",
        script=_visible_lower,
        witness=_SMALL_SHIFT,
    )
    leading = Claim(
        "leading-order",
        "chi2 is the visible energy to leading order",
        "limit",
        Le(_ABS / _H, sp.sqrt(remainder) / _H),
        "driftbound",
        (*_PATH, FINITE_PATH, VISIBLE),
        note="|sqrt(chi2/visible) - 1| <= sqrt(remainder/visible). Under A3 and A4 the right side is at most "
        "C' eps*/sqrt(eta), so chi2/visible -> 1 along e = kappa e0, kappa -> 0, where eta(e0) > 0 (leading-order-limit, along "
        "e0/N); in general where eps*² = o(eta). The ratio of KL to half the visible energy then tends to 1 as well, since "
        "(x log x - x + 1)/(x - 1)² is bounded by 1 and tends to ½ at 1 (dominated convergence; not part of the statement). "
        "As e -> 0 alone proves nothing: see the mutant.",
        script=_leading_order,
        witness=_SMALL_SHIFT,
    )
    ratio = sp.Limit(scaled_chi2[N] / (visible_energy / N**2), N, sp.oo)
    along = Claim(
        "leading-order-limit",
        "chi2 over the visible energy tends to 1 along the parts e/N of a visible error",
        "limit",
        Eq(ratio, 1),
        "driftbound (KTV-A, Prop. 3.3 has ¼ for 1, Thm 3.4 has 4/eta)",
        (VISIBLE, SCALED_SANDWICH),
        numeric_side=False,
        note="M is linear in the error and P* does not depend on it, so the visible energy of e/N is that of e divided by N².",
        script=_leading_order_limit,
        witness=_SCALED_SHIFT,
    )
    return (
        _with_mutants(
            lower,
            _mutant(
                lower,
                "ten-percent-more",
                "kills it: a mean shift of .1, where the bound is attained to 1 %",
                _SMALL_SHIFT,
                Ge(chi2, sp.Rational(11, 10) * visible_gap),
            ),
        ),
        _with_mutants(
            leading,
            _mutant(
                leading,
                "half-the-remainder",
                "kills it: a mean shift of 2 on N(0, 1) at T = 4",
                _LARGE_SHIFT,
                Le(_ABS / _H, sp.sqrt(remainder) / (2 * _H)),
            ),
            _mutant(
                leading,
                "small-error-alone",
                "kills it: an error whose endpoint returns exactly (observability-threshold/any-size); eps*² can be as small "
                "as one likes",
                _RETURNING,
                Le(_ABS / _H, sp.Rational(1, 2)),
                (*_without(leading, "finite-path-chi2"), Assumption("perturbative", "eps*² <= 1", Le(ideal_energy, 1))),
            ),
        ),
        _with_mutants(
            along,
            _mutant(
                along,
                "quarter",
                "kills it: the offsets b(t) = .1 e^{-t/2}/N on N(0, 1), mean shifts, as N grows",
                _SCALED_SHIFT,
                Eq(ratio, sp.Rational(1, 4)),
            ),
        ),
    )


def _gradient_claims() -> tuple[Claim, Claim]:
    impossibility = Claim(
        "impossibility",
        "an error without gradient part moves nothing, whatever its energy: no increasing psi has chi2 >= psi(eps*²)",
        "equality",
        Eq(chi2, 0),
        "KTV-C (abstract)",
        (COMMON_START, REGULAR, ROTATION, SOME_ERROR),
        note="e = kappa J x on N(0, I), J antisymmetric, is such an error for every kappa, and eps*² = kappa² |J|² (T - t0) is "
        "as large as one likes; so psi(eps*²) <= chi2 = 0 for every value of eps*².",
        script=_impossibility,
        witness=_ROTATING,
    )
    gradient = Claim(
        "gradient-kl",
        "KL to the ideal endpoint is at most half the energy of the error's gradient part",
        "upper",
        Le(kl, gradient_energy / 2),
        "KTV-C (abstract)",
        (COMMON_START, REGULAR),
        note="KL = ½ E|Pi e|² - ½ E|Pi e - grad log(p^_t/q_t)|² exactly, Pi the projection in L²(p^_t).",
        script=_gradient_kl,
        witness=_ANY,
    )
    return (
        _with_mutants(
            impossibility,
            _mutant(
                impossibility,
                "invisible",
                "kills it: e = A(t) x on N(0, 1) with int e^{-(t-t0)} A dt = 0, invisible to first order only: "
                "T - t0 = 2 log 2 + log(11/8), A = 1/4 for the first 2 log 2 of the reverse process and -1/2 "
                "for the rest; or smooth, A = .3 e^s cos(pi s), s = t - t0, T - t0 = 1",
                _SECOND_ORDER,
                assumptions=(
                    *_without(impossibility, "rotation"),
                    Assumption("invisible", "the visible energy is 0", Eq(visible_energy, 0)),
                ),
            ),
            _mutant(
                impossibility,
                "psi",
                "kills it: a rotation on N(0, I)",
                _ROTATING,
                Ge(chi2, ideal_energy / (1000 * (1 + ideal_energy))),
            ),
        ),
        _with_mutants(gradient, _mutant(gradient, "49-percent", _TIGHT, _UNIT_SHIFT, Le(kl, _NEARLY_HALF * gradient_energy))),
    )


def _claims() -> tuple[Claim, ...]:
    impossibility, gradient = _gradient_claims()
    lower, leading, along = _visible_claims()
    return (
        *_girsanov_claims(),
        *_path_claims(),
        *_observability_claims(),
        *_sandwich_claims(),
        lower,
        impossibility,
        leading,
        along,
        gradient,
    )


CLAIMS: Final[tuple[Claim, ...]] = _claims()
"""The claims about one generation, in reading order."""
