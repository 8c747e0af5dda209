"""A home without films: the tables that `label` and `rank` read, filled from bare tables of labels and scores.

Here belongs the translation into the pipeline's tables. An item's id is its image_id, its own study and its own patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.audit.given import Given
from pipeline.base import tables, verdicts
from pipeline.base.interfaces import TABLE
from pipeline.base.labels import STATES, to_chexpert
from pipeline.base.storage import Home

_KEY = ["image_id", "finding"]
_STATES = {to_chexpert(state): str(state) for state in STATES}
_SMALLEST = 1e-12
_EMPTY: dict[pa.DataType, Any] = {pa.string(): "", pa.binary(): b"", pa.bool_(): False}


def fill(home: Home, given: Given) -> None:
    """Write groups, images, instances, reports, published_labels, pred_probs, embeddings, training_dynamics and verdicts."""
    items = list(given.labels.index)
    home.write("groups", _rows("groups", {"image_id": items, "patient_id": items, "group_id": items}))
    home.write("instances", _rows("instances", {"file_id": items, "image_id": items, "study_id": items}))
    home.write_part("images", 0, _rows("images", {"image_id": items, "file_id": items}))
    home.write("reports", tables.empty("reports"))
    home.write("published_labels", _rows("published_labels", _states({TABLE: given.labels, **given.readers})))
    home.write("pred_probs", _rows("pred_probs", _opinions(given.models)))
    for name in ("embeddings", "training_dynamics"):
        home.write(name, tables.empty(name))
    verdicts.append(home, [verdicts.Verdict(one.item_id, one.finding, one.verdict, "reviewer") for one in given.verdicts])


def _states(annotators: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for each cell of each annotator's table: blank is a state of its own."""
    long = _long(annotators, "annotator")
    return long.assign(state=long["value"].map(_STATES).fillna(_STATES[None]))


def _opinions(models: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A row for each cell that a model has an opinion on."""
    long = _long(models, "model").dropna(subset="value")
    certain = long["value"].clip(_SMALLEST, 1 - _SMALLEST)
    return long.assign(pred_prob=long["value"], logit=np.log(certain) - np.log1p(-certain))


def _long(sheets: Mapping[str, pd.DataFrame], called: str) -> pd.DataFrame:
    parts = [
        sheet.rename_axis("image_id").reset_index().melt("image_id", var_name="finding").assign(**{called: name})
        for name, sheet in sheets.items()
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_KEY, "value", called])


def _rows(name: str, known: Mapping[str, Sequence[Any]] | pd.DataFrame) -> pa.Table:
    """Rows of a table: the columns known, and of the rest null, or where null is not allowed what an absent film has."""
    n = len(next(iter(known.values()))) if isinstance(known, Mapping) else len(known)
    columns = [
        pa.array(known[column.name], column.type) if column.name in known else _absent(column, n) for column in tables.BY_NAME[name].columns
    ]
    return pa.Table.from_arrays(columns, names=list(tables.BY_NAME[name].names))


def _absent(column: tables.Column, n: int) -> pa.Array:
    """Nulls, zeros, empty values, or the first that is allowed: nothing that an audit looks at."""
    if column.nullable:
        return pa.nulls(n, column.type)
    if column.values:
        return pa.repeat(pa.scalar(column.values[0], column.type), n)
    if pa.types.is_fixed_size_binary(column.type):
        return pa.repeat(pa.scalar(bytes(column.type.byte_width), column.type), n)
    return pa.repeat(pa.scalar(_EMPTY.get(column.type, 0), column.type), n)
