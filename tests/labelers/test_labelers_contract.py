"""Every registered labeler keeps the contract of `pipeline.base.interfaces.Labeler`."""

from __future__ import annotations

import pytest

from pipeline.base.findings import BY_NAME
from pipeline.base.interfaces import LABELERS, Labeler
from pipeline.base.labels import LabeledReport, LabelState
from pipeline.base.reports import Report, sections

TEXTS = (
    "",
    "   \n",
    "Heart size is normal. No effusion or pneumothorax. Possible left lower lobe pneumonia.",
    "INDICATION: Cough.\nFINDINGS: Small right pleural effusion. Sternotomy wires.\nIMPRESSION:\n1. Effusion.\n2. No pneumothorax.",
    "XXXX ___ [**Name**] \u0130stanbul \U0001f600 no\x00 effusion",
)
INSTALLED = [name for name in LABELERS.names() if not LABELERS.missing(name)]
RUNNABLE = [name for name in INSTALLED if (one := LABELERS.get(name)).missing(one.Options()) is None]


@pytest.fixture(params=INSTALLED)
def installed(request: pytest.FixtureRequest) -> Labeler:
    return LABELERS.get(request.param)


@pytest.fixture(params=RUNNABLE)
def labeler(request: pytest.FixtureRequest) -> Labeler:
    return LABELERS.get(request.param)


def read(labeler: Labeler, *texts: str) -> list[LabeledReport]:
    return list(labeler.read([Report.of(f"r{index}", text) for index, text in enumerate(texts)], labeler.Options()))


def test_rules_is_registered() -> None:
    assert "rules" in RUNNABLE


def test_findings_options_and_needs_are_declared(installed: Labeler) -> None:
    assert installed.findings
    assert set(installed.findings) <= set(BY_NAME)
    assert all(field.description for field in installed.Options.model_fields.values())
    with pytest.raises(ValueError, match="no_such_option"):
        installed.Options(no_such_option=1)


def test_a_labeler_that_cannot_run_says_what_it_needs(installed: Labeler) -> None:
    problem = installed.missing(installed.Options())
    assert problem is None or (installed.needs and problem)


def test_version_is_declared(labeler: Labeler) -> None:
    assert labeler.version(labeler.Options())


@pytest.mark.parametrize("text", TEXTS)
def test_labels_cover_every_finding_once(labeler: Labeler, text: str) -> None:
    (report,) = read(labeler, text)
    assert sorted(label.finding for label in report.labels) == sorted(labeler.findings)


@pytest.mark.parametrize("text", TEXTS)
def test_mentions_lie_inside_the_text(labeler: Labeler, text: str) -> None:
    (report,) = read(labeler, text)
    for mention in report.mentions:
        assert 0 <= mention.sentence_start <= mention.start < mention.end <= mention.sentence_end <= len(text)
        assert mention.state is not LabelState.UNMENTIONED
        assert (mention.grade in ("weak", "strong")) == (mention.state is LabelState.UNCERTAIN)
        assert mention.section in {section.name for section in sections(text)}
        assert mention.rule_ids


@pytest.mark.parametrize("text", TEXTS)
def test_evidence_indexes_mentions(labeler: Labeler, text: str) -> None:
    (report,) = read(labeler, text)
    for label in report.labels:
        assert all(0 <= index < len(report.mentions) for index in label.evidence)
        assert bool(label.evidence) == (label.state is not LabelState.UNMENTIONED)


@pytest.mark.parametrize("text", TEXTS)
def test_same_text_same_labels(labeler: Labeler, text: str) -> None:
    assert read(labeler, text) == read(labeler, text)


@pytest.mark.parametrize("text", TEXTS[:2])
def test_empty_text_mentions_nothing(labeler: Labeler, text: str) -> None:
    (report,) = read(labeler, text)
    assert report.mentions == ()
    assert {label.state for label in report.labels} == {LabelState.UNMENTIONED}


def test_many_reports_are_answered_in_order_and_as_alone(labeler: Labeler) -> None:
    assert read(labeler, *TEXTS) == [report for text in TEXTS for report in read(labeler, text)]
