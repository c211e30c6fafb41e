"""Files that users bring: what is read, and what is refused in one sentence."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from numeric import Estimate
from numeric.command.inputs import InputError, read_measurements, read_points


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_and_both_json_forms_agree(tmp_path: Path) -> None:
    table = write(tmp_path, "a.csv", "alpha, ideal_energy,divergence\n0.2,0.05,0.1\n0.3,0.06,inf\n")
    rows = [{"alpha": 0.2, "ideal_energy": 0.05, "divergence": 0.1}, {"alpha": 0.3, "ideal_energy": 0.06, "divergence": "inf"}]
    as_rows = write(tmp_path, "a.json", json.dumps(rows))
    as_columns = write(tmp_path, "b.json", json.dumps({name: [row[name] for row in rows] for name in rows[0]}))
    expected = {"alpha": [0.2, 0.3], "ideal_energy": [0.05, 0.06], "divergence": [0.1, float("inf")]}
    assert read_measurements(table) == read_measurements(as_rows) == read_measurements(as_columns) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "\ufeffalpha;divergence\r\n0,2;0,05\r\n0,2;\r\n;\r\n"),  # a spreadsheet that writes decimal commas
        ("a.csv", 'sep=,\r\n"alpha","divergence"\r\n"0.2","0.05"\r\n"0.2",""\r\n\r\n'),
        ("a.tsv", "alpha\tdivergence\n0.2\t0.05\n0.2\t\n"),
        ("a.csv", "alpha;divergence\n0.2;0.05\n0.2;\n"),
        ("a.csv", "# my run\n# alpha,divergence\n0.2,0.05\n0.2,\n"),  # numpy.savetxt
        ("a.csv", "# my run\nalpha,divergence\n0.2,0.05\n0.2,\n"),
        ("a.json", '{"alpha": 0.2, "divergence": [0.05, null]}'),
        ("a.json", '[{"alpha": 0.2, "divergence": 0.05}, {"alpha": 0.2}]'),
    ],
)
def test_tables_as_spreadsheets_and_scripts_write_them(tmp_path: Path, name: str, text: str) -> None:
    assert read_measurements(write(tmp_path, name, text)) == {"alpha": [0.2, 0.2], "divergence": [0.05, None]}


def test_noisy_estimates_may_fall_outside_the_range(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "ideal_energy,ideal_energy_stderr,observability,observability_stderr\n-0.1,0.1,1.02,0.1\n")
    assert [entry.value for [entry] in read_measurements(path).values() if isinstance(entry, Estimate)] == [-0.1, 1.02]


def test_standard_errors_make_estimates(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "alpha,intra_kl,intra_kl_stderr\n0.2,0.05,0.01\n")
    [value] = read_measurements(path)["intra_kl"]
    assert isinstance(value, Estimate)
    assert (value.value, value.stderr) == (0.05, 0.01)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "", "at least one row"),
        ("a.csv", "alpha,energy\n0.1,2\n", "'energy' is not known"),
        ("a.csv", "alpha,mse_t500\n0.1,2\n", "become an ideal_energy by numeric.score_energy"),
        ("a.csv", "alpha,stderr\n0.1,2\n", "goes into NAME_stderr"),
        ("a.csv", "0.1,2\n0.1,3\n", "must begin with a line of column names"),
        ("a.csv", "# my run\n0.1,2\n", "must begin with a line of column names"),
        ("a.csv", "alpha,divergence\n20%,2\n", "row 1, column alpha must be a number, not a percentage, got '20%'"),
        ("a.csv", "alpha,divergence\n0.2,2\n20,2\n", r"row 2, column alpha must be a fraction in \[0, 1\], got 20"),
        ("a.csv", 'alpha,divergence\n"0,2",2\n', "row 1, column alpha must be a number with a decimal point, got '0,2'"),
        ("a.csv", "alpha;divergence\n0,2;1.234,5\n", "column alpha must be a number with a decimal point, got '0,2'"),
        (
            "a.csv",
            "alpha,ideal_energy\n0.1,1\n0.1,-2\n",
            "row 2, column ideal_energy must be >= 0, got -2; where that is noise",
        ),
        ("a.csv", "alpha,divergence\n0.1\n", "row 1 must have 2 cells"),
        ("a.csv", "alpha,divergence\n0.1,2,3\n", "row 1 must have 2 cells"),
        ("a.csv", "alpha,divergence\n0.1,many\n", "column divergence must be a number, got 'many'"),
        ("a.csv", "alpha,alpha\n0.1,2\n", "different column names"),
        ("a.csv", "alpha,intra_kl_stderr\n0.1,2\n", "needs the column intra_kl"),
        ("a.csv", "intra_kl,intra_kl_stderr\n0.1,-2\n", "standard errors >= 0"),
        ("a.json", "{", "not valid JSON"),
        ("a.json", "[" * 100_000, "not valid JSON"),
        ("a.json", "3", "list of rows"),
        ("a.json", '{"alpha": [1], "divergence": [1, 2]}', "same length"),
        ("a.json", '{"alpha": 1, "divergence": 1}', "same length"),
        ("a.json", '{"alpha": 1, "divergence": {"0": 1}}', "same length"),
        ("a.json", '[{"alpha": 1}, {"divergence": 1}]', "row 2, column alpha must be a number, got None"),
        ("a.json", '[{"alpha": true}]', "must be a number, got True"),
        ("a.json", '[{"alpha": ' + "9" * 400 + "}]", "too large"),
        ("a.json", '[{"alpha": null}]', "must be a number, got None"),
    ],
)
def test_bad_tables_are_refused_in_one_sentence(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = write(tmp_path, name, text)
    with pytest.raises(InputError, match=said) as caught:
        read_measurements(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="existing file"):
        read_measurements(tmp_path / "none.csv")
    binary = tmp_path / "a.csv"
    binary.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(InputError, match="UTF-8"):
        read_measurements(binary)


def test_points_from_every_format(tmp_path: Path) -> None:
    data = np.array([[1.0, 2.0], [3.0, 4.5], [-1.0, 0.0]])
    np.save(tmp_path / "a.npy", data)
    np.savez(tmp_path / "a.npz", data=data, other=np.ones(3))
    np.savez(tmp_path / "b.npz", only=data)
    write(tmp_path, "a.csv", "u,v\n1,2\n3,4.5\n-1,0\n")
    write(tmp_path, "b.csv", "1,2\n3,4.5\n-1,0\n")
    write(tmp_path, "c.csv", "u;v\n1,0;2,0\n3,0;4,5\n-1,0;0,0\n")
    np.savetxt(tmp_path / "a.txt", data, header="u v")
    for name in ("a.npy", "a.npz", "b.npz", "a.csv", "b.csv", "c.csv", "a.txt"):
        np.testing.assert_array_equal(read_points(tmp_path / name), data)


def test_points_never_unpickle(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (exec, (f"open({str(tmp_path / 'sprung')!r}, 'w')",))

    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(Trap()))
    for name in ("a.npy", "b.npy"):
        with pytest.raises(InputError, match="not a readable"):
            read_points(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("text", "said"), [("", "at least one row"), ("1,2\n3\n", "row 2"), ("a,b\n1,x\n", "row 1"), ("1,nan\n", "finite")]
)
def test_bad_points_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_points(write(tmp_path, "a.csv", text))


def test_an_archive_of_many_arrays_must_name_the_data(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=np.ones(3), two=np.ones(3))
    with pytest.raises(InputError, match="one called data"):
        read_points(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(InputError, match="not a readable"):
        read_points(tmp_path / "b.npz")


def test_csv_fields_beyond_the_limit_and_nan_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a readable CSV"):
        read_points(write(tmp_path, "a.csv", "x\n" + "1" * 200_000 + "\n"))
    with pytest.raises(InputError, match="not valid JSON"):
        read_measurements(write(tmp_path, "a.json", '[{"alpha": ' + "9" * 5000 + "}]"))
    with pytest.raises(InputError, match="column intra_kl must hold numbers"):
        read_measurements(write(tmp_path, "b.csv", "intra_kl,intra_kl_stderr\nnan,0.1\n"))
