"""One pass over the export: every file gets a kind, a pseudonym and a digest; every DICOM file a header."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.base.interfaces import FilmFacts, FoundFile, Source
from pipeline.base.progress import track
from pipeline.base.pseudonyms import Pseudonyms
from pipeline.base.settings import Settings
from pipeline.collect import deidentify, facts
from pipeline.collect.headers import Header, HeaderError, read_header


@dataclass(frozen=True, slots=True)
class ScannedFile:
    """A file of the export; `kind` is the source's word for it, `read_error` a reason code."""

    found: FoundFile
    file_id: str
    kind: str
    content_digest: str
    read_error: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """A DICOM file whose header could be read, under its pseudonyms."""

    file_id: str
    image_id: str
    patient_id: str | None
    study_id: str | None
    accession_id: str | None
    shard: int
    header: Header
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """All files and headers of an export, in the source's order."""

    files: list[ScannedFile]
    instances: list[Instance]
    names: Pseudonyms
    shift_days: int
    export: Path
    source: Source

    def path(self, file: ScannedFile) -> Path:
        """Where a file lies; what a source opens within another file lies nowhere."""
        return self.export / file.found.relative

    def open(self, file: ScannedFile) -> BinaryIO:
        """The bytes of a file."""
        return self.source.open(str(self.export), file.found.relative)

    def by_accession(self) -> dict[str, list[Instance]]:
        """Instances under their original accession number."""
        found: dict[str, list[Instance]] = defaultdict(list)
        for instance in self.instances:
            if instance.header.accession_number:
                found[instance.header.accession_number].append(instance)
        return found

    def file_rows(self, reports: dict[str, str]) -> list[dict[str, object]]:
        """Rows of `files`; `reports` maps the files that turned out to be reports to their report_id."""
        images = {instance.file_id: instance.image_id for instance in self.instances}
        kinds = {"dicom": "dicom", "picture": "picture", "labels": "published_labels"}
        return [
            {
                "file_id": file.file_id,
                "file_kind": "report" if file.file_id in reports else kinds.get(file.kind, "other"),
                "size_bytes": file.found.size_bytes,
                "content_digest": file.content_digest,
                "read_error": file.read_error,
                "image_id": images.get(file.file_id),
                "report_id": reports.get(file.file_id),
            }
            for file in self.files
        ]

    def instance_rows(self) -> list[dict[str, object]]:
        """Rows of `instances`: pseudonyms, a shifted date, and the allow-listed fields."""
        return [
            {
                **instance.header.published,
                "file_id": instance.file_id,
                "image_id": instance.image_id,
                "series_id": _pseudonym(self.names, "series", instance.header.series_instance_uid),
                "study_id": instance.study_id,
                "patient_id": instance.patient_id,
                "accession_id": instance.accession_id,
                "shard": instance.shard,
                "study_date": deidentify.shifted(instance.header.study_date, self._days(instance)),
            }
            for instance in self.instances
        ]

    def _days(self, instance: Instance) -> int:
        return 1 + self.names.number("date", instance.patient_id or instance.file_id) % self.shift_days


def scan(export: Path, source: Source, names: Pseudonyms, settings: Settings) -> Scan:
    """Look at every file of the export once."""
    files: list[ScannedFile] = []
    instances: list[Instance] = []
    known = source.facts(str(export))
    for found in track(source.files(str(export)), "collect", unit=" files"):
        kind = source.kind(str(export), found)
        fact = known(found) if kind in ("dicom", "picture") else None
        # A picture of which the archive says nothing is no film.
        kind = "other" if kind == "picture" and fact is None else kind
        file, header = _look(export, source, found, kind, fact, names, settings.collect.max_header_mb * 2**20)
        files.append(file)
        if header is not None:
            instances.append(_instance(file.file_id, header, fact.split if fact else None, names, settings.decode.shards))
    return Scan(files, instances, names, settings.collect.date_shift_days, export, source)


def _look(
    export: Path, source: Source, found: FoundFile, kind: str, fact: FilmFacts | None, names: Pseudonyms, max_header_bytes: int
) -> tuple[ScannedFile, Header | None]:
    file_id, error, header, digest = names.of("file", found.relative), None, None, ""
    try:
        with source.open(str(export), found.relative) as raw:
            digest = names.digest(raw.read())
        header = read_header(export / found.relative, max_header_bytes) if kind == "dicom" else None
        if fact is not None:
            header = facts.joined(header, fact) if header else facts.of_picture(fact)
    except HeaderError as problem:
        error = problem.reason
    except OSError:
        error = "unreadable_file"
    return ScannedFile(found, file_id, kind, digest, error), header


def _instance(file_id: str, header: Header, split: str | None, names: Pseudonyms, shards: int) -> Instance:
    patient_id = _pseudonym(names, "patient", header.patient_id)
    return Instance(
        file_id=file_id,
        image_id=names.of("image", header.sop_instance_uid),
        patient_id=patient_id,
        study_id=_pseudonym(names, "study", header.study_instance_uid),
        accession_id=_pseudonym(names, "accession", header.accession_number),
        # One film's files must meet in one shard, so a film without a patient goes by its own identifier.
        shard=names.number("shard", patient_id or header.sop_instance_uid) % shards,
        header=header,
        split=split,
    )


def _pseudonym(names: Pseudonyms, kind: str, identifier: str | None) -> str | None:
    return None if identifier is None else names.of(kind, identifier)
