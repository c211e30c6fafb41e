"""chi2 of mixtures by bounded terms against quadrature, closed forms and products of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numeric import Gaussian, GaussianMixture, chi2, kde, paper_mixture
from numeric.laws.channels import early_stopping
from numeric.laws.mixture_chi2 import _tails, mixture_chi2
from numeric.laws.targets import as_mixture

Z = 5.5
PAIRS = {
    "line": (GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.5, 0.6]), GaussianMixture([0.4, 0.6], [-1.2, 1.1], [0.4, 0.5])),
    "plane": (
        GaussianMixture([0.6, 0.4], [[0.0, 0.5], [1.0, -1.0]], [[[1.0, 0.3], [0.3, 0.8]], [[0.5, -0.1], [-0.1, 0.9]]]),
        GaussianMixture([0.5, 0.5], [[0.2, 0.4], [0.8, -1.2]], [[[0.9, 0.1], [0.1, 0.7]], [[0.6, 0.0], [0.0, 0.8]]]),
    ),
    "nearly infinite": (Gaussian([0.0, 1.0], [1.9, 1.7]), Gaussian([0.0, 1.1], 1.0)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_agrees_with_quadrature_where_the_wrong_order_does_not(name: str) -> None:
    p, q = PAIRS[name]
    found, exact = mixture_chi2(p, q, n=20_000, rng=1), float(chi2(p, q))
    assert abs(found.value - exact) < Z * found.stderr
    assert found.stderr < 0.05 * exact
    turned = float(chi2(q, p))
    assert abs(found.value - turned) > Z * found.stderr


def test_ten_dimensions_against_a_product_of_quadratures() -> None:
    """p and q factorise over (x_1, x_2) and eight equal coordinates, and 1 + chi2 is the product."""
    whole = [early_stopping(0.02)(law) for law in (kde(0.6)(paper_mixture()), paper_mixture())]
    plane = [GaussianMixture(law.weights, law.means[:, :2], law.covs[:, :2, :2]) for law in map(as_mixture, whole)]
    line = [Gaussian(0.0, as_mixture(law).covs[0, 9, 9]) for law in whole]
    grid = np.linspace(-36.0, 36.0, 361)  # p^2/q is wide
    nodes = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    flat = float(np.sum(np.exp(2.0 * plane[0].logpdf(nodes) - plane[1].logpdf(nodes)))) * (grid[1] - grid[0]) ** 2
    exact = flat * (1.0 + float(chi2(*line))) ** 8 - 1.0
    found = mixture_chi2(*whole, n=20_000, rng=2)
    assert abs(found.value - exact) < Z * found.stderr
    assert found.ess is not None
    assert found.ess > 4000  # the plain route has an effective sample size of about ten
    plain = chi2(*whole, n=20_000, rng=2)
    assert plain.ess < 100  # type: ignore[union-attr]


def test_the_terms_are_bounded_as_the_inequality_says() -> None:
    p, q = (as_mixture(law) for law in PAIRS["plane"])
    tails = _tails(p, q)
    assert tails is not None
    x = 6.0 * np.random.default_rng(3).standard_normal((4000, 2))
    logs = 2.0 * p.logpdf(x) - q.logpdf(x) - tails.logpdf(x)
    bound = -math.inf
    norms = []
    for weight, mean, cov in zip(p.weights, p.means, p.covs, strict=True):
        least = math.inf
        for share, centre, outer in zip(q.weights, q.means, q.covs, strict=True):
            if np.linalg.eigvalsh(2 * outer - cov)[0] > 0:
                least = min(least, math.log1p(float(chi2(Gaussian(mean, cov), Gaussian(centre, outer)))) - math.log(share))
        norms.append(math.log(weight) + 0.5 * least)
    bound = 2.0 * float(np.logaddexp.reduce(norms))
    assert logs.max() <= bound + 1e-9
    assert logs.max() > bound - 3.0  # and the bound is no phantasy


def test_infinite_is_decided_and_shared_cover_falls_back() -> None:
    assert mixture_chi2(Gaussian(0.0, 2.0), Gaussian(0.0, 1.0), n=10, rng=0).value == math.inf
    p, q = GaussianMixture([1.0], [0.0], 2.0), GaussianMixture([0.5, 0.5], [-1.0, 1.0], 1.0)
    assert _tails(p, q) is None  # no single component covers it
    found = mixture_chi2(p, q, n=50_000, rng=4)
    assert abs(found.value - 0.03318) < max(Z * found.stderr, 0.02)
    assert mixture_chi2(p, p, n=100, rng=0).value == 0.0


def test_bad_calls_name_their_argument() -> None:
    with pytest.raises(ValueError, match="same dimension"):
        mixture_chi2(Gaussian(0.0, 1.0), paper_mixture(), n=10, rng=0)
    with pytest.raises(ValueError, match="n must"):
        mixture_chi2(Gaussian(0.0, 1.0), Gaussian(0.0, 1.0), n=0, rng=0)
    with pytest.raises(TypeError, match="target"):
        mixture_chi2("p", Gaussian(0.0, 1.0), n=10, rng=0)  # type: ignore[arg-type]
