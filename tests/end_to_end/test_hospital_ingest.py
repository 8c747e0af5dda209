"""The real-film hospital export through collect, decode, exclude, group and label, held against its ledger."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pipeline.base import settings, stages
from pipeline.base.storage import Home

pytestmark = pytest.mark.hospital
EXCLUDED = (
    *("blank_image", "constant_image", "missing_patient_id", "wrong_modality", "truncated_file", "empty_file"),
    *("jpeg_named_dcm", "lateral", "conflicting_file"),
)


@pytest.fixture(scope="module")
def hospital(shared_data: Path) -> Path:
    folder = shared_data / "hospital"
    if not (folder / "export").is_dir():
        pytest.skip("no hospital export beside the checkout: real films are not shipped")
    return folder


@pytest.fixture(scope="module")
def home(hospital: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("hospital") / "home").create()
    for stage in ("collect", "decode", "exclude", "group", "label"):
        stages.execute(stage, made, settings.load(), hospital / "export")
    return made


@pytest.fixture(scope="module")
def ledger(home: Home, hospital: Path) -> pd.DataFrame:
    planted = pd.read_csv(hospital / "truth" / "planted.csv").fillna("")
    planted["path"] = planted.path.str.removeprefix("export/")
    return planted.merge(home.read("private_files").to_pandas(), on="path", how="left", validate="many_to_one")


@pytest.mark.parametrize("kind", EXCLUDED)
def test_planted_exclusions_are_excluded_with_a_reason(ledger: pd.DataFrame, kind: str) -> None:
    rows = ledger[ledger.kind == kind]
    assert len(rows)
    assert rows.disposition.eq("excluded").all()
    assert rows.reason.str.len().gt(0).all()


def test_every_clean_film_is_kept_and_every_file_is_on_a_row(ledger: pd.DataFrame, home: Home, hospital: Path) -> None:
    films = pd.read_csv(hospital / "truth" / "images.csv").path.str.removeprefix("export/")
    rows = home.read("private_files").to_pandas().set_index("path").disposition
    assert rows.reindex(films[~films.isin(ledger.path)]).eq("image").all()
    on_disk = {path.relative_to(hospital / "export").as_posix() for path in (hospital / "export").rglob("*") if path.is_file()}
    assert on_disk == set(rows.index)


def test_side_and_build_flag_few_clean_films_and_the_planted_ages(ledger: pd.DataFrame, home: Home) -> None:
    """The weights were trained on these films: what unseen films give is measured by benchmarks/bench_film_checks.py."""
    files = home.read("private_files").to_pandas()
    clean = files[files.disposition.eq("image") & ~files.path.isin(ledger.path)]
    flagged = clean["flags"].map(lambda flags: bool({"mirrored_film", "age_contradicted"} & set(flags)))
    assert flagged.mean() <= 0.01
    assert ledger[ledger.kind == "paediatric"]["flags"].map(lambda flags: "age_contradicted" in flags).all()


def test_duplicates_across_patients_share_a_group(ledger: pd.DataFrame, home: Home) -> None:
    groups = home.read("groups").to_pandas().set_index("image_id").group_id
    paths = home.read("private_files").to_pandas().set_index("path").image_id
    twins = ledger[ledger.kind == "duplicate_across_patients"]
    for row in twins.itertuples():
        assert groups[row.image_id] == groups[paths[row.detail.removeprefix("export/")]]


def test_films_without_a_reading_are_nobodys_and_never_negative(ledger: pd.DataFrame, home: Home) -> None:
    silent = ledger[ledger.kind.isin(["report_missing", "report_empty"])].image_id
    said = home.read("annotations").to_pandas()
    assert not said[said.image_id.isin(silent) & ~said.annotator.str.startswith("published:")].shape[0]


def test_no_planted_identity_is_published(home: Home, hospital: Path) -> None:
    """Names anywhere, numbers as whole runs of digits, in every table outside private."""
    planted = pd.read_csv(hospital / "truth" / "phi.csv").value.str.strip().str.lower()
    words = [value for value in planted if len(value) >= 6 and not value.isdigit()]
    numbers = {value for value in planted if value.isdigit()}
    for path in home.tables.rglob("*.parquet"):
        text = str(pd.read_parquet(path).drop(columns=["pixels", "thumbnail"], errors="ignore").to_dict("list")).lower()
        assert not [word for word in words if word in text]
        assert not numbers & set(pd.Series([text]).str.findall(r"\d+")[0])
