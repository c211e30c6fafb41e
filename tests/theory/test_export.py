"""Claims and proofs as LaTeX: well formed, complete, readable."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import sympy as sp
from matplotlib.mathtext import MathTextParser

import theory
from theory import symbols as s
from theory.claim import INDICES, Assumption, Claim, conjuncts
from theory.export import KEYS, claim_latex, claim_markdown, document, proof_latex, proof_markdown
from theory.notation import INDEXED, latex, name, plain, prose, words
from theory.proof import as_relation, omega

ROOT = Path(__file__).parents[2]
FEW = ("girsanov-kl", "sandwich", "refresh", "persistent-v1", "golden-ratio", "w2-ball")
PARTIAL = Claim("partial", "No proof 100 % of x_1 & more", "lower", sp.Ge(s.chi2, s.kl), "me", missing="the coupling")


@cache
def whole(*names: str) -> str:
    return document([theory.claim(one) for one in names])


def flaws(text: str) -> list[str]:
    """What would stop LaTeX: unbalanced braces, dollars, environments, \\left without \\right, two superscripts on one base."""
    found = []
    bare = re.sub(r"\\[\\{}$%&#_]", "", text.replace(r"\left\{", r"\left").replace(r"\right\}", r"\right"))
    depth = 0
    for character in bare:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
    if depth:
        found.append("braces")
    if bare.count("$") % 2:
        found.append("dollars")
    if len(re.findall(r"\\left(?![a-z])", bare)) != len(re.findall(r"\\right(?![a-z])", bare)):
        found.append("left without right")
    open_ = []
    for kind, environment in re.findall(r"\\(begin|end)\{(\w+\*?)\}", bare):
        if kind == "begin":
            open_.append(environment)
        elif not open_ or open_.pop() != environment:
            found.append(f"environment {environment}")
    if open_:
        found.append(f"open {open_[-1]}")
    if bare.count(r"\[") != bare.count(r"\]"):
        found.append("display")
    group = r"(?:\{[^{}]*\}|\\[A-Za-z]+|[^\s{}\\])"
    flat = bare
    while (inner := re.sub(r"\{([^{}]*)\}", lambda m: "x" if "^" in m.group(1) else m.group(0), flat)) != flat:
        flat = inner
    if re.search(rf"\^{group}(?:_{group})?\^(?!\\prime)", flat) or re.search(rf"_{group}(?:\^{group})?_", flat):
        found.append("double script")
    if not text.isascii():
        found.append(f"not ASCII: {sorted({c for c in text if ord(c) > 127})}")
    return found


@pytest.mark.parametrize(
    ("broken", "flaw"),
    [
        (r"\frac{1}{2", "braces"), (r"$x", "dollars"), (r"\left(x", "left without right"),
        (r"\begin{proof}\end{theorem}", "environ"),
        (r"\begin{proof}", "open"), (r"\[x", "display"), ("x^2^{3}", "double script"), ("x_{i}_j", "double script"),
        ("D^{q}_{i}^{2}", "double script"), ("ε", "not ASCII"),
    ],
)  # fmt: skip
def test_the_reader_of_latex_notices(broken: str, flaw: str) -> None:
    assert any(one.startswith(flaw) for one in flaws(broken))


@pytest.mark.parametrize(
    "good", [r"{\left(x\right)}^{2}", r"\varepsilon_*^{2}", "$x_i^2$ 5 \\%", r"e^{x^2}", r"\bar D_{i}^{2}"]
)
def test_the_reader_of_latex_lets_pass(good: str) -> None:
    assert flaws(good) == []


@pytest.mark.parametrize("claim", theory.claims(), ids=lambda claim: claim.id)
def test_every_claim_is_a_well_formed_theorem(claim: Claim) -> None:
    text = claim_latex(claim)
    assert flaws(text) == []
    kind = "theorem" if claim.expected == "true" else "falseclaim"
    assert text.startswith(rf"\begin{{{kind}}}[")
    assert text.count(rf"\label{{claim:{claim.id}}}") == 1
    assert text.count(r"\item[") == len(claim.assumptions)
    assert text.count(r"\begin{remark}") == len(claim.mutants)
    assert all(rf"\label{{claim:{mutant.id}}}" in text for mutant in claim.mutants)
    for part in conjuncts(claim.statement):
        sides = (latex(part),) if latex(part) in text else (latex(part.lhs), latex(part.rhs).split(" ")[0])
        assert all(side in text for side in sides)
    if any(key in claim.source for key in KEYS):
        assert r"\cite" in text


@pytest.mark.parametrize("identifier", FEW)
def test_a_proof_lists_its_steps_with_what_they_rest_on(identifier: str) -> None:
    claim = theory.claim(identifier)
    proof = claim.prove()
    text = proof_latex(claim)
    assert flaws(text) == []
    assert text.count(r"\item ") == len(proof.steps)
    for kind in ("checked", "cited", "assumed"):
        assert text.count(rf"\textup{{({kind}") == sum(step.kind == kind for step in proof.steps)
    assert ("Refutation" in text) == ("fails, while all assumptions hold" in text) == (claim.expected == "false")
    assert proof_latex(proof).count(r"\item ") == len(proof.steps)
    for step in proof.steps:
        relation = as_relation(step.relation)
        for side in (relation.lhs, relation.rhs):  # what is too wide is broken between terms
            assert latex(side) in text or all(latex(term).lstrip("- ") in text for term in sp.Add.make_args(side))


def test_an_incomplete_proof_says_what_is_lacking() -> None:
    text = claim_latex(PARTIAL) + proof_latex(PARTIAL)
    assert flaws(text) == []
    assert "Incomplete proof" in text
    assert "Still lacking: the coupling." in text
    assert r"No proof 100 \% of $x_1$ \& more" in text


def test_a_document_holds_every_claim_once_and_its_notation() -> None:
    text = whole(*FEW)
    assert flaws(text) == []
    assert text.startswith(r"\documentclass")
    assert text.rstrip().endswith(r"\end{document}")
    for identifier in FEW:
        assert text.count(rf"\label{{claim:{identifier}}}") == 1
        assert text.count(rf"\ref{{claim:{identifier}}}") == 1
    declared = set(re.findall(r"\\newtheorem\*?\{(\w+)\}", text)) | {
        "document", "proof", "itemize", "enumerate", "align*", "center", "tabular",
    }  # fmt: skip
    assert set(re.findall(r"\\begin\{(\w+\*?)\}", text)) <= declared
    assert r"\texttt{ideal\_energy}" in text
    assert flaws(document([])) == []


def test_a_document_takes_proofs_that_were_run_before() -> None:
    claim = theory.claim("refresh")
    proof = claim.prove()
    assert document([claim], {"refresh": proof}) == document([claim])
    other = theory.claim("golden-ratio").prove()
    assert document([claim], {"refresh": other}) != document([claim])


def test_every_cited_key_is_in_the_bibliography() -> None:
    there = re.findall(r"^@\w+\{([^,]+),", (ROOT / "references.bib").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(KEYS) == set(there)
    text = "".join(claim_latex(claim) for claim in theory.claims())
    assert set(re.findall(r"\\cite(?:\[[^\]]*\])?\{([^}]*)\}", text)) <= set(KEYS)
    assert r"\cite[Prop.~3.1]{KTV-A}" in text


def test_every_symbol_of_the_vocabulary_has_a_name() -> None:
    vocabulary = [getattr(s, one) for one in s.__all__ if one != "LATEX"]
    assert [symbol for symbol in vocabulary if symbol not in s.LATEX and symbol not in INDICES] == []
    assert set(INDEXED) <= set(s.LATEX)
    for symbol in vocabulary:
        printed = latex(symbol[s.i, s.order] if isinstance(symbol, sp.IndexedBase) else symbol)
        assert "_" not in re.sub(r"[_^]\{|_.|\\_", "", printed), printed  # no bare identifier
        assert flaws(printed) == []


@pytest.mark.parametrize("claim", theory.claims(), ids=lambda claim: claim.id)
def test_no_two_quantities_of_one_claim_look_alike(claim: Claim) -> None:
    formulas = [claim.statement, *(f for a in claim.assumptions for f in (a.condition, a.formula) if f is not None)]
    bases = {base for formula in formulas for base in formula.atoms(sp.IndexedBase)}
    labels = {base.label for base in bases}
    free = {one for formula in formulas for one in formula.free_symbols if isinstance(one, sp.Symbol)} - labels
    for group in (bases, free):
        assert len({name(one) for one in group}) == len(group)


def test_formulas_are_read_by_a_parser_that_shares_no_code() -> None:
    mathtext = MathTextParser("path")
    for claim in theory.claims()[::4]:
        mathtext.parse(f"${latex(conjuncts(claim.statement)[0])}$")
    with pytest.raises(ValueError, match="superscript"):
        mathtext.parse("$D^{q}_{i}^{2}$")


def test_random_variables_are_printed_without_their_sample_point() -> None:
    f, law = sp.Function("excess", real=True), sp.Function("law", real=True)
    unknown = sp.Function("fresh_total", real=True)
    assert latex(f(s.i, omega) ** 2) == "f_{i}^{2}"
    assert latex(law(s.i + 1, omega) ** 2) == r"\left(p^{i + 1}\right)^{2}"
    assert latex(unknown(s.i, s.j, omega)) == r"\mathrm{fresh\ total}_{i,j}"
    assert latex(s.mixed[s.i] ** 2) == r"\left(D^{q}_{i}\right)^{2}"
    assert latex(s.ideal_energy**2) == r"\left(\varepsilon_*^2\right)^{2}"
    assert latex(s.N - 1) == "N - 1"
    assert latex(1 - s.alpha) == r"1 - \alpha"
    assert (words("rho"), words("e_y"), words("axis_total")) == (r"\rho", "e_{y}", r"\mathrm{axis\ total}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chi2(p^i || p) is finite", r"$\chi^2(p^i \| p)$ is finite"),
        ("D_0 = 0.", "$D_0 = 0$."),
        ("eps*² <= 1, epŝ²", r"$\varepsilon_{*}^2 \leq 1$, $\hat\varepsilon^2$"),
        ("KL(p^ || q_t0)", r"$\mathrm{KL}(\hat{p} \| q_{t_0})$"),
        ("a share of 5 % & more_of it", r"a share of 5 \% \& $\mathrm{more}_{of}$ it"),
        ("(see i) and (j", "(see $i$) and ($j$"),
        ("Hölder", r"H\"{o}lder"),
        ("1-D, A3 and girsanov-kl", "1-D, A3 and girsanov-kl"),
        ("<f_n, g_m> at t0_i", r"$\langle f_n, g_m\rangle$ at $t_{0,i}$"),
        ("p^oo with a = 1/2", r"$p^{\infty}$ with $a = 1/2$"),
    ],
)
def test_plain_sentences(text: str, expected: str) -> None:
    assert prose(text) == expected
    assert flaws(prose(text)) == []


def test_identifiers_stay_as_they_are() -> None:
    assert plain("constant-alpha_1") == r"constant-alpha\_1"
    assert plain("a_*b", markdown=True) == r"a\_\*b"


def test_notebooks_show_theorem_and_proof() -> None:
    for identifier in FEW:
        claim = theory.claim(identifier)
        shown = claim._repr_markdown_()
        assert shown == claim_markdown(claim)
        assert f"`{identifier}`" in shown
        assert shown.count("\n$$") == len(conjuncts(claim.statement))
        assert shown.count("\n- *") == len(claim.assumptions)
        assert shown.count("$") % 2 == 0
        proof = claim.prove()
        steps = proof._repr_markdown_()
        assert steps == proof_markdown(proof)
        assert steps.startswith(f"**{proof.status.capitalize()}**")
        assert len(re.findall(r"^\d+\. ", steps, re.MULTILINE)) == len(proof.steps)


def test_words_only_assumptions_have_no_formula() -> None:
    claim = Claim("c", "t", "lower", sp.Ge(s.chi2, s.kl), "me", assumptions=(Assumption("smooth", "densities are smooth"),))
    assert r"\item[\textup{(smooth)}] densities are smooth" + "\n" in claim_latex(claim)
    assert "- *smooth* — densities are smooth\n" in claim_markdown(claim)


@pytest.mark.parametrize("function", [claim_latex, proof_latex, claim_markdown, proof_markdown])
def test_something_else_is_refused(function) -> None:
    with pytest.raises(TypeError, match=r"must be a (Claim|Proof)"):
        function("refresh")
    with pytest.raises(TypeError, match="claims must be a Claim, got str"):
        document(["refresh"])  # type: ignore[list-item]


def test_an_assumption_of_finiteness_says_so() -> None:
    assert r"\varepsilon_*^2 < \infty" in claim_latex(theory.claim("path-chi2"))
