"""`cxr localise` from files to scores and page, on films whose finding lies where it was put."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from quarter_films import SIDE, corner, striped, taught
from typer.testing import CliRunner

from models import trained
from models.calibration import Platt
from pipeline.base.errors import InputError
from pipeline.cli import app

SCALE = 3


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, 60 films in two folders three times the size it sees, and NIH boxes on those that show the finding."""
    root = tmp_path_factory.mktemp("localise")
    card = trained.Card("mobilenet_v3_small", ("Mass",), 128, 1, {})
    trained.save(root / "net.safetensors", trained.Trained(taught(), Platt(np.ones(1), np.zeros(1)), card))
    films, shows, quarters = striped(2, 60)
    lines = ["Image Index,Finding Label,Bbox [x,y,w,h],,,"]
    for row, (film, is_there, quarter) in enumerate(zip(films, shows, quarters, strict=True)):
        path = root / "films" / f"images_{row % 2}" / f"{row:08}_000.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        large = cv2.resize(film, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_NEAREST)
        # A film of ChestX-ray14 now and then has four planes.
        cv2.imwrite(str(path), cv2.cvtColor(large, cv2.COLOR_GRAY2BGRA) if row == 1 else large)
        if is_there:
            top, left = (SCALE * side for side in corner(quarter))
            lines.append(f"{path.name},Mass,{left},{top},{SCALE * SIDE},{SCALE * SIDE},,,")
    (root / "boxes.csv").write_text("\n".join([*lines, f"{0:08}_000.png,Cardiomegaly,1,1,5,5,,,", "99999999_000.png,Mass,1,1,5,5,,,"]))
    (root / "n_shown").write_text(str(int(shows.sum())))
    return root


def called(folder: Path, *more: str, boxes: str = "boxes.csv") -> object:
    where = ("--checkpoint", folder / "net.safetensors", "--data", folder / "films", "--boxes", folder / boxes)
    return CliRunner().invoke(app, ["localise", *map(str, where), "--device", "cpu", *more])


def test_a_network_that_looks_at_its_finding_scores_so(folder: Path, tmp_path: Path) -> None:
    done = called(folder, "-o", str(tmp_path / "s.csv"), "--html", str(tmp_path / "p.html"))
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(tmp_path / "s.csv").set_index("metric")
    n_shown = int((folder / "n_shown").read_text())
    assert (rows["n_films"] == n_shown).all()
    assert (rows["n_patients"] == n_shown).all()
    assert rows.loc["pointing_game", "estimate"] > 0.8
    assert rows["box_share"].to_numpy() == pytest.approx((40 / 128) ** 2, rel=0.02), "what chance would score"
    assert rows.loc["iou", "estimate"] > 1.5 * (40 / 128) ** 2, "the map has four by four cells, each nearly the size of a box"
    assert "does not answer Cardiomegaly: 1 boxes left out" in done.output
    assert "1 films with boxes are not in the folder" in done.output
    page = (tmp_path / "p.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 6
    assert "_000" not in page, "a page names no film"
    again = called(folder, "-o", str(tmp_path / "again.parquet"))
    assert again.exit_code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "again.parquet"), pd.read_csv(tmp_path / "s.csv"), check_dtype=False)


def test_boxes_elsewhere_are_missed(folder: Path, tmp_path: Path) -> None:
    boxes = pd.read_csv(folder / "boxes.csv", header=0)
    shown = boxes[boxes["Finding Label"] == "Mass"].iloc[:-1]
    # The opposite quarter of each film.
    moved = [f"{row.iloc[0]},Mass,{(row.iloc[2] + 192) % 384},{(row.iloc[3] + 192) % 384},120,120,,," for _, row in shown.iterrows()]
    (folder / "moved.csv").write_text("\n".join(["Image Index,Finding Label,Bbox [x,y,w,h],,,", *moved]))
    done = called(folder, "-o", str(tmp_path / "s.csv"), boxes="moved.csv")
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(tmp_path / "s.csv").set_index("metric")
    assert rows.loc["pointing_game", "estimate"] < 0.1
    assert rows.loc["iou", "estimate"] < 0.1


def test_resized_films_are_told_the_size_of_the_boxes(folder: Path, tmp_path: Path) -> None:
    large = pd.read_csv(folder / "boxes.csv")
    lines = [f"{row.iloc[0]},Mass,{2 * row.iloc[2]},{4 * row.iloc[3]},240,480,,," for _, row in large.iloc[:-2].iterrows()]
    (folder / "large.csv").write_text("\n".join(["Image Index,Finding Label,Bbox [x,y,w,h],,,", *lines]))
    refused = called(folder, boxes="large.csv")
    assert isinstance(refused.exception, InputError)
    assert "--box-size" in refused.exception.remedy
    for boxes, more in (("boxes.csv", ()), ("large.csv", ("--box-size", "768x1536"))):
        assert called(folder, "-o", str(tmp_path / f"{boxes}"), *more, boxes=boxes).exit_code == 0
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "boxes.csv"), pd.read_csv(tmp_path / "large.csv"))


@pytest.mark.parametrize(
    ("text", "more", "said"),
    [
        ("patientId,x,y,width,height,Target\na,1,2,3,4,1\n", (), "no film of the folder"),
        ("patientId,x,y,width,height,Target\na,1,2,3,4,1\n", ("--box-size", "wide"), "--box-size is pixels"),
        ("patientId,x,y,width,height,Target\na,1,2,3,4,1\n", ("-o", "scores.txt"), ".csv"),
    ],
)
def test_what_cannot_be_measured_is_refused(folder: Path, text: str, more: tuple[str, ...], said: str) -> None:
    (folder / "other.csv").write_text(text)
    refused = called(folder, *more, boxes="other.csv")
    assert isinstance(refused.exception, InputError)
    assert said in str(refused.exception)
