"""The files of the CheXpert labeler: a headerless column of reports in, the same column and fourteen labels out.

Facts of `stanfordmlgroup/chexpert-labeler` (Irvin et al. 2019): input is read by `pandas.read_csv(header=None)`, output has the column
Reports and one column per category with 1 / 0 / -1 / blank. Columns are found by name, rows by order and text.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labelers._process import ToolError
from pipeline.base.findings import CHEXPERT_14, find
from pipeline.base.labels import LabelState, from_chexpert
from pipeline.base.reports import Report, Section

if TYPE_CHECKING:
    import pandas as pd

REPORTS = "Reports"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_REMEDY = "let the command write the unchanged output of the CheXpert labeler to {output}"


def one_line(report: Report, sections: Sequence[Section]) -> str:
    """The sections as one line, each closed by a full stop: the tool joins lines itself, and no section runs into the next."""
    texts = (" ".join(_UNPRINTABLE.sub(" ", report.text[one.start : one.end]).split()) for one in sections)
    return " ".join(text if text.endswith((".", "!", "?", ":")) else f"{text}." for text in texts if text)


def write_reports(path: Path, texts: Sequence[str]) -> None:
    """One text a row, quoted, no header, UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([text] for text in texts)


def read_labels(path: Path, texts: Sequence[str]) -> list[dict[str, LabelState]]:
    """One state for each finding of `CHEXPERT_14`, for each text.

    Args:
        path: what the tool wrote.
        texts: what it was given, in order.

    Raises:
        ToolError: not a CSV, a column is missing, a row is missing, added or out of order, or a cell is no label.
    """
    table = _table(path)
    columns = _columns(table)
    if len(table) != len(texts):
        raise ToolError(f"the CheXpert labeler was given {len(texts)} reports and answered with {len(table)} rows", _REMEDY)
    for row, (answered, given) in enumerate(zip(table[REPORTS], texts, strict=True), start=1):
        if " ".join(str(answered).split()) != given:
            raise ToolError(f"row {row} of the CheXpert labeler's answer is not the report of row {row} that it was given", _REMEDY)
    cells = {finding: [_state(row, column, cell) for row, cell in enumerate(table[column], start=1)] for finding, column in columns.items()}
    return [{finding: cells[finding][index] for finding in CHEXPERT_14} for index in range(len(texts))]


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8", index_col=False)
    except (ValueError, OSError) as error:
        raise ToolError(f"the CheXpert labeler's answer is not a CSV in UTF-8 ({type(error).__name__})", _REMEDY) from None


def _columns(table: pd.DataFrame) -> dict[str, str]:
    """Finding -> its column."""
    known = {finding: column for column in table.columns if (finding := find(column)) in CHEXPERT_14}
    absent = [name for name in (REPORTS, *CHEXPERT_14) if name not in known and name not in table.columns]
    if absent:
        raise ToolError(f"the CheXpert labeler's answer has no column {', '.join(absent)}", _REMEDY)
    return {str(finding): column for finding, column in known.items()}


def _state(row: int, column: str, cell: str) -> LabelState:
    try:
        return from_chexpert(cell)
    except ValueError:
        raise ToolError(f"row {row} of the CheXpert labeler's answer: {column} is none of 1, 0, -1 and blank", _REMEDY) from None
