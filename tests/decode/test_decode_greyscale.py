"""The grey scale pipeline against worked values of the standard and against pydicom."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_voi_lut

from pipeline.decode.greyscale import FULL, grey_scale, window
from pipeline.decode.greyscale import voi as voi_and_source


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
