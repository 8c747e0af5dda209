"""`cxr leaderboard`, `submit` and `verify`: what is ranked with what, what is told of the order, and submissions that do not hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base import provenance, tables
from pipeline.base.errors import HomeError, InputError
from pipeline.base.storage import Home
from pipeline.leaderboard import bundle, entries

FINDINGS = ["Edema", "Pleural Effusion"]
HEAD = "model,dataset,split,metric,target,value,ci_low,ci_high,n,provenance,source,note"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
runner = CliRunner()


def called(*words: str, code: int = 0) -> str:
    result = runner.invoke(cli.app, ["leaderboard", *words], env={"COLUMNS": "200", "TERM": "dumb"}, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def board(folder: Path, *words: str) -> pd.DataFrame:
    called(*words, "-o", str(folder / "board.parquet"))
    return pd.read_parquet(folder / "board.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A truth of 200 studies, a better, a worse and a copied model, and a checkpoint."""
    rng = np.random.default_rng(2)
    index = pd.Index([f"s{n:03d}" for n in range(200)], name="Study")
    truth = (rng.random((200, 2)) < 0.4).astype(int)
    pd.DataFrame(truth, index, FINDINGS).to_csv(tmp_path / "truth.csv")
    for name, noise in (("good", 0.7), ("poor", 1.5)):
        prob = 1 / (1 + np.exp(-(2 * truth - 1 + rng.normal(0, noise, truth.shape))))
        pd.DataFrame(prob, index, FINDINGS).to_csv(tmp_path / f"{name}.csv")
    (tmp_path / "weights.pt").write_bytes(b"weights")
    return tmp_path


def reference(folder: Path) -> tuple[str, ...]:
    return ("--truth", str(folder / "truth.csv"), "--dataset", "Hospital", "--split", "test", "--set", "validate.bootstrap=200")


def submitted(folder: Path, name: str = "bundle", predictions: str = "good.csv", **changed: str) -> Path:
    options = {"--model": "ours", "--checkpoint": str(folder / "weights.pt"), "--seed": "7", "--contact": "group", "--commit": COMMIT}
    options |= {f"--{option}": value for option, value in changed.items()}
    called(
        "submit",
        str(folder / predictions),
        "--to",
        str(folder / name),
        *reference(folder),
        *(word for pair in options.items() for word in pair),
    )
    return folder / name


def published(folder: Path, *rows: str) -> str:
    (folder / "published.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return str(folder / "published.csv")


def test_unlike_numbers_are_never_ranked_together(folder: Path) -> None:
    rows = (
        "a,CheXpert,test,auroc,Edema,0.9,,,,verified_file,x,",
        "b,CheXpert,test,AUC,edema,0.8,,,,recalled,x,",
        "c,CheXpert,valid,auroc,Edema,0.95,,,,seed,x,",
        "d,MIMIC-CXR,test,auroc,Edema,0.95,,,,seed,x,",
        "e,CheXpert,test,f1,Edema,0.95,,,,seed,x,",
        "f,CheXpert,test,auroc,mean5,0.95,,,,seed,x,",
        "g,CheXpert,test,auroc,mean14,0.96,,,,seed,x,",
        "h,CheXpert,,auroc,Edema,0.99,,,,seed,x,",
        "i,CheXpert,unstated,auroc,Edema,0.98,,,,seed,x,",
    )
    found = board(folder, published(folder, *rows)).set_index("model")
    assert found.loc[["a", "b"], "rank"].tolist() == [1, 2]
    assert found.loc[["a", "b"], "n_ranked"].tolist() == [2, 2]
    assert (found.loc[list("cdefg"), "n_ranked"] == 1).all()
    assert found.loc[["h", "i"], "rank"].isna().all()
    assert found["p_first"].isna().all()
    assert found.loc[list("abc"), "provenance"].tolist() == ["verified", "recalled", "seed"]
    assert "2 of 9 numbers do not say which split they are of" in called(str(folder / "published.csv"))


def test_lower_is_better_for_errors_and_ties_share_a_rank(folder: Path) -> None:
    values = {"a": 0.2, "b": 0.1, "c": 0.2, "d": 0.3}
    rows = [f"{model},X,test,brier,Edema,{value},,,,seed,x," for model, value in values.items()]
    assert board(folder, published(folder, *rows)).set_index("model")["rank"].to_dict() == {"b": 1, "a": 2, "c": 2, "d": 4}


def test_what_is_no_single_number_is_left_out_and_told_and_unknown_provenance_refused(folder: Path) -> None:
    path = published(folder, "a,X,test,auroc,mean,.86/.87/.88,,,,recalled,x,", "b,X,test,auroc,mean,0.9,,,,computed today,x,")
    assert "published.csv: the value is no single number, left out: line 2" in called(path)
    assert board(folder, path)["provenance"].tolist() == ["recomputed"]
    with pytest.raises(InputError, match="line 2: no provenance is called 'hearsay'"):
        called(published(folder, "a,X,test,auroc,mean,0.9,,,,hearsay,x,"))


def test_the_same_numbers_in_several_targets_are_told(folder: Path) -> None:
    rows = [
        f"{model},X,test,auroc,{target},0.8{place}7,,,,seed,x,"
        for model in ("a", "b", "c")
        for place, target in enumerate(("Edema", "Mass"))
    ]
    rows += ["a,X,test,auroc,Hernia,0.912,,,,seed,x,", "b,X,test,auroc,Hernia,0.912,,,,seed,x,", "c,X,test,auroc,Hernia,0.913,,,,seed,x,"]
    assert "a, b report the same numbers for 3 targets or more of X, test, auroc" in called(published(folder, *rows))
    rounded = [
        f"{model},X,test,auroc,{target},0.8{place},,,,seed,x," for model in "ab" for place, target in enumerate(("Edema", "Mass", "Hernia"))
    ]
    assert "report the same" not in called(published(folder, *rounded))


def test_predictions_are_recomputed_with_the_probability_of_the_first(folder: Path) -> None:
    path = published(folder, "theirs,Hospital,test,auroc,Edema,0.99,,,,verified,x,")
    found = board(folder, path, str(folder / "good.csv"), str(folder / "poor.csv"), *reference(folder))
    edema = found[(found["metric"] == "auroc") & (found["target"] == "Edema")].set_index("model")
    truth = pd.read_csv(folder / "truth.csv", index_col=0)
    for model in ("good", "poor"):
        table = pd.read_csv(folder / f"{model}.csv", index_col=0)
        assert edema.loc[model, "value"] == pytest.approx(roc_auc_score(truth["Edema"], table["Edema"]), abs=1e-9)
        brier = found[(found["metric"] == "brier") & (found["target"] == "Edema")].set_index("model").loc[model, "value"]
        assert brier == pytest.approx(brier_score_loss(truth["Edema"], table["Edema"]), abs=1e-9)
    assert edema["rank"].to_dict() == {"theirs": 1, "good": 2, "poor": 3}
    assert edema.loc[["good", "poor"], "p_first"].sum() == pytest.approx(1)
    assert edema.loc["good", "p_first"] > 0.95
    assert np.isnan(edema.loc["theirs", "p_first"])
    assert (edema.loc["good", "ci_low"] < edema.loc["good", "value"]) & (edema.loc["good", "value"] < edema.loc["good", "ci_high"])
    assert set(found.loc[found["target"].str.startswith("mean of"), "target"]) == {"mean of Edema, Pleural Effusion"}


def test_a_model_of_fewer_findings_takes_none_from_the_others(folder: Path) -> None:
    pd.read_csv(folder / "good.csv", index_col=0)[["Edema"]].to_csv(folder / "one.csv")
    found = board(folder, *(str(folder / f"{name}.csv") for name in ("good", "poor", "one")), *reference(folder))
    auroc = found[found["metric"] == "auroc"].groupby("target")["model"].agg(set).to_dict()
    assert auroc["Edema"] == {"good", "poor", "one"}
    assert auroc["Pleural Effusion"] == {"good", "poor"}
    notes = found[(found["metric"] == "auroc") & (found["target"] == "Edema")].set_index("model")["note"]
    assert notes.to_dict() == {"good": "same scores as one", "one": "same scores as good", "poor": ""}
    assert "good, one have the same scores for Edema" in called(
        *(str(folder / f"{name}.csv") for name in ("good", "one")), *reference(folder)
    )


def test_trainings_of_a_home_stand_on_a_board_of_their_own(folder: Path) -> None:
    home = Home(folder / "chest").create()
    common: dict[str, Any] = {
        "metric": "auroc",
        "subgroup": "all",
        "subgroup_value": "all",
        "n_positive": 30,
        "n_negative": 70,
        "n_seeds": 3,
    }
    common |= {"ci_low": 0.6, "ci_high": 0.9, "truth": "posterior", "certificate": None}
    arms = (("given", 0.7), ("cleaned", 0.8), ("gain", 0.1))
    rows = [{**common, "trained_on": arm, "estimate": value, "finding": name} for arm, value in arms for name in ("Edema", "macro")]
    home.write("scores", pa.Table.from_pylist(rows, tables.BY_NAME["scores"].types))
    found = board(folder, str(home.root)).set_index(["model", "target"])
    assert found.loc[("chest, cleaned labels", "Edema"), "rank"] == 1
    assert found.loc[("chest, given labels", "Edema"), "rank"] == 2
    assert found.loc[("chest, given labels", "mean of Edema"), "value"] == 0.7
    assert set(found["split"]) == {"test, truth by posterior"}
    assert len(found) == 4
    asked = {**common, "model": "chexnet", "score_kind": "probability", "checkpoint_sha256": "ab" * 32}
    del asked["n_seeds"], asked["certificate"]
    more = [{**asked, "estimate": value, "finding": name} for name, value in (("Edema", 0.75), ("Hernia", 0.9), ("macro", 0.75))]
    home.write("published_model_scores", pa.Table.from_pylist(more, tables.BY_NAME["published_model_scores"].types))
    found = board(folder, str(home.root)).set_index(["model", "target"])
    assert found.loc[("chexnet", "Edema"), "rank"] == 2
    assert found.loc[("chexnet", "mean of Edema"), "rank"] == 2, "its mean is over what is trained here"
    assert found.loc[("chexnet", "Edema"), "note"].startswith("weights abababababab, probability")
    assert len(found) == 7
    home.path("scores").unlink()
    with pytest.raises(HomeError, match="table scores was not made yet"):
        called(str(home.root))


def test_a_submission_holds_and_is_recomputed_on_the_board(folder: Path) -> None:
    made = submitted(folder)
    facts = json.loads((made / "bundle.json").read_text())
    assert facts["checkpoint_sha256"] == provenance.file_sha256(folder / "weights.pt")
    assert (facts["commit"], facts["seed"], facts["model"], facts["contact"]) == (COMMIT, 7, "ours", "group")
    assert facts["environment"] == provenance.versions()
    assert sorted(path.name for path in made.iterdir()) == ["bundle.json", "predictions.csv", "scores.csv"]
    assert len(pd.read_csv(made / "scores.csv")) == 6 * 3
    output = called("verify", str(made), "--truth", str(folder / "truth.csv"), "--checkpoint", str(folder / "weights.pt"))
    assert "22 of 22 checks hold" in output
    found = board(folder, str(made), str(folder / "poor.csv"), *reference(folder))
    assert found.loc[found["model"] == "ours", "provenance"].eq("recomputed").all()
    assert found.loc[found["model"] == "ours", "p_first"].notna().all()
    alone = board(folder, str(made))
    assert alone["provenance"].eq("recalled").all()
    assert "claimed by its bundle, not recomputed here" in alone["note"].iloc[0]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("score", "auroc, Edema"),
        ("row", "not declared"),
        ("extra", "cannot be recomputed"),
        ("predictions", "predictions are those declared"),
        ("truth", "truth as declared"),
        ("checkpoint", "checkpoint as declared"),
    ],
)
def test_a_submission_that_was_touched_does_not_hold(folder: Path, damage: str, told: str) -> None:
    made = submitted(folder)
    scores = pd.read_csv(made / "scores.csv")
    if damage == "score":
        scores.loc[(scores["metric"] == "auroc") & (scores["target"] == "Edema"), "value"] += 2e-6
    elif damage == "row":
        scores = scores.iloc[1:]
    elif damage == "extra":
        scores = pd.concat([scores, scores.iloc[:1].assign(target="Hernia")])
    elif damage == "checkpoint":
        (folder / "weights.pt").write_bytes(b"others")
    else:
        path = made / "predictions.csv" if damage == "predictions" else folder / "truth.csv"
        path.write_text(path.read_text() + "\n")
    scores.to_csv(made / "scores.csv", index=False)
    output = called("verify", str(made), "--truth", str(folder / "truth.csv"), "--checkpoint", str(folder / "weights.pt"), code=1)
    assert told in output
    assert output.count("does not hold") == 1


def test_a_submission_may_not_leave_out_hard_items_nor_name_no_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.read_csv(folder / "good.csv", index_col=0)
    table.iloc[3:].to_csv(folder / "short.csv")
    with pytest.raises(InputError, match="no opinion on 6 cells with a truth"):
        submitted(folder, predictions="short.csv")
    with pytest.raises(InputError, match="is not 40 hexadecimal digits"):
        submitted(folder, commit="main")
    monkeypatch.setattr(provenance, "commit", lambda: f"{COMMIT}+")
    with pytest.raises(InputError, match="files changed since"):
        bundle.frozen_commit(None)
    monkeypatch.setattr(provenance, "commit", lambda: COMMIT)
    assert bundle.frozen_commit(None) == COMMIT
    submitted(folder)
    with pytest.raises(InputError, match="is not an empty folder"):
        submitted(folder)
    assert json.loads((submitted(folder, "declared", environment="torch=2.9.1") / "bundle.json").read_text())["environment"] == {
        "torch": "2.9.1"
    }


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("good.csv",), "holds predictions, and there is no truth"),
        (("good.csv", "--truth", "truth.csv"), "a truth without a name"),
        (("published.csv", "--dataset", "Hospital"), "are about a truth"),
        (("good.csv", "copy/good.csv", "--truth", "truth.csv", "--dataset", "H", "--split", "test"), "of a model called good"),
        (("missing.csv",), "cannot be read"),
    ],
)
def test_refusals(folder: Path, words: tuple[str, ...], match: str) -> None:
    published(folder, "a,X,test,auroc,mean,0.9,,,,seed,x,")
    (folder / "copy").mkdir()
    (folder / "copy" / "good.csv").write_text((folder / "good.csv").read_text())
    with pytest.raises(InputError, match=match):
        called(*(str(folder / word) if word.endswith(".csv") else word for word in words))


def test_the_page_stands_alone(folder: Path) -> None:
    path = published(folder, "<b>theirs,Hospital,test,auroc,Edema,0.99,,,,verified,x,")
    called(path, str(folder / "good.csv"), str(folder / "poor.csv"), *reference(folder), "--html", str(folder / "page.html"))
    page = (folder / "page.html").read_text()
    assert "&lt;b&gt;theirs" in page
    assert "<script" not in page
    assert "://" not in page
    assert page.count("<details open>") == 1


def test_published_rows_of_the_field_are_read(shared_data: Path) -> None:
    path = shared_data / "leaderboard_published.csv"
    found, notes = entries.published(path)
    assert len(found) == len(pd.read_csv(path)) - 2
    assert len(notes) == 1
    computed, _ = entries.published(shared_data / "leaderboard_chexpert_test_computed.csv")
    assert {one.provenance for one in computed} == {"recomputed"}
    assert {one.board for one in computed}.isdisjoint({one.board for one in found})
    (told,) = entries.repeated([*found, *computed])
    assert told.startswith("drnet, ihil, sensexdr, uestc report the same numbers")
