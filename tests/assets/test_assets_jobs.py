"""What starts a run: the nightly schedule, and the sensor that sees new files."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import dagster as dg
import pytest

from assets._jobs import listing, new_files, nightly
from pipeline.definitions import defs

NAME = "DOE_JOHN_4711.dcm"


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CXR_EXPORT", str(tmp_path))
    return tmp_path


def _look(cursor: str | None) -> tuple[list[str | None], str | None, str]:
    """Run keys asked for, the cursor left behind, and what was said."""
    context = dg.build_sensor_context(cursor=cursor, repository_def=defs.get_repository_def())
    data = new_files.evaluate_tick(context)
    return [request.run_key for request in data.run_requests or []], data.cursor, data.skip_message or ""


def test_a_new_file_starts_exactly_one_run(inbox: Path) -> None:
    asked: list[str | None] = []
    cursor = None
    (inbox / "a.dcm").write_bytes(b"1")
    for _ in range(4):
        keys, cursor, _ = _look(cursor)
        asked += keys
    assert len(asked) == 1
    (inbox / "study").mkdir()
    (inbox / "study" / "b.dcm").write_bytes(b"2")
    for _ in range(4):
        keys, cursor, _ = _look(cursor)
        asked += keys
    assert len(asked) == len(set(asked)) == 2


def test_a_run_waits_until_files_stop_coming(inbox: Path) -> None:
    cursor = None
    for number in range(3):
        (inbox / f"{number}.dcm").write_bytes(b"x")
        keys, cursor, said = _look(cursor)
        assert keys == []
        assert "waiting" in said
    keys, _, _ = _look(cursor)
    assert len(keys) == 1


def test_a_file_that_grows_is_new(inbox: Path) -> None:
    (inbox / NAME).write_bytes(b"1")
    before = listing(inbox)
    (inbox / NAME).write_bytes(b"12")
    assert listing(inbox) != before
    os.utime(inbox / NAME, ns=(1, 1))
    assert listing(inbox)[0] == 1


def test_no_file_name_leaves_the_sensor(inbox: Path) -> None:
    (inbox / NAME).write_bytes(b"1")
    _, cursor, said = _look(None)
    keys, later, _ = _look(cursor)
    assert not any("DOE" in str(text) for text in (cursor, said, later, *keys))


def test_an_empty_or_missing_inbox_starts_nothing(inbox: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _look(None)[0] == _look(_look(None)[1])[0] == []
    monkeypatch.setenv("CXR_EXPORT", str(inbox / "nowhere"))
    keys, _, said = _look(None)
    assert keys == []
    assert "CXR_EXPORT" in said


def test_the_night_asks_for_one_whole_run() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=datetime.datetime(2026, 1, 2, 2, tzinfo=datetime.UTC))
    requests = nightly.evaluate_tick(context).run_requests
    assert requests
    assert [request.partition_key for request in requests] == [None]
    assert nightly.job_name == "full_release"
