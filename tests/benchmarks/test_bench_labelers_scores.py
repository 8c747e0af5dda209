"""What the labeler benchmark computes, against values worked by hand, scikit-learn, and the peers themselves where they are installed."""

from __future__ import annotations

import importlib
import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from benchmarks import page, pages  # noqa: E402
from benchmarks.pages import labelers, noise, review, tables  # noqa: E402
from benchmarks.reading import files, lexicon, scores, stream, systems  # noqa: E402

WORKER = runpy.run_path(str(ROOT / "benchmarks" / "peers" / "labelers.py"))
FINDINGS = ("Edema", "Mass")


def totals(counts: scores.Counts) -> list[list[int]]:
    return counts.sum(axis=0).astype(int).tolist()


def test_positives_count_everything_but_one_as_absent() -> None:
    gold = [{"Edema": 1, "Mass": 0}, {"Edema": 1, "Mass": 0}, {"Edema": 0, "Mass": 1}]
    told = [{"Edema": 1, "Mass": 1}, {"Edema": -1}, {"Mass": 0}]
    assert totals(scores.positives(told, gold, FINDINGS)) == [[1, 0, 1], [0, 1, 1]]


def test_a_wrong_state_counts_twice_and_an_open_cell_never() -> None:
    gold = [{"Edema": 1, "Mass": -1}, {"Edema": 0}, {"Edema": None, "Mass": 0}]
    told = [{"Edema": 1, "Mass": 1}, {"Edema": 0, "Mass": 0}, {"Edema": 1}]
    assert totals(scores.states(told, gold, FINDINGS)) == [[2, 0, 0], [0, 2, 2]]
    assert totals(scores.state(told, gold, FINDINGS, -1)) == [[0, 0, 0], [0, 0, 1]]
    assert totals(scores.state(told, gold, FINDINGS, 1)) == [[1, 0, 0], [0, 1, 0]]


def test_micro_and_macro_by_hand() -> None:
    counts = np.array([[[6.0, 2, 0], [1, 0, 3]]])
    assert scores.micro(scores.f1)(counts.sum(axis=0)) == pytest.approx(14 / 19)
    assert scores.macro(scores.f1)(counts.sum(axis=0)) == pytest.approx((12 / 14 + 2 / 5) / 2)
    assert scores.micro(scores.precision)(counts.sum(axis=0)) == pytest.approx(7 / 9)
    assert scores.micro(scores.recall)(counts.sum(axis=0)) == pytest.approx(7 / 10)


def test_nothing_to_find_and_nothing_found_is_perfect() -> None:
    nothing, only_wrong, only_missed = np.zeros(3), np.array([0.0, 1, 0]), np.array([0.0, 0, 1])
    assert [float(score(nothing)) for score in (scores.f1, scores.precision, scores.recall)] == [1, 1, 1]
    assert [float(score(only_wrong)) for score in (scores.f1, scores.precision, scores.recall)] == [0, 0, 0]
    assert [float(score(only_missed)) for score in (scores.f1, scores.precision, scores.recall)] == [0, 0, 0]


def test_f1_agrees_with_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    gold, told = rng.random((200, 2)) < 0.3, rng.random((200, 2)) < 0.3
    rows = [[{name: int(value) for name, value in zip(FINDINGS, row, strict=True)} for row in matrix] for matrix in (told, gold)]
    counts = scores.positives(*rows, FINDINGS)
    for statistic, average in ((scores.micro(scores.f1), "micro"), (scores.macro(scores.f1), "macro")):
        assert scores.interval(counts, statistic, draws=10).value == pytest.approx(f1_score(gold, told, average=average))


def test_negations_of_one_report_stand_together() -> None:
    counts = scores.negations([True, True, False, False], [True, False, True, False], ["a", "b", "a", "b"])
    assert counts.tolist() == [[[1, 0, 1]], [[0, 1, 0]]]


def test_intervals_are_pointless_where_all_reports_are_alike_and_wide_where_they_differ() -> None:
    alike, unlike = np.tile([[3.0, 1, 0]], (40, 1, 1)), np.array([[[4.0, 0, 0]], [[0.0, 0, 4]]] * 20)
    same = scores.interval(alike, scores.micro(scores.f1))
    assert same.low == same.high == same.value == pytest.approx(6 / 7)
    apart = scores.interval(unlike, scores.micro(scores.f1))
    assert apart.low < apart.value - 0.05 < apart.value + 0.05 < apart.high
    assert scores.difference(unlike, unlike, scores.micro(scores.f1)) == scores.Interval(0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("sentence", "concept", "found"),
    [
        ("No edema, but MASS is seen; a mass.", "mass", "MASS"),
        ("He has left  arm\nPAIN today.", '"left arm pain"', "left  arm\nPAIN"),
        ("Amassed fluid, no mass.", "mass", "mass"),
        ("Nothing of the kind.", "mass", None),
    ],
)
def test_concepts_are_placed(sentence: str, concept: str, found: str | None) -> None:
    at = files.place(sentence, concept)
    assert (sentence[slice(*at)] if at else None) == found


def test_wordings_are_those_the_texts_hold() -> None:
    held = lexicon.word_runs(["Mildly enlarged hearts.", "No pleural effusion"])
    assert "enlarged hearts ." in held
    assert lexicon.wordings("mildly? large|enlarged heart|lung", {}, held) == ["enlarged hearts", "mildly enlarged hearts"]
    assert lexicon.wordings("pleural {fluid}* effusion", {"fluid": ["free"]}, held) == ["pleural effusion"]


def test_phrases_keep_traps_and_states() -> None:
    found = lexicon.plain_phrases(["Heart size is normal. Pericardial effusion. Blunting. Pleural effusion."])
    assert found["heart size is normal"]["Cardiomegaly"] == 0
    assert found["pericardial effusion"] == {}
    assert found["blunting"] == {"Pleural Effusion": -1}
    assert found["pleural effusion"] == {"Pleural Effusion": 1}


def test_the_strongest_mention_of_a_peer_wins() -> None:
    meanings = [{"Edema": 1}, {"Edema": -1, "Mass": 1}, {"Edema": 0}]
    entities = [(0, 0), (1, 1), (2, 1), (0, None)]
    document = SimpleNamespace(ents=[SimpleNamespace(label_=str(label), state=state) for label, state in entities])
    peer = SimpleNamespace(state=lambda entity: entity.state)
    # Edema: denied, a doubtful word stated, a statement of normality, history; Mass: stated.
    assert WORKER["report_labels"](peer, document, meanings) == {"Edema": -1, "Mass": 1}


@pytest.mark.parametrize("name", systems.PEERS)
def test_a_peer_answers(name: str, tmp_path: Path) -> None:
    if not systems.python_of(name).exists():
        pytest.skip(f"no environment of {name}: python benchmarks/bench_labelers.py --make-environment")
    path = tmp_path / "lexicon.json"
    path.write_text(json.dumps([("effusion", {"Pleural Effusion": 1}), ("pericardial effusion", {}), ("edema", {"Edema": 1})]))
    with systems.Peer(name, path) as peer:
        labels, seconds = peer.labels(["FINDINGS: No effusion. There is edema.", "Pericardial effusion."])
        negated, _ = peer.negated(
            [files.Concept("1", "He denies CHEST PAIN.", 10, 20, True), files.Concept("1", "FEVER today.", 0, 5, False)]
        )
    assert labels == [{"Pleural Effusion": 0, "Edema": 1}, {}]
    assert negated == [True, False]
    assert seconds > 0


def test_a_file_of_any_length_has_ids_of_its_own(tmp_path: Path) -> None:
    stream.write(tmp_path / "reports.csv", ["one, two", "three"], 3)
    assert (tmp_path / "reports.csv").read_text() == 'report_id,text\nR0,"one, two"\nR1,three\nR2,"one, two"\n'


def test_the_command_and_what_it_starts_are_watched() -> None:
    work = "import time; end = time.process_time() + 0.5\nwhile time.process_time() < end: pass"
    held = f"import subprocess, sys; kept = b'x' * 60_000_000; subprocess.run([sys.executable, '-c', {work!r}])"
    with subprocess.Popen([sys.executable, "-c", held]) as process:
        (small_mb, worked_s), (large_mb, _) = sorted(stream.watch(process))
    assert small_mb < 50 < 60 < large_mb < 110
    assert 0.3 < worked_s < 1.5


def test_the_page_tells_the_last_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def line(run: str, labeler: str) -> dict[str, Any]:
        values = {name + end: value for name in labelers.COLUMNS for end, value in (("", 0.5), ("_low", 0.25), ("_high", 0.75))}
        return {"run": run, "labeler": labeler, "version": "1", "reports": 9, "reports_per_cpu_s": 77, **values}

    lines = [{"labeler": "before runs had names"}, line("2020-01-01", "old"), line("2020-01-02", "a"), line("2020-01-02", "b")]
    (tmp_path / "labelers.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    streamed = {"run": "r", "rows": 500, "jobs": 2, "seconds": 2.0, "cpu_s": 3.0, "peak_mb": 90.0, "sum_mb": 150.0}
    (tmp_path / "labelers_stream.jsonl").write_text(json.dumps(streamed) + "\n")
    monkeypatch.setattr(pages, "RESULTS", tmp_path)
    told = labelers.text()
    assert "old" not in told
    assert "| b 1 | 0.500 [0.250, 0.750] |" in told
    assert "| 500 | 2 | 2.0 | 3.0 | 250 | 90 | 150 |" in told


@pytest.mark.parametrize("part", page.PARTS)
def test_every_part_of_a_page_is_that_of_the_last_run(part: str) -> None:
    module = importlib.import_module(f"benchmarks.pages.{part}")
    path = ROOT / "docs" / module.DOC
    assert page.replaced(path, part, module.text()) == path.read_text(encoding="utf-8")


def test_noise_review_and_cost_are_told_with_their_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = {name + end: value for name in noise.SCORES for end, value in (("", 0.5), ("_low", 0.25), ("_high", 0.75))}
    over = {"ap_u_ones_over_ours": -0.1, "ap_u_ones_over_ours_low": -0.2, "ap_u_ones_over_ours_high": 0.1}
    line = {"run": "2020", "task": "nih_rsna", "method": "cleanlab margin", "items": 7, "version": "2", **scored, **over}
    (tmp_path / "noise.jsonl").write_text(json.dumps(line) + "\n")
    assert f"| cleanlab margin |{' 0.500 [0.250, 0.750] |' * len(noise.SCORES)} -0.100 [-0.200, 0.100] |" in _told(
        noise, tmp_path, monkeypatch
    )
    line = {"run": "2020", "reading": "u_ones", "method": "queue", "minutes": 15.0, "draws": 3, "found": 9.4, "low": 8.0, "high": 11.0}
    (tmp_path / "review.jsonl").write_text(json.dumps(line) + "\n")
    assert "| queue | 9 [8, 11] |" in _told(review, tmp_path, monkeypatch)
    line = {"run": "2020", "step": "nearest", "films": 2000, "cells": 28000, "cpu_s": 1.0, "peak_mb": 300}
    (tmp_path / "tables.jsonl").write_text(json.dumps(line) + "\n")
    assert "| 30 films most alike | 2,000 | 28,000 | 1.0 | 500 | 300 |" in _told(tables, tmp_path, monkeypatch)


def _told(part: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(pages, "RESULTS", folder)
    return str(part.text())
