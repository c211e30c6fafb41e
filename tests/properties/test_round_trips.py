"""There and back: what is printed, written, composed or sampled comes back as it was."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from scipy import stats

import numeric
from numeric import Channel, Gaussian, Recursion, check_recursion, fit_target, strategies
from numeric.command.inputs import read_measurements
from numeric.command.report import as_json, checks_json
from numeric.laws.targets import Target, as_mixture
from numeric.strategies import Profile
from tests.properties.drawn import SCALE, confidence, drawn, rejected

# -------------------------------------------------------------------------------------------------------------- printing

NAMES = {**vars(numeric), "Profile": Profile, "inf": np.inf}
PRINTED = strategies.targets((1, 4)).flatmap(
    lambda target: st.tuples(
        st.just(target), strategies.channels(target.dim), strategies.errors(target), strategies.processes()
    )
)


def arrays(thing: Any) -> list[Any]:
    """Everything numeric in an object, in order."""
    if isinstance(thing, (float, int, np.ndarray)):
        return [np.asarray(thing)]
    names = [name for name in vars(thing) if not name.startswith("_") and name not in ("learned", "dim")]
    return [part for name in names for part in arrays(getattr(thing, name))]


def pasted(things: tuple[object, ...], spoil: str = "") -> None:
    """What is printed is a call that makes the same object, to the last bit."""
    for thing in things:
        text = repr(thing)
        again = eval(text.replace("0", spoil, 1) if spoil else text, dict(NAMES))
        for here, there in zip(arrays(thing), arrays(again), strict=True):
            np.testing.assert_array_equal(there, here, err_msg=text)


def test_what_is_printed_can_be_pasted() -> None:
    drawn(PRINTED, pasted, examples=25)


def test_it_matters_what_is_printed() -> None:
    rejected(PRINTED.filter(lambda things: "0" in repr(things[0])), lambda things: pasted(things[:1], spoil="1"))


# ------------------------------------------------------------------------------------------------------------- channels


@dataclass(frozen=True)
class Chain:
    target: Target
    first: Channel
    second: Channel
    third: Channel


@st.composite
def chains(draw: DrawFn) -> Chain:
    target = draw(strategies.targets((1, 3)))
    return Chain(target, *(draw(strategies.channels(target.dim)) for _ in range(3)))


def same_law(one: Target, other: Target) -> None:
    here, there = as_mixture(one), as_mixture(other)
    size = float(np.abs(here.covs).max())
    np.testing.assert_allclose(there.means, here.means, rtol=1e-12, atol=1e-12 * size**0.5)
    np.testing.assert_allclose(there.covs, here.covs, rtol=1e-12, atol=1e-12 * size)
    np.testing.assert_array_equal(there.weights, here.weights)


def composed(chain: Chain, swapped: bool = False) -> None:
    """One channel after another is the composition, and composing is associative."""
    one, two, three = chain.first, chain.second, chain.third
    both = two.then(one) if swapped else one.then(two)
    same_law(two(one(chain.target)), both(chain.target))
    same_law(one.then(two).then(three)(chain.target), one.then(two.then(three))(chain.target))


def test_channels_compose() -> None:
    drawn(chains(), composed, examples=25)


def test_but_do_not_commute() -> None:
    rejected(chains(), lambda chain: composed(chain, swapped=True))


# ------------------------------------------------------------------------------------------------------- sample and fit

POINTS, SAMPLED = 400, 20


@dataclass(frozen=True)
class Sampled:
    target: Gaussian
    seed: int


SAMPLES = st.builds(Sampled, strategies.gaussians((1, 8)), strategies.seeds())


def fitted(case: Sampled, shift: float = 0.0, spread: float = 1.0) -> None:
    """n (m^ - m)' S^-1 (m^ - m) is chi-squared with d degrees of freedom, n s^/s along any direction with n - 1."""
    rows = case.target.sample(POINTS, rng=case.seed)
    fit = fit_target(shift * np.sqrt(np.diagonal(case.target.cov)) + spread * rows)
    assert isinstance(fit, Gaussian)
    off = fit.mean - case.target.mean
    tail = 0.5 * (1.0 - confidence(SAMPLED)) / 2.0
    distance = POINTS * float(off @ np.linalg.solve(case.target.cov, off))
    assert distance <= stats.chi2.isf(2.0 * tail, case.target.dim)
    along = np.ones(case.target.dim)
    ratio = POINTS * float(along @ fit.cov @ along) / float(along @ case.target.cov @ along)
    assert stats.chi2.ppf(tail, POINTS - 1) <= ratio <= stats.chi2.isf(tail, POINTS - 1)


def test_a_fit_to_samples_finds_the_law() -> None:
    drawn(SAMPLES, fitted, examples=SAMPLED)


def test_not_to_shifted_or_stretched_ones() -> None:
    rejected(SAMPLES, lambda case: fitted(case, shift=1.0), examples=10)
    rejected(SAMPLES, lambda case: fitted(case, spread=2.0), examples=10)


@dataclass(frozen=True)
class Sent:
    target: Target
    channel: Channel
    seed: int


@st.composite
def sent(draw: DrawFn) -> Sent:
    target = draw(strategies.targets((1, 3)))
    return Sent(target, draw(strategies.channels(target.dim)), draw(strategies.seeds()))


def transformed(case: Sent, forget: bool = False) -> None:
    """Points sent through a channel have the law that the channel gives, tested by the mean of their log densities.

    Under that law the mean of cos(log p + x.1) is bounded by 1, so its error is: Hoeffding's inequality holds at any n.
    """
    rows = case.target.sample(2000, rng=case.seed)
    law = case.channel(case.target)
    there = rows if forget else case.channel.transform(rows, rng=case.seed + 1)
    direct = law.sample(2000, rng=case.seed + 2)
    scale = np.sqrt(np.diagonal(law.cov))
    means = [float(np.mean(np.cos(((part - law.mean) / scale).sum(axis=1)))) for part in (there, direct)]
    # P(|difference| > e) <= 4 exp(-n e^2 / 8) for two means of n values in [-1, 1]
    assert abs(means[0] - means[1]) <= np.sqrt(8.0 / 2000 * np.log(4.0 / (1.0 - confidence(SAMPLED))))


def test_points_follow_the_channel() -> None:
    drawn(sent(), transformed, examples=SAMPLED)


def test_untouched_points_do_not() -> None:
    rejected(sent(), lambda case: transformed(case, forget=True), examples=1000)


# ------------------------------------------------------------------------------------------------------------- files


def checks_survive_json(rounds: Recursion, digits: int = 17) -> None:
    """Every number of every check is in the report, infinities and NaN by name."""
    checks = check_recursion(rounds)
    for check, record in zip(checks, json.loads(as_json(checks_json(checks))), strict=True):
        assert (record["claim"], record["generation"], record["verdict"], record["detail"]) == (
            check.claim,
            check.generation,
            check.verdict.value,
            check.detail,
        )
        for name in ("observed", "bound", "margin"):
            assert float(f"{float(record[name]):.{digits}g}") == getattr(check, name) or np.isnan(getattr(check, name))


ROUNDS = strategies.recursions(generations=(1, 3))


def test_checks_survive_json() -> None:
    drawn(ROUNDS, checks_survive_json, examples=6)


def test_fewer_digits_would_not() -> None:
    rejected(ROUNDS, lambda rounds: checks_survive_json(rounds, digits=6))


CELLS = st.none() | strategies.typical("noise") | strategies.edge("noise")
TABLES = st.integers(1, 5).flatmap(
    lambda rows: st.fixed_dictionaries(
        {
            "alpha": st.lists(strategies.fresh_fractions() | strategies.edge("alpha"), min_size=rows, max_size=rows),
            "divergence": st.lists(CELLS, min_size=rows, max_size=rows).filter(lambda cells: set(cells) != {None}),
        }
    )
)
Table = dict[str, list[float | None]]


def table_survives(table: Table, form: str = "{!r}") -> None:
    """A table of measurements comes back from CSV and from JSON to the last bit, empty cells included."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "table.csv"), Path(folder, "table.json")
        lines = [
            ",".join("" if cell is None else form.format(cell) for cell in row) for row in zip(*table.values(), strict=True)
        ]
        written[0].write_text("\n".join([",".join(table), *lines]) + "\n", encoding="utf-8")
        written[1].write_text(json.dumps(table), encoding="utf-8")
        for path in written:
            assert read_measurements(path) == table


def test_measurements_survive_their_files() -> None:
    drawn(TABLES, table_survives, examples=40)


def test_if_written_with_all_digits() -> None:
    rejected(TABLES, lambda table: table_survives(table, form="{:.2f}"))


def level_is_shared(examples: int, level: Callable[[int], float] = confidence) -> None:
    """All statistical properties together, ten of as many cases, fail once in a million runs."""
    assert (1.0 - level(examples)) * 10 * examples * SCALE <= 1e-6 * (1.0 + 1e-6)


def test_the_level_is_shared() -> None:
    assert (1.0 - confidence(SAMPLED)) * 10 * SAMPLED * SCALE >= 0.99e-6  # all of it
    drawn(st.integers(1, 1000), level_is_shared, examples=10)


def test_a_level_for_each_case_would_not_be() -> None:
    rejected(st.integers(1, 1000), lambda examples: level_is_shared(examples, lambda _: 1.0 - 1e-6 / SCALE), examples=10)
