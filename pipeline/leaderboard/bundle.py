"""A submission as a folder that can be checked: predictions, what made them, and one row a metric; and the check.

BUNDLE/bundle.json      model, data set, split, seed, commit, checkpoint's digest, environment, contact, digests of the files below
BUNDLE/predictions.csv  as given
BUNDLE/scores.csv       metric, target, value, ci_low, ci_high, n
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.audit import files
from pipeline.base import provenance
from pipeline.base.errors import InputError
from pipeline.base.settings import Settings
from pipeline.base.storage import atomic_bytes, disk_errors
from pipeline.leaderboard import recompute
from pipeline.leaderboard.entries import Entry
from pipeline.leaderboard.recompute import Reference

NAME, PREDICTIONS, SCORES = "bundle.json", "predictions.csv", "scores.csv"
TOLERANCE = 1e-6
_NUMBERS = ("value", "ci_low", "ci_high", "n")


class Facts(BaseModel):
    """What a submission says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    layout: int = Field(default=1, ge=1, le=1)
    model: str = Field(min_length=1)
    dataset: str = Field(min_length=1)
    split: str = Field(min_length=1)
    seed: int = Field(ge=0, description="of the training")
    commit: str = Field(pattern="^[0-9a-f]{40}$", description="of the code that made the predictions")
    checkpoint_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    environment: dict[str, str]
    contact: str = Field(min_length=1)
    predictions_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    truth_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    patients_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    bootstrap: int = Field(ge=100)
    bootstrap_seed: int = Field(ge=0)


def frozen_commit(said: str | None) -> str:
    """The commit given, or that of this code where it is unchanged.

    Raises:
        InputError: neither names one state of the code.
    """
    commit = said or provenance.commit()
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        what = "is not 40 hexadecimal digits" if said else "of this code is not known, or files changed since"
        raise InputError(f"the commit {what}", "commit everything, or name the commit of the code that made the predictions: --commit")
    return commit


def submit(to: Path, predictions: Path, checkpoint: Path, reference: Reference, said: dict[str, Any], settings: Settings) -> Facts:
    """Write a bundle.

    Args:
        to: a new or empty folder.
        predictions: CSV with an opinion on every item and finding that has a truth.
        checkpoint: file whose digest stands for the model.
        reference: the truth.
        said: model, seed, commit, environment, contact.
        settings: `seed` and `validate.bootstrap`.

    Raises:
        InputError: the folder is not empty, an opinion is missing, or a fact is.
    """
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise InputError(f"{to.name} is not an empty folder", "name a new folder for the bundle")
    _require_whole(predictions, reference)
    digests = {"checkpoint": checkpoint, "predictions": predictions, "truth": reference.truth, "patients": reference.patients}
    facts = _facts(
        {
            **said,
            "dataset": reference.dataset,
            "split": reference.split,
            "bootstrap": settings.validate_.bootstrap,
            "bootstrap_seed": settings.seed,
            **{f"{name}_sha256": _digest(path) for name, path in digests.items() if path is not None},
        },
        "the submission",
    )
    made, _ = recompute.entries(reference, {facts.model: predictions}, settings)
    with disk_errors(to.parent):
        to.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(predictions, to / PREDICTIONS)
    atomic_bytes(to / SCORES, _rows(made).to_csv(index=False, lineterminator="\n").encode())
    atomic_bytes(to / NAME, (json.dumps(facts.model_dump(), indent=2, sort_keys=True) + "\n").encode())
    return facts


def read(folder: Path) -> Facts:
    """What a bundle says of itself.

    Raises:
        InputError: it is none, or a fact is missing or malformed.
    """
    try:
        said = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder.name} holds no readable {NAME}", "make one with: cxr leaderboard submit") from error
    return _facts(said, f"{folder.name}/{NAME}")


def claims(folder: Path) -> list[Entry]:
    """The rows of a bundle as its submitter gives them."""
    facts = read(folder)
    note = "claimed by its bundle, not recomputed here"
    return [
        Entry(
            facts.model,
            facts.dataset,
            facts.split,
            row["metric"],
            row["target"],
            row["value"],
            None if np.isnan(row["ci_low"]) else row["ci_low"],
            None if np.isnan(row["ci_high"]) else row["ci_high"],
            int(row["n"]),
            "recalled",
            facts.contact,
            note,
        )
        for row in _claimed(folder).to_dict("records")
    ]


def verify(folder: Path, truth: Path, patients: Path | None = None, checkpoint: Path | None = None) -> Iterator[tuple[str, bool, str]]:
    """Check a bundle against the truth: what is checked, whether it holds, and what was found.

    Raises:
        InputError: the bundle or a file cannot be read.
    """
    facts = read(folder)
    digests = {"predictions": folder / PREDICTIONS, "truth": truth, "patients": patients, "checkpoint": checkpoint}
    for name, path in digests.items():
        declared = getattr(facts, f"{name}_sha256")
        if name == "checkpoint" and path is None:
            continue
        found = None if path is None else _digest(path)
        yield f"{name} are those declared" if name == "predictions" else f"{name} as declared", found == declared, found or "none given"
    reference = Reference(truth, facts.dataset, facts.split, patients)
    settings = Settings.model_validate({"seed": facts.bootstrap_seed, "validate": {"bootstrap": facts.bootstrap}})
    made, _ = recompute.entries(reference, {facts.model: folder / PREDICTIONS}, settings)
    keys = ["metric", "target"]
    both = _claimed(folder).merge(_rows(made), on=keys, how="outer", suffixes=("", "_found"), indicator=True)
    for row in both.to_dict("records"):
        what = f"{row['metric']}, {row['target']}"
        if row["_merge"] != "both":
            yield what, False, "not declared" if row["_merge"] == "right_only" else "cannot be recomputed"
            continue
        off = max(abs(np.nan_to_num(row[name]) - np.nan_to_num(row[f"{name}_found"])) for name in _NUMBERS)
        yield what, bool(off <= TOLERANCE), f"{row['value']:.6f} declared, {row['value_found']:.6f} recomputed"


def _require_whole(predictions: Path, reference: Reference) -> None:
    """Refuse predictions that leave out items: a model that skips the hard ones would look better than it is."""
    said, known = files.predictions(predictions).cells, files.labels(reference.truth).cells
    findings = [name for name in known.columns if name in said.columns]
    asked = known[findings].isin([0, 1])
    silent = int((asked & said.reindex(index=known.index)[findings].isna()).to_numpy().sum())
    if silent:
        raise InputError(f"{predictions.name} has no opinion on {silent} cells with a truth", "predict every item of a finding, or none")


def _facts(said: dict[str, Any], what: str) -> Facts:
    try:
        return Facts.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(
            f"{what}: {'.'.join(map(str, first['loc']))}: {first['msg']}", "docs/leaderboard.md has the facts of a bundle"
        ) from error


def _digest(path: Path) -> str:
    try:
        return provenance.file_sha256(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be read ({error.strerror})", "check the path") from error


def _rows(made: list[Entry]) -> pd.DataFrame:
    return pd.DataFrame([{name: getattr(one, name) for name in ("metric", "target", *_NUMBERS)} for one in made])


def _claimed(folder: Path) -> pd.DataFrame:
    header, records = files.lines(folder / SCORES)
    if header != ["metric", "target", *_NUMBERS]:
        raise InputError(f"{SCORES} of the bundle lacks columns", "make the bundle anew with: cxr leaderboard submit")
    rows = [
        {
            **dict(zip(header[:2], row[:2], strict=True)),
            **{
                name: files.parsed(folder / SCORES, line, name, cell, float, "is not a number")
                for name, cell in zip(_NUMBERS, row[2:], strict=True)
            },
        }
        for line, row in records
    ]
    if len({(row["metric"], row["target"]) for row in rows}) != len(rows):
        raise InputError(f"{SCORES} of the bundle has a metric and target twice", "make the bundle anew with: cxr leaderboard submit")
    return pd.DataFrame(rows)
