"""Cells: one row for each film and finding that somebody was asked about, with every opinion beside it, and which of them are on trial."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.base import tables
from pipeline.base.labels import LabelState
from pipeline.base.ranks import by_rank
from pipeline.rank import fusion

_AGAINST = {0: LabelState.POSITIVE, 1: LabelState.NEGATIVE}
KEY = ["image_id", "finding"]
PUBLISHED = [*KEY, "model", "score", "score_kind"]
SKILL = list(tables.BY_NAME["model_skill"].names)


def sided(labels: pd.DataFrame) -> pd.DataFrame:
    """Labels that somebody gave, and whether they are on trial: those that can be wrong, as they train as one side or the other.

    What is on trial is the side that the given label takes, never the target it trains at: a soft target is the posterior itself. What a
    verdict has settled is tried no more.

    Args:
        labels: table `labels`.

    Returns:
        image_id, finding, given_label, given_annotator, given (0 or 1), p_annotators, p_verdict (NaN without a verdict that takes a side),
        theta_sd (NaN where no radiologist read the film), n_readers, is_on_trial.
    """
    decided = labels["p_positive"].where(labels["verdict"].isin([str(state) for state in _AGAINST.values()]))
    is_on_trial = labels["given_side"].notna() & labels["verdict"].isna()
    labels = labels.assign(theta_sd=labels["theta_sd"].where(labels["n_readers"] > 0))
    found = labels.assign(given=labels["given_side"].eq(1).astype(np.int64), p_verdict=decided, is_on_trial=is_on_trial)
    kept = [*KEY, "given_label", "given_annotator", "given", "p_annotators", "p_verdict", "theta_sd", "n_readers", "is_on_trial"]
    return found.loc[labels["given_annotator"].notna() | labels["verdict"].notna(), kept].reset_index(drop=True)


def with_model(cells: pd.DataFrame, pred_probs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add what the models say: `pred_prob`, and `model_score` (`fusion.score`); NaN where no model that is heard judges the cell.

    Args:
        cells: image_id, finding, p_annotators.
        pred_probs: image_id, finding, model, pred_prob.

    Returns:
        The cells; and rows of `model_skill`.
    """
    if pred_probs.empty:
        return cells.assign(pred_prob=np.nan, model_score=np.nan), pd.DataFrame(columns=SKILL)
    wide = pred_probs.pivot_table("pred_prob", KEY, "model", observed=True)
    believed = cells.set_index(KEY)["p_annotators"].reindex(wide.index)
    parts = [_together(part.dropna(axis=1, how="all"), believed[part.index]) for _, part in wide.groupby(level="finding", observed=True)]
    opinions, skill = (pd.concat(frames) for frames in zip(*parts, strict=True))
    return cells.merge(opinions.reset_index(), on=KEY, how="left", validate="one_to_one"), skill.reset_index(drop=True)


def _together(opinions: pd.DataFrame, believed: pd.Series[float]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of one finding: pred_prob and model_score of several models, and the models' rows of `model_skill`."""
    values, p_annotators = opinions.to_numpy(np.float64), np.asarray(believed, np.float64)
    skills = fusion.skills(values, p_annotators)
    weight = fusion.weights(skills, float(believed.mean()))
    said = {"pred_prob": fusion.weighted_mean(values, weight), "model_score": fusion.score(values, weight)}
    known = pd.DataFrame(
        {
            "finding": opinions.index.get_level_values("finding")[0],
            "model": opinions.columns.astype(str),
            "n": (opinions.notna() & believed.notna().to_numpy()[:, None]).sum().to_numpy(),
            "auroc_measured": [skill.measured for skill in skills],
            "standard_error": [skill.standard_error if np.isfinite(skill.standard_error) else None for skill in skills],
            "auroc": [skill.auroc for skill in skills],
            "is_heard": [skill.is_heard for skill in skills],
            "weight": weight,
        }
    )
    return pd.DataFrame(said, opinions.index), known[SKILL]


def published(scores: pd.DataFrame) -> pd.DataFrame:
    """Opinions of published models as further rows of `pred_probs`: scores that are no probabilities become ranks, as in an audit.

    Args:
        scores: columns PUBLISHED.

    Returns:
        image_id, finding, model, pred_prob.
    """
    ranked = scores.groupby(["model", "finding"], observed=True)["score"].transform(by_rank) if len(scores) else scores["score"]
    return scores[[*KEY, "model"]].assign(pred_prob=scores["score"].where(scores["score_kind"] == "probability", ranked))


def with_opposition(cells: pd.DataFrame, annotations: pd.DataFrame) -> pd.DataFrame:
    """Add `n_against`: annotators that say the opposite of the given label outright. Silence is not opposition."""
    spoken = annotations[annotations["state"].isin([str(state) for state in _AGAINST.values()])]
    paired = cells[[*KEY, "given", "given_annotator"]].merge(spoken[[*KEY, "annotator", "state"]], on=KEY)
    against = paired["state"] == paired["given"].map({given: str(state) for given, state in _AGAINST.items()})
    counts = paired[against & (paired["annotator"] != paired["given_annotator"])].groupby(KEY, observed=True).size().rename("n_against")
    joined = cells.merge(counts.reset_index(), on=KEY, how="left", validate="one_to_one")
    return joined.assign(n_against=joined["n_against"].fillna(0).astype(np.int64))
