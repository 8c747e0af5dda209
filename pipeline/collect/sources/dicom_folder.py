"""A folder of DICOM files and text reports in any layout, labels in CSV files beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard

_DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
_PREAMBLE_BYTES = 128


@SOURCES.add("dicom_folder")
class DicomFolder:
    """Any folder: `.dcm` or DICM magic (PS3.10 section 7.1) is DICOM, `.txt` may be a report, `.csv` may hold labels."""

    card: ClassVar[SourceCard] = SourceCard("A folder of DICOM files", "your own", "", "any")

    def files(self, export: str) -> Iterator[FoundFile]:
        """Every regular file below `export`, by path; symbolic links are not followed, so no link leads outside or round."""
        yield from _walk(Path(export), "")

    def kind(self, export: str, found: FoundFile) -> str:
        """dicom, text, csv or other, by name and magic."""
        suffix = Path(found.relative).suffix.lower()
        if suffix in _DICOM_SUFFIXES:
            return "dicom"
        if suffix in (".txt", ".csv"):
            return "text" if suffix == ".txt" else "csv"
        with self.open(export, found.relative) as handle:
            handle.seek(_PREAMBLE_BYTES)
            return "dicom" if handle.read(4) == b"DICM" else "other"

    def open(self, export: str, relative: str) -> BinaryIO:
        """The bytes of one file."""
        return (Path(export) / relative).open("rb")

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Headers say it all."""
        return lambda found: None


def _walk(folder: Path, prefix: str) -> Iterator[FoundFile]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda found: found.name):
            relative = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{relative}/")
            elif entry.is_file(follow_symlinks=False):
                facts = entry.stat(follow_symlinks=False)
                yield FoundFile(relative, facts.st_size, str(facts.st_mtime_ns))
