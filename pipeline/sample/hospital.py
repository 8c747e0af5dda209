"""The sample hospital put together: studies, reports, published labels, films, defects, ledger, written to a folder.

Here belongs the order of things and the writing of files. Every random choice comes from the seed through the study it belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.base.errors import InputError
from pipeline.base.progress import track
from pipeline.sample import defects, dicom_writer, ledger, noise
from pipeline.sample.canvas import Floats
from pipeline.sample.defects import KINDS, Filed, Plan, make_plan
from pipeline.sample.dicom_writer import Encoding, Stored, draw_encoding
from pipeline.sample.film import Darkroom
from pipeline.sample.ledger import Image, Planted
from pipeline.sample.people import Numbers, Study, draw_studies, new_uid
from pipeline.sample.report_letter import Letter, empty_letter, write_letter

_NO_PICTURE = ("blank_image", "constant_image")


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What was made.

    Attributes:
        export, truth: the two folders.
        patients, studies: how many; duplicates under a second identity count as patients of their own.
        dicom_files, reports: files written, damaged ones included.
        published_labels: rows of the label file.
        cells, wrong_cells: cells of the ledger with a published label, and how many of these labels are wrong.
        planted: planted defects by kind.
    """

    export: Path
    truth: Path
    patients: int
    studies: int
    dicom_files: int
    reports: int
    published_labels: int
    cells: int
    wrong_cells: int
    planted: Mapping[str, int]


def make(to: Path, patients: int = 300, seed: int = 0) -> SampleSummary:
    """Write a sample hospital: `to`/export as a hospital would hand it over, and `to`/truth, the ledger.

    The same seed and number give the same bytes.

    Args:
        to: folder; its `export` and `truth` must not exist yet.
        patients: how many people, before duplicates under a second identity.
        seed: of everything random.

    Raises:
        InputError: no patients are asked for, the seed is negative, or the folder is in use.
    """
    _refuse(to, patients, seed)
    plan = _planned(patients, seed)
    letters = _letters(plan)
    labels = _published(plan, letters, seed)
    written = _write_films(to, plan, seed)
    written.planted += _write_texts(to / "export", plan, letters, seed, patients)
    rows = ledger.pairs_csv(("AccessionNumber", "Finding Labels"), sorted((key, noise.nih_cell(names)) for key, names in labels.items()))
    _write(to / "export" / "published_labels.csv", rows)
    cells = [
        cell
        for study in plan.studies
        if plan.kinds.get(study.accession) not in _NO_PICTURE
        for cell in ledger.cells(study, labels[study.accession], _attached(study, plan, letters))
    ]
    _write_ledger(to / "truth", cells, written, plan, letters)
    judged = [cell for cell in cells if cell.published != ""]
    return SampleSummary(
        export=to / "export",
        truth=to / "truth",
        patients=len({study.patient.mrn for study in plan.studies}),
        studies=len(plan.studies),
        dicom_files=written.files,
        reports=sum(1 for _ in (to / "export" / "reports").iterdir()),
        published_labels=len(labels),
        cells=len(judged),
        wrong_cells=sum(cell.published_wrong == 1 for cell in judged),
        planted=dict(sorted(Counter(one.kind for one in written.planted).items())),
    )


def _refuse(to: Path, patients: int, seed: int) -> None:
    if patients < 1:
        raise InputError(f"a hospital has at least 1 patient, not {patients}", "give a positive number of patients")
    if seed < 0:
        raise InputError(f"a seed is 0 or more, not {seed}", "give another seed")
    if (to / "export").exists() or (to / "truth").exists():
        raise InputError("the folder already holds an export or a truth", "choose a new folder, or delete the old sample")


def _planned(patients: int, seed: int) -> Plan:
    studies = draw_studies(seed, patients)
    numbers = Numbers(np.random.default_rng([seed, 4]))
    numbers.reserve([study.patient.mrn for study in studies] + [study.accession[2:] for study in studies])
    return make_plan(studies, patients, np.random.default_rng([seed, 3]), numbers)


def _letters(plan: Plan) -> dict[str, Letter | None]:
    """The own report of every study; None where it is missing."""
    found: dict[str, Letter | None] = {}
    for study in plan.studies:
        kind = plan.kinds.get(study.accession)
        if kind == "report_missing":
            found[study.accession] = None
        elif kind == "report_empty":
            found[study.accession] = empty_letter(study)
        else:
            found[study.accession] = write_letter(study, has_headings=kind != "report_without_headings")
    return found


def _attached(study: Study, plan: Plan, letters: Mapping[str, Letter | None]) -> Mapping[str, str] | None:
    """What the report filed under a study's accession says; None where there is no report or nothing in it."""
    letter = letters[plan.swapped.get(study.accession, study.accession)]
    return None if letter is None or plan.kinds.get(study.accession) == "report_empty" else letter.says


def _published(plan: Plan, letters: Mapping[str, Letter | None], seed: int) -> dict[str, tuple[str, ...]]:
    """Labels mined from the radiologist's own report, wherever that report was filed later."""
    says = [letter.says if (letter := letters[study.accession]) else {} for study in plan.studies]
    names = noise.publish([study.present for study in plan.studies], says, np.random.default_rng([seed, 5]))
    return {study.accession: given for study, given in zip(plan.studies, names, strict=True)}


@dataclass
class _Written:
    """What has been written so far."""

    images: list[Image]
    planted: list[Planted]
    files: int = 0


def _write_films(to: Path, plan: Plan, seed: int) -> _Written:
    darkroom, written = Darkroom(np.random.default_rng([seed, 6])), _Written([], [])
    for study in track(plan.studies, "draw", unit=" films"):
        kind = plan.kinds.get(study.accession, "")
        film = darkroom.frontal(study.patient.body, study.lesions, study.technique)
        filed = _file(study, kind, film, draw_encoding(np.random.default_rng([study.seed, 7])))
        _keep(to, written, study, study.path, filed)
        twin = plan.twins.get(study.accession)
        if kind in defects.HEADER_EDITS or kind in _NO_PICTURE or kind == "paediatric" or kind.startswith("report_") or twin:
            detail = (
                f"export/{twin.path}" if twin else "the report of another patient with the opposite reading" * (kind == "report_swapped")
            )
            written.planted.append(Planted(kind, f"export/{study.path}", KINDS[kind].expect, detail))
        if kind in defects.EXTRA_FILES:
            name, make_file = defects.EXTRA_FILES[kind]
            _write(to / "export" / study.folder / name, make_file(filed))
            written.files += 1
            written.planted.append(Planted(kind, f"export/{study.folder}/{name}", KINDS[kind].expect))
        if kind == "lateral":
            _write_lateral(to, written, study, darkroom)
    return written


def _file(study: Study, kind: str, film: Floats, encoding: Encoding) -> Filed:
    """Header, pixels and bytes of a study's film, with its defect if it has one."""
    encoding = defects.spoil_encoding(kind, encoding)
    if kind == "duplicate_across_patients":
        film = np.clip(film * 1.015 + 0.004, 0, 1)
    stored: Stored = defects.spoil_pixels(kind, dicom_writer.stored_values(film, encoding), encoding, study)
    dataset = dicom_writer.header(study)
    bare = dicom_writer.header(study)
    dicom_writer.add_pixels(dataset, stored, encoding)
    if kind in defects.HEADER_EDITS:
        defects.HEADER_EDITS[kind](dataset, study)
    return Filed(study, bare, stored, encoding, dicom_writer.file_bytes(dataset, encoding))


def _keep(to: Path, written: _Written, study: Study, path: str, filed: Filed) -> None:
    _write(to / "export" / path, filed.content)
    written.files += 1
    written.images.append(
        Image(
            path=f"export/{path}",
            accession=study.accession,
            mrn=study.patient.mrn,
            study_instance_uid=study.study_uid,
            sop_instance_uid=study.sop_uid,
            view=study.technique.view,
            patient_sex="F" if study.patient.body.is_female else "M",
            patient_age_years=study.age,
            transfer_syntax=dicom_writer.SYNTAXES[filed.encoding.syntax],
            bits_stored=filed.encoding.bits,
            photometric_interpretation="MONOCHROME1" if filed.encoding.is_inverted else "MONOCHROME2",
            grey_scale=filed.encoding.shown,
            rows=filed.stored.shape[0],
            columns=filed.stored.shape[1],
            findings="|".join(sorted(study.present)),
        )
    )


def _write_lateral(to: Path, written: _Written, study: Study, darkroom: Darkroom) -> None:
    """A lateral film in the same study."""
    rng = np.random.default_rng([study.seed, 10])
    technique = replace(study.technique, view="LL", marker="L", has_leads=False, seed=study.technique.seed + 1)
    side = replace(study, technique=technique, sop_uid=new_uid(rng), series_uid=new_uid(rng))
    film = darkroom.lateral(study.patient.body, study.lesions, technique)
    filed = _file(side, "", film, draw_encoding(rng))
    _keep(to, written, side, side.path, filed)
    written.planted.append(Planted("lateral", f"export/{side.path}", KINDS["lateral"].expect))


def _write_texts(export: Path, plan: Plan, letters: Mapping[str, Letter | None], seed: int, patients: int) -> list[Planted]:
    """Reports, and texts that belong to no film. A swapped report stands under the letterhead of the study it was filed for."""
    (export / "reports").mkdir(parents=True, exist_ok=True)
    for study in plan.studies:
        letter = letters[plan.swapped.get(study.accession, study.accession)]
        if letter is not None:
            text = letter.under(study) if study.accession in plan.swapped else letter.text
            _write(export / "reports" / f"{study.accession}.txt", text)
    planted = []
    rng = np.random.default_rng([seed, 11])
    for number in range(defects.count("report_without_image", patients)):
        path = f"reports/SH{number:08d}.txt"
        _write(export / path, "FINDINGS:\nThe lungs are clear. Heart size is normal.\n\nIMPRESSION:\nNo acute disease.\n")
        planted.append(Planted("report_without_image", f"export/{path}", KINDS["report_without_image"].expect))
    for number in range(defects.count("stray_text_file", patients)):
        path = f"dicom/export_notes_{number + 1}.txt"
        _write(export / path, f"export batch {rng.integers(1000)}: finished without errors\n")
        planted.append(Planted("stray_text_file", f"export/{path}", KINDS["stray_text_file"].expect))
    return planted


def _write_ledger(truth: Path, cells: list[ledger.Cell], written: _Written, plan: Plan, letters: Mapping[str, Letter | None]) -> None:
    _write(truth / "cells.csv", ledger.to_csv(cells, ledger.Cell))
    _write(truth / "planted.csv", ledger.to_csv(sorted(written.planted, key=lambda one: (one.kind, one.path)), Planted))
    _write(truth / "images.csv", ledger.to_csv(written.images, Image))
    _write(truth / "phi.csv", ledger.pairs_csv(("kind", "value"), _identities(plan, letters)))


def _identities(plan: Plan, letters: Mapping[str, Letter | None]) -> list[tuple[str, str]]:
    found = {("PatientName", study.patient.name) for study in plan.studies}
    found |= {("PatientID", study.patient.mrn) for study in plan.studies}
    found |= {("AccessionNumber", study.accession) for study in plan.studies}
    found |= {("Doctor", name) for study in plan.studies for name in (study.radiologist, study.referrer)}
    found |= {("Doctor", name) for letter in letters.values() if letter for name in letter.doctors}
    for study in plan.studies:
        if plan.kinds.get(study.accession) == "multibyte_name":
            found |= {("PatientName", part.replace("^", " ")) for part in defects.multibyte_name(study).split("=")}
    return sorted(found)


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
