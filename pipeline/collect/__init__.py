"""Stage collect: find files, read headers, de-identify, read reports and the labels that came with them.

Original identifiers live in memory here and in HOME/private; every other module sees pseudonyms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.base import provenance, tables
from pipeline.base.errors import ExportError
from pipeline.base.interfaces import LABEL_FILES, SOURCES, StageResult
from pipeline.base.locations import is_there, is_url, settled
from pipeline.base.settings import Settings
from pipeline.base.storage import Home, atomic_bytes, copy_batches, copy_parquet
from pipeline.collect import labels, profile, reports
from pipeline.collect.ledger import TOUCHED
from pipeline.collect.renewal import PIECE, Row, made, renewed
from pipeline.collect.scan import Instance, Scan, scan

__all__ = ["run"]

# Sources that read a URL; tests/collect/test_collect_places.py runs them against servers.
REMOTE = ("object_store", "dicomweb")


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
        warnings = _bring_up_to_date(home, export, found)
    return StageResult(_counts(home), warnings)


def _bring_up_to_date(home: Home, export: str, found: Scan) -> tuple[str, ...]:
    """Make the tables of the ledger, or mend the rows that changed where the tables are those that were made of it last."""
    ledger = found.ledger
    before, basis = ledger.written(), _basis(found)
    is_same = before is not None and before["basis"] == basis and before["digests"] == _digests(home)
    if before and is_same and not ledger.touched():
        return tuple(before["warnings"])
    reports.read_reports(found)
    published = labels.read_published(found)
    for file_id in published.files ^ set(before["labels"] if before else ()):
        ledger.touch(file_id)
    touched = ledger.touched()
    # Whatever is new waits in memory, so that much that is new is rather made as at first.
    renew = touched if is_same and len(touched) <= max(PIECE, ledger.n_files() // 10) else None
    _write_rows(home, found, published.files, renew)
    home.write("published_labels", published.table)
    home.write("deidentification", pa.Table.from_pylist(profile.rows(), schema=tables.BY_NAME["deidentification"].types))
    _keep_official(home, published.official)
    atomic_bytes(home.private / "export", export.encode())
    ledger.set_written({"basis": basis, "digests": _digests(home), "labels": sorted(published.files), "warnings": list(published.warnings)})
    return published.warnings


def _basis(found: Scan) -> str:
    """Of all that shapes a row besides the ledger."""
    shaping = (found.export, LABEL_FILES.names(), found.settings.collect.date_shift_days, found.settings.decode.shards)
    return provenance.digest([provenance.code_digest(), provenance.versions(), *shaping])


def _digests(home: Home) -> dict[str, str | None]:
    """Of every file that this stage leaves."""
    private = (home.private / f"{name}.parquet" for name in (*_PRIVATE, "official_splits"))
    files = [*(home.path(table.name) for table in tables.PUBLISHED if table.stage == "collect"), *private]
    return {path.name: provenance.file_sha256(path) if path.exists() else None for path in files}


def _write_rows(home: Home, found: Scan, label_files: Collection[str], touched: Sequence[str] | None) -> None:
    """Tables of one row a file or report: the rows of `touched` alone are made anew, or all."""
    where = "TRUE" if touched is None else TOUCHED

    def pieces(path: Path, schema: pa.Schema, rows: Iterable[Row]) -> Iterator[pa.Table]:
        return made(rows, schema) if touched is None else renewed(path, schema, touched, rows)

    of_reports = "TRUE" if touched is None else "report_id IN (SELECT name FROM touched)"
    for name, rows in (
        ("files", found.file_rows(label_files, where)),
        ("instances", found.instance_rows(where)),
        ("reports", found.ledger.report_rows(of_reports)),
    ):
        home.write_batches(name, pieces(home.path(name), tables.BY_NAME[name].types, rows))
    for name, (schema, rows) in _private_rows(found, where).items():
        path = home.private / f"{name}.parquet"
        copy_batches(pieces(path, schema, rows), schema, path)


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
        "published_labels": pq.read_metadata(home.path("published_labels")).num_rows,
    }


_PATHS = pa.schema([("file_id", pa.string()), ("path", pa.string())])
_IDENTITIES = pa.schema(
    [
        (name, pa.string())
        for name in ("file_id", "image_id", "sop_instance_uid", "study_instance_uid", "patient_id", "accession_number", "institution_name")
    ]
)
_PRIVATE = ("paths", "identities")


def _private_rows(found: Scan, where: str) -> dict[str, tuple[pa.Schema, Iterator[Row]]]:
    """The map from pseudonyms back to the export."""
    paths: Iterator[Row] = ({"file_id": entry.file_id, "path": entry.found.relative} for entry in found.ledger.entries(where))
    return {"paths": (_PATHS, paths), "identities": (_IDENTITIES, (_identity(instance) for instance in found.instances(where)))}


def _keep_official(home: Home, official: dict[str, str]) -> None:
    path = home.private / "official_splits.parquet"
    if official:
        split = sorted(official.items())
        copy_parquet(pa.table({"image_id": [s[0] for s in split], "split": [s[1] for s in split]}), path)
    else:
        path.unlink(missing_ok=True)


def _identity(instance: Instance) -> Row:
    header = instance.header
    return {
        "file_id": instance.file_id,
        "image_id": instance.image_id,
        "sop_instance_uid": header.sop_instance_uid,
        "study_instance_uid": header.study_instance_uid,
        "patient_id": header.patient_id,
        "accession_number": header.accession_number,
        "institution_name": header.institution_name,
    }
