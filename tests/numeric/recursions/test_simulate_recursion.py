"""Simulated recursions: measured drift against scipy and closed forms, finite-sample theory, and the plumbing."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate, stats

from numeric.domains import Unresolved
from numeric.laws.channels import Channel, early_stopping, kde
from numeric.laws.divergences import chi2
from numeric.laws.targets import Gaussian, GaussianMixture, paper_mixture
from numeric.recursions.exact_recursion import exact_recursion
from numeric.recursions.recursion import Recursion
from numeric.recursions.simulate_recursion import simulate_recursion
from numeric.validation import Array

Z = 5.5  # two-sided normal tail 4e-8: a handful of comparisons fail once in a million
TWO_MODES = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.5, 0.4])
PLANE = GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [[[0.5, 0.2], [0.2, 0.6]], [[0.7, 0.0], [0.0, 0.5]]])


class Opaque:
    """A user's model: a Gaussian that the package does not recognise."""

    def __init__(self, law: Gaussian) -> None:
        self.law = law

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        return self.law.sample(n, rng=rng)

    def logpdf(self, x: Array) -> Array:
        return np.asarray(stats.multivariate_normal(self.law.mean, self.law.cov).logpdf(x), dtype=np.float64).reshape(-1)


class Bootstrap:
    """A model without a density."""

    def __init__(self, rows: Array) -> None:
        self.rows = rows

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        return self.rows[rng.integers(self.rows.shape[0], size=n)]


def fit_opaque(samples: Array, _: np.random.Generator) -> Opaque:
    return Opaque(Gaussian(samples.mean(axis=0), np.cov(samples.T, bias=True)))


def consistent(r: Recursion) -> None:
    """D_N = W' Gram W (p^0 = p), on the same nodes exactly."""
    assert float(r.weights @ r.gram @ r.weights) == pytest.approx(float(r.divergence[-1]), rel=1e-9)
    assert np.all(np.sqrt(r.divergence) <= r.triangle_bound * (1 + 1e-9))


# ----------------------------------------------------------------------------- the drift of the models, a second route


def on_grid(r: Recursion, width: float, count: int) -> tuple[list[float], np.ndarray, list[float]]:
    """D, Gram and I of the recursion's own laws by a plain grid."""
    dim = r.target.dim
    axis = np.linspace(-width, width, count)
    x = np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    cell = (axis[1] - axis[0]) ** dim

    def density(law: object) -> np.ndarray:
        total = np.zeros(x.shape[0])
        parts = [(1.0, law.mean, law.cov)] if isinstance(law, Gaussian) else zip(law.weights, law.means, law.covs, strict=True)  # type: ignore[attr-defined]
        for w, m, c in parts:
            total += w * stats.multivariate_normal(m, c).pdf(x)
        return total

    p = density(r.target)
    laws = [density(law) for law in r.laws]
    blends = [a * p + (1 - a) * law for a, law in zip(r.fresh_fraction, laws, strict=False)]
    g = [law - blend for law, blend in zip(laws[1:], blends, strict=True)]
    square = [float(np.sum((law - p) ** 2 / p)) * cell for law in laws]
    gram = np.array([[float(np.sum(a * b / p)) * cell for b in g] for a in g])
    intra = [float(np.sum(a * a / blend)) * cell for a, blend in zip(g, blends, strict=True)]
    return square, gram, intra


CASES: dict[str, tuple[Callable[[], Recursion], float, int]] = {
    "gaussian-fit": (lambda: simulate_recursion(Gaussian(0.2, 0.8), "gaussian-fit", 0.3, 4, n=300, rng=1), 12.0, 1501),
    "gaussian-fit plane": (
        lambda: simulate_recursion(Gaussian([0.2, 0.0], [[0.8, 0.2], [0.2, 1.0]]), "gaussian-fit", 0.3, 3, n=500, rng=2),
        9.0,
        201,
    ),
    "kde": (lambda: simulate_recursion(Gaussian(0.0, 1.0), "kde", 0.4, 3, n=150, rng=3, bandwidth=0.35), 9.0, 1501),
    "kde, mixture": (lambda: simulate_recursion(TWO_MODES, "kde", [0.2, 0.5], 2, n=100, rng=4, bandwidth=0.3), 9.0, 1501),
    "kde plane": (lambda: simulate_recursion(PLANE, "kde", 0.5, 2, n=120, rng=5, bandwidth=0.4), 8.0, 161),
    "mixture-fit": (lambda: simulate_recursion(TWO_MODES, "mixture-fit", 0.5, 2, n=400, rng=6, components=2), 14.0, 2801),
}


@pytest.mark.parametrize("name", CASES)
def test_measured_drift_against_a_grid(name: str) -> None:
    run, width, count = CASES[name]
    r = run()
    square, gram, intra = on_grid(r, width, count)
    np.testing.assert_allclose(r.divergence, square, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(r.gram, gram, rtol=1e-6, atol=1e-7 * float(np.max(square)))
    np.testing.assert_allclose(r.intra, intra, rtol=1e-6)
    consistent(r)
    assert not np.allclose(r.gram, 1.001 * gram, rtol=1e-6, atol=1e-7 * float(np.max(square)))  # the check sees 0.1 %
    assert r.stderr == {}


def test_monte_carlo_against_the_closed_form() -> None:
    p = Gaussian(np.zeros(3), [1.0, 0.8, 1.2])
    measured = simulate_recursion(p, fit_opaque, 0.6, 3, n=400, rng=11, evaluation=40_000)
    exact = simulate_recursion(p, "gaussian-fit", 0.6, 3, n=400, rng=11, evaluation=40_000)  # same streams, same fits
    assert measured.method == "Monte Carlo"
    assert exact.method.startswith("closed form")
    for own, other in zip(measured.laws[1:], exact.laws[1:], strict=True):
        np.testing.assert_allclose(own.law.mean, other.mean, rtol=1e-10, atol=1e-12)  # type: ignore[attr-defined]
    for name in ("divergence", "innovation", "mixed", "gram", "discounted_sums", "triangle_bound", "interference"):
        value, error = getattr(measured, name), measured.stderr[name]
        truth = getattr(exact, name)
        here = np.isfinite(truth) & (error > 0)
        assert np.all(np.abs(value - truth)[here] <= Z * error[here]), name
        assert np.any(here)
        # wrong twin: the same numbers, 30 % off, are told apart
        assert np.any(np.abs(value - 1.3 * truth)[here] > Z * error[here]), name
    assert np.all(np.abs(measured.intra - exact.intra) <= Z * np.hypot(measured.stderr["intra"], exact.stderr["intra"]))
    assert 0 < measured.ess["divergence"][1] < 40_000
    consistent(measured)


def test_exact_channel_laws_in_ten_dimensions() -> None:
    r = simulate_recursion(paper_mixture(), early_stopping(0.02), 0.5, 3, n=10, rng=0, evaluation=20_000)
    # the modes are far apart: to about 1e-4 a round acts on each of them as on a Gaussian of its own
    single = exact_recursion(Gaussian([4.0, 4.0, *[0.0] * 8], 0.36), early_stopping(0.02), 0.5, 3)
    centre = exact_recursion(Gaussian(np.zeros(10), 0.36), early_stopping(0.02), 0.5, 3)
    expected = 0.8 * single.divergence + 0.2 * centre.divergence
    assert np.all(np.abs(r.divergence - expected)[1:] <= Z * r.stderr["divergence"][1:] + 1e-4 * expected[1:])
    assert np.all(np.abs(r.divergence - 0.7 * expected)[1:] > Z * r.stderr["divergence"][1:] + 1e-4 * expected[1:])
    smoothed = simulate_recursion(paper_mixture(), kde(0.6).then(early_stopping(0.02)), 0.5, 1, n=10, rng=0, evaluation=500)
    assert smoothed.divergence[1] == math.inf
    assert "divergence[1]" in smoothed.reasons
    low = simulate_recursion(Gaussian(0.0, 1.0), kde(0.2), 0.5, 3, n=10, rng=0)
    np.testing.assert_array_equal(low.divergence, exact_recursion(Gaussian(0.0, 1.0), kde(0.2), 0.5, 3).divergence)


def test_a_channel_whose_laws_no_grid_holds_is_measured_by_monte_carlo() -> None:
    """All mass near the origin: D is that of N(0, 1e-24 I) to the digits of the components' distance."""
    far, channel = GaussianMixture([0.4, 0.6], [[0.0, 0.0], [1.0, 2.0]], 1.0), Channel(gain=1e-12)
    with pytest.raises(Unresolved, match="target and laws"):
        exact_recursion(far, channel, 0.0, 1)
    found = simulate_recursion(far, channel, 0.0, 1, n=50, rng=0, evaluation=20_000)
    assert found.method == "Monte Carlo"
    flat = [float(weight) for weight in channel(far).weights]  # type: ignore[union-attr]
    centre = float(np.exp(far.logpdf(np.zeros((1, 2))))[0])
    gaps = np.subtract.outer(np.array([0.0, 1.0]), np.array([0.0, 1.0])) ** 2 * 5.0  # squared distances of the images, by 1e-24
    exact = float(np.sum(np.outer(flat, flat) * np.exp(-gaps / 4.0))) / (4.0 * math.pi * 1e-24) / centre
    assert abs(found.divergence[1] - exact) <= Z * found.stderr["divergence"][1]
    assert abs(found.divergence[1] - 1.2 * exact) > Z * found.stderr["divergence"][1]


# --------------------------------------------------------------------------------------------------- finite samples


def test_finite_sample_recursion() -> None:
    """s_{i+1} = (1-a)^2 s_i + w_i/n, v_{i+1} = w_i + a(1-a) s_i - w_i/n, w_i = a + (1-a) v_i (stratified)."""
    alpha, n, runs, rounds = 0.25, 8, 1500, 3
    means, variances = np.zeros((runs, rounds + 1)), np.ones((runs, rounds + 1))

    class Line:
        """The mean and 1/n variance of the points, as the law to sample from."""

        def __init__(self, samples: Array) -> None:
            self.centre, self.spread = float(samples.mean()), float(samples.var())

        def sample(self, count: int, *, rng: np.random.Generator) -> Array:
            return np.asarray(self.centre + math.sqrt(self.spread) * rng.standard_normal((count, 1)))

    root = np.random.default_rng(77)
    for run, stream in enumerate(root.spawn(runs)):
        r = simulate_recursion(Gaussian(0.0, 1.0), lambda x, _: Line(x), alpha, rounds, n=n, rng=stream, evaluation=32)
        for i, law in enumerate(r.laws[1:], start=1):
            means[run, i], variances[run, i] = law.centre, law.spread  # type: ignore[attr-defined]
    s, v = 0.0, 1.0
    for i in range(1, rounds + 1):
        w = alpha + (1 - alpha) * v
        s, v = (1 - alpha) ** 2 * s + w / n, w + alpha * (1 - alpha) * s - w / n
        for draws, truth, twin in ((means[:, i] ** 2, s, 0.5 * s), (variances[:, i], v, v + 2.0 * w / n)):
            error = draws.std(ddof=1) / math.sqrt(runs)
            assert abs(draws.mean() - truth) <= Z * error
            assert abs(draws.mean() - twin) > Z * error  # a gain of w/n for the loss, or half the noise
        assert s + v == pytest.approx(1.0)


def test_stratified_and_iid_designs() -> None:
    fresh: list[int] = []

    def count(samples: Array, _: np.random.Generator) -> Bootstrap:
        fresh.append(int(np.count_nonzero(samples > 500.0)))
        return Bootstrap(np.zeros((1, 1)))  # models sit at 0, the target at 1000

    far = Gaussian(1000.0, 1.0)
    simulate_recursion(far, count, [0.3, 0.25, 1.0, 0.0], 4, n=50, rng=0, evaluation=32)
    assert fresh[1:] == [round(0.25 * 50), 50, 0]
    fresh.clear()
    simulate_recursion(far, count, "accumulate", 5, n=50, rng=0, evaluation=32)
    assert fresh == [50, 25, 17, 13, 10] or fresh == [50, 25, 17, 12, 10]
    fresh.clear()
    simulate_recursion(far, count, "replace", 3, n=50, rng=0, evaluation=32)
    assert fresh == [50, 0, 0]  # p^0 is p
    fresh.clear()
    simulate_recursion(far, count, 0.3, 200, n=50, rng=1, design="iid", evaluation=32)
    draws = np.array(fresh[1:])
    assert len(set(draws.tolist())) > 5
    assert abs(draws.mean() - 15.0) <= Z * math.sqrt(50 * 0.3 * 0.7 / draws.size)


# --------------------------------------------------------------------------------------------------------- infinities


def test_infinite_drift_is_decided_not_estimated() -> None:
    r = simulate_recursion(Gaussian(0.0, 0.04), "kde", 0.5, 2, n=200, rng=0, bandwidth=0.3)  # 0.09 > 2 * 0.04
    assert np.isinf(r.divergence).tolist() == [False, True, True]
    assert r.innovation[0] == math.inf
    assert r.intra[0] == math.inf
    assert math.isfinite(r.intra[1])  # q_1 contains a model of the same width
    assert {"divergence[1]", "innovation[0]", "intra[0]"} <= set(r.reasons)
    finite = simulate_recursion(Gaussian(0.0, 0.05), "kde", 0.5, 1, n=200, rng=0, bandwidth=0.3)  # 0.09 < 0.1
    assert math.isfinite(finite.divergence[1])
    high = simulate_recursion(Gaussian(np.zeros(4), 0.04), "kde", 0.5, 2, n=200, rng=0, bandwidth=0.3, evaluation=500)
    assert np.isinf(high.divergence[1:]).all()
    assert high.divergence[0] == 0.0


def test_thousands_of_kernels_are_decided_at_once() -> None:
    r = simulate_recursion(paper_mixture(), "kde", 0.5, 2, n=2000, rng=0, bandwidth=0.5, evaluation=1000)
    assert np.all(np.isfinite(r.divergence))  # 0.25 < 2 * 0.36
    assert r.method == "Monte Carlo"
    wide = simulate_recursion(paper_mixture(), "kde", 0.5, 1, n=2000, rng=0, bandwidth=0.9, evaluation=64)
    assert wide.divergence[1] == math.inf


def test_models_without_a_density_have_no_measured_drift() -> None:
    r = simulate_recursion(Gaussian(0.0, 1.0), lambda x, _: Bootstrap(x), 0.5, 2, n=50, rng=0)
    assert r.divergence[0] == 0.0
    for values in (r.divergence[1:], r.innovation, r.intra, r.gram, r.mixed[1:]):
        assert np.all(np.isnan(values))
    assert r.mixed[0] == 0.0
    assert len(r.laws) == 3
    blend = r.mixtures[1]
    assert blend.sample(7, rng=0).shape == (7, 1)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------------------ plumbing


def test_same_seed_same_numbers_whatever_the_workers(capfd: pytest.CaptureFixture[str]) -> None:
    def run(workers: int, seed: int) -> Recursion:
        p = Gaussian(np.zeros(3), 1.0)
        return simulate_recursion(p, fit_opaque, 0.4, 2, n=50, rng=seed, workers=workers, progress=True, evaluation=4000)

    one, two, other = run(1, 5), run(3, 5), run(1, 6)
    np.testing.assert_array_equal(one.gram, two.gram)
    np.testing.assert_array_equal(one.stderr["intra"], two.stderr["intra"])
    assert not np.array_equal(one.gram, other.gram)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""  # progress goes to terminals only
    generator = np.random.default_rng(5)
    first = simulate_recursion(Gaussian(0.0, 1.0), "gaussian-fit", 0.4, 2, n=50, rng=generator)
    second = simulate_recursion(Gaussian(0.0, 1.0), "gaussian-fit", 0.4, 2, n=50, rng=generator)
    assert not np.array_equal(first.divergence, second.divergence)  # a stream is never used twice


def test_blends_and_bounds_of_the_ratio() -> None:
    r = simulate_recursion(TWO_MODES, "kde", 0.5, 2, n=60, rng=8, bandwidth=0.3)
    x = np.linspace(-8.0, 8.0, 20_001)
    blend = r.mixtures[1]
    assert isinstance(blend, GaussianMixture)
    ratio = np.exp(blend.logpdf(x) - TWO_MODES.logpdf(x))
    assert ratio.max() <= r.ratio_sup[1] < math.inf
    assert float(chi2(blend, TWO_MODES)) == pytest.approx(r.mixed[1], rel=1e-7)
    truth, _ = integrate.quad(lambda y: float(np.exp(blend.logpdf(np.array([y])))[0]), -9.0, 9.0, limit=400)
    assert truth == pytest.approx(1.0, rel=1e-7)


GAUSS = Gaussian([0.0, 0.0], 1.0)
BAD: list[tuple[type[Exception], str, Callable[[], object]]] = [
    (ValueError, "bandwidth must be given", lambda: simulate_recursion(GAUSS, "kde", 0.5, 2, n=10, rng=0)),
    (ValueError, "bandwidth must be finite", lambda: simulate_recursion(GAUSS, "kde", 0.5, 2, n=10, rng=0, bandwidth=-1.0)),
    (
        ValueError,
        "bandwidth must be left out",
        lambda: simulate_recursion(GAUSS, "gaussian-fit", 0.5, 2, n=10, rng=0, bandwidth=0.1),
    ),
    (ValueError, "components must be given", lambda: simulate_recursion(GAUSS, "mixture-fit", 0.5, 2, n=10, rng=0)),
    (ValueError, "components must be left out", lambda: simulate_recursion(GAUSS, kde(0.1), 0.5, 2, n=10, rng=0, components=2)),
    (ValueError, "retrain must be one of", lambda: simulate_recursion(GAUSS, "spline", 0.5, 2, n=10, rng=0)),
    (ValueError, "n must exceed", lambda: simulate_recursion(GAUSS, "gaussian-fit", 0.5, 2, n=2, rng=0)),
    (ValueError, "n must be", lambda: simulate_recursion(GAUSS, "gaussian-fit", 0.5, 2, n=0, rng=0)),
    (ValueError, "design", lambda: simulate_recursion(GAUSS, "gaussian-fit", 0.5, 2, n=10, rng=0, design="sorted")),
    (ValueError, "alpha", lambda: simulate_recursion(GAUSS, "gaussian-fit", -0.1, 2, n=10, rng=0)),
    (ValueError, "workers", lambda: simulate_recursion(GAUSS, "gaussian-fit", 0.5, 2, n=10, rng=0, workers=0)),
    (ValueError, "retrain must act", lambda: simulate_recursion(GAUSS, Channel(shift=[0.0] * 3), 0.5, 2, n=10, rng=0)),
    (TypeError, "retrain must be one of", lambda: simulate_recursion(GAUSS, 3, 0.5, 2, n=10, rng=0)),  # type: ignore[arg-type]
    (TypeError, "retrain must return", lambda: simulate_recursion(GAUSS, lambda x, _: x, 0.5, 2, n=10, rng=0)),  # type: ignore[arg-type,return-value]
    (TypeError, "rng", lambda: simulate_recursion(GAUSS, "gaussian-fit", 0.5, 2, n=10, rng="seed")),  # type: ignore[arg-type]
    (TypeError, "target", lambda: simulate_recursion(np.zeros(3), "gaussian-fit", 0.5, 2, n=10, rng=0)),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("kind", "message", "call"), BAD)
def test_bad_input_is_refused_by_name(kind: type[Exception], message: str, call: Callable[[], object]) -> None:
    with pytest.raises(kind, match=message):
        call()


def test_a_round_that_cannot_be_fitted_is_named() -> None:
    def shrink(samples: Array, _: np.random.Generator) -> Gaussian:
        return Gaussian(samples.mean(axis=0), 0.0 * samples.var(axis=0))

    with pytest.raises(ValueError, match="round 0 failed"):
        simulate_recursion(GAUSS, shrink, 0.5, 2, n=10, rng=0)

    class Short(Bootstrap):
        def sample(self, n: int, *, rng: np.random.Generator) -> Array:
            return self.rows[:1]

    with pytest.raises(ValueError, match="must return n = 5 rows"):
        simulate_recursion(GAUSS, lambda x, _: Short(x), 0.5, 2, n=10, rng=0)


@pytest.mark.parametrize("bandwidth", [1e-5, 1e-12])
def test_kernels_too_narrow_for_a_grid_are_measured_by_monte_carlo(bandwidth: float) -> None:
    found = simulate_recursion(Gaussian(0.0, 1.0), "kde", 0.5, 2, n=50, bandwidth=bandwidth, rng=1)
    assert found.method == "closed form, intra by Monte Carlo"
    wide = simulate_recursion(Gaussian(0.0, 1.0), "kde", 0.5, 1, n=50, bandwidth=1e-3, rng=1)
    assert wide.method == "closed form, intra by quadrature"
    for law, divergence in zip(found.laws[1:], found.divergence[1:].tolist(), strict=True):
        assert isinstance(law, GaussianMixture)
        centres, pairs = law.means.ravel(), np.outer(law.weights, law.weights)
        middle, gap = 0.5 * np.add.outer(centres, centres), np.subtract.outer(centres, centres)
        height = np.exp(-((gap / (2.0 * bandwidth)) ** 2)) / (math.sqrt(4.0 * math.pi) * bandwidth)
        density = stats.norm.pdf(middle)  # as good as constant across a kernel
        assert divergence == pytest.approx(float(np.sum(pairs * height / density)) - 1.0, rel=1e-6)
        assert divergence != pytest.approx(1.001 * float(np.sum(pairs * height / density)) - 1.0, rel=1e-6)
