"""Confident learning on the model's out-of-fold probabilities (Northcutt, Jiang and Chuang 2021, JAIR 70:1373), by cleanlab.

One finding is one two-class problem: cleanlab's multi-label flags judge whole films, and mark most films of a 14-finding set.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from pipeline.base.interfaces import DETECTORS


class CleanlabSelfConfidence:
    """Self-confidence of the given label; flags by cleanlab's default, pruning by the estimated noise rate."""

    needs: ClassVar[tuple[str, ...]] = ("pred_prob",)

    def __call__(self, cells: pd.DataFrame) -> pd.DataFrame:
        """Scores of the cells with a `pred_prob`; NaN elsewhere, and everywhere when all given labels of the finding are equal."""
        found = pd.DataFrame({"label_quality_score": np.nan, "is_label_issue": False}, index=cells.index)
        judged = cells["pred_prob"].notna()
        given = cells.loc[judged, "given"].to_numpy(np.int64)
        if len(np.unique(given)) < 2:
            return found
        from cleanlab.filter import find_label_issues
        from cleanlab.rank import get_label_quality_scores

        present = cells.loc[judged, "pred_prob"].to_numpy(np.float64)
        pred_probs = np.stack([1 - present, present], axis=1)
        found.loc[judged, "label_quality_score"] = get_label_quality_scores(given, pred_probs, method="self_confidence")
        found.loc[judged, "is_label_issue"] = find_label_issues(given, pred_probs, n_jobs=1)
        return found


DETECTORS.add("cleanlab_self_confidence", needs=("cleanlab",))(CleanlabSelfConfidence())
