from __future__ import annotations

import numpy as np
import pytest
from factories import tiny_home
from predict_homes import FINDINGS, write_labels

from pipeline.base.settings import Settings, load
from pipeline.base.storage import Home


@pytest.fixture(scope="session")
def quick() -> Settings:
    return load(profile="tiny", overrides=("predict.folds=2", "predict.epochs=4", "predict.size_px=48", "predict.min_positives=5"))


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """90 films with true labels of two visible findings and one finding too rare to model; 10 % of the cells unknown."""
    with pytest.MonkeyPatch.context() as patch:
        # A fixed key: folds follow from the patients' names.
        patch.setenv("CXR_PSEUDONYM_KEY", "a key for tests and for nothing else")
        home = tiny_home(tmp_path_factory.mktemp("predict") / "home", patients=60)
    truth = np.load(home.root / "truth.npz")
    rng = np.random.default_rng(0)
    image_ids = [str(name) for name in truth["image_id"]]
    targets = {name: truth[key].astype(float) for name, key in zip(FINDINGS, ("cardiomegaly", "effusion"), strict=True)}
    for column in targets.values():
        column[rng.random(len(column)) < 0.1] = np.nan
    targets["Hernia"] = np.eye(1, len(image_ids)).ravel()
    write_labels(home, targets, image_ids)
    return home
