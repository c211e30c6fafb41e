"""How figures look: colours that stay apart for colour-blind readers, quiet axes, and SVG that follows a page's colours.

The colours are those of Okabe and Ito; lines that meet in one panel differ in dash or marker as well.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any, Final, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

__all__ = [
    "BAND",
    "CEILING",
    "DRIFT",
    "GRID",
    "INK",
    "ORDER",
    "SHADES",
    "SUM",
    "UNDONE",
    "ages",
    "as_svg",
    "canvas",
    "legend",
    "look",
    "mark_infinite",
    "panel",
    "save",
    "settle",
    "tidy",
]

Canvas = TypeVar("Canvas", FigureCanvasAgg, FigureCanvasSVG)

INK: Final = "#22313f"  # text, axes, bounds
GRID: Final = "#b8c2cc"
BAND: Final = "#dbe8f1"  # between floor and ceiling
DRIFT: Final = "#d55e00"  # what is observed
SUM: Final = "#0072b2"  # the discounted sum
UNDONE: Final = "#009e73"  # errors that undo each other
CEILING: Final = "#8a4f7d"
SHADES: Final = ("#e3f1ec", "#dbe7f4", "#f7e6c4", "#f3cdb5")  # regions, from harmless to not
ORDER: Final = (DRIFT, SUM, UNDONE, "#cc79a7", "#e69f00", "#56b4e9")

_PAGE: Final[dict[str, str]] = {
    INK: "currentColor",
    "#000000": "currentColor",
    GRID: f"var(--grid, {GRID})",
    BAND: f"var(--band, {BAND})",
    DRIFT: f"var(--drift, {DRIFT})",
    SUM: f"var(--sum, {SUM})",
    UNDONE: f"var(--undone, {UNDONE})",
    CEILING: f"var(--ceiling, {CEILING})",
    **{shade: f"var(--shade{place}, {shade})" for place, shade in enumerate(SHADES)},
}
_RC: Final[dict[Any, Any]] = {
    "font.size": 10.0,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "lines.linewidth": 1.8,
}
_SVG_RC: Final[dict[Any, Any]] = {"svg.fonttype": "path", "svg.hashsalt": "driftbound", "svg.image_inline": True}


@contextmanager
def look() -> Iterator[None]:
    """Axes made inside have this project's look; the reader's own settings are untouched afterwards."""
    with mpl.rc_context(_RC):
        yield


def canvas(width: float = 6.4, height: float = 4.0) -> Figure:
    """An empty figure of this size in inches, not known to pyplot. Add axes inside ``with look():``."""
    with look():
        figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panel(ax: Axes | None = None, width: float = 6.4, height: float = 4.0) -> tuple[Figure, Axes]:
    """The axes to draw into and their figure: those given, or new ones."""
    if ax is None:
        figure = canvas(width, height)
        with look():
            made = figure.add_subplot()
        return figure, tidy(made)
    if not isinstance(ax, Axes):
        raise TypeError(f"ax must be matplotlib Axes or None, got {type(ax).__name__}")
    root = ax.get_figure(root=True)
    if root is None:
        raise ValueError("ax must belong to a figure, got axes that were removed")
    return root, ax


def legend(axes: Axes, *, own: bool, columns: int = 2) -> None:
    """Below the axes where the figure is ours (``own``), inside them where it is the reader's."""
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.get_figure(root=True)
    if not handles or figure is None:
        return
    with look():
        if own:
            figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))
        else:
            axes.legend(handles, labels, loc="best")


def ages(share: float) -> tuple[float, float, float, float]:
    """A colour for a share in [0, 1] of the way from the first generation to the last, readable on light and dark."""
    ramp = LinearSegmentedColormap.from_list("ages", [SUM, "#9a7296", DRIFT])
    red, green, blue, opacity = ramp(share)
    return float(red), float(green), float(blue), float(opacity)


def tidy(axes: Axes) -> Axes:
    """Without the frame's upper and right side."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def mark_infinite(axes: Axes, positions: ArrayLike, *, color: str = DRIFT, label: str = "infinite") -> None:
    """A triangle on the upper edge at each of these positions: there the curve is infinite."""
    where = np.atleast_1d(np.asarray(positions, dtype=float))
    if where.size:
        axes.plot(
            where,
            np.full(where.shape, 0.975),
            transform=axes.get_xaxis_transform(),
            color=color,
            marker="^",
            ls="",
            label=label,
        )


def settle(figure: Figure) -> None:
    """Lay the figure out once and for all, so that writing it in several formats costs one layout."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def as_svg(figure: Figure, *, title: str = "", description: str = "") -> str:
    """The figure as one ``<svg>`` element for a page: no background, ink in the page's text colour, ids of its own.

    Args:
        title, description: what a screen reader says instead of the picture. Both are escaped.
    """
    buffer = io.StringIO()
    with mpl.rc_context(_SVG_RC), _drawn_by(figure, FigureCanvasSVG) as canvas, _transparent(figure):
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\s*<style.*?</style>|<!--.*?-->\s*", "", svg, flags=re.DOTALL)  # the style would rule the whole page
    prefix = f"p{hashlib.sha256((svg + title).encode()).hexdigest()[:12]}-"  # ids of several figures must differ
    svg = re.sub(r'\bid="', f'id="{prefix}', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}", svg)
    svg = re.sub("#[0-9a-f]{6}", lambda found: _PAGE.get(found.group(), found.group()), svg)
    head, rest = svg.split(">", 1)
    head = re.sub(r' (?:width|height|xmlns:xlink|version)="[^"]*"', "", head)
    width = figure.get_size_inches()[0] * 72.0
    attributes = f'role="img" aria-labelledby="{prefix}t {prefix}d" fill="currentColor"'
    style = f'style="max-width:{width:.0f}pt;stroke-linejoin:round"'
    label = f'<title id="{prefix}t">{escape(title)}</title><desc id="{prefix}d">{escape(description)}</desc>'
    return f"{head} {attributes} {style}>{label}{rest.replace('xlink:href', 'href')}".strip()


def save(figure: Figure, path: Path | str) -> None:
    """Write a figure as PNG (150 dots per inch) or SVG, by the suffix of the path, whole or not at all.

    Raises:
        ValueError: another suffix.
    """
    path = Path(path)
    if path.suffix not in (".png", ".svg"):
        raise ValueError(f"path must end in .png or .svg, got {path.name!r}")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    try:
        with mpl.rc_context(_SVG_RC):
            if path.suffix == ".svg":
                with _drawn_by(figure, FigureCanvasSVG) as vectors:
                    vectors.print_svg(name, metadata={"Date": None})  # type: ignore[no-untyped-call]
            else:
                with _drawn_by(figure, FigureCanvasAgg, dpi=150.0) as pixels:
                    pixels.print_png(name, metadata={"Software": None})  # type: ignore[no-untyped-call]
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _drawn_by(figure: Figure, kind: type[Canvas], *, dpi: float | None = None) -> Iterator[Canvas]:
    """A canvas of this kind for the figure, which has its own canvas and resolution back afterwards.

    ``savefig`` draws everything twice; printing from the canvas draws once.
    """
    before, resolution = figure.canvas, figure.get_dpi()
    try:
        if dpi is not None:
            figure.set_dpi(dpi)
        yield kind(figure)
    finally:
        figure.set_dpi(resolution)
        figure.set_canvas(before)


@contextmanager
def _transparent(figure: Figure) -> Iterator[None]:
    """Without backgrounds, so that the page shows through."""
    patches = [figure.patch, *(axes.patch for axes in figure.axes)]
    colours = [patch.get_facecolor() for patch in patches]
    try:
        for patch in patches:
            patch.set_facecolor("none")
        yield
    finally:
        for patch, colour in zip(patches, colours, strict=True):
            patch.set_facecolor(colour)
