"""COVID-19 image data collection (Cohen et al. 2020): films from publications, a table of what they tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive, absent, cell, is_picture
from pipeline.collect.sources._words import age_years, day, sex, view_position

_MODALITIES = {"X-RAY": "DX", "CT": "CT"}


@SOURCES.add("covid_image_data_collection")
class CovidImageDataCollection(Archive):
    """COVID-19 image data collection: images/ of JPEG and PNG films, metadata.csv beside it."""

    card: ClassVar[SourceCard] = SourceCard(
        title="COVID-19 Image Data Collection",
        licence="Of each image, in the column license: CC BY, CC BY-NC-SA and others; the table is CC BY-NC-SA 4.0",
        citation=(
            "Cohen JP, Morrison P, Dao L, et al. COVID-19 image data collection: prospective predictions are the future. "
            "Machine Learning for Biomedical Imaging 1 (2020). https://doi.org/10.59275/j.melba.2020-48g7"
        ),
        layout="images/<filename> (.jpg, .jpeg, .png); metadata.csv; volumes/ of CT, which are left alone",
        known_defects=(
            "Slices of CT lie among the films (modality CT): they leave by the rule for modalities.",
            "Films are pictures out of papers: cropped, with arrows and letters, of any grey scale.",
            "Of a date often only the year is known: such a film has none.",
            "`finding` is the diagnosis of the case: normal films of ill people carry it too.",
        ),
    )

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Everything by metadata.csv; a picture that is not in it is nobody's.

        Raises:
            ExportError: the table is missing.
        """
        (tables,) = self.tables(export, r"metadata\.csv")
        said = {cell(row, "filename"): _row(row) for table in tables for row in self.rows(export, table)}

        def film(found: FoundFile) -> FilmFacts | None:
            if not is_picture(found.relative):
                return None
            if not tables:
                raise absent("metadata.csv", "the COVID-19 image data collection")
            return said.get(found.relative.rpartition("/")[2])

        return film


def _row(row: Mapping[str, str]) -> FilmFacts:
    """Films of one patient and day (`offset` from the onset) are a study."""
    patient, offset = cell(row, "patientid"), cell(row, "offset")
    name = stem(cell(row, "filename"))
    modality = cell(row, "modality")
    return FilmFacts(
        patient_id=patient or None,
        study_id=f"{patient}/{offset}" if patient and offset else name,
        image_uid=name,
        view_position=view_position(cell(row, "view")),
        patient_sex=sex(cell(row, "sex")),
        patient_age_years=age_years(cell(row, "age")),
        study_date=day(cell(row, "date")),
        institution_name=cell(row, "location") or None,
        modality=_MODALITIES.get(modality.upper(), modality.upper() or "OT"),
    )
