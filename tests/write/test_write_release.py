"""The release: named by its contents, byte-identical when rebuilt, checkable, and its card says what the tables say."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline import write
from pipeline.base import tables
from pipeline.base.errors import HomeError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.write import facts, release, scores

SETTINGS = Settings()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def released(home: Home) -> Path:
    return home.releases / str(write.run(home, SETTINGS).counts["release_id"])


@pytest.fixture(scope="module")
def folder(curated: Home) -> Path:
    return released(curated)


def section(card: str, heading: str) -> str:
    return card.split(f"## {heading}\n")[1].split("\n## ")[0]


def cells(text: str, first: str) -> list[str]:
    """The cells after the first of the table row that starts with `first`."""
    row = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_it_holds_what_a_release_holds(folder: Path) -> None:
    expected = {"README.md", "flow.png", "labels.png", "croissant.json", "release.json", "SHA256SUMS"}
    assert expected | {f"tables/{name}.parquet" for name in ("curated", *release.TABLES)} == set(contents(folder))


def test_checksums_are_true_and_sha256sum_agrees(folder: Path) -> None:
    lines = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert lines == {path: hashlib.sha256(data).hexdigest() for path, data in contents(folder).items() if path != "SHA256SUMS"}
    run = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True, check=False, timeout=30)
    assert run.returncode == 0, run.stderr


def test_rebuilt_from_nothing_it_is_the_same_byte_for_byte(own: Home) -> None:
    """Also after a build that was cut off, whose remains must go."""
    (first,) = (contents(folder) for folder in own.releases.iterdir())
    shutil.rmtree(own.releases)
    (own.releases / ".building" / "tables").mkdir(parents=True)
    (own.releases / ".building" / "tables" / "stray.parquet").write_bytes(b"half")
    folder = released(own)
    assert contents(folder) == first
    assert list(own.releases.iterdir()) == [folder]


def test_a_second_run_rewrites_nothing(own: Home) -> None:
    (folder,) = own.releases.iterdir()
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    listing = own.path("releases").read_bytes()
    assert released(own) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert own.path("releases").read_bytes() == listing
    assert list(own.releases.iterdir()) == [folder]


def test_other_contents_are_another_release_and_the_old_one_stays(own: Home) -> None:
    (folder,) = own.releases.iterdir()
    before = contents(folder)
    labels = own.read("labels")
    own.write("labels", labels.set_column(labels.column_names.index("p_positive"), "p_positive", [[0.5] * labels.num_rows]))
    assert released(own) != folder
    assert contents(folder) == before


def test_a_damaged_release_is_made_again(own: Home) -> None:
    (folder,) = own.releases.iterdir()
    before = contents(folder)
    (folder / "README.md").write_text("other words")
    assert released(own) == folder
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: (folder / "README.md").write_text("other words"), ["README.md was changed"]),
        (lambda folder: (folder / "tables" / "labels.parquet").unlink(), ["tables/labels.parquet is missing"]),
        (lambda folder: (folder / "notes.txt").write_text("stray"), ["notes.txt does not belong to the release"]),
        (lambda folder: (folder / "SHA256SUMS").unlink(), ["SHA256SUMS is missing"]),
        (lambda folder: None, []),
    ],
)
def test_verify_says_what_was_harmed(folder: Path, tmp_path: Path, harm: Callable[[Path], object], words: list[str]) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    harm(tmp_path / "copy")
    assert release.verify(tmp_path / "copy") == words


def test_the_table_releases_lists_every_file(curated: Home, folder: Path) -> None:
    rows = {row["path"]: row for row in curated.read("releases").to_pylist()}
    found = contents(folder)
    assert set(rows) == set(found)
    assert all(
        rows[path]["sha256"] == hashlib.sha256(data).hexdigest() and rows[path]["size_bytes"] == len(data) for path, data in found.items()
    )
    assert rows["tables/curated.parquet"]["n_rows"] == curated.read("labels").num_rows
    assert {row["release_id"] for row in rows.values()} == {folder.name}


def test_tables_are_copied_whole(curated: Home, folder: Path) -> None:
    for name in release.TABLES:
        assert (folder / "tables" / f"{name}.parquet").read_bytes() == curated.path(name).read_bytes()
    view = curated.sql("SELECT * FROM curated ORDER BY image_id, finding")
    assert pq.read_table(folder / "tables" / "curated.parquet").equals(view)


def test_release_json_says_how_it_was_made_and_no_time(folder: Path) -> None:
    made = json.loads((folder / "release.json").read_text())
    assert made["release_id"] == folder.name
    assert made["settings"] == SETTINGS.model_dump(mode="json", by_alias=True)
    assert made["seed"] == SETTINGS.seed
    assert set(made["code"]) == {"commit", "digest"}
    assert {"python", "torch", "duckdb"} <= set(made["versions"])
    sums = {name: hashlib.sha256((folder / "tables" / f"{name}.parquet").read_bytes()).hexdigest() for name in made["tables"]}
    assert {name: table["sha256"] for name, table in made["tables"].items()} == sums
    assert not re.search(r"\d{4}-\d{2}-\d{2}", json.dumps(made))


def test_provenance_leaves_the_id_alone_and_names_no_folder_of_this_machine(own: Home) -> None:
    (old,) = (folder.name for folder in own.releases.iterdir())
    shutil.rmtree(own.releases)
    own.releases.mkdir()
    chosen = Settings.model_validate({"predict": {"checkpoint": "/data/jane.doe/nets/best.pt"}, "decode": {"workers": 7}})
    folder = own.releases / str(write.run(own, chosen).counts["release_id"])
    assert folder.name == old
    made = json.loads((folder / "release.json").read_text())["settings"]
    assert (made["predict"]["checkpoint"], made["decode"]["workers"]) == ("best.pt", 7)
    assert all(b"jane.doe" not in data for data in contents(folder).values())


def test_a_home_that_was_not_run_to_the_end_is_refused(own: Home) -> None:
    own.path("scores").unlink()
    with pytest.raises(HomeError, match="table scores was not made yet"):
        write.run(own, SETTINGS)


def test_card_header_is_yaml_that_hugging_face_knows(curated: Home, folder: Path) -> None:
    header = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    assert header["task_categories"] == ["image-classification"]
    assert header["size_categories"] == ["n<1K"]
    assert (folder / header["configs"][0]["data_files"]).exists()


def test_card_counts_equal_the_tables(curated: Home, folder: Path) -> None:
    card = (folder / "README.md").read_text()
    groups, labels = curated.read("groups").to_pylist(), curated.read("labels").to_pylist()
    kinds = Counter(row["file_kind"] for row in curated.read("files").to_pylist())
    flow = section(card, "From files to splits")
    assert cells(flow, "files in the export") == [str(sum(kinds.values()))]
    assert [cells(flow, f"of these {kind}") for kind in ("dicom", "report", "other")] == [
        [str(kinds[kind])] for kind in ("dicom", "report", "other")
    ]
    assert cells(flow, "films kept") == [str(len(groups))]
    assert cells(flow, "`truncated_file`")[:3] == ["excluded", "1", "0"]
    assert cells(flow, "`not_dicom`")[:3] == ["not a film", "0", "1"]
    assert cells(flow, "`paediatric`")[0] == "1"
    assert "unaccounted" not in flow
    where = {row["image_id"]: row["split"] for row in curated.read("splits").to_pylist()}
    for name, films in Counter(where.values()).items():
        patients = {row["patient_id"] for row in groups if where[row["image_id"]] == name}
        assert cells(section(card, "Splits"), name) == [str(films), str(len(patients)), "0"]
    for finding in {row["finding"] for row in labels}:
        mine = [row for row in labels if row["finding"] == finding]
        state, given = Counter(row["state"] for row in mine), Counter(row["given_label"] for row in mine)
        shown = cells(section(card, "Labels"), finding)
        assert shown[:4] == [f"{state[name]} ({given[name]})" for name in tables.STATE_VALUES]
        assert shown[4:] == [str(sum(row["is_conflict"] for row in mine)), str(sum(row["verdict"] is not None for row in mine))]
    issues = curated.read("label_issues").to_pylist()
    assert f"{sum(row['is_label_issue'] for row in issues)} of {len(issues)} judged labels are flagged" in card


def test_card_targets_follow_verdicts_and_doubt_issues(curated: Home, folder: Path) -> None:
    text = section((folder / "README.md").read_text(), "Labels").split("Training targets")[1]
    issues = curated.read("label_issues").to_pylist()
    doubted = {(row["image_id"], row["finding"]): row["p_positive"] for row in issues if row["is_label_issue"]}
    where = {row["image_id"]: row["split"] for row in curated.read("splits").to_pylist()}
    positive, known = Counter[str](), Counter[str]()
    for row in curated.read("labels").to_pylist():
        if row["finding"] != "Edema":
            continue
        target = doubted.get((row["image_id"], "Edema"), row["given_target"])
        target = {"POSITIVE": 1.0, "NEGATIVE": 0.0, "UNCERTAIN": None}.get(row["verdict"], target)
        known[where[row["image_id"]]] += target is not None
        positive[where[row["image_id"]]] += target is not None and target >= 0.5
    assert cells(text, "Edema")[1::2] == [f"{positive[name]} / {known[name]}" for name in tables.SPLITS]


def test_a_lost_dicom_file_is_told_in_card_and_warning(own: Home) -> None:
    own.write("exclusions", tables.empty("exclusions"))
    result = write.run(own, SETTINGS)
    assert result.warnings == ("1 DICOM files are neither kept nor in exclusions",)
    card = (own.releases / str(result.counts["release_id"]) / "README.md").read_text()
    assert cells(card, "**DICOM files unaccounted for**") == ["1"]


def test_no_placeholder_and_no_path_is_left_in_the_card(curated: Home, folder: Path) -> None:
    for name in ("README.md", "croissant.json", "release.json"):
        text = (folder / name).read_text()
        assert "@release_id@" not in text
        assert str(curated.root) not in text
    assert not re.search(r"\$\w+", (folder / "README.md").read_text())
    assert "None" not in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("metric", "interval", "words"),
    [
        ("auroc", (0.01, 0.05), "improved AUROC"),
        ("auroc", (-0.05, -0.01), "worsened AUROC"),
        ("auroc", (-0.01, 0.05), "no difference is shown"),
        ("brier", (-0.05, -0.01), "improved Brier score"),
        ("brier", (0.01, 0.05), "worsened Brier score"),
        ("ece", (0.0, 0.05), "no difference is shown"),
        ("auprc", (None, None), "cannot be estimated"),
    ],
)
def test_gain_in_words(metric: str, interval: tuple[float | None, float | None], words: str) -> None:
    low, high = interval
    estimate = None if low is None or high is None else (low + high) / 2
    assert words in scores.gain_in_words(metric, {"estimate": estimate, "ci_low": low, "ci_high": high})


def test_a_home_without_scores_says_so(own: Home) -> None:
    own.write("scores", tables.empty("scores"))
    text = section((released(own) / "README.md").read_text(), "Does cleaning help?")
    assert "Not known: no finding has enough" in text
    assert "published models".casefold() in text.casefold(), "what others' models score is known all the same"


def test_card_names_published_models_by_their_weights(own: Home) -> None:
    shown = cells(section((released(own) / "README.md").read_text(), "Does cleaning help?"), "chexnet (`abababababab`)")
    assert shown == ["macro", "5 / 8", "0.710 (0.610 to 0.810)", "0.420 (0.320 to 0.520)"]
    own.write("published_model_scores", tables.empty("published_model_scores"))
    assert "Published models" not in (released(own) / "README.md").read_text()


def test_every_needed_table_is_asked_for() -> None:
    read = {name for query in facts.QUERIES.values() for name in re.findall(r"(?:FROM|JOIN) (\w+)", query)} - {"curated"}
    assert read <= set(facts.NEEDS)
    assert set(release.TABLES) <= set(facts.NEEDS)


def test_croissant_loads_and_reads_records(curated: Home, folder: Path) -> None:
    croissant: Any = pytest.importorskip("mlcroissant")
    dataset = croissant.Dataset(jsonld=str(folder / "croissant.json"))
    assert not dataset.metadata.issues.errors
    records = list(dataset.records("splits"))
    rows = curated.read("splits").to_pylist()
    assert [record["splits/image_id"].decode() for record in records] == [row["image_id"] for row in rows]


def test_croissant_names_every_table_and_column(folder: Path) -> None:
    document = json.loads((folder / "croissant.json").read_text())
    assert document["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert document["version"] == f"1.0.0+{folder.name}"
    for entry in document["distribution"]:
        assert hashlib.sha256((folder / entry["contentUrl"]).read_bytes()).hexdigest() == entry["sha256"]
    columns = {records["@id"]: [field["name"] for field in records["field"]] for records in document["recordSet"]}
    assert columns == {path.stem: pq.read_schema(path).names for path in (folder / "tables").glob("*.parquet")}
