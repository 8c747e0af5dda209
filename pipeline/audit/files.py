"""Tables that an audit is given, read strictly: an id first, then a column a finding. Errors name file and line, never what stands there.

Here belongs what a cell may hold. What scores mean as probabilities belongs to `scores.py`, which cells of which file count to `given.py`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.base.errors import InputError
from pipeline.base.findings import NAMES, find
from pipeline.base.labels import from_chexpert, to_chexpert

_NAN = float("nan")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file.

    Attributes:
        file: its name, and `stem` without suffix.
        cells: numbers, NaN where blank; index: item ids, each once; columns: findings in our spelling and order.
        unknown: columns that name no finding.
    """

    file: str
    stem: str
    cells: pd.DataFrame
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """One verdict of a file: POSITIVE, NEGATIVE or UNCERTAIN."""

    item_id: str
    finding: str
    verdict: str


def labels(path: Path) -> Sheet:
    """Read 1, 0, -1 and blank.

    Raises:
        InputError: the file is no such table.
    """
    return _sheet(path, _label, "is not 1, 0, -1 or blank")


def predictions(path: Path) -> Sheet:
    """Read scores of any scale; blank is no opinion.

    Raises:
        InputError: the file is no such table.
    """
    return _sheet(path, _number, "is not a number or blank")


def verdicts(path: Path) -> tuple[list[Decision], int]:
    """Read the columns id (the first that is neither of the others), finding, and value (or verdict): 1, 0 or -1.

    Returns:
        Decisions in the order of the file, and the number of rows left blank.

    Raises:
        InputError: a column is missing, a finding is unknown, a value is unreadable, or a cell is decided twice.
    """
    header, records = lines(path)
    names = [name.casefold() for name in header]
    value = next((names.index(name) for name in ("value", "verdict") if name in names), None)
    if value is None or "finding" not in names or len(names) < 3:
        raise InputError(f"{path.name} lacks the columns of verdicts", "give it the columns id, finding, value")
    finding = names.index("finding")
    item = next(place for place in range(len(names)) if place not in (value, finding))
    made: dict[tuple[str, str], str] = {}
    first: dict[tuple[str, str], int] = {}
    for line, row in records:
        known, number = find(row[finding]), parsed(path, line, header[value], row[value], _label, "is not 1, 0, -1 or blank")
        if known is None or not row[item]:
            raise InputError(f"{path.name}, line {line}: {'no id' if known else 'no such finding'}", "docs/findings.md has the names")
        key = (row[item], known)
        if first.setdefault(key, line) != line:
            raise InputError(f"{path.name}, line {line} decides the cell of line {first[key]} again", "keep one of them")
        if not math.isnan(number):
            made[key] = str(from_chexpert(number))
    return [Decision(*key, verdict) for key, verdict in made.items()], len(first) - len(made)


def words(path: Path) -> dict[str, dict[str, str]]:
    """Read an id and columns of words: column -> id -> word.

    Raises:
        InputError: the file is no such table.
    """
    header, records = lines(path)
    ids = _ids(path, records)
    if len(header) < 2:
        raise InputError(f"{path.name} has an id and nothing else", "a column of words behind the id")
    return {name: {item: row[place] for item, (_, row) in zip(ids, records, strict=True)} for place, name in enumerate(header) if place}


def _sheet(path: Path, parse: Callable[[str], float], why: str) -> Sheet:
    header, records = lines(path)
    places = _findings(path, header[1:])
    ids = _ids(path, records)
    columns = {
        finding: [parsed(path, line, header[place], row[place], parse, why) for line, row in records] for finding, place in places.items()
    }
    unknown = tuple(name for place, name in enumerate(header) if place and place not in places.values())
    frame = pd.DataFrame(
        {name: np.array(columns[name], np.float64) for name in NAMES if name in columns}, index=pd.Index(ids, dtype=object)
    )
    return Sheet(path.name, path.stem, frame, unknown)


def _findings(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Our spelling -> place of the column."""
    places: dict[str, int] = {}
    for place, name in enumerate(header, 1):
        finding = find(name)
        if finding in places:
            raise InputError(f"{path.name}: two columns are {finding}", "remove one of them")
        if finding is not None:
            places[finding] = place
    if not places:
        raise InputError(
            f"{path.name}: no column is a finding", "the first line names the columns, with commas; docs/findings.md has the names"
        )
    return places


def _ids(path: Path, records: Sequence[tuple[int, list[str]]]) -> list[str]:
    first: dict[str, int] = {}
    for line, row in records:
        if not row[0]:
            raise InputError(f"{path.name}, line {line} has no id", "the first column names the item")
        if first.setdefault(row[0], line) != line:
            raise InputError(f"{path.name}, line {line} repeats the id of line {first[row[0]]}", "keep one row an item")
    return list(first)


def lines(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header, and cells without blanks around them with the line each row ends on; empty lines are passed over.

    Raises:
        InputError: the file is no CSV, has no rows, or a row has another number of cells.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path.name} cannot be read as CSV ({type(error).__name__})", "give a CSV file in UTF-8, cells parted by commas"
        ) from error
    if len(rows) < 2:
        raise InputError(f"{path.name} has no rows", "a line with the names of the columns, then one line an item")
    (_, header), *records = rows
    for line, row in records:
        if len(row) != len(header):
            raise InputError(f"{path.name}, line {line} has {len(row)} cells, the first line {len(header)}", "mend the line")
    return header, records


def parsed(path: Path, line: int, column: str, cell: str, parse: Callable[[str], float], why: str) -> float:
    """A cell as a number, NaN where blank.

    Raises:
        InputError: `parse` refuses it.
    """
    try:
        return parse(cell) if cell else _NAN
    except ValueError:
        raise InputError(f"{path.name}, line {line}: {column} {why}", "mend the cell, or leave it blank") from None


def _label(cell: str) -> float:
    number = to_chexpert(from_chexpert(cell))
    return _NAN if number is None else number


def _number(cell: str) -> float:
    number = float(cell)
    if math.isinf(number):
        raise ValueError
    return number
