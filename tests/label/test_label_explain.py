"""`cxr label --explain`: every word of the report is shown once, each mention is marked, and hostile text stays text."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from typer.testing import CliRunner

from pipeline import cli
from pipeline.base.errors import InputError
from pipeline.base.labels import LabeledReport, LabelState, Mention, ReportLabel
from pipeline.label import explain, reading
from pipeline.label.explain import Explained, Segment
from pipeline.label.given import Given

REPORT = """INDICATION: Rule out pneumonia.

FINDINGS: Mild cardiomegaly & a small right pleural effusion.\x1b[2J No pneumothorax <script>alert(1)</script>.

IMPRESSION: Possible "pneumonia".
"""


def mention(start: int, end: int, state: LabelState, finding: str = "Edema") -> Mention:
    return Mention(finding, state, start, end, start, end, "body", ("rule",))


def explained(text: str = REPORT) -> Explained:
    return explain.explain(Given("r<1>", text, "here"), reading.reader("rules", {}))


class Page(HTMLParser):
    """What a reader of the page sees, and what the page would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.marks: list[dict[str, str | None]] = []
        self.ids: set[str] = set()
        self.targets: set[str] = set()
        self.tags: list[str] = []
        self.report = ""
        self._in_report = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self._in_report |= tag == "pre"
        self.loads += [str(found[key]) for key in ("src", "srcset", "data") if key in found]
        if tag == "mark":
            self.marks.append(found)
        if "id" in found:
            self.ids.add(str(found["id"]))
        if tag == "a":
            self.targets.add(str(found["href"]).removeprefix("#"))

    def handle_endtag(self, tag: str) -> None:
        self._in_report &= tag != "pre"

    def handle_data(self, data: str) -> None:
        self.report += data if self._in_report else ""


def test_overlapping_mentions_cut_the_text_and_the_most_present_gives_the_colour() -> None:
    found = list(explain.segments("abcdef", [mention(0, 4, LabelState.NEGATIVE), mention(2, 6, LabelState.UNCERTAIN)]))
    assert found == [
        Segment("ab", (0,), LabelState.NEGATIVE),
        Segment("cd", (0, 1), LabelState.UNCERTAIN),
        Segment("ef", (1,), LabelState.UNCERTAIN),
    ]


@given(st.data(), st.text(min_size=1))
def test_segments_join_to_the_text(data: st.DataObject, text: str) -> None:
    spans = data.draw(st.lists(st.tuples(st.integers(0, len(text) - 1), st.integers(1, 5))))
    mentions = [mention(start, min(start + length, len(text)), LabelState.POSITIVE) for start, length in spans]
    found = list(explain.segments(text, mentions))
    assert "".join(part.text for part in found) == text
    position = 0
    for part in found:
        covered = tuple(at for at, one in enumerate(mentions) if one.start < position + len(part.text) and position < one.end)
        assert part.mentions == covered
        position += len(part.text)


def test_control_characters_are_blanked_and_offsets_stay() -> None:
    made = explained()
    assert len(made.text) == len(REPORT)
    assert "\x1b" not in made.text
    for one in made.read.mentions:
        assert made.text[one.start : one.end] == REPORT[one.start : one.end]


def test_the_page_holds_the_report_and_nothing_from_elsewhere() -> None:
    made = explained()
    html = explain.html(made)
    page = Page(html)
    assert page.report == made.text
    assert page.loads == []
    assert "script" not in page.tags
    assert not re.search(r"https?:|@import|url\(", html)
    assert page.targets == page.ids == {f"m{at}" for at in range(len(made.read.mentions))}
    tips = " ".join(str(mark["title"]) for mark in page.marks)
    for one in made.read.mentions:
        assert one.finding in tips
        assert all(rule in tips for rule in one.rule_ids)
    assert {mark["class"] for mark in page.marks} == {"POSITIVE", "NEGATIVE", "UNCERTAIN"}


def test_what_is_no_statement_about_this_film_has_a_colour_of_its_own() -> None:
    made = explain.explain(Given("r", "Evaluate for pneumonia. History of effusion. Pneumothorax.", "here"), reading.reader("rules", {}))
    assert [part.state for part in made.segments if part.state] == ["UNMENTIONED", "UNMENTIONED", "POSITIVE"]
    assert [mark["class"] for mark in Page(explain.html(made)).marks] == ["UNMENTIONED", "UNMENTIONED", "POSITIVE"]


def test_the_terminal_shows_text_legend_and_what_is_behind_each_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "r.txt").write_text(REPORT, encoding="utf-8")
    monkeypatch.setattr("pipeline.cli.label.console", Console(width=200, highlight=False))
    said = CliRunner().invoke(cli.app, ["label", "--explain", str(tmp_path / "r.txt")], catch_exceptions=False).output
    assert "\x1b[2J" not in said
    assert "Rule out pneumonia." in said
    assert "legend: present uncertain absent not of this film" in said
    rows = {line.split("  ")[0].strip(): line for line in said.splitlines()}
    for one in explained().labels:
        row = rows[one.finding]
        assert explain.MEANING[one.state] in row
        for _, found in explained().evidence(one):
            assert REPORT[found.start : found.end] in row
            assert all(rule in row for rule in found.rule_ids)
    assert "severity:small" in rows["Pleural Effusion"]
    assert re.search("not mentioned: .*Fracture", said)


def test_the_page_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('id,text\n7,"No edema."\n', encoding="utf-8")
    CliRunner().invoke(
        cli.app, ["label", "--explain", f"{tmp_path / 'r.csv'}#7", "--html", str(tmp_path / "r.html")], catch_exceptions=False
    )
    assert Page((tmp_path / "r.html").read_text(encoding="utf-8")).report == "No edema."


def test_probabilities_stand_where_there_is_no_grade() -> None:
    label = ReportLabel("Edema", LabelState.POSITIVE, probabilities=(0.7, 0.1, 0.15, 0.05))
    assert explain.brief(label) == "positive 0.70, negative 0.10, uncertain 0.15, unmentioned 0.05"
    made = Explained("r", "text", "chexbert", LabeledReport((), (label,)))
    assert "positive 0.70" in explain.html(made)


def test_a_report_with_nothing_to_read_is_an_error() -> None:
    with pytest.raises(InputError, match="nothing to read"):
        explained("INDICATION: Cough.")
