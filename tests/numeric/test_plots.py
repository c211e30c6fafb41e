"""Figures say what their data say; SVG for a page is clean, safe and the same every time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
import sympy as sp
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import theory
from numeric import (
    BoundCheck,
    Channel,
    ConsistentError,
    Gaussian,
    GaussianMixture,
    Recursion,
    Verdict,
    chi2_horizon,
    exact_generation,
    exact_recursion,
    kde,
    mean_shift,
    plots,
)
from numeric.plots import judged, laws, regimes, rounds, style

UNIT = Gaussian(0.0, 1.0)
MIXTURE = GaussianMixture([0.3, 0.7], [-1.5, 1.0], [0.2, 0.4])


@pytest.fixture(scope="module")
def varied() -> Recursion:
    """Fractions that vary, errors that swing, and a start away from the data."""
    shifts = [mean_shift(0.2 * np.cos(0.9 * step)) for step in range(6)]
    return exact_recursion(UNIT, shifts, [0.1, 0.6, 0.3, 0.2, 0.0, 0.5], 6, initial=Gaussian(0.3, 1.0))


@pytest.fixture(scope="module")
def infinite() -> Recursion:
    """chi2 infinite from round 10 on."""
    return exact_recursion(UNIT, Channel(noise=0.1), 0.5, 12)


def lines(figure: Figure) -> dict[str, Any]:
    return {str(line.get_label()): line for line in figure.axes[0].lines}


def test_drift_is_drawn_between_its_bounds(varied: Recursion) -> None:
    figure = plots.plot_drift(varied)
    drawn = lines(figure)
    np.testing.assert_array_equal(drawn["drift $D_N$"].get_ydata(), varied.divergence)
    np.testing.assert_array_equal(drawn["discounted sum $S_N$"].get_ydata(), varied.discounted_sums)
    unnamed = [line.get_ydata() for label, line in drawn.items() if label.startswith("_")]
    ceiling, floor = (np.asarray(one, dtype=float) for one in unnamed)
    assert (varied.divergence <= ceiling * (1 + 1e-12)).all()
    pairs = np.maximum(varied.divergence[1:], varied.divergence[:-1])
    assert (floor[1:] <= pairs * (1 + 1e-12)).all()
    assert np.isnan(floor[0])


def test_the_drawn_floor_is_the_claims_floor(varied: Recursion) -> None:
    s = theory.symbols
    bound = next(one.rhs for one in theory.claim("consecutive-floor").statement.args if one.rhs.has(s.innovation))
    evaluate = sp.lambdify((s.innovation[s.i], s.fresh_fraction[s.i]), bound)
    np.testing.assert_allclose(rounds._floor(varied)[1:], evaluate(varied.innovation, varied.fresh_fraction), rtol=1e-14)


def test_infinite_drift_is_marked_and_not_drawn(infinite: Recursion) -> None:
    drawn = lines(plots.plot_drift(infinite))
    np.testing.assert_array_equal(drawn[r"$D_N = \infty$"].get_xdata(), [10, 11, 12])
    assert np.isnan(drawn["drift $D_N$"].get_ydata()[-3:]).all()


def test_no_floor_without_fresh_fractions() -> None:
    accumulating = exact_recursion(UNIT, mean_shift(0.05), "accumulate", 4)
    assert np.isnan(rounds._floor(accumulating)).all()
    plots.plot_drift(accumulating)


def test_parts_add_up_to_sum_and_drift(varied: Recursion) -> None:
    own, full = rounds.contributions(varied)
    assert own.sum() == pytest.approx(varied.discounted_sums[-1], rel=1e-12)
    assert full.sum() == pytest.approx(varied.divergence[-1], rel=1e-10)


def test_parts_need_the_start_and_the_other_rounds() -> None:
    started = exact_recursion(UNIT, mean_shift(0.1), 0.2, 5, initial=Gaussian(0.3, 1.0))
    own, full = rounds.contributions(started)
    assert full.sum() == pytest.approx(started.divergence[-1], rel=1e-10)
    assert own.sum() == pytest.approx(started.discounted_sums[-1], rel=1e-12)
    shared = 2.0 * started.initial_weight * (started.weights @ started.initial_gram)
    assert abs(shared) > 0.01 * started.divergence[-1]  # leaving the start's products out would be noticed
    assert full.sum() - shared != pytest.approx(started.divergence[-1], rel=1e-3)


def test_contributions_of_an_infinite_drift_are_refused(infinite: Recursion) -> None:
    with pytest.raises(ValueError, match="recursion must have finite innovations"):
        plots.plot_contributions(infinite)


def test_correlations_are_those_of_the_gram_matrix(varied: Recursion, infinite: Recursion) -> None:
    image = plots.plot_gram(varied).axes[0].images[0].get_array()
    expected = varied.gram / np.outer(varied.innovation, varied.innovation)
    np.testing.assert_allclose(np.asarray(image), expected, rtol=1e-9)
    hatched = rounds.correlations(infinite.gram)
    assert np.isfinite(hatched[:9, :9]).all()
    assert np.isnan(hatched[9:, :]).all()


def test_the_gain_is_the_theorys() -> None:
    orders = np.arange(6.0)
    for alpha, t0 in ((0.3, 0.1), (1.0, 0.5), (0.01, 0.02)):
        expected = [1.0, *(float(theory.hermite_gain(k, alpha, t0)) for k in range(1, 6))]
        np.testing.assert_allclose(laws.hermite_gains(orders, alpha, t0), expected, rtol=1e-12)
    assert laws.hermite_gains(2.0 * orders, 0.3, 0.1)[1] != pytest.approx(float(theory.hermite_gain(1, 0.3, 0.1)), rel=1e-3)


def test_a_marginal_has_the_projected_moments() -> None:
    rng = np.random.default_rng(7)
    law = GaussianMixture([0.2, 0.8], rng.normal(size=(2, 3)), [np.diag([1.0, 2.0, 3.0]), np.eye(3) + 0.5])
    frame = laws._frame(law, rng.normal(size=(2, 3)))
    np.testing.assert_allclose(frame @ frame.T, np.eye(2), atol=1e-12)
    seen = laws.marginal(law, frame)
    np.testing.assert_allclose(seen.mean, frame @ law.mean, atol=1e-12)
    np.testing.assert_allclose(seen.cov, frame @ law.cov @ frame.T, atol=1e-12)


def test_drawn_densities_have_mass_one() -> None:
    recursion = exact_recursion(MIXTURE, kde(0.3), 0.3, 4)
    drawn = lines(plots.plot_density(recursion))
    assert {"generation 1", "generation 4"} <= set(drawn)
    for line in drawn.values():
        x, y = line.get_data()
        assert np.trapezoid(y, x) == pytest.approx(1.0, abs=1e-4)


def test_a_model_without_closed_form_is_drawn_by_samples() -> None:
    line, plane = np.ones((1, 1)), np.eye(2)
    many = GaussianMixture(np.full(5000, 1 / 5000), np.linspace(-1.0, 1.0, 5000), 0.01)
    drawn = laws._projected(many, line)
    assert isinstance(drawn, np.ndarray)
    assert drawn.shape == (laws.DRAWS, 1)
    assert abs(drawn.mean()) < 5.0 * np.sqrt(float(many.cov[0, 0]) / laws.DRAWS)  # fails once in 1.7 million seeds
    with pytest.raises(TypeError, match="without sample"):
        laws._projected(object(), plane)


def test_a_law_in_the_plane_takes_one_panel_per_generation() -> None:
    plane = GaussianMixture([0.5, 0.5], [[-2.0, 0.0], [2.0, 1.0]], [0.5, 1.0])
    recursion = exact_recursion(plane, mean_shift(0.1), 0.3, 3)
    titles = [axes.get_title() for axes in plots.plot_density(recursion, generations=2).axes]
    assert titles == ["data", "generation 1", "generation 3"]


@pytest.mark.parametrize("alpha", [0.05, 0.4, 1.0])
def test_regimes_change_where_the_long_run_drift_meets_the_tolerance(alpha: float) -> None:
    tolerance, many = 0.1, 2000
    for number, drift in enumerate(
        (
            lambda size: float(theory.triangle_bound(alpha, [size] * many)) ** 2,
            lambda size: float(theory.discounted_sum(alpha, [size] * many)),
        )
    ):
        size = np.sqrt(tolerance / drift(1.0))
        below, above = (regimes.regime(np.array(alpha), np.array(share * size**2), tolerance) for share in (0.999, 1.001))
        assert below <= number < above


def test_infinity_starts_at_the_energy_of_the_weakest_channel_that_diverges() -> None:
    energy = regimes.infinite_from(UNIT, kde, 20)
    edge = kde(np.sqrt(1.0 / 20.0))  # N h² >= sigma²
    assert chi2_horizon(UNIT, kde(np.sqrt(1.0 / 20.0) * 1.000001)) == 20
    assert energy == pytest.approx(float(exact_generation(UNIT, ConsistentError(UNIT, edge)).ideal_energy), rel=1e-6)
    assert regimes.infinite_from(UNIT, lambda strength: mean_shift(strength), 20) is None


def check(kind: str, observed: float, bound: float, verdict: Verdict = Verdict.HOLDS) -> BoundCheck:
    return BoundCheck("some", None, kind, bound, observed, 0.0, verdict, "")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "factor"),
    [
        (check("upper", 2.0, 6.0), 3.0),
        (check("upper", 6.0, 2.0, Verdict.VIOLATED), 1 / 3),
        (check("lower", 6.0, 2.0), 3.0),
        (check("lower", 2.0, 6.0, Verdict.VIOLATED), 1 / 3),
        (check("upper", 0.0, 0.0), 1.0),
        (check("upper", np.inf, np.inf), 1.0),
        (check("upper", 1.0, np.inf), 1e99),
        (check("upper", np.inf, 1.0, Verdict.VIOLATED), 1e-99),
        (check("equality", 1.0, 1.0 + 1e-9), 1.0),
        (check("equality", 1.0, 2.0, Verdict.VIOLATED), 0.5),
        (check("equality", -1.0, 2.0, Verdict.VIOLATED), 1e-99),
    ],
)
def test_the_factor_of_a_check(one: BoundCheck, factor: float) -> None:
    assert judged.slack(one) == pytest.approx(factor)


def test_checks_are_drawn_on_the_side_of_their_verdict() -> None:
    entries = [check("upper", 2.0, 6.0), check("upper", 6.0, 2.0, Verdict.VIOLATED), check("upper", np.nan, 1.0)]
    figure = plots.plot_checks(entries)
    drawn = lines(figure)
    assert drawn["HOLDS (2)"].get_xdata() == pytest.approx([np.log10(3.0)])
    assert drawn["VIOLATED (1)"].get_xdata() == pytest.approx([-np.log10(3.0)])
    assert figure.axes[0].get_yticklabels()[0].get_text() == "some  (+1 not formed)"


def test_a_readers_axes_are_used_and_settings_left_alone(varied: Recursion) -> None:
    figure = Figure()
    FigureCanvasAgg(figure)
    before = dict(mpl.rcParams)
    axes = figure.add_subplot()
    assert plots.plot_drift(varied, ax=axes) is figure
    assert plots.plot_contributions(varied, ax=figure.add_subplot()) is figure
    assert axes.get_legend() is not None
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda r: plots.plot_drift([1.0]), "recursion must be a Recursion"),
        (lambda r: plots.plot_gram(None), "recursion must be a Recursion"),
        (lambda r: plots.plot_drift(r, ax="axes"), "ax must be matplotlib Axes"),
        (lambda r: plots.plot_density(r, plane=[1.0, 2.0]), "plane must have one or two rows of 1"),
        (lambda r: plots.plot_density(r, plane=[0.0]), "plane must have independent rows"),
        (lambda r: plots.plot_density(r, generations=0), "generations must be an integer"),
        (lambda r: plots.plot_limit_law(UNIT, 0.0, 0.1), "t0 must be"),
        (lambda r: plots.plot_limit_law(UNIT, 0.1, 1.5), "alpha must be"),
        (lambda r: plots.plot_regimes(-1.0), "tolerance must be"),
        (lambda r: plots.plot_regimes(observability=0.0), "observability must be"),
        (lambda r: plots.plot_regimes(family=kde), "target and family must be given together"),
        (lambda r: plots.plot_checks([]), "checks must not be empty"),
        (lambda r: plots.plot_checks([1]), "checks must be BoundCheck"),
        (lambda r: plots.save(Figure(), Path("x.bmp")), "path must end in .png or .svg"),
    ],
)
def test_bad_arguments_are_named(varied: Recursion, call: Callable[[Recursion], object], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        call(varied)


def test_svg_for_a_page_is_clean(varied: Recursion) -> None:
    figure = plots.plot_gram(varied)
    first = plots.as_svg(figure, title="<b> & title", description='"said"')
    assert plots.as_svg(plots.plot_gram(varied), title="<b> & title", description='"said"') == first
    tree = ElementTree.fromstring(first)
    assert tree.attrib["role"] == "img"
    assert [tree[0].text, tree[1].text] == ["<b> & title", '"said"']
    named = {element.attrib["id"] for element in tree.iter() if "id" in element.attrib}
    assert set(tree.attrib["aria-labelledby"].split()) <= named
    used = re.findall(r'(?:href="|url\()#([^")]+)', first)
    assert used
    assert set(used) <= named
    assert style.INK not in first
    assert "currentColor" in first
    assert "<style" not in first  # it would rule the whole page
    assert not re.search(r'(?:href|src)="(?!#|data:)', first)
    assert figure.patch.get_facecolor() != (0.0, 0.0, 0.0, 0.0)  # the figure itself is as it was


def test_ids_of_two_figures_in_a_page_differ(varied: Recursion) -> None:
    page = plots.as_svg(plots.plot_gram(varied), title="one") + plots.as_svg(plots.plot_gram(varied), title="two")
    assert max(Counter(re.findall(r'\bid="([^"]+)"', page)).values()) == 1


def test_a_picture_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = style.canvas(2.0, 1.0)
    plots.save(figure, tmp_path / "a.png")
    plots.save(figure, str(tmp_path / "a.svg"))
    whole = (tmp_path / "a.png").read_bytes()
    assert whole.startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "a.svg").read_text(encoding="utf-8")

    def interrupted(self: object, name: str, **_: object) -> None:
        Path(name).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(FigureCanvasAgg, "print_png", interrupted)
    with pytest.raises(KeyboardInterrupt):
        plots.save(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "a.svg"]


def test_colours_stand_out_on_light_and_dark_paper() -> None:
    """Lines need a contrast of 3 against white; on dark paper the page gives them lighter colours (tests of the page)."""
    for colour in (style.INK, style.DRIFT, style.SUM, style.UNDONE, style.CEILING):
        assert contrast(colour, "#ffffff") >= 3.0


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours as the accessibility guidelines define it."""

    def luminance(colour: str) -> float:
        parts = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
