"""``driftbound check --samples`` as a user meets it."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest

from numeric import check_samples
from numeric.command.inputs import InputError
from numeric.command.main import main
from numeric.command.sample_files import mixing_argument, ordered_files, read_samples, schedule


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["check", *arguments])
    shown = capsys.readouterr()
    return status, shown.out, shown.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, stream = tmp_path_factory.mktemp("samples"), np.random.default_rng(1)
    np.save(path / "data.npy", stream.standard_normal((600, 2)))
    for index in range(3):
        np.save(path / f"gen{index}.npy", stream.standard_normal((500, 2)) + 0.4 * index)
    return path


def arguments(folder: Path, *more: str) -> list[str]:
    return ["--samples", str(folder / "gen*.npy"), "--reference", str(folder / "data.npy"), "--alpha", "0.5", *more]


def test_table_regime_and_verdicts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, err = run(capsys, *arguments(folder))
    assert (status, err) == (0, "")
    for said in ("gen2.npy", "chi2 >=", "regime  undecided", "two-sided-max", "HOLDS"):
        assert said in out


def test_json_says_what_python_says_and_out_writes_it(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    status, text, _ = run(capsys, *arguments(folder, "--json", "--seed", "3", "--out", str(tmp_path / "new")))
    content = json.loads(text)
    laws = [np.load(folder / f"gen{index}.npy") for index in range(3)]
    checks = check_samples(np.load(folder / "data.npy"), laws, 0.5, rng=3)
    assert status == 0
    assert [one["verdict"] for one in content["checks"]] == [check.verdict.value for check in checks]
    assert [one["bound"] for one in content["checks"]] == pytest.approx([check.bound for check in checks])
    assert content["generations"][2]["chi2"]["high"] == "inf"
    assert (content["seed"], content["alpha"], len(content["rounds"])) == (3, 0.5, 2)
    assert (tmp_path / "new" / "report.json").read_text(encoding="utf-8") == text.rstrip("\n")
    assert (tmp_path / "new" / "drift.png").stat().st_size > 10_000
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert content["regime"]["evidence"] in page
    links = set(re.findall(r'href="#(claim-[a-z0-9-]+)"', page))
    assert links == {f"claim-{check.claim}" for check in checks}
    assert all(f'id="{link}"' in page for link in links)
    assert not re.search(r'(src|href)="(?!#|data:)', page)  # nothing is fetched


def test_a_wrong_training_set_is_violated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    stream = np.random.default_rng(2)
    for name, centre in (("data", 0.0), ("gen0", 3.0), ("gen1", 1.5), ("set0", 3.0)):  # trained on gen0 alone, alpha says half
        np.save(tmp_path / f"{name}.npy", stream.standard_normal(2000) + centre)
    files = {name: str(tmp_path / f"{name}.npy") for name in ("data", "gen0", "gen1", "set0")}
    base = ["--samples", files["gen0"], files["gen1"], "--reference", files["data"], "--training", files["set0"], "--alpha"]
    status, out, _ = run(capsys, *base, "0.5")
    assert status == 1
    assert "VIOLATED" in out
    assert run(capsys, *base, "replace")[0] == 0


def test_npz_csv_and_images_are_read_like_npy(tmp_path: Path) -> None:
    points = np.random.default_rng(3).standard_normal((60, 4))
    np.save(tmp_path / "a.npy", points)
    np.save(tmp_path / "image.npy", points.reshape(60, 2, 2))
    np.savez(tmp_path / "a.npz", data=points, other=points[:3])
    np.savetxt(tmp_path / "a.csv", points, delimiter=",", header="a,b,c,d", comments="")
    mapped = read_samples(tmp_path / "a.npy")
    assert isinstance(mapped, np.memmap)
    for name in ("a.npz", "a.csv", "image.npy"):
        np.testing.assert_allclose(read_samples(tmp_path / name), mapped)


def test_files_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for index in (1, 2, 10):
        (tmp_path / f"gen{index}.npy").write_bytes(b"")
    names = [str(tmp_path / f"gen{index}.npy") for index in (1, 2, 10)]
    assert [str(path) for path in ordered_files("--samples", [str(tmp_path / "gen*.npy")])] == names
    assert [str(path) for path in ordered_files("--samples", names)] == names
    with pytest.raises(InputError, match="order of the generations"):  # as a shell expands gen*.npy
        ordered_files("--samples", sorted(names))
    with pytest.raises(InputError, match="no file matches"):
        ordered_files("--samples", [str(tmp_path / "other*.npy")])


def test_policies() -> None:
    assert schedule(mixing_argument("0.25"), 3) == 0.25
    assert schedule(mixing_argument("0.5,0,0.5"), 3) == [0.5, 0.0, 0.5]
    assert schedule(mixing_argument("0.5@3"), 7) == [0.0, 0.0, 0.5, 0.0, 0.0, 0.5, 0.0]
    assert schedule(mixing_argument("accumulate"), 3) == "accumulate"
    for text in ("often", "0.5@", "@3", "0.5,x", "0.5@0.5", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="must be a number"):
            mixing_argument(text)
    with pytest.raises(InputError, match="K >= 1"):
        schedule("0.5@0", 4)


class Unwelcome:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("an object was unpickled",))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gen1": lambda a: a[:, :1]}, "gen1.npy must have 2 columns like the reference, got shape (500, 1)"),
        (
            {"gen1": lambda a: np.where(np.arange(500)[:, None] == 7, np.nan, a)},
            "gen1.npy must be finite, got NaN or inf in row 7",
        ),
        ({"gen2": lambda a: a[:20]}, "gen2.npy must have at least 50 rows"),
        ({"data": lambda a: np.ones_like(a)}, "data.npy must have rows that differ"),
        ({"gen0": lambda a: np.array([Unwelcome()] * 60, dtype=object)}, "gen0.npy is not a readable .npy file"),
        ({"gen0": lambda a: np.float64(3.0)}, "gen0.npy must hold one array"),
        ({"gen0": lambda a: a.astype(complex)}, "gen0.npy must be an array of real numbers"),
    ],
)
def test_a_bad_file_is_one_line_that_names_it(
    capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    for path in folder.glob("*.npy"):
        array = np.load(path)
        edit = change.get(path.stem)
        np.save(tmp_path / path.name, edit(array) if callable(edit) else array)
    status, out, err = run(capsys, *arguments(tmp_path))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--samples", "gen.npy", "--alpha", "0.5"], "--samples needs --reference"),
        (["--samples", "gen.npy", "--reference", "r.npy"], "--samples needs --alpha"),
        (["m.csv", "--samples", "gen.npy"], "needs a file of measurements or --samples"),
        (["--alpha", "0.5"], "needs a file of measurements or --samples"),
        (["--samples", "gen.npy", "--reference", "r.npy", "--alpha", "often"], "must be a number, one per round"),
        (["--samples", "/nowhere/g.npy", "--reference", "/nowhere/r.npy", "--alpha", "0.5"], "must be an existing file"),
        (["--samples", "a", "b", "--reference", "r", "--alpha", "0.5", "--seed", "-1"], "--seed must be"),
    ],
)
def test_bad_usage_is_one_line_and_status_two(capsys: pytest.CaptureFixture[str], given: list[str], said: str) -> None:
    status, out, err = run(capsys, *given)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
