"""SIIM-ACR Pneumothorax Segmentation (2019), stage 1 or stage 2: DICOM films of ChestX-ray14 and masks."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive


@SOURCES.add("siim_pneumothorax")
class SiimPneumothorax(Archive):
    """SIIM-ACR Pneumothorax: dicom-images-train/<study>/<series>/<image>.dcm, dicom-images-test/, stage_2_images/, train-rle.csv."""

    card: ClassVar[SourceCard] = SourceCard(
        title="SIIM-ACR Pneumothorax Segmentation Challenge",
        licence="Rules of the challenge on Kaggle; the films are those of NIH ChestX-ray14",
        citation=(
            "Society for Imaging Informatics in Medicine (SIIM), American College of Radiology (ACR). "
            "SIIM-ACR Pneumothorax Segmentation. Kaggle (2019). https://kaggle.com/c/siim-acr-pneumothorax-segmentation"
        ),
        layout="dicom-images-{train,test}/<study>/<series>/<image>.dcm; stage_2_images/ID_*.dcm; train-rle.csv, stage_2_train.csv",
        known_defects=(
            "With stage_2_train.csv the test films of stage 1 are training films, and stage_2_images/ alone is the test set.",
            "The films come from ChestX-ray14 under new identifiers: do not join the two, and expect the same patient under several.",
            "The column is called ' EncodedPixels', with a blank; a film with several masks has several rows.",
            "Ages are bare numbers ('43'), which the standard's age string does not allow.",
        ),
    )

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Whose a film is the header says; the folder, and which stage this is, say the official split."""
        (stage_2,) = self.tables(export, r"stage_2_train\.csv(\.gz)?")

        def film(found: FoundFile) -> FilmFacts | None:
            folders, name = found.relative.split("/")[:-1], stem(found.relative.rpartition("/")[2])
            if self.kind(export, found) != "dicom":
                return None
            return FilmFacts(None, None, name, split=_split(folders, bool(stage_2)))

        return film


def _split(folders: list[str], is_stage_2: bool) -> str | None:
    if "stage_2_images" in folders:
        return "test"
    if "dicom-images-train" in folders:
        return "train"
    return ("train" if is_stage_2 else "test") if "dicom-images-test" in folders else None
