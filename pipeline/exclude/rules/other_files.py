"""Files that are neither films nor reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("other_files")
class OtherFiles:
    """Counted, so that nothing in the export goes unseen."""

    action: ClassVar[str] = "skip"
    order: ClassVar[int] = 20
    reasons: ClassVar[Mapping[str, str]] = {
        "not_image_or_report": "Neither DICOM, nor a report, nor a label file.",
        "archive": "Its members are files of their own.",
        "label_file": "Read as published labels or official splits; not a film itself.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """By the kind of file."""
        return files["file_kind"].map({"other": "not_image_or_report", "published_labels": "label_file", "archive": "archive"})
