"""Reads what users bring: tables of measurements and files of data points. Nothing read is ever executed or unpickled."""

from __future__ import annotations

import csv
import difflib
import io
import json
import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from numeric.estimate import Estimate
from numeric.validation import Array, points, shown

__all__ = ["DAMAGED", "InputError", "array_header", "read_measurements", "read_points", "read_text"]

COLUMNS = (
    "alpha",
    "ideal_energy",
    "learned_energy",
    "observability",
    "path_chi2",
    "intra_chi2",
    "intra_kl",
    "divergence",
    "mmd",
    "smoothing_mmd",
)
ALLOWED = ("generation", *COLUMNS, *(f"{name}_stderr" for name in COLUMNS[1:]))
MEANT = {  # what people call these quantities
    **dict.fromkeys(("energy", "eps2", "eps_squared", "epsilon2", "score_energy"), ("ideal_energy", "learned_energy")),
    **dict.fromkeys(("kl", "kl_divergence"), ("intra_kl",)),
    **dict.fromkeys(("chi2", "chi_squared", "chisq", "chi"), ("divergence (against the data)", "intra_chi2 (of one round)")),
    **dict.fromkeys(("drift", "d", "accumulated", "accumulated_chi2"), ("divergence",)),
    **dict.fromkeys(("eta", "visibility"), ("observability",)),
    **dict.fromkeys(("fresh_fraction", "fresh", "fraction", "a"), ("alpha",)),
    **dict.fromkeys(("step", "round", "iteration", "gen", "i", "n", "index", "unnamed:_0", ""), ("generation",)),
}
FRACTIONS = ("alpha", "observability")
SEPARATORS = (";", "\t", ",")  # of cells; the first that a line has, because a comma may be a decimal one
KNOWN = 1_000_000  # draws behind a reported standard error
HEADER = 1 << 16  # bytes in which the header of a .npy file must end
LIMIT = 1 << 30  # bytes, unpacked too
DAMAGED = (
    *(ValueError, TypeError, OSError, EOFError, KeyError, IndexError, OverflowError, MemoryError, RuntimeError),
    *(SyntaxError, tokenize.TokenError),  # numpy rewrites headers of Python 2 token by token
)
"""What numpy and zipfile raise for files that are not what their header says; RuntimeError where one is encrypted or nested."""


class InputError(ValueError):
    """A file that cannot be used, in one sentence for the person who gave it."""


def read_measurements(path: Path) -> dict[str, list[float | Estimate | None]]:
    """Columns of a CSV (with a header) or JSON file (a list of rows or a dict of columns), one row per generation.

    Columns are the arguments of check_measurements. ``NAME_stderr`` makes NAME a measured quantity with that standard error.
    An empty cell (null in JSON) is a round in which that quantity was not measured. A column ``generation`` must count up
    by one and is dropped. Cells are separated by commas, semicolons or tabs; with the latter two a comma may be a decimal
    one. Lines that begin with # are comments, but for a header that numpy.savetxt wrote as one.
    """
    rows = _json_rows(path, read_text(path)) if path.suffix.lower() == ".json" else _csv_rows(path)
    if not rows:
        raise InputError(f"{path} must have at least one row, got none")
    names = list(rows[0])
    known = f"{', '.join(ALLOWED[: len(COLUMNS) + 1])} and NAME_stderr"
    for name in names:
        if name not in ALLOWED:
            raise InputError(f"{path}: column {shown(name)} is not known{_suggestion(name)} Known are {known}")
    cells = {name: [_number(path, name, index, row.get(name)) for index, row in enumerate(rows)] for name in names}
    _check_counting(path, cells.pop("generation", []))
    out: dict[str, list[float | Estimate | None]] = {}
    for name in COLUMNS:
        errors = cells.get(f"{name}_stderr")
        if name not in cells:
            if errors is not None:
                raise InputError(f"{path}: column {name}_stderr needs the column {name} beside it")
            continue
        values = cells[name]
        _check_range(path, name, values, noisy=errors is not None)
        if all(value is None for value in values):
            raise InputError(f"{path}: column {name} must hold at least one number, got empty cells only")
        out[name] = list(values) if errors is None else _estimates(path, name, values, errors)
    return out


def _check_range(path: Path, name: str, values: list[float | None], *, noisy: bool) -> None:
    """Refuses what no such quantity can be, by row; a noisy estimate may fall outside."""
    top = 1.0 if name in FRACTIONS else math.inf
    for row, value in enumerate(values, start=1):
        if value is None or noisy or 0.0 <= value <= top:
            continue
        if value > top:
            raise InputError(f"{path}: row {row}, column {name} must be a fraction in [0, 1], got {value:g}")
        why = f"; where that is noise, {name}_stderr must say how much" if name != "alpha" else ""
        raise InputError(f"{path}: row {row}, column {name} must be >= 0, got {value:g}{why}")


def _estimates(path: Path, name: str, values: list[float | None], errors: list[float | None]) -> list[float | Estimate | None]:
    """Values with their standard errors, taken as known."""
    made: list[float | Estimate | None] = []
    for row, (value, error) in enumerate(zip(values, errors, strict=True), start=1):
        if value is not None and error is None:
            raise InputError(f"{path}: row {row}, column {name}_stderr must be a number where {name} is one, got an empty cell")
        if value is None and error is not None:
            raise InputError(f"{path}: row {row}, column {name} must be a number where {name}_stderr is one, got an empty cell")
        if value is None or error is None:
            made.append(None)
            continue
        if not (math.isfinite(error) and error >= 0.0):
            raise InputError(f"{path}: row {row}, column {name}_stderr must hold finite standard errors >= 0, got {error:g}")
        made.append(Estimate(value, error, KNOWN))
    return made


def _suggestion(name: str) -> str:
    """What a column with an unknown name may have meant."""
    plain = name[:60].strip().lower().replace(" ", "_").replace("-", "_")
    for ending in ("_se", "_sem", "_std", "_err", "_error", "_sd"):
        if plain.endswith(ending) and f"{plain.removesuffix(ending)}_stderr" in ALLOWED:
            return f": a standard error goes into {plain.removesuffix(ending)}_stderr."
    if plain in ("stderr", "se", "sem", "std"):
        return f": {plain} of what? A standard error goes into NAME_stderr."
    if "loss" in plain or "mse" in plain:
        return ": losses per noise level become an ideal_energy by numeric.score_energy, as driftbound check --help says."
    found = MEANT.get(plain) or difflib.get_close_matches(plain, ALLOWED, 2, 0.6)
    return f": did you mean {' or '.join(found)}?" if found else "."


def _check_counting(path: Path, numbers: Sequence[float | None]) -> None:
    for row, (before, after) in enumerate(pairwise(numbers), start=2):
        if before is None or after is None or after != before + 1:
            said = "an empty cell" if before is None or after is None else f"{after:g} after {before:g}"
            raise InputError(f"{path}: column generation must count up by one, got {said} in row {row}")


def read_points(path: Path) -> Array:
    """Data points (n, d) from a CSV (a header line is allowed), .npy or .npz (one array, or one called ``data``)."""
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        return points(str(path), _stored_array(path))
    _, rows = _cells(path, blanks=True)
    if rows and not _numeric(rows[0]):
        rows = rows[1:]
    if not rows:
        raise InputError(f"{path} must have at least one row of numbers, got none")
    width = len(rows[0])
    values = []
    for number, row in enumerate(rows, start=1):
        if len(row) != width or not _numeric(row):
            raise InputError(f"{path}: row {number} must have {width} numbers, got {shown(','.join(row))}")
        values.append([_float(cell) for cell in row])
    return points(str(path), np.array(values))


def _stored_array(path: Path) -> NDArray[Any]:
    """The array of a .npy or .npz file, once its header is seen to promise numbers, no more of them than there are bytes."""
    _check_file(path)
    try:
        with path.open("rb") as stream:
            if stream.read(4) != b"PK\x03\x04":
                stream.seek(0)
                return _checked_array(path, stream, path.stat().st_size)
        with zipfile.ZipFile(path) as archive:
            name = _array_name(path, [entry.removesuffix(".npy") for entry in archive.namelist() if entry.endswith(".npy")])
            size = archive.getinfo(f"{name}.npy").file_size
            if size > LIMIT:
                raise InputError(f"{path} must unpack to less than {LIMIT >> 20} MiB, got {size >> 20} MiB")
            with archive.open(f"{name}.npy") as member:
                return _checked_array(path, member, size)
    except InputError:
        raise
    except (*DAMAGED, zipfile.BadZipFile, zlib.error, lzma.LZMAError):
        raise InputError(f"{path} is not a readable {path.suffix.lower()} file of numbers") from None


def _checked_array(path: Path, stream: IO[bytes], size: int) -> NDArray[Any]:
    """The array in a stream of ``size`` bytes; read_array allocates what the header says, so the header is read first."""
    header = io.BytesIO(stream.read(min(size, HEADER)))
    array_header(path, header, size)
    return np.lib.format.read_array(_joined(header, stream), allow_pickle=False)


def array_header(path: Path, stream: IO[bytes], size: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and kind of the array in a .npy stream of ``size`` bytes, which is left where the numbers begin.

    Raises:
        InputError: anything but real numbers, or more of them than there are bytes.
            ``DAMAGED`` where it is no header.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, kind = read(stream)
    if kind.hasobject:
        raise ValueError("an array of objects is pickled")
    if kind.kind not in "fiu":
        raise InputError(f"{path} must be an array of real numbers, got one of kind {shown(str(kind))}")
    if min(shape, default=1) < 0 or stream.tell() + math.prod(shape) * kind.itemsize > size:
        raise InputError(f"{path} must hold as many numbers as its header says, got {size} bytes for shape {shown(shape)}")
    return shape, fortran, kind


def _joined(read: io.BytesIO, rest: IO[bytes]) -> IO[bytes]:
    """A stream from its beginning, what was read of it and what follows."""
    if rest.seekable():
        rest.seek(0)
        return rest
    return io.BytesIO(read.getvalue() + rest.read())


def _array_name(path: Path, names: list[str]) -> str:
    """The array of an archive to read: the only one, or the one called data."""
    if len(names) != 1 and "data" not in names:
        raise InputError(f"{path} must hold one array or one called data, got {shown(', '.join(names)) if names else 'none'}")
    return "data" if "data" in names else names[0]


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} must be an existing file")
    if path.stat().st_size > LIMIT:
        raise InputError(f"{path} must be smaller than {LIMIT >> 20} MiB, got {path.stat().st_size >> 20} MiB")


def read_text(path: Path) -> str:
    """The text of a file in UTF-8; InputError where it is none."""
    _check_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} must be a readable text file in UTF-8") from None


def _float(cell: str) -> float:
    """A number in ASCII, as files hold them: float() also takes 1_000 and the digits of every script."""
    if not cell.isascii() or "_" in cell:
        raise ValueError(f"cell must be a number, got {shown(cell)}")
    return float(cell)


def _numeric(row: list[str]) -> bool:
    try:
        [_float(cell) for cell in row]
    except ValueError:
        return False
    return True


def _cells(path: Path, *, blanks: bool = False) -> tuple[list[str], list[list[str]]]:
    """The comments and the cells of a text file, row by row, with decimal points. ``blanks``: white space may separate them."""
    lines = read_text(path).splitlines()
    comments = [line.lstrip("# ") for line in lines if line.startswith("#")]
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if lines and lines[0].startswith("sep="):  # how Excel notes the separator
        lines = lines[1:]
    first = lines[0] if lines else ""
    mark = next((one for one in SEPARATORS if one in first), " " if blanks and len(first.split()) > 1 else ",")
    if mark == " ":
        return comments, [line.split() for line in lines]
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark, skipinitialspace=True, strict=True)]
    except csv.Error as problem:
        raise InputError(f"{path} is not a readable CSV file: {problem}") from None
    if mark != "," and not any("." in cell for row in rows[1:] or rows for cell in row):
        rows = [[cell.replace(",", ".") for cell in row] for row in rows]
    return comments, rows


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    comments, rows = _cells(path)
    if rows and comments and _numeric(rows[0]):  # numpy.savetxt(..., header=...)
        named = [name.strip() for mark in SEPARATORS for name in comments[-1].split(mark) if mark in comments[-1]]
        rows = [named, *rows] if len(named) == len(rows[0]) else rows
    while rows and not any(rows[-1]):  # spreadsheets leave such rows
        rows = rows[:-1]
    header, *rest = rows or [[]]
    if header and _numeric(header):
        raise InputError(f"{path} must begin with a line of column names, got the numbers {shown(', '.join(header))}")
    if len(set(header)) != len(header):
        raise InputError(f"{path} must have different column names, got {shown(', '.join(header))}")
    for number, row in enumerate(rest, start=1):
        if len(row) != len(header):
            raise InputError(f"{path}: row {number} must have {len(header)} cells like the header, got {len(row)}")
    return [dict(zip(header, row, strict=True)) for row in rest]


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(text, object_pairs_hook=lambda pairs: _unique(path, pairs))
    except InputError:
        raise
    except (ValueError, RecursionError):  # ValueError: also an integer of too many digits
        raise InputError(f"{path} is not valid JSON") from None
    if isinstance(content, dict):
        columns = {str(name): values for name, values in content.items()}
        lists = {name: values for name, values in columns.items() if isinstance(values, list)}
        single = {name: values for name, values in columns.items() if isinstance(values, (int, float))}
        lengths = {len(values) for values in lists.values()}
        if len(lengths) != 1 or len(lists) + len(single) != len(columns):
            raise InputError(f"{path} must be a list of rows, or columns that are numbers or lists of the same length")
        every = {name: columns[name] if name in lists else [single[name]] * max(lengths) for name in columns}
        return [dict(zip(every, row, strict=True)) for row in zip(*every.values(), strict=True)]
    if not isinstance(content, list) or not all(isinstance(row, dict) for row in content):
        raise InputError(f"{path} must be a list of rows, or a dict of columns")
    names = dict.fromkeys(str(name) for row in content for name in row)
    return [{name: row.get(name) for name in names} for row in content]


def _unique(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON whose names differ; json.loads would keep the last of equal ones."""
    content = dict(pairs)
    if len(content) != len(pairs):
        twice = next(name for name in content if sum(name == other for other, _ in pairs) > 1)
        raise InputError(f"{path} must have different column names, got {shown(twice)} twice")
    return content


def _number(path: Path, name: str, index: int, cell: object) -> float | None:
    """The number in a cell; None where it is empty and the column may have gaps."""
    if (cell is None or (isinstance(cell, str) and not cell.strip())) and name not in ("alpha", "generation"):
        return None
    number = math.nan
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        try:
            number = float(cell)
        except OverflowError:
            raise InputError(f"{path}: row {index + 1}, column {name}: the number is too large") from None
    elif isinstance(cell, str):
        try:
            number = _float(cell)
        except ValueError:
            rule = "must be a number" + (
                " with a decimal point" if "," in cell else ", not a percentage" if "%" in cell else ""
            )
            raise InputError(f"{path}: row {index + 1}, column {name} {rule}, got {shown(cell)}") from None
    else:
        raise InputError(f"{path}: row {index + 1}, column {name} must be a number, got {shown(cell)}")
    if math.isnan(number):
        raise InputError(
            f"{path}: row {index + 1}, column {name} must hold numbers, got nan; leave cells empty where nothing was measured"
        )
    return number
