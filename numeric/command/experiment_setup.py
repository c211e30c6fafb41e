"""The protocol that the arguments of ``driftbound simulate`` ask for."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from numeric.command.inputs import InputError, read_points
from numeric.command.suite import standardised
from numeric.experiments.images import ImageSet, ImageTarget, holds_images, image_target
from numeric.experiments.kernel_bandwidth import held_out_bandwidth
from numeric.experiments.protocol import Protocol, default_bandwidth, paper_protocol
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture, fit_target
from numeric.validation import FRACTION, integer, real

__all__ = ["ImageData", "Setup", "chosen_setup", "reproduce"]

SIZES: Final = {  # (as usual, quick): points, generations, runs
    "gaussian": ((10_000, 20, 10), (2_000, 10, 3)),
    "points": ((10_000, 10, 5), (2_000, 6, 2)),
    "images": ((10_000, 10, 1), (2_000, 4, 1)),
}
IMAGE_DIMENSION, IMAGE_COMPONENTS, POINT_COMPONENTS = 64, 10, 2
OTHERS = 500  # draws whose likelihood decides a bandwidth


@dataclass(frozen=True, eq=False)
class ImageData:
    """The images of a target, and the law that was fitted to them."""

    images: ImageSet
    target: ImageTarget


@dataclass(frozen=True, eq=False)
class Setup:
    """What is to be run: the protocol, the images where the target holds some, and what was said about the target."""

    protocol: Protocol
    pictures: ImageData | None
    described: str

    @property
    def mixture(self) -> GaussianMixture:
        """The target as a mixture."""
        return as_mixture(self.protocol.target)


def chosen_setup(chosen: argparse.Namespace) -> Setup:
    """The protocol of the target, changed where an argument says so.

    Raises:
        InputError, ValueError, TypeError: naming the argument, before any work but that of reading and fitting the target.
    """
    seed = _seed(chosen.seed)
    alphas = _fractions(chosen.alpha)
    if chosen.target == "paper":
        _refuse("--dimension", chosen.dimension, "--target paper, which has 10")
        start, described, pictures = paper_protocol(chosen.quick, seed=seed), "the mixture of KTV-A in 10 dimensions", None
    elif chosen.target == "gaussian":
        dim = 2 if chosen.dimension is None else integer("--dimension", chosen.dimension)
        start = _protocol("gaussian", Gaussian(np.zeros(dim), 1.0), "gaussian-fit", "gaussian", chosen.quick, seed)
        described, pictures = f"a standard Gaussian in {dim} dimension{'s' if dim > 1 else ''}", None
    else:
        start, described, pictures = _from_file(Path(chosen.target), chosen, seed)
    return Setup(_changed(start, chosen, alphas, pictures is not None), pictures, described)


def _changed(start: Protocol, chosen: argparse.Namespace, alphas: tuple[float, ...] | None, of_images: bool) -> Protocol:
    """The protocol with what the arguments say; a bandwidth or components that another retraining would need fall away."""
    wanted: dict[str, Any] = {}
    for name, value in (("generations", chosen.generations), ("n", chosen.samples), ("runs", chosen.runs), ("alphas", alphas)):
        if value is not None:
            wanted[name] = value
    retrain = chosen.retrain or start.retrain
    if retrain != "kde":
        _refuse("--bandwidth", chosen.bandwidth, f"--retrain {retrain}")
    if retrain != "mixture-fit" and not start.data:  # of a file they are the components of the law fitted to it
        _refuse("--components", chosen.components, f"--retrain {retrain}")
    wanted["retrain"] = retrain
    n = wanted.get("n", start.n)
    own = start.target.weights.shape[0] if isinstance(start.target, GaussianMixture) else 1
    components = own if chosen.components is None else chosen.components
    wanted["bandwidth"] = None
    if retrain == "kde":
        wanted["bandwidth"] = _bandwidth(start, chosen, integer("--samples", n), of_images)
    wanted["components"] = components if retrain == "mixture-fit" else None
    return replace(start, **wanted)


def _bandwidth(start: Protocol, chosen: argparse.Namespace, n: int, of_images: bool) -> float | None:
    """The one asked for; else the paper's, the one that gives further draws of p the largest likelihood, or Scott's."""
    if chosen.bandwidth is not None or chosen.target == "paper":
        return start.bandwidth if chosen.bandwidth is None else float(chosen.bandwidth)
    if not of_images:
        return default_bandwidth(start.target, n)
    law = as_mixture(start.target)  # in dozens of dimensions Scott's rule is far too wide
    stream = np.random.default_rng([start.seed, n])
    return held_out_bandwidth(law.sample(n, rng=stream), law.sample(OTHERS, rng=stream))


def _fractions(text: str | None) -> tuple[float, ...] | None:
    """Fresh fractions from "0.1,0.5,0.9"; None where none are given."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    try:
        values = [float(part) for part in parts]
    except ValueError:
        raise InputError(f"--alpha must be fresh fractions in [0, 1] separated by commas, got {text!r}") from None
    return tuple(real("--alpha", value, FRACTION) for value in values)


def _seed(seed: int) -> int:
    """A seed that is no negative number."""
    if seed < 0:
        raise InputError(f"--seed must be a nonnegative integer, got {seed}")
    return seed


def _refuse(name: str, value: object, where: str) -> None:
    if value is not None:
        raise InputError(f"{name} must be left out with {where}, got {value}")


def _protocol(name: str, target: Target, retrain: str, size: str, quick: bool, seed: int, **more: Any) -> Protocol:
    n, generations, runs = SIZES[size][1 if quick else 0]
    bandwidth = default_bandwidth(target, n) if retrain == "kde" else None
    components = target.weights.shape[0] if retrain == "mixture-fit" and isinstance(target, GaussianMixture) else None
    return Protocol(
        name,
        target,
        retrain,
        (0.1, 0.5, 0.9),
        generations,
        n,
        runs,
        bandwidth=bandwidth,
        components=components,
        queries=500 if quick else 1000,
        drift_queries=500,
        observed=100 if quick else 500,
        seed=seed,
        **more,
    )


def _from_file(path: Path, chosen: argparse.Namespace, seed: int) -> tuple[Protocol, str, ImageData | None]:
    if not path.is_file():
        raise InputError(f"--target must be paper, gaussian or an existing file, got {path}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if holds_images(path):
        return _from_images(path, digest, chosen, seed)
    _refuse("--dimension", chosen.dimension, "a file of points")
    data = read_points(path)
    if data.shape[0] < 20 * data.shape[1]:
        raise InputError(f"{path} must have at least 20 rows per column, got shape {data.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        spread = data.std(axis=0)
    if not np.isfinite(spread).all() or (spread == 0.0).any():
        raise InputError(f"{path} must vary in every column, by numbers whose squares do not overflow")
    components = POINT_COMPONENTS if chosen.components is None else integer("--components", chosen.components)
    target = fit_target(standardised(data), components, rng=seed)
    start = _protocol(path.name, target, "kde", "points", chosen.quick, seed, data=digest)
    kind = "a Gaussian" if components == 1 else f"a mixture of {components} Gaussians"
    return start, f"{kind} fitted to the {data.shape[0]} standardised rows of {path.name}", None


def _from_images(path: Path, digest: str, chosen: argparse.Namespace, seed: int) -> tuple[Protocol, str, ImageData]:
    dim = IMAGE_DIMENSION if chosen.dimension is None else integer("--dimension", chosen.dimension)
    components = IMAGE_COMPONENTS if chosen.components is None else integer("--components", chosen.components)
    usual = SIZES["images"][1 if chosen.quick else 0][0]
    target, images = image_target(path, dim, components, None, seed)
    start = _protocol(path.name, target.law, "mixture-fit", "images", chosen.quick, seed, data=digest)
    described = (
        f"a mixture of {components} Gaussians fitted to {len(images)} images of {path.name} in {dim} principal coordinates, "
        f"which hold {100.0 * target.frame.explained:.1f} % of the variance of the pixels"
    )
    return replace(start, n=usual), described, ImageData(images, target)


def reproduce(arguments: Mapping[str, Any]) -> list[str]:
    """The words of the command that gives the same numbers."""
    words = ["driftbound", "simulate", "--target", str(arguments["target"])]
    for name in ("alpha", "generations", "samples", "retrain", "bandwidth", "components", "runs", "seed", "dimension"):
        if arguments[name] is not None:
            words += [f"--{name}", str(arguments[name])]
    return [*words, "--quick"] if arguments["quick"] else words
