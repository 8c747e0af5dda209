"""Normalised margin on the model's out-of-fold probabilities (Northcutt, Jiang and Chuang 2021, JAIR 70:1373), by cleanlab.

Of two classes it orders cells as self-confidence does; the flags are those of pruning by class, which takes the least confident labels of
each side in the number that the noise rates give.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._cleanlab import judged


class CleanlabNormalizedMargin:
    """Margin of the given label over the other; flags by pruning each class."""

    needs: ClassVar[tuple[str, ...]] = ("pred_prob",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells with a `pred_prob`; NaN elsewhere, and everywhere when all given labels of the finding are equal."""
        return judged(cells, cells["pred_prob"], "normalized_margin", "prune_by_class")


DETECTORS.add("cleanlab_normalized_margin", needs=("cleanlab",))(CleanlabNormalizedMargin())
