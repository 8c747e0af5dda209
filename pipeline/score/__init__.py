"""Bare tables of truth and predictions scored by the functions of the stage `validate`: every model on the same cells and resamples.

`given` reads, `calls` makes calls of scores, `compare` holds models against each other, readers and the rest of a subgroup, `doubts` says
what noisy labels and readings of uncertain ones leave open, `page` and `plots` show. Here belongs the order of things.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.base.settings import Settings
from pipeline.score import calls, compare, copies, doubts, plots
from pipeline.score.given import Given
from pipeline.score.rows import COLUMNS, Row
from pipeline.validate import ranking
from pipeline.validate.bootstrap import resamples
from pipeline.validate.scores import BOOTSTRAP_STREAM, MACRO


@dataclass(frozen=True, slots=True)
class Scored:
    """What was found.

    Attributes:
        rows: every number, `rows.COLUMNS`.
        ranks: model, auroc, ci_low, ci_high, p_first, rank_low, rank_high by macro AUROC, the best first.
        under: model, finding, readers, under, surely_under: readers whose operating point lies under the model's curve.
        policies: policy, model, auroc, rank, tau, where the truth holds uncertain labels.
        notes: what was left out or is odd, in words.
        plots: PNG by name.
    """

    rows: pd.DataFrame
    ranks: pd.DataFrame
    under: pd.DataFrame
    policies: pd.DataFrame
    notes: tuple[str, ...]
    plots: Mapping[str, bytes]


def run(given: Given, settings: Settings, threshold: str = calls.CROSS_FITTED) -> Scored:
    """Score every model.

    Args:
        given: from `given.read`.
        settings: `seed` and `validate.bootstrap`.
        threshold: as in `calls.thresholds`.

    Raises:
        InputError: a threshold is missing.
    """
    scored = given.scored()
    called = calls.called(given, scored, calls.thresholds(threshold, given), settings.seed)
    sample = resamples(given.patients, settings.validate_.bootstrap, np.random.default_rng([settings.seed, BOOTSTRAP_STREAM]))
    table = compare.Table(given, scored, called, sample)
    whole = compare.measured(table, np.ones(len(given.truth), np.bool_), compare.pairs(given.models))
    made: list[Row] = [*compare.of_models(table, whole), *compare.of_pairs(table, whole), *compare.of_subgroups(table)]
    beside = compare.of_readers(table)
    made += [*beside, *doubts.bounds(table, whole)]
    rows = pd.DataFrame([row.cells() for row in made], columns=list(COLUMNS))
    notes = (*given.notes, *copies.in_words(given.findings, given.models, scored), *compare.notes(table, whole))
    return Scored(rows, _ranks(table, whole), _under(beside), doubts.policies(given), notes, plots.every(table, rows))


def _ranks(table: compare.Table, whole: compare.Whole) -> pd.DataFrame:
    macro = whole[MACRO]["auroc"]
    drawn = np.stack([macro.draws[model] for model in table.given.models])
    ends = ranking.rank_interval(drawn)
    found = pd.DataFrame(
        {
            "model": list(table.given.models),
            "auroc": [macro.estimate(model) for model in table.given.models],
            "ci_low": [compare.ends(macro.draws[model])[0] for model in table.given.models],
            "ci_high": [compare.ends(macro.draws[model])[1] for model in table.given.models],
            "p_first": ranking.first(drawn),
            "rank_low": ends[:, 0],
            "rank_high": ends[:, 1],
        }
    )
    return found.sort_values(["auroc", "model"], ascending=[False, True], ignore_index=True)


def _under(beside: list[Row]) -> pd.DataFrame:
    gaps = [row for row in beside if row.metric == compare.GAP and row.compared_with != compare.MEAN_READER and row.finding != MACRO]
    long = pd.DataFrame(
        {
            "model": [row.model for row in gaps],
            "finding": [row.finding for row in gaps],
            "readers": [int(row.estimate is not None) for row in gaps],
            "under": [int(row.estimate is not None and row.estimate > 0) for row in gaps],
            "surely_under": [int(row.ci_low is not None and row.ci_low > 0) for row in gaps],
        }
    )
    return long.groupby(["model", "finding"], sort=False, as_index=False).sum()
