"""What the tables say of each file, joined. Files come in batches in the order of `file_id`, so that memory does not grow with them.

Tables in another order are sorted on the disk first, one after the other; then all are read side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.reports import READ_SECTIONS
from pipeline.base.storage import Home, parquet_pieces, put_down, side_by_side

# Files whose facts are in memory at a time, and reports that are Python objects.
BATCH, _REPORTS = 16_384, 4_096
_WORDS = pa.schema([("report_id", pa.string()), ("study_id", pa.string()), ("report_words", pa.int64())])
_FIRST_REPORTS = "SELECT study_id, arg_min(report_words, report_id) AS report_words FROM words GROUP BY study_id"
_DECODINGS = "SELECT file_id, outcome, reason AS decode_reason FROM decodings ORDER BY file_id"
_CHECKS = "SELECT m.file_id, c.* EXCLUDE (image_id) FROM film_checks c JOIN images m USING (image_id) ORDER BY m.file_id"
_REPORT_WORDS = f"SELECT i.file_id, w.report_words FROM instances i JOIN ({_FIRST_REPORTS}) w USING (study_id) ORDER BY i.file_id"
_FILMS = """
    SELECT file_id, std_level, source_levels, n_text_lines, thumbnail, field_left, field_top, field_right, field_bottom
    FROM images ORDER BY file_id
"""


def facts(home: Home, batch: int = BATCH) -> Iterator[pd.DataFrame]:
    """One row a file: `files`, with header, decoding, film, pixel and report facts joined; so many files at a time.

    Absent facts are null. Columns have the same types in every batch.
    """
    headers = [name for name in tables.BY_NAME["instances"].names if name != "image_id"]
    with home.scratch() as scratch:
        words = put_down(_words(home), scratch / "words.parquet")
        others = (
            put_down(home.stream(_DECODINGS, ("decodings",), batch), scratch / "decodings.parquet"),
            put_down(home.stream(_CHECKS, ("film_checks", "images"), batch), scratch / "checks.parquet"),
            put_down(home.stream(_REPORT_WORDS, ("instances",), batch, beside={"words": words}), scratch / "report_words.parquet"),
        )
        files = home.pieces("files", tables.BY_NAME["files"].names, batch)
        joined = (home.pieces("instances", headers, batch), home.stream(_FILMS, ("images",), batch))
        for here, *more in side_by_side("file_id", files, *joined, *(parquet_pieces(path, batch) for path in others)):
            yield _frame(here, more)


def _frame(files: pa.Table, more: list[pa.Table]) -> pd.DataFrame:
    """The join of a batch."""
    frame: pd.DataFrame = files.to_pandas()
    for table in more:
        frame = frame.merge(table.to_pandas().astype(_kinds(table.schema)), on="file_id", how="left")
    # Each row of `instances` has a number of frames.
    return frame.assign(has_header=frame["number_of_frames"].notna(), is_film=frame["outcome"].eq("decoded"))


def _kinds(schema: pa.Schema) -> dict[str, Any]:
    """What may be absent is a float or an object, whether or not it is absent here."""
    whole = {field.name: "float64" for field in schema if pa.types.is_integer(field.type)}
    return {**whole, **{field.name: object for field in schema if pa.types.is_boolean(field.type)}}


def _words(home: Home) -> Iterator[pa.Table]:
    """Number of words in the sections that are read, of each report of a study; few reports are Python objects at a time."""
    for batch in home.pieces("reports", ["report_id", "study_id", "text", "sections"], _REPORTS):
        rows = [{**row, "report_words": _n_words(row)} for row in batch.to_pylist() if row["study_id"]]
        yield pa.Table.from_pylist(rows, schema=_WORDS)


def _n_words(report: dict[str, Any]) -> int:
    read = (report["text"][s["start"] : s["end"]] for s in report["sections"] if s["name"] in READ_SECTIONS)
    return sum(len(text.split()) for text in read)
