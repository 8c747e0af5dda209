"""Headers: what is published, what is not, and what is refused."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from dicoms import make_dicom
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.collect.headers import HeaderError, _age, read_header

LIMIT = 2**26


def test_only_allow_listed_fields_are_published(tmp_path: Path) -> None:
    path = make_dicom(
        tmp_path / "ACC777001.dcm",
        ImageComments="Featherstone Zebulon room 9",
        InstitutionName="Elsewhere",
        StationName="CT-ZEBULON",
        PatientComments="lives at 5 Elm Street",
    )
    header = read_header(path, LIMIT)
    said = str(dict(header.published)).lower()
    for secret in ("featherstone", "zebulon", "mrn0012345", "acc777001", "elm", "elsewhere", "2020", "1950"):
        assert secret not in said
    assert header.published["modality"] == "DX"
    assert header.published["has_pixel_data"] is True
    assert header.published["patient_age_years"] == 69


def test_free_text_in_a_coded_field_stays_behind(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", BodyPartExamined="CHEST; Mrs. O'Hara")
    assert read_header(path, LIMIT).published["body_part_examined"] is None


@pytest.mark.parametrize(
    ("age", "years"), [("045Y", 45), ("018M", 1), ("010D", 0), ("100W", 1), ("102Y", 90), ("089Y", 89), ("", None), ("abc", None)]
)
def test_age_string(age: str, years: int | None) -> None:
    assert _age(age, None, None) == years


def test_file_without_preamble_is_read(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm")
    bare = tmp_path / "bare.dcm"
    bare.write_bytes(path.read_bytes()[132:])
    assert read_header(bare, LIMIT).published["modality"] == "DX"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty_file"),
        (b"\xff\xd8\xff\xe0" + b"jpeg" * 100, "not_dicom"),
        (b"FINDINGS: clear" * 20, "not_dicom"),
        (b"\0" * 128 + b"DICM", "not_dicom"),
    ],
)
def test_what_is_not_dicom(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "x.dcm"
    path.write_bytes(content)
    with pytest.raises(HeaderError) as caught:
        read_header(path, LIMIT)
    assert caught.value.reason == reason


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8))
def test_damaged_headers_never_escape_as_other_errors(
    tmp_path_factory: pytest.TempPathFactory, cut: float, flips: list[tuple[float, int]]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    content = bytearray(make_dicom(folder / "a.dcm").read_bytes())
    for where, value in flips:
        content[int(where * len(content))] = value
    damaged = folder / "b.dcm"
    damaged.write_bytes(bytes(content[: int(cut * len(content))]))
    with contextlib.suppress(HeaderError):
        assert read_header(damaged, LIMIT).sop_instance_uid


def test_a_number_beyond_all_reason_is_absent(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", NumberOfFrames="7")
    path.write_bytes(path.read_bytes().replace(b"IS\x02\x007 ", b"IS\x14\x0099999999999999999999"))
    header = read_header(path, LIMIT)
    assert header.published["number_of_frames"] == 1


@pytest.mark.parametrize(
    ("keyword", "value", "published"),
    [
        ("BodyPartExamined", "CHEST 2 VIEWS", "CHEST 2 VIEWS"),
        ("BodyPartExamined", "CHEST_PORT", "CHEST_PORT"),
        ("BodyPartExamined", "CHEST SCHUMACHER 1943-05-17", "CHEST"),
        ("BodyPartExamined", "SCHUMACHER ELFRIEDE", None),
        ("ViewPosition", "AP SUPINE", "AP SUPINE"),
        ("ViewPosition", "PA SCHUMACHER", "PA"),
        ("Modality", "SCHUMACHER", None),
        ("PhotometricInterpretation", "SCHUMACHER", None),
    ],
)
def test_a_name_in_a_field_of_codes_stays_behind(tmp_path: Path, keyword: str, value: str, published: str | None) -> None:
    path = make_dicom(tmp_path / "a.dcm", **{keyword: value})
    assert read_header(path, LIMIT).published[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", keyword).lower()] == published


def test_a_name_in_utf8_that_the_header_does_not_announce_is_known_as_written(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "a.dcm", PatientName="Mueller^Zoe")
    path.write_bytes(path.read_bytes().replace(b"Mueller^Zoe ", "Müller^Zoë".encode()))
    assert "Müller^Zoë" in read_header(path, LIMIT).names
