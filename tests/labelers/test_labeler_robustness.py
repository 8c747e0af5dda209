"""What must never break the rule labeler, nor slow it beyond proportion: any text at all."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paraphrases import marking

from pipeline.base.interfaces import LABELERS
from pipeline.base.reports import Report

FRAGMENTS = (
    "no", "not", "without", "or", "and", "and/or", "versus", "vs.", "but", "however", "may represent", "cannot exclude", "resolved",
    "effusion", "pneumothorax", "pneumonia", "nodule", "heart", "enlarged", "clear", "lungs are", "normal", "history of", "FINDINGS:",
    "IMPRESSION:", "INDICATION:", "XXXX", "___", "[**", "**]", "1.", "2)", "(", ")", "\"", "'", ".", ",", ";", ":", "?", "/", "-", "\n",
    "\n\n", "\r\n", "\t", "\x00", "\u00a0", "\u2019", "\u200b", "\ufeff", "\u0130", "\u00df", "\U0001fac1",
)  # fmt: skip


def _check_whole(text: str) -> None:
    """A reading of any text keeps the contract: every finding once, every mention inside its sentence, section and text."""
    labeler = LABELERS.get("rules")
    report = next(iter(labeler.read([Report.of("x", text)], labeler.Options())))
    assert sorted(label.finding for label in report.labels) == sorted(labeler.findings)
    for mention in report.mentions:
        assert 0 <= mention.sentence_start <= mention.start < mention.end <= mention.sentence_end <= len(text)


@given(st.text(max_size=400))
@settings(max_examples=150)
def test_any_text_is_read(text: str) -> None:
    _check_whole(text)


@given(st.binary(max_size=400), st.sampled_from(["latin-1", "utf-8", "utf-16-le", "cp1252"]))
@settings(max_examples=150)
def test_any_bytes_are_read(raw: bytes, encoding: str) -> None:
    _check_whole(raw.decode(encoding, "replace"))
    _check_whole(raw.decode("utf-8", "surrogateescape"))


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=60), st.sampled_from([" ", "", "  "]))
@settings(max_examples=250)
def test_any_heap_of_fragments_is_read(fragments: list[str], between: str) -> None:
    _check_whole(between.join(fragments))


REPEATS = {
    "no": "no ",
    "brackets": "(",
    "closing": ")",
    "and_or": "and/or ",
    "commas": ", ",
    "findings": "effusion or ",
    "denied list": "no effusion, pneumothorax, or ",
    "hedges": "may possibly likely ",
    "versus": "pneumonia versus atelectasis versus ",
    "not seen": "effusion is not seen and ",
    "spaces": " ",
    "newlines": "\n",
    "blank lines": "\n \n",
    "dots": ".",
    "numbers": "1. ",
    "headings": "FINDINGS:\n",
    "headings on lines": "findings\n\n",
    "masks": "XXXX ",
    "underscores": "_",
    "half masks": "[**",
    "question": "? ",
    "lungs": "the lungs are ",
    "adjectives": "right left small large ",
    "previously": "previously seen ",
    "history": "history of ",
    "unspaced": "a",
    "unspaced finding": "effusion",
    "dashes": "-",
    "colons": "pleura: ",
    "digits": "1",
}


def _seconds(text: str) -> float:
    """Fastest of three readings, in processor time."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        marking.states([text])
        taken.append(time.process_time() - start)
    return min(taken)


@pytest.mark.parametrize("name", REPEATS)
def test_time_is_linear(name: str) -> None:
    unit = REPEATS[name]
    small = unit * (5_000 // len(unit))
    # Four times the text may take four times as long, and twice that for an unlucky clock; quadratic time takes sixteen.
    assert _seconds(small * 4) < 8 * max(_seconds(small), 0.005)


def test_a_megabyte_without_a_space_is_read() -> None:
    assert _seconds("x" * 1_000_000) < 8 * max(_seconds("x" * 250_000), 0.05)
