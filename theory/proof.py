"""The proof kernel: facts, the few rules that make them, and ``qed``.

A *fact* is a relation that was proved, with the hypotheses it rests on. A proof script, ``script(claim) -> Proof``, is an
ordinary function that calls the rules below; each returns a fact or refuses with a ProofError that says why:

>>> import sympy as sp
>>> x = sp.Symbol("x", real=True)
>>> tangent = nonnegative(sp.Le(2 * x, x**2 + 1, evaluate=False), (x - 1) ** 2)  # x² + 1 - 2x is the square of x - 1
>>> tangent
Fact(2*x <= x**2 + 1)
>>> instance(tangent, x=x / 2)
Fact(x <= x**2/4 + 1)
>>> nonnegative(sp.Le(3 * x, x**2 + 1, evaluate=False), (x - 1) ** 2)
Traceback (most recent call last):
    ...
theory.kernel.language.ProofError: inequality refused: 3*x <= x**2 + 1 has no such certificate

``qed(claim, fact, ...)`` compares facts with ``claim.statement``, the very formula that numbers are put into. So a script can
be wrong only by being refused: nothing it computes by other means counts, and nothing it believes.

How to read a fact. Every free symbol is quantified over its declared domain (``x`` above over the reals), except those that a
hypothesis speaks about. An expression that contains ``omega`` is a random variable: a relation between random variables holds
at every sample point, ``mean(...)`` is the expectation over the sample point, and every mean that is written is supposed to
exist (claims say so).

==================  ==================================================================================================
``assume``          an instance of an assumption stated in the claim
``identity``        lhs = rhs, because the difference reduces to 0; facts may be used as rewriting rules, left to right
``rewrite``         a fact with some facts used as rewriting rules
``nonnegative``     goal = sum of products of nonnegative things + a remainder with nonnegative coefficients
``expectation``     mean(expr), expanded by linearity
``mean_square``     0 <= mean(u**2), expanded by linearity
``average``         a relation at every sample point gives the relation between the means
``root``            x**2 <= y**2 and y >= 0 give x <= y
``below_max``       a <= max(a, b, ...);  ``max_below``: max(a, b, ...) <= c from a <= c, b <= c, ...
``compare``         a < b between explicit numbers, in interval arithmetic
``induction``       P(n) for every n, from P(start) and a step that maps Fact(P(n)) to Fact(P(n+1))
``limit``           by continuity, geometric decay and l'Hopital
``squeeze``         a <= x <= b with lim a = lim b
``integral``        by differentiating the antiderivative back
``trace_identity``  tr(lhs) = tr(rhs) for noncommuting words modulo relations and cyclic rotation
``cited``           a named theorem that reads its premises and writes its conclusion
``instance``        specialisation of a fact inside the domain of its symbols
``reverse``         b = a from a = b;  ``chain``: a = c from a = b, b = c;  ``antisymmetry``: a = b from a <= b, b <= a
==================  ==================================================================================================

Signs decide everything: a denominator, a root or a logarithm is accepted only where its sign is proved. A sign is proved from
the declared domains (``alpha`` is positive), from inequalities passed as ``domain`` or used as hints, and from visible squares
and sums of such things. If a step is refused, the usual cure is to prove the sign it needs as a fact of its own and to pass it.

It is written in ``theory/kernel``, each file on the ones before: ``language.py``, ``signs.py``, ``normal_form.py``,
``facts.py`` (what a fact is), ``primitives.py``, ``words.py``, ``analysis.py`` (the rules above), ``theorems.py`` (``cited``),
``cases.py`` (exact values), ``conclusions.py`` (``qed``, ``refuted``, ``disproved``), ``judging.py`` (what a proof refuses).
"""

from __future__ import annotations

from theory.kernel.analysis import (
    integral,
    limit,
    squeeze,
)
from theory.kernel.cases import (
    evaluate,
    falsifying,
    holds,
)
from theory.kernel.conclusions import (
    NotEstablished,
    conditional,
    disproved,
    qed,
    refuted,
    run,
    steps_of,
)
from theory.kernel.facts import (
    Fact,
    Hypothesis,
    Relation,
    as_relation,
)
from theory.kernel.judging import (
    Judgement,
    judge,
    judge_mutant,
    nudged,
    survivors,
)
from theory.kernel.language import Context, ProofError, fresh, mean, omega
from theory.kernel.primitives import (
    antisymmetry,
    assume,
    average,
    below_max,
    chain,
    compare,
    expectation,
    identity,
    induction,
    instance,
    max_below,
    mean_square,
    nonnegative,
    reverse,
    rewrite,
    root,
)
from theory.kernel.theorems import (
    CAUCHY_SCHWARZ,
    Theorem,
    cited,
)
from theory.kernel.words import (
    trace_identity,
)

__all__ = [
    "CAUCHY_SCHWARZ",
    "Context",
    "Fact",
    "Hypothesis",
    "Judgement",
    "NotEstablished",
    "ProofError",
    "Relation",
    "Theorem",
    "antisymmetry",
    "as_relation",
    "assume",
    "average",
    "below_max",
    "chain",
    "cited",
    "compare",
    "conditional",
    "disproved",
    "evaluate",
    "expectation",
    "falsifying",
    "fresh",
    "holds",
    "identity",
    "induction",
    "instance",
    "integral",
    "judge",
    "judge_mutant",
    "limit",
    "max_below",
    "mean",
    "mean_square",
    "nonnegative",
    "nudged",
    "omega",
    "qed",
    "refuted",
    "reverse",
    "rewrite",
    "root",
    "run",
    "squeeze",
    "steps_of",
    "survivors",
    "trace_identity",
]
