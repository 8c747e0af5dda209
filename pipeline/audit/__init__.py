"""Audit: bare tables of labels and predictions through the stages `label` and `rank`, and every cell judged.

Here belongs what the two stages make of tables that no film stands behind. Nothing is estimated here: the probability of every cell is
the stages' own.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import label, rank
from pipeline.audit import cells, home
from pipeline.audit.given import Given
from pipeline.base.settings import Settings
from pipeline.base.storage import Home
from pipeline.review import budget

PLOTS = {"meanings": "What the annotators' states mean", "skill": "What the models know", "issues": "What is suspected"}


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        cells: one row a cell, most suspicious first: `cells.COLUMNS`, given_side, and with a budget review_position, the place of the
            item among those to be read; null where the time does not reach.
        notes: what was left out, turned, disabled or not heard, in words.
        plots: PNGs of the stages: those of PLOTS.
    """

    cells: pd.DataFrame
    notes: tuple[str, ...]
    plots: Mapping[str, bytes]


def run(given: Given, settings: Settings, minutes: float | None = None) -> Audit:
    """Judge every cell of the labels.

    Args:
        given: from `given.read`.
        settings: of the stages; labelers and findings follow from the labels.
        minutes: of reading time to plan for.

    Raises:
        PluginError: a detector or policy is unknown or lacks its package.
        SettingsError: no detector is chosen.
    """
    bare = settings.label.model_copy(update={"labelers": (), "findings": tuple(map(str, given.labels.columns))})
    settings = settings.model_copy(update={"label": bare})
    with tempfile.TemporaryDirectory(prefix="cxr-audit-") as folder:
        made = Home(Path(folder) / "home").create()
        home.fill(made, given)
        labelled, ranked = label.run(made, settings), rank.run(made, settings)
        judged = cells.every(made, implications=settings.label.implications)
        notes = (*given.notes, *labelled.warnings, *ranked.warnings)
        plots = {name: png for stage in (labelled, ranked) for name, png in stage.plots.items() if name in PLOTS}
        if minutes is not None:
            judged, notes = _planned(made, judged, notes, minutes, settings)
        return Audit(judged, notes, plots)


def _planned(
    made: Home, judged: pd.DataFrame, notes: tuple[str, ...], minutes: float, settings: Settings
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Cells with review_position, and what the time is worth as one more note. Second reads are for worksheets, not for a table."""
    once = settings.review.model_copy(update={"second_read_share": 0.0})
    tried = made.read("label_issues", ["image_id", "finding", "label_quality_score"]).to_pandas()
    chosen = budget.queue(tried, minutes, once)
    places = chosen.rename(columns={"image_id": "item_id", "position": "review_position"})[["item_id", "finding", "review_position"]]
    planned = judged.merge(places, on=["item_id", "finding"], how="left", validate="one_to_one")
    return planned.astype({"review_position": "Int64"}), (*notes, budget.in_words(budget.summary(tried, chosen, once)))
