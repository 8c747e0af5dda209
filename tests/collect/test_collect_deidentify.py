"""Reports lose identities and keep medicine."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.collect.deidentify import MARK, scrub, shifted

LETTER = """GENERAL HOSPITAL - DEPARTMENT OF RADIOLOGY
Patient: Featherstone, Zebulon   MRN: 40918273   DOB: 03/02/1950
Accession: ACC777001   Date of exam: 03/01/2020

FINDINGS:
Mr. Featherstone has a small right effusion. Seen by Dr. Quill Marian regarding the heart, which is enlarged.

IMPRESSION:
1. Small effusion. 2. Cardiomegaly. Compared with 12/05/2019.

Findings were discussed with Dr. Quill Marian by telephone at (555) 014-7255.
Dictated by Dr. Quill Marian on 03/01/2020."""


def test_a_letter_loses_every_identifier_and_no_finding() -> None:
    text, removed = scrub(LETTER, {"Featherstone^Zebulon", "40918273", "ACC777001"})
    for secret in ("Featherstone", "Zebulon", "40918273", "777001", "Quill", "Marian", "2020", "2019", "7255", "GENERAL"):
        assert secret not in text
    for medicine in ("small right effusion", "regarding the heart, which is enlarged", "1. Small effusion. 2. Cardiomegaly."):
        assert medicine in text
    assert removed >= 7


def test_a_report_of_impression_alone_is_not_mistaken_for_a_letterhead() -> None:
    text = "Heart size is normal. No effusion in this patient. Lungs are clear at 2 cm."
    assert scrub(text, set()) == (text, 0)


def test_one_line_reports_keep_what_follows_the_heading() -> None:
    text, _ = scrub("Patient: Featherstone, Zebulon MRN: 40918273 FINDINGS: Lungs are clear.", set())
    assert text == "FINDINGS: Lungs are clear."


def test_who_was_told_goes_with_its_sentence_and_a_finding_stays() -> None:
    told = "Findings were discussed with Dr. Quill Marian by telephone at (555) 014-7255."
    assert scrub(told, set())[0] == ""
    assert scrub(f"No edema. {told} A nodule is new.", set())[0] == "No edema. A nodule is new."
    assert "tension pneumothorax" in scrub("The tension pneumothorax was discussed with Dr. Quill.", set())[0]
    assert "effusion" in scrub("Results were discussed with Dr. Quill regarding the effusion.", set())[0]


@pytest.mark.parametrize("name", ["Small", "Young"])
def test_a_name_that_is_a_word_goes_where_it_is_a_name(name: str) -> None:
    text = f"{name} nodule. There is a {name.lower()} effusion in patient {name}. Mr. {name} is well."
    assert scrub(text, {f"{name}^Ada"})[0] == f"{name} nodule. There is a {name.lower()} effusion in patient ___. Mr. ___ is well."


@pytest.mark.parametrize(
    "secret",
    [
        "Dr. Okafor-Lindqvist",
        "Dr Ibáñez Ignatius",
        "(555) 014-5141",
        "555-014-5141",
        "05/11/2011",
        "2011-05-11",
        "May 11, 2011",
        "11 May 2011",
        "a.b@hospital.org",
        "12345678",
        "J. Marlow, MD",
    ],
)
def test_patterns_find_what_no_header_told(secret: str) -> None:
    text, removed = scrub(f"There is a nodule. Called {secret} about it.", set())
    assert removed >= 1
    assert "nodule" in text
    assert not set(secret.replace(",", " ").split()) & set(text.replace(".", " ").split()) - {"Dr", "MD"}


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz .,\n", max_size=300))
def test_lower_case_prose_without_digits_is_left_alone(text: str) -> None:
    if not any(
        word in text for word in ("dr", "prof", "nurse", "ms", "mr", "read", "signed", "dictated", "reported", "by", "hospital", "clinic")
    ):
        assert scrub(text, set())[1] == 0


def test_shift_keeps_intervals() -> None:
    first, second = shifted(date(2020, 3, 1), 100), shifted(date(2020, 3, 15), 100)
    assert first is not None
    assert second is not None
    assert (second - first).days == 14
    assert shifted(None, 5) is None


def test_mark_is_the_mimic_mark() -> None:
    assert scrub("Called Dr. Smith.", set())[0] == f"Called {MARK}."


def test_names_of_houses_go_whole_and_words_of_the_trade_stay() -> None:
    houses = ("St. Quill-on-Sea General", "RADIOLOGY", "Elm")
    said = (
        "Chest RADIOLOGY of the general ward. Film from st quill on sea general. The film of Elm shows an elm tree sign. Radiology review."
    )
    expected = "Chest RADIOLOGY of the general ward. Film from ___. The film of ___ shows an elm tree sign. Radiology review."
    assert scrub(said, (), houses) == (expected, 2)
