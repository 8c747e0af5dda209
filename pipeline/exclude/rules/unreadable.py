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
        "unreadable_file": "The operating system refused to read the file.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """The read error of each file."""
        return files["read_error"]
