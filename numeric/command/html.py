"""``report.html``: one self-contained page from sections, light and dark, wide and narrow, for eyes and for screen readers.

Whoever writes a section makes its body with the functions below, which escape every text they are given. Nothing in the page
asks the network for anything; its content security policy forbids it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from matplotlib.figure import Figure

from numeric.command.report import write_text
from numeric.plots.style import as_svg

__all__ = [
    "Column",
    "Raw",
    "Section",
    "details",
    "dials",
    "facts",
    "listing",
    "marked",
    "page",
    "paragraph",
    "picture",
    "table",
    "text",
    "write_report",
]

PAGE: Final = Path(__file__).parent / "page"


class Raw(str):
    """HTML that is already safe; any other text is escaped where it is put in."""

    __slots__ = ()


Cell = str | Raw


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own; ``name`` is its address, unique in the page."""

    name: str
    title: str
    body: Raw


@dataclass(frozen=True)
class Column:
    """Heading of a column; ``kind`` is "text", "number" (right-aligned) or "words" (long text)."""

    title: str
    kind: str = "text"


def text(value: Cell) -> str:
    """Safe HTML of a text."""
    return str(value) if isinstance(value, Raw) else escape(value)


def paragraph(value: Cell, style: str = "") -> Raw:
    """A paragraph, with a class of the style sheet where given."""
    return Raw(f"<p{_class(style)}>{text(value)}</p>")


def marked(value: Cell, style: str) -> Raw:
    """A few words in a class of the style sheet."""
    return Raw(f"<span{_class(style)}>{text(value)}</span>")


def facts(entries: Mapping[str, Cell]) -> Raw:
    """Names and values, one to a line."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{text(value)}</dd>" for name, value in entries.items())
    return Raw(f'<dl class="facts">{rows}</dl>')


def listing(entries: Iterable[Cell], style: str = "", *, ordered: bool = False) -> Raw:
    """A list."""
    tag = "ol" if ordered else "ul"
    return Raw(f"<{tag}{_class(style)}>" + "".join(f"<li>{text(entry)}</li>" for entry in entries) + f"</{tag}>")


def table(name: str, caption: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> Raw:
    """A table that scrolls by itself where the screen is narrow; the first cell of each row is the row's heading."""
    styles = ["" if column.kind == "text" else _class(column.kind) for column in columns]
    head = "".join(f'<th scope="col"{style}>{escape(one.title)}</th>' for one, style in zip(columns, styles, strict=True))
    body = []
    for row in rows:
        first, *rest = zip(row, styles, strict=True)
        cells = "".join(f"<td{style}>{text(cell)}</td>" for cell, style in rest)
        body.append(f'<tr><th scope="row"{first[1]}>{text(first[0])}</th>{cells}</tr>\n')
    label = escape(name)
    start = f'<div class="scroll" role="region" aria-labelledby="{label}" tabindex="0"><table>'
    caption_line = f'<caption id="{label}">{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
    return Raw(f"{start}{caption_line}<tbody>\n{''.join(body)}</tbody></table></div>")


def details(summary: Cell, body: Raw) -> Raw:
    """Something that opens when it is asked for."""
    return Raw(f"<details><summary>{text(summary)}</summary>{body}</details>")


def picture(figure: Figure, title: str, description: str, caption: Cell = "", *, wide: bool = False) -> Raw:
    """A figure as inline SVG; title and description are what a screen reader says of it."""
    under = f"<figcaption>{text(caption)}</figcaption>" if caption else ""
    sketch = as_svg(figure, title=title, description=description)
    frame = f'<div class="sketch" role="region" tabindex="0" aria-label="{escape(title)}">' if wide else '<div class="sketch">'
    return Raw(f"<figure{_class('wide' if wide else '')}>{frame}{sketch}</div>{under}</figure>")


def dials() -> Raw:
    """Sliders for fresh fraction, energy, observability, overlap and rounds, with floor, sum, drift and ceiling."""
    return Raw((PAGE / "dials.html").read_text(encoding="utf-8"))


def page(sections: Sequence[Section], *, title: str, lead: Raw, footer: Cell = "") -> str:
    """The whole page. ValueError where two sections have the same name."""
    names = [section.name for section in sections]
    if len(set(names)) != len(names):
        raise ValueError(f"sections must have different names, got {', '.join(names)}")
    inner = []
    for section in sections:
        heading = f"{escape(section.name)}-heading"
        inner.append(
            f'<section id="{escape(section.name)}" aria-labelledby="{heading}">'
            f'<h2 id="{heading}">{escape(section.title)}</h2>\n{section.body}</section>'
        )
    contents = "".join(f'<li><a href="#{escape(one.name)}">{escape(one.title)}</a></li>' for one in sections)
    scripted = any('id="dials"' in section.body for section in sections)
    script = f"<script>\n{(PAGE / 'drift.js').read_text(encoding='utf-8')}</script>" if scripted else ""
    return Template((PAGE / "report.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        style=(PAGE / "report.css").read_text(encoding="utf-8"),
        lead=lead,
        contents=contents,
        sections="\n".join(inner),
        footer=text(footer),
        script=script,
    )


def write_report(sections: Sequence[Section], path: Path, *, title: str, lead: Raw, footer: Cell = "") -> None:
    """Write the page, whole or not at all."""
    write_text(path, page(sections, title=title, lead=lead, footer=footer))


def _class(style: str) -> str:
    return f' class="{escape(style)}"' if style else ""
