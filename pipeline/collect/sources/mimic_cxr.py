"""MIMIC-CXR and MIMIC-CXR-JPG (Johnson et al. 2019), as PhysioNet publishes them: one layout, DICOM or JPEG, and the reports beside."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive, absent, is_picture
from pipeline.collect.sources._words import day, view_position

_FILM = re.compile(r"(?:^|/)p(\d+)/s(\d+)/([^/]+)$")
_METADATA = "mimic-cxr-2.0.0-metadata.csv(.gz)"


@SOURCES.add("mimic_cxr")
class MimicCxr(Archive):
    """MIMIC-CXR: files/p10/p10000032/s50414267/<dicom_id>.dcm or .jpg, reports as files/p10/p10000032/s50414267.txt."""

    card: ClassVar[SourceCard] = SourceCard(
        title="MIMIC-CXR 2.1.0 and MIMIC-CXR-JPG 2.1.0",
        licence="PhysioNet Credentialed Health Data License 1.5.0",
        citation=(
            "Johnson AEW, Pollard TJ, Berkowitz SJ, et al. MIMIC-CXR, a de-identified publicly available database of chest radiographs "
            "with free-text reports. Scientific Data 6, 317 (2019). https://doi.org/10.1038/s41597-019-0322-0"
        ),
        layout=(
            "files/p10/p10000032/s50414267/<dicom_id>.dcm or .jpg; files/p10/p10000032/s50414267.txt; "
            "mimic-cxr-2.0.0-{metadata,split,chexpert,negbio}.csv.gz; mimic-cxr-2.1.0-test-set-labeled.csv"
        ),
        known_defects=(
            "The JPEGs are histogram-equalised, 8 bit and lossy: their grey scale is not that of the DICOM files, nor of other archives.",
            "2,414 of the 227,827 studies have no label by CheXpert or NegBio: they are unmentioned, not negative.",
            "Study numbers are random: their order is not the order in time; StudyDate is shifted by patient.",
            "The labelled test set speaks of studies, and calls Lung Opacity Airspace Opacity.",
            "Sex and age are not published here; MIMIC-IV has them.",
        ),
    )

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Patient and study by path, view and date by the metadata table; reports are filed under `s<study>`.

        Raises:
            ExportError: JPEGs without the metadata table.
        """
        (tables,) = self.tables(export, r"mimic-cxr-\d.*-metadata\.csv(\.gz)?")
        said = {
            row["dicom_id"]: (view_position(row.get("ViewPosition", "")), day(row.get("StudyDate", "")))
            for table in tables
            for row in self.rows(export, table)
        }

        def film(found: FoundFile) -> FilmFacts | None:
            place = _FILM.search(found.relative)
            if place is None:
                return None
            if is_picture(found.relative) and not tables:
                raise absent(_METADATA, "MIMIC-CXR-JPG")
            patient, study, name = place.groups()
            view, taken = said.get(stem(name), (None, None))
            return FilmFacts(patient, study, stem(name), view, study_date=taken, accession_number=f"s{study}")

        return film
