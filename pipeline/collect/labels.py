"""Published label files joined to films."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa

from pipeline.base import tables
from pipeline.base.labels import LabelState
from pipeline.collect import published
from pipeline.collect.scan import Scan, ScannedFile


@dataclass(frozen=True, slots=True)
class Published:
    """The table, the official splits by image_id, and what could not be used."""

    table: pa.Table
    official: dict[str, str]
    warnings: tuple[str, ...]


def read_published(found: Scan) -> Published:
    """Read every CSV that holds labels or splits; a CSV that does not is left alone (`exclude` counts it as skipped)."""
    cells: dict[tuple[str, str, str], LabelState] = {}
    clashing: set[tuple[str, str, str]] = set()
    official: dict[str, str] = {}
    strangers = 0
    for index, file in enumerate(found.files):
        recognised = published.recognise(file.found.path) if file.kind == "csv" else None
        if recognised is None:
            continue
        found.files[index] = ScannedFile(file.found, file.file_id, "labels", file.content_digest)
        films = _films(found, recognised.id_kind)
        if recognised.convention == "split":
            official |= {film: split for item, split in published.read_splits(file.found.path, recognised) for film in films.get(item, ())}
            continue
        for item, states in published.read(file.found.path, recognised):
            strangers += item not in films
            for film in films.get(item, ()):
                for finding, state in states.items():
                    key = (film, finding, recognised.annotator)
                    if cells.setdefault(key, state) != state:
                        clashing.add(key)
    for key in clashing:
        del cells[key]
    return Published(_table(cells), official, _warnings(strangers, len(clashing)))


def _films(found: Scan, kind: str) -> dict[str, set[str]]:
    films: dict[str, set[str]] = defaultdict(set)
    for instance in found.instances:
        header = instance.header
        item = {"accession": header.accession_number, "study": header.study_instance_uid, "image": header.sop_instance_uid}[kind]
        if item:
            films[item].add(instance.image_id)
    return films


def _table(cells: dict[tuple[str, str, str], LabelState]) -> pa.Table:
    rows = [{"image_id": key[0], "finding": key[1], "annotator": key[2], "state": str(state)} for key, state in cells.items()]
    return pa.Table.from_pylist(rows, schema=pa.schema([pa.field(c.name, c.type) for c in tables.BY_NAME["published_labels"].columns]))


def _warnings(strangers: int, clashing: int) -> tuple[str, ...]:
    said = []
    if strangers:
        said.append(f"{strangers} rows of published labels belong to no film of this export")
    if clashing:
        said.append(f"{clashing} published labels were given twice with different values and are left out")
    return tuple(said)
