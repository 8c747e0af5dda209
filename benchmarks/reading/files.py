"""The three files that the labelers are measured on, read from ../shared/data/reports beside the checkout. No scores, no labelers.

Open-I reports (Demner-Fushman et al. 2016) with the gold of NegBio (Peng et al. 2018), a four-state reading of some of them, and the
sentences of the NegEx test kit (Chapman et al. 2001), each with one concept.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.errors import InputError
from pipeline.base.findings import find

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "reports"
NAMES = ("openi_dev.csv", "openi_dev_gold_released.csv", "four_state_dev.csv", "four_state_reports.csv", "negex_sentences.csv")
SECTIONS = ("findings", "impression")
States = dict[str, int | None]


@dataclass(frozen=True, slots=True)
class Concept:
    """A sentence of a report, the characters of the concept in it, and whether people read the concept as denied."""

    report: str
    text: str
    start: int
    end: int
    is_negated: bool


def missing(folder: Path = DATA) -> list[str]:
    """Files that are not here."""
    return [name for name in NAMES if not (folder / name).is_file()]


def texts(folder: Path = DATA) -> dict[str, str]:
    """Report id -> findings and impression under their headings."""
    return {
        row["report_id"]: "\n".join(f"{name.upper()}: {row[name]}" for name in SECTIONS if row[name].strip())
        for row in _rows(folder / "openi_dev.csv")
    }


def openi_gold(folder: Path = DATA) -> tuple[dict[str, States], tuple[str, ...]]:
    """Report id -> finding -> 1 or 0 by our names, and the findings that live: the released column of Hernia is all zeros by mistake."""
    rows = list(_rows(folder / "openi_dev_gold_released.csv"))
    columns = {
        column: found for column in rows[0] if (found := find(column)) and column != "normal" and any(row[column] == "1" for row in rows)
    }
    gold = {row["filename"]: {name: int(row[column]) for column, name in columns.items()} for row in rows}
    return {report: dict(states) for report, states in gold.items()}, tuple(columns.values())


def four_state_gold(folder: Path = DATA) -> tuple[dict[str, States], tuple[str, ...]]:
    """Report id -> finding -> 1, 0, -1, or None where the readers disagreed, and every finding that was read."""
    gold: dict[str, States] = {row["report_id"]: {} for row in _rows(folder / "four_state_reports.csv")}
    for row in _rows(folder / "four_state_dev.csv"):
        name = find(row["finding"])
        if name is None:
            raise InputError(f"four_state_dev.csv: no finding is called {row['finding']!r}", "use a name of pipeline.base.findings")
        gold[row["report_id"]][name] = int(float(row["state"])) if row["state"].strip() else None
    return gold, tuple(dict.fromkeys(name for states in gold.values() for name in states))


def concepts(folder: Path = DATA) -> tuple[list[Concept], int]:
    """The sentences whose concept can be found in them, and how many others there are."""
    rows = list(_rows(folder / "negex_sentences.csv"))
    placed = ((row, place(row["sentence"], row["concept"])) for row in rows)
    found = [Concept(row["report_no"], row["sentence"], *at, row["negation"].strip() == "Negated") for row, at in placed if at]
    return found, len(rows) - len(found)


def place(sentence: str, concept: str) -> tuple[int, int] | None:
    """Characters of a concept in its sentence: in upper case if it is there, as the test kit marks it, else in any case and spacing."""
    words = re.findall(r"\w+", concept)
    if not words:
        return None
    exact = re.search(rf"(?<!\w){re.escape(concept.strip().strip(chr(34)).upper())}(?!\w)", sentence)
    loose = exact or re.search(r"(?<!\w)" + r"\W+".join(map(re.escape, words)) + r"(?!\w)", sentence, re.I)
    return loose.span() if loose else None


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        yield from csv.DictReader(handle)
