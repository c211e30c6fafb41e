"""Images, retrained: a mixture fitted to Fashion-MNIST is fitted to its own draws again and again.

Images become principal coordinates, and a full-covariance mixture fitted to these is the data law p: it has a density, so that
energies, observability and drift of every generation can be measured and held against the claims. How far the images
themselves are from p is measured first, on images that took no part in the fit. Then p is retrained for several fresh
fractions, by EM or by kernels. The printed table shows each generation's drift by densities and by samples alone; DIR
gets figures of drift and energies and the sheet of generated images.

    python examples/fashion_images.py --out fashion
    python examples/fashion_images.py --out full --images FILE --dimension 64 --components 10 --points 10000 --retrain kde
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from importlib import resources
from pathlib import Path

from numeric import Estimate
from numeric.command.experiment_report import with_error
from numeric.experiments.experiment import Experiment, run_experiment
from numeric.experiments.image_drift import contradictions, measure_image_drift
from numeric.experiments.image_rows import RowMaker
from numeric.experiments.images import ImageTarget, fit_images, load_images, target_fidelity
from numeric.experiments.kernel_bandwidth import held_out_bandwidth
from numeric.experiments.protocol import Protocol
from numeric.experiments.summary import summary_rows
from numeric.experiments.verdicts import judge_experiment
from numeric.plots import save
from numeric.plots.experiment import plot_energies, plot_experiment_drift
from numeric.plots.sheets import plot_sheet

FRESH = (0.1, 0.5, 0.9)
FEW = 100.0  # effective draws below which a chi2 is not told
EXCERPT = Path(str(resources.files("numeric").joinpath("data/fashion_excerpt.npz")))


def main() -> None:
    """Fit, retrain, measure, check, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the figures")
    parser.add_argument("--images", type=Path, default=EXCERPT, help=".npz or IDX file, default an excerpt of Fashion-MNIST")
    parser.add_argument("--count", type=int, help="images, drawn at random; default all of the file")
    parser.add_argument("--dimension", type=int, default=24, help="principal coordinates, default 24")
    parser.add_argument("--components", type=int, default=8, help="of the mixture, default 8")
    parser.add_argument("--retrain", choices=("mixture-fit", "kde"), default="mixture-fit")
    parser.add_argument("--generations", type=int, default=10, help="rounds, default 10")
    parser.add_argument("--points", type=int, default=4000, help="points that a round trains on, default 4000")
    parser.add_argument("--queries", type=int, default=1000, help="draws behind the numbers of a round, default 1000")
    parser.add_argument("--workers", type=int, default=2, help="threads, default 2")
    parser.add_argument("--seed", type=int, default=0, help="default 0")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)

    images = load_images(chosen.images, n=chosen.count, rng=chosen.seed)
    target = fit_images(images, chosen.dimension, chosen.components, rng=chosen.seed)
    describe(target, len(images), chosen.seed)
    bandwidth = None
    if chosen.retrain == "kde":
        centres, others = (target.law.sample(n, rng=seed) for n, seed in ((chosen.points, chosen.seed), (500, chosen.seed + 1)))
        bandwidth = held_out_bandwidth(centres, others)
        print(f"kernels of standard deviation {bandwidth:.3f}, which give held-out draws of p the largest likelihood")
    protocol = Protocol(
        name=chosen.images.name,
        target=target.law,
        retrain=chosen.retrain,
        alphas=FRESH,
        generations=chosen.generations,
        n=chosen.points,
        runs=1,
        bandwidth=bandwidth,
        components=chosen.components if bandwidth is None else None,
        queries=chosen.queries,
        drift_queries=chosen.queries,
        observed=min(200, chosen.queries),
        seed=chosen.seed,
    )
    experiment = run_experiment(protocol, workers=chosen.workers)
    for index in range(len(FRESH)):
        show(experiment, index, target, chosen.seed)
    verdicts = Counter((one.check.claim, one.check.verdict.value) for one in judge_experiment(experiment))
    print("\nclaims")
    for (claim, verdict), count in sorted(verdicts.items()):
        print(f"  {claim:24s} {verdict:17s} {count}")
    draw_sheet(experiment, target, chosen.out / "sheet.png", chosen.seed)
    rows = [summary_rows(experiment, index) for index in range(len(FRESH))]
    for name, draw in (("drift", plot_experiment_drift), ("energies", plot_energies)):
        save(draw(rows), chosen.out / f"{name}.png")
    print(f"\nFigures, and the sheet of images, in {chosen.out}")


def describe(target: ImageTarget, count: int, seed: int) -> None:
    """What p is, and how far the images are from it."""
    frame, fit = target.frame, target.fit
    print(f"{count} images, {frame.dim} coordinates with {100.0 * frame.explained:.1f} % of the variance of the pixels")
    print(
        f"p: {target.law.weights.size} components by {fit.iterations} iterations of EM; log-likelihood "
        f"{target.log_likelihood:.2f} per image of the fit, {target.held_out_log_likelihood:.2f} per other image"
    )
    far = target_fidelity(target, rng=seed)
    print(
        f"images from p, on images outside the fit: MMD² in [{far.mmd2.low:.2g}, {far.mmd2.high:.2g}] "
        f"(p from itself: [{far.itself.low:.2g}, {far.itself.high:.2g}]), TV >= {far.tv.low:.3f}, chi2 >= {far.chi2.low:.3f}"
    )


def show(experiment: Experiment, index: int, target: ImageTarget, seed: int) -> None:
    """The generations of one fresh fraction: drift by densities, by samples, and from the images themselves."""
    records = experiment.records[index, 0]
    drifts = measure_image_drift(target.law, target.held_out, list(experiment.sheets[index, 0]), rng=seed)
    heads = ("eps*²", "epŝ²", "eta", "KL", "TV", "chi2", "MMD", "TV >=", "chi2 >=", "TV >= (images)")
    print(f"\nalpha = {FRESH[index]:g}\n  n " + " ".join(f"{head:>10s}" for head in heads))
    for record, drift in zip(records, drifts, strict=True):
        energies, samples = record.energies, drift.law
        known = [energies.ideal_energy, energies.learned_energy, energies.observability, record.kl, record.tv]
        cells = [
            *map(told, known),
            chi2_told(record.log_chi2),
            f"{record.mmd:.4f}",
            f"{samples.tv.low:.3f}",
            f"{samples.chi2.low:.3g}",
            f"{drift.images.tv.low:.3f}",
        ]
        print(f"{record.generation:3d} " + " ".join(f"{cell:>10s}" for cell in cells))
        for line in contradictions(record, samples):
            print(f"    CONTRADICTION: {line}")
    for reason in sorted({record.chi2_reason for record in records if record.chi2_reason})[:1]:
        print(f"  chi2 is infinite: {reason}")


def told(value: float | Estimate | None) -> str:
    """A number, with the standard error of a measured one in units of its last digit."""
    if value is None:
        return "-"
    return with_error(value.value, value.stderr) if isinstance(value, Estimate) else f"{value:.4g}"


def chi2_told(log_chi2: float | Estimate) -> str:
    """1 + chi2 as a power of e, where enough draws carry the estimate."""
    if not isinstance(log_chi2, Estimate):
        return "inf" if math.isinf(log_chi2) else f"{math.expm1(log_chi2):.4g}"
    return f"e^{log_chi2.value:.2f}-1" if (log_chi2.ess or 0.0) >= FEW else "unsure"


def draw_sheet(experiment: Experiment, target: ImageTarget, path: Path, seed: int) -> None:
    """Images of the data, draws of p, and draws of every generation, one block per fresh fraction."""
    maker = RowMaker.of(target.law, target.frame, columns=8, rng=seed)
    top = [maker.row("images", target.held_out), maker.row("p", target.law.sample(1000, rng=seed))]
    blocks = [
        (f"fresh fraction {alpha:g}", [maker.row(str(n), draws) for n, draws in enumerate(experiment.sheets[index, 0], 1)])
        for index, alpha in enumerate(FRESH)
    ]
    save(plot_sheet(top, blocks), path)


if __name__ == "__main__":
    main()
