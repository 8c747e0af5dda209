"""Tables of an export brought up to date: rows of what changed are made anew, all others are copied by column.

A table that was renewed is byte for byte the one that would be made of the whole ledger: the same rows in the same pieces.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.base.storage import ROW_GROUP, pieces

# Rows in memory at a time.
PIECE = ROW_GROUP
# Rows that are Python objects at a time; they take many times the room of columns.
_OBJECTS = 4_096

Row = dict[str, object]


def made(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.Table]:
    """Rows as tables of PIECE rows; absent keys are null."""
    yield from pieces(_few(rows, schema), PIECE)


def _few(rows: Iterable[Row], schema: pa.Schema) -> Iterator[pa.Table]:
    rows = iter(rows)
    while few := list(islice(rows, _OBJECTS)):
        yield pa.Table.from_pylist(few, schema=schema)


def renewed(path: Path, schema: pa.Schema, touched: Sequence[str], rows: Iterable[Row]) -> Iterator[pa.Table]:
    """The table at `path` with the rows of some keys made anew, as tables of PIECE rows.

    Args:
        path: sorted by its first column, which names its rows.
        schema: names and types.
        touched: keys whose old rows are dropped, sorted.
        rows: new rows of such keys, sorted.
    """
    yield from pieces(_merged(path, schema, touched, pa.Table.from_pylist(list(rows), schema=schema)), PIECE)


def _merged(path: Path, schema: pa.Schema, touched: Sequence[str], fresh: pa.Table) -> Iterator[pa.Table]:
    key, taken = schema.names[0], 0
    keys: list[str] = fresh.column(key).to_pylist()
    gone = pa.array(touched, pa.string())
    with pq.ParquetFile(path) as old:
        for batch in old.iter_batches(PIECE):
            here = pa.Table.from_batches([batch]).select(schema.names).cast(schema)
            end = bisect_right(keys, here.column(key)[-1].as_py())
            kept = here.filter(pc.invert(pc.is_in(here.column(key), value_set=gone)))
            yield pa.concat_tables([kept, fresh.slice(taken, end - taken)]).sort_by(key)
            taken = end
    yield fresh.slice(taken)
