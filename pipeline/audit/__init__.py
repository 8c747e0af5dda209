"""Audit: bare tables of labels and predictions through the stages `label` and `rank`, and every cell judged.

Here belongs what the two stages make of tables that no film stands behind. Nothing is estimated here: the probability of every cell is
the stages' own.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipeline import label, rank
from pipeline.audit import cells, home
from pipeline.audit.given import Given
from pipeline.base.settings import Settings
from pipeline.base.storage import Home


@dataclass(frozen=True, slots=True)
class Audit:
    """What an audit found.

    Attributes:
        cells: one row a cell, most suspicious first: `cells.COLUMNS` and given_target.
        notes: what was left out, turned, disabled or not heard, in words.
    """

    cells: pd.DataFrame
    notes: tuple[str, ...]


def run(given: Given, settings: Settings) -> Audit:
    """Judge every cell of the labels.

    Args:
        given: from `given.read`.
        settings: of the stages; labelers and findings follow from the labels.

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
        judged = cells.every(made)
    return Audit(judged, (*given.notes, *labelled.warnings, *ranked.warnings))
