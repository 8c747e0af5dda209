"""Scores of report labels: counts of each report, F1, and intervals by resampling reports. No files, no labelers.

Counts have the shape (reports, cells, 3), the last axis true positives, false positives, false negatives: sums of them over any set of
reports give the scores of that set, so a bootstrap is a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.float64]
Statistic = Callable[[Counts], Counts]
States = Mapping[str, int | None]
DRAWS = 1000
SEED = 20180101


@dataclass(frozen=True, slots=True)
class Interval:
    """A score and its 95 % percentile interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def f1(counts: Counts) -> Counts:
    """2 TP / (2 TP + FP + FN) of (..., 3) counts; 1 where there is nothing to find and nothing was found."""
    tp, wrong = counts[..., 0], counts[..., 1] + counts[..., 2]
    return np.where(tp + wrong > 0, 2 * tp / np.maximum(2 * tp + wrong, 1), 1.0)


def precision(counts: Counts) -> Counts:
    """TP / (TP + FP) of (..., 3) counts; where nothing was found it is 1 if there was nothing to find, else 0."""
    tp, fp, fn = counts[..., 0], counts[..., 1], counts[..., 2]
    return np.where(tp + fp > 0, tp / np.maximum(tp + fp, 1), (fn == 0).astype(float))


def recall(counts: Counts) -> Counts:
    """TP / (TP + FN) of (..., 3) counts; where there was nothing to find it is 1 if nothing was found, else 0."""
    return precision(counts[..., [0, 2, 1]])


def micro(score: Statistic) -> Statistic:
    """The score of all cells together: (..., cells, 3) -> (...)."""
    return lambda counts: score(counts.sum(axis=-2))


def macro(score: Statistic) -> Statistic:
    """The mean score over cells: (..., cells, 3) -> (...)."""
    return lambda counts: score(counts).mean(axis=-1)


def positives(predicted: Sequence[States], gold: Sequence[States], findings: Sequence[str]) -> Counts:
    """Counts of saying 1, each finding a cell; anything but 1 counts as absent."""
    told, true = _present(predicted, findings), _present(gold, findings)
    return _stack(told & true, told & ~true, ~told & true)


def states(predicted: Sequence[States], gold: Sequence[States], findings: Sequence[str]) -> Counts:
    """Counts of the right state over mentioned cells: a wrong state is both a false positive and a false negative.

    A finding that is absent from a gold report was not mentioned; one whose gold state is None was left open and does not count.
    """
    told, true = _codes(predicted, findings), _codes(gold, findings)
    is_open = np.array([[finding in report and report[finding] is None for finding in findings] for report in gold], dtype=bool)
    said, read, same = ~np.isnan(told), ~np.isnan(true), told == true
    return _stack(same & ~is_open, said & ~same & ~is_open, read & ~same & ~is_open)


def state(predicted: Sequence[States], gold: Sequence[States], findings: Sequence[str], value: int) -> Counts:
    """Counts of one state, as in `states`."""
    kept = [{finding: found for finding, found in report.items() if found in (value, None)} for report in gold]
    told = [{finding: found for finding, found in report.items() if found == value} for report in predicted]
    return states(told, kept, findings)


def negations(predicted: Sequence[bool], gold: Sequence[bool], reports: Sequence[str]) -> Counts:
    """Counts of saying that a concept is denied, of one cell, the concepts of one report together."""
    order = {report: number for number, report in enumerate(dict.fromkeys(reports))}
    counts = np.zeros((len(order), 1, 3))
    for told, true, report in zip(predicted, gold, reports, strict=True):
        counts[order[report], 0] += (told and true, told and not true, true and not told)
    return counts


def interval(counts: Counts, statistic: Statistic, draws: int = DRAWS) -> Interval:
    """A statistic with its bootstrap interval over reports."""
    return _interval(float(statistic(counts.sum(axis=0))), statistic(_resampled(counts, draws)))


def difference(counts: Counts, other: Counts, statistic: Statistic, draws: int = DRAWS) -> Interval:
    """A statistic of `counts` minus that of `other`, which holds the same reports; both are resampled together."""
    value = float(statistic(counts.sum(axis=0)) - statistic(other.sum(axis=0)))
    return _interval(value, statistic(_resampled(counts, draws)) - statistic(_resampled(other, draws)))


def _resampled(counts: Counts, draws: int) -> Counts:
    """Sums over `draws` samples of the reports with replacement, shape (draws, cells, 3)."""
    reports = len(counts)
    times = np.random.default_rng(SEED).multinomial(reports, np.full(reports, 1 / reports), size=draws)
    return (times @ counts.reshape(reports, -1)).reshape(draws, *counts.shape[1:])


def _interval(value: float, drawn: Counts) -> Interval:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(value, float(low), float(high))


def _present(rows: Sequence[States], findings: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array([[row.get(finding) == 1 for finding in findings] for row in rows], dtype=bool).reshape(len(rows), len(findings))


def _codes(rows: Sequence[States], findings: Sequence[str]) -> Counts:
    """States as numbers, NaN where there is none."""
    return np.array([[row.get(finding) for finding in findings] for row in rows], dtype=float).reshape(len(rows), len(findings))


def _stack(*parts: npt.NDArray[np.bool_]) -> Counts:
    return np.stack(parts, axis=-1).astype(float)
