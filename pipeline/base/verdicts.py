"""Reviewers' verdicts on disk: appended, never changed. `label` reads them, `review` appends and publishes them.

Here belongs how verdicts are kept. What a verdict does to a label is `pipeline.label`'s; worksheets are `pipeline.review`'s.
Each import is one Parquet file in HOME/private/verdicts, named by its first sequence number and the digest of what was imported.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.provenance import digest
from pipeline.base.storage import Home, copy_parquet, disk_errors

VALUES = ("POSITIVE", "NEGATIVE", "UNCERTAIN")
SCHEMA = pa.schema(
    [
        pa.field("verdict_id", pa.string(), nullable=False),
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("finding", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("reader_id", pa.string(), nullable=False),
        pa.field("sequence", pa.int64(), nullable=False),
    ]
)
_DIGEST_CHARACTERS = 32


@dataclass(frozen=True, slots=True, order=True)
class Verdict:
    """One reader's decision on one film and finding: POSITIVE, NEGATIVE or UNCERTAIN."""

    image_id: str
    finding: str
    verdict: str
    reader_id: str


def append(home: Home, rows: Sequence[Verdict]) -> int:
    """Add decisions that say something new.

    A set of decisions that was appended before adds nothing, nor does a decision that its reader already holds.
    A reader who thought again gets a new row; the old one stays.

    Args:
        home: the home.
        rows: decisions, at most one for each reader, film and finding.

    Returns:
        Rows added.

    Raises:
        HomeError: the disk is full or not writable.
    """
    content = digest([[row.image_id, row.finding, row.verdict, row.reader_id] for row in sorted(rows)])[:_DIGEST_CHARACTERS]
    with _locked(home) as folder:
        if any(folder.glob(f"*-{content}.parquet")):
            return 0
        known = read(home).to_pylist()
        held = {(row["image_id"], row["finding"], row["reader_id"]): row["verdict"] for row in known}
        new = [row for row in rows if held.get((row.image_id, row.finding, row.reader_id)) != row.verdict]
        if new:
            copy_parquet(_numbered(new, len(known)), folder / f"{len(known):08d}-{content}.parquet")
    return len(new)


def read(home: Home) -> pa.Table:
    """Every verdict ever imported, in order of import; columns as SCHEMA."""
    parts = [pq.read_table(path, partitioning=None).cast(SCHEMA) for path in sorted(_folder(home).glob("*.parquet"))]
    return pa.concat_tables(parts).sort_by("sequence") if parts else SCHEMA.empty_table()


def current(home: Home) -> pa.Table:
    """The verdict that counts for each film and finding: the latest, whoever gave it; columns as SCHEMA."""
    table = read(home)
    latest = {(row["image_id"], row["finding"]): index for index, row in enumerate(table.to_pylist())}
    return table.take(pa.array(sorted(latest.values()), pa.int64()))


def _numbered(rows: Sequence[Verdict], first: int) -> pa.Table:
    made = [
        {
            "verdict_id": digest([row.image_id, row.finding, row.verdict, row.reader_id, sequence])[:_DIGEST_CHARACTERS],
            "image_id": row.image_id,
            "finding": row.finding,
            "verdict": row.verdict,
            "reader_id": row.reader_id,
            "sequence": sequence,
        }
        for sequence, row in enumerate(rows, first)
    ]
    return pa.Table.from_pylist(made, schema=SCHEMA)


def _folder(home: Home) -> Path:
    return home.private / "verdicts"


@contextlib.contextmanager
def _locked(home: Home) -> Iterator[Path]:
    folder = _folder(home)
    with disk_errors(home.private):
        folder.mkdir(mode=0o700, exist_ok=True)
        handle = (folder / "append.lock").open("a+")
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
