"""Files of boxes that radiologists drew, each layout by its columns. Boxes are in pixels of the original film, the origin at its top left.

A further layout is one reader more in `_READERS`.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pipeline.base.errors import InputError
from pipeline.base.findings import find

_LAYOUTS = "BBox_List_2017.csv of ChestX-ray14, stage_2_train_labels.csv of RSNA, or train.csv of VinDr-CXR"
_NIH_NAME = "Bbox [x"


class Box(NamedTuple):
    """One box: the film's file without suffix, whom it belongs to, our finding, and its sides in pixels."""

    film: str
    patient: str
    finding: str
    x_min: float
    y_min: float
    x_max: float
    y_max: float


@dataclass(frozen=True, slots=True)
class BoxFile:
    """A file read.

    Attributes:
        layout: which.
        boxes: all that bear a finding of ours.
        unknown: the file's own word for a finding -> boxes that no finding of ours covers.
    """

    layout: str
    boxes: tuple[Box, ...]
    unknown: Counter[str]


class _Raw(NamedTuple):
    """Line, film, patient, the file's word, and four cells: x_min, y_min and x_max, y_max or, with `is_size`, width, height."""

    line: int
    film: str
    patient: str
    word: str
    cells: Sequence[str]
    is_size: bool


_Rows = Iterator[tuple[int, list[str]]]
_Reader = Callable[[list[str], _Rows], Iterator[_Raw]]


def read(path: Path) -> BoxFile:
    """Read a file of boxes, plain text.

    Raises:
        InputError: no layout has its columns, or a box is none.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.reader(handle)
            header = [name.strip() for name in next(rows, [])]
            for layout, needed, reader in _READERS:
                if needed <= set(header):
                    numbered = ((number, row) for number, row in enumerate(rows, start=2) if any(row))
                    return _gather(path.name, layout, reader(header, numbered))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read as a table", "give the CSV file of boxes as published, unpacked") from error
    raise InputError(f"{path.name} has the columns of no known file of boxes", f"give {_LAYOUTS}")


def _gather(name: str, layout: str, rows: Iterator[_Raw]) -> BoxFile:
    boxes: list[Box] = []
    unknown: Counter[str] = Counter()
    for row in rows:
        if finding := find(row.word):
            boxes.append(Box(row.film, row.patient, finding, *_sides(name, row)))
        else:
            unknown[row.word] += 1
    return BoxFile(layout, tuple(boxes), unknown)


def _sides(name: str, row: _Raw) -> tuple[float, float, float, float]:
    try:
        x_min, y_min, third, fourth = map(float, row.cells)
    except ValueError as error:
        raise InputError(f"line {row.line} of {name} does not hold four numbers of a box", "mend or remove the line") from error
    x_max, y_max = (x_min + third, y_min + fourth) if row.is_size else (third, fourth)
    if not all(map(math.isfinite, (x_min, y_min, x_max, y_max))) or x_max <= x_min or y_max <= y_min:
        raise InputError(f"the box in line {row.line} of {name} has no area", "mend or remove the line")
    return x_min, y_min, x_max, y_max


def _nih(header: list[str], rows: _Rows) -> Iterator[_Raw]:
    """`Image Index,Finding Label,Bbox [x,y,w,h],,,`: the commas of one name make four columns, and three empty ones follow."""
    film, word, first = (header.index(name) for name in ("Image Index", "Finding Label", _NIH_NAME))
    for line, row in rows:
        stem = Path(row[film]).stem
        yield _Raw(line, stem, stem.partition("_")[0], row[word], row[first : first + 4], True)


def _rsna(header: list[str], rows: _Rows) -> Iterator[_Raw]:
    """`patientId,x,y,width,height,Target`, a film a patient; Target 0 has no box. Drawn were opacities suspicious for pneumonia."""
    film, target, *sides = (header.index(name) for name in ("patientId", "Target", "x", "y", "width", "height"))
    for line, row in rows:
        if row[target].strip() == "1":
            yield _Raw(line, row[film], row[film], "Lung Opacity", [row[side] for side in sides], True)


def _vindr(header: list[str], rows: _Rows) -> Iterator[_Raw]:
    """`image_id,class_name,...,x_min,y_min,x_max,y_max`, several readers a film, whom it names no patient; "No finding" has no box."""
    film, word, *sides = (header.index(name) for name in ("image_id", "class_name", "x_min", "y_min", "x_max", "y_max"))
    for line, row in rows:
        if row[word].strip().casefold() != "no finding":
            yield _Raw(line, row[film], row[film], row[word], [row[side] for side in sides], False)


_READERS: tuple[tuple[str, frozenset[str], _Reader], ...] = (
    ("ChestX-ray14", frozenset({"Image Index", "Finding Label", _NIH_NAME}), _nih),
    ("RSNA", frozenset({"patientId", "x", "y", "width", "height", "Target"}), _rsna),
    ("VinDr-CXR", frozenset({"image_id", "class_name", "x_min", "y_min", "x_max", "y_max"}), _vindr),
)
