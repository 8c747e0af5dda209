"""Four findings of ChestX-ray14 films as adjudicated by radiologists (Majkowska et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.base.labels import LabelState
from pipeline.collect.films import stem

_ANNOTATOR = "published:nih-experts"
_COLUMNS = {"Fracture": "Fracture", "Pneumothorax": "Pneumothorax", "Airspace opacity": "Lung Opacity", "Nodule or mass": "Lung Lesion"}
_STATES = {"YES": LabelState.POSITIVE, "NO": LabelState.NEGATIVE, "": LabelState.UNMENTIONED}


@LABEL_FILES.add("nih_experts")
class NihExperts:
    """ChestX-ray14 read by radiologists: YES or NO for `Fracture`, `Pneumothorax`, `Airspace opacity`, `Nodule or mass`."""

    human: ClassVar[Mapping[str, str]] = {_ANNOTATOR: "film"}
    example: ClassVar[tuple[str, str]] = (
        "test_labels.csv",
        "Image Index,Fracture,Pneumothorax,Airspace opacity,Nodule or mass\n00000013_026.png,NO,YES,YES,NO\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """All four findings beside `Image Index`."""
        return all(table.column(name) is not None for name in ("Image Index", *_COLUMNS))

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One film a row."""
        columns = [table.column(name) or "" for name in ("Image Index", *_COLUMNS)]
        for line, (name, *cells) in table.rows(*columns):
            if not _STATES.keys() >= {cell.upper() for cell in cells}:
                raise table.wrong(line, "says neither YES nor NO")
            states = {finding: _STATES[cell.upper()] for finding, cell in zip(_COLUMNS.values(), cells, strict=True)}
            yield FileLabels((("path", stem(name)),), _ANNOTATOR, states)
