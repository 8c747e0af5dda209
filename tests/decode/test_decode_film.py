"""One file to one film: syntaxes, polarity, signs, sizes, and every way to fail."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from dicoms import LOSSLESS, gradient, make_dicom, make_encapsulated, textured
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from pipeline.base.images import decode, decode_eight_bits
from pipeline.base.settings import Decode
from pipeline.decode.film import FilmError, decode_film, difference_hash


def film_of(path: Path, size_px: int = 512) -> np.ndarray:
    return decode_eight_bits(decode_film(path, Decode(size_px=size_px)).pixels)


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_every_syntax_decodes_to_the_same_film(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    plain = decode_film(make_dicom(tmp_path / "plain.dcm"), Decode())
    packed = decode_film(make_dicom(tmp_path / "packed.dcm", syntax=syntax), Decode())
    assert packed.pixels == plain.pixels
    assert packed.pixel_digest == plain.pixel_digest


def test_stored_film_is_the_window_of_the_source(tmp_path: Path) -> None:
    pixels = gradient()
    film = film_of(make_dicom(tmp_path / "a.dcm", pixels, WindowCenter=2048, WindowWidth=4096))
    np.testing.assert_allclose(film, pixels / 4095 * 255, atol=0.51)


def test_monochrome1_and_2_of_one_film_decode_alike(tmp_path: Path) -> None:
    pixels = gradient()
    one = film_of(make_dicom(tmp_path / "one.dcm", (4095 - pixels).astype(np.uint16), PhotometricInterpretation="MONOCHROME1"))
    two = film_of(make_dicom(tmp_path / "two.dcm", pixels))
    assert np.abs(one.astype(int) - two).max() <= 1


def test_signed_and_eight_bit_pixels(tmp_path: Path) -> None:
    signed = film_of(make_dicom(tmp_path / "s.dcm", gradient().astype(np.int16) - 2000, bits=16))
    eight = film_of(make_dicom(tmp_path / "e.dcm", gradient(top=255).astype(np.uint8), bits=8))
    assert signed[0, 0] == eight[0, 0] == 0
    assert signed[-1, -1] == eight[-1, -1] == 255


def test_padding_is_black_and_not_inverted(tmp_path: Path) -> None:
    pixels = gradient()
    pixels[:5] = 0
    film = film_of(make_dicom(tmp_path / "p.dcm", pixels, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0))
    assert film[:5].max() == 0


def test_longer_side_is_the_setting_and_nothing_is_enlarged(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", gradient(80, 40), ImagerPixelSpacing=[0.2, 0.2])
    small = decode_film(path, Decode(size_px=40))
    assert (small.height_px, small.width_px) == (40, 20)
    assert small.pixel_spacing_mm == pytest.approx(0.4)
    assert decode_film(path, Decode()).height_px == 80


def test_sixteen_bits_are_the_film_and_eight_their_rounding(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", textured(300, 200), WindowCenter=2048, WindowWidth=4096)
    deep, flat = (decode_film(path, Decode(size_px=100, depth_bits=bits)) for bits in (16, 8))
    film = decode(deep.pixels)
    assert film.dtype == np.uint16
    averaged = cv2.resize(textured(300, 200).astype(float), (67, 100), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(film, averaged / 4095 * 65535, atol=257)
    np.testing.assert_array_equal(decode(flat.pixels), np.rint(film / 257))
    np.testing.assert_array_equal(decode_eight_bits(deep.pixels), decode(flat.pixels))
    assert deep.thumbnail == flat.thumbnail


def test_jpeg_is_near_and_the_original_size_is_kept(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", textured(300, 200), WindowCenter=2048, WindowWidth=4096, PixelSpacing=[0.14, 0.14])
    png, jpeg = (decode_film(path, Decode(size_px=0, codec=codec)) for codec in ("png", "jpeg"))
    assert jpeg.pixels.startswith(b"\xff\xd8")
    assert (png.height_px, png.width_px, png.pixel_spacing_mm) == (300, 200, 0.14)
    assert 0 < np.abs(decode(jpeg.pixels).astype(int) - decode(png.pixels)).mean() < 3


def test_clahe_is_opencvs_on_the_robust_film(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", textured(128, 96))
    robust, clahe = (decode(decode_film(path, Decode(intensity=name, depth_bits=16)).pixels) for name in ("robust", "clahe"))
    np.testing.assert_array_equal(clahe, cv2.createCLAHE(2.0, (8, 8)).apply(robust))
    assert (clahe != robust).any()


@pytest.mark.parametrize("bad", [{"size_px": 16}, {"codec": "jpeg", "depth_bits": 16}, {"intensity": "pretty"}, {"depth_bits": 12}])
def test_settings_that_cannot_be_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"size_px|jpeg|intensity|depth_bits"):
        Decode.model_validate(bad)


def test_overlays_are_never_burned_in(tmp_path: Path) -> None:
    """Neither an overlay plane of the object nor one in the unused high bits of pixel words (PS3.3 C.9.2)."""
    pixels = textured()
    plain, with_plane = make_dicom(tmp_path / "a.dcm", pixels), make_dicom(tmp_path / "b.dcm", pixels)
    dataset = pydicom.dcmread(with_plane)
    for tag, vr, value in ((0x10, "US", 48), (0x11, "US", 40), (0x40, "CS", "G"), (0x50, "SS", [1, 1]), (0x100, "US", 1), (0x102, "US", 0)):
        dataset.add_new((0x6000, tag), vr, value)
    dataset.add_new((0x6000, 0x3000), "OW", b"\xff" * 240)
    dataset.save_as(with_plane)
    embedded = make_dicom(tmp_path / "c.dcm", (pixels | 0x8000).astype(np.uint16))
    films = [decode_film(path, Decode()) for path in (plain, with_plane, embedded)]
    assert films[0] == films[1] == films[2]


def test_a_film_at_lower_resolution_is_the_film(tmp_path: Path) -> None:
    smooth = cv2.GaussianBlur(textured(1040, 800), (0, 0), 6)
    syntax, encoder = LOSSLESS["JPEG 2000"]
    path = make_encapsulated(tmp_path / "a.dcm", smooth, syntax, encoder(smooth, 12))
    half, whole, compared = (
        decode_film(path, Decode(size_px=128, reduced_resolution=reduced), in_full)
        for reduced, in_full in ((True, False), (False, False), (True, True))
    )
    assert (half.halvings, whole.halvings) == (2, 0)
    assert whole == compared
    assert (half.source_height_px, half.source_width_px) == (1040, 800)
    assert np.abs(decode(half.pixels).astype(int) - decode(whole.pixels)).mean() < 1


def test_constant_film_is_told_by_its_levels(tmp_path: Path) -> None:
    assert decode_film(make_dicom(tmp_path / "c.dcm", np.full((16, 16), 700, np.uint16)), Decode()).source_levels == 1


def broken(path: Path, keep: float) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless])
def test_truncated_files_are_refused(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    noise = np.random.default_rng(0).integers(0, 4096, (64, 64)).astype(np.uint16)
    with pytest.raises(FilmError) as caught:
        decode_film(broken(make_dicom(tmp_path / "t.dcm", noise, syntax=syntax), 0.6), Decode())
    assert caught.value.reason in ("truncated_pixels", "undecodable_pixels")


def test_a_declared_giant_is_refused_undecoded(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "g.dcm", Rows=60000, Columns=60000)
    with pytest.raises(FilmError, match="too_large"):
        decode_film(path, Decode())


def test_difference_hash_is_64_signs() -> None:
    ramp = np.tile(np.arange(90, dtype=np.uint8), (80, 1))
    assert difference_hash(ramp) == 2**64 - 1
    assert difference_hash(ramp[:, ::-1].copy()) == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (2, 5), (3001, 7)])
def test_films_of_any_shape_have_an_outcome(tmp_path: Path, shape: tuple[int, int]) -> None:
    found = decode_film(make_dicom(tmp_path / "a.dcm", textured(*shape)), Decode())
    assert (found.source_height_px, found.source_width_px) == shape
    assert max(found.height_px, found.width_px) == min(512, max(shape))
