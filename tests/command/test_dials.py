"""The script of the page against the closed forms of the theory, run in a JavaScript engine."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import quickjs
import sympy as sp

import theory
from numeric.command import html

SETTINGS = [
    (0.2, 0.05, 1.0, 1.0, 12),
    (0.1, 0.3, 0.4, -1.0, 9),
    (0.5, 0.02, 0.7, 0.0, 6),
    (0.35, 0.08, 0.9, 0.6, 10),
    (0.9, 1e-6, 0.05, -0.3, 5),
    (1.0, 0.5, 1.0, 1.0, 4),
]


@pytest.fixture(scope="module")
def engine() -> quickjs.Context:
    context = quickjs.Context()
    context.eval((html.PAGE / "drift.js").read_text(encoding="utf-8"))
    return context


def rows(engine: quickjs.Context, *setting: float) -> list[dict[str, float]]:
    found: list[dict[str, float]] = json.loads(engine.eval(f"JSON.stringify(driftRows({','.join(map(repr, setting))}))"))
    return found


def expected(alpha: float, energy: float, observability: float, overlap: float, rounds: int) -> dict[str, float]:
    """The last row, from the claims and closed forms alone."""
    s = theory.symbols
    size = math.sqrt(observability * energy)
    drift = next(part for part in theory.claim("interference").statement.args if part.lhs == s.divergence[s.N]).rhs
    floor = theory.claim("consecutive-floor").statement.args
    bound = next(part.rhs for part in floor if part.rhs.has(s.innovation))
    values = {
        s.alpha: sp.Float(alpha, 40),
        s.decay: sp.Float(overlap, 40),
        s.constant_innovation: sp.Float(size, 40),
        s.N: rounds,
    }
    return {
        "floor": float(bound.subs({s.innovation[s.i]: size, s.fresh_fraction[s.i]: alpha})),
        "orthogonal": float(theory.discounted_sum(alpha, [size] * rounds)),
        "drift": float(drift.subs(values).doit()),
        "ceiling": float(theory.triangle_bound(alpha, [size] * rounds)) ** 2,
    }


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_script_computes_what_the_theory_says(engine: quickjs.Context, setting: tuple[float, ...]) -> None:
    found = rows(engine, *setting)
    assert [row["n"] for row in found] == list(range(1, int(setting[-1]) + 1))
    for name, value in expected(*setting).items():  # type: ignore[arg-type]
        assert found[-1][name] == pytest.approx(value, rel=1e-12)


def test_a_wrong_script_would_be_noticed(engine: quickjs.Context) -> None:
    """The same comparison rejects a script that forgets that errors of different rounds overlap."""
    source = (html.PAGE / "drift.js").read_text(encoding="utf-8")
    wrong = quickjs.Context()
    wrong.eval(source.replace("+ 2 * keep * aligned", ""))
    assert rows(wrong, *SETTINGS[0])[-1]["drift"] != pytest.approx(expected(*SETTINGS[0])["drift"], rel=1e-3)


@pytest.mark.parametrize(("overlap", "pattern"), [(1.0, "coherent"), (-1.0, "alternating"), (0.0, "orthogonal")])
def test_the_long_run_is_the_limit_of_the_theory(engine: quickjs.Context, overlap: float, pattern: str) -> None:
    alpha, energy = 0.3, 0.05
    limit = engine.eval(f"driftLimit({alpha}, {energy}, 1, {overlap})")
    ratio = float(theory.interference(sp.Rational(3, 10), pattern))
    assert limit == pytest.approx(ratio * energy / (alpha * (2 - alpha)), rel=1e-12)
    assert rows(engine, alpha, energy, 1.0, overlap, 150)[-1]["drift"] == pytest.approx(limit, rel=1e-9)


@pytest.mark.parametrize(
    ("fragment", "state"),
    [
        ("#alpha=0.2&energy=0.05", {"alpha": 0.2, "energy": 0.05}),
        ("#overlap=-1&rounds=7.4", {"overlap": -1, "rounds": 7}),
        ("#alpha=0&energy=nonsense&observability=2&overlap=", {}),
        ("#claim-refresh", {}),
        ("#constructor=1&__proto__=1", {}),
        ("", {}),
    ],
)
def test_the_address_sets_what_it_may(engine: quickjs.Context, fragment: str, state: dict[str, Any]) -> None:
    assert json.loads(engine.eval(f"JSON.stringify(readFragment({json.dumps(fragment)}))")) == state


def test_every_part_that_the_script_looks_for_is_in_the_page() -> None:
    dials = html.dials()
    for name in ("alpha", "energy", "observability", "overlap", "rounds"):
        assert f'for="dial-{name}"' in dials
        assert f'id="dial-{name}"' in dials
        assert f'id="dial-{name}-value"' in dials
    for name in ("chart", "axes", "band", "rows", "link", "summary"):
        assert f'id="dial-{name}"' in dials
    assert 'aria-live="polite"' in dials
