"""A home that follows an export: its tables are those of a new home, and what has not changed is not opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import pytest
from dicoms import make_dicom

from pipeline import collect
from pipeline.base.settings import load
from pipeline.base.storage import Home
from pipeline.collect import ledger
from pipeline.collect.sources.dicom_folder import DicomFolder

KEY = "a key for tests alone, 32 characters or more"


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that were opened, in order."""
    monkeypatch.setenv("CXR_PSEUDONYM_KEY", KEY)
    found: list[str] = []
    opens = DicomFolder.open

    def telling(self: DicomFolder, export: str, relative: str) -> BinaryIO:
        found.append(relative)
        return opens(self, export, relative)

    monkeypatch.setattr(DicomFolder, "open", telling)
    return found


def film(export: Path, number: int, **fields: object) -> None:
    (export / "films").mkdir(exist_ok=True)
    told = {"PatientID": f"MRN{number}000001", "PatientName": f"Quimby{number}", "AccessionNumber": f"ACC{number}"}
    make_dicom(export / f"films/f{number}.dcm", **(told | fields))


def report(export: Path, name: str, text: str) -> None:
    (export / "reports").mkdir(exist_ok=True)
    (export / f"reports/{name}.txt").write_text(f"FINDINGS: {text}")


def begin(export: Path) -> None:
    for number in range(6):
        film(export, number)
        report(export, f"ACC{number}", f"No effusion in Quimby{number}, unlike Featherstone.")


def name_changes(export: Path) -> None:
    film(export, 3, PatientName="Featherstone")


def film_leaves(export: Path) -> None:
    (export / "films/f2.dcm").unlink()


def report_leaves(export: Path) -> None:
    (export / "reports/ACC2.txt").unlink()


def report_moves(export: Path) -> None:
    (export / "reports/ACC4.txt").rename(export / "films/ACC4.txt")


def report_twice(export: Path) -> None:
    (export / "films/ACC5.txt").write_text("FINDINGS: Another text, which comes first by path.")


def first_report_leaves(export: Path) -> None:
    (export / "films/ACC5.txt").unlink()


def stranger_becomes_report(export: Path) -> None:
    report(export, "ACC7", "Film to come.")
    film(export, 7)


def one_comes_late(export: Path) -> None:
    report(export, "ACC8", "Its film comes with the next change.")


def its_film(export: Path) -> None:
    film(export, 8, PatientName="Featherstone")


def all_reports_leave(export: Path) -> None:
    for path in (export / "reports").iterdir():
        path.unlink()


CHANGES = {
    name_changes: ["films/f3.dcm", "reports/ACC3.txt"],
    film_leaves: [],
    report_leaves: [],
    report_moves: ["films/ACC4.txt"],
    report_twice: ["films/ACC5.txt", "films/ACC5.txt"],
    first_report_leaves: ["reports/ACC5.txt"],
    stranger_becomes_report: ["films/f7.dcm", "reports/ACC7.txt", "reports/ACC7.txt"],
    one_comes_late: ["reports/ACC8.txt"],
    its_film: ["films/f8.dcm", "reports/ACC8.txt"],
    all_reports_leave: [],
}


def tables(home: Home) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for folder in (home.tables, home.private) for path in sorted(folder.glob("*.parquet"))}


def test_a_home_that_followed_an_export_is_like_a_new_one_and_opened_what_changed(tmp_path: Path, opened: list[str]) -> None:
    export, followed = tmp_path / "export", Home(tmp_path / "followed").create()
    export.mkdir()
    begin(export)
    collect.run(followed, load(), export)
    for change, touched in CHANGES.items():
        change(export)
        opened.clear()
        collect.run(followed, load(), export)
        assert opened == touched, change.__name__
        new = Home(tmp_path / change.__name__).create()
        collect.run(new, load(), export)
        assert tables(followed) == tables(new), change.__name__


def test_reports_of_a_killed_run_are_read_by_the_next(tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    export, killed, calm = tmp_path / "export", Home(tmp_path / "killed").create(), Home(tmp_path / "calm").create()
    export.mkdir()
    begin(export)
    collect.run(killed, load(), export)
    name_changes(export)

    def dies(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.collect.reports.read_reports", dies)
        with pytest.raises(KeyboardInterrupt):
            collect.run(killed, load(), export)
    opened.clear()
    collect.run(killed, load(), export)
    assert opened == ["reports/ACC3.txt"]
    collect.run(calm, load(), export)
    assert tables(killed) == tables(calm)


def test_killed_at_every_statement_the_tables_are_those_of_a_new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement is committed by itself, and the run dies before one of them, later every time."""
    export, killed = tmp_path / "export", Home(tmp_path / "killed").create()
    export.mkdir()
    begin(export)
    collect.run(killed, load(), export)
    monkeypatch.setattr(ledger, "_COMMIT", 1)
    writes = ledger.Ledger._write
    for change in (name_changes, report_leaves, report_moves, report_twice, first_report_leaves, stranger_becomes_report):
        change(export)
        for last in range(100):
            left = [last]

            def dying(self: ledger.Ledger, statement: str, values: Sequence[object], left: list[int] = left) -> int:
                if left[0] == 0:
                    raise KeyboardInterrupt
                left[0] -= 1
                return writes(self, statement, values)

            with monkeypatch.context() as patch:
                patch.setattr(ledger.Ledger, "_write", dying)
                try:
                    collect.run(killed, load(), export)
                    break
                except KeyboardInterrupt:
                    continue
        new = Home(tmp_path / change.__name__).create()
        collect.run(new, load(), export)
        assert tables(killed) == tables(new), change.__name__


def test_shards_and_date_shifts_may_change_without_reading_a_file(tmp_path: Path, opened: list[str]) -> None:
    export, home, new = tmp_path / "export", Home(tmp_path / "home").create(), Home(tmp_path / "new").create()
    export.mkdir()
    begin(export)
    collect.run(home, load(), export)
    opened.clear()
    settings = load(overrides=("decode.shards=3", "collect.date_shift_days=30"))
    collect.run(home, settings, export)
    assert opened == []
    collect.run(new, settings, export)
    assert tables(home) == tables(new)
