"""Films survive every transfer syntax bit by bit, and are shown as they were drawn."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from pipeline.base.errors import PluginError
from pipeline.sample.dicom_writer import SHOWN, SYNTAXES, Encoding, add_pixels, draw_encoding, file_bytes, header, stored_values
from pipeline.sample.people import draw_studies


@pytest.fixture(scope="module")
def study():
    return draw_studies(3, 1)[0]


@pytest.fixture(scope="module")
def film():
    rng = np.random.default_rng(0)
    ramp = np.linspace(0, 1, 98, dtype=np.float32)[:, None] * np.linspace(0.2, 1, 61, dtype=np.float32)
    film = np.clip(ramp + 0.02 * rng.standard_normal(ramp.shape), 0, 1).astype(np.float32)
    film[0, :2] = 0, 1
    return film


def written(study, film, encoding: Encoding):
    stored, dataset = stored_values(film, encoding), header(study)
    add_pixels(dataset, stored, encoding)
    return stored, pydicom.dcmread(BytesIO(file_bytes(dataset, encoding)))


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_syntax_is_lossless(study, film, syntax: str, bits: int) -> None:
    stored, read = written(study, film, Encoding(syntax, bits, False, "full"))
    assert read.file_meta.TransferSyntaxUID == SYNTAXES[syntax]
    assert bits - 1 == read.HighBit
    np.testing.assert_array_equal(read.pixel_array, stored)


@pytest.mark.parametrize("is_inverted", [False, True])
@pytest.mark.parametrize("shown", SHOWN)
def test_the_grey_scale_shows_what_was_drawn(study, film, shown: str, is_inverted: bool) -> None:
    encoding = Encoding("explicit", 12, is_inverted, shown, 0.45, 0.7, 1.3)
    _, read = written(study, film, encoding)
    values = apply_modality_lut(read.pixel_array, read)
    if shown == "voi_lut":
        seen = apply_voi_lut(values.astype(np.uint16), read) / 65535
    elif shown == "full":
        seen = (values - values.min()) / np.ptp(values)
    else:
        low = float(read.WindowCenter) - 0.5 - (float(read.WindowWidth) - 1) / 2  # PS3.3 C.11.2.1.2
        seen = np.clip((values - low) / (float(read.WindowWidth) - 1), 0, 1)
    np.testing.assert_allclose(1 - seen if is_inverted else seen, film, atol=0.002)


def test_a_film_that_gdcm_cannot_take_is_refused_not_crashed_on(study, film) -> None:
    with pytest.raises(PluginError, match="odd number"):
        written(study, film[:97], Encoding("rle", 8, False, "full"))


def test_encodings_are_varied() -> None:
    drawn = [draw_encoding(np.random.default_rng(seed)) for seed in range(300)]
    assert {one.syntax for one in drawn} == set(SYNTAXES)
    assert {one.bits for one in drawn} == {8, 10, 12}
    assert {one.shown for one in drawn} == set(SHOWN)
    assert {one.is_inverted for one in drawn} == {False, True}


def test_the_header_says_who_when_and_how(study, film) -> None:
    _, read = written(study, film, Encoding("implicit", 8, False, "full"))
    assert read.PatientID == study.patient.mrn
    assert str(read.PatientName) == f"{study.patient.family}^{study.patient.given}"
    assert read.ViewPosition == study.technique.view
    assert read.SOPInstanceUID == study.sop_uid == read.file_meta.MediaStorageSOPInstanceUID
    assert int(read.PatientAge[:3]) == study.age
