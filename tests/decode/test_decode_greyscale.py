"""The grey scale pipeline against worked values of the standard and against pydicom."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from dicoms import make_dicom, textured
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian

from pipeline.base.images import eight_bits
from pipeline.decode.greyscale import FULL, Intensity, grey_scale, modality_values, window
from pipeline.decode.greyscale import voi as voi_and_source
from pipeline.decode.stored import read_source


def voi(dataset: Dataset, values: np.ndarray) -> np.ndarray:
    return voi_and_source(dataset, values, np.ones(len(values), bool))[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    # PS3.3 C.11.2.1.2.1, the note's example: c=2048, w=4096 maps 0 to 0 and 4095 to the top.
    [(0, 0.0), (4095, 1.0), (-5, 0.0), (9000, 1.0)],
)
def test_linear_window_maps_the_standards_example(value: float, expected: float) -> None:
    assert window(np.array([value], float), 2048, 4096, "LINEAR")[0] == pytest.approx(expected)


def test_linear_window_of_width_one_is_a_threshold() -> None:
    assert window(np.array([99.0, 100.0]), 100, 1, "LINEAR").tolist() == [0.0, 1.0]


def test_linear_exact_and_sigmoid_pass_through_the_middle_at_the_centre() -> None:
    for function in ("LINEAR_EXACT", "SIGMOID"):
        assert window(np.array([300.0]), 300, 80, function)[0] == pytest.approx(0.5)


@given(
    centre=st.integers(-2000, 5000).map(lambda value: value / 4),
    width=st.integers(8, 24000).map(lambda value: value / 4),
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
)
def test_window_equals_pydicom(centre: float, width: float, function: str) -> None:
    dataset = Dataset()
    dataset.PhotometricInterpretation, dataset.BitsStored, dataset.PixelRepresentation = "MONOCHROME2", 12, 0
    dataset.WindowCenter, dataset.WindowWidth, dataset.VOILUTFunction = str(centre)[:16], str(width)[:16], function
    stored = np.arange(0, 4096, 37)
    expected = np.asarray(apply_voi_lut(stored, dataset), float) / 4095
    np.testing.assert_allclose(voi(dataset, stored.astype(float)), expected, atol=1e-9)


def test_voi_lut_is_preferred_and_clamped_at_both_ends() -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [4, 10, 16], [0, 1000, 30000, 65535]
    dataset = Dataset()
    dataset.VOILUTSequence, dataset.WindowCenter, dataset.WindowWidth = [item], 5, 2
    found = voi(dataset, np.array([0.0, 10.0, 11.0, 12.0, 13.0, 99.0])) * FULL
    assert np.rint(found).tolist() == [0, 0, 1000, 30000, 65535, 65535]


def test_monochrome1_is_the_negative_of_monochrome2() -> None:
    tables = []
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        dataset = Dataset()
        dataset.PhotometricInterpretation, dataset.WindowCenter, dataset.WindowWidth = photometric, 500, 400
        tables.append(grey_scale(dataset, np.arange(1001, dtype=np.uint16)[None], "as_displayed").table.astype(int))
    assert np.abs(tables[0] + tables[1] - FULL).max() <= 1


def test_a_constant_range_divides_nothing_by_zero() -> None:
    assert grey_scale(Dataset(), np.full((4, 4), 7, np.uint16), "as_displayed").table.shape == (1,)


@pytest.mark.parametrize("width", ["0", "-5", None])
def test_an_impossible_window_falls_back_to_the_full_range(width: str | None) -> None:
    dataset = Dataset()
    dataset.WindowCenter, dataset.WindowWidth = 100, width
    assert voi(dataset, np.array([0.0, 50.0, 100.0])).tolist() == [0.0, 0.5, 1.0]


def header(**fields: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in fields.items():
        setattr(dataset, keyword, value)
    return dataset


def shown(dataset: Dataset, stored: np.ndarray, intensity: Intensity = "as_displayed", window_name: str = "") -> np.ndarray:
    return grey_scale(dataset, stored, intensity, window_name).apply(stored)


FILM = np.random.default_rng(0).gamma(4, 300, (64, 48)).clip(0, 4095).astype(np.uint16)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16])
def test_the_table_is_applied_by_value_whatever_the_sign(dtype: type) -> None:
    stored = np.array([[-300, -1, 0, 5, 127, 300]]).clip(np.iinfo(dtype).min, np.iinfo(dtype).max).clip(None, 300).astype(dtype)
    low, high = int(stored.min()), int(stored.max())
    expected = np.rint((stored.astype(float) - low) / (high - low) * FULL)
    np.testing.assert_array_equal(shown(Dataset(), stored), expected)


def test_of_several_windows_the_first_or_the_one_named() -> None:
    dataset = header(WindowCenter=["500", "3000"], WindowWidth=["200", "400"], WindowCenterWidthExplanation=["LUNG", "BONE"])
    first, bone = header(WindowCenter="500", WindowWidth="200"), header(WindowCenter="3000", WindowWidth="400")
    np.testing.assert_array_equal(shown(dataset, FILM), shown(first, FILM))
    np.testing.assert_array_equal(shown(dataset, FILM, window_name="BONE"), shown(bone, FILM))
    np.testing.assert_array_equal(shown(dataset, FILM, window_name="HARDER"), shown(first, FILM))


def test_of_several_voi_luts_the_first_or_the_one_named() -> None:
    ramp, fall = np.linspace(0, 65535, 4096).astype(np.uint16), np.linspace(65535, 0, 4096).astype(np.uint16)
    luts = [header(LUTDescriptor=[4096, 0, 16], LUTData=lut.tolist(), LUTExplanation=name) for lut, name in ((ramp, "UP"), (fall, "DOWN"))]
    dataset = header(VOILUTSequence=luts)
    np.testing.assert_array_equal(shown(dataset, FILM), ramp[FILM])
    np.testing.assert_array_equal(shown(dataset, FILM, window_name="DOWN"), fall[FILM])
    assert grey_scale(dataset, FILM, "as_displayed").range_from == "voi_lut"


@pytest.mark.parametrize(
    ("photometric", "shape", "is_turned"),
    [
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "INVERSE", True),  # C.8.11.3: they say it twice, it is done once
        ("MONOCHROME1", None, True),
    ],
)
def test_presentation_lut_shape(photometric: str, shape: str | None, is_turned: bool) -> None:
    window = {"WindowCenter": "1200", "WindowWidth": "2000"}
    plain = shown(header(**window), FILM)
    turned = shown(header(PhotometricInterpretation=photometric, **({"PresentationLUTShape": shape} if shape else {}), **window), FILM)
    np.testing.assert_allclose(turned, FULL - plain.astype(int) if is_turned else plain, atol=1)


@pytest.mark.parametrize("intensity", ["as_displayed", "robust", "hist_equalised"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_counts_for_no_range(intensity: Intensity, photometric: str) -> None:
    padded = FILM.clip(100, None)
    kept = np.ones(FILM.shape, bool)
    kept[:8] = False
    padded[~kept] = np.tile([0, 7, 30, 50], 96)
    dataset = header(PhotometricInterpretation=photometric, PixelPaddingValue=50, PixelPaddingRangeLimit=0)
    found, alone = shown(dataset, padded, intensity), shown(header(PhotometricInterpretation=photometric), padded[kept][None], intensity)
    assert found[~kept].max() == 0
    if intensity != "robust":  # whose sample of every fourth pixel is another one
        np.testing.assert_array_equal(found[kept], alone[0])
    assert found[kept].max() == FULL


def test_a_film_of_padding_alone_is_black() -> None:
    assert shown(header(PixelPaddingValue=3), np.full((4, 4), 3, np.uint16)).max() == 0


def test_modality_lut_and_rescale_are_pydicoms() -> None:
    rng = np.random.default_rng(1)
    lut = header(LUTDescriptor=[4000, 50, 16], LUTData=rng.integers(0, 4096, 4000).tolist(), ModalityLUTType="OD")
    for dataset in (header(ModalityLUTSequence=[lut]), header(RescaleSlope="-0.5", RescaleIntercept="100")):
        values = np.asarray(apply_modality_lut(FILM, dataset), float)
        expected = np.rint((values - values.min()) / (values.max() - values.min()) * FULL)
        np.testing.assert_array_equal(shown(dataset, FILM), expected)


def test_robust_range_is_the_percentiles_of_every_fourth_pixel() -> None:
    low, high = np.percentile(FILM[::4, ::4], [0.5, 99.5], method="inverted_cdf")
    expected = np.rint(np.clip((FILM - float(low)) / (high - float(low)), 0, 1) * FULL)
    np.testing.assert_array_equal(shown(header(WindowCenter="1", WindowWidth="2"), FILM, "robust"), expected)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_equalisation_is_mimic_cxr_jpgs(photometric: str) -> None:
    """The recipe of arXiv 1901.07042, section "DICOM to JPEG": lowest to 0, highest to 255, whole numbers, inverted, equalizeHist."""
    scaled = FILM.astype(float) - FILM.min()
    eight = (scaled / scaled.max() * 255).astype(np.uint8)
    expected = cv2.equalizeHist(255 - eight if photometric == "MONOCHROME1" else eight)
    found = shown(header(PhotometricInterpretation=photometric, WindowCenter="1", WindowWidth="2"), FILM, "hist_equalised")
    np.testing.assert_array_equal(eight_bits(found), expected)


def test_equalising_a_constant_film_divides_nothing_by_zero() -> None:
    assert np.ptp(shown(Dataset(), np.full((8, 8), 9, np.uint16), "hist_equalised")) == 0


@pytest.mark.parametrize("empty", [{"RescaleSlope": None, "RescaleIntercept": ""}, {"RescaleSlope": "", "RescaleIntercept": ""}])
def test_a_rescale_without_numbers_is_none(empty: dict[str, object]) -> None:
    header = Dataset()
    for keyword, value in empty.items():
        setattr(header, keyword, value)
    np.testing.assert_array_equal(modality_values(header, -3, 4), np.arange(-3, 5))


def test_a_padding_value_in_the_wrong_sign_is_padding() -> None:
    header = Dataset()
    header.PixelRepresentation, header.PixelPaddingValue, header.PhotometricInterpretation = 1, 63536, "MONOCHROME2"
    stored = np.full((8, 8), -2000, np.int16)
    stored[2:6, 2:6] = np.arange(16).reshape(4, 4)
    shown = grey_scale(header, stored, "as_displayed").apply(stored)
    assert shown[0, 0] == 0
    assert (shown[2, 2], shown[5, 5]) == (0, 65535)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_lut_words_lie_in_the_byte_order_of_their_file(tmp_path: Path, syntax: UID) -> None:
    item = Dataset()
    item.LUTDescriptor, item.LUTExplanation = [4096, 0, 16], "as the maker sees it"
    order = "<" if syntax == ExplicitVRLittleEndian else ">"
    item.add_new("LUTData", "OW", (np.arange(4096) ** 2 // 256).astype(f"{order}u2").tobytes())
    whole = pydicom.dcmread(make_dicom(tmp_path / "a.dcm", textured()))
    whole.VOILUTSequence = [item]
    pixels = whole.pixel_array
    whole.PixelData = pixels.astype(f"{order}u2").tobytes()
    whole.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "b.dcm"
    list(whole.iterall())  # all elements are read, so that they can be written in another byte order
    pydicom.dcmwrite(path, whole, implicit_vr=False, little_endian=order == "<", force_encoding=True)
    read = pydicom.dcmread(path)
    source = read_source(path, 100)
    shown = grey_scale(source.header, source.stored, "as_displayed").apply(source.stored)
    np.testing.assert_array_equal(source.stored, pixels)
    np.testing.assert_array_equal(shown, apply_voi_lut(read.pixel_array, read))
