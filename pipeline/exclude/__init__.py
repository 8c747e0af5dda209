"""Stage exclude: what leaves the set, what is flagged, and the private ledger of every path."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from pipeline.base import tables
from pipeline.base.interfaces import RULES, StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import ROW_GROUP, Home, parquet_pieces, pieces, put_down, side_by_side
from pipeline.exclude.decide import apply_rules, ledger
from pipeline.exclude.film_set import write_film_checks
from pipeline.exclude.joined import BATCH, facts
from pipeline.exclude.manifest import write_manifest

__all__ = ["run"]
_COUNTS = "SELECT action = 'flag' AS is_flag, reason, count(*) AS n FROM exclusions GROUP BY ALL ORDER BY ALL"
_KEPT = "SELECT count(*) AS n FROM manifest WHERE disposition = 'image'"


def run(home: Home, settings: Settings) -> StageResult:
    """Check the pixels, apply every rule, and write `film_checks`, `exclusions`, `manifest` and HOME/private/files.parquet."""
    write_film_checks(home)
    home.write_batches("exclusions", pieces(_exclusions(home, settings), ROW_GROUP))
    with home.scratch() as scratch:
        decided = put_down(_ledger(home), scratch / "ledger.parquet")
        write_manifest(home, decided)
        home.write_batches("private_files", home.stream("SELECT * FROM ledger ORDER BY path", (), BATCH, beside={"ledger": decided}))
    counts = {f"{'flagged' if row['is_flag'] else 'removed'}_{row['reason']}": row["n"] for row in home.sql(_COUNTS).to_pylist()}
    return StageResult({"kept_films": home.sql(_KEPT)["n"][0].as_py(), **counts})


def _exclusions(home: Home, settings: Settings) -> Iterator[pa.Table]:
    """Rows of `exclusions` in their order."""
    rules = dict(RULES)
    for files in facts(home, BATCH):
        rows = pa.Table.from_pandas(apply_rules(files, rules, settings), tables.BY_NAME["exclusions"].types)
        yield rows.sort_by([(column, "ascending") for column in tables.BY_NAME["exclusions"].key])


def _ledger(home: Home) -> Iterator[pa.Table]:
    """Rows of `private_files` in the order of `file_id`."""
    files = home.pieces("files", ["file_id", "file_kind", "image_id"], BATCH)
    exclusions = home.pieces("exclusions", ["file_id", "action", "reason"], BATCH)
    paths = parquet_pieces(home.private / "paths.parquet", BATCH)
    for here in side_by_side("file_id", files, exclusions, paths):
        yield pa.Table.from_pandas(ledger(*(table.to_pandas() for table in here)), tables.BY_NAME["private_files"].types)
