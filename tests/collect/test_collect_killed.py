"""Runs that are killed, starved of disk, or doubled: the next one ends where an undisturbed one would have, byte for byte."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from dicoms import gradient, make_dicom

from pipeline.base.errors import HomeError
from pipeline.base.storage import Home

RUN = """
import resource, sys
from pathlib import Path
from pipeline.base import settings, stages
from pipeline.base.errors import CxrError
from pipeline.base.storage import Home
export, root, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
if __name__ == "__main__":
    chosen = settings.load(overrides=("decode.workers=1", "decode.shards=2", "decode.batch=4"))
    try:
        with Home(root).create().locked():
            for name in ("collect", "decode", "exclude"):
                stages.execute(name, Home(root), chosen, export)
    except CxrError as error:
        print(error)
        sys.exit(1)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of 40 films, 40 reports and the program that runs it, with the tables of an undisturbed run."""
    root = tmp_path_factory.mktemp("killed")
    (root / "run.py").write_text(RUN)
    for number in range(40):
        pixels = np.roll(gradient(40, 48), 37 * number)
        make_dicom(root / f"export/P{number % 9}/f{number}.dcm", pixels, PatientID=f"MRN{number % 9}000001")
        (root / f"export/f{number}.txt").write_text(f"FINDINGS: No effusion. Nodule of {number + 3} mm.")
    assert start(root, "calm").wait() == 0
    return root


def start(place: Path, home: str, limit: int = 0) -> subprocess.Popen[str]:
    environment = {**os.environ, "CXR_PSEUDONYM_KEY": "k" * 40, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(place / "run.py"), str(place / "export"), str(place / home), str(limit)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)


def tables(place: Path, home: str) -> dict[str, bytes]:
    root = place / home
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted((root / "tables").rglob("*.parquet"))}


def stray(place: Path, home: str) -> list[str]:
    """Files that belong to no table: parts are named by content, so these are left-overs of a killed writer."""
    return [path.name for path in (place / home / "tables").rglob("*") if path.is_file() and path.suffix != ".parquet"]


def same_bytes(place: Path, home: str) -> None:
    assert tables(place, home) == tables(place, "calm")


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_like_an_undisturbed_one(place: Path) -> None:
    moments = random.Random(7)
    started = time.monotonic()
    assert start(place, "timed").wait() == 0
    whole = time.monotonic() - started
    killed = 0
    for _ in range(5):
        process = start(place, "killed")
        try:
            process.wait(moments.uniform(0.15, 0.95) * whole)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            killed += 1
    assert killed
    assert start(place, "killed").wait() == 0
    same_bytes(place, "killed")
    same_bytes(place, "timed")


def test_a_full_disk_is_a_clear_error_and_the_next_run_goes_on(place: Path) -> None:
    for limit in (2_000, 6_000, 40_000):
        process = start(place, "full", limit)
        said, _ = process.communicate()
        assert process.returncode == 1, said
        assert "is full" in said or "cannot be written" in said
        assert "MRN" not in said
    assert start(place, "full").wait() == 0
    same_bytes(place, "full")
    assert stray(place, "full") == []


def test_two_runs_at_once_are_one_run_and_one_refusal(place: Path) -> None:
    home = Home(place / "twice").create()
    with home.locked():
        process = start(place, "twice")
        said, _ = process.communicate()
        assert process.returncode == 1
        assert "another run is using this home" in said
        with pytest.raises(HomeError), home.locked():
            pass
    assert start(place, "twice").wait() == 0
    same_bytes(place, "twice")
