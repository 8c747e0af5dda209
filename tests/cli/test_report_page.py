"""`cxr report --html`: suspicious labels beside their films, coloured where the stored map is high, and nothing computed or fetched."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
from judged_homes import FINDINGS, judged_home
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base import tables
from pipeline.base.images import decode_eight_bits
from pipeline.base.storage import Home
from pipeline.cli import report_page

CORNER = np.zeros((3, 2), np.uint8)
CORNER[2, 1] = 255


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Every label flagged; of the first film's two one map points to the lower right corner, the other nowhere; the last film has none."""
    made = judged_home(tmp_path_factory.mktemp("report") / "home", patients=12)
    issues = made.read("label_issues").to_pandas().assign(is_label_issue=True, reason="<planted> & doubted")
    made.write("label_issues", pa.Table.from_pandas(issues, tables.BY_NAME["label_issues"].types, preserve_index=False))
    cells = issues.sort_values("rank").to_dict("records")
    common = {"model": "mobilenet_v3_small", "fold": 0}
    probs = [{**common, "image_id": one["image_id"], "finding": one["finding"], "logit": 0.0, "pred_prob": 0.25} for one in cells]
    made.write("pred_probs", pa.Table.from_pylist(probs, tables.BY_NAME["pred_probs"].types))
    size = {"height_cells": 3, "width_cells": 2}
    maps = [
        {**common, **size, "image_id": one["image_id"], "finding": one["finding"], "heat": None if place == 1 else CORNER.tobytes()}
        for place, one in enumerate(cells[:-1])
    ]
    made.write("saliency_maps", pa.Table.from_pylist(maps, tables.BY_NAME["saliency_maps"].types))
    return made


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_COLOR) for one in found]


def test_the_film_stands_beside_itself_coloured_where_the_map_is_high(home: Home) -> None:
    page = report_page.html(home)
    shown = pictures(page)
    assert len(shown) == 2 * report_page.SHOWN == 2 * page.count("<figure")
    first = home.read("label_issues").sort_by("rank").to_pylist()[0]
    stored = next(row for row in home.read("images", ["image_id", "pixels"]).to_pylist() if row["image_id"] == first["image_id"])
    film, (plain, coloured) = decode_eight_bits(stored["pixels"]), shown[:2]
    assert plain.shape == coloured.shape
    assert plain.shape[0] / plain.shape[1] == pytest.approx(film.shape[0] / film.shape[1], abs=0.02)
    expected = cv2.resize(film, plain.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(plain[..., 0] - expected).mean() < 3
    half, third = plain.shape[1] // 2, plain.shape[0] // 6
    assert np.abs(coloured[: 3 * third, :half].astype(int) - plain[: 3 * third, :half]).mean() < 3, "no colour where the map is 0"
    blue, _, red = coloured[-third:, -half // 2 :].reshape(-1, 3).mean(0)
    assert red > blue + 50, "red where it is highest"


def test_what_is_said_is_what_the_tables_hold_and_no_word_becomes_html(home: Home) -> None:
    page = report_page.html(home)
    ranks = [int(one) for one in re.findall(r"<b>(\d+)\. ", page)]
    assert ranks == [1, *range(3, 10)], "the map of the second points nowhere"
    flagged = home.read("label_issues").num_rows
    assert f"8 of {flagged} flagged labels, most suspicious first, of the {flagged - 2} with a map" in page
    assert "&lt;planted&gt; &amp; doubted" in page
    assert "by the network alone 0.25" in page
    assert "http" not in page.split("</style>")[1]
    assert "<script" not in page
    assert set(FINDINGS) == {one for one in FINDINGS if one in page}


def test_the_command_writes_the_page_and_refuses_another_suffix(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "page.html"
    result = CliRunner().invoke(cli.app, ["report", "--home", str(home.root), "--html", str(to)], catch_exceptions=False)
    assert result.exit_code == 0
    assert to.read_text() == report_page.html(home)
    monkeypatch.setattr(sys, "argv", ["cxr", "report", "--home", str(home.root), "--html", str(tmp_path / "page.pdf")])
    with pytest.raises(SystemExit):
        cli.main()
    assert ".html" in capsys.readouterr().err


def test_a_home_that_was_only_labelled_has_a_page_without_suspects(tmp_path: Path) -> None:
    home = judged_home(tmp_path / "home", patients=6)
    assert "most suspicious" not in report_page.html(home)
