"""ChestX-ray14 of the NIH Clinical Center (Wang et al. 2017): PNG films, text-mined labels, boxes, and official lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.films import stem
from pipeline.collect.sources._archive import Archive, absent, cell, is_picture
from pipeline.collect.sources._words import age_years, sex, view_position

# Every film was stretched to this height, whatever its shape.
_HEIGHT_PX = 1024
_FILES = (r"data_entry_2017.*\.csv(\.gz)?", r"train_val_list(_nih)?\.txt", r"test_list(_nih)?\.txt")


@SOURCES.add("nih_chestxray14")
class NihChestXray14(Archive):
    """ChestX-ray14: images_001/images/00000001_000.png, Data_Entry_2017_v2020.csv, train_val_list.txt and test_list.txt."""

    card: ClassVar[SourceCard] = SourceCard(
        title="NIH ChestX-ray14",
        licence="No restriction; the NIH asks for the citation and a link to the download site",
        citation=(
            "Wang X, Peng Y, Lu L, et al. ChestX-ray8: hospital-scale chest X-ray database and benchmarks on weakly-supervised "
            "classification and localization of common thorax diseases. CVPR (2017). https://doi.org/10.1109/CVPR.2017.369"
        ),
        layout="images_001/images/00000001_000.png; Data_Entry_2017_v2020.csv; BBox_List_2017.csv; train_val_list.txt; test_list.txt",
        known_defects=(
            "Labels are mined from reports that were not published: a finding that is not named is unmentioned, not negative.",
            "The first release holds ages over 100 (up to 414): what no person reaches is unknown here.",
            "All films are 8 bit and 1024 x 1024: most were stretched, and pixel spacing holds for the original film alone.",
            "5,402 films are of patients under 18; one patient has up to 184 films, so a split by film leaks.",
            "Studies are not told apart: each film is a study of its own.",
        ),
    )

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Patient by file name, the rest by Data_Entry; the official lists say train or test.

        Raises:
            ExportError: films without Data_Entry.
        """
        tables, train, test = self.tables(export, *_FILES)
        said = {cell(row, "Image Index"): _row(row) for table in tables for row in self.rows(export, table)}
        lists = (("train", train), ("test", test))
        splits = {name: split for split, files in lists for found in files for name in self.lines(export, found)}

        def film(found: FoundFile) -> FilmFacts | None:
            name = found.relative.rpartition("/")[2]
            if not is_picture(name):
                return None
            if not tables:
                raise absent("Data_Entry_2017_v2020.csv", "ChestX-ray14")
            view, sex_, age, spacing = said.get(name, (None, None, None, None))
            patient = name.partition("_")[0]
            return FilmFacts(patient, stem(name), stem(name), view, sex_, age, pixel_spacing_mm=spacing, split=splits.get(name))

        return film


def _row(row: dict[str, str]) -> tuple[str | None, str | None, int | None, float | None]:
    """View, sex, age and row spacing; the header's commas part "OriginalImage[Width,Height]" into two columns."""
    view, age = view_position(cell(row, "View Position")), age_years(cell(row, "Patient Age"))
    return view, sex(cell(row, "Patient Gender")), age, _spacing(cell(row, "y]"), cell(row, "Height]"))


def _spacing(original_mm: str, height_px: str) -> float | None:
    """Millimetres between the rows of the stretched film."""
    try:
        return float(original_mm) * float(height_px) / _HEIGHT_PX
    except ValueError:
        return None
