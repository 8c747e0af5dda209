"""Worksheets: the most suspicious labels as a CSV with room for a verdict, and the same CSV read back.

Here belongs what a reviewer holds in hands. How verdicts are kept is `pipeline.base.verdicts`'; what they do, `pipeline.label`'s.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline.base import findings, verdicts
from pipeline.base.errors import InputError
from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.settings import Review
from pipeline.base.storage import Home, atomic_bytes
from pipeline.base.verdicts import Verdict
from pipeline.review import budget

COLUMNS = ("rank", "image_id", "finding", "given_label", "p_positive", "reason", "verdict", "reader")
NEEDED = ("image_id", "finding", "verdict", "reader")
_VALUES = {"1": "POSITIVE", "0": "NEGATIVE", "-1": "UNCERTAIN"} | {value: value for value in verdicts.VALUES}
_NUMBERS = {1.0: "1", 0.0: "0", -1.0: "-1"}


def export_csv(home: Home, path: Path, limit: int) -> int:
    """Write the worksheet: the first `limit` label issues that nobody has decided, most suspicious first.

    Args:
        home: the home.
        path: CSV to write; columns COLUMNS, `verdict` and `reader` empty.
        limit: most rows.

    Returns:
        Rows written.

    Raises:
        InputError: the limit is not positive.
        HomeError: nothing was ranked yet, or the file cannot be written.
    """
    if limit < 1:
        raise InputError(f"a worksheet of {limit} rows cannot be made", "ask for at least 1 row")
    todo = undecided(home)
    todo = todo[todo["is_label_issue"]].head(limit)
    _write(path, COLUMNS, todo)
    return len(todo)


def export_queue(home: Home, path: Path, second: Path | None, minutes: float, review: Review) -> dict[str, float]:
    """Write the labels that are worth a reader's minutes, film by film, and a blinded sheet of those to be read twice.

    Args:
        home: the home.
        path: CSV to write; columns COLUMNS, the films in the order of `budget.queue`.
        second: CSV for a second reader: columns NEEDED in the order of the ids, so that nothing tells what is suspected. None for none.
        minutes: of reading time, second reads included.
        review: how long reading takes.

    Returns:
        `budget.summary`.

    Raises:
        HomeError: nothing was ranked yet, or a file cannot be written.
        SettingsError: the quota alone takes longer.
    """
    review = review if second is not None else review.model_copy(update={"second_read_share": 0.0})
    cells = undecided(home)
    chosen = budget.queue(cells, minutes, review)
    _write(path, COLUMNS, chosen)
    if second is not None:
        _write(second, NEEDED, chosen[chosen["is_second"]].sort_values(["image_id", "finding"]))
    return budget.summary(cells, chosen, review)


def undecided(home: Home) -> pd.DataFrame:
    """Judged labels without a verdict, most suspicious first."""
    issues = home.read("label_issues", [*COLUMNS[:6], "label_quality_score", "is_label_issue"]).sort_by("rank").to_pandas()
    decided = pd.MultiIndex.from_tuples(
        [(row["image_id"], row["finding"]) for row in verdicts.current(home).to_pylist()], names=["image_id", "finding"]
    )
    left: pd.DataFrame = issues[~pd.MultiIndex.from_frame(issues[["image_id", "finding"]]).isin(decided)].reset_index(drop=True)
    return left


def _write(path: Path, columns: Sequence[str], rows: pd.DataFrame) -> None:
    sheet = io.StringIO(newline="")
    writer = csv.DictWriter(sheet, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    texts = rows.assign(p_positive=rows["p_positive"].map("{:.3f}".format), reason=rows["reason"].map(_inert))
    names = [str(name) for name in texts]
    writer.writerows(dict(zip(names, values, strict=True)) for values in texts.itertuples(index=False, name=None))
    atomic_bytes(path, sheet.getvalue().encode())


def import_csv(home: Home, path: Path) -> dict[str, int]:
    """Append the verdicts of a CSV; all of them or, when a line is wrong, none.

    Args:
        home: the home.
        path: CSV with the columns NEEDED; others are ignored. `verdict` is 1, 0, -1, POSITIVE, NEGATIVE or UNCERTAIN. Rows with an
            empty verdict are not decided yet and are left out.

    Returns:
        Counts: rows, verdicts, added, already_known, blank.

    Raises:
        InputError: the file cannot be read, a column is missing, or a line names an unknown film or finding, a bad verdict, no
            reader, or contradicts an earlier line. The message names the line.
    """
    rows = _rows(path)
    films = set(home.read("labels", ["image_id"]).column("image_id").unique().to_pylist())
    names = home.pseudonyms()
    chosen: dict[tuple[str, str, str], tuple[Verdict, int]] = {}
    for line, row in rows:
        if not row["verdict"]:
            continue
        made = _verdict(row, line, films, names)
        before, first = chosen.setdefault((made.image_id, made.finding, made.reader_id), (made, line))
        if before.verdict != made.verdict:
            raise InputError(
                f"lines {first} and {line}: one reader decides the same film and finding both ways", "keep one of the two lines"
            )
    new = verdicts.append(home, [made for made, _ in chosen.values()])
    return {
        "rows": len(rows),
        "verdicts": len(chosen),
        "added": new,
        "already_known": len(chosen) - new,
        "blank": sum(not row["verdict"] for _, row in rows),
    }


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line numbers, as an editor shows them, and the needed cells, stripped."""
    try:
        # A byte order mark is what spreadsheets put before UTF-8.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the verdicts in {path.name} cannot be read", "give a CSV file in UTF-8") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    missing = [column for column in NEEDED if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(
            f"{path.name} lacks the columns {', '.join(missing)}",
            f"the first line must name {', '.join(NEEDED)}; make a worksheet with: cxr verdicts export",
        )
    try:
        return [(reader.line_num, {column: (row[column] or "").strip() for column in NEEDED}) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path.name}, line {reader.line_num}: not CSV ({error})", "save the sheet as CSV again") from error


def _verdict(row: Mapping[str, str], line: int, films: set[str], names: Pseudonyms) -> Verdict:
    """One checked row. Messages name the line and not the film or the reader: either may hold what must not be shown."""
    finding = findings.find(row["finding"])
    if row["image_id"] not in films:
        raise InputError(f"line {line}: the image_id is no kept film of this home", "use image_ids of a worksheet of this home")
    if finding is None:
        raise InputError(f"line {line}: no finding is called {row['finding']!r}", f"use one of: {', '.join(findings.NAMES)}")
    if not row["reader"]:
        raise InputError(f"line {line}: a verdict without a reader", "fill the column reader; it is stored as a pseudonym")
    return Verdict(row["image_id"], finding, _value(row["verdict"], line), names.of("reader", row["reader"].casefold()))


def _value(text: str, line: int) -> str:
    """POSITIVE, NEGATIVE or UNCERTAIN; spreadsheets write 1 as 1.0."""
    try:
        number = _NUMBERS.get(float(text))
    except ValueError:
        number = None
    if (value := _VALUES.get(number or text.upper())) is None:
        raise InputError(f"line {line}: {text!r} is no verdict", "write 1, 0 or -1, or POSITIVE, NEGATIVE or UNCERTAIN")
    return value


def _inert(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in "=+-@" else text
