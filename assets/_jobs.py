"""Which stages run together, and what starts them. Schedule and sensor are off until someone switches them on."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from dagster import (
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunRequest,
    ScheduleDefinition,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    sensor,
)

from assets._partitions import SHARDS_ASSET
from assets._resources import default_export
from pipeline.base import stages


def _tables(until: str | None = None) -> AssetSelection:
    return AssetSelection.assets(*(table for stage in stages.upto(until) for table in stage.writes))


# A job called after a profile uses it (assets/_resources.py).
tiny = define_asset_job("tiny", _tables(), description="All stages with the small models of the tiny profile: minutes on two cores.")
labels_only = define_asset_job("labels_only", _tables("label"), description="From the export to reconciled labels; nothing is trained.")
full_release = define_asset_job("full_release", _tables(), description="All stages, from the export to a release.")
decode_shards = define_asset_job(
    "decode_shards", AssetSelection.assets(SHARDS_ASSET), description="Films of chosen shards; needs `collect`."
)
JOBS = [tiny, labels_only, full_release, decode_shards]

nightly = ScheduleDefinition(
    name="nightly",
    job=full_release,
    cron_schedule="0 2 * * *",
    default_status=DefaultScheduleStatus.STOPPED,
    description="A full release each night; stages whose inputs have not changed are not run again.",
)


@sensor(
    name="new_files",
    job=full_release,
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.STOPPED,
    description="Starts a full release when files have arrived in the export folder and one look later no more have come.",
)
def new_files(context: SensorEvaluationContext) -> Iterator[RunRequest | SkipReason]:
    """Compare the export with the last look; the cursor holds digests, never names."""
    export = default_export()
    if not export.is_dir():
        yield SkipReason(f"the export {export} is not a folder; set CXR_EXPORT")
        return
    count, digest = listing(export)
    cursor = json.loads(context.cursor) if context.cursor else {}
    context.update_cursor(json.dumps({"seen": digest, "requested": cursor.get("requested")}))
    if count == 0:
        yield SkipReason("the export is empty")
    elif digest == cursor.get("requested"):
        yield SkipReason(f"nothing new among {count} files")
    elif digest != cursor.get("seen"):
        yield SkipReason(f"{count} files; waiting for one look without a change")
    else:
        context.update_cursor(json.dumps({"seen": digest, "requested": digest}))
        yield RunRequest(run_key=digest)


def listing(export: Path) -> tuple[int, str]:
    """Number of files below a folder, and a digest of their names, sizes and times of change. Links to folders are not followed."""
    lines = []
    for folder, _, names in os.walk(export):
        for name in names:
            path = Path(folder, name)
            try:
                found = path.stat()
            except FileNotFoundError:
                # Moved away between the listing and the look: the next look sees the change.
                continue
            lines.append(f"{path.relative_to(export).as_posix()}\0{found.st_size}\0{found.st_mtime_ns}")
    return len(lines), hashlib.sha256("\n".join(sorted(lines)).encode("utf-8", "surrogateescape")).hexdigest()
