"""The ledger of an export: HOME/private/ledger.sqlite, one row a path with what was read from it.

It is what makes discovery a stream (nothing here grows with the export but this file and one bit a file), a second run cheap (a file whose
size and stamp are those of the ledger is not opened, and nothing is written of it), and a killed run resumable (rows are committed as they
come). It remembers which rows changed since the tables were last made of it. It holds original identifiers.
Nothing is decided here: what a file means is in `scan`.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from pipeline.base.interfaces import FilmFacts, FoundFile
from pipeline.base.storage import disk_errors
from pipeline.collect.headers import Header

_STATE = "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
_CLEAR = (
    "DROP TABLE IF EXISTS files; DROP TABLE IF EXISTS reports; DROP TABLE IF EXISTS touched; DROP TABLE IF EXISTS stale; DELETE FROM state;"
)
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, folder TEXT NOT NULL, stem TEXT NOT NULL,
    size_bytes INTEGER NOT NULL, stamp TEXT NOT NULL, n_bytes INTEGER NOT NULL, file_id TEXT NOT NULL, kind TEXT NOT NULL,
    digest TEXT NOT NULL, error TEXT, header TEXT, fact TEXT, accession TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS by_file_id ON files (file_id);
CREATE INDEX IF NOT EXISTS by_accession ON files (accession) WHERE accession IS NOT NULL;
CREATE INDEX IF NOT EXISTS texts ON files (folder, stem) WHERE kind = 'text';
CREATE TABLE IF NOT EXISTS reports (id INTEGER PRIMARY KEY, report_id TEXT NOT NULL UNIQUE, path TEXT NOT NULL, basis TEXT NOT NULL,
    row TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_path ON reports (path);
CREATE TABLE IF NOT EXISTS touched (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stale (number TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_COLUMNS = ("path", "size_bytes", "stamp", "n_bytes", "file_id", "kind", "digest", "error", "header", "fact")
_SELECT = f"SELECT {', '.join(f'f.{name}' for name in _COLUMNS)} FROM files f"
# What a killed run loses, at most: so many changed rows, or those of so many seconds.
_COMMIT = 256
_COMMIT_S = 2.0
_REPORTS = """
    f.kind = 'text' AND f.error IS NULL AND f.folder IN (
        SELECT t.folder FROM files t JOIN files i ON i.accession = t.stem WHERE t.kind = 'text' AND t.error IS NULL)"""

TOUCHED = "f.file_id IN (SELECT name FROM touched)"

T = TypeVar("T", Header, FilmFacts)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as the ledger has it.

    Attributes:
        n_bytes: bytes that were read; a source may not know the size beforehand.
        kind: the source's word.
        error: a reason code.
        header: as read, without the source's facts.
    """

    found: FoundFile
    n_bytes: int
    file_id: str
    kind: str
    digest: str
    error: str | None = None
    header: Header | None = None
    fact: FilmFacts | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that has not changed since it was read: its row, the source's word, and the source's facts as they were."""

    row: int
    kind: str
    fact: str | None


class Ledger:
    """One SQLite file, one writer.

    Args:
        path: the file; made when it is new.
        reader: what the rows were read with; a ledger of another reader is emptied.

    Raises:
        HomeError: the disk is full, or the file cannot be written.
    """

    def __init__(self, path: Path, reader: str) -> None:
        self._folder = path.parent
        with disk_errors(self._folder), _sqlite_errors():
            path.touch(mode=0o600)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;")
            self._db.executescript(_STATE)
            if self._state("reader") != reader:
                self._db.executescript(f"BEGIN; {_CLEAR} COMMIT;")
                self._set("reader", reader)
            self._db.executescript(_TABLES)
            self._is_written = self._state("written") is not None
            self._has_reports = self._db.execute("SELECT 1 FROM reports LIMIT 1").fetchone() is not None
        # One bit a row: what this run met.
        self._seen, self._seen_reports = bytearray(), bytearray()
        self._open, self._since = 0, 0.0

    def close(self) -> None:
        """Keep what was read, and give the file back."""
        self.commit()
        self._db.close()

    def _state(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _set(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, value))

    def unchanged(self, found: FoundFile) -> Kept | None:
        """The row of a file that has not changed since it was read; None for a new or changed one."""
        row = self._db.execute(
            "SELECT id, kind, fact FROM files WHERE path = ? AND size_bytes = ? AND stamp = ?",
            (found.relative, found.size_bytes, found.stamp),
        ).fetchone()
        return Kept(*row) if row else None

    def entry(self, kept: Kept) -> Entry:
        """All that was read from a file."""
        return _entry(self._db.execute(f"{_SELECT} WHERE f.id = ?", (kept.row,)).fetchone())

    def keep(self, row: int) -> None:
        """The file of this row is still there."""
        _mark(self._seen, row)

    def put(self, entry: Entry, accession: str | None) -> None:
        """A new or changed file; `accession` is the accession number it is found by."""
        folder, _, name = entry.found.relative.rpartition("/")
        stem = name.rpartition(".")[0] or name
        # Before the row: a run killed in between has marked too much, never too little.
        self.touch(entry.file_id)
        self._stale_of("path = ?", entry.found.relative)
        self._stale(stem if entry.kind == "text" else accession)
        values = (entry.found.relative, folder, stem, entry.found.size_bytes, entry.found.stamp)
        row = self._write(
            "INSERT OR REPLACE INTO files VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *values,
                entry.n_bytes,
                entry.file_id,
                entry.kind,
                entry.digest,
                entry.error,
                as_json(entry.header),
                as_json(entry.fact),
                accession,
            ),
        )
        self.keep(row)

    def forget_gone(self) -> None:
        """Drop what this run did not meet; only after every file was looked at."""
        if int.from_bytes(self._seen).bit_count() != self.n_files():
            gone = [(row, file_id) for row, file_id in self._db.execute("SELECT id, file_id FROM files") if not _met(self._seen, row)]
            for row, file_id in gone:
                self.touch(file_id)
                self._stale_of("id = ?", row)
                self._write("DELETE FROM files WHERE id = ?", (row,))
        self.commit()

    def _stale(self, number: str | None) -> None:
        """An accession number whose report may read otherwise now, as a film or a text of it came, changed or left."""
        if self._has_reports and number is not None:
            self._write("INSERT OR IGNORE INTO stale VALUES (?)", (number,))

    def _stale_of(self, where: str, value: str | int) -> None:
        row = self._db.execute(f"SELECT CASE kind WHEN 'text' THEN stem ELSE accession END FROM files WHERE {where}", (value,)).fetchone()
        self._stale(row[0] if row else None)

    # What the tables do not say yet ---------------------------------------------------------------------------------

    def touch(self, name: str) -> None:
        """A file_id or report_id whose rows differ from those of the tables; before any table was made, all do."""
        if self._is_written:
            self._write("INSERT OR IGNORE INTO touched VALUES (?)", (name,))

    def touched(self) -> list[str]:
        """Identifiers that were touched since `set_written`, in order."""
        self.commit()
        return [name for (name,) in self._db.execute("SELECT name FROM touched ORDER BY name")]

    def written(self) -> dict[str, Any] | None:
        """What `set_written` was told; None before any table was made."""
        value = self._state("written")
        return json.loads(value) if value else None

    def set_written(self, value: dict[str, Any]) -> None:
        """The tables say all that the ledger says."""
        self._write("DELETE FROM touched", ())
        self._write("INSERT OR REPLACE INTO state VALUES ('written', ?)", (json.dumps(value),))
        self.commit()
        self._is_written = True

    def n_files(self) -> int:
        """Rows."""
        return int(self._db.execute("SELECT count(*) FROM files").fetchone()[0])

    # Reading --------------------------------------------------------------------------------------------------------

    def entries(self, where: str = "TRUE", order: str = "f.file_id") -> Iterator[Entry]:
        """Rows in order, one at a time."""
        for row in self._db.execute(f"{_SELECT} WHERE {where} ORDER BY {order}"):
            yield _entry(row)

    def report_files(self) -> Iterator[Entry]:
        """Texts filed under an accession number, and those that lie among such, by path; without those whose report still holds."""
        query = f"""{_SELECT.replace(" FROM", ", r.id, s.number FROM")} LEFT JOIN reports r ON r.path = f.path
            LEFT JOIN stale s ON s.number = f.stem WHERE {_REPORTS} ORDER BY f.path"""
        for *row, report, number in self._db.execute(query):
            if report is not None and number is None:
                _mark(self._seen_reports, report)
            else:
                yield _entry(tuple(row))

    def of_accession(self, accession: str) -> list[Entry]:
        """DICOM files and pictures of an accession number, by path."""
        return [_entry(row) for row in self._db.execute(f"{_SELECT} WHERE f.accession = ? ORDER BY f.path", (accession,))]

    def report_of(self, where: str = "TRUE") -> Iterator[tuple[str, str]]:
        """file_id and report_id of reports, by file_id."""
        yield from self._db.execute(
            f"SELECT f.file_id, r.report_id FROM reports r JOIN files f ON f.path = r.path WHERE {where} ORDER BY f.file_id"
        )

    # Reports --------------------------------------------------------------------------------------------------------

    def report(self, report_id: str) -> tuple[str, bool] | None:
        """What a report was made from, and whether this run already met it."""
        row = self._db.execute("SELECT basis, id FROM reports WHERE report_id = ?", (report_id,)).fetchone()
        return None if row is None else (row[0], _met(self._seen_reports, row[1]))

    def keep_report(self, report_id: str, path: str) -> None:
        """The report is still what it was."""
        row, old = self._db.execute("SELECT id, path FROM reports WHERE report_id = ?", (report_id,)).fetchone()
        if old != path:
            self._touch_files((old, path))
            self._write("UPDATE reports SET path = ? WHERE id = ?", (path, row))
        _mark(self._seen_reports, row)

    def put_report(self, report_id: str, path: str, basis: str, row: dict[str, object]) -> None:
        """A new or changed report."""
        old = self._db.execute("SELECT path FROM reports WHERE report_id = ?", (report_id,)).fetchone()
        self.touch(report_id)
        self._touch_files((path, *(old or ())))
        key = self._write("INSERT OR REPLACE INTO reports VALUES (NULL, ?, ?, ?, ?)", (report_id, path, basis, json.dumps(row)))
        _mark(self._seen_reports, key)

    def forget_gone_reports(self) -> None:
        """Drop reports that this run did not meet; only after every one was looked at: a killed run looks at the same ones again."""
        rows = self._db.execute("SELECT id, report_id, path FROM reports")
        for key, report_id, path in [row for row in rows if not _met(self._seen_reports, row[0])]:
            self.touch(report_id)
            self._touch_files((path,))
            self._write("DELETE FROM reports WHERE id = ?", (key,))
        self._write("DELETE FROM stale", ())
        self.commit()

    def _touch_files(self, paths: Sequence[str]) -> None:
        """Files whose rows say which report they hold."""
        for path in paths if self._is_written else ():
            if row := self._db.execute("SELECT file_id FROM files WHERE path = ?", (path,)).fetchone():
                self.touch(row[0])

    def report_rows(self, where: str = "TRUE") -> Iterator[dict[str, object]]:
        """Rows of `reports`, by report_id."""
        for (row,) in self._db.execute(f"SELECT row FROM reports WHERE {where} ORDER BY report_id"):
            yield json.loads(row)

    # Writing --------------------------------------------------------------------------------------------------------

    def commit(self) -> None:
        """Make what was written last."""
        if self._open:
            with disk_errors(self._folder), _sqlite_errors():
                self._db.execute("COMMIT")
            self._open = 0

    def _write(self, statement: str, values: Sequence[object]) -> int:
        """The identifier of the row that was inserted, if one was."""
        with disk_errors(self._folder), _sqlite_errors():
            if not self._open:
                self._db.execute("BEGIN")
                self._since = time.monotonic()
            row = self._db.execute(statement, values).lastrowid
        self._open += 1
        if self._open >= _COMMIT or time.monotonic() - self._since > _COMMIT_S:
            self.commit()
        return row or 0


class _sqlite_errors:  # noqa: N801
    """SQLite's words for a disk that is full or not writable, as the operating system's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.OperationalError):
            import errno

            full = "full" in str(error) or "disk I/O" in str(error)
            raise OSError(errno.ENOSPC if full else errno.EACCES, "the ledger of the export") from error


def _entry(row: tuple[Any, ...]) -> Entry:
    path, size_bytes, stamp, n_bytes, file_id, kind, digest, error, header, fact = row
    found = FoundFile(path, size_bytes, stamp)
    return Entry(found, n_bytes, file_id, kind, digest, error, _object(Header, header), _object(FilmFacts, fact))


def _mark(seen: bytearray, row: int) -> None:
    byte, bit = divmod(row, 8)
    if byte >= len(seen):
        seen.extend(bytes(byte + 1))
    seen[byte] |= 1 << bit


def _met(seen: bytearray, row: int) -> bool:
    byte, bit = divmod(row, 8)
    return byte < len(seen) and bool(seen[byte] >> bit & 1)


def as_json(value: Header | FilmFacts | None) -> str | None:
    """A header or facts as the ledger keeps them; equal values are equal texts."""
    if value is None:
        return None
    said = {name: getattr(value, name) for name in _FIELDS[type(value)]}
    return json.dumps(said, default=date.isoformat, separators=(",", ":"))


def _object(kind: type[T], text: str | None) -> T | None:
    if text is None:
        return None
    values = json.loads(text)
    for name in _DATES[kind]:
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    if kind is Header:
        values["names"] = tuple(values["names"])
    return kind(**values)


_FIELDS = {kind: tuple(one.name for one in fields(kind)) for kind in (Header, FilmFacts)}
_DATES = {kind: tuple(one.name for one in fields(kind) if "date" in str(one.type)) for kind in (Header, FilmFacts)}
