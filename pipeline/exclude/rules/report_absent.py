"""Films nobody wrote about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from pipeline.base.interfaces import RULES
from pipeline.base.settings import Settings


@RULES.add("report_absent")
class ReportAbsent:
    """No report, or one without words: the film stays and its labels are nobody's, never negative."""

    action: ClassVar[str] = "flag"
    order: ClassVar[int] = 230
    reasons: ClassVar[Mapping[str, str]] = {
        "report_missing": "No report is filed under the study's accession number.",
        "report_empty": "The report has no findings, impression or body.",
    }

    def __call__(self, files: pd.DataFrame, settings: Settings) -> pd.Series:
        """Films alone; `report_words` counts words in the sections that are read."""
        chosen = np.select(
            [files["is_film"] & files["report_words"].isna(), files["is_film"] & files["report_words"].eq(0)],
            ["report_missing", "report_empty"],
            "",
        )
        return pd.Series(chosen, files.index).replace("", None)
