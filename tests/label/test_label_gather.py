"""Reports onto films, by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from label_fakes import PatternLabeler

from pipeline.base.errors import SettingsError
from pipeline.base.interfaces import LabelerOptions
from pipeline.base.labels import LabeledReport, LabelState, Mention
from pipeline.base.reports import Report
from pipeline.label.gather import SAID, broadcast, one_a_study
from pipeline.label.reading import LabelerError, Reader, quote, read_reports, reader


def states(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"report_id": report, "finding": "Edema", "state": state, "mention_ids": [report], **dict.fromkeys(SAID[:1], "a")}
            for report, state in rows
        ],
        columns=["report_id", *SAID],
    )


def test_a_report_reaches_every_film_of_its_study_and_no_other() -> None:
    reports = pd.DataFrame({"report_id": ["r1", "r2", "r3"], "study_id": ["s1", "s2", None]})
    films = pd.DataFrame({"image_id": ["i1", "i2", "i3", "i4"], "study_id": ["s1", "s1", "s2", None]})
    made = broadcast(states(("r1", "POSITIVE"), ("r2", "NEGATIVE"), ("r3", "POSITIVE")), reports, films, ["Edema"])
    assert dict(zip(made["image_id"], made["state"], strict=True)) == {"i1": "POSITIVE", "i2": "POSITIVE", "i3": "NEGATIVE"}
    assert broadcast(states(("r1", "POSITIVE")), reports, films, ["Hernia"]).empty


def test_two_reports_of_one_study_give_the_strongest_state() -> None:
    for told, expected in (
        (("NEGATIVE", "UNCERTAIN"), "UNCERTAIN"),
        (("POSITIVE", "UNCERTAIN"), "POSITIVE"),
        (("UNMENTIONED", "NEGATIVE"), "NEGATIVE"),
    ):
        paired = states(*zip(("r1", "r2"), told, strict=True)).assign(study_id="s1")
        assert one_a_study(paired)["state"].tolist() == [expected]


def test_a_request_alone_says_nothing_of_the_film() -> None:
    text = "INDICATION:\nRule out pleural effusion."
    assert read_reports([Report.of("r1", text)], [Reader("p", PatternLabeler(), LabelerOptions())]) == ([], [])


@pytest.mark.parametrize("answers", [0, 1, 3])
def test_a_labeler_that_answers_for_too_few_or_too_many_reports_is_an_error(answers: int) -> None:
    class Miscounting(PatternLabeler):
        def read(self, reports: Iterable[Report], options: LabelerOptions, work: Path | None = None) -> Iterator[LabeledReport]:
            given = list(reports)
            return (self.label(given[0].text) for _ in range(answers))

    reports = [Report.of(name, "Cardiomegaly.") for name in ("r1", "r2")]
    with pytest.raises(LabelerError, match=r"no answer for|more reports than"):
        read_reports(reports, [Reader("m", Miscounting(), LabelerOptions())])


def test_unknown_options_and_labelers_that_cannot_run_are_refused() -> None:
    with pytest.raises(SettingsError, match="no_such_option"):
        reader("rules", {"no_such_option": 1})
    assert reader("rules", {"preset": "nih"}).options.model_dump()["preset"] == "nih"


def test_evidence_is_one_short_line_around_the_words() -> None:
    text = "x " * 200 + "moderate\neffusion" + " y" * 200
    start = text.index("moderate")
    mention = Mention("Pleural Effusion", LabelState.POSITIVE, start, start + 17, 0, len(text), "body", ())
    line = quote(text, [mention])
    assert line is not None
    assert "moderate effusion" in line
    assert len(line) <= 160
    assert quote(text, []) is None
