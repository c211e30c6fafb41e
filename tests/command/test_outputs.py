"""What a run leaves behind when it is stopped, and what it says to a terminal, a pipe and a reader without colours."""

from __future__ import annotations

import io
import json
import os
import re
import signal
from pathlib import Path

import pytest
from rich.text import Text

from numeric.command import outputs, tables
from numeric.command.main import main
from numeric.command.outputs import prepared, together
from numeric.command.suite import suite
from numeric.judging.verdicts import Verdict

COLOUR = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7])(?:;[0-9;]*)?m")
RUN = ["verify", "--claims", "refresh", "--target", "gaussian", "--quick", "--seed", "5", "--out"]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_files_appear_together(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old", encoding="utf-8")
    (tmp_path / "other").write_text("mine", encoding="utf-8")
    with together(prepared(tmp_path)) as stage:
        (stage / "a").write_text("new", encoding="utf-8")
        (stage / "b").write_text("new", encoding="utf-8")
        assert (tmp_path / "a").read_text(encoding="utf-8") == "old"
    assert contents(tmp_path) == {"a": "new", "b": "new", "other": "mine"}


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_a_block_that_fails_leaves_the_folder_as_it_was(tmp_path: Path, stop: type[BaseException]) -> None:
    (tmp_path / "a").write_text("old", encoding="utf-8")

    def fails() -> None:
        with together(tmp_path) as stage:
            (stage / "a").write_text("half", encoding="utf-8")
            raise stop

    with pytest.raises(stop):
        fails()
    assert contents(tmp_path) == {"a": "old"}


def test_an_interrupt_waits_until_all_files_have_arrived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move = Path.replace
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts without one

    def struck(self: Path, target: Path) -> Path:
        if self.name == "a":
            os.kill(os.getpid(), signal.SIGINT)
        return move(self, target)

    monkeypatch.setattr(outputs.Path, "replace", struck)

    def writes() -> None:
        with together(tmp_path) as stage:
            for name in ("a", "b", "c"):
                (stage / name).write_text("new", encoding="utf-8")

    try:
        with pytest.raises(KeyboardInterrupt):
            writes()
        assert contents(tmp_path) == dict.fromkeys("abc", "new")
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("where", ["verbs.verify.run_suite", "report_figures.verification_pictures", "html.write_report"])
def test_ctrl_c_leaves_an_earlier_report_whole(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier = {"report.json": "{}\n", "report.html": "<p>earlier</p>"}
    for name, text in earlier.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    one = [case for case in suite("quick") if case.label == "shrinking"]
    monkeypatch.setattr("numeric.command.verbs.verify._cases", lambda *_: (one, False))
    monkeypatch.setattr("numeric.command.report_figures.verification_pictures", lambda outcome: [])
    monkeypatch.setattr(f"numeric.command.{where}", interrupted)
    assert main([*RUN, str(tmp_path)]) == 130
    assert capsys.readouterr().err == "driftbound: interrupted\n"
    assert contents(tmp_path) == earlier


def test_json_in_a_pipe_is_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bounds", "--alpha", "0.2", "--energy", "0.05", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)
    assert shown.err == ""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown_on(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What a coloured line and a verb's output look like on a stream."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout", stream)
    tables.console().print(Text("VIOLATED", style=tables.STYLES[Verdict.VIOLATED]))
    assert main(["bounds", "--alpha", "0.2", "--energy", "0.05"]) == 0
    return stream.getvalue()


def test_colours_are_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    assert COLOUR.search(shown_on(Terminal(), monkeypatch))
    assert "\x1b" not in shown_on(io.StringIO(), monkeypatch)


def test_a_reader_who_wants_no_colours_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not COLOUR.search(shown_on(Terminal(), monkeypatch, NO_COLOR="1"))
    assert not COLOUR.search(shown_on(Terminal(), monkeypatch, TERM="dumb"))
