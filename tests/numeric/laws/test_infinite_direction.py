"""Whether chi2 is infinite, where a single direction decides that lies between the axes of all components."""

from __future__ import annotations

import numpy as np
import pytest

from numeric.laws.divergences import chi2_infinite_reason
from numeric.laws.targets import Gaussian, GaussianMixture


def reference(dim: int, count: int, level: float, seed: int) -> GaussianMixture:
    """Precisions I/2 + c u_l u_l' with orthonormal u_l in random position, and c such that the worst direction has ``level``.

    For y = sum b_l u_l + rest the least of y' B_l y = 1/2 + c b_l² is largest where all b_l² are 1/count: it is 1/2 + c/count.
    """
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((dim, dim)))[0][:count]
    strength = count * (level - 0.5)
    precisions = 0.5 * np.eye(dim) + strength * axes[:, :, None] * axes[:, None, :]
    return GaussianMixture(np.full(count, 1.0 / count), rng.standard_normal((count, dim)), np.linalg.inv(precisions))


@pytest.mark.parametrize(("dim", "count"), [(3, 2), (4, 3), (10, 3), (10, 8), (40, 10)])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_direction_that_decides_is_found(dim: int, count: int, seed: int) -> None:
    law = Gaussian(np.zeros(dim), 1.0)
    reason = chi2_infinite_reason(law, reference(dim, count, 2.02, seed))
    assert reason is not None
    assert float(reason.split("eigenvalue ")[1].split()[0]) == pytest.approx(-0.02, abs=1e-6)
    assert chi2_infinite_reason(law, reference(dim, count, 1.98, seed)) is None


def ascent(forms: np.ndarray, rng: np.random.Generator) -> float:
    """A lower bound of max_y min_l y' B_l y by another route: gradient steps on a soft minimum, from many starts at once."""
    y = rng.standard_normal((100, forms.shape[1]))
    for step in range(600):
        y /= np.linalg.norm(y, axis=1, keepdims=True)
        pulled = np.einsum("lab,nb->nla", forms, y)
        values = np.einsum("nla,na->nl", pulled, y)
        shares = np.exp(-(values - values.min(axis=1, keepdims=True)) * (5.0 + step))
        y = y + 0.5 / (5.0 + 0.2 * step) * np.einsum("nl,nla->na", shares / shares.sum(axis=1, keepdims=True), pulled)
    y /= np.linalg.norm(y, axis=1, keepdims=True)
    return float(np.einsum("lab,na,nb->nl", forms, y, y, optimize=True).min(axis=1).max())


@pytest.mark.parametrize("seed", [0, 2])
def test_no_direction_that_another_search_finds_is_missed(seed: int) -> None:
    dim, count = 16, 10
    rng = np.random.default_rng(seed)
    turns = np.linalg.qr(rng.standard_normal((count, dim, dim)))[0]
    forms = (turns * np.exp(rng.normal(0.0, 0.7, (count, 1, dim)))) @ np.swapaxes(turns, 1, 2)
    covs = np.linalg.inv(forms * (2.003 / ascent(forms, rng)))
    found = GaussianMixture(np.full(count, 1.0 / count), np.zeros((count, dim)), 0.5 * (covs + np.swapaxes(covs, 1, 2)))
    assert chi2_infinite_reason(Gaussian(np.zeros(dim), 1.0), found) is not None
