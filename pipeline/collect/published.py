"""Labels that came with the source, as annotators: nothing is lost, silence is UNMENTIONED and never NEGATIVE."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.base import findings
from pipeline.base.errors import InputError
from pipeline.base.labels import LabelState, from_chexpert

_ACCESSION = ("accessionnumber", "accession", "accessionno")
_INSTANCE = ("sopinstanceuid",)
_STUDY = ("studyinstanceuid",)
_NIH_COLUMN = "findinglabels"
_SPLIT_COLUMN = "split"
_FEWEST_FINDINGS = 2


@dataclass(frozen=True, slots=True)
class LabelFile:
    """How one CSV is to be read: which column names the item, and which convention its labels follow."""

    id_column: str
    id_kind: str
    convention: str
    columns: Mapping[str, str]

    @property
    def annotator(self) -> str:
        """The annotator its rows become."""
        return f"published:{self.convention}"


def _key(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def recognise(path: Path) -> LabelFile | None:
    """Read the head of a CSV and say whether it holds labels (NIH or CheXpert style) or an official split.

    Returns:
        None when the file has no item column, or names no finding.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        header = next(csv.reader(handle), [])
    keys = {_key(name): name for name in header}
    for kind, names in (("accession", _ACCESSION), ("image", _INSTANCE), ("study", _STUDY)):
        id_column = next((keys[name] for name in names if name in keys), None)
        if id_column is None:
            continue
        if _NIH_COLUMN in keys:
            return LabelFile(id_column, kind, "nih", {"labels": keys[_NIH_COLUMN]})
        columns = {found: name for name in header if name != id_column and (found := findings.find(name))}
        if len(columns) >= _FEWEST_FINDINGS:
            return LabelFile(id_column, kind, "chexpert", columns)
        if _SPLIT_COLUMN in keys:
            return LabelFile(id_column, kind, "split", {"split": keys[_SPLIT_COLUMN]})
    return None


def read(path: Path, file: LabelFile) -> Iterator[tuple[str, dict[str, LabelState]]]:
    """Items of a label file with a state for every finding the file covers.

    Raises:
        InputError: a value that the convention does not know; the line is named, its item is not.
    """
    for line, row in _rows(path):
        item = (row.get(file.id_column) or "").strip()
        if item:
            yield item, (_nih(row[file.columns["labels"]], line) if file.convention == "nih" else _chexpert(row, file, line))


def read_splits(path: Path, file: LabelFile) -> Iterator[tuple[str, str]]:
    """Items of an official split file with train, validate or test.

    Raises:
        InputError: a split of another name.
    """
    names = {"train": "train", "training": "train", "valid": "validate", "val": "validate", "validate": "validate", "test": "test"}
    for line, row in _rows(path):
        value = (row.get(file.columns["split"]) or "").strip().lower()
        if value not in names:
            raise InputError(f"line {line} of the split file says neither train, validate nor test", "mend the line, or remove the file")
        yield (row.get(file.id_column) or "").strip(), names[value]


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as handle:
        yield from enumerate(csv.DictReader(handle), start=2)


def _nih(cell: str | None, line: int) -> dict[str, LabelState]:
    states = dict.fromkeys((*findings.NIH_14, findings.NO_FINDING), LabelState.UNMENTIONED)
    for name in (cell or "").split("|"):
        if not name.strip():
            continue
        found = findings.find(name)
        if found not in states:
            raise InputError(
                f"line {line} of the label file holds a label that ChestX-ray14 does not know", "mend the line, or remove the file"
            )
        states[found] = LabelState.POSITIVE
    return states


def _chexpert(row: dict[str, str], file: LabelFile, line: int) -> dict[str, LabelState]:
    try:
        return {finding: from_chexpert(row.get(column)) for finding, column in file.columns.items()}
    except ValueError as error:
        raise InputError(f"line {line} of the label file: {error}", "mend the line, or remove the file") from error
