"""Published models in a home: their opinions of the kept films, remembered, and heard by `rank`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from factories import tiny_home
from twins import chexnet, torchxrayvision

from models import published as scoring
from pipeline import rank
from pipeline.base import settings, stages, tables
from pipeline.base.errors import InputError, SettingsError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.predict import published


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return {"chexnet": chexnet.write(folder / "a"), "torchxrayvision": torchxrayvision.write(folder / "b")}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return tiny_home(tmp_path / "home", patients=10)


def chosen(weights: dict[str, Path], *more: str) -> Settings:
    return settings.load(None, "tiny", (*(f"models.{name}.checkpoint={path}" for name, path in weights.items()), *more))


def test_every_kept_film_has_every_score_and_is_not_scored_twice(
    home: Home, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    left_out = home.read("groups").slice(1)
    home.write("groups", left_out)
    counts, told = published.run(home, chosen(weights))
    rows = home.read("published_scores").to_pandas()
    assert set(rows["image_id"]) == set(left_out["image_id"].to_pylist())
    assert rows.groupby("model")["finding"].nunique().to_dict() == {"chexnet": 14, "torchxrayvision": 14}
    kinds = rows.groupby("model")["score_kind"].unique().map(list).to_dict()
    assert kinds == {"chexnet": ["probability"], "torchxrayvision": ["op_normalised"]}
    assert rows["checkpoint_sha256"].nunique() == 2
    assert home.check_foreign("published_scores") == []
    assert any("ChestX-ray14" in note for note in told)
    monkeypatch.setattr(scoring, "load", lambda *_: pytest.fail("a film was scored again"))
    again, _ = published.run(home, chosen(weights))
    assert again["published_parts_resumed"] > 0
    assert counts["published_parts_resumed"] == 0
    assert home.read("published_scores").to_pandas().equals(rows)


def test_other_weights_or_options_are_scored_anew(home: Home, weights: dict[str, Path]) -> None:
    one = {"torchxrayvision": weights["torchxrayvision"]}
    published.run(home, chosen(one))
    before = home.read("published_scores").to_pandas()
    counts, _ = published.run(home, chosen(one, "models.torchxrayvision.options.output=logit"))
    after = home.read("published_scores").to_pandas()
    assert counts["published_parts_resumed"] == 0
    assert set(after["score_kind"]) == {"logit"}
    assert not np.allclose(before["score"], after["score"])
    published.run(home, chosen({}))
    assert home.read("published_scores").num_rows == 0
    assert not list((home.work / "published").glob("*.npz"))


def test_a_checkpoint_that_changes_in_place_is_noticed(home: Home, weights: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / weights["torchxrayvision"].name
    shutil.copy(weights["torchxrayvision"], path)
    stage, asked = stages.BY_NAME["predict"], chosen({"torchxrayvision": path})
    before = stages._fingerprint(stage, home, asked)
    assert stages._fingerprint(stage, home, asked) == before
    path.write_bytes(path.read_bytes() + b" ")
    assert stages._fingerprint(stage, home, asked) != before


def test_bad_settings_are_explained(home: Home, weights: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="option colour of chexnet"):
        published.run(home, chosen(weights, "models.chexnet.options.colour=red"))
    with pytest.raises(InputError, match="does not exist"):
        published.run(home, chosen({"chexnet": tmp_path / "nothing.pt"}))
    with pytest.raises(SettingsError, match=r"models\.chexnet\.checkpoint"):
        settings.load(None, None, ("models.chexnet.device=cpu",))


def test_the_path_asks_the_model_and_rank_hears_it(home: Home, weights: dict[str, Path]) -> None:
    stages.execute("label", home, settings.load())
    asked = chosen({"torchxrayvision": weights["torchxrayvision"]}, "predict.min_positives=1000")
    done = stages.execute("predict", home, asked)
    assert done.result.counts["published_models"] == 1
    assert any("torchxrayvision gives no second opinion" in note for note in done.result.warnings)
    assert stages.execute("predict", home, asked).skipped
    ranked = stages.execute("rank", home, asked)
    issues = home.read("label_issues", ["finding", "pred_prob"]).to_pandas()
    scored = set(home.read("published_scores")["finding"].to_pylist())
    heard = issues[issues["pred_prob"].notna()]
    assert len(issues) > 0
    assert set(heard["finding"]) == set(issues["finding"]) & scored
    assert heard["pred_prob"].between(0, 1).all()
    assert ranked.result.counts["cells"] == len(issues)


def test_a_model_on_an_unknown_scale_is_heard_as_its_ranks(home: Home) -> None:
    """As `cxr audit` hears a file of scores that are no probabilities."""
    import pyarrow as pa

    stages.execute("label", home, settings.load())
    truth = np.load(home.root / "truth.npz")
    rng = np.random.default_rng(0)
    scores = 40 * (truth["effusion"] + 0.2 * rng.standard_normal(len(truth["effusion"])))
    spec = tables.BY_NAME["published_scores"]
    rows = [
        {
            "image_id": str(film),
            "finding": "Pleural Effusion",
            "model": "x",
            "score": float(score),
            "score_kind": "logit",
            "checkpoint_sha256": "0",
        }
        for film, score in zip(truth["image_id"], scores, strict=True)
    ]
    home.write("published_scores", pa.Table.from_pylist(rows, schema=spec.types))
    for name in ("pred_probs", "embeddings", "training_dynamics"):
        home.write(name, tables.empty(name))
    rank.run(home, settings.load())
    heard = home.read("label_issues", ["image_id", "finding", "pred_prob"]).to_pandas().query("finding == 'Pleural Effusion'")
    of = dict(zip(truth["image_id"], scores, strict=True))
    order = heard.assign(score=heard["image_id"].map(of)).sort_values("score")["pred_prob"]
    assert order.between(0, 1).all()
    assert order.is_monotonic_increasing
