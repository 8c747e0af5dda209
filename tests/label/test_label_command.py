"""`cxr label` and `cxr labelers`: what is written is what the labeler said, whole or not at all, in any number of processes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from label_fakes import CrashingLabeler, PatternLabeler
from rich.console import Console
from typer.testing import CliRunner

from labelers.rules import engine
from pipeline import cli
from pipeline.base import tables
from pipeline.base.errors import CxrError, InputError, PluginError, SettingsError
from pipeline.base.findings import CHEXPERT_14, NAMES, NIH_14
from pipeline.base.interfaces import LABELERS
from pipeline.base.labels import LabelState, from_chexpert
from pipeline.base.reports import Report
from pipeline.label import labelling
from pipeline.label.given import Given

TEXTS = (
    "FINDINGS: The heart is enlarged. No pleural effusion.",
    "IMPRESSION: Possible pneumonia. Emphysema.",
    "Lungs are clear. No pneumothorax.",
    "INDICATION: Cough.",
    "FINDINGS: Moderate right pleural effusion. Cardiomegaly.",
)


class NeedyLabeler(PatternLabeler):
    """Reads everything before it answers, and keeps its batches in `work`."""

    needs = "a program of its own"

    def read(self, reports, options, work=None):  # type: ignore[no-untyped-def]
        work.mkdir()
        (work / "batch").write_text("kept", encoding="utf-8")
        yield from [self.label(report.text) for report in list(reports)]


@pytest.fixture(autouse=True)
def _fake_labelers(monkeypatch: pytest.MonkeyPatch) -> None:
    LABELERS.names()
    for name, fake in {"test_pattern": PatternLabeler(), "test_crashing": CrashingLabeler(), "test_needy": NeedyLabeler()}.items():
        monkeypatch.setitem(LABELERS._items, name, fake)
        monkeypatch.setitem(LABELERS._needs, name, ())


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    return make_reports(tmp_path / "reports.csv", 5)


def make_reports(path: Path, n: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([("report_id", "text"), *((f"r{number}", TEXTS[number % len(TEXTS)]) for number in range(n))])
    return path


def label(*words: str | Path) -> str:
    result = CliRunner().invoke(cli.app, ["label", *map(str, words)], env={"COLUMNS": "200", "TERM": "dumb"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def states_in(path: Path) -> dict[str, dict[str, LabelState]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return {row.pop("report_id"): {name: from_chexpert(cell) for name, cell in row.items()} for row in csv.DictReader(handle)}


def test_the_file_says_what_the_labeler_says(reports: Path, tmp_path: Path) -> None:
    label(reports, "-o", tmp_path / "l.csv", "--preset", "nih", "--jobs", "1")
    found = states_in(tmp_path / "l.csv")
    assert list(found) == [f"r{n}" for n in range(5)]
    for report_id, text in zip(found, TEXTS, strict=True):
        read = engine(preset="nih").label(Report.of(report_id, text))
        said = {one.finding: one.state for one in read.labels}
        assert found[report_id] == (said if report_id != "r3" else dict.fromkeys(NAMES, LabelState.UNMENTIONED))
    assert found["r0"]["Cardiomegaly"] is LabelState.POSITIVE
    assert found["r0"]["Pleural Effusion"] is LabelState.NEGATIVE


def test_options_reach_the_labeler(reports: Path, tmp_path: Path) -> None:
    label(reports, "-o", tmp_path / "l.csv", "--set", "weak_hedge=positive", "--set", 'sections=["impression"]')
    found = states_in(tmp_path / "l.csv")
    assert found["r1"]["Pneumonia"] is LabelState.POSITIVE
    assert found["r0"]["Cardiomegaly"] is LabelState.UNMENTIONED


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [("all", NAMES), ("chexpert", CHEXPERT_14), ("nih", (*NIH_14, "No Finding")), ("edema,Effusion", ("Edema", "Pleural Effusion"))],
)
def test_columns(reports: Path, tmp_path: Path, chosen: str, wanted: tuple[str, ...]) -> None:
    label(reports, "-o", tmp_path / "l.csv", "--findings", chosen)
    label(reports, "-o", tmp_path / "l.parquet", "--findings", chosen)
    rows = list(csv.reader((tmp_path / "l.csv").open(encoding="utf-8")))
    assert rows[0] == ["report_id", *wanted]
    assert {cell for row in rows[1:] for cell in row[1:]} <= {"1", "0", "-1", ""}
    table = pq.read_table(tmp_path / "l.parquet")
    assert [["" if cell is None else str(cell) for cell in row.values()] for row in table.to_pylist()] == rows[1:]


def test_mentions_are_the_declared_table(reports: Path, tmp_path: Path) -> None:
    label(reports, "-o", tmp_path / "l.csv", "--mentions", tmp_path / "m.parquet")
    table = pq.read_table(tmp_path / "m.parquet")
    assert tables.check("mentions", table) == []
    for row in table.to_pylist():
        text = TEXTS[int(row["report_id"][1:])]
        assert text[row["start"] : row["end"]] == row["words"]
        assert row["words"] in row["sentence"]
    assert "r3" not in table.column("report_id").to_pylist()


def test_processes_change_nothing(tmp_path: Path) -> None:
    many = make_reports(tmp_path / "many.csv", labelling.BATCH * 6 + 7)
    for jobs in ("1", "2"):
        label(many, "-o", tmp_path / f"l{jobs}.csv", "--mentions", tmp_path / f"m{jobs}.parquet", "--jobs", jobs)
    assert (tmp_path / "l1.csv").read_bytes() == (tmp_path / "l2.csv").read_bytes()
    assert pq.read_table(tmp_path / "m1.parquet").equals(pq.read_table(tmp_path / "m2.parquet"))
    assert (tmp_path / "l1.problems.csv").read_bytes() == (tmp_path / "l2.problems.csv").read_bytes()
    assert len(states_in(tmp_path / "l1.csv")) == labelling.BATCH * 6 + 7


def test_bad_and_silent_rows_are_named_beside_the_labels(reports: Path, tmp_path: Path) -> None:
    reports.write_text(reports.read_text(encoding="utf-8") + "r0,again\n,nobody\nr9,\n", encoding="utf-8")
    said = label(reports, "-o", tmp_path / "l.csv")
    rows = list(csv.DictReader((tmp_path / "l.problems.csv").open(encoding="utf-8")))
    assert {(row["place"], row["report_id"]) for row in rows} == {("line 5", "r3"), ("line 7", "r0"), ("line 8", ""), ("line 9", "r9")}
    assert "6 reports labelled" in said
    assert "reports without text to read: 2" in said
    assert "bad rows left out: 2" in said
    assert states_in(tmp_path / "l.csv")["r9"] == dict.fromkeys(NAMES, LabelState.UNMENTIONED)
    make_reports(reports, 2)
    label(reports, "-o", tmp_path / "l.csv")
    assert not (tmp_path / "l.problems.csv").exists()


def test_a_crash_leaves_what_was_there(reports: Path, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("older", encoding="utf-8")
    with pytest.raises(CxrError, match="crashed"):
        label(reports, "-o", tmp_path / "l.csv", "--mentions", tmp_path / "m.parquet", "--labeler", "test_crashing")
    assert (tmp_path / "l.csv").read_text(encoding="utf-8") == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["l.csv", "reports.csv"]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    many = make_reports(tmp_path / "many.csv", 100_000)
    words = [sys.executable, "-m", "pipeline.cli", "label", str(many), "-o", str(tmp_path / "l.csv"), "--jobs", "2"]
    # A suite run in the background inherits an ignored interrupt; the command must start with the default one.
    running = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        patience = time.monotonic() + 60
        while not any(path.stat().st_size > 100_000 for path in tmp_path.glob(".l.csv.*")) and time.monotonic() < patience:
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGINT)
        said = running.communicate(timeout=60)[0]
    finally:
        running.kill()
    assert running.returncode == 130, said
    assert "nothing was written" in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["many.csv"]


def test_a_labeler_with_needs_gets_the_whole_stream_once(tmp_path: Path) -> None:
    many = make_reports(tmp_path / "many.csv", labelling.BATCH + 9)
    label(many, "-o", tmp_path / "l.csv", "--labeler", "test_needy")
    found = states_in(tmp_path / "l.csv")
    assert len(found) == labelling.BATCH + 9
    assert found["r4"] == {"Cardiomegaly": LabelState.POSITIVE, "Pleural Effusion": LabelState.POSITIVE}
    assert found["r3"] == dict.fromkeys(PatternLabeler.findings, LabelState.UNMENTIONED)
    assert not (tmp_path / "l.csv.work").exists()
    with pytest.raises(InputError, match="own batches"):
        label(many, "-o", tmp_path / "l.csv", "--labeler", "test_needy", "--jobs", "2")


def test_memory_does_not_grow_with_the_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labelling, "BATCH", 32)
    plan = labelling.Plan("test_pattern", {}, PatternLabeler.findings)

    def peak(n: int) -> int:
        reports = (Given(f"r{number}", TEXTS[number % 3] + "x" * 500, "") for number in range(n))
        tracemalloc.start()
        assert sum(len(batch.rows) for batch in labelling.label(reports, plan)) == n
        made = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return made

    peak(labelling.BATCH)
    assert peak(48 * labelling.BATCH) < 1.5 * peak(12 * labelling.BATCH)


@pytest.mark.parametrize(
    ("words", "error", "match"),
    [
        (("-o", "l.csv"), InputError, "needs reports"),
        (("reports.csv",), InputError, "needs reports"),
        (("reports.csv", "-o", "reports.csv"), InputError, "replace the reports"),
        (("reports.csv", "-o", "l.parquet", "--mentions", "./l.parquet"), InputError, "replace the labels"),
        (("reports.csv", "-o", "l.xlsx"), InputError, "ends in none of"),
        (("reports.csv", "-o", "none/l.csv"), InputError, "not a folder"),
        (("reports.csv", "-o", "l.csv", "--mentions", "m.csv"), InputError, "m.csv"),
        (("reports.csv", "-o", "l.csv", "--findings", "edema,nonsense"), InputError, "nonsense"),
        (("reports.csv", "-o", "l.csv", "--labeler", "test_pattern", "--findings", "nih"), InputError, "does not read"),
        (("reports.csv", "-o", "l.csv", "--labeler", "test_pattern", "--preset", "nih"), SettingsError, "no presets"),
        (("reports.csv", "-o", "l.csv", "--labeler", "nobody"), PluginError, "nobody"),
        (("reports.csv", "-o", "l.csv", "--preset", "nonsense"), SettingsError, "preset"),
        (("reports.csv", "-o", "l.csv", "--set", "nonsense"), SettingsError, "OPTION=VALUE"),
        (("reports.csv", "-o", "l.csv", "--preset", "nih", "--set", "preset=guide"), SettingsError, "twice"),
        (("reports.csv", "-o", "l.csv", "--html", "x.html"), InputError, "--explain"),
        (("--explain", "reports.csv#r0", "-o", "l.csv"), InputError, "writes no labels"),
        (("reports.csv", "-o", "l.csv", "--labeler", "chexbert"), PluginError, "cannot run here"),
    ],
)
def test_errors_name_the_problem_and_write_nothing(
    reports: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], error: type[CxrError], match: str
) -> None:
    monkeypatch.chdir(reports.parent)
    before = reports.read_bytes()
    with pytest.raises(error, match=match) as caught:
        label(*words)
    assert caught.value.remedy
    assert [path.name for path in reports.parent.iterdir()] == ["reports.csv"]
    assert reports.read_bytes() == before


def test_labelers_are_listed_with_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.cli.label.console", Console(width=250, highlight=False))
    said = CliRunner().invoke(cli.app, ["labelers"], catch_exceptions=False).output
    for name, one in LABELERS:
        assert name in said
        for option, field in one.Options.model_fields.items():
            assert option in said
            assert " ".join((field.description or "").split()[:4]) in said
        problem = one.missing(one.Options())
        assert problem in said if problem else one.version(one.Options()) in said
    assert "a program of its own" in said


def test_help_names_both_commands() -> None:
    assert "REPORTS" in label("--help")
    assert "--gold" in label("compare", "--help")
