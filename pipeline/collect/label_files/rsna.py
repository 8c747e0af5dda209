"""RSNA Pneumonia Detection Challenge (Shih et al. 2019): radiologists sorted 26,684 films into three classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base import findings
from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.base.labels import LabelState
from pipeline.collect.films import stem

_ANNOTATOR = "published:rsna"
_OPACITY = "Lung Opacity"
_POSITIVE, _NEGATIVE = LabelState.POSITIVE, LabelState.NEGATIVE
_CLASSES = {
    "Lung Opacity": {_OPACITY: _POSITIVE, findings.NO_FINDING: _NEGATIVE},
    "No Lung Opacity / Not Normal": {_OPACITY: _NEGATIVE, findings.NO_FINDING: _NEGATIVE},
    "Normal": {_OPACITY: _NEGATIVE, findings.NO_FINDING: _POSITIVE},
}
_TARGETS = {"1": {_OPACITY: _POSITIVE}, "0": {_OPACITY: _NEGATIVE}}


@LABEL_FILES.add("rsna")
class Rsna:
    """RSNA Pneumonia Challenge: `class` (Lung Opacity, No Lung Opacity / Not Normal, Normal) or `Target` beside `patientId`."""

    human: ClassVar[Mapping[str, str]] = {_ANNOTATOR: "film"}
    example: ClassVar[tuple[str, str]] = (
        "stage_2_train_labels.csv",
        "patientId,x,y,width,height,Target\n0004cfab-14fd-4e49-80ba-63a80b6bddd6,,,,,0\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """stage_2_detailed_class_info.csv or stage_2_train_labels.csv."""
        return table.column("patientId") is not None and _answers(table) is not None

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One box a row: a film with several boxes comes several times, each time alike. `patientId` names the film's file."""
        column, known = _answers(table) or ("", {})
        for line, (name, answer) in table.rows(table.column("patientId") or "", column):
            if answer not in known:
                raise table.wrong(line, f"holds a {column} that the RSNA challenge does not know")
            yield FileLabels((("path", stem(name)),), _ANNOTATOR, known[answer])


def _answers(table: TextTable) -> tuple[str, Mapping[str, Mapping[str, LabelState]]] | None:
    if (column := table.column("Target")) is not None:
        return column, _TARGETS
    return (column, _CLASSES) if (column := table.column("class")) is not None else None
