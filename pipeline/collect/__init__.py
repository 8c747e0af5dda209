"""Stage collect: find files, read headers, de-identify, read reports and the labels that came with them.

Original identifiers live in memory here and in HOME/private; every other module sees pseudonyms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.base import tables
from pipeline.base.errors import ExportError
from pipeline.base.interfaces import SOURCES, StageResult
from pipeline.base.locations import is_there, is_url, settled
from pipeline.base.settings import Settings
from pipeline.base.storage import Home, atomic_bytes, copy_batches, copy_parquet
from pipeline.collect import labels, profile, reports
from pipeline.collect.scan import Instance, Scan, scan

__all__ = ["run"]

# Sources that read a URL; tests/collect/test_collect_places.py runs them against servers.
REMOTE = ("object_store", "dicomweb")
# Rows in memory at a time.
_BATCH = 65_536


def run(home: Home, settings: Settings, export: str | Path | None) -> StageResult:
    """Make files, instances, reports, published_labels and deidentification, and the private map from pseudonyms back to the export.

    Raises:
        ExportError: no folder, or no DICOM in it.
        InputError: a label file that cannot be read.
    """
    if export is None or not is_there(export):
        raise ExportError(f"the export folder {export} does not exist", "give the folder that holds the DICOM files and reports")
    export = settled(export)
    if is_url(export) and settings.collect.source not in REMOTE:
        sources = " or ".join(f"--set collect.source={name}" for name in REMOTE)
        raise ExportError(
            f"the source {settings.collect.source} reads folders, and this export is a URL", f"say what answers there: {sources}"
        )
    with scan(home, export, SOURCES.get(settings.collect.source), home.pseudonyms(), settings) as found:
        if next(found.instances(), None) is None:
            n_files = sum(1 for _ in found.ledger.entries())
            raise ExportError(
                f"no readable DICOM file or film among {n_files} files in {export}",
                f"give a folder with DICOM files (.dcm), or name the source: --set collect.source=NAME, of {', '.join(SOURCES.names())}",
            )
        reports.read_reports(found)
        published = labels.read_published(found)
        _write(home, "files", found.file_rows(set(published.files)))
        _write(home, "instances", found.instance_rows())
        _write(home, "reports", found.ledger.report_rows())
        home.write("published_labels", published.table)
        home.write("deidentification", rows_to_table("deidentification", profile.rows()))
        _keep_private(home, export, found, published.official)
    return StageResult(_counts(home) | {"published_labels": published.table.num_rows}, published.warnings)


def _counts(home: Home) -> dict[str, int | float | str]:
    kinds = pq.read_table(home.path("files"), columns=["file_kind"])["file_kind"]
    films = pq.read_table(home.path("instances"), columns=["image_id", "patient_id"])
    redactions = pq.read_table(home.path("reports"), columns=["n_redactions"])["n_redactions"]
    return {
        "files": len(kinds),
        "dicom_files": pc.sum(pc.equal(kinds, "dicom")).as_py() or 0,
        "films": pc.count_distinct(films["image_id"]).as_py(),
        "patients": pc.count_distinct(films["patient_id"]).as_py(),
        "reports": len(redactions),
        "redactions": pc.sum(redactions).as_py() or 0,
    }


def rows_to_table(name: str, rows: list[dict[str, object]]) -> pa.Table:
    """Rows as a table of the declared types; absent keys are null."""
    return pa.Table.from_pylist(rows, schema=tables.BY_NAME[name].types)


def _write(home: Home, name: str, rows: Iterable[dict[str, object]]) -> None:
    home.write_batches(name, (rows_to_table(name, batch) for batch in _batches(rows)))


def _batches(rows: Iterable[dict[str, object]]) -> Iterator[list[dict[str, object]]]:
    rows = iter(rows)
    while batch := list(islice(rows, _BATCH)):
        yield batch


_PATHS = pa.schema([("file_id", pa.string()), ("path", pa.string())])
_IDENTITIES = pa.schema(
    [(name, pa.string()) for name in ("file_id", "image_id", "sop_instance_uid", "study_instance_uid", "patient_id", "accession_number")]
)


def _keep_private(home: Home, export: str, found: Scan, official: dict[str, str]) -> None:
    atomic_bytes(home.private / "export", export.encode())
    paths: Iterator[dict[str, object]] = ({"file_id": entry.file_id, "path": entry.found.relative} for entry in found.ledger.entries())
    identities = (_identity(instance) for instance in found.instances())
    for name, schema, rows in (("paths", _PATHS, paths), ("identities", _IDENTITIES, identities)):
        copy_batches((pa.Table.from_pylist(batch, schema=schema) for batch in _batches(rows)), schema, home.private / f"{name}.parquet")
    if official:
        split = sorted(official.items())
        copy_parquet(
            pa.table({"image_id": [s[0] for s in split], "split": [s[1] for s in split]}), home.private / "official_splits.parquet"
        )
    else:
        (home.private / "official_splits.parquet").unlink(missing_ok=True)


def _identity(instance: Instance) -> dict[str, object]:
    header = instance.header
    return {
        "file_id": instance.file_id,
        "image_id": instance.image_id,
        "sop_instance_uid": header.sop_instance_uid,
        "study_instance_uid": header.study_instance_uid,
        "patient_id": header.patient_id,
        "accession_number": header.accession_number,
    }
