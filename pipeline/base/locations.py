"""Where an export lies, and how a file of it is opened from another process: a folder on this disk, or the URL of a store or service."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pipeline.base.interfaces import SOURCES

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class InnerFile:
    """A file that only its source can open: a member of an archive, an object in a store, an instance behind a service."""

    export: str
    source: str
    relative: str

    def open(self, mode: str = "rb") -> BinaryIO:
        """The bytes, for reading.

        Raises:
            OSError: the file is gone, damaged or out of reach.
        """
        return SOURCES.get(self.source).open(self.export, self.relative)


def is_url(export: str | Path) -> bool:
    """Whether an export is no folder of this machine."""
    return bool(_URL.match(str(export)))


def settled(export: str | Path) -> str:
    """One spelling of an export: a URL without "/" at its end, or an absolute path."""
    return str(export).rstrip("/") if is_url(export) else str(Path(export).expanduser().resolve())


def is_there(export: str | Path) -> bool:
    """Whether a folder exists; what a URL holds is seen when it is read."""
    return is_url(export) or Path(export).expanduser().is_dir()


def located(export: str, source: str, relative: str) -> Path:
    """A file of an export, to be opened by any process; an `InnerFile` stands for a path where all that is asked is `open`."""
    return on_disk(export, relative) or cast(Path, InnerFile(export, source, relative))


def on_disk(export: str, relative: str) -> Path | None:
    """The path of a file that lies on this disk as it is; None where it lies within another file or elsewhere."""
    itself = Path(export) / relative
    return itself if not is_url(export) and itself.is_file() else None
