"""Images: files read or refused, principal coordinates, and the mixture that stands for them."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from numeric.experiments.image_rows import TYPICAL, RowMaker
from numeric.experiments.images import (
    ImageSet,
    ImageTarget,
    PcaFrame,
    fit_images,
    holds_images,
    image_target,
    load_images,
    target_fidelity,
)
from numeric.laws.process import noised
from numeric.laws.targets import GaussianMixture

RARE = 1e-6
EXCERPT = Path(str(resources.files("numeric").joinpath("data/fashion_excerpt.npz")))


@cache
def small() -> ImageSet:
    """Sixty 8 x 8 images that vary in every pixel."""
    rng = np.random.default_rng(3)
    return ImageSet(rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), rng.integers(0, 10, 60))


@cache
def fashion() -> ImageTarget:
    """The excerpt in 12 coordinates, a mixture of four."""
    return fit_images(load_images(EXCERPT), 12, 4, rng=5)


def idx(images: np.ndarray, magic: int = 0x803, shape: tuple[int, ...] | None = None) -> bytes:
    """The bytes of an IDX file."""
    return struct.pack(">I", magic) + struct.pack(">3I", *(shape or images.shape)) + images.tobytes()


def npz(**arrays: np.ndarray) -> bytes:
    """The bytes of an .npz file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def forged(descr: str, shape: str, content: bytes = b"", names: tuple[str, ...] = ("images",)) -> bytes:
    """An .npz whose arrays have this header, true or not."""
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(f"{name}.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content)
    return stream.getvalue().replace(b"imagez.npy", b"images.npy")  # zipfile itself would warn of the same name twice


# --- files -----------------------------------------------------------------------------------------------------------


FORMS: dict[str, Callable[[ImageSet], bytes]] = {
    "npz": lambda one: npz(images=one.images, labels=one.labels),
    "npz, flat": lambda one: npz(images=one.images.reshape(len(one), -1), labels=one.labels.astype(np.uint8)),
    "npz, by columns": lambda one: npz(images=np.asfortranarray(one.images), labels=one.labels.astype(">i4")),
    "IDX": lambda one: idx(one.images),
    "IDX, gzipped": lambda one: gzip.compress(idx(one.images)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_holds_the_same_images(form: str, tmp_path: Path) -> None:
    (path := tmp_path / "any-name").write_bytes(FORMS[form](small()))
    found = load_images(path)
    assert np.array_equal(found.images, small().images)
    assert holds_images(path)
    assert (found.labels is None) == form.startswith("IDX")
    assert found.labels is None or np.array_equal(found.labels, small().labels)


def test_the_first_or_some_at_random(tmp_path: Path) -> None:
    (path := tmp_path / "x.npz").write_bytes(npz(images=small().images, labels=small().labels))
    assert np.array_equal(load_images(path, n=7).images, small().images[:7])
    some, again, others = (load_images(path, n=20, rng=seed) for seed in (1, 1, 2))
    assert np.array_equal(some.images, again.images)
    assert not np.array_equal(some.images, others.images)
    assert some.labels is not None
    places = [int(np.flatnonzero((small().images == one).all(axis=(1, 2)))[0]) for one in some.images]
    assert len(set(places)) == 20
    assert np.array_equal(some.labels, small().labels[places])


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.mkdir, (self.path,)


GOOD = small().images
PACKED = npz(images=GOOD)
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "must be an .npz or an IDX file of images, got a file that begins with b''"),
    "text": (b"1,2,3\n4,5,6\n", "begins with b'1,2,'"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(40), "must be an .npz or an IDX file"),
    "cut archive": (PACKED[: len(PACKED) // 2], "is damaged"),
    "archive with a flipped bit": (PACKED[:900] + bytes([PACKED[900] ^ 1]) + PACKED[901:], "is damaged"),
    "other arrays": (npz(data=GOOD, x=GOOD), "must hold an array called images, got data, x"),
    "two of them": (forged("'|u1'", "(1, 2, 2)", bytes(4), ("images", "imagez")), "one array called images, got 2"),
    "floats": (npz(images=GOOD / 255.0), "images must be an array of integers, got '<f8'"),
    "wide integers": (npz(images=GOOD.astype(np.int32)), "images must be unsigned bytes, got int32"),
    "objects": (forged("'|O'", "(2,)", pickle.dumps([1, 2])), "must be an array of integers"),
    "records": (forged("[('a', '|u1')]", "(4,)", bytes(4)), "must be an array of integers"),
    "code for a header": (forged("__import__('os')", "(4,)", bytes(4)), "must be an array of integers"),
    "colour": (npz(images=np.zeros((4, 3, 3, 3), dtype=np.uint8)), "must have shape (n, h, w) or (n, h*w), got (4, 3, 3, 3)"),
    "not square": (npz(images=GOOD.reshape(60, 64)[:, :60]), "must be square, got 60 pixels"),
    "labels for others": (npz(images=GOOD, labels=np.arange(59)), "labels must be integers, one per image, 60"),
    "labels in words": (npz(images=GOOD, labels=np.array(["a"] * 60)), "labels must be an array of integers, got '<U1'"),
    "vast shape": (forged("'|u1'", "(4000000, 4000, 4000)", bytes(64)), "MiB of images, got the shape (4000000, 4000, 4000)"),
    "large shape": (forged("'|u1'", "(1000000, 28, 28)", bytes(64)), "must have 784000000 bytes of data"),
    "no images": (forged("'|u1'", "(0, 28, 28)"), "got the shape (0, 28, 28)"),
    "no shape": (forged("'|u1'", "()", bytes(1)), "got the shape ()"),
    "bytes left over": (forged("'|u1'", "(1, 2, 2)", bytes(5)), "must have 4 bytes of data for the shape (1, 2, 2)"),
    "IDX of labels": (struct.pack(">2I", 0x801, 4) + bytes(4), "magic 0x00000803, got 0x00000801"),
    "IDX of floats": (idx(GOOD, magic=0xD03), "got 0x00000d03"),
    "IDX header alone": (idx(GOOD)[:9], "must have a header of 16 bytes, got 9"),
    "IDX cut": (idx(GOOD)[:-1], "must have 3840 bytes of data for the shape (60, 8, 8) in its header, got 3839"),
    "IDX too long": (idx(GOOD) + b"x", "got more"),
    "IDX vast": (idx(GOOD, shape=(2**32 - 1, 2**16, 2**16)), "must hold between 1 byte and 1024 MiB"),
    "IDX large": (idx(GOOD, shape=(1 << 20, 28, 28)), "must have 822083584 bytes"),
    "IDX of nothing": (idx(GOOD[:0]), "got the shape (0, 8, 8)"),
    "gzip cut": (gzip.compress(idx(GOOD))[:-20], "is damaged"),
    "gzip of text": (gzip.compress(b"hello"), "begins with b'hell'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_files_are_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    content, said = REFUSED[name]
    (path := tmp_path / "x").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"^[^\n]{10,300}$") as refusal:
        load_images(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert peak < 8e6, "memory was reserved on the word of a header"


def test_a_missing_file_and_too_many_images(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be an existing file"):
        load_images(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"n must be at most the number of images in .*, 1500, got 1501"):
        load_images(EXCERPT, n=1501)
    assert not holds_images(tmp_path / "none.npz")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    content = np.empty(1, dtype=object)
    content[0] = Trap(trap)
    (path := tmp_path / "x.npz").write_bytes(npz(images=content))
    with pytest.raises(ValueError, match=r"must be an array of integers, got .*'\|O'"):
        load_images(path)
    assert not trap.exists()
    with np.load(path, allow_pickle=True) as archive:  # the trap works
        archive["images"]
    assert trap.exists()


@pytest.mark.parametrize("form", ["npz", "IDX", "IDX, gzipped"])
def test_damage_is_read_or_refused_and_nothing_else(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    whole = np.frombuffer(FORMS[form](small().part(slice(0, 3))), dtype=np.uint8)
    said, path = [], tmp_path / "x"
    for _ in range(250):
        broken = whole.copy()
        places = rng.integers(broken.size, size=rng.integers(1, 4))
        broken[places] = rng.integers(0, 256, places.size)
        path.write_bytes(broken[: rng.integers(1, broken.size + 1)].tobytes() if rng.random() < 0.2 else broken.tobytes())
        holds_images(path)
        try:
            load_images(path)
        except ValueError as problem:
            said.append(str(problem))
    assert len(said) > 20
    assert all(str(path) in sentence for sentence in said)


def test_the_excerpt_is_what_its_note_says() -> None:
    images = load_images(EXCERPT)
    assert images.images.shape == (1500, 28, 28)
    assert images.labels is not None
    assert np.array_equal(np.bincount(images.labels), np.full(10, 150))
    assert EXCERPT.stat().st_size < 700_000
    assert "MIT" in EXCERPT.with_suffix("").with_suffix(".LICENSE.txt").read_text(encoding="utf-8")


# --- principal coordinates -------------------------------------------------------------------------------------------


def test_coordinates_are_those_of_the_singular_value_decomposition() -> None:
    images, dim = small(), 10
    frame = PcaFrame.of(images, dim)
    pixels = images.images.reshape(60, -1) / 255.0

    def agrees(rows: np.ndarray) -> bool:
        _, singular, axes = np.linalg.svd(rows, full_matrices=False)
        variances = singular[:dim] ** 2 / rows.shape[0]
        along = np.abs(np.sum(axes[:dim] * frame.axes, axis=1))
        explained = variances.sum() / np.sum(singular**2 / rows.shape[0])
        return bool(
            np.allclose(along, 1.0, atol=1e-8)
            and np.allclose(variances * frame.scale**2, frame.variances, rtol=1e-9)
            and np.isclose(explained, frame.explained, rtol=1e-9)
        )

    assert agrees(pixels - pixels.mean(axis=0))
    assert not agrees(pixels)  # the wrong twin: about 0 instead of the mean
    assert frame.variances.mean() == pytest.approx(1.0, abs=1e-12)
    assert np.all(frame.axes[np.arange(dim), np.abs(frame.axes).argmax(axis=1)] > 0.0)


def test_encoding_and_decoding() -> None:
    images = small()
    frame, whole = PcaFrame.of(images, 10), PcaFrame.of(images, 59)
    x = frame.encode(images)
    assert np.allclose(x.mean(axis=0), 0.0, atol=1e-12)
    assert np.allclose(np.cov(x, rowvar=False, bias=True), np.diag(frame.variances), atol=1e-10)
    assert np.allclose(whole.decode(whole.encode(images)), images.images / 255.0, atol=1e-10)
    lost = np.mean((frame.decode(x) - images.images / 255.0) ** 2) / np.mean(
        (images.images / 255.0 - frame.mean.reshape(8, 8)) ** 2
    )
    assert lost == pytest.approx(1.0 - frame.explained, rel=1e-9)


def test_the_order_of_the_images_does_not_matter() -> None:
    images = small()
    frame, turned = (PcaFrame.of(one, 12) for one in (images, images.part(slice(None, None, -1))))
    assert np.array_equal(frame.axes, turned.axes)
    assert frame.scale == turned.scale


def test_coordinates_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="dim must be at most the number of directions in which the images vary, 59, got 60"):
        PcaFrame.of(small(), 60)
    with pytest.raises(ValueError, match="vary, 0, got 1"):
        PcaFrame.of(ImageSet(np.full((20, 4, 4), 7, dtype=np.uint8)), 1)
    with pytest.raises(ValueError, match="at most 4096 pixels, got 65 x 64"):
        PcaFrame.of(ImageSet(np.zeros((2, 65, 64), dtype=np.uint8)), 1)
    with pytest.raises(ValueError, match=r"images must have shape \(8, 8\), got \(4, 4\)"):
        PcaFrame.of(small(), 3).encode(ImageSet(np.zeros((2, 4, 4), dtype=np.uint8)))
    with pytest.raises(ValueError, match="images must be unsigned bytes"):
        ImageSet(np.zeros((2, 4, 4)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="images must be at least 10, got 9"):
        fit_images(small().part(slice(0, 9)), 2, 1, rng=0)


# --- the law ---------------------------------------------------------------------------------------------------------


def test_the_target_is_a_law_of_the_images_and_the_seed_decides_it() -> None:
    one = image_target(EXCERPT, 6, 3, 400, 8)
    again = image_target(EXCERPT, 6, 3, 400, 8)
    assert np.array_equal(one[0].law.means, again[0].law.means)
    assert np.array_equal(one[1].images, again[1].images)
    (law, frame), images = (one[0].law, one[0].frame), one[1]
    assert (law.dim, frame.dim, len(images), law.weights.shape[0]) == (6, 6, 400, 3)
    x = frame.encode(images)
    assert np.allclose(law.mean, x.mean(axis=0), atol=5.0 * np.sqrt(frame.variances / 80))
    assert np.trace(law.cov) == pytest.approx(np.sum(x.var(axis=0)), rel=0.15)


def test_the_held_out_images_took_no_part() -> None:
    target = fashion()
    assert target.held_out.shape == (300, 12)
    assert target.fit.converged
    assert target.log_likelihood == pytest.approx(target.fit.log_likelihood)
    assert target.held_out_log_likelihood == pytest.approx(float(np.mean(target.law.logpdf(target.held_out))))
    images = load_images(EXCERPT)
    order = np.random.default_rng(5).permutation(len(images))
    for upside_down, same in ((order[:300], True), (order[1:301], False)):  # the second: one image of the fit among them
        changed = images.images.copy()
        changed[upside_down] = changed[upside_down, ::-1]
        again = fit_images(ImageSet(changed), 12, 4, rng=5)
        assert np.array_equal(again.law.means, target.law.means) is same
        assert again.held_out_log_likelihood < target.held_out_log_likelihood - 1.0  # no such thing as a shoe upside down
    assert target.law.covs.shape == (4, 12, 12)
    assert np.linalg.eigvalsh(target.law.covs).min() >= 0.05 * (1.0 - 1e-9)


def test_fidelity_tells_images_from_draws_and_draws_from_draws_not() -> None:
    target = fashion()

    def judged(held_out: np.ndarray) -> bool:
        one = ImageTarget(target.law, target.frame, target.fit, held_out, 0.0, 0.0)
        found = target_fidelity(one, rng=4, n=4000, confidence=1.0 - RARE)
        assert found.itself.low == 0.0
        return found.mmd2.low > 0.0 or found.chi2.low > 0.0 or found.tv.low > 0.0

    assert not judged(target.law.sample(1500, rng=9))
    assert judged(target.law.sample(1500, rng=9) * 1.3)
    assert judged(noised(target.law, 0.3).sample(1500, rng=9))


# --- rows of the sheet -----------------------------------------------------------------------------------------------


def test_rows_show_the_first_draw_of_every_component() -> None:
    target = fashion()
    maker = RowMaker.of(target.law, target.frame, columns=3, rng=0, draws=4000)
    assert list(maker.columns) == np.argsort(-target.law.weights)[:3].tolist()
    draws = target.law.sample(200, rng=1)
    terms = np.stack(
        [
            np.log(weight) + stats.multivariate_normal(mean, cov).logpdf(draws)
            for weight, mean, cov in zip(target.law.weights, target.law.means, target.law.covs, strict=True)
        ]
    )
    kinds = np.argmax(terms, axis=0)
    row = maker.row("1", draws)
    for column, image in zip(maker.columns, row.images, strict=True):
        assert np.array_equal(image, target.frame.decode(draws[[int(np.argmax(kinds == column))]])[0])
    gone = maker.row("2", draws[kinds != maker.columns[1]])
    assert np.isnan(gone.images[1]).all()
    assert np.isfinite(gone.images[[0, 2]]).all()


def test_typical_and_detail_tell_draws_of_the_data_from_others() -> None:
    target = fashion()
    maker = RowMaker.of(target.law, target.frame, columns=2, rng=0, draws=20_000)
    n = 4000

    def usual(draws: np.ndarray) -> bool:
        row = maker.row("1", draws)
        share = abs(row.typical - TYPICAL) < 5.5 * np.sqrt(TYPICAL * (1.0 - TYPICAL) * (1.0 / n + 1.0 / 20_000))
        fine = draws @ maker.finer
        square = np.sum((fine - fine.mean(axis=0)) ** 2, axis=1)
        return bool(share and abs(row.detail - 1.0) < 5.5 * np.std(square) / np.mean(square) / np.sqrt(n))

    assert usual(target.law.sample(n, rng=2))
    assert not usual(noised(target.law, 0.05).sample(n, rng=2))
    blurred = GaussianMixture(target.law.weights, target.law.means, 0.8 * target.law.covs)
    assert maker.row("1", blurred.sample(n, rng=2)).detail < 0.95
