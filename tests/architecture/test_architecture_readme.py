"""The three lines of PyTorch in the README work on what `cxr export parquet` writes."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.interfaces import FORMATS

ROOT = Path(__file__).resolve().parents[2]


def curated_home(path: Path) -> Any:
    """The curated home that the tests of the formats use."""
    spec = importlib.util.spec_from_file_location("write_conftest", ROOT / "tests" / "write" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.curated_home(path)


def test_the_train_split_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FORMATS.get("parquet")(curated_home(tmp_path / "home"), tmp_path / "training")
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)[0]
    assert len([line for line in lines.split("\n") if line.strip()]) == 3
    names: dict[str, Any] = {}
    exec(lines, names)
    films, targets = next(iter(names["loader"]))
    assert films.shape[1:] == (1, 224, 224)
    assert 0 <= films.min() < films.max() <= 1
    assert targets.shape == (len(films), len(names["loader"].dataset.findings))
    known = targets[~targets.isnan()]
    assert 0 < len(known) < targets.numel()
    assert ((known >= 0) & (known <= 1)).all()
    assert ((known > 0) & (known < 1)).any(), "a suspected label trains at a probability"
