"""Every source of a public archive on a miniature in its exact layout; every registered source has a whole card."""

from __future__ import annotations

import gzip
import io
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from archives import ARCHIVES, Miniature, picture, table

from pipeline import collect
from pipeline.base import settings as settings_module
from pipeline.base import stages
from pipeline.base.errors import ExportError, InputError
from pipeline.base.interfaces import SOURCES, FilmFacts, FoundFile
from pipeline.base.storage import Home
from pipeline.collect.sources import _words


@pytest.fixture(params=sorted(ARCHIVES))
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, Miniature]:
    """Name of a source, a miniature export, and what is in it."""
    return request.param, str(tmp_path), ARCHIVES[request.param](tmp_path)


def facts(name: str, export: str) -> dict[str, FilmFacts | None]:
    source = SOURCES.get(name)
    of = source.facts(export)
    return {found.relative: of(found) for found in source.files(export)}


# The contract of the seam.


@pytest.mark.parametrize("name", SOURCES.names())
def test_a_card_is_whole(name: str) -> None:
    card = SOURCES.get(name).card
    assert card.title
    assert card.licence
    assert card.layout
    if name in ARCHIVES:
        assert "(20" in card.citation or "(2019)" in card.citation
        assert len(card.known_defects) >= 3
        assert all(defect.endswith(".") for defect in card.known_defects)


def test_all_files_are_found_once_in_one_order(archive: tuple[str, str, Miniature]) -> None:
    name, export, _ = archive
    source = SOURCES.get(name)
    found = list(source.files(export))
    on_disk = {path.relative_to(export).as_posix(): path.stat().st_size for path in Path(export).rglob("*") if path.is_file()}
    assert {one.relative: one.size_bytes for one in found if one.relative in on_disk} == on_disk
    assert len({one.relative for one in found}) == len(found)
    assert found == list(source.files(export))
    for one in found:
        with source.open(export, one.relative) as raw:
            content = raw.read()
        assert content == (Path(export) / one.relative).read_bytes() if one.relative in on_disk else content


def test_films_have_their_kind_and_nothing_else_does(archive: tuple[str, str, Miniature]) -> None:
    name, export, expected = archive
    source = SOURCES.get(name)
    kinds = {found.relative: source.kind(export, found) for found in source.files(export)}
    assert {path for path, kind in kinds.items() if kind in ("dicom", "picture")} == set(expected.films)
    for path in expected.films:
        assert kinds[path] == ("dicom" if path.endswith((".dcm", ".dicom")) else "picture")
    assert all(kinds[path] in ("text", "csv", "other") for path in expected.strays)


def test_every_film_has_facts_and_nothing_else_has(archive: tuple[str, str, Miniature]) -> None:
    name, export, expected = archive
    found = facts(name, export)
    assert {path for path, fact in found.items() if fact is not None} == set(expected.films)
    for path, (patient, view, split) in expected.films.items():
        fact = found[path]
        assert fact is not None
        by_header = path.endswith((".dcm", ".dicom"))
        assert fact.patient_id == patient or (by_header and fact.patient_id is None)
        assert fact.view_position == view or (by_header and fact.view_position is None)
        if name != "mimic_cxr":  # its split is a table of its own
            assert fact.split == split
        assert fact.image_uid
    assert len({fact.image_uid for fact in found.values() if fact}) == len(expected.films)


def test_facts_do_not_change_with_the_folder_around(archive: tuple[str, str, Miniature], tmp_path_factory: pytest.TempPathFactory) -> None:
    name, _, _ = archive
    outer = tmp_path_factory.mktemp("outer")
    ARCHIVES[name](outer / "physionet.org" / "2.1.0")
    below = {path.removeprefix("physionet.org/2.1.0/"): fact for path, fact in facts(name, str(outer)).items()}
    assert below == facts(name, archive[1])


def test_mac_leftovers_are_no_films(archive: tuple[str, str, Miniature]) -> None:
    name, export, expected = archive
    path = next(iter(expected.films))
    found = FoundFile(f"{path.rpartition('/')[0]}/._{path.rpartition('/')[2]}", 4, "")
    assert SOURCES.get(name).kind(export, found) == "other"


# Defects that the cards name.


def fact(name: str, export: Path, end: str) -> FilmFacts:
    (found,) = [one for path, one in facts(name, str(export)).items() if path.endswith(end)]
    assert found is not None
    return found


def test_chexpert_ages_of_0_and_contradicting_views_are_unknown(tmp_path: Path) -> None:
    ARCHIVES["chexpert"](tmp_path)
    odd = fact("chexpert", tmp_path, "patient00002/study1/view1_frontal.jpg")
    assert (odd.patient_age_years, odd.patient_sex, odd.view_position) == (None, None, None)
    plain = fact("chexpert", tmp_path, "patient00001/study1/view1_frontal.jpg")
    assert (plain.patient_age_years, plain.patient_sex, plain.view_position) == (68, "F", "AP")
    assert plain.accession_number == "patient00001-study1"


def test_chexpert_split_is_known_where_folders_are_batches(tmp_path: Path) -> None:
    path = "patient00009/study1/view1_frontal.jpg"
    picture(tmp_path / "CheXpert-v1.0 batch 2 (train 1)" / path)
    header = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", "Edema", "Mass")
    table(tmp_path / "train.csv", header, [(f"CheXpert-v1.0/train/{path}", "Male", 90, "Frontal", "PA", "", "")])
    found = fact("chexpert", tmp_path, path)
    assert (found.split, found.patient_age_years, found.view_position) == ("train", 90, "PA")


def test_chexpert_test_films_are_known_by_path_alone(tmp_path: Path) -> None:
    picture(tmp_path / "CheXpert/test/patient64741/study1/view1_frontal.jpg")
    picture(tmp_path / "CheXpert/test/patient64741/study1/view2_lateral.jpg")
    assert fact("chexpert", tmp_path, "view1_frontal.jpg") == FilmFacts(
        *("patient64741", "patient64741/study1", "patient64741/study1/view1_frontal"),
        accession_number="patient64741-study1",
        split="test",
    )
    assert fact("chexpert", tmp_path, "view2_lateral.jpg").view_position == "LATERAL"


def test_chexpert_plus_reports_are_files_within_their_table(tmp_path: Path) -> None:
    ARCHIVES["chexpert"](tmp_path)
    source = SOURCES.get("chexpert")
    inner = [found for found in source.files(str(tmp_path)) if found.relative.endswith(".txt")]
    assert [found.relative.rpartition("/")[2] for found in inner] == ["patient00001-study1.txt"]
    with type(source)().open(str(tmp_path), inner[0].relative) as raw:  # a new process knows no places yet
        assert raw.read().decode() == 'NARRATIVE:\nCHEST 1 VIEW\n\nIMPRESSION:\n1. Possible edema, "mild".'
    with pytest.raises(InputError, match="no longer in the table"):
        source.open(str(tmp_path), inner[0].relative.replace("study1", "study7"))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_rows_are_found_again_by_their_place(end: str, mark: str, tmp_path: Path) -> None:
    words = [f'FINDINGS:{end}n° {number}, ünclear{end}{end}"two" lines' for number in range(7)]
    rows = [
        (f"train/patient{number:05d}/study1/view1_frontal.jpg", '"' + text.replace('"', '""') + '"') for number, text in enumerate(words)
    ]
    text = mark + end.join(["path_to_image,report", *(",".join(row) for row in rows), ""])
    (tmp_path / "df_chexpert_plus_240401.csv").write_bytes(text.encode())
    source = SOURCES.get("chexpert")
    inner = [found.relative for found in source.files(str(tmp_path)) if found.relative.endswith(".txt")]
    assert [source.open(str(tmp_path), name).read().decode() for name in inner] == words


def test_nih_ages_that_nobody_reaches_are_unknown(tmp_path: Path) -> None:
    ARCHIVES["nih_chestxray14"](tmp_path)
    assert fact("nih_chestxray14", tmp_path, "00013118_008.png").patient_age_years is None
    film = fact("nih_chestxray14", tmp_path, "00000001_001.png")
    assert (film.patient_age_years, film.patient_sex) == (58, "M")
    assert film.pixel_spacing_mm == pytest.approx(0.143 * 2729 / 1024)


def test_mimic_cards_say_that_jpegs_are_equalised(tmp_path: Path) -> None:
    ARCHIVES["mimic_cxr"](tmp_path)
    assert any("histogram-equalised" in defect for defect in SOURCES.get("mimic_cxr").card.known_defects)
    film = fact("mimic_cxr", tmp_path, "4e384014.jpg")
    assert (film.study_date, film.study_id, film.accession_number) == (date(2180, 5, 6), "50414267", "s50414267")


def test_padchest_ages_count_from_the_study(tmp_path: Path) -> None:
    ARCHIVES["padchest"](tmp_path)
    film = fact("padchest", tmp_path, "_k6ga29.png")
    assert (film.patient_age_years, film.modality, film.study_date) == (84, "CR", date(2014, 9, 15))


def test_siim_stage_1_keeps_its_own_test_films(tmp_path: Path) -> None:
    ARCHIVES["siim_pneumothorax"](tmp_path)
    (tmp_path / "stage_2_train.csv").rename(tmp_path / "train-rle.csv")
    splits = {path.split("/")[0]: found.split for path, found in facts("siim_pneumothorax", str(tmp_path)).items() if found}
    assert splits == {"dicom-images-train": "train", "dicom-images-test": "test", "stage_2_images": "test"}


def test_rsna_without_mappings_leaves_the_patient_to_the_header(tmp_path: Path) -> None:
    ARCHIVES["rsna_pneumonia"](tmp_path)
    mappings = tmp_path / "pneumonia-challenge-dataset-mappings_2018.json"
    mappings.write_text("{}x")
    with pytest.raises(InputError, match="no list of films"):
        facts("rsna_pneumonia", str(tmp_path))
    mappings.unlink()
    assert {found.patient_id for found in facts("rsna_pneumonia", str(tmp_path)).values() if found} == {None}


def test_openi_reports_have_their_sections(tmp_path: Path) -> None:
    ARCHIVES["openi"](tmp_path)
    source = SOURCES.get("openi")
    with source.open(str(tmp_path), "NLMCXR_reports/ecgen-radiology/1.xml/CXR1.txt") as raw:
        text = raw.read().decode()
    assert text == "INDICATION: Cough\n\nCOMPARISON: None.\n\nFINDINGS: The heart is large.\n\nIMPRESSION: No XXXX change."


@pytest.mark.parametrize("text", ["<eCitation>", "<a>" + "x" * 2**20 + "</a>"])
def test_a_broken_record_of_openi_is_a_row_and_no_report(text: str, tmp_path: Path) -> None:
    ARCHIVES["openi"](tmp_path / "export")
    (tmp_path / "export/NLMCXR_reports/ecgen-radiology/1.xml").write_text(text)
    home = Home(tmp_path / "home").create()
    collect.run(home, settings_module.load(overrides=("collect.source=openi",)), tmp_path / "export")
    files = by_path(home, "files")
    assert files["NLMCXR_reports/ecgen-radiology/1.xml/CXR1.txt"]["read_error"] == "unreadable_file"
    assert files["NLMCXR_reports/ecgen-radiology/2.xml/CXR2.txt"]["report_id"]
    assert len(home.read("reports")) == 1


def test_a_table_of_reports_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "df_chexpert_plus_240401.csv").write_text(
        'path_to_image,report\ntrain/patient00001/study1/view1_frontal.jpg,"' + "x" * 200_000
    )
    with pytest.raises(InputError, match="cannot be read to its end"):
        list(SOURCES.get("chexpert").files(str(tmp_path)))


def test_openi_from_kaggle(tmp_path: Path) -> None:
    picture(tmp_path / "images/images_normalized/1_IM-0001-4001.dcm.png")
    table(tmp_path / "indiana_projections.csv", ("uid", "filename", "projection"), [(1, "1_IM-0001-4001.dcm.png", "Lateral")])
    columns = ("uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression")
    table(
        tmp_path / "indiana_reports.csv", columns, [(1, "normal", "normal", "Xray Chest PA and Lateral", "Cough", "", "Clear.", "Normal.")]
    )
    assert fact("openi", tmp_path, ".png").view_position == "LATERAL"
    with SOURCES.get("openi").open(str(tmp_path), "indiana_reports.csv/CXR1.txt") as raw:
        assert raw.read() == b"INDICATION: Cough\n\nFINDINGS: Clear.\n\nIMPRESSION: Normal."


def test_where_a_film_of_the_covid_collection_was_taken_is_its_site(tmp_path: Path) -> None:
    ARCHIVES["covid_image_data_collection"](tmp_path / "export")
    home = Home(tmp_path / "home").create()
    chosen = settings_module.load(overrides=("collect.source=covid_image_data_collection",))
    stages.execute("collect", home, chosen, tmp_path / "export")
    assert set(home.read("instances")["site"].to_pylist()) == {home.pseudonyms().site("Elm, Sea Town")}


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("mimic_cxr", "mimic-cxr-2.0.0-metadata.csv.gz"),
        ("nih_chestxray14", "Data_Entry_2017_v2020.csv"),
        ("padchest", "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"),
        ("covid_image_data_collection", "metadata.csv"),
    ],
)
def test_pictures_without_the_table_of_facts_are_an_error(name: str, needed: str, tmp_path: Path) -> None:
    ARCHIVES[name](tmp_path)
    (tmp_path / needed).unlink()
    with pytest.raises(ExportError, match=r"holds no .*\.csv"):
        facts(name, str(tmp_path))


def test_a_table_of_facts_that_breaks_off_is_an_error(tmp_path: Path) -> None:
    ARCHIVES["mimic_cxr"](tmp_path)
    path = tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz"
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InputError, match="cannot be read to its end"):
        SOURCES.get("mimic_cxr").facts(str(tmp_path))


def test_a_gzipped_table_needs_no_suffix(tmp_path: Path) -> None:
    ARCHIVES["nih_chestxray14"](tmp_path)
    before = facts("nih_chestxray14", str(tmp_path))
    path = tmp_path / "Data_Entry_2017_v2020.csv"
    path.write_bytes(gzip.compress(path.read_bytes()))
    changed = facts("nih_chestxray14", str(tmp_path))
    assert changed == before


# Words.


@pytest.mark.parametrize(
    ("word", "position"),
    [
        ("PA", "PA"), ("pa", "PA"), ("AP Supine", "AP"), ("AP_horizontal", "AP"), ("POSTEROANTERIOR", "PA"), ("LL", "LL"), ("L", "LATERAL"),
        ("Lateral", "LATERAL"), ("AP LLD", "LLD"), ("XTABLE LATERAL", "LATERAL"), ("LAO", "LAO"), ("COSTAL", "COSTAL"), ("", None),
        ("nan", None), ("EXCLUDE", None), ("UNK", None), ("Frontal", None), ("Mr. Smith, 12", None),
    ],
)  # fmt: skip
def test_views(word: str, position: str | None) -> None:
    assert _words.view_position(word) == position


@pytest.mark.parametrize(
    ("word", "years"),
    [
        ("065Y", 65),
        ("65", 65),
        ("65.0", 65),
        ("018M", 1),
        ("003W", 0),
        ("122", 122),
        ("414", None),
        ("", None),
        ("nan", None),
        ("-3", None),
    ],
)
def test_ages(word: str, years: int | None) -> None:
    assert _words.age_years(word) == years


def test_days_are_whole_days() -> None:
    words = ("20140915", "2020-01-22", "January 22, 2020", "Jan 3, 2020", "2020", "January 2020", "20141399")
    found = [_words.day(word) for word in words]
    assert found == [date(2014, 9, 15), date(2020, 1, 22), date(2020, 1, 22), date(2020, 1, 3), None, None, None]


def test_text_reads_streams_that_cannot_seek() -> None:
    from pipeline.collect.sources._archive import text

    assert text(io.BytesIO(b"\xef\xbb\xbfa,b\r\n")).read() == "a,b\r\n"


# Through the stage.


@pytest.fixture
def curated(archive: tuple[str, str, Miniature], tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, str, Miniature]:
    """The tables of `collect`."""
    name, export, expected = archive
    home = Home(tmp_path_factory.mktemp("home")).create()
    collect.run(home, settings_module.load(overrides=(f"collect.source={name}",)), Path(export))
    return home, name, expected


def by_path(home: Home, table_name: str) -> dict[str, dict[str, Any]]:
    """Rows of a table of files or films under the path they came from."""
    paths = pq.read_table(home.private / "paths.parquet").to_pylist()
    rows = {row["file_id"]: row for row in home.read(table_name).to_pylist()}
    return {one["path"]: rows[one["file_id"]] for one in paths if one["file_id"] in rows}


def test_every_film_is_collected_with_patient_and_view(curated: tuple[Home, str, Miniature]) -> None:
    home, _, expected = curated
    found = by_path(home, "instances")
    assert set(found) == set(expected.films)
    names = home.pseudonyms()
    for path, (patient, view, _) in expected.films.items():
        assert found[path]["patient_id"] == (names.of("patient", patient) if patient else None)
        assert found[path]["view_position"] == view
    ages = [row["patient_age_years"] for row in found.values()]
    assert all(age is None or 0 < age <= 90 for age in ages)
    kinds = {path: row["file_kind"] for path, row in by_path(home, "files").items()}
    assert all(kinds[path] == ("dicom" if path.endswith((".dcm", ".dicom")) else "picture") for path in expected.films)
    assert all(kinds[path] in ("other", "published_labels") for path in expected.strays)


def test_labels_keep_uncertainty_and_readers(curated: tuple[Home, str, Miniature]) -> None:
    home, _, expected = curated
    images = {row["image_id"]: path for path, row in by_path(home, "instances").items()}
    rows = home.read("published_labels").to_pylist()
    found = {(images[row["image_id"]], row["annotator"], row["finding"], row["state"]) for row in rows}
    assert expected.labels <= found


def test_official_splits_are_kept(curated: tuple[Home, str, Miniature]) -> None:
    home, _, expected = curated
    images = {path: row["image_id"] for path, row in by_path(home, "instances").items()}
    wanted = {images[path]: split for path, (_, _, split) in expected.films.items() if split}
    kept = home.private / "official_splits.parquet"
    assert (dict(zip(*pq.read_table(kept).to_pydict().values(), strict=True)) if kept.exists() else {}) == wanted


def test_reports_reach_the_study_of_their_film(curated: tuple[Home, str, Miniature]) -> None:
    home, _, expected = curated
    films = by_path(home, "instances")
    texts = {row["study_id"]: row["text"] for row in home.read("reports").to_pylist()}
    for path, words in expected.reports.items():
        assert words in texts[films[path]["study_id"]]
    assert {films[path]["study_id"] for path in expected.reports} == set(texts)


@pytest.mark.parametrize("name", ["mimic_cxr", "vindr_cxr"])
def test_films_keep_their_labels_and_official_splits_to_the_end(name: str, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    expected = ARCHIVES[name](tmp_path / "export")
    home = Home(tmp_path / "home").create()
    settings = settings_module.load(overrides=(f"collect.source={name}", "decode.workers=1", "decode.shards=1"))
    for stage in ("collect", "decode", "exclude", "group", "label", "split"):
        stages.execute(stage, home, settings, tmp_path / "export")
    paths = {row["image_id"]: path for path, row in by_path(home, "instances").items()}
    splits = {paths[row["image_id"]]: (row["split"], row["assigned_by"]) for row in home.read("splits").to_pylist()}
    assert {path for path in expected.films if path.endswith((".dcm", ".dicom"))} <= set(splits)
    assert splits == {path: (expected.films[path][2], "official") for path in splits}
    annotations = {(paths[row["image_id"]], row["annotator"], row["finding"], row["state"]) for row in home.read("annotations").to_pylist()}
    assert {label for label in expected.labels if label[0] in splits} <= annotations
    read = {path for path, annotator, _, state in annotations if annotator == "rules" and state in ("POSITIVE", "UNCERTAIN")}
    assert {path for path in expected.reports if path in splits} == read


def test_no_identifier_of_the_archive_leaves_private(curated: tuple[Home, str, Miniature]) -> None:
    home, _, expected = curated
    words = {patient for patient, _, _ in expected.films.values() if patient and len(patient) > 4}
    words |= {path.rpartition("/")[2].rpartition(".")[0] for path in expected.films}
    published = b"".join(path.read_bytes() for path in sorted(home.tables.rglob("*.parquet")))
    plain = "\n".join(str(home.read(name).to_pylist()) for name in ("files", "instances", "reports", "published_labels"))
    assert not [word for word in words if word in plain or word.encode() in published]
