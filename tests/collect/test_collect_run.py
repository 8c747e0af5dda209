"""A small export through collect, decode, exclude and group."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
from dicoms import gradient, make_dicom

from pipeline.base import settings as settings_module
from pipeline.base import stages
from pipeline.base.errors import ExportError, HomeError, InputError
from pipeline.base.storage import Home

SETTINGS = settings_module.load(overrides=("decode.workers=1", "decode.shards=1"))
FIRST = ("collect", "decode", "exclude", "group")


def film(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    base = gradient(64, 64, 3000).astype(float) * rng.uniform(0.5, 1) + rng.normal(0, 200, (64, 64)).cumsum(axis=int(rng.integers(2)))
    return np.clip(base, 0, 4095).astype(np.uint16)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    for patient in range(4):
        make_dicom(
            folder / f"dicom/P{patient}/ACC00{patient}/ACC00{patient}.dcm",
            film(patient),
            PatientID=f"MRN{patient}000001",
            AccessionNumber=f"ACC00{patient}",
            StudyDate="20200105",
        )
        report = folder / f"reports/ACC00{patient}.txt"
        report.parent.mkdir(exist_ok=True)
        report.write_text("Patient: Featherstone, Zebulon\n\nFINDINGS:\nNo effusion.\n")
    (folder / "published_labels.csv").write_text("AccessionNumber,Finding Labels\nACC000,Effusion|Mass\nACC001,No Finding\nACC999,Edema\n")
    (folder / "dicom/README.txt").write_text("read me")
    (folder / "reports/ACC404.txt").write_text("IMPRESSION: Clear.")
    return folder


def run(home: Home, export: Path, names: tuple[str, ...] = FIRST) -> dict[str, stages.Done]:
    return {name: stages.execute(name, home, SETTINGS, export) for name in names}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def ledger(home: Home) -> pd.DataFrame:
    return home.read("private_files").to_pandas().set_index("path")


def test_every_file_is_on_one_row(home: Home, export: Path) -> None:
    run(home, export)
    rows = ledger(home)
    assert sorted(rows.index) == sorted(path.relative_to(export).as_posix() for path in export.rglob("*") if path.is_file())
    assert rows.disposition.value_counts().to_dict() == {"image": 4, "report": 5, "skipped": 2}
    assert rows.loc["dicom/README.txt", "reason"] == "not_image_or_report"


def test_published_labels_keep_silence_apart_from_denial(home: Home, export: Path) -> None:
    done = run(home, export, ("collect",))
    labels = home.read("published_labels").to_pandas()
    assert labels.groupby("image_id").size().tolist() == [15, 15]
    assert sorted(labels[labels.state == "POSITIVE"].finding) == ["Mass", "No Finding", "Pleural Effusion"]
    assert set(labels.state) == {"POSITIVE", "UNMENTIONED"}
    assert "1 rows of published labels belong to no film" in done["collect"].result.warnings[0]


def test_a_label_file_of_strange_words_is_an_error_that_names_the_line(home: Home, export: Path) -> None:
    (export / "published_labels.csv").write_text("AccessionNumber,Finding Labels\nACC000,Elephant\n")
    with pytest.raises(InputError, match="line 2"):
        run(home, export, ("collect",))


def test_chexpert_columns_keep_minus_one(home: Home, export: Path) -> None:
    (export / "published_labels.csv").write_text("AccessionNumber,Edema,Pleural Effusion,Fracture\nACC000,-1,0,\nACC001,1.0,,\n")
    run(home, export, ("collect",))
    labels = home.read("published_labels").to_pandas()
    assert sorted(labels.state) == ["NEGATIVE", "POSITIVE", "UNCERTAIN", "UNMENTIONED", "UNMENTIONED", "UNMENTIONED"]
    assert set(labels.annotator) == {"published:chexpert"}


def test_nothing_identifying_outside_private(home: Home, export: Path) -> None:
    run(home, export)
    for path in home.root.rglob("*"):
        if path.is_file() and home.private not in path.parents:
            content = (
                path.read_bytes()
                if path.suffix != ".parquet"
                else str(pd.read_parquet(path).drop(columns=["pixels", "thumbnail"], errors="ignore").to_dict()).encode()
            )
            for secret in (b"Featherstone", b"MRN0000001", b"ACC00", b"20200105", b"2020-01-05"):
                assert secret not in content, path.name
    assert home.private.stat().st_mode & 0o077 == 0
    assert (home.private / "pseudonym.key").stat().st_mode & 0o077 == 0


def test_second_run_decodes_nothing_and_changes_no_byte(home: Home, export: Path) -> None:
    run(home, export)
    before = {path: path.read_bytes() for path in home.tables.rglob("*.parquet")}
    again = run(home, export)
    assert again["decode"].result.counts.get("new", 0) == 0
    assert again["exclude"].skipped
    assert again["group"].skipped
    assert {path: path.read_bytes() for path in home.tables.rglob("*.parquet")} == before


def test_new_films_are_decoded_alone_and_gone_films_leave(home: Home, export: Path) -> None:
    run(home, export)
    make_dicom(export / "dicom/P9/new.dcm", film(9), PatientID="MRN9000001")
    shutil.rmtree(export / "dicom/P0")
    again = run(home, export)
    assert again["decode"].result.counts["new"] == 1
    assert home.read("images", ["image_id"]).num_rows == 4
    assert home.read("groups").num_rows == 4


def test_a_changed_file_is_decoded_again(home: Home, export: Path) -> None:
    run(home, export)
    uid = make_dicom(export / "dicom/P0/ACC000/ACC000.dcm", film(77), PatientID="MRN0000001", AccessionNumber="ACC000")
    assert uid.exists()
    again = run(home, export)
    assert again["decode"].result.counts["new"] == 1
    assert home.read("images", ["image_id"]).num_rows == 4


def test_resent_is_one_image_and_conflicting_is_quarantined(home: Home, export: Path) -> None:
    source = export / "dicom/P1/ACC001/ACC001.dcm"
    shutil.copy(source, source.with_name("resent.dcm"))
    uid = __import__("pydicom").dcmread(source).SOPInstanceUID
    make_dicom(source.with_name("rival.dcm"), film(55), PatientID="MRN1000001", AccessionNumber="ACC001", SOPInstanceUID=uid)
    run(home, export)
    rows = ledger(home)
    folder = "dicom/P1/ACC001/"
    assert rows.loc[f"{folder}ACC001.dcm", "disposition"] == "image"
    assert rows.loc[f"{folder}resent.dcm", ["disposition", "reason"]].tolist() == ["duplicate", "resent_instance"]
    assert rows.loc[f"{folder}rival.dcm", ["disposition", "reason"]].tolist() == ["excluded", "conflicting_instance"]


def test_one_film_under_two_patients_is_one_group(home: Home, export: Path) -> None:
    twin = np.clip(film(2).astype(float) * 0.98 + 20, 0, 4095).astype(np.uint16)
    make_dicom(export / "dicom/P8/twin.dcm", twin, PatientID="MRN8000001")
    run(home, export)
    groups = home.read("groups").to_pandas()
    assert groups.patient_id.nunique() == 5
    assert groups.group_id.nunique() == 4
    assert groups.duplicate_of.notna().sum() == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"Modality": "CT"}, "wrong_modality"),
        ({"PatientID": None}, "missing_patient_id"),
        ({"PatientID": ""}, "missing_patient_id"),
        ({"ViewPosition": "LL"}, "lateral_view"),
        ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
        ({"SamplesPerPixel": 3}, "not_greyscale"),
        ({"NumberOfFrames": 2}, "multi_frame"),
        ({"pixels": np.full((32, 32), 9, np.uint16)}, "constant_film"),
        (
            {
                "pixels": np.random.default_rng(0).integers(2000, 2003, (32, 32)).astype(np.uint16),
                "WindowCenter": 2000,
                "WindowWidth": 4000,
            },
            "blank_film",
        ),
    ],
)
def test_films_that_leave_say_why(home: Home, export: Path, fields: dict[str, object], reason: str) -> None:
    pixels = fields.pop("pixels", film(30))
    make_dicom(export / "dicom/P7/odd.dcm", pixels, **({"PatientID": "MRN7000001"} | fields))
    run(home, export)
    row = ledger(home).loc["dicom/P7/odd.dcm"]
    assert (row.disposition, row.reason) == ("excluded", reason)


def test_flags_stay_and_can_be_made_to_exclude(home: Home, export: Path) -> None:
    make_dicom(
        export / "dicom/P7/child.dcm", film(31), PatientID="MRN7000001", PatientAge="007Y", ViewPosition=None, BodyPartExamined="HAND"
    )
    run(home, export)
    row = ledger(home).loc["dicom/P7/child.dcm"]
    assert row.disposition == "image"
    # The film is an adult's.
    assert list(row["flags"]) == ["age_contradicted", "body_part_not_chest", "missing_view_position", "paediatric", "report_missing"]
    strict = settings_module.load(overrides=("decode.workers=1", "decode.shards=1", 'exclude.exclude_flags=["paediatric"]'))
    stages.execute("exclude", home, strict, export)
    assert ledger(home).loc["dicom/P7/child.dcm", ["disposition", "reason"]].tolist() == ["excluded", "paediatric"]


def test_missing_folder_and_folder_without_dicom_are_clear(home: Home, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="does not exist"):
        run(home, tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "a.txt").write_text("hello")
    with pytest.raises(ExportError, match="no readable DICOM"):
        run(home, empty)


def test_official_splits_are_kept_for_the_split_stage(home: Home, export: Path) -> None:
    (export / "splits.csv").write_text("AccessionNumber,split\nACC000,test\nACC001,valid\n")
    run(home, export, ("collect",))
    kept = pd.read_parquet(home.private / "official_splits.parquet")
    assert sorted(kept.split) == ["test", "validate"]


def test_dates_of_a_patient_move_together(home: Home, export: Path) -> None:
    for day in ("20200201", "20200215"):
        make_dicom(export / f"dicom/P5/{day}.dcm", film(int(day[-2:])), PatientID="MRN5000001", StudyDate=day)
    run(home, export, ("collect",))
    dates = home.sql(
        "SELECT study_date FROM instances WHERE patient_id = (SELECT patient_id FROM instances GROUP BY 1 HAVING count(*) = 2) ORDER BY 1"
    )
    first, second = dates.column("study_date").to_pylist()
    assert (second - first).days == 14
    assert first.year < 2020 or first.month < 2


def test_a_lost_or_changed_key_is_noticed(home: Home, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(home, export, ("collect",))
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "another key that is long enough for the check")
    with pytest.raises(HomeError, match="not the one"):
        run(home, export, ("collect",))
    monkeypatch.delenv("CXR_PSEUDONYM_KEY")
    (home.private / "pseudonym.key").unlink()
    with pytest.raises(HomeError, match="is gone"):
        run(home, export, ("collect",))


def test_the_same_key_gives_byte_identical_tables_in_two_homes(tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "k" * 40)
    made = []
    for name in ("one", "two"):
        home = Home(tmp_path / name).create()
        run(home, export)
        made.append({path.relative_to(home.root).as_posix(): path.read_bytes() for path in home.tables.rglob("*.parquet")})
    assert made[0] == made[1]


def test_a_film_of_an_old_archive_has_neither_preamble_nor_suffix(home: Home, tmp_path: Path) -> None:
    whole = pydicom.dcmread(make_dicom(tmp_path / "whole.dcm"))
    del whole.file_meta
    folder = tmp_path / "old"
    folder.mkdir()
    for name, implicit in (("CR0001", True), ("CR0002", False)):
        whole.SOPInstanceUID = f"1.2.3.{len(list(folder.iterdir()))}"
        whole.save_as(folder / name, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    (folder / "notes").write_bytes(b"\x08\0 other text that is long enough")
    stages.execute("collect", home, settings_module.load(), folder)
    kinds = home.read("files", ["file_kind"])["file_kind"].to_pylist()
    assert sorted(kinds) == ["dicom", "dicom", "other"]


def test_an_export_of_which_no_film_can_be_decoded_says_so(home: Home, tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "one/a.dcm")
    path.write_bytes(path.read_bytes()[:-100])
    stages.execute("collect", home, settings_module.load(), path.parent)
    with pytest.raises(ExportError, match="no film of this export could be decoded: failed 1"):
        stages.execute("decode", home, settings_module.load(overrides=("decode.workers=1",)), path.parent)
