"""The sheet shows the images it is given, in their places, with their numbers beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.text import Text

from numeric.experiments.image_rows import ImageRow
from numeric.plots.sheets import GAP, plot_sheet
from numeric.plots.style import as_svg, save


def row(label: str, shade: float, count: int = 3, typical: float = 0.5) -> ImageRow:
    """Images of one shade each, a little darker from left to right."""
    images = np.full((count, 6, 5), shade) - 0.05 * np.arange(count)[:, None, None]
    return ImageRow(label, images, typical, shade)


def blocks() -> list[tuple[str, list[ImageRow]]]:
    return [
        (f"alpha = {alpha}", [row(str(n), 0.2 + alpha - 0.05 * n, typical=0.01 * n) for n in range(3)]) for alpha in (0.1, 0.5)
    ]


def test_every_image_stands_in_its_place() -> None:
    figure = plot_sheet([row("data", 0.9)], blocks())
    assert len(figure.axes) == 2
    for axes, (title, rows) in zip(figure.axes, blocks(), strict=True):
        assert axes.get_title() == title
        picture = np.ma.asarray(axes.images[0].get_array())
        assert picture.shape == (4 * (6 + GAP) - GAP, 3 * (5 + GAP) - GAP)
        for i, one in enumerate([row("data", 0.9), *rows]):
            for j in range(3):
                cell = picture[i * (6 + GAP) : i * (6 + GAP) + 6, j * (5 + GAP) : j * (5 + GAP) + 5]
                assert np.allclose(cell.filled(np.nan), one.images[j])
        assert np.ma.getmaskarray(picture)[6].all()  # between rows
        said = [text.get_text() for text in axes.findobj(Text)]
        assert f"{rows[2].detail:.2f}" in said
        assert "2 %" in said


def test_an_image_that_is_missing_stays_empty_and_pixels_are_cut_to_the_range() -> None:
    gone = row("1", 0.5)
    gone.images[1] = np.nan
    gone.images[2] = 1.7
    figure = plot_sheet([], [("one", [gone])])
    picture = np.ma.asarray(figure.axes[0].images[0].get_array())
    assert np.ma.getmaskarray(picture)[:, 5 + GAP : 10 + GAP].all()
    assert np.all(picture[:, -5:] == 1.0)


def test_it_can_be_written(tmp_path: Path) -> None:
    figure = plot_sheet([row("data", 0.9)], blocks())
    save(figure, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 5000
    assert "<image" in as_svg(figure, title="sheet")


def test_blocks_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="blocks must have at least one row of images, got none"):
        plot_sheet([], [])
    with pytest.raises(ValueError, match="got others in 'b'"):
        plot_sheet([], [("a", [row("1", 0.5)]), ("b", [row("2", 0.5)])])
    with pytest.raises(ValueError, match="got others in 'b'"):
        plot_sheet([], [("a", [row("1", 0.5)]), ("b", [row("1", 0.5, count=2)])])
