"""PadChest of the Hospital San Juan, Alicante (Bustos et al. 2020): 16-bit PNG films and one table of everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive, absent, cell, is_picture
from pipeline.collect.sources._words import age_years, day, sex, view_position


@SOURCES.add("padchest")
class PadChest(Archive):
    """PadChest: 0/<ImageID>.png to 54/, and PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv."""

    card: ClassVar[SourceCard] = SourceCard(
        title="PadChest",
        licence="PadChest Dataset Research Use Agreement (BIMCV)",
        citation=(
            "Bustos A, Pertusa A, Salinas JM, de la Iglesia-Vaya M. PadChest: a large chest x-ray image dataset with multi-label "
            "annotated reports. Medical Image Analysis 66, 101797 (2020). https://doi.org/10.1016/j.media.2020.101797"
        ),
        layout="<ImageDir>/<ImageID>.png, ImageDir 0 to 54; PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv(.gz)",
        known_defects=(
            "Physicians labelled 39,053 rows, a network the other 121,808: two annotators.",
            "103 rows have no list of labels: those films carry none.",
            "Reports are Spanish word stems without stop words: they are not offered to the labelers.",
            "Age is the year of the study less the year of birth, at times one too high; a film is not of 2017 because the archive is.",
            "Projection was checked by hand and goes before ViewPosition_DICOM; COSTAL films show ribs, EXCLUDE and UNK tell no view.",
        ),
    )

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Everything by the table; a film that is not in it is nobody's.

        Raises:
            ExportError: the table is missing.
        """
        (tables,) = self.tables(export, r"padchest.*\.csv(\.gz)?")
        said = {stem(cell(row, "ImageID")): _row(row) for table in tables for row in self.rows(export, table)}

        def film(found: FoundFile) -> FilmFacts | None:
            if not is_picture(found.relative):
                return None
            if not tables:
                raise absent("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv", "PadChest")
            return said.get(stem(found.relative.rpartition("/")[2]))

        return film


def _row(row: dict[str, str]) -> FilmFacts:
    taken = day(cell(row, "StudyDate_DICOM"))
    birth = cell(row, "PatientBirth").partition(".")[0]
    return FilmFacts(
        patient_id=cell(row, "PatientID") or None,
        study_id=cell(row, "StudyID") or None,
        image_uid=stem(cell(row, "ImageID")),
        view_position=view_position(cell(row, "Projection", "ViewPosition_DICOM")),
        patient_sex=sex(cell(row, "PatientSex_DICOM")),
        patient_age_years=age_years(str(taken.year - int(birth))) if taken and birth.isdigit() else None,
        study_date=taken,
        modality=cell(row, "Modality_DICOM") or "DX",
    )
