"""Reads samples of generations: arrays that may be larger than memory, in the order of the generations."""

from __future__ import annotations

import argparse
import glob
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from numeric.command.inputs import DAMAGED, InputError, array_header, read_points
from numeric.recursions.mixing import Alpha
from numeric.validation import Array

__all__ = ["mixing_argument", "ordered_files", "read_samples", "schedule"]

EVERY = re.compile(r"([^@]+)@(\d+)")


def read_samples(path: Path) -> Array:
    """A sample (n, d) from .npy (memory-mapped, never unpickled), .npz or CSV; further axes, as of images, are flattened."""
    if path.suffix.lower() != ".npy":
        return read_points(path)
    if not path.is_file():
        raise InputError(f"{path} must be an existing file")
    try:
        with path.open("rb") as stream:
            shape, fortran, kind = array_header(path, stream, path.stat().st_size)
            start = stream.tell()
    except InputError:
        raise
    except DAMAGED:
        raise InputError(f"{path} is not a readable .npy file of numbers") from None
    if not shape or 0 in shape:
        raise InputError(f"{path} must hold one array with a row per point, got shape {shape}")
    array = np.memmap(path, kind, "r", start, shape, "F" if fortran else "C")
    return array.reshape(shape[0], -1) if len(shape) > 2 else array


def ordered_files(option: str, patterns: Sequence[str]) -> list[Path]:
    """Files in the order given; a pattern with wildcards stands for its files sorted by the numbers in their names.

    Refuses files that only a shell can have ordered (gen1, gen10, gen2): the order of the generations decides everything.
    """
    files: list[Path] = []
    for pattern in patterns:
        if Path(pattern).is_file() or not glob.has_magic(pattern):
            files.append(Path(pattern))
            continue
        found = sorted((Path(name) for name in glob.glob(pattern)), key=_numbers)
        if not found:
            raise InputError(f"{option}: no file matches {pattern}")
        files += found
    as_shell = len(files) > 2 and files == sorted(files) and not any(glob.has_magic(pattern) for pattern in patterns)
    if as_shell and files != sorted(files, key=_numbers):
        names = ", ".join(path.name for path in files[:3])
        raise InputError(
            f"{option} must be in the order of the generations, got {names}, ...; quote a pattern to sort by number"
        )
    return files


def _numbers(path: Path) -> tuple[tuple[int, str], ...]:
    """Names by their words, and numbers in them by value."""
    return tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", str(path)))


def mixing_argument(text: str) -> float | str:
    """--alpha as argparse takes it: a number becomes a float; a list, a policy or "A@K" stays text for ``schedule``."""
    try:
        return float(text)
    except ValueError:
        pass
    parts = text.split(",")
    every = EVERY.fullmatch(text)
    if text in ("accumulate", "replace") or (len(parts) > 1 and all(map(_number, parts))) or (every and _number(every[1])):
        return text
    raise argparse.ArgumentTypeError(
        f"must be a number, one per round (0.1,0,0.1), A@K (A in every K-th round), accumulate or replace, got {text!r}"
    )


def schedule(alpha: float | str, rounds: int) -> Alpha:
    """What --alpha says for this many rounds: "0.5@3" is 0.5 in rounds 3, 6, ... and 0 in the others, counted from 1."""
    if isinstance(alpha, float) or alpha in ("accumulate", "replace"):
        return alpha
    every = EVERY.fullmatch(alpha)
    if every is None:
        return [float(part) for part in alpha.split(",")]
    if int(every[2]) < 1:
        raise InputError(f"--alpha A@K must have K >= 1, got {alpha}")
    return [float(every[1]) if (index + 1) % int(every[2]) == 0 else 0.0 for index in range(rounds)]


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
