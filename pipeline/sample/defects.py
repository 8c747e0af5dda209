"""What is wrong in the sample export, on purpose: which studies get which defect, and how each is made.

Here belongs each planted defect and what should become of it. A study has at most one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import cv2
import numpy as np
from pydicom.dataset import Dataset

from pipeline.sample.dicom_writer import Encoding, Stored, add_pixels, file_bytes
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


# Headers and pixels


def spoil_pixels(kind: str, stored: Stored, encoding: Encoding, study: Study) -> Stored:
    """The stored values with the defect, if it is one of pixels."""
    highest = 2**encoding.bits - 1
    rng = np.random.default_rng([study.seed, 8])
    if kind == "constant_image":
        return np.full_like(stored, highest // 2)
    if kind == "blank_image":
        noise = rng.normal(0, 0.002 * highest, stored.shape)
        return np.asarray(np.clip(np.rint(0.04 * highest + noise), 0, highest), stored.dtype)
    if kind == "burned_in_identity":
        layer = np.zeros(stored.shape, np.uint8)
        scale = 0.0011 * stored.shape[1]
        for row, text in ((0.07, f"{study.patient.family} {study.patient.given}".upper()), (0.13, f"MRN {study.patient.mrn}")):
            words = text.encode("ascii", "replace").decode()
            cv2.putText(layer, words, (12, int(row * stored.shape[0])), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, 1, cv2.LINE_8)
        spoilt = stored.copy()
        spoilt[layer > 0] = 0 if encoding.is_inverted else highest
        return spoilt
    return stored


def spoil_encoding(kind: str, encoding: Encoding) -> Encoding:
    """A blank film gets a window as wide as its values, or a viewer would stretch its noise to a picture."""
    return replace(encoding, shown="window", centre=0.5, width=1.0) if kind == "blank_image" else encoding


def _multibyte(dataset: Dataset, study: Study) -> None:
    dataset.PatientName = multibyte_name(study)


def multibyte_name(study: Study) -> str:
    """The name of a study's patient with an ideographic or Greek first component (PS3.5 6.2.1)."""
    lists = names()["multibyte"]
    return str(lists[study.seed % len(lists)])


def _comments(dataset: Dataset, study: Study) -> None:
    dataset.ImageComments = f"Repeat film. Pt {study.patient.name} could not hold breath."


def _private(dataset: Dataset, study: Study) -> None:
    block = dataset.private_block(0x0019, "RIVERBEND 2.0", create=True)
    block.add_new(0x01, "LO", f"{study.patient.mrn}/{study.patient.family}^{study.patient.given}")


def _swap_polarity(dataset: Dataset, study: Study) -> None:
    del study
    dataset.PhotometricInterpretation = {"MONOCHROME1": "MONOCHROME2"}.get(dataset.PhotometricInterpretation, "MONOCHROME1")


def _set(keyword: str, value: str) -> Callable[[Dataset, Study], None]:
    def edit(dataset: Dataset, study: Study) -> None:
        del study
        setattr(dataset, keyword, value)

    return edit


HEADER_EDITS: dict[str, Callable[[Dataset, Study], None]] = {
    "missing_view_position": _set("ViewPosition", ""),
    "missing_patient_id": _set("PatientID", ""),
    "wrong_body_part_header": _set("BodyPartExamined", "HAND"),
    "wrong_modality": _set("Modality", "CT"),
    "burned_in_identity": _set("BurnedInAnnotation", "YES"),
    "multibyte_name": _multibyte,
    "phi_in_image_comments": _comments,
    "phi_in_private_tag": _private,
    "lying_photometric": _swap_polarity,
}


# Files beside the film


@dataclass(frozen=True, slots=True)
class Filed:
    """A film as it was filed: header without pixels, stored values, encoding, and the bytes."""

    study: Study
    header: Dataset
    stored: Stored
    encoding: Encoding
    content: bytes


def _rebuilt(filed: Filed, stored: Stored, uid: str) -> bytes:
    dataset = Dataset(filed.header)
    dataset.SOPInstanceUID = uid
    add_pixels(dataset, stored, filed.encoding)
    return file_bytes(dataset, filed.encoding)


def truncated(filed: Filed) -> bytes:
    """A film whose transfer broke off in the pixels."""
    whole = _rebuilt(filed, filed.stored, new_uid(np.random.default_rng([filed.study.seed, 9])))
    return whole[: int(len(whole) * 0.55)]


def empty(filed: Filed) -> bytes:
    """Nothing."""
    del filed
    return b""


def jpeg(filed: Filed) -> bytes:
    """A JPEG snapshot under a DICOM name."""
    shown = (filed.stored.astype(np.float32) * (255 / (2**filed.encoding.bits - 1))).astype(np.uint8)
    _, buffer = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return buffer.tobytes()


def resent(filed: Filed) -> bytes:
    """The same instance again."""
    return filed.content


def conflicting(filed: Filed) -> bytes:
    """The same instance UID over other pixels."""
    return _rebuilt(filed, np.ascontiguousarray(filed.stored[::-1]), filed.study.sop_uid)


EXTRA_FILES: dict[str, tuple[str, Callable[[Filed], bytes]]] = {
    "truncated_file": ("truncated.dcm", truncated),
    "empty_file": ("empty.dcm", empty),
    "jpeg_named_dcm": ("snapshot.dcm", jpeg),
    "resent_file": ("resent.dcm", resent),
    "conflicting_file": ("conflict.dcm", conflicting),
}
