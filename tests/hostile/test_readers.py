"""The readers of files, on files of every kind of damage: numbers, or one sentence that names the file; nothing executed."""

from __future__ import annotations

import io
import json
import math
import os
import pickle
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from numeric.command.inputs import LIMIT, InputError, read_measurements, read_points
from numeric.command.sample_files import ordered_files, read_samples
from numeric.estimate import Estimate
from tests.hostile.fuzzing import fuzz

Reader = Callable[[Path], Any]
READERS: dict[str, tuple[Reader, ...]] = {
    ".csv": (read_measurements, read_points, read_samples),
    ".json": (read_measurements,),
    ".npy": (read_points, read_samples),
    ".npz": (read_points, read_samples),
}

# --- files -----------------------------------------------------------------------------------------------------------

CELLS = st.one_of(
    st.sampled_from(["alpha", "divergence", "ideal_energy", "generation", "mmd_stderr", "mmd", "", " ", "nan", "NaN", "inf"]),
    st.sampled_from(
        ["-inf", "Infinity", "1e999", "1e-400", "0x10", "1_000", "١٢", "½", "0,5", "50%", "1d3", "--1", "+0.5", "True"]
    ),
    st.sampled_from(
        ["=1+1", "=cmd|' /C calc'!A0", '"', '""', "\x00", "#", "sep=;", "0." + "1" * 5000, "9" * 5000, "a" * 200_000]
    ),
    st.floats().map(repr),
    st.text(max_size=5),
)
BREAKS = st.sampled_from(["\n", "\r\n", "\r", "\n\n", "\u2028", "\x0b", "\x85"])
MARKS = st.sampled_from([",", ";", "\t", " ", ", ", "|"])
HEADERS = (
    "",
    "alpha,divergence",
    "alpha;divergence",
    "alpha,alpha",
    "alpha",
    "# alpha,divergence",
    "sep=,",
    "\ufeffalpha,divergence",
)


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Text that is nearly a table."""
    mark, stop = draw(MARKS), draw(BREAKS)
    lines = [mark.join(row) for row in draw(st.lists(st.lists(CELLS, max_size=3), max_size=4))]
    text = stop.join([draw(st.sampled_from(HEADERS)), *lines])
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"]))
    return text.encode(encoding, errors="replace")


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.just(10**4000), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["alpha", "mmd", "x"]), inner, max_size=2)
    ),
    max_leaves=8,
)


def written(value: Any) -> bytes:
    try:
        return json.dumps(value).encode()
    except ValueError:  # an integer of more digits than Python writes
        return b"[" + b"9" * 5000 + b"]"


documents = st.one_of(
    VALUES.map(written),
    st.sampled_from(
        [
            *(
                b"",
                b"{",
                b"[]",
                b"{}",
                b"[1]",
                b'[{"alpha": 0.5}, 3]',
                b'{"alpha": 0.1, "alpha": 0.2, "mmd": [1]}',
                b"\xff\xfe",
            ),
            *(b"[" * 100_000, b'{"a":' * 100_000, b'{"alpha": [0.5], "mmd": [1e400]}', b'{"alpha": [NaN], "mmd": [-Infinity]}'),
            *(b'{"mmd": []}', b'{"alpha": true, "mmd": [1]}', b'{"alpha": "\\ud800", "mmd": [1]}', b'\x00{"mmd": [1]}'),
        ]
    ),
)


def stored(shape: object, kind: str, content: bytes, *, fortran: bool = False, version: tuple[int, int] = (1, 0)) -> bytes:
    """A .npy file whose header promises what it likes."""
    header = (repr({"descr": kind, "fortran_order": fortran, "shape": shape}) + "\n").encode("latin-1", "replace")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + size + header + content


@st.composite
def arrays(draw: st.DrawFn) -> bytes:
    """A .npy file: whole, cut, with a promise it does not keep, or with bytes exchanged."""
    shape = draw(
        st.sampled_from(
            [(3,), (3, 2), (), (0,), (0, 2), (2, 0), (10**12,), (-1,), (2**63,), (10**5, 10**5), "x", (1.5,), (2, 0, 3)]
        )
    )
    kind = draw(
        st.sampled_from(["<f8", ">f4", "<i8", "|b1", "<c16", "|S4", "<U3", "|O", "<M8[s]", "|V8", "f999", "<f16", "", "<f2"])
    )
    whole = stored(
        shape,
        kind,
        draw(st.binary(max_size=64)),
        fortran=draw(st.booleans()),
        version=draw(st.sampled_from([(1, 0), (2, 0), (9, 9)])),
    )
    damaged = bytearray(whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole)
    for place in draw(st.lists(st.integers(0, max(len(damaged) - 1, 0)), max_size=3)):
        if damaged:
            damaged[place] ^= 0xFF
    return bytes(damaged)


@st.composite
def archives(draw: st.DrawFn) -> bytes:
    """A .npz file, with members of other kinds, cut, or with bytes exchanged."""
    out = io.BytesIO()
    with zipfile.ZipFile(
        out, "w", draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA]))
    ) as archive:
        for name in draw(
            st.lists(
                st.sampled_from(["data.npy", "x.npy", "readme.txt", "../../evil.npy", "/abs.npy"]), max_size=2, unique=True
            )
        ):
            archive.writestr(name, draw(arrays()))
    whole = bytearray(out.getvalue())
    for place in draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[place] ^= draw(st.integers(1, 255))
    return bytes(whole[: draw(st.integers(0, len(whole)))] if draw(st.booleans()) else whole)


EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)
CONTENT: dict[str, st.SearchStrategy[bytes]] = {
    ".csv": st.one_of(tables(), st.binary(max_size=40), st.just(EXCEL)),
    ".json": st.one_of(documents, st.binary(max_size=20)),
    ".npy": st.one_of(arrays(), st.binary(max_size=40), archives()),
    ".npz": st.one_of(archives(), arrays(), st.just(EXCEL)),
}

# --- what a reader may do --------------------------------------------------------------------------------------------


def read(reader: Reader, path: Path) -> str:
    """What is wrong with how a reader deals with a file; "" where nothing is."""
    begun = time.process_time()
    try:
        result = reader(path)
    except (ValueError, TypeError) as refusal:
        text = str(refusal)
        if path.name not in text or "\n" in text or len(text) > 600:
            return f"{type(refusal).__name__} does not name the file in one sentence: {text[:300]!r}"
    except Exception as crash:
        return f"{type(crash).__name__}: {crash}"
    else:
        if isinstance(result, np.ndarray):
            if result.dtype.kind not in "fiu" and reader is read_points:
                return f"an array of kind {result.dtype}"
            if reader is read_points and not np.all(np.isfinite(result)):
                return "NaN or inf among the points"
        else:
            entries = [entry for column in result.values() for entry in column if entry is not None]
            if not all(isinstance(entry, (float, Estimate)) and not math.isnan(float(entry)) for entry in entries):
                return f"a cell that is no number: {entries}"
    taken = time.process_time() - begun
    return f"{taken:.1f} s" if taken > 10.0 else ""


def try_reader(folder: Path, suffix: str, examples: int) -> None:
    path = folder / f"data{suffix}"

    def attempt(content: bytes) -> Iterator[str]:
        path.write_bytes(content)
        for reader in READERS[suffix]:
            yield read(reader, path)
        assert [entry.name for entry in folder.iterdir()] == [path.name]

    fuzz(f"reader {suffix}", CONTENT[suffix], attempt, examples)


@pytest.mark.parametrize("suffix", CONTENT)
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    try_reader(tmp_path, suffix, 60)


@pytest.mark.thorough
@pytest.mark.parametrize("suffix", CONTENT)
def test_many_damaged_files(tmp_path: Path, suffix: str) -> None:
    try_reader(tmp_path, suffix, 5000)


def test_a_careless_reader_would_be_caught(tmp_path: Path) -> None:
    path = tmp_path / "data.npy"
    path.write_bytes(stored((3,), "<f8", b"short"))
    assert read(np.load, path)  # its message does not say which file
    path.write_bytes(stored((3,), "<f8", np.full(3, np.nan).tobytes()))
    assert read(lambda file: {"mmd": [float("nan")]}, path)
    assert "IndexError" in read(lambda file: [][0], path)


# --- what no reader may execute --------------------------------------------------------------------------------------


class Payload:
    """What pickle would run: it makes a directory."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.mark),)


def malicious(mark: Path) -> dict[str, bytes]:
    """Files that would run code where they are unpickled."""
    item = np.empty(1, dtype=object)
    item[0] = Payload(mark)
    array, archive, member = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(array, item, allow_pickle=True)
    np.savez(archive, data=item)
    with zipfile.ZipFile(member, "w") as packed:
        packed.writestr("data.npy", pickle.dumps(Payload(mark)))
    return {
        "object.npy": array.getvalue(),
        "object.npz": archive.getvalue(),
        "member.npz": member.getvalue(),
        "raw.npy": pickle.dumps(Payload(mark)),
        "raw.npz": pickle.dumps(Payload(mark)),
        "raw.csv": pickle.dumps(Payload(mark)),
        "raw.json": pickle.dumps(Payload(mark)),
    }


@pytest.mark.parametrize("name", malicious(Path("mark")))
def test_no_file_is_unpickled(tmp_path: Path, name: str) -> None:
    mark, path = tmp_path / "executed", tmp_path / name
    path.write_bytes(malicious(mark)[name])
    for reader in READERS[path.suffix]:
        with pytest.raises((ValueError, TypeError), match=name):
            reader(path)
    assert not mark.exists()


def test_the_payload_is_live(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()


# --- small cases of what was found or feared -------------------------------------------------------------------------


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez(path, data=np.ones(3))
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", LIMIT + 1)  # what its directory says a member unpacks to
    path.write_bytes(content)
    with pytest.raises(InputError, match="must unpack to less than 1024 MiB"):
        read_points(path)


@pytest.mark.thorough
def test_a_real_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("data.npy", "w", force_zip64=True) as member:
        member.write(stored((LIMIT >> 3,), "<f8", b""))
        block = bytes(1 << 24)
        for _ in range((LIMIT >> 24) + 1):
            member.write(block)
    assert path.stat().st_size < 4 << 20
    begun = time.process_time()
    with pytest.raises(InputError, match="must unpack to less than 1024 MiB"):
        read_points(path)
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize("shape", [(10**12,), (10**6, 10**6), (2**62, 4)])
def test_a_header_cannot_ask_for_memory(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "huge.npy"
    path.write_bytes(stored(shape, "<f8", bytes(64)))
    for reader in (read_points, read_samples):
        with pytest.raises(InputError, match="must hold as many numbers as its header says"):
            reader(path)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "locked.npz"
    np.savez(path, data=np.ones(3))
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the local header, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable"):
        read_points(path)


@pytest.mark.parametrize("cell", ["1_000", "١٢", "½", "0x10"])
def test_numbers_are_written_in_ascii(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(f"alpha,divergence\n0.5,{cell}\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 1, column divergence must be a number"):
        read_measurements(path)
    path.write_text(f"1,2\n3,{cell}\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 2 must have 2 numbers"):
        read_points(path)


def test_a_header_that_is_no_python_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.npy"
    for text in (b"{'shape': \xd72, 0, 3)}\n", b"  {\n {"):
        path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text)
        for reader in (read_points, read_samples):
            with pytest.raises(InputError, match="not a readable"):
                reader(path)


def test_equal_names_in_json_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text('{"alpha": 0.1, "alpha": 0.2, "divergence": [1]}', encoding="utf-8")
    with pytest.raises(InputError, match=r"different column names, got 'alpha' twice"):
        read_measurements(path)


def test_file_names_with_other_digits_are_ordered(tmp_path: Path) -> None:
    names = ["gen².npy", "gen10.npy", "gen2.npy"]
    for name in names:
        (tmp_path / name).touch()
    found = ordered_files("--samples", [str(tmp_path / "gen*.npy")])
    assert [path.name for path in found if "²" not in path.name] == ["gen2.npy", "gen10.npy"]
    assert len(found) == 3
