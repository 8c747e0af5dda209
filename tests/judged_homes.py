from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import tiny_home

from pipeline.base import tables
from pipeline.base.storage import Home

FINDINGS = ("Cardiomegaly", "Pleural Effusion")


def write(home: Home, name: str, rows: list[dict[str, object]]) -> None:
    schema = pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME[name].columns])
    home.write(name, pa.Table.from_pylist(rows, schema=schema))


def judged_home(path: Path, *, patients: int = 80, flips: float = 0.0, readers: bool = False, permuted: bool = False) -> Home:
    """A home as `split` leaves it: true posteriors, given labels of which a share is flipped, every flipped label flagged as an issue.

    Half of the patients train and half are the test split. With `readers` a majority of three says the truth on every film.
    """
    with pytest.MonkeyPatch.context() as patch:
        # A fixed key: who trains and who is scored follows from the patients' names.
        patch.setenv("CXR_PSEUDONYM_KEY", "a key for tests and for nothing else")
        home = tiny_home(path, patients=patients)
    truth, rng = np.load(home.root / "truth.npz"), np.random.default_rng(1)
    image_ids = [str(name) for name in truth["image_id"]]
    labels, issues, said = [], [], []
    for finding, key in zip(FINDINGS, ("cardiomegaly", "effusion"), strict=True):
        present = rng.permutation(truth[key]) if permuted else truth[key]
        flipped = rng.random(len(present)) < flips
        for image_id, is_present, is_flipped in zip(image_ids, present, flipped, strict=True):
            given = bool(is_present) != bool(is_flipped)
            labels.append(label(image_id, finding, given, bool(is_present)))
            issues.append(issue(image_id, finding, bool(is_flipped)))
            votes = [is_present, is_present, not is_present] if readers else []
            said += [annotation(image_id, finding, f"reader:{name}", vote) for name, vote in zip("abc", votes, strict=False)]
    write(home, "labels", labels)
    write(home, "label_issues", [{**row, "rank": place + 1} for place, row in enumerate(issues)])
    write(home, "annotations", said)
    groups = home.read("groups", ["image_id", "group_id"]).to_pylist()
    names = sorted({row["group_id"] for row in groups})
    split = {name: "test" if place % 2 else "train" for place, name in enumerate(names)}
    write(home, "splits", [{**row, "split": split[row["group_id"]], "assigned_by": "hash"} for row in groups])
    return home


def label(image_id: str, finding: str, given: bool, present: bool) -> dict[str, object]:
    return {
        "image_id": image_id,
        "finding": finding,
        "given_label": "POSITIVE" if given else "NEGATIVE",
        "given_annotator": "published:nih",
        "state": "POSITIVE" if present else "NEGATIVE",
        "decided_by": "annotators",
        "p_positive": 0.99 if present else 0.01,
        "p_low": 0.0,
        "p_high": 1.0,
        "p_annotators": 0.99 if present else 0.01,
        "n_annotators": 2,
        "theta_sd": 1.0,
        "n_readers": 0,
        "annotators": ["published:nih", "rules"],
        "is_conflict": given != present,
        "policy": "u_ignore",
        "given_target": float(given),
        "given_side": float(given),
    }


def issue(image_id: str, finding: str, flagged: bool) -> dict[str, object]:
    return {
        "image_id": image_id,
        "finding": finding,
        "given_label": "POSITIVE",
        "p_positive": 0.5,
        "label_quality_score": 0.1 if flagged else 0.9,
        "is_label_issue": flagged,
        "detectors": [],
        "reason": "planted",
    }


def annotation(image_id: str, finding: str, annotator: str, present: bool) -> dict[str, object]:
    state = "POSITIVE" if present else "NEGATIVE"
    return {"image_id": image_id, "finding": finding, "annotator": annotator, "state": state, "mention_ids": []}
