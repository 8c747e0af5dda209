"""The layout of CheXpert (Irvin et al. 2019): CSV files with 1 / 0 / -1 / blank beside a tree of PNG files.

    train.csv  valid.csv  test.csv                   reconciled labels, four states
    train_given.csv  valid_given.csv  ...            the labels the films came with, four states
    train_cleaned.csv  valid_cleaned.csv  ...        cleaned training targets: 1, 0, a value between, blank is masked out
    train/<patient_id>/<study_id>/<image_id>.png     (.jpg if so stored) paths in the CSV are relative to this folder

The 14 CheXpert findings come first, in CheXpert's order and spelling; findings it lacks follow.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from pipeline.base.findings import BY_NAME, CHEXPERT_14
from pipeline.base.images import SUFFIXES
from pipeline.base.interfaces import FORMATS
from pipeline.base.labels import to_chexpert
from pipeline.base.storage import Home
from pipeline.base.tables import SPLITS
from pipeline.write import curated

FILES = {"train": "train", "validate": "valid", "test": "test"}
VARIANTS = {"": "state", "_given": "given_state", "_cleaned": "cleaned"}
_FACTS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
_SEX = {"M": "Male", "F": "Female"}
_LATERAL = ("LL", "RL", "LATERAL", "LAT", "LLD", "RLD")


@FORMATS.add("chexpert-csv")
class ChexpertCsv:
    """CSV files and PNG folders as CheXpert has them: 1, 0, -1 and blank survive; given and cleaned variants lie beside."""

    description: ClassVar[str] = "CheXpert's layout: train/valid/test.csv with 1, 0, -1 and blank, and a tree of PNG files"

    def __call__(self, home: Home, to: Path) -> list[Path]:
        """Write below `to`; see `pipeline.write.curated.folder` for what it refuses."""
        with curated.folder(home, to, "chexpert-csv") as staging:
            rows: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
            for film in curated.films(home, "write chexpert-csv"):
                path = staging / film_path(film.row)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(film.pixels)
                rows[film.row["split"]].append(film.row)
            findings = order(curated.findings_of(home))
            for split, name in FILES.items():
                for suffix, kind in VARIANTS.items():
                    _write(staging / f"{name}{suffix}.csv", rows[split], findings, kind)
        return curated.files_below(to)


def order(findings: Iterable[str]) -> tuple[str, ...]:
    """CheXpert's 14 in its order, then the others."""
    given = tuple(findings)
    return (*(name for name in CHEXPERT_14 if name in given), *(name for name in given if name not in CHEXPERT_14))


def film_path(row: dict[str, Any]) -> str:
    """Path of a film below the export; a film without a study is one of its own."""
    study = row["study_id"] or row["image_id"]
    return f"{FILES[row['split']]}/{row['patient_id']}/{study}/{row['image_id']}{SUFFIXES[row['codec']]}"


def facts(row: dict[str, Any]) -> list[str]:
    """Path, Sex, Age, Frontal/Lateral and AP/PA as CheXpert writes them; unknown is Unknown or blank."""
    view = (row["view_position"] or "").upper()
    age = row["patient_age_years"]
    return [
        film_path(row),
        _SEX.get(row["patient_sex"], "Unknown"),
        "" if age is None else str(age),
        "Lateral" if view in _LATERAL else "Frontal",
        view if view in ("AP", "PA") else "",
    ]


def cell(value: float | str | None, kind: str) -> str:
    """A state as 1.0, 0.0, -1.0 or blank; a target as a number, blank where it is masked out."""
    number = (None if value is None else float(value)) if kind == "cleaned" else (None if value is None else to_chexpert(str(value)))
    return "" if number is None else repr(number)


def _write(path: Path, rows: list[dict[str, Any]], findings: tuple[str, ...], kind: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow([*_FACTS, *(BY_NAME[name].chexpert or name for name in findings)])
        for row in rows:
            writer.writerow([*facts(row), *(cell(row[curated.column(kind, name)], kind) for name in findings)])
