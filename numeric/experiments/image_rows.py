"""What a sheet of generated images shows of a generation: one image per component of the data, and two numbers beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from numeric.experiments.images import PcaFrame
from numeric.laws.targets import GaussianMixture
from numeric.validation import Array, generator, integer, points

__all__ = ["TYPICAL", "ImageRow", "RowMaker"]

TYPICAL: Final = 0.95  # share of the data's own draws that count as typical


@dataclass(frozen=True, eq=False)
class ImageRow:
    """A row of a sheet.

    Attributes:
        label: what stands at its left.
        images: (k, h, w) pixels; NaN throughout where no draw fell to the component of that column.
        typical: share of the draws that are as likely under p as 95 of 100 draws of p itself.
        detail: variance of the draws in the finer half of the directions over that of p: above 1 noise, below 1 blur.
    """

    label: str
    images: Array
    typical: float
    detail: float


@dataclass(frozen=True, eq=False)
class RowMaker:
    """Turns draws into rows, each draw in the column of the component of p that most likely made it.

    So every column shows the same kind of image in every generation, whatever made the draws; a column that stays empty is a
    kind of image that is no longer made. Within a column the first draw is shown, unchosen.

    Attributes:
        law: p. frame: its coordinates. columns: (k,) components shown, the heaviest first. threshold: log density under p that
            95 of 100 draws of p exceed. finer: (d, d/2), the directions in which p varies least.
    """

    law: GaussianMixture
    frame: PcaFrame
    columns: tuple[int, ...]
    threshold: float
    finer: Array

    @staticmethod
    def of(
        law: GaussianMixture, frame: PcaFrame, *, columns: int, rng: np.random.Generator | int | None, draws: int = 20_000
    ) -> RowMaker:
        """A maker of rows of at most ``columns`` images; ``draws`` of p tell what is typical of it."""
        count = min(integer("columns", columns), law.weights.shape[0])
        heaviest = np.argsort(-law.weights, kind="stable")[:count]
        logs = law.logpdf(law.sample(integer("draws", draws), rng=generator(rng)))
        finer = np.linalg.eigh(law.cov)[1][:, : max(law.dim // 2, 1)]
        return RowMaker(law, frame, tuple(int(k) for k in heaviest), float(np.quantile(logs, 1.0 - TYPICAL)), finer)

    def row(self, label: str, draws: Array) -> ImageRow:
        """The row of draws (n, d), n > 1: for every column the first draw that fell to its component."""
        rows = points("draws", draws, self.law.dim)
        kinds = self.kinds(rows)
        images = np.full((len(self.columns), *self.frame.shape), np.nan)
        for place, component in enumerate(self.columns):
            own = np.flatnonzero(kinds == component)
            if own.size:
                images[place] = self.frame.decode(rows[own[:1]])[0]
        typical = float(np.mean(self.law.logpdf(rows) >= self.threshold))
        usual = float(np.einsum("di,de,ei->", self.finer, self.law.cov, self.finer))
        return ImageRow(label, images, typical, float(np.sum((rows @ self.finer).var(axis=0, ddof=1))) / usual)

    def kinds(self, rows: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        """The component of p that most likely made each row, (n,)."""
        parts = [
            np.log(weight) + GaussianMixture([1.0], mean[None], cov[None]).logpdf(rows)
            for weight, mean, cov in zip(self.law.weights, self.law.means, self.law.covs, strict=True)
        ]
        return np.asarray(np.argmax(np.stack(parts), axis=0))
