"""Stored values of every transfer syntax and bit layout, bit for bit: against what was encoded, and against pydicom's own decoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom
import pytest
from dicoms import LOSSLESS, LOSSY, gradient, make_dicom, make_encapsulated, textured
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from pipeline.decode.greyscale import grey_scale
from pipeline.decode.stored import FilmError, read_source


def stored(path: Path, **options: Any) -> np.ndarray:
    return read_source(path, 100, **options).stored


def reason(path: Path, max_megapixels: float = 100) -> str:
    with pytest.raises(FilmError) as caught:
        read_source(path, max_megapixels)
    return caught.value.reason


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_syntaxes_give_what_was_encoded(tmp_path: Path, name: str, bits: int) -> None:
    pixels, (syntax, encode) = textured(bits=bits), LOSSLESS[name]
    same(stored(make_encapsulated(tmp_path / "a.dcm", pixels, syntax, encode(pixels, bits), bits=bits)), pixels)


@pytest.mark.parametrize("bits", [8, 12])
def test_uncompressed_pixels_in_fragments(tmp_path: Path, bits: int) -> None:
    pixels = textured(bits=bits)
    path, syntax = tmp_path / "a.dcm", UID("1.2.840.10008.1.2.1.98")
    same(stored(make_encapsulated(path, pixels, syntax, pixels.tobytes(), bits=bits, fragments=3)), pixels)
    make_encapsulated(path, pixels, syntax, pixels.tobytes()[:-2], bits=bits)
    assert reason(path) == "truncated_pixels"


@pytest.mark.parametrize(
    ("name", "bits"), [("JPEG baseline", 8), ("JPEG extended", 12), ("JPEG-LS near-lossless", 12), ("JPEG 2000 lossy", 12)]
)
def test_lossy_syntaxes_are_near_and_equal_another_decoder(tmp_path: Path, name: str, bits: int) -> None:
    pixels, (syntax, encode) = textured(rows=64, columns=64, bits=bits), LOSSY[name]
    path = make_encapsulated(tmp_path / "a.dcm", pixels, syntax, encode(pixels, bits), bits=bits)
    found = stored(path)
    assert np.abs(found.astype(int) - pixels).mean() < 2**bits / 100
    same(found, gdcm_pixels(path) if name == "JPEG extended" else pydicom.dcmread(path).pixel_array)


def gdcm_pixels(path: Path) -> np.ndarray:
    """GDCM by itself: pydicom does not let it decode 12-bit JPEG."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    rows, columns = reader.GetImage().GetDimensions()[::-1]
    return np.frombuffer(reader.GetImage().GetBuffer().encode("utf-8", "surrogateescape"), np.uint16).reshape(rows, columns)


@pytest.mark.parametrize("pixels", [textured(), textured(bits=8), textured(bits=16), (textured() - 2000.0).astype(np.int16)])
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, RLELossless])
def test_uncompressed_deflated_and_run_length(tmp_path: Path, syntax: UID, pixels: np.ndarray) -> None:
    path = make_dicom(tmp_path / "a.dcm", pixels, bits=8 * pixels.itemsize)
    dataset = pydicom.dcmread(path)
    if syntax == RLELossless:
        dataset.compress(syntax, generate_instance_uid=False)
    elif syntax == ExplicitVRBigEndian:
        dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes() if pixels.itemsize > 1 else swapped(pixels.tobytes())
        dataset["PixelData"].VR = "OW"
    fresh = pydicom.Dataset()  # which may be written in any byte order
    fresh.update(dataset)
    fresh.file_meta = dataset.file_meta
    fresh.file_meta.TransferSyntaxUID = syntax
    fresh.save_as(path, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=syntax != ExplicitVRBigEndian, enforce_file_format=True)
    same(stored(path), pixels)


def swapped(words: bytes) -> bytes:
    return np.frombuffer(words, "<u2").byteswap().tobytes()


@pytest.mark.parametrize("bits", range(1, 17))
def test_one_to_sixteen_bits_signed_and_not_at_any_place_in_the_word(tmp_path: Path, bits: int) -> None:
    values = np.arange(48 * 40).reshape(48, 40) % 2**bits
    overlay = 0xFFFF
    for shift in range(17 - bits):
        rest = overlay & ~((2**bits - 1) << shift)
        words = (values << shift | rest).astype(np.uint16)
        path = make_dicom(tmp_path / "a.dcm", words, bits=bits, HighBit=bits - 1 + shift)
        same(stored(path), values.astype(np.uint16))
        path = make_dicom(tmp_path / "a.dcm", words, bits=bits, HighBit=bits - 1 + shift, PixelRepresentation=1)
        same(stored(path), np.where(values >= 2 ** (bits - 1), values - 2**bits, values).astype(np.int16))


def test_single_bits_lie_eight_in_a_byte(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((9, 7)) < 0.5
    path = make_dicom(tmp_path / "a.dcm", mask.astype(np.uint8), bits=1, BitsAllocated=1, HighBit=0)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = np.packbits(mask.ravel(), bitorder="little").tobytes()
    dataset.save_as(path)
    same(stored(path), mask.astype(np.uint8))


@pytest.mark.parametrize("name", ["JPEG lossless SV1", "JPEG lossless, selection value 6", "JPEG 2000"])
def test_signed_pixels_in_a_codestream_without_a_sign(tmp_path: Path, name: str) -> None:
    """Header signed, codestream not: the case of pydicom's J2K_pixelrep_mismatch.dcm."""
    pixels, (syntax, encode) = (textured() - 2048.0).astype(np.int16), LOSSLESS[name]
    frame = encode((pixels & 0xFFF).astype(np.uint16), 12)
    same(stored(make_encapsulated(tmp_path / "a.dcm", pixels, syntax, frame)), pixels)


def test_signed_jpeg_2000_codestream(tmp_path: Path) -> None:
    pixels = textured(bits=16).astype(np.int32) - 32768
    path = make_dicom(tmp_path / "a.dcm", pixels.astype(np.int16), bits=16, syntax=JPEG2000Lossless)
    same(stored(path), pixels.astype(np.int16))


def test_fragments_are_one_frame_and_a_delimiter_inside_of_one_is_no_end(tmp_path: Path) -> None:
    pixels = textured(64, 64, 8)
    syntax, encode = LOSSLESS["JPEG-LS"]
    frame = encode(pixels, 8)
    same(stored(make_encapsulated(tmp_path / "a.dcm", pixels, syntax, frame, bits=8, fragments=5)), pixels)
    comment = b"\xff\xfe\x00\x0a" + b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    path = make_encapsulated(tmp_path / "b.dcm", pixels, syntax, frame[:2] + comment + frame[2:], bits=8)
    same(stored(path), pixels)


def test_a_file_without_meta_information_is_read_as_its_first_element_looks(tmp_path: Path) -> None:
    pixels = textured()
    path = make_dicom(tmp_path / "a.dcm", pixels)
    dataset = pydicom.dcmread(path)
    for implicit in (True, False):
        bare = tmp_path / "bare.dcm"
        pydicom.dcmwrite(bare, pydicom.Dataset(dataset), implicit_vr=implicit, little_endian=True)
        assert bare.read_bytes()[128:132] != b"DICM"
        same(stored(bare), pixels)


def test_bytes_behind_the_frame_are_padding(tmp_path: Path) -> None:
    pixels = textured()
    path = make_dicom(tmp_path / "a.dcm", pixels)
    dataset = pydicom.dcmread(path)
    dataset.PixelData = dataset.PixelData + b"\0" * 100
    dataset.save_as(path)
    same(stored(path), pixels)


@pytest.mark.parametrize("name", ["JPEG 2000", "HTJ2K"])
def test_jpeg_2000_stops_at_the_resolution_that_is_enough(tmp_path: Path, name: str) -> None:
    smooth = cv2.GaussianBlur(textured(260, 200), (0, 0), 4)
    syntax, encode = LOSSLESS[name]
    path = make_encapsulated(tmp_path / "a.dcm", smooth, syntax, encode(smooth, 12), bits=12)
    source = read_source(path, 100, least_px=65)
    assert (source.halvings, source.stored.shape, source.rows, source.columns) == (2, (65, 50), 260, 200)
    # The low-pass filter sits on every fourth pixel, and not between them as an average of four does.
    assert np.abs(source.stored.astype(int) - smooth[::4, ::4])[2:-2, 2:-2].mean() < 4
    assert read_source(path, 100, least_px=131).halvings == 0
    padded = make_encapsulated(tmp_path / "b.dcm", smooth, syntax, encode(smooth, 12), bits=12, PixelPaddingValue=0)
    assert read_source(padded, 100, least_px=65).halvings == 0


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "unsupported_bit_depth"),
        ({"BitsAllocated": 12}, "unsupported_bit_depth"),
        ({"BitsStored": 0, "BitsAllocated": 0}, "unsupported_bit_depth"),
        ({"HighBit": 3}, "undecodable_pixels"),
        ({"HighBit": 16}, "undecodable_pixels"),
        ({"Rows": 0}, "undecodable_pixels"),
        ({"Columns": None}, "undecodable_pixels"),
        ({"Rows": 400}, "truncated_pixels"),
        ({"Rows": 65535, "Columns": 65535}, "too_large"),
    ],
)
def test_headers_that_cannot_be_have_their_reason(tmp_path: Path, fields: dict[str, Any], expected: str) -> None:
    assert reason(make_dicom(tmp_path / "a.dcm", **fields)) == expected


def test_float_pixels_and_private_syntaxes_are_refused_by_name(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm")
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.FloatPixelData = np.zeros((40, 32), np.float32).tobytes()
    dataset.save_as(path)
    assert reason(path) == "unsupported_bit_depth"
    dataset = pydicom.dcmread(make_dicom(path))
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.100")
    dataset.PixelData = pydicom.encaps.encapsulate([b"\0\0\1\0"])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    assert reason(path) == "unsupported_transfer_syntax"


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_codestream_of_another_shape_is_refused_undecoded(tmp_path: Path, name: str) -> None:
    """The header says 48 x 40; the stream is larger, and is not decoded to find that out."""
    syntax, encode = LOSSLESS[name]
    path = make_encapsulated(tmp_path / "a.dcm", textured(), syntax, encode(textured(300, 200), 12), bits=12)
    assert reason(path) == "undecodable_pixels"


def test_colour_in_the_codestream_of_a_grey_header_is_refused(tmp_path: Path) -> None:
    import imagecodecs

    frame = imagecodecs.jpeg8_encode(np.repeat(textured(bits=8)[..., None], 3, axis=2), 90)
    assert reason(make_encapsulated(tmp_path / "a.dcm", textured(bits=8), JPEGBaseline8Bit, frame, bits=8)) == "undecodable_pixels"


@pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, HTJ2KLossless, RLELossless, JPEGBaseline8Bit])
def test_an_encapsulated_syntax_without_fragments_is_no_film(tmp_path: Path, syntax: UID) -> None:
    path = make_encapsulated(tmp_path / "a.dcm", gradient(), syntax, b"\0\0")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\xfe\xff\x00\xe0\x02\x00\x00\x00\x00\x00", b""))
    assert reason(path) == "truncated_pixels"


@pytest.mark.parametrize("bits", [8, 16])
def test_pictures_of_archives_are_films_with_their_whole_range_as_window(tmp_path: Path, bits: int) -> None:
    pixels = textured(bits=bits) // 2 + 7
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    cv2.imwrite(str(tmp_path / "rgba.png"), cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGRA))
    for name in ("a.png", "rgba.png"):
        source = read_source(tmp_path / name, 100)
        same(source.stored, pixels)
        shown = grey_scale(source.header, source.stored, "as_displayed").apply(source.stored)
        np.testing.assert_array_equal(shown, pixels.astype(np.uint32) * (257 if bits == 8 else 1))


def test_pictures_in_jpeg_in_colour_cut_short_and_too_large(tmp_path: Path) -> None:
    pixels = textured(64, 64, 8)
    for name, film in (("a.jpg", pixels), ("rgb.jpg", cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR))):
        cv2.imwrite(str(tmp_path / name), film, [cv2.IMWRITE_JPEG_QUALITY, 98])
        assert np.abs(stored(tmp_path / name).astype(int) - pixels).mean() < 3
    cv2.imwrite(str(tmp_path / "red.png"), np.dstack([pixels, pixels, np.roll(pixels, 9)]))
    assert reason(tmp_path / "red.png") == "colour_picture"
    assert reason(tmp_path / "a.jpg", max_megapixels=0.001) == "too_large"
    for name in ("a.jpg", "red.png"):
        (tmp_path / "cut").write_bytes((tmp_path / name).read_bytes()[:-30])
        assert reason(tmp_path / "cut") == "truncated_pixels"


@pytest.mark.parametrize("size", [(4097, 3480), (4248, 3481), (501, 405), (1021, 767), (514, 517)])
def test_jpeg2000_of_any_size_is_reduced_or_read_in_full_and_never_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = cv2.GaussianBlur(textured(*size), (0, 0), 3)
    syntax, encode = LOSSLESS["JPEG 2000"]
    path = make_encapsulated(tmp_path / "a.dcm", pixels, syntax, encode(pixels, 12), bits=12)
    for least_px in (64, 128, 300, 1024):
        source = read_source(path, 100, least_px)
        assert max(source.stored.shape) >= least_px or source.halvings == 0
        assert source.stored.shape == tuple(-(-side // 2**source.halvings) for side in size)
    assert read_source(path, 100, 128).halvings >= 1


@pytest.mark.parametrize("behind", [b"", b"\0", b"\n", b"  ", b"\n\n\n\0"])
@pytest.mark.parametrize("name", ["JPEG baseline", "JPEG lossless SV1", "JPEG-LS"])
def test_a_few_bytes_behind_the_end_of_image_are_padding(tmp_path: Path, name: str, behind: bytes) -> None:
    syntax, encode = (LOSSLESS | LOSSY)[name]
    pixels = textured(bits=8)
    frame = bytes(encode(pixels, 8))
    sound = stored(make_encapsulated(tmp_path / "a.dcm", pixels, syntax, frame, bits=8))
    same(stored(make_encapsulated(tmp_path / "b.dcm", pixels, syntax, frame + behind, bits=8)), sound)


def test_a_data_set_coded_otherwise_than_its_transfer_syntax_says_is_read_as_it_is(tmp_path: Path) -> None:
    pixels = textured(32, 30, 12)
    path = make_dicom(tmp_path / "a.dcm", pixels)
    explicit, implicit = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0"
    assert path.read_bytes().count(explicit) == 1
    path.write_bytes(path.read_bytes().replace(explicit, implicit))
    same(stored(path), pixels)


def test_bits_above_those_stored_are_no_part_of_a_lossless_jpeg(tmp_path: Path) -> None:
    pixels = textured(bits=12)
    syntax, encode = LOSSLESS["JPEG lossless SV1"]
    overlaid = pixels | np.uint16(2**15)
    same(stored(make_encapsulated(tmp_path / "a.dcm", pixels, syntax, encode(overlaid, 16), bits=12)), pixels)


def test_the_sign_is_the_highest_bit_of_what_is_stored(tmp_path: Path) -> None:
    pixels = textured(bits=12)
    syntax, encode = LOSSLESS["JPEG lossless SV1"]
    path = make_encapsulated(tmp_path / "a.dcm", pixels.astype(np.int16), syntax, encode(pixels, 12), bits=16)
    same(stored(path), pydicom.dcmread(path).pixel_array)
    same(stored(path), pixels.astype(np.int16))
