"""Everything an audit is given, held against the labels on trial: what speaks of their items and findings stays, the rest is told.

Here belongs which cells of which file count. How files are read belongs to `files.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline.audit import files, scores
from pipeline.base.errors import InputError
from pipeline.base.interfaces import READER


@dataclass(frozen=True, slots=True)
class Given:
    """What an audit works on.

    Attributes:
        labels: 1, 0, -1 or NaN; index: item ids; columns: findings.
        models: name -> probabilities, index and columns as in `labels` or fewer.
        readers: annotator name -> 1, 0, -1 or NaN, likewise.
        verdicts: on cells of `labels`, at most one each.
        notes: what was left out or changed, in words.
    """

    labels: pd.DataFrame
    models: dict[str, pd.DataFrame]
    readers: dict[str, pd.DataFrame]
    verdicts: tuple[files.Decision, ...]
    notes: tuple[str, ...]


def read(labels: Path, predictions: Sequence[Path], readers: Path | None = None, verdicts: Path | None = None) -> Given:
    """Read the files of an audit.

    Args:
        labels: the labels on trial.
        predictions: one file a model; the name of the file is the model's.
        readers: folder with one CSV a radiologist.
        verdicts: id, finding, value.

    Raises:
        InputError: a file is unreadable, shares no item or no finding with the labels, or nothing is held against the labels.
    """
    if not predictions and readers is None and verdicts is None:
        raise InputError("labels alone cannot be audited", "add predictions, --readers or --verdicts")
    tried = files.labels(labels)
    notes = _unknown(tried)
    models, read_as = _models(predictions)
    people = [files.labels(path) for path in _folder(readers)]
    known = {sheet.stem: _known(sheet, tried, notes) for sheet in models}
    spoken = {f"{READER}{sheet.stem}": _known(sheet, tried, notes) for sheet in people}
    decided = _decided(verdicts, tried, notes) if verdicts else ()
    return Given(tried.cells, known, spoken, decided, (*notes, *read_as))


def _models(paths: Sequence[Path]) -> tuple[list[files.Sheet], list[str]]:
    twice = [stem for stem, count in Counter(path.stem for path in paths).items() if count > 1]
    if twice:
        raise InputError(f"several files of predictions are called {twice[0]}", "one file a model, each with a name of its own")
    sheets, notes = [], []
    for path in sorted(paths, key=lambda path: path.stem):
        sheet = files.predictions(path)
        cells, ranked = scores.probabilities(sheet.cells)
        sheets.append(files.Sheet(sheet.file, sheet.stem, cells, sheet.unknown))
        if ranked:
            notes.append(f"{sheet.file} holds scores outside 0 to 1, of which only the order is used: {', '.join(ranked)}")
    return sheets, notes


def _folder(readers: Path | None) -> list[Path]:
    if readers is None:
        return []
    found = sorted(readers.glob("*.csv")) if readers.is_dir() else []
    if not found:
        raise InputError(f"{readers} is not a folder with CSV files", "one CSV a radiologist")
    return found


def _known(sheet: files.Sheet, tried: files.Sheet, notes: list[str]) -> pd.DataFrame:
    """The part of a sheet that speaks of items and findings on trial; what does not is added to the notes."""
    findings = [name for name in sheet.cells.columns if name in tried.cells.columns]
    is_known = sheet.cells.index.isin(tried.cells.index)
    if not findings or not is_known.any():
        what = "finding" if is_known.any() else "item"
        raise InputError(f"{sheet.file} shares no {what} with {tried.file}", "give files about the same items and findings")
    notes += _unknown(sheet)
    others = [str(name) for name in sheet.cells.columns if name not in findings]
    if others:
        notes.append(f"{sheet.file} has findings that {tried.file} lacks: {', '.join(others)}")
    notes += _counted(sheet.file, tried.file, int((~is_known).sum()))
    notes += _counted(tried.file, sheet.file, int((~tried.cells.index.isin(sheet.cells.index)).sum()))
    return sheet.cells.loc[is_known, findings]


def _decided(path: Path, tried: files.Sheet, notes: list[str]) -> tuple[files.Decision, ...]:
    found, blank = files.verdicts(path)
    if blank:
        notes.append(f"{path.name}: {blank} rows have no verdict")
    ours = tuple(one for one in found if one.item_id in tried.cells.index and one.finding in tried.cells.columns)
    if not ours:
        raise InputError(f"{path.name} decides no cell of {tried.file}", "give verdicts about the same items and findings")
    notes += _counted(path.name, tried.file, len(found) - len(ours), "verdicts on cells")
    return ours


def _unknown(sheet: files.Sheet) -> list[str]:
    return [f"{sheet.file} has columns that name no finding: {', '.join(sheet.unknown)}"] if sheet.unknown else []


def _counted(file: str, other: str, count: int, what: str = "items") -> Iterable[str]:
    return [f"{file} has {count} {what} that {other} lacks"] if count else []
