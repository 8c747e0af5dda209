"""What several layouts share: reading CheXpert cells, joining columns of one finding, and sets that name positives alone."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.base.interfaces import TextTable
from pipeline.base.labels import BY_STRENGTH, LabelState, from_chexpert

FEWEST_FINDINGS = 2
_SEEN: dict[str, LabelState] = {}


def strongest(pairs: Iterable[tuple[str, LabelState]]) -> dict[str, LabelState]:
    """One state a finding; of several columns of one finding (rib and clavicle fracture) the strongest speaks."""
    found: dict[str, LabelState] = {}
    for finding, state in pairs:
        if finding not in found or BY_STRENGTH.index(state) < BY_STRENGTH.index(found[finding]):
            found[finding] = state
    return found


def chexpert_rows(table: TextTable, item: str, columns: Mapping[str, str]) -> Iterator[tuple[int, str, dict[str, LabelState]]]:
    """Line, item and states of a table with 1, 0, -1 or blank for each finding; rows without an item are passed over.

    Args:
        table: the file.
        item: its column of items.
        columns: column -> finding.

    Raises:
        InputError: a cell is something else; the line is named.
    """
    names = tuple(columns.values())
    once = len(set(names)) == len(names)
    for line, (name, *cells) in table.rows(item, *columns):
        if not name:
            continue
        try:
            pairs = zip(names, [_SEEN[cell] if cell in _SEEN else _state(cell) for cell in cells], strict=True)
        except ValueError as error:
            raise table.wrong(line, f"cannot be used: {error}") from error
        yield line, name, dict(pairs) if once else strongest(pairs)


def _state(cell: str) -> LabelState:
    try:
        state = from_chexpert(cell)
    except ValueError as error:
        # The cell itself is not quoted: what stands where a number should be may be anything.
        raise ValueError("a CheXpert-style label is 1, 0, -1 or blank") from error
    return _SEEN.setdefault(cell, state)


def positives(found: Iterable[str], asked: Iterable[str]) -> dict[str, LabelState]:
    """States of a set that names positives alone: what it does not name of `asked` is UNMENTIONED; `found` is part of `asked`."""
    return dict.fromkeys(asked, LabelState.UNMENTIONED) | dict.fromkeys(found, LabelState.POSITIVE)


def crosswalk(name: str) -> tuple[tuple[str, str], ...]:
    """Rows (term of the set, our finding) of a CSV beside this module, without its header."""
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as handle:
        return tuple((term, finding) for term, finding in list(csv.reader(handle))[1:])
