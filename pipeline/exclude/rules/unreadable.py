"""Files that should be DICOM and cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("unreadable")
class Unreadable:
    """The header could not be read: the reason is the one `collect` met."""

    action: ClassVar[str] = "exclude"
    order: ClassVar[int] = 10
    reasons: ClassVar[Mapping[str, str]] = {
        "empty_file": "The file has no bytes.",
        "not_dicom": "The file is named or placed as DICOM and is something else.",
        "damaged_header": "The header breaks off or cannot be parsed.",
        "unreadable_file": "The file could not be read or fetched; of an archive, its member is damaged.",
        "link": "A symbolic link; what it points to is not followed.",
        "special_file": "A device, pipe or socket.",
        "undecodable_name": "The file's or folder's name is not UTF-8.",
        "unsafe_member": "A member of an archive whose name would leave it, or a link or device.",
        "repeated_member": "A second member of the same name in one archive.",
        "archive_bomb": "It unpacks to far more than it packs, or to more than a film can be.",
        "damaged_archive": "The list of members breaks off; those before stand for themselves.",
        "compressed_archive": "A tar compressed other than with gzip; unpack it, or pack it as .zip, .tar or .tar.gz.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """The read error of each file."""
        return files["read_error"]
