"""Scores of models as shares, column by column: published models give logits, cosines and scaled scores as well as probabilities."""

from __future__ import annotations

import pandas as pd


def by_rank(column: pd.Series[float]) -> pd.Series[float]:
    """The share of the column's scores below each, ties in the middle: in (0, 1), in the same order, blank where blank.

    Only the order of scores on an unknown scale is known. Clipping them would throw the order of the clipped ones away, and a logistic
    curve would claim that they are logits. The fusion learns from the labels what such a column is worth.
    """
    return (column.rank(method="average") - 0.5) / column.notna().sum()
