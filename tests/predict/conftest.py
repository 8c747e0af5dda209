from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import tiny_home

from pipeline.base import tables
from pipeline.base.settings import Settings, load
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
            "n_annotators": 1,
            "is_conflict": False,
            "policy": "u_ignore",
            "given_target": None if np.isnan(value) else float(value),
        }
        for finding, column in targets.items()
        for image_id, value in zip(image_ids, column, strict=True)
    ]
    schema = pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME["labels"].columns])
    home.write("labels", pa.Table.from_pylist(rows, schema=schema))


@pytest.fixture(scope="session")
def quick() -> Settings:
    return load(profile="tiny", overrides=("predict.folds=2", "predict.epochs=4", "predict.size_px=48", "predict.min_positives=5"))


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """120 films with true labels of two visible findings and one finding too rare to model; 10 % of the cells unknown."""
    home = tiny_home(tmp_path_factory.mktemp("predict") / "home", patients=80)
    truth = np.load(home.root / "truth.npz")
    rng = np.random.default_rng(0)
    image_ids = [str(name) for name in truth["image_id"]]
    targets = {name: truth[key].astype(float) for name, key in zip(FINDINGS, ("cardiomegaly", "effusion"), strict=True)}
    for column in targets.values():
        column[rng.random(len(column)) < 0.1] = np.nan
    targets["Hernia"] = np.eye(1, len(image_ids)).ravel()
    write_labels(home, targets, image_ids)
    return home
