"""Scores of trainings: each metric, finding and subgroup, for every arm and the differences between arms, on the same resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.base import tables
from pipeline.base.settings import Settings
from pipeline.base.targets import equivalent_counts
from pipeline.validate.arms import Answers
from pipeline.validate.bootstrap import Resamples, interval, resamples, seed_noise, several, with_seeds
from pipeline.validate.certificate import NOT_ESTIMABLE, decide
from pipeline.validate.films import Array, Cast
from pipeline.validate.metrics import CALLS, METRICS, Metric
from pipeline.validate.truth import Truth

MIN_FILMS_OF_A_KIND = 5
GAIN, MACRO, ALL = "gain", "macro", "all"
# Name of a difference -> (arm, arm it is held against).
Contrasts = Mapping[str, tuple[str, str]]
CLEANING: Contrasts = {GAIN: ("cleaned", "given")}
# Probabilities are calibrated on films of their own, so that 0.5 is the threshold of a call.
SCORED: Mapping[str, Metric] = METRICS | CALLS
BOOTSTRAP_STREAM, _SEED_STREAM = 7, 8


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
    certificate: str | None


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric of one finding in one subgroup, by arm or difference; NaN where there are too few films.

    Attributes:
        per_seed: (seeds,) scores with every film counted once.
        draws: (draws,) means over seeds in each resample of patients.
    """

    per_seed: dict[str, Array]
    draws: dict[str, Array]

    def estimate(self, kind: str) -> float:
        """Mean over seeds."""
        return float(self.per_seed[kind].mean())


@dataclass(frozen=True, slots=True)
class _Slice:
    subgroup: str
    value: str
    rows: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Chance:
    """Resamples of patients, and the chance of training, (draws,)."""

    sample: Resamples
    noise: Array


def score(
    cast: Cast,
    answers: Answers,
    truth: Truth,
    settings: Settings,
    contrasts: Contrasts = CLEANING,
    metrics: Mapping[str, Metric] = SCORED,
) -> list[Score]:
    """Every row of the table: each arm of `answers`, then each contrast, as `trained_on`.

    Args:
        cast: films, subgroups and findings.
        answers: probabilities for the test films.
        truth: of the test films.
        settings: seed and number of resamples.
        contrasts: differences wanted.
        metrics: wanted.
    """
    chance = chance_of(cast, answers, settings)
    made: list[Score] = []
    for part in slices(cast):
        by_finding = [
            of_finding(column, part.rows, answers, truth, chance.sample, contrasts, metrics) for column in range(len(cast.findings))
        ]
        for name in metrics:
            measured = [found[name] for found in by_finding]
            for column, finding in enumerate(cast.findings):
                made += _rows(measured[column], finding, name, part, truth, [column], chance, contrasts)
            estimable = [column for column, one in enumerate(measured) if np.isfinite(one.estimate(next(iter(answers.probs))))]
            mean = macro([measured[column] for column in estimable], measured[0])
            made += _rows(mean, MACRO, name, part, truth, estimable or list(range(len(cast.findings))), chance, contrasts)
    return made


def chance_of(cast: Cast, answers: Answers, settings: Settings) -> Chance:
    """The resamples that everything in a run is scored on."""
    n_draws, n_seeds = settings.validate_.bootstrap, len(next(iter(answers.probs.values())))
    sample = resamples(cast.group_ids[cast.test], n_draws, np.random.default_rng([settings.seed, BOOTSTRAP_STREAM]))
    return Chance(sample, seed_noise(n_seeds, n_draws, np.random.default_rng([settings.seed, _SEED_STREAM])))


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


def of_finding(
    column: int,
    rows: npt.NDArray[np.bool_],
    answers: Answers,
    truth: Truth,
    sample: Resamples,
    contrasts: Contrasts,
    metrics: Mapping[str, Metric] = SCORED,
) -> dict[str, Measured]:
    """Every metric of one finding on some of the test films."""
    scored = rows & np.isfinite(truth.values[:, column])
    probs = {arm: seeds[:, scored, column] for arm, seeds in answers.probs.items()}
    return measure(metrics, truth.values[scored, column], probs, sample.take(scored), contrasts)


def measure(
    metrics: Mapping[str, Metric], values: Array, probs: Mapping[str, Array], sample: Resamples, contrasts: Contrasts
) -> dict[str, Measured]:
    """Scores of every arm, and every contrast, by metric.

    Args:
        metrics: wanted.
        values: (n,) truth of the films scored.
        probs: arm -> (seeds, n).
        sample: of these films.
        contrasts: differences wanted.
    """
    is_estimable = bool((equivalent_counts(values[:, None]) >= MIN_FILMS_OF_A_KIND).all())
    found = {name: Measured({}, {}) for name in metrics}
    once = np.ones((1, len(values)))
    for arm, seeds in probs.items():
        drawn = [several(metrics, values, prob, sample) for prob in seeds] if is_estimable else []
        for name, metric in metrics.items():
            if is_estimable:
                found[name].per_seed[arm] = np.array([metric(values, prob, once)[0] for prob in seeds])
                found[name].draws[arm] = np.mean([one[name] for one in drawn], axis=0)
            else:
                found[name].per_seed[arm], found[name].draws[arm] = np.full(len(seeds), np.nan), np.full(sample.n_draws, np.nan)
    for measured in found.values():
        for name, (arm, base) in contrasts.items():
            measured.per_seed[name] = measured.per_seed[arm] - measured.per_seed[base]
            measured.draws[name] = measured.draws[arm] - measured.draws[base]
    return found


def less(one: Measured, other: Measured) -> Measured:
    """One less the other, by arm, on the same resamples."""
    return Measured(
        {kind: one.per_seed[kind] - other.per_seed[kind] for kind in one.per_seed},
        {kind: one.draws[kind] - other.draws[kind] for kind in one.draws},
    )


def macro(measured: Sequence[Measured], unestimated: Measured) -> Measured:
    """Mean over the findings that can be estimated; `unestimated` where none can."""
    if not measured:
        return unestimated
    per_seed = {kind: np.mean([one.per_seed[kind] for one in measured], axis=0) for kind in measured[0].per_seed}
    return Measured(per_seed, {kind: per_seed[kind].mean() + _mean_deviation(measured, kind) for kind in per_seed})


def _mean_deviation(measured: Sequence[Measured], kind: str) -> Array:
    # Deviations, so that a resample without a rare finding does not move the mean by that finding's level.
    deviations = np.array([one.draws[kind] - one.estimate(kind) for one in measured])
    known = np.isfinite(deviations)
    total = np.where(known, deviations, 0.0).sum(0)
    mean: Array = np.divide(total, known.sum(0), out=np.full(deviations.shape[1], np.nan), where=known.any(0))
    return mean


def _rows(
    measured: Measured,
    finding: str,
    metric: str,
    part: _Slice,
    truth: Truth,
    columns: list[int],
    chance: Chance,
    contrasts: Contrasts,
) -> list[Score]:
    values = truth.values[part.rows][:, columns]
    n_positive, n_cells = round(float(np.nansum(values))), int(np.isfinite(values).sum())
    support = n_positive, n_cells - n_positive, truth.name(columns, part.rows)
    found = []
    for kind, per_seed in measured.per_seed.items():
        estimate = measured.estimate(kind)
        ends = interval(with_seeds(measured.draws[kind], per_seed, chance.noise))
        # A score lies between 0 and 1, a correlation between -1 and 1; differences of two reach as far either way as the two lie apart.
        least = -1.0 if metric == "mcc" else 0.0
        least, most = (least - 1.0, 1.0 - least) if kind in contrasts else (least, 1.0)
        low, high = (None, None) if ends is None else (max(ends[0], least), min(ends[1], most))
        number = estimate if np.isfinite(estimate) else None
        word = decide(low, high, metric) if kind in contrasts else NOT_ESTIMABLE
        certificate = None if word == NOT_ESTIMABLE else word
        found.append(Score(kind, finding, metric, part.subgroup, part.value, number, low, high, *support, len(per_seed), certificate))
    return found
