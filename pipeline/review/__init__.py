"""Review: human decisions. Worksheets go out, verdicts come in and are appended; the given label is never overwritten."""

from __future__ import annotations

import pyarrow as pa

from pipeline.base import tables, verdicts
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.review.worksheet import export_csv, export_queue, import_csv

__all__ = ["export_csv", "export_queue", "import_csv", "run"]


def run(home: Home, settings: Settings) -> StageResult:
    """Publish `verdicts`: every decision ever imported, which ones count, and the label that was on trial."""
    labels = home.read("labels", ["image_id", "finding", "given_label", "decided_by"]).to_pylist()
    given = {(row["image_id"], row["finding"]): row["given_label"] for row in labels}
    current = set(verdicts.current(home).column("verdict_id").to_pylist())
    rows = [
        {**row, "is_current": row["verdict_id"] in current, "given_label": given.get((row["image_id"], row["finding"]))}
        for row in verdicts.read(home).to_pylist()
    ]
    home.write("verdicts", pa.Table.from_pylist(rows, schema=tables.BY_NAME["verdicts"].types))
    applied = sum(row["decided_by"] == "verdict" for row in labels)
    decided = [row for row in rows if row["is_current"]]
    waiting = sum((row["image_id"], row["finding"]) in given for row in decided) - applied
    counts = {
        "verdicts": len(rows),
        "current": len(decided),
        "readers": len({row["reader_id"] for row in rows}),
        "overturned": sum(row["given_label"] is not None and row["given_label"] != row["verdict"] for row in decided),
        "applied": applied,
        "for_films_not_kept": sum(row["given_label"] is None for row in decided),
    }
    warnings = (f"{waiting} verdicts came after the labels were reconciled; the next run applies them",) if waiting else ()
    return StageResult(dict(counts), warnings)
