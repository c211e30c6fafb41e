"""How formulas and plain sentences are written in LaTeX: one notation for every export.

Names come from ``theory.symbols.LATEX``. Where a bare index would not read well (the total variation of p^i from p, say) the
name is a template here. Random variables are printed without their sample point, ``mean`` as an expectation.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any, Final

import sympy as sp
from sympy.printing.latex import LatexPrinter

from theory import symbols
from theory.proof import mean, omega

__all__ = ["FUNCTIONS", "INDEXED", "latex", "name", "plain", "prose", "words"]

INDEXED: Final[dict[sp.IndexedBase, str]] = {
    symbols.mixed: r"D^{q}_{#1}",
    symbols.initial_gram: r"G^{0}_{#1}",
    symbols.ratio_sup: r"\sup(q_{#1}/p)",
    symbols.ideal_energies: r"\varepsilon_{*,#1}^{2}",
    symbols.learned_energies: r"\hat\varepsilon_{#1}^{2}",
    symbols.scaled_chi2: r"I^{e/#1}",
    symbols.tv: r"\mathrm{TV}(p^{#1},p)",
    symbols.mixed_tv: r"\mathrm{TV}(q_{#1},p)",
    symbols.w1: r"W_1(p^{#1},p)",
    symbols.mixed_w1: r"W_1(q_{#1},p)",
    symbols.w2: r"W_2(p^{#1},p)",
    symbols.mixed_w2: r"W_2(q_{#1},p)",
    symbols.accumulated_kl: r"\mathrm{KL}(p^{#1}\|p)",
    symbols.mixed_kl: r"\mathrm{KL}(q_{#1}\|p)",
    symbols.hellinger: r"H(p^{#1},p)",
    symbols.mixed_hellinger: r"H(q_{#1},p)",
    symbols.smoothing_tv: r"\mathrm{TV}(q_{#1,t_0},q_{#1})",
    symbols.mmd: r"\mathrm{MMD}(p^{#1},p)",
    symbols.mixed_mmd: r"\mathrm{MMD}(q_{#1},p)",
    symbols.smoothing_mmd: r"\mathrm{MMD}(q_{#1,t_0},q_{#1})",
    symbols.endpoint_mmd: r"\mathrm{MMD}(p^{#1+1},q_{#1,t_0})",
    symbols.fresh_count: r"n^{\mathrm{fresh}}_{#1}",
    symbols.early_times: r"t_{0,#1}",
    symbols.hermite: r"c_{#2}(p^{#1})",
    symbols.mixed_hermite: r"c_{#2}(q_{#1})",
    symbols.hermite_data: r"c_{#1}(p)",
    symbols.hermite_limit: r"c_{#1}(p^{\infty})",
    symbols.second_moment: r"M(p^{#1})",
    symbols.mixed_moment: r"M(q_{#1})",
    symbols.smoothed: r"\langle\mathrm{OU}^{#1}p^{#2}\rangle",
    symbols.smoothed_mixture: r"\langle\mathrm{OU}^{#1}q_{#2}\rangle",
    symbols.noised_mixture: r"\langle\mathrm{OU}q_{#1}\rangle",
    symbols.smoothed_data: r"\langle\mathrm{OU}^{#1}p\rangle",
    symbols.smoothed_limit: r"\langle\mathrm{OU}^{#1}p^{\infty}\rangle",
    symbols.limit_tv: r"\mathrm{TV}(p^{#1},p^{\infty})",
    symbols.limit_w1: r"W_1(p^{#1},p^{\infty})",
    symbols.limit_w2: r"W_2(p^{#1},p^{\infty})",
    symbols.noised_limit_tv: r"\mathrm{TV}(\mathrm{OU}q_{#1},p^{\infty})",
    symbols.noised_limit_w2: r"W_2(\mathrm{OU}q_{#1},p^{\infty})",
    symbols.data_smoothing_tv: r"\mathrm{TV}(\mathrm{OU}_{t_{0,#1}}p,p)",
}
"""Indexed quantities whose index stands inside their name; #1, #2 are the indices."""

FUNCTIONS: Final[dict[str, str]] = {
    "excess": "f_{#1}",
    "novelty": "g_{#1}",
    "law": "p^{#1}",
    "mixture": "q_{#1}",
    "data": "p",
    "kernel": "k(x_0,x_1)",
    "pair_law": "p^{#1}(x_{#2})",
    "pair_mixture": "q_{#1}(x_{#2})",
    "pair_ideal": "q_{#1,t_0}(x_{#2})",
    "pair_data": "p(x_{#1})",
    "jordan_part": r"\sigma_{#1}^{(#2)}(x_{#3})",
    "weight": "e^{Z}",
    "energy": "V",
    "martingale": "M",
    "ratio": "R",
    "seen": r"\varphi",
    "davis_constant": "z_{#1}",
}
"""Functions that occur inside proofs, by name; #1 is their first argument, the sample point is not printed."""

GREEK: Final = (
    "alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma",
    "tau", "phi", "psi", "chi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi", "Psi", "Omega",
)  # fmt: skip


def name(symbol: sp.Symbol | sp.IndexedBase) -> str:
    """The LaTeX name of a symbol of the vocabulary, or one made from its own name.

    >>> name(symbols.ideal_energy), name(sp.Symbol("cross_rate")), name(sp.Symbol("e_y"))
    ('\\\\varepsilon_*^2', '\\\\mathrm{cross\\\\ rate}', 'e_{y}')
    """
    return symbols.LATEX.get(symbol) or words(symbol.name if isinstance(symbol, sp.Symbol) else str(symbol.label))


def words(identifier: str) -> str:
    """An identifier in LaTeX: a letter as it is, Greek by its command, words upright."""
    head, _, tail = identifier.partition("_")
    if tail and len(head) == 1 and len(tail) <= 2:
        return f"{head}_{{{tail}}}"
    if identifier in GREEK:
        return f"\\{identifier}"
    return identifier if len(identifier) == 1 else rf"\mathrm{{{identifier.replace('_', chr(92) + ' ')}}}"


class _Printer(LatexPrinter):  # type: ignore[misc]
    """sympy's printer with this notation."""

    def __init__(self) -> None:
        super().__init__({"order": "none", "parenthesize_super": True})

    def _as_ordered_terms(self, expr: sp.Add, order: str | None = None) -> list[sp.Expr]:
        terms = list(expr.args)
        if all(symbol.is_integer for symbol in expr.free_symbols):
            terms.sort(key=lambda term: bool(term.is_number))  # N - 1, and 1 - alpha
        lead = next((place for place, term in enumerate(terms) if not term.could_extract_minus_sign()), 0)
        return [terms.pop(lead), *terms]

    def _print_Symbol(self, expr: sp.Symbol, style: str = "plain") -> str:
        return name(expr)

    _print_Dummy = _print_Symbol

    def _print_Indexed(self, expr: sp.Indexed) -> str:
        indices = [self._print(index) for index in expr.indices]
        if expr.base in INDEXED:
            return _filled(INDEXED[expr.base], indices)
        return f"{{{name(expr.base)}}}_{{{','.join(indices)}}}"

    def _helper_print_standard_power(self, expr: sp.Pow, template: str) -> str:
        base = self.parenthesize(expr.base, sp.printing.precedence.PRECEDENCE["Pow"])
        if isinstance(expr.base, (sp.Symbol, sp.Indexed)):
            base = self.parenthesize_super(base)
        return template % (base, self._print(expr.exp))

    def _print_AppliedUndef(self, expr: Any, exp: str | None = None) -> str:
        arguments = [argument for argument in expr.args if argument != omega]
        printed = [self._print(argument) for argument in arguments]
        if expr.func == mean:
            text = rf"\mathbb{{E}}\left[{printed[0]}\right]"
            return text if exp is None else rf"\left({text}\right)^{{{exp}}}"
        called = expr.func.__name__
        if called in FUNCTIONS:
            text = _filled(FUNCTIONS[called], printed)
        else:
            text = words(called) + (f"_{{{','.join(printed)}}}" if printed else "")
        if exp is None:
            return text
        return rf"\left({text}\right)^{{{exp}}}" if "^" in text else f"{text}^{{{exp}}}"

    def _print_Function(self, expr: Any, exp: str | None = None) -> str:
        if isinstance(expr, sp.core.function.AppliedUndef):
            return self._print_AppliedUndef(expr, exp)
        return str(super()._print_Function(expr, exp))

    def _print_polygamma(self, expr: Any, exp: str | None = None) -> str:
        order, argument = expr.args
        head = r"\psi" if order == 0 else rf"\psi^{{({self._print(order)})}}"
        text = rf"{head}\left({self._print(argument)}\right)"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def _filled(template: str, arguments: list[str]) -> str:
    for place, argument in enumerate(arguments, start=1):
        template = template.replace(f"#{place}", argument)
    return template


@lru_cache(maxsize=1)
def _printer() -> _Printer:
    return _Printer()


@lru_cache(maxsize=8192)  # the same relation stands in many proofs
def latex(expression: sp.Basic) -> str:
    """LaTeX of a formula, without delimiters; sums begin with what is added, the rest in sympy's own order.

    >>> latex(sp.Le(symbols.kl, symbols.learned_energy / 2))
    '\\\\mathrm{KL}(\\\\hat p\\\\,\\\\|\\\\,q_{t_0}) \\\\leq \\\\frac{\\\\hat\\\\varepsilon^2}{2}'
    """
    return str(_printer().doprint(expression))


# --- sentences -------------------------------------------------------------------------------------------------------
_BRACES = r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}"
_SCRIPT = rf"[_^](?:{_BRACES}|\([^()]*\)|oo|[A-Za-z0-9]+\*?|\*)|[²³⁴]"
_TOKEN: Final = re.compile(
    "|".join(
        (
            r"(?P<space>\s+)",
            rf"(?P<strong>ep(?:s\*?|ŝ)(?:{_SCRIPT})*"  # the energies
            r"|N\(0, ?[I1]\)|chi2|W[12]\b(?:\^2)?|t0(?:_[a-z])?\b|oo\b|\bint\b|\bPi\b|\bgrad\b"
            rf"|<[^<>=]{{1,24}},[^<>=]{{1,24}}>|<[A-Z]>(?:{_SCRIPT})*"  # an inner product, a bracket
            rf"|\b(?:{'|'.join(GREEK)})\b'?(?:{_SCRIPT})*"
            rf"|\b[A-Za-z]+'?\^?(?:{_SCRIPT})+"  # a letter with its indices; p^_t is a hat
            r"|\bd?[A-Za-z]\^(?![A-Za-z0-9{(])|\bd[A-Zt]\*?(?!\w)"  # a hat alone, a differential
            r"|\b(?:sqrt|exp|log|max|min|sup|KL|TV|OU|Var|MMD)(?= ?\()|\bsqrt\b|\blog\b"
            r"|\b[B-HJ-Zb-z]\b(?!'\w)'?\*?|\b[A-Z]'(?![a-z])|(?<=[-=+*/(] )a\b|\ba(?= [=+*/])|!=|<=|>=|->|[<>=])",
            rf"(?P<weak>\|\|(?:{_SCRIPT})?|[)\]|](?:{_SCRIPT})*|[-+*/(\[,]|(?<!\w)(?:\d+(?:\.\d+)?|\.\d+)(?![\w-])|[½¼×])",
            r"(?P<word>\d-[A-Z]\b|[A-Za-z]\d\b|[^\W\d_]+(?:[-'][^\W\d_]+)*|.)",
        )
    ),
    re.DOTALL,
)
_PLAIN: Final = {"²": "^2", "³": "^3", "⁴": "^4", "½": r"\frac{1}{2} ", "¼": r"\frac{1}{4} ", "×": r"\times "}
_SIGNS: Final = {"<=": r"\leq ", ">=": r"\geq ", "->": r"\to ", "!=": r"\ne ", "||": r"\|"}
_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    **{mark: f"\\{mark}" for mark in "{}_%&#$"},
}
_MARKDOWN: Final = {character: f"\\{character}" for character in r"\`*_{}[]#<>|~$"}
_ACCENTS: Final = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0308": '"', "\u0303": "~", "\u030c": "v", "\u0327": "c"}
_PAIRS: Final = {")": "(", "]": "["}


def prose(text: str, *, markdown: bool = False) -> str:
    """A plain sentence for LaTeX (or Markdown): what is mathematics in it between dollars, the rest escaped.

    >>> prose("S_{i+1} = (1 - alpha_i)^2 S_i + J_i^2 for chi2 of round i, at 5 %")
    '$S_{i+1} = (1 - \\\\alpha_i)^2 S_i + J_i^2$ for $\\\\chi^2$ of round $i$, at 5 \\\\%'
    """
    out: list[str] = []
    run: list[tuple[str, str]] = []
    for found in _TOKEN.finditer(text):
        kind = str(found.lastgroup)
        if kind != "word":
            run.append((kind, found.group()))
            continue
        out += _run(run, markdown)
        out.append(plain(found.group(), markdown=markdown))
        run = []
    return "".join([*out, *_run(run, markdown)])


def plain(text: str, *, markdown: bool = False) -> str:
    """Words without mathematics, an identifier say, escaped for LaTeX or Markdown."""
    special = _MARKDOWN if markdown else _SPECIAL
    out = []
    for character in text:
        if character in _PLAIN:
            out.append(f"${'{}' if _PLAIN[character][0] == '^' else ''}{_PLAIN[character].strip()}$")
        elif character in special:
            out.append(special[character])
        elif not markdown and ord(character) > 127:
            base, accent = (*unicodedata.normalize("NFD", character), "")[:2]
            out.append(f"\\{_ACCENTS[accent]}{{{base}}}" if accent in _ACCENTS and base.isascii() else character)
        else:
            out.append(character)
    return "".join(out)


def _run(tokens: list[tuple[str, str]], markdown: bool) -> list[str]:
    """Neighbouring tokens without words between them: their mathematics as one formula, what hangs over at the ends as text."""
    first, last = 0, len(tokens)
    while first < last and not _opens(tokens, first):
        first += 1
    while last > first and (tokens[last - 1][0] == "space" or tokens[last - 1][1] in ("(", "[", ",", "-", "+", "*", "/")):
        last -= 1
    inner = tokens[first:last]
    odd = _unmatched(inner)
    if odd is not None:
        middle = [*_run(inner[:odd], markdown), plain(inner[odd][1], markdown=markdown), *_run(inner[odd + 1 :], markdown)]
    elif any(kind == "strong" for kind, _ in inner):
        middle = [f"${_formula(''.join(token for _, token in inner))}$"]
    else:
        middle = [plain(token, markdown=markdown) for _, token in inner]
    ends = [[plain(token, markdown=markdown) for _, token in part] for part in (tokens[:first], tokens[last:])]
    return [*ends[0], *middle, *ends[1]]


def _opens(tokens: list[tuple[str, str]], place: int) -> bool:
    """Whether a formula may begin here: not with a space, a comma or a sign that belongs to what stands before."""
    kind, token = tokens[place]
    if token == "-":
        return place + 1 < len(tokens) and tokens[place + 1][0] != "space"
    return kind != "space" and token not in (",", "+", "*", "/")


def _unmatched(tokens: list[tuple[str, str]]) -> int | None:
    """The place of a bracket without its partner, or of a comma outside of all brackets."""
    open_: list[int] = []
    for place, (kind, token) in enumerate(tokens):
        if kind != "weak":
            continue
        if token in ("(", "["):
            open_.append(place)
        elif token[0] in _PAIRS:
            if not open_ or tokens[open_[-1]][1] != _PAIRS[token[0]]:
                return place
            open_.pop()
        elif token == "," and not open_:
            return place
    return open_[0] if open_ else None


def _formula(text: str) -> str:
    """A piece of plain mathematics in LaTeX."""
    text = re.sub(r"ep(s\*?|ŝ)(?:_([a-z]))?", lambda m: _energy(m.group(1) == "ŝ", m.group(2)), text)
    text = text.replace("chi2", "chi^2")
    text = re.sub(r"([A-Za-z])\^(?=_|$|[^A-Za-z0-9{(*])", r"\\hat{\1}", text)
    text = re.sub(r"([_^])([A-Za-z0-9]{2,})", r"\1{\2}", text)
    text = re.sub(r"\^\(([^()]*)\)", r"^{(\1)}", text)
    text = re.sub(r"sqrt ?\(([^()]*)\)", r"\\sqrt{\1}", text)
    text = re.sub(r"sqrt (\w+)", r"\\sqrt{\1}", text)
    text = re.sub(r"<([^<>=]{1,24},[^<>=]{1,24}|[A-Z])>", r"\\langle \1\\rangle ", text)
    text = re.sub(r"(?<![A-Za-z\\])t0_([a-z])", r"t_{0,\1}", text)
    text = re.sub(r"(?<![A-Za-z\\])t0", "t_0", text)
    text = re.sub(r"\bW([12])\b", r"W_\1", text)
    text = re.sub(r"(?<![A-Za-z\\])oo(?![A-Za-z])", r"\\infty ", text)
    text = re.sub(rf"(?<![A-Za-z\\])({'|'.join(GREEK)}|max|min|sup|exp|log|int|Pi)(?![A-Za-z])", r"\\\1 ", text)
    text = re.sub(r"(?<![A-Za-z\\])sum(?=_)", r"\\sum", re.sub(r"(?<=[A-Za-z])\*(?![\w,}])", "^*", text))
    text = re.sub(r"(?<![A-Za-z\\])(OU|He|KL|TV)(?![A-Za-z])", r"\\mathrm{\1}", text)
    text = re.sub(r"(?<![A-Za-z\\])(?<!mathrm\{)([A-Za-z]{3,})(?![A-Za-z])", r"\\mathrm{\1} ", text)
    for mark, command in (*_SIGNS.items(), *_PLAIN.items()):
        text = text.replace(mark, command)
    return re.sub(r" +(?=[_^'})\],]|$)", "", re.sub(r"(?<=[({\[]) +", "", text)).replace("  ", " ")


def _energy(learned: bool, index: str | None) -> str:
    if learned:
        return r"\hat\varepsilon " + (f"_{index}" if index else "")
    return rf"\varepsilon_{{*,{index}}}" if index else r"\varepsilon_{*}"
