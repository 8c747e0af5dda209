"""Members of zip and tar archives as files of the export: ARCHIVE.zip/folder/film.dcm. Nothing is ever unpacked to disk.

A member that would leave its archive (absolute names, "..", links, devices), that is larger than a film can be or that unpacks to far more
than it packs is listed with the reason why it is not opened. An archive within an archive is a file like any other.
"""

from __future__ import annotations

import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

from pipeline.base.interfaces import FoundFile

ZIPS, TARS, ZIPPED_TARS = (".zip",), (".tar",), (".tar.gz", ".tgz")
OTHER_TARS = (".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")
SUFFIXES = (*ZIPS, *TARS, *ZIPPED_TARS, *OTHER_TARS)
_LARGEST = 2**30
# DEFLATE reaches 1032:1 on zeros; films that are mostly collimated reach 50:1.
_SMALL, _RATIO = 64 * 2**20, 200
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError, KeyError, IndexError)


def is_archive(name: str) -> bool:
    """Whether a file is an archive, by its name."""
    return name.lower().endswith(SUFFIXES)


def files(path: Path, archive: FoundFile) -> Iterator[FoundFile]:
    """The members of an archive in its order, then the archive itself, with a problem where its list breaks off."""
    problem, seen = None, set[str]()
    try:
        for name, size_bytes, stamp, trouble in _listed(path, archive):
            relative = f"{archive.relative}/{name}"
            while relative in seen:  # the first of a name is the one that opens
                relative, trouble = f"{relative}~", "repeated_member"
            seen.add(relative)
            yield FoundFile(relative, size_bytes, stamp, trouble)
    except _ArchiveError as found:
        problem = found.reason
    except (OSError, *_DAMAGE):
        problem = "damaged_archive"
    yield FoundFile(archive.relative, archive.size_bytes, archive.stamp, problem)


def split(export: str, relative: str) -> tuple[Path, str] | None:
    """Archive and member of a path that leads into an archive; None for any other."""
    parts = PurePosixPath(relative).parts
    for depth in range(1, len(parts)):
        if is_archive(parts[depth - 1]):
            path = Path(export, *parts[:depth])
            if path.is_file():
                return path, relative[len("/".join(parts[:depth])) + 1 :]
    return None


def open_member(path: Path, name: str) -> BinaryIO:
    """The bytes of a member, never more than it declares.

    Raises:
        OSError: the archive or member is gone or damaged.
    """
    facts = path.stat()
    try:
        if path.name.lower().endswith(ZIPS):
            with _zip(os.getpid(), str(path), facts.st_mtime_ns).open(name) as member:
                return BytesIO(member.read(_LARGEST))
        handle, places = _tar(os.getpid(), str(path), facts.st_mtime_ns)
        offset, size_bytes = places[name]
        handle.seek(offset)
        content = handle.read(size_bytes)
    except _DAMAGE as error:
        raise OSError("a member of an archive is damaged") from error
    if len(content) != size_bytes:
        raise OSError("an archive breaks off within a member")
    return BytesIO(content)


class _ArchiveError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _listed(path: Path, archive: FoundFile) -> Iterator[tuple[str, int, str, str | None]]:
    """Name, size, stamp and problem of each member."""
    name = path.name.lower()
    if name.endswith(OTHER_TARS):
        raise _ArchiveError("compressed_archive")
    if name.endswith(ZIPS):
        for member in _zip(os.getpid(), str(path), path.stat().st_mtime_ns).infolist():
            if not member.is_dir():
                is_link = (member.external_attr >> 16) & 0o170000 == 0o120000
                trouble = _trouble(member.orig_filename, is_link, member.file_size, member.compress_size)
                yield _told(member.orig_filename), member.file_size, f"{member.CRC:08x}", trouble
        return
    with _opened_tar(path) as (_, tar):
        for info in _streamed(tar):
            if info.isdir():
                continue
            if info.offset_data > _LARGEST + _RATIO * archive.size_bytes:
                raise _ArchiveError("archive_bomb")
            trouble = _trouble(info.name, not info.isreg() or info.issparse(), info.size, info.size)
            yield _told(info.name), info.size, f"{archive.stamp}:{info.offset_data}", trouble


def _trouble(name: str, is_link: bool, size_bytes: int, packed_bytes: int) -> str | None:
    if is_link or not name or name.startswith("/") or "\\" in name or "\0" in name or ".." in name.split("/") or name[1:2] == ":":
        return "unsafe_member"
    if size_bytes > _LARGEST or (size_bytes > _SMALL and size_bytes > _RATIO * packed_bytes):
        return "archive_bomb"
    return None


def _told(name: str) -> str:
    """A name that can be written down."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\0", "\\0")


def _streamed(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := tar.next()) is not None:
        vars(tar)["members"] = []  # tarfile remembers every member otherwise
        yield info


class _opened_tar:  # noqa: N801
    """A tar and the file it is read from; gzipped ones through an index, so that a member is reached without reading all before it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> tuple[IO[bytes], tarfile.TarFile]:
        self._handle = _plain(self._path)
        self._tar = tarfile.open(fileobj=self._handle, mode="r:")
        return self._handle, self._tar

    def __exit__(self, *_: object) -> None:
        self._tar.close()
        self._handle.close()


def _plain(path: Path) -> IO[bytes]:
    if path.name.lower().endswith(ZIPPED_TARS):
        from indexed_gzip import IndexedGzipFile

        return cast(IO[bytes], IndexedGzipFile(str(path)))
    return path.open("rb")


# A process of its own opens files of its own: a shared one would share its position.
@lru_cache(4)
def _zip(_process: int, path: str, _stamp: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


@lru_cache(4)
def _tar(_process: int, path: str, _stamp: int) -> tuple[IO[bytes], dict[str, tuple[int, int]]]:
    with _opened_tar(Path(path)) as (_, tar):
        places: dict[str, tuple[int, int]] = {}
        for info in _streamed(tar):
            if info.isreg():
                places.setdefault(info.name, (info.offset_data, info.size))
    return _plain(Path(path)), places
