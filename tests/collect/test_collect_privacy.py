"""What a home shows and does not show: codes, allow-list, verification, the chain of the manifest, and the loss of the key."""

from __future__ import annotations

import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pydicom
import pytest
from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as dicomfields
from dicoms import gradient, make_dicom
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.sr.codedict import codes

from pipeline.base import settings, stages, tables
from pipeline.base.errors import HomeError, InputError, TableError
from pipeline.base.storage import Home
from pipeline.cli import deid
from pipeline.collect import headers, profile
from pipeline.collect.verify import Needles, of_csv, of_ledger, verify
from pipeline.exclude.manifest import HEAD, broken_lines

SETTINGS = settings.load(overrides=("decode.workers=1", "decode.shards=1"))
PHI = """kind,value
PatientName,Featherstone Zebulon
PatientID,MRN1000001
AccessionNumber,ACC7770001
Doctor,Quill Marian
Institution,Mercy on Elm
"""
HOUSES = ("Mercy on Elm", "MERCY  ON ELM")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of two films and their reports, taken to `exclude`."""
    root = tmp_path_factory.mktemp("privacy")
    for number in (1, 2):
        pixels = gradient(48, 40) // number
        house, patient = HOUSES[number - 1], f"MRN{number}000001"
        make_dicom(root / f"export/{patient}/ACC777000{number}.dcm", pixels, PatientID=patient, InstitutionName=house)
        (root / f"export/ACC777000{number}.txt").write_text(
            f"Patient: Featherstone, Zebulon\nFINDINGS: No effusion. Told Dr. Quill Marian. Films of {house.upper()} were seen."
        )
    home = Home(root / "home").create()
    for stage in ("collect", "decode", "exclude"):
        stages.execute(stage, home, SETTINGS, root / "export")
    (root / "phi.csv").write_text(PHI)
    return root


def test_texts_that_belong_to_no_film_are_told_without_their_words(made: Path, tmp_path: Path) -> None:
    """A worklist, a letter, a report whose film is elsewhere: nothing says whose names to take out."""
    shutil.copytree(made / "export", tmp_path / "export")
    (tmp_path / "export/worklist.txt").write_text("1 Willem van der Berg 15-Aug-1990 room 7")
    (tmp_path / "export/ACC7770001_addendum.txt").write_text("Zebulon had an older film.", encoding="utf-16")
    home = Home(tmp_path / "new").create()
    stages.execute("collect", home, SETTINGS, tmp_path / "export")
    rows = home.read("reports").to_pylist()
    assert [bool(row["text"]) for row in sorted(rows, key=lambda row: row["study_id"] or "")] == [False, False, True, True]
    assert all((row["study_id"] is None) == (row["text"] == "") for row in rows)
    kinds = home.read("files", ["file_kind"])["file_kind"].to_pylist()
    assert kinds.count("report") == 4


def test_a_report_under_an_accession_number_of_two_patients_is_nobodys(tmp_path: Path) -> None:
    for number in (1, 2):
        make_dicom(tmp_path / f"export/f{number}.dcm", gradient() // number, PatientID=f"MRN{number}", AccessionNumber="0")
    (tmp_path / "export/0.txt").write_text("FINDINGS: Effusion.")
    home = Home(tmp_path / "home").create()
    stages.execute("collect", home, SETTINGS, tmp_path / "export")
    assert [(row["study_id"], row["text"]) for row in home.read("reports").to_pylist()] == [(None, "")]


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Home:
    """A copy that a test may spoil."""
    shutil.copytree(made / "home", tmp_path / "home")
    (tmp_path / "home" / "private").chmod(0o700)
    return Home(tmp_path / "home")


def test_codes_are_those_of_the_standard() -> None:
    for code, meaning, _, _ in profile.OPTIONS:
        (concept,) = [one for one in (getattr(codes.DCM, name) for name in codes.DCM.dir()) if one.value == code]
        assert concept.meaning == meaning
    assert [code for code, _, taken, _ in profile.OPTIONS if taken] == ["113100", "113101", "113107", "113108"]


# What table E.1-1 of PS3.15 names and options keep: column -> option.
KEPT = {"PatientSex": "113108", "PatientAge": "113108", "StudyDate": "113107"}


def test_no_published_field_is_in_the_table_of_the_standard_but_for_the_options_taken() -> None:
    published = {keyword for keyword in map(_keyword, tables.BY_NAME["instances"].names) if keyword}
    assert {*headers.PUBLISHED_TEXT, *headers.PUBLISHED_NUMBERS} <= published
    named = {keyword_for_tag(tag) for tag in dicomfields.ALL_TAGS if len(tag) == 2}
    assert len(named) > 500
    assert published & named == set(KEPT)
    assert set(KEPT.values()) <= {code for code, _, taken, _ in profile.OPTIONS if taken}


def _keyword(column: str) -> str | None:
    """The DICOM keyword that a column of `instances` is named after; None for names of ours, `_id` among them: keyed pseudonyms."""
    if column.endswith("_id"):
        return None
    known = {keyword.lower(): keyword for *_, keyword in DicomDictionary.values()}
    return known.get(column.removesuffix("_years").replace("_", ""))


def test_a_header_full_of_all_that_the_standard_removes_leaves_nothing(tmp_path: Path) -> None:
    path = make_dicom(tmp_path / "export/f.dcm", gradient(16, 16), PatientID="MRN5000001")
    dataset = pydicom.dcmread(path)
    needles = set()
    for number, tag in enumerate(tag for tag in dicomfields.ALL_TAGS if len(tag) == 2 and tag[0] > 2):
        value = _marked(dictionary_VR(tag), number) if dictionary_has_tag(tag) else None
        if value and keyword_for_tag(tag) not in ("PatientSex", "PatientAge"):
            dataset.add_new(tag, dictionary_VR(tag), value)
            needles.add(value)
    assert len(needles) > 300
    dataset.save_as(path, enforce_file_format=True)
    home = Home(tmp_path / "home").create()
    stages.execute("collect", home, SETTINGS, tmp_path / "export")
    assert home.read("instances").num_rows == 1
    shown = "".join(str(home.read(table.name).to_pylist()) for table in tables.PUBLISHED if home.exists(table.name))
    assert [needle for needle in needles if needle in shown.replace("-", "")] == []


def _marked(vr: str, number: int) -> str | None:
    """A value that is found again, for value representations that hold text, dates or identifiers."""
    if vr in ("LO", "SH", "PN", "LT", "ST", "UT", "UC", "AE", "UR"):
        return f"MARK{number:04d}"
    day = (date(1931, 1, 1) + timedelta(number)).strftime("%Y%m%d")
    return {"UI": f"1.2.840.99999.{number}", "DA": day, "DT": f"{day}1200"}.get(vr)


def test_a_clean_home_shows_nothing_and_its_chain_is_whole(made: Path) -> None:
    home = Home(made / "home")
    for values in (of_csv(made / "phi.csv"), list(of_ledger(home))):
        result = verify(home, values)
        assert result.found == ()
        assert result.n_values > 3
        assert result.n_files > 6
    assert broken_lines(home) == []
    deid.verify(made / "home", made / "phi.csv")


def test_a_house_is_one_pseudonym_however_it_is_written_and_its_name_is_nowhere(made: Path, home: Home, tmp_path: Path) -> None:
    sites = home.read("instances")["site"].to_pylist()
    assert len(set(sites)) == 1
    assert re.fullmatch(r"site_[a-z2-7]{8}", sites[0])
    assert sites[0] == home.pseudonyms().site("mercy on elm") != home.pseudonyms().site("mercy on oak")
    assert ("institution_name", "Mercy on Elm") in list(of_ledger(home))
    assert all("Films of ___ were seen." in text for text in home.read("reports")["text"].to_pylist())
    (home.work / "run.log").write_text("from MERCY ON ELM")
    assert {one.kind for one in verify(home, of_ledger(home)).found} == {"institution_name"}
    other = Home(tmp_path / "other").create()
    stages.execute("collect", other, SETTINGS, made / "export")
    assert set(other.read("instances")["site"].to_pylist()).isdisjoint({None, *sites}), "another key gives another pseudonym"


def test_a_film_without_institution_has_no_site(tmp_path: Path) -> None:
    make_dicom(tmp_path / "export/a.dcm", gradient(16, 16), StationName="ROOM 4", InstitutionalDepartmentName="Chest")
    home = Home(tmp_path / "home").create()
    stages.execute("collect", home, SETTINGS, tmp_path / "export")
    assert home.read("instances")["site"].to_pylist() == [None]


@pytest.mark.parametrize("spelling", ["Featherstone^Zebulon", "zebulon, FEATHERSTONE", "Featherstone_Zebulon", "x MRN1000001 y"])
@pytest.mark.parametrize("place", ["table", "metadata", "log", "utf16", "name"])
def test_an_identity_anywhere_is_found_and_not_repeated(home: Home, made: Path, spelling: str, place: str) -> None:
    if place in ("table", "metadata"):
        table = pa.table({"note": pa.array([[spelling if place == "table" else ""]])})
        table = table.replace_schema_metadata({"by": spelling} if place == "metadata" else None)
        pq.write_table(table, home.tables / "extra.parquet")
    elif place == "name":
        (home.work / f"{spelling}.log").touch()
    else:
        (home.work / "run.log").write_bytes(f"read {spelling} now".encode("utf-16-le" if place == "utf16" else "utf-8"))
    result = verify(home, of_csv(made / "phi.csv"))
    assert len(result.found) == 1
    assert "eatherstone" not in repr(result).lower()
    assert "MRN1" not in repr(result)
    with pytest.raises(TableError, match="1 places show"):
        deid.verify(home.root, made / "phi.csv")


def test_words_are_found_in_order_and_short_values_are_told() -> None:
    needles = Needles([("PatientID", "A-12 34"), ("x", "12")])
    assert (needles.n_values, needles.n_too_short) == (1, 1)
    assert needles.search("a 12/34") == {"PatientID": 1}
    assert not needles.search("12 a 34")


def test_private_that_others_can_read_and_a_useless_list_are_errors(home: Home, tmp_path: Path) -> None:
    home.private.chmod(0o755)
    with pytest.raises(HomeError, match="chmod 700"):
        verify(home, [("x", "Featherstone")])
    (tmp_path / "empty.csv").write_text("kind,value\n")
    with pytest.raises(InputError, match="holds none"):
        of_csv(tmp_path / "empty.csv")


def lines(home: Home) -> pa.Table:
    return pq.read_table(home.path("manifest"))


def test_the_manifest_has_every_file_with_what_came_of_it(home: Home) -> None:
    rows = lines(home).to_pylist()
    assert {row["file_id"] for row in rows} == set(home.read("files")["file_id"].to_pylist())
    assert [row["disposition"] for row in rows].count("image") == 2
    assert all(row["output_digest"] for row in rows if row["disposition"] in ("image", "report"))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda table: table.slice(1),
        lambda table: pa.concat_tables([table.slice(0, 1), table.slice(2)]),
        lambda table: table.slice(0, table.num_rows - 1),
        lambda table: table.set_column(5, "reason", pa.array(["x", *table["reason"].to_pylist()[1:]])),
        lambda table: table.take([1, 0, *range(2, table.num_rows)]),
    ],
    ids=["first gone", "second gone", "last gone", "one changed", "two swapped"],
)
def test_a_missing_or_changed_line_shows(home: Home, spoil: object) -> None:
    pq.write_table(spoil(lines(home)), home.path("manifest"))  # type: ignore[operator]
    assert broken_lines(home)


def test_a_chain_mended_without_the_key_shows(home: Home) -> None:
    table = lines(home)
    kept = table.slice(0, table.num_rows - 1)
    pq.write_table(kept, home.path("manifest"))
    (home.private / HEAD).write_text(kept["chain"][-1].as_py())
    assert broken_lines(home) == ["1 files are not those of the manifest"]


def test_a_changed_film_or_report_shows(home: Home) -> None:
    reports = home.read("reports").to_pylist()
    reports[0]["text"] += " Edema."
    home.write("reports", pa.Table.from_pylist(reports, schema=home.read("reports").schema))
    assert broken_lines(home) == ["1 films or reports are not those of the manifest"]


def test_a_home_that_lost_key_and_check_is_not_given_a_new_key(home: Home) -> None:
    for name in ("pseudonym.key", "pseudonym.check"):
        (home.private / name).unlink()
    with pytest.raises(HomeError, match="is gone") as caught:
        home.pseudonyms()
    assert "CXR_PSEUDONYM_KEY" in caught.value.remedy
