"""Scores of models as probabilities, column by column: published files hold logits and scaled scores as well."""

from __future__ import annotations

import pandas as pd

from pipeline.base.ranks import by_rank


def is_probability(column: pd.Series[float]) -> bool:
    """Whether every score lies in 0..1."""
    return bool(column.dropna().between(0, 1).all())


def probabilities(cells: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Scores of one file as probabilities.

    Args:
        cells: one column a finding.

    Returns:
        The same with every column in 0..1, and the columns that were turned into ranks.
    """
    ranked = tuple(str(name) for name in cells.columns if not is_probability(cells[name]))
    return cells.assign(**{name: by_rank(cells[name]) for name in ranked}), ranked
