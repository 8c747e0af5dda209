"""VinDr-CXR (Nguyen et al. 2022), from PhysioNet or from the VinBigData challenge on Kaggle."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive

_SPLITS = ("train", "test")


@SOURCES.add("vindr_cxr")
class VindrCxr(Archive):
    """VinDr-CXR: train/<image_id>.dicom and test/<image_id>.dicom, annotations/*.csv with a row a reader and box."""

    card: ClassVar[SourceCard] = SourceCard(
        title="VinDr-CXR 1.0.0",
        licence="PhysioNet Credentialed Health Data License 1.5.0",
        citation=(
            "Nguyen HQ, Lam K, Le LT, et al. VinDr-CXR: an open dataset of chest X-rays with radiologist's annotations. "
            "Scientific Data 9, 429 (2022). https://doi.org/10.1038/s41597-022-01498-w"
        ),
        layout=(
            "train/<image_id>.dicom; test/<image_id>.dicom; annotations/{annotations,image_labels}_{train,test}.csv; "
            "on Kaggle train.csv instead of annotations/"
        ),
        known_defects=(
            "Patients are not told apart: each film is a patient of its own, and only near-duplicates are kept together.",
            "Three of 17 readers read each of the 15,000 training films, and not the same three: readers are annotators of their own.",
            "The test set is a consensus of five readers: its labels are not of the kind of those in the training set.",
            "Some films are MONOCHROME1: the header decides, not the depth of bits.",
        ),
    )

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """The file's name is the film's; the folder it lies in is the official split."""

        def film(found: FoundFile) -> FilmFacts | None:
            *folders, name = found.relative.split("/")
            split = next((folder for folder in reversed(folders) if folder in _SPLITS), None)
            if self.kind(export, found) not in ("dicom", "picture"):
                return None
            return FilmFacts(stem(name), stem(name), stem(name), split=split)

        return film
