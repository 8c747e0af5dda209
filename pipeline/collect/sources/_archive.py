"""What the public archives share: files as in any folder, pictures by suffix, and tables of facts read from the export itself."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from pipeline.base.errors import ExportError, InputError
from pipeline.base.interfaces import FoundFile
from pipeline.collect.sources.dicom_folder import DicomFolder

PICTURES = (".png", ".jpg", ".jpeg")
_GZIP_MAGIC = b"\x1f\x8b"


class Archive(DicomFolder):
    """A published archive as unpacked: DICOM, PNG or JPEG films, reports and tables."""

    def kind(self, export: str, found: FoundFile) -> str:
        """A picture by its suffix; else as in any folder of DICOM files. Mac and Windows leave files that are no films."""
        name = PurePosixPath(found.relative)
        if name.name.startswith("._") or "__MACOSX" in name.parts:
            return "other"
        return "picture" if is_picture(found.relative) else super().kind(export, found)

    def tables(self, export: str, *patterns: str) -> tuple[list[FoundFile], ...]:
        """For each pattern the files whose name, suffix included, fits it; capitals do not count. One walk finds all."""
        wanted = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
        fitting: tuple[list[FoundFile], ...] = tuple([] for _ in wanted)
        for found in super().files(export):
            name = found.relative.rpartition("/")[2]
            for one, files in zip(wanted, fitting, strict=True):
                files += [found] if one.fullmatch(name) else []
        return fitting

    def rows(self, export: str, table: FoundFile) -> Iterator[dict[str, str]]:
        """Records of a CSV file, gzipped or not; a record that ends early has blank cells.

        Raises:
            InputError: the file breaks off.
        """
        try:
            with self.open(export, table.relative) as raw:
                reader = csv.DictReader(text(raw), restval="")
                reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
                yield from reader
        except (OSError, EOFError, csv.Error, zlib.error) as error:
            name = PurePosixPath(table.relative).name
            raise InputError(f"the table {name} cannot be read to its end", "fetch the file again") from error

    def lines(self, export: str, table: FoundFile) -> Iterator[str]:
        """Lines of a list that hold something."""
        with self.open(export, table.relative) as raw:
            yield from (line.strip() for line in text(raw) if line.strip())


def text(raw: BinaryIO) -> io.TextIOWrapper:
    """A binary file as text, unzipped where it is gzipped, whatever its name."""
    binary = io.BufferedReader(cast(io.RawIOBase, raw))
    zipped = binary.peek(len(_GZIP_MAGIC))[: len(_GZIP_MAGIC)] == _GZIP_MAGIC
    plain = io.BufferedReader(gzip.GzipFile(fileobj=binary)) if zipped else binary
    return io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace", newline="")


def is_picture(relative: str) -> bool:
    """Whether the name is a PNG's or a JPEG's."""
    return relative.lower().endswith(PICTURES)


def cell(row: Mapping[str, str], *names: str) -> str:
    """The first of these columns that holds something, without blanks; "" and "nan" hold nothing."""
    return next((found for name in names if (found := (row.get(name) or "").strip()) and found.lower() != "nan"), "")


def absent(table: str, archive: str) -> ExportError:
    """The error for an archive without the table that says whose its films are."""
    return ExportError(f"this export of {archive} holds no {table}", f"put {table} into the export, as the archive publishes it")
