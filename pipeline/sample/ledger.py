"""The truth of the sample hospital as CSV files: cells, planted defects, images, identities.

Here belongs how the ledger is written. Paths in it are relative to the sample's folder and start with export/.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from io import StringIO
from typing import Any

from pipeline.base.findings import NO_FINDING, SUPPORT_DEVICES
from pipeline.sample.disease import LEDGER_FINDINGS
from pipeline.sample.noise import PUBLISHABLE
from pipeline.sample.people import Study
from pipeline.sample.reading import POSITIVE, UNCERTAIN, UNMENTIONED


@dataclass(frozen=True, slots=True)
class Cell:
    """One film and finding.

    Attributes:
        accession, sop_instance_uid: of the film.
        finding: its name.
        truth: 1 when it is drawn on the film.
        severity: how plainly, 0 to 1; blank when it is not there.
        published: 1 when the published labels name it; blank where a ChestX-ray14 file has no such label.
        published_wrong: 1 when the published label differs from the truth; blank likewise.
        report_says: what the words of the attached report say of it.
    """

    accession: str
    sop_instance_uid: str
    finding: str
    truth: int
    severity: str
    published: int | str
    published_wrong: int | str
    report_says: str


@dataclass(frozen=True, slots=True)
class Planted:
    """A planted defect: its kind, the file, what should become of it, and more where needed (a twin's path)."""

    kind: str
    path: str
    expect: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """A film of the export and how it was written."""

    path: str
    accession: str
    mrn: str
    study_instance_uid: str
    sop_instance_uid: str
    view: str
    patient_sex: str
    patient_age_years: int
    transfer_syntax: str
    bits_stored: int
    photometric_interpretation: str
    grey_scale: str
    rows: int
    columns: int
    findings: str


def cells(study: Study, published: Sequence[str], says: Mapping[str, str] | None) -> list[Cell]:
    """The cells of one film; `says` is None where there is no readable report."""
    present = study.present
    found = []
    for finding in LEDGER_FINDINGS:
        truth = int(finding in present)
        given: int | str = int(finding in published) if finding in PUBLISHABLE else ""
        wrong: int | str = int(given != truth) if finding in PUBLISHABLE else ""
        severity = f"{present[finding]:.3f}" if truth and finding != NO_FINDING else ""
        found.append(Cell(study.accession, study.sop_uid, finding, truth, severity, given, wrong, says_of(finding, says)))
    return found


def says_of(finding: str, says: Mapping[str, str] | None) -> str:
    """What a report says; "No Finding" where it neither asserts nor suspects anything but devices, and never its contrary (CheXpert)."""
    if says is None or finding != NO_FINDING:
        return (says or {}).get(finding, UNMENTIONED)
    states = {state for name, state in says.items() if name != SUPPORT_DEVICES}
    return UNMENTIONED if states & {POSITIVE, UNCERTAIN} else POSITIVE


def to_csv(rows: Iterable[Any], kind: type[Any]) -> str:
    """Rows of one of the dataclasses above as CSV, in the order given."""
    out = StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return out.getvalue()


def pairs_csv(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of text as CSV."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()
