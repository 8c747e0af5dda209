"""The checks of all films of a home: a block of films in memory at a time, what they show in a file between the passes over them.

What is looked for in a film is said in `film_checks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from pipeline.base import tables
from pipeline.base.storage import ROW_GROUP, Home, pieces
from pipeline.exclude.film_checks import BLOCK, N_LOW, Floats, Looks, judged, looks, unlikeness

_FILMS = """
    SELECT m.image_id, m.thumbnail, m.field_left, m.field_top, m.field_right, m.field_bottom
    FROM images m JOIN decodings d USING (file_id) WHERE d.outcome = 'decoded' AND m.std_level > 0 ORDER BY m.image_id
"""
_LOOKS = pa.schema(
    [
        ("image_id", pa.string()),
        ("low", pa.list_(pa.float32(), N_LOW)),
        ("is_inverted", pa.bool_()),
        ("turned_degrees", pa.int16()),
        ("not_mirrored", pa.float64()),
        ("adult", pa.float64()),
    ]
)


def write_film_checks(home: Home) -> None:
    """Write `film_checks`: every film that was decoded and is not constant."""
    with home.scratch() as scratch:
        path = scratch / "looks.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, _LOOKS) as writer:
            for films in home.stream(_FILMS, ("images", "decodings"), BLOCK):
                writer.write_table(_table(films["image_id"], looks(films.to_pandas())))
        far = unlikeness(lambda: (found.low for _, found in _kept(path)))
        home.write_batches("film_checks", pieces(_checked(path, far), ROW_GROUP))


def _table(image_id: pa.ChunkedArray, found: Looks) -> pa.Table:
    low = pa.FixedSizeListArray.from_arrays(pa.array(found.low.ravel()), N_LOW)
    return pa.table([image_id, low, *(pa.array(column) for column in found[1:])], schema=_LOOKS).combine_chunks()


def _kept(path: Path) -> Iterator[tuple[pa.Array, Looks]]:
    """The films' names and what they show, block by block."""
    with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            image_id, low, *others = batch.columns
            shown = low.flatten().to_numpy().reshape(-1, N_LOW)
            yield image_id, Looks(shown, *(column.to_numpy(zero_copy_only=False) for column in others))


def _checked(path: Path, far: Floats) -> Iterator[pa.Table]:
    start = 0
    for image_id, found in _kept(path):
        rows = judged(found, far[start : start + len(image_id)])
        schema = pa.schema([field for field in tables.BY_NAME["film_checks"].types if field.name != "image_id"])
        yield pa.Table.from_pandas(rows, schema, preserve_index=False).add_column(0, "image_id", image_id)
        start += len(image_id)
