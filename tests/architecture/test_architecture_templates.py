"""`make new-SEAM` writes a plug-in that works: all are started in a copy of the tree, and the tests run there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEAMS = ("source", "label_file", "rule", "labeler", "policy", "detector", "model", "loss", "zoo", "format")
COPIED = (
    "pipeline",
    "assets",
    "labelers",
    "models",
    "tests",
    "docs",
    "pyproject.toml",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "Makefile",
)
ROOMS = {
    "source": "collect",
    "label_file": "collect",
    "rule": "exclude",
    "labeler": "labelers",
    "policy": "label",
    "detector": "rank",
    "model": "models",
    "zoo": "models/zoo",
    "format": "write",
}


def _run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=tree, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("tree")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    for seam in SEAMS:
        done = _run(copy, "docs/extending/new.py", seam, f"brand_new_{seam}")
        assert done.returncode == 0, done.stderr
    return copy


def test_started_plugins_pass_their_own_and_the_contract_tests(tree: Path) -> None:
    mine = [f"tests/{room}/test_{seam}_brand_new_{seam}.py" for seam, room in ROOMS.items()]
    contracts = [
        "tests/architecture/test_architecture_contracts.py",
        "tests/labelers/test_labelers_contract.py",
        "tests/collect/test_label_files.py",
        "tests/models/zoo/test_zoo_contract.py",
    ]
    done = _run(tree, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-k", "brand_new", *mine, *contracts)
    assert done.returncode == 0, done.stdout[-4000:]
    for seam, path in zip(ROOMS, mine, strict=True):
        assert f"{path}::" in done.stdout
        assert f"[brand_new_{seam}" in done.stdout, f"no contract test met the new {seam}"


def test_started_plugins_are_listed_and_documented(tree: Path) -> None:
    done = _run(tree, "-m", "docs.generate", "docs")
    assert done.returncode == 0, done.stderr
    page = (tree / "docs" / "plugins.md").read_text(encoding="utf-8")
    for seam in SEAMS:
        assert f"`brand_new_{seam}`" in page


def test_started_plugins_are_in_the_house_format(tree: Path) -> None:
    written = [path.relative_to(tree).as_posix() for path in tree.rglob("*brand_new_*.py")]
    # A published model has a twin besides.
    assert len(written) == 2 * len(SEAMS) + 1
    for words in (("format", "--check"), ("check",)):
        done = _run(tree, "-m", "ruff", *words, "--no-cache", *written)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["", "9lives", "Upper", "class", "brand_new_rule"])
def test_a_bad_or_taken_name_is_refused(tree: Path, name: str) -> None:
    done = _run(tree, "docs/extending/new.py", "rule", name)
    assert done.returncode == 1
    assert "NAME" in done.stderr
