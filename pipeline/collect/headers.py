"""DICOM headers: which fields are read, and which of them may be published. An allow-list: what is not named here stays behind."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import Tag

from pipeline.base.wordlists import words_of
from pipeline.collect.sources._words import age_years

PUBLISHED_TEXT = ("Modality", "BodyPartExamined", "ViewPosition", "Manufacturer", "PhotometricInterpretation", "BurnedInAnnotation")
_CODED = ("BodyPartExamined", "ViewPosition")
# What the defined terms of the other coded fields look like; whatever else stands there may be a name.
_TERMS = {
    "Modality": r"[A-Z]{2,4}|RT[A-Z]{4,8}",
    "PhotometricInterpretation": r"(?:MONOCHROME|YBR_|RGB|ARGB|HSV|CMYK)[A-Z0-9_]*|PALETTE COLOR",
    "BurnedInAnnotation": r"YES|NO",
}
PUBLISHED_NUMBERS = ("Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation", "SamplesPerPixel")
IDENTIFYING_NAMES = (
    "PatientName",
    "OtherPatientNames",
    "ReferringPhysicianName",
    "PerformingPhysicianName",
    "NameOfPhysiciansReadingStudy",
    "RequestingPhysician",
    "OperatorsName",
)
_READ = (
    *PUBLISHED_TEXT,
    *PUBLISHED_NUMBERS,
    *IDENTIFYING_NAMES,
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "AccessionNumber", "NumberOfFrames"),
    *("PatientSex", "PatientAge", "PatientBirthDate", "StudyDate", "SpecificCharacterSet", "InstitutionName"),
)
_TAGS = {keyword: Tag(keyword) for keyword in _READ}
_PIXEL_TAGS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
_OLDEST = 90
_LONGEST_TEXT = 64


@dataclass(frozen=True, slots=True)
class Header:
    """What is taken from one file. `published` goes to tables; everything else stays in memory or in HOME/private."""

    sop_instance_uid: str
    study_instance_uid: str | None
    series_instance_uid: str | None
    patient_id: str | None
    accession_number: str | None
    study_date: date | None
    birth_date: date | None
    names: tuple[str, ...]
    published: Mapping[str, Any] = field(default_factory=dict)
    institution_name: str | None = None


class HeaderError(Exception):
    """A file that is not a usable DICOM object; `reason` is its reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read_header(path: Path, max_bytes: int) -> Header:
    """Read the header of a DICOM file (PS3.10), with or without its file meta information.

    Args:
        path: the file.
        max_bytes: a file whose header does not end within this many bytes is refused.

    Raises:
        HeaderError: empty_file, not_dicom, damaged_header.
    """
    with path.open("rb") as handle:
        return parse_header(handle, path.stat().st_size, max_bytes)


def parse_header(handle: BinaryIO, size_bytes: int, max_bytes: int) -> Header:
    """As `read_header`, from an open file.

    Args:
        handle: the file; must be able to seek.
        size_bytes: its size.
        max_bytes: as `read_header`.

    Raises:
        HeaderError: empty_file, not_dicom, damaged_header.
    """
    if size_bytes == 0:
        raise HeaderError("empty_file")
    dataset, has_pixels = _parse(handle, max_bytes)
    uid = _text(dataset, "SOPInstanceUID")
    if uid is None or _text(dataset, "SOPClassUID") is None:
        raise HeaderError("not_dicom")
    study_date, birth_date = _date(dataset, "StudyDate"), _date(dataset, "PatientBirthDate")
    return Header(
        sop_instance_uid=uid,
        study_instance_uid=_text(dataset, "StudyInstanceUID"),
        series_instance_uid=_text(dataset, "SeriesInstanceUID"),
        patient_id=_text(dataset, "PatientID"),
        accession_number=_text(dataset, "AccessionNumber"),
        study_date=study_date,
        birth_date=birth_date,
        names=tuple(name for keyword in IDENTIFYING_NAMES for name in _names(dataset, keyword)),
        published=_published(dataset, study_date, birth_date, has_pixels),
        institution_name=_text(dataset, "InstitutionName"),
    )


def _parse(handle: BinaryIO, max_bytes: int) -> tuple[Dataset, bool]:
    reached: list[int] = []

    def stop(tag: int, _vr: str | None, _length: int) -> bool:
        if int(tag) in _PIXEL_TAGS:
            reached.append(int(tag))
            return True
        return handle.tell() > max_bytes

    with quiet():
        for force in (False, True):
            handle.seek(0)
            try:
                return read_partial(handle, stop_when=stop, force=force, specific_tags=list(_TAGS.values())), bool(reached)
            except InvalidDicomError:
                continue
            # A file from outside can make the parser fail in any way; all of them mean the same for the run.
            except Exception as error:
                raise HeaderError("not_dicom" if force else "damaged_header") from error
    raise HeaderError("not_dicom")


class quiet(warnings.catch_warnings):  # noqa: N801
    """Silence pydicom: its warnings quote header values, which may identify a patient."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.simplefilter("ignore")
        logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
        pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def _published(dataset: Dataset, study_date: date | None, birth_date: date | None, has_pixels: bool) -> dict[str, Any]:
    found: dict[str, Any] = {_snake(keyword): _coded(dataset, keyword) for keyword in PUBLISHED_TEXT}
    found |= {_snake(keyword): _number(dataset, keyword) for keyword in PUBLISHED_NUMBERS}
    sex = _text(dataset, "PatientSex")
    syntax = getattr(getattr(dataset, "file_meta", None), "TransferSyntaxUID", None)
    return found | {
        "sop_class_uid": _text(dataset, "SOPClassUID"),
        "transfer_syntax_uid": None if syntax is None else str(syntax),
        "patient_sex": sex.upper() if sex and sex.upper() in ("M", "F", "O") else None,
        "patient_age_years": _age(_text(dataset, "PatientAge"), study_date, birth_date),
        "number_of_frames": _number(dataset, "NumberOfFrames") or 1,
        "has_pixel_data": has_pixels,
    }


@cache
def _snake(keyword: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", keyword).lower()


def _value(dataset: Dataset, keyword: str) -> Any:
    tag = _TAGS[keyword]
    try:
        # By tag: a name is looked up in pydicom's dictionary first, for every file again.
        return dataset[tag].value if tag in dataset else None
    except Exception:  # a damaged value is an absent one
        return None


def _text(dataset: Dataset, keyword: str) -> str | None:
    value = _value(dataset, keyword)
    text = "" if value is None else str(value).strip().strip("\0").strip()
    return text or None


def _coded(dataset: Dataset, keyword: str) -> str | None:
    """A short coded value in capitals; anything that does not look like one is left behind as free text."""
    text = _text(dataset, keyword)
    if text is None or len(text) > _LONGEST_TEXT or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 ./_+&,()-]*", text):
        return None
    if keyword in _CODED:
        return _known_words(text.upper())
    if keyword == "Manufacturer":
        return text
    return text.upper() if re.fullmatch(_TERMS[keyword], text.upper()) else None


def _known_words(text: str) -> str | None:
    """A value all of whose words are terms, or those of its words that are: people write names into fields of codes."""
    words = re.findall(r"[A-Z]+|\d+", text)
    known = [word for word in words if word in _terms() or (word.isdigit() and len(word) == 1)]
    return text if known == words else " ".join(known) or None


@cache
def _terms() -> frozenset[str]:
    return words_of(Path(__file__).with_name("coded_terms.txt"))


def _number(dataset: Dataset, keyword: str) -> int | None:
    try:
        number = int(_value(dataset, keyword))
    except (TypeError, ValueError, OverflowError):
        return None
    return number if -(2**63) <= number < 2**63 else None


def _date(dataset: Dataset, keyword: str) -> date | None:
    text = _text(dataset, keyword)
    try:
        return datetime.strptime(text.replace(".", "").replace("-", "")[:8], "%Y%m%d").date() if text else None
    except ValueError:
        return None


def _age(text: str | None, study: date | None, birth: date | None) -> int | None:
    """Whole years from Age String (PS3.5 section 6.2, AS) or the two dates; over 89 is 90 (HIPAA 164.514(b)(2)(i)(C))."""
    years = age_years(text or "")
    if years is None and study and birth and birth <= study:
        years = study.year - birth.year - ((study.month, study.day) < (birth.month, birth.day))
    return banded_age(years)


def banded_age(years: int | None) -> int | None:
    """Everybody over 89 is 90."""
    return years if years is None else min(years, _OLDEST)


def _names(dataset: Dataset, keyword: str) -> list[str]:
    """Person names, and as they read in UTF-8 where the header does not say that it is written so."""
    value = _value(dataset, keyword)
    values = value if isinstance(value, (list, pydicom.multival.MultiValue)) else [value]
    names = [str(name) for name in values if name]
    for name in tuple(names):
        with suppress(UnicodeError):
            names.append(name.encode("latin-1").decode("utf-8"))
    return list(dict.fromkeys(names))
