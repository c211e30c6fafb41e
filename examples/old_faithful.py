"""Retrain a kernel density estimate on its own samples of the Old Faithful eruptions, in two dimensions.

For three fresh fractions: the drift of every generation between its floor and its ceiling, the verdict on every claim that
can be formed, and figures of drift, of the contributions of the rounds and of the densities. Written to DIR.

    python examples/old_faithful.py --out eruptions
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from numeric import check_recursion, fit_target, simulate_recursion
from numeric.command.suite import old_faithful
from numeric.plots import plot_contributions, plot_density, plot_drift, save

FRESH = (0.1, 0.5, 0.9)
BANDWIDTH = 0.2  # standard deviation of the kernel; both columns have standard deviation 1


def main() -> None:
    """Retrain, print, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--generations", type=int, default=10, help="rounds, default 10")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    eruptions = old_faithful()
    data = fit_target(eruptions, components=2, rng=chosen.seed)
    for alpha in FRESH:
        rounds = simulate_recursion(
            data, "kde", alpha, chosen.generations, n=len(eruptions), rng=chosen.seed, bandwidth=BANDWIDTH
        )
        print(f"\nalpha = {alpha:g}, {len(eruptions)} points per round, kernel of standard deviation {BANDWIDTH:g}")
        print("  N   drift D_N   ceiling of D_N   discounted sum")
        for n in range(1, chosen.generations + 1):
            ceiling = rounds.triangle_bound[n] ** 2
            print(f"{n:3d} {rounds.divergence[n]:11.4g} {ceiling:16.4g} {rounds.discounted_sums[n]:16.4g}")
        for reason in sorted(set(rounds.reasons.values())):
            print(f"  {reason}")
        verdicts = Counter(check.verdict.value for check in check_recursion(rounds))
        print("  checks: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())))
        for name, draw in (("drift", plot_drift), ("contributions", plot_contributions), ("density", plot_density)):
            save(draw(rounds), chosen.out / f"{name}-{alpha:g}.png")
    print(f"\nFigures in {chosen.out}")


if __name__ == "__main__":
    main()
