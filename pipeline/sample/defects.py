"""What is wrong in the sample export, on purpose: which studies get which defect, and what should become of it.

Here belongs the plan; a study has at most one defect. How a defect is made is in `damage`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from pipeline.sample.people import Numbers, Study, draw_patient, names, new_uid

SMALLEST_COMPLETE = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of defect: how many for a hundred patients, and what a good run does with it."""

    per_hundred: float
    expect: str


KINDS: dict[str, Kind] = {
    "missing_view_position": Kind(1.1, "kept; view inferred or unknown, flagged"),
    "missing_patient_id": Kind(0.8, "excluded: no patient to split by"),
    "blank_image": Kind(0.8, "excluded"),
    "constant_image": Kind(0.6, "excluded"),
    "phi_in_image_comments": Kind(0.8, "kept; text not published"),
    "phi_in_private_tag": Kind(0.8, "kept; not published"),
    "multibyte_name": Kind(0.8, "kept"),
    "paediatric": Kind(0.6, "excluded by the adult rule, or flagged"),
    "wrong_body_part_header": Kind(0.6, "excluded or flagged"),
    "wrong_modality": Kind(0.6, "excluded"),
    "lying_photometric": Kind(0.8, "flagged: pixel polarity contradicts the header"),
    "burned_in_identity": Kind(1.0, "excluded or redacted; never published as is"),
    "burned_in_unadmitted": Kind(0.8, "excluded or redacted; never published as is"),
    "report_missing": Kind(2.0, "kept; labels unmentioned, never negative"),
    "report_empty": Kind(0.8, "kept; labels unmentioned"),
    "report_without_headings": Kind(1.2, "kept; labelled"),
    "truncated_file": Kind(0.8, "excluded: pixel data damaged"),
    "empty_file": Kind(0.6, "excluded: not DICOM"),
    "jpeg_named_dcm": Kind(0.6, "excluded: not DICOM"),
    "resent_file": Kind(0.8, "deduplicated: same SOPInstanceUID, same pixels"),
    "conflicting_file": Kind(0.6, "quarantined: same SOPInstanceUID, other pixels"),
    "duplicate_across_patients": Kind(1.3, "grouped with its twin; never in another split"),
    "lateral": Kind(2.0, "excluded: lateral"),
    "report_swapped": Kind(5.0, "flagged as a label issue"),
    "mirrored_film": Kind(0.6, "flagged: left and right changed places"),
    "report_without_image": Kind(0.3, "kept as a report; no label row for an image"),
    "stray_text_file": Kind(0.3, "skipped, counted"),
}
_OF_THE_EXPORT = ("report_without_image", "stray_text_file")


def count(kind: str, patients: int) -> int:
    """How many of a kind; at least one from 60 patients on. Swapped reports come in pairs."""
    wanted = round(KINDS[kind].per_hundred * patients / 100)
    wanted = max(wanted, 1 if patients >= SMALLEST_COMPLETE else 0)
    return 2 * ((wanted + 1) // 2) if kind == "report_swapped" else wanted


@dataclass(frozen=True, slots=True)
class Plan:
    """Studies with their defects.

    Attributes:
        studies: all of them, twins of `duplicate_across_patients` at the end.
        kinds: defect by accession.
        swapped: accession -> accession whose report it got.
        twins: accession of a twin -> the study it was copied from.
    """

    studies: tuple[Study, ...]
    kinds: Mapping[str, str]
    swapped: Mapping[str, str]
    twins: Mapping[str, Study]


def make_plan(studies: Sequence[Study], patients: int, rng: np.random.Generator, numbers: Numbers) -> Plan:
    """Assign defects to studies at random."""
    order = [studies[int(index)] for index in rng.permutation(len(studies))]
    swapped = _pairs(order, count("report_swapped", patients) // 2)
    kinds = dict.fromkeys(swapped, "report_swapped")
    free = [study for study in order if study.accession not in swapped]
    twins: dict[str, Study] = {}
    changed = {study.accession: study for study in studies}
    for kind in KINDS:
        if kind in ("report_swapped", *_OF_THE_EXPORT):
            continue
        for _ in range(count(kind, patients)):
            if not (study := _take(free, kind, studies)):
                break
            if kind == "duplicate_across_patients":
                twin = _twin(study, rng, numbers)
                changed[twin.accession], twins[twin.accession], kinds[twin.accession] = twin, study, kind
                continue
            changed[study.accession] = _as_child(study, rng) if kind == "paediatric" else study
            kinds[study.accession] = kind
    return Plan(tuple(changed.values()), kinds, swapped, twins)


def _take(free: list[Study], kind: str, studies: Sequence[Study]) -> Study | None:
    """The next free study; a child needs a patient who has no other study, so that the birth date stays one."""
    for index, study in enumerate(free):
        if kind != "paediatric" or sum(other.patient.mrn == study.patient.mrn for other in studies) == 1:
            return free.pop(index)
    return None


def _pairs(order: Sequence[Study], wanted: int) -> dict[str, str]:
    """Pairs of a healthy and a plainly ill study of two patients, whose reports change places."""
    healthy = [study for study in order if "No Finding" in study.present and study.before is None]
    ill = [study for study in order if _is_plain(study) and study.before is None]
    found: dict[str, str] = {}
    for one, other in list(zip(healthy, ill, strict=False))[:wanted]:
        found |= {one.accession: other.accession, other.accession: one.accession}
    return found


def _is_plain(study: Study) -> bool:
    plain = {lesion.finding for lesion in study.lesions if lesion.severity > 0.55 and lesion.finding != "Support Devices"}
    return len(plain) >= 2


def _twin(study: Study, rng: np.random.Generator, numbers: Numbers) -> Study:
    """The same film under another identity."""
    other = draw_patient(rng, numbers, study.day, study.age)
    patient = replace(other, body=study.patient.body, given=_other_given(study, rng))
    accession, (study_uid, series_uid, sop_uid) = f"SH{numbers.draw()}", (new_uid(rng) for _ in range(3))
    return replace(
        study,
        patient=patient,
        number=0,
        accession=accession,
        study_uid=study_uid,
        series_uid=series_uid,
        sop_uid=sop_uid,
        before=None,
        seed=int(rng.integers(2**31)),
    )


def _other_given(study: Study, rng: np.random.Generator) -> str:
    return str(rng.choice(names()["women" if study.patient.body.is_female else "men"]))


def _as_child(study: Study, rng: np.random.Generator) -> Study:
    birth = study.day - timedelta(days=int(rng.integers(6 * 366, 16 * 365)))
    return replace(study, patient=replace(study.patient, birth=birth))
