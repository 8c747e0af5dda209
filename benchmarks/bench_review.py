"""What a reader's minutes find: our queue, cleanlab's order, random reading and an oracle, replayed on radiologists' truth.

    python benchmarks/bench_review.py [--minutes 15 30 60 120] [--draws 20]

Labels of the CheXpert test set with ten models' probabilities, five findings; the verdict on a cell is what most of five radiologists say.
Each draw replays a random four fifths of the patients. A film costs `review.seconds_per_film` to open and `review.seconds_per_finding` for
each finding asked, for every method alike; a method that only ranks cells has its first cells read, film by film, as many as fit.

    queue           what `cxr audit --budget-minutes` chooses at once
    queue, rounds   the same in rounds of ROUND_MINUTES, each audited anew with the verdicts so far
    cleanlab        self-confidence of the mean of the models
    cleanlab, queue our queue with that score in place of ours
    random          cells in random order
    oracle          the queue, told which labels are wrong

Printed and recorded: wrong labels found, mean over draws, with the range of 95 % of the draws.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.noise import systems, tasks
from benchmarks.noise.scores import READINGS, read_as
from benchmarks.record import record
from pipeline import audit
from pipeline.audit.files import Decision
from pipeline.base.settings import Review, Settings, load
from pipeline.review import budget

ROUND_MINUTES = 15.0
SHARE = 0.8
KEY = ["image_id", "finding"]
Found = dict[float, float]


def settings(reading: str) -> Settings:
    """Defaults, -1 trained as the reading says, no second reads: the truth does not err here."""
    return load(overrides=(f"label.policy={reading}", "label.policies={}", "review.second_read_share=0"))


def cells_of(task: tasks.Task, reading: str) -> pd.DataFrame:
    """Every cell with a truth: image_id, finding, given (0 or 1), truth, is_wrong, and the mean of the models."""
    parts = []
    for finding in task.findings:
        given = read_as(task.labels[finding].to_numpy(), reading)
        mean = np.mean([table[finding].reindex(task.labels.index).to_numpy() for table in task.models.values()], axis=0)
        truth = task.truth[finding].to_numpy()
        parts.append(pd.DataFrame({"image_id": task.labels.index, "finding": finding, "given": given, "truth": truth, "mean": mean}))
    made = pd.concat(parts, ignore_index=True).dropna(subset="truth")
    return made.assign(is_wrong=made["given"] != made["truth"])


def judged(task: tasks.Task, chosen: Settings, verdicts: pd.DataFrame | None = None) -> pd.DataFrame:
    """Cells without a verdict with their label_quality_score, by the audit."""
    told = () if verdicts is None else tuple(Decision(*row) for row in verdicts[[*KEY, "verdict"]].itertuples(index=False))
    given = replace(systems.given(task), verdicts=told)
    found = audit.run(given, chosen).cells.rename(columns={"item_id": "image_id"})
    found = found[found["finding"].isin(task.findings)]
    if verdicts is not None:
        found = found.merge(verdicts[KEY], on=KEY, how="left", indicator=True).query("_merge == 'left_only'")
    return found[[*KEY, "label_quality_score"]]


def at_once(known: pd.DataFrame, scores: pd.DataFrame, minutes: float, review: Review) -> pd.DataFrame:
    """The cells that `budget.queue` chooses."""
    return budget.queue(scores, minutes, review)[KEY].merge(known, on=KEY)


def in_order(known: pd.DataFrame, suspicion: np.ndarray, minutes: float, review: Review) -> pd.DataFrame:
    """As many of the first cells of an order as fit, each film opened once."""
    ordered = known.assign(suspicion=suspicion).sort_values("suspicion", ascending=False, kind="stable")
    opened = ~ordered.duplicated("image_id")
    seconds = (opened * review.seconds_per_film + review.seconds_per_finding).cumsum()
    return ordered[seconds <= minutes * 60]


def in_rounds(task: tasks.Task, known: pd.DataFrame, minutes: float, chosen: Settings) -> pd.DataFrame:
    """Round after round: the queue, the verdicts, and a new audit that has heard them."""
    read = known.iloc[:0]
    spent = 0.0
    while spent < minutes - 1e-9:
        length = min(ROUND_MINUTES, minutes - spent)
        verdicts = None if read.empty else read.assign(verdict=np.where(read["truth"] == 1, "POSITIVE", "NEGATIVE"))
        now = at_once(known, judged(task, chosen, verdicts), length, chosen.review)
        read = pd.concat([read, now])
        spent += length
    return read


def replay(task: tasks.Task, reading: str, minutes: tuple[float, ...], seed: int) -> dict[str, Found]:
    """Wrong labels that each method finds in each budget; `wrong` is how many there are."""
    chosen, known = settings(reading), cells_of(task, reading)
    review = chosen.review
    scores = judged(task, chosen)
    oracle = known.assign(label_quality_score=np.where(known["is_wrong"], 1e-3, 1 - 1e-3))[[*KEY, "label_quality_score"]]
    confidence = known.assign(label_quality_score=1 - (known["given"] - known["mean"]).abs())[[*KEY, "label_quality_score"]]
    chance = np.random.default_rng(seed).random(len(known))
    methods: dict[str, Callable[[float], pd.DataFrame]] = {
        "queue": lambda m: at_once(known, scores, m, review),
        "queue, rounds": lambda m: in_rounds(task, known, m, chosen),
        "cleanlab": lambda m: in_order(known, (known["given"] - known["mean"]).abs().to_numpy(), m, review),
        "cleanlab, queue": lambda m: at_once(known, confidence, m, review),
        "random": lambda m: in_order(known, chance, m, review),
        "oracle": lambda m: at_once(known, oracle, m, review),
    }
    found = {name: {m: float(method(m)["is_wrong"].sum()) for m in minutes} for name, method in methods.items()}
    return found | {"all wrong labels": dict.fromkeys(minutes, float(known["is_wrong"].sum()))}


def part_of(task: tasks.Task, rng: np.random.Generator) -> tasks.Task:
    """A random share of the patients."""
    units = np.unique(task.units)
    kept = np.isin(task.units, rng.choice(units, int(SHARE * len(units)), replace=False))
    models = {name: table.reindex(task.labels.index)[kept] for name, table in task.models.items()}
    return replace(task, labels=task.labels[kept], truth=task.truth[kept], units=task.units[kept], models=models)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, nargs="+", default=(15.0, 30.0, 60.0, 120.0))
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    if not (tasks.FOLDER / "chexpert_test_dev").is_dir():
        raise SystemExit(f"the CheXpert test set is not here: {tasks.FOLDER}")
    whole = next(task for task in tasks.chexpert() if task.name == "chexpert_models")
    run, rng, minutes = datetime.now(UTC).isoformat(timespec="seconds"), np.random.default_rng(0), tuple(arguments.minutes)
    for reading in READINGS:
        draws = [replay(part_of(whole, rng), reading, minutes, seed) for seed in range(arguments.draws)]
        for method in draws[0]:
            for m in minutes:
                values = np.array([one[method][m] for one in draws])
                low, high = np.quantile(values, [0.025, 0.975])
                figures = {"found": round(float(values.mean()), 1), "low": round(float(low), 1), "high": round(float(high), 1)}
                record("review", {"run": run, "reading": reading, "method": method, "minutes": m, "draws": len(draws), **figures})


if __name__ == "__main__":
    main()
