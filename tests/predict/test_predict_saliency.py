"""The picture of where networks look: which films it shows, by which fold, and what becomes of it when it cannot be drawn."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from predict_homes import FINDINGS

from pipeline import predict
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.predict import saliency
from pipeline.predict.cells import Cells
from pipeline.predict.crossfit import Dynamics, Opinions


def opinions(probs: np.ndarray, fold: np.ndarray, weights: tuple[Path, ...]) -> Opinions:
    nothing = np.zeros(probs.shape)
    return Opinions(fold, nothing, probs, np.zeros((len(probs), 1), np.float32), Dynamics(nothing, nothing, nothing, nothing), 0, weights)


def known(sides: np.ndarray) -> Cells:
    n, f = sides.shape
    return Cells(
        [str(row) for row in range(n)],
        [str(row) for row in range(n)],
        tuple(f"F{column}" for column in range(f)),
        sides,
        sides,
        sides / 2 + 0.25,
        (),
    )


def test_the_surest_film_among_the_positive_ones_is_shown() -> None:
    nan = np.nan
    sides = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, nan], [nan, 0.0]])
    probs = np.array([[0.3, 0.9], [0.95, 0.2], [0.7, 0.8], [0.99, 0.99]])
    found = saliency.examples(known(sides), opinions(probs, np.array([0, 1, 1, 0]), ()))
    assert [(one.row, one.column, one.fold, one.prob) for one in found] == [(2, 0, 1, 0.7), (1, 1, 1, 0.2)]


def test_eight_findings_with_most_positives_at_most() -> None:
    sides = (np.arange(40)[:, None] < np.arange(1, 11)[None, :]).astype(float)
    found = saliency.examples(known(sides), opinions(np.full((40, 10), 0.5), np.zeros(40, np.int64), ()))
    assert [one.column for one in found] == list(range(2, 10))


@pytest.fixture(scope="module")
def home(labelled: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    made = Home(tmp_path_factory.mktemp("saliency") / "home")
    shutil.copytree(labelled.root, made.root)
    return made


def test_the_stage_makes_the_picture_the_same_each_time_and_says_when_it_cannot(home: Home, quick: Settings) -> None:
    seen: list[tuple[str, ...]] = []
    draw = saliency._draw

    def noted(pixels: np.ndarray, maps: list[np.ndarray], titles: list[tuple[str, float]]) -> bytes:
        seen.append(tuple(finding for finding, _ in titles))
        assert all(prob > 0.5 for _, prob in titles)
        assert all(one.shape == (2, 2) and one.max() == 1 for one in maps)
        return draw(pixels, maps, titles)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saliency, "_draw", noted)
        first, second = predict.run(home, quick), predict.run(home, quick)
    assert seen == [FINDINGS, FINDINGS]
    assert set(first.plots) == {"predict_auroc", "predict_saliency"}
    assert second.counts["folds_resumed"] == 2
    assert first.plots["predict_saliency"] == second.plots["predict_saliency"]
    shown = cv2.imdecode(np.frombuffer(first.plots["predict_saliency"], np.uint8), cv2.IMREAD_COLOR)
    assert shown.std(2).max() > 30, "a map is in colour"
    for weights in (home.work / "predict").glob("*.pt"):
        weights.unlink()
    third = predict.run(home, quick)
    assert set(third.plots) == {"predict_auroc"}
    assert saliency.GONE in third.warnings


def test_the_fold_that_never_saw_the_film_judges_it(home: Home, quick: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The title's probability is that of the weights the map is made with."""
    import torch

    from models import checkpoints
    from models.augmentation import standardise
    from pipeline.base.interfaces import MODELS

    shutil.rmtree(home.work / "predict")
    taken: list[tuple[np.ndarray, list[saliency.Example], tuple[Path, ...]]] = []
    made: list[np.ndarray] = []
    maps = saliency._maps

    def noted(pixels: np.ndarray, chosen: list[saliency.Example], weights: tuple[Path, ...], *rest: object) -> list[np.ndarray]:
        taken.append((pixels, chosen, weights))
        made.extend(maps(pixels, chosen, weights, *rest))
        return made

    monkeypatch.setattr(saliency, "_maps", noted)
    predict.run(home, quick)
    ((pixels, chosen, weights),) = taken
    rows = home.read("pred_probs").to_pandas().pivot(index="image_id", columns="finding", values="logit")
    for film, one in zip(pixels, chosen, strict=True):
        network = MODELS.get("mobilenet_v3_small")(2, 1).eval()
        network.load_state_dict(checkpoints.read_state(weights[one.fold]))
        with torch.inference_mode():
            logit = network(standardise(torch.from_numpy(film[None])))[0][0, one.column]
        assert float(logit) == pytest.approx(rows.iloc[one.row, one.column], abs=1e-3)
    stored = home.read("saliency_maps").to_pandas().set_index(["image_id", "finding"])
    assert len(stored) == len(chosen) - 2, "the picture shows a film for each of two findings, the table has the rest"
    for one, heat in list(zip(chosen, made, strict=True))[2:]:
        row = stored.loc[(rows.index[one.row], FINDINGS[one.column])]
        assert row["fold"] == one.fold
        if row["heat"] is None:
            assert np.isnan(heat).all()
        else:
            levels = np.frombuffer(row["heat"], np.uint8).reshape(row["height_cells"], row["width_cells"])
            np.testing.assert_allclose(levels / 255, heat, atol=0.5 / 255 + 1e-9)


def test_frozen_trunks_are_told() -> None:
    found = saliency.look(np.zeros((1, 2, 2)), known(np.ones((1, 1))), opinions(np.ones((1, 1)), np.zeros(1, np.int64), ()), Settings())
    assert (found.maps.num_rows, found.plots, found.warnings) == (0, {}, (saliency.FROZEN,))


def test_the_most_contradicted_labels_have_maps_and_unknown_ones_none() -> None:
    nan = np.nan
    sides = np.array([[1.0, 0.0], [0.0, nan], [1.0, 0.0]])
    probs = np.array([[0.9, 0.7], [0.2, 0.5], [0.1, 0.7]])
    found = saliency.contradicted(known(sides), opinions(probs, np.array([0, 1, 1]), ()), 2)
    assert [(one.row, one.column, one.fold, one.prob) for one in found] == [(0, 1, 0, 0.7), (2, 0, 1, 0.1)]
    assert len(saliency.contradicted(known(sides), opinions(probs, np.array([0, 1, 1]), ()))) == 5
    doubted = replace(known(sides), p_annotators=np.array([[0.0, 0.0], [0.0, nan], [1.0, 0.0]]))
    (first,) = saliency.contradicted(doubted, opinions(probs, np.array([0, 1, 1]), ()), 1)
    assert (first.row, first.column) == (0, 0), "annotators count as much as the network"
