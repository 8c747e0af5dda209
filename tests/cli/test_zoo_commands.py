"""`cxr models`, `cxr models check` and `cxr predict` on twins of published models."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from factories import tiny_home
from twins import chexnet, cxr_auc_maximizer, densenet121, torchxrayvision
from twins._cnns import densenet
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base.interfaces import ZOO
from pipeline.base.storage import Home
from pipeline.sample import make

runner = CliRunner()


def say(*words: object) -> str:
    result = runner.invoke(cli.app, [str(word) for word in words], env={"COLUMNS": "220", "TERM": "dumb"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def fail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> str:
    monkeypatch.setattr(sys, "argv", ["cxr", *map(str, words)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "->" in said
    return said


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return tiny_home(tmp_path_factory.mktemp("zoo") / "home", patients=6)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with two films, one of 16 bits, a broken one and a text."""
    folder = tmp_path / "films"
    (folder / "sub").mkdir(parents=True)
    film = np.random.default_rng(0).integers(0, 256, (300, 260), np.uint8)
    cv2.imwrite(str(folder / "sub" / "a.png"), film)
    cv2.imwrite(str(folder / "b.png"), film.astype(np.uint16) * 257)
    (folder / "broken.dcm").write_bytes(b"no film" * 50)
    (folder / "notes.txt").write_text("no film either")
    return folder


def test_every_model_is_listed_with_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(name in say("models") for name in ZOO.names())
    listed = json.loads(say("models", "--format", "json"))
    assert [one["name"] for one in listed] == ZOO.names()
    assert all(one["licence"] and one["weights"] and "missing_packages" in one for one in listed)


def test_one_model_is_told_in_full() -> None:
    told = say("models", "torchxrayvision")
    for words in ("Apache-2.0", "Cohen et al. 2022", "unsafe_pickle", "op_normalised", "never trained"):
        assert words in told


def test_a_checkpoint_is_checked(tmp_path: Path) -> None:
    told = say("models", "check", "cxr-auc-maximizer", "--checkpoint", cxr_auc_maximizer.write(tmp_path), "--device", "cpu")
    assert "self-test passed" in told
    assert "probability of Cardiomegaly, Edema" in told


def test_a_misfit_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    path = densenet121.write(tmp_path)
    said = fail(capsys, monkeypatch, "models", "check", "resnet50", "--checkpoint", path)
    assert "layer1" in said
    assert "it looks like a DenseNet" in said
    said = fail(capsys, monkeypatch, "models", "check", "densenet121", "--checkpoint", path, "--set", "colour=red")
    assert "option colour" in said
    assert "size_px" in said
    assert "choose one of" in fail(capsys, monkeypatch, "models", "check", "nobody", "--checkpoint", path)
    assert "does not exist" in fail(capsys, monkeypatch, "models", "check", "resnet50", "--checkpoint", tmp_path / "no")
    assert "--checkpoint" in fail(capsys, monkeypatch, "models", "check", "resnet50")


def test_a_network_that_sees_nothing_fails_its_self_test(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    network = densenet(0, 14)
    torch.nn.init.zeros_(network.classifier.weight)
    torch.save(network.state_dict(), tmp_path / "net.pt")
    assert "nothing of a film reaches the end" in fail(
        capsys, monkeypatch, "models", "check", "densenet121", "--checkpoint", tmp_path / "net.pt"
    )


def test_a_home_is_scored_to_what_an_audit_reads(home: Home, tmp_path: Path) -> None:
    weights = torchxrayvision.write(tmp_path)
    told = say("predict", "--model", "torchxrayvision", "--checkpoint", weights, "--data", home.root, "-o", tmp_path / "p.csv")
    assert "op_normalised" in told
    assert "Apache-2.0" in told
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert {row["id"] for row in rows} == set(home.read("groups")["image_id"].to_pylist())
    labels = pd.DataFrame({"id": [row["id"] for row in rows], "Edema": [1, 0] * (len(rows) // 2) + [0] * (len(rows) % 2)})
    labels.to_csv(tmp_path / "labels.csv", index=False)
    say("audit", tmp_path / "labels.csv", tmp_path / "p.csv", "-o", tmp_path / "issues.csv")
    assert len(pd.read_csv(tmp_path / "issues.csv")) == len(rows)


def test_a_row_a_score_as_parquet(home: Home, tmp_path: Path) -> None:
    words = ("predict", "--model", "chexnet", "--checkpoint", chexnet.write(tmp_path), "--data", home.root, "--batch-size", 4)
    say(*words, "-o", tmp_path / "p.parquet")
    say(*words, "-o", tmp_path / "p.csv", "--set", "crops=ten")
    long = pd.read_parquet(tmp_path / "p.parquet")
    assert list(long.columns) == ["id", "finding", "model", "score", "score_kind", "checkpoint_sha256"]
    wide = long.pivot_table(values="score", index="id", columns="finding")
    other = pd.read_csv(tmp_path / "p.csv", index_col="id")
    pd.testing.assert_frame_equal(wide, other.loc[wide.index, wide.columns], check_dtype=False, check_names=False, rtol=1e-6)


def test_a_folder_is_scored_and_what_is_no_film_is_told(films: Path, tmp_path: Path) -> None:
    told = say("predict", "--model", "chexnet", "--checkpoint", chexnet.write(tmp_path), "--data", films, "-o", tmp_path / "p.csv")
    assert "2 films scored" in told
    assert "broken.dcm (undecodable_pixels)" in told
    rows = pd.read_csv(tmp_path / "p.csv", index_col="id")
    assert list(rows.index) == ["b.png", "sub/a.png"]
    # The same grey values in 8 and in 16 bits, at full size, as the file has them.
    np.testing.assert_array_equal(rows.loc["b.png"], rows.loc["sub/a.png"])
    scorer = ZOO.get("chexnet").load(chexnet.write(tmp_path), ZOO.get("chexnet").Options(), torch.device("cpu"))
    film = np.random.default_rng(0).integers(0, 256, (300, 260), np.uint8)
    np.testing.assert_allclose(rows.loc["b.png"], scorer.score(scorer.prepare(film)[None])[0].numpy(), rtol=1e-5)


def test_dicom_files_are_scored(tmp_path: Path) -> None:
    export = make(tmp_path / "hospital", 2, 0).export
    say("predict", "--model", "densenet121", "--checkpoint", densenet121.write(tmp_path), "--data", export, "-o", tmp_path / "p.csv")
    rows = pd.read_csv(tmp_path / "p.csv", index_col="id")
    assert len(rows) > 0
    assert rows.notna().all(axis=None)


def test_the_settings_of_a_home_name_the_checkpoint(home: Home, tmp_path: Path) -> None:
    weights = torchxrayvision.write(tmp_path)
    text = f'[models.torchxrayvision]\ncheckpoint = "{weights}"\noptions = {{ output = "logit" }}\n'
    (home.root / "settings.toml").write_text(text)
    try:
        told = say("predict", "--model", "torchxrayvision", "--data", home.root, "-o", tmp_path / "p.csv")
    finally:
        (home.root / "settings.toml").unlink()
    assert "A score is: logit" in told


def test_what_cannot_be_scored_is_refused(
    films: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("predict", "--model", "chexnet", "--checkpoint", chexnet.write(tmp_path), "--data")
    assert "ends in none of" in fail(capsys, monkeypatch, *words, films, "-o", tmp_path / "p.txt")
    (tmp_path / "empty").mkdir()
    assert "holds no DICOM" in fail(capsys, monkeypatch, *words, tmp_path / "empty", "-o", tmp_path / "p.csv")
    for path in (films / "sub" / "a.png", films / "b.png"):
        path.unlink()
    assert "no film could be read" in fail(capsys, monkeypatch, *words, films, "-o", tmp_path / "p.csv")
    assert not (tmp_path / "p.csv").exists()
    assert "needs its weights" in fail(capsys, monkeypatch, "predict", "--model", "chexnet", "--data", films, "-o", tmp_path / "p.csv")
