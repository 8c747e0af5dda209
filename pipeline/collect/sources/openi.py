"""Open-I, the Indiana University collection (Demner-Fushman et al. 2016): DICOM or PNG films, a report and MeSH terms for each patient."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, ClassVar
from xml.etree import ElementTree

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive, cell
from pipeline.collect.sources._inner import InnerReports, headed
from pipeline.collect.sources._words import view_position

_FILM = re.compile(r"(?:CXR(?:\d+_(?=\d+_))?)?((\d+)_IM-[\w-]+)")
_RECORD = re.compile(r"(?:^|/)(\d+)\.xml$")
_TABLE = re.compile(r"(?:^|/)indiana_reports\.csv$")
_LARGEST_RECORD_BYTES = 2**20


@SOURCES.add("openi")
class OpenI(Archive):
    """Open-I: NLMCXR_png/CXR1_1_IM-0001-3001.png or .dcm, ecgen-radiology/1.xml; or indiana_reports.csv from Kaggle."""

    card: ClassVar[SourceCard] = SourceCard(
        title="Open-I, Indiana University Chest X-ray Collection",
        licence="CC BY-NC-ND 4.0",
        citation=(
            "Demner-Fushman D, Kohli MD, Rosenman MB, et al. Preparing a collection of radiology examinations for distribution and "
            "retrieval. JAMIA 23(2), 304-310 (2016). https://doi.org/10.1093/jamia/ocv080"
        ),
        layout=(
            "NLMCXR_png/CXR1_1_IM-0001-3001.png; NLMCXR_dcm/1/1_IM-0001-3001.dcm; NLMCXR_reports/ecgen-radiology/1.xml; on Kaggle "
            "images/images_normalized/1_IM-0001-3001.dcm.png, indiana_reports.csv, indiana_projections.csv"
        ),
        known_defects=(
            "One report a patient: numbers of reports, films and patients are one.",
            "Words were taken out of the reports as XXXX, clinical words among them.",
            "104 reports have no film: they are counted and not read.",
            "A third of the headers have no View Position, and 1,090 of the 3,400 pairs of films say PA twice; PNG films have none at all.",
            "MeSH terms name what a coder found worth coding: a finding that is not named is unmentioned, not negative.",
        ),
    )

    def __init__(self) -> None:
        self._reports = InnerReports(lambda row: f"CXR{row['uid']}" if row.get("uid", "").isdigit() else None, headed)

    def files(self, export: str) -> Iterator[FoundFile]:
        """Files of the folder, and after each record or table of reports the reports in it, CXR1.txt and so on."""
        for found in super().files(export):
            yield found
            if record := _RECORD.search(found.relative):
                yield FoundFile(f"{found.relative}/CXR{record[1]}.txt", found.size_bytes, found.stamp)
            if _TABLE.search(found.relative):
                with super().open(export, found.relative) as raw:
                    yield from self._reports.files(export, found, raw)

    def open(self, export: str, relative: str) -> BinaryIO:
        """The bytes of a file, or of a report within a record or a table."""
        within = relative.rpartition("/")[0]
        if not (_RECORD.search(within) or _TABLE.search(within)):
            return super().open(export, relative)
        with super().open(export, within) as raw:
            return io.BytesIO(_report(raw).encode()) if _RECORD.search(within) else self._reports.open(export, relative, raw)

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """The number of the report is in the name of each film; views are Kaggle's projections, else the header's."""
        (tables,) = self.tables(export, r"indiana_projections\.csv")
        views = {
            stem(cell(row, "filename")): view_position(cell(row, "projection")) for found in tables for row in self.rows(export, found)
        }

        def film(found: FoundFile) -> FilmFacts | None:
            name = _FILM.fullmatch(stem(found.relative.rpartition("/")[2]))
            if name is None or self.kind(export, found) not in ("dicom", "picture"):
                return None
            report = f"CXR{name[2]}"
            return FilmFacts(report, report, name[1], views.get(name[1]), accession_number=report)

        return film


def _report(raw: BinaryIO) -> str:
    """The sections of a record of the XML release.

    Raises:
        OSError: it is no such record; `collect` files it as unreadable.
    """
    content = raw.read(_LARGEST_RECORD_BYTES + 1)
    if len(content) > _LARGEST_RECORD_BYTES:
        raise OSError("a record of Open-I is far too large")
    try:
        return headed(_sections(ElementTree.fromstring(content)))
    except ElementTree.ParseError as error:
        raise OSError("a record of Open-I is no XML") from error


def _sections(root: ElementTree.Element) -> Mapping[str, str]:
    found: dict[str, list[str]] = defaultdict(list)
    for part in root.iter("AbstractText"):
        found[part.get("Label", "").lower()].append(" ".join((part.text or "").split()))
    return {name: " ".join(texts) for name, texts in found.items()}
