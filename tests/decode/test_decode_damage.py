"""Damage of every kind costs its own file: a reason for each, no other exception, no dead run, no lost neighbour."""

from __future__ import annotations

import os
import resource
import signal
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from dicoms import LOSSLESS, LOSSY, gradient, make_dicom, make_encapsulated, textured
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, RLELossless

from pipeline import collect, decode, exclude
from pipeline.base import settings as settings_module
from pipeline.base.settings import Decode
from pipeline.base.storage import Home
from pipeline.decode.film import Decoded, FilmError, decode_film, read_film
from pipeline.decode.workers import _outcome, decode_all, open_pool, read_all
from pipeline.exclude.rules.undecodable import Undecodable

SYNTAXES = ("native", "RLE", *LOSSLESS, *LOSSY)
FUZZED = 12
DEFAULTS = Decode()


def sound(path: Path, name: str, pixels: np.ndarray | None = None) -> Path:
    """An undamaged film in one of SYNTAXES."""
    pixels = textured(64, 64, 8 if name == "JPEG baseline" else 12) if pixels is None else pixels
    bits = 8 if pixels.dtype == np.uint8 else 12
    if name in ("native", "RLE"):
        return make_dicom(path, pixels, bits=bits, syntax=ExplicitVRLittleEndian if name == "native" else RLELossless)
    syntax, encode = (LOSSLESS | LOSSY)[name]
    return make_encapsulated(path, pixels, syntax, encode(pixels, bits), bits=bits)


def reason(path: Path, settings: Decode = DEFAULTS) -> str:
    with pytest.raises(FilmError) as caught:
        decode_film(path, settings)
    return caught.value.reason


@pytest.mark.parametrize("name", SYNTAXES)
def test_a_file_cut_anywhere_in_its_pixels_is_truncated(tmp_path: Path, name: str) -> None:
    whole = sound(tmp_path / "a.dcm", name).read_bytes()
    start = whole.rindex(b"\xe0\x7f\x10\x00") + 12
    for share in (0.0, 0.02, 0.3, 0.6, 0.9, 0.99):
        cut = tmp_path / "cut.dcm"
        cut.write_bytes(whole[: start + int((len(whole) - start - 20) * share)])
        assert reason(cut) == "truncated_pixels", share


@pytest.mark.parametrize("offset", [10, 2**20, 2**32 - 16])
def test_an_rle_segment_that_is_said_to_lie_elsewhere_reads_no_other_memory(tmp_path: Path, offset: int) -> None:
    whole = sound(tmp_path / "a.dcm", "RLE").read_bytes()
    start = whole.rindex(b"\x02\x00\x00\x00\x40\x00\x00\x00") + 8  # the second of two segments
    (tmp_path / "a.dcm").write_bytes(whole[:start] + offset.to_bytes(4, "little") + whole[start + 4 :])
    assert reason(tmp_path / "a.dcm") == "truncated_pixels"


@pytest.mark.parametrize("vr", [b"DX", b"FD"])
def test_a_spacing_in_no_form_costs_the_spacing_and_not_the_film(tmp_path: Path, vr: bytes) -> None:
    path = make_dicom(tmp_path / "a.dcm", textured(64, 64), PixelSpacing=[0.139, 0.139])
    whole = path.read_bytes()
    assert whole.count(b"\x28\0\x30\0DS") == 1
    path.write_bytes(whole.replace(b"\x28\0\x30\0DS", b"\x28\0\x30\0" + vr))
    assert decode_film(path, DEFAULTS).pixel_spacing_mm is None


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
def test_a_stream_cut_inside_of_a_whole_fragment_is_no_film(tmp_path: Path, name: str) -> None:
    """libjpeg would fill the missing part with grey."""
    pixels = textured(64, 64, 8 if name == "JPEG baseline" else 12)
    syntax, encode = (LOSSLESS | LOSSY)[name]
    frame = bytes(encode(pixels, 8 if name == "JPEG baseline" else 12))
    for share in (0.1, 0.5, 0.95):
        path = make_encapsulated(tmp_path / "a.dcm", pixels, syntax, frame[: int(len(frame) * share)], bits=8 * pixels.itemsize)
        assert reason(path) in ("truncated_pixels", "undecodable_pixels")


def test_fuzzed_files_give_a_film_or_a_declared_reason(tmp_path: Path) -> None:
    """Bytes changed in header and pixels alike; in worker processes, as a decoder may die of it."""
    rng = np.random.default_rng(0)
    paths = []
    for name in SYNTAXES:
        whole = sound(tmp_path / "whole.dcm", name).read_bytes()
        for number in range(FUZZED):
            changed = bytearray(whole)
            for at in rng.integers(132, len(whole), 1 + number):
                changed[at] = rng.integers(256)
            paths.append(tmp_path / f"{len(paths)}.dcm")
            paths[-1].write_bytes(changed)
    good = sound(tmp_path / "good.dcm", "native")
    with open_pool(Decode(workers=2)) as pool:
        results = list(decode_all(pool, [(path, False) for path in [*paths, good]], Decode(workers=2)))
    assert isinstance(results[-1], Decoded)
    reasons = Counter(result for result in results if isinstance(result, str))
    assert set(reasons) <= set(Undecodable.reasons)
    assert sum(reasons.values()) > FUZZED


def deflated(path: Path, body: bytes, repeats: int) -> Path:
    """A deflated file whose data set is `body` and then `repeats` MiB of zeros."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    plain = make_dicom(path, syntax=DeflatedExplicitVRLittleEndian).read_bytes()
    meta = 132 + 12 + int.from_bytes(plain[140:144], "little")
    packed = [pack.compress(body), *(pack.compress(bytes(2**20)) for _ in range(repeats)), pack.flush()]
    path.write_bytes(plain[:meta] + b"".join(packed))
    return path


def data_set(path: Path, **fields: object) -> bytes:
    """The explicit little endian data set of a made film, without preamble and meta information."""
    whole = make_dicom(path, **fields).read_bytes()
    return whole[132 + 12 + int.from_bytes(whole[140:144], "little") :]


def test_a_deflate_bomb_is_inflated_no_further_than_the_largest_film(tmp_path: Path) -> None:
    settings = Decode(max_megapixels=1)
    body = data_set(tmp_path / "plain.dcm")
    assert isinstance(decode_film(deflated(tmp_path / "a.dcm", body, 0), settings), Decoded)
    bomb = deflated(tmp_path / "b.dcm", body, 600)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert bomb.stat().st_size < 2**20
    assert reason(bomb, settings) == "too_large"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 2**10


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
def test_a_codestream_that_declares_a_giant_is_not_decoded(tmp_path: Path, name: str) -> None:
    path = sound(tmp_path / "a.dcm", name)
    whole = path.read_bytes()
    size = b"\x00\x00\x00\x40" * 2 if "2000" in name or "HTJ2K" in name else b"\x00\x40\x00\x40"
    start = whole.rindex(b"\xe0\x7f\x10\x00")
    at = whole.index(size, start)
    path.write_bytes(whole[:at] + (b"\x00\x00\xff\xff" * 2 if len(size) == 8 else b"\xff\xff" * 2) + whole[at + len(size) :])
    assert reason(path) == "undecodable_pixels"


def nested(depth: int) -> bytes:
    """A private sequence of undefined length in a sequence, `depth` deep, never closed."""
    return b"".join(b"\x09\x00\x10\x10SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" for _ in range(depth))


def test_deep_nesting_has_a_reason(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm")
    whole = path.read_bytes()
    at = whole.index(b"\x10\x00\x10\x00PN")
    path.write_bytes(whole[:at] + nested(20_000) + whole[at:])
    assert reason(path) in ("undecodable_pixels", "truncated_pixels")


def killed_by(number: int) -> None:
    os.kill(os.getpid(), number)


def test_a_worker_that_dies_takes_no_other_file_along(tmp_path: Path) -> None:
    good, settings = make_dicom(tmp_path / "good.dcm"), Decode(workers=1)
    with open_pool(settings) as pool:
        doomed = [pool.schedule(killed_by, args=(number,)) for number in (signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT)]
        after = list(decode_all(pool, [(good, False)] * 3, settings))
        assert [_outcome(one) for one in doomed] == ["decoder_crashed"] * 3
    assert all(isinstance(result, Decoded) for result in after)


def test_films_at_full_size_are_read_under_the_same_limits(tmp_path: Path) -> None:
    good, giant = make_dicom(tmp_path / "good.dcm"), make_dicom(tmp_path / "giant.dcm", Rows=65535, Columns=65535)
    settings = Decode(workers=1)
    with open_pool(settings) as pool:
        first, other, again = read_all(pool, [good, giant, good], settings)
    assert other == "too_large"
    for film in (first, again):
        np.testing.assert_array_equal(film, read_film(good, settings))


def test_an_export_of_damage_ends_as_rows_and_the_good_film_stays(tmp_path: Path) -> None:
    """Every bomb at once, under names that try to leave the folder, beside links that go round, and one sound film."""
    export = tmp_path / "export"
    sound(export / "good.dcm", "JPEG 2000")
    for name in ("..%2f..%2fescape.dcm", "-rf.dcm", "a\nb.dcm", "'; drop table.dcm", "caf\u00e9 \u202e.dcm"):
        make_dicom(export / "names" / name, Rows=400)
    (export / "loop").mkdir()
    (export / "loop" / "round").symlink_to(export, target_is_directory=True)
    (export / "loop" / "outside.dcm").symlink_to(make_dicom(tmp_path / "outside.dcm"))
    cut = sound(export / "cut.dcm", "JPEG-LS")
    cut.write_bytes(cut.read_bytes()[:-300])
    make_dicom(export / "giant.dcm", Rows=65535, Columns=65535)
    make_dicom(export / "frames.dcm", NumberOfFrames=-3)
    make_dicom(export / "samples.dcm", SamplesPerPixel=0)
    make_dicom(export / "palette.dcm", gradient(top=255).astype(np.uint8), bits=8, PhotometricInterpretation="PALETTE COLOR")
    make_dicom(export / "bits.dcm", BitsAllocated=32, BitsStored=32, HighBit=31)
    (export / "empty.dcm").write_bytes(b"")
    (export / "noise.dcm").write_bytes(bytes(128) + b"DICM" + np.random.default_rng(0).bytes(5000))

    home = Home(tmp_path / "home").create()
    settings = settings_module.load(overrides=("decode.workers=1", "decode.max_megapixels=1"))
    collect.run(home, settings, export)
    decode.run(home, settings)
    exclude.run(home, settings)
    rows = {row["path"]: (row["disposition"], row["reason"]) for row in home.read("private_files").to_pylist()}
    kept = {path for path, (disposition, _) in rows.items() if disposition == "image"}
    assert kept == {"good.dcm"}
    expected = {
        "cut.dcm": "truncated_pixels",
        "giant.dcm": "too_large",
        "frames.dcm": "multi_frame",
        "samples.dcm": "not_greyscale",
        "palette.dcm": "not_greyscale",
        "bits.dcm": "unsupported_bit_depth",
        "empty.dcm": "empty_file",
    }
    assert {path: rows[path][1] for path in expected} == expected
    assert Counter(reason for path, (_, reason) in rows.items() if path.startswith("names/")) == {"truncated_pixels": 5}
    assert rows["noise.dcm"][1] in ("damaged_header", "not_dicom")
    links = {path: ending for path, ending in rows.items() if path.startswith("loop/")}
    assert links.keys() == {path.relative_to(export).as_posix() for path in (export / "loop").iterdir()}
    assert set(links.values()) == {("excluded", "link")}
    assert len(rows) - len(links) == sum(1 for path in export.rglob("*") if path.is_file() and "loop" not in path.parts)


def test_a_file_that_cannot_be_read_now_is_tried_again(tmp_path: Path) -> None:
    assert reason(tmp_path / "gone.dcm") == "unreadable_now"
    with pytest.raises(FilmError, match="unreadable_now"):
        read_film(tmp_path / "gone.dcm", DEFAULTS)


def test_a_side_that_the_codec_does_not_take_costs_the_film_alone(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", np.arange(65535, dtype=np.uint16).reshape(65535, 1), bits=16)
    assert reason(path, Decode(codec="jpeg", size_px=0)) == "too_large"
