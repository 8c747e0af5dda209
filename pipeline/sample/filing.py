"""Films into the export: drawn, encoded, spoilt where planned, and written with the files beside them.

Here belongs one film's way to its file. What the whole hospital consists of is in `hospital`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.base.progress import track
from pipeline.sample import damage, dicom_writer
from pipeline.sample.canvas import Floats
from pipeline.sample.damage import Filed
from pipeline.sample.defects import KINDS, Plan
from pipeline.sample.dicom_writer import Encoding, Stored, draw_encoding
from pipeline.sample.film import Darkroom
from pipeline.sample.ledger import Image, Planted
from pipeline.sample.people import Study, new_uid

NO_PICTURE = ("blank_image", "constant_image")


@dataclass
class Written:
    """What has been written so far: films, planted defects, and the number of DICOM-named files."""

    images: list[Image]
    planted: list[Planted]
    files: int = 0


def write_films(to: Path, plan: Plan, seed: int) -> Written:
    """Draw every film and write it, with its defect and the files beside it, below `to`/export."""
    darkroom, written = Darkroom(np.random.default_rng([seed, 6])), Written([], [])
    for study in track(plan.studies, "draw", unit=" films"):
        kind = plan.kinds.get(study.accession, "")
        film = darkroom.frontal(study.patient.body, study.lesions, study.technique)
        filed = _file(study, kind, film, draw_encoding(np.random.default_rng([study.seed, 7])))
        _keep(to, written, study, study.path, filed)
        twin = plan.twins.get(study.accession)
        spoilt = (*damage.HEADER_EDITS, *NO_PICTURE, *damage.LETTERED, damage.MIRRORED)
        of_one_film = kind in spoilt or kind == "paediatric"
        if of_one_film or kind.startswith("report_") or twin:
            detail = (
                f"export/{twin.path}" if twin else "the report of another patient with the opposite reading" * (kind == "report_swapped")
            )
            written.planted.append(Planted(kind, f"export/{study.path}", KINDS[kind].expect, detail))
        if kind in damage.EXTRA_FILES:
            name, make_file = damage.EXTRA_FILES[kind]
            write(to / "export" / study.folder / name, make_file(filed))
            written.files += 1
            written.planted.append(Planted(kind, f"export/{study.folder}/{name}", KINDS[kind].expect))
        if kind == "lateral":
            _write_lateral(to, written, study, darkroom)
    return written


def _file(study: Study, kind: str, film: Floats, encoding: Encoding) -> Filed:
    """Header, pixels and bytes of a study's film, with its defect if it has one."""
    encoding = damage.spoil_encoding(kind, encoding)
    if kind == "duplicate_across_patients":
        film = np.clip(film * 1.015 + 0.004, 0, 1)
    stored: Stored = damage.spoil_pixels(kind, dicom_writer.stored_values(film, encoding), encoding, study)
    dataset = dicom_writer.header(study)
    bare = dicom_writer.header(study)
    dicom_writer.add_pixels(dataset, stored, encoding)
    if kind in damage.HEADER_EDITS:
        damage.HEADER_EDITS[kind](dataset, study)
    return Filed(study, bare, stored, encoding, dicom_writer.file_bytes(dataset, encoding))


def _keep(to: Path, written: Written, study: Study, path: str, filed: Filed) -> None:
    write(to / "export" / path, filed.content)
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


def _write_lateral(to: Path, written: Written, study: Study, darkroom: Darkroom) -> None:
    """A lateral film in the same study."""
    rng = np.random.default_rng([study.seed, 10])
    technique = replace(study.technique, view="LL", marker="L", has_leads=False, seed=study.technique.seed + 1)
    side = replace(study, technique=technique, sop_uid=new_uid(rng), series_uid=new_uid(rng))
    film = darkroom.lateral(study.patient.body, study.lesions, technique)
    filed = _file(side, "", film, draw_encoding(rng))
    _keep(to, written, side, side.path, filed)
    written.planted.append(Planted("lateral", f"export/{side.path}", KINDS["lateral"].expect))


def write(path: Path, content: str | bytes) -> None:
    """Write a file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
