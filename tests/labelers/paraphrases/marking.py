"""A labeler's answers to the items of `grammar`, marked, and the scores with their intervals. What the items are stands there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from paraphrases.grammar import HALVES, Item

from pipeline.base.interfaces import LABELERS
from pipeline.base.labels import LabelState
from pipeline.base.reports import Report

GUIDE = {"preset": "guide"}
FLOORS = Path(__file__).with_name("floors.toml")
FLOOR_ITEMS = 6  # of one frame: what a test can afford
FLOOR_SLACK = 0.03  # so that one more wrong item of a small group is no alarm


class Wrong(NamedTuple):
    """One cell on which the labeler and the guide differ."""

    finding: str
    expected: LabelState
    got: LabelState


@dataclass(frozen=True)
class Mark:
    """One item with its wrong cells and the counts behind micro F1: cells right, said by the labeler, stated by the guide."""

    item: Item
    wrong: tuple[Wrong, ...]
    right: int
    said: int
    stated: int


class Score(NamedTuple):
    """A figure and its 95 % interval over frames."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


def states(texts: Iterable[str], labeler: str = "rules") -> list[dict[str, LabelState]]:
    """What a registered labeler says of every text, finding -> state, by the guide's conventions where it has a choice."""
    plugin = LABELERS.get(labeler)
    options = plugin.Options(**{name: value for name, value in GUIDE.items() if name in plugin.Options.model_fields})
    reports = (Report.of(str(number), text) for number, text in enumerate(texts))
    return [{label.finding: label.state for label in report.labels} for report in plugin.read(reports, options)]


def mark(items: Sequence[Item], labeler: str = "rules") -> list[Mark]:
    """Every item marked, in order."""
    answers = states((item.text for item in items), labeler)
    return [_mark(item, answer) for item, answer in zip(items, answers, strict=True)]


def by_group(marks: Sequence[Mark]) -> dict[str, dict[str, list[Mark]]]:
    """group -> half -> marks."""
    groups: dict[str, dict[str, list[Mark]]] = {}
    for one in marks:
        groups.setdefault(one.item.group, {half: [] for half in HALVES})[one.item.half].append(one)
    return groups


def exact(marks: Sequence[Mark]) -> float:
    """Share of items whose every scored cell is right."""
    return sum(not mark.wrong for mark in marks) / len(marks)


def micro_f1(marks: Sequence[Mark]) -> float:
    """F1 over cells that either side does not leave blank; a cell is right when the state is (1 where neither says anything)."""
    said_and_stated = sum(mark.said + mark.stated for mark in marks)
    return 2 * sum(mark.right for mark in marks) / said_and_stated if said_and_stated else 1.0


def intervals(marks: Sequence[Mark], draws: int = 1000, seed: int = 0) -> tuple[Score, Score]:
    """Exact agreement and micro F1 with bootstrap intervals: whole frames are drawn, for items of one frame share its fate."""
    sums = _by_frame(marks)
    picks = np.random.default_rng(seed).integers(0, len(sums), (draws, len(sums)))
    drawn = sums[picks].sum(axis=1)
    return _score(exact(marks), drawn[:, 0] / drawn[:, 1]), _score(micro_f1(marks), 2 * drawn[:, 2] / np.maximum(drawn[:, 3], 1))


def _mark(item: Item, answer: dict[str, LabelState]) -> Mark:
    cells = [Wrong(name, item.expected(name), answer[name]) for name in item.cells]
    blank = LabelState.UNMENTIONED
    return Mark(
        item=item,
        wrong=tuple(cell for cell in cells if cell.expected != cell.got),
        right=sum(cell.expected == cell.got != blank for cell in cells),
        said=sum(cell.got != blank for cell in cells),
        stated=sum(cell.expected != blank for cell in cells),
    )


def _by_frame(marks: Sequence[Mark]) -> npt.NDArray[np.int64]:
    """One row a frame: items all right, items, cells right, cells said plus stated."""
    sums: dict[str, npt.NDArray[np.int64]] = {}
    for one in marks:
        row = np.array([not one.wrong, 1, one.right, one.said + one.stated], dtype=np.int64)
        sums[one.item.frame] = sums.get(one.item.frame, 0) + row
    return np.stack(list(sums.values()))


def _score(value: float, drawn: npt.NDArray[np.float64]) -> Score:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Score(value, float(low), float(high))
