"""CheXpert (Irvin et al. 2019), its small copy, and CheXpert Plus (Chambon et al. 2024) with reports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive, cell, is_picture
from pipeline.collect.sources._inner import InnerReports
from pipeline.collect.sources._words import age_years, sex, view_position

_FILM = re.compile(r"(?:(train|valid|test)/)?(patient\d+)/(study\d+)/(view\d+\w*)")
_TABLES = r"(chexpert_)?(train|valid|test)\w*\.csv(\.gz)?|df_chexpert_plus_\w+\.csv"
_PLUS = re.compile(r"(?:^|/)df_chexpert_plus_\w+\.csv$")
_SPLITS = {"train": "train", "valid": "validate", "test": "test"}
_Said = tuple[str | None, str | None, int | None, str | None]


@SOURCES.add("chexpert")
class CheXpert(Archive):
    """CheXpert, -small and Plus: train/patient00001/study1/view1_frontal.jpg (.png, .dcm), train.csv and valid.csv."""

    card: ClassVar[SourceCard] = SourceCard(
        title="CheXpert 1.0, CheXpert-v1.0-small and CheXpert Plus",
        licence="Stanford University Dataset Research Use Agreement",
        citation=(
            "Irvin J, Rajpurkar P, Ko M, et al. CheXpert: a large chest radiograph dataset with uncertainty labels and expert comparison. "
            "AAAI (2019). https://doi.org/10.1609/aaai.v33i01.3301590"
        ),
        layout=(
            "{train,valid,test}/patient00001/study1/view1_frontal.jpg; train.csv, valid.csv (Path, Sex, Age, views, 14 labels); "
            "Plus: PNG or DICOM in the same folders, df_chexpert_plus_240401.csv with reports"
        ),
        known_defects=(
            "Three ages are 0 in a set of adults, and one sex is Unknown: both are unknown here.",
            "17 rows say Frontal with the view LL or RL: neither is believed, their view is unknown.",
            "Ages stop at 90: 7,579 rows.",
            "-1 means uncertain, blank unmentioned; the validation and test sets are read by radiologists and have neither.",
            "The test set's groundtruth.csv speaks of studies; its readers' files swap Lung Lesion and Lung Opacity: joined by name.",
            "train_visualCheXbert.csv, train_cheXbert.csv and the JSON files of Plus are programs' labels: annotators of their own.",
        ),
    )

    def __init__(self) -> None:
        self._reports = InnerReports(self._accession, lambda row: row.get("report", ""))

    def files(self, export: str) -> Iterator[FoundFile]:
        """Files of the folder, and each report of CheXpert Plus after the table that holds it."""
        for found in super().files(export):
            yield found
            if _PLUS.search(found.relative):
                with super().open(export, found.relative) as raw:
                    yield from self._reports.files(export, found, raw)

    def open(self, export: str, relative: str) -> BinaryIO:
        """The bytes of a file, or of a report within a table."""
        if not _PLUS.search(relative.rpartition("/")[0]):
            return super().open(export, relative)
        with super().open(export, relative.rpartition("/")[0]) as raw:
            return self._reports.open(export, relative, raw)

    @staticmethod
    def _accession(row: Mapping[str, str]) -> str | None:
        place = _FILM.search(row.get("path_to_image", ""))
        return f"{place[2]}-{place[3]}" if place and row.get("report", "").strip() else None

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Patient, study and split by path (the tables' path where folders are batches), the rest by the tables."""
        (tables,) = self.tables(export, _TABLES)
        said = {key: row for table in tables for key, row in map(_row, self.rows(export, table)) if key}

        def film(found: FoundFile) -> FilmFacts | None:
            place = _FILM.search(stem(found.relative))
            if place is None or not (is_picture(found.relative) or self.kind(export, found) == "dicom"):
                return None
            part, patient, study, view = place.groups()
            key = f"{patient}/{study}/{view}"
            position, sex_, age, split = said.get(key, (_view("", view), None, None, None))
            accession = f"{patient}-{study}"
            split = split or _SPLITS.get(part or "")
            return FilmFacts(patient, f"{patient}/{study}", key, position, sex_, age, accession_number=accession, split=split)

        return film


def _row(row: Mapping[str, str]) -> tuple[str, _Said]:
    """Key of a film, and its view, sex, age and split; a table of studies has no films."""
    place = _FILM.search(cell(row, "Path", "path_to_image"))
    if place is None:
        return "", (None, None, None, None)
    part, patient, study, view = place.groups()
    side = cell(row, "Frontal/Lateral", "frontal_lateral") or view
    age = age_years(cell(row, "Age", "age")) or None  # 0 is no age in a set of adults
    said = _view(cell(row, "AP/PA", "ap_pa"), side), sex(cell(row, "Sex", "sex")), age, _SPLITS.get(cell(row, "split") or part or "")
    return f"{patient}/{study}/{view}", said


def _view(word: str, side: str) -> str | None:
    """View Position; None where the two words contradict each other, as Frontal and LL do."""
    is_lateral = "lateral" in side.lower()
    position = view_position(word) or ("LATERAL" if is_lateral else None)
    return position if (position in ("AP", "PA")) != is_lateral else None
