"""A label that says present where all the report says of it is a weak hedge, borderline, minimal or indirect.

Readers disagree on such films most.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._quality import p_right


class FaintWording:
    """Probability of the given label; an issue where it says present and the report hardly does."""

    needs: ClassVar[tuple[str, ...]] = ("p_positive", "is_faint")

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of all cells."""
        quality = p_right(cells)
        return pd.DataFrame({"label_quality_score": quality, "is_label_issue": (cells["given"] == 1) & cells["is_faint"].eq(1)})


DETECTORS.add("faint_wording")(FaintWording())
