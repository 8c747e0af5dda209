"""Scores of models as probabilities, column by column: published files hold logits and scaled scores as well."""

from __future__ import annotations

import pandas as pd


def is_probability(column: pd.Series[float]) -> bool:
    """Whether every score lies in 0..1."""
    return bool(column.dropna().between(0, 1).all())


def by_rank(column: pd.Series[float]) -> pd.Series[float]:
    """The share of the column's scores below each, ties in the middle: in (0, 1), in the same order, blank where blank.

    Only the order of scores on an unknown scale is known. Clipping them would throw the order of the clipped ones away, and a logistic
    curve would claim that they are logits. The fusion learns from the labels what such a column is worth.
    """
    return (column.rank(method="average") - 0.5) / column.notna().sum()


def probabilities(cells: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Scores of one file as probabilities.

    Args:
        cells: one column a finding.

    Returns:
        The same with every column in 0..1, and the columns that were turned into ranks.
    """
    ranked = tuple(str(name) for name in cells.columns if not is_probability(cells[name]))
    return cells.assign(**{name: by_rank(cells[name]) for name in ranked}), ranked
