"""Parquet in and out, a few rows at a time: reports to be read, labels and mentions as they are made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import InputError
from pipeline.label.given import BadRow, Columns, Given

_ROWS_READ = 512
_ROWS_KEPT = 32_768  # rows of a row group; fewer make files slow to read, more take memory


def read(path: Path) -> Iterator[Given | BadRow]:
    """Reports of a Parquet file in its order.

    Raises:
        InputError: the file is no Parquet, or its columns hold no text.
    """
    try:
        with pq.ParquetFile(path, buffer_size=2**20) as file:
            columns = Columns.of(file.schema_arrow.names, path.name)
            used = [file.schema_arrow.names[at] for at in columns.used]
            _check_types(file.schema_arrow, used, path.name)
            first = 1
            for batch in file.iter_batches(_ROWS_READ, columns=used):
                yield from _rows(batch, used, columns, first)
                first += batch.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise InputError(f"{path.name} is no whole Parquet file", "make it again; nothing was written") from error


def _check_types(schema: pa.Schema, used: list[str], source: str) -> None:
    """The id may be a whole number; an all-empty column has no type of its own."""
    for name in used:
        kind = schema.field(name).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)
        if not is_text and not (name == used[0] and pa.types.is_integer(kind)):
            raise InputError(f"{source}: the column {name} is {kind}, not text", "write it as text")


def _rows(batch: pa.RecordBatch, used: list[str], columns: Columns, first: int) -> Iterator[Given | BadRow]:
    cells = [batch.column(batch.schema.get_field_index(name)).cast(pa.large_string()).cast(pa.large_binary()).to_pylist() for name in used]
    for number, values in enumerate(zip(*cells, strict=True), first):
        row = [""] * columns.width
        try:
            for at, value in zip(columns.used, values, strict=True):
                row[at] = (value or b"").decode()
        except UnicodeDecodeError:
            yield BadRow(f"row {number}", row[columns.report_id], "not UTF-8")
            continue
        yield columns.given(f"row {number}", row)


class ParquetOut:
    """A Parquet file written batch by batch; batches are held until they make a row group."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._schema = schema
        self._held: list[pa.RecordBatch] = []

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows of the schema."""
        self._held.append(batch)
        if sum(held.num_rows for held in self._held) >= _ROWS_KEPT:
            self._flush()

    def close(self) -> None:
        """Write what is held, and the end of the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(pa.Table.from_batches(self._held, self._schema))
        self._held = []
