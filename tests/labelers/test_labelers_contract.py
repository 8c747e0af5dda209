"""Every registered labeler keeps the contract of `pipeline.base.interfaces.Labeler`."""

from __future__ import annotations

import pytest

from pipeline.base.findings import BY_NAME
from pipeline.base.interfaces import LABELERS, Labeler
from pipeline.base.labels import LabelState
from pipeline.base.reports import sections

TEXTS = (
    "",
    "   \n",
    "Heart size is normal. No effusion or pneumothorax. Possible left lower lobe pneumonia.",
    "INDICATION: Cough.\nFINDINGS: Small right pleural effusion. Sternotomy wires.\nIMPRESSION:\n1. Effusion.\n2. No pneumothorax.",
    "XXXX ___ [**Name**] \u0130stanbul \U0001f600 no\x00 effusion",
)
RUNNABLE = [name for name in LABELERS.names() if not LABELERS.missing(name)]


@pytest.fixture(params=RUNNABLE)
def labeler(request: pytest.FixtureRequest) -> Labeler:
    return LABELERS.get(request.param)


def test_rules_is_registered() -> None:
    assert "rules" in RUNNABLE


def test_version_and_findings_are_declared(labeler: Labeler) -> None:
    assert labeler.version
    assert labeler.findings
    assert set(labeler.findings) <= set(BY_NAME)


@pytest.mark.parametrize("text", TEXTS)
def test_labels_cover_every_finding_once(labeler: Labeler, text: str) -> None:
    report = labeler.label(text, sections(text))
    assert sorted(label.finding for label in report.labels) == sorted(labeler.findings)


@pytest.mark.parametrize("text", TEXTS)
def test_mentions_lie_inside_the_text(labeler: Labeler, text: str) -> None:
    report = labeler.label(text, sections(text))
    for mention in report.mentions:
        assert 0 <= mention.sentence_start <= mention.start < mention.end <= mention.sentence_end <= len(text)
        assert mention.state is not LabelState.UNMENTIONED
        assert (mention.grade in ("weak", "strong")) == (mention.state is LabelState.UNCERTAIN)
        assert mention.section in {section.name for section in sections(text)}
        assert mention.rule_ids


@pytest.mark.parametrize("text", TEXTS)
def test_evidence_indexes_mentions(labeler: Labeler, text: str) -> None:
    report = labeler.label(text, sections(text))
    for label in report.labels:
        assert all(0 <= index < len(report.mentions) for index in label.evidence)
        assert bool(label.evidence) == (label.state is not LabelState.UNMENTIONED)


@pytest.mark.parametrize("text", TEXTS)
def test_same_text_same_labels(labeler: Labeler, text: str) -> None:
    assert labeler.label(text, sections(text)) == labeler.label(text, sections(text))


@pytest.mark.parametrize("text", TEXTS[:2])
def test_empty_text_mentions_nothing(labeler: Labeler, text: str) -> None:
    report = labeler.label(text, sections(text))
    assert report.mentions == ()
    assert {label.state for label in report.labels} == {LabelState.UNMENTIONED}
