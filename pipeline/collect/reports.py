"""Which texts are reports, whose they are, and their words without identities."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath

from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.reports import sections
from pipeline.collect.deidentify import scrub
from pipeline.collect.scan import Instance, Scan, ScannedFile


@dataclass(frozen=True, slots=True)
class Reports:
    """Rows of `reports`, and which file each came from."""

    rows: list[dict[str, object]]
    by_file: dict[str, str]


def read_reports(found: Scan, names: Pseudonyms) -> Reports:
    """Read every report. A text is one when its name is an accession number, or when it lies among such texts."""
    accessions = found.by_accession()
    rows: dict[str, dict[str, object]] = {}
    by_file: dict[str, str] = {}
    for file in _report_files(found, set(accessions)):
        accession = PurePosixPath(file.found.relative).stem
        report_id = names.of("report", accession)
        if report_id in rows:  # filed twice: the first by path counts, the other stays a skipped file
            continue
        rows[report_id] = _row(report_id, names.of("accession", accession), _decode(found, file), accession, accessions.get(accession, []))
        by_file[file.file_id] = report_id
    return Reports(list(rows.values()), by_file)


def _report_files(found: Scan, accessions: set[str]) -> list[ScannedFile]:
    texts = [(file, PurePosixPath(file.found.relative)) for file in found.files if file.kind == "text" and file.read_error is None]
    folders = {path.parent for _, path in texts if path.stem in accessions}
    return [file for file, path in texts if path.parent in folders]


def _decode(found: Scan, file: ScannedFile) -> str:
    with found.open(file) as raw:
        content = raw.read()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _row(report_id: str, accession_id: str, text: str, accession: str, instances: list[Instance]) -> dict[str, object]:
    text, removed = scrub(text, _identifiers(accession, instances))
    found = sections(text)
    body = {section.name: text[section.start : section.end] for section in reversed(found)}
    return {
        "report_id": report_id,
        "accession_id": accession_id,
        "study_id": next((instance.study_id for instance in instances if instance.study_id), None),
        "text": text,
        "sections": [{"name": section.name, "start": section.start, "end": section.end} for section in found],
        "findings": body.get("findings"),
        "impression": body.get("impression"),
        "n_redactions": removed,
    }


def _identifiers(accession: str, instances: list[Instance]) -> set[str]:
    known = {accession}
    for instance in instances:
        header = instance.header
        known.update(name for name in (header.patient_id, *header.names) if name)
        known.update(form for day in (header.study_date, header.birth_date) if day for form in _spellings(day))
    return known


def _spellings(day: date) -> list[str]:
    return [day.strftime(form) for form in ("%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y")]
