"""A label that still costs much when networks have learned the easy films: its loss in the first half of the epochs.

Networks learn what films have in common before they memorise single labels (Arpit et al. 2017, ICML), so early on a high loss tells a wrong
label from a right one (the small-loss rule, Han et al. 2018, NeurIPS). The threshold is confident learning's, as in `area_under_margin`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._cleanlab import by_self_confidence


class EarlyLoss:
    """The probability of the given label that the loss stands for, exp(-loss); flags by cleanlab's default."""

    needs: ClassVar[tuple[str, ...]] = ("early_loss",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells that trained; NaN elsewhere."""
        believed = np.exp(-cells["early_loss"])
        return by_self_confidence(cells, believed.where(cells["given"] == 1, 1 - believed))


DETECTORS.add("early_loss", needs=("cleanlab",))(EarlyLoss())
