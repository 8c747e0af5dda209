"""Self-confidence on the model's out-of-fold probabilities (Northcutt, Jiang and Chuang 2021, JAIR 70:1373), by cleanlab."""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._cleanlab import by_self_confidence


class CleanlabSelfConfidence:
    """Probability of the given label; flags by cleanlab's default, pruning by the estimated noise rate."""

    needs: ClassVar[tuple[str, ...]] = ("pred_prob",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells with a `pred_prob`; NaN elsewhere, and everywhere when all given labels of the finding are equal."""
        return by_self_confidence(cells, cells["pred_prob"])


DETECTORS.add("cleanlab_self_confidence", needs=("cleanlab",))(CleanlabSelfConfidence())
