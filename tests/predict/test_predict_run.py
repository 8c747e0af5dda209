from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from predict_homes import FINDINGS, write_labels
from sklearn.metrics import roc_auc_score

from models.folds import grouped_folds
from pipeline import predict
from pipeline.base.errors import CxrError, InputError, SettingsError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home

TABLES = ("pred_probs", "embeddings", "training_dynamics")


def digests(home: Home) -> list[str | None]:
    return [home.table_digest(name) for name in TABLES]


@pytest.fixture(scope="module")
def predicted(labelled: Home, quick: Settings, tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("predicted") / "home")
    shutil.copytree(labelled.root, home.root)
    predict.run(home, quick)
    return home


def test_visible_findings_are_learnt_out_of_fold(predicted: Home) -> None:
    truth = np.load(predicted.root / "truth.npz")
    rows = predicted.read("pred_probs").to_pandas()
    assert set(rows["finding"]) == set(FINDINGS)
    for finding, key in zip(FINDINGS, ("cardiomegaly", "effusion"), strict=True):
        probs = rows[rows["finding"] == finding].set_index("image_id")["pred_prob"]
        assert set(probs.index) == set(truth["image_id"]), "a film without a given label is judged all the same"
        assert roc_auc_score(truth[key], probs.loc[truth["image_id"]]) > 0.85
        assert probs.between(0, 1).all()


def test_a_patient_is_in_one_fold(predicted: Home) -> None:
    crossing = predicted.sql("SELECT group_id FROM pred_probs JOIN groups USING (image_id) GROUP BY 1 HAVING count(DISTINCT fold) > 1")
    assert crossing.num_rows == 0
    folds = predicted.sql("SELECT p.fold = e.fold AS same FROM pred_probs p JOIN embeddings e USING (image_id)")["same"].to_pylist()
    assert folds
    assert all(folds)


def test_tables_keep_their_contract(predicted: Home) -> None:
    assert [predicted.check_foreign(name) for name in TABLES] == [[], [], []]
    assert predicted.sql("SELECT DISTINCT len(vector) AS n FROM embeddings")["n"].to_pylist() == [576]


def test_an_interrupted_run_goes_on_and_ends_the_same(
    labelled: Home, predicted: Home, quick: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import experiments

    home = Home(tmp_path / "home")
    shutil.copytree(labelled.root, home.root)
    judge, calls = experiments.judge, []

    def breaks_in_the_second_fold(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return judge(*args, **kwargs)

    monkeypatch.setattr(experiments, "judge", breaks_in_the_second_fold)
    with pytest.raises(KeyboardInterrupt):
        predict.run(home, quick)
    assert not home.exists("pred_probs")
    result = predict.run(home, quick)
    assert len(calls) == 3
    assert result.counts["folds_resumed"] == 1
    assert digests(home) == digests(predicted), "trained anew in another home, byte for byte the same"


def test_a_finished_run_trains_nothing_and_other_targets_train_again(
    predicted: Home, quick: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models import experiments

    home = Home(tmp_path / "home")
    shutil.copytree(predicted.root, home.root)
    before = digests(home)
    monkeypatch.setattr(experiments, "judge", lambda *_: pytest.fail("trained again"))
    assert predict.run(home, quick).counts["folds_resumed"] == quick.predict.folds
    assert digests(home) == before
    image_ids = home.read("groups", ["image_id"])["image_id"].to_pylist()
    write_labels(home, {"Edema": np.arange(len(image_ids)) % 2.0}, image_ids)
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        predict.run(home, quick)


def test_nothing_to_model_is_said_and_leaves_empty_tables(labelled: Home, quick: Settings, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(labelled.root, home.root)
    many = quick.model_copy(update={"predict": quick.predict.model_copy(update={"min_positives": 500})})
    result = predict.run(home, many)
    assert [home.read(name).num_rows for name in TABLES] == [0, 0, 0]
    assert result.counts["findings_too_rare"] == 3
    assert "500 positive" in result.warnings[0]


def test_a_rare_finding_is_named(labelled: Home, quick: Settings) -> None:
    from pipeline.predict import cells

    known = cells.read(labelled, quick)
    assert known.left_out == ("Hernia",)
    assert "Hernia" in known.warnings()[0]
    assert known.counts()["findings_modelled"] == 2


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"checkpoint": Path("nowhere.pt")}, InputError, "does not exist"),
        ({"device": "cuda"}, SettingsError, "no CUDA device"),
    ],
)
def test_bad_settings_are_explained(
    labelled: Home, quick: Settings, tmp_path: Path, change: dict[str, object], error: type[CxrError], words: str
) -> None:
    import torch

    if error is SettingsError and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    home = Home(tmp_path / "home")
    shutil.copytree(labelled.root, home.root)
    with pytest.raises(error, match=words):
        predict.run(home, quick.model_copy(update={"predict": quick.predict.model_copy(update=change)}))
    assert not home.exists("pred_probs")


def test_more_folds_than_patients_is_explained() -> None:
    with pytest.raises(InputError, match="3 folds need as many patients, and 2 are kept"):
        grouped_folds(["a", "a", "b"], np.zeros((3, 1)), 3, 0)


@pytest.mark.parametrize("number", range(3))
def test_nobody_calibrates_on_whom_it_trains_or_judges(labelled: Home, quick: Settings, number: int) -> None:
    from pipeline.predict import cells, crossfit

    known = cells.read(labelled, quick)
    fold = grouped_folds(known.group_ids, known.targets, 3, 0)
    parts, groups = crossfit.fold_parts(fold, number, known, seed=0), np.array(known.group_ids)
    roles = [set(groups[rows]) for rows in (parts.train, parts.calibrate, parts.judge)]
    assert all(roles)
    assert not roles[0] & roles[1] | roles[0] & roles[2] | roles[1] & roles[2]
    assert set.union(*roles) == set(groups)
    assert np.nansum(known.targets[parts.calibrate], axis=0).min() >= 1, "every modelled finding is among those that calibrate"


def test_every_label_that_trained_has_its_dynamics(predicted: Home, quick: Settings) -> None:
    """Two folds, a fifth of each held out to calibrate: a film trains in one of them, or in none."""
    rows = predicted.sql("SELECT d.*, l.given_side FROM training_dynamics d JOIN labels l USING (image_id, finding)").to_pandas()
    assert set(rows["finding"]) == set(FINDINGS)
    assert rows["given_side"].notna().all()
    assert set(rows["n_epochs"]) == {quick.predict.epochs}
    assert (rows["n_forgotten"] <= rows["n_epochs"]).all()
    n_claims = predicted.sql(f"SELECT count(given_side) AS n FROM labels WHERE finding IN {FINDINGS}")["n"][0].as_py()
    assert 0.7 < len(rows) / n_claims < 0.9
    # The labels are right and can be seen, so they are learned.
    assert (rows.groupby("finding")["aum"].mean() > 0.2).all()
    assert rows["early_loss"].between(0, 5).all()


def test_dynamics_of_several_folds_add_up() -> None:
    from pipeline.predict.crossfit import over_folds

    trained_on = [np.array([True, True, False]), np.array([True, False, False])]
    arrays = [
        {"aum": np.array([[1.0], [np.nan]]), "n_forgotten": np.array([[2.0], [np.nan]]), "early_loss": np.array([[0.5], [np.nan]])},
        {"aum": np.array([[-2.0]]), "n_forgotten": np.array([[8.0]]), "early_loss": np.array([[1.5]])},
    ]
    found = over_folds(trained_on, arrays, 8)
    assert [float(one[0, 0]) for one in (found.aum, found.n_forgotten, found.early_loss, found.n_epochs)] == [-0.5, 10, 1.0, 16]
    assert found.n_epochs[1:].tolist() == [[0], [0]], "a label that claims nothing, and a film that trained in no fold"
    assert np.isnan(found.aum[1:]).all()


def test_soft_targets_teach_and_are_judged_by_what_labels_claim(labelled: Home, quick: Settings, tmp_path: Path) -> None:
    """The policy `posterior`: no target is above one half, and what can be seen is learnt all the same."""
    home = Home(tmp_path / "home")
    shutil.copytree(labelled.root, home.root)
    truth = np.load(home.root / "truth.npz")
    image_ids = [str(name) for name in truth["image_id"]]
    write_labels(home, {"Cardiomegaly": np.where(truth["cardiomegaly"], 0.49, 0.01)}, image_ids)
    rows = home.read("labels").to_pandas()
    rows["given_side"] = (rows["given_target"] > 0.4).astype(float)
    home.write("labels", pa.Table.from_pandas(rows, schema=home.read("labels").schema, preserve_index=False))
    result = predict.run(home, quick)
    probs = home.read("pred_probs").to_pandas().set_index("image_id")["pred_prob"]
    assert roc_auc_score(truth["cardiomegaly"], probs.loc[image_ids]) > 0.85
    assert result.counts["mean_auroc_vs_given"] > 0.85
    assert probs.mean() == pytest.approx(np.where(truth["cardiomegaly"], 0.49, 0.01).mean(), abs=0.08), "calibrated to the soft targets"
