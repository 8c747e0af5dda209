"""The audit trail of a run: source digest, output digest and disposition of every file, chained.

Digests are keyed, so that nobody without the key can mend the chain after a change, or tell from it which known file went in.
The last chain value lies in HOME/private/manifest.head, so that lines missing from the end show as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.storage import Home, atomic_bytes, copy_parquet

HEAD = "manifest.head"
_LINE = ("line", "file_id", "source_digest", "output_digest", "disposition", "reason")
_BATCH = 1_024


def write_manifest(home: Home, ledger: pd.DataFrame) -> None:
    """Write `manifest` and its head.

    Args:
        home: with `files`, `reports` and `images`.
        ledger: rows of `private_files`.
    """
    names = home.pseudonyms()
    files = home.read("files", ["file_id", "content_digest", "report_id"]).to_pandas()
    outputs = {**_films(home, names), **_reports(home, names, files)}
    rows = files.merge(ledger[["file_id", "disposition", "reason"]], on="file_id", validate="one_to_one").sort_values("file_id")
    kept = rows["disposition"].isin(("image", "report"))
    table: dict[str, Any] = {
        "line": range(len(rows)),
        "file_id": rows["file_id"].tolist(),
        "source_digest": rows["content_digest"].tolist(),
        "output_digest": [outputs.get(file_id) if keep else None for file_id, keep in zip(rows["file_id"], kept, strict=True)],
        "disposition": rows["disposition"].tolist(),
        "reason": rows["reason"].tolist(),
    }
    chain = list(chained(names, zip(*(table[name] for name in _LINE), strict=True)))
    home.write("manifest", pa.table({**table, "chain": pa.array(chain, pa.string())}))
    atomic_bytes(home.private / HEAD, (chain[-1] if chain else "").encode())


def chained(names: Pseudonyms, lines: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    """The chain value of each line: a keyed digest of the value before and of the line."""
    value = ""
    for line in lines:
        value = _link(names, value, line)
        yield value


def _link(names: Pseudonyms, before: str, line: tuple[Any, ...]) -> str:
    return names.digest(json.dumps([before, *line], ensure_ascii=True).encode())


def broken_lines(home: Home) -> list[str]:
    """What is wrong with the manifest of a home, one sentence each; empty when every line is there as it was written.

    Raises:
        HomeError: no manifest was made yet, or the key is gone.
    """
    names, table = home.pseudonyms(), home.read("manifest")
    rows = list(zip(*(table.column(name).to_pylist() for name in (*_LINE, "chain")), strict=True))
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
    return found + _changed_outputs(home, names, rows)


def _changed_outputs(home: Home, names: Pseudonyms, rows: list[tuple[Any, ...]]) -> list[str]:
    files = home.read("files", ["file_id", "content_digest", "report_id"]).to_pandas()
    outputs = {**_films(home, names, cached=False), **_reports(home, names, files)}
    sources = dict(zip(files["file_id"], files["content_digest"], strict=True))
    changed = sum(row[4] in ("image", "report") and outputs.get(row[1]) != row[3] for row in rows)
    moved = sum(sources.pop(row[1], None) != row[2] for row in rows) + len(sources)
    said = [f"{changed} films or reports are not those of the manifest"] if changed else []
    return said + ([f"{moved} files are not those of the manifest"] if moved else [])


def _reports(home: Home, names: Pseudonyms, files: pd.DataFrame) -> dict[str, str]:
    batches = home.read("reports", ["report_id", "text"]).to_batches(_BATCH)
    digests = {one["report_id"]: names.digest(one["text"].encode()) for batch in batches for one in batch.to_pylist()}
    held = files[files["report_id"].notna()]
    return {file_id: digests[report_id] for file_id, report_id in zip(held["file_id"], held["report_id"], strict=True)}


def _films(home: Home, names: Pseudonyms, *, cached: bool = True) -> dict[str, str]:
    """Digests of stored films by file. Parts are named by their content, so that each is read once only."""
    found: dict[str, str] = {}
    folder = home.work / "film_digests"
    folder.mkdir(exist_ok=True)
    parts = {f"{part.parent.name}-{part.name}": part for part in home.parts("images")}
    for old in folder.glob("*.parquet"):
        if old.name not in parts:
            old.unlink()
    for name, part in parts.items():
        kept = folder / name
        if cached and kept.exists():
            digests = pq.read_table(kept, partitioning=None)
        else:
            digests = _of_part(names, pq.ParquetFile(part))
            copy_parquet(digests, kept)
        found.update(zip(digests["file_id"].to_pylist(), digests["digest"].to_pylist(), strict=True))
    return found


def _of_part(names: Pseudonyms, part: pq.ParquetFile) -> pa.Table:
    batches = [
        pa.table({"file_id": batch["file_id"], "digest": pa.array([names.digest(png.as_py()) for png in batch["pixels"]], pa.string())})
        for batch in part.iter_batches(_BATCH, columns=["file_id", "pixels"])
    ]
    return pa.concat_tables(batches) if batches else pa.table({"file_id": pa.array([], pa.string()), "digest": pa.array([], pa.string())})
