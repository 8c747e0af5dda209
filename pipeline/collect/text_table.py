"""Files opened as rows of text: CSV and JSON lines, gzipped or not, and an XML document as one row. Cells belong to `label_files`."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from xml.etree import ElementTree

from pipeline.base import findings
from pipeline.base.errors import InputError

SUFFIXES = (".csv", ".csv.gz", ".xml", ".json", ".json.gz")
JOINER = "|"
# An Open-I record has 10 kB; a document beyond this is no record and is not parsed.
_LARGEST_XML_BYTES = 2**20
_LONGEST_JSON_LINE = 2**16
_GZIP_MAGIC = b"\x1f\x8b"
_UNREADABLE = (OSError, EOFError, csv.Error, zlib.error)

_Records = Iterator[tuple[int, list[str]]]


@dataclass(slots=True)
class Table:
    """A file with a header, read anew by every call of `rows`, one record at a time.

    Attributes:
        path: the file.
        header: its columns as written, without blanks around them.
        unknown: what a layout met and no finding covers.
    """

    path: Path
    header: tuple[str, ...]
    unknown: Counter[str] = field(default_factory=Counter)
    _places: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._places = {_key(name): name for name in reversed(self.header)}

    @property
    def name(self) -> str:
        """The file's name in lower case, without suffixes."""
        return re.sub(r"(\.(csv|json))?(\.gz)?(\.xml)?$", "", self.path.name.lower())

    def column(self, *names: str) -> str | None:
        """The first column so called; capitals, blanks and punctuation do not count."""
        return next((self._places[key] for name in names if (key := _key(name)) in self._places), None)

    def findings(self) -> dict[str, str]:
        """Columns that name a finding in any archive's way -> our spelling."""
        return {name: found for name in self.header if (found := findings.find(name))}

    def rows(self, *columns: str) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Line number and cells of these columns; a record that ends early has blank cells.

        Raises:
            InputError: the file breaks off, or a column stands in it twice.
        """
        for name in columns:
            if self.header.count(name) > 1:
                raise InputError(f"column {name!r} stands twice in the label file {self.path.name}", "remove one of them")
        places = [self.header.index(name) for name in columns]
        pick: Callable[[list[str]], tuple[str, ...]] = itemgetter(*places, places[0])  # one more, so that one column is a tuple too
        n, shortest = len(places), max(places) + 1
        for line, row in self._records():
            if len(row) < shortest:
                row += [""] * (shortest - len(row))
            yield line, tuple(map(str.strip, pick(row)[:n]))

    def wrong(self, line: int, why: str) -> InputError:
        """The error for a cell that the layout does not know."""
        return InputError(f"line {line} of the label file {self.path.name} {why}", "mend the line, or remove the file")

    def _records(self) -> _Records:
        try:
            records = _records(self.path)
            next(records)
            yield from records
        except _UNREADABLE as error:
            raise InputError(f"the label file {self.path.name} cannot be read to its end", "fetch the file again, or remove it") from error


def open_table(path: Path) -> Table | None:
    """Read the head of a file; None where it is no table, or cannot be read at all."""
    try:
        _, header = next(_records(path))
    except (*_UNREADABLE, StopIteration, ElementTree.ParseError):
        return None
    return Table(path, tuple(name.strip() for name in header))


def _key(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def _records(path: Path) -> _Records:
    name = path.name.lower()
    if name.endswith((".json", ".json.gz")):
        return _json_records(path)
    return _xml_records(path) if name.endswith(".xml") else _csv_records(path)


def _csv_records(path: Path) -> _Records:
    """Records with the line each begins on; a quoted cell may hold line breaks."""
    with _text(path) as handle:
        reader = csv.reader(handle)
        line = 1
        for row in reader:
            if row:
                yield line, row
            line = reader.line_num + 1


def _json_records(path: Path) -> _Records:
    """Objects one a line (CheXpert Plus), all with the keys of the first; null is blank. A document of one long line is no table."""
    keys: list[str] = []
    with _text(path) as handle:
        lines = iter(lambda: handle.readline(_LONGEST_JSON_LINE), "")
        for number, record in enumerate(map(_json_object, lines), start=1):
            if not keys:
                keys = list(record)
                yield 1, keys
            yield number, ["" if record.get(key) is None else str(record[key]) for key in keys]


def _json_object(line: str) -> dict[str, object]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise csv.Error("a line is no JSON") from error
    if not isinstance(found, dict):
        raise csv.Error("a line is no JSON object")
    return found


@contextmanager
def _text(path: Path) -> Iterator[io.TextIOWrapper]:
    with path.open("rb") as raw:
        zipped = raw.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        raw.seek(0)
        binary = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if zipped else raw
        with io.TextIOWrapper(binary, encoding="utf-8-sig", errors="replace", newline="") as text:
            yield text


def _xml_records(path: Path) -> _Records:
    """Paths below the root as columns ("MeSH/major", "uId@id"), their texts joined by JOINER as the one row."""
    if path.stat().st_size > _LARGEST_XML_BYTES:
        return
    cells: dict[str, list[str]] = defaultdict(list)
    _flatten(ElementTree.parse(path).getroot(), "", cells)
    yield 1, list(cells)
    yield 1, [JOINER.join(texts) for texts in cells.values()]


def _flatten(element: ElementTree.Element, place: str, cells: dict[str, list[str]]) -> None:
    for child in element:
        below = f"{place}/{child.tag}".lstrip("/")
        for name, value in child.items():
            cells[f"{below}@{name}"].append(value)
        if child.text and child.text.strip():
            cells[below].append(" ".join(child.text.split()))
        _flatten(child, below, cells)
