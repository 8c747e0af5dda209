"""The table `scores`: each metric, finding and subgroup, for both trainings and their difference, on the same resamples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.settings import Settings
from pipeline.validate.arms import Answers
from pipeline.validate.bootstrap import draws, interval, resamples
from pipeline.validate.films import ARMS, Array, Cast
from pipeline.validate.metrics import METRICS, Metric
from pipeline.validate.truth import Truth

MIN_FILMS_OF_A_KIND = 5
GAIN, MACRO, ALL = "gain", "macro", "all"
_BOOTSTRAP_STREAM = 7


@dataclass(frozen=True, slots=True)
class Score:
    """One row of the table."""

    trained_on: str
    finding: str
    metric: str
    subgroup: str
    subgroup_value: str
    estimate: float | None
    ci_low: float | None
    ci_high: float | None
    n_positive: int
    n_negative: int
    truth: str
    n_seeds: int


@dataclass(frozen=True, slots=True)
class _Measured:
    """A metric of one finding in one subgroup: means over seeds, per arm; the estimate is NaN where there are too few films."""

    estimate: dict[str, float]
    draws: dict[str, Array]


@dataclass(frozen=True, slots=True)
class _Slice:
    subgroup: str
    value: str
    rows: npt.NDArray[np.bool_]


def score(cast: Cast, answers: Answers, truth: Truth, settings: Settings) -> list[Score]:
    """Every row of the table.

    Args:
        cast: films, subgroups and findings.
        answers: probabilities for the test films.
        truth: of the test films.
        settings: seed and number of resamples.
    """
    rng = np.random.default_rng([settings.seed, _BOOTSTRAP_STREAM])
    counts = resamples(cast.group_ids[cast.test], settings.validate_.bootstrap, rng)
    made: list[Score] = []
    for part in slices(cast):
        for name, metric in METRICS.items():
            measured = [_measure(metric, column, part.rows, answers, truth, counts) for column in range(len(cast.findings))]
            for column, finding in enumerate(cast.findings):
                made += _rows(measured[column], finding, name, part, truth, [column], answers)
            estimable = [column for column, one in enumerate(measured) if np.isfinite(one.estimate[ARMS[0]])]
            macro = _macro([measured[column] for column in estimable], len(counts))
            made += _rows(macro, MACRO, name, part, truth, estimable or list(range(len(cast.findings))), answers)
    return made


def slices(cast: Cast) -> list[_Slice]:
    """All test films, then each value of each subgroup."""
    test = cast.test
    found = [_Slice(ALL, ALL, np.ones(int(test.sum()), np.bool_))]
    for name, values in cast.subgroups.items():
        found += [_Slice(name, str(value), values[test] == value) for value in np.unique(values[test])]
    return found


def table(made: list[Score]) -> pa.Table:
    """The rows as table `scores`."""
    spec = tables.BY_NAME["scores"]
    columns = {column.name: pa.array([getattr(row, column.name) for row in made], column.type) for column in spec.columns}
    return pa.table(columns)


def _measure(
    metric: Metric, column: int, rows: npt.NDArray[np.bool_], answers: Answers, truth: Truth, counts: npt.NDArray[np.int16]
) -> _Measured:
    scored = rows & np.isfinite(truth.values[:, column])
    values = truth.values[scored, column]
    n_positive = int(values.sum())
    if min(n_positive, len(values) - n_positive) < MIN_FILMS_OF_A_KIND:
        return _nothing(len(counts))
    once, resampled = np.ones((1, len(values)), np.int16), counts[:, scored]
    estimates, drawn = {}, {}
    for arm in ARMS:
        probs = [seed[scored, column] for seed in answers.probs[arm]]
        estimates[arm] = float(np.mean([draws(metric, values, prob, once)[0] for prob in probs]))
        drawn[arm] = np.mean([draws(metric, values, prob, resampled) for prob in probs], axis=0)
    return _with_gain(estimates, drawn)


def _with_gain(estimate: dict[str, float], drawn: dict[str, Array]) -> _Measured:
    given, cleaned = ARMS
    return _Measured({**estimate, GAIN: estimate[cleaned] - estimate[given]}, {**drawn, GAIN: drawn[cleaned] - drawn[given]})


def _nothing(n_draws: int) -> _Measured:
    kinds = (*ARMS, GAIN)
    return _Measured(dict.fromkeys(kinds, np.nan), dict.fromkeys(kinds, np.full(n_draws, np.nan)))


def _macro(measured: list[_Measured], n_draws: int) -> _Measured:
    """Mean over the findings that can be estimated."""
    if not measured:
        return _nothing(n_draws)
    estimate = {kind: float(np.mean([one.estimate[kind] for one in measured])) for kind in (*ARMS, GAIN)}
    drawn = {kind: estimate[kind] + _mean_deviation(measured, kind) for kind in (*ARMS, GAIN)}
    return _Measured(estimate, drawn)


def _mean_deviation(measured: list[_Measured], kind: str) -> Array:
    # Deviations, so that a resample without a rare finding does not move the mean by that finding's level.
    deviations = np.array([one.draws[kind] - one.estimate[kind] for one in measured])
    known = np.isfinite(deviations)
    total = np.where(known, deviations, 0.0).sum(0)
    mean: Array = np.divide(total, known.sum(0), out=np.full(deviations.shape[1], np.nan), where=known.any(0))
    return mean


def _rows(measured: _Measured, finding: str, metric: str, part: _Slice, truth: Truth, columns: list[int], answers: Answers) -> list[Score]:
    values = truth.values[part.rows][:, columns]
    n_positive, n_negative = int((values == 1).sum()), int((values == 0).sum())
    found = []
    for kind in (*ARMS, GAIN):
        estimate = measured.estimate[kind]
        low, high = interval(measured.draws[kind]) or (None, None)
        number = estimate if np.isfinite(estimate) else None
        source, n_seeds = truth.name(columns, part.rows), len(answers.probs[ARMS[0]])
        found.append(Score(kind, finding, metric, part.subgroup, part.value, number, low, high, n_positive, n_negative, source, n_seeds))
    return found
