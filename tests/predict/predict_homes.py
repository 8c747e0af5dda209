from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.storage import Home

FINDINGS = ("Cardiomegaly", "Pleural Effusion")


def write_labels(home: Home, targets: dict[str, np.ndarray], image_ids: list[str]) -> None:
    """Table labels with these given targets; NaN is null."""
    rows = [
        {
            "image_id": image_id,
            "finding": finding,
            "given_label": "UNMENTIONED" if np.isnan(value) else "POSITIVE" if value else "NEGATIVE",
            "given_annotator": "published:nih",
            "state": "UNMENTIONED" if np.isnan(value) else "POSITIVE" if value else "NEGATIVE",
            "decided_by": "annotators",
            "p_positive": 0.5 if np.isnan(value) else 0.1 + 0.8 * value,
            "p_low": 0.0,
            "p_high": 1.0,
            "p_annotators": 0.5 if np.isnan(value) else 0.1 + 0.8 * value,
            "n_annotators": 1,
            "theta_sd": 1.0,
            "n_readers": 0,
            "annotators": ["rules"],
            "is_conflict": False,
            "policy": "u_ignore",
            "given_target": None if np.isnan(value) else float(value),
            "given_side": None if np.isnan(value) else float(value > 0.5),
        }
        for finding, column in targets.items()
        for image_id, value in zip(image_ids, column, strict=True)
    ]
    schema = pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME["labels"].columns])
    home.write("labels", pa.Table.from_pylist(rows, schema=schema))
