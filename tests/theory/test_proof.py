"""The kernel proves what is true: one small example per primitive, the worked example of a user, and the life of a claim."""

from __future__ import annotations

import doctest
from dataclasses import replace

import pytest
import sympy as sp

import theory
from theory import proof as pf
from theory import symbols as s
from theory.claim import Assumption, Claim, Proof, Step
from theory.proof import mean, omega

x = sp.Symbol("x", real=True)
y = sp.Symbol("y", real=True)
a = sp.Symbol("a", nonnegative=True)
p = sp.Symbol("p", positive=True)
q = sp.Symbol("q", positive=True)
n = sp.Symbol("n", integer=True, nonnegative=True)
F = sp.Function("F", real=True)(omega)
G = sp.Function("G", real=True)(omega)
i, N, k = s.i, s.N, s.k


# --- primitives ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((x + y) ** 2, x**2 + 2 * x * y + y**2),
        (p / (p + q) + q / (p + q), 1),
        (sp.sqrt(p * q), sp.sqrt(p) * sp.sqrt(q)),
        (sp.sqrt((p + q) ** 2), p + q),
        (sp.sqrt(x**2), sp.Abs(x)),
        (sp.log(p**2 * q), 2 * sp.log(p) + sp.log(q)),
        (sp.exp(x / 2) ** 2 * sp.exp(-x), 1),
        ((1 - p) ** (n + 1), (1 - p) * (1 - p) ** n),
        ((p * q) ** n, p**n * q**n),
        ((-1) ** (2 * n + 1), -1),
        (sp.Sum(i, (i, 0, 10)), 55),
        (sp.Sum(p * s.divergence[i], (i, 0, n)), p * sp.Sum(s.divergence[i], (i, 0, n))),
        (sp.Product(p, (i, 0, n)), p ** (n + 1)),
    ],
)
def test_identities(left: sp.Expr, right: sp.Expr) -> None:
    fact = pf.identity(left, right)
    assert (fact.lhs, fact.op, fact.rhs) == (left, "==", right)
    assert not fact.hypotheses


def test_identity_peels_the_last_term_on_request() -> None:
    total = sp.Sum(s.divergence[i], (i, 0, n))
    with pytest.raises(pf.ProofError, match="does not reduce to 0"):
        pf.identity(total, sp.Sum(s.divergence[i], (i, 0, n - 1)) + s.divergence[n])
    assert pf.identity(total, sp.Sum(s.divergence[i], (i, 0, n - 1)) + s.divergence[n], unroll_at=n).op == "=="


def test_inequalities() -> None:
    assert pf.nonnegative(sp.Le(2 * x * y, x**2 + y**2, evaluate=False), (x - y) ** 2).op == "<="
    assert pf.nonnegative(sp.Lt(x, x + p, evaluate=False)).op == "<"
    assert pf.nonnegative(sp.Ge(1 / p + p, 2, evaluate=False), (1 / p, (p - 1) ** 2)).rhs == p + 1 / p
    assert pf.nonnegative(s.N - 1).op == "<="


def test_sandwich_certificate_of_the_manual() -> None:
    root_i, root_h, r = sp.symbols("root_i root_h r", nonnegative=True)
    sandwich = Assumption("sandwich", "The two roots differ by at most r.", sp.Le((root_i - root_h) ** 2, r**2))
    claim = Claim(
        "example",
        "observability from the sandwich",
        "lower",
        sp.Ge(root_i**2, root_h**2 / 4 - r**2 / 3),
        "driftbound",
        (sandwich,),
        witness={root_i: 1, root_h: 1, r: 0},
        script=lambda c: pf.qed(
            c,
            pf.nonnegative(
                c.statement, (sp.Rational(1, 3), c.assume("sandwich")), (sp.Rational(4, 3), (root_i - root_h / 4) ** 2)
            ),
        ),
    )
    assert claim.prove().status == "proved"


def test_the_threshold_of_observability_is_exact() -> None:
    assert pf.compare(sp.Rational(41789, 100000), (9 - 4 * sp.sqrt(2)) / 8).op == "<"
    assert pf.compare((9 - 4 * sp.sqrt(2)) / 8, sp.Rational(4179, 10000)).op == "<"


def test_means() -> None:
    assert pf.expectation((x * F + G) ** 2).rhs.expand() == x**2 * mean(F**2) + 2 * x * mean(F * G) + mean(G**2)
    assert pf.expectation(sp.Integer(3)).rhs == 3
    assert pf.mean_square(F - mean(F)).rhs == mean(F**2) - mean(F) ** 2
    assert pf.average(pf.nonnegative(sp.Le(0, F**2, evaluate=False))).rhs == mean(F**2)
    vectors = sp.Function("v", real=True)(i, omega)
    square = pf.expectation(sp.Sum(vectors, (i, 0, N)) ** 2)
    assert isinstance(square.rhs, sp.Sum)
    assert len(square.rhs.limits) == 2


def test_roots_maxima_and_equations() -> None:
    schwarz = pf.cited(pf.CAUCHY_SCHWARZ, u=F, v=G)
    bounded = pf.root(schwarz, mean(F * G), sp.sqrt(mean(F**2)) * sp.sqrt(mean(G**2)))
    assert (bounded.lhs, bounded.op) == (mean(F * G), "<=")
    assert pf.below_max(x, sp.Max(x, y)).rhs == sp.Max(x, y)
    ceiling = x**2 + y**2 + 1
    facts = [pf.nonnegative(sp.Le(2 * v, ceiling, evaluate=False), (v - 1) ** 2, w**2) for v, w in ((x, y), (y, x))]
    assert pf.max_below(sp.Max(2 * x, 2 * y), *facts).rhs == ceiling
    assert pf.chain(pf.identity(2 * x, x + x), pf.reverse(pf.identity(x * 2, 2 * x))).op == "=="


def test_induction_with_a_symbolic_index() -> None:
    total = sp.Sum(i, (i, 0, n))
    fact = pf.induction(
        sp.Eq(total, n * (n + 1) / 2, evaluate=False),
        n,
        pf.identity(sp.Sum(i, (i, 0, 0)), 0),
        lambda hypothesis, m: pf.identity(
            sp.Sum(i, (i, 0, m + 1)),
            (m + 1) * (m + 2) / 2,
            pf.identity(sp.Sum(i, (i, 0, m + 1)), sp.Sum(i, (i, 0, m)) + m + 1, unroll_at=m + 1),
            hypothesis,
        ),
    )
    assert not fact.hypotheses
    assert pf.instance(fact, n=N - 1).rhs == (N - 1) * N / 2


@pytest.mark.parametrize(
    ("expr", "var", "point", "value"),
    [
        ((sp.exp(p) - 1) / p, p, 0, 1),
        ((sp.exp(p) - 1 - p) / p**2, p, 0, sp.Rational(1, 2)),
        ((x**2 - 1) / (x - 1), x, 1, 2),
        ((2 * N + 1) / (N + 3), N, sp.oo, 2),
        (sp.Rational(1, 3) ** N + (-sp.Rational(1, 2)) ** N, N, sp.oo, 0),
        (1 / (1 + sp.exp(-N)), N, sp.oo, 1),
    ],
)
def test_limits(expr: sp.Expr, var: sp.Symbol, point: sp.Expr, value: sp.Expr) -> None:
    away = (pf.nonnegative((p - 1) ** 2),) if var == x else ()
    if var == x:
        with pytest.raises(pf.ProofError, match="no proved sign"):
            pf.limit(expr, var, point, value, domain=away)
        return
    assert pf.limit(expr, var, point, value).rhs == value


def test_integrals() -> None:
    assert pf.integral(x**2, x, (0, 1), x**3 / 3, sp.Rational(1, 3)).rhs == sp.Rational(1, 3)
    assert pf.integral(1 / x, x, (1, 2), sp.log(x), sp.log(2)).rhs == sp.log(2)
    assert pf.integral(sp.exp(-p * x), x, (0, q), -sp.exp(-p * x) / p, (1 - sp.exp(-p * q)) / p).op == "=="


def test_traces() -> None:
    A, B, inverse = sp.symbols("A B inverse", commutative=False)
    right = Assumption("right", "inverse is a right inverse of A.", sp.Eq(A * inverse, 1, evaluate=False))
    claim = Claim("trace", "similar matrices", "equality", sp.Eq(x, x, evaluate=False), "driftbound", (right,))
    assert pf.trace_identity(A * B, B * A).op == "=="
    assert pf.trace_identity(inverse * B * A, B, claim.assume("right")).op == "=="


# --- claims and proofs -----------------------------------------------------------------------------------------------
def test_a_user_adds_a_claim() -> None:
    """The worked example of the documentation."""
    alpha, one = s.alpha, Assumption("alpha", "The fresh fraction is at most 1.", sp.Le(s.alpha, 1))

    def script(claim: Claim) -> Proof:
        rho = pf.nonnegative(1 - alpha, claim.assume("alpha"))
        return pf.qed(claim, pf.nonnegative(claim.statement, (rho, rho)))

    mine = Claim(
        "mine",
        "alpha (2 - alpha) is at most 1",
        "upper",
        sp.Le(alpha * (2 - alpha), 1),
        "driftbound",
        (one,),
        script=script,
        witness={alpha: sp.Rational(1, 2)},
    )
    proof = mine.prove()
    assert proof.status == "proved"
    assert [step.kind for step in proof.steps] == ["assumed", "checked", "checked"]
    assert all(isinstance(step, Step) for step in proof.steps)
    assert proof.steps[-1].relation == mine.statement


def test_only_steps_that_the_conclusion_uses_are_reported() -> None:
    def script(claim: Claim) -> Proof:
        pf.identity(x + x, 2 * x, text="decoration")
        return pf.qed(claim, pf.nonnegative(claim.statement, text="the proof"))

    claim = Claim("c", "t", "lower", sp.Ge(x**2 + 1, 1, evaluate=False), "driftbound", script=script)
    assert [step.text for step in claim.prove().steps] == ["the proof"]


def test_a_refused_step_makes_the_outcome_conditional_and_is_named() -> None:
    claim = Claim("c", "t", "lower", sp.Ge(x**3, 0), "driftbound", script=lambda c: pf.qed(c, pf.nonnegative(c.statement)))
    proof = claim.prove()
    assert proof.status == "conditional"
    assert "x**3" in proof.missing


def test_without_a_script_the_missing_step_is_named() -> None:
    assert "no proof script" in Claim("c", "t", "lower", sp.Ge(x**2, y), "driftbound").prove().missing
    assert Claim("c", "t", "lower", sp.Ge(x**2, y), "driftbound", missing="the coupling").prove().missing == "the coupling"


def test_a_script_may_report_what_is_lacking() -> None:
    claim = Claim(
        "c",
        "t",
        "lower",
        sp.Ge(x**2, y),
        "driftbound",
        script=lambda c: pf.conditional(c, "the last step", pf.nonnegative(x**2)),
    )
    proof = claim.prove()
    assert (proof.status, proof.missing, len(proof.steps)) == ("conditional", "the last step", 1)


def test_a_false_claim_is_refuted_at_an_exact_case() -> None:
    case = {s.N: 2, s.divergence: (0, sp.Rational(1, 3), sp.Rational(1, 4))}
    claim = Claim(
        "c",
        "D grows",
        "lower",
        sp.Ge(s.divergence[i + 1], s.divergence[i]),
        "driftbound",
        expected="false",
        script=lambda c: pf.refuted(c, case),
    )
    proof = claim.prove()
    assert proof.status == "refuted"
    assert proof.witness is not None
    assert proof.witness[s.divergence][1] == sp.Rational(1, 3)


def test_mutants_and_nudges() -> None:
    claim = Claim(
        "square",
        "a square",
        "lower",
        sp.Ge(x**2 + 1, 2 * x, evaluate=False),
        "driftbound",
        script=lambda c: pf.qed(c, pf.nonnegative(c.statement, (x - 1) ** 2)),
    )
    wrong = Claim(
        "square/3",
        "wrong",
        "lower",
        sp.Ge(x**2 + 1, 3 * x, evaluate=False),
        "driftbound",
        expected="false",
        falsified_by={x: 1},
    )
    weak = Claim(
        "square/1", "true all the same", "lower", sp.Ge(x**2 + 1, x, evaluate=False), "driftbound", falsified_by={x: 1}
    )
    assert "refused" in pf.judge_mutant(claim, wrong)
    with pytest.raises(pf.ProofError, match="does not fail"):
        pf.judge_mutant(claim, weak)
    assert len(list(pf.nudged(claim))) >= 4
    kept = pf.survivors(claim)
    assert all("1 -> 11/10" in label for label in kept)  # x^2 + 1.1 >= 2x is weaker, and still proved


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"id": ""}, ValueError, "id must not be empty"),
        ({"id": 3}, TypeError, "id must be a string"),
        ({"title": " "}, ValueError, "title must not be empty"),
        ({"kind": "sideways"}, ValueError, "kind must be one of"),
        ({"expected": "maybe"}, ValueError, "expected must be"),
        ({"statement": "x <= y"}, TypeError, "statement must be a sympy relation"),
        ({"statement": sp.true}, ValueError, "statement must be a relation"),
        ({"statement": sp.Le(x, 0.5)}, ValueError, "statement must be exact"),
        ({"assumptions": [1]}, TypeError, "assumptions must be a tuple"),
        ({"mutants": ("no",)}, TypeError, "mutants must be a tuple"),
        ({"script": 7}, TypeError, "script must be callable"),
        ({"witness": [1]}, TypeError, "witness must be a mapping"),
        ({"assumptions": (Assumption("n", "t"), Assumption("n", "t"))}, ValueError, "different names"),
    ],
)
def test_a_bad_claim_names_the_argument(change: dict[str, object], error: type[Exception], message: str) -> None:
    good = {"id": "c", "title": "t", "kind": "upper", "statement": sp.Le(x, y), "source": "driftbound"}
    with pytest.raises(error, match=message):
        Claim(**{**good, **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("", "t"), ValueError, "name must not be empty"),
        (("a", 3), TypeError, "text must be a string"),
        (("a", "t", "x <= 1"), TypeError, "condition must be a sympy relation"),
        (("a", "t", sp.Le(x, 0.5)), ValueError, "condition must be exact"),
        (("a", "t", sp.Le(x, 1), None, ("x",)), TypeError, "over must be a tuple"),
    ],
)
def test_a_bad_assumption_names_the_argument(arguments: tuple[object, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Assumption(*arguments)  # type: ignore[arg-type]


def test_claims_are_immutable() -> None:
    claim = Claim("c", "t", "lower", sp.Ge(x**2, y), "driftbound", witness={x: 1})
    with pytest.raises(AttributeError):
        claim.id = "d"  # type: ignore[misc]
    with pytest.raises(TypeError):
        claim.witness[x] = 2  # type: ignore[index]


def test_latex_uses_the_names_of_the_vocabulary() -> None:
    claim = Claim("c", "t", "lower", sp.Ge(s.divergence[i], s.alpha * s.learned_energy / 8), "driftbound")
    assert r"\alpha" in claim.latex
    assert r"\hat\varepsilon^2" in claim.latex
    assert "{D}_{i}" in claim.latex
    assert claim.measured == {"divergence", "alpha", "learned_energy"}


def test_the_examples_of_the_kernel_run() -> None:
    assert doctest.testmod(pf).failed == 0
    assert doctest.testmod(pf).attempted >= 5


@pytest.mark.parametrize(
    "name", ["girsanov-kl", "divergence-table", "chi2-horizon", "consecutive-floor", "observability-lower"]
)
def test_a_script_that_never_looks_is_judged_as_if_it_ran_on_every_version(name: str) -> None:
    """judge holds the facts of one run against each version; here the script runs again for each."""
    claim = theory.claim(name)
    judged = pf.judge(claim)
    assert judged.survivors == tuple(label for label, version in pf.nudged(claim) if version.prove().status == "proved") == ()
    for mutant in claim.mutants:
        again = replace(mutant, script=claim.script, witness=claim.witness).prove()
        assert again.missing == judged.refused[mutant.id]


def test_a_script_that_looks_is_run_on_every_version() -> None:
    looked = []

    def script(claim: Claim) -> Proof:
        looked.append(claim.statement)
        return pf.qed(claim, pf.nonnegative(claim.statement, (x - 1) ** 2))

    claim = Claim("looks", "t", "lower", sp.Ge(x**2 + 1, 2 * x, evaluate=False), "driftbound", script=script)
    judged = pf.judge(claim)
    assert {"1 -> 11/10" in label for label in judged.survivors} == {True}  # x² + 1.1 >= 2x is weaker, and true
    assert judged.nudges == len(list(pf.nudged(claim))) <= len(looked)
    with pytest.raises(TypeError, match="claim must be a Claim"):
        pf.judge("looks")  # type: ignore[arg-type]


def test_zero_is_nudged_to_both_sides_and_a_relation_is_never_decided_by_sympy() -> None:
    claim = Claim("c", "t", "lower", sp.Ge(p, 0, evaluate=False), "driftbound")
    changed = [version.statement for _, version in pf.nudged(claim)]
    assert changed == [sp.Ge(p, sp.Rational(sign, 10), evaluate=False) for sign in (1, -1)]
