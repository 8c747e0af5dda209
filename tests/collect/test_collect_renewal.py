"""An export that grows, shrinks and changes: the tables of a home that followed it are those of a home that sees it for the first time."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dicoms import gradient, make_dicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline import collect
from pipeline.base import settings as settings_module
from pipeline.base import stages
from pipeline.base.storage import Home, copy_batches
from pipeline.collect import renewal

SETTINGS = settings_module.load(overrides=("decode.workers=1", "decode.shards=3"))
TABLES = ("files", "instances", "reports", "published_labels", "deidentification")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "k" * 40)


def film(export: Path, number: int, *, patient: int | None = None, shift: int = 0) -> None:
    who = number % 3 if patient is None else patient
    make_dicom(
        export / f"dicom/f{number}.dcm",
        gradient(8, 8 + shift),
        PatientID=f"MRN{who}000001",
        AccessionNumber=f"ACC{number:03d}",
        StudyDate="20200105",
    )


def report(export: Path, number: int, text: str) -> None:
    (export / "reports").mkdir(exist_ok=True)
    (export / f"reports/ACC{number:03d}.txt").write_text(text)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    for number in range(8):
        film(folder, number)
        report(folder, number, f"FINDINGS: Nodule of {number} mm.")
    return folder


def collected(home: Path, export: Path) -> dict[str, bytes]:
    """Every file that the stage leaves, after one run."""
    made = Home(home).create()
    stages.execute("collect", made, SETTINGS, export)
    names = [*(made.path(name) for name in TABLES), *sorted(made.private.glob("*.parquet"))]
    return {path.name: path.read_bytes() for path in names}


def changed(export: Path, step: int) -> None:
    """What happens to an export, one thing a step."""
    match step:
        case 0:
            film(export, 20)
        case 1:
            (export / "dicom/f3.dcm").unlink()
        case 2:
            film(export, 5, patient=1, shift=8)  # changed, and another patient's
        case 3:
            report(export, 2, "IMPRESSION: Clear.")
        case 4:
            (export / "reports/ACC004.txt").unlink()
        case 5:
            (export / "labels.csv").write_text("AccessionNumber,Finding Labels\nACC000,Effusion\n")
        case 6:
            (export / "again").mkdir()
            shutil.move(export / "reports/ACC006.txt", export / "again/ACC006.txt")
        case 7:
            (export / "labels.csv").write_text("name,number\nnothing,1\n")
        case 8:
            report(export, 20, "IMPRESSION: New film.")
        case 9:
            film(export, 40)
            (export / "dicom/f0.dcm").unlink()
            (export / "reports/ACC007.txt").write_text("FINDINGS: Other.")


def test_a_home_that_followed_its_export_is_one_that_sees_it_first(tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "PIECE", 4)  # several pieces, with old and new rows across their edges
    collected(tmp_path / "home", export)
    for step in range(10):
        changed(export, step)
        assert collected(tmp_path / "home", export) == collected(tmp_path / f"fresh{step}", export), step


def test_rows_of_unchanged_files_are_not_made_again(tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collected(tmp_path / "home", export)
    film(export, 20)
    told: list[int] = []
    made = renewal.renewed

    def counted(path: Path, schema: pa.Schema, touched: list[str], rows: object) -> object:
        told.append(len(touched))
        return made(path, schema, touched, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(collect, "renewed", counted)
    collected(tmp_path / "home", export)
    assert told == [1] * 5
    collected(tmp_path / "home", export)
    assert told == [1] * 5  # nothing changed: nothing is written


def test_tables_that_somebody_touched_are_made_whole_again(tmp_path: Path, export: Path) -> None:
    first = collected(tmp_path / "home", export)
    home = Home(tmp_path / "home")
    pq.write_table(home.read("files").slice(0, 2), home.path("files"))
    home.path("instances").unlink()
    assert collected(tmp_path / "home", export) == first


def test_tables_of_other_settings_are_made_whole_again(tmp_path: Path, export: Path) -> None:
    collected(tmp_path / "home", export)
    film(export, 20)
    home = Home(tmp_path / "home")
    stages.execute("collect", home, settings_module.load(overrides=("decode.shards=1",)), export)
    assert set(home.read("instances", ["shard"]).column("shard").to_pylist()) == {0}


def test_a_run_killed_between_two_tables_is_made_good(tmp_path: Path, export: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    collected(tmp_path / "home", export)
    film(export, 20)
    write = Home.write_batches

    def dies(home: Home, name: str, batches: object) -> int:
        if name == "reports":
            raise KeyboardInterrupt
        return write(home, name, batches)  # type: ignore[arg-type]

    monkeypatch.setattr(Home, "write_batches", dies)
    with pytest.raises(KeyboardInterrupt):
        collected(tmp_path / "home", export)
    monkeypatch.undo()
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", "k" * 40)
    assert collected(tmp_path / "home", export) == collected(tmp_path / "fresh", export)


SCHEMA = pa.schema([("key", pa.string()), ("value", pa.int64())])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=st.sets(st.integers(0, 60)), gone=st.sets(st.integers(0, 60)), new=st.sets(st.integers(0, 60)), piece=st.integers(1, 9))
def test_renewed_is_what_a_dictionary_would_hold(tmp_path: Path, old: set[int], gone: set[int], new: set[int], piece: int) -> None:
    rng = random.Random(len(old))
    before = {f"k{number:02d}": rng.randrange(9) for number in sorted(old)}
    fresh = {f"k{number:02d}": 100 + number for number in sorted(new)}
    touched = sorted({f"k{number:02d}" for number in gone} | set(fresh))
    after = {key: value for key, value in before.items() if key not in touched} | fresh
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renewal, "PIECE", piece)
        write(tmp_path / "base", renewal.made(rows(before), SCHEMA))
        write(tmp_path / "renewed", renewal.renewed(tmp_path / "base", SCHEMA, touched, rows(fresh)))
        write(tmp_path / "whole", renewal.made(rows(dict(sorted(after.items()))), SCHEMA))
    assert (tmp_path / "renewed").read_bytes() == (tmp_path / "whole").read_bytes()


def rows(held: dict[str, int]) -> list[renewal.Row]:
    return [{"key": key, "value": value} for key, value in held.items()]


def write(path: Path, tables: object) -> None:
    copy_batches(tables, SCHEMA, path)  # type: ignore[arg-type]
