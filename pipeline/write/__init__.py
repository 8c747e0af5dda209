"""The release: tables, dataset card, pictures, metadata and checksums; and the export formats for training.

`release` builds the folder, `facts` counts, `card` and `plots` show, `croissant` describes; `curated` is what `formats/` share.
"""

from __future__ import annotations

from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.write import curated, facts, release


def run(home: Home, settings: Settings) -> StageResult:
    """Write HOME/releases/<release_id> and the table `releases`.

    Raises:
        HomeError: a table was not made yet, no film was kept, or the disk is full.
    """
    curated.require(home, facts.NEEDS)
    found = facts.gather(home)
    made = release.build(home, settings, found)
    listing = home.write("releases", release.listing(made))
    totals = found["totals"][0]
    counts: dict[str, int | float | str] = {
        "release_id": made.release_id,
        "is_new": "yes" if made.is_new else "no, contents are those of the last release",
        "files": listing.num_rows,
        "megabytes": round(sum(listing.column("size_bytes").to_pylist()) / 1e6, 2),
        "films": totals["kept"],
        "patients": totals["patients"],
        "flagged_labels": totals["issues"],
    }
    lost = facts.unaccounted(found)
    warnings = (f"{lost} DICOM files are neither kept nor in exclusions",) if lost else ()
    return StageResult(counts, warnings, made.pictures)
