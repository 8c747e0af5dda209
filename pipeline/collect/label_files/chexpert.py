"""CheXpert (Irvin et al. 2019), and every table of its kind: 1, 0, -1 or blank for each finding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.base.labels import LabelState
from pipeline.collect.films import identifier, stem
from pipeline.collect.label_files._common import FEWEST_FINDINGS, chexpert_rows

_PATIENT = re.compile(r"\bpatient\d+/")
_DECIDED = {LabelState.POSITIVE, LabelState.NEGATIVE}
# Files whose rows are the readers' majority; a file of another name in the same layout is one reader (bc4.csv of the test set).
_CONSENSUS = {"valid", "valid_labels", "test", "test_labels", "truth", "groundtruth"}


# Programs whose labels of the same films come beside train.csv, by the file's name.
_PROGRAMS = ("visualchexbert", "chexbert")


@LABEL_FILES.add("chexpert")
class CheXpert:
    """CheXpert (`Path`, `Study` or Plus's `path_to_image` and 14 findings), or findings as 1, 0, -1 and blank beside a DICOM identifier."""

    human: ClassVar[Mapping[str, str]] = {"published:chexpert-valid": "film", "published:chexpert-test": "film"}
    example: ClassVar[tuple[str, str]] = (
        "train.csv",
        "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema\n"
        "CheXpert-v1.0/train/patient00001/study1/view1_frontal.jpg,Female,68,Frontal,AP,,-1.0\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """Two findings or more beside an accession number, a UID, `Path` or `Study`, without the marks of ChestX-ray14 and VinDr-CXR."""
        foreign = table.column("Finding Labels", "rad_id", "Aortic enlargement")
        return not foreign and _item(table) is not None and len(table.findings()) >= FEWEST_FINDINGS

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """A row of the validation or test part that decides every finding is the radiologists', since the labeler leaves blanks."""
        kind, item = _item(table) or ("", "")
        columns = {name: finding for name, finding in table.findings().items() if name != item}
        is_path, reader, program = kind in ("path", "folder"), _reader(table.name), _program(table)
        for _, name, states in chexpert_rows(table, item, columns):
            part = _part(name) if is_path and program is None and _DECIDED.issuperset(states.values()) else None
            annotator = program or "published:chexpert" if part is None else f"published:chexpert-{part}{reader}"
            yield FileLabels(((kind, _end(name) if is_path else name),), annotator, states)


def _item(table: TextTable) -> tuple[str, str] | None:
    names = (("path", "Path"), ("folder", "Study"), ("path", "path_to_image"))
    own = next(((kind, column) for kind, name in names if (column := table.column(name))), None)
    return identifier(table) or own


def _part(path: str) -> str | None:
    return next((part for part in path.split("/") if part in ("valid", "test")), None)


def _end(path: str) -> str:
    """From the patient's folder on, which is unique in CheXpert: "patient00001/study1/view1_frontal"."""
    start = _PATIENT.search(path)
    return stem(path[start.start() :] if start else path).strip("/")


def _program(table: TextTable) -> str | None:
    """CheXbert's labels of CheXpert Plus, one file a section (report_fixed.json), and train_cheXbert.csv, train_visualCheXbert.csv."""
    if table.column("path_to_image"):
        return f"published:chexbert:{table.name.removesuffix('_fixed')}"
    return next((f"published:{name}" for name in _PROGRAMS if name in table.name), None)


def _reader(file_name: str) -> str:
    return "" if file_name in _CONSENSUS else ":" + re.sub(r"[^a-z0-9_-]+", "-", file_name)
