"""Stage group: the films that stay, in groups that no split may part: one patient, and duplicates across patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.base.errors import ExportError
from pipeline.base.images import Film, decode_eight_bits
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.base.thumbnails import SIDE_PX
from pipeline.group import confirm
from pipeline.group.duplicates import Pair, find_duplicates
from pipeline.group.unions import smallest_in_component

__all__ = ["run"]

_KEPT = """
    SELECT m.image_id, i.patient_id, m.pixel_digest, m.thumbnail
    FROM images m JOIN instances i USING (file_id)
    ANTI JOIN (SELECT file_id FROM exclusions WHERE action <> 'flag') x ON m.file_id = x.file_id
    ORDER BY m.image_id
"""


def run(home: Home, settings: Settings) -> StageResult:
    """Write `groups`, one row for each film that stays.

    Raises:
        ExportError: no film is left.
    """
    films = home.sql(_KEPT) if home.parts("images") else None
    if films is None or not films.num_rows:
        raise ExportError(
            "no film is left after the exclusions", 'see why with: cxr sql "SELECT reason, count(*) FROM exclusions GROUP BY 1"'
        )
    patients = films.column("patient_id").to_pylist()
    images = films.column("image_id").to_pylist()
    thumbnails = films.column("thumbnail").cast(pa.binary(SIDE_PX**2)).combine_chunks()
    pairs = find_duplicates(
        films.column("pixel_digest").to_pylist(),
        np.frombuffer(thumbnails.buffers()[1], np.uint8).reshape(len(images), -1),
        partial(_small_films, home, images),
        settings.group.min_likeness,
        settings.group.min_correlation,
    )
    across = [(patients[pair.first], patients[pair.second]) for pair in pairs if patients[pair.first] != patients[pair.second]]
    leaders = smallest_in_component(set(patients), across)
    earlier: dict[int, Pair] = {}
    for pair in pairs:
        earlier.setdefault(pair.second, pair)
    found = [earlier.get(row) for row in range(len(images))]
    home.write(
        "groups",
        pa.table(
            {
                "image_id": images,
                "patient_id": patients,
                "group_id": [leaders[patient] for patient in patients],
                "duplicate_of": pa.array([pair and images[pair.first] for pair in found], pa.string()),
                "duplicate_kinds": pa.array([pair and list(pair.kinds) for pair in found], pa.list_(pa.string())),
                "correlation": pa.array([pair and pair.correlation for pair in found], pa.float64()),
            }
        ),
    )
    return StageResult(
        {
            "films": len(images),
            "patients": len(set(patients)),
            "groups": len(set(leaders.values())),
            "duplicate_pairs": len(pairs),
            "duplicate_pairs_across_patients": len(across),
        }
    )


def _small_films(home: Home, images: Sequence[str], rows: Sequence[int]) -> Mapping[int, Film]:
    """Films by row number, as they are compared (16 KB each); one part of `images` is in memory at a time."""
    wanted = {images[row]: row for row in rows}
    found: dict[int, Film] = {}
    for part in home.parts("images") if wanted else ():
        here = pq.read_table(part, columns=["image_id"], partitioning=None).column("image_id").to_pylist()
        places = [place for place, image_id in enumerate(here) if image_id in wanted]
        if places:
            pixels = pq.read_table(part, columns=["pixels"], partitioning=None).column("pixels")
            found |= {wanted[here[place]]: confirm.small(decode_eight_bits(pixels[place].as_py())) for place in places}
    return found
