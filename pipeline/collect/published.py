"""What a text file of the export is: published labels in a registered layout, an official split, or neither."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import InputError
from pipeline.base.interfaces import LABEL_FILES, LabelFile
from pipeline.collect import text_table
from pipeline.collect.films import IDENTIFIERS, stem
from pipeline.collect.text_table import Table

# Files that name films by their file's name: MIMIC-CXR, ChestX-ray14.
_FILE_NAMES = ("dicom_id", "Image Index")
_SPLITS = {"train": "train", "training": "train", "valid": "validate", "val": "validate", "validate": "validate", "test": "test"}


@dataclass(frozen=True, slots=True)
class Recognised:
    """A label file with its layout and the layout's name, or an official split where `layout` is None."""

    table: Table
    layout: LabelFile | None
    name: str


def recognise(path: Path) -> Recognised | None:
    """Say by its columns what a file holds; None when it is neither labels nor a split.

    Raises:
        InputError: two layouts claim the file.
    """
    table = text_table.open_table(path) if path.name.lower().endswith(text_table.SUFFIXES) else None
    if table is None:
        return None
    claims = [(name, layout) for name, layout in LABEL_FILES if layout.recognises(table)]
    if len(claims) > 1:
        names = " and ".join(name for name, _ in claims)
        raise InputError(f"the label file {path.name} fits two layouts: {names}", "rename its columns, or mend one of the layouts")
    if claims:
        return Recognised(table, claims[0][1], claims[0][0])
    return Recognised(table, None, "split") if table.column("split") and _item(table) else None


def read_splits(table: Table) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
    """Names of items of an official split file with train, validate or test.

    Raises:
        InputError: a split of another name.
    """
    item, split = _item(table), table.column("split")
    if item is None or split is None:
        raise InputError(f"the file {table.path.name} has no column of items or none of splits", "name them AccessionNumber and split")
    kind, column = item
    for line, (name, value) in table.rows(column, split):
        if value.lower() not in _SPLITS:
            raise table.wrong(line, "says neither train, validate nor test")
        yield ((kind, stem(name) if kind == "path" else name),), _SPLITS[value.lower()]


def _item(table: Table) -> tuple[str, str] | None:
    kinds = (*IDENTIFIERS, ("path", _FILE_NAMES))
    return next(((kind, column) for kind, names in kinds if (column := table.column(*names))), None)
