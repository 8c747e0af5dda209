"""The stage in batches: how many files or films are in memory at a time changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import tiny_home

from pipeline import exclude
from pipeline.base import settings, tables
from pipeline.base.storage import Home, copy_parquet
from pipeline.exclude import film_set, manifest
from pipeline.exclude.film_checks import unlikeness
from pipeline.exclude.manifest import HEAD, broken_lines

SETTINGS = settings.load()
WRITTEN = ("film_checks", "exclusions", "manifest", "private_files")
ODD = {"other": None, "archive": None, "published_labels": None, "dicom": "damaged_header"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """120 films, most with a report, and files of every other kind."""
    made = tiny_home(tmp_path_factory.mktemp("exclude") / "home", patients=80)
    odd = [
        {"file_id": f"f{at}odd{kind}", "file_kind": kind, "size_bytes": 1, "content_digest": kind, "read_error": error}
        for at in "0fz"
        for kind, error in ODD.items()
    ]
    schema = tables.BY_NAME["files"].types
    files = made.write("files", pa.concat_tables([made.read("files").cast(schema), pa.Table.from_pylist(odd, schema=schema)]))
    headers = made.read("instances").to_pylist()
    for row, change in zip(
        headers[::9], [{"view_position": None}, {"view_position": "LL"}, {"modality": "CT"}, {"patient_age_years": 3}] * 9, strict=False
    ):
        row |= change
    made.write("instances", pa.Table.from_pylist(headers, schema=tables.BY_NAME["instances"].types))
    copy_parquet(
        pa.table({"file_id": files["file_id"], "path": [f"{name[::-1]}.dcm" for name in files["file_id"].to_pylist()]}),
        made.private / "paths.parquet",
    )
    return made


def written(home: Home) -> dict[str, pa.Table]:
    exclude.run(home, SETTINGS)
    return {name: pq.read_table(home.path(name)) for name in WRITTEN}


@pytest.mark.parametrize("size", [7, 64])
def test_the_size_of_batches_changes_no_row(home: Home, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    at_once, head = written(home), (home.private / HEAD).read_text()
    monkeypatch.setattr(exclude, "BATCH", size)
    monkeypatch.setattr(exclude, "ROW_GROUP", 5)
    monkeypatch.setattr(manifest, "ROW_GROUP", 5)
    monkeypatch.setattr(film_set, "BLOCK", size)
    in_batches = written(home)
    for name in ("exclusions", "manifest", "private_files"):
        assert in_batches[name].equals(at_once[name]), name
    assert (home.private / HEAD).read_text() == head
    for column in tables.BY_NAME["film_checks"].columns:
        one, other = (found["film_checks"][column.name] for found in (at_once, in_batches))
        if pa.types.is_floating(column.type):
            # Features are sums of 1,024 float32, in another order in blocks of another shape.
            np.testing.assert_allclose(other.to_numpy(), one.to_numpy(), rtol=0, atol=1e-5)
        else:
            assert other.equals(one)


def test_a_second_run_writes_the_same_bytes(home: Home) -> None:
    exclude.run(home, SETTINGS)
    before = {name: home.path(name).read_bytes() for name in WRITTEN}
    exclude.run(home, SETTINGS)
    assert {name: home.path(name).read_bytes() for name in WRITTEN} == before
    assert not list(home.private.glob(".*.tmp"))


def test_every_file_is_accounted_for(home: Home) -> None:
    found = written(home)
    files = set(home.read("files")["file_id"].to_pylist())
    assert set(found["manifest"]["file_id"].to_pylist()) == set(found["private_files"]["file_id"].to_pylist()) == files
    reasons = {row["file_id"]: row["reason"] for row in found["private_files"].to_pylist()}
    assert [reasons[f"f{at}odddicom"] for at in "0fz"] == ["damaged_header"] * 3
    assert {"lateral_view", "wrong_modality", "label_file", "archive", "not_image_or_report"} <= set(reasons.values())
    assert {"paediatric", "missing_view_position", "report_missing"} <= set(found["exclusions"]["reason"].to_pylist())
    assert found["private_files"]["path"].to_pylist() == sorted(found["private_files"]["path"].to_pylist())
    assert broken_lines(home) == []


def test_facts_have_the_same_types_in_every_batch(home: Home) -> None:
    kinds = [batch.dtypes.astype(str).to_dict() for batch in exclude.facts(home, 3)]
    assert len(kinds) > 50
    assert all(kind == kinds[0] for kind in kinds)


def test_of_several_reports_of_a_study_the_first_counts(tmp_path: Path) -> None:
    made = tiny_home(tmp_path / "home", patients=4)
    film_set.write_film_checks(made)
    rows = made.read("reports").to_pylist()
    study = rows[0]["study_id"]
    empty = {**rows[0], "report_id": "r" + "0" * 16, "text": "", "sections": []}
    made.write("reports", pa.Table.from_pylist([*rows, empty], schema=tables.BY_NAME["reports"].types))
    (files,) = exclude.facts(made)
    assert files.loc[files["study_id"] == study, "report_words"].tolist() == [0]


def test_unlikeness_in_passes_is_that_of_the_whole_matrix() -> None:
    """Against the definition by numpy's mean, covariance and inverse."""
    rng = np.random.default_rng(1)
    spread = np.where(np.arange(900) < 30, 5, 1)[:, None] * np.linspace(40, 0.5, 77)
    low = (rng.normal(size=(900, 77)) * spread + np.linspace(-100, 100, 77)).astype(np.float32)
    whole, near = low.astype(np.float64), np.ones(900, bool)
    for _ in range(3):
        covariance = np.cov(whole[near].T)
        covariance += 0.05 * np.trace(covariance) / 77 * np.eye(77)
        off = whole - whole[near].mean(axis=0)
        far = np.sum(off @ np.linalg.inv(covariance) * off, axis=1)
        far /= np.median(far)
        near = far < 2.5
    assert not near[:30].any()
    for block in (1, 64, 900):
        found = unlikeness(lambda block=block: (low[start : start + block] for start in range(0, 900, block)))
        np.testing.assert_allclose(found, far, rtol=1e-9)


def test_a_home_without_a_film_that_was_decoded(tmp_path: Path) -> None:
    made = tiny_home(tmp_path / "home", patients=3)
    for shard in {int(part.parent.name[-3:]) for part in made.parts("images")}:
        failed = [
            {**row, "outcome": "failed", "reason": "undecodable_pixels", "pixel_digest": None}
            for row in made.read("decodings", shard=shard).to_pylist()
        ]
        for part in (*made.parts("images", shard), *made.parts("decodings", shard)):
            part.unlink()
        made.write_part("decodings", shard, pa.Table.from_pylist(failed, schema=tables.BY_NAME["decodings"].types))
    files = made.read("files")["file_id"]
    copy_parquet(pa.table({"file_id": files, "path": files}), made.private / "paths.parquet")
    found = written(made)
    assert found["film_checks"].num_rows == 0
    assert set(found["exclusions"]["reason"].to_pylist()) == {"undecodable_pixels"}
