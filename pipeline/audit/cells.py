"""Every cell of the labels with its probability, quality and reason: those on trial as `rank` judged them, and those that have no side.

A label takes the side 1 or 0, or none, or a verdict has settled it; `rank` judges the first kind alone. The quality of the others is
1 - |side - p|, which is `rank`'s own wherever there is a side. A label without one has that of no opinion, 0.5: it is worth the less the
surer everything else is, but never less than 0.5, and never an issue, for it claims nothing.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline import rank
from pipeline.base.labels import STATES, LabelState, to_chexpert
from pipeline.base.storage import Home

COLUMNS = ("item_id", "finding", "given_label", "p_positive", "label_quality_score", "is_label_issue", "rank", "reason")
_KEY = ["image_id", "finding"]
_JUDGED = [*_KEY, "p_positive", "label_quality_score", "is_label_issue", "rank", "reason"]
_NUMBERS = {str(state): to_chexpert(state) for state in STATES}


def every(home: Home, *, implications: bool) -> pd.DataFrame:
    """All cells by rank: COLUMNS, and `given_side`, which is null where the label takes no side.

    Args:
        home: with `labels`, `label_issues` and `pred_probs`.
        implications: setting `label.implications`.
    """
    labels = home.read("labels").to_pandas()
    judged = home.read("label_issues", _JUDGED).to_pandas()
    both = labels.merge(judged, on=_KEY, how="left", suffixes=("_settled", ""), validate="one_to_one")
    rest = both["rank"].isna()
    if rest.any():
        both.loc[rest, _JUDGED[2:]] = _without_trial(both[rest], _fused(home, labels, implications=implications))
    return _ordered(both)


def _fused(home: Home, labels: pd.DataFrame, *, implications: bool) -> pd.Series[float]:
    """`p_positive` of every cell, from annotators and models; index: image_id and finding."""
    known, _, _ = rank.fused(home, labels, implications=implications)
    fused: pd.Series[float] = known.set_index(_KEY)["p_positive"]
    return fused


def _without_trial(rest: pd.DataFrame, fused: pd.Series[float]) -> pd.DataFrame:
    """The columns that `rank` would have given, for cells it does not judge: settled by a verdict, or without a side."""
    everywhere = fused.reindex(pd.MultiIndex.from_frame(rest[_KEY])).to_numpy(np.float64)
    p_positive = np.where(rest["verdict"].notna(), rest["p_positive_settled"], everywhere)
    side = rest["given_side"].fillna(0.5).to_numpy(np.float64)
    is_refuted = ((rest["verdict"] == LabelState.POSITIVE) & (side < 0.5)) | ((rest["verdict"] == LabelState.NEGATIVE) & (side > 0.5))
    quality = 1 - np.abs(side - p_positive)
    told = (rest[name] for name in ("given_label", "policy", "given_target", "verdict"))
    return pd.DataFrame(
        {
            "p_positive": p_positive,
            "label_quality_score": quality,
            "is_label_issue": is_refuted,
            "rank": np.nan,
            "reason": [_reason(*row) for row in zip(*told, p_positive, strict=True)],
        },
        rest.index,
    )


def _reason(given: str, policy: str, target: float, verdict: object, p_positive: float) -> str:
    if isinstance(verdict, str):
        return f"given {given}; the verdict is {verdict}"
    trains = "masked in training" if np.isnan(target) else f"trains at {target:.2f}"
    return f"given {given}, {trains} ({policy}); the finding is present with probability {p_positive:.2f}"


def _ordered(cells: pd.DataFrame) -> pd.DataFrame:
    """Issues first, each part by its score, as `rank` orders; then its order, then that of the ids."""
    is_issue = cells["is_label_issue"].astype(bool)
    made = cells.assign(is_sound=~is_issue).sort_values(["is_sound", "label_quality_score", "rank", *_KEY], kind="stable")
    given = made["given_label"].map(_NUMBERS).astype("Int8")
    made = made.assign(item_id=made["image_id"], given_label=given, is_label_issue=~made["is_sound"], rank=np.arange(1, len(made) + 1))
    return made[[*COLUMNS, "given_side"]].reset_index(drop=True)
