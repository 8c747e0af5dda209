"""Query results in the terminal and in files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
from rich import box
from rich.console import Console
from rich.table import Table as Grid

from pipeline.base.errors import InputError
from pipeline.base.storage import atomic_bytes, copy_parquet

_ROWS_SHOWN = 200
_CELL_CHARACTERS = 80


def show(console: Console, result: pa.Table, output: str, to: Path | None) -> None:
    """Print a result, or write it to a file.

    Raises:
        InputError: parquet without a file to write.
    """
    if output == "parquet":
        if to is None:
            raise InputError("parquet is not for a terminal", "name a file with --to FILE.parquet")
        copy_parquet(result, to)
    elif output in ("csv", "json"):
        content = _csv(result) if output == "csv" else json.dumps(result.to_pylist(), default=_plain, indent=1).encode() + b"\n"
        if to is None:
            sys.stdout.write(content.decode())
        else:
            atomic_bytes(to, content)
    elif to is not None:
        raise InputError("a table is for the terminal", "add --format csv, json or parquet")
    else:
        console.print(grid(result))
        if result.num_rows > _ROWS_SHOWN:
            console.print(f"[dim]{_ROWS_SHOWN} of {result.num_rows} rows; --format csv prints all[/dim]")


def grid(result: pa.Table, characters: int = _CELL_CHARACTERS) -> Grid:
    """The first rows as a terminal table; a cell shows at most so many characters."""
    made = Grid(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for field in result.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        made.add_column(field.name, justify="right" if number else "left", no_wrap=number or field.name in ("finding", "image_id"))
    for row in result.slice(0, _ROWS_SHOWN).to_pylist():
        made.add_row(*(_cell(value, characters) for value in row.values()))
    return made


def _cell(value: object, characters: int) -> str:
    if value is None:
        return "[dim]null[/dim]"
    text = f"{value:.4g}" if isinstance(value, float) else f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)
    return (text if len(text) <= characters else text[: characters - 1] + "…").replace("[", "\\[")


def _csv(result: pa.Table) -> bytes:
    flat = pa.table(
        {
            field.name: column
            if _is_flat(field.type)
            else pa.array([None if v is None else json.dumps(v, default=_plain) for v in column.to_pylist()])
            for field, column in zip(result.schema, result.columns, strict=True)
        }
    )
    sink = pa.BufferOutputStream()
    pacsv.write_csv(flat, sink)
    return bytes(sink.getvalue())


def _is_flat(type_: pa.DataType) -> bool:
    return not (pa.types.is_nested(type_) or pa.types.is_binary(type_))


def _plain(value: object) -> str:
    return f"<{len(value)} bytes>" if isinstance(value, bytes) else str(value)
