"""A report that fits another film better than its own, and a label that such a report would have made.

Filed under the wrong film, a report contradicts what the model sees on several findings at once, each of which alone says little
(`rank/belonging.py`).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._quality import p_right

# Reports lie under the wrong film about once in a hundred times, a guess; so the evidence must outweigh 1 : 99.
_PRIOR = np.log(99.0)


class ReportAgainstFilm:
    """Probability of the given label; an issue where the report rather belongs to another film, and parts from its own on this finding."""

    needs: ClassVar[tuple[str, ...]] = ("p_positive", "report_fit", "report_fit_here")

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of all cells."""
        quality = p_right(cells)
        is_foreign = cells["report_fit"] < -_PRIOR
        return pd.DataFrame({"label_quality_score": quality, "is_label_issue": is_foreign & (cells["report_fit_here"] < 0)})


DETECTORS.add("report_against_film")(ReportAgainstFilm())
