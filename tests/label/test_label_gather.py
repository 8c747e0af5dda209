"""Reports onto films, by hand."""

from __future__ import annotations

import pandas as pd
from label_fakes import PatternLabeler

from pipeline.base.labels import LabelState, Mention
from pipeline.base.reports import sections
from pipeline.label.gather import broadcast, one_a_study
from pipeline.label.reading import quote, read_reports


def states(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"report_id": report, "annotator": "a", "finding": "Edema", "state": state, "mention_ids": [report], "evidence": None}
            for report, state in rows
        ]
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
    report = {"report_id": "r1", "text": text, "sections": [{"name": s.name, "start": s.start, "end": s.end} for s in sections(text)]}
    assert read_reports([report], {"p": PatternLabeler()}) == ([], [])


def test_evidence_is_one_short_line_around_the_words() -> None:
    text = "x " * 200 + "moderate\neffusion" + " y" * 200
    start = text.index("moderate")
    mention = Mention("Pleural Effusion", LabelState.POSITIVE, start, start + 17, 0, len(text), "body", ())
    line = quote(text, [mention])
    assert line is not None
    assert "moderate effusion" in line
    assert len(line) <= 160
    assert quote(text, []) is None
