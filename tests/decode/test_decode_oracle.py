"""Every odd real file ends as an image with the oracle's pixels or as an exclusion; `benchmarks/bench_oracle.py` prints the same table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks import bench_oracle

# GDCM keeps ten bits of a twelve-bit stream, so that 8 overshooting pixels of 1024 become 0 in its hands.
WRAPPED_BY_GDCM = {"wg04/JPLY/RG3_JPLY": "differs from GDCM in 2.6e-06 of pixels"}
REFUSED = {
    "not_greyscale",
    "multi_frame",
    "no_pixel_data",
    "not_dicom",
    "resent_instance",
    "wrong_modality",
    "missing_patient_id",
    "unsupported_bit_depth",
    "not_image_or_report",
}


@pytest.fixture(scope="module")
def table(shared_data: Path) -> list[bench_oracle.Compared]:
    return bench_oracle.compared()


def test_every_file_ends_as_an_image_or_with_its_reason(table: list[bench_oracle.Compared]) -> None:
    damaged = {one.path.rpartition("/")[2]: one.ending for one in table if one.ending not in {"image", *REFUSED}}
    assert damaged == {"JPEG2000-embedded-sequence-delimiter.dcm": "undecodable_pixels", "MR_truncated.dcm": "truncated_pixels"}
    assert len(table) == 138


def test_pixels_are_the_oracles_before_windowing(table: list[bench_oracle.Compared]) -> None:
    others = {one.path: one.pixels for one in table if one.pixels and not one.pixels.startswith("identical")}
    assert {path: words for path, words in others.items() if not words.startswith("refused")} == WRAPPED_BY_GDCM
    refused = [words for words in others.values() if words.startswith("refused") and "so does the oracle" not in words]
    assert refused == ["refused: unsupported_bit_depth; pydicom decodes it"] * 3  # RT doses of 32 bits
    assert sum(one.pixels.startswith("identical") for one in table) >= 56
