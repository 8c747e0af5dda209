"""Fixtures for every room of the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import hypothesis
import pytest

# A slow machine is not a wrong answer.
hypothesis.settings.register_profile("house", deadline=None)
hypothesis.settings.load_profile("house")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).parent))
# Twins of published models, `twins.NAME`.
sys.path.insert(0, str(Path(__file__).parent / "models" / "zoo"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real public data beside the checkout; the project neither ships nor needs it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside the checkout: real films and label tables are not shipped")
    return folder
