"""`cxr policies compare`: worked by hand on a small file, and with trainings on a home."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest
from test_cli_commands import fail, say

from pipeline.base import tables
from pipeline.base.storage import Home

LABELS = "Study,Edema,Pneumothorax\na,1,\nb,0,0\nc,-1,\nd,,1\n"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text(LABELS)
    return path


def test_prevalence_of_every_policy(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.csv"
    said = say("policies compare", str(labels), "-o", str(out), "--html", str(tmp_path / "page.html"))
    assert "Mean target" in said
    rows = {(row["finding"], row["policy"]): row for row in csv.DictReader(out.open())}
    expected = {
        "u_ignore": (1 / 3, 1 / 4, 1 / 3),
        "u_zeros": (1 / 4, 0, 1 / 4),
        "u_ones": (1 / 2, 0, 1 / 2),
        "u_multiclass": (1 / 4, 0, 1.5 / 4),
        "u_ones_lsr": (1 / 2, 0, 1.7 / 4),
        "u_zeros_lsr": (1 / 4, 0, 1.15 / 4),
    }
    for policy, values in expected.items():
        row = rows["Edema", policy]
        found = [float(row[name]) for name in ("positive_share", "masked_share", "mean_target")]
        assert found == pytest.approx(values), policy
        assert (row["labels"], row["uncertain"]) == ("4", "1")
    assert 0 < float(rows["Edema", "posterior"]["mean_target"]) < 1
    assert "<h2>Mean target of what trains</h2>" in (tmp_path / "page.html").read_text()


def test_silence_follows_the_setting_and_policies_can_be_chosen(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.csv"
    say("policies compare", str(labels), "--policy", "u_zeros", "--set", "label.unmentioned=ignore", "-o", str(out))
    rows = list(csv.DictReader(out.open()))
    assert {row["policy"] for row in rows} == {"u_zeros"}
    assert [float(row["masked_share"]) for row in rows] == [1 / 4, 1 / 2]


def test_scores_of_policies_are_paired_with_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of the positive labels of one finding became uncertain: policies differ, and each is scored against the same readers."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "validate"))
    from judged_homes import judged_home

    home = judged_home(tmp_path / "home", patients=60, readers=True)
    rows = home.read("labels").to_pandas()
    hedged = (rows["finding"] == "Cardiomegaly") & (rows["given_label"] == "POSITIVE") & (rows.index % 3 == 0)
    rows.loc[hedged, "given_label"] = "UNCERTAIN"
    _put(home, "labels", rows)
    quick = ("profile=tiny", "predict.size_px=48", "predict.min_positives=5", "validate.epochs=3", "validate.bootstrap=100")
    sets = [word for one in quick[1:] for word in ("--set", one)] + ["--set", "validate.seeds=2"]
    out = tmp_path / "scores.csv"
    chosen = ("--policy", "u_zeros", "--policy", "u_ones", "--policy", "u_zeros")
    said = say("policies compare", str(home.root), "--scores", *chosen, *sets, "--scores-output", str(out))
    assert "Difference to u_zeros" in said
    found = pd.read_csv(out)
    assert set(found["trained_on"]) == {"u_zeros", "u_ones", "u_ones - u_zeros"}
    assert set(found["n_seeds"]) == {2}
    assert set(found["truth"]) == {"readers"}
    wide = found[found["metric"] == "auroc"].pivot(index="finding", columns="trained_on", values="estimate")
    assert (wide["u_ones"] - wide["u_zeros"] - wide["u_ones - u_zeros"]).abs().max() < 1e-9
    assert found.loc[found["trained_on"] == "u_ones - u_zeros", "certificate"].notna().any()
    assert (home.work / "policies").is_dir()


def _put(home: Home, name: str, rows: pd.DataFrame) -> None:
    import pyarrow as pa

    schema = pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME[name].columns])
    home.write(name, pa.Table.from_pandas(rows, schema=schema, preserve_index=False))


def test_what_cannot_be_compared_is_said(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no films to train on" in fail(capsys, monkeypatch, "policies compare", str(labels), "--scores")
    assert "there are no scores" in fail(capsys, monkeypatch, "policies compare", str(labels), "--scores-output", str(tmp_path / "s.csv"))
    assert "u_maybe" in fail(capsys, monkeypatch, "policies compare", str(labels), "--policy", "u_maybe")
