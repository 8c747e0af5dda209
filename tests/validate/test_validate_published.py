"""Published models are scored as our own trainings are."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from judged_homes import FINDINGS, judged_home, write
from sklearn.metrics import roc_auc_score

from pipeline import validate
from pipeline.base import tables
from pipeline.base.errors import InputError
from pipeline.base.interfaces import StageResult
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.validate import arms, films, published
from pipeline.validate.metrics import CALLS, NEED_PROBABILITIES

KEY = ["finding", "metric", "subgroup", "subgroup_value"]
NUMBERS = ["estimate", "ci_low", "ci_high", "n_positive", "n_negative"]


def said(model: str, kind: str, image_ids: list[str], scores: dict[str, np.ndarray]) -> pa.Table:
    rows = [
        {"image_id": image, "finding": finding, "model": model, "score": float(score), "score_kind": kind, "checkpoint_sha256": "0" * 64}
        for finding, column in scores.items()
        for image, score in zip(image_ids, column, strict=True)
    ]
    return pa.Table.from_pylist(rows, tables.BY_NAME["published_scores"].types)


def of_model(home: Home, model: str) -> pd.DataFrame:
    found = home.read("published_model_scores").to_pandas()
    return found[found["model"] == model].set_index(KEY).sort_index()


def test_a_network_of_ours_has_the_same_scores_as_a_published_model(
    validated: tuple[Home, StageResult], quick: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, kept = Home(tmp_path / "home"), []
    shutil.copytree(validated[0].root, home.root)
    train = arms.train
    monkeypatch.setattr(arms, "train", lambda *given: kept.append(train(*given)) or kept[0])
    validate.run(home, quick)
    assert home.read("published_model_scores").num_rows == 0, "nobody was asked"
    cast, probs = films.read(home, quick), kept[0].probs["cleaned"][0]
    test = [name for name, is_one in zip(cast.image_ids, cast.test, strict=True) if is_one]
    columns = {finding: probs[:, place] for place, finding in enumerate(cast.findings)}
    # The labels say nothing of hernias, so neither do the scores.
    one = said("one", "probability", test, {**columns, "Hernia": probs[:, 0]})
    other = said("other", "logit", test, {name: np.log(column / (1 - column)) for name, column in columns.items()})
    home.write("published_scores", pa.concat_tables([one, other]))
    validate.run(home, quick)
    ours = home.read("scores").to_pandas().query("trained_on == 'cleaned'").set_index(KEY).sort_index()
    pd.testing.assert_frame_equal(of_model(home, "one")[NUMBERS], ours[NUMBERS])
    by_order = ours[~ours.index.get_level_values("metric").isin((*NEED_PROBABILITIES, *CALLS))]
    pd.testing.assert_frame_equal(of_model(home, "other")[NUMBERS], by_order[NUMBERS])


def test_a_model_is_scored_where_nothing_can_be_trained(quick: Settings, tmp_path: Path) -> None:
    home = judged_home(tmp_path / "home", readers=True)
    write(home, "splits", [{**row, "split": "test"} for row in home.read("splits").to_pylist()])
    image_ids = home.read("groups", ["image_id"])["image_id"].to_pylist()
    noise = np.random.default_rng(5).normal(size=len(image_ids))
    home.write("published_scores", said("one", "cosine", image_ids, dict.fromkeys(FINDINGS, noise)))
    validate.run(home, quick)
    assert home.read("scores").num_rows == 0
    found, truth = of_model(home, "one"), np.load(home.root / "truth.npz")
    present = dict(zip(truth["image_id"].astype(str), truth["effusion"], strict=True))
    expected = roc_auc_score([present[name] for name in image_ids], noise)
    assert found.loc[("Pleural Effusion", "auroc", "all", "all"), "estimate"] == pytest.approx(expected)
    assert found.loc[("macro", "auroc", "all", "all"), "truth"] == "readers"


def test_a_model_that_missed_a_test_film_is_not_scored_on_the_rest(quick: Settings, tmp_path: Path) -> None:
    home = judged_home(tmp_path / "home")
    cast = films.read(home, quick)
    test = [name for name, is_one in zip(cast.image_ids, cast.test, strict=True) if is_one]
    home.write("published_scores", said("one", "logit", test[1:], {FINDINGS[0]: np.zeros(len(test) - 1)}))
    with pytest.raises(InputError, match="not asked about 1 test films"):
        published.read(home, cast)
