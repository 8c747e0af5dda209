"""Sections of reports in the layouts of many hospitals: which words are read, and which never are."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelers.rules.sentences import read_sentences
from pipeline.base.headings import opening
from pipeline.base.reports import READ_SECTIONS, Section, sections

MIMIC = """\
                                 FINAL REPORT
 CHEST RADIOGRAPH

 INDICATION:  ___-year-old woman, evaluation for pneumonia.

 COMPARISON:  ___.

 As compared to the previous radiograph, there is mild edema.
 No pneumothorax.
"""
WET = """\
 WET READ: ___ ___ 8:31 AM
   Large effusion.
 ______________________________________________________________________________
                                 FINAL REPORT
 HISTORY:  Pain.

 FINDINGS:
 No effusion.
"""
VETERANS = """\
Exam: CHEST 2 VIEWS PA&LAT
    Clinical History:
      hemoptysis

    Report Status: Verified    Date Reported: NOV 08, 2014
    Report:
      The lungs are clear.

    Impression:
      Normal chest.

    Primary Diagnostic Code: NORMAL

/ES/ Pneumonia Clinic
"""
EXPORT = "\\.br\\FINDINGS: Clear.\\.br\\IMPRESSION: Normal.\\.br\\"
MARKUP = '<AbstractText Label="INDICATION">Edema?</AbstractText><AbstractText Label="FINDINGS">Clear.</AbstractText>'

LAYOUTS = {
    # one form of heading after the other
    "FINDINGS:\nClear.\n\nIMPRESSION:\nNormal.": {"findings": "Clear.", "impression": "Normal."},
    "Findings : Clear.\nImpression - Normal.": {"findings": "Clear.", "impression": "Normal."},
    "FINDINGS\nClear.\nIMPRESSION\nNormal.": {"findings": "Clear.", "impression": "Normal."},
    "FINDINGS Lungs are clear.\nIMPRESSION 1. Normal.": {"findings": "Lungs are clear.", "impression": "1. Normal."},
    "HISTORY of pneumonia\nCOMPARISON None\nFINDINGS Clear.": {"indication": "of pneumonia", "comparison": "None", "findings": "Clear."},
    "**FINDINGS:** Clear.\n**Impression**: Normal.\n## Technique\nPA": {"findings": "Clear.", "impression": "Normal.", "technique": "PA"},
    "<FINDINGS>Clear.</FINDINGS><IMPRESSION>Normal.</IMPRESSION>": {"findings": "Clear.", "impression": "Normal."},
    "[FINDINGS]\nClear.\nConclusion -- Normal.": {"findings": "Clear.", "impression": "Normal."},
    "FINDINGS\n--------\nClear.": {"findings": "--------\nClear."},
    "FINDINGS (2 VIEWS): Clear. RECOMMENDATION(S): CT.": {"findings": "Clear.", "recommendation": "CT."},
    EXPORT: {"preamble": "\\.br\\", "findings": "Clear.\\.br\\", "impression": "Normal.\\.br\\"},
    # many on one line
    "INDICATION: cough COMPARISON: none FINDINGS: Clear. IMPRESSION: 1. Normal. 2. No nodule.": {
        "indication": "cough",
        "comparison": "none",
        "findings": "Clear.",
        "impression": "1. Normal. 2. No nodule.",
    },
    "Clinical History: Cough Comparison: None Findings: Clear": {"indication": "Cough", "comparison": "None", "findings": "Clear"},
    "indication: cough. findings: clear. impression: normal": {"indication": "cough.", "findings": "clear.", "impression": "normal"},
    # other words
    "Reason for this examination:\n cough\nOpinion: Normal.": {"indication": "cough", "impression": "Normal."},
    "CLINICAL DETAILS: Cough\nREPORT: Clear.\nSUMMARY: Normal.": {"indication": "Cough", "findings": "Clear.", "impression": "Normal."},
    "Radiologist\u2019s final impression: Normal.": {"impression": "Normal."},
    "FINDINGS/IMPRESSION: Clear.": {"impression": "Clear."},
    "Findings and Impression\nClear.": {"impression": "Clear."},
    "History/Findings: Cough.": {"indication": "Cough."},
    "CLINICAL FINDINGS: Cough.\nFINDINGS: Clear.": {"indication": "Cough.", "findings": "Clear."},
    # exam titles
    "HISTORY: Cough.\nPA AND LATERAL CHEST: Clear.\nIMPRESSION: Normal.": {
        "indication": "Cough.",
        "body": "Clear.",
        "impression": "Normal.",
    },
    "HISTORY: Cough. CHEST, 2 VIEWS: Clear.": {"indication": "Cough.", "body": "Clear."},
    "IMPRESSION:\nChest, two views: Normal.": {"impression": "Chest, two views: Normal."},
    "COMPARISON:\nChest radiograph: 2011\nFINDINGS: Clear.": {"comparison": "Chest radiograph: 2011", "findings": "Clear."},
    # addenda, wet reads, signatures
    "ADDENDUM: A nodule.\n\nFINDINGS: Clear.": {"addendum": "A nodule.", "findings": "Clear."},
    "ADDENDUM\nA nodule.\n______\nThe lungs are clear.": {"addendum": "A nodule.", "body": "The lungs are clear."},
    "FINDINGS: Clear.\nSigned by: Edema Clinic\n\nADDENDUM: A nodule.": {
        "findings": "Clear.",
        "signature": "Signed by: Edema Clinic",
        "addendum": "A nodule.",
    },
    "IMPRESSION: Normal. Dictated by Dr. Effusion": {"impression": "Normal.", "signature": "Dictated by Dr. Effusion"},
    "Wet read: Small effusion.": {"impression": "Small effusion."},
    WET: {"preliminary": "___ ___ 8:31 AM\n   Large effusion.", "indication": "Pain.", "findings": "No effusion."},
    # findings without a heading of their own
    MIMIC: {
        "indication": "___-year-old woman, evaluation for pneumonia.",
        "comparison": "___.",
        "body": "As compared to the previous radiograph, there is mild edema.\n No pneumothorax.",
    },
    "INDICATION: Edema?\n\nThe lungs are clear.": {"indication": "Edema?", "body": "The lungs are clear."},
    "INDICATION: Edema?\n\nSmoker.\n\nIMPRESSION: Normal.": {"indication": "Edema?\n\nSmoker.", "impression": "Normal."},
    "Lungs clear.\n\nIMPRESSION: Normal.": {"body": "Lungs clear.", "impression": "Normal."},
    "XR CHEST, RULE OUT EDEMA\nFINDINGS: Clear.": {"preamble": "XR CHEST, RULE OUT EDEMA", "findings": "Clear."},
}
SENTENCES = (
    "Unchanged from the\nprior\nstudy.",
    "Lungs: Clear.\nHeart: Normal size\nOther findings: None",
    "Lungs clear.\nLung findings: none",
    "HEART AND MEDIASTINUM: Normal.\nBONES: Normal.",
    "No evidence for the indication of pneumonia: clear.",
    "Clear, findings: none. The comparison: unchanged.",
    "Findings discussed with Dr. XXXX - history unknown.",
    "The findings were reported by telephone at 9:30.",
)


def read(text: str) -> dict[str, str]:
    return {one.name: text[one.start : one.end] for one in sections(text)}


@pytest.mark.parametrize(("text", "expected"), LAYOUTS.items())
def test_layout(text: str, expected: dict[str, str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_and_template_keys_open_no_section(text: str) -> None:
    assert read(text) == {"body": text}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_veterans_layout(newline: str) -> None:
    found = read(VETERANS.replace("\n", newline))
    assert found["indication"] == "hemoptysis"
    assert found["findings"] == "The lungs are clear."
    assert found["impression"] == "Normal chest."
    assert "Pneumonia" in found["signature"]
    assert found.keys() & set(READ_SECTIONS) == {"findings", "impression"}


def test_abstract_markup_keeps_the_request_apart() -> None:
    found = read(MARKUP)
    assert found["indication"].startswith("Edema?")
    assert found["findings"].startswith("Clear.")


# The headings that MIMIC-CXR's own section parser knows and counts most often (Johnson et al. 2019), with what it makes of them.
MIMIC_HEADINGS = {
    "impression": ("impression", "conclusion", "findings and impression", "findings/impression"),
    "findings": ("findings", "finding", "comment"),
    "comparison": ("comparison", "comparisons", "reference exam", "comparison exam", "comparison film"),
    "indication": ("indication", "history", "clinical history", "reason for examination", "reason for exam", "clinical information",
                   "clinical indication", "patient history"),
    "examination": ("examination", "exam", "type of examination", "date"),
    "technique": ("technique",),
    "recommendation": ("recommendation(s)", "recommendations", "recommendation"),
    "addendum": ("addendum",),
}  # fmt: skip


@pytest.mark.parametrize(("name", "heading"), [(name, heading) for name, said in MIMIC_HEADINGS.items() for heading in said])
@pytest.mark.parametrize("form", [str.upper, str.title, str.lower])
def test_headings_of_mimic(name: str, heading: str, form: Callable[[str], str]) -> None:
    text = f" TITLE.\n {form(heading)}: Some words.\n"
    assert name in read(text)
    assert read(text)[name] == "Some words."


REQUESTS = ("INDICATION", "CLINICAL HISTORY", "Reason for exam", "History", "Clinical Information", "CLINICAL DATA", "Chief complaint")


@given(
    st.sampled_from(REQUESTS),
    st.sampled_from(["Pneumonia", "?effusion", "history of CHF, s/p CABG 3/4/2021", "[**Name**] with edema; XXXX ___"]),
    st.sampled_from([" ", "\n", "\n\n", ". "]),
    st.sampled_from(["FINDINGS:", "Findings:", "IMPRESSION:", "Conclusion:"]),
)
def test_a_request_is_never_read(heading: str, request: str, gap: str, following: str) -> None:
    text = f"{heading}: {request}{gap}{following} Clear."
    words = [word for sentence in read_sentences(text, sections(text)) for word in sentence.words]
    assert words == ["clear"]


def test_the_caller_chooses_the_sections() -> None:
    text = "INDICATION: Edema.\nFINDINGS: Effusion.\nADDENDUM: Nodule.\nIMPRESSION: Normal."
    found = sections(text)
    assert [s.words for s in read_sentences(text, found)] == [["effusion"], ["nodule"], ["normal"]]
    assert [s.words for s in read_sentences(text, found, ("impression",))] == [["normal"]]
    assert [s.words for s in read_sentences(text, found, ("indication", "findings"))] == [["edema"], ["effusion"]]


PIECES = [
    "FINDINGS:",
    "Impression -",
    "INDICATION",
    "CHEST, PA:",
    "\n",
    "\n\n",
    " ",
    "Clear.",
    "______",
    "Addendum:",
    "Dictated by",
    "WET READ:",
    "<b>",
]


@given(st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=20).map("".join))
@settings(max_examples=300, deadline=None)
@example("İ FINDINGS: x")
@example("\x85FINDINGS:\x1cx")
def test_sections_are_ordered_apart_and_inside_the_text(text: str) -> None:
    end = 0
    for one in sections(text):
        assert isinstance(one, Section)
        assert end <= one.start < one.end <= len(text)
        assert text[one.start : one.end] == text[one.start : one.end].strip()
        end = one.end


def test_headings_are_read_over_their_qualifiers_only() -> None:
    assert opening(("radiologist's", "final", "impression")) is not None
    assert opening(("other", "findings")) is None
    assert opening(("heart", "and", "mediastinum")) is None


HARD = [
    "\n",
    " ",
    ":",
    "FINDINGS:",
    "Chest:\n",
    "- ",
    "<a ",
    "<",
    "A ",
    "AA BB\n",
    "findings and ",
    "_",
    "====\n",
    "I have ",
    "WET READ: a\n____\n",
    "Dictated by x\n\n",
    "electronically ",
    "(",
    ").:",
    "COMPARISON: x\n\n",
    "x-ray ",
    "a'",
    "\t",
]


@pytest.mark.parametrize("seed", HARD)
def test_time_is_linear(seed: str) -> None:
    def seconds(length: int) -> float:
        text = (seed * (length // len(seed) + 1))[:length]
        start = time.process_time()
        sections(text)
        return time.process_time() - start

    seconds(1_000)
    small, large = min(seconds(40_000) for _ in range(2)), min(seconds(160_000) for _ in range(2))
    assert large < 9 * small + 0.2  # four times the text; sixteen times the work would be quadratic


def test_every_report_of_openi_keeps_its_columns(shared_data: Path) -> None:
    with (shared_data / "reports" / "openi_dev.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    names = ("indication", "comparison", "findings", "impression")
    kept = 0
    for row in rows:
        text = "\n".join(f"{name.upper()}: {row[name]}" for name in names)
        kept += read(text) == {name: row[name].strip() for name in names if row[name].strip()}
    assert kept / len(rows) > 0.99
