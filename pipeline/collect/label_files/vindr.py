"""VinDr-CXR (Nguyen et al. 2022): three of 17 radiologists on each training film, a consensus of five on each test film."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base import findings
from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.base.labels import LabelState
from pipeline.collect.films import stem
from pipeline.collect.label_files._common import strongest

_CONSENSUS = "consensus"
# Classes that are kinds of a finding we have; `findings` knows the rest.
_MORE = {"Clavicle fracture": "Fracture", "Lung tumor": "Lung Lesion"}
_STATES = {"1": LabelState.POSITIVE, "1.0": LabelState.POSITIVE, "0": LabelState.NEGATIVE, "0.0": LabelState.NEGATIVE}
_NOT_CLASSES = {"image_id", "rad_id", "suggested_split"}


@LABEL_FILES.add("vindr")
class Vindr:
    """VinDr-CXR, one annotator a reader: boxes (`class_name`) or 0 and 1 a class; readers go through a list, so silence denies."""

    human: ClassVar[Mapping[str, str]] = {"published:vindr": "film"}
    example: ClassVar[tuple[str, str]] = (
        "annotations_train.csv",
        "image_id,rad_id,class_name,x_min,y_min,x_max,y_max\n50a418190bc3fb1ef1633bf9678929b3,R11,No finding,,,,\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """`image_id` beside `class_name` and the corners of boxes, or beside a column for each class."""
        boxes = table.column("class_name") and table.column("x_min")
        classes = table.column("Aortic enlargement") and table.column("No finding")
        return table.column("image_id") is not None and bool(boxes or classes)

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One film and reader at a time."""
        rows = _boxes(table) if table.column("class_name") else _classes(table)
        for image, reader, states in rows:
            name = stem(image)
            yield FileLabels((("path", name), ("image", name)), f"published:vindr:{reader}", states)


def _find(name: str) -> str | None:
    return _MORE.get(name) or findings.find(name)


def _columns(table: TextTable, *more: str) -> list[str]:
    reader = table.column("rad_id")
    return [table.column("image_id") or "", *more, *((reader,) if reader else ())]


def _boxes(table: TextTable) -> Iterator[tuple[str, str, dict[str, LabelState]]]:
    """Boxes of one reader lie apart in the file, so all (film, reader, class) are held: 45,000 readings in the release."""
    readings: dict[tuple[str, str], set[str]] = defaultdict(set)
    for line, (image, name, *reader) in table.rows(*_columns(table, table.column("class_name") or "")):
        if not image or not name:
            raise table.wrong(line, "names no film or no class")
        readings[image, reader[0] if reader else _CONSENSUS].add(name)
    classes = {name: _find(name) for name in sorted(set().union(*readings.values()))}
    asked = list(dict.fromkeys(finding for finding in classes.values() if finding))
    for (image, by), drawn in readings.items():
        table.unknown.update(name for name in drawn if classes[name] is None)
        present = {classes[name] for name in drawn}
        yield image, by, {finding: LabelState.POSITIVE if finding in present else LabelState.NEGATIVE for finding in asked}


def _classes(table: TextTable) -> Iterator[tuple[str, str, dict[str, LabelState]]]:
    names = [name for name in table.header if name not in _NOT_CLASSES]
    found = [_find(name) for name in names]
    item, *reader = _columns(table)
    for line, (image, *cells) in table.rows(item, *reader, *names):
        by = cells.pop(0) if reader else _CONSENSUS
        if not _STATES.keys() >= set(cells):
            raise table.wrong(line, "holds a class that is neither 0 nor 1")
        states = [_STATES[cell] for cell in cells]
        table.unknown.update(n for n, f, state in zip(names, found, states, strict=True) if f is None and state is LabelState.POSITIVE)
        yield image, by, strongest((finding, state) for finding, state in zip(found, states, strict=True) if finding)
