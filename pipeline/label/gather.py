"""Annotations: what every annotator says of every kept film. A report speaks of each film of its study, and of no other.

A film whose study has no readable report has no rows of a report labeler: nobody was asked, which is not the same as silence.
"""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from pipeline.base.labels import BY_STRENGTH

SAID = ["annotator", "finding", "state", "grade", "probabilities", "mention_ids", "evidence"]
COLUMNS = ["image_id", *SAID]


def broadcast(states: pd.DataFrame, reports: pd.DataFrame, films: pd.DataFrame, findings: Collection[str]) -> pd.DataFrame:
    """States of reports as annotations of films.

    Args:
        states: report_id and SAID.
        reports: report_id, study_id (null where the report has no film).
        films: image_id, study_id of kept films.
        findings: findings of the dataset.

    Returns:
        COLUMNS, one row a film, finding and labeler.
    """
    kept = states[states["finding"].isin(list(findings))]
    paired = kept.merge(reports.dropna(subset=["study_id"]), on="report_id", validate="many_to_one")
    return one_a_study(paired).merge(films.dropna(subset=["study_id"]), on="study_id")[COLUMNS]


def one_a_study(paired: pd.DataFrame) -> pd.DataFrame:
    """The strongest state of each study, annotator and finding; the earliest report_id among equals."""
    key = ["study_id", "annotator", "finding"]
    if not paired.duplicated(key).any():
        return paired
    strength = paired["state"].map({str(state): rank for rank, state in enumerate(BY_STRENGTH)})
    return paired.assign(_strength=strength).sort_values(["_strength", "report_id"], kind="stable").drop_duplicates(key)


def published(labels: pd.DataFrame, films: pd.DataFrame, findings: Collection[str]) -> pd.DataFrame:
    """Published labels of kept films as annotations, unchanged.

    Args:
        labels: table `published_labels`.
        films: image_id of kept films.
        findings: findings of the dataset.
    """
    kept = labels[labels["image_id"].isin(films["image_id"]) & labels["finding"].isin(list(findings))]
    return kept.assign(mention_ids=pd.Series([()] * len(kept), kept.index, object), evidence=None, grade=None, probabilities=None)[COLUMNS]
