"""The audit trail of a run: source digest, output digest and disposition of every file, chained.

Digests are keyed, so that nobody without the key can mend the chain after a change, or tell from it which known file went in.
The last chain value lies in HOME/private/manifest.head, so that lines missing from the end show as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.storage import ROW_GROUP, Home, atomic_bytes, copy_batches, parquet_pieces, side_by_side

HEAD = "manifest.head"
_LINE = ("line", "file_id", "source_digest", "output_digest", "disposition", "reason")
_OUTPUTS = pa.schema([("name", pa.string()), ("digest", pa.string())])
_FILMS = pa.schema([("file_id", pa.string()), ("digest", pa.string())])
# Films or reports in memory at a time.
_BATCH = 1_024
# A film is named by its file, a report by itself.
_OF_FILES = "SELECT f.file_id, o.digest FROM files f JOIN outputs o ON o.name = coalesce(f.report_id, f.file_id) ORDER BY f.file_id"
_CHANGED = """
    SELECT count(*) FILTER (m.disposition IN ('image', 'report') AND o.digest IS DISTINCT FROM m.output_digest) AS outputs,
        count(*) FILTER (f.content_digest IS DISTINCT FROM m.source_digest) AS sources
    FROM manifest m FULL JOIN files f USING (file_id) LEFT JOIN outputs o ON o.name = coalesce(f.report_id, f.file_id)
"""


def write_manifest(home: Home, ledger: Path) -> None:
    """Write `manifest` and its head.

    Args:
        home: with `files`, `reports` and `images`.
        ledger: Parquet of the rows of `private_files`, sorted by `file_id`.
    """
    names = home.pseudonyms()
    with home.scratch() as scratch:
        home.write_batches("manifest", _numbered(names, _lines(home, ledger, _outputs(home, names, scratch))))
    last = home.sql("SELECT chain FROM manifest ORDER BY line DESC LIMIT 1")["chain"].to_pylist()
    atomic_bytes(home.private / HEAD, "".join(last).encode())


def _lines(home: Home, ledger: Path, outputs: Path) -> Iterator[pd.DataFrame]:
    """What is known of each file, in the order of `file_id`."""
    files = home.pieces("files", ["file_id", "content_digest"], ROW_GROUP)
    decided = parquet_pieces(ledger, ROW_GROUP, ["file_id", "disposition", "reason"])
    digests = home.stream(_OF_FILES, ("files",), ROW_GROUP, beside={"outputs": outputs})
    for here in side_by_side("file_id", files, decided, digests):
        sources, fates, made = (table.to_pandas() for table in here)
        rows = sources.merge(fates, on="file_id", validate="one_to_one").merge(made, on="file_id", how="left", validate="one_to_one")
        rows["digest"] = rows["digest"].where(rows["disposition"].isin(("image", "report")))
        yield rows.rename(columns={"content_digest": "source_digest", "digest": "output_digest"})


def _numbered(names: Pseudonyms, found: Iterable[pd.DataFrame]) -> Iterator[pa.Table]:
    """Lines with their number and chain value."""
    start, before = 0, ""
    for rows in found:
        table = pa.Table.from_pandas(rows.assign(line=range(start, start + len(rows))), preserve_index=False)
        links = list(chained(names, _rows(table, _LINE), before))
        yield table.append_column("chain", pa.array(links, pa.string()))
        start, before = start + table.num_rows, links[-1] if links else before


def _rows(table: pa.Table, columns: Iterable[str]) -> Iterator[tuple[Any, ...]]:
    return zip(*(table.column(name).to_pylist() for name in columns), strict=True)


def chained(names: Pseudonyms, lines: Iterable[tuple[Any, ...]], before: str = "") -> Iterator[str]:
    """The chain value of each line: a keyed digest of the value before and of the line."""
    for line in lines:
        before = _link(names, before, line)
        yield before


def _link(names: Pseudonyms, before: str, line: tuple[Any, ...]) -> str:
    return names.digest(json.dumps([before, *line], ensure_ascii=True).encode())


def broken_lines(home: Home) -> list[str]:
    """What is wrong with the manifest of a home, one sentence each; empty when every line is there as it was written.

    Raises:
        HomeError: no manifest was made yet, or the key is gone.
    """
    names, columns = home.pseudonyms(), (*_LINE, "chain")
    rows = (row for table in home.pieces("manifest", columns, ROW_GROUP) for row in _rows(table, columns))
    found, before = [], ""
    for number, row in enumerate(rows):
        if row[0] != number:
            found.append(f"line {number} is missing, or lines are out of order")
            break
        if _link(names, before, row[:-1]) != row[-1]:
            found.append(f"line {number} or the one before it was changed")
        before = row[-1]
    head = home.private / HEAD
    if not head.exists() or head.read_text() != before:
        found.append("the last line is not the one that was written last")
    return found + _changed(home, names)


def _changed(home: Home, names: Pseudonyms) -> list[str]:
    with home.scratch() as scratch:
        outputs = _outputs(home, names, scratch, cached=False)
        (counts,) = home.stream(_CHANGED, ("manifest", "files"), 1, beside={"outputs": outputs})
    changed, moved = counts["outputs"][0].as_py(), counts["sources"][0].as_py()
    said = [f"{changed} films or reports are not those of the manifest"] if changed else []
    return said + ([f"{moved} files are not those of the manifest"] if moved else [])


def _outputs(home: Home, names: Pseudonyms, scratch: Path, *, cached: bool = True) -> Path:
    """Digests of stored films by file and of reports by report, as one Parquet file in `scratch`."""
    path = scratch / "outputs.parquet"
    copy_batches(chain(_films(home, names, cached=cached), _reports(home, names)), _OUTPUTS, path)
    return path


def _reports(home: Home, names: Pseudonyms) -> Iterator[pa.Table]:
    for table in home.pieces("reports", ["report_id", "text"], _BATCH):
        digests = [names.digest(text.encode()) for text in table["text"].to_pylist()]
        yield pa.table([table["report_id"], pa.array(digests, pa.string())], schema=_OUTPUTS)


def _films(home: Home, names: Pseudonyms, *, cached: bool) -> Iterator[pa.Table]:
    """Parts are named by their content, so that each is read once only."""
    folder = home.work / "film_digests"
    folder.mkdir(exist_ok=True)
    parts = {f"{part.parent.name}-{part.name}": part for part in home.parts("images")}
    for old in folder.glob("*.parquet"):
        if old.name not in parts:
            old.unlink()
    for name, part in parts.items():
        kept = folder / name
        if not cached or not kept.exists():
            copy_batches(_of_part(names, part), _FILMS, kept)
        yield pq.read_table(kept, partitioning=None).rename_columns(_OUTPUTS.names)


def _of_part(names: Pseudonyms, part: Path) -> Iterator[pa.Table]:
    with pq.ParquetFile(part) as file:
        for batch in file.iter_batches(_BATCH, columns=["file_id", "pixels"]):
            digests = [names.digest(png.as_py()) for png in batch["pixels"]]
            yield pa.table([batch["file_id"], pa.array(digests, pa.string())], schema=_FILMS)
