"""Contracts, leaks and drift, on homes that break them."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import tiny_home

from assets._checks import DRIFT, contract, drift, leak, moved
from pipeline.base import tables
from pipeline.base.storage import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return tiny_home(tmp_path / "home", patients=12)


@pytest.mark.parametrize("table", ["files", "instances", "published_labels", "decodings", "images", "groups"])
def test_sound_tables_pass(source: Home, table: str) -> None:
    assert contract(source, table) == []


def test_a_value_that_was_not_declared(home: Home) -> None:
    found = home.read("files")
    kinds = pa.array(["novel"] * found.num_rows)
    pq.write_table(found.set_column(found.column_names.index("file_kind"), "file_kind", kinds), home.path("files"))
    assert contract(home, "files") == ["file_kind holds undeclared values ['novel']"]


def test_a_film_in_two_shards(home: Home) -> None:
    part = home.parts("images")[0]
    other = 7 if part.parent.name != "shard-007" else 6
    home.write_part("images", other, pq.read_table(part, partitioning=None))
    films = pq.read_metadata(part).num_rows
    assert contract(home, "images") == [f"key ('image_id',) repeats in {films} rows across parts"]


def test_a_part_without_a_column(home: Home) -> None:
    part = home.parts("images")[0]
    pq.write_table(pq.read_table(part, partitioning=None).drop_columns(["thumbnail"]), part)
    assert any("columns are" in sentence for sentence in contract(home, "images"))


def test_leaks_are_counted_and_an_unchecked_split_is_no_sound_one(home: Home) -> None:
    home.write("split_checks", pa.table({"check": ["duplicate", "patient"], "n_violations": [0, 3]}))
    assert leak(home, "splits") == ["patient: 3 violations"]
    home.write("split_checks", tables.empty("split_checks"))
    assert leak(home, "splits") == ["split_checks is empty: nothing was checked"]


def test_drift_compares_with_the_table_before_its_last_change(home: Home) -> None:
    assert drift(home, "groups") == []
    all_films = home.read("groups")
    home.write("groups", all_films.slice(0, all_films.num_rows // 2))
    expected = [f"kept films: {all_films.num_rows} before, {all_films.num_rows // 2} now"]
    assert drift(home, "groups") == expected
    assert drift(home, "groups") == expected, "asking again must not make the old state forgotten"
    home.write("groups", all_films.slice(0, all_films.num_rows // 2 - 1))
    assert drift(home, "groups") == []


@pytest.mark.parametrize("table", DRIFT)
def test_every_drift_query_runs(home: Home, table: str) -> None:
    if not home.exists(table):
        home.write(table, tables.empty(table))
    assert home.sql(DRIFT[table]).column_names == ["measure", "value", "n"]


@pytest.mark.parametrize(
    ("before", "now", "warns"),
    [
        ((100.0, None), (119.0, None), False),
        ((100.0, None), (79.0, None), True),
        ((0.30, 10_000), (0.34, 10_000), False),  # under five points
        ((0.30, 10_000), (0.36, 10_000), True),  # six points, nine standard errors
        ((0.30, 50), (0.40, 50), False),  # ten points, but a standard error of 9.5 points
        ((0.0, 1_000), (0.06, 1_000), True),
    ],
)
def test_how_far_a_measure_may_move(before: tuple[float, int | None], now: tuple[float, int | None], warns: bool) -> None:
    assert bool(moved({"x": before}, {"x": now})) is warns


def test_a_reason_that_is_new_warns() -> None:
    assert moved({}, {"exclude: blank": (0.2, 500)}) == ["exclude: blank: 0.0% before, 20.0% now"]
