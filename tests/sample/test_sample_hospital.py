"""The export and its ledger agree, defects are where the ledger says, and the same seed gives the same bytes."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest

from pipeline.base.errors import InputError
from pipeline.base.findings import find
from pipeline.sample import make
from pipeline.sample.defects import KINDS, count


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    to = tmp_path_factory.mktemp("hospital")
    return to, make(to, patients=60, seed=1)


def table(to: Path, name: str) -> list[dict[str, str]]:
    with (to / "truth" / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def digest(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_two_makes_are_byte_identical_and_seeds_differ(tmp_path: Path) -> None:
    for name, seed in (("one", 7), ("two", 7), ("three", 8)):
        make(tmp_path / name, patients=4, seed=seed)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    assert digest(tmp_path / "one") != digest(tmp_path / "three")


def test_every_kind_of_defect_is_planted_from_sixty_patients_on(made) -> None:
    _, summary = made
    assert set(summary.planted) == set(KINDS)
    assert all(summary.planted[kind] == count(kind, 60) for kind in KINDS)


def test_every_path_of_the_ledger_exists_and_no_film_is_unlisted(made) -> None:
    to, summary = made
    listed = {row["path"] for name in ("images", "planted") for row in table(to, name)}
    assert all((to / path).is_file() for path in listed)
    films = {f"export/{p.relative_to(to / 'export')}" for p in (to / "export").rglob("*.dcm")}
    assert films <= listed
    assert summary.dicom_files == len(films)


def test_films_are_readable_in_every_syntax(made) -> None:
    to, _ = made
    rows = table(to, "images")
    assert len({row["transfer_syntax"] for row in rows}) == 7
    for row in rows:
        film = pydicom.dcmread(to / row["path"])
        assert film.pixel_array.shape == (int(row["rows"]), int(row["columns"]))
        assert film.file_meta.TransferSyntaxUID == row["transfer_syntax"]
        assert (film.AccessionNumber, film.SOPInstanceUID) == (row["accession"], row["sop_instance_uid"])


def test_cells_agree_with_the_published_labels(made) -> None:
    to, summary = made
    with (to / "export" / "published_labels.csv").open(newline="") as handle:
        published = {row["AccessionNumber"]: {find(name) for name in row["Finding Labels"].split("|")} for row in csv.DictReader(handle)}
    cells = table(to, "cells")
    judged = [cell for cell in cells if cell["published"]]
    for cell in judged:
        given = int(cell["finding"] in published[cell["accession"]])
        assert int(cell["published"]) == given
        assert int(cell["published_wrong"]) == int(given != int(cell["truth"]))
    assert summary.cells == len(judged)
    assert summary.wrong_cells == sum(cell["published_wrong"] == "1" for cell in judged)
    assert 0.04 < summary.wrong_cells / summary.cells < 0.25
    assert {cell["report_says"] for cell in cells} == {"POSITIVE", "NEGATIVE", "UNCERTAIN", "UNMENTIONED"}


def one(to: Path, kind: str) -> dict[str, str]:
    return next(row for row in table(to, "planted") if row["kind"] == kind)


def dataset(to: Path, kind: str):
    return pydicom.dcmread(to / one(to, kind)["path"])


def test_header_defects(made) -> None:
    to, _ = made
    name = {row["sop_instance_uid"]: row["mrn"] for row in table(to, "images")}
    assert dataset(to, "missing_view_position").ViewPosition == ""
    assert dataset(to, "missing_patient_id").PatientID == ""
    assert dataset(to, "wrong_modality").Modality == "CT"
    assert dataset(to, "wrong_body_part_header").BodyPartExamined == "HAND"
    assert int(dataset(to, "paediatric").PatientAge[:3]) < 18
    assert len(dataset(to, "multibyte_name").PatientName.components) == 2
    comment = dataset(to, "phi_in_image_comments")
    assert comment.PatientName.family_name in comment.ImageComments
    private = dataset(to, "phi_in_private_tag")
    assert any(element.tag.is_private and name[private.SOPInstanceUID] in str(element.value) for element in private)
    assert dataset(to, "lateral").ViewPosition == "LL"


def test_pixel_defects(made) -> None:
    to, _ = made
    assert np.ptp(dataset(to, "constant_image").pixel_array) == 0
    blank = dataset(to, "blank_image")
    assert blank.pixel_array.std() < 2 / 255 * 2**blank.BitsStored
    lying = dataset(to, "lying_photometric")
    stated = next(row for row in table(to, "images") if row["sop_instance_uid"] == lying.SOPInstanceUID)["photometric_interpretation"]
    assert lying.PhotometricInterpretation != stated
    assert dataset(to, "burned_in_identity").BurnedInAnnotation == "YES"


def test_file_defects(made) -> None:
    to, _ = made
    assert (to / one(to, "empty_file")["path"]).stat().st_size == 0
    assert (to / one(to, "jpeg_named_dcm")["path"]).read_bytes()[:2] == b"\xff\xd8"
    with pytest.raises(Exception):  # noqa: B017, PT011 - each syntax breaks in its own way
        dataset(to, "truncated_file").pixel_array  # noqa: B018
    uid = {row["sop_instance_uid"]: to / row["path"] for row in table(to, "images")}
    resent, conflict = dataset(to, "resent_file"), dataset(to, "conflicting_file")
    assert (to / one(to, "resent_file")["path"]).read_bytes() == uid[resent.SOPInstanceUID].read_bytes()
    assert not np.array_equal(conflict.pixel_array, pydicom.dcmread(uid[conflict.SOPInstanceUID]).pixel_array)


def test_a_duplicate_shows_its_twin_under_another_identity(made) -> None:
    to, _ = made
    row = one(to, "duplicate_across_patients")
    images = {image["path"]: image for image in table(to, "images")}
    copy, twin = images[row["path"]], images[row["detail"]]
    assert copy["mrn"] != twin["mrn"]
    films = [pydicom.dcmread(to / image["path"]) for image in (copy, twin)]
    assert films[0].PatientName != films[1].PatientName
    pixels = [film.pixel_array.ravel().astype(float) for film in films]
    assert abs(np.corrcoef(*pixels)[0, 1]) > 0.98
    assert copy["findings"] == twin["findings"]


def test_report_defects(made) -> None:
    to, _ = made
    accession = {kind: Path(one(to, kind)["path"]).parent.name for kind in KINDS if kind.startswith("report_")}
    folder = to / "export" / "reports"
    assert not (folder / f"{accession['report_missing']}.txt").exists()
    assert "FINDINGS" not in (folder / f"{accession['report_empty']}.txt").read_text().upper().replace("FINDINGS WERE DISCUSSED", "")
    says = {
        row["report_says"] for row in table(to, "cells") if row["accession"] in (accession["report_missing"], accession["report_empty"])
    }
    assert says == {"UNMENTIONED"}
    cells = [row for row in table(to, "cells") if row["accession"] == accession["report_swapped"]]
    assert accession["report_swapped"] in (folder / f"{accession['report_swapped']}.txt").read_text()
    assert (
        sum(
            (row["truth"] == "1" and row["report_says"] != "POSITIVE") or (row["truth"] == "0" and row["report_says"] == "POSITIVE")
            for row in cells
        )
        >= 2
    )


def test_identities_are_in_the_export_and_in_the_list(made) -> None:
    to, _ = made
    values = {(row["kind"], row["value"]) for row in table(to, "phi")}
    for image in table(to, "images"):
        assert ("PatientID", image["mrn"]) in values
        assert ("AccessionNumber", image["accession"]) in values
    for path in sorted((to / "export" / "reports").glob("*.txt"))[1:10]:
        text = path.read_text(encoding="utf-8")
        family, given = text.split("Patient: ")[1].split("   MRN")[0].split(", ")
        doctor = text.split("Dictated by Dr. ")[1].split(" on ")[0]
        assert ("PatientName", f"{family} {given}") in values
        assert ("Doctor", doctor) in values


def test_bad_requests_are_refused(made, tmp_path: Path) -> None:
    to, _ = made
    with pytest.raises(InputError, match="already holds"):
        make(to, patients=3)
    with pytest.raises(InputError, match="at least 1"):
        make(tmp_path / "none", patients=0)
    with pytest.raises(InputError, match="0 or more"):
        make(tmp_path / "none", patients=2, seed=-1)
