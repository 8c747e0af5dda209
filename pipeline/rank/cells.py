"""Cells on trial: one row for each film and finding whose given label trains as present or absent, with every opinion beside it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.base.labels import LabelState
from pipeline.rank import fusion

_AGAINST = {0: LabelState.POSITIVE, 1: LabelState.NEGATIVE}
KEY = ["image_id", "finding"]


def on_trial(labels: pd.DataFrame) -> pd.DataFrame:
    """Labels that can be wrong: they train as one side or the other, and no reviewer has decided.

    Masked labels have no side, a target of 0.5 takes none, and a cell with a verdict is settled.

    Args:
        labels: table `labels`.

    Returns:
        image_id, finding, given_label, given_annotator, given (0 or 1), p_annotators.
    """
    is_tried = labels["given_target"].notna() & (labels["given_target"] != 0.5) & labels["verdict"].isna()
    tried = labels[is_tried].rename(columns={"p_positive": "p_annotators"})
    tried = tried.assign(given=(tried["given_target"] > 0.5).astype(np.int64))
    return tried[[*KEY, "given_label", "given_annotator", "given", "p_annotators"]].reset_index(drop=True)


def with_model(cells: pd.DataFrame, pred_probs: pd.DataFrame) -> pd.DataFrame:
    """Add `pred_prob`, the mean over models, and `model_score` (`fusion.score`); NaN where no model judges the cell.

    Args:
        cells: image_id, finding.
        pred_probs: image_id, finding, model, pred_prob.
    """
    if pred_probs.empty:
        return cells.assign(pred_prob=np.nan, model_score=np.nan)
    wide = pred_probs.pivot_table("pred_prob", KEY, "model", observed=True)
    scores = [pd.Series(fusion.score(part.to_numpy(np.float64)), part.index) for _, part in wide.groupby(level="finding", observed=True)]
    opinions = pd.DataFrame({"pred_prob": wide.mean(axis=1), "model_score": pd.concat(scores)})
    return cells.merge(opinions.reset_index(), on=KEY, how="left", validate="one_to_one")


def with_opposition(cells: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    """Add `n_against`: annotators that say the opposite of the given label outright. Silence is not opposition."""
    spoken = annotations[annotations["state"].isin([str(state) for state in _AGAINST.values()])]
    paired = cells[[*KEY, "given", "given_annotator"]].merge(spoken[[*KEY, "annotator", "state"]], on=KEY)
    against = paired["state"] == paired["given"].map({given: str(state) for given, state in _AGAINST.items()})
    counts = paired[against & (paired["annotator"] != paired["given_annotator"])].groupby(KEY, observed=True).size().rename("n_against")
    joined = cells.merge(counts.reset_index(), on=KEY, how="left", validate="one_to_one")
    return joined.assign(n_against=joined["n_against"].fillna(0).astype(np.int64))
