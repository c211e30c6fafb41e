"""The strategies draw what they promise: inside the domains, over the whole range, readable when shrunk."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import find, settings
from hypothesis import strategies as st
from hypothesis.errors import FailedHealthCheck

from numeric import (
    OU,
    AffineError,
    BoundedError,
    Channel,
    ConsistentError,
    Gaussian,
    GaussianMixture,
    exact_generation,
    kde,
    mix,
    strategies,
)
from numeric.domains import PARAMETERS, Domain, Parameter, Unresolved
from numeric.laws.targets import Target
from tests.properties.drawn import drawn, rejected

UNIT = Gaussian(0.0, 1.0)
NUMERIC = Path(__file__).parents[2] / "numeric"
QUICK = settings(max_examples=50, database=None, deadline=None)
# who takes each parameter: validation and strategies must mean the same domain
TAKES: dict[str, Callable[[Any], object]] = {
    "mean": lambda value: Gaussian(value, 1.0),
    "variance": lambda value: Gaussian(0.0, value),
    "weight": lambda value: GaussianMixture([value / (value + 1.0), 1.0 / (value + 1.0)], [0.0, 1.0], 1.0),
    "t0": lambda value: OU(value, 20.0),
    "T": lambda value: OU(0.5 * value, value),
    "beta": BoundedError,
    "matrix": lambda value: AffineError(value),
    "offset": lambda value: AffineError(0.0, value),
    "gain": lambda value: Channel(gain=value),
    "shift": lambda value: Channel(shift=value),
    "noise": lambda value: Channel(noise=value),
    "bandwidth": kde,
    "alpha": lambda value: mix(value, UNIT, UNIT),
    "seed": lambda value: np.random.default_rng(value),
}
REFUSES = set(TAKES) - {"weight", "T", "seed"}  # those that take the value itself


@pytest.mark.parametrize("name", sorted(TAKES))
def test_what_is_typical_or_at_the_edge_is_taken(name: str) -> None:
    assert PARAMETERS[name].domain.contains(np.array(PARAMETERS[name].domain.edges(), dtype=np.float64))
    drawn(strategies.typical(name), TAKES[name], examples=10)  # type: ignore[arg-type]
    if name not in ("bandwidth", "weight", "T", "t0"):  # whose squares, quotients and doubles leave the floats
        drawn(strategies.edge(name), TAKES[name], examples=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", sorted(REFUSES))
def test_what_is_outside_is_refused(name: str) -> None:
    def refused(value: object) -> None:
        with pytest.raises((ValueError, TypeError), match="must"):
            TAKES[name](value)

    drawn(strategies.outside(name) | strategies.wrong_kind(), refused, examples=12)


def test_a_domain_that_is_too_wide_would_be_found_out() -> None:
    """A fraction up to 2 is drawn from, and refused."""
    wide = Domain(0.0, 2.0)
    with pytest.raises(ValueError, match="alpha must be in"):
        mix(wide.edges()[1], UNIT, UNIT)
    with pytest.raises(ValueError, match="low <= simplest <= high"):
        Parameter(Domain(0.0, 1.0), 0.0, 2.0, 0.5)


@pytest.mark.parametrize(
    ("domain", "edges", "nearest"),
    [
        (Domain(0.0, 1.0), (0.0, 1.0), {-5e-324, np.nextafter(1.0, 2.0)}),
        (Domain(0.0, 1.0, True, True), (1e-300, np.nextafter(1.0, 0.0)), {0.0, 1.0}),
        (Domain(1.0, np.inf, True, True), (np.nextafter(1.0, 2.0), 1e300), {1.0}),
        (Domain(-np.inf, np.inf, True, True), (-1e300, 1e300), set()),
    ],
)
def test_edges_lie_inside_and_their_neighbours_outside(domain: Domain, edges: tuple[float, float], nearest: set[float]) -> None:
    assert domain.edges() == edges
    assert domain.contains(np.array(edges))
    assert nearest <= set(domain.outside())
    assert not any(domain.contains(value) for value in domain.outside())


@pytest.mark.parametrize(
    ("strategy", "simplest"),
    [
        (strategies.gaussians(), "Gaussian(0.0, 1.0)"),
        (strategies.mixtures(), "GaussianMixture([0.5, 0.5], [0.0, 0.0], 1.0)"),
        (strategies.channels(), "Channel()"),
        (strategies.affine_errors(1), "AffineError([[0.0]], [0.0])"),
        (strategies.processes(), "OU(t0=0.02, T=4.0)"),
        (strategies.fresh_fractions(), "0.5"),
        (strategies.seeds(), "0"),
    ],
)
def test_the_simplest_case(strategy: st.SearchStrategy[object], simplest: str) -> None:
    assert repr(find(strategy, lambda case: True, settings=QUICK)) == simplest


def condition(target: Gaussian) -> float:
    return float(np.linalg.cond(target.cov))


def gap(target: GaussianMixture) -> float:
    """The distance of the two furthest means, in standard deviations."""
    return float(np.ptp(target.means[:, 0]) / np.sqrt(target.covs[:, 0, 0].max()))


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        (strategies.gaussians(), lambda law: law.dim == 8),
        (strategies.gaussians(), lambda law: condition(law) > 1e5),
        (strategies.gaussians(), lambda law: law.dim > 1 and np.count_nonzero(law.cov) == law.dim**2),
        (strategies.gaussians(), lambda law: bool(np.any(law.mean))),
        (strategies.mixtures(1), lambda law: 0.0 < gap(law) < 0.6),
        (strategies.mixtures(1), lambda law: gap(law) > 20.0),
        (strategies.mixtures(1), lambda law: law.weights.max() > 100.0 * law.weights.min()),
        (strategies.recursions(), lambda rounds: bool(np.any(np.isinf(rounds.divergence)))),
        (strategies.schedules(2), lambda alpha: alpha == "accumulate"),
        (strategies.schedules(2), lambda alpha: isinstance(alpha, list) and alpha[0] != alpha[1]),
    ],
)
def test_the_range_is_reached(strategy: st.SearchStrategy[Any], wanted: Callable[[Any], bool]) -> None:
    """Within 2,000 cases, unshrunk; the rarest is one in fifty."""

    def missed(case: Any) -> None:
        assert not wanted(case)

    rejected(strategy, missed, examples=2000)


def test_only_what_no_grid_resolves_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other refusal of the exact route is an error of the draw."""
    far = GaussianMixture([0.5, 0.5], [0.0, 45.0], 1.0)
    with pytest.raises(Unresolved, match=r"^error must leave .* got 0.000117; use simulate_generation"):
        exact_generation(far, ConsistentError(far, Channel(gain=1.25, noise=0.5)))
    with monkeypatch.context() as coarse:
        coarse.setattr("numeric.generations.fokker_planck.GRID", Domain(48, 60))
        with pytest.raises(Unresolved, match=r"^target must have scales that 60 grid points resolve, got one that needs"):
            exact_generation(UNIT, BoundedError(0.1))
    for refusal, outcome in ((Unresolved, FailedHealthCheck), (ValueError, ValueError)):

        def refuse(*_: object, refusal: type[ValueError] = refusal) -> None:
            raise refusal("no")

        monkeypatch.setattr("numeric.strategies.results.exact_generation", refuse)
        with pytest.raises(outcome):
            drawn(strategies.generations(), lambda case: None, examples=1)


def lies_inside(target: Target) -> None:
    """Eigenvalues within their bounds, up to the rounding of a rotation; a condition number up to 1e6."""
    assert isinstance(target, Gaussian)
    values = np.linalg.eigvalsh(target.cov)
    assert 1e-3 * (1.0 - 1e-6) <= values[0] <= values[-1] <= 1e3 * (1.0 + 1e-9)
    assert np.all(np.abs(target.mean) <= 3.0)


def test_covariances_keep_their_bounds() -> None:
    drawn(strategies.gaussians(), lies_inside, examples=50)


def test_wider_ones_do_not() -> None:
    rejected(strategies.gaussians(low=1e-4, high=1e4), lies_inside)


def rotates(basis: np.ndarray) -> None:
    np.testing.assert_allclose(basis @ basis.T, np.eye(basis.shape[0]), atol=1e-12)


def test_rotations_are_orthogonal() -> None:
    drawn(strategies.rotations(5), rotates, examples=30)
    rejected(st.just(np.ones((2, 2))), rotates, examples=1)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (lambda: strategies.typical("alfa"), KeyError, "name must be one of"),
        (lambda: strategies.typical("alpha", 0.0, 2.0), ValueError, "low and high of alpha must be in"),
        (lambda: strategies.typical("alpha", 0.8, 0.2), ValueError, "in order"),
        (lambda: strategies.counts("alpha"), ValueError, "whole number"),
    ],
)
def test_bad_bounds_are_refused(bad: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        bad()


def test_numeric_does_not_import_them() -> None:
    """Whoever only checks needs no hypothesis."""
    for path in NUMERIC.rglob("*.py"):
        if path.parent.name != "strategies":
            names = imported(path)
            assert not [name for name in names if name.startswith(("hypothesis", "numeric.strategies"))], path
            assert "strategies" not in names or path.name != "__init__.py", path


def test_the_rule_can_fail() -> None:
    assert "hypothesis.strategies" in imported(NUMERIC / "strategies" / "laws.py")


def imported(path: Path) -> set[str]:
    """Names of the modules that a module imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {str(node.module)} | ({alias.name for alias in node.names} if node.module == "numeric" else set())
    return found


def test_without_hypothesis_they_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    monkeypatch.delitem(sys.modules, "numeric.strategies")
    with pytest.raises(ImportError, match=r"driftbound\[strategies\]"):
        importlib.import_module("numeric.strategies")


def test_every_public_name_is_there() -> None:
    assert all(hasattr(strategies, name) for name in strategies.__all__)
