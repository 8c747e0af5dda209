"""`cxr audit` on bare tables: what it finds, what does not matter to it, and what it refuses."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base.errors import InputError, SettingsError

COLUMNS = ["item_id", "finding", "given_label", "p_positive", "label_quality_score", "is_label_issue", "rank", "reason"]
FINDINGS = ["Cardiomegaly", "Edema", "Pleural Effusion"]
ITEMS = 240
SCORER = Path(__file__).resolve().parents[3] / "shared" / "tools" / "score_noise.py"
runner = CliRunner()


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Labels mined from 70 % sensitive reports with some hedges, two models and two readers; `wrong` marks planted errors."""
    rng = np.random.default_rng(7)
    ids = [f"study {n:03d}" for n in rng.permutation(ITEMS)]
    truth = rng.random((ITEMS, len(FINDINGS))) < 0.3
    planted = rng.random(truth.shape) < 0.08
    given = np.where(truth ^ planted, 1.0, np.where(rng.random(truth.shape) < 0.3, 0.0, np.nan))
    given[rng.random(truth.shape) < 0.05] = -1.0
    made = {"labels": given, "wrong": planted & (given != -1), "truth": truth.astype(float)}
    for name in ("one", "two"):
        made[name] = 1 / (1 + np.exp(-(np.where(truth, 2.0, -2.0) + rng.normal(0, 1.2, truth.shape))))
    for name in ("ann", "bob"):
        made[name] = (truth ^ (rng.random(truth.shape) < 0.1)).astype(float)
    return {name: pd.DataFrame(values, pd.Index(ids, name="Study"), FINDINGS) for name, values in made.items()}


@pytest.fixture
def folder(tables: dict[str, pd.DataFrame], tmp_path: Path) -> Path:
    return written(tables, tmp_path)


@pytest.fixture(scope="module")
def found(tables: dict[str, pd.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The audit of the labels with one model."""
    return audit(written(tables, tmp_path_factory.mktemp("audit")), "labels.csv", "one.csv")


def written(tables: dict[str, pd.DataFrame], folder: Path) -> Path:
    (folder / "readers").mkdir()
    for name in ("labels", "one", "two"):
        tables[name].to_csv(folder / f"{name}.csv")
    for name in ("ann", "bob"):
        tables[name].to_csv(folder / "readers" / f"{name}.csv")
    return folder


def audit(folder: Path, *words: str, output: str = "issues.csv") -> pd.DataFrame:
    said(folder, *words, output=output)
    read = pd.read_parquet if output.endswith("parquet") else pd.read_csv
    found: pd.DataFrame = read(folder / output)
    assert list(found.columns) == COLUMNS
    return found


def said(folder: Path, *words: str, output: str = "issues.csv") -> str:
    paths = [str(folder / word) if word.endswith((".csv", ".html")) or word == "readers" else word for word in words]
    result = runner.invoke(
        cli.app, ["audit", *paths, "-o", str(folder / output)], env={"COLUMNS": "220", "TERM": "dumb"}, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


def keyed(found: pd.DataFrame) -> pd.DataFrame:
    return found.set_index(["item_id", "finding"]).sort_index()


def test_planted_errors_lead_and_every_cell_is_there(tables: dict[str, pd.DataFrame], found: pd.DataFrame) -> None:
    assert len(found) == ITEMS * len(FINDINGS)
    assert not found.duplicated(["item_id", "finding"]).any()
    assert list(found["rank"]) == list(range(1, len(found) + 1))
    assert found[["p_positive", "label_quality_score"]].apply(lambda column: column.between(0, 1).all()).all()
    wrong = tables["wrong"].stack().rename("wrong")
    ranked = found.join(wrong, on=["item_id", "finding"])
    assert ranked.loc[ranked["given_label"] != -1, "wrong"].head(30).mean() > 0.7 > 5 * ranked["wrong"].mean()
    assert ranked.loc[ranked["is_label_issue"], "wrong"].mean() > 5 * ranked.loc[~ranked["is_label_issue"], "wrong"].mean()
    joined = found.join(tables["labels"].stack(future_stack=True).rename("label"), on=["item_id", "finding"])
    pd.testing.assert_series_equal(joined["given_label"], joined["label"], check_names=False)


def test_the_same_tables_give_the_same_bytes_in_any_order(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    audit(folder, "labels.csv", "one.csv", "two.csv", "--readers", "readers", "--html", "one.html")
    first, page = (folder / "issues.csv").read_bytes(), (folder / "one.html").read_bytes()
    for path in (folder / "labels.csv", folder / "one.csv", folder / "readers" / "ann.csv"):
        turned = tables[path.stem].sample(frac=1, random_state=3)
        turned[FINDINGS[::-1]].to_csv(path)
    audit(folder, "labels.csv", "two.csv", "one.csv", "--readers", "readers", "--html", "one.html")
    assert (folder / "issues.csv").read_bytes() == first
    assert (folder / "one.html").read_bytes() == page


def test_masked_labels_are_judged_and_never_issues(tables: dict[str, pd.DataFrame], found: pd.DataFrame) -> None:
    hedged = keyed(found[found["given_label"] == -1]).xs("Pleural Effusion", level="finding")
    assert len(hedged) > 5
    assert not hedged["is_label_issue"].any()
    assert np.allclose(hedged["label_quality_score"], 1 - (0.5 - hedged["p_positive"]).abs())
    assert hedged["p_positive"].corr(tables["one"]["Pleural Effusion"].loc[hedged.index], method="spearman") > 0.95
    assert hedged["reason"].str.contains("masked in training (u_ignore)", regex=False).all()


def test_a_policy_gives_uncertain_labels_a_side(folder: Path) -> None:
    found = audit(folder, "labels.csv", "one.csv", "--set", "label.policies.Edema=u_zeros", "--set", "label.policy=u_ones")
    for finding, target in (("Edema", 0), ("Pleural Effusion", 1)):
        hedged = found[(found["given_label"] == -1) & (found["finding"] == finding)]
        assert np.allclose(hedged["label_quality_score"], 1 - (target - hedged["p_positive"]).abs())
        assert hedged["is_label_issue"].any()


def test_quality_of_decided_labels_is_the_probability_of_their_side(found: pd.DataFrame) -> None:
    present, rest = found[found["given_label"] == 1], found[found["given_label"].isna() | (found["given_label"] == 0)]
    assert np.allclose(present["label_quality_score"], present["p_positive"])
    assert np.allclose(rest["label_quality_score"], 1 - rest["p_positive"])


def test_readers_without_models_find_planted_errors(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    found = audit(folder, "labels.csv", "--readers", "readers", output="issues.parquet")
    wrong = tables["wrong"].stack().rename("wrong")
    assert found[found["given_label"] != -1].join(wrong, on=["item_id", "finding"])["wrong"].head(20).mean() > 0.7
    truth = found.join(tables["truth"].stack().rename("truth"), on=["item_id", "finding"])["truth"]
    assert ((found["p_positive"] - truth) ** 2).mean() < ((tables["ann"] - tables["truth"]) ** 2).to_numpy().mean()
    assert found["reason"].str.contains("reader:ann").any()


def test_a_reader_who_saw_few_items_is_silent_on_the_rest(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    tables["ann"].head(20).to_csv(folder / "readers" / "ann.csv")
    output = said(folder, "labels.csv", "--readers", "readers")
    assert f"labels.csv has {ITEMS - 20} items that ann.csv lacks" in output
    found = pd.read_csv(folder / "issues.csv")
    named = found.loc[found["reason"].str.contains("reader:ann"), "item_id"]
    assert set(named) <= set(tables["ann"].index[:20])


def test_a_verdict_overrides_everything(found: pd.DataFrame, folder: Path) -> None:
    sound = found[found["given_label"] == 1].iloc[-1]
    doubted = found[(found["given_label"] == 1) & found["is_label_issue"]].iloc[0]
    masked = found[(found["given_label"] == -1) & (found["finding"] == "Pleural Effusion")].iloc[0]
    rows = [(sound, 0), (doubted, 1), (masked, -1)]
    lines = [f"{row['item_id']},{row['finding']},{value}" for row, value in rows]
    (folder / "verdicts.csv").write_text("\n".join(["id,finding,value", *lines, "nobody,Edema,1", "study 001,Edema,"]) + "\n")
    output = said(folder, "labels.csv", "one.csv", "--verdicts", "verdicts.csv")
    assert "verdicts.csv has 1 verdicts on cells that labels.csv lacks" in output
    assert "verdicts.csv: 1 rows have no verdict" in output
    after = keyed(pd.read_csv(folder / "issues.csv"))
    refuted, kept, open_ = (after.loc[(row["item_id"], row["finding"])] for row, _ in rows)
    assert refuted["p_positive"] == pytest.approx(0.05)
    assert kept["label_quality_score"] == pytest.approx(0.95)
    assert refuted["is_label_issue"]
    assert not kept["is_label_issue"]
    assert not open_["is_label_issue"]
    assert refuted["reason"] == "given POSITIVE; the verdict is NEGATIVE"
    assert (after["reason"].str.contains("the verdict is")).sum() == len(rows)


def test_scores_on_another_scale_count_by_their_order(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    ranks = (tables["one"].rank() - 0.5) / ITEMS
    ranks.to_csv(folder / "one.csv")
    expected = audit(folder, "labels.csv", "one.csv")
    scaled = ranks.assign(Edema=40 * ranks["Edema"] ** 3 - 7)
    scaled.to_csv(folder / "one.csv")
    output = said(folder, "labels.csv", "one.csv")
    assert "one.csv holds scores outside 0 to 1, of which only the order is used: Edema" in output
    pd.testing.assert_frame_equal(pd.read_csv(folder / "issues.csv"), expected)


def test_what_is_left_out_is_said(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    strange = tables["one"].rename(columns={"Pleural Effusion": "Effusion"}).assign(Fracture=0.5, colour=1.0).drop(columns="Cardiomegaly")
    strange.rename(index={"study 000": "elsewhere"}).to_csv(folder / "one.csv")
    output = said(folder, "labels.csv", "one.csv", "--html", "page.html")
    told = (
        "one.csv has columns that name no finding: colour",
        "one.csv has findings that labels.csv lacks: Fracture",
        "one.csv has 1 items that labels.csv lacks",
        "labels.csv has 1 items that one.csv lacks",
        "detector cleanlab_self_confidence could not judge 1 of 3 findings, inputs missing: Cardiomegaly",
    )
    page = (folder / "page.html").read_text(encoding="utf-8")
    for note in told:
        assert note in output
        assert note in page
    found = pd.read_csv(folder / "issues.csv")
    assert set(found["finding"]) == set(FINDINGS)
    assert "elsewhere" not in set(found["item_id"])


def test_the_page_shows_the_hundred_most_suspicious_cells(folder: Path) -> None:
    for name in ("labels", "one"):
        frame = pd.read_csv(folder / f"{name}.csv")
        frame.assign(Study=frame["Study"] + "<b>").to_csv(folder / f"{name}.csv", index=False)
    found = audit(folder, "labels.csv", "one.csv", "--html", "page.html")
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "<b>" not in page
    shown = re.findall(r'<tr><td class="number">(\d+)</td><td>([^<]+)&lt;b&gt;</td><td>([^<]+)</td>', page)
    assert [(int(rank), f"{item}<b>", finding) for rank, item, finding in shown] == list(
        found.head(100)[["rank", "item_id", "finding"]].itertuples(index=False, name=None)
    )
    edema = found[found["finding"] == "Edema"]
    counts = [
        *((edema["given_label"] == number).sum() for number in (1, 0, -1)),
        edema["given_label"].isna().sum(),
        edema["is_label_issue"].sum(),
    ]
    assert "<td>Edema</td>" + "".join(f'<td class="number">{count}</td>' for count in counts) in page


SECRET = "Mallory"
BAD: dict[str, tuple[str, Callable[[list[list[str]]], object], str]] = {
    "a label that is no state": ("labels", lambda rows: rows[4].__setitem__(2, SECRET), "labels.csv, line 5: Edema is not 1, 0, -1"),
    "a label of another number": ("labels", lambda rows: rows[4].__setitem__(2, "2"), "labels.csv, line 5: Edema is not 1, 0, -1"),
    "a score that is no number": ("one", lambda rows: rows[3].__setitem__(1, SECRET), "one.csv, line 4: Cardiomegaly is not a number"),
    "an infinite score": ("one", lambda rows: rows[3].__setitem__(1, "inf"), "one.csv, line 4: Cardiomegaly is not a number"),
    "an id twice": ("labels", lambda rows: rows[9].__setitem__(0, rows[2][0]), "labels.csv, line 10 repeats the id of line 3"),
    "an id twice in predictions": ("one", lambda rows: rows[9].__setitem__(0, rows[2][0]), "one.csv, line 10 repeats the id of line 3"),
    "no id": ("labels", lambda rows: rows[7].__setitem__(0, " "), "labels.csv, line 8 has no id"),
    "a row cut short": ("one", lambda rows: rows[6].pop(), "one.csv, line 7 has 3 cells, the first line 4"),
    "a row too long": ("labels", lambda rows: rows[6].insert(1, SECRET), "labels.csv, line 7 has 5 cells, the first line 4"),
    "a finding twice": ("one", lambda rows: rows[0].__setitem__(1, "Pulmonary Edema"), "one.csv: two columns are Edema"),
    "no finding": ("labels", lambda rows: rows[0].__setitem__(slice(1, 4), ["a", "b", "c"]), "labels.csv: no column is a finding"),
    "other findings": (
        "one",
        lambda rows: rows[0].__setitem__(slice(1, 4), ["Mass", "b", "c"]),
        "one.csv shares no finding with labels.csv",
    ),
    "other items": ("one", lambda rows: [row.__setitem__(0, f"x{row[0]}") for row in rows[1:]], "one.csv shares no item with labels.csv"),
    "no rows": ("labels", lambda rows: rows.__delitem__(slice(1, None)), "labels.csv has no rows"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_tables_are_refused_by_file_and_line(what: str, folder: Path) -> None:
    name, spoil, message = BAD[what]
    rows = list(csv.reader((folder / f"{name}.csv").open(encoding="utf-8")))
    spoil(rows)
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows(rows)
    with pytest.raises(InputError) as refused:
        said(folder, "labels.csv", "one.csv")
    assert message in refused.value.message
    assert SECRET not in str(refused.value)
    assert not (folder / "issues.csv").exists()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["id,finding,value", "study 001,Edema,yes"], "verdicts.csv, line 2: value is not 1, 0, -1"),
        (["id,finding,value", "study 001,Edema,1", "study 002,Edemata,1"], "verdicts.csv, line 3: no such finding"),
        (["id,finding,value", "study 001,Edema,1", "study 001,Edema,0"], "verdicts.csv, line 3 decides the cell of line 2 again"),
        (["id,finding", "study 001,Edema"], "verdicts.csv lacks the columns of verdicts"),
        (["id,finding,value", "nobody,Edema,1"], "verdicts.csv decides no cell of labels.csv"),
    ],
)
def test_bad_verdicts_are_refused(folder: Path, lines: list[str], message: str) -> None:
    (folder / "verdicts.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=re.escape(message)):
        said(folder, "labels.csv", "one.csv", "--verdicts", "verdicts.csv")


@pytest.mark.parametrize(
    ("words", "output", "message"),
    [
        (("labels.csv",), "issues.csv", "labels alone cannot be audited"),
        (("labels.csv", "one.csv"), "issues.txt", "issues.txt ends in none of"),
        (("labels.csv", "one.csv"), "labels.csv", "labels.csv would replace a file that is read"),
        (("labels.csv", "one.csv"), "nowhere/issues.csv", "nowhere is not a folder"),
        (("labels.csv", "one.csv", "readers/../one.csv"), "issues.csv", "several files of predictions are called one"),
        (("labels.csv", "absent.csv"), "issues.csv", "absent.csv cannot be read as CSV (FileNotFoundError)"),
        (("labels.csv", "--readers", "labels.csv"), "issues.csv", "is not a folder with CSV files"),
    ],
)
def test_bad_words_are_refused(folder: Path, words: tuple[str, ...], output: str, message: str) -> None:
    before = (folder / "labels.csv").read_bytes()
    with pytest.raises(InputError, match=re.escape(message)):
        said(folder, *words, output=output)
    assert (folder / "labels.csv").read_bytes() == before


def test_settings_are_checked(folder: Path) -> None:
    with pytest.raises(SettingsError, match=r"rank\.detectors is empty"):
        said(folder, "labels.csv", "one.csv", "--set", "rank.detectors=[]")


def test_real_labels_and_models_against_radiologists(shared_data: Path, tmp_path: Path) -> None:
    """Floors of the labeler and ten models of the CheXpert test set against five radiologists; nothing is fitted to them."""
    data = shared_data / "labels" / "chexpert_test_dev"
    if not SCORER.is_file() or not data.is_dir():
        pytest.skip("no scorer or no CheXpert test labels beside the checkout")
    predictions = sorted(map(str, (data / "predictions").glob("*.csv")))
    said(tmp_path, str(data / "labels.csv"), *predictions)
    found = pd.read_csv(tmp_path / "issues.csv")
    assert len(found) == 303 * 14
    modelled = found["finding"].isin(["Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion"])
    found[modelled].to_csv(tmp_path / "modelled.csv", index=False)
    files = [str(tmp_path / "modelled.csv"), str(data / "labels.csv"), str(data / "truth.csv")]
    table = subprocess.run([sys.executable, str(SCORER), *files, "--boot", "0"], capture_output=True, text=True, check=True).stdout
    head = table.splitlines()[0].split()
    mean = dict(zip(head, map(float, re.findall(r"^MEAN +(.*)$", table, re.M)[0].split()), strict=True))
    assert mean["ap_u_ones"] >= 0.84
    assert mean["ap_u_zeros"] >= 0.80
    assert mean["brier"] <= 0.095


def test_csv_and_parquet_hold_the_same(found: pd.DataFrame, folder: Path) -> None:
    parquet = audit(folder, "labels.csv", "one.csv", output="issues.parquet")
    pd.testing.assert_frame_equal(parquet.astype({"given_label": "float64"}), found)
