"""How right the rule labeler is, finding by finding: `cxr label` under a preset, then `cxr label compare` with people's readings.

    python benchmarks/bench_accuracy.py

    guide   findings and impressions of ../shared/data/reports against four_state_dev.csv, read whole under that guide
    openi   against the released gold of the Open-I coders, who code what is present

One line a finding goes to benchmarks/results/accuracy.jsonl; `python -m benchmarks.page` writes them into docs/labels.md. The rules were
made in view of both files, so that these are the figures of development data; `bench_paraphrases.py` has a sealed half.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.reading.files import DATA, missing
from benchmarks.record import record
from pipeline.base.interfaces import LABELERS
from pipeline.label import compare, files, label_files, labelling, reading, state_files

GOLD = {"guide": "four_state_dev.csv", "openi": "openi_dev_gold_released.csv"}
KINDS = ("positive", "negative", "uncertain", "mention", "state")
LIVE = "Hernia"  # all zeros in the released gold by mistake


def labels(preset: str, folder: Path) -> Path:
    """`cxr label openi_dev.csv --preset PRESET`, written below `folder`."""
    one = reading.reader("rules", {"preset": preset})
    plan = labelling.Plan("rules", {"preset": preset}, labelling.columns("all", one))
    written = folder / f"{preset}.csv"
    label_files.write(files.read(str(DATA / "openi_dev.csv")), plan, written)
    return written


def measure(preset: str, path: Path) -> compare.Comparison:
    """The labels against the reading that the preset follows."""
    found = state_files.read(path)
    gold = state_files.read(DATA / GOLD[preset])
    return compare.compare([found], gold, None if preset == "guide" else tuple(name for name in gold.findings if name != LIVE))


def main() -> None:
    """Command line."""
    if lacking := missing():
        print(f"accuracy: {', '.join(lacking)} not here")
        return
    rules = LABELERS.get("rules")
    run = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory() as folder:
        for preset in GOLD:
            made = measure(preset, labels(preset, Path(folder)))
            for finding in dict.fromkeys(score.finding for score in made.scores):
                scores = [score for score in made.scores if score.finding == finding and score.kind in KINDS]
                about = {
                    "preset": preset,
                    "finding": finding,
                    "reports": made.reports,
                    "version": rules.version(rules.Options(preset=preset)),
                    "run": run,
                }
                record("accuracy", about | {name: value for score in scores for name, value in _figures(score).items()})


def _figures(score: compare.Score) -> dict[str, float | int]:
    """F1 of one kind with its interval, and for what is present the counts behind it."""
    known = {"f1": score.f1.value, "f1_low": score.f1.low, "f1_high": score.f1.high}
    figures: dict[str, float | int] = {f"{score.kind}_{name}": round(value, 4) for name, value in known.items() if value is not None}
    return figures | {f"{score.kind}_cells": score.hits + score.misses}


if __name__ == "__main__":
    main()
