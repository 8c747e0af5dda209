"""One pass over the export: every file gets a kind, a pseudonym and a digest; every DICOM file a header.

What has not changed since the last look is not opened.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pipeline.base import provenance
from pipeline.base.interfaces import FoundFile, Source
from pipeline.base.locations import on_disk
from pipeline.base.progress import track
from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.settings import Collect, Settings
from pipeline.base.storage import Home
from pipeline.collect import deidentify, facts
from pipeline.collect.headers import Header, HeaderError, parse_header
from pipeline.collect.ledger import Entry, Ledger, as_json

_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class Instance:
    """A DICOM file whose header could be read, or a picture with facts, under its pseudonyms."""

    file_id: str
    image_id: str
    patient_id: str | None
    study_id: str | None
    accession_id: str | None
    shard: int
    header: Header
    relative: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """An export as its ledger has it; rows are made as they are asked for."""

    ledger: Ledger
    names: Pseudonyms
    settings: Settings
    export: str
    source: Source
    private: Path

    def instances(self, where: str = "TRUE") -> Iterator[Instance]:
        """Every film and other DICOM object, by file_id; or those of a condition on the ledger's files `f`."""
        for entry in self.ledger.entries(f"(f.header IS NOT NULL OR (f.kind = 'picture' AND f.fact IS NOT NULL)) AND {where}"):
            if header := joined_header(entry):
                yield self.instance(entry, header)

    def instance(self, entry: Entry, header: Header) -> Instance:
        """A file under its pseudonyms."""
        names, patient_id = self.names, _pseudonym(self.names, "patient", header.patient_id)
        return Instance(
            file_id=entry.file_id,
            image_id=names.of("image", header.sop_instance_uid),
            patient_id=patient_id,
            study_id=_pseudonym(names, "study", header.study_instance_uid),
            accession_id=_pseudonym(names, "accession", header.accession_number),
            # One film's files must meet in one shard, so a film without a patient goes by its own identifier.
            shard=names.number("shard", patient_id or header.sop_instance_uid) % self.settings.decode.shards,
            header=header,
            relative=entry.found.relative,
            split=entry.fact.split if entry.fact else None,
        )

    def of_accession(self, accession: str) -> list[Instance]:
        """Instances of an original accession number, by path."""
        return [self.instance(entry, header) for entry in self.ledger.of_accession(accession) if (header := joined_header(entry))]

    def open(self, entry: Entry) -> BinaryIO:
        """The bytes of a file."""
        return self.source.open(self.export, entry.found.relative)

    @contextmanager
    def local(self, entry: Entry) -> Iterator[Path]:
        """A file under its own name on this disk: itself, or a copy where it lies within another file or elsewhere."""
        if itself := on_disk(self.export, entry.found.relative):
            yield itself
            return
        folder = self.private / "unpacked"
        folder.mkdir(exist_ok=True)
        try:
            copy = folder / entry.found.relative.rpartition("/")[2]
            with self.open(entry) as raw, copy.open("wb") as handle:
                shutil.copyfileobj(raw, handle, _CHUNK)
            yield copy
        finally:
            shutil.rmtree(folder)

    def file_rows(self, labels: Collection[str], where: str = "TRUE") -> Iterator[dict[str, object]]:
        """Rows of `files`, by file_id; `labels` are the files that turned out to hold labels."""
        kinds = {"dicom": "dicom", "picture": "picture", "archive": "archive"}
        reports = self.ledger.report_of(where)
        next_report = next(reports, None)
        for entry in self.ledger.entries(where):
            header, report_id = joined_header(entry), None
            if next_report and next_report[0] == entry.file_id:
                report_id, next_report = next_report[1], next(reports, None)
            # A picture of which the archive says nothing is no film.
            kind = kinds.get(entry.kind, "other") if header or entry.kind != "picture" else "other"
            kind = "published_labels" if entry.file_id in labels else kind
            yield {
                "file_id": entry.file_id,
                "file_kind": "report" if report_id else kind,
                "size_bytes": entry.n_bytes,
                "content_digest": entry.digest,
                "read_error": entry.error,
                "image_id": self.names.of("image", header.sop_instance_uid) if header else None,
                "report_id": report_id,
            }

    def instance_rows(self, where: str = "TRUE") -> Iterator[dict[str, object]]:
        """Rows of `instances`, by file_id: pseudonyms, a shifted date, and the allow-listed fields."""
        for instance in self.instances(where):
            yield {
                **instance.header.published,
                "file_id": instance.file_id,
                "image_id": instance.image_id,
                "series_id": _pseudonym(self.names, "series", instance.header.series_instance_uid),
                "study_id": instance.study_id,
                "patient_id": instance.patient_id,
                "accession_id": instance.accession_id,
                "shard": instance.shard,
                "site": self.names.site(name) if (name := instance.header.institution_name) else None,
                "study_date": deidentify.shifted(instance.header.study_date, self._days(instance)),
            }

    def _days(self, instance: Instance) -> int:
        return 1 + self.names.number("date", instance.patient_id or instance.file_id) % self.settings.collect.date_shift_days


def reader_digest(settings: Collect) -> str:
    """Changes whenever a header or a report could be read differently: the code of `collect`, its libraries and settings."""
    code = sorted(path for path in Path(__file__).parent.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    versions = provenance.versions()
    return provenance.digest(
        [
            [(path.name, provenance.file_sha256(path)) for path in code],
            [versions["pydicom"], versions["python"]],
            settings.source,
            settings.max_header_mb,
        ]
    )


@contextmanager
def scan(home: Home, export: str, source: Source, names: Pseudonyms, settings: Settings) -> Iterator[Scan]:
    """Look at every file of the export once, and read those that are new or changed since the last look."""
    ledger = Ledger(home.private / "ledger.sqlite", reader_digest(settings.collect) + names.digest(b"ledger"))
    try:
        known = source.facts(export)
        for found in track(source.files(export), "collect", unit=" files"):
            _visit(ledger, export, source, found, known, names, settings.collect.max_header_mb * 2**20)
        ledger.forget_gone()
        yield Scan(ledger, names, settings, export, source, home.private)
    finally:
        ledger.close()


def _visit(
    ledger: Ledger, export: str, source: Source, found: FoundFile, known: facts.Known, names: Pseudonyms, max_header_bytes: int
) -> None:
    kept = ledger.unchanged(found)
    kind = kept.kind if kept else "other" if found.problem else source.kind(export, found)
    fact = known(found) if kind in ("dicom", "picture") else None
    if kept and kept.fact == as_json(fact):
        ledger.keep(kept.row)
        return
    if kept:
        entry = ledger.entry(kept)
    else:
        file_id = names.of("file", found.relative)
        entry = (
            Entry(found, found.size_bytes, file_id, kind, "", found.problem)
            if found.problem
            else _look(export, source, found, file_id, kind, names, max_header_bytes)
        )
    entry = replace(entry, fact=fact)
    header = joined_header(entry)
    ledger.put(entry, header.accession_number if header else None)


def _look(export: str, source: Source, found: FoundFile, file_id: str, kind: str, names: Pseudonyms, max_header_bytes: int) -> Entry:
    """Digest and header of one file, read once, or the reason code of an error."""
    entry = Entry(found, found.size_bytes, file_id, kind, "")
    try:
        with source.open(export, found.relative) as raw:
            hasher = names.hasher()
            # A header is parsed from memory, so that a file is read once wherever it lies.
            head = raw.read(max_header_bytes + _CHUNK) if kind == "dicom" else b""
            hasher.update(head)
            n_bytes = len(head)
            while chunk := raw.read(_CHUNK):
                hasher.update(chunk)
                n_bytes += len(chunk)
        entry = replace(entry, n_bytes=n_bytes, digest=names.encoded(hasher))
        return replace(entry, header=parse_header(BytesIO(head), n_bytes, max_header_bytes)) if kind == "dicom" else entry
    except HeaderError as problem:
        return replace(entry, error=problem.reason)
    except OSError:
        return replace(entry, error="unreadable_file")


def joined_header(entry: Entry) -> Header | None:
    """The header of a film under the facts of its source; None for a file that is no film."""
    if entry.error is not None:
        return None
    if entry.fact is None:
        return entry.header
    return facts.joined(entry.header, entry.fact) if entry.header else facts.of_picture(entry.fact)


@lru_cache(65_536)
def _pseudonym(names: Pseudonyms, kind: str, identifier: str | None) -> str | None:
    return None if identifier is None else names.of(kind, identifier)
