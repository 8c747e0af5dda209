"""Who imports whom, and what an import costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "torchvision", "cleanlab", "sklearn", "matplotlib", "scipy", "transformers")


def test_import_contracts_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    code = lint_imports(config_filename=str(ROOT / ".importlinter"), cache_dir=str(tmp_path))
    assert code == 0, capsys.readouterr().out


@pytest.mark.parametrize("module", ["pipeline.definitions", "pipeline.cli"])
def test_a_code_location_loads_nothing_heavy(module: str) -> None:
    asked = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []
