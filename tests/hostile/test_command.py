"""The command with hostile arguments and files: a status, one line on standard error, nothing written outside --out."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from numeric.command.main import main
from tests.hostile.fuzzing import fuzz

ROOT = Path(__file__).parents[2]
STATUSES = {0, 1, 2, 3}
SECONDS = {"verify": 60.0}  # the whole suite, which is a minute's work: what a hang is for the others is not one here

NUMBERS = st.one_of(
    st.sampled_from(
        ["0.1", "0", "1", "-1", "1e-300", "1e300", "5e-324", "1e999", "nan", "inf", "-inf", "", " ", "0,1", "1_0", "١", "x"]
    ),
    st.sampled_from(
        ["0.5", "2", "1e-12", "0.999999999999", "9" * 400, "9" * 5000, "--", "-0.0", "0x1", "1e", "½", "a\nb", "\ud800"]
    ),
    st.floats().map(repr),
)
COUNTS = st.sampled_from(["1", "2", "3", "0", "-1", "1.5", "100000", "2147483648", "9" * 30, "9" * 5000, "x", ""])
ENERGIES = st.one_of(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=3).map(",".join))
ALPHAS = st.one_of(
    NUMBERS, ENERGIES, st.sampled_from(["accumulate", "replace", "0.5@2", "0.5@0", "x@3", "0.5@", "@", "0.5@" + "9" * 5000])
)
FILES = (
    "m.csv",
    "m.json",
    "two.csv",
    "points.npy",
    "points.npz",
    "flat.npy",
    "text.txt",
    "broken.npy",
    "gen0.npy",
    "gen1.npy",
    "none.csv",
    ".",
)
FLAG = st.just(None)
SHARED = {"--json": FLAG, "--out": st.sampled_from(["out", "m.csv", "a/b", "out/../out"])}

# --help and --version are left to other tests; verify does minutes of work where it is not refused or kept small
VERBS: dict[str, tuple[st.SearchStrategy[list[str]], dict[str, st.SearchStrategy[str | None]]]] = {
    "bounds": (
        st.just([]),
        {"--alpha": NUMBERS, "--energy": ENERGIES, "--observability": NUMBERS, "--generations": COUNTS, "--json": FLAG},
    ),
    "plan": (
        st.just([]),
        {
            **{"--tolerance": NUMBERS, "--energy": NUMBERS, "--observability": NUMBERS, "--incoherent": FLAG},
            **{"--divergence": st.sampled_from(["tv", "chi2", "kl"]), "--generations": COUNTS, "--dimension": COUNTS},
            **{"--budget": NUMBERS, "--points": NUMBERS, **SHARED},
        },
    ),
    "claims": (
        st.lists(
            st.sampled_from(["refresh", "Refresh", "refresh/power", "", "nonsense", "../x", "ünï"]), min_size=1, max_size=2
        ),
        {"--json": FLAG, "--latex": FLAG, "--markdown": st.sampled_from(["text.txt", "none.csv", ".", "points.npy"])},
    ),
    "check": (
        st.lists(st.sampled_from(FILES), max_size=2),
        {
            **{
                "--alpha": ALPHAS,
                "--confidence": NUMBERS,
                "--initial-divergence": NUMBERS,
                "--initial-kl": NUMBERS,
                "--seed": COUNTS,
            },
            **{
                "--kernel-range": NUMBERS,
                "--intra-unnoised": FLAG,
                "--details": FLAG,
                "--samples": st.sampled_from([*FILES, "gen*.npy"]),
            },
            **{
                "--reference": st.sampled_from(FILES),
                "--training": st.sampled_from(FILES),
                "--measurements": st.sampled_from(FILES),
            },
            **{"--t0": NUMBERS, "--ideal": st.sampled_from(FILES), "--initial-mmd": NUMBERS, **SHARED},
        },
    ),
    "verify": (
        st.just(["--quick", "--claims", "refresh", "--target"]),
        {
            "": st.sampled_from([*FILES, "x"]),
            "--seed": COUNTS,
            "--workers": COUNTS,
            "--nonsense": NUMBERS,
            "--claims": st.just("x,y"),
        },
    ),
    "conquer": (st.just([]), {"--out": st.just("out")}),
}
NEEDED = {"bounds": ("--alpha", "--energy"), "plan": ("--tolerance", "--energy"), "check": ("--alpha",), "verify": ("",)}


def files(folder: Path) -> None:
    """What users may have lying about."""
    (folder / "m.csv").write_text("learned_energy,intra_kl,divergence\n0.05,0.02,0.01\n0.04,0.019,0.02\n", encoding="utf-8")
    (folder / "m.json").write_text(
        json.dumps({"alpha": 0.2, "learned_energy": [1e-300, 1e300], "intra_kl": [0.0, None]}), encoding="utf-8"
    )
    (folder / "two.csv").write_text("alpha;mmd;mmd_stderr\n0,5;0,1;0,01\n", encoding="utf-8")
    (folder / "text.txt").write_text("<!-- claims -->\n<!-- end of claims -->\n", encoding="utf-8")
    rng = np.random.default_rng(1)
    for name in ("points", "gen0", "gen1"):
        np.save(folder / f"{name}.npy", rng.standard_normal((60, 2)))
    np.save(folder / "flat.npy", np.zeros((60, 2)))
    np.savez(folder / "points.npz", data=rng.standard_normal((60, 2)))
    (folder / "broken.npy").write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'")


@st.composite
def command_lines(draw: st.DrawFn, verb: str) -> list[str]:
    """A verb with positional arguments and some of its options, each once."""
    positional, options = VERBS[verb]
    words = [verb, *draw(positional)]
    drawn = draw(st.sets(st.sampled_from(sorted(options)), max_size=4)) | (
        set(NEEDED.get(verb, ())) if draw(st.integers(0, 4)) else set()
    )
    for option in sorted(drawn):
        value = draw(options[option])
        words += [option] * bool(option) + ([] if value is None else [value])
    return words


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file but those of --out, by size and time."""
    found = {path.relative_to(folder).as_posix(): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items() if not name.startswith(("out/", "a/b/"))}


def ended(words: Sequence[str], capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """What is wrong with how a command ends; "" where nothing is."""
    before, begun = snapshot(folder), time.process_time()
    try:
        status = main(list(words))
    except BaseException as crash:
        return f"{type(crash).__name__}: {crash}"
    out, err = capsys.readouterr()
    after = snapshot(folder)
    if "--markdown" in words:  # which is asked to write there
        before.pop("text.txt"), after.pop("text.txt")
    problems = [
        (status not in STATUSES, f"status {status}"),
        ("Traceback" in err + out, "a traceback"),
        (status == 2 and (out != "" or err.count("\n") != 1 or len(err) > 1000), f"not one line: {err[:400]!r} {out[:100]!r}"),
        (
            status == 2 and re.search(r"Errno|object|__|\d+-dimensional|truth value", err) is not None,
            f"no sentence: {err[:300]!r}",
        ),
        (
            status in (0, 1) and "nan" in re.sub(r"[\w-]*nan[\w-]+", "", out.lower()) and "--json" not in words,
            f"NaN in {out[:600]}",
        ),
        (before != after, f"wrote {sorted(set(after.items()) ^ set(before.items()))}"),
        (time.process_time() - begun > SECONDS.get(words[0], 10.0), "too long"),
    ]
    return next((what for bad, what in problems if bad), "")


def try_verb(verb: str, examples: int, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def attempt(words: list[str]) -> Iterator[str]:
        problem = ended(words, capsys, folder)
        yield problem and f"{problem}: driftbound {' '.join(map(repr, words))[:600]}"

    fuzz(f"driftbound {verb}", command_lines(verb), attempt, examples)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("verb", VERBS)
def test_hostile_command_lines(verb: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try_verb(verb, {"claims": 6, "verify": 8, "check": 40}.get(verb, 20), place, capsys)


@pytest.mark.thorough
@pytest.mark.parametrize("verb", VERBS)
def test_many_hostile_command_lines(verb: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try_verb(verb, {"claims": 60, "verify": 100}.get(verb, 1500), place, capsys)


# what the module does first, and then a word: before it, Ctrl-C is heard by an interpreter that is still starting
STARTED = """
import signal, sys, driftbound
signal.signal(signal.SIGINT, driftbound._leave)
sys.stdout.write("on" + chr(10))
sys.stdout.flush()
sys.exit(driftbound.main())
"""


def interrupted_after(seconds: float, *arguments: str) -> tuple[int, str]:
    """Status and standard error of a command that hears Ctrl-C so many seconds after it began to load."""
    command = [sys.executable, "-c", STARTED, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, err


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_an_interrupt_while_loading_shows_no_traceback(seconds: float) -> None:
    assert interrupted_after(seconds, "verify", "--quick") == (130, "driftbound: interrupted\n")


@pytest.mark.thorough
@pytest.mark.parametrize("moment", range(20))
def test_an_interrupt_at_any_moment_shows_no_traceback(moment: int) -> None:
    seconds = float(np.random.default_rng(moment).uniform(0.0, 6.0))
    assert interrupted_after(seconds, "verify", "--quick", "--json") == (130, "driftbound: interrupted\n")


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "driftbound", "bounds", "--alpha", "2", "--energy", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": ""})
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "driftbound: --alpha must be in (0, 1], got 2.0\n"
