"""Recursions in which every round fits a model to finitely many points, with the same quantities as the exact ones.

The models have known densities, so drift is not guessed from samples: closed forms where target and models are Gaussian,
quadrature in one and two dimensions, and above that Monte Carlo on nodes drawn from the target and all models together.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from numeric.domains import Unresolved
from numeric.laws.blend import Blend
from numeric.laws.channels import Channel
from numeric.laws.divergences import Relatives, chi2_infinite_reason, chi2_integrand, pair_excess
from numeric.laws.kernel_mixture import KernelMixture
from numeric.laws.quadrature import (
    MAX_NODES,
    Box,
    component_box,
    default_frame,
    density_on,
    factorises,
    integrate_sums,
    product_box,
    scanned_box,
    union,
)
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture, fit_target, merged
from numeric.recursions.drift import (
    LazyLaws,
    Products,
    assemble,
    block_products,
    products_from_coefficients,
    scaled_excess,
    with_infinities,
)
from numeric.recursions.exact_recursion import LARGEST, exact_recursion, family_laws, law_sup
from numeric.recursions.mixing import Alpha, Mixing, resolve_mixing
from numeric.recursions.recursion import Recursion
from numeric.validation import POSITIVE, Array, generator, integer, kernel_width, points, real_array, shown

__all__ = ["Model", "simulate_recursion"]

BATCHES = 32  # Monte Carlo batches, each with its own stream: results do not depend on the number of workers
CLOSED_FORM_COMPONENTS = 2000
MAX_TERMS = 2e8  # densities of components at all nodes of a grid: several seconds
NODE_ENTRIES = 1 << 20
NAMES = ("gaussian-fit", "mixture-fit", "kde")
Flags: TypeAlias = NDArray[np.bool_]


@runtime_checkable
class Model(Protocol):
    """What a user's ``retrain`` must return; a method ``logpdf(x)`` -> (n,) beside it makes the drift measurable."""

    def sample(self, n: int, *, rng: np.random.Generator) -> Array:
        """``n`` points, (n, d)."""
        ...


Retrain: TypeAlias = Channel | str | Callable[[Array, np.random.Generator], Model]


def simulate_recursion(
    target: Target,
    retrain: Retrain,
    alpha: Alpha,
    generations: int,
    *,
    n: int,
    rng: np.random.Generator | int | None,
    bandwidth: float | None = None,
    components: int | None = None,
    design: str = "stratified",
    workers: int = 1,
    progress: bool = False,
    evaluation: int = 16_384,
) -> Recursion:
    """N rounds, each fitting p^{i+1} to ``n`` points of which a share alpha_i is fresh from p and the rest from the model p^i.

    Args:
        target: p, which is also p^0.
        retrain: "gaussian-fit" (mean and 1/n covariance), "mixture-fit" (EM with ``components``), "kde" (Gaussian kernels of
            standard deviation ``bandwidth``), a callable (samples (n, d), rng) -> model with ``sample(n, rng=)`` and, where it
            has a density, ``logpdf(x)``; or a ``Channel``, for which p^{i+1} is the channel's exact output, not a fit.
        alpha: fresh fraction, one or one per round; "accumulate" (equal shares of fresh points and of every model so far) or
            "replace".
        generations: N >= 1.
        n: training points per round.
        rng: generator or seed; every round and every Monte Carlo batch has its own stream spawned from it.
        bandwidth, components: for "kde" and "mixture-fit".
        design: "stratified", round(alpha n) fresh points in every round, or "iid", a binomial number.
        workers: threads for Monte Carlo; the result does not depend on it.
        progress: show a counter on standard error if that is a terminal.
        evaluation: Monte Carlo nodes, where Monte Carlo is needed (d > 2, and user's models in any dimension).

    Returns:
        A ``Recursion`` whose ``laws`` are the fitted models. ``stderr`` and ``ess`` are filled where Monte Carlo was used: they
        measure the evaluation of the drift of *these* models, not the variation between runs. ``method`` says which route.
        Infinite entries are decided by the tail condition, never estimated (a user's model has unknown tails: its numbers are
        plain estimates, NaN without ``logpdf``).

    Raises:
        ValueError, TypeError: naming the argument; also a round whose fit is impossible (singular covariance, no convergence).
    """
    law = as_mixture(target)
    mixing = resolve_mixing(alpha, generations)
    size = integer("n", n)
    nodes = max(integer("evaluation", evaluation), BATCHES)
    threads = integer("workers", workers)
    if not isinstance(design, str) or design not in ("stratified", "iid"):
        raise ValueError(f"design must be 'stratified' or 'iid', got {shown(design)}")
    fit = _fitter(retrain, bandwidth, components, size, law.dim)
    root = generator(rng)
    streams = root.spawn(mixing.generations + 1)
    if isinstance(retrain, Channel):
        if law.weights.shape[0] == 1 or law.dim <= 2:
            try:
                exact = exact_recursion(target, retrain, alpha, generations)
            except Unresolved:  # no grid holds its laws: measured by Monte Carlo as in higher dimensions
                pass
            else:
                return replace(exact, method=f"channel: {exact.method}")
        laws: list[object] = [target, *family_laws(law, retrain, mixing)]
    else:
        laws = [target]
        for i in range(mixing.generations):
            if progress and sys.stderr.isatty():
                print(f"\rround {i + 1}/{mixing.generations}", end="", file=sys.stderr, flush=True)
            samples = _training_set(law, laws, mixing, i, size, design, streams[i])
            try:
                laws.append(fit(samples, streams[i]))
            except ValueError as problem:
                raise ValueError(f"retrain must be able to fit every round, but round {i} failed: {problem}") from problem
        if progress and sys.stderr.isatty():
            print(file=sys.stderr)
    return _measured(target, laws, mixing, streams[-1], nodes, threads)


# --------------------------------------------------------------------------------------------------------- training


def _fitter(
    retrain: Retrain, bandwidth: float | None, components: int | None, n: int, dim: int
) -> Callable[[Array, np.random.Generator], object]:
    """The function (samples, stream) -> model; refuses what does not fit together."""
    if not (isinstance(retrain, (str, Channel)) or callable(retrain)):
        raise TypeError(f"retrain must be one of {NAMES}, a Channel or a callable, got {type(retrain).__name__}")
    if bandwidth is not None and retrain != "kde":
        raise ValueError(f"bandwidth must be left out unless retrain is 'kde', got {shown(bandwidth)}")
    if components is not None and retrain != "mixture-fit":
        raise ValueError(f"components must be left out unless retrain is 'mixture-fit', got {shown(components)}")
    if isinstance(retrain, Channel):
        if retrain.dim not in (None, dim):
            raise ValueError(f"retrain must act in the target's dimension {dim}, got a channel of dimension {retrain.dim}")
        return lambda samples, _: samples
    if isinstance(retrain, str):
        if retrain not in NAMES:
            raise ValueError(f"retrain must be one of {NAMES}, a Channel or a callable, got {shown(retrain)}")
        if retrain == "gaussian-fit":
            if n <= dim:
                raise ValueError(f"n must exceed the dimension {dim} for 'gaussian-fit', got {n}")
            return _fit_gaussian
        if retrain == "kde":
            if bandwidth is None:
                raise ValueError("bandwidth must be given for 'kde', got None")
            variance = kernel_width(bandwidth, POSITIVE) ** 2
            return lambda samples, _: KernelMixture(samples, variance)
        if components is None:
            raise ValueError("components must be given for 'mixture-fit', got None")
        count = integer("components", components)
        if n <= dim or n < count:
            raise ValueError(f"n must exceed the dimension {dim} and be at least components = {count}, got {n}")
        return lambda samples, stream: fit_target(samples, count, rng=stream)

    def call(samples: Array, stream: np.random.Generator) -> object:
        model: object = retrain(samples, stream)
        if not isinstance(model, Model):
            raise TypeError(f"retrain must return a model with a method sample(n, rng=), got {type(model).__name__}")
        if hasattr(model, "logpdf"):
            values = real_array("logpdf", model.logpdf(samples[:3]), ndim=(1,))
            if values.shape != (min(3, samples.shape[0]),):
                raise ValueError(f"logpdf must return one value per point, got shape {values.shape}")
        return model

    return call


def _fit_gaussian(samples: Array, _: np.random.Generator) -> Gaussian:
    mean = samples.mean(axis=0)
    centred = samples - mean
    return Gaussian(mean, centred.T @ centred / samples.shape[0])


def _training_set(
    target: GaussianMixture, laws: Sequence[object], mixing: Mixing, i: int, n: int, design: str, stream: np.random.Generator
) -> Array:
    """The ``n`` points of round i, from p and from the models it draws on."""
    used = np.flatnonzero(mixing.weights[i] > 0.0).tolist()
    shares = np.concatenate([[mixing.fresh[i]], mixing.weights[i, used]])
    if design == "iid":
        counts = stream.multinomial(n, shares / shares.sum())
    else:
        counts = np.zeros(shares.shape[0], dtype=np.int64)
        counts[0] = round(float(mixing.fresh[i]) * n)
        rest = n - int(counts[0])
        if used:
            ideal = rest * shares[1:] / shares[1:].sum()
            counts[1:] = np.floor(ideal + 1e-9)
            short = rest - int(counts[1:].sum())
            counts[1 + np.argsort(counts[1:] - ideal, kind="stable")[:short]] += 1
    sources: list[object] = [target, *(laws[j] for j in used)]
    return np.concatenate([_draw(source, int(count), stream) for source, count in zip(sources, counts, strict=True) if count])


def _draw(model: object, count: int, stream: np.random.Generator) -> Array:
    if not isinstance(model, Model):
        raise TypeError(f"model must have a method sample(n, rng=), got {type(model).__name__}")
    rows = points("model.sample(n, rng=)", model.sample(count, rng=stream))
    if rows.shape[0] != count:
        raise ValueError(f"model.sample(n, rng=) must return n = {count} rows, got shape {rows.shape}")
    return rows


def _logpdf(model: object, x: Array) -> Array:
    return np.asarray(model.logpdf(x), dtype=np.float64)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------------------- measurement


def _measured(
    target: Target, laws: list[object], mixing: Mixing, stream: np.random.Generator, nodes: int, threads: int
) -> Recursion:
    """All quantities for given laws p^0 = p, p^1, ..., p^N."""
    law = as_mixture(target)
    models, laws = laws, [_as_mixture_model(item) for item in laws]
    known = [as_mixture(item) if isinstance(item, (Gaussian, GaussianMixture)) else None for item in laws]
    standard = [item for item in known if item is not None]
    reasons: dict[str, str] = {}
    bad = np.zeros(len(laws), dtype=bool)
    for index, item in enumerate(known):
        reason = None if item is None or index == 0 else chi2_infinite_reason(item, law)
        if reason is not None:
            bad[index] = True
            reasons[f"divergence[{index}]"] = reason
    uses = mixing.weights > 0.0
    bad_mixed = np.any(uses & bad, axis=1)
    bad_innovation = bad_mixed | bad[1:]
    bad_intra = np.zeros(mixing.generations, dtype=bool)
    mixtures: LazyLaws[object] = LazyLaws(lambda i: _blend(law, laws, mixing, i), mixing.generations)
    all_standard = len(standard) == len(laws)
    if all_standard:
        for i in range(mixing.generations):
            reason = _intra_reason(law, standard, mixing, i)
            if reason is not None:
                bad_intra[i] = True
                reasons[f"intra[{i}]"] = reason
    closed = (
        law.weights.shape[0] == 1 and all_standard and sum(item.weights.shape[0] for item in standard) <= CLOSED_FORM_COMPONENTS
    )
    box = _common_box(law, standard, mixing, bad, bad_intra, skip_products=closed) if all_standard and law.dim <= 2 else None
    if box is not None and _affordable(box, standard):
        products, intra = _quadrature(standard, mixing, bad, bad_intra, box, skip_products=closed)
        stderr: dict[str, Array] = {}
        ess: dict[str, Array] = {}
        skewness: dict[str, Array] = {}
        method = "quadrature"
    else:
        products, intra, stderr, ess, skewness = _monte_carlo(law, models, mixing, bad, bad_intra, stream, nodes, threads)
        method = "Monte Carlo"
    if closed:
        products, beyond = _closed_form(law, standard, mixing, bad)
        for index in np.flatnonzero(beyond).tolist():
            reasons[f"divergence[{index}]"] = f"chi2 is finite but above {LARGEST:.0e}, the largest that is kept"
        bad = bad | beyond
        bad_mixed = np.any(uses & bad, axis=1)
        bad_innovation = bad_mixed | bad[1:]
        stderr = {name: value for name, value in stderr.items() if name == "intra"}
        ess = {name: value for name, value in ess.items() if name == "intra"}
        skewness = {name: value for name, value in skewness.items() if name == "intra"}
        method = f"closed form, intra by {method}"
    for i in np.flatnonzero(bad_innovation).tolist():
        source = i + 1 if bad[i + 1] else int(np.flatnonzero(uses[i] & bad)[0])
        if bad_mixed[i]:
            reasons[f"mixed[{i}]"] = reasons[f"divergence[{int(np.flatnonzero(uses[i] & bad)[0])}]"]
        reasons[f"innovation[{i}]"] = reasons[f"divergence[{source}]"]
    sups = np.array([math.nan if item is None else law_sup(item, law) for item in known])
    sups[0] = 1.0
    with np.errstate(invalid="ignore"):
        ratio_sup = mixing.fresh + np.sum(np.where(uses, mixing.weights * np.where(uses, sups, 0.0), 0.0), axis=1)
    whole = assemble(
        target,
        mixing,
        with_infinities(products, bad, bad_mixed, bad_innovation),
        intra=np.where(bad_intra, np.inf, intra),
        ratio_sup=np.asarray(ratio_sup),
        laws=laws,
        mixtures=mixtures,
        reasons=reasons,
        method=method,
        stderr=stderr,
        ess=ess,
    )
    return replace(whole, skewness=skewness)


def _as_mixture_model(model: object) -> object:
    """Kernels as the mixture that they are, for closed forms and tail conditions; anything else as it is."""
    if not isinstance(model, KernelMixture):
        return model
    return GaussianMixture(np.full(model.count, 1.0 / model.count), model.centres, model.variance)


def _blend(law: GaussianMixture, laws: Sequence[object], mixing: Mixing, i: int) -> object:
    """q_i: a mixture where all its parts are, else an object with sample and logpdf."""
    used = np.flatnonzero(mixing.weights[i] > 0.0).tolist()
    shares = np.concatenate([[mixing.fresh[i]], mixing.weights[i, used]])
    models: list[object] = [law, *(laws[j] for j in used)]
    kept = [k for k, share in enumerate(shares) if share > 0.0]
    parts = [as_mixture(model) for model in models if isinstance(model, (Gaussian, GaussianMixture))]
    if len(parts) < len(models):
        return Blend(shares[kept] / shares[kept].sum(), [models[k] for k in kept])
    return merged(
        np.concatenate([shares[k] * parts[k].weights for k in kept]),
        np.concatenate([parts[k].means for k in kept]),
        np.concatenate([parts[k].covs for k in kept]),
    )


def _intra_reason(law: GaussianMixture, laws: Sequence[GaussianMixture], mixing: Mixing, i: int) -> str | None:
    """Why I_i is infinite, or None. One part of q_i that covers p^{i+1} is enough, and is looked for first."""
    parts = [law] if mixing.fresh[i] > 0.0 else []
    parts += [laws[j] for j in np.flatnonzero(mixing.weights[i] > 0.0)[::-1].tolist()]
    for part in parts:
        if chi2_infinite_reason(laws[i + 1], part) is None:
            return None
    if len(parts) == 1:
        return chi2_infinite_reason(laws[i + 1], parts[0])
    blend = _blend(law, laws, mixing, i)
    return chi2_infinite_reason(laws[i + 1], as_mixture(blend)) if isinstance(blend, (Gaussian, GaussianMixture)) else None


def _closed_form(law: GaussianMixture, laws: Sequence[GaussianMixture], mixing: Mixing, bad: Flags) -> tuple[Products, Flags]:
    """Gaussian target: double sums over all components of all models in L^2(p), and which models are beyond floats."""
    chosen = [index for index in range(1, len(laws)) if not bad[index]]
    table = np.zeros((len(laws), sum(laws[index].weights.shape[0] for index in chosen)))
    means, covs, column = [np.empty((0, law.dim))], [np.empty((0, law.dim, law.dim))], 0
    for index in chosen:
        item = laws[index]
        table[index, column : column + item.weights.shape[0]] = item.weights
        column += item.weights.shape[0]
        means.append(item.means)
        covs.append(item.covs)
    excess = pair_excess(Relatives.of(np.concatenate(means), np.concatenate(covs), law)) if chosen else np.zeros((0, 0))
    large = np.diagonal(excess) > LARGEST
    excess[large, :] = 0.0
    excess[:, large] = 0.0
    beyond = np.any(table[:, large] > 0.0, axis=1)
    return products_from_coefficients(table, mixing.weights @ table, excess), beyond


def _common_box(
    law: GaussianMixture,
    laws: Sequence[GaussianMixture],
    mixing: Mixing,
    bad: Flags,
    bad_intra: Flags,
    *,
    skip_products: bool,
) -> Box:
    """Room for every integrand, and the finest of their scales."""
    frame = default_frame(laws)
    boxes = [component_box(item, frame) for item in laws]
    if not skip_products:
        boxes += [_room(laws[index], law, frame) for index in range(1, len(laws)) if not bad[index]]
    for i in np.flatnonzero(~bad_intra).tolist():
        cover = _cover(law, laws, mixing, i)
        boxes.append(_room(laws[i + 1], cover, frame))
    return union(boxes)


def _affordable(box: Box, laws: Sequence[GaussianMixture]) -> bool:
    """Whether the grid and its first refinement are; kernels may be too narrow for any."""
    nodes = math.prod(box.counts(box.step)) * 2 ** box.frame.shape[0]
    terms = sum(1 if factorises(law) else law.weights.shape[0] for law in laws)
    return bool(nodes <= MAX_NODES and nodes * terms <= MAX_TERMS)


def _quadrature(
    laws: Sequence[GaussianMixture], mixing: Mixing, bad: Flags, bad_intra: Flags, box: Box, *, skip_products: bool
) -> tuple[Products, Array]:
    """Products and I on a common grid, d <= 2."""
    count = mixing.generations
    rows = np.flatnonzero(bad)

    def sums(nodes: Array) -> Array:
        logs = np.stack([density_on(item, nodes) for item in laws])
        intra = np.sum(_intra_terms(logs, mixing, bad_intra, np.zeros(nodes.shape[0])), axis=1)
        if skip_products:
            return np.asarray(intra)
        values = scaled_excess(logs - logs[0], np.broadcast_to(logs[0], logs.shape))
        values[rows] = 0.0
        parts = block_products(values, mixing.weights)
        return np.concatenate([intra, parts[0], parts[1], np.diagonal(parts[2]), parts[2].ravel(), parts[3]])

    dense = [item.weights.shape[0] for item in laws if not factorises(item)]
    block = min(max(256, NODE_ENTRIES // max(dense, default=1)), NODE_ENTRIES >> 3)
    total, _ = integrate_sums(sums, box, rtol=1e-8, atol=1e-20, block=block, decisive=4 * count + 1)
    if skip_products:
        nothing = np.zeros(count)
        return Products(np.zeros(count + 1), nothing, np.zeros((count, count)), nothing), total
    intra, divergence, mixed, _, gram, initial = np.split(total, np.cumsum([count, count + 1, count, count, count * count]))
    return Products(divergence, mixed, gram.reshape(count, count), initial), intra


def _cover(law: GaussianMixture, laws: Sequence[GaussianMixture], mixing: Mixing, i: int) -> GaussianMixture:
    """A part of q_i against which p^{i+1} has finite chi2, with its share as weight in the tail bound; else q_i itself."""
    for j in np.flatnonzero(mixing.weights[i] > 0.0)[::-1].tolist():
        part = laws[int(j)]
        if chi2_infinite_reason(laws[i + 1], part) is None:
            return part
    if mixing.fresh[i] > 0.0 and chi2_infinite_reason(laws[i + 1], law) is None:
        return law
    return as_mixture(_as_target(_blend(law, laws, mixing, i)))


def _as_target(law: object) -> Target:
    if not isinstance(law, (Gaussian, GaussianMixture)):
        raise TypeError(f"law must be a Gaussian or a GaussianMixture, got {type(law).__name__}")
    return law


def _room(learned: GaussianMixture, reference: GaussianMixture, frame: tuple[Array, Array]) -> Box:
    tails = product_box(learned, reference, frame)
    if tails is None:
        start = union([component_box(learned, frame), component_box(reference, frame)])
        return scanned_box(lambda x: 2.0 * learned.logpdf(x) - reference.logpdf(x), start)
    return tails


def _intra_terms(logs: Array, mixing: Mixing, bad_intra: Flags, log_proposal: Array) -> Array:
    """(p^{i+1} - q_i)^2 / (q_i r) at the nodes, (N, m), from log densities (N+1, m) of p, p^1, ... and of the proposal r."""
    terms = np.zeros((mixing.generations, logs.shape[1]))
    for i in np.flatnonzero(~bad_intra).tolist():
        shares = mixing.weights[i].copy()
        shares[0] += mixing.fresh[i]  # p^0 is p
        used = np.flatnonzero(shares > 0.0)
        log_blend = logsumexp(logs[used], axis=0, b=shares[used, None])
        terms[i] = chi2_integrand(logs[i + 1] - log_proposal, log_blend - log_proposal)
    return terms


# ------------------------------------------------------------------------------------------------------- Monte Carlo


@dataclass(frozen=True, eq=False)
class _Batch:
    """Sums over the nodes of one batch: of the terms (as in ``Products``), of their squares and of their cubes."""

    first: list[Array]
    second: list[Array]
    third: list[Array]


def _monte_carlo(
    law: GaussianMixture,
    laws: Sequence[object],
    mixing: Mixing,
    bad: Flags,
    bad_intra: Flags,
    stream: np.random.Generator,
    nodes: int,
    threads: int,
) -> tuple[Products, Array, dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Importance sampling from the even mixture of p and all models with a density, in batches with streams of their own."""
    measurable = np.array([hasattr(item, "logpdf") for item in laws])
    proposals = [item for item, good in zip(laws, measurable, strict=True) if good]
    if len(proposals) == 1:  # nothing but p itself has a density
        nothing = np.where(np.arange(len(laws)) == 0, 0.0, np.nan)
        rounds = np.full(mixing.generations, np.nan)
        mixed = np.where(np.any(mixing.weights[:, 1:] > 0.0, axis=1), np.nan, 0.0)
        return Products(nothing, mixed, np.outer(rounds, rounds), rounds), rounds, {}, {}, {}
    sizes = np.full(BATCHES, nodes // BATCHES)
    sizes[: nodes % BATCHES] += 1

    def batch(job: tuple[int, np.random.Generator]) -> _Batch:
        size, own = job
        counts = own.multinomial(size, np.full(len(proposals), 1.0 / len(proposals)))
        x = np.concatenate([_draw(item, int(count), own) for item, count in zip(proposals, counts, strict=True) if count])
        logs = np.zeros((len(laws), size))
        logs[measurable] = [_logpdf(item, x) for item in proposals]
        log_proposal = logsumexp(logs[measurable], axis=0) - math.log(len(proposals))
        values = scaled_excess(logs - logs[0], np.broadcast_to(logs[0] - log_proposal, logs.shape))
        values[bad | ~measurable] = 0.0
        mixed = mixing.weights @ values
        innovations = values[1:] - mixed
        intra = _intra_terms(logs, mixing, bad_intra, log_proposal)
        squares = innovations**2
        first = [*block_products(values, mixing.weights), np.sum(intra, axis=1)]
        second = [
            np.sum(values**4, axis=1),
            np.sum(mixed**4, axis=1),
            squares @ squares.T,
            squares @ values[0] ** 2,
            np.sum(intra**2, axis=1),
        ]
        cubes = squares * innovations
        with np.errstate(over="ignore"):  # an overflow makes the skewness infinite, and with it the interval
            third = [
                np.sum(values**6, axis=1),
                np.sum(mixed**6, axis=1),
                cubes @ cubes.T,
                cubes @ values[0] ** 3,
                np.sum(intra**3, axis=1),
            ]
        return _Batch(first, second, third)

    jobs = list(zip(sizes.tolist(), stream.spawn(BATCHES), strict=True))
    if threads == 1:
        batches = [batch(job) for job in jobs]
    else:
        with ThreadPoolExecutor(max_workers=threads) as pool:
            batches = list(pool.map(batch, jobs))
    first = [np.sum([item.first[k] for item in batches], axis=0) for k in range(5)]
    second = [np.sum([item.second[k] for item in batches], axis=0) for k in range(5)]
    means = [total / nodes for total in first]
    errors = [
        np.sqrt(np.maximum(square / nodes - mean**2, 0.0) / max(nodes - 1, 1))
        for mean, square in zip(means, second, strict=True)
    ]
    with np.errstate(invalid="ignore", divide="ignore"):
        sizes_effective = [
            np.where(square > 0.0, total**2 / square, float(nodes)) for total, square in zip(first, second, strict=True)
        ]
    names = ("divergence", "mixed", "gram", "initial_gram", "intra")
    third = [np.sum([item.third[k] for item in batches], axis=0) for k in range(5)]
    skewness = {
        name: _skewness(total / nodes, square / nodes, cube / nodes, nodes)
        for name, total, square, cube in zip(names, first, second, third, strict=True)
    }
    stderr = dict(zip(names, errors, strict=True))
    ess = dict(zip(names, sizes_effective, strict=True))
    root = np.sqrt(np.maximum(np.diagonal(means[2]), 0.0))
    stderr["innovation"] = np.divide(np.diagonal(errors[2]), 2.0 * root, out=np.zeros_like(root), where=root > 0.0)
    ess["innovation"] = np.diagonal(sizes_effective[2]).copy()
    skewness["innovation"] = np.diagonal(skewness["gram"]).copy()  # of J², which is more skewed than J
    skewness["discounted_sums"] = np.append(0.0, np.maximum.accumulate(skewness["innovation"]))  # at most that of its parts
    stderr.update(_jackknife(mixing, first, [item.first for item in batches], sizes))
    blind = ~measurable
    blind_mixed = np.any((mixing.weights > 0.0) & blind, axis=1)
    blind_round = blind_mixed | blind[1:]
    divergence, mixed_square, gram, initial, intra = means
    divergence[blind], mixed_square[blind_mixed], intra[blind_round] = np.nan, np.nan, np.nan
    gram[blind_round, :], gram[:, blind_round], initial[blind_round] = np.nan, np.nan, np.nan
    return Products(divergence, mixed_square, gram, initial), intra, stderr, ess, skewness


def _skewness(mean: Array, square: Array, cube: Array, nodes: int) -> Array:
    """Skewness of an average of ``nodes`` terms, from the first three moments of one."""
    with np.errstate(invalid="ignore", over="ignore"):
        spread, third = np.maximum(square - mean**2, 0.0), cube - 3.0 * mean * square + 2.0 * mean**3
        out = np.divide(third, spread**1.5 * math.sqrt(nodes), out=np.zeros_like(spread), where=spread > 0.0)
    return np.asarray(np.where(np.isfinite(out), np.abs(out), np.inf))


def _jackknife(mixing: Mixing, total: list[Array], batches: list[list[Array]], sizes: NDArray[np.int64]) -> dict[str, Array]:
    """Standard errors of the sums, their ratio to D and the ceiling, by leaving out one batch at a time."""
    nodes = int(sizes.sum())

    def derived(divergence: Array, gram: Array) -> list[Array]:
        squares = np.maximum(np.diagonal(gram), 0.0)
        travelled = mixing.resolvent[:, 1:]
        sums = travelled**2 @ squares
        quotient = np.divide(divergence, sums, out=np.full(sums.shape, np.nan), where=sums > 0.0)
        return [sums, quotient, np.abs(travelled) @ np.sqrt(squares)]

    left_out = [
        derived((total[0] - item[0]) / (nodes - size), (total[2] - item[2]) / (nodes - size))
        for item, size in zip(batches, sizes.tolist(), strict=True)
    ]
    result = {}
    for k, name in enumerate(("discounted_sums", "interference", "triangle_bound")):
        table = np.stack([item[k] for item in left_out])
        result[name] = np.sqrt((len(batches) - 1) * np.mean((table - table.mean(axis=0)) ** 2, axis=0))
    return result
