"""Published label files joined to films. Cells are kept as small integers, so that an archive of 400,000 rows fits in memory."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.labels import STATES, LabelState
from pipeline.collect import published, text_table
from pipeline.collect.films import Films
from pipeline.collect.ledger import Entry
from pipeline.collect.scan import Scan

_STATE_CODES: Mapping[str, int] = {state: code for code, state in enumerate(STATES)}
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Published:
    """The table, the files it was read from, the official splits by image_id, and what could not be used."""

    table: pa.Table
    files: frozenset[str]
    official: dict[str, str]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Codes:
    """Names as small integers, in the order met."""

    names: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.names.setdefault(name, len(self.names))


@dataclass(slots=True)
class _Cells:
    """One entry a film, finding, annotator and row of a file, as parallel arrays of codes."""

    films: array[int] = field(default_factory=lambda: array("i"))
    findings: array[int] = field(default_factory=lambda: array("h"))
    annotators: array[int] = field(default_factory=lambda: array("h"))
    states: array[int] = field(default_factory=lambda: array("b"))
    finding_codes: _Codes = field(default_factory=_Codes)
    annotator_codes: _Codes = field(default_factory=_Codes)
    _layouts: dict[tuple[str, ...], array[int]] = field(default_factory=dict)

    def add(self, films: Sequence[int], annotator: str, states: Mapping[str, LabelState]) -> None:
        """What one annotator says of each of these films."""
        names = tuple(states)
        if names not in self._layouts:
            self._layouts[names] = array("h", [self.finding_codes[name] for name in names])
        said = [_STATE_CODES[state] for state in states.values()]
        for film in films:
            self.films.extend([film] * len(names))
            self.findings.extend(self._layouts[names])
            self.annotators.extend([self.annotator_codes[annotator]] * len(names))
            self.states.extend(said)

    def settled(self) -> tuple[npt.NDArray[np.intp], int]:
        """Positions of one entry a cell, and the number of cells left out because files contradict each other."""
        if not self.films:
            return np.zeros(0, np.intp), 0
        film, finding, annotator = (
            np.frombuffer(one, one.typecode).astype(np.int64) for one in (self.films, self.findings, self.annotators)
        )
        cell = (film * len(self.finding_codes.names) + finding) * len(self.annotator_codes.names) + annotator
        order = np.argsort(cell, kind="stable")
        starts = np.flatnonzero(np.diff(cell[order], prepend=-1))
        state = np.frombuffer(self.states, np.int8)[order]
        agreed = np.minimum.reduceat(state, starts) == np.maximum.reduceat(state, starts)
        return order[starts[agreed]], int((~agreed).sum())

    def table(self, positions: npt.NDArray[np.intp], image_ids: Sequence[str]) -> pa.Table:
        """These entries as `published_labels`."""
        columns = (
            (self.films, image_ids),
            (self.findings, list(self.finding_codes.names)),
            (self.annotators, list(self.annotator_codes.names)),
            (self.states, [str(state) for state in STATES]),
        )
        schema = pa.schema([pa.field(one.name, one.type) for one in tables.BY_NAME["published_labels"].columns])
        decoded = [
            pa.DictionaryArray.from_arrays(np.frombuffer(codes, codes.typecode)[positions], pa.array(names, kind.type)).cast(kind.type)
            for (codes, names), kind in zip(columns, schema, strict=True)
        ]
        return pa.Table.from_arrays(decoded, schema=schema)


def read_published(found: Scan) -> Published:
    """Read every file that holds labels or splits; one that does not is left alone (`exclude` counts it as skipped).

    Raises:
        InputError: a file of a known layout holds what the layout does not know; the line is named.
    """
    films, cells, files = Films(found), _Cells(), set[str]()
    official = {instance.image_id: instance.split for instance in found.instances("f.fact IS NOT NULL") if instance.split}
    unknown: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in found.ledger.entries("f.kind IN ('csv', 'other') AND f.error IS NULL", "f.path"):
        if not _may_hold_labels(entry):
            continue
        with found.local(entry) as path:
            recognised = published.recognise(path)
            if recognised is None:
                continue
            files.add(entry.file_id)
            if recognised.layout is None:
                for names, split in published.read_splits(recognised.table):
                    official.update((films.image_ids[film], split) for film in films.find(names))
                continue
            for names, annotator, states in recognised.layout.read(recognised.table):
                cells.add(films.find(names), annotator, states)
            unknown[recognised.name].update(recognised.table.unknown)
    positions, clashing = cells.settled()
    warnings = (*films.warnings(), *_clashes(clashing), *(_unknown(name, names) for name, names in unknown.items() if names))
    image_ids = films.image_ids if positions.size else []
    return Published(cells.table(positions, image_ids), frozenset(files), official, warnings)


def _may_hold_labels(entry: Entry) -> bool:
    return entry.found.relative.lower().endswith(text_table.SUFFIXES)


def _clashes(n: int) -> list[str]:
    return [f"{n} published labels were given twice with different values and are left out"] if n else []


def _unknown(layout: str, names: Counter[str]) -> str:
    most = ", ".join(f"{name} ({count})" for name, count in names.most_common(_SHOWN))
    return f"{names.total()} published labels ({layout}) carry {len(names)} names that no finding covers; most often {most}"
