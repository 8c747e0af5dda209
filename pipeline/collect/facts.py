"""Facts of a source joined to a header, or standing for one where a film is a picture.

Identifiers are the source's where it gives them, so that films, labels and reports meet; everything else is the header's first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pipeline.base.interfaces import FilmFacts, FoundFile
from pipeline.collect.headers import Header, banded_age

Known = Callable[[FoundFile], FilmFacts | None]
_WORDS = ("view_position", "patient_sex", "modality")


def of_picture(fact: FilmFacts) -> Header:
    """The header that a PNG or JPEG film does not have."""
    bare = Header(fact.image_uid, None, None, None, None, None, None, (), {"number_of_frames": 1, "has_pixel_data": True})
    return joined(bare, fact)


def joined(header: Header, fact: FilmFacts) -> Header:
    """A header under the identifiers of the source, its gaps filled."""
    return replace(
        header,
        sop_instance_uid=fact.image_uid,
        study_instance_uid=fact.study_id or header.study_instance_uid,
        patient_id=fact.patient_id or header.patient_id,
        accession_number=fact.accession_number or header.accession_number,
        study_date=header.study_date or fact.study_date,
        institution_name=header.institution_name or fact.institution_name,
        published={**header.published, **_gaps(header.published, fact)},
    )


def _gaps(published: Any, fact: FilmFacts) -> dict[str, Any]:
    found = {name: getattr(fact, name) for name in _WORDS} | {"patient_age_years": banded_age(fact.patient_age_years)}
    return {name: value for name, value in found.items() if published.get(name) is None}
