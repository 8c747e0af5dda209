"""Verdicts: out as a worksheet, back as a CSV, appended once, visible ever after."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from factories import PUBLISHED, tiny_home

from pipeline import review
from pipeline.base import tables, verdicts
from pipeline.base.errors import InputError
from pipeline.base.settings import Review, Settings
from pipeline.base.storage import Home
from pipeline.base.verdicts import Verdict

FINDING = "Pleural Effusion"


def lay(home: Home, name: str, rows: list[dict[str, object]]) -> None:
    schema = pa.schema([pa.field(column.name, column.type) for column in tables.BY_NAME[name].columns])
    home.write(name, pa.Table.from_pylist(rows, schema=schema))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Ten films with a label and an issue each, the first six flagged."""
    made = tiny_home(tmp_path / "home", patients=10)
    labels, issues = [], []
    for index, film in enumerate(films(made)):
        labels.append(
            {
                "image_id": film,
                "finding": FINDING,
                "given_label": "POSITIVE",
                "given_annotator": PUBLISHED,
                "state": "UNCERTAIN",
                "decided_by": "annotators",
                "p_positive": 0.2,
                "p_low": 0.1,
                "p_high": 0.4,
                "p_annotators": 0.2,
                "n_annotators": 1,
                "theta_sd": 1.0,
                "n_readers": 0,
                "annotators": ["rules"],
                "is_conflict": False,
                "policy": "u_ignore",
                "given_target": 1.0,
            }
        )
        issues.append(
            {
                "image_id": film,
                "finding": FINDING,
                "given_label": "POSITIVE",
                "p_positive": 0.2,
                "label_quality_score": 0.2,
                "is_label_issue": index < 6,
                "rank": index + 1,
                "detectors": [],
                "reason": f'given POSITIVE, "no effusion", film {index}',
            }
        )
    lay(made, "labels", labels)
    lay(made, "label_issues", issues)
    return made


def films(home: Home) -> list[str]:
    found: list[str] = home.read("groups", ["image_id"]).column("image_id").to_pylist()[:10]
    return found


def sheet(path: Path, *lines: str, header: str = "image_id,finding,verdict,reader") -> Path:
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def filled(path: Path, values: list[str], reader: str = "Dr. A") -> None:
    """Fill a worksheet as a reviewer would."""
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    for row, value in zip(rows, values, strict=False):
        row["verdict"], row["reader"] = value, reader
    with path.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_round_trip(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    assert review.export_csv(home, path, 4) == 4
    with path.open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["image_id"] for row in rows] == films(home)[:4]
    assert rows[1]["reason"] == 'given POSITIVE, "no effusion", film 1'
    assert {row["verdict"] + row["reader"] for row in rows} == {""}
    filled(path, ["0", "1.0", "uncertain"])
    assert review.import_csv(home, path) == {"rows": 4, "verdicts": 3, "added": 3, "already_known": 0, "blank": 1}
    current = {row["image_id"]: row["verdict"] for row in verdicts.current(home).to_pylist()}
    assert current == dict(zip(films(home), ["NEGATIVE", "POSITIVE", "UNCERTAIN"], strict=False))
    assert review.export_csv(home, path, 10) == 3
    with path.open(newline="") as handle:
        assert [row["image_id"] for row in csv.DictReader(handle)] == films(home)[3:6]


def test_importing_twice_adds_nothing(home: Home, tmp_path: Path) -> None:
    path = sheet(tmp_path / "v.csv", *(f"{film},{FINDING},0,A" for film in films(home)))
    assert review.import_csv(home, path)["added"] == 10
    before = {file.name: file.read_bytes() for file in (home.private / "verdicts").glob("*.parquet")}
    assert review.import_csv(home, path) == {"rows": 10, "verdicts": 10, "added": 0, "already_known": 10, "blank": 0}
    assert {file.name: file.read_bytes() for file in (home.private / "verdicts").glob("*.parquet")} == before


def test_an_old_sheet_does_not_undo_a_second_thought(home: Home, tmp_path: Path) -> None:
    film = films(home)[0]
    first, second = sheet(tmp_path / "1.csv", f"{film},{FINDING},0,A"), sheet(tmp_path / "2.csv", f"{film},{FINDING},1,A")
    assert [review.import_csv(home, path)["added"] for path in (first, second, first)] == [1, 1, 0]
    assert verdicts.read(home).column("verdict").to_pylist() == ["NEGATIVE", "POSITIVE"]
    assert verdicts.current(home).column("verdict").to_pylist() == ["POSITIVE"]


def test_the_table_shows_what_counts_and_what_was_on_trial(home: Home, tmp_path: Path) -> None:
    film = films(home)[0]
    review.import_csv(home, sheet(tmp_path / "1.csv", f"{film},{FINDING},0,A"))
    review.import_csv(home, sheet(tmp_path / "2.csv", f"{film},{FINDING},1,B"))
    result = review.run(home, Settings())
    rows = home.read("verdicts").sort_by("sequence").to_pylist()
    assert [(row["verdict"], row["is_current"], row["given_label"], row["sequence"]) for row in rows] == [
        ("NEGATIVE", False, "POSITIVE", 0),
        ("POSITIVE", True, "POSITIVE", 1),
    ]
    assert result.counts["readers"] == 2
    assert result.counts["overturned"] == 0
    assert "next run applies" in result.warnings[0]
    assert home.read("labels").column("given_label").unique().to_pylist() == ["POSITIVE"]


def test_readers_are_pseudonyms(home: Home, tmp_path: Path) -> None:
    review.import_csv(home, sheet(tmp_path / "v.csv", f"{films(home)[0]},{FINDING},0,Zyxwv Utsrq"))
    review.run(home, Settings())
    stored = b"".join(file.read_bytes() for file in home.root.rglob("*") if file.is_file() and file.suffix == ".parquet")
    assert b"Zyxwv" not in stored
    assert home.read("verdicts").column("reader_id")[0].as_py() == home.pseudonyms().of("reader", "zyxwv utsrq")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{film},Pleural Effusion,2,A", "line 3: '2' is no verdict"),
        ("{film},Pleural Effusion,yes,A", "line 3: 'yes' is no verdict"),
        ("{film},Broken Heart,1,A", "line 3: no finding is called 'Broken Heart'"),
        ("nobody,Pleural Effusion,1,A", "line 3: the image_id is no kept film"),
        ("{film},Pleural Effusion,1,", "line 3: a verdict without a reader"),
        ("{first},Pleural Effusion,1,A", "lines 2 and 3: one reader decides"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_half_imported(home: Home, tmp_path: Path, bad: str, message: str) -> None:
    first, film = films(home)[:2]
    path = sheet(tmp_path / "v.csv", f"{first},{FINDING},0,A", bad.format(film=film, first=first))
    with pytest.raises(InputError, match=message) as error:
        review.import_csv(home, path)
    assert error.value.remedy
    assert verdicts.read(home).num_rows == 0


def test_a_sheet_without_columns_or_text_is_refused(home: Home, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks the columns verdict, reader"):
        review.import_csv(home, sheet(tmp_path / "v.csv", "a,b", header="image_id,finding"))
    (tmp_path / "w.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot be read"):
        review.import_csv(home, tmp_path / "w.csv")
    with pytest.raises(InputError, match="cannot be read"):
        review.import_csv(home, tmp_path / "absent.csv")
    with pytest.raises(InputError, match="0 rows"):
        review.export_csv(home, tmp_path / "s.csv", 0)


def test_aliases_and_a_byte_order_mark_are_understood(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"image_id,finding,verdict,reader\r\n{films(home)[0]},effusion,-1,A\r\n".encode())
    assert review.import_csv(home, path)["added"] == 1
    assert verdicts.current(home).to_pylist()[0]["finding"] == FINDING


def test_append_order_is_the_sequence_and_the_latest_counts(home: Home) -> None:
    one, other = films(home)[:2]
    verdicts.append(home, [Verdict(one, FINDING, "POSITIVE", "ra"), Verdict(other, FINDING, "NEGATIVE", "ra")])
    verdicts.append(home, [Verdict(one, FINDING, "NEGATIVE", "rb")])
    assert verdicts.read(home).column("sequence").to_pylist() == [0, 1, 2]
    assert {(row["image_id"], row["reader_id"]) for row in verdicts.current(home).to_pylist()} == {(one, "rb"), (other, "ra")}
    assert len(set(verdicts.read(home).column("verdict_id").to_pylist())) == 3


def test_the_queue_of_some_minutes_and_the_second_readers_blinded_sheet(home: Home, tmp_path: Path) -> None:
    sheet, second = tmp_path / "sheet.csv", tmp_path / "second.csv"
    promise = review.export_queue(home, sheet, second, 3, Review(second_read_share=1.0))
    rows, blind = (list(csv.DictReader(path.open(encoding="utf-8"))) for path in (sheet, second))
    assert len(rows) == promise["films"] == 3
    assert {row["image_id"] for row in rows} == {row["image_id"] for row in blind}
    assert list(blind[0]) == ["image_id", "finding", "verdict", "reader"]
    assert [row["image_id"] for row in blind] == sorted(row["image_id"] for row in blind)
    filled = tmp_path / "filled.csv"
    filled.write_text("image_id,finding,verdict,reader\n" + "".join(f"{row['image_id']},{row['finding']},0,A\n" for row in rows))
    assert review.import_csv(home, filled)["added"] == 3
    review.export_queue(home, sheet, None, 60, Review())
    left = list(csv.DictReader(sheet.open(encoding="utf-8")))
    assert not {row["image_id"] for row in left} & {row["image_id"] for row in rows}
    assert len(left) == 7
