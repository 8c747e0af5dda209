"""Who imports whom, and what an import costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "torchvision", "cleanlab", "sklearn", "matplotlib", "scipy", "transformers")


def test_import_contracts_hold(tmp_path: Path) -> None:
    """In a process of its own: import-linter's console holds on to the standard output it was imported under."""
    command = [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / ".importlinter", "--cache-dir", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", ["pipeline.definitions", "pipeline.cli"])
def test_a_code_location_loads_nothing_heavy(module: str) -> None:
    asked = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == []
