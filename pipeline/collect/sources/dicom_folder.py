"""A folder of DICOM files and text reports in any layout, labels in CSV files beside them; zip and tar archives are folders too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, ClassVar

from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile, SourceCard
from pipeline.collect.sources import _members

_DICOM_SUFFIXES = {".dcm", ".dicom", ".ima"}
_PREAMBLE_BYTES = 128
# Of the first elements of a data set: group length, character set, image type, dates, UIDs.
_FIRST_VRS, _LONGEST_FIRST = (b"UL", b"OB", b"CS", b"DA", b"TM", b"UI", b"SH", b"LO"), 128


def _begins_a_dataset(head: bytes) -> bool:
    """Whether a file without preamble starts as old archives write them: group 0002 or 0008, then a VR or a short length."""
    if len(head) < 12 or head[:2] not in (b"\2\0", b"\x08\0") or head[3] != 0:
        return False
    return head[4:6] in _FIRST_VRS or int.from_bytes(head[4:8], "little") <= _LONGEST_FIRST


@SOURCES.add("dicom_folder")
class DicomFolder:
    """Any folder: `.dcm` or DICM magic (PS3.10 section 7.1) is DICOM, `.txt` may be a report, `.csv` may hold labels."""

    card: ClassVar[SourceCard] = SourceCard("A folder of DICOM files", "your own", "", "any")

    def files(self, export: str) -> Iterator[FoundFile]:
        """Every file below `export`, by path, and members of archives; links are told, not followed, so none leads outside or round."""
        yield from _walk(Path(export), "")

    def kind(self, export: str, found: FoundFile) -> str:
        """dicom, text, csv, archive or other, by name and magic."""
        if _members.is_archive(found.relative) and _members.split(export, found.relative) is None:
            return "archive"
        suffix = Path(found.relative).suffix.lower()
        if suffix in _DICOM_SUFFIXES:
            return "dicom"
        if suffix in (".txt", ".csv"):
            return "text" if suffix == ".txt" else "csv"
        head = self._head(export, found.relative)
        return "dicom" if head[_PREAMBLE_BYTES:] == b"DICM" or _begins_a_dataset(head) else "other"

    def open(self, export: str, relative: str) -> BinaryIO:
        """The bytes of one file."""
        inner = _members.split(export, relative)
        return _members.open_member(*inner) if inner else (Path(export) / relative).open("rb")

    def _head(self, export: str, relative: str) -> bytes:
        try:
            with self.open(export, relative) as handle:
                return handle.read(_PREAMBLE_BYTES + 4)
        except OSError:  # it is told when the file itself is read
            return b""

    def facts(self, export: str) -> Callable[[FoundFile], FilmFacts | None]:
        """Headers say it all."""
        return lambda found: None


def _walk(folder: Path, prefix: str) -> Iterator[FoundFile]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda found: found.name):
            relative = f"{prefix}{entry.name}"
            if not _is_utf8(relative):
                told = relative.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
                yield FoundFile(told, 0, "", "undecodable_name")
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{relative}/")
            elif entry.is_file(follow_symlinks=False):
                facts = entry.stat(follow_symlinks=False)
                found = FoundFile(relative, facts.st_size, str(facts.st_mtime_ns))
                yield from _members.files(Path(entry.path), found) if _members.is_archive(entry.name) else (found,)
            else:
                yield FoundFile(relative, 0, "", "link" if entry.is_symlink() else "special_file")


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
