"""False statements and illegal moves: the kernel must refuse every one of them.

Each attack is a function that tries to obtain something false, or something true by a forbidden route. It must end in an
exception; should a fact or a "proved" come out, the kernel is unsound and the test fails with the name of the attack.
"""

from __future__ import annotations

import contextlib
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

from theory import generation as gen
from theory import proof as pf
from theory import symbols as s
from theory.accumulation import JOINT_CONVEXITY, KANTOROVICH, MIXING, data, law, mixture
from theory.claim import Assumption, Claim, Proof
from theory.proof import ProofError, mean, omega

x = sp.Symbol("x", real=True)
y = sp.Symbol("y", real=True)
a = sp.Symbol("a", nonnegative=True)
b = sp.Symbol("b", nonnegative=True)
p = sp.Symbol("p", positive=True)
q = sp.Symbol("q", positive=True)
z = sp.Symbol("z")
n = sp.Symbol("n", integer=True, nonnegative=True)
m = sp.Symbol("m", integer=True)
A, B, C = sp.symbols("A B C", commutative=False)
F = sp.Function("F", real=True)(omega)
G = sp.Function("G", real=True)(omega)
D = s.divergence
i, N = s.i, s.N

AT_MOST_ONE = Assumption("at-most-one", "p is at most 1.", sp.Le(p, 1))
ZERO_FIXED = Assumption("zero-here", "D vanishes at one index i.", sp.Eq(D[i], 0), over=())
ZERO = Assumption("zero", "D vanishes.", sp.Eq(D[i], 0))
STEP = Assumption("step", "D grows by 1.", sp.Eq(D[i + 1], D[i] + 1))


def a_claim(statement: Any = None, *assumptions: Assumption, witness: Any = None, script: Any = None, **more: Any) -> Claim:
    """A user's claim with the given pieces."""
    statement = sp.Le(p, 2) if statement is None else statement
    return Claim("attack", "an attack", "upper", statement, "driftbound", assumptions, witness=witness, script=script, **more)


def unevaluated(*factors: Any) -> Any:
    """A product that sympy leaves alone."""
    return sp.Mul(*factors, evaluate=False)


ATTACKS: dict[str, Callable[[], object]] = {}


def attack(function: Callable[[], object]) -> Callable[[], object]:
    """Register an attack under its name."""
    ATTACKS[function.__name__] = function
    return function


# --- algebra ---------------------------------------------------------------------------------------------------------
@attack
def cancel_a_possible_zero() -> object:
    return pf.identity(unevaluated(a, sp.Pow(a, -1)), 1)


@attack
def cancel_a_difference() -> object:
    return pf.identity(unevaluated(x - y, sp.Pow(x - y, -1)), 1)


@attack
def logarithm_of_a_square_of_a_real() -> object:
    return pf.identity(sp.log(x**2), 2 * sp.log(x))


@attack
def logarithm_of_a_square_at_zero() -> object:
    return pf.identity(sp.log(a**2), 2 * sp.log(a))


@attack
def logarithm_of_a_product_of_reals() -> object:
    return pf.identity(sp.log(x * y), sp.log(x) + sp.log(y))


@attack
def root_of_a_square_is_not_the_number() -> object:
    return pf.identity(sp.sqrt(x**2), x)


@attack
def root_of_a_product_of_reals() -> object:
    return pf.identity(sp.sqrt(x) * sp.sqrt(y), sp.sqrt(x * y))


@attack
def the_other_branch_of_the_root() -> object:
    return pf.identity(sp.sqrt((p - q) ** 2), p - q)


@attack
def imaginary_unit() -> object:
    return pf.identity(sp.sqrt(-1), sp.I)


@attack
def undeclared_symbol() -> object:
    return pf.nonnegative(z**2)


@attack
def square_of_a_complex_symbol_is_nonnegative() -> object:
    return pf.nonnegative(sp.Symbol("w", complex=True) ** 2)


@attack
def infinity_minus_infinity() -> object:
    return pf.identity(sp.oo, sp.oo)


@attack
def not_a_number() -> object:
    return pf.identity(sp.nan, sp.nan)


@attack
def float_identity() -> object:
    return pf.identity(sp.Float("0.5") * x, x / 2)


@attack
def float_in_an_inequality() -> object:
    return pf.nonnegative(0.25 * a)


@attack
def python_float_as_multiplier() -> object:
    return pf.nonnegative(a / 2, (0.5, a))


@attack
def almost_equal_numbers() -> object:
    return pf.identity(sp.pi, sp.Rational(314159265358979323846, 10**20))


@attack
def wrong_unit_coefficient() -> object:
    return pf.identity((x + y) ** 2, x**2 + y**2 + x * y)


@attack
def dropped_sign() -> object:
    return pf.identity((x - y) ** 2, x**2 + 2 * x * y + y**2)


@attack
def half_integer_power_of_minus_one() -> object:
    return pf.identity((-1) ** (2 * x), 1)


@attack
def negative_exponent_at_a_possible_zero() -> object:
    return pf.identity(unevaluated(a ** (-n), a**n), 1)


@attack
def zero_to_the_n() -> object:
    return pf.identity(sp.Pow(0, n), 0)


@attack
def power_of_a_sum() -> object:
    return pf.identity((p + q) ** n, p**n + q**n)


@attack
def exponential_of_a_product() -> object:
    return pf.identity(sp.exp(x * y), sp.exp(x) * sp.exp(y))


@attack
def derivative_is_outside_the_language() -> object:
    return pf.identity(sp.Derivative(sp.Function("h")(x), x), 0)


@attack
def too_large_to_decide() -> object:
    large = x
    for _ in range(13):
        large = (large + y) * (large + 1)
    return pf.identity(large, large + x - x)


# --- sums ------------------------------------------------------------------------------------------------------------
@attack
def peel_a_term_that_may_not_exist() -> object:
    return pf.identity(sp.Sum(D[i], (i, 2, n)), sp.Sum(D[i], (i, 2, n - 1)) + D[n], unroll_at=n)


@attack
def sum_of_negative_length() -> object:
    return pf.identity(sp.Sum(1, (i, 0, m)), m + 1)


@attack
def bound_variable_outside_its_domain() -> object:
    return pf.identity(sp.Sum(1 / s.k, (s.k, 0, N)), sp.Sum(1 / s.k, (s.k, 0, N)))


@attack
def division_by_zero_inside_a_sum() -> object:
    return pf.identity(sp.Sum(1 / i, (i, 0, N)), sp.Sum(1 / i, (i, 0, N)))


@attack
def product_of_sums_as_sum_of_products() -> object:
    return pf.identity(sp.Sum(D[i], (i, 0, N)) * sp.Sum(s.innovation[i], (i, 0, N)), sp.Sum(D[i] * s.innovation[i], (i, 0, N)))


@attack
def shifted_sum_without_correction() -> object:
    return pf.identity(sp.Sum(D[i + 1], (i, 0, N)), sp.Sum(D[i], (i, 0, N)))


@attack
def capture_of_a_bound_variable() -> object:
    claim = a_claim(None, ZERO_FIXED)
    return pf.identity(sp.Sum(D[i], (i, 0, N)), 0, claim.assume("zero-here"))


@attack
def substitution_into_a_binder() -> object:
    j = sp.Symbol("j", integer=True, nonnegative=True)
    true = pf.identity(sp.Sum(j * D[i], (i, 0, N)), j * sp.Sum(D[i], (i, 0, N)))
    false = pf.instance(true, j=i)  # must become i * sum, not the sum of i * D[i]
    if pf.name_bound(false.lhs) == pf.name_bound(sp.Sum(i * D[i], (i, 0, N))):
        return false
    raise ProofError("not captured")


# --- inequalities ----------------------------------------------------------------------------------------------------
@attack
def product_of_reals_is_nonnegative() -> object:
    return pf.nonnegative(x * y)


@attack
def nonstrict_to_strict() -> object:
    return pf.nonnegative(a, strict=True)


@attack
def square_is_positive() -> object:
    return pf.nonnegative(x**2, strict=True)


@attack
def strict_from_a_nonstrict_fact() -> object:
    claim = a_claim(None, AT_MOST_ONE)
    return pf.nonnegative(sp.Lt(p, 1, evaluate=False), claim.assume("at-most-one"))


@attack
def negative_multiplier() -> object:
    claim = a_claim(None, AT_MOST_ONE)
    return pf.nonnegative(p - 1, (-1, claim.assume("at-most-one")))


@attack
def multiplier_without_a_sign() -> object:
    claim = a_claim(None, AT_MOST_ONE)
    return pf.nonnegative(x * (1 - p), (x, claim.assume("at-most-one")))


@attack
def hint_that_is_not_nonnegative() -> object:
    return pf.nonnegative(x, x)


@attack
def one_minus_p_without_the_assumption() -> object:
    return pf.nonnegative(1 - p)


@attack
def arithmetic_geometric_with_a_wrong_constant() -> object:
    return pf.nonnegative(x**2 + y**2 - 3 * x * y, (x - y) ** 2)


@attack
def equation_through_nonnegative() -> object:
    return pf.nonnegative(sp.Eq(a, b))


@attack
def relation_that_sympy_evaluated() -> object:
    return pf.nonnegative(sp.Le(1, 2))


@attack
def division_by_a_possible_zero_in_an_inequality() -> object:
    return pf.nonnegative(a / b)


@attack
def root_with_a_negative_right_side() -> object:
    return pf.root(pf.nonnegative(sp.Le(x**2, x**2 + y**2, evaluate=False)), x, -sp.sqrt(x**2 + y**2))


@attack
def root_of_a_real_right_side() -> object:
    squares = pf.nonnegative(sp.Le(a**2, (a + y) ** 2 + a**2, evaluate=False))
    return pf.root(squares, a, a + y)


@attack
def not_an_argument_of_the_maximum() -> object:
    return pf.below_max(x + 1, sp.Max(x, y))


@attack
def maximum_with_one_argument_forgotten() -> object:
    fact = pf.nonnegative(sp.Le(x, x + a, evaluate=False))
    return pf.max_below(sp.Max(x, y), fact)


@attack
def antisymmetry_of_unrelated_inequalities() -> object:
    return pf.antisymmetry(pf.nonnegative(sp.Le(x, x + a, evaluate=False)), pf.nonnegative(sp.Le(x, x + b, evaluate=False)))


@attack
def chain_with_a_gap() -> object:
    return pf.chain(pf.identity(x + x, 2 * x), pf.identity(3 * x, x + 2 * x))


# --- numbers ---------------------------------------------------------------------------------------------------------
@attack
def pi_above_a_larger_fraction() -> object:
    return pf.compare(sp.Rational(355, 113), sp.pi)


@attack
def equal_numbers_compared() -> object:
    return pf.compare(sp.sqrt(2) * sp.sqrt(3), sp.sqrt(6))


@attack
def rounded_threshold() -> object:
    return pf.compare(sp.Rational(4179, 10000), (9 - 4 * sp.sqrt(2)) / 8)


@attack
def symbols_compared() -> object:
    return pf.compare(p, p + 1)


@attack
def floats_compared() -> object:
    return pf.compare(0.1, 0.2)


# --- random variables ------------------------------------------------------------------------------------------------
@attack
def mean_of_a_product() -> object:
    return pf.identity(mean(F * G), mean(F) * mean(G), pf.expectation(F * G))


@attack
def random_variable_pulled_out_of_the_mean() -> object:
    return pf.identity(mean(F * G), F * mean(G), pf.expectation(F * G))


@attack
def mean_of_a_square_is_the_square_of_the_mean() -> object:
    return pf.identity(mean(F**2), mean(F) ** 2)


@attack
def mean_is_nonnegative() -> object:
    return pf.nonnegative(mean(F))


@attack
def reversed_cauchy_schwarz() -> object:
    fact = pf.cited(pf.CAUCHY_SCHWARZ, u=F, v=G)
    return pf.nonnegative(sp.Le(mean(F**2) * mean(G**2), mean(F * G) ** 2, evaluate=False), fact)


@attack
def sample_point_specialised() -> object:
    return pf.instance(pf.identity(F + F, 2 * F), omega=0)


# --- facts -----------------------------------------------------------------------------------------------------------
@attack
def forged_by_the_constructor() -> object:
    return pf.Fact(object(), pf.Relation(sp.Integer(1), "==", sp.Integer(0)), frozenset(), (), "", "checked", "")


@attack
def forged_without_the_constructor() -> object:
    fact = object.__new__(pf.Fact)
    for name, value in {
        "relation": pf.Relation(p, "<=", sp.Integer(2)),
        "hypotheses": frozenset(),
        "parents": (),
        "text": "",
        "kind": "checked",
        "reference": "",
    }.items():
        object.__setattr__(fact, name, value)
    return pf.qed(a_claim(), fact)


@attack
def fact_changed() -> object:
    pf.identity(x + x, 2 * x).relation = pf.Relation(x, "==", y)
    return None


@attack
def fact_deleted() -> object:
    del pf.identity(x + x, 2 * x).hypotheses
    return None


@attack
def fact_changed_behind_its_back() -> object:
    fact = pf.identity(x + x, 2 * x)
    object.__setattr__(fact, "relation", pf.Relation(p, "<=", sp.Integer(2)))
    return pf.qed(a_claim(), fact)


@attack
def hypotheses_removed_behind_its_back() -> object:
    fact = a_claim(None, AT_MOST_ONE).assume("at-most-one")
    object.__setattr__(fact, "hypotheses", frozenset())
    return pf.qed(a_claim(sp.Le(p, 1)), fact)


@attack
def fact_copied_and_changed() -> object:
    fact = copy.copy(pf.identity(x + x, 2 * x))
    return pf.rewrite(fact)


@attack
def fact_from_a_pickle() -> object:
    return pf.rewrite(pickle.loads(pickle.dumps(pf.identity(x + x, 2 * x))))


@attack
def a_relation_instead_of_a_fact() -> object:
    return pf.qed(a_claim(sp.Le(p, 1)), sp.Le(p, 1))  # type: ignore[arg-type]


# --- hypotheses ------------------------------------------------------------------------------------------------------
@attack
def assumption_of_another_claim() -> object:
    other = a_claim(None, AT_MOST_ONE)
    return pf.qed(a_claim(sp.Le(p, 1)), other.assume("at-most-one"))


@attack
def assumption_with_the_same_name() -> object:
    strong = Assumption("at-most-one", "p is at most 1/2.", sp.Le(p, sp.Rational(1, 2)))
    claim = a_claim(sp.Le(p, sp.Rational(1, 2)), AT_MOST_ONE, witness={p: 1})
    return pf.qed(claim, a_claim(None, strong).assume("at-most-one"))


@attack
def unknown_assumption() -> object:
    return a_claim().assume("whatever I need")


@attack
def assumption_in_words_only() -> object:
    return a_claim(None, Assumption("words", "Everything is fine.")).assume("words")


@attack
def parameter_of_a_hypothesis_specialised() -> object:
    return pf.instance(a_claim(None, AT_MOST_ONE).assume("at-most-one"), p=5)


@attack
def assumption_stated_for_all_reals() -> object:
    return Assumption("all", "Every positive number is at most 1.", sp.Le(p, 1), over=(p,))


@attack
def index_specialised_outside_its_domain() -> object:
    return a_claim(None, ZERO).assume("zero", i=-1)


@attack
def index_specialised_to_a_fraction() -> object:
    return a_claim(None, ZERO).assume("zero", i=sp.Rational(1, 2))


@attack
def symbol_specialised_outside_its_domain() -> object:
    return pf.instance(pf.identity(sp.sqrt(p**2), p), p=-1)


@attack
def symbol_specialised_to_infinity() -> object:
    return pf.instance(pf.identity(p + p, 2 * p), p=sp.oo)


@attack
def contradictory_assumptions() -> object:
    low = Assumption("low", "p is at least 2.", sp.Ge(p, 2))
    claim = a_claim(sp.Le(p, 0, evaluate=False), AT_MOST_ONE, low, witness={p: 1})
    up, down = claim.assume("at-most-one"), claim.assume("low")
    return pf.qed(claim, pf.nonnegative(sp.Le(p, 0, evaluate=False), (p, up), (p, down), up, down, (up, p), (p, down)))


@attack
def contradictory_assumptions_unwitnessed() -> object:
    low = Assumption("low", "p is at least 2.", sp.Ge(p, 2))
    claim = a_claim(sp.Le(p, 1), AT_MOST_ONE, low)
    return pf.qed(claim, claim.assume("at-most-one"))


@attack
def witness_that_is_not_one() -> object:
    claim = a_claim(sp.Le(p, 1), AT_MOST_ONE, witness={p: 2})
    return pf.qed(claim, claim.assume("at-most-one"))


@attack
def index_condition_false_beyond_the_witness() -> object:
    few = Assumption("few", "There are only three rounds.", sp.Le(i, 3))
    claim = a_claim(sp.Le(i, 3), few, witness={N: 3})
    return pf.qed(claim, claim.assume("few"))


# --- induction -------------------------------------------------------------------------------------------------------
@attack
def hypothesis_leaks_out_of_an_induction() -> object:
    claim = a_claim(sp.Eq(D[N], 0), STEP, witness={N: 2, D: (0, 1, 2)})
    stolen: list[pf.Fact] = []

    def step(hypothesis: pf.Fact, index: sp.Symbol) -> pf.Fact:
        stolen.append(hypothesis)
        return pf.identity(index + 1, index + 1)

    for statement in (sp.Eq(D[n], 0, evaluate=False), sp.Eq(D[n] * 0, 0, evaluate=False)):
        with contextlib.suppress(ProofError):
            pf.induction(statement, n, pf.identity(0, 0), step)
    return pf.qed(claim, stolen[0])


@attack
def hypothesis_used_after_the_induction() -> object:
    stolen: list[pf.Fact] = []

    def step(hypothesis: pf.Fact, index: sp.Symbol) -> pf.Fact:
        stolen.append(hypothesis)
        return pf.nonnegative(sp.Le(0, D[index + 1], evaluate=False))

    pf.induction(sp.Le(0, D[n], evaluate=False), n, pf.nonnegative(D[0]), step)
    return pf.qed(a_claim(sp.Le(0, D[N], evaluate=False)), pf.instance(stolen[0], n=N))


@attack
def hypothesis_generalised_over_its_index() -> object:
    claim = a_claim(sp.Eq(D[N], 0), Assumption("start", "D starts at 0.", sp.Eq(D[0], 0)))
    return pf.induction(
        sp.Eq(D[n], 0, evaluate=False), n, claim.assume("start"), lambda hypothesis, index: pf.instance(hypothesis, n=index + 1)
    )


@attack
def hypothesis_as_a_rule_for_every_index() -> object:
    claim = a_claim(sp.Eq(D[N], 0), Assumption("start", "D starts at 0.", sp.Eq(D[0], 0)))
    return pf.induction(
        sp.Eq(D[n], 0, evaluate=False),
        n,
        claim.assume("start"),
        lambda hypothesis, index: pf.identity(D[index + 1], 0, hypothesis),
    )


@attack
def induction_without_its_base() -> object:
    claim = a_claim(sp.Eq(D[N], N + 5), STEP)
    return pf.induction(
        sp.Eq(D[n], n + 5, evaluate=False),
        n,
        pf.identity(sp.Integer(5), 5),
        lambda hypothesis, index: pf.identity(D[index + 1], index + 6, claim.assume("step", i=index), hypothesis),
    )


@attack
def induction_whose_step_stands_still() -> object:
    claim = a_claim(sp.Eq(D[N], 0), Assumption("start", "D starts at 0.", sp.Eq(D[0], 0)))
    return pf.induction(sp.Eq(D[n], 0, evaluate=False), n, claim.assume("start"), lambda hypothesis, index: hypothesis)


@attack
def induction_from_a_later_start() -> object:
    return pf.induction(
        sp.Lt(0, n, evaluate=False),
        n,
        pf.compare(0, 1),
        lambda hypothesis, index: pf.nonnegative(sp.Lt(0, index + 1, evaluate=False)),
        start=1,
    )


@attack
def induction_over_a_real_variable() -> object:
    return pf.induction(
        sp.Le(0, x, evaluate=False), x, pf.identity(0, 0), lambda hypothesis, index: pf.nonnegative(index + 1, hypothesis)
    )


@attack
def induction_generalised_over_an_assumed_parameter() -> object:
    fixed = Assumption("first", "D vanishes at j.", sp.Eq(D[s.j], 0), over=())
    claim = a_claim(sp.Eq(D[s.j], 0), fixed)
    here = claim.assume("first")
    return pf.induction(
        sp.Eq(D[s.j] * n, 0, evaluate=False),
        n,
        pf.identity(D[s.j] * 0, 0),
        lambda hypothesis, index: pf.identity(D[s.j] * (index + 1), 0, here),
        over=(s.j,),
    )


# --- limits and integrals --------------------------------------------------------------------------------------------
@attack
def limit_into_a_pole() -> object:
    return pf.limit(1 / p, p, 0, 0)


@attack
def limit_from_the_wrong_side() -> object:
    return pf.limit(sp.sqrt(-a), a, 0, 0)


@attack
def limit_of_a_jump() -> object:
    return pf.limit(unevaluated(sp.Abs(x), 1 / x), x, 0, 1)


@attack
def limit_with_a_wrong_value() -> object:
    return pf.limit((sp.exp(p) - 1) / p, p, 0, 2)


@attack
def limit_of_a_power_that_need_not_vanish() -> object:
    return pf.limit(
        s.alpha**N, N, sp.oo, 0, domain=(a_claim(None, Assumption("one", "At most 1.", sp.Le(s.alpha, 1))).assume("one"),)
    )


@attack
def limit_of_an_alternating_sequence() -> object:
    return pf.limit((-1) ** N, N, sp.oo, 0)


@attack
def limit_of_a_growing_power() -> object:
    return pf.limit(2**N, N, sp.oo, 0)


@attack
def limit_of_a_divergent_ratio() -> object:
    return pf.limit(N**2 / (N + 1), N, sp.oo, 1)


@attack
def limit_that_depends_on_its_variable() -> object:
    return pf.limit(p, p, 0, p)


@attack
def limit_in_a_variable_that_is_assumed_about() -> object:
    claim = a_claim(None, AT_MOST_ONE)
    return pf.limit(1 / (2 - p), p, 0, sp.Rational(1, 2), domain=(claim.assume("at-most-one"),))


@attack
def limit_outside_the_domain() -> object:
    return pf.limit(p, p, -1, -1)


@attack
def squeeze_with_different_limits() -> object:
    low, high = pf.nonnegative(D[N]), pf.nonnegative(sp.Le(D[N], D[N] + 1, evaluate=False))
    return pf.squeeze(low, high, pf.limit(sp.Integer(0), N, sp.oo, 0), pf.limit(1 + 1 / N, N, sp.oo, 1))


@attack
def integral_across_a_pole() -> object:
    return pf.integral(x**-2, x, (-1, 1), -1 / x, -2)


@attack
def integral_across_a_branch_point() -> object:
    return pf.integral(1 / x, x, (-1, 1), sp.log(x**2) / 2, 0)


@attack
def integral_with_a_wrong_antiderivative() -> object:
    return pf.integral(x**2, x, (0, 1), x**3 / 2, sp.Rational(1, 2))


@attack
def integral_with_reversed_bounds() -> object:
    return pf.integral(x**0 * p, x, (1, 0), p * x, -p)


@attack
def integral_of_the_sign_function() -> object:
    return pf.integral(sp.Integer(1), x, (-1, 1), sp.Abs(x), 0)


@attack
def integral_with_a_jumping_antiderivative() -> object:
    return pf.integral(1 / (1 + x**2), x, (-1, 1), -sp.atan(1 / x), -sp.pi / 2)


# --- traces and citations --------------------------------------------------------------------------------------------
@attack
def trace_of_a_transposition() -> object:
    return pf.trace_identity(A * B * C, A * C * B)


@attack
def trace_of_a_product_is_not_the_product_of_powers() -> object:
    return pf.trace_identity(A * B * A * B, A**2 * B**2)


@attack
def trace_with_an_unstated_inverse() -> object:
    return pf.trace_identity(A * B * C, C)


@attack
def trace_of_an_inverse_power() -> object:
    return pf.trace_identity(A * B * A**-1, B)


@attack
def something_that_is_no_theorem() -> object:
    return pf.cited(lambda: sp.Eq(x, y))  # type: ignore[arg-type]


@attack
def joint_convexity_of_an_unsquared_distance() -> object:
    claim = a_claim(None, MIXING, Assumption("fraction", "At most 1.", sp.Le(s.fresh_fraction[i], 1)))
    left = pf.nonnegative(1 - s.fresh_fraction[i], claim.assume("fraction"))
    return pf.cited(JOINT_CONVEXITY, claim.assume("mixing"), left, mixed_value=s.mixed_w2[i], value=s.w2[i])


@attack
def joint_convexity_without_its_premise() -> object:
    return pf.cited(
        JOINT_CONVEXITY, pf.identity(law(i), law(i)), pf.nonnegative(a), mixed_value=s.mixed_kl[i], value=s.accumulated_kl[i]
    )


# --- conclusions -----------------------------------------------------------------------------------------------------
@attack
def nonstrict_fact_for_a_strict_statement() -> object:
    return pf.qed(a_claim(sp.Lt(0, a, evaluate=False)), pf.nonnegative(a))


@attack
def inequality_for_an_equation() -> object:
    return pf.qed(a_claim(sp.Eq(a, 0)), pf.nonnegative(a))


@attack
def inequality_in_the_other_direction() -> object:
    return pf.qed(a_claim(sp.Le(a + b, a)), pf.nonnegative(sp.Le(a, a + b, evaluate=False)))


@attack
def half_of_a_statement() -> object:
    both = sp.And(sp.Le(a, a + b, evaluate=False), sp.Le(a + b, a))
    return pf.qed(a_claim(both), pf.nonnegative(sp.Le(a, a + b, evaluate=False)))


@attack
def fact_that_the_statement_does_not_need() -> object:
    return pf.qed(a_claim(sp.Le(a, a + b)), pf.nonnegative(sp.Le(a, a + b, evaluate=False)), pf.identity(x + x, 2 * x))


@attack
def refutation_without_a_contradiction() -> object:
    return pf.disproved(a_claim(sp.Le(a, a + b)), pf.nonnegative(sp.Le(a, a + b, evaluate=False)))


@attack
def refutation_where_the_assumption_fails() -> object:
    return pf.refuted(a_claim(sp.Le(p, 2), AT_MOST_ONE), {p: 3})


@attack
def refutation_where_the_statement_holds() -> object:
    return pf.refuted(a_claim(sp.Le(p, 2)), {p: 1})


@attack
def refutation_by_a_rounding_error() -> object:
    return pf.refuted(a_claim(sp.Le(p**2, 2)), {p: sp.sqrt(2)})


@attack
def proof_made_by_hand() -> object:
    return a_claim(script=lambda claim: Proof("proved", ())).prove()


@attack
def proof_of_another_claim() -> object:
    other = a_claim(sp.Le(a, a + b))
    done = pf.qed(other, pf.nonnegative(sp.Le(a, a + b, evaluate=False)))
    return a_claim(script=lambda claim: done).prove()


# --- what a review got through: each of these once ended in a false fact or a false "proved" ---------------------------------
@attack
def definition_specialised() -> object:
    definition = pf.cited(gen.DEFINITION, quantity=s.ideal_energy)
    zero, one = pf.instance(definition, ideal_energy=0), pf.instance(definition, ideal_energy=1)
    return pf.chain(zero, pf.reverse(one))  # 0 = 1


@attack
def limit_in_a_measured_quantity() -> object:
    rest = s.path_chi2 - 2 * s.learned_energy + s.ideal_energy
    return pf.limit(s.remainder, s.remainder, 0, rest, pf.cited(gen.DEFINITION, quantity=s.remainder))  # and it is 0


@attack
def induction_over_a_measured_quantity() -> object:
    """For every value of the remainder, n times it is n (X - 2 learned + ideal)."""
    rest = s.path_chi2 - 2 * s.learned_energy + s.ideal_energy
    definition = pf.cited(gen.DEFINITION, quantity=s.remainder)
    return pf.induction(
        sp.Eq(n * s.remainder, n * rest, evaluate=False),
        n,
        pf.identity(0, 0),
        lambda hypothesis, index: pf.identity((index + 1) * s.remainder, (index + 1) * rest, definition),
        over=(s.remainder,),
    )


@attack
def rate_with_the_jets_as_coefficients() -> object:
    """e² slope - e slope e vanishes in the jets, so it could be added to the rate, and its mean be anything."""
    error, slope = gen.ERROR_LEARNED, gen.SLOPE_LEARNED
    p_y, q_y, e = sp.symbols("p_y q_y e", real=True)
    rate = error * slope - slope**2 / 2 + error**2 * (p_y / p - q_y / q) - error * slope * e
    start = a_claim(None, gen.COMMON_START).assume("common-start")
    return pf.cited(gen.DE_BRUIJN, pf.identity(*gen._pointwise(s.kl, rate)), start, end=s.kl, rate=rate)


@attack
def tower_property_against_the_sample_point() -> object:
    return pf.cited(gen.TOWER, of=gen.WEIGHT, against=omega)


@attack
def doob_without_a_martingale() -> object:
    return pf.cited(gen.DOOB, pf.compare(1, 2), pf.identity(x, x), p=2)


@attack
def garsia_without_a_martingale() -> object:
    return pf.cited(gen.GARSIA, pf.nonnegative(sp.Le(2, 3, evaluate=False)), pf.identity(x, x), r=3)


@attack
def lyapunov_with_a_random_exponent() -> object:
    order = pf.nonnegative(sp.Le(1, 1 + sp.Function("H", positive=True)(omega), evaluate=False))
    return pf.cited(gen.LYAPUNOV, order, u=gen.ENERGY)


@attack
def joint_convexity_beyond_the_segment() -> object:
    outside = Assumption("outside", "q = 2 p^i - p.", None, sp.Eq(mixture(i), 2 * law(i) - data), (i,))
    fraction = Assumption("fraction", "At most 1.", sp.Le(s.fresh_fraction[i], 1))
    claim = a_claim(None, outside, fraction)
    left = pf.nonnegative(1 - s.fresh_fraction[i], claim.assume("fraction"))
    return pf.cited(JOINT_CONVEXITY, claim.assume("outside"), left, mixed_value=s.mixed_kl[i], value=s.accumulated_kl[i])


@attack
def joint_convexity_beyond_the_segment_with_its_weight() -> object:
    outside = Assumption("outside", "q = 2 p^i - p.", None, sp.Eq(mixture(i), 2 * law(i) - data), (i,))
    premise = a_claim(None, outside).assume("outside")
    two = pf.compare(0, 2)
    return pf.cited(JOINT_CONVEXITY, premise, two, mixed_value=s.mixed_kl[i], value=s.accumulated_kl[i])


@attack
def kantorovich_with_a_negative_weight() -> object:
    mixing = a_claim(None, MIXING).assume("mixing")
    return pf.cited(KANTOROVICH, mixing, pf.nonnegative(s.fresh_fraction[i]))


@attack
def kantorovich_with_a_random_weight() -> object:
    weight = sp.Function("H", nonnegative=True)(omega)
    random = Assumption("random", "A random mixture.", None, sp.Eq(mixture(i), (1 - weight) * data + weight * law(i)), (i,))
    return pf.cited(KANTOROVICH, a_claim(None, random).assume("random"), pf.nonnegative(weight))


@attack
def capture_by_the_name_of_a_bound_variable() -> object:
    at = sp.Symbol("@0", integer=True, nonnegative=True)
    claim = a_claim(None, Assumption("zero-here", "D vanishes at one index.", sp.Eq(D[at], 0), over=()))
    return pf.identity(sp.Sum(D[i], (i, 0, N)), 0, claim.assume("zero-here"))


@attack
def assumed_sum_beyond_the_domain_of_its_variable() -> object:
    later = Assumption("later", "D vanishes from round 1 on.", sp.Eq(D[s.k], 0))
    total = Assumption("total", "The sum.", sp.Eq(s.mixed[0], sp.Sum(D[s.k], (s.k, 0, N)), evaluate=False), over=())
    claim = a_claim(sp.Le(s.mixed[0], 0), later, total, witness={N: 1, D: (1, 0), s.mixed: (1,)})
    nothing = pf.rewrite(claim.assume("total"), claim.assume("later"))
    return pf.qed(claim, pf.nonnegative(sp.Le(s.mixed[0], 0, evaluate=False), (nothing, -1)))


@attack
def mean_of_a_sum_of_random_length() -> object:
    length = sp.Function("H", integer=True, nonnegative=True)(omega)
    total = sp.Sum(s.k * F, (s.k, 1, length))
    return pf.identity(mean(total), sp.Sum(s.k * mean(F), (s.k, 1, length)), pf.expectation(total))


@attack
def half_of_an_even_exponent() -> object:
    even = sp.Symbol("e", even=True, nonnegative=True)
    return pf.identity(x ** (even / 2), sp.Pow(x**even, sp.Rational(1, 2), evaluate=False))


@attack
def induction_from_below_the_domain() -> object:
    """P(-5), and P(n) implies P(n+1) for n >= 0: nothing follows for n = 0."""
    return pf.induction(
        sp.Le(a * (n + 5), 0, evaluate=False),
        n,
        pf.nonnegative(sp.Le(a * 0, 0, evaluate=False)),
        lambda hypothesis, index: pf.nonnegative(
            sp.Le(a * (index + 6), 0, evaluate=False), ((index + 6) / (index + 5), hypothesis)
        ),
        start=-5,
    )


@attack
def induction_from_a_fraction() -> object:
    return pf.induction(
        sp.Le(a * N, 0, evaluate=False),
        N,
        pf.nonnegative(sp.Le(a * 0, 0, evaluate=False)),
        lambda hypothesis, index: pf.nonnegative(sp.Le(a * (index + 1), 0, evaluate=False), ((index + 1) / index, hypothesis)),
        start=sp.Rational(1, 2),  # type: ignore[arg-type]
    )


@attack
def power_with_a_moving_base() -> object:
    t = sp.Symbol("t", positive=True)
    return pf.limit((1 / (1 + 1 / t)) ** t, t, sp.oo, 0)


@attack
def witness_outside_its_domain() -> object:
    impossible = Assumption("impossible", "p <= -1.", sp.Le(p, -1, evaluate=False))
    claim = a_claim(sp.Le(p + 1, 0, evaluate=False), impossible, witness={p: -1})
    return pf.qed(claim, pf.nonnegative(sp.Le(p + 1, 0, evaluate=False), claim.assume("impossible")))


@attack
def contradiction_beyond_a_finite_witness() -> object:
    bounded = Assumption("bounded", "D is at most 3.", sp.Le(D[i], 3))
    claim = a_claim(sp.Le(D[N], 1), STEP, bounded, witness={N: 2, D: (0, 1, 2)})
    steps = [claim.assume("step", i=index) for index in range(5)]
    absurd = pf.nonnegative(pf.Relation(sp.Integer(2), "<=", sp.Integer(0)), *steps, D[0], claim.assume("bounded", i=5))
    return pf.qed(claim, pf.nonnegative(sp.Le(D[N], 1, evaluate=False), (D[N] / 2, absurd)))


@attack
def sequence_outside_its_domain() -> object:
    impossible = Assumption("impossible", "D <= -1.", sp.Le(D[i], -1, evaluate=False))
    claim = a_claim(sp.Le(D[i], -1, evaluate=False), impossible, witness={N: 1, D: (-1, -1)})
    return pf.qed(claim, claim.assume("impossible"))


@attack
def refutation_outside_the_domain() -> object:
    return pf.refuted(a_claim(sp.Ge(p, 0, evaluate=False)), {p: -1})


@attack
def refutation_at_half_an_index() -> object:
    return pf.refuted(a_claim(sp.Ge(D[i + sp.Rational(1, 2)], 1, evaluate=False)), {N: 1, D: (0,)})


@attack
def assumption_over_negative_indices() -> object:
    """A finite case runs through 0, 1, 2, ... only, so it is no witness for the negative ones."""
    return Assumption("signed", "m D is nonnegative.", sp.Le(0, m * D[i], evaluate=False), over=(i, m))


@attack
def fact_impersonated_by_a_subclass() -> object:
    true = pf.nonnegative(sp.Le(p, p + 1, evaluate=False))

    class Impostor(pf.Fact):
        relation, hypotheses, parents = true.relation, true.hypotheses, true.parents
        text, kind, reference = true.text, true.kind, true.reference
        lhs, rhs, op = p, sp.Integer(2), "<="  # type: ignore[assignment]

        def __init__(self) -> None:
            pass

        def __hash__(self) -> int:
            return hash(true)

        def __eq__(self, other: object) -> bool:
            return True

    return pf.qed(a_claim(), Impostor())


@attack
def assumption_equal_to_every_other() -> object:
    class Chameleon(Assumption):
        def __hash__(self) -> int:
            return 0

        def __eq__(self, other: object) -> bool:
            return True

    weak = Assumption("weak", "p is at most 5.", sp.Le(p, 5))
    return pf.qed(a_claim(None, weak, witness={p: 1}), a_claim(None, Chameleon("c", "p <= 2.", sp.Le(p, 2))).assume("c"))


@attack
def claim_with_two_statements() -> object:
    class TwoFaced(Claim):
        shown = False

        def __getattribute__(self, name: str) -> Any:
            if name == "statement" and not TwoFaced.shown:
                return sp.Le(p, p + 1, evaluate=False)
            return super().__getattribute__(name)

    claim = TwoFaced("attack", "an attack", "upper", sp.Le(p, 2), "driftbound")
    return pf.qed(claim, pf.nonnegative(sp.Le(p, p + 1, evaluate=False)))


@attack
def proof_impersonated_by_a_subclass() -> object:
    def script(claim: Claim) -> Proof:
        honest = pf.conditional(claim, "everything")

        class Impostor(Proof):
            def __hash__(self) -> int:
                return hash(honest)

            def __eq__(self, other: object) -> bool:
                return True

        return Impostor("proved", ())

    return a_claim(script=script).prove()


@attack
def relation_with_an_operator_of_its_own() -> object:
    class Op(str):
        pass

    return pf.nonnegative(pf.Relation(p, Op("<="), p + 1))  # type: ignore[arg-type]


@attack
def symbol_that_lies_about_its_sign() -> object:
    class Liar(sp.Symbol):  # type: ignore[misc]
        is_nonnegative = True

    return pf.instance(pf.nonnegative(Liar("l", real=True)), l=-1)  # 0 <= -1


@pytest.mark.parametrize("name", ATTACKS)
def test_the_attack_is_refused(name: str) -> None:
    with pytest.raises((ProofError, TypeError, ValueError, AttributeError)) as refusal:
        ATTACKS[name]()
    assert str(refusal.value), "a refusal says why"


def test_there_are_many_attacks() -> None:
    assert len(ATTACKS) >= 100
