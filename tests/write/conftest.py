from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from factories import tiny_home

from pipeline import split, write
from pipeline.base import tables
from pipeline.base.settings import Settings
from pipeline.base.storage import Home

FINDINGS = ("No Finding", "Cardiomegaly", "Edema", "Pleural Effusion", "Hernia")
STATES = ("POSITIVE", "NEGATIVE", "UNCERTAIN", "UNMENTIONED")
ENDS = ("", "_low", "_high")


def curated_home(path: Path, patients: int = 30, seed: int = 0) -> Home:
    """A tiny home as `validate` leaves it, with every state, a masked cell, issues, verdicts, a flag, an excluded file and scores."""
    (Home(path).create().private / "pseudonym.key").write_bytes(b"0123456789abcdef" * 4)
    home = tiny_home(path, patients, seed)
    rng = np.random.default_rng(seed)
    images = home.read("groups", ["image_id"]).column("image_id").to_pylist()
    labels, annotations, issues = [], [], []
    for image in images:
        for finding in FINDINGS:
            given, other = (str(state) for state in rng.choice(STATES, 2, p=(0.35, 0.25, 0.2, 0.2)))
            p = {"POSITIVE": 0.9, "NEGATIVE": 0.08, "UNCERTAIN": 0.5, "UNMENTIONED": 0.15}[given]
            target = {"POSITIVE": 1.0, "NEGATIVE": 0.0, "UNCERTAIN": None, "UNMENTIONED": 0.0}[given]
            labels.append(_label(image, finding, given, other, p, target))
            annotations += [_annotation(image, finding, "rules", given), _annotation(image, finding, "published:nih", other)]
            if target is not None:
                issues.append((float(rng.random()), image, finding, given, p))
    labels[0] |= {"verdict": "NEGATIVE", "state": "NEGATIVE", "decided_by": "verdict", "given_label": "POSITIVE", "given_target": 1.0}
    labels[1] |= {"verdict": "POSITIVE", "state": "POSITIVE", "decided_by": "verdict"}
    _put(home, "labels", labels)
    _put(home, "annotations", annotations)
    _put(home, "label_issues", [_issue(rank, *row) for rank, row in enumerate(sorted(issues), 1)])
    _put(home, "verdicts", [_verdict(index, labels[index]) for index in (0, 1)])
    _put(
        home,
        "annotator_states",
        [_meaning(finding, name, state) for finding in FINDINGS for name in ("rules", "published:nih") for state in STATES],
    )
    _put(
        home,
        "scores",
        [
            _score(on, metric, finding)
            for on in ("given", "cleaned", "gain")
            for metric in ("auroc", "auprc", "brier", "ece")
            for finding in ("macro", "Cardiomegaly")
        ],
    )
    _put(
        home,
        "published_model_scores",
        [_published(metric, finding) for metric in ("auroc", "auprc") for finding in ("macro", "Edema")],
    )
    for name in ("agreement", "reliability", "mentions", "pred_probs", "embeddings", "subgroup_gaps"):
        home.write(name, tables.empty(name))
    _exclude(home)
    split.run(home, Settings())
    return home


def _put(home: Home, name: str, rows: list[dict[str, object]]) -> None:
    home.write(name, pa.Table.from_pylist(rows, schema=pa.schema([pa.field(c.name, c.type) for c in tables.BY_NAME[name].columns])))


def _label(image: str, finding: str, given: str, state: str, p: float, target: float | None) -> dict[str, object]:
    return {
        "image_id": image, "finding": finding, "given_label": given, "given_annotator": "rules", "state": state, "decided_by": "annotators",
        "p_positive": p, "p_low": max(p - 0.05, 0.0), "p_high": min(p + 0.05, 1.0), "p_annotators": p, "n_annotators": 2,
        "theta_sd": 1.0, "n_readers": 0,
        "annotators": ["published:nih", "rules"],
        "is_conflict": {given, state} == {"POSITIVE", "NEGATIVE"},
        "policy": "u_ones" if finding == "Edema" else "u_ignore", "given_target": target,
    }  # fmt: skip


def _annotation(image: str, finding: str, annotator: str, state: str) -> dict[str, object]:
    return {"image_id": image, "finding": finding, "annotator": annotator, "state": state, "mention_ids": []}


def _issue(rank: int, score: float, image: str, finding: str, given: str, p: float) -> dict[str, object]:
    return {
        "image_id": image, "finding": finding, "given_label": given, "p_positive": p, "label_quality_score": score,
        "is_label_issue": score < 0.08, "rank": rank, "detectors": ["cleanlab"], "reason": "the model disagrees",
    }  # fmt: skip


def _verdict(index: int, label: dict[str, object]) -> dict[str, object]:
    return {
        "verdict_id": f"v{index}", "image_id": label["image_id"], "finding": label["finding"], "verdict": label["verdict"],
        "reader_id": "r0", "sequence": index, "is_current": True, "given_label": label["given_label"],
    }  # fmt: skip


def _meaning(finding: str, annotator: str, state: str) -> dict[str, object]:
    p = {"POSITIVE": 0.8, "NEGATIVE": 0.05, "UNCERTAIN": 0.4, "UNMENTIONED": 0.12}[state]
    return {
        "finding": finding,
        "annotator": annotator,
        "state": state,
        "grade": None,
        "n": 10,
        **{f"p_given_present{end}": p for end in ENDS},
        **{f"p_given_absent{end}": 1 - p for end in ENDS},
        **{f"p_present{end}": p for end in ENDS},
    }


def _score(on: str, metric: str, finding: str) -> dict[str, object]:
    value = 0.031 if on == "gain" else 0.8
    return {
        "trained_on": on, "finding": finding, "metric": metric, "subgroup": "all", "subgroup_value": "all", "estimate": value,
        "ci_low": value - 0.02, "ci_high": value + 0.02, "n_positive": 5, "n_negative": 8, "truth": "posterior", "n_seeds": 1,
    }  # fmt: skip


def _published(metric: str, finding: str) -> dict[str, object]:
    value = {"auroc": 0.71, "auprc": 0.42}[metric]
    return {
        "model": "chexnet", "checkpoint_sha256": "ab" * 32, "score_kind": "probability", "finding": finding, "metric": metric,
        "subgroup": "all", "subgroup_value": "all", "estimate": value, "ci_low": value - 0.1, "ci_high": value + 0.1, "n_positive": 5,
        "n_negative": 8, "truth": "posterior",
    }  # fmt: skip


def _exclude(home: Home) -> None:
    files = home.read("files").to_pylist()
    kept = next(row for row in files if row["image_id"])
    gone = {"file_id": "f-truncated", "file_kind": "dicom", "size_bytes": 7, "content_digest": "d1", "read_error": "truncated_file"}
    note = {"file_id": "f-note", "file_kind": "other", "size_bytes": 7, "content_digest": "d2"}
    _put(home, "files", [*files, gone, note])
    _put(
        home,
        "exclusions",
        [
            {"file_id": "f-truncated", "action": "exclude", "reason": "truncated_file", "rule": "unreadable"},
            {"file_id": "f-note", "action": "skip", "reason": "not_dicom", "rule": "other_files"},
            {"file_id": kept["file_id"], "image_id": kept["image_id"], "action": "flag", "reason": "paediatric", "rule": "paediatric"},
        ],
    )


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return curated_home(tmp_path_factory.mktemp("curated") / "home")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small home with a release, to be copied."""
    home = curated_home(tmp_path_factory.mktemp("template") / "home", 12)
    write.run(home, Settings())
    return home.root


@pytest.fixture
def own(template: Path, tmp_path: Path) -> Home:
    """A released home that the test may spoil."""
    shutil.copytree(template, tmp_path / "home")
    return Home(tmp_path / "home")
