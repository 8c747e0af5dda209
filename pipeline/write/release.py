"""A release on disk: built beside its place, named by its contents, moved there whole, never changed.

HOME/releases/<release_id>/  README.md  tables/*.parquet  flow.png  labels.png  croissant.json  release.json  SHA256SUMS
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base import provenance, tables
from pipeline.base.settings import Settings
from pipeline.base.storage import Home, atomic_bytes, copy_parquet, disk_errors
from pipeline.write import card, croissant, facts, plots

TABLES = (
    "labels", "annotations", "annotator_states", "agreement", "reliability", "mentions", "pred_probs", "label_issues", "verdicts", "groups",
    "splits", "split_checks", "exclusions", "scores", "subgroup_gaps",
    "published_model_scores",
)  # fmt: skip
CHECKSUMS = "SHA256SUMS"
_BUILDING = ".building"
_ID_CHARACTERS = 12
# Stands in texts for the id, which is a digest of those texts.
_MARK = "@release_id@"


@dataclass(frozen=True, slots=True)
class Release:
    """A release: its id, its folder, whether this run made it, and its pictures."""

    release_id: str
    folder: Path
    is_new: bool
    pictures: dict[str, bytes]


def build(home: Home, settings: Settings, found: dict[str, facts.Rows]) -> Release:
    """Make the release of the home as it is; one that exists with the same contents is left untouched.

    Args:
        home: run up to `validate`.
        settings: of the run.
        found: of `facts.gather`.

    Raises:
        HomeError: the disk is full or not writable.
    """
    for stale in home.releases.glob(f"{_BUILDING}*"):
        shutil.rmtree(stale)
    staging = home.releases / _BUILDING
    with disk_errors(home.root):
        try:
            (staging / "tables").mkdir(parents=True)
            rows = _copy_tables(home, staging / "tables")
            pictures = {"flow": plots.flow(found), "labels": plots.labels(found)}
            for name, png in pictures.items():
                atomic_bytes(staging / f"{name}.png", png)
            _write_texts(staging, card.render(found, settings, rows, _MARK))
            release_id = _name(staging)
            _write_provenance(staging, settings, rows, release_id)
            atomic_bytes(staging / CHECKSUMS, _checksums(staging).encode())
            is_new = _move(staging, home.releases / release_id)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return Release(release_id, home.releases / release_id, is_new, pictures)


def verify(folder: Path) -> list[str]:
    """What is wrong with a release, one sentence each; empty when every file is as it was written."""
    sums = folder / CHECKSUMS
    if not sums.exists():
        return [f"{CHECKSUMS} is missing"]
    wanted = {path: sha256 for sha256, _, path in (line.partition("  ") for line in sums.read_text(encoding="utf-8").splitlines())}
    present = set(_files(folder)) - {CHECKSUMS}
    wrong = [f"{path} is missing" for path in sorted(set(wanted) - present)]
    wrong += [f"{path} does not belong to the release" for path in sorted(present - set(wanted))]
    return wrong + [
        f"{path} was changed" for path in sorted(present & set(wanted)) if provenance.file_sha256(folder / path) != wanted[path]
    ]


def listing(release: Release) -> pa.Table:
    """Rows of the table `releases`."""
    rows = [
        {
            "release_id": release.release_id,
            "path": path,
            "sha256": provenance.file_sha256(release.folder / path),
            "size_bytes": (release.folder / path).stat().st_size,
            "n_rows": pq.read_metadata(release.folder / path).num_rows if path.endswith(".parquet") else None,
        }
        for path in _files(release.folder)
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema([(column.name, column.type) for column in tables.BY_NAME["releases"].columns]))


def _copy_tables(home: Home, folder: Path) -> dict[str, int]:
    """Copy the tables; rows of each."""
    copy_parquet(home.sql("SELECT * FROM curated ORDER BY image_id, finding"), folder / "curated.parquet")
    for name in TABLES:
        shutil.copyfile(home.path(name), folder / f"{name}.parquet")
    return {name: pq.read_metadata(folder / f"{name}.parquet").num_rows for name in ("curated", *TABLES)}


def _write_texts(staging: Path, readme: str) -> None:
    paths = sorted((staging / "tables").glob("*.parquet"))
    files = {path.stem: (provenance.file_sha256(path), path.stat().st_size) for path in paths}
    schemas = {path.stem: pq.read_schema(path) for path in paths}
    atomic_bytes(staging / "README.md", readme.encode())
    atomic_bytes(staging / "croissant.json", _json(croissant.metadata(files, schemas, _MARK)))


def _name(staging: Path) -> str:
    """The id: a digest of every file so far, then written into the texts."""
    release_id = hashlib.sha256(_checksums(staging).encode()).hexdigest()[:_ID_CHARACTERS]
    for name in ("README.md", "croissant.json"):
        text = (staging / name).read_text(encoding="utf-8")
        atomic_bytes(staging / name, text.replace(_MARK, release_id).encode())
    return release_id


def _write_provenance(staging: Path, settings: Settings, rows: dict[str, int], release_id: str) -> None:
    """release.json says how the contents came about. It is no part of the id: the same contents are the same release."""
    chosen: dict[str, Any] = settings.model_dump(mode="json", by_alias=True)
    if settings.predict.checkpoint is not None:
        chosen["predict"]["checkpoint"] = settings.predict.checkpoint.name  # a folder may name a person
    document = {
        "release_id": release_id,
        "seed": settings.seed,
        "settings": chosen,
        "code": {"commit": provenance.commit(), "digest": provenance.code_digest()},
        "versions": provenance.versions(),
        "tables": {
            name: {"rows": n, "sha256": provenance.file_sha256(staging / "tables" / f"{name}.parquet")} for name, n in sorted(rows.items())
        },
    }
    atomic_bytes(staging / "release.json", _json(document))


def _move(staging: Path, final: Path) -> bool:
    """Put the release in its place unless it is there, sound; a damaged one is replaced."""
    if final.exists():
        if not verify(final):
            return False
        shutil.rmtree(final)
    staging.rename(final)
    return True


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _checksums(folder: Path) -> str:
    """Lines as `sha256sum` writes and checks them."""
    return "".join(f"{provenance.file_sha256(folder / path)}  {path}\n" for path in _files(folder) if path != CHECKSUMS)


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
