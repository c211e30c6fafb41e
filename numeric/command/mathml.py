"""Formulas for a page without network: the LaTeX of ``theory.notation``, as MathML.

Only what sympy and that notation use is understood. A command beyond that is shown by its name, so that no
formula ever stops a report.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from typing import Final

import sympy as sp

from theory.notation import latex, prose

__all__ = ["formula", "from_latex", "sentence"]

LETTERS: Final = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ",
    "phi": "ϕ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Pi": "Π", "Delta": "Δ",
    "Lambda": "Λ", "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "infty": "∞", "nabla": "∇",
    "star": "⋆", "ell": "ℓ", "partial": "∂",
}  # fmt: skip
SIGNS: Final = {
    "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥", "neq": "≠", "ne": "≠", "wedge": "∧", "vee": "∨", "to": "→", "cdot": "·",
    "times": "×", "in": "∈", "|": "‖", "Rightarrow": "⇒", "approx": "≈", "langle": "⟨", "rangle": "⟩", "lvert": "|",
    "rvert": "|", "{": "{", "}": "}", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
}  # fmt: skip
BIG: Final = {"sum": "∑", "prod": "∏", "int": "∫"}
WORDS: Final = ("lim", "max", "min", "log", "exp", "sup", "inf", "det", "sin", "cos", "tan", "tanh", "limsup", "liminf", "ln")
ACCENTS: Final = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303", "overline": "\u0304", "dot": "\u0307", "vec": "\u20d7"}
SPACES: Final = {",": "0.17em", ";": "0.28em", ":": "0.22em", " ": "0.25em", "quad": "1em", "!": "0em"}
FONTS: Final = ("mathrm", "mathbb", "operatorname", "text", "mathtt", "mathcal", "mathbf", "mathit", "mathsf")
DOUBLE: Final = {"E": "𝔼", "P": "ℙ", "R": "ℝ", "N": "ℕ"}
TOKEN: Final = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|[A-Za-z]+|\s+|.", re.DOTALL)
Stop = Callable[[str], bool]


def formula(expression: sp.Basic, *, block: bool = False) -> str:
    """A ``<math>`` element; ``block`` on a line of its own."""
    return from_latex(latex(expression), block=block)


def sentence(text: str) -> str:
    """Safe HTML of a sentence; what is mathematics in it as ``<math>``."""
    out = []
    for found in re.finditer(r"\\(.)|\$([^$]*)\$|([^\\$]+)", prose(text, markdown=True), re.DOTALL):
        escaped, mathematics, words = found.groups()
        out.append(from_latex(mathematics) if mathematics is not None else escape(escaped or words))
    return "".join(out)


def from_latex(text: str, *, block: bool = False) -> str:
    """A ``<math>`` element for LaTeX of the kind that sympy prints."""
    inner = _Reader(text).everything()
    opening = '<math display="block">' if block else "<math>"
    return f"{opening}{inner}</math>"


class _Reader:
    """Recursive descent over tokens; every method returns MathML of one or of several elements."""

    def __init__(self, text: str) -> None:
        self._tokens = TOKEN.findall(text)
        self._place = 0

    def everything(self) -> str:
        """The whole text; a closing bracket without its opening one is shown as it stands."""
        out = []
        while self._place < len(self._tokens):
            out.append(self._row(lambda token: False))
        return "".join(out)

    def _peek(self) -> str:
        """The next token that is not space; empty at the end."""
        while self._place < len(self._tokens) and self._tokens[self._place].isspace():
            self._place += 1
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._place += 1
        return token

    def _row(self, stop: Stop) -> str:
        """Elements up to a token at which to stop, which is left in place."""
        parts: list[str] = []
        while (token := self._peek()) and not stop(token):
            base, limits = self._base()
            parts.append(self._scripted(base, limits))
        return "".join(parts)

    def _group(self) -> str:
        """One argument: a braced group or a single token."""
        if self._peek() != "{":
            return self._base()[0] if self._peek() else ""
        self._take()
        inner = self._row(lambda token: token == "}")
        self._take()
        return _one(inner)

    def _raw(self) -> str:
        """The text of a braced argument as it stands."""
        if self._peek() != "{":
            return self._take()
        self._take()
        depth, words = 1, []
        while self._place < len(self._tokens):
            token = self._tokens[self._place]
            self._place += 1
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            words.append(token)
        return "".join(words)

    def _scripted(self, base: str, limits: bool) -> str:
        """``base`` with the sub- and superscripts that follow it."""
        low = high = ""
        primes = 0
        while (token := self._peek()) in ("_", "^", "'", r"\limits", r"\nolimits"):
            self._take()
            if token == "_":
                low += self._group()
            elif token == "^":
                high += self._group()
            elif token == "'":
                primes += 1
            else:
                limits = token == r"\limits"
        high = f"<mo>{'′' * primes}</mo>" * bool(primes) + high
        if not low and not high:
            return base
        base, low, high = _one(base), _one(low) if low else "", _one(high) if high else ""
        under, over, both = ("munder", "mover", "munderover") if limits else ("msub", "msup", "msubsup")
        name = both if low and high else under if low else over
        return f"<{name}>{base}{low}{high}</{name}>"

    def _base(self) -> tuple[str, bool]:
        """The next element, and whether its scripts stand below and above it."""
        token = self._take()
        if token == "{":
            inner = self._row(lambda one: one == "}")
            self._take()
            return _one(inner), False
        if token.startswith("\\"):
            return self._command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>", False
        if token.isalpha():
            return f"<mi>{escape(token)}</mi>", False
        if token in "([":
            return f"<mo>{token}</mo>", False
        return f"<mo>{escape({'-': '−', '*': '∗'}.get(token, token))}</mo>", False

    def _command(self, name: str) -> tuple[str, bool]:
        if name in LETTERS:
            return f"<mi>{LETTERS[name]}</mi>", False
        if name in SIGNS:
            return f"<mo>{escape(SIGNS[name])}</mo>", False
        if name in BIG:
            return f"<mo>{BIG[name]}</mo>", name != "int"
        if name in WORDS:
            return f"<mo>{name}</mo>", name in ("lim", "max", "min", "sup", "inf", "limsup", "liminf")
        if name in SPACES:
            return f'<mspace width="{SPACES[name]}"/>', False
        if name in ("frac", "dfrac", "tfrac"):
            return f"<mfrac>{self._group()}{self._group()}</mfrac>", False
        if name == "sqrt":
            return self._root(), False
        if name in ACCENTS:
            return _accented(self._group(), ACCENTS[name]), False
        if name in FONTS:
            word = self._raw()
            shown = DOUBLE.get(word, word) if name == "mathbb" else word.replace("\\_", "_")
            return f"<mi>{escape(shown)}</mi>" if name != "text" else f"<mtext>{escape(shown)}</mtext>", False
        if name == "substack":
            rows = self._raw().split(r"\\")
            cells = "".join(f"<mtr><mtd>{_Reader(row).everything()}</mtd></mtr>" for row in rows)
            return f"<mtable>{cells}</mtable>", False
        if name == "left":
            return self._fenced(), False
        if name in ("begin", "end"):
            return self._environment(name), False
        if name in ("displaystyle", "textstyle", "limits", "nolimits", "\\"):
            return "", False
        return f"<mtext>{escape(name)}</mtext>", False

    def _root(self) -> str:
        if self._peek() == "[":
            self._take()
            index = self._row(lambda token: token == "]")
            self._take()
            return f"<mroot>{self._group()}{_one(index)}</mroot>"
        return f"<msqrt>{self._group()}</msqrt>"

    def _fence(self) -> str:
        token = self._take()
        return "" if token == "." else SIGNS.get(token[1:], token[1:]) if token.startswith("\\") else token

    def _fenced(self) -> str:
        opening = self._fence()
        inner = self._row(lambda token: token == r"\right")
        self._take()
        closing = self._fence()
        left, right = (f"<mo>{escape(mark)}</mo>" if mark else "" for mark in (opening, closing))
        return f"<mrow>{left}{inner}{right}</mrow>"

    def _environment(self, name: str) -> str:
        """Cases and arrays as a table."""
        kind = self._raw()
        if name == "end":
            return ""
        rows: list[list[str]] = [[]]
        while token := self._peek():
            if token == r"\end":
                self._take()
                self._raw()
                break
            cell = self._row(lambda one: one in ("&", r"\\", r"\end"))
            rows[-1].append(cell)
            if self._peek() == "&":
                self._take()
            elif self._peek() == r"\\":
                self._take()
                rows.append([])
        body = "".join("<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in row) + "</mtr>" for row in rows if row)
        table = f"<mtable>{body}</mtable>"
        return f"<mrow><mo>{{</mo>{table}</mrow>" if kind == "cases" else table


def _accented(base: str, accent: str) -> str:
    """A letter with its accent as one character, which fonts without mathematics place well too; else the accent above."""
    letter = re.fullmatch(r"<mi>(\w)</mi>", base)
    if letter:
        return f'<mi style="font-style:italic">{letter.group(1)}{accent}</mi>'
    return f'<mover accent="true">{base}<mo>\u00a0{accent}</mo></mover>'


_ELEMENT: Final = re.compile(r"<(/?)([a-z]+)[^>]*?(/?)>")


def _one(inner: str) -> str:
    """One element: what is given, or a row around several (or none)."""
    depth = count = 0
    for found in _ELEMENT.finditer(inner):
        if found.group(3):
            count += depth == 0
        elif found.group(1):
            depth -= 1
            count += depth == 0
        else:
            depth += 1
    return inner if count == 1 else f"<mrow>{inner}</mrow>"
