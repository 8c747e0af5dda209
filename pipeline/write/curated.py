"""The curated dataset one row a film, and its pixels: what every export format writes down.

Here belongs what formats share: columns joined by finding name, one fixed order of films, the folder that appears whole.
How a row is laid out in files belongs to a format.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.base import findings, tables
from pipeline.base.errors import HomeError, InputError
from pipeline.base.images import SUFFIXES
from pipeline.base.progress import track
from pipeline.base.storage import Home, disk_errors, temporary_of

MARKER = "cxr-export.json"
FACTS = ("image_id", "patient_id", "study_id", "group_id", "split", "view_position", "patient_sex", "patient_age_years")
KINDS = {"given": "given_target", "cleaned": "cleaned_target", "given_state": "given_label", "state": "state"}


@dataclass(frozen=True, slots=True)
class Film:
    """One kept film: its row of `wide`, and its picture as stored."""

    row: dict[str, Any]
    pixels: bytes

    @property
    def suffix(self) -> str:
        """What a file of these pixels ends in."""
        return SUFFIXES[self.row["codec"]]


def column(kind: str, finding: str) -> str:
    """Name of a finding's column: `column("given", "Pleural Effusion")` is "given_pleural_effusion"."""
    return f"{kind}_{re.sub('[^a-z0-9]+', '_', finding.lower())}"


def require(home: Home, names: tuple[str, ...] = tables.VIEW_READS["curated"]) -> Home:
    """Refuse a home that lacks one of the tables, or any film.

    Raises:
        HomeError: a table was not made, or no film was kept.
    """
    for name in names:
        if not home.exists(name):
            stage = tables.BY_NAME[name].stage
            raise HomeError(f"table {name} was not made yet", f"run the path up to its stage: cxr run EXPORT --home HOME --until {stage}")
    if not home.read("splits", ["image_id"]).num_rows:
        raise HomeError(
            "no film was kept, so there is nothing to write", 'see why: cxr sql "SELECT reason, count(*) FROM exclusions GROUP BY 1"'
        )
    return home


def findings_of(home: Home) -> tuple[str, ...]:
    """Findings of the dataset, in the order of `findings.NAMES`."""
    found = set(home.read("labels", ["finding"]).column("finding").unique().to_pylist())
    return tuple(name for name in findings.NAMES if name in found)


def wide(home: Home) -> pa.Table:
    """One row a kept film: FACTS, shard, codec, and for each finding its given and cleaned targets and its given and reconciled states.

    Null is masked out. Rows are in order of shard and image_id.
    """
    cells = ", ".join(
        f"max({source}) FILTER (WHERE finding = '{name}') AS {column(kind, name)}"
        for kind, source in KINDS.items()
        for name in findings_of(home)
    )
    facts = ", ".join(f"c.{name}" for name in FACTS)
    return home.sql(
        f"""
        SELECT {facts}, i.shard, i.codec, {cells} FROM curated c JOIN images i USING (image_id)
        WHERE c.split IS NOT NULL GROUP BY ALL ORDER BY shard, image_id
        """
    )


def films(home: Home, what: str) -> Iterator[Film]:
    """Every kept film once, in order of shard and image_id; the pixels of one shard are in memory at a time."""
    rows = wide(home).to_pylist()
    shard, pixels = None, dict[str, bytes]()
    for row in track(rows, what, unit=" films"):
        if row["shard"] != shard:
            shard = row["shard"]
            found = home.read("images", ["image_id", "pixels"], shard=shard)
            pixels = dict(zip(found.column("image_id").to_pylist(), found.column("pixels").to_pylist(), strict=True))
        yield Film(row, pixels[row["image_id"]])


@contextlib.contextmanager
def folder(home: Home, to: Path, form: str) -> Iterator[Path]:
    """A new folder to fill, which takes the place of `to` when all of it is written.

    Args:
        home: what is exported.
        to: folder that is absent, empty, or an earlier export in the same format.
        form: name of the format, kept in the marker file with the digests of what was exported.

    Raises:
        InputError: `to` holds something else.
        HomeError: the disk is full, or the folder cannot be written.
    """
    to = to.expanduser().absolute()
    refuse_foreign(require(home), to, form)
    staging, old = temporary_of(to), to.with_name(f".{to.name}.{os.getpid()}.old")
    with disk_errors(to.parent):
        try:
            staging.mkdir(parents=True)
            yield staging
            (staging / MARKER).write_text(json.dumps(_marker(home, form), indent=1) + "\n", encoding="utf-8")
            if to.exists():
                to.rename(old)
            staging.rename(to)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            if to.exists():
                shutil.rmtree(old, ignore_errors=True)
            elif old.exists():
                old.rename(to)


def refuse_foreign(home: Home, to: Path, form: str) -> None:
    """Refuse to write over anything but an earlier export in the same format.

    Raises:
        InputError: the folder is a file, not empty, of another format, or inside the home's own tables.
    """
    own = (home.tables, home.private, home.work, home.releases)
    if to.resolve() == home.root or any(to.resolve().is_relative_to(folder) for folder in own):
        raise InputError(f"{to} is part of the home", "give --to a folder of its own")
    if not to.exists():
        return
    if not to.is_dir():
        raise InputError(f"{to} is a file", "give --to a new or empty folder")
    if not any(to.iterdir()):
        return
    marker = to / MARKER
    held = json.loads(marker.read_text(encoding="utf-8")).get("format") if marker.exists() else None
    if held != form:
        holds = f"an export as {held}" if held else "other files"
        raise InputError(f"{to} holds {holds}; nothing is overwritten", "give --to a new or empty folder")


def files_below(root: Path) -> list[Path]:
    """Every file below a folder, sorted."""
    return sorted(path for path in root.rglob("*") if path.is_file())


def _marker(home: Home, form: str) -> dict[str, Any]:
    return {
        "format": form,
        "findings": list(findings_of(home)),
        "films": home.read("splits", ["image_id"]).num_rows,
        "tables": {name: home.table_digest(name) for name in tables.VIEW_READS["curated"]},
    }
