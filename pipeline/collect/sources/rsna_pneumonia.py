"""RSNA Pneumonia Detection Challenge, stage 2 (Shih et al. 2019): DICOM films of ChestX-ray14 with boxes by radiologists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import ClassVar

from pipeline.base.errors import InputError
from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive

_SPLITS = {"stage_2_train_images": "train", "stage_2_test_images": "test"}


@SOURCES.add("rsna_pneumonia")
class RsnaPneumonia(Archive):
    """RSNA Pneumonia: stage_2_train_images/<patientId>.dcm, stage_2_test_images/, stage_2_train_labels.csv, mappings to ChestX-ray14."""

    card: ClassVar[SourceCard] = SourceCard(
        title="RSNA Pneumonia Detection Challenge, stage 2",
        licence="Terms of the RSNA challenge: non-commercial research; the films are those of NIH ChestX-ray14",
        citation=(
            "Shih G, Wu CC, Halabi SS, et al. Augmenting the National Institutes of Health chest radiograph dataset with expert "
            "annotations of possible pneumonia. Radiology: Artificial Intelligence 1(1) (2019). https://doi.org/10.1148/ryai.2019180041"
        ),
        layout=(
            "stage_2_{train,test}_images/<patientId>.dcm; stage_2_train_labels.csv; stage_2_detailed_class_info.csv; "
            "pneumonia-challenge-dataset-mappings_2018.json from the RSNA's site"
        ),
        known_defects=(
            "patientId names a film, not a patient: only the RSNA's mappings tell which films are of one patient of ChestX-ray14.",
            "A film with several boxes has several rows.",
            "Ages are bare numbers ('43'); five are from 148 to 155: what no person reaches is unknown.",
            "The films are 8-bit JPEGs of 1024 x 1024 within DICOM: the ChestX-ray14 films again, not the originals.",
            "The test films of stage 2 have no labels in the challenge's files.",
        ),
    )

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """The folder says the split; the patient is the one of ChestX-ray14 where the mappings are there.

        Raises:
            InputError: the mappings are no list of films.
        """
        (mappings,) = self.tables(export, r"pneumonia-challenge-dataset-mappings.*\.json")
        patients = {name: patient for found in mappings for name, patient in self._mapping(export, found).items()}

        def film(found: FoundFile) -> FilmFacts | None:
            *folders, name = found.relative.split("/")
            if self.kind(export, found) not in ("dicom", "picture"):
                return None
            split = next((split for folder, split in _SPLITS.items() if folder in folders), None)
            return FilmFacts(patients.get(stem(name)), None, stem(name), split=split)

        return film

    def _mapping(self, export: str, found: FoundFile) -> dict[str, str]:
        """Film of the challenge -> patient of ChestX-ray14."""
        with self.open(export, found.relative) as raw:
            try:
                return {one["subset_img_id"]: str(one["img_id"]).partition("_")[0] for one in json.load(raw)}
            except (ValueError, TypeError, KeyError) as error:
                name = found.relative.rpartition("/")[2]
                raise InputError(f"{name} is no list of films with subset_img_id and img_id", "fetch it again, or remove it") from error
