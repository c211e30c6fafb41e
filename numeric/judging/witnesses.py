"""The statements that are false, each with the sequence of concrete rounds or recursions that shows it.

A refutation in ``theory`` is an exact case. Here the same idea is carried out on Gaussians, with growing size, so that what is
claimed can be seen to fail: every case is an ordinary Generation or Recursion, and ``check_generation`` or ``check_recursion``
finds the statement VIOLATED on it.

===================  =====================================================================================================
``persistent-v1``    mean shifts delta/sqrt(i+1): their energies add up to infinity, and D_N -> 0 (delta^2 < log(1/rho)/2)
``thm42-display``    one round that errs and exact scores ever after: the discounted energies vanish, D_N + C_bias does not
``no-pointwise-floor``  the last round learns the score of the data itself: D_N = 0 < S_N
``persistent``       without observability: rotations, energy for ever and D_N = 0; without smallness: errors that return
``leading-order``    errors that return the endpoint exactly, eps*² -> 0: chi2 = 0 and the visible energy is not
``impossibility``    rotations of growing speed: eps*² -> oo and chi2 = 0
===================  =====================================================================================================
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from numeric.generations.errors import AffineError
from numeric.generations.exact_generation import exact_generation
from numeric.generations.generation import Generation
from numeric.laws.channels import Channel, mean_shift
from numeric.laws.divergences import kl
from numeric.laws.process import OU
from numeric.laws.targets import Gaussian
from numeric.recursions.exact_recursion import exact_recursion
from numeric.recursions.recursion import Recursion
from numeric.validation import Array, integer, shown

__all__ = ["REFUTATIONS", "Refutation", "refutation"]

UNIT: Final = Gaussian(0.0, 1.0)
PLANE: Final = Gaussian(np.zeros(2), np.eye(2))
SPIN: Final = np.array([[0.0, 1.0], [-1.0, 0.0]])
SPAN: Final = OU(0.02, 2.02)  # T - t0 = 2, the time that the returning errors take
FRESH: Final = 0.5
SHIFT: Final = 0.3  # delta of the fading shifts: delta^2 = .09 < log(2)/2 = .35


@dataclass(frozen=True, eq=False)
class Refutation:
    """A false statement and a sequence of cases that shows it.

    Attributes:
        statement: the claim, or the mutant of a true one, that is false.
        sentence: what happens along the sequence.
        sizes: (k,) the numbers of rounds N, or the places in a sequence of single rounds.
        cases: one Recursion or Generation per size.
        columns: named arrays (k,) of what the sentence speaks of.
    """

    statement: str
    sentence: str
    sizes: tuple[int, ...]
    cases: tuple[Recursion | Generation, ...]
    columns: Mapping[str, Array]


def refutation(statement: str, sizes: Sequence[int] | None = None) -> Refutation:
    """The concrete sequence that refutes a false statement.

    Args:
        statement: one of ``REFUTATIONS``.
        sizes: increasing numbers of rounds (of steps, for single rounds), each at least 2; default a short sequence.

    Raises:
        TypeError, ValueError, KeyError: naming the argument; KeyError lists the statements there are.
    """
    if not isinstance(statement, str):
        raise TypeError(f"statement must be a string, got {shown(statement)}")
    if statement not in REFUTATIONS:
        raise KeyError(f"statement must be one of {', '.join(REFUTATIONS)}, got {shown(statement)}")
    build, default = REFUTATIONS[statement]
    if sizes is not None and (isinstance(sizes, (str, bytes)) or not isinstance(sizes, Iterable)):
        raise TypeError(f"sizes must be a sequence of integers or None, got {shown(sizes)}")
    chosen = default if sizes is None else tuple(integer("sizes", size) for size in sizes)
    if not chosen or min(chosen) < 2 or any(a >= b for a, b in itertools.pairwise(chosen)):
        raise ValueError(f"sizes must be increasing numbers of at least 2, got {shown(sizes)}")
    return build(statement, chosen)


def _fading(statement: str, sizes: tuple[int, ...]) -> Refutation:
    """Shifts delta/sqrt(i+1). The energy of a round is 2 KL(q_i || p^{i+1}), its value as t0 -> 0 and T -> oo."""
    longest = sizes[-1]
    channels = [mean_shift(SHIFT / math.sqrt(step + 1)) for step in range(longest)]
    whole = exact_recursion(UNIT, channels, FRESH, longest)
    energies = np.array([2.0 * float(kl(q, law)) for q, law in zip(whole.mixtures, whole.laws[1:], strict=True)])  # type: ignore[arg-type]
    cases = [replace(exact_recursion(UNIT, channels[:size], FRESH, size), ideal_energies=energies[:size]) for size in sizes]
    drifts = np.array([case.divergence[-1] for case in cases])
    return Refutation(
        statement,
        "The energies add up to infinity, as the harmonic series does, and the drift still fades.",
        sizes,
        tuple(cases),
        {"energy so far": np.cumsum(energies)[np.array(sizes) - 1], "D_N": drifts},
    )


def _one_bad_round(statement: str, sizes: tuple[int, ...]) -> Refutation:
    """A shift in the first round only: D_N = rho^{2(N-1)} J_0^2, as the discounted energies."""
    cases = []
    for size in sizes:
        case = exact_recursion(UNIT, [mean_shift(SHIFT), *[Channel()] * (size - 1)], FRESH, size)
        energies = np.zeros(size)
        energies[0] = SHIFT**2  # 2 KL(q_0 || p^1) of a mean shift of N(0, 1)
        cases.append(replace(case, ideal_energies=energies))
    discounted = np.array([(1.0 - FRESH) ** (2 * (size - 1)) * SHIFT**2 for size in sizes])
    drifts = np.array([case.divergence[-1] for case in cases])
    return Refutation(
        statement,
        "The discounted energies vanish, so no multiple of them stays above a constant bias.",
        sizes,
        tuple(cases),
        {"discounted energies": discounted, "D_N": drifts},
    )


def _undone(statement: str, sizes: tuple[int, ...]) -> Refutation:
    """Shifts, and a last round whose learned score is that of the data: its output is N(0, 1) whatever it trained on."""
    cases = [
        exact_recursion(UNIT, [*[mean_shift(SHIFT)] * (size - 1), Channel(gain=0.0, noise=1.0)], FRESH, size) for size in sizes
    ]
    return Refutation(
        statement,
        "The last round learns the score of the data itself: no drift is left, whatever was discounted.",
        sizes,
        tuple(cases),
        {
            "D_N": np.array([case.divergence[-1] for case in cases]),
            "S_N": np.array([case.discounted_sums[-1] for case in cases]),
        },
    )


def _repeated(statement: str, sizes: tuple[int, ...], one: Generation, sentence: str) -> Refutation:
    """A round that leaves its training law where it is, again and again, with the energy and the observability it has."""
    cases = []
    for size in sizes:
        target = PLANE if one.target.dim == 2 else UNIT
        case = exact_recursion(target, Channel(), FRESH, size)
        energy, seen = (np.full(size, float(value or 0.0)) for value in (one.ideal_energy, one.observability))
        cases.append(replace(case, ideal_energies=energy, observabilities=seen, intra=np.zeros(size)))
    total = np.array([size * float(one.ideal_energy) for size in sizes])
    return Refutation(
        statement,
        sentence,
        sizes,
        tuple(cases),
        {"energy so far": total, "sum of D": np.array([float(np.sum(case.divergence)) for case in cases])},
    )


def rotation(speed: float) -> Generation:
    """One round with e = speed J x on N(0, I), J antisymmetric: the law does not move (KTV-C)."""
    return exact_generation(PLANE, AffineError(speed * SPIN), SPAN)


def returning(size: float) -> Generation:
    """One round with e = A(t) x on N(0, 1), A = (D' + D)/(2 + 2D), D = size sin²(pi tau/2): C = 1 + D returns to 1 at t0.

    C' = -C + 1 + 2 A C is the variance of the learned process in reverse time tau, and D its distance from 1.
    """

    def slope(t: float) -> float:
        tau = SPAN.T - t
        bump = size * math.sin(0.5 * math.pi * tau) ** 2
        rate = size * 0.5 * math.pi * math.sin(math.pi * tau)
        return (rate + bump) / (2.0 + 2.0 * bump)

    return exact_generation(UNIT, AffineError(lambda t: np.array([[slope(t)]])), SPAN)


def _spinning_for_ever(statement: str, sizes: tuple[int, ...]) -> Refutation:
    return _repeated(statement, sizes, rotation(1.0), "Energy is spent in every round, none of it visible, and nothing moves.")


def _returning_for_ever(statement: str, sizes: tuple[int, ...]) -> Refutation:
    return _repeated(statement, sizes, returning(0.6), "Visible energy is spent in every round, and every round returns.")


def _ever_smaller(statement: str, sizes: tuple[int, ...]) -> Refutation:
    cases = tuple(returning(0.6 / size) for size in sizes)
    return Refutation(
        statement,
        "The error shrinks and chi2 stays 0, while the endpoint sees some of the energy: their ratio does not tend to 1.",
        sizes,
        cases,
        _fields(cases, "ideal_energy", "visible_energy", "chi2"),
    )


def _ever_faster(statement: str, sizes: tuple[int, ...]) -> Refutation:
    cases = tuple(rotation(0.1 * size) for size in sizes)
    return Refutation(
        statement, "The energy grows without bound and the endpoint does not move.", sizes, cases,
        _fields(cases, "ideal_energy", "chi2"),
    )  # fmt: skip


def _fields(cases: Sequence[Generation], *names: str) -> dict[str, Array]:
    return {name: np.array([float(getattr(case, name)) for case in cases]) for name in names}


Builder = Callable[[str, tuple[int, ...]], Refutation]
REFUTATIONS: Final[dict[str, tuple[Builder, tuple[int, ...]]]] = {
    "persistent-v1": (_fading, (2, 4, 8, 16, 32)),
    "thm42-display": (_one_bad_round, (2, 4, 8, 16)),
    "no-pointwise-floor": (_undone, (2, 4, 8, 16)),
    "persistent/energy-for-visible-energy": (_spinning_for_ever, (2, 4, 8, 16)),
    "persistent/without-smallness": (_returning_for_ever, (2, 4, 8, 16)),
    "leading-order/small-error-alone": (_ever_smaller, (2, 4, 8, 16)),
    "impossibility/psi": (_ever_faster, (2, 8, 32, 128)),
}
"""Each false statement (a claim that is refuted, or a true one with a hypothesis dropped): its sequence and its sizes."""
