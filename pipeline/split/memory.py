"""What earlier runs decided, and what the source decided: the two private files that a split must respect.

HOME/private/split_memory.parquet      patient_id, split, assigned_by; never forgets a patient
HOME/private/official_splits.parquet   image_id, split; written by a source that publishes its own split
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import InputError
from pipeline.base.settings import Split
from pipeline.base.storage import Home, copy_parquet
from pipeline.base.tables import SPLITS
from pipeline.split.assign import Assignment, Group

MEMORY = "split_memory.parquet"
OFFICIAL = "official_splits.parquet"
_SHARES = b"shares"


def read_official(home: Home) -> dict[str, str]:
    """image_id -> split that the source published; empty where the source has none.

    Raises:
        InputError: the file lacks a column or names another split.
    """
    path = home.private / OFFICIAL
    if not path.exists():
        return {}
    found = _columns(path, ("image_id", "split"))
    official = dict(zip(found["image_id"], found["split"], strict=True))
    if strange := sorted(set(official.values()) - set(SPLITS)):
        raise InputError(
            f"official splits are {', '.join(SPLITS)}, not {strange[:3]}", "mend the split file of the source and collect again"
        )
    return official


def read_memory(home: Home) -> tuple[dict[str, Assignment], dict[str, float] | None]:
    """patient_id -> earlier assignment, and the shares it was drawn with (None before the first run)."""
    path = home.private / MEMORY
    if not path.exists():
        return {}, None
    found = _columns(path, ("patient_id", "split", "assigned_by"))
    memory = {
        patient: Assignment(split, by) for patient, split, by in zip(found["patient_id"], found["split"], found["assigned_by"], strict=True)
    }
    metadata = pq.read_schema(path).metadata or {}
    return memory, json.loads(metadata.get(_SHARES, b"null"))


def binding(memory: dict[str, Assignment], drawn_with: dict[str, float] | None, shares: Split) -> dict[str, Assignment]:
    """The part of the memory that binds this run: all of it, or after a change of shares the official part."""
    if drawn_with == shares.model_dump():
        return memory
    return {patient: one for patient, one in memory.items() if one.by == "official"}


def remember(home: Home, memory: dict[str, Assignment], shares: Split) -> None:
    """Replace the memory, whole or not at all."""
    patients = sorted(memory)
    table = pa.table(
        {
            "patient_id": pa.array(patients, pa.string()),
            "split": pa.array([memory[patient].split for patient in patients], pa.string()),
            "assigned_by": pa.array([memory[patient].by for patient in patients], pa.string()),
        }
    ).replace_schema_metadata({_SHARES: json.dumps(shares.model_dump(), sort_keys=True).encode()})
    copy_parquet(table, home.private / MEMORY)


def renewed(memory: dict[str, Assignment], groups: Iterable[Group], by_group: dict[str, Assignment]) -> dict[str, Assignment]:
    """The memory with this run's patients added or changed; patients that left the set stay in it."""
    return {**memory, **{patient: by_group[group.group_id] for group in groups for patient in group.patients}}


def _columns(path: Path, names: tuple[str, ...]) -> dict[str, list[str]]:
    try:
        table = pq.read_table(path, columns=list(names), partitioning=None)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"private/{path.name} is not readable Parquet", f"restore it, or delete it to start without {path.stem}"
        ) from error
    if missing := set(names) - set(table.column_names):
        raise InputError(f"private/{path.name} lacks {sorted(missing)}", "collect again with a source that writes it")
    return {name: table.column(name).to_pylist() for name in names}
