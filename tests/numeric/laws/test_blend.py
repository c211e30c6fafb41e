"""Blends of unlike laws against the one mixture that they are, and noised densities at a time of each point's own."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numeric import Gaussian, GaussianMixture, paper_mixture
from numeric.laws.blend import Blend
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.law import Law
from numeric.laws.noised_rows import narrowest, noised_logpdf, noised_logpdf_and_score
from numeric.laws.process import noised

CENTRES = np.random.default_rng(0).standard_normal((30, 2))
ROOTS = np.random.default_rng(1).standard_normal((3, 2, 2))
TILTED = GaussianMixture(
    [0.5, 0.3, 0.2], [[1.0, 0.0], [-1.0, 2.0], [0.0, 0.0]], ROOTS @ np.swapaxes(ROOTS, 1, 2) + 0.1 * np.eye(2)
)
ROUND = GaussianMixture([0.4, 0.6], [[2.0, 0.0], [0.0, -1.0]], [0.3, 0.8])
ONE = Gaussian([0.5, 0.5], [[1.0, 0.3], [0.3, 0.5]])
KERNELS = KernelMixture(CENTRES, 0.2)
BLEND = Blend([0.25, 0.0, 0.45, 0.3], [KERNELS, ONE, TILTED, Blend([0.5, 0.5], [ROUND, KERNELS])])


def whole() -> GaussianMixture:
    """BLEND, written as one mixture."""
    weights = np.concatenate([np.full(30, (0.25 + 0.15) / 30), 0.45 * TILTED.weights, 0.15 * ROUND.weights])
    covs = np.concatenate([np.broadcast_to(0.2 * np.eye(2), (30, 2, 2)), TILTED.covs, ROUND.covs])
    return GaussianMixture(weights / weights.sum(), np.concatenate([CENTRES, TILTED.means, ROUND.means]), covs)


@pytest.mark.parametrize("t", [0.0, 0.1, 2.0])
def test_a_blend_is_the_mixture_of_all_components(t: float) -> None:
    mine, exact = noised(BLEND, t), noised(whole(), t)
    x = 2.0 * np.random.default_rng(2).standard_normal((40, 2))
    assert np.allclose(mine.logpdf(x), exact.logpdf(x), atol=1e-5)
    assert np.allclose(mine.score(x), exact.score(x), atol=1e-4)
    equal_parts = Blend(np.full(len(mine.laws), 1.0 / len(mine.laws)), mine.laws)
    assert not np.allclose(equal_parts.logpdf(x), exact.logpdf(x), atol=1e-2)


def test_blends_are_taken_apart_and_empty_parts_dropped() -> None:
    assert len(BLEND.laws) == 4
    assert np.allclose(BLEND.weights, [0.25, 0.45, 0.15, 0.15])
    assert BLEND.dim == 2
    assert all(isinstance(law, Law) for law in (BLEND, KERNELS, ONE, TILTED))


def test_samples_have_the_shares_and_no_order() -> None:
    far = Blend([0.3, 0.7], [Gaussian([100.0], 1.0), KernelMixture([0.0], 1.0)])
    x = far.sample(10_000, rng=3)[:, 0] > 50.0
    for part in (x, x[:5000]):
        assert abs(part.mean() - 0.3) < 5.5 * math.sqrt(0.21 / part.size)
    assert np.array_equal(far.sample(7, rng=3), far.sample(7, rng=3))


@pytest.mark.parametrize("law", [ONE, ROUND, TILTED, KERNELS, BLEND], ids=["one", "round", "tilted", "kernels", "blend"])
def test_a_time_for_every_row(law: Law) -> None:
    stream = np.random.default_rng(4)
    x, times = 2.0 * stream.standard_normal((25, 2)), 3.0 * stream.random(25)
    times[0] = 0.0
    logs, scores = noised_logpdf_and_score(law, x, times)
    one_by_one = [noised(law, t) for t in times.tolist()]
    want = np.concatenate([each.logpdf(row[None]) for each, row in zip(one_by_one, x, strict=True)])
    want_scores = np.concatenate([each.score(row[None]) for each, row in zip(one_by_one, x, strict=True)])
    assert np.allclose(logs, want, atol=2e-5)
    assert np.allclose(noised_logpdf(law, x, times), want, atol=2e-5)
    assert np.allclose(scores, want_scores, atol=2e-4)
    late = noised_logpdf(law, x, times + 0.05)
    assert not np.allclose(late, want, atol=1e-3)


def test_the_narrowest_direction_of_any_part() -> None:
    assert math.isclose(narrowest(BLEND), min(0.2, float(np.linalg.eigvalsh(TILTED.covs).min())))


class Coin:
    """A user's model: it can be sampled, and no more."""

    def sample(self, n: int, *, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(2, size=(n, 1)).astype(float)


def test_models_that_can_only_be_sampled() -> None:
    coin = Blend([1.0], [Coin()])
    assert coin.sample(5, rng=0).shape == (5, 1)
    with pytest.raises(TypeError, match="laws must say their dimension"):
        _ = coin.dim
    with pytest.raises(TypeError, match="score"):
        coin.score(np.zeros((2, 1)))


@pytest.mark.parametrize(
    ("kind", "name", "call"),
    [
        (ValueError, "weights must sum", lambda: Blend([0.5, 0.6], [ONE, ROUND])),
        (ValueError, "laws must have one law per weight", lambda: Blend([1.0], [ONE, ROUND])),
        (ValueError, "laws must have the same dimension", lambda: Blend([0.5, 0.5], [ONE, Gaussian(0.0, 1.0)])),
        (TypeError, "laws must have a method sample", lambda: Blend([1.0], ["law"])),
        (TypeError, "law must be", lambda: noised_logpdf(Coin(), np.zeros((1, 1)), np.zeros(1))),  # type: ignore[arg-type]
    ],
)
def test_bad_calls_name_their_argument(kind: type[Exception], name: str, call: object) -> None:
    with pytest.raises(kind, match=name):
        call()  # type: ignore[operator]


def test_paper_scale_parts_cost_no_covariances() -> None:
    law = KernelMixture(paper_mixture().sample(20_000, rng=5), 0.36)
    q = Blend([0.1, 0.9], [paper_mixture(), noised(law, 0.02)])
    assert np.all(np.isfinite(q.logpdf(q.sample(10, rng=6))))
    assert q.laws[1]._sums is law._sums
