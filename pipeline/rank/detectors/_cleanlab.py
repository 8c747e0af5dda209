"""What the detectors by cleanlab share: one finding is one two-class problem, judged where there is a probability.

cleanlab's multi-label flags judge whole films, and mark most films of a 14-finding set.
"""

from __future__ import annotations

import numpy as np
import pandas as pd


def by_self_confidence(cells: pd.DataFrame, p_present: pd.Series[float]) -> pd.DataFrame:
    """Self-confidence, with cleanlab's default flags: pruning by the estimated noise rate."""
    return judged(cells, p_present, "self_confidence", "prune_by_noise_rate")


def judged(cells: pd.DataFrame, p_present: pd.Series[float], method: str, filter_by: str) -> pd.DataFrame:
    """Scores and flags of cleanlab.

    Args:
        cells: one finding; `given`.
        p_present: probability of the finding for each cell, NaN where there is none.
        method: of `cleanlab.rank.get_label_quality_scores`.
        filter_by: of `cleanlab.filter.find_label_issues`.

    Returns:
        label_quality_score and is_label_issue; NaN and False where there is no probability, and everywhere when all given labels are equal.
    """
    found = pd.DataFrame({"label_quality_score": np.nan, "is_label_issue": False}, index=cells.index)
    is_known = p_present.notna()
    given = cells.loc[is_known, "given"].to_numpy(np.int64)
    if len(np.unique(given)) < 2:
        return found
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    present = p_present[is_known].to_numpy(np.float64)
    pred_probs = np.stack([1 - present, present], axis=1)
    found.loc[is_known, "label_quality_score"] = get_label_quality_scores(given, pred_probs, method=method)
    found.loc[is_known, "is_label_issue"] = find_label_issues(given, pred_probs, filter_by=filter_by, n_jobs=1)
    return found
