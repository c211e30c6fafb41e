"""Simulated quantities stay within what is derived, up to their own intervals; all together fail once in a million runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import sympy
from hypothesis import reject
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

import theory
from numeric import (
    OU,
    AffineError,
    BoundCheck,
    Channel,
    Estimate,
    Gaussian,
    Generation,
    Recursion,
    Verdict,
    check_generation,
    check_recursion,
    check_refits,
    check_samples,
    chi2_drift,
    exact_generation,
    exact_recursion,
    fit_energy,
    mean_shift,
    mmd_drift,
    simulate_generation,
    simulate_recursion,
    simulate_refits,
    strategies,
    tv,
    tv_drift,
)
from numeric.domains import Unresolved
from numeric.generations.errors import ScoreError
from numeric.laws.targets import Target, as_mixture
from tests.properties.drawn import confidence, drawn, rejected
from tests.properties.families import LATE, LINE, PAIRS, energetic

MODEST = strategies.gaussians((1, 3), low=0.2, high=5.0) | strategies.mixtures((1, 2), low=0.3, high=3.0, apart=3.0, least=0.1)
BY_ROUND = ("refresh", "triangle", "two-sided-max", "consecutive-floor", "innovation-vs-intra", "discounted-identity")


def mutant(name: str) -> theory.Claim:
    """By its id, claim/mutant."""
    return next(one for one in theory.claim(name.split("/")[0]).mutants if one.id == name)


def none_violated(checks: tuple[BoundCheck, ...], seen: Counter[str] | None = None) -> None:
    if seen is not None:
        seen.update(str(check.verdict) for check in checks)
    broken = [f"{check.claim}: {check.detail}" for check in checks if check.verdict is Verdict.VIOLATED]
    assert not broken, broken[0]


def decided(strategy: st.SearchStrategy[Any], check: Callable[..., None], examples: int, anchor: object = None) -> None:
    """Run the property, on an anchor besides where there is one; and something must have held in it."""
    seen: Counter[str] = Counter()
    counting = partial(check, seen=seen)
    counting.__qualname__ = check.__qualname__  # type: ignore[attr-defined]
    count = drawn(strategy, counting, examples=examples)
    if anchor is not None:
        counting(anchor)
    assert seen["HOLDS"] > 0, f"{dict(seen)} in {count} cases"


# ------------------------------------------------------------------------------------------------------------ one round

ROUNDS, DRAWS, STEPS = 8, 1500, 48


@dataclass(frozen=True)
class Round:
    target: Target
    error: ScoreError
    seed: int


@st.composite
def simulated_rounds(draw: DrawFn) -> Round:
    target = draw(MODEST)
    return Round(target, draw(strategies.errors(target)), draw(strategies.seeds()))


def simulated(case: Round) -> Generation:
    return simulate_generation(case.target, case.error, n=DRAWS, steps=STEPS, replicas=3, rng=case.seed)


def simulated_round(case: Round, claims: list[theory.Claim] | None = None, seen: Counter[str] | None = None) -> None:
    none_violated(check_generation(simulated(case), claims, confidence=confidence(ROUNDS)), seen)


def test_no_claim_is_violated_by_a_simulated_round() -> None:
    decided(simulated_rounds(), simulated_round, ROUNDS, Round(Gaussian(0.0, 1.0), AffineError(0.0, 0.5), 1))


def seen_share(share: sympy.Rational) -> theory.Claim:
    """A user's claim, that the endpoint sees at most ``share`` of the energy; true for 1."""
    statement = sympy.Le(theory.symbols.visible_energy, share * theory.symbols.ideal_energy)
    return theory.Claim("seen", "The endpoint sees at most a share of the energy", "upper", statement, source="driftbound")


def test_a_claim_of_a_user_is_held_too() -> None:
    drawn(simulated_rounds(), lambda case: simulated_round(case, [seen_share(sympy.Integer(1))]), examples=3)


def test_a_wrong_claim_is_violated() -> None:
    """A drift that is constant in time moves the endpoint, by three quarters of its energy."""
    steady = st.builds(Round, st.just(Gaussian(0.0, 1.0)), st.just(AffineError(0.0, 0.5)), strategies.seeds())
    rejected(steady, lambda case: simulated_round(case, [seen_share(sympy.Rational(1, 2))]), examples=20)


@st.composite
def affine_rounds(draw: DrawFn) -> Round:
    target = draw(strategies.gaussians((1, 3), low=0.2, high=5.0))
    return Round(target, draw(strategies.affine_errors(target.dim)), draw(strategies.seeds()))


ENERGIES = {"ideal_energy": "ideal_energy", "learned_energy_reverse": "learned_energy", "visible_energy": "visible_energy"}


def intervals_contain(case: Round, exact: dict[str, str] = ENERGIES, size: int = DRAWS) -> None:
    """The exact number lies in the interval of the simulated one, widened by what the time grid leaves."""
    made = simulate_generation(case.target, case.error, n=size, steps=STEPS, replicas=3, rng=case.seed)
    truth = exact_generation(case.target, case.error)
    for name, other in exact.items():
        estimate = getattr(made, name)
        assert isinstance(estimate, Estimate)
        low, high = estimate.interval(1.0 - (1.0 - confidence(ROUNDS)) / len(ENERGIES))
        value = float(getattr(truth, other))
        slack = 2.0 * made.numerical_error.get(name, 0.0) + 1e-12
        assert low - slack <= value <= high + slack, name


def test_energies_lie_in_their_intervals() -> None:
    drawn(affine_rounds(), intervals_contain, examples=ROUNDS)


def test_the_energy_of_the_other_law_does_not() -> None:
    swapped = {"ideal_energy": "learned_energy"}
    rejected(affine_rounds(), lambda case: intervals_contain(case, swapped), examples=500)


# --------------------------------------------------------------------------------------------------------- many rounds


@dataclass(frozen=True)
class Retrained:
    target: Target
    retrain: str
    alpha: float | list[float] | str
    generations: int
    n: int
    seed: int


RETRAININGS = 8


@st.composite
def retrained(draw: DrawFn) -> Retrained:
    count = draw(st.integers(1, 4))
    return Retrained(
        draw(LINE | PAIRS),
        draw(st.sampled_from(["gaussian-fit", "kde"])),
        draw(strategies.schedules(count)),
        count,
        draw(strategies.counts("n", 50, 300)),
        draw(strategies.seeds()),
    )


def recursion(case: Retrained) -> Recursion:
    bandwidth = 0.3 if case.retrain == "kde" else None
    return simulate_recursion(
        case.target, case.retrain, case.alpha, case.generations, n=case.n, rng=case.seed, bandwidth=bandwidth
    )


def simulated_rounds_hold(
    case: Retrained, claims: list[theory.Claim | str] | None = None, seen: Counter[str] | None = None
) -> None:
    """Constant and varying fresh fractions, Gaussian and mixture targets, fits on few points."""
    none_violated(check_recursion(recursion(case), claims or BY_ROUND, confidence=confidence(RETRAININGS)), seen)


def test_no_claim_is_violated_by_retraining_on_samples() -> None:
    decided(retrained(), simulated_rounds_hold, RETRAININGS)


def test_the_cube_of_rho_is() -> None:
    rejected(retrained(), lambda case: simulated_rounds_hold(case, [mutant("refresh/cube")]))


@dataclass(frozen=True)
class Observed:
    """An exact recursion of which only samples are seen."""

    target: Target
    channel: Channel | list[Channel]
    alpha: float | list[float]
    generations: int
    seed: int

    @cached_property
    def rounds(self) -> Recursion:
        return exact_recursion(self.target, self.channel, self.alpha, self.generations)

    def samples(self, rounds: Recursion, size: int) -> list[np.ndarray]:
        """Of p, and of p^0, ..., p^N, all independent."""
        streams = np.random.default_rng(self.seed).spawn(len(rounds.laws) + 1)
        laws = [as_mixture(self.target), *(as_mixture(law) for law in rounds.laws)]  # type: ignore[arg-type]
        return [law.sample(size, rng=stream) for law, stream in zip(laws, streams, strict=True)]


OBSERVED, STOP = 6, 0.01


@st.composite
def observed(draw: DrawFn) -> Observed:
    target, count = draw(MODEST), draw(st.integers(1, 3))
    shift = draw(strategies.typical("shift", 0.1, 0.5))
    channel = draw(strategies.channels(target.dim) | st.just(mean_shift(shift)))
    case = Observed(target, channel, draw(strategies.schedules(count, named=False)), count, draw(strategies.seeds()))
    try:
        _ = case.rounds  # kept for the property
    except Unresolved:
        reject()
    return case


def drift_stays_within(case: Observed, squared: bool = True, size: int = 1000) -> None:
    """What samples show of the drift is below its ceiling, the square of the triangle bound, and near the exact distance."""
    rounds = case.rounds
    reference, *models = case.samples(rounds, size)
    level = 1.0 - (1.0 - confidence(OBSERVED)) / (2 * rounds.generations)
    for step in range(1, rounds.generations + 1):
        ceiling = rounds.triangle_bound[step] ** 2 if squared else rounds.discounted_sums[step]
        assert chi2_drift(reference, models[step], confidence=level).low <= ceiling * (1.0 + 1e-9) + 1e-12
        if case.target.dim == 1:
            exact = float(tv(rounds.laws[step], case.target))  # type: ignore[arg-type]
            assert tv_drift(reference, models[step], confidence=level).low <= exact + 1e-6


def test_the_observed_drift_stays_within_the_ceiling() -> None:
    drawn(observed(), drift_stays_within, examples=OBSERVED)


def test_the_discounted_sum_is_no_ceiling() -> None:
    """A shift that repeats is coherent: the samples themselves exceed the sum of the squares."""
    unit = Gaussian(0.0, 1.0)
    coherent = st.builds(Observed, st.just(unit), st.just(mean_shift(0.04)), st.just(0.03), st.just(20), strategies.seeds())
    rejected(coherent, lambda case: drift_stays_within(case, squared=False, size=8000), examples=3)


def samples_hold(case: Observed, alpha: float | None = None, seen: Counter[str] | None = None) -> None:
    """Whatever claims samples can decide, under the fresh fraction that was used."""
    rounds = case.rounds
    reference, *models = case.samples(rounds, 400)
    shares = rounds.fresh_fraction if alpha is None else np.full(rounds.generations, alpha)
    stream = np.random.default_rng(case.seed + 1)
    mixtures = [as_mixture(law).sample(400, rng=stream) for law in rounds.mixtures]  # type: ignore[arg-type]
    checks = check_samples(reference, models, shares, confidence=confidence(OBSERVED), rng=case.seed, training=mixtures)
    none_violated(checks, seen)


def test_no_claim_is_violated_by_samples() -> None:
    """They decide little without energies: noise is INCONCLUSIVE."""
    drawn(observed(), samples_hold, examples=OBSERVED)


def ceilings_hold(rounds: Recursion, share: float = 1.0, seen: Counter[str] | None = None) -> None:
    """With the energies of every round samples confirm the ceiling on MMD."""
    streams = np.random.default_rng(5).spawn(rounds.generations + 2)
    laws = [as_mixture(law) for law in (rounds.target, *rounds.laws)]  # type: ignore[arg-type]
    reference, *models = [law.sample(1500, rng=stream) for law, stream in zip(laws, streams, strict=True)]
    checks = check_samples(
        reference,
        models,
        rounds.fresh_fraction,
        confidence=confidence(OBSERVED),
        rng=7,
        learned_energy=(share * np.asarray(rounds.learned_energies)).tolist(),
        process=OU(STOP, LATE),
    )
    none_violated(checks, seen)


def test_samples_confirm_the_ceiling() -> None:
    decided(st.just(large_errors(0.3)), ceilings_hold, 1)


def test_a_hundredth_of_the_energy_is_refuted() -> None:
    rejected(st.just(large_errors(0.3)), lambda rounds: ceilings_hold(rounds, share=0.01), examples=2)


@cache
def large_errors(alpha: float) -> Recursion:
    """Two rounds whose scores are those of a law shifted by half its width."""
    return energetic(Gaussian(0.0, 1.0), [mean_shift(0.5)] * 2, alpha, OU(STOP, LATE))


def test_the_wrong_fresh_fraction_is_found_out() -> None:
    """Far-off models trained on their own output, said to have trained on fresh data."""
    far = st.builds(
        Observed, st.just(Gaussian(0.0, 1.0)), st.just(mean_shift(3.0)), st.just(0.0), st.just(2), strategies.seeds()
    )
    rejected(far, lambda case: samples_hold(case, alpha=0.9), examples=5)


def mmd_in_interval(case: Observed, same: bool = True) -> None:
    """Two samples of one law: the interval of the squared MMD contains 0."""
    rounds = case.rounds
    reference, first, *_, last = case.samples(rounds, 300)
    level = confidence(OBSERVED)
    assert mmd_drift(reference, first if same else last, confidence=level, rng=case.seed).low <= 0.0


def test_equal_laws_have_no_discrepancy() -> None:
    drawn(observed(), mmd_in_interval, examples=OBSERVED)


def test_different_ones_have() -> None:
    far = st.builds(
        Observed, st.just(Gaussian(0.0, 1.0)), st.just(mean_shift(3.0)), st.just(0.5), st.just(1), strategies.seeds()
    )
    rejected(far, lambda case: mmd_in_interval(case, same=False), examples=5)


# ------------------------------------------------------------------------------------------------------- finite samples


@dataclass(frozen=True)
class Chains:
    alpha: float
    n: int
    design: str
    seed: int


CHAINS = st.builds(
    Chains,
    alpha=strategies.fresh_fractions(0.05, 1.0),
    n=st.integers(5, 12),
    design=st.sampled_from(["stratified", "iid"]),
    seed=strategies.seeds(),
)


def chains_hold(case: Chains, claims: list[theory.Claim] | None = None, seen: Counter[str] | None = None) -> None:
    """Refits of actual points; the share is rounded to whole points, which "stratified" does anyway."""
    alpha = round(case.alpha * case.n) / case.n
    chains = simulate_refits(
        Gaussian(0.0, 1.0), alpha, 3, n=case.n, runs=4000, rng=case.seed, design=case.design, initial=Gaussian(1.0, 0.5)
    )
    none_violated(check_refits(chains, claims, confidence=confidence(ROUNDS)), seen)


def test_no_claim_is_violated_by_chains_of_refits() -> None:
    decided(CHAINS, chains_hold, ROUNDS)


def test_the_unbiased_variance_is() -> None:
    rejected(CHAINS, lambda case: chains_hold(case, [mutant("finite-sample-variance/unbiased")]), examples=60)


@dataclass(frozen=True)
class Fit:
    target: Gaussian
    n: int
    whole: bool
    seed: int


FITTED = st.builds(
    Fit,
    target=strategies.gaussians((1, 2), low=0.3, high=3.0),
    n=st.integers(8, 40),
    whole=st.booleans(),
    seed=strategies.seeds(),
)


def energies_of_fits_hold(case: Fit, claims: list[theory.Claim] | None = None, seen: Counter[str] | None = None) -> None:
    fit = fit_energy(case.target, None if case.whole else OU(), n=case.n, fits=4000, rng=case.seed)
    none_violated(check_refits(fit, claims, confidence=confidence(ROUNDS)), seen)


def test_no_claim_is_violated_by_the_energy_of_fits() -> None:
    decided(FITTED, energies_of_fits_hold, ROUNDS)


def test_the_law_without_off_diagonal_terms_is() -> None:
    wrong = list(theory.claim("sample-size-law").mutants + theory.claim("sample-size-law-limit").mutants)
    rejected(FITTED, lambda case: energies_of_fits_hold(case, wrong), examples=30)
