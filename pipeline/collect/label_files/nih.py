"""ChestX-ray14 (Wang et al. 2017): positives by text mining, joined by "|"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base import findings
from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.collect.films import identifier, stem
from pipeline.collect.label_files._common import positives

_ASKED = (*findings.NIH_14, findings.NO_FINDING)


@LABEL_FILES.add("nih")
class Nih:
    """ChestX-ray14, `Finding Labels` beside `Image Index` or a DICOM identifier; silence is UNMENTIONED."""

    human: ClassVar[Mapping[str, str]] = {}
    example: ClassVar[tuple[str, str]] = (
        "Data_Entry_2017.csv",
        "Image Index,Finding Labels,Follow-up #\n00000001_001.png,Cardiomegaly|Emphysema,1\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """Any release of Data_Entry_2017.csv, and hospital exports in its manner."""
        return table.column("Finding Labels") is not None and _item(table) is not None and table.column("Airspace opacity") is None

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One image, or one study, a row."""
        kind, item = _item(table) or ("", "")
        labels = table.column("Finding Labels") or ""
        for line, (name, cell) in table.rows(item, labels):
            if name:
                found = {_finding(word, table, line) for word in cell.split("|") if word.strip()}
                yield FileLabels(((kind, stem(name) if kind == "path" else name),), "published:nih", positives(found, _ASKED))


def _item(table: TextTable) -> tuple[str, str] | None:
    own = table.column("Image Index")
    return identifier(table) or (("path", own) if own else None)


def _finding(word: str, table: TextTable, line: int) -> str:
    found = findings.find(word)
    if found not in _ASKED:
        raise table.wrong(line, "holds a label that ChestX-ray14 does not know")
    return found
