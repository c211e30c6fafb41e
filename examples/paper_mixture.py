"""The ten-dimensional mixture of KTV-A under kernel retraining: what its own protocol does in the limit of many points.

Each round smooths by a kernel of standard deviation 0.6 and stops at t0 = 0.02. The chi-squared divergence is infinite from
the first round on, whatever the fresh fraction, because the smoothed components are too wide for the data's; what can be
followed is the width of the components, and distances of a marginal. The first axis already shows all that happens, so it is
computed without sampling. The mean energies of the first round are measured by simulation.

    python examples/paper_mixture.py --out mixture
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from numeric import (
    BoundedError,
    Channel,
    GaussianMixture,
    check_generation,
    chi2_horizon,
    early_stopping,
    exact_recursion,
    paper_mixture,
    simulate_generation,
    tv,
    w1,
)
from numeric.plots import plot_density, save

FRESH = (0.1, 0.5, 0.9)
BANDWIDTH, T0 = 0.6, 0.02


def main() -> None:
    """Follow one marginal exactly, then measure one round in ten dimensions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--generations", type=int, default=20, help="rounds, default 20")
    parser.add_argument("--paths", type=int, default=10_000, help="endpoints simulated in ten dimensions, default 10,000")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    data = paper_mixture()
    one_round = Channel(noise=BANDWIDTH**2).then(early_stopping(T0))
    print(f"chi2 against the data is infinite from round {chi2_horizon(data, one_round)} on, for every alpha < 1.")
    axis = GaussianMixture(data.weights, data.means[:, :1], data.covs[:, :1, :1])
    for alpha in FRESH:
        rounds = exact_recursion(axis, one_round, alpha, chosen.generations)
        print(f"\nalpha = {alpha:g}\n  N   TV of the first axis   W1 of the first axis   variance of the first axis")
        for n in sorted({1, 2, 5, 10, chosen.generations} & set(range(chosen.generations + 1))):
            law = rounds.laws[n]
            assert isinstance(law, GaussianMixture)
            print(f"{n:3d} {float(tv(law, axis)):22.4f} {float(w1(law, axis)):22.4f} {law.cov[0, 0]:28.4f}")
        save(plot_density(rounds), chosen.out / f"first-axis-{alpha:g}.png")
    print("\nOne round with a bounded score error 0.2 tanh(x), in ten dimensions:")
    one = simulate_generation(data, BoundedError(0.2), n=chosen.paths, steps=64, replicas=4, rng=chosen.seed, workers=2)
    for name in ("ideal_energy", "learned_energy", "observability", "chi2"):
        value = getattr(one, name)
        print(f"  {name:15s} {value.value:.4f} ± {value.stderr:.4f}")
    for check in check_generation(one):
        if np.isfinite(check.bound):
            print(f"  {check.verdict.value:17s} {check.claim}: {check.detail}")
    print(f"\nFigures in {chosen.out}")


if __name__ == "__main__":
    main()
