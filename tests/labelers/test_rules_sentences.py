"""Sentences and tokens: where statements end in the layouts of many hospitals, and offsets that point into the text."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labelers.rules.sentences import MASK, NUMBER, Sentence, split
from pipeline.base.reports import Section

WRAPPED = "The lungs are well expanded and there is a persistent moderate\nRight pleural effusion with adjacent atelectasis."
CAPITALS = (
    "THERE IS NO EVIDENCE OF FOCAL CONSOLIDATION, PLEURAL\nEFFUSION OR PNEUMOTHORAX ON THE CURRENT RADIOGRAPH.\nHEART NORMAL\nNO EDEMA"
)

TEXTS = {
    # numbers, dates, abbreviations
    "A 1.5 x 2.0 cm nodule, .5 cm before, on 3/4/2021 at 10:15.": ["a # x # cm nodule , # cm before , on # at #"],
    "Dr. Roe vs. Dr. Doe, approx. 3 cm. Clear.": ["dr roe vs dr doe , approx # cm", "clear"],
    "Devices, e.g. Kerley's, i.e. these. Clear.": ["devices , eg kerley's , ie these", "clear"],
    "Old T.B. is seen. Known C.H.F. Lungs are clear.": ["old tb is seen", "known chf", "lungs are clear"],
    "Tube No. 2 is in. Pneumothorax: No. 5 mm nodule.": ["tube number # is in", "pneumothorax : no", "# mm nodule"],
    "Patient s/p CABG w/o PTX in the LLL.": ["patient s / p cabg w / o ptx in the lll"],
    "Small effusion.No pneumothorax.": ["small effusion", "no pneumothorax"],
    "Heart normal...lungs clear": ["heart normal", "lungs clear"],
    "Kerley B. No effusion.": ["kerley b", "no effusion"],
    # lists
    "1. Effusion 2. No nodule": ["effusion", "no nodule"],
    "1) Effusion\n2) No nodule": ["effusion", "no nodule"],
    "(1) Effusion. (2) No nodule (3).": ["effusion", "no nodule"],
    "#1 Effusion #2 No nodule": ["effusion", "no nodule"],
    "1 Effusion\n2 No nodule": ["effusion", "no nodule"],
    "- effusion\n-no nodule\n\u2022 clear\n* heart": ["effusion", "no nodule", "clear", "heart"],
    "* Effusion * No nodule": ["effusion", "no nodule"],
    "Two of 3. Nodules in 4 lobes.": ["two of #", "nodules in # lobes"],
    # lines
    "Lungs: Clear.\nHeart: Normal size\nPleura: No effusion": ["lungs : clear", "heart : normal size", "pleura : no effusion"],
    "No effusion\nCardiomegaly\nThe bones are intact": ["no effusion", "cardiomegaly", "the bones are intact"],
    "LUNGS CLEAR\nHEART NORMAL\nNO EDEMA": ["lungs clear", "heart normal", "no edema"],
    "LUNGS:\nClear": ["lungs : clear"],
    "No evidence of\nPneumothorax.": ["no evidence of pneumothorax"],
    "Unchanged from the\nprior\nstudy.": ["unchanged from the prior study"],
    "No effusion\n\nno nodule": ["no effusion", "no nodule"],
    "Small effusion and\r\nedema\r\n\r\nclear": ["small effusion and edema", "clear"],
    CAPITALS: [
        "there is no evidence of focal consolidation , pleural effusion or pneumothorax on the current radiograph",
        "heart normal",
        "no edema",
    ],
    "Lungs clear<br/>Heart normal<p>No edema</p>&nbsp;": ["lungs clear", "heart normal", "no edema"],
    # keys of templates on one line
    "Lungs: Clear Heart and mediastinum: Normal Pleural spaces: No effusion BONES: Old fracture": [
        "lungs : clear",
        "heart and mediastinum : normal",
        "pleural spaces : no effusion",
        "bones : old fracture",
    ],
    "LUNGS: CLEAR HEART AND MEDIASTINUM: NORMAL": ["lungs : clear", "heart and mediastinum : normal"],
    "Findings: the following nodules: two.": ["findings : the following nodules : two"],
    # questions, marks, lost words
    "? pneumonia. Effusion? Clear. (?edema)": ["? pneumonia", "effusion ?", "clear", "( ? edema )"],
    "Mild edema; no nodule\u2014heart & lungs.": ["mild edema ; no nodule - heart and lungs"],
    "XXXX ___ [**Name 3**] [REDACTED] <NAME> *** lines.": ["XXXX XXXX XXXX XXXX XXXX XXXX lines"],
    "It isn\u2019t <b>large</b>.": ["it isn\u2019t large"],
}


def read(text: str) -> list[Sentence]:
    return list(split(text, Section("findings", 0, len(text))))


@pytest.mark.parametrize(("text", "expected"), TEXTS.items())
def test_text(text: str, expected: list[str]) -> None:
    assert [" ".join(one.words) for one in read(text)] == expected


def test_names_and_continued_lines_stay_in_their_sentence() -> None:
    assert len(read("The tip of a\nSwan-Ganz catheter.")) == 1
    assert len(read("Interval removal of the right\nSwan-Ganz catheter.")) == 1
    assert len(read("Stable effusion since\nMarch 3.")) == 1


def test_a_capital_opens_a_statement_unless_the_line_was_full() -> None:
    assert len(read(WRAPPED.upper())) == 1
    assert len(read(WRAPPED)) == 2  # a list whose lines begin with capitals


def test_sections_are_read_apart() -> None:
    text = "No nodule. Effusion"
    assert [one.words for one in split(text, Section("impression", 3, 10))] == [["nodule"]]


def spelled(text: str, sentence: Sentence) -> list[str]:
    return [text[start:end] for start, end in zip(sentence.starts, sentence.ends, strict=True)]


PIECES = [
    "1.5",
    "3/4/2021",
    "Dr.",
    "T.B.",
    "No.",
    "2",
    "XXXX",
    "[**A**]",
    "\n",
    "\n\n",
    " ",
    ":",
    "?",
    "(1)",
    "#2",
    "- ",
    "Lungs",
    "no",
    "<br>",
    "\\.br\\",
    "&",
    "&nbsp;",
    ".",
    ",",
    "'s",
    "\u2022 ",
    "\r\n",
    "...",
]


@given(st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=25).map("".join))
@settings(max_examples=300, deadline=None)
@example("İ İ. \u0130x")
@example("ﬁbrosis ﬀ. \U0001f600 e\u0301")
def test_offsets_reproduce_the_text(text: str) -> None:
    end = 0
    for sentence in read(text):
        assert len(sentence.words) == len(sentence.starts) == len(sentence.ends) > 0
        for word, start, stop, said in zip(sentence.words, sentence.starts, sentence.ends, spelled(text, sentence), strict=True):
            assert end <= start < stop <= len(text)
            assert word in (NUMBER, MASK, "-", "and", "number") or word in (said.lower(), said.lower().replace(".", ""))
            end = stop


@given(st.text(alphabet="abc XY.,:\n12-?"))
@settings(max_examples=200, deadline=None)
def test_no_letter_is_lost(text: str) -> None:
    read_letters = "".join("".join(spelled(text, sentence)) for sentence in read(text))
    assert [letter for letter in read_letters if letter.isalpha()] == [letter for letter in text if letter.isalpha()]


STATEMENTS = ("Lungs are clear", "No effusion", "The heart is enlarged", "Possible pneumonia at the left base")


@given(
    st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=5),
    st.sampled_from([". ", ".", ".\n", "\n", "\n\n", "\n- ", "! ", "<br>", "\\.br\\", "\r\n", "\n\u2022 "]),
)
def test_the_joint_of_statements_changes_nothing(statements: list[str], joint: str) -> None:
    assert [" ".join(one.words) for one in read(joint.join(statements))] == [said.lower() for said in statements]


@given(
    st.lists(st.sampled_from(STATEMENTS), min_size=2, max_size=9),
    st.sampled_from(["{}. ", "{}) ", "({}) ", "#{} "]),
    st.sampled_from([" ", "\n", ". "]),
)
def test_numbered_lists(statements: list[str], form: str, joint: str) -> None:
    text = joint.join(form.format(number) + said for number, said in enumerate(statements, 1))
    assert [" ".join(one.words) for one in read(text)] == [said.lower() for said in statements]


HARD = [
    "\n",
    " ",
    ":",
    "?",
    "&",
    "1. ",
    "a.",
    "a.b",
    "(",
    "(1)",
    "- ",
    "<br>",
    "<div ",
    "[**",
    "[A",
    "_ ",
    "Aa\n",
    "A B\n",
    "no\n",
    "Lungs: clear ",
    "x",
    "\\n",
    "\\",
    "*",
    ".",
    "'",
    "1",
    "xxxx",
]


@pytest.mark.parametrize("seed", HARD)
def test_time_is_linear(seed: str) -> None:
    def seconds(length: int) -> float:
        text = (seed * (length // len(seed) + 1))[:length]
        start = time.process_time()
        read(text)
        return time.process_time() - start

    seconds(1_000)
    small, large = min(seconds(30_000) for _ in range(2)), min(seconds(240_000) for _ in range(2))
    assert large < 40 * small + 0.2  # eight times the text; sixty-four times the work would be quadratic
