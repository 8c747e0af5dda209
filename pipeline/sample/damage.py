"""How defects are made: spoilt headers, spoilt pixels, and broken files beside a film.

Here belongs the making of one defect. Which study gets it is decided in `defects`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from pydicom.dataset import Dataset

from pipeline.sample.dicom_writer import Encoding, Stored, add_pixels, file_bytes
from pipeline.sample.people import Study, names, new_uid

LETTERED = ("burned_in_identity", "burned_in_unadmitted")
MIRRORED = "mirrored_film"


def spoil_pixels(kind: str, stored: Stored, encoding: Encoding, study: Study) -> Stored:
    """The stored values with the defect, if it is one of pixels."""
    highest = 2**encoding.bits - 1
    rng = np.random.default_rng([study.seed, 8])
    if kind == "constant_image":
        return np.full_like(stored, highest // 2)
    if kind == "blank_image":
        noise = rng.normal(0, 0.002 * highest, stored.shape)
        return np.asarray(np.clip(np.rint(0.04 * highest + noise), 0, highest), stored.dtype)
    if kind == MIRRORED:
        return np.ascontiguousarray(stored[:, ::-1])
    if kind in LETTERED:
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
