"""The label files that the package torchxrayvision carries, in full, against numbers their publishers and a plain reader give."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import os
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.base.interfaces import SOURCES, FileLabels, FilmFacts, FoundFile
from pipeline.base.labels import LabelState
from pipeline.collect import published

P, N, U, S = LabelState.POSITIVE, LabelState.NEGATIVE, LabelState.UNCERTAIN, LabelState.UNMENTIONED


@pytest.fixture(scope="module")
def data() -> Path:
    """The package's data; it is found, never imported."""
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        pytest.skip("the label files are in a package: make test-upstream")
    return Path(spec.origin).parent / "data"


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """No file takes longer than this, in CPU time."""
    start = time.process_time()
    yield
    assert time.process_time() - start < 20


def rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as handle:
        yield from csv.DictReader(handle)


def read(path: Path) -> Iterator[FileLabels]:
    found = published.recognise(path)
    assert found is not None
    assert found.layout is not None
    return found.layout.read(found.table)


def films(source: str, table: Path, export: Path, name: str, folder: str = "") -> dict[str, FilmFacts | None]:
    """Facts of every film that a column of the table names, the table being all there is in the export."""
    os.link(table, export / table.name) if table.stat().st_dev == export.stat().st_dev else (export / table.name).write_bytes(
        table.read_bytes()
    )
    of = SOURCES.get(source).facts(str(export))
    return {row[name]: of(FoundFile(f"{folder}{row[name]}", 1, "")) for row in rows(table)}


def test_chexpert_keeps_every_cell(data: Path) -> None:
    path = data / "chexpert_train.csv.gz"
    states: Counter[LabelState] = Counter()
    n = 0
    for row in read(path):
        states.update(row.states.values())
        n += 1
    cells: Counter[str] = Counter()
    for raw in rows(path):
        cells.update(list(raw.values())[5:])
    assert n == 223_414
    assert (states[P], states[N], states[U], states[S]) == (cells["1.0"], cells["0.0"], cells["-1.0"], cells[""])
    assert states[U] == 139_958
    assert states.total() == 223_414 * 14


def test_chexpert_films(data: Path, tmp_path: Path) -> None:
    found = [one for one in films("chexpert", data / "chexpert_train.csv.gz", tmp_path, "Path").values() if one is not None]
    assert len(found) == len({one.image_uid for one in found}) == 223_414
    assert len({one.patient_id for one in found}) == 64_540
    assert Counter(one.view_position for one in found) == {"AP": 161_590, "LATERAL": 32_387, "PA": 29_420, None: 17}
    assert sum(one.patient_age_years is None for one in found) == 3
    assert Counter(one.patient_sex for one in found)[None] == 1
    assert {one.split for one in found} == {"train"}


def test_nih_keeps_every_label(data: Path) -> None:
    path = data / "Data_Entry_2017_v2020.csv.gz"
    n = positives = 0
    for row in read(path):
        positives += sum(state is P for state in row.states.values())
        n += 1
    assert n == 112_120
    assert positives == sum(raw["Finding Labels"].count("|") + 1 for raw in rows(path))


def test_nih_films(data: Path, tmp_path: Path) -> None:
    found = [one for one in films("nih_chestxray14", data / "Data_Entry_2017_v2020.csv.gz", tmp_path, "Image Index").values() if one]
    assert len(found) == 112_120
    assert len({one.patient_id for one in found}) == 30_805
    assert Counter(one.view_position for one in found) == {"PA": 67_310, "AP": 44_810}
    assert sum(one.patient_age_years is not None and one.patient_age_years < 18 for one in found) == 5_402
    assert max(Counter(one.patient_id for one in found).values()) == 184
    assert all(one.pixel_spacing_mm and 0.1 < one.pixel_spacing_mm < 1 for one in found)


def test_nih_boxes(data: Path) -> None:
    found = list(read(data / "BBox_List_2017.csv.gz"))
    assert len(found) == 880
    with gzip.open(data / "BBox_List_2017.csv.gz", "rt") as handle:
        assert len({tuple(line.split(",")[:2]) for line in list(handle)[1:]}) == sum(Counter(row.states.values())[P] for row in found)


def test_vindr_is_read_by_three_of_seventeen(data: Path) -> None:
    path = data / "vinbigdata-train.csv.gz"
    found = list(read(path))
    assert len(found) == 45_000
    assert set(Counter(row.names for row in found).values()) == {3}
    assert len(Counter(row.names for row in found)) == 15_000
    assert len({row.annotator for row in found}) == 17
    normal = {(raw["image_id"], raw["rad_id"]) for raw in rows(path) if raw["class_name"] == "No finding"}
    assert sum(row.states["No Finding"] is P for row in found) == len(normal)


def test_rsna_names_each_film_alike(data: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(data / "kaggle_stage_2_train_labels.csv.zip") as archive:
        (name,) = [one for one in archive.namelist() if one.endswith(".csv")]
        path = Path(archive.extract(name, tmp_path))
    found = list(read(path))
    assert len(found) == 30_227
    by_film = {row.names: row.states for row in found}
    assert len(by_film) == 26_684
    assert all(by_film[row.names] == row.states for row in found)
    assert sum(states["Lung Opacity"] is P for states in by_film.values()) == 6_012


def test_siim_names_each_film_alike(data: Path) -> None:
    found = list(read(data / "siim-pneumothorax-train-rle.csv.gz"))
    by_film = {row.names: row.states for row in found}
    assert len(found) == 12_954
    assert all(by_film[row.names] == row.states for row in found)


def test_padchest_loses_only_what_upstream_lost(data: Path) -> None:
    path = data / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    found = Counter(row.annotator for row in read(path))
    raw = Counter((row["MethodLabel"], row["Labels"] in ("", "nan")) for row in rows(path))
    assert found == {"published:padchest-manual": raw["Physician", False], "published:padchest": raw["RNN_model", False]}
    assert sum(raw.values()) == 160_861
    assert found.total() == 160_861 - 103


def test_padchest_films(data: Path, tmp_path: Path) -> None:
    table = data / "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"
    found = [one for one in films("padchest", table, tmp_path, "ImageID", "0/").values() if one]
    assert len(found) == len({one.image_uid for one in found}) == 160_861
    views = Counter(one.view_position for one in found)
    assert views == {"PA": 91_728, "LATERAL": 49_579, "AP": 14_346 + 4_559, "COSTAL": 630, None: 19}
    assert sum(one.patient_age_years is None for one in found) == 6
    assert all(one.patient_id and one.study_date for one in found)
