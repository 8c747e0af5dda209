"""The command line: what a user types, reads, and is told when something is wrong."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from factories import tiny_home
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base import settings, stages
from pipeline.base.storage import Home

runner = CliRunner()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = tiny_home(tmp_path_factory.mktemp("cli") / "home", patients=12)
    stages.execute("exclude", _with_paths(made), settings.load())
    stages.execute("label", made, settings.load())
    return made


def _with_paths(made: Home) -> Home:
    import pyarrow as pa

    files = made.read("files", ["file_id"]).column("file_id").to_pylist()
    pq.write_table(pa.table({"file_id": files, "path": [f"dicom/{n}.dcm" for n in range(len(files))]}), made.private / "paths.parquet")
    (made.private / "export").write_text(str(made.root / "export"))
    return made


def say(*words: str) -> str:
    result = runner.invoke(cli.app, [*words], env={"COLUMNS": "220", "TERM": "dumb"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def fail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setattr(sys, "argv", ["cxr", *words])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "->" in said
    assert "Traceback" not in said
    return said


def test_sql_prints_a_table_and_the_three_formats(home: Home, tmp_path: Path) -> None:
    query = "SELECT finding, count(*) AS n FROM labels GROUP BY 1 ORDER BY 1"
    assert "Cardiomegaly" in say("sql", query, "--home", str(home.root))
    rows = list(csv.DictReader(say("sql", query, "--home", str(home.root), "--format", "csv").splitlines()))
    assert {row["n"] for row in rows} == {str(home.read("groups").num_rows)}
    assert json.loads(say("sql", query, "--home", str(home.root), "--format", "json"))[0]["finding"] == rows[0]["finding"]
    say("sql", query, "--home", str(home.root), "--format", "parquet", "--to", str(tmp_path / "x.parquet"))
    assert pq.read_table(tmp_path / "x.parquet").num_rows == len(rows)


def test_sql_shows_lists_and_bytes(home: Home) -> None:
    out = say("sql", "SELECT rule_ids, words FROM mentions LIMIT 3", "--home", str(home.root), "--format", "csv")
    assert out.startswith('"rule_ids","words"')
    assert "bytes>" in say("sql", "SELECT pixels FROM images LIMIT 1", "--home", str(home.root))


def test_why_tells_a_films_story_by_path_and_by_id(home: Home) -> None:
    ledger = home.read("private_files").to_pandas()
    row = ledger[ledger.disposition == "image"].iloc[0]
    by_path, by_id = say("why", row.path, "--home", str(home.root)), say("why", row.image_id, "--home", str(home.root))
    for story in (by_path, by_id):
        for part in (row.file_id, "decoding", "group", "annotations", "labels", "published:nih"):
            assert part in story


def test_why_shows_the_report_with_its_mentions(home: Home) -> None:
    found = home.sql(
        "SELECT i.image_id, m.words FROM mentions m JOIN reports r USING (report_id) JOIN instances i USING (study_id) ORDER BY ALL LIMIT 1"
    ).to_pylist()[0]
    story = say("why", found["image_id"], "--home", str(home.root))
    assert "FINDINGS:" in story
    assert found["words"] in story


def test_plugins_lists_every_seam() -> None:
    said = say("plugins")
    for name in ("dicom_folder", "rules", "u_ones", "cleanlab_self_confidence", "parquet", "mobilenet_v3_small", "paediatric"):
        assert name in said


def test_errors_are_two_lines_with_a_remedy(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = str(home.root)
    assert "is not a folder" in fail(capsys, monkeypatch, "run", str(tmp_path / "none"), "--home", str(tmp_path / "h"))
    assert "is not a home" in fail(capsys, monkeypatch, "sql", "SELECT 1", "--home", str(tmp_path / "nothing"))
    assert "does not run" in fail(capsys, monkeypatch, "sql", "SELEC 1", "--home", known)
    assert "neither a path" in fail(capsys, monkeypatch, "why", "nobody", "--home", known)
    assert "no format is called" in fail(capsys, monkeypatch, "export", "floppy", "--to", str(tmp_path / "f"), "--home", known)
    assert "parquet is not for a terminal" in fail(capsys, monkeypatch, "sql", "SELECT 1", "--format", "parquet", "--home", known)
    assert "predict.epochs" in fail(capsys, monkeypatch, "run", str(tmp_path), "--home", str(tmp_path / "h2"), "--set", "predict.epochs=-1")


def test_help_and_version() -> None:
    assert "cxr-curator" in say("--version")
    for command in ("run", "demo", "sample", "sql", "export", "why", "report", "plugins", "verdicts"):
        assert command in say("--help")


def test_report_of_a_home_that_is_half_way(home: Home) -> None:
    said = say("report", "--home", str(home.root))
    assert "films kept" in said
    assert "Cardiomegaly" in said


def test_sample_says_what_it_made_and_what_to_try(tmp_path: Path) -> None:
    said = say("sample", "--to", str(tmp_path / "hospital"), "--patients", "3")
    assert "3 patients" in said
    assert f"cxr run {tmp_path / 'hospital' / 'export'}" in said


def test_exports_and_the_reviewers_worksheet(home: Home, tmp_path: Path) -> None:
    for stage in ("predict", "rank", "review", "split"):
        quick = settings.load(
            profile="tiny", overrides=("predict.epochs=1", "predict.folds=2", "predict.size_px=32", "predict.min_positives=2")
        )
        stages.execute(stage, home, quick)
    assert "files" in say("export", "chexpert-csv", "--to", str(tmp_path / "csv"), "--home", str(home.root))
    sheet = tmp_path / "sheet.csv"
    say("verdicts", "export", str(sheet), "--home", str(home.root), "--limit", "3")
    rows = list(csv.DictReader(sheet.open()))
    with sheet.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | {"verdict": "1", "reader": "first reader"} for row in rows)
    assert f"{len(rows)} added" in say("verdicts", "import", str(sheet), "--home", str(home.root))
    stages.execute("label", home, quick)
    decided = home.sql("SELECT image_id, finding, state FROM labels WHERE decided_by = 'verdict'").to_pylist()
    assert {(row["image_id"], row["finding"], row["state"]) for row in decided} == {
        (row["image_id"], row["finding"], "POSITIVE") for row in rows
    }
