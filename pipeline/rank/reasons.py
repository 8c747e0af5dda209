"""Why a label is suspected, in words: whose label it is, what the others say, and what the model thinks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from pipeline.base.labels import LabelState
from pipeline.rank.cells import KEY

_SIDES = {0: LabelState.NEGATIVE, 1: LabelState.POSITIVE}
_Row = Mapping[str, Any]


def reasons(ranked: pd.DataFrame, annotations: pd.DataFrame) -> list[str]:
    """One sentence for each row: the evidence where the label is an issue, else the bare probability.

    Args:
        ranked: rows of `merge.order`.
        annotations: table `annotations`.
    """
    issues = ranked.loc[ranked["is_label_issue"], KEY]
    said: dict[tuple[str, str], list[_Row]] = {}
    for row in annotations.merge(issues, on=KEY).sort_values([*KEY, "annotator"]).to_dict("records"):
        said.setdefault((row["image_id"], row["finding"]), []).append({str(key): value for key, value in row.items()})
    columns = ["image_id", "finding", "given_label", "given_annotator", "given", "pred_prob", "label_quality_score", "is_label_issue"]
    rows = ({str(key): value for key, value in row.items()} for row in ranked[columns].to_dict("records"))
    return [
        explain(row, said.get((row["image_id"], row["finding"]), ())) if row["is_label_issue"] else f"{_given(row)}; {_quality(row)}"
        for row in rows
    ]


def explain(cell: _Row, said: Iterable[_Row]) -> str:
    """The sentence for one suspected label; `said` are the annotations of its film and finding."""
    others = [row for row in said if row["annotator"] != cell["given_annotator"]]
    clauses = [_opinion(row) for row in others]
    if not _is_null(cell["pred_prob"]):
        clauses.append(f"the model's probability is {cell['pred_prob']:.2f}")
    return f"{_given(cell)}, but {' and '.join([*clauses, _quality(cell)])}"


def _given(cell: _Row) -> str:
    side = _SIDES[cell["given"]]
    read_as = "" if cell["given_label"] == side else f" (read as {side})"
    return f"given {cell['given_label']}{read_as} by {cell['given_annotator']}"


def _opinion(row: _Row) -> str:
    if row["state"] == LabelState.UNMENTIONED:
        return f"{row['annotator']} finds no mention"
    if _is_null(row["evidence"]):
        return f"{row['annotator']} says {row['state']}"
    return f'the report says "{row["evidence"]}" ({row["state"]} by {row["annotator"]})'


def _quality(cell: _Row) -> str:
    return f"the label is right with probability {cell['label_quality_score']:.2f}"


def _is_null(value: object) -> bool:
    return value is None or value != value
