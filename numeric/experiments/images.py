"""Grey images as points: read from a file, put into principal coordinates, and given a law with a density.

A file is .npz (arrays ``images`` and, where there are any, ``labels``) or IDX, the format of MNIST and its kin, gzipped or
not. Nothing is unpickled, and nothing is allocated on the word of a header: the bytes must be there first.
"""

from __future__ import annotations

import gzip
import lzma
import math
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from numeric.experiments.mixture_fit import FLOOR, MixtureFit, fit_mixture
from numeric.laws.targets import GaussianMixture
from numeric.samples.sample_drift import DriftEstimate, chi2_drift, mmd_drift, tv_drift
from numeric.validation import COUNT, Array, Domain, generator, integer, points, shown

__all__ = [
    "Fidelity",
    "ImageSet",
    "ImageTarget",
    "PcaFrame",
    "fit_images",
    "holds_images",
    "image_target",
    "load_images",
    "target_fidelity",
]

Bytes = NDArray[np.uint8]

LIMIT: Final = 1 << 30  # bytes of images
STEP: Final = 1 << 20  # bytes read at once
PIXELS: Final = 4096  # of one image: the covariance has this many rows
IDX_IMAGES: Final = 0x00000803  # unsigned bytes, three axes
HEADER: Final = re.compile(
    rb"\{'descr': '([<>|=]?[A-Za-z]\d+)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\),? ?\}\s*"
)
UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
)
HELD_OUT: Final = 5  # one image in this many judges the fit and takes no part in it
RANK: Final = 1e-10  # relative variance below which a direction does not count


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Grey images of one size.

    Attributes:
        images: (n, h, w) unsigned bytes.
        labels: (n,) classes, or None.
    """

    images: Bytes
    labels: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 3 or min(self.images.shape) < 1:
            raise ValueError(
                f"images must be unsigned bytes of shape (n, h, w), got {self.images.dtype} of shape {self.images.shape}"
            )
        if self.labels is not None and self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"labels must be one per image, {self.images.shape[0]}, got shape {self.labels.shape}")

    def __len__(self) -> int:
        return int(self.images.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.images.shape[1]), int(self.images.shape[2])

    def part(self, index: NDArray[np.int64] | slice) -> ImageSet:
        """The images at these positions, in this order."""
        return ImageSet(self.images[index], None if self.labels is None else self.labels[index])


# --- files -----------------------------------------------------------------------------------------------------------


def holds_images(path: Path | str) -> bool:
    """Whether a file is one that ``load_images`` is for: IDX, or .npz with an array called ``images``."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            start = stream.read(4)
            if start[:2] == b"\x1f\x8b":
                stream.seek(0)
                start = gzip.GzipFile(fileobj=stream).read(4)
        if start[:2] == b"PK":
            with zipfile.ZipFile(file) as archive:
                return "images.npy" in archive.namelist()
    except UNREADABLE:
        return False
    return len(start) == 4 and start[:3] == IDX_IMAGES.to_bytes(4, "big")[:3]


def load_images(path: Path | str, *, n: int | None = None, rng: np.random.Generator | int | None = None) -> ImageSet:
    """The images of a file.

    Args:
        path: .npz with ``images``, unsigned bytes (n, h, w) or (n, h*w) of square images, and optionally ``labels``, integers
            (n,); or an IDX file of unsigned bytes with three axes (train-images-idx3-ubyte), gzipped or not. Told apart by
            their first bytes.
        n: how many images; default all.
        rng: draws which, without replacement and in random order; without it the first ``n`` in the order of the file.

    Raises:
        ValueError: in one sentence: a file that is missing, truncated, of another kind or size than its header says, larger
            than 1 GiB, or with fewer than ``n`` images.
    """
    file = Path(path)
    count = None if n is None else integer("n", n)
    if not file.is_file():
        raise ValueError(f"{file} must be an existing file")
    try:
        with file.open("rb") as stream:
            found = _read(file, stream)
    except _Refusal as problem:
        raise ValueError(str(problem)) from None
    except UNREADABLE:
        raise ValueError(f"{file} is damaged: its images cannot be read") from None
    if count is not None and count > len(found):
        raise ValueError(f"n must be at most the number of images in {file}, {len(found)}, got {count}")
    if rng is not None:
        return found.part(generator(rng).permutation(len(found))[:count])
    return found if count is None else found.part(slice(0, count))


class _Refusal(Exception):
    """What is wrong with a file, in one sentence."""


def _read(file: Path, stream: IO[bytes]) -> ImageSet:
    start = stream.read(4)
    stream.seek(0)
    if start[:2] == b"PK":
        return _read_archive(file, stream)
    if start[:2] == b"\x1f\x8b":
        with gzip.GzipFile(fileobj=stream) as unpacked:
            return _read_idx(file, unpacked)
    return _read_idx(file, stream)


def _read_idx(file: Path, stream: IO[bytes] | gzip.GzipFile) -> ImageSet:
    header = stream.read(16)
    if len(header) < 4 or header[:2] != b"\x00\x00":
        raise _Refusal(f"{file} must be an .npz or an IDX file of images, got a file that begins with {header[:4]!r}")
    (magic,) = struct.unpack(">I", header[:4])
    if magic != IDX_IMAGES:
        raise _Refusal(f"{file} must be an IDX file of unsigned bytes with three axes, magic 0x00000803, got 0x{magic:08x}")
    if len(header) < 16:
        raise _Refusal(f"{file} must have a header of 16 bytes, got {len(header)}")
    n, height, width = struct.unpack(">3I", header[4:])
    content = _bytes(file, stream, (n, height, width))
    return ImageSet(np.frombuffer(content, dtype=np.uint8).reshape(n, height, width))


def _bytes(file: Path, stream: IO[bytes] | gzip.GzipFile, shape: tuple[int, ...], each: int = 1) -> bytes:
    """Exactly as many bytes as an array of this shape has, read in steps: no header makes memory be reserved."""
    wanted = math.prod(shape) * each
    if not shape or min(shape) < 1 or wanted > LIMIT:
        raise _Refusal(f"{file} must hold between 1 byte and {LIMIT >> 20} MiB of images, got the shape {shape}")
    parts: list[bytes] = []
    left = wanted + 1  # one more than there may be
    while left > 0 and (part := stream.read(min(left, STEP))):
        parts.append(part)
        left -= len(part)
    if left != 1:
        had = "more" if left == 0 else f"{wanted + 1 - left}"
        raise _Refusal(f"{file} must have {wanted} bytes of data for the shape {shape} in its header, got {had}")
    return b"".join(parts)


def _read_archive(file: Path, stream: IO[bytes]) -> ImageSet:
    with zipfile.ZipFile(stream) as archive:
        names = archive.namelist()
        for name in ("images", "labels"):
            if names.count(f"{name}.npy") > 1:
                raise _Refusal(f"{file} must hold one array called {name}, got {names.count(f'{name}.npy')}")
        if "images.npy" not in names:
            held = ", ".join(name.removesuffix(".npy") for name in names[:5]) or "none"
            raise _Refusal(f"{file} must hold an array called images, got {held}")
        images = _read_array(file, archive, "images")
        labels = _read_array(file, archive, "labels") if "labels.npy" in names else None
    if images.dtype != np.uint8:
        raise _Refusal(f"{file}: images must be unsigned bytes, got {images.dtype}")
    if images.ndim == 2:
        side = math.isqrt(images.shape[1])
        if side * side != images.shape[1]:
            raise _Refusal(f"{file}: images of shape (n, pixels) must be square, got {images.shape[1]} pixels")
        images = images.reshape(images.shape[0], side, side)
    if images.ndim != 3:
        raise _Refusal(f"{file}: images must have shape (n, h, w) or (n, h*w), got {images.shape}")
    if labels is not None and (labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]):
        raise _Refusal(
            f"{file}: labels must be integers, one per image, {images.shape[0]}, got {labels.dtype} of shape {labels.shape}"
        )
    return ImageSet(images.astype(np.uint8, copy=False), None if labels is None else labels.astype(np.int64))


def _read_array(file: Path, archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    """One array of plain integers in numpy's format 1 or 2; no other kind is looked at, so that none is ever unpickled."""
    with archive.open(f"{name}.npy") as stream:
        start = stream.read(8)
        if start[:6] != b"\x93NUMPY" or start[6:7] not in (b"\x01", b"\x02"):
            raise _Refusal(f"{file}: {name} must be an array in numpy's format 1 or 2, got {start!r}")
        size = stream.read(2 if start[6] == 1 else 4)
        length = int.from_bytes(size, "little")
        text = stream.read(length) if 0 < length <= 4096 else b""
        header = HEADER.fullmatch(text)
        if header is None or header[1][-2:-1] not in b"iu" or header[1][-1:] not in b"1248":
            said = shown(text.decode("latin-1")) if header is None else repr(header[1].decode())
            raise _Refusal(f"{file}: {name} must be an array of integers, got {said}")
        shape = tuple(int(axis) for axis in header[3].split(b",") if axis.strip())
        dtype = np.dtype(header[1].decode())
        content = _bytes(file, stream, shape, dtype.itemsize)
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="F" if header[2] == b"True" else "C")


# --- principal coordinates -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PcaFrame:
    """Principal coordinates of images: x = scale * axes (pixels - mean), pixels in [0, 1].

    One factor scales all coordinates so that their average variance is 1. The noising process adds variance 1 - exp(-t) in
    every direction: relative to that scale its clock means what it means on standardised data, strong directions are noised
    late and weak ones early. Each axis is signed so that its largest entry is positive.

    Attributes:
        shape: (h, w). mean: (h*w,). axes: (d, h*w), orthonormal rows, by decreasing variance. scale: the factor.
        variances: (d,) of the coordinates; their mean is 1.
        explained: share of the total variance of the pixels that the coordinates keep.
    """

    shape: tuple[int, int]
    mean: Array
    axes: Array
    scale: float
    variances: Array
    explained: float

    @property
    def dim(self) -> int:
        """d."""
        return int(self.axes.shape[0])

    @staticmethod
    def of(images: ImageSet, dim: int) -> PcaFrame:
        """From the covariance of the pixels; sums of bytes are exact, so the order of the images does not matter.

        Raises:
            ValueError: more than 4096 pixels; ``dim`` larger than the number of directions in which the images vary.
        """
        wanted = integer("dim", dim)
        size = math.prod(images.shape)
        if size > PIXELS:
            raise ValueError(f"images must have at most {PIXELS} pixels, got {images.shape[0]} x {images.shape[1]}")
        flat = images.images.reshape(len(images), size)
        total, square = np.zeros(size), np.zeros((size, size))
        step = max(1, (STEP << 1) // size)
        for start in range(0, flat.shape[0], step):
            part = flat[start : start + step].astype(np.float64)
            total += part.sum(axis=0)
            square += part.T @ part
        mean = total / flat.shape[0]
        covariance = (square / flat.shape[0] - np.outer(mean, mean)) / 255.0**2
        values, vectors = linalg.eigh(covariance)
        values, vectors = values[::-1], vectors[:, ::-1]
        rank = int(np.count_nonzero(values > RANK * max(float(values[0]), 1e-12)))
        if wanted > min(rank, flat.shape[0] - 1):
            raise ValueError(
                f"dim must be at most the number of directions in which the images vary, "
                f"{min(rank, flat.shape[0] - 1)}, got {wanted}"
            )
        axes = vectors[:, :wanted].T
        largest = np.argmax(np.abs(axes), axis=1)
        axes = axes * np.sign(axes[np.arange(wanted), largest])[:, None]
        kept = values[:wanted]
        scale = 1.0 / math.sqrt(float(kept.mean()))
        explained = float(kept.sum() / np.trace(covariance))
        return PcaFrame(images.shape, mean / 255.0, np.ascontiguousarray(axes), scale, kept * scale**2, explained)

    def encode(self, images: ImageSet) -> Array:
        """Coordinates of images of the same size, (n, d)."""
        if images.shape != self.shape:
            raise ValueError(f"images must have shape {self.shape}, got {images.shape}")
        size = math.prod(self.shape)
        flat = images.images.reshape(len(images), size)
        out = np.empty((len(images), self.dim))
        step = max(1, (STEP << 1) // size)
        for start in range(0, flat.shape[0], step):
            part = slice(start, start + step)
            out[part] = (flat[part] / 255.0 - self.mean) @ self.axes.T * self.scale
        return out

    def decode(self, x: Array) -> Array:
        """Pixels (n, h, w) of coordinates (n, d); they may lie a little outside [0, 1], as projections do."""
        rows = points("x", x, self.dim)
        return np.asarray((self.mean + rows / self.scale @ self.axes).reshape(rows.shape[0], *self.shape))


# --- a law for them --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class ImageTarget:
    """A mixture fitted to the coordinates of images: the law p that an experiment takes for the data.

    Attributes:
        law: p. frame: the coordinates. fit: how the fit went.
        held_out: (m, d), coordinates of the images that took no part in it.
        log_likelihood: mean log density of the images of the fit, in nats per image; held_out_log_likelihood: of the others.
    """

    law: GaussianMixture
    frame: PcaFrame
    fit: MixtureFit
    held_out: Array
    log_likelihood: float
    held_out_log_likelihood: float


def fit_images(
    images: ImageSet,
    dim: int,
    components: int,
    *,
    rng: np.random.Generator | int | None,
    floor: float = FLOOR,
) -> ImageTarget:
    """Coordinates from four images in five, a full-covariance mixture fitted to them, and what the fifth says of it.

    Args:
        images: at least 10; drawn apart at random.
        dim: of the coordinates. components: of the mixture.
        rng: draws the held-out images and the start of the fit.
        floor: least variance of any component in any direction, as in ``fit_mixture``.

    Raises:
        ValueError: as PcaFrame.of and fit_mixture.
    """
    stream = generator(rng)
    if len(images) < 2 * HELD_OUT:
        raise ValueError(f"images must be at least {2 * HELD_OUT}, got {len(images)}")
    order = stream.permutation(len(images))
    aside = len(images) // HELD_OUT
    fitted, other = images.part(order[aside:]), images.part(order[:aside])
    frame = PcaFrame.of(fitted, dim)
    rows, held_out = frame.encode(fitted), frame.encode(other)
    fit = fit_mixture(rows, components, rng=stream, floor=floor)
    return ImageTarget(fit.law, frame, fit, held_out, fit.log_likelihood, float(np.mean(fit.law.logpdf(held_out))))


def image_target(
    path: Path | str,
    dim: int,
    components: int,
    n: int | None,
    rng: np.random.Generator | int | None,
    *,
    floor: float = FLOOR,
) -> tuple[ImageTarget, ImageSet]:
    """The law p of ``n`` images of a file, drawn at random (None: all), and the images.

    Raises:
        ValueError: as load_images and fit_images.
    """
    stream = generator(rng)
    images = load_images(path, n=None if n is None else integer("n", n, Domain(2 * HELD_OUT, COUNT.high)), rng=stream)
    return fit_images(images, dim, components, rng=stream, floor=floor), images


@dataclass(frozen=True)
class Fidelity:
    """How far the held-out images are from p: what an experiment within mixtures says of images, and what it does not.

    Attributes:
        mmd2: squared MMD of images from p, with its interval. chi2: lower bound of chi2(images || p). tv: lower bound.
        itself: mmd2 of another sample of p from p, of the same size: what no difference at all looks like.
    """

    mmd2: DriftEstimate
    chi2: DriftEstimate
    tv: DriftEstimate
    itself: DriftEstimate


def target_fidelity(
    target: ImageTarget, *, rng: np.random.Generator | int | None, n: int = 20_000, confidence: float = 0.95
) -> Fidelity:
    """Hold the held-out images against ``n`` draws of p; at least 50 held-out images."""
    stream = generator(rng)
    reference = target.law.sample(n, rng=stream)
    another = target.law.sample(target.held_out.shape[0], rng=stream)
    kernel = int(stream.integers(2**31))  # the same frequencies for both
    return Fidelity(
        mmd_drift(reference, target.held_out, confidence=confidence, rng=kernel),
        chi2_drift(reference, target.held_out, confidence=confidence),
        tv_drift(reference, target.held_out, confidence=confidence),
        mmd_drift(reference, another, confidence=confidence, rng=kernel),
    )
