"""The given label against the probability from all annotators and the model together."""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS


class PosteriorDisagreement:
    """Probability of the given label; an issue where the other label is the likelier one."""

    needs: ClassVar[tuple[str, ...]] = ("p_positive",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of all cells."""
        quality = cells["p_positive"].where(cells["given"] == 1, 1 - cells["p_positive"])
        return pd.DataFrame({"label_quality_score": quality, "is_label_issue": quality < 0.5})


DETECTORS.add("posterior_disagreement")(PosteriorDisagreement())
