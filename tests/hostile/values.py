"""What public functions are called with: for every parameter sound values, and for all of them hostile ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st

import numeric
import theory
from numeric import AffineError, BoundedError, Channel, ConsistentError, Estimate, Gaussian, GaussianMixture

Values = st.SearchStrategy[Any]

EDGES = (
    *(0.0, -0.0, 5e-324, 1e-300, 1e-12, 0.5, 1.0 - 2.0**-53, 1.0, 1.0 + 2.0**-52, 2.0, 1e15, 1e150, 1e300, 1.7e308),
    *(-1e-300, -1e-12, -1.0, -1e300, float("nan"), float("inf"), float("-inf")),
)
KINDS = (
    *(None, True, False, "0.5", "١", "", b"1", 1j, [], [[]], {}, {"a": 1}, set(), object(), 0, 1, -1, 2**31, 10**400),
    *(Decimal("0.1"), Fraction(1, 3), np.float32(0.5), np.float64(0.5), np.int8(1), np.array(0.5), np.array([True])),
    *(np.array(["a"]), np.array([None]), np.array([], dtype=float), [1, [2]], lambda t: t, sp.Symbol("x"), range(3), int),
    *(
        np.datetime64("2020-01-01"),
        np.ma.masked_array([1.0], [True]),
        float,
        "alpha" * 50,
        "line\nbreak",
        [None],
        ["a"],
        [0.5, "a"],
    ),
)
numbers = st.one_of(st.sampled_from(EDGES), st.floats(), st.integers(-3, 3))


def full(shape: tuple[int, ...], entry: float) -> np.ndarray:
    return np.full(shape, entry, dtype=np.float64)


rows = st.lists(numbers, min_size=1, max_size=3)
shapes = st.sampled_from([(1, 1), (2, 2), (2, 3), (1, 2, 2), (60,), (60, 2), (200,), (0, 2), (1, 1, 1, 1)])
junk = st.one_of(
    numbers, st.sampled_from(KINDS), rows, st.lists(rows, min_size=1, max_size=2), st.builds(full, shapes, numbers)
)


def of(*values: Any) -> Values:
    return st.sampled_from(values)


# --- laws, channels, errors -----------------------------------------------------------------------------------------

LINE = (
    lambda: Gaussian(0.0, 1.0),
    lambda: Gaussian(0.3, 1.2),
    lambda: Gaussian(-1e8, 1e-8),
    lambda: Gaussian(0.0, 1e-12),
    lambda: Gaussian(0.0, 1e12),
    lambda: GaussianMixture([0.5, 0.5], [-1.0, 1.0], 0.3),
    lambda: GaussianMixture([1.0 - 1e-12, 1e-12], [0.0, 8.0], [1.0, 0.5]),
    lambda: GaussianMixture([0.3, 0.0, 0.7], [-1e3, 5.0, 1e3], [1e-3, 1.0, 2.0]),
)
PLANE = (
    lambda: Gaussian([0.0, 1.0], [1.0, 2.0]),
    lambda: GaussianMixture([0.4, 0.6], [[0.0, 0.0], [1.0, 2.0]], 1.0),
    lambda: Gaussian([0.0, 0.0], [1e-8, 1e7]),  # condition 1e15
    lambda: Gaussian([0.0, 0.0], [[1.0, 1.0 - 1e-9], [1.0 - 1e-9, 1.0]]),
)
HIGH = (lambda: Gaussian(np.zeros(200), np.ones(200)), lambda: Gaussian(np.zeros(200), np.geomspace(1e-7, 1e8, 200)))
EXTREME = (
    lambda: Gaussian(0.0, 1e-300),
    lambda: Gaussian(0.0, 1e300),
    lambda: Gaussian(1e300, 1.0),
    lambda: Gaussian(0.0, 5e-324),
    lambda: Gaussian(1e150, 1e-150),
    lambda: Gaussian(1e75, 1e-150),
    lambda: Gaussian(-1e75, 1e150),
    lambda: Gaussian([0.0, 0.0], [1e-150, 1e150]),
    lambda: GaussianMixture([0.5, 0.5], [-1e75, 1e75], [1e-150, 1e150]),
    lambda: GaussianMixture([1.0, 1e-300], [0.0, 1.0], 1.0),
)


@cache
def made(build: Callable[[], Any]) -> Any:
    """The value, or None where it is refused."""
    try:
        return build()
    except ValueError:
        return None


def laws(*groups: tuple[Callable[[], Any], ...]) -> Values:
    builds = [build for group in groups for build in group]
    return st.sampled_from(builds).map(made).filter(lambda law: law is not None)


line, law, edge_law = laws(LINE[:6]), laws(LINE[:6], PLANE[:2]), laws(LINE, PLANE, HIGH, EXTREME)
gaussian = laws(LINE[:2], PLANE[:1])
channel = of(
    *(Channel(noise=0.1), Channel(0.9, 0.1, 0.2), numeric.early_stopping(0.1), numeric.mean_shift(0.1), numeric.kde(0.2)),
    *(Channel(), Channel(gain=0.0, noise=1.0), Channel(gain=1e-12), Channel(gain=[1.0, 2.0])),
)


class Crooked:
    """An error of the right form whose values are not."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, x: Any, t: float) -> Any:
        return self.value

    def divergence(self, x: Any, t: float) -> Any:
        return self.value


error = of(
    *(AffineError(0.1), AffineError(0.0, 0.3), AffineError(lambda t: [[0.1 * t]]), BoundedError(0.2), BoundedError(0.0)),
    *(ConsistentError(Gaussian(0.0, 1.0), Channel(noise=0.3)), AffineError([[0.0, 1.0], [-1.0, 0.0]])),
)
process = st.builds(numeric.OU, of(0.02, 1e-3, 0.5), of(1.0, 4.0, 40.0))
rng = of(0, 1, 2**32, np.random.default_rng(3))

# --- what other calls return ----------------------------------------------------------------------------------------


@cache
def recursions() -> tuple[numeric.Recursion, ...]:
    data = Gaussian(0.0, 1.0)
    return (
        numeric.exact_recursion(data, numeric.mean_shift(0.1), 0.5, 3),
        numeric.exact_recursion(data, numeric.kde(1.0), 0.2, 3),
        numeric.exact_recursion(data, numeric.kde(0.1), "accumulate", 2),
        numeric.simulate_recursion(data, "gaussian-fit", 0.5, 2, n=60, rng=1, evaluation=256),
    )


@cache
def generations() -> tuple[numeric.Generation, ...]:
    data = Gaussian(0.0, 1.0)
    return (
        numeric.exact_generation(data, ConsistentError(data, Channel(noise=0.3))),
        numeric.exact_generation(data, AffineError(0.0, 0.3)),
        numeric.simulate_generation(data, AffineError(0.0, 0.3), n=64, steps=8, rng=1),
    )


@cache
def fits() -> tuple[Any, ...]:
    data = Gaussian(0.0, 1.0)
    return (
        numeric.exact_refits(data, 0.5, 2, n=10),
        numeric.simulate_refits(data, 0.5, 2, n=10, runs=50, rng=1),
        numeric.fit_energy(data, n=20, fits=50, rng=1),
        numeric.weighted_means(0.5, n=10),
    )


@cache
def measured_samples() -> numeric.SampleMeasurements:
    points = [np.random.default_rng(seed).standard_normal((60, 1)) for seed in range(4)]
    return numeric.measure_samples(points[0], points[1:], 0.5, rng=1)


def cloud(seed: int, columns: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((60, columns))


recursion = st.deferred(lambda: st.sampled_from(recursions()))
generation = st.deferred(lambda: st.sampled_from(generations()))
sample = of(*map(cloud, range(4)), cloud(5)[:, 0], np.repeat(cloud(6)[:30], 2, axis=0))
samples = st.one_of(sample, of(cloud(1, 2), [1.0, 2.0, 4.0], cloud(2, 3)))
schedule = st.deferred(lambda: of(numeric.vp_linear(4), numeric.edm([0.1, 1.0, 9.0]), numeric.flow([0.1, 0.5, 0.9])))
claims = of(None, ["refresh"], ["girsanov-kl"], ["two-sided-max"], [theory.claim("triangle")], [])
fraction = of(0.0, 0.1, 0.5, 0.9, 1.0, 1e-12, 1.0 - 2.0**-53)
alphas = st.one_of(fraction, of("accumulate", "replace", [0.5, 0.1], (1.0, 0.0)))
column = st.one_of(
    of(None, 0.05, [0.05, 0.02], [0.0, 0.0], [None, 0.1], [Estimate(0.05, 0.01, 100), 0.1]),
    of([1e-300, 1e300], [Estimate(0.05, 1e9, 2), None], np.array([0.1, 0.2]), [float("inf"), 0.1]),
)
positive = of(0.5, 1.0, 1e-6, 3.0, 1e-12, 1e6)
real = of(0.0, 0.3, -2.0, 1e-9, 1e3)
count = of(1, 2, 3, 7)
confidence = of(0.5, 0.95, 0.999999, 1e-9, 1.0 - 1e-15)
flag = of(True, False)
kind = of("epsilon", "x0", "score", "v", "velocity", "edm")
several = st.one_of(positive, of([0.5, 1.0], np.array([[0.2], [3.0]])))
nonnegatives = st.one_of(of(0.0), several)

SOUND: dict[str, Values] = {
    # laws
    "mean": st.one_of(real, of([0.0, 1.0])),
    "cov": st.one_of(positive, of([1.0, 2.0], [[1.0, 0.5], [0.5, 1.0]])),
    "weights": of([0.5, 0.5], [1.0 - 1e-12, 1e-12], [1.0, 0.0]),
    "means": of([0.0, 1.0], [[0.0, 1.0], [2.0, 3.0]], [0.0, 0.0]),
    "covs": of(1.0, [1.0, 2.0], [[1.0, 2.0], [1.0, 3.0]], [1e-12, 1e12]),
    "samples": samples,
    "components": of(1, 2),
    "rng": rng,
    "alpha": alphas,
    "p": law,
    "q": law,
    "t": of(0.0, 0.5, 1.0, 40.0, 1e-12),
    "t0": of(0.02, 0.5, 1e-12),
    "T": of(4.0, 1.0, 60.0),
    "n": of(None, 1, 2, 60),
    "order": of(0.5, 1.0, 2.0, 3.0, 1.0 + 1e-9),
    "bandwidth": st.one_of(of(None), positive),
    "frequencies": of(None, [0.5, 1.0]),
    "x": of(0.5, [0.1, 0.2], cloud(1), cloud(1, 2), [1e8, -1e8], [[0.0, 1.0]]),
    # errors, one round
    "matrix": of(0.1, [[0.0, 1.0], [-1.0, 0.0]], lambda t: [[t]], lambda t: np.nan),
    "offset": of(0.0, 0.3, [0.1, 0.2], lambda t: [t]),
    "beta": of(0.0, 0.2, 3.0),
    "target": law,
    "channel": channel,
    "error": error,
    "process": process,
    "start": of("ideal", "learned"),
    "steps": of(2, 4, 9),
    "replicas": of(2, 3),
    "workers": of(1, 2),
    # estimates, channels
    "value": real,
    "stderr": of(0.0, 0.1, 1e-300),
    "ess": of(None, 1.0, 3.0),
    "log_scale": flag,
    "heavy": flag,
    "skewness": of(0.0, 0.3, -2.0),
    "keep": of(None, 1, 20),
    "gain": st.one_of(real, of([1.0, 2.0], [[1.0, 0.1], [0.0, 1.0]])),
    "shift": st.one_of(real, of([0.0, 1.0])),
    "noise": st.one_of(positive, of(0.0, [1.0, 0.0], [[1.0, 0.5], [0.5, 1.0]])),
    "delta": of(0.0, 0.3, [0.1, -0.2], -1e3),
    "after": channel,
    "dim": of(1, 2, 5),
    "levels": of([0, 1], [2, 1], np.array([0, 2])),
    # many rounds
    "generations": count,
    "initial": st.one_of(of(None), line),
    "retrain": st.one_of(channel, of("gaussian-fit", "kde", "mixture-fit", lambda data, rng: Gaussian(data.mean(), 1.0))),
    "design": of("stratified", "iid"),
    "progress": flag,
    "evaluation": of(64, 256),
    "recursion": recursion,
    "early_times": of(None, 0.1, 0.0),
    "tol": of(1e-12, 1e-3, 0.5),
    "generation": generation,
    "result": st.one_of(recursion, generation),
    "refits": st.deferred(lambda: st.sampled_from(fits())),
    "confidence": confidence,
    "claims": claims,
    "claim": of(None, "refresh", "girsanov-kl", "triangle"),
    "statement": st.deferred(lambda: st.sampled_from(sorted(numeric.REFUTATIONS))),
    "sizes": of(None, [1], [1, 2]),
    # samples
    "reference": sample,
    "sample": sample,
    "features": of(1, 2, 16),
    "directions": of(None, [[1.0]], [[-1e300]], [[1e-300]]),
    "training": of(None),
    "smoothing_tv": of(None, 0.1, [0.1, 0.2]),
    "initial_kl": of(0.0, 0.1),
    "ideal": of(None),
    "low": of([0.0, 0.1, 0.2], [0.0, 0.0], [1.0, 2.0, 4.0, 8.0, 16.0]),
    "high": of([0.1, 0.2, 0.3], [0.0, np.inf], [1.0, 2.0, 4.0, 8.0, 16.0]),
    # finite samples
    "runs": of(2, 20),
    "fits": of(2, 20),
    "route": of("points", "moments"),
    "ratio": of(1.0, 0.5, 2.0),
    # losses
    "losses": of([0.1, 0.2, 0.3], [0.1, 0.2, 0.3, 0.4], [0.0, 0.0, 0.0]),
    "schedule": schedule,
    "kind": kind,
    "irreducible": st.one_of(of(0.0, [0.0, 0.0, 0.1]), gaussian),
    "averaged_over": of(1, 3),
    "data": gaussian,
    "mean_loss": of(0.0, 0.1),
    "alpha_bar": of([0.9, 0.5, 0.1], [1.0 - 1e-16, 1e-300]),
    "beta_min": of(1e-4, 1e-12),
    "beta_max": of(0.02, 0.999),
    "largest_beta": of(0.999, 1e-6),
    "sigmas": of([0.1, 1.0, 9.0], [1e-150, 1e150]),
    "sigma_data": of(0.5, 1e-6),
    "sigma_min": of(0.002, 1e-9),
    "sigma_max": of(80.0, 1e9),
    "rho": of(7.0, 1.0, 0.1),
    "times": of([0.1, 0.5], [0.9, 0.1]),
    "family": of("vp", "ve", "flow"),
    "signal": of([1.0, 1.0], [0.5, 0.9]),
    # measurements and plans
    **dict.fromkeys(("ideal_energy", "learned_energy", "observability", "path_chi2", "intra_chi2", "intra_kl"), column),
    **dict.fromkeys(("mmd", "smoothing_mmd"), column),
    "divergence": of("chi2", "tv"),
    **dict.fromkeys(("initial_divergence", "initial_mmd"), of(0.0, 0.1, 1e300)),
    "kernel_range": of(1.0, 2.0),
    "intra_noised": flag,
    "tolerance": of(0.1, 0.5, 1e-12),
    "coherent": flag,
    "budget": of(0.0, 1.5, 2.0),
    "energies": of([0.01, 0.02], [0.0, 0.0], [1e-300, 1.0]),
    "sample_size": of(1.0, 100.0),
    "objective": of("max", "last"),
    "energy": of(0.01, 1e-12, 1.0),
    "eigenvalues": of(None, [1.0, 2.0], [1e-9, 1e9]),
    # closed forms, of arrays and symbols
    **dict.fromkeys(("lam", "lam_hat", "v1", "v0", "v", "sigma2", "variance", "second_moment"), several),
    **dict.fromkeys(("m1", "m0", "slope"), st.one_of(real, of([0.1, 0.2]))),
    "axis": of(None, 0, -1),
    "N": of(0, 1, 5),
    "s": of(0.0, 0.1),
    "log_weight_moment": of(lambda r: 0.1 * r, lambda r: np.inf, lambda r: np.nan, lambda r: "a"),
    "log_energy_moment": of(lambda r: 0.2 * r, lambda r: 0.0),
    "gamma": of(None, 0.5, 1.0),
    "sup_energy": of(0.1, 1.0, 30.0),
    "along": of("ideal", "learned"),
    "p_moment": positive,
    "K_delta": of(1.0, 2.0),
    "K_gamma": of(1.0, 2.0),
    "moment_constant": positive,
    "innovations": of([0.1, 0.2], [], [0]),
    "pattern": of("coherent", "alternating", "orthogonal"),
    "k": of(0, 1, 4),
    "id": of("refresh", "two-sided-max"),
    "claim_or_proof": st.deferred(lambda: of(theory.claim("refresh"), theory.claim("refresh").prove())),
    "proofs": of(None, {}),
    "name": of("fraction", "weights", ""),
}
SYMBOLIC = st.one_of(positive, of(sp.Rational(1, 3), sp.Symbol("z"), sp.Symbol("w", positive=True), sp.Integer(2), sp.sqrt(2)))
MEANT: dict[str, Values] = {  # where a name means something else
    **{f"{one}.alpha": fraction for one in ("mix", "limit_law", "plan_fresh_fraction", "drift_floor", "largest_energy")},
    **{f"{one}.alpha": fraction for one in ("effective_memory", "forgetting_time", "weighted_means")},
    "simulate_weighted_means.alpha": of(0.1, 0.5, 1.0),
    "drift_ceiling.alpha": st.one_of(fraction, of([0.1, 0.5])),
    "drift_ceiling.energy": nonnegatives,
    "frontier.alpha": of(None, [0.1, 0.5, 1.0]),
    **{f"{one}.sample": sample for one in ("sample_drift",)},
    **{f"{one}.n": of(1, 3, 60) for one in ("Gaussian.sample", "GaussianMixture.sample", "Estimate", "weighted_means")},
    **{f"{one}.n": of(8, 20) for one in ("exact_refits", "simulate_refits", "fit_energy", "simulate_weighted_means")},
    **{f"{one}.n": of(50, 60) for one in ("simulate_generation", "simulate_recursion")},
    **{f"{one}.generations": st.lists(sample, min_size=1, max_size=3) for one in ("measure_samples", "check_samples")},
    **{f"{one}.learned_energy": of(None, 0.05) for one in ("measure_samples", "check_samples")},
    "measure_samples.progress": of(iter, list),
    **{f"{one}.generations": st.one_of(of(None), count) for one in ("plan_fresh_fraction", "drift_ceiling", "largest_energy")},
    "frontier.generations": st.one_of(of(None), count),
    **{
        f"{one}.observability": of(0.0, 0.3, 1.0) for one in ("plan_fresh_fraction", "drift_ceiling", "drift_floor", "frontier")
    },
    **{f"{one}.observability": of(0.0, 0.3, 1.0) for one in ("largest_energy", "plan_schedule")},
    **{f"{one}.ideal_energy": of(0.0, 0.01, 1e-12) for one in ("plan_fresh_fraction", "drift_floor")},
    **{f"{one}.divergence": column for one in ("check_measurements", "measured_drift")},
    **{f"{one}.ideal_energy": of(0.0, 0.1, 1.0) for one in ("bounded_constants", "bounded_moment_constants")},
    "deterministic_constants.ideal_energy": of(0.0, 0.1, 700.0),
    "chi2_infinite_reason.order": of(1.5, 2.0, 3.0),
    "vp_cosine.offset": of(0.008, 1e-9, 1.0),
    "score_energy.stderr": of(None, 0.01, [0.1, 0.1, 0.1]),
    **{f"{one}.target": gaussian for one in ("exact_refits", "simulate_refits", "fit_energy", "irreducible_loss")},
    **{f"{one}.delta": of(None, 0.5, 1.0) for one in ("explicit_constants",)},
    **{f"{one}.dim": of(None, 1, 2, 200) for one in ("plan_sample_size", "sampling_energy")},
    **{f"{one}.process": st.one_of(of(None), process) for one in ("plan_sample_size", "sampling_energy", "fit_energy")},
    "MeasuredDrift.position.generation": of(1, 2),
    "NoiseSchedule.noise": of([1.0, 2.0], [0.9, 0.5]),
    **{f"closed_forms.{one}.n": of(5, [5, 10]) for one in ("fitted_mean_error", "fitted_variance", "sample_size_energy")},
    **{f"closed_forms.{one}.alpha": fraction for one in ("fitted_mean_error", "fitted_variance", "limit_second_moment")},
    "closed_forms.deterministic_path_chi2.ideal_energy": nonnegatives,
    "claims.document": of([theory.claim("refresh")]),
    "document.claims": st.deferred(lambda: of([theory.claim("refresh")], [])),
    "document.proofs": of(None, {}),
    **{f"{one}.claim": st.deferred(lambda: of(theory.claim("refresh"))) for one in ("judge", "claim_latex")},
    "conjuncts.statement": st.deferred(lambda: of(theory.claim("refresh").statement, sp.true)),
    "simulate_recursion.components": of(None, 1, 2),
}

# --- instances whose methods are public -----------------------------------------------------------------------------

INSTANCES: dict[str, Values] = {
    "Gaussian": st.one_of(gaussian, laws(EXTREME[:7])),
    "GaussianMixture": laws(LINE[5:], PLANE[1:2], EXTREME[8:]),
    "OU": process,
    "AffineError": of(AffineError(0.1), AffineError(lambda t: [[t]]), AffineError([[0.0, 1.0], [-1.0, 0.0]])),
    "BoundedError": of(BoundedError(0.2)),
    "ConsistentError": of(ConsistentError(Gaussian(0.0, 1.0), Channel(noise=0.3))),
    "Estimate": of(Estimate(0.5, 0.1, 3), Estimate(1e300, 1e300, 2), Estimate(0.1, 1e-300, 1, None, True)),
    "Channel": channel,
    "SampleMeasurements": st.deferred(lambda: of(measured_samples())),
    "NoiseSchedule": schedule,
    "MeasuredDrift": st.deferred(lambda: of(numeric.measured_drift(0.5, intra_chi2=[0.1, 0.2], divergence=[0.1, None]))),
    "Claim": st.deferred(lambda: of(theory.claim("refresh"))),
}


def sound(function: str, parameter: str) -> Values:
    """Sound values of a parameter; KeyError where the tables do not know it."""
    return MEANT[f"{function}.{parameter}"] if f"{function}.{parameter}" in MEANT else SOUND[parameter]


def hostile(function: str, parameter: str) -> Values:
    """Everything else, with laws where a law may stand."""
    if parameter in ("target", "p", "q", "initial", "data", "irreducible"):
        return st.one_of(edge_law, junk)
    # closed forms are derived mode by mode, or evaluated point by point in high precision: two hundred take half a minute
    if function in theory.__all__ or function.startswith("closed_forms."):
        return junk.filter(lambda value: np.size(value) < 20 if isinstance(value, np.ndarray) else True)
    if f"{function}.{parameter}" == "measure_samples.progress":  # `float` would refuse the rounds in its own words
        return junk.filter(lambda value: not isinstance(value, type))
    if parameter in ("error",):
        return st.one_of(st.builds(Crooked, junk), junk)
    return junk


def walk(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every number in a result, with where it stands."""
    if isinstance(value, (float, np.floating)):
        yield path, float(value)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
        yield path, value
    elif isinstance(value, (list, tuple)) and depth < 4:
        for entry in value:
            yield from walk(entry, path, depth + 1)
    elif isinstance(value, dict) and depth < 4:
        for key, entry in value.items():
            yield from walk(entry, f"{path}[{key}]", depth + 1)
    elif hasattr(value, "__dataclass_fields__") and depth < 4:
        for name in value.__dataclass_fields__:
            yield from walk(getattr(value, name), f"{path}.{name}" if path else name, depth + 1)
