"""MIMIC-CXR-JPG (Johnson et al. 2019): two labelers on every report, and a radiologist on the reports of the test set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pipeline.base.errors import InputError
from pipeline.base.interfaces import LABEL_FILES, FileLabels, TextTable
from pipeline.collect.films import identifier
from pipeline.collect.label_files._common import FEWEST_FINDINGS, chexpert_rows

_TEST_SET = "published:mimic-test-set"
_LABELERS = ("chexpert", "negbio")


@LABEL_FILES.add("mimic")
class Mimic:
    """MIMIC-CXR-JPG: `study_id` and 14 findings as 1, 0, -1 and blank, by CheXpert, NegBio, or a radiologist (`Airspace Opacity`)."""

    human: ClassVar[Mapping[str, str]] = {_TEST_SET: "report"}
    example: ClassVar[tuple[str, str]] = ("mimic-cxr-2.0.0-chexpert.csv", "subject_id,study_id,Atelectasis,Edema\n10000032,50414267,1.0,\n")

    def recognises(self, table: TextTable) -> bool:
        """`study_id` beside two findings or more; with a DICOM identifier it is a hospital's own table."""
        return table.column("study_id") is not None and identifier(table) is None and len(table.findings()) >= FEWEST_FINDINGS

    def read(self, table: TextTable) -> Iterator[FileLabels]:
        """A study lies in the folder `s<study_id>`; exports from a PACS may carry the number as accession number.

        Raises:
            InputError: the two labelers' files have the same columns, and this one's name says neither.
        """
        annotator, item = _annotator(table), table.column("study_id") or ""
        for _, name, states in chexpert_rows(table, item, table.findings()):
            number = name.removeprefix("s")
            yield FileLabels((("folder", f"s{number}"), ("accession", number), ("accession", f"s{number}")), annotator, states)


def _annotator(table: TextTable) -> str:
    if table.column("Airspace Opacity"):
        return _TEST_SET
    named = [labeler for labeler in _LABELERS if labeler in table.name]
    if len(named) != 1:
        raise InputError(
            f"the label file {table.name} has the columns of both labelers of MIMIC-CXR, and its name says neither",
            "keep its name as published: mimic-cxr-2.0.0-chexpert.csv.gz or mimic-cxr-2.0.0-negbio.csv.gz",
        )
    return f"published:mimic-{named[0]}"
