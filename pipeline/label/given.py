"""A report as it was handed in, before anything reads it: its id, its text, and where it stood.

Here belongs how columns become one text. Opening files belongs to `files.py`; what the text says belongs to the labelers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.base.errors import InputError
from pipeline.base.headings import BODY
from pipeline.base.reports import READ_SECTIONS, sections

IDS = ("report_id", "study_id")
_TEXTS = ("text", "report", "report_text")


@dataclass(frozen=True, slots=True)
class Given:
    """One report. `place` says where it stood, for people: "line 7", "row 7", or a file below the folder."""

    report_id: str
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no report, and why. `report_id` is empty where it is not known."""

    place: str
    report_id: str
    problem: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns hold what, as positions; `parts` are (position, heading) of section columns, empty where there is a text column."""

    width: int
    report_id: int
    text: int | None
    parts: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, header: Sequence[str], source: str) -> Columns:
        """Find the columns by name, whatever their case.

        Raises:
            InputError: no column holds the text, or no other column holds the id.
        """
        names = [re.sub(r"[\W_]+", "_", name.strip().casefold()).strip("_") for name in header]
        report_id = next((names.index(name) for name in IDS if name in names), 0)
        text = next((names.index(name) for name in _TEXTS if name in names), None)
        parts = tuple((at, made) for at, name in enumerate(names) if at != report_id and (made := heading(name)))
        if text == report_id or (text is None and not any(_is_read(made) for _, made in parts)):
            raise InputError(
                f"{source} has the columns {', '.join(header[:12])}: no id with a text beside it",
                "name the columns report_id and text, or report_id, findings and impression",
            )
        return cls(len(header), report_id, text, () if text is not None else parts)

    @property
    def used(self) -> tuple[int, ...]:
        """Positions that are needed, the id first."""
        return (self.report_id, *((self.text,) if self.text is not None else (at for at, _ in self.parts)))

    def given(self, place: str, row: Sequence[str]) -> Given | BadRow:
        """The report of one row of `width` cells."""
        report_id = row[self.report_id].strip()
        if not report_id:
            return BadRow(place, "", "no id")
        if self.text is not None:
            return Given(report_id, row[self.text], place)
        return Given(report_id, joined((made, row[at]) for at, made in self.parts), place)


def joined(parts: Iterable[tuple[str, str]]) -> str:
    """Sections under their headings, so that they are found again; empty ones are left out."""
    return "\n\n".join(f"{made}:\n{text}" for made, text in parts if text.strip())


def heading(column: str) -> str | None:
    """The heading a column stands for ("section_findings" is FINDINGS), or None where its name opens no section of a report."""
    made = re.sub(r"[\W_]+", " ", column).strip().upper().removeprefix("SECTION ")
    return made if _opened(made) != BODY else None


def _is_read(made: str) -> bool:
    return _opened(made) in READ_SECTIONS


def _opened(made: str) -> str:
    return sections(f"{made}:\nx")[-1].name if made else BODY
