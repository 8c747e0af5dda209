"""Boxes that a radiologist drew on 880 films of ChestX-ray14 (BBox_List_2017.csv): each says that its finding is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base import findings
from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.collect.films import stem
from pipeline.collect.label_files._common import positives

_ANNOTATOR = "published:nih-boxes"
_ASKED = ("Atelectasis", "Cardiomegaly", "Infiltration", "Mass", "Nodule", "Pleural Effusion", "Pneumonia", "Pneumothorax")


@LABEL_FILES.add("nih_boxes")
class NihBoxes:
    """ChestX-ray14 boxes: `Image Index` and one `Finding Label` a box; a film without a box for a finding says nothing of it."""

    human: ClassVar[Mapping[str, str]] = {_ANNOTATOR: "film"}
    example: ClassVar[tuple[str, str]] = (
        "BBox_List_2017.csv",
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00013118_008.png,Atelectasis,225.1,547.0,86.8,79.2\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """`Finding Label` in the singular."""
        return None not in (table.column("Image Index"), table.column("Finding Label"))

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One film with all its boxes at a time; all boxes are held in memory (984 in the release)."""
        boxes: dict[str, set[str]] = defaultdict(set)
        for line, (name, label) in table.rows(table.column("Image Index") or "", table.column("Finding Label") or ""):
            found = findings.find(label)
            if found not in _ASKED:
                raise table.wrong(line, "holds a label that the boxes of ChestX-ray14 do not know")
            boxes[name].add(found)
        for name, drawn in boxes.items():
            yield FileLabels((("path", stem(name)),), _ANNOTATOR, positives(drawn, _ASKED))
