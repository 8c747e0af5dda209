"""Parquet shards for training: pixels, film facts, and a given and a cleaned target for each finding.

    train/films-00000.parquet  validate/...  test/...

`models.dataset.CuratedFilms` reads this layout; so do DuckDB, pandas and Hugging Face `datasets`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.interfaces import FORMATS
from pipeline.base.storage import Home
from pipeline.base.tables import SPLITS
from pipeline.write import curated

_FILMS_A_FILE = 1024
# A random read takes one row group: 16 films are about 1 MiB, and the footer is about 1 % of the file.
_FILMS_A_ROW_GROUP = 16


@FORMATS.add("parquet")
class Parquet:
    """Parquet shards per split: PNG or JPEG bytes, film facts, given and cleaned targets; loads with `models.dataset.CuratedFilms`."""

    description: ClassVar[str] = (
        "Parquet shards per split with PNG or JPEG bytes and given and cleaned targets; for PyTorch, pandas, DuckDB"
    )

    def __call__(self, home: Home, to: Path) -> list[Path]:
        """Write below `to`; see `pipeline.write.curated.folder` for what it refuses."""
        with curated.folder(home, to, "parquet") as staging:
            shape = schema(curated.findings_of(home))
            waiting: dict[str, list[curated.Film]] = {split: [] for split in SPLITS}
            written = dict.fromkeys(SPLITS, 0)
            for film in curated.films(home, "write parquet"):
                split = film.row["split"]
                waiting[split].append(film)
                if len(waiting[split]) == _FILMS_A_FILE:
                    _write(staging, split, written[split], waiting[split], shape)
                    written[split], waiting[split] = written[split] + 1, []
            for split in SPLITS:
                if waiting[split] or not written[split]:
                    _write(staging, split, written[split], waiting[split], shape)
        return curated.files_below(to)


def schema(findings: tuple[str, ...]) -> pa.Schema:
    """Columns of a shard; a finding's column carries {"finding", "kind"} as metadata."""
    facts = [pa.field(name, pa.int16() if name == "patient_age_years" else pa.string()) for name in curated.FACTS]
    cells = [
        pa.field(
            curated.column(kind, name),
            pa.float32() if kind in ("given", "cleaned") else pa.string(),
            metadata={"finding": name, "kind": kind},
        )
        for kind in curated.KINDS
        for name in findings
    ]
    return pa.schema([*facts, pa.field("pixels", pa.binary(), metadata={"doc": "PNG or JPEG, greyscale, 8 or 16 bits"}), *cells])


def _write(staging: Path, split: str, index: int, films: list[curated.Film], shape: pa.Schema) -> None:
    rows: list[dict[str, Any]] = [{**film.row, "pixels": film.pixels} for film in films]
    columns = {name: [row[name] for row in rows] for name in shape.names}
    compression = {name: "none" if name == "pixels" else "zstd" for name in shape.names}
    (staging / split).mkdir(exist_ok=True)
    pq.write_table(
        pa.table(columns, schema=shape),
        staging / split / f"films-{index:05d}.parquet",
        row_group_size=_FILMS_A_ROW_GROUP,
        compression=compression,
        use_dictionary=[name for name in shape.names if name != "pixels"],
        write_statistics=[name for name in shape.names if name != "pixels"],
    )
