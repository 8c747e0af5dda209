"""The given label against the probability from all annotators and the model together.

Where a source is right in less than half of its positive labels, every one of them is more likely wrong than right, and none stands out. So
an issue needs both: the other label is likelier, and something about this film speaks against its label more than is usual.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._quality import p_right

# Equal probabilities differ by rounding.
_MARGIN = 1e-6


class PosteriorDisagreement:
    """Probability of the given label; an issue below one half and below the mean of the labels given alike."""

    needs: ClassVar[tuple[str, ...]] = ("p_positive",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of all cells."""
        quality = p_right(cells)
        usual = quality.groupby([cells["given"], cells["given_annotator"]], observed=True).transform("mean")
        return pd.DataFrame({"label_quality_score": quality, "is_label_issue": (quality < 0.5) & (quality < usual - _MARGIN)})


DETECTORS.add("posterior_disagreement")(PosteriorDisagreement())
