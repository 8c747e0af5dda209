"""Stage collect: find files, read headers, de-identify, read reports and the labels that came with them.

Original identifiers live in memory here and in HOME/private; every other module sees pseudonyms.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa

from pipeline.base import tables
from pipeline.base.errors import ExportError
from pipeline.base.interfaces import SOURCES, StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home, atomic_bytes, copy_parquet
from pipeline.collect import labels, profile, reports, scan

__all__ = ["run"]


def run(home: Home, settings: Settings, export: Path | None) -> StageResult:
    """Make files, instances, reports and published_labels, and the private map from pseudonyms back to the export.

    Raises:
        ExportError: no folder, or no DICOM in it.
        InputError: a label file that cannot be read.
    """
    if export is None or not export.is_dir():
        raise ExportError(f"the export folder {export} does not exist", "give the folder that holds the DICOM files and reports")
    names = home.pseudonyms()
    found = scan.scan(export, SOURCES.get(settings.collect.source), names, settings)
    if not found.instances:
        raise ExportError(
            f"no readable DICOM file or film among {len(found.files)} files in {export}",
            f"give a folder with DICOM files (.dcm), or name the archive: --set collect.source=NAME, one of {', '.join(SOURCES.names())}",
        )
    texts = reports.read_reports(found, names)
    published = labels.read_published(found)
    for name, rows in (("files", found.file_rows(texts.by_file)), ("instances", found.instance_rows()), ("reports", texts.rows)):
        home.write(name, rows_to_table(name, rows))
    home.write("published_labels", published.table)
    home.write("deidentification", rows_to_table("deidentification", profile.rows()))
    _keep_private(home, export, found, published.official)
    kinds = Counter(file.kind for file in found.files)
    return StageResult(
        {
            "files": len(found.files),
            "dicom_files": kinds["dicom"],
            "films": len({instance.image_id for instance in found.instances}),
            "patients": len({instance.patient_id for instance in found.instances if instance.patient_id}),
            "reports": len(texts.rows),
            "redactions": sum(int(str(row["n_redactions"])) for row in texts.rows),
            "published_labels": published.table.num_rows,
        },
        published.warnings,
    )


def rows_to_table(name: str, rows: list[dict[str, object]]) -> pa.Table:
    """Rows as a table of the declared types; absent keys are null."""
    return pa.Table.from_pylist(rows, schema=pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME[name].columns]))


def _keep_private(home: Home, export: Path, found: scan.Scan, official: dict[str, str]) -> None:
    atomic_bytes(home.private / "export", str(export.resolve()).encode())
    paths = sorted((file.file_id, file.found.relative) for file in found.files)
    copy_parquet(pa.table({"file_id": [item[0] for item in paths], "path": [item[1] for item in paths]}), home.private / "paths.parquet")
    identities = sorted(
        (
            instance.file_id,
            instance.image_id,
            instance.header.sop_instance_uid,
            instance.header.study_instance_uid,
            instance.header.patient_id,
        )
        for instance in found.instances
    )
    columns = ("file_id", "image_id", "sop_instance_uid", "study_instance_uid", "patient_id")
    copy_parquet(
        pa.table({column: pa.array([row[i] for row in identities], pa.string()) for i, column in enumerate(columns)}),
        home.private / "identities.parquet",
    )
    if official:
        split = sorted(official.items())
        copy_parquet(
            pa.table({"image_id": [s[0] for s in split], "split": [s[1] for s in split]}), home.private / "official_splits.parquet"
        )
    else:
        (home.private / "official_splits.parquet").unlink(missing_ok=True)
