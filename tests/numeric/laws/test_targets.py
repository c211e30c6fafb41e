"""Laws: densities, scores, moments, sampling, mixing and fitting, each by a second route."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from numeric.laws.process import OU, noised
from numeric.laws.targets import Gaussian, GaussianMixture, as_mixture, fit_target, merged, mix, paper_mixture
from numeric.validation import Array

FALSE_ALARM = 1e-6


def random_covariance(rng: np.random.Generator, dim: int) -> Array:
    root = rng.normal(size=(dim, dim))
    return root @ root.T / dim + 0.2 * np.eye(dim)


def random_mixture(rng: np.random.Generator, count: int, dim: int) -> GaussianMixture:
    covs = np.stack([random_covariance(rng, dim) for _ in range(count)])
    return GaussianMixture(rng.dirichlet(np.ones(count)), rng.normal(0.0, 2.0, (count, dim)), covs)


def scipy_logpdf(law: GaussianMixture, x: Array) -> Array:
    parts = [stats.multivariate_normal(m, c).logpdf(x) for m, c in zip(law.means, law.covs, strict=True)]
    return np.asarray(special.logsumexp(np.reshape(parts, (len(parts), -1)), axis=0, b=law.weights[:, None]))


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("count", [1, 3])
def test_logpdf_against_scipy(count: int, dim: int) -> None:
    rng = np.random.default_rng([1, count, dim])
    law = random_mixture(rng, count, dim)
    x = rng.normal(0.0, 3.0, (50, dim))
    np.testing.assert_allclose(law.logpdf(x), scipy_logpdf(law, x), rtol=1e-9)
    wrong = GaussianMixture(law.weights, law.means, 1.01 * law.covs)
    assert np.max(np.abs(wrong.logpdf(x) / scipy_logpdf(law, x) - 1.0)) > 1e-4


@pytest.mark.parametrize("form", ["scalar", "isotropic", "diagonal", "full"])
def test_every_form_of_covariance_means_variances(form: str) -> None:
    weights, means = np.array([0.4, 0.6]), np.array([[0.0, 1.0], [2.0, -1.0]])
    given: dict[str, tuple[object, Array]] = {
        "scalar": (0.5, np.stack([0.5 * np.eye(2)] * 2)),
        "isotropic": ([0.5, 2.0], np.stack([0.5 * np.eye(2), 2.0 * np.eye(2)])),
        "diagonal": ([[0.5, 1.0], [2.0, 3.0]], np.stack([np.diag([0.5, 1.0]), np.diag([2.0, 3.0])])),
        "full": (np.stack([np.eye(2), [[1.0, 0.4], [0.4, 1.0]]]), np.stack([np.eye(2), np.array([[1.0, 0.4], [0.4, 1.0]])])),
    }
    covs, expected = given[form]
    law = GaussianMixture(weights, means, covs)  # type: ignore[arg-type]
    np.testing.assert_array_equal(law.covs, expected)
    x = np.random.default_rng(0).normal(0, 2, (20, 2))
    np.testing.assert_allclose(law.logpdf(x), scipy_logpdf(law, x), rtol=1e-11)


def test_one_component_is_the_gaussian() -> None:
    rng = np.random.default_rng(2)
    mean, cov = rng.normal(size=3), random_covariance(rng, 3)
    gaussian, mixture = Gaussian(mean, cov), GaussianMixture([1.0], mean[None], cov[None])
    x = rng.normal(size=(10, 3))
    for name in ("logpdf", "score", "score_divergence"):
        np.testing.assert_array_equal(getattr(gaussian, name)(x), getattr(mixture, name)(x))
    np.testing.assert_allclose(gaussian.score(x), -np.linalg.solve(cov, (x - mean).T).T, rtol=1e-10)
    np.testing.assert_allclose(gaussian.score_divergence(x), -np.trace(np.linalg.inv(cov)), rtol=1e-10)
    np.testing.assert_allclose(mixture.cov, cov)
    np.testing.assert_array_equal(gaussian.sample(5, rng=1), mixture.sample(5, rng=1))


def test_equal_components_and_zero_weights_change_nothing() -> None:
    plain = GaussianMixture([0.3, 0.7], [-1.0, 1.0], [0.5, 0.2])
    split = GaussianMixture([0.3, 0.2, 0.5, 0.0], [-1.0, 1.0, 1.0, 9.0], [0.5, 0.2, 0.2, 3.0])
    x = np.linspace(-4, 4, 30)
    for name in ("logpdf", "score", "score_divergence"):
        np.testing.assert_allclose(getattr(plain, name)(x), getattr(split, name)(x), rtol=1e-12)


def high_precision(law: GaussianMixture, x: list[mpmath.mpf]) -> mpmath.mpf:
    """log density with 40 digits, written out afresh."""
    total = mpmath.mpf(0)
    for weight, mean, cov in zip(law.weights, law.means, law.covs, strict=True):
        matrix = mpmath.matrix(cov.tolist())
        shift = mpmath.matrix([a - mpmath.mpf(float(b)) for a, b in zip(x, mean, strict=True)])
        form = (shift.T * mpmath.inverse(matrix) * shift)[0]
        norm = mpmath.sqrt((2 * mpmath.pi) ** law.dim * mpmath.det(matrix))
        total += mpmath.mpf(float(weight)) * mpmath.exp(-form / 2) / norm
    return mpmath.log(total)


@pytest.mark.parametrize(("count", "dim"), [(1, 2), (3, 1), (4, 3)])
def test_score_and_its_divergence_against_forty_digits(count: int, dim: int) -> None:
    rng = np.random.default_rng([3, count, dim])
    law = random_mixture(rng, count, dim)
    points = rng.normal(0.0, 3.0, (4, dim))
    score, divergence = law.score(points), law.score_divergence(points)
    with mpmath.workdps(40):
        step = mpmath.mpf(10) ** -10
        for row, point in enumerate(points):
            centre = [mpmath.mpf(float(c)) for c in point]
            middle, laplacian = high_precision(law, centre), mpmath.mpf(0)
            for axis in range(dim):
                sides = [[c + (s * step if k == axis else 0) for k, c in enumerate(centre)] for s in (1, -1)]
                up, down = (high_precision(law, side) for side in sides)
                assert float((up - down) / (2 * step)) == pytest.approx(score[row, axis], rel=1e-10, abs=1e-10)
                laplacian += (up - 2 * middle + down) / step**2
            assert float(laplacian) == pytest.approx(divergence[row], rel=1e-9, abs=1e-9)


def test_densities_far_out_keep_their_digits() -> None:
    law = GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.01)
    x = np.array([1e3, -1e3, 50.0])
    assert np.all(np.isfinite(law.logpdf(x)))
    np.testing.assert_allclose(law.score(x), -(x - np.sign(x)) / 0.01, rtol=1e-12)
    np.testing.assert_allclose(law.score_divergence(x), -100.0, rtol=1e-9)


def test_many_components_through_the_matrix_product_agree_with_the_direct_sum() -> None:
    rng = np.random.default_rng(5)
    count = 400
    covs = np.broadcast_to(random_covariance(rng, 3), (count, 3, 3))
    law = GaussianMixture(np.full(count, 1 / count), rng.normal(100.0, 2.0, (count, 3)), covs)
    x = rng.normal(100.0, 3.0, (200, 3))
    np.testing.assert_allclose(law.logpdf(x), scipy_logpdf(law, x), rtol=1e-9)


def moment_scores(law: GaussianMixture, samples: Array) -> float:
    """Largest standardised deviation of first and second moments; standard errors from the samples."""
    n = samples.shape[0]
    products = np.einsum("ni,nj->nij", samples - law.mean, samples - law.mean).reshape(n, -1)
    first = (samples.mean(axis=0) - law.mean) / (samples.std(axis=0) / math.sqrt(n))
    second = (products.mean(axis=0) - law.cov.ravel()) / (products.std(axis=0) / math.sqrt(n))
    return float(np.max(np.abs(np.concatenate([first, second]))))


@pytest.mark.parametrize("shared", [False, True])
def test_sample_moments(shared: bool) -> None:
    rng = np.random.default_rng(6)
    law = random_mixture(rng, 3, 3)
    law = GaussianMixture([0.3, 0.3, 0.4], law.means, law.covs)  # a heavier component is another law only if it is not light
    if shared:
        law = GaussianMixture(law.weights, law.means, np.broadcast_to(law.covs[0], (3, 3, 3)))
    limit = float(stats.norm.isf(FALSE_ALARM / (2 * 12)))
    samples = law.sample(40_000, rng=7)
    assert moment_scores(law, samples) < limit
    assert moment_scores(GaussianMixture(law.weights, law.means, 1.3 * law.covs), samples) > limit
    heavier = law.weights * [2.0, 1.0, 1.0]
    assert moment_scores(GaussianMixture(heavier / heavier.sum(), law.means, law.covs), samples) > limit


def test_sampling_follows_the_law_not_only_its_moments() -> None:
    law = GaussianMixture([0.2, 0.8], [-2.0, 1.0], [0.1, 0.5])

    def cdf(x: Array) -> Array:
        return sum(w * stats.norm.cdf(x, m, math.sqrt(v)) for w, m, v in zip([0.2, 0.8], [-2.0, 1.0], [0.1, 0.5], strict=True))

    assert stats.kstest(law.sample(5_000, rng=8)[:, 0], cdf).pvalue > FALSE_ALARM
    imitation = Gaussian(law.mean, law.cov).sample(5_000, rng=8)[:, 0]
    assert stats.kstest(imitation, cdf).pvalue < FALSE_ALARM


def test_samples_are_reproducible() -> None:
    law = paper_mixture()
    np.testing.assert_array_equal(law.sample(10, rng=3), law.sample(10, rng=np.random.default_rng(3)))
    assert not np.array_equal(law.sample(10, rng=3), law.sample(10, rng=4))


def test_mean_and_covariance_by_quadrature() -> None:
    law = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])
    x = np.linspace(-12.0, 12.0, 20_001)
    density = np.exp(law.logpdf(x))
    mass, mean = np.trapezoid(density, x), np.trapezoid(x * density, x)
    assert mass == pytest.approx(1.0, rel=1e-12)
    assert mean == pytest.approx(law.mean[0], rel=1e-11)
    assert np.trapezoid((x - mean) ** 2 * density, x) == pytest.approx(law.cov[0, 0], rel=1e-11)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_mix_is_the_mixture_of_densities(alpha: float) -> None:
    p, q = GaussianMixture([0.5, 0.5], [0.0, 2.0], 1.0), Gaussian(-1.0, 0.5)
    x = np.linspace(-5, 5, 41)
    expected = alpha * np.exp(p.logpdf(x)) + (1 - alpha) * np.exp(q.logpdf(x))
    np.testing.assert_allclose(np.exp(mix(alpha, p, q).logpdf(x)), expected, rtol=1e-12)
    assert len(mix(alpha, p, q).weights) == {0.0: 1, 0.3: 3, 1.0: 2}[alpha]
    swapped = np.exp(mix(1 - alpha, p, q).logpdf(x))
    assert np.max(np.abs(swapped / expected - 1.0)) > 0.1


def test_equal_components_merge() -> None:
    p = GaussianMixture([0.25, 0.75], [0.0, 1.0], [1.0, 2.0])
    both = mix(0.4, p, p)
    np.testing.assert_allclose(both.weights, p.weights, rtol=1e-15)
    np.testing.assert_array_equal(both.means, p.means)
    one = merged(np.array([0.2, 0.3, 0.5, 0.0]), np.array([[1.0], [0.0], [1.0], [5.0]]), np.ones((4, 1, 1)))
    np.testing.assert_allclose(one.weights, [0.7, 0.3])
    np.testing.assert_array_equal(one.means, [[1.0], [0.0]])


def test_noising_is_the_forward_process() -> None:
    law = GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [[0.2, 0.5], [0.4, 1.0]])
    t, s = 0.3, 0.9
    np.testing.assert_allclose(as_mixture(noised(noised(law, t), s)).covs, as_mixture(noised(law, t + s)).covs, rtol=1e-14)
    np.testing.assert_allclose(as_mixture(noised(noised(law, t), s)).means, as_mixture(noised(law, t + s)).means, rtol=1e-14)
    np.testing.assert_allclose(noised(law, t).mean, math.exp(-t / 2) * law.mean)
    np.testing.assert_allclose(noised(law, t).cov, math.exp(-t) * law.cov + (1 - math.exp(-t)) * np.eye(2))
    assert noised(law, 0.0) is law
    assert isinstance(OU().marginal(Gaussian(0.0, 1.0), 2.0), Gaussian)
    np.testing.assert_allclose(OU().marginal(Gaussian(0.0, 1.0), 2.0).cov, [[1.0]], rtol=1e-15)
    far = noised(law, 60.0)
    np.testing.assert_allclose(far.cov, np.eye(2), atol=1e-12)


def test_noising_satisfies_the_fokker_planck_equation() -> None:
    # d/dt log q = (1/2) div(x q + grad q)/q = (1/2)(d + x.s + div s + |s|^2)
    law = GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [[0.2, 0.5], [0.4, 1.0]])
    x, t, h = np.random.default_rng(9).normal(0, 2, (30, 2)), 0.4, 1e-5
    now = noised(law, t)
    score = now.score(x)
    right = 0.5 * (2 + np.sum(x * score, axis=1) + now.score_divergence(x) + np.sum(score**2, axis=1))
    left = (noised(law, t + h).logpdf(x) - noised(law, t - h).logpdf(x)) / (2 * h)
    np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-7)
    assert np.max(np.abs(left + right)) > 1.0


def test_fit_of_one_component_is_maximum_likelihood() -> None:
    data = np.random.default_rng(10).normal(size=(50, 3)) * [1.0, 5.0, 0.01]
    fitted = fit_target(data)
    assert isinstance(fitted, Gaussian)
    np.testing.assert_allclose(fitted.mean, data.mean(axis=0))
    np.testing.assert_allclose(fitted.cov, np.cov(data.T, bias=True), rtol=1e-10)
    assert fit_target([1.0, 2.0, 4.0]).cov[0, 0] == pytest.approx(np.var([1.0, 2.0, 4.0]))


def test_expectation_maximisation_round_trip() -> None:
    law = GaussianMixture([0.3, 0.7], [[0.0, 0.0], [600.0, 3.0]], [[[1e4, 5.0], [5.0, 0.1]], [[4e4, -9.0], [-9.0, 0.2]]])
    n = 8_000
    fitted = fit_target(law.sample(n, rng=11), 2, rng=12)
    assert isinstance(fitted, GaussianMixture)
    order = np.argsort(fitted.means[:, 0])
    assert np.all(np.abs(fitted.weights[order] - law.weights) < 6.0 * np.sqrt(0.21 / n))
    deviations = np.sqrt(np.diagonal(law.covs, axis1=1, axis2=2) / (n * law.weights[:, None]))
    assert np.all(np.abs(fitted.means[order] - law.means) < 8.0 * deviations)  # overlap makes EM noisier than known labels
    sizes = np.diagonal(law.covs, axis1=1, axis2=2)
    spreads = np.sqrt((law.covs**2 + sizes[:, :, None] * sizes[:, None, :]) / (n * law.weights[:, None, None]))
    assert np.all(np.abs(fitted.covs[order] - law.covs) < 8.0 * spreads)
    again = fit_target(law.sample(n, rng=11), 2, rng=12)
    np.testing.assert_array_equal(fitted.means, as_mixture(again).means)
    single = fit_target(law.sample(n, rng=11))
    held_out = law.sample(n, rng=13)
    assert fitted.logpdf(held_out).mean() > single.logpdf(held_out).mean() + 0.1
    assert fitted.logpdf(held_out).mean() == pytest.approx(law.logpdf(held_out).mean(), abs=0.01)


@pytest.mark.parametrize(
    ("samples", "components", "message"),
    [
        (np.ones((10, 2)), 1, "samples must vary in every column"),
        (np.column_stack([np.arange(10.0), np.zeros(10)]), 1, "samples must vary in every column"),
        (np.zeros((2, 2)), 1, "samples must have more rows than columns"),
        (np.arange(3.0), 4, "samples must have more rows than columns and at least components rows"),
    ],
)
def test_degenerate_data_is_refused(samples: Array, components: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_target(samples, components, rng=0)


def test_collinear_data_is_refused() -> None:
    column = np.arange(10.0)
    with pytest.raises(ValueError, match="samples must not be collinear"):
        fit_target(np.column_stack([column, column**2, 2.0 * column - 0.1 * column**2]))


def test_paper_mixture_is_the_protocol() -> None:
    law = paper_mixture()
    assert (law.dim, len(law.weights)) == (10, 5)
    np.testing.assert_allclose(law.mean, 0.0, atol=1e-15)
    np.testing.assert_allclose(np.diagonal(law.cov), [0.36 + 0.8 * 16] * 2 + [0.36] * 8)
    assert {tuple(m) for m in law.means[:, :2]} == {(0, 0), (4, 4), (4, -4), (-4, 4), (-4, -4)}


def test_laws_cannot_be_changed() -> None:
    law = GaussianMixture([1.0], [[0.0]], 1.0)
    with pytest.raises(ValueError, match="read-only"):
        law.means[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        Gaussian(0.0, 1.0).cov[0, 0] = 2.0
    mean = np.zeros(2)
    held = Gaussian(mean, 1.0)
    mean[0] = 5.0
    assert held.mean[0] == 0.0


def test_many_components_with_one_covariance_agree_with_the_same_law_written_otherwise() -> None:
    """The matrix-product route of score and Laplacian against the general one, which a second covariance brings on."""
    rng = np.random.default_rng(20)
    means, cov = rng.normal(0.0, 1.5, (300, 3)), np.array([[0.3, 0.1, 0.0], [0.1, 0.2, 0.05], [0.0, 0.05, 0.4]])
    weights = rng.dirichlet(np.ones(300))
    covs = np.broadcast_to(cov, (300, 3, 3)).copy()
    fast = GaussianMixture(weights / weights.sum(), means, covs)
    covs[0] = cov * (1.0 + 1e-13)  # no longer bitwise shared
    slow = GaussianMixture(weights / weights.sum(), means, covs)
    x = rng.normal(0.0, 2.0, (200, 3))
    np.testing.assert_allclose(fast.score(x), slow.score(x), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(fast.score_divergence(x), slow.score_divergence(x), rtol=1e-9, atol=1e-9)
