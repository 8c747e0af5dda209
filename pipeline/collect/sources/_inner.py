"""Reports that an archive keeps as rows of a table, offered as files of their own: TABLE.csv/ACCESSION.txt.

Only places are remembered, so that a table of 200,000 reports is never held in memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from pipeline.base.errors import InputError
from pipeline.base.interfaces import FoundFile
from pipeline.collect.text_table import JOINER

_Row = Mapping[str, str]
_SECTIONS = ("indication", "comparison", "findings", "impression")


@dataclass(slots=True)
class InnerReports:
    """Reports inside one kind of table.

    Attributes:
        accession: a row's accession number; None for a row without a report.
        words: the report of a row.
        places: (export, table) -> accession number -> first byte and length of its row; renewed by `files`.
    """

    accession: Callable[[_Row], str | None]
    words: Callable[[_Row], str]
    places: dict[tuple[str, str], dict[str, tuple[int, int]]] = field(default_factory=dict)

    def files(self, export: str, table: FoundFile, raw: BinaryIO) -> Iterator[FoundFile]:
        """The reports of a table, by accession number; of rows that share one (the films of a study) the first speaks.

        Raises:
            InputError: the table breaks off.
        """
        places: dict[str, tuple[int, int]] = {}
        try:
            for row, start, length in _rows(raw):
                if name := self.accession(row):
                    places.setdefault(name, (start, length))
        except csv.Error as error:
            table_name = table.relative.rpartition("/")[2]
            raise InputError(f"the table {table_name} cannot be read to its end", "fetch the file again") from error
        self.places[export, table.relative] = places
        for name in sorted(places):
            yield FoundFile(f"{table.relative}/{name}.txt", places[name][1], table.stamp)

    def open(self, export: str, relative: str, raw: BinaryIO) -> BinaryIO:
        """One report, its table given as `raw`.

        Raises:
            InputError: the table has no such report.
        """
        table, _, name = relative.rpartition("/")
        if (export, table) not in self.places:
            list(self.files(export, FoundFile(table, 0, ""), raw))
        place = self.places[export, table].get(name.removesuffix(".txt"))
        if place is None:
            raise InputError(f"a report is no longer in the table {table.rpartition('/')[2]}", "run again: cxr run")
        raw.seek(0)
        header = next(csv.reader(line.decode("utf-8-sig", "replace") for line in raw))
        raw.seek(place[0])
        cells = next(csv.reader(io.StringIO(raw.read(place[1]).decode("utf-8", "replace"), newline="")))
        return io.BytesIO(self.words(dict(zip(header, cells, strict=False))).encode())


def _rows(raw: BinaryIO) -> Iterator[tuple[_Row, int, int]]:
    """Rows with their first byte and length: a reader takes no more lines than its record has."""
    end = 0

    def lines() -> Iterator[str]:
        nonlocal end
        for line in raw:
            end += len(line)
            yield line.decode("utf-8", "replace").removeprefix("\ufeff")

    reader = csv.reader(lines())
    header, start = next(reader, []), end
    for cells in reader:
        yield dict(zip(header, cells, strict=False)), start, end - start
        start = end


def headed(sections: Mapping[str, str]) -> str:
    """Sections as a report has them: "FINDINGS: ..." and so on, those that say something."""
    said = ((name, sections.get(name, "").replace(JOINER, " ").strip()) for name in _SECTIONS)
    return "\n\n".join(f"{name.upper()}: {words}" for name, words in said if words)
