"""`cxr train`: the file it writes answers as the network that was trained, elsewhere too; what it refuses; a stopped training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from judged_homes import judged_home
from safetensors import safe_open
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from models import resume, trained
from pipeline import train as final
from pipeline.base.errors import InputError
from pipeline.base.images import decode_eight_bits
from pipeline.base.interfaces import ZOO, ModelOptions
from pipeline.base.settings import Settings, load
from pipeline.base.storage import Home
from pipeline.cli import app

QUICK = ("predict.size_px=48", "predict.min_positives=5", "predict.epochs=6", "train.calibration=temperature")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return judged_home(tmp_path_factory.mktemp("final") / "home", patients=120)


def settings(*more: str) -> Settings:
    return load(profile="tiny", overrides=(*QUICK, *more))


def test_the_file_judges_films_it_never_saw(home: Home, tmp_path: Path) -> None:
    made = final.train(home, settings(), tmp_path / "net.safetensors")
    assert made.findings == ("Cardiomegaly", "Pleural Effusion")
    assert all(auroc > 0.9 for auroc, _ in made.agreement.values())
    scorer = ZOO.get("trained").load(tmp_path / "net.safetensors", ModelOptions(), torch.device("cpu"))
    truth, stored = np.load(home.root / "truth.npz"), home.read("images", ["image_id", "pixels"]).to_pylist()
    tested = set(home.sql("SELECT image_id FROM splits WHERE split = 'test'")["image_id"].to_pylist())
    films = [row for row in stored if row["image_id"] in tested]
    probs = scorer.score(torch.stack([scorer.prepare(decode_eight_bits(row["pixels"])) for row in films])).numpy()
    place = [list(truth["image_id"]).index(row["image_id"]) for row in films]
    for column, key in enumerate(("cardiomegaly", "effusion")):
        assert roc_auc_score(truth[key][place], probs[:, column]) > 0.9
        assert roc_auc_score(truth[key][place], probs[:, column]) == pytest.approx(made.agreement[made.findings[column]][0], abs=1e-3)
        assert np.mean((probs[:, column] - truth[key][place]) ** 2) < 0.15


def test_the_card_says_what_it_was_made_from(home: Home, tmp_path: Path) -> None:
    final.train(home, settings("predict.epochs=1"), tmp_path / "a.safetensors")
    final.train(home, settings("predict.epochs=1"), tmp_path / "b.safetensors")
    final.train(home, settings("predict.epochs=1", "seed=1"), tmp_path / "c.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    with safe_open(tmp_path / "a.safetensors", "pt") as one, safe_open(tmp_path / "c.safetensors", "pt") as other:
        cards = [json.loads(opened.metadata()["card"]) for opened in (one, other)]
    assert cards[0]["made_from"]["recipe"]["seed"] != cards[1]["made_from"]["recipe"]["seed"]
    assert cards[0]["made_from"]["films"] == cards[1]["made_from"]["films"]
    assert {"commit", "versions", "code", "targets", "labels"} <= set(cards[0]["made_from"])
    assert str(tmp_path) not in json.dumps(cards)


def test_isotonic_steps_come_back(home: Home, tmp_path: Path) -> None:
    final.train(home, settings("train.calibration=isotonic", "predict.epochs=1"), tmp_path / "net.safetensors")
    found = trained.load(tmp_path / "net.safetensors")
    trained.save(tmp_path / "again.safetensors", found)
    logits = np.linspace(-3, 3, 14).reshape(7, 2)
    np.testing.assert_array_equal(found.calibration(logits), trained.load(tmp_path / "again.safetensors").calibration(logits))


def test_a_stopped_command_goes_on(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    final.train(home, settings(), tmp_path / "whole.safetensors")
    original = resume.keep

    def stop(*state: Any) -> None:
        original(*state)
        raise KeyboardInterrupt

    monkeypatch.setattr(resume, "keep", stop)
    with pytest.raises(KeyboardInterrupt):
        final.train(home, settings(), tmp_path / "net.safetensors")
    monkeypatch.setattr(resume, "keep", original)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("net")] == ["net.state"]
    final.train(home, settings(), tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
    assert not (tmp_path / "net.state").exists()


def test_what_cannot_be_trained_is_said(home: Home, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a whole network"):
        final.train(home, settings("train.frozen=true"), tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="no finding has 900 positive"):
        final.train(home, settings("predict.min_positives=900"), tmp_path / "net.safetensors")
    (tmp_path / "other.safetensors").write_bytes(b"x")
    with pytest.raises(InputError, match="not a safetensors file"):
        trained.load(tmp_path / "other.safetensors")


def test_the_command(home: Home, tmp_path: Path) -> None:
    sets = [word for item in (*QUICK, "predict.epochs=1") for word in ("--set", item)]
    run = CliRunner().invoke(app, ["train", "--home", str(home.root), "--to", str(tmp_path / "net.safetensors"), *sets])
    assert run.exit_code == 0, run.output
    assert "Cardiomegaly" in run.output
    assert (tmp_path / "net.safetensors").exists()
    for wrong, words in ((["--labels", "right"], "cleaned or given"), ([], "--to"), (["--to", str(tmp_path / "net.pt")], "safetensors")):
        refused = CliRunner().invoke(app, ["train", "--home", str(home.root), *wrong])
        assert isinstance(refused.exception, InputError), wrong
        assert words in f"{refused.exception.message} {refused.exception.remedy}"
