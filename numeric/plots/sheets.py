"""The sheet of generated images: what retraining does to them, generation by generation, one block per fresh fraction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from numeric.experiments.image_rows import ImageRow
from numeric.plots.style import INK, canvas, look

__all__ = ["plot_sheet"]

GAP = 2  # pixels between images
WIDE = 11.0  # inches of the figure
LABEL, NUMBERS = 0.72, 1.05  # inches of a row's label, and of the numbers at the right of every block
HEAD, FOOT = 0.55, 0.34  # inches above and below
TYPICAL_AT, DETAIL_AT = 32.0, 67.0  # points right of the images where the numbers end
EXPLAINED = (
    "typical: as likely under the data's law as 95 % of its draws.   detail: variance in the finer half of the directions "
    "over the data's.   empty: no such draw."
)


def plot_sheet(top: Sequence[ImageRow], blocks: Sequence[tuple[str, Sequence[ImageRow]]]) -> Figure:
    """Rows of images in blocks side by side, so that a generation of one block stands beside the same of the others.

    Beside every row stand two numbers of all its draws: how many are typical of the data, and how much detail they have.

    Args:
        top: rows above every block, as the data.
        blocks: (title, rows) each, labelled alike in all blocks; images of one shape and number throughout.

    Raises:
        ValueError: no block or no row; rows that differ in number, label or shape of images.
    """
    columns = [[*top, *rows] for _, rows in blocks]
    if not columns or not columns[0]:
        raise ValueError("blocks must have at least one row of images, got none")
    labels, shape = [row.label for row in columns[0]], columns[0][0].images.shape
    for (title, _), rows in zip(blocks, columns, strict=True):
        if [row.label for row in rows] != labels or any(row.images.shape != shape for row in rows):
            raise ValueError(f"blocks must have the same rows, labels and shape of images, got others in {title!r}")
    width = (WIDE - LABEL) / len(blocks) - NUMBERS  # of the images of a block
    height = width * (len(labels) * (shape[1] + GAP) - GAP) / (shape[0] * (shape[2] + GAP) - GAP)
    tall = HEAD + height + FOOT
    figure = canvas(WIDE, tall)
    figure.set_layout_engine("none")
    for place, ((title, _), rows) in enumerate(zip(blocks, columns, strict=True)):
        left = LABEL + place * (width + NUMBERS)
        with look():
            axes = figure.add_axes((left / WIDE, FOOT / tall, width / WIDE, height / tall))
            axes.set_title(title, fontsize=11.0, pad=20.0)
        _block(axes, rows, labelled=place == 0)
    figure.text(LABEL / WIDE, 0.1 / tall, EXPLAINED, fontsize=8.5, color=INK, va="bottom")
    return figure


def _block(axes: Axes, rows: Sequence[ImageRow], *, labelled: bool) -> None:
    """All images of a block as one picture, and what stands beside its rows."""
    count, high, wide = rows[0].images.shape
    picture = np.full((len(rows) * (high + GAP) - GAP, count * (wide + GAP) - GAP), np.nan)
    for i, row in enumerate(rows):
        for j, image in enumerate(row.images):
            picture[i * (high + GAP) : i * (high + GAP) + high, j * (wide + GAP) : j * (wide + GAP) + wide] = image
    axes.imshow(np.ma.masked_invalid(np.clip(picture, 0.0, 1.0)), cmap="gray", vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_axis_off()
    for i, row in enumerate(rows):
        middle = i * (high + GAP) + 0.5 * high
        if labelled:
            axes.text(-0.25 * wide, middle, row.label, ha="right", va="center", fontsize=9.0, color=INK)
        _beside(axes, picture.shape[1], middle, f"{100.0 * row.typical:.0f} %", TYPICAL_AT)
        _beside(axes, picture.shape[1], middle, f"{row.detail:.2f}", DETAIL_AT)
    for text, at in (("typical", TYPICAL_AT), ("detail", DETAIL_AT)):
        _beside(axes, picture.shape[1], -0.35 * high, text, at + 2.0)


def _beside(axes: Axes, right: float, height: float, text: str, points: float) -> None:
    """Text that ends so many points right of the pictures."""
    axes.annotate(
        text,
        (right, height),
        xytext=(points, 0.0),
        textcoords="offset points",
        ha="right",
        va="center",
        fontsize=8.5,
        color=INK,
        annotation_clip=False,
    )
