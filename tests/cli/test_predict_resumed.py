"""`cxr predict` killed on the way: the same command goes on, asks no scored film again, and ends in the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from factories import tiny_home
from twins import chexnet
from typer.testing import CliRunner

from models import published
from pipeline import cli
from pipeline.base.storage import Home

# Kills itself as the third batch is asked for, with a file half written.
KILLED = """
import os, pathlib, signal, sys
from models import published
score, asked = published.score, []
def until_killed(*given):
    asked.append(1)
    if len(asked) > 2:
        pathlib.Path(sys.argv[1]).joinpath(".half.npz.1.tmp").write_bytes(b"PK")
        os.kill(os.getpid(), signal.SIGKILL)
    return score(*given)
published.score = until_killed
from pipeline.cli import app
app(sys.argv[2:])
"""
Asked = list[str]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Nine files in batches of two: eight films, and in the second batch one that is none."""
    (tmp_path / "films").mkdir()
    rng = np.random.default_rng(0)
    for name in "abdefghi":
        cv2.imwrite(str(tmp_path / f"films/{name}.png"), rng.integers(0, 256, (40, 40), np.uint8))
    (tmp_path / "films/c.dcm").write_bytes(b"no film" * 50)
    return tmp_path / "films"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Films that reach the network from here on."""
    found, score = Asked(), published.score

    def noted(loaded: published.Loaded, some: list[tuple[str, np.ndarray]], size: int) -> object:
        found.extend(name for name, _ in some)
        return score(loaded, some, size)

    monkeypatch.setattr(published, "score", noted)
    return found


def words(folder: Path, weights: Path, to: Path, *more: str) -> list[str]:
    said = ("predict", "--model", "chexnet", "--checkpoint", weights, "--data", folder, "-o", to, "--batch-size", 2, "--device", "cpu")
    return [*map(str, said), *more]


def run(*said: str) -> str:
    result = CliRunner().invoke(cli.app, [*said], env={"COLUMNS": "220", "TERM": "dumb"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def killed(parts: Path, said: list[str]) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(parts), *said], capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert parts.is_dir()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_killed_run_goes_on_to_the_same_bytes(films: Path, tmp_path: Path, asked: Asked, suffix: str) -> None:
    weights, whole, to = chexnet.write(tmp_path), tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    parts = tmp_path / f"out{suffix}.parts"
    undisturbed = run(*words(films, weights, whole))
    asked.clear()
    killed(parts, words(films, weights, to))
    assert not to.exists()
    told = run(*words(films, weights, to))
    assert asked == [f"{name}.png" for name in "efghi"], "a and b, and d beside a file that is no film, were scored before the kill"
    assert to.read_bytes() == whole.read_bytes()
    assert told.replace(str(to), "") == undisturbed.replace(str(whole), ""), "what could not be read is told all the same"
    assert "c.dcm (undecodable_pixels)" in told
    assert not parts.exists()


def test_other_options_films_and_weights_are_asked_anew(films: Path, tmp_path: Path, asked: Asked) -> None:
    weights, to, parts = chexnet.write(tmp_path), tmp_path / "out.csv", tmp_path / "out.csv.parts"
    killed(parts, words(films, weights, to))
    run(*words(films, weights, to, "--set", "crops=ten"))
    assert len(asked) == 8
    asked.clear()
    killed(parts, words(films, weights, to))
    cv2.imwrite(str(films / "a.png"), np.zeros((40, 40), np.uint8))
    run(*words(films, weights, to))
    assert asked == [f"{name}.png" for name in "abefghi"], "the batch of the film that changed, and those after the kill"


def test_a_home_goes_on_too_and_what_else_lies_beside_the_output_stays(tmp_path: Path, asked: Asked) -> None:
    home: Home = tiny_home(tmp_path / "home", patients=6)
    weights, to, parts = chexnet.write(tmp_path), tmp_path / "out.csv", tmp_path / "out.csv.parts"
    run(*words(home.root, weights, tmp_path / "whole.csv"))
    everything = asked.copy()
    asked.clear()
    killed(parts, words(home.root, weights, to))
    (parts / "mine.txt").write_text("a user's")
    run(*words(home.root, weights, to))
    n_before = len(everything) - len(asked)
    assert n_before in (2, 3, 4), "two batches, of which one may end with its file"
    assert asked == everything[n_before:]
    assert to.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert [path.name for path in parts.iterdir()] == ["mine.txt"]
