"""What sentences say: every rule's own example, the traps of the trade, and wordings that no rule quotes."""

from __future__ import annotations

import pytest

from labelers.rules import engine, lexicon
from pipeline.base.errors import PluginError
from pipeline.base.findings import NO_FINDING
from pipeline.base.labels import LabelState, Mention, to_chexpert
from pipeline.base.reports import Report

LABELER = engine()
EXAMPLES = lexicon.load().examples


def read(text: str) -> dict[str, int]:
    """Finding -> 1 / 0 / -1 for every finding mentioned, No Finding left out."""
    labels = LABELER.label(Report.of("r", text)).labels
    return {x.finding: int(n) for x in labels if x.finding != NO_FINDING and (n := to_chexpert(x.state)) is not None}


def mentions(text: str) -> tuple[Mention, ...]:
    return LABELER.label(Report.of("r", text)).mentions


def parse(reading: str) -> dict[str, int]:
    pairs = (pair.split("=") for pair in reading.split(";") if pair.strip())
    return {name.strip(): int(state) for name, state in pairs}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.rule_id)
def test_example_of_rule_reads_as_written(example: lexicon.Example) -> None:
    assert read(example.text) == parse(example.reading)


@pytest.mark.parametrize("example", [x for x in EXAMPLES if x.reading and x.rule_id in {c.rule_id for c in lexicon.load().cues}], ids=str)
def test_example_of_cue_uses_its_cue(example: lexicon.Example) -> None:
    ids = lexicon.load().vocabulary.encode(example.text.lower().replace(",", " ,").replace("?", " ?").replace(".", "").split())
    found = {lexicon.load().cues[value].rule_id for _, _, value in lexicon.load().cue_matcher.find(ids)}
    assert example.rule_id in found


def test_every_rule_has_an_example() -> None:
    rules = lexicon.load()
    labelled = {term.rule_id for term in (*rules.terms, *rules.readings.values()) if term.role not in ("organ", "quality")}
    assert labelled | {cue.rule_id for cue in rules.cues} == {example.rule_id for example in EXAMPLES}


TRAPS = {
    # uncertainty over lists and alternatives
    "Findings may represent edema, pneumonia, or atelectasis.": "Edema=-1; Pneumonia=-1; Atelectasis=-1",
    "Left basilar opacity, pneumonia versus atelectasis.": "Lung Opacity=1; Pneumonia=-1; Atelectasis=-1",
    "Atelectasis/airspace disease at the right base.": "Atelectasis=-1; Lung Opacity=1",
    "Linear scarring or atelectasis in the lingula.": "Fibrosis=-1; Atelectasis=-1",
    "Retrocardiac opacity could reflect atelectasis but pneumonia is not excluded.": "Lung Opacity=1; Atelectasis=-1; Pneumonia=-1",
    # borderline values
    "Borderline cardiomegaly.": "Cardiomegaly=1",
    "Heart size is at the upper limits of normal.": "Cardiomegaly=0",
    "The heart is not significantly enlarged.": "Cardiomegaly=0",
    "Borderline heart size.": "Cardiomegaly=1",
    # no change, no A with B
    "No significant interval change in the left pneumothorax.": "Pneumothorax=1",
    "There is no pneumothorax with a small residual effusion.": "Pneumothorax=0; Pleural Effusion=1",
    "No change in cardiomegaly. No effusion.": "Cardiomegaly=1; Pleural Effusion=0",
    # prior studies, limitation, hypothesis
    "The previously seen right effusion has resolved.": "Pleural Effusion=0",
    "Interval resolution of the left lower lobe pneumonia.": "Pneumonia=0",
    "Overlying soft tissue could obscure a small nodule.": "",
    "Recommend follow up to evaluate for pneumonia.": "",
    "History of pneumonia.": "",
    "Left basilar consolidation is no longer seen.": "Consolidation=0",
    # masked words
    "XXXX opacity in the left base, XXXX atelectasis.": "Lung Opacity=1; Atelectasis=-1",
    "There are no XXXX of a pleural effusion.": "Pleural Effusion=0",
    "Median sternotomy XXXX are intact.": "Support Devices=1",
    # vocabulary
    "Calcified granuloma in the left apex.": "Granuloma=1; Lung Lesion=1",
    "Moderate pericardial effusion.": "",
    "Bullous emphysema.": "Emphysema=1",
    "Subcutaneous emphysema along the chest wall.": "Subcutaneous Emphysema=1",
    "Collapse of the L1 vertebral body.": "Fracture=-1",
    "Complete collapse of the right upper lobe.": "Atelectasis=1",
    "No mass effect.": "",
    "Sequela of cystic fibrosis.": "",
    "Renal failure.": "",
    "The patient is in congestive heart failure.": "Edema=1",
    "Right hilar lymph nodes are calcified.": "",
    # normal statements
    "The lungs are clear.": "Lung Opacity=0; Consolidation=0",
    "The left lung is clear.": "",
    "Heart size and mediastinal contours are within normal limits.": "Cardiomegaly=0; Enlarged Cardiomediastinum=0",
    "Normal heart size and mediastinal contour.": "Cardiomegaly=0; Enlarged Cardiomediastinum=0",
    "Heart size is stable and the mediastinal silhouette is normal.": "Enlarged Cardiomediastinum=0",
    "Costophrenic angles are sharp.": "Pleural Effusion=0",
    "Stable cardiomediastinal silhouette.": "",
    # contrast, double negation, post-posed cues
    "No effusion but a small pneumothorax.": "Pleural Effusion=0; Pneumothorax=1",
    "A small left effusion cannot be excluded.": "Pleural Effusion=-1",
    "Pneumothorax is not identified.": "Pneumothorax=0",
    "Pneumonia is possible.": "Pneumonia=-1",
    "No definite evidence of acute fracture.": "Fracture=0",
    "No focal opacity suspicious for pneumonia.": "Lung Opacity=0; Pneumonia=0",
    "No acute disease, findings of emphysema.": "Emphysema=1",
    # lists and layout
    "1. Small left effusion 2. No pneumothorax": "Pleural Effusion=1; Pneumothorax=0",
    "Small effusion; no pneumothorax": "Pleural Effusion=1; Pneumothorax=0",
    "No evidence of\npneumothorax.": "Pneumothorax=0",
    "- small effusion\n- no pneumothorax": "Pleural Effusion=1; Pneumothorax=0",
    "A 1.5 cm nodule is seen w/o effusion.": "Nodule=1; Lung Lesion=1; Pleural Effusion=0",
}


@pytest.mark.parametrize(("text", "reading"), TRAPS.items())
def test_trap(text: str, reading: str) -> None:
    assert read(text) == parse(reading)


def test_two_grades_of_hedge() -> None:
    assert [m.grade for m in mentions("Possible pneumonia.")] == ["weak"]
    assert [m.grade for m in mentions("Probable pneumonia.")] == ["strong"]
    assert [m.grade for m in mentions("Pneumonia.")] == [None]


def test_attributes_say_side_size_and_change() -> None:
    (found,) = mentions("Stable small left pleural effusion.")
    assert found.attributes == ("change:stable", "laterality:left", "severity:small")


def test_indication_history_and_comparison_make_no_mention() -> None:
    text = "INDICATION: Pneumonia, evaluate for effusion.\nCOMPARISON: Prior film with pneumothorax.\nFINDINGS: Heart size is normal.\n"
    assert {m.finding for m in mentions(text)} == {"Cardiomegaly"}


def test_clear_conclusion_of_the_impression_wins_over_a_doubt() -> None:
    assert read("FINDINGS: Possible small effusion.\nIMPRESSION: No pleural effusion.")["Pleural Effusion"] == 0
    assert read("FINDINGS: Possible small effusion.\nIMPRESSION: Small effusion.")["Pleural Effusion"] == 1
    assert read("FINDINGS: No effusion.\nIMPRESSION: Small effusion.")["Pleural Effusion"] == 1


def test_removed_tube_leaves_the_other_devices() -> None:
    assert read("FINDINGS: PICC line in place.\nIMPRESSION: Interval removal of chest tube.")["Support Devices"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No acute cardiopulmonary abnormality.", LabelState.POSITIVE),
        ("Heart size normal. Lungs are clear. PICC line in place.", LabelState.POSITIVE),
        ("Lungs are clear. Possible small effusion.", LabelState.UNMENTIONED),
        ("Normal chest. Old rib fracture.", LabelState.UNMENTIONED),
        ("", LabelState.UNMENTIONED),
        ("Dictated by telephone.", LabelState.UNMENTIONED),
    ],
)
def test_no_finding_follows_chexpert(text: str, expected: LabelState) -> None:
    label = next(x for x in LABELER.label(Report.of("r", text)).labels if x.finding == NO_FINDING)
    assert label.state is expected


def test_data_file_with_an_unknown_finding_is_refused() -> None:
    with pytest.raises(PluginError, match="unknown finding"):
        lexicon._finding("some-rule", "Efusion")
