"""Recursions through Gaussian channels, exactly: every law is a mixture over "ages", every quantity a double sum over them.

The law of generation i is a combination, with known coefficients, of the images of p (and of p^0) under composed channels.
Equal images are one component, so a constant channel has one per age however many generations there are. Gaussian target: the
mutual inner products in L^2(p) are closed forms. Mixture target in one or two dimensions: they are quadratures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from numeric.domains import LOCATION, VARIANCE
from numeric.laws import divergences
from numeric.laws.channels import Channel, early_stopping
from numeric.laws.divergences import MARGIN, Relatives, axis_variances, chi2_infinite_reason, pair_excess, whitened
from numeric.laws.quadrature import (
    Box,
    component_box,
    default_frame,
    integrate_sums,
    pair_extent,
    product_box,
    scanned_box,
    union,
)
from numeric.laws.targets import Gaussian, GaussianMixture, Target, as_mixture
from numeric.recursions.drift import (
    LazyLaws,
    Products,
    assemble,
    block_products,
    products_from_coefficients,
    with_infinities,
)
from numeric.recursions.mixing import Alpha, Mixing, resolve_mixing
from numeric.recursions.recursion import Recursion
from numeric.validation import FRACTION, POSITIVE, Array, Domain, real

__all__ = ["chi2_horizon", "exact_recursion", "limit_law", "smoothing_tv"]

Flags = NDArray[np.bool_]
EQUAL = 1e-13  # relative size below which a direction of a component counts as equal to the reference
PARTNER_SLACK = 28.0  # log of the smallest share with which a component of q_i may carry the tail of one of p^{i+1}
NODE_ENTRIES = 1 << 20  # entries of one block of nodes times components
LARGEST = 1e280  # squares in L^2(p) beyond this are reported as inf
LARGEST_ROOT = 1e150  # values at the nodes are cut off here: far above the root of the largest, and their squares can be added
FLOOR = 1e-250  # scaled densities below this are recomputed in logarithms
FINEST = 1e-8  # width of a box, relative to its place, below which the digits of its nodes do not suffice
SERIES_ENTRIES, SERIES_BLOCK = 10_000_000, 1024  # entries of the series of a limit law, and terms found at a time
INTRA_NODES, INTRA_ENTRIES = 2_000_000, 400_000_000  # nodes, and nodes times components, of the finest grid
MAX_ATOMS = 4000  # different images of p: their mutual products fill a matrix
LARGEST_LOG = 650.0  # logarithm from which a ratio of densities counts as unbounded
STOPPING = 1e-15  # rounding of the gain with which a channel still counts as early stopping
MAX_ROUNDS = 100_000  # rounds after which an undecided horizon is given up
TOLERANCE = Domain(0.0, 1.0, True, True)


def exact_recursion(
    target: Target,
    channel: Channel | Sequence[Channel],
    alpha: Alpha,
    generations: int,
    *,
    initial: Target | None = None,
) -> Recursion:
    """The recursion p^{i+1} = K_i(q_i), q_i = alpha_i p + (1 - alpha_i) p^i, with every quantity of ``Recursion``.

    Args:
        target: p. A Gaussian in any dimension; a mixture in one or two.
        channel: K, one for all rounds or one per round.
        alpha: fresh fraction, one or one per round; or "accumulate" or "replace" (see ``resolve_mixing``).
        generations: N >= 1.
        initial: p^0, by default p.

    Returns:
        Chi-squared quantities against p in closed form (mixture target: quadrature, relative error about 1e-10), ``intra``
        against q_i by quadrature for d <= 2, NaN above and where that would need millions of nodes. Infinite entries are
        decided by the tail condition, with the reason; off the diagonal of ``gram`` NaN marks products with an innovation that
        is not in L^2(p).

    Raises:
        ValueError: mixture target with d > 2 (use ``simulate_recursion``); more than 4000 different components, as varying
            channels give in some 90 rounds under a fresh fraction and in 12 under "accumulate"; anything malformed, by name.

    Example:
        >>> from numeric.laws.channels import kde
        >>> round(float(exact_recursion(Gaussian(0.0, 1.0), kde(0.1**0.5), 0.5, 2).divergence[2]), 12)
        0.011490907631
    """
    law = as_mixture(target)
    mixing = resolve_mixing(alpha, generations)
    channels = _channels(channel, mixing.generations, law.dim)
    start = None if initial is None else _initial(initial, law.dim)
    gaussian = len(law.weights) == 1
    if not gaussian and law.dim > 2:
        raise ValueError(
            f"target must be Gaussian, or a mixture in d <= 2, for exact_recursion, got a mixture in dimension {law.dim}; "
            "use simulate_recursion"
        )
    family = _grow(law, start, channels, mixing)
    laws = LazyLaws(lambda i: _first_law(family, i, target, initial), mixing.generations + 1)
    mixtures = LazyLaws(lambda i: family.law(family.mixed[i]), mixing.generations)
    reasons: dict[str, str] = {}
    products = _gaussian_products(family, reasons) if gaussian else _quadrature_products(family, mixing, reasons)
    intra = _intra(family, laws, mixtures, reasons) if law.dim <= 2 else np.full(mixing.generations, np.nan)
    record = assemble(
        target,
        mixing,
        products,
        intra=intra,
        ratio_sup=_weighted_sup(family),
        laws=laws,
        mixtures=mixtures,
        reasons=reasons,
        method="closed form" if gaussian else "quadrature",
        channel=channel if isinstance(channel, Channel) else None,
    )
    return replace(record, early_times=_early_times(channels, law.dim))


# ------------------------------------------------------------------------------------------- the family of components


@dataclass(frozen=True)
class _Run:
    """How often in a row one channel, with identity gain, was applied to which deviations.

    The deviation is then origin + times * (shift, noise), never an accumulated sum.
    """

    channel: int
    times: int
    shift: Array  # (k, d), of the origin
    drift: Array  # (k, d, d)
    cov: Array  # (k, d, d)


@dataclass(frozen=True)
class _Atom:
    """The image of p or of p^0 under the channels so far, as deviations from its base components (k of them).

    ``cov`` is the base's and ``drift``, but for the digits that a sum would lose where little is left of the base's.
    """

    group: int  # 0: p, 1: p^0
    shift: Array  # (k, d)
    drift: Array  # (k, d, d)
    cov: Array  # (k, d, d)
    age: int = 0
    run: _Run | None = None


@dataclass
class _Family:
    """All atoms, flattened to components, and the coefficients of the laws over them."""

    target: GaussianMixture
    base_means: list[Array]  # by group, (k, d)
    base_covs: list[Array]
    base_weights: list[Array]
    atoms: list[_Atom] = field(default_factory=list)
    index: dict[tuple[int, tuple[bytes, ...]], int] = field(default_factory=dict)
    advanced: dict[tuple[int, int], int] = field(default_factory=dict)
    laws: Array = field(init=False)  # (N+1, atoms)
    mixed: Array = field(init=False)  # (N, atoms)
    in_laws: Flags = field(init=False)  # support, kept apart from underflow
    in_mixed: Flags = field(init=False)

    def add(self, atom: _Atom) -> int:
        parts = (atom.shift, atom.drift, atom.cov)
        key = atom.group, tuple((part + 0.0).tobytes() for part in parts)  # + 0.0: one zero, not two
        if key not in self.index:
            if len(self.atoms) >= MAX_ATOMS:
                raise ValueError(
                    f"channel must lead to at most {MAX_ATOMS} different components, got more: channels that vary have "
                    "N (N + 1)/2 of them under a fresh fraction and 2^N under 'accumulate'"
                )
            self.index[key] = len(self.atoms)
            self.atoms.append(atom)
        return self.index[key]

    def advance(self, atom: int, number: int, matrices: tuple[Array, Array, Array]) -> int:
        """The atom that ``atom`` becomes under channel ``number``."""
        if (atom, number) not in self.advanced:
            old = self.atoms[atom]
            gain, offset, noise = matrices
            means, covs = self.base_means[old.group], self.base_covs[old.group]
            if np.array_equal(gain, np.eye(len(gain))):
                run = _Run(number, 1, old.shift, old.drift, old.cov)
                if old.run is not None and old.run.channel == number:
                    run = replace(old.run, times=old.run.times + 1)
                shift, drift, cov = run.shift + run.times * offset, run.drift + run.times * noise, run.cov + run.times * noise
                new = _Atom(old.group, shift, drift, cov, old.age + 1, run)
            else:
                with np.errstate(over="ignore", invalid="ignore"):  # what leaves the floats is refused below
                    shift = old.shift @ gain.T + (means @ gain.T + offset - means)
                    drift = gain @ old.drift @ gain.T + (gain @ covs @ gain.T + noise - covs)
                    cov = gain @ old.cov @ gain.T + noise
                drift, cov = (0.5 * (part + np.swapaxes(part, 1, 2)) for part in (drift, cov))
                new = _Atom(old.group, shift, drift, cov, old.age + 1)
            _representable(means + new.shift, new.cov)
            self.advanced[atom, number] = self.add(new)
        return self.advanced[atom, number]

    def owner(self) -> NDArray[np.intp]:
        """The atom of every component."""
        return np.repeat(np.arange(len(self.atoms)), [len(atom.shift) for atom in self.atoms])

    def shares(self) -> Array:
        """The weight of every component within its atom."""
        return np.concatenate([self.base_weights[atom.group] for atom in self.atoms])

    def means(self) -> Array:
        return np.concatenate([self.base_means[atom.group] + atom.shift for atom in self.atoms])

    def covs(self) -> Array:
        return np.concatenate([atom.cov for atom in self.atoms])

    def law(self, coefficients: Array) -> Target:
        """The law with the given coefficients over the atoms (those of weight zero are left out)."""
        used = np.flatnonzero(coefficients > 0.0)
        atoms = [self.atoms[index] for index in used]
        weights = np.concatenate([coefficients[index] * self.base_weights[self.atoms[index].group] for index in used])
        means = np.concatenate([self.base_means[atom.group] + atom.shift for atom in atoms])
        covs = np.concatenate([atom.cov for atom in atoms])
        if len(weights) == 1:
            return Gaussian(*means, *covs)
        return GaussianMixture(weights, means, covs)


def _representable(means: Array, covs: Array) -> None:
    """Refuse a channel whose laws no target could be."""
    for name, values, limit in (("means", means, LOCATION.high), ("variances", covs, VARIANCE.high)):
        largest = float(np.abs(values).max())
        if not largest <= limit:
            raise ValueError(f"channel must give laws with {name} of at most {limit:g}, got {largest:.3g}")
    lowest = float(np.linalg.eigvalsh(covs).min())
    if lowest < VARIANCE.low:
        raise ValueError(
            f"channel must give laws with a density, with eigenvalues of at least {VARIANCE.low:g}, got {lowest:.3g}"
        )


def _channels(channel: Channel | Sequence[Channel], count: int, dim: int) -> list[Channel]:
    if isinstance(channel, Channel):
        channels = [channel] * count
    elif isinstance(channel, Sequence) and not isinstance(channel, (str, bytes)):
        channels = list(channel)
        if len(channels) != count:
            raise ValueError(f"channel must be one, or one per generation, {count}, got {len(channels)}")
    else:
        raise TypeError(f"channel must be a Channel or a sequence of them, got {type(channel).__name__}")
    for item in channels:
        if not isinstance(item, Channel):
            raise TypeError(f"channel must be a Channel or a sequence of them, got {type(item).__name__} among them")
        if item.dim not in (None, dim):
            raise ValueError(f"channel must act in the target's dimension {dim}, got one of dimension {item.dim}")
    return channels


def _early_times(channels: list[Channel], dim: int) -> Array | None:
    """Times t of channels that are early stopping alone, x -> e^{-t/2} x + N(0, 1 - e^{-t}); None where there is any other."""
    times = np.zeros(len(channels))
    for row, channel in enumerate(channels):
        gain, shift, noise = channel.matrices(dim)
        lost = float(noise[0, 0])
        if not 0.0 < lost < 1.0 or np.any(shift) or np.any(noise != lost * np.eye(dim)):
            return None
        times[row] = -math.log1p(-lost)
        if np.any(np.abs(gain - math.exp(-0.5 * times[row]) * np.eye(dim)) > STOPPING):
            return None
    return times


def _initial(initial: Target, dim: int) -> GaussianMixture:
    if not isinstance(initial, (Gaussian, GaussianMixture)):
        raise TypeError(f"initial must be a Gaussian or a GaussianMixture, got {type(initial).__name__}")
    law = as_mixture(initial)
    if law.dim != dim:
        raise ValueError(f"initial must have the target's dimension {dim}, got {law.dim}")
    return law


def _first_law(family: _Family, index: int, target: Target, initial: Target | None) -> Target:
    if index == 0:
        return target if initial is None else initial
    return family.law(family.laws[index])


def _grow(target: GaussianMixture, initial: GaussianMixture | None, channels: list[Channel], mixing: Mixing) -> _Family:
    """Follow every component through the rounds."""
    kept = target.weights > 0.0
    own_means, own_covs, own_weights = target.means[kept], target.covs[kept], target.weights[kept]
    family = _Family(target, [own_means], [own_covs], [own_weights])
    root = family.add(_Atom(0, np.zeros(own_means.shape), np.zeros(own_covs.shape), own_covs))
    first = root
    if initial is not None:
        used = initial.weights > 0.0
        weights, means, covs = initial.weights[used], initial.means[used], initial.covs[used]
        single = len(own_weights) == 1  # deviations from the target itself, in which small ones keep their digits
        base_means = np.broadcast_to(own_means, means.shape) if single else means
        base_covs = np.broadcast_to(own_covs, covs.shape) if single else covs
        family.base_means.append(base_means)
        family.base_covs.append(base_covs)
        family.base_weights.append(weights)
        same = all(np.array_equal(a, b) for a, b in ((means, own_means), (covs, own_covs), (weights, own_weights)))
        first = root if same else family.add(_Atom(1, means - base_means, covs - base_covs, covs))
    numbers: dict[bytes, int] = {}
    laws: list[dict[int, float]] = [{first: 1.0}]
    mixed: list[dict[int, float]] = []
    for i, channel in enumerate(channels):
        matrices = channel.matrices(target.dim)
        number = numbers.setdefault(b"".join(np.ascontiguousarray(part).tobytes() for part in matrices), len(numbers))
        blend: dict[int, float] = {}
        sources = [(root, float(mixing.fresh[i]))] if mixing.fresh[i] > 0.0 else []
        for j in np.flatnonzero(mixing.weights[i]):
            sources += [(atom, float(mixing.weights[i, j]) * share) for atom, share in laws[j].items()]
        for atom, share in sources:
            blend[atom] = blend.get(atom, 0.0) + share
        image: dict[int, float] = {}
        for atom, share in blend.items():
            known = family.advanced.get((atom, number))
            new = family.advance(atom, number, matrices) if known is None else known
            image[new] = image.get(new, 0.0) + share
        mixed.append(blend)
        laws.append(image)
    for name, rows in (("laws", laws), ("mixed", mixed)):
        table = np.zeros((len(rows), len(family.atoms)))
        support = np.zeros(table.shape, dtype=bool)
        for row, entries in enumerate(rows):
            table[row, list(entries)] = list(entries.values())
            support[row, list(entries)] = True
        setattr(family, name, table)
        setattr(family, f"in_{name}", support)
    return family


def family_laws(target: GaussianMixture, channel: Channel, mixing: Mixing) -> list[Target]:
    """p^1, ..., p^N for p^0 = p and a constant channel, equal components merged; any dimension."""
    family = _grow(target, None, [channel] * mixing.generations, mixing)
    return [family.law(row) for row in family.laws[1:]]


# --------------------------------------------------------------------------------------------- products in L^2(p)


def _relative(family: _Family) -> Relatives:
    """Gaussian target: every component in coordinates where p = N(0, I), in a common eigenbasis where there is one."""
    (cov,) = family.base_covs[0]
    lower = np.linalg.cholesky(cov)
    white = _white(lower, family)
    if family.target.dim == 1:  # one rounding instead of three
        drifts, shape = np.concatenate([atom.drift for atom in family.atoms]), white.shifts.shape
        return Relatives(white.shifts, drifts.reshape(shape) / cov, family.covs().reshape(shape) / cov)
    off = ~np.eye(len(cov), dtype=bool)
    basis = _common_basis(white.drifts)
    rotated = basis.T @ white.drifts @ basis
    size = np.abs(rotated).max(axis=(1, 2))
    if np.any(np.abs(rotated[:, off]).max(axis=1) > 4e-15 * len(cov) * size):
        return white
    frame = solve_triangular(lower, basis, trans="T", lower=True).T
    diagonal = np.diagonal(rotated, axis1=1, axis2=2).copy()
    return Relatives(white.shifts @ basis, diagonal, axis_variances(frame, family.covs()))


def _white(lower: Array, family: _Family) -> Relatives:
    """All components in coordinates y = L^-1 x."""
    shifts = solve_triangular(lower, np.concatenate([atom.shift for atom in family.atoms]).T, lower=True).T
    drifts = np.concatenate([atom.drift for atom in family.atoms])
    return Relatives(shifts, whitened(lower, drifts), whitened(lower, family.covs()))


def _common_basis(drifts: Array) -> Array:
    """The eigenvectors of all the matrices (m, d, d), where they have them in common."""
    *_, dim = drifts.shape
    if not np.any(drifts[:, ~np.eye(dim, dtype=bool)]):
        return np.eye(dim)
    # a generic combination has the common eigenvectors, if the matrices commute
    mixture = np.einsum("m,mab->ab", np.random.default_rng(0).uniform(0.5, 1.5, len(drifts)), drifts)
    return np.asarray(np.linalg.eigh(mixture).eigenvectors)


def _gaussian_products(family: _Family, reasons: dict[str, str]) -> Products:
    """Closed forms; infinite where a component with positive weight is not narrower than sqrt 2 times the target."""
    laws = _relative(family)
    drifts = laws.drifts
    top = drifts.max(axis=1) if drifts.ndim == 2 else np.linalg.eigvalsh(drifts)[:, -1]
    margin = 1.0 - top  # smallest relative eigenvalue of 2 S_ref - S
    bad = margin <= MARGIN
    owner, shares = family.owner(), family.shares()
    finite = ~bad
    excess = pair_excess(laws[finite])
    large = np.diagonal(excess) > LARGEST  # off the diagonal Cauchy and Schwarz keep the others in range
    excess[large, :] = 0.0
    excess[:, large] = 0.0
    columns = owner[finite]
    products = products_from_coefficients(
        family.laws[:, columns] * shares[finite], family.mixed[:, columns] * shares[finite], excess
    )
    worst = np.full(len(family.atoms), np.inf)
    np.minimum.at(worst, owner, margin)
    texts = [
        f"against the target: smallest relative eigenvalue {value:.6g} <= 0 of the condition 2 S_ref - S_learned > 0"
        for value in worst
    ]
    beyond = np.unique(columns[large])
    for atom in beyond:
        texts[atom] = f"chi2 of which is finite but above {LARGEST:.0e}, the largest that is kept"
    flags = worst <= MARGIN
    flags[beyond] = True
    return _decide(family, products, flags, texts, reasons)


def _decide(family: _Family, products: Products, bad: Flags, texts: Sequence[str], reasons: dict[str, str]) -> Products:
    """Infinities from the atoms that are not in L^2(p); an innovation has them unless they cancel exactly."""
    bad_laws, bad_mixed = np.any(family.in_laws & bad, axis=1), np.any(family.in_mixed & bad, axis=1)
    differs = (family.in_laws[1:] | family.in_mixed) & (
        (family.laws[1:] != family.mixed) | (family.in_laws[1:] != family.in_mixed)
    )
    bad_innovations = np.any(differs & bad, axis=1)
    for name, flags, member in (
        ("divergence", bad_laws, family.in_laws),
        ("mixed", bad_mixed, family.in_mixed),
        ("innovation", bad_innovations, differs),
    ):
        for index in np.flatnonzero(flags):
            atom = int(np.flatnonzero(member[index] & bad)[0])
            reasons[f"{name}[{index}]"] = f"it contains {_described(family.atoms[atom])}, {texts[atom]}"
    return with_infinities(products, bad_laws, bad_mixed, bad_innovations)


def _described(atom: _Atom) -> str:
    return f"{'p' if atom.group == 0 else 'p^0'} after {atom.age} rounds of the channel"


def _quadrature_products(family: _Family, mixing: Mixing, reasons: dict[str, str]) -> Products:
    """Mixture target, d <= 2: the atoms' ratios to p on a grid that reaches as far as the mass of p_i^2 / p."""
    texts = [_infinite_text(_atom_law(family, atom), family.target) for atom in range(len(family.atoms))]
    bad = np.array([text is not None for text in texts])
    good = np.flatnonzero(~bad)
    used = np.isin(family.owner(), good)
    count = mixing.generations
    frame = default_frame([family.target])
    flat = _flat(family, used)
    box = _tail_box(flat, family.target, frame)
    owner = family.owner()[used]
    # p itself is atom 0: its excess over p is zero, exactly
    coefficients = np.where(owner == 0, 0.0, family.laws[:, owner] * family.shares()[used])
    totals = np.sum(coefficients, axis=1)[:, None]

    def sums(nodes: Array) -> Array:
        half = 0.5 * family.target.logpdf(nodes)
        terms = np.exp(np.minimum(_component_logpdf(flat, nodes) - half[:, None], 700.0))  # N_j/sqrt(p)
        values = coefficients @ terms.T - totals * np.exp(half)
        parts = block_products(np.clip(values, -LARGEST_ROOT, LARGEST_ROOT), mixing.weights)
        return np.concatenate([part.ravel() for part in (parts[0], parts[1], np.diagonal(parts[2]), parts[2], parts[3])])

    block = max(256, NODE_ENTRIES // max(coefficients.shape))
    total, _ = integrate_sums(sums, box, rtol=1e-10, atol=1e-22, block=block, decisive=3 * count + 1)
    edges = np.cumsum([count + 1, count, count, count * count])
    divergence, mixed, _, gram, initial = np.split(total, edges)
    products = Products(divergence, mixed, gram.reshape(count, count), initial)
    beyond = divergence > LARGEST, mixed > LARGEST, np.diagonal(products.gram) > LARGEST
    for name, flags in zip(("divergence", "mixed", "innovation"), beyond, strict=True):
        for index in np.flatnonzero(flags):
            reasons[f"{name}[{index}]"] = f"finite but above {LARGEST:.0e}, the largest that is kept"
    products = with_infinities(products, *beyond)
    return _decide(family, products, bad, [text or "" for text in texts], reasons)


def _infinite_text(learned: GaussianMixture, reference: GaussianMixture) -> str | None:
    reason = chi2_infinite_reason(learned, reference)
    return None if reason is None else f"against the target: {reason}"


def _atom_law(family: _Family, atom: int) -> GaussianMixture:
    one = np.zeros(len(family.atoms))
    one[atom] = 1.0
    return as_mixture(family.law(one))


def _flat(family: _Family, used: Flags) -> GaussianMixture:
    """The chosen components as one mixture of equal weights: a container for means, covariances and their factors."""
    count = int(np.count_nonzero(used))
    return GaussianMixture(np.full(count, 1.0 / count), family.means()[used], family.covs()[used])


def _component_logpdf(flat: GaussianMixture, nodes: Array) -> Array:
    """log density of every component, (m, components)."""
    dim = flat.dim
    means, factors = flat.means, np.broadcast_to(flat._factors, flat.covs.shape)
    norm = np.sum(np.log(np.diagonal(factors, axis1=1, axis2=2)), axis=1) - 0.5 * dim * math.log(2.0 * math.pi)
    first = nodes[:, :1] - means[:, 0]
    out = (factors[:, 0, 0] * first) ** 2
    if dim == 2:  # written out: several times faster than stacked products
        out += (factors[:, 1, 0] * first + factors[:, 1, 1] * (nodes[:, 1:] - means[:, 1])) ** 2
    return np.asarray(norm - 0.5 * out)


def _tail_box(learned: GaussianMixture, reference: GaussianMixture, frame: tuple[Array, Array]) -> Box:
    """Room for the mass of learned^2 / reference, the reference's own, and its finest scale."""
    tails = product_box(learned, reference, frame)
    if tails is None:
        start = union([component_box(learned, frame), component_box(reference, frame)])
        return scanned_box(lambda x: 2.0 * learned.logpdf(x) - reference.logpdf(x), start)
    return tails


# ------------------------------------------------------------------------------------------------ intra and ratio


def _intra(family: _Family, laws: Sequence[Target], mixtures: Sequence[Target], reasons: dict[str, str]) -> Array:
    """I_i = chi2(p^{i+1} || q_i) for all rounds, d <= 2, on nodes common to the rounds that need boxes of similar size.

    The tail of p^{i+1}^2/q_i lies below those of N_j^2/(c_l N_l), for every component j of p^{i+1} any component l of q_i:
    the one that the channel sent to j, or j itself.
    """
    count = len(family.mixed)
    frame = default_frame([family.target])
    low, high, finite = _intra_boxes(family, frame)
    result = np.zeros(count)
    everything = _flat(family, np.ones(len(family.owner()), dtype=bool))
    step = component_box(everything, frame).step / math.sqrt(2.0)
    for i in np.flatnonzero(~finite).tolist():
        learned, reference = laws[i + 1], mixtures[i]
        reason = chi2_infinite_reason(learned, reference)
        if reason is None:
            box = _tail_box(as_mixture(learned), as_mixture(reference), frame)
            low[i], high[i], finite[i] = box.lower, box.upper, True
        else:
            result[i] = math.inf
            reasons[f"intra[{i}]"] = reason
    # where a box is no wider than the rounding of its place, its nodes fall on each other
    place = np.abs(np.linalg.solve(frame[1], frame[0])) + np.maximum(np.abs(low), np.abs(high))
    lost = finite & np.any(high - low <= FINEST * place, axis=1)
    result[lost], low[lost], high[lost], finite = np.nan, 0.0, 1.0, finite & ~lost
    levels = np.where(finite, np.floor(0.5 * np.sum(np.log2(high - low), axis=1)), np.nan)
    for level in np.unique(levels[finite]):
        group = np.flatnonzero(levels == level)
        box = Box(*frame, low[group].min(axis=0), high[group].max(axis=0), step)
        used = int(np.count_nonzero(np.any(family.in_laws[group + 1] | family.in_mixed[group], axis=0)))
        nodes = min(INTRA_NODES, INTRA_ENTRIES // used)
        if math.prod(box.counts(step)) * 2**family.target.dim > nodes:
            result[group] = np.nan  # narrow ridges across a wide box
            continue
        sums = _intra_integrand(family, group, low[group], high[group], frame)
        block = max(256, NODE_ENTRIES // max(used, len(group)))
        value, error = integrate_sums(sums, box, rtol=1e-10, atol=1e-26, block=block, max_nodes=nodes)
        with np.errstate(invalid="ignore"):
            result[group] = np.where(error <= np.maximum(1e-6 * value, 1e-20), value, np.nan)
        result[group[value > LARGEST]] = math.inf
    for i in range(count):
        if math.isnan(result[i]):
            reasons[f"intra[{i}]"] = "not computed: the quadrature does not settle on as many nodes as it may use"
        elif math.isinf(result[i]):
            reasons.setdefault(f"intra[{i}]", f"above {LARGEST:g}, beyond which nothing is computed")
    return result


def _intra_boxes(family: _Family, frame: tuple[Array, Array]) -> tuple[Array, Array, Flags]:
    """Sides (N, d) of the box that each round needs, in frame coordinates, and whether a pairing shows that it suffices."""
    origin, matrix = frame
    inverse = np.linalg.inv(matrix)
    means = (family.means() - origin) @ inverse.T
    covs = inverse @ family.covs() @ inverse.T
    atoms = len(family.atoms)
    owner = family.owner()
    first = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=atoms))])
    sources = np.array([(old, new) for (old, _), new in family.advanced.items()] + [(atom, atom) for atom in range(atoms)])
    sizes = first[sources[:, 1] + 1] - first[sources[:, 1]]
    pair = np.repeat(np.arange(len(sources)), sizes)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    before, after = first[sources[pair, 0]] + within, first[sources[pair, 1]] + within
    low, high = pair_extent(means[after], covs[after], means[before], covs[before], -PARTNER_SLACK)
    shape = (len(sources), means.shape[1])
    pair_low, pair_high = np.full(shape, np.inf), np.full(shape, -np.inf)
    np.minimum.at(pair_low, pair, low)  # all components of a pair of atoms
    np.maximum.at(pair_high, pair, high)
    plain = 10.0 * np.sqrt(np.diagonal(covs, axis1=1, axis2=2))  # the bulk of q_i itself
    bulk_low, bulk_high = np.full((atoms, shape[1]), np.inf), np.full((atoms, shape[1]), -np.inf)
    np.minimum.at(bulk_low, owner, means - plain)
    np.maximum.at(bulk_high, owner, means + plain)
    count = len(family.mixed)
    lows, highs, finite = np.zeros((count, shape[1])), np.zeros((count, shape[1])), np.zeros(count, dtype=bool)
    for i in range(count):
        usable = family.in_mixed[i, sources[:, 0]] & family.in_laws[i + 1, sources[:, 1]]
        best_low, best_high = np.full((atoms, shape[1]), -np.inf), np.full((atoms, shape[1]), np.inf)
        np.maximum.at(best_low, sources[usable, 1], pair_low[usable])  # the tightest partner of each atom
        np.minimum.at(best_high, sources[usable, 1], pair_high[usable])
        new = family.in_laws[i + 1]
        finite[i] = bool(np.all(np.isfinite(best_low[new])))
        lows[i] = np.minimum(best_low[new].min(axis=0), bulk_low[family.in_mixed[i]].min(axis=0))
        highs[i] = np.maximum(best_high[new].max(axis=0), bulk_high[family.in_mixed[i]].max(axis=0))
    return lows, highs, finite


def _intra_integrand(
    family: _Family, group: NDArray[np.intp], low: Array, high: Array, frame: tuple[Array, Array]
) -> Callable[[Array], Array]:
    """Nodes -> sums of (p^{i+1} - q_i)^2 / q_i over the nodes within each round's box, for the rounds of ``group``."""
    present = np.any(family.in_laws[group + 1] | family.in_mixed[group], axis=0)
    owner, shares = family.owner(), family.shares()
    used = present[owner]
    owner, shares = owner[used], shares[used]
    learned, blends = family.laws[group + 1][:, owner] * shares, family.mixed[group][:, owner] * shares
    innovations = (family.laws[group + 1] - family.mixed[group])[:, owner] * shares
    flat = _flat(family, used)
    origin, matrix = frame
    inverse = np.linalg.inv(matrix)
    exact = False
    if family.base_means[0].shape[0] == 1:
        relative = _relative(family)[used]
        exact = relative.drifts.ndim == 2  # log ratios to a Gaussian p, from the deviations themselves
        (mean,), (cov,) = family.base_means[0], family.base_covs[0]
        lower = np.linalg.cholesky(cov)
        basis = _common_basis(_white(lower, family).drifts)

    def sums(nodes: Array) -> Array:
        if exact:
            white = solve_triangular(lower, (nodes - mean).T, lower=True).T @ basis
            logs, reference = _log_ratios(relative, white), family.target.logpdf(nodes)
            top = np.maximum(logs.max(axis=1), 0.0)
            unit = np.exp(-top)[:, None]
            near = np.expm1(np.minimum(logs, 1.0)) * unit
            excess = np.where(logs < 1.0, near, np.exp(logs - top[:, None]) - unit)
            gap, base = excess @ innovations.T, excess @ blends.T + unit
        else:
            logs, reference = _component_logpdf(flat, nodes), np.zeros(len(nodes))
            top = logs.max(axis=1)
            dense = np.exp(logs - top[:, None])
            gap, base = dense @ innovations.T, dense @ blends.T
        place = ((nodes - origin) @ inverse.T)[:, None, :]
        inside = np.all((place >= low) & (place <= high), axis=2)
        small = base < FLOOR
        with np.errstate(over="ignore"):  # a term beyond the largest double is infinite
            terms = gap * (gap / np.where(small, 1.0, base)) * np.exp(reference + top)[:, None]
        terms[small | ~inside] = 0.0
        small &= inside
        for column in np.flatnonzero(np.any(small, axis=0)):  # q_i is far below other rounds' laws there: in logarithms
            rows = small[:, column]
            with np.errstate(divide="ignore"):
                log_p = logsumexp(logs[rows] + np.log(learned[column]), axis=1)
                log_q = logsumexp(logs[rows] + np.log(blends[column]), axis=1)
            terms[rows, column] = divergences.chi2_integrand(log_p + reference[rows], log_q + reference[rows])
        with np.errstate(over="ignore"):
            return np.asarray(np.sum(terms, axis=0))

    return sums


def _log_ratios(laws: Relatives, white: Array) -> Array:
    """log N_j/p (m, components) at nodes (m, d) in the coordinates of ``laws``, where p = N(0, I) and all are diagonal."""
    logs = np.where(laws.drifts < -0.5, np.log(laws.covs), np.log1p(np.maximum(laws.drifts, -0.5)))
    out = np.zeros((len(white), len(logs)))
    for axis in range(logs.shape[1]):
        y, a = white[:, axis, None], laws.shifts[:, axis]
        out += 0.5 * (y - a) ** 2 * (laws.drifts[:, axis] / laws.covs[:, axis]) + a * y - 0.5 * (a * a + logs[:, axis])
    return out


def _weighted_sup(family: _Family) -> Array:
    """(N,) upper bounds of sup q_i/p: coefficients times the bound of each atom; 0 times infinity is 0."""
    if len(family.base_weights[0]) == 1:  # base components are the target's: the deviations keep their digits
        drifts = np.concatenate([atom.drift for atom in family.atoms])
        shifts = np.concatenate([atom.shift for atom in family.atoms])
        logs = _log_sups(shifts, drifts, family.covs(), np.broadcast_to(family.base_covs[0], drifts.shape))
        heights = np.where(logs > LARGEST_LOG, np.inf, np.exp(np.minimum(logs, LARGEST_LOG)))
        bounds = np.bincount(family.owner(), family.shares() * heights)
    else:
        bounds = np.array([_atom_sup(family, atom) for atom in family.atoms])
    finite = np.where(np.isfinite(bounds), bounds, 0.0)
    total = family.mixed @ finite
    return np.asarray(np.where(np.any(family.in_mixed & ~np.isfinite(bounds), axis=1), np.inf, total))


def _atom_sup(family: _Family, atom: _Atom) -> float:
    """An upper bound of sup (atom / p): the largest componentwise ratio, or the sum of w_k min_l sup N_k/(w_l N_l)."""
    centre = family.base_means[atom.group] + atom.shift
    bound = law_sup(GaussianMixture(family.base_weights[atom.group], centre, atom.cov), family.target)
    if atom.group == 0:  # (sum w_k a_k)/(sum w_k b_k) <= max a_k/b_k
        logs = _log_sups(atom.shift, atom.drift, atom.cov, family.base_covs[0])
        bound = min(bound, _ceiling(np.ones(1), logs.max(keepdims=True)))
    return bound


def law_sup(law: GaussianMixture, target: GaussianMixture) -> float:
    """An upper bound of sup law/target, sum_k w_k min_l sup N_k/(w_l N_l); inf where a component has no narrower cover."""
    kept = law.weights > 0.0
    means, covs = law.means[kept], law.covs[kept]
    best = np.full(len(means), np.inf)
    for weight, mean, cov in zip(target.weights, target.means, target.covs, strict=True):
        if weight > 0.0:
            bound = _log_sups(means - mean, covs - cov, covs, np.broadcast_to(cov, covs.shape)) - math.log(weight)
            best = np.minimum(best, bound)
    return _ceiling(law.weights[kept], best)


def _ceiling(weights: Array, log_sups: Array) -> float:
    return math.inf if float(log_sups.max()) > LARGEST_LOG else float(weights @ np.exp(log_sups))


def _log_sups(shifts: Array, drifts: Array, covs: Array, base: Array) -> Array:
    """log sup N(m + shift, cov)/N(m, base), drift = cov - base, stacked: inf unless narrower wherever they differ."""
    lower = np.linalg.cholesky(base)
    inverse = np.linalg.inv(lower)
    values, vectors = np.linalg.eigh(inverse @ drifts @ np.swapaxes(inverse, 1, 2))
    offset = np.einsum("kba,kbc,kc->ka", vectors, inverse, shifts)
    narrower = values < -EQUAL
    safe = np.where(narrower, -values, 1.0)
    kept = axis_variances(np.swapaxes(vectors, 1, 2) @ inverse, covs)  # 1 + values, to all digits
    logs = np.where(values < -0.5, np.log(kept), np.log1p(np.where(narrower, np.maximum(values, -0.5), 0.0)))
    per_axis = np.where(narrower, 0.5 * (offset**2 / safe - logs), 0.0)
    lost = (values > EQUAL) | (~narrower & (np.abs(offset) > EQUAL))
    return np.asarray(np.where(np.any(lost, axis=1), np.inf, np.sum(per_axis, axis=1)))


# --------------------------------------------------------------------------------------------- limits and horizons


def limit_law(target: Target, t0: float, alpha: float, tol: float = 1e-12) -> GaussianMixture:
    """The limit of p^{i+1} = OU_t0(alpha p + (1 - alpha) p^i): alpha sum_k (1 - alpha)^k OU_{(k+1) t0} p   (KTV-B).

    Args:
        target: p.
        t0: time of early stopping, > 0.
        alpha: fresh fraction in [0, 1]; 0 gives N(0, I).
        tol: total variation within which the series is cut off, in (0, 1).

    Returns:
        A mixture within ``tol`` in total variation of the limit: the remaining mass (1 - alpha)^K goes to the next term, or to
        N(0, I) once the noised target is that close to it.

    Raises:
        ValueError: a series of more than 10 million entries (terms times components times d^2): tiny ``t0`` and ``alpha``.
    """
    law = as_mixture(target)
    stop, share, accuracy = real("t0", t0, POSITIVE), real("alpha", alpha, FRACTION), real("tol", tol, TOLERANCE)
    dim = law.dim
    rest = 1.0 - share
    if share == 0.0:
        return GaussianMixture([1.0], np.zeros((1, dim)), 1.0)
    parts: list[tuple[Array, Array, Array]] = []
    most = SERIES_ENTRIES // (law.weights.size * dim * dim)
    for first in range(1, most, SERIES_BLOCK):
        rounds = np.arange(first, first + SERIES_BLOCK)
        times = np.asarray(stop * rounds, dtype=np.float64)
        remaining = np.asarray(rest ** (rounds - 1.0), dtype=np.float64)
        close = remaining * np.sqrt(0.5 * _kl_to_standard(law, times)) <= accuracy
        ends = np.flatnonzero(close | (remaining * rest <= accuracy))
        count = int(ends[0]) if ends.size else SERIES_BLOCK
        parts.append(_noised_terms(law, times[:count], remaining[:count] * share))
        if ends.size:
            mass = remaining[count : count + 1]
            standard = mass, np.zeros((1, dim)), np.eye(dim)[None]
            parts.append(standard if close[count] else _noised_terms(law, times[count : count + 1], mass))
            total = np.concatenate([part[0] for part in parts])
            covs = np.concatenate([part[2] for part in parts])
            return GaussianMixture(total / total.sum(), np.concatenate([part[1] for part in parts]), covs)
    raise ValueError(
        f"t0 and alpha must be large enough for the series to end within {most} terms, got t0 = {stop:g} and alpha = {share:g}"
    )


def _noised_terms(law: GaussianMixture, times: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The components of sum_k weights_k OU_{times_k} law: weights (m k,), means (m k, d), covariances (m k, d, d)."""
    gains = np.exp(-times)[:, None, None]
    noise = -np.expm1(-times)[:, None, None, None] * np.eye(law.dim)
    covs = gains[..., None] * law.covs + noise
    return (
        np.outer(weights, law.weights).ravel(),
        (np.sqrt(gains) * law.means).reshape(-1, law.dim),
        covs.reshape(-1, law.dim, law.dim),
    )


def _kl_to_standard(law: GaussianMixture, times: Array) -> Array:
    """Upper bounds (convexity) of KL(OU_t law || N(0, I)) at ``times`` (m,)."""
    decay = np.exp(-times)[:, None, None]
    excess = decay * np.linalg.eigvalsh(law.covs - np.eye(law.dim))
    shapes = np.sum(np.maximum(excess - np.log1p(excess), 0.0), axis=2)
    return np.asarray(0.5 * (shapes + decay[..., 0] * np.sum(law.means**2, axis=1)) @ law.weights)


def chi2_horizon(target: Target, channel: Channel) -> int | float:
    """The first N >= 1 with chi2(p^N || p) = inf in p^0 = p, p^{i+1} = K(alpha p + (1 - alpha) p^i), for every alpha < 1.

    p^N contains K^N p, so it is the first N for which chi2(K^N p || p) is infinite; ``math.inf`` where there is none.
    For x -> x + N(0, h^2) on N(m, s^2) it is the first N with N h^2 >= s^2. A scalar gain with any noise covariance is solved
    in closed form, eigenvalue by eigenvalue; other gains are iterated until they diverge or provably settle.

    Raises:
        ValueError: channel of another dimension, or no decision within 100,000 rounds (gains with a modulus-one eigenvalue).
    """
    law = as_mixture(target)
    if not isinstance(channel, Channel):
        raise TypeError(f"channel must be a Channel, got {type(channel).__name__}")
    gain, offset, noise = channel.matrices(law.dim)
    kept = law.weights > 0.0
    means, covs = law.means[kept], law.covs[kept]
    scalar = bool(np.array_equal(gain, gain[0, 0] * np.eye(law.dim)))
    shared = bool(np.all(covs == covs[0]))
    isotropic = bool(np.all(covs == covs[:, :1, :1] * np.eye(law.dim)))
    if scalar and (shared or isotropic):
        widest = covs[int(np.argmax(covs[:, 0, 0]))]
        rate = np.linalg.eigvalsh(whitened(np.linalg.cholesky(widest), noise))
        first = min((_first_round(float(gain[0, 0]) ** 2, float(value)) for value in rate), default=math.inf)
        if math.isinf(first) or len(law.weights) == 1:
            return first
        # a mixture reference may save the exact equality by its linear terms, for one round
        return first if _fails_after(law, gain, offset, noise, int(first)) else int(first) + 1
    return _iterated_horizon(law, means, covs, gain, offset, noise)


def _first_round(square: float, rate: float) -> float | int:
    """First N >= 1 with x_N >= 2 for x_0 = 1, x -> square * x + rate (within 1e-12); inf where there is none."""
    goal = 2.0 - MARGIN

    def reached(n: int) -> float:
        if square == 1.0:
            return 1.0 + n * rate
        power = math.expm1(n * math.log(square)) if square > 0.0 else -1.0  # square^n - 1
        return 1.0 + power + rate * power / (square - 1.0)

    if reached(1) >= goal:
        return 1
    if square == 1.0:
        guess = math.inf if rate <= 0.0 else (goal - 1.0) / rate
    else:
        fixed = rate / (1.0 - square)  # x_n = fixed + square^n (1 - fixed)
        quotient = (goal - fixed) / (1.0 - fixed) if fixed != 1.0 else -1.0
        falls = square < 1.0
        guess = math.log(quotient) / math.log(square) if quotient > 0.0 and (quotient < 1.0) == falls else math.inf
    if not math.isfinite(guess) or guess > 2.0**53:
        return math.inf
    n = max(1, math.floor(guess) - 1)
    while reached(n) < goal:
        n += 1
    return n


def _after(law: GaussianMixture, gain: Array, offset: Array, noise: Array, rounds: int) -> GaussianMixture:
    """K^rounds applied to ``law``; identity gains by multiplication, others step by step."""
    means, covs = law.means, law.covs
    if np.array_equal(gain, np.eye(law.dim)):
        return GaussianMixture(law.weights, means + rounds * offset, covs + rounds * noise)
    for _ in range(rounds):
        means, covs = means @ gain.T + offset, gain @ covs @ gain.T + noise
    return GaussianMixture(law.weights, means, 0.5 * (covs + np.swapaxes(covs, 1, 2)))


def _fails_after(law: GaussianMixture, gain: Array, offset: Array, noise: Array, rounds: int) -> bool:
    return chi2_infinite_reason(_after(law, gain, offset, noise, rounds), law) is not None


def _iterated_horizon(law: GaussianMixture, means: Array, covs: Array, gain: Array, offset: Array, noise: Array) -> int | float:
    """Round by round, until chi2 is infinite or the covariances are so close to their limits that it can no longer be."""
    settles = float(np.abs(np.linalg.eigvals(gain)).max()) < 1.0
    lower = np.linalg.cholesky(covs)
    inverse = np.linalg.inv(lower)

    def relative(matrices: Array) -> Array:  # to one component each, in which "below 2" is enough whatever the others do
        return np.asarray(inverse @ matrices @ np.swapaxes(inverse, 1, 2))

    limit = _stationary(gain, noise) if settles else noise
    roofs, gap = np.linalg.eigvalsh(relative(limit))[:, -1], np.linalg.norm(relative(covs - limit), 2, axis=(1, 2))
    condition = np.linalg.norm(inverse, 2, axis=(1, 2)) * np.linalg.norm(lower, 2, axis=(1, 2))
    power, largest = np.eye(law.dim), 1.0
    reference = GaussianMixture(law.weights[law.weights > 0.0], means, covs)
    for rounds in range(1, MAX_ROUNDS + 1):
        means, covs = means @ gain.T + offset, gain @ covs @ gain.T + noise
        covs = 0.5 * (covs + np.swapaxes(covs, 1, 2))
        wide = np.any(2.0 - np.linalg.eigvalsh(relative(covs))[:, -1] <= MARGIN)
        if wide and chi2_infinite_reason(GaussianMixture(reference.weights, means, covs), reference) is not None:
            return rounds
        power = power @ gain
        size = float(np.linalg.norm(power, 2))
        # |G^n| <= size * largest for all later n, so every later covariance stays within this of the limit
        if settles and size < 1.0 and np.all(roofs + (size * largest * condition) ** 2 * gap < 2.0 - MARGIN):
            return math.inf
        largest = max(largest, size)
    raise ValueError(f"channel must decide within {MAX_ROUNDS} rounds whether chi2 stays finite; this one stays near the limit")


def _stationary(gain: Array, noise: Array) -> Array:
    """The covariance with C = G C G^T + R for a gain of spectral radius below one."""
    dim = len(gain)
    solution = np.linalg.solve(np.eye(dim * dim) - np.kron(gain, gain), noise.ravel()).reshape(dim, dim)
    return np.asarray(0.5 * (solution + solution.T))


# ----------------------------------------------------------------------------------------- distances, one dimension


def smoothing_tv(mixture: Target, t0: float) -> float:
    """TV(q_t0, q) in one dimension: what stopping the reverse process at ``t0`` > 0 costs by itself."""
    return float(divergences.tv(early_stopping(t0)(mixture), mixture))
