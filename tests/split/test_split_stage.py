"""The stage: leaks are caught and fail the run, memory and official splits hold, tables repeat byte for byte."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from factories import tiny_home
from scipy.stats import binomtest

from pipeline import split
from pipeline.base.errors import InputError, TableError
from pipeline.base.settings import Settings
from pipeline.base.storage import Home, copy_parquet
from pipeline.split import balance, leaks, memory


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (Home(tmp_path / "home").create().private / "pseudonym.key").write_bytes(b"0123456789abcdef" * 4)
    return tiny_home(tmp_path / "home", 30)


def regroup(home: Home, **changes: dict[str, str]) -> None:
    """Rewrite `groups`, column by column: image_id -> new value."""
    rows = home.read("groups").to_pylist()
    for row in rows:
        row |= {column: new[row["image_id"]] for column, new in changes.items() if row["image_id"] in new}
    home.write("groups", pa.Table.from_pylist(rows, schema=home.read("groups").schema))


def splits(home: Home) -> dict[str, str]:
    table = home.read("splits")
    return dict(zip(table.column("image_id").to_pylist(), table.column("split").to_pylist(), strict=True))


def official(home: Home, chosen: dict[str, str]) -> None:
    copy_parquet(pa.table({"image_id": list(chosen), "split": list(chosen.values())}), home.private / memory.OFFICIAL)


def test_every_kept_film_has_one_split_and_no_patient_has_two(home: Home) -> None:
    result = split.run(home, Settings())
    found = home.sql("SELECT patient_id, count(DISTINCT split) AS n FROM splits JOIN groups USING (image_id) GROUP BY 1")
    assert pc.max(found.column("n")).as_py() == 1
    assert set(splits(home)) == set(home.read("groups").column("image_id").to_pylist())
    assert sum(int(result.counts[f"films_{name}"]) for name in ("train", "validate", "test")) == len(splits(home))
    assert home.check_foreign("splits") == []


def test_a_second_run_writes_the_same_bytes(home: Home) -> None:
    split.run(home, Settings())
    before = [home.path(name).read_bytes() for name in ("splits", "split_checks")]
    again = split.run(home, Settings())
    assert [home.path(name).read_bytes() for name in ("splits", "split_checks")] == before
    assert again.counts["patients_moved"] == 0


def test_a_fresh_start_with_the_same_key_writes_the_same_bytes(home: Home) -> None:
    split.run(home, Settings())
    before = home.path("splits").read_bytes()
    home.path("splits").unlink()
    (home.private / memory.MEMORY).unlink()
    split.run(home, Settings())
    assert home.path("splits").read_bytes() == before


def test_a_film_that_leaves_and_returns_keeps_its_split(home: Home) -> None:
    groups = home.read("groups")
    split.run(home, Settings())
    before = splits(home)
    home.write("groups", groups.slice(10))
    split.run(home, Settings())
    home.write("groups", groups)
    split.run(home, Settings())
    assert splits(home) == before


def test_a_group_renamed_by_a_new_duplicate_stays_where_it_was(home: Home) -> None:
    split.run(home, Settings())
    before = splits(home)
    tested = [image for image, where in before.items() if where == "test"]
    owner = dict(zip(*(home.read("groups").column(name).to_pylist() for name in ("image_id", "patient_id")), strict=True))
    renamed = {image: f"0-{owner[image]}" for image in before if owner[image] in {owner[one] for one in tested}}
    regroup(home, group_id=renamed)
    split.run(home, Settings())
    assert splits(home) == before


def test_two_old_patients_joined_by_a_duplicate_are_settled_counted_and_told(home: Home) -> None:
    split.run(home, Settings())
    rows = home.sql(
        "SELECT patient_id, any_value(split) AS split FROM splits JOIN groups USING (image_id) GROUP BY 1 ORDER BY 1"
    ).to_pylist()
    a, b = (next(row["patient_id"] for row in rows if row["split"] == name) for name in ("train", "test"))
    films = home.read("groups").to_pylist()
    regroup(home, group_id={row["image_id"]: min(a, b) for row in films if row["patient_id"] in (a, b)})
    result = split.run(home, Settings())
    now = splits(home)
    assert {now[row["image_id"]] for row in films if row["patient_id"] in (a, b)} == {"train"}
    assert (result.counts["merged_groups"], result.counts["patients_moved"]) == (1, 1)
    assert any("join patients" in warning for warning in result.warnings)


def test_other_shares_draw_again_and_say_how_many_moved(home: Home) -> None:
    split.run(home, Settings())
    before = splits(home)
    result = split.run(home, Settings.model_validate({"split": {"test_share": 0.6}}))
    after = splits(home)
    assert list(after.values()).count("test") > list(before.values()).count("test")
    assert all(after[image] == "test" for image, where in before.items() if where == "test")
    assert int(result.counts["patients_moved"]) > 0


def test_official_splits_are_kept_and_marked(home: Home) -> None:
    by_patient: dict[str, list[str]] = {}
    for row in home.read("groups").to_pylist():
        by_patient.setdefault(row["patient_id"], []).append(row["image_id"])
    pair = next(images for images in by_patient.values() if len(images) == 2)
    single = next(images for images in by_patient.values() if len(images) == 1)
    official(home, {pair[0]: "test", pair[1]: "train", single[0]: "validate", "unknown-film": "train"})
    result = split.run(home, Settings())
    rows = {row["image_id"]: (row["split"], row["assigned_by"]) for row in home.read("splits").to_pylist()}
    assert [rows[image] for image in (*pair, *single)] == [("test", "official")] * 2 + [("validate", "official")]
    assert (result.counts["official_films"], result.counts["official_conflicts"]) == (3, 1)
    assert any("different official splits" in warning for warning in result.warnings)


def test_an_official_split_of_another_name_is_refused(home: Home) -> None:
    official(home, {"film": "holdout"})
    with pytest.raises(InputError, match="holdout"):
        split.run(home, Settings())


def test_a_planted_patient_leak_fails_the_run_and_leaves_the_old_splits(home: Home) -> None:
    """A grouping that tears one patient apart: the two films land in different splits by their official splits."""
    split.run(home, Settings())
    before, remembered = home.path("splits").read_bytes(), (home.private / memory.MEMORY).read_bytes()
    row = next(r for r in home.sql("SELECT patient_id, list(image_id) AS films FROM groups GROUP BY 1").to_pylist() if len(r["films"]) == 2)
    regroup(home, group_id={row["films"][0]: "torn"})
    official(home, {row["films"][0]: "test", row["films"][1]: "train"})
    with pytest.raises(TableError, match="patient_in_two_splits 1 times"):
        split.run(home, Settings())
    checks = {r["check"]: r["n_violations"] for r in home.read("split_checks").to_pylist()}
    assert checks["patient_in_two_splits"] == checks["header_patient_in_two_splits"] == 1
    assert home.path("splits").read_bytes() == before
    assert (home.private / memory.MEMORY).read_bytes() == remembered


def sound() -> dict[str, list[dict[str, object]]]:
    films = [
        ("a", "p1", "s1", "d1", "train"),
        ("b", "p1", "s2", "d2", "train"),
        ("c", "p2", "s3", "d3", "test"),
        ("d", "p3", "s4", "d4", "validate"),
    ]
    return {
        "splits": [{"image_id": image, "split": where} for image, *_, where in films],
        "groups": [{"image_id": image, "patient_id": p, "group_id": p, "duplicate_of": None} for image, p, *_ in films],
        "images": [{"image_id": image, "file_id": f"f{image}", "pixel_digest": d} for image, _, _, d, _ in films],
        "instances": [{"file_id": f"f{image}", "patient_id": p, "study_id": s} for image, p, s, *_ in films],
    }


PLANTS = {
    "patient_in_two_splits": ("groups", 1, "patient_id", "p2"),
    "group_in_two_splits": ("groups", 1, "group_id", "p3"),
    "duplicate_pair_across_splits": ("groups", 2, "duplicate_of", "a"),
    "study_in_two_splits": ("instances", 2, "study_id", "s1"),
    "header_patient_in_two_splits": ("instances", 3, "patient_id", "p2"),
    "identical_pixels_in_two_splits": ("images", 3, "pixel_digest", "d3"),
    "film_without_split": ("splits", 0, None, None),
    "split_of_unknown_film": ("groups", 0, None, None),
}


def check(rows: dict[str, list[dict[str, object]]], published: dict[str, str] | None = None) -> dict[str, int]:
    schemas = {name: pa.schema([(column, pa.string()) for column in found[0]]) for name, found in sound().items()}
    return leaks.violations(**{name: pa.Table.from_pylist(rows[name], schema=schemas[name]) for name in rows}, official=published)


def test_a_sound_split_has_no_violation() -> None:
    assert set(check(sound(), {"c": "test"}).values()) == {0}


@pytest.mark.parametrize("name", sorted(PLANTS))
def test_each_planted_leak_is_found_by_its_check(name: str) -> None:
    table, row, column, value = PLANTS[name]
    rows = sound()
    if column is None:
        rows[table].pop(row)
    else:
        rows[table][row][column] = value
    found = check(rows)
    assert found[name] == 1
    assert {other for other, n in found.items() if n} == {name}


def test_an_official_test_film_outside_test_is_a_violation() -> None:
    assert check(sound(), {"a": "test"})["official_test_film_elsewhere"] == 1


def test_every_check_has_a_test_that_trips_it() -> None:
    assert set(check(sound())) == {*PLANTS, "official_test_film_elsewhere"}


@pytest.mark.parametrize(("k", "n"), [(0, 7), (3, 11), (50, 50), (200, 1000)])
def test_wilson_agrees_with_scipy(k: int, n: int) -> None:
    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert balance.wilson(k, n) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_prevalence_is_counted_per_split_and_drawn(home: Home) -> None:
    images = home.read("groups", ["image_id"]).column("image_id").to_pylist()
    rows = [
        {
            "image_id": image, "finding": finding, "given_label": "NEGATIVE", "given_annotator": "rules", "decided_by": "annotators",
            "state": "POSITIVE" if index % every == 0 else "NEGATIVE", "p_positive": 0.5, "p_low": 0.4, "p_high": 0.6, "p_annotators": 0.5,
            "n_annotators": 1, "theta_sd": 1.0, "n_readers": 0, "annotators": ["rules"], "is_conflict": False,
            "verdict": None, "policy": "u_ignore", "given_target": 0.0, "given_side": 0.0,
        }
        for index, image in enumerate(images) for finding, every in (("Edema", 2), ("Hernia", 10_000_000))
    ]  # fmt: skip
    home.write("labels", pa.Table.from_pylist(rows))
    result = split.run(home, Settings())
    found = {(one.finding, one.split): (one.n_positive, one.n_films) for one in balance.prevalences(home)}
    where = splits(home)
    for name in set(where.values()):
        mine = [index for index, image in enumerate(images) if where[image] == name]
        assert found["Edema", name] == (sum(index % 2 == 0 for index in mine), len(mine))
    assert result.plots["prevalence"].startswith(b"\x89PNG")
    assert str(result.counts["widest_prevalence_gap"]).split(":")[0] in ("Edema", "Hernia")


def test_memory_file_is_private_and_holds_pseudonyms_alone(home: Home) -> None:
    split.run(home, Settings())
    table = pq.read_table(home.private / memory.MEMORY)
    assert table.column_names == ["patient_id", "split", "assigned_by"]
    assert set(table.column("patient_id").to_pylist()) == set(home.read("groups").column("patient_id").to_pylist())


def test_a_set_without_films_is_split_into_nothing_and_says_so(home: Home) -> None:
    home.write("groups", home.read("groups").slice(0, 0))
    result = split.run(home, Settings())
    assert home.read("splits").num_rows == 0
    assert {f"no film fell into {name}: too few groups for its share" for name in ("train", "validate", "test")} <= set(result.warnings)
