"""Stage group: the films that stay, in groups that no split may part: one patient, and duplicates across patients."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.base.errors import ExportError
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.group.duplicates import find_duplicates
from pipeline.group.unions import smallest_in_component

__all__ = ["run"]

_KEPT = """
    SELECT m.image_id, i.patient_id, m.difference_hash, m.thumbnail
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
    thumbnails = np.stack([np.frombuffer(thumbnail, np.uint8) for thumbnail in films.column("thumbnail").to_pylist()])
    pairs = find_duplicates(
        films.column("difference_hash").to_numpy(), thumbnails, settings.group.hash_distance, settings.group.min_correlation
    )
    across = [(patients[pair.first], patients[pair.second]) for pair in pairs if patients[pair.first] != patients[pair.second]]
    leaders = smallest_in_component(set(patients), across)
    images = films.column("image_id").to_pylist()
    earlier: dict[int, tuple[str, float]] = {}
    for pair in pairs:
        earlier.setdefault(pair.second, (images[pair.first], pair.correlation))
    home.write(
        "groups",
        pa.table(
            {
                "image_id": images,
                "patient_id": patients,
                "group_id": [leaders[patient] for patient in patients],
                "duplicate_of": pa.array([earlier.get(i, (None, None))[0] for i in range(len(images))], pa.string()),
                "correlation": pa.array([earlier.get(i, (None, None))[1] for i in range(len(images))], pa.float64()),
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
