"""Label files as states: wide (an id, then a column a finding) or long (report_id, finding, state), CSV or Parquet.

Blank is UNMENTIONED in a wide file. In a long file an absent row is UNMENTIONED, a row without a state is a cell that readers could not
settle and nobody is scored on, and a row without a finding only says that the report was read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.base.errors import InputError
from pipeline.base.findings import canonical, find
from pipeline.base.labels import STATES, LabelState, from_chexpert
from pipeline.label.given import IDS

UNSETTLED = -1
_SILENT = STATES.index(LabelState.UNMENTIONED)
_LONG = {"finding", "state"}


@dataclass(frozen=True, slots=True)
class States:
    """What one file says.

    Attributes:
        name: of the file.
        ids: of the reports, shape (n,), each once.
        findings: columns of `codes`, in our spelling.
        codes: shape (n, findings): position in `STATES`, or UNSETTLED.
    """

    name: str
    ids: pd.Index[str]
    findings: tuple[str, ...]
    codes: npt.NDArray[np.int8]

    @property
    def is_binary(self) -> bool:
        """Whether it only says present or not: a 0 is then "not coded", no denial."""
        settled = self.codes[self.codes != UNSETTLED]
        return bool(np.isin(settled, (STATES.index(LabelState.POSITIVE), STATES.index(LabelState.NEGATIVE))).all())

    def take(self, ids: pd.Index[str], findings: tuple[str, ...]) -> npt.NDArray[np.int8]:
        """Codes of some reports and findings, all of which it has."""
        columns = pd.Index(self.findings).get_indexer(pd.Index(findings))
        return self.codes[self.ids.get_indexer(ids)][:, columns]


def read(path: Path) -> States:
    """Read a label file.

    Raises:
        InputError: it is missing or broken, a cell is no state, a report or finding is there twice, or nothing in it is a finding.
    """
    frame = _frame(path)
    names = [name.strip().casefold() for name in frame.columns]
    key = next((names.index(name) for name in IDS if name in names), 0)
    ids = frame.iloc[:, key].str.strip()
    if (ids == "").any():
        raise InputError(f"{path.name}: row {int((ids == '').argmax()) + 2} has no report id", "name the report or remove the row")
    if _LONG.issubset(names):
        return _long(path.name, ids, frame.iloc[:, names.index("finding")].str.strip(), frame.iloc[:, names.index("state")])
    return _wide(path.name, ids, frame.drop(columns=frame.columns[key]))


def _frame(path: Path) -> pd.DataFrame:
    """Every cell as text, blank where there is nothing."""
    if not path.exists():
        raise InputError(f"{path} does not exist", "give a CSV or Parquet file")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path).astype("object").map(lambda value: "" if pd.isna(value) else str(value))
        return pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as a label file ({type(error).__name__})", "give a CSV or Parquet file") from error


def _wide(name: str, ids: pd.Series[str], cells: pd.DataFrame) -> States:
    if ids.duplicated().any():
        raise InputError(f"{name}: {int(ids.duplicated().sum())} reports are there twice", "keep one row a report")
    known = {column: made for column in cells.columns if (made := find(column))}
    findings = tuple(known.values())
    if not findings or len(set(findings)) < len(findings):
        raise InputError(
            f"{name}: {'a finding has two columns' if findings else 'no column is a finding'}", "docs/findings.md has the names"
        )
    codes = np.column_stack([_codes(name, ids, cells[column], _SILENT) for column in known])
    return States(name, pd.Index(ids), findings, codes)


def _long(name: str, ids: pd.Series[str], said: pd.Series[str], states: pd.Series[str]) -> States:
    reports = pd.Index(ids.unique())
    rows = said != ""
    ids, states, said = ids[rows], states[rows], said[rows].map({one: canonical(one) for one in said[rows].unique()})
    if pd.DataFrame({"report": ids, "finding": said}).duplicated().any():
        raise InputError(f"{name}: a report has a finding twice", "keep one row a report and finding")
    findings = tuple(said.unique())
    codes = np.full((len(reports), len(findings)), _SILENT, np.int8)
    codes[reports.get_indexer(pd.Index(ids)), pd.Index(findings).get_indexer(pd.Index(said))] = _codes(name, ids, states, UNSETTLED)
    return States(name, reports, findings, codes)


def _codes(name: str, ids: pd.Series[str], cells: pd.Series[str], blank: int) -> npt.NDArray[np.int8]:
    codes: dict[str, int] = {}
    for value in cells.unique():
        try:
            codes[value] = STATES.index(from_chexpert(value)) if value.strip() else blank
        except ValueError as error:
            where = ids[cells == value].iloc[0]
            raise InputError(f"{name}, report {where}: {value!r} is no state", "states are 1, 0, -1 and blank") from error
    return np.asarray(cells.map(codes).to_numpy(np.int8))
