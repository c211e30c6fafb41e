"""Formulas as MathML: well formed, complete, and safe."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import sympy as sp

import theory
from numeric.command.mathml import formula, from_latex, sentence


def words(markup: str) -> str:
    return "".join(ElementTree.fromstring(markup).itertext())


def test_every_statement_and_condition_is_well_formed_and_understood() -> None:
    for claim in theory.claims():
        formulas = [claim.statement, *(one.condition for one in claim.assumptions if one.condition is not None)]
        for one in formulas:
            markup = formula(one)
            tree = ElementTree.fromstring(markup)
            assert tree.tag == "math"
            assert tree.find(".//mtext") is None, f"{claim.id}: not understood in {markup}"
            for element in tree.iter():  # elements that need a fixed number of arguments have them
                wanted = {"mfrac": 2, "msub": 2, "msup": 2, "msubsup": 3, "munder": 2, "mover": 2, "munderover": 3, "mroot": 2}
                assert len(element) == wanted.get(element.tag, len(element)), f"{claim.id}: {element.tag}"


def test_every_sentence_is_well_formed_and_keeps_its_words() -> None:
    for claim in theory.claims():
        said = [claim.title, claim.note, *(one.text for one in claim.assumptions), *(one.note for one in claim.mutants)]
        for one in said:
            markup = f"<p>{sentence(one)}</p>"
            tree = ElementTree.fromstring(markup)
            assert tree.find(".//mtext") is None, f"{claim.id}: not understood in {markup}"
            assert "$" not in markup
            assert not [word for word in re.findall(r"[a-z]{6,}", tree.text or "") if word not in one]


def test_mathematics_in_a_sentence_and_nothing_else_is_set() -> None:
    squared = from_latex(r"(1 - \alpha)^2")
    assert sentence("mixing contracts by (1 - alpha)^2") == f"mixing contracts by {squared}"
    assert sentence("50 % of it & [more] at $") == "50 % of it &amp; [more] at $"
    hostile = ElementTree.fromstring(f"<p>{sentence('<script>alert(1)</script>')}</p>")
    assert {element.tag for element in hostile.iter()} <= {"p", "math", "mo", "mi", "mn"}


@pytest.mark.parametrize(
    ("latex", "markup"),
    [
        ("x", "<mi>x</mi>"),
        (r"\frac{a}{2}", "<mfrac><mi>a</mi><mn>2</mn></mfrac>"),
        (r"x_{i}^{2}", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        (r"\sqrt{a b}", "<msqrt><mrow><mi>a</mi><mi>b</mi></mrow></msqrt>"),
        (r"\sqrt[3]{a}", "<mroot><mi>a</mi><mn>3</mn></mroot>"),
        (r"\left(a\right)", "<mrow><mo>(</mo><mi>a</mi><mo>)</mo></mrow>"),
        (r"\sum_{i=0}^{N} D", None),
        (r"C'^{2}", "<msup><mi>C</mi><mrow><mo>′</mo><mn>2</mn></mrow></msup>"),
        (r"a \leq b", "<mi>a</mi><mo>≤</mo><mi>b</mi>"),
        (r"\begin{cases} a & b \\ c & d \end{cases}", None),
        (r"\unheardof{x}", "<mtext>unheardof</mtext><mi>x</mi>"),
        ("a < b & c", "<mi>a</mi><mo>&lt;</mo><mi>b</mi><mo>&amp;</mo><mi>c</mi>"),
        (r"\mathrm{<script>}", "<mi>&lt;script&gt;</mi>"),
        ("}", "<mo>}</mo>"),
        ("{", "<mrow></mrow>"),
        ("x^", "<mi>x</mi>"),
    ],
)
def test_latex_becomes_this_markup(latex: str, markup: str | None) -> None:
    found = from_latex(latex)
    ElementTree.fromstring(found)
    if markup is not None:
        assert found == f"<math>{markup}</math>"


def test_different_formulas_look_different() -> None:
    x, y = sp.symbols("x y")
    seen = [formula(one) for one in (x + y, x - y, x * y, x / y, x**y, sp.sqrt(x), sp.Le(x, y), sp.Ge(x, y), sp.Eq(x, y))]
    assert len(set(seen)) == len(seen)
    assert words(formula(sp.Le(x, sp.Rational(1, 2)))) == "x≤12"


def test_a_symbol_with_a_hostile_name_stays_text() -> None:
    markup = formula(sp.Symbol("<img src=x onerror=alert(1)>") + 1)
    assert "<img" not in markup
    ElementTree.fromstring(markup)
