"""Confident learning on the model's out-of-fold probabilities (Northcutt, Jiang and Chuang 2021, JAIR 70:1373), by cleanlab.

A label is an issue where the model gives the other class more than it gives that class on average: off the diagonal of the confident joint.
"""

from __future__ import annotations

from typing import ClassVar

import pandas as pd

from pipeline.base.interfaces import DETECTORS
from pipeline.rank.detectors._cleanlab import judged


class CleanlabConfidentLearning:
    """Self-confidence weighted by entropy; flags off the diagonal of the confident joint."""

    needs: ClassVar[tuple[str, ...]] = ("pred_prob",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells with a `pred_prob`; NaN elsewhere, and everywhere when all given labels of the finding are equal."""
        return judged(cells, cells["pred_prob"], "confidence_weighted_entropy", "confident_learning")


DETECTORS.add("cleanlab_confident_learning", needs=("cleanlab",))(CleanlabConfidentLearning())
