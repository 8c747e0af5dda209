"""Conventions: every choice of every convention reads its own example as written, and presets choose for all."""

from __future__ import annotations

import pytest

from labelers.rules import conventions, engine
from labelers.rules.conventions import ConventionExample
from pipeline.base.findings import NO_FINDING
from pipeline.base.interfaces import LABELERS
from pipeline.base.labels import to_chexpert
from pipeline.base.reports import Report


def read(text: str, **options: str) -> dict[str, int]:
    labels = engine(**options).label(Report.of("r", text)).labels
    return {x.finding: int(n) for x in labels if x.finding != NO_FINDING and (n := to_chexpert(x.state)) is not None}


def parse(reading: str) -> dict[str, int]:
    pairs = (pair.split("=") for pair in reading.split(";") if pair.strip())
    return {name.strip(): int(state) for name, state in pairs}


@pytest.mark.parametrize("example", conventions.examples(), ids=lambda one: f"{one.convention}={one.choice}")
def test_choice_reads_as_written(example: ConventionExample) -> None:
    assert read(example.text, **{example.convention: example.choice}) == parse(example.reading)


@pytest.mark.parametrize("preset", conventions.presets())
def test_preset_chooses_for_every_convention_and_nothing_else(preset: str) -> None:
    choices = dict(conventions.presets()[preset])
    assert choices.pop("impression") in ("concludes", "equal")
    assert choices.keys() == {one.name for one in conventions.conventions()}
    assert all(choices[one.name] in one.choices for one in conventions.conventions())


def test_guide_is_the_default_and_leaves_mentions_as_read() -> None:
    options = LABELERS.get("rules").Options()
    assert conventions.chosen(options) == conventions.presets()["guide"]


def test_an_own_choice_wins_over_the_preset() -> None:
    assert read("Opacities, likely atelectasis.", preset="openi")["Atelectasis"] == 1
    assert read("Opacities, likely atelectasis.", preset="openi", strong_hedge="as_read")["Atelectasis"] == -1


def test_impression_concludes_only_where_the_preset_says_so() -> None:
    text = "FINDINGS: Possible small effusion.\nIMPRESSION: No pleural effusion."
    assert read(text, preset="guide")["Pleural Effusion"] == 0
    assert read(text, preset="chexpert")["Pleural Effusion"] == -1


def test_evidence_names_the_convention_that_decided() -> None:
    report = engine(preset="openi").label(Report.of("r", "Opacities, likely atelectasis."))
    mention = next(one for one in report.mentions if one.finding == "Atelectasis")
    assert mention.rule_ids[-1] == "strong_hedge=positive"
    assert mention.grade is None


def test_unknown_convention_or_choice_is_refused() -> None:
    with pytest.raises(ValueError, match="strong_hedge"):
        engine(strong_hedge="maybe")
    with pytest.raises(ValueError, match="no_such_thing"):
        engine(no_such_thing="positive")


def test_a_normal_study_that_the_report_contradicts_is_marked() -> None:
    report = engine().label(Report.of("r", "FINDINGS: Small left pleural effusion.\nIMPRESSION: Normal chest radiograph."))
    normal = next(one for one in report.mentions if one.finding == NO_FINDING)
    assert "contradicted" in normal.attributes
    assert next(x for x in report.labels if x.finding == NO_FINDING).state == "UNMENTIONED"


def test_version_tells_the_preset_and_every_other_choice() -> None:
    rules = LABELERS.get("rules")
    assert rules.version(rules.Options()).endswith(" guide")
    assert rules.version(rules.Options(preset="nih", strong_hedge="positive")).endswith(" nih strong_hedge=positive")


@pytest.mark.parametrize(
    ("text", "options", "grade"),
    [
        ("Opacity compatible with pneumonia.", {"compatible": "uncertain"}, "strong"),
        ("Borderline cardiomegaly.", {"borderline_heart": "uncertain"}, "weak"),
        ("Opacity, probably pneumonia.", {}, "strong"),
        ("Opacity, pneumonia cannot be excluded.", {}, "weak"),
    ],
)
def test_grades(text: str, options: dict[str, str], grade: str) -> None:
    labels = engine(**options).label(Report.of("r", text)).labels
    assert {x.grade for x in labels if x.state == "UNCERTAIN"} == {grade}
