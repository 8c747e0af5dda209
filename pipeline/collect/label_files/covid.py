"""COVID-19 image data collection (Cohen et al. 2020): the diagnosis of the case that a film was published with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base import findings
from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.collect.films import stem
from pipeline.collect.label_files._common import positives

_ANNOTATOR = "published:covid"
_ASKED = ("Pneumonia", findings.NO_FINDING)
_SAYS_NOTHING = ("", "todo", "unknown")


@LABEL_FILES.add("covid")
class Covid:
    """COVID-19 image data collection, `finding` ("Pneumonia/Viral/COVID-19") beside `RT_PCR_positive`; silence is UNMENTIONED."""

    human: ClassVar[Mapping[str, str]] = {_ANNOTATOR: "report"}
    example: ClassVar[tuple[str, str]] = (
        "metadata.csv",
        "patientid,offset,finding,RT_PCR_positive,view,filename\n2,0,Pneumonia/Viral/COVID-19,Y,PA,auntminnie-a-2020_01_28.jpeg\n",
    )

    def recognises(self, table: TextTable) -> bool:
        """metadata.csv of any version that tells of PCR tests."""
        return None not in (table.column("finding"), table.column("filename"), table.column("RT_PCR_positive"))

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """One picture a row; what stands before the first "/" is the kind of disease."""
        columns = [table.column(name) or "" for name in ("filename", "finding")]
        for _, (name, cell) in table.rows(*columns):
            disease = cell.partition("/")[0].strip()
            if not name or disease.lower() in _SAYS_NOTHING:
                continue
            found = findings.find(disease)
            known = {found} if found in _ASKED else set()
            table.unknown.update([] if known else [disease])
            yield FileLabels((("path", stem(name)),), _ANNOTATOR, positives(known, _ASKED))
