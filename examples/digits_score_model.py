"""Retrain a small real score model on its own samples of handwritten digits, and hold what happens against the theory.

The model predicts the noise in noised digits (two principal components of scikit-learn's digits) by ridge regression on
random features of the point and of the noise level: a diffusion model in the usual sense, trained in seconds. The data law p is
the uniform law on the 1797 digits. Round i draws a fraction alpha of its points from p and the rest from the previous model; it
trains on the kernel density estimate of those points, whose score is known, so that the *excess* loss is known as well.

At the end stands the question that a practitioner has: is the drift from the data what these losses allow? It is asked in
MMD (claim mmd-discount), which needs no densities, and p has none. An exact score would have ended at the noised density
estimate, not at alpha p + (1 - alpha) p^i: few points, their kernel and the early stop stand between the two, and are measured
on samples as well. Only the time steps of the sampler are not accounted for. No point that a round trained on is in a sample
that is written. Written to DIR: rounds.csv, samples of the data, of every generation and of every law at which an exact score
would have ended, and checks.json.

    python examples/digits_score_model.py --out digits --alpha 0.3
    driftbound check digits/rounds.csv
    driftbound check --samples 'digits/generation-*.npy' --reference digits/reference.npy \\
        --measurements digits/rounds.csv --ideal 'digits/ideal-*.npy'
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from numeric import OU, Estimate, GaussianMixture, Verdict, simulate_generation
from numeric.command.report import as_json, checks_json, write_text
from numeric.generations.paths import score_field
from numeric.judging.checks import check_measurements, check_samples
from numeric.laws.process import noised

PROCESS = OU(0.02, 4.0)
SMOOTHING = 0.1  # variance of the kernel: the training law is the density estimate, not the points
PAIRS = 60_000  # (clean, noised) pairs that a round trains on
FEATURES = 500
RIDGE = 1.0
FEWEST = 50  # rows of a sample on which anything can be said
ROWS = 10_000  # of every sample that is drawn without a model


@dataclass(frozen=True)
class NoiseModel:
    """Predicted noise = that of a standard Gaussian + random features of (x, log signal-to-noise) times coefficients."""

    frequencies: np.ndarray  # (d + 1, F): the last row belongs to the noise level
    phases: np.ndarray  # (F,)
    coefficients: np.ndarray  # (F, d)

    @classmethod
    def fit(cls, law: GaussianMixture, rng: np.random.Generator) -> NoiseModel:
        """Least squares on noised samples of ``law``, at times spread evenly in log(signal-to-noise)."""
        dim = law.dim
        frequencies = rng.standard_normal((dim + 1, FEATURES)) * np.array([1.5] * dim + [0.4])[:, None]
        phases = rng.uniform(0.0, 2.0 * np.pi, FEATURES)
        level = rng.uniform(*log_snr(np.array([PROCESS.T, PROCESS.t0])), PAIRS)
        t = np.log1p(np.exp(-level))
        noise = rng.standard_normal((PAIRS, dim))
        x = np.exp(-0.5 * t)[:, None] * law.sample(PAIRS, rng=rng) + np.sqrt(-np.expm1(-t))[:, None] * noise
        angles = x @ frequencies[:-1] + level[:, None] * frequencies[-1] + phases
        design = np.cos(angles.astype(np.float32)).astype(np.float64)
        left = noise - np.sqrt(-np.expm1(-t))[:, None] * x
        normal = design.T @ design + RIDGE * np.eye(FEATURES)
        return cls(frequencies, phases, np.linalg.solve(normal, design.T @ left))

    def angles(self, x: np.ndarray, t: float) -> np.ndarray:
        """Arguments of the cosines, (n, F): in single precision, which is several times as fast."""
        offset = float(log_snr(np.array(t))) * self.frequencies[-1] + self.phases
        return x.astype(np.float32) @ self.frequencies[:-1].astype(np.float32) + offset.astype(np.float32)

    def score(self, x: np.ndarray, t: float) -> np.ndarray:
        """-(predicted noise)/sqrt(1 - e^-t), (n, d)."""
        return -x - np.cos(self.angles(x, t)) @ self.coefficients / np.sqrt(-np.expm1(-t))

    def score_divergence(self, x: np.ndarray, t: float) -> np.ndarray:
        """The divergence of ``score``, (n,)."""
        slopes = np.einsum("df,fd->f", self.frequencies[:-1], self.coefficients)
        return -x.shape[1] + np.sin(self.angles(x, t)) @ slopes / np.sqrt(-np.expm1(-t))


@dataclass(frozen=True)
class ModelError:
    """Learned score minus exact score of the noised training law: the error that the theory speaks of."""

    model: NoiseModel
    law: GaussianMixture

    def __call__(self, x: np.ndarray, t: float) -> np.ndarray:
        """e(x, t), (n, d)."""
        return self.model.score(x, t) - score_field(self.law, t)(x.T).T

    def divergence(self, x: np.ndarray, t: float) -> np.ndarray:
        """div e(x, t), (n,)."""
        return self.model.score_divergence(x, t) - noised(self.law, t).score_divergence(x)


def log_snr(t: np.ndarray) -> np.ndarray:
    """log(e^-t/(1 - e^-t)), the log signal-to-noise ratio at time t."""
    return -np.log(np.expm1(t))


def kernel_estimate(points: np.ndarray) -> GaussianMixture:
    """The kernel density estimate that a round trains on."""
    return GaussianMixture(np.full(len(points), 1.0 / len(points)), points, SMOOTHING)


def digits() -> np.ndarray:
    """The 1797 digits in their first two principal components, overall variance one, (1797, 2)."""
    points = PCA(2, random_state=0).fit_transform(load_digits().data)
    return np.asarray(points / points.std())


def main() -> None:
    """Retrain, measure, check, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for rounds.csv, the samples and checks.json")
    parser.add_argument("--alpha", type=float, default=0.3, help="fresh fraction in [0, 1], default 0.3")
    parser.add_argument("--generations", type=int, default=6, help="rounds, default 6")
    parser.add_argument("--points", type=int, default=400, help="points that a round trains on, default 400")
    parser.add_argument("--paths", type=int, default=2000, help="samples of every model, default 2000")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    chosen = parser.parse_args()
    fresh = round(chosen.alpha * chosen.points)
    old = chosen.points - fresh
    if not 0 <= fresh <= chosen.points or chosen.paths < old + FEWEST:
        parser.error(
            f"--alpha must lie in [0, 1], and --paths must be at least {FEWEST} more than the old points of a round, {old}"
        )
    chosen.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(chosen.seed)
    data = digits()
    reference, generations, ideal = pick(data, ROWS, rng), [pick(data, ROWS, rng)], []
    model_points = pick(data, old, rng)
    measured: dict[str, list[Estimate]] = {
        name: [] for name in ("ideal_energy", "learned_energy", "observability", "intra_chi2")
    }
    for generation in range(chosen.generations):
        law = kernel_estimate(np.concatenate([pick(data, fresh, rng), model_points]))
        error = ModelError(NoiseModel.fit(law, rng), law)
        one = simulate_generation(law, error, PROCESS, n=chosen.paths, steps=64, replicas=2, rng=rng, workers=2)
        for name, value in zip(measured, (one.ideal_energy, one.learned_energy, one.observability, one.chi2), strict=True):
            assert isinstance(value, Estimate)
            measured[name].append(value)
        model_points, others = np.split(np.asarray(one.endpoint), [old])
        generations.append(others)
        ideal.append(noised(law, PROCESS.t0).sample(ROWS, rng=rng))
        print(f"round {generation}: " + ", ".join(f"{name} {values[-1].value:.4f}" for name, values in measured.items()))
    write_rounds(chosen.out / "rounds.csv", fresh / chosen.points, measured)
    np.save(chosen.out / "reference.npy", reference)
    for name, samples in (("generation", generations), ("ideal", ideal)):
        for index, sample in enumerate(samples):
            np.save(chosen.out / f"{name}-{index:02d}.npy", sample)
    rounds = check_measurements(fresh / chosen.points, **measured)
    drift = check_samples(
        reference,
        generations,
        fresh / chosen.points,
        rng=chosen.seed,
        claims="mmd-discount",
        learned_energy=measured["learned_energy"],
        ideal=ideal,
    )
    write_text(chosen.out / "checks.json", as_json(checks_json((*rounds, *drift))) + "\n")
    for check in (*rounds, *drift):
        if check.verdict is not Verdict.ASSUMPTION_FAILS:
            print(check.generation, check.claim, check.verdict, check.detail)


def pick(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` of the points, drawn with replacement."""
    return points[rng.integers(len(points), size=count)]


def write_rounds(path: Path, alpha: float, measured: dict[str, list[Estimate]]) -> None:
    """One row per round, each quantity with its standard error, as ``driftbound check`` reads it."""
    heads = ["alpha", *(head for name in measured for head in (name, f"{name}_stderr"))]
    rows = [
        [alpha, *(number for values in measured.values() for number in (values[index].value, values[index].stderr))]
        for index in range(len(measured["ideal_energy"]))
    ]
    write_text(path, "\n".join([",".join(heads), *(",".join(f"{x:.6g}" for x in row) for row in rows)]) + "\n")


if __name__ == "__main__":
    with threadpool_limits(1):  # two threads simulate: more in each matrix product would only wait for each other
        main()
