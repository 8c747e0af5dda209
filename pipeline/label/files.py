"""Reports from files: CSV, TSV, Parquet, a folder of texts, or Open-I. Streaming, so memory does not grow with the file.

A bad row is answered as a `BadRow` and the reading goes on; a file that cannot be read at all is an error. A row is bad as a whole:
half a report would be labelled as if it were one.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import os
import sqlite3
import sys
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TextIO

from pipeline.base.errors import InputError
from pipeline.label import openi
from pipeline.label.given import BadRow, Columns, Given

OPENI = "openi"
MAX_CHARACTERS = 2**24  # an unclosed quote swallows what follows it; this is where it ends
_NOT_UTF8 = "not UTF-8"
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_PARQUET = ".parquet"
_KINDS = ".csv, .tsv (also .gz), .parquet, a folder of .txt files, or openi"


def read(source: str) -> Iterator[Given | BadRow]:
    """Every report of a source in a fixed order; the second report of an id is a bad row.

    Raises:
        InputError: there is no such source, it is of another kind, or it is broken.
    """
    yield from _unrepeated(_found(source))


def one(target: str) -> Given:
    """A single report: a text file, "-" for standard input, or SOURCE#ID.

    Raises:
        InputError: there is no such file or id, or it is not UTF-8.
    """
    source, _, report_id = target.rpartition("#")
    if target == "-" or Path(target).is_file() or not source:
        path = Path(target)
        if target != "-" and not path.is_file():
            raise InputError(f"{target} is no file", "name a text file, - for standard input, or REPORTS.csv#ID")
        if _kind(path) in (*_DELIMITERS, _PARQUET):
            raise InputError(f"{path.name} is a table of reports", f"name one of them: {target}#ID")
        found = _text(path.stem, target, sys.stdin.buffer.read() if target == "-" else path.read_bytes())
    else:
        found = next((row for row in read(source) if row.report_id == report_id), BadRow(source, report_id, "no such id"))
    if isinstance(found, BadRow):
        raise InputError(f"{found.place}: {found.problem}", "cxr label names bad rows in a file beside the labels")
    return found


def _found(source: str) -> Iterator[Given | BadRow]:
    path = Path(source)
    if source == OPENI:
        return openi.read(openi.archive())
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise InputError(f"{source} does not exist", f"reports come from {_KINDS}")
    if _kind(path) == _PARQUET:
        return _parquet(path)
    if delimiter := _DELIMITERS.get(_kind(path)):
        return _csv(path, delimiter)
    raise InputError(f"{path.name} is no kind of file that reports come in", f"use {_KINDS}")


def _kind(path: Path) -> str:
    return Path(path.name.casefold().removesuffix(".gz")).suffix


def _unrepeated(rows: Iterable[Given | BadRow]) -> Iterator[Given | BadRow]:
    """Digests of the ids go to a temporary database, which takes to the disk what does not fit its small cache."""
    seen = sqlite3.connect("")
    try:
        seen.execute("PRAGMA journal_mode = OFF")
        seen.execute("CREATE TABLE ids (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        for row in rows:
            digest = hashlib.blake2b(row.report_id.encode(errors="surrogatepass"), digest_size=16).digest()
            is_new = isinstance(row, BadRow) or seen.execute("INSERT OR IGNORE INTO ids VALUES (?)", (digest,)).rowcount
            yield row if is_new else BadRow(row.place, row.report_id, "duplicate id")
    finally:
        seen.close()


def _csv(path: Path, delimiter: str) -> Iterator[Given | BadRow]:
    csv.field_size_limit(MAX_CHARACTERS)
    try:
        with _opened(path) as handle:
            yield from _csv_rows(path.name, handle, delimiter)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be read to its end ({error})", "make it again; nothing was written") from error


def _opened(path: Path) -> TextIO:
    """As text with bytes that are not UTF-8 kept as lone surrogates, so that only their rows are lost."""
    opened = gzip.open if path.suffix.casefold() == ".gz" else open
    return opened(path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")


def _csv_rows(name: str, handle: TextIO, delimiter: str) -> Iterator[Given | BadRow]:
    """Rows of a table; one with semicolons and no comma in its header is what spreadsheets save where the comma is the decimal mark."""
    first = handle.readline()
    delimiter = ";" if delimiter == "," not in first and ";" in first else delimiter
    lines = csv.reader(chain((first,), handle), delimiter=delimiter, strict=True)
    try:
        header = next(lines, [])
    except csv.Error as error:
        raise InputError(f"{name}: the first line is no header ({error})", "the first line names the columns") from error
    if not any(header):
        raise InputError(f"{name} begins with nothing: it is empty or lacks a header", "the first line names the columns")
    if not all(map(_is_utf8, header)):
        raise InputError(f"{name} is not UTF-8", "save it as CSV UTF-8")
    columns = Columns.of(header, name)
    while True:
        start = lines.line_num + 1
        try:
            row = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadRow(_lines(start, lines.line_num), "", f"broken CSV: {error}")
            continue
        if row:
            yield _csv_row(_lines(start, lines.line_num), row, columns)


def _csv_row(place: str, row: list[str], columns: Columns) -> Given | BadRow:
    if len(row) != columns.width:
        report_id = row[columns.report_id] if len(row) > columns.report_id and _is_utf8(row[columns.report_id]) else ""
        return BadRow(place, report_id, f"{len(row)} fields where the header has {columns.width}")
    found = columns.given(place, row)
    if isinstance(found, Given) and not _is_utf8(found.report_id + found.text):
        return BadRow(place, found.report_id if _is_utf8(found.report_id) else "", _NOT_UTF8)
    return found


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first >= last else f"lines {first}-{last}"


def _is_utf8(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parquet(path: Path) -> Iterator[Given | BadRow]:
    from pipeline.label import parquet

    return parquet.read(path)


def _folder(path: Path) -> Iterator[Given | BadRow]:
    """Texts below a folder, sorted by name in each folder; hidden files and folders are no reports."""

    def stop(error: OSError) -> None:
        raise InputError(f"a folder below {path.name} cannot be read ({error.strerror})", "check its owner and mode")

    has_texts = False
    for folder, below, names in os.walk(path, onerror=stop):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if name.casefold().endswith(".txt") and not name.startswith("."):
                has_texts = True
                yield _file(Path(folder) / name, path)
    if not has_texts:
        raise InputError(f"the folder {path.name} holds no .txt file", f"reports come from {_KINDS}")


def _file(file: Path, below: Path) -> Given | BadRow:
    place = file.relative_to(below).as_posix()
    try:
        return _text(file.stem, place, file.read_bytes())
    except OSError as error:
        return BadRow(place, file.stem, f"cannot be read ({error.strerror})")


def _text(report_id: str, place: str, content: bytes) -> Given | BadRow:
    try:
        return Given(report_id, content.decode("utf-8-sig"), place)
    except UnicodeDecodeError:
        return BadRow(place, report_id, _NOT_UTF8)
