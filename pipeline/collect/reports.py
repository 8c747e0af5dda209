"""Which texts are reports, whose they are, and their words without identities."""

from __future__ import annotations

import codecs
from contextlib import suppress
from datetime import date
from pathlib import PurePosixPath

from pipeline.base.provenance import digest
from pipeline.base.reports import sections
from pipeline.collect.deidentify import scrub
from pipeline.collect.ledger import Entry
from pipeline.collect.scan import Instance, Scan


def read_reports(found: Scan) -> None:
    """Read every report into the ledger; one whose text, films and facts are what they were is not read again.

    A text is a report when its name is an accession number, or when it lies among such texts. One that belongs to no film, or to films of
    several patients, is told without its words.
    """
    names, ledger = found.names, found.ledger
    for entry in ledger.report_files():
        accession = PurePosixPath(entry.found.relative).stem
        report_id = names.of("report", accession)
        instances = _of_one_patient(found.of_accession(accession))
        identifiers = sorted(_identifiers(accession, instances))
        study_id = next((instance.study_id for instance in instances if instance.study_id), None)
        institutions = sorted({name for instance in instances if (name := instance.header.institution_name)})
        basis = digest([entry.digest, identifiers, institutions, study_id])
        known = ledger.report(report_id)
        if known and known[1]:  # filed twice: the first by path counts, the other stays a skipped file
            continue
        if known and known[0] == basis:
            ledger.keep_report(report_id, entry.found.relative)
            continue
        # Of whom a report of no film speaks nobody knows, so nobody can say that its words name nobody.
        text = _decode(found, entry) if instances else ""
        row = _row(report_id, names.of("accession", accession), study_id, text, identifiers, institutions)
        ledger.put_report(report_id, entry.found.relative, basis, row)
    ledger.forget_gone_reports()


def _decode(found: Scan, entry: Entry) -> str:
    with found.open(entry) as raw:
        return decoded(raw.read())


def decoded(content: bytes) -> str:
    """A text in UTF-8 or, by its mark or its zeros, UTF-16; otherwise as Windows writes Latin letters."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if b"\0" in content:
        odd, even = content[1::2].count(0), content[::2].count(0)
        return content.decode("utf-16-le" if odd > even else "utf-16-be", "replace")
    for encoding in ("utf-8-sig", "cp1252"):
        with suppress(UnicodeDecodeError):
            return content.decode(encoding)
    return content.decode("latin-1")


def _row(
    report_id: str, accession_id: str, study_id: str | None, text: str, identifiers: list[str], institutions: list[str]
) -> dict[str, object]:
    text, removed = scrub(text, identifiers, institutions)
    found = sections(text)
    body = {section.name: text[section.start : section.end] for section in reversed(found)}
    return {
        "report_id": report_id,
        "accession_id": accession_id,
        "study_id": study_id,
        "text": text,
        "sections": [{"name": section.name, "start": section.start, "end": section.end} for section in found],
        "findings": body.get("findings"),
        "impression": body.get("impression"),
        "n_redactions": removed,
    }


def _of_one_patient(instances: list[Instance]) -> list[Instance]:
    """None where an accession number is several patients' ("0", or two houses' own): the report may be either's."""
    return instances if len({instance.patient_id for instance in instances}) == 1 else []


def _identifiers(accession: str, instances: list[Instance]) -> set[str]:
    known = {accession}
    for instance in instances:
        header = instance.header
        known.update(name for name in (header.patient_id, *header.names) if name)
        known.update(form for day in (header.study_date, header.birth_date) if day for form in _spellings(day))
    return known


def _spellings(day: date) -> list[str]:
    return [day.strftime(form) for form in ("%Y%m%d", "%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y")]
