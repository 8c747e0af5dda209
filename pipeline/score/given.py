"""Everything `cxr score` is given, as arrays of the same items and findings. How files are read is `pipeline.audit.files`'.

Here belongs which cells are scored: those with a truth of 1 or 0 on which every model has an opinion, so that all are compared on the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.audit import files
from pipeline.base.errors import InputError
from pipeline.base.findings import find
from pipeline.base.interfaces import READER
from pipeline.validate.bounds import Errors
from pipeline.validate.films import NOT_STATED
from pipeline.validate.metrics import Array

Words = npt.NDArray[np.str_]
_ERROR_COLUMNS = ("sensitivity_low", "sensitivity_high", "specificity_low", "specificity_high")


@dataclass(frozen=True, slots=True)
class Given:
    """What is scored.

    Attributes:
        findings: those that the truth and every model have, F of them.
        truth: (n, F) 1, 0, -1 for uncertain, NaN.
        models: name -> (n, F) scores on any scale, NaN without an opinion.
        readers: name, beginning with "reader:" -> (n, F) 1, 0 or NaN.
        patients: (n,) whom an item belongs to.
        subgroups: name -> (n,) value.
        errors: finding -> error rates of the truth, where it is text-mined and they are known.
        notes: what was left out, in words.
    """

    findings: tuple[str, ...]
    truth: Array
    models: dict[str, Array]
    readers: dict[str, Array]
    patients: Words
    subgroups: dict[str, Words]
    errors: dict[str, Errors]
    notes: tuple[str, ...]

    def scored(self, truth: Array | None = None) -> npt.NDArray[np.bool_]:
        """(n, F) whether a cell is scored: a truth of 0 or 1, and an opinion of every model."""
        known = np.isin(self.truth if truth is None else truth, (0, 1))
        return np.asarray(np.logical_and.reduce([known, *(np.isfinite(cells) for cells in self.models.values())]), np.bool_)

    def only(self, findings: Sequence[str]) -> Given:
        """The same of some findings."""
        places = [self.findings.index(name) for name in findings]
        models, readers = ({name: cells[:, places] for name, cells in said.items()} for said in (self.models, self.readers))
        return replace(self, findings=tuple(findings), truth=self.truth[:, places], models=models, readers=readers)


def named(predictions: Sequence[Path]) -> dict[str, Path]:
    """Files by model, whose name is the file's.

    Raises:
        InputError: two files have one name.
    """
    twice = [stem for stem, count in Counter(path.stem for path in predictions).items() if count > 1]
    if twice:
        raise InputError(f"several files of predictions are called {twice[0]}", "one file a model, each with a name of its own")
    return {path.stem: path for path in predictions}


def read(
    truth: Path,
    predictions: Mapping[str, Path],
    readers: Path | None = None,
    patients: Path | None = None,
    subgroups: Path | None = None,
    errors: Path | None = None,
) -> Given:
    """Read the files of `cxr score`.

    Args:
        truth: an id, then a column a finding.
        predictions: model -> file.
        readers: folder with one CSV a radiologist.
        patients: id and patient; every item is a patient of its own without.
        subgroups: id, then a column a subgroup.
        errors: finding and the ends of sensitivity and specificity of the truth.

    Raises:
        InputError: a file is unreadable, or shares no item or finding with the truth.
    """
    known = files.labels(truth)
    sheets = {model: files.predictions(path) for model, path in sorted(predictions.items())}
    items = list(known.cells.index)
    findings = [name for name in known.cells.columns if all(name in sheet.cells.columns for sheet in sheets.values())]
    if not findings:
        raise InputError(f"no finding is in {known.file} and in every file of predictions", "give files about the same findings")
    people = _readers(readers)
    notes = [*_missing(known, list(sheets.values()), findings)]
    models = {model: _aligned(sheet, known, findings, notes) for model, sheet in sheets.items()}
    said = {f"{READER}{sheet.stem}": _decided(_aligned(sheet, known, findings, notes)) for sheet in people}
    made = Given(
        tuple(findings),
        known.cells[findings].to_numpy(),
        models,
        said,
        _patients(patients, items),
        _subgroups(subgroups, items),
        _errors(errors) if errors else {},
        (),
    )
    return replace(made, notes=(*notes, *_unscored(made)))


def _missing(known: files.Sheet, sheets: Sequence[files.Sheet], findings: Sequence[str]) -> list[str]:
    lacking = [str(name) for name in known.cells.columns if name not in findings]
    notes = [f"not scored, for not every model has them: {', '.join(lacking)}"] if lacking else []
    for sheet in (known, *sheets):
        if sheet.unknown:
            notes.append(f"{sheet.file} has columns that name no finding: {', '.join(sheet.unknown)}")
    return notes


def _aligned(sheet: files.Sheet, known: files.Sheet, findings: Sequence[str], notes: list[str]) -> Array:
    is_known = sheet.cells.index.isin(known.cells.index)
    if not is_known.any():
        raise InputError(f"{sheet.file} shares no item with {known.file}", "give files about the same items")
    if not is_known.all():
        notes.append(f"{sheet.file} has {int((~is_known).sum())} items that {known.file} lacks")
    cells: pd.DataFrame = sheet.cells.reindex(index=known.cells.index, columns=list(findings))
    return cells.to_numpy(np.float64)


def _unscored(made: Given) -> list[str]:
    """Cells that are not scored, and for whose sake."""
    known = np.isin(made.truth, (0, 1))
    uncertain = int((made.truth == -1).sum())
    notes = [f"{uncertain} cells of the truth are uncertain (-1): not scored"] if uncertain else []
    for name, cells in made.models.items():
        silent = known & ~np.isfinite(cells)
        if silent.any():
            where = ", ".join(f"{finding} {n}" for finding, n in zip(made.findings, silent.sum(axis=0), strict=True) if n)
            notes.append(f"{name} has no opinion on {int(silent.sum())} cells with a truth, which no model is scored on: {where}")
    return notes


def _readers(folder: Path | None) -> list[files.Sheet]:
    if folder is None:
        return []
    found = sorted(folder.glob("*.csv")) if folder.is_dir() else []
    if not found:
        raise InputError(f"{folder} is not a folder with CSV files", "one CSV a radiologist")
    return [files.labels(path) for path in found]


def _decided(cells: Array) -> Array:
    """1 and 0; a reader who is uncertain has not called the film."""
    return np.where(np.isin(cells, (0, 1)), cells, np.nan)


def _patients(path: Path | None, items: Sequence[str]) -> Words:
    if path is None:
        return np.array(items, dtype=str)
    columns = files.words(path)
    if len(columns) != 1:
        raise InputError(f"{path.name} has {len(columns)} columns behind the id", "give it an id and a patient")
    (said,) = columns.values()
    unknown = sum(not said.get(item) for item in items)
    if unknown:
        raise InputError(f"{path.name} names no patient for {unknown} of {len(items)} items", "name one for each: intervals hang on it")
    return np.array([said[item] for item in items], dtype=str)


def _subgroups(path: Path | None, items: Sequence[str]) -> dict[str, Words]:
    columns: Mapping[str, Mapping[str, str]] = files.words(path) if path else {}
    return {name: np.array([said.get(item) or NOT_STATED for item in items], dtype=str) for name, said in columns.items()}


def _errors(path: Path) -> dict[str, Errors]:
    header, records = files.lines(path)
    if "finding" not in header or not set(_ERROR_COLUMNS) <= set(header):
        raise InputError(f"{path.name} lacks columns", f"give it finding, {', '.join(_ERROR_COLUMNS)}")
    found: dict[str, Errors] = {}
    for line, row in records:
        cells = dict(zip(header, row, strict=True))
        finding = find(cells["finding"])
        if finding is None or finding in found:
            problem = "names no finding" if finding is None else f"has {finding} again"
            raise InputError(f"{path.name}, line {line} {problem}", "one line a finding; docs/findings.md has the names")
        ends = [files.parsed(path, line, name, cells[name], float, "is not a number") for name in _ERROR_COLUMNS]
        if not (0 <= ends[0] <= ends[1] <= 1 and 0 <= ends[2] <= ends[3] <= 1):
            raise InputError(f"{path.name}, line {line}: an interval is not within 0 to 1, low end first", "mend the line")
        found[finding] = Errors((ends[0], ends[1]), (ends[2], ends[3]))
    return found
