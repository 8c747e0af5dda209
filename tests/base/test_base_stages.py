"""A stage runs when something it reads has changed, and only then; it reads nothing it does not declare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from factories import tiny_home

from pipeline.base import settings, stages, tables

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = settings.load()


def test_every_published_table_has_a_stage_and_every_read_a_writer() -> None:
    assert {table.stage for table in tables.TABLES} == set(stages.NAMES)
    made: set[str] = set()
    for stage in stages.STAGES:
        assert set(stage.reads) <= made, stage.name
        made |= set(stage.writes)


@pytest.mark.parametrize("stage", stages.STAGES, ids=lambda stage: stage.name)
def test_a_stage_reads_only_what_it_declares(stage: stages.Stage) -> None:
    """An undeclared read would leave a stage standing when its input changes."""
    source = "\n".join(path.read_text() for path in (ROOT / "pipeline" / stage.name).rglob("*.py"))
    read = set(re.findall(r'home\.(?:read|parts|exists)\(\s*"(\w+)"', source)) | set(re.findall(r"(?:FROM|JOIN) (\w+)", source))
    if "curated" in read:
        read |= set(tables.VIEW_READS["curated"])
    declared = set(stage.reads) | set(stage.writes)
    assert read & set(tables.BY_NAME) - declared - {"private_files"} == set()


def test_unchanged_is_skipped_and_change_is_noticed(tmp_path: Path) -> None:
    home = tiny_home(tmp_path / "home", patients=6)
    assert not stages.execute("group", home, SETTINGS).skipped
    assert stages.execute("group", home, SETTINGS).skipped
    other = settings.load(overrides=("group.min_likeness=0.75",))
    assert not stages.execute("group", home, other).skipped
    home.path("groups").unlink()
    assert not stages.execute("group", home, other).skipped
    counts = stages.execute("group", home, other)
    assert counts.skipped
    assert counts.result.counts["films"] == home.read("groups").num_rows


def test_unrelated_settings_disturb_nothing(tmp_path: Path) -> None:
    home = tiny_home(tmp_path / "home", patients=4)
    stages.execute("group", home, SETTINGS)
    assert stages.execute("group", home, settings.load(overrides=("predict.epochs=3", "seed=4"))).skipped
