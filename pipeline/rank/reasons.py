"""Why a label is suspected, in words: whose label it is, what the others say, and what the model thinks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pipeline.base.labels import LabelState
from pipeline.rank.cells import KEY

_SIDES = {0: LabelState.NEGATIVE, 1: LabelState.POSITIVE}
_CONTEXT = ["n_findings_against", "n_films_against", "is_faint", "neighbour_p", "report_fit"]
_COLUMNS = [*KEY, "given_label", "given_annotator", "given", "pred_prob", "label_quality_score", *_CONTEXT]
# Neighbours are worth a word where they are this far from the label.
_UNLIKE = 0.75
# So is a report that fits another film better, by this much in log-odds: 20 to 1.
_FOREIGN = 3.0
_RIGHT = "the label is right with probability"
_Row = Mapping[str, Any]


def reasons(ranked: pd.DataFrame, annotations: pd.DataFrame) -> list[str]:
    """One sentence for each row: the evidence where the label is an issue, else the bare probability.

    Args:
        ranked: rows of `merge.order`.
        annotations: table `annotations`.
    """
    made = _bare(ranked)
    flagged = ranked[ranked["is_label_issue"]]
    said: dict[tuple[str, str], list[_Row]] = {}
    for row in _records(annotations.merge(flagged[KEY], on=KEY).sort_values([*KEY, "annotator"])):
        said.setdefault((row["image_id"], row["finding"]), []).append(row)
    for position, cell in zip(np.flatnonzero(ranked["is_label_issue"]), _records(flagged[_COLUMNS]), strict=True):
        made[position] = explain(cell, said.get((cell["image_id"], cell["finding"]), ()))
    return made


def _bare(ranked: pd.DataFrame) -> list[str]:
    """Whose label and how probable, for every row: an archive has millions, so nothing is looked up row by row."""
    kinds = ["given_label", "given", "given_annotator"]
    number = ranked.groupby(kinds, sort=False, observed=True).ngroup()
    texts = [_given(row) for row in _records(ranked[kinds].drop_duplicates())]
    rounded = np.rint(ranked["label_quality_score"].to_numpy() * 100).astype(int)
    return [f"{texts[kind]}; {_RIGHT} {score / 100:.2f}" for kind, score in zip(number, rounded, strict=True)]


def _records(frame: pd.DataFrame) -> Iterator[_Row]:
    columns = [str(column) for column in frame.columns]
    return (dict(zip(columns, values, strict=True)) for values in frame.itertuples(index=False, name=None))


def explain(cell: _Row, said: Iterable[_Row]) -> str:
    """The sentence for one suspected label; `said` are the annotations of its film and finding."""
    clauses = _opinions([row for row in said if row["annotator"] != cell["given_annotator"]])
    if not _is_null(cell["pred_prob"]):
        clauses.append(f"the model's probability is {cell['pred_prob']:.2f}")
    clauses += _surroundings(cell)
    return f"{_given(cell)}, but {' and '.join(clauses)}: {_quality(cell)}" if clauses else f"{_given(cell)}; {_quality(cell)}"


def _surroundings(cell: _Row) -> Iterator[str]:
    """What other findings, other films and the wording add; a comparison with a null is false."""
    if cell["n_findings_against"] > 0:
        yield "another label of the film cannot hold beside it"
    if cell["n_films_against"] > 0:
        yield f"{cell['n_films_against']:.0f} films that show the same are labelled the other way"
    if cell["given"] == 1 and cell["is_faint"] == 1:
        yield "the report only hedges it or calls it borderline or minimal"
    if cell["report_fit"] < -_FOREIGN:
        yield f"its whole report is {np.exp(-cell['report_fit']):.0f} times likelier to belong to another film"
    if abs(cell["given"] - cell["neighbour_p"]) > _UNLIKE:
        yield f"it is expected in {cell['neighbour_p']:.0%} of the films that look most alike"


def _given(cell: _Row) -> str:
    side = _SIDES[cell["given"]]
    read_as = "" if cell["given_label"] == side else f" (read as {side})"
    return f"given {cell['given_label']}{read_as} by {cell['given_annotator']}"


def _opinions(others: Sequence[_Row]) -> list[str]:
    """What each annotator says; those that say the same without quoting anything are named together."""
    clauses: dict[object, list[str]] = {}
    for row in others:
        words = row["evidence"]
        key = row["state"] if _is_null(words) or row["state"] == LabelState.UNMENTIONED else (row["state"], words)
        clauses.setdefault(key, []).append(row["annotator"])
    return [_opinion(key, names) for key, names in clauses.items()]


def _opinion(said: object, names: list[str]) -> str:
    who, many = ", ".join(names), len(names) > 1
    if isinstance(said, tuple):
        state, words = said
        return f'the report says "{words}" ({state} by {who})'
    if said == LabelState.UNMENTIONED:
        return f"{who} {'find' if many else 'finds'} no mention"
    return f"{who} {'say' if many else 'says'} {said}"


def _quality(cell: _Row) -> str:
    return f"{_RIGHT} {cell['label_quality_score']:.2f}"


def _is_null(value: object) -> bool:
    return value is None or value != value
