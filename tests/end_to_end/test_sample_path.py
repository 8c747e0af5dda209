"""A sample hospital through all eleven stages, held against its ledger; interruptions; a second run; ten more films."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from pipeline.base import stages
from pipeline.base.storage import Home
from pipeline.cli.demo import defects, judged_cells
from pipeline.decode.wording import tesseract
from pipeline.definitions import run_path
from pipeline.sample import make

KEY = "a key for tests alone, 32 characters or more"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "stage_counts.json"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def _key() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXR_PSEUDONYM_KEY", KEY)
        patch.delenv("DAGSTER_HOME", raising=False)
        yield


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "hospital"
    make(folder, 60, 0)
    return folder


@pytest.fixture(scope="module")
def finished(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, list[stages.Done]]:
    root = tmp_path_factory.mktemp("run") / "home"
    done = run_path(root, sample / "export", "tiny", ("predict.epochs=2", "validate.epochs=2"))
    return Home(root), done


def bytes_of(home: Home) -> dict[str, bytes]:
    return {path.relative_to(home.root).as_posix(): path.read_bytes() for path in sorted(home.tables.rglob("*.parquet"))}


def test_all_stages_ran_in_order_and_every_table_exists(finished: tuple[Home, list[stages.Done]]) -> None:
    home, done = finished
    assert [step.stage for step in done] == list(stages.NAMES)
    for stage in stages.STAGES:
        assert all(home.exists(table) for table in stage.writes)


def test_stage_counts_are_golden(finished: tuple[Home, list[stages.Done]]) -> None:
    """Counts that no floating-point library decides; after a wanted change: CXR_GOLDEN=1 make test ARGS=tests/end_to_end."""
    exact = ("collect", "decode", "exclude", "group", "review")
    counts = {step.stage: step.result.counts for step in finished[1] if step.stage in exact}
    if os.environ.get("CXR_GOLDEN"):
        GOLDEN.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")
    assert counts == json.loads(GOLDEN.read_text())


def test_planted_defects_end_as_they_should(finished: tuple[Home, list[stages.Done]], sample: Path) -> None:
    right, planted = defects(finished[0], pd.read_csv(sample / "truth" / "planted.csv").fillna(""))
    assert right == planted > 10


@pytest.mark.skipif(not tesseract(), reason="tesseract is not installed: sh .ci/system-packages.sh")
def test_a_name_in_the_pixels_that_no_header_admits_is_painted_over(finished: tuple[Home, list[stages.Done]], sample: Path) -> None:
    home = finished[0]
    planted = pd.read_csv(sample / "truth" / "planted.csv").query("kind == 'burned_in_unadmitted'").path.str.removeprefix("export/")
    ledger = home.read("private_files").to_pandas().set_index("path")
    flags = home.sql("SELECT file_id FROM exclusions WHERE reason = 'text_redacted'").column("file_id").to_pylist()
    assert len(planted)
    assert set(ledger.loc[planted, "file_id"]) <= set(flags)
    assert len(flags) < len(planted) + 0.02 * len(home.read("images", ["image_id"]))


def test_no_planted_identity_is_published_or_logged(finished: tuple[Home, list[stages.Done]], sample: Path) -> None:
    home = finished[0]
    secrets = [value for value in pd.read_csv(sample / "truth" / "phi.csv").value.str.strip() if len(value) >= 8]
    for path in home.root.rglob("*"):
        if path.is_file() and home.private not in path.parents and path.suffix != ".parquet":
            text = path.read_bytes().decode("utf-8", "ignore")
            assert not [secret for secret in secrets if secret in text], path.name


def test_wrong_labels_are_found_far_above_chance(finished: tuple[Home, list[stages.Done]], sample: Path) -> None:
    cells = judged_cells(finished[0], pd.read_csv(sample / "truth" / "cells.csv"))
    wrong = cells.published_wrong.eq(1)
    first = wrong[cells["rank"].sort_values().index][:40]
    assert first.mean() > 3 * wrong.mean()


def test_a_second_run_is_up_to_date_and_byte_identical(finished: tuple[Home, list[stages.Done]], sample: Path) -> None:
    home, _ = finished
    before = bytes_of(home)
    again = run_path(home.root, sample / "export", "tiny", ("predict.epochs=2", "validate.epochs=2"))
    assert {step.stage for step in again if not step.skipped} == {"collect", "decode"}
    assert next(step for step in again if step.stage == "decode").result.counts.get("new", 0) == 0
    assert bytes_of(home) == before


def test_a_run_killed_again_and_again_ends_like_an_undisturbed_one(
    sample: Path, tmp_path: Path, finished: tuple[Home, list[stages.Done]]
) -> None:
    root = tmp_path / "home"
    command = [
        sys.executable,
        "-m",
        "pipeline.cli",
        "run",
        str(sample / "export"),
        "--home",
        str(root),
        "--profile",
        "tiny",
        "--until",
        "label",
    ]
    for seconds in (6.0, 8.5, 10.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    last = subprocess.run(command, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    mine, undisturbed = bytes_of(Home(root)), bytes_of(finished[0])
    assert mine == {name: undisturbed[name] for name in mine}
    assert not list(root.rglob("*.tmp"))


def test_ten_more_films_decode_ten(sample: Path, tmp_path: Path) -> None:
    import shutil

    export = tmp_path / "export"
    films = sorted(path for path in (sample / "export" / "dicom").rglob("*.dcm") if path.stem.startswith("2.25"))
    later = films[:10]
    shutil.copytree(sample / "export", export, ignore=lambda folder, names: [name for name in names if Path(folder, name) in later])
    run_path(tmp_path / "home", export, "tiny", until="decode")
    for path in later:
        shutil.copy(path, export / path.relative_to(sample / "export"))
    decode = run_path(tmp_path / "home", export, "tiny", until="decode")[-1]
    assert decode.result.counts["new"] == 10
