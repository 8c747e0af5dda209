"""The de-identification that `collect` performs, as codes: DICOM PS3.15 Annex E, options by CID 7050 (PS3.16)."""

from __future__ import annotations

SCHEME = "DCM"

# code, meaning, whether taken, how.
OPTIONS: tuple[tuple[str, str, bool, str], ...] = (
    ("113100", "Basic Application Confidentiality Profile", True, "header fields by allow-list, all identifiers as keyed pseudonyms"),
    (
        "113101",
        "Clean Pixel Data Option",
        True,
        "letters on films painted over unless known markers; films that admit to names leave the set",
    ),
    ("113102", "Clean Recognizable Visual Features Option", False, "chest films show no face"),
    ("113103", "Clean Graphics Option", False, "overlays and annotations are not kept at all"),
    ("113104", "Clean Structured Content Option", False, "structured content is not kept at all"),
    ("113105", "Clean Descriptors Option", False, "free-text header fields are not kept at all"),
    ("113106", "Retain Longitudinal Temporal Information Full Dates Option", False, "no true date is kept"),
    (
        "113107",
        "Retain Longitudinal Temporal Information Modified Dates Option",
        True,
        "StudyDate, moved by one secret number of days for each patient; intervals stay",
    ),
    ("113108", "Retain Patient Characteristics Option", True, "PatientSex, and PatientAge in years; everybody over 89 is 90"),
    ("113109", "Retain Device Identity Option", False, "Manufacturer alone is kept, which names no device"),
    ("113110", "Retain UIDs Option", False, "UIDs are keyed pseudonyms"),
    ("113111", "Retain Safe Private Option", False, "private elements are not read"),
    (
        "113112",
        "Retain Institution Identity Option",
        False,
        "InstitutionName is a keyed pseudonym, site; nothing else of the institution is kept",
    ),
)


def rows() -> list[dict[str, object]]:
    """Rows of `deidentification`."""
    return [
        {"code": code, "coding_scheme": SCHEME, "meaning": meaning, "is_taken": taken, "how": how} for code, meaning, taken, how in OPTIONS
    ]
