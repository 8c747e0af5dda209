from __future__ import annotations

import pytest
from judged_homes import judged_home

from pipeline import validate
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings, load
from pipeline.base.storage import Home


@pytest.fixture(scope="session")
def quick() -> Settings:
    return load(profile="tiny", overrides=("predict.size_px=48", "predict.min_positives=5", "validate.epochs=4", "validate.bootstrap=200"))


@pytest.fixture(scope="session")
def validated(tmp_path_factory: pytest.TempPathFactory, quick: Settings) -> tuple[Home, StageResult]:
    """40 % of the given labels are wrong, and all of the wrong ones are flagged: cleaning must help."""
    home = judged_home(tmp_path_factory.mktemp("validate") / "home", flips=0.4)
    return home, validate.run(home, quick)
