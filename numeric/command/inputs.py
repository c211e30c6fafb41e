"""Reads what users bring: tables of measurements and files of data points. Nothing read is ever executed or unpickled."""

from __future__ import annotations

import csv
import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from numeric.estimate import Estimate
from numeric.validation import Array, points

__all__ = ["InputError", "read_measurements", "read_points"]

COLUMNS = (
    "alpha",
    "ideal_energy",
    "learned_energy",
    "observability",
    "path_chi2",
    "intra_chi2",
    "intra_kl",
    "divergence",
)
LIMIT = 1 << 30  # bytes


class InputError(ValueError):
    """A file that cannot be used, in one sentence for the person who gave it."""


def read_measurements(path: Path) -> dict[str, list[float] | list[Estimate]]:
    """Columns of a CSV (with a header) or JSON file (a list of rows or a dict of columns), one row per generation.

    Columns are the arguments of check_measurements; ``NAME_stderr`` makes NAME a simulated quantity with that standard error.
    """
    text = _text(path)
    rows = _json_rows(path, text) if path.suffix.lower() == ".json" else _csv_rows(path, text)
    if not rows:
        raise InputError(f"{path} must have at least one row, got none")
    names = list(rows[0])
    allowed = [*COLUMNS, *(f"{name}_stderr" for name in COLUMNS[1:]), "generation"]
    for name in names:
        if name not in allowed:
            raise InputError(f"{path}: column {name!r} is not known; known are {', '.join(COLUMNS)} and NAME_stderr")
    columns = {name: [_number(path, name, index, row.get(name)) for index, row in enumerate(rows)] for name in names}
    out: dict[str, list[float] | list[Estimate]] = {}
    for name in COLUMNS:
        if name not in columns:
            if f"{name}_stderr" in columns:
                raise InputError(f"{path}: column {name}_stderr needs the column {name} beside it")
            continue
        errors = columns.get(f"{name}_stderr")
        if errors is None:
            out[name] = columns[name]
            continue
        estimates = []
        for value, error in zip(columns[name], errors, strict=True):
            if math.isnan(value):
                raise InputError(f"{path}: column {name} must hold numbers, got nan")
            if not (math.isfinite(error) and error >= 0.0):
                raise InputError(f"{path}: column {name}_stderr must hold finite standard errors >= 0, got {error}")
            estimates.append(Estimate(value, error, 1_000_000))  # a reported standard error is taken as known
        out[name] = estimates
    return out


def read_points(path: Path) -> Array:
    """Data points (n, d) from a CSV (a header line is allowed), .npy or .npz (one array, or one called ``data``)."""
    suffix = path.suffix.lower()
    if suffix in (".npy", ".npz"):
        _check_file(path)
        with path.open("rb") as stream:
            try:
                loaded = np.load(stream, allow_pickle=False)
                if isinstance(loaded, np.lib.npyio.NpzFile):
                    loaded = loaded[_array_name(path, loaded.files)]
            except InputError:
                raise
            except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError):
                raise InputError(f"{path} is not a readable {suffix} file of numbers") from None
        return points(str(path), loaded)
    try:
        rows = [row for row in csv.reader(io.StringIO(_text(path))) if row]
    except csv.Error as problem:
        raise InputError(f"{path} is not a readable CSV file: {problem}") from None
    if rows and not _numeric(rows[0]):
        rows = rows[1:]
    if not rows:
        raise InputError(f"{path} must have at least one row of numbers, got none")
    width = len(rows[0])
    values = []
    for number, row in enumerate(rows, start=1):
        if len(row) != width or not _numeric(row):
            raise InputError(f"{path}: row {number} must have {width} numbers, got {','.join(row)[:60]!r}")
        values.append([float(cell) for cell in row])
    return points(str(path), np.array(values))


def _array_name(path: Path, names: list[str]) -> str:
    """The array of an archive to read: the only one, or the one called data."""
    if len(names) != 1 and "data" not in names:
        raise InputError(f"{path} must hold one array or one called data, got {', '.join(names) or 'none'}")
    return "data" if "data" in names else names[0]


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} must be an existing file")
    if path.stat().st_size > LIMIT:
        raise InputError(f"{path} must be smaller than {LIMIT >> 20} MiB, got {path.stat().st_size >> 20} MiB")


def _text(path: Path) -> str:
    _check_file(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path} must be a readable text file in UTF-8") from None


def _numeric(row: list[str]) -> bool:
    try:
        [float(cell) for cell in row]
    except ValueError:
        return False
    return True


def _csv_rows(path: Path, text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True, strict=True)
    try:
        header = [name.strip() for name in reader.fieldnames or []]
        reader.fieldnames = header
        rows = list(reader)
    except csv.Error as problem:
        raise InputError(f"{path} is not a readable CSV file: {problem}") from None
    if len(set(header)) != len(header):
        raise InputError(f"{path} must have different column names, got {', '.join(header)}")
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise InputError(f"{path}: row {number} must have {len(header)} cells like the header")
    return rows


def _json_rows(path: Path, text: str) -> list[dict[str, Any]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):  # ValueError: also an integer of too many digits
        raise InputError(f"{path} is not valid JSON") from None
    if isinstance(content, dict):
        columns = {str(name): values if isinstance(values, list) else None for name, values in content.items()}
        if not columns or None in columns.values() or len({len(values or []) for values in columns.values()}) != 1:
            raise InputError(f"{path} must be a list of rows, or columns that are lists of the same length")
        return [
            dict(zip(columns, row, strict=True)) for row in zip(*(values or [] for values in columns.values()), strict=True)
        ]
    if not isinstance(content, list) or not all(isinstance(row, dict) and row.keys() == content[0].keys() for row in content):
        raise InputError(f"{path} must be a list of rows with the same columns, or a dict of columns")
    return content


def _number(path: Path, name: str, index: int, cell: object) -> float:
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        try:
            return float(cell)
        except OverflowError:
            raise InputError(f"{path}: row {index + 1}, column {name}: the number is too large") from None
    if isinstance(cell, str):
        try:
            return float(cell)
        except ValueError:
            pass
    raise InputError(f"{path}: row {index + 1}, column {name} must be a number, got {cell!r}")
