"""A label that networks learn and forget again, or never learn (forgetting events, Toneva et al. 2019, ICLR).

Labels flipped on purpose are among the most forgotten in that paper. The count is taken for each epoch a film trained in, since films train
in different numbers of folds; the threshold is confident learning's, as in `area_under_margin`.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._cleanlab import by_self_confidence


class ForgettingEvents:
    """One less the share of epochs in which the label was forgotten, 0 where it was never learned; flags by cleanlab's default."""

    needs: ClassVar[tuple[str, ...]] = ("forgotten_share",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells that trained; NaN elsewhere."""
        kept = 1 - cells["forgotten_share"]
        return by_self_confidence(cells, kept.where(cells["given"] == 1, 1 - kept))


DETECTORS.add("forgetting_events", needs=("cleanlab",))(ForgettingEvents())
