"""Every command that the documents show is one that the program takes; those for a first answer of one's own run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from numeric.command.main import _build, main

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/measurements.md")


def shown(document: str) -> list[list[str]]:
    """The words of every ``driftbound`` line in the shell blocks of a document."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("driftbound ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_shown_parses(document: str) -> None:
    commands = shown(document)
    assert commands
    for words in commands:
        plain = words[: words.index(">")] if ">" in words else words
        assert callable(_build().parse_args(plain).run), words


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_first_own_answer_comes_as_shown(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    example, checked, *_ = (words for words in shown(document) if words[0] == "check")
    assert example[2] == ">"
    assert main(example[:2]) == 0
    Path(example[3]).write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(checked) == 0
    assert capsys.readouterr().err == ""
    assert (tmp_path / checked[checked.index("--out") + 1] / "report.html").is_file()


def test_every_path_that_is_named_is_there() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:docs|examples|notebooks|theory|numeric|tests|benchmarks)/[\w./]+)`", text))
    named |= set(re.findall(r"\]\(([\w./]+)\)", text))
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
