"""Many generations: what the errors of the rounds add up to, claim by claim.

Round i trains on the mixture q_i = alpha_i p + (1 - alpha_i) p^i and produces p^{i+1}. In L^2(p) write

    f_i = p^i/p - 1,      g_i = (p^{i+1} - q_i)/p,      so that      f_{i+1} = (1 - alpha_i) f_i + g_i,

D_i = |f_i|^2 = chi2(p^i || p), J_i = |g_i| (the innovation), I_i = chi2(p^{i+1} || q_i), rho = 1 - alpha and
S_N = sum_{i<N} rho^{2(N-1-i)} J_i^2 + rho^{2N} D_0. Everything below follows from that one linear recursion.

Sources: KTV-A (Khelifa, Turner, Venkataramanan, arXiv 2602.16601v2), GER (Gerstgrasser et al., arXiv 2404.01413), DD (Dey,
Donoho, arXiv 2410.22812). "driftbound" marks what is derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sympy as sp

from theory import proof as pf
from theory.claim import Assumption, Claim, Proof, with_mutants, without
from theory.generation import COMMON_START
from theory.proof import Fact, mean, omega
from theory.relations import Eq, Ge, Gt, Le, Lt
from theory.symbols import (
    N,
    accumulated_kl,
    accumulates,
    alpha,
    bias,
    constant_innovation,
    decay,
    discounted_sum,
    divergence,
    endpoint_kl,
    endpoint_mmd,
    endpoint_tv,
    fresh_fraction,
    gram,
    hellinger,
    horizon,
    i,
    ideal_energies,
    initial_gram,
    initial_kl,
    innovation,
    intra,
    j,
    k,
    kernel_range,
    learned_energies,
    max_discounted_sum,
    max_divergence,
    mixed,
    mixed_hellinger,
    mixed_kl,
    mixed_mmd,
    mixed_tv,
    mixed_w1,
    mixed_w2,
    mmd,
    noise,
    observabilities,
    overlap,
    ratio,
    ratio_sup,
    smoothing_mmd,
    smoothing_tv,
    tv,
    variance,
    w1,
    w2,
    weights,
)

_law = sp.Function("law", nonnegative=True)
memory = sp.IndexedBase("memory", real=True)  # w_ij, the weight of p^j in q_i
resolvent = sp.IndexedBase("resolvent", real=True)  # W_{iN}, the weight of the innovation of round i in f_N, index (i, N)
_lag = sp.Symbol("l", integer=True, nonnegative=True)
_mixture = sp.Function("mixture", positive=True)
_excess = sp.Function("excess", real=True)
_novelty = sp.Function("novelty", real=True)
_pooled = sp.Function("pooled", real=True)
data = sp.Function("data", positive=True)(omega)  # the density p at the sample point


_oldest = sp.Function("oldest", positive=True)
_position = sp.Function("position", real=True)(omega)  # x - m at the sample point
spread = sp.IndexedBase("spread", positive=True)  # s_n^2, the variance of the part of p^n that no round refreshed
inverse_integral = sp.IndexedBase("inverse_integral", nonnegative=True)  # 1/(integral of r_n^2/p), 0 where that is infinite


def oldest(n: Any) -> sp.Expr:
    """r_n at the sample point: the part of p^n that no round refreshed, as a density."""
    return _oldest(n, omega)


def _normal(width: sp.Expr) -> sp.Expr:
    """Density of N(m, width) at the sample point."""
    return sp.exp(-(_position**2) / (2 * width)) / sp.sqrt(2 * sp.pi * width)


def law(n: Any) -> sp.Expr:
    """p^n at the sample point."""
    return _law(n, omega)


def mixture(n: Any) -> sp.Expr:
    """q_n at the sample point."""
    return _mixture(n, omega)


def f(n: Any) -> sp.Expr:
    """f_n = p^n/p - 1."""
    return _excess(n, omega)


def g(n: Any) -> sp.Expr:
    """g_n = (p^{n+1} - q_n)/p."""
    return _novelty(n, omega)


def pooled(n: Any) -> sp.Expr:
    """h_n = q_n/p - 1, the relative error of the pooled training set."""
    return _pooled(n, omega)


def window(n: Any, rounds: Any) -> sp.Expr:
    """W_{nN}, the product of 1 - alpha_j over n < j < N: what is left at generation N of the innovation of round n."""
    return sp.Product(1 - fresh_fraction[k], (k, n + 1, rounds - 1))


def whole(rounds: Any) -> sp.Expr:
    """Product of 1 - alpha_j over all j < N: what is left of the initial error."""
    return sp.Product(1 - fresh_fraction[j], (j, 0, rounds - 1))


_WHOLE = sp.Symbol("n", integer=True, nonnegative=True)  # a number of rounds that may be 0

# --- assumptions -----------------------------------------------------------------------------------------------------
EXCESS = Assumption("excess", "f_i = p^i/p - 1, the relative error of generation i.", None, Eq(f(i), law(i) / data - 1), (i,))
NOVELTY = Assumption(
    "novelty", "g_i = (p^{i+1} - q_i)/p, what round i adds.", None, Eq(g(i), (law(i + 1) - mixture(i)) / data), (i,)
)
MIXING = Assumption(
    "mixing",
    "Round i trains on q_i = alpha_i p + (1 - alpha_i) p^i.",
    None,
    Eq(mixture(i), fresh_fraction[i] * data + (1 - fresh_fraction[i]) * law(i)),
    (i,),
)
DIVERGENCE = Assumption(
    "divergence",
    "D_i = chi2(p^i || p) is finite and equals the mean of f_i^2 under p.",
    None,
    Eq(divergence[i], mean(f(i) ** 2)),
)
MIXED = Assumption(
    "mixed",
    "chi2(q_i || p) is finite and equals the mean of (q_i/p - 1)^2 under p.",
    None,
    Eq(mixed[i], mean((mixture(i) / data - 1) ** 2)),
)
INNOVATION = Assumption(
    "innovation", "J_i^2 is finite and equals the mean of g_i^2 under p.", None, Eq(innovation[i] ** 2, mean(g(i) ** 2))
)
GRAM = Assumption("gram", "The Gram matrix holds the means of g_i g_j under p.", None, Eq(gram[i, j], mean(g(i) * g(j))))
INITIAL_GRAM = Assumption(
    "initial-gram",
    "The initial Gram vector holds the means of f_0 g_i under p.",
    None,
    Eq(initial_gram[i], mean(f(0) * g(i))),
)
INTRA = Assumption(
    "intra",
    "I_i = chi2(p^{i+1} || q_i) is finite and equals the mean of g_i^2 p/q_i under p.",
    None,
    Eq(intra[i], mean(g(i) ** 2 * data / mixture(i))),
)
RATIO_SUP = Assumption(
    "ratio-sup", "q_i <= sup(q_i/p) p everywhere, with a finite supremum.", None, Le(mixture(i), ratio_sup[i] * data)
)
FRACTION = Assumption("fraction", "Every fresh fraction is at most 1.", Le(fresh_fraction[i], 1))
CONSTANT = Assumption("constant-alpha", "The fresh fraction is the same in every round.", Eq(fresh_fraction[i], alpha))
ALPHA = Assumption("alpha", "The fresh fraction is at most 1.", Le(alpha, 1))
DISCOUNTED = Assumption(
    "discounted",
    "S_{i+1} = (1 - alpha_i)^2 S_i + J_i^2.",
    None,
    Eq(discounted_sum[i + 1], (1 - fresh_fraction[i]) ** 2 * discounted_sum[i] + innovation[i] ** 2),
)
DISCOUNTED_START = Assumption("discounted-start", "S_0 = D_0.", None, Eq(discounted_sum[0], divergence[0]))
STARTS_AT_DATA = Assumption("starts-at-data", "The first generation is the data law: D_0 = 0.", Eq(divergence[0], 0))
START_ORTHOGONAL = Assumption(
    "start-orthogonal", "The initial error is orthogonal to every innovation.", Eq(initial_gram[i], 0)
)
ORTHOGONAL = Assumption(
    "orthogonal",
    "Different innovations are orthogonal.",
    Eq(gram[i, j], sp.KroneckerDelta(i, j) * innovation[i] ** 2),
    Eq(gram[i, i + 1 + j], 0),
    (i, j),
)
SAME_SIZE = Assumption("same-size", "Every innovation has the same size J.", Eq(innovation[i], constant_innovation))
PATTERN = Assumption(
    "pattern",
    "The innovations correlate as <g_i, g_j> = J^2 c^|i-j|.",
    Eq(gram[i, j], constant_innovation**2 * decay ** sp.Abs(i - j)),
    Eq(gram[i, i + j], constant_innovation**2 * decay**j),
    (i, j),
)
DECAY_UP = Assumption("decay-at-most-one", "c <= 1.", Le(decay, 1))
DECAY_DOWN = Assumption("decay-at-least-minus-one", "c >= -1.", Ge(decay, -1))
DECAY_APART = Assumption(
    "decay-apart",
    "c differs from 1 - alpha (there the double root adds N rho^{2N} to D_N, which vanishes: the limit is the same).",
    Lt(0, (decay - 1 + alpha) ** 2),
)
OVERLAP = Assumption(
    "overlap",
    "Any two different innovations have the inner product c J^2.",
    Eq(gram[i, j], constant_innovation**2 * (overlap + (1 - overlap) * sp.KroneckerDelta(i, j))),
    Eq(gram[i, i + 1 + j], overlap * constant_innovation**2),
    (i, j),
)
MAX_DIVERGENCE = Assumption("max-divergence", "D_i <= max_{j<=i} D_j.", None, Le(divergence[i], max_divergence[i]))
MAX_DIVERGENCE_GROWS = Assumption(
    "max-divergence-grows", "A running maximum never decreases.", None, Le(max_divergence[i], max_divergence[i + 1])
)
MAX_SUM = Assumption("max-sum", "S_i <= max_{j<=i} S_j.", None, Le(discounted_sum[i], max_discounted_sum[i]))
MAX_SUM_GROWS = Assumption(
    "max-sum-grows", "A running maximum never decreases.", None, Le(max_discounted_sum[i], max_discounted_sum[i + 1])
)
VISIBLE = Assumption(
    "visible",
    "Each round is small enough for its endpoint to see it: I_i >= eta_i eps_i^2/8 (observability-lower).",
    Ge(intra[i], observabilities[i] * ideal_energies[i] / 8),
)
REPLACE = Assumption(
    "replace",
    "Each round trains on the previous generation alone: q_i = p^i.",
    Eq(fresh_fraction[i], 0),
    Eq(mixture(i), law(i)),
    (i,),
)
POOL_START = Assumption(
    "pool-start", "The first round trains on the data: q_0 = p.", Eq(accumulates, 1), Eq(mixture(0), data), ()
)
POOL = Assumption(
    "pool",
    "Each round trains on the data and all generations so far: (i+2) q_{i+1} = (i+1) q_i + p^{i+1}.",
    None,
    Eq(mixture(i + 1), ((i + 1) * mixture(i) + law(i + 1)) / (i + 2)),
    (i,),
)
POOLED = Assumption("pooled", "h_i = q_i/p - 1.", None, Eq(pooled(i), mixture(i) / data - 1), (i,))
MEMORY = Assumption(
    "memory",
    "Round i trains on a linear mixture of all there is so far: q_i = (1 - sum_j w_ij) p + sum_{j<=i} w_ij p^j.",
    None,
    Eq(mixture(i), (1 - sp.Sum(memory[i, j], (j, 0, i))) * data + sp.Sum(memory[i, j] * law(j), (j, 0, i))),
    (i,),
)
START = Assumption("start", "The first generation is the data law: p^0 = p.", Eq(divergence[0], 0), Eq(law(0), data), ())
RESOLVENT_LAST = Assumption(
    "resolvent-last", "The last innovation counts once: W_{N-1,N} = 1.", None, Eq(resolvent[i, i + 1], 1), (i,)
)
RESOLVENT = Assumption(
    "resolvent",
    "W is the resolvent of w: an error of p^{i+1} enters every later q_k with weight w_{k,i+1}, and counts from there on as an "
    "innovation of round k; so W_{iN} = sum_{i<k<N} W_{kN} w_{k,i+1} (here N = i + 2 + j, k = N - 1 - l).",
    None,
    Eq(resolvent[i, i + 2 + j], sp.Sum(resolvent[i + 1 + j - _lag, i + 2 + j] * memory[i + 1 + j - _lag, i + 1], (_lag, 0, j))),
    (i, j),
)
WEIGHTS = Assumption("weights", "The weights are the last column of W.", None, Eq(weights[i], resolvent[i, N]), (i,))
DATA_GAUSSIAN = Assumption("data-gaussian", "The data law is N(m, s^2).", None, Eq(data, _normal(variance)), ())
OLDEST = Assumption(
    "oldest",
    "The part of p^n that no round refreshed is N(m, s_n^2), with a positive weight as long as every alpha_i < 1.",
    None,
    Eq(oldest(i), _normal(spread[i])),
    (i,),
)
OLDEST_START = Assumption("oldest-start", "p^0 = p: s_0^2 = s^2.", None, Eq(spread[0], variance), ())
OLDEST_STEP = Assumption("oldest-step", "Each round adds variance h^2.", None, Eq(spread[i + 1], spread[i] + noise), (i,))
HORIZON_LAST = Assumption(
    "horizon-last",
    "One round before the horizon D is finite, so the integral of r_n^2/p is, r_n the part that no round refreshed.",
    None,
    Lt(0, inverse_integral[horizon - 1]),
    (),
)
HORIZON_FIRST = Assumption(
    "horizon-first",
    "At the horizon D is infinite, so the integral of r_n^2/p is: no part of p^n is wider than r_n.",
    None,
    Eq(inverse_integral[horizon], 0),
    (),
)
PERFECT_ROUNDS = Assumption("perfect-rounds", "Every score is exact: all energies are 0.", Eq(ideal_energies[i], 0))
LAST_IS_DATA = Assumption(
    "last-is-data", "The last round learns the score of the data itself: D_N = 0.", Eq(divergence[N], 0), over=()
)
SUM_POSITIVE = Assumption("sum-positive", "An earlier round went wrong: S_N > 0.", Lt(0, discounted_sum[N]), over=())
HALF = Assumption("half-fresh", "Half of every training set is fresh.", Eq(fresh_fraction[i], sp.Rational(1, 2)))
HARMONIC = Assumption("harmonic", "J_i^2 = 1/(i+1), whose sum diverges.", Eq(innovation[i] ** 2, 1 / (i + 1)))

SYSTEM: Final = (EXCESS, NOVELTY, MIXING, DIVERGENCE, INNOVATION)
"""What the words mean: mixing, f, g, D and J. Part of almost every claim below."""


# --- exact finite cases ----------------------------------------------------------------------------------------------
U: Final = (1, 1, -1, -1)
V: Final = (1, -1, 1, -1)
"""Two orthogonal unit vectors of mean zero on a sample space of four equally likely points."""


def model(
    fractions: Sequence[Any], innovations: Sequence[Sequence[Any]], start: Sequence[Any] = (0, 0, 0, 0), **more: Any
) -> dict[Any, Any]:
    """An exact finite case: densities on four equally likely points, with every quantity of this module computed from them.

    ``fractions``: alpha_i per round, or "accumulate" / "replace"; ``innovations``: g_i, each with mean zero; ``start``: f_0.
    ``more``: values of further symbols by name, as keyword=(symbol, value).
    """
    rounds = len(innovations)
    errors = [[sp.sympify(x) for x in start]]
    mixtures = []
    for n, step in enumerate(innovations):
        if fractions == "accumulate":
            mixed_error = [sum((e[s] for e in errors[1:]), sp.Integer(0)) / (n + 1) for s in range(4)]
        else:
            rho = 1 if fractions == "replace" else 1 - sp.sympify(fractions[n])
            mixed_error = [rho * x for x in errors[-1]]
        mixtures.append([1 + x for x in mixed_error])
        errors.append([x + y for x, y in zip(mixed_error, step, strict=True)])

    def inner(a: Sequence[Any], b: Sequence[Any]) -> sp.Expr:
        return sp.sympify(sum(x * y for x, y in zip(a, b, strict=True))) / len(a)

    size = [inner(e, e) for e in errors]
    jump = [inner(e, e) for e in innovations]
    sums = [size[0]]
    if not isinstance(fractions, str):
        for n in range(rounds):
            sums.append((1 - sp.sympify(fractions[n])) ** 2 * sums[-1] + jump[n])
    case: dict[Any, Any] = {
        omega: 4,
        N: rounds,
        data.func: (1, 1, 1, 1),
        _law: tuple(tuple(1 + x for x in e) for e in errors),
        _mixture: tuple(tuple(q) for q in mixtures),
        _excess: tuple(tuple(e) for e in errors),
        _novelty: tuple(tuple(e) for e in innovations),
        _pooled: tuple(tuple(x - 1 for x in q) for q in mixtures),
        divergence: tuple(size),
        innovation: tuple(sp.sqrt(x) for x in jump),
        gram: tuple(tuple(inner(a, b) for b in innovations) for a in innovations),
        initial_gram: tuple(inner(errors[0], b) for b in innovations),
        mixed: tuple(inner([x - 1 for x in q], [x - 1 for x in q]) for q in mixtures),
        intra: tuple(
            inner([x * x / y for x, y in zip(e, q, strict=True)], (1,) * 4) for e, q in zip(innovations, mixtures, strict=True)
        ),
        ratio_sup: tuple(max(q) for q in mixtures),
        discounted_sum: tuple(sums),
        max_divergence: tuple(max(size[: n + 1]) for n in range(rounds + 1)),
        max_discounted_sum: tuple(max(sums[: n + 1]) for n in range(len(sums))),
    }
    if fractions == "replace":
        case[fresh_fraction] = (sp.Integer(0),) * rounds
    elif isinstance(fractions, str):
        case[accumulates] = sp.Integer(1)
    else:
        case[fresh_fraction] = tuple(sp.sympify(a) for a in fractions)
        if len(set(fractions)) == 1:
            case[alpha] = sp.sympify(fractions[0])
    case.update(more.values())
    return case


def times(factor: Any, vector: Sequence[int]) -> tuple[Any, ...]:
    """A multiple of a vector."""
    return tuple(sp.sympify(factor) * x for x in vector)


_HALF, _TENTH = sp.Rational(1, 2), sp.Rational(1, 10)
_COHERENT: Final = model((_HALF,) * 3, [times(_TENTH, U)] * 3, J=(constant_innovation, _TENTH), c=(decay, 1), o=(overlap, 1))
_ORTHOGONAL: Final = model(
    (_HALF,) * 2, [times(_TENTH, U), times(_TENTH, V)], J=(constant_innovation, _TENTH), c=(decay, 0), o=(overlap, 0)
)
_ALTERNATING: Final = model(
    (_HALF,) * 3, [times(_TENTH * (-1) ** n, U) for n in range(3)], J=(constant_innovation, _TENTH), c=(decay, -1)
)
_STARTED: Final = model((_HALF,) * 2, [times(_TENTH, U), times(_TENTH, V)], start=times(sp.Rational(1, 5), U))


# --- lemmas that many proofs share -----------------------------------------------------------------------------------
def recursion(claim: Claim, n: Any) -> Fact:
    """f_{n+1} = (1 - alpha_n) f_n + g_n, from the definitions of f, g and q."""
    return pf.identity(
        f(n + 1),
        (1 - fresh_fraction[n]) * f(n) + g(n),
        claim.assume("excess"),
        claim.assume("novelty"),
        claim.assume("mixing"),
        text="the recursion f' = (1 - alpha) f + g, from the definitions",
    )


def next_divergence(claim: Claim, n: Any) -> Fact:
    """D_{n+1} = (1 - alpha_n)^2 D_n + 2 (1 - alpha_n) <f_n, g_n> + J_n^2."""
    rho = 1 - fresh_fraction[n]
    return pf.identity(
        divergence[n + 1],
        rho**2 * divergence[n] + 2 * rho * mean(f(n) * g(n)) + innovation[n] ** 2,
        claim.assume("divergence"),
        claim.assume("innovation", i=n),
        recursion(claim, n),
        pf.expectation((rho * f(n) + g(n)) ** 2),
        text="expand the square of the recursion",
    )


def _rho(claim: Claim) -> Fact:
    """0 <= 1 - alpha."""
    return pf.nonnegative(1 - alpha, claim.assume("alpha"), text="1 - alpha >= 0")


def _alpha_form(claim: Claim, fact: Fact) -> Fact:
    """The fact with every fresh fraction replaced by the constant alpha."""
    return pf.rewrite(fact, claim.assume("constant-alpha"))


# --- refresh ---------------------------------------------------------------------------------------------------------
def _prove_refresh(claim: Claim) -> Proof:
    rho = 1 - fresh_fraction[i]
    contraction = pf.identity(mixture(i) / data - 1, rho * f(i), claim.assume("mixing"), claim.assume("excess"))
    return pf.qed(
        claim,
        pf.identity(
            mixed[i],
            rho**2 * divergence[i],
            claim.assume("mixed"),
            claim.assume("divergence"),
            contraction,
            pf.expectation((rho * f(i)) ** 2),
            text="the mean of a scaled square",
        ),
    )


REFRESH = with_mutants(
    Claim(
        id="refresh",
        title="Mixing with fresh data contracts chi2 by exactly (1 - alpha)^2",
        kind="equality",
        statement=Eq(mixed[i], (1 - fresh_fraction[i]) ** 2 * divergence[i]),
        source="KTV-A, section 4 (one line of the recursion)",
        assumptions=(EXCESS, MIXING, DIVERGENCE, MIXED),
        note="A fraction alpha of fresh data multiplies the accumulated divergence by (1 - alpha)^2 before the round begins.",
        script=_prove_refresh,
        witness=_STARTED,
    ),
    {
        "id": "cube",
        "statement": Eq(mixed[i], (1 - fresh_fraction[i]) ** 3 * divergence[i]),
        "falsified_by": _STARTED,
        "note": "Any case with D_i > 0 and 0 < alpha < 1.",
    },
)


# --- discounted-identity ---------------------------------------------------------------------------------------------
def unrolled_error(claim: Claim) -> Fact:
    """f_N = sum_i W_{iN} g_i + W_0 f_0, by induction on N."""
    statement = Eq(f(N), sp.Sum(window(i, N) * g(i), (i, 0, N - 1)) + whole(N) * f(0))
    start = pf.identity(f(1), g(0) + (1 - fresh_fraction[0]) * f(0), recursion(claim, sp.Integer(0)))

    def step(hypothesis: Fact, n: sp.Symbol) -> Fact:
        goal = pf.as_relation(statement.xreplace({N: n + 1}))
        return pf.identity(goal.lhs, goal.rhs, recursion(claim, n), hypothesis, unroll_at=n, text="one more round")

    return pf.induction(statement, N, start, step, start=1, text="f_N as a discounted sum of innovations")


def _prove_discounted_identity(claim: Claim) -> Proof:
    error = unrolled_error(claim)
    return pf.qed(
        claim,
        pf.identity(
            divergence[N],
            _quadratic(2),
            claim.assume("divergence"),
            claim.assume("gram"),
            claim.assume("initial-gram"),
            error,
            pf.expectation(error.rhs**2),
            text="the mean of the square of f_N, by bilinearity",
        ),
    )


def _quadratic(cross: Any) -> sp.Expr:
    return (
        sp.Sum(window(i, N) * window(j, N) * gram[i, j], (i, 0, N - 1), (j, 0, N - 1))
        + cross * whole(N) * sp.Sum(window(i, N) * initial_gram[i], (i, 0, N - 1))
        + whole(N) ** 2 * divergence[0]
    )


DISCOUNTED_IDENTITY = with_mutants(
    Claim(
        id="discounted-identity",
        title="D_N is a quadratic form of the Gram matrix of the innovations",
        kind="equality",
        statement=Eq(divergence[N], _quadratic(2)),
        source="driftbound",
        assumptions=(EXCESS, NOVELTY, MIXING, DIVERGENCE, GRAM, INITIAL_GRAM),
        note="All error accumulation is in the Gram matrix: sizes of the innovations alone do not determine D_N.",
        script=_prove_discounted_identity,
        witness=_STARTED,
    ),
    {
        "id": "no-cross-term",
        "statement": Eq(divergence[N], _quadratic(1)),
        "falsified_by": _STARTED,
        "note": "An initial error correlated with the innovations (p^0 differs from p and the rounds repeat its direction).",
    },
    {
        "id": "diagonal-only",
        "statement": Eq(divergence[N], sp.Sum(window(i, N) ** 2 * gram[i, i], (i, 0, N - 1)) + whole(N) ** 2 * divergence[0]),
        "falsified_by": _COHERENT,
        "note": "Coherent mean shifts.",
    },
)


# --- discounted-sum --------------------------------------------------------------------------------------------------
def _orthogonal_total(claim: Claim) -> Fact:
    """D_n = S_n for every n >= 0, for innovations orthogonal to each other and to the initial error."""
    uncorrelated = Eq(mean(f(N) * g(N + j)), 0)
    start = pf.identity(
        mean(f(0) * g(j)),
        0,
        pf.identity(mean(f(0) * g(j)), initial_gram[j], claim.assume("initial-gram")),
        claim.assume("start-orthogonal"),
    )
    n = _WHOLE

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        later = g(m + 1 + j)
        return pf.identity(
            mean(f(m + 1) * later),
            0,
            recursion(claim, m),
            pf.expectation(((1 - fresh_fraction[m]) * f(m) + g(m)) * later),
            pf.instance(hypothesis, j=j + 1),
            pf.identity(mean(g(m) * later), gram[m, m + 1 + j], claim.assume("gram")),
            claim.assume("orthogonal", i=m),
        )

    none = pf.induction(uncorrelated.xreplace({N: n}), n, start, step, over=(j,), text="f_n is orthogonal to later innovations")
    base = pf.identity(divergence[0], discounted_sum[0], claim.assume("discounted-start"))

    def add(hypothesis: Fact, m: sp.Symbol) -> Fact:
        return pf.identity(
            divergence[m + 1],
            discounted_sum[m + 1],
            next_divergence(claim, m),
            pf.instance(none, n=m, j=0),
            claim.assume("discounted", i=m),
            hypothesis,
        )

    return pf.induction(Eq(divergence[n], discounted_sum[n]), n, base, add, text="Pythagoras, round by round")


def _prove_discounted_sum(claim: Claim) -> Proof:
    return pf.qed(claim, pf.instance(_orthogonal_total(claim), n=N))


_DISCOUNTED_SUM_ASSUMPTIONS = (*SYSTEM, GRAM, INITIAL_GRAM, DISCOUNTED, DISCOUNTED_START, START_ORTHOGONAL, ORTHOGONAL)
DISCOUNTED_SUM = with_mutants(
    Claim(
        id="discounted-sum",
        title="Orthogonal innovations: D_N is exactly the discounted sum",
        kind="equality",
        statement=Eq(divergence[N], discounted_sum[N]),
        source="KTV-A, Thm 4.2 (the setting in which its sum is an identity)",
        assumptions=_DISCOUNTED_SUM_ASSUMPTIONS,
        note="Pythagoras. It also holds in expectation when the innovations are martingale differences.",
        script=_prove_discounted_sum,
        witness=_ORTHOGONAL,
    ),
    {
        "id": "without-orthogonality",
        "assumptions": without(_DISCOUNTED_SUM_ASSUMPTIONS, "orthogonal"),
        "falsified_by": _COHERENT,
        "note": "Coherent mean shifts or smoothing in every round.",
    },
)


# --- interference ----------------------------------------------------------------------------------------------------
_J2 = constant_innovation**2


# --- interference ----------------------------------------------------------------------------------------------------
_J2 = constant_innovation**2
_RHO_C = (1 - alpha) * decay


def _below_one(claim: Claim) -> Fact:
    """0 < 1 - rho c."""
    up = pf.nonnegative(1 - decay, claim.assume("decay-at-most-one"))
    return pf.nonnegative(1 - _RHO_C, (_rho(claim), up), strict=True, text="1 - rho c > 0")


def _open(claim: Claim) -> Fact:
    """0 < alpha (2 - alpha) = 1 - rho^2."""
    return pf.nonnegative(2 - alpha, claim.assume("alpha"), strict=True, text="2 - alpha > 0")


def _pattern_divergence(claim: Claim, n: sp.Symbol) -> Fact:
    """D_{n+1} = rho^2 D_n + 2 rho J^2 c (1 - (rho c)^n)/(1 - rho c) + J^2 for every n >= 0."""
    below = _below_one(claim)

    def formula(m: Any) -> sp.Expr:
        return _J2 * decay ** (j + 1) * (1 - _RHO_C**m) / (1 - _RHO_C)

    def inner_product(a: Any, b: Any) -> Fact:
        """<g_a, g_{a+b}> = J^2 c^b."""
        term = mean(g(a) * g(a + b))
        return pf.identity(
            term, _J2 * decay**b, pf.identity(term, gram[a, a + b], claim.assume("gram")), claim.assume("pattern", i=a, j=b)
        )

    start = pf.identity(mean(f(0) * g(j)), 0, _no_start(claim))

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        later = g(m + 1 + j)
        return pf.identity(
            mean(f(m + 1) * later),
            formula(m + 1),
            recursion(claim, m),
            claim.assume("constant-alpha"),
            pf.expectation(((1 - alpha) * f(m) + g(m)) * later),
            pf.instance(hypothesis, j=j + 1),
            inner_product(m, j + 1),
            domain=(below,),
        )

    correlation = pf.induction(
        Eq(mean(f(n) * g(n + j)), formula(n)),
        n,
        start,
        step,
        over=(j,),
        text="<f_n, g_{n+j}> in closed form",
    )
    return pf.identity(
        divergence[n + 1],
        (1 - alpha) ** 2 * divergence[n] + 2 * (1 - alpha) * formula(n).subs(j, 0) + _J2,
        next_divergence(claim, n),
        claim.assume("constant-alpha"),
        claim.assume("same-size"),
        pf.instance(correlation, j=0),
        domain=(below,),
        text="one round under the correlation pattern",
    )


def _no_start(claim: Claim) -> Fact:
    """<f_0, g_j> = 0 because |f_0| = 0 (Cauchy-Schwarz)."""
    square = pf.rewrite(
        pf.cited(pf.CAUCHY_SCHWARZ, u=f(0), v=g(j)),
        pf.identity(
            mean(f(0) ** 2),
            0,
            pf.identity(mean(f(0) ** 2), divergence[0], claim.assume("divergence")),
            claim.assume("starts-at-data"),
        ),
    )
    product = mean(f(0) * g(j))
    up = pf.root(square, product, 0)
    down = pf.root(square, -product, 0)
    return pf.antisymmetry(up, pf.nonnegative(product, down), text="the initial error vanishes")


def _first_finite(claim: Claim) -> Fact:
    """The finite-N formula for D_n, n >= 1, by induction with the explicit geometric sum."""
    n = _WHOLE
    below, open_ = _below_one(claim), _open(claim)
    one_round = _pattern_divergence(claim, n)

    def powers(m: Any) -> sp.Expr:
        return sp.Sum(_RHO_C**k, (k, 1, m))

    geometric = pf.induction(
        Eq(powers(n), _RHO_C * (1 - _RHO_C**n) / (1 - _RHO_C)),
        n,
        pf.identity(powers(sp.Integer(0)), 0),
        lambda hypothesis, m: pf.identity(
            powers(m + 1),
            _RHO_C * (1 - _RHO_C ** (m + 1)) / (1 - _RHO_C),
            pf.identity(powers(m + 1), powers(m) + _RHO_C ** (m + 1), unroll_at=m + 1),
            hypothesis,
            domain=(below,),
        ),
        text="geometric sum",
    )
    first = pf.identity(
        divergence[1],
        _pattern_formula(sp.Integer(1)),
        pf.instance(one_round, n=0),
        claim.assume("starts-at-data"),
        domain=(below, open_),
    )

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        spread = pf.identity(
            _pattern_formula(m + 1),
            (1 - alpha) ** 2 * _pattern_formula(m) + _J2 + 2 * _J2 * powers(m),
            unroll_at=m,
            domain=(open_,),
            text="peel the last term of the sum",
        )
        target = pf.identity(
            (1 - alpha) ** 2 * _pattern_formula(m) + _J2 + 2 * _J2 * powers(m),
            divergence[m + 1],
            pf.instance(one_round, n=m),
            hypothesis,
            pf.instance(geometric, n=m),
            domain=(below, open_),
        )
        return pf.chain(pf.reverse(target), pf.reverse(spread))

    return pf.induction(
        Eq(divergence[N], _pattern_formula(N)),
        N,
        first,
        step,
        start=1,
        text="D_N under the correlation pattern",
    )


def _pattern_formula(rounds: Any) -> sp.Expr:
    """J^2/(1-rho^2) [ 1 - rho^{2N} + 2 sum_{0<k<N} (rho c)^k (1 - rho^{2(N-k)}) ]."""
    rho = 1 - alpha
    cross = sp.Sum(_RHO_C**k * (1 - rho ** (2 * (rounds - k))), (k, 1, rounds - 1))
    return _J2 / (alpha * (2 - alpha)) * (1 - rho ** (2 * rounds) + 2 * cross)


def _plain_sum(rounds: Any) -> sp.Expr:
    """J^2 (1 - rho^{2N})/(1 - rho^2)."""
    return _J2 * (1 - (1 - alpha) ** (2 * rounds)) / (alpha * (2 - alpha))


def _constant_sum(claim: Claim) -> Fact:
    """S_n in closed form for constant innovations, n >= 0."""
    n = _WHOLE
    open_ = _open(claim)
    start = pf.identity(discounted_sum[0], 0, claim.assume("discounted-start"), claim.assume("starts-at-data"))
    return pf.induction(
        Eq(discounted_sum[n], _plain_sum(n)),
        n,
        start,
        lambda hypothesis, m: pf.identity(
            discounted_sum[m + 1],
            _plain_sum(m + 1),
            claim.assume("discounted", i=m),
            claim.assume("constant-alpha"),
            claim.assume("same-size"),
            hypothesis,
            domain=(open_,),
        ),
        text="S_n for constant innovations",
    )


def _prove_interference(claim: Claim) -> Proof:
    return pf.qed(claim, _first_finite(claim), pf.instance(_constant_sum(claim), n=N))


def _closed_divergence(rounds: Any) -> sp.Expr:
    """The same D_N without a sum, for c different from rho."""
    rho = 1 - alpha
    steady = (1 + _RHO_C) / ((1 - _RHO_C) * alpha * (2 - alpha))
    mixed_mode = 2 * decay / ((1 - _RHO_C) * (rho - decay))
    return _J2 * (steady * (1 - rho ** (2 * rounds)) + mixed_mode * (_RHO_C**rounds - rho ** (2 * rounds)))


def _prove_interference_limit(claim: Claim) -> Proof:
    n = _WHOLE
    below, open_, rho = _below_one(claim), _open(claim), _rho(claim)
    down = pf.nonnegative(1 + decay, claim.assume("decay-at-least-minus-one"))
    above = pf.nonnegative(1 + _RHO_C, (rho, down), strict=True, text="1 + rho c > 0")
    apart = claim.assume("decay-apart")
    one_round = _pattern_divergence(claim, n)
    domain = (below, open_, apart)
    closed = pf.induction(
        Eq(divergence[n], _closed_divergence(n)),
        n,
        pf.identity(divergence[0], _closed_divergence(sp.Integer(0)), claim.assume("starts-at-data"), domain=domain),
        lambda hypothesis, m: pf.identity(
            divergence[m + 1], _closed_divergence(m + 1), pf.instance(one_round, n=m), hypothesis, domain=domain
        ),
        text="D_n without a sum",
    )
    total = _constant_sum(claim)
    vanishing = 1 - (1 - alpha) ** (2 * N)
    below_one = pf.induction(
        Lt(0, vanishing),
        N,
        pf.nonnegative(vanishing.subs(N, 1), (alpha, open_), strict=True),
        lambda hypothesis, m: pf.nonnegative(
            1 - (1 - alpha) ** (2 * m + 2), (alpha, open_), ((1 - alpha) ** 2, hypothesis), strict=True
        ),
        start=1,
        text="1 - rho^{2N} > 0",
    )
    return pf.qed(
        claim,
        pf.limit(
            divergence[N] / discounted_sum[N],
            N,
            sp.oo,
            (1 + _RHO_C) / (1 - _RHO_C),
            pf.instance(closed, n=N),
            pf.instance(total, n=N),
            domain=(*domain, above, below_one),
        ),
    )


_INTERFERENCE_ASSUMPTIONS = (
    *SYSTEM,
    GRAM,
    DISCOUNTED,
    DISCOUNTED_START,
    CONSTANT,
    ALPHA,
    STARTS_AT_DATA,
    SAME_SIZE,
    PATTERN,
    DECAY_UP,
)
INTERFERENCE = with_mutants(
    Claim(
        id="interference",
        title="Correlated innovations: D_N and S_N in closed form at every N",
        kind="equality",
        statement=sp.And(Eq(divergence[N], _pattern_formula(N)), Eq(discounted_sum[N], _plain_sum(N))),
        source="driftbound",
        assumptions=_INTERFERENCE_ASSUMPTIONS,
        note="c = 1: the rounds err in the same direction; c = -1: they undo one another; c = 0: Pythagoras, D_N = S_N.",
        script=_prove_interference,
        witness=_COHERENT,
    ),
    {
        "id": "no-interference",
        "statement": Eq(divergence[N], _plain_sum(N)),
        "falsified_by": _COHERENT,
        "note": "Coherent bounded innovations of constant size.",
    },
    {
        "id": "alternating-as-coherent",
        "statement": Eq(divergence[N], _pattern_formula(N).subs(decay, sp.Abs(decay))),
        "falsified_by": _ALTERNATING,
        "note": "Alternating innovations of constant size.",
    },
)

_LIMIT_RATIO = sp.Limit(divergence[N] / discounted_sum[N], N, sp.oo)
INTERFERENCE_LIMIT = with_mutants(
    Claim(
        id="interference-limit",
        title="D_N/S_N tends to (1 + rho c)/(1 - rho c)",
        kind="limit",
        statement=Eq(_LIMIT_RATIO, (1 + _RHO_C) / (1 - _RHO_C)),
        source="driftbound",
        assumptions=(*_INTERFERENCE_ASSUMPTIONS, DECAY_DOWN, DECAY_APART),
        numeric_side=False,
        note="(2 - alpha)/alpha for coherent, alpha/(2 - alpha) for alternating, 1 for orthogonal innovations: no constant in "
        "'D_N is comparable to S_N' is uniform in alpha.",
        script=_prove_interference_limit,
        witness=_COHERENT,
    ),
    {
        "id": "inverted",
        "statement": Eq(_LIMIT_RATIO, (1 - _RHO_C) / (1 + _RHO_C)),
        "falsified_by": _COHERENT,
        "note": "Coherent innovations of constant size, many rounds.",
    },
)


# --- two-sided-max ---------------------------------------------------------------------------------------------------
def growth(claim: Claim, n: Any) -> Fact:
    """D_{n+1} <= rho D_n + J_n^2/alpha: the difference is (rho/alpha) |alpha f - g|^2."""
    named = _named_square(claim, n, alpha)
    return pf.nonnegative(
        Le(divergence[n + 1], (1 - alpha) * divergence[n] + innovation[n] ** 2 / alpha),
        (_alpha_form(claim, next_divergence(claim, n)), sp.Integer(-1)),
        (_rho(claim), 1 / alpha, named),
        text="D' <= rho D + J^2/alpha",
    )


def backward(claim: Claim, n: Any) -> Fact:
    """J_n^2 <= (1 + rho)(D_{n+1} + rho D_n): the difference is rho |(1 + rho) f + g|^2."""
    named = _named_square(claim, n, alpha - 2)
    return pf.nonnegative(
        Le(innovation[n] ** 2, (2 - alpha) * (divergence[n + 1] + (1 - alpha) * divergence[n])),
        (_alpha_form(claim, next_divergence(claim, n)), 2 - alpha),
        (_rho(claim), named),
        text="J^2 <= (1 + rho)(D' + rho D)",
    )


def _named_square(claim: Claim, n: Any, factor: sp.Expr) -> Fact:
    """0 <= factor^2 D_n - 2 factor <f_n, g_n> + J_n^2, the square of |factor f_n - g_n|."""
    return pf.rewrite(
        pf.mean_square(factor * f(n) - g(n)),
        pf.identity(mean(f(n) ** 2), divergence[n], claim.assume("divergence")),
        pf.identity(mean(g(n) ** 2), innovation[n] ** 2, claim.assume("innovation", i=n)),
        text="a squared norm is nonnegative",
    )


def _prove_two_sided_max(claim: Claim) -> Proof:
    n, rho, open_ = _WHOLE, _rho(claim), _open(claim)
    total = _alpha_form(claim, claim.assume("discounted"))

    def next_sum(m: Any) -> Fact:
        return pf.instance(total, i=m)

    top_s, top_d = claim.assume("max-sum"), claim.assume("max-divergence")
    rise_s, rise_d = claim.assume("max-sum-grows"), claim.assume("max-divergence-grows")
    start = claim.assume("discounted-start")

    upper = pf.induction(
        Le(alpha * divergence[n], discounted_sum[n] + (1 - alpha) * max_discounted_sum[n]),
        n,
        pf.nonnegative(
            Le(alpha * divergence[0], discounted_sum[0] + (1 - alpha) * max_discounted_sum[0]),
            start,
            (rho, divergence[0]),
            (rho, max_discounted_sum[0]),
        ),
        lambda hypothesis, m: pf.nonnegative(
            Le(alpha * divergence[m + 1], discounted_sum[m + 1] + (1 - alpha) * max_discounted_sum[m + 1]),
            (alpha, growth(claim, m)),
            (rho, hypothesis),
            next_sum(m),
            (rho, alpha, pf.instance(top_s, i=m)),
            (rho, pf.instance(rise_s, i=m)),
        ),
        text="alpha D_n <= S_n + rho max S",
    )
    ceiling = pf.nonnegative(
        Le(divergence[N], (2 - alpha) / alpha * max_discounted_sum[N]),
        (1 / alpha, pf.instance(upper, n=N)),
        (1 / alpha, pf.instance(top_s, i=N)),
    )
    lower = pf.induction(
        Le(
            alpha * discounted_sum[n],
            alpha * (2 - alpha) * divergence[n] + (1 - alpha) * (2 - alpha) * max_divergence[n],
        ),
        n,
        pf.nonnegative(
            Le(
                alpha * discounted_sum[0],
                alpha * (2 - alpha) * divergence[0] + (1 - alpha) * (2 - alpha) * max_divergence[0],
            ),
            (start, -alpha),
            (alpha, rho, divergence[0]),
            (rho, open_, max_divergence[0]),
        ),
        lambda hypothesis, m: pf.nonnegative(
            Le(
                alpha * discounted_sum[m + 1],
                alpha * (2 - alpha) * divergence[m + 1] + (1 - alpha) * (2 - alpha) * max_divergence[m + 1],
            ),
            (next_sum(m), -alpha),
            (alpha, backward(claim, m)),
            (rho, rho, hypothesis),
            (rho, alpha, open_, open_, pf.instance(top_d, i=m)),
            (rho, open_, pf.instance(rise_d, i=m)),
        ),
        text="alpha S_n <= alpha (1 + rho) D_n + rho (1 + rho) max D",
    )
    floor = pf.nonnegative(
        Le(alpha / (2 - alpha) * discounted_sum[N], max_divergence[N]),
        (1 / (2 - alpha), pf.instance(lower, n=N)),
        (alpha, pf.instance(top_d, i=N)),
        domain=(open_,),
    )
    return pf.qed(claim, ceiling, floor, *_sum_bounds(claim))


def _total_divergence(rounds: Any) -> sp.Expr:
    return sp.Sum(divergence[i], (i, 0, rounds))


def _total_innovation(rounds: Any) -> sp.Expr:
    return sp.Sum(innovation[i] ** 2, (i, 0, rounds - 1))


def _sum_bounds(claim: Claim) -> tuple[Fact, Fact]:
    """sum J^2/(2-alpha)^2 <= sum D <= (sum J^2 + alpha D_0)/alpha^2."""
    n, rho, open_ = _WHOLE, _rho(claim), _open(claim)

    def upper_form(m: Any) -> Any:
        return Le(
            alpha**2 * _total_divergence(m) + alpha * (1 - alpha) * divergence[m],
            _total_innovation(m) + alpha * divergence[0],
        )

    upper = pf.induction(
        upper_form(n),
        n,
        pf.nonnegative(upper_form(sp.Integer(0))),
        lambda hypothesis, m: pf.nonnegative(upper_form(m + 1), hypothesis, (alpha, growth(claim, m)), unroll_at=m),
        text="the summed growth bound",
    )

    def lower_form(m: Any) -> Any:
        return Le(
            _total_innovation(m),
            (2 - alpha) ** 2 * _total_divergence(m) - (1 - alpha) * (2 - alpha) * divergence[m],
        )

    lower = pf.induction(
        lower_form(n),
        n,
        pf.nonnegative(lower_form(sp.Integer(0)), (open_, divergence[0])),
        lambda hypothesis, m: pf.nonnegative(lower_form(m + 1), hypothesis, backward(claim, m), unroll_at=m),
        text="the summed backward bound",
    )
    above = pf.nonnegative(
        Le(_total_divergence(N), (_total_innovation(N) + alpha * divergence[0]) / alpha**2),
        (alpha**-2, pf.instance(upper, n=N)),
        (1 / alpha, rho, divergence[N]),
    )
    below = pf.nonnegative(
        Le(_total_innovation(N) / (2 - alpha) ** 2, _total_divergence(N)),
        ((2 - alpha) ** -2, pf.instance(lower, n=N)),
        (rho, 1 / (2 - alpha), divergence[N]),
        domain=(open_,),
    )
    return above, below


_TWO_SIDED_ASSUMPTIONS = (
    *SYSTEM,
    DISCOUNTED,
    DISCOUNTED_START,
    CONSTANT,
    ALPHA,
    MAX_DIVERGENCE,
    MAX_DIVERGENCE_GROWS,
    MAX_SUM,
    MAX_SUM_GROWS,
)


def _two_sided(lower: Any, upper: Any, lower_sum: Any, upper_sum: Any) -> Any:
    return sp.And(
        Ge(max_divergence[N], lower * discounted_sum[N]),
        Le(divergence[N], upper * max_discounted_sum[N]),
        Ge(_total_divergence(N), lower_sum * _total_innovation(N)),
        Le(_total_divergence(N), upper_sum * (_total_innovation(N) + alpha * divergence[0])),
    )


_LOWER, _UPPER = alpha / (2 - alpha), (2 - alpha) / alpha
_LONG_COHERENT: Final = model((_TENTH,) * 12, [times(_TENTH / 2, U)] * 12)
_LONG_ALTERNATING: Final = model((_TENTH,) * 12, [times(_TENTH * (-1) ** n, U) for n in range(12)])
TWO_SIDED_MAX = with_mutants(
    Claim(
        id="two-sided-max",
        title="Largest divergence and largest discounted sum are comparable, with sharp constants",
        kind="equivalence",
        statement=_two_sided(_LOWER, _UPPER, (2 - alpha) ** -2, alpha**-2),
        source="driftbound (replaces KTV-A, Thm 4.2 and Prop. 4.1)",
        assumptions=_TWO_SIDED_ASSUMPTIONS,
        note="No assumption but finiteness and a constant fresh fraction. All four constants are sharp as N grows. Upper ones: "
        "coherent innovations of constant size from D_0 = 0. Lower ones: innovations that carry f to -f, J = (2 - alpha) "
        "sqrt(D_0) in every round; from D_0 = 0 alternating innovations of constant size give alpha (2 - alpha) for the "
        "maximum, not alpha/(2 - alpha): their size must grow slowly from 0.",
        script=_prove_two_sided_max,
        witness=_COHERENT,
    ),
    {
        "id": "upper-one",
        "statement": Le(divergence[N], max_discounted_sum[N]),
        "falsified_by": _COHERENT,
        "note": "Coherent mean shifts.",
    },
    {
        "id": "lower-one",
        "statement": Ge(max_divergence[N], discounted_sum[N]),
        "falsified_by": _LONG_ALTERNATING,
        "note": "Alternating mean shifts at small alpha.",
    },
    {
        "id": "pointwise",
        "statement": Ge(divergence[N], _LOWER * discounted_sum[N]),
        "falsified_by": model((_HALF,) * 2, [times(_TENTH, U), times(-_TENTH / 2, U)]),
        "note": "The last round undoes the error of the one before (its learned law is p itself).",
    },
    {
        "id": "upper-sum-once",
        "statement": Le(_total_divergence(N), (_total_innovation(N) + alpha * divergence[0]) / alpha),
        "falsified_by": _LONG_COHERENT,
        "note": "Coherent mean shifts at small alpha, many rounds.",
    },
    {
        "id": "lower-sum-once",
        "statement": Ge(_total_divergence(N), _total_innovation(N) / (2 - alpha)),
        "falsified_by": _LONG_ALTERNATING,
        "note": "Alternating mean shifts at small alpha, many rounds.",
    },
)


# --- triangle --------------------------------------------------------------------------------------------------------
def _next_norm(claim: Claim, n: Any) -> tuple[Fact, Fact]:
    """sqrt(D') <= rho sqrt(D) + J and rho sqrt(D) - J <= sqrt(D')."""
    rho, product = 1 - fresh_fraction[n], mean(f(n) * g(n))
    size, after = sp.sqrt(divergence[n]), sp.sqrt(divergence[n + 1])
    left = pf.nonnegative(rho, pf.instance(claim.assume("fraction"), i=n))
    schwarz = pf.rewrite(
        pf.cited(pf.CAUCHY_SCHWARZ, u=f(n), v=g(n)),
        pf.identity(mean(f(n) ** 2), divergence[n], claim.assume("divergence")),
        pf.identity(mean(g(n) ** 2), innovation[n] ** 2, claim.assume("innovation", i=n)),
    )
    up = pf.root(schwarz, product, size * innovation[n])
    down = pf.root(schwarz, -product, size * innovation[n])
    step = next_divergence(claim, n)
    upper = pf.nonnegative(Le(divergence[n + 1], (rho * size + innovation[n]) ** 2), (step, -1), (2, left, up))
    lower = pf.nonnegative(Le((rho * size - innovation[n]) ** 2, divergence[n + 1]), step, (2, left, down))
    return (
        pf.root(upper, after, rho * size + innovation[n], domain=(left,), text="the triangle inequality"),
        pf.root(lower, rho * size - innovation[n], after, text="the reverse triangle inequality"),
    )


def _ceiling(rounds: Any) -> sp.Expr:
    return sp.Sum(window(i, rounds) * innovation[i], (i, 0, rounds - 1)) + whole(rounds) * sp.sqrt(divergence[0])


def _prove_triangle(claim: Claim) -> Proof:
    upper, lower = _next_norm(claim, i)
    first = pf.instance(upper, i=0)
    start = pf.rewrite(first, pf.identity(first.rhs, _ceiling(sp.Integer(1))))

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        left = pf.nonnegative(1 - fresh_fraction[m], pf.instance(claim.assume("fraction"), i=m))
        return pf.nonnegative(
            Le(sp.sqrt(divergence[m + 1]), _ceiling(m + 1)),
            pf.instance(upper, i=m),
            (left, hypothesis),
            unroll_at=m,
        )

    total = pf.induction(Le(sp.sqrt(divergence[N]), _ceiling(N)), N, start, step, start=1)
    return pf.qed(claim, total, upper, lower)


def _triangle(rounds_bound: Any, keep: Any) -> Any:
    return sp.And(
        Le(sp.sqrt(divergence[N]), rounds_bound),
        Le(sp.sqrt(divergence[i + 1]), keep * sp.sqrt(divergence[i]) + innovation[i]),
        Ge(sp.sqrt(divergence[i + 1]), keep * sp.sqrt(divergence[i]) - innovation[i]),
    )


TRIANGLE = with_mutants(
    Claim(
        id="triangle",
        title="Ceiling: sqrt(D_N) is at most the discounted sum of the J_i, not squared",
        kind="upper",
        statement=_triangle(_ceiling(N), 1 - fresh_fraction[i]),
        source="driftbound",
        assumptions=(*SYSTEM, FRACTION),
        note="Always valid, and attained by coherent innovations; each round changes sqrt(D) by at most J after the refresh.",
        script=_prove_triangle,
        witness=_STARTED,
    ),
    {
        "id": "root-of-sum",
        "statement": Le(
            sp.sqrt(divergence[N]),
            sp.sqrt(sp.Sum(window(i, N) ** 2 * innovation[i] ** 2, (i, 0, N - 1)) + whole(N) ** 2 * divergence[0]),
        ),
        "falsified_by": _COHERENT,
        "note": "Coherent mean shifts.",
    },
    {
        "id": "refresh-squared",
        "statement": Le(sp.sqrt(divergence[i + 1]), (1 - fresh_fraction[i]) ** 2 * sp.sqrt(divergence[i]) + innovation[i]),
        "falsified_by": _COHERENT,
        "note": "Coherent mean shifts.",
    },
)


# --- innovation-vs-intra ---------------------------------------------------------------------------------------------
def _intra_floor(claim: Claim) -> Fact:
    """alpha_i I_i <= J_i^2: pointwise alpha p <= q."""
    left = pf.nonnegative(1 - fresh_fraction[i], claim.assume("fraction"))
    pointwise = pf.nonnegative(
        Le(fresh_fraction[i] * g(i) ** 2 * data / mixture(i), g(i) ** 2),
        (claim.assume("mixing"), g(i) ** 2 / mixture(i)),
        (left, law(i), g(i) ** 2, 1 / mixture(i)),
        text="alpha p <= q at every point",
    )
    return pf.rewrite(
        pf.average(pointwise),
        pf.identity(mean(g(i) ** 2 * data / mixture(i)), intra[i], claim.assume("intra")),
        pf.identity(mean(g(i) ** 2), innovation[i] ** 2, claim.assume("innovation")),
    )


def _prove_innovation_vs_intra(claim: Claim) -> Proof:
    pointwise = pf.nonnegative(
        Le(g(i) ** 2, ratio_sup[i] * g(i) ** 2 * data / mixture(i)),
        (g(i) ** 2, 1 / mixture(i), claim.assume("ratio-sup")),
        text="q <= sup(q/p) p at every point",
    )
    upper = pf.rewrite(
        pf.average(pointwise),
        pf.identity(mean(g(i) ** 2 * data / mixture(i)), intra[i], claim.assume("intra")),
        pf.identity(mean(g(i) ** 2), innovation[i] ** 2, claim.assume("innovation")),
    )
    return pf.qed(claim, _intra_floor(claim), upper)


INNOVATION_VS_INTRA = with_mutants(
    Claim(
        id="innovation-vs-intra",
        title="Innovation against the error of one round",
        kind="equivalence",
        statement=sp.And(Ge(innovation[i] ** 2, fresh_fraction[i] * intra[i]), Le(innovation[i] ** 2, ratio_sup[i] * intra[i])),
        source="KTV-A, section 4 (change of reference from q_i to p)",
        assumptions=(NOVELTY, MIXING, INNOVATION, INTRA, RATIO_SUP, FRACTION),
        note="J is measured against the data, I against the mixture; the upper half is vacuous if sup(q/p) is infinite.",
        script=_prove_innovation_vs_intra,
        witness=_STARTED,
    ),
    {
        "id": "lower-one",
        "statement": Ge(innovation[i] ** 2, intra[i]),
        "falsified_by": model((_TENTH,), [(_HALF, -_HALF, 0, 0)], start=(-_HALF, -_HALF, _HALF, _HALF)),
        "note": "A round whose error sits where the mixture has less mass than the data (p^i narrower than p, then widened).",
    },
    {
        "id": "upper-one",
        "statement": Le(innovation[i] ** 2, intra[i]),
        "falsified_by": model((_TENTH,), [(0, 0, _HALF, -_HALF)], start=(-_HALF, -_HALF, _HALF, _HALF)),
        "note": "A round whose error sits where the mixture has more mass than the data (repeated mean shifts).",
    },
)


# --- consecutive-floor, persistent -----------------------------------------------------------------------------------
_PAIR = sp.Max(divergence[i], divergence[i + 1])


def _pair_floor(claim: Claim) -> Fact:
    """J_i^2 <= (1 + rho)^2 max(D_i, D_{i+1})."""
    keep = 1 - fresh_fraction[i]
    left = pf.nonnegative(keep, claim.assume("fraction"))
    square = pf.rewrite(
        pf.mean_square((1 + keep) * f(i) + g(i)),
        pf.identity(mean(f(i) ** 2), divergence[i], claim.assume("divergence")),
        pf.identity(mean(g(i) ** 2), innovation[i] ** 2, claim.assume("innovation")),
    )
    back = pf.nonnegative(
        Le(innovation[i] ** 2, (1 + keep) * (divergence[i + 1] + keep * divergence[i])),
        (next_divergence(claim, i), 1 + keep),
        (left, square),
        text="J^2 <= (1 + rho)(D' + rho D)",
    )
    more = pf.nonnegative(1 + keep, claim.assume("fraction"), strict=True)
    return pf.nonnegative(
        Le(innovation[i] ** 2 / (1 + keep) ** 2, _PAIR),
        (back, (1 + keep) ** -2),
        (1 / (1 + keep), pf.below_max(divergence[i + 1], _PAIR)),
        (left, 1 / (1 + keep), pf.below_max(divergence[i], _PAIR)),
        domain=(more,),
    )


def _prove_consecutive_floor(claim: Claim) -> Proof:
    floor = _pair_floor(claim)
    more = pf.nonnegative(2 - fresh_fraction[i], claim.assume("fraction"), strict=True)
    small = pf.nonnegative(
        Le(fresh_fraction[i] * intra[i] / (2 - fresh_fraction[i]) ** 2, _PAIR),
        floor,
        ((2 - fresh_fraction[i]) ** -2, _intra_floor(claim)),
        domain=(more,),
    )
    return pf.qed(claim, floor, small)


_FLOOR_ASSUMPTIONS = (*SYSTEM, INTRA, FRACTION)
_UNDO: Final = model((_TENTH,) * 2, [times(_TENTH, U), times(-sp.Rational(19, 100), U)])
CONSECUTIVE_FLOOR = with_mutants(
    Claim(
        id="consecutive-floor",
        title="Floor: of two consecutive divergences one is at least J^2/(2 - alpha)^2",
        kind="lower",
        statement=sp.And(
            Ge(_PAIR, innovation[i] ** 2 / (2 - fresh_fraction[i]) ** 2),
            Ge(_PAIR, fresh_fraction[i] * intra[i] / (2 - fresh_fraction[i]) ** 2),
        ),
        source="driftbound",
        assumptions=_FLOOR_ASSUMPTIONS,
        note="A round that errs is seen before or after it; equality when it carries f to -f.",
        script=_prove_consecutive_floor,
        witness=_STARTED,
    ),
    {
        "id": "after-only",
        "statement": Ge(divergence[i + 1], innovation[i] ** 2 / (2 - fresh_fraction[i]) ** 2),
        "falsified_by": model((_HALF,) * 2, [times(_TENTH, U), times(-_TENTH / 2, U)]),
        "note": "A round that undoes the error so far.",
    },
    {
        "id": "constant-one",
        "statement": Ge(_PAIR, innovation[i] ** 2),
        "falsified_by": _UNDO,
        "note": "A round that carries f to -f (alternating mean shifts at small alpha).",
    },
)


def _prove_persistent(claim: Claim) -> Proof:
    more = pf.nonnegative(2 - alpha, claim.assume("alpha"), strict=True)
    visible = claim.assume("visible")
    chain = _alpha_form(claim, _intra_floor(claim))
    pair = pf.nonnegative(
        Le(alpha * observabilities[i] * ideal_energies[i] / (8 * (2 - alpha) ** 2), _PAIR),
        _alpha_form(claim, _pair_floor(claim)),
        ((2 - alpha) ** -2, chain),
        (alpha, (2 - alpha) ** -2, visible),
        domain=(more,),
    )
    n = _WHOLE
    jumps = pf.induction(
        Le(alpha * _visible_total(n) / 8, _total_innovation(n)),
        n,
        pf.identity(alpha * _visible_total(sp.Integer(0)) / 8, _total_innovation(sp.Integer(0))),
        lambda hypothesis, m: pf.nonnegative(
            Le(alpha * _visible_total(m + 1) / 8, _total_innovation(m + 1)),
            hypothesis,
            pf.instance(chain, i=m),
            (alpha, pf.instance(visible, i=m)),
            unroll_at=m,
        ),
        text="the visible energies are paid for by innovations",
    )
    below = _sum_bounds(claim)[1]
    total = pf.nonnegative(
        Le(alpha / (8 * (2 - alpha) ** 2) * _visible_total(N), _total_divergence(N)),
        below,
        ((2 - alpha) ** -2, pf.instance(jumps, n=N)),
        domain=(more,),
    )
    return pf.qed(claim, pair, total)


def _visible_total(rounds: Any) -> sp.Expr:
    return sp.Sum(observabilities[i] * ideal_energies[i], (i, 0, rounds - 1))


def _persistent(seen: Any, total: Any) -> Any:
    return sp.And(
        Ge(_PAIR, alpha * seen / (8 * (2 - alpha) ** 2)),
        Ge(_total_divergence(N), alpha / (8 * (2 - alpha) ** 2) * total),
    )


_PERSISTENT_ASSUMPTIONS = (*SYSTEM, INTRA, FRACTION, CONSTANT, ALPHA, VISIBLE)
_SEEN: Final = model(
    (_HALF,) * 2, [times(_TENTH, U)] * 2, e=(ideal_energies, (_TENTH**2, _TENTH**2)), o=(observabilities, (1, 1))
)
_UNSEEN: Final = model((_HALF,) * 2, [(0, 0, 0, 0)] * 2, e=(ideal_energies, (1, 1)), o=(observabilities, (0, 0)))
_CANCELLED: Final = model((_HALF,) * 2, [(0, 0, 0, 0)] * 2, e=(ideal_energies, (1, 1)), o=(observabilities, (1, 1)))
PERSISTENT = with_mutants(
    Claim(
        id="persistent",
        title="Persistent visible energy keeps the divergence up",
        kind="lower",
        statement=_persistent(observabilities[i] * ideal_energies[i], _visible_total(N)),
        source="KTV-A, Prop. 4.1 (constant improved)",
        assumptions=_PERSISTENT_ASSUMPTIONS,
        note="So sum eta_i eps_i^2 = oo gives sum D_i = oo, and eta_i eps_i^2 >= h for every i gives "
        "limsup D_i >= alpha h/(8 (2 - alpha)^2). KTV-A has 16 (1 + rho^2) in place of 8 (1 + rho)^2, which is at most that.",
        script=_prove_persistent,
        witness=_SEEN,
    ),
    {
        "id": "energy-for-visible-energy",
        "statement": _persistent(ideal_energies[i], sp.Sum(ideal_energies[i], (i, 0, N - 1))),
        "falsified_by": _UNSEEN,
        "note": "Rotations on N(0, I): positive energy, observability 0, nothing changes.",
    },
    {
        "id": "without-smallness",
        "assumptions": without(_PERSISTENT_ASSUMPTIONS, "visible"),
        "falsified_by": _CANCELLED,
        "note": "A large affine error tuned so that the endpoint law is exact although the observability is positive.",
    },
)


# --- persistent-v1 ---------------------------------------------------------------------------------------------------
_HARMONIC_CASE: Final = model(  # skewed, so that the densities stay positive
    (_HALF,) * 2, [times(1 / sp.sqrt(3), (3, -1, -1, -1)), times(1 / sp.sqrt(3), (0, 2, -1, -1))]
)
_V1_ASSUMPTIONS = (
    *SYSTEM,
    GRAM,
    INITIAL_GRAM,
    DISCOUNTED,
    DISCOUNTED_START,
    START_ORTHOGONAL,
    ORTHOGONAL,
    STARTS_AT_DATA,
    HALF,
    HARMONIC,
)


def _harmonic_bound(claim: Claim) -> Fact:
    """D_N <= 5/(2 (N + 1)) for orthogonal innovations with J_i^2 = 1/(i+1) and rho = 1/2; at N = 2 it is within a tenth."""
    total = _orthogonal_total(claim)

    def one_round(m: Any) -> Fact:
        return pf.identity(
            divergence[m + 1],
            divergence[m] / 4 + 1 / (m + 1),
            total,
            claim.assume("discounted", i=m),
            claim.assume("half-fresh"),
            claim.assume("harmonic", i=m),
        )

    def ceiling(n: Any) -> sp.Expr:
        return sp.Rational(5, 2) / (n + 1)

    first = pf.identity(divergence[1], 1, one_round(sp.Integer(0)), claim.assume("starts-at-data"))
    return pf.induction(
        Le(divergence[N], ceiling(N)),
        N,
        pf.nonnegative(Le(divergence[1], ceiling(1)), (first, -1)),
        lambda hypothesis, m: pf.nonnegative(
            Le(divergence[m + 1], ceiling(m + 1)), (one_round(m), -1), (sp.Rational(1, 4), hypothesis)
        ),
        start=1,
        text="D_N <= 5/(2 (N + 1))",
    )


def _refute_persistent_v1(claim: Claim) -> Proof:
    high = _harmonic_bound(claim)
    low = pf.nonnegative(divergence[N])
    zero = pf.limit(sp.Integer(0), N, sp.oo, 0)
    vanishing = pf.limit(sp.Rational(5, 2) / (N + 1), N, sp.oo, 0)
    return pf.disproved(claim, pf.squeeze(low, high, zero, vanishing))


PERSISTENT_V1 = with_mutants(
    Claim(
        id="persistent-v1",
        title="Non-summable error energy keeps D_i away from 0 (wording of version 1)",
        kind="limit",
        statement=Lt(0, sp.Limit(divergence[N], N, sp.oo)),
        source="KTV-A, Prop. 4.1 in its first version",
        assumptions=_V1_ASSUMPTIONS,
        expected="false",
        numeric_side=False,
        note="Refuted by orthogonal innovations with J_i^2 = 1/(i+1): their sum diverges, yet D_N <= 5/(2N+2) at alpha = 1/2.",
        script=_refute_persistent_v1,
        witness=_HARMONIC_CASE,
    ),
    {
        "id": "limit-above-one",
        "statement": Lt(1, sp.Limit(divergence[N], N, sp.oo)),
        "falsified_by": _HARMONIC_CASE,
        "note": "The same sequence: a stronger version of what is refuted.",
    },
)


def _prove_persistent_v1_witness(claim: Claim) -> Proof:
    return pf.qed(claim, _harmonic_bound(claim))


PERSISTENT_V1_WITNESS = with_mutants(
    Claim(
        id="persistent-v1-witness",
        title="Non-summable innovations whose divergence tends to 0",
        kind="upper",
        statement=Le(divergence[N], sp.Rational(5, 2) / (N + 1)),
        source="driftbound",
        assumptions=_V1_ASSUMPTIONS,
        note="What grows without bound with sum J_i^2 is the sum of the D_i, not D_i itself.",
        script=_prove_persistent_v1_witness,
        witness=_HARMONIC_CASE,
    ),
    {
        "id": "half",
        "statement": Le(divergence[N], 2 / (N + 1)),
        "falsified_by": _HARMONIC_CASE,
        "note": "The first rounds of orthogonal innovations with J_i^2 = 1/(i+1).",
    },
)


# --- thm42-display, no-pointwise-floor -------------------------------------------------------------------------------
_ENERGY_SUM = (
    sp.Sum((1 - alpha) ** (2 * (N - 1 - i)) * ideal_energies[i], (i, 0, N - 1)) + (1 - alpha) ** (2 * N) * divergence[0]
)


def _refute_display(claim: Claim) -> Proof:
    zero = pf.identity(ratio * _ENERGY_SUM, 0, claim.assume("perfect-rounds"), claim.assume("starts-at-data"))
    return pf.disproved(claim, pf.nonnegative(Lt(ratio * _ENERGY_SUM, divergence[N] + bias), (zero, -1), divergence[N], bias))


_PERFECT: Final = model((_HALF,) * 2, [(0, 0, 0, 0)] * 2, e=(ideal_energies, (0, 0)), b=(bias, 1), r=(ratio, 1))
THM42_DISPLAY = with_mutants(
    Claim(
        id="thm42-display",
        title="D_N + C_bias is bounded by a multiple of the discounted energies (as displayed)",
        kind="upper",
        statement=Le(divergence[N] + bias, ratio * _ENERGY_SUM),
        source="KTV-A, Thm 4.2 as displayed",
        assumptions=(STARTS_AT_DATA, PERFECT_ROUNDS, ALPHA),
        expected="false",
        note="False for every pair of constants: with exact scores the right side is 0. A bias can only be added on the right.",
        script=_refute_display,
        witness=_PERFECT,
        falsified_by=_PERFECT,
    ),
    {
        "id": "without-initial-term",
        "statement": Le(
            divergence[N] + bias, ratio * sp.Sum((1 - alpha) ** (2 * (N - 1 - i)) * ideal_energies[i], (i, 0, N - 1))
        ),
        "falsified_by": _PERFECT,
        "note": "Exact scores in every round.",
    },
)


def _refute_pointwise_floor(claim: Claim) -> Proof:
    fact = pf.nonnegative(
        Lt(divergence[N], ratio * discounted_sum[N]),
        (claim.assume("last-is-data"), sp.Integer(-1)),
        (ratio, claim.assume("sum-positive")),
    )
    return pf.disproved(claim, fact)


_LAST_PERFECT: Final = model((_HALF,) * 2, [times(_TENTH, U), times(-_TENTH / 2, U)], r=(ratio, 1))
NO_POINTWISE_FLOOR = with_mutants(
    Claim(
        id="no-pointwise-floor",
        title="D_N is at least a fixed multiple of S_N, at every N",
        kind="lower",
        statement=Ge(divergence[N], ratio * discounted_sum[N]),
        source="driftbound (against the lower half of KTV-A, Thm 4.2)",
        assumptions=(*SYSTEM, DISCOUNTED, DISCOUNTED_START, LAST_IS_DATA, SUM_POSITIVE),
        expected="false",
        note="False for every positive constant: let the last round learn the score of the data itself, then D_N = 0 < S_N.",
        script=_refute_pointwise_floor,
        witness=_LAST_PERFECT,
        falsified_by=_LAST_PERFECT,
    ),
    {
        "id": "one-thousandth",
        "statement": Ge(divergence[N], discounted_sum[N] / 1000),
        "falsified_by": _LAST_PERFECT,
        "note": "A last round that learns the score of the data itself: no constant is small enough.",
    },
)


# --- tv-discount -----------------------------------------------------------------------------------------------------
def _tv_triangle(*, n: sp.Expr) -> Any:
    return Le(tv[n + 1], endpoint_tv[n] + smoothing_tv[n] + mixed_tv[n])


def _pinsker(*, n: sp.Expr) -> Any:
    return Le(endpoint_tv[n] ** 2, endpoint_kl[n] / 2)


def _girsanov(start: Fact, *, n: sp.Expr) -> Any:
    if (start.lhs, start.op, start.rhs) != (initial_kl, "==", 0):
        raise pf.ProofError(f"both processes must start from one law, but the premise is {start}")
    return Le(endpoint_kl[n], learned_energies[n] / 2)


TV_TRIANGLE: Final = pf.Theorem(
    "triangle inequality of TV", "TV(p^{n+1}, p) <= TV(p^{n+1}, q_{n,t0}) + TV(q_{n,t0}, q_n) + TV(q_n, p)", _tv_triangle
)
PINSKER: Final = pf.Theorem("Pinsker", "TV(P, Q)^2 <= KL(P || Q)/2", _pinsker)
GIRSANOV: Final = pf.Theorem(
    "Girsanov", "KTV-A, Prop. 3.1 (claim girsanov-kl, started from q_T): KL(p^ || q_t0) <= learned energy / 2", _girsanov
)
TV_MEAN = Assumption("tv-mean", "TV(p^i, p) is half the mean of |f_i| under p.", None, Eq(tv[i], mean(sp.Abs(f(i))) / 2))
TV_MIXED = Assumption(
    "tv-mixed",
    "TV(q_i, p) is half the mean of |q_i/p - 1| under p.",
    None,
    Eq(mixed_tv[i], mean(sp.Abs(mixture(i) / data - 1)) / 2),
)


def _tv_refresh(claim: Claim) -> Fact:
    """TV(q_i, p) = (1 - alpha_i) TV(p^i, p)."""
    rho = 1 - fresh_fraction[i]
    left = pf.nonnegative(rho, claim.assume("fraction"))
    size = pf.identity(
        sp.Abs(mixture(i) / data - 1), rho * sp.Abs(f(i)), claim.assume("mixing"), claim.assume("excess"), domain=(left,)
    )
    return pf.identity(
        mixed_tv[i],
        rho * tv[i],
        claim.assume("tv-mixed"),
        claim.assume("tv-mean"),
        size,
        pf.expectation(rho * sp.Abs(f(i))),
        text="total variation is contracted by exactly 1 - alpha",
    )


def _tv_term(n: Any) -> sp.Expr:
    return sp.sqrt(learned_energies[n]) / 2 + smoothing_tv[n]


def _tv_ceiling(rounds: Any, term: Any) -> sp.Expr:
    return sp.Sum(window(i, rounds) * term(i), (i, 0, rounds - 1)) + whole(rounds) * tv[0]


def _prove_tv_discount(claim: Claim) -> Proof:
    refresh = _tv_refresh(claim)

    def one_round(m: Any) -> Fact:
        energy = pf.nonnegative(
            Le(endpoint_tv[m] ** 2, learned_energies[m] / 4),
            pf.cited(PINSKER, n=m),
            (sp.Rational(1, 2), pf.cited(GIRSANOV, claim.assume("common-start"), n=m)),
        )
        small = pf.root(energy, endpoint_tv[m], sp.sqrt(learned_energies[m]) / 2)
        return pf.nonnegative(
            Le(tv[m + 1], _tv_term(m) + (1 - fresh_fraction[m]) * tv[m]),
            pf.cited(TV_TRIANGLE, n=m),
            small,
            (pf.instance(refresh, i=m), -1),
        )

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        left = pf.nonnegative(1 - fresh_fraction[m], pf.instance(claim.assume("fraction"), i=m))
        return pf.nonnegative(Le(tv[m + 1], _tv_ceiling(m + 1, _tv_term)), one_round(m), (left, hypothesis), unroll_at=m)

    start = pf.nonnegative(Le(tv[1], _tv_ceiling(sp.Integer(1), _tv_term)), one_round(sp.Integer(0)))
    return pf.qed(claim, pf.induction(Le(tv[N], _tv_ceiling(N, _tv_term)), N, start, step, start=1))


_TV_ASSUMPTIONS = (EXCESS, MIXING, TV_MEAN, TV_MIXED, FRACTION)
_TV_CASE: Final = model(
    (_HALF,),
    [times(_TENTH, V)],
    start=times(_HALF, V),
    e=(learned_energies, (0,)),
    i=(initial_kl, 0),
    s=(smoothing_tv, (_TENTH,)),
    t=(tv, (sp.Rational(1, 4), sp.Rational(7, 40))),
    m=(mixed_tv, (sp.Rational(1, 8),)),
)
_TV_FAR_START: Final = {**_TV_CASE, smoothing_tv: (0,), initial_kl: 1, tv: (sp.Rational(1, 4), _HALF)}
TV_DISCOUNT = with_mutants(
    Claim(
        id="tv-discount",
        title="Total variation: discounted learned energies plus the smoothing of every round",
        kind="upper",
        statement=Le(tv[N], _tv_ceiling(N, _tv_term)),
        source="driftbound",
        assumptions=(*_TV_ASSUMPTIONS, COMMON_START),
        note="Needs finite learned energies, and reverse processes that start from q_T. The smoothing by t0 is paid in every "
        "round, even by a perfect score.",
        script=_prove_tv_discount,
        witness=_TV_CASE,
    ),
    {
        "id": "no-smoothing",
        "statement": Le(tv[N], _tv_ceiling(N, lambda n: sp.sqrt(learned_energies[n]) / 2)),
        "falsified_by": _TV_CASE,
        "note": "A perfect score with early stopping at t0 > 0.",
    },
    {
        "id": "any-start",
        "assumptions": _TV_ASSUMPTIONS,
        "falsified_by": _TV_FAR_START,
        "note": "A perfect score whose reverse process starts far from q_T: an energy of 0, and another endpoint.",
    },
)


# --- mmd-discount ----------------------------------------------------------------------------------------------------
# the sample point is a pair (x_0, x_1) of independent draws from a law that dominates all others; densities are with respect
# to it, so that the data law may be discrete
_SIDE = sp.Symbol("s", integer=True, nonnegative=True)  # which of the two points
_PART, _OTHER = sp.symbols("a b", integer=True, nonnegative=True)  # which Jordan part: 0 the positive, 1 the negative one
_pair_law = sp.Function("pair_law", nonnegative=True)
_pair_mixture = sp.Function("pair_mixture", nonnegative=True)
_pair_ideal = sp.Function("pair_ideal", nonnegative=True)
_pair_data = sp.Function("pair_data", nonnegative=True)
_jordan = sp.Function("jordan_part", nonnegative=True)
_kernel = sp.Function("kernel", real=True)
_KERNEL: Final = _kernel(omega)
kernel_floor = sp.Symbol("kernel_floor", real=True)  # a lower bound b of the kernel; b + kernel_range is an upper one


def _drifted(n: Any, side: Any) -> sp.Expr:
    """Density of p^n - p at one of the two points."""
    return _pair_law(n, side, omega) - _pair_data(side, omega)


def _mixed_drifted(n: Any, side: Any) -> sp.Expr:
    """Density of q_n - p at one of the two points."""
    return _pair_mixture(n, side, omega) - _pair_data(side, omega)


def _missed(n: Any, side: Any) -> sp.Expr:
    """Density of p^{n+1} - q_{n,t0} at one of the two points: what the score error of round n did."""
    return _pair_law(n + 1, side, omega) - _pair_ideal(n, side, omega)


def _energy_of(difference: Any, n: Any) -> sp.Expr:
    """The double integral of the kernel against a difference of laws."""
    return mean(_KERNEL * difference(n, 0) * difference(n, 1))


KERNEL_BELOW = Assumption(
    "kernel-below",
    "The kernel is at most b + Delta, b its infimum and Delta its range: 1 for a Gaussian kernel, 2 for a cosine.",
    None,
    Le(_KERNEL, kernel_floor + kernel_range),
    (),
)
KERNEL_ABOVE = Assumption("kernel-above", "The kernel is at least b.", None, Ge(_KERNEL, kernel_floor), ())
MMD_MEAN = Assumption(
    "mmd-mean",
    "MMD(p^i, p)^2 is the double integral of a positive-definite kernel against p^i - p.",
    None,
    Eq(mmd[i] ** 2, _energy_of(_drifted, i)),
)
MMD_MIXED = Assumption(
    "mmd-mixed", "MMD(q_i, p)^2 is that against q_i - p.", None, Eq(mixed_mmd[i] ** 2, _energy_of(_mixed_drifted, i))
)
MMD_ENDPOINT = Assumption(
    "mmd-endpoint",
    "MMD(p^{i+1}, q_{i,t0})^2 is that against p^{i+1} - q_{i,t0}.",
    None,
    Eq(endpoint_mmd[i] ** 2, _energy_of(_missed, i)),
)
PAIR_MIXING = Assumption(
    "pair-mixing",
    "Round i trains on q_i = alpha_i p + (1 - alpha_i) p^i.",
    None,
    Eq(
        _pair_mixture(i, _SIDE, omega),
        fresh_fraction[i] * _pair_data(_SIDE, omega) + (1 - fresh_fraction[i]) * _pair_law(i, _SIDE, omega),
    ),
    (i, _SIDE),
)
JORDAN = Assumption(
    "jordan",
    "p^{i+1} - q_{i,t0} is the difference of its Jordan parts, which are not negative.",
    None,
    Eq(_missed(i, _SIDE), _jordan(i, 0, _SIDE, omega) - _jordan(i, 1, _SIDE, omega)),
    (i, _SIDE),
)
JORDAN_MASS = Assumption(
    "jordan-mass",
    "Both Jordan parts have the mass TV(p^{i+1}, q_{i,t0}), and the two points are independent.",
    None,
    Eq(mean(_jordan(i, _PART, 0, omega) * _jordan(i, _OTHER, 1, omega)), endpoint_tv[i] ** 2),
    (i, _PART, _OTHER),
)


def _mmd_triangle(drift: Fact, *, n: sp.Expr) -> Any:
    if (drift.op, drift.lhs, drift.rhs) != ("==", mmd[n + 1] ** 2, _energy_of(_drifted, n + 1)):
        raise pf.ProofError(f"the premise must say that MMD^2 is the double integral of a kernel, not {drift}")
    return Le(mmd[n + 1], endpoint_mmd[n] + smoothing_mmd[n] + mixed_mmd[n])


MMD_TRIANGLE: Final = pf.Theorem(
    "triangle inequality of MMD",
    "the root of the double integral of a positive-definite kernel is a seminorm of signed measures; "
    "p^{n+1} - p = (p^{n+1} - q_{n,t0}) + (q_{n,t0} - q_n) + (q_n - p)",
    _mmd_triangle,
)


def _mmd_refresh(claim: Claim) -> Fact:
    """MMD(q_i, p) = (1 - alpha_i) MMD(p^i, p)."""
    rho = 1 - fresh_fraction[i]
    left = pf.nonnegative(rho, claim.assume("fraction"))
    kept = [
        pf.identity(_mixed_drifted(i, side), rho * _drifted(i, side), claim.assume("pair-mixing", s=side)) for side in (0, 1)
    ]
    inside = pf.identity(
        _KERNEL * _mixed_drifted(i, 0) * _mixed_drifted(i, 1), rho**2 * _KERNEL * _drifted(i, 0) * _drifted(i, 1), *kept
    )
    squared = pf.identity(
        mixed_mmd[i] ** 2,
        (rho * mmd[i]) ** 2,
        claim.assume("mmd-mixed"),
        claim.assume("mmd-mean"),
        inside,
        pf.expectation(inside.rhs),
        pf.expectation(_KERNEL * _drifted(i, 0) * _drifted(i, 1)),
        text="the double integral is quadratic in q_i - p",
    )
    down, up = (
        pf.nonnegative(Le(small, large), (squared, sign))
        for small, large, sign in ((squared.lhs, squared.rhs, -1), (squared.rhs, squared.lhs, 1))
    )
    return pf.antisymmetry(
        pf.root(down, mixed_mmd[i], rho * mmd[i], domain=(left,)),
        pf.root(up, rho * mmd[i], mixed_mmd[i], domain=(left,)),
        text="MMD is contracted by exactly 1 - alpha",
    )


def _mmd_below_tv(claim: Claim) -> Fact:
    """MMD^2 <= 2 Delta TV^2 for p^{i+1} and q_{i,t0}: equal signs meet below b + Delta, opposite ones above b."""

    def product(a: int, b: int) -> sp.Expr:
        return _jordan(i, a, 0, omega) * _jordan(i, b, 1, omega)

    alike, crossed = product(0, 0) + product(1, 1), product(0, 1) + product(1, 0)
    parts = [claim.assume("jordan", s=side) for side in (0, 1)]
    expanded = pf.identity(
        _KERNEL * _missed(i, 0) * _missed(i, 1),
        _KERNEL * (alike - crossed),
        *parts,
        text="the product of the two differences, by Jordan parts",
    )
    bound = kernel_range * alike + kernel_floor * (alike - crossed)
    pointwise = pf.nonnegative(
        Le(_KERNEL * _missed(i, 0) * _missed(i, 1), bound),
        (expanded, -1),
        (claim.assume("kernel-below"), alike),
        (claim.assume("kernel-above"), crossed),
        text="equal signs meet below b + Delta, opposite ones above b",
    )
    averaged = pf.average(pointwise)
    masses = [claim.assume("jordan-mass", a=a, b=b) for a in (0, 1) for b in (0, 1)]
    whole_square = pf.identity(averaged.rhs, 2 * kernel_range * endpoint_tv[i] ** 2, *masses, text="all masses are equal")
    return pf.nonnegative(
        Le(endpoint_mmd[i] ** 2, 2 * kernel_range * endpoint_tv[i] ** 2),
        (claim.assume("mmd-endpoint"), -1),
        (pf.expectation(_KERNEL * _missed(i, 0) * _missed(i, 1)), -1),
        averaged,
        (whole_square, -1),
        text="MMD^2 is at most twice the range of the kernel times TV^2",
    )


def _mmd_term(n: Any) -> sp.Expr:
    return sp.sqrt(kernel_range * learned_energies[n] / 2) + smoothing_mmd[n]


def _mmd_ceiling(rounds: Any, term: Any) -> sp.Expr:
    return sp.Sum(window(i, rounds) * term(i), (i, 0, rounds - 1)) + whole(rounds) * mmd[0]


def _prove_mmd_discount(claim: Claim) -> Proof:
    refresh, below = _mmd_refresh(claim), _mmd_below_tv(claim)

    def one_round(m: Any) -> Fact:
        energy = pf.nonnegative(
            Le(endpoint_mmd[m] ** 2, kernel_range * learned_energies[m] / 2),
            pf.instance(below, i=m),
            (2 * kernel_range, pf.cited(PINSKER, n=m)),
            (kernel_range, pf.cited(GIRSANOV, claim.assume("common-start"), n=m)),
        )
        small = pf.root(energy, endpoint_mmd[m], sp.sqrt(kernel_range * learned_energies[m] / 2))
        return pf.nonnegative(
            Le(mmd[m + 1], _mmd_term(m) + (1 - fresh_fraction[m]) * mmd[m]),
            pf.cited(MMD_TRIANGLE, claim.assume("mmd-mean", i=m + 1), n=m),
            small,
            (pf.instance(refresh, i=m), -1),
        )

    def step(hypothesis: Fact, m: sp.Symbol) -> Fact:
        left = pf.nonnegative(1 - fresh_fraction[m], pf.instance(claim.assume("fraction"), i=m))
        return pf.nonnegative(Le(mmd[m + 1], _mmd_ceiling(m + 1, _mmd_term)), one_round(m), (left, hypothesis), unroll_at=m)

    start = pf.nonnegative(Le(mmd[1], _mmd_ceiling(sp.Integer(1), _mmd_term)), one_round(sp.Integer(0)))
    return pf.qed(claim, pf.induction(Le(mmd[N], _mmd_ceiling(N, _mmd_term)), N, start, step, start=1))


def pair_model(
    fractions: Sequence[Any], laws: Sequence[Any], ideals: Sequence[Any], energies: Sequence[Any], *, floor: int = 0
) -> dict[Any, Any]:
    """An exact case on two points, the data law one half on each, with every quantity of MMD computed from its definition.

    ``fractions``: alpha_i; ``laws``: the mass that p^0, p^1, ... put on the first point; ``ideals``: that of q_{i,t0};
    ``energies``: learned; ``floor``: the kernel between the two points, 0 or -1, where it is 1 at equal ones.
    """
    half = sp.Rational(1, 2)
    masses, targets = [sp.sympify(x) for x in laws], [sp.sympify(x) for x in ideals]
    mixtures = [sp.sympify(a) * half + (1 - sp.sympify(a)) * x for a, x in zip(fractions, masses, strict=False)]
    pairs = ((0, 0), (0, 1), (1, 0), (1, 1))

    def density(mass: sp.Expr) -> tuple[tuple[sp.Expr, ...], ...]:
        """At either point of every pair, with respect to one half on each."""
        return tuple(tuple(2 * (mass, 1 - mass)[pair[side]] for pair in pairs) for side in (0, 1))

    def parts(gap: sp.Expr) -> tuple[Any, ...]:
        ends = (max(gap, 0), max(-gap, 0))
        return tuple(
            tuple(tuple(2 * (own, other)[pair[side]] for pair in pairs) for side in (0, 1)) for own, other in (ends, ends[::-1])
        )

    def size(one: sp.Expr, other: sp.Expr) -> sp.Expr:
        """MMD: the signed measure (g, -g) has the double integral 2 (1 - floor) g^2."""
        return sp.sqrt(2 * (1 - floor)) * abs(one - other)

    return {
        omega: 4,
        N: len(targets),
        _kernel: (1, floor, floor, 1),
        kernel_floor: floor,
        kernel_range: 1 - floor,
        initial_kl: 0,
        fresh_fraction: tuple(sp.sympify(a) for a in fractions),
        learned_energies: tuple(sp.sympify(e) for e in energies),
        _pair_data: density(half),
        _pair_law: tuple(density(x) for x in masses),
        _pair_mixture: tuple(density(x) for x in mixtures),
        _pair_ideal: tuple(density(x) for x in targets),
        _jordan: tuple(parts(x - y) for x, y in zip(masses[1:], targets, strict=True)),
        endpoint_tv: tuple(abs(x - y) for x, y in zip(masses[1:], targets, strict=True)),
        endpoint_mmd: tuple(size(x, y) for x, y in zip(masses[1:], targets, strict=True)),
        smoothing_mmd: tuple(size(x, y) for x, y in zip(targets, mixtures, strict=True)),
        mixed_mmd: tuple(size(x, half) for x in mixtures),
        mmd: tuple(size(x, half) for x in masses),
    }


_MMD_ASSUMPTIONS = (
    KERNEL_BELOW,
    KERNEL_ABOVE,
    MMD_MEAN,
    MMD_MIXED,
    MMD_ENDPOINT,
    PAIR_MIXING,
    JORDAN,
    JORDAN_MASS,
    FRACTION,
)
# a perfect score, and smoothing that takes away what mixing has gained: the bound is attained
_PAIR_SMOOTHED: Final = pair_model(
    (_HALF,) * 2, [sp.Rational(5, 8), sp.Rational(5, 8), sp.Rational(5, 8)], [sp.Rational(5, 8)] * 2, (0, 0)
)
# one round on the data itself: KL = 0.0201 to the ideal endpoint, so that an energy of 1/24 >= 2 KL is possible
_PAIR_ERROR: Final = pair_model((1,), [_HALF, sp.Rational(3, 5)], [_HALF], (sp.Rational(1, 24),))
_PAIR_OPPOSITE: Final = pair_model((1,), [_HALF, sp.Rational(3, 5)], [_HALF], (sp.Rational(1, 24),), floor=-1)
_PAIR_FAR_START: Final = {**pair_model((1,), [_HALF, sp.Rational(3, 4)], [_HALF], (0,)), initial_kl: 1}
MMD_DISCOUNT = with_mutants(
    Claim(
        id="mmd-discount",
        title="MMD, which samples measure: discounted learned energies plus the smoothing of every round",
        kind="upper",
        statement=Le(mmd[N], _mmd_ceiling(N, _mmd_term)),
        source="driftbound",
        assumptions=(*_MMD_ASSUMPTIONS, COMMON_START),
        note="For a positive-definite kernel of range Delta, MMD^2 <= 2 Delta TV^2. No law needs a density with respect to "
        "another. A kernel seen through fewer features (a projection) satisfies the same bound.",
        script=_prove_mmd_discount,
        witness=_PAIR_SMOOTHED,
    ),
    {
        "id": "no-smoothing",
        "statement": Le(mmd[N], _mmd_ceiling(N, lambda n: sp.sqrt(kernel_range * learned_energies[n] / 2))),
        "falsified_by": _PAIR_SMOOTHED,
        "note": "A perfect score with early stopping at t0 > 0.",
    },
    {
        "id": "as-tv",
        "statement": Le(mmd[N], _mmd_ceiling(N, lambda n: sp.sqrt(kernel_range * learned_energies[n]) / 2 + smoothing_mmd[n])),
        "falsified_by": _PAIR_ERROR,
        "note": "An error that moves mass between modes far apart: MMD is sqrt(2) TV.",
    },
    {
        "id": "any-kernel",
        "statement": Le(mmd[N], _mmd_ceiling(N, lambda n: sp.sqrt(learned_energies[n] / 2) + smoothing_mmd[n])),
        "falsified_by": _PAIR_OPPOSITE,
        "note": "A cosine kernel, which is negative between modes half a wave apart: MMD is 2 TV.",
    },
    {
        "id": "rho-squared",
        "statement": Le(
            mmd[N],
            sp.Sum(window(i, N) ** 2 * _mmd_term(i), (i, 0, N - 1)) + whole(N) ** 2 * mmd[0],
        ),
        "falsified_by": _PAIR_SMOOTHED,
        "note": "A first model far from the data and perfect scores: mixing contracts MMD by rho, its square by rho^2.",
    },
    {
        "id": "any-start",
        "assumptions": _MMD_ASSUMPTIONS,
        "falsified_by": _PAIR_FAR_START,
        "note": "A perfect score whose reverse process starts far from q_T: an energy of 0, and another endpoint.",
    },
)


# --- memory ----------------------------------------------------------------------------------------------------------
def _turned() -> Fact:
    """sum_{l<N} h(N-1-l) = sum_{i<N} h(i) for h(i) = W_{iN} g_i: both by the terms at their ends."""
    m, n, rounds = _WHOLE, sp.Symbol("r", integer=True, nonnegative=True), sp.Symbol("M", integer=True, positive=True)

    def term(x: Any) -> sp.Expr:
        return resolvent[x, rounds] * g(x)

    def up(first: Any, rest: Any) -> sp.Expr:
        return sp.Sum(term(first + i), (i, 0, rest))

    def down(first: Any, rest: Any) -> sp.Expr:
        return sp.Sum(term(first + rest - _lag), (_lag, 0, rest))

    def first_term(rest: Any) -> Any:
        return Eq(up(m, rest + 1), term(m) + up(m + 1, rest))

    bottom = pf.induction(
        first_term(n),
        n,
        pf.identity(first_term(sp.Integer(0)).lhs, first_term(sp.Integer(0)).rhs),
        lambda hypothesis, r: pf.identity(
            first_term(r + 1).lhs,
            first_term(r + 1).rhs,
            pf.identity(first_term(r + 1).lhs, hypothesis.lhs + term(m + r + 2), unroll_at=r + 2),
            hypothesis,
            unroll_at=r + 1,
        ),
        text="the first term of a sum",
    )

    def step(hypothesis: Fact, r: sp.Symbol) -> Fact:
        top = pf.identity(down(m, r + 1), term(m) + down(m + 1, r), unroll_at=r + 1)
        return pf.identity(down(m, r + 1), up(m, r + 1), top, pf.instance(hypothesis, n=m + 1), pf.instance(bottom, r=r))

    turned = pf.induction(
        Eq(down(m, n), up(m, n)),
        n,
        pf.identity(down(m, sp.Integer(0)), up(m, sp.Integer(0))),
        step,
        over=(m,),
        text="a sum in reverse order",
    )
    return pf.instance(turned, n=0, r=N - 1, M=N)


def _remembered(claim: Claim) -> Fact:
    """f_N = sum_i W_{iN} g_i for every N >= 1, from the mixing and the recursion of its resolvent."""
    m, r = _WHOLE, sp.Symbol("r", integer=True, nonnegative=True)

    def one_round(n: Any) -> Fact:
        return pf.identity(
            f(n + 1),
            sp.Sum(memory[n, j] * f(j), (j, 0, n)) + g(n),
            claim.assume("novelty"),
            claim.assume("memory"),
            claim.assume("excess"),
            text="the recursion f' = sum w f + g, from the definitions",
        )

    def innovations(first: Any, rest: Any) -> sp.Expr:
        """The innovations of the rounds m, ..., m + r in f_{m+1+r}."""
        end = first + rest
        return sp.Sum(resolvent[end - _lag, end + 1] * g(end - _lag), (_lag, 0, rest))

    def weight(first: Any, rest: Any, earlier: Any) -> sp.Expr:
        """The weight of an earlier f_j in f_{m+1+r}, through these rounds."""
        end = first + rest
        return sp.Sum(resolvent[end - _lag, end + 1] * memory[end - _lag, earlier], (_lag, 0, rest))

    def split(first: Any, rest: Any) -> sp.Expr:
        return innovations(first, rest) + sp.Sum(weight(first, rest, j) * f(j), (j, 0, first))

    last = claim.assume("resolvent-last", i=m)
    single = resolvent[m, m + 1] * (g(m) + sp.Sum(memory[m, j] * f(j), (j, 0, m)))
    alone = pf.identity(split(m, sp.Integer(0)), single, text="a single round")
    start = pf.chain(pf.identity(f(m + 1), single, one_round(m), last), pf.reverse(alone))

    def step(hypothesis: Fact, n: sp.Symbol) -> Fact:
        """Round m joins the explicit ones: the term j = m + 1 of what came before is f_{m+1} = sum w f + g_m."""
        before = pf.instance(hypothesis, n=m + 1)
        peeled = innovations(m + 1, n) + sp.Sum(weight(m + 1, n, j) * f(j), (j, 0, m)) + resolvent[m, m + 2 + n] * f(m + 1)
        reached = pf.identity(
            before.rhs,
            peeled,
            claim.assume("resolvent", i=m, j=n),
            unroll_at=m + 1,
            text="what an error of p^{m+1} adds to later training sets is W_m",
        )
        joined = pf.identity(
            peeled, split(m, n + 1), one_round(m), unroll_at=n + 1, text="its own innovation takes that weight"
        )
        return pf.chain(before, reached, joined)

    total = pf.induction(
        Eq(f(m + 1 + r), split(m, r)),
        r,
        start,
        step,
        over=(m,),
        text="f_{m+1+r} by the innovations of the last r + 1 rounds and what was there before",
    )
    none = pf.identity(f(0), 0, claim.assume("excess"), claim.assume("start"))
    whole_error = pf.instance(total, r=N - 1, n=0)
    every = innovations(sp.Integer(0), N - 1)
    first = weight(sp.Integer(0), N - 1, sp.Integer(0)) * f(0)
    return pf.chain(
        whole_error,
        pf.identity(whole_error.rhs, every + first, text="every round is explicit"),
        pf.identity(
            every + first,
            sp.Sum(weights[i] * g(i), (i, 0, N - 1)),
            none,
            _turned(),
            claim.assume("weights"),
            text="f_N as a sum of innovations in the weights of the resolvent",
        ),
    )


def _prove_memory(claim: Claim) -> Proof:
    error = _remembered(claim)
    return pf.qed(
        claim,
        pf.identity(
            divergence[N],
            sp.Sum(weights[i] * weights[j] * gram[i, j], (i, 0, N - 1), (j, 0, N - 1)),
            claim.assume("divergence"),
            claim.assume("gram"),
            error,
            pf.expectation(error.rhs**2),
            text="the mean of the square of f_N, by bilinearity",
        ),
    )


# all generations are pooled: q_i = (p + p^1 + ... + p^i)/(i + 1)
_MEMORY_CASE: Final = model(
    "accumulate",
    [times(_TENTH, U)] * 3,
    w=(weights, (_HALF, sp.Rational(1, 3), 1)),
    m=(memory, ((0, 0, 0), (0, _HALF, 0), (0, sp.Rational(1, 3), sp.Rational(1, 3)))),
    r=(resolvent, ((0, 1, _HALF, _HALF), (0, 0, 1, sp.Rational(1, 3)), (0, 0, 0, 1))),
)
MEMORY_IDENTITY = with_mutants(
    Claim(
        id="memory-identity",
        title="Any linear mixing: D_N is the Gram matrix in the weights of the resolvent",
        kind="equality",
        statement=Eq(divergence[N], sp.Sum(weights[i] * weights[j] * gram[i, j], (i, 0, N - 1), (j, 0, N - 1))),
        source="driftbound",
        assumptions=(EXCESS, NOVELTY, MEMORY, START, RESOLVENT_LAST, RESOLVENT, WEIGHTS, DIVERGENCE, GRAM),
        note="Fresh fractions, replacing and accumulating are instances; only the weights W_{iN} differ.",
        script=_prove_memory,
        witness=_MEMORY_CASE,
    ),
    {
        "id": "diagonal-only",
        "statement": Eq(divergence[N], sp.Sum(weights[i] ** 2 * gram[i, i], (i, 0, N - 1))),
        "falsified_by": _MEMORY_CASE,
        "note": "Coherent innovations under any mixing.",
    },
    {
        "id": "weights-not-squared",
        "statement": Eq(divergence[N], sp.Sum(weights[i] * gram[i, j], (i, 0, N - 1), (j, 0, N - 1))),
        "falsified_by": _MEMORY_CASE,
        "note": "Coherent innovations when all generations are accumulated.",
    },
)


def _replace_recursion(claim: Claim, n: Any) -> Fact:
    """f_{n+1} = f_n + g_n."""
    return pf.identity(f(n + 1), f(n) + g(n), claim.assume("excess"), claim.assume("novelty"), claim.assume("replace"))


def _overlap_product(claim: Claim, a: Any, b: Any) -> Fact:
    """<g_a, g_{a+1+b}> = c J^2."""
    term = mean(g(a) * g(a + 1 + b))
    return pf.identity(
        term, overlap * _J2, pf.identity(term, gram[a, a + 1 + b], claim.assume("gram")), claim.assume("overlap", i=a, j=b)
    )


def _same_square(claim: Claim, n: Any) -> Fact:
    """<g_n, g_n> = J^2."""
    return pf.identity(mean(g(n) ** 2), _J2, pf.reverse(claim.assume("innovation", i=n)), claim.assume("same-size"))


def _prove_replace(claim: Claim) -> Proof:
    n = _WHOLE
    correlation = pf.induction(
        Eq(mean(f(n) * g(n + j)), n * overlap * _J2),
        n,
        _no_start(claim),
        lambda hypothesis, m: pf.identity(
            mean(f(m + 1) * g(m + 1 + j)),
            (m + 1) * overlap * _J2,
            _replace_recursion(claim, m),
            pf.expectation((f(m) + g(m)) * g(m + 1 + j)),
            pf.instance(hypothesis, j=j + 1),
            _overlap_product(claim, m, j),
        ),
        over=(j,),
        text="<f_n, g_{n+j}> = n c J^2",
    )
    total = pf.induction(
        Eq(divergence[n], _J2 * (n + overlap * n * (n - 1))),
        n,
        claim.assume("starts-at-data"),
        lambda hypothesis, m: pf.identity(
            divergence[m + 1],
            _J2 * (m + 1 + overlap * (m + 1) * m),
            pf.identity(
                divergence[m + 1],
                divergence[m] + 2 * mean(f(m) * g(m)) + mean(g(m) ** 2),
                claim.assume("divergence"),
                _replace_recursion(claim, m),
                pf.expectation((f(m) + g(m)) ** 2),
            ),
            hypothesis,
            pf.instance(correlation, n=m, j=0),
            _same_square(claim, m),
        ),
        text="D_n when each generation replaces the last",
    )
    return pf.qed(claim, pf.instance(total, n=N))


_REPLACE_COHERENT: Final = model("replace", [times(_TENTH, U)] * 3, J=(constant_innovation, _TENTH), c=(overlap, 1))
REPLACE_CLAIM = with_mutants(
    Claim(
        id="replace",
        title="Training on the last generation alone: linear growth, quadratic when coherent",
        kind="equality",
        statement=Eq(divergence[N], _J2 * (N + overlap * N * (N - 1))),
        source="GER, section 3 (linear growth); the overlap driftbound",
        assumptions=(EXCESS, NOVELTY, REPLACE, DIVERGENCE, INNOVATION, GRAM, STARTS_AT_DATA, SAME_SIZE, OVERLAP),
        note="Orthogonal innovations (c = 0): N J^2. Coherent ones (c = 1): N^2 J^2.",
        script=_prove_replace,
        witness=_REPLACE_COHERENT,
    ),
    {
        "id": "always-linear",
        "statement": Eq(divergence[N], _J2 * N),
        "falsified_by": _REPLACE_COHERENT,
        "note": "Coherent bounded innovations, each generation trained on the last alone.",
    },
)


# --- accumulate ------------------------------------------------------------------------------------------------------
def _accumulated(claim: Claim) -> Fact:
    """D_{n+1} for every n >= 0, in terms of the harmonic sums up to n + 1."""
    n = _WHOLE

    def partial(power: int, m: Any) -> sp.Expr:
        return sp.Sum(1 / (k + 1) ** power, (k, 1, m))

    def grow(m: Any) -> Fact:
        return pf.identity(
            pooled(m + 1),
            pooled(m) + g(m) / (m + 2),
            claim.assume("pooled"),
            claim.assume("novelty"),
            claim.assume("pool", i=m),
            text="each generation enters the pool with weight 1/(m + 2)",
        )

    empty = pf.identity(pooled(0), 0, claim.assume("pooled"), claim.assume("pool-start"))
    nothing = pf.expectation(sp.Integer(0))
    correlation = pf.induction(
        Eq(mean(pooled(n) * g(n + j)), overlap * _J2 * partial(1, n)),
        n,
        pf.identity(mean(pooled(0) * g(j)), overlap * _J2 * partial(1, sp.Integer(0)), empty, nothing),
        lambda hypothesis, m: pf.identity(
            mean(pooled(m + 1) * g(m + 1 + j)),
            overlap * _J2 * partial(1, m + 1),
            grow(m),
            pf.expectation((pooled(m) + g(m) / (m + 2)) * g(m + 1 + j)),
            pf.instance(hypothesis, j=j + 1),
            _overlap_product(claim, m, j),
            unroll_at=m + 1,
        ),
        over=(j,),
        text="<h_n, g_{n+j}> = c J^2 (1/2 + ... + 1/(n+1))",
    )

    def square(m: Any) -> sp.Expr:
        return _J2 * ((1 - overlap) * partial(2, m) + overlap * partial(1, m) ** 2)

    size = pf.induction(
        Eq(mean(pooled(n) ** 2), square(n)),
        n,
        pf.identity(mean(pooled(0) ** 2), square(sp.Integer(0)), empty, nothing),
        lambda hypothesis, m: pf.identity(
            mean(pooled(m + 1) ** 2),
            square(m + 1),
            grow(m),
            pf.expectation((pooled(m) + g(m) / (m + 2)) ** 2),
            hypothesis,
            pf.instance(correlation, n=m, j=0),
            _same_square(claim, m),
            unroll_at=m + 1,
        ),
        text="the error of the pool",
    )

    def shift(power: int) -> Fact:
        def statement(m: Any) -> Any:
            return Eq(sp.Sum(1 / k**power, (k, 1, m + 1)), 1 + partial(power, m))

        return pf.induction(
            statement(n),
            n,
            pf.identity(statement(sp.Integer(0)).lhs, statement(sp.Integer(0)).rhs),
            lambda hypothesis, m: pf.identity(
                statement(m + 1).lhs,
                statement(m + 1).rhs,
                pf.identity(statement(m + 1).lhs, hypothesis.lhs + 1 / (m + 2) ** power, unroll_at=m + 2),
                hypothesis,
                unroll_at=m + 1,
            ),
            text="shift of a harmonic sum",
        )

    learned = pf.identity(f(n + 1), pooled(n) + g(n), claim.assume("excess"), claim.assume("novelty"), claim.assume("pooled"))
    return pf.identity(
        divergence[n + 1],
        _accumulated_formula(n + 1),
        claim.assume("divergence"),
        learned,
        pf.expectation((pooled(n) + g(n)) ** 2),
        size,
        pf.instance(correlation, j=0),
        _same_square(claim, n),
        shift(1),
        shift(2),
        text="D_{n+1} = |h_n + g_n|^2",
    )


def _accumulated_formula(rounds: Any) -> sp.Expr:
    """J^2 [(1 - c) sum_{k<=N} 1/k^2 + c (sum_{k<=N} 1/k)^2]."""
    return _J2 * ((1 - overlap) * sp.Sum(1 / k**2, (k, 1, rounds)) + overlap * sp.Sum(1 / k, (k, 1, rounds)) ** 2)


def _prove_accumulate(claim: Claim) -> Proof:
    return pf.qed(claim, pf.instance(_accumulated(claim), n=N - 1))


def _basel() -> Any:
    return Eq(sp.Limit(sp.Sum(1 / k**2, (k, 1, N)), N, sp.oo), sp.pi**2 / 6)


BASEL: Final = pf.Theorem("Basel problem", "Euler: the sum of 1/k^2 is pi^2/6", _basel)


def _prove_accumulate_limit(claim: Claim) -> Proof:
    total = pf.instance(_accumulated(claim), n=N - 1)
    return pf.qed(
        claim,
        pf.limit(divergence[N], N, sp.oo, _J2 * sp.pi**2 / 6, total, claim.assume("no-overlap"), known=(pf.cited(BASEL),)),
    )


_ACCUMULATE_ASSUMPTIONS = (EXCESS, NOVELTY, POOL_START, POOL, POOLED, DIVERGENCE, INNOVATION, GRAM, SAME_SIZE, OVERLAP)
_POOL_COHERENT: Final = model("accumulate", [times(_TENTH, U)] * 3, J=(constant_innovation, _TENTH), c=(overlap, 1))
_POOL_ORTHOGONAL: Final = model(
    "accumulate", [times(_TENTH, U), times(_TENTH, V)], J=(constant_innovation, _TENTH), c=(overlap, 0)
)
ACCUMULATE = with_mutants(
    Claim(
        id="accumulate",
        title="Accumulating all generations: bounded when orthogonal, (log N)^2 when coherent",
        kind="equality",
        statement=Eq(divergence[N], _accumulated_formula(N)),
        source="GER, DD (the bound pi^2/6); the overlap driftbound",
        assumptions=_ACCUMULATE_ASSUMPTIONS,
        note="c = 0: J^2 sum 1/k^2 < (pi^2/6) J^2. c = 1: J^2 H_N^2, which grows like (log N)^2: accumulation does not bound "
        "coherent errors.",
        script=_prove_accumulate,
        witness=_POOL_COHERENT,
    ),
    {
        "id": "always-bounded",
        "statement": Le(divergence[N], _J2 * sp.pi**2 / 6),
        "falsified_by": _POOL_COHERENT,
        "note": "Coherent bounded innovations, all generations accumulated.",
    },
    {
        "id": "cubes",
        "statement": Eq(
            divergence[N],
            _J2 * ((1 - overlap) * sp.Sum(1 / k**3, (k, 1, N)) + overlap * sp.Sum(1 / k, (k, 1, N)) ** 2),
        ),
        "falsified_by": _POOL_ORTHOGONAL,
        "note": "Orthogonal innovations of constant size, all generations accumulated.",
    },
)

NO_OVERLAP = Assumption("no-overlap", "Different innovations are orthogonal: c = 0.", Eq(overlap, 0))
ACCUMULATE_LIMIT = with_mutants(
    Claim(
        id="accumulate-limit",
        title="Accumulating with orthogonal innovations: D_N tends to (pi^2/6) J^2",
        kind="limit",
        statement=Eq(sp.Limit(divergence[N], N, sp.oo), _J2 * sp.pi**2 / 6),
        source="GER, DD (the pi^2/6 pathway), from the identity",
        assumptions=(*_ACCUMULATE_ASSUMPTIONS, NO_OVERLAP),
        numeric_side=False,
        note="The constant pi^2/6 is the sum of the squared weights 1/k of the pool.",
        script=_prove_accumulate_limit,
        witness=_POOL_ORTHOGONAL,
    ),
    {
        "id": "two",
        "statement": Eq(sp.Limit(divergence[N], N, sp.oo), 2 * _J2),
        "falsified_by": _POOL_ORTHOGONAL,
        "note": "Orthogonal innovations of constant size, many rounds.",
    },
)


# --- divergence-table ------------------------------------------------------------------------------------------------
def _kept(fact: Fact) -> tuple[sp.Expr, sp.Expr]:
    """Round n and weight 1 - a read off a premise q_n = a p + (1 - a) p^n; ProofError if it is no such mixture."""
    left, right = fact.lhs, sp.expand(fact.rhs)
    if fact.op != "==" or left.func != _mixture or left != mixture(left.args[0]):
        raise pf.ProofError(f"{fact} does not define a mixture")
    keep = right.coeff(law(left.args[0]))
    if sp.expand(right - (1 - keep) * data - keep * law(left.args[0])) != 0:
        raise pf.ProofError(f"{fact} is not a mixture of the data law and p^n with weights that sum to 1")
    if keep.has(omega):
        raise pf.ProofError(f"the weight {keep} must not be random")
    return left.args[0], keep


def _weight(below: Fact, keep: sp.Expr) -> None:
    """Refuse a premise that does not read 0 <= keep."""
    if not (below.op in ("<=", "<") and sp.expand(below.rhs - below.lhs - keep) == 0):
        raise pf.ProofError(f"the premise 0 <= {keep} is needed, not {below}")


def _kantorovich(fact: Fact, below: Fact) -> Any:
    n, keep = _kept(fact)
    _weight(below, keep)
    return Eq(mixed_w1[n], keep * w1[n])


def _convex(fact: Fact, below: Fact, *, mixed_value: sp.Expr, value: sp.Expr) -> Any:
    """phi(a p + (1-a) p^n, p) <= a phi(p, p) + (1-a) phi(p^n, p) = (1-a) phi(p^n, p) for a jointly convex phi."""
    n, keep = _kept(fact)
    _weight(below, keep)
    if not sp.expand(1 - keep).is_nonnegative:
        raise pf.ProofError(f"joint convexity needs a weight of at most 1, not {keep}")
    pairs = {
        mixed_kl[n]: accumulated_kl[n],
        mixed_hellinger[n] ** 2: hellinger[n] ** 2,
        mixed_w2[n] ** 2: w2[n] ** 2,
    }
    if pairs.get(mixed_value) != value:
        raise pf.ProofError(f"{mixed_value} against {value} is not one of the jointly convex divergences KL, Hellinger^2, W2^2")
    return Le(mixed_value, keep * value)


KANTOROVICH: Final = pf.Theorem(
    "Kantorovich-Rubinstein duality",
    "W1(q, p) = sup over 1-Lipschitz h of the integral of h d(q - p), linear in q - p",
    _kantorovich,
)
JOINT_CONVEXITY: Final = pf.Theorem(
    "joint convexity", "KL, Hellinger^2 and W2^2 are jointly convex and vanish at (p, p)", _convex
)


def _prove_divergence_table(claim: Claim) -> Proof:
    mixing = claim.assume("mixing")
    left = pf.nonnegative(1 - fresh_fraction[i], claim.assume("fraction"))
    convex = [
        pf.cited(JOINT_CONVEXITY, mixing, left, mixed_value=a, value=b)
        for a, b in (
            (mixed_kl[i], accumulated_kl[i]),
            (mixed_hellinger[i] ** 2, hellinger[i] ** 2),
            (mixed_w2[i] ** 2, w2[i] ** 2),
        )
    ]
    return pf.qed(claim, _tv_refresh(claim), _mmd_refresh(claim), pf.cited(KANTOROVICH, mixing, left), *convex)


_KEEP = 1 - fresh_fraction[i]


def _table(**changes: Any) -> Any:
    rows = {
        "tv": Eq(mixed_tv[i], _KEEP * tv[i]),
        "mmd": Eq(mixed_mmd[i], _KEEP * mmd[i]),
        "w1": Eq(mixed_w1[i], _KEEP * w1[i]),
        "kl": Le(mixed_kl[i], _KEEP * accumulated_kl[i]),
        "hellinger": Le(mixed_hellinger[i] ** 2, _KEEP * hellinger[i] ** 2),
        "w2": Le(mixed_w2[i] ** 2, _KEEP * w2[i] ** 2),
    }
    return sp.And(*{**rows, **changes}.values())


# p = delta at 0 and p^0 = delta at 10 blurred to nothing: W2(q, p)^2 = W2(p^0, p)^2/2 exactly; the other rows likewise
_FAR: Final = model(
    (_HALF,),
    [(0, 0, 0, 0)],
    start=times(_HALF, V),
    a=(tv, (sp.Rational(1, 4), sp.Rational(1, 8))),
    b=(mixed_tv, (sp.Rational(1, 8),)),
    c=(w1, (10, 5)),
    d=(mixed_w1, (5,)),
    e=(w2, (10, 5 * sp.sqrt(2))),
    f=(mixed_w2, (5 * sp.sqrt(2),)),
    g=(accumulated_kl, (sp.Rational(1, 8), sp.Rational(1, 32))),
    h=(mixed_kl, (sp.Rational(1, 32),)),
    k=(hellinger, (_HALF, sp.Rational(1, 4))),
    m=(mixed_hellinger, (sp.Rational(1, 4),)),
) | pair_model((_HALF,), [sp.Rational(3, 4), sp.Rational(5, 8)], [sp.Rational(5, 8)], (0,))
DIVERGENCE_TABLE = with_mutants(
    Claim(
        id="divergence-table",
        title="What mixing with fresh data does to each divergence",
        kind="equivalence",
        statement=_table(),
        source="driftbound",
        assumptions=(*_TV_ASSUMPTIONS, MMD_MEAN, MMD_MIXED, PAIR_MIXING),
        note="TV, MMD, W1 and every integral probability metric contract by exactly rho; KL, Hellinger^2 and W2^2 by at "
        "most rho, so W2 by sqrt(rho) and not by rho.",
        script=_prove_divergence_table,
        witness=_FAR,
    ),
    {
        "id": "w2-by-rho",
        "statement": Le(mixed_w2[i], _KEEP * w2[i]),
        "falsified_by": _FAR,
        "note": "A large separation: a mean shift of 10 standard deviations.",
    },
    {
        "id": "tv-by-rho-squared",
        "statement": Eq(mixed_tv[i], _KEEP**2 * tv[i]),
        "falsified_by": _FAR,
        "note": "Any case with TV > 0 and 0 < alpha < 1.",
    },
    {
        "id": "mmd-by-rho-squared",
        "statement": _table(mmd=Eq(mixed_mmd[i], _KEEP**2 * mmd[i])),
        "falsified_by": _FAR,
        "note": "The rate of MMD^2 taken for that of MMD.",
    },
)


# --- chi2-horizon ----------------------------------------------------------------------------------------------------
BELOW_ONE = Assumption("some-synthetic", "Every round keeps some synthetic data: alpha_i < 1.", Lt(fresh_fraction[i], 1))


def _gaussian_rate(density: Fact) -> tuple[sp.Expr, sp.Expr]:
    """n and c, read off a premise r_n^2/p = K exp(-c (x - m)^2/2) with K > 0."""
    parts, exponentials = density.lhs.atoms(_oldest), density.rhs.atoms(sp.exp)
    if density.op != "==" or len(parts) != 1 or len(exponentials) != 1:
        raise pf.ProofError(f"the premise must read r_n^2/p = K exp(-c (x - m)^2/2), not {density}")
    (part,), (exponential,) = parts, exponentials
    rate, factor = -2 * exponential.args[0] / _position**2, density.rhs / exponential
    if density.lhs != part**2 / data or rate.has(omega) or factor.has(omega) or not factor.is_positive:
        raise pf.ProofError(f"the premise must read r_n^2/p = K exp(-c (x - m)^2/2), not {density}")
    return part.args[0], rate


def _integrable(density: Fact, finite: Fact) -> Any:
    n, rate = _gaussian_rate(density)
    if (finite.lhs, finite.op, finite.rhs) != (0, "<", inverse_integral[n]):
        raise pf.ProofError(f"the premise must say that the integral is finite, not {finite}")
    return Lt(0, rate)


def _not_integrable(density: Fact, infinite: Fact) -> Any:
    n, rate = _gaussian_rate(density)
    if (infinite.lhs, infinite.op, infinite.rhs) != (inverse_integral[n], "==", 0):
        raise pf.ProofError(f"the premise must say that the integral is infinite, not {infinite}")
    return Le(rate, 0)


# an improper integral: the kernel's ``integral`` is over finite intervals, so the criterion is cited; all around it is computed
GAUSSIAN_FINITE: Final = pf.Theorem(
    "Gaussian integral, finite", "the integral of exp(-c x^2/2) over the line is sqrt(2 pi/c) for c > 0, else oo", _integrable
)
GAUSSIAN_INFINITE: Final = pf.Theorem(
    "Gaussian integral, infinite", "the integral of exp(-c x^2/2) over the line is oo for c <= 0, else finite", _not_integrable
)


def _prove_chi2_horizon(claim: Claim) -> Proof:
    n = _WHOLE
    widths = pf.induction(
        Eq(spread[n], variance + n * noise),
        n,
        claim.assume("oldest-start"),
        lambda hypothesis, m: pf.identity(
            spread[m + 1], variance + (m + 1) * noise, claim.assume("oldest-step", i=m), hypothesis
        ),
        text="s_n^2 = s^2 + n h^2",
    )

    def density(rounds: Any) -> Fact:
        """r_n^2/p = K exp(-c (x - m)^2/2) with c = 2/s_n^2 - 1/s^2."""
        rate = 2 / spread[rounds] - 1 / variance
        factor = sp.sqrt(2 * sp.pi * variance) / (2 * sp.pi * spread[rounds])
        return pf.identity(
            oldest(rounds) ** 2 / data,
            factor * sp.exp(-rate * _position**2 / 2),
            claim.assume("oldest", i=rounds),
            claim.assume("data-gaussian"),
            text="r_n^2/p is Gaussian in form",
        )

    def sign(theorem: pf.Theorem, rounds: Any, finiteness: Fact) -> Fact:
        return pf.rewrite(pf.cited(theorem, density(rounds), finiteness), pf.instance(widths, n=rounds))

    before = pf.nonnegative(
        Lt(horizon - 1, variance / noise),
        (
            variance + (horizon - 1) * noise,
            variance / noise,
            sign(GAUSSIAN_FINITE, horizon - 1, claim.assume("horizon-last")),
        ),
        text="c > 0 one round before the horizon",
    )
    after = pf.nonnegative(
        Le(variance / noise, horizon),
        (
            variance + horizon * noise,
            variance / noise,
            sign(GAUSSIAN_INFINITE, horizon, claim.assume("horizon-first")),
        ),
        text="c <= 0 at the horizon",
    )
    return pf.qed(claim, before, after)


_HORIZON_WIDTHS: Final = tuple(1 + sp.Rational(n, 8) for n in range(9))
_HORIZON_CASE: Final = {
    horizon: 8,
    variance: 1,
    noise: sp.Rational(1, 8),
    N: 8,
    fresh_fraction: (_HALF,) * 8,
    omega: 2,
    _position.func: (0, 1),
    spread: _HORIZON_WIDTHS,
    data.func: tuple(_normal(sp.Integer(1)).subs(_position, x) for x in (0, 1)),
    _oldest: tuple(tuple(_normal(width).subs(_position, x) for x in (0, 1)) for width in _HORIZON_WIDTHS),
    inverse_integral: tuple(sp.sqrt(width * (2 - width)) for width in _HORIZON_WIDTHS),
}
CHI2_HORIZON = with_mutants(
    Claim(
        id="chi2-horizon",
        title="Added noise makes the chi2 infinite after sigma^2/h^2 rounds, whatever the fresh fraction",
        kind="equality",
        statement=sp.And(Lt(horizon - 1, variance / noise), Ge(horizon, variance / noise)),
        source="driftbound",
        assumptions=(DATA_GAUSSIAN, OLDEST, OLDEST_START, OLDEST_STEP, HORIZON_LAST, HORIZON_FIRST, BELOW_ONE),
        note="1-D, target N(m, sigma^2), each round adds variance h^2: the component that was never refreshed has variance "
        "sigma^2 + N h^2 and positive weight, and p_N^2/p is integrable exactly when N h^2 < sigma^2.",
        script=_prove_chi2_horizon,
        witness=_HORIZON_CASE,
    ),
    {
        "id": "double",
        "statement": Ge(horizon, 2 * variance / noise),
        "falsified_by": _HORIZON_CASE,
        "note": "N(0, 1) with added variance 0.1: infinite from round 10, not 20.",
    },
    {
        "id": "strict",
        "statement": Gt(horizon, variance / noise),
        "falsified_by": _HORIZON_CASE,
        "note": "sigma^2 an exact multiple of h^2: equality is already infinite.",
    },
)

CLAIMS: Final[tuple[Claim, ...]] = (
    REFRESH,
    DISCOUNTED_IDENTITY,
    DISCOUNTED_SUM,
    INTERFERENCE,
    INTERFERENCE_LIMIT,
    TWO_SIDED_MAX,
    TRIANGLE,
    INNOVATION_VS_INTRA,
    CONSECUTIVE_FLOOR,
    PERSISTENT,
    PERSISTENT_V1,
    PERSISTENT_V1_WITNESS,
    THM42_DISPLAY,
    NO_POINTWISE_FLOOR,
    TV_DISCOUNT,
    MMD_DISCOUNT,
    MEMORY_IDENTITY,
    REPLACE_CLAIM,
    ACCUMULATE,
    ACCUMULATE_LIMIT,
    DIVERGENCE_TABLE,
    CHI2_HORIZON,
)
"""Reading order."""

__all__ = ["CLAIMS", "model"]
