"""The report in a real browser: dials by address and by keyboard, layouts, colour schemes, accessibility. `make browser`.

The name keeps it out of the suite that continuous integration runs, whose machines have no browser.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import theory
from numeric.command import html
from numeric.command.main import main
from tests.browser.chromium import Browser

WIDTHS = (320, 390, 768, 1400)
ARROW_RIGHT, TAB = 39, 9


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small real report with all its parts."""
    folder = tmp_path_factory.mktemp("out")
    arguments = ["verify", "--claims", "refresh,two-sided-max,triangle", "--target", "gaussian", "--quick", "--seed", "5"]
    assert main([*arguments, "--out", str(folder)]) == 0
    return folder / "report.html"


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


def table(browser: Browser) -> list[list[float]]:
    """The rows of the dials' table as numbers."""
    script = "[...document.querySelectorAll('#dial-rows tr')].map(row => [...row.children].map(cell => cell.textContent))"
    return [[float(cell.replace("−", "-")) for cell in row] for row in browser.evaluate(script)]


def summary(browser: Browser) -> str:
    return str(browser.evaluate("document.getElementById('dial-summary').textContent"))


@pytest.mark.parametrize(("alpha", "energy", "observability", "rounds"), [(0.2, 0.05, 1.0, 12), (0.55, 0.003, 0.4, 7)])
def test_the_address_sets_the_dials_and_the_numbers_are_the_theorys(
    browser: Browser, report: Path, alpha: float, energy: float, observability: float, rounds: int
) -> None:
    browser.look(1400)
    browser.open(report, f"#alpha={alpha}&energy={energy}&observability={observability}&overlap=1&rounds={rounds}")
    size = math.sqrt(observability * energy)
    for n, floor, orthogonal, drift, ceiling in table(browser):
        assert floor == pytest.approx(size**2 / (2 - alpha) ** 2, rel=6e-4)
        assert orthogonal == pytest.approx(float(theory.discounted_sum(alpha, [size] * int(n))), rel=6e-4)
        assert ceiling == pytest.approx(float(theory.triangle_bound(alpha, [size] * int(n))) ** 2, rel=6e-4)
        assert drift == pytest.approx(ceiling, rel=6e-4)  # overlap 1: coherent
    assert table(browser)[-1][0] == rounds
    assert f"After {rounds} rounds the drift is" in summary(browser)
    assert browser.evaluate("document.getElementById('dial-line-drift').getAttribute('points').split(' ').length") == rounds


def test_a_key_moves_a_dial_and_everything_follows(browser: Browser, report: Path) -> None:
    browser.look(1400)
    browser.open(report, "#alpha=0.2&energy=0.05&observability=1&overlap=0&rounds=10")
    before, said = table(browser), summary(browser)
    browser.evaluate("document.getElementById('dial-alpha').focus()")
    for _ in range(10):
        browser.press("ArrowRight", ARROW_RIGHT)
    browser.evaluate("new Promise(done => setTimeout(done, 400))")
    assert browser.evaluate("document.getElementById('dial-alpha-value').textContent") == "0.3"
    after = table(browser)
    assert after[-1][2] == pytest.approx(float(theory.discounted_sum(0.3, [math.sqrt(0.05)] * 10)), rel=6e-4)
    assert after[-1][2] < before[-1][2]
    assert summary(browser) != said
    assert "alpha=0.3" in browser.evaluate("document.getElementById('dial-link').getAttribute('href')")
    browser.press("Tab", TAB)
    assert browser.evaluate("document.activeElement.id") == "dial-energy"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_no_layout_is_wider_than_its_window(browser: Browser, report: Path, width: int, dark: bool) -> None:
    browser.look(width, dark=dark)
    browser.open(report)
    browser.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert browser.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(18, 23, 28)" if dark else "rgb(251, 252, 253)")


def test_the_browser_has_nothing_to_complain_of(browser: Browser, report: Path) -> None:
    browser.look(1400)
    browser.open(report)
    assert [one["entry"]["text"] for one in browser.events("Log.entryAdded")] == []
    assert [one["exceptionDetails"]["text"] for one in browser.events("Runtime.exceptionThrown")] == []
    asked = {one["request"]["url"].split(":")[0] for one in browser.events("Network.requestWillBeSent")}
    assert asked <= {"file", "about", "data"}


def test_a_complaint_would_be_heard(browser: Browser, tmp_path: Path) -> None:
    """The same ears hear a page whose policy refuses what it asks for."""
    page = html.page([], title="t", lead=html.Raw('<img alt="x" src="http://127.0.0.1:9/x.png">'), footer="")
    (tmp_path / "bad.html").write_text(page, encoding="utf-8")
    before = len(browser.events("Log.entryAdded"))
    browser.open(tmp_path / "bad.html")
    assert len(browser.events("Log.entryAdded")) > before


def test_what_a_screen_reader_is_told(browser: Browser, report: Path) -> None:
    browser.look(1400)
    browser.open(report)
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    told = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    roles = [role for role, _ in told]
    for role in ("banner", "main", "navigation", "contentinfo"):
        assert roles.count(role) == 1, role
    sliders = [name for role, name in told if role == "slider"]
    assert sliders == ["fresh fraction α", "energy ε² of a round", "observability η", "overlap c", "generations N"]
    pictures = [name for role, name in told if role in ("image", "img", "graphics-document", "SvgRoot")]
    assert len(pictures) >= 8
    assert all(name for role, name in told if role in ("image", "img", "link", "slider", "table", "region"))


def test_a_claim_is_two_keys_away(browser: Browser, report: Path) -> None:
    """Its name in the table leads to the statement, where the proof opens by keyboard."""
    browser.look(1400)
    browser.open(report)
    browser.evaluate("document.querySelector('a[href=\"#claim-two-sided-max\"]').focus()")
    browser.press("Enter", 13, "\r")
    assert browser.evaluate("location.hash") == "#claim-two-sided-max"
    assert browser.evaluate("document.querySelectorAll('#claim-two-sided-max math').length") > 20
    height = browser.evaluate("document.querySelector('#claim-two-sided-max math').getBoundingClientRect().height")
    assert height > 10  # it is laid out as mathematics
    assert browser.evaluate("document.querySelector('#claim-two-sided-max details summary').tabIndex") == 0
