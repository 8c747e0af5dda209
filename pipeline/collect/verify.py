"""Looks for identities in everything that a home shows: tables, logs, databases, file names. HOME/private is where they may be.

A value is found as the sequence of its words, whatever stands between them and however they are capitalised: "Marlow^Ada" is also found as
"marlow, ada" and as "Ada_Marlow". Pixels are not read here; letters on films are the business of `decode`.
"""

from __future__ import annotations

import csv
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import HomeError, InputError
from pipeline.base.storage import Home

# Fewer characters are found by chance in any digest.
SHORTEST = 5
_WORDS = re.compile(r"[^\W_]+")
_NAME_KINDS = re.compile(r"(?i)name|doctor|physician|operator|reader")
_CHUNK = 2**22
_OVERLAP = 2**9
_ROWS = 4_096

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """One place that shows an identity. `kind` is the kind of the value; the value itself is never repeated."""

    place: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What was searched for, where, and what was found."""

    n_values: int
    n_too_short: int
    n_files: int
    found: tuple[Found, ...]


class Needles:
    """Values to look for, by their first word."""

    def __init__(self, values: Iterable[tuple[str, str]]) -> None:
        self.n_values = self.n_too_short = 0
        self._by_first: dict[str, dict[Words, str]] = {}
        for kind, value in values:
            words = _words(value)
            if sum(map(len, words)) < SHORTEST:
                self.n_too_short += 1
                continue
            self.n_values += 1
            for form in (words, *((words[1:] + words[:1], words[-1:] + words[:-1]) if _NAME_KINDS.search(kind) else ())):
                self._by_first.setdefault(form[0], {})[form] = kind

    def search(self, text: str) -> Counter[str]:
        """How often each kind of value stands in a text."""
        words, found = _words(text), Counter[str]()
        for place, word in enumerate(words):
            for needle, kind in self._by_first.get(word, {}).items():
                found[kind] += words[place : place + len(needle)] == needle
        return +found


def _words(text: str) -> Words:
    return tuple(_WORDS.findall(text.casefold()))


def verify(home: Home, values: Iterable[tuple[str, str]]) -> Verification:
    """Search all of a home but HOME/private for (kind, value) pairs.

    Raises:
        HomeError: HOME/private can be read by others.
    """
    if stat.S_IMODE(home.private.stat().st_mode) & 0o077:
        raise HomeError("HOME/private can be read by others than its owner", "close it: chmod 700 HOME/private")
    needles, found, n_files = Needles(values), list[Found](), 0
    for path in sorted(home.root.rglob("*")):
        if path == home.private or home.private in path.parents:
            continue
        name = path.relative_to(home.root).as_posix()
        # A name that identifies somebody is not repeated in what is told.
        hits = needles.search(name)
        place = f"the name of {path.suffix or 'a file'} no. {n_files}" if hits else name
        found += [Found(place, kind, count) for kind, count in sorted(hits.items())]
        if path.is_file() and not path.is_symlink():
            n_files += 1
            for where, text in _texts(path):
                found += [Found(f"{place}{where}", kind, count) for kind, count in sorted(needles.search(text).items())]
    return Verification(needles.n_values, needles.n_too_short, n_files, tuple(_summed(found)))


def _summed(found: Iterable[Found]) -> Iterator[Found]:
    counts: Counter[tuple[str, str]] = Counter()
    for one in found:
        counts[one.place, one.kind] += one.count
    return (Found(place, kind, count) for (place, kind), count in sorted(counts.items()))


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    """Every text of a file with where it stands: columns of Parquet, all else as UTF-8 and UTF-16 bytes."""
    if path.suffix == ".parquet":
        parquet = pq.ParquetFile(path)
        yield ", metadata", repr(parquet.schema_arrow.metadata) + repr([field.metadata for field in parquet.schema_arrow])
        for batch in parquet.iter_batches(_ROWS):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if not _is_binary(column.type):
                    yield f", column {name}", "\n".join(map(str, column.to_pylist()))
        return
    with path.open("rb") as handle:
        tail = b""
        while chunk := handle.read(_CHUNK):
            whole = tail + chunk
            yield "", whole.decode("utf-8", "ignore")
            yield "", whole.decode("utf-16-le", "ignore")
            tail = whole[-_OVERLAP:]


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def of_csv(path: Path) -> list[tuple[str, str]]:
    """Values of a CSV file: columns `kind` and `value`, or else every column, whose name is the kind.

    Raises:
        InputError: the file cannot be read or holds nothing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle, restval=""))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("the file of identifying values cannot be read", "give a CSV in UTF-8 with the columns kind and value") from error
    if rows and {"kind", "value"} <= set(rows[0]):
        values = [(row["kind"], row["value"]) for row in rows]
    else:
        values = [(name, value) for row in rows for name, value in row.items() if isinstance(name, str) and isinstance(value, str)]
    if not any(value.strip() for _, value in values):
        raise InputError("the file of identifying values holds none", "give a CSV in UTF-8 with the columns kind and value")
    return values


def of_ledger(home: Home) -> Iterator[tuple[str, str]]:
    """What the home itself knows of identities: patients, studies, instances, paths of the export, and institutions of two words or more.

    A single word, such as RADIOLOGY, may be the name of no house, and would be found in every other report.

    Raises:
        HomeError: nothing was collected yet.
    """
    for name, columns in (
        ("identities", ("sop_instance_uid", "study_instance_uid", "patient_id", "accession_number")),
        ("paths", ("path",)),
    ):
        path = home.private / f"{name}.parquet"
        if not path.exists():
            raise HomeError("this home has no private ledger yet", "run: cxr run EXPORT --home HOME --until collect")
        for batch in pq.ParquetFile(path).iter_batches(_ROWS, columns=list(columns)):
            for column in columns:
                yield from ((column, value) for value in batch[column].to_pylist() if value)
    houses = pq.read_table(home.private / "identities.parquet", partitioning=None)
    if "institution_name" not in houses.column_names:
        raise HomeError("this home was collected by an earlier version", "run: cxr run EXPORT --home HOME --until collect")
    yield from (("institution_name", name) for name in houses["institution_name"].unique().to_pylist() if name and len(_words(name)) > 1)
