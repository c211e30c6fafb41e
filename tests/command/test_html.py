"""The page: every text escaped, readable in both colour schemes, in order for screen readers, and nothing from the network."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import sympy as sp

import theory
from numeric.command import html
from numeric.command.html import Column, Raw, Section
from numeric.command.suite import suite
from numeric.command.verify import Verification, run_suite
from numeric.command.verify_page import reproduce, verification_lead, verification_sections

HOSTILE = "<script>alert('&')</script>"
EMPTY = ("meta", "br", "img", "input", "link", "hr", "mspace", "path", "use", "rect", "image", "polyline", "polygon", "line")


class Tree(HTMLParser):
    """Elements in order, and whether each that was opened was closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture(scope="module")
def hostile() -> Verification:
    """A small run whose claim, assumption, symbol and case all carry markup."""
    case = replace(next(one for one in suite("quick") if one.label == "shrinking"), label=HOSTILE, purpose=HOSTILE)
    claim = theory.claim("refresh")
    nasty = theory.Claim(
        HOSTILE,
        HOSTILE,
        "upper",
        sp.Le(sp.Symbol(HOSTILE), 1),
        HOSTILE,
        assumptions=(theory.Assumption(HOSTILE, HOSTILE),),
        note=HOSTILE,
        numeric_side=False,
    )
    promoted = replace(claim.mutants[0], expected="true")  # VIOLATED on the case, which is then named among the shortfalls
    return run_suite([case], [claim, promoted, nasty], seed=3, complete=True)


@pytest.fixture(scope="module")
def page(hostile: Verification) -> str:
    arguments = {"claims": [HOSTILE], "target": HOSTILE, "size": "quick", "workers": 1}
    sections = verification_sections(hostile, arguments, [])
    return html.page(sections, title=HOSTILE, lead=verification_lead(hostile), footer=HOSTILE)


def test_no_text_becomes_markup(page: str) -> None:
    assert HOSTILE not in page
    assert page.count("<script>") == 1  # the page's own
    assert "alert(" in page  # it is there, as text
    assert not re.search(r"<[a-z]+[^>]*\son[a-z]+=(?!\"return false\")", page)


def test_the_page_is_well_formed_and_ids_are_unique(page: str) -> None:
    tree = Tree(page)
    ids = Counter(attributes["id"] for _, attributes in tree.elements if "id" in attributes)
    assert max(ids.values()) == 1
    for _, attributes in tree.elements:
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert set(attributes.get(name, "").split()) <= set(ids)


def test_headings_are_in_order_and_tables_have_headers(page: str) -> None:
    tree = Tree(page)
    levels = [int(tag[1]) for tag, _ in tree.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    tags = Counter(tag for tag, _ in tree.elements)
    assert tags["caption"] == tags["table"] > 3
    assert all(attributes.get("scope") in ("row", "col") for tag, attributes in tree.elements if tag == "th")
    assert next(attributes["href"] for tag, attributes in tree.elements if tag == "a") == "#content"
    assert next(attributes["lang"] for tag, attributes in tree.elements if tag == "html") == "en"


def test_nothing_comes_from_the_network(page: str) -> None:
    assert "default-src 'none'" in page
    outside = re.findall(r'(?:src|href|action)="([^"#][^"]*)"', page)
    assert outside == []
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in page


def test_the_shortfalls_are_said(hostile: Verification, page: str) -> None:
    assert hostile.exit_status == 1
    assert "Not everything came out as expected" in page
    assert "Not as expected" in page


def test_the_command_to_reproduce_is_one_that_a_shell_can_take() -> None:
    arguments = {"claims": ["refresh", "triangle"], "target": "my points.csv", "size": "full"}
    assert reproduce(arguments, 7) == "driftbound verify --seed 7 --claims refresh,triangle --target 'my points.csv' --full"
    assert reproduce({"claims": None, "target": "all", "size": "default"}, 7) == "driftbound verify --seed 7"


def test_sections_need_different_names(tmp_path: Path) -> None:
    one = Section("one", "One", html.paragraph("x"))
    with pytest.raises(ValueError, match="sections must have different names"):
        html.write_report([one, one], tmp_path / "report.html", title="t", lead=Raw(""))
    assert list(tmp_path.iterdir()) == []
    html.write_report([one], tmp_path / "report.html", title="t", lead=Raw(""))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "driftRows" not in text  # no script where there are no dials


def test_a_table_escapes_and_aligns() -> None:
    made = html.table("t", "Caption & co", [Column("name"), Column("value", "number")], [(HOSTILE, Raw("<b>1</b>"))])
    assert "&lt;script&gt;" in made
    assert '<td class="number"><b>1</b></td>' in made
    assert "Caption &amp; co" in made


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_have_the_contrast_that_readers_need(scheme: str) -> None:
    """4.5 for text, 3 for lines and borders of controls (WCAG 2.2, 1.4.3 and 1.4.11)."""
    style = (html.PAGE / "report.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, flags=re.DOTALL)
    colours = dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})", blocks[0]))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6})", blocks[1]))
    for paper in ("page", "card"):
        for ink in ("ink", "quiet", "link", "good", "bad", "caution", "open"):
            assert contrast(colours[ink], colours[paper]) >= 4.5, f"{ink} on {paper}"
        for line in ("drift", "sum", "undone", "ceiling", "focus"):
            assert contrast(colours[line], colours[paper]) >= 3.0, f"{line} on {paper}"
    for shade in ("shade0", "shade1", "shade2", "shade3", "band"):
        assert contrast(colours["ink"], colours[shade]) >= 4.5, f"ink on {shade}"


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours as WCAG defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
