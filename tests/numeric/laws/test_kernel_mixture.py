"""The lean kernel mixture against the general GaussianMixture, which shares no code with it, and against its own samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logsumexp

from numeric import GaussianMixture, paper_mixture
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.kernel_sums import TOLERANCE
from numeric.laws.process import noised

CENTRES = paper_mixture().sample(400, rng=1)
Z = 5.5  # two-sided normal level 4e-8; fewer than 25 such comparisons here


def twin(law: KernelMixture) -> GaussianMixture:
    return GaussianMixture(np.full(law.count, 1.0 / law.count), law.centres, law.variance)


def modes(law: KernelMixture, x: np.ndarray) -> list[int]:
    gain, variance = law._kernels(np.zeros(x.shape[0]))
    return [rows.size for rows in law._sums._modes(x - law.mean, gain, variance)]


@pytest.mark.parametrize("bandwidth", [0.6, 0.2, 0.05, 0.01])
@pytest.mark.parametrize("t", [0.0, 0.02, 1.0, 4.0])
def test_agrees_with_the_general_mixture_near_and_far(bandwidth: float, t: float) -> None:
    law = KernelMixture(CENTRES, bandwidth**2).noised(t)
    general = noised(GaussianMixture(np.full(400, 1 / 400), CENTRES, bandwidth**2), t)
    near = law.sample(60, rng=2)
    for x in (near, 3.0 * near, near + 50.0):
        assert np.allclose(law.logpdf(x), general.logpdf(x), rtol=1e-12, atol=TOLERANCE[np.float32])
        score = general.score(x)
        assert np.allclose(law.score(x), score, rtol=1e-9, atol=1e-4)
        assert not np.allclose(-law.score(x), score, rtol=1e-9, atol=1e-4)
    only_wider = KernelMixture(CENTRES, law.variance)  # forgets to shrink the centres
    assert t < 1.0 or not np.allclose(only_wider.logpdf(near), general.logpdf(near), rtol=1e-12, atol=1e-4)


def test_every_precision_is_used_where_it_is_needed() -> None:
    near = CENTRES[:50] + 0.01
    assert modes(KernelMixture(CENTRES, 0.36), near) == [50, 0, 0]
    assert modes(KernelMixture(CENTRES, 1e-4), near) == [0, 50, 0]
    assert modes(KernelMixture(CENTRES, 1e-10), near) == [0, 0, 50]
    # single precision would be wrong there, and by how much is what the rule bounds
    narrow, x = KernelMixture(CENTRES, 0.002), CENTRES[:50] + 0.02
    sums = narrow._sums
    coarse = sums._tiles(x - narrow.mean, np.ones(50), np.full(50, 0.002), False, np.float32)[0]
    fine = sums._tiles(x - narrow.mean, np.ones(50), np.full(50, 0.002), False, np.float64)[0]
    assert modes(narrow, x)[0] == 0
    assert 1e-4 < np.abs(coarse - fine).max() < 1e-2


def test_narrow_kernels_and_points_where_every_kernel_underflows() -> None:
    centres = np.array([[0.0, 0.0], [3.0, 4.0], [1e6, 0.0]])
    for variance in (1e-12, 1e-3, 1.0):
        x = np.array([[0.1, 0.0], [1.5, 2.0], [5e5, 0.0], [-40.0, 7.0], [1e6 + 2e-6, 1e-6]])
        square = np.sum((x[:, None, :] - centres) ** 2, axis=2)
        want = logsumexp(-0.5 * square / variance, axis=1) - math.log(3 * 2 * math.pi * variance)
        law = KernelMixture(centres, variance)
        assert np.allclose(law.logpdf(x), want, rtol=1e-9, atol=1e-4)
        share = np.exp(-0.5 * (square - square.min(axis=1, keepdims=True)) / variance)
        pull = (share @ centres) / share.sum(axis=1, keepdims=True)
        assert np.allclose(law.score(x), (pull - x) / variance, rtol=1e-8, atol=1e-4 / math.sqrt(variance))


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_single_precision_keeps_the_tolerance_that_decides_for_it(scale: float) -> None:
    law = KernelMixture(scale * CENTRES, (0.6 * scale) ** 2)
    x = law.sample(100, rng=3)
    assert modes(law, x)[0] > 0
    assert np.abs(law.logpdf(x) - twin(law).logpdf(x)).max() <= TOLERANCE[np.float32]


def test_the_score_is_the_gradient_of_the_log_density() -> None:
    law = KernelMixture(CENTRES[:50, :3] / 4.0, 0.5)
    x, step = law.sample(20, rng=4), 0.02
    for axis in range(3):
        ends = [law.logpdf(x + sign * step * np.eye(3)[axis]) for sign in (-1, 1)]
        assert np.allclose((ends[1] - ends[0]) / (2 * step), law.score(x)[:, axis], atol=2e-3)


def test_the_same_bits_for_any_number_of_workers_and_the_same_values_row_by_row() -> None:
    law = KernelMixture(CENTRES, 0.01)
    x = np.concatenate([law.sample(700, rng=5), 30.0 + CENTRES[:40]])
    for one, many in ((law.logpdf(x), law.logpdf(x, workers=3)), (law.score(x), law.score(x, workers=3))):
        assert np.array_equal(one, many)
    assert np.allclose(law.logpdf(x[7:8]), law.logpdf(x)[7], atol=1e-4)


def test_samples_have_the_law() -> None:
    law, n = KernelMixture(CENTRES, 0.36).noised(0.5), 20_000
    x = law.sample(n, rng=6)
    exact = twin(law)
    assert np.allclose(law.mean, exact.mean)
    assert np.allclose(law.cov, exact.cov)
    # the general route: draw at t = 0 and noise the draws
    other = math.exp(-0.25) * KernelMixture(CENTRES, 0.36).sample(n, rng=7)
    other += math.sqrt(-math.expm1(-0.5)) * np.random.default_rng(8).standard_normal(other.shape)
    for draws in (x, other):
        centred = draws - law.mean
        assert np.all(np.abs(centred.mean(axis=0)) < Z * np.sqrt(np.diag(law.cov) / n))
        squares = centred**2
        assert np.all(np.abs(squares.mean(axis=0) - np.diag(law.cov)) < Z * squares.std(axis=0) / math.sqrt(n))
        entropy = -law.logpdf(draws[:4000])
        other_entropy = -exact.logpdf(exact.sample(4000, rng=9))
        gap = entropy.mean() - other_entropy.mean()
        assert abs(gap) < Z * math.hypot(entropy.std(), other_entropy.std()) / math.sqrt(4000)
    wrong = KernelMixture(CENTRES, 0.36).sample(n, rng=7)  # not noised at all
    assert np.any(np.abs((wrong - law.mean).mean(axis=0) ** 2 + wrong.var(axis=0) / np.diag(law.cov) - 1.0) > 0.1)


def test_noising_is_a_semigroup_and_copies_no_centre() -> None:
    law = KernelMixture(CENTRES, 0.36)
    twice, once = law.noised(0.3).noised(0.4), noised(law, 0.7)
    assert math.isclose(twice.variance, once.variance, rel_tol=1e-12)
    assert np.allclose(twice.centres, once.centres, rtol=1e-12)
    assert twice._sums is law._sums
    assert noised(law, 0.0) is law


def test_one_dimension_takes_and_returns_vectors() -> None:
    law = KernelMixture([0.0, 1.0, 4.0], 0.5)
    x = np.array([-1.0, 0.3, 5.0])
    assert law.dim == 1
    assert law.score(x).shape == (3,)
    assert np.allclose(law.logpdf(x), twin(law).logpdf(x), atol=1e-5)
    assert np.allclose(law.score(x), twin(law).score(x), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "name", "call"),
    [
        (ValueError, "variance", lambda: KernelMixture(CENTRES, 0.0)),
        (TypeError, "variance", lambda: KernelMixture(CENTRES, "wide")),
        (ValueError, "centres", lambda: KernelMixture([[math.nan]], 1.0)),
        (ValueError, "centres", lambda: KernelMixture(np.empty((0, 3)), 1.0)),
        (ValueError, "x", lambda: KernelMixture(CENTRES, 1.0).logpdf(np.zeros((3, 2)))),
        (ValueError, "t must", lambda: KernelMixture(CENTRES, 1.0).noised(-1.0)),
        (ValueError, "n must", lambda: KernelMixture(CENTRES, 1.0).sample(0, rng=0)),
        (ValueError, "workers", lambda: KernelMixture(CENTRES, 1.0).score(CENTRES, workers=0)),
        (TypeError, "target", lambda: noised("law", 0.0)),  # type: ignore[type-var]
    ],
)
def test_bad_calls_name_their_argument(kind: type[Exception], name: str, call: object) -> None:
    with pytest.raises(kind, match=name):
        call()  # type: ignore[operator]
