"""`cxr score` on bare tables: against plain scikit-learn scripts, planted gaps and noise, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    f1_score,
    matthews_corrcoef,
    recall_score,
    roc_auc_score,
    roc_curve,
)
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base.errors import InputError
from pipeline.score.rows import COLUMNS

FINDINGS = ["Cardiomegaly", "Edema", "Pleural Effusion"]
ITEMS = 300
KEY = ["model", "compared_with", "finding", "metric", "subgroup", "subgroup_value", "assumption"]
runner = CliRunner()


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """A truth, a better and a worse model, two readers; the models know less about the second half of the items in `site` B."""
    rng = np.random.default_rng(3)
    ids = [f"study {n:03d}" for n in rng.permutation(ITEMS)]
    truth = (rng.random((ITEMS, len(FINDINGS))) < 0.35).astype(float)
    hard = np.arange(ITEMS)[:, None] >= ITEMS // 2
    made = {"truth": truth}
    for name, noise in (("good", 0.8), ("poor", 1.6)):
        made[name] = 1 / (1 + np.exp(-(2 * truth - 1 + rng.normal(0, noise, truth.shape) * np.where(hard, 2.5, 1.0))))
    for name, errs in (("ann", 0.1), ("bob", 0.25)):
        made[name] = np.where(rng.random(truth.shape) < errs, 1 - truth, truth)
    return {name: pd.DataFrame(values, pd.Index(ids, name="Study"), FINDINGS) for name, values in made.items()}


@pytest.fixture
def folder(tables: dict[str, pd.DataFrame], tmp_path: Path) -> Path:
    (tmp_path / "readers").mkdir()
    for name in ("truth", "good", "poor"):
        tables[name].to_csv(tmp_path / f"{name}.csv")
    # As on the CheXpert test set, readers' columns come in another order.
    for name in ("ann", "bob"):
        tables[name][FINDINGS[::-1]].to_csv(tmp_path / "readers" / f"{name}.csv")
    sites = pd.DataFrame({"site": ["A"] * (ITEMS // 2) + ["B"] * (ITEMS // 2)}, tables["truth"].index)
    sites.assign(coin=np.random.default_rng(0).choice(["heads", "tails"], ITEMS)).to_csv(tmp_path / "subgroups.csv")
    return tmp_path


def scored(folder: Path, *words: str, output: str = "scores.csv") -> pd.DataFrame:
    said(folder, *words, output=output)
    found = (
        pd.read_parquet(folder / output)
        if output.endswith("parquet")
        else pd.read_csv(folder / output, keep_default_na=False, na_values=[""])
    )
    assert list(found.columns) == list(COLUMNS)
    found[KEY] = found[KEY].astype(object).fillna("")
    assert not found.duplicated(KEY).any()
    return found


def said(folder: Path, *words: str, output: str = "scores.csv") -> str:
    paths = [str(folder / word) if word.endswith((".csv", ".html")) or word == "readers" else word for word in words]
    result = runner.invoke(
        cli.app,
        ["score", *paths, "-o", str(folder / output), "--set", "validate.bootstrap=200"],
        env={"COLUMNS": "200", "TERM": "dumb"},
        catch_exceptions=False,
    )
    assert result.exit_code == 0, result.output
    return result.output


def plain(found: pd.DataFrame) -> pd.DataFrame:
    """Scores of models on all items: index (model, finding, metric)."""
    chosen = found[(found["compared_with"] == "") & (found["assumption"] == "") & (found["subgroup"] == "all")]
    return chosen.set_index(["model", "finding", "metric"])


def best_on(truth: np.ndarray, prob: np.ndarray, name: str) -> float:
    false, true, _ = roc_curve(truth, prob, drop_intermediate=False)
    return float(true[1 - false >= 0.9 - 1e-9].max() if name.startswith("sens") else (1 - false)[true >= 0.9 - 1e-9].max())


def test_ten_published_models_equal_a_plain_scikit_learn_script(shared_data: Path, tmp_path: Path) -> None:
    """Every score of every model and finding, and the readers, on the CheXpert test studies; files joined by name."""
    source = shared_data / "labels" / "chexpert_test_dev"
    truth = pd.read_csv(source / "truth.csv", index_col=0)
    models = {path.stem: pd.read_csv(path, index_col=0).loc[truth.index] for path in sorted((source / "predictions").glob("*.csv"))}
    readers = {path.stem: pd.read_csv(path, index_col=0).loc[truth.index] for path in sorted((source / "readers").glob("*.csv"))}
    words = [str(source / "truth.csv"), *(str(path) for path in sorted((source / "predictions").glob("*.csv")))]
    result = runner.invoke(
        cli.app,
        [
            "score",
            *words,
            "--readers",
            str(source / "readers"),
            "--threshold",
            "0.5",
            "-o",
            str(tmp_path / "s.parquet"),
            "--set",
            "validate.bootstrap=200",
        ],
        env={"COLUMNS": "200"},
        catch_exceptions=False,
    )
    found = pd.read_parquet(tmp_path / "s.parquet")
    numbers = plain(found)["estimate"]
    findings = list(models["ihil"].columns)
    for model, table in models.items():
        for finding in findings:
            y, p = truth[finding].to_numpy(), table[finding].to_numpy()
            expected = {
                "auroc": roc_auc_score(y, p),
                "auprc": average_precision_score(y, p),
                "mcc": matthews_corrcoef(y, p >= 0.5),
                "f1": f1_score(y, p >= 0.5),
                "sensitivity": recall_score(y, p >= 0.5),
                "specificity": recall_score(y, p >= 0.5, pos_label=0),
                **{name: best_on(y, p, name) for name in ("sensitivity_at_90_specificity", "specificity_at_90_sensitivity")},
            }
            if table.to_numpy().max() <= 1:
                expected["brier"] = brier_score_loss(y, p)
            for metric, value in expected.items():
                assert numbers[model, finding, metric] == pytest.approx(value, abs=1e-9), (model, finding, metric)
        flat = truth[findings].to_numpy().ravel(), table[findings].to_numpy().ravel()
        assert numbers[model, "micro", "auroc"] == pytest.approx(roc_auc_score(*flat), abs=1e-9)
        assert numbers[model, "macro", "auroc"] == pytest.approx(np.mean([numbers[model, name, "auroc"] for name in findings]), abs=1e-12)
    for reader, table in readers.items():
        for finding in findings:
            assert numbers[f"reader:{reader}", finding, "mcc"] == pytest.approx(matthews_corrcoef(truth[finding], table[finding]), abs=1e-9)
    assert "drnet, ihil, sensexdr, uestc have the same scores for Consolidation, Atelectasis, Pleural Effusion" in result.output
    assert "no Brier score and no ECE: desmond, ngango2" in result.output
    pair = found[(found["model"] == "hieupham") & (found["compared_with"] == "ihil") & (found["metric"] == "auroc")].set_index("finding")
    assert pair.loc["Edema", "estimate"] == pytest.approx(numbers["hieupham", "Edema", "auroc"] - numbers["ihil", "Edema", "auroc"])
    assert (pair["p_holm"] >= pair["p_value"]).all()
    copies = found[
        (found["model"] == "drnet") & (found["compared_with"] == "ihil") & (found["finding"] == "Edema") & (found["metric"] == "auroc")
    ]
    assert copies[["estimate", "ci_low", "ci_high", "p_value"]].iloc[0].tolist() == [0, 0, 0, 1]


def test_the_same_tables_give_the_same_bytes_in_any_order_of_rows_and_columns(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    words = ("truth.csv", "good.csv", "poor.csv", "--readers", "readers", "--html", "page.html")
    said(folder, *words)
    first, page = (folder / "scores.csv").read_bytes(), (folder / "page.html").read_bytes()
    for path in (folder / "good.csv", folder / "readers" / "ann.csv"):
        tables[path.stem].sample(frac=1, random_state=1)[FINDINGS[::-1]].to_csv(path)
    said(folder, "truth.csv", "poor.csv", "good.csv", *words[3:])
    assert (folder / "scores.csv").read_bytes() == first
    assert (folder / "page.html").read_bytes() == page


def test_uncertain_and_blank_cells_and_cells_without_an_opinion_are_scored_for_nobody(
    tables: dict[str, pd.DataFrame], folder: Path
) -> None:
    truth, poor = tables["truth"].copy(), tables["poor"].copy()
    truth.iloc[:20, 0], truth.iloc[20:30, 0] = -1, np.nan
    poor.iloc[30:40, 0] = np.nan
    truth.to_csv(folder / "truth.csv")
    poor.to_csv(folder / "poor.csv")
    output = said(folder, "truth.csv", "good.csv", "poor.csv")
    assert "20 cells of the truth are uncertain (-1): not scored" in output
    assert "poor has no opinion on 10 cells with a truth, which no model is scored on: Cardiomegaly 10" in output
    row = plain(scored(folder, "truth.csv", "good.csv", "poor.csv")).loc["good", "Cardiomegaly", "auroc"]
    rest = slice(40, None)
    assert row["estimate"] == pytest.approx(roc_auc_score(tables["truth"].iloc[rest, 0], tables["good"].iloc[rest, 0]))
    assert row["n_positive"] + row["n_negative"] == ITEMS - 40


def test_readings_of_uncertain_cells_are_compared(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    truth = tables["truth"].copy()
    truth.iloc[:40] = -1
    truth.to_csv(folder / "truth.csv")
    output = said(folder, "truth.csv", "good.csv", "poor.csv", "--html", "page.html")
    ones, zeros = (np.mean([roc_auc_score(truth[name].replace(-1, value), tables["good"][name]) for name in FINDINGS]) for value in (1, 0))
    assert "Macro AUROC and rank under readings of uncertain labels" in output
    assert f"{ones:.3f} (1)" in output
    assert f"{zeros:.3f} (1)" in output


def test_a_finding_of_one_class_is_not_estimable_and_leaves_the_mean(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    truth = tables["truth"].copy()
    truth["Edema"] = [1.0] * 4 + [0.0] * (ITEMS - 4)
    truth.to_csv(folder / "truth.csv")
    output = said(folder, "truth.csv", "good.csv", "poor.csv")
    assert "not estimable, with fewer than 5 positive or negative items: Edema" in output
    assert "macro and micro are over 2 findings: Cardiomegaly, Pleural Effusion" in output
    found = plain(scored(folder, "truth.csv", "good.csv", "poor.csv", output="s.parquet"))["estimate"]
    assert found.xs("Edema", level="finding").isna().all()
    others = [found["good", name, "auroc"] for name in ("Cardiomegaly", "Pleural Effusion")]
    assert found["good", "macro", "auroc"] == pytest.approx(np.mean(others))


def test_a_planted_gap_is_found_and_a_coin_has_none(folder: Path) -> None:
    found = scored(folder, "truth.csv", "good.csv", "--subgroups", "subgroups.csv")
    gaps = found[(found["compared_with"] == "others") & (found["metric"] == "auroc") & (found["finding"] == "macro")]
    gaps = gaps.set_index(["subgroup", "subgroup_value"])
    assert gaps.loc[("site", "B"), "estimate"] == pytest.approx(-gaps.loc[("site", "A"), "estimate"])
    assert gaps.loc[("site", "B"), "ci_high"] < -0.1
    assert gaps.loc[("site", "B"), "p_holm"] < 0.001
    assert gaps.loc[("coin", "heads"), "p_holm"] > 0.05
    inside = found[(found["compared_with"] == "") & (found["metric"] == "auroc") & (found["finding"] == "macro")].set_index(
        "subgroup_value"
    )
    assert inside.loc["B", "estimate"] - inside.loc["A", "estimate"] == pytest.approx(gaps.loc[("site", "B"), "estimate"])


def test_readers_are_compared_by_points_and_calls(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    found = scored(folder, "truth.csv", "good.csv", "--readers", "readers", "--threshold", "0.5")
    rows = found.set_index(["model", "compared_with", "finding", "metric"])["estimate"]
    y, p, calls = (tables[name]["Edema"].to_numpy() for name in ("truth", "good", "bob"))
    false, true, _ = roc_curve(y, p, drop_intermediate=False)
    point = 1 - recall_score(y, calls, pos_label=0)
    height = max(np.interp(point, false, true), true[false <= point + 1e-12].max())
    assert rows["good", "reader:bob", "Edema", "sensitivity_at_reader_specificity"] == pytest.approx(height - recall_score(y, calls))
    by_reader = [matthews_corrcoef(y, p >= 0.5) - matthews_corrcoef(y, tables[name]["Edema"]) for name in ("ann", "bob")]
    assert rows["good", "reader:bob", "Edema", "mcc"] == pytest.approx(by_reader[1])
    assert rows["good", "readers", "Edema", "mcc"] == pytest.approx(np.mean(by_reader))


def test_items_of_one_patient_are_resampled_together(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Every item three times: without patients, copies pass for evidence."""
    for name in ("truth", "good", "poor"):
        pd.concat([tables[name].rename(index=lambda item, copy=copy: f"{item}/{copy}") for copy in range(3)]).to_csv(folder / f"{name}.csv")
    patients = [(f"{item}/{copy}", item) for copy in range(3) for item in tables["truth"].index]
    pd.DataFrame(patients, columns=["id", "patient"]).to_csv(folder / "patients.csv", index=False)
    words = ("truth.csv", "good.csv", "poor.csv")
    one, other = (plain(scored(folder, *words, *more)).loc["good", "macro", "auroc"] for more in ((), ("--patients", "patients.csv")))
    assert other["estimate"] == pytest.approx(one["estimate"])
    assert other["ci_high"] - other["ci_low"] > 1.4 * (one["ci_high"] - one["ci_low"])


def test_bounds_hold_the_truth_behind_text_mined_labels(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    rng = np.random.default_rng(8)
    truth = tables["truth"]["Edema"].to_numpy()
    labels = np.where(rng.random(ITEMS) < np.where(truth == 1, 0.3, 0.1), 1 - truth, truth)
    tables["truth"].assign(Edema=labels).to_csv(folder / "truth.csv")
    sensitivity, specificity = recall_score(truth, labels), recall_score(truth, labels, pos_label=0)
    with (folder / "errors.csv").open("w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["finding", "sensitivity_low", "sensitivity_high", "specificity_low", "specificity_high"])
        writer.writerow(["Edema", sensitivity - 0.02, sensitivity + 0.02, specificity - 0.02, specificity + 0.02])
    found = scored(folder, "truth.csv", "good.csv", "--label-errors", "errors.csv", "--threshold", "0.5")
    bounds = found[found["assumption"] != ""].set_index(["assumption", "metric"])
    real = roc_auc_score(truth, tables["good"]["Edema"])
    assert len(bounds) == 6
    assert bounds["estimate"].isna().all()
    for assumption in ("label errors independent of scores", "any label errors"):
        low, high = bounds.loc[(assumption, "auroc"), ["ci_low", "ci_high"]]
        assert low <= real <= high
    observed = plain(found).loc["good", "Edema", "auroc"]["estimate"]
    assert observed < real - 0.05


def test_thresholds_come_from_a_file_or_a_number(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    rows = [f"{model},{finding},{0.2 if model == 'good' else 0.7}" for model in ("good", "poor") for finding in FINDINGS]
    (folder / "cuts.csv").write_text("model,finding,threshold\n" + "\n".join(rows) + "\n")
    numbers = plain(scored(folder, "truth.csv", "good.csv", "poor.csv", "--threshold", "cuts.csv"))["estimate"]
    assert numbers["good", "Edema", "f1"] == pytest.approx(f1_score(tables["truth"]["Edema"], tables["good"]["Edema"] >= 0.2))
    assert numbers["poor", "Edema", "f1"] == pytest.approx(f1_score(tables["truth"]["Edema"], tables["poor"]["Edema"] >= 0.7))
    (folder / "cuts.csv").write_text("model,finding,threshold\n" + "\n".join(rows[:-1]) + "\n")
    with pytest.raises(InputError, match="no threshold for poor and Pleural Effusion"):
        said(folder, "truth.csv", "good.csv", "poor.csv", "--threshold", "cuts.csv")
    with pytest.raises(InputError, match="no threshold is called 'best'"):
        said(folder, "truth.csv", "good.csv", "--threshold", "best")


def test_the_page_stands_alone_and_says_everything(folder: Path) -> None:
    said(folder, "truth.csv", "good.csv", "poor.csv", "--readers", "readers", "--subgroups", "subgroups.csv", "--html", "page.html")
    page = (folder / "page.html").read_text()
    for what in (
        "AUROC by finding",
        "MCC by finding",
        "Reliability",
        "Readers under the curve",
        "inside a subgroup",
        "P(first)",
        "To know",
    ):
        assert what in page
    assert "<script" not in page
    assert "://" not in page


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("truth.csv", "good.csv", "--html", "good.csv"), "would replace a file that is read"),
        (("truth.csv", "strangers.csv"), "shares no item"),
        (("truth.csv", "other.csv"), "no finding is in"),
        (("truth.csv", "good.csv", "--patients", "few.csv"), "names no patient for 299 of 300 items"),
        (("truth.csv", "good.csv", "--label-errors", "few.csv"), "lacks columns"),
        (("truth.csv", "good.csv", "--label-errors", "wild.csv"), "line 2: an interval is not within 0 to 1"),
    ],
)
def test_refusals(tables: dict[str, pd.DataFrame], folder: Path, words: tuple[str, ...], match: str) -> None:
    tables["good"].rename(index=lambda item: f"{item} x").to_csv(folder / "strangers.csv")
    tables["good"].rename(columns=dict(zip(FINDINGS, ["Mass", "Nodule", "Hernia"], strict=True))).to_csv(folder / "other.csv")
    (folder / "few.csv").write_text("id,patient\nstudy 000,a\n")
    (folder / "wild.csv").write_text("finding,sensitivity_low,sensitivity_high,specificity_low,specificity_high\nEdema,0.9,0.8,0.5,0.6\n")
    with pytest.raises(InputError, match=match):
        said(folder, *words)
