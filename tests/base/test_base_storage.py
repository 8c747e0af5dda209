"""Homes and tables: whole or not at all, one run at a time, nothing undeclared."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from factories import tiny_home
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base import storage, tables
from pipeline.base.errors import CxrError, HomeError, InputError, TableError
from pipeline.base.storage import Home, atomic_bytes, copy_parquet, side_by_side, temporary_of

GROUPS = pa.table(
    {
        "image_id": ["b", "a"],
        "patient_id": ["p", "p"],
        "group_id": ["p", "p"],
        "duplicate_of": pa.nulls(2, pa.string()),
        "duplicate_kinds": pa.nulls(2, pa.list_(pa.string())),
        "correlation": pa.nulls(2, pa.float64()),
    }
)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").create()


def test_tables_are_stored_sorted_by_key_with_their_sentences(home: Home) -> None:
    home.write("groups", GROUPS)
    assert home.read("groups").column("image_id").to_pylist() == ["a", "b"]
    assert b"Patient." in pq.read_schema(home.path("groups")).field("patient_id").metadata.values()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop_columns(["group_id"]), "missing columns"),
        (lambda t: t.append_column("extra", pa.array([1, 2])), "undeclared"),
        (lambda t: t.set_column(0, "image_id", pa.array(["a", "a"])), "key"),
        (lambda t: t.set_column(1, "patient_id", pa.array([None, "p"])), "nulls"),
        (lambda t: t.set_column(5, "correlation", pa.array(["x", "y"])), "schema"),
    ],
)
def test_a_table_that_breaks_its_contract_is_not_written(home: Home, change: object, words: str) -> None:
    with pytest.raises(TableError, match=words):
        home.write("groups", change(GROUPS))  # type: ignore[operator]
    assert not home.exists("groups")


def test_undeclared_values_are_refused(home: Home) -> None:
    row = {"image_id": ["a"], "finding": ["Elephant"], "annotator": ["x"], "state": ["POSITIVE"]}
    with pytest.raises(TableError, match="Elephant"):
        home.write("published_labels", pa.table(row))


def test_full_disk_says_so_and_keeps_the_old_table(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write("groups", GROUPS)
    before = home.path("groups").read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(HomeError, match="is full") as caught:
        home.write("groups", GROUPS.slice(0, 1))
    assert "free some space" in caught.value.remedy
    assert home.path("groups").read_bytes() == before
    assert [path.name for path in home.tables.iterdir()] == ["groups.parquet"]


def test_a_killed_writer_leaves_no_half_table(home: Home) -> None:
    script = (
        "import os, pyarrow as pa, pyarrow.parquet as pq\n"
        "from pathlib import Path\nfrom pipeline.base.storage import Home\n"
        "write = pq.write_table\n"
        "def dying(table, path, **k):\n    write(table, path, **k)\n    os.kill(os.getpid(), 9)\n"
        "pq.write_table = dying\n"
        f"Home(Path({str(home.root)!r})).write('groups', pa.table({{'image_id': ['a'], 'patient_id': ['p'], 'group_id': ['p'],"
        " 'duplicate_of': pa.nulls(1, pa.string()), 'duplicate_kinds': pa.nulls(1, pa.list_(pa.string())),"
        " 'correlation': pa.nulls(1, pa.float64())}))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    assert not home.exists("groups")
    with home.locked():
        assert not list(home.root.rglob("*.tmp"))
        home.write("groups", GROUPS)
    assert home.read("groups").num_rows == 2


def test_a_run_that_starts_leaves_alone_what_the_living_write(home: Home) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = home.tables / "images" / "shard-000"
    folder.mkdir(parents=True)
    left, living, own = folder / f".part.{dead.pid}.tmp", temporary_of(folder / "part"), folder / ".notes.tmp"
    for path in (left, living, own):
        path.write_bytes(b"x")
    with home.locked():
        assert sorted(folder.iterdir()) == sorted([living, own])


def test_a_folder_that_a_killed_run_left_is_removed_and_a_living_ones_stays(home: Home) -> None:
    script = (
        f"import os\nfrom pathlib import Path\nfrom pipeline.base.storage import Home\n"
        f"with Home(Path({str(home.root)!r})).scratch() as folder:\n    (folder / 'rows').touch()\n    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -9
    with home.scratch() as own:
        assert own.stat().st_mode & 0o777 == 0o700
        assert len(list(home.private.glob(".*.tmp"))) == 2
        with home.locked():
            assert list(home.private.glob(".*.tmp")) == [own]
    assert not own.exists()


def test_two_runs_on_one_home(home: Home) -> None:
    with home.locked():
        script = f"from pathlib import Path\nfrom pipeline.base.storage import Home\nwith Home(Path({str(home.root)!r})).locked(): pass\n"
        second = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert "another run is using this home" in second.stderr
    with home.locked():
        pass


def test_a_folder_of_something_else_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(HomeError, match="not a home"):
        Home(tmp_path).create()
    with pytest.raises(HomeError, match="is not a home"):
        Home(tmp_path / "other").require()


def test_reading_what_was_not_made_names_the_stage(home: Home) -> None:
    with pytest.raises(HomeError, match="was not made yet") as caught:
        home.read("labels")
    assert "--until label" in caught.value.remedy


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return tiny_home(tmp_path_factory.mktemp("filled") / "home", patients=6)


def test_sql_reads_every_table(filled: Home) -> None:
    assert filled.sql("SELECT count(*) AS n FROM images").column("n")[0].as_py() == filled.read("groups").num_rows


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM nowhere",
        "COPY groups TO 'x.csv'",
        "CREATE TABLE t AS SELECT 1",
        "SELECT 1; SELECT 2",
        "ATTACH 'x.db'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SET threads = 1",
        "",
    ],
)
def test_sql_refuses_what_does_not_read(filled: Home, query: str) -> None:
    with pytest.raises(InputError):
        filled.sql(query)


def test_a_stream_comes_in_even_pieces_in_its_order_through_the_disk(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n = 160_000
    numbers = [(7919 * number) % n for number in range(n)]
    copy_parquet(pa.table({"number": numbers, "load": [f"{number:01000d}" for number in numbers]}), tmp_path / "rows.parquet")
    monkeypatch.setattr(storage, "_STREAM_MB", 144)  # the rows are 160 MB
    stream = home.stream("SELECT * FROM rows ORDER BY number", (), 7_000, beside={"rows": tmp_path / "rows.parquet"})
    found = [next(stream)["number"]]
    assert list(home.private.glob(".*.tmp/duckdb*"))
    found += [piece["number"] for piece in stream]
    assert [len(piece) for piece in found] == [7_000] * 22 + [6_000]
    assert [number for piece in found for number in piece.to_pylist()] == list(range(n))
    assert not list(home.private.glob(".*.tmp"))


def test_a_stream_of_no_rows_is_one_empty_piece_and_one_of_no_table_names_its_stage(home: Home) -> None:
    with pytest.raises(HomeError, match="was not made yet"):
        next(home.stream("SELECT image_id FROM images", ("images",), 5))
    home.path("images").mkdir()
    (none,) = home.stream("SELECT image_id FROM images", ("images",), 5)
    assert none.column_names == ["image_id"]
    assert none.num_rows == 0


KEYED = st.lists(st.integers(0, 30), max_size=40).map(sorted)


def in_pieces(keys: list[int], sizes: list[int]) -> list[pa.Table]:
    """A table cut at random, an empty piece first."""
    table, found, start = pa.table({"key": pa.array(keys, pa.int64())}), [], 0
    for size in [0, *sizes, len(keys)]:
        found.append(table.slice(start, size))
        start += size
    return found


@given(first=KEYED.map(lambda keys: sorted(set(keys))), others=st.lists(KEYED, max_size=3), sizes=st.lists(st.integers(0, 9), max_size=9))
def test_streams_side_by_side_are_cut_at_the_same_keys(first: list[int], others: list[list[int]], sizes: list[int]) -> None:
    seen: list[list[int]] = [[] for _ in others]
    lead: list[int] = []
    for here, *more in side_by_side("key", in_pieces(first, sizes), *(in_pieces(other, sizes[::-1]) for other in others)):
        low, high = (lead[-1] if lead else -1), max(here["key"].to_pylist(), default=-1)
        lead += here["key"].to_pylist()
        for keys, table in zip(seen, more, strict=True):
            assert all(low < key <= high for key in table["key"].to_pylist())
            keys += table["key"].to_pylist()
    assert lead == first
    assert seen == [[key for key in other if first and key <= first[-1]] for other in others]


def test_any_duckdb_client_opens_the_catalogue(filled: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.publish_catalogue()
    bare = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL AND table_name <> 'curated'"
    with duckdb.connect(filled.root / "curated.duckdb", read_only=True) as connection:
        assert connection.sql(bare).fetchall() == []
        assert connection.sql("SELECT count(*) FROM groups").fetchall() == [(filled.read("groups").num_rows,)]
    monkeypatch.chdir(filled.root)
    with duckdb.connect() as connection:
        connection.execute((filled.root / "views.sql").read_text())
        assert connection.sql("SELECT count(*) FROM images").fetchall() == [(filled.read("groups").num_rows,)]


def test_a_table_of_an_earlier_version_does_not_stop_the_run_that_makes_it_anew(filled: Home) -> None:
    original = filled.read("groups")
    pq.write_table(original.drop_columns(["correlation"]), filled.path("groups"))
    try:
        filled.publish_catalogue()
        with duckdb.connect(filled.root / "curated.duckdb", read_only=True) as connection:
            assert "correlation" not in connection.sql("SELECT * FROM groups").columns
    finally:
        filled.write("groups", original)
        filled.publish_catalogue()


def test_foreign_keys_that_point_nowhere_are_told(filled: Home) -> None:
    assert filled.check_foreign("groups") == []
    first = filled.read("groups").slice(0, 1)
    stray = first.set_column(0, first.schema.field("image_id"), pa.array(["istray"]))
    other = Home(filled.root)
    original = filled.read("groups")
    other.write("groups", pa.concat_tables([original, stray]))
    assert other.check_foreign("groups") == ["groups.image_id: 1 rows are not in images.image_id"]
    other.write("groups", original)


def test_parts_are_named_by_content(filled: Home) -> None:
    part = filled.parts("images")[0]
    shard = int(part.parent.name.removeprefix("shard-"))
    again = filled.write_part("images", shard, filled.read("images", shard=shard))
    assert again == part


def test_atomic_bytes_replaces(tmp_path: Path) -> None:
    atomic_bytes(tmp_path / "a", b"1")
    atomic_bytes(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"2"
    assert len(list(tmp_path.iterdir())) == 1


def test_errors_survive_pickling() -> None:
    import pickle

    error = pickle.loads(pickle.dumps(InputError("a", "b")))
    assert isinstance(error, CxrError)
    assert (error.message, error.remedy) == ("a", "b")


def test_every_declared_foreign_key_exists() -> None:
    for spec in tables.TABLES:
        for column, target in spec.foreign:
            table, _, other = target.partition(".")
            assert column in spec.names
            assert other in tables.BY_NAME[table].names
        assert set(spec.key) <= set(spec.names)
