"""What must hold for any text: metamorphic properties, exact offsets, no crash, linear time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelers.rules import engine, lexicon
from labelers.rules.matcher import Matcher, Vocabulary
from labelers.rules.sentences import split
from pipeline.base.labels import LabelState
from pipeline.base.reports import Report, Section

LABELER = engine()
RULES = lexicon.load()
SENTENCES = sorted({example.text for example in RULES.examples if example.reading})
NORMAL = ("The trachea is midline.", "Osseous structures are intact.", "Bony thorax is unremarkable.", "Soft tissues are normal.")
NAMED = {
    "pneumothorax": "Pneumothorax",
    "pleural effusion": "Pleural Effusion",
    "consolidation": "Consolidation",
    "pneumonia": "Pneumonia",
    "pulmonary edema": "Edema",
    "atelectasis": "Atelectasis",
    "cardiomegaly": "Cardiomegaly",
    "rib fracture": "Fracture",
    "pulmonary nodule": "Nodule",
    "lung mass": "Mass",
    "airspace opacity": "Lung Opacity",
    "emphysema": "Emphysema",
    "pulmonary fibrosis": "Fibrosis",
    "hiatal hernia": "Hernia",
    "pleural thickening": "Pleural Thickening",
    "infiltrate": "Infiltration",
    "mediastinal widening": "Enlarged Cardiomediastinum",
    "vascular congestion": "Edema",
}
sentence = st.sampled_from(SENTENCES)
finding = st.sampled_from(sorted(NAMED))


def states(text: str) -> dict[str, LabelState]:
    return {label.finding: label.state for label in LABELER.label(Report.of("r", text)).labels}


def body_states(text: str) -> dict[str, LabelState]:
    """As `states`, with the whole text as one section: a line such as "exam" is no heading."""
    return {label.finding: label.state for label in LABELER.label(Report("r", text, (Section("body", 0, len(text)),))).labels}


@given(st.lists(sentence, min_size=1, max_size=4), st.sampled_from(NORMAL), st.data())
@settings(max_examples=100, deadline=None)
def test_a_normal_sentence_changes_no_other_finding(sentences: list[str], normal: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(sentences)))
    before, after = states(" ".join(sentences)), states(" ".join([*sentences[:at], normal, *sentences[at:]]))
    assert before == after


@given(st.lists(sentence, min_size=1, max_size=4), st.sampled_from(["upper", "lower", "spaces", "lines", "tabs", "windows"]))
@settings(max_examples=150, deadline=None)
def test_case_spacing_and_line_breaks_change_nothing(sentences: list[str], change: str) -> None:
    text = " ".join(sentences)
    changed = {
        "upper": text.upper(),
        "lower": text.lower(),
        "spaces": text.replace(" ", "   "),
        "lines": text.replace(" ", "\n"),
        "tabs": text.replace(" ", "\t"),
        "windows": text.replace(" ", "\r\n"),
    }[change]
    assert body_states(changed) == body_states(text)


@given(
    finding,
    st.sampled_from(["No evidence of {}.", "There is no {}.", "Negative for {}.", "Without {}.", "No definite {} is seen.", "No new {}."]),
)
def test_denial_negates(words: str, frame: str) -> None:
    assert states(frame.format(words))[NAMED[words]] is LabelState.NEGATIVE


@given(
    finding, st.sampled_from(["Possible {}.", "{} cannot be excluded.", "Findings may represent {}.", "Suspicious for {}.", "Probable {}."])
)
def test_doubt_makes_uncertain(words: str, frame: str) -> None:
    assert states(frame.format(words.capitalize() if frame.startswith("{") else words))[NAMED[words]] is LabelState.UNCERTAIN


@given(
    finding,
    st.sampled_from(["Stable {}.", "There is {}.", "No change in {}.", "Worsening {} since the prior study.", "Known {} again noted."]),
)
def test_statement_is_present(words: str, frame: str) -> None:
    expected = LabelState.UNCERTAIN if words == "vascular congestion" else LabelState.POSITIVE
    assert states(frame.format(words))[NAMED[words]] is expected


@given(st.permutations(["pneumothorax", "pleural effusion", "consolidation", "rib fracture"]), st.sampled_from(["or", "and", "nor"]))
def test_order_of_a_list_changes_nothing(names: list[str], joint: str) -> None:
    read = states(f"No {names[0]}, {names[1]}, {names[2]}, {joint} {names[3]}.")
    assert {read[NAMED[name]] for name in names} == {LabelState.NEGATIVE}


@given(st.lists(sentence | st.sampled_from(["XXXX", "___", "[**Name**]", "1.", "2)", "\n\n", "vs.", "Dr. XXXX"]), max_size=8))
@settings(max_examples=100, deadline=None)
def test_offsets_are_exact(pieces: list[str]) -> None:
    text = " ".join(pieces)
    for mention in LABELER.label(Report.of("r", text)).mentions:
        words = text[mention.start : mention.end]
        assert words
        assert words == words.strip()
        assert mention.sentence_start <= mention.start < mention.end <= mention.sentence_end
        alone = LABELER.label(Report("r", words, (Section("body", 0, len(words)),))).mentions
        assert mention.finding in {found.finding for found in alone}


@given(st.text() | st.text(alphabet="no effusion.,;:/()?!-*\n\r\t1X_[]İß"))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_without_a_crash(text: str) -> None:
    report = LABELER.label(Report.of("r", text))
    assert all(0 <= mention.start < mention.end <= len(text) for mention in report.mentions)


PATHOLOGICAL = {
    "negations": "no " * 8_000,
    "effusions": "effusion " * 8_000,
    "alternatives": "atelectasis or " * 8_000,
    "masks": "XXXX " * 8_000,
    "brackets": "[**" * 8_000,
    "letters": "x" * 50_000,
    "commas": "," * 50_000,
    "breaks": "\n" * 50_000,
    "numbers": "1. " * 8_000,
    "organs": "heart size and mediastinum " * 4_000,
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_time_is_linear_in_the_text(name: str) -> None:
    text = PATHOLOGICAL[name]

    def seconds(length: int) -> float:
        start = time.process_time()
        LABELER.label(Report.of("r", text[:length]))
        return time.process_time() - start

    seconds(len(text) // 8)
    small, large = min(seconds(len(text) // 4) for _ in range(2)), min(seconds(len(text)) for _ in range(2))
    assert large < 8 * small + 0.1


def test_automaton_stays_small_on_random_words() -> None:
    words = sorted({word for example in RULES.examples for word in example.text.lower().replace(".", " .").replace(",", " ,").split()})
    text = " ".join(random.Random(0).choices(words, k=20_000))
    LABELER.label(Report("r", text, (Section("body", 0, len(text)),)))
    assert len(RULES.term_matcher._members) + len(RULES.cue_matcher._members) < 20_000


@pytest.mark.parametrize(
    ("phrase", "text", "expected"),
    [
        ("pleural effusion", "a pleural effusion", (1, 3)),
        ("pleural effusion", "pleural effusions", (0, 2)),
        ("big|small mass", "a small mass", (1, 3)),
        ("no of? the? mass", "no the mass", (0, 3)),
        ("{side}* lung", "left right lung", (0, 3)),
        ("tip ..2 svc", "tip in the svc", (0, 4)),
        ("tip ..2 svc", "tip in , svc", None),
        ("tip ..2 svc", "tip is in the svc", None),
    ],
)
def test_phrase_syntax(phrase: str, text: str, expected: tuple[int, int] | None) -> None:
    vocabulary = Vocabulary([phrase], {"side": ["left", "right"]}, {})
    found = Matcher([(phrase, 7)], vocabulary).find(vocabulary.encode(text.split()))
    assert found == ([(*expected, 7)] if expected else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A 1.5 cm nodule. Dr. XXXX was called.", ["A 1.5 cm nodule", "Dr. XXXX was called"]),
        ("1. Effusion. 2. Mass", ["Effusion", "Mass"]),
        ("Effusion 2 cm", ["Effusion 2 cm"]),
        ("Effusion\nand mass\n\nNo edema", ["Effusion\nand mass", "No edema"]),
        ("* effusion\n* mass", ["effusion", "mass"]),
        ("Clear.Vascular", ["Clear", "Vascular"]),
        ("...", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [text[found.start : found.end] for found in split(text, Section("body", 0, len(text)))] == expected


def test_reading_of_real_reports_holds_its_floor(shared_data: Path) -> None:
    import pandas as pd

    from pipeline.base.labels import from_chexpert

    folder = shared_data / "reports"
    rows = pd.read_csv(folder / "openi_dev.csv", dtype=str, keep_default_na=False).set_index("report_id")
    gold = pd.read_csv(folder / "four_state_dev.csv").dropna(subset="state")
    truth = {(row.report_id, row.finding): from_chexpert(row.state) for row in gold.itertuples()}
    known = {finding for _, finding in truth}
    right = said = 0
    for report_id in pd.read_csv(folder / "four_state_reports.csv").report_id:
        row = rows.loc[report_id]
        read = states(f"FINDINGS: {row.findings}\nIMPRESSION: {row.impression}")
        cells = {(report_id, name): state for name, state in read.items() if name in known}
        said += sum(state is not LabelState.UNMENTIONED for state in cells.values())
        right += sum(truth.get(cell) is state for cell, state in cells.items())
    assert 2 * right / (said + len(truth)) >= 0.96
