"""The sample hospital put together: studies, reports, published labels, films, defects, ledger, written to a folder.

Here belongs the order of things and the writing of files. Every random choice comes from the seed through the study it belongs to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.base.errors import InputError
from pipeline.sample import damage, defects, ledger, noise
from pipeline.sample.defects import KINDS, Plan, make_plan
from pipeline.sample.filing import NO_PICTURE, Written, write, write_films
from pipeline.sample.ledger import Image, Planted
from pipeline.sample.people import Numbers, Study, draw_studies, hospital
from pipeline.sample.report_letter import Letter, empty_letter, write_letter


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
    written = write_films(to, plan, seed)
    written.planted += _write_texts(to / "export", plan, letters, seed, patients)
    rows = ledger.pairs_csv(("AccessionNumber", "Finding Labels"), sorted((key, noise.nih_cell(names)) for key, names in labels.items()))
    write(to / "export" / "published_labels.csv", rows)
    cells = [
        cell
        for study in plan.studies
        if plan.kinds.get(study.accession) not in NO_PICTURE
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


def _write_texts(export: Path, plan: Plan, letters: Mapping[str, Letter | None], seed: int, patients: int) -> list[Planted]:
    """Reports, and texts that belong to no film. A swapped report stands under the letterhead of the study it was filed for."""
    (export / "reports").mkdir(parents=True, exist_ok=True)
    for study in plan.studies:
        letter = letters[plan.swapped.get(study.accession, study.accession)]
        if letter is not None:
            text = letter.under(study) if study.accession in plan.swapped else letter.text
            write(export / "reports" / f"{study.accession}.txt", text)
    planted = []
    rng = np.random.default_rng([seed, 11])
    for number in range(defects.count("report_without_image", patients)):
        path = f"reports/SH{number:08d}.txt"
        write(export / path, "FINDINGS:\nThe lungs are clear. Heart size is normal.\n\nIMPRESSION:\nNo acute disease.\n")
        planted.append(Planted("report_without_image", f"export/{path}", KINDS["report_without_image"].expect))
    for number in range(defects.count("stray_text_file", patients)):
        path = f"dicom/export_notes_{number + 1}.txt"
        write(export / path, f"export batch {rng.integers(1000)}: finished without errors\n")
        planted.append(Planted("stray_text_file", f"export/{path}", KINDS["stray_text_file"].expect))
    return planted


def _write_ledger(truth: Path, cells: list[ledger.Cell], written: Written, plan: Plan, letters: Mapping[str, Letter | None]) -> None:
    write(truth / "cells.csv", ledger.to_csv(cells, ledger.Cell))
    write(truth / "planted.csv", ledger.to_csv(sorted(written.planted, key=lambda one: (one.kind, one.path)), Planted))
    write(truth / "images.csv", ledger.to_csv(written.images, Image))
    write(truth / "phi.csv", ledger.pairs_csv(("kind", "value"), _identities(plan, letters)))


def _identities(plan: Plan, letters: Mapping[str, Letter | None]) -> list[tuple[str, str]]:
    found = {("PatientName", study.patient.name) for study in plan.studies}
    found |= {("PatientID", study.patient.mrn) for study in plan.studies}
    found |= {("InstitutionName", hospital(study.patient).title()) for study in plan.studies}
    found |= {("AccessionNumber", study.accession) for study in plan.studies}
    found |= {("Doctor", name) for study in plan.studies for name in (study.radiologist, study.referrer)}
    found |= {("Doctor", name) for letter in letters.values() if letter for name in letter.doctors}
    for study in plan.studies:
        if plan.kinds.get(study.accession) == "multibyte_name":
            found |= {("PatientName", part.replace("^", " ")) for part in damage.multibyte_name(study).split("=")}
    return sorted(found)
