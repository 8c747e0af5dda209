"""One file to one film: syntaxes, polarity, signs, sizes, and every way to fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicoms import gradient, make_dicom
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from pipeline.base.images import decode_eight_bits
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


def test_real_odd_files_match_pydicom_or_say_why(shared_data: Path) -> None:
    """Over all odd real files: a single-frame greyscale image that pydicom reads is read alike; anything else is a FilmError."""
    compared = 0
    for path in sorted((shared_data / "dicom").rglob("*")):
        if not path.is_file() or path.suffix == ".csv":
            continue
        try:
            mine = decode_film(path, Decode(size_px=0, max_megapixels=30))
        except FilmError:
            continue
        except Exception as error:
            pytest.fail(f"{path.name}: {type(error).__name__} is not a FilmError")
        dataset = pydicom.dcmread(path, force=True)
        assert (mine.source_height_px, mine.source_width_px) == (dataset.Rows, dataset.Columns)
        compared += 1
    assert compared > 30
