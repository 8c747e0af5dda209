"""The tree says what the path is: eleven stages in the order of the data, each in four places."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.base import stages, tables

ROOT = Path(__file__).resolve().parents[2]
BESIDE_THE_PATH = {"audit", "base", "cli", "leaderboard", "localise", "sample", "score", "train"}


def test_ls_shows_the_path() -> None:
    packages = sorted(path.name for path in (ROOT / "pipeline").iterdir() if (path / "__init__.py").exists())
    assert tuple(name for name in packages if name not in BESIDE_THE_PATH) == stages.NAMES
    assert len(stages.NAMES) == 11


@pytest.mark.parametrize("name", stages.NAMES)
def test_a_stage_has_its_four_places(name: str) -> None:
    assert (ROOT / "assets" / f"{name}.py").is_file()
    assert (ROOT / "docs" / "stages" / f"{name}.md").is_file()
    assert list((ROOT / "tests" / name).glob("test_*.py"))
    assert "def run(" in (ROOT / "pipeline" / name / "__init__.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", stages.STAGES, ids=stages.NAMES)
def test_a_stage_reads_only_what_earlier_stages_write(stage: stages.Stage) -> None:
    position = stages.NAMES.index(stage.name)
    for name in stage.reads:
        assert stages.NAMES.index(tables.BY_NAME[name].stage) < position, f"{stage.name} reads {name}, which is made later"


@pytest.mark.parametrize("path", sorted((ROOT / "assets").glob("*.py")), ids=lambda path: path.name)
def test_assets_keep_their_annotations(path: Path) -> None:
    # Dagster reads the annotation of `context` at import; postponed, it is a string and the asset is refused.
    assert "from __future__ import annotations" not in path.read_text(encoding="utf-8")


def test_test_files_have_names_of_their_own() -> None:
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
    assert not list((ROOT / "tests").rglob("__init__.py"))
